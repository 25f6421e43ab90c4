"""The log of what officers changed, what it was expected to cost, and what came of it.

An override is often right: it knows what no table holds. The log keeps the proposal, the
override and the outcome side by side, and a back-test replays them. In: a proposal, locks that
differ from it, outcomes as they come. Out: JSON lines, one entry each, and a summary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from onward.errors import Fault, Faults
from onward.placement.inputs.aims import Aims
from onward.placement.inputs.rows import read_text
from onward.placement.inputs.tables import Lock, Tables
from onward.placement.propose import propose
from onward.placement.solving.proposal import Proposal
from onward.placement.telling.document import input_hash
from onward.placement.telling.explain import cell_prices

KEYS = {
    "override": ("case", "when", "by", "reason", "proposed", "override", "predicted_cost"),
    "outcome": ("case", "when", "result"),
}
"""What each kind of entry holds at least."""
RESULTS = ("accepted", "denied", "departed", "withdrawn", "other")


def predicted_cost(proposal: Proposal, lock: Lock) -> dict[str, float | None]:
    """What a lock is expected to cost, by prices: points of the outcome and, where it changes
    who is placed, protection-weighted persons. None where the case cannot go there at all."""
    c, model = proposal.compiled, proposal.compiled.model
    index = next(i for i, case in enumerate(c.tables.cases) if case.case == lock.case)
    unit = int(c.unit_of_case[index])
    now = int(proposal.chosen[unit])

    def worth(column: int, protection: bool) -> float:
        """What a place brings less what its seats would bring to others, by prices."""
        if column < 0:
            return 0.0
        price = proposal.price if protection else proposal.outcome_price
        value = float(c.weight[unit]) if protection else float(c.outcome[column])
        if price is None:
            return value
        slot = int(model.slot[column])
        cost = float(cell_prices(model, price)[model.klass[unit], slot])
        if protection and not lock.programme and proposal.one_more is not None:
            # seats left free are worth what one more brings: nothing where nobody waits for them
            cost = min(cost, float(proposal.one_more.worth[slot]))
        return value - cost * float(model.size[unit])

    options = [
        j
        for j in range(model.start[unit], model.start[unit + 1])
        if c.slots[model.slot[j]].programme == lock.programme
        and lock.window in ("", c.slots[model.slot[j]].window)
    ]
    if lock.programme and not options:
        return {"outcome_points": None, "weighted_persons": None}
    best = max((worth(j, False), worth(j, True)) for j in options) if options else (0.0, 0.0)
    return {
        "outcome_points": round(worth(now, False) - best[0], 6),
        "weighted_persons": round(max(0.0, worth(now, True) - best[1]), 6),
    }


def entries(proposal: Proposal, locks: Iterable[Lock], when: str) -> list[dict[str, Any]]:
    """Log entries for the locks that differ from the proposal. `when` is a date, as text."""
    digest = input_hash(proposal.compiled.tables)
    placed = proposal.places()
    found = []
    for lock in locks:
        proposed = placed.get(lock.case, ("", ""))
        if proposed[0] == lock.programme and lock.window in ("", proposed[1]):
            continue
        found.append(
            {
                "entry": "override",
                "proposal": digest,
                "case": lock.case,
                "when": when,
                "by": lock.by,
                "reason": lock.reason,
                "proposed": list(proposed),
                "override": [lock.programme, lock.window],
                "predicted_cost": predicted_cost(proposal, lock),
            }
        )
    return found


def unsigned(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """Cases whose override does not say who made it and why."""
    return [x["case"] for x in lines if not (x["by"].strip() and x["reason"].strip())]


def outcome(
    case: str,
    when: str,
    result: str | None,
    realised_cost: float | None = None,
    realised_persons: float | None = None,
) -> dict[str, Any]:
    """What came of a case: result is one of `RESULTS`, None where only the cost is known yet;
    costs as `costs_now` finds them."""
    return {"entry": "outcome", "case": case, "when": when, "result": result,
            "realised_cost": realised_cost, "realised_persons": realised_persons}  # fmt: skip


def append(path: Path, lines: Sequence[dict[str, Any]]) -> int:
    """Add entries to the log; nothing already there is touched, and what is there already, word
    for word, is not said again. Returns how many were added. Raises `Faults` for a broken log."""
    known = read(path) if path.exists() else []
    lines = [line for line in lines if line not in known]
    with path.open("a", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
    return len(lines)


def read(path: Path) -> list[dict[str, Any]]:
    """The entries of a log. Raises `Faults` naming every line that is none."""
    faults: list[Fault] = []
    lines = []
    for number, written in enumerate(
        (read_text(path, "a log of overrides", faults) or "").split("\n"), 1
    ):
        if not written.strip():
            continue
        try:
            line = json.loads(written)
        except (json.JSONDecodeError, RecursionError):
            line = None
        if not _is_entry(line):
            faults.append(
                Fault(path.name, f"line {number}", "", "not a log entry",
                      "a line that `onward place` wrote", "Take it from a copy of the log.")
            )  # fmt: skip
            continue
        lines.append(line)
    if faults:
        raise Faults(faults)
    return lines


def _is_entry(line: Any) -> bool:
    if not isinstance(line, dict) or line.get("entry") not in KEYS:
        return False
    if any(key not in line for key in KEYS[line["entry"]]):
        return False
    if line["entry"] == "outcome":
        return True
    pairs = (line["proposed"], line["override"])
    return all(isinstance(x, list) and len(x) == 2 for x in pairs) and isinstance(
        line["predicted_cost"], dict
    )


def latest_override(log: Iterable[Mapping[str, Any]], case: str) -> Mapping[str, Any] | None:
    """The last override of a case in a log."""
    found = [x for x in log if x["entry"] == "override" and x["case"] == case]
    return found[-1] if found else None


def costs_now(
    tables: Tables, aims: Aims, override: Mapping[str, Any], *, seed: int, seconds: float
) -> dict[str, float | None]:
    """What an override cost by what is known now: the same tables solved with it and without.

    override    an entry of the log; its case may be locked otherwise in `tables`, or not at all
    returns     as `predicted_cost`; None when it can no longer be carried out
    """
    programme, window = override["override"]
    others = tuple(x for x in tables.locks if x.case != override["case"])
    lock = Lock(override["case"], programme, window)
    free = propose(replace(tables, locks=others), aims, seed=seed, seconds=seconds)
    held = propose(replace(tables, locks=(*others, lock)), aims, seed=seed, seconds=seconds)
    return {
        "outcome_points": realised_cost(free, held),
        "weighted_persons": realised_cost(free, held, "protection"),
    }


def replay(log: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The back-test: overrides with predicted beside real cost, and how the two agree.

    A later outcome belongs to the latest override of the case before it in the log."""
    latest: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for line in log:
        if line["entry"] == "override":
            row = {
                "case": line["case"], "when": line["when"], "by": line["by"],
                "reason": line["reason"], "proposed": line["proposed"],
                "override": line["override"],
                "predicted_cost": line["predicted_cost"].get("outcome_points"),
                "realised_cost": None,
                "predicted_persons": line["predicted_cost"].get("weighted_persons"),
                "realised_persons": None, "result": None,
            }  # fmt: skip
            latest[line["case"]] = row
            rows.append(row)
        elif line["entry"] == "outcome" and line["case"] in latest:
            latest[line["case"]]["realised_cost"] = line.get("realised_cost")
            latest[line["case"]]["realised_persons"] = line.get("realised_persons")
            # a cost worked out anew says nothing of what came of the case
            latest[line["case"]]["result"] = (
                line.get("result") or latest[line["case"]]["result"]
            )
    both = [
        (r["predicted_cost"], r["realised_cost"])
        for r in rows
        if r["predicted_cost"] is not None and r["realised_cost"] is not None
    ]
    predicted, real = (
        np.array(x, float) for x in (zip(*both, strict=True) if both else ((), ()))
    )
    correlation = None
    if len(both) > 2 and predicted.std() > 0 and real.std() > 0:
        correlation = round(float(np.corrcoef(predicted, real)[0, 1]), 4)
    return {
        "overrides": len(rows),
        "with_outcome": sum(r["result"] is not None for r in rows),
        "mean_predicted_cost": round(float(predicted.mean()), 6) if both else None,
        "mean_realised_cost": round(float(real.mean()), 6) if both else None,
        "correlation": correlation,
        "lines": rows,
    }


def realised_cost(before: Proposal, after: Proposal, stage: str = "outcome") -> float | None:
    """What a stage lost between a proposal and the one made with the lock in place."""
    first = next((s.value for s in before.stages if s.name == stage), None)
    second = next((s.value for s in after.stages if s.name == stage), None)
    return None if first is None or second is None else round(first - second, 6)
