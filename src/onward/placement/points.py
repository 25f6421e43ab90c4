"""What a place for a case is worth to each aim, before anything is solved.

In: cases, windows, `Aims`. Out: protection weights, emergency persons, points of the outcome part
by part, and how late a window is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onward.placement.aims import Aims
from onward.placement.doors import pair
from onward.placement.inputs import Case, Tables, Window
from onward.placement.model import AnyArray, FloatArray, IntArray


def lateness(slots: Sequence[Window]) -> FloatArray:
    """How late a window is: quarters since the first opening, or its rank by name."""
    days = [w.opens or w.closes for w in slots]
    known = [d for d in days if d is not None]
    if known:
        first = min(known)
        return np.array([(d - first).days / 91.3125 if d else 0.0 for d in days])
    names = sorted({w.window for w in slots})
    return np.array([float(names.index(w.window)) for w in slots])


def weights(
    tables: Tables,
    aims: Aims,
    units: Sequence[tuple[int, ...]],
    start: IntArray,
    slot: AnyArray,
    score: Mapping[tuple[str, str], Any] | None,
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    stage = aims.stage("protection")
    options: Mapping[str, Any] = stage.options if stage else {}
    by_priority, by_category = options.get("priority", {}), options.get("category", {})
    each = np.array(
        [
            c.size
            * by_priority.get(c.priority, 1.0)
            * max((by_category.get(k, 1.0) for k in c.categories), default=1.0)
            for c in tables.cases
        ]
    )
    weight = np.array([sum(each[i] for i in m) for m in units], float)
    emergency = np.array(
        [
            sum(tables.cases[i].size for i in m if tables.cases[i].priority == "emergency")
            for m in units
        ],
        float,
    )
    if not options.get("use_acceptance") or score is None:
        return weight, emergency, None
    column_weight = np.zeros(len(slot))
    for u, members in enumerate(units):
        for j in range(start[u], start[u + 1]):
            programme = tables.windows[slot[j]].programme
            for i in members:
                line = score.get((tables.cases[i].case, programme))
                chance = 1.0 if line is None or line.acceptance is None else line.acceptance
                column_weight[j] += each[i] * chance
    return weight, emergency, column_weight


def stays_and_points(
    tables: Tables,
    aims: Aims,
    units: Sequence[tuple[int, ...]],
    start: IntArray,
    slot: AnyArray,
    score: Mapping[tuple[str, str], Any] | None,
) -> tuple[FloatArray, FloatArray]:
    """Outcome points and cases kept in place, per column."""
    outcome, kept = np.zeros(len(slot)), np.zeros(len(slot))
    for u, members in enumerate(units):
        for j in range(start[u], start[u + 1]):
            window = tables.windows[slot[j]]
            for i in members:
                case = tables.cases[i]
                outcome[j] += sum(
                    outcome_parts(case, window, aims, None if score is None else score).values()
                )
                if tables.previous.get(case.case) == pair(window):
                    kept[j] += 1
    return outcome, kept


def outcome_parts(
    case: Case, window: Window, aims: Aims, score: Mapping[tuple[str, str], Any] | None
) -> dict[str, float]:
    """What the outcome stage counts for a case in a window, part by part (only those not 0)."""
    stage = aims.stage("outcome")
    if stage is None:
        return {}
    o = stage.options
    parts: dict[str, float] = {}
    line = None if score is None else score.get((case.case, window.programme))
    if line is not None:
        value = line if isinstance(line, float) else line.score
        parts["score"] = o["score"] * value * (case.size if o["per"] == "person" else 1)
    names = (window.programme, window.destination)
    for rank, wish in enumerate(case.preferred):
        if wish in names:
            parts["preference"] = o["preference"] / (rank + 1)
            break
    if any(t in names for t in case.ties):
        parts["family tie"] = o["family_tie"]
    if set(case.languages) & set(window.languages):
        parts["language"] = o["language"]
    if set(case.skills) & set(window.skills):
        parts["skill"] = o["skill"]
    return {k: v for k, v in parts.items() if v}
