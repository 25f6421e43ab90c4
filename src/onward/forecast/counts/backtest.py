"""Would the forecast have been right? Puts past questions to it and scores it beside rivals.

In come the inputs of a history folder; out come forecasts, and only then, from the answers,
scores. The two halves are two functions: `forecast_tests` is given inputs and never a path, so
no answer can reach a forecast. Rivals are the naive methods planners use, an official plan where
one was known, and priors that look at no data at all: confidence must be earned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from onward.forecast.counts.backtest_scores import covers, crps_against, pit_bars, place
from onward.forecast.counts.history import Answers, Count, Inputs, Test, Truth
from onward.forecast.counts.reference_class import (
    DOUBT,
    DRAWS,
    PLAIN_PACE,
    CountForecast,
    ReferenceClass,
    operations,
    with_shipped,
)
from onward.forecast.counts.stock import SEED, FloatArray

POINT_RIVALS = ("no_change", "last_rate", "linear", "exponential", "official")
RIVALS = (*POINT_RIVALS, "mixture", "flat", "fixed_prior")
_RESAMPLES = 2000
_GRID = (np.arange(400) + 0.5) / 400


@dataclass(frozen=True)
class TestForecast:
    """One test with its forecast and the point rivals, made without the answer."""

    __test__ = False

    test: Test
    forecast: CountForecast
    points: dict[str, float | None]


@dataclass(frozen=True)
class Scored:
    """One test after the answer was opened. CRPS in people; ratios to the people at the origin.

    A truth that is not in the folder leaves every score None.
    """

    made: TestForecast
    truth: Truth | None
    crps: float | None
    covered50: bool | None
    covered90: bool | None
    place: float | None
    rivals_crps: dict[str, float | None]

    @property
    def people_at_origin(self) -> float:
        """The last count known at the origin."""
        return self.made.forecast.last.value

    def ratio(self, people: float | None) -> float | None:
        """`people` per person at the origin; None for flows and totals, where it means nothing."""
        if people is None or self.made.test.kind != "stock" or self.people_at_origin <= 0:
            return None
        return people / self.people_at_origin


def naive_forecasts(
    counts: Sequence[Count], origin: date, target: date
) -> dict[str, float | None]:
    """What four simple methods would say, from the counts known at the origin.

    no_change    the last count
    last_rate    the slope between the last count and the latest one at least 28 days older,
                 or the oldest where none is
    linear       least squares through the last five counts
    exponential  least squares through their logarithms; none where a count is zero
    All but no_change need two counts; none goes below zero.
    """
    known = [count for count in counts if count.day <= origin]
    last = known[-1]
    out: dict[str, float | None] = dict.fromkeys(POINT_RIVALS[:4])
    out["no_change"] = last.value
    older = [count for count in known if (last.day - count.day).days >= 28]
    if len(known) >= 2:
        # No count that old: the oldest there is, rather than no answer.
        earlier = older[-1] if older else known[0]
        slope = (last.value - earlier.value) / (last.day - earlier.day).days
        out["last_rate"] = max(0.0, last.value + slope * (target - last.day).days)
    recent = known[-5:]
    if len(recent) >= 2:
        days = np.array([(count.day - last.day).days for count in recent], float)
        values = np.array([count.value for count in recent])
        ahead = (target - last.day).days

        def line(y: FloatArray) -> float:
            slope, level = np.polyfit(days, y, 1)
            return float(level + slope * ahead)

        out["linear"] = max(0.0, line(values))
        if (values > 0).all():
            out["exponential"] = float(np.exp(min(line(np.log(values)), 700.0)))
    return out


def forecast_tests(
    inputs: Inputs,
    *,
    case: str | None = None,
    seed: int = SEED,
    draws: int = DRAWS,
    doubt: float = DOUBT,
    plain_pace: float = PLAIN_PACE,
    progress: Callable[[str], None] = lambda _: None,
) -> list[TestForecast]:
    """Every forecast a folder asks for, from what was known at each origin.

    case      only the tests of this case; the others still serve as the reference class
    doubt, plain_pace  shares of the futures of a stock, to measure what they are worth
    progress  called with a line before each slow step
    """
    progress("Learning from past operations")
    reference = ReferenceClass(
        with_shipped(operations(inputs)), seed=seed, doubt=doubt, plain_pace=plain_pace
    )
    out: list[TestForecast] = []
    for test in inputs.tests:
        if case is not None and test.case != case:
            continue
        progress(f"Forecasting {test.test}")
        series = inputs.find(test)
        forecast = reference.forecast(
            series,
            test.kind,
            inputs.events,
            test.case,
            test.origin,
            test.target,
            official=test.official,
            draws=draws,
        )
        points = naive_forecasts(series.known_on(test.origin), test.origin, test.target)
        out.append(TestForecast(test, forecast, {**points, "official": test.official}))
    return out


def fixed_power(shares: Sequence[tuple[float, float, str]], case: str) -> float | None:
    """The power p for which "share remaining = u to the p" scored best on the other cases.

    shares  (lowest, highest, case) of the share that really remained, one per stock test
    returns None when there is no other case; u is uniform from 0 to 1, so p = 1 is flat
    """
    others = [(low, high) for low, high, held in shares if held != case]
    if not others:
        return None
    best, power = math.inf, 1.0
    for step in range(-8, 17):
        p = 2.0 ** (step / 4)
        values = _GRID**p
        score = sum(crps_against(values, Truth(low, low, high)) for low, high in others)
        if score < best - 1e-12:
            best, power = score, p
    return power


def score_tests(
    made: Sequence[TestForecast], inputs: Inputs, answers: Answers, *, seed: int = SEED
) -> list[Scored]:
    """Scores forecasts and rivals. `inputs` gives the other cases' people at their origins."""
    rng = np.random.default_rng(seed)
    shares: list[tuple[float, float, str]] = []
    for test in inputs.tests:
        truth = answers.truths.get(test.test)
        people = inputs.find(test).known_on(test.origin)[-1].value
        if test.kind == "stock" and truth is not None and people > 0:
            shares.append((truth.low / people, truth.high / people, test.case))
    out: list[Scored] = []
    for one in made:
        truth = answers.truths.get(one.test.test)
        if truth is None:
            empty: dict[str, float | None] = dict.fromkeys(RIVALS)
            out.append(Scored(one, None, None, None, None, None, empty))
            continue
        rivals: dict[str, float | None] = dict.fromkeys(RIVALS)
        points = [value for value in one.points.values() if value is not None]
        for name, value in one.points.items():
            if value is not None:
                rivals[name] = abs(value - truth.nearest(value))
        if points:
            rivals["mixture"] = crps_against(np.array(points), truth)
        people = one.forecast.last.value
        if one.test.kind == "stock":
            rivals["flat"] = crps_against(people * _GRID, truth)
            power = fixed_power(shares, one.test.case)
            if power is not None:
                rivals["fixed_prior"] = crps_against(people * _GRID**power, truth)
        q = one.forecast.quantile
        out.append(
            Scored(
                one,
                truth,
                crps_against(one.forecast.draws, truth),
                covers(q(0.25), q(0.75), truth),
                covers(q(0.05), q(0.95), truth),
                place(one.forecast.draws, truth, rng),
                rivals,
            )
        )
    return out


def baseline_differences(made: Sequence[TestForecast], answers: Answers) -> list[str]:
    """Where our naive forecasts differ from the folder's baselines.csv by more than rounding."""
    out: list[str] = []
    for one in made:
        for name, published in answers.baselines.get(one.test.test, {}).items():
            ours = one.points.get(name)
            if name not in POINT_RIVALS:
                continue
            if ours is None or abs(ours - published) > max(1.0, 1e-6 * published):
                found = "none" if ours is None else f"{ours:.0f}"
                out.append(f"{one.test.test} {name}: {found} here, {published:.0f} in the file")
    return out


# -- means ----------------------------------------------------------------------------------


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _ratios(scored: Sequence[Scored], name: str) -> list[float | None]:
    if name == "onward":
        return [one.ratio(one.crps) for one in scored]
    return [one.ratio(one.rivals_crps[name]) for one in scored]


def _bootstrap(
    scored: Sequence[Scored], name: str, seed: int
) -> tuple[float, float, float] | None:
    """(mean, low, high) of our score less the rival's, resampling whole operations; 90%."""
    ours, theirs = _ratios(scored, "onward"), _ratios(scored, name)
    by_case: dict[str, list[float]] = {}
    for one, mine, other in zip(scored, ours, theirs, strict=True):
        if mine is not None and other is not None:
            gap = mine if name == "onward" else mine - other
            by_case.setdefault(one.made.test.case, []).append(gap)
    if len(by_case) < 2:
        return None
    sums = np.array([[sum(gaps), len(gaps)] for gaps in by_case.values()])
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(sums), (_RESAMPLES, len(sums)))
    drawn = sums[picks].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.05, 0.95])
    return float(sums[:, 0].sum() / sums[:, 1].sum()), float(low), float(high)


def summarise(scored: Sequence[Scored], *, seed: int = SEED) -> dict[str, Any]:
    """Means over the stock tests: all that each method has, and those every method has."""
    stock = [one for one in scored if one.ratio(one.crps) is not None]
    names = ("onward", *RIVALS)
    everywhere = [
        one
        for one in stock
        if all(one.ratio(one.rivals_crps[name]) is not None for name in RIVALS)
    ]
    every = {}
    for name in names:
        values = [value for value in _ratios(stock, name) if value is not None]
        every[name] = {"crps_over_origin": _mean(values), "tests": len(values)}
    common = {
        name: _mean([value for value in _ratios(everywhere, name) if value is not None])
        for name in names
    }
    against = {}
    for name in names:
        result = _bootstrap(stock, name, seed)
        against[name] = (
            None if result is None else {"mean": result[0], "q05": result[1], "q95": result[2]}
        )
    places = [one.place for one in stock if one.place is not None]
    return {
        "stock_tests": len(stock),
        "all": every,
        "common": {"tests": len(everywhere), "crps_over_origin": common},
        "covered50": _mean([float(bool(one.covered50)) for one in stock]),
        "covered90": _mean([float(bool(one.covered90)) for one in stock]),
        "bootstrap_by_operation": {
            "onward": against["onward"],
            "onward_less_rival": {name: against[name] for name in RIVALS},
        },
        "pit": pit_bars(places),
    }


def as_json(
    scored: Sequence[Scored], notes: Sequence[str], *, seed: int, draws: int
) -> dict[str, Any]:
    """The back-test as plain data, in the shape of backtest.schema.json."""
    tests = []
    for one in scored:
        test, forecast = one.made.test, one.made.forecast
        tests.append(
            {
                "test": test.test,
                "case": test.case,
                "series": test.series,
                "kind": test.kind,
                "origin": test.origin.isoformat(),
                "target": test.target.isoformat(),
                "at_origin": one.people_at_origin,
                "median": forecast.quantile(0.5),
                "q05": forecast.quantile(0.05),
                "q25": forecast.quantile(0.25),
                "q75": forecast.quantile(0.75),
                "q95": forecast.quantile(0.95),
                "truth": one.truth and one.truth.value,
                "truth_low": one.truth and one.truth.low,
                "truth_high": one.truth and one.truth.high,
                "crps": one.crps,
                "crps_over_origin": one.ratio(one.crps),
                "covered50": one.covered50,
                "covered90": one.covered90,
                "rivals": {name: one.ratio(one.rivals_crps[name]) for name in RIVALS},
                "rivals_crps": {name: one.rivals_crps[name] for name in RIVALS},
                "points": {name: one.made.points[name] for name in POINT_RIVALS},
                "regimes": forecast.regimes,
                "reference": list(forecast.reference),
                "notes": list(forecast.notes),
            }
        )
    return {
        "tests": tests,
        "means": summarise(scored, seed=seed),
        "seed": seed,
        "draws": draws,
        "notes": list(notes),
    }
