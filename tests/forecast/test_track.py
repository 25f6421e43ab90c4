"""Kept forecasts beside what happened, and all of them together."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from onward.forecast.run import EVERYONE, Forecast
from onward.forecast.telling.levels import LEVELS
from onward.forecast.track import days_wanted, track
from onward.report.track_record import blocks, sentences, track_report

START = dt.date(2026, 1, 1)


def kept(
    made, middle, *, width=10, futures=500, seed=1, deadline=dt.date(2026, 12, 31), days=10
):
    """A forecast of one number on every tenth day, and the same spread around it."""
    shown = [(made + dt.timedelta(days=10 * (i + 1))).isoformat() for i in range(days)]
    offsets = {"q025": -2, "q10": -1, "q25": -0.5, "median": 0, "q75": 0.5, "q90": 1, "q975": 2}
    assert set(offsets) == set(LEVELS)
    known = {
        "operation": "camp", "as_of": made.isoformat(), "deadline": deadline.isoformat(),
        "futures": futures, "seed": seed, "start": 100, "days": shown,
        "fan": {EVERYONE: {n: [middle + k * width] * days for n, k in offsets.items()}},
        "spread": [[middle - width, middle, middle + width]] * days,
    }  # fmt: skip
    empty = {
        "states": {}, "left": {}, "mean": 0.0, "zero": 0.0, "fewer_than": {}, "gone_95": {},
        "width": {}, "assumptions": [], "left_out": [], "inputs": {},
    }  # fmt: skip
    return Forecast(**known, **empty)


def present(value, days=200):
    return {(START + dt.timedelta(days=i)).isoformat(): value for i in range(days)}


UNTIL = dt.date(2026, 4, 1)
TRUTH = {day: n for day, n in present(95).items() if day <= UNTIL.isoformat()}


def test_each_kept_forecast_is_scored_once_its_days_pass_and_the_others_wait():
    forecasts = [("a.json", kept(START, 95)), ("b.json", kept(dt.date(2026, 3, 31), 95))]
    found = track(forecasts, TRUTH, UNTIL)
    assert [row["file"] for row in found.scores] == ["a.json"]
    assert list(found.waiting) == ["b.json"]
    assert found.together.forecasts == 1
    assert found.together.days == 9
    assert found.together.covered80 == 1
    assert found.together.crps_no_change == 5
    assert days_wanted(forecasts, UNTIL) == dt.date(2026, 1, 11)
    assert days_wanted([("b.json", kept(UNTIL, 1))], UNTIL) is None


def test_the_same_day_forecast_twice_counts_once_the_larger_run_taken():
    right = kept(START, 95, futures=2000)
    wrong = kept(START, 20, futures=500, seed=2)
    found = track([("small.json", wrong), ("large.json", right)], TRUTH, UNTIL)
    assert len(found.scores) == 2
    assert found.together.forecasts == 1
    assert found.together.covered80 == 1
    other = kept(START, 20, futures=500, seed=2, deadline=dt.date(2027, 6, 1))
    both = track([("large.json", right), ("other.json", other)], TRUTH, UNTIL)
    assert both.together.forecasts == 2
    assert both.together.covered80 == 0.5


def test_scores_are_also_given_by_how_far_ahead():
    found = track([("a.json", kept(START, 95))], TRUTH, UNTIL)
    assert [(row.lead, row.days) for row in found.by_lead] == [
        ("up to 30 days ahead", 3),
        ("31 to 90 days ahead", 6),
    ]


def test_the_words_say_when_there_is_too_little_and_when_ranges_were_too_narrow():
    assert "nothing to score" in sentences(track([], {}, UNTIL))[0]
    one = track([("a.json", kept(START, 95))], TRUTH, UNTIL)
    assert any("too few to judge" in text for text in sentences(one))
    narrow = [(f"{i}.json", kept(START + dt.timedelta(days=i), 60, width=2)) for i in range(6)]
    said = " ".join(sentences(track(narrow, TRUTH, UNTIL)))
    assert "too narrow" in said
    assert "0%" in said


@pytest.mark.parametrize("to", [1, 10])
def test_the_figure_draws_every_past_forecast_over_the_count_rounded_as_the_audience_may_see(
    to,
):
    forecasts = [(f"{i}.json", kept(START + dt.timedelta(days=7 * i), 93)) for i in range(3)]
    found = track(forecasts, TRUTH, UNTIL)
    figure = next(block for block in blocks(found, [], UNTIL, to=to) if hasattr(block, "svg"))
    assert figure.svg.count("<polygon") == 3
    assert figure.svg.startswith("<svg")
    cells = [row[3].text for row in figure.table.rows]
    assert cells == ["95" if to == 1 else "100"] * 3
    assert "script" not in figure.svg


def test_the_page_says_it_in_words_first():
    found = track([("a.json", kept(START, 95))], TRUTH, UNTIL)
    report = track_report(
        found, [], title="Camp", on=UNTIL, demonstration=True, rulebook="r", rulebook_hash="h"
    )
    assert "1 kept forecast can be compared with what happened, on 9 days" in report.headline
    assert report.tables()


def test_a_run_made_afterwards_is_no_record_of_forecasts_and_is_said_to_be_none():
    genuine = kept(START, 95)
    made_later = replace(kept(dt.date(2026, 1, 2), 20), afterwards=True)
    both = track([("a.json", genuine), ("b.json", made_later)], TRUTH, UNTIL)
    assert both.together.covered80 == 1
    assert both.together.forecasts == 1
    assert both.afterwards.covered80 == 0
    assert not both.only_afterwards
    assert any("Not counted in that: 1 made afterwards" in text for text in sentences(both))
    alone = track([("b.json", made_later)], TRUTH, UNTIL)
    assert alone.only_afterwards
    assert alone.together == replace(alone.afterwards, lead="all")
    assert any("no record of forecasts" in text for text in sentences(alone))
    # The same day, tried again later with more futures, does not displace what was said in time.
    again = replace(kept(START, 20, futures=9000, seed=3), afterwards=True)
    assert track([("a.json", genuine), ("c.json", again)], TRUTH, UNTIL).together.covered80 == 1
