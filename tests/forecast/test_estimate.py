"""Rates: known truths are recovered, and the stated uncertainty is the real one."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from onward.forecast.learning.estimate import Observed, fit, stopped
from onward.forecast.learning.wandering import alike
from onward.forecast.simulator.draws import draw
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.simulator.model import Model, State, Transition


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
            fit(
                Observed(s.moves, s.strata, s.period_days, s.people, s.at_risk, 1.0),
                shocks=False,
            ).posteriors[0][0],
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


def test_months_in_which_nobody_engaged_while_others_went_on_are_read_as_an_incident():
    rng = np.random.default_rng(9)
    periods, length = 12, 14.0
    pace = np.full(periods, 60.0)
    pace[5] = 4.0
    moody, other = rng.poisson(pace), rng.poisson(60.0, periods)
    people = np.stack([moody, other])[:, None, :].astype(float)
    seen = Observed(
        (("s", "a"), ("t", "b")), ("all",), np.full(periods, length), people,
        np.full(people.shape, 6000.0), 1.0, moody=[True, False],
    )  # fmt: skip
    share = stopped(seen)
    assert share[5] > 0.8
    assert (np.delete(share, 5) == 0).all()
    # when everything slows down it is a bad month, not an incident
    people[1, 0, 5] = 4.0
    assert not stopped(replace(seen, people=people)).any()


def test_an_unseen_step_is_guessed_from_the_logarithms_of_the_others():
    from scipy.special import digamma, polygamma

    rng = np.random.default_rng(2)
    paces = [0.03, 0.02, 0.015, 0.01, 0.03]
    people = np.array([rng.poisson(p * 3000, 6) for p in paces] + [np.zeros(6)])[:, None, :]
    days = np.full(people.shape, 3000.0)
    days[-1] = 1e-6
    seen = Observed(
        [(f"s{i}", f"e{i}") for i in range(6)], ("all",), np.full(6, 30.0),
        people.astype(float), days,
    )  # fmt: skip
    law = fit(seen, shocks=False).posteriors[-1][0]
    logs = np.log(paces)
    assert digamma(law.shape) - np.log(law.exposure) == pytest.approx(logs.mean(), abs=0.1)
    # five steps are few: the usual spread of one e-fold still counts for four
    varied = (((logs - logs.mean()) ** 2).sum() + 4) / (4 + 4)
    assert polygamma(1, law.shape) == pytest.approx(varied, rel=0.2)


def test_one_stratum_of_a_step_is_the_guess_and_its_own_log_each_counted_once():
    """Gamma prior from the other steps, Poisson moves: the conjugate posterior."""
    rng = np.random.default_rng(2)
    people = np.stack([*(rng.poisson(p * 3000, 6) for p in (0.03, 0.02, 0.015)), np.zeros(6)])
    days = np.full(people.shape, 3000.0)
    days[3] = 1e-6
    moves = [(f"s{i}", f"e{i}") for i in range(4)]
    seen = Observed(
        moves,
        ("all",),
        np.full(6, 30.0),
        people[:, None, :],
        days[:, None, :],
        steps=[True] * 4,
    )
    guess = fit(seen, shocks=False).posteriors[3][0]
    # two moves in 200 days: a rarely seen step changes what is usual, so it is guessed from three
    few = replace(seen, people=seen.people.copy(), at_risk=seen.at_risk.copy())
    few.people[3, 0, 0], few.at_risk[3, 0] = 2, 200 / 6
    law = fit(few, shocks=False).posteriors[3][0]
    assert law.shape == pytest.approx(guess.shape + 2, rel=0.25)
    assert 2 / 200 < law.shape / law.exposure < guess.shape / guess.exposure


def test_what_one_group_shows_is_not_counted_again_as_what_is_common_to_all():
    """Two groups alike, one of them with nearly all the moves: the pace of the large one is known
    as well as its own log and the little of the other say, not twice as well."""
    people, risk = np.zeros((1, 2, 12)), np.zeros((1, 2, 12))
    people[0, 0], risk[0, 0] = 4, 400
    people[0, 1, 0], risk[0, 1] = 2, 10
    law = fit(Observed((("w", "g"),), ("large", "small"), np.full(12, 30.0), people, risk),
              shocks=False).posteriors[0][0]  # fmt: skip
    assert 48.5 < law.shape <= 48 + 2 + 0.5 + 1e-6


def test_a_group_in_which_nobody_moved_slows_the_others_only_as_far_as_groups_are_alike():
    people, risk = np.zeros((1, 2, 12)), np.full((1, 2, 12), 100.0)
    people[0, 0] = 10
    risk[0, 1] = 400
    found = fit(Observed((("w", "g"),), ("a", "b"), np.full(12, 30.0), people, risk),
                shocks=False)  # fmt: skip
    assert found.mean(0, 0) == pytest.approx(0.1, rel=0.1)
    assert found.mean(0, 1) < 0.01


def test_groups_alike_are_covered_as_often_as_they_should():
    """Five groups of one pace with few moves each: the stated uncertainty is the real one."""
    rng = np.random.default_rng(8)
    inside = []
    for _ in range(200):
        risk = np.repeat(rng.uniform(20, 200, (1, 5, 1)), 6, axis=2)
        people = rng.poisson(0.01 * risk).astype(float)
        if not people.sum():
            continue
        strata = tuple("abcde")
        found = fit(
            Observed((("w", "g"),), strata, np.full(6, 30.0), people, risk), shocks=False
        )
        inside += [covered(law, 0.01, seed=len(inside)) for law in found.posteriors[0]]
    assert 0.85 <= np.mean(inside) <= 0.97


def test_cumulative_hazards_are_those_of_nelson_and_aalen():
    """The same waits to lifelines and to our exposures: the same cumulative hazard."""
    from lifelines import NelsonAalenFitter

    rng = np.random.default_rng(3)
    waits = rng.exponential(120, 4000)
    days, period = 180, 30
    ended = waits < days
    na = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(np.minimum(waits, days), ended)
    edges = np.arange(0, days + 1, period)
    people = np.histogram(waits[ended], edges)[0].astype(float)
    risk = np.array([np.clip(waits, a, b).sum() - a * 4000 for a, b in pairwise(edges)])
    risk = np.maximum(risk, 1.0)
    seen = Observed(
        (("here", "gone"),), ("all",), np.full(len(people), float(period)),
        people[None, None, :], risk[None, None, :],
    )  # fmt: skip
    law = fit(seen, shocks=False).posteriors[0][0]
    ours = law.shape / law.exposure * days
    assert ours == pytest.approx(float(na.predict(days)), rel=0.02)


def test_shares_still_here_are_those_of_aalen_and_johansen():
    """Two ways out, and a third of the people lost from sight: rates read from our exposures and
    played forward take as many out by each way as the product integral does."""
    from lifelines import AalenJohansenFitter

    rng = np.random.default_rng(6)
    people, days = 4000, 120
    waits = np.minimum(rng.exponential(200, people), rng.exponential(350, people))
    way = 1 + (rng.random(people) < 200 / 550)
    unseen = rng.uniform(0, 3 * days, people)
    until = np.minimum(np.minimum(waits, unseen), days)
    ended = (waits < unseen) & (waits < days)
    seen = Observed(
        (("here", "home"), ("here", "abroad")), ("all",), np.array([float(days)]),
        np.array([[[float((ended & (way == k)).sum())]] for k in (1, 2)]),
        np.full((2, 1, 1), until.sum()),
    )  # fmt: skip
    laws = [one[0] for one in fit(seen, shocks=False).posteriors]
    pace = {"home": laws[0], "abroad": laws[1]}
    model = Model(
        [State("here"), State("home", present=False), State("abroad", present=False)], ["all"],
        {("here", "all", 1): 100_000},
        [Transition(f"go {k}", "here", k, law.shape / law.exposure) for k, law in pace.items()],
    )  # fmt: skip
    none = draw({}, 4, 1)
    made = simulate(model, none, 4, 1, days=days, outputs=Outputs(units_on=[days - 1]))
    for k, name in ((1, "home"), (2, "abroad")):
        truth = AalenJohansenFitter(calculate_variance=False, seed=1).fit(
            until, np.where(ended, way, 0), event_of_interest=k
        )
        ours = made.units[:, 0, made.states.index(name)].sum(axis=(1, 2)).mean() / 100_000
        assert ours == pytest.approx(float(truth.predict(days)), rel=0.04)


def test_months_are_as_alike_as_the_means_of_a_wandering_course_over_them():
    """Against means of a simulated course: days in a row, periods of several lengths, a moment."""
    memory, lengths = 15.0, [28, 28, 56, 7]
    edges = np.cumsum([0, *lengths])
    middle, length = (edges[1:] + edges[:-1]) / 2, np.diff(edges).astype(float)
    rng, parts, steps = np.random.default_rng(4), 4, 40_000
    rho = np.exp(-1 / memory / parts)
    at = rng.standard_normal(steps)
    means, last = np.zeros((len(lengths), steps)), at
    for moment in range(edges[-1] * parts):
        period = np.searchsorted(edges, moment / parts, side="right") - 1
        means[period] += at / (lengths[period] * parts)
        at = last = rho * at + np.sqrt(1 - rho**2) * rng.standard_normal(steps)
    found = alike(middle, length, middle, length, memory)
    assert np.abs(found - np.cov(means)).max() < 0.02
    end = alike(np.array([float(edges[-1])]), np.zeros(1), middle, length, memory)[0]
    assert np.abs(end - (means * last).mean(axis=1)).max() < 0.02
    moments = alike(middle, np.zeros(4), middle, np.zeros(4), memory)
    assert np.allclose(moments, np.exp(-np.abs(middle[:, None] - middle) / memory))


def test_bad_months_that_are_soon_forgotten_are_not_read_as_small_ones():
    """A memory of two weeks shows only in part in months: the size is found all the same."""
    rng = np.random.default_rng(31)
    found = [
        fit(camp(rng, people=20_000, days=720, shock=0.5, memory=15)).shock_sd
        for _ in range(12)
    ]
    assert 0.42 < np.mean(found) < 0.6
