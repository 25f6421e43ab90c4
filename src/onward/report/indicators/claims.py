"""Claims to protection: decided, on appeal, pending.

Exists because a backlog is read off stays and must equal what is counted pending. Comes in: the record
and the day a period began. Goes out: counts, still unprotected, in which people move in and out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from onward.report.disclosure import Counts, counted
from onward.report.indicators.record import Mask, Record


def decisions(r: Record) -> Counts | None:
    """People by their last decision at first instance, outcomes named as in the rulebook."""
    return _decided(r, "first decisions", r.reading.decisions)


def appeals(r: Record) -> Counts | None:
    """People by their last decision on appeal."""
    return _decided(r, "appeals", r.reading.appeals)


def _decided(r: Record, name: str, kinds: Mapping[str, str]) -> Counts | None:
    if not kinds:
        return None
    last = r.last_move({key: key for key in kinds})
    inside = np.array([key is not None for key in last], dtype=bool)
    if not inside.any():
        return None
    labels, codes = r.category(last, inside, tuple(kinds), "none")
    used = {
        kind: tuple(k for k in labels if kinds[k] == kind)
        for kind in dict.fromkeys(kinds.values())
    }
    sums = {kind: keys for kind, keys in used.items() if keys}
    protected = tuple(k for k in labels if kinds[k] != "negative")
    return counted(name, (name,), (labels,), (codes,), universe=name,
                   sums={**sums, "protected": protected})  # fmt: skip


@dataclass(frozen=True)
class Backlog:
    """Claims in a period, in people. came: pending before, new, reopened; went: decided,
    closed, pending. `counted` is what the caseload itself holds pending on the date."""

    came: Counts
    went: Counts
    pending: int
    counted: int

    @property
    def agrees(self) -> bool:
        return self.pending == self.counted


def backlog(r: Record, since: dt.date) -> Backlog | None:
    """begin + new + reopened - decided - closed, against the claims counted pending.

    Read off the stays in an undecided legal status while the person was here; the count beside
    it is the caseload's own of open procedures.
    """
    pending_states = r.reading.coded("ASY")
    if not pending_states or not r.reading.decisions:
        return None
    start, end = np.datetime64(since), r.day
    here: dict[int, list[tuple[np.datetime64, np.datetime64]]] = {}
    far = np.datetime64("9999-12-31")
    stages = r.rulebook.axes["stage"].states
    stays: dict[int, list[tuple[np.datetime64, np.datetime64, str]]] = {}
    for i in np.argsort(r.stay_from, kind="stable"):
        row, to = int(r.stay_row[i]), r.stay_to[i]
        last = far if np.isnat(to) else to
        if r.stay_axis[i] == "stage" and not stages[str(r.stay_state[i])].ends:
            known = here.setdefault(row, [])
            if known and known[-1][1] == r.stay_from[i]:
                known[-1] = (known[-1][0], last)
            else:
                known.append((r.stay_from[i], last))
        if r.stay_axis[i] == "legal" and r.stay_state[i] in pending_states:
            found = stays.setdefault(row, [])
            if found and found[-1][1] == r.stay_from[i]:
                found[-1] = (found[-1][0], last, str(r.stay_ended[i]))
            else:
                found.append((r.stay_from[i], last, str(r.stay_ended[i])))
    deciding = {*r.reading.decisions, *r.reading.appeals}
    came = {name: np.zeros(r.n, dtype=bool) for name in ("before", "new", "reopened")}
    went = {name: np.zeros(r.n, dtype=bool) for name in ("decided", "closed", "pending")}
    for row, claims in stays.items():
        spans = []
        for first, last, ended in claims:
            for begin, leave in here.get(row, []):
                a, b = max(first, begin), min(last, leave)
                if a < b or (a == b and a == first):
                    spans.append((a, b, ended if b == last else ""))
        inside = [s for s in spans if s[0] <= end and s[1] >= start and not (s[1] == start and s[0] < start)]  # fmt: skip
        if not inside:
            continue
        if any(a < start <= b for a, b, _ in inside):
            came["before"][row] = True
        elif inside[0] == spans[0]:
            came["new"][row] = True
        else:
            came["reopened"][row] = True
        if inside[-1][1] > end:
            went["pending"][row] = True
        else:
            went["decided" if inside[-1][2] in deciding else "closed"][row] = True
    any_of = np.any(list(came.values()), axis=0)
    process = r.reading.claim_process
    open_now = (
        np.array([value is True for value in r.col(f"process_{process}")], dtype=bool)
        if process
        else r.is_in("legal", pending_states)
    )
    name = "claims in the period"
    return Backlog(
        _parted(r, "claims came", came, any_of, name),
        _parted(r, "claims went", went, any_of, name),
        int(went["pending"].sum()),
        int((open_now & r.active).sum()),
    )


def _parted(
    r: Record, name: str, parts: Mapping[str, Mask], inside: Mask, universe: str
) -> Counts:
    codes = np.full(r.n, -1, dtype=np.int16)
    for i, mask in enumerate(parts.values()):
        codes[mask & inside] = i
    return counted(name, (name,), (tuple(parts),), (codes,), universe=universe)
