"""Whom safeguards will hold back on the date: how people are freed and caught is read off past days,
and carried on."""

import datetime as dt
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from onward.forecast.learning.edges import Edge
from onward.forecast.telling.remedies import (
    AGES,
    EVERY_DAYS,
    LEAST_STEPS,
    MOST_STEPS,
    Currents,
    Standing,
    currents,
    held_then,
    pace,
    past,
    past_days,
    standing,
    step_ends,
    turns,
)

STATE = "wants_return"
FUTURES = 400


def planted(
    steps, *, freed, caught, people=1500, came=60, goes=0.03, came_held=0.5, valid=99, seed=7
):
    """Days of one state whose people are freed and caught at a known pace, as days are judged.

    freed, caught  chance per step;  valid: steps after which whoever is free is caught for certain
    """
    rng = np.random.default_rng(seed)
    number = np.arange(people)
    held = rng.random(people) < came_held
    free_for = np.where(held, 0, rng.integers(0, min(valid, 20), people))
    days = [Standing(number, np.zeros(people, dtype=np.int64), (STATE,), {"G6": held.copy()})]
    for _ in range(steps):
        stays = rng.random(len(number)) >= goes
        number, held, free_for = number[stays], held[stays], free_for[stays]
        free_for = free_for + 1
        now_free = held & (rng.random(len(held)) < freed)
        now_held = ~held & ((rng.random(len(held)) < caught) | (free_for >= valid))
        free_for[now_free] = 0
        held = (held & ~now_free) | now_held
        new = number.max() + 1 + np.arange(came)
        number = np.concatenate([number, new])
        held = np.concatenate([held, rng.random(came) < came_held])
        free_for = np.concatenate([free_for, np.zeros(came, dtype=int)])
        days.append(
            Standing(
                number, np.zeros(len(number), dtype=np.int64), (STATE,), {"G6": held.copy()}
            )
        )
    return days


def onward(days, steps, came=60.0, goes=0.03, then=None):
    """As many come and go in every future as in the planted days.

    then  people there on the last day, where it is known
    """
    stock, out = float(len(days[-1].people)), []
    for _ in range(steps):
        out.append(goes * stock)
        stock += came - goes * stock
    each = np.ones((FUTURES, 1))
    return Currents(
        (EVERY_DAYS,) * steps, {STATE: each * np.full(steps, came)}, {STATE: each * np.array(out)},
        {STATE: np.full(FUTURES, float(then or stock))}, 1.0,
    )  # fmt: skip


def test_a_planted_pace_of_remedies_is_recovered():
    seen = past(turns(planted(MOST_STEPS, freed=0.12, caught=0.05)))
    learnt = pace(seen, family=1.0)
    assert learnt.freed[0] == pytest.approx(0.12, abs=0.015)
    at_risk = (seen.caught + seen.stayed).sum(axis=0)[0]
    by_age = learnt.caught[0] @ at_risk / at_risk.sum()
    assert by_age == pytest.approx(0.05, abs=0.01)
    assert learnt.goes[0] == pytest.approx(1, abs=0.25)


AHEAD = 9


@pytest.mark.parametrize(
    "valid", [99, 6], ids=["at a steady pace", "by a clock of half a year"]
)
def test_the_range_holds_what_then_came(valid):
    """Sixty planted camps go on after the forecast; the range of 8 in 10 holds about 8 in 10."""
    inside, misses, as_today = [], [], []
    for camp in range(60):
        days = planted(
            MOST_STEPS + AHEAD, freed=0.10, caught=0.03, valid=valid, came_held=0.9, seed=camp
        )
        then, truth = len(days[-1].people), days[-1].by("G6").sum()
        seen, today = days[: MOST_STEPS + 1], days[MOST_STEPS]
        found = held_then(past(turns(seen)), onward(seen, AHEAD, then=then), 1)["G6"]
        low, middle, high = np.quantile(found, [0.1, 0.5, 0.9])
        inside.append(low <= truth <= high)
        misses.append(middle - truth)
        as_today.append(today.by("G6").mean() * then - truth)
    assert 0.68 <= np.mean(inside) <= 0.95
    assert abs(np.mean(misses)) < 0.02 * then
    # At a steady pace fewer are held every month, and today's share says nothing of it.
    if valid > AHEAD:
        assert np.abs(misses).mean() < 0.4 * np.abs(as_today).mean()


def test_who_lapses_by_a_clock_is_caught_when_it_has_run_out_and_not_before():
    seen = past(turns(planted(MOST_STEPS, freed=0.2, caught=0.0, valid=6)))
    caught = pace(seen, family=1.0).caught[0]
    assert caught[:5].max() < 0.02
    assert caught[5] > 0.95


def test_nothing_is_expected_that_no_past_day_saw():
    days = planted(MOST_STEPS, freed=0.1, caught=0.05)
    found = held_then(past(turns(days)), onward(days, 6), 1)
    assert set(found) == {"G6"}
    assert past(turns([])).cells == ()
    assert held_then(past(turns([])), onward(days, 6), 1) == {}


def test_people_are_followed_through_days_and_each_is_counted_once():
    days = planted(8, freed=0.1, caught=0.05)
    rows = turns(days).to_pylist()
    assert set(rows[0]) == {"step", "state", "guard", "was", "now", "age", "people"}
    for step, (before, day) in enumerate(pairwise(days)):
        mine = [row for row in rows if row["step"] == step]
        was = sum(row["people"] for row in mine if row["was"] != "new")
        now = sum(row["people"] for row in mine if row["now"] != "gone")
        assert (was, now) == (len(before.people), len(day.people))
    today = {row["was"]: 0 for row in rows if row["now"] == "now"}
    for row in rows:
        if row["now"] == "now":
            today[row["was"]] += row["people"]
    assert today == {"held": days[-1].by("G6").sum(), "free": (~days[-1].by("G6")).sum()}


def test_families_count_once():
    seen = past(turns(planted(MOST_STEPS, freed=0.12, caught=0.05)))
    days = planted(MOST_STEPS, freed=0.12, caught=0.05)
    alone = onward(days, 6)
    fives = Currents(alone.lengths, alone.coming, alone.going, alone.then, 5.0)
    spread = [np.std(held_then(seen, each, 1)["G6"]) for each in (alone, fives)]
    assert spread[1] > 1.3 * spread[0]


def test_what_came_over_many_at_once_comes_so_again():
    """Half of the months free a third of those held, the others nobody: the range is wider than
    where every month frees a sixth."""
    steady = planted(MOST_STEPS, freed=1 / 6, caught=0.02)
    days = planted(0, freed=0, caught=0)
    for step in range(MOST_STEPS):
        freed = 1 / 3 if step % 2 else 0.0
        rng = np.random.default_rng(step)
        held = days[-1].by("G6").copy()
        held &= rng.random(len(held)) >= freed
        held |= ~days[-1].by("G6") & (rng.random(len(held)) < 0.02)
        days.append(Standing(days[-1].people, days[-1].state, (STATE,), {"G6": held}))
    width = []
    for each in (steady, days):
        found = held_then(past(turns(each)), onward(each, 3, came=0.0, goes=0.0), 1)["G6"]
        width.append(np.subtract(*np.quantile(found, [0.9, 0.1])) / np.median(found))
    assert width[1] > 2 * width[0]


def test_the_same_seed_gives_the_same_answer():
    days = planted(MOST_STEPS, freed=0.12, caught=0.05)
    seen = past(turns(days))
    first, again, other = (held_then(seen, onward(days, 4), seed)["G6"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_a_day_is_judged_as_people_are_today():
    steps = pa.table(
        {
            "person": [0, 1, 2, 3],
            "state": pa.array(["cleared", "cleared", "submitted", "gone"]).dictionary_encode(),
            "move": pa.array(
                ["T7.done", "T7.done", "T15.accepted", "T7.done"]
            ).dictionary_encode(),
            "clear": [False, True, False, False],
            "G6": [True, False, False, True],
            "G11": [False, False, True, False],
        }
    )
    edges = [
        Edge("cleared", "T7.done", "returned", 5),
        Edge("submitted", "T15.accepted", "accepted", 3),
    ]
    day = standing(steps, np.array([40, 30, 20, 10]), edges, [edge.name for edge in edges])
    stands = dict(zip(day.people.tolist(), (day.states[s] for s in day.state), strict=True))
    assert stands == {40: "cleared", 30: "cleared", 20: "submitted"}
    assert day.people[day.by("G6")].tolist() == [40]
    assert day.people[day.by("G11")].tolist() == [20]
    assert not day.by("G3").any()


def test_days_are_judged_for_a_year_and_not_where_the_record_is_short():
    today = dt.date(2026, 10, 31)
    days = past_days(today, today - dt.timedelta(days=2000))
    assert days[-1] == today
    assert len(days) == MOST_STEPS + 1 <= AGES + 1
    assert {(b - a).days for a, b in pairwise(days)} == {EVERY_DAYS}
    enough = EVERY_DAYS * LEAST_STEPS
    assert len(past_days(today, today - dt.timedelta(days=enough))) == LEAST_STEPS + 1
    assert past_days(today, today - dt.timedelta(days=enough - 1)) == []


def test_who_comes_from_outside_is_what_the_moves_leave_unexplained():
    model = SimpleNamespace(
        start={("a", "all", 2): 50, ("b", "all", 1): 20, ("out", "all", 1): 9},
        transitions=[SimpleNamespace(source="a", target="b"), SimpleNamespace(source="b", target="out")],
    )  # fmt: skip
    ends = step_ends(70)
    assert ends == [27, 55, 69]
    flows = np.array([[[[10], [0]], [[30], [6]], [[40], [12]]]])
    made = SimpleNamespace(flows=flows, flows_on=(3, *ends))
    made.flows = np.concatenate([np.zeros((1, 1, 2, 1), dtype=int), flows], axis=1)
    then = {"a": np.array([67.0]), "b": np.array([48.0])}
    found = currents(model, made, then, 70)
    assert found.lengths == (28, 28, 14)
    assert found.going["a"].tolist() == [[10, 20, 10]]
    assert found.going["b"].tolist() == [[0, 6, 6]]
    assert found.coming["b"].tolist() == [[10, 20, 10]]
    # 100 were there and 40 went: of the 67 on the day, 7 came from outside
    assert found.coming["a"][0] == pytest.approx([2.8, 2.8, 1.4])
    assert found.family == pytest.approx((50 * 4 + 20) / 120)
