"""The database backend: Django's own for SQLite, over an encrypted file.

Exists because the key has to be given before anything else is said on a connection: Django asks
the database its version first, so a key in `init_command` comes too late. The driver brings its
own current SQLite, so the system's old one, whose WAL mode can damage a file, is never used.
"""

from __future__ import annotations

import datetime
import decimal
import os
from itertools import tee
from typing import Any

from django.db.backends.sqlite3 import base as sqlite
from django.utils.asyncio import async_unsafe
from django.utils.dateparse import parse_date, parse_datetime, parse_time
from sqlcipher3 import dbapi2 as Database

from onward.registry.log.store import StoreError

OLDEST_SQLITE = (3, 51, 3)
"""Before this, WAL mode could damage a database that was reset while being read."""

WANTED = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a commit survives a power cut
    "foreign_keys": 1,
    "secure_delete": 1,
    "temp_store": 2,  # memory
}
"""What every connection must answer; `check_connection` compares."""

for _name, _convert in (
    ("bool", b"1".__eq__),
    ("date", lambda value: parse_date(value.decode())),
    ("time", lambda value: parse_time(value.decode())),
    ("datetime", lambda value: parse_datetime(value.decode())),
    ("timestamp", lambda value: parse_datetime(value.decode())),
):
    Database.register_converter(_name, _convert)
Database.register_adapter(decimal.Decimal, str)
Database.register_adapter(datetime.date, lambda value: value.isoformat())
Database.register_adapter(datetime.datetime, lambda value: value.isoformat(" "))


class Cursor(Database.Cursor):  # type: ignore[misc]
    """Django's placeholders (%s, %(name)s) as SQLite's (?, :name)."""

    def execute(self, query: str, params: Any = None) -> Any:
        if params is None:
            return super().execute(query)
        names = list(params) if hasattr(params, "keys") else None
        return super().execute(_question_marks(query, names), params)

    def executemany(self, query: str, param_list: Any) -> Any:
        peekable, param_list = tee(iter(param_list))
        first = next(peekable, None)
        names = list(first) if first is not None and hasattr(first, "keys") else None
        return super().executemany(_question_marks(query, names), param_list)


def _question_marks(query: str, names: list[str] | None) -> str:
    if names is None:
        return sqlite.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")
    return query % {name: f":{name}" for name in names}


class DatabaseWrapper(sqlite.DatabaseWrapper):
    display_name = "SQLCipher"
    Database = Database

    def get_database_version(self) -> Any:
        return Database.sqlite_version_info

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        from onward.registry.site import current

        if Database.sqlite_version_info < OLDEST_SQLITE:
            raise StoreError(
                f"This machine's encrypted SQLite is {Database.sqlite_version}; at least "
                f"{'.'.join(map(str, OLDEST_SQLITE))} is needed: older ones can damage the record. "
                "Update the package sqlcipher3."
            )
        _private(conn_params["database"])
        connection = Database.connect(**conn_params)
        connection.execute(f"PRAGMA key = \"x'{current().database_key().hex()}'\"")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except Database.DatabaseError as error:
            connection.close()
            if "locked" in str(error):
                raise
            raise StoreError(
                "The encrypted record does not open with this key, or the file is damaged. "
                "Use the key of this operation, or restore a backup."
            ) from None
        sqlite.register_functions(connection)
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA legacy_alter_table = OFF")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def create_cursor(self, name: Any = None) -> Any:
        return self.connection.cursor(factory=Cursor)


def settings_of(connection: Any) -> dict[str, Any]:
    """What a connection really runs with, by the names of `WANTED`."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for name in WANTED:
            cursor.execute(f"PRAGMA {name}")
            found[name] = cursor.fetchone()[0]
    return found


def _private(path: str) -> None:
    """Make sure that the file, and with it its journal, is its owner's alone."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
