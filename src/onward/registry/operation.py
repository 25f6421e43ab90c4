"""One operation as a folder: its settings, rulebook, plan, log and vault, opened together.

Exists so that every command finds the same files in the same places and the same rulebook in
force. Goes in: a path. Comes out: an `Operation`. `docs/reference/operation.md` lists the files.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
from onward.dates import NotADate, day_range, full_date
from onward.engine import DuckEngine, Engine
from onward.errors import Fault, Faults, OnwardError
from onward.registry.identities.vault import ClosedVault, DemoVault, Vault
from onward.registry.log.cache import Place, Seal, form, read_events, write_events
from onward.registry.log.folder_store import FolderStore
from onward.registry.log.store import EventStore
from onward.rulebook.check import accept
from onward.rulebook.floor import load_floor
from onward.rulebook.load import load, loads
from onward.rulebook.model import Rulebook

SETTINGS = "operation.toml"
RULEBOOK = "rulebook.yaml"
PLAN = "plan.yaml"
FOLDERS = (
    "events", "vault", "rulebooks", "scenarios", "forecasts", "placements", "reports", "imports",
)  # fmt: skip

FILES, ENCRYPTED = "files", "encrypted"
"""What `store` says besides a PostgreSQL address."""

MEMORY_VARIABLE = "ONWARD_MEMORY_GB"
DEFAULT_MEMORY_GB = 3.0


@dataclass(frozen=True)
class Settings:
    """What `operation.toml` says.

    id             short id written into every event
    title          what pages and reports are headed
    titles         the same in other languages: (language, title)
    kind           the kind of operation, as the rulebook's name
    time_zone      IANA name; "today" is a day there
    languages      BCP 47 tags of the languages people are informed in
    demonstration  everybody in it is invented; identity may be kept in clear
    deadline       id of the authority in plan.yaml whose end is the deadline; "" for none
    data_ends      the last day the record covers: the default as-of date. None: today
    store          "files" (in clear: demonstrations, or a purely pseudonymous record),
                   "encrypted" (`onward.db`), or a PostgreSQL address without a password
    key_file       opens an encrypted operation unattended; outside the folder. "": none
    """

    id: str
    title: str
    kind: str
    time_zone: str = "UTC"
    languages: tuple[str, ...] = ("en",)
    demonstration: bool = False
    deadline: str = ""
    data_ends: date | None = None
    store: str = FILES
    key_file: str = ""
    titles: tuple[tuple[str, str], ...] = ()

    def titled(self, language: str) -> str:
        """What the operation is called in a language; its one title where it has none in it."""
        return dict(self.titles).get(language.split("-")[0], self.title)

    @property
    def encrypted(self) -> bool:
        """Whether the record needs a key to be opened."""
        return self.store != FILES


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


class Operation:
    """An opened operation folder. Nothing is read before it is asked for."""

    def __init__(self, path: Path, settings: Settings, store: EventStore | None = None) -> None:
        self.path = path
        self.settings = settings
        self._loaded: dict[str, Rulebook] = {}
        self._adopted: dict[tuple[str, datetime | None], list[Event]] = {}
        self._engine: Engine | None = None
        if store is not None:
            self.__dict__["store"] = store

    @cached_property
    def store(self) -> EventStore:
        """The log: files, or the encrypted database, which is unlocked when first needed."""
        if not self.settings.encrypted:
            return FolderStore(self.path / "events", backdated=self.settings.demonstration)
        from onward.registry.keyring.unlock import unlocked_store

        return unlocked_store(self.path, self.settings)

    # -- files --------------------------------------------------------------------------------

    @property
    def rulebook_path(self) -> Path:
        return self.path / RULEBOOK

    @property
    def scenarios(self) -> list[Path]:
        return sorted((self.path / "scenarios").glob("*.yaml"))

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
            from onward.registry.identities.vault_db import EncryptedVault

            assert self.store is not None
            return EncryptedVault()
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
        if wanted in self._loaded:
            return self._loaded[wanted]
        for path in (self.rulebook_path, self.path / "rulebooks" / f"{wanted}.yaml"):
            if path.exists():
                rulebook = load(path)
                if rulebook.hash == wanted:
                    floor = load_floor(rulebook.floor).hash
                    self._loaded[wanted] = replace(rulebook, floor_hash=floor)
                    return self._loaded[wanted]
        raise OnwardError(
            f"The rulebook in force ({wanted[:12]}…) is not in {self.path.name}/rulebooks. "
            "Put the adopted file back, or adopt the one in rulebook.yaml."
        )

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
        _write_text(kept, text)
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
        _write_text(self.rulebook_path, text)
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
            from onward.registry.now.projection import append

            return append(self, batch)
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
        from onward.registry.keyring.unlock import cache_seal

        return cache_seal(self.store)

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


def open_operation(path: Path | str) -> Operation:
    """The operation in a folder; raises OnwardError or Faults saying what is missing or wrong."""
    folder = Path(path)
    file = folder / SETTINGS
    if not file.is_file():
        raise OnwardError(
            f"{folder} is not an operation: it has no {SETTINGS}. "
            f"Start one with: onward new {folder}"
        )
    return Operation(folder, read_settings(file))


def create_operation(
    path: Path | str,
    settings: Settings,
    *,
    rulebook_text: str,
    effective: str,
    by: str,
    plan_text: str = "",
    instant: datetime | None = None,
    prepare: Callable[[Path], None] | None = None,
) -> Operation:
    """A new operation folder with its rulebook adopted; raises OnwardError when not empty.

    effective  the day from which the rulebook holds: usually the first day of the record
    prepare    called with the folder before the record is opened: makes the keys of an
               encrypted one
    """
    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise OnwardError(f"{folder} is not empty; expected a new or an empty folder.")
    loads(rulebook_text, file=RULEBOOK)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    (folder / "vault").chmod(0o700)
    if settings.encrypted:
        folder.chmod(0o700)
    _write_text(folder / ".gitignore", ".cache/\nvault/\nevents/\nonward.db*\nkeys.json\n")
    if plan_text and not settings.encrypted:
        _write_text(folder / PLAN, plan_text)
    _write_text(folder / SETTINGS, settings_text(settings))
    if prepare is not None:
        prepare(folder)
    operation = open_operation(folder)
    operation.adopt(rulebook_text, effective=effective, by=by, instant=instant)
    if plan_text and settings.encrypted:
        from onward.registry.planning import adopt_plan

        adopt_plan(operation, plan_text, effective=effective, by=by, instant=instant)
    return operation


# ---------------------------------------------------------------------------------------------
# operation.toml
# ---------------------------------------------------------------------------------------------


def settings_text(settings: Settings) -> str:
    """`operation.toml` as people find it, with a word on each line."""
    languages = ", ".join(f'"{tag}"' for tag in settings.languages)
    ends = settings.data_ends.isoformat() if settings.data_ends else ""
    return f"""# The operation's settings. See docs/reference/operation.md.
id = {_toml(settings.id)}
title = {_toml(settings.title)}
kind = {_toml(settings.kind)}
time_zone = {_toml(settings.time_zone)}
languages = [{languages}]

# true only where everybody is invented: identity may then be kept in clear.
demonstration = {str(settings.demonstration).lower()}

# The authority in plan.yaml whose end is the deadline.
deadline = {_toml(settings.deadline)}

# The last day the record covers; without it, today.
{f"data_ends = {ends}" if ends else "# data_ends = 2026-06-30"}

# Where the record is kept: encrypted (onward.db), files (in clear, without identities), or a
# PostgreSQL address without a password.
store = {_toml(settings.store)}
{_key_line(settings)}{_titles(settings)}"""


def _key_line(settings: Settings) -> str:
    if not settings.key_file:
        return ""
    return f"\n# Opens the record unattended. Keep it on another disk than this folder.\nkey_file = {_toml(settings.key_file)}\n"


def _titles(settings: Settings) -> str:
    if not settings.titles:
        return ""
    lines = "".join(f"{language} = {_toml(title)}\n" for language, title in settings.titles)
    return f"\n# What the operation is called in other languages.\n[titles]\n{lines}"


def read_settings(file: Path) -> Settings:
    """The settings in a file; raises Faults with everything wrong in it."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Faults([Fault(str(file), "", "", f"not TOML: {error}")]) from None
    faults: list[Fault] = []

    def fault(field: str, found: str, allowed: str) -> None:
        faults.append(Fault(str(file), "", field, found, allowed))

    known = {field.name for field in fields(Settings)}
    for name in sorted(set(data) - known):
        fault(name, "an unknown setting", ", ".join(sorted(known)))
    for name in ("id", "title", "kind"):
        if not isinstance(data.get(name), str) or not data[name].strip():
            fault(name, "missing or not text", "text")
    if isinstance(data.get("id"), str) and not re.fullmatch(
        r"[A-Za-z0-9][\w.\-]{0,79}", data["id"]
    ):
        fault("id", "not an id", "letters, digits and . _ -")
    zone = data.get("time_zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        fault("time_zone", "not a time zone", "an IANA name as Asia/Baghdad")
    languages = data.get("languages", ["en"])
    if not isinstance(languages, list) or not all(isinstance(tag, str) for tag in languages):
        fault("languages", "not a list of languages", 'a list as ["en", "fa"]')
    if not isinstance(data.get("demonstration", False), bool):
        fault("demonstration", "not true or false", "true or false")
    if not isinstance(data.get("deadline", ""), str):
        fault("deadline", "not text", "the id of an authority in plan.yaml")
    store = data.get("store", FILES)
    if not isinstance(store, str) or not (
        store in (FILES, ENCRYPTED) or store.startswith(("postgresql://", "postgres://"))
    ):
        fault(
            "store", "not a store", 'encrypted, files, or an address as "postgresql:///onward"'
        )
    elif re.match(r"\w+://[^/@]*:[^/@]*@", store):
        fault("store", "an address with a password", "one without: libpq reads ~/.pgpass")
    if not isinstance(data.get("key_file", ""), str):
        fault("key_file", "not text", "the path of a key file outside the operation folder")
    ends = data.get("data_ends")
    if isinstance(ends, str):
        try:
            ends = full_date(ends)
        except NotADate:
            fault("data_ends", "not a date", "a date as 2026-06-30")
    elif ends is not None and (not isinstance(ends, date) or isinstance(ends, datetime)):
        fault("data_ends", "not a date", "a date as 2026-06-30")
    titles = data.get("titles", {})
    if not isinstance(titles, dict) or not all(
        isinstance(title, str) and title.strip() for title in titles.values()
    ):
        fault("titles", "not titles by language", '[titles] with lines as fa = "…"')
    if faults:
        raise Faults(faults)
    return Settings(
        **{
            **data,
            "languages": tuple(languages),
            "data_ends": ends,
            "titles": tuple(titles.items()),
        }
    )


def _toml(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def _write_text(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old one or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)
    os.replace(name, path)
