"""Operations as pseudonymous Parquet: what analytics read, so that casework never waits for them.

Exists so that a bureau can gather many operations in one folder and compute on it, here or on a
cluster, while their records stay where they are. Goes in: an operation. Comes out: the log in
columns under the rulebook in force, one partition for each operation, and an operation read back
from it that answers every question that needs no names. Identity has no way in: only the log's
own columns are written, and they are looked at once more before they are.

    region/
      operations/operation=<id>/      operation.toml, rulebook.yaml, plan.yaml, scenarios/, paces/, snapshot.json
      <table>/operation=<id>/part-0.parquet
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from onward.caseload.events import Event
from onward.caseload.fold import fold_from
from onward.caseload.model import Caseload, EventTables
from onward.engine import DuckEngine, Engine, ParquetTable
from onward.engine.private import refuse_identity
from onward.engine.spark import SMALL_ROWS
from onward.errors import OnwardError, one_of
from onward.registry.log.cache import Place
from onward.registry.operation import PLAN, RULEBOOK, Operation
from onward.registry.planning import plan_version
from onward.registry.settings import FILES, SETTINGS, read_settings, settings_text
from onward.rulebook.floor import load_floor
from onward.rulebook.load import load
from onward.rulebook.model import Rulebook

FORM = 1
OPERATIONS = "operations"
SCENARIOS, PACES = "scenarios", "paces"
NOTE = "snapshot.json"
ROWS_A_FILE = 2_000_000
_PARTITION = re.compile(r"operation=([A-Za-z0-9][\w.\-]{0,79})")


def write_snapshot(
    operation: Operation, folder: Path, *, storage_is_encrypted: bool = False
) -> Path:
    """Write or replace one operation's partition; returns the folder of its settings.

    storage_is_encrypted  Parquet cannot be encrypted here in a form that Spark reads, and claims,
                          health and birth dates tell people apart without a name: outside a
                          demonstration somebody has to say that the disk is encrypted
    raises                OnwardError when nobody does; IdentityRefused
    """
    settings = operation.settings
    if not (settings.demonstration or storage_is_encrypted):
        raise OnwardError(
            "A snapshot holds claims, health and birth dates in clear, under pseudonyms, and they "
            "tell people of a closed camp apart. Write it only to an encrypted disk, and say so "
            "with --storage-is-encrypted."
        )
    rulebook = operation.rulebook
    tables = flat(operation.events_table(rulebook))
    for name, table in tables.items():
        refuse_identity(name, table.schema)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, table in tables.items():
        write_partition(table, folder, name, settings.id)

    def about(to: Path) -> None:
        # Where the record is kept and with what key is nobody's business here.
        said = replace(settings, store=FILES, key_file="")
        (to / SETTINGS).write_text(settings_text(said), encoding="utf-8")
        plan = plan_version(operation, operation.default_date())
        if plan is not None:
            (to / PLAN).write_bytes(plan.text)
        shutil.copyfile(_file_of(operation, rulebook), to / RULEBOOK)
        (to / SCENARIOS).mkdir(mode=0o700)
        for path in operation.scenarios:
            shutil.copyfile(path, to / SCENARIOS / path.name)
        (to / PACES).mkdir(mode=0o700)
        for path in operation.paces:
            shutil.copyfile(path, to / PACES / path.name)
        note = {
            "form": FORM,
            "operation": settings.id,
            "head": operation.store.head(),
            "rulebook": rulebook.hash,
            "as_of": operation.default_date().isoformat(),
            "events": tables["log"].num_rows,
            "people": tables["person_ids"].num_rows,
        }
        (to / NOTE).write_text(json.dumps(note, indent=1, sort_keys=True) + "\n", "utf-8")

        # Runs and reports made from an earlier snapshot stay.
        for kept in (path for path in place.glob("*") if path.is_dir()):
            if kept.name not in (SCENARIOS, PACES):
                shutil.copytree(kept, to / kept.name)

    place = folder / OPERATIONS / f"operation={settings.id}"
    _replace(place, about)
    return place


def operations_in(folder: Path) -> list[str]:
    """Ids of the operations a snapshot holds, sorted; empty when it is none."""
    places = (folder / OPERATIONS).glob(f"operation=*/{NOTE}")
    found = (_PARTITION.fullmatch(path.parent.name) for path in places)
    return sorted(match[1] for match in found if match)


def is_snapshot(folder: Path) -> bool:
    return bool(operations_in(folder))


class SnapshotOperation(Operation):
    """An operation as it was when its snapshot was written: it answers, and records nothing."""

    def __init__(self, folder: Path, name: str) -> None:
        self.region = folder
        place = folder / OPERATIONS / f"operation={name}"
        self.note: dict[str, Any] = json.loads((place / NOTE).read_text("utf-8"))
        if self.note.get("form") != FORM:
            raise OnwardError(
                f"{place} was written by another version of Onward; write it again with: "
                "onward export"
            )
        super().__init__(place, read_settings(place / SETTINGS), _Log(str(self.note["head"])))  # type: ignore[arg-type]

    def default_date(self) -> date:
        return date.fromisoformat(self.note["as_of"])

    def rulebook_at(self, as_of: date, known_at: datetime | None = None) -> Rulebook:
        """The rulebook the snapshot was written under, whatever the date: its columns are that
        rulebook's. An earlier rulebook is asked of the operation itself."""
        rulebook = load(self.rulebook_path)
        return replace(rulebook, floor_hash=load_floor(rulebook.floor).hash)

    def events_table(self, rulebook: Rulebook | None = None) -> EventTables:
        """The log in columns, read into this process."""
        kinds = list((rulebook or self.rulebook).kinds)
        read = {name: table.read() for name, table in self.parquet(kinds).items()}
        parts: dict[str, Any] = {
            "facts": {kind: read.pop(f"{kind}_events") for kind in kinds},
            "ids": {kind: read.pop(f"{kind}_ids") for kind in kinds},
        }
        return EventTables(
            **parts,
            **read,
            rulebook_hash=str(self.note["rulebook"]),
            head=str(self.note["head"]),
        )

    def cached(self, head: str, rulebook: Rulebook, about: str = "") -> Place:
        """Nowhere: what a region holds is read and never written."""
        return Place(None)

    def caseload(
        self,
        as_of: date | None = None,
        known_at: datetime | None = None,
        *,
        engine: Engine | None = None,
    ) -> Caseload:
        """The fold; a large log is read by the cluster's own workers, not through this process."""
        there = self.parquet()
        if (
            engine is None
            or isinstance(engine, DuckEngine)
            or sum(table.rows() for table in there.values()) <= SMALL_ROWS
        ):
            return super().caseload(as_of, known_at, engine=engine)
        day = as_of or self.default_date()
        rulebook = self.rulebook_at(day, known_at)
        return fold_from(there, rulebook, as_of=day, known_at=known_at, engine=engine)

    def parquet(self, kinds: list[str] | None = None) -> dict[str, ParquetTable]:
        """The same as files, for a cluster to read where they lie; named as the stages do."""
        kinds = kinds if kinds is not None else list(self.rulebook.kinds)
        names = [f.name for f in fields(EventTables) if f.type == "pa.Table"]
        names += [f"{kind}_{what}" for kind in kinds for what in ("events", "ids")]
        return {
            name: ParquetTable(self.region / name / f"operation={self.settings.id}")
            for name in names
        }


@dataclass(frozen=True)
class _Log:
    """The end of the log the snapshot was made from; there is nothing to read or append."""

    end: str
    notices: tuple[str, ...] = ()

    def head(self) -> str:
        return self.end

    def unfinished_bytes(self) -> int:
        return 0

    def read_marked(self, marks: Sequence[str]) -> list[Event]:
        """Nothing: what was adopted lies beside the snapshot as it then held."""
        return []


def open_snapshot(folder: Path, name: str = "") -> SnapshotOperation:
    """One operation of a snapshot; `name` may be left out when it holds only one."""
    there = operations_in(folder)
    if not name and len(there) == 1:
        name = there[0]
    if name not in there:
        found = f'no operation "{name}"' if name else f"{len(there)} operations"
        raise OnwardError(
            f"{folder} holds {found}; name one with --operation: {one_of(there)}."
        )
    return SnapshotOperation(folder, name)


def flat(tables: EventTables) -> dict[str, pa.Table]:
    """Every table of the log under the name the stages read it by."""
    found = {
        field.name: getattr(tables, field.name)
        for field in fields(EventTables)
        if isinstance(getattr(tables, field.name), pa.Table)
    }
    for kind, table in tables.facts.items():
        found[f"{kind}_events"] = table
        found[f"{kind}_ids"] = tables.ids[kind]
    return found


def write_partition(table: pa.Table, folder: Path, name: str, operation: str) -> None:
    """Write or replace one operation's rows of a table, as `name/operation=<id>/`; nothing that
    names anybody may be among its columns.

    raises  IdentityRefused
    """
    refuse_identity(name, table.schema)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(folder / name / f"operation={operation}", lambda to: _parquet(table, to))


def _parquet(table: pa.Table, folder: Path) -> None:
    for number, start in enumerate(range(0, max(table.num_rows, 1), ROWS_A_FILE)):
        file = folder / f"part-{number:05d}.parquet"
        pq.write_table(table.slice(start, ROWS_A_FILE), file, compression="zstd")
        file.chmod(0o600)


def _replace(place: Path, write: Any) -> None:
    """Fill a new folder and put it in the place of the old one."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=place.parent, prefix=".making-"))
    try:
        write(work)
        old = place.with_name(f".old-{place.name}")
        if place.exists():
            os.rename(place, old)
        os.rename(work, place)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _file_of(operation: Operation, rulebook: Rulebook) -> Path:
    """The rulebook's own file, found by its hash."""
    places = [operation.rulebook_path, operation.path / "rulebooks" / f"{rulebook.hash}.yaml"]
    for path in places:
        if path.exists() and load(path).hash == rulebook.hash:
            return path
    raise OnwardError(f"The rulebook in force ({rulebook.hash[:12]}…) has no file.")
