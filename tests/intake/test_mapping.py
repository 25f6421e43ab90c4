"""Suggesting what columns are, and giving faulty rows back ready to be corrected."""

from __future__ import annotations

import pytest

from onward.errors import Faults
from onward.intake.corrections import faulty_rows
from onward.intake.mapping import draft_profile, suggest_columns
from onward.intake.profile import parse_profile
from onward.intake.read import read
from onward.intake.stage import stage

SECRET = b"a key of the demonstration operation"


def targets(header, rows, facts):
    return [s.to for s in suggest_columns(header, rows, facts)]


@pytest.mark.parametrize(
    "header",
    [
        ["Individual ID", "Full name", "Father's name", "Sex", "Date of birth", "Nationality"],
        ["Matricule", "Nom complet", "Nom du père", "Sexe", "Date de naissance", "Nationalité"],
        ["رقم الفرد", "الاسم الكامل", "اسم الأب", "الجنس", "تاريخ الميلاد", "الجنسية"],
        ["شماره فردی", "نام و نام خانوادگی", "نام پدر", "جنسیت", "تاریخ تولد", "تابعیت"],
    ],
)
def test_headers_in_four_languages_are_recognised(header, facts):
    rows = [("1", "x", "y", "F", "1985-02-13", "Iran")] * 5
    assert targets(header, rows, facts) == [
        "person",
        "name.full",
        "name.father",
        "sex",
        "birth_date",
        "nationality",
    ]


def test_headers_inside_longer_ones_and_form_paths_are_recognised(facts):
    header = ["members/sex", "Date of birth (dd/mm/yyyy)", "Mystery"]
    rows = [("female", "13/02/1985", "q")] * 5
    assert targets(header, rows, facts) == ["sex", "birth_date", None]


def test_cells_tell_what_a_nameless_column_is(facts):
    rows = [("زن", "Iraq"), ("مرد", "ایران"), ("زن", "Syria"), ("مرد", "IRQ")] * 3
    assert targets(["A", "B"], rows, facts) == ["sex", "nationality"]


def test_what_a_person_must_say_is_marked_and_never_filled_in(facts, write_csv):
    path = write_csv("No,Sex,Date of birth,Weather\n" + "1,W,1365/02/03,wet\n" * 5)
    text = draft_profile(read(path), facts, name="camp-list")
    assert '"calendar": "solar_hijri?"' in text.replace("calendar:", '"calendar":')
    assert '"W": "?"' in text
    assert '"Weather": "ignore?"' in text
    with pytest.raises(Faults):
        parse_profile(text, facts)
    answered = (
        text.replace('"solar_hijri?"', "solar_hijri")
        .replace('"?"', "female")
        .replace('"ignore?"', "ignore")
    )
    assert parse_profile(answered, facts).columns[2].options.dates.calendar == "solar_hijri"


def test_a_list_that_leaves_no_question_gives_a_profile_that_loads(facts, write_csv):
    path = write_csv(
        "No,Sex,Date of birth\n" + "".join(f"{n},F,1985-02-13\n" for n in range(4))
    )
    profile = parse_profile(draft_profile(read(path), facts, name="camp-list"), facts)
    assert len(stage(read(path), profile, facts, secret=SECRET).accepted()) == 4


PROFILE = """
profile: camp-list
header_row: 2
most_faulty_percent: 100
columns: {No: person, Sex: sex, Born: birth_date, Remark: remark}
"""


def test_faulty_rows_come_back_with_reasons_and_load_again_once_corrected(
    facts, write_xlsx, tmp_path
):
    profile = parse_profile(PROFILE, facts)
    source = write_xlsx(
        [
            ["A list"],
            ["No", "Sex", "Born", "Remark"],
            ["1", "F", "1985", "fine"],
            ["2", "W", "1985-13-01", "=1+1"],
            ["3", "M", "soon", None],
        ]
    )
    reading = read(source)
    staged = stage(reading, profile, facts, secret=SECRET)
    assert [row.row for row in staged.accepted(partly=True)] == [3]

    returned = tmp_path / "faulty.xlsx"
    returned.write_bytes(faulty_rows(reading, staged))
    rows = read(returned).sheets["List"].rows
    assert rows[1][:3] == ("Onward: row", "Onward: what to correct", "No")
    assert [row[0] for row in rows[2:]] == [4, 5]
    assert "Sex: a word or code this list may not use; expected female" in rows[2][1]
    assert "Born: " in rows[2][1]
    assert rows[2][5] == "=1+1"

    mended = [list(row) for row in rows]
    mended[2][3], mended[2][4], mended[3][4] = "F", "1985-12-01", "1990"
    again = stage(
        read(write_xlsx(mended, name="mended.xlsx")), profile, facts, secret=SECRET
    ).accepted()
    assert [row.identity.office_number for row in again] == ["2", "3"]


def test_where_nothing_is_wrong_there_is_nothing_to_give_back(facts, write_csv):
    profile = parse_profile("profile: p\ncolumns: {No: person}\n", facts)
    reading = read(write_csv("No\n1\n"))
    with pytest.raises(ValueError, match="no row"):
        faulty_rows(reading, stage(reading, profile, facts, secret=SECRET))
