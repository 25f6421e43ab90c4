"""From an operation to a model: its rulebook's moves, its caseload's counts, its log's rates,
its plan's dates.

Comes in: the tables of the caseload room and the effects of the plan room. Goes out: a `Model`
with the laws of its parameters and one row of plan dates per future, ready to simulate, and in
words what was assumed and what of the plan could not be simulated. There is no second graph:
states and moves are read off the rulebook.

`edges` says which moves those are, `record` what the log says of them, `builder` puts factors,
pools and laws together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from onward.forecast.building.builder import STOPPED, ModelBuilder, came_as, occupied_states
from onward.forecast.building.classes import DIFFER, Own, with_paces
from onward.forecast.building.pace import MOST_GROUPS, marginal
from onward.forecast.learning.behaviour import Behaviour, learn
from onward.forecast.learning.edges import (
    Edge,
    edges_of,
    is_step,
    leading,
    takes_one,
    undecided_states,
    willed,
)
from onward.forecast.learning.elsewhere import aligned
from onward.forecast.learning.estimate import Rates, fit, stopped
from onward.forecast.learning.movements import Movement, Seats, days_to_come, seats_of
from onward.forecast.learning.paces import Paces, steps_taken
from onward.forecast.learning.record import (
    at_mean_pace,
    differ_seen,
    movements_seen,
    observed,
    own_paces,
    past_seen,
    shapes_seen,
    short_pools,
    start_cells,
    stratum_name,
    was_possible,
)
from onward.forecast.simulator.draws import Distribution, ParameterDraws, draw
from onward.forecast.simulator.model import Model
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from onward.plan.effects import PlanEffects

    FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """Everything a run needs.

    model        as the simulator takes it
    laws         parameter -> its law
    columns      parameter -> (futures,) values drawn by the plan
    edges        the moves simulated
    sources      parameter -> what kind of uncertainty it carries: "rates", "shocks",
                 "behaviour", "effects" or "plan dates"
    assumptions  in words, for the reader
    left_out     what of the plan is not simulated, and why
    undecided    states of people who have not chosen a way yet
    forward      transitions that lead on: steps of the procedure, not changes of mind
    horizon      days for which the days of convoys and flights are drawn
    movements    moves made by convoy or flight
    departs      move -> (futures, n) days of them that the plan names
    seats        capacity -> what fills it from one movement to the next
    own          paces of slow, middle and quick families, where they are told apart
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
    undecided: tuple[str, ...] = ()
    forward: frozenset[str] = frozenset()
    horizon: int = 400
    movements: Mapping[str, Movement] = field(default_factory=dict)
    departs: Mapping[str, FloatArray] = field(default_factory=dict)
    seats: Mapping[str, Seats] = field(default_factory=dict)
    own: tuple[Own, ...] = ()

    @property
    def told_apart(self) -> Mapping[str, tuple[str, ...]]:
        """Group -> the strata of the model it is made of; without any said, each by itself."""
        return self.groups or {stratum: (stratum,) for stratum in self.model.strata}

    def draws(self, futures: int, seed: int) -> ParameterDraws:
        """One row of parameters per future; the plan's columns as they were drawn.

        raises  ValueError when the plan was drawn for fewer futures
        """
        made = draw(self.laws, futures, seed)
        if self.rates.learnt is not None:
            made = self._with_behaviour(made, futures, seed)
        if "shock start" in self.sources:
            made = with_start(made)
        for one in self.movements.values():
            made = self._with_days(made, one, futures, seed)
        for name, column in self.columns.items():
            if len(column) < futures:
                raise ValueError(f"{name}: {len(column)} plan draws for {futures} futures")
            made = made.with_column(name, column[:futures])
        for pool, filled in self.seats.items():
            made = self._with_seats(made, pool, filled)
        return self.derived(made)

    def derived(self, drawn: ParameterDraws) -> ParameterDraws:
        """What follows from the paces drawn and how far families differ, worked out (again)."""
        if not self.own or self.rates.differ is None:
            return drawn
        return with_paces(drawn, self.rates.differ, self.own)

    def _with_seats(self, made: ParameterDraws, pool: str, filled: Seats) -> ParameterDraws:
        """The seats of every convoy or flight."""
        import numpy as np

        one = self.movements[filled.move]
        names = one.columns(self.horizon)
        amounts = seats_of(
            one,
            np.stack([made.column(name) for name in names], axis=1),
            [
                (made.column(amount), made.column(start), made.column(end), window)
                for amount, start, end, window in filled.supplies
            ],
        )
        return ParameterDraws(
            (*made.names, *Seats.columns(pool, names)),
            np.concatenate([made.values, amounts], axis=1),
        )

    def _with_days(
        self, made: ParameterDraws, one: Movement, futures: int, seed: int
    ) -> ParameterDraws:
        """The days of one kind of convoy or flight in every future."""
        import numpy as np

        names = one.columns(self.horizon)
        if names[0] not in self.sources:
            return made
        declared = self.departs.get(one.move)
        if declared is not None and len(declared) < futures:
            raise ValueError(f"{one.move}: {len(declared)} plan draws for {futures} futures")
        days = days_to_come(one, futures, seed, self.horizon, declared)
        return ParameterDraws(
            (*made.names, *names, *(f"{name} over" for name in names)),
            np.concatenate([made.values, days, days + 1], axis=1),
        )

    def _with_behaviour(self, made: ParameterDraws, futures: int, seed: int) -> ParameterDraws:
        """Behaviour as it belongs together, save what a scenario holds at another value."""
        assert self.rates.learnt is not None
        together = dict(self.rates.learnt.joint.pick(futures, seed))
        for name, column in together.items():
            law = self.laws.get(name)
            if law is not None and law != marginal(self.rates.learnt, name):
                together[name] = made.column(name)
            elif name in made.names:
                made = made.with_column(name, column)
        used = set(self.sources)
        for name, column in self.rates.learnt.derived(together).items():
            if name in used:
                made = made.with_column(name, column)
        for name, column in together.items():
            if name in used and name not in made.names:
                made = made.with_column(name, column)
        return made


def with_start(drawn: ParameterDraws) -> ParameterDraws:
    """Where the shocks start, from how lucky the past was and what today is beside it."""
    import numpy as np

    lucky = np.log(drawn.column("luck of the past"))
    return drawn.with_column("shock start", drawn.column("shock now") - lucky)


def build(
    rulebook: Rulebook,
    *,
    counts: pa.Table,
    exposures: pa.Table,
    steps: Sequence[tuple[str, str, str]],
    as_of: dt.date,
    deadline: dt.date | None,
    effects: PlanEffects | None = None,
    behaviour: bool | Behaviour = True,
    shocks: bool = True,
    name: str = "operation",
    rates: Rates | None = None,
    also: frozenset[str] = frozenset(),
    waits: pa.Table | None = None,
    departures: pa.Table | None = None,
    newcomers: pa.Table | None = None,
    stays: pa.Table | None = None,
    paces: Sequence[Paces] = (),
) -> Inputs:
    """Put a model together.

    counts      from `caseload.counting.counts` as of `as_of`
    exposures   from `caseload.counting.exposures` up to `as_of`
    steps       (from state, move, to state), from `caseload.moves.forecast_moves`
    deadline    the day that people see drawing near; None: none is known
    effects     from the plan room, drawn from `as_of`
    behaviour   which terms of `learning.behaviour` are on: all, none or some
    shocks      False reads the log as if no month were luckier than another: only to measure
                what that neglects
    rates       already fitted to the same log with the same `also`: a scenario changes what comes
                and must not change what the past is read to say
    also        moves to simulate besides those of the plan, so that every scenario has the same
    waits       from `caseload.waits.waits`: how long people waited; None takes every wait as one
                without memory
    departures  from `caseload.pace.pace`: on which days people left; None
                takes people as leaving on any day
    newcomers   from `caseload.newcomers.newcomers`: in what families people came after the first
                registration period; None takes them to come in families like those here
    stays       from `caseload.pace.pace`: stays that belong together; None takes all families as
                alike
    paces       of other operations under the same rulebook
    """
    import numpy as np

    terms = Behaviour.of(behaviour)

    columns = rulebook.forecast_strata
    start, strata, sizes, family = start_cells(counts, rulebook, columns)
    seen: dict[tuple[str, str, str], int] = {}
    rows = exposures.to_pylist()
    for row in rows:
        if row["forecast_state"] is not None:
            strata = tuple(sorted({*strata, stratum_name(row, columns)}))
            if row["move"] is not None:
                key = (row["forecast_state"], row["move"], row["to_state"] or "")
                seen[key] = seen.get(key, 0) + int(row["transitions"])
    strata = strata or ("everyone",)
    plan = effects.effects if effects is not None else ()
    planned = also | {target for effect in plan for target in effect.targets}
    edges = edges_of(rulebook, steps, seen, planned, steps_taken(paces))
    together = np.array([1.0 if takes_one(rulebook, edge) else family for edge in edges])
    if rates is None:
        ready, movements = movements_seen(
            rulebook, edges, departures, columns, as_of, family, plan
        )
        log = observed(
            exposures, edges, strata, columns, together, was_possible(plan, as_of),
            ready,
        )  # fmt: skip
        undecided = set(undecided_states(rulebook, steps))
        nearer = leading(rulebook, edges)
        log = replace(
            log,
            steps=[
                is_step(rulebook, edge.move) and edge.name in nearer
                and edge.move not in movements
                for edge in edges
            ],
            moody=[
                edge.source in undecided and willed(rulebook, edge)
                and not takes_one(rulebook, edge)
                for edge in edges
            ],
        )  # fmt: skip
        short = short_pools(rulebook, plan, exposures, as_of, family)
        own_pace = {
            key: step
            for key, step in own_paces(rulebook, edges, short).items()
            if key[1] not in movements
        }
        differ = (
            differ_seen(stays, exposures, own_pace, columns, as_of)
            if terms.differ and stays is not None and len(strata) <= MOST_GROUPS
            else None
        )
        if differ is not None and differ.told_apart:
            log = at_mean_pace(log, edges, differ, exposures)
        away = stopped(log)
        moving = 1 - np.array(log.moody, dtype=float)[:, None, None] * away[None, None, :]
        log = replace(log, at_risk=log.at_risk * moving)
        steps_here = tuple((edge.source, edge.move, edge.target) for edge in edges)
        others = aligned(
            paces,
            steps_here,
            [
                edge.move not in movements
                and rulebook.transitions[rulebook.moves()[edge.move].transition].consumes not in short
                for edge in edges
            ],
        )  # fmt: skip
        rates = fit(log, shocks=shocks, others=others)
        past = past_seen(rulebook, exposures, log, edges, undecided_states(rulebook, steps),
                     own_pace, columns, as_of)  # fmt: skip
        past = replace(past, stopped=away, length=np.asarray(log.period_days, dtype=float))
        rates = replace(
            rates,
            shapes=shapes_seen(
                rulebook,
                waits,
                own_pace,
                family,
                undecided if away @ log.period_days >= STOPPED * log.period_days.sum() else (),
                differ if differ is not None and differ.told_apart else None,
            ),
            own_pace=frozenset(own_pace),
            short=short,
            movements=movements,
            moves=steps_here,
            differ=differ,
            learnt=learn(past, strata, shock_sd=rates.shock_sd, memory_days=rates.memory_days),
        )
    builder = ModelBuilder(
        rulebook, edges, rates, strata, as_of, deadline, terms,
        undecided_states(rulebook, steps), effects,
    )  # fmt: skip
    builder.lost(counts, seen, edges)
    for effect in plan:
        builder.add(effect)
    transitions = builder.transitions(sizes)
    came = came_as(newcomers)
    arrivals = builder.arrivals(rows, start, came)
    transitions += builder.births(rows, came)
    occupied = occupied_states(start, transitions, arrivals)
    model = Model(
        states=[
            builder.state(state.name, present=not state.gone)
            for state in rulebook.forecast_states.values()
            if state.name in occupied
        ],
        strata=strata,
        start=start,
        transitions=[one for one in transitions if one.source in occupied],
        sizes=tuple(range(1, max([*sizes, *(one.size for one in arrivals)]) + 1)),
        factors=builder.occupied_factors(occupied),
        capacities=builder.pools(),
        pledges=builder.pledges(transitions, occupied),
        arrivals=arrivals,
        name=name,
    )
    used = set(model.parameters())
    model, groups, own = builder.families(model)
    used |= {DIFFER} if own else set()
    used |= {"hold strength"} & set(builder.laws) if "hold" in used else set()
    used |= {"shock now"} if "shock start" in used else set()
    for filled in builder.seats.values():
        used |= {name for *names, _ in filled.supplies for name in names}
    return Inputs(
        model,
        {name: law for name, law in builder.laws.items() if name in used},
        {name: column for name, column in builder.columns.items() if name in used},
        tuple(edge for edge in edges if edge.source in occupied),
        {name: kind for name, kind in builder.sources.items() if name in used},
        builder.rates,
        tuple(dict.fromkeys(builder.assumptions)),
        tuple(dict.fromkeys(builder.left_out)),
        groups,
        tuple(name for name in builder.undecided if name in occupied),
        frozenset(
            edge.name
            for edge in edges
            if edge.name in builder.nearer
            and is_step(rulebook, edge.move)
            and rulebook.moves()[edge.move].pathway != "handover"
        ),
        builder.horizon,
        builder.movements,
        builder.departs,
        builder.seats,
        own,
    )
