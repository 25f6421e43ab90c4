"""The caseload as of a date, as known at an instant: what a caseworker relies on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
import sqlglot

from onward.caseload.fold import fold
from onward.caseload.fold_plan import FoldPlan
from onward.caseload.moment import Moment
from onward.caseload.table import column_faults, events_table
from onward.rulebook import load, shipped_path


def person(caseload, id_):
    (row,) = [row for row in caseload.people.to_pylist() if row["id"] == id_]
    return row


def test_a_registered_person_starts_where_the_rulebook_says(log):
    log.register("P1", "2025-01-01", sex="female", birth="1990", household="H1")
    found = person(log.fold("2025-01-02"), "P1")
    assert (found["legal"], found["stage"], found["place"]) == (
        "gc4_protected", "registered", "in_camp",
    )  # fmt: skip
    assert found["registered_on"] == found["stage_since"] == date(2025, 1, 1)
    assert found["active"]
    assert found["forecast_state"] == "not_counselled"
    assert (found["birth_first"], found["birth_last"]) == (date(1990, 1, 1), date(1990, 12, 31))


def test_nobody_is_here_before_they_were_registered(log):
    log.register("P1", "2025-01-02")
    assert log.fold("2025-01-01").people.num_rows == 0


def test_a_person_already_further_on_starts_there(log):
    log.register("P1", legal="refugee", stage="submitted")
    found = person(log.fold("2025-01-01"), "P1")
    assert (found["legal"], found["stage"], found["forecast_state"]) == (
        "refugee", "submitted", "submitted",
    )  # fmt: skip


def test_a_step_moves_its_axes_and_no_other_and_may_carry_facts(log):
    log.register("P1")
    log.move("P1", "T9.lodged", "2025-02-01")
    log.move("P1", "T1.done", "2025-02-02", identity_resolved=True)
    found = person(log.fold("2025-02-02"), "P1")
    assert (found["legal"], found["stage"], found["place"]) == (
        "asylum_seeker", "verified", "in_camp",
    )  # fmt: skip
    assert found["identity_resolved"] is True
    assert found["process_rsd"] is True
    assert person(log.fold("2025-02-01"), "P1")["stage"] == "registered"


def test_processes_open_and_close_beside_one_another(log):
    log.register("P1", stage="interviewed", legal="asylum_seeker")
    log.move("P1", "T4.protection", "2025-02-01")
    log.move("P1", "T9.lodged", "2025-02-02")
    log.move("P1", "T10.recognised", "2025-03-01")
    before, after = person(log.fold("2025-02-28"), "P1"), person(log.fold("2025-03-01"), "P1")
    assert (before["process_rsd"], before["process_renunciation"]) == (True, True)
    assert (after["process_rsd"], after["process_renunciation"]) == (False, True)


def test_a_deferral_does_not_start_the_wait_again(log):
    log.register("P1", stage="intent_resettlement", legal="refugee")
    log.move("P1", "T14.done", "2025-02-01")
    log.move("P1", "T15.deferred", "2025-05-01")
    assert person(log.fold("2025-06-01"), "P1")["stage_since"] == date(2025, 2, 1)


def test_what_is_not_said_is_not_known_and_what_is_said_unknown_is_unknown_again(log):
    log.register("P1", sex="male", capacity_doubted=False)
    log.say("P1", "2025-02-01", capacity_doubted=None, sex=None)
    before, after = person(log.fold("2025-01-31"), "P1"), person(log.fold("2025-02-01"), "P1")
    assert (before["sex"], before["capacity_doubted"], before["birth_first"]) == (
        "male", False, None,
    )  # fmt: skip
    assert (after["sex"], after["capacity_doubted"]) == (None, None)


def test_a_fact_with_a_partial_date_is_unknown_until_it_must_have_happened(log):
    log.register("P1", fear_asked=False)
    log.say("P1", "2025-03", fear_asked=True)
    answers = [person(log.fold(day), "P1")["fear_asked"] for day in
               ("2025-02-28", "2025-03-01", "2025-03-30", "2025-03-31")]  # fmt: skip
    assert answers == [False, None, None, True]


def test_a_step_with_a_partial_date_counts_from_the_last_day_it_can_mean(log):
    log.register("P1")
    log.move("P1", "T1.done", "2025-03")
    assert person(log.fold("2025-03-30"), "P1")["stage"] == "registered"
    found = person(log.fold("2025-03-31"), "P1")
    assert (found["stage"], found["stage_since"]) == ("verified", date(2025, 3, 31))


def test_a_correction_stands_in_place_of_what_it_corrects(log):
    log.register("P1")
    wrong = log.move("P1", "T4.return", "2025-02-01", intended_pathway="return")
    log.add("T4.resettlement", ("person", "P1"), "2025-02-03", supersedes=wrong,
            intended_pathway="resettlement")  # fmt: skip
    assert person(log.fold("2025-02-02"), "P1")["stage"] == "registered"
    found = person(log.fold("2025-02-03"), "P1")
    assert (found["stage"], found["intended_pathway"]) == (
        "intent_resettlement", "resettlement",
    )  # fmt: skip


def test_a_correction_of_a_correction_does_not_bring_the_first_mistake_back(log):
    log.register("P1")
    first = log.say("P1", "2025-02-01", sex="male")
    second = log.add("recorded", ("person", "P1"), "2025-02-01", supersedes=first, sex="female")
    third = log.add("recorded", ("person", "P1"), "2025-02-01", supersedes=second, sex="other")
    assert person(log.fold("2025-03-01"), "P1")["sex"] == "other"
    log.retract(third)
    assert person(log.fold("2025-03-01"), "P1")["sex"] is None


def test_as_known_then_a_later_correction_is_not_seen(log):
    log.register("P1")
    wrong = log.say("P1", "2025-02-01", sex="male")
    then = datetime(2025, 6, 1, tzinfo=UTC)
    log.add("recorded", ("person", "P1"), "2025-02-01", supersedes=wrong, sex="female",
            recorded=then + timedelta(days=1))  # fmt: skip
    assert person(log.fold("2025-07-01", known_at=then), "P1")["sex"] == "male"
    assert person(log.fold("2025-07-01"), "P1")["sex"] == "female"


def test_a_late_record_of_an_early_day_takes_its_place_by_the_day(log):
    log.register("P1")
    log.move("P1", "T1.done", "2025-01-10")
    log.move("P1", "T2.done", "2025-01-20")
    log.say("P1", "2025-01-15", sex="female")
    log.say("P1", "2025-01-12", sex="male")
    assert person(log.fold("2025-02-01"), "P1")["sex"] == "female"


def test_a_merged_record_is_the_other_person_and_its_steps_are_theirs(log):
    log.register("P1", "2025-01-01", sex="female")
    log.move("P1", "T1.done", "2025-01-05")
    log.register("P2", "2025-02-01", language="fa")
    log.add("recorded", ("consent", "K1"), "2025-02-02", person="P2", pathway="return")
    log.merge("P2", "P1", "2025-03-01")
    caseload = log.fold("2025-03-01")
    assert caseload.people["id"].to_pylist() == ["P1"]
    found = person(caseload, "P1")
    assert (found["sex"], found["language"]) == ("female", "fa")
    # Having been registered a second time starts nobody again.
    assert (found["stage"], found["registered_on"]) == ("verified", date(2025, 1, 1))
    assert caseload.tables["consent"]["person"].to_pylist() == ["P1"]
    assert log.fold("2025-02-28").people.num_rows == 2


def test_a_chain_of_merges_ends_at_one_person(log):
    for number in range(1, 8):
        log.register(f"P{number}")
    for number in range(1, 7):
        log.merge(f"P{number}", f"P{number + 1}", "2025-02-01")
    assert log.fold("2025-02-01").people["id"].to_pylist() == ["P7"]


def test_records_merged_in_a_circle_are_left_as_they_are_so_that_nobody_is_lost(log):
    for name in ("P1", "P2", "P3"):
        log.register(name)
    log.merge("P1", "P2", "2025-02-01")
    log.merge("P2", "P1", "2025-02-01")
    log.merge("P3", "P1", "2025-02-01")
    assert log.fold("2025-03-01").people["id"].to_pylist() == ["P1", "P2", "P3"]


def test_a_complaint_about_somebody_unknown_touches_everybody_and_does_not_vanish(log):
    log.register("P1")
    log.add("recorded", ("complaint", "C1"), "2025-02-01", person="P77", category="coercion")
    (complaint,) = log.fold("2025-02-01").tables["complaint"].to_pylist()
    assert complaint["person"] is None
    assert complaint["triaged"] is False


def test_somebody_spoken_of_but_never_registered_is_not_lost(log):
    log.say("P9", "2025-02-01", sex="female")
    found = person(log.fold("2025-02-01"), "P9")
    assert (found["sex"], found["stage"], found["active"], found["registered_on"]) == (
        "female", None, None, None,
    )  # fmt: skip


def test_a_household_known_only_by_its_members_exists(log):
    log.register("P1", household="H1", site="S1")
    caseload = log.fold("2025-02-01")
    assert caseload.households.to_pylist() == [
        {"id": "H1", "roster_size": None, "first_on": None}
    ]
    assert person(caseload, "P1")["household"] == "H1"


def test_an_ended_stage_ends_activity(log):
    log.register("P1", stage="return_cleared")
    log.move("P1", "T7.done", "2025-02-01")
    found = person(log.fold("2025-02-01"), "P1")
    assert (found["active"], found["unit"], found["forecast_state"]) == (
        False, None, "returned",
    )  # fmt: skip


def test_a_movement_against_the_rules_and_its_breach_are_recorded(log):
    log.register("P1")
    log.move("P1", "T20.done", "2025-02-01")
    log.add("breach", ("person", "P1"), "2025-02-01", move="T20.done", safeguards=["G5", "G14"],
            severity=1)  # fmt: skip
    caseload = log.fold("2025-02-01")
    assert person(caseload, "P1")["stage"] == "transferred"
    (breach,) = caseload.tables["breach"].to_pylist()
    assert (breach["person"], breach["safeguards"], breach["severity"]) == (
        "P1", ["G5", "G14"], 1,
    )  # fmt: skip


def test_sets_of_codes_texts_and_numbers_come_back_as_they_went_in(log):
    log.register(
        "P1", specific_needs=["TR", "DS"], categories=[], intended_destination="O'Brien"
    )
    log.add("recorded", ("household", "H1"), "2025-01-01", roster_size=0)
    log.add("recorded", ("incident", "I1"), "2025-01-01", severity=1, happened_on="2024-12-31")
    caseload = log.fold("2025-01-01")
    found = person(caseload, "P1")
    assert (found["specific_needs"], found["categories"], found["intended_destination"]) == (
        ["DS", "TR"], [], "O'Brien",
    )  # fmt: skip
    assert caseload.households["roster_size"].to_pylist() == [0]
    assert caseload.tables["incident"]["happened_on"].to_pylist() == [date(2024, 12, 31)]


def test_the_columns_are_of_the_types_that_are_promised(log):
    schema = log.fold("2025-01-01").people.schema
    assert schema.field("sex").type == pa.string()
    assert schema.field("identity_resolved").type == pa.bool_()
    assert schema.field("arrived_on").type == pa.date32()
    assert schema.field("birth_first").type == schema.field("stage_since").type == pa.date32()
    assert schema.field("specific_needs").type == pa.list_(pa.string())
    assert log.fold("2025-01-01").households.schema.field("roster_size").type == pa.int64()


def test_an_age_that_a_partial_birth_date_leaves_open_is_unknown(log):
    log.register("P1", birth="2007")
    log.register("P2", birth="2006")
    log.register("P3", birth="2010-05-05")
    log.register("P4")
    adults = [person(log.fold("2025-06-01"), f"P{n}")["adult"] for n in (1, 2, 3, 4)]
    assert adults == [None, True, False, None]


def test_folding_in_small_batches_gives_the_same_tables(log):
    for number in range(12):
        log.register(f"P{number:02d}", household=f"H{number // 3}", birth="1990")
        log.move(f"P{number:02d}", "T1.done", "2025-01-05")
        log.add(
            "recorded", ("consent", f"K{number:02d}"), "2025-01-05", person=f"P{number:02d}"
        )
    log.merge("P11", "P00", "2025-01-06")
    log.merge("P01", "P10", "2025-01-06")
    whole, parts = log.fold("2025-02-01"), log.fold("2025-02-01", batch_cells=120)
    for kind, table in whole.tables.items():
        assert parts.tables[kind].equals(table), kind
    assert parts.units.equals(whole.units)


class HandsBackDisordered:
    """An engine that gives the rows of every table backwards, as threads may for large ones."""

    def __init__(self, engine):
        self._engine = engine

    def run(self, stages, inputs, outputs):
        found = self._engine.run(stages, inputs, outputs)
        return {
            name: table.take(pa.array(range(len(table) - 1, -1, -1), pa.int64()))
            for name, table in found.items()
        }


@pytest.mark.parametrize("batch_cells", [120, 10_000_000])
def test_the_fold_does_not_depend_on_the_order_in_which_an_engine_gives_rows(log, batch_cells):
    for number in range(12):
        log.register(f"P{number:02d}", household=f"H{number // 3}", birth="1990")
        log.add(
            "recorded", ("consent", f"K{number:02d}"), "2025-01-05", person=f"P{number:02d}"
        )
    log.merge("P11", "P00", "2025-01-06")
    expected = log.fold("2025-02-01")
    found = fold(
        events_table(log.events, log.rulebook),
        log.rulebook,
        as_of=date(2025, 2, 1),
        engine=HandsBackDisordered(log.engine),
        batch_cells=batch_cells,
    )
    for kind, table in expected.tables.items():
        assert found.tables[kind].equals(table), kind
    assert found.units.equals(expected.units)


@pytest.mark.parametrize("name", ["protected-camp", "voluntary-return"])
def test_a_kind_nobody_spoke_of_has_the_table_its_stages_would_give(name, log):
    rulebook = load(shipped_path(name))
    events = events_table([], rulebook)
    plan = FoldPlan(rulebook, Moment(date(2026, 1, 1)))
    by_stages = log.engine.run(plan.all_stages(), plan.inputs(events), plan.outputs)
    found = fold(events, rulebook, as_of=date(2026, 1, 1), engine=log.engine)
    for kind in rulebook.kinds:
        assert found.tables[kind].schema.equals(by_stages[kind].schema), kind
    assert list(found.tables) == [*rulebook.kinds, "breach", "override"]


@pytest.mark.parametrize("batch_cells", [120, 10_000_000])
def test_few_statements_fold_as_the_stages_printed_one_by_one(log, batch_cells):
    for number in range(12):
        log.register(f"P{number:02d}", household=f"H{number // 3}", birth="1990")
        log.move(f"P{number:02d}", "T1.done", "2025-01-05")
        log.add(
            "recorded", ("consent", f"K{number:02d}"), "2025-01-05", person=f"P{number:02d}"
        )
    log.merge("P11", "P00", "2025-01-06")
    rulebook, events = log.shipped, events_table(log.events, log.shipped)
    found = fold(
        events, rulebook, as_of=date(2025, 2, 1), engine=log.engine, batch_cells=batch_cells
    )
    plan = FoldPlan(rulebook, Moment(date(2025, 2, 1)))
    shown = {
        result.stage.name: result.first
        for result in log.engine.trace(plan.all_stages(), plan.inputs(events), rows=1000)
    }
    for kind in rulebook.kinds:
        table = shown[kind].sort_by("id") if len(shown[kind]) else shown[kind]
        assert found.tables[kind].equals(table), kind
    assert len(found.people) == 11


def test_the_instant_needs_a_time_zone(log):
    with pytest.raises(ValueError, match="time zone"):
        log.fold("2025-01-01", known_at=datetime(2025, 1, 1))  # noqa: DTZ001


def test_every_stage_can_be_read_by_the_cluster(log):
    stages = FoldPlan(log.shipped, Moment(date(2025, 1, 1), datetime.now(UTC))).all_stages()
    assert len({stage.name for stage in stages}) == len(stages)
    for stage in stages:
        (spark,) = sqlglot.transpile(stage.sql, read="duckdb", write="spark")
        assert sqlglot.parse_one(spark, read="spark"), stage.name
        assert "QUALIFY" not in spark


def test_every_stage_can_be_printed_one_by_one(log):
    log.register("P1", household="H1")
    plan = FoldPlan(log.rulebook, Moment(date(2025, 1, 1)))
    inputs = plan.inputs(events_table(log.events, log.rulebook))
    shown = {r.stage.name: r.rows for r in log.engine.trace(plan.all_stages(), inputs)}
    assert shown["person"] == shown["person_heard"] == shown["unit"] == 1
    assert shown["corrected"] == 0


def test_no_shipped_rulebook_has_two_meanings_for_one_column(log):
    assert column_faults(log.shipped) == []
