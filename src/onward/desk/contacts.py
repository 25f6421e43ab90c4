"""When a contact after the outcome is overdue: each pathway has its own number of days.

Somebody handed over to a State is looked for after days, somebody who went home after weeks. Comes
in: the rulebook's calendar. Goes out: the days by the stage somebody stands at, and the same as a
condition on the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from django.db.models import Q

from onward.registry.models import PersonNow
from onward.rulebook.model import Rulebook


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
