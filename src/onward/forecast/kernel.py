"""From a model and parameter draws to futures: the public door of the simulator.

Exists so that nobody outside needs to know how futures are computed. Goes in: a checked `Model`,
one row of parameters per future, a seed and what is wanted. Comes out: `Futures`, plain arrays.
Each future's draws are keyed by (seed, future, day, cell): the answer does not depend on the
number of threads, on the block size, or on how many other futures are run, and two scenarios run
with the same seed share their chance, so their difference is measured far more sharply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from onward.forecast.draws import ParameterDraws
from onward.forecast.model import Model

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Group:
    """A set of people to count: everyone in these states and strata (empty means all)."""

    states: Sequence[str] = ()
    strata: Sequence[str] = ()


@dataclass(frozen=True)
class Outputs:
    """What to keep of each future; memory is futures times what is asked here, no more.

    present      name -> Group, counted in people at the end of every day. The default is
                 everyone in a state marked present
    units_on     days (0 = end of the first day) on which to keep units by state, stratum, size
    flows_on     days on which to keep people moved so far by transition and stratum, and the
                 capacity used so far
    """

    present: Mapping[str, Group] | None = None
    units_on: Sequence[int] = ()
    flows_on: Sequence[int] = ()


@dataclass(frozen=True)
class Futures:
    """Simulated futures.

    present        name -> (futures, days) people at the end of each day
    units          (futures, days asked, states, strata, sizes) units
    flows          (futures, days asked, transitions, strata) people moved since the origin
    used           (futures, days asked, capacities) people or units drawn from each pool
    path           "lanes" or "general": which kernel ran (same law)
    """

    present: Mapping[str, IntArray]
    units: IntArray
    flows: IntArray
    used: IntArray
    states: tuple[str, ...]
    strata: tuple[str, ...]
    sizes: tuple[int, ...]
    transitions: tuple[str, ...]
    capacities: tuple[str, ...]
    units_on: tuple[int, ...]
    flows_on: tuple[int, ...]
    path: str
    seconds: Mapping[str, float] = field(default_factory=dict)


def simulate(
    model: Model,
    parameters: ParameterDraws,
    futures: int,
    seed: int,
    *,
    days: int,
    steps_per_day: int = 1,
    outputs: Outputs | None = None,
    first_future: int = 0,
    threads: int | None = None,
    path: Literal["auto", "lanes", "general"] = "auto",
) -> Futures:
    """Simulate `futures` futures of `days` days.

    parameters     one row per future (rows first_future ... are used), or a single row for all
    futures        how many
    seed           any whole number, 0 or more; same seed, same futures, whatever the threads
    days           horizon; day 0 is the first simulated
    steps_per_day  1 is the daily law; more removes the step's own bias (see `step_bias`)
    first_future   number of the first one, so that a long run can be cut into pieces
    threads        None: as many as the machine offers
    path           "auto" takes the batched kernel where the model allows
    raises         Faults naming everything wrong with the model, draws or outputs
    """
    raise NotImplementedError
