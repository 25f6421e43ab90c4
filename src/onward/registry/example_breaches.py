"""The register of breaches of a demonstration: when each was found, who was told, what was learned.

Exists because an example's lists bring in movements and the breaches they open, but not what was
done about them, which an office writes into the register day by day. Comes in: the example's
`breaches.yaml` and a demonstration with those lists in it. Goes out: the register as it would stand
had it been kept. Anywhere else who was told is recorded at the desk, as of the moment it is.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from onward.caseload.events import BREACH
from onward.errors import OnwardError, one_of
from onward.registry import breaches
from onward.registry.models import Breach, BreachNotice, EventRow
from onward.registry.operation import Operation

EVERYBODY = "everybody"
HOW = "by telephone, and in writing the same day"
MORNING, CLOSING = time(8), time(15)


def bring(operation: Operation, file: Path) -> int:
    """Write what the file says into the register; returns how many breaches it says something of.

    raises  OnwardError in an operation that is no demonstration, and when the file and the log
            do not speak of the same movements
    """
    if not operation.settings.demonstration:
        raise OnwardError("Only a demonstration's register is brought in; record at the desk.")
    told = {
        (row["person"], row["left"][0].isoformat(), row["left"][1]): row
        for row in yaml.safe_load(file.read_text("utf-8"))["breaches"]
    }
    breaches.follow()
    opened = _opened(operation)
    if apart := sorted(set(told) ^ set(opened)):
        _, day, step = apart[0]
        raise OnwardError(
            f"{file.name}: the lists opened other breaches than it declares, first {step} on {day}. "
            "Correct the file, or make the lists again."
        )
    with transaction.atomic():
        for key, row in told.items():
            _stand(opened[key], row)
    return len(told)


def _opened(operation: Operation) -> dict[tuple[str, str, str], Breach]:
    """The breaches of the register by the person's number, the day and the step."""
    rows = {row.event_id: row for row in EventRow.objects.filter(kind=BREACH)}
    known = operation.vault.get_many({row.subject_id for row in rows.values()})
    found = {}
    for breach in Breach.objects.exclude(event=""):
        row = rows[breach.event]
        number = (known.get(row.subject_id) or {}).get("number", "")
        move = json.loads(row.canonical)["facts"]["move"]
        found[number, row.effective, move] = breach
    return found


def _stand(breach: Breach, row: dict[str, Any]) -> None:
    """A breach as the file says: found when it was, told half-way to what was due."""
    found = _at(row["found"], MORNING)
    notices = {n.whom: n for n in BreachNotice.objects.filter(breach=breach)}
    named = list(notices) if row["told"] == EVERYBODY else row["told"]
    if unknown := [whom for whom in named if whom not in notices]:
        raise OnwardError(
            f"told: found {unknown[0]}; expected {one_of(notices)}. Correct the file."
        )
    for whom, notice in notices.items():
        within: timedelta = notice.due_at - breach.found_at
        notice.due_at = found + within
        if whom in named:
            notice.told_at, notice.how = found + within / 2, HOW
        notice.save(update_fields=["due_at", "told_at", "how"])
    breach.found_at = breach.reported_at = found
    if "closed" in row:
        day, breach.lesson = row["closed"]
        breach.state, breach.closed_at = "closed", _at(day, CLOSING)
    breach.save(update_fields=["found_at", "reported_at", "state", "closed_at", "lesson"])


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, UTC)
