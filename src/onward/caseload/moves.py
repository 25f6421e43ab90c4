"""Which moves lead from which forecast state to which: read off the axes, never drawn twice.

Exists because a second graph for the forecast would soon disagree with the rulebook. Goes in: a
rulebook. Comes out: every (forecast state, move, forecast state) that the transitions allow
from where people start, and where the map loses somebody or leads to more than one state.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from onward.errors import Fault
from onward.rulebook.model import Move, Rulebook


@dataclass(frozen=True)
class ForecastMove:
    """One move as the forecast sees it. `to_state` is "" where no forecast state matches."""

    from_state: str
    move: str
    to_state: str


def forecast_moves(rulebook: Rulebook) -> list[ForecastMove]:
    """Every step between forecast states that some reachable person can take.

    In the rulebook's order of states, then of moves. A move that leaves its forecast state as
    it was is listed too (from_state = to_state): it is an event, but no step of the forecast.
    Where one (from_state, move) leads to several states, all are listed; see
    `ambiguous_moves`.
    """
    found: dict[tuple[str, str, str], None] = {}
    names: dict[tuple[str, ...], str] = {}

    def name(states: tuple[str, ...]) -> str:
        if states not in names:
            names[states] = forecast_state(
                dict(zip(rulebook.axes, states, strict=True)), rulebook
            )
        return names[states]

    moves_ = _by_place(rulebook)
    for axes in reachable(rulebook):
        here = tuple(axes[axis] for axis in rulebook.axes)
        start = name(here)
        if not start:
            continue
        for key, sources, targets in moves_:
            after = _after(here, sources, targets)
            if after is not None:
                found[start, key, name(after)] = None
    states = list(rulebook.forecast_states)
    moves = list(rulebook.moves())
    rank = {name: number for number, name in enumerate([*states, ""])}
    return sorted(
        (ForecastMove(*step) for step in found),
        key=lambda step: (rank[step.from_state], moves.index(step.move), rank[step.to_state]),
    )


def forecast_faults(rulebook: Rulebook) -> list[Fault]:
    """Reachable people whom no forecast state matches: they would be lost from a forecast."""
    faults = []
    for axes in reachable(rulebook):
        if not forecast_state(axes, rulebook):
            shown = ", ".join(f"{axis} {state}" for axis, state in axes.items())
            faults.append(
                Fault(
                    rulebook.file,
                    "forecast.states",
                    "",
                    f"no forecast state matches somebody with {shown}",
                    "every reachable combination of states matched",
                )
            )
    return faults


def ambiguous_moves(rulebook: Rulebook) -> dict[tuple[str, str], tuple[str, ...]]:
    """(forecast state, move) -> the several forecast states it may lead to.

    Not a fault of the record: it is what counting people by fewer states than they have costs.
    `exposures` counts each destination apart (`to_state`), so a forecast can share the move out
    as the past did; a rulebook that must be exact splits the forecast state.
    """
    ends: dict[tuple[str, str], list[str]] = {}
    for step in forecast_moves(rulebook):
        ends.setdefault((step.from_state, step.move), []).append(step.to_state)
    return {key: tuple(states) for key, states in ends.items() if len(states) > 1}


def reachable(rulebook: Rulebook) -> list[Mapping[str, str]]:
    """Every combination of axis states that somebody registered at the start can come to."""
    axes = list(rulebook.axes)
    moves = _by_place(rulebook)
    queue = [tuple(rulebook.axes[axis].starts for axis in axes)]
    seen = set(queue)
    for here in queue:
        for _, sources, targets in moves:
            after = _after(here, sources, targets)
            if after is not None and after not in seen:
                seen.add(after)
                queue.append(after)
    return [dict(zip(axes, states, strict=True)) for states in queue]


_Sources = Sequence[tuple[int, Container[str]]]
_Targets = Sequence[tuple[int, str]]


def _by_place(rulebook: Rulebook) -> list[tuple[str, _Sources, _Targets]]:
    """Every move with its axes as positions: a rulebook has thousands of combinations to try."""
    places = {axis: place for place, axis in enumerate(rulebook.axes)}
    return [
        (key, [(places[axis], move.sources[axis]) for axis in move.sources],
         [(places[axis], state) for axis, state in move.targets.items()])
        for key, move in rulebook.moves().items()
    ]  # fmt: skip


def _after(
    here: tuple[str, ...], sources: _Sources, targets: _Targets
) -> tuple[str, ...] | None:
    """The states a move leads to from these; None where it does not start from them."""
    for place, from_states in sources:
        if here[place] not in from_states:
            return None
    after = list(here)
    for place, state in targets:
        after[place] = state
    return tuple(after)


def allowed(move: Move, axes: Mapping[str, str]) -> bool:
    """Whether the move starts from these states of the axes."""
    return all(axes[axis] in states for axis, states in move.sources.items())


def forecast_state(axes: Mapping[str, str], rulebook: Rulebook) -> str:
    """The first forecast state that matches these states of the axes, or ""."""
    for state in rulebook.forecast_states.values():
        if all(axes[axis] in states for axis, states in state.where.items()):
            return state.name
    return ""
