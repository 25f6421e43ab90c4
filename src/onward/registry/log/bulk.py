"""Appends a whole log at once, checked event by event, by the quickest way a database has.

Exists for moving a record: from a laptop to a server, from files to the encrypted store. Comes
in: lines in the form of the log (`docs/reference/events.md`). Every event is checked against the
rulebook in force, hashed into the tree and written in one transaction; one fault and nothing is
kept. The work per event is shared among processes; the order is that of the lines.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from onward.caseload.events import NotAnEvent, event_faults, from_json, instant_of, instant_text
from onward.caseload.sound import Sound, sound_bytes
from onward.dates import NotADate
from onward.engine.cores import cores
from onward.errors import Fault, Faults, OnwardError
from onward.registry.log.db_store import (
    COLUMNS,
    HEADS,
    TABLE,
    DatabaseStore,
    insert_rows,
    row_of,
)
from onward.registry.log.ledger import HASH_BYTES, SALT_BYTES, event_leaf
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    from onward.registry.database.loading import NewPartition

CHUNK = 4000
MOST_FAULTS = 100


@dataclass(frozen=True)
class Part:
    """One run of lines, checked: rows or COPY text, leaf hashes, and what was wrong."""

    rows: Any
    leaves: bytes
    events: int
    faults: tuple[Fault, ...]
    first: str
    last: str
    supersedes: bool


def load(
    store: DatabaseStore,
    rulebook: Rulebook,
    lines: Iterable[bytes],
    *,
    keep_instants: bool = False,
    workers: int = 0,
    file: str = "",
    say: Callable[[str], None] = lambda text: None,
    after: Callable[[], Iterable[bytes]] = tuple,
) -> int:
    """Append every line, or nothing; returns how many.

    keep_instants  keep when each event was recorded; they must not fall. Otherwise: now
    workers        processes; 0: one for each core
    after          asked, once every line was found right, for the lines that follow from them
    raises         Faults with what is wrong, OnwardError when an event is there already
    """
    from django.db import IntegrityError, OperationalError, connection

    from onward.registry.database import trips

    as_copy = connection.vendor == "postgresql"
    now = instant_text(datetime.now(UTC))
    count = workers or cores()
    context = multiprocessing.get_context("fork")
    # Forked before the transaction, so that no process shares its connection.
    global _SHARED
    _SHARED = (rulebook, store.operation, "" if keep_instants else now, as_copy)
    connection.close()
    total = 0
    try:
        with ProcessPoolExecutor(count, mp_context=context) as pool:
            ready = [pool.submit(_warm) for _ in range(count)]
            for future in ready:
                future.result()
            with _as_owner(connection), store.writing(), connection.cursor() as cursor:
                peaks, last = store._end(cursor)
                place = None
                if _only_adopted(cursor, store.operation):
                    # A new operation that takes over a record: its rulebook was adopted now, and
                    # what is loaded keeps the instants of then.
                    last = ""
                    place = _new_partition(cursor, store.operation) if as_copy else None
                if as_copy and place is None:
                    _staging(cursor)
                linked = False

                def parts() -> Iterator[Part]:
                    yield from _in_order(pool, lines, peaks.size + 1, count, file)
                    yield from _in_order(pool, after(), peaks.size + 1, count, file)

                for part in parts():
                    if part.faults:
                        raise Faults(part.faults[:MOST_FAULTS], "Nothing was loaded.")
                    if part.first < last:
                        raise OnwardError(
                            f"{file or 'The log'}: events after line {total} were recorded before "
                            "the ones ahead of them. Nothing was loaded."
                        )
                    last, linked = part.last, linked or part.supersedes
                    for at in range(0, len(part.leaves), HASH_BYTES):
                        peaks.append(part.leaves[at : at + HASH_BYTES])
                    if place is not None:
                        _copy_into(cursor, place.name, part.rows)
                    elif as_copy:
                        _copy(cursor, part.rows)
                    else:
                        trips.send(insert_rows(connection, cursor, part.rows))
                    total += part.events
                    say(f"{total:,} events")
                if place is not None:
                    place.take_place()
                if linked:
                    _check_links(cursor, store.operation)
                if total:
                    cursor.execute(
                        f"INSERT INTO {HEADS} (operation, size, root, peaks, recorded) "
                        "VALUES (%s, %s, %s, %s, %s)",
                        [store.operation, peaks.size, peaks.root(), peaks.to_bytes(), last],
                    )
    except IntegrityError:
        raise OnwardError(
            f"{file or 'The log'} holds an event that the record has already, or the same one "
            "twice. Nothing was loaded."
        ) from None
    except OperationalError as error:
        from onward.registry.database.loading import LOCKED

        if getattr(error.__cause__, "sqlstate", "") != LOCKED:
            raise
        raise OnwardError(
            "Somebody was reading the log for longer than a load waits. Nothing was loaded; try "
            "again when no export and no backup is running."
        ) from None
    finally:
        _SHARED = None
    return total


_SHARED: tuple[Rulebook, str, str, bool] | None = None


def _warm() -> bool:
    return _SHARED is not None


def _in_order(
    pool: ProcessPoolExecutor, lines: Iterable[bytes], start: int, count: int, file: str
) -> Iterator[Part]:
    """Parts in the order of the lines, never more of them under way than processes need."""
    iterator = iter(lines)
    under_way: list[Future[Part]] = []
    line = 1
    while True:
        while len(under_way) < 2 * count and (some := list(islice(iterator, CHUNK))):
            under_way.append(pool.submit(_part, some, start, line, file))
            start, line = start + len(some), line + len(some)
        if not under_way:
            return
        yield under_way.pop(0).result()


def _part(lines: list[bytes], start: int, line: int, file: str) -> Part:
    assert _SHARED is not None
    rulebook, operation, now, as_copy = _SHARED
    sound, written = _sound(rulebook, operation), _written(as_copy)
    faults: list[Fault] = []
    rows: list[Any] = []
    leaves: list[bytes] = []
    salts = os.urandom(SALT_BYTES * len(lines))
    first = last = now
    supersedes = False
    for number, text in enumerate(lines):
        salt = salts[number * SALT_BYTES : (number + 1) * SALT_BYTES]
        try:
            data = json.loads(text if isinstance(text, str) else text.decode())
        except ValueError:
            data = None
        if data is not None and sound(data):
            recorded = now or data["recorded"]
            if recorded and (now or recorded >= last):
                if not now:
                    first, last = first or recorded, recorded
                supersedes = supersedes or data["supersedes"] is not None
                row = sound_row(data, start + number, recorded, salt)
                leaves.append(row[-1])
                rows.append(written(row))
                continue
        where = f"line {line + number}"
        try:
            event = from_json(data)  # type: ignore[arg-type]
            recorded = now or event.recorded
            if not now:
                instant_of(recorded)
        except (ValueError, NotAnEvent, NotADate):
            faults.append(Fault(file, where, "", "not an event with its instant"))
            continue
        found = event_faults(event, rulebook, file=file, where=where)
        if event.operation != operation:
            found.append(Fault(file, where, "operation", "another operation", operation))
        if not now:
            first = first or recorded
            if recorded < last:
                found.append(Fault(file, where, "recorded", "earlier than the line before"))
            last = recorded
        if found:
            faults += found
            continue
        supersedes = supersedes or event.supersedes is not None
        row = row_of(event.placed(seq=start + number, recorded=recorded), salt)
        leaves.append(row[-1])
        rows.append(written(row))
    made: Any = "".join(rows).encode() if as_copy else rows
    return Part(made, b"".join(leaves), len(rows), tuple(faults), first, last, supersedes)


_checks: dict[tuple[str, str], Sound] = {}


def _sound(rulebook: Rulebook, operation: str) -> Sound:
    key = (rulebook.hash, operation)
    if key not in _checks:
        _checks.clear()
        _checks[key] = Sound(rulebook, operation)
    return _checks[key]


def sound_row(data: dict[str, Any], seq: int, recorded: str, salt: bytes) -> tuple[Any, ...]:
    """`row_of` for an event that is `Sound`."""
    canonical = sound_bytes(data, seq=seq, recorded=recorded)
    subject, facts = data["subject"], data["facts"]
    owner, house = facts.get("person"), facts.get("household")
    return (
        data["operation"], seq, data["id"], subject["kind"], subject["id"], data["kind"],
        data["effective"], data["by"], recorded, data["idempotency_key"], data["supersedes"],
        owner if isinstance(owner, str) else None, house if isinstance(house, str) else None,
        canonical.decode(), salt, event_leaf(salt, canonical),
    )  # fmt: skip


def _written(as_copy: bool) -> Callable[[tuple[Any, ...]], Any]:
    """How a row is handed on: as a line for COPY, or as it is."""
    from onward.registry.database.loading import copy_line

    return copy_line if as_copy else lambda row: row


def _only_adopted(cursor: Any, operation: str) -> bool:
    cursor.execute(
        f"SELECT count(*) FROM {TABLE} WHERE operation = %s AND kind <> 'adopted'", [operation]
    )
    return not cursor.fetchone()[0]


def _as_owner(connection: Any) -> AbstractContextManager[Any]:
    """The owner of a server's tables, where one is named; otherwise who is connected."""
    from onward.registry.database import postgres

    named = connection.vendor == "postgresql" and os.environ.get(postgres.OWNER_VARIABLE)
    return postgres.as_owner(connection) if named else nullcontext()


def _new_partition(cursor: Any, operation: str) -> NewPartition | None:
    from onward.registry.database.loading import NewPartition

    possible = NewPartition.possible(cursor, operation)
    return NewPartition(cursor, operation) if possible else None


def _staging(cursor: Any) -> None:
    """COPY does not go past row-level security: it fills a table of this transaction first."""
    cursor.execute(
        f"CREATE TEMP TABLE incoming_events ON COMMIT DROP AS SELECT {', '.join(COLUMNS)} "
        f"FROM {TABLE} WITH NO DATA"
    )


def _copy(cursor: Any, data: bytes) -> None:
    """One part into the log, while the others are being checked."""
    names = ", ".join(COLUMNS)
    cursor.execute("TRUNCATE incoming_events")
    _copy_into(cursor, "incoming_events", data)
    cursor.execute(f"INSERT INTO {TABLE} ({names}) SELECT {names} FROM incoming_events")


def _copy_into(cursor: Any, table: str, data: bytes) -> None:
    names = ", ".join(COLUMNS)
    with cursor.cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        copy.write(data)


def _check_links(cursor: Any, operation: str) -> None:
    cursor.execute(
        f"SELECT count(*) FROM {TABLE} AS e WHERE e.operation = %s AND e.supersedes IS NOT NULL "
        f"AND NOT EXISTS (SELECT 1 FROM {TABLE} AS o WHERE o.operation = e.operation "
        "AND o.event_id = e.supersedes AND o.seq < e.seq)",
        [operation],
    )
    if missing := cursor.fetchone()[0]:
        raise OnwardError(
            f"{missing} event(s) correct an event that is not before them. Nothing was loaded."
        )
