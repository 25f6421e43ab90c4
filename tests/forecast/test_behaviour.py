"""What a log can teach about behaviour, and that it says so when it cannot."""

import numpy as np
import pytest

from onward.forecast.learning.behaviour import NEWS_HALF, ROWS, TERMS, Behaviour, Past, learn

GROUPS = ["main", "freed"]


def past(rng, hold, news, *, periods=26, pace=60.0, shock=0.15, undecided=(0.9, 0.3)):
    """A log of four-week periods in which the main group slowly makes up its mind."""
    mid = (np.arange(periods) - periods + 0.5) * 28
    safe = np.linspace(0, 0.3, periods)
    share = np.stack([np.linspace(undecided[0], undecided[1], periods), np.full(periods, 0.1)])
    heard = np.interp(mid - 21, mid, safe, left=0.0)
    z = np.zeros(periods)
    for i in range(1, periods):
        z[i] = 0.5 * z[i - 1] + shock * np.sqrt(0.75) * rng.standard_normal()
    factor = np.exp(-hold * share) * (1 + news * heard / (heard + NEWS_HALF)) * np.exp(z)
    counted = rng.poisson(pace * factor).astype(float)
    other = rng.poisson(pace * np.exp(z)).astype(float)
    expected = np.repeat(counted.mean(axis=1, keepdims=True), periods, axis=1)
    return Past(mid, safe, share, counted, expected, other, np.full(periods, other.mean()))


def middle(learnt, name):
    column = learnt.joint.values[:, learnt.joint.names.index(name)]
    return np.quantile(column, [0.1, 0.5, 0.9])


def test_a_leadership_that_held_people_back_is_read_from_the_log():
    strong, none = ([], [])
    for seed in range(8):
        for hold, found in ((2.0, strong), (0.0, none)):
            rng = np.random.default_rng([seed, int(hold)])
            made = learn(past(rng, hold, 0.0), GROUPS, shock_sd=0.15, memory_days=40)
            found.append(middle(made, "hold strength")[1])
    assert np.mean(strong) > 1.2
    assert np.mean(none) < 0.5


def test_news_that_moved_people_is_read_from_the_log():
    moved, still = [], []
    for seed in range(8):
        for news, found in ((4.0, moved), (0.0, still)):
            rng = np.random.default_rng([seed, int(news)])
            made = learn(past(rng, 0.0, news), GROUPS, shock_sd=0.15, memory_days=40)
            found.append(middle(made, "news strength")[1])
    assert np.mean(moved) > 1.0
    assert np.mean(still) < 0.5
    assert np.mean(moved) > 3 * np.mean(still)


def test_a_log_that_cannot_tell_leaves_the_prior_and_says_so():
    rng = np.random.default_rng(1)
    few = past(rng, 1.0, 1.0, periods=4, pace=3.0, undecided=(0.6, 0.55))
    made = learn(few, GROUPS, shock_sd=0.3, memory_days=60)
    assert max(made.told.values()) < 0.3
    assert all("ssumption" in text for text in made.said.values())
    low, _, high = middle(made, "hold strength")
    assert low < 0.2
    assert high > 1.5


def test_what_was_learnt_is_called_partly_read():
    made = learn(past(np.random.default_rng(3), 2.5, 0.0), GROUPS, shock_sd=0.1, memory_days=40)
    assert made.told["leadership"] > 0.3
    assert "Partly read from this log" in made.said["leadership"]


def test_strengths_are_relative_to_what_the_rates_have_seen():
    made = learn(past(np.random.default_rng(3), 1.0, 1.0), GROUPS, shock_sd=0.1, memory_days=40)
    drawn = made.joint.pick(500, 1)
    more = made.derived(drawn)
    seen = made.past.expected[0] / made.past.expected[0].sum()
    path = np.exp(np.outer(more["hold"], made.past.undecided[0]))
    assert (path @ seen) * more["hold so far [main]"] == pytest.approx(1.0)
    assert (more["news so far"] <= 1).all()


def test_the_same_seed_picks_the_same_courses_and_more_futures_keep_the_first():
    made = learn(past(np.random.default_rng(3), 1.0, 1.0), GROUPS, shock_sd=0.1, memory_days=40)
    few, many = made.joint.pick(50, 7), made.joint.pick(400, 7)
    assert all((few[name] == many[name][:50]).all() for name in few)
    assert len(made.joint.values) == ROWS
    assert (many["stop 1 until"] > many["stop 1 from"]).all()
    assert (many["stop 2 from"] >= many["stop 1 until"]).all()


def test_every_term_is_a_switch():
    assert set(TERMS) == set(vars(Behaviour()))
    assert Behaviour.of(False) == Behaviour(False, False, False, False, False)
    assert Behaviour.of(Behaviour(news=False)).deadline
