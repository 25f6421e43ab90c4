"""Who left, when, by which way; places of States; days spent in each step.

Exists because what happened is the measure of what will. Comes in: the record. Goes out: counts by
month, still unprotected, decisions and users of places, and lengths of time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onward.report.disclosure import Counts, counted
from onward.report.indicators.record import Days, Mask, Record, Words


def months_until(until: dt.date, months: int = 12) -> tuple[str, ...]:
    """The last months up to a date, oldest first, as "2026-10"."""
    number = until.year * 12 + until.month - 1
    return tuple(
        f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(number - months + 1, number + 1)
    )


EARLIER = "earlier"


def departures(r: Record) -> Counts | None:
    """People by month and way of their outcome; months before the last twelve together."""
    way, day = r.left_on
    inside = np.array([w is not None for w in way], dtype=bool) & ~np.isnat(day)
    if not inside.any():
        return None
    months = months_until(r.on)
    return _by_month(r, "departures", day, inside, months, way, r.reading.ways)


def relocations(r: Record) -> Counts | None:
    """People by the month of their last relocation inside the country."""
    keys = r.reading.moves_within()
    day = np.full(r.n, np.datetime64("NaT"), dtype="datetime64[D]")
    for row, key, when in r.moves:
        if key in keys and when <= r.day:
            day[row] = when
    inside = ~np.isnat(day)
    if not inside.any():
        return None
    way = np.full(r.n, "relocated", dtype=object)
    return _by_month(r, "relocations", day, inside, months_until(r.on), way, ("relocated",))


def _by_month(r: Record, name: str, day: Days, inside: Mask, months: tuple[str, ...], way: Words, order: tuple[str, ...]) -> Counts:  # fmt: skip
    text = np.array(
        [str(d)[:7] if ok else None for d, ok in zip(day, inside, strict=True)], dtype=object
    )
    text = np.array(
        [EARLIER if t is not None and t not in months else t for t in text], dtype=object
    )
    labels = (EARLIER, *months)
    codes = np.array([labels.index(t) if t is not None else -1 for t in text], dtype=np.int16)
    ways, way_codes = r.category(way, inside, order, "not recorded")
    return counted(name, (f"{name} month", f"{name} way"), (labels, ways), (codes, way_codes),
                   universe=name)  # fmt: skip


def state_decisions(r: Record, capacity: str) -> Counts | None:
    """People by the last decision of a State on their case; deferrals are no decision."""
    _, decided = r.reading.place_steps(capacity)
    if not decided:
        return None
    last = r.last_move({key: "accepted" if good else "denied" for key, good in decided.items()})
    inside = np.array([word is not None for word in last], dtype=bool)
    labels, codes = r.category(last, inside, ("accepted", "denied"), "denied")
    if not inside.any():
        return None
    return counted(f"decided {capacity}", (f"decided {capacity}",), (labels,), (codes,),
                   universe=f"decided {capacity}")  # fmt: skip


def place_users(r: Record, capacity: str) -> Counts:
    """Everybody ever registered: accepted and waiting, departed on such a place, others."""
    waiting, _ = r.reading.place_steps(capacity)
    ways = r.reading.place_ways(capacity)
    gone = {stage for stage, way in r.reading.exits.items() if way in ways}
    registered = np.array([day is not None for day in r.col("registered_on")], dtype=bool)
    parts = {
        "waiting": r.active & r.is_in("stage", waiting),
        "departed": r.is_in("stage", gone),
    }
    return r.split(f"places {capacity}", parts, registered, "others", universe="registered")


@dataclass(frozen=True)
class StageDays:
    """Days spent in one stage; None where too few people stand behind it."""

    stage: str
    mean: float | None
    median: float | None
    p90: float | None
    open_median: float | None


def days_per_stage(
    spells: Sequence[tuple[str, dt.date, dt.date | None]],
    *,
    until: dt.date,
    order: Sequence[str],
    least: int = 20,
) -> list[StageDays]:
    """Completed spells and, beside them, the age of the open ones.

    spells  (stage, entered on, left on or None) of everyone
    order   stages in the order shown; stages nobody was in are left out
    least   spells that must stand behind a figure
    """
    done: dict[str, list[int]] = {}
    still: dict[str, list[int]] = {}
    for stage, entered, left in spells:
        if left is not None and left <= until:
            done.setdefault(stage, []).append((left - entered).days)
        elif entered <= until:
            still.setdefault(stage, []).append((until - entered).days)
    rows = []
    for stage in order:
        ended, waiting = done.get(stage, []), still.get(stage, [])
        if not ended and not waiting:
            continue
        enough, waiting_enough = len(ended) >= least, len(waiting) >= least
        rows.append(
            StageDays(
                stage,
                float(np.mean(ended)) if enough else None,
                float(np.median(ended)) if enough else None,
                float(np.quantile(ended, 0.9)) if enough else None,
                float(np.median(waiting)) if waiting_enough else None,
            )
        )
    return rows
