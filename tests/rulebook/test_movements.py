"""What is asked of every movement, against a copy written by hand from the transitions table.

The copy was worked out from the list of transitions and their safeguards, step by step along
each path, not from the rulebook file. Whoever changes a movement changes this copy knowingly.
"""

from __future__ import annotations

import pytest

from onward.rulebook import load, shipped_path
from onward.rulebook.show import movements_table

CAMP = {
    # T1 G1; T2 G2; T3 G2 G10; T4 G3 G10; T5 G2 G3 G5 G6 G8 G9 G10; T6 G11 G12 G19; T7 G3 G6 G17
    "T7.done": "G1 G2 G3 G5 G6 G8 G9 G10 G11 G12 G15 G17 G19",
    # T1-T4; T13 G3 G8-G11 G18
    "T13.done": "G1 G2 G3 G5 G8 G9 G10 G11 G15 G17 G18",
    "T13.back": "G1 G2 G3 G5 G8 G9 G10 G11 G15 G17 G18",
    # T1-T4; T10 G2 G4 G7-G10; T14 G3 G8-G10 G19; T15 G8; T16 G3 G8 G11 G12 G17
    "T16.departed": "G1 G2 G3 G4 G5 G7 G8 G9 G10 G11 G12 G15 G17 G19",
    # T1-T4; T17 G2 G3 G5 G6 G8-G13 G16 G17
    "T17.departed": "G1 G2 G3 G5 G6 G8 G9 G10 G11 G12 G13 G15 G16 G17",
    "T17.left_unassisted": "G1 G2 G3 G5 G6 G8 G9 G10 G11 G12 G13 G15 G16 G17",
    # T18 G5-G10 G14; T19 G2 G11 G14 G15; T20 G5-G10 G14 G15 G17
    "T20.done": "G2 G5 G6 G7 G8 G9 G10 G11 G14 G15 G17",
}
RETURN = {
    # T1 G1; T2 G2; T3 G2 G10; T4 G3 G10; T5 G2 G3 G5 G6 G8-G10 G16; T6 G11 G12 G19; T7 G3 G6 G16 G17
    "T7.done": "G1 G2 G3 G5 G6 G8 G9 G10 G11 G12 G15 G16 G17 G19",
    "T7.left_unassisted": "G1 G2 G3 G5 G6 G8 G9 G10 G11 G12 G15 G16 G17 G19",
}


@pytest.mark.parametrize(
    ("name", "copy"), [("protected-camp", CAMP), ("voluntary-return", RETURN)]
)
def test_the_expanded_table_is_the_one_worked_out_by_hand(name, copy):
    table = movements_table(load(shipped_path(name)))
    assert {row["move"]: " ".join(row["safeguards"]) for row in table} == copy


@pytest.mark.parametrize("name", ["protected-camp", "voluntary-return"])
def test_fear_fair_procedure_and_complaints_are_asked_of_every_movement(name):
    for row in movements_table(load(shipped_path(name))):
        assert {"G5", "G15", "G17"} <= set(row["safeguards"])


def test_a_choice_is_asked_again_on_the_day_but_not_when_it_is_made():
    rulebook = load(shipped_path("protected-camp"))
    table = {row["move"]: row["findings"] for row in movements_table(rulebook)}
    assert "G3.reconfirmed" in table["T7.done"]
    from onward.rulebook.situations import findings_asked

    decided = findings_asked(rulebook, rulebook.moves()["T4.return"], "decision")
    assert "G3.reconfirmed" not in [finding.key for finding in decided]


def test_nobody_can_override_what_is_marked_hard():
    for row in movements_table(load(shipped_path("protected-camp"))):
        soft = set(row["findings"]) - set(row["hard"])
        assert soft <= {"G1.resolved", "G11.valid", "G11.arranged", "G12.papers"}
