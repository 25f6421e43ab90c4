"""The caseload as it is now, kept beside the log so that a page need not fold everything.

Exists because a desk opens one person at a time and an office lists hundreds. The rows are made
by the ordinary fold and the ordinary safeguards over a *neighbourhood*: a person, everybody of
the household, everything that points to them, and what bears on everybody. They are written in
the transaction that appends the events; `compare` makes all of it again from the log and says
where the two differ. In comes an operation and people; out come caseloads and rows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from onward.caseload import Event, fold
from onward.registry.now import whole
from onward.registry.now.foreseeing import foreseen, was_foreseen
from onward.registry.now.how_far import NOW, WIDE, rulebook_of, save, saying, state_of, store_of
from onward.registry.now.kept_rows import person_rows, revisions_of, thing_rows
from onward.registry.now.neighbourhood import (
    SMALL,
    common_kinds,
    nobodys,
    of_no_household,
    parts,
)
from onward.registry.now.whole import Neighbours, owners, pointing_nowhere, touched
from onward.registry.operation import RULEBOOK_SUBJECT, Operation
from onward.safeguards.everybody import evaluate_all


def refresh(operation: Operation, placed: Sequence[Event], on: date | None = None) -> None:
    """Bring the rows that these events touch up to date; call inside their transaction.

    What bears on everybody (an assurance, a destination, a rulebook) leaves everybody's steps
    out of date; `ensure` judges them again. A batch that touches more than SMALL people is left
    to `ensure` entirely.
    """
    from onward.registry.database import trips
    from onward.registry.models import ProjectionState
    from onward.registry.now import narrow

    if not placed:
        return
    store = store_of(operation)
    state = state_of(store)
    before = placed[0].seq - 1
    if state is None or state.seq < before or state.on is None or on not in (None, state.on):
        return
    day = state.on  # rows of yesterday stay rows of yesterday until all are made again
    rulebook = rulebook_of(operation, state)
    common = common_kinds(rulebook)
    if any(event.subject.kind == RULEBOOK_SUBJECT for event in placed):
        return
    last = placed[-1].seq
    # A plan that is adopted, for one, is nobody's state: the rows stay as they are.
    placed = [event for event in placed if event.subject.kind in rulebook.kinds]
    waiting, theirs = pointing_nowhere(placed, rulebook)
    people = touched(placed, common) | theirs
    if len(people) > SMALL:
        return
    if not placed:
        state.steps_seq = last if state.steps_seq == before else state.steps_seq
        state.seq = last
        save(state)
        return
    wide = any(event.subject.kind in common for event in placed)
    theirs = owners(placed, common)
    ahead = was_foreseen(placed, rulebook, day)
    in_date = (state.steps_seq, state.steps_on) == (before, day)
    if ahead is None and in_date and not wide and not waiting:
        least = narrow.narrowly(placed, people, store, rulebook, day)
        if least is not None:
            state.seq = state.steps_seq = last
            trips.send([*narrow.statements(least), saying(state)])
            return
    made = ahead
    if not isinstance(made, Neighbours):
        made = whole.neighbours(placed, people | theirs, waiting, store, rulebook, day)
    if made is None:
        return
    _replace(made.people, made.things, gone=made.gone, things_gone=made.things_gone)
    # Who belongs to no known household bears on everybody's household, and what names nobody
    # known bears on everybody, before it is mended and after.
    now = nobodys(rulebook)
    wide = wide or made.loose != now or bool(made.extra & now)
    wide = wide or made.homeless != of_no_household()
    state.seq = last
    if not wide and state.steps_seq == before:
        state.steps_seq = state.seq
    save(state)
    if wide:
        save(ProjectionState(operation=store.operation, name=WIDE, seq=last))


def append(operation: Operation, batch: Sequence[Event]) -> Sequence[Event]:
    """Append events and, when they are few, bring the rows they touch up to date with them."""
    return store_of(operation).append(
        batch,
        also=lambda placed: refresh(operation, placed),
        beside=lambda placed: foreseen(operation, placed),
    )


def ensure(operation: Operation, on: date | None = None) -> bool:
    """Make everything again when the projection is behind the log or of another day.

    Returns whether it had to. Cheap when all is well: one row is read.
    """
    from onward.registry.models import ProjectionState

    day = on or operation.default_date()
    state = ProjectionState.objects.filter(name=NOW).first()
    last = store_of(operation).last_seq()
    if state and (state.seq, state.steps_seq, state.on, state.steps_on) == (
        last,
        last,
        day,
        day,
    ):
        return False
    rebuild(operation, day)
    return True


_following = threading.Lock()


def follow(operation: Operation) -> bool:
    """Make the rows again when they are behind the log; returns whether they had to be. Steps
    that are out of date are left to `judging`. What somebody records waits for this only after a
    large batch elsewhere."""

    def current() -> bool:
        store = store_of(operation)
        state = state_of(store)
        return state is not None and state.seq == store.last_seq()

    if current():
        return False
    with _following:
        if not current():
            rebuild(operation)
    return True


def rebuild(operation: Operation, on: date | None = None) -> None:
    """Make every row again from the log, in one transaction."""
    from onward.registry.models import ProjectionState

    day = on or operation.default_date()
    store = store_of(operation)
    while True:
        last = store.last_seq()
        people, things = _everything(operation, day)
        with store.writing():
            if store.last_seq() != last:
                continue
            _replace(people, things, gone=None)
            _know_sizes()
            rulebook = operation.rulebook_at(day).hash
            save(
                ProjectionState(
                    operation=store.operation, name=NOW, seq=last, on=day, steps_seq=last,
                    steps_on=day, rulebook=rulebook,
                )
            )  # fmt: skip
            return


def _everything(operation: Operation, day: date) -> tuple[list[Any], list[Any]]:
    rulebook = operation.rulebook_at(day)
    used = operation.engine()
    caseload = fold(operation.events_table(rulebook), rulebook, as_of=day, engine=used)
    steps = evaluate_all(caseload, on=day, engine=used)
    revisions = revisions_of(operation.store.read(), caseload)
    return person_rows(caseload, steps, revisions[0]), thing_rows(caseload, revisions[1])


def compare(operation: Operation) -> list[str]:
    """What differs between the rows kept and the rows made again from the log; [] when nothing.

    Differences are said by table, column and count, never by value.
    """
    from onward.registry.models import PersonNow, ProjectionState, ThingNow

    state = ProjectionState.objects.filter(name=NOW).first()
    if state is None or state.on is None:
        return []
    if state.seq != store_of(operation).last_seq():
        return ["The projection is behind the log; the desk catches up when it is opened."]
    people, things = _everything(operation, state.on)
    fresh_steps = state.steps_seq == state.seq and state.steps_on == state.on
    found = _differences(
        "person", people, PersonNow.objects.all().values(), ("person",),
        leave=() if fresh_steps else ("steps", "open_steps", "blocked", "held", "steps_on"),
    )  # fmt: skip
    return found + _differences(
        "thing", things, ThingNow.objects.all().values(), ("kind", "thing"), leave=()
    )


def _differences(
    what: str, made: Sequence[Mapping[str, Any]], kept: Iterable[Mapping[str, Any]],
    key: tuple[str, ...], leave: Sequence[str],
) -> list[str]:  # fmt: skip
    wanted = {tuple(row[name] for name in key): row for row in made}
    found = {tuple(row[name] for name in key): row for row in kept}
    texts = []
    if missing := len(wanted.keys() - found.keys()):
        texts.append(f"{missing} {what} rows are missing from the projection.")
    if extra := len(found.keys() - wanted.keys()):
        texts.append(f"{extra} {what} rows of the projection are not in the log.")
    wrong: dict[str, int] = {}
    for name in wanted.keys() & found.keys():
        for column, value in wanted[name].items():
            if column not in leave and not _same(value, found[name][column]):
                wrong[column] = wrong.get(column, 0) + 1
    texts += [
        f"{count} {what} rows differ from the log in {column}."
        for column, count in sorted(wrong.items())
    ]
    return texts


def _same(made: Any, kept: Any) -> bool:
    if isinstance(made, list | dict):
        return json.dumps(made, sort_keys=True) == json.dumps(kept, sort_keys=True)
    return bool(made == kept)


def _know_sizes() -> None:
    """Let the embedded database count what it holds, so that it chooses the right index; a
    server does this by itself."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 2000")
            cursor.execute("ANALYZE")


def _replace(
    people: Sequence[Mapping[str, Any]], things: Sequence[Mapping[str, Any]],
    *, gone: frozenset[str] | None, things_gone: Iterable[tuple[str, str]] = (),
) -> None:  # fmt: skip
    """Put rows in the place of the old ones of the same people and things.

    gone, things_gone   whose rows go even when there is no new one (merged into another, or
                        everything about it taken back); None: all
    """
    from onward.registry.models import PersonNow, ThingNow
    from onward.registry.site import current

    operation = current().operation
    if gone is None:
        PersonNow.objects.all().delete()
        ThingNow.objects.all().delete()
    else:
        for part in parts(gone):
            PersonNow.objects.filter(person__in=part).delete()
        by_kind: dict[str, list[str]] = {}
        for kind, name in {*things_gone, *((row["kind"], row["thing"]) for row in things)}:
            by_kind.setdefault(kind, []).append(name)
        for kind, names in by_kind.items():
            for part in parts(names):
                ThingNow.objects.filter(kind=kind, thing__in=part).delete()
    PersonNow.objects.bulk_create(
        [PersonNow(operation=operation, **row) for row in people], batch_size=200
    )
    ThingNow.objects.bulk_create(
        [ThingNow(operation=operation, **row) for row in things], batch_size=500
    )
