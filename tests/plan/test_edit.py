"""One entry of a plan's text is changed, and nothing else in the text moves."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.plan.edit import entries, lends, with_entry

TEXT = (Path(__file__).parents[2] / "examples/meridian/plan.yaml").read_text("utf-8")
SECTIONS = ("authorities", "assurances", "pledges", "actions", "messages", "milestones")


def read(text):
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


EVERY = [(section, id) for section in SECTIONS for id in entries(TEXT, section)]


def test_a_changed_key_is_the_only_line_that_changes():
    norway = entries(TEXT, "pledges")["norway"]
    new = with_entry(TEXT, "pledges", "norway", {**norway, "filled": 12})
    changed = [
        (a, b)
        for a, b in zip(TEXT.splitlines(), new.splitlines(), strict=True)
        if a != b
    ]  # fmt: skip
    assert changed == [("    filled: 9", "    filled: 12")]


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


def test_what_others_repeat_is_written_out_where_it_is_used_next():
    text = (
        "actions:\n  a:\n    owner: &me 'Amina: the lead'  # who\n    same: *me\n"
        "  b: {owner: *me}  # stays\n  c: {owner: *me}\n"
    )
    said = "  b: {owner: &me 'Amina: the lead'}  # stays\n  c: {owner: *me}\n"
    assert lends(text, "actions", "a") == ("actions.b", "actions.c")
    assert lends(text, "actions", "b") == ()
    assert with_entry(text, "actions", "a", None) == "actions:\n" + said
    new = with_entry(text, "actions", "a", {"owner": "Bilal", "same": "Amina: the lead"})
    assert new == "actions:\n  a:\n    owner: Bilal\n    same: 'Amina: the lead'\n" + said
    alone = with_entry(text, "actions", "a", {"owner": "Amina: the lead", "same": "Dawit"})
    assert "owner: &me" in alone, "nothing is written out that need not be"


def test_what_is_lent_may_hold_what_is_lent():
    text = """messages:
  one:
    texts: &both
      fa: &fa
        text: |
          Two lines
          of a text
        approved_on: 2026-09-14
      ar: *fa
  two: {texts: *both}
  three: {texts: {fa: *fa}}
"""
    new = with_entry(text, "messages", "one", None)
    assert entries(new, "messages") == {
        name: one for name, one in entries(text, "messages").items() if name != "one"
    }
    assert entries(new, "messages")["two"]["texts"]["ar"]["text"] == "Two lines\nof a text\n"


@settings(max_examples=25, deadline=None)
@given(
    where=st.sampled_from(EVERY), title=st.text(
        st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40),
    gone=st.booleans(),
)  # fmt: skip
def test_whatever_is_written_the_rest_of_the_plan_says_the_same(where, title, gone):
    section, id = where
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
