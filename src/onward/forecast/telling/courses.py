"""How many stand at each stage and have left by each way, along the way to the deadline.

Exists because a planner asks of a stage and of a way what is asked of everybody: between which numbers,
and by when nearly all. Comes in: a model and what is wanted of each future. Goes out: the futures, and of
every stage and way its people on a few days and the day by which nearly all were through. Futures are
simulated piece by piece, so that keeping so much of each takes no more room however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from onward.forecast.telling.chances import NEARLY_ALL
from onward.forecast.telling.levels import over_days

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.forecast.simulator.draws import ParameterDraws
    from onward.forecast.simulator.futures import Futures, Outputs
    from onward.forecast.simulator.model import Model

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.integer[Any]]

PIECE = 2_000
EVERY = 4
"""Of the days of the fan, about weekly, every fourth is kept."""
STAGE, WAY = "stage ", "way "
"""Before the name of a part, so that no group of people is called the same."""


@dataclass(frozen=True)
class Course:
    """One stage or way. people (futures, days kept); when (futures,) days until nearly all are
    through, infinity where they are not by the deadline."""

    people: IntArray
    when: FloatArray


def kept_days(shown: Sequence[int]) -> list[int]:
    """Which of the days of the fan are kept: about one a month, the deadline last."""
    return sorted({*range(EVERY - 1, len(shown), EVERY), len(shown) - 1})


def simulated(
    model: Model, draws: ParameterDraws, futures: int, seed: int, *, days: int, outputs: Outputs,
    on: Sequence[int], threads: int | None = None, steps_per_day: int = 1,
) -> tuple[Futures, dict[str, Course], dict[str, Course]]:  # fmt: skip
    """The futures as `simulate` gives them, and the courses of stages and of ways.

    on        days (0 = end of the first day) on which the people of a course are kept
    returns   a stage's course ends on the day from which on no more than a twentieth of those who
              stand there today do; a way's, on that by which 95% of those have left who do until
              the deadline. Whoever comes back is no longer counted as having left
    """
    import numpy as np

    from onward.forecast.simulator.futures import Group, simulate

    states = {state.id: state.present for state in model.states}
    parts = {STAGE + name: [name] for name, present in states.items() if present}
    for transition in model.transitions:
        if states[transition.source] and not states[transition.target]:
            mine = parts.setdefault(WAY + transition.pathway, [])
            if transition.target not in mine:
                mine.append(transition.target)
    start = {
        name: sum(
            units * size for (state, _, size), units in model.start.items() if state in of
        )
        for name, of in parts.items()
    }
    wanted = replace(
        outputs,
        present={**(outputs.present or {}), **{name: Group(states=of) for name, of in parts.items()}},
    )  # fmt: skip
    pieces: list[Futures] = []
    kept: dict[str, list[tuple[IntArray, FloatArray]]] = {name: [] for name in parts}
    for first in range(0, futures, PIECE):
        made = simulate(
            model, draws, min(PIECE, futures - first), seed, days=days, outputs=wanted,
            first_future=first, threads=threads, steps_per_day=steps_per_day,
        )  # fmt: skip
        for name in parts:
            course = made.present[name]
            if name.startswith(STAGE):
                when = emptied(course, start[name])
            else:
                course = np.maximum(course - start[name], 0)
                when = nearly_left(course)
            kept[name].append((course[:, list(on)].copy(), when))
        pieces.append(
            replace(
                made,
                present={name: made.present[name].copy() for name in outputs.present or {}},
            )
        )
    found = {
        name: Course(*(np.concatenate(column) for column in zip(*rows, strict=True)))
        for name, rows in kept.items()
    }
    return (
        _joined(pieces),
        {name[len(STAGE) :]: one for name, one in found.items() if name.startswith(STAGE)},
        {name[len(WAY) :]: one for name, one in found.items() if name.startswith(WAY)},
    )


def told(
    days: Sequence[str], stages: Mapping[str, Course], ways: Mapping[str, Course]
) -> dict[str, Any]:
    """Levels on the days kept, of every stage and way at which anybody ever is."""
    return {
        "days": list(days),
        **{
            part: {name: over_days(one.people) for name, one in of.items() if one.people.any()}
            for part, of in (("states", stages), ("left", ways))
        },
    }


def emptied(course: IntArray, start: int) -> FloatArray:
    """(futures,) days after which no more than a twentieth of `start` stand there, for good."""
    import numpy as np

    days = course.shape[1]
    if not start:
        return np.full(len(course), np.inf)
    above = course > (1 - NEARLY_ALL) * start + 1e-9
    last = np.where(above.any(axis=1), days - above[:, ::-1].argmax(axis=1), 0)
    return np.where(last < days, last + 1.0, np.inf)


def nearly_left(course: IntArray) -> FloatArray:
    """(futures,) days after which 95% of those have left who do; infinity where nobody does."""
    import numpy as np

    final = course[:, -1]
    reached = course >= NEARLY_ALL * final[:, None] - 1e-9
    return np.where(final > 0, reached.argmax(axis=1) + 1.0, np.inf)


def _joined(pieces: Sequence[Futures]) -> Futures:
    """Pieces of one run as the run in one."""
    import numpy as np

    if len(pieces) == 1:
        return pieces[0]

    def all_of(name: str) -> Any:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    present = {
        name: np.concatenate([piece.present[name] for piece in pieces])
        for name in pieces[0].present
    }
    return replace(
        pieces[0], present=present, units=all_of("units"), flows=all_of("flows"),
        used=all_of("used"), refused=all_of("refused"),
    )  # fmt: skip
