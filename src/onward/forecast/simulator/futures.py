"""From a model and parameter draws to futures: the public door of the simulator.

Exists so that nobody outside needs to know how futures are computed. Goes in: a checked `Model`,
one row of parameters per future, a seed and what is wanted. Comes out: `Futures`, plain arrays.
Each future's draws are keyed by (seed, future, day, cell): the answer does not depend on the
number of threads, on the block size, or on how many other futures are run, and two scenarios run
with the same seed share their chance, so their difference is measured far more sharply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from onward.engine.cores import cores
from onward.errors import Fault, Faults
from onward.forecast.simulator.draws import ParameterDraws
from onward.forecast.simulator.model import Model, check

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.integer[Any]]


# Strata above one per so many people make counting dearer than following everybody; above so many
# people their list no longer fits the processor's memory.
PEOPLE_PER_STRATUM = 70
MOST_ONE_BY_ONE = 200_000


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
    refused        the same, for those a pool had no room for, counted again each day
    path           "lanes", "general" or "people": which kernel ran (same law)
    """

    present: Mapping[str, IntArray]
    units: IntArray
    flows: IntArray
    used: IntArray
    refused: IntArray
    states: tuple[str, ...]
    strata: tuple[str, ...]
    sizes: tuple[int, ...]
    transitions: tuple[str, ...]
    capacities: tuple[str, ...]
    units_on: tuple[int, ...]
    flows_on: tuple[int, ...]
    path: str


def simulate(
    model: Model,
    parameters: ParameterDraws,
    futures: int,
    seed: int,
    *,
    days: int,
    steps_per_day: int = 1,
    keyed: bool = False,
    outputs: Outputs | None = None,
    first_future: int = 0,
    threads: int | None = None,
    path: Literal["auto", "lanes", "general", "people"] = "auto",
    shock_seed: int | None = None,
) -> Futures:
    """Simulate `futures` futures of `days` days.

    parameters     one row per future (rows first_future ... are used), or a single row for all
    futures        how many
    seed           any whole number, 0 or more; same seed, same futures, whatever the threads
    days           horizon; day 0 is the first simulated
    steps_per_day  1 is the daily law; more removes the step's own bias (see `step_bias`)
    keyed          True for runs whose difference matters (scenarios): every transition then has a
                   draw of its own, so what a lever does not touch stays as it was, future by
                   future. The law is the same; it costs about twice as much
    first_future   number of the first one, so that a long run can be cut into pieces
    threads        None: as many as the machine offers
    path           "auto" follows units one by one where strata outnumber one per
                   PEOPLE_PER_STRATUM people, else counts, in the batched kernel where the model
                   allows. One by one cannot be keyed
    shock_seed     seed of the slow shocks' courses where it is to differ from `seed`: to tell
                   their part of the spread from chance
    raises         Faults naming everything wrong with the model, draws or outputs
    """
    import numpy as np

    from onward.forecast.simulator.kernel.tables import build

    outputs = outputs or Outputs()
    groups = _groups(model, outputs)
    _check_request(model, parameters, futures, seed, days, steps_per_day, outputs, first_future)
    t = build(
        model,
        parameters.names,
        days=days,
        steps_per_day=steps_per_day,
        present={name: (g.states, g.strata) for name, g in groups.items()},
        units_on=outputs.units_on,
        flows_on=outputs.flows_on,
    )
    lanes_possible = bool(t.shape[7])
    if path == "lanes" and not lanes_possible:
        raise Faults([Fault(model.name, "path", "", "lanes cannot run this model", "auto")])
    if path == "people" and keyed:
        raise Faults([Fault(model.name, "path", "", "people cannot be keyed", "auto")])
    chosen = "lanes" if lanes_possible and path != "general" else "general"
    if path == "people" or (path == "auto" and not keyed and one_by_one(model)):
        chosen = "people"
    n_states, n_strata, n_sizes = len(model.states), len(model.strata), len(model.sizes)
    present = np.empty((futures, len(groups), days), dtype=np.int32)
    units = np.zeros((futures, len(t.units_on), n_states, n_strata, n_sizes), dtype=np.int64)
    flows = np.zeros((futures, len(t.flows_on), len(model.transitions), n_strata), np.int64)
    used = np.zeros((futures, len(t.flows_on), len(model.capacities)), dtype=np.int64)
    refused = np.zeros_like(used)
    rows = parameters.values
    if not model.parameters():
        rows = rows[:1] if rows.shape[0] else np.zeros((1, 0))
    rows = np.ascontiguousarray(rows, dtype=np.float64)

    if chosen == "lanes":
        from onward.forecast.simulator.kernel.lanes import LANES
        from onward.forecast.simulator.kernel.lanes import run_lanes as run

        multiple = LANES
    elif chosen == "general":
        from onward.forecast.simulator.kernel.factors import LANES
        from onward.forecast.simulator.kernel.general import run

        multiple = LANES
    else:
        from onward.forecast.simulator.kernel.people import places, run_people

        multiple, turned = 1, places(t)

        def run(t: Any, mine: Any, seed: int, shock: int, first: int, n: int, keyed: bool,
                *out: Any) -> None:  # fmt: skip
            run_people(t, turned, mine, seed, shock, first, n, *out)

    def piece(a: int, b: int) -> None:
        mine = rows[first_future + a : first_future + b] if len(rows) > 1 else rows
        run(
            t,
            mine,
            seed,
            seed if shock_seed is None else shock_seed,
            first_future + a,
            b - a,
            keyed,
            present[a:b],
            units[a:b],
            flows[a:b],
            used[a:b],
            refused[a:b],
        )

    count = threads or cores()
    block = -(-futures // (count * 8 * multiple)) * multiple
    cuts = [(a, min(a + block, futures)) for a in range(0, futures, block)]
    if count == 1 or len(cuts) == 1:
        for a, b in cuts:
            piece(a, b)
    else:
        with ThreadPoolExecutor(count) as pool:
            for done in [pool.submit(piece, a, b) for a, b in cuts]:
                done.result()
    return Futures(
        present={name: present[:, i, :] for i, name in enumerate(groups)},
        units=units,
        flows=flows,
        used=used,
        refused=refused,
        states=tuple(s.id for s in model.states),
        strata=tuple(model.strata),
        sizes=tuple(model.sizes),
        transitions=tuple(x.id for x in model.transitions),
        capacities=tuple(c.id for c in model.capacities),
        units_on=tuple(int(d) for d in t.units_on),
        flows_on=tuple(int(d) for d in t.flows_on),
        path=chosen,
    )


def one_by_one(model: Model) -> bool:
    """Whether following units one by one is cheaper than counting them.

    Counting costs as much as there are strata, following as much as there are moves; measured,
    they meet at about one stratum per PEOPLE_PER_STRATUM people.
    """
    people = model.people_at_start
    return 0 < people <= MOST_ONE_BY_ONE and len(model.strata) * PEOPLE_PER_STRATUM > people


def _groups(model: Model, outputs: Outputs) -> dict[str, Group]:
    if outputs.present is not None:
        return dict(outputs.present)
    return {"all": Group(states=[s.id for s in model.states if s.present])}


def _check_request(
    model: Model,
    parameters: ParameterDraws,
    futures: int,
    seed: int,
    days: int,
    steps_per_day: int,
    outputs: Outputs,
    first_future: int,
) -> None:
    """Everything wrong with the model, the draws or the request, at once."""
    import numpy as np

    faults: list[Fault] = []

    def fault(where: str, found: str, allowed: str) -> None:
        faults.append(Fault("simulate", where, "", found, allowed))

    try:
        check(model, parameters.names)
    except Faults as wrong:
        faults += wrong.faults
    for where, value, low in (
        ("futures", futures, 1),
        ("seed", seed, 0),
        ("days", days, 1),
        ("steps_per_day", steps_per_day, 1),
        ("first_future", first_future, 0),
    ):
        if value < low or value != int(value):
            fault(where, f"{value}", f"a whole number, {low} or more")
    rows = parameters.futures
    if model.parameters() and rows != 1 and rows < first_future + futures:
        fault("parameters", f"{rows} rows", f"1, or at least {first_future + futures}")
    if np.isnan(parameters.values).any():
        fault("parameters", "a value that is not a number", "numbers (infinity for never)")
    by_name = dict(zip(parameters.names, parameters.values.T, strict=True))
    for t in model.transitions:
        hazards = (t.hazard,) if isinstance(t.hazard, str | int | float) else t.hazard
        for name in hazards:
            if isinstance(name, str) and name in by_name:
                column = by_name[name]
                if (column < 0).any() or not np.isfinite(column).all():
                    fault(f"transitions[{t.id}].hazard", f'a draw of "{name}" below 0 or infinite',
                          "0 or more")  # fmt: skip
    for where, asked in (("units_on", outputs.units_on), ("flows_on", outputs.flows_on)):
        wrong_days = [d for d in asked if not 0 <= d < days]
        if wrong_days:
            fault(f"outputs.{where}", f"day {wrong_days[0]}", f"0 to {days - 1}")
    states = {s.id for s in model.states}
    for name, g in _groups(model, outputs).items():
        unknown = [x for x in g.states if x not in states]
        unknown += [x for x in g.strata if x not in model.strata]
        for x in unknown:
            fault(f"outputs.present[{name}]", f'"{x}" is not declared', "a state or stratum")
    if faults:
        raise Faults(faults)


@dataclass(frozen=True)
class StepBias:
    """What the daily step costs: daily minus finer, people present at the end of the horizon.

    difference  mean over futures;  error  its standard error;  sd  spread of the fine run
    """

    group: str
    difference: float
    error: float
    sd: float


def step_bias(
    model: Model,
    parameters: ParameterDraws,
    futures: int,
    seed: int,
    *,
    days: int,
    finer: int = 8,
    outputs: Outputs | None = None,
) -> list[StepBias]:
    """Compare the daily law with `finer` steps a day, group by group.

    A daily step lets a unit move once a day and feeds news back a day late; where rates are
    high this leaves people here a little longer than it should. Report it beside a forecast.
    """
    import numpy as np

    runs = [
        simulate(
            model, parameters, futures, seed, days=days, steps_per_day=m, outputs=outputs
        ).present
        for m in (1, finer)
    ]
    out = []
    for name in runs[0]:
        coarse = runs[0][name][:, -1].astype(np.float64)
        fine = runs[1][name][:, -1].astype(np.float64)
        error = float(np.sqrt((coarse.var() + fine.var()) / max(futures - 1, 1)))
        out.append(StepBias(name, float(coarse.mean() - fine.mean()), error, float(fine.std())))
    return out
