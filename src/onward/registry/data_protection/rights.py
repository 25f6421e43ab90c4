"""What people may ask about their own file.

Exists so that a right is a request with a day on it, not a favour. Comes in: a request taken by
anybody with access to the person, with their words (`own_words`). Goes out: due days, what was
corrected, and an erasure by two people; the file itself is read out by `read_out`. No clock closes
anything: what is late is shown as late. The days are data (`data/rights.yaml`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from onward.errors import OnwardError, one_of
from onward.registry import site
from onward.registry.data_protection import own_words
from onward.registry.identities.held import is_held
from onward.registry.identities.merged import ids_of, whose
from onward.registry.identities.vault_db import EncryptedVault
from onward.registry.models import (
    Account,
    Assignment,
    EventRow,
    Grave,
    PersonNow,
    RightsRequest,
)
from onward.registry.permissions import access, grants
from onward.registry.permissions.roles import load_rules

FILE = Path(__file__).parents[1] / "data" / "rights.yaml"


@lru_cache(maxsize=1)
def rules() -> Any:
    """The deadlines, as data."""
    return yaml.safe_load(FILE.read_text("utf-8"))


def due_on(kind: str, asked: date, *, longer: bool = False) -> date:
    """The last day for an answer."""
    found = rules()["requests"].get(kind)
    if found is None:
        raise OnwardError(
            f"{kind}: not a kind of request; expected {one_of(rules()['requests'])}."
        )
    return asked + timedelta(days=found["longer" if longer else "days"])


# -- requests -----------------------------------------------------------------------------------


def take(
    by: Account, person: str, kind: str, *, language: str, asked_on: date | None = None,
    words: own_words.Words | None = None,
) -> RightsRequest:  # fmt: skip
    """Take a person's request; whoever may open the person may take it, and must. What they asked
    that day in the same words and nobody has answered yet is one request, however often it is
    taken.

    words  what they said, kept sealed with it
    """
    row = access.people_visible_to(by, "rights.open").filter(person=person).first()
    if row is None:
        access.log(by, "rights.open", person=person, allowed=False)
        raise access.Hidden
    today = site.operation().default_date()
    day = asked_on or today
    if day > today:  # or the answer would be due later than the person may expect it
        raise OnwardError("The day they asked cannot be later than today.")
    asked = RightsRequest.objects.filter(person=person, kind=kind, asked_on=day)
    with EncryptedVault().writing():
        for waiting in asked.exclude(state="closed").order_by("taken_at"):
            if words is None or own_words.opened(waiting) == words:
                return waiting
        made = RightsRequest(
            operation=site.current().operation, kind=kind, person=person, asked_on=day,
            due_on=due_on(kind, day), language=language[:12], taken_by=by.account_id,
        )  # fmt: skip
        if words is not None:
            own_words.seal(made, words)
        made.save(force_insert=True)
    access.log(by, "rights.open", person=person, purpose=f"{kind} {made.pk}")
    return made


def of_people(people: Any) -> Q:
    """The requests of these people, also those they made under an id that was merged since."""
    return Q(person__in=people.values("person")) | Q(pk__in=_under_other_ids(people))


def _under_other_ids(people: Any) -> list[Any]:
    known = PersonNow.objects.values("person")
    rows = RightsRequest.objects.exclude(person__in=known).values_list("pk", "person")
    found = {pk: now for pk, person in rows if (now := whose(person)) != person}
    if not found:
        return []
    theirs = set(people.filter(person__in=set(found.values())).values_list("person", flat=True))
    return [pk for pk, now in found.items() if now in theirs]


def _answered_by(by: Account) -> Q:
    """Requests of people an account may answer for, and erasures it may approve."""
    handled = of_people(access.people_visible_to(by, "rights.handle"))
    if "operation" in load_rules().may(by.roles, "rights.erase"):
        handled |= Q(kind="deletion", state="prepared")
    return handled


def _open(found: Q) -> Any:
    rows = RightsRequest.objects.filter(found).exclude(state="closed").defer("words")
    return rows.order_by(Coalesce("extended_on", "due_on"), "id")


def requests_for(by: Account) -> Any:
    """The open requests an account may see, the soonest due first."""
    seen = of_people(access.people_visible_to(by, "rights.open"))
    return _open(seen | _answered_by(by))


def to_answer(by: Account) -> Any:
    """The open requests that wait for an account, the soonest due first; an erasure it took or
    prepared waits for somebody else."""
    others = Q(state="prepared", prepared_by=by.account_id)
    others |= Q(state="prepared", taken_by=by.account_id)
    return _open(_answered_by(by)).exclude(others)


def answered_for(by: Account) -> Any:
    """The requests that were answered, of people an account may see, the latest first."""
    people = access.people_visible_to(by, "rights.open")
    found = RightsRequest.objects.filter(of_people(people), state="closed").defer("words")
    return found.order_by("-closed_on", "-id")


def late(request: RightsRequest, on: date) -> int:
    """Days past the due day, or by which the answer came too late; 0 in time. Nothing closes
    because of it."""
    if request.closed_on is not None:
        on = request.closed_on
    return max((on - (request.extended_on or request.due_on)).days, 0)


def may_answer(by: Account, request: RightsRequest) -> None:
    """Raises unless an account answers requests of this person, and this one is still open."""
    person = whose(request.person)
    if not access.people_visible_to(by, "rights.handle").filter(person=person).exists():
        access.log(by, "rights.handle", person=request.person, allowed=False)
        raise access.Hidden
    if request.state == "closed":
        raise OnwardError("This request was answered already.")


def extend(by: Account, request: RightsRequest, reason: str) -> None:
    """Take the longer time, once, with a reason the person is told."""
    may_answer(by, request)
    if request.extended_on is not None:
        raise OnwardError("The longer time was taken already; answer, if only in part.")
    if len(reason.strip()) < 10:
        raise OnwardError("Say why it takes longer; the person is told this reason.")
    request.extended_on = due_on(request.kind, request.asked_on, longer=True)
    request.extension_reason = reason.strip()[:200]
    request.save(update_fields=["extended_on", "extension_reason"])
    access.log(by, "rights.handle", person=request.person, purpose=f"extended {request.pk}")


def since_asked(request: RightsRequest) -> frozenset[str]:
    """Ids of what was put on record about the person since the day they asked: one of them may be
    what corrected it."""
    ids = ids_of(whose(request.person))
    zone = ZoneInfo(site.operation().settings.time_zone)
    asked = datetime.combine(request.asked_on, time.min, zone).astimezone(UTC)
    rows = EventRow.objects.filter(recorded__gte=asked.strftime("%Y-%m-%dT%H:%M:%S"))
    # Asked one by one: together, the database would read the whole log.
    own = rows.filter(subject_kind="person", subject_id__in=ids)
    about = rows.filter(owner__in=ids)
    return frozenset(own.values_list("event_id", flat=True)).union(
        about.values_list("event_id", flat=True)
    )


def corrected(by: Account, request: RightsRequest, events: Sequence[str]) -> None:
    """Note which events put right what a person asked to have corrected: said by whoever may open
    the request, also by somebody who reads what the one who answers may not.

    events  ids of events about this person, on record since the day they asked
    """
    person = whose(request.person)
    if not access.people_visible_to(by, "rights.open").filter(person=person).exists():
        access.log(by, "rights.open", person=request.person, allowed=False)
        raise access.Hidden
    if request.kind != "correction" or request.state == "closed":
        raise OnwardError("Only of an open request to correct something is it noted what did.")
    if not events or not since_asked(request).issuperset(events):
        raise OnwardError("Choose what corrected it, of what was recorded since they asked.")
    with EncryptedVault().writing():
        request.refresh_from_db(fields=["corrections", "state"])
        if request.state == "closed":
            raise OnwardError("This request was answered already.")
        request.corrections = list(dict.fromkeys([*request.corrections, *events]))
        request.save(update_fields=["corrections"])
    access.log(by, "rights.open", person=request.person, purpose=f"corrected {request.pk}")


def answer(by: Account, request: RightsRequest, outcome: str, reason: str = "") -> None:
    """Close a request; a refusal, and a part, need a reason. Erasures go by `erase`."""
    may_answer(by, request)
    if outcome not in rules()["outcomes"]:
        raise OnwardError(f"{outcome}: not an outcome; expected {one_of(rules()['outcomes'])}.")
    if outcome in ("refused", "partly") and len(reason.strip()) < 10:
        raise OnwardError(
            "Give the reason and how the person can complain; they are told both."
        )
    if request.kind == "deletion" and outcome == "given":
        raise OnwardError("An erasure is prepared by one person and approved by another.")
    undone = request.kind == "correction" and outcome == "given" and not request.corrections
    if undone and len(reason.strip()) < 10:
        raise OnwardError(
            "Note first what corrected it, or say here where it was corrected; the person is told."
        )
    _close(by, request, outcome, reason)


def _close(by: Account, request: RightsRequest, outcome: str, reason: str) -> None:
    request.state, request.outcome, request.outcome_reason = (
        "closed",
        outcome,
        reason.strip()[:400],
    )
    request.decided_by, request.closed_on = by.account_id, site.operation().default_date()
    request.save(
        update_fields=["state", "outcome", "outcome_reason", "decided_by", "closed_on"]
    )
    access.log(by, "rights.handle", person=request.person, purpose=f"{outcome} {request.pk}")


# -- erasure --------------------------------------------------------------------------------------


def erased_on(person: str) -> date | None:
    """The day on which a person's identity was destroyed; None while it can be read."""
    found = Grave.objects.filter(person=person).values_list("destroyed", flat=True).first()
    return date.fromisoformat(found[:10]) if found else None


def _not_held(person: str) -> None:
    if is_held(person):
        raise OnwardError(
            "A legal hold keeps this file. It is erased after whoever set the hold ends it; "
            "refuse the request until then, with the reason."
        )


def prepare_erasure(by: Account, request: RightsRequest, reason: str) -> None:
    """The first of two people: the request is real, the person understands, nothing forbids it."""
    may_answer(by, request)
    if request.kind != "deletion":
        raise OnwardError("Only a request for deletion can lead to an erasure.")
    if len(reason.strip()) < 10:
        raise OnwardError("Say what was checked: who asked, what they were told, legal holds.")
    _not_held(whose(request.person))
    request.state, request.prepared_by = "prepared", by.account_id
    request.outcome_reason = reason.strip()[:400]
    request.save(update_fields=["state", "prepared_by", "outcome_reason"])
    access.log(by, "rights.handle", person=request.person, purpose=f"prepared {request.pk}")


def erase(by: Account, request: RightsRequest, *, signed_in: datetime | None) -> None:
    """The second of two people: the key of the person's identity is destroyed.

    Names, documents, contacts and narratives can then be read by nobody, in any copy of the
    database; events without identity stay, so that the record remains true.
    """
    access.require_fresh(signed_in)
    access.require(by, "rights.erase", place="rights")
    if request.state != "prepared":
        raise OnwardError("This erasure is not prepared yet.")
    if by.account_id in (request.prepared_by, request.taken_by):
        raise access.Refused(
            "Another person than the one who took or prepared it approves this."
        )
    _not_held(whose(request.person))
    vault: Any = site.operation().vault
    if not hasattr(vault, "erase"):
        raise OnwardError(
            "Identities of this operation are not encrypted; there is no key to destroy."
        )
    with transaction.atomic():
        ids = ids_of(whose(request.person))
        for each in ids:
            vault.erase(each, by=by.account_id)
        for row in Assignment.objects.filter(person__in=ids, until=None):
            row.until = timezone.now()
            row.save(update_fields=["until"])
            grants.seal_assignment(row)
        _close(by, request, "given", request.outcome_reason)
