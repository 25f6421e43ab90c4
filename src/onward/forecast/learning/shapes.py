"""What waits look like: queues that take their time, sieves that the eager leave first, or neither.

Comes in: person-days and moves by days already waited (`caseload.waits`). Goes out: for each
state a `Shape` the simulator can run: so many equal stages (an Erlang wait), two ages with a
slower pace in the second, or the plain wait without memory, which is kept unless the log speaks
clearly against it.

Stages fit what an office does (a file passes several desks). Ages fit what people differ in: those
who want to and can go first, and whoever is left goes more slowly, so a forecast without ages
empties a place too soon.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]

# More stages than six hardly change a forecast and cost as much as they are many.
STAGES = (2, 3, 4, 6)
AGES_DAYS = (14.0, 30.0, 60.0, 120.0)
# A queue needs this many decisions seen, and each shape this much more log-likelihood than the
# plain wait: about the odds of seven to one, and twenty to one where two numbers are fitted.
LEAST_EVENTS = 8.0
GAIN_STAGES, GAIN_AGES = 2.0, 3.0


@dataclass(frozen=True)
class Waited:
    """One state's waits by days already waited, rows in order.

    low, high   days waited at the beginning and end of each row
    days        person-days;  waiting  people who still wait
    steps       moves that are steps of the procedure;  others  every other move that takes a
                whole unit
    """

    low: FloatArray
    high: FloatArray
    days: FloatArray
    waiting: FloatArray
    steps: FloatArray
    others: FloatArray

    def at_mean_pace(self, quicker: Sequence[float]) -> Waited:
        """The same with days counted for as much as those who waited were quick."""
        return replace(self, days=self.days * quicker)


@dataclass(frozen=True)
class Shape:
    """How a state is waited in.

    stages   of the procedure's steps; 1 where the wait has no memory
    ages     days after which the pace changes; () for never
    weights  pace of each age as a multiple of the first
    scale    what the plain rate (moves by person-days) is multiplied by
    start    share of those waiting now in each stage or age
    gain     log-likelihood gained over the plain wait
    """

    stages: int = 1
    ages: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    scale: float = 1.0
    start: tuple[float, ...] = ()
    gain: float = 0.0


PLAIN = Shape()


def shape_of(seen: Waited, *, family: float = 1.0) -> Shape:
    """The shape the log speaks for.

    family   people who move as one: they are one piece of evidence
    """
    queue, sieve = _stages(seen, family), _ages(seen, family)
    found = max((queue, sieve), key=lambda one: one.gain)
    return found if found.gain > 0 else PLAIN


def _log_likelihood(events: FloatArray, days: FloatArray, hazard: FloatArray) -> FloatArray:
    """(...) of hazards (..., rows) that are constant within each row."""
    import numpy as np

    return np.asarray(
        (events * np.log(np.maximum(hazard, 1e-300)) - hazard * days).sum(axis=-1)
    )


def _hazards(log_left: FloatArray, width: FloatArray) -> FloatArray:
    import numpy as np

    return np.asarray(np.maximum(-np.diff(log_left, axis=-1), 0.0) / width)


def _edges(seen: Waited) -> tuple[FloatArray, FloatArray]:
    """The rows' edges and widths, the last row ending where nobody has waited longer."""
    import numpy as np

    reached = np.flatnonzero(seen.days > 0)
    last = int(reached[-1]) + 1 if len(reached) else 0
    edges = np.append(seen.low[:last], seen.high[last - 1] if last else 1.0)
    if last and edges[-1] > 10_000:
        edges[-1] = max(edges[-2] * 1.5, edges[-2] + 1)
    return edges, np.diff(edges)


def _plain(events: FloatArray, days: FloatArray) -> float:
    total, time = float(events.sum()), float(days.sum())
    return total * math.log(total / time) - total if total and time else 0.0


def log_left(stages: int, mean: FloatArray, at: FloatArray) -> FloatArray:
    """(means, times) log of the share of an Erlang wait that lasts longer."""
    import numpy as np

    x = stages * at[None, :] / mean[:, None]
    term = np.ones_like(x)
    total = np.ones_like(x)
    scale = np.zeros_like(x)
    for j in range(1, stages):
        term = term * x / j
        total += term
        # long waits would overflow: carried in logarithms from there on
        big = total > 1e200
        scale = np.where(big, scale + math.log(1e200), scale)
        term, total = np.where(big, term / 1e200, term), np.where(big, total / 1e200, total)
    return np.asarray(np.log(total) + scale - x)


def _stages(seen: Waited, family: float) -> Shape:
    import numpy as np

    edges, width = _edges(seen)
    n = len(width)
    events, days = seen.steps[:n], seen.days[:n]
    total = float(events.sum())
    # A step few people wait for says more about those few than about the queue.
    if total / family < LEAST_EVENTS or n < 3 or total < seen.others.sum() / 2:
        return PLAIN
    plain = _plain(events, days)
    rate = total / float(days.sum())
    best = PLAIN
    for stages in STAGES:
        # The mean can only be shorter than the plain one where some have not waited long enough.
        means = np.geomspace(1 / rate / 50, 1 / rate * 1.2, 600)
        fits = _log_likelihood(events, days, _hazards(log_left(stages, means, edges), width))
        top = int(np.argmax(fits))
        gain = (float(fits[top]) - plain) / family - GAIN_STAGES
        if gain > best.gain:
            mean = float(means[top])
            best = Shape(
                stages=stages,
                scale=1 / mean / rate,
                start=_stage_now(stages, mean, seen),
                gain=gain,
            )
    return best


def _stage_now(stages: int, mean: float, seen: Waited) -> tuple[float, ...]:
    """In which stage those now waiting stand, given how long they have waited."""
    import numpy as np

    shares = np.zeros(stages)
    shares[0] = 1e-6
    for low, high, people in zip(seen.low, seen.high, seen.waiting, strict=True):
        if people:
            x = stages * (low + min(high, low * 1.5 + 7)) / 2 / mean
            logs = np.array(
                [j * math.log(max(x, 1e-12)) - math.lgamma(j + 1) for j in range(stages)]
            )
            odds = np.exp(logs - logs.max())
            shares += people * odds / odds.sum()
    return tuple((shares / shares.sum()).round(6).tolist())


def _ages(seen: Waited, family: float) -> Shape:
    import numpy as np

    edges, width = _edges(seen)
    n = len(width)
    events, days = (seen.steps + seen.others)[:n], seen.days[:n]
    total = float(events.sum())
    if total / family < 3 * LEAST_EVENTS or n < 3:
        return PLAIN
    plain = _plain(events, days)
    rate = total / float(days.sum())
    first = rate * np.geomspace(1.0, 8.0, 40)
    slower = np.linspace(0.02, 0.8, 40)
    h1, ratio = (part.ravel() for part in np.meshgrid(first, slower, indexing="ij"))
    best = PLAIN
    for age in AGES_DAYS:
        young = np.exp(-(h1[:, None] + 1 / age) * edges)
        h2 = h1 * ratio
        gap = h1 + 1 / age - h2
        old = (np.exp(-h2[:, None] * edges) - young) / (age * gap[:, None])
        left = np.log(np.maximum(young + old, 1e-300))
        fits = _log_likelihood(events, days, _hazards(left, width))
        top = int(np.argmax(fits))
        gain = (float(fits[top]) - plain) / family - GAIN_AGES
        if gain > best.gain:
            best = Shape(
                ages=(age,),
                weights=(1.0, float(ratio[top])),
                scale=float(h1[top]) / rate,
                start=_age_now(age, float(h1[top]), float(h2[top]), seen),
                gain=gain,
            )
    return best


def _age_now(age: float, h1: float, h2: float, seen: Waited) -> tuple[float, float]:
    """How many of those now waiting are still of the first age, given how long they have waited."""
    young = old = 1e-6
    for low, high, people in zip(seen.low, seen.high, seen.waiting, strict=True):
        waited = (low + min(high, low * 1.5 + 7)) / 2
        own = math.exp(-(h1 + 1 / age) * waited)
        other = (math.exp(-h2 * waited) - own) / (age * (h1 + 1 / age - h2))
        young += people * own / (own + other)
        old += people * other / (own + other)
    return float(young / (young + old)), float(old / (young + old))


def waited_by_state(
    rows: Sequence[Mapping[str, object]],
    step: Mapping[tuple[str, str], bool],
) -> dict[str, Waited]:
    """The rows of `caseload.waits` by forecast state.

    step  (state, move) -> True for a step of the procedure, False for another move that takes a
          whole unit; moves that are not named (a death, a pool's) are left out
    """
    import numpy as np

    lows = sorted({(int(str(r["waited_from"])), int(str(r["waited_days"]))) for r in rows})
    place = {low: i for i, (low, _) in enumerate(lows)}
    edges = np.array([[low, low + length] for low, length in lows], dtype=float)
    parts: dict[str, FloatArray] = {}
    for row in rows:
        state = row["forecast_state"]
        if state is None:
            continue
        table = parts.setdefault(str(state), np.zeros((4, len(lows))))
        at = place[int(str(row["waited_from"]))]
        if row["move"] is None:
            table[0, at] += int(str(row["person_days"]))
            table[1, at] += int(str(row["waiting"]))
        else:
            kind = step.get((str(state), str(row["move"])))
            if kind is not None:
                table[2 if kind else 3, at] += int(str(row["transitions"]))
    return {state: Waited(edges[:, 0], edges[:, 1], *table) for state, table in parts.items()}
