"""What became of people after they left: contacts and incidents.

Exists because silence is not safety. Comes in: the record. Goes out: counts, still unprotected, of
contacts due, of incidents and pauses, and the months in which somebody was looked for and found.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from onward.caseload import contacts
from onward.report.disclosure import Counts, alone
from onward.report.indicators.record import Record, dated
from onward.safeguards.record import OF_BREACH


@dataclass(frozen=True)
class FollowUps:
    """Contacts due on the date, by way of leaving and what became of them, and those coming."""

    due: Counts
    soon: Counts


def follow_ups(r: Record) -> FollowUps | None:
    """Contacts due, by where each stands on the day."""
    if not r.has(contacts.KIND, "person", "due_on", "done_on", "result"):
        return None
    made = _contacts(r)
    way, _ = r.left_on
    stage, tolerated = r.col("stage"), contacts.tolerated(r.rulebook)
    dead = contacts.beyond_reach(r.rulebook)
    answered = contacts.last_answers(
        ((row, done, result) for row, _, done, result in made), r.on
    )
    values: dict[tuple[str, ...], int] = {}
    ways: list[str] = []
    soon = 0
    for row, due, done, result in made:
        if due is None:
            continue
        known = row >= 0
        gone = known and stage[row] in dead
        if due > r.on:
            soon += int((done is None or done > r.on) and (due - r.on).days <= 30 and not gone)
            continue
        days = tolerated.get(stage[row] or "", 0) if known else 0
        state = contacts.standing(
            due, done, result, answered.get(row) if known else None, r.on, days
        )
        if gone and state in contacts.STILL_TO_BE_MADE:
            continue
        name = (way[row] if known else None) or "not recorded"
        ways.append(name)
        values[name, state] = values.get((name, state), 0) + 1
    order = tuple(w for w in (*r.reading.ways, "not recorded") if w in ways)
    due_counts = Counts("follow-ups", ("follow-up way", "contact"), (order, contacts.STANDINGS),
                        values, universe="contacts")  # fmt: skip
    return FollowUps(due_counts, alone("follow-ups soon", soon))


def _contacts(r: Record) -> list[tuple[int, dt.date | None, dt.date | None, str | None]]:
    """Every contact: the person's row or -1, the day it is due, the day it was made, its result."""
    found = r.table(contacts.KIND, "due_on", "done_on", "result")

    def day(value: np.datetime64) -> dt.date | None:
        return None if np.isnat(value) else value.astype(dt.date)

    return [
        (int(row), day(due), day(done), result)
        for row, due, done, result in zip(
            *(found[name] for name in ("row", "due_on", "done_on", "result")), strict=True
        )
    ]


def incidents(r: Record) -> Counts | None:
    """Incidents after departure up to the date, by whether of the gravest kind; a pause after a
    movement against a safeguard is none."""
    if not r.has("incident", "severity"):
        return None
    pauses = [OF_BREACH] if r.has("incident", OF_BREACH) else []
    found = dated(r, "incident", "happened_on", "severity", *pauses)
    happened = [
        severity
        for severity, pause in zip(
            found["severity"],
            found.get(OF_BREACH, [None] * len(found["severity"])),
            strict=True,
        )
        if pause is not True
    ]
    grave = sum(severity == 1 for severity in happened)
    return Counts("incidents", ("severity",), (("gravest", "other"),),
                  {("gravest",): grave, ("other",): len(happened) - grave},
                  universe="incidents")  # fmt: skip


def incidents_unreviewed(r: Record) -> Counts | None:
    """Incidents and pauses after a breach, by whether somebody has reviewed them."""
    if not r.has("incident", "reviewed"):
        return None
    found = dated(r, "incident", "happened_on", "reviewed")["reviewed"]
    waiting = sum(value is not True for value in found)
    return Counts("incidents reviewed", ("reviewed",), (("waiting", "reviewed"),),
                  {("waiting",): waiting, ("reviewed",): len(found) - waiting},
                  universe="incidents and pauses")  # fmt: skip


def person_months_observed(r: Record) -> float:
    """Months from each departure to the last contact that reached the person."""
    if not r.has("follow_up", "person", "done_on", "result"):
        return 0.0
    _, left = r.left_on
    last: dict[int, dt.date] = {}
    for row, _due, done, result in _contacts(r):
        if row >= 0 and result in contacts.REACHED and done is not None and done <= r.on:
            last[row] = max(done, last.get(row, done))
    days = [
        (np.datetime64(day) - left[row]).astype(int)
        for row, day in last.items()
        if not np.isnat(left[row])
    ]
    return float(sum(max(d, 0) for d in days)) / 30.4375
