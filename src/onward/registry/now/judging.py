"""Everybody's next steps judged again, beside the pages, after something that bears on everybody.

Exists because an incident with a recipient, an assurance or a new day changes what is open to
fifty thousand people, and no page should wait for that. Until it is done `behind` says so: lists
then show no step as open or blocked, and a person's page asks for that person (`steps_now`). The
gates never read any of this: they are asked of the neighbourhood when somebody decides.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from onward.registry.log.db_store import DatabaseStore
from onward.registry.now import how_far, kept_rows, neighbourhood, projection
from onward.registry.operation import Operation
from onward.safeguards.everybody import evaluate_all

LOG = logging.getLogger("onward.judging")

PART = 240
"""People judged at a time, whole households."""

TRIES = 3
"""How often a part is judged again because somebody recorded meanwhile; then writers wait."""


def behind(operation: Operation) -> bool:
    """Whether the steps that lists read are of an earlier day, or of before something that bears
    on everybody."""
    from onward.registry.models import ProjectionState

    state = ProjectionState.objects.filter(name=how_far.NOW).first()
    return (
        state is None
        or state.steps_seq != state.seq
        or state.steps_on != operation.default_date()
        or state.seq != _store(operation).last_seq()
    )


def steps_now(operation: Operation, person: str) -> list[dict[str, Any]]:
    """One person's next steps as they are now, whatever the lists say."""
    day = operation.default_date()
    rows = _rows(operation, [person], day)
    return next((row["steps"] for row in rows if row["person"] == person), [])


def catch_up(
    operation: Operation, *, pause: float = 0.0, stop: Callable[[], bool] = lambda: False
) -> bool:
    """Judge again whoever has to be; returns whether anybody had to.

    pause  seconds to leave to the pages after each part
    """
    from onward.registry.models import ProjectionState

    if not behind(operation):
        return False
    store, day = _store(operation), operation.default_date()
    state = ProjectionState.objects.filter(name=how_far.NOW).first()
    if state is None or state.seq != store.last_seq() or state.on != day:
        projection.ensure(operation)
        return True
    begun = state.seq
    for people in _parts():
        if stop():
            return True
        _part(operation, store, people, day)
        time.sleep(pause)
    with store.writing():
        state = ProjectionState.objects.filter(name=how_far.NOW).first()
        if state is None or state.on != day or (_last_wide() or 0) > begun:
            return True  # once more
        state.steps_seq, state.steps_on = state.seq, day
        how_far.save(state)
    return True


def _last_wide() -> int | None:
    from onward.registry.models import ProjectionState

    found = ProjectionState.objects.filter(name=how_far.WIDE).first()
    return found.seq if found else None


def _part(operation: Operation, store: DatabaseStore, people: Sequence[str], day: date) -> None:
    for _ in range(TRIES):
        seen = store.last_seq()
        rows = _rows(operation, people, day)
        with store.writing():
            if store.last_seq() == seen:
                _write(rows, set(people))
                return
    with store.writing():
        _write(_rows(operation, people, day), set(people))


def _rows(operation: Operation, people: Sequence[str], day: date) -> list[dict[str, Any]]:
    store, rulebook = _store(operation), operation.rulebook_at(day)
    found = neighbourhood.near(people, store, rulebook)
    if found.noticed or not neighbourhood.is_current(store, day, rulebook):
        caseload = neighbourhood.folded(found, store, rulebook, day)
    else:
        caseload = neighbourhood.from_rows(found, rulebook, day)
    steps = evaluate_all(caseload, on=day, engine=neighbourhood.engine())
    return kept_rows.person_rows(caseload, steps, {})


def _write(rows: Sequence[dict[str, Any]], people: set[str]) -> None:
    from onward.registry.models import PersonNow

    kept = {row.person: row for row in PersonNow.objects.filter(person__in=sorted(people))}
    for row in rows:
        old = kept.get(row["person"])
        if old is None:
            continue
        new = {
            name: row[name] for name in ("steps", "open_steps", "blocked", "held", "steps_on")
        }
        if any(getattr(old, name) != value for name, value in new.items()):
            PersonNow.objects.filter(person=row["person"]).update(**new)


def _parts() -> Iterator[list[str]]:
    """Everybody, whole households together."""
    from onward.registry.models import PersonNow

    part: list[str] = []
    last: str | None = None
    rows = PersonNow.objects.order_by("household", "person").values_list("person", "household")
    for person, household in list(rows):
        if len(part) >= PART and (household is None or household != last):
            yield part
            part = []
        part.append(person)
        last = household
    if part:
        yield part


def _store(operation: Operation) -> DatabaseStore:
    store = operation.store
    assert isinstance(store, DatabaseStore)
    return store


class Judge(threading.Thread):
    """Looks every second whether somebody has to be judged again, until told to stop."""

    def __init__(self, *, every: float = 1.0, pause: float = 0.1) -> None:
        super().__init__(name="onward-judge", daemon=True)
        self._every, self._pause = every, pause
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        from django.db import close_old_connections, connection

        from onward.registry import site

        try:
            while not self._stopping.wait(self._every):
                close_old_connections()
                try:
                    if site.is_open():
                        catch_up(
                            site.operation(), pause=self._pause, stop=self._stopping.is_set
                        )
                except Exception as error:
                    LOG.error("steps could not be judged again: %s", type(error).__name__)
        finally:
            connection.close()
