"""A thousand ways to change the record past the program, on paper and in the database itself.

`tamper` says how the rows of the log and the heads of its tree would look afterwards. `Owner` writes
that into the tables as somebody does who owns them: the triggers, keys and rules on doubles are taken
away first, on either database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from onward.registry.log.db_store import COLUMNS, HEADS, TABLE
from onward.registry.log.ledger import Peaks, event_leaf

HEAD_COLUMNS = ("size", "root", "peaks", "recorded")
KINDS = (
    "edit", "remove", "swap", "repeat", "cut", "salt", "column", "head", "invent", "date",
)  # fmt: skip


def rebuild(rows, heads):
    """What somebody who may write everything does: number, hash and grow the tree again."""
    sizes = {head["size"] for head in heads}
    peaks, made = Peaks(), []
    for place, row in enumerate(rows, 1):
        row["seq"] = place
        row["canonical"] = re.sub(r'"seq":[^,]*,', f'"seq":{place},', row["canonical"], count=1)
        row["leaf"] = event_leaf(bytes(row["salt"]), row["canonical"].encode())
        peaks.append(row["leaf"])
        if place in sizes or place == len(rows):
            made.append({"size": place, "root": peaks.root(), "peaks": peaks.to_bytes(),
                         "recorded": row["recorded"]})  # fmt: skip
    return rows, made


def tamper(rows, heads, chance):
    """One change of one kind; returns its name, and whether everything was hashed again."""
    again = chance.random() < 0.5
    at = chance.randrange(len(rows))
    kind = chance.choice(KINDS)
    row = rows[at]
    if kind == "edit":
        text = row["canonical"]
        place = chance.randrange(len(text))
        other = chr(33 + (ord(text[place]) - 32) % 94)
        row["canonical"] = text[:place] + other + text[place + 1 :]
        again = False
    elif kind == "remove":
        del rows[at]
    elif kind == "swap":
        other = (at + 1 + chance.randrange(len(rows) - 1)) % len(rows)
        rows[at], rows[other] = rows[other], rows[at]
        rows[at]["seq"], rows[other]["seq"] = rows[other]["seq"], rows[at]["seq"]
    elif kind == "repeat":
        rows.insert(at, dict(rows[(at + 1) % len(rows)]))
    elif kind == "cut":
        del rows[-1 - chance.randrange(len(rows) - 1) :]
        if not again:
            heads = [head for head in heads if head["size"] <= len(rows)]
    elif kind == "salt":
        row["salt"] = chance.randbytes(16)
    elif kind == "column":
        column = chance.choice([c for c in COLUMNS if c not in ("canonical", "salt", "leaf")])
        row[column] = 10**6 if column == "seq" else changed(row[column])
        again = False
    elif kind == "head":
        chance.choice(heads)[chance.choice(["root", "peaks"])] = chance.randbytes(32)
        again = False
    elif kind == "invent":
        rows.append({**rows[-1], "seq": len(rows) + 1})
        again = False
    else:
        row["canonical"] = row["canonical"].replace("2026-01-20", "2026-01-21", 1).replace(
            "2025-01-01", "2025-01-02", 1
        )  # fmt: skip
        row["effective"] = "2026-01-21" if row["effective"] == "2026-01-20" else "2025-01-02"
    if again:
        rows, heads = rebuild(rows, heads)
    return kind, rows, heads


def changed(text: str | None) -> str:
    """Another text that is no longer than the column has room for."""
    return "x" if not text else text[:-1] + ("y" if text.endswith("x") else "x")


class Owner:
    """Somebody who may do everything in the database, with nothing of the program in between."""

    def __init__(self, operation: str) -> None:
        from django.db import connection

        self.operation = operation
        self.server = None
        if connection.vendor == "postgresql":
            import psycopg

            place = connection.settings_dict
            self.server = psycopg.connect(
                host=place["HOST"], dbname=place["NAME"], user="boss", autocommit=True
            )
        self.take_the_guards_away()

    def close(self) -> None:
        if self.server is not None:
            self.server.close()

    def run(self, statement: str, each: Iterable[tuple[Any, ...]] = ((),)) -> list[Any]:
        from django.db import connection

        cursor = connection.cursor() if self.server is None else self.server.cursor()
        with cursor:
            for values in each:
                cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def take_the_guards_away(self) -> None:
        """No trigger, no key and no unique column is left on the two tables."""
        for table in (TABLE, HEADS):
            if self.server is None:
                self.run(f"CREATE TABLE bare AS SELECT * FROM {table}")
                self.run(f"DROP TABLE {table}")
                self.run(f"ALTER TABLE bare RENAME TO {table}")
                continue
            self.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for (name,) in self.run(
                f"SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass "
                "AND contype IN ('p', 'u')"
            ):
                self.run(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE')

    def write(self, before, after) -> None:
        """Turn what lies in the tables into something else: (rows, heads) by (rows, heads)."""
        self._write(TABLE, COLUMNS, "seq", before[0], after[0])
        self._write(HEADS, HEAD_COLUMNS, "size", before[1], after[1])

    def _write(self, table, columns, key, before, after) -> None:
        here = f"operation = '{self.operation}' AND {key} = %s"
        if len(before) == len(after):
            sets = ", ".join(f"{column} = %s" for column in columns)
            self.run(
                f"UPDATE {table} SET {sets} WHERE {here}",
                [
                    (*(new[column] for column in columns), old[key])
                    for old, new in zip(before, after, strict=True)
                    if old != new
                ],
            )
            return
        differing = {row[key] for row in [*before, *after]
                     if before.count(row) != after.count(row)}  # fmt: skip
        self.run(f"DELETE FROM {table} WHERE {here}", [(each,) for each in sorted(differing)])
        named = columns if "operation" in columns else ("operation", *columns)
        self.run(
            f"INSERT INTO {table} ({', '.join(named)}) VALUES ({', '.join(['%s'] * len(named))})",
            [
                tuple({"operation": self.operation, **row}[column] for column in named)
                for row in after
                if row[key] in differing
            ],
        )
