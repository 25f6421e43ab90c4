"""Compiles the simulator once and leaves the machine code in the cache.

Exists because the first forecast on a new machine compiles for some ten seconds. A door that
knows a forecast is coming runs `python -m onward.forecast.warm` beside its other work. Two
processes compile at once, since the compiler holds Python's lock. Nothing goes in and nothing
comes out but the cache.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LONGEST = "longest"


def cached() -> bool:
    """Whether machine code newer than the simulator's source lies in one of the places where Numba
    keeps it. Looks at files only: importing Numba takes longer than the answer is worth."""
    source = Path(__file__).with_name("kernel_general.py")
    changed = source.stat().st_mtime
    return any(
        index.stat().st_mtime >= changed
        for place in _places()
        for index in place.glob("kernel_general.run-*.nbi")
    )


def _places() -> Iterator[Path]:
    """Where Numba looks, in its order: the named folder, beside the source, the user's own."""
    here = Path(__file__).parent
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield from Path(chosen).glob("forecast_*")
        return
    yield here / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    yield from (Path(home) / "numba").glob("forecast_*")


def warm() -> None:
    """Simulate two futures of a tiny model by the general path."""
    from onward.forecast.draws import no_parameters
    from onward.forecast.kernel import Outputs, simulate
    from onward.forecast.model import Model, State, Transition

    model = Model(
        states=[State("here"), State("gone", present=False)],
        strata=["all"],
        start={("here", "all", 1): 2},
        transitions=[Transition("leave", "here", "gone", 0.1)],
    )
    outputs = Outputs(units_on=[1], flows_on=[1])
    simulate(model, no_parameters(2), 2, 1, days=2, outputs=outputs, path="general", threads=1)


def warm_longest() -> None:
    """Compile the kernel's longest part by itself, for exactly what the kernel hands it."""
    from onward.forecast import kernel_general

    compile_it, run = kernel_general.work_out, kernel_general.run

    class Enough(Exception):
        pass

    def stop(*handed: object) -> None:
        compile_it(*handed)
        raise Enough

    kernel_general.work_out = stop
    kernel_general.run = run.py_func
    with suppress(Enough):
        warm()


def warm_on_two_cores() -> None:
    """The longest part in a process of its own, the other parts here, then the whole."""
    process = subprocess.Popen(
        [sys.executable, "-m", "onward.forecast.warm", LONGEST],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    from onward.forecast import kernel_general

    compile_it, run = kernel_general.work_out, kernel_general.run
    kernel_general.work_out = lambda *_: 0
    kernel_general.run = run.py_func
    try:
        warm()
    finally:
        kernel_general.work_out, kernel_general.run = compile_it, run
        process.wait()
    warm()


if __name__ == "__main__":
    # Compiling makes millions of small things that refer to each other; searching them for what is
    # forgotten takes a tenth of the time, and the process is over before it would pay.
    gc.disable()
    if LONGEST in sys.argv:
        warm_longest()
    elif (os.cpu_count() or 1) > 1:
        warm_on_two_cores()
    else:
        warm()
