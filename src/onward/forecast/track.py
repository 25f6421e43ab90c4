"""How the forecasts kept so far have done: each beside what happened, and all together.

Comes in: kept forecasts and the people present on past days. Goes out: a `Track`, plain data for
the terminal and the report. One forecast says little: its days hang together. So the running
score counts days but says from how many forecasts they come, and takes one run per day of
forecast and deadline, or a run repeated with another seed would count twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from onward.forecast.run import Forecast, scored

LEADS: tuple[tuple[str, int], ...] = (
    ("up to 30 days ahead", 30),
    ("31 to 90 days ahead", 90),
    ("91 to 180 days ahead", 180),
    ("more than 180 days ahead", 100_000),
)
FEW = 5
NARROW, WIDE = 0.6, 0.95
"""Shares of days within 8 in 10 below and above which ranges are called too narrow or too wide."""


@dataclass(frozen=True)
class Running:
    """Scores over several forecasts.

    forecasts, days    how many, and on how many of their days
    crps, crps_no_change   mean miss in people, of the forecasts and of repeating the first count
    covered80, covered95   share of days on which the range held what happened
    """

    lead: str
    forecasts: int
    days: int
    crps: float
    crps_no_change: float
    covered80: float
    covered95: float

    @property
    def better(self) -> float:
        """How much smaller the miss is than that of repeating the first count, as a share."""
        return 1 - self.crps / self.crps_no_change if self.crps_no_change else 0.0


@dataclass(frozen=True)
class Track:
    """scores as `scored` gives them, each with its "file", oldest first; the running score, or
    None while no day has passed; the same by how far ahead; files still waiting for their day.

    together, by_lead   of forecasts made before what they speak of; where there are none, of those
                        made afterwards, and `only_afterwards` is True
    afterwards          the running score of those made afterwards, None where there are none
    """

    until: str
    scores: Sequence[Mapping[str, Any]]
    together: Running | None
    by_lead: Sequence[Running]
    waiting: Sequence[str]
    afterwards: Running | None = None
    only_afterwards: bool = False

    @property
    def few(self) -> bool:
        """Too few forecasts to judge by."""
        return self.together is None or self.together.forecasts < FEW

    @property
    def verdict(self) -> Literal["", "few", "narrow", "wide"]:
        """What the running score says of the ranges; "" when they held about what they promise."""
        if self.together is None:
            return ""
        if self.few:
            return "few"
        held = self.together.covered80
        return "narrow" if held < NARROW else "wide" if held > WIDE else ""


def track(
    kept: Sequence[tuple[str, Forecast]], present: Mapping[str, int], until: dt.date
) -> Track:
    """Score every kept forecast whose days have begun to pass.

    kept     (file, forecast)
    present  ISO day -> people present at its end, up to `until`
    """
    rows: list[dict[str, Any]] = []
    waiting = []
    for name, one in kept:
        try:
            rows.append({"file": name, **scored(one, present)})
        except ValueError:
            waiting.append(name)
    chosen: dict[tuple[str, str, bool], tuple[int, dict[str, Any]]] = {}
    sizes = {name: one.futures for name, one in kept}
    for row in rows:
        # A forecast made in time counts before any trial of the same day made afterwards.
        key = (row["as_of"], row["deadline"], row["afterwards"])
        size = sizes[row["file"]]
        if key not in chosen or size > chosen[key][0]:
            chosen[key] = (size, row)
    all_ = [row for _, row in chosen.values()]
    later = [row for row in all_ if row["afterwards"]]
    before_ = [row for row in all_ if not row["afterwards"]]
    mine = before_ or later
    by_lead = []
    before = 0
    for words, most in LEADS:
        found = _running(mine, words, before, most)
        if found is not None:
            by_lead.append(found)
        before = most
    return Track(
        until.isoformat(), rows, _running(mine, "all", 0, 100_000), by_lead, waiting,
        _running(later, "made afterwards", 0, 100_000), bool(later and not before_),
    )  # fmt: skip


def days_wanted(kept: Sequence[tuple[str, Forecast]], until: dt.date) -> dt.date | None:
    """The first day that has to be read from the record; None when no day has passed."""
    firsts = [dt.date.fromisoformat(one.days[0]) for _, one in kept if one.days]
    passed = [day for day in firsts if day <= until]
    return min(passed) if passed else None


def days_due(kept: Sequence[tuple[str, Forecast]], until: dt.date) -> list[str]:
    """The days, up to one, of which a kept forecast speaks, as ISO, in order."""
    last = until.isoformat()
    return sorted({day for _, one in kept for day in one.days if day <= last})


def next_day(kept: Sequence[tuple[str, Forecast]], after: dt.date) -> dt.date | None:
    """The first day to come of which a kept forecast speaks; None when all have passed."""
    last = after.isoformat()
    days = [day for _, one in kept for day in one.days if day > last]
    return dt.date.fromisoformat(min(days)) if days else None


def _running(
    rows: Sequence[Mapping[str, Any]], words: str, after: int, most: int
) -> Running | None:
    """The running score over days more than `after` and at most `most` ahead."""
    import numpy as np

    days: list[tuple[float, float, bool, bool]] = []
    forecasts = 0
    for row in rows:
        made = dt.date.fromisoformat(row["as_of"])
        mine = [
            (
                float(day["crps"]), float(abs(day["present"] - row["start"])),
                bool(day["covered80"]), bool(day["covered95"]),
            )
            for day in row["days"]
            if after < (dt.date.fromisoformat(day["date"]) - made).days <= most
        ]  # fmt: skip
        forecasts += bool(mine)
        days += mine
    if not days:
        return None
    table = np.array(days, dtype=float).mean(axis=0)
    return Running(
        words, forecasts, len(days), round(float(table[0]), 2), round(float(table[1]), 2),
        round(float(table[2]), 4), round(float(table[3]), 4),
    )  # fmt: skip
