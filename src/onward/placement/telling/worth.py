"""What one more place, each condition of a pledge and each floor is worth, and how far that holds.

In: a `Proposal`, and the `Margin` where prices guided the search. Out: plain rows per limit and per
conditional pledge, and what is not worked out at this size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onward.placement.problem.compiling import stage_values
from onward.placement.propose import EXACT_UNITS, EXACT_WHEN_BOUND
from onward.placement.solving import floors
from onward.placement.solving.one_more import priced
from onward.placement.solving.programs.program import Program
from onward.placement.solving.proposal import Proposal, rounded
from onward.placement.telling.margin import Margin

Row = dict[str, Any]

PLEDGE_NODES = 500
"""How far is looked for the best with a condition met, and without, before it is relaxed."""


def worth(proposal: Proposal, margin: Margin | None = None) -> list[Row]:
    """One row per programme window, cap, earmark and pledge condition: persons used and
    allowed, worth of one more (protection-weighted persons, and outcome points with who is
    placed held), and by how many places fewer or more that price holds (None: not computed).

    margin   where prices guided the search, the linear program they came near"""
    model = proposal.compiled.model
    if proposal.state == "infeasible":
        return []
    found = proposal.one_more if margin is None else margin.one_more
    value, by_points = (
        None if price is None else priced(proposal.compiled, price)
        for price in (proposal.price, proposal.outcome_price)
    )
    if found is not None:
        value = found.worth
    slack = proposal.slack()
    rows: list[Row] = []
    for r, info in enumerate(model.rows):
        if info.kind in ("pledge", "floor"):
            continue
        used = model.limit[r] - slack[r]
        opened = -sum(
            float(model.pledge_coef[e])
            for e in range(len(model.pledge_of))
            if model.pledge_row[e] == r and proposal.pledges[model.pledge_of[e]]
        )
        used += opened
        rows.append(
            {
                "limit": info.name,
                "kind": info.kind,
                "programme": info.programme,
                "window": info.window,
                "counts": ("everybody but " if info.kind == "earmark" else "") + info.who,
                "persons": round(used),
                "allowed": round(model.limit[r] + opened),
                "worth_of_one_more": None if value is None else rounded(value[r]),
                "outcome_of_one_more": None if by_points is None else rounded(by_points[r]),
                "holds_for_fewer": None if found is None else _range(found.fewer[r]),
                "holds_for_more": None if found is None else _range(found.more[r]),
            }
        )
    return rows


def _range(places: float) -> float | None:
    return rounded(places) if np.isfinite(places) and places <= 1e15 else None


def not_worked_out(proposal: Proposal, margin: Margin | None = None) -> list[str]:
    """What is left out at this size, why, and how to ask for it; in words, nothing where all is there."""
    c = proposal.compiled
    if proposal.state == "infeasible":
        return []
    said = []
    for floor in c.aims.floors[len(proposal.floors) :]:
        if c.aims.stage("protection") is None:
            why = "protection is not among the aims, so there is nothing to count it in."
        elif c.model.units > floors.MOST_UNITS:
            why = (
                f"this is not worked out for more than {floors.MOST_UNITS:,} cases that may travel apart. "
                "Take it out of the aims and compare the protection-weighted persons."
            )
        else:
            why = "time ended first. Give more --time-limit."
        said.append(f"What the floor {floor.name} costs: {why}")
    if proposal.price is None or proposal.one_more is not None or margin is not None:
        return said
    large = f"this is not worked out for {c.model.units:,} cases that may travel apart"
    said.append(
        f"For how many places a price holds: {large}, since it would take longer than the proposal. "
        'Ask with --what-if "places:PROGRAMME@WINDOW=+5".'
    )
    if c.pledges and c.model.units > EXACT_WHEN_BOUND:
        said.append(
            f"What meeting the condition of a pledge is worth: {large}. "
            'Ask with --what-if "condition:PLEDGE=0" what its places bring without it.'
        )
    return said


def pledges(proposal: Proposal, margin: Margin | None = None) -> list[Row]:
    """One row per conditional pledge: condition, persons that count, met or not, and its price:
    protection-weighted persons placed with the condition met less without it (whole families
    up to `EXACT_UNITS`, by the relaxation above; None where it cannot be, or was not asked)."""
    c, model = proposal.compiled, proposal.compiled.model
    if proposal.state == "infeasible" or not c.pledges:
        return []
    use = model.usage(proposal.chosen)
    value = stage_values(c, "protection", model.unit_of_column(), np.arange(model.columns))

    def most(k: int, met: float) -> tuple[float | None, float | None]:
        """The most protection with the condition met (1) or not (0): relaxed, and of whole families."""
        program = Program(model, grouped=False)
        program.must_place(np.flatnonzero(c.must))
        program.set_range(np.array([program.m + k]), met, met)
        relaxed = program.relax(value)
        if relaxed is None or model.units > EXACT_UNITS:
            return (None if relaxed is None else relaxed.value), None
        whole = program.solve(value, gap=1e-6, seconds=600, nodes=PLEDGE_NODES)
        if not whole.feasible:  # shares of families could, whole ones cannot
            return None, None
        return relaxed.value, None if whole.limit_hit else whole.value

    rows: list[Row] = []
    for k, pledge in enumerate(c.pledges):
        row = next(
            r
            for r, i in enumerate(model.rows)
            if i.kind == "pledge" and i.name == pledge.pledge
        )
        price = None
        if margin is not None:
            worth_it = margin.pledge(k)
            price = None if worth_it is None else rounded(worth_it)
        elif model.units <= EXACT_WHEN_BOUND:
            for met, unmet in zip(most(k, 1.0)[::-1], most(k, 0.0)[::-1], strict=True):
                if met is not None and unmet is not None:
                    price = rounded(met - unmet)
                    break
        rows.append(
            {
                "pledge": pledge.pledge,
                "if_programme": pledge.if_programme,
                "takes_persons": pledge.if_persons,
                "of": pledge.who.words(),
                "persons_now": round(-use[row]),
                "opens": f"{pledge.opens_persons} places in {pledge.opens_programme}"
                + (f", {pledge.opens_window}" if pledge.opens_window else ""),
                "met": bool(proposal.pledges[k]),
                "price": price,
            }
        )
    return rows
