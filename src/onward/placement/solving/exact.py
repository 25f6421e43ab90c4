"""The aims in order, each an integer program over every choice, proven and held for those after.

In: `Compiled`, the gap wanted and the time there is. Out: a `Proposal`. What one aim may look at
is counted, so that the clock decides nothing before it ends an aim, and the state says so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from onward.placement.problem.compiling import Compiled, stage_values
from onward.placement.problem.model import AnyArray, FloatArray, IntArray
from onward.placement.solving.conflicts import smallest_conflict
from onward.placement.solving.draw import equals, follow_draw
from onward.placement.solving.last_week import Held, LastWeek
from onward.placement.solving.one_more import OneMore, Rises, worth_of_one_more
from onward.placement.solving.programs.program import Answer, Clock, Prices, Program
from onward.placement.solving.proposal import Proposal, StageResult, pledges_met

# What one stage may look at: so many choices, once for each node of its search. It is counted and
# not timed, so that the clock decides nothing before it ends a stage, and the state says so.
EFFORT = 4_000_000
LEAST_NODES = 200


class _Impossible(Exception):
    """No choice keeps every lock and floor."""


def exact(compiled: Compiled, seed: int, gap: float, clock: Clock) -> Proposal:
    """The proposal of one integer program for each aim."""
    search = _Search(compiled, gap, clock)
    try:
        prices = search.prices()
        search.all_aims()
    except _Impossible:
        return infeasible(compiled, seed)
    chosen = search.answer.chosen if search.answer else np.full(compiled.model.units, -1)
    proposal = Proposal(
        compiled, seed, "optimal", chosen, pledges_met(compiled, chosen), search.results
    )
    if prices is not None:
        proposal.price, proposal.one_more = prices.row, search.one_more
    proposal.outcome_price = search.outcome_price
    proposal.settle_state(gap, search.by_clock)
    return proposal


def infeasible(compiled: Compiled, seed: int) -> Proposal:
    """No proposal, and what cannot hold together."""
    none = np.full(compiled.model.units, -1)
    shut = np.zeros(compiled.model.pledges, bool)
    return Proposal(
        compiled, seed, "infeasible", none, shut, conflict=smallest_conflict(compiled)
    )


def equal_units(compiled: Compiled, above: list[str]) -> IntArray:
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


class _Search:
    """What the search through the aims has so far.

    answer: the choice in hand; held: the aims it may not lose; results: what was told of each;
    by_clock: whether time ended any of them."""

    def __init__(self, compiled: Compiled, gap: float, clock: Clock) -> None:
        self.compiled, self.model, self.gap, self.clock = compiled, compiled.model, gap, clock
        together = compiled.aims.stage("together")
        options = together.options if together else {"same_window": 0.0, "same_country": 0.0}
        self.program = Program(
            self.model,
            same_window=float(options["same_window"]),
            same_country=float(options["same_country"]),
            grouped=together is not None,
        )
        self.program.must_place(np.flatnonzero(compiled.must))
        self.last_week = LastWeek(compiled)
        self.held: list[Held] = []
        self.results: list[StageResult] = []
        self.answer: Answer | None = None
        self.outcome_price: FloatArray | None = None
        self.one_more: OneMore | None = None
        self.by_clock = False
        self.nodes = max(LEAST_NODES, EFFORT // max(1, self.model.columns))
        self.names, self.settles = compiled.aims.order()
        if self.model.columns == 0:
            self.results = [StageResult(name, 0.0, 0.0) for name in self.names]
            self.names = []

    def counts(self, name: str) -> FloatArray:
        """What an aim counts, per column."""
        columns = np.arange(self.model.columns)
        return stage_values(self.compiled, name, self.program.unit, columns)

    def prices(self) -> Prices | None:
        """Prices of protection, or of the first aim where that is not asked; None without any."""
        if not self.names:
            return None
        main = "protection" if "protection" in self.names else self.names[0]
        value = self.counts(main)
        prices = self.program.relax(value, seconds=self.clock.left(), ranges=True)
        if prices is None and self.clock.left() > 0:
            raise _Impossible
        self.by_clock = prices is None
        if prices is not None:
            self.one_more, in_time = worth_of_one_more(
                self.compiled, prices, lambda rises: self._value_with(value, rises)
            )
            self.by_clock = not in_time
        return prices

    def _value_with(self, value: FloatArray, rises: Rises) -> float | None:
        """The value of the linear program with limits that rise; None where time ended."""
        limit = self.model.limit
        for r, by in rises.items():
            self.program.set_limit(r, float(limit[r]) + by)
        found = self.program.relax(value, seconds=self.clock.left())
        for r in rises:
            self.program.set_limit(r, float(limit[r]))
        return None if found is None else found.value

    def all_aims(self) -> None:
        """Every aim in order."""
        begun = self.last_week.begin()
        self.answer = None if begun is None else self._as_answer(begun)
        for at, name in enumerate(self.names):
            self._aim(at, name)

    def _aim(self, at: int, name: str) -> None:
        """One aim: begun with what is in hand, solved, told, and held."""
        program, last = self.program, at == len(self.names) - 1
        counts = self.counts(name)
        value = program.together if name == "together" else counts
        if not np.any(value) and name != self.settles and (self.answer is not None or not last):
            self.results.append(StageResult(name, 0.0, 0.0))
            return
        if name == "outcome" and at:
            relaxed = program.relax(value, seconds=self.clock.left())
            self.outcome_price = relaxed.row if relaxed else None
            self.by_clock |= relaxed is None
        asked = None if name == "together" else counts
        if self.answer is not None and self.last_week.before.any():
            self.answer = self._as_answer(self._with_last_week(self.answer.chosen, at, asked))
            if name == "who":
                self._last_week_first(last)
        answer = self._best(name, value, last)
        self.answer = answer
        if name == "who":
            _draw_among_equals(self.compiled, answer, self.names[:at])
        self.results.append(StageResult(name, answer.value, answer.bound))
        if not last and name != "who":
            outcome = self.compiled.aims.stage("outcome")
            lose = float(outcome.options["may_lose"]) if name == "outcome" and outcome else 0.0
            least = _held(answer.value, lose)
            program.hold(value, least)
            self.held.append(Held(asked, least))
        if name == self.settles:
            program.place_only(answer.chosen)

    def _with_last_week(self, chosen: IntArray, at: int, asked: FloatArray | None) -> IntArray:
        """The choice in hand with more of last week in it, at no cost to what is held."""
        if self.settles and self.settles in self.names[:at]:
            counts = self.counts(self.names[at]) if asked is None else asked
            return self.last_week.back(chosen, self.held, counts)
        return self.last_week.let_in(chosen, self.held, asked)

    def _last_week_first(self, last: bool) -> None:
        """Whoever had a place last week comes before any draw."""
        assert self.answer is not None
        stay = (self.last_week.before * self.model.size)[self.program.unit].astype(float)
        if self.last_week.lost(self.answer.chosen):
            found = self._solve("who", stay, last)
            if found.feasible:
                self.answer = found
                self.by_clock |= found.by_clock
        self.program.hold(stay, _held(self.last_week.worth(stay, self.answer.chosen)))

    def _best(self, name: str, value: AnyArray, last: bool) -> Answer:
        """The best of an aim; raises `_Impossible` where locks or floors allow none."""
        found = self._solve(name, value, last)
        self.by_clock |= found.by_clock
        if not found.feasible:
            if self.answer is None:
                raise _Impossible
            raise AssertionError("a held stage became impossible")
        if np.isfinite(found.value):
            return found
        if self.compiled.must.any() or self.compiled.aims.floors:
            raise _Impossible
        return replace(found, value=0.0)

    def _solve(self, name: str, value: AnyArray, last: bool) -> Answer:
        """The best of a value, after what is counted; the clock leaves half to later aims."""
        start = self.answer
        found = self.program.solve(
            value, gap=self.gap / 10 if name != "lottery" else 0.01,
            seconds=self.clock.left() / (1 if last else 2), start=start,
            nodes=self.nodes if name != "lottery" else LEAST_NODES, tight=True,
        )  # fmt: skip
        if found.feasible and not np.isfinite(found.value) and start is not None:
            # stopped before any choice was found: what was there before still stands
            got = self.last_week.worth(
                None if value is self.program.together else value, start.chosen
            )
            return replace(found, value=got, chosen=start.chosen, pledges=start.pledges)
        return found

    def _as_answer(self, chosen: IntArray) -> Answer:
        """A choice as an answer to begin with."""
        return Answer(True, 0.0, np.inf, chosen, pledges_met(self.compiled, chosen))


def _draw_among_equals(compiled: Compiled, answer: Answer, above: list[str]) -> None:
    """Let the draw decide to the last case; linked cases stay as togetherness has them."""
    model, must = compiled.model, compiled.must
    ticket = np.where(must, np.inf, compiled.ticket)
    answer.chosen = follow_draw(
        model, answer.chosen, ticket, equal_units(compiled, above), compiled.linked
    )
    answer.value = float((compiled.ticket * model.size)[answer.chosen >= 0].sum())
    answer.bound = max(answer.bound, answer.value)
