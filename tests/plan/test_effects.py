"""What a plan opens, closes, caps and speeds up, and what no plan can touch."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from onward.plan import plan_draws, plan_effects

TODAY = dt.date(2026, 10, 31)


@pytest.fixture(scope="module")
def effects(example, rulebook):
    return plan_effects(example, plan_draws(example, 300, 4, TODAY), rulebook)


def test_recording_what_happened_is_never_gated(effects, rulebook):
    moves = rulebook.moves()
    for effect in effects.effects:
        if effect.target_kind == "transition":
            for key in effect.targets:
                assert not moves[key].records
                assert not rulebook.transitions[moves[key].transition].records


def test_no_clock_opens_hand_over(example, effects, rulebook):
    handed = [
        k for k, m in rulebook.moves().items() if m.pathway == "handover" and not m.records
    ]
    for key in handed:
        gates = [e for e in effects.on(key) if e.gate == "handover XBB"]
        assert gates
        brought = effects.draws.finishes["host_examined"]
        for gate in gates:
            assert np.all(gate.starts >= brought)


def test_gates_of_one_recipient_are_alternatives_of_each_other(effects):
    gates = [e for e in effects.on("T7.done") if e.kind == "gate"]
    assert {e.gate for e in gates} == {"return XAA", "exit_permits"}
    assert len([e for e in gates if e.gate == "return XAA"]) == 2


def test_caps_are_places_left_and_wait_for_their_dates(effects):
    places = {e.id: e for e in effects.on("resettlement_place")}
    assert np.all(places["norway/1"].values == 60 - 9)
    assert places["norway/1"].window_days is None
    assert (places["portugal/1"].after.pledge, places["portugal/1"].gone) == ("norway", 9)
    assert "portugal_first/1" not in places, "nothing is left of it"
    assert places["canada/1"].families_only
    quiet = places["quiet_offer/1"]
    assert np.mean(quiet.starts < math.inf) == pytest.approx(0.3, abs=0.1)


def test_work_adds_capacity_from_the_day_it_is_done(effects):
    more = next(e for e in effects.on("interview_slot") if e.source == "more_rooms")
    assert np.array_equal(more.starts, effects.draws.finishes["more_rooms"])
    assert more.window_days == 7
    assert np.all(more.values == 30)


def test_every_effect_has_one_value_per_future(effects):
    for effect in effects.effects:
        for values in (effect.starts, effect.ends, effect.values):
            assert values.shape == (300,)
            assert not np.isnan(values).any()
        assert effect.targets


def test_closing_and_speeding_up_come_with_their_ends(read, rulebook):
    plan = read(
        actions={
            "storm": {"title": "Storm", "owner": "o", "duration_days": 10, "effects": [
                {"closes": "T7", "at": "start", "until": dt.date(2026, 12, 31)},
                {"scales": "T3", "factor": {"min": 1.0, "likely": 1.5, "max": 2.0}},
                {"opens": "G18.suitable"}]},
        }
    )  # fmt: skip
    found = plan_effects(plan, plan_draws(plan, 50, 1, TODAY), rulebook)
    (shut,) = found.on("T7.done")
    assert shut.closed
    assert np.all(shut.starts == 0)
    assert np.all(shut.ends == 61)
    (pace,) = found.on("T3.held")
    assert pace.kind == "multiplier"
    assert np.all((pace.values >= 1) & (pace.values <= 2))
    assert found.on("T3.declined") == ()
    (lifted,) = found.on("G18.suitable")
    assert lifted.target_kind == "finding"


def test_what_the_host_or_the_origin_decides_holds_for_everybody_and_a_third_country_does_not(
    example, effects
):
    """Whatever a rulebook calls its pathways: there is one host and one country of return."""
    of = {e.source: e for e in effects.effects if e.destination}
    assert {e.destination for e in of.values()} > {example.origin, example.host}
    for effect in of.values():
        third = effect.destination not in (example.origin, example.host)
        assert effect.one_of_many is third, effect.id
    assert not any(e.one_of_many for e in effects.effects if not e.destination)
