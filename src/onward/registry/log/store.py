"""The one door to the log of events, whatever keeps it.

Exists so that a folder of files and an encrypted database are the same thing to everybody else:
events go in once, in order, and come out unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Protocol, runtime_checkable

from onward.caseload.events import Event
from onward.errors import OnwardError


class StoreError(OnwardError):
    """The log could not be written or read; the message says what is still true."""


class StoreDamaged(StoreError):
    """The log is not what was once written: a person must look before anything is added."""


class StoreUncertain(StoreError):
    """A batch was written and its confirmation failed: it may be there or not."""


class StoreBusy(StoreError):
    """Somebody else is writing."""


class EventStore(Protocol):
    """An append-only log of one operation's events.

    notices  what a person should be told about the store, once
    """

    notices: list[str]

    def append(self, events: Iterable[Event]) -> Sequence[Event]:
        """Record a batch entirely or not at all; return what was added, with instant and seq.

        Events whose idempotency key the log already holds are left out. When this returns, the
        batch survives a crash of the program and of the machine.
        """
        ...

    def read(self, known_at: datetime | None = None) -> Sequence[Event]:
        """Every event recorded up to an instant (None: all), by seq."""
        ...

    def read_marked(self, marks: Sequence[str]) -> Sequence[Event]:
        """The events whose written form holds one of some texts: quick for rare kinds."""
        ...

    def head(self) -> str:
        """A hash of the whole log: equal heads mean equal logs."""
        ...

    def unfinished_bytes(self) -> int:
        """Bytes at the end of the log that were never committed, of a crash or of a write."""
        ...


@runtime_checkable
class WritesTogether(Protocol):
    """A store that takes everything written inside `writing` entirely or not at all."""

    def writing(self) -> AbstractContextManager[None]: ...


def together(store: EventStore) -> AbstractContextManager[None]:
    """One transaction over log and vault, where the store has any."""
    return store.writing() if isinstance(store, WritesTogether) else nullcontext()
