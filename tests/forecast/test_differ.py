"""Families that are quick step after step are told from good months, from waits that tire and from
chance; what is then simulated is the same people, divided."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from benchmarks.planted import camps, forecasts, simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.forecast.building.classes import DIFFER, OWN, divided, with_paces
from onward.forecast.learning.differ import (
    SHARES,
    SIZES,
    Differ,
    fine,
    histories,
    in_classes,
    learn_differ,
    paces,
    prior,
)
from onward.forecast.learning.edges import Edge
from onward.forecast.run import forecast
from onward.forecast.scenarios.compare import play
from onward.forecast.scenarios.conditions_told import variables
from onward.forecast.scenarios.options import ways
from onward.forecast.simulator.draws import Fixed, draw
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.simulator.model import Arrival, Model, State, Transition

FIRST = dt.date(2026, 1, 1)
DAYS, PERIOD = 240, 20
STEPS = ("counselled", "interviewed", "wants_return", "return_confirmed", "return_cleared")
GONE = "returned"


def lived(
    seed, *, families=900, size=0.0, shocks=0.0, tires=0.0, batches=False, pace=0.02, law=None
):
    """Stays of families that go through STEPS one after another, day by day.

    size    sd of the logarithm of a family's own pace;  law  draws paces instead
    shocks  sd of months that are good or bad for everybody
    tires   how far a long wait slows the next step
    batches the step is taken on every tenth day only, ten times as often
    """
    rng = np.random.default_rng(seed)
    own = (
        law(rng, families)
        if law
        else np.exp(size * rng.standard_normal(families) - size**2 / 2)
    )
    months = np.exp(shocks * rng.standard_normal(DAYS // PERIOD))
    at, began = np.zeros(families, int), np.zeros(families, int)
    rows = []

    def over(unit, day):
        until = None if day is None else FIRST + dt.timedelta(days=int(day))
        rows.append(
            {"person": int(unit), "household": None,
             "forecast_state": (*STEPS, GONE)[at[unit]], "group": "main_group",
             "from_day": FIRST + dt.timedelta(days=int(began[unit])), "until_day": until,
             "move": None if day is None else "on", "whole": True}
        )  # fmt: skip

    for day in range(1, DAYS):
        hazard = pace * own * months[day // PERIOD] * (1 + (day - began) / 20) ** -tires
        if batches:
            hazard = 10 * hazard if day % 10 == 0 else 0 * hazard
        for unit in np.flatnonzero(
            (rng.random(families) < -np.expm1(-hazard)) & (at < len(STEPS))
        ):
            over(unit, day)
            at[unit], began[unit] = at[unit] + 1, day
    for unit in range(families):
        over(unit, None)
    rows.sort(key=lambda row: (row["person"], row["from_day"]))
    return pa.Table.from_pylist(rows), own, at


def learnt(stays):
    counted = {(state, "on") for state in STEPS}
    starts = [FIRST + dt.timedelta(days=day) for day in range(0, DAYS, PERIOD)]
    seen = histories(
        stays,
        lambda row: row["group"],
        ["group"],
        counted,
        starts,
        FIRST + dt.timedelta(days=DAYS),
    )
    return learn_differ(seen, starts, counted)


def size_of(found):
    return float(np.dot(found.belief, SIZES))


# -- what the stays say

MANY = {"families": 1500, "pace": 0.05}


def test_how_far_families_differ_is_recovered():
    found = [learnt(lived(seed, size=0.6, **MANY)[0]) for seed in range(6)]
    assert all(one.told_apart for one in found)
    assert np.mean([size_of(one) for one in found]) == pytest.approx(0.6, abs=0.1)
    more = [learnt(lived(seed, size=0.9, **MANY)[0]) for seed in range(6)]
    assert np.mean([size_of(one) for one in more]) == pytest.approx(0.9, abs=0.15)


def test_good_months_for_everybody_do_not_hide_it():
    found = [learnt(lived(seed, size=0.6, shocks=0.4, **MANY)[0]) for seed in range(6)]
    assert all(one.told_apart for one in found)
    assert np.mean([size_of(one) for one in found]) == pytest.approx(0.6, abs=0.12)


@pytest.mark.parametrize(
    "truth", [{}, {"shocks": 0.5}, {"tires": 0.6}, {"batches": True}],
    ids=["chance alone", "good and bad months", "waits that tire", "steps on certain days"],
)  # fmt: skip
def test_what_is_no_lasting_difference_is_not_taken_for_one(truth):
    found = [learnt(lived(seed, **MANY, **truth)[0]) for seed in range(8)]
    assert np.mean([size_of(one) for one in found]) < 0.12
    assert sum(one.belief[0] < 0.2 for one in found) <= 1


def test_another_law_of_paces_is_told_as_well():
    """Gamma instead of lognormal paces: few are as quick, more are very slow."""

    def law(rng, families):
        return rng.gamma(3.2, 1 / 3.2, families)

    found = [learnt(lived(seed, law=law, **MANY)[0]) for seed in range(4)]
    assert all(one.told_apart for one in found)
    # By its mean square it is as wide as a log-sd of 0.52, by its logarithm of 0.61.
    assert 0.35 < np.mean([size_of(one) for one in found]) < 0.65


def test_members_of_a_family_count_once():
    stays, _, _ = lived(3, size=0.6, **MANY)
    twin = stays.set_column(
        0, "person", pa.array([10_000 + one for one in stays["person"].to_pylist()])
    )
    homes = pa.array(stays["person"].to_pylist(), pa.int64())
    together = pa.concat_tables(
        [one.set_column(1, "household", homes) for one in (stays, twin)]
    )
    assert learnt(together) == learnt(stays.set_column(1, "household", homes))


def test_members_of_different_groups_are_still_one_family():
    stays, _, _ = lived(3, families=500, pace=0.03)
    homes = pa.array(stays["person"].to_pylist(), pa.int64())
    members = [
        stays.set_column(0, "person", pa.array([10_000 * n + one for one in homes.to_pylist()]))
        .set_column(1, "household", homes)
        .set_column(3, "group", pa.array([group] * len(stays)))
        for n, group in enumerate(("girls", "women", "men"))
    ]
    alone, together = learnt(members[0]), learnt(pa.concat_tables(members))
    assert together.belief == pytest.approx(alone.belief, abs=0.01)


def test_too_few_moves_are_not_asked():
    stays, _, _ = lived(1, families=30, pace=0.002)
    assert learnt(stays) is None


def spent(stays, own, state, period):
    """Days families spent in a state within a period, and the mean own pace over them."""
    first = FIRST + dt.timedelta(days=period * PERIOD)
    last = first + dt.timedelta(days=PERIOD)
    days, paced = 0, 0.0
    for row in stays.to_pylist():
        if row["forecast_state"] == state:
            until = row["until_day"] or FIRST + dt.timedelta(days=DAYS)
            some = max((min(until, last) - max(row["from_day"], first)).days, 0)
            days, paced = days + some, paced + some * own[row["person"]]
    return days, paced / max(days, 1)


def test_who_is_at_risk_of_which_step_is_read_as_quick_or_slow_as_they_are():
    stays, own, _ = lived(5, size=0.6, **MANY)
    found = learnt(stays)
    looked = []
    for state in STEPS:
        for period in range(DAYS // PERIOD):
            days, mean = spent(stays, own, state, period)
            if days > 2000:
                first = FIRST + dt.timedelta(days=period * PERIOD)
                assert found.quicker[state, "main_group", first] == pytest.approx(
                    mean, rel=0.15
                )
                looked.append(mean)
    assert min(looked) < 0.7
    assert max(looked) > 1.15


def test_those_here_today_divide_by_how_quick_they_have_been():
    stays, own, at = lived(5, size=0.6, **MANY)
    found = learnt(stays)
    for place in (1, 2, 3, 4):
        shares = np.array(found.divided(STEPS[place], "main_group"))
        assert shares.sum() == pytest.approx(1.0)
        here = own[at == place]
        read = float(shares @ paces(size_of(found)))
        assert read == pytest.approx(here.mean(), abs=0.1 + 2 * here.std() / np.sqrt(len(here)))
    assert found.divided(STEPS[1], "main_group")[0] > found.divided(STEPS[4], "main_group")[0]
    assert found.divided(STEPS[1], "nobody on record") == found.of_state[STEPS[1]]
    assert found.divided(GONE, "main_group") == SHARES


@pytest.mark.slow
def test_what_is_believed_holds_what_was_planted_as_often_as_it_says():
    """Truths drawn from what is believed beforehand: ranks are even."""
    rng = np.random.default_rng(20)
    truths = rng.choice(SIZES, size=120, p=prior())
    ranks, doubted = [], []
    for seed, truth in enumerate(truths):
        belief = np.array(learnt(lived(seed, families=600, size=truth, pace=0.05)[0]).belief)
        place = SIZES.index(truth)
        ranks.append(belief[:place].sum() + rng.random() * belief[place])
        doubted.append(belief[0])
    ranks, doubted = np.array(ranks), np.array(doubted)
    assert 0.8 <= np.mean((ranks > 0.05) & (ranks < 0.95)) <= 0.97
    assert np.mean(doubted) == pytest.approx(np.mean(truths == 0), abs=0.12)
    sure = doubted < 0.1
    assert np.mean(truths[sure] == 0) < 0.12


# -- three classes instead of many paces


@pytest.mark.parametrize("size", [0.2, 0.6, 1.0])
def test_three_classes_leave_as_many_behind_as_all_the_paces(size):
    rng = np.random.default_rng(1)
    own = np.exp(size * rng.standard_normal(400_000) - size**2 / 2)
    for due in (0.2, 0.5, 1, 2, 4, 8):
        three = np.array(SHARES) @ np.exp(-paces(size) * due)
        assert three == pytest.approx(np.exp(-own * due).mean(), abs=0.012)


def test_who_nothing_is_known_of_divides_as_everybody():
    _, shares = fine()
    found = in_classes(shares[None, :], 0.6)[0]
    assert found == pytest.approx(SHARES)


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=9, max_size=9), st.sampled_from(SIZES))
def test_classes_are_shares(odds, size):
    row = np.array([odds])
    if row.sum() > 0.01:
        found = in_classes(row / row.sum(), size)[0]
        assert (found >= 0).all()
        assert found.sum() == pytest.approx(1.0)


# -- the model divided


def differing(size, shares=None):
    """Families known to differ by `size`, alike in every cell."""
    belief = [0.0] * len(SIZES)
    belief[SIZES.index(size)] = 1.0
    return Differ(
        tuple(belief), shares or {}, {}, {}, {}, {},
        frozenset({("waiting", "T3.held"), ("cleared", "T7.done")}),
    )  # fmt: skip


EDGES = [Edge("waiting", "T3.held", "cleared", 9), Edge("cleared", "T7.done", "gone", 9)]


def two_steps(units, arrivals=()):
    return Model(
        states=[State("waiting"), State("cleared"), State("gone", present=False)],
        strata=("north", "south"),
        start={("waiting", "north", 1): units, ("waiting", "south", 2): units},
        sizes=(1, 2),
        transitions=[
            Transition(
                edge.name, edge.source, edge.target,
                [f"rate {edge.name} [{one}]" for one in ("north", "south")],
            )
            for edge in EDGES
        ],
        arrivals=arrivals,
    )  # fmt: skip


def played(model, differ, futures=400, days=60, pace=0.02, **options):
    halved, groups, own = divided(model, differ, EDGES)
    laws = {f"rate {edge.name} [{one}]": Fixed(pace) for edge in EDGES for one in model.strata}
    drawn = with_paces(draw({**laws, DIFFER: differ.law}, futures, 1), differ, own)
    made = simulate(
        halved, drawn, futures, 1, days=days, outputs=Outputs(units_on=[0, days - 1]), **options
    )
    return made, groups


def test_people_who_differ_leave_as_they_would_one_by_one():
    size, pace, days, units = 0.6, 0.02, 60, 3000
    made, _ = played(two_steps(units), differing(size), pace=pace, days=days)
    waiting = made.units[:, -1, 0].sum(axis=(1, 2)).mean() / (2 * units)
    rng = np.random.default_rng(3)
    own = np.exp(size * rng.standard_normal(500_000) - size**2 / 2)
    assert waiting == pytest.approx(np.exp(-pace * own * days).mean(), abs=0.006)
    gone = made.units[:, -1, 2].sum(axis=(1, 2)).mean() / (2 * units)
    x = pace * own * days
    assert gone == pytest.approx((1 - np.exp(-x) * (1 + x)).mean(), abs=0.012)


def test_families_that_do_not_differ_leave_as_without_classes():
    made, _ = played(two_steps(500), differing(0.0))
    laws = {
        f"rate {edge.name} [{one}]": Fixed(0.02) for edge in EDGES for one in ("north", "south")
    }
    plain = simulate(
        two_steps(500), draw(laws, 400, 1), 400, 2, days=60, outputs=Outputs(units_on=[59])
    )
    ours, theirs = (one.units[:, -1, 0].sum(axis=(1, 2)) for one in (made, plain))
    error = np.hypot(ours.std(), theirs.std()) / np.sqrt(400)
    assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_the_answer_does_not_depend_on_threads():
    one, two = (played(two_steps(200), differing(0.6), threads=n)[0] for n in (1, 2))
    assert (one.units == two.units).all()


cells = st.dictionaries(
    st.tuples(
        st.sampled_from(["waiting", "cleared", "gone"]), st.sampled_from(["north", "south"]),
        st.sampled_from([1, 2]),
    ),
    st.integers(0, 400),
)  # fmt: skip


@settings(deadline=None)
@given(cells, st.tuples(*[st.floats(0.01, 1.0)] * 3))
def test_nobody_is_lost_or_made_by_dividing(start, weights):
    shares = tuple(one / sum(weights) for one in weights)
    known = {
        (state, group): shares
        for state in ("waiting", "cleared")
        for group in ("north", "south")
    }
    model, groups, _ = divided(replace(two_steps(1), start=start), differing(0.6, known), EDGES)
    for (state, group, size), units in start.items():
        assert sum(model.start.get((state, one, size), 0) for one in groups[group]) == units
    assert all(units > 0 for units in model.start.values())
    for group, of in groups.items():
        whole = dict.fromkeys(range(3), 0.0)
        wanted = dict.fromkeys(range(3), 0.0)
        for (state, other, size), units in start.items():
            if other == group:
                for c, one in enumerate(of):
                    whole[c] += model.start.get((state, one, size), 0)
                    wanted[c] += units * (known.get((state, group)) or SHARES)[c]
        for c in range(3):
            assert abs(whole[c] - wanted[c]) < 2


def test_those_who_come_later_divide_as_everybody_did():
    arrivals = (Arrival("come", "waiting", "north", 1, 1.2),)
    made, groups = played(two_steps(0, arrivals), differing(0.6), pace=0.0)
    column = {name: number for number, name in enumerate(made.strata)}
    came = (
        made.units[:, -1, 0].sum(axis=2).mean(axis=0)[[column[one] for one in groups["north"]]]
    )
    assert came / came.sum() == pytest.approx(SHARES, abs=0.02)
    assert came.sum() == pytest.approx(1.2 * 60, rel=0.05)


def test_a_pace_that_is_no_familys_own_stays_the_same_for_all():
    differ = replace(differing(0.6), counted=frozenset({("waiting", "T3.held")}))
    model, _, own = divided(two_steps(1), differ, EDGES)
    held, left = (one.hazard for one in model.transitions)
    assert len(set(held)) == 6
    assert len(set(left)) == 2
    assert [one.state for one in own] == ["waiting", "waiting"]


# -- through the forecast's own door


def camp(size):
    structure = camps.Structure("truth", frailty=size)
    return camps.camp_of(1, structure, people=2500, futures=200)


def test_a_log_without_differences_is_forecast_as_if_nobody_had_asked():
    found, world = camp(0.0)
    asked = forecasts.inputs_of(found, world)
    found = replace(found, stays=None)
    plain = forecasts.inputs_of(found, world)
    assert not asked.rates.differ.told_apart
    assert asked.model == plain.model
    assert asked.laws == plain.laws
    assert asked.groups == {name: (name,) for name in plain.model.strata}
    assert len(asked.assumptions) == len(plain.assumptions) + 1


def test_a_log_with_differences_is_forecast_in_classes_and_says_so():
    found, world = camp(0.8)
    asked = forecasts.inputs_of(found, world)
    assert asked.rates.differ.told_apart
    assert [len(of) for of in asked.groups.values()] == [3, 3]
    assert any("the quickest goes about" in one for one in asked.assumptions)
    assert asked.sources[DIFFER] == "behaviour"
    plain = forecasts.inputs_of(replace(found, stays=None), world)
    assert asked.model.people_at_start == plain.model.people_at_start
    ends = []
    for inputs in (asked, plain):
        made = simulate(inputs.model, inputs.draws(200, 1), 200, 1, days=245, outputs=Outputs())
        ends.append(made.present["all"][:, -1].mean())
    assert ends[0] > ends[1] + 30
    assert abs(ends[0] - found.truth) < abs(ends[1] - found.truth)


def test_a_scenario_may_hold_how_far_families_differ():
    found, world = camp(0.8)
    inputs = forecasts.inputs_of(found, world)
    alike = replace(inputs, laws={**inputs.laws, DIFFER: Fixed(0.0)})
    drawn = alike.draws(50, 2)
    for one in inputs.own:
        slow, middle, quick = (drawn.column(name) for name in one.names)
        assert (slow == middle).all()
        assert (middle == quick).all()
    assert (
        inputs.draws(50, 2).column(inputs.own[0].pace) == drawn.column(inputs.own[0].pace)
    ).all()


def test_the_answer_speaks_of_groups_not_of_classes():
    found, world = camp(0.8)
    inputs = forecasts.inputs_of(found, world)
    made = forecast(
        inputs, operation="camp", as_of=simulator.AS_OF,
        deadline=simulator.AS_OF + dt.timedelta(days=60), futures=200, seed=1,
    )  # fmt: skip
    assert set(made.fan) == {"everyone", *simulator.GROUPS}
    assert {group for row in made.why for group in row.get("groups", ())} <= set(
        simulator.GROUPS
    )
    assert sum(made.split.values()) == pytest.approx(1.0, abs=0.01)
    assert all("," not in name for _, name, _ in map(dict.values, made.narrow))
    # How far families differ is part of how people answer: without it, less comes from there.
    held = replace(inputs, sources={k: v for k, v in inputs.sources.items() if k != DIFFER})
    less = forecast(
        held, operation="camp", as_of=simulator.AS_OF,
        deadline=simulator.AS_OF + dt.timedelta(days=60), futures=200, seed=1,
    )  # fmt: skip
    assert less.split["behaviour"] <= made.split["behaviour"]


def test_plans_are_compared_with_families_divided():
    found, world = camp(0.8)
    inputs = forecasts.inputs_of(found, world)
    steps = [(m.from_state, m.move, m.to_state) for m in forecasts.steps()]
    run = play(inputs, ways(world.rulebook, steps), futures=100, seed=1, days=60)
    assert (run.here <= found.here).all()
    names, values = variables(run)
    assert DIFFER in names
    assert not any(name.startswith(OWN) for name in names)
    assert values.shape == (100, len(names))
    assert any(name.startswith("pace T3.held from ") for name in names)
