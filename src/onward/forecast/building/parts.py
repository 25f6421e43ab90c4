"""What the parts of a model share while it is put together: laws, columns, factors, words.

Exists so that each part (paces and behaviour, the plan, the transitions) reads by itself. Comes in:
the moves, fitted rates and dates. Goes out, bit by bit: named laws and columns with what they are
about, factors with the moves they act on, what was assumed and what was left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from onward.forecast.learning.behaviour import Behaviour
from onward.forecast.learning.edges import Edge, is_step, leading
from onward.forecast.learning.estimate import Rates
from onward.forecast.learning.movements import Seats
from onward.forecast.learning.shapes import PLAIN
from onward.forecast.simulator.draws import Distribution
from onward.forecast.simulator.model import Factor, Number, State, Supply
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.plan.effects import PlanEffect

    FloatArray: TypeAlias = npt.NDArray[np.float64]


class Parts:
    """Collects laws, factors and words; what of it means what is said by the parts."""

    def __init__(
        self, rulebook: Rulebook, edges: Sequence[Edge], rates: Rates, strata: Sequence[str],
        as_of: dt.date, deadline: dt.date | None, behaviour: Behaviour,
        undecided: Sequence[str],
    ) -> None:  # fmt: skip
        self.behaviour, self.undecided = behaviour, tuple(undecided)
        self.rulebook, self.edges, self.rates, self.strata = rulebook, edges, rates, strata
        self.laws: dict[str, Distribution] = {}
        self.columns: dict[str, FloatArray] = {}
        self.sources: dict[str, str] = {}
        self.factors: list[Factor] = []
        self.assumptions: list[str] = []
        self.left_out: list[str] = []
        self._on_move: dict[str, list[str]] = {}
        self._supplies: dict[str, list[tuple[Supply, int | None, str]]] = {}
        self._waiting: list[PlanEffect] = []
        self._answering: dict[str, list[str]] = {}
        self._gates: dict[str, dict[str, list[tuple[Number, Number]]]] = {}
        self.as_of = as_of
        self.horizon = max((deadline - as_of).days, 1) if deadline is not None else 400
        self.nearer = leading(rulebook, edges)
        self.movements = dict(rates.movements)
        self.departs: dict[str, FloatArray] = {}
        self.seats: dict[str, Seats] = {}

    def _law(self, name: str, law: Distribution, source: str) -> str:
        self.laws[name] = law
        self.sources[name] = source
        return name

    def _column(self, name: str, values: FloatArray, source: str = "plan dates") -> str:
        self.columns[name] = values
        self.sources[name] = source
        return name

    def _attach(self, factor: str, moves: Sequence[str]) -> None:
        for move in moves:
            self._on_move.setdefault(move, []).append(factor)

    def _consumers(self, *pools: str) -> tuple[str, ...]:
        """The moves that draw on these capacities."""
        return tuple(
            move.key
            for move in self.rulebook.moves().values()
            if self.rulebook.transitions[move.transition].consumes in pools
        )

    def _leave(self, effect: PlanEffect, why: str) -> None:
        self.left_out.append(f"{effect.source}: {why}")

    def state(self, name: str, *, present: bool) -> State:
        """A state with the shape its waits have shown."""
        shape = self.rates.shapes.get(name, PLAIN)
        leaving = [edge for edge in self.edges if edge.source == name]
        if any(self._queued(edge) for edge in leaving):
            return State(name, present, shape.stages, shape.start)
        if any(self._sieved(edge) for edge in leaving):
            return State(name, present, 1, shape.start, shape.ages)
        return State(name, present)

    def _queued(self, edge: Edge) -> bool:
        """Whether the stages of its state lead to this move."""
        shape = self.rates.shapes.get(edge.source, PLAIN)
        return shape.stages > 1 and self._own_pace(edge) and is_step(self.rulebook, edge.move)

    def _sieved(self, edge: Edge) -> bool:
        """Whether the move goes slower for those who have waited."""
        return bool(self.rates.shapes.get(edge.source, PLAIN).ages) and self._own_pace(edge)

    def _own_pace(self, edge: Edge) -> bool:
        """A move of a whole unit whose pace is not that of a capacity or of a convoy."""
        return (
            edge.source,
            edge.move,
        ) in self.rates.own_pace and edge.move not in self.movements
