"""Country pairs are forecast from others like them, from published years, never from their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from benchmarks.history.measure import run_pairs
from benchmarks.history.panel import (
    Panel,
    PanelForecaster,
    known_on,
    published_year,
    read_panel,
    weighted_crps,
    weighted_quantile,
)

from onward.errors import Faults, OnwardError
from onward.forecast.counts.backtest_scores import crps
from onward.forecast.counts.history import Count, Series
from onward.forecast.counts.reference_class import ReferenceClass

COUNTRIES = [f"{a}{b}{c}" for a in "AB" for b in "CD" for c in "EFGHI"]


@pytest.fixture
def panel() -> Panel:
    """Sixty pairs from twenty countries, each growing or shrinking at its own wandering rate."""
    rng = np.random.default_rng(4)
    pairs = tuple((home, host) for home in COUNTRIES for host in ("XXX", "YYY", "ZZZ"))
    steps = rng.normal(-0.05, 0.15, (len(pairs), 25))
    stock = np.round(5000 * np.exp(np.cumsum(steps, axis=1)))
    return Panel(pairs, np.arange(2000, 2025), stock, np.zeros_like(stock))


def ask(panel: Panel, day: date, ahead: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return PanelForecaster(panel, day).forecast(("ACE", "XXX"), ahead, neighbours=60)


def same(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def test_a_years_rows_are_out_half_a_year_after_its_end():
    assert published_year(date(2016, 6, 30)) == 2014
    assert published_year(date(2016, 7, 1)) == 2015


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_years_not_yet_published_are_not_read(panel: Panel, ahead: int):
    day = date(2016, 6, 30)
    poisoned = panel.stock.copy()
    poisoned[:, panel.years > 2014] = 9e9
    home = panel.returned.copy()
    home[:, panel.years > 2014] = 9e9
    assert same(
        ask(panel, day, ahead), ask(replace(panel, stock=poisoned, returned=home), day, ahead)
    )
    # A day later the year is out, and it is read.
    late = date(2016, 7, 1)
    assert not same(ask(panel, late), ask(replace(panel, stock=poisoned), late))


def test_pairs_of_the_same_origin_are_left_out(panel: Panel):
    own = np.array([home == "ACE" and host != "XXX" for home, host in panel.pairs])
    poisoned = panel.stock.copy()
    poisoned[own] *= np.linspace(1, 50, panel.stock.shape[1])
    day = date(2016, 7, 1)
    assert same(ask(panel, day), ask(replace(panel, stock=poisoned), day))


def test_a_zero_between_two_positive_years_is_a_gap_but_only_once_the_later_year_is_out(
    panel: Panel,
):
    stock = panel.stock.copy()
    stock[0, 10] = 0
    gapped = replace(panel, stock=stock)
    assert known_on(gapped, date(2011, 7, 1)).stock[0, 10] == 0
    assert np.isnan(known_on(gapped, date(2012, 7, 1)).stock[0, 10])


def test_forecasts_cover_what_comes_as_often_as_they_claim(panel: Panel):
    inside = []
    for year in range(2012, 2023):
        forecaster = PanelForecaster(panel, date(year + 1, 7, 1))
        for row, pair in enumerate(panel.pairs):
            values, weights = forecaster.forecast(pair, 1, neighbours=200)
            truth = panel.stock[row, year - 2000 + 1]
            low, high = (weighted_quantile(values, weights, q) for q in (0.05, 0.95))
            inside.append(low <= truth <= high)
    assert 0.84 < np.mean(inside) < 0.96


def test_the_weighted_score_agrees_with_the_plain_one():
    values = np.array([1.0, 2.0, 5.0, 9.0])
    assert weighted_crps(values, np.full(4, 0.25), 4.0) == pytest.approx(crps(values, 4.0))
    assert weighted_crps(np.array([3.0]), np.array([1.0]), 10.0) == 7.0


def test_an_unknown_pair_is_refused(panel: Panel):
    with pytest.raises(OnwardError, match="no pair QQQ in XXX"):
        PanelForecaster(panel, date(2016, 7, 1)).forecast(("QQQ", "XXX"), 1)


def test_every_bad_row_of_the_panel_is_named(tmp_path: Path):
    file = tmp_path / "panel.csv"
    file.write_text(
        "origin,asylum,year,refugees,returned\nAAA,BBB,2001,10,0\n"
        "AAA,BBB,2002,many,0\nAAA,BBB,2003,10,-4\n"
    )
    with pytest.raises(Faults) as caught:
        read_panel(file)
    assert [(fault.where, fault.field) for fault in caught.value.faults] == [
        ("row 3", "refugees"),
        ("row 4", "returned"),
    ]


def test_a_pair_asked_by_name_is_forecast_without_the_row_that_was_not_yet_out(panel, tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text(
        "origin,asylum,forecast_origin,target,stock_at_origin,truth_stock,"
        "no_change,last_rate,linear,exponential\n"
        "ACE,XXX,2018-12-31,2020-12-31,1000,900,1000,950,900,990\n"
    )
    found = run_pairs(panel, file)
    assert found["crps_over_origin"]["linear"] == 0
    assert found["crps_over_origin"]["no_change"] == pytest.approx(0.1)
    # the year of the origin is published half a year later: only the second asking may read it
    stock = panel.stock.copy()
    stock[panel.pairs.index(("ACE", "XXX")), list(panel.years).index(2018)] *= 3
    other = run_pairs(replace(panel, stock=stock), file)["crps_over_origin"]
    assert other["on the day"] == found["crps_over_origin"]["on the day"]
    assert other["row out"] != found["crps_over_origin"]["row out"]


def test_a_stock_may_be_carried_by_the_regimes_alone():
    """What the other two shares are worth can be measured: without them nobody doubts.

    Half of the doubtful futures, 2.5 in 100, hold fewer than half of the people."""
    counts = tuple(Count(date(2020, month, 1), 1000.0 - month) for month in range(1, 9))
    series = Series("camp", "camp.csv", "camp", counts)
    asked = (series, "stock", (), "camp", date(2020, 8, 1), date(2020, 8, 20))
    whole = ReferenceClass((), seed=1).forecast(*asked, draws=400)
    alone = ReferenceClass((), seed=1, doubt=0.0, plain_pace=0.0).forecast(*asked, draws=400)
    assert whole.quantile(0.02) < 500 < alone.quantile(0.02)
