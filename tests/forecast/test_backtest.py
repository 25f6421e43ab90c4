"""The back-test keeps its promises: nothing later is read, rivals are scored alike, output holds."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from onward.cli.backtest import app as backtest_app
from onward.cli.forecast_counts import app as counts_app
from onward.errors import OnwardError
from onward.forecast.counts import backtest as room
from onward.forecast.counts.backtest_scores import covers, crps, crps_against, pit_bars, place
from onward.forecast.counts.history import (
    Count,
    Event,
    Inputs,
    Truth,
    read_answers,
    read_inputs,
)

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "examples" / "history"
# Fewer than the command draws: what is tested holds for any number.
DRAWS = 3000
SCHEMAS = ROOT / "docs" / "reference" / "schemas"


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return read_inputs(SHIPPED)


@pytest.fixture(scope="module")
def made(inputs: Inputs) -> dict[str, room.TestForecast]:
    return {one.test.test: one for one in room.forecast_tests(inputs, draws=DRAWS)}


def forecast(inputs: Inputs, name: str) -> room.TestForecast:
    test = next(test for test in inputs.tests if test.test == name)
    made = room.forecast_tests(inputs, case=test.case, draws=DRAWS)
    return next(one for one in made if one.test.test == name)


def same(one: room.TestForecast, other: room.TestForecast) -> bool:
    return (
        one.forecast.draws.tobytes() == other.forecast.draws.tobytes()
        and one.forecast.regimes == other.forecast.regimes
        and one.points == other.points
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A3", "D2", "B1", "O1"])
def test_a_forecast_is_byte_for_byte_the_same_when_everything_later_is_poisoned(
    inputs: Inputs, made: dict[str, room.TestForecast], name: str
):
    test = next(test for test in inputs.tests if test.test == name)
    day = timedelta(days=1)
    poisoned = replace(
        inputs,
        series=tuple(
            replace(
                series,
                counts=(
                    *tuple(
                        replace(count, value=9000000000.0) if count.day > test.origin else count
                        for count in series.counts
                    ),
                    Count(max(test.origin, series.counts[-1].day) + day, 7000000000.0, "high"),
                ),
            )
            for series in inputs.series
        ),
        events=(
            *tuple(
                replace(event, effective=test.origin + day, kind="shock")
                if event.known_from > test.origin
                else event
                for event in inputs.events
            ),
            Event(test.case, test.origin + day, test.target, "deadline"),
        ),
    )
    assert same(forecast(poisoned, name), made[name])


@pytest.mark.slow
def test_a_forecast_does_use_what_was_known(inputs: Inputs, made: dict[str, room.TestForecast]):
    test = next(test for test in inputs.tests if test.test == "O2")
    unheard = replace(inputs, events=tuple(e for e in inputs.events if e.case != test.case))
    again = forecast(unheard, "O2")
    assert not same(again, made["O2"])


@pytest.mark.slow
def test_a_case_learns_nothing_from_its_own_other_series_or_later_tests(
    inputs: Inputs, made: dict[str, room.TestForecast]
):
    poisoned = replace(
        inputs,
        series=tuple(
            replace(
                series, counts=tuple(replace(c, value=c.value * 7 + 3) for c in series.counts)
            )
            if series.case == "ashraf" and series.name != "ashraf_population"
            else series
            for series in inputs.series
        ),
    )
    again = forecast(poisoned, "A2")
    assert same(again, made["A2"])
    assert "ashraf" not in made["A2"].forecast.reference


@pytest.mark.slow
def test_a_case_does_learn_from_the_others(inputs: Inputs, made: dict[str, room.TestForecast]):
    poisoned = replace(
        inputs,
        series=tuple(
            replace(series, counts=tuple(replace(c, value=50.0) for c in series.counts))
            if series.case == "cambodia_border"
            else series
            for series in inputs.series
        ),
    )
    again = forecast(poisoned, "C1")
    assert not same(again, made["C1"])
    assert "cambodia_border" in made["C1"].forecast.reference


def test_each_forecast_learns_only_from_what_others_had_published_by_then(
    made: dict[str, room.TestForecast],
):
    assert made["U1"].forecast.reference == ()  # January 1993: no other operation had counts
    assert "allies_welcome" not in made["C1"].forecast.reference
    assert "choucha" in made["O1"].forecast.reference


@pytest.mark.slow
def test_the_truths_do_not_reach_a_forecast(tmp_path: Path, made: dict[str, room.TestForecast]):
    folder = tmp_path / "history"
    shutil.copytree(SHIPPED, folder)
    (folder / "truths.csv").unlink()
    (folder / "baselines.csv").unlink()
    again = room.forecast_tests(read_inputs(folder), case="choucha", draws=DRAWS)
    assert all(same(one, made[one.test.test]) for one in again)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answer_and_another_seed_another(
    inputs: Inputs, made: dict[str, room.TestForecast]
):
    assert same(forecast(inputs, "C2"), made["C2"])
    other = room.forecast_tests(inputs, case="choucha", seed=5, draws=DRAWS)
    assert not same(other[1], made["C2"])


def test_forecasts_of_stocks_are_whole_and_never_below_zero(
    made: dict[str, room.TestForecast],
):
    for one in made.values():
        draws = one.forecast.draws
        assert np.isfinite(draws).all()
        assert (draws >= 0).all()
        assert (draws == np.round(draws)).all()
        if one.test.kind == "cumulative":
            assert (draws >= one.forecast.last.value).all()


def test_our_naive_rivals_are_those_published_with_the_history(
    inputs: Inputs, made: dict[str, room.TestForecast]
):
    answers = read_answers(SHIPPED, list(made))
    assert len(answers.baselines) == 16
    assert room.baseline_differences(list(made.values()), answers) == []


def test_point_rivals_are_scored_to_the_nearest_point_of_the_truths_range(
    inputs: Inputs, made: dict[str, room.TestForecast]
):
    answers = read_answers(SHIPPED, list(made))
    scored = {
        one.made.test.test: one
        for one in room.score_tests(list(made.values()), inputs, answers)
    }
    # 800 people repeated against 300 to 700: wrong by 100.
    assert scored["C2"].rivals_crps["no_change"] == 100
    assert scored["C2"].ratio(100.0) == pytest.approx(0.125)
    assert scored["A1"].rivals_crps["official"] is None
    # A cumulative total has no people at the origin to divide by.
    assert scored["D1"].ratio(scored["D1"].crps) is None
    assert scored["D1"].rivals_crps["flat"] is None


def test_the_fixed_prior_is_learnt_without_the_cases_own_tests():
    shares = [(0.0, 0.0, "one"), (0.01, 0.01, "one"), (0.9, 0.9, "two"), (1.0, 1.0, "two")]
    low, high = room.fixed_power(shares, "two"), room.fixed_power(shares, "one")
    assert low is not None
    assert high is not None
    assert low > 2  # learnt from "one": hardly anybody remains
    assert high < 0.5  # learnt from "two": nearly everybody remains
    assert room.fixed_power(shares[:2], "one") is None


def test_a_test_without_a_truth_is_forecast_and_left_unscored(
    inputs: Inputs, made: dict[str, room.TestForecast]
):
    answers = read_answers(SHIPPED, ["A1"])
    scored = room.score_tests([made["A1"], made["A2"]], inputs, answers)
    assert scored[0].crps is not None
    assert scored[1].crps is None
    means = room.summarise(scored)
    assert means["stock_tests"] == 1
    assert means["bootstrap_by_operation"]["onward"] is None  # one operation tells no spread


# -- scores ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=30),
    st.floats(0, 1e6),
)
def test_crps_agrees_with_its_definition(draws: list[float], truth: float):
    x = np.array(draws)
    pairs = np.abs(x[:, None] - x[None, :]).mean() / 2
    assert crps(x, truth) == pytest.approx(np.abs(x - truth).mean() - pairs, abs=1e-6)


def test_known_scores():
    assert crps(np.array([300.0]), 100.0) == 200.0
    grid = (np.arange(5000) + 0.5) / 5000
    assert crps(grid, 0.0) == pytest.approx(1 / 3, abs=1e-3)
    assert crps_against(np.array([500.0]), Truth(300, 300, 700)) == 0.0
    assert covers(0, 300, Truth(300, 300, 700))
    assert not covers(0, 299, Truth(300, 300, 700))


def test_places_of_truths_drawn_from_the_forecast_itself_are_even():
    rng = np.random.default_rng(3)
    places = []
    for _ in range(500):
        draws = rng.poisson(4, 400).astype(float)
        value = float(rng.poisson(4))
        places.append(place(draws, Truth(value, value, value), rng))
    assert min(pit_bars(places)) > 70
    assert sum(pit_bars(places)) == 500


def test_naive_forecasts_know_their_limits():
    start = date(2020, 1, 1)
    one = room.naive_forecasts([Count(start, 50.0)], start, date(2020, 2, 1))
    assert one == {"no_change": 50.0, "last_rate": None, "linear": None, "exponential": None}
    falling = [Count(start, 100.0), Count(date(2020, 3, 1), 40.0), Count(date(2020, 5, 1), 0.0)]
    later = room.naive_forecasts(falling, date(2020, 5, 1), date(2020, 9, 1))
    assert later["linear"] == 0.0
    assert later["exponential"] is None
    steady = [
        Count(start + timedelta(days=40 * i), 200.0 * math.exp(-0.01 * 40 * i))
        for i in range(4)
    ]
    ahead = room.naive_forecasts(steady, steady[-1].day, steady[-1].day + timedelta(days=40))
    assert ahead["exponential"] == pytest.approx(200 * math.exp(-1.6))


# -- the command -------------------------------------------------------------------------------


def test_the_command_prints_json_that_fits_its_schema():
    result = CliRunner().invoke(
        backtest_app, [str(SHIPPED), "--case", "choucha", "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    schema = json.loads((SCHEMAS / "backtest.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(data)
    assert [row["test"] for row in data["tests"]] == ["C1", "C2"]
    assert data["tests"][0]["q05"] <= data["tests"][0]["median"] <= data["tests"][0]["q95"]


@pytest.mark.slow
def test_the_command_prints_a_page_that_fits_a_terminal():
    result = CliRunner().invoke(
        backtest_app, [str(SHIPPED), "--case", "burundi_tanzania"], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    assert "B2" in result.stdout
    assert "Totals and flows" in result.stdout


def test_an_unknown_case_is_answered_with_the_known_ones():
    with pytest.raises(OnwardError, match="expected allies_welcome, ashraf"):
        CliRunner().invoke(backtest_app, [str(SHIPPED), "--case", "x"], catch_exceptions=False)


def counts_command(file: Path, *more: str) -> list[str]:
    return [
        "--counts", str(file), "--series", "choucha_population",
        "--origin", "2013-03-22", "--by", "2013-06-30", *more,
    ]  # fmt: skip


def test_one_series_is_forecast_the_same_when_its_later_rows_are_absurd(tmp_path: Path):
    file = SHIPPED / "choucha_2011_2013.csv"
    events = ["--events", str(SHIPPED / "events.csv"), "--case", "choucha", "--json"]
    honest = CliRunner().invoke(
        counts_app, counts_command(file, *events), catch_exceptions=False
    )
    rows = list(csv.DictReader(file.open()))
    poisoned = tmp_path / file.name
    with poisoned.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys())
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "value": "-1"} if row["date"] > "2013-03-22" else row)
    again = CliRunner().invoke(
        counts_app, counts_command(poisoned, *events), catch_exceptions=False
    )
    assert honest.exit_code == 0
    assert again.stdout == honest.stdout
    data = json.loads(honest.stdout)
    schema = json.loads((SCHEMAS / "forecast-counts.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(data)
    assert "choucha" not in data["reference"]


def test_one_series_is_forecast_in_words():
    result = CliRunner().invoke(
        counts_app, counts_command(SHIPPED / "choucha_2011_2013.csv"), catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "nine in ten" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 100


def test_wrong_options_are_all_named_at_once(tmp_path: Path):
    command = counts_command(SHIPPED / "choucha_2011_2013.csv", "--kind", "herd")
    command[command.index("2013-03-22")] = "22.3.2013"
    with pytest.raises(OnwardError) as caught:
        CliRunner().invoke(counts_app, command, catch_exceptions=False)
    assert "--origin" in str(caught.value)
    assert "--kind" in str(caught.value)


def test_events_of_several_cases_need_a_case():
    with pytest.raises(OnwardError, match="say which with --case"):
        CliRunner().invoke(
            counts_app,
            counts_command(
                SHIPPED / "choucha_2011_2013.csv", "--events", str(SHIPPED / "events.csv")
            ),
            catch_exceptions=False,
        )
