"""Paces given to another operation.

Exists so that operations of one rulebook can learn from each other without a record leaving any of
them. Comes in: an operation, or those of a region. Goes out: the paces that may leave, under the rule
for outside. What left is kept: a second release within four weeks would let somebody subtract the one
from the other. So whoever hands them out writes the file first, then keeps them, then lets the file
stand: a disk that fails spends no release.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from onward.errors import OnwardError, one_of
from onward.registry.computing.analysis import (
    Groundwork,
    Opened,
    draws_of,
    first_day,
    groundwork,
)
from onward.registry.kept import kept

if TYPE_CHECKING:
    from onward.forecast.learning.paces import Paces
    from onward.registry.operation import Operation

KEPT = "paces-"
AHEAD = dt.timedelta(days=365)
"""No pace read from the past depends on how far ahead anybody looks."""


def paces_to_give(found: Opened, ground: Groundwork | None = None) -> Paces:
    """An operation's own paces as they may leave it, as of where its record ends.

    ground  what was read of its record; None: it is read
    raises  OnwardError when the record is too short to read a pace from
    """
    from onward.forecast.building.inputs import build
    from onward.forecast.learning.lending import paces_of
    from onward.report.paces import released

    read = replace(ground or groundwork(found, found.as_of + AHEAD), paces=())
    effects = None
    if found.plan is not None:
        from onward.plan.effects import plan_effects

        drawn = draws_of(found)
        assert drawn is not None
        effects = plan_effects(found.plan, drawn, found.rulebook)
    inputs = build(found.rulebook, effects=effects, **read.for_build(found))
    counted = paces_of(inputs.rates, found.rulebook, found.operation.settings.id)
    return released(counted, (found.as_of - first_day(found)).days + 1)


def to_release(found: Opened) -> Paces:
    """The paces that may leave today; they count as released once they are kept (`keep`).

    raises  OnwardError when others left less than four weeks ago, or on the same day
    """
    from onward.report.release import LEAST_DAYS_APART

    made = paces_to_give(found)
    for before in released_on(found.operation):
        same = released_then(found.operation, before).digest == made.digest
        apart = abs((found.as_of - before).days)
        if not same and apart < LEAST_DAYS_APART:
            raise OnwardError(
                f"Paces of {before} were released, and those of {found.as_of} are {apart} days from "
                f"them; expected at least {LEAST_DAYS_APART}: their difference would point at single "
                f"families. Give the file of then: --again {before}."
            )
    return made


def keep(found: Opened, made: Paces) -> None:
    """Keep paces among what was released, against which every later release is held."""
    name = f"{KEPT}{found.as_of}.json"
    kept(found.operation).write("reports", name, made.to_json().encode())


def released_on(operation: Operation) -> list[dt.date]:
    """The days of which paces were released."""
    names = kept(operation).names("reports")
    days = [name[len(KEPT) :].removesuffix(".json") for name in names if name.startswith(KEPT)]
    return [dt.date.fromisoformat(day) for day in days]


def released_then(operation: Operation, day: dt.date) -> Paces:
    """The paces that were released of a day, to be given again: the same bytes.

    raises  OnwardError naming the days of which some were
    """
    from onward.forecast.learning.paces import read

    days = released_on(operation)
    if day not in days:
        said = f"expected {one_of(days)}" if days else "none were released yet"
        raise OnwardError(f"No paces of {day} were released; {said}.")
    name = f"{KEPT}{day}.json"
    return read(kept(operation).read("reports", name).decode(), f"reports/{name}")


def of_each_other(members: Sequence[tuple[Opened, Groundwork]]) -> dict[str, list[Paces]]:
    """For each operation of a region, by its id, the paces of the others under a rulebook of the same
    name: as they would be given, although nothing leaves."""
    made = [paces_to_give(found, ground) for found, ground in members]
    return {
        own.operation: [
            one
            for one in made
            if one.operation != own.operation and one.rulebook == own.rulebook
        ]
        for own in made
    }
