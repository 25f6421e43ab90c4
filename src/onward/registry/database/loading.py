"""Many rows into a server's log at once.

Exists because a record of millions, moved or restored row by row, takes hours. Comes in: rows, and
the owner's or the desk's cursor. Goes out: rows written by COPY, and a whole record put in the place
of an operation's part of the log (`NewPartition`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from onward.registry.database.walls import guard_partition, partition_of


class NewPartition:
    """The partition of an operation that takes over a whole record, filled before it is one.

    Exists because an index that grows row by row takes most of the time of a load. The owner
    fills a table beside the log that has no index yet, makes all of them at once, and puts it
    in the place of the partition, in one transaction: a fault, and nothing has happened. Nobody
    writes to the operation meanwhile; others' readers wait only while the place is taken.
    """

    def __init__(self, cursor: Any, operation: str) -> None:
        self._cursor, self._operation = cursor, operation
        self._old = partition_of(operation)
        self.name = f"{self._old}_new"
        self._run("LOCK TABLE {old} IN SHARE MODE")
        self._run(
            "CREATE TABLE {new} (LIKE onward_event INCLUDING DEFAULTS, "
            "CONSTRAINT of_one_operation CHECK (operation = {operation}))"
        )
        self._run("INSERT INTO {new} SELECT * FROM onward_event WHERE operation = {operation}")

    @staticmethod
    def possible(cursor: Any, operation: str) -> bool:
        """Whether this connection owns the operation's partition. Two operations may be called
        nearly the same, and only the first of them has the partition of that name."""
        cursor.execute(
            "SELECT count(*) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass('onward_event') AND c.relname = %s "
            "AND pg_get_userbyid(c.relowner) = current_user "
            "AND pg_get_expr(c.relpartbound, c.oid) "
            "= 'FOR VALUES IN (' || quote_literal(%s::text) || ')'",
            [partition_of(operation), operation],
        )
        return bool(cursor.fetchone()[0])

    def take_place(self) -> None:
        """Make the keys and indexes of the log, and become its partition."""
        cursor = self._cursor
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 'onward_event'::regclass AND contype IN ('p', 'u')"
        )
        for (key,) in cursor.fetchall():
            self._run("ALTER TABLE {new} ADD " + key)
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index AS i "
            "WHERE indrelid = 'onward_event'::regclass AND NOT EXISTS "
            "(SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)"
        )
        for (text,) in cursor.fetchall():
            self._run("CREATE INDEX ON {new} USING " + text.partition(" USING ")[2])
        self._detach()
        self._run("DROP TABLE {old}")
        self._run("ALTER TABLE {new} RENAME TO {old}")
        self._run("ALTER TABLE onward_event ATTACH PARTITION {old} FOR VALUES IN ({operation})")
        self._run("ALTER TABLE {old} DROP CONSTRAINT of_one_operation")
        guard_partition(cursor, self._old)

    def _detach(self) -> None:
        """Take the old partition out. To wait for it makes every reader of the log wait behind,
        so it is asked for briefly and again, and they read in between."""
        from django.db import OperationalError, transaction

        self._cursor.execute(f"SET LOCAL lock_timeout = '{ASK_SECONDS}s'")
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with transaction.atomic():
                    self._run("ALTER TABLE onward_event DETACH PARTITION {old}")
                return
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") != LOCKED:
                    raise
                if time.monotonic() > until:
                    raise
                time.sleep(ASK_SECONDS)

    def _run(self, text: str) -> None:
        from psycopg import sql

        statement = sql.SQL(text).format(  # type: ignore[arg-type]
            old=sql.Identifier(self._old),
            new=sql.Identifier(self.name),
            operation=sql.Literal(self._operation),
        )
        self._cursor.execute(statement.as_string(self._cursor.connection))


PATIENCE_SECONDS = 60
"""How long a load that is ready waits for those who are reading the log."""
ASK_SECONDS = 2
"""How long it makes others wait at a time."""
LOCKED = "55P03"
"""What a server answers when a lock was not to be had in time."""


def copy_rows(
    cursor: Any, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Write rows by COPY. It does not go past row-level security, so it fills a table of this
    transaction first, from which the rows are taken."""
    names = ", ".join(columns)
    cursor.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS incoming ON COMMIT DROP AS SELECT {names} FROM {table} "
        "WITH NO DATA"
    )
    cursor.execute("TRUNCATE incoming")
    with cursor.cursor.copy(f"COPY incoming ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming")


def copy_line(row: Sequence[Any]) -> str:
    """One row in COPY's text form; used where rows are made by several processes."""
    words = "".join([value for value in row if type(value) is str])
    if "\\" in words or "\n" in words or "\t" in words or "\r" in words:
        return "\t".join(map(_copy_text, row)) + "\n"
    return "\t".join([v if type(v) is str else _copy_text(v) for v in row]) + "\n"


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, str):
        if "\\" in value or "\n" in value or "\t" in value or "\r" in value:
            return value.translate(_ESCAPES)
        return value
    return str(value)
