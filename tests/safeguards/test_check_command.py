"""`onward check`, as a planner and a script call it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import jsonschema
import pytest

from onward.caseload import Subject, new_event
from onward.registry import Settings, create_operation
from onward.rulebook import shipped_path

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/schemas/check.schema.json").read_text())


def check(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from onward.cli.main import main; main()", "check", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def as_fact(value):
    """A planted value as an event writes it; countries have real codes there."""
    if value == "origin":
        return "XAA"
    if isinstance(value, tuple):
        first, last = value
        if first == last:
            return first.isoformat()
        return str(first.year) if first.month != last.month else f"{first:%Y-%m}"
    return value.isoformat() if isinstance(value, date) else value


@pytest.fixture(scope="module")
def camp_folder(bench, camp, tmp_path_factory):
    """An operation with P1 and P2: P1 ready to return but for a late fitness check."""
    world = bench.world(bench.opening("protected-camp", "T7.done"))
    world["person"]["P1"]["fitness_checked_on"] = date(2026, 5, 1)
    folder = tmp_path_factory.mktemp("operation") / "camp"
    operation = create_operation(
        folder,
        Settings(
            id="camp", title="A camp", kind="protected-camp", demonstration=True,
            data_ends=date(2026, 6, 10),
        ),
        rulebook_text=shipped_path("protected-camp").read_text(encoding="utf-8"),
        effective="2026-01-01",
        by="chantal",
    )  # fmt: skip
    draw = Random(1)
    events = []
    for kind, rows in world.items():
        for key, row in rows.items():
            facts = {name: as_fact(value) for name, value in row.items() if name != "id"}
            events.append(
                new_event(
                    operation.rulebook,
                    operation="camp",
                    subject=Subject(kind, as_fact(key)),
                    kind="registered" if kind in ("person", "household") else "recorded",
                    effective="2026-04-20" if kind != "person" else "2026-01-01",
                    by="amina",
                    instant=datetime(2026, 6, 1, tzinfo=UTC),
                    random=draw,
                    facts={name: value for name, value in facts.items() if value is not None},
                    opens=True,
                )
            )
    operation.record(events)
    return str(folder)


def test_one_person_is_told_what_is_missing_and_whose_job_it_is(camp_folder):
    said = check(camp_folder, "--person", "P1", "--transition", "T7", "--on", "2026-06-10")
    assert said.returncode == 1, said.stderr
    assert "Return home to XAA: not open" in said.stdout
    assert "G11.valid Fit to travel: does not hold." in said.stdout
    assert "Date of fitness check: is not as needed" in said.stdout
    assert "Whose job: medical (the operation). Two people may set it aside" in said.stdout
    assert "2026-05-01" not in said.stdout


def test_a_day_after_the_records_end_is_said(camp_folder):
    late = check(camp_folder, "--transition", "T7", "--on", "2199-01-01")
    assert late.returncode == 0
    assert late.stderr.startswith("The record ends on ")
    assert "2199-01-01" in late.stderr
    assert check(camp_folder, "--transition", "T7", "--on", "2026-06-10").stderr == ""


def test_a_script_reads_the_same_as_data(camp_folder):
    said = check(camp_folder, "--person", "P1", "--transition", "T7.done", "--json")
    answer = json.loads(said.stdout)
    jsonschema.validate(answer, SCHEMA)
    (step,) = answer["steps"]
    assert not step["open"]
    assert [reason["finding"] for reason in step["reasons"]] == ["G11.valid"]


def test_a_persons_next_steps_are_listed_with_hand_over_last(camp_folder):
    said = check(camp_folder, "--person", "P1", "--json")
    answer = json.loads(said.stdout)
    jsonschema.validate(answer, SCHEMA)
    assert said.returncode == 0
    moves = [step["move"] for step in answer["steps"]]
    assert moves == ["T7.done", "T18.proposed"]
    assert "T4.stay" in answer["may_choose"]


def test_the_operation_is_counted_per_safeguard_with_the_best_remedy(camp_folder):
    said = check(camp_folder, "--json")
    answer = json.loads(said.stdout)
    jsonschema.validate(answer, SCHEMA)
    whole = answer["operation_wide"]
    assert (whole["people_active"], whole["people_blocked"]) == (2, 2)
    words = check(camp_folder)
    assert "never add them up" in words.stdout
    assert words.returncode == 0


def test_one_step_is_asked_of_everybody(camp_folder):
    said = check(camp_folder, "--transition", "T7", "--json")
    answer = json.loads(said.stdout)
    jsonschema.validate(answer, SCHEMA)
    assert answer["steps"][0]["people_asked"] == 2
    assert "Held back by" in check(camp_folder, "--transition", "T7").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--transition", "T99"), 'no step "T99"'),
        (("--person", "P77"), "nobody with this id"),
        (("--on", "tomorrow"), "a date as 2026-06-10"),
        (("--transition", "T7", "--at", "noon"), "decision or movement"),
        (("--destination", "origin"), "--transition as well"),
        (("--transition", "T7", "--destination", "Atlantis"), "the record does not know"),
    ],
)
def test_a_question_that_cannot_be_asked_ends_with_2(camp_folder, arguments, said):
    answer = check(camp_folder, *arguments)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert answer.stdout == ""
