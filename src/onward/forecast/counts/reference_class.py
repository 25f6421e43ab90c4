"""What other operations teach about this one, without ever looking at this one.

In come the series and events of several operations. Out comes a `ReferenceClass`: candidate
settings of the count model with the evidence each operation gives for them, dated, and the way
paces of departure held up elsewhere. Asked for a forecast of one case from one day, it leaves
that case out and uses only what the others had published by that day, which is what a planner
could have known.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np

from onward.errors import OnwardError
from onward.forecast.counts.history import (
    Count,
    Event,
    Inputs,
    Kind,
    Series,
    kind_from_name,
    read_inputs,
)
from onward.forecast.counts.split import split
from onward.forecast.counts.stock import (
    FASTEST_GROWTH,
    GONE_SHARE,
    SEED,
    FloatArray,
    forecast_stock,
    prior_settings,
    stock_evidence,
)

CANDIDATES = 300
COPIES = 40
DRAWS = 16000
# In one future in twenty the model does not fit, and anything from nobody to everybody may remain:
# flat between the two is the prior that asks for no data.
DOUBT = 0.05
# Of the others a quarter carry the recent pace forward, as wrong as paces elsewhere have been, the
# rest follow the regimes: two ways of looking that fail at different times are safer than either.
# Both shares are those that did best on yearly counts of 160 country pairs up to 2003.
PLAIN_PACE = 0.25
# Other operations are like this one, not the same: their evidence counts only as far as this
# share of the candidates stays in play.
_IN_PLAY = 0.25
_MEMORY_DAYS = 60.0
# Highest pace thought possible, in times the highest seen; each future draws its own up to it.
_CEILING = 4.0


@dataclass(frozen=True)
class Operation:
    """One operation of the reference class: its series with their kinds, and its events."""

    case: str
    series: tuple[tuple[Series, Kind], ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class _Stretch:
    """How a pace held up once: known from `day`, log ratio in units of its expected spread."""

    day: date
    z: float


@dataclass(frozen=True)
class _Lesson:
    case: str
    series: frozenset[str]
    stock: tuple[tuple[date, FloatArray], ...]
    paces: tuple[_Stretch, ...]


@dataclass(frozen=True)
class CountForecast:
    """The forecast of one series: draws on the target day and what they rest on.

    draws        (n,) people (stock), total so far (cumulative) or movements in a period (flow)
    last         the last count known at the origin
    regimes      for a stock, the chance of each regime at the origin
    reference    the operations learnt from
    notes        what the reader should know about the basis
    gone         for a stock, days from the origin until 95% of the last count have left, ascending;
                 infinity where they have not by the target
    split        what the spread comes from (`split`)
    """

    kind: Kind
    origin: date
    target: date
    last: Count
    draws: FloatArray
    regimes: dict[str, float]
    reference: tuple[str, ...]
    notes: tuple[str, ...]
    gone: FloatArray = field(default_factory=lambda: np.zeros(0))
    split: dict[str, float] = field(default_factory=dict)

    def quantile(self, share: float) -> float:
        """The count below which `share` of the draws lie."""
        return float(np.quantile(self.draws, share))


def _even(last: Count, final: FloatArray, origin: date, target: date) -> FloatArray:
    """Days from the origin until nearly all have left, where they leave evenly from the last count
    to `final` on the target; infinity where they do not by then."""
    days = (target - last.day).days
    out = np.full(len(final), math.inf)
    enough = GONE_SHARE * last.value
    reach = final <= enough
    share = (last.value - enough) / np.maximum(last.value - final[reach], 1e-9)
    out[reach] = np.maximum(
        np.ceil(days * np.minimum(share, 1.0)) - (origin - last.day).days, 0.0
    )
    return out


def operations(inputs: Inputs) -> tuple[Operation, ...]:
    """The operations of a folder. A series' kind is what its tests or else its name say."""
    tested = {(test.case, test.series): test.kind for test in inputs.tests}
    by_case: dict[str, list[tuple[Series, Kind]]] = {}
    for series in inputs.series:
        kind = tested.get((series.case, series.name)) or kind_from_name(series.name)
        if kind is not None:
            by_case.setdefault(series.case, []).append((series, kind))
    return tuple(
        Operation(case, tuple(held), tuple(e for e in inputs.events if e.case == case))
        for case, held in sorted(by_case.items())
    )


def shipped_folder() -> Path:
    """The folder of past operations that ships with Onward."""
    packaged = Path(str(resources.files("onward"))) / "shipped" / "examples" / "history"
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).resolve().parents[4] / "examples" / "history"
    if checkout.is_dir():
        return checkout
    raise OnwardError("The shipped past operations (examples/history) are missing; reinstall.")


def shipped_operations() -> tuple[Operation, ...]:
    """The past operations that ship with Onward."""
    return operations(read_inputs(shipped_folder()))


def with_shipped(own: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations of a folder, and the shipped ones whose case or series it does not hold."""
    held = tuple(own)
    cases = {operation.case for operation in held}
    names = {series.name for operation in held for series, _ in operation.series}
    return held + tuple(
        operation
        for operation in shipped_operations()
        if operation.case not in cases
        and not names & {series.name for series, _ in operation.series}
    )


# -- paces: cumulative counts and flows ------------------------------------------------------


def _spread_unit(days: float) -> float:
    """How a pace's log error grows with the days ahead; it levels off after two years."""
    return 0.5 + math.sqrt(min(max(days, 1.0), 730.0) / 365.0)


def _paces(counts: Sequence[Count], kind: Kind) -> list[tuple[date, date, float]]:
    """(from, to, people a day or movements a period) of every stretch between counts."""
    if kind == "flow":
        before = [counts[0], *counts[:-1]]
        return [(a.day, b.day, b.value) for a, b in zip(before, counts, strict=True)]
    return [
        (a.day, b.day, max(b.value - a.value, 0.0) / (b.day - a.day).days)
        for a, b in pairwise(counts)
    ]


def _level(paces: Sequence[tuple[date, date, float]], on: date) -> float:
    """The recent pace: recent stretches count more, with a memory of sixty days."""
    total, weight = 0.0, 0.0
    for start, end, pace in paces:
        late = math.exp(-(on - end).days / _MEMORY_DAYS)
        early = math.exp(-(on - start).days / _MEMORY_DAYS) if start < end else late * 0.6
        share = max(late - early, 1e-12)
        total, weight = total + share * pace, weight + share
    return total / weight if weight else 0.0


def _stretches(counts: Sequence[Count], kind: Kind) -> list[_Stretch]:
    """Every past forecast of a pace by its recent level, and how it turned out."""
    out: list[_Stretch] = []
    for i in range(1, len(counts) - 1):
        seen = counts[: i + 1]
        paces = _paces(seen, kind)
        level = _level(paces, seen[-1].day)
        floor = 0.02 * max(pace for _, _, pace in paces)
        for later in counts[i + 1 :]:
            days = (later.day - seen[-1].day).days
            came = (
                later.value if kind == "flow" else max(later.value - seen[-1].value, 0.0) / days
            )
            if level + floor <= 0:
                continue
            ratio = math.log((came + floor) / (level + floor))
            # One stretch of a few days may start or stop outright; it must not set the scale.
            out.append(_Stretch(later.day, max(-2.5, min(2.5, ratio / _spread_unit(days)))))
    return out


class ReferenceClass:
    """Past operations, ready to inform a forecast. Built once, asked once per forecast."""

    def __init__(
        self,
        known: Sequence[Operation],
        *,
        seed: int = SEED,
        doubt: float = DOUBT,
        plain_pace: float = PLAIN_PACE,
    ) -> None:
        self.seed, self.doubt, self.plain_pace = seed, doubt, plain_pace
        self.settings = prior_settings(CANDIDATES, np.random.default_rng(seed))
        self._lessons = [self._learn(operation) for operation in known]

    def _learn(self, operation: Operation) -> _Lesson:
        stock: list[tuple[date, FloatArray]] = []
        paces: list[_Stretch] = []
        for series, kind in operation.series:
            if len(series.counts) < 2:
                continue
            if kind == "stock":
                own_seed = self.seed + zlib.crc32(f"{operation.case}/{series.name}".encode())
                stock += stock_evidence(
                    self.settings, COPIES, series.counts, operation.events, own_seed
                )
            else:
                paces += _stretches(series.counts, kind)
        names = frozenset(series.name for series, _ in operation.series)
        return _Lesson(operation.case, names, tuple(stock), tuple(paces))

    def _others(self, case: str, series: str) -> list[_Lesson]:
        return [
            lesson
            for lesson in self._lessons
            if lesson.case != case and series not in lesson.series
        ]

    def weights(
        self, case: str, series: str, origin: date
    ) -> tuple[FloatArray, tuple[str, ...]]:
        """(candidates,) weights learnt from the others by `origin`, and which they were."""
        log = np.zeros(len(self.settings))
        used: list[str] = []
        for lesson in self._others(case, series):
            known = [evidence for day, evidence in lesson.stock if day <= origin]
            if known:
                used.append(lesson.case)
                log += np.sum(known, axis=0)
        log -= log.max()
        strength = 1.0
        while True:
            weights: FloatArray = np.exp(strength * log)
            weights /= weights.sum()
            if 1.0 / np.sum(weights**2) >= _IN_PLAY * len(weights) or strength < 1e-3:
                return weights, tuple(used)
            strength *= 0.8

    def forecast(
        self,
        series: Series,
        kind: Kind,
        events: Sequence[Event],
        case: str,
        origin: date,
        target: date,
        *,
        official: float | None = None,
        draws: int = DRAWS,
    ) -> CountForecast:
        """The count of `series` on `target`, seen from `origin`.

        Counts dated and events known after the origin are dropped here, before anything else.
        raises  OnwardError when no count is known at the origin or the target is not after it
        """
        counts = series.known_on(origin)
        if target <= origin:
            raise OnwardError(
                f"The day {target} is not after the origin {origin}. Give a later day."
            )
        if not counts:
            raise OnwardError(
                f"{series.name} has no count on or before {origin}. Choose a later origin, or add "
                "earlier counts."
            )
        known = tuple(
            replace(event, case=case)
            for event in events
            if event.case == case and event.known_from <= origin
        )
        seed = self.seed + zlib.crc32(f"{case}/{series.name}/{origin}/{target}".encode())
        notes: list[str] = []
        if len(counts) == 1:
            notes.append("Only one count is known: the forecast rests on other operations.")
        if kind == "stock":
            return self._stock(
                series, counts, known, case, origin, target, official, draws, seed, notes
            )
        return self._pace(series, counts, kind, case, origin, target, draws, seed, notes)

    def _stock(
        self,
        series: Series,
        counts: tuple[Count, ...],
        events: tuple[Event, ...],
        case: str,
        origin: date,
        target: date,
        official: float | None,
        draws: int,
        seed: int,
        notes: list[str],
    ) -> CountForecast:
        weights, used = self.weights(case, series.name, origin)
        doubted = round(self.doubt * draws)
        plain = round((draws - doubted) * self.plain_pace) if len(counts) > 1 else 0
        drawn = forecast_stock(
            self.settings,
            weights,
            counts,
            events,
            origin,
            target,
            official=official,
            draws=draws - doubted - plain,
            seed=seed,
        )
        carried = self._carried(series, counts, case, origin, target, plain, seed)
        unfit = counts[-1].value * (np.arange(doubted) + 0.5) / max(doubted, 1)
        # Of both only the last day is drawn; between the last count and it they go evenly.
        others = [_even(counts[-1], values, origin, target) for values in (carried, unfit)]
        if not used:
            notes.append(
                "No other operation had published counts by then: general priors only."
            )
        return CountForecast(
            "stock",
            origin,
            target,
            counts[-1],
            np.sort(np.concatenate([drawn.people, np.round(carried), np.round(unfit)])),
            drawn.regimes,
            used,
            tuple(notes),
            np.sort(np.concatenate([drawn.gone, *others])),
            split(drawn.people, drawn.doing, drawn.dated, drawn.pace, carried, unfit),
        )

    def _pace(
        self,
        series: Series,
        counts: tuple[Count, ...],
        kind: Kind,
        case: str,
        origin: date,
        target: date,
        draws: int,
        seed: int,
        notes: list[str],
    ) -> CountForecast:
        rng = np.random.default_rng(seed)
        ratio, used = self._pace_ratio(
            case, series.name, origin, (target - counts[-1].day).days, draws, rng
        )
        days = (target - counts[-1].day).days
        paces = _paces(counts, kind)
        last = counts[-1]
        if paces:
            level = _level(paces, last.day)
            floor = 0.02 * max(pace for _, _, pace in paces)
        else:
            # A first total says nothing of when it began: taken as half a year's work.
            level, floor = last.value / 180.0, 0.0
            notes.append("With one total the pace is unknown: taken as half a year's work.")
        pace = np.maximum((level + floor) * ratio - floor, 0.0)
        if paces:
            # Vehicles, staff and crossing points set a ceiling: a few times the best so far.
            best = max(value for _, _, value in paces)
            pace = np.minimum(pace, best * rng.uniform(1.0, _CEILING, draws))
        values = pace if kind == "flow" else last.value + pace * days
        final = np.sort(np.round(values))
        # A total or a flow is its pace and nothing else.
        share = {"rates": 1.0} if final[0] < final[-1] else {}
        return CountForecast(
            kind, origin, target, last, final, {}, tuple(used), tuple(notes), split=share
        )

    def _carried(
        self,
        series: Series,
        counts: tuple[Count, ...],
        case: str,
        origin: date,
        target: date,
        draws: int,
        seed: int,
    ) -> FloatArray:
        """A stock whose recent change goes on, as wrong as paces elsewhere have been."""
        last = counts[-1]
        days = (target - last.day).days
        if not draws:
            return np.zeros(0)
        rng = np.random.default_rng([seed, 1])
        ratio, _ = self._pace_ratio(case, series.name, origin, days, draws, rng)
        falls = [
            (a.day, b.day, (a.value - b.value) / (b.day - a.day).days)
            for a, b in pairwise(counts)
        ]
        most = last.value * math.exp(FASTEST_GROWTH * days)
        return np.clip(last.value - _level(falls, last.day) * ratio * days, 0.0, most)

    def _pace_ratio(
        self,
        case: str,
        series: str,
        origin: date,
        days: int,
        draws: int,
        rng: np.random.Generator,
    ) -> tuple[FloatArray, list[str]]:
        """(draws,) later pace by recent pace, as it has been elsewhere, and where that was."""
        # Normal-inverse-gamma: six prior stretches of log-sd 0.8; each operation adds at most
        # six, since the stretches of one operation say much the same.
        weight, mean, squares = 6.0, 0.0, 6.0 * 0.8**2
        used: list[str] = []
        for lesson in self._others(case, series):
            z = np.array([stretch.z for stretch in lesson.paces if stretch.day <= origin])
            if z.size:
                used.append(lesson.case)
                share = min(1.0, 6.0 / z.size)
                weight += share * z.size
                mean += share * float(z.sum())
                squares += share * float((z**2).sum())
        mean /= weight
        scale = math.sqrt(max(squares / weight - mean**2, 0.05))
        jump = mean + scale * rng.standard_t(max(weight - 1, 4.0), draws)
        with np.errstate(over="ignore"):
            return np.exp(np.clip(jump * _spread_unit(days), -12.0, 3.0)), used


@functools.lru_cache(maxsize=4)
def shipped_reference(seed: int = SEED) -> ReferenceClass:
    """The reference class of the shipped operations, for forecasts of a single series."""
    return ReferenceClass(shipped_operations(), seed=seed)
