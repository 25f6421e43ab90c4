"""Triggers by which a database refuses to change or remove what was written.

Exists as a second wall: the code never does it, and whoever reaches the database past the code
is refused too. They do not stop somebody who may drop triggers; the tree over the log shows
what such a person did (`registry.log.verify`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

KEYS = {
    "onward_event": ("operation", "seq"),
    "onward_tree_head": ("operation", "size"),
    "onward_access_log": ("id",),
    "onward_grant": ("operation", "number"),
}
"""Unique columns by table: SQLite's REPLACE removes rows without asking a DELETE trigger."""


def install(connection: Any, tables: Iterable[str]) -> None:
    """Make tables append-only; may be run again."""
    with connection.cursor() as cursor:
        for table in tables:
            for statement in statements(connection.vendor, table):
                cursor.execute(statement)


def statements(vendor: str, table: str) -> list[str]:
    """The SQL that makes one table append-only."""
    if vendor == "sqlite":
        return _sqlite(table)
    return _postgresql(table)


def _sqlite(table: str) -> list[str]:
    refuse = f"SELECT RAISE(ABORT, '{table} is only ever added to')"
    made = []
    for action in ("UPDATE", "DELETE"):
        name = f"{table}_no_{action.lower()}"
        made += [
            f"DROP TRIGGER IF EXISTS {name}",
            f"CREATE TRIGGER {name} BEFORE {action} ON {table} BEGIN {refuse}; END",
        ]
    if table in KEYS:
        same = " AND ".join(f"{column} = NEW.{column}" for column in KEYS[table])
        name = f"{table}_no_replace"
        made += [
            f"DROP TRIGGER IF EXISTS {name}",
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {refuse}; END",
        ]
    return made


def _postgresql(table: str) -> list[str]:
    function = (
        "CREATE OR REPLACE FUNCTION onward_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '%% is only ever added to', TG_TABLE_NAME; END $$"
    ).replace("%%", "%")
    return [
        function,
        f"DROP TRIGGER IF EXISTS {table}_no_change ON {table}",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION onward_refuse()",
        f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION onward_refuse()",
    ]
