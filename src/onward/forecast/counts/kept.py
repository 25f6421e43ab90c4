"""Forecasts from published counts that were kept, each beside the count of its day once it is out.

Exists so that planners without a register are held to what they said, as an operation is. Comes in:
documents of `onward forecast --counts` and a series as it is now. Goes out: plain data, each run with
its score, and all of them together.

A day is judged by the count dated on it or, as counts are seldom out for the very day, by the first of
the two weeks after it. A run made so late that its day might have been known is no forecast, and is
summed up apart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from onward.forecast.counts.history import Count, Series

KIND = "onward-counts-1"
WAIT = timedelta(days=14)
AFTERWARDS = timedelta(days=31)
"""Counts are published late; a run made later than this after its own day knew more than it says."""


def kept(data: Mapping[str, Any], made_on: date) -> tuple[str, str]:
    """Name and text of a run to be kept; the same run gives the same name."""
    told = json.dumps(data, sort_keys=True)
    short = hashlib.sha256(told.encode()).hexdigest()[:12]
    document = {"format": KIND, "made_on": made_on.isoformat(), **data}
    series = re.sub(r"[^\w.\-]+", "-", data["series"])  # whatever a file calls its series
    name = f"counts-{series}-{data['origin']}-to-{data['target']}-{short}.json"
    return name, json.dumps(document, indent=1, sort_keys=True) + "\n"


def read(text: str) -> dict[str, Any]:
    """A kept run; raises ValueError when it is none."""
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("format") != KIND:
        raise ValueError("not a kept forecast from counts")
    return data


def scored(
    runs: Sequence[tuple[str, Mapping[str, Any]]], now: Sequence[Series]
) -> dict[str, Any]:
    """Every kept run whose day has come beside what was counted.

    runs     (file, kept run)
    now      the series as published since
    returns  "scores", one row a run; "together" and "afterwards", each None where there is none;
             "waiting", the files of which no count is out yet
    """
    from onward.forecast.telling.scores import crps

    counts = {one.name: one.counts for one in now}
    rows, waiting = [], []
    for name, run in sorted(runs, key=lambda one: (one[1]["origin"], one[1]["target"], one[0])):
        target, origin = date.fromisoformat(run["target"]), date.fromisoformat(run["origin"])
        truth = _truth(counts.get(run["series"], ()), target)
        if truth is None:
            waiting.append(name)
            continue
        rows.append(
            {
                "file": name, "series": run["series"], "origin": run["origin"], "target": run["target"],
                "counted": truth.value, "counted_on": truth.day.isoformat(),
                **{level: run[level] for level in ("q05", "median", "q95")},
                "crps": round(float(crps(run["spread"], truth.value)), 2),
                "crps_last_count": round(abs(run["last"]["value"] - truth.value), 2),
                "covered90": run["q05"] <= truth.value <= run["q95"],
                "afterwards": date.fromisoformat(run["made_on"]) > origin + AFTERWARDS,
            }
        )  # fmt: skip
    return {
        "scores": rows,
        "together": _together([row for row in rows if not row["afterwards"]]),
        "afterwards": _together([row for row in rows if row["afterwards"]]),
        "waiting": waiting,
    }


def _truth(counts: Sequence[Count], target: date) -> Count | None:
    """What was counted on a day, or first within the weeks after it."""
    return next((one for one in counts if target <= one.day <= target + WAIT), None)


def _together(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The running score; a day asked from one day more than once counts once, the first run kept."""
    once: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in rows:
        once.setdefault((row["series"], row["origin"], row["target"]), row)
    mine = list(once.values())
    if not mine:
        return None

    def mean(name: str) -> float:
        return round(float(sum(row[name] for row in mine)) / len(mine), 4)

    return {
        "forecasts": len(mine), "crps": mean("crps"), "crps_last_count": mean("crps_last_count"),
        "covered90": mean("covered90"),
    }  # fmt: skip
