"""Many cases: looked at together, said and written row by row, and nothing told differently."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import test_brute_force as small
from test_doors import run

from onward.cli import place as screen
from onward.placement.inputs import given_back
from onward.placement.inputs.aims import read_aims
from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import Case, Tables, Window
from onward.placement.problem.compiling import compile_tables
from onward.placement.problem.doors import CODE, Doors
from onward.placement.problem.points import outcome_parts
from onward.placement.propose import propose
from onward.placement.telling import workbook
from onward.placement.telling.document import document, input_hash, to_json, write_json

AIMS = read_aims()
PROBLEMS = range(150)


def test_what_stands_between_is_the_same_for_all_at_once_and_for_one():
    met = set()
    for number in PROBLEMS:
        tables, aims = small.problem(number)
        tables = tables.in_order()
        doors = Doors(tables, aims)
        at_once = doors.of_all()
        for i, case in enumerate(tables.cases):
            said = [CODE[k] for k in at_once[i]]
            assert said == doors.first_barriers(case), (number, case.case)
            met |= set(said)
    assert len(met) > 12, met


def test_points_of_the_outcome_are_the_sum_of_their_parts_for_every_choice():
    counted = 0
    for number in PROBLEMS:
        tables, aims = small.problem(number)
        c = compile_tables(tables, aims, seed=1)
        for u, members in enumerate(c.members):
            for j in range(c.model.start[u], c.model.start[u + 1]):
                window = c.slots[c.model.slot[j]]
                parts = [
                    outcome_parts(case, window, aims, c.scores.of(case.case, window.programme))
                    for case in (c.tables.cases[i] for i in members)
                ]
                assert c.outcome[j] == sum(sum(p.values()) for p in parts)
                kept = [c.tables.previous.get(c.tables.cases[i].case) for i in members]
                assert c.kept[j] == kept.count((window.programme, window.window))
                counted += 1
    assert counted > 1_000


def test_cases_beyond_what_is_looked_at_together_are_looked_at_too(monkeypatch):
    tables, aims = small.problem(3)
    whole = compile_tables(tables, aims, seed=1)
    for module in ("doors", "points", "compiling"):
        monkeypatch.setattr(f"onward.placement.problem.{module}.AT_ONCE", 2)
    parts = compile_tables(tables, aims, seed=1)
    assert np.array_equal(whole.barrier, parts.barrier)
    assert np.array_equal(whole.model.slot, parts.model.slot)
    assert np.array_equal(whole.outcome, parts.outcome)
    assert len(whole.members) > 4


def test_the_hash_of_the_input_and_the_text_of_a_proposal_are_as_if_written_whole(
    tmp_path, monkeypatch
):
    for number in range(40):
        tables, aims = small.problem(number)
        monkeypatch.setattr("onward.placement.telling.document.AT_ONCE", 1 + number % 5)
        ordered = tables.in_order()
        rows = None if tables.scores is None else [asdict(s) for s in ordered.scores]
        plain = {**asdict(replace(ordered, scores=None)), "scores": rows}
        whole = json.dumps(plain, sort_keys=True, default=str)
        assert input_hash(tables) == hashlib.sha256(whole.encode()).hexdigest()
        content = document(propose(tables, aims, seconds=20))
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        assert to_json(content) == text
        write_json(content, tmp_path / "proposal.json")
        assert (tmp_path / "proposal.json").read_bytes() == text.encode()


def test_a_case_that_has_no_score_for_a_programme_is_told_so_among_those_that_have():
    cases = tuple(Case(f"C{i}", 1) for i in range(3))
    scores = (Score("C0", "North", 0.5), Score("C1", "South", 0.0))
    tables = Tables(cases, (Window("North", 3), Window("South", 3)), scores=scores)
    content = document(propose(tables, AIMS))
    assert {r["case"]: r["programme"] for r in content["assignments"]} == {
        "C0": "North",
        "C1": "South",
    }
    assert content["unplaced"][0]["code"] == "not scored"


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Files of sixty cases for three programmes with few places."""
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["case", "size", "nationality", "priority", "consents"])
        for i in range(60):
            priority = ("normal", "normal", "emergency")[i % 3]
            lines.writerow([f"C{i:02}", 1 + i % 5, "AB"[i % 2], priority, "North;South;West"])
    (tmp_path / "programmes.csv").write_text(
        "programme,persons,nationalities\nNorth,20,\nSouth,15,A\nWest,9,B\n", "utf-8"
    )
    return tmp_path


def test_a_workbook_written_row_by_row_is_changed_and_given_back_as_any_other(
    crowd, tmp_path, monkeypatch
):
    books = {}
    for name, held in (("whole", 10**6), ("rows", 0)):
        monkeypatch.setattr(workbook, "HELD_WHOLE", held)
        assert run(crowd, "--out", tmp_path / name).exit_code == 0
        faults: list = []
        assert given_back.locks_from_workbook(tmp_path / name / "proposal.xlsx", faults) == {}
        assert faults == []
        books[name] = given_back.cases_in_workbook(tmp_path / name / "proposal.xlsx")
    assert books["whole"] == books["rows"]
    assert len(books["rows"]) == 60


def test_more_cases_than_a_spreadsheet_holds_are_written_without_one_and_it_is_said(
    crowd, tmp_path, monkeypatch
):
    monkeypatch.setattr(workbook, "MOST_ROWS", 59)
    result = run(crowd, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "No workbook" in result.stderr
    assert "CSV of locks" in result.stderr
    assert not (tmp_path / "out" / "proposal.xlsx").exists()
    assert (tmp_path / "out" / "proposal.json").exists()


def test_of_many_cases_it_is_said_how_far_it_has_come_and_never_on_standard_output(
    crowd, monkeypatch
):
    quiet = run(crowd, "--json")
    assert quiet.stderr == ""
    monkeypatch.setattr(screen, "MANY", 10)
    said = run(crowd, "--json")
    assert said.stdout == quiet.stdout
    for words in ("Reading cases.csv", "Placing 60 cases in 3 windows", "Saying of every case"):
        assert words in said.stderr


def test_the_screen_shows_emergencies_without_a_place_first_and_says_what_it_leaves_out(
    crowd, monkeypatch
):
    monkeypatch.setattr(screen, "MOST_LINES", 5)
    shown = run(crowd).stdout
    content = json.loads(run(crowd, "--json").stdout)
    left = [r for r in content["unplaced"] if r["priority"] == "emergency"]
    assert len(left) > 0
    last = shown[shown.index("no place, by number") :]
    assert all(r["case"] in last for r in left[:5])
    assert f"... and {len(content['unplaced']) - 5} more" in last


def test_the_draw_of_a_place_is_the_same_asked_for_one_and_for_all():
    tables, aims = small.problem(5)
    c = compile_tables(replace(tables, locks=()), aims, seed=4)
    some = np.arange(0, c.model.columns, 2)
    assert np.array_equal(c.drawn(some, c.model.unit_of_column()[some]), c.column_ticket[some])
    assert len(some) > 2
