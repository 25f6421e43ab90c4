"""How far the rows kept beside the log are: one row that every question about them reads first.

Exists because the rows may be behind the log, of another day, or made by a rulebook no longer in
force, and whoever reads or writes them has to know. In comes an operation or its store; out comes
the state, and the statement that changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from onward.registry.log.db_store import DatabaseStore
from onward.registry.operation import Operation
from onward.rulebook.model import Rulebook

NOW, WIDE = "now/3", "wide"
"""Names of the states kept: how far the rows are, and the last event that bore on everybody. The
number is that of the rows' columns: rows that an older program made are made again."""


def store_of(operation: Operation) -> DatabaseStore:
    store = operation.store
    assert isinstance(store, DatabaseStore)
    return store


def asked() -> Any:
    from onward.registry.models import ProjectionState

    return ProjectionState.objects.filter(name=NOW)


def says(states: Sequence[Any], size: int, day: date, rulebook: Rulebook) -> bool:
    return [(s.seq, s.on, s.rulebook) for s in states] == [(size, day, rulebook.hash)]


def rulebook_of(operation: Operation, state: Any) -> Rulebook:
    """The rulebook that the rows were made by. Adopting another one leaves them behind the log,
    so that for rows that are not it is the one in force."""
    return operation.rulebook_read(state.rulebook) or operation.rulebook_at(state.on)


def state_of(store: DatabaseStore) -> Any:
    """How far the rows are; asked once in a turn to write."""
    turn = store.turn()
    if turn is not None and NOW in turn.kept:
        return turn.kept[NOW]
    state = asked().first()
    if turn is not None:
        turn.kept[NOW] = state
    return state


def save(state: Any) -> None:
    from onward.registry.models import ProjectionState

    now = {name: getattr(state, name) for name in _OF_STATE}
    if not ProjectionState.objects.filter(name=state.name).update(**now):
        state.save(force_insert=True)
    turn = DatabaseStore(state.operation).turn()
    if turn is not None:
        turn.kept.pop(state.name, None)


_OF_STATE = ("seq", "on", "rulebook", "steps_seq", "steps_on")


def saying(state: Any) -> tuple[str, Sequence[Any]]:
    """The statement that says how far the rows are."""
    from onward.registry.database import trips
    from onward.registry.models import ProjectionState

    return trips.changed(
        ProjectionState,
        {"operation": state.operation, "name": state.name},
        {name: getattr(state, name) for name in _OF_STATE},
    )
