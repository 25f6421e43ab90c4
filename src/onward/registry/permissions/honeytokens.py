"""People who do not exist, so that whoever looks for names without a reason is noticed.

Exists because a thief reads what nobody at work opens. Comes in: an invented identity and an office.
Goes out: somebody found by name like anybody else; opening the page raises an alarm (`access`).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from onward.caseload.events import RECORDED, Subject, new_event
from onward.registry import site
from onward.registry.models import Account, Honeytoken
from onward.registry.permissions.access import require


def add_honeytoken(by: Account, identity: Mapping[str, str], *, office: str) -> str:
    """Somebody invented, found by name like anybody else; opening the page raises an alarm.

    Spoken of in the record and never registered, so that no count, list of cases or figure holds
    them. Returns the id. Only those who handle breaches know that it is one.
    """
    from onward.registry.now import projection

    require(by, "breach.handle")
    operation = site.operation()
    instant = datetime.now(UTC)
    maker = random.SystemRandom()
    person = str(uuid.uuid4())
    where = {"site": office} if office else {}
    # A household of its own: somebody of none might belong to any, and would hold up everybody.
    operation.record(
        [
            new_event(
                operation.rulebook, operation=operation.settings.id,
                subject=Subject("person", person), kind=RECORDED,
                effective=operation.default_date().isoformat(), by=by.account_id, instant=instant,
                random=maker, facts={**where, "household": str(uuid.uuid4())},
                idempotency_key=f"spoken:{person}",
            )
        ]
    )  # fmt: skip
    operation.vault.put({person: identity})
    Honeytoken.objects.create(
        operation=site.current().operation, person=person, office=office, made_by=by.account_id
    )
    projection.ensure(operation)
    return person
