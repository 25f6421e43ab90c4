"""The contacts after an outcome, where a list says who left or plans contacts itself.

Exists so that an imported departure is followed up like any other, once. Comes in: the log, and what
a list is about to add or its undoing to take out. Goes out: the events about contacts that go with
it, and a list's contacts as those that the calendar has planned already.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from onward.caseload import after_outcome
from onward.caseload.contacts import KIND
from onward.caseload.events import PERSON, Event, Subject
from onward.intake.events import Batch
from onward.registry.operation import Operation


def as_planned(batch: Batch, log: Sequence[Event]) -> Batch:
    """The batch with the contacts in it that the calendar has planned already, for the same person
    and day, under the ids that these have: they are the same contacts."""
    opened = [
        event
        for event in batch.events
        if event.subject.kind == KIND and event.facts.get(after_outcome.DUE)
    ]
    if not opened:
        return batch
    whose = after_outcome.merged_into(log)
    there = after_outcome.planned(log, whose)
    known = {event.subject.id for event in log if event.subject.kind == KIND}
    same: dict[str, str] = {}
    for event in opened:
        person, new = str(event.facts.get(PERSON)), event.subject.id
        place = whose.get(person, person), str(event.facts[after_outcome.DUE])
        if new not in known and place in there:
            same[new] = there.pop(place)
    if not same:
        return batch
    events = tuple(
        replace(event, subject=Subject(KIND, same[event.subject.id]))
        if event.subject.kind == KIND and event.subject.id in same
        else event
        for event in batch.events
    )
    ids = {key: same.get(name, name) for key, name in batch.ids.items()}
    return replace(batch, events=events, ids=ids)


def contacts_beside(
    operation: Operation, log: Sequence[Event], said: Sequence[Event], *, by: str, now: datetime
) -> list[Event]:
    """What must be recorded of contacts after an outcome together with these events.

    log  all that is on record
    """
    told = [*log, *said]
    people = after_outcome.whom(operation.rulebook, said, after_outcome.owners_in(told))
    if not people:
        return []
    people = after_outcome.everybody_they_are(people, after_outcome.merged_into(log))
    return after_outcome.consequences(
        operation.rulebook, after_outcome.about(told, people),
        operation=operation.settings.id, by=by, instant=now, random=random.SystemRandom(),
    )  # fmt: skip
