"""The log as JSON Lines files in a folder, safe against a crash at any moment.

Exists for demonstrations, tests and records without names. A batch is a run
of lines, one canonical event each, closed by one commit line that carries the number of events
and a hash over the batch and everything before it. A batch without its commit line never
happened: readers stop before it and the next writer removes it. A line changed later breaks the
hashes and is refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onward.caseload.events import (
    Event,
    NotAnEvent,
    canonical_bytes,
    from_json,
    instant_of,
    instant_text,
)
from onward.registry.log.store import StoreBusy, StoreDamaged, StoreError

EMPTY_HEAD = hashlib.sha256(b"onward event log 1").hexdigest()
"""The head of a log that holds nothing yet."""

SEGMENT_BYTES = 64 * 2**20
"""A new file is begun once the last one is larger."""

_COMMIT = b'{"commit":'
_KEY = re.compile(rb'"idempotency_key":("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True)
class _End:
    """Where the log ends: the last commit, and bytes after it that were never committed."""

    head: str
    seq: int
    recorded: str
    segment: Path | None
    size: int
    torn: int


class FolderStore:
    """Events as files `000001.jsonl`, `000002.jsonl` … in one folder.

    backdated  keep the instant an event says it was recorded at (never falling). Only for
               demonstrations, whose past is written in one go
    clock      where "now" comes from
    wait       seconds to wait for another writer before giving up
    """

    def __init__(
        self,
        folder: Path,
        *,
        backdated: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: float = 30.0,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._folder = folder
        self._backdated = backdated
        self._clock = clock
        self._wait = wait
        self._segment_bytes = segment_bytes
        self._keys: tuple[str, set[bytes]] | None = None
        self._checked: list[tuple[str, int, int]] = []
        self.notices: list[str] = []

    # -- writing ------------------------------------------------------------------------------

    def append(self, events: Iterable[Event]) -> Sequence[Event]:
        drafts = list(events)
        with self._writing():
            end = self._recover()
            keys = self._known_keys(end.head)
            fresh: list[Event] = []
            for event in drafts:
                key = _key_bytes(event.idempotency_key)
                if key not in keys:
                    keys.add(key)
                    fresh.append(event)
            try:
                self._check_corrections(fresh)
                placed = self._placed(fresh, end)
                if placed:
                    end = self._write(placed, end)
            except BaseException:
                self._keys = None
                raise
            self._keys = (end.head, keys)
            return placed

    def _placed(self, events: Sequence[Event], end: _End) -> list[Event]:
        last = instant_of(end.recorded) if end.recorded else datetime.min.replace(tzinfo=UTC)
        now = self._clock()
        placed = []
        for number, event in enumerate(events, end.seq + 1):
            instant = instant_of(event.recorded) if self._backdated and event.recorded else now
            # A clock that was set back must not put what is recorded now before what was
            # recorded then: the order of the log is the order of its instants.
            last = max(last, instant)
            placed.append(event.placed(seq=number, recorded=instant_text(last)))
        return placed

    def _write(self, events: Sequence[Event], end: _End) -> _End:
        lines = b"".join(canonical_bytes(event) + b"\n" for event in events)
        head = _next_head(end.head, lines)
        commit = {
            "commit": {
                "events": len(events),
                "head": head,
                "last_seq": events[-1].seq,
                "recorded": events[-1].recorded,
            }
        }
        data = lines + json.dumps(commit, separators=(",", ":")).encode() + b"\n"
        segment, size = end.segment, end.size
        if segment is None or size >= self._segment_bytes:
            number = int(segment.stem) + 1 if segment else 1
            segment, size = self._folder / f"{number:06d}.jsonl", 0
        descriptor = os.open(segment, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            except OSError as error:
                os.ftruncate(descriptor, size)
                os.fsync(descriptor)
                raise StoreError(
                    f"The events could not be written ({error.strerror}); nothing of this batch "
                    "was recorded. Free some disk space or mend the disk, then try again."
                ) from error
        finally:
            os.close(descriptor)
        if size == 0:
            _sync_folder(self._folder)
        return _End(head, events[-1].seq, events[-1].recorded, segment, size + len(data), 0)

    def _check_corrections(self, events: Sequence[Event]) -> None:
        here = {event.id for event in events}
        wanted = {
            event.supersedes
            for event in events
            if event.supersedes and event.supersedes not in here
        }
        if wanted:
            known = {
                event.id
                for event in self.read_marked(
                    [f'"id":"{id_}","idempotency_key"' for id_ in wanted]
                )
            }
            if wanted - known:
                raise StoreError(
                    f"{len(wanted - known)} event(s) correct an event this log does not hold; "
                    "nothing of this batch was recorded. Correct events of this operation only."
                )

    def _known_keys(self, head: str) -> set[bytes]:
        if self._keys is None or self._keys[0] != head:
            keys: set[bytes] = set()
            for lines, _ in self._batches():
                keys.update(_KEY.findall(lines))
            self._keys = (head, keys)
        return set(self._keys[1])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + self._wait
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise StoreBusy(
                            "Somebody else is recording in this operation. Nothing was "
                            "recorded; try again in a moment."
                        ) from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)

    def _recover(self) -> _End:
        """Take away a batch that was never committed; the caller holds the lock."""
        end = self._end()
        if end.torn:
            for segment in self._segments():
                if end.segment is None or segment.stem > end.segment.stem:
                    segment.unlink()
            if end.segment is not None:
                with open(end.segment, "r+b") as file:
                    file.truncate(end.size)
                    os.fsync(file.fileno())
            _sync_folder(self._folder)
            self.notices.append(
                f"An unfinished write of {end.torn} bytes was found at the end of the log and "
                "removed. It had never been confirmed to anybody."
            )
        return end

    # -- reading ------------------------------------------------------------------------------

    def read(self, known_at: datetime | None = None) -> Sequence[Event]:
        events: list[Event] = []
        seq = 0
        for lines, first_line in self._batches():
            for number, line in enumerate(lines.splitlines(), first_line[1]):
                event = _event(line, first_line[0], number)
                seq += 1
                if event.seq != seq:
                    raise _damaged(first_line[0], number, "events are out of order")
                if known_at is not None and instant_of(event.recorded) > known_at:
                    return events
                events.append(event)
        return events

    def read_marked(self, marks: Sequence[str]) -> Sequence[Event]:
        wanted = [mark.encode() for mark in marks]
        events = []
        for lines, where in self._batches(wanted):
            if any(mark in lines for mark in wanted):
                for number, line in enumerate(lines.splitlines(), where[1]):
                    if any(mark in line for mark in wanted):
                        events.append(_event(line, where[0], number))
        return events

    def head(self) -> str:
        return self._end().head

    def unfinished_bytes(self) -> int:
        """Bytes at the end of the log that were never committed: of a crash, or of a write
        that is under way."""
        return self._end().torn

    def verify(self) -> int:
        """Check every hash and every event; return the number of events. Raises StoreDamaged."""
        return len(self.read())

    def _segments(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9][0-9][0-9][0-9][0-9][0-9].jsonl"))

    def _batches(self, marks: Sequence[bytes] = ()) -> Iterator[tuple[bytes, tuple[Path, int]]]:
        """The lines of every committed batch with file and first line, hashes checked.

        marks   only batches with one of these are asked for. Hashing takes longer than looking
                for a few lines: it is left out where this store has hashed the very same files
                already
        """
        head = EMPTY_HEAD
        segments = self._segments()
        found_now = [(s.name, s.stat().st_size, s.stat().st_mtime_ns) for s in segments]
        hashed = bool(marks) and found_now == self._checked
        for position, segment in enumerate(segments):
            data = segment.read_bytes()
            if hashed and not any(mark in data for mark in marks):
                continue
            start, line = 0, 1
            at = 0
            while (found := data.find(_COMMIT, at)) >= 0:
                at = found + len(_COMMIT)
                if found and data[found - 1 : found] != b"\n":
                    continue
                stop = data.find(b"\n", found)
                if stop < 0:
                    break
                lines = data[start:found]
                count = lines.count(b"\n")
                commit = _commit(data[found:stop])
                if not hashed:
                    head = _next_head(head, lines)
                elif commit is not None:
                    head = commit["head"]
                if commit is None or commit["head"] != head or commit["events"] != count:
                    raise _damaged(segment, line + count, "a batch is not what was written")
                yield lines, (segment, line)
                start, line = stop + 1, line + count + 1
                at = start
            if start < len(data) and position < len(segments) - 1:
                later = any(b"\n" + _COMMIT in s.read_bytes() for s in segments[position + 1 :])
                if later:
                    raise _damaged(segment, line, "a batch in the middle has no end")
        self._checked = found_now

    def _end(self) -> _End:
        """The last commit, found from the back without reading the whole log."""
        torn = 0
        for segment in reversed(self._segments()):
            size = segment.stat().st_size
            found = _last_commit(segment, size)
            if found is None:
                torn += size
                continue
            commit, end = found
            return _End(
                commit["head"], commit["last_seq"], commit["recorded"], segment, end,
                torn + size - end,
            )  # fmt: skip
        return _End(EMPTY_HEAD, 0, "", None, 0, torn)


def _last_commit(segment: Path, size: int) -> tuple[dict[str, Any], int] | None:
    """The last whole commit line of a file and where it ends, reading ever longer tails."""
    length = 4096
    with open(segment, "rb") as file:
        while True:
            begin = max(0, size - length)
            file.seek(begin)
            tail = file.read(size - begin)
            at = len(tail)
            while (at := tail.rfind(_COMMIT, 0, at)) >= 0:
                whole_line = (at > 0 and tail[at - 1 : at] == b"\n") or (at == 0 and begin == 0)
                stop = tail.find(b"\n", at)
                if whole_line and stop >= 0:
                    commit = _commit(tail[at:stop])
                    if commit is None:
                        raise _damaged(segment, 0, "a commit line cannot be read")
                    return commit, begin + stop + 1
            if begin == 0:
                return None
            length *= 8


def _commit(line: bytes) -> dict[str, Any] | None:
    try:
        commit = json.loads(line)["commit"]
    except (ValueError, KeyError, TypeError):
        return None
    types = {"events": int, "head": str, "last_seq": int, "recorded": str}
    if isinstance(commit, dict) and all(
        isinstance(commit.get(name), type_) for name, type_ in types.items()
    ):
        return commit
    return None


def _event(line: bytes, segment: Path, number: int) -> Event:
    try:
        return from_json(json.loads(line))
    except (ValueError, NotAnEvent):
        raise _damaged(segment, number, "a line is no event") from None


def _damaged(segment: Path, line: int, found: str) -> StoreDamaged:
    where = f"{segment.name}, line {line}" if line else segment.name
    return StoreDamaged(
        f"{where}: {found}. The log was changed or the disk is failing; nothing will be read "
        "from or added to it. Restore the folder from a backup, and keep this one to look at."
    )


def _next_head(head: str, lines: bytes) -> str:
    hashed = hashlib.sha256(bytes.fromhex(head))
    hashed.update(lines)
    return hashed.hexdigest()


def _key_bytes(key: str) -> bytes:
    import rfc8785

    return bytes(rfc8785.dumps(key))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
