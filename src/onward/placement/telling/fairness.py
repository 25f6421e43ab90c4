"""Who is placed, group by group, beside what chance alone would have done.

An optimum can quietly pass over a group; this table makes it visible. In: a `Proposal` and a
seed. Out: one row per group: persons, share placed, days and windows waited, and the same
share when cases are taken in random order, each to the first best place that fits.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit

from onward.placement.inputs.aims import lone_older
from onward.placement.inputs.tables import Case
from onward.placement.problem.compiling import Compiled
from onward.placement.problem.doors import first_day
from onward.placement.problem.model import FloatArray
from onward.placement.propose import EXACT_UNITS, propose
from onward.placement.solving.proposal import Proposal

AGE_BANDS = ((0, 17), (18, 59), (60, 200))
DRAWS = 20


Persons = Mapping[str, int]
"""Group -> how many persons of a case stand in it."""
EACH = "each person"
CASE = "everybody in the case"
PRINCIPAL = "everybody in the case, by its principal applicant"
"""What the persons of a group are: those to whom it applies, or whole cases."""


def _age_band(age: int | None) -> str:
    if age is None:
        return ""
    low, high = next(b for b in AGE_BANDS if b[0] <= age <= b[1])
    return f"{low}+" if high == 200 else f"{low}-{high}"


def _size_band(case: Case) -> str:
    return str(case.size) if case.size < 4 else ("4-6" if case.size < 7 else "7+")


def _yes(value: bool | None) -> str:
    return "" if value is None else ("yes" if value else "no")


def _everybody(case: Case, *groups: str) -> Persons:
    """A case that stands in these groups with all its persons."""
    return {group: case.size for group in groups if group}


def _each(groups: Iterable[str]) -> Persons:
    """A case of which each person stands in a group of their own."""
    return Counter(group for group in groups if group)


GROUPINGS: dict[str, tuple[str, Callable[[Case, bool], Persons]]] = {
    "all": (EACH, lambda c, linked: _everybody(c, "all")),
    "priority": (CASE, lambda c, linked: _everybody(c, c.priority)),
    "category": (CASE, lambda c, linked: _everybody(c, *c.categories)),
    "nationality": (CASE, lambda c, linked: _everybody(c, c.nationality)),
    "sex": (EACH, lambda c, linked: _each(sex for sex, _ in c.people)),
    "sex of the principal applicant": (
        PRINCIPAL, lambda c, linked: {} if c.people else _everybody(c, c.sex),
    ),
    "age": (EACH, lambda c, linked: _each(_age_band(age) for _, age in c.people)),
    "age of the principal applicant": (
        PRINCIPAL, lambda c, linked: {} if c.people else _everybody(c, _age_band(c.age)),
    ),
    "size": (CASE, lambda c, linked: _everybody(c, _size_band(c))),
    "need": (CASE, lambda c, linked: _everybody(c, *(c.needs or ("none",)))),
    "lone older person": (
        CASE,
        lambda c, linked: _everybody(
            c, "" if c.age is None and c.size == 1 else _yes(lone_older(c))
        ),
    ),
    "single parent": (CASE, lambda c, linked: _everybody(c, _yes(c.single_parent))),
    "linked": (CASE, lambda c, linked: _everybody(c, _yes(linked))),
}  # fmt: skip
"""Per grouping what its persons are, and how many of a case stand in which group. Where sex and
age of every person are known they count persons; where only the principal applicant's are, the
grouping says so in its name."""


@njit(cache=True)
def _place_in_turn(
    order, start, slot, size, klass, slots, met_start, met, share, worth, slack, placed
):
    """Each unit in turn to the place of most worth that has room for it; slack and placed change."""
    for u in order:
        best = -1
        for j in range(start[u], start[u + 1]):
            if best >= 0 and worth[j] <= worth[best]:
                continue
            key = klass[u] * slots + slot[j]
            fits = True
            for e in range(met_start[key], met_start[key + 1]):
                if share[e] * size[u] > slack[met[e]]:
                    fits = False
                    break
            if fits:
                best = j
        if best >= 0:
            key = klass[u] * slots + slot[best]
            for e in range(met_start[key], met_start[key + 1]):
                slack[met[e]] -= share[e] * size[u]
            placed[u] += 1


def random_order(compiled: Compiled, seed: int, draws: int = DRAWS) -> FloatArray:
    """Share of draws in which each unit is placed when cases come in random order."""
    model = compiled.model
    placed = np.zeros(model.units)
    for draw in range(draws):
        slack = model.limit.copy()
        slack[[r for r, i in enumerate(model.rows) if i.kind in ("pledge", "floor")]] = np.inf
        order = np.random.default_rng([seed, draw]).permutation(model.units)
        locked = compiled.must[order]
        _place_in_turn(
            np.concatenate([order[locked], order[~locked]]), model.start, model.slot, model.size,
            model.klass, model.slots, model.met_start, model.met, model.met_share,
            compiled.outcome, slack, placed,
        )  # fmt: skip
    return placed / draws


@dataclass
class _Group:
    """What is counted of one group; wait and window: (persons, persons times the number)."""

    cases: int = 0
    persons: int = 0
    placed: int = 0
    by_chance: float = 0.0
    wait: tuple[int, float] = (0, 0.0)
    window: tuple[int, float] = (0, 0.0)


def fairness(proposal: Proposal, draws: int | None = None) -> list[dict[str, Any]]:
    """Rows: grouping, group, counted (`EACH`, `CASE` or `PRINCIPAL`), cases, persons,
    placed_persons, share, share_random_order, mean_wait_days and mean_window (0 is the first) over
    the persons placed; None where not known."""
    c, model = proposal.compiled, proposal.compiled.model
    if draws is None:
        draws = DRAWS if model.units <= 2_000 else 3
    chance = random_order(c, proposal.seed, draws)
    later = {float(o): float(i) for i, o in enumerate(sorted(set(model.slot_order.tolist())))}
    table: dict[str, dict[str, _Group]] = {grouping: {} for grouping in GROUPINGS}
    for i, case in enumerate(c.tables.cases):
        unit = int(c.unit_of_case[i])
        column = int(proposal.chosen[unit])
        by_chance, linked = float(chance[unit]), bool(c.linked[unit])
        wait: float | None = None
        window = 0.0
        if column >= 0:
            slot = int(model.slot[column])
            window = later[float(model.slot_order[slot])]
            day = first_day(case, c.slots[slot], c.tables.on)
            since = case.registered_on or case.ready_on or c.tables.on
            wait = float((day - since).days) if day and since else None
        for grouping, (_, of) in GROUPINGS.items():
            for group, persons in of(case, linked).items():
                told = table[grouping].get(group)
                if told is None:
                    told = table[grouping][group] = _Group()
                told.cases += 1
                told.persons += persons
                told.by_chance += persons * by_chance
                if column >= 0:
                    told.placed += persons
                    told.window = (told.window[0] + persons, told.window[1] + persons * window)
                if wait is not None:
                    told.wait = (told.wait[0] + persons, told.wait[1] + persons * wait)
    rows = []
    for grouping, (counted, _) in GROUPINGS.items():
        groups = sorted(table[grouping])
        if grouping != "all" and groups in ([], ["none"], ["no"]):
            continue
        for group in groups:
            told = table[grouping][group]
            rows.append(
                {
                    "grouping": grouping,
                    "group": group,
                    "counted": counted,
                    "cases": told.cases,
                    "persons": told.persons,
                    "placed_persons": told.placed,
                    "share": round(told.placed / told.persons, 4),
                    "share_random_order": round(told.by_chance / told.persons, 4),
                    "mean_wait_days": _mean(told.wait, 1),
                    "mean_window": _mean(told.window, 2),
                }
            )
    return rows


def _mean(counted: tuple[int, float], digits: int) -> float | None:
    """The mean over persons of what is known; None where nothing is."""
    persons, total = counted
    return round(total / persons, digits) if persons else None


def acceptance_effect(proposal: Proposal, seconds: float = 20.0) -> list[dict[str, Any]]:
    """What counting the chance of acceptance does to groups with a need: share of persons
    placed when it is ignored and when it is used (rows: group, persons, share_ignored,
    share_used). Empty when no chance is given, or above the size that is solved exactly."""
    c = proposal.compiled
    stage = c.aims.stage("protection")
    known = c.tables.scores is not None and c.tables.scores.acceptance is not None
    if not known or stage is None or c.model.units > EXACT_UNITS or not proposal.stages:
        return []
    placed: dict[bool, set[str]] = {}
    for used in (False, True):
        if used == bool(stage.options["use_acceptance"]):
            placed[used] = set(proposal.places())
            continue
        stages = tuple(
            replace(s, options={**s.options, "use_acceptance": used}) if s is stage else s
            for s in c.aims.stages
            if s.name in ("emergencies", "protection", "together", "who")
        )
        other = propose(
            c.tables,
            replace(c.aims, stages=stages, floors=()),
            seed=proposal.seed,
            seconds=seconds,
        )
        placed[used] = set(other.places())
    rows = []
    needs = sorted({need for case in c.tables.cases for need in case.needs})
    for group in ("all", "no need", *needs):
        mine = [
            x
            for x in c.tables.cases
            if group == "all" or (group == "no need" and not x.needs) or group in x.needs
        ]
        persons = sum(x.size for x in mine)
        if not persons:
            continue
        share = {
            used: round(sum(x.size for x in mine if x.case in placed[used]) / persons, 4)
            for used in (False, True)
        }
        rows.append(
            {
                "group": group,
                "persons": persons,
                "share_ignored": share[False],
                "share_used": share[True],
            }
        )
    return rows
