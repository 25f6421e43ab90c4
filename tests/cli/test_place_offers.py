"""`onward place CAMP` and what the plan declares of its offers: conditions, shares, days."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from onward.caseload import Subject, new_event
from onward.cli.place import app
from onward.errors import Faults, OnwardError
from onward.registry import Settings, create_operation
from onward.registry.computing.analysis import opened
from onward.registry.computing.placing import placement_tables
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
    add("recorded", ("consent", "again"), "2026-02-02", person="free-0", pathway="resettlement",
        destination="CAN", signed_on="2026-01-02", given_by="self", withdrawn=True)  # fmt: skip
    add("recorded", ("household", "H-sister"), "2025-06-01", roster_size=2)
    add("registered", ("person", "sister-gone"), "2025-06-01", household="H-sister", birth="1985-03-04",
        sex="female", legal="refugee", stage="departed", place="left", went_to="CAN")  # fmt: skip
    add("registered", ("person", "sister-here"), "2025-06-01", household="H-sister", birth="1985-03-04",
        sex="female", legal="refugee", stage="intent_resettlement", intended_pathway="resettlement",
        intended_destination="NOR")  # fmt: skip
    add("recorded", ("consent", "C-sister"), "2026-02-01", person="sister-here", pathway="resettlement",
        destination="CAN", signed_on="2026-02-01", given_by="self", withdrawn=True)  # fmt: skip
    operation.record(events)
    return operation


def place(camp, *more, day="2026-03-01"):
    result = CliRunner().invoke(app, [str(camp.path), "--on", day, "--json", *more])
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


def test_what_the_record_knows_of_relatives_and_refusals_reaches_the_case(camp):
    tables = placement_tables(opened(camp, date(2026, 3, 1)))
    cases = {case.case.removeprefix("household/H-"): case for case in tables.cases}
    assert cases["sister"].ties == ("CAN",)
    assert cases["sister"].refused == ("CAN",)
    # Who took a consent back and has given another since refuses nothing.
    assert cases["free"].consents == ("CAN",)
    assert (cases["free"].refused, cases["free"].ties) == ((), ())


def test_files_beside_the_operation_say_more_of_its_cases_and_programmes(camp, tmp_path):
    cases, programmes = tmp_path / "more.csv", tmp_path / "offers.csv"
    cases.write_text(
        "case,needs,refused,leave_by,linked_to\n"
        "household/H-free,SM,,,\n"
        "household/H-relative,,canada,,\n"
        "household/H-late,,,2026-04-30,\n"
        "household/H-other,,,,household/H-late\n"
    )
    programmes.write_text("programme,excluded_needs,processing_days\ncanada,SM,90\n")
    placed, left, content = place(camp, "--cases", str(cases), "--programmes", str(programmes))
    assert placed == {"other"}
    codes = {name: left[name]["code"] for name in ("free", "relative", "late")}
    assert codes == {"free": "need", "relative": "refused", "late": "deadline"}
    assert {"household/H-late", "household/H-other"} <= set(str(content["links"]).split("'"))


def test_a_file_beside_the_operation_opens_nothing(camp, tmp_path):
    """No consent, no category, nobody new, nothing earlier or larger."""
    cases, programmes = tmp_path / "more.csv", tmp_path / "offers.csv"
    before, _, _ = place(camp)
    cases.write_text("case,ready_on,leave_by\nhousehold/H-free,2020-01-01,2030-01-01\n")
    programmes.write_text("programme,window,opens,valid_to,max_size\ncanada,1,2020-01-01,2030-01-01,99\n")  # fmt: skip
    after, _, _ = place(camp, "--cases", str(cases), "--programmes", str(programmes))
    assert after == before

    def faults(text, option="--cases"):
        (tmp_path / "wrong.csv").write_text(text)
        with pytest.raises(Faults) as found:
            app([str(camp.path), option, str(tmp_path / "wrong.csv")], standalone_mode=False)
        return [(fault.where, fault.field) for fault in found.value.faults]

    assert faults("case,consents\nhousehold/H-free,CAN\n") == [("row 1", "")]
    assert (
        faults("case,split_agreed,category\nhousehold/H-free,yes,LPN\n") == [("row 1", "")] * 2
    )
    assert faults("case,ties\nhousehold/H-nobody,CAN\n") == [("row 2", "case")]
    assert faults("case,linked_to\nhousehold/H-free,household/H-x\n") == [
        ("row 2", "linked_to")
    ]
    assert faults("case,refused\nhousehold/H-free,Canada\n") == [("row 2", "refused")]
    assert faults("programme,max_size\nfrance,3\n", "--programmes") == [("row 2", "programme")]
    assert faults("programme,window,closes\ncanada,9,2026-05-01\n", "--programmes") == [("row 2", "window")]  # fmt: skip
    assert faults("programme,persons\ncanada,99\n", "--programmes") == [("row 1", "")]
    for option in ("--open", "--pledges"):
        with pytest.raises(OnwardError, match=option):
            app([str(camp.path), option, str(cases)], standalone_mode=False)


def test_whoever_was_put_forward_keeps_the_place_until_the_country_says_no(camp):
    """Last in this file: the record goes on."""
    rulebook, source = load(PATH), random.Random(2)

    def step(kind, day, *people):
        camp.record(
            [new_event(rulebook, operation="camp", subject=Subject("person", person), kind=kind, effective=day,
                       by="chantal", instant=datetime(2026, 3, 20, tzinfo=UTC), random=source, facts={})
             for person in people]
        )  # fmt: skip

    step("T14.done", "2026-03-10", "other-0", "free-0")
    step("T15.accepted", "2026-03-12", "free-0")
    placed, _, content = place(camp, day="2026-03-13")
    # Four places, two of them gone; the one that is left of the share stays free.
    assert {row["limit"]: row["allowed"] for row in content["limits"]} == {"canada, 1": 2, "canada share 1": 1}  # fmt: skip
    assert len(placed) == 1
    step("T15.denied", "2026-03-14", "other-0")
    _, _, content = place(camp, day="2026-03-15")
    assert {row["limit"]: row["allowed"] for row in content["limits"]} == {"canada, 1": 3, "canada share 1": 1}  # fmt: skip
