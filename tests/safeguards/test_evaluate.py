"""Who may take a step, who may not, and why."""

from __future__ import annotations

from datetime import date

import pytest

from onward.errors import Faults

UNIT = {"P1": "H1-origin", "P2": "H1-origin"}


def test_a_unit_is_open_when_every_member_is(evaluate_world, both_going_home):
    answer = evaluate_world(both_going_home, units_of=UNIT)
    assert answer.open_units == ("H1-origin",)
    assert answer.is_open("P1")
    assert answer.reasons("P1") == []


def test_a_unit_is_closed_when_one_member_is(evaluate_world, both_going_home):
    both_going_home["person"]["P2"]["fitness_finding"] = None
    answer = evaluate_world(both_going_home, units_of=UNIT)
    assert answer.open_units == ()
    assert answer.open_people == ("P1",)
    assert not answer.is_open("P1")


def test_asking_about_one_member_asks_about_the_whole_unit(evaluate_world, both_going_home):
    both_going_home["person"]["P2"]["fitness_finding"] = "unfit"
    answer = evaluate_world(both_going_home, units_of=UNIT, people=["P1"])
    assert answer.answers["person"].to_pylist() == ["P1", "P2"]
    assert not answer.is_open("P1")


def test_the_table_has_one_row_per_person_and_finding(evaluate_world, going_home):
    answer = evaluate_world(going_home, people=["P1"])
    rows = answer.table.to_pylist()
    assert [row["finding"] for row in rows] == [finding.key for finding in answer.findings]
    assert all(row["holds"] is True and row["overridden"] is False for row in rows)


def test_an_evaluation_says_what_it_was_judged_by(evaluate_world, going_home, camp):
    answer = evaluate_world(going_home, people=["P1"])
    assert (answer.rulebook_hash, answer.on, answer.at) == (
        camp.hash, date(2026, 6, 10), "movement",
    )  # fmt: skip
    assert answer.floor_hash == camp.floor_hash


# ------------------------------------------------------------------ decision and movement


def test_a_movement_answers_for_every_step_on_its_path_and_always_for_three(
    evaluate_world, going_home
):
    moved = evaluate_world(going_home, at="movement").findings
    decided = evaluate_world(going_home, at="decision").findings
    asked = {finding.safeguard for finding in moved}
    assert {finding.safeguard for finding in decided} == {"G3", "G6", "G17"}
    assert asked == {"G1", "G2", "G3", "G5", "G6", "G8", "G9", "G10", "G11", "G12", "G15", "G17", "G19"}  # fmt: skip


def test_a_step_that_leaves_a_place_is_asked_at_movement_unless_told_otherwise(
    evaluate_world, going_home
):
    assert evaluate_world(going_home, "T7.done").at == "movement"
    assert evaluate_world(going_home, "T5.done").at == "decision"


def test_the_reconfirmation_is_asked_only_on_the_day(evaluate_world, going_home):
    del going_home["interview"]["I2"]
    assert not evaluate_world(going_home).is_open("P1")
    assert evaluate_world(going_home, at="decision").is_open("P1")


# ------------------------------------------------------------------ destinations


def test_a_destination_is_each_persons_own_choice_unless_named(evaluate_world, going_home):
    own = evaluate_world(going_home, people=["P1"])
    assert own.answers["destination"].to_pylist() == ["origin"]
    assert own.is_open("P1")
    other = evaluate_world(going_home, people=["P1"], destination="third")
    assert {"G3.consent", "G6.passed", "G8.together"} <= set(other.failed_findings("P1"))


def test_a_consent_for_one_destination_opens_no_other(evaluate_world, going_home):
    going_home["consent"]["C1"]["destination"] = "third"
    assert "G3.consent" in evaluate_world(going_home).failed_findings("P1")


NASTY = "'; DROP TABLE kind_person; --"


def test_a_destination_that_looks_like_sql_is_only_a_destination(evaluate_world, going_home):
    for kind, rows in going_home.items():
        for row in rows.values():
            for column, value in row.items():
                if value == "origin" and kind != "destination":
                    row[column] = NASTY
    going_home["destination"] = {
        NASTY: {"id": NASTY, "information_updated_on": date(2026, 1, 15)}
    }
    going_home["person"]["P1"]["country_of_origin"] = "origin"
    answer = evaluate_world(going_home, people=["P1"])
    assert answer.is_open("P1")
    assert all("DROP" not in stage.sql for stage in answer.stages)
    named = evaluate_world(going_home, people=["P1"], destination=NASTY)
    assert named.is_open("P1")
    assert all("DROP" not in stage.sql for stage in named.stages)


# ------------------------------------------------------------------ a step out of turn


def test_a_step_that_does_not_follow_is_never_open_and_says_so_apart(
    evaluate_world, going_home
):
    going_home["person"]["P1"]["stage"] = "counselled"
    answer = evaluate_world(going_home, people=["P1"])
    assert answer.failed_findings("P1") == ()
    assert not answer.is_open("P1")
    (reason,) = answer.reasons("P1")
    assert reason.safeguard == "sequence"
    assert "Cleared for return" in reason.sentence


def test_a_person_whose_stage_is_unknown_has_no_next_step(evaluate_world, going_home):
    going_home["person"]["P1"]["stage"] = None
    answer = evaluate_world(going_home, people=["P1"])
    assert not answer.is_open("P1")
    assert answer.reasons("P1")[0].status == "unknown"


# ------------------------------------------------------------------ hand-over


def handover(bench):
    situation = next(
        s for s in bench.situations["protected-camp"] if s.opens and s.step == "T20.done"
    )
    return bench.world(situation), situation


def test_a_hand_over_can_be_open_when_every_safeguard_holds(bench, evaluate_world):
    world, situation = handover(bench)
    answer = evaluate_world(
        world, "T20.done", on=situation.on, destination=situation.destination, people=["P1"]
    )
    assert answer.is_open("P1")


def test_nobody_chooses_a_hand_over_so_without_a_recipient_it_stays_shut(bench, evaluate_world):
    world, situation = handover(bench)
    world["person"]["P1"]["intended_destination"] = situation.destination
    answer = evaluate_world(world, "T20.done", on=situation.on, people=["P1"])
    assert answer.answers["destination"].to_pylist() == [None]
    assert not answer.is_open("P1")
    assert "G14.in_force" in answer.failed_findings("P1")


def test_not_engaging_opens_no_hand_over(evaluate_world, going_home):
    going_home["person"]["P1"]["stage"] = "not_engaging"
    for step in ("T18.proposed", "T18.assessed", "T19.notified", "T19.cleared", "T20.done"):
        answer = evaluate_world(going_home, step, destination="host", people=["P1"])
        assert not answer.is_open("P1")
        assert answer.reasons("P1")


def test_an_expired_assurance_shuts_the_hand_over(bench, evaluate_world):
    world, situation = handover(bench)
    for row in world["assurance"].values():
        row["valid_to"] = date(2026, 1, 1)
    answer = evaluate_world(
        world, "T20.done", on=situation.on, destination=situation.destination, people=["P1"]
    )
    assert answer.failed_findings("P1") == ("G14.in_force",)


# ------------------------------------------------------------------ after departure


def test_a_grave_incident_pauses_pending_moves_to_that_recipient(evaluate_world, going_home):
    going_home["incident"] = {
        "N1": {
            "id": "N1",
            "person": "P9",
            "destination": "origin",
            "severity": 1,
            "reviewed": False,
        }
    }
    paused = evaluate_world(going_home, people=["P1"])
    assert paused.failed_findings("P1") == ("G6.incidents_reviewed", "G17.incidents_reviewed")
    elsewhere = {**going_home["incident"]["N1"], "destination": "third"}
    going_home["incident"] = {"N1": elsewhere}
    assert evaluate_world(going_home, people=["P1"]).is_open("P1")
    going_home["incident"] = {"N1": {**elsewhere, "destination": None}}
    assert not evaluate_world(going_home, people=["P1"]).is_open("P1")
    going_home["incident"]["N1"] |= {"destination": "origin", "reviewed": True}
    assert evaluate_world(going_home, people=["P1"]).is_open("P1")


def test_a_complaint_that_names_nobody_touches_everybody(evaluate_world, going_home):
    going_home["complaint"] = {"X1": {"id": "X1", "category": "coercion", "triaged": False}}
    assert evaluate_world(going_home, people=["P1"]).failed_findings("P1") == ("G17.triaged",)
    going_home["complaint"]["X1"]["person"] = "P9"
    assert evaluate_world(going_home, people=["P1"]).is_open("P1")


# ------------------------------------------------------------------ reasons


def missing(answer, person="P1"):
    return {
        (fact.kind, fact.column, fact.status)
        for reason in answer.reasons(person)
        for fact in reason.missing
    }


def test_a_reason_carries_the_sentence_the_remedy_and_whose_job_it_is(
    evaluate_world, going_home, camp
):
    going_home["person"]["P1"]["fitness_finding"] = "unfit"
    (reason, *_) = evaluate_world(going_home, people=["P1"]).reasons("P1")
    finding = camp.safeguards["G11"].findings["not_unfit"]
    assert reason.finding == "G11.not_unfit"
    assert (reason.sentence, reason.remedy) == (finding.sentence, finding.remedy)
    assert (reason.owner, reason.owner_role) == ("operation", "medical")
    assert (reason.hard, reason.status) == (True, "false")
    assert reason.source == camp.safeguards["G11"].source


@pytest.mark.parametrize(
    ("kind", "row", "column", "value", "said"),
    [
        ("person", "P1", "identity_resolved", None, ("person", "identity_resolved", "unknown")),
        ("person", "P1", "open_duplicate", True, ("person", "open_duplicate", "false")),
        ("consent", "C1", "pressure", None, ("consent", "pressure", "unknown")),
        ("consent", "C1", "withdrawn", True, ("consent", "withdrawn", "false")),
        ("consent", "C1", "signed_on", date(2025, 1, 1), ("consent", "signed_on", "false")),
        ("sheet", "S1", "current", False, ("sheet", "current", "false")),
        ("document", "D2", "valid_to", date(2026, 6, 1), ("document", "valid_to", "false")),
        ("assessment", "A1", "finding", None, ("assessment", "finding", "unknown")),
        ("destination", "origin", "information_updated_on", None,
         ("destination", "information_updated_on", "unknown")),
        ("person", "P2", "intended_pathway", None, ("person", "intended_pathway", "unknown")),
        ("household", "H1", "roster_size", None, ("household", "roster_size", "unknown")),
        ("person", "P1", "birth", None, ("person", "birth", "unknown")),
    ],
)  # fmt: skip
def test_a_reason_names_the_one_fact_that_is_missing_or_false(
    evaluate_world, going_home, kind, row, column, value, said
):
    going_home[kind][row][column] = value
    if column == "birth":
        going_home["person"]["P1"]["child_situation"] = None
    answer = evaluate_world(going_home, people=["P1"])
    assert not answer.is_open("P1")
    assert said in missing(answer)


def test_the_nearest_row_is_the_one_explained(evaluate_world, going_home):
    """Two consents: an old one for staying, and one that only lacks a private room."""
    going_home["consent"]["C1"]["in_private"] = None
    going_home["consent"]["C0"] = {
        **going_home["consent"]["C1"], "id": "C0", "pathway": "stay", "informed": False, "signed_on": date(2024, 1, 1),
    }  # fmt: skip
    (reason,) = evaluate_world(going_home, people=["P1"]).reasons("P1")
    assert [(fact.row, fact.column) for fact in reason.missing] == [("C1", "in_private")]
    assert reason.missing[0].label == "Given in private"


def test_when_nothing_is_on_record_the_reason_says_so(evaluate_world, going_home):
    going_home["consent"].clear()
    (reason,) = evaluate_world(going_home, people=["P1"]).reasons("P1")
    assert [fact.label for fact in reason.missing] == [
        "Consent to one pathway and destination: none on record"
    ]


def test_a_member_of_unknown_household_is_named_as_the_reason(evaluate_world, going_home):
    going_home["person"]["P3"] = {"id": "P3", "stage": "registered"}
    (reason,) = evaluate_world(going_home, people=["P1"]).reasons("P1")
    assert reason.finding == "G8.together"
    assert ("P3", "household") in {(fact.row, fact.column) for fact in reason.missing}


def test_no_reason_shows_the_value_of_a_fact(evaluate_world, going_home):
    going_home["person"]["P1"]["intended_destination"] = "a-secret-place"
    for reason in evaluate_world(going_home, people=["P1"]).reasons("P1"):
        assert "a-secret-place" not in repr(reason)


# ------------------------------------------------------------------ mistakes


def test_a_move_unit_or_person_that_does_not_exist_is_refused(evaluate_world, going_home):
    with pytest.raises(Faults, match=r'no move "T99\.done"'):
        evaluate_world(going_home, "T99.done")
    with pytest.raises(Faults, match="no person Dawit"):
        evaluate_world(going_home, people=["Dawit"])
    with pytest.raises(Faults, match="no unit U9"):
        evaluate_world(going_home, units=["U9"])
