"""People who leave by convoy or flight leave on certain days, not a few every day.

Exists because a pace spread evenly over the days says that somebody leaves tomorrow, every
tomorrow; on most days nobody does, and on one in thirty many do. Comes in: the days on which the
log shows people leaving by one step, with who stood ready on the eve. Goes out: which steps are
such movements, what share of those ready leaves on one of their days (the rest of the forecast
takes it as a hazard of that day), and the days to come, drawn anew in every future.

The next days follow the gaps between past ones, given that none has come since the last. Gaps seen
more than once are a schedule, believed in as often as they were kept to; the others follow a
lognormal law whose middle and spread are drawn anew in every future. So a schedule kept to the day
stays one, one kept roughly is drawn roughly, and a long silence is believed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeAlias

from onward.forecast.simulator.draws import stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    FloatArray = npt.NDArray[np.float64]

# Two units on one day say nothing, and what happens about every day is no movement.
NAMED = "departures by "
LEAST_UNITS = 3.0
LEAST_GAP_DAYS = 5.0
USUAL_GAP_DAYS = 28.0
# How far a gap may be from the usual one (log-sd) and how many gaps that guess is worth; how many
# gaps the belief is worth that none will be kept to (half an event, as for a rate never seen).
GAP_DOUBT, LEAST_FREEDOM, BELIEF = 0.6, 2.0, 0.5
MOST_DAYS = 120


@dataclass(frozen=True)
class Movement:
    """A step by which people leave on certain days only.

    move      its key
    days      days on which somebody left, from the origin back: 0 is the origin, ascending; none
              where only the plan speaks of them
    usual     days between two of them, in the middle case
    declared  how many days to come the plan names
    """

    move: str
    days: tuple[int, ...]
    usual: float
    declared: int = 0

    @property
    def gaps(self) -> tuple[int, ...]:
        """Days from each of them to the next."""
        return tuple(b - a for a, b in pairwise(self.days))

    def columns(self, horizon: int) -> list[str]:
        """Parameters for the days to come: as many as a lively future needs."""
        gaps: list[float] = sorted(self.gaps) or [self.usual]
        short = max(min(float(gaps[len(gaps) // 4]), 0.6 * self.usual), 1.0)
        count = min(self.declared + math.ceil(horizon / short) + 2, MOST_DAYS)
        return [f"{NAMED}{self.move}, day {number}" for number in range(1, count + 1)]


Ready: TypeAlias = "dict[tuple[str, str, dt.date], tuple[int, int]]"
"""(state, stratum, day) -> people who left on that day, people there on the eve."""


def read(departures: pa.Table, stratum: Callable[[Mapping[str, Any]], str]) -> dict[str, Ready]:
    """The departures of `caseload.pace.pace`, by move.

    stratum  the name of a row's stratum
    """
    found: dict[str, Ready] = {}
    for row in departures.to_pylist():
        of = found.setdefault(row["move"], {})
        key = (row["forecast_state"], stratum(row), row["on_day"])
        left, there = of.get(key, (0, 0))
        of[key] = (left + int(row["transitions"]), there + int(row["waiting"]))
    return found


def movement(
    move: str, seen: Ready, *, origin: dt.date, family: float, declared: float | None = None
) -> Movement | None:
    """The movement a step is, or None where people leave by it on any day.

    family    people per unit
    declared  days between two movements as the plan has them
    Spread evenly over the days since the first of them (a month at least), so many units would
    have met on some days by chance. Where clearly more share a day, they moved together.
    """
    by_day: dict[int, float] = {}
    for (_, _, day), (left, _) in seen.items():
        if left:
            at = (day - origin).days
            by_day[at] = by_day.get(at, 0.0) + left / family
    days = sorted(by_day)
    units = sum(by_day.values())
    if units < LEAST_UNITS:
        return None
    span = max(float(-days[0]), USUAL_GAP_DAYS)
    by_chance = units - span * (1 - math.exp(-units / span))
    if units - len(days) < by_chance + 3 * math.sqrt(by_chance) + 1:
        return None
    gaps = sorted(b - a for a, b in pairwise(days))
    usual = float(gaps[len(gaps) // 2]) if gaps else declared or USUAL_GAP_DAYS
    return Movement(move, tuple(days), usual) if usual >= LEAST_GAP_DAYS else None


def days_to_come(
    one: Movement, futures: int, seed: int, horizon: int, declared: FloatArray | None = None
) -> FloatArray:
    """(futures, columns) days of the movements to come, ascending; day 0 is the first simulated.

    declared  (futures, `one.declared`) the days the plan names; the others come after them
    """
    import numpy as np

    times = Counter(one.gaps)
    kept = sorted(gap for gap, n in times.items() if n > 1)
    once = sorted(gap for gap, n in times.items() if n == 1)

    def fresh(what: str) -> np.random.Generator:
        return stream(seed, "movement", one.move, what)

    # How far each future believes in each gap that has been kept to, and in gaps that are not.
    shape = [*(float(times[gap]) for gap in kept), len(once) + BELIEF]
    belief = fresh("belief").standard_gamma(shape, (futures, len(shape)))
    # Where no gap is kept to: a lognormal law read from the others, and what is usual.
    logs = np.log([one.usual, *once])
    freedom = LEAST_FREEDOM + len(once)
    around = LEAST_FREEDOM * GAP_DOUBT**2 + float(((logs - logs.mean()) ** 2).sum())
    spread = np.sqrt(around / (2 * fresh("spread").standard_gamma(freedom / 2, futures)))
    middle = logs.mean() + spread * fresh("middle").standard_normal(futures) / len(logs) ** 0.5
    silent = float(-one.days[-1]) if one.days else 0.0

    def gap(number: int) -> FloatArray:
        """(futures,) the gap to this movement; the first is longer than the silence so far."""
        weight = belief.copy()
        z = fresh(f"gap {number}").standard_normal(futures)
        least = 1.0
        if not number and not one.declared:
            least = silent + 1
            below = _cdf((math.log(silent + 0.5) - middle) / spread)
            weight *= np.column_stack(
                [*(np.full(futures, g > silent) for g in kept), 1 - below]
            )
            z = _quantile(below + (1 - below) * _cdf(z))
        rough = np.maximum(np.rint(np.exp(np.minimum(middle + spread * z, 10.0))), least)
        edges = np.cumsum(weight, axis=1)
        u = fresh(f"choice {number}").random(futures) * edges[:, -1]
        at = (u[:, None] >= edges[:, :-1]).sum(axis=1)
        values = np.column_stack([*(np.full(futures, float(g)) for g in kept), rough])
        return np.asarray(values[np.arange(futures), at])

    found = [declared[:futures, i] for i in range(one.declared)] if declared is not None else []
    if not found:
        found = [gap(0) - silent - 1]
    for number in range(len(found), len(one.columns(horizon))):
        found.append(found[-1] + gap(number))
    return np.stack(found, axis=1)


@dataclass(frozen=True)
class Seats:
    """A capacity that people draw on by one movement only.

    move      the movement
    supplies  (amount, first day, day after the last, window in days): what comes every window, by
              the names of their parameters
    """

    move: str
    supplies: tuple[tuple[str, str, str, int], ...]

    @staticmethod
    def columns(pool: str, days: list[str]) -> list[str]:
        """The parameters that hold the seats of each coming movement."""
        return [f"{pool} seats {number}" for number in range(1, len(days) + 1)]


def seats_of(
    one: Movement, days: FloatArray, supplies: Sequence[tuple[FloatArray, FloatArray, FloatArray, int]]
) -> FloatArray:  # fmt: skip
    """(futures, columns) seats of each movement: what has come up since the one before it, at most
    one window's worth, since what a window leaves unused lapses.

    supplies  (amounts, first days, days after the last, window) of each supply
    """
    import numpy as np

    before = float(one.days[-1]) - 1 if one.days else -math.inf
    gap = np.diff(days, axis=1, prepend=np.full((len(days), 1), before))
    found = np.zeros_like(days)
    for amount, start, end, window in supplies:
        given = (start[:, None] <= days) & (days < end[:, None])
        found += np.where(given, amount[:, None] * np.minimum(gap / window, 1.0), 0.0)
    return np.asarray(np.rint(found))


def _cdf(level: FloatArray) -> FloatArray:
    import numpy as np

    return np.array([_NORMAL.cdf(float(v)) for v in level])


def _quantile(share: FloatArray) -> FloatArray:
    import numpy as np

    return np.array([_NORMAL.inv_cdf(min(max(float(v), 1e-12), 1 - 1e-12)) for v in share])


_NORMAL = NormalDist()
