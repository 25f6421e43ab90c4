"""What an act will change, worked out before the turn to write is taken.

Exists because whoever writes holds up everybody else who writes. In come the events about to be
recorded; out come, once they have their place in the log, the statements that bring the rows up to
date with them: only when nothing was recorded meanwhile that could bear on the same people.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from onward.caseload import Event
from onward.caseload.events import MERGED, OVERRIDE, REGISTERED, instant_text
from onward.registry.log.db_store import TABLE, DatabaseStore
from onward.registry.now import whole
from onward.registry.now.how_far import rulebook_of, saying, state_of, store_of
from onward.registry.now.kept_rows import HOUSEHOLD, PERSON
from onward.registry.now.neighbourhood import (
    SMALL,
    common_kinds,
    pointed_at,
)
from onward.registry.now.whole import Neighbours, touched
from onward.registry.operation import Operation
from onward.rulebook.model import Rulebook

ahead_of_turn = threading.local()


def foresee(
    operation: Operation,
    drafts: Sequence[Event],
    *,
    end: tuple[int, str] | None = None,
    state: Any = None,
) -> None:
    """Work out what some events will change before the turn to write is taken.

    Whoever writes holds up everybody else who writes, so as little as can be is done meanwhile.
    `foreseen` and `refresh` use this only for the same events in the same place of the log; when
    somebody else was quicker it is worked out again.

    end, state   the size of the log with the instant of its last event, and how far the rows were
                 then, read in this order and not earlier than anything the drafts rest on
    """
    from django.db import connection

    from onward.registry.now import narrow

    ahead_of_turn.found = None
    if connection.in_atomic_block:
        return
    store = store_of(operation)
    if end is None:
        size, _, last = store.tree()
        state = state_of(store)
    else:
        size, last = end
    if state is None or state.on is None:
        return
    if (state.seq, state.steps_seq, state.steps_on) != (size, size, state.on):
        return
    rulebook = rulebook_of(operation, state)
    common = common_kinds(rulebook)
    if any(e.subject.kind in common or e.subject.kind not in rulebook.kinds for e in drafts):
        return
    recorded = max(last, instant_text(datetime.now(UTC)))
    placed = [e.placed(seq=size + n, recorded=recorded) for n, e in enumerate(drafts, 1)]
    was = narrow.before(placed, store)
    people = touched(placed, common, was.things)
    if len(people) > SMALL:
        return
    made: Any = narrow.narrowly(placed, people, store, rulebook, state.on, was)
    of_people = all(event.subject.kind == PERSON for event in placed)
    if made is None and of_people and _changes_nobodys_place(placed, rulebook):
        made = whole.neighbours(placed, people, set(), store, rulebook, state.on)
    if made is not None:
        ahead_of_turn.found = _Foreseen(_said(placed, rulebook, state.on), size, made)


@dataclass(frozen=True)
class _Foreseen:
    """What some events will change.

    said   what they say; see `_said`
    size   the length of the log before them
    made   a `narrow.Narrow` or `Neighbours`
    """

    said: tuple[Any, ...]
    size: int
    made: Any


MOST_BETWEEN = 50
"""What others recorded meanwhile is looked through up to this many events."""


def foreseen(
    operation: Operation, placed: Sequence[Event]
) -> Sequence[tuple[str, Sequence[Any]]] | None:
    """The statements that bring the rows up to date with some events, when that was foreseen;
    None leaves it to `refresh`. They go with the events, in one trip."""
    from onward.registry.now import narrow

    ahead: _Foreseen | None = getattr(ahead_of_turn, "found", None)
    if not placed or ahead is None or not isinstance(ahead.made, narrow.Narrow):
        return None
    store = store_of(operation)
    state, before = state_of(store), placed[0].seq - 1
    if state is None or state.on is None:
        return None
    if (state.seq, state.steps_seq, state.steps_on) != (before, before, state.on):
        return None
    rulebook = rulebook_of(operation, state)
    if ahead.said != _said(placed, rulebook, state.on):
        return None
    if before != ahead.size and not _elsewhere(ahead, before, store, rulebook):
        return None
    ahead_of_turn.found = None
    made = narrow.later(ahead.made, before - ahead.size)
    state.seq = state.steps_seq = placed[-1].seq
    return [*narrow.statements(made), saying(state)]


def _elsewhere(ahead: _Foreseen, now: int, store: DatabaseStore, rulebook: Rulebook) -> bool:
    """Whether everything recorded since something was foreseen is surely nobody's near it: facts
    about other people, and new things about other people, that make nothing else known."""
    from onward.registry.database import trips

    near = ahead.made.near
    if near.unhoused or not 0 < now - ahead.size <= MOST_BETWEEN:
        return False
    earlier = (
        f"SELECT count(*) FROM {TABLE} AS p WHERE p.operation = e.operation AND p.seq <= %s "
        "AND p.subject_kind = e.subject_kind AND p.subject_id = e.subject_id"
    )
    [rows] = trips.ask(
        (
            "SELECT kind, subject_kind, subject_id, owner, house, supersedes, "
            f"CASE WHEN subject_kind = 'person' THEN 0 ELSE ({earlier}) END FROM {TABLE} AS e "
            "WHERE operation = %s AND seq > %s AND seq <= %s",
            [ahead.size, store.operation, ahead.size, now],
        )
    )
    out = common_kinds(rulebook) | pointed_at(rulebook)
    out = {HOUSEHOLD, *out} - {PERSON}
    for kind, about, name, owner, house, supersedes, before in rows:
        if (
            supersedes is not None
            or house is not None
            or kind in (MERGED, OVERRIDE, REGISTERED)
        ):
            return False
        if about not in rulebook.kinds or about in out or before:
            return False
        who = name if about == PERSON else owner
        if who is None or who in near.people or owner in near.people:
            return False
    return len(rows) == now - ahead.size


def _changes_nobodys_place(placed: Sequence[Event], rulebook: Rulebook) -> bool:
    """Whether events about people known leave their households, sites and ids as they are, so
    that who is near whom is the same before and after."""
    from onward.registry.models import PersonNow

    refs = rulebook.kinds[PERSON].refs.keys()
    if any(
        event.supersedes
        or event.kind in (MERGED, OVERRIDE, REGISTERED)
        or refs & event.facts.keys()
        for event in placed
    ):
        return False
    persons = {event.subject.id for event in placed}
    return PersonNow.objects.filter(person__in=sorted(persons)).count() == len(persons)


def was_foreseen(placed: Sequence[Event], rulebook: Rulebook, day: date) -> Any:
    """What was foreseen of a whole neighbourhood, for the same events in the same place."""
    found: _Foreseen | None = getattr(ahead_of_turn, "found", None)
    ahead_of_turn.found = None
    if found is None or not isinstance(found.made, Neighbours):
        return None
    same = found.size + 1 == placed[0].seq and found.said == _said(placed, rulebook, day)
    return found.made if same else None


def _said(placed: Sequence[Event], rulebook: Rulebook, day: date) -> tuple[Any, ...]:
    """What events say, apart from their own ids, the instant and where in the log they are."""
    from onward.registry.site import current

    said = tuple(
        (e.seq - placed[0].seq, e.subject, e.kind, e.effective, e.supersedes,
         json.dumps(dict(e.facts), sort_keys=True))
        for e in placed
    )  # fmt: skip
    return (id(current()), rulebook.hash, day, said)
