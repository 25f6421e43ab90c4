"""Puts a model together: laws, factors, pools, pledges, arrivals and births, transitions.

Comes in: the moves, fitted rates and the plan's effects. Goes out, bit by bit, what
`onward.forecast.inputs.build` makes a `Model` of, and in words what was assumed on the way and what
of the plan could not be simulated.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from onward.forecast.behaviour import NEWS_HALF, NEWS_LAG_DAYS, STOPS, Behaviour, Learnt
from onward.forecast.draws import Discrete, Distribution, Gamma, Lognormal, Normal
from onward.forecast.edges import Edge, is_step, leading, one_country, takes_one, willed
from onward.forecast.estimate import LEAST_SHAPE, UNSEEN_DAYS, Rates
from onward.forecast.model import (
    FOREVER,
    Approach,
    Arrival,
    Capacity,
    Effect,
    Factor,
    Feedback,
    Gate,
    Number,
    Pledge,
    Shock,
    State,
    Supply,
    Transition,
)
from onward.forecast.movements import NAMED, USUAL_GAP_DAYS, Movement, Seats
from onward.forecast.record import SAFE, stratum_name
from onward.forecast.shapes import PLAIN
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from onward.plan.effects import PlanEffect, PlanEffects

    FloatArray: TypeAlias = npt.NDArray[np.float64]

LUCK, LEVEL = "shared shocks", "how lucky the past was"
DEADLINE, NEWS, HOLD, STOP = "deadline draws near", "news", "hold", "an incident"
DEADLINE_SCALE_DAYS = 60.0
# How many more people were ready than a short capacity could take, nobody counted: half as many
# again in the middle case.
UNMET = Lognormal(1.5, 0.4)
# An incident of this share of the log shows in how long people have waited.
STOPPED = 0.03
# With more strata than this, none is a group with a leadership of its own.
MOST_GROUPS = 12


def marginal(learnt: Learnt, name: str) -> Discrete:
    """One parameter of behaviour by itself, as a law: what a scenario may hold otherwise."""
    import numpy as np

    column = learnt.joint.values[:, learnt.joint.names.index(name)]
    values = np.quantile(column, (np.arange(40) + 0.5) / 40)
    return Discrete(tuple(float(v) for v in values), (1.0,) * 40)


def occupied_states(
    start: Mapping[tuple[str, str, int], int],
    transitions: Sequence[Transition],
    arrivals: Sequence[Arrival],
) -> set[str]:
    """States somebody is in or can come to: the others cost time and say nothing."""
    found = {state for (state, *_), units in start.items() if units}
    found |= {one.state for one in arrivals}
    while True:
        more = {one.target for one in transitions if one.source in found} - found
        if not more:
            return found
        found |= more


class ModelBuilder:
    """Collects factors, pools and laws while the parts of a model are put together."""

    def __init__(
        self, rulebook: Rulebook, edges: Sequence[Edge], rates: Rates, strata: Sequence[str],
        as_of: dt.date, deadline: dt.date | None, behaviour: Behaviour,
        undecided: Sequence[str], effects: PlanEffects | None = None,
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
        self._waiting: list[tuple[PlanEffect, int]] = []
        self._answering: dict[str, list[str]] = {}
        self._gates: dict[str, dict[str, list[tuple[Number, Number]]]] = {}
        self.as_of = as_of
        self.horizon = max((deadline - as_of).days, 1) if deadline is not None else 400
        self.nearer = leading(rulebook, edges)
        self.movements = dict(rates.movements)
        self.departs: dict[str, FloatArray] = {}
        self.seats: dict[str, Seats] = {}
        self._declared(effects)
        self._rates(edges)
        self._luck()
        if behaviour.deadline and deadline is not None and deadline > as_of:
            self._deadline(deadline)
        self._answers()
        self._days()

    def _law(self, name: str, law: Distribution, source: str) -> str:
        self.laws[name] = law
        self.sources[name] = source
        return name

    def _column(self, name: str, values: FloatArray, source: str = "plan dates") -> str:
        self.columns[name] = values
        self.sources[name] = source
        return name

    def _rates(self, edges: Sequence[Edge]) -> None:
        """A law per move and stratum.

        A step of the procedure that the log has not seen anywhere yet may be as fast as any
        other step. A change of mind, a recorded event or a step seen only from elsewhere has
        had its chance to be seen: half an event in ten years, shared by all such ways out.
        """
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
            for place, stratum in enumerate(self.strata):
                law = self.rates.posteriors[index][place]
                if not takes_one(self.rulebook, edge):
                    law = self.rates.apart_from_level(index, place)
                if not edge.people and not new:
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
                self.assumptions.append(
                    f"{move.key} ({step.title.lower()}) from {edge.source} has not been seen yet; "
                    "it may be about as fast as other steps here, or much slower."
                )

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

    def _declared(self, effects: PlanEffects | None) -> None:
        """Days of convoys and flights that the plan names, for moves that draw on the capacity."""
        import numpy as np

        known = {edge.move for edge in self.edges}
        for pool, days in (effects.draws.departs if effects is not None else {}).items():
            gaps = np.diff(np.median(days, axis=0))
            windows = [
                float(effect.window_days)
                for effect in (effects.effects if effects is not None else ())
                if effect.kind == "cap" and pool in effect.targets and effect.window_days
            ]
            usual = (
                float(np.median(gaps)) if len(gaps) else max(windows, default=USUAL_GAP_DAYS)
            )
            for move in self._consumers(pool):
                if move in known:
                    one = self.movements.get(move, Movement(move, (), max(usual, 1.0)))
                    self.movements[move] = replace(one, declared=days.shape[1])
                    self.departs[move] = days - 1

    def _days(self) -> None:
        """Convoys and flights: open on their days only."""
        moves = self.rulebook.moves()
        for move, one in self.movements.items():
            names = one.columns(self.horizon)
            for name in (*names, *(f"{name} over" for name in names)):
                self.sources[name] = "plan dates"
            gate = f"{NAMED}{move}"
            self.factors.append(Gate(gate, [(name, f"{name} over") for name in names]))
            self._attach(gate, (move,))
            title = self.rulebook.transitions[moves[move].transition].title.lower()
            often = f"about every {one.usual:.0f} days" if one.gaps else "once so far"
            seen = "not yet seen in the log"
            if one.days:
                last = self.as_of + dt.timedelta(days=one.days[-1])
                seen = f"{often}, last on {last.day} {last:%B %Y}"
            then = "The next days are drawn from the gaps between past ones."
            if one.declared:
                then = (
                    f"The next {one.declared} are the plan's; later ones are drawn from the gaps "
                    "between past ones."
                )
            self.assumptions.append(f"{move} ({title}) happens on certain days: {seen}. {then}")

    def occupied_factors(self, occupied: set[str]) -> list[Factor]:
        """Feedbacks look only at states the model has."""
        found: list[Factor] = []
        for factor in self.factors:
            if isinstance(factor, Feedback):
                factor = replace(
                    factor,
                    states=[name for name in factor.states if name in occupied],
                    of_states=[name for name in factor.of_states if name in occupied],
                )
            found.append(factor)
        return found

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

    # -- what the counts and the log hold beyond the map

    def lost(
        self,
        counts: pa.Table,
        seen: Mapping[tuple[str, str, str], int],
        edges: Sequence[Edge],
    ) -> None:
        """Say who is not in the model, so that nobody drops out unseen."""
        nowhere = sum(
            int(row["people"]) for row in counts.to_pylist() if row["forecast_state"] is None
        )
        if nowhere:
            self.left_out.append(
                f"{nowhere} people stand in no state the rulebook's forecast knows; they are "
                "not counted"
            )
        known = {(edge.source, edge.move, edge.target) for edge in edges}
        other = {
            key: people
            for key, people in seen.items()
            if people and key[0] != key[2] and key not in known
        }
        for (source, move, target), people in sorted(other.items()):
            where = target or "no state of the forecast"
            self.left_out.append(
                f"{people} went from {source} to {where} by {move}, which the rulebook does not "
                "lead to from there; nobody does so again in the forecast"
            )

    def arrivals(
        self, rows: Sequence[Mapping[str, Any]], start: Mapping[tuple[str, str, int], int],
        births: int = 0,
    ) -> list[Arrival]:  # fmt: skip
        """People who came after the first registration, at the pace they came, one by one;
        children born here are left out of them."""
        columns = self.rulebook.forecast_strata
        periods = sorted({(row["period_start"], row["period_days"]) for row in rows})[1:]
        days = float(sum(length for _, length in periods))
        if not days:
            return []
        later = {first for first, _ in periods}
        came: dict[tuple[str, str], int] = {}
        here: dict[str, int] = {}
        for (_, stratum, size), units in start.items():
            here[stratum] = here.get(stratum, 0) + units * size
        largest = max(here, key=lambda name: (here[name], name), default=self.strata[0])
        for row in rows:
            new = row["forecast_state"] is None and row["move"] is not None
            if new and row["period_start"] in later and row["to_state"]:
                stratum = stratum_name(row, columns)
                if stratum not in self.strata:
                    stratum = largest
                key = (row["to_state"], stratum)
                came[key] = came.get(key, 0) + int(row["transitions"])
        made = []
        for (state, stratum), people in sorted(came.items()):
            if self.rulebook.forecast_states[state].gone or not people:
                continue
            name = f"arrivals to {state} [{stratum}]"
            came_in = people * max(1 - births / sum(came.values()), 0.0)
            self._law(name, Gamma(came_in + LEAST_SHAPE, days), "rates")
            made.append(Arrival(name, state, stratum, 1, name))
        if made:
            pace = max(sum(came.values()) - births, 0) / days * 30
            self.assumptions.append(
                f"People keep arriving as they did after the first registration: about "
                f"{pace:.1f} a month, one by one."
                if pace >= 0.05
                else "All who were registered later were born here; that anybody else arrives is "
                "possible and rare."
            )
        return made

    def births(self, rows: Sequence[Mapping[str, Any]], births: int) -> list[Transition]:
        """Children join the family they are born into, in whatever state it stands."""
        states = self.rulebook.forecast_states
        periods = sorted({row["period_start"] for row in rows})[1:]
        later, days = set(periods), 0.0
        for row in rows:
            state = row["forecast_state"]
            if row["move"] is None and state is not None and row["period_start"] in later:
                days += 0.0 if states[state].gone else row["person_days"]
        if not births or not days:
            return []
        self._law("births", Gamma(births + LEAST_SHAPE, days), "rates")
        self.assumptions.append(
            f"Children are born into the families here at the pace of the log ({births} so far) "
            "and leave with them."
        )
        return [
            Transition(f"birth in {name}", name, name, "births", size_change=1)
            for name, state in states.items()
            if not state.gone
        ]

    # -- the plan

    def add(self, effect: PlanEffect, seen: Mapping[tuple[str, str, str], int]) -> None:
        """Take one effect of the plan, or say why it is left out.

        seen  (from state, move, to state) -> people who made it
        """
        if effect.target_kind == "finding":
            self._leave(effect, "changes a safeguard's finding; its pace is in the log's rates")
            return
        if effect.target_kind == "transition":
            known = {edge.move for edge in self.edges}
            if not known & set(effect.targets):
                if all(
                    self.rulebook.moves()[key].pathway == "handover" for key in effect.targets
                ):
                    self._leave(effect, "concerns hand-over, which nobody has begun")
                elif effect.targets:
                    self._leave(effect, f"no one can come to {', '.join(effect.targets)}")
                return
            if effect.destination and not one_country(self.rulebook, effect.targets):
                self._leave(effect, f"one destination only ({effect.destination})")
                return
            self._not_everyone(effect)
            if effect.kind == "gate":
                self._gate(effect)
            else:
                self._speed(effect, effect.targets)
        elif effect.kind == "cap":
            self._supply(effect, seen)
        else:
            self._speed(effect, self._consumers(*effect.targets))

    def _consumers(self, *pools: str) -> tuple[str, ...]:
        """The moves that draw on these capacities."""
        return tuple(
            move.key
            for move in self.rulebook.moves().values()
            if self.rulebook.transitions[move.transition].consumes in pools
        )

    def _leave(self, effect: PlanEffect, why: str) -> None:
        self.left_out.append(f"{effect.source}: {why}")

    def _not_everyone(self, effect: PlanEffect) -> None:
        """A condition on people that the model does not tell apart is said, not dropped."""
        limits = []
        if not effect.who.everyone:
            limits.append(str(effect.who))
        if effect.families_only:
            limits.append("families")
        for column, values in (effect.conditions or {}).items():
            words = " or ".join(value.replace("_", " ") for value in values)
            limits.append(f"{column.replace('_', ' ')} {words}")
        if limits:
            what = (
                "its places are counted as open to" if effect.kind == "cap" else "taken as for"
            )
            self._leave(effect, f"only for {'; '.join(limits)}; {what} everybody waiting")

    def _window(self, effect: PlanEffect) -> tuple[str, str]:
        """The columns of its first and last day, as the simulator counts them.

        The plan counts from the as-of date, whose end is the origin: its day 1 is the
        simulator's day 0. A last day is included; the simulator's `until` is not.
        """
        start = self._column(f"{effect.id} from", effect.starts - 1)
        end = self._column(f"{effect.id} until", effect.ends)
        return start, end

    def _gate(self, effect: PlanEffect) -> None:
        window = self._window(effect)
        if effect.closed:
            gate = Gate(effect.id, [window], closed=True)
            self.factors.append(gate)
            self._attach(gate.id, effect.targets)
            return
        for move in effect.targets:
            self._gates.setdefault(move, {}).setdefault(effect.gate, []).append(window)

    def _speed(self, effect: PlanEffect, moves: Sequence[str]) -> None:
        factor = self._column(f"{effect.id} factor", effect.values, "effects")
        self.factors.append(Effect(effect.id, factor, *self._window(effect)))
        self._attach(effect.id, moves)

    def _supply(self, effect: PlanEffect, seen: Mapping[tuple[str, str, str], int]) -> None:
        self._not_everyone(effect)
        pool = effect.targets[0]
        amount = self._column(f"{effect.id} amount", effect.values, "effects")
        start, end = self._window(effect)
        if effect.after is not None:
            moves = set(self._consumers(pool))
            gone = sum(people for (_, move, _), people in seen.items() if move in moves)
            self._waiting.append((effect, gone))
            return
        supply = Supply(amount, start, end)
        self._supplies.setdefault(pool, []).append((supply, effect.window_days, effect.counts))

    def _attach(self, factor: str, moves: Sequence[str]) -> None:
        for move in moves:
            self._on_move.setdefault(move, []).append(factor)

    # -- the parts

    def pools(self) -> list[Capacity]:
        """One pool per capacity the plan fills."""
        made = []
        for pool in sorted(self._filled()):
            supplies = self._supplies.get(pool, [])
            lengths = {length for _, length, _ in supplies}
            if (convoy := self._convoy(pool)) is not None:
                made.append(convoy)
                continue
            in_units = bool(supplies) and all(kind == "units" for *_, kind in supplies)
            counts: Literal["people", "units"] = "units" if in_units else "people"
            if len(lengths) <= 1:
                length = next(iter(lengths), None)
                items = [supply for supply, _, _ in supplies]
                made.append(Capacity(pool, items, counts, length, carry=length is None))
                continue
            longest = max(length for length in lengths if length is not None)
            known = sorted(length for length in lengths if length is not None)
            if len(known) > 1:
                self.left_out.append(
                    f"{pool}: what comes every {' and every '.join(str(n) for n in known)} days "
                    f"is taken as even and counted every {longest} days"
                )
            items = [self._every(supply, length, longest) for supply, length, _ in supplies]
            made.append(Capacity(pool, items, counts, longest))
        return made

    def _convoy(self, pool: str) -> Capacity | None:
        """A capacity of one kind of convoy: its seats come with each of them."""
        known = {edge.move for edge in self.edges}
        moves = [move for move in self._consumers(pool) if move in known]
        supplies = self._supplies.get(pool, [])
        if len(moves) != 1 or moves[0] not in self.movements or not supplies:
            return None
        if any(effect.targets[0] == pool for effect, _ in self._waiting):
            return None
        windows = [length for _, length, _ in supplies if length is not None]
        kinds = {kind for *_, kind in supplies}
        if len(windows) < len(supplies) or len(kinds) > 1:
            return None
        self.seats[pool] = Seats(
            moves[0],
            tuple(
                (str(one.amount), str(one.start), str(one.end), window)
                for (one, *_), window in zip(supplies, windows, strict=True)
            ),
        )
        days = self.movements[moves[0]].columns(self.horizon)
        names = Seats.columns(pool, days)
        for name in names:
            self.sources[name] = "effects"
        items = [
            Supply(name, day, f"{day} over") for name, day in zip(names, days, strict=True)
        ]
        counts: Literal["people", "units"] = "units" if kinds == {"units"} else "people"
        return Capacity(pool, items, counts, 1)

    def _filled(self) -> set[str]:
        return set(self._supplies) | {effect.targets[0] for effect, _ in self._waiting}

    def _every(self, supply: Supply, length: int | None, days: int) -> Supply:
        """The same supply, counted every so many days; a one-off falls in one window."""
        if length == days:
            return supply
        if length is None:
            # Places given once last one window: more cannot be told apart in a mixed pool.
            end = f"{supply.start} plus a window"
            self._column(end, self.columns[str(supply.start)] + days)
            return replace(supply, end=end)
        name = f"{supply.amount} every {days} days"
        self._column(name, self.columns[str(supply.amount)] * (days / length), "effects")
        return replace(supply, amount=name)

    def pledges(self, transitions: Sequence[Transition], occupied: set[str]) -> list[Pledge]:
        """Places that open once enough people have left on another pledge.

        Which pledge a place came from is not kept, so those who leave are shared among the
        pledges of the pool by their places, future by future.
        """
        import numpy as np

        made = []
        for effect, gone in self._waiting:
            assert effect.after is not None
            pool = effect.targets[0]
            other = effect.after.pledge
            supplies = [supply for supply, *_ in self._supplies.get(pool, [])]
            places = np.zeros_like(effect.values)
            theirs = np.zeros_like(effect.values)
            for supply in supplies:
                opens = self.columns[str(supply.start)] < np.inf
                amount = np.where(opens, self.columns[str(supply.amount)], 0.0)
                places += amount
                if str(supply.amount).startswith(f"{other}/"):
                    theirs += amount
            needed = max(effect.after.departed_people - gone, 0)
            share = np.divide(theirs, places, out=np.zeros_like(places), where=places > 0)
            threshold = np.divide(
                needed, share, out=np.full_like(share, np.inf), where=share > 0
            )
            if not needed:
                threshold = np.zeros_like(share)
            threshold = np.where(np.isfinite(effect.starts), threshold, np.inf)
            drawing = [
                one.id
                for one in transitions
                if pool in one.capacities and one.source in occupied
            ]
            if not drawing:
                self._leave(effect, "nobody can use its places")
                continue
            made.append(
                Pledge(
                    effect.id,
                    pool,
                    drawing,
                    self._column(f"{effect.id} after people", threshold),
                    self._column(f"{effect.id} amount", effect.values, "effects"),
                    float(effect.after.delay_days),
                )
            )
            self.assumptions.append(
                f"{effect.source} opens its places {effect.after.delay_days} days after "
                f"{effect.after.departed_people} people have left on {other}; {gone} have left "
                "by such places so far, and those to come are shared among the pledges by their "
                "places. Its own opening date is not waited for beyond that."
            )
        return made

    def transitions(self, sizes: Sequence[int]) -> list[Transition]:
        """Every edge as the simulator takes it, with its factors and pools."""
        self._lapsing()
        shared: dict[tuple[str, tuple[tuple[Number, Number], ...]], str] = {}
        for key, gates in self._gates.items():
            for gate, windows in gates.items():
                name = shared.get((gate, tuple(windows)))
                if name is None:
                    name = f"{gate} open"
                    if name in shared.values():
                        name = f"{name} for {key}"
                    shared[gate, tuple(windows)] = name
                    self.factors.append(Gate(name, windows))
                self._attach(name, (key,))
        filled = self._filled()
        moves = self.rulebook.moves()
        states = self.rulebook.forecast_states
        made = []
        for edge in self.edges:
            move = moves[edge.move]
            single = takes_one(self.rulebook, edge)
            chosen = not (move.records or self.rulebook.transitions[move.transition].records)
            factors = list(self._on_move.get(edge.move, []))
            if not single:
                factors += [LUCK, LEVEL]
                factors += self._answering.get(edge.name, [])
                if chosen and any(factor.id == DEADLINE for factor in self.factors):
                    factors.append(DEADLINE)
            pool = self.rulebook.transitions[move.transition].consumes
            if pool in self.rates.short and not single and chosen:
                factors.append(self._unmet(pool))
            made.append(
                Transition(
                    edge.name,
                    edge.source,
                    edge.target,
                    [f"rate {edge.name} [{stratum}]" for stratum in self.strata],
                    factors=factors,
                    capacities=[pool] if pool in filled and not single and chosen else [],
                    size_change=-1 if single and not states[edge.source].gone else 0,
                    staged=self._queued(edge),
                    age_weights=self.rates.shapes[edge.source].weights
                    if self._sieved(edge)
                    else (),
                    pathway=states[edge.target].gone or move.pathway,
                )
            )
        return made

    def _unmet(self, pool: str) -> str:
        """The factor by which more people are ready than the capacity let through so far."""
        name = f"more were ready than {pool} could take"
        if name not in self.laws:
            self.factors.append(Effect(name, self._law(name, UNMET, "rates")))
            self.assumptions.append(
                f"{pool} was as good as used up so far, so more people were ready than moved: "
                "half as many again, possibly many more. Nobody counted them."
            )
        return name

    def _lapsing(self) -> None:
        """Places given once are lost when the last pledge of their kind ends."""
        import numpy as np

        for pool in sorted(self._filled()):
            supplies = self._supplies.get(pool, [])
            if not supplies or any(length is not None for _, length, _ in supplies):
                continue
            ends = [self.columns[str(supply.end)] for supply, *_ in supplies]
            waiting = [effect for effect, _ in self._waiting if effect.targets[0] == pool]
            ends += [effect.ends for effect in waiting]
            last = np.max(ends, axis=0)
            if not np.isfinite(last).any():
                continue
            name = f"{pool} last day"
            self._column(name, last)
            for move in self._consumers(pool):
                self._gates.setdefault(move, {}).setdefault(f"{pool} not lapsed", []).append(
                    (-FOREVER, name)
                )
            if len(ends) > 1:
                self.left_out.append(
                    f"{pool}: places of one pledge left over when it ends are counted as usable "
                    "until the last pledge ends"
                )
