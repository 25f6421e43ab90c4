"""What an operation's log says, in the forms that estimation takes.

Comes in: tables of the caseload room (counts, exposures, waits, departures) and the moves of the
forecast. Goes out: who stands where, who moved out of how many days at risk, convoys and flights,
pools that were short, how each state is waited in, and what is learnt of behaviour from. Nothing is
fitted here.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from onward.forecast.learning.behaviour import Past
from onward.forecast.learning.differ import Differ, histories, learn_differ
from onward.forecast.learning.edges import Edge, is_step, takes_one, willed
from onward.forecast.learning.estimate import Observed
from onward.forecast.learning.movements import Movement, Ready, movement, read
from onward.forecast.learning.shapes import PLAIN, Shape, shape_of, waited_by_state
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from onward.plan.effects import PlanEffect

    FloatArray: TypeAlias = npt.NDArray[np.float64]

NOT_RECORDED = "not recorded"
# A capacity used to this share was short: more people were ready than it could take.
SHORT = 0.85
SAFE = ("return", "resettlement", "onward", "protection", "relocation", "stay")


def observed(
    exposures: pa.Table, edges: Sequence[Edge], strata: Sequence[str], columns: Sequence[str],
    family: FloatArray, possible: Callable[[str, dt.date, int], float] = lambda *_: 1.0,
    ready: Mapping[str, Ready] | None = None,
) -> Observed:  # fmt: skip
    """The log's exposures as arrays, in the order of edges and strata.

    exposures  from `caseload.counting.exposures`
    columns    the stratum columns of the rulebook, in order
    family     people who move as one, per edge
    possible   (move, first day of a period, its days) -> the share of the period in which the
               move was possible at all: a gate that was shut says nothing about the pace
    ready      moves made on certain days only -> who stood ready on the eves of those days; only
               these days are days at risk
    """
    import numpy as np

    rows = exposures.to_pylist()
    periods = sorted({(row["period_start"], row["period_days"]) for row in rows})
    place = {start: i for i, (start, _) in enumerate(periods)}
    people = np.zeros((len(edges), len(strata), len(periods)))
    days: dict[str, FloatArray] = {}
    by_move: dict[tuple[str, str, str], int] = {
        (edge.source, edge.move, edge.target): i for i, edge in enumerate(edges)
    }
    for row in rows:
        state = row["forecast_state"]
        if state is None:
            continue
        stratum = strata.index(stratum_name(row, columns))
        period = place[row["period_start"]]
        if row["move"] is None:
            held = days.setdefault(state, np.zeros((len(strata), len(periods))))
            held[stratum, period] += row["person_days"]
        else:
            index = by_move.get((state, row["move"], row["to_state"] or ""))
            if index is not None:
                people[index, stratum, period] += row["transitions"]
    nobody = np.zeros((len(strata), len(periods)))
    shape = (len(edges), len(strata), len(periods))
    at_risk = np.zeros(shape)
    ready = ready or {}
    for index, edge in enumerate(edges):
        if edge.move in ready:
            for (state, stratum_, day), (_, there) in ready[edge.move].items():
                if state == edge.source and stratum_ in strata:
                    period = bisect_right(periods, (day, math.inf)) - 1
                    at_risk[index, strata.index(stratum_), period] += there
            continue
        share = np.array([possible(edge.move, start, length) for start, length in periods])
        # Whoever moved nevertheless shows that the way was open.
        share[(share <= 0) & (people[index].sum(axis=0) > 0)] = 1.0
        at_risk[index] = days.get(edge.source, nobody) * share
    return Observed(
        [(edge.source, edge.target) for edge in edges],
        list(strata),
        np.array([length for _, length in periods], dtype=float),
        people,
        at_risk,
        family,
        dated=[edge.move in ready for edge in edges],
    )


def stratum_name(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """A stratum's name from a row: the values of its columns."""
    return " / ".join(str(row[c]) if row[c] is not None else NOT_RECORDED for c in columns)


def start_cells(
    counts: pa.Table, rulebook: Rulebook, columns: Sequence[str]
) -> tuple[dict[tuple[str, str, int], int], tuple[str, ...], tuple[int, ...], float]:
    """Units by (state, stratum, size), the strata, the sizes, and people per unit by person."""
    start: dict[tuple[str, str, int], int] = {}
    strata: set[str] = set()
    weight = people = 0
    for row in counts.to_pylist():
        state, size = row["forecast_state"], int(row["unit_size"])
        if state is None:
            continue
        name = stratum_name(row, columns)
        strata.add(name)
        key = (state, name, size)
        start[key] = start.get(key, 0) + int(row["units"])
        if not rulebook.forecast_states[state].gone:
            people += int(row["people"])
            weight += int(row["people"]) * size
    sizes = tuple(range(1, max((size for *_, size in start), default=1) + 1))
    return start, tuple(sorted(strata)), sizes, weight / people if people else 1.0


def movements_seen(
    rulebook: Rulebook, edges: Sequence[Edge], departures: pa.Table | None,
    columns: Sequence[str], as_of: dt.date, family: float, plan: Sequence[PlanEffect],
) -> tuple[dict[str, Ready], dict[str, Movement]]:  # fmt: skip
    """Which ways out are convoys or flights, and who stood ready for each of them."""
    if departures is None:
        return {}, {}
    known = {edge.move for edge in edges}
    seen = read(departures, lambda row: stratum_name(row, columns))
    found = {}
    for move, ready in seen.items():
        if move in known:
            pool = rulebook.transitions[rulebook.moves()[move].transition].consumes
            declared = [
                float(effect.window_days) for effect in plan
                if effect.kind == "cap" and pool and pool in effect.targets and effect.window_days
            ]  # fmt: skip
            one = movement(
                move, ready, origin=as_of, family=family,
                declared=max(declared) if declared else None,
            )  # fmt: skip
            if one is not None:
                found[move] = one
    return {move: seen[move] for move in found}, found


def short_pools(
    rulebook: Rulebook, plan: Sequence[PlanEffect], exposures: pa.Table, as_of: dt.date,
    family: float,
) -> frozenset[str]:  # fmt: skip
    """Capacities that were as good as used up while they ran: the pace seen through one is the
    capacity's, not that of the people who waited for it.

    family   people per unit, for capacities counted in units
    """
    import numpy as np

    periods = sorted(
        {(row["period_start"], row["period_days"]) for row in exposures.to_pylist()}
    )
    moves = rulebook.moves()
    used: dict[str, dict[dt.date, int]] = {}
    for row in exposures.to_pylist():
        move = moves.get(row["move"]) if row["move"] else None
        pool = rulebook.transitions[move.transition].consumes if move else ""
        if pool:
            of = used.setdefault(pool, {})
            start = row["period_start"]
            of[start] = of.get(start, 0) + int(row["transitions"])
    found = set()
    for pool, by_period in used.items():
        given = taken = 0.0
        for first, days in periods:
            at = (first - as_of).days + np.arange(days)
            supply = 0.0
            for effect in plan:
                steady = effect.kind == "cap" and effect.window_days is not None
                if steady and effect.target_kind == "capacity" and pool in effect.targets:
                    starts, ends, amount = (
                        float(np.quantile(v, 0.5, method="inverted_cdf"))
                        for v in (effect.starts, effect.ends, effect.values)
                    )
                    open_days = float(((at >= starts) & (at <= ends)).sum())
                    people = amount * (family if effect.counts == "units" else 1.0)
                    supply += people * open_days / float(effect.window_days or 1)
            if supply > 0:
                given += supply
                taken += by_period.get(first, 0)
        if given and taken >= SHORT * given:
            found.add(pool)
    return frozenset(found)


def own_paces(
    rulebook: Rulebook, edges: Sequence[Edge], short: frozenset[str]
) -> dict[tuple[str, str], bool]:
    """(state, move) of whole units whose pace is not that of a capacity -> a step or not."""
    moves = rulebook.moves()
    return {
        (edge.source, edge.move): is_step(rulebook, edge.move)
        for edge in edges
        if not takes_one(rulebook, edge)
        and rulebook.transitions[moves[edge.move].transition].consumes not in short
    }


def differ_seen(
    stays: pa.Table, exposures: pa.Table, own_pace: Collection[tuple[str, str]],
    columns: Sequence[str], as_of: dt.date,
) -> Differ | None:  # fmt: skip
    """Whether the same families are quick step after step; None where too little is on record."""
    starts = sorted({row["period_start"] for row in exposures.to_pylist()})
    seen = histories(
        stays, lambda row: stratum_name(row, columns), columns, own_pace, starts,
        as_of + dt.timedelta(days=1),
    )  # fmt: skip
    return learn_differ(seen, starts, own_pace)


def at_mean_pace(
    log: Observed, edges: Sequence[Edge], differ: Differ, exposures: pa.Table
) -> Observed:
    """The log with days counted for as much as those at risk were quick: what is read from it is
    then the pace of a family of mean pace, not of the quick who came so far."""
    import numpy as np

    starts = sorted({row["period_start"] for row in exposures.to_pylist()})
    quicker: dict[str, FloatArray] = {}
    at_risk = np.array(log.at_risk, dtype=float)
    for index, edge in enumerate(edges):
        if (edge.source, edge.move) in differ.counted:
            if edge.source not in quicker:
                quicker[edge.source] = np.array(
                    [[differ.quicker.get((edge.source, stratum, start), 1.0) for start in starts]
                     for stratum in log.strata]
                )  # fmt: skip
            at_risk[index] *= quicker[edge.source]
    return replace(log, at_risk=at_risk)


def shapes_seen(
    rulebook: Rulebook, waits: pa.Table | None, own_pace: Mapping[tuple[str, str], bool],
    family: float, stopped: Collection[str] = (), differ: Differ | None = None,
) -> dict[str, Shape]:  # fmt: skip
    """How each state is waited in, from days already waited.

    stopped  states in which an incident stopped people for a good part of the log: whoever
             waited through it waited long without being slow, so their waits are taken as plain
    differ   lasting differences, where families are told apart: what they explain of long waits is
             not explained again by the wait
    """
    if waits is None:
        return {}
    found = {}
    for state, seen in waited_by_state(waits.to_pylist(), own_pace).items():
        if differ is not None:
            seen = seen.at_mean_pace(
                [differ.waited.get((state, int(d)), 1.0) for d in seen.low]
            )
        shape = shape_of(seen, family=family)
        if shape != PLAIN and state not in stopped and not rulebook.forecast_states[state].gone:
            found[state] = shape
    return found


def past_seen(
    rulebook: Rulebook, exposures: pa.Table, log: Observed, edges: Sequence[Edge],
    undecided: Sequence[str], own_pace: Mapping[tuple[str, str], bool],
    columns: Sequence[str], as_of: dt.date,
) -> Past:  # fmt: skip
    """What the log shows of the news, the undecided and the pace of choosing, by period."""
    import numpy as np

    rows = [row for row in exposures.to_pylist() if row["move"] is None]
    periods = sorted({row["period_start"] for row in exposures.to_pylist()})
    place = {start: i for i, start in enumerate(periods)}
    groups = list(log.strata)
    safe, everyone = np.zeros(len(periods)), np.zeros(len(periods))
    here, waiting = (np.zeros((len(groups), len(periods))) for _ in range(2))
    for row in rows:
        state = row["forecast_state"]
        if state is None:
            continue
        at, days = place[row["period_start"]], int(row["person_days"])
        gone = rulebook.forecast_states[state].gone
        everyone[at] += days
        safe[at] += days if gone in SAFE else 0
        if not gone:
            g = groups.index(stratum_name(row, columns))
            here[g, at] += days
            waiting[g, at] += days if state in undecided else 0
    people = np.asarray(log.people, dtype=float)
    at_risk = np.asarray(log.at_risk, dtype=float)
    family = np.broadcast_to(np.asarray(log.family, dtype=float), people.shape[:1])[
        :, None, None
    ]
    pace = people.sum(axis=2) / np.maximum(at_risk.sum(axis=2), 1e-9)
    counted, expected = people / family, pace[:, :, None] * at_risk / family
    free = np.array([(edge.source, edge.move) in own_pace for edge in edges], dtype=bool)
    acts = free & np.array(
        [edge.source in undecided and willed(rulebook, edge) for edge in edges], dtype=bool
    )
    length = np.asarray(log.period_days, dtype=float)
    starts = np.array([(start - as_of).days - 1 for start in periods], dtype=float)
    return Past(
        mid=starts + length / 2,
        safe=safe / np.maximum(everyone, 1),
        undecided=waiting / np.maximum(here, 1),
        counted=counted[acts].sum(axis=0),
        expected=expected[acts].sum(axis=0),
        other=counted[free & ~acts].sum(axis=(0, 1)),
        other_expected=expected[free & ~acts].sum(axis=(0, 1)),
    )


def was_possible(
    effects: Sequence[PlanEffect], as_of: dt.date
) -> Callable[[str, dt.date, int], float]:
    """How much of a past period a move's gates were open, as the plan knows it."""
    import numpy as np

    gates: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for effect in effects:
        if effect.kind != "gate" or effect.closed or effect.target_kind != "transition":
            continue
        if effect.one_of_many:
            continue
        window = tuple(
            float(np.quantile(values, 0.5, method="inverted_cdf"))
            for values in (effect.starts, effect.ends)
        )
        for move in effect.targets:
            gates.setdefault(move, {}).setdefault(effect.gate, []).append(
                (window[0], window[1])
            )

    def share(move: str, first: dt.date, days: int) -> float:
        at = (first - as_of).days + np.arange(days)
        open_ = np.ones(days, dtype=bool)
        for windows in gates.get(move, {}).values():
            inside = np.zeros(days, dtype=bool)
            for start, end in windows:
                inside |= (at >= start) & (at <= end)
            open_ &= inside
        return float(open_.mean())

    return share
