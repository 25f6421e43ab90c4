"""The moves of a forecast, read off the rulebook: which there are and what kind each is.

Exists so that there is no second graph. Comes in: a rulebook, its steps as the forecast sees them,
how often the log saw each. Goes out: `Edge`s, and what is asked of one: whether it is a step of the
procedure, something people do, or takes one person only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Edge:
    """One move as the forecast sees it, with how often the log saw it."""

    source: str
    move: str
    target: str
    people: int

    @property
    def name(self) -> str:
        return f"{self.move} from {self.source} to {self.target}"


def edges_of(
    rulebook: Rulebook,
    steps: Sequence[tuple[str, str, str]],
    seen: Mapping[tuple[str, str, str], int],
    planned: frozenset[str] = frozenset(),
    elsewhere: frozenset[tuple[str, str, str]] = frozenset(),
) -> list[Edge]:
    """The moves to simulate.

    steps    (from state, move, to state) as the rulebook allows, from `forecast_moves`
    seen     (from state, move, to state) -> people who made it in the window
    planned  moves some effect of the plan names
    elsewhere  (from state, move, to state) that other operations whose paces were given saw made

    Left out: moves that stay where they are; steps the log never saw, unless the plan speaks
    of them, they were taken elsewhere, or nothing else leads to where they lead; steps of a hand-over while the log shows
    none, since only a decision can begin one and a plan that would permit it is no decision;
    steps back from having left that the log never saw.
    """
    states = rulebook.forecast_states
    moves = rulebook.moves()
    entered = {target for (source, _, target), people in seen.items() if people}
    handed = any(
        people and move in moves and moves[move].pathway == "handover"
        for (_, move, _), people in seen.items()
    )
    found = []
    for source, move, target in steps:
        if source == target or not target:
            continue
        count = seen.get((source, move, target), 0)
        if not count:
            begun = handed or moves[move].pathway != "handover"
            if not begun or states[source].gone:
                continue
            known = move in planned or (source, move, target) in elsewhere
            if not known and target in entered:
                continue
        found.append(Edge(source, move, target, count))
    return found


def departing(rulebook: Rulebook, steps: Sequence[tuple[str, str, str]]) -> tuple[str, ...]:
    """Moves by which people leave with others, if at all by convoy or flight: not what is only
    recorded, and no death or disappearance."""
    states, moves = rulebook.forecast_states, rulebook.moves()
    found = {
        move
        for source, move, target in steps
        if target and states[target].gone and not states[source].gone
        and states[target].gone not in ("death", "absence")
        and not (moves[move].records or rulebook.transitions[moves[move].transition].records)
    }  # fmt: skip
    return tuple(move for move in moves if move in found)


def undecided_states(
    rulebook: Rulebook, steps: Sequence[tuple[str, str, str]]
) -> tuple[str, ...]:
    """States of people who have not chosen a way yet: what the common steps lead to from the
    first one, in the rulebook's order."""
    states = rulebook.forecast_states
    moves = rulebook.moves()
    common = [
        (source, target)
        for source, move, target in steps
        if target and not states[target].gone
        and (moves[move].pathway or rulebook.transitions[moves[move].transition].pathway)
        == "common"
    ]  # fmt: skip
    found = {next(iter(states))} if states else set()
    while more := {target for source, target in common if source in found} - found:
        found |= more
    return tuple(name for name in states if name in found)


def willed(rulebook: Rulebook, edge: Edge) -> bool:
    """Something people do: not an event that is only recorded."""
    move = rulebook.moves()[edge.move]
    return not (move.records or rulebook.transitions[move.transition].records)


def leading(rulebook: Rulebook, edges: Sequence[Edge]) -> frozenset[str]:
    """Names of the moves that take nothing back.

    A step that ends a status or upholds a rejection changes people's legal status and leads to a
    state named earlier in the rulebook; where the log has none it is not taken to be coming.
    """
    place = {name: number for number, name in enumerate(rulebook.forecast_states)}
    moves = rulebook.moves()
    return frozenset(
        edge.name
        for edge in edges
        if "legal" not in moves[edge.move].targets or place[edge.target] > place[edge.source]
    )


def is_step(rulebook: Rulebook, key: str) -> bool:
    """A step of the procedure: not something recorded, and not a person's choice."""
    move = rulebook.moves()[key]
    step = rulebook.transitions[move.transition]
    return not (move.records or step.records or step.pathway == "chosen")


def takes_one(rulebook: Rulebook, edge: Edge) -> bool:
    """Deaths and disappearances take one person; every other move takes the whole unit."""
    return rulebook.forecast_states[edge.target].gone in ("death", "absence")
