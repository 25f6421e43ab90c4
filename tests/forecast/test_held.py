"""Whom a safeguard holds back today: counts by state, each person once under a safeguard."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from onward.forecast.learning.edges import Edge
from onward.forecast.telling.held import held_back, judged

EDGES = [Edge("cleared", "T7.done", "returned", 5), Edge("cleared", "T17.departed", "gone", 2),
         Edge("cleared", "T4.stay", "wants_stay", 1), Edge("submitted", "T15.accepted", "accepted", 3)]  # fmt: skip
FORWARD = [edge.name for edge in EDGES if edge.move != "T4.stay"]
FINDINGS = ("G6.fear", "G11.fit", "G11.checked")


def judged_rows(*rows):
    """(person, state, move, findings that failed), as kept."""
    people = sorted({(person, state) for person, state, *_ in rows})
    at = {person: i for i, (person, _) in enumerate(people)}
    moves = sorted({move for *_, move, _ in rows})
    bits = np.array([[key in failed for key in FINDINGS] for *_, failed in rows])
    steps = SimpleNamespace(
        caseload=SimpleNamespace(people=pa.table({"forecast_state": [s for _, s in people]})),
        table={"clear": np.array([not failed for *_, failed in rows])},
        findings=tuple(SimpleNamespace(key=key) for key in FINDINGS),
        moves=tuple(SimpleNamespace(key=key) for key in moves),
        person_row=np.array([at[person] for person, *_ in rows]),
        step=np.array([moves.index(move) for *_, move, _ in rows]),
        failed=lambda key: bits[:, FINDINGS.index(key)],
    )
    return judged(steps)


def test_a_person_is_held_only_when_no_step_that_leads_on_is_clear():
    found = held_back(
        judged_rows(
            ("Amina", "cleared", "T7.done", ["G6.fear"]), ("Amina", "cleared", "T17.departed", []),
            ("Bilal", "cleared", "T7.done", ["G6.fear"]),
            ("Bilal", "cleared", "T17.departed", ["G11.fit"]),
            ("Bilal", "cleared", "T4.stay", []),
        ),
        EDGES, FORWARD,
    )  # fmt: skip
    assert found == {"cleared": {"G6": 1}}


def test_two_findings_of_one_safeguard_are_one_and_two_safeguards_are_two():
    found = held_back(
        judged_rows(
            ("Amina", "submitted", "T15.accepted", ["G11.fit", "G11.checked"]),
            ("Bilal", "submitted", "T15.accepted", ["G11.fit", "G6.fear"]),
            ("Chantal", "submitted", "T15.accepted", []),
        ),
        EDGES, FORWARD,
    )  # fmt: skip
    assert found == {"submitted": {"G6": 1, "G11": 2}}
