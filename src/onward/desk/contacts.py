"""Contacts after the outcome as pages list them: whom to look for, and whose concern to look at.

Where a contact stands is `caseload.contacts`' word. Comes in: the contacts on record. Goes out:
those that wait, as conditions on the record; what a form on one must say; the status of one.
"""

from __future__ import annotations

from collections import defaultdict
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
)
from onward.registry.models import PersonNow, ThingNow
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    from onward.desk.forms import Form

__all__ = ["CONCERN", "KIND", "LOOKED_INTO", "RECORDED", "UNREACHED", "complete", "concerns",
           "is_overdue", "is_to_be_looked_at", "overdue", "status", "tolerated", "waiting"]  # fmt: skip

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
    answered = since.filter(came__in=ANSWERED, on__gte=OuterRef("tried_on"))
    tried = things.filter(kind=KIND, due__isnull=False).annotate(tried_on=_said("done_on"))
    living = tried.exclude(person__in=dead.values("person"))
    return living.filter(Q(tried_on=None) | ~Exists(answered))


def concerns(things: QuerySet[ThingNow]) -> QuerySet[ThingNow]:
    """The contacts that found somebody worried or harmed, and of which nobody has said yet what was
    made of it. No later contact and no day takes one away."""
    found = things.filter(kind=KIND, due__isnull=False, facts__result=CONCERN)
    return found.filter(**{f"facts__{LOOKED_INTO}__isnull": True})


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
    """The contacts that are overdue, among those that are due."""
    stages: dict[int, list[str]] = defaultdict(list)
    for stage, days in tolerated(rulebook).items():
        stages[days].append(stage)
    known = PersonNow.objects.filter(
        stage__in=[each for some in stages.values() for each in some]
    )
    found = Q(due__lt=today) & ~Q(person__in=known.values("person"))
    for days, some in stages.items():
        there = PersonNow.objects.filter(stage__in=some).values("person")
        found |= Q(due__lt=today - timedelta(days=days), person__in=there)
    return found
