"""How fast people move, as laws: rates, shared shocks, and how they answer what they see.

Comes in: fitted rates and what the log has taught about behaviour. Goes out: a law per move and
stratum, the shocks ahead, and the factors of deadline, news, leadership and incidents, each with a
sentence that says what was assumed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace

from onward.forecast.building.parts import Parts
from onward.forecast.learning.behaviour import NEWS_HALF, NEWS_LAG_DAYS, STOPS, Learnt
from onward.forecast.learning.edges import Edge, is_step, takes_one, willed
from onward.forecast.learning.estimate import LEAST_SHAPE, UNSEEN_DAYS
from onward.forecast.learning.record import SAFE
from onward.forecast.simulator.draws import Discrete, Gamma, Lognormal, Normal
from onward.forecast.simulator.model import (
    FOREVER,
    Approach,
    Effect,
    Feedback,
    Gate,
    Number,
    Shock,
)

LUCK, LEVEL = "shared shocks", "how lucky the past was"
DEADLINE, NEWS, HOLD, STOP = "deadline draws near", "news", "hold", "an incident"
DEADLINE_SCALE_DAYS = 60.0
# With more strata than this, none is a group with a leadership of its own.
MOST_GROUPS = 12


def marginal(learnt: Learnt, name: str) -> Discrete:
    """One parameter of behaviour by itself, as a law: what a scenario may hold otherwise."""
    import numpy as np

    column = learnt.joint.values[:, learnt.joint.names.index(name)]
    values = np.quantile(column, (np.arange(40) + 0.5) / 40)
    return Discrete(tuple(float(v) for v in values), (1.0,) * 40)


class Pace(Parts):
    """Rates, shocks and behaviour."""

    def _rates(self, edges: Sequence[Edge]) -> None:
        """A law per move and stratum.

        A step of the procedure that the log has not seen anywhere yet may be as fast as any
        other step. A change of mind, a recorded event or a step seen only from elsewhere has
        had its chance to be seen: half an event in ten years, shared by all such ways out. A move
        that other operations tell of goes by them.
        """
        borrowed = self.rates.borrowed
        moves = self.rulebook.moves()
        begun = {moves[edge.move].transition for edge in edges if edge.people}
        ways_out: dict[str, int] = {}
        for edge in edges:
            ways_out[edge.source] = ways_out.get(edge.source, 0) + 1
        for index, edge in enumerate(edges):
            move = moves[edge.move]
            step = self.rulebook.transitions[move.transition]
            new = (
                step.name not in begun
                and is_step(self.rulebook, edge.move)
                and edge.name in self.nearer
            )
            lent = borrowed is not None and index in borrowed.laws
            for place, stratum in enumerate(self.strata):
                law = self.rates.posteriors[index][place]
                if not takes_one(self.rulebook, edge):
                    law = self.rates.apart_from_level(index, place)
                if not edge.people and not new and not lent:
                    law = Gamma(
                        LEAST_SHAPE / ways_out[edge.source],
                        law.exposure + LEAST_SHAPE * UNSEEN_DAYS,
                    )
                if edge.move in self.movements and edge.move not in self.rates.movements:
                    # So far people left on any day: those of the days between go together.
                    law = replace(law, scale=self.movements[edge.move].usual)
                elif self._queued(edge) or self._sieved(edge):
                    law = replace(law, scale=self.rates.shapes[edge.source].scale)
                self._law(f"rate {edge.name} [{stratum}]", law, "rates")
            if not edge.people and new:
                as_fast = (
                    "its pace is that of other operations, give or take how far operations differ"
                    if lent
                    else "it may be about as fast as other steps here, or much slower"
                )
                self.assumptions.append(
                    f"{move.key} ({step.title.lower()}) from {edge.source} has not been seen yet; "
                    f"{as_fast}."
                )
        if borrowed is not None:
            self.assumptions.append(borrowed.said(len(edges)))

    def _luck(self) -> None:
        """Shared shocks ahead, and how lucky the past was: the same doubt seen from both sides.

        Rates were read at the past's level. Where that level was lucky, today is as lucky still
        and only slowly becomes ordinary, so one draw sets the level and where the shocks start.
        """
        level, sd = self.rates.shock_now
        size = max(self.rates.shock_sd, 0.05)
        self._law("shock now", Normal(level, sd), "shocks")
        self._law(
            "luck of the past", Lognormal(1.0, math.sqrt(self.rates.level_variance)), "shocks"
        )
        self.sources["shock start"] = "shocks"
        self.factors.append(
            Shock(
                LUCK,
                self._law("shock size", Lognormal(size, self.rates.shock_log_sd), "shocks"),
                self.rates.memory_days,
                "shock start",
            )
        )
        self.factors.append(Effect(LEVEL, "luck of the past"))
        self.assumptions.append(
            f"Good and bad months move every pathway together: about {size:.0%} up or down, "
            f"lasting some {self.rates.memory_days:.0f} days. Read from the log."
        )

    def _assumed(self, term: str) -> str:
        """The parameter of a behaviour term; its joint values are drawn by `Inputs.draws`."""
        assert self.rates.learnt is not None
        return self._law(term, marginal(self.rates.learnt, term), "behaviour")

    def _said(self, term: str) -> None:
        assert self.rates.learnt is not None
        self.assumptions.append(self.rates.learnt.said[term])

    def _deadline(self, deadline: dt.date) -> None:
        days = float((deadline - self.as_of).days) - 1
        self.factors.append(
            Approach(DEADLINE, self._assumed("deadline strength"), days, DEADLINE_SCALE_DAYS)
        )
        self._said("deadline")

    def _answers(self) -> None:
        """News, leadership and incidents act on those who have not chosen a way yet."""
        learnt = self.rates.learnt
        choosing = [
            edge for edge in self.edges
            if edge.source in self.undecided and willed(self.rulebook, edge)
            and not takes_one(self.rulebook, edge)
        ]  # fmt: skip
        if learnt is None or not choosing:
            return
        before = len(self.factors)
        states = self.rulebook.forecast_states
        safe = [name for name, state in states.items() if state.gone in SAFE]
        if self.behaviour.news:
            self._assumed("news strength")
            self.sources["news so far"] = "behaviour"
            self.factors += [
                Feedback(
                    NEWS, safe, "saturating", a="news strength", b=NEWS_HALF,
                    lag_days=NEWS_LAG_DAYS, before=float(learnt.past.safe[-1]),
                ),
                Effect("news by now", "news so far"),
            ]  # fmt: skip
            self._said("news")
        if self.behaviour.leadership and len(self.strata) <= MOST_GROUPS:
            self._assumed("hold strength")
            self.sources["hold"] = "behaviour"
            here = [name for name, state in states.items() if not state.gone]
            for stratum in self.strata:
                if stratum not in learnt.groups:
                    continue
                self.sources[f"hold so far [{stratum}]"] = "behaviour"
                self.factors += [
                    Feedback(
                        f"{HOLD} [{stratum}]", list(self.undecided), "exponential", a="hold",
                        strata=[stratum], of_states=here, of_strata=[stratum],
                        on_strata=[stratum],
                    ),
                    Effect(
                        f"{HOLD} by now [{stratum}]", f"hold so far [{stratum}]",
                        on_strata=[stratum],
                    ),
                ]  # fmt: skip
            self._said("leadership")
        if self.behaviour.incident:
            windows: list[tuple[Number, Number]] = [
                (self._assumed(f"stop {n} from"), self._assumed(f"stop {n} until"))
                for n in range(1, STOPS + 1)
            ]
            if learnt.past.stopped_now:
                windows.append((-FOREVER, self._assumed("stop 0 until")))
            self.factors += [Gate(STOP, windows, closed=True)]
            self._said("incident")
        names = [factor.id for factor in self.factors[before:]]
        self._answering = {edge.name: names for edge in choosing}
