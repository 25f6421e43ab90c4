"""Opening a stranger's file: what is read, what is asked, what is refused."""

from __future__ import annotations

import datetime as dt
import io
import subprocess
import sys
import zipfile

import pytest
import xlsxwriter

from onward.errors import Faults
from onward.intake.read import Limits, read


def rows_of(path, **how):
    reading = read(path, **how)
    assert not reading.questions, reading.questions
    return list(next(iter(reading.sheets.values())).rows)


def refusal(path, **how):
    with pytest.raises(Faults) as caught:
        read(path, **how)
    return str(caught.value)


def changed(path, change):
    """The workbook with its parts passed through `change(name, bytes) -> bytes or None`."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "؛"])
def test_a_list_with_any_common_delimiter_is_read_and_the_reader_is_told_which(
    write_csv, delimiter
):
    path = write_csv(f"number{delimiter}نام\n007{delimiter}زهرا\n")
    reading = read(path)
    assert list(reading.sheets[""].rows) == [("number", "نام"), ("007", "زهرا")]
    assert reading.delimiter == delimiter
    assert "UTF-8" in reading.notices[0]


def test_a_list_that_is_not_unicode_is_asked_about_and_never_guessed(write_csv):
    path = write_csv("number;اسم\n1;سلام دنيا\n", encoding="cp1256")
    reading = read(path)
    assert not reading.sheets
    (question,) = reading.questions
    assert question.about == "encoding"
    assert question.options[0].value == "cp1256"
    assert "سلام" in question.options[0].preview
    assert rows_of(path, encoding="cp1256")[1] == ("1", "سلام دنيا")


def test_two_delimiters_that_fit_equally_well_are_asked_about(write_csv):
    path = write_csv("a;b,c\n1;2,3\n")
    (question,) = read(path).questions
    assert question.about == "delimiter"
    assert {option.label for option in question.options} == {"comma", "semicolon"}
    assert rows_of(path, delimiter="comma") == [("a;b", "c"), ("1;2", "3")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_settles_the_encoding(write_csv, encoding):
    assert rows_of(write_csv("a,b\nژ,2\n", encoding=encoding)) == [("a", "b"), ("ژ", "2")]


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,"two\n3,four\n5,six\n',  # never closed
        'a,b\n1,"two\n3,"four"\n',  # closed by the next one
        'a,b,c\n1,"x\n2,y,z\n3,q",9\n',  # closed in front of a delimiter: rows swallowed
        'a,b\n1,"two"three\n',
    ],
)
def test_a_lost_quotation_mark_is_refused_with_its_line(write_csv, text):
    told = refusal(write_csv(text), delimiter=",")
    assert "quotation mark" in told
    assert "line 2" in told


def test_nul_bytes_are_refused_with_their_line(write_csv):
    assert "line 2" in refusal(write_csv("a,b\n1,\x00\n"))


def test_bytes_of_a_second_encoding_under_a_mark_are_refused(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_bytes("a,b\nژ,1\n".encode("utf-8-sig") + "é,2\n".encode("cp1252"))
    assert "two encodings are mixed" in refusal(path)


def test_a_workbook_keeps_text_numbers_and_dates_apart_and_counts_rows_as_the_screen_does(
    write_xlsx,
):
    path = write_xlsx([[], ["number", "born"], ["007", dt.date(1979, 2, 11)], [7, "1357"]])
    assert rows_of(path) == [
        (),
        ("number", "born"),
        ("007", dt.date(1979, 2, 11)),
        (7, "1357"),
    ]


def test_hidden_sheets_rows_columns_and_formulas_are_reported(tmp_path):
    path = tmp_path / "hidden.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("List")
        page.write_row(0, 0, ["a", "b"])
        page.write_row(1, 0, [1, 2])
        page.write_formula(2, 0, "=1+1", None, 2)
        page.set_row(1, None, None, {"hidden": True})
        page.set_column(1, 1, None, None, {"hidden": True})
        book.add_worksheet("Secret").hide()
    notices = " ".join(read(path).notices)
    assert '1 hidden sheets: "Secret"' in notices
    assert "1 hidden rows (2)" in notices
    assert "hidden columns (B)" in notices
    assert "1 formulas" in notices


def test_two_filled_sheets_are_asked_about_unless_one_is_named(tmp_path):
    path = tmp_path / "two.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("Women", "Men"):
            book.add_worksheet(name).write_row(0, 0, [name])
    (question,) = read(path).questions
    assert [option.value for option in question.options] == ["Women", "Men"]
    assert rows_of(path, sheets=["Men"]) == [("Men",)]
    assert "Women, Men" in refusal(path, sheets=["Children"])


def test_formula_errors_become_faults_and_never_empty_cells(tmp_path):
    path = tmp_path / "errors.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["a", "b"])
        page.write_formula(1, 1, "=1/0", None, "#DIV/0!")
    (fault,) = read(path).faults
    assert (fault.where, fault.field) == ("row 2", "column B")


def test_formulas_whose_values_were_never_saved_are_refused(write_xlsx):
    path = write_xlsx([["a"], ["x"]])
    changed(
        path,
        lambda name, data: (
            data.replace(
                b"</sheetData>", b'<row r="3"><c r="A3"><f>A2</f></c></row></sheetData>'
            )
            if name.endswith("sheet1.xml")
            else data
        ),
    )
    assert "without a stored value" in refusal(path)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("xl/vbaProject.bin", "macros"),
        ("xl/macrosheets/sheet1.xml", "macros"),
        ("xl/externalLinks/externalLink1.xml", "other files"),
        ("xl/connections.xml", "other files"),
        ("xl/embeddings/object.bin", "other files inside"),
    ],
)
def test_macros_links_and_embedded_files_are_refused(write_xlsx, part, told):
    path = write_xlsx([["a"], ["x"]])
    with zipfile.ZipFile(path, "a") as book:
        book.writestr(part, b"<x/>")
    assert told in refusal(path)


def test_a_macro_workbook_is_refused_by_its_name_too(write_xlsx):
    assert "macros" in refusal(write_xlsx([["a"]], name="list.xlsm"))


def test_an_entity_bomb_is_refused(write_xlsx):
    path = changed(
        write_xlsx([["a"], ["x"]]),
        lambda name, data: (
            b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + data if name.endswith("sheet1.xml") else data
        ),
    )
    assert "entities" in refusal(path)


def test_a_workbook_that_unpacks_without_end_is_refused(write_xlsx):
    path = write_xlsx([["a"], ["x"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet9.xml", b" " * 30_000_000)
    assert "unpacks to far more" in refusal(path)


def test_a_cell_in_a_far_corner_does_not_cost_the_machine(write_xlsx):
    path = changed(
        write_xlsx([["a"], ["x"]]),
        lambda name, data: (
            data.replace(
                b"</sheetData>",
                b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>',
            )
            if name.endswith("sheet1.xml")
            else data
        ),
    )
    assert "columns" in refusal(path)


def test_password_protected_and_old_workbooks_are_told_apart(tmp_path):
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512
    locked = tmp_path / "locked.xlsx"
    locked.write_bytes(ole + "EncryptedPackage".encode("utf-16-le"))
    assert "password" in refusal(locked)
    old = tmp_path / "old.xls"
    old.write_bytes(ole)
    assert "old binary workbook" in refusal(old)


@pytest.mark.parametrize("length", [0, 10, 100, 2000, 4000])
def test_a_workbook_cut_short_is_refused_and_nothing_of_it_is_kept(write_xlsx, length):
    path = write_xlsx([["a"], ["x"]])
    path.write_bytes(path.read_bytes()[:length])
    assert refusal(path)


def test_limits_on_size_rows_columns_and_cells_are_kept(write_csv):
    assert "at most 0 MB" in refusal(write_csv("a,b\n"), limits=Limits(file_bytes=2))
    assert "at most 3 rows" in refusal(write_csv("a\n" * 9), limits=Limits(rows=3))
    assert "2 columns" in refusal(write_csv("a,b,c\n1,2,3\n"), limits=Limits(columns=2))
    assert "40 characters" in refusal(
        write_csv("a,b\n1," + "x" * 50 + "\n"), limits=Limits(cell_characters=40)
    )


def test_hidden_direction_overrides_are_faults_in_their_cell(write_csv):
    (fault,) = read(write_csv("a,b\n1,\u202e12\n")).faults
    assert (fault.where, fault.field) == ("row 2", "column B")


def test_json_lines_and_kobo_submissions_with_repeats_are_read(write_csv):
    path = write_csv(
        '{"home/camp":"A","members":[{"members/name":"x"},{"members/name":"y"}]}\n'
        '{"home/camp":"B","members":[{"members/name":"z"}]}\n',
        name="kobo.jsonl",
    )
    (question,) = read(path).questions
    assert [option.value for option in question.options] == ["main", "members"]
    reading = read(path, sheets=["members", "main"])
    assert list(reading.sheets["members"].rows)[1:] == [("x", 1, 1), ("y", 2, 1), ("z", 3, 2)]


def test_json_with_a_key_twice_or_cut_short_is_refused_with_its_line(write_csv):
    assert "line 2" in refusal(write_csv('{"a":1}\n{"a":1,"a":2}\n', name="x.jsonl"))
    assert "line 2" in refusal(write_csv('{"a":1}\n{"a":1,\n', name="x.jsonl"))


@pytest.mark.parametrize(
    "attempt", ["socket.socket()", "open('/etc/hostname')", "os.open('/tmp', os.O_RDONLY)"]
)
def test_the_locked_process_opens_no_connection_and_no_file(attempt):
    program = (
        "import os, socket, sys; from onward.intake.parse import walls; "
        f"walls.lock_down(512 << 20, 30); {attempt}; print('opened')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode != 0
    assert "opened" not in done.stdout
    assert "Too many open files" in done.stderr


def test_the_locked_process_has_little_memory():
    program = "from onward.intake.parse import walls; walls.lock_down(256 << 20, 30); x = bytearray(300 << 20)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "MemoryError" in done.stderr


def test_cells_without_their_own_address_hide_no_formula_error(write_xlsx):
    path = changed(
        write_xlsx([["a"], ["x"]]),
        lambda name, data: (
            data.replace(b"</sheetData>", b'<row><c t="e"><v>#REF!</v></c></row></sheetData>')
            if name.endswith("sheet1.xml")
            else data
        ),
    )
    assert "formula errors" in read(path).faults[0].found


def test_no_message_repeats_a_cell(write_csv):
    told = refusal(write_csv('name,b\nSecretperson,"two\n3,four\n'), delimiter=",")
    assert "Secretperson" not in told


def test_a_file_that_is_not_read_in_time_is_refused_with_what_to_do(write_csv):
    path = write_csv("number,remark\nA1,x\n")
    with pytest.raises(Faults, match=r"not read after 0 seconds.*busy"):
        read(path, limits=Limits(wall_seconds=0))


def test_a_preview_shows_no_character_that_steers_a_terminal(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("رقم;الاسم\n1;أمينة\x1b[2J\n".encode("cp1256") + b"2;\x9b2J\xc7\n")
    (question,) = read(path).questions
    previews = "".join(option.preview for option in question.options)
    assert "أمينة" in previews
    assert all(c.isprintable() or c == "\n" for c in previews)


def test_a_control_character_in_a_cell_is_a_fault(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("number,remark\nA1,\u009b2J\n".encode())
    (fault,) = read(path).faults
    assert (fault.where, fault.field) == ("row 2", "column B")


@pytest.mark.parametrize("name", ["a\u009b2J", "a\u202eb"])
def test_a_sheet_name_that_steers_a_terminal_is_refused(name, write_xlsx):
    path = write_xlsx([["number"], ["A1"]], sheet=name)
    with pytest.raises(Faults, match="Rename the sheet") as refused:
        read(path)
    assert name not in str(refused.value)
