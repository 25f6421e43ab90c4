"""What a place for a case is worth to each aim, before anything is solved.

In: cases, windows, `Aims`. Out: protection weights, emergency persons, points of the outcome part
by part, and how late a window is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from onward.placement.inputs.aims import Aims
from onward.placement.inputs.tables import Case, Tables, Window
from onward.placement.problem.alike import AT_ONCE, alike
from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray


class Scores:
    """The scores as arrays: value (rows, columns), NaN where none was given.

    given: whether there are scores at all; row (cases,): the row of each case; column: that of each
    programme."""

    def __init__(self, tables: Tables) -> None:
        self.given = tables.scores is not None
        self.place = {c.case: i for i, c in enumerate(tables.cases)} if self.given else {}
        self.row = np.arange(len(tables.cases))
        names = sorted({w.programme for w in tables.windows})
        self.column = {name: k for k, name in enumerate(names)}
        shape = (len(tables.cases) if self.given else 0, len(names))
        self.value = np.full(shape, np.nan)
        self.acceptance: FloatArray | None = None
        if tables.scores is None:
            return
        scores = tables.scores
        row = np.array([self.place.get(name, -1) for name in scores.cases], np.int64)
        column = np.array([self.column.get(name, -1) for name in scores.programmes], np.int64)
        i, k = row[scores.case], column[scores.programme]
        ours = (i >= 0) & (k >= 0)
        i, k = i[ours], k[ours]
        self.value[i, k] = scores.score[ours]
        if scores.acceptance is not None and not np.isnan(scores.acceptance[ours]).all():
            chance = scores.acceptance[ours]
            self.acceptance = np.ones(shape)
            self.acceptance[i, k] = np.where(np.isnan(chance), 1.0, chance)

    def of(self, case: str, programme: str) -> float | None:
        """The score of a case for a programme, None where none was given."""
        i, k = self.place.get(case), self.column.get(programme)
        if i is None or k is None or np.isnan(self.value[i, k]):
            return None
        return float(self.value[i, k])

    def chance(self, case: str, programme: str) -> float:
        """The chance that the country accepts; 1 where none was given."""
        i, k = self.place.get(case), self.column.get(programme)
        if self.acceptance is None or i is None or k is None:
            return 1.0
        return float(self.acceptance[i, k])


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
    scores: Scores,
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Protection weight of each unit, its emergency persons, and, where the chance of acceptance
    counts, the weight of each column."""
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
    if not options.get("use_acceptance") or not scores.given:
        return weight, emergency, None
    column_weight = np.zeros(len(slot))
    for u, members in enumerate(units):
        for j in range(start[u], start[u + 1]):
            programme = tables.windows[slot[j]].programme
            for i in members:
                column_weight[j] += each[i] * scores.chance(tables.cases[i].case, programme)
    return weight, emergency, column_weight


def outcome_of_columns(
    tables: Tables, aims: Aims, scores: Scores, units: Sequence[tuple[int, ...]], may: BoolArray
) -> FloatArray:
    """Points of the outcome for every column (m,): may (units, slots) says which there are.

    Cases that wish for, speak or know the same are looked at once."""
    cases, slots = tables.cases, tables.windows
    stage = aims.stage("outcome")
    lengths = may.sum(axis=1)
    found = np.zeros(int(lengths.sum()))
    if stage is None:
        return found
    parts = [alike(cases, of_case, row) for of_case, row in _parts(slots, stage.options)]
    column = np.array([scores.column[w.programme] for w in slots], np.int64)
    size = np.array([c.size for c in cases], float)
    times = size if stage.options["per"] == "person" else np.ones(len(cases))
    first = np.array([m[0] for m in units], np.int64)
    most = max((len(m) for m in units), default=1)
    end = np.cumsum(lengths)
    for low in range(0, len(units), AT_ONCE):
        high = min(low + AT_ONCE, len(units))
        here = may[low:high]
        total = np.zeros(here.shape)
        for at in range(most):
            some = np.arange(low, high)
            member = first[low:high]
            if at:
                several = [u for u in range(low, high) if len(units[u]) > at]
                some = np.array(several, np.int64)
                member = np.array([units[u][at] for u in several], np.int64)
            if not len(some):
                continue
            each = np.zeros((len(some), len(slots)))
            if scores.given:
                given = np.nan_to_num(scores.value[member][:, column])
                each += stage.options["score"] * given * times[member][:, None]
            for rows, which in parts:
                each += rows[which[member]]
            total[some - low] += each
        found[end[low] - lengths[low] : end[high - 1]] = total[here]
    return found


def _parts(
    slots: Sequence[Window], options: Mapping[str, Any]
) -> Iterator[tuple[Callable[[Case], Hashable], Callable[[Case], AnyArray]]]:
    """What the outcome looks at in a case but its scores, and the points by window."""

    def points(case: Case, name: str) -> AnyArray:
        return np.array([_parts_of(case, w, options).get(name, 0.0) for w in slots])

    yield lambda c: c.preferred, lambda c: points(c, "preference")
    yield lambda c: c.ties, lambda c: points(c, "family tie")
    yield lambda c: c.languages, lambda c: points(c, "language")
    yield lambda c: c.skills, lambda c: points(c, "skill")


def kept_columns(
    tables: Tables, units: Sequence[tuple[int, ...]], start: IntArray, slot: AnyArray
) -> FloatArray:
    """Cases that a column leaves where last week put them (m,)."""
    kept = np.zeros(len(slot))
    if not tables.previous:
        return kept
    places = {(w.programme, w.window): s for s, w in enumerate(tables.windows)}
    for u, members in enumerate(units):
        for i in members:
            s = places.get(tables.previous.get(tables.cases[i].case, ("", "\0")))
            if s is not None:
                kept[start[u] : start[u + 1]] += slot[start[u] : start[u + 1]] == s
    return kept


def outcome_parts(
    case: Case, window: Window, aims: Aims, score: float | None
) -> dict[str, float]:
    """What the outcome stage counts for a case in a window, part by part (only those not 0)."""
    stage = aims.stage("outcome")
    if stage is None:
        return {}
    o = stage.options
    parts: dict[str, float] = {}
    if score is not None:
        parts["score"] = o["score"] * score * (case.size if o["per"] == "person" else 1)
    parts |= _parts_of(case, window, o)
    return {k: v for k, v in parts.items() if v}


def _parts_of(case: Case, window: Window, o: Mapping[str, Any]) -> dict[str, float]:
    """All but the score."""
    parts: dict[str, float] = {}
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
    return parts
