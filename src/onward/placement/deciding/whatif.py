"""What if: more or fewer places, a delay, another condition, a case let go, put or held back.

A planner asks ten such questions in an hour, so questions about places and limits are answered
from the linear program kept warm and by mending the proposal in hand; everything else, and any
question asked for exactly, is solved again in full with today's proposal as last week's. In: a
`Proposal` and changes. Out: the difference line by line, with value and proven bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from onward.placement.deciding.overrides import predicted_cost
from onward.placement.deciding.questions import Change, changed
from onward.placement.inputs.aims import Aims, read_aims
from onward.placement.inputs.tables import Tables
from onward.placement.problem.compiling import stage_values
from onward.placement.problem.doors import NUMBER
from onward.placement.problem.limits import row_limits
from onward.placement.problem.model import FloatArray, IntArray
from onward.placement.propose import propose
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.program import Program
from onward.placement.solving.proposal import Proposal
from onward.placement.solving.search.moving import put_in, take_out

# What a draw adds per person, so small that it buys nobody; how far from the margin, as a share
# of the median price per person, a choice stays in the warm program; and how many per case.
NUDGE = 1e-3
NEAR = 0.1
CHOICES = 4
ROUNDS = 12
PROVEN = 1e-3  # what the draws cost in proof, at most about


def difference(
    before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]
) -> dict[str, list[dict[str, str]]]:
    """Line by line: moved (from, to), dropped (from), gained (to)."""

    def words(place: tuple[str, str]) -> str:
        return f"{place[0]}, {place[1]}" if place[1] else place[0]

    return {
        "moved": [
            {"case": c, "from": words(before[c]), "to": words(after[c])}
            for c in sorted(before.keys() & after.keys())
            if before[c] != after[c]
        ],
        "dropped": [
            {"case": c, "from": words(before[c])} for c in sorted(before.keys() - after.keys())
        ],
        "gained": [
            {"case": c, "to": words(after[c])} for c in sorted(after.keys() - before.keys())
        ],
    }


class Session:
    """A proposal with its linear program kept warm, for one question after another.

    Kept: the program over the choices near the margin, solved, with its basis; the order in
    which cases give up or take places. A question changes some limits, moves the prices by a
    few simplex steps from that basis and looks once at every case at the new prices, which
    proves the bound whatever was left out of the program."""

    def __init__(self, proposal: Proposal) -> None:
        self.proposal = proposal
        compiled, model = proposal.compiled, proposal.compiled.model
        unit = model.unit_of_column()
        value = stage_values(compiled, "protection", unit, np.arange(model.columns))
        self.value = value
        self.pricing = Pricing(model, value, None, compiled.must)
        # equal choices have a draw each: prices of a problem of ties alone do not settle
        drawn = value + NUDGE * compiled.column_ticket * model.size[unit]
        price = np.zeros(len(model.limit)) if proposal.price is None else proposal.price
        inside = np.zeros(model.columns, bool)
        inside[proposal.chosen[proposal.chosen >= 0]] = True
        rank = np.arange(model.columns) - model.start[unit]
        for _ in range(ROUNDS):
            # the program over what is near the margin at these prices gives better prices,
            # until they prove as much for all choices as for those in the program
            self.pricing(price)
            cell = self.pricing.cell[model.klass[unit], model.slot]
            lost = np.maximum(0.0, self.pricing.first)[unit] - drawn + model.size[unit] * cell
            level = float(np.median(price[price > 0])) if np.any(price > 0) else 1.0
            near = lost <= NEAR * level * model.size[unit]
            # of many that are as good as equal the best few will do
            near[np.lexsort((lost, unit))[rank >= CHOICES]] = False
            inside |= near
            keep = np.flatnonzero(inside)
            self.program = Program(model, keep=keep, grouped=False)
            self.program.must_place(np.flatnonzero(compiled.must))
            solved = self.program.relax(drawn[keep])
            if solved is None:
                break
            price = solved.row
            if self.pricing(price)[0] <= value[keep] @ solved.share * (1 + PROVEN):
                break
        self.basis = self.program.highs.getBasis()
        opened = model.pledged(proposal.pledges)
        self.free = model.limit - opened - model.usage(proposal.chosen)
        self.order = np.lexsort((-compiled.outcome, unit))
        weight = compiled.weight / np.maximum(1, model.size)
        self.first_in = np.lexsort((-compiled.ticket, -weight))
        self.first_out = self.first_in[::-1][~compiled.must[self.first_in[::-1]]]
        self.first_in = self.first_in[(np.diff(model.start) > 0)[self.first_in]]
        self.before = self._protection(proposal.chosen)
        self.limits({0: float(model.limit[0])} if len(model.limit) else {})

    def _protection(self, chosen: IntArray) -> float:
        """Protection-weighted persons of a choice; by chance of acceptance where the aims say so."""
        return float(self.value[chosen[chosen >= 0]].sum())

    def bound(self, limit: FloatArray) -> float:
        """A proven bound of the protection-weighted persons under these limits."""
        if not self.proposal.compiled.model.columns:
            return 0.0  # whatever the limits: nobody may go anywhere
        price = self.program.prices()
        if price is None:
            return float("inf")
        # the program's prices without the draws prove no less than those with them
        return self.pricing(price)[0] + float(
            price @ (limit - self.proposal.compiled.model.limit)
        )

    def limits(self, changes: dict[int, float]) -> dict[str, Any]:
        """Other limits in some rows (row -> new limit): the mended proposal and its bound.

        Cases stay where they are unless their place is gone; those are moved where there is
        room; free places go to the unplaced by weight, then by their draw."""
        proposal, compiled = self.proposal, self.proposal.compiled
        model = compiled.model
        limit = model.limit.copy()
        slack = self.free.copy()
        for r, new in changes.items():
            limit[r] = new
            slack[r] += new - model.limit[r]
            self.program.set_limit(r, new)
        self.program.again()
        bound = self.bound(limit)
        for r in changes:
            self.program.set_limit(r, float(model.limit[r]))
        self.program.highs.setBasis(self.basis)
        chosen = proposal.chosen.copy()
        args = (model.slot, model.size, model.klass, model.slots, model.met_start, model.met,
                model.met_share, slack, chosen)  # fmt: skip
        for r in changes:
            take_out(self.first_out, r, *args)
        put_in(self.first_in, model.start, self.order, *args)
        value = self._protection(chosen)
        return {
            **difference(*self._places(chosen)),
            "value": value,
            "value_before": self.before,
            "bound": max(value, bound) if np.isfinite(bound) else None,
            "feasible": bool(slack.min(initial=0) >= -1e-6),
            "method": "mended",
        }

    def _places(
        self, chosen: IntArray
    ) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
        """Where the cases that changed were and are."""
        compiled = self.proposal.compiled
        before: dict[str, tuple[str, str]] = {}
        after: dict[str, tuple[str, str]] = {}
        for u in np.flatnonzero(chosen != self.proposal.chosen):
            for places, column in ((before, self.proposal.chosen[u]), (after, chosen[u])):
                if column >= 0:
                    window = compiled.slots[compiled.model.slot[column]]
                    for i in compiled.members[u]:
                        name = compiled.tables.cases[i].case
                        places[name] = (window.programme, window.window)
        return before, after


def what_if(
    proposal: Proposal, changes: Sequence[Change], *, seconds: float = 60.0, exact: bool = True
) -> dict[str, Any]:
    """The proposal after the changes, as a difference to the one in hand.

    exact: solved again in full, today's places counting as last week's; otherwise places and
    limits are answered warm, everything else in full.

    returns   moved, dropped and gained cases; value, value_before and bound of protection; stages
              (name, before, after and bound of every aim; none when mended); for an override in
              question `predicted`: per case what it costs by prices, as `overrides.predicted_cost`;
              `assumes`: what a new programme takes for granted, in words
    raises    Faults for a name the tables do not hold"""
    tables = changed(proposal.compiled.tables, changes)
    if not exact and all(c.what in ("places", "limit") for c in changes):
        session = Session(proposal)
        model = proposal.compiled.model
        # places and an earmark bear on each other: all limits are worked out again
        now = row_limits(tables, proposal.compiled.aims)
        rows = {r: new for r, new in enumerate(now) if new != model.limit[r]}
        grown = {r for r, new in rows.items() if new > model.limit[r] and r < model.slots}
        # cases that were too large for a window are not in the warm program
        barrier = proposal.compiled.barrier
        too_large = set(np.flatnonzero((barrier == NUMBER["places"]).any(axis=0)).tolist())
        if not grown & too_large:
            answer = session.limits(rows)
            # a condition that no longer holds closes places elsewhere: solve that in full
            if answer["feasible"]:
                return answer
    again = propose(
        replace(tables, previous=proposal.places()), proposal.compiled.aims,
        seed=proposal.seed, seconds=seconds,
    )  # fmt: skip
    first = next((s for s in again.stages if s.name == "protection"), None)
    before = next((s.value for s in proposal.stages if s.name == "protection"), None)
    was = {s.name: s.value for s in proposal.stages}
    stages = [
        {
            "name": s.name,
            "before": was.get(s.name),
            "after": s.value,
            "bound": s.bound if np.isfinite(s.bound) else None,
        }
        for s in again.stages
    ]
    locks = [x.lock for x in changes if x.lock is not None]
    return {
        **difference(proposal.places(), again.places()),
        "value": first.value if first else None,
        "value_before": before,
        "bound": first.bound if first else None,
        "feasible": again.state != "infeasible",
        "method": "solved again",
        "state": again.state,
        "conflict": again.conflict,
        "stages": stages,
        "assumes": [x.assumes for x in changes if x.assumes],
        "predicted": {lock.case: predicted_cost(proposal, lock) for lock in locks},
    }


def ask(
    tables: Tables,
    changes: Sequence[Change],
    *,
    aims: Aims | None = None,
    seed: int = 1,
    seconds: float = 60.0,
) -> dict[str, Any]:
    """What changes would do to the proposal for these tables, for example an operation's
    (`registry.computing.placing.placement_tables`); an override in question is `Change("place", case,
    programme=...)`. The proposal itself is made first. Returns what `what_if` does."""
    proposal = propose(tables, aims or read_aims(), seed=seed, seconds=seconds)
    return what_if(proposal, changes, seconds=seconds)
