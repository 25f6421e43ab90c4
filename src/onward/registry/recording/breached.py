"""Movements that took place although a safeguard had failed: the breach of each, and the pause.

Exists because what happened is recorded whatever the safeguards say, and must then be answered for.
In come movements about to be written; each is judged by what was known before any of them, and
written with the breach it opens, the pause of like moves, and an alarm.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from onward.caseload.events import BREACH, RECORDED, Event, Subject
from onward.dates import day_range
from onward.errors import Faults
from onward.registry.recording import duties
from onward.registry.recording.writing import Done, Writing
from onward.rulebook.model import Move, When
from onward.safeguards.evaluate import asked_findings
from onward.safeguards.record import OF_BREACH, SEVERITY, WENT_TO, Breach, breach_for, where_to

NOT_KNOWN = ""
"""Where a movement went, when nobody knows: no place has an assurance or a consent by this name."""


@dataclass(frozen=True)
class Moved:
    """A movement about to be written.

    destination  where it went; None: as the event itself says, else where the person chose to go;
                 NOT_KNOWN: nobody knows
    """

    event: Event
    move: Move
    destination: str | None = None

    @property
    def to(self) -> str | None:
        said: str | None = self.event.facts.get(WENT_TO)
        return said if self.destination is None else self.destination

    @property
    def day(self) -> date:
        return day_range(self.event.effective)[1]


@dataclass(frozen=True)
class _Judged:
    """What a movement is found to be: the breach it opens, where it went, and the exceptions
    without which it would have been one, by seq."""

    breach: Breach | None
    destination: str | None
    excepted: tuple[int, ...] = ()


def write(writing: Writing, moved: Sequence[Moved]) -> Done:
    """Movements that took place, the breaches they open, and the pause of like moves."""
    from onward.registry.permissions.alarms import raise_alarm

    events: list[Event] = []
    pauses: list[str] = []
    opened: list[Breach] = []
    for each, found in zip(moved, _judge(writing, moved), strict=True):
        event, breach = each.event, found.breach
        cited = writing.cited(found.excepted)
        led = where_to(writing.rulebook, each.move, each.to, found.destination)
        events.append(
            replace(
                event, evidence=(*event.evidence, *cited),
                facts={**event.facts, **led},
            )
        )  # fmt: skip
        if breach is None:
            continue
        opened.append(breach)
        base, day = event.idempotency_key, each.day.isoformat()
        events.append(
            writing.event(
                event.subject, BREACH, event.effective, facts=breach.facts(),
                evidence=event.evidence, key=f"{base}/breach",
            )
        )  # fmt: skip
        # A person who leaves alone, or is taken, does not close the way for others: the
        # pause is for what this operation carried out itself.
        if not each.move.records and "incident" in writing.rulebook.kinds:
            known = {"destination": found.destination} if found.destination else {}
            declared = OF_BREACH in writing.rulebook.kinds["incident"].facts
            said = {OF_BREACH: True} if declared else {}
            events.append(
                writing.event(
                    Subject("incident", str(uuid.uuid4())), RECORDED, day,
                    facts={"person": event.subject.id, "severity": SEVERITY,
                           "happened_on": day, **known, **said},
                    opens=True, key=base + duties.PAUSE,
                )
            )  # fmt: skip
            pauses.append(found.destination or "")
    placed = tuple(writing.append(events))
    for breach in opened:
        raise_alarm("breach", account=writing.actor.account_id, person=breach.person)
    return Done(placed, tuple(opened), pauses=tuple(dict.fromkeys(pauses)))


def _judge(writing: Writing, moved: Sequence[Moved]) -> list[_Judged]:
    """Each movement by what was known before any of them: one question for all who made the
    same move to the same place on a day."""
    groups: dict[tuple[str, date, str | None], list[str]] = {}
    for each in moved:
        asked = each.move.key, each.day, each.to
        groups.setdefault(asked, []).append(each.event.subject.id)
    found = {asked: _together(writing, people, *asked) for asked, people in groups.items()}
    return [found[each.move.key, each.day, each.to][each.event.subject.id] for each in moved]


def _together(
    writing: Writing, people: Sequence[str], key: str, day: date, destination: str | None
) -> dict[str, _Judged]:
    move = writing.move(key)
    at: When = "movement" if writing.rulebook.is_movement(move) else "decision"
    people = list(dict.fromkeys(people))
    try:
        answer = writing.asked(people, key, day, destination=destination)
    except Faults:
        if len(people) > 1:  # somebody of them is not known: each is asked about alone
            return {
                person: _together(writing, [person], key, day, destination)[person]
                for person in people
            }
        # Nobody is known by this id on that day: nothing is known, so everything failed.
        findings = asked_findings(writing.rulebook, move, at)
        tell = tuple(dict.fromkeys(finding.owner_role for finding in findings))
        keys = tuple(finding.key for finding in findings)
        return {
            person: _Judged(Breach(person, key, keys, tell), destination) for person in people
        }
    return {
        person: _Judged(
            breach_for(answer, person), answer.asked_to(person), answer.excepted(person)
        )
        for person in people
    }
