"""A rulebook file is read whole, or refused with every fault at once."""

from __future__ import annotations

import hashlib

import pytest

from onward.errors import Faults, OnwardError
from onward.rulebook import load, loads, shipped_names, shipped_path

CAMP = shipped_path("protected-camp")


def changed(*pairs: tuple[str, str]) -> str:
    """The camp's rulebook with pieces of text replaced, each of which must be there."""
    text = CAMP.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def faults(*pairs: tuple[str, str]) -> list[str]:
    with pytest.raises(Faults) as raised:
        loads(changed(*pairs), file="mine.yaml")
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_rulebook_is_read_and_carries_the_hash_of_its_bytes(name):
    path = shipped_path(name)
    rulebook = load(path)
    assert rulebook.name == name
    assert rulebook.hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert rulebook.file == str(path)


def test_the_camp_declares_every_step_and_safeguard_of_the_domain():
    rulebook = load(CAMP)
    steps = [f"T{i}" for i in range(1, 13)] + ["T12b"] + [f"T{i}" for i in range(13, 23)]
    assert list(rulebook.transitions) == steps
    assert list(rulebook.safeguards) == [f"G{i}" for i in range(1, 20)]
    assert set(rulebook.axes) == {"legal", "stage", "place"}


def test_the_return_operation_knows_no_armed_group_and_no_hand_over():
    rulebook = load(shipped_path("voluntary-return"))
    assert "affiliation" not in rulebook.kinds["person"].facts
    assert not {"assurance", "waiver", "site"} & set(rulebook.kinds)
    assert all(move.pathway != "handover" for move in rulebook.moves().values())


def test_text_and_file_give_the_same_rulebook():
    assert loads(CAMP.read_text(), file=str(CAMP)) == load(CAMP)
    assert loads(CAMP.read_bytes(), file=str(CAMP)) == load(CAMP)


def test_a_choice_asks_about_its_own_pathway():
    moves = load(CAMP).moves()
    assert moves["T4.return"].pathway == "return"
    assert moves["T4.none"].records
    assert moves["T9.lodged"].records
    assert not moves["T7.done"].records


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{value: 180, note", '{value: "x", note', 'settings.consent_valid_days.value: "x"; expected a whole number'),
        ("{value: 180, note", "{value: -1, note", "-1; expected 0 or more"),
        ("type: text, label: Version,", "type: txt, label: Version,", '"txt"; expected boolean, code'),
        ("sensitivity: sealed", "sensitivity: secret", '"secret"; expected open, internal'),
        ("refs: {household: household", "refs: {household: familly", 'no kind called "familly"'),
        ("{kind: claim, join: {person: id}}", "{kind: claim, join: {persn: id}}", 'no column "persn" on claim'),
        ("{kind: claim, join: {person: id}}", "{kind: claim, join: {person: household}}", "claim.person (ref:person) joined with household (ref:household)"),
        ("join: {destination: \":destination\"}", "join: {destination: \":where\"}", 'no column ":where"'),
        ("fact: roster_size}", "fact: size}", 'no whole number of household called "size"'),
        ("starts: gc4_protected", "starts: protected", 'no state called "protected"'),
        ("safeguards: [G2, G10]", "safeguards: [G2, G99]", 'no safeguard called "G99"'),
        ("path: [T18, T19]", "path: [T18, T91]", 'no transition called "T91"'),
        ("opens: [T9]", "opens: [T99]", 'no transition or move called "T99"'),
        ("to: {stage: counselled}", "to: {stage: counseled}", 'no stage state called "counseled"'),
        ("from: {stage: [verified]}", "from: {}", "a step without a source"),
        ("    source: camp management standard\n", "", "transitions.T22.source: missing"),
        ("to: {stage: counselled}", "to: {stage: verified}", "axes.stage.states.counselled: a state that is never reached"),
        ("        hard: true\n", "        hard: yes please\n", '"yes please"; expected true or false'),
        ("        owner: person\n", "        owner: nobody\n", '"nobody"; expected operation, authority or person'),
        ("strata: [group]", "strata: [birth]", 'no code or yes/no of person called "birth"'),
        ("stage: [deceased], gone", "stage: [absent], gone", "no state for"),
        ("days: [2, 30,", "days: [30, 2,", "days out of order"),
        ('version: "1.0"', "version: 1.0", "read as float"),
        ("movement_always: [G5", "movement_allways: [G5", "an unknown key"),
        ("  T2:\n", "  T1:\n", "written twice"),
        ("    movement: true\n", "    movement: false\n", "a path on a step that is no movement"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line(old, new, said):
    found = faults((old, new))
    assert any(said in fault for fault in found), found
    assert all(fault.startswith("mine.yaml, line ") for fault in found)


def test_every_fault_is_reported_at_once_in_the_order_of_the_file():
    found = faults(
        ("sensitivity: sealed", "sensitivity: secret"),
        ("safeguards: [G2, G10]", "safeguards: [G2, G99]"),
        ("owner: person", "owner: nobody"),
    )
    assert len(found) == 3
    lines = [int(fault.split("line ")[1].split(",")[0]) for fault in found]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1\n",
        "a: [\n",
        "!!python/object/apply:os.getcwd []\n",
        "a: &a [*a]\n",
        "1: 2\n",
        "\x00\n",
        "? {a: b}\n: c\n",
    ],
)
def test_what_is_no_rulebook_is_refused_without_running_anything(text):
    with pytest.raises(Faults):
        loads(text)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(OnwardError, match="Check the path"):
        load(tmp_path / "nowhere.yaml")
    with pytest.raises(OnwardError, match="protected-camp"):
        shipped_path("no-such")
