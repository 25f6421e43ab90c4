"""Contacts after the outcome: what each came to, and from when one is overdue.

Exists so that a list of whom to look for and a report of who was found count the same. Comes in:
the day a contact is due, the day it was made and what came of it, and the rulebook's calendar.
Goes out: where the contact stands on a day, and whether somebody has to look at what it found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from onward.rulebook.model import Rulebook

KIND = "follow_up"
SAFE, CONCERN, REFUSED, UNREACHED = "safe", "concern", "refused", "not_reached"
"""Results that the rulebooks and the floors know; any other word is no answer."""
REACHED = (SAFE, CONCERN)
ANSWERED = (*REACHED, REFUSED)
"""Results that the person gave: nobody is looked for any more who said one of them."""
LOOKED_INTO = "looked_into"
"""What somebody with the right to review made of a concern."""

FOUND_SINCE, TRIED, WAITING, OVERDUE = "answered later", "tried", "waiting", "overdue"
STANDINGS = (*ANSWERED, FOUND_SINCE, TRIED, WAITING, OVERDUE)
STILL_TO_BE_MADE = (TRIED, WAITING, OVERDUE)
"""Whom somebody still has to reach: silence is not safety."""


def standing(
    due: date, made: date | None, result: str | None, answered: date | None, on: date, days: int
) -> str:
    """Where a contact that is due stands on a day: one of `STANDINGS`.

    made      the day it was tried; one that has not come yet is not made
    answered  the last day, not after `on`, on which the person answered in any contact
    days      how late it may be, as `tolerated` says
    """
    if made is not None and made > on:
        made = None
    if made is not None and result in ANSWERED:
        return str(result)
    if made is not None and answered is not None and answered >= made:
        return FOUND_SINCE
    if is_overdue(due, on, days):
        return OVERDUE
    return WAITING if made is None else TRIED


def answers(made: date | None, result: str | None, on: date) -> bool:
    """Whether the person answered, by a day."""
    return made is not None and made <= on and result in ANSWERED


def last_answers(
    contacts: Iterable[tuple[Any, date | None, str | None]], on: date
) -> dict[Any, date]:
    """The last day by which each person answered, of contacts (person, made, result)."""
    found: dict[Any, date] = {}
    for person, made, result in contacts:
        if made is not None and answers(made, result, on):
            found[person] = max(made, found.get(person, made))
    return found


def wants_none(
    contacts: Iterable[tuple[Any, date | None, str | None]], on: date
) -> dict[Any, date]:
    """Who said last, of contacts (person, made, result), that they want none, and on which day.
    A contact that is due of them stands all the same: whoever is to make it knows what they said."""
    last: dict[Any, tuple[date, str | None]] = {}
    for person, made, result in contacts:
        if made is not None and answers(made, result, on):
            last[person] = max((made, result), last.get(person, (made, result)), key=_newest)
    return {person: made for person, (made, result) in last.items() if result == REFUSED}


def _newest(said: tuple[date, str | None]) -> tuple[date, bool]:
    """Of two answers of one day the refusal counts."""
    return said[0], said[1] == REFUSED


def is_overdue(due: date, on: date, days: int) -> bool:
    return (on - due).days > days


def tolerated(rulebook: Rulebook) -> dict[str, int]:
    """Stage -> days that a contact may be late there. Elsewhere none: nobody knows the way."""
    found: dict[str, int] = {}
    for move in rulebook.moves().values():
        stage, rule = move.targets.get("stage"), rulebook.follow_up.get(move.pathway)
        if stage and rule:
            found[stage] = min(found.get(stage, rule.tolerance_days), rule.tolerance_days)
    return found


def beyond_reach(rulebook: Rulebook) -> frozenset[str]:
    """Stages in which nobody is looked for any more: of somebody who has died no contact is due."""
    stages = rulebook.axes["stage"].states
    return frozenset(name for name, state in stages.items() if state.ends == "death")


def is_still_to_be_made(facts: Mapping[str, Any]) -> bool:
    """Whether nobody has reached the person by this contact: not tried, or no answer came."""
    return facts.get("done_on") is None or facts.get("result") not in ANSWERED


def is_to_be_looked_at(facts: Mapping[str, Any], rulebook: Rulebook) -> bool:
    """Whether a contact found the person worried or harmed and nobody has said what was made of it.
    A rulebook that keeps no such word keeps no such list."""
    keeps = LOOKED_INTO in rulebook.kinds[KIND].facts
    return keeps and facts.get("result") == CONCERN and facts.get(LOOKED_INTO) is None
