"""How likely it is that nobody, or fewer than so many, are left, and by when nearly all have gone.

Exists so that everybody, each group, each stage and each way out are asked the same. Comes in:
people in every future. Goes out: plain numbers, ready to be stored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onward.errors import Fault
from onward.forecast.telling.levels import LEVELS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

NEARLY_ALL = 0.95
MOST_ASKED = 8
"""Bounds a planner may ask about in one forecast: a page has room for as many."""


def refused(asked: Sequence[int]) -> list[Fault]:
    """What is wrong with the bounds asked about, for the option --fewer-than."""
    faults = [
        Fault("", "", "--fewer-than", f"{bound}", "1 or more people")
        for bound in asked
        if bound < 1
    ]
    if len(asked) > MOST_ASKED:
        faults.append(
            Fault("", "", "--fewer-than", f"{len(asked)} numbers", f"at most {MOST_ASKED}")
        )
    return faults


def bounds(people: float, asked: Sequence[int] = ()) -> list[int]:
    """Round numbers a planner asks about (shares of so many people, to one digit and a half), and
    those asked for."""
    found = set(asked)
    for share in (0.05, 0.1, 0.25, 0.5, 0.75, 0.9):
        value = people * share
        step = max(10 ** (len(str(int(value))) - 1) // 2, 1)
        found.add(max(int(round(value / step) * step), 1))
    return sorted(found)


def zero(final: Any) -> float:
    """The share of futures in which nobody is left."""
    return round(float((final == 0).mean()), 4)


def fewer(final: Any, asked: Sequence[int]) -> dict[str, float]:
    """Number -> the share of futures in which fewer than so many are left."""
    return {str(bound): round(float((final < bound).mean()), 4) for bound in asked}


def gone_95(present: Any, start: float, as_of: dt.date) -> dict[str, str | None]:
    """When 95% of those here at first have left: the date in each of three shares of the futures.

    present   (futures, days) people at the end of each day after `as_of`
    """
    import numpy as np

    if start <= 0:
        return dict.fromkeys(("q10", "median", "q90"))
    reached = present <= (1 - NEARLY_ALL) * start + 1e-9
    days = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
    return at_dates(days, as_of)


def at_dates(days: FloatArray, as_of: dt.date) -> dict[str, str | None]:
    """(futures,) days after `as_of`, infinity for never -> the date in each of three shares of them;
    none where there is no future."""
    import numpy as np

    found: dict[str, str | None] = {}
    for name in ("q10", "median", "q90"):
        known = len(days) > 0
        day = float(np.quantile(days, LEVELS[name], method="inverted_cdf")) if known else np.inf
        found[name] = None if np.isinf(day) else str(as_of + dt.timedelta(days=int(day)))
    return found


def by_part(
    groups: Mapping[str, Any], start: Mapping[str, int], states: Mapping[str, FloatArray],
    left: Mapping[str, FloatArray], asked: Sequence[int], as_of: dt.date,
    through: Mapping[str, Mapping[str, FloatArray]],
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """The same by group, by stage on the day, and by way out until then.

    groups  (futures, days) people of each;  start  people of each at first
    states  (futures,) people who stand in each on the last day
    left    (futures,) people who left by each way;  for these, nobody and fewer *have left*
    through  "states" and "left" -> name -> (futures,) days until nearly all are through
             (`courses`); of ways only the futures count in which anybody leaves by them
    """
    return {
        "groups": {
            name: {
                "start": start[name], "zero": zero(course[:, -1]),
                "fewer_than": fewer(course[:, -1], bounds(start[name], asked)),
                "gone_95": gone_95(course, start[name], as_of),
            }
            for name, course in groups.items()
        },
        "states": {
            name: {
                "zero": zero(people), "fewer_than": fewer(people, sorted(asked)),
                "gone_95": at_dates(through["states"][name], as_of),
            }
            for name, people in states.items()
        },
        "left": {
            name: {
                "zero": zero(people), "fewer_than": fewer(people, sorted(asked)),
                "gone_95": at_dates(_ever(through["left"][name]), as_of),
            }
            for name, people in left.items()
        },
    }  # fmt: skip


def _ever(days: FloatArray) -> FloatArray:
    """Those of the days that come."""
    import numpy as np

    return np.asarray(days[np.isfinite(days)])
