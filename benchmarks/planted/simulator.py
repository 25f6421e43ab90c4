"""People in a camp, day after day, one by one, by a plain simulator.

Exists because a forecast is held against something that shares no code with it. Comes in: the
rulebook and a hazard for each move it allows (`World`), units of people with three axes (`Units`), and
what is common to everybody (`Course`). Goes out: everybody's days (`live`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from onward.caseload.moves import allowed, forecast_state
from onward.rulebook.model import Move, Rulebook

AS_OF = dt.date(2026, 5, 1)
"""The last day of every log."""

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
