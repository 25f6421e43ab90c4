"""Scores for forecasts of counts whose truth may be a range.

In come sorted draws, weighted points or single points, and a truth. Out come CRPS, coverage and
the place of the truth among the draws. The whole distribution is scored, so that a forecast is
rewarded for being sure only when it is right.
"""

from __future__ import annotations

import numpy as np

from onward.forecast.counts.history import Truth
from onward.forecast.counts.stock import FloatArray


def crps(draws: FloatArray, truth: float) -> float:
    """Continuous ranked probability score of equally likely `draws`, in people; lower is better.

    draws   (n,) in any order; one draw is a point forecast and scores its absolute error
    source  mean |x - y| - half the mean |x - x'|, with the second term summed over sorted draws
    """
    x = np.sort(draws)
    n = len(x)
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return float(np.abs(x - truth).mean() - (ranks * x).sum() / n**2)


def crps_against(draws: FloatArray, truth: Truth) -> float:
    """CRPS against the point of the truth's range nearest to the median of `draws`."""
    return crps(draws, truth.nearest(float(np.median(draws))))


def covers(low: float, high: float, truth: Truth) -> bool:
    """Whether the interval from `low` to `high` meets the truth's range."""
    return low <= truth.high and high >= truth.low


def place(draws: FloatArray, truth: Truth, rng: np.random.Generator) -> float:
    """Share of draws below the truth, ties split at random (randomised PIT), between 0 and 1.

    Where forecasts are honest, these places are spread evenly over many tests.
    """
    point = truth.nearest(float(np.median(draws)))
    below, equal = float((draws < point).mean()), float((draws == point).mean())
    return below + equal * float(rng.random())


def pit_bars(places: list[float], bins: int = 5) -> list[int]:
    """How many places fall in each of `bins` equal parts of 0 to 1."""
    counts, _ = np.histogram(places, bins=bins, range=(0.0, 1.0))
    return [int(count) for count in counts]
