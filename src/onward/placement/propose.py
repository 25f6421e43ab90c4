"""One proposal: the aims in order, each solved, proven and held for those after it.

The officer decides; this proposes. In: `Tables`, `Aims`, a seed and limits on effort. Out: a
`Proposal` with every case's place or the reason it has none, and for every stage its value, the
proven bound and the gap. Up to some thousand units every stage is an exact integer program;
above that prices guide the search (`core`), and the bound is just as much a proof. The same
input and seed give the same proposal, whatever the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from onward.errors import Fault, Faults
from onward.placement.aims import BY_PRICES, Aims
from onward.placement.conflicts import fits_at_all, smallest_conflict
from onward.placement.counted import Counted
from onward.placement.draw import equals, follow_draw
from onward.placement.inputs import Tables
from onward.placement.model import (
    AnyArray,
    BoolArray,
    Compiled,
    FloatArray,
    IntArray,
    compile_tables,
)
from onward.placement.program import Answer, Clock, Prices, Program

# Up to so many units every stage is one integer program; above, prices guide the search. With
# locks, floors or an outcome that may decide whether, the integer program is kept for longer.
EXACT_UNITS = 400
EXACT_WHEN_BOUND = 2_000
# What one stage may look at: so many choices, once for each node of its search. It is counted and
# not timed, so that the clock decides nothing before it ends a stage, and the state says so.
EFFORT = 4_000_000
LEAST_NODES = 200
HALF_WIDTH = 60_000  # columns above which values take half the memory
PROVEN = ("emergencies", "protection", "together", "outcome", "keep")


@dataclass(frozen=True)
class StageResult:
    """A stage's value, its proven bound and relative gap (0 when the value is the bound)."""

    name: str
    value: float
    bound: float
    note: str = ""

    @property
    def gap(self) -> float:
        if self.bound - self.value <= 1e-6 * max(1.0, abs(self.bound)):
            return 0.0
        return (self.bound - self.value) / max(abs(self.bound), 1e-9)


@dataclass
class Proposal:
    """chosen (units,) column or -1; state is optimal, within_gap, time_limit or infeasible.

    gap: the largest gap of the stages that are proven. conflict: when infeasible, the smallest
    set of locks, floors and limits found that cannot hold together, in words. price (rows,)
    and fewer/more: worth of one more place in protection-weighted persons and the change of
    the limit within which it holds (None: not computed at this size). outcome_price (rows,):
    the same in points of the outcome, with who is placed held."""

    compiled: Compiled
    seed: int
    state: str
    chosen: IntArray
    pledges: BoolArray
    stages: list[StageResult] = field(default_factory=list)
    gap: float = 0.0
    conflict: list[str] = field(default_factory=list)
    price: FloatArray | None = None
    fewer: FloatArray | None = None
    more: FloatArray | None = None
    outcome_price: FloatArray | None = None
    floors: list[dict[str, object]] = field(default_factory=list)

    def places(self) -> dict[str, tuple[str, str]]:
        """Every placed case with its (programme, window)."""
        found = {}
        for i, case in enumerate(self.compiled.tables.cases):
            column = self.chosen[self.compiled.unit_of_case[i]]
            if column >= 0:
                window = self.compiled.slots[self.compiled.model.slot[column]]
                found[case.case] = (window.programme, window.window)
        return found


def propose(
    tables: Tables,
    aims: Aims,
    *,
    seed: int = 1,
    seconds: float = 120.0,
    gap: float | None = None,
) -> Proposal:
    """The proposal for these tables under these aims.

    seconds stops a stage that has not met its gap (the state then says time_limit); gap
    replaces the one in the aims."""
    return solve(compile_tables(tables, aims, seed=seed), seed=seed, seconds=seconds, gap=gap)


def solve(
    compiled: Compiled, *, seed: int = 1, seconds: float = 120.0, gap: float | None = None
) -> Proposal:
    """The proposal for tables that are compiled already; see `propose`."""
    aims = compiled.aims
    wanted = aims.gap if gap is None else gap
    model = compiled.model
    none = np.full(model.units, -1)
    shut = np.zeros(model.pledges, bool)
    if compiled.impossible_locks:
        words = [f"lock of case {case}: {why}" for case, why in compiled.impossible_locks]
        return Proposal(compiled, seed, "infeasible", none, shut, conflict=words)
    bound_to = bool(compiled.must.any() or aims.floors)
    if not model.columns and bound_to and not fits_at_all(compiled).feasible:
        return _infeasible(compiled, seed)
    by_prices = aims.by_prices()
    if model.units <= (EXACT_UNITS if by_prices and not bound_to else EXACT_WHEN_BOUND):
        return _exact(compiled, seed, wanted, seconds)
    if not by_prices:
        raise Faults([_too_many(aims, model.units)])
    start = None
    if bound_to:
        answer = fits_at_all(compiled)
        if not answer.feasible:
            return _infeasible(compiled, seed)
        start = answer.chosen
    return _large(compiled, seed, wanted, seconds, start)


def _too_many(aims: Aims, units: int) -> Fault:
    whether = "" if aims.only_where else ", the outcome deciding where and whether"
    return Fault(
        "aims", "stages", "",
        f"{', '.join(aims.names)}{whether}; {units:,} families cannot be placed by aims in this order",
        f"for more than {EXACT_WHEN_BOUND:,} families {', '.join(BY_PRICES)}, in this order, the "
        "outcome deciding where; others than protection may be left out, outcome only with together and keep",
        f"Put the stages in this order, or place at most {EXACT_WHEN_BOUND:,} families at a time.",
    )  # fmt: skip


def _infeasible(compiled: Compiled, seed: int) -> Proposal:
    none = np.full(compiled.model.units, -1)
    shut = np.zeros(compiled.model.pledges, bool)
    return Proposal(
        compiled, seed, "infeasible", none, shut, conflict=smallest_conflict(compiled)
    )


def stage_values(
    compiled: Compiled, name: str, unit: AnyArray, columns: AnyArray
) -> FloatArray:
    """What a stage counts, per column (togetherness is not a sum over columns)."""
    model = compiled.model
    stage = compiled.aims.stage(name)
    if name == "emergencies":
        factor = stage.options["later_window_counts"] if stage else 1.0
        later = np.power(float(factor), model.slot_order)
        return np.asarray(compiled.emergency[unit] * later[model.slot[columns]])
    if name == "protection":
        if compiled.column_weight is not None:
            return compiled.column_weight[columns]
        return compiled.weight[unit]
    if name == "who":
        return np.asarray(compiled.ticket[unit] * model.size[unit])
    if name == "outcome":
        return compiled.outcome[columns]
    if name == "keep":
        return compiled.kept[columns]
    if name == "lottery":
        return compiled.column_ticket[columns]
    return np.zeros(len(columns))


def _equal(compiled: Compiled, above: list[str]) -> IntArray:
    """Which units are equal in every aim above the draw; see `draw.equals`."""
    weight = compiled.column_weight
    counts: dict[str, AnyArray] = {
        "emergencies": compiled.emergency,
        "protection": compiled.weight if weight is None else weight,
        "outcome": compiled.outcome,
        "keep": compiled.kept,
    }
    return equals(compiled.model, *(counts[name] for name in above if name in counts))


def _held(value: float, lose: float = 0.0) -> float:
    """The least a held stage may fall to: its value less rounding, less what it may lose."""
    return value - abs(value) * lose - 1e-6 * max(1.0, abs(value))


def _exact(compiled: Compiled, seed: int, gap: float, seconds: float) -> Proposal:
    from onward.placement.last_week import Held, LastWeek

    model, aims = compiled.model, compiled.aims
    clock = Clock(seconds)
    together = aims.stage("together")
    options = together.options if together else {"same_window": 0.0, "same_country": 0.0}
    program = Program(
        model,
        same_window=float(options["same_window"]),
        same_country=float(options["same_country"]),
        grouped=together is not None,
    )
    program.must_place(np.flatnonzero(compiled.must))
    columns = np.arange(model.columns)
    last_week = LastWeek(compiled)
    held: list[Held] = []
    results: list[StageResult] = []
    by_clock = False
    prices = None
    outcome_price = None
    names, settles = aims.order()
    if model.columns == 0:
        results = [StageResult(name, 0.0, 0.0) for name in names]
        names = []
    main = "protection" if "protection" in names else (names[0] if names else "")
    if main:
        value = stage_values(compiled, main, program.unit, columns)
        prices = program.relax(value, seconds=clock.left(), ranges=True)
        if prices is None and clock.left() > 0:
            return _infeasible(compiled, seed)
        by_clock = prices is None or not _whole_place(program, value, prices, clock)
    nodes = max(LEAST_NODES, EFFORT // max(1, model.columns))
    begun = last_week.begin()
    answer = None if begun is None else _answer(compiled, begun)
    for at, name in enumerate(names):
        counts = stage_values(compiled, name, program.unit, columns)
        value = program.together if name == "together" else counts
        if (
            not np.any(value)
            and name != settles
            and (answer is not None or at < len(names) - 1)
        ):
            results.append(StageResult(name, 0.0, 0.0))
            continue
        if name == "outcome" and at:
            relaxed = program.relax(value, seconds=clock.left())
            outcome_price = relaxed.row if relaxed else None
            by_clock |= relaxed is None
        asked = None if name == "together" else counts
        if answer is not None and last_week.before.any():
            if settles and settles in names[:at]:
                start = last_week.back(answer.chosen, held, counts)
            else:
                start = last_week.let_in(answer.chosen, held, asked)
            answer = _answer(compiled, start)

        def best(value: FloatArray, start: Answer | None) -> Answer:
            """The best of a value, after what is counted; the clock leaves half to later aims."""
            last = at == len(names) - 1  # noqa: B023
            found = program.solve(
                value, gap=gap / 10 if name != "lottery" else 0.01,  # noqa: B023
                seconds=clock.left() / (1 if last else 2), start=start,
                nodes=nodes if name != "lottery" else LEAST_NODES, tight=True,  # noqa: B023
            )  # fmt: skip
            if found.feasible and not np.isfinite(found.value) and start is not None:
                # stopped before any choice was found: what was there before still stands
                chosen, pledges = start.chosen, start.pledges
                got = last_week.worth(None if value is program.together else value, chosen)
                return replace(found, value=got, chosen=chosen, pledges=pledges)
            return found

        if name == "who" and answer is not None and last_week.before.any():
            # whoever had a place last week comes before any draw
            stay = (last_week.before * model.size)[program.unit].astype(float)
            if last_week.lost(answer.chosen):
                found = best(stay, answer)
                if found.feasible:
                    answer = found
                    by_clock |= found.by_clock
            program.hold(stay, _held(last_week.worth(stay, answer.chosen)))
        found = best(value, answer)
        by_clock |= found.by_clock
        if not found.feasible:
            if answer is None:
                return _infeasible(compiled, seed)
            raise AssertionError("a held stage became impossible")
        if not np.isfinite(found.value):
            if compiled.must.any() or aims.floors:
                return _infeasible(compiled, seed)
            found = replace(found, value=0.0)
        answer = found
        if name == "who":
            _draw_among_equals(compiled, answer, names[:at])
        results.append(StageResult(name, answer.value, answer.bound))
        lose = 0.0
        if name == "outcome":
            lose = float(aims.stage("outcome").options["may_lose"])  # type: ignore[union-attr]
        if at < len(names) - 1 and name != "who":
            least = _held(answer.value, lose)
            program.hold(value, least)
            held.append(Held(asked, least))
        if name == settles:
            program.place_only(answer.chosen)
    if answer is None:
        answer = _answer(compiled, np.full(model.units, -1))
    proposal = Proposal(
        compiled, seed, "optimal", answer.chosen, _met(compiled, answer.chosen), results
    )
    if prices is not None:
        proposal.price, proposal.fewer, proposal.more = prices.row, prices.fewer, prices.more
    proposal.outcome_price = outcome_price
    if aims.floors:
        by_clock |= not _price_floors(proposal, clock)
    _state(proposal, gap, by_clock)
    return proposal


def _answer(compiled: Compiled, chosen: IntArray) -> Answer:
    """A choice as an answer to begin with."""
    return Answer(True, 0.0, np.inf, chosen, _met(compiled, chosen))


def _draw_among_equals(compiled: Compiled, answer: Answer, above: list[str]) -> None:
    """Let the draw decide to the last case; linked cases stay as togetherness has them."""
    model, must = compiled.model, compiled.must
    ticket = np.where(must, np.inf, compiled.ticket)
    answer.chosen = follow_draw(
        model, answer.chosen, ticket, _equal(compiled, above), compiled.linked
    )
    answer.value = float((compiled.ticket * model.size)[answer.chosen >= 0].sum())
    answer.bound = max(answer.bound, answer.value)


def _whole_place(program: Program, value: FloatArray, prices: Prices, clock: Clock) -> bool:
    """Where a price holds for less than one place, ask what one whole place more brings; False
    when time ended first."""
    limit = program.model.limit
    for r in np.flatnonzero((prices.row > 1e-9) & (prices.more < 1)):
        program.set_limit(int(r), float(limit[r]) + 1)
        more = program.relax(value, seconds=clock.left())
        program.set_limit(int(r), float(limit[r]))
        if more is None:
            return False
        prices.row[r] = max(0.0, more.value - prices.value)
        prices.more[r] = 1.0
    return True


def _met(compiled: Compiled, chosen: IntArray) -> BoolArray:
    """Pledges whose condition the proposal meets."""
    model = compiled.model
    use = model.usage(chosen)
    met = np.zeros(model.pledges, bool)
    for k in range(model.pledges):
        asks = (model.pledge_of == k) & (model.pledge_coef > 0)
        rows = model.pledge_row[asks]
        met[k] = bool(np.all(use[rows] + model.pledge_coef[asks] <= model.limit[rows] + 1e-6))
    return met


def _state(proposal: Proposal, gap: float, by_clock: bool) -> None:
    proven = [s.gap for s in proposal.stages if s.name in PROVEN]
    proposal.gap = max(proven, default=0.0)
    if by_clock:
        proposal.state = "time_limit"
    elif proposal.gap <= 1e-6:
        proposal.state = "optimal"
    elif proposal.gap <= gap:
        proposal.state = "within_gap"
    else:
        proposal.state = "time_limit"


def _price_floors(proposal: Proposal, clock: Clock) -> bool:
    """What each floor costs in protection-weighted persons: solved with and without it. False when
    time ended a solution first."""
    compiled = proposal.compiled
    value = next((s.value for s in proposal.stages if s.name == "protection"), None)
    if value is None:
        return True
    names, _ = compiled.aims.order()
    before = names[: names.index("protection") + 1]
    in_time = True
    for floor in compiled.aims.floors:
        others = tuple(f for f in compiled.aims.floors if f is not floor)
        aims = replace(
            compiled.aims, floors=others,
            stages=tuple(s for s in compiled.aims.stages if s.name in before),
        )  # fmt: skip
        without = propose(
            compiled.tables, aims, seed=proposal.seed, seconds=max(1.0, clock.left())
        )
        in_time &= without.state != "time_limit"
        best = next((s.value for s in without.stages if s.name == "protection"), value)
        proposal.floors.append(
            {
                "floor": floor.name,
                "share": floor.share,
                "price": round(max(0.0, best - value), 6),
            }
        )
    return in_time


def _large(
    compiled: Compiled, seed: int, gap: float, seconds: float, start: IntArray | None
) -> Proposal:
    """Above a few thousand units: who by prices, then where with who held."""
    from onward.placement.large import solve_large

    model = compiled.model
    # values of half the width where there are millions of them
    width = np.float32 if model.columns > HALF_WIDTH else np.float64
    weight = compiled.column_weight
    protection = (
        Counted(model, unit=compiled.weight, dtype=width)
        if weight is None
        else Counted(model, column=weight, dtype=width)
    )
    first = compiled.aims.stage("emergencies")
    emergencies = None
    if first:
        later = np.power(float(first.options["later_window_counts"]), model.slot_order)
        emergencies = Counted(model, unit=compiled.emergency, slot=later, dtype=width)
    together = compiled.aims.stage("together")
    outcome = compiled.aims.stage("outcome")
    keep = compiled.aims.stage("keep") and compiled.kept.any()
    found = solve_large(
        model,
        emergencies=emergencies,
        protection=protection,
        ticket=compiled.ticket,
        equal=_equal(compiled, ["emergencies", "protection"]),
        outcome=np.asarray(compiled.outcome, width) if outcome else None,
        kept=np.asarray(compiled.kept, width) if keep else None,
        same_window=float(together.options["same_window"]) if together else 0.0,
        same_country=float(together.options["same_country"]) if together else 0.0,
        may_lose=float(outcome.options["may_lose"]) if outcome else 0.0,
        must=compiled.must,
        start=start,
        gap=gap,
        seconds=seconds,
        seed=seed,
    )
    names = compiled.aims.names
    stages = [StageResult(*stage) for stage in found.stages if stage[0] in names]
    if "lottery" in names:
        tickets = compiled.column_ticket
        drawn = float(tickets[found.chosen[found.chosen >= 0]].sum()) if len(tickets) else 0.0
        stages.append(StageResult("lottery", drawn, np.nan, "not asked of so many cases"))
    proposal = Proposal(
        compiled, seed, "optimal", found.chosen, _met(compiled, found.chosen), stages
    )
    proposal.price, proposal.outcome_price = found.price, found.outcome_price
    _state(proposal, gap, found.by_clock)
    return proposal
