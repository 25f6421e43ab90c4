"""Contacts after the outcome as pages list them: whom to look for, and whose concern to look at.

Where a contact stands is `caseload.contacts`' word. Comes in: the contacts on record. Goes out:
those that wait, as conditions on the record; what a form on one must say; the status of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from onward.caseload.contacts import (
    ANSWERED,
    CONCERN,
    KIND,
    LOOKED_INTO,
    OVERDUE,
    STILL_TO_BE_MADE,
    UNREACHED,
    beyond_reach,
    is_overdue,
    is_to_be_looked_at,
    last_answers,
    standing,
    tolerated,
    wants_none,
)
from onward.registry.models import PersonNow, ThingNow
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    from onward.desk.forms import Form

__all__ = ["CONCERN", "KIND", "LOOKED_INTO", "RECORDED", "UNREACHED", "complete", "concerns",
           "is_overdue", "is_to_be_looked_at", "overdue", "refusals", "status", "tolerated", "waiting"]  # fmt: skip

RECORDED = {"incident": "incident_recorded", "complaint": "complaint_recorded"}
"""What is made of a concern by recording something else: its kind -> the word for it."""


def waiting(things: QuerySet[ThingNow], rulebook: Rulebook) -> QuerySet[ThingNow]:
    """The contacts somebody has to see to: those not made, and those in which the person was not
    reached and has not answered since. Nobody looks for somebody who has died."""
    dead = PersonNow.objects.filter(stage__in=sorted(beyond_reach(rulebook)))
    # Asked for one kind outright, the embedded database reads every contact there is for each of them.
    since = ThingNow.objects.filter(person=OuterRef("person"), kind__endswith=KIND)
    since = since.annotate(came=_said("result"), on=_said("done_on"))
    # Of contacts that still have a day only those not reached were tried on another.
    answered = since.filter(came__in=ANSWERED, on__gte=Cast(OuterRef("tried"), CharField()))
    living = things.filter(kind=KIND, due__isnull=False).exclude(
        person__in=dead.values("person")
    )
    return living.filter(Q(tried=None) | ~Exists(answered))


def concerns(things: QuerySet[ThingNow]) -> QuerySet[ThingNow]:
    """The contacts that found somebody worried or harmed, and of which nobody has said yet what was
    made of it. No later contact and no day takes one away."""
    return things.filter(concern=True)


def status(facts: Mapping[str, Any], others: Iterable[Mapping[str, Any]], stage: str | None,
           rulebook: Rulebook, today: date) -> str:  # fmt: skip
    """The status one contact is shown with, as far as its reader may know.

    others  all contacts with the person, this one too
    """
    if "result" not in facts and facts.get("done_on"):
        return "done"
    if is_to_be_looked_at(facts, rulebook):
        return "due"
    if stage in beyond_reach(rulebook):
        return "done" if facts.get("done_on") else "ended"
    made, due = _day(facts.get("done_on")), _day(facts.get("due_on"))
    said = ((0, _day(one.get("done_on")), one.get("result")) for one in others)
    stands = standing(due or today, made, facts.get("result"),
                      last_answers(said, today).get(0), today, tolerated(rulebook).get(stage or "", 0))  # fmt: skip
    if stands == OVERDUE:
        return "overdue"
    return "due" if stands in STILL_TO_BE_MADE else "done"


def refusals(told: Iterable[tuple[str, Mapping[str, Any]]], today: date) -> dict[str, date]:
    """Who said last that they want no contact, and when, as far as a reader may know.

    told  person and what the reader may know of a contact with them
    """
    said = ((who, _day(facts.get("done_on")), facts.get("result")) for who, facts in told)
    return wants_none(said, today)


def _day(value: Any) -> date | None:
    return date.fromisoformat(str(value)) if value else None


def _said(name: str) -> Cast:
    """A fact as text, which both databases compare alike."""
    return Cast(KT(f"facts__{name}"), CharField())


def complete(form: Form, on_record: Mapping[str, Any], today: date) -> None:
    """What a form on a contact must say: a contact that was made came to something, and one that
    came to something was made, today where no day is given."""
    came, on = form.get("result"), form.get("done_on")
    if came is None or on is None:  # who may not read a result says none
        return
    known = {**on_record, **form.facts}
    if known.get("done_on") and not known.get("result") and not came.error:
        came.error = _("Choose what came of the contact, or leave the day empty.")
    if "result" in form.facts and not known.get("done_on") and not on.error:
        form.facts["done_on"] = today.isoformat()


def overdue(rulebook: Rulebook, today: date) -> Q:
    """The contacts that are overdue, among those that are due. Where somebody stands is looked up of
    those alone whose lateness it decides: how many people there are changes nothing."""
    by_stage = tolerated(rulebook)
    longest = max(by_stage.values(), default=0)
    found = Q(due__lt=today - timedelta(days=longest))
    theirs = PersonNow.objects.filter(person=OuterRef("person"))
    after = 0
    for days in sorted({*by_stage.values()} - {0}):
        late = Q(due__gte=today - timedelta(days=days), due__lt=today - timedelta(days=after))
        may_be = [stage for stage, most in by_stage.items() if most >= days]
        found |= late & ~Q(Exists(theirs.filter(stage__in=may_be)))
        after = days
    return found
