"""Comparisons asked of an operation: files read together, runs kept, faults before any work."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from onward.errors import Faults, OnwardError
from onward.plan import load_plan
from onward.registry.computing.comparing import keep_run, scenarios_of, track_of
from onward.registry.computing.runs import kept_forecasts
from onward.rulebook import load, shipped_path

EXAMPLE = Path(__file__).parents[2] / "examples/meridian"
RULEBOOK = load(shipped_path("protected-camp"))


def found(plan=True, own=()):
    return SimpleNamespace(
        operation=SimpleNamespace(scenarios=list(own)),
        plan=load_plan(EXAMPLE / "plan.yaml", RULEBOOK) if plan else None,
        rulebook=RULEBOOK,
    )


def test_the_faults_of_all_files_are_named_together_and_an_id_is_used_once(tmp_path):
    good = EXAMPLE / "scenarios/incident.yaml"
    again = Path(shutil.copy(good, tmp_path / "again.yaml"))
    bad = tmp_path / "bad.yaml"
    bad.write_text("scenario: x\ntitle: X\nkind: choice\nchanges:\n  - {consent: all}\n")
    with pytest.raises(Faults) as caught:
        scenarios_of(found(), [good, bad, again])
    said = str(caught.value)
    assert "bad.yaml, line 5" in said
    assert 'the id "incident", which' in said
    plan = tmp_path / "plan.yaml"
    plan.write_text(good.read_text().replace("scenario: incident", "scenario: plan"))
    with pytest.raises(Faults, match="the plan as it stands"):
        scenarios_of(found(), [plan])


def test_a_scenario_of_the_operation_is_called_by_its_name_and_not_by_where_it_lies(tmp_path):
    bad, gone = tmp_path / "bad.yaml", tmp_path / "gone.yaml"
    bad.write_text("scenario: x\ntitle: X\nkind: choice\nchanges:\n  - {consent: all}\n")
    twice = Path(shutil.copy(EXAMPLE / "scenarios/incident.yaml", tmp_path / "incident.yaml"))
    good = EXAMPLE / "scenarios/incident.yaml"
    for files in ([bad], [gone], [good, twice]):
        with pytest.raises(OnwardError, match=files[-1].name) as caught:
            scenarios_of(found(own=(good, bad, gone, twice)), files)
        assert "/" not in str(caught.value)
    with pytest.raises(Faults) as caught:
        scenarios_of(found(), [bad])
    assert str(bad) in str(caught.value), (
        "a file named at the terminal is called as it was named"
    )


def test_without_a_plan_there_is_nothing_to_depart_from():
    with pytest.raises(OnwardError, match=r"plan\.yaml"):
        scenarios_of(found(plan=False), [EXAMPLE / "scenarios/incident.yaml"])


def test_a_kept_comparison_is_no_forecast_to_be_scored(operation):
    text = '{"as_of": "2026-10-31", "kind": "onward-comparison-1"}\n'
    name = keep_run(operation, "compare", text)
    assert name == keep_run(operation, "compare", text)
    assert (operation.path / "forecasts" / name).read_text() == text
    assert kept_forecasts(operation) == []
    assert track_of(operation).together is None
