"""From an office's list and its profile to rows that may be kept, or every reason why not."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from onward.errors import Faults
from onward.intake.profile import parse_profile

PROFILE = """
profile: camp-list
calendar: solar_hijri
columns:
  "شماره": person
  "نام و نام خانوادگی": name.full
  "Name": name.full
  "نام پدر": name.father
  "جنسیت": {to: sex, values: {"بانو": female}}
  "تاریخ تولد": birth_date
  "تابعیت": nationality
  "گذرنامه": document.passport
  "خانوار": household
  "نسبت": role
  "Shelter": shelter
  "Remarks": ignore
"""
HEADER = "شماره,نام و نام خانوادگی,Name,نام پدر,جنسیت,تاریخ تولد,تابعیت,گذرنامه,خانوار,نسبت,Shelter,Remarks\n"
ZAHRA = "A-۱,زهرا کریمی,Zahra Karimi,حسن,بانو,۱۳۵۷/۱۱/۲۲,ايران,P 0012,7,سرپرست,Block 4,late\n"
ALI = "A-2,علی کریمی,Ali Karimi,حسن,مرد,1385,Iran,,7,پسر,Block 4,\n"


def test_a_mixed_list_becomes_facts_apart_from_identity(bring_in, write_csv):
    staged = bring_in(write_csv(HEADER + ZAHRA + ALI), PROFILE)
    zahra, ali = staged.accepted()
    assert zahra.facts["sex"] == "female"
    assert zahra.facts["nationality"] == "IRN"
    assert zahra.facts["birth_date"].edtf == "1979-02-11"
    assert ali.facts["birth_date"].edtf == "[2006-03-21..2007-03-20]"
    assert zahra.household == ali.household is not None
    assert (zahra.role, ali.role) == ("head", "child")
    assert zahra.household_facts == {"shelter": "Block 4"}
    assert [(n.part, n.script) for n in zahra.identity.names] == [
        ("full", "Arab"),
        ("full", "Latn"),
        ("father", "Arab"),
    ]
    assert zahra.identity.documents[0][1].key == "P0012"
    told = json.dumps([list(zahra.facts), zahra.key, zahra.household], default=str)
    assert "Zahra" not in told
    assert "A-1" not in told


def test_the_order_of_columns_and_the_keyboard_of_the_headers_do_not_matter(
    bring_in, write_csv
):
    straight = bring_in(write_csv(HEADER + ZAHRA), PROFILE).accepted()
    turned = ",".join(reversed(HEADER.strip().split(","))).replace("ی", "ي") + "\n"
    turned += ",".join(reversed(ZAHRA.strip().split(","))) + "\n"
    again = bring_in(write_csv(turned), PROFILE).accepted()
    assert [(row.key, row.content) for row in again] == [(r.key, r.content) for r in straight]


def test_loading_the_same_list_again_gives_the_same_keys_and_a_correction_only_new_content(
    bring_in, write_csv
):
    first = bring_in(write_csv(HEADER + ZAHRA + ALI), PROFILE).accepted()
    same = bring_in(write_csv(HEADER + ALI + ZAHRA), PROFILE).accepted()
    mended = bring_in(
        write_csv(HEADER + ZAHRA + ALI.replace("1385", "1386")), PROFILE
    ).accepted()
    assert {(r.key, r.content) for r in first} == {(r.key, r.content) for r in same}
    assert [r.key for r in first] == [r.key for r in mended]
    assert [a.content == b.content for a, b in zip(first, mended, strict=True)] == [True, False]


def test_every_fault_of_a_list_is_told_at_once_and_nothing_is_kept(bring_in, write_csv):
    rows = [
        ZAHRA.replace("۱۳۵۷/۱۱/۲۲", "1357/13/22"),
        ALI.replace("A-2", "A-3").replace("مرد", "W").replace("Iran", "Atlantis"),
        ALI.replace("A-2", ""),
        ALI,
        ALI,
        ALI.replace("A-2", "A-4"),
    ]
    staged = bring_in(write_csv(HEADER + "".join(rows)), PROFILE + "most_faulty_percent: 100\n")
    with pytest.raises(Faults) as caught:
        staged.accepted()
    told = str(caught.value)
    for part in ("row 2, تاریخ تولد", "row 3, جنسیت", "row 3, تابعیت", "row 4, شماره"):
        assert part in told
    assert "the same number as row 5" in told
    assert "Atlantis" not in told
    assert "Karimi" not in told
    # The good rows can be kept on their own, while the others go back to the office.
    assert [row.row for row in staged.accepted(partly=True)] == [7]
    assert set(staged.faulty) == {2, 3, 4, 5, 6}


def test_a_list_where_too_many_rows_fail_is_refused_with_the_reason(bring_in, write_csv):
    wrong = "".join(ALI.replace("A-2", f"B{n}").replace("1385", "1985") for n in range(9))
    staged = bring_in(write_csv(HEADER + ZAHRA + wrong), PROFILE)
    with pytest.raises(Faults) as caught:
        staged.accepted(partly=True)
    assert "9 of 10 rows are at fault (90%)" in str(caught.value)
    assert "wrong profile, sheet or calendar" in str(caught.value)


def test_missing_twice_and_unmentioned_columns_are_told_together(bring_in, write_csv):
    header = HEADER.replace("جنسیت", "Name").replace("Remarks", "Extra")
    staged = bring_in(write_csv(header + ZAHRA), PROFILE)
    told = "\n".join(map(str, staged.faults))
    assert "جنسیت: the column is not in the list" in told
    assert "Name: 2 columns of this name" in told
    assert "Extra: a column the profile does not mention" in told


QUESTIONED = """
profile: arrivals
columns:
  No: person
  Arrived: arrived
"""


def test_a_question_keeps_everything_out_until_a_person_answers(bring_in, write_csv):
    path = write_csv("No,Arrived\n1,03/04/1985\n2,13/04/1985\n")
    staged = bring_in(path, QUESTIONED)
    (question,) = staged.questions
    assert question.about == "date_order"
    assert "rows 2" in question.where
    with pytest.raises(Faults):
        staged.accepted(partly=True)
    answered = bring_in(path, QUESTIONED, date_order="month-day-year")
    assert "a month over 12" in str(answered.faults[0])
    answered = bring_in(path, QUESTIONED, date_order="day-month-year")
    assert answered.accepted()[0].facts["arrived"].edtf == "1985-04-03"


def test_dates_only_day_first_beside_dates_only_month_first_are_asked_about(
    bring_in, write_csv
):
    staged = bring_in(write_csv("No,Arrived\n1,13/04/1985\n2,04/13/1985\n"), QUESTIONED)
    assert [question.about for question in staged.questions] == ["date_order"]


def test_true_dates_beside_text_dates_are_suspected_of_being_turned_round(bring_in, write_xlsx):
    rows = [["No", "Arrived"], ["1", dt.date(1985, 4, 3)], ["2", "13/04/1985"]]
    staged = bring_in(write_xlsx(rows), QUESTIONED)
    assert [question.about for question in staged.questions] == ["date_cells"]
    answered = bring_in(write_xlsx(rows), QUESTIONED, date_cells="gregorian")
    assert len(answered.accepted()) == 2


def test_document_numbers_that_a_spreadsheet_turned_into_numbers_are_refused(
    bring_in, write_xlsx
):
    profile = "profile: docs\ncolumns: {No: person, ID: document.national_id}\n"
    staged = bring_in(
        write_xlsx([["No", "ID"], ["1", 12345678901234567890], ["2", 4312], ["3", "004312"]]),
        profile + "most_faulty_percent: 100\n",
    )
    assert set(staged.faulty) == {2, 3}
    assert staged.accepted(partly=True)[0].identity.documents[0][1].printed == "004312"


def test_ages_on_a_date_become_birth_intervals(bring_in, write_csv):
    profile = (
        "profile: ages\ncolumns:\n  No: person\n  Age: {to: birth_date, age_on: 2026-01-31}\n"
    )
    (row,) = bring_in(write_csv("No,Age\n1,۱۷\n"), profile).accepted()
    assert row.facts["birth_date"].edtf == "[2008-02-01..2009-01-31]"


def test_members_of_one_household_must_agree_on_what_is_the_households(bring_in, write_csv):
    staged = bring_in(write_csv(HEADER + ZAHRA + ALI.replace("Block 4", "Block 5")), PROFILE)
    assert "not the same as row 2 of the same household" in str(staged.faults[0])


EVENTS = """
profile: interviews
rows: events
numbers: camp-list
event: {kind: interview_held}
columns: {Case no: person, Held on: event.date, Interpreter: remark}
"""


def test_a_list_of_events_names_people_by_the_offices_number(bring_in, write_csv):
    path = write_csv("Case no,Held on,Interpreter\nA-1,2025-03-04,own\nA-1,2025-06-01,own\n")
    first, second = bring_in(path, EVENTS).accepted()
    assert first.event[0] == "interview_held"
    assert first.event[1].edtf == "2025-03-04"
    assert first.person == second.person
    assert first.key != second.key
    (zahra,) = bring_in(write_csv(HEADER + ZAHRA), PROFILE).accepted()
    assert first.person == zahra.key


def test_a_repeated_group_is_read_beside_its_submission(bring_in, write_csv):
    path = write_csv(
        '{"camp":"A","members":[{"members/no":"1","members/sex":"female"},'
        '{"members/no":"2","members/sex":"male"}]}\n',
        name="kobo.jsonl",
    )
    profile = """
profile: form
sheet: members
parent: {sheet: main}
columns:
  members/no: person
  members/sex: sex
  _index: ignore
  _parent_index: household
  ../camp: shelter
"""
    first, second = bring_in(path, profile).accepted()
    assert first.household_facts == second.household_facts == {"shelter": "A"}
    assert (first.facts["sex"], second.facts["sex"]) == ("female", "male")


def test_facts_that_identify_go_to_the_vault_whatever_the_rulebook_calls_them(
    bring_in, write_csv
):
    profile = "profile: notes\ncolumns: {No: person, Fear: fear_note}\n"
    (row,) = bring_in(write_csv("No,Fear\n1,told in private\n"), profile).accepted()
    assert "fear_note" not in row.facts
    assert row.identity.sealed == {"fear_note": "told in private"}


def test_hidden_control_characters_put_their_row_at_fault(bring_in, write_csv):
    path = write_csv("No,Arrived\n\u202e1,1985-02-13\n2,1985-02-13\n")
    staged = bring_in(path, QUESTIONED + "most_faulty_percent: 100\n")
    assert [row.row for row in staged.accepted(partly=True)] == [3]


def test_every_fault_of_a_profile_is_told_at_once_with_its_line(facts):
    text = """profile: Camp List
rows: persons
calender: solar_hijri
columns:
  Sex: {to: sexx}
  Born: {to: birth_date, calendar: solar}
  Other: {to: sex, values: {W: woman}}
  Home: household
  Home2: household
constants: {nothing: 1}
"""
    with pytest.raises(Faults) as caught:
        parse_profile(text, facts, file="camp.yaml")
    told = str(caught.value)
    for part in (
        "line 1, profile",
        'line 2, rows: found "persons"; expected people or events',
        "line 3, calender: a key this file may not have",
        "Did you mean calendar?",
        'line 5, to: "sexx" is neither a declared fact nor an identity part',
        'line 6, calendar: found "solar"',
        "line 7, Other: a value map that leads to a value not allowed",
        "household: two columns for it",
        "line 10, nothing",
        "nothing says who a row is about",
    ):
        assert part in told, part


def test_yaml_does_not_turn_headers_or_words_into_yes_and_no(facts):
    profile = parse_profile(
        "profile: p\ncolumns:\n  No: person\n  On: {to: affiliated, values: {oui: yes}}\n",
        facts,
    )
    assert [rule.header for rule in profile.columns] == ["No", "On"]
    assert profile.columns[1].options.values == {"oui": "yes"}


@pytest.mark.parametrize("text", ["", "- a", "a: [", "a: b\na: c", "x: &a [*a]"])
def test_a_profile_that_is_no_profile_is_refused(facts, text):
    with pytest.raises(Faults):
        parse_profile(text, facts)


def test_a_secret_too_short_to_protect_anything_is_refused(write_csv, facts):
    from onward.intake.read import read
    from onward.intake.stage import stage

    profile = parse_profile("profile: p\ncolumns: {No: person}\n", facts)
    with pytest.raises(ValueError, match="16 bytes"):
        stage(read(write_csv("No\n1\n")), profile, facts, secret=b"short")
