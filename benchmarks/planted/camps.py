"""Planted camps: families, shared slow shocks, a deadline, and what nobody knew beforehand.

Exists because a fan is only as good as its width, and only a planted truth tells the width. Comes in:
the number of a camp and how its truth differs from what the forecast assumes (`Structure`). Goes out:
what the forecaster is given of the first 120 days, and what happened next (`Camp`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from benchmarks.planted.logs import counts_of, departures_of, exposures_of, stays_of, waits_of
from benchmarks.planted.simulator import (
    AS_OF,
    DEATH,
    DEPARTURES,
    PACE,
    RECORDED,
    Course,
    Units,
    World,
    live,
    present,
    shocks,
)
from onward.forecast.building.pace import DEADLINE_SCALE_DAYS
from onward.plan.draws import PlanDraws
from onward.plan.effects import PlanEffect, PlanEffects
from onward.rulebook import load, shipped_path
from onward.rulebook.model import Rulebook

SEEN_DAYS, DEADLINE_DAY = 120, 365


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
PEOPLE = 3700
"""The size of the operation Onward was made for."""

EFFECT_LOG_SD = 0.5
EFFECT_MEDIAN = 2.0

SHOCK_SD, SHOCK_MEMORY = 0.25, 45.0


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
    world = World(load_rulebook(), lambda axes, name: pace(axes, name, lean, structure.merged))
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


@cache
def load_rulebook() -> Rulebook:
    """The shipped rulebook, read once."""
    return load(shipped_path("protected-camp"))


def pace(
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
