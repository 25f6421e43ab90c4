"""What each import left in the record.

Exists because a wrong list is found out after it was brought in. Comes in: an operation. Goes out:
its receipts, one for each import, and whether anything of it still stands. The log is the truth: a
receipt is written after the events, so a crash between the two costs a file and no more, and a
receipt that is missing is made again from the log. A receipt is pseudonymous: row numbers, event
ids, counts and digests.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from onward.caseload.events import RETRACTED, Event
from onward.errors import OnwardError
from onward.intake.events import Corrections, imported_key
from onward.registry.importing.doubles import IMPORTED_DECISION
from onward.registry.log.db_store import DatabaseStore
from onward.registry.operation import Operation

FORM = 1
PUTS_BACK = "puts-back:"
"""Evidence of an event that stands again for one which an undone import had corrected."""

BREACH_KEY = "breach:"


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
    kept = [receipt for receipt in _written(operation) if receipt.event_ids <= here]
    known = {event for receipt in kept for event in receipt.event_ids}
    found = kept + [_rebuilt(batch) for batch in _batches(events, known)]
    place = {event.id: event.seq for event in events}
    return sorted(
        found, key=lambda receipt: min((place[e] for e in receipt.event_ids), default=0)
    )


def _written(operation: Operation) -> list[Written]:
    """The receipts in `imports/` that are this operation's."""
    folder = operation.path / "imports"
    found = [read_receipt(path) for path in sorted(folder.glob("*.json"))]
    return [receipt for receipt in found if receipt.operation == operation.settings.id]


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
    if event.kind == RETRACTED or put_back_for(event) is not None:
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
    return not standing_of(receipt.event_ids, Log(log))


def with_state(operation: Operation) -> list[tuple[Written, bool]]:
    """Every import with whether it was undone, from one reading of the log."""
    log = Log(operation.store.read())
    stand = {log.origin(event).id for event in log.events if log.corrections.live(event)}
    return [
        (receipt, not (receipt.event_ids & stand))
        for receipt in receipts(operation, log.events)
    ]


def _by_receipts(operation: Operation) -> list[tuple[Written, bool]] | None:
    """As `with_state`, from the receipts and what corrects or takes back anything, which is little
    beside the log; None where the log holds imported events that no receipt names."""
    store = operation.store
    if not isinstance(store, DatabaseStore):
        return None
    kept = [receipt for receipt in _written(operation) if receipt.events]
    seq_of = store.seqs_of([receipt.events[0][0] for receipt in kept])
    # A list is recorded whole or not at all: where its first event is, all of them are.
    kept = [receipt for receipt in kept if receipt.events[0][0] in seq_of]
    known = frozenset[str]().union(*(receipt.event_ids for receipt in kept))
    after = store.read_where("supersedes IS NOT NULL", [])
    back = [event for event in after if put_back_for(event) is not None]
    theirs = [event for event in back if imported_key(event.idempotency_key) is not None]
    if store.count_of_keys(IMPORTED_KEYS) != len(known) + len(theirs):
        return None
    gone, live = {event.supersedes for event in after}, Corrections(after).live
    again = {put_back_for(event) for event in back if live(event)}
    kept.sort(key=lambda receipt: seq_of[receipt.events[0][0]])
    return [
        (receipt, not (receipt.event_ids - gone or receipt.event_ids & again))
        for receipt in kept
    ]


IMPORTED_KEYS = ("%@%#%", f"{BREACH_KEY}%", f"{IMPORTED_DECISION}%")
"""What the keys of imported events are like, as a database asks."""

_kept: dict[str, tuple[int, int, list[tuple[Written, bool]]]] = {}


def imports_now(operation: Operation) -> list[tuple[Written, bool]]:
    """As `with_state`, for a page: asked again only when something recorded since bears on an
    import, and of the whole log, which takes seconds, only where a receipt is missing."""
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
        known = _by_receipts(operation)
        found = with_state(operation) if known is None else known
        _kept.clear()
    _kept[path] = (size, files, found)
    return found


class Log:
    """The log with what each of its events stands for."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.by_id = {event.id: event for event in self.events}
        self.corrections = Corrections(self.events)

    def origin(self, event: Event) -> Event:
        """The event that an event put back stands for; itself otherwise."""
        while (first := put_back_for(event)) is not None and first in self.by_id:
            event = self.by_id[first]
        return event


def put_back_for(event: Event) -> str | None:
    return next(
        (text.removeprefix(PUTS_BACK) for text in event.evidence if text.startswith(PUTS_BACK)),
        None,
    )


def standing_of(batch: frozenset[str], log: Log) -> list[Event]:
    """The events in force that stand for the batch's own."""
    live = log.corrections.live
    return [event for event in log.events if live(event) and log.origin(event).id in batch]
