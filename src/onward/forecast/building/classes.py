"""A model of groups as one of groups and classes, where families differ for good.

Comes in: a model whose strata are the groups, and what the log says of lasting differences. Goes
out: the same model with every group divided into slow, middle and quick, each with paces of its own,
and the columns those are drawn from. People who come later are divided as everybody was at first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onward.forecast.learning.differ import CLASSES, SHARES, Differ
from onward.forecast.learning.edges import Edge
from onward.forecast.simulator.draws import ParameterDraws
from onward.forecast.simulator.model import Effect, Factor, Feedback, Model, Number, Transition

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

DIFFER = "difference of families"
OWN = "own "
PART = "part of the "


@dataclass(frozen=True)
class Own:
    """The paces of the classes of one cell, made from the pace of the cell.

    pace, state, stratum  the parameter they are made from, and the cell
    names                 parameter of each class
    """

    pace: str
    state: str
    stratum: str
    names: tuple[str, ...]


def classes_of(stratum: str) -> tuple[str, ...]:
    """The strata a group is divided into."""
    return tuple(f"{stratum}, {name}" for name in CLASSES)


def divided(
    model: Model, differ: Differ, edges: Sequence[Edge]
) -> tuple[Model, dict[str, tuple[str, ...]], tuple[Own, ...]]:
    """The model with its groups divided, group -> its strata, and the paces of the classes."""
    groups = {stratum: classes_of(stratum) for stratum in model.strata}
    moves = {edge.name: (edge.source, edge.move) for edge in edges}
    own: dict[tuple[str, str], Own] = {}

    def of(names: Sequence[str]) -> list[str]:
        return [one for name in names for one in groups[name]]

    def factor(one: Factor) -> Factor:
        if isinstance(one, Feedback):
            return replace(
                one,
                strata=of(one.strata),
                of_strata=of(one.of_strata),
                on_strata=of(one.on_strata),
            )
        return replace(one, on_strata=of(one.on_strata)) if isinstance(one, Effect) else one

    def paces(one: Transition) -> Transition:
        hazard = one.hazard
        if isinstance(hazard, str | int | float):
            return one
        found: list[Number] = []
        for stratum, value in zip(model.strata, hazard, strict=True):
            names: Sequence[Number] = (value,) * len(CLASSES)
            if moves.get(one.id) in differ.counted and isinstance(value, str):
                made = Own(
                    value, one.source, stratum,
                    tuple(f"{OWN}{value}, {name}" for name in CLASSES),
                )  # fmt: skip
                own[value, one.source], names = made, made.names
            found += names
        return replace(one, hazard=found)

    parts = [
        Effect(f"{PART}{name}", share) for name, share in zip(CLASSES, SHARES, strict=True)
    ]
    arrivals = [
        replace(one, id=f"{one.id}, {name}", stratum=stratum, factors=[*one.factors, part.id])
        for one in model.arrivals
        for name, stratum, part in zip(CLASSES, groups[one.stratum], parts, strict=True)
    ]
    return (
        replace(
            model,
            strata=of(model.strata),
            start=_start(model, differ, groups),
            transitions=[paces(one) for one in model.transitions],
            factors=[*map(factor, model.factors), *(parts if arrivals else [])],
            arrivals=arrivals,
        ),
        groups,
        tuple(own.values()),
    )


def _start(
    model: Model, differ: Differ, groups: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str, int], int]:
    """Everybody of each cell in one class or another.

    What rounding leaves over goes on to the next size of family and the next state, so that no
    class comes out short because cells are small.
    """
    order = {state.id: number for number, state in enumerate(model.states)}
    known = [key for key in model.start if key[0] in order]
    start = {key: units for key, units in model.start.items() if key[0] not in order}
    over: dict[str, list[float]] = {}
    for state, stratum, size in sorted(known, key=lambda key: (order[key[0]], *key[1:])):
        units = model.start[state, stratum, size]
        wanted = over.setdefault(stratum, [0.0] * len(CLASSES))
        for c, share in enumerate(differ.divided(state, stratum)):
            wanted[c] += units * share
        given = [max(int(one), 0) for one in wanted]
        while sum(given) > units:
            given[max(range(len(given)), key=lambda c: (given[c] - wanted[c], c))] -= 1
        while sum(given) < units:
            given[max(range(len(given)), key=lambda c: (wanted[c] - given[c], -c))] += 1
        for c, name in enumerate(groups[stratum]):
            wanted[c] -= given[c]
            if given[c]:
                start[state, name, size] = given[c]
    return start


def with_paces(drawn: ParameterDraws, differ: Differ, own: Sequence[Own]) -> ParameterDraws:
    """The paces of the classes from those of the cells; worked out anew where they are there."""
    import numpy as np

    size = drawn.column(DIFFER)
    place = {name: number for number, name in enumerate(drawn.names)}
    many: dict[tuple[str, str], FloatArray] = {}
    names: list[str] = []
    columns: list[FloatArray] = []
    for one in own:
        cell = (one.state, one.stratum)
        if cell not in many:
            many[cell] = differ.multipliers(*cell, size)
        names += one.names
        columns.append(drawn.values[:, place[one.pace]][:, None] * many[cell])
    made = set(names)
    kept = [number for number, name in enumerate(drawn.names) if name not in made]
    return ParameterDraws(
        (*(drawn.names[number] for number in kept), *names),
        np.concatenate([drawn.values[:, kept], *columns], axis=1),
    )
