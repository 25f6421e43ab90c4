"""By which facts people should be told apart: what is planted is found, and nothing in noise."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest

from onward.cli.forecast_groups import page
from onward.forecast.learning.strata import candidates, facts_told
from onward.rulebook import load, shipped_path

ROOT = Path(__file__).parents[2]
RULEBOOK = load(shipped_path("protected-camp"))
FACTS = ("group", "language", "sex")


def log(seed=1, *, fast=1.0, lucky=0.0, family=1, by="language", hidden=0.0):
    """A year of choices for return, month by month and group by group.

    fast    pace of Kurdish speakers in times that of the others
    lucky   how far months differ, for everybody
    by      the fact that the pace really follows: "language", or "group", which languages go with
    hidden  share of people whose sex is not on file
    """
    rng = np.random.default_rng(seed)
    rows = []
    here = {("main_group", "fa"): 900, ("main_group", "ckb"): 100,
            ("recognised_group", "fa"): 100, ("recognised_group", "ckb"): 500}  # fmt: skip
    for month in range(12):
        mood = np.exp(rng.normal(0, lucky)) if lucky else 1.0
        for (group, language), units in here.items():
            follows = language == "ckb" if by == "language" else group == "recognised_group"
            gone = rng.binomial(units, min(0.03 * mood * (fast if follows else 1.0), 0.9))
            here[group, language] = units - gone
            for share, sex in ((0.5, "female"), (0.5 - hidden, "male"), (hidden, None)):
                base = {"forecast_state": "interviewed", "group": group, "language": language,
                        "sex": sex, "period_start": dt.date(2025, 1, 1) + dt.timedelta(28 * month),
                        "period_days": 28}  # fmt: skip
                moved = int(rng.binomial(gone, share)) if share < 1 else gone
                rows.append({**base, "move": None, "to_state": None, "transitions": 0,
                             "person_days": int(28 * units * family * share)})  # fmt: skip
                rows.append({**base, "move": "T4.return", "to_state": "wants_return",
                             "transitions": moved * family, "person_days": 0})  # fmt: skip
    return pa.Table.from_pylist(rows)


def told(table, family=1.0, declared=("group",)):
    rulebook = replace(RULEBOOK, forecast_strata=declared)
    return {one.name: one for one in facts_told(table, rulebook, FACTS, family)}


def test_a_fact_on_which_a_pace_depends_is_found_with_its_paces():
    found = told(log(fast=2.5))
    (step,) = found["language"].steps
    assert (step.state, step.move) == ("interviewed", "T4.return")
    assert step.paces["ckb"] / step.paces["fa"] == pytest.approx(2.5, rel=0.2)
    assert found["sex"].steps == ()
    assert found["sex"].looked == 1


def test_what_another_fact_explains_is_not_said_of_both():
    """Languages go with groups, and the pace follows the group alone."""
    both = log(by="group", fast=2.5)
    assert told(both)["language"].steps == ()
    assert told(both)["group"].steps
    # without the group among what is told apart, the language stands in for it
    assert told(both, declared=())["language"].steps


def test_nothing_is_found_in_noise_however_months_differ():
    found = [told(log(seed, lucky=0.6)) for seed in range(60)]
    clear = sum(bool(fact.steps) for one in found for fact in one.values())
    assert clear <= 3


def test_a_family_is_one_decision():
    """The same moves made by families of five are a fifth of the evidence."""
    alone = [bool(told(log(seed, fast=1.45))["language"].steps) for seed in range(30)]
    fives = [
        bool(told(log(seed, fast=1.45), family=5.0)["language"].steps) for seed in range(30)
    ]
    assert sum(alone) > sum(fives) + 5


def test_nobody_is_counted_by_what_is_sealed_or_not_on_file():
    looked, sealed = candidates(RULEBOOK)
    assert "affiliation" in sealed
    assert not set(looked) & set(sealed)
    found = told(log(hidden=0.2))
    assert not found["sex"].known
    assert not found["sex"].eligible
    assert found["language"].eligible


def test_safeguards_that_ask_for_a_fact_are_named():
    (one,) = facts_told(log(), RULEBOOK, ("group",), 1.0)
    asking = [
        guard.name
        for guard in RULEBOOK.safeguards.values()
        if any("group" in finding.condition.split() for finding in guard.findings.values())
    ]
    assert set(asking) <= set(one.asked_by)
    assert one.asked_by


def test_the_advice_follows_from_what_was_found():
    found = list(told(log(fast=2.5)).values())
    text = "\n".join(page(found, ["affiliation"], RULEBOOK))
    assert "language (not in the forecast): 1 of 1 steps clearly go at another pace" in text
    assert "Name language under forecast.strata" in text
    assert "sealed: nobody is counted by it: affiliation" in text
    both = told(log(fast=2.5), declared=("group", "language")).values()
    assert "No pace depends on group so far" in "\n".join(page(list(both), [], RULEBOOK))
    plain = "\n".join(page(list(told(log(by="group", fast=2.5)).values()), [], RULEBOOK))
    assert "The forecast tells people apart by every fact" in plain


def test_what_is_printed_as_data_fits_its_schema():
    from dataclasses import asdict

    schema = json.loads(
        (ROOT / "docs/reference/schemas/forecast-groups.schema.json").read_text()
    )
    facts = [{**asdict(one), "eligible": one.eligible} for one in told(log(fast=2.5)).values()]
    data = json.loads(
        json.dumps({"as_of": "2026-05-31", "sealed": ["affiliation"], "facts": facts})
    )
    jsonschema.validate(data, schema, cls=jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "extra": 1}, schema)
