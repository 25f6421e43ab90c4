"""Overrides: two different people and a reason, never for a hard finding, anywhere."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import date

import pytest

import onward.safeguards
from onward.errors import Faults
from onward.safeguards import Override, override_faults
from onward.safeguards.evaluate import Evaluation, evaluate
from onward.safeguards.everybody import evaluate_all
from onward.safeguards.overrides import NOWHERE, findings_of, leads_to

DAY = date(2026, 6, 10)
LATE_CHECK = Override(
    person="P1",
    move="T7.done",
    finding="G11.valid",
    destination="origin",
    approved_by=("chantal", "bilal"),
    reason="The doctor travels with the family and examines them at the airport.",
    valid_on=DAY,
)


@pytest.fixture
def late_check(going_home):
    """Everything in place, but the fitness check is ten days old."""
    going_home["person"]["P1"]["fitness_checked_on"] = date(2026, 5, 31)
    return going_home


def test_without_an_override_the_late_check_blocks(evaluate_world, late_check):
    answer = evaluate_world(late_check, people=["P1"])
    assert answer.failed_findings("P1") == ("G11.valid",)


def test_two_people_and_a_reason_set_an_overridable_finding_aside(evaluate_world, late_check):
    answer = evaluate_world(late_check, people=["P1"], overrides=[LATE_CHECK])
    assert answer.is_open("P1")
    row = next(row for row in answer.table.to_pylist() if row["finding"] == "G11.valid")
    assert (row["holds"], row["overridden"]) == (False, True)


@pytest.mark.parametrize(
    "change",
    [
        {"person": "P2"},
        {"move": "T6.done"},
        {"finding": "G11.arranged"},
        {"destination": "third"},
        {"valid_on": date(2026, 6, 9)},
        {"valid_on": date(2026, 6, 11)},
    ],
)
def test_an_override_counts_for_one_person_move_finding_destination_and_day_only(
    evaluate_world, late_check, change
):
    answer = evaluate_world(
        late_check, people=["P1"], overrides=[replace(LATE_CHECK, **change)]
    )
    assert answer.failed_findings("P1") == ("G11.valid",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"approved_by": ("chantal",)}, "two different people"),
        ({"approved_by": ("chantal", "chantal")}, "two different people"),
        ({"approved_by": ("chantal", " Chantal ")}, "two different people"),
        ({"approved_by": ("chantal", "")}, "two different people"),
        ({"approved_by": ("amina", "bilal", "chantal")}, "two different people"),
        ({"approved_by": ()}, "two different people"),
        ({"reason": "  "}, "reason in words"),
        ({"destination": ""}, "destination"),
        ({"finding": "G99.none"}, "no finding"),
        ({"move": "T99.none"}, "no move"),
    ],
)
def test_an_override_that_is_not_sound_is_refused(evaluate_world, late_check, change, said):
    with pytest.raises(Faults, match=said):
        evaluate_world(late_check, people=["P1"], overrides=[replace(LATE_CHECK, **change)])


# ------------------------------------------------------------------ hard findings


@pytest.mark.parametrize("name", ["protected-camp", "voluntary-return"])
def test_every_hard_finding_refuses_every_override(bench, name):
    rulebook = bench.rulebooks[name]
    hard = [key for key, finding in findings_of(rulebook).items() if finding.hard]
    assert len(hard) > 10
    for key in hard:
        faults = override_faults(replace(LATE_CHECK, finding=key), rulebook)
        assert any("overridden by nobody" in fault.found for fault in faults)


def test_proposing_to_override_a_hard_finding_raises(evaluate_world, going_home):
    going_home["person"]["P1"]["fitness_finding"] = "unfit"
    with pytest.raises(Faults, match="overridden by nobody"):
        evaluate_world(
            going_home, people=["P1"], overrides=[replace(LATE_CHECK, finding="G11.not_unfit")]
        )


def as_recorded(override):
    return {
        "seq": 1, "person": override.person, "effective": DAY, "recorded": None,
        "move": override.move, "finding": override.finding,
        "destination": override.destination, "approved_by": list(override.approved_by),
        "reason": override.reason, "valid_on": override.valid_on,
    }  # fmt: skip


def test_an_override_on_record_counts(evaluate_world, late_check):
    answer = evaluate_world(late_check, people=["P1"], recorded=[as_recorded(LATE_CHECK)])
    assert answer.is_open("P1")


def test_an_override_of_a_hard_finding_found_on_record_counts_for_nothing(
    evaluate_world, going_home
):
    going_home["person"]["P1"]["fitness_finding"] = "unfit"
    old = replace(LATE_CHECK, finding="G11.not_unfit")
    answer = evaluate_world(going_home, people=["P1"], recorded=[as_recorded(old)])
    assert "G11.not_unfit" in answer.failed_findings("P1")
    assert not answer.is_open("P1")


def test_a_finding_made_hard_since_takes_the_force_from_old_overrides(
    bench, camp, evaluate_world, late_check
):
    valid = camp.safeguards["G11"].findings["valid"]
    stricter = replace(
        camp,
        safeguards={
            **camp.safeguards,
            "G11": replace(
                camp.safeguards["G11"],
                findings={
                    **camp.safeguards["G11"].findings,
                    "valid": replace(valid, hard=True),
                },
            ),
        },
    )
    answer = evaluate_world(
        late_check, people=["P1"], recorded=[as_recorded(LATE_CHECK)], rulebook=stricter
    )
    assert not answer.is_open("P1")


def test_everybodys_next_steps_honour_the_same_overrides(bench, camp, late_check):
    caseload = bench.caseload(late_check, camp, overrides=[as_recorded(LATE_CHECK)])
    steps = evaluate_all(caseload, on=DAY, engine=bench.engine)
    row = {r["move"]: r for r in steps.table.to_pylist() if r["person"] == "P1"}["T7.done"]
    assert row["open"]


UNNAMED = replace(LATE_CHECK, move="T1.done", finding="G1.resolved", destination=NOWHERE)
"""Somebody's identity is verified, which leads nowhere, although a question is open."""


@pytest.fixture
def arrived(going_home):
    going_home["person"]["P1"].update(
        stage="registered", identity_resolved=False, intended_destination=None,
        intended_pathway=None,
    )  # fmt: skip
    return going_home


@pytest.mark.parametrize(
    ("chosen", "named", "counts"),
    [(None, NOWHERE, True), (None, "origin", False), ("origin", NOWHERE, False), ("origin", "origin", True)],
)  # fmt: skip
def test_a_step_that_leads_nowhere_is_named_so_and_so_only(
    bench, camp, evaluate_world, arrived, chosen, named, counts
):
    arrived["person"]["P1"]["intended_destination"] = chosen
    aside = as_recorded(replace(UNNAMED, destination=named))
    answer = evaluate_world(
        arrived, "T1.done", people=["P1"], destination=None, recorded=[aside]
    )
    assert answer.failed_findings("P1") == (() if counts else ("G1.resolved",))
    caseload = bench.caseload(arrived, camp, overrides=[aside])
    steps = evaluate_all(caseload, on=DAY, engine=bench.engine)
    row = {r["move"]: r for r in steps.table.to_pylist() if r["person"] == "P1"}["T1.done"]
    assert row["open"] is counts


def test_a_hand_over_always_has_a_recipient(camp):
    moves = camp.moves()
    handover = next(move for move in moves.values() if move.pathway == "handover")
    assert leads_to(handover, None) is None
    assert leads_to(moves["T1.done"], None) == NOWHERE


# ------------------------------------------------------------------ no other way in


def test_no_door_of_the_room_has_another_way_to_set_a_finding_aside():
    """The only parameter anywhere that can turn a finding aside is `overrides`."""
    suspicious = ("force", "skip", "ignore", "allow", "bypass", "except", "waive", "unless")
    for name in onward.safeguards.__all__:
        thing = getattr(onward.safeguards, name)
        if inspect.isfunction(thing):
            for parameter in inspect.signature(thing).parameters:
                assert not any(word in parameter for word in suspicious), f"{name}({parameter})"
    assert "overrides" in inspect.signature(evaluate).parameters
    assert "overrides" not in inspect.signature(evaluate_all).parameters


def test_an_answer_cannot_be_changed_after_the_fact(evaluate_world, going_home):
    answer = evaluate_world(going_home, people=["P1"])
    assert isinstance(answer, Evaluation)
    with pytest.raises(AttributeError):
        answer.set_aside = {("P1", "G3.consent"): 0}
