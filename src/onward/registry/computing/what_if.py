"""What if: a question about places, or an override before it is made, answered on the record.

Comes in: an opened operation and questions in the short form of the placement room. Goes out: the
difference line by line and what every aim would lose, as small plain data that a piece of long
work keeps. Nothing is placed and nothing is kept as a proposal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onward.errors import Fault, Faults, OnwardError
from onward.placement.inputs.tables import Tables
from onward.registry.computing.analysis import Opened
from onward.registry.computing.decided import standing, with_word_of_officers
from onward.registry.computing.placements import SECONDS
from onward.registry.computing.placing import placement_tables
from onward.registry.models import PlacementDecision

SHOWN = 400
MOST_COSTS = 20
"""Overrides whose cost is worked out at once, the newest first: two proposals each."""
TOLD = ("emergencies", "protection", "together", "outcome", "keep")


def tables_of(found: Opened) -> Tables:
    return with_word_of_officers(placement_tables(found), found)


def places_if(found: Opened, questions: Sequence[str], *, seed: int) -> dict[str, Any]:
    """What would be different.

    raises  Faults for a question that names what is not there; OnwardError without places
    """
    from onward.placement.deciding.questions import parse_change
    from onward.placement.deciding.whatif import ask

    changes = [parse_change(text) for text in questions]
    try:
        answer = ask(tables_of(found), changes, seed=seed, seconds=SECONDS)
    except Faults as wrong:
        raise OnwardError("\n".join(_said(fault) for fault in wrong.faults)) from None
    return {
        "moved": answer["moved"][:SHOWN],
        "dropped": answer["dropped"][:SHOWN],
        "gained": answer["gained"][:SHOWN],
        "counts": {name: len(answer[name]) for name in ("moved", "dropped", "gained")},
        "feasible": answer["feasible"],
        "conflict": list(answer.get("conflict") or ()),
        "aims": [
            {"name": stage["name"], "before": stage["before"], "after": stage["after"]}
            for stage in answer.get("stages") or ()
            if stage["name"] in TOLD
        ],
        "predicted": answer.get("predicted") or {},
    }


def _said(fault: Fault) -> str:
    return str(Fault("", "", "", fault.found, "", fault.remedy)).strip()


def costs_now(found: Opened, *, seed: int) -> dict[str, dict[str, float | None]]:
    """What each standing override costs by what is known now: `costs` in points of the outcome,
    `persons` protection-weighted; None where it can no longer be carried out. Each by the id of
    the decision."""
    from onward.placement.deciding import overrides
    from onward.placement.inputs.aims import read_aims

    tables = tables_of(found)
    cases = {case.case for case in tables.cases}
    made: list[PlacementDecision] = sorted(
        (row for row in standing().values() if row.decision in ("moved", "held")),
        key=lambda row: row.at, reverse=True,
    )  # fmt: skip
    costs: dict[str, float | None] = {}
    persons: dict[str, float | None] = {}
    for row in made[:MOST_COSTS]:
        if row.case not in cases:
            continue
        held = row.decision == "held"
        override = {
            "case": row.case,
            "override": ["", ""] if held else [row.programme, row.window],
        }
        cost = overrides.costs_now(
            tables, read_aims(None), override, seed=seed, seconds=SECONDS
        )
        costs[str(row.pk)] = cost["outcome_points"]
        persons[str(row.pk)] = cost["weighted_persons"]
    return {"costs": costs, "persons": persons}
