"""What officers decided at the desk, as lines of the log of overrides that a back-test replays.

Exists so that a word given at the desk and one given with a workbook are one log
(`onward place OPERATION --overrides FILE`, then `--replay FILE`). Comes in: an operation that is
open. Goes out: an entry for each override with who, when, why, what was proposed and what it was
expected to cost, and an entry for each that is still in force with what it costs by what was known
when that was last worked out at the desk. Nothing is worked out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onward.registry.computing.runs import kept_proposals
from onward.registry.operation import Operation

OVERRIDES = ("moved", "held")
"""What is an override; a word that follows the proposal is none."""


def log_lines(operation: Operation) -> list[dict[str, Any]]:
    """Entries as `placement.deciding.overrides` reads them, in the order of the decisions."""
    from onward.placement.deciding.overrides import outcome
    from onward.registry.models import PlacementDecision

    proposals = dict(kept_proposals(operation))
    rows = list(PlacementDecision.objects.order_by("at", "id"))
    lines = [
        _entry(row, proposals.get(row.proposal)) for row in rows if row.decision in OVERRIDES
    ]
    latest = {row.case: row for row in rows}
    day, costs, persons = _worked_out()
    for case, row in sorted(latest.items()):
        if row.decision in OVERRIDES and str(row.pk) in costs:
            key = str(row.pk)
            lines.append(outcome(case, day, None, costs[key], persons.get(key)))
    return lines


def _entry(row: Any, proposal: Mapping[str, Any] | None) -> dict[str, Any]:
    there = next(
        (x for x in (proposal or {}).get("assignments", ()) if x["case"] == row.case), None
    )
    held = row.decision == "held"
    nothing = {"outcome_points": None, "weighted_persons": None}
    return {
        "entry": "override",
        "proposal": (proposal or {}).get("input_sha256"),
        "case": row.case,
        "when": row.at.date().isoformat(),
        "by": row.by,
        "reason": row.reason,
        "proposed": [there["programme"], str(there.get("window") or "")] if there else ["", ""],
        "override": ["", ""] if held else [row.programme, row.window],
        "predicted_cost": (row.predicted.get("predicted") or {}).get(row.case) or nothing,
    }


def _worked_out() -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """The day on which real costs were last worked out, and points and persons by decision."""
    from onward.registry.models import Job
    from onward.registry.web.jobs import COSTS, DONE

    last = Job.objects.filter(kind=COSTS, state=DONE).order_by("-ended_at").first()
    if last is None or last.ended_at is None:
        return "", {}, {}
    day = last.ended_at.date().isoformat()
    return day, last.result.get("costs") or {}, last.result.get("persons") or {}
