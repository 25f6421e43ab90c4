"""`onward breaches`: who must still be told, and an exit code when somebody was not told in time."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import validate
from typer.testing import CliRunner

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "schemas" / "breaches.schema.json"


@pytest.fixture
def camp(tmp_path):
    """An encrypted operation in which H1 was taken home yesterday without a test of the risk."""
    from onward.caseload.events import Subject, new_event
    from onward.registry import Settings, create_operation
    from onward.registry.keyring.creating import preparing
    from onward.registry.web import starting
    from onward.rulebook import shipped_path

    folder, key_file = tmp_path / "camp", tmp_path / "camp.key"
    _, prepare = preparing("camp", key_file=key_file)
    operation = create_operation(
        folder,
        Settings(
            id="camp", title="Camp", kind="protected-camp", store="encrypted",
            key_file=str(key_file),
        ),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
        effective="2026-01-01", by="chantal", prepare=prepare,
    )  # fmt: skip
    operation.store.append(
        [
            new_event(
                operation.rulebook, operation="camp", subject=Subject("person", "H1"), kind=kind,
                effective="2026-06-10", by="driver", instant=datetime.now(UTC),
                random=random.Random(kind), facts=facts,
            )
            for kind, facts in (
                ("registered", {}),
                ("T7.done", {}),
                ("breach", {"move": "T7.done", "safeguards": ["G6.passed"], "severity": 1}),
            )
        ]
    )  # fmt: skip
    yield folder
    starting.close_site()


def run(*words: object):
    from onward.cli.breaches import app

    return CliRunner().invoke(app, [str(word) for word in words])


def test_who_must_be_told_is_listed_and_being_late_ends_with_one(camp, monkeypatch):
    from django.utils import timezone

    answer = run(camp)
    assert answer.exit_code == 0
    assert "A movement against a safeguard  (open)" in answer.stdout
    assert "tell Whose job it was: lawyer by 20" in answer.stdout
    assert "H1" not in answer.stdout, "nobody is named"
    told = json.loads(run(camp, "--json").stdout)
    validate(told, json.loads(SCHEMA.read_text("utf-8")))
    (breach,) = told["breaches"]
    found = datetime.fromisoformat(breach["found"])
    due = {
        each["whom"]: datetime.fromisoformat(each["due"]) - found for each in breach["to_tell"]
    }
    assert due == {
        "The plan lead and the supervisor of the office": timedelta(hours=1),
        "Whose job it was: lawyer": timedelta(hours=24),
        "UNHCR and ICRC protection focal points": timedelta(hours=24),
        "The family, where the person agreed to it": timedelta(hours=72),
    }
    assert not told["late"]
    monkeypatch.setattr(timezone, "now", lambda: found + timedelta(hours=2))
    later = run(camp, "--json")
    assert later.exit_code == 1
    (breach,) = json.loads(later.stdout)["breaches"]
    assert [each["late"] for each in breach["to_tell"]] == [True, False, False, False]


def test_closed_ones_are_listed_when_asked_for(camp):
    from django.utils import timezone

    from onward.registry.models import Breach, BreachNotice

    run(camp)
    BreachNotice.objects.update(told_at=timezone.now(), how="by telephone")
    assert run(camp).exit_code == 0
    Breach.objects.update(state="closed", closed_at=timezone.now(), lesson="Buses wait now.")
    assert run(camp).stdout == "No breach is open.\n"
    (closed,) = json.loads(run(camp, "--all", "--json").stdout)["breaches"]
    assert (closed["state"], closed["told"], closed["learned"]) == (
        "closed",
        4,
        "Buses wait now.",
    )


def test_plain_files_keep_no_register(tmp_path):
    from onward.errors import OnwardError
    from onward.registry import Settings, create_operation
    from onward.rulebook import shipped_path

    create_operation(
        tmp_path / "plain", Settings(id="plain", title="Plain", kind="protected-camp"),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
        effective="2026-01-01", by="chantal",
    )  # fmt: skip
    answer = run(tmp_path / "plain")
    assert isinstance(answer.exception, OnwardError)
    assert "no register" in str(answer.exception)
