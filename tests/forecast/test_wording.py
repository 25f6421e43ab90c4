"""What a forecast calls the reasons and doubts it has found."""

import datetime as dt
import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from onward.forecast.building.classes import DIFFER
from onward.forecast.scenarios.conditions import Limit
from onward.forecast.scenarios.conditions_told import sentence
from onward.forecast.telling.reasons import SOURCES, Kind
from onward.forecast.telling.wording import (
    DOUBTS,
    REASONS,
    REMEDIES_OF_DOUBT,
    reason_title,
    titles,
)
from onward.plan.load import load_plan
from onward.rulebook import load, shipped_path
from onward.shipped import example


@pytest.fixture(scope="module")
def rulebook():
    return load(shipped_path("protected-camp"))


@pytest.fixture(scope="module")
def plan(rulebook):
    return load_plan(example("meridian") / "plan.yaml", rulebook)


def test_every_reason_and_every_doubt_has_words():
    assert set(REASONS) == set(get_args(Kind))
    assert set(DOUBTS) == set(SOURCES)
    assert set(REMEDIES_OF_DOUBT) == set(SOURCES) - {"chance"}


def test_a_gate_of_assurances_is_told_by_the_country_that_gives_them(rulebook, plan):
    known = titles(rulebook, plan)
    assert reason_title("return XAA", known) == "Assurance from Arland for return"
    unnamed = titles(rulebook, replace(plan, country_names={}))
    assert reason_title("return XAA", unnamed) == "Assurance from XAA for return"


@pytest.mark.parametrize(
    ("name", "low", "high", "said"),
    [
        (DIFFER, -math.inf, 0.3, "of six families the quickest goes at most 2.1 times as fast as the slowest"),
        (DIFFER, 0.4, 0.8, "of six families the quickest goes 2.8 to 7.6 times as fast as the slowest"),
        ("shock now", 0.1, math.inf, ": at least 1.1 times the usual pace"),
        ("luck of the past", -math.inf, 1.2, ": at most 1.2 times the usual pace"),
    ],
)  # fmt: skip
def test_a_condition_on_a_logarithm_is_said_as_times_as_fast(rulebook, name, low, high, said):
    assert sentence(
        Limit(name, low, high), np.zeros(4), dt.date(2026, 1, 1), rulebook, None
    ).endswith(said)


def test_every_gate_of_a_plan_has_a_title(rulebook, plan):
    from onward.plan.draws import plan_draws
    from onward.plan.effects import plan_effects

    found = plan_effects(plan, plan_draws(plan, 5, 1, plan.as_of), rulebook)
    gates = {one.gate or one.id for one in found.effects if one.kind == "gate"}
    known = titles(rulebook, plan)
    assert gates
    assert {name for name in gates if reason_title(name, known) not in known.values()} == set()


def test_gates_of_one_action_or_one_step_are_called_by_their_thing():
    known = {"exit_permits": "Exit permits", "works": "Works on the road"}
    assert reason_title("exit_permits open for T7", known) == "Exit permits"
    assert reason_title("works/closes T7", known) == "Works on the road"
    assert reason_title("harbour_road", known) == "Harbour road"
    assert reason_title("visas XAA", known) == "Visas XAA", "a code keeps its capitals"
