"""Puts a model together: what comes and is born, transitions, and who is not in it.

Comes in: the moves, fitted rates and the plan's effects. Goes out, bit by bit, what `inputs.build`
makes a `Model` of, and in words what was assumed on the way and what of the plan could not be
simulated. Paces are in `pace`, the plan in `plan`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from onward.forecast.building.classes import DIFFER, Own, divided
from onward.forecast.building.pace import DEADLINE, LEVEL, LUCK, Pace
from onward.forecast.building.plan import Planned
from onward.forecast.learning.behaviour import Behaviour
from onward.forecast.learning.edges import Edge, takes_one
from onward.forecast.learning.estimate import LEAST_SHAPE, Rates
from onward.forecast.learning.record import stratum_name
from onward.forecast.simulator.draws import Gamma
from onward.forecast.simulator.model import (
    Arrival,
    Factor,
    Feedback,
    Gate,
    Model,
    Number,
    Transition,
)
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import pyarrow as pa

    from onward.plan.effects import PlanEffects

# An incident of this share of the log shows in how long people have waited.
STOPPED = 0.03
ARRIVALS = "arrivals to "
"""What parameters of arrivals begin with."""


@dataclass(frozen=True)
class CameAs:
    """In what families people came after the first registration.

    sizes      people of a family -> families of that size; empty where the log does not say
    born       children born since into families here;  relatives: others who joined one
    """

    sizes: Mapping[int, int] = field(default_factory=dict)
    born: int = 0
    relatives: int = 0

    @property
    def joined(self) -> int:
        """People who came to a family that was here already."""
        return self.born + self.relatives


def came_as(newcomers: pa.Table | None) -> CameAs:
    """Read off `caseload.newcomers.newcomers`."""
    sizes: dict[int, int] = {}
    alone = {"born": 0, "joined": 0}
    for row in newcomers.to_pylist() if newcomers is not None else ():
        if row["how"] in alone:
            alone[row["how"]] += row["units"]
        else:
            sizes[row["people"]] = sizes.get(row["people"], 0) + row["units"]
    return CameAs(sizes, alone["born"], alone["joined"])


def families_here(
    rulebook: Rulebook, start: Mapping[tuple[str, str, int], int]
) -> dict[int, int]:
    """Families here by size, what newcomers are taken to be like where the log has none."""
    found: dict[int, int] = {}
    for (state, _, size), units in start.items():
        if units and not rulebook.forecast_states[state].gone:
            found[size] = found.get(size, 0) + units
    return found or {1: 1}


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


class ModelBuilder(Pace, Planned):
    """Collects factors, pools and laws while the parts of a model are put together."""

    def __init__(
        self, rulebook: Rulebook, edges: Sequence[Edge], rates: Rates, strata: Sequence[str],
        as_of: dt.date, deadline: dt.date | None, behaviour: Behaviour,
        undecided: Sequence[str], effects: PlanEffects | None = None,
    ) -> None:  # fmt: skip
        super().__init__(rulebook, edges, rates, strata, as_of, deadline, behaviour, undecided)
        self._declared(effects)
        self._rates(edges)
        self._luck()
        if behaviour.deadline and deadline is not None and deadline > as_of:
            self._deadline(deadline)
        self._answers()
        self._days()

    def families(
        self, model: Model
    ) -> tuple[Model, dict[str, tuple[str, ...]], tuple[Own, ...]]:
        """The model with slow, middle and quick families where the log tells them apart, group ->
        its strata, and the paces of the classes."""
        differ = self.rates.differ if self.behaviour.differ else None
        if differ is not None:
            self.assumptions.append(differ.said)
        if differ is None or not differ.told_apart:
            return model, {stratum: (stratum,) for stratum in model.strata}, ()
        self._law(DIFFER, differ.law, "behaviour")
        return divided(model, differ, self.edges)

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
        came_as: CameAs,
    ) -> list[Arrival]:  # fmt: skip
        """Families that came after the first registration, at the pace they came and as large.

        A family of each size comes at a pace of its own (a Gamma law each), so how many come and
        how large they are is both drawn anew in every future.
        """
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
        sizes = came_as.sizes or families_here(self.rulebook, start)
        families = sum(sizes.values())
        middle = sum(size * units for size, units in sizes.items()) / families
        made = []
        for (state, stratum), people in sorted(came.items()):
            if self.rulebook.forecast_states[state].gone or not people:
                continue
            expected = people * max(1 - came_as.joined / sum(came.values()), 0.0) / middle
            for size, seen in sorted(sizes.items()):
                share = seen / families
                name = f"{ARRIVALS}{state} [{stratum}, {size} together]"
                self._law(name, Gamma((expected + LEAST_SHAPE) * share, days), "rates")
                made.append(Arrival(name, state, stratum, size, name))
        if made:
            pace = max(sum(came.values()) - came_as.joined, 0) / days * 30
            self.assumptions.append(
                f"People keep arriving as they did after the first registration: about "
                f"{pace:.1f} a month, in families of {middle:.1f} people on average."
                if pace >= 0.05
                else "All who were registered later were born here; that anybody else arrives is "
                "possible and rare."
            )
        return made

    def births(self, rows: Sequence[Mapping[str, Any]], came_as: CameAs) -> list[Transition]:
        """Children join the family they are born into, and relatives the one they come to, in
        whatever state it stands: one person more, and no family more."""
        states = self.rulebook.forecast_states
        periods = sorted({row["period_start"] for row in rows})[1:]
        later, days = set(periods), 0.0
        for row in rows:
            state = row["forecast_state"]
            if row["move"] is None and state is not None and row["period_start"] in later:
                days += 0.0 if states[state].gone else row["person_days"]
        if not came_as.joined or not days:
            return []
        self._law("births", Gamma(came_as.joined + LEAST_SHAPE, days), "rates")
        if came_as.born:
            self.assumptions.append(
                "Children are born into the families here at the pace of the log "
                f"({came_as.born} so far) and leave with them."
            )
        if came_as.relatives:
            self.assumptions.append(
                "Relatives join families here at the pace of the log "
                f"({came_as.relatives} so far) and leave with them."
            )
        return [
            Transition(f"birth in {name}", name, name, "births", size_change=1)
            for name, state in states.items()
            if not state.gone
        ]

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
