"""Contacts after the outcome: which are still to be made, and when one is overdue.

Somebody handed over to a State is looked for after days, somebody who went home after weeks, and
whoever was not reached is looked for again. Comes in: the rulebook's calendar and the contacts that
have a day. Goes out: those that wait, and the days each may be late, also as conditions on the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from onward.registry.models import PersonNow, ThingNow
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    from onward.desk.forms import Form

KIND = "follow_up"
ANSWERED = ("safe", "concern", "refused")
"""Results that the person gave: nobody is looked for any more who said one of them."""


def waiting(things: QuerySet[ThingNow]) -> QuerySet[ThingNow]:
    """The contacts somebody has to see to: those not made, and those in which the person was not
    reached and has not answered since."""
    # Asked for one kind outright, the embedded database reads every contact there is for each of them.
    since = ThingNow.objects.filter(person=OuterRef("person"), kind__endswith=KIND)
    since = since.annotate(came=_said("result"), on=_said("done_on"))
    # Of contacts that still have a day only those not reached were tried on another.
    answered = since.filter(came__in=ANSWERED, on__gte=OuterRef("tried_on"))
    tried = things.filter(kind=KIND, due__isnull=False).annotate(tried_on=_said("done_on"))
    return tried.filter(Q(tried_on=None) | ~Exists(answered))


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


def tolerated(rulebook: Rulebook) -> dict[str, int]:
    """Stage -> days that a contact may be late there. Elsewhere none: nobody knows the way."""
    found: dict[str, int] = {}
    for move in rulebook.moves().values():
        stage, rule = move.targets.get("stage"), rulebook.follow_up.get(move.pathway)
        if stage and rule:
            found[stage] = min(found.get(stage, rule.tolerance_days), rule.tolerance_days)
    return found


def is_overdue(due: date, today: date, stage: str | None, days: Mapping[str, int]) -> bool:
    return (today - due).days > days.get(stage or "", 0)


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
