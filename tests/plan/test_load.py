"""Reading plan.yaml: everything wrong is said at once, with its line."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from onward.errors import Faults, OnwardError
from onward.plan import load_plan, loads_plan
from onward.plan.load import find_cycle


def test_the_shipped_example_is_read_whole(example):
    assert example.authorities["mandate"].expiry == dt.date(2027, 11, 30)
    assert example.authorities["mandate"].early_end.notice_days == 90
    assert example.pledges["norway"].places_people == 60
    assert example.pledges["canada"].places_people == 120
    assert example.messages["return_sheet_3"].texts["fa"].approved
    assert not example.messages["return_sheet_3"].texts["ckb"].approved
    assert not example.pledges["portugal"].sure
    assert len(example.hash) == 64


def test_every_fault_is_reported_at_once_with_its_line(rulebook, written):
    plan = written(
        actions={
            "talk": {"title": "Talk", "owner": "lead", "duration_days": "long"},
            "ask": {"title": "Ask", "owner": "lead", "duration_days": 3, "depends_on": ["nobody"]},
            "open": {"title": "Open", "owner": "lead", "duration_days": 3,
                     "effects": [{"opens": "T99"}]},
        },
        pledges={
            "far": {"title": "Far", "country": "Norway", "channel": "bus", "state": "verbal",
                    "places": 5, "confidentiality": "public"},
        },
    )  # fmt: skip
    text = yaml.safe_dump(plan, sort_keys=False)
    with pytest.raises(Faults) as raised:
        loads_plan(text, rulebook)
    said = [str(fault) for fault in raised.value.faults]
    for wanted in (
        "actions.talk.duration_days",
        'no entry called "nobody"',
        'no step or finding called "T99"',
        '"Norway"',
        "pledges.far.channel",
        "pledges.far.chance",
    ):
        assert any(wanted in one for one in said), (wanted, said)
    lines = text.splitlines()
    for fault in raised.value.faults:
        number = int(fault.where.removeprefix("line "))
        entry = fault.field.split(".")[1]
        near = "\n".join(lines[max(number - 8, 0) : number])
        assert f"  {entry}:" in near, fault


def test_an_id_names_one_thing_only(rulebook, written):
    plan = written(milestones={"talk": {"title": "Talked", "after": ["talk"]}})
    with pytest.raises(Faults, match="already names one of the actions"):
        loads_plan(yaml.safe_dump(plan, sort_keys=False), rulebook)


def test_a_plan_for_another_rulebook_is_refused(rulebook, written):
    plan = written(rulebook="another")
    with pytest.raises(Faults, match="protected-camp"):
        loads_plan(yaml.safe_dump(plan), rulebook)


def test_a_missing_file_is_said_plainly(rulebook, tmp_path: Path):
    with pytest.raises(OnwardError, match="expected a plan file"):
        load_plan(tmp_path / "plan.yaml", rulebook)


@pytest.mark.parametrize(
    ("section", "entries"),
    [
        ("actions", {
            "a": {"title": "A", "owner": "o", "duration_days": 1, "depends_on": ["b"]},
            "b": {"title": "B", "owner": "o", "duration_days": 1, "depends_on": ["c"]},
            "c": {"title": "C", "owner": "o", "duration_days": 1, "depends_on": ["a"]},
        }),
        ("authorities", {
            k: {"title": k, "type": "mou", "grantor": "g", "effective": dt.date(2026, 1, 1), "rests_on": [v]}
            for k, v in (("a", "b"), ("b", "a"))
        }),
        ("pledges", {
            k: {"title": k, "country": "NOR", "channel": "family", "state": "open", "places": 5,
                "confidentiality": "public", "conditional_on": {"pledge": v, "departed": 1}}
            for k, v in (("a", "b"), ("b", "a"))
        }),
    ],
)  # fmt: skip
def test_a_circle_is_found_wherever_it_is(rulebook, written, section, entries):
    with pytest.raises(Faults, match="a circle: a waits for"):
        loads_plan(yaml.safe_dump(written(**{section: entries}), sort_keys=False), rulebook)


names = st.integers(0, 7).map(lambda i: f"a{i}")
graphs = st.dictionaries(names, st.lists(names, max_size=3, unique=True), max_size=8)


def has_circle(graph: dict[str, list[str]]) -> bool:
    """Take away what waits for nothing that is left, until nothing can be taken away."""
    left = {one: set(before) for one, before in graph.items()}
    while free := [one for one, before in left.items() if not before & left.keys()]:
        for one in free:
            del left[one]
    return bool(left)


@given(graphs)
def test_no_circle_is_missed_and_none_is_invented(graph):
    found = find_cycle(graph)
    assert bool(found) == has_circle(graph)
    if found:
        assert found[0] == found[-1]
        for one, before in pairwise(found):
            assert before in graph[one]
