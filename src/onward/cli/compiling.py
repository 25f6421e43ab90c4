"""The simulator's first run on a machine: compiled beside other work, and said.

The first forecast compiles for some ten to twenty seconds; later ones read what is cached. In comes
a way to say things; out comes something to wait for before simulating.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable


def compile_beside(say: Callable[[str], None]) -> Callable[[], None]:
    """Start compiling in a process of its own if nothing is cached; returns what waits for it."""
    from onward.forecast.warm import cached

    if cached():
        return lambda: None
    say("Preparing the simulator, once on this machine: some 20 seconds")
    process = subprocess.Popen(
        [sys.executable, "-m", "onward.forecast.warm"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def wait() -> None:
        # Should it fail, the simulator compiles in this process instead.
        process.wait()

    return wait
