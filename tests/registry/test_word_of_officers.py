"""What officers decided at the desk holds for whoever places the operation, at a terminal too."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from onward.caseload import Subject, new_event
from onward.cli.place import app
from onward.errors import Faults
from onward.registry.planning import adopt_plan

PLAN = """plan: camp
title: Our camp
version: "1"
as_of: 2026-06-01
rulebook: protected-camp
languages: [fa]
origin: IRN
host: IRQ
deadlines:
  end: {title: Mandate ends, date: 2027-09-30}
actions:
  files: {title: Prepare files, owner: resettlement team, duration_days: 30}
pledges:
  norway: {title: Norway, country: NOR, channel: resettlement, state: open, places: 9, capacity: resettlement_place,
           opens: 2026-03-01, valid_to: 2027-06-30, confidentiality: public}
  canada: {title: Canada, country: CAN, channel: resettlement, state: open, places: 9, capacity: resettlement_place,
           opens: 2026-03-01, valid_to: 2027-06-30, confidentiality: public, conditions: {group: [main_group]}}
"""
AHMAD, BADRI, CYRUS = (f"household/R{n}" for n in (1, 2, 3))


@pytest.fixture
def town(small):
    """Three people who may be put forward to Norway and to Canada, and wish for Norway."""
    source = random.Random(3)
    events = []

    def add(kind, subject, on, **facts):
        events.append(
            new_event(small.rulebook, operation="meridian", subject=Subject(*subject), kind=kind, effective=on,
                      by="chantal", instant=datetime(2026, 6, 9, tzinfo=UTC), random=source, facts=facts)
        )  # fmt: skip

    add("recorded", ("sheet", "sheet-places"), "2026-01-20", pathway="resettlement", version="9",
        language="fa", approved=True, current=True)  # fmt: skip
    for n in (1, 2, 3):
        home, name = f"R{n}", f"R{n}-P1"
        add("registered", ("household", home), "2026-01-20", roster_size=1)
        add("registered", ("person", name), "2026-01-20", household=home, birth="1985-03-04", site="camp-1",
            sex="female", legal="refugee", stage="intent_resettlement", place="in_camp", capacity_doubted=False,
            country_of_origin="IRN", intended_pathway="resettlement", intended_destination="NOR",
            open_destination=True, group="main_group")  # fmt: skip
        for country in ("NOR", "CAN"):
            add("recorded", ("consent", f"C-{name}-{country}"), "2026-06-01", person=name,
                pathway="resettlement", destination=country, signed_on="2026-06-01", given_by="self",
                in_private=True, pressure=False, informed=True, sheet_version="9",
                sheet_language="fa", withdrawn=False)  # fmt: skip
            add("recorded", ("release", f"F-{name}-{country}"), "2026-06-01", person=name,
                recipient=country, purpose="resettlement", agreement=True, withdrawn=False)  # fmt: skip
    small.record(events)
    adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    return small


def place(town, *more, day="2026-06-10"):
    result = CliRunner().invoke(app, [str(town.path), "--on", day, "--json", *map(str, more)])
    assert result.exit_code == 0, (result.output, result.exception)
    content = json.loads(result.stdout)
    where = {row["case"]: row["programme"] for row in content["assignments"]}
    return where, content, result.stderr


def decide(case, decision, programme="", window="", reason="They asked for it"):
    from onward.registry.models import PlacementDecision
    from onward.registry.site import current

    return PlacementDecision.objects.create(
        operation=current().operation, case=case, proposal="seen", decision=decision,
        programme=programme, window=window, reason=reason, by="amina",
    )  # fmt: skip


def test_a_terminal_keeps_what_was_decided_at_the_desk(town):
    from onward.registry.computing.runs import last_proposal

    where, _, _ = place(town)
    assert where == {AHMAD: "norway", BADRI: "norway", CYRUS: "norway"}
    decide(AHMAD, "held")
    decide(BADRI, "moved", "canada", "1")
    decide(CYRUS, "held")
    decide(CYRUS, "released")
    where, content, _ = place(town)
    assert where == {BADRI: "canada", CYRUS: "norway"}
    assert [(row["case"], row["reason"]) for row in content["unplaced"]] == [(AHMAD, "held back by a lock")]  # fmt: skip
    # The proposal that the desk and the report show next is this one.
    assert last_proposal(town) == content
    # A question is asked of the same: letting the case go frees it.
    asked = CliRunner().invoke(app, [str(town.path), "--on", "2026-06-10", "--what-if", f"unlock:{AHMAD}"])  # fmt: skip
    assert "gained: 1" in asked.stdout, asked.output


def test_a_decision_that_can_no_longer_be_kept_is_named_and_binds_nobody(town):
    decide(AHMAD, "moved", "canada", "1")
    decide(BADRI, "moved", "norway", "1")
    decide(CYRUS, "accepted", "canada", "1", reason="")
    adopt_plan(town, PLAN.replace("[main_group]", "[recognised_group]"), effective="2026-05-02", by="chantal")  # fmt: skip
    where, _, said = place(town)
    assert where == dict.fromkeys((AHMAD, BADRI, CYRUS), "norway")
    assert "2 decided at the desk and no longer possible" in said
    assert AHMAD in said
    assert CYRUS in said
    assert BADRI not in said


def test_a_lock_beside_the_operation_never_goes_against_the_desk(town, tmp_path):
    decide(AHMAD, "held")
    locks = tmp_path / "locks.csv"
    locks.write_text(f"case,programme,by,reason\n{BADRI},canada,amina,Sister there\n{AHMAD},,amina,As decided\n")  # fmt: skip
    where, _, _ = place(town, "--locks", locks)
    assert where == {BADRI: "canada", CYRUS: "norway"}
    locks.write_text(f"case,programme\n{BADRI},canada\n{AHMAD},norway\n")
    with pytest.raises(Faults, match=r"row 3.*not what an officer decided"):
        app([str(town.path), "--on", "2026-06-10", "--locks", str(locks)], standalone_mode=False)  # fmt: skip


def test_only_what_a_file_changes_is_logged_as_an_override(town, tmp_path):
    decide(AHMAD, "accepted", "canada", "1", reason="")
    locks, log = tmp_path / "locks.csv", tmp_path / "overrides.jsonl"
    locks.write_text(f"case,programme,by,reason\n{BADRI},canada,amina,Sister there\n")
    place(town, "--locks", locks, "--overrides", log)
    assert [json.loads(line)["case"] for line in log.read_text().splitlines()] == [BADRI]


def test_an_override_at_the_desk_reaches_the_log_that_is_replayed(town, tmp_path):
    decide(AHMAD, "held")
    decide(BADRI, "accepted", "norway", "1", reason="")
    log = tmp_path / "overrides.jsonl"
    for _ in "ab":  # what is there already is not added again
        place(town, "--overrides", log)
    [line] = [json.loads(line) for line in log.read_text().splitlines()]
    assert (line["case"], line["override"]) == (AHMAD, ["", ""])
    assert line["by"]
    assert line["reason"]
    replayed = CliRunner().invoke(app, ["--replay", str(log)])
    assert [row["case"] for row in json.loads(replayed.stdout)["lines"]] == [AHMAD]
