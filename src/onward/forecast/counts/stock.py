"""Forecasts one published count series from its own past, its events and other operations.

For planners who have counts but no register. In come the counts and events known at the origin
and a reference class (`reference_class`): settings of this model, weighted by how well they
followed other operations. Out come draws of the count on the target day. A stock moves between
four regimes (growth, stall, trickle, surge); a particle filter holds every regime the counts
leave possible and carries them to the target, so the spread is what is unknown, not only chance.
Cumulative counts and flows carry their pace forward. `docs/explanation/forecast-counts.md` gives
each choice and its reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onward.forecast.counts.history import Count, Event

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SEED = 20231
GROWTH, STALL, TRICKLE, SURGE, PAUSE = range(5)
REGIMES = ("growth", "stall", "trickle", "surge", "pause")
YEAR = 365.25

# Where a future starts when nothing is known, and where it goes when a regime ends: the shares
# and changes seen in 6,000 pair-years of the annual panel up to 2003 (stocks of 500 or more; a
# year that grew or fell by less than 3% counted as a stall, one that fell by two fifths or more
# as a surge; the pairs of the shipped operations left out). Only a pause cannot be seen in yearly
# figures. It differs from a stall: people have left before, so a destination and a way there
# exist, and what stopped them is usually a dispute, a season or a convoy not yet agreed.
_START = np.array([0.38, 0.25, 0.26, 0.11, 0.0])
_NEXT = np.array(
    [
        [0.00, 0.44, 0.40, 0.16, 0.00],
        [0.38, 0.00, 0.42, 0.20, 0.00],
        [0.39, 0.32, 0.00, 0.29, 0.00],
        [0.14, 0.09, 0.17, 0.00, 0.60],
        [0.00, 0.15, 0.10, 0.75, 0.00],
    ]
)
# Relative error of a published count by the confidence its file states: a head count, a round
# press figure, a figure derived over gaps.
_COUNT_ERROR = {"high": 0.01, "medium": 0.025, "low": 0.06}
# People leave in convoys and flights: around its course a count is off by part of one movement,
# and a slope over less than two weeks says more about one convoy than about the operation.
_STEP_SHARE = 0.03
_LEAST_GAP_DAYS = 14
_STALE_YEARS = 8.0
# A place is as good as empty when this share of the last count is left.
GONE_SHARE = 0.05
# How long a plan, an offer or an operational step makes a surge likelier; a shock, any change.
_SPUR_DAYS = 365
_SHOCK_DAYS = 60
# An operation that has taken a deadline as its pace gives up less easily.
_AIM_LEAVES = 0.3
_RENEWED = 0.10
# Arrivals fill what there is room for: at most a factor of four and a half in a year, which 3% of
# the growing pair-years of the panel exceed.
FASTEST_GROWTH = 1.5 / YEAR


@dataclass(frozen=True)
class Settings:
    """`n` candidate settings of the model, one per row of each array; times are in days.

    rate       (n, 5) median daily rate of each regime
    spread     (n, 5) log-sd of that rate between spells of one operation
    between    (n,)   log-sd of the surge rate between operations
    drift      (n,)   log-sd by which a rate wanders in 90 days
    stay       (n, 5) mean length of a regime's spell
    kept       (n, 2) chance that a known deadline sets the pace: where nothing has yet carried
               people away, and where something does or has just done so
    on_time    (n,)   chance that such a pace is held to the day
    slip       (n,)   otherwise, its mean lateness as a share of the time it was given
    stretch    (n,)   times its own pace an operation can reach when a date asks for it
    spur       (n,)   factor by which a plan, offer or operational step speeds the way to a surge
    inflow     (n,)   odds of growth, relative to those of the annual panel
    none_left  (n,)   chance that nobody is left when a surge has run its course
    residue    (n,)   otherwise, mean share of the peak that is left
    """

    rate: FloatArray
    spread: FloatArray
    between: FloatArray
    drift: FloatArray
    stay: FloatArray
    kept: FloatArray
    on_time: FloatArray
    slip: FloatArray
    stretch: FloatArray
    spur: FloatArray
    inflow: FloatArray
    none_left: FloatArray
    residue: FloatArray

    def __len__(self) -> int:
        return len(self.kept)

    def take(self, rows: IntArray) -> Settings:
        """The chosen rows, with repeats."""
        return Settings(**{name: values[rows] for name, values in self._arrays().items()})

    def replace_rows(self, rows: IntArray, source: Settings, chosen: IntArray) -> None:
        """Puts the `chosen` rows of `source` in place of `rows`."""
        for name, values in self._arrays().items():
            values[rows] = getattr(source, name)[chosen]

    def _arrays(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


def prior_settings(n: int, rng: np.random.Generator) -> Settings:
    """`n` settings drawn from the prior: what holds before any operation has been looked at.

    Growth, stall and trickle have the rates and lengths of the annual panel up to 2003. The rest
    are round numbers a planner would recognise (a surge empties a place in about five months, a
    pause lasts two, a date can double a pace); the log-sds of 0.3 to 0.7 allow each to be wrong
    by a factor of two to four.
    """

    def log_normal(median: float, sd: float) -> FloatArray:
        values: FloatArray = median * np.exp(sd * rng.standard_normal(n))
        return values

    stall = log_normal(0.01 / YEAR, 0.5)
    rate = np.column_stack(
        [
            log_normal(0.18 / YEAR, 0.5),
            stall,
            log_normal(0.15 / YEAR, 0.4),
            log_normal(1 / 150, 0.6),
            stall,
        ]
    )
    stay = np.column_stack(
        [
            log_normal(690, 0.5),
            log_normal(510, 0.6),
            log_normal(530, 0.5),
            log_normal(180, 0.6),
            log_normal(60, 0.7),
        ]
    )
    spread = np.tile(np.array([0.9, 0.7, 0.7, 0.5, 0.7]), (n, 1))
    return Settings(
        rate=rate,
        spread=spread * log_normal(1.0, 0.2)[:, None],
        between=log_normal(0.5, 0.3),
        drift=log_normal(0.2, 0.4),
        stay=stay,
        # A date set where people are leaving already is likelier to be met than one set where
        # nothing moves: what would carry them out exists.
        kept=np.column_stack([rng.beta(1.5, 3.0, n), rng.beta(3.0, 1.5, n)]),
        on_time=rng.beta(2, 2, n),
        slip=log_normal(0.3, 0.6),
        stretch=log_normal(2.0, 0.3),
        spur=1 + log_normal(2.0, 0.6),
        inflow=log_normal(0.7, 0.8),
        none_left=rng.beta(2, 2, n),
        residue=rng.beta(2, 38, n),
    )


class _Futures:
    """The particles of one stock: every course of events its counts leave possible.

    One row is one course: people present, those who will not leave in a surge (`residue`), the
    regime and its rate, and what each known deadline means to it. State stays consistent only
    when it moves together, hence a class.
    """

    def __init__(self, settings: Settings, first: Count, rng: np.random.Generator) -> None:
        n = len(settings)
        self.rng = rng
        self.every = np.arange(n)
        self.of = settings
        self.day = first.day.toordinal()
        self.people = np.full(n, float(first.value))
        self.peak = np.full(n, float(first.value))
        self.tail, self.own, self.residue_share = (np.empty(n) for _ in range(3))
        self.early, self.stretch = np.empty(n), np.empty(n)
        self.faith = np.empty((n, 2))
        self._draw_character(self.every)
        odds = np.tile(_START, (n, 1))
        odds[:, GROWTH] *= settings.inflow
        edges = np.cumsum(odds, axis=1)
        self.regime = (rng.random((n, 1)) * edges[:, -1:] >= edges).sum(axis=1)
        self.proven = self.regime == SURGE
        self.rate = np.empty(n)
        # The day a course means to be done, and how many may then be left; never and zero
        # unless a deadline has set its pace.
        self.aim = np.full(n, -1.0)
        self.aim_left = np.zeros(n)
        self.deadlines: dict[int, tuple[FloatArray, FloatArray, float]] = {}
        self.announced: set[int] = set()
        self._enter(np.arange(n))

    def _draw_character(self, rows: IntArray) -> None:
        """Draws what marks an operation for good: how it tails off, its pace, its word."""
        n = len(rows)
        rng, of = self.rng, self.of
        # How a surge tails off: 0 runs at full pace to the end, towards 1 ever slower.
        self.tail[rows] = rng.uniform(0, 0.9, n)
        # An operation's own surge pace relative to the reference class.
        self.own[rows] = of.between[rows] * rng.standard_normal(n)
        empty = rng.random(n) < of.none_left[rows]
        share = rng.beta(1.0, 1.0 / of.residue[rows] - 1.0)
        self.residue_share[rows] = np.where(empty, 0.0, share)
        # Work towards a date may be heavy early (above 1) or late (below 1).
        self.early[rows] = np.exp(0.35 * rng.standard_normal(n))
        self.stretch[rows] = of.stretch[rows] * np.exp(0.5 * rng.standard_normal(n))
        # A planner's word is kept or not by operation: one propensity, one draw per deadline.
        self.faith[rows] = rng.beta(3 * of.kept[rows], 3 * (1 - of.kept[rows]))

    # -- moving through time -------------------------------------------------------------

    def _enter(self, rows: IntArray) -> None:
        """Draws the rate of the regime each of `rows` has just entered."""
        regime = self.regime[rows]
        log_rate = np.log(self.of.rate[rows, regime])
        log_rate += self.of.spread[rows, regime] * self.rng.standard_normal(len(rows))
        log_rate += np.where(regime == SURGE, self.own[rows], 0.0)
        self.rate[rows] = np.exp(log_rate)
        # People begin to leave while a date is set: it may become the date they work to.
        free = rows[(regime == SURGE) & (self.aim[rows] <= self.day)]
        ahead = [day for day in self.deadlines if day > self.day]
        if free.size and ahead:
            deadline = min(ahead)
            _, finish, left = self.deadlines[deadline]
            taken = free[self.rng.random(free.size) < self.faith[free, 1]]
            self.aim[taken] = finish[taken]
            self.aim_left[taken] = left

    def _residue(self, rows: Any = slice(None)) -> FloatArray:
        left: FloatArray = np.minimum(
            self.residue_share[rows] * self.peak[rows], self.people[rows]
        )
        return left

    def _base(self, rows: IntArray) -> FloatArray:
        """Those who could ever leave. A surge runs at a share of these a day, so that one that
        resumes goes on where it stopped: buses and flights do not shrink with the camp."""
        base: FloatArray = np.maximum(self.peak[rows] * (1 - self.residue_share[rows]), 1.0)
        return base

    def hear_of_deadline(self, deadline: int, left: float = 0.0) -> None:
        """From today it is known that by `deadline` (an ordinal day) only `left` should remain.

        Decides in each course what that means: nothing, or the pace from some day on. Where
        people are leaving already the new date sets their pace at once. It is met on the day
        or, more often, some part of the given time later.
        """
        n = len(self.people)
        if deadline <= self.day or deadline in self.deadlines:
            return
        span = deadline - self.day
        leaving = self.regime == SURGE
        carried = leaving | (self.regime == PAUSE)
        kept = self.rng.random(n) < np.where(carried, self.faith[:, 1], self.faith[:, 0])
        wait = np.where(leaving, 0.0, span * self.rng.random(n))
        start = np.where(kept, self.day + wait, math.inf)
        late = self.of.slip * self.rng.exponential(1.0, n)
        late = np.where(self.rng.random(n) < self.of.on_time, 0.0, late)
        self.deadlines[deadline] = (start, deadline + span * late, left)

    def hear_what_is_announced(self, events: Sequence[Event]) -> None:
        """From today the dates announced last are in force, and no earlier word.

        Whoever names another day while one is still ahead has moved it. Days named on one day
        stand beside each other, and a day that has passed is missed, not moved.
        """
        known = [
            (event.known_from.toordinal(), event.effective.toordinal())
            for event in events
            if event.kind == "deadline" and event.known_from.toordinal() <= self.day
        ]
        in_force = {day for heard, day in known if heard == max(known)[0]}
        for day in {day for day in self.announced if day > self.day} - in_force:
            self._withdraw(day)
        for day in sorted(in_force):
            if day > self.day and day not in self.announced:
                self.hear_of_deadline(day)
                self.announced.add(day)

    def _withdraw(self, deadline: int) -> None:
        """Nobody works to this date any more: courses that did go on at their own pace."""
        _, finish, _ = self.deadlines.pop(deadline)
        self.announced.discard(deadline)
        freed = (self.aim > self.day) & (self.aim == finish)
        self.aim[freed], self.aim_left[freed] = -1.0, 0.0

    def done_by(self, target: int) -> IntArray:
        """What announced dates mean to each course: 0 nothing, 1 done by `target`, 2 done later."""
        finish = np.where(self.aim > self.day, self.aim, math.inf)
        for begin, end, _left in self.deadlines.values():
            meant = np.isfinite(begin) & (end > self.day)
            finish = np.where(meant, np.minimum(finish, end), finish)
        found: IntArray = np.where(np.isinf(finish), 0, np.where(finish <= target, 1, 2))
        return found

    def _follow_deadlines(self) -> None:
        for deadline, (start, finish, left) in self.deadlines.items():
            due = (start <= self.day) & (finish > self.day + 1)
            rows = np.flatnonzero(due)
            if rows.size:
                self.aim[rows] = finish[rows]
                self.aim_left[rows] = left
                idle = rows[self.regime[rows] != SURGE]
                self.regime[idle] = SURGE
                self._enter(idle)
                # Set out once; a course that did may still be stopped later.
                self.deadlines[deadline] = (np.where(due, math.inf, start), finish, left)

    def step(self, days: float, spurred: bool, shaken: bool) -> None:
        """Carries every course `days` forward."""
        n = len(self.people)
        self._follow_deadlines()
        regime = self.regime
        # Transport seen running is the same evidence as a plan that promises it.
        surging = regime == SURGE
        self.proven |= surging
        pull = np.where(spurred | self.proven, self.of.spur, 1.0)
        leave = (1.0 + (pull - 1.0) * _NEXT[regime, SURGE]) / self.of.stay[self.every, regime]
        if shaken:
            leave *= 2.0
        leave[surging & (self.aim > self.day)] *= _AIM_LEAVES
        rows = np.flatnonzero(self.rng.random(n) < -np.expm1(-leave * days))
        if rows.size:
            odds = _NEXT[regime[rows]].copy()
            odds[:, SURGE] *= pull[rows]
            odds[:, GROWTH] *= self.of.inflow[rows]
            edges = np.cumsum(odds, axis=1)
            draw = self.rng.random(rows.size) * edges[:, -1]
            regime[rows] = (draw[:, None] >= edges).sum(axis=1)
            self._enter(rows)
        self.rate *= np.exp(self.of.drift * math.sqrt(days / 90) * self.rng.standard_normal(n))
        surging = regime == SURGE
        sign = np.where(surging, 0.0, np.where(regime == GROWTH, 1.0, -1.0))
        pace = np.where(regime == GROWTH, np.minimum(self.rate, FASTEST_GROWTH), self.rate)
        self.people *= np.exp(sign * pace * days)
        self._surge(np.flatnonzero(surging & (self.aim <= self.day)), days)
        self._work_to_date(np.flatnonzero(surging & (self.aim > self.day)), days)
        self.people[self.people < 0.5] = 0.0
        self.day += int(days)

    def _surge(self, rows: IntArray, days: float) -> None:
        """People leave at the operation's own pace, more slowly towards the last who can."""
        people = self.people[rows]
        residue = self._residue(rows)
        power = 1 - self.tail[rows]
        # d(movable)/dt = -rate * base * (movable / base) ** tail, solved exactly.
        base = self._base(rows)
        left = ((people - residue) / base) ** power - power * self.rate[rows] * days
        after = residue + base * np.maximum(left, 0.0) ** (1 / power)
        self.people[rows] = np.minimum(after, people)

    def _work_to_date(self, rows: IntArray, days: float) -> None:
        """The pace is set anew every day by what is left to do before the date aimed at.

        The number to go falls as (days left) ** early and is done on the day, whatever was lost
        before; but a date can stretch the operation's own pace, not conjure another.
        """
        people = self.people[rows]
        ahead = self.aim[rows] - self.day
        still = np.maximum((ahead - days) / ahead, 0.0) ** self.early[rows]
        floor = np.minimum(np.maximum(self._residue(rows), self.aim_left[rows]), people)
        wanted = (people - floor) * (1 - still)
        able = self.stretch[rows] * self.rate[rows] * self._base(rows) * days
        self.people[rows] = people - np.minimum(wanted, able)

    # -- learning from counts ------------------------------------------------------------

    def log_likelihood(self, count: Count, before: float) -> FloatArray:
        """(n,) log-likelihood of each course for a count published today.

        A Student t with 8 degrees of freedom, so that one odd figure cannot silence every
        course that was right until then.
        """
        error = _COUNT_ERROR[count.confidence]
        scale = np.hypot(error * np.maximum(self.people, count.value), _STEP_SHARE * before)
        scale = np.maximum(scale, 1.0)
        z = (count.value - self.people) / scale
        value: FloatArray = -4.5 * np.log1p(z * z / 8) - np.log(scale)
        return value

    def accept(self, count: Count, rows: IntArray, pool: Settings | None = None) -> None:
        """Goes on from the published count with the courses in `rows`.

        pool  settings to renew a few courses from; None where each keeps its own
        """
        self.of = self.of.take(rows)
        self.every = np.arange(len(rows))
        for name in (
            "peak",
            "tail",
            "own",
            "residue_share",
            "regime",
            "proven",
            "rate",
            "stretch",
            "aim",
            "aim_left",
            "early",
            "faith",
        ):
            setattr(self, name, getattr(self, name)[rows])
        self.deadlines = {
            day: (start[rows], finish[rows], left)
            for day, (start, finish, left) in self.deadlines.items()
        }
        self.people = np.full(len(rows), float(count.value))
        self.peak = np.maximum(self.peak, count.value)
        # Resampling leaves ever fewer different characters. A tenth are drawn anew at each count:
        # no operation is marked for good, and the filter must not run out of ideas.
        fresh = np.flatnonzero(self.rng.random(len(rows)) < _RENEWED)
        if pool is not None and fresh.size:
            self.of.replace_rows(fresh, pool, self.rng.integers(0, len(pool), fresh.size))
        self._draw_character(fresh)
        # Fewer people than the supposed residue: the supposed residue was wrong.
        over = np.flatnonzero(self.residue_share * self.peak > count.value)
        self.residue_share[over] = self.rng.random(over.size) * count.value / self.peak[over]


def _systematic(weights: FloatArray, n: int, rng: np.random.Generator) -> IntArray:
    """`n` rows drawn in proportion to `weights`, evenly spread (systematic resampling)."""
    edges = np.cumsum(weights)
    points = (rng.random() + np.arange(n)) / n * edges[-1]
    rows: IntArray = np.minimum(np.searchsorted(edges, points), len(weights) - 1)
    return rows


def _advance(
    futures: _Futures, until: int, events: Sequence[Event], longest_step: float,
    after_each: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Carries the futures to day `until`, telling them of each event on the day it is known.

    after_each  called after every step
    """
    while futures.day < until:
        futures.hear_what_is_announced(events)
        stops = [until] + [
            day
            for event in events
            for day in (event.known_from.toordinal(), event.effective.toordinal())
            if futures.day < day < until
        ]
        days = min(max(1, int(longest_step)), min(stops) - futures.day)
        recent = [
            event
            for event in events
            if event.known_from.toordinal() <= futures.day
            and event.effective.toordinal() <= futures.day
        ]
        spurred = any(
            event.kind in ("plan", "offer", "operational")
            and futures.day - event.effective.toordinal() < _SPUR_DAYS
            for event in recent
        )
        shaken = any(
            event.kind == "shock" and futures.day - event.effective.toordinal() < _SHOCK_DAYS
            for event in recent
        )
        futures.step(days, spurred, shaken)
        after_each()


def _step_for(days: int) -> float:
    """Days per step: fine over short spans, at most twenty days over long ones."""
    return min(max(days / 40, 1.0), 20.0)


def spaced(counts: Sequence[Count]) -> list[Count]:
    """The counts without those that follow another within two weeks, oldest first.

    Read forwards, so that which counts stay never depends on later ones.
    """
    kept: list[Count] = []
    for count in counts:
        if not kept or (count.day - kept[-1].day).days >= _LEAST_GAP_DAYS:
            kept.append(count)
    return kept


def relevant_counts(counts: Sequence[Count]) -> list[Count]:
    """The spaced counts of the last years up to the latest one, which is always kept."""
    last = counts[-1]
    kept = spaced([c for c in counts if (last.day - c.day).days <= _STALE_YEARS * YEAR])
    if kept[-1] != last:
        if len(kept) > 1:
            kept.pop()
        kept.append(last)
    return kept


def stock_evidence(
    settings: Settings,
    copies: int,
    counts: Sequence[Count],
    events: Sequence[Event],
    seed: int,
) -> list[tuple[date, FloatArray]]:
    """How well each setting follows one operation's stock, count by count.

    settings  n candidates, each tried with `copies` particles
    returns   for every count after the first, its day and the (n,) log-likelihood of the count
              given the earlier ones; the sum up to a day is the evidence known on that day
    source    bootstrap particle filter, one filter per setting
    """
    rng = np.random.default_rng(seed)
    counts = spaced(counts)
    n = len(settings)
    owner = np.repeat(np.arange(n), copies)
    futures = _Futures(settings.take(owner), counts[0], rng)
    known = sorted(events, key=lambda e: e.known_from)
    out: list[tuple[date, FloatArray]] = []
    for before, count in pairwise(counts):
        span = (count.day - before.day).days
        heard = [e for e in known if e.known_from <= count.day]
        _advance(futures, count.day.toordinal(), heard, _step_for(span))
        log = futures.log_likelihood(count, before.value).reshape(n, copies)
        top = log.max(axis=1, keepdims=True)
        weight = np.exp(log - top)
        out.append((count.day, (top[:, 0] + np.log(weight.mean(axis=1)))))
        # Resample within each setting, so that each keeps its own particles.
        edges = np.cumsum(weight, axis=1)
        edges /= edges[:, -1:]
        points = (rng.random((n, 1)) + np.arange(copies)) / copies
        rows = (edges[:, None, :] < points[:, :, None]).sum(axis=2)
        rows = np.minimum(rows, copies - 1) + np.arange(n)[:, None] * copies
        futures.accept(count, rows.ravel())
    return out


@dataclass(frozen=True)
class Drawn:
    """Courses of events carried to the target, one to a row.

    people   people present on the target, whole and not below zero
    gone     days from the origin until no more than GONE_SHARE of the last count are left,
             infinity where that does not come about by the target
    doing    regime at the origin;  pace  its daily rate
    dated    what announced dates mean at the origin: 0 nothing, 1 done by the target, 2 later
    """

    people: FloatArray
    gone: FloatArray
    doing: IntArray
    dated: IntArray
    pace: FloatArray

    @property
    def regimes(self) -> dict[str, float]:
        """Regime -> share of the courses at the origin."""
        shares = np.bincount(self.doing, minlength=5) / len(self.doing)
        return dict(zip(REGIMES, shares.tolist(), strict=True))


def forecast_stock(
    settings: Settings,
    weights: FloatArray,
    counts: Sequence[Count],
    events: Sequence[Event],
    origin: date,
    target: date,
    *,
    official: float | None = None,
    draws: int,
    seed: int,
) -> Drawn:
    """Draws of the people present on `target`, and what they rest on.

    counts, events  only those known at the origin; the caller has cut them
    official        people the plan of the day says will remain on `target`, where it is known;
                    heard as one more deadline unless an announced one falls within two weeks
    """
    rng = np.random.default_rng(seed)
    counts = relevant_counts(counts)
    chosen = _systematic(weights, draws, rng)
    rng.shuffle(chosen)
    pool = settings.take(chosen)
    futures = _Futures(settings.take(chosen), counts[0], rng)
    for before, count in pairwise(counts):
        span = (count.day - before.day).days
        _advance(futures, count.day.toordinal(), events, _step_for(span))
        log = futures.log_likelihood(count, before.value)
        futures.accept(count, _systematic(np.exp(log - log.max()), draws, rng), pool)
    _advance(futures, origin.toordinal(), events, _step_for((origin - counts[-1].day).days))
    futures.hear_what_is_announced(events)
    if official is not None and not any(
        abs(day - target.toordinal()) <= _LEAST_GAP_DAYS for day in futures.announced
    ):
        futures.hear_of_deadline(target.toordinal(), official)
    doing, pace = futures.regime.copy(), futures.rate.copy()
    dated = futures.done_by(target.toordinal())
    enough = GONE_SHARE * counts[-1].value
    gone = np.where(futures.people <= enough, 0.0, math.inf)

    def look() -> None:
        first = np.isinf(gone) & (futures.people <= enough)
        gone[first] = futures.day - origin.toordinal()

    _advance(futures, target.toordinal(), events, _step_for((target - origin).days), look)
    people = futures.people.copy()
    moving = people > 0
    noise = rng.standard_normal(draws) * 0.02 * people
    people[moving] = np.maximum(people[moving] + noise[moving], 0.0)
    return Drawn(np.round(people), gone, doing, dated, pace)
