"""Files as officers have them: one bad cell hides no other, and no row is lost in silence."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from onward.cli.place import app
from onward.errors import Fault, Faults
from onward.placement.deciding.overrides import append, read
from onward.placement.inputs.aims import parse_aims, read_aims
from onward.placement.inputs.files import read_folder, read_locks
from onward.placement.inputs.tables import Case, Lock, Tables, Window
from onward.placement.propose import propose
from onward.placement.telling.document import document
from onward.placement.telling.workbook import write_workbook

ROOT = Path(__file__).parents[2]
SPRING = ROOT / "examples" / "placement" / "spring"
AIMS = read_aims()


def folder(
    tmp_path, cases="case,size\nC1,2\n", programmes="programme,persons\nNorth,4\n", **more
):
    """A folder of files; text is written as UTF-8, bytes as they are."""
    for name, text in {"cases": cases, "programmes": programmes, **more}.items():
        raw = text if isinstance(text, bytes) else text.encode()
        (tmp_path / f"{name}.csv").write_bytes(raw)
    return tmp_path


def faults_of(path) -> list[tuple[str, str, str]]:
    with pytest.raises(Faults) as found:
        read_folder(path)
    return [(f.file, f.where, f.field) for f in found.value.faults]


# --- cells -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", ["0", "-2", "2.5", "inf", "nan", "1e30", "1_0", "two", "9" * 30]
)
def test_a_size_that_is_no_number_of_people_is_a_fault_of_its_cell(tmp_path, size):
    assert faults_of(folder(tmp_path, f"case,size\nC1,{size}\nC2,2\n")) == [
        ("cases.csv", "row 2", "size")
    ]


@pytest.mark.parametrize("size", ["3", "3.0", "۳", "٣", " 3 "])
def test_a_size_may_be_written_as_people_write_it(tmp_path, size):
    assert read_folder(folder(tmp_path, f"case,size\nC1,{size}\n")).cases[0].size == 3


@pytest.mark.parametrize(
    "day", ["31/12/2025", "20260302", "2026-W10-1", "2026-02-30", "1404-12-11", "0026-03-02"]
)
def test_a_day_is_gregorian_and_written_one_way(tmp_path, day):
    path = folder(tmp_path, f"case,size,ready_on,leave_by\nC1,2,{day},\nC2,2,,{day}\n")
    assert faults_of(path) == [
        ("cases.csv", "row 2", "ready_on"),
        ("cases.csv", "row 3", "leave_by"),
    ]


def test_a_solar_hijri_day_is_told_as_one(tmp_path):
    with pytest.raises(Faults, match="Solar Hijri"):
        read_folder(folder(tmp_path, "case,size,leave_by\nC1,2,1405-03-01\n"))


@pytest.mark.parametrize("day", ["2026-03-02", "2026-03-02 00:00:00", "2026-03-02T00:00"])
def test_a_day_as_a_spreadsheet_exports_it(tmp_path, day):
    (case,) = read_folder(folder(tmp_path, f"case,size,ready_on\nC1,2,{day}\n")).cases
    assert case.ready_on == date(2026, 3, 2)


# --- whole files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cases",
    [
        "\ufeffcase,size\nC1,2\nC2,1\n".encode(),
        "case,size\nC1,2\nC2,1\n".encode("utf-16"),
        b"case;size\nC1;2\nC2;1\n",
        b"case\tsize\nC1\t2\nC2\t1\n",
        b"case,size\rC1,2\rC2,1\r",
        b'Case ,"SIZE"\r\n\r\n"C1",2\r\nC2,1,,\r\n',
    ],
)
def test_the_forms_in_which_spreadsheets_save_are_all_read(tmp_path, cases):
    assert [c.case for c in read_folder(folder(tmp_path, cases)).cases] == ["C1", "C2"]


def test_another_encoding_is_told_by_its_cell_and_hides_no_other_fault(tmp_path):
    path = folder(tmp_path, b"case,size,nationality\nC1,2,Sy\xe9\nC2,two,A\n")
    assert faults_of(path) == [
        ("cases.csv", "row 2", "nationality"),
        ("cases.csv", "row 3", "size"),
    ]


def test_a_lost_quote_costs_its_own_row_only(tmp_path):
    path = folder(tmp_path, 'case,size,nationality\nC1,2,"A\nC2,two,B\nC3,1,"B"\nC4,x,B\n')
    assert faults_of(path) == [
        ("cases.csv", "row 2", ""), ("cases.csv", "row 3", "size"), ("cases.csv", "row 5", "size"),
    ]  # fmt: skip


def test_a_cell_over_several_lines_is_read_where_it_may_be_and_told_where_not(tmp_path):
    path = folder(tmp_path, locks='case,programme,reason\nC1,North,"first\nsecond"\n')
    assert read_folder(path).locks[0].reason == "first\nsecond"
    assert faults_of(folder(tmp_path, 'case,size,needs\nC1,2,"SM\nDS"\nC2,x,\n')) == [
        ("cases.csv", "row 2", "needs"), ("cases.csv", "row 4", "size"),
    ]  # fmt: skip


def test_of_many_rows_exactly_the_bad_ones_are_told(tmp_path):
    """A cell, a day, a quote, a word, an id given twice and a link to nobody, thirty of each kind."""
    choose = random.Random(3)
    bad = set(choose.sample(range(1, 3_000, 2), 180))
    rows, expected = [], set()
    for i in range(3_000):
        row = [f"C{i}", str(choose.randint(1, 7)), "SYR", "normal", "2026-01-15", ""]
        if i in bad:
            kind = len(expected) % 6
            column, value = (
                (1, "x"), (4, "31/12/2025"), (2, '"open'), (3, "soon"), (0, f"C{i - 1}"), (5, "C9999"),
            )[kind]  # fmt: skip
            row[column] = value
            told = ("size", "ready_on", "", "priority", "case", "linked_to")[kind]
            expected.add(("cases.csv", f"row {i + 2}", told))
        rows.append(",".join(row))
    path = folder(
        tmp_path, "case,size,nationality,priority,ready_on,linked_to\n" + "\n".join(rows)
    )
    found = faults_of(path)
    assert len(found) == len(bad) == 180
    assert set(found) == expected


def test_a_missing_day_is_said_once_and_counted(tmp_path):
    path = folder(
        tmp_path, "case,size\n" + "".join(f"C{i},1\n" for i in range(1_200)),
        "programme,persons,closes,processing_days\nNorth,4,2026-09-01,30\n",
    )  # fmt: skip
    with pytest.raises(Faults, match="1,199 more rows") as found:
        read_folder(path)
    assert len(found.value.faults) == 1


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["refused", "forbidden", "consents"])
@pytest.mark.parametrize("name", ["north", "Nörth", "NORTH "])
def test_a_destination_spelt_otherwise_is_a_fault_and_not_a_lost_refusal(
    tmp_path, column, name
):
    path = folder(tmp_path, f"case,size,{column}\nC1,2,{name.strip()}\n")
    assert faults_of(path) == [("cases.csv", "row 2", column)]


def test_a_destination_of_another_round_is_told_beside_the_proposal(tmp_path):
    path = folder(
        tmp_path, "case,size,consents,refused\nC1,2,North;Elsewhere,\nC2,1,North,Elsewhere\n"
    )
    told = document(propose(read_folder(path), AIMS))["unknown_destinations"]
    assert told == [
        {"column": "consents", "name": "Elsewhere", "cases": 1},
        {"column": "refused", "name": "Elsewhere", "cases": 1},
    ]
    assert "Elsewhere: refused in 1 case" in CliRunner().invoke(app, [str(path)]).stdout


@pytest.mark.parametrize(
    ("limit", "field"),
    [("L,North,3,Summer,,", "window"), ("L,all,3,Winter,,", "window"), ("L,East,3,,,", "programme"),
     ("L,North,3,,5,2", "max_size")],
)  # fmt: skip
def test_a_limit_that_would_count_nobody_is_a_fault(tmp_path, limit, field):
    path = folder(
        tmp_path, "case,size\nC1,2\n",
        "programme,persons,window\nNorth,4,Spring\nSouth,4,Summer\n",
        limits=f"limit,programme,persons,window,min_size,max_size\n{limit}\n",
    )  # fmt: skip
    assert faults_of(path) == [("limits.csv", "row 2", field)]


def test_all_is_no_name_of_a_programme(tmp_path):
    assert faults_of(folder(tmp_path, programmes="programme,persons\nall,4\n")) == [
        ("programmes.csv", "row 2", "programme")
    ]


def test_a_file_of_locks_holds_cases_back_by_a_blank_programme(tmp_path):
    path = folder(tmp_path, locks="case,programme,by,reason\nC1,,Amina,ill\n")
    tables = read_folder(path)
    assert tables.locks == (Lock("C1", "", by="Amina", reason="ill"),)
    assert propose(tables, AIMS).places() == {}


def test_a_window_without_its_programme_is_no_lock(tmp_path):
    path = folder(tmp_path, locks="case,programme,window\nC1,,Spring\n")
    assert faults_of(path) == [("locks.csv", "row 2", "programme")]
    other = folder(tmp_path, "case,size,locked,locked_window\nC1,2,,Spring\n", locks="case\n")
    assert faults_of(other) == [("cases.csv", "row 2", "locked")]


# --- the workbook ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The workbook of the spring example."""
    path = tmp_path_factory.mktemp("spring") / "proposal.xlsx"
    write_workbook(document(propose(read_folder(SPRING), AIMS)), path)
    return path


def edited(exported, tmp_path, *changes, gone=()):
    """The workbook after an officer typed into it: (case, column, text) each; rows taken out."""
    book = openpyxl.load_workbook(exported)
    sheet = book["Proposal"]
    column = {cell.value: cell.column for cell in sheet[1]}
    row = {sheet.cell(r, 1).value: r for r in range(2, sheet.max_row + 1)}
    for case, name, text in changes:
        sheet.cell(row[case], column[name]).value = text
    for case in sorted(gone, key=lambda c: -row[c]):
        sheet.delete_rows(row[case])
    book.save(tmp_path / "changed.xlsx")
    return tmp_path / "changed.xlsx"


def test_three_changed_lines_are_three_locks(exported, tmp_path):
    path = edited(
        exported, tmp_path, ("C-001", "programme", "Westmoor"), ("C-002", "programme", None),
        ("C-003", "lock", "yes"), ("C-003", "by", "Chantal"), ("C-004", "lock", "no"),
    )  # fmt: skip
    faults: list[Fault] = []
    locks = {x.case: x for x in read_locks(path, faults).values()}
    assert faults == []
    assert set(locks) == {"C-001", "C-002", "C-003"}
    assert (locks["C-001"].programme, locks["C-002"].programme) == ("Westmoor", "")
    assert locks["C-003"].by == "Chantal"
    placed = propose(replace(read_folder(SPRING), locks=tuple(locks.values())), AIMS).places()
    assert placed["C-001"][0] == "Westmoor"
    assert "C-002" not in placed


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("C-001", "programme", "Nowhere"), "programme"),
        (("C-001", "window", "Autumn"), "window"),
        (("C-001", "lock", "perhaps"), "lock"),
        (("C-004", "window", "Spring"), "programme"),  # no place yet, and only a window given
        (("C-001", "case", "C-999"), "case"),
        (("C-001", "case", "C-002"), "case"),  # given twice
        (("C-001", "case", None), "case"),
    ],
)
def test_a_line_made_wrong_is_told_by_its_row_and_the_others_too(
    exported, tmp_path, change, field
):
    path = edited(exported, tmp_path, change, ("C-010", "lock", "maybe"), ("C-001", "lock", "yes")
                  if change[1] != "lock" else change)  # fmt: skip
    answer = CliRunner().invoke(app, [str(SPRING), "--locks", str(path)])
    assert isinstance(answer.exception, Faults)
    told = {f.field for f in answer.exception.faults}
    assert told == {field, "lock"}
    assert all(
        f.file == "changed.xlsx" and f.where.startswith("row ") for f in answer.exception.faults
    )


def test_rows_are_told_as_the_spreadsheet_numbers_them(exported, tmp_path):
    book = openpyxl.load_workbook(exported)
    book["Proposal"].insert_rows(1)
    book["Proposal"].cell(3, 5).value = "perhaps"
    book.save(tmp_path / "moved.xlsx")
    faults: list[Fault] = []
    read_locks(tmp_path / "moved.xlsx", faults)
    assert [(f.where, f.field) for f in faults] == [("row 3", "lock")]


def test_a_row_taken_out_is_no_lock_and_is_said(exported, tmp_path):
    path = edited(exported, tmp_path, gone=("C-005", "C-006"))
    answer = CliRunner().invoke(app, [str(SPRING), "--locks", str(path)])
    assert answer.exit_code == 0
    assert "2 cases have no row in changed.xlsx" in answer.stderr
    assert "C-005, C-006" in answer.stderr


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "@SUM(1)", "+1", "-1"])
def test_a_name_that_a_spreadsheet_would_run_comes_back_as_it_was(tmp_path, name):
    tables = Tables((Case(name, 1),), (Window(name, 1),))
    write_workbook(document(propose(tables, AIMS)), tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    book["Proposal"].cell(2, 5).value = "yes"
    book.save(tmp_path / "b.xlsx")
    faults: list[Fault] = []
    assert list(read_locks(tmp_path / "b.xlsx", faults).values()) == [Lock(name, name)]
    assert faults == []


# --- aims and the log ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("floors: 5", ("", "floors")),
        ("floors: {a: b}", ("", "floors")),
        ("floors: [{group: {min_size: many}, share: 1}]", ("floors[0].group", "min_size")),
        ("floors: [{group: {nationality: NO}, share: 1}]", ("floors[0].group", "nationality")),
        ("floors: [{group: {lone_older: 1}, share: 1}]", ("floors[0].group", "lone_older")),
        ("floors: [{group: {category: [WGR]}, share: 1}]", ("floors[0].group", "category")),
    ],
)
def test_a_floor_for_a_group_that_nobody_can_be_in_is_a_fault(text, where):
    with pytest.raises(Faults) as found:
        parse_aims(f"version: 1\nstages: [protection]\n{text}\n")
    assert [(f.where, f.field) for f in found.value.faults] == [where]


def test_aims_are_read_as_other_files_are(tmp_path):
    path = tmp_path / "aims.yaml"
    path.write_bytes("\ufeffversion: 1\nstages: [protection]\n".encode())
    assert [s.name for s in read_aims(path).stages] == ["protection"]
    path.write_bytes(b"version: 1\nstages: [protection] # caf\xe9\n")
    with pytest.raises(Faults, match="UTF-8"):
        read_aims(path)


def test_the_log_says_the_same_once_and_a_broken_line_is_told(tmp_path):
    log = tmp_path / "log.jsonl"
    line = {
        "entry": "override", "case": "C1", "when": "2026-03-02", "by": "Amina", "reason": "sister",
        "proposed": ["North", ""], "override": ["", ""], "predicted_cost": {},
    }  # fmt: skip
    assert (append(log, [line]), append(log, [line])) == (1, 0)
    assert read(log) == [line]
    for broken in (
        '{"entry": "override", "case": "C1"}',
        '{"entry": "talk", "case": "C1"}',
        "[]",
        "{",
    ):
        log.write_text(json.dumps(line) + "\n" + broken + "\n", "utf-8")
        with pytest.raises(Faults) as found:
            read(log)
        assert [f.where for f in found.value.faults] == ["line 2"]
        with pytest.raises(Faults):
            append(log, [line])
