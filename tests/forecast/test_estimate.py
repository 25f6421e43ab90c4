"""Rates: known truths are recovered, and the stated uncertainty is the real one."""

import numpy as np
import pytest

from onward.forecast.estimate import Observed, fit


def camp(
    rng,
    *,
    rates=(0.004, 0.010),
    people=1500,
    days=360,
    period=30,
    shock=0.0,
    memory=60,
    family=1,
):
    """A log of one state with two ways out, simulated day by day in units of one family size."""
    units = people // family
    periods = days // period
    moved = np.zeros((2, 1, periods))
    risk = np.zeros((2, 1, periods))
    z = rng.normal(0, shock)
    rho = np.exp(-1 / memory)
    for day in range(days):
        z = rho * z + rng.normal(0, shock * np.sqrt(1 - rho**2))
        hazard = np.array(rates) * np.exp(z - shock**2 / 2)
        total = hazard.sum()
        risk[:, 0, day // period] += units * family
        leaving = rng.binomial(units, -np.expm1(-total))
        first = rng.binomial(leaving, hazard[0] / total)
        moved[:, 0, day // period] += np.array([first, leaving - first]) * family
        units = units - leaving + rng.poisson(people / family * total * 0.9)
    return Observed(
        (("waiting", "gone"), ("waiting", "stays")),
        ("all",),
        np.full(periods, float(period)),
        moved,
        risk,
        float(family),
    )


def covered(law, truth, draws=4000, seed=1):
    sample = np.random.default_rng(seed).gamma(law.shape, 1 / law.exposure, draws)
    return np.quantile(sample, 0.05) <= truth <= np.quantile(sample, 0.95)


def test_known_rates_are_recovered_within_one_percent_on_a_large_camp():
    seen = camp(np.random.default_rng(1), people=400_000)
    found = fit(seen)
    assert found.mean(0, 0) == pytest.approx(0.004, rel=0.01)
    assert found.mean(1, 0) == pytest.approx(0.010, rel=0.01)


def test_fast_rates_are_not_read_low_from_daily_counts():
    seen = camp(np.random.default_rng(2), rates=(0.05, 0.25), people=400_000)
    found = fit(seen)
    assert found.mean(1, 0) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("family", [1, 4])
def test_ninety_percent_intervals_hold_the_truth_about_nine_times_in_ten(family):
    rng = np.random.default_rng(3)
    hits = [
        covered(fit(camp(rng, people=1200, family=family)).posteriors[0][0], 0.004, seed=i)
        for i in range(150)
    ]
    assert 0.82 <= np.mean(hits) <= 0.97


def test_families_counted_as_single_people_would_be_far_too_sure():
    rng = np.random.default_rng(4)
    seen = [camp(rng, people=1200, family=4) for _ in range(150)]
    naive = [
        covered(
            fit(Observed(s.moves, s.strata, s.period_days, s.people, s.at_risk, 1.0))
            .posteriors[0][0],
            0.004,
            seed=i,
        )
        for i, s in enumerate(seen)
    ]  # fmt: skip
    assert np.mean(naive) < 0.80


def test_shared_shocks_are_found_and_widen_the_answer():
    rng = np.random.default_rng(5)
    calm, rough = fit(camp(rng, people=20_000)), fit(camp(rng, people=20_000, shock=0.4))
    assert calm.shock_sd < 0.1
    assert 0.15 < rough.shock_sd < 0.9
    spread = [1 / np.sqrt(found.posteriors[0][0].shape) for found in (calm, rough)]
    assert spread[1] > 1.5 * spread[0]


def test_intervals_hold_under_shared_shocks():
    rng = np.random.default_rng(6)
    hits = [
        covered(
            fit(camp(rng, people=3000, days=540, shock=0.3, memory=40)).posteriors[1][0],
            0.010,
            seed=i,
        )
        for i in range(120)
    ]
    assert np.mean(hits) >= 0.80


def test_a_move_never_seen_is_rare_but_not_impossible():
    seen = Observed(
        (("waiting", "gone"),), ("a", "b"), np.full(6, 30.0), np.zeros((1, 2, 6)),
        np.full((1, 2, 6), 3000.0),
    )  # fmt: skip
    found = fit(seen)
    assert 0 < found.mean(0, 0) < 1 / 1000


def test_a_small_stratum_leans_on_its_neighbour():
    people = np.zeros((1, 2, 12))
    people[0, 0] = 60
    people[0, 1, 0] = 1
    risk = np.zeros((1, 2, 12))
    risk[0, 0], risk[0, 1] = 6000, 60
    found = fit(Observed((("w", "g"),), ("big", "small"), np.full(12, 30.0), people, risk))
    alone = 1 / 720
    assert abs(found.mean(0, 1) - 0.01) < abs(alone - 0.01)


def test_shapes_that_disagree_are_refused():
    with pytest.raises(ValueError, match="expected"):
        fit(
            Observed(
                (("w", "g"),), ("a",), np.ones(3), np.zeros((1, 1, 2)), np.zeros((1, 1, 3))
            )
        )
