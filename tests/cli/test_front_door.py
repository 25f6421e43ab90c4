"""The terminal's front door: what it lists, how it refuses, and what goes where.

A mistake of the user ends with exit code 2 and a sentence, never with a stack trace. Data go to
standard output and nothing else does. Commands load only what they need.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from jsonschema import Draft202012Validator, FormatChecker

from onward import __version__
from onward.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SCHEMAS = ROOT / "docs" / "reference" / "schemas"
ROOMS = ("rulebook", "engine", "caseload", "safeguards", "plan", "forecast", "placement", "intake", "report")  # fmt: skip
HISTORY = ROOT / "examples" / "history"

PEOPLE = """No,Family,Sex,Date of birth,Relation
1,A,F,1990-03-01,head
2,A,M,2015,child
3,B,M,1985-04-12,head
"""
PROFILE = """profile: camp-list
rows: people
file: {encoding: utf-8, delimiter: comma}
calendar: gregorian
date_order: year-month-day
effective: 2026-01-15
columns: {"No": person, "Family": household, "Sex": sex, "Date of birth": birth, "Relation": role}
constants: {site: main, group: main_group}
"""
PLAN = """plan: camp
title: Our camp
version: "1"
as_of: 2026-03-01
rulebook: protected-camp
languages: [fa]
origin: XAA
host: XBB
authorities:
  mandate: {title: Mandate, type: sc_resolution, grantor: Council, effective: 2025-12-01, expiry: 2026-09-30}
deadlines:
  mandate_end: {title: Mandate ends, date: 2026-09-30, authority: mandate, clock: expiry}
actions:
  interviews: {title: Interview everyone, owner: interview team, duration_days: {min: 20, likely: 30, max: 60}, serves: [mandate_end]}
"""


def onward(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "onward"), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"},
    )


@pytest.fixture(scope="module")
def camp(tmp_path_factory) -> Path:
    """A small operation made the way a person makes one: new, settings, plan, import."""
    folder = tmp_path_factory.mktemp("front") / "camp"
    made = onward(
        "new", folder, "--title", "Our camp", "--from", "2026-01-01", "--store", "files"
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    settings = folder / "operation.toml"
    text = settings.read_text("utf-8").replace('deadline = ""', 'deadline = "mandate"')
    settings.write_text(text + "\ndata_ends = 2026-03-01\n", "utf-8")
    (folder / "plan.yaml").write_text(PLAN, "utf-8")
    (folder.parent / "people.csv").write_text(PEOPLE, "utf-8")
    (folder.parent / "people.yaml").write_text(PROFILE, "utf-8")
    brought = onward(
        "import",
        folder,
        folder.parent / "people.csv",
        "--profile",
        folder.parent / "people.yaml",
    )
    assert brought.returncode == 0, brought.stderr
    return folder


# -- what it lists ----------------------------------------------------------------------------


def test_a_list_of_commands_says_what_each_does_in_a_whole_sentence():
    for module, attribute, _ in COMMANDS.values():
        group = typer.main.get_command(getattr(importlib.import_module(module), attribute))
        for name, command in getattr(group, "commands", {}).items():
            told = command.get_short_help_str()
            assert told.endswith("."), (module, name, told)
            assert "Example:" not in told, (module, name, told)


def test_help_lists_every_command_with_its_line():
    shown = onward("--help")
    assert shown.returncode == 0
    for name, (_, _, line) in COMMANDS.items():
        assert f" {name} " in shown.stdout
        assert line in shown.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_listed_is_there(name):
    module, attribute, _ = COMMANDS[name]
    assert hasattr(importlib.import_module(module), attribute)


def test_version_is_one_line_of_data():
    shown = onward("--version")
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, f"onward {__version__}\n", "")


# -- how it refuses ---------------------------------------------------------------------------

BAD = [
    ("an unknown command", ["frobnicate"]),
    ("an unknown option", ["caseload", "CAMP", "--frobnicate"]),
    *[
        (f"no operation: {name}", [*words, "NOWHERE"])
        for name, words in {
            "caseload": ["caseload"], "check": ["check"], "plan check": ["plan", "check"],
            "plan lapses": ["plan", "lapses"], "milestones": ["plan", "milestones"],
            "forecast": ["forecast"], "list": ["forecast", "list"], "score": ["forecast", "score"],
            "report": ["report", "-o", "out"], "place": ["place"], "backtest": ["backtest"],
            "rulebook": ["rulebook", "check"], "show": ["rulebook", "show"],
            "import": ["import", "--all", "lists.yaml"],
        }.items()
    ],
    ("not a date: caseload", ["caseload", "CAMP", "--as-of", "2026-13-01"]),
    ("not an instant: caseload", ["caseload", "CAMP", "--known-at", "yesterday"]),
    ("not a date: check", ["check", "CAMP", "--on", "31.10.2026"]),
    ("not a date: lapses", ["plan", "lapses", "CAMP", "--on", "soon"]),
    ("not a date: forecast", ["forecast", "CAMP", "--by", "soon"]),
    ("not a date: report", ["report", "CAMP", "-o", "out", "--as-of", "3"]),
    ("not a date: place", ["place", "examples/placement/smallest", "--on", "3"]),
    ("not a date: counts", ["forecast", "--counts", HISTORY / "ashraf_2003_2012.csv", "--series",
                            "ashraf_population", "--origin", "x", "--by", "2012-01-01"]),
    ("a date that is none: new", ["new", "FRESH", "--from", "soon"]),
    ("a time zone that is none: new", ["new", "FRESH", "--time-zone", "Nowhere/Land"]),
    ("a rulebook that is none: new", ["new", "FRESH", "--rulebook", "nonesuch"]),
    ("an example that is none: new", ["new", "FRESH", "--example", "nonesuch"]),
    ("a folder in use: new", ["new", "CAMP"]),
    ("an audience that is none", ["report", "CAMP", "-o", "out", "--audience", "everyone"]),
    ("a language that is none", ["report", "CAMP", "-o", "out", "--language", "xx"]),
    ("a step that is none", ["check", "CAMP", "--transition", "T99"]),
    ("a person who is none", ["check", "CAMP", "--person", "nobody"]),
    ("no list", ["import", "CAMP"]),
    ("no profile", ["import", "CAMP", "people.csv"]),
    ("a list that is not there", ["import", "CAMP", "none.csv", "--profile", "PROFILE"]),
    ("a rulebook that is not there", ["new", "FRESH", "--rulebook", "none.yaml"]),
    ("a report into a file", ["report", "CAMP", "-o", "people.csv", "--no-forecast"]),
    ("too few futures for a report", ["report", "CAMP", "-o", "OUT", "--futures", "10"]),
    ("a binary file for a plan", ["plan", "milestones", "BINARY"]),
    ("a binary file for a rulebook", ["rulebook", "show", "BINARY"]),
    ("a binary file for counts", ["forecast", "--counts", "BINARY", "--series", "a", "--origin",
                                  "2012-01-01", "--by", "2012-02-01"]),
    ("a binary file for cases", ["place", "--cases", "BINARY", "--programmes", "BINARY"]),
    ("a binary file for a list", ["import", "CAMP", "BINARY", "--profile", "PROFILE"]),
    ("a binary file for a profile", ["import", "CAMP", "people.csv", "--profile", "BINARY"]),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("words", [w for _, w in BAD], ids=[name for name, _ in BAD])
def test_a_mistake_is_answered_with_a_sentence_and_code_2(words, camp, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    (tmp_path / "binary.dat").write_bytes(bytes(range(256)) * 8)
    places = {"CAMP": camp, "NOWHERE": "nowhere", "FRESH": "fresh", "BINARY": "binary.dat",
              "PROFILE": camp.parent / "people.yaml"}  # fmt: skip
    done = onward(*[places.get(str(word), word) for word in words], cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.strip()
    assert done.stdout == ""
    assert not (tmp_path / "fresh").exists()


@pytest.mark.parametrize("text", ["a: [1\n", ""], ids=["broken", "empty"])
def test_a_plan_file_that_is_no_yaml_says_so(text, tmp_path):
    (tmp_path / "plan.yaml").write_text(text, "utf-8")
    done = onward("plan", "milestones", "plan.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "YAML" in done.stderr


def test_a_fault_nobody_foresaw_says_where_it_lies_and_not_what_was_told_to_us(
    monkeypatch, capsys
):
    from onward.cli import main as front

    def broken() -> None:
        raise RuntimeError("Amina, document 12345")

    monkeypatch.delenv("ONWARD_DEBUG", raising=False)
    monkeypatch.setattr(front, "app", broken)
    with pytest.raises(SystemExit) as ended:
        front.main()
    said = capsys.readouterr().err
    assert ended.value.code == 70
    assert "RuntimeError in" in said
    assert "Amina" not in said
    assert "Traceback" not in said


# -- what goes where --------------------------------------------------------------------------

ANSWERS = {
    "caseload": ["caseload", "CAMP"],
    "caseload in full": ["caseload", "CAMP", "--units", "--counts"],
    "check": ["check", "CAMP"],
    "check of a step": ["check", "CAMP", "--transition", "T3"],
    "plan-check": ["plan", "check", "CAMP"],
    "plan-lapses": ["plan", "lapses", "CAMP", "--on", "2026-09-30"],
    "plan-milestones": ["plan", "milestones", "CAMP"],
    "rulebook-check": ["rulebook", "check", "protected-camp"],
    "rulebook-show": ["rulebook", "show", "voluntary-return"],
    "import": ["import", "CAMP", "PEOPLE", "--profile", "PROFILE", "--check"],
    "report": ["report", "CAMP", "-o", "OUT", "--no-forecast"],
    "forecast": ["forecast", "CAMP", "--futures", "200"],
    "forecast-list": ["forecast", "list", "CAMP"],
    "forecast-score": ["forecast", "score", "CAMP"],
    "forecast-counts": ["forecast", "--counts", HISTORY / "ashraf_2003_2012.csv", "--series",
                        "ashraf_population", "--origin", "2012-03-09", "--by", "2012-04-30"],
    "backtest": ["backtest", HISTORY, "--case", "choucha"],
    "placement": ["place", ROOT / "examples" / "placement" / "smallest"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
def test_json_is_all_there_is_on_standard_output_and_has_its_published_form(
    name, camp, tmp_path
):
    places = {"CAMP": camp, "OUT": tmp_path / "out", "PEOPLE": camp.parent / "people.csv",
              "PROFILE": camp.parent / "people.yaml"}  # fmt: skip
    words = [places.get(str(word), word) for word in ANSWERS[name]]
    done = onward(*words, "--json", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    schema = json.loads((SCHEMAS / f"{name.split()[0]}.schema.json").read_text("utf-8"))
    checker = Draft202012Validator(schema, format_checker=FormatChecker())
    faults = [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
        for e in checker.iter_errors(answer)
    ]
    assert faults == []


@pytest.mark.slow
def test_a_report_is_written_in_the_language_asked_for(camp, tmp_path):
    done = onward(
        "report",
        camp,
        "-o",
        tmp_path / "out",
        "--no-forecast",
        "--language",
        "fa",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert '<html lang="fa" dir="rtl">' in page
    assert "این ترجمه پیش‌نویس است" in page
    assert (tmp_path / "out" / "report.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.slow
def test_an_external_report_that_cannot_be_written_is_no_release(camp, tmp_path):
    """What counts as published and that nobody has would hold up the next one for four weeks."""
    camp = shutil.copytree(camp, tmp_path / "camp")
    words = ["report", camp, "--audience", "external", "--no-forecast", "-o"]
    (tmp_path / "a-file").write_text("in the way", "utf-8")
    done = onward(*words, tmp_path / "a-file", cwd=tmp_path)
    assert done.returncode == 2
    assert "so nothing was kept of this report" in done.stderr
    assert not list((camp / "reports").glob("external-*"))
    out = tmp_path / "out"
    assert onward(*words, out, cwd=tmp_path).returncode == 0
    assert sorted(file.name for file in out.iterdir()) == [
        "report.html", "report.pdf", "report.xlsx",
    ]  # fmt: skip
    assert len(list((camp / "reports").glob("external-*"))) == 1


@pytest.mark.slow
def test_a_kept_forecast_is_listed_and_scored_in_the_published_form(camp, tmp_path):
    """A forecast made of the past, which has passed since."""
    made = onward(
        "forecast", camp, "--as-of", "2026-02-20", "--by", "2026-02-28", "--futures", "200"
    )
    assert made.returncode == 0, made.stderr
    for words, key in ((["list"], "forecasts"), (["score"], "scores")):
        done = onward("forecast", *words, camp, "--json")
        answer = json.loads(done.stdout)
        schema = json.loads((SCHEMAS / f"forecast-{words[0]}.schema.json").read_text("utf-8"))
        Draft202012Validator(schema).validate(answer)
        assert answer[key]


@pytest.mark.parametrize(
    "words",
    [["rulebook", "show", "protected-camp"], ["rulebook", "show", "protected-camp", "--json"]],
)
def test_a_reader_who_stops_reading_is_no_error(words):
    """As in `onward … | head -1`."""
    done = subprocess.run(
        ["bash", "-c", f"{BIN / 'onward'} {' '.join(words)} | head -1"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


# -- what it loads ----------------------------------------------------------------------------

WEB = ("django", "flask", "fastapi", "starlette", "aiohttp", "tornado")


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("room", ROOMS)
def test_a_computing_room_loads_no_web_framework_and_no_database(room):
    every = "\n".join(
        f"import {name}"
        for name in sorted(
            ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(
                ".__init__"
            )
            for path in (ROOT / "src" / "onward" / room).rglob("*.py")
        )
    )
    assert loaded_after(every) & {*WEB, "sqlite3", "psycopg"} == set()


def test_help_is_quick_because_nothing_heavy_is_loaded():
    code = (
        "import io, contextlib\nsys.argv = ['onward', '--help']\n"
        "from onward.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()"
    )
    heavy = {"numpy", "duckdb", "pyarrow", "numba", "scipy", "altair", "sqlglot", "highspy"}
    assert loaded_after(code) & {*heavy, *WEB} == set()


@pytest.mark.slow
def test_the_arrow_between_the_rooms_points_one_way():
    """The contracts of pyproject.toml, as import-linter judges them."""
    done = subprocess.run(
        [str(BIN / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    declared = len(tools["importlinter"]["contracts"])
    assert f"{declared} kept, 0 broken" in done.stdout


def test_what_is_written_is_its_owners_alone_and_no_dump_can_hold_a_key(tmp_path):
    """Under the usual umask a report or a proposal could be read by everybody on the machine."""
    said = (
        "import os, resource, sys; os.umask(0o022); from onward.cli.main import main\n"
        "try: main()\n"
        "finally: print(resource.getrlimit(resource.RLIMIT_CORE), file=sys.stderr)"
    )
    drawn = tmp_path / "pathways.svg"
    done = subprocess.run(
        [sys.executable, "-c", said, "rulebook", "draw", "protected-camp", "-o", drawn],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert drawn.stat().st_mode & 0o777 == 0o600
    assert done.stderr.strip().endswith("(0, 0)")


def test_too_few_futures_are_refused_before_anything_is_built(tmp_path):
    out = tmp_path / "made"
    done = onward("demo", out, "--futures", 40)
    assert done.returncode == 2
    assert "200 or more" in done.stderr
    assert not out.exists()
