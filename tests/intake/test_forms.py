"""Forms go out in five languages and what comes back loads without mapping."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from pyxform.xls2xform import convert

from onward.errors import Faults
from onward.intake.forms import LANGUAGES, Label, spreadsheet_template, xlsform
from onward.intake.profile import parse_profile
from onward.intake.read import read
from onward.intake.stage import stage

SECRET = b"a key of the demonstration operation"


def form(facts, **how):
    settings = {"form_id": "camp_survey", "version": "2026013101", "demonstration": True}
    return xlsform(facts, **(settings | how))


def test_the_form_converts_and_asks_every_fact_in_five_languages(facts, tmp_path):
    path = tmp_path / "form.xlsx"
    path.write_bytes(form(facts).content)
    made = convert(str(path)).xform
    for tag, language in LANGUAGES.items():
        assert f'lang="{language} ({tag})"' in made
    for name in facts:
        assert f"/{name}" in made
    assert 'jr:template=""' in made
    assert "2026013101" in made


@pytest.mark.slow
def test_the_form_passes_full_validation(facts, tmp_path):
    path = tmp_path / "form.xlsx"
    path.write_bytes(form(facts).content)
    assert convert(str(path), validate=True).warnings is not None


def test_a_form_about_people_is_encrypted_outside_a_demonstration(facts, tmp_path):
    with pytest.raises(ValueError, match="public_key"):
        form(facts, demonstration=False)
    path = tmp_path / "form.xlsx"
    path.write_bytes(form(facts, demonstration=False, public_key="MIIBIjANBg").content)
    assert 'base64RsaPublicKey="MIIBIjANBg"' in convert(str(path)).xform


def test_labels_nobody_approved_are_marked_as_drafts(facts, tmp_path):
    approved = Label("sex", "fa", "جنسیت", "2", "A translator", "A protection officer")
    draft, settled = form(facts), form(facts, labels=[approved])
    assert "sex (fa)" in draft.drafts
    assert "sex (fa)" not in settled.drafts
    path = tmp_path / "form.xlsx"
    path.write_bytes(settled.content)
    rows = read(path, sheets=["survey"]).sheets["survey"].rows
    labels = next(row for row in rows if row[1] == "sex")
    assert labels[2] == "Sex"
    assert "جنسیت" in labels
    assert any("[projet]" in str(cell) for cell in labels)


def test_submissions_of_the_form_load_without_mapping(facts, tmp_path):
    made = form(facts, calendar="solar_hijri")
    profile = parse_profile(made.profile, facts)
    path = tmp_path / "submissions.json"
    member = {
        "members/person_number": "A-1",
        "members/role": "head",
        "members/name_full": "زهرا کریمی",
        "members/sex": "female",
        "members/birth_date": "1357/11",
        "members/nationality": "IRN",
        "members/affiliated": "no",
        "members/needs": "WR CR",
    }
    child = {"members/person_number": "A-2", "members/role": "child", "members/sex": "male"}
    path.write_text(
        json.dumps(
            {
                "results": [
                    {
                        "_id": 1,
                        "household_number": "7",
                        "shelter": "B4",
                        "members": [member, child],
                    }
                ]
            }
        )
    )
    reading = read(path, sheets=profile.sheets)
    first, second = stage(reading, profile, facts, secret=SECRET).accepted()
    assert first.facts["affiliated"] is False
    assert first.facts["needs"] == ("CR", "WR")
    assert first.facts["birth_date"].edtf == "[1979-01-21..1979-02-19]"
    assert first.household == second.household is not None
    assert first.household_facts == {"shelter": "B4"}


def test_answers_of_odk_central_load_the_same(facts, tmp_path):
    profile = parse_profile(form(facts).profile, facts)
    path = tmp_path / "central.json"
    path.write_text(
        json.dumps(
            {
                "value": [
                    {
                        "household_number": "7",
                        "members": [{"person_number": "A-1", "sex": "male"}],
                    }
                ]
            }
        )
    )
    reading = read(path, sheets=profile.sheets)
    (row,) = stage(reading, profile, facts, secret=SECRET).accepted()
    assert row.facts == {"sex": "male"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_spreadsheet_template_is_read_back_under_its_own_profile(
    facts, tmp_path: Path, write_xlsx, language
):
    made = spreadsheet_template(facts, language=language, name="camp-template")
    path = tmp_path / "template.xlsx"
    path.write_bytes(made.content)
    book = read(path, sheets=["People", "Answers"]).sheets
    header = list(book["People"].rows[0])
    answers = book["Answers"].rows
    profile = parse_profile(made.profile, facts)
    at = {rule.to: header.index(rule.header) for rule in profile.columns}
    row: list = [None] * len(header)
    row[at["person"]], row[at["household"]] = "A-1", "7"
    row[at["sex"]] = answers[1][at["sex"]]
    row[at["role"]] = answers[1][at["role"]]
    row[at["affiliated"]] = answers[1][at["affiliated"]]
    filled = write_xlsx([header, row], sheet="People")
    staged = stage(read(filled, sheets=["People"]), profile, facts, secret=SECRET)
    (one,) = staged.accepted()
    assert one.facts == {"sex": "female", "affiliated": True}
    assert one.role == "head"


def test_an_unknown_language_is_refused(facts):
    with pytest.raises(ValueError, match="languages"):
        form(facts, languages=["xx"])


def members_of(path: Path, made, facts):
    profile = parse_profile(made.profile, facts)
    reading = read(path, sheets=profile.sheets)
    return stage(reading, profile, facts, secret=SECRET).accepted()


def test_every_export_of_the_form_loads_to_the_same_people(facts, tmp_path):
    """The JSON of both servers, the workbook of one and the archive of CSV files of the other."""
    made = form(facts)
    answers = [{"person_number": "A-1", "role": "head", "sex": "female", "birth_date": "1990"},
               {"person_number": "A-2", "role": "child", "sex": "male", "birth_date": "2015"}]  # fmt: skip
    kobo = tmp_path / "kobo.json"
    kobo.write_text(json.dumps({"results": [
        {"household_number": "7", "shelter": "B4",
         "members": [{f"members/{k}": v for k, v in one.items()} for one in answers]}]}))  # fmt: skip
    central = tmp_path / "central.json"
    central.write_text(json.dumps({"value": [
        {"household_number": "7", "shelter": "B4", "members": answers}]}))  # fmt: skip
    columns = list(answers[0])
    archive = tmp_path / "central.zip"
    with zipfile.ZipFile(archive, "w") as book:
        book.writestr("camp_survey.csv", "household_number,shelter,KEY\n7,B4,uuid:1\n")
        rows = "".join(",".join([*one.values(), "uuid:1", f"uuid:1/{n}"]) + "\n"
                       for n, one in enumerate(answers))  # fmt: skip
        book.writestr(
            "camp_survey-members.csv", ",".join([*columns, "PARENT_KEY", "KEY"]) + "\n" + rows
        )
    books = []
    for name, prefix in (("kobo.xlsx", "members/"), ("short.xlsx", "")):
        path = tmp_path / name
        with xlsxwriter.Workbook(path) as book:
            page = book.add_worksheet("Camp survey")
            page.write_row(0, 0, ["household_number", "shelter", "_index"])
            page.write_row(1, 0, ["7", "B4", 1])
            page = book.add_worksheet("members")
            page.write_row(0, 0, [*(prefix + c for c in columns), "_index", "_parent_index"])
            for n, one in enumerate(answers, 1):
                page.write_row(n, 0, [*one.values(), n, 1])
        books.append(path)
    found = [members_of(path, made, facts) for path in (kobo, central, archive, *books)]
    keys = [[(row.key, row.content, row.household) for row in rows] for rows in found]
    assert len(keys[0]) == 2
    assert all(one == keys[0] for one in keys)


@pytest.mark.parametrize(
    "names",
    [["a.csv", "b.csv"], ["a.csv", "a-b.csv", "c.csv"], ["a.csv", "a-b.exe"], ["a.xml"]],
)
def test_an_archive_that_is_no_export_of_one_form_is_refused(names, tmp_path):
    path = tmp_path / "lists.zip"
    with zipfile.ZipFile(path, "w") as book:
        for name in names:
            book.writestr(name, "person_number,KEY\nA-1,1\n")
    with pytest.raises(Faults, match="Unpack it"):
        read(path)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("a.csv", "number,KEY\n" + "1,2\n" * 2_000_000)
    with pytest.raises(Faults, match="unpacks to far more"):
        read(path)
