"""Scenarios side by side: what each would change, how surely, and what we may come to regret.

Exists so that choices are compared like for like. Comes in: the same operation made into a model
under the plan and under each scenario, and one seed. Goes out: a `Comparison`, plain and ready to
be printed: people still here and lawful voluntary options opened under each, the difference in
the very same futures, what one option costs, each change by itself, regret over every future
and circumstance, and what would have to be true. Chance is shared: a draw belongs to a
transition, a day and a future, so that two plans differ only where they differ.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from onward import __version__
from onward.errors import Fault, Faults, one_of
from onward.forecast.building.classes import DIFFER
from onward.forecast.building.inputs import Inputs
from onward.forecast.learning.differ import SIZES
from onward.forecast.scenarios.options import Way, days_needed, opened, used_share
from onward.forecast.scenarios.scenario import Change, Scenario
from onward.forecast.simulator.draws import Fixed, Triangular
from onward.forecast.telling.levels import at_levels, over_days

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]

PLAN = "plan"
KIND = "onward-comparison-1"
SURE = 0.9
NOT_SHORT = 0.8
Make: TypeAlias = Callable[[Sequence[Scenario]], Inputs]
"""Scenarios -> the operation's model under them; () is the plan as it stands."""


@dataclass(frozen=True)
class Run:
    """One plan played through.

    here      (futures, days) people still here at the end of each day
    options   pathway -> (futures,) people with that way opened to them by the last day
    used      capacity -> (futures,) share of it that was used
    inputs, draws   what it was made from
    """

    here: FloatArray
    options: Mapping[str, FloatArray]
    used: Mapping[str, FloatArray]
    inputs: Inputs
    draws: Any

    @property
    def opened(self) -> FloatArray:
        """(futures,) options opened over all pathways."""
        import numpy as np

        return np.asarray(sum(self.options.values(), np.zeros(len(self.here))))


@dataclass(frozen=True)
class Case:
    """One scenario beside the plan.

    here, options      level -> people, on the deadline
    fan                level -> people on each of the comparison's days
    here_change, options_change   here and options, this less the plan in the same future:
                       level -> people, and "mean"
    by_pathway         pathway -> mean options more than under the plan
    likely_more        share of futures in which at least one more option is opened
    likely_fewer       share of futures in which at least one option fewer is opened
    cost_per_option    unit of account -> cost of one more option, see `cost_per_option`
    notes              why something it adds changes nothing
    """

    id: str
    title: str
    kind: str
    why: str
    changes: Sequence[str]
    owners: Sequence[str]
    cost: Mapping[str, float]
    here: Mapping[str, float]
    options: Mapping[str, float]
    fan: Mapping[str, Sequence[float]]
    here_change: Mapping[str, float]
    options_change: Mapping[str, float]
    by_pathway: Mapping[str, float]
    likely_more: float
    likely_fewer: float
    cost_per_option: Mapping[str, Mapping[str, float]]
    file: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Bar:
    """One change of one scenario taken alone: what it does by itself."""

    scenario: str
    title: str
    here_change: Mapping[str, float]
    options_change: Mapping[str, float]
    cost: Mapping[str, float]
    alone: bool = True


@dataclass(frozen=True)
class Regret:
    """How many options fewer than the best of the choices, in the same future.

    levels   level -> options forgone;  mean;  best: share of futures in which nothing is better
    worst    the circumstance under which the mean regret is highest, and that mean
    """

    choice: str
    title: str
    levels: Mapping[str, float]
    mean: float
    best: float
    worst: tuple[str, float]


@dataclass(frozen=True)
class Comparison:
    """Everything one run of `compare` found."""

    operation: str
    as_of: str
    deadline: str
    futures: int
    seed: int
    start: int
    days: Sequence[str]
    cases: Sequence[Case]
    bars: Sequence[Bar]
    regret: Sequence[Regret]
    circumstances: Sequence[str]
    conditions: Mapping[str, Any]
    assumptions: Sequence[str]
    left_out: Sequence[str]
    inputs: Mapping[str, str]
    version: str = __version__
    kind: str = KIND
    ways: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Canonical text: the same comparison gives the same bytes."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, indent=1) + "\n"

    def case(self, id: str) -> Case:
        return next(case for case in self.cases if case.id == id)


def play(
    inputs: Inputs, ways: Sequence[Way], *, futures: int, seed: int, days: int,
    threads: int | None = None, first: int = 0, draws: Any = None,
) -> Run:  # fmt: skip
    """Simulate one plan with keyed draws.

    days      to the deadline, 1 or more
    first     number of the first future; the drawn parameters are those of futures first …
    """
    from onward.forecast.simulator.futures import Group, Outputs, simulate

    model = inputs.model
    here = [state.id for state in model.states if state.present]
    last = days - 1
    wanted = Outputs(
        present={"here": Group(states=here)}, units_on=[last], flows_on=list(days_needed(last))
    )
    rows = inputs.draws(first + futures, seed) if draws is None else draws
    # One kernel for all: which of the two runs may depend on the model, and they draw differently.
    made = simulate(
        model, rows, futures, seed, days=days, keyed=True, outputs=wanted, threads=threads,
        first_future=first, path="general",
    )  # fmt: skip
    names = {(edge.source, edge.move, edge.target): edge.name for edge in inputs.edges}
    mine = replace(rows, values=rows.values[first : first + futures]) if first else rows
    options = opened(ways, model, mine, made, day=last, names=names)
    used = {pool.id: used_share(pool, mine, made, last) for pool in model.capacities}
    return Run(made.present["here"].astype(float), options, used, inputs, mine)


def assumed(inputs: Inputs, scenarios: Iterable[Scenario]) -> Inputs:
    """The inputs with the assumptions the scenarios name held at their values.

    raises  Faults naming what may be assumed: behaviour and good and bad months, nothing else; and
            what differs more than families are simulated to
    """
    laws = dict(inputs.laws)
    known = sorted(
        name for name, source in inputs.sources.items() if source in ("behaviour", "shocks")
    )
    faults = []
    for scenario in scenarios:
        for change in scenario.changes:
            if change.what != "assume" or change.factor is None:
                continue
            name, value = change.targets[0], change.factor
            if name not in known or name not in laws:
                faults.append(
                    Fault(scenario.file or scenario.id, f"line {change.line}", "assume",
                          f'no assumption called "{name}"', one_of(known))
                )  # fmt: skip
                continue
            if name == DIFFER and value.most > SIZES[-1]:
                faults.append(
                    Fault(scenario.file or scenario.id, f"line {change.line}", "at",
                          f"{value.most:g}", f"0 (all alike) to {SIZES[-1]:g}",
                          "It is the standard deviation of the logarithm of a family's own pace.")
                )  # fmt: skip
                continue
            laws[name] = (
                Fixed(value.likely)
                if value.known
                else Triangular(value.least, value.likely, value.most)
            )
    if faults:
        raise Faults(faults)
    return replace(inputs, laws=laws)


def compare(
    make: Make,
    scenarios: Sequence[Scenario],
    ways: Sequence[Way],
    *,
    operation: str,
    as_of: dt.date,
    deadline: dt.date,
    futures: int,
    seed: int,
    hashes: Mapping[str, str] | None = None,
    titles: Mapping[str, str] | None = None,
    conditions: Callable[[Run], Mapping[str, Any]] | None = None,
    threads: int | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Comparison:
    """Play the plan and every scenario through the same futures.

    make        scenarios -> inputs; called with () for the plan
    scenarios   with ids of their own
    conditions  the plan's run -> what would have to be true (see `conditions_of`)
    titles      pathway -> its words
    raises      ValueError when the deadline is not after as_of or there are fewer than 50 futures
    """

    days = (deadline - as_of).days
    if days < 1:
        raise ValueError("the deadline is not after the date of the forecast")
    if futures < 50:
        raise ValueError(f"{futures} futures; at least 50")
    shown = [*range(6, days - 1, 7), days - 1]
    cache: dict[tuple[str, ...], Run] = {}
    choices = [one for one in scenarios if one.kind == "choice"]
    happen = [one for one in scenarios if one.kind == "circumstance"]
    single = {
        (scenario.id, number): replace(
            scenario, id=f"{scenario.id}_{number}_alone", changes=(change,)
        )
        for scenario in scenarios
        if len(scenario.changes) > 1
        for number, change in enumerate(scenario.changes, 1)
    }
    wanted = 1 + len(scenarios) + len(single) + len(choices) * len(happen)

    def run(*which: Scenario) -> Run:
        key = tuple(one.id for one in which)
        if key not in cache:
            name = " with ".join(one.title for one in which) or "The plan as it stands"
            progress(f"{len(cache) + 1} of {wanted}: {name}")
            inputs = assumed(make(which), which)
            cache[key] = play(
                inputs, ways, futures=futures, seed=seed, days=days, threads=threads
            )
        return cache[key]

    base = run()
    cases = [_case(_PLAN_SCENARIO, base, base, shown)]
    cases += [_case(one, run(one), base, shown) for one in scenarios]
    bars = []
    for scenario in scenarios:
        if len(scenario.changes) == 1:
            bars.append(_bar(scenario, scenario.changes[0], run(scenario), base, False))
            continue
        for number, change in enumerate(scenario.changes, 1):
            made = run(single[scenario.id, number])
            bars.append(_bar(scenario, change, made, base, True))
    bars.sort(key=lambda bar: -abs(bar.options_change["mean"]))
    regrets = _regrets(choices, happen, run) if choices else []
    model = base.inputs.model
    present = {state.id for state in model.states if state.present}
    start = sum(u * size for (state, _, size), u in model.start.items() if state in present)
    return Comparison(
        operation=operation,
        as_of=as_of.isoformat(),
        deadline=deadline.isoformat(),
        futures=futures,
        seed=seed,
        start=int(start),
        days=[(as_of + dt.timedelta(days=day + 1)).isoformat() for day in shown],
        cases=cases,
        bars=bars,
        regret=regrets,
        circumstances=[one.title for one in happen],
        conditions=dict(conditions(base)) if conditions else {},
        assumptions=list(base.inputs.assumptions),
        left_out=list(dict.fromkeys(t for r in cache.values() for t in r.inputs.left_out)),
        inputs=dict(hashes or {}),
        ways={way.pathway: (titles or {}).get(way.pathway, way.pathway) for way in ways},
    )


_PLAN_SCENARIO = Scenario(PLAN, "The plan as it stands", "choice", ())


def levels(values: FloatArray) -> dict[str, float]:
    """Level -> value, and the mean."""
    import numpy as np

    return {**at_levels(values), "mean": round(float(np.mean(values)), 2)}


def cost_per_option(more: FloatArray, cost: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Unit of account -> "average", and "low" and "high" where they can be told.

    more     (futures,) options more than without
    average  all of the cost over the mean number of options; nothing is said where that mean is
             below half an option
    low, high   8 in 10 futures lie between; left out where more than 1 future in 10 has no more
             options at all, since one option then costs more than anybody can say
    """
    import numpy as np

    mean = float(more.mean())
    if not cost or mean < 0.5:
        return {}
    found = {}
    sure = float((more >= 1).mean()) >= SURE
    for unit, amount in cost.items():
        found[unit] = {"average": round(amount / mean, 2)}
        if sure:
            many, few = np.quantile(more, [0.9, 0.1], method="inverted_cdf")
            found[unit] |= {
                "low": round(amount / float(many), 2),
                "high": round(amount / max(float(few), 1.0), 2),
            }
    return found


def _case(scenario: Scenario, made: Run, base: Run, shown: Sequence[int]) -> Case:
    import numpy as np

    final = made.here[:, -1]
    change = final - base.here[:, -1]
    more = made.opened - base.opened
    paths = dict.fromkeys([*base.options, *made.options])
    nothing = np.zeros(len(final))
    return Case(
        id=scenario.id,
        title=scenario.title,
        kind=scenario.kind if scenario.changes else PLAN,
        why=scenario.why,
        changes=[change.title for change in scenario.changes],
        owners=list(scenario.owners),
        cost=scenario.cost,
        here=levels(final),
        options=levels(made.opened),
        fan=over_days(made.here[:, list(shown)]),
        here_change=levels(change),
        options_change=levels(more),
        by_pathway={
            path: round(
                float(
                    np.mean(made.options.get(path, nothing) - base.options.get(path, nothing))
                ),
                1,
            )
            for path in paths
        },
        likely_more=round(float((more >= 1).mean()), 4),
        likely_fewer=round(float((more <= -1).mean()), 4),
        cost_per_option=cost_per_option(more, scenario.cost),
        file=scenario.file,
        notes=_notes(scenario, base),
    )


def _notes(scenario: Scenario, base: Run) -> list[str]:
    """Why more of a capacity may change nothing: it is not what people wait for."""
    import numpy as np

    found = []
    for change in scenario.changes:
        name = change.targets[0] if change.targets else ""
        used = base.used.get(name)
        if change.what != "adds" or used is None:
            continue
        middle = float(np.median(used))
        if middle < NOT_SHORT:
            found.append(
                f"{name.replace('_', ' ').capitalize()}s are not what people wait for under the "
                f"plan: {middle:.0%} of them are used in the middle future. More of them alone "
                "opens little."
            )
    return found


def _bar(scenario: Scenario, change: Change, made: Run, base: Run, alone: bool) -> Bar:
    return Bar(
        scenario.id,
        change.title,
        levels(made.here[:, -1] - base.here[:, -1]),
        levels(made.opened - base.opened),
        dict(change.cost),
        alone,
    )


def _regrets(
    choices: Sequence[Scenario], happen: Sequence[Scenario], run: Callable[..., Run]
) -> list[Regret]:
    """Regret of each choice, the plan among them, over all futures of all circumstances."""
    import numpy as np

    everything: list[tuple[str, list[Scenario]]] = [("as now", [])]
    everything += [(one.title, [one]) for one in happen]
    rows = []
    for _, also in everything:
        rows.append([run(*also).opened, *(run(one, *also).opened for one in choices)])
    options = np.array(rows)  # (circumstances, choices + 1, futures)
    forgone = options.max(axis=1, keepdims=True) - options
    found = []
    for place, one in enumerate([_PLAN_SCENARIO, *choices]):
        mine = forgone[:, place, :]
        mean = mine.mean(axis=1)
        worst = int(np.argmax(mean))
        found.append(
            Regret(
                one.id,
                one.title,
                levels(mine.ravel()),
                round(float(mine.mean()), 2),
                round(float((mine <= 0).mean()), 4),
                (everything[worst][0], round(float(mean[worst]), 1)),
            )
        )
    return sorted(found, key=lambda row: (row.mean, row.choice))


__all__ = ["Bar", "Case", "Comparison", "Regret", "Run", "assumed", "compare", "play"]
