"""Compiles the simulator once and leaves the machine code in the cache.

Exists because the first forecast on a new machine compiles for some ten seconds. A door that
knows a forecast is coming runs `python -m onward.forecast.simulator.warm` beside its other work.
Two processes compile at once, since the compiler holds Python's lock. Nothing goes in and nothing
comes out but the cache.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from onward.engine.cores import cores

PARTS = (
    "people_in", "settle", "welcome", "clear", "combine", "day_factors", "ring_rates", "stirring",
    "work_out", "refill", "serve",
)  # fmt: skip
LONGEST = "work_out"
KERNEL = Path(__file__).parent / "kernel"


def cached() -> bool:
    """Whether machine code newer than the simulator's source lies in one of the places where Numba
    keeps it. Looks at files only: importing Numba takes longer than the answer is worth."""
    changed = max(source.stat().st_mtime for source in KERNEL.glob("*.py"))
    return any(
        index.stat().st_mtime >= changed
        for place in _places()
        for index in place.glob("general.run_days-*.nbi")
    )


def _places() -> Iterator[Path]:
    """Where Numba looks, in its order: the named folder, beside the source, the user's own."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield from Path(chosen).glob(f"{KERNEL.name}_*")
        return
    yield KERNEL / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    yield from (Path(home) / "numba").glob(f"{KERNEL.name}_*")


def warm() -> None:
    """Simulate two futures of a tiny model, with a little of everything, by the general path."""
    from onward.forecast.simulator.draws import no_parameters
    from onward.forecast.simulator.futures import Outputs, simulate
    from onward.forecast.simulator.model import (
        Arrival,
        Capacity,
        Model,
        State,
        Supply,
        Transition,
    )

    model = Model(
        states=[State("here"), State("gone", present=False)],
        strata=["all"],
        start={("here", "all", 1): 2},
        transitions=[Transition("leave", "here", "gone", 0.1, capacities=["seats"])],
        capacities=[Capacity("seats", [Supply(1.0)])],
        arrivals=[Arrival("come", "here", "all", 1, 0.1)],
    )
    outputs = Outputs(units_on=[1], flows_on=[1])
    simulate(model, no_parameters(2), 2, 1, days=2, outputs=outputs, path="general", threads=1)


def warm_parts(parts: Collection[str]) -> None:
    """Compile these parts of a day, for exactly what the whole hands them, and no others."""
    from onward.forecast.simulator.kernel import general

    whole = general.run_days
    others = {name: getattr(general, name) for name in PARTS if name not in parts}
    general.run_days = whole.py_func
    for name in others:
        setattr(general, name, _nothing)
    try:
        warm()
    finally:
        general.run_days = whole
        for name, part in others.items():
            setattr(general, name, part)


def _nothing(*handed: object) -> int:
    return 0


def warm_on_two_cores() -> None:
    """The longest part in a process of its own, the other parts here, then the whole."""
    process = subprocess.Popen(
        [sys.executable, "-m", "onward.forecast.simulator.warm", LONGEST],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        warm_parts([name for name in PARTS if name != LONGEST])
    finally:
        process.wait()
    warm()


if __name__ == "__main__":
    # Compiling makes millions of small things that refer to each other; searching them for what is
    # forgotten takes a tenth of the time, and the process is over before it would pay.
    gc.disable()
    if LONGEST in sys.argv:
        warm_parts([LONGEST])
    elif cores() > 1:
        warm_on_two_cores()
    else:
        warm()
