"""The doors: files in, files out, the terminal, questions, overrides, arrivals over time."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from benchmarks.placement import officer
from typer.testing import CliRunner

from onward.cli.place import app
from onward.errors import Faults
from onward.placement import rolling
from onward.placement.deciding import overrides
from onward.placement.deciding.questions import parse_change
from onward.placement.deciding.whatif import Session, ask, what_if
from onward.placement.inputs.aims import parse_aims, read_aims
from onward.placement.inputs.columns import FILES
from onward.placement.inputs.files import read_folder, read_tables
from onward.placement.inputs.given_back import locks_from_workbook
from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import Case, Limit, Lock, Selector, Tables, Window
from onward.placement.problem.doors import BARRIERS
from onward.placement.propose import propose
from onward.placement.telling.document import document
from onward.placement.telling.summary import summary
from onward.placement.telling.workbook import write_workbook

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "placement"
SCHEMA = json.loads((ROOT / "docs/reference/schemas/placement.schema.json").read_text("utf-8"))
AIMS = read_aims()


def run(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("folder", ["smallest", "spring"])
def test_the_shipped_examples_are_placed_and_fit_the_published_schema(folder):
    result = run(EXAMPLES / folder, "--json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    jsonschema.validate(content, SCHEMA)
    assert content["state"] == "optimal"
    assert content["check"] == {"passed": True, "faults": []}


def test_the_same_input_gives_the_same_bytes_in_a_fresh_process():
    code = "from onward.cli.place import app; app()"
    call = [sys.executable, "-c", code, str(EXAMPLES / "spring"), "--json"]
    first, second = (subprocess.run(call, capture_output=True, check=True).stdout for _ in "ab")
    assert first == second
    assert first.startswith(b"{")


def test_computing_loads_no_web_framework():
    code = (
        "import sys, onward.placement.telling.document, onward.placement.deciding.whatif, onward.placement.solving.large.stages;"
        "print([m for m in ('django', 'sqlite3', 'flask') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert out.stdout.strip() == "[]"


def test_the_templates_hold_exactly_the_documented_columns():
    page = (ROOT / "docs/reference/placement-files.md").read_text("utf-8")
    for name, columns in FILES.items():
        head = (EXAMPLES / "templates" / f"{name}.csv").read_text("utf-8").strip()
        assert head.split(",") == list(columns)
        for column in columns:
            assert f"`{column}`" in page


def test_every_fault_of_every_file_is_reported_at_once(tmp_path):
    (tmp_path / "cases.csv").write_text(
        "case,size,priority,ready_on,colour\nC1,two,normal,,\nC2,3,soon,31/12/2025,\nC2,1,,,\n,1,,,\n"
    )
    (tmp_path / "programmes.csv").write_text("programme,persons\nNorth,-1\n")
    with pytest.raises(Faults) as found:
        read_folder(tmp_path)
    where = {(f.file, f.where, f.field) for f in found.value.faults}
    assert where == {
        ("cases.csv", "row 1", ""),
        ("cases.csv", "row 2", "size"),
        ("cases.csv", "row 3", "priority"),
        ("cases.csv", "row 3", "ready_on"),
        ("cases.csv", "row 4", "case"),
        ("cases.csv", "row 5", "case"),
        ("programmes.csv", "row 2", "persons"),
    }
    assert "31/12/2025" not in str(found.value)


def test_a_file_without_a_header_is_one_fault_and_hides_no_other(tmp_path):
    changed_files(tmp_path)
    (tmp_path / "cases.csv").write_text("", "utf-8")
    (tmp_path / "programmes.csv").write_text("programme,persons\nNorth,1\nSouth,x\n", "utf-8")
    done = run(tmp_path)
    assert isinstance(done.exception, Faults)
    assert [(f.file, f.where) for f in done.exception.faults] == [
        ("cases.csv", ""), ("programmes.csv", "row 3")
    ]  # fmt: skip


def test_names_that_point_nowhere_are_faults(tmp_path):
    (tmp_path / "cases.csv").write_text("case,size,linked_to\nC1,2,C9\n")
    (tmp_path / "programmes.csv").write_text("programme,persons\nNorth,4\n")
    (tmp_path / "scores.csv").write_text("case,programme,score\nC1,South,1\nC7,North,1\n")
    with pytest.raises(Faults) as found:
        read_folder(tmp_path)
    assert [f.field for f in found.value.faults] == ["linked_to", "programme", "case"]


def test_a_wrong_aims_file_names_its_place():
    with pytest.raises(Faults) as found:
        parse_aims(
            "version: 1\ngap: 2\nstages:\n  - {name: outcome, decides: all}\n  - speed\n"
        )
    assert [(f.where, f.field) for f in found.value.faults] == [
        ("", "gap"), ("stages[0]", "decides"), ("stages[1]", "name"),
    ]  # fmt: skip


def test_an_impossible_input_says_why_and_ends_with_one(tmp_path):
    (tmp_path / "cases.csv").write_text("case,size,locked\nC1,2,North\nC2,2,North\n")
    (tmp_path / "programmes.csv").write_text("programme,persons\nNorth,3\n")
    result = run(tmp_path, "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert content["state"] == "infeasible"
    assert len(content["conflict"]) == 3
    jsonschema.validate(content, SCHEMA)


def test_an_officer_changes_three_lines_of_the_workbook_and_they_come_back_as_locks(tmp_path):
    from python_calamine import CalamineWorkbook

    proposal = propose(read_folder(EXAMPLES / "spring"), AIMS)
    content = document(proposal)
    write_workbook(content, tmp_path / "proposal.xlsx")
    assert locks_from_workbook(tmp_path / "proposal.xlsx", []) == {}
    # the officer's spreadsheet program writes the same sheet with three cells changed
    import xlsxwriter

    rows = (
        CalamineWorkbook.from_path(str(tmp_path / "proposal.xlsx"))
        .get_sheet_by_name("Proposal")
        .to_python()
    )
    placed = [n for n, row in enumerate(rows) if n and row[2]]
    rows[placed[0]][2], rows[placed[0]][3] = "", ""
    rows[placed[1]][4] = "yes"
    rows[placed[2]][5], rows[placed[2]][4] = "Chantal", "yes"
    book = xlsxwriter.Workbook(str(tmp_path / "changed.xlsx"))
    sheet = book.add_worksheet("Proposal")
    for n, row in enumerate(rows):
        sheet.write_row(n, 0, row)
    book.close()
    faults: list = []
    by_row = locks_from_workbook(tmp_path / "changed.xlsx", faults)
    assert faults == []
    assert list(by_row) == [n + 1 for n in placed[:3]]
    locks = list(by_row.values())
    assert [x.case for x in locks] == [rows[n][0] for n in placed[:3]]
    again = propose(replace(proposal.compiled.tables, locks=tuple(locks)), AIMS).places()
    assert locks[0].case not in again
    assert again.get(locks[1].case) == proposal.places().get(locks[1].case)


def test_results_are_written_as_csv_xlsx_and_json(tmp_path):
    assert run(EXAMPLES / "smallest", "--out", tmp_path).exit_code == 0
    assert {"assignments.csv", "unplaced.csv", "proposal.json", "proposal.xlsx"} <= {
        p.name for p in tmp_path.iterdir()
    }
    past = read_tables(
        cases=EXAMPLES / "smallest/cases.csv", programmes=EXAMPLES / "smallest/programmes.csv",
        previous=tmp_path / "proposal.json",
    )  # fmt: skip
    assert len(past.previous) == 3


# --- questions -------------------------------------------------------------------------------

TOWN = Tables(
    (Case("C1", 2), Case("C2", 3), Case("C3", 1)),
    (Window("North", 3), Window("South", 0)),
    scores=tuple(Score(f"C{i}", p, 0.5) for i in (1, 2, 3) for p in ("North", "South")),
)


@pytest.mark.parametrize("exact", [True, False])
def test_more_places_are_answered_line_by_line(exact):
    before = propose(TOWN, AIMS)
    answer = what_if(before, [parse_change("places:South=+3")], exact=exact)
    assert answer["dropped"] == []
    assert answer["value_before"] == 3
    assert answer["value"] == answer["bound"] == 6
    assert {row["to"] for row in answer["gained"]} == {"South"}


def test_fewer_places_drop_only_whom_they_must():
    answer = what_if(propose(TOWN, AIMS), [parse_change("remove:North")])
    assert answer["value"] == 0
    assert answer["gained"] == []


def test_a_mended_proposal_never_overfills():
    t = read_folder(EXAMPLES / "spring")
    free = tuple(replace(c, locked="") for c in t.cases)
    before = propose(replace(t, pledges=(), cases=free), AIMS)
    session = Session(before)
    for row in range(before.compiled.model.slots):
        for limit in (0.0, 4.0, 30.0):
            answer = session.limits({row: limit})
            assert answer["feasible"]
            assert answer["bound"] >= answer["value"] - 1e-6


EARMARKED = Tables(
    tuple(Case(f"C{i}", 1, category="WGR" if i < 1 else "LPN") for i in range(6)),
    (Window("North", 4),),
    limits=(Limit("women", "North", 2, kind="earmark", who=Selector(categories=("WGR",))),),
)


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("places:North=+2", 5),
        ("places:North=-1", 2),
        ("limit:women=0", 4),
        ("limit:women=3", 2),
    ],
)
def test_a_question_about_an_earmark_has_the_same_answer_mended_and_solved_again(
    question, value
):
    before = propose(EARMARKED, AIMS)
    answers = [
        what_if(before, [parse_change(question)], exact=exact) for exact in (True, False)
    ]
    assert [a["method"] for a in answers] == ["solved again", "mended"]
    assert [a["value"] for a in answers] == [value, value]
    assert all(a["bound"] >= value - 1e-6 for a in answers)


def test_an_unknown_name_in_a_question_is_a_fault():
    with pytest.raises(Faults) as wrong:
        what_if(propose(TOWN, AIMS), [parse_change("places:East=+3")])
    assert "North" in str(wrong.value)


def test_a_delay_of_a_window_without_days_is_a_fault_and_not_an_answer_of_nothing():
    tables = Tables(
        (Case("C1", 1),), (Window("North", 1), Window("South", 1, opens=date(2026, 4, 1)))
    )
    proposal = propose(tables, AIMS)
    with pytest.raises(Faults) as wrong:
        what_if(proposal, [parse_change("delay:North=30")])
    assert "without a first or last day" in str(wrong.value)
    assert what_if(proposal, [parse_change("delay:South=30")])["feasible"]


def test_a_workbook_that_is_not_there_is_told_as_that():
    result = run(EXAMPLES / "smallest", "--locks", "no-such.xlsx")
    assert isinstance(result.exception, Faults)
    assert "no such file" in str(result.exception)


def test_an_override_in_question_says_what_it_would_do_and_cost():
    t = Tables(
        (Case("C1", 2), Case("C2", 2)),
        (Window("North", 2), Window("South", 2)),
        scores=tuple(
            Score(c, p, s)
            for c, p, s in (
                ("C1", "North", 0.9), ("C1", "South", 0.5), ("C2", "North", 0.8), ("C2", "South", 0.6),
            )
        ),
    )  # fmt: skip
    answer = ask(t, [parse_change("place:C1=South")])
    assert answer["moved"] == [
        {"case": "C1", "from": "North", "to": "South"},
        {"case": "C2", "from": "South", "to": "North"},
    ]
    outcome = next(s for s in answer["stages"] if s["name"] == "outcome")
    assert outcome["before"] - outcome["after"] == pytest.approx(0.2)
    assert answer["predicted"]["C1"]["weighted_persons"] == pytest.approx(0)
    held = ask(t, [parse_change("wait:C1")])
    assert [row["case"] for row in held["dropped"]] == ["C1"]
    assert (held["value_before"], held["value"]) == (4, 2)


@pytest.mark.parametrize("question", ["place:C1=East", "place:C9=North", "wait:C9"])
def test_an_override_in_question_needs_names_that_are_there(question):
    with pytest.raises(Faults, match="does not have"):
        ask(TOWN, [parse_change(question)])


def test_a_place_out_of_reach_is_infeasible_and_says_so():
    answer = ask(TOWN, [parse_change("place:C1=South")])
    assert not answer["feasible"]
    assert answer["conflict"]


def test_a_lock_that_points_nowhere_is_told_by_its_row(tmp_path):
    (tmp_path / "locks.csv").write_text("case,programme\n\nA,Nowhere\n")
    answer = run(EXAMPLES / "smallest", "--locks", tmp_path / "locks.csv")
    assert answer.exit_code == 1
    assert "locks.csv, row 3" in str(answer.exception)


# --- overrides -------------------------------------------------------------------------------


def test_the_log_keeps_proposal_override_and_outcome_and_replays_them(tmp_path):
    t = Tables((Case("C1", 1),), (Window("North", 1), Window("South", 1)),
               scores=(Score("C1", "North", 0.9), Score("C1", "South", 0.4)))  # fmt: skip
    before = propose(t, AIMS)
    lock = Lock("C1", "South", by="Amina", reason="brother nearby")
    after = propose(replace(t, locks=(lock,)), AIMS)
    log = tmp_path / "overrides.jsonl"
    overrides.append(log, overrides.entries(before, [lock], "2026-03-01"))
    cost = overrides.realised_cost(before, after)
    overrides.append(log, [overrides.outcome("C1", "2026-09-01", "accepted", cost)])
    result = overrides.replay(overrides.read(log))
    assert (result["overrides"], result["with_outcome"]) == (1, 1)
    assert result["mean_predicted_cost"] == pytest.approx(0.5)
    assert result["mean_realised_cost"] == pytest.approx(0.5)
    assert result["lines"][0]["by"] == "Amina"


def changed_files(tmp_path, by="Amina", reason="brother nearby"):
    """Two places, one case: the officer sends it to the second."""
    (tmp_path / "cases.csv").write_text("case,size\nC1,1\n", "utf-8")
    (tmp_path / "programmes.csv").write_text("programme,persons\nNorth,1\nSouth,1\n", "utf-8")
    (tmp_path / "scores.csv").write_text(
        "case,programme,score\nC1,North,0.9\nC1,South,0.4\n", "utf-8"
    )
    (tmp_path / "locks.csv").write_text(
        f"case,programme,by,reason\nC1,South,{by},{reason}\n", "utf-8"
    )
    return tmp_path / "overrides.jsonl"


def test_the_terminal_logs_an_override_then_its_outcome_at_the_cost_known_by_then(tmp_path):
    log = changed_files(tmp_path)
    done = run(tmp_path, "--overrides", log, "--on", "2026-03-02")
    assert done.exit_code == 0, done.output
    # By September the first place is worth less, so the override cost less than it was expected to.
    (tmp_path / "scores.csv").write_text(
        "case,programme,score\nC1,North,0.6\nC1,South,0.4\n", "utf-8"
    )
    done = run(tmp_path, "--overrides", log, "--on", "2026-09-01", "--outcome", "C1=accepted")
    assert done.exit_code == 0, done.output
    [line] = json.loads(run("--replay", log).stdout)["lines"]
    assert (line["by"], line["reason"], line["when"]) == (
        "Amina",
        "brother nearby",
        "2026-03-02",
    )
    assert line["result"] == "accepted"
    assert line["predicted_cost"] == pytest.approx(0.5)
    assert line["realised_cost"] == pytest.approx(0.2)
    assert (line["predicted_persons"], line["realised_persons"]) == (0, 0)


def test_a_case_held_back_costs_persons_then_and_later(tmp_path):
    log = changed_files(tmp_path)
    (tmp_path / "locks.csv").write_text("case,programme,by,reason\nC1,,Amina,ill\n", "utf-8")
    assert run(tmp_path, "--overrides", log, "--on", "2026-03-02").exit_code == 0
    done = run(tmp_path, "--overrides", log, "--on", "2026-09-01", "--outcome", "C1=withdrawn")
    assert done.exit_code == 0, done.output
    [line] = json.loads(run("--replay", log).stdout)["lines"]
    assert (line["predicted_persons"], line["realised_persons"]) == (1, 1)


def test_an_override_that_no_proposal_keeps_is_not_logged(tmp_path):
    log = changed_files(tmp_path)
    (tmp_path / "cases.csv").write_text("case,size\nC1,2\n", "utf-8")
    done = run(tmp_path, "--overrides", log, "--on", "2026-03-02")
    assert done.exit_code == 1
    assert "Nothing was added to the log" in done.stderr
    assert not log.exists()


@pytest.mark.parametrize(("by", "reason"), [("", "brother nearby"), ("Amina", "")])
def test_an_override_without_who_or_why_is_not_logged(tmp_path, by, reason):
    log = changed_files(tmp_path, by, reason)
    done = run(tmp_path, "--overrides", log, "--on", "2026-03-02")
    assert isinstance(done.exception, Faults)
    assert not log.exists()


@pytest.mark.parametrize("given", ["C1=maybe", "C9=accepted", "C1"])
def test_an_outcome_that_belongs_to_nothing_is_a_fault(tmp_path, given):
    log = changed_files(tmp_path)
    assert run(tmp_path, "--overrides", log, "--on", "2026-03-02").exit_code == 0
    before = log.read_bytes()
    done = run(tmp_path, "--overrides", log, "--on", "2026-09-01", "--outcome", given)
    assert isinstance(done.exception, Faults)
    assert log.read_bytes() == before


def test_a_lock_that_agrees_with_the_proposal_is_no_override():
    proposal = propose(TOWN, AIMS)
    case, (programme, window) = next(iter(proposal.places().items()))
    assert overrides.entries(proposal, [Lock(case, programme, window)], "2026-03-01") == []


def test_the_screen_says_what_to_ask_for_and_what_conditions_and_floors_are_worth(tmp_path):
    aims = tmp_path / "aims.yaml"
    text = "version: 1\nstages: [protection]\nfloors:\n  - {name: Small, group: {max_size: 1}, share: 1}\n"
    aims.write_text(text, "utf-8")
    shown = run(EXAMPLES / "spring", "--aims", aims).stdout
    assert "one more place in" in shown
    assert "Westmoor follows Norland: " in shown
    assert "Small: at least 100% placed, which costs " in shown
    whole = run(EXAMPLES / "spring", "--json", "--aims", aims)
    content = json.loads(whole.stdout)
    best = max(content["limits"], key=lambda row: row["worth_of_one_more"])
    assert best["limit"] in shown


@pytest.mark.parametrize(
    "words",
    [("--until", "2026-03-31"), ("--quick",), ("--what-if", "wait:C-001", "--out", "x"), ("--seed", "-1"),
     ("--what-if", "wait:C-001", "--overrides", "x")],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_a_fault(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = run(EXAMPLES / "smallest", *words)
    assert answer.exit_code != 0
    assert isinstance(answer.exception, Faults) or answer.exit_code == 2
    assert list(tmp_path.iterdir()) == []


# --- the report, fairness, arrivals ----------------------------------------------------------


def test_the_summary_hides_a_sensitive_programme_and_every_total():
    content = document(propose(read_folder(EXAMPLES / "spring"), AIMS))
    open_ = summary(content)
    closed = summary(content, sensitive=("Westmoor",))
    assert {"Westmoor"} == {r["programme"] for r in open_["programmes"]} - {
        r["programme"] for r in closed["programmes"]
    }
    assert [r["what"] for r in closed["headline"]] == ["state", "largest proven gap"]
    assert len(open_["missing_places"]) <= 10


def test_fairness_stands_beside_random_order():
    content = document(propose(read_folder(EXAMPLES / "spring"), AIMS))
    whole = content["fairness"][0]
    assert whole["grouping"] == "all"
    assert whole["placed_persons"] == content["persons"]["placed"]
    assert 0 < whole["share_random_order"] <= 1


FAMILY = (("f", 34), ("m", 8), ("f", 61), ("", None))


def fair(*cases: Case) -> dict[tuple[str, str], dict]:
    """The fairness table of these cases, of which the ones of four persons have no place."""
    town = Tables(cases, (Window("North", 9, max_size=3),), on=date(2026, 3, 1))
    content = document(propose(town, AIMS))
    jsonschema.validate(content, SCHEMA)
    return {(row["grouping"], row["group"]): row for row in content["fairness"]}


def test_sex_and_age_count_each_person_where_persons_are_known():
    rows = fair(
        Case("C1", 4, sex="f", age=34, people=FAMILY),
        Case("C2", 2, sex="m", age=40, people=(("m", 40), ("f", 17))),
    )

    def counted(grouping, group):
        row = rows[grouping, group]
        assert row["counted"] == "each person"
        return row["cases"], row["persons"], row["placed_persons"]

    assert counted("sex", "f") == (2, 3, 1)
    assert counted("sex", "m") == (2, 2, 1)
    assert counted("age", "0-17") == (2, 2, 1)
    assert counted("age", "18-59") == (2, 2, 1)
    assert counted("age", "60+") == (1, 1, 0)
    assert not any("principal" in grouping for grouping, _ in rows)
    assert rows["size", "4-6"]["counted"] == "everybody in the case"


def test_where_only_the_principal_applicant_is_known_the_grouping_says_so():
    rows = fair(Case("C1", 4, sex="f", age=34), Case("C2", 2, sex="m", age=70))
    row = rows["sex of the principal applicant", "f"]
    assert (row["persons"], row["placed_persons"]) == (4, 0)
    assert row["counted"] == "everybody in the case, by its principal applicant"
    assert rows["age of the principal applicant", "60+"]["persons"] == 2
    assert not {grouping for grouping, _ in rows} & {"sex", "age"}


def test_waits_are_a_mean_over_persons():
    since = date(2026, 2, 1)
    rows = fair(
        Case("C1", 3, registered_on=since), Case("C2", 1, registered_on=date(2026, 3, 1))
    )
    assert rows["all", "all"]["mean_wait_days"] == 21.0  # 28 days for three, none for one


def test_the_effect_of_the_chance_of_acceptance_on_flagged_groups_is_reported():
    cases = (Case("C1", 1, needs=("SM",)), Case("C2", 1))
    scores = (Score("C1", "North", 0.5, 0.4), Score("C2", "North", 0.5, 0.9))
    for seed in range(6):  # whoever the draw prefers, using the chance always prefers C2
        proposal = propose(Tables(cases, (Window("North", 1),), scores=scores), AIMS, seed=seed)
        rows = {r["group"]: r for r in document(proposal)["acceptance"]}
        assert rows["SM"]["share_used"] == 0
        assert rows["no need"]["share_used"] == 1
        assert rows["SM"]["share_ignored"] == float("C1" in proposal.places())


NORMAL, URGENT, GRAVE = (Case("C1", 1, priority=p) for p in ("normal", "urgent", "emergency"))
LAST_YEAR = tuple(
    Case(f"P{n}", 1, priority="urgent", registered_on=date(2025, 1, 1 + n)) for n in range(20)
)


@pytest.mark.parametrize(
    ("case", "expected", "placed"),
    [
        (NORMAL, 10, False),  # two places, and ten urgent cases are still to come
        (NORMAL, 0, True),  # nobody is expected any more: released
        (NORMAL, 1, True),  # there is room for both
        (URGENT, 10, True),  # as urgent as those to come, and here
        (GRAVE, 10, True),
        (replace(NORMAL, locked="North"), 10, True),  # the officer's word
    ],
)
def test_a_place_is_kept_for_those_expected_only_while_it_is_worth_more_to_them(
    case, expected, placed
):
    town = Tables((case,), (Window("North", 2),), on=date(2026, 3, 1))
    later = rolling.keep_for_later(town, AIMS, LAST_YEAR, expected)
    proposal = propose(later, AIMS)
    assert bool(proposal.places()) is placed
    if not placed:
        [line] = document(proposal)["unplaced"]
        assert line["code"] == "kept"
        assert "North" in line["change"]
        # the places that wait for those expected say so, as their case does
        assert [(row["free"], row["cause"]) for row in document(proposal)["unused"]] == [
            (2, BARRIERS["kept"])
        ]


@pytest.mark.parametrize(
    ("others", "cause"),
    [
        ({}, BARRIERS["kept"]),
        # somebody who may go there, and whom the aims leave out, hides no place that is kept
        ({"cases": (NORMAL, replace(NORMAL, case="C2", size=3))}, BARRIERS["kept"]),
        ({"kept": ()}, "a sub-quota is full"),
        # who is larger than what is free does not wait for anybody expected later
        ({"cases": (replace(NORMAL, size=3),)}, "nobody left who may go there"),
        # a refusal stands whoever else may come
        ({"cases": (replace(NORMAL, refused=("North",)),)}, "nobody left who may go there"),
    ],
)
def test_an_unused_place_is_kept_for_later_only_where_a_case_waits_for_that(others, cause):
    town = Tables(
        (NORMAL,), (Window("North", 2),), limits=(Limit("none", "North", 0),), expected=3,
        kept=(("C1", "North", ""),),
    )  # fmt: skip
    [row] = document(propose(replace(town, **others), AIMS))["unused"]
    assert row["cause"] == cause


def test_of_many_equal_cases_as_many_wait_as_places_are_kept_and_the_draw_says_which():
    # ten places; of ten who are still to come about half are urgent, so about five are kept
    here = tuple(Case(f"C{i:02}", 1) for i in range(20))
    town = Tables(here, (Window("North", 10),), on=date(2026, 3, 1))
    past = tuple(
        replace(c, priority=("urgent", "normal")[i % 2]) for i, c in enumerate(LAST_YEAR)
    )
    content = document(propose(rolling.keep_for_later(town, AIMS, past, 10), AIMS))
    assert 2 <= content["cases"]["placed"] <= 8
    waits = [row["draw"] for row in content["unplaced"] if row["code"] == "kept"]
    assert waits
    assert min(row["draw"] for row in content["assignments"]) > max(waits)


def test_as_the_date_nears_fewer_are_expected():
    left = [
        rolling.expected_arrivals(LAST_YEAR, on, date(2026, 3, 31))
        for on in (date(2026, 3, 1), date(2026, 3, 21), date(2026, 3, 31), date(2026, 4, 9))
    ]
    assert left == [30, 10, 0, 0]


def test_keeping_places_is_asked_for_at_the_terminal(tmp_path):
    (tmp_path / "cases.csv").write_text("case,size,priority\nC1,1,normal\n", "utf-8")
    (tmp_path / "programmes.csv").write_text("programme,persons\nNorth,2\n", "utf-8")
    rows = "".join(f"P{n},1,urgent,2025-01-{1 + n:02d}\n" for n in range(20))
    (tmp_path / "earlier.csv").write_text(f"case,size,priority,registered_on\n{rows}", "utf-8")
    words = [
        tmp_path,
        "--arrivals",
        tmp_path / "earlier.csv",
        "--until",
        "2026-03-31",
        "--json",
    ]
    for on, placed in (("2026-03-01", 0), ("2026-03-31", 1)):
        done = run(*words, "--on", on)
        assert done.exit_code == 0, done.output
        content = json.loads(done.stdout)
        jsonschema.validate(content, SCHEMA)
        assert content["cases"]["placed"] == placed
    assert isinstance(run(*words).exception, Faults)


@pytest.mark.parametrize("seed", [1, 2])
def test_keeping_places_for_later_beats_taking_the_best_as_it_comes(seed):
    through = officer.arrivals(200, 6, 8, seed, 20)
    assert through["as_it_comes"] < through["places_kept"] - 0.05
    assert through["places_kept"] <= 1


# --- a programme that is not there yet -------------------------------------------------------


def test_a_new_programme_is_for_those_who_said_yes_to_the_one_it_is_like():
    t = Tables(
        (Case("C1", 2, consents=("North",)), Case("C2", 2, consents=("N",)), Case("C3", 1, consents=())),
        (Window("North", 2, country="N"),),
        scores=tuple(Score(c, "North", 0.5) for c in ("C1", "C2", "C3")),
    )  # fmt: skip
    answer = ask(t, [parse_change("add:East@Autumn=9 like North")])
    assert [row["to"] for row in answer["gained"]] == ["East, Autumn"]
    assert (answer["value_before"], answer["value"]) == (2, 4)
    (words,) = answer["assumes"]
    assert "East" in words
    assert "North" in words


@pytest.mark.parametrize(
    ("question", "says"),
    [("add:North=4 like South", "already"), ("add:East=4 like West", "does not have")],
)
def test_a_new_programme_needs_a_new_name_and_one_to_be_like(question, says):
    with pytest.raises(Faults, match=says):
        ask(TOWN, [parse_change(question)])
