"""Scenario and lever files: what may be said, and what no file can touch."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from onward.errors import Faults
from onward.forecast.scenarios.plan import applied, effects_of, touched
from onward.forecast.scenarios.reader import load_scenario, loads_levers, loads_scenario
from onward.plan import load_plan, plan_draws, plan_effects
from onward.rulebook import load, shipped_path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/meridian"
RULEBOOK = load(shipped_path("protected-camp"))
PLAN = load_plan(EXAMPLE / "plan.yaml", RULEBOOK)
AS_OF = dt.date(2026, 10, 31)


def scenario(changes, kind="choice", more=""):
    text = f"scenario: one\ntitle: One\nkind: {kind}\n{more}changes:\n"
    return loads_scenario(text + "".join(f"  - {c}\n" for c in changes), PLAN, RULEBOOK)


def levers(option):
    text = (
        "title: What we can do\nlevers:\n  one:\n    title: One\n    owner: lead government\n"
        f"    options:\n      - {option}\n"
    )
    return loads_levers(text, PLAN, RULEBOOK)


def refused(read, *args, **more):
    with pytest.raises(Faults) as caught:
        read(*args, **more)
    return str(caught.value)


def effects(one, futures=200):
    then = applied(PLAN, [one])
    draws = plan_draws(then, futures, 1, AS_OF)
    return plan_effects(then, draws, RULEBOOK), effects_of([one], draws, RULEBOOK)


# -- what no file can touch -------------------------------------------------------------------
FORBIDDEN = [
    ("{scales: G3, factor: 2}", "a safeguard"),
    ("{scales: G14.in_force, factor: 2}", "a safeguard"),
    ("{opens: G18.suitable, from: 2027-01-01}", "a safeguard"),
    ("{safeguard: G5, off: true}", "a safeguard"),
    ("{override: G11}", "a safeguard"),
    ("{consent: assumed}", "a person's consent"),
    ("{claims: rejected}", "a person's claim"),
    ("{withdrawal: none}", "a person's withdrawal"),
    ("{complaint: closed}", "a person's complaint"),
    ("{says: everything is safe}", "what people are told"),
    ("{text: go home}", "what people are told"),
    ("{embargo_until: 2026-11-01}", "what people are told"),
    ("{handover: true}", "hand-over"),
    ("{death: 3}", "a death"),
    ("{absence: 20}", "an absence"),
    ("{departures: 500}", "a number of people leaving"),
    ("{residual: 0}", "a number of people leaving"),
    ("{scales: T18, factor: 2}", "part of a hand-over"),
    ("{scales: T20.done, factor: 2}", "part of a hand-over"),
    ("{scales: T9, factor: 0.1}", "only records what people do"),
    ("{scales: T9.withdrawn, factor: 2}", "only records what people do"),
    ("{scales: T22, factor: 2}", "only records what people do"),
    ("{scales: T17.left_unassisted, factor: 2}", "only records what people do"),
    ("{scales: T10.rejected, factor: 2}", "never how they turn out"),
    ("{scales: T11.upheld, factor: 2}", "never how they turn out"),
    ("{scales: T12, factor: 2}", "ends a person's status"),
    ("{scales: T4, factor: 2}", "what the person decides"),
    ("{scales: T4.return, factor: 2}", "what the person decides"),
    ("{scales: T17, factor: 2}", "what the person decides"),
    ("{scales: T5, factor: 2}", "what the person decides"),
    ("{assurance: host_assurance, won: 2027-01-01}", "a hand-over"),
    ("{assurance: host_assurance_revised, won: 2027-01-01}", "a hand-over"),
]


@pytest.mark.parametrize(("change", "why"), FORBIDDEN)
@pytest.mark.parametrize("kind", ["scenario", "lever"])
def test_no_file_touches_what_must_not_be_touched(kind, change, why):
    read = levers if kind == "lever" else lambda c: scenario([f"{c[:-1]}, owner: lead government}}"])  # fmt: skip
    assert why in refused(read, change)


@pytest.mark.parametrize(
    "change",
    [
        "{closes: T17, from: 2027-01-01}",
        "{incident: T3, from: 2027-01-01, days: 20, factor: 0.5}",
        "{assume: deadline strength, at: 2}",
        "{assurance: return_guarantees, lost: 2027-01-15, owner: lead government}",
        "{pledge: canada, withdrawn: true, owner: lead government}",
        "{authority: mandate, ends: 2027-03-01}",
    ],
)
def test_nobody_may_choose_what_can_only_happen(change):
    assert "circumstance" in refused(scenario, [change])
    scenario([change.replace(", owner: lead government", "")], kind="circumstance")


def test_telling_people_is_no_lever_and_moves_nobody_along_a_pathway():
    told = "{tells: mandate_notice, told: 2026-12-01}"
    assert "what people are told" in refused(levers, told)
    scenario([told])
    pushed = "{tells: mandate_notice, told: 2026-12-01, steps: [T6], factor: 1.5}"
    assert "the rest is theirs" in refused(scenario, [pushed])
    chosen = pushed.replace("T6", "T4")
    assert "the person decides" in refused(scenario, [chosen])


def test_only_an_approved_message_is_told_and_not_before_its_embargo():
    # The Kurdish text of the sheet is not approved by anybody.
    assert "nobody has approved" in refused(
        scenario, ["{tells: return_sheet_3, told: 2026-12-01}"]
    )
    assert "embargo" in refused(scenario, ["{tells: canada_briefing, told: 2026-11-20}"])


def test_what_a_person_decides_may_be_slowed_by_what_happens_and_never_sped_up():
    slow = "{scales: T4, factor: 0.5, from: 2027-01-01}"
    scenario([slow], kind="circumstance")
    fast = slow.replace("0.5", "1.5")
    assert "1 or less" in refused(scenario, [fast], kind="circumstance")
    assert "nothing closes" in refused(
        scenario, ["{closes: T4, from: 2027-01-01}"], kind="circumstance"
    )


def test_a_choice_has_an_owner_whom_the_plan_knows():
    bare = "{adds: interview_slot, amount: 30, from: 2027-01-01}"
    assert "missing for a choice" in refused(scenario, [bare])
    owned = "{adds: interview_slot, amount: 30, from: 2027-01-01, owner: the leadership}"
    said = refused(scenario, [owned])
    assert 'no owner or grantor in the plan called "the leadership"' in said
    assert "refugee agency" in said
    scenario([owned.replace("the leadership", "camp management")])


def test_a_lawyer_who_cannot_rely_on_an_assurance_is_not_overruled_by_a_file():
    import dataclasses

    refused_text = dataclasses.replace(
        PLAN.assurances["return_guarantees"],
        conclusion=dataclasses.replace(
            PLAN.assurances["return_guarantees"].conclusion, finding="cannot_rely"
        ),
    )
    plan = dataclasses.replace(
        PLAN, assurances={**PLAN.assurances, "return_guarantees": refused_text}
    )
    text = (
        "scenario: a\ntitle: A\nkind: choice\nchanges:\n"
        "  - {assurance: return_guarantees, won: 2027-01-01, owner: lead government}\n"
    )
    assert "nobody can rely" in refused(loads_scenario, text, plan, RULEBOOK)


# -- faults ------------------------------------------------------------------------------------
def test_every_fault_is_named_at_once_with_its_line():
    text = (
        "scenario: One Two\n"
        "title: A\n"
        "kind: wish\n"
        "changes:\n"
        "  - adds: interview_slots\n"
        "    amount: many\n"
        "    owner: camp management\n"
        "  - {adds: interview_slot, amount: 5, from: 2027-02-30, owner: camp management}\n"
        "  - {scales: T99, factor: 2, owner: camp management}\n"
        "  - {pledge: norway, owner: camp management}\n"
        "  - {closes: [T7], scales: T6}\n"
    )
    with pytest.raises(Faults) as caught:
        loads_scenario(text, PLAN, RULEBOOK, file="s.yaml")
    faults = caught.value.faults
    lines = {fault.where for fault in faults}
    assert {"line 1", "line 3", "line 5", "line 6", "line 8", "line 9", "line 11"} <= lines
    said = str(caught.value)
    for part in (
        'the name "One Two"', "choice or circumstance", "interview_slot", "a number",
        "a date as 2027-11-30", 'no step or capacity called "T99"', "2 changes in one entry",
    ):  # fmt: skip
        assert part in said
    assert all(fault.file == "s.yaml" for fault in faults)


@pytest.mark.parametrize(
    ("change", "kind", "part"),
    [
        ("{adds: interview_slot, from: 2027-01-01, owner: camp management}", "choice", "amount"),
        ("{incident: T3, from: 2027-01-01, factor: 0.5}", "circumstance", "days"),
        ("{closes: T7}", "circumstance", "the day it begins"),
        ("{closes: T7, from: 2027-03-01, until: 2027-02-01}", "circumstance", "before it begins"),
        ("{incident: T3, from: 2027-01-01, days: 9, factor: 2}", "circumstance", "0 to 1"),
        ("{adds: interview_slot, amount: 5, lead_days: 3, owner: camp management}", "choice", "decided"),
        ("{pledge: norway, owner: lead government}", "choice", "nothing changed"),
        ("{action: legal_analysis, chance: 1}", "choice", "work that is done"),
        ("{closes: T7, from: 2027-03-01, cost: {money: 4}}", "circumstance", "no cost"),
    ],
)  # fmt: skip
def test_a_change_that_says_too_little_or_too_much_is_refused(change, kind, part):
    assert part in refused(scenario, [change], kind=kind)


def test_work_towards_a_hand_over_is_not_hurried():
    for name, action in PLAN.actions.items():
        brings = [e.target for e in action.effects if e.kind == "brings"]
        if "host_assurance_revised" in brings:
            said = refused(scenario, [f"{{action: {name}, chance: 1}}"])
            assert "hand-over" in said
            break
    else:
        pytest.fail("the example has no work that brings the host's assurance")


def test_the_shipped_scenarios_are_read():
    files = sorted((EXAMPLE / "scenarios").glob("*.yaml"))
    read = [load_scenario(path, PLAN, RULEBOOK) for path in files]
    assert len(read) >= 6
    assert {one.kind for one in read} == {"choice", "circumstance"}
    assert [one.id for one in read] == [path.stem for path in files]


# -- what a scenario does to the plan ----------------------------------------------------------
def test_a_scenario_leaves_every_other_date_as_it_was_drawn():
    one = scenario(
        ["{adds: interview_slot, amount: 60, per: week, decided: 2026-12-01, "
         "lead_days: {min: 10, likely: 20, max: 40}, owner: camp management}"]
    )  # fmt: skip
    before = plan_effects(PLAN, plan_draws(PLAN, 200, 1, AS_OF), RULEBOOK)
    changed, extra = effects(one)
    assert [e.id for e in changed.effects] == [e.id for e in before.effects]
    for old, new in zip(before.effects, changed.effects, strict=True):
        np.testing.assert_array_equal(old.starts, new.starts)
        np.testing.assert_array_equal(old.ends, new.ends)
    (added,) = extra
    assert (added.kind, added.targets, added.window_days) == ("cap", ("interview_slot",), 7)
    assert ((added.starts >= 31 + 10) & (added.starts <= 31 + 40)).all()
    assert np.unique(added.starts).size > 5


def test_a_closed_border_shuts_steps_for_as_many_days_and_no_record_of_leaving():
    one = scenario(
        ["{closes: [T7, T17], from: 2027-03-01, days: {min: 30, likely: 40, max: 50}}"],
        kind="circumstance",
    )
    (closed,) = effects(one)[1]
    assert closed.closed
    assert closed.kind == "gate"
    assert set(closed.targets) == {"T7.done", "T17.signed", "T17.departed"}
    lasted = closed.ends - closed.starts + 1
    assert lasted.min() >= 30
    assert lasted.max() <= 50


def test_an_assurance_lost_ends_then_and_one_won_begins_then():
    lost = scenario(["{assurance: return_guarantees, lost: 2027-01-15}"], kind="circumstance")
    gate = {e.id: e for e in effects(lost)[0].effects}["return_guarantees/gate"]
    assert (gate.ends == (dt.date(2027, 1, 15) - AS_OF).days).all()
    won = scenario(
        ["{assurance: return_guarantees_written, won: 2027-02-01, owner: lead government}"]
    )
    gate = {e.id: e for e in effects(won)[0].effects}["return_guarantees_written/gate"]
    # Whatever the plan's own work would have brought, and when.
    assert (gate.starts == (dt.date(2027, 2, 1) - AS_OF).days).all()


def test_places_come_in_other_numbers_and_on_another_day():
    one = scenario(
        ["{pledge: canada, places: 60, from: 2027-03-01, chance: 1, owner: lead government}"]
    )
    caps = {e.id: e for e in effects(one)[0].effects if e.source == "canada"}
    assert sum(e.values[0] for e in caps.values()) == 60
    first = min(e.starts.min() for e in caps.values())
    assert first == (dt.date(2027, 3, 1) - AS_OF).days
    assert all(np.isfinite(e.starts).all() for e in caps.values())
    gone = scenario(["{pledge: canada, withdrawn: true}"], kind="circumstance")
    caps = [e for e in effects(gone)[0].effects if e.source == "canada"]
    assert all(np.isinf(e.starts).all() for e in caps)


def test_work_is_dropped_or_made_sure():
    dropped = scenario(["{action: exit_renewal, dropped: true}"], kind="circumstance")
    draws = plan_draws(applied(PLAN, [dropped]), 200, 1, AS_OF)
    assert np.isinf(draws.finishes["exit_renewal"]).all()
    sure = scenario(["{action: exit_renewal, chance: 1}"])
    draws = plan_draws(applied(PLAN, [sure]), 200, 1, AS_OF)
    assert np.isfinite(draws.finishes["exit_renewal"]).all()


def test_every_step_a_scenario_speaks_of_is_simulated_in_all():
    one = scenario(["{closes: [T13], from: 2027-01-01}"], kind="circumstance")
    assert touched([one], PLAN, RULEBOOK) == {"T13.done"}


def test_costs_add_up_over_the_changes():
    one = scenario(
        [
            "{adds: interview_slot, amount: 6, owner: camp management, cost: {money: 10, staff: 1}}",
            "{adds: rsd_decision, amount: 6, owner: refugee agency, cost: {money: 5}}",
        ]
    )
    assert one.cost == {"money": 15, "staff": 1}
    assert one.owners == ("camp management", "refugee agency")
