"""Units followed one by one: the same law as counting them, whatever the model declares."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from onward.errors import Faults
from onward.forecast.simulator.draws import Gamma, Triangular, draw, no_parameters
from onward.forecast.simulator.futures import Outputs, one_by_one, simulate
from onward.forecast.simulator.model import (
    Approach,
    Arrival,
    Capacity,
    Effect,
    Feedback,
    Gate,
    Model,
    Pledge,
    Shock,
    State,
    Supply,
    Transition,
)

HERE, GONE, DEAD = State("here"), State("gone", present=False), State("dead", present=False)
LAWS = {"pace": Gamma(40.0, 1000.0), "opens": Triangular(5, 10, 20)}


def everything(strata=3):
    """Families, stages, ages, pools, a pledge, deaths, births, arrivals, feedback, shocks, dates."""
    names = [f"s{i}" for i in range(strata)]
    start = {("here", name, 1): 20 for name in names} | {("here", name, 3): 6 for name in names}
    start |= {("cleared", names[0], 2): 9, ("slow", names[-1], 1): 25}
    return Model(
        states=[
            HERE, State("cleared", stages=3, start_stage="spread"),
            State("slow", ages=(10.0,), start_stage=[0.3, 0.7]), GONE, DEAD,
        ],
        strata=names, sizes=[1, 2, 3], start=start,
        transitions=[
            Transition("clear", "here", "cleared", "pace", weights=[1 + 0.5 * (i % 3) for i in range(strata)],
                       factors=["news", "near", "luck"]),
            Transition("wait", "here", "slow", 0.02, factors=["hold"]),
            Transition("alone", "here", "gone", 0.01, size_weights=[1.0, 0.5, 0.2]),
            Transition("fly", "cleared", "gone", 0.15, staged=True, capacities=["seats"], factors=["border"]),
            Transition("give up", "cleared", "here", 0.03),
            Transition("drive", "slow", "gone", 0.08, age_weights=[1.0, 0.2], capacities=["bus"]),
            Transition("death", "here", "dead", 0.004, size_change=-1),
            Transition("death cleared", "cleared", "dead", 0.01, size_change=-1),
            Transition("birth", "here", "here", 0.006, size_change=1),
        ],
        factors=[
            Feedback("news", ["gone"], "saturating", a=1.5, b=0.2, lag_days=3),
            Feedback("hold", ["here"], "exponential", a=-1.0, strata=[names[0]], of_states=["here", "cleared"],
                     of_strata=[names[0]], on_strata=[names[0]]),
            Approach("near", 1.0, deadline=40, scale_days=10), Shock("luck", 0.3, 10.0),
            Gate("border", [("opens", math.inf)]), Effect("unused", 2.0),
        ],
        capacities=[
            Capacity("seats", [Supply(6, start="opens")], window_days=3),
            Capacity("bus", [], window_days=None, carry=True),
        ],
        pledges=[Pledge("more", "bus", ["fly"], 8, 12, delay_days=2)],
        arrivals=[Arrival("new", "here", names[0], 2, 0.4)],
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 3])
def test_one_by_one_and_counted_futures_have_one_law(steps):
    model, n, days = everything(), 6000, 40
    d = draw(LAWS, n, 1)
    asked = {
        "days": days, "steps_per_day": steps,
        "outputs": Outputs(units_on=[days - 1], flows_on=[days - 1]),
    }  # fmt: skip
    people = simulate(model, d, n, 5, path="people", **asked)
    counts = simulate(model, d, n, 99, path="general", **asked)
    assert (people.path, counts.path) == ("people", "general")
    for day in (5, 15, days - 1):
        one, other = (f.present["all"][:, day] for f in (people, counts))
        assert ks_2samp(one, other).pvalue > 1e-3
        assert abs(one.mean() - other.mean()) < 4 * other.std() * math.sqrt(2 / n)
    for name in ("flows", "used", "refused"):
        one, other = (
            getattr(f, name)[:, 0].reshape(n, -1).astype(float) for f in (people, counts)
        )
        error = np.sqrt((one.var(0) + other.var(0)) / n) + 1e-9
        assert (np.abs(one.mean(0) - other.mean(0)) < 4.5 * error).all(), name
    one, other = (
        f.units[:, 0].sum(axis=2).reshape(n, -1).astype(float) for f in (people, counts)
    )
    error = np.sqrt((one.var(0) + other.var(0)) / n) + 1e-9
    assert (np.abs(one.mean(0) - other.mean(0)) < 4.5 * error).all()


def test_nobody_is_lost_and_no_pool_overdrawn():
    model, days = everything(), 30
    f = simulate(model, draw(LAWS, 50, 1), 50, 2, days=days, path="people",
                 outputs=Outputs(units_on=range(days), flows_on=range(days)))  # fmt: skip
    born, died = (
        f.flows[:, :, [i for i, n in enumerate(f.transitions) if n.startswith(w)]].sum((2, 3))
        for w in ("birth", "death")
    )
    alive = [i for i, name in enumerate(f.states) if name != "dead"]
    people = (f.units[:, :, alive] * np.array([1, 2, 3])).sum((2, 3, 4)) - born + died
    grown = np.diff(people, axis=1)
    assert (grown >= 0).all()  # only arrivals, two at a time
    assert (grown % 2 == 0).all()
    assert (f.units >= 0).all()
    assert (f.used[:, -1, 0] <= 6 * 10).all()
    assert (f.used[:, -1, 1] <= 12).all()


def test_threads_and_pieces_do_not_change_any_future():
    model, d = everything(), draw(LAWS, 60, 1)
    asked = {"days": 25, "path": "people", "outputs": Outputs(units_on=[24])}
    one = simulate(model, d, 60, 5, threads=1, **asked)
    two = simulate(model, d, 60, 5, threads=2, **asked)
    parts = [simulate(model, d, b - a, 5, first_future=a, threads=1, **asked)
             for a, b in ((0, 7), (7, 60))]  # fmt: skip
    assert (one.units == two.units).all()
    assert (one.units == np.concatenate([p.units for p in parts])).all()


def test_it_is_chosen_where_strata_outnumber_one_in_seventy_people():
    few = Model(
        [HERE, GONE],
        ["a", "b"],
        {("here", "a", 1): 200},
        [Transition("go", "here", "gone", 0.1)],
    )
    names = [f"s{i}" for i in range(10)]
    many = Model([HERE, GONE], names, {("here", s, 1): 20 for s in names},
                 [Transition("go", "here", "gone", 0.1)])  # fmt: skip
    assert not one_by_one(few)
    assert one_by_one(many)
    run = {"futures": 20, "seed": 1, "days": 5}
    assert simulate(few, no_parameters(1), **run).path == "lanes"
    assert simulate(many, no_parameters(1), **run).path == "people"
    assert simulate(many, no_parameters(1), keyed=True, **run).path == "lanes"
    with pytest.raises(Faults, match="cannot be keyed"):
        simulate(many, no_parameters(1), keyed=True, path="people", **run)


def test_a_large_camp_of_many_strata_is_the_sum_of_binomials():
    names = [f"s{i}" for i in range(80)]
    hazards = [0.01 + 0.001 * i for i in range(80)]
    model = Model([HERE, GONE], names, {("here", s, 1): 30 for s in names},
                  [Transition("go", "here", "gone", hazards)])  # fmt: skip
    left = simulate(model, no_parameters(1), 4000, 1, days=20, path="people").present["all"][
        :, -1
    ]
    stay = np.exp(-20 * np.array(hazards))
    mean, var = 30 * stay.sum(), 30 * (stay * (1 - stay)).sum()
    assert left.mean() == pytest.approx(mean, abs=4 * math.sqrt(var / 4000))
    assert left.var() == pytest.approx(var, rel=0.1)
