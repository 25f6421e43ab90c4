"""How well published counts are forecast: past operations, and thousands of country pairs.

`python -m benchmarks.history --panel unhcr_country_pair_year.csv [--quick] [--json]`. In come a
history folder and, where given, the annual panel; out come the back-test's means and, one, two
and three years ahead on a seeded sample of country pairs, CRPS of ours, of repeating the last
count, and of ETS and ARIMA (statsforecast, on the counts and on their logarithms), run on the
same rows in the same run, with coverage, the places of the truths and intervals by resampling
countries of origin. `--svg FILE` draws the places.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
import warnings
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.history.panel import (
    Panel,
    PanelForecaster,
    known_on,
    read_panel,
    weighted_crps,
    weighted_quantile,
)
from onward.forecast.counts import backtest
from onward.forecast.counts.backtest_scores import crps, pit_bars
from onward.forecast.counts.history import Count, Series, read_answers, read_inputs
from onward.forecast.counts.reference_class import (
    DOUBT,
    PLAIN_PACE,
    ReferenceClass,
    shipped_operations,
)
from onward.forecast.counts.stock import FloatArray

SEED = 7
# NEIGHBOURS and the features were settled on origin years up to 2003; these come after.
YEARS = range(2005, 2025)
# Years before those: what may be looked at when a choice is made.
EARLIER = range(1988, 2003)
SHARES = ((0.0, 0.0), (0.25, 0.05), (0.5, 0.1), (0.75, 0.1))
LEAST_PEOPLE = 500
LEAST_HISTORY = 8
# Ten people added before logarithms are taken, for the rivals as for ours.
FEW = 10.0
GRID = (np.arange(40) + 0.5) / 40
NAIVE = ("no_change", "last_rate", "linear", "exponential")
METHODS = ("onward", "no_change", "ETS", "ETS on logs", "ARIMA", "ARIMA on logs")


def questions(
    panel: Panel, size: int, seed: int, years: range = YEARS
) -> list[tuple[int, int]]:
    """`size` (last published year, row of the pair), in order of year."""
    found: list[tuple[int, int]] = []
    for year in years:
        # As published then: a zero at the end may be a gap, so only positive ends are asked.
        stock = known_on(panel, date(year + 1, 7, 1)).stock[:, -LEAST_HISTORY:]
        ok = (np.nan_to_num(stock) > 0).all(axis=1) & (stock[:, -1] >= LEAST_PEOPLE)
        found += [(year, int(row)) for row in np.flatnonzero(ok)]
    picks = np.random.default_rng(seed).choice(len(found), min(size, len(found)), replace=False)
    return [found[i] for i in np.sort(picks)]


def rival_grids(past: FloatArray) -> dict[str, FloatArray]:
    """Per rival, (3, 40) equally likely values one to three years ahead, none below zero."""
    from statsforecast.models import AutoARIMA, AutoETS

    levels = sorted({round(abs(2 * p - 1) * 100, 4) for p in GRID})
    out: dict[str, FloatArray] = {}
    for name, model in (("ETS", AutoETS), ("ARIMA", AutoARIMA)):
        for label, series in ((name, past), (f"{name} on logs", np.log(past + FEW))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = model(season_length=1).forecast(y=series, h=3, level=levels)
            columns = []
            for p in GRID:
                level = min(levels, key=lambda x: abs(x - abs(2 * p - 1) * 100))
                side = "hi" if p > 0.5 else "lo"
                columns.append(made[f"{side}-{level:g}"])
            grid = np.column_stack(columns)
            if label != name:
                grid = np.exp(np.minimum(grid, 25.0)) - FEW
            # Where a fit breaks down it repeats the last count, as its user would.
            out[label] = np.maximum(np.where(np.isfinite(grid), grid, past[-1]), 0.0)
    return out


def filled(stock: FloatArray) -> FloatArray:
    """The known years up to the last, from the first positive one, gaps drawn straight."""
    known = np.flatnonzero(np.isfinite(stock) & (stock > 0))
    span = np.arange(known[0], len(stock))
    values: FloatArray = np.interp(span, known, stock[known])
    return values


def run_panel(panel: Panel, size: int, seed: int) -> dict[str, Any]:
    """Scores every method on the same sample, by years ahead."""
    rng = np.random.default_rng(seed)
    truths = known_on(panel, date(int(panel.years[-1]) + 1, 7, 1)).stock
    asked = questions(panel, size, seed)
    scores: dict[int, dict[str, list[tuple[float, float, bool, bool]]]] = {
        h: {name: [] for name in METHODS} for h in (1, 2, 3)
    }
    places: dict[int, list[float]] = {1: [], 2: [], 3: []}
    countries: dict[int, list[str]] = {1: [], 2: [], 3: []}
    seconds = {"onward": 0.0, "statsforecast": 0.0}
    forecaster: PanelForecaster | None = None
    held = None
    for number, (year, row) in enumerate(asked, start=1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{number} of {len(asked)} country pairs")
        start = time.process_time()
        if year != held or forecaster is None:
            forecaster, held = PanelForecaster(panel, date(year + 1, 7, 1)), year
        pair = panel.pairs[row]
        ours = {h: forecaster.forecast(pair, h) for h in (1, 2, 3)}
        seconds["onward"] += time.process_time() - start
        start = time.process_time()
        past = filled(forecaster.panel.stock[row])
        grids = rival_grids(past)
        grids["no_change"] = np.full((3, 1), past[-1])
        seconds["statsforecast"] += time.process_time() - start
        column = year - int(panel.years[0])
        for h in (1, 2, 3):
            if column + h >= truths.shape[1] or not np.isfinite(truths[row, column + h]):
                continue
            truth, last = float(truths[row, column + h]), past[-1]
            values, weights = ours[h]
            countries[h].append(pair[0])
            below, equal = weights[values < truth].sum(), weights[values == truth].sum()
            places[h].append(float(min(below + equal * rng.random(), 1.0)))
            log_truth = float(np.log(truth + FEW))
            q = [weighted_quantile(values, weights, p) for p in (0.05, 0.25, 0.75, 0.95)]
            scores[h]["onward"].append(
                (
                    weighted_crps(values, weights, truth) / last,
                    weighted_crps(np.log(values + FEW), weights, log_truth),
                    q[0] <= truth <= q[3],
                    q[1] <= truth <= q[2],
                )
            )
            for name, grid in grids.items():
                draws = grid[h - 1]
                q = [float(np.quantile(draws, p)) for p in (0.05, 0.25, 0.75, 0.95)]
                scores[h][name].append(
                    (
                        crps(draws, truth) / last,
                        crps(np.log(draws + FEW), log_truth),
                        q[0] <= truth <= q[3],
                        q[1] <= truth <= q[2],
                    )
                )
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    ahead = {}
    for h in (1, 2, 3):
        table = {name: np.array(rows, float) for name, rows in scores[h].items()}
        ahead[str(h)] = {
            "questions": len(countries[h]),
            "methods": {
                name: {
                    "crps_over_last": float(rows[:, 0].mean()),
                    "crps_log": float(rows[:, 1].mean()),
                    "covered90": float(rows[:, 2].mean()),
                    "covered50": float(rows[:, 3].mean()),
                    "ratio": float(rows[:, 0].mean() / table["onward"][:, 0].mean()),
                    "ratio_log": float(rows[:, 1].mean() / table["onward"][:, 1].mean()),
                    "onward_less_rival_90": by_country(
                        table["onward"][:, 1] - rows[:, 1], countries[h], seed
                    ),
                }
                for name, rows in table.items()
            },
            "pit": pit_bars(places[h], 10),
        }
    return {"sample": len(asked), "seed": seed, "cpu_seconds": seconds, "years_ahead": ahead}


def run_shares(panel: Panel, size: int, seeds: Sequence[int]) -> dict[str, Any]:
    """The stock model on yearly counts up to 2003, by its share of futures that carry the recent
    pace forward (rows) and that doubt everything (columns): CRPS over the last count, at most 3,
    and what lay in 90% and 50%. None of the past operations is looked at."""
    reference = ReferenceClass(shipped_operations())
    truths = known_on(panel, date(int(panel.years[-1]) + 1, 7, 1)).stock
    draws = 2000
    scores: dict[int, list[list[tuple[float, bool, bool]]]] = {1: [], 2: []}
    asked = [one for seed in seeds for one in questions(panel, size, seed, EARLIER)]
    for year, row in asked:
        known = known_on(panel, date(year + 1, 7, 1))
        counts = tuple(
            Count(date(int(y), 12, 31), float(people))
            for y, people in zip(known.years, known.stock[row], strict=True)
            if np.isfinite(people) and people > 0
        )[-12:]
        series, last = Series("pair", "panel", "pair", counts), counts[-1].value
        for h, rows in scores.items():
            column = year - int(panel.years[0]) + h
            if column >= truths.shape[1] or not np.isfinite(truths[row, column]):
                continue
            truth = float(truths[row, column])
            found = []
            for pace, doubt in SHARES:
                reference.doubt, reference.plain_pace = doubt, pace
                made = reference.forecast(
                    series, "stock", (), "pair", counts[-1].day, date(year + h, 12, 31),
                    draws=draws,
                ).draws  # fmt: skip
                low, a, b, high = np.quantile(made, [0.05, 0.25, 0.75, 0.95])
                found.append(
                    (min(crps(made, truth) / last, 3.0), low <= truth <= high, a <= truth <= b)
                )
            rows.append(found)
    return {
        "sample": len(asked),
        "shares": [{"pace": pace, "doubt": doubt} for pace, doubt in SHARES],
        "years_ahead": {
            str(h): [
                dict(zip(("crps_over_last", "covered90", "covered50"), one, strict=True))
                for one in np.array(rows, float).mean(axis=0).tolist()
            ]
            for h, rows in scores.items()
        },
    }


def run_pairs(panel: Panel, file: Path) -> dict[str, Any]:
    """Named questions about pairs of the panel, from a CSV with their truths and naive answers.

    Columns: origin, asylum, forecast_origin, target, stock_at_origin, truth_stock, and no_change,
    last_rate, linear, exponential, which saw the stock of the origin's year. Asked twice: on the
    day itself, when that row is not out yet, and once it is, which is what the naive answers knew.
    """
    with file.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    questions_, scores = [], []
    for row in rows:
        origin, target = (
            date.fromisoformat(row[name]) for name in ("forecast_origin", "target")
        )
        truth, here = float(row["truth_stock"]), float(row["stock_at_origin"])
        one: dict[str, Any] = {"pair": f"{row['origin']} in {row['asylum']}", "truth": truth}
        for label, day in (("on the day", origin), ("row out", date(origin.year + 1, 7, 1))):
            forecaster = PanelForecaster(panel, day)
            ahead = target.year - int(forecaster.panel.years[-1])
            values, weights = forecaster.forecast((row["origin"], row["asylum"]), ahead)
            low, high = (weighted_quantile(values, weights, p) for p in (0.05, 0.95))
            one[label] = weighted_crps(values, weights, truth) / here
            one[f"{label}, in 90%"] = bool(low <= truth <= high)
        for name in NAIVE:
            one[name] = abs(float(row[name]) - truth) / here
        questions_.append(one)
        scores.append([one[name] for name in ("on the day", "row out", *NAIVE)])
    means = np.mean(np.array(scores), axis=0)
    return {
        "questions": questions_,
        "crps_over_origin": dict(
            zip(("on the day", "row out", *NAIVE), means.tolist(), strict=True)
        ),
        "covered90": {
            label: float(np.mean([one[f"{label}, in 90%"] for one in questions_]))
            for label in ("on the day", "row out")
        },
    }


def by_country(gaps: FloatArray, countries: list[str], seed: int) -> list[float]:
    """90% interval of the mean when whole countries of origin are drawn again."""
    names = sorted(set(countries))
    where = np.array([names.index(name) for name in countries])
    sums = np.bincount(where, weights=gaps, minlength=len(names))
    sizes = np.bincount(where, minlength=len(names))
    picks = np.random.default_rng(seed).integers(0, len(names), (2000, len(names)))
    means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    return [float(value) for value in np.quantile(means, [0.05, 0.95])]


def run_cases(
    folder: Path, doubt: float = DOUBT, plain_pace: float = PLAIN_PACE
) -> dict[str, Any]:
    """The back-test's means over a history folder."""
    start = time.process_time()
    inputs = read_inputs(folder)
    made = backtest.forecast_tests(inputs, doubt=doubt, plain_pace=plain_pace)
    answers = read_answers(folder, [test.test for test in inputs.tests])
    means = backtest.summarise(backtest.score_tests(made, inputs, answers))
    return {"folder": folder.name, "cpu_seconds": time.process_time() - start, **means}


def svg(pits: dict[str, list[int]]) -> str:
    """The places of the truths as bars, one panel per years ahead; even bars are honest."""
    width, height, gap = 220, 150, 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{3 * width + 4 * gap}" '
        f'height="{height + 70}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{gap}" y="18">Where the truth fell in the forecast (tenths, lowest first); '
        "even bars mean honest forecasts</text>",
    ]
    for i, (h, bars) in enumerate(pits.items()):
        left, top = gap + i * (width + gap), 36
        even, most = sum(bars) / len(bars), max(max(bars), 1)
        for j, count in enumerate(bars):
            tall = height * count / (1.2 * most)
            parts.append(
                f'<rect x="{left + j * width / 10:.1f}" y="{top + height - tall:.1f}" '
                f'width="{width / 10 - 2:.1f}" height="{tall:.1f}" fill="#4a6f8a"/>'
            )
        level = top + height - height * even / (1.2 * most)
        parts.append(
            f'<line x1="{left}" x2="{left + width}" y1="{level:.1f}" y2="{level:.1f}" '
            'stroke="#222" stroke-dasharray="4 3"/>'
            f'<text x="{left}" y="{top + height + 16}">{h} year(s) ahead, {sum(bars)} forecasts'
            "</text>"
        )
    return "\n".join([*parts, "</svg>"])


def page(data: dict[str, Any]) -> str:
    """The figures in words for a terminal."""
    cases = data["cases"]
    lines = [
        f"Past operations ({cases['folder']}): CRPS / people at origin, "
        f"{cases['stock_tests']} stock tests",
    ]
    for name, entry in cases["all"].items():
        value = entry["crps_over_origin"]
        shown = "-" if value is None else f"{value:.3f}"
        lines.append(f"  {name:<12} {shown:>6}   on {entry['tests']} tests")
    lines.append(
        f"  inside 90%: {cases['covered90']:.0%}; fifths {cases['pit']}; "
        f"{cases['cpu_seconds']:.1f} CPU s"
    )
    panel = data.get("panel")
    if panel is None:
        return "\n".join([*lines, "Annual panel: not given (--panel FILE)."])
    lines += [
        "",
        f"Country pairs, {panel['sample']} sampled (seed {panel['seed']}). CRPS over the last "
        "stock, and on logs;",
        "ratio: theirs / ours (above 1: ours is better); last: our log score less theirs, 90%",
        "by country of origin (below zero: ours is better).",
    ]
    for h, entry in panel["years_ahead"].items():
        lines += [
            "",
            f"{h} year(s) ahead, {entry['questions']} forecasts; tenths {entry['pit']}",
            f"  {'method':<14} {'CRPS':>7} {'ratio':>6} {'log':>7} {'ratio':>6} "
            f"{'in 90%':>7} {'in 50%':>7}   ours less theirs",
        ]
        for name, row in entry["methods"].items():
            low, high = row["onward_less_rival_90"]
            band = "" if name == "onward" else f"{low:+.3f} to {high:+.3f}"
            lines.append(
                f"  {name:<14} {row['crps_over_last']:>7.3f} {row['ratio']:>6.2f} "
                f"{row['crps_log']:>7.3f} {row['ratio_log']:>6.2f} {row['covered90']:>7.0%} "
                f"{row['covered50']:>7.0%}   {band}"
            )
    if shares := data.get("shares"):
        lines += [
            "",
            f"The stock model on yearly counts up to 2003, {shares['sample']} pairs: share of "
            "futures that",
            "carry the recent pace forward, share of doubt; CRPS over the last count (at most 3)",
        ]
        for i, share in enumerate(shares["shares"]):
            lines.append(
                f"  pace {share['pace']:.0%}, doubt {share['doubt']:.0%}: "
                + "; ".join(
                    f"{h} ahead {rows[i]['crps_over_last']:.3f}, in 90% "
                    f"{rows[i]['covered90']:.0%}, in 50% {rows[i]['covered50']:.0%}"
                    for h, rows in shares["years_ahead"].items()
                )
            )
        alone = data["regimes_alone"]
        lines.append(
            "  past operations without either: "
            f"{alone['all']['onward']['crps_over_origin']:.3f}, in 90% "
            f"{alone['covered90']:.0%}, in 50% {alone['covered50']:.0%}"
        )
    if pairs := data.get("pairs"):
        lines += [
            "",
            f"Pairs asked by name, {len(pairs['questions'])}: CRPS / people at origin",
        ]
        for name, value in pairs["crps_over_origin"].items():
            inside = pairs["covered90"].get(name)
            shown = "" if inside is None else f"   inside 90%: {inside:.0%}"
            lines.append(f"  {name:<12} {value:>6.3f}{shown}")
    spent = panel["cpu_seconds"]
    lines.append(
        f"CPU seconds: ours {spent['onward']:.1f}, ETS and ARIMA {spent['statsforecast']:.1f}"
    )
    return "\n".join(lines)


def main() -> None:
    """Entry point of the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--history", type=Path, default=Path("examples/history"))
    parser.add_argument("--panel", type=Path, help="unhcr_country_pair_year.csv")
    parser.add_argument(
        "--pairs", type=Path, help="cessation_backtests.csv: pairs of the panel asked by name"
    )
    parser.add_argument(
        "--shares", action="store_true",
        help="what the shares of carried pace and of doubt are worth on early years, and the "
        "back-test without either",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="40 country pairs, not 400")
    parser.add_argument("--svg", type=Path, help="write the places of the truths as SVG")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data: dict[str, Any] = {"cases": run_cases(options.history)}
    if options.panel:
        data["panel"] = run_panel(read_panel(options.panel), 40 if options.quick else 400, SEED)
        if options.shares:
            few = 10 if options.quick else 80
            data["shares"] = run_shares(read_panel(options.panel), few, (SEED, SEED + 1))
            data["regimes_alone"] = run_cases(options.history, 0.0, 0.0)
        if options.pairs:
            data["pairs"] = run_pairs(read_panel(options.panel), options.pairs)
        if options.svg:
            ahead = data["panel"]["years_ahead"]
            options.svg.write_text(svg({h: entry["pit"] for h, entry in ahead.items()}))
    print(json.dumps(data, indent=2) if options.json else page(data))
