"""Where a week begins, as people count it where an operation is.

Exists because a calendar that begins on the wrong day puts interviews into the wrong week. Comes
in: a time zone. Goes out: the first day of the week of the territory that has it, by the table of
time zones and `data/weeks.yaml`; Monday where neither says otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path

import yaml

MONDAY = 0
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FILE = Path(__file__).parent / "data" / "weeks.yaml"


@lru_cache(maxsize=4)
def first_day(zone: str) -> int:
    """The first day of the week in a time zone: 0 for a Monday, 6 for a Sunday."""
    territory = _territories().get(zone)
    for day, territories in yaml.safe_load(FILE.read_text("utf-8")).items():
        if territory in territories:
            return DAYS.index(day)
    return MONDAY


@lru_cache(maxsize=1)
def _territories() -> dict[str, str]:
    """Time zone -> territory, of the zones the table names."""
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[2]: row[0] for row in rows}
