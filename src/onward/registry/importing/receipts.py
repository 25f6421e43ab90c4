"""What each import left in the record, and the one way to take it out again.

Exists because a wrong list is found out after it was brought in. Comes in: an operation. Goes
out: its receipts, one for each import, and `undo`, which retracts what an import recorded as
long as nothing later rests on it. The log is the truth: a receipt is written after the events,
so a crash between the two costs a file and no more, and a receipt that is missing is made again
from the log. A receipt is pseudonymous: row numbers, event ids, counts and digests.
"""

from __future__ import annotations

import json
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from onward.caseload.events import (
    PERSON,
    RECORDED,
    REGISTERED,
    RETRACTED,
    Event,
    event_id,
)
from onward.dates import day_range
from onward.errors import OnwardError
from onward.intake.events import AXES, Corrections, idempotency_key, imported_key
from onward.registry.identities.former import BEFORE_IMPORT
from onward.registry.identities.former import now as as_it_stands
from onward.registry.identities.put_right import put_right_in, standing
from onward.registry.identities.vault import VaultRefused
from onward.registry.importing.doubles import IMPORTED_DECISION
from onward.registry.operation import Operation

FORM = 1
PUTS_BACK = "puts-back:"
"""Evidence of an event that stands again for one which an undone import had corrected."""

UNDONE = "undone-"
BREACH_KEY = "breach:"


@runtime_checkable
class WritesTogether(Protocol):
    """A store that takes everything written inside `writing` entirely or not at all."""

    def writing(self) -> AbstractContextManager[None]: ...


def together(operation: Operation) -> AbstractContextManager[None]:
    """One transaction over log and vault, where the record has any."""
    store = operation.store
    return store.writing() if isinstance(store, WritesTogether) else nullcontext()


def with_what_was_before(
    operation: Operation,
    named: Mapping[str, Mapping[str, str]],
    events: Sequence[Event],
    stands: Mapping[str, Collection[str]],
) -> dict[str, dict[str, str]]:
    """Identities as an import gives them, each with what it replaces; what was put right at the desk
    stands against any list (`stands`: person -> fields), and what a list does not say stays."""
    event_of: dict[str, str] = {}
    for event in events:
        if event.subject.kind == PERSON:
            event_of.setdefault(event.subject.id, event.id)
    made = {person: dict(fields) for person, fields in named.items()}
    for person, kept in operation.vault.get_many(named).items():
        old = as_it_stands(kept)
        made[person] = standing({**old, **named[person]}, old, stands.get(person, ()))
        if old and old != made[person]:
            before = {"event": event_of.get(person, ""), "fields": old}
            made[person][BEFORE_IMPORT] = json.dumps(before, ensure_ascii=False)
    return made


def _named_before(
    operation: Operation, batch: Mapping[str, Event], log: Sequence[Event]
) -> dict[str, dict[str, str]]:
    """Who people were before an import corrected them, where the vault still knows; what was put
    right at the desk stays.

    log  the whole of it
    """
    people = {event.subject.id for event in batch.values() if event.subject.kind == PERSON}
    try:
        kept = operation.vault.get_many(sorted(people))
    except VaultRefused:
        return {}
    found, stands = {}, put_right_in(log)
    for person, fields in kept.items():
        if BEFORE_IMPORT in fields:
            before = json.loads(fields[BEFORE_IMPORT])
            if before["event"] in batch:
                found[person] = standing(before["fields"], fields, stands.get(person, ()))
    return found


@dataclass(frozen=True)
class Written:
    """The receipt of one import, as `imports/` keeps it.

    id                  its file's name without ".json"
    recorded, by        when and by whom, as in the log
    profile             the profile's name; None in a receipt made again from the log
    profile_digest, file_digest   SHA-256; they tell whether a file is the one brought in
    rows, added, corrected, unchanged   rows of the list; None when made again from the log
    breaches            breaches recorded beside movements
    events              every event with the row of the list it came from; None for events that
                        belong to no single row (a household, a breach)
    rebuilt             made again from the log because its file was missing
    """

    id: str
    operation: str
    recorded: str
    by: str
    profile: str | None
    profile_digest: str | None
    file_digest: str | None
    rows: int | None
    added: int | None
    corrected: int | None
    unchanged: int | None
    breaches: int
    events: tuple[tuple[str, int | None], ...]
    rebuilt: bool = False

    @property
    def event_ids(self) -> frozenset[str]:
        return frozenset(event for event, _ in self.events)

    def as_json(self) -> dict[str, Any]:
        """The receipt as its file holds it."""
        data = {"form": FORM, **asdict(self)}
        data["events"] = [{"id": event, "row": row} for event, row in self.events]
        return data


@dataclass(frozen=True)
class Undone:
    """What undoing an import did.

    retracted  events that stand no more
    put_back   events that stand again: what the import had corrected, and what had to be said
               again after it so that the order of the record is as before
    names      people who are no longer in the record and whose names were hidden in the vault
    """

    receipt: str
    retracted: int
    put_back: int
    names: int

    @property
    def changed(self) -> bool:
        return bool(self.retracted or self.put_back)


class Depended(OnwardError):
    """Later events rest on the import, so undoing it would leave them hanging."""

    exit_code = 1


# ---------------------------------------------------------------------------------------------
# Writing and reading receipts
# ---------------------------------------------------------------------------------------------


def receipt_id(recorded: str, profile: str, digest: str) -> str:
    """`<instant>-<profile>-<digest>`: sorts by time and can be typed."""
    instant = re.sub(r"[^0-9TZ]", "", recorded)
    word = re.sub(r"[^A-Za-z0-9]+", "-", profile).strip("-")[:40] or "list"
    return f"{instant}-{word}-{digest[:12]}"


def write_receipt(operation: Operation, receipt: Written) -> Path:
    """Keep a receipt in `imports/`, whole or not at all."""
    folder = operation.folder("imports")
    path = folder / f"{receipt.id}.json"
    text = json.dumps(receipt.as_json(), ensure_ascii=True, indent=1) + "\n"
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".receipt-")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)
    return path


def read_receipt(path: Path) -> Written:
    """One receipt; raises OnwardError when the file is not one."""
    try:
        data = json.loads(path.read_text("ascii"))
        if data.pop("form") != FORM:
            raise ValueError
        data["events"] = tuple((entry["id"], entry["row"]) for entry in data["events"])
        return Written(**data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise OnwardError(
            f"imports/{path.name} is not a receipt. Delete it: receipts are made again from "
            "the log by `onward intake receipts DIR --rebuild`."
        ) from None


def receipts(operation: Operation, log: Sequence[Event] | None = None) -> list[Written]:
    """Every import of the operation, the earliest first.

    Imports whose receipt is missing are found in the log: events of one import were recorded at
    one instant, one after another, under keys that only imports write. Imports recorded at the
    same instant (a demonstration written in one go) cannot be told apart then and come as one.
    """
    events = list(operation.store.read()) if log is None else log
    here = {event.id for event in events}
    folder = operation.path / "imports"
    kept = [read_receipt(path) for path in sorted(folder.glob("*.json"))]
    kept = [
        receipt
        for receipt in kept
        if receipt.operation == operation.settings.id and receipt.event_ids <= here
    ]
    known = {event for receipt in kept for event in receipt.event_ids}
    found = kept + [_rebuilt(batch) for batch in _batches(events, known)]
    place = {event.id: event.seq for event in events}
    return sorted(
        found, key=lambda receipt: min((place[e] for e in receipt.event_ids), default=0)
    )


def _batches(events: Sequence[Event], known: set[str]) -> Iterator[list[Event]]:
    """Runs of imported events that no receipt names."""
    run: list[Event] = []
    for event in events:
        ours = event.id not in known and _imported(event)
        # The first 13 signs of an id are its instant in milliseconds: one for a whole import.
        same = run and (run[-1].recorded, run[-1].id[:13], run[-1].by) == (
            event.recorded, event.id[:13], event.by,
        )  # fmt: skip
        if run and not (ours and same):
            yield run
            run = []
        if ours:
            run.append(event)
    if run:
        yield run


def _imported(event: Event) -> bool:
    if event.kind == RETRACTED or _put_back(event) is not None:
        return False
    key = event.idempotency_key
    return imported_key(key) is not None or key.startswith((BREACH_KEY, IMPORTED_DECISION))


def _rebuilt(batch: Sequence[Event]) -> Written:
    first = batch[0]
    return Written(
        id=receipt_id(first.recorded, "rebuilt", first.id.replace("-", "")[::-1]),
        operation=first.operation,
        recorded=first.recorded,
        by=first.by,
        profile=None,
        profile_digest=None,
        file_digest=None,
        rows=None,
        added=None,
        corrected=None,
        unchanged=None,
        breaches=sum(event.kind == "breach" for event in batch),
        events=tuple((event.id, None) for event in batch),
        rebuilt=True,
    )


def is_undone(receipt: Written, log: Iterable[Event]) -> bool:
    """Whether nothing of an import stands any more."""
    return not _standing(receipt.event_ids, _Log(log))


def with_state(operation: Operation) -> list[tuple[Written, bool]]:
    """Every import with whether it was undone, from one reading of the log."""
    log = _Log(operation.store.read())
    stand = {log.origin(event).id for event in log.events if log.corrections.live(event)}
    return [
        (receipt, not (receipt.event_ids & stand))
        for receipt in receipts(operation, log.events)
    ]


_kept: dict[str, tuple[int, int, list[tuple[Written, bool]]]] = {}


def imports_now(operation: Operation) -> list[tuple[Written, bool]]:
    """As `with_state`, for a page: the log is read again only when something recorded since bears
    on an import. To read all of a large one takes seconds."""
    store: Any = operation.store
    size = store.last_seq()
    folder = operation.path / "imports"
    files = folder.stat().st_mtime_ns if folder.is_dir() else 0
    path = str(operation.path)
    seen, written, found = _kept.get(path, (-1, -1, []))
    if written != files or not 0 <= seen <= size:
        fresh = True
    else:
        since = store.read_where("seq > %s AND seq <= %s", [seen, size]) if seen < size else ()
        fresh = any(event.supersedes or _imported(event) for event in since)
    if fresh:
        found = with_state(operation)
        _kept.clear()
    _kept[path] = (size, files, found)
    return found


# ---------------------------------------------------------------------------------------------
# Undoing
# ---------------------------------------------------------------------------------------------


class _Log:
    """The log with what undoing asks of it."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.by_id = {event.id: event for event in self.events}
        self.corrections = Corrections(self.events)

    def origin(self, event: Event) -> Event:
        """The event that an event put back stands for; itself otherwise."""
        while (first := _put_back(event)) is not None and first in self.by_id:
            event = self.by_id[first]
        return event


def _put_back(event: Event) -> str | None:
    return next(
        (text.removeprefix(PUTS_BACK) for text in event.evidence if text.startswith(PUTS_BACK)),
        None,
    )


def _standing(batch: frozenset[str], log: _Log) -> list[Event]:
    """The events in force that stand for the batch's own."""
    live = log.corrections.live
    return [event for event in log.events if live(event) and log.origin(event).id in batch]


def undo(
    operation: Operation,
    wanted: str | None = None,
    *,
    by: str = "import",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Undone:
    """Take one import out of the record.

    wanted  a receipt's id, or as much of it as is unmistakable; None: the last import
    returns what was done; undoing what is undone changes nothing
    raises  Depended, naming how many later events rest on the import; OnwardError when there is
            no such receipt, or a legal hold keeps somebody whom it would take out

    Events that opened something are retracted. Where the import had corrected an earlier event,
    that event is put back: said again in the place of the correction. Nothing is deleted.
    """
    log = _Log(operation.store.read())
    receipt = _chosen(receipts(operation, log.events), wanted)
    batch = receipt.event_ids
    standing = _standing(batch, log)
    if not standing:
        return Undone(receipt.id, 0, 0, 0)
    created = _created(batch, log)
    _refuse_if_needed(receipt, _dependants(batch, standing, created, log))
    people = {name for kind, name in created if kind == PERSON}
    _refuse_if_held(operation, people)
    ours = {e: log.by_id[e] for e in batch if e in log.by_id}
    before = _named_before(operation, ours, log.events)
    before = {person: fields for person, fields in before.items() if person not in people}
    written = _Undoing(operation, log, batch, standing, by, clock(), frozenset(before)).events()
    with together(operation):
        if before:
            operation.vault.put(before)
        placed = operation.record(written, file=receipt.id)
        hidden = _hide(operation, people)
    return Undone(
        receipt.id,
        sum(event.kind == RETRACTED for event in placed),
        sum(event.kind != RETRACTED for event in placed),
        hidden,
    )


def _chosen(found: Sequence[Written], wanted: str | None) -> Written:
    if not found:
        raise OnwardError("Nothing was imported into this operation: there is nothing to undo.")
    if wanted is None:
        return found[-1]
    name = Path(wanted).name.removesuffix(".json")
    exact = [receipt for receipt in found if receipt.id == name]
    near = exact or [receipt for receipt in found if name and name in receipt.id]
    if len(near) != 1:
        few = ", ".join(receipt.id for receipt in (near or found)[-5:])
        count = f"{len(near)} receipts have" if near else "no receipt has"
        raise OnwardError(f"{count} that in their name; expected one, as {few}.".capitalize())
    return near[0]


def _refuse_if_held(operation: Operation, people: Collection[str]) -> None:
    """Undoing takes the people of a list out of the record, with their names."""
    if not operation.settings.encrypted:
        return
    from onward.registry.identities.held import STAYS, held

    if held().intersection(people):
        raise OnwardError(STAYS)


def _created(batch: frozenset[str], log: _Log) -> set[tuple[str, str]]:
    """Whom and what the batch brought into the record."""
    ours = [event for event in log.events if event.id in batch]
    first = min(event.seq for event in ours)
    before = [event for event in log.events if event.seq < first]
    corrections = Corrections(before)
    existing = {
        (event.subject.kind, event.subject.id) for event in before if corrections.live(event)
    }
    return {(event.subject.kind, event.subject.id) for event in ours} - existing


def _dependants(
    batch: frozenset[str],
    standing: Sequence[Event],
    created: set[tuple[str, str]],
    log: _Log,
) -> Counter[str]:
    """Later events in force that rest on the batch, by how they do."""
    own = {event.id for event in standing}
    first = min(event.seq for event in log.events if event.id in batch)
    ids = {name for _, name in created}
    found: Counter[str] = Counter()
    for event in log.events:
        if event.seq < first or event.id in own or not log.corrections.live(event):
            continue
        if event.id in batch:
            continue
        if _corrects(event, batch, log):
            found["correct what it recorded"] += 1
        elif (event.subject.kind, event.subject.id) in created:
            found["are about people, households or records it brought"] += 1
        elif any(name in ids for name in _texts(event.facts)):
            found["refer to people, households or records it brought"] += 1
    return found


def _corrects(event: Event, batch: frozenset[str], log: _Log) -> bool:
    """Whether an event stands in the place of one of the batch, at any remove."""
    if log.origin(event) is not event:
        return False
    here = event.supersedes
    while here is not None and here in log.by_id:
        if log.origin(log.by_id[here]).id in batch:
            return True
        here = log.by_id[here].supersedes
    return False


def _texts(facts: Mapping[str, Any]) -> Iterator[str]:
    for value in facts.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, str))


def _refuse_if_needed(receipt: Written, found: Counter[str]) -> None:
    if not found:
        return
    total = sum(found.values())
    how = "; ".join(f"{count:,} {what}" for what, count in found.most_common())
    verb = "rests" if total == 1 else "rest"
    raise Depended(
        f"{receipt.id} was not undone: {total:,} later event{'' if total == 1 else 's'} "
        f"{verb} on it ({how}). Nothing was changed. Undo the later imports first, the last "
        "one first (onward intake receipts DIR lists them), and retract by hand what was "
        "recorded otherwise; or bring a corrected list under the same profile instead."
    )


class _Undoing:
    """Makes the events that take a batch out again."""

    def __init__(
        self,
        operation: Operation,
        log: _Log,
        batch: frozenset[str],
        standing: Sequence[Event],
        by: str,
        now: datetime,
        named: frozenset[str] = frozenset(),
    ) -> None:
        self.named = named
        self.operation, self.log, self.batch, self.standing = operation, log, batch, standing
        self.by, self.now, self.random = by, now, random.SystemRandom()
        self.rulebook = operation.rulebook.hash
        self.used: Counter[str] = Counter()
        for event in log.events:
            if parts := imported_key(event.idempotency_key):
                self.used[idempotency_key(*parts)] += 1

    def events(self) -> list[Event]:
        made: list[Event] = []
        again: list[Event] = []
        for event in self.standing:
            prior = self._prior(event)
            if prior is None:
                made.append(self._retracted(event))
            else:
                made.append(self._restored(prior, event, marked=self._stale(prior)))
                again.append(prior)
        made += [self._restored(event, event) for event in self._later(again)]
        return made

    def _stale(self, prior: Event) -> bool:
        """Whether the vault keeps a name that the undone list gave."""
        return _names(prior) and prior.subject.id not in self.named

    def _prior(self, event: Event) -> Event | None:
        """What stood before the batch where an event stands now; None when nothing did."""
        origin = self.log.origin(event)
        while origin.supersedes in self.batch and origin.supersedes in self.log.by_id:
            origin = self.log.by_id[origin.supersedes]
        if origin.supersedes is None:
            return None
        prior = self.log.by_id.get(origin.supersedes)
        if prior is None or prior.kind == RETRACTED:
            return None
        # Somebody else corrected it too: their word stands and needs nobody's help.
        others = [e for e in self.log.corrections.standing(prior) if e.id != event.id]
        return None if others else prior

    def _later(self, again: Sequence[Event]) -> list[Event]:
        """Of two events of one day the one recorded later has the last word. An event put back
        is recorded now, so those that had the last word over it must be said again too."""
        restored = {event.id for event in self.standing}
        found: dict[str, Event] = {}
        by_day: dict[tuple[str, str, Any], list[Event]] = {}
        wanted = {self._day(event) for event in again}
        for event in self.log.events:
            if self.log.corrections.live(event) and event.id not in restored:
                day = self._day(event)
                if day in wanted:
                    by_day.setdefault(day, []).append(event)
        for prior in again:
            said = self._says(prior)
            order = (prior.recorded, prior.seq)
            for event in by_day.get(self._day(prior), []):
                if (event.recorded, event.seq) > order and said & self._says(event):
                    said |= self._says(event)
                    found[event.id] = event
        return sorted(found.values(), key=lambda event: event.seq)

    def _day(self, event: Event) -> tuple[str, str, Any]:
        return event.subject.kind, event.subject.id, day_range(event.effective)[1]

    def _says(self, event: Event) -> set[str]:
        """What an event has a word on; a step moves the person on every axis it may."""
        moves = event.kind == REGISTERED or event.kind in self.operation.rulebook.moves()
        return {*event.facts, *(AXES if moves else ())}

    def _retracted(self, event: Event) -> Event:
        return Event(
            id=event_id(self.now, self.random),
            operation=event.operation,
            subject=event.subject,
            kind=RETRACTED,
            effective=event.effective,
            by=self.by,
            rulebook=self.rulebook,
            idempotency_key=f"undo:{event.id}",
            supersedes=event.id,
        )

    def _restored(self, prior: Event, place: Event, *, marked: bool = False) -> Event:
        """An event said again in the place of another.

        marked  its row counts as changed when its list comes again, because the vault still
                holds the name that the undone list gave and must hear the earlier one
        """
        first = self.log.origin(prior)
        evidence = tuple(e for e in prior.evidence if not e.startswith(PUTS_BACK))
        return replace(
            prior,
            id=event_id(self.now, self.random),
            by=self.by,
            rulebook=self.rulebook,
            evidence=(*evidence, PUTS_BACK + first.id),
            supersedes=place.id,
            idempotency_key=self._key(prior, place, marked),
            recorded="",
            seq=0,
        )

    def _key(self, prior: Event, place: Event, marked: bool) -> str:
        parts = imported_key(prior.idempotency_key)
        if parts is None:
            return f"undo:{place.id}"
        key, effective, content = parts
        if marked and not content.startswith(UNDONE):
            content = UNDONE + content
        base = idempotency_key(key, effective, content)
        self.used[base] += 1
        return idempotency_key(key, effective, content, self.used[base] - 1)


def _names(event: Event) -> bool:
    """Whether the row behind an event also put a name into the vault."""
    return event.subject.kind == PERSON and event.kind in (REGISTERED, RECORDED)


def _hide(operation: Operation, people: set[str]) -> int:
    """Take the names of people no longer in the record out of sight; how many had one."""
    try:
        named = [person for person in sorted(people) if operation.vault.get(person)]
        if named:
            operation.vault.put({person: {} for person in named})
    except VaultRefused:
        return 0
    return len(named)
