"""The reference names every key and finding, and the how-to's plan can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from onward.plan import check_plan, loads_plan
from onward.plan.check import CODES
from onward.plan.model import FACTORS, PLEDGE_STATES, SAYS, SERVICE_METRICS

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = Path(__file__).parents[2] / "examples" / "meridian" / "plan.yaml"


@pytest.fixture(scope="module")
def reference():
    return set(re.findall(r"[a-z_]+", " ".join(
        re.findall(r"`([^`]+)`", (DOCS / "reference" / "plan.md").read_text(encoding="utf-8"))
    )))  # fmt: skip


def keys_of(node, depth=0):
    if isinstance(node, dict):
        for key, value in node.items():
            if depth != 1:  # ids
                yield key
            yield from keys_of(value, depth + 1)
    elif isinstance(node, list):
        for item in node:
            yield from keys_of(item, depth + 1)


def test_every_key_of_the_example_is_in_the_reference(reference):
    plan = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    sections = {"authorities", "assurances", "pledges", "capacities", "actions", "messages",
                "deadlines", "milestones", "service_targets"}  # fmt: skip
    own = {"fa", "ar", "ckb", "en", "NOR", "CAN", "PRT", "NZL", "group", "legal", "place",
           "categories", "affiliation", "kurdish_sheets"}  # fmt: skip
    missing = set(keys_of(plan)) - reference - sections - own
    assert not missing


@pytest.mark.parametrize("names", [CODES, FACTORS, SAYS, SERVICE_METRICS, PLEDGE_STATES])
def test_every_word_with_a_meaning_is_in_the_reference(reference, names):
    assert set(names) <= reference


def test_the_plan_of_the_how_to_can_be_read_and_checked(rulebook):
    text = (DOCS / "how-to" / "write-a-plan.md").read_text(encoding="utf-8")
    (plan,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    read = loads_plan(plan, rulebook)
    codes = {f.code for f in check_plan(read, rulebook, as_of=read.as_of)}
    assert codes <= {"sheet_missing", "capacity_missing"}
