"""Whom a safeguard holds back today, counted by the state they stand in.

Exists because the simulator knows counts and gates, and a safeguard is judged person by person.
Comes in: everybody's next steps as the safeguards room judged them. Goes out: forecast state ->
safeguard -> people, counts only. A person is held back when no step that leads on from where they
stand is clear; they are counted under every safeguard that fails on the first of those steps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onward.forecast.edges import Edge
    from onward.safeguards.everybody import NextSteps


def held_back(
    steps: NextSteps, edges: Collection[Edge], forward: Collection[str]
) -> Mapping[str, Mapping[str, int]]:
    """Forecast state -> safeguard -> people it holds back from the next step.

    edges    the moves the model simulates;  forward  names of those that lead on
    """
    import numpy as np

    people = steps.caseload.people
    state_of = np.array(people["forecast_state"].to_pylist(), dtype=object)[steps.person_row]
    onward: dict[str, list[str]] = {}
    for edge in edges:
        if edge.name in forward:
            onward.setdefault(edge.source, []).append(edge.move)
    move_of = np.array([move.key for move in steps.moves], dtype=object)[steps.step]
    clear = np.asarray(steps.table["clear"]).astype(bool)
    free = np.zeros(people.num_rows, dtype=bool)
    asked: dict[str, tuple[list[str], object]] = {}
    for state, moves in onward.items():
        here = state_of == state
        mine = here & np.isin(move_of, moves)
        free[steps.person_row[mine & clear]] = True
        asked[state] = (moves, here)
    guards: dict[str, list[str]] = {}
    for finding in steps.findings:
        guards.setdefault(finding.key.split(".")[0], []).append(finding.key)
    found: dict[str, dict[str, int]] = {}
    for state, (moves, here) in asked.items():
        held = here & (move_of == moves[0]) & ~free[steps.person_row]
        if not held.any():
            continue
        for guard, keys in guards.items():
            failed = np.zeros(len(held), dtype=bool)
            for key in keys:
                failed |= steps.failed(key)
            count = len(np.unique(steps.person_row[held & failed]))
            if count:
                found.setdefault(state, {})[guard] = count
    return found
