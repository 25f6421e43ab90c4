"""How long identities are kept, and how they go: proposed by one person, destroyed by another.

Exists because what is kept too long is found by somebody. Comes in: the schedule
(`data/rights.yaml`), the caseload. Goes out: the people whose files are due, those held back by a
legal hold, and a disposal that destroys their keys. Only identity goes: the events without
identity stay, so that the record remains true and its proofs hold. Nobody's case closes by it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from onward.errors import OnwardError
from onward.registry import site
from onward.registry.data_protection import rights
from onward.registry.data_protection.rights import rules
from onward.registry.identities.held import held
from onward.registry.identities.merged import ids_of
from onward.registry.identities.vault_db import EncryptedVault
from onward.registry.models import (
    Account,
    Attachment,
    Disposal,
    Identity,
    LegalHold,
    PersonNow,
    RightsRequest,
)
from onward.registry.permissions import access


def due(on: date) -> list[str]:
    """People whose outcome is further back than casework is kept, of whom an identity, a file or
    their own words are still kept.

    Somebody whose stage or its day is not known is never due.
    """
    years = int(rules()["retention"]["case"]["years"])
    last = _years_before(on, years)
    kept = Q(person__in=Identity.objects.values("person"))
    kept |= Q(person__in=Attachment.objects.exclude(key_id="").values("person"))
    kept |= Q(person__in=RightsRequest.objects.exclude(words_key="").values("person"))
    rows = (
        PersonNow.objects.filter(active=False, stage_since__lte=last)
        .filter(kept)
        .exclude(person__in=held())
        .exclude(stage="absent")  # somebody absent may come back and ask
    )
    return list(rows.order_by("person").values_list("person", flat=True))


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)


def hold(by: Account, person: str, reason: str) -> LegalHold:
    """Keep a file beyond its time, with a reason. What is put right of it meanwhile is kept as it
    was (`identities.former`); that, too, goes with the file alone, by two people."""
    access.require(by, "retention.manage", place="retention")
    if len(reason.strip()) < 10:
        raise OnwardError("Say which proceedings need the file, by their reference.")
    access.log(by, "retention.manage", person=person, purpose="hold")
    with EncryptedVault().writing():  # never while an erasure is under way
        if rights.erased_on(person):
            raise OnwardError(
                "This identity was erased already: there is nothing left to keep."
            )
        return LegalHold.objects.create(
            operation=site.current().operation, person=person, reason=reason.strip()[:200],
            by=by.account_id,
        )  # fmt: skip


def release(by: Account, found: LegalHold) -> None:
    access.require(by, "retention.manage", place="retention")
    LegalHold.objects.filter(pk=found.pk, until=None).update(until=timezone.now())
    access.log(by, "retention.manage", person=found.person, purpose="hold ended")


def propose(by: Account, on: date, *, signed_in: datetime | None) -> Disposal:
    """The first of two people: everybody who is due on a day."""
    access.require_fresh(signed_in)
    access.require(by, "retention.manage", place="retention")
    people = due(on)
    if not people:
        raise OnwardError(f"Nobody's file is due on {on}.")
    made = Disposal.objects.create(
        operation=site.current().operation, as_of=on, people=people, proposed_by=by.account_id
    )
    access.log(by, "retention.manage", people=people, purpose=f"proposed {made.pk}")
    return made


def carry_out(by: Account, disposal: Disposal, *, signed_in: datetime | None) -> int:
    """The second of two people: keys are destroyed; who is no longer due is left out."""
    access.require_fresh(signed_in)
    access.require(by, "rights.erase", place="retention")
    if disposal.done_at is not None:
        raise OnwardError("This disposal was carried out already.")
    if disposal.proposed_by == by.account_id:
        raise access.Refused("Another person than the one who proposed it carries it out.")
    still = set(due(disposal.as_of)) & set(disposal.people)
    vault: Any = site.operation().vault
    with transaction.atomic():
        for person in sorted(still):
            for each in ids_of(person):
                vault.erase(each, by=by.account_id)
        Disposal.objects.filter(pk=disposal.pk).update(
            done_by=by.account_id, done_at=timezone.now()
        )
        access.log(
            by, "retention.manage", people=sorted(still), purpose=f"disposed {disposal.pk}"
        )
    disposal.refresh_from_db()
    return len(still)
