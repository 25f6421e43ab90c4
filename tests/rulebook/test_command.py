"""`onward rulebook` from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from onward.cli.rulebook import app
from onward.errors import OnwardError
from onward.rulebook import shipped_names, shipped_path

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas"
RUN = CliRunner()


def schema(name):
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())


@pytest.fixture
def weaker(tmp_path):
    path = tmp_path / "mine.yaml"
    text = shipped_path("protected-camp").read_text()
    path.write_text(text.replace("movement_always: [G5, G15, G17]", "movement_always: [G5]"))
    return path


@pytest.mark.parametrize("name", shipped_names())
def test_check_of_a_sound_rulebook_says_so(name):
    result = RUN.invoke(app, ["check", name])
    assert result.exit_code == 0
    assert "sound" in result.stdout
    assert result.stderr == ""


def test_check_of_a_weaker_rulebook_says_where_and_ends_with_1(weaker):
    result = RUN.invoke(app, ["check", str(weaker)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"{weaker}, line " in result.stderr
    assert "faults." in result.stderr


@pytest.mark.parametrize("which", ["sound", "weaker", "broken"])
def test_check_as_data_follows_its_schema(which, weaker, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    file = {"sound": "protected-camp", "weaker": str(weaker), "broken": str(broken)}[which]
    result = RUN.invoke(app, ["check", file, "--json"])
    data = json.loads(result.stdout)
    jsonschema.validate(data, schema("rulebook-check"))
    assert data["passed"] is (which == "sound")
    assert result.exit_code == (0 if which == "sound" else 1)


def test_a_missing_file_is_bad_input():
    result = RUN.invoke(app, ["check", "nowhere.yaml"])
    assert isinstance(result.exception, OnwardError)
    assert result.exception.exit_code == 2


@pytest.mark.parametrize("name", shipped_names())
def test_show_fits_100_columns_and_names_everything(name):
    result = RUN.invoke(app, ["show", name])
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    assert "movement_always" not in result.stdout
    assert "G5 G6 G8" in result.stdout


def test_show_one_table_and_refuse_an_unknown_one():
    result = RUN.invoke(app, ["show", "protected-camp", "--table", "movements"])
    assert "T20.done" in result.stdout
    assert "Date of birth" not in result.stdout
    assert isinstance(
        RUN.invoke(app, ["show", "protected-camp", "--table", "all"]).exception, OnwardError
    )


@pytest.mark.parametrize("name", shipped_names())
def test_show_as_data_follows_its_schema(name):
    result = RUN.invoke(app, ["show", name, "--json"])
    jsonschema.validate(json.loads(result.stdout), schema("rulebook-show"))


def test_draw_writes_the_page(tmp_path):
    out = tmp_path / "pathways.svg"
    assert RUN.invoke(app, ["draw", "protected-camp", "-o", str(out)]).exit_code == 0
    assert out.read_text().startswith("<svg ")
    lost = RUN.invoke(app, ["draw", "protected-camp", "-o", str(tmp_path / "no" / "x.svg")])
    assert isinstance(lost.exception, OnwardError)


def test_every_command_opens_its_help_with_an_example():
    for command in ("check", "show", "draw"):
        assert "Example: onward rulebook" in RUN.invoke(app, [command, "--help"]).stdout
