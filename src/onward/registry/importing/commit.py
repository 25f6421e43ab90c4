"""Commits what intake staged: names to the vault, events to the log, breaches beside movements.

Comes in: an opened operation, a list and its profile. Goes out: a `Receipt`. Everything is
checked before anything is written; the log takes the batch entirely or not at all. A list of
movements is recorded whatever the safeguards say, and each movement made with a failed one
opens a breach in the same batch.
"""

from __future__ import annotations

import json
import os
import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from onward.caseload.after_outcome import merged_into
from onward.caseload.events import MERGED, PERSON, Event, Subject, instant_text, new_event
from onward.caseload.table import events_table
from onward.engine import DuckEngine
from onward.engine.cores import cores
from onward.errors import Fault, Faults, OnwardError
from onward.intake.events import (
    Batch,
    Corrections,
    declared,
    earlier_from,
    imported_key,
    kind_of_list,
    to_events,
)
from onward.intake.profile import Profile, load_profile
from onward.intake.read import Reading, read
from onward.intake.stage import Identity, Staged, StagedRow, stage
from onward.registry.identities.put_right import put_right_in
from onward.registry.identities.vault import KeepsRowSecret
from onward.registry.importing.doubles import (
    Doubles,
    decision_events,
    doubles_in_record,
    find_doubles,
    joins_of,
    known_as,
)
from onward.registry.importing.movements import breaches_on, by_day, kinds_of_movers, shared
from onward.registry.importing.named_before import with_what_was_before
from onward.registry.importing.planned_contacts import as_planned, contacts_beside
from onward.registry.importing.receipts import BREACH_KEY, Written, receipt_id, write_receipt
from onward.registry.log.store import together
from onward.registry.operation import Operation
from onward.safeguards.record import Breach

IMPORTER = "import"
Allowed = Callable[[Sequence[tuple[int, Event]], str], None]
"""Refuses a list for what it says: events with the rows that say them, and what a row is."""


@dataclass(frozen=True)
class Checked:
    """A list read, mapped and checked: nothing of it is kept yet.

    reading  the file as it stands
    staged   its rows, typed and keyed, with every fault and open question
    """

    file: str
    profile: Profile
    reading: Reading
    staged: Staged


class Undecided(OnwardError):
    """People on the list may be people already there, and somebody must decide first."""

    exit_code = 1

    def __init__(self, file: str, doubles: Doubles) -> None:
        self.doubles = doubles
        count = len(doubles.questions)
        super().__init__(
            f"{file}: nothing was kept. {count} pair{'' if count == 1 else 's'} may be one person "
            "each, and a person must decide. See them with onward intake review."
        )


@dataclass(frozen=True)
class Receipt:
    """What one list became.

    rows       rows read
    added, corrected, unchanged   rows by what became of them
    events     events recorded, breaches and contacts that are due after them included
    breaches   movements recorded although a safeguard was not met
    notices    what a person should know about the file
    merged     people of the list recorded as people already there or twice on it
    left_out   rows at fault that were not kept
    receipt    id of the receipt kept in `imports/`; "" when nothing was recorded
    """

    list: str
    rows: int
    added: int
    corrected: int
    unchanged: int
    events: int
    breaches: int
    notices: tuple[str, ...]
    recorded: bool = True
    receipt: str = ""
    merged: int = 0
    left_out: int = 0


class Importer:
    """Brings lists into one operation, one after another.

    Keeps the log it read, so that twenty lists cost one reading.
    """

    def __init__(self, operation: Operation, *, by: str = IMPORTER,
                 clock: Callable[[], datetime] = lambda: datetime.now(UTC),
                 allowed: Allowed = lambda said, rows: None) -> None:  # fmt: skip
        """allowed  asked before anything is written, with what a list says, row by row; raises where
        its bringer may not say it. No role binds whoever holds the key"""
        self.operation = operation
        self._allowed = allowed
        self.by = by
        self._clock = clock
        self._log: list[Event] = list(operation.store.read())
        self._head = operation.store.head()

    def check(
        self,
        file: Path,
        profile: Path,
        *,
        answers: Mapping[str, str] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Checked:
        """Read one list, map it and check every cell. Nothing is written.

        answers   what a person just answered to a question about the file
        progress  called with the number of rows done, in every step that takes long
        raises    Faults when the file or the profile cannot be read at all
        """
        operation, rulebook = self.operation, self.operation.rulebook
        facts = declared(rulebook, kind_of_list(rulebook, _event_kind(profile)))
        chosen = load_profile(profile, facts, answers=answers)
        reading = read(
            file,
            sheets=chosen.sheets,
            encoding=chosen.encoding,
            delimiter=chosen.delimiter,
            progress=progress,
        )
        staged = stage(
            reading,
            chosen,
            facts,
            secret=secret(operation),
            latest=operation.default_date(),
            progress=progress,
        )
        return Checked(file.name, chosen, reading, staged)

    def match(
        self,
        checked: Checked,
        rows: Sequence[StagedRow] | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Doubles:
        """Who on the list may be somebody else on it or in the record. Nothing is written.

        rows    the rows that may be kept; None: every row without a fault
        raises  Faults when most rows look like people recorded under other numbers
        """
        self._follow()
        return find_doubles(
            self.operation,
            self._log,
            checked.staged.rows if rows is None else rows,
            earlier_from(self._log),
            file=checked.file,
            most_matched_percent=checked.profile.most_matched_percent,
            progress=progress,
        )

    def match_record(self, *, progress: Callable[[int], None] | None = None) -> Doubles:
        """Who in the record may be somebody else in it. Nothing is written."""
        self._follow()
        return doubles_in_record(self.operation, self._log, progress=progress)

    def corrects(self, rows: Sequence[StagedRow]) -> dict[str, int]:
        """Who on record these rows are about, by the list's own numbers: person -> row."""
        self._follow()
        earlier, gone_into = earlier_from(self._log), merged_into(self._log)
        found = {}
        for row in rows:
            if (known := known_as(row, earlier)) is not None:
                found[gone_into.get(known, known)] = row.row
        return found

    def bring(
        self,
        file: Path,
        profile: Path,
        *,
        answers: Mapping[str, str] | None = None,
        check_only: bool = False,
        partly: bool = False,
        match: bool = False,
    ) -> Receipt:
        """Read, check and record one list.

        answers     what a person just answered to a question about the file
        check_only  say what would happen and write nothing
        partly      keep the good rows although others are at fault
        match       look for doubles first; without it, rows count as new people unless their
                    numbers are known (for lists whose numbers are sure)
        raises      Faults with every fault and open question; Undecided while a pair waits for
                    somebody's decision; then nothing was kept
        """
        checked = self.check(file, profile, answers=answers)
        rows = checked.staged.accepted(partly=partly)
        doubles = self.match(checked, rows) if match else None
        return self.commit(checked, doubles, check_only=check_only, partly=partly)

    def commit(
        self,
        checked: Checked,
        doubles: Doubles | None = None,
        *,
        check_only: bool = False,
        partly: bool = False,
        ask: bool = False,
        by: str = "",
    ) -> Receipt:
        """Record a checked list and what people decided about its doubles, whole or not at all.

        doubles  from `match`; None: nothing was looked for
        ask      leave every open pair to the field: both carry an open duplicate, which blocks
                 what needs a settled identity, until somebody decides
        by       who leaves them open, where `ask`
        raises   as `bring`
        """
        staged, operation, rulebook = checked.staged, self.operation, self.operation.rulebook
        rows = staged.accepted(partly=partly)
        if doubles is not None and doubles.questions:
            if not ask:
                raise Undecided(checked.file, doubles)
            doubles = doubles.left_open(by or self.by)
        self._follow()
        now = self._clock()
        earlier = earlier_from(self._log)
        batch = to_events(
            staged,
            rows,
            rulebook=rulebook,
            operation=operation.settings.id,
            by=self.by,
            instant=now,
            random=random.SystemRandom(),
            earlier=earlier,
            default_effective=operation.default_date(),
            new_id=lambda: str(uuid.uuid4()),
            joins=joins_of(operation, self._log, rows, earlier, doubles),
        )
        self._allowed(self._of_rows(rows, batch), staged.profile.rows)
        decided: list[Event] = []
        if doubles is not None:
            days = {e.subject.id: e.effective for e in batch.events if e.subject.kind == PERSON}
            new = {key: who for key, who in batch.ids.items() if who in days}
            decided = decision_events(
                operation,
                self._log,
                doubles,
                {**earlier.ids, **new},
                instant=now,
                effective={key: days[who] for key, who in new.items()},
            )
        batch = as_planned(batch, self._log)
        breaches = self._breaches(batch.events, now)
        due = contacts_beside(
            operation, self._log, (*batch.events, *decided), by=self.by, now=now
        )
        receipt = ""
        if not check_only:
            placed = self._keep(staged, batch, (*decided, *breaches, *due), now)
            # Contacts follow from the record, not from the list: undoing the list works them out anew.
            placed = placed[: len(placed) - len(due)]
            receipt = self._receipt(staged, rows, batch, placed)
        return Receipt(
            checked.file,
            staged.read_rows,
            batch.added,
            batch.corrected,
            batch.unchanged,
            len(batch.events) + len(decided) + len(breaches) + len(due),
            len(breaches),
            tuple(staged.notices),
            recorded=not check_only,
            receipt=receipt,
            merged=sum(event.kind == MERGED for event in decided),
            left_out=len(staged.faulty),
        )

    def _of_rows(self, rows: Sequence[StagedRow], batch: Batch) -> list[tuple[int, Event]]:
        """What the batch says, each with the row that says it; households belong to no one row."""
        row_of = {
            row.key if row.event is not None else row.person or row.key: row.row for row in rows
        }
        return [
            (row_of[parts[0]], event)
            for event in batch.events
            if (parts := imported_key(event.idempotency_key)) and parts[0] in row_of
        ]

    def _follow(self) -> None:
        """Read the log again when somebody has recorded since."""
        if self._head != self.operation.store.head():
            self._log = list(self.operation.store.read())
            self._head = self.operation.store.head()

    def _keep(
        self, staged: Staged, batch: Batch, beside: Sequence[Event], now: datetime
    ) -> Sequence[Event]:
        """Names, then the log, in one transaction where the record has any. Where it has none, a
        crash between the two leaves a name without a person, which is harmless."""
        named = {
            person: _vault_fields(identity)
            for person, identity in batch.identities.items()
            if _vault_fields(identity)
        }
        recorded = instant_text(now)
        events = [replace(event, recorded=recorded) for event in (*batch.events, *beside)]
        with together(self.operation.store):
            if any(set(fields) - {"number"} for fields in named.values()):
                stands = put_right_in(self._log)
                self.operation.vault.put(
                    with_what_was_before(self.operation, named, events, stands)
                )
            placed = self.operation.store.append(events)
        self._log += placed
        self._head = self.operation.store.head()
        return placed

    def _receipt(
        self, staged: Staged, rows: Sequence[StagedRow], batch: Batch, placed: Sequence[Event]
    ) -> str:
        """Write what was recorded into `imports/`, after the log: the log is the truth, and a
        receipt lost to a crash is made again from it."""
        if not placed:
            return ""
        row_of = {
            (row.person or row.key) if row.event is None else row.key: row.row for row in rows
        }
        events = []
        for event in placed:
            parts = imported_key(event.idempotency_key)
            events.append((event.id, row_of.get(parts[0]) if parts else None))
        written = Written(
            id=receipt_id(placed[0].recorded, staged.profile.id, staged.digest),
            operation=self.operation.settings.id,
            recorded=placed[0].recorded,
            by=self.by,
            profile=staged.profile.id,
            profile_digest=staged.profile.digest,
            file_digest=staged.digest,
            rows=staged.read_rows,
            added=batch.added,
            corrected=batch.corrected,
            unchanged=batch.unchanged,
            breaches=sum(event.kind == "breach" for event in placed),
            events=tuple(events),
        )
        write_receipt(self.operation, written)
        return written.id

    # -- movements already made

    def _breaches(self, events: Sequence[Event], now: datetime) -> list[Event]:
        """A breach event for each movement of the batch made with a failed safeguard."""
        rulebook = self.operation.rulebook
        kinds = kinds_of_movers(rulebook)
        movers = [event for event in events if event.kind in kinds]
        if not movers:
            return []
        asked = by_day(movers)
        left = {event.id for event in movers}
        before = [e for e in (*self._log, *events) if e.id not in left]
        near = _around({event.subject.id for event in movers}, before, shared(rulebook))
        placed = [
            event.placed(seq=number, recorded=event.recorded or instant_text(now))
            for number, event in enumerate(near, 1)
        ]
        tables = events_table(placed, rulebook)

        def judged(days: Sequence[date]) -> list[tuple[date, Breach]]:
            engine = DuckEngine(threads=1)
            return [
                (day, breach)
                for day in days
                for breach in breaches_on(day, asked[day], tables, rulebook, engine)
            ]

        days = sorted(asked)
        workers = max(min(cores(), len(days)), 1)
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(judged, [days[i::workers] for i in range(workers)]))
        found = sorted(
            (entry for part in parts for entry in part),
            key=lambda entry: (entry[0], entry[1].person, entry[1].move),
        )
        keys = _BreachKeys(self._log)
        return [
            new_event(
                rulebook,
                operation=self.operation.settings.id,
                subject=Subject("person", breach.person),
                kind="breach",
                effective=day.isoformat(),
                by=self.by,
                instant=now,
                random=random.SystemRandom(),
                facts=breach.facts(),
                idempotency_key=keys.of(breach, day),
            )
            for day, breach in found
        ]


class _BreachKeys:
    """One breach for one movement: known again while it stands, new after an undo."""

    def __init__(self, log: Sequence[Event]) -> None:
        self._corrections = Corrections(log)
        self._earlier: dict[str, list[Event]] = defaultdict(list)
        for event in log:
            if event.idempotency_key.startswith(BREACH_KEY):
                self._earlier[event.idempotency_key.partition("#")[0]].append(event)

    def of(self, breach: Breach, day: date) -> str:
        base = f"{BREACH_KEY}{breach.person}:{breach.move}:{day}"
        earlier = self._earlier.get(base, [])
        for event in earlier:
            if self._corrections.stands(event):
                return event.idempotency_key
        return f"{base}#{len(earlier)}" if earlier else base


def _around(people: set[str], events: Sequence[Event], shared: Collection[str]) -> list[Event]:
    """The events that can bear on these people: their own, their households' members', what is
    shared, and everything that belongs to nobody in particular."""
    home: dict[str, str] = {}
    for event in events:
        if event.subject.kind == "person" and isinstance(event.facts.get("household"), str):
            home[event.subject.id] = str(event.facts["household"])
    homes = {home[person] for person in people if person in home}
    near = people | {person for person, where in home.items() if where in homes}
    kept = []
    for event in events:
        kind, identity = event.subject.kind, event.subject.id
        if kind == "person":
            wanted = identity in near
        elif kind == "household":
            wanted = identity in homes
        else:
            owner = event.facts.get("person")
            wanted = kind in shared or owner is None or owner in near
        if wanted:
            kept.append(event)
    return kept


def secret(operation: Operation) -> bytes:
    """The operation's own key for row keys: 32 random bytes, made once, readable by its owner,
    or kept encrypted where the record is."""
    if isinstance(operation.vault, KeepsRowSecret):
        return operation.vault.row_secret()
    path = operation.folder("vault") / "row-keys.secret"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
    return path.read_bytes()


def _event_kind(profile: Path) -> str | None:
    """The kind of record a profile adds, read before its columns can be checked."""
    try:
        return event_kind_of(profile.read_text("utf-8"))
    except FileNotFoundError:
        raise OnwardError(
            f"{profile} was not found. A profile says which column is which fact: see "
            "docs/reference/import-profiles.md."
        ) from None
    except (OSError, UnicodeDecodeError):
        return None


def event_kind_of(profile: str) -> str | None:
    """The kind of record that the text of a profile adds; None where it says of none."""
    try:
        raw = yaml.safe_load(profile)
    except yaml.YAMLError:
        return None
    event = raw.get("event") if isinstance(raw, dict) else None
    kind = event.get("kind") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) else None


def _vault_fields(identity: Identity) -> dict[str, str]:
    """What the vault keeps of one person."""
    fields: dict[str, str] = {}
    for part in identity.names:
        fields[f"name.{part.part}.{part.script}"] = part.text
    for kind, document in identity.documents:
        fields[f"document.{kind}"] = document.printed
    for kind, text in identity.contacts:
        fields[f"contact.{kind}"] = text
    if identity.notes:
        fields["notes"] = "\n".join(identity.notes)
    if identity.office_number:
        fields["number"] = identity.office_number
    for name, value in identity.sealed.items():
        fields[f"sealed.{name}"] = str(value)
    return fields


def lists_of(file: Path) -> list[tuple[Path, Path]]:
    """The lists and profiles an order file names, beside it.

    raises  Faults with every entry that is not a list and a profile
    """
    try:
        raw: Any = yaml.safe_load(file.read_text("utf-8"))
    except OSError:
        raise OnwardError(f"{file} was not found.") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise OnwardError(f"{file.name} is not YAML: entries such as - {{list: a.csv, profile: b.yaml}}") from None  # fmt: skip
    faults = []
    found = []
    for number, entry in enumerate(raw if isinstance(raw, list) else [raw], 1):
        if not isinstance(entry, dict) or set(entry) != {"list", "profile"}:
            faults.append(
                Fault(file.name, f"entry {number}", "", "not a list with its profile",
                      json.dumps({"list": "people.csv", "profile": "people.yaml"}))
            )  # fmt: skip
            continue
        found.append((file.parent / str(entry["list"]), file.parent / str(entry["profile"])))
    if faults:
        raise Faults(faults)
    return found
