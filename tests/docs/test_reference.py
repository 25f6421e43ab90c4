"""Nothing a person can type or read in a file is missing from docs/reference."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from onward.caseload.events import EVENT_KINDS, Event
from onward.intake import profile as profiles
from onward.plan import load_plan
from onward.registry.operation import FOLDERS, MEMORY_VARIABLE
from onward.registry.settings import Settings
from onward.rulebook import load, shipped_names, shipped_path
from onward.rulebook.reading import Reader

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def _tool():
    spec = importlib.util.spec_from_file_location(
        "pages", ROOT / "tools" / "reference_pages.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
EVERY_COMMAND = list(TOOL.commands())


def words(page: str) -> str:
    return (REFERENCE / page).read_text("utf-8")


def absent(names, page: str) -> list[str]:
    """Names that do not stand in the page between backticks or as a key of an example."""
    text = words(page)
    code = " ".join(re.findall(r"`([^`]+)`", re.sub(r"```", "\n", text)))
    code += " ".join(re.findall(r"(?ms)^```\w*\n(.*?)^```", text))
    return sorted(
        {n for n in names if not re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", code)}
    )


@pytest.mark.parametrize("name", list(TOOL.PAGES))
def test_the_page_is_what_the_code_says(name):
    assert words(name) == TOOL.PAGES[name](), "run: python tools/reference_pages.py"


@pytest.mark.parametrize(("name", "command"), EVERY_COMMAND, ids=[n for n, _ in EVERY_COMMAND])
def test_every_option_of_every_command_stands_under_its_heading(name, command):
    text = words("commands.md")
    heading = re.search(rf"(?m)^##+ {re.escape(TOOL.shown_name(name))}$", text)
    assert heading, f"no heading {TOOL.shown_name(name)}"
    section = text[heading.end() :]
    section = section[: m.start()] if (m := re.search(r"(?m)^##+ ", section)) else section
    for parameter in command.params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("-") and option not in TOOL.HIDDEN:
                assert option in section, f"{name}: {option}"


def test_every_indicator_is_explained_with_its_definition():
    from onward.report.indicators.definitions import DEFINITIONS

    text = words("indicators.md")
    for anchor, (title, definition) in DEFINITIONS.items():
        assert f'<a id="{anchor}"></a>' in text
        assert f"## {title}\n\n`{anchor}`: {definition}\n" in text


def test_every_schema_is_listed_and_every_schema_listed_is_there():
    files = {path.name for path in (REFERENCE / "schemas").glob("*.json")}
    listed = set(re.findall(r"\(schemas/([^)]+)\)", words("schemas.md")))
    assert files == listed


@pytest.mark.parametrize(
    "file", sorted((REFERENCE / "schemas").glob("*.json")), ids=lambda f: f.name
)
def test_every_schema_is_sound(file):
    from jsonschema import Draft202012Validator

    schema = json.loads(file.read_text("utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_every_json_answer_has_a_schema():
    text = words("schemas.md")
    for name, command in EVERY_COMMAND:
        if any("--json" in parameter.opts for parameter in command.params):
            typed = TOOL.shown_name(name)
            assert re.search(rf"`{typed}[ `][^|\n]*--json`", text), typed


def _keys_read(monkeypatch, read) -> set[str]:
    """Every key a reader of files accepts, found by watching it read."""
    keys: set[str] = set()
    mapping = Reader.mapping

    def noting(self, node, path, *, required=(), optional=(), free=False):
        required, optional = tuple(required), tuple(optional)
        keys.update((*required, *optional))
        return mapping(self, node, path, required=required, optional=optional, free=free)

    monkeypatch.setattr(Reader, "mapping", noting)
    read()
    return keys


def test_every_key_of_a_rulebook_is_explained(monkeypatch):
    keys = _keys_read(monkeypatch, lambda: [load(shipped_path(n)) for n in shipped_names()])
    assert len(keys) > 50
    assert absent(keys, "rulebook.md") == []


def test_every_key_of_a_plan_is_explained(monkeypatch):
    rulebook = load(shipped_path("protected-camp"))
    plan = ROOT / "examples" / "meridian" / "plan.yaml"
    keys = _keys_read(monkeypatch, lambda: load_plan(plan, rulebook))
    # A rule of whom something covers names axes and facts of the rulebook.
    keys -= {*rulebook.axes, *rulebook.kinds["person"].facts}
    assert len(keys) > 50
    # Sections are the headings of the page.
    heads = " ".join(re.findall(r"(?m)^## (.*)$", words("plan.md")))
    assert [k for k in absent(keys, "plan.md") if k not in re.split(r"[ ,]+", heads)] == []


def test_every_kind_of_event_and_every_key_of_one_is_explained():
    assert absent(EVENT_KINDS, "events.md") == []
    assert absent([field.name for field in dataclasses.fields(Event)], "events.md") == []


def test_every_setting_and_every_part_of_the_operation_folder_is_explained():
    assert absent([field.name for field in dataclasses.fields(Settings)], "operation.md") == []
    for folder in FOLDERS:
        assert f"{folder}/" in words("operation.md")
    assert MEMORY_VARIABLE in words("operation.md")


def test_every_key_and_target_of_an_import_profile_is_explained():
    keys = {
        *profiles.TOP,
        *profiles.COLUMN,
        *profiles.STRUCTURE,
        *profiles.IDENTITY,
        *profiles.ROLES,
    }
    text = words("import-profiles.md")
    assert [key for key in sorted(keys) if not re.search(rf"\b{re.escape(key)}\b", text)] == []


@pytest.mark.parametrize(("name", "command"), EVERY_COMMAND, ids=[n for n, _ in EVERY_COMMAND])
def test_the_help_of_every_command_begins_with_an_example(name, command):
    paragraphs = [" ".join(p.split()) for p in (command.help or "").split("\n\n")]
    assert any(p.startswith(f"Example: {TOOL.shown_name(name)}") for p in paragraphs[:2]), name


@pytest.mark.parametrize("name", [n for n, _ in EVERY_COMMAND])
def test_help_is_printed_on_standard_output(name):
    onward = str(Path(sys.executable).with_name("onward"))
    done = subprocess.run([onward, *name.split(), "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Example: onward" in done.stdout
