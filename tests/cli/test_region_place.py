"""`onward region place`: operations that compete for places are one problem, and none is promised twice."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from onward.caseload import Subject, new_event
from onward.cli.region import app
from onward.errors import Faults, OnwardError
from onward.placement.inputs.files import read_locks
from onward.registry import Settings, create_operation
from onward.registry.computing.snapshot import write_snapshot
from onward.rulebook import load, shipped_path

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"
DAY = date(2026, 2, 10)
PROGRAMMES = "programme,persons,window,country\nnorway,3,1,NOR\ncanada,9,1,CAN\n"


def an_operation(folder, name, households, kind="protected-camp"):
    """Households of these sizes, all of one step before Norway, who agreed to it or did not:
    {household: (persons, agreed)}."""
    path = shipped_path(kind)
    made = create_operation(
        folder / name,
        Settings(id=name, title=name, kind=kind, demonstration=True, data_ends=DAY),
        rulebook_text=path.read_text(encoding="utf-8"),
        effective="2025-01-01",
        by="chantal",
    )
    rulebook, source = load(path), random.Random(1)
    events = []

    def add(kind, subject, on, **facts):
        events.append(
            new_event(rulebook, operation=name, subject=Subject(*subject), kind=kind, effective=on,
                      by="chantal", instant=datetime(2026, 2, 1, tzinfo=UTC), random=source, facts=facts)
        )  # fmt: skip

    if households:
        add("recorded", ("sheet", "sheet"), "2025-01-01", pathway="resettlement", version="1",
            language="fa", approved=True, current=True)  # fmt: skip
    for house, (persons, agreed) in households.items():
        add("recorded", ("household", house), "2025-06-01", roster_size=persons)
        for number in range(persons):
            who = f"{house}-{number}"
            add("registered", ("person", who), "2025-06-01", household=house, birth="1985-03-04",
                sex="female", legal="refugee", stage="intent_resettlement", capacity_doubted=False,
                country_of_origin="XAA", intended_pathway="resettlement",
                intended_destination="NOR")  # fmt: skip
            if agreed:
                add("recorded", ("consent", f"C-{who}"), "2026-02-01", person=who,
                    pathway="resettlement", destination="NOR", signed_on="2026-02-01",
                    given_by="self", in_private=True, pressure=False, informed=True,
                    sheet_version="1", sheet_language="fa", withdrawn=False)  # fmt: skip
            add("recorded", ("release", f"R-{who}"), "2026-02-01", person=who, recipient="NOR",
                purpose="resettlement", agreement=True, withdrawn=False)  # fmt: skip
    made.record(events)
    return made


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    folder = tmp_path_factory.mktemp("region")
    for name, households in (
        ("brook", {"H1": (1, True), "H2": (2, True)}),
        ("meridian", {"H1": (1, True), "H2": (2, True), "H3": (1, False)}),
    ):
        write_snapshot(an_operation(folder, name, households), folder / "region")
    write_snapshot(
        an_operation(folder, "homeward", {}, kind="voluntary-return"), folder / "region"
    )
    (folder / "programmes.csv").write_text(PROGRAMMES, "utf-8")
    return folder


def ask(region, *options):
    return CliRunner().invoke(
        app,
        [
            "place",
            str(region / "region"),
            "--programmes",
            str(region / "programmes.csv"),
            *options,
        ],
    )


def placed(data):
    return {row["case"]: row for row in data["proposal"]["assignments"]}


def test_no_place_is_promised_to_two_operations_and_nobody_goes_who_did_not_agree(region):
    done = ask(region, "--json")
    data = json.loads(done.stdout)
    assert done.exit_code == 0
    for name, part in (("region", data), ("placement", data["proposal"])):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
        Draft202012Validator(schema).validate(part)
    found = placed(data)
    assert sum(row["size"] for row in found.values()) == 3
    assert {row["programme"] for row in found.values()} == {"norway"}, "agreed to no other"
    left = {row["case"] for row in data["proposal"]["unplaced"]}
    everybody = {
        "brook/household/H1", "brook/household/H2",
        "meridian/household/H1", "meridian/household/H2", "meridian/household/H3",
    }  # fmt: skip
    assert found.keys() | left == everybody
    assert not found.keys() & left
    assert "meridian/household/H3" in left
    rows = {row["operation"]: row for row in data["operations"]}
    assert rows["homeward"]["cases"] == 0, "its rulebook has no such step"
    assert (rows["meridian"]["cases"], rows["meridian"]["persons"]) == (3, 4)
    assert sum(row["persons_placed"] for row in rows.values()) == 3


def test_no_operation_comes_before_another(region):
    """Two families of two for one place of two: the draw decides, and it falls either way."""
    won = set()
    for seed in range(12):
        data = json.loads(ask(region, "--json", "--seed", str(seed)).stdout)
        won |= {case.split("/")[0] for case, row in placed(data).items() if row["size"] == 2}
    assert won == {"brook", "meridian"}


def test_each_operation_is_given_its_share_under_its_own_numbers(region, tmp_path):
    done = ask(region, "-o", str(tmp_path / "out"))
    assert "brook" in done.stdout
    content = json.loads((tmp_path / "out" / "proposal.json").read_text("utf-8"))
    shares = {}
    for path in (tmp_path / "out" / "locks").iterdir():
        faults = []
        shares |= {
            f"{path.stem}/{lock.case}": (lock.programme, lock.window)
            for lock in read_locks(path, faults).values()
        }
        assert not faults
    assert shares == {
        row["case"]: (row["programme"], row["window"]) for row in content["assignments"]
    }
    last = tmp_path / "out" / "proposal.json"
    again = json.loads(ask(region, "--json", "--seed", "5", "--previous", str(last)).stdout)
    assert placed(again).keys() == {row["case"] for row in content["assignments"]}


def test_what_stands_beside_is_read_with_the_names_of_the_region(region, tmp_path):
    locks = tmp_path / "locks.csv"
    with locks.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["case", "programme", "window"], ["meridian/household/H2", "norway", "1"]]
        )
    data = json.loads(ask(region, "--json", "--locks", str(locks)).stdout)
    assert "meridian/household/H2" in placed(data)
    pledges = tmp_path / "pledges.csv"
    pledges.write_text(
        "pledge,if_programme,if_persons,opens_programme,opens_persons,opens_window\n"
        "more,norway,3,norway,2,1\n",
        "utf-8",
    )
    data = json.loads(ask(region, "--json", "--pledges", str(pledges)).stdout)
    assert sum(row["size"] for row in placed(data).values()) == 5
    locks.write_text("case,programme\nhousehold/H2,norway\n", "utf-8")
    done = ask(region, "--locks", str(locks))
    assert isinstance(done.exception, Faults)
    assert "a case that the region does not have" in str(done.exception)


def test_what_is_wrong_is_said(region, tmp_path):
    done = ask(region, "--capacity", "beds")
    assert isinstance(done.exception, OnwardError)
    assert '"beds"' in str(done.exception)
    assert "resettlement_place" in str(done.exception)
    done = CliRunner().invoke(
        app, ["place", str(region / "region"), "--programmes", str(tmp_path / "none.csv")]
    )
    assert isinstance(done.exception, Faults)
    assert "none.csv" in str(done.exception)
    assert isinstance(ask(region, "--time-limit", "0").exception, Faults)
