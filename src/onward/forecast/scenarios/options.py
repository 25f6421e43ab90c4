"""Lawful, voluntary options: to how many people a way they chose has been opened by a date.

Exists because the number of people gone is the wrong thing to want more of. Comes in: the
rulebook's steps and simulated futures. Goes out, per future: for each pathway, the people who by
the last day had taken its last step, or had it in hand and could take it that day: every gate of
it open, and a place left where it needs one. Whoever could go and stays counts as much as
whoever went. A hand-over, an absence, a death and the loss of a status never count. It is counted
like the options of `onward check`, in pairs of person and pathway: somebody recognised as a
refugee and later resettled had two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from onward.forecast.simulator.model import Capacity, Gate, Model, Number, Transition
from onward.rulebook.model import Move, Rulebook
from onward.safeguards.help import is_option

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.forecast.simulator.draws import ParameterDraws
    from onward.forecast.simulator.futures import Futures

    FloatArray: TypeAlias = npt.NDArray[np.float64]

LOOK_BACK_DAYS = 28
"""Whether a weekly or monthly means is left over is read from the last four weeks."""


@dataclass(frozen=True)
class Way:
    """One pathway as the forecast's states see it.

    last    (from state, move, to state) of the steps that complete it
    ready   states in which only such a step is left, and somebody opened the way to them
    """

    pathway: str
    last: tuple[tuple[str, str, str], ...]
    ready: tuple[str, ...]


def ways(rulebook: Rulebook, steps: Sequence[tuple[str, str, str]]) -> tuple[Way, ...]:
    """The lawful voluntary ways of a rulebook, by pathway.

    steps    (from state, move, to state), from `caseload.moves.forecast_moves`
    """
    moves = rulebook.moves()
    states = rulebook.forecast_states
    real = [step for step in steps if step[0] != step[2] and step[2]]
    options = [step for step in real if is_option(rulebook, moves[step[1]])]
    found = []
    for pathway in dict.fromkeys(moves[move].pathway for _, move, _ in options):
        mine = [step for step in options if moves[step[1]].pathway == pathway]
        onward = {
            source
            for source, move, _ in real
            if moves[move].pathway == pathway and _leads_on(rulebook, moves[move])
        }
        last = tuple(s for s in mine if states[s[2]].gone or s[2] not in onward)
        entered = {target for _, _, target in mine}
        ready = dict.fromkeys(s[0] for s in last if s[0] in entered and states[s[2]].gone)
        if last:
            found.append(Way(pathway, last, tuple(ready)))
    return tuple(found)


def _leads_on(rulebook: Rulebook, move: Move) -> bool:
    """Whether a move goes forward on its pathway: an option, or a claim being lodged."""
    if is_option(rulebook, move):
        return True
    legal = rulebook.axes["legal"].states if "legal" in rulebook.axes else {}
    target = move.targets.get("legal")
    return (
        move.records
        or rulebook.transitions[move.transition].records
    ) and target is not None and legal[target].code == "ASY"  # fmt: skip


def opened(
    found: Sequence[Way],
    model: Model,
    draws: ParameterDraws,
    made: Futures,
    *,
    day: int,
    names: Mapping[tuple[str, str, str], str],
) -> dict[str, FloatArray]:
    """People with a way opened to them by the end of a day, per pathway and future.

    made    simulated with `units_on` holding `day`, `flows_on` holding `day` and the day
            LOOK_BACK_DAYS before it (0 where that is before the origin)
    names   (from state, move, to state) -> the transition's id in the model
    returns pathway -> (futures,) people
    """
    import numpy as np

    transitions = {one.id: one for one in model.transitions}
    index = {name: i for i, name in enumerate(made.transitions)}
    at = made.flows_on.index(day)
    unit_day = made.units_on.index(day)
    sizes = np.array(made.sizes)
    futures = made.flows.shape[0]
    spare = {pool.id: spare_places(model, pool, draws, made, day) for pool in model.capacities}
    result = {}
    for way in found:
        total = np.zeros(futures)
        for step in way.last:
            name = names.get(step)
            if name in index:
                total += made.flows[:, at, index[name], :].sum(axis=1)
        for state in way.ready:
            exits = [names[s] for s in way.last if s[0] == state and names.get(s) in index]
            if state not in made.states or not exits:
                continue
            waiting = (made.units[:, unit_day, made.states.index(state)] * sizes).sum((1, 2))
            could = np.zeros(futures)
            for name in exits:
                one = transitions[name]
                able = np.where(is_open(model, one, draws, day, futures), waiting - could, 0.0)
                for pool in one.capacities:
                    able = np.minimum(able, spare[pool])
                for pool in one.capacities:
                    spare[pool] = spare[pool] - able
                could = could + able
            total += could
        result[way.pathway] = total
    return result


def is_open(
    model: Model, transition: Transition, draws: ParameterDraws, day: int, futures: int
) -> Any:
    """(futures,) whether every gate of a transition is open on a day."""
    import numpy as np

    gates = {factor.id: factor for factor in model.factors if isinstance(factor, Gate)}
    result = np.ones(futures, dtype=bool)
    for name in transition.factors:
        gate = gates.get(name)
        if gate is None:
            continue
        inside = np.zeros(futures, dtype=bool)
        for start, end in gate.windows:
            inside |= (value_of(draws, start, futures) <= day) & (
                day < value_of(draws, end, futures)
            )
        result &= ~inside if gate.closed else inside
    return result


def spare_places(
    model: Model, pool: Capacity, draws: ParameterDraws, made: Futures, day: int
) -> FloatArray:
    """(futures,) places of a pool that nobody had taken by the end of a day.

    Of places given once: all that had opened, less those used. Of a weekly or monthly means: what
    the last four weeks left over.
    """
    import numpy as np

    at = made.flows_on.index(day)
    futures = made.used.shape[0]
    column = made.capacities.index(pool.id)
    used = made.used[:, at, column].astype(float)
    supply = np.zeros(futures)
    if pool.window_days is None:
        for one in pool.supplies:
            begun = value_of(draws, one.start, futures) <= day
            supply += np.where(begun, value_of(draws, one.amount, futures), 0.0)
        for pledge in model.pledges:
            if pledge.capacity != pool.id:
                continue
            ids = [made.transitions.index(name) for name in pledge.transitions]
            moved = made.flows[:, at, ids, :].sum(axis=(1, 2))
            reached = moved >= value_of(draws, pledge.threshold, futures)
            supply += np.where(reached, value_of(draws, pledge.amount, futures), 0.0)
        return np.asarray(np.maximum(supply - used, 0.0))
    before = max(day - LOOK_BACK_DAYS, 0)
    earlier = made.used[:, made.flows_on.index(before), column] if before else 0.0
    windows = max(day - before, 1) / pool.window_days
    for one in pool.supplies:
        active = (value_of(draws, one.start, futures) <= day) & (
            day < value_of(draws, one.end, futures)
        )
        supply += np.where(active, value_of(draws, one.amount, futures) * windows, 0.0)
    return np.asarray(np.maximum(supply - (used - earlier), 0.0))


def used_share(pool: Capacity, draws: ParameterDraws, made: Futures, day: int) -> FloatArray:
    """(futures,) share of what a pool held by the end of a day that was used; 0 where it held
    nothing. Places that open after others are not counted in."""
    import numpy as np

    futures = made.used.shape[0]
    used = made.used[:, made.flows_on.index(day), made.capacities.index(pool.id)]
    supply = np.zeros(futures)
    for one in pool.supplies:
        start = np.maximum(value_of(draws, one.start, futures), 0.0)
        end = np.minimum(value_of(draws, one.end, futures), day + 1.0)
        amount = value_of(draws, one.amount, futures)
        if pool.window_days is None:
            supply += np.where(start <= day, amount, 0.0)
        else:
            supply += amount * np.maximum(end - start, 0.0) / pool.window_days
    return np.asarray(np.minimum(used / np.maximum(supply, 1e-9), 1.0) * (supply > 0))


def value_of(draws: ParameterDraws, number: Number, futures: int) -> FloatArray:
    """(futures,) a number, or the drawn values of the parameter it names."""
    import numpy as np

    if isinstance(number, str):
        return draws.column(number)[:futures]
    return np.full(futures, float(number))


def days_needed(day: int) -> tuple[int, ...]:
    """The days on which `opened` and `spare_places` need flows."""
    return tuple(sorted({max(day - LOOK_BACK_DAYS, 0), day}))
