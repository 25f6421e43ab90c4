"""The log of events in a database, embedded and encrypted or on a server: one code for both.

Exists so that an office can keep its record where a stolen machine shows nothing and where rows
once written are refused to be changed. A batch, the new head of the tree over the log and,
through `also`, whatever must be true together with it go in one transaction. Writers queue: an
embedded database has one writer and no fairness, a server would let the tree fork.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from onward.caseload.events import (
    Event,
    NotAnEvent,
    canonical_bytes,
    from_json,
    instant_of,
    instant_text,
)
from onward.registry.database.queue import Queue
from onward.registry.log.ledger import SALT_BYTES, Peaks, event_leaf
from onward.registry.log.store import StoreDamaged, StoreError, StoreUncertain

TABLE, HEADS = "onward_event", "onward_tree_head"
COLUMNS = (
    "operation", "seq", "event_id", "subject_kind", "subject_id", "kind", "effective", "by_whom",
    "recorded", "idempotency_key", "supersedes", "owner", "house", "canonical", "salt", "leaf",
)  # fmt: skip
CHUNK = 500
"""Values per IN (…)."""

Also = Callable[[Sequence[Event]], None]
Beside = Callable[[Sequence[Event]], "Sequence[tuple[str, Sequence[Any]]] | None"]


@dataclass
class Turn:
    """What is known while it is this thread's turn to write: nobody else changes it meanwhile.

    end     the tree's peaks and the instant of the last event; None: not read yet
    unused  idempotency keys that were looked for and are not in the log
    kept    whatever else was read in this turn and only this turn can change, by name
    """

    operation: str
    end: tuple[Peaks, str] | None = None
    unused: set[str] = field(default_factory=set)
    kept: dict[str, Any] = field(default_factory=dict)


_turns = threading.local()

_MARKS = (
    (re.compile(r'"kind":"([^"\\]+)"'), "kind"),
    (re.compile(r'"supersedes":"([^"\\]+)"'), "supersedes"),
    (re.compile(r'"id":"([^"\\]+)","idempotency_key"'), "event_id"),
)


class DatabaseStore:
    """An append-only log in the database of the site that is open.

    operation  whose log it is
    backdated  keep the instant an event says it was recorded at (never falling): demonstrations
    clock      where "now" comes from
    """

    def __init__(
        self,
        operation: str,
        *,
        backdated: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.operation = operation
        self.notices: list[str] = []
        self._backdated = backdated
        self._clock = clock

    # -- writing ------------------------------------------------------------------------------

    def append(
        self,
        events: Iterable[Event],
        *,
        also: Also | None = None,
        beside: Beside | None = None,
    ) -> Sequence[Event]:
        """Record a batch entirely or not at all; see `EventStore.append`.

        also    called with what was added, inside the transaction; when it raises, nothing was
        beside  called before that with what will be added: statements that go with it in one
                trip and take the place of `also`; None when it has none
        """
        drafts = list(events)
        from django.db import Error

        try:
            with self.writing():
                return self._append(drafts, also, beside)
        except Error as error:
            raise StoreError(
                f"The events could not be written ({type(error).__name__}); nothing of this "
                "batch was recorded. Try again; if it stays so, look at the disk and the server."
            ) from error

    @contextmanager
    def writing(self, *questions: Any) -> Iterator[list[list[Any]]]:
        """The one writer of this operation, in one transaction. May be nested.

        questions  asked as soon as it is our turn (`trips.ask`); the answers are what it gives
        """
        from django.db import Error, connection, transaction

        if self.turn() is not None:
            yield _asked(questions)
            return
        if connection.in_atomic_block:
            yield self._our_turn(connection, questions)
            return
        confirming = False
        try:
            with Queue.of(connection, self.operation), transaction.atomic():
                answers = self._our_turn(connection, questions)
                _turns.now = Turn(self.operation)
                try:
                    yield answers
                finally:
                    _turns.now = None
                confirming = True
        except Error as error:
            if not confirming:
                raise
            # What was written may still be found when the record is next opened.
            raise StoreUncertain(
                f"It is not certain that this was recorded ({type(error).__name__}): the disk or "
                "the server failed while it was being confirmed. Look at them, start again, and "
                "send the same once more: what is there already is not recorded twice."
            ) from error

    def turn(self) -> Turn | None:
        """What is known in this thread's turn to write; None when it has none. Inside a part
        that may be undone by itself nothing is kept: it could outlive what it was read from."""
        from django.db import connection

        found: Turn | None = getattr(_turns, "now", None)
        if found is None or found.operation != self.operation:
            return None
        if not connection.in_atomic_block or connection.savepoint_ids:
            found.end, found.unused, found.kept = None, set(), {}
            return None
        return found

    def _our_turn(self, connection: Any, questions: Sequence[Any]) -> list[list[Any]]:
        """Wait for our turn, then ask. Each question sees what whoever wrote before confirmed."""
        if connection.vendor != "postgresql":
            return _asked(questions)
        lock = (
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"onward {self.operation}"],
        )
        return _asked([lock, *questions])[1:]

    def _append(
        self, drafts: Sequence[Event], also: Also | None, beside: Beside | None
    ) -> Sequence[Event]:
        from django.db import connection

        from onward.registry.database import trips

        turn = self.turn()
        with connection.cursor() as cursor:
            known = self._known(cursor, [event.idempotency_key for event in drafts])
            fresh: list[Event] = []
            for event in drafts:
                if event.idempotency_key not in known:
                    known.add(event.idempotency_key)
                    fresh.append(event)
            self._check_corrections(cursor, fresh)
            if not fresh:
                return []
            peaks, last = self._end(cursor)
            placed = self._placed(fresh, peaks.size, last)
            more = beside(placed) if beside is not None else None
            rows = self._rows(placed, peaks)
            statements = insert_rows(connection, cursor, rows)
            if turn is not None:
                turn.end = None  # until all of it is written
            head = (
                f"INSERT INTO {HEADS} (operation, size, root, peaks, recorded) "
                "VALUES (%s, %s, %s, %s, %s)",
                [
                    self.operation,
                    peaks.size,
                    peaks.root(),
                    peaks.to_bytes(),
                    placed[-1].recorded,
                ],
            )
            trips.send([*statements, head, *(more or ())])
            if turn is not None:
                turn.end = (peaks, placed[-1].recorded)
                turn.unused -= {event.idempotency_key for event in placed}
        if more is None and also is not None:
            also(placed)
        return placed

    def _placed(self, events: Sequence[Event], size: int, last: str) -> list[Event]:
        latest = instant_of(last) if last else datetime.min.replace(tzinfo=UTC)
        now = self._clock()
        placed = []
        for number, event in enumerate(events, size + 1):
            instant = instant_of(event.recorded) if self._backdated and event.recorded else now
            # A clock that was set back must not put what is recorded now before what was
            # recorded then: the order of the log is the order of its instants.
            latest = max(latest, instant)
            placed.append(event.placed(seq=number, recorded=instant_text(latest)))
        return placed

    def _rows(self, placed: Sequence[Event], peaks: Peaks) -> list[tuple[Any, ...]]:
        salts = os.urandom(SALT_BYTES * len(placed))
        rows = []
        for number, event in enumerate(placed):
            salt = salts[number * SALT_BYTES : (number + 1) * SALT_BYTES]
            row = row_of(event, salt)
            peaks.append(row[-1])
            rows.append(row)
        return rows

    def _known(self, cursor: Any, keys: Sequence[str]) -> set[str]:
        if (turn := self.turn()) is not None:
            keys = [key for key in keys if key not in turn.unused]
        if len(keys) > 20 * CHUNK:
            cursor.execute(
                f"SELECT idempotency_key FROM {TABLE} WHERE operation = %s", [self.operation]
            )
            return {row[0] for row in cursor.fetchall()} & set(keys)
        return self._among(cursor, "idempotency_key", keys)

    def _among(self, cursor: Any, column: str, values: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            marks = ", ".join(["%s"] * len(part))
            cursor.execute(
                f"SELECT {column} FROM {TABLE} WHERE operation = %s AND {column} IN ({marks})",
                [self.operation, *part],
            )
            found.update(row[0] for row in cursor.fetchall())
        return found

    def _check_corrections(self, cursor: Any, events: Sequence[Event]) -> None:
        here = {event.id for event in events}
        wanted = {e.supersedes for e in events if e.supersedes and e.supersedes not in here}
        missing = wanted - self._among(cursor, "event_id", sorted(wanted)) if wanted else wanted
        if missing:
            raise StoreError(
                f"{len(missing)} event(s) correct an event this log does not hold; "
                "nothing of this batch was recorded. Correct events of this operation only."
            )

    def _end(self, cursor: Any) -> tuple[Peaks, str]:
        """A copy of the tree's peaks, and the instant of the last event."""
        turn = self.turn()
        if turn is not None and turn.end is not None:
            peaks, recorded = turn.end
            return Peaks(peaks.size, peaks.peaks), recorded
        cursor.execute(*self.end_question())
        row = cursor.fetchone()
        end = end_of([row] if row else [])
        if turn is not None:
            turn.end = end
        return Peaks(end[0].size, end[0].peaks), end[1]

    def end_question(self) -> tuple[str, list[Any]]:
        """What to ask for the end of the log; `end_of` reads the answer."""
        return (
            f"SELECT size, peaks, recorded FROM {HEADS} WHERE operation = %s "
            "ORDER BY size DESC LIMIT 1",
            [self.operation],
        )

    # -- reading ------------------------------------------------------------------------------

    def read(self, known_at: datetime | None = None) -> Sequence[Event]:
        clause, values = "", []
        if known_at is not None:
            # The instants are fixed-width text in UTC, so their order is the order of the texts.
            clause, values = " AND recorded <= %s", [instant_text(known_at)]
        return self._read(clause, values)

    def read_marked(self, marks: Sequence[str]) -> Sequence[Event]:
        by_column: dict[str, list[str]] = {}
        rest = []
        for mark in marks:
            for pattern, column in _MARKS:
                if found := pattern.fullmatch(mark):
                    by_column.setdefault(column, []).append(found.group(1))
                    break
            else:
                rest.append(mark)
        events: dict[int, Event] = {}
        for column, values in by_column.items():
            for start in range(0, len(values), CHUNK):
                part = values[start : start + CHUNK]
                marks_ = ", ".join(["%s"] * len(part))
                for event in self._read(f" AND {column} IN ({marks_})", part):
                    events[event.seq] = event
        for mark in rest:
            from django.db import connection

            holds = "instr(canonical, %s) > 0"
            if connection.vendor == "postgresql":
                holds = "strpos(canonical, %s) > 0"
            for event in self._read(f" AND {holds}", [mark]):
                events[event.seq] = event
        return [events[seq] for seq in sorted(events)]

    def read_where(self, clause: str, values: Sequence[Any]) -> Sequence[Event]:
        """Events of which a condition on the table's columns holds, by seq."""
        return self._read(f" AND ({clause})", values)

    def seqs_of(self, ids: Sequence[str]) -> dict[str, int]:
        """Where events are in the log, by id; those that are not are left out."""
        from django.db import connection

        found: dict[str, int] = {}
        with connection.cursor() as cursor:
            for start in range(0, len(ids), CHUNK):
                part = ids[start : start + CHUNK]
                cursor.execute(
                    f"SELECT event_id, seq FROM {TABLE} WHERE operation = %s "
                    f"AND event_id IN ({', '.join(['%s'] * len(part))})",
                    [self.operation, *part],
                )
                found.update(cursor.fetchall())
        return found

    def count_of_keys(self, likes: Sequence[str]) -> int:
        """How many idempotency keys are like one of these; the index of keys answers it."""
        from django.db import connection

        some = " OR ".join(["idempotency_key LIKE %s"] * len(likes))
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {TABLE} WHERE operation = %s AND ({some})",
                [self.operation, *likes],
            )
            return int(cursor.fetchone()[0])

    def where(self, clause: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """`read_where` as a question for `trips.ask`; `events_of` reads the answer."""
        return self._question(f" AND ({clause})", values)

    def _question(self, clause: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        return (
            # "+ 0": the few rows of a clause are found by its own index and sorted after.
            f"SELECT seq, canonical FROM {TABLE} WHERE operation = %s{clause} "
            f"ORDER BY seq{' + 0' if clause else ''}",
            [self.operation, *values],
        )

    def _read(self, clause: str, values: Sequence[Any]) -> list[Event]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(*self._question(clause, values))
            return events_of(cursor.fetchall())

    def head(self) -> str:
        from django.db import connection

        with connection.cursor() as cursor:
            peaks, _ = self._end(cursor)
        return peaks.root().hex()

    def tree(self) -> tuple[int, bytes, str]:
        """Events in the log, the root over them, and the instant of the last."""
        from django.db import connection

        with connection.cursor() as cursor:
            peaks, recorded = self._end(cursor)
        return peaks.size, peaks.root(), recorded

    def leaves(self) -> list[bytes]:
        """The leaf hashes as kept, in order: what proofs are made of."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT leaf FROM {TABLE} WHERE operation = %s ORDER BY seq", [self.operation]
            )
            return [bytes(row[0]) for row in cursor.fetchall()]

    def last_seq(self) -> int:
        """The number of events in the log."""
        from django.db import connection

        with connection.cursor() as cursor:
            return self._end(cursor)[0].size

    def unfinished_bytes(self) -> int:
        """Always 0: a database takes back what it never committed by itself."""
        return 0


def row_of(event: Event, salt: bytes) -> tuple[Any, ...]:
    """An appended event as the table keeps it, in the order of COLUMNS."""
    canonical = canonical_bytes(event)
    owner, house = points_to(event)
    return (
        event.operation, event.seq, event.id, event.subject.kind, event.subject.id, event.kind,
        event.effective, event.by, event.recorded, event.idempotency_key, event.supersedes,
        owner, house, canonical.decode(), salt, event_leaf(salt, canonical),
    )  # fmt: skip


def points_to(event: Event) -> tuple[str | None, str | None]:
    """The person and the household an event's facts point to, apart from its subject."""
    facts: Mapping[str, Any] = event.facts
    owner, house = facts.get("person"), facts.get("household")
    if event.kind == "merged":
        owner = facts.get("into")
    return (
        owner if isinstance(owner, str) else None,
        house if isinstance(house, str) else None,
    )


def _asked(questions: Sequence[Any]) -> list[list[Any]]:
    if not questions:
        return []
    from onward.registry.database import trips

    return trips.ask(*questions)


def end_of(rows: Sequence[tuple[Any, ...]]) -> tuple[Peaks, str]:
    """The tree's peaks and the instant of the last event, from the answer to `end_question`."""
    if not rows:
        return Peaks(), ""
    [(size, peaks, recorded)] = rows
    return Peaks.from_bytes(size, bytes(peaks)), recorded


def events_of(rows: Sequence[tuple[int, str]]) -> list[Event]:
    """The events of an answer to `where`."""
    return [event_of(seq, text) for seq, text in rows]


def insert_rows(
    connection: Any, cursor: Any, rows: Sequence[tuple[Any, ...]]
) -> list[tuple[str, Sequence[Any]]]:
    """Write rows by the quickest way the database has, or give the statements that do."""
    marks = ", ".join(["%s"] * len(COLUMNS))
    head = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES "
    if not rows:
        return []
    if len(rows) <= 20:
        together = ", ".join([f"({marks})"] * len(rows))
        return [(head + together, [value for row in rows for value in row])]
    if connection.vendor == "postgresql":
        from onward.registry.database.loading import copy_rows

        copy_rows(cursor, TABLE, COLUMNS, rows)
    else:
        cursor.executemany(f"{head}({marks})", rows)
    return []


def event_of(seq: int, canonical: str) -> Event:
    """The event of a row; raises StoreDamaged when it is none or sits in another place."""
    try:
        event = from_json(json.loads(canonical))
    except (ValueError, NotAnEvent):
        raise StoreDamaged(
            f"event {seq} of the log cannot be read. The log was changed or the disk is failing. "
            "Look with: onward verify DIR; then restore from a backup."
        ) from None
    if event.seq != seq:
        raise StoreDamaged(
            f"event {seq} of the log says that it is another one. The log was changed. "
            "Look with: onward verify DIR; then restore from a backup."
        )
    return event
