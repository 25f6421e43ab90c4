"""The forecast's model as plain data: what can move where, how fast, and what holds it back.

Exists so that the simulator knows no rulebook and no caseload: an adapter (or a test, or a
planner's file) states states, strata, unit sizes, transitions and the things that speed them up,
slow them down, gate or ration them. Goes in: names, numbers and the names of uncertain
parameters. Comes out: a `Model`, checked as a whole by `check`, which `futures` simulates.

Everywhere a `Number` is asked for, give a number, or the name of a parameter whose value is drawn per
future (`draws`). Every count is a count of *units* (people who move together); people are units times
unit size. Days are counted from the forecast's origin, day 0 being the first day simulated; a date
may be a fraction, negative (already past) or beyond the horizon (never reached).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from onward.errors import Fault, Faults, one_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]

Number: TypeAlias = "float | int | str"
"""A number, or the name of a drawn parameter."""

FOREVER = math.inf
"""A date that never comes."""


@dataclass(frozen=True)
class State:
    """A place in the process where units wait or end.

    id           the name transitions use
    present      True where the people of this state are still here (part of the residual)
    stages       number of equal stages (an Erlang waiting time) that the `staged` transitions
                 out of this state must pass; 1 is the memoryless wait
    ages         instead of stages: mean days after which a unit passes from one age to the next.
                 Ways out whose pace depends on how long people have waited name a weight per age
    start_stage  where units already here at the origin stand: "first"; "spread" evenly over the
                 stages (or ages) when how long they have waited is not known; or a share for each
    """

    id: str
    present: bool = True
    stages: int = 1
    start_stage: Literal["first", "spread"] | Sequence[float] = "first"
    ages: Sequence[float] = ()

    @property
    def phases(self) -> int:
        """Rows the simulator keeps for this state."""
        return max(self.stages, len(self.ages) + 1)


@dataclass(frozen=True)
class Transition:
    """One way out of a state, competing with the others out of the same state.

    id           unique name; with the stratum it is also the key of its random draws
    source       state left
    target       state entered
    hazard       per day and unit: one `Number` for all strata, or one per stratum in the
                 model's order
    weights      fixed multiplier per stratum (covariates); empty means 1
    size_weights fixed multiplier per unit size; empty means 1
    age_weights  fixed multiplier per age of the source; empty means 1
    factors      names of the factors that multiply the hazard (terms, dated effects, gates,
                 feedback, shocks)
    staged       True: this is what the stages of the source lead to. The time to completion is
                 Erlang with mean 1/hazard; other transitions may leave from any stage
    capacities   names of the pools this move draws on; refused units stay and may try again
    priority     lower is served first where a pool is short: one rank, or one per stratum
    size_change  -1: one person leaves the unit (a death): larger units stay where they are one
                 person smaller, a unit of one goes to `target`. +1: one person joins (a birth).
                 The hazard is then per *person*. Unit sizes must be consecutive; the largest
                 size has no births
    pathway      free tag for reporting
    """

    id: str
    source: str
    target: str
    hazard: Number | Sequence[Number]
    weights: Sequence[float] = ()
    size_weights: Sequence[float] = ()
    factors: Sequence[str] = ()
    staged: bool = False
    capacities: Sequence[str] = ()
    priority: int | Sequence[int] = 0
    size_change: Literal[-1, 0, 1] = 0
    pathway: str = ""
    age_weights: Sequence[float] = ()


@dataclass(frozen=True)
class Term:
    """A multiplier fixed in advance: one value per day from the origin, the last one held."""

    id: str
    daily: Sequence[float]


@dataclass(frozen=True)
class Effect:
    """A dated multiplier: 1 before `start`, `factor` from `start` until `end`, then 1 again.

    over_days    the change comes in linearly over this many days (0: at once)
    on_strata    strata it holds for; empty means all
    """

    id: str
    factor: Number
    start: Number = -FOREVER
    end: Number = FOREVER
    over_days: Number = 0.0
    on_strata: Sequence[str] = ()


@dataclass(frozen=True)
class Approach:
    """A date drawing near: 1 + strength * exp(-(deadline - day) / scale_days).

    Applies from `start` (the announcement) until `end`, and stays at 1 + strength once the
    deadline has passed.
    """

    id: str
    strength: Number
    deadline: Number
    scale_days: Number
    start: Number = -FOREVER
    end: Number = FOREVER


@dataclass(frozen=True)
class Gate:
    """Open or closed: 1 within any of the windows (from, until), 0 outside.

    With `closed=True` the windows say when it is closed (an incident, a border shut).
    """

    id: str
    windows: Sequence[tuple[Number, Number]]
    closed: bool = False


@dataclass(frozen=True)
class Feedback:
    """A multiplier that depends on where people are: news of arrivals, a leadership's hold.

    x is the people in (`states`, `strata`) divided by the people in (`of_states`,
    `of_strata`), or by everyone at the origin when `of_states` is empty; empty `strata` means
    all. It is read `lag_days` earlier (0 before the origin is `x = 0`, or `before`).

    form         "saturating": 1 + a x / (x + b);  "exponential": exp(a x);
                 "linear": max(0, 1 + a x)
    on_strata    strata that respond; the others have multiplier 1. Empty means all
    Where the denominator is 0 the multiplier is 1.
    """

    id: str
    states: Sequence[str]
    form: Literal["saturating", "exponential", "linear"]
    a: Number
    b: Number = 1.0
    strata: Sequence[str] = ()
    of_states: Sequence[str] = ()
    of_strata: Sequence[str] = ()
    lag_days: float = 0.0
    before: float = 0.0
    on_strata: Sequence[str] = ()


@dataclass(frozen=True)
class Shock:
    """A slow shock shared by every transition that names it: exp(z) with z a log-AR(1).

    sd           standard deviation of z in the long run
    memory_days  days after which its autocorrelation has fallen to 1/e
    start        value of z on the eve of day 0, in units of nothing (a log), a drawn parameter
                 where the estimate knows it; None draws it from the long-run law
    mean_one     True subtracts sd*sd/2, so that hazards keep their mean; False leaves the
                 median at 1
    """

    id: str
    sd: Number
    memory_days: Number
    start: Number | None = None
    mean_one: bool = True


Factor: TypeAlias = Term | Effect | Approach | Gate | Feedback | Shock


@dataclass(frozen=True)
class Supply:
    """An addition to a pool: `amount` more per window from `start` until `end`."""

    amount: Number
    start: Number = -FOREVER
    end: Number = FOREVER


@dataclass(frozen=True)
class Capacity:
    """A pool shared by every transition that names it, rationed at random among those waiting.

    supplies     what fills it, per window
    counts       "people" or "units". A unit that does not fit whole waits; a smaller one may
                 go in its place
    window_days  length of a window in days (1 day, 7 a week, ...); None: filled once per
                 supply, on the day it starts
    carry        True: what a window leaves unused stays; False: it lapses (parts of one person
                 are always kept, so 2.5 a day is 5 every two days)
    """

    id: str
    supplies: Sequence[Supply]
    counts: Literal["people", "units"] = "people"
    window_days: int | None = 1
    carry: bool = False


@dataclass(frozen=True)
class Pledge:
    """Places that open only when enough has happened.

    When the cumulative people moved by `transitions` reach `threshold`, `capacity` gains
    `amount` after `delay_days`: once, or in every window from then on if `repeats`.
    """

    id: str
    capacity: str
    transitions: Sequence[str]
    threshold: Number
    amount: Number
    delay_days: float = 0.0
    repeats: bool = False


@dataclass(frozen=True)
class Arrival:
    """New units: Poisson, `units_per_day` times the factors, into one state, stratum and size."""

    id: str
    state: str
    stratum: str
    size: int
    units_per_day: Number
    factors: Sequence[str] = ()


@dataclass(frozen=True)
class Model:
    """Everything the simulator needs, as data.

    states, strata, sizes   the three axes; sizes are people per unit, ascending
    start                   units at the origin by (state, stratum, size); missing cells are 0
    transitions, factors, capacities, pledges, arrivals
                            see those classes; capacities are rationed in the order given
    """

    states: Sequence[State]
    strata: Sequence[str]
    start: Mapping[tuple[str, str, int], int]
    transitions: Sequence[Transition]
    sizes: Sequence[int] = (1,)
    factors: Sequence[Factor] = ()
    capacities: Sequence[Capacity] = ()
    pledges: Sequence[Pledge] = ()
    arrivals: Sequence[Arrival] = ()
    name: str = field(default="model")

    @property
    def people_at_start(self) -> int:
        """Everyone at the origin, gone or not."""
        return sum(units * size for (_, _, size), units in self.start.items())

    def parameters(self) -> tuple[str, ...]:
        """Names of the drawn parameters the model refers to, in alphabetical order."""
        return tuple(sorted({name for _, name in _numbers(self) if isinstance(name, str)}))


def _per_stratum(value: Any) -> tuple[Any, ...]:
    """One value or one per stratum, as a tuple (a parameter's name is one value)."""
    if isinstance(value, int | float | str):
        return (value,)
    return tuple(value)


def _numbers(model: Model) -> Iterable[tuple[str, Number | None]]:
    """Every `Number` of the model with the path where it stands."""
    for t in model.transitions:
        for value in _per_stratum(t.hazard):
            yield f"transitions[{t.id}].hazard", value
    for f in model.factors:
        match f:
            case Effect():
                keys: tuple[str, ...] = ("factor", "start", "end", "over_days")
            case Approach():
                keys = ("strength", "deadline", "scale_days", "start", "end")
            case Feedback():
                keys = ("a", "b")
            case Shock():
                keys = ("sd", "memory_days", "start")
            case _:
                keys = ()
        for key in keys:
            yield f"factors[{f.id}].{key}", getattr(f, key)
        if isinstance(f, Gate):
            for opens, closes in f.windows:
                yield f"factors[{f.id}].windows", opens
                yield f"factors[{f.id}].windows", closes
    for c in model.capacities:
        for supply in c.supplies:
            for key in ("amount", "start", "end"):
                yield f"capacities[{c.id}].supplies.{key}", getattr(supply, key)
    for p in model.pledges:
        yield f"pledges[{p.id}].threshold", p.threshold
        yield f"pledges[{p.id}].amount", p.amount
    for a in model.arrivals:
        yield f"arrivals[{a.id}].units_per_day", a.units_per_day


def check(model: Model, parameters: Iterable[str] | None = None) -> None:
    """Raise `Faults` naming everything wrong with the model at once.

    parameters   names that will be drawn; None skips that check
    """
    faults: list[Fault] = []

    def fault(where: str, found: str, allowed: str = "", remedy: str = "") -> None:
        faults.append(Fault(model.name, where, "", found, allowed, remedy))

    def known(where: str, names: Iterable[str], allowed: Sequence[str], what: str) -> None:
        for name in names:
            if name not in allowed:
                fault(where, f'{what} "{name}" is not declared', one_of(allowed))

    def unique(where: str, names: Sequence[str]) -> None:
        for name in sorted({n for n in names if names.count(n) > 1}):
            fault(where, f'"{name}" is declared twice', "each name once")

    states = [s.id for s in model.states]
    strata = list(model.strata)
    transitions = [t.id for t in model.transitions]
    factors = [f.id for f in model.factors]
    capacities = [c.id for c in model.capacities]
    sizes = list(model.sizes)
    for where, names in (
        ("states", states),
        ("strata", strata),
        ("transitions", transitions),
        ("factors", factors),
        ("capacities", capacities),
        ("pledges", [p.id for p in model.pledges]),
        ("arrivals", [a.id for a in model.arrivals]),
    ):
        unique(where, names)
    if not states:
        fault("states", "none is declared", "at least one state")
    if not strata:
        fault("strata", "none is declared", "at least one stratum")
    if not sizes or sizes != sorted(set(sizes)) or sizes[0] < 1:
        fault("sizes", f"{sizes}", "people per unit, 1 or more, ascending, each once")
    for s in model.states:
        if not 1 <= s.stages <= 50:
            fault(f"states[{s.id}].stages", f"{s.stages}", "1 to 50")
        if not isinstance(s.start_stage, str) and (
            len(s.start_stage) != s.phases
            or any(not 0 <= share < math.inf for share in s.start_stage)
            or not math.fsum(s.start_stage) > 0
        ):
            fault(
                f"states[{s.id}].start_stage",
                f"{len(s.start_stage)} shares",
                f"{s.phases}, 0 or more, one per stage or age",
            )
        if s.ages and (s.stages > 1 or any(not 0 < days < math.inf for days in s.ages)):
            fault(f"states[{s.id}].ages", f"{list(s.ages)}", "days above 0, and no stages")
        if s.stages > 1 and not any(t.source == s.id and t.staged for t in model.transitions):
            fault(
                f"states[{s.id}].stages",
                f"{s.stages} stages, but no transition out of it is staged",
                remedy="Mark the transition the stages lead to with staged=True.",
            )
    for (state, stratum, size), units in model.start.items():
        where = f"start[{state}, {stratum}, {size}]"
        known(where, [state], states, "state")
        known(where, [stratum], strata, "stratum")
        if size not in sizes:
            fault(where, f"size {size} is not declared", one_of(sizes))
        if units < 0 or units != int(units):
            fault(where, f"{units} units", "a whole number, 0 or more")
    if model.people_at_start > 2_000_000_000:
        fault("start", f"{model.people_at_start} people", "at most two thousand million")

    ages = {s.id: len(s.ages) + 1 for s in model.states}
    consecutive = sizes == list(range(1, len(sizes) + 1))
    for t in model.transitions:
        where = f"transitions[{t.id}]"
        known(where, [t.source, t.target], states, "state")
        known(where, t.factors, factors, "factor")
        known(where, t.capacities, capacities, "capacity")
        if t.source == t.target and t.size_change == 0:
            fault(where, "source and target are the same state", "two different states")
        if len(set(t.capacities)) > 3:
            fault(where, f"{len(t.capacities)} capacities", "at most 3")
        for key, length in (
            ("hazard", len(strata)),
            ("priority", len(strata)),
            ("weights", len(strata)),
            ("size_weights", len(sizes)),
            ("age_weights", ages.get(t.source, 1)),
        ):
            values = _per_stratum(getattr(t, key))
            single = key in ("hazard", "priority") and len(values) == 1
            if not single and len(values) not in (0, length):
                what = {"size_weights": "sizes", "age_weights": "ages"}.get(key, "strata")
                fault(f"{where}.{key}", f"{len(values)} values", f"{length}, one per {what}")
            for value in values:
                if key != "priority" and not isinstance(value, str) and not 0 <= value < 1e6:
                    fault(f"{where}.{key}", f"{value}", "a finite number, 0 or more")
        if t.size_change:
            if not consecutive:
                fault(where, f"size_change with sizes {sizes}", "sizes 1, 2, 3, ... in a row")
            if t.capacities or t.staged or t.age_weights:
                fault(
                    where,
                    "a size change that is staged, rationed or weighted by age",
                    "neither",
                )
            if t.size_change > 0 and t.source != t.target:
                fault(where, "a birth that changes the state", "target equal to source")
    for f in model.factors:
        where = f"factors[{f.id}]"
        if isinstance(f, Term) and not (
            len(f.daily) and all(math.isfinite(v) and v >= 0 for v in f.daily)
        ):
            fault(where, "no value, or one that is negative", "finite values, 0 or more")
        if isinstance(f, Effect):
            known(where, f.on_strata, strata, "stratum")
        if isinstance(f, Feedback):
            known(where, [*f.states, *f.of_states], states, "state")
            known(where, [*f.strata, *f.of_strata, *f.on_strata], strata, "stratum")
            if f.form not in ("saturating", "exponential", "linear"):
                fault(f"{where}.form", f"{f.form}", "saturating, exponential or linear")
            if not 0 <= f.lag_days < 100_000:
                fault(f"{where}.lag_days", f"{f.lag_days}", "0 or more")
    for a in model.arrivals:
        where = f"arrivals[{a.id}]"
        known(where, [a.state], states, "state")
        known(where, [a.stratum], strata, "stratum")
        known(where, a.factors, factors, "factor")
        if a.size not in sizes:
            fault(where, f"size {a.size} is not declared", one_of(sizes))
    for c in model.capacities:
        if c.window_days is not None and c.window_days < 1:
            fault(f"capacities[{c.id}].window_days", f"{c.window_days}", "1 or more, or None")
        if c.counts not in ("people", "units"):
            fault(f"capacities[{c.id}].counts", f"{c.counts}", "people or units")
    for p in model.pledges:
        known(f"pledges[{p.id}]", [p.capacity], capacities, "capacity")
        known(f"pledges[{p.id}]", p.transitions, transitions, "transition")
    for where, number in _numbers(model):
        if isinstance(number, float | int) and math.isnan(number):
            fault(where, "not a number", "a number or a parameter's name")
    if parameters is not None:
        drawn = set(parameters)
        for where, number in _numbers(model):
            if isinstance(number, str) and number not in drawn:
                fault(
                    where,
                    f'parameter "{number}" has no draws',
                    remedy="Add it to the drawn parameters.",
                )
    if faults:
        raise Faults(faults, "The forecast model cannot be simulated as it stands.")
