"""Planted truths: does the forecast know how much it does not know?

Exists because a fan is only as good as its width. Camps are simulated by a plain simulator that
shares no code with the forecast: units of people with three axes (legal, stage, place) who take
moves the rulebook allows them, with families, shared slow shocks, a deadline and interventions
whose date and effect nobody knew. Their logs of 120 days go through the product's own path
(exposures, estimate, model, futures) and the forecast for day 365 is held against what the
simulator did next. Beside it, the same forecast with fewer kinds of doubt, and the same camps
with structure the forecast does not have.

    python -m benchmarks.planted [--camps N] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from onward.caseload.moves import allowed, forecast_moves, forecast_state
from onward.caseload.waits import WAITED
from onward.forecast.building_pace import DEADLINE_SCALE_DAYS
from onward.forecast.inputs import Inputs, build
from onward.forecast.kernel import Outputs, simulate
from onward.forecast.paces import Paces
from onward.forecast.scores import covered, crps, interval_score
from onward.plan.draws import PlanDraws
from onward.plan.effects import PlanEffect, PlanEffects
from onward.rulebook import load, shipped_path
from onward.rulebook.model import Move, Rulebook

AS_OF = dt.date(2026, 5, 1)
SEEN_DAYS, DEADLINE_DAY = 120, 365
GROUPS = ("main_group", "recognised_group")
# Hazards per day of each move, before anything speeds it up or slows it down.
PACE = {
    "T1.done": 0.20,
    "T2.done": 0.020,
    "T3.held": 0.016,
    "T3.declined": 0.003,
    "T4.return": 0.006,
    "T4.protection": 0.007,
    "T4.resettlement": 0.004,
    "T4.onward": 0.006,
    "T4.none": 0.002,
    "T5.done": 0.025,
    "T6.done": 0.030,
    "T7.done": 0.020,
    "T9.lodged": 0.030,
    "T10.recognised": 0.015,
    "T10.rejected": 0.004,
    "T11.overturned": 0.004,
    "T14.done": 0.020,
    "T15.accepted": 0.015,
    "T16.departed": 0.012,
    "T17.signed": 0.030,
    "T17.departed": 0.020,
    "T22.deceased": 0.00002,
}
DEATH = "T22.deceased"
UNDECIDED = ("registered", "verified", "counselled", "not_engaging", "interviewed")
ARRIVED = ("returned", "departed", "arrived", "departed_onward", "settled")
# Only recorded, as the rulebook has it: word, hold and incidents do not touch what nobody wills.
RECORDED = ("T3.declined", "T4.none", "T9.lodged")
DEPARTURES = ("T7.done", "T16.departed", "T17.departed")


@dataclass
class Units:
    """People who move as one: arrays over units.

    combo   index into `World.axes`
    size    people;  group  0 or 1;  since  day they entered their combination
    eager   own multiplier of every hazard (1: everybody is alike)
    """

    combo: np.ndarray
    size: np.ndarray
    group: np.ndarray
    since: np.ndarray
    eager: np.ndarray

    def copies(self, times: int) -> Units:
        return Units(*(np.tile(part, times) for part in vars(self).values()))


@dataclass
class World:
    """The rulebook as a person meets it: what she may do from where she stands.

    hazard  (axes, move key) -> per day; asked only where the rulebook allows the move
    """

    rulebook: Rulebook
    hazard: Callable[[Mapping[str, str], str], float]
    axes: list[dict[str, str]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    moves: list[str] = field(default_factory=lambda: list(PACE))
    _index: dict[tuple[str, ...], int] = field(default_factory=dict)
    _ways: list[tuple[list[int], list[int], np.ndarray]] = field(default_factory=list)

    def combo(self, axes: Mapping[str, str]) -> int:
        """The number of a combination of axis states, worked out when first met."""
        key = tuple(axes.values())
        if key not in self._index:
            self._index[key] = len(self.axes)
            self.axes.append(dict(axes))
            self.states.append(forecast_state(axes, self.rulebook))
            self._ways.append(([], [], np.zeros(0)))
            chosen = [
                (number, self.rulebook.moves()[name], self.hazard(axes, name))
                for number, name in enumerate(self.moves)
                if allowed(self.rulebook.moves()[name], axes)
            ]
            ways = [(n, self._after(axes, move), h) for n, move, h in chosen if h > 0]
            self._ways[self._index[key]] = (
                [n for n, *_ in ways],
                [c for _, c, _ in ways],
                np.array([h for *_, h in ways]),
            )
        return self._index[key]

    def _after(self, axes: Mapping[str, str], move: Move) -> int:
        return self.combo({**axes, **move.targets})

    def ways(self, combo: int) -> tuple[list[int], list[int], np.ndarray]:
        """Numbers of the moves, the combinations they lead to, and their hazards."""
        return self._ways[combo]

    def start(self) -> dict[str, str]:
        return {axis.name: axis.starts for axis in self.rulebook.axes.values()}

    def gone(self) -> np.ndarray:
        states = self.rulebook.forecast_states
        return np.array([bool(states[name].gone) for name in self.states])


@dataclass
class Course:
    """What is common to everybody: per day a multiplier for each move.

    factor  (days, moves)
    ageing  hazards change with the days already waited: exponent of (1 + days / 30)
    news, hold   how far word of safe arrivals (three weeks old) moves those who have not chosen,
                 and how far their group holds them back while most of it has not
    arrived share of all people safe on each day so far
    stops   days on which nobody who has not chosen engages: from, until
    recorded  moves of those who have not chosen that none of the three touches
    """

    factor: np.ndarray
    ageing: float = 0.0
    news: float = 0.0
    hold: float = 0.0
    stops: Sequence[tuple[int, int]] = ()
    recorded: Sequence[str] = RECORDED
    arrived: list[float] = field(default_factory=list)


def live(
    world: World, units: Units, course: Course, days: range, rng: np.random.Generator,
    record: list[tuple[int, int, int, int, int]] | None = None,
    watched: list[int] | None = None,
) -> Units:  # fmt: skip
    """Everybody's days, one after another, every unit on its own.

    record   gets (day, unit, move, combination before, people): a death takes one person
    watched  gets the people present at the end of each day
    """
    death = world.moves.index(DEATH)
    answers = course.news or course.hold or course.stops
    for day in days:
        word, held = 1.0, np.ones(len(GROUPS))
        if answers:
            word, held = answered(world, units, course, day)
        for combo in np.unique(units.combo):
            numbers, ends, base = world.ways(int(combo))
            if not numbers:
                continue
            here = np.flatnonzero(units.combo == combo)
            own = units.eager[here][:, None] * np.ones(len(numbers))
            if course.ageing:
                own = own * ((1 + (day - units.since[here]) / 30.0) ** course.ageing)[:, None]
            per_person = np.array([n == death for n in numbers])
            if answers and world.axes[int(combo)]["stage"] in UNDECIDED:
                willed = ~per_person & np.array(
                    [world.moves[n] not in course.recorded for n in numbers]
                )
                own = np.where(willed, own * (word * held[units.group[here]])[:, None], own)
            own = np.where(per_person, units.size[here][:, None], own)
            hazard = base * course.factor[day, numbers] * own
            total = hazard.sum(axis=1)
            leaving = rng.random(len(here)) < -np.expm1(-total)
            if not leaving.any():
                continue
            who, rows = here[leaving], hazard[leaving].cumsum(axis=1)
            picks = (rng.random(len(who))[:, None] * rows[:, -1:] >= rows).sum(axis=1)
            picks = np.minimum(picks, len(numbers) - 1)
            single = np.array(numbers)[picks] == death
            if record is not None:
                record += [
                    (day, int(unit), numbers[pick], int(combo), 1 if one else int(size))
                    for unit, pick, one, size in zip(
                        who, picks, single, units.size[who], strict=True
                    )
                ]
            stays = single & (units.size[who] > 1)
            units.size[who[stays]] -= 1
            units.combo[who[~stays]] = np.array(ends)[picks[~stays]]
            units.since[who[~stays]] = day
        if watched is not None:
            watched.append(int(present(world, units)[0]))
    return units


def answered(world: World, units: Units, course: Course, day: int) -> tuple[float, np.ndarray]:
    """Today's multiplier of the news, and of each group's hold (0 while engagement stops)."""
    stages = [axes["stage"] for axes in world.axes]
    safe_ = np.array([stage in ARRIVED for stage in stages])[units.combo]
    undecided = np.array([stage in UNDECIDED for stage in stages])[units.combo]
    course.arrived.append(float(units.size[safe_].sum() / units.size.sum()))
    heard = course.arrived[-22] if len(course.arrived) > 21 else 0.0
    word = 1 + course.news * heard / (heard + 0.1)
    present_ = np.where(world.gone()[units.combo], 0, units.size)
    people = np.bincount(units.group, present_, len(GROUPS))
    waiting = np.bincount(units.group, np.where(undecided, units.size, 0), len(GROUPS))
    held = np.exp(-course.hold * waiting / np.maximum(people, 1))
    if any(start <= day < end for start, end in course.stops):
        word = 0.0
    return word, held


def present(world: World, units: Units, replicates: int = 1) -> np.ndarray:
    """(replicates,) people still here."""
    here = np.where(world.gone()[units.combo], 0, units.size)
    return here.reshape(replicates, -1).sum(axis=1)


def shocks(days: int, sd: float, memory: float, rng: np.random.Generator) -> np.ndarray:
    """(days,) a slow shared multiplier of mean 1."""
    rho = np.exp(-1 / memory)
    z = np.empty(days)
    z[0] = rng.normal(0, sd)
    for day in range(1, days):
        z[day] = rho * z[day - 1] + rng.normal(0, sd * np.sqrt(1 - rho * rho))
    return np.exp(z - sd * sd / 2)


def exposures_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int,
    period: int, group: np.ndarray,
) -> pa.Table:  # fmt: skip
    """What `caseload.counting.exposures` makes of the same log, without writing the log.

    `tests/forecast/test_per_person.py` holds the two to each other.
    """
    starts = list(range(0, days, period))
    risk: dict[tuple[str, int, int], int] = {}
    moved: dict[tuple[str, int, int, str, str], int] = {}
    combo, size = before.combo.copy(), before.size.copy()
    by_day: dict[int, list[tuple[int, int, int, int, int]]] = {}
    for row in record:
        by_day.setdefault(row[0], []).append(row)
    died: dict[tuple[str, int], int] = {}
    held: dict[tuple[str, int], int] = {}
    for unit in range(len(combo)):
        key = (world.states[combo[unit]], int(group[unit]))
        held[key] = held.get(key, 0) + int(size[unit])
    for day in range(days):
        for _, unit, move, was, people in by_day.get(day, ()):
            name = world.moves[move]
            source = world.states[was]
            target = world.states[world.ways(was)[1][world.ways(was)[0].index(move)]]
            cell = (source, int(group[unit]))
            step = (source, int(group[unit]), day // period, name, target)
            moved[step] = moved.get(step, 0) + people
            held[cell] -= people
            other = (target, cell[1])
            held[other] = held.get(other, 0) + people
        for (state, g), people in held.items():
            if people:
                key3 = (state, g, day // period)
                risk[key3] = risk.get(key3, 0) + people
    del died
    rows = []
    for (state, g, index), person_days in risk.items():
        rows.append(_row(state, g, starts[index], period, days, None, None, person_days, 0))
    for (state, g, index, move_, target), people in moved.items():
        rows.append(_row(state, g, starts[index], period, days, move_, target, 0, people))
    return pa.Table.from_pylist(rows)


def departures_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int,
    group: np.ndarray, moves: Sequence[str] = DEPARTURES,
) -> pa.Table:  # fmt: skip
    """What `caseload.pace.pace` says of the days on which people left."""
    left: dict[tuple[str, int], dict[tuple[str, int], int]] = {}
    for day, unit, number, was, people in record:
        if (name := world.moves[number]) in moves:
            of = left.setdefault((name, day), {})
            cell = (world.states[was], int(group[unit]))
            of[cell] = of.get(cell, 0) + people
    sources: dict[str, set[str]] = {}
    for (name, _), cells in left.items():
        sources.setdefault(name, set()).update(state for state, _ in cells)
    state = [world.states[c] for c in before.combo]
    size = before.size.copy()
    rows = []
    by_day: dict[int, list[tuple[int, int, int, int, int]]] = {}
    for row in record:
        by_day.setdefault(row[0], []).append(row)
    for day in range(days):
        leaving = [name for name, on in left if on == day]
        if leaving:
            here: dict[tuple[str, int], int] = {}
            for name, g, people in zip(state, group, size, strict=True):
                here[name, int(g)] = here.get((name, int(g)), 0) + int(people)
            for move in leaving:
                for cell in sorted(here):
                    if cell[0] in sources[move]:
                        rows.append(
                            {"forecast_state": cell[0], "group": GROUPS[cell[1]], "move": move,
                             "on_day": AS_OF - dt.timedelta(days=days - 1 - day),
                             "transitions": left[move, day].get(cell, 0),
                             "waiting": here[cell]}
                        )  # fmt: skip
        for _, unit, number, was, _people in by_day.get(day, ()):
            if world.moves[number] == DEATH and size[unit] > 1:
                size[unit] -= 1
            else:
                state[unit] = world.states[world.ways(was)[1][world.ways(was)[0].index(number)]]
    return pa.Table.from_pylist(
        rows,
        schema=pa.schema(
            [("forecast_state", pa.string()), ("group", pa.string()), ("move", pa.string()),
             ("on_day", pa.date32()), ("transitions", pa.int64()), ("waiting", pa.int64())]
        ),
    )  # fmt: skip


def waits_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int
) -> pa.Table:
    """What `caseload.waits.waits` makes of the same log for stays begun after its first day."""
    lows = WAITED[:-1]
    state = [world.states[c] for c in before.combo]
    began: list[int | None] = [None] * len(state)
    size = before.size.copy()
    risk: dict[tuple[str, int], list[int]] = {}
    moved: dict[tuple[str, int, str, str], int] = {}

    def stayed(unit: int, until: int, open_: bool) -> int:
        """Book the stay's person-days; returns the row in which it ends."""
        start = began[unit]
        waited = until - (start or 0)
        row = max(i for i, low in enumerate(lows) if low <= waited)
        for i, low in enumerate(lows):
            spent = min(waited, WAITED[i + 1]) - low
            if spent > 0 and (start is not None or open_):
                cell = risk.setdefault((state[unit], i), [0, 0])
                cell[0] += int(size[unit]) * spent if start is not None else 0
                cell[1] += int(size[unit]) if open_ and waited <= WAITED[i + 1] else 0
        return row

    for day, unit, number, was, people in record:
        name = world.moves[number]
        if name == DEATH and size[unit] > 1:
            size[unit] -= 1
            continue
        target = world.states[world.ways(was)[1][world.ways(was)[0].index(number)]]
        if target == state[unit]:
            continue
        row = stayed(unit, day, False)
        if began[unit] is not None:
            key = (state[unit], row, name, target)
            moved[key] = moved.get(key, 0) + people
        state[unit], began[unit] = target, day
    for unit in range(len(state)):
        stayed(unit, days, True)
    rows = [
        _wait(state_, i, None, None, spent, waiting, 0)
        for (state_, i), (spent, waiting) in risk.items()
    ]
    rows += [_wait(state_, i, m, to, 0, 0, n) for (state_, i, m, to), n in moved.items()]
    return pa.Table.from_pylist(rows)


def _wait(
    state: str, row: int, move: str | None, target: str | None, spent: int, waiting: int, n: int
) -> dict[str, Any]:
    return {
        "forecast_state": state, "waited_from": WAITED[row],
        "waited_days": WAITED[row + 1] - WAITED[row], "move": move, "to_state": target,
        "person_days": spent, "waiting": waiting, "transitions": n,
    }  # fmt: skip


def stays_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int,
    group: np.ndarray,
) -> pa.Table:  # fmt: skip
    """What `caseload.pace.pace` says of stays that belong together, one member for each family."""
    first = AS_OF - dt.timedelta(days=days - 1)
    state = [world.states[c] for c in before.combo]
    began = [-1] * len(state)
    found: list[list[dict[str, Any]]] = [[] for _ in state]

    def over(unit: int, day: int | None, move: str | None) -> None:
        until = None if day is None else first + dt.timedelta(days=day)
        found[unit].append(
            {"person": unit, "household": unit, "forecast_state": state[unit],
             "group": GROUPS[group[unit]], "from_day": first + dt.timedelta(days=began[unit]),
             "until_day": until, "move": move, "whole": began[unit] >= 0}
        )  # fmt: skip

    size = before.size.copy()
    for day, unit, number, was, _ in record:
        name = world.moves[number]
        if name == DEATH and size[unit] > 1:
            size[unit] -= 1
            continue
        target = world.states[world.ways(was)[1][world.ways(was)[0].index(number)]]
        if target != state[unit]:
            over(unit, day, name)
            state[unit], began[unit] = target, day
    for unit in range(len(state)):
        over(unit, None, None)
    return pa.Table.from_pylist(
        [row for stays in found for row in stays],
        schema=pa.schema(
            [("person", pa.int64()), ("household", pa.int64()), ("forecast_state", pa.string()),
             ("group", pa.string()), ("from_day", pa.date32()), ("until_day", pa.date32()),
             ("move", pa.string()), ("whole", pa.bool_())]
        ),
    )  # fmt: skip


def _row(
    state: str, group: int, start: int, period: int, days: int, move: str | None,
    target: str | None, person_days: int, transitions: int,
) -> dict[str, Any]:  # fmt: skip
    first = AS_OF - dt.timedelta(days=days - 1 - start)
    return {
        "forecast_state": state, "group": GROUPS[group], "period_start": first,
        "period_days": min(period, days - start), "move": move, "to_state": target,
        "person_days": person_days, "transitions": transitions,
    }  # fmt: skip


def counts_of(world: World, units: Units) -> pa.Table:
    """What `caseload.counting.counts` makes of the units."""
    gone = world.gone()
    cells: dict[tuple[str, int, int], int] = {}
    for combo, size, group in zip(units.combo, units.size, units.group, strict=True):
        left = bool(gone[combo])
        key = (world.states[combo], int(group), 1 if left else int(size))
        cells[key] = cells.get(key, 0) + (int(size) if left else 1)
    return pa.Table.from_pylist(
        [
            {"forecast_state": state, "group": GROUPS[group], "unit_size": size, "units": n,
             "people": n * size, "mixed_people": 0}
            for (state, group, size), n in sorted(cells.items())
        ]
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------
# Camps
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Structure:
    """How a truth differs from what the forecast assumes; all zero: not at all.

    frailty  sd of people's own log eagerness;  ageing  as in `Course`
    convoys  departures only every so many days, then all at once
    rough    sd of the logarithm of the days between two convoys
    drift    sd per year of each move's own slow change
    merged   people differ in ways the forecast states do not tell apart: not yet verified,
             or with a claim lodged before they chose protection
    none_held  word, hold and incidents also touch the note that somebody chose nothing (T4.none),
             which the rulebook calls a mere record
    """

    name: str = "same structure"
    frailty: float = 0.0
    ageing: float = 0.0
    convoys: int = 0
    rough: float = 0.0
    drift: float = 0.0
    merged: bool = False
    none_held: bool = False


STRUCTURES = (
    Structure(),
    Structure("people differ", frailty=0.6),
    Structure("waiting tires", ageing=-0.3),
    Structure("convoys every 14 days", convoys=14),
    Structure("convoys when they can", convoys=28, rough=0.4),
    Structure("each step drifts", drift=0.5),
    Structure("states hide differences", merged=True),
    Structure("choosing nothing is held too", none_held=True),
)
# The size of the operation Onward was made for.
PEOPLE = 3700
SHOCK_SD, SHOCK_MEMORY = 0.25, 45.0
EFFECT_LOG_SD = 0.5
EFFECT_MEDIAN = 2.0


@dataclass(frozen=True)
class Camp:
    """One planted camp: what the forecaster is given, and what happened.

    course  people present at the end of each day after the last one seen; the last is `truth`
    """

    counts: pa.Table
    exposures: pa.Table
    waits: pa.Table
    effects: PlanEffects
    here: int
    truth: int
    departures: pa.Table | None = None
    course: Sequence[int] = ()
    stays: pa.Table | None = None


def plan_of(rng: np.random.Generator, futures: int) -> PlanEffects:
    """An intervention nobody has seen work: on a day between 20 and 120 from now the way out
    widens, by a factor known only to within the planner's doubt."""
    starts = np.floor(rng.triangular(20, 45, 120, futures))
    values = EFFECT_MEDIAN * np.exp(EFFECT_LOG_SD * rng.standard_normal(futures))
    never = np.full(futures, np.inf)
    effect = PlanEffect(
        "assurance/scales", "assurance", "transition", ("T7.done", "T16.departed"),
        "multiplier", starts, never, values,
    )  # fmt: skip
    draws = PlanDraws(AS_OF, futures, 1, {}, {}, {}, {}, {}, {})
    return PlanEffects(draws, (effect,))


def camp_of(
    number: int, structure: Structure, *, people: int = PEOPLE, futures: int = 1000,
    period: int = 14,
) -> tuple[Camp, World]:  # fmt: skip
    """Simulate one camp for a year; the forecaster is given the first 120 days."""
    rng = np.random.default_rng([20260501, number])
    world = World(load_rulebook(), lambda axes, name: _pace(axes, name, lean, structure.merged))
    lean = {name: float(np.exp(0.25 * rng.standard_normal())) for name in PACE}
    units = new_units(world, people, rng, structure.frailty, structure.merged)
    course = np.ones((DEADLINE_DAY, len(world.moves)))
    course *= shocks(DEADLINE_DAY, SHOCK_SD, SHOCK_MEMORY, rng)[:, None]
    strength = rng.gamma(0.7) / 1.4
    day = np.arange(DEADLINE_DAY)
    near = 1 + strength * np.exp(-(DEADLINE_DAY - 1 - day) / DEADLINE_SCALE_DAYS)
    records = [
        name for name in world.moves
        if world.rulebook.moves()[name].records
        or world.rulebook.transitions[world.rulebook.moves()[name].transition].records
    ]  # fmt: skip
    for index, name in enumerate(world.moves):
        if name == DEATH:
            course[:, index] = 1.0
        elif name not in records:
            course[:, index] *= near
    begins = SEEN_DAYS - 1 + int(np.floor(rng.triangular(20, 45, 120)))
    factor = EFFECT_MEDIAN * np.exp(EFFECT_LOG_SD * rng.standard_normal())
    for name in ("T7.done", "T16.departed"):
        course[begins:, world.moves.index(name)] *= factor
    if structure.drift:
        walk = rng.normal(0, structure.drift / np.sqrt(365), course.shape).cumsum(axis=0)
        course *= np.exp(walk)
    if structure.convoys:
        for name in DEPARTURES:
            column = world.moves.index(name)
            runs = day % structure.convoys == 0
            if structure.rough:
                gaps = structure.convoys * np.exp(structure.rough * rng.standard_normal(200))
                on = rng.integers(structure.convoys) + np.maximum(np.rint(gaps), 1).cumsum()
                runs = np.isin(day, on - structure.convoys)
            course[:, column] *= np.where(runs, structure.convoys, 0)
    when, stops = 0.0, []
    a_year = rng.gamma(1.0)
    while (when := when + rng.exponential(365 / a_year)) < DEADLINE_DAY:
        stops.append((int(when), int(when + 14 * np.exp(0.6 * rng.standard_normal()))))
    path = Course(
        course, structure.ageing, news=rng.gamma(0.7) / 0.7, hold=rng.gamma(0.7) / 0.7,
        stops=stops,
        recorded=tuple(m for m in RECORDED if m != "T4.none" or not structure.none_held),
    )  # fmt: skip
    first = Units(*(part.copy() for part in vars(units).values()))
    record: list[tuple[int, int, int, int, int]] = []
    live(world, units, path, range(SEEN_DAYS), rng, record)
    counts, here = counts_of(world, units), int(present(world, units)[0])
    seen = exposures_of(world, first, record, SEEN_DAYS, period, units.group)
    waited = waits_of(world, first, record, SEEN_DAYS)
    departed = departures_of(world, first, record, SEEN_DAYS, units.group)
    effects = plan_of(np.random.default_rng([7, number]), futures)
    then: list[int] = []
    live(world, units, path, range(SEEN_DAYS, DEADLINE_DAY), rng, watched=then)
    stays = stays_of(world, first, record, SEEN_DAYS, units.group)
    return Camp(counts, seen, waited, effects, here, then[-1], departed, then, stays), world


def load_rulebook() -> Rulebook:
    """The shipped rulebook, read once."""
    if not _LOADED:
        _LOADED.append(load(shipped_path("protected-camp")))
    return _LOADED[0]


_LOADED: list[Rulebook] = []


def _pace(
    axes: Mapping[str, str], name: str, lean: Mapping[str, float], merged: bool = False
) -> float:
    """A person's hazard. Choices are made once, except by those who had declined, and by
    refugees who then ask for resettlement.

    merged  also what the forecast states cannot tell apart: claims lodged before protection is
            chosen, rejections and appeals
    """
    stage, legal = axes["stage"], axes["legal"]
    if load_rulebook().axes["stage"].states[stage].ends:
        return 0.0
    pace = PACE[name] * lean[name]
    if name == "T9.lodged" and not merged and stage != "intent_protection":
        return 0.0
    if name in ("T10.rejected", "T11.overturned") and not merged:
        return 0.0
    if name == "T4.resettlement" and legal == "refugee" and stage == "intent_protection":
        return 3 * pace
    if name.startswith("T4."):
        if stage not in ("interviewed", "not_engaging"):
            return 0.0
        if name == "T4.resettlement" and not merged:
            return 0.0
        return pace * (0.3 if stage == "not_engaging" else 1.0)
    return pace


def new_units(
    world: World, people: int, rng: np.random.Generator, frailty: float = 0.0,
    merged: bool = False,
) -> Units:  # fmt: skip
    """Families of one to six, four in ten people alone; a seventh already further on."""
    sizes: list[int] = []
    while sum(sizes) < people:
        sizes.append(int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.55, 0.15, 0.1, 0.1, 0.06, 0.04])))
    n = len(sizes)
    start = world.start()
    places = [
        world.combo({**start, "stage": stage})
        for stage in ("registered", "verified", "counselled", "interviewed", "intent_return")
    ]
    combo = rng.choice(
        places, size=n, p=[0.2 if merged else 0.0, 0.3 if merged else 0.5, 0.2, 0.2, 0.1]
    )
    group = (rng.random(n) < 0.2).astype(int)
    eager = np.exp(frailty * rng.standard_normal(n) - frailty**2 / 2)
    return Units(combo, np.array(sizes), group, np.zeros(n), eager)


# ---------------------------------------------------------------------------------------------
# Forecasts with more and more kinds of doubt
# ---------------------------------------------------------------------------------------------

LAYERS = (
    "process noise only",
    "+ rates",
    "+ interventions and behaviour",
    "+ future shocks",
    "everything",
)


def inputs_of(
    camp: Camp, world: World, *, shocks: bool = True, dated: bool = True, alike: bool = False,
    paces: Sequence[Paces] = (),
) -> Inputs:  # fmt: skip
    """The product's own path from a log to a model; without `dated`, departures on any day;
    `alike`, without asking whether the same families are quick step after step.

    paces  of other operations
    """
    return build(
        world.rulebook,
        counts=camp.counts,
        exposures=camp.exposures,
        steps=[(m.from_state, m.move, m.to_state) for m in STEPS(world.rulebook)],
        as_of=AS_OF,
        deadline=AS_OF + dt.timedelta(days=DEADLINE_DAY - SEEN_DAYS),
        effects=camp.effects,
        waits=camp.waits,
        departures=camp.departures if dated else None,
        stays=None if alike else camp.stays,
        paces=paces,
        shocks=shocks,
        name="camp",
    )


def STEPS(rulebook: Rulebook) -> list[Any]:
    if not _STEPS:
        _STEPS.extend(forecast_moves(rulebook))
    return _STEPS


_STEPS: list[Any] = []


def futures_of(
    camp: Camp, world: World, futures: int, seed: int, layers: Sequence[str] = LAYERS,
    alike: bool = False,
) -> dict[str, np.ndarray]:  # fmt: skip
    """(futures,) people left on day 365, per layer."""
    full = inputs_of(camp, world, alike=alike)
    bare = inputs_of(camp, world, shocks=False, alike=alike)
    days = DEADLINE_DAY - SEEN_DAYS
    drawn, plain = full.draws(futures, seed), bare.draws(futures, seed)

    def held(draws: Any, *kinds: str) -> Any:
        for name, kind in bare.sources.items():
            if kind in kinds and name in draws.names:
                column = draws.column(name)
                middle = (
                    column.mean()
                    if kind == "rates"
                    else np.quantile(column, 0.5, method="inverted_cdf")
                )
                draws = draws.with_column(name, middle)
        return draws

    def still(draws: Any) -> Any:
        return draws.with_column("shock size", 1e-9).with_column("shock start", 0.0)

    mixed = plain
    mixed = mixed.with_column("shock size", drawn.column("shock size"))
    mixed = mixed.with_column("shock start", drawn.column("shock now"))
    runs = {
        LAYERS[0]: (bare, still(held(plain, "rates", "behaviour", "effects", "plan dates"))),
        LAYERS[1]: (bare, still(held(plain, "behaviour", "effects", "plan dates"))),
        LAYERS[2]: (bare, still(plain)),
        LAYERS[3]: (full, mixed),
        LAYERS[4]: (full, drawn),
    }
    out = {}
    for name, (inputs, draws) in runs.items():
        if name not in layers:
            continue
        draws = inputs.derived(draws)
        made = simulate(inputs.model, draws, futures, seed, days=days, outputs=Outputs())
        out[name] = made.present["all"][:, -1].astype(float)
    return out


LEADS = ((1, 7), (8, 14), (15, 30), (31, 60), (61, 120), (121, 245))


def measure_leads(
    camps: int, structure: Structure, futures: int, first: int = 0
) -> dict[str, list[dict[str, float]]]:
    """Coverage and scores by days ahead, with departures on certain days and on any day."""
    days = DEADLINE_DAY - SEEN_DAYS
    rows: dict[str, list[np.ndarray]] = {"on certain days": [], "on any day": []}
    for number in range(first, first + camps):
        camp, world = camp_of(number, structure, futures=futures)
        for name, dated in (("on certain days", True), ("on any day", False)):
            inputs = inputs_of(camp, world, dated=dated)
            made = simulate(
                inputs.model, inputs.draws(futures, number), futures, number, days=days,
                outputs=Outputs(),
            ).present["all"]  # fmt: skip
            rows[name].append(
                np.array(
                    [
                        (
                            float(covered(made[:, day].astype(float), truth, 0.9)),
                            float(crps(made[:, day].astype(float), truth)),
                            float(np.subtract(*np.quantile(made[:, day], [0.95, 0.05]))),
                        )
                        for day, truth in enumerate(camp.course)
                    ]
                )
            )
    found: dict[str, list[dict[str, float]]] = {}
    for name, all_ in rows.items():
        table = np.stack(all_)
        found[name] = [
            dict(
                zip(
                    ("from", "to", "coverage90", "crps", "width90"),
                    (low, high, *table[:, low - 1 : high].mean(axis=(0, 1)).round(3).tolist()),
                    strict=True,
                )
            )
            for low, high in LEADS
        ]
    return found


def rows_of(
    camps: int,
    structure: Structure,
    futures: int,
    layers: Sequence[str] = LAYERS,
    first: int = 0,
    alike: bool = False,
) -> list[dict[str, Any]]:
    """One row per camp and layer, from camp number `first`."""
    rows: list[dict[str, Any]] = []
    for number in range(first, first + camps):
        camp, world = camp_of(number, structure, futures=futures)
        found = futures_of(camp, world, futures, number, layers, alike)
        for name, left in found.items():
            rows.append(
                {
                    "truth": structure.name,
                    "camp": number,
                    "layer": name,
                    "coverage90": float(covered(left, camp.truth, 0.9)),
                    "interval_score90": float(interval_score(left, camp.truth, 0.9)),
                    "crps": float(crps(left, camp.truth)),
                    "width90": float(np.subtract(*np.quantile(left, [0.95, 0.05]))),
                    "bias": float(left.mean() - camp.truth),
                    "rank": float((left < camp.truth).mean()),
                }
            )
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{structure.name}: {number + 1} of {first + camps} camps")
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return rows


MEASURES = ("coverage90", "interval_score90", "crps", "width90", "bias")


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Coverage, width and scores of every layer, truth by truth."""
    found = []
    for truth in dict.fromkeys(row["truth"] for row in rows):
        mine = [row for row in rows if row["truth"] == truth]
        layers = {}
        for name in dict.fromkeys(row["layer"] for row in mine):
            table = [[row[m] for m in MEASURES] for row in mine if row["layer"] == name]
            mean = np.mean(np.array(table), axis=0).round(3).tolist()
            layers[name] = dict(zip(MEASURES, mean, strict=True))
        last = layers[LAYERS[-1]]
        found.append(
            {
                "truth": truth,
                "camps": len({row["camp"] for row in mine}),
                "layers": layers,
                "ratios": {
                    name: {
                        "interval_score": round(
                            one["interval_score90"] / last["interval_score90"], 2
                        ),
                        "crps": round(one["crps"] / last["crps"], 2),
                    }
                    for name, one in layers.items()
                    if name != LAYERS[-1]
                },
            }
        )
    return found


def measure(
    camps: int, structure: Structure, futures: int, layers: Sequence[str] = LAYERS
) -> dict[str, Any]:
    """Coverage, width and scores of every layer over so many camps."""
    return summary(rows_of(camps, structure, futures, layers))[0]


def print_leads(found: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]) -> None:
    """Coverage by days ahead, truth by truth."""
    for truth, ways in found.items():
        print(f"\nTruth: {truth}")
        print(f"  {'departures':<20}{'days ahead':<14}{'in 90%':>8}{'width':>8}{'CRPS':>8}")
        for name, leads in ways.items():
            for one in leads:
                ahead = f"{one['from']:.0f} to {one['to']:.0f}"
                print(
                    f"  {name:<20}{ahead:<14}{one['coverage90']:>8.0%}{one['width90']:>8.0f}"
                    f"{one['crps']:>8.1f}"
                )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--camps", type=int, default=200)
    parser.add_argument("--futures", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="24 camps, first truths only")
    parser.add_argument(
        "--truths", choices=("first", "others", "all"), default="all",
        help="the forecast's own structure, the others, or both",
    )  # fmt: skip
    parser.add_argument(
        "--truth", default="", choices=[one.name for one in STRUCTURES], metavar="NAME",
        help="one truth only, by its name, with the first and the last kind of forecast",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="number of the first camp")
    parser.add_argument(
        "--leads", action="store_true",
        help="coverage by days ahead, departures on certain days and on any day",
    )  # fmt: skip
    parser.add_argument(
        "--alike", action="store_true", help="take all families as alike, to compare"
    )
    parser.add_argument(
        "--rows", default="", help="add one line of JSON per camp and layer to this file"
    )
    parser.add_argument(
        "--of", nargs="*", default=[], help="simulate nothing: put together what --rows wrote"
    )
    asked = parser.parse_args(arguments)
    camps = 24 if asked.quick else asked.camps
    began = time.perf_counter()
    if asked.leads:
        few = {
            one.name: measure_leads(camps, one, asked.futures, asked.first)
            for one in STRUCTURES
            if (one.convoys and asked.truths != "first")
            or (one is STRUCTURES[0] and asked.truths != "others")
        }
        print(json.dumps(few, indent=2)) if asked.json else print_leads(few)
        return
    rows: list[dict[str, Any]] = []
    for name in asked.of:
        with open(name, encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    for number, structure in enumerate(STRUCTURES):
        wanted = "first" if not number else "others"
        if asked.of or (asked.truth and structure.name != asked.truth):
            continue
        if not asked.truth and (
            asked.truths not in (wanted, "all") or (asked.quick and number)
        ):
            continue
        alone = not number or asked.truth or asked.truths == "others"
        several = camps if alone else max(camps // 8, 20)
        layers = LAYERS if not number and not asked.truth else (LAYERS[0], LAYERS[-1])
        rows += rows_of(several, structure, asked.futures, layers, asked.first, asked.alike)
    if asked.rows:
        with open(asked.rows, "a", encoding="utf-8") as kept:
            kept.writelines(json.dumps(row) + "\n" for row in rows)
    found = summary(rows)
    data = {
        "seen_days": SEEN_DAYS, "deadline_day": DEADLINE_DAY, "futures": asked.futures,
        "truths": found, "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
    if asked.json:
        print(json.dumps(data, indent=2))
        return
    for one in found:
        print(f"\nTruth: {one['truth']} ({one['camps']} camps)")
        print(
            f"  {'the forecast carries':<32}{'in 90%':>8}{'width':>8}{'CRPS':>8}{'interval':>10}{'bias':>8}"
        )
        for name, row in one["layers"].items():
            print(
                f"  {name:<32}{row['coverage90']:>8.0%}{row['width90']:>8.0f}{row['crps']:>8.1f}"
                f"{row['interval_score90']:>10.0f}{row['bias']:>8.1f}"
            )
        for name, ratio in one["ratios"].items():
            print(
                f"  everything beats {name}: interval score {ratio['interval_score']} times, "
                f"CRPS {ratio['crps']} times better"
            )


if __name__ == "__main__":
    main()
