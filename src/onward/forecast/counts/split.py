"""What the width of a forecast from published counts comes from.

Exists because a planner should know whether the next count, a date kept or only time would narrow it.
Comes in: the people of every course of events on the day, and what each took for true at the origin.
Goes out: shares of the spread that add up to one. The particle filter cannot draw one doubt anew and
leave the others, since what is going on and how fast belong together; so the spread is taken apart one
after the other: what is explained by the first, by the second among courses alike in the first, and so on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PACES = 10
"""Courses alike in all else are divided into so many by their pace."""


MANY = 100


def split(
    people: FloatArray, doing: IntArray, dated: IntArray, pace: FloatArray, carried: FloatArray,
    unfit: FloatArray,
) -> dict[str, float]:  # fmt: skip
    """Shares of the spread, in the order in which they are taken off; {} where there is none.

    people   (n,) people on the day in courses that follow the regimes
    doing    (n,) regime of each at the origin
    dated    (n,) what announced dates mean to each: nothing, done by the day, done later
    pace     (n,) pace of that regime at the origin
    carried  people on the day where the recent pace goes on
    unfit    people on the day where the model does not fit
    returns  "fit" (which way of looking holds, if any), "regime" (what is going on), "plan dates"
             (what dates mean), "rates" (how fast), "chance" (what comes later)
    """
    values = np.concatenate([people, carried, unfit])
    spread = float(((values - values.mean()) ** 2).sum())
    if spread <= 0:
        return {}
    parts = dict.fromkeys(("fit", "regime", "plan dates", "rates", "chance"), 0.0)
    for one in (people, carried, unfit):
        if one.size:
            parts["fit"] += one.size * float(one.mean() - values.mean()) ** 2
    parts["fit"] += _within(unfit)
    parts["rates"] += _within(carried)
    cells = np.zeros(len(people), dtype=np.int64)
    left = _within(people)
    for name, label in (("regime", doing), ("plan dates", dated), ("rates", None)):
        chosen = _ranked(pace, cells) if label is None else label
        cells = np.unique(cells * MANY + chosen, return_inverse=True)[1].reshape(-1)
        explained = left - _inside(people, cells)
        parts[name] += explained
        left -= explained
    parts["chance"] += left
    return {name: round(max(part, 0.0) / spread, 3) for name, part in parts.items()}


def _within(values: FloatArray) -> float:
    """Sum of squares about the mean."""
    return float(((values - values.mean()) ** 2).sum()) if values.size else 0.0


def _inside(values: FloatArray, cells: IntArray) -> float:
    """Sum of squares about the means of cells, as large as it would be with endless courses: with
    few in a cell their own mean looks too good."""
    count = np.bincount(cells)
    mean = np.bincount(cells, values) / count
    found = float(((values - mean[cells]) ** 2).sum())
    free = len(values) - len(count)
    return min(found * (len(values) - 1) / free, _within(values)) if free > 0 else found


def _ranked(values: FloatArray, cells: IntArray) -> IntArray:
    """Tenths by value among those of the same cell."""
    order = np.lexsort((values, cells))
    sorted_cells = cells[order]
    first = np.searchsorted(sorted_cells, sorted_cells)
    size = np.bincount(cells)[sorted_cells]
    found = np.empty(len(values), dtype=np.int64)
    found[order] = (np.arange(len(values)) - first) * PACES // size
    return found
