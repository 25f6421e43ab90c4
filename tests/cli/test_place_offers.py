"""`onward place CAMP` and what the plan declares of its offers: conditions, shares, days."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from onward.caseload import Subject, new_event
from onward.cli.place import app
from onward.registry import Settings, create_operation
from onward.rulebook import load, shipped_path

PATH = shipped_path("protected-camp")
PLAN = """plan: camp
title: Our camp
version: "1"
as_of: 2026-03-01
rulebook: protected-camp
languages: [fa]
origin: XAA
host: XBB
deadlines:
  mandate_end: {title: Mandate ends, date: 2027-09-30}
actions:
  files: {title: Prepare files, owner: resettlement team, duration_days: 30}
pledges:
  canada: {title: Canada, country: CAN, channel: resettlement, state: open, places: 4, opens: 2026-03-01,
           valid_to: 2027-06-30, confidentiality: public, conditions: {affiliation: [none, family_member]},
           allocations: [{to: {group: [recognised_group]}, places: 2}]}
"""
FAMILIES = {
    "free": [("none", "main_group")],
    "relative": [("family_member", "main_group")],
    "late": [("none", "main_group")],
    "other": [("none", "recognised_group")],
    "member": [("member", "main_group")],
    "unasked": [(None, "main_group")],
    "mixed": [("none", "main_group"), ("former_member", "main_group")],
}


@pytest.fixture(scope="module")
def camp(tmp_path_factory):
    """Everybody consented to Canada, which asks for more than consent."""
    operation = create_operation(
        tmp_path_factory.mktemp("operations") / "camp",
        Settings(id="camp", title="Our camp", kind="protected-camp", demonstration=True),
        rulebook_text=PATH.read_text(encoding="utf-8"), effective="2025-01-01", by="chantal",
        plan_text=PLAN,
    )  # fmt: skip
    rulebook, source = load(PATH), random.Random(1)
    events = []

    def add(kind, subject, on, **facts):
        known = {name: value for name, value in facts.items() if value is not None}
        events.append(
            new_event(rulebook, operation="camp", subject=Subject(*subject), kind=kind, effective=on,
                      by="chantal", instant=datetime(2026, 2, 1, tzinfo=UTC), random=source, facts=known)
        )  # fmt: skip

    add("recorded", ("sheet", "sheet"), "2025-01-01", pathway="resettlement", version="1",
        language="fa", approved=True, current=True)  # fmt: skip
    for family, people in FAMILIES.items():
        home = f"H-{family}"
        add("recorded", ("household", home), "2025-06-01", roster_size=len(people))
        for number, (affiliation, group) in enumerate(people):
            name = f"{family}-{number}"
            add("registered", ("person", name), "2025-06-01", household=home, birth="1985-03-04",
                sex="female", legal="refugee", stage="intent_resettlement", capacity_doubted=False,
                country_of_origin="XAA", intended_pathway="resettlement", intended_destination="CAN",
                affiliation=affiliation, group=group)  # fmt: skip
            add("recorded", ("consent", f"C-{name}"), "2026-02-01", person=name,
                pathway="resettlement", destination="CAN", signed_on="2026-02-01", given_by="self",
                in_private=True, pressure=False, informed=True, sheet_version="1",
                sheet_language="fa", withdrawn=False)  # fmt: skip
            add("recorded", ("release", f"R-{name}"), "2026-02-01", person=name, recipient="CAN",
                purpose="resettlement", agreement=True, withdrawn=False)  # fmt: skip
    operation.record(events)
    return operation


def place(camp, *more):
    result = CliRunner().invoke(app, [str(camp.path), "--on", "2026-03-01", "--json", *more])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    placed = {row["case"].removeprefix("household/H-") for row in content["assignments"]}
    left = {row["case"].removeprefix("household/H-"): row for row in content["unplaced"]}
    return placed, left, content


def test_nobody_is_proposed_for_an_offer_whose_conditions_they_are_not_known_to_meet(camp):
    _, left, content = place(camp)
    codes = {name: row["code"] for name, row in left.items()}
    barred = {name for name, code in codes.items() if code == "condition"}
    assert barred == {"member", "unasked", "mixed"}
    assert left["member"]["reason"] == (
        "the case does not meet a condition of this offer (1 programme)"
    )
    # Which condition, and what is sealed of whom, is not in what many read.
    told = json.dumps(content)
    assert "affiliation" not in told
    assert left["member"]["reason"] == left["unasked"]["reason"] == left["mixed"]["reason"]


def test_a_share_is_kept_free_for_those_it_is_for(camp):
    placed, left, content = place(camp)
    # Four places, of which two are kept: two of the three others go, and one of the share.
    assert "other" in placed
    assert len(placed) == 3
    (full,) = {"free", "relative", "late"} - placed
    assert left[full]["code"] != "condition"
    assert any("canada share 1" in text for text in left[full]["stopped_by"])
    (row,) = (row for row in content["limits"] if row["kind"] == "earmark")
    assert row["limit"] == "canada share 1"
    assert row["counts"] == "everybody but those for whom the share is kept"


def test_a_limit_beside_the_operation_is_added_to_what_the_plan_says(camp, tmp_path):
    limits = tmp_path / "limits.csv"
    limits.write_text("limit,programme,persons\nquiet start,canada,2\n")
    placed, _, content = place(camp, "--limits", str(limits))
    assert len(placed) == 2
    assert {row["limit"] for row in content["limits"]} == {"canada, 1", "canada share 1", "quiet start"}  # fmt: skip
    limits.write_text("limit,programme,persons\ncanada share 1,canada,0\n")
    result = CliRunner().invoke(app, [str(camp.path), "--limits", str(limits)])
    assert result.exit_code != 0
    assert "a limit that the operation has" in str(result.exception)
