"""Camps whose truth is known: the forecast's width is earned (a few camps; the rest is in
`python -m benchmarks.planted`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.planted import camps, forecasts, scores, simulator


@pytest.mark.slow
def test_the_whole_forecast_beats_process_noise_alone_on_planted_camps():
    found = scores.measure(10, camps.STRUCTURES[0], 200)
    bare, whole = found["layers"][forecasts.LAYERS[0]], found["layers"][forecasts.LAYERS[-1]]
    assert whole["coverage90"] >= 0.6
    assert whole["coverage90"] > bare["coverage90"]
    assert whole["interval_score90"] < bare["interval_score90"] / 1.3
    assert found["ratios"][forecasts.LAYERS[0]]["interval_score"] > 1.3


@pytest.mark.slow
def test_the_forecaster_sees_nothing_of_what_came_after_the_log():
    """Two worlds alike for 120 days and different afterwards get the same forecast."""
    camp, world = camps.camp_of(3, camps.STRUCTURES[0], people=400, futures=200)
    other = replace(camp, truth=camp.truth + 100)
    first = forecasts.futures_of(camp, world, 200, 1)
    second = forecasts.futures_of(other, world, 200, 1)
    assert all((first[name] == second[name]).all() for name in forecasts.LAYERS)
    days = {row["period_start"] for row in camp.exposures.to_pylist()}
    assert max(days) <= simulator.AS_OF


def test_a_camp_is_the_same_every_time_it_is_planted():
    one, _ = camps.camp_of(5, camps.STRUCTURES[1], people=150, futures=50)
    two, _ = camps.camp_of(5, camps.STRUCTURES[1], people=150, futures=50)
    assert one.truth == two.truth
    assert one.exposures.equals(two.exposures)
    assert one.counts.equals(two.counts)


def test_nobody_is_lost_in_a_planted_camp():
    camp, _ = camps.camp_of(6, camps.STRUCTURES[0], people=200, futures=50)
    rows = camp.counts.to_pylist()
    gone = {"returned", "resettled", "departed_onward", "settled", "transferred", "absent",
            "deceased"}  # fmt: skip
    here = sum(row["people"] for row in rows if row["forecast_state"] not in gone)
    assert here == camp.here
    assert 0 <= camp.truth <= camp.here
    moves = np.array([row["transitions"] for row in camp.exposures.to_pylist()])
    assert (moves >= 0).all()


def test_what_a_planted_camp_only_records_is_what_the_rulebook_only_records():
    """One list for the deadline, and one for word, hold and incidents: both the rulebook's."""
    rulebook = camps.load_rulebook()
    moves = rulebook.moves()
    flagged = {
        name
        for name in simulator.PACE
        if moves[name].records or rulebook.transitions[moves[name].transition].records
    }
    assert flagged == {*simulator.RECORDED, simulator.DEATH}


def test_a_move_that_only_records_is_touched_by_no_hold_unless_the_truth_says_so():
    """The same camp with everybody held as hard as can be: that people chose nothing is noted."""

    def noted(recorded):
        rng = np.random.default_rng(1)
        alike = dict.fromkeys(simulator.PACE, 1.0)
        world = simulator.World(
            camps.load_rulebook(), lambda axes, name: camps.pace(axes, name, alike)
        )
        units = camps.new_units(world, 1500, rng)
        course = simulator.Course(
            np.ones((40, len(world.moves))), hold=1000.0, recorded=recorded
        )
        record = []
        simulator.live(world, units, course, range(40), rng, record)
        none = world.moves.index("T4.none")
        return sum(row[2] == none for row in record)

    assert noted(simulator.RECORDED) > 0
    assert noted(tuple(m for m in simulator.RECORDED if m != "T4.none")) == 0
