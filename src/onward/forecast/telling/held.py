"""Whom a safeguard holds back on a day, by the state they stand in.

Exists because the simulator knows counts and gates, and a safeguard is judged person by person.
Comes in: everybody's next steps as the safeguards room judged them, as a table that can be kept.
Goes out: forecast state -> safeguard -> people, counts only. A person is held back when no step
that leads on from where they stand is clear; they are counted under every safeguard that fails on
the first of those steps. `remedies` follows the same people from one past day to the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from onward.forecast.learning.edges import Edge
    from onward.safeguards.everybody import NextSteps

PLAIN = ("person", "state", "move", "clear")
NOWHERE = -1
"""The number of a state or a move that nobody stands before."""


def judged(steps: NextSteps) -> pa.Table:
    """One row per person and next step.

    person  a number, in no order that means anything outside this table
    state   the forecast state they stand in;  move: the step;  clear: nothing holds it back
    then one boolean per safeguard, in the rulebook's order: whether anything of it failed
    """
    import numpy as np
    import pyarrow as pa

    states = steps.caseload.people["forecast_state"].combine_chunks().dictionary_encode()
    failed: dict[str, np.ndarray] = {}
    for finding in steps.findings:
        guard = finding.key.split(".")[0]
        failed[guard] = failed.get(guard, False) | steps.failed(finding.key)
    moves = pa.array([move.key for move in steps.moves], pa.string())
    return pa.table(
        {
            "person": steps.person_row,
            "state": states.take(pa.array(steps.person_row)),
            "move": pa.DictionaryArray.from_arrays(pa.array(steps.step), moves),
            "clear": np.asarray(steps.table["clear"]).astype(bool),
            **failed,
        }
    )


def held_back(
    steps: pa.Table, edges: Collection[Edge], forward: Collection[str]
) -> Mapping[str, Mapping[str, int]]:
    """Forecast state -> safeguard -> people it holds back from the next step.

    steps    from `judged`
    edges    the moves the model simulates;  forward  names of those that lead on
    """
    found: dict[str, dict[str, int]] = {}
    for state, _, by_guard in each_state(steps, edges, forward):
        for guard, people in by_guard.items():
            found.setdefault(state, {})[guard] = len(people)
    return found


def each_state(
    steps: pa.Table, edges: Collection[Edge], forward: Collection[str]
) -> Iterator[tuple[str, npt.NDArray[np.int64], dict[str, npt.NDArray[np.int64]]]]:
    """(state from which a step leads on, everybody there, safeguard -> whom of them it holds back);
    people as numbers of the table, each once."""
    import numpy as np

    person, clear = np.asarray(steps["person"]), np.asarray(steps["clear"])
    state_of, states = _coded(steps["state"])
    move_of, named = _coded(steps["move"])
    onward: dict[str, list[str]] = {}
    for edge in edges:
        if edge.name in forward:
            onward.setdefault(edge.source, []).append(edge.move)
    free = np.zeros(int(person.max(initial=-1)) + 1, dtype=bool)
    for state, moves in onward.items():
        leads = np.isin(move_of, [named.get(move, NOWHERE) for move in moves])
        free[person[(state_of == states.get(state, NOWHERE)) & leads & clear]] = True
    for state, moves in onward.items():
        there = state_of == states.get(state, NOWHERE)
        first = move_of == named.get(moves[0], NOWHERE)
        held = there & first & ~free[person]
        by_guard = {
            guard: np.unique(person[held & np.asarray(steps[guard])])
            for guard in steps.column_names[len(PLAIN) :]
        }
        yield (
            state,
            np.unique(person[there]),
            {guard: people for guard, people in by_guard.items() if len(people)},
        )


def _coded(column: pa.ChunkedArray) -> tuple[np.ndarray, dict[str, int]]:
    """A column of words as numbers, and which number each word is; no word is NOWHERE - 1."""
    import numpy as np
    import pyarrow.compute as pc

    words = column.combine_chunks()
    codes = np.asarray(pc.fill_null(words.indices.cast("int64"), NOWHERE - 1))
    return codes, {word: code for code, word in enumerate(words.dictionary.to_pylist())}
