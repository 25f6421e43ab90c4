"""One entry of a plan's text is changed, and nothing else in the text moves."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.errors import OnwardError
from onward.plan.edit import entries, with_entry

TEXT = (Path(__file__).parents[2] / "examples/meridian/plan.yaml").read_text("utf-8")
SECTIONS = ("authorities", "assurances", "pledges", "actions", "messages", "milestones")


def read(text):
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


EVERY = [(section, id) for section in SECTIONS for id in entries(TEXT, section)]


def test_a_changed_key_is_the_only_line_that_changes():
    norway = entries(TEXT, "pledges")["norway"]
    new = with_entry(TEXT, "pledges", "norway", {**norway, "filled": 9})
    changed = [
        (a, b)
        for a, b in zip(TEXT.splitlines(), new.splitlines(), strict=True)
        if a != b
    ]  # fmt: skip
    assert changed == [("    filled: 6", "    filled: 9")]


def test_a_new_entry_stands_at_the_end_of_its_section_before_the_remarks_of_the_next():
    mine = {"title": "Portugal, more", "country": "PRT", "valid_to": date(2027, 12, 31)}
    new = with_entry(TEXT, "pledges", "more", mine)
    assert entries(new, "pledges")["more"] == mine
    assert list(entries(new, "pledges"))[-1] == "more"
    assert new.replace(new[new.index("  more:\n") : new.index("capacities:")], "\n") == TEXT


def test_a_section_that_is_not_there_is_made_and_one_left_empty_goes():
    text = "plan: p\ntitle: T\n"
    new = with_entry(text, "milestones", "done", {"title": "Done", "after": ["a"]})
    assert entries(new, "milestones") == {"done": {"title": "Done", "after": ["a"]}}
    assert with_entry(new, "milestones", "done", None).strip() == text.strip()


def test_what_an_anchor_ties_to_another_entry_is_left_to_the_text():
    text = "actions:\n  a: {owner: &me Amina}\n  b: {owner: *me}\n"
    for entry in ({"owner": "Bilal"}, None):
        with pytest.raises(OnwardError, match="in the text of the plan"):
            with_entry(text, "actions", "a", entry)


def lends(id):
    """Whether other entries repeat, by an alias, what is written in this one."""
    its = re.split(r"^  (?=\w)", TEXT.split(f"\n  {id}:", 1)[1], maxsplit=1, flags=re.M)[0]
    return any(f"*{name}" in TEXT.replace(its, "") for name in re.findall(r"&(\w+)", its))


@settings(max_examples=25, deadline=None)
@given(
    where=st.sampled_from(EVERY), title=st.text(
        st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40),
    gone=st.booleans(),
)  # fmt: skip
def test_whatever_is_written_the_rest_of_the_plan_says_the_same(where, title, gone):
    section, id = where
    if gone and lends(id):
        with pytest.raises(OnwardError, match="in the text of the plan"):
            with_entry(TEXT, section, id, None)
        return
    new = with_entry(
        TEXT, section, id, None if gone else {**entries(TEXT, section)[id], "title": title}
    )
    before, after = read(TEXT), read(new)
    was = before[section].pop(id)
    now = after[section].pop(id, None)
    assert before == after
    assert now == (None if gone else {**was, "title": title})
    remarks = [line for line in TEXT.splitlines() if line.startswith("#")]
    assert [line for line in new.splitlines() if line.startswith("#")] == remarks
