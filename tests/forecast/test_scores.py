"""Scores, bands and chances of a forecast given as draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.forecast.telling import scores

counts = st.lists(st.integers(0, 50), min_size=1, max_size=30)


def brute_crps(draws, truth):
    x = np.asarray(draws, float)
    return np.abs(x - truth).mean() - np.abs(x[:, None] - x[None, :]).mean() / 2


@given(counts, st.integers(-5, 60))
def test_crps_is_its_definition(draws, truth):
    assert scores.crps(draws, truth) == pytest.approx(brute_crps(draws, truth), abs=1e-9)


@given(counts, st.integers(0, 60), st.integers(0, 20))
def test_a_range_is_scored_at_its_nearest_point(draws, low, width):
    best = min(brute_crps(draws, y) for y in np.linspace(low, low + width, 401))
    assert scores.crps_range(draws, low, low + width) <= best + 1e-9
    assert scores.crps_range(draws, low, low + width) >= best - width / 400


def test_crps_of_one_draw_is_the_distance():
    assert scores.crps([7.0], 10.0) == 3.0


@pytest.mark.slow
def test_crps_agrees_with_scoringrules():
    import scoringrules

    x = np.random.default_rng(1).normal(size=(400, 5))
    y = np.linspace(-1, 1, 5)
    assert scores.crps(x, y) == pytest.approx(
        scoringrules.crps_ensemble(y, x.T, estimator="qd"), rel=1e-6
    )


def test_the_interval_score_rewards_narrow_and_punishes_missing():
    x = np.arange(101.0)
    assert scores.interval_score(x, 50.0, 0.9) == pytest.approx(90.0)
    assert scores.interval_score(x, 105.0, 0.9) == pytest.approx(90.0 + 20 * 10.0)
    assert scores.covered(x, 50.0)
    assert not scores.covered(x, 97.0)
    assert scores.covered_range(x, 97.0, 120.0, level=0.96)


def test_pit_is_uniform_when_the_forecast_is_right_even_for_small_counts():
    rng = np.random.default_rng(3)
    draws, truth = rng.poisson(1.2, (200, 5000)), rng.poisson(1.2, 5000)
    counts = scores.pit_histogram(scores.pit(draws, truth, rng))
    assert ((counts - 500) ** 2 / 500).sum() < 30
    narrow = rng.poisson(12, (200, 5000)) / 10
    cup = scores.pit_histogram(scores.pit(narrow, truth, rng))
    assert cup[0] > 800 < cup[-1] + 400


@given(st.lists(counts, min_size=1, max_size=1))
def test_bands_are_nested(rows):
    bands = scores.fan(np.asarray(rows[0], float)[:, None])
    order = ["low95", "low80", "low50", "median", "high50", "high80", "high95"]
    values = [float(bands[k][0]) for k in order]
    assert values == sorted(values)


def test_chances_and_the_day_by_which_most_have_left():
    present = np.array([[100, 50, 5, 0], [100, 90, 80, 70], [100, 20, 5, 5]])
    assert scores.chance_of_zero(present).tolist() == pytest.approx([0, 0, 0, 1 / 3])
    assert scores.chance_below(present, 50)[1] == pytest.approx(1 / 3)
    days = scores.day_share_left(present, 100)
    assert days.tolist() == [2.0, np.inf, 2.0]
    low, high = scores.chance_interval(0.0, 1000)
    assert low == 0
    assert 0.002 < high < 0.006


def test_no_draws_is_refused():
    with pytest.raises(ValueError, match="empty"):
        scores.crps([], 1)
    with pytest.raises(ValueError, match="not a number"):
        scores.crps([1.0, float("nan")], 1)


def test_a_source_that_widens_nothing_accounts_for_nothing():
    x = np.random.default_rng(1).normal(size=1000)
    shares = scores.decompose(x, {"dates": x, "rates": x / 2})
    assert shares["dates"] == 0
    assert shares["rates"] == pytest.approx(0.5)
