"""Movements already made, judged: which of them were made although a safeguard was not met.

Exists because a list and a log from elsewhere say of movements that nobody here was asked about.
Comes in: the events that can bear on them, and who was moved where and when. Goes out: the breach
that each one opens, if any. Nothing is written here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from onward.caseload.events import PERSON, Event
from onward.caseload.fold import fold
from onward.caseload.model import EventTables
from onward.dates import day_range
from onward.engine import Engine
from onward.rulebook.model import Rulebook
from onward.safeguards.evaluate import evaluate
from onward.safeguards.record import WENT_TO, Breach, breach_for, opens_breach

Asked = Mapping[tuple[str, str | None], Sequence[str]]
"""What is asked of one day: a move and where it led -> the people who made it."""


def kinds_of_movers(rulebook: Rulebook) -> set[str]:
    """The kinds of events that say of a movement or hand-over which a failed safeguard makes a
    breach."""
    return {key for key, move in rulebook.moves().items() if opens_breach(rulebook, move)}


def day_of(mover: Event) -> date:
    """The day by which a movement is judged: the last on which it can have been made."""
    return day_range(mover.effective)[1]


def by_day(movers: Iterable[Event]) -> dict[date, Asked]:
    """What is asked of each day on which somebody was moved."""
    asked: dict[date, dict[tuple[str, str | None], list[str]]]
    asked = defaultdict(lambda: defaultdict(list))
    for event in movers:
        made = event.kind, event.facts.get(WENT_TO)
        asked[day_of(event)][made].append(event.subject.id)
    return dict(asked)


def breaches_on(
    day: date, asked: Asked, tables: EventTables, rulebook: Rulebook, engine: Engine
) -> list[Breach]:
    """The breaches that the movements of one day open, by what is said in `tables`.

    raises  Faults when nobody was on record under the id of somebody who was moved
    """
    caseload = fold(tables, rulebook, as_of=day, known_at=None, engine=engine)
    found: list[Breach] = []
    for (move, to), people in asked.items():
        answer = evaluate(caseload, move, on=day, engine=engine, destination=to, people=people)
        found += [breach for person in people if (breach := breach_for(answer, person))]
    return found


def shared(rulebook: Rulebook) -> set[str]:
    """Kinds that bear on a person although they belong to another: what happened after somebody
    left for a place bears on everybody who leaves for it."""
    return {
        relation.kind
        for relations in rulebook.relations.values()
        for relation in relations.values()
        if not {PERSON, "household"} & {relation.kind, *relation.join}
    }


class Around:
    """A log, asked again and again for what can bear on a few people: their own events, their
    households' members', what is shared, and everything that belongs to nobody in particular."""

    def __init__(self, log: Sequence[Event], everybodys: Collection[str]) -> None:
        """everybodys  kinds of `shared`"""
        self._log = log
        self._homes: dict[str, set[str]] = defaultdict(set)
        self._members: dict[str, set[str]] = defaultdict(set)
        owners: dict[tuple[str, str], set[str]] = defaultdict(set)
        for event in log:
            home, owner = event.facts.get("household"), event.facts.get("person")
            if event.subject.kind == PERSON and isinstance(home, str):
                self._homes[event.subject.id].add(home)
                self._members[home].add(event.subject.id)
            if isinstance(owner, str):
                owners[event.subject.kind, event.subject.id].add(owner)
        self._of: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._common: list[int] = []
        for place, event in enumerate(log):
            kind, name = event.subject.kind, event.subject.id
            if kind in (PERSON, "household"):
                self._of[kind, name].append(place)
            elif kind in everybodys or not owners[kind, name]:
                self._common.append(place)
            else:
                for owner in owners[kind, name]:
                    self._of[PERSON, owner].append(place)

    def of(
        self, people: Collection[str], *, until: str, without: Collection[str]
    ) -> list[Event]:
        """In the order of the log.

        until    events recorded later are not known yet
        without  ids of events that are left out
        """
        homes = {home for person in people for home in self._homes.get(person, ())}
        near = set(people).union(*(self._members[home] for home in homes))
        places = set(self._common)
        for person in near:
            places.update(self._of.get((PERSON, person), ()))
        for home in homes:
            places.update(self._of.get(("household", home), ()))
        found = (self._log[place] for place in sorted(places))
        return [e for e in found if e.recorded <= until and e.id not in without]
