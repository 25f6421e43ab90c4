"""Writes down every look at a person and every refusal, before anything is shown.

Comes in: who did what about whom, allowed or not. Goes out: one line of the access log, with ids
and codes only, never a name or an address. Who may look is decided in `permissions.access`.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from onward.registry.keyring.keys import derive
from onward.registry.models import AccessEntry, Account, PersonNow

LOG = logging.getLogger("onward.access")


def log(
    account: Account | None,
    action: str,
    *,
    person: str = "",
    people: Sequence[str] = (),
    classes: Iterable[str] = (),
    allowed: bool = True,
    purpose: str = "",
    place: str = "",
) -> AccessEntry:
    """Write one read or one decision down. Ids and codes only, never a name or an address."""
    entry = AccessEntry(
        operation=_operation(),
        account=account.account_id if account is not None and account.pk else "",
        office=getattr(account, "office", "") or "",
        action=action,
        person=person if allowed else _known(person),
        people=list(people),
        classes=sorted(classes),
        decision="allowed" if allowed else "refused",
        purpose=purpose[:200],
        place=place[:80],
    )
    _write_down(entry)
    if not allowed:
        LOG.warning(
            "refused action=%s account=%s place=%s entry=%s",
            action, entry.account, entry.place, entry.pk,
        )  # fmt: skip
    return entry


LOGGED = (
    "operation", "at", "account", "office", "action", "person", "people", "classes", "decision",
    "purpose", "place",
)  # fmt: skip
WRITE_DOWN = (
    f"INSERT INTO onward_access_log ({', '.join(LOGGED)}) "
    f"VALUES ({', '.join(['%s'] * len(LOGGED))}) RETURNING id"
)


def _write_down(entry: AccessEntry) -> None:
    """Every page does this, so it is written without building a statement."""
    from django.db import connection

    fields: Any = AccessEntry._meta.get_field
    values = [
        fields(name).get_db_prep_save(getattr(entry, name), connection) for name in LOGGED
    ]
    with connection.cursor() as cursor:
        cursor.execute(WRITE_DOWN, values)
        entry.pk = cursor.fetchone()[0]


def _known(person: str) -> str:
    """A person's id; anything else that was typed only by its length and a keyed digest.

    What stands in an address may be a name or a number. The digest shows that the same was tried
    again, and nobody without the operation's key can try words against it.
    """
    if not person or PersonNow.objects.filter(person=person[:80]).exists():
        return person[:80]
    from onward.registry.site import current

    key = derive(current().ring.file_key, "what was refused")
    digest = hmac.new(key, person.encode(), hashlib.sha256).hexdigest()
    return f"not-an-id-{len(person)}-{digest[:12]}"


def _operation() -> str:
    from onward.registry.site import current

    return current().operation
