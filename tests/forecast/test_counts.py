"""The count model holds at its edges, learns what it should, and is honest on planted operations."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.errors import OnwardError
from onward.forecast.counts.history import Count, Event, Kind, Series
from onward.forecast.counts.reference_class import CountForecast, ReferenceClass
from onward.forecast.counts.split import split
from onward.forecast.counts.stock import prior_settings, relevant_counts, spaced, stock_evidence
from onward.forecast.counts.unknown import gone_95, unknown

START = date(2020, 1, 1)


@pytest.fixture(scope="module")
def alone() -> ReferenceClass:
    """No other operation: what the general priors say."""
    return ReferenceClass(())


def days(n: int) -> date:
    return START + timedelta(days=n)


def series(*pairs: tuple[int, float]) -> Series:
    return Series(
        "camp", "camp.csv", "camp", tuple(Count(days(d), v, "high") for d, v in pairs)
    )


def deadline(known: int, on: int) -> Event:
    return Event("camp", days(known), days(on), "deadline")


def ask(
    reference: ReferenceClass,
    known: Series,
    origin: int,
    target: int,
    *events: Event,
    kind: Kind = "stock",
    official: float | None = None,
) -> CountForecast:
    return reference.forecast(
        known, kind, events, "camp", days(origin), days(target), official=official, draws=2000
    )


def test_a_long_stall_is_expected_to_go_on_but_not_for_certain(alone: ReferenceClass):
    flat = series((0, 1000), (200, 1000), (400, 998), (600, 997))
    forecast = ask(alone, flat, 600, 700)
    assert forecast.quantile(0.5) > 950
    assert forecast.regimes["stall"] > 0.6
    assert forecast.quantile(0.01) < 800


def test_a_steady_departure_is_expected_to_go_on(alone: ReferenceClass):
    falling = series((0, 10000), (30, 9000), (60, 8000), (90, 7000))
    forecast = ask(alone, falling, 90, 120)
    assert 5000 < forecast.quantile(0.5) < 6900
    assert forecast.regimes["surge"] > 0.6


def test_a_deadline_speeds_what_is_already_moving_more_than_what_is_not(alone: ReferenceClass):
    moving = series((0, 10000), (30, 9000), (60, 8000), (90, 7000))
    still = series((0, 7000), (30, 7000), (60, 7000), (90, 7000))

    def gain(counts: Series) -> float:
        without = ask(alone, counts, 90, 190).draws.mean()
        return float(without - ask(alone, counts, 90, 190, deadline(85, 190)).draws.mean())

    assert gain(moving) > 500
    assert gain(still) > 0


def test_a_date_cannot_conjure_a_pace_never_seen(alone: ReferenceClass):
    slow = series((0, 10000), (60, 9500), (120, 9000), (180, 8500))
    forecast = ask(alone, slow, 180, 195, deadline(178, 195))
    assert forecast.quantile(0.25) > 4000


def test_missed_deadlines_lower_the_faith_in_the_next(alone: ReferenceClass):
    flat = series((0, 1000), (120, 1000), (240, 1000), (360, 1000))
    first = ask(alone, flat, 360, 460, deadline(361 - 20, 460))
    fourth = ask(
        alone, flat, 360, 460,
        deadline(10, 110), deadline(130, 230), deadline(250, 350), deadline(361 - 20, 460),
    )  # fmt: skip
    assert fourth.draws.mean() > first.draws.mean()


def test_a_moved_deadline_withdraws_the_old_date_from_the_day_the_move_is_known(
    alone: ReferenceClass,
):
    falling = series((0, 10000), (30, 9400), (60, 8800), (90, 8200))
    old, new = deadline(50, 180), deadline(85, 400)

    def left(*events: Event) -> float:
        return float(ask(alone, falling, 90, 180, *events).draws.mean())

    held, moved, only_new = left(old), left(old, new), left(new)
    assert held < only_new - 400
    assert abs(moved - only_new) < 0.25 * (only_new - held)
    # The order of the rows does not matter, and a move that is not known yet moves nothing.
    assert left(new, old) == moved
    assert left(old, deadline(91, 400)) == held


def test_a_date_moved_up_takes_the_place_of_the_later_one(alone: ReferenceClass):
    falling = series((0, 10000), (30, 9400), (60, 8800), (90, 8200))
    late, early = deadline(50, 400), deadline(85, 180)
    both = ask(alone, falling, 90, 180, late, early).draws.mean()
    alone_ = ask(alone, falling, 90, 180, early).draws.mean()
    assert both == pytest.approx(alone_, abs=150)


def test_a_plan_of_today_is_heard_where_the_date_beside_it_was_withdrawn(
    alone: ReferenceClass,
):
    moving = series((0, 10000), (30, 9000), (60, 8000))
    withdrawn = (deadline(20, 140), deadline(55, 400))
    without = ask(alone, moving, 60, 140, *withdrawn)
    told = ask(alone, moving, 60, 140, *withdrawn, official=0)
    assert told.draws.mean() < without.draws.mean()


def test_days_named_together_stand_beside_each_other(alone: ReferenceClass):
    falling = series((0, 10000), (30, 9400), (60, 8800), (90, 8200))
    near, far = deadline(85, 180), deadline(85, 400)
    both = ask(alone, falling, 90, 180, near, far).draws.mean()
    assert both < ask(alone, falling, 90, 180, far).draws.mean() - 300


def test_when_nearly_all_have_left_agrees_with_how_many_are_left(alone: ReferenceClass):
    falling = series((0, 5000), (30, 3500), (60, 2200), (90, 1200))
    for target in (120, 200, 400):
        forecast = ask(alone, falling, 90, target)
        gone = np.isfinite(forecast.gone)
        assert (forecast.gone[gone] >= 0).all()
        assert (forecast.gone[gone] <= target - 90).all()
        # Whoever came back after nearly all had left makes a small difference, noise another.
        assert gone.mean() == pytest.approx((forecast.draws <= 60).mean(), abs=0.06)
    dates = gone_95(forecast)
    assert dates is not None
    known = [day for day in (dates["q10"], dates["median"], dates["q90"]) if day]
    assert known
    assert known == sorted(known)
    assert gone_95(ask(alone, falling, 90, 120, kind="cumulative")) is None


def test_the_width_is_taken_apart_and_its_parts_add_up(alone: ReferenceClass):
    falling = series((0, 10000), (30, 9400), (60, 8800), (90, 8200))
    near = ask(alone, falling, 90, 200).split
    assert set(near) == {"fit", "regime", "plan dates", "rates", "chance"}
    assert sum(near.values()) == pytest.approx(1, abs=0.003)
    # Without a date, no date can be in doubt; an announced one is.
    assert near["plan dates"] == 0
    dated = ask(alone, falling, 90, 200, deadline(85, 190)).split
    assert dated["plan dates"] > 0.05
    # Tomorrow is what goes on today; in three years it is what comes until then.
    far = ask(alone, falling, 90, 1200).split
    assert far["chance"] > near["chance"]
    rising = series((0, 100), (30, 400), (60, 600), (90, 900))
    assert ask(alone, rising, 90, 120, kind="cumulative").split == {"rates": 1.0}


def test_the_parts_of_a_planted_spread_are_found_again():
    rng = np.random.default_rng(4)
    n = 40_000
    doing, dated = rng.integers(0, 2, n), rng.integers(0, 3, n)
    pace = rng.standard_normal(n)
    noise = rng.standard_normal(n)
    people = 100.0 * doing + 50 * np.sqrt(1.5) * (dated - 1) + 100 * pace + 50 * noise
    none = np.zeros(0)
    found = split(people, doing, dated, pace, none, none)
    # Variances 2500, 2500, 10000 and 2500 of 17500; tenths of a pace leave a little of it.
    assert found["fit"] == pytest.approx(0, abs=0.001)
    assert found["regime"] == pytest.approx(1 / 7, abs=0.02)
    assert found["plan dates"] == pytest.approx(1 / 7, abs=0.02)
    assert found["rates"] == pytest.approx(4 / 7, abs=0.04)
    assert found["chance"] == pytest.approx(1 / 7, abs=0.04)
    # Nothing that courses took for true says anything: all of it is chance, however many cells.
    few = 400
    told = split(noise[:few], doing[:few], dated[:few], pace[:few], none, none)
    assert told["chance"] > 0.9
    assert split(np.full(9, 5.0), doing[:9], dated[:9], pace[:9], none, none) == {}


def test_what_counts_cannot_tell_is_said_and_what_would_narrow_it(alone: ReferenceClass):
    open_ = series((0, 10000), (30, 9000), (60, 8000), (90, 7000))
    said = unknown(ask(alone, open_, 95, 300), 4)
    assert "is not known yet" in said[0]
    assert "the next counts" in said[-1]
    assert (
        "a newer count (the last is 90 days old)" in unknown(ask(alone, open_, 180, 300), 4)[-1]
    )
    assert "more counts" in unknown(ask(alone, open_, 95, 300), 3)[-1]
    flat = series((0, 1000), (200, 1000), (400, 998), (600, 997))
    assert unknown(ask(alone, flat, 600, 607), 4) == []
    far = unknown(ask(alone, flat, 600, 1600), 4)
    assert "whether a destination and transport are secured" in far[-1]


def test_a_pause_after_departures_is_likelier_to_end_than_a_stall(alone: ReferenceClass):
    paused = series((0, 3000), (30, 2500), (60, 2000), (90, 1500), (130, 1500))
    stalled = series((0, 1500), (30, 1500), (60, 1500), (90, 1500), (130, 1500))
    lower = (ask(alone, paused, 130, 230).draws < 1200).mean()
    assert lower > 1.5 * (ask(alone, stalled, 130, 230).draws < 1200).mean()


def test_an_official_plan_is_heard_once(alone: ReferenceClass):
    moving = series((0, 10000), (30, 9000), (60, 8000))
    announced = deadline(55, 140)
    with_date = ask(alone, moving, 60, 140, announced)
    with_both = ask(alone, moving, 60, 140, announced, official=0)
    plan_only = ask(alone, moving, 60, 140, official=0)
    nothing = ask(alone, moving, 60, 140)
    assert (with_date.draws == with_both.draws).all()
    assert plan_only.draws.mean() < nothing.draws.mean()


def test_further_ahead_is_less_certain(alone: ReferenceClass):
    counts = series((0, 5000), (60, 4800), (120, 4700))
    widths = [
        ask(alone, counts, 120, 120 + ahead).quantile(0.95)
        - ask(alone, counts, 120, 120 + ahead).quantile(0.05)
        for ahead in (10, 100, 400)
    ]
    assert widths == sorted(widths)


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 400_000)), min_size=1, max_size=8,
        unique_by=lambda pair: pair[0],
    ),
    late=st.integers(0, 400),
    ahead=st.integers(1, 1500),
    kind=st.sampled_from(["stock", "cumulative", "flow"]),
    events=st.lists(
        st.tuples(
            st.integers(-100, 2500),
            st.integers(-100, 3500),
            st.sampled_from(["legal", "plan", "operational", "offer", "shock", "deadline"]),
        ),
        max_size=4,
    ),
)  # fmt: skip
def test_any_history_yields_a_whole_finite_forecast_with_ordered_quantiles(
    counts: list[tuple[int, int]],
    late: int,
    ahead: int,
    kind: Kind,
    events: list[tuple[int, int, str]],
):
    known = series(*sorted(counts))
    origin = max(day for day, _ in counts) + late
    heard = [Event("camp", days(known_from), days(on), what) for known_from, on, what in events]
    forecast = ask(PRIOR_ONLY, known, origin, origin + ahead, *heard, kind=kind)
    assert np.isfinite(forecast.draws).all()
    assert (forecast.draws >= 0).all()
    marks = [forecast.quantile(q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
    assert marks == sorted(marks)


PRIOR_ONLY = ReferenceClass(())


def test_asking_about_the_past_or_before_the_first_count_is_refused(alone: ReferenceClass):
    counts = series((10, 100))
    with pytest.raises(OnwardError, match="no count on or before"):
        ask(alone, counts, 5, 20)
    with pytest.raises(OnwardError, match="is not after the origin"):
        ask(alone, counts, 20, 20)


def test_counts_within_two_weeks_are_one_convoy_and_the_latest_always_counts():
    counts = [Count(days(d), float(1000 - d)) for d in (0, 5, 20, 22, 40, 43)]
    assert [c.day for c in spaced(counts)] == [days(0), days(20), days(40)]
    assert [c.day for c in relevant_counts(counts)] == [days(0), days(20), days(43)]


def test_which_counts_are_spaced_out_never_depends_on_later_ones():
    counts = [Count(days(d), 100.0) for d in (0, 3, 15, 16, 40, 41, 60)]
    for cut in range(1, len(counts)):
        early = spaced(counts[:cut])
        assert spaced(counts)[: len(early)] == early


@pytest.mark.slow
def test_evidence_favours_the_setting_that_made_the_history():
    # Given operations that leave at a quarter of the usual surge pace, and at four times it
    rng = np.random.default_rng(11)
    candidates = prior_settings(200, rng)
    pace = candidates.rate[:, 3]
    fast = [Count(days(15 * i), v, "high") for i, v in enumerate((9000, 6000, 3000, 400, 0))]
    slow = [
        Count(days(60 * i), v, "high")
        for i, v in enumerate((9000, 8300, 7600, 6900, 6200, 5500, 4800, 4100))
    ]
    for history, quicker in ((fast, True), (slow, False)):
        evidence = np.sum(
            [e for _, e in stock_evidence(candidates, 40, history, (), 5)], axis=0
        )
        weights = np.exp(evidence - evidence.max())
        learnt = np.average(np.log(pace), weights=weights)
        assert (learnt > np.log(pace).mean()) == quicker


@pytest.mark.slow
def test_planted_operations_are_covered_as_often_as_claimed(alone: ReferenceClass):
    """Truths from another simulator: departures in convoys, stops and a residue."""
    rng = np.random.default_rng(2)
    inside, asked = 0, 0
    for _ in range(60):
        people, residue = 4000.0, 4000 * rng.uniform(0, 0.15)
        pace, moving = 4000 * rng.uniform(0.002, 0.012), bool(rng.random() < 0.5)
        course = [people]
        for day in range(1, 301):
            if rng.random() < 1 / 90:
                moving = not moving
            if moving and day % 7 == 0:
                people = max(residue, people - 7 * pace * rng.uniform(0.5, 1.5))
            course.append(people)
        counts = series(*[(d, round(course[d])) for d in (0, 40, 80, 120)])
        forecast = ask(alone, counts, 120, 240)
        inside += forecast.quantile(0.05) <= course[240] <= forecast.quantile(0.95)
        asked += 1
    assert 0.8 <= inside / asked <= 1.0
