"""Convoys and flights: seen in the log, kept to their days, drawn as regular as they were."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np

from onward.forecast.learning.movements import Movement, days_to_come, movement

AS_OF = dt.date(2026, 10, 31)


def seen(days, people=20):
    return {
        ("return_cleared", "main_group", AS_OF - dt.timedelta(days=day)): (people, 30)
        for day in days
    }


MONTHLY = tuple(range(18, 180, 28))


def test_people_who_leave_together_are_a_movement_and_a_trickle_is_none():
    convoys = movement("T7.done", seen(MONTHLY), origin=AS_OF, family=2.0)
    assert convoys is not None
    assert convoys.usual == 28
    assert convoys.days[-1] == -18
    assert set(convoys.gaps) == {28}
    rng = np.random.default_rng(1)
    when, people = np.unique(rng.integers(0, 365, 200), return_counts=True)
    trickle = {
        ("a", "b", AS_OF - dt.timedelta(days=int(day))): (int(n), 30)
        for day, n in zip(when, people, strict=True)
    }
    assert movement("T7.done", trickle, origin=AS_OF, family=1.0) is None
    # One family on one day is no convoy; ten on one day are.
    assert movement("T7.done", seen([9], people=4), origin=AS_OF, family=2.0) is None
    assert movement("T7.done", seen([9], people=20), origin=AS_OF, family=2.0) is not None
    # What happens every other day is as good as daily.
    assert movement("T7.done", seen(range(1, 90, 2)), origin=AS_OF, family=2.0) is None


def test_a_schedule_kept_to_the_day_stays_one_and_a_rough_one_is_drawn_roughly():
    kept = Movement("T7.done", tuple(-d for d in reversed(MONTHLY)), 28.0)
    days = days_to_come(kept, 4000, 1, 200)
    assert (np.diff(days, axis=1) >= 1).all()
    assert (days[:, 0] >= 0).all()
    # 18 days are over, so it is day 9 in most futures, though never in all of them.
    assert 0.7 < (days[:, 0] == 9).mean() < 0.98
    rough = Movement("T7.done", (-150, -130, -90, -75, -18), 40.0)
    first = days_to_come(rough, 4000, 1, 200)[:, 0]
    assert (first == np.median(first)).mean() < 0.2
    # Nothing for a hundred days: no past gap was so long, and the next day is far from sure.
    silent = Movement("T7.done", (-212, -184, -156, -128, -100), 28.0)
    late = days_to_come(silent, 4000, 1, 200)[:, 0]
    assert (late >= 0).all()
    assert np.quantile(late, 0.9) > 20


def test_days_do_not_depend_on_how_many_futures_are_drawn_beside_them_or_on_other_moves():
    one = Movement("T7.done", (-150, -130, -102, -74, -18), 40.0)
    longer = days_to_come(one, 80, 1, 200)
    assert (days_to_come(one, 50, 1, 200) == longer[:50]).all()
    other = days_to_come(replace(one, move="T16.departed"), 80, 1, 200)
    assert (longer != other).any()
    assert (days_to_come(one, 80, 2, 200) != longer).any()
