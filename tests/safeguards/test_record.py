"""Recording what happened is never refused; a movement against the safeguards opens a breach."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random

import pytest

from onward.safeguards import breach_for, record_movement

DAY = date(2026, 6, 10)


def recorded(answer, person="P1"):
    return record_movement(
        answer,
        person,
        operation="meridian",
        by="amina",
        effective="2026-06-10",
        instant=datetime(2026, 6, 10, 9, tzinfo=UTC),
        random=Random(1),
        idempotency_key="flight-7-P1",
    )


def test_a_movement_with_every_safeguard_in_place_is_one_event(evaluate_world, going_home):
    events = recorded(evaluate_world(going_home, people=["P1"]))
    assert [event.kind for event in events] == ["T7.done"]


def test_a_movement_with_a_failed_safeguard_is_recorded_with_its_breach(
    evaluate_world, going_home
):
    going_home["consent"]["C1"]["withdrawn"] = True
    going_home["person"]["P1"]["fitness_finding"] = None
    answer = evaluate_world(going_home, people=["P1"])
    movement, breach = recorded(answer)
    assert movement.kind == "T7.done"
    assert breach.kind == "breach"
    assert breach.facts == {
        "move": "T7.done",
        "safeguards": ["G3.consent", "G11.not_unfit", "G11.arranged"],
        "severity": 1,
    }
    found = breach_for(answer, "P1")
    assert found is not None
    assert found.tell == ("counsellor", "medical")


def test_with_nothing_known_at_all_a_departure_can_still_be_recorded(evaluate_world):
    world = {"person": {"P1": {"id": "P1", "stage": "registered", "place": "in_camp"}}}
    for step in ("T7.done", "T16.departed", "T17.departed", "T20.done"):
        movement, breach = recorded(evaluate_world(world, step, people=["P1"]))
        assert movement.kind == step
        assert breach.facts["severity"] == 1


def test_leaving_without_help_is_recorded_with_whatever_was_missing(evaluate_world, going_home):
    events = recorded(evaluate_world(going_home, "T17.left_unassisted", people=["P1"]))
    assert [event.kind for event in events] == ["T17.left_unassisted", "breach"]
    assert "G13.complete" in events[1].facts["safeguards"]


def test_steps_of_a_hand_over_against_the_rules_are_breaches(evaluate_world, going_home):
    going_home["person"]["P1"]["stage"] = "handover_proposed"
    events = recorded(evaluate_world(going_home, "T18.assessed", people=["P1"]))
    assert [event.kind for event in events] == ["T18.assessed", "breach"]


@pytest.mark.parametrize(
    "step",
    ["T3.declined", "T4.none", "T4.withdrawn", "T9.lodged", "T13.back", "T18.dropped",
     "T19.stopped", "T22.absent", "T22.deceased"],
)  # fmt: skip
def test_refusals_claims_absences_and_deaths_are_never_breaches(evaluate_world, step):
    world = {"person": {"P1": {"id": "P1", "stage": "registered", "place": "in_camp"}}}
    events = recorded(evaluate_world(world, step, people=["P1"]))
    assert [event.kind for event in events] == [step]


def test_lodging_a_claim_asks_nothing(evaluate_world):
    world = {"person": {"P1": {"id": "P1", "legal": "gc4_protected", "stage": "registered"}}}
    answer = evaluate_world(world, "T9.lodged", people=["P1"])
    assert answer.findings == ()
    assert answer.is_open("P1")
    assert answer.table.num_rows == 0
