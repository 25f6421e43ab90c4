"""What would have to be true: the conditions under which an outcome happens, as boxes.

Exists because "24 in 100 futures" does not tell a planner what those futures have in common.
Comes in: what was drawn in each future (dates, paces, behaviour) and whether the outcome happened
in it. Goes out: boxes, each a few limits read as one sentence ("the written guarantees come by May
and the pace of interviews is at least …"), with how often the outcome happens inside and how
much of it they hold, measured on futures that played no part in finding them.
The patient rule induction method (Friedman and Fisher, 1999), as scenario discovery uses it
(Bryant and Lempert, 2010): peel a little off one side at a time, keep what matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    BoolArray: TypeAlias = npt.NDArray[np.bool_]

PEEL = 0.05
LEAST_SHARE = 0.04
LEAST_FUTURES = 20
ENOUGH = 0.8
GAIN = 0.05
MOST_LIMITS = 4


@dataclass(frozen=True)
class Limit:
    """One condition: `low` <= value <= `high`; an infinite bound is none."""

    name: str
    low: float
    high: float

    def holds(self, values: FloatArray) -> BoolArray:
        """(futures,) where it is true."""
        result: BoolArray = (values >= self.low) & (values <= self.high)
        return result


@dataclass(frozen=True)
class Box:
    """A few conditions that together make an outcome likely.

    inside     share of the held-out futures that meet them
    density    share of those in which the outcome happens
    coverage   share of the outcome's futures that they hold
    base       how often the outcome happens anyway
    """

    limits: tuple[Limit, ...]
    inside: float
    density: float
    coverage: float
    base: float


def boxes(
    values: FloatArray, names: Sequence[str], happened: BoolArray, *, most: int = 2
) -> tuple[Box, ...]:
    """Boxes for an outcome, found on every other future and measured on the rest.

    values    (futures, variables); infinity is allowed and means never
    happened  (futures,) whether the outcome happened
    most      at most so many boxes; each is looked for among what the earlier ones left
    returns   () where no few conditions make the outcome clearly likelier: nothing is known
    """
    import numpy as np

    if values.shape[0] != len(happened) or values.shape[1] != len(names):
        raise ValueError(f"values are {values.shape}; expected ({len(happened)}, {len(names)})")
    seek, judge = np.arange(len(happened)) % 2 == 0, np.arange(len(happened)) % 2 == 1
    base = float(happened[judge].mean())
    total = int(happened[judge].sum())
    if total < LEAST_FUTURES // 2 or base > 0.95:
        return ()
    keep = _distinct(values)
    columns = {names[j]: values[:, j] for j in keep}
    found: list[Box] = []
    left = seek.copy()
    for _ in range(most):
        limits = _peel({name: column[left] for name, column in columns.items()}, happened[left])
        if not limits:
            break
        meets = np.logical_and.reduce([one.holds(columns[one.name]) for one in limits])
        inside = meets & judge
        density = float(happened[inside].mean()) if inside.any() else 0.0
        if inside.sum() < LEAST_FUTURES // 2 or density < base + max(GAIN, 0.25 * base):
            break
        found.append(
            Box(
                tuple(limits), float(inside.sum() / judge.sum()), density,
                float((happened & inside).sum() / total), base,
            )
        )  # fmt: skip
        left &= ~meets
        if happened[left].sum() < LEAST_FUTURES // 2:
            break
    return tuple(found)


def _distinct(values: FloatArray) -> list[int]:
    """Columns that vary, one of each set that always moves together."""
    import numpy as np

    seen: set[bytes] = set()
    keep = []
    for j in range(values.shape[1]):
        column = values[:, j]
        _, ranks = np.unique(column, return_inverse=True)
        key = ranks.astype(np.int32).tobytes()
        if ranks.max() > 0 and key not in seen:
            seen.add(key)
            keep.append(j)
    return keep


def _peel(columns: Mapping[str, FloatArray], happened: BoolArray) -> list[Limit]:
    """Peel until nothing raises the share, then drop every limit that does not matter."""
    import numpy as np

    n = len(happened)
    least = max(LEAST_FUTURES, int(LEAST_SHARE * n))
    inside = np.ones(n, dtype=bool)
    low = dict.fromkeys(columns, -math.inf)
    high = dict.fromkeys(columns, math.inf)
    while inside.sum() > least and happened[inside].mean() < 0.995:
        before = float(happened[inside].mean())
        size = int(inside.sum())
        best: tuple[float, str, bool, float, Any] | None = None
        for name, column in columns.items():
            mine = column[inside]
            for upper in (True, False):
                bound = _bound(mine, upper)
                if bound is None:
                    continue
                kept = inside & (column <= bound if upper else column >= bound)
                count = int(kept.sum())
                if count < least or count == size:
                    continue
                gain = (float(happened[kept].mean()) - before) / (size - count)
                if best is None or gain > best[0]:
                    best = (gain, name, upper, bound, kept)
        if best is None or best[0] <= 0:
            break
        _, name, upper, bound, inside = best
        if upper:
            high[name] = bound
        else:
            low[name] = bound
        used = [v for v in columns if low[v] > -math.inf or high[v] < math.inf]
        if len(used) > MOST_LIMITS and happened[inside].mean() >= ENOUGH:
            break
    limits = [
        Limit(name, low[name], high[name])
        for name in columns
        if low[name] > -math.inf or high[name] < math.inf
    ]
    return _needed(limits, columns, happened)


def _bound(values: FloatArray, upper: bool) -> float | None:
    """Where to cut so that about PEEL of the values go, at least one distinct value stays and a
    lump of equal values goes or stays whole."""
    import numpy as np

    q = 1 - PEEL if upper else PEEL
    cut = float(np.quantile(values, q, method="inverted_cdf"))
    distinct = np.unique(values)
    if len(distinct) < 2:
        return None
    if upper:
        below = distinct[distinct <= cut] if cut < distinct[-1] else distinct[:-1]
        return float(below[-1]) if len(below) else None
    above = distinct[distinct >= cut] if cut > distinct[0] else distinct[1:]
    return float(above[0]) if len(above) else None


def _needed(
    limits: list[Limit], columns: Mapping[str, FloatArray], happened: BoolArray
) -> list[Limit]:
    """The limits without which the share would fall, few enough to read."""
    import numpy as np

    def share(chosen: list[Limit]) -> float:
        meets = np.ones(len(happened), dtype=bool)
        for one in chosen:
            meets &= one.holds(columns[one.name])
        return float(happened[meets].mean()) if meets.any() else 0.0

    while limits:
        now = share(limits)
        without = [share([o for o in limits if o is not one]) for one in limits]
        place = int(np.argmax(without))
        inside = np.logical_and.reduce([one.holds(columns[one.name]) for one in limits]).sum()
        error = math.sqrt(max(now * (1 - now), 0.01) / max(int(inside), 1))
        if len(limits) > MOST_LIMITS or now - without[place] < max(0.03, 1.5 * error):
            limits = [one for i, one in enumerate(limits) if i != place]
        else:
            break
    return limits
