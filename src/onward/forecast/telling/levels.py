"""The levels at which futures are told: between which numbers half, 8 in 10 and 19 in 20 of them lie.

Exists so that a fan, a comparison and a reason are cut at the same places. Comes in: one number for
each future, or one for each future and day. Goes out: level -> number, or level -> one for each day.
"""

from __future__ import annotations

from typing import Any

LEVELS = {
    "q025": 0.025, "q10": 0.1, "q25": 0.25, "median": 0.5, "q75": 0.75, "q90": 0.9, "q975": 0.975,
}  # fmt: skip


def at_levels(values: Any) -> dict[str, float]:
    """(futures,) -> level -> one value."""
    import numpy as np

    at = np.quantile(values, list(LEVELS.values()))
    return {name: round(float(value), 1) for name, value in zip(LEVELS, at, strict=True)}


def over_days(values: Any) -> dict[str, list[float]]:
    """(futures, days) -> level -> one value per day."""
    import numpy as np

    table = np.quantile(values, list(LEVELS.values()), axis=0)
    return {
        name: [round(float(v), 1) for v in row] for name, row in zip(LEVELS, table, strict=True)
    }
