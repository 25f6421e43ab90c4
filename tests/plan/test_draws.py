"""Uncertain dates: what must hold whatever is drawn."""

from __future__ import annotations

import datetime as dt
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.plan import criticality, milestone_chances, plan_draws
from onward.plan.draws import critical_in, triangular
from onward.plan.model import Uncertain

TODAY = dt.date(2026, 10, 31)

durations = st.lists(st.integers(0, 60), min_size=3, max_size=3).map(sorted)


@st.composite
def works(draw, known=False):
    """Actions that wait only for earlier ones, as plain data."""
    count = draw(st.integers(1, 7))
    actions = {}
    for i in range(count):
        low, likely, high = draw(durations)
        duration = likely if known else {"min": low, "likely": likely, "max": high}
        before = draw(st.lists(st.integers(0, i - 1), max_size=2, unique=True)) if i else []
        actions[f"a{i}"] = {
            "title": f"Action {i}", "owner": "somebody", "duration_days": duration,
            "depends_on": [{f"a{j}": draw(st.integers(0, 5))} for j in before],
            "chance": 1.0 if known else draw(st.sampled_from([1.0, 0.7])),
        }  # fmt: skip
        if draw(st.booleans()):
            actions[f"a{i}"]["started" if not before else "earliest"] = TODAY - dt.timedelta(
                days=draw(st.integers(1, 40))
            )
    return actions


def ends_with(actions):
    return {"done": {"title": "Done", "after": list(actions), "by": dt.date(2027, 3, 1)}}


@given(works(), st.integers(0, 6), st.lists(st.integers(0, 30), min_size=3, max_size=3))
@settings(deadline=None, max_examples=60)
def test_longer_work_never_brings_any_date_forward(read, actions, which, more):
    chosen = f"a{which % len(actions)}"
    before = plan_draws(read(actions=actions), 60, 5, TODAY)
    longer = {**actions[chosen]}
    three = longer["duration_days"]
    added = sorted(more)
    longer["duration_days"] = {
        "min": three["min"] + added[0],
        "likely": three["likely"] + added[1],
        "max": three["max"] + added[2],
    }
    after = plan_draws(read(actions={**actions, chosen: longer}), 60, 5, TODAY)
    for id in actions:
        assert np.all(after.finishes[id] >= before.finishes[id]), id


@given(works(), st.randoms())
@settings(deadline=None, max_examples=40)
def test_the_order_of_the_file_does_not_show(read, actions, shuffled: random.Random):
    keys = list(actions)
    shuffled.shuffle(keys)
    one = plan_draws(read(actions=actions, milestones=ends_with(actions)), 40, 5, TODAY)
    other_plan = read(actions={k: actions[k] for k in keys}, milestones=ends_with(keys))
    other = plan_draws(other_plan, 40, 5, TODAY)
    for id, days in one.finishes.items():
        assert np.array_equal(days, other.finishes[id])
    assert criticality(read(actions=actions), one) == criticality(read(actions=actions), other)


@given(works())
@settings(deadline=None, max_examples=40)
def test_one_extra_action_leaves_strangers_draws_alone(read, actions):
    stranger = {
        "title": "New",
        "owner": "x",
        "duration_days": {"min": 1, "likely": 9, "max": 30},
    }
    one = plan_draws(read(actions=actions), 40, 5, TODAY)
    other = plan_draws(read(actions={"newcomer": stranger, **actions}), 40, 5, TODAY)
    for id in actions:
        assert np.array_equal(one.finishes[id], other.finishes[id])
        assert np.array_equal(one.starts[id], other.starts[id])


@given(works())
@settings(deadline=None, max_examples=20)
def test_more_futures_begin_with_the_same_futures(read, actions):
    plan = read(actions=actions)
    few, many = plan_draws(plan, 20, 5, TODAY), plan_draws(plan, 50, 5, TODAY)
    for id in actions:
        assert np.array_equal(few.finishes[id], many.finishes[id][:20])


@given(works(known=True))
@settings(deadline=None, max_examples=80)
def test_work_is_critical_exactly_when_a_day_more_of_it_delays_the_end(read, actions):
    stones = ends_with(actions)
    plan = read(actions=actions, milestones=stones)
    draws = plan_draws(plan, 1, 5, TODAY)
    held = critical_in(plan, draws, ["done"])
    for id, action in actions.items():
        started = action.get("started")
        if started and (TODAY - started).days >= action["duration_days"]:
            continue  # overdue already: a day more of it changes nothing until today
        later = {**actions, id: {**action, "duration_days": action["duration_days"] + 1}}
        after = plan_draws(read(actions=later, milestones=stones), 1, 5, TODAY)
        delayed = after.finishes["done"][0] > draws.finishes["done"][0]
        assert bool(held[id][0]) == delayed, id


@given(works())
@settings(deadline=None, max_examples=40)
def test_nothing_unfinished_is_finished_before_today_or_before_what_it_waits_for(read, actions):
    draws = plan_draws(read(actions=actions), 40, 5, TODAY)
    for id, action in actions.items():
        assert np.all(draws.finishes[id] >= 0)
        if "started" not in action:
            for link in action["depends_on"]:
                for before, lag in link.items():
                    assert np.all(draws.starts[id] >= draws.finishes[before] + lag)


@given(durations, st.floats(-10, 70), st.integers(0, 10))
def test_work_under_way_lasts_longer_than_it_has_lasted(three, worked, seed):
    law = Uncertain(*three)
    u = np.sort(np.random.default_rng(seed).random(50))
    drawn = triangular(law, u, beyond=worked)
    assert np.all(drawn >= worked)
    assert np.all(drawn <= max(law.most, worked))
    assert np.all(np.diff(drawn) >= 0)


def test_work_under_way_is_drawn_from_what_is_left_of_its_law():
    law = Uncertain(10, 30, 90)
    u = (np.arange(400_000) + 0.5) / 400_000
    whole = triangular(law, u)
    left = np.sort(whole[whole > 40])
    drawn = triangular(law, (np.arange(left.size) + 0.5) / left.size, beyond=40.0)
    assert np.max(np.abs(drawn - left)) < 0.2


def test_the_chance_of_a_milestone_is_that_of_the_triangle(read):
    plan = read(
        actions={"talk": {"title": "Talk", "owner": "o",
                          "duration_days": {"min": 10, "likely": 20, "max": 60}}},
        milestones={"done": {"title": "Done", "after": ["talk"], "by": TODAY + dt.timedelta(days=35)}},
    )  # fmt: skip
    (stone,) = milestone_chances(plan, plan_draws(plan, 100_000, 3, TODAY))
    expected = 1 - (60 - 35.5) ** 2 / ((60 - 10) * (60 - 20))  # whole days: rounded at the half
    assert stone.in_time == pytest.approx(expected, abs=0.005)
    assert stone.critical == (("talk", 1.0),)


def test_two_independent_branches_multiply_their_chances(read):
    day = TODAY + dt.timedelta(days=30)
    branch = {"owner": "o", "duration_days": {"min": 20, "likely": 30, "max": 40}}
    plan = read(
        actions={"a": {"title": "A", **branch}, "b": {"title": "B", **branch}},
        milestones={"done": {"title": "Done", "after": ["a", "b"], "by": day}},
    )
    (stone,) = milestone_chances(plan, plan_draws(plan, 100_000, 3, TODAY))
    alone = 1 - (40 - 30.5) ** 2 / ((40 - 20) * (40 - 30))
    assert stone.in_time == pytest.approx(alone**2, abs=0.006)
    shares = dict(stone.critical)
    assert shares["a"] == pytest.approx(shares["b"], abs=0.02)


def test_what_a_state_may_refuse_is_never_reached_in_the_futures_it_refuses(read):
    plan = read(
        actions={"ask": {"title": "Ask", "owner": "o", "duration_days": 10, "chance": 0.6}},
        milestones={"agreed": {"title": "Agreed", "after": ["ask"], "by": dt.date(2027, 6, 1)}},
    )
    (stone,) = milestone_chances(plan, plan_draws(plan, 20_000, 3, TODAY))
    assert stone.when.chance == pytest.approx(0.6, abs=0.02)
    assert stone.in_time == stone.when.chance
    assert stone.when.p50 == TODAY + dt.timedelta(days=10)
    assert stone.when.p90 is None


def assurance(**changes):
    return {"title": "Word of the host", "recipient": "XBB", "purpose": "handover",
            "state": "in_force", "effective": dt.date(2026, 1, 1), "covers_onward_transfer": True,
            "factors": {}, "moves": ["T20"],
            "conclusion": {"finding": "can_rely", "by": "lawyer", "dated": dt.date(2026, 1, 2)},
            **changes}  # fmt: skip


def test_an_assurance_in_force_with_the_lawyers_conclusion_begins(read):
    plan = read(assurances={"word": assurance()})
    assert np.all(plan_draws(plan, 10, 1, TODAY).begins["word"] < 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "sought"},
        {"state": "drafted"},
        {"state": "signed"},
        {"state": "refused"},
        {"state": "breached"},
        {
            "conclusion": {
                "finding": "cannot_rely",
                "by": "lawyer",
                "dated": dt.date(2026, 1, 2),
            }
        },
        {"effective": None},
        {"conclusion": None},
    ],
)
def test_an_assurance_with_anything_missing_never_begins(read, changes):
    word = {key: value for key, value in assurance(**changes).items() if value is not None}
    plan = read(assurances={"word": word})
    assert np.all(plan_draws(plan, 10, 1, TODAY).begins["word"] == math.inf)


def test_an_assurance_begins_when_the_work_that_brings_it_is_done(read):
    work = {"title": "T", "owner": "o", "duration_days": 40, "effects": [{"brings": "word"}]}
    word = {
        k: v
        for k, v in assurance(state="sought").items()
        if k not in ("effective", "conclusion")
    }
    draws = plan_draws(read(assurances={"word": word}, actions={"talk": work}), 10, 1, TODAY)
    assert np.all(draws.begins["word"] == 40)


def mandate(**changes):
    return {"title": "Mandate", "type": "sc_resolution", "grantor": "Council",
            "effective": dt.date(2026, 1, 1), "expiry": dt.date(2027, 11, 30), **changes}  # fmt: skip


def test_a_mandate_may_end_early_but_never_before_the_notice_has_run(read):
    plan = read(
        authorities={
            "mandate": mandate(early_end={"by": "host", "notice_days": 90, "chance": 0.5})
        }
    )
    ends = plan_draws(plan, 4000, 1, TODAY).ends["mandate"]
    last = (dt.date(2027, 11, 30) - TODAY).days
    early = ends < last
    assert np.mean(early) == pytest.approx(0.5, abs=0.03)
    assert ends[early].min() >= 90
    assert np.all(ends <= last)


def test_what_rests_on_a_mandate_ends_with_it(read):
    plan = read(
        authorities={
            "permit": mandate(expiry=dt.date(2030, 1, 1), rests_on=["mandate"]),
            "mandate": mandate(early_end={"by": "host", "notice_days": 90, "chance": 0.5}),
        }
    )
    draws = plan_draws(plan, 200, 1, TODAY)
    assert np.array_equal(draws.ends["permit"], draws.ends["mandate"])


def test_a_renewal_that_is_asked_for_too_late_does_not_count(read):
    def ends(days):
        plan = read(
            authorities={
                "mandate": mandate(renewal={"lead_days": 30, "until": dt.date(2028, 5, 31)})
            },
            actions={
                "ask": {
                    "title": "Ask",
                    "owner": "o",
                    "duration_days": days,
                    "renews": "mandate",
                }
            },
        )
        return plan_draws(plan, 5, 1, TODAY).ends["mandate"][0]

    assert ends(100) == (dt.date(2028, 5, 31) - TODAY).days
    assert ends(500) == (dt.date(2027, 11, 30) - TODAY).days


@pytest.mark.parametrize(("futures", "seed"), [(0, 1), (10, -1)])
def test_impossible_requests_are_refused(example, futures, seed):
    with pytest.raises(ValueError, match="expected"):
        plan_draws(example, futures, seed, TODAY)


def test_named_days_of_convoys_are_drawn_in_order_and_past_ones_are_over(read):
    day = dt.timedelta(days=1)
    plan = read(
        capacities={
            "return_seat": {
                "title": "Seats", "supplies": [{"amount": 60, "every_days": 28}],
                "departs": [
                    TODAY - 20 * day,
                    TODAY + 5 * day,
                    {"earliest": TODAY + 20 * day, "likely": TODAY + 30 * day,
                     "latest": TODAY + 60 * day},
                ],
            }
        }
    )  # fmt: skip
    days = plan_draws(plan, 300, 1, TODAY).departs["return_seat"]
    assert days.shape == (300, 2)
    assert set(days[:, 0]) == {5.0}
    assert days[:, 1].min() >= 20
    assert days[:, 1].max() <= 60
    assert len(set(days[:, 1])) > 10
