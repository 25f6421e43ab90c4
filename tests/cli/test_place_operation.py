"""`onward place CAMP`: cases from the record, places from the plan, what is open from safeguards."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from onward.caseload import Subject, new_event
from onward.cli.place import app
from onward.errors import Faults
from onward.registry import Settings, create_operation
from onward.registry.computing.analysis import opened
from onward.registry.computing.placing import placement_tables
from onward.registry.computing.runs import kept_proposals, last_proposal
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
authorities:
  mandate: {title: Mandate, type: sc_resolution, grantor: Council, effective: 2025-12-01, expiry: 2027-09-30}
deadlines:
  mandate_end: {title: Mandate ends, date: 2027-09-30, authority: mandate, clock: expiry}
actions:
  files: {title: Prepare files, owner: resettlement team, duration_days: 30}
pledges:
  norway: {title: Norway, country: NOR, channel: resettlement, state: open, places: 3, capacity: resettlement_place,
           opens: 2026-03-01, valid_to: 2027-06-30, confidentiality: public}
  canada: {title: Canada, country: CAN, channel: resettlement, state: open, places: 9, capacity: resettlement_place,
           opens: 2026-03-01, valid_to: 2027-06-30, confidentiality: public}
"""  # fmt: skip


@pytest.fixture(scope="module")
def camp(tmp_path_factory):
    """Amina may be put forward to Norway; each of the others differs from her in one fact."""
    operation = create_operation(
        tmp_path_factory.mktemp("operations") / "camp",
        Settings(id="camp", title="Our camp", kind="protected-camp", demonstration=True),
        rulebook_text=PATH.read_text(encoding="utf-8"),
        effective="2025-01-01",
        by="chantal",
        plan_text=PLAN,
    )
    rulebook, source = load(PATH), random.Random(1)
    events = []

    def add(kind, subject, on, **facts):
        events.append(
            new_event(rulebook, operation="camp", subject=Subject(*subject), kind=kind, effective=on,
                      by="chantal", instant=datetime(2026, 2, 1, tzinfo=UTC), random=source, facts=facts)
        )  # fmt: skip

    add("recorded", ("sheet", "sheet"), "2025-01-01", pathway="resettlement", version="1",
        language="fa", approved=True, current=True)  # fmt: skip

    def person(name, *, consented=True, withdrawn=False, released=True, doubted=False):
        home = f"H-{name}"
        add("recorded", ("household", home), "2025-06-01", roster_size=1)
        add("registered", ("person", name), "2025-06-01", household=home, birth="1985-03-04",
            sex="female", legal="refugee", stage="intent_resettlement", capacity_doubted=doubted,
            country_of_origin="XAA", intended_pathway="resettlement", intended_destination="NOR")  # fmt: skip
        if consented:
            add("recorded", ("consent", f"C-{name}"), "2026-02-01", person=name,
                pathway="resettlement", destination="NOR", signed_on="2026-02-01", given_by="self",
                in_private=True, pressure=False, informed=True, sheet_version="1",
                sheet_language="fa", withdrawn=withdrawn)  # fmt: skip
        if released:
            add("recorded", ("release", f"R-{name}"), "2026-02-01", person=name, recipient="NOR",
                purpose="resettlement", agreement=True, withdrawn=False)  # fmt: skip

    person("amina")
    person("never-asked", consented=False)
    person("withdrew", withdrawn=True)
    person("keeps-the-file", released=False)
    person("doubted", doubted=True)
    add("recorded", ("sheet", "sheet-sites"), "2025-01-01", pathway="relocation", version="1",
        language="fa", approved=True, current=True)  # fmt: skip
    for site, monitored in (("north", True), ("south", False)):
        add("recorded", ("site", site), "2026-01-01", voluntary=True, safe_distance=True,
            liberty_no_worse=True, monitored=monitored)  # fmt: skip

    def would_move(name, *, to, consented=True):
        home = f"H-{name}"
        add("recorded", ("household", home), "2025-06-01", roster_size=1)
        add("registered", ("person", name), "2025-06-01", household=home, birth="1985-03-04",
            sex="male", legal="refugee", stage="intent_relocation", place="in_camp",
            capacity_doubted=False, country_of_origin="XAA", intended_pathway="relocation",
            intended_destination=to, fitness_finding="fit", fitness_checked_on="2026-02-27",
            treatment_continuity=True)  # fmt: skip
        if consented:
            add("recorded", ("consent", f"C-{name}"), "2026-02-01", person=name,
                pathway="relocation", destination=to, signed_on="2026-02-01", given_by="self",
                in_private=True, pressure=False, informed=True, sheet_version="1",
                sheet_language="fa", withdrawn=False)  # fmt: skip

    would_move("bahram", to="north")
    would_move("cyrus", to="north")
    would_move("dara", to="north", consented=False)
    would_move("elham", to="south")
    operation.record(events)
    return operation


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_nobody_without_valid_consent_and_open_safeguards_is_proposed(camp):
    result = run(camp.path, "--on", "2026-03-01", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert [(x["case"], x["programme"]) for x in content["assignments"]] == [
        ("household/H-amina", "norway")
    ]
    assert content["provisional"] is False
    codes = {x["case"].removeprefix("household/H-"): x["code"] for x in content["unplaced"]}
    assert codes == {
        "never-asked": "consent",
        "withdrew": "consent",
        "keeps-the-file": "safeguards",
        "doubted": "safeguards",
    }


def test_fairness_counts_each_person_of_the_record_by_sex_and_age(camp):
    content = json.loads(run(camp.path, "--on", "2026-03-01", "--json").stdout)
    fair = {}
    for row in content["fairness"]:
        fair.setdefault(row["grouping"], []).append(row)
    assert {"sex", "age"} <= fair.keys()
    assert not any("principal" in grouping for grouping in fair)
    for grouping in ("sex", "age"):
        assert sum(row["persons"] for row in fair[grouping]) == content["persons"]["all"]
        assert {row["counted"] for row in fair[grouping]} == {"each person"}


def test_what_is_open_is_asked_of_the_safeguards_for_each_country(camp):
    tables = placement_tables(opened(camp, date(2026, 3, 1)))
    allowed = {(x.case, x.destination): x.allowed for x in tables.openings}
    assert allowed["household/H-amina", "NOR"]
    assert not allowed["household/H-amina", "CAN"]
    reasons = {x.case: x.reason for x in tables.openings if x.destination == "NOR"}
    assert reasons["household/H-withdrew"] == "G3.consent"
    assert reasons["household/H-keeps-the-file"] == "G19.released"
    assert reasons["household/H-doubted"] == "G10.capacity"


def test_a_proposal_is_kept_once_and_the_next_week_starts_from_it(camp):
    for _ in range(2):
        assert run(camp.path, "--on", "2026-03-08").exit_code == 0
    on_the_day = [x for _, x in kept_proposals(camp) if x["on"] == "2026-03-08"]
    assert len(on_the_day) == 1
    content = json.loads(run(camp.path, "--on", "2026-03-15", "--json").stdout)
    assert content["assignments"][0]["kept"] is True
    assert last_proposal(camp) == content
    # A report of an earlier day knows nothing of a later proposal.
    before = last_proposal(camp, date(2026, 3, 14))
    assert before is not None
    assert before["on"] == "2026-03-08"


def test_a_question_keeps_nothing(camp):
    before = kept_proposals(camp)
    asked = run(camp.path, "--on", "2026-03-22", "--what-if", "places:norway=0")
    assert asked.exit_code == 0, asked.output
    assert "dropped: 1" in asked.stdout
    assert kept_proposals(camp) == before


def test_beds_of_a_site_go_to_those_who_chose_it_where_its_safeguards_are_open(camp, tmp_path):
    sites = tmp_path / "sites.csv"
    sites.write_text("programme,persons\nnorth,1\nsouth,5\n")
    before = kept_proposals(camp)
    result = run(camp.path, "--sites", sites, "--on", "2026-03-01", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    (placed,) = content["assignments"]
    assert placed["programme"] == "north"
    codes = {x["case"].removeprefix("household/H-"): x["code"] for x in content["unplaced"]}
    left = {"bahram", "cyrus"} - {placed["case"].removeprefix("household/H-")}
    assert codes == {"dara": "consent", "elham": "safeguards", left.pop(): "full"}
    assert kept_proposals(camp) == before


def test_sites_are_asked_of_an_operation(tmp_path):
    sites = tmp_path / "sites.csv"
    sites.write_text("programme,persons\nnorth,1\n")
    with pytest.raises(Faults, match="without an operation"):
        app(["--sites", str(sites)], standalone_mode=False)
