"""The simulator's first run on a machine: compiled beside other work, and said.

The first forecast compiles for some ten to twenty seconds; later ones read what is cached. In comes
a way to say things; out comes something to wait for before simulating.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

SAID_EVERY_SECONDS = 5.0
LATER = (
    "onward.plan.effects", "onward.caseload.pace", "onward.safeguards.everybody",
    "onward.forecast.building.inputs", "onward.forecast.telling.held", "onward.forecast.run",
    "onward.forecast.telling.reasons", "sqlglot",
)  # fmt: skip
"""What a forecast loads once the record is read."""


def compile_beside(say: Callable[[str], None]) -> Callable[[], None]:
    """Start compiling in a process of its own if nothing is cached, else loading beside other work;
    returns what waits for it."""
    from onward.forecast.simulator.warm import cached, warm

    if cached():
        # Loading what is cached takes a third of a second, while the record is being read: the log
        # is hashed and folded without Python's lock, and what a forecast needs later comes in then.
        def load() -> None:
            with suppress(Exception):  # the simulator itself says what is wrong
                warm()
                for name in LATER:
                    importlib.import_module(name)

        loading = Thread(target=load)
        loading.start()
        return loading.join
    say("Preparing the simulator, once on this machine: some 15 seconds")
    process = subprocess.Popen(
        [sys.executable, "-m", "onward.forecast.simulator.warm"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    began = time.monotonic()

    def wait() -> None:
        # Should it fail, the simulator compiles in this process instead.
        while True:
            try:
                process.wait(timeout=SAID_EVERY_SECONDS)
                return
            except subprocess.TimeoutExpired:
                passed = time.monotonic() - began
                say(f"Still preparing the simulator, {passed:.0f} seconds so far")

    return wait
