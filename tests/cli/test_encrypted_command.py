"""An encrypted operation from a terminal: made, locked, unlocked, asked, backed up, brought back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ONWARD = str(Path(sys.executable).with_name("onward"))
PEOPLE = "No,Family,Name,Sex,Born\n1,A,Sara Canary,F,1990\n2,A,Omid Canary,M,2015\n"
PROFILE = """profile: camp-list
rows: people
file: {encoding: utf-8, delimiter: comma}
calendar: gregorian
date_order: day-month-year
effective: 2026-01-15
columns: {"No": person, "Family": household, "Name": name.full, "Sex": sex, "Born": birth}
constants: {site: main, group: main_group}
"""


def onward(*arguments, cwd, **more):
    kept = {k: v for k, v in os.environ.items() if k in ("HOME", "PATH", "TMPDIR")}
    return subprocess.run(
        [ONWARD, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
        env={**kept, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1", **more},
    )  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A folder with an encrypted operation `camp`, two people in it, and a schema reader."""
    place = tmp_path_factory.mktemp("office")
    made = onward(
        "new", "camp", "--from", "2026-01-01", "--key-file", "keys/camp.key", cwd=place
    )
    assert made.returncode == 0, made.stderr
    (place / "people.csv").write_text(PEOPLE, "utf-8")
    (place / "people.yaml").write_text(PROFILE, "utf-8")
    brought = onward("import", "camp", "people.csv", "--profile", "people.yaml", cwd=place)
    assert brought.returncode == 0, brought.stderr
    return place


def valid(name: str, text: str):
    from jsonschema import Draft202012Validator

    path = ROOT / "docs" / "reference" / "schemas" / f"{name}.schema.json"
    data = json.loads(text)
    Draft202012Validator(json.loads(path.read_text("utf-8"))).validate(data)
    return data


def test_without_a_way_in_nothing_is_made_and_it_says_what_to_do(tmp_path):
    done = onward("new", "camp", cwd=tmp_path)
    assert done.returncode == 2
    assert "--key-file" in done.stderr
    assert not (tmp_path / "camp").exists()
    inside = onward("new", "camp", "--key-file", "camp/my.key", cwd=tmp_path)
    assert "who takes the folder" in inside.stderr
    assert not (tmp_path / "camp").exists()


def test_without_its_packages_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['cryptography'] = None; sys.argv = "
        "['onward', 'new', 'camp', '--key-file', 'my.key']; "
        "from onward.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 2
    assert 'pip install "onward[desk]"' in done.stderr


def test_a_record_in_files_loads_no_web_framework(tmp_path):
    assert onward("new", "camp", "--store", "files", cwd=tmp_path).returncode == 0
    code = (
        "import sys; sys.argv = ['onward', 'caseload', 'camp']\n"
        "from onward.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('django' in sys.modules, 'sqlcipher3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.slow
def test_the_commands_of_every_day_work_as_on_any_other(office):
    for line in (
        "caseload camp", "caseload camp --as-of 2026-02-01", "check camp",
        "check camp --transition T1", "report camp -o out --no-forecast", "verify camp",
    ):  # fmt: skip
        done = onward(*line.split(), cwd=office)
        assert done.returncode in (0, 1), f"{line}: {done.stderr}"
        assert "Canary" not in done.stdout + done.stderr
    assert "onward/camp" in (office / "out" / "report.html").read_text("utf-8")


LOOKED = """
import json, pathlib
from onward.registry import open_operation, site
operation = open_operation(pathlib.Path("camp"))
people = sorted({e.subject.id for e in operation.store.read() if e.subject.kind == "person"})
assert site.is_open()
from onward.registry.models import AccessEntry
rows = AccessEntry.objects.filter(purpose="onward check")
print(json.dumps([people, list(rows.values_list("action", "person", "place", "account"))]))
"""


def test_looking_at_one_person_is_written_down(office):
    def looked():
        found = subprocess.run(
            [sys.executable, "-c", LOOKED], cwd=office, capture_output=True, text=True,
            env={"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    people, before = looked()
    assert onward("check", "camp", "--person", people[0], cwd=office).returncode == 0
    assert onward("check", "camp", "--person", "nobody", cwd=office).returncode == 2
    _, after = looked()
    assert after[len(before) :] == [["person.read", people[0], "terminal", ""]]


def test_nothing_in_its_folder_is_in_clear(office):
    onward("caseload", "camp", cwd=office)
    for path in (office / "camp").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"Canary" not in data, path
            assert b'"birth"' not in data, path


def test_a_locked_operation_tells_nothing_and_says_how_to_unlock(office):
    kept = office / "keys" / "camp.key"
    kept.rename(kept.with_suffix(".away"))
    try:
        done = onward("caseload", "camp", cwd=office)
    finally:
        kept.with_suffix(".away").rename(kept)
    assert done.returncode == 2
    assert "key file" in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_backing_up_and_bringing_back(office):
    public = onward("keys", "identity", "chantal.age", cwd=office).stdout
    (office / "chantal.pub").write_text(public)
    made = onward("backup", "camp", "-o", "b.age", "--to", "chantal.pub", "--json", cwd=office)
    assert valid("backup", made.stdout)["events"] == 4
    drill = onward(
        "restore",
        "b.age",
        "drill",
        "--identity",
        "chantal.age",
        "--drill",
        "--json",
        cwd=office,
    )
    assert valid("restore", drill.stdout)["identities"] == 2, drill.stderr
    assert not (office / "drill").exists()
    looked = onward("verify", "camp", "--json", "--write-checkpoint", "now.cp", cwd=office)
    assert valid("verify", looked.stdout)["sound"]
    again = onward("verify", "camp", "--checkpoint", "now.cp", "--quick", cwd=office)
    assert again.returncode == 0, again.stdout
    assert valid("keys-list", onward("keys", "list", "camp", "--json", cwd=office).stdout)
    shutil.rmtree(office / "out", ignore_errors=True)


def test_the_desk_says_why_it_does_not_start(office):
    done = onward("serve", "camp", "--host", "0.0.0.0", cwd=office)
    assert done.returncode == 2
    assert "other machines could connect" in done.stderr
