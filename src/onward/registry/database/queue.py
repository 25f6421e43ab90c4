"""Writers wait in turn for the embedded database.

Exists because SQLite hands its lock to whoever asks at the right moment: under eight writers one
may wait ten times as long as the others and then fail. An advisory lock on a file beside the
database is handed on in the order of asking by the operating system, and ends with its process.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from onward.registry.log.store import StoreBusy

PATIENCE = 30.0
"""Seconds somebody waits before being told that somebody else is writing."""


class Queue:
    """One turn in the queue of a database file, as a context."""

    def __init__(self, file: Path, patience: float = PATIENCE) -> None:
        self._file = file
        self._patience = patience
        self._descriptor = -1

    @classmethod
    def of(cls, connection: Any, operation: str) -> AbstractContextManager[Any]:
        """The queue of an embedded database; a server queues by itself."""
        if connection.vendor != "sqlite":
            return nullcontext()
        return cls(Path(f"{connection.settings_dict['NAME']}-queue"))

    def __enter__(self) -> Queue:
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self._wait(descriptor):
                raise StoreBusy(
                    "Somebody else is recording in this operation. Nothing was recorded; try "
                    "again in a moment."
                ) from None
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def _wait(self, descriptor: int) -> bool:
        """Wait in turn, at most as long as our patience; the descriptor is closed when it ends.

        A blocking lock cannot be given up, so a helper thread waits and lets go again if its
        turn comes too late.
        """
        state = {"given_up": False, "ours": False}
        guard, done = threading.Lock(), threading.Event()

        def wait() -> None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with guard:
                if state["given_up"]:
                    os.close(descriptor)
                else:
                    state["ours"] = True
            done.set()

        threading.Thread(target=wait, daemon=True, name="queue").start()
        until = time.monotonic() + self._patience
        done.wait(max(0.0, until - time.monotonic()))
        with guard:
            if not state["ours"]:
                state["given_up"] = True
        return state["ours"]
