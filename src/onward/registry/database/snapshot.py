"""Every table of an operation on a server as of one instant, and back again.

Exists so that a backup of a record that others go on writing to is of one moment. Comes in: the
operation, or a snapshot's tables. Goes out: its tables as CSV in parts, with the head of the log they
end at; or a new database filled with them. What is done with the parts is `backup`'s.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from onward.errors import OnwardError
from onward.registry.database.postgres import as_owner
from onward.registry.database.walls import SHARED, tables
from onward.registry.log import checkpoints

PART_BYTES = 4 * 2**20
"""How much of a table is in memory at once while it is backed up."""


def snapshot(
    add: Callable[[str, bytes], None], operation: str
) -> tuple[dict[str, Any], checkpoints.Checkpoint]:
    """Every table of the operation as of one instant, as CSV in parts; see `backup`.

    add  called with the name and the bytes of each part, in order; nothing is written here
    """
    import base64

    from django.db import connection, transaction
    from psycopg import sql

    wrapped: dict[str, Any] = {"wrapped": [], "graves": []}
    keep = {"onward_wrapped_key": "wrapped", "onward_grave": "graves"}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table, _ in tables(cursor):
            if table == "onward_wrapped_key" or table in SHARED:
                continue
            # Row-level security says the same; a backup does not hang on it alone.
            text = sql.SQL(
                "COPY (SELECT * FROM {} WHERE operation = {}) TO STDOUT (FORMAT csv, HEADER)"
            ).format(sql.Identifier(table), sql.Literal(operation))
            with cursor.cursor.copy(text) as copy:
                number, part = 1, bytearray()
                for data in copy:
                    part += data
                    if len(part) >= PART_BYTES:
                        add(f"tables/{table}.csv.{number:06}", bytes(part))
                        number, part = number + 1, bytearray()
                add(f"tables/{table}.csv.{number:06}", bytes(part))
        for table, name in keep.items():
            cursor.execute(f'SELECT * FROM "{table}" WHERE operation = %s', [operation])
            columns = [column[0] for column in cursor.description]
            wrapped[name] = [
                {
                    key: base64.b64encode(bytes(value)).decode()
                    if isinstance(value, memoryview | bytes)
                    else value
                    for key, value in zip(columns, row, strict=True)
                }
                for row in cursor.fetchall()
            ]
        cursor.execute(
            "SELECT size, root, recorded FROM onward_tree_head WHERE operation = %s "
            "ORDER BY size DESC LIMIT 1",
            [operation],
        )
        row = cursor.fetchone() or (0, b"", "")
    origin = checkpoints.origin_of(operation)
    return wrapped, checkpoints.Checkpoint(origin, row[0], bytes(row[1]), row[2])


def load_snapshot(found: Mapping[str, bytes]) -> None:
    """Fill the tables of a new database from a snapshot (table -> CSV), as their owner."""
    from django.db import connection, transaction

    with as_owner(connection), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM onward_event")
        if cursor.fetchone()[0]:
            raise OnwardError("The database is not empty; restore into a new one.")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table, _ in _parents_first(cursor):
            if table in found and table not in SHARED:
                _load_table(cursor, table, found[table])


def _load_table(cursor: Any, table: str, data: bytes) -> None:
    # This is what somebody restores: a name in it is a name and never more of a statement.
    head = data.partition(b"\n")[0].decode()
    quoted = (name.replace('"', '""') for name in next(csv.reader([head])))
    names = ", ".join(f'"{name}"' for name in quoted)
    cursor.execute(f'DELETE FROM "{table}"')
    cursor.execute(
        f'CREATE TEMP TABLE incoming_rows ON COMMIT DROP AS SELECT {names} FROM "{table}" '
        "WITH NO DATA"
    )
    copy_in = f"COPY incoming_rows ({names}) FROM STDIN (FORMAT csv, HEADER)"
    with cursor.cursor.copy(copy_in) as copy:
        for start in range(0, len(data), 2**20):
            copy.write(data[start : start + 2**20])
    cursor.execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM incoming_rows')
    cursor.execute("DROP TABLE incoming_rows")
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity <> ''",
        [f'"{table}"'],
    )
    for (column,) in cursor.fetchall():
        cursor.execute(
            f'SELECT setval(pg_get_serial_sequence(%s, %s), max("{column}")) '
            f'FROM "{table}" HAVING max("{column}") IS NOT NULL',
            [f'"{table}"', column],
        )


def _parents_first(cursor: Any) -> Iterator[tuple[str, bool]]:
    """Tables so ordered that what a row points to is there before it."""
    cursor.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f'"
    )
    needs: dict[str, set[str]] = {}
    for child, parent in cursor.fetchall():
        if child != parent:
            needs.setdefault(child.strip('"'), set()).add(parent.strip('"'))
    left = dict(tables(cursor))
    while left:
        ready = [name for name in left if not needs.get(name, set()) & left.keys()]
        for name in ready or list(left):
            yield name, left.pop(name)
