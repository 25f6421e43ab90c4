"""The shipped rulebooks answer every planted situation exactly as a protection officer wrote."""

from __future__ import annotations

from datetime import date

import pytest

from onward.errors import Faults
from onward.rulebook import load, shipped_names, shipped_path
from onward.rulebook.floor import load_floor
from onward.rulebook.grammar import parse_condition
from onward.rulebook.load import shipped_folder
from onward.rulebook.situations import (
    Interpreter,
    differences,
    holds,
    load_situations,
    partial_date,
    read_situations,
)

CAMP = load(shipped_path("protected-camp"))


def planted():
    for name in shipped_names():
        rulebook = load(shipped_path(name))
        interpreter = Interpreter(rulebook)
        path = shipped_folder() / "situations" / f"{name}.yaml"
        for situation in load_situations(path, rulebook):
            yield pytest.param(situation, rulebook, interpreter, id=f"{name}: {situation.text}")


@pytest.mark.parametrize(("situation", "rulebook", "interpreter"), list(planted()))
def test_the_situation_is_answered_as_expected(situation, rulebook, interpreter):
    assert differences(situation, rulebook, interpreter) == []


@pytest.mark.parametrize("name", shipped_names())
def test_every_finding_is_planted_as_false_and_as_unknown(name):
    rulebook = load(shipped_path(name))
    found = load_situations(shipped_folder() / "situations" / f"{name}.yaml", rulebook)
    seen = {pair for situation in found for pair in situation.expected.items()}
    findings = [f.key for s in rulebook.safeguards.values() for f in s.findings.values()]
    assert [
        (key, truth) for key in findings for truth in (False, None) if (key, truth) not in seen
    ] == []
    assert len(found) >= 60


@pytest.mark.parametrize("name", shipped_names())
def test_every_pathway_that_is_gated_has_a_situation_in_which_it_is_open(name):
    rulebook = load(shipped_path(name))
    found = load_situations(shipped_folder() / "situations" / f"{name}.yaml", rulebook)
    opened = {rulebook.moves()[s.step].pathway for s in found if s.opens}
    gated = {m.pathway for m in rulebook.moves().values() if not m.records} - {"common"}
    assert gated <= opened


def test_a_blocked_situation_differs_from_an_open_one():
    """Nothing passes vacuously: every planted block is a change of something that opens."""
    for name in shipped_names():
        rulebook = load(shipped_path(name))
        found = load_situations(shipped_folder() / "situations" / f"{name}.yaml", rulebook)
        by_name = {s.name: s for s in found}
        for situation in found:
            if not situation.opens:
                assert situation.base
                assert by_name[situation.base].opens, situation.text


def test_the_floor_asks_these_very_situations():
    for name in shipped_names():
        floor = load_floor(name)
        assert list(floor.situations.values()) == [
            (shipped_folder() / "situations" / f"{name}.yaml").read_bytes()
        ]


# -- the interpreter --------------------------------------------------------------------------
ON = date(2026, 6, 10)


def ask(text, person=None, **kinds):
    condition = parse_condition(text, kind="person", rulebook=CAMP)
    row = {"id": "P1", "household": "H1", **(person or {})}
    rows = {"person": [row, *kinds.pop("others", [])], **kinds}
    return holds(
        condition, rows, row, on=ON, destination="home", pathway="return", rulebook=CAMP
    )


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_and_or_not_follow_strong_kleene_logic(left, right):
    facts = {"fear_asked": left, "right_to_leave": right}
    worst = {True: 2, None: 1, False: 0}
    back = {2: True, 1: None, 0: False}
    assert ask("fear_asked AND right_to_leave", facts) is back[min(worst[left], worst[right])]
    assert ask("fear_asked OR right_to_leave", facts) is back[max(worst[left], worst[right])]
    assert ask("NOT fear_asked", facts) is (None if left is None else not left)


@pytest.mark.parametrize(
    ("born", "adult"),
    [
        ("2008-06-10", True),
        ("2008-06-11", False),
        ("2008", None),
        ("2007", True),
        ("2008-06", None),
        ("2009", False),
    ],
)
def test_a_birth_date_that_may_be_a_childs_leaves_the_age_unknown(born, adult):
    assert ask("age_at_least(birth, 18)", {"birth": partial_date(born)}) is adult


def test_a_leap_day_birthday_never_makes_anybody_older():
    born = partial_date("2008-02-29")
    condition = parse_condition("age_at_least(birth, 18)", kind="person", rulebook=CAMP)
    row = {"id": "P1", "birth": born}
    answers = [
        holds(condition, {"person": [row]}, row, on=date(2026, m, d), destination=None,
              pathway=None, rulebook=CAMP)
        for m, d in ((2, 28), (3, 1))
    ]  # fmt: skip
    assert answers == [False, True]


def test_a_row_that_may_be_joined_makes_the_answer_unknown():
    asked = "any_true(consents, in_private)"
    assert ask(asked, consent=[{"id": "C1", "person": "P1", "in_private": True}]) is True
    assert ask(asked, consent=[{"id": "C1", "person": None, "in_private": True}]) is None
    assert ask(asked, consent=[{"id": "C1", "person": "P2", "in_private": True}]) is False
    every = "all_true(consents, in_private)"
    assert ask(every, consent=[{"id": "C1", "person": "P2", "in_private": False}]) is True
    assert ask(every, consent=[{"id": "C1", "person": None, "in_private": False}]) is None
    assert ask(every, consent=[]) is True


@pytest.mark.parametrize(
    ("roster", "spouse", "expected"),
    [
        (2, {"household": "H1", "split_agreed": True}, True),
        (2, {"household": "H1", "split_agreed": None}, None),
        (2, {"household": "H1", "split_agreed": False}, False),
        (2, {"household": None, "split_agreed": True}, None),
        (1, {"household": None, "split_agreed": True}, None),
        (1, {"household": "H2", "split_agreed": False}, True),
        (3, {"household": "H1", "split_agreed": True}, None),
        (None, {"household": "H1", "split_agreed": True}, None),
        (0, {"household": "H2", "split_agreed": True}, None),
    ],
)
def test_all_members_are_counted_against_the_roster(roster, spouse, expected):
    answer = ask(
        "all_true(members, split_agreed)",
        {"split_agreed": True},
        others=[{"id": "P2", **spouse}],
        household=[{"id": "H1", "roster_size": roster}],
    )
    assert answer is expected


# -- the file format --------------------------------------------------------------------------
def test_every_slip_of_a_situation_file_is_named_with_its_line():
    text = """rulebook: protected-camp
situations:
  - id: a
    situation: one
    date: 2026-13-01
    person: P1
    step: T7.don
    facts:
      person P1: {fear_askd: true, birth: 1984, sex: femal}
      persona P2: {}
    expected: blocked by G5.no_fears
  - {situation: two, same_as: b, expected: open}
"""
    with pytest.raises(Faults) as raised:
        read_situations(text.encode(), CAMP, file="mine.yaml")
    said = str(raised.value)
    for piece in (
        '"2026-13-01"; expected a date', 'no move called "T7.don"', 'no fact "fear_askd"',
        '"femal"; expected female', 'no kind called "persona"',
        'no finding called "G5.no_fears"', 'no earlier situation called "b"',
    ):  # fmt: skip
        assert piece in said, said
