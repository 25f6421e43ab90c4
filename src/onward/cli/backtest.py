"""`onward backtest`: puts a folder of past questions to the count forecast and prints the scores.

In comes a history folder; out comes a table per test, the rivals beside it and the means, or the
same as JSON. The answers are opened here, after every forecast has been made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from onward.cli.commands import command_app

app = command_app()

_SHORT = {
    "no_change": "last",
    "last_rate": "rate",
    "linear": "linear",
    "exponential": "expon",
    "official": "offic",
    "mixture": "mixed",
    "flat": "flat",
    "fixed_prior": "fixed",
}


@app.command()
def backtest(
    folder: Annotated[Path, typer.Argument(help="A folder laid out like examples/history.")],
    case: Annotated[str | None, typer.Option("--case", help="Only this case's tests.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed: the same seed, same answer.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON (backtest.schema.json).")
    ] = False,
) -> None:
    """Example: onward backtest examples/history --case ashraf

    Forecasts past counts from what was known on the day, then opens the answers and scores the
    forecast beside simple rivals. The folder is described in
    docs/reference/history-folder.md, the method in docs/explanation/forecast-counts.md.
    """
    from onward.errors import OnwardError, one_of
    from onward.forecast.counts import backtest as room
    from onward.forecast.counts.history import read_answers, read_inputs
    from onward.forecast.counts.reference_class import DRAWS
    from onward.forecast.counts.stock import SEED

    inputs = read_inputs(folder)
    cases = sorted({test.case for test in inputs.tests})
    if case is not None and case not in cases:
        raise OnwardError(
            f'{folder}/tests.csv has no case "{case}"; expected {one_of(cases) or "a test"}.'
        )
    used = SEED if seed is None else seed
    made = room.forecast_tests(inputs, case=case, seed=used, progress=_progress)
    _progress("")
    # Every forecast is made: only now are the answers opened.
    answers = read_answers(folder, [test.test for test in inputs.tests])
    scored = room.score_tests(made, inputs, answers, seed=used)
    notes = list(inputs.notes)
    missing = [one.made.test.test for one in scored if one.truth is None]
    if missing:
        notes.append(f"No truth for {', '.join(missing)}: forecast, not scored.")
    notes += [f"Baseline differs: {line}." for line in room.baseline_differences(made, answers)]
    data = room.as_json(scored, notes, seed=used, draws=DRAWS)
    if as_json:
        typer.echo(json.dumps(data, indent=2))
    else:
        typer.echo(_page(data))


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line}")
        sys.stderr.flush()


def _people(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _truth(row: dict[str, Any]) -> str:
    if row["truth"] is None:
        return "-"
    if row["truth_low"] == row["truth_high"]:
        return _people(row["truth"])
    return f"{_people(row['truth_low'])}-{_people(row['truth_high'])}"


def _forecasts(tests: list[dict[str, Any]], stock: bool) -> list[str]:
    rows = []
    for row in tests:
        score = _share(row["crps_over_origin"]) if stock else _people(row["crps"])
        inside = "-" if row["covered90"] is None else "yes" if row["covered90"] else "NO"
        rows.append(
            [
                row["test"],
                row["origin"],
                row["target"],
                _people(row["at_origin"]),
                _people(row["median"]),
                f"{_people(row['q25'])}-{_people(row['q75'])}",
                f"{_people(row['q05'])}-{_people(row['q95'])}",
                _truth(row),
                inside,
                score,
            ]
        )
    head = ["test", "from", "to", "then", "median", "half in", "90% in", "truth", "in 90%"]
    return _table([*head, "score" if stock else "CRPS"], rows)


def _rivals(tests: list[dict[str, Any]], key: str, show: Any) -> list[str]:
    own = "crps_over_origin" if key == "rivals" else "crps"
    rows = [
        [row["test"], show(row[own]), *(show(row[key][name]) for name in _SHORT)]
        for row in tests
    ]
    return _table(["test", "onward", *_SHORT.values()], rows)


def _means(means: dict[str, Any]) -> list[str]:
    every, common = means["all"], means["common"]
    gaps = means["bootstrap_by_operation"]
    rows = []
    for name, entry in every.items():
        gap = gaps["onward"] if name == "onward" else gaps["onward_less_rival"][name]
        band = "-" if gap is None else f"{gap['q05']:+.3f} to {gap['q95']:+.3f}"
        rows.append(
            [
                name,
                _share(entry["crps_over_origin"]),
                str(entry["tests"]),
                _share(common["crps_over_origin"][name]),
                band if name != "onward" else band.replace("+", ""),
            ]
        )
    head = ["method", "mean", "tests", f"mean of {common['tests']} common", "90% by operation"]
    return _table(head, rows)


def _page(data: dict[str, Any]) -> str:
    stock = [row for row in data["tests"] if row["kind"] == "stock"]
    other = [row for row in data["tests"] if row["kind"] != "stock"]
    means = data["means"]
    lines: list[str] = []
    if stock:
        lines += ["People still there: the forecast from each day, and what came", ""]
        lines += _forecasts(stock, True)
        lines += [
            "",
            "then    the last count known on the day of the forecast",
            "half in / 90% in   the forecast puts the truth between these with that chance",
            "score   CRPS divided by the people at the origin: 0 is perfect; a single figure",
            "        that is wrong by a tenth of the people scores 0.100",
            "",
            "Score of simple rivals on the same tests (lower is better; - where a rival is silent)",
            "",
        ]
        lines += _rivals(stock, "rivals", _share)
        lines += [
            "",
            "last no change; rate last slope; linear, expon five counts fitted; offic official plan;",
            "mixed all of those weighed alike; flat anything from nobody to everybody alike;",
            "fixed the best fixed distribution of the share remaining, learnt on other cases",
            "",
        ]
    if stock and means["stock_tests"]:
        lines += ["Means over the tests each method has, and over those all have", ""]
        lines += _means(means)
        lines += [
            "",
            "90% by operation   resampling whole operations: for onward its mean, for a rival",
            "                   onward less the rival (below zero: onward is better)",
            f"Truth inside the 90% interval: {means['covered90']:.0%}; inside the half: "
            f"{means['covered50']:.0%}.",
            "Where the truth fell in the forecast, lowest to highest fifth (even is honest):",
        ]
        for i, count in enumerate(means["pit"]):
            lines.append(
                f"  {i * 20:>3}-{i * 20 + 20}%  {'#' * count}{' ' if count else ''}{count}"
            )
        lines.append("")
    if other:
        lines += ["Totals and flows: forecast, truth and CRPS in people, listed apart", ""]
        lines += _forecasts(other, False)
        lines += ["", "CRPS of the rivals, in people", ""]
        lines += _rivals(other, "rivals_crps", _people)
        lines.append("")
    if not data["tests"]:
        lines.append("tests.csv holds no test.")
    lines += [f"Note: {note}" for note in data["notes"]]
    lines.append(
        f"Seed {data['seed']}, {data['draws']:,} draws a test; same seed, same answer."
    )
    return "\n".join(lines)
