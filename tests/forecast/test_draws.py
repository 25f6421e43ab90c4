"""Uncertain parameters are drawn per future, each from its own stream."""

import math

import numpy as np
import pytest

from onward.errors import Faults
from onward.forecast.simulator.draws import (
    Beta,
    Discrete,
    Fixed,
    Gamma,
    Later,
    Lognormal,
    Normal,
    Triangular,
    draw,
)

LAWS = {
    "rate of interviews": Gamma(25.0, 1000.0),
    "assurance effect": Lognormal(1.3, 0.3),
    "transport ready": Triangular(30, 60, 150),
    "border open": Discrete([20.0, math.inf], [0.75, 0.25]),
    "share": Beta(3, 1),
    "level": Normal(-1.0, 2.0),
    "first flight": Later("transport ready", Triangular(5, 10, 30)),
}


def test_one_more_parameter_leaves_the_draws_of_the_others_alone():
    before = draw(LAWS, 50, seed=7)
    after = draw({"new": Gamma(2.0, 1.0), **dict(reversed(LAWS.items()))}, 50, seed=7)
    for name in LAWS:
        assert (before.column(name) == after.column(name)).all()


def test_the_first_futures_of_a_longer_run_are_those_of_the_shorter():
    short, long = draw(LAWS, 20, seed=7), draw(LAWS, 200, seed=7)
    assert (short.values == long.values[:20]).all()


def test_another_seed_is_another_draw():
    assert (draw(LAWS, 20, 7).column("share") != draw(LAWS, 20, 8).column("share")).all()


def test_draws_have_the_mean_they_declare():
    n = 40_000
    d = draw(LAWS, n, seed=1)
    for name, mean, sd in (
        ("rate of interviews", 0.025, 0.005),
        ("assurance effect", 1.3 * math.exp(0.045), 0.42),
        ("transport ready", 80.0, 26.0),
        ("share", 0.75, 0.2),
        ("level", -1.0, 2.0),
    ):
        assert abs(d.column(name).mean() - mean) < 5 * sd / math.sqrt(n)
    never = np.isinf(d.column("border open")).mean()
    assert abs(never - 0.25) < 5 * math.sqrt(0.1875 / n)
    assert (d.column("first flight") >= d.column("transport ready") + 5).all()


def test_a_lever_replaces_one_column_and_freezing_takes_the_median():
    d = draw(LAWS, 30, seed=1)
    assert (d.with_column("share", 0.5).column("share") == 0.5).all()
    assert (d.with_column("share", 0.5).column("level") == d.column("level")).all()
    frozen = d.at_centre(["level"])
    assert len(set(frozen.column("level"))) == 1
    assert frozen.column("level")[0] in d.column("level")


def test_every_impossible_law_is_named_at_once():
    with pytest.raises(Faults) as caught:
        draw(
            {
                "a": Gamma(0, 1),
                "b": Triangular(5, 4, 9),
                "c": Discrete([1.0], [0.0]),
                "d": Later("nowhere", Fixed(1)),
                "e": Later("f", Fixed(1)),
                "f": Later("e", Fixed(1)),
            },
            10,
            seed=1,
        )
    text = str(caught.value)
    for name in "abcdef":
        assert f"parameters, {name}:" in text
