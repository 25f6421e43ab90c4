"""Doubts about the record are listed, never acted on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from onward.caseload import ambiguous_moves, events_table, forecast_faults, forecast_moves
from onward.caseload import quality_flags as flags_of
from onward.caseload.flags import FLAGS
from onward.caseload.moves import forecast_state, reachable


def flags(log, day="2025-06-01"):
    table = events_table(log.events, log.rulebook)
    found = flags_of(table, log.rulebook, as_of=date.fromisoformat(day), engine=log.engine)
    rows = found.to_pylist()
    assert {row["flag"] for row in rows} <= set(FLAGS)
    return {(row["flag"], row["id"], row["seq"], row["column"]) for row in rows}


def test_a_sound_record_raises_no_doubt(log):
    log.add("recorded", ("household", "H1"), "2025-01-01", roster_size=1)
    log.register("P1", household="H1")
    log.move("P1", "T1.done", "2025-01-02")
    log.move("P1", "T2.done", "2025-01-03")
    log.add("recorded", ("consent", "K1"), "2025-01-04", person="P1", pathway="return")
    assert flags(log) == set()


def test_what_does_not_fit_is_flagged(log):
    log.register("P1", household="H1")
    step = log.move("P1", "T7.done", "2025-01-02")
    early = log.move("P2", "T1.done", "2025-01-02")
    log.register("P2", "2025-01-05")
    twice = log.register("P2", "2025-01-06")
    log.say("P3", "2025-01-06", sex="female")
    log.add("recorded", ("complaint", "C1"), "2025-01-06", person="P77")
    assert flags(log) == {
        ("out_of_sequence", "P1", step.seq, "T7.done"),
        ("before_registration", "P2", early.seq, "T1.done"),
        ("registered_twice", "P2", twice.seq, None),
        ("never_registered", "P3", None, None),
        ("unknown_reference", "C1", None, "person"),
        ("known_by_members_only", "H1", None, None),
        ("roster_unknown", "H1", None, "roster_size"),
    }


def test_rosters_corrections_and_merges_that_do_not_fit(log):
    log.add("recorded", ("household", "H1"), "2025-01-01", roster_size=3)
    log.register("P1", household="H1")
    log.register("P2")
    wrong = log.say("P1", "2025-01-02", sex="male")
    log.add("recorded", ("person", "P1"), "2025-01-02", supersedes=wrong, sex="female")
    log.add("recorded", ("person", "P1"), "2025-01-02", supersedes=wrong, sex="other")
    log.merge("P1", "P2", "2025-02-01")
    log.merge("P2", "P1", "2025-02-01")
    assert flags(log) == {
        ("roster_mismatch", "H1", None, "roster_size"),
        ("corrected_twice", None, wrong.seq, None),
        ("merge_circle", "P1", None, None),
        ("merge_circle", "P2", None, None),
    }


def test_what_the_rulebook_does_not_declare_is_kept_and_said(log):
    event = log.register("P1", shoe_size=41)
    assert flags(log) == {("not_in_rulebook", None, event.seq, "shoe_size")}
    assert log.fold("2025-02-01").people.num_rows == 1


def test_forecast_moves_are_read_off_the_axes(log):
    steps = {(s.from_state, s.move, s.to_state) for s in forecast_moves(log.shipped)}
    assert ("counselled", "T3.held", "interviewed") in steps
    assert ("wants_return", "T9.lodged", "wants_return") in steps
    assert ("wants_protection", "T9.lodged", "claim_pending") in steps
    assert ("returned", "T22.deceased", "deceased") in steps
    assert not [s for s in steps if s[1] == "T7.done" and s[0] != "return_cleared"]
    # No recorded refusal leads into a hand-over.
    assert not [s for s in steps if s[1].startswith("T3") and s[2] == "in_handover"]


def test_every_reachable_person_is_in_some_forecast_state(log):
    assert forecast_faults(log.shipped) == []
    for axes in reachable(log.shipped):
        assert forecast_state(axes, log.shipped)


def test_a_map_that_loses_somebody_is_a_fault_and_one_that_splits_is_said(log):
    states = dict(log.shipped.forecast_states)
    states.pop("counselled")
    faults = forecast_faults(replace(log.shipped, forecast_states=states))
    assert any("stage counselled" in fault.found for fault in faults)
    several = ambiguous_moves(log.shipped)
    assert all(len(ends) > 1 for ends in several.values())
    assert ("counselled", "T3.held") not in several
