"""How good a forecast was, and how to read it: proper scores, coverage, bands, chances.

Exists so that every room scores and summarises futures in one way. Goes in: draws (futures in
the first or only axis) and what happened, a number or a range. Comes out: plain numbers. Scores
are in the unit of the thing forecast (people) and lower is better. Where only a range [low,
high] of the truth is known, the forecast is held to the nearest point of the range.
The CRPS is the exact one of the sample taken as the forecast (the `qd`/`pwm`-type closed form on
sorted draws; Gneiting and Raftery, JASA 102, 2007); the tests hold it to `scoringrules`, which
itself takes seconds to import and is therefore not used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = "npt.ArrayLike"

BANDS = (50, 80, 95)


def _draws(draws: Numbers) -> FloatArray:
    x = np.asarray(draws, dtype=np.float64)
    if x.shape[0] == 0:
        raise ValueError("draws are empty; expected at least one future")
    if np.isnan(x).any():
        raise ValueError("draws hold a value that is not a number")
    return x


def crps(draws: Numbers, truth: Numbers) -> FloatArray:
    """Continuous ranked probability score of each target.

    draws    (futures, ...) draws;  truth  (...) what happened
    returns  (...) mean |X - y| - mean |X - X'| / 2, in the unit of the draws
    """
    x = np.sort(_draws(draws), axis=0)
    n = x.shape[0]
    y = np.asarray(truth, dtype=np.float64)
    rank = (2.0 * np.arange(1, n + 1) - n - 1.0).reshape((n,) + (1,) * (x.ndim - 1))
    spread = (rank * x).sum(0) / (n * n)
    return np.asarray(np.abs(x - y).mean(0) - spread)


def crps_range(draws: Numbers, low: float, high: float) -> float:
    """CRPS against the point of [low, high] that suits the forecast best.

    The score is convex in the truth, so the best point of the range is the forecast's median
    moved into the range.
    """
    if not low <= high:
        raise ValueError(f"range {low} to {high}; expected low <= high")
    x = _draws(draws)
    y = float(np.clip(np.quantile(x, 0.5, method="inverted_cdf"), low, high))
    return float(crps(x, y))


def interval_score(draws: Numbers, truth: Numbers, level: float = 0.9) -> FloatArray:
    """Width of the central interval plus a penalty for missing (Gneiting and Raftery, 2007)."""
    low, high = interval(draws, level)
    y = np.asarray(truth, dtype=np.float64)
    alpha = 1.0 - level
    return np.asarray(
        high - low + 2 / alpha * (np.maximum(low - y, 0) + np.maximum(y - high, 0))
    )


def interval(draws: Numbers, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
    """Central interval: (...) lower and upper quantiles of draws (futures, ...)."""
    if not 0 < level < 1:
        raise ValueError(f"level {level}; expected above 0 and below 1")
    tail = (1.0 - level) / 2
    low, high = np.quantile(_draws(draws), [tail, 1.0 - tail], axis=0)
    return np.asarray(low), np.asarray(high)


def covered(draws: Numbers, truth: Numbers, level: float = 0.9) -> npt.NDArray[np.bool_]:
    """(...) whether the central interval holds the truth."""
    low, high = interval(draws, level)
    y = np.asarray(truth, dtype=np.float64)
    return np.asarray((low <= y) & (y <= high))


def covered_range(draws: Numbers, low: float, high: float, level: float = 0.9) -> bool:
    """Whether the central interval meets the range [low, high] in which the truth lies."""
    a, b = interval(draws, level)
    return bool(a <= high and b >= low)


def pit(draws: Numbers, truth: Numbers, rng: np.random.Generator) -> FloatArray:
    """Randomised probability integral transform: uniform on (0, 1) for a calibrated forecast.

    Counts are discrete, so the truth's place among equal draws is drawn at random, and the
    truth takes one place among the futures (n + 1 places).
    """
    x = _draws(draws)
    y = np.asarray(truth, dtype=np.float64)
    below = (x < y).sum(0)
    equal = (x == y).sum(0)
    return np.asarray((below + rng.random(y.shape) * (equal + 1.0)) / (x.shape[0] + 1.0))


def fan(draws: Numbers, bands: Sequence[int] = BANDS) -> dict[str, FloatArray]:
    """Median and central bands of draws (futures, days): names "median", "low80", "high80", ..."""
    x = _draws(draws)
    out = {"median": np.asarray(np.quantile(x, 0.5, axis=0))}
    for band in bands:
        out[f"low{band}"], out[f"high{band}"] = interval(x, band / 100)
    return out


def chance_of_zero(draws: Numbers) -> FloatArray:
    """(...) share of futures in which nobody is left."""
    return np.asarray((_draws(draws) == 0).mean(0))


def chance_below(draws: Numbers, people: float) -> FloatArray:
    """(...) share of futures with fewer than `people` left."""
    return np.asarray((_draws(draws) < people).mean(0))


def chance_interval(chance: float, futures: int, level: float = 0.95) -> tuple[float, float]:
    """What a chance counted over so many futures can be (Wilson), so that 0 of 1,000 is not
    read as never."""
    from statistics import NormalDist

    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (chance + z * z / (2 * futures)) / (1 + z * z / futures)
    half = (
        z
        / (1 + z * z / futures)
        * np.sqrt(chance * (1 - chance) / futures + z * z / (4 * futures**2))
    )
    low = 0.0 if chance <= 0 else max(0.0, float(centre - half))
    high = 1.0 if chance >= 1 else min(1.0, float(centre + half))
    return low, high


def day_share_left(
    present: Numbers, people_at_start: float, share: float = 0.95
) -> npt.NDArray[Any]:
    """First day on which `share` of those here at the origin have left, per future.

    present   (futures, days) people present at the end of each day
    returns   (futures,) day, or infinity where it does not happen within the horizon
    """
    if not 0 < share <= 1:
        raise ValueError(f"share {share}; expected above 0 and at most 1")
    x = _draws(present)
    reached = x <= (1.0 - share) * people_at_start + 1e-9
    first = np.where(reached.any(1), reached.argmax(1), np.inf)
    return np.asarray(first, dtype=np.float64)


def skill(score: Numbers, rival: Numbers) -> float:
    """1 - mean score / mean rival's score: above 0 is better than the rival."""
    return float(1.0 - np.mean(np.asarray(score)) / np.mean(np.asarray(rival)))


def pit_histogram(values: Numbers, bins: int = 10) -> npt.NDArray[np.int64]:
    """Counts of PIT values in equal bins of (0, 1): flat when calibrated, a cup when too
    narrow, a hill when too wide."""
    counts, _ = np.histogram(np.asarray(values, dtype=np.float64), bins=bins, range=(0, 1))
    return counts.astype(np.int64)


def decompose(
    everything: Numbers, frozen: dict[str, Numbers], level: float = 0.8
) -> dict[str, float]:
    """How much narrower the forecast gets when one source of doubt is taken away.

    everything  (futures,) draws with all sources;  frozen  source -> draws without that source
    returns     source -> share of the interval's width it accounts for (may sum to other than 1)
    """
    low, high = interval(everything, level)
    width = float(high - low)
    shares = {}
    for source, draws in frozen.items():
        a, b = interval(draws, level)
        shares[source] = 0.0 if width == 0 else 1.0 - float(b - a) / width
    return shares


__all__ = [
    "BANDS",
    "chance_below",
    "chance_interval",
    "chance_of_zero",
    "covered",
    "covered_range",
    "crps",
    "crps_range",
    "day_share_left",
    "decompose",
    "fan",
    "interval",
    "interval_score",
    "pit",
    "pit_histogram",
    "skill",
]
