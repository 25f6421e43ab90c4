"""`onward plan` as a newcomer runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from onward.cli.plan import app
from onward.errors import OnwardError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "meridian" / "plan.yaml"


@pytest.fixture
def run():
    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def fits(name, text):
    data = json.loads(text)
    schema = json.loads((ROOT / f"docs/reference/schemas/{name}.schema.json").read_text())
    jsonschema.validate(data, schema, cls=jsonschema.Draft202012Validator)
    return data


def sound(written):
    """A small plan with nothing to mend."""
    import datetime as dt

    text = {"text": "x", "approved_by": "coordinator", "approved_on": dt.date(2026, 9, 1)}
    says = ["who_decides", "right_to_refuse", "right_to_withdraw", "complaint_routes"]
    pathways = ["return", "protection", "resettlement", "onward", "relocation", "stay"]
    return written(
        messages={
            f"sheet_{p}": {"title": p, "kind": "sheet", "audience": "individual", "version": "1",
                           "owner": "o", "channel": "c", "true_as_of": dt.date(2026, 8, 1),
                           "pathways": [p], "says": says, "texts": {"fa": dict(text), "ar": dict(text)}}
            for p in pathways
        }
    )  # fmt: skip


@pytest.mark.parametrize("command", ["check", "lapses", "milestones"])
def test_help_shows_an_example(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: onward plan {command} camp" in result.output


def test_a_sound_plan_ends_with_zero(run, tmp_path, written):
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(sound(written)))
    result = run("check", file)
    assert result.exit_code == 0, result.output
    assert "0 to mend" in result.output


def test_the_example_has_things_to_mend_and_says_where(run):
    result = run("check", EXAMPLE)
    assert result.exit_code == 1
    assert "return_sheet_3 (line" in result.output
    data = fits("plan-check", run("check", EXAMPLE, "--json").stdout)
    assert data["sound"] is False


def test_faults_of_the_file_are_findings_too(run, tmp_path, written):
    plan = written(milestones={"m": {"title": "M", "after": ["nobody"]}})
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan))
    result = run("check", file, "--json")
    assert result.exit_code == 1
    data = fits("plan-check", result.stdout)
    assert data["plan"] is None
    assert "nobody" in data["findings"][0]["found"]


def test_a_missing_plan_and_a_wrong_date_are_bad_input(run, tmp_path):
    for words in (("check", tmp_path), ("lapses", EXAMPLE, "--on", "soon")):
        result = run(*words)
        assert isinstance(result.exception, OnwardError)
        assert result.exception.exit_code == 2


def test_what_lapses_on_the_day_the_mandate_ends(run):
    result = run("lapses", EXAMPLE, "--on", "2027-11-30")
    assert result.exit_code == 0
    assert "basis review required" in result.stdout
    assert "never by date" in result.stdout
    data = fits("plan-lapses", run("lapses", EXAMPLE, "--on", "2027-11-30", "--json").stdout)
    assert data["people_counted"] is False


def test_without_a_day_the_next_180_days_are_told(run):
    data = fits("plan-lapses", run("lapses", EXAMPLE, "--json").stdout)
    assert (data["since"], data["on"]) == ("2026-10-31", "2027-04-29")
    assert {r["what"] for r in data["lapses"] if r["lapses"]} == {
        "site_permit",
        "return_guarantees",
    }


def test_the_same_seed_gives_the_same_milestones_and_the_chart_is_written(run, tmp_path):
    chart = tmp_path / "plan.svg"
    first = run("milestones", EXAMPLE, "--json", "--futures", "500", "--gantt", chart)
    again = run("milestones", EXAMPLE, "--json", "--futures", "500")
    assert first.exit_code == 0
    assert fits("plan-milestones", first.stdout) == fits("plan-milestones", again.stdout)
    assert chart.read_text().startswith("<svg")
    assert "held up by" in run("milestones", EXAMPLE, "--futures", "500").stdout


def test_an_operation_folder_counts_its_people(run, tmp_path):
    from onward.registry import Settings, create_operation
    from onward.rulebook import shipped_path

    folder = tmp_path / "camp"
    create_operation(
        folder,
        Settings(id="camp", title="Camp", kind="protected-camp", demonstration=True),
        rulebook_text=shipped_path("protected-camp").read_text(encoding="utf-8"),
        effective="2024-11-01",
        by="chantal",
    )
    shutil.copy(EXAMPLE, folder / "plan.yaml")
    result = run("lapses", folder, "--on", "2027-11-30", "--as-of", "2026-10-31", "--json")
    assert result.exit_code == 0, result.output
    data = fits("plan-lapses", result.stdout)
    assert data["people_counted"] is True
    mandate = next(row for row in data["lapses"] if row["what"] == "mandate")
    assert mandate["people"] == 0
