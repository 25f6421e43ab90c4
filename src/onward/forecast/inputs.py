"""From an operation to a model: its rulebook's moves, its caseload's counts, its log's rates,
its plan's dates.

Comes in: the tables of the caseload room and the effects of the plan room. Goes out: a `Model`
with the laws of its parameters and one row of plan dates per future, ready to simulate, and in
words what was assumed and what of the plan could not be simulated. There is no second graph:
states and moves are read off the rulebook.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from onward.forecast.draws import Distribution, Gamma, Lognormal, Normal, ParameterDraws, draw
from onward.forecast.estimate import LEAST_SHAPE, Observed, Rates, fit
from onward.forecast.model import (
    Approach,
    Capacity,
    Effect,
    Factor,
    Gate,
    Model,
    Pledge,
    Shock,
    State,
    Supply,
    Transition,
)
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from onward.plan.effects import PlanEffect, PlanEffects

    FloatArray: TypeAlias = npt.NDArray[np.float64]

NOT_RECORDED = "not recorded"
LUCK, DEADLINE = "shared shocks", "deadline draws near"
# How strongly people speed up as a deadline draws near: nobody knows beforehand. At past
# deadlines the pace rose several-fold in some operations and not at all in others, so the
# prior is wide and its middle small.
DEADLINE_STRENGTH = Gamma(0.7, 1.4)
DEADLINE_SCALE_DAYS = 60.0


@dataclass(frozen=True)
class Edge:
    """One move as the forecast sees it, with how often the log saw it."""

    source: str
    move: str
    target: str
    people: int

    @property
    def name(self) -> str:
        return f"{self.move} from {self.source} to {self.target}"


@dataclass(frozen=True)
class Inputs:
    """Everything a run needs.

    model        as the simulator takes it
    laws         parameter -> its law
    columns      parameter -> (futures,) values drawn by the plan
    edges        the moves simulated
    sources      parameter -> what kind of uncertainty it carries: "rates", "shocks",
                 "behaviour" or "plan dates"
    assumptions  in words, for the reader
    left_out     what of the plan is not simulated, and why
    """

    model: Model
    laws: Mapping[str, Distribution]
    columns: Mapping[str, FloatArray]
    edges: tuple[Edge, ...]
    sources: Mapping[str, str]
    rates: Rates
    assumptions: tuple[str, ...]
    left_out: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def draws(self, futures: int, seed: int) -> ParameterDraws:
        """One row of parameters per future; the plan's columns as they were drawn.

        raises  ValueError when the plan was drawn for fewer futures
        """
        made = draw(self.laws, futures, seed)
        for name, column in self.columns.items():
            if len(column) < futures:
                raise ValueError(f"{name}: {len(column)} plan draws for {futures} futures")
            made = made.with_column(name, column[:futures])
        return made


def edges_of(
    rulebook: Rulebook,
    steps: Sequence[tuple[str, str, str]],
    seen: Mapping[tuple[str, str, str], int],
    planned: frozenset[str] = frozenset(),
) -> list[Edge]:
    """The moves to simulate.

    steps    (from state, move, to state) as the rulebook allows, from `forecast_moves`
    seen     (from state, move, to state) -> people who made it in the window
    planned  moves some effect of the plan names

    Left out: moves that stay where they are; steps the log never saw, unless the plan speaks
    of them or nothing else leads to where they lead; hand-over nobody has begun, since only a
    decision could begin it.
    """
    states = rulebook.forecast_states
    moves = rulebook.moves()
    entered = {target for (source, _, target), people in seen.items() if people}
    found = []
    for source, move, target in steps:
        if source == target or not target:
            continue
        count = seen.get((source, move, target), 0)
        if not count:
            begun = moves[move].pathway != "handover" and not states[source].gone
            if not begun or (move not in planned and target in entered):
                continue
        found.append(Edge(source, move, target, count))
    return found


def observed(
    exposures: pa.Table, edges: Sequence[Edge], strata: Sequence[str], columns: Sequence[str],
    family: float,
) -> Observed:  # fmt: skip
    """The log's exposures as arrays, in the order of edges and strata.

    exposures  from `caseload.counting.exposures`
    columns    the stratum columns of the rulebook, in order
    """
    import numpy as np

    rows = exposures.to_pylist()
    periods = sorted({(row["period_start"], row["period_days"]) for row in rows})
    place = {start: i for i, (start, _) in enumerate(periods)}
    people = np.zeros((len(edges), len(strata), len(periods)))
    days: dict[str, FloatArray] = {}
    by_move: dict[tuple[str, str, str], int] = {
        (edge.source, edge.move, edge.target): i for i, edge in enumerate(edges)
    }
    for row in rows:
        stratum = strata.index(stratum_name(row, columns))
        period = place[row["period_start"]]
        state = row["forecast_state"]
        if state is None:
            continue
        if row["move"] is None:
            held = days.setdefault(state, np.zeros((len(strata), len(periods))))
            held[stratum, period] += row["person_days"]
        else:
            index = by_move.get((state, row["move"], row["to_state"] or ""))
            if index is not None:
                people[index, stratum, period] += row["transitions"]
    nobody = np.zeros((len(strata), len(periods)))
    at_risk = np.stack([days.get(edge.source, nobody) for edge in edges])
    return Observed(
        [(edge.source, edge.target) for edge in edges],
        list(strata),
        np.array([length for _, length in periods], dtype=float),
        people,
        at_risk,
        family,
    )


def stratum_name(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """A stratum's name from a row: the values of its columns."""
    return " / ".join(str(row[c]) if row[c] is not None else NOT_RECORDED for c in columns)


def start_cells(
    counts: pa.Table, rulebook: Rulebook, columns: Sequence[str]
) -> tuple[dict[tuple[str, str, int], int], tuple[str, ...], tuple[int, ...], float]:
    """Units by (state, stratum, size), the strata, the sizes, and people per unit by person."""
    start: dict[tuple[str, str, int], int] = {}
    strata: set[str] = set()
    weight = people = 0
    for row in counts.to_pylist():
        name = stratum_name(row, columns)
        strata.add(name)
        state, size = row["forecast_state"], int(row["unit_size"])
        if state is None:
            continue
        key = (state, name, size)
        start[key] = start.get(key, 0) + int(row["units"])
        if not rulebook.forecast_states[state].gone:
            people += int(row["people"])
            weight += int(row["people"]) * size
    sizes = tuple(range(1, max((size for *_, size in start), default=1) + 1))
    return start, tuple(sorted(strata)), sizes, weight / people if people else 1.0


def build(
    rulebook: Rulebook,
    *,
    counts: pa.Table,
    exposures: pa.Table,
    steps: Sequence[tuple[str, str, str]],
    as_of: dt.date,
    deadline: dt.date,
    effects: PlanEffects | None = None,
    behaviour: bool = True,
    name: str = "operation",
) -> Inputs:
    """Put a model together.

    counts      from `caseload.counting.counts` as of `as_of`
    exposures   from `caseload.counting.exposures` up to `as_of`
    steps       (from state, move, to state), from `caseload.moves.forecast_moves`
    deadline    the date asked about; the "draws near" term leans towards it
    effects     from the plan room, drawn from `as_of`
    behaviour   whether the deadline may change the pace (a declared assumption)
    """
    columns = rulebook.forecast_strata
    start, strata, sizes, family = start_cells(counts, rulebook, columns)
    for row in exposures.to_pylist():
        strata = tuple(sorted({*strata, stratum_name(row, columns)}))
    seen: dict[tuple[str, str, str], int] = {}
    for row in exposures.to_pylist():
        if row["move"] is not None and row["forecast_state"] is not None:
            key = (row["forecast_state"], row["move"], row["to_state"] or "")
            seen[key] = seen.get(key, 0) + int(row["transitions"])
    planned = frozenset(
        target
        for effect in (effects.effects if effects is not None else ())
        for target in effect.targets
    )
    edges = edges_of(rulebook, steps, seen, planned)
    log = observed(exposures, edges, strata, columns, family)
    rates = fit(log)
    builder = _Builder(rulebook, edges, rates, strata, as_of, deadline, behaviour)
    if effects is not None:
        for effect in effects.effects:
            builder.add(effect)
    model = Model(
        states=[
            State(state.name, present=not state.gone)
            for state in rulebook.forecast_states.values()
        ],
        strata=strata,
        start=start,
        transitions=builder.transitions(sizes),
        sizes=sizes,
        factors=builder.factors,
        capacities=builder.pools(),
        pledges=builder.pledges,
        name=name,
    )
    return Inputs(
        model,
        builder.laws,
        builder.columns,
        tuple(edges),
        builder.sources,
        rates,
        tuple(builder.assumptions),
        tuple(builder.left_out),
        {stratum: (stratum,) for stratum in strata},
    )


class _Builder:
    """Collects factors, pools and laws while the parts of a model are put together."""

    def __init__(
        self, rulebook: Rulebook, edges: Sequence[Edge], rates: Rates, strata: Sequence[str],
        as_of: dt.date, deadline: dt.date, behaviour: bool,
    ) -> None:  # fmt: skip
        self.rulebook, self.edges, self.rates, self.strata = rulebook, edges, rates, strata
        self.laws: dict[str, Distribution] = {}
        self.columns: dict[str, FloatArray] = {}
        self.sources: dict[str, str] = {}
        self.factors: list[Factor] = []
        self.pledges: list[Pledge] = []
        self.assumptions: list[str] = []
        self.left_out: list[str] = []
        self._on_move: dict[str, list[str]] = {}
        self._supplies: dict[str, list[tuple[Supply, int | None, str]]] = {}
        self._gates: dict[tuple[str, ...], dict[str, list[tuple[str, str]]]] = {}
        self.as_of = as_of
        self._rates(edges)
        self._luck()
        if behaviour:
            self._deadline(deadline)

    def _law(self, name: str, law: Distribution, source: str) -> str:
        self.laws[name] = law
        self.sources[name] = source
        return name

    def _column(self, name: str, values: FloatArray, source: str = "plan dates") -> str:
        self.columns[name] = values
        self.sources[name] = source
        return name

    def _rates(self, edges: Sequence[Edge]) -> None:
        ways_out: dict[str, int] = {}
        for edge in edges:
            ways_out[edge.source] = ways_out.get(edge.source, 0) + 1
        for index, edge in enumerate(edges):
            for place, stratum in enumerate(self.strata):
                law = self.rates.posteriors[index][place]
                if not edge.people:
                    # The half event of belief is one for the state, shared by its ways out.
                    law = replace(law, shape=LEAST_SHAPE / ways_out[edge.source])
                self._law(f"rate {edge.name} [{stratum}]", law, "rates")

    def _luck(self) -> None:
        level, sd = self.rates.shock_now
        size = max(self.rates.shock_sd, 0.05)
        self.factors.append(
            Shock(
                LUCK,
                self._law("shock size", Lognormal(size, 0.3), "shocks"),
                self.rates.memory_days,
                self._law("shock now", Normal(level, sd), "shocks"),
            )
        )
        self.assumptions.append(
            f"Good and bad months move every pathway together: about {size:.0%} up or down, "
            f"lasting some {self.rates.memory_days:.0f} days. Read from the log."
        )

    def _deadline(self, deadline: dt.date) -> None:
        days = float((deadline - self.as_of).days)
        self.factors.append(
            Approach(
                DEADLINE,
                self._law("deadline strength", DEADLINE_STRENGTH, "behaviour"),
                days,
                DEADLINE_SCALE_DAYS,
            )
        )
        self.assumptions.append(
            "As the deadline draws near people may decide and move faster: by half on average, "
            "possibly not at all. An assumption from past deadlines, not from this log."
        )

    # -- the plan

    def add(self, effect: PlanEffect) -> None:
        """Take one effect of the plan, or say why it is left out."""
        if effect.target_kind == "finding":
            self._leave(effect, "a safeguard's finding; its pace is in the log's rates")
            return
        if effect.target_kind == "transition":
            known = {edge.move for edge in self.edges}
            if not known & set(effect.targets):
                return
            if effect.destination and not self._only_destination(effect):
                self._leave(effect, f"one destination only ({effect.destination})")
                return
            if effect.kind == "gate":
                self._gate(effect)
            else:
                self._speed(effect, effect.targets)
        elif effect.kind == "cap":
            self._supply(effect)
        else:
            moves = tuple(
                move.key
                for move in self.rulebook.moves().values()
                if self.rulebook.transitions[move.transition].consumes in effect.targets
            )
            self._speed(effect, moves)

    def _only_destination(self, effect: PlanEffect) -> bool:
        """Return, hand-over and lawful stay lead to one country, so its gate is everybody's."""
        one_country = {"return", "handover", "stay", "protection"}
        moves = self.rulebook.moves()
        return all(moves[key].pathway in one_country for key in effect.targets)

    def _leave(self, effect: PlanEffect, why: str) -> None:
        self.left_out.append(f"{effect.source}: {why}")

    def _gate(self, effect: PlanEffect) -> None:
        start = self._column(f"{effect.id} from", effect.starts)
        end = self._column(f"{effect.id} until", effect.ends)
        if effect.closed:
            gate = Gate(effect.id, [(start, end)], closed=True)
            self.factors.append(gate)
            self._attach(gate.id, effect.targets)
            return
        open_windows = self._gates.setdefault(tuple(effect.targets), {})
        open_windows.setdefault(effect.gate, []).append((start, end))

    def _speed(self, effect: PlanEffect, moves: Sequence[str]) -> None:
        self.factors.append(
            Effect(
                effect.id,
                self._column(f"{effect.id} factor", effect.values),
                self._column(f"{effect.id} from", effect.starts),
                self._column(f"{effect.id} until", effect.ends),
            )
        )
        self._attach(effect.id, moves)

    def _supply(self, effect: PlanEffect) -> None:
        pool = effect.targets[0]
        amount = self._column(f"{effect.id} amount", effect.values)
        if effect.after is not None:
            pledge = getattr(effect.after, "pledge", "another pledge")
            self._leave(effect, f"opens only after {pledge}; counted as not opening")
            return
        supply = Supply(
            amount,
            self._column(f"{effect.id} from", effect.starts),
            self._column(f"{effect.id} until", effect.ends),
        )
        self._supplies.setdefault(pool, []).append((supply, effect.window_days, effect.counts))

    def _attach(self, factor: str, moves: Sequence[str]) -> None:
        for move in moves:
            self._on_move.setdefault(move, []).append(factor)

    # -- the parts

    def pools(self) -> list[Capacity]:
        """One pool per capacity the plan fills; windows of different length become daily."""
        made = []
        for pool, supplies in sorted(self._supplies.items()):
            lengths = {length for _, length, _ in supplies}
            counts = "units" if all(kind == "units" for *_, kind in supplies) else "people"
            if len(lengths) == 1:
                (length,) = lengths
                items = [supply for supply, _, _ in supplies]
                made.append(Capacity(pool, items, counts, length, carry=length is None))
                continue
            self.left_out.append(
                f"{pool}: its supplies have windows of different length; taken as even per day"
            )
            items = [self._per_day(supply, length) for supply, length, _ in supplies]
            made.append(Capacity(pool, items, counts, 1, carry=True))
        return made

    def _per_day(self, supply: Supply, length: int | None) -> Supply:
        """The same supply spread evenly over its window (a one-off over thirty days)."""
        days = length or 30
        name = f"{supply.amount} a day"
        self._column(name, self.columns[str(supply.amount)] / days, "plan dates")
        if length is not None:
            return replace(supply, amount=name)
        end = self._column(f"{supply.start} spread", self.columns[str(supply.start)] + days)
        return replace(supply, amount=name, end=end)

    def transitions(self, sizes: Sequence[int]) -> list[Transition]:
        """Every edge as the simulator takes it, with its factors and pools."""
        for targets, alternatives in self._gates.items():
            for gate, windows in alternatives.items():
                name = f"{gate} open"
                if any(factor.id == name for factor in self.factors):
                    name = f"{name} for {', '.join(targets)}"
                self.factors.append(Gate(name, windows))
                self._attach(name, targets)
        filled = set(self._supplies)
        moves = self.rulebook.moves()
        states = self.rulebook.forecast_states
        made = []
        for edge in self.edges:
            move = moves[edge.move]
            single = states[edge.target].gone in ("death", "absence")
            chosen = not (move.records or self.rulebook.transitions[move.transition].records)
            factors = list(self._on_move.get(edge.move, []))
            if not single:
                factors.append(LUCK)
                if chosen and any(factor.id == DEADLINE for factor in self.factors):
                    factors.append(DEADLINE)
            pool = self.rulebook.transitions[move.transition].consumes
            made.append(
                Transition(
                    edge.name,
                    edge.source,
                    edge.target,
                    [f"rate {edge.name} [{stratum}]" for stratum in self.strata],
                    factors=factors,
                    capacities=[pool] if pool in filled and not single and chosen else [],
                    size_change=-1 if single and not states[edge.source].gone else 0,
                    pathway=states[edge.target].gone or move.pathway,
                )
            )
        return made


