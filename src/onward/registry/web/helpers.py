"""More processes that answer for one desk, so that two officers' pages are made at the same time.

Exists because Python computes on one core at a time: in a single process every page waits for the
pages of all others. The desk's own process keeps what must be one (the keys given at the start,
counts of wrong passwords, the queue of long work, judging everybody again) and starts helpers that
answer requests from the same listening socket. Sessions, limits, alarms and everything recorded
are in the store, which all of them read.

A helper gets the root key and its settings over a pair of sockets, never by a command line, a
variable or a file; over the same pair it asks for counts (`counters`). When the keys are put away
in one process every other helper is killed before the answer is sent; once it is, the desk's own
process becomes one that knows nothing (`locked`), and with it the last helper ends. Renewed keys
reach all. A helper whose desk is gone ends; one that ends is started again, and given up when it
keeps ending.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from onward.errors import OnwardError
from onward.registry import site
from onward.registry.signing_in import counters
from onward.registry.web import locked, starting

LOG = logging.getLogger("onward.helpers")

SECONDS_TO_OBEY = 5.0
"""How long a helper may take to change its keys; then it is ended."""

SECONDS_TO_ANSWER = 0.5
"""How long the answer to whoever put the keys away may take to leave; then the memory goes."""

SOON, TRIES = 60.0, 5
"""A helper that ended `TRIES` times within `SOON` seconds is not started again."""


@dataclass
class Wire:
    """Lines of JSON over a socket, one question and one answer at a time."""

    socket: socket.socket
    _file: Any = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._file = self.socket.makefile("rwb")

    def say(self, what: Any) -> None:
        self._file.write(json.dumps(what).encode() + b"\n")
        self._file.flush()

    def hear(self) -> Any:
        """The next line, or None when the other end is gone."""
        try:
            line = self._file.readline()
        except OSError:
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    def ask(self, what: Any) -> Any:
        with self._turn:
            try:
                self.say(what)
                answer = self.hear()
            except OSError:
                answer = None
        if answer is None:
            raise OnwardError("The desk's own process has ended.")
        if "failed" in answer:
            raise OnwardError("The desk's own process could not count.")
        return answer["answer"]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


# -- in the desk's own process ----------------------------------------------------------------


class Helpers:
    """Helpers at work beside this process, until `stop`."""

    def __init__(self, number: int, listening: socket.socket, told: dict[str, Any]) -> None:
        """
        listening  the socket whose requests they answer
        told       what the server is set up with (`serving.Setup`)
        """
        self._listening, self._told = listening, told
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._at_work: dict[int, _Helper] = {}
        self._threads = [
            threading.Thread(target=self._keep, args=(n,), daemon=True, name=f"helper-{n}")
            for n in range(number)
        ]

    def start(self) -> None:
        site.tell(self)
        for thread in self._threads:
            thread.start()

    def processes(self) -> list[int]:
        with self._guard:
            return [helper.process.pid for helper in self._at_work.values()]

    def stop(self) -> None:
        self._stopping.set()
        site.tell(None)
        with self._guard:
            here = list(self._at_work.values())
        for helper in here:
            helper.end()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(SECONDS_TO_OBEY)

    def _keep(self, number: int) -> None:
        """Keep one helper at work."""
        ended: list[float] = []
        while True:
            # Whoever puts the keys away looks for helpers after: this one is found, or not begun.
            with self._guard:
                if self._stopping.is_set() or not site.is_open():
                    return
                try:
                    helper = _Helper(self._listening, site.current(), self._told)
                except (OSError, OnwardError) as error:
                    LOG.error("a helper could not be started: %s", type(error).__name__)
                    return
                self._at_work[number] = helper
            self._answer(helper)  # returns when it has ended
            helper.end()
            with self._guard:
                self._at_work.pop(number, None)
            now = time.monotonic()
            ended = [at for at in ended if now - at < SOON] + [now]
            if self._stopping.is_set() or not site.is_open():
                return
            LOG.error("a helper ended (%s)", helper.process.returncode)
            if len(ended) >= TRIES:
                LOG.error("a helper ended %s times in a minute and is given up", TRIES)
                return
            self._stopping.wait(0.2)

    def _answer(self, helper: _Helper) -> None:
        while (asked := helper.asks.hear()) is not None:
            what, *given = asked
            said: dict[str, Any] = {"answer": None}
            if what == "count":
                try:
                    said = {"answer": counters.answer(given[0], given[1])}
                except Exception as error:
                    # Its text may quote what was counted. Without a count nobody is let in.
                    said = {"failed": type(error).__name__}
                    LOG.error("a count failed with %s", said["failed"])
            elif what == "lock":
                starting.close_site()
                self._lock(but=helper)
            try:
                helper.asks.say(said)
            except OSError:
                return

    def lock(self) -> None:
        self._lock()

    def _lock(self, but: _Helper | None = None) -> None:
        """End what knows anything: the helpers at once, this process when the answer is out."""
        with self._guard:
            others = [helper for helper in self._at_work.values() if helper is not but]
        for helper in others:
            helper.process.kill()
            helper.process.wait(SECONDS_TO_OBEY)
        threading.Thread(target=self._become_locked, daemon=True, name="locked").start()

    def _become_locked(self) -> None:
        time.sleep(SECONDS_TO_ANSWER)
        locked.become(self._listening)

    def renew(self) -> None:
        """Have every helper keep the new keys; one that does not obey is ended."""
        with self._guard:
            others = list(self._at_work.values())
        for helper in others:
            helper.obey(site.current().root.secret.hex())


class _Helper:
    """One process and the two wires to it: it asks over one, it is told over the other."""

    def __init__(self, listening: socket.socket, here: Any, told: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        orders, obeyed = socket.socketpair()
        handed = (listening.fileno(), theirs.fileno(), obeyed.fileno())
        self.asks, self._orders = Wire(ours), Wire(orders)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "onward.registry.web.helping", *map(str, handed)],
            pass_fds=handed, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        obeyed.close()
        self.asks.say({**told, "folder": str(here.folder), "key": here.root.secret.hex()})

    def obey(self, order: str) -> None:
        self._orders.socket.settimeout(SECONDS_TO_OBEY)
        try:
            self._orders.ask(order)
        except (OSError, OnwardError):
            self.process.kill()
            self.process.wait(SECONDS_TO_OBEY)

    def end(self) -> None:
        """End the process: it ends by itself when the wires are cut."""
        self.asks.close()
        self._orders.close()
        try:
            self.process.wait(SECONDS_TO_OBEY)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(SECONDS_TO_OBEY)
