"""Importing step by step from a terminal, and by the short way that stops with its questions.

Amina brings lists into an invented camp. Two lists name the same people under other numbers and
spellings; nobody is doubled and nobody merged without a decision, nothing is kept unseen, and
everything can be taken back.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openpyxl import load_workbook
from typer.testing import CliRunner

from onward.cli.main import app
from onward.errors import OnwardError
from onward.intake.profile import parse_profile
from onward.registry import Settings, create_operation, open_operation
from onward.registry.importing.commit import Importer
from onward.rulebook import shipped_path

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas"
REGISTER = """No,Family,Name,Father,Sex,Born,Relation
1,A,Amina Mazoudi,Karim,F,1980-05-03,head
2,A,Bilal Mazoudi,Karim,M,1984-07-04,sibling
3,B,Chantal Rasho,Dawit,F,1991-02-11,head
4,B,Elias Rasho,Hanna,M,1989-12-30,spouse
5,C,Farhad Qasemi,Yusuf,M,1975-09-09,head
"""
PROFILE = """profile: register
rows: people
file: {encoding: utf-8, delimiter: comma}
calendar: gregorian
date_order: year-month-day
effective: 2026-01-15
columns: {"No": person, "Family": household, "Name": name.full, "Father": name.father, "Sex": sex, "Born": birth, "Relation": role}
"""
# Another agency's list: its own numbers, one of the same people, two newcomers.
OTHER = """No,Name,Father,Sex,Born
X1,Aminah Mas'oudi,Kareem,F,1980-05-03
X2,Gulan Omar,Salih,F,1999-01-20
X3,Hiwa Ahmed,Rashid,M,1968-03-30
"""
OTHER_PROFILE = """profile: other
rows: people
file: {encoding: utf-8, delimiter: comma}
calendar: gregorian
date_order: year-month-day
effective: 2026-02-01
columns: {"No": person, "Name": name.full, "Father": name.father, "Sex": sex, "Born": birth}
"""
NAMES = ("Amina", "Mazoudi", "Rasho", "Qasemi", "Mas'oudi", "Gulan", "Kareem", "Salih")


class Done:
    """What a command did: its exit code and what it said where."""

    def __init__(self, words: list[object]) -> None:
        result = CliRunner().invoke(app, [str(word) for word in words])
        refused = isinstance(result.exception, OnwardError)
        if result.exception is not None and not refused and not isinstance(result.exception, SystemExit):  # fmt: skip
            raise result.exception
        self.code = result.exception.exit_code if refused else result.exit_code
        self.out = result.stdout
        self.err = result.stderr + (f"{result.exception}\n" if refused else "")

    @property
    def data(self):
        return json.loads(self.out)


class Desk:
    """Amina's folder: the operation beside her lists."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.camp = folder, folder / "camp"
        create_operation(
            self.camp,
            Settings(id="camp", title="Camp", kind="protected-camp", demonstration=True),
            rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
            effective="2026-01-01",
            by="administrator",
        )
        for name, text in (
            ("register.csv", REGISTER), ("register.yaml", PROFILE),
            ("other.csv", OTHER), ("other.yaml", OTHER_PROFILE),
        ):  # fmt: skip
            self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text, "utf-8")
        return self.folder / name

    def do(self, step: str, name: str, *words: object) -> Done:
        """One step with one of her lists and its profile."""
        file, profile = self.folder / f"{name}.csv", self.folder / f"{name}.yaml"
        command = ["import"] if step == "import" else ["intake", step]
        return Done([*command, self.camp, file, "--profile", profile, *words])

    @property
    def operation(self):
        return open_operation(self.camp)

    def people(self) -> list[dict[str, object]]:
        return self.operation.caseload().people.to_pylist()


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def code_of(done: Done) -> str:
    (pair,) = [one["pair"] for one in done.data["pairs"] if one["open"]]
    return pair


# -- every step


def test_every_step_prints_data_in_its_published_form_and_names_nobody(desk):
    one, other = desk.folder / "register.csv", desk.folder / "other.csv"
    profile = ["--profile", desk.folder / "register.yaml"]
    theirs = ["--profile", desk.folder / "other.yaml"]
    steps = [
        ("intake-read", ["intake", "read", one], 0),
        ("intake-map", ["intake", "map", desk.camp, one], 0),
        ("intake-check", ["intake", "check", desk.camp, one, *profile], 0),
        ("intake-match", ["intake", "match", desk.camp, one, *profile], 0),
        ("intake-review", ["intake", "review", desk.camp, one, *profile], 0),
        ("intake-commit", ["intake", "commit", desk.camp, one, *profile], 0),
        ("intake-match", ["intake", "match", desk.camp, other, *theirs], 0),
        ("intake-review", ["intake", "review", desk.camp, other, *theirs], 1),
        ("intake-commit", ["intake", "commit", desk.camp, other, *theirs], 1),
        ("import", ["import", desk.camp, other, *theirs], 1),
        ("import", ["import", desk.camp, other, *theirs, "--ask-open"], 0),
        ("intake-review", ["intake", "review", desk.camp], 1),
        ("intake-receipts", ["intake", "receipts", desk.camp], 0),
        ("intake-undo", ["intake", "undo", desk.camp], 0),
        ("intake-undo", ["intake", "undo", desk.camp], 0),
    ]
    for name, words, code in steps:
        done = Done([*words, "--json"])
        assert done.code == code, (words, done.err)
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
        faults = [e.message for e in Draft202012Validator(schema).iter_errors(done.data)]
        assert faults == [], words
        for word in NAMES:
            assert word not in done.out + done.err, words


def test_nothing_is_written_before_the_commit(desk):
    head = desk.operation.store.head()
    Done(["intake", "read", desk.folder / "register.csv"])
    for step in ("check", "match", "review"):
        assert desk.do(step, "register").code == 0
    assert desk.operation.store.head() == head
    assert not list((desk.camp / "imports").iterdir())
    assert not (desk.camp / "vault" / "identities.jsonl").exists()
    assert desk.do("commit", "register").code == 0
    assert len(desk.people()) == 5


def test_an_encoding_is_asked_for_with_a_preview_and_never_guessed(desk):
    file = desk.folder / "persian.csv"
    file.write_bytes("رقم;الاسم\n1;أمينة\n".encode("cp1256"))
    done = Done(["intake", "read", file])
    assert done.code == 1
    assert "--encoding" in done.out
    assert "أمينة" in done.out
    assert "أمينة" not in Done(["intake", "read", file, "--json"]).out
    read = Done(["intake", "read", file, "--encoding", "cp1256", "--json"])
    assert (read.code, read.data["encoding_by"]) == (0, "stated")


def test_a_drafted_profile_does_not_load_before_its_questions_are_answered(desk):
    file = desk.write(
        "new.csv", "No,Name,DOB\n1,Amina Star,03/05/1980\n2,Bilal Star,04/06/1984\n"
    )
    saved = desk.folder / "new.yaml"
    done = Done(["intake", "map", desk.camp, file, "-o", saved])
    assert (done.code, "1 to answer" in done.err) == (0, True)
    assert Done(["intake", "map", desk.camp, file, "-o", saved]).code == 2
    assert Done(["intake", "check", desk.camp, file, "--profile", saved]).code == 2
    saved.write_text(saved.read_text("utf-8").replace('"?"', "day-month-year"), "utf-8")
    checked = Done(["intake", "check", desk.camp, file, "--profile", saved, "--json"])
    assert checked.data["would"]["added"] == 2


def test_a_date_that_fits_two_orders_is_asked_about_and_can_be_answered_at_once(desk):
    desk.write("register.yaml", PROFILE.replace("date_order: year-month-day\n", ""))
    desk.write("register.csv", REGISTER.replace("1980-05-03", "03/05/1980"))
    done = desk.do("import", "register")
    assert done.code == 1
    assert "date_order" in done.err
    assert desk.do("import", "register", "--answer", "date_order=day-month-year").code == 0
    births = {str(one["birth_first"]) for one in desk.people()}
    assert "1980-05-03" in births


def test_faulty_rows_come_back_in_a_workbook_and_mended_are_loaded_without_doubling(desk):
    desk.write("register.csv", REGISTER.replace("1991-02-11", "1991-22-11"))
    mend = desk.folder / "mend.xlsx"
    done = desk.do("import", "register", "--partly", "--faulty", mend)
    assert done.code == 0, done.err
    assert len(desk.people()) == 4
    book = load_workbook(mend)
    page = book.active
    assert "Born" in page.cell(2, 2).value
    page.cell(2, [cell.value for cell in page[1]].index("Born") + 1).value = "1991-02-11"
    book.save(mend)
    words = [desk.camp, mend, "--profile", desk.folder / "register.yaml"]
    assert Done(["import", *words]).code == 0
    assert len(desk.people()) == 5
    again = desk.do("import", "register", "--partly", "--json")
    assert again.data["receipts"][0]["added"] == 0
    assert len(desk.people()) == 5


def test_a_list_with_a_fault_is_refused_whole_with_row_and_column(desk):
    desk.write("register.csv", REGISTER.replace("1991-02-11", "1991-22-11"))
    done = desk.do("import", "register")
    assert done.code == 1
    assert "row 4, Born" in done.err
    assert desk.people() == []


# -- one person once


def bring_register(desk: Desk) -> None:
    assert desk.do("commit", "register").code == 0


def test_a_person_on_two_lists_stops_the_import_until_somebody_decides(desk):
    bring_register(desk)
    head = desk.operation.store.head()
    done = desk.do("import", "other")
    assert done.code == 1
    assert "row 2 and recorded as" in done.err
    assert desk.operation.store.head() == head
    shown = desk.do("review", "other")
    assert shown.code == 1
    for name in ("Amina Mazoudi", "Aminah Mas'oudi", "1980-05-03"):
        assert name in shown.out


def test_merged_they_are_one_and_apart_again_they_are_two(desk):
    bring_register(desk)
    code = code_of(desk.do("match", "other", "--json"))
    assert desk.do("review", "other", "--decide", f"{code}=merge", "--because", "photo", "--by", "amina").code == 0  # fmt: skip
    done = desk.do("commit", "other", "--json")
    assert done.data["receipts"][0]["merged"] == 1
    assert len(desk.people()) == 7
    (standing,) = Done(["intake", "review", desk.camp, "--json"]).data["decisions"]
    assert (standing["decision"], standing["by"], standing["because"]) == (
        "merge",
        "amina",
        "photo",
    )
    Done(
        [
            "intake",
            "review",
            desk.camp,
            "--decide",
            f"{standing['pair']}=apart",
            "--by",
            "chantal",
        ]
    )
    assert len(desk.people()) == 8
    # the same list again asks nothing and changes nothing
    again = desk.do("import", "other", "--json")
    assert (again.code, again.data["receipts"][0]["unchanged"]) == (0, 3)


def test_kept_apart_is_remembered_for_the_next_list(desk):
    bring_register(desk)
    code = code_of(desk.do("match", "other", "--json"))
    assert desk.do("import", "other", "--decide", f"{code}=apart").code == 0
    assert len(desk.people()) == 8
    corrected = OTHER.replace("Aminah Mas'oudi", "Amineh Massoudi")
    desk.write("other.csv", corrected)
    again = desk.do("import", "other", "--json")
    assert (again.code, again.data["receipts"][0]["corrected"]) == (0, 1)


def test_left_to_the_field_both_carry_an_open_duplicate_until_it_is_decided(desk):
    bring_register(desk)
    assert desk.do("import", "other", "--ask-open").code == 0
    assert [one["open_duplicate"] for one in desk.people()].count(True) == 2
    (standing,) = Done(["intake", "review", desk.camp, "--json"]).data["decisions"]
    Done(["intake", "review", desk.camp, "--decide", f"{standing['pair']}=apart"])
    found = [one["open_duplicate"] for one in desk.people()]
    assert (found.count(True), found.count(False)) == (0, 2)


def test_an_undone_import_takes_its_decisions_with_it(desk):
    bring_register(desk)
    before = sorted(map(str, desk.people()))
    code = code_of(desk.do("match", "other", "--json"))
    assert desk.do("import", "other", "--decide", f"{code}=merge").code == 0
    assert Done(["intake", "undo", desk.camp]).code == 0
    assert sorted(map(str, desk.people())) == before
    # what was decided about its rows is still known when the list comes again
    assert desk.do("import", "other", "--json").data["receipts"][0]["merged"] == 1
    assert len(desk.people()) == 7


def test_pairs_are_decided_in_a_workbook(desk):
    bring_register(desk)
    pairs = desk.folder / "pairs.xlsx"
    assert desk.do("review", "other", "-o", pairs).code == 1
    book = load_workbook(pairs)
    page = book.active
    header = [cell.value for cell in page[1]]
    page.cell(2, header.index("Onward: decision") + 1).value = "perhaps"
    book.save(pairs)
    refused = desk.do("review", "other", "--decisions", pairs)
    assert (refused.code, "row 2" in refused.err) == (2, True)
    page.cell(2, header.index("Onward: decision") + 1).value = "merge"
    page.cell(2, header.index("Onward: because") + 1).value = "document"
    book.save(pairs)
    assert desk.do("import", "other", "--decisions", pairs).code == 0
    assert len(desk.people()) == 7


def test_a_list_of_people_recorded_under_other_numbers_is_refused(desk):
    bring_register(desk)
    desk.write("other.csv", REGISTER.replace("\n", "\n9"))
    desk.write("other.yaml", PROFILE.replace("profile: register", "profile: other"))
    done = desk.do("import", "other")
    assert done.code == 2
    assert "look like people already recorded" in done.err
    assert len(desk.people()) == 5


@pytest.mark.parametrize(
    "words",
    [["--decide", "nonsense"], ["--decide", "00000000=merge"], ["--decide", "00000000=maybe"]],
)
def test_a_decision_that_is_none_is_refused(desk, words):
    bring_register(desk)
    done = desk.do("review", "other", *words)
    assert (done.code, done.out) == (2, "")


def test_a_reason_is_a_word_of_the_list_and_never_a_sentence(desk):
    bring_register(desk)
    code = code_of(desk.do("match", "other", "--json"))
    done = desk.do("review", "other", "--decide", f"{code}=merge", "--because", "Amina said so")
    assert done.code == 2
    assert "Amina" not in done.err


# -- forms out


@pytest.mark.parametrize("kind", ["spreadsheet", "xlsform"])
def test_a_form_goes_out_and_its_profile_loads(desk, kind):
    out, profile = desk.folder / "form.xlsx", desk.folder / "form.yaml"
    words = ["intake", "form", desk.camp, "-o", out, "-p", profile, "--kind", kind]
    done = Done([*words, "--language", "fa", "--json"])
    assert done.code == 0, done.err
    schema = json.loads((SCHEMAS / "intake-form.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(done.data)
    assert "sex" in done.data["facts"]
    # what a person wants or fears is never asked in front of a household
    assert not {"intended_pathway", "fear_asked", "affiliation"} & set(done.data["facts"])
    assert "sex (fa)" in done.data["drafts"]
    kinds = desk.operation.rulebook.kinds
    parse_profile(
        profile.read_text("utf-8"), {**kinds["household"].facts, **kinds["person"].facts}
    )
    assert Done([*words]).code == 2


def test_approved_words_are_no_drafts_and_an_unapproved_read_aloud_text_is_one(desk):
    labels = desk.write(
        "labels.csv",
        "key,language,text,version,translator,approver\n"
        "sex,fa,جنسیت,2,translator 4,protection lead\nconsent,en,We ask who lives here.,2,,\n",
    )
    out, profile = desk.folder / "form.xlsx", desk.folder / "form.yaml"
    words = ["intake", "form", desk.camp, "-o", out, "-p", profile, "--kind", "xlsform"]
    done = Done([*words, "--language", "fa", "--language", "en", "--labels", labels, "--json"])
    assert "sex (fa)" not in done.data["drafts"]
    assert "consent (en)" in done.data["drafts"]
    cells = [
        cell for row in load_workbook(out)["survey"].iter_rows(values_only=True) for cell in row
    ]
    assert "We ask who lives here. [draft]" in cells
    assert "جنسیت" in cells


@pytest.mark.parametrize(
    "words",
    [
        ["--language", "xx"],
        ["--kind", "paper"],
        ["--calendar", "mayan"],
        ["--fact", "nonsense"],
        ["--labels", "register.csv"],
    ],
)
def test_a_form_that_cannot_be_is_refused(desk, words):
    words = [desk.folder / word if word.endswith(".csv") else word for word in words]
    out, profile = desk.folder / "form.xlsx", desk.folder / "form.yaml"
    assert Done(["intake", "form", desk.camp, "-o", out, "-p", profile, *words]).code == 2
    assert not out.exists()


# -- people already recorded


def test_doubles_in_the_record_are_found_and_decided_without_a_list(desk):
    bring_register(desk)
    files = desk.folder / "other.csv", desk.folder / "other.yaml"
    Importer(desk.operation).bring(*files)  # as by hand: nobody looked for doubles
    assert len(desk.people()) == 8
    found = Done(["intake", "match", desk.camp, "--json"])
    schema = json.loads((SCHEMAS / "intake-match.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(found.data)
    shown = Done(["intake", "review", desk.camp, "--record"])
    assert (shown.code, "Aminah Mas'oudi" in shown.out) == (1, True)
    words = ["intake", "review", desk.camp, "--record", "--decide", f"{code_of(found)}=merge"]
    assert Done(words).code == 0
    assert len(desk.people()) == 7
    # whoever was recorded first stays, and the other's name finds them too
    (merged,) = [e for e in desk.operation.store.read() if e.kind == "merged"]
    first = next(e for e in desk.operation.store.read() if e.kind == "registered" and e.subject.kind == "person")  # fmt: skip
    assert merged.facts["into"] == first.subject.id


# -- families


def families(desk: Desk) -> dict[str, tuple[str, int]]:
    """Name -> (the first name in their household, its declared size)."""
    caseload = desk.operation.caseload()
    sizes = {row["id"]: row["roster_size"] for row in caseload.households.to_pylist()}
    people = caseload.people.to_pylist()
    named = {row["id"]: desk.operation.vault.get(row["id"])["name.full.Latn"] for row in people}
    first = {}
    for row in sorted(people, key=lambda row: named[row["id"]]):
        first.setdefault(row["household"], named[row["id"]])
    return {
        named[row["id"]]: (first[row["household"]], sizes[row["household"]]) for row in people
    }


def test_a_merge_never_tears_anybody_out_of_their_family(desk):
    bring_register(desk)
    before = families(desk)
    assert before["Amina Mazoudi"] == before["Bilal Mazoudi"] == ("Amina Mazoudi", 2)
    code = code_of(desk.do("match", "other", "--json"))
    assert desk.do("import", "other", "--decide", f"{code}=merge").code == 0
    assert {name: families(desk)[name] for name in before} == before
    desk.write("other.csv", OTHER.replace("1980-05-03", "1980-05-04"))
    assert desk.do("import", "other").code == 0
    assert {name: families(desk)[name] for name in before} == before


def test_merging_two_recorded_people_keeps_the_household_of_the_earlier_one(desk):
    bring_register(desk)
    before = families(desk)
    Importer(desk.operation).bring(desk.folder / "other.csv", desk.folder / "other.yaml")
    code = code_of(Done(["intake", "match", desk.camp, "--json"]))
    assert (
        Done(["intake", "review", desk.camp, "--record", "--decide", f"{code}=merge"]).code == 0
    )
    found = families(desk)
    assert {name: found[name] for name in before if name in found} == before
    (decided,) = Done(["intake", "review", desk.camp, "--json"]).data["decisions"]
    Done(["intake", "review", desk.camp, "--decide", f"{decided['pair']}=apart"])
    assert {name: families(desk)[name] for name in before} == before
    assert len(desk.people()) == 8


def test_a_child_listed_with_a_merged_mother_joins_her_household(desk):
    bring_register(desk)
    listed = OTHER.replace("No,", "No,Home,").replace("X1,", "X1,H,").replace("X2,", "X2,J,")
    desk.write(
        "other.csv", listed.replace("X3,", "X3,J,") + "X4,H,Zerya Karim,Azad,F,2025-12-24\n"
    )
    profile = OTHER_PROFILE.replace('{"No": person,', '{"No": person, "Home": household,')
    desk.write("other.yaml", profile)
    code = code_of(desk.do("match", "other", "--json"))
    assert desk.do("import", "other", "--decide", f"{code}=merge").code == 0
    found = families(desk)
    assert found["Zerya Karim"] == found["Bilal Mazoudi"] == ("Amina Mazoudi", 3)
    assert found["Gulan Omar"] == found["Hiwa Ahmed"] == ("Gulan Omar", 2)
    again = desk.do("import", "other", "--json").data["receipts"][0]
    assert (again["events"], again["unchanged"]) == (0, 4)
    text = (desk.folder / "other.csv").read_text("utf-8").replace("2025-12-24", "2025-12-25")
    desk.write("other.csv", text)
    assert desk.do("import", "other", "--json").data["receipts"][0]["corrected"] == 1
    assert families(desk) == found
    before_undo = found
    Done(["intake", "undo", desk.camp])
    assert families(desk) == before_undo
    Done(["intake", "undo", desk.camp])
    Done(["intake", "undo", desk.camp, Done(["intake", "receipts", desk.camp, "--json"]).data["receipts"][1]["id"]])  # fmt: skip
    assert families(desk)["Bilal Mazoudi"] == ("Amina Mazoudi", 2)
