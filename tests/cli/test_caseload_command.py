"""`onward caseload`, as a planner types it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from onward.caseload import Subject, new_event
from onward.cli.caseload import app
from onward.registry import Settings, create_operation
from onward.rulebook import load, shipped_path

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/reference/schemas/caseload.schema.json").read_text()
)
PATH = shipped_path("protected-camp")


@pytest.fixture(scope="module")
def camp(tmp_path_factory):
    operation = create_operation(
        tmp_path_factory.mktemp("operations") / "camp",
        Settings(id="meridian", title="Meridian", kind="protected-camp", demonstration=True),
        rulebook_text=PATH.read_text(encoding="utf-8"),
        effective="2024-01-01",
        by="chantal",
    )
    rulebook, source = load(PATH), random.Random(1)

    def draft(kind, subject, on, **facts):
        return new_event(
            rulebook,
            operation="meridian",
            subject=Subject(*subject),
            kind=kind,
            effective=on,
            by="amina",
            instant=datetime(2025, 1, 1, tzinfo=UTC),
            random=source,
            facts=facts,
        )

    operation.record(
        [
            draft("recorded", ("household", "H1"), "2025-01-01", roster_size=3),
            draft("registered", ("person", "P1"), "2025-01-01", household="H1", site="main"),
            draft("registered", ("person", "P2"), "2025-01-01", household="H1", site="main"),
            draft("registered", ("person", "P3"), "2025-01-01", site="small", legal="refugee"),
            draft("T22.absent", ("person", "P3"), "2025-03-01"),
        ]
    )
    operation.vault.put({"P1": {"name": "Canaryname"}})
    return operation.path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_caseload_is_printed_by_status_and_site_stage_and_place(camp):
    result = run(camp, "--as-of", "2025-02-01")
    assert result.exit_code == 0
    for words in ("3 people here on 2025-02-01", "demonstration", "Protected person (GC IV)",
                  "By pathway stage", "In the camp", "declared number of members"):  # fmt: skip
        assert words in result.stdout
    assert "Canaryname" not in result.output


def test_the_data_fit_the_published_schema(camp):
    result = run(camp, "--as-of", "2025-03-01", "--units", "--counts", "--json")
    found = json.loads(result.stdout)
    jsonschema.validate(found, SCHEMA)
    assert (found["people"], found["active"], found["left"]) == (3, 2, 1)
    assert sum(row["people"] for row in found["by_status_and_site"]) == 2
    assert [unit["people"] for unit in found["movement_units"]] == [2]
    assert sum(row["people"] for row in found["counts"]) == 3


def test_as_known_before_anything_was_recorded_nobody_is_here(camp):
    result = run(camp, "--as-of", "2025-03-01", "--known-at", "2020-01-01", "--json")
    assert json.loads(result.stdout)["people"] == 0


def test_a_day_after_the_records_end_is_said(camp):
    assert "The record ends on " in run(str(camp), "--as-of", "2199-01-01").stderr
    assert "The record ends on " not in run(str(camp), "--as-of", "2025-02-01").stderr


def test_explain_prints_every_stage_with_its_sql_and_first_rows(camp):
    result = run(camp, "--as-of", "2025-02-01", "--explain")
    assert result.exit_code == 0
    for words in ("corrected:", "person_latest", "SELECT", "unit_of_person", "-- 3 rows"):
        assert words in result.stdout
    assert "Canaryname" not in result.stdout
    data = json.loads(run(camp, "--as-of", "2025-02-01", "--explain", "--json").stdout)
    jsonschema.validate(data, SCHEMA)
    assert len(data["stages"]) > 100


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--as-of", "yesterday", "a date as 2026-03-01"), ("--known-at", "noon", "an instant")],
)
def test_a_wrong_date_says_what_is_expected(camp, option, value, words):
    result = run(camp, option, value)
    assert result.exit_code != 0
    assert words in str(result.exception)


def test_help_starts_with_an_example_and_names_every_option():
    text = run("--help").stdout
    assert "onward caseload camp" in text
    for option in ("--as-of", "--known-at", "--units", "--counts", "--explain", "--json"):
        assert option in text
