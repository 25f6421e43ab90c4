"""`onward account`: the first administrator, and everybody after, without a default password."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import validate
from typer.testing import CliRunner

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


@pytest.fixture(scope="module")
def camp(tmp_path_factory):
    """A new encrypted operation that its key file opens."""
    from onward.registry import Settings, create_operation
    from onward.registry.keyring.creating import preparing
    from onward.registry.web import starting
    from onward.rulebook import shipped_path

    folder = tmp_path_factory.mktemp("account") / "camp"
    key_file = folder.with_name("camp.key")
    _, prepare = preparing("camp", key_file=key_file)
    create_operation(
        folder,
        Settings(
            id="camp", title="Camp", kind="protected-camp", store="encrypted",
            key_file=str(key_file),
        ),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
        effective="2026-01-01", by="chantal", prepare=prepare,
    )  # fmt: skip
    yield folder
    starting.close_site()


def run(*words: object):
    from onward.cli.account import app

    return CliRunner().invoke(app, [str(word) for word in words])


def test_from_the_first_administrator_to_a_closed_account(camp):
    assert "no account yet" in run("list", camp).stderr
    first = run("add", camp, "root", "--role", "administrator", "--json")
    answer = json.loads(first.stdout)
    validate(answer, json.loads((SCHEMAS / "account-add.schema.json").read_text("utf-8")))
    second = run("add", camp, "amina", "--role", "protection_officer", "--office", "camp-1")
    assert len(second.stdout.strip()) == 27
    assert "shown once" in second.stderr
    assert second.stdout.strip() not in second.stderr
    listed = json.loads(run("list", camp, "--json").stdout)
    validate(listed, json.loads((SCHEMAS / "account-list.schema.json").read_text("utf-8")))
    assert {each["username"]: each["password"] for each in listed["accounts"]} == {
        "amina": False,
        "root": False,
    }
    again = run("reset", camp, "amina")
    assert again.stdout != second.stdout
    assert "interviewer" in run("roles", camp, "amina", "--role", "interviewer").stdout
    assert "closed" in run("close", camp, "amina").stdout
    assert "amina  closed" in run("list", camp).stdout
    assert "open" in run("open", camp, "amina").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "Amina!", "--role", "analyst"), "not a user name"),
        (("add", "amos", "--role", "king"), "not a role"),
        (("add", "amos", "--role", "auditor", "--role", "interviewer"), "read cases"),
        (("add", "amos", "--role", "partner"), "organisation"),
        (("add", "amos", "--role", "analyst", "--prompt"), "needs a terminal"),
        (("reset", "nobody"), "no account of that name"),
    ],
)
def test_what_is_wrong_is_said(camp, words, said):
    answer = run(words[0], camp, *words[1:])
    assert answer.exit_code != 0
    assert said in str(answer.exception)


def test_an_operation_in_plain_files_has_no_accounts(tmp_path):
    from onward.registry import Settings, create_operation
    from onward.rulebook import shipped_path

    create_operation(
        tmp_path / "plain",
        Settings(id="plain", title="Plain", kind="protected-camp", store="files"),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
        effective="2026-01-01", by="chantal",
    )  # fmt: skip
    assert "no accounts" in str(run("list", tmp_path / "plain").exception)
