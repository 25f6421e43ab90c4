"""One operation as a folder: its settings, rulebook, plan, log and vault, opened together.

Exists so that every command finds the same files in the same places and the same rulebook in
force. Goes in: a path and its settings. Comes out: an `Operation`. Folders are opened and made in
`registry.opening`; `docs/reference/operation.md` lists the files.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from onward.caseload.events import (
    ADOPTED,
    RULEBOOK_SUBJECT,
    Event,
    Subject,
    check_events,
    instant_of,
    new_event,
)
from onward.caseload.fold import fold
from onward.caseload.model import Caseload, EventTables
from onward.caseload.table import events_table
from onward.dates import day_range
from onward.engine import DuckEngine, Engine
from onward.errors import Fault, Faults, OnwardError
from onward.registry.identities.vault import ClosedVault, DemoVault, Vault
from onward.registry.log.cache import Place, Seal, form, read_events, write_events
from onward.registry.log.folder_store import FolderStore
from onward.registry.log.store import EventStore
from onward.registry.settings import Settings
from onward.rulebook.check import accept
from onward.rulebook.floor import load_floor
from onward.rulebook.load import load, loads
from onward.rulebook.model import Rulebook
from onward.rulebook.reading import read_bytes

RULEBOOK = "rulebook.yaml"
PLAN = "plan.yaml"
FOLDERS = (
    "events", "vault", "rulebooks", "scenarios", "forecasts", "placements", "reports", "imports",
)  # fmt: skip

MEMORY_VARIABLE = "ONWARD_MEMORY_GB"
DEFAULT_MEMORY_GB = 3.0


def memory_gb() -> float:
    """The gigabytes that ONWARD_MEMORY_GB allows an engine; raises OnwardError for no amount."""
    text = os.environ.get(MEMORY_VARIABLE, "")
    try:
        found = float(text) if text else DEFAULT_MEMORY_GB
    except ValueError:
        found = 0.0
    if not 0 < found < 1_000_000:
        raise OnwardError(
            f"{MEMORY_VARIABLE} is not a number above 0; expected gigabytes, as 4"
        )
    return found


def machine_engine() -> DuckEngine:
    """The engine of this machine, with the memory that it is allowed."""
    return DuckEngine(memory_gb=memory_gb())


@lru_cache(maxsize=8)
def _accepted(data: bytes, file: str) -> Rulebook:
    """A rulebook that was checked when it was adopted, with the hash of its floor.

    Read once in a process: the same bytes always say the same, a floor comes with the program,
    and what is worked out of a rulebook stays with it.
    """
    rulebook = loads(data, file=file)
    return replace(rulebook, floor_hash=load_floor(rulebook.floor).hash)


class Keeping(Protocol):
    """How an operation keeps what plain files keep otherwise (`registry.encrypted`)."""

    def append(self, operation: Operation, batch: Sequence[Event]) -> Sequence[Event]: ...

    def vault(self) -> Vault: ...

    def seal(self) -> Seal: ...


class Operation:
    """An opened operation folder. Nothing is read before it is asked for."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        store: EventStore | None = None,
        *,
        unlock: Callable[[Path, Settings], EventStore] | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """store: the log, where it is open already; unlock: else opens that of an encrypted one,
        of which keeping says how it records, where names are, and what seals its cache."""
        self.path = path
        self.settings = settings
        self._loaded: dict[str, Rulebook] = {}
        self._adopted: dict[tuple[str, datetime | None], list[Event]] = {}
        self._engine: Engine | None = None
        self._unlock, self._keeping = unlock, keeping
        if store is not None:
            self.__dict__["store"] = store

    @cached_property
    def store(self) -> EventStore:
        """The log: files, or the encrypted database, which is unlocked when first needed."""
        if not self.settings.encrypted:
            return FolderStore(self.path / "events", backdated=self.settings.demonstration)
        if self._unlock is None:
            raise OnwardError(f"{self.path.name} is locked.")
        return self._unlock(self.path, self.settings)

    # -- files --------------------------------------------------------------------------------

    @property
    def rulebook_path(self) -> Path:
        return self.path / RULEBOOK

    @property
    def scenarios(self) -> list[Path]:
        return sorted((self.path / "scenarios").glob("*.yaml"))

    @property
    def paces(self) -> list[Path]:
        """Files of paces that other operations gave."""
        return sorted((self.path / "paces").glob("*.json"))

    def folder(self, name: str) -> Path:
        """`reports`, `forecasts` … inside the operation, made when missing."""
        if name not in FOLDERS:
            raise ValueError(f"no folder {name} in an operation")
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder

    @cached_property
    def vault(self) -> Vault:
        if self.settings.encrypted:
            return self._kept_so().vault()
        if self.settings.demonstration:
            return DemoVault(self.path / "vault", demonstration=True)
        return ClosedVault()

    def notices(self) -> list[str]:
        """What a person should be told about the store, once."""
        found = list(self.store.notices)
        if torn := self.store.unfinished_bytes():
            found.append(
                f"The log ends with an unfinished write of {torn} bytes. It was never confirmed "
                "and is not read; the next recording removes it."
            )
        return found

    # -- time and the rulebook ----------------------------------------------------------------

    def today(self) -> date:
        """Today in the operation's time zone."""
        return datetime.now(ZoneInfo(self.settings.time_zone)).date()

    def default_date(self) -> date:
        """The as-of date when none is asked for: where the data ends, else today."""
        return self.settings.data_ends or self.today()

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rulebook in force at the default date, as now known."""
        return self.rulebook_at(self.default_date())

    def rulebook_at(self, as_of: date, known_at: datetime | None = None) -> Rulebook:
        """The rulebook adopted as of a date, as known at an instant.

        Before the first adoption the earliest adopted one holds; a log without any adoption
        uses the folder's file. Raises OnwardError when the adopted file is not in the folder.
        """
        adopted = self._adoptions(known_at)
        if not adopted:
            return accept(load(self.rulebook_path))
        then = [event for event in adopted if day_range(event.effective)[1] <= as_of]
        wanted = (then[-1] if then else adopted[0]).subject.id
        if (found := self.rulebook_kept(wanted)) is not None:
            return found
        raise OnwardError(
            f"The rulebook in force ({wanted[:12]}…) is not in {self.path.name}/rulebooks. "
            "Put the adopted file back, or adopt the one in rulebook.yaml."
        )

    def rulebook_kept(self, wanted: str) -> Rulebook | None:
        """The rulebook of a hash, where the folder has its file."""
        if wanted not in self._loaded:
            for path in (self.rulebook_path, self.path / "rulebooks" / f"{wanted}.yaml"):
                if not path.exists():
                    continue
                data = read_bytes(path, "rulebook")
                if sha256(data).hexdigest() == wanted:
                    self._loaded[wanted] = _accepted(data, path.name)
                    break
        return self._loaded.get(wanted)

    def rulebook_read(self, wanted: str) -> Rulebook | None:
        """The adopted rulebook of a hash, when it was read before."""
        return self._loaded.get(wanted)

    def _adoptions(self, known_at: datetime | None) -> list[Event]:
        """Adoptions that stand, oldest first. Read once for a log that has not changed since:
        looking through all of it takes longer than most questions."""
        key = (self.store.head(), known_at)
        if key not in self._adopted:
            self._adopted = {key: self._read_adoptions(known_at)}
        return self._adopted[key]

    def _read_adoptions(self, known_at: datetime | None) -> list[Event]:
        events = self.store.read_marked([f'"kind":"{ADOPTED}"'])
        known = [
            e
            for e in events
            if e.subject.kind == RULEBOOK_SUBJECT
            and (known_at is None or instant_of(e.recorded) <= known_at)
        ]
        if not known:
            return []
        corrections = self.store.read_marked([f'"supersedes":"{e.id}"' for e in known])
        gone = {
            e.supersedes
            for e in corrections
            if known_at is None or instant_of(e.recorded) <= known_at
        }
        return sorted(
            (e for e in known if e.id not in gone and e.kind == ADOPTED),
            key=lambda e: (day_range(e.effective)[1], e.recorded, e.seq),
        )

    def adopt(
        self, text: str, *, effective: str, by: str, instant: datetime | None = None
    ) -> Rulebook:
        """Put a rulebook in force from a date: keep its file and record the event.

        raises  Faults when it is weaker than its protection floor in any way
        """
        rulebook = accept(loads(text, file=RULEBOOK))
        kept = self.folder("rulebooks") / f"{rulebook.hash}.yaml"
        write_text(kept, text)
        now = instant or datetime.now(UTC)
        event = new_event(
            rulebook,
            operation=self.settings.id,
            subject=Subject(RULEBOOK_SUBJECT, rulebook.hash),
            kind=ADOPTED,
            effective=effective,
            by=by,
            instant=now,
            random=random.SystemRandom(),
        )
        self.store.append([event])
        write_text(self.rulebook_path, text)
        self.__dict__.pop("rulebook", None)
        return rulebook

    # -- the record ---------------------------------------------------------------------------

    def record(
        self, events: Iterable[Event], *, file: str = "", row: str = "event"
    ) -> Sequence[Event]:
        """Check a batch against the rulebook in force and append it, entirely or not at all."""
        batch = list(events)
        check_events(batch, self.rulebook, file=file, row=row)
        strangers = [n for n, e in enumerate(batch, 1) if e.operation != self.settings.id]
        if strangers:
            raise Faults(
                Fault(file, f"{row} {n}", "operation", "another operation", self.settings.id)
                for n in strangers
            )
        if self.settings.encrypted:
            return self._kept_so().append(self, batch)
        return self.store.append(batch)

    def compute_on(self, engine: Engine) -> None:
        """Compute on this engine from now on."""
        self._engine = engine

    def engine(self) -> Engine:
        """The engine chosen by `compute_on`, else one of this machine."""
        return self._engine or machine_engine()

    def events_table(self, rulebook: Rulebook | None = None) -> EventTables:
        """The log in columns, from the cache when the log has not changed since.

        The cache holds what `events/` already holds in clear, in another form: pseudonymous
        events, never identity. It may be deleted at any time.
        """
        rulebook = rulebook or self.rulebook
        head = self.store.head()
        place = self.cached(head, rulebook)
        if (cached := read_events(place)) is not None:
            return cached
        tables = events_table(self.store.read(), rulebook, head=head)
        write_events(place, tables)
        return tables

    def cached(self, head: str, rulebook: Rulebook, about: str = "") -> Place:
        """Where tables made from the log up to a head, under a rulebook, are kept.

        about  what they are and all else they depend on, as part of a file's name; "": the log
        """
        parts = [form(), head[:24], rulebook.hash[:24], about]
        return Place(self.path / ".cache" / "-".join(filter(None, parts)), self._seal())

    def _seal(self) -> Seal | None:
        """What the cache of an encrypted operation is sealed with; None: kept as it is."""
        if not self.settings.encrypted:
            return None
        return self._kept_so().seal()

    def _kept_so(self) -> Keeping:
        """How an encrypted operation is kept, once its log is open."""
        if self._keeping is None or self.store is None:
            raise OnwardError(f"{self.path.name} is locked.")
        return self._keeping

    def caseload(
        self,
        as_of: date | None = None,
        known_at: datetime | None = None,
        *,
        engine: Engine | None = None,
    ) -> Caseload:
        """The fold as of a date, as known at an instant, under the rulebook then adopted."""
        day = as_of or self.default_date()
        rulebook = self.rulebook_at(day, known_at)
        return fold(
            self.events_table(rulebook),
            rulebook,
            as_of=day,
            known_at=known_at,
            engine=engine or self.engine(),
        )


def write_text(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old one or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)
    os.replace(name, path)
