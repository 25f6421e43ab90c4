"""Tables made from the log, kept so that they are made once.

Exists because reading and folding a log takes longer than most questions about it. In go Arrow
tables and a place whose name says all that they were made from; out they come again, or nothing.
They hold what the log holds, in another form, and never an identity; those of an encrypted
operation are sealed before they are written. Anybody may delete them at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from onward.caseload.model import EventTables
from onward.errors import OnwardError

NOTE = "made-from"

MAKERS = ("rulebook", "engine", "caseload", "safeguards", "forecast", "registry/computing")
"""Rooms whose code makes what is kept."""


@cache
def form() -> str:
    """Digest of the code that makes what is kept: what other code made is never read."""
    onward, found = Path(__file__).parents[2], hashlib.sha256()
    for room in MAKERS:
        for file in sorted((onward / room).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(f"{file.relative_to(onward)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:12]


class Seal(Protocol):
    """Seals what is kept on disk for an encrypted operation."""

    def seal(self, data: bytes, place: str) -> bytes: ...

    def open(self, data: bytes, place: str) -> bytes: ...


@dataclass(frozen=True)
class Place:
    """A folder of tables.

    folder  its name begins with `form()` and the log's head; None: nothing is kept
    seal    encrypts every file before it is written; None: kept as it is
    """

    folder: Path | None
    seal: Seal | None = None

    def write(self, tables: Mapping[str, pa.Table], note: Sequence[str] = ()) -> None:
        """Keep tables, with words that say what of; those of an older log or other code are removed.
        An operation that cannot be written to simply has no cache."""
        if self.folder is None:
            return
        root, name = self.folder.parent, self.folder.name
        try:
            root.mkdir(mode=0o700, exist_ok=True)
            work = Path(tempfile.mkdtemp(dir=root, prefix=".making-"))
            for file, table in tables.items():
                self._write_one(work / file, f"{name}/{file}", table)
            (work / NOTE).write_text("\n".join(note) + "\n", encoding="ascii")
            try:
                os.rename(work, self.folder)
            except OSError:
                shutil.rmtree(work, ignore_errors=True)
            for old in root.iterdir():
                same_log = old.name.split("-")[:2] == name.split("-")[:2]
                if not same_log and not old.name.startswith(".making-"):
                    shutil.rmtree(old, ignore_errors=True)
        except OSError:
            return

    def _write_one(self, file: Path, place: str, table: pa.Table) -> None:
        if self.seal is not None:
            memory = pa.BufferOutputStream()
            with pa.ipc.new_file(memory, table.schema) as writer:
                writer.write_table(table)
            data = self.seal.seal(memory.getvalue().to_pybytes(), place)
            file.with_name(f"{file.name}.sealed").write_bytes(data)
            return
        with (
            pa.OSFile(f"{file}.arrow", "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)

    def read(self) -> tuple[dict[str, pa.Table], list[str]] | None:
        """The tables and the words kept with them, or None when there are none that can be read."""
        if self.folder is None:
            return None
        try:
            note = (self.folder / NOTE).read_text(encoding="ascii").split()
            tables: dict[str, pa.Table] = {}
            for file in sorted(
                self.folder.glob("*.arrow" if self.seal is None else "*.sealed")
            ):
                if self.seal is None:
                    with pa.memory_map(str(file)) as source:
                        tables[file.stem] = pa.ipc.open_file(source).read_all()
                else:
                    data = self.seal.open(file.read_bytes(), f"{self.folder.name}/{file.stem}")
                    tables[file.stem] = pa.ipc.open_file(pa.BufferReader(data)).read_all()
        except (OSError, ValueError, OnwardError, pa.ArrowInvalid):
            return None
        return tables, note


def write_events(place: Place, tables: EventTables) -> None:
    """Keep the log in columns."""
    flat: dict[str, pa.Table] = {}
    for field in fields(EventTables):
        value = getattr(tables, field.name)
        if isinstance(value, pa.Table):
            flat[field.name] = value
        elif isinstance(value, Mapping):
            flat.update({f"{field.name}.{kind}": table for kind, table in value.items()})
    place.write(flat, [tables.head, tables.rulebook_hash])


def read_events(place: Place) -> EventTables | None:
    """The log in columns as kept, or None when it is not there or not whole."""
    found = place.read()
    if found is None:
        return None
    tables, note = found
    try:
        head, rulebook_hash = note
        parts: dict[str, Any] = {"head": head, "rulebook_hash": rulebook_hash}
        for file, table in tables.items():
            name, _, kind = file.partition(".")
            if kind:
                parts.setdefault(name, {})[kind] = table
            else:
                parts[name] = table
        return EventTables(**parts)
    except (ValueError, TypeError):
        return None
