"""How people may answer what happens around them: declared assumptions, each with its prior.

Exists because past departures hinge on it and no rulebook states it. Comes in: which terms are on,
and what the log shows by group and month. Goes out: for every term the values still possible, as
rows that belong together, with a sentence saying whether the log has taught anything or the term
is an assumption. Terms act on *engaging and choosing*: the moves of people who have not chosen a
way yet. Nothing here can be set as a lever: these are doubts, not instruments.

- deadline     as a date draws near people may decide and move faster
- news         word of people who arrived safely, some weeks old, makes others choose
- leadership   while most of a group has not chosen, those who would are held back
- incident     a rumour or an incident stops engagement for some days

A fifth is read from the stays of families and not from counts (`differ`): whether the same ones are
quick step after step.

A rate read from the log already contains the news and the hold of its time, so both are taken
relative to what they were on average then. Where a term fits the log better than others it keeps
more weight: the residual of each group's monthly pace is weighed under the shared shocks the fit
found (a Gaussian likelihood with each group's own level left free).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from onward.forecast.learning.wandering import alike

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]

ROWS = 4000
NEWS_HALF, NEWS_LAG_DAYS = 0.1, 21
STOPS = 3
# Priors: shape and rate of Gamma laws. Nobody knows these strengths beforehand, so each may be
# nothing or several times its mean.
DEADLINE_PRIOR = (0.7, 1.4)
NEWS_PRIOR = (0.7, 0.7)
HOLD_PRIOR = (0.7, 0.7)
STOPS_A_YEAR_PRIOR = (1.0, 1.0)
STOP_DAYS, STOP_LOG_SD = 14.0, 0.6
# The terms are crude and the log is one history: what it says of them counts half.
TEMPER = 0.5
# Posterior spread below this share of the prior's counts as learnt.
LEARNT = 0.7


@dataclass(frozen=True)
class Behaviour:
    """Which terms are on."""

    deadline: bool = True
    news: bool = True
    leadership: bool = True
    incident: bool = True
    differ: bool = True

    @classmethod
    def of(cls, on: bool | Behaviour) -> Behaviour:
        """All of them, none, or as given."""
        if isinstance(on, Behaviour):
            return on
        return cls(on, on, on, on, on)

    def without(self, *names: str) -> Behaviour:
        """The same with some terms switched off.

        raises  ValueError for a term that does not exist
        """
        known = list(TERMS)
        for name in names:
            if name not in known:
                raise ValueError(f'"{name}"; expected one of {", ".join(known)}')
        return Behaviour(**{name: getattr(self, name) and name not in names for name in known})


TERMS: Mapping[str, str] = {
    "deadline": "how people answer a date that draws near",
    "news": "how far news of safe arrivals moves others to choose",
    "leadership": "how far a group that has not chosen holds back those who would",
    "incident": "rumours and incidents that stop engagement",
    "differ": "whether the same families are quick step after step",
}


@dataclass(frozen=True)
class Joint:
    """Values that belong together: one row holds a possible course of all the named parameters.

    values  (rows, names)
    """

    names: tuple[str, ...]
    values: FloatArray

    def pick(self, futures: int, seed: int) -> Mapping[str, FloatArray]:
        """One row per future, by name."""
        import numpy as np

        from onward.forecast.simulator.draws import stream

        u = stream(seed, "behaviour").random(futures)
        rows = np.minimum((u * len(self.values)).astype(int), len(self.values) - 1)
        return {name: self.values[rows, j] for j, name in enumerate(self.names)}


@dataclass(frozen=True)
class Past:
    """What the log shows by period, in order.

    mid         (P,) middle of each period in days from the origin (negative)
    safe        (P,) share of all people known who had arrived somewhere safe
    undecided   (groups, P) share of the people present who had not chosen
    counted     (groups, P) engaging and choosing moves, in units;  expected: at the log's own pace
    stopped     (P,) share of each period in which engagement had stopped; length: days
    other       (P,), other_expected: every other move, which the shocks touch and the terms do not
    """

    mid: FloatArray
    safe: FloatArray
    undecided: FloatArray
    counted: FloatArray
    expected: FloatArray
    other: FloatArray
    other_expected: FloatArray
    stopped: FloatArray | None = None
    length: FloatArray | None = None

    @property
    def stops(self) -> int:
        """Incidents seen: runs of periods in which engagement stopped for a part at least."""
        if self.stopped is None:
            return 0
        on = self.stopped > 0
        return int(on[0]) + int((on[1:] & ~on[:-1]).sum()) if len(on) else 0

    @property
    def years(self) -> float:
        return float(self.length.sum()) / 365 if self.length is not None else 0.0

    @property
    def stopped_now(self) -> bool:
        """Whether engagement was stopped when the log ends."""
        return self.stopped is not None and len(self.stopped) > 0 and self.stopped[-1] > 0


@dataclass(frozen=True)
class Learnt:
    """Terms after looking at the log.

    joint      parameters: "news strength", "hold strength", "deadline strength",
               "stop 0 until", "stop N from", "stop N until"
    said       term -> the sentence a reader needs
    told       term -> how much narrower the log left it: 0 nothing learnt, 1 known
    past, groups   what the log showed, to take strengths relative to its average
    """

    joint: Joint
    past: Past
    groups: tuple[str, ...]
    said: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, float] = field(default_factory=dict)

    def derived(self, drawn: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """What follows from the strengths drawn, by name.

        "news so far", "hold so far [group]": 1 by the average multiplier over the log;
        "hold": the strength as the simulator's exponent
        """
        news, hold = drawn["news strength"], drawn["hold strength"]
        return {
            "hold": -hold,
            "news so far": 1
            / _mean_then(_news(self.past, news), self.past.expected.sum(axis=0)),
            **{
                f"hold so far [{name}]": 1
                / _mean_then(_hold(self.past, hold)[:, g], self.past.expected[g])
                for g, name in enumerate(self.groups)
            },
        }


def _news(past: Past, strength: FloatArray) -> FloatArray:
    """(rows, periods) multiplier of the news."""
    import numpy as np

    # None had arrived before the first period.
    heard = np.interp(past.mid - NEWS_LAG_DAYS, past.mid, past.safe, left=0.0)
    return np.asarray(1 + strength[:, None] * heard / (heard + NEWS_HALF))


def _hold(past: Past, strength: FloatArray) -> FloatArray:
    """(rows, groups, periods) multiplier of each group's leadership."""
    import numpy as np

    return np.asarray(np.exp(-strength[:, None, None] * past.undecided[None]))


def learn(
    past: Past, groups: Sequence[str], *, shock_sd: float, memory_days: float, seed: int = 1
) -> Learnt:
    """What is still possible of each term after the log.

    groups   names of the strata, in the order of the arrays
    """
    import numpy as np

    from onward.forecast.simulator.draws import stream

    rng = stream(seed, "behaviour terms")
    news = rng.gamma(NEWS_PRIOR[0], 1 / NEWS_PRIOR[1], ROWS)
    hold = rng.gamma(HOLD_PRIOR[0], 1 / HOLD_PRIOR[1], ROWS)
    weights = _weights(past, _news(past, news), _hold(past, hold), shock_sd, memory_days)
    rows = rng.choice(ROWS, size=ROWS, p=weights)
    columns: dict[str, FloatArray] = {
        "news strength": news[rows],
        "hold strength": hold[rows],
        "deadline strength": rng.gamma(DEADLINE_PRIOR[0], 1 / DEADLINE_PRIOR[1], ROWS),
        **_stops(rng, past),
    }
    told = {
        "news": max(1 - _spread(news[rows]) / _spread(news), 0.0),
        "leadership": max(1 - _spread(hold[rows]) / _spread(hold), 0.0),
        "deadline": 0.0,
        "incident": 1 - math.sqrt(1 / (1 + past.stops + past.years)) if past.stops else 0.0,
    }
    return Learnt(
        Joint(tuple(columns), np.stack(list(columns.values()), axis=1)),
        past,
        tuple(groups),
        {
            "news": _sentence(
                "Word of people who arrived safely makes others choose, three weeks later",
                1 + news[rows] * 0.5, "times as fast once one in ten has arrived", told["news"],
            ),
            "leadership": _sentence(
                "While most of a group has not chosen, those who would are held back",
                np.exp(-hold[rows]), "of the pace if nobody had chosen", told["leadership"],
            ),
            "deadline": "As the deadline draws near people may decide and move faster: by half "
            "on average, possibly not at all. An assumption: no such date has passed here yet.",
            "incident": _incidents(past),
        },
        told,
    )  # fmt: skip


def _sentence(what: str, effect: FloatArray, unit: str, told: float) -> str:
    import numpy as np

    low, middle, high = np.quantile(effect, [0.1, 0.5, 0.9])
    basis = (
        "Partly read from this log."
        if told > 1 - LEARNT
        else "An assumption: this log cannot tell yet."
    )
    return f"{what}: {middle:.1f} ({low:.1f} to {high:.1f}) {unit}. {basis}"


def _spread(values: FloatArray) -> float:
    import numpy as np

    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low)


def _mean_then(path: FloatArray, weight: FloatArray) -> FloatArray:
    """(rows,) average of a multiplier over the log, as the rates saw it."""
    import numpy as np

    total = float(weight.sum())
    if total <= 0:
        return np.ones(len(path))
    return np.asarray(path @ (weight / total))


def _weights(
    past: Past, news_path: FloatArray, hold_path: FloatArray, shock_sd: float, memory: float
) -> FloatArray:
    """(rows,) how well each row fits the log, adding up to 1."""
    import numpy as np

    series, counted, expected, acts = [], [], [], []
    for g in range(len(past.expected)):
        series.append(g)
        counted.append(past.counted[g])
        expected.append(past.expected[g])
        acts.append(True)
    counted.append(past.other)
    expected.append(past.other_expected)
    acts.append(False)
    values, noise, of, at = [], [], [], []
    for i, (seen, due) in enumerate(zip(counted, expected, strict=True)):
        for p in np.flatnonzero(due > 1):
            values.append(math.log((seen[p] + 0.5) / (due[p] + 0.5)))
            noise.append(1 / (due[p] + 0.5))
            of.append(i)
            at.append(int(p))
    if len(values) < 6:
        return np.full(ROWS, 1 / ROWS)
    which, when = np.array(of), np.array(at)
    y, days = np.array(values), past.mid[when]
    long = past.length[when] if past.length is not None else np.zeros(len(when))
    sd = max(shock_sd, 0.1)
    # Beside the shocks all moves share, each group's pace wanders by itself about half as much.
    own = 0.25 * (which[:, None] == which[None, :])
    shared = alike(days, long, days, long, max(memory, 1.0))
    cover = sd**2 * (1 + own) * shared + np.diag(noise)
    inverse = np.linalg.inv(cover)
    level = (which[:, None] == np.unique(which)[None, :]).astype(float)
    part = inverse @ level
    inverse = inverse - part @ np.linalg.solve(level.T @ part, part.T)
    moved = np.zeros((ROWS, len(y)))
    for column, (i, p) in enumerate(zip(which, when, strict=True)):
        if acts[i]:
            moved[:, column] = np.log(news_path[:, p]) + np.log(hold_path[:, i, p])
    miss = y[None, :] - moved
    fit = -0.5 * TEMPER * np.einsum("ri,ij,rj->r", miss, inverse, miss, optimize=True)
    found = np.exp(fit - fit.max())
    return np.asarray(found / found.sum())


def _incidents(past: Past) -> str:
    """The sentence about incidents."""
    if past.stops:
        now = " Engagement had stopped when the log ends." if past.stopped_now else ""
        times = "once" if past.stops == 1 else f"{past.stops} times"
        return (
            f"Engagement stopped {times} in this log, while other steps went on; it may again, "
            f"for about two weeks. Read from this log.{now}"
        )
    return (
        "A rumour or an incident may stop people engaging for some days: about once a year for "
        "two weeks, possibly never. An assumption: none stands out in this log."
    )


def _stops(rng: np.random.Generator, past: Past) -> dict[str, FloatArray]:
    """Days on which engagement stops and starts again, and the pace of ordinary days."""
    import numpy as np

    a_day = (
        rng.gamma(
            STOPS_A_YEAR_PRIOR[0] + past.stops, 1 / (STOPS_A_YEAR_PRIOR[1] + past.years), ROWS
        )
        / 365
    )
    when = np.zeros(ROWS)
    if past.stopped_now:
        # How much longer one under way lasts: part of a stop's length.
        length = STOP_DAYS * np.exp(STOP_LOG_SD * rng.standard_normal(ROWS))
        when = length * rng.random(ROWS)
    columns: dict[str, FloatArray] = {"stop 0 until": when.copy()}
    for number in range(1, STOPS + 1):
        when = when + rng.exponential(1 / np.maximum(a_day, 1e-9))
        columns[f"stop {number} from"] = np.minimum(when, 1e6)
        when = when + STOP_DAYS * np.exp(STOP_LOG_SD * rng.standard_normal(ROWS))
        columns[f"stop {number} until"] = np.minimum(when, 1e6 + 1)
    return columns
