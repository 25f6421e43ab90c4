"""Complaints: received, open, of coercion and not yet looked at, and days to close.

Exists because a complaint of coercion pauses moves. Comes in: the record. Goes out: counts, still
unprotected, and the median of days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onward.report.disclosure import Counts
from onward.report.indicators.definitions import PERIOD_DAYS
from onward.report.indicators.record import Mask, Record, dated


@dataclass(frozen=True)
class Complaints:
    received: Counts
    open: Counts
    coercion: Counts
    median_days: float | None


def complaints(r: Record, least: int) -> Complaints | None:
    """Complaints of the period, still open, days to close, coercion waiting for triage."""
    if not r.has("complaint", "received_on", "closed_on"):
        return None
    found = dated(r, "complaint", "received_on", "closed_on", "category", "triaged")
    received, closed = found["received_on"], found["closed_on"]
    ended = ~np.isnat(closed) & (closed <= r.day)
    recent = ~np.isnat(received) & ((r.day - received).astype("timedelta64[D]").astype(int) < PERIOD_DAYS)  # fmt: skip
    waits = np.array([c == "coercion" and t is not True for c, t in zip(found["category"], found["triaged"], strict=True)], dtype=bool)  # fmt: skip
    days = [int(d) for d in (closed - received)[ended & ~np.isnat(received)].astype("timedelta64[D]").astype(int)]  # fmt: skip
    return Complaints(
        _yes_no("complaints received", recent, "complaints"),
        _yes_no("complaints open", ~ended, "complaints"),
        _yes_no("complaints coercion", waits, "complaints"),
        float(np.median(days)) if len(days) >= least else None,
    )


def _yes_no(name: str, mask: Mask, universe: str) -> Counts:
    yes = int(mask.sum())
    return Counts(
        name, (name,), (("yes", "no"),), {("yes",): yes, ("no",): len(mask) - yes}, universe
    )
