"""What an operation keeps of earlier work: forecasts, proposals, figures shown, releases.

Exists so that a forecast can be scored when its day has passed, a proposal compared with last
week's and a release checked against every earlier one. Comes in: an operation. Goes out: what
was kept, as the rooms that made it read it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onward.errors import Fault, Faults
from onward.registry.kept import Kept, kept
from onward.registry.operation import Operation

if TYPE_CHECKING:
    from onward.caseload.model import EventTables
    from onward.forecast.run import Forecast

PLACEMENT_FORMAT = "onward-placement-"
OTHER_RUNS = ("compare-", "levers-", "decide-by-")
"""Runs kept among the forecasts that are no forecasts to be scored."""


def keep_forecast(operation: Operation, made: Forecast) -> str:
    """Store a run; the same run again gives the same name, which is returned."""
    name = f"{made.as_of}-to-{made.deadline}-{made.identity}.json"
    kept(operation).write("forecasts", name, made.to_json().encode())
    return name


def kept_forecasts(operation: Operation) -> list[tuple[str, Forecast]]:
    """Kept runs with their names, by the day they start from, then the day asked about, then as they
    were made.

    raises  Faults naming every file that is no run
    """
    from onward.forecast.run import from_json

    files = kept(operation)
    found, faults = [], []
    names = [
        name
        for name in files.names("forecasts")
        if name.endswith(".json") and not name.startswith(OTHER_RUNS)
    ]
    for name, text in sorted(files.several("forecasts", names).items()):
        try:
            found.append((name, from_json(text.decode())))
        except ValueError as wrong:
            faults.append(
                Fault(f"forecasts/{name}", "", "", str(wrong), "a run kept by onward forecast",
                      "Move the file away.")
            )  # fmt: skip
    if faults:
        raise Faults(faults)
    made = {name: number for number, name in enumerate(_oldest_first(files, "forecasts"))}
    return sorted(found, key=lambda one: (one[1].as_of, one[1].deadline, made.get(one[0], 0)))


def latest_forecast(operation: Operation) -> Forecast | None:
    """The forecast that starts last, of several the one made last; None where none is kept."""
    from onward.forecast.run import from_json

    files = kept(operation)
    names = [
        name
        for name in _oldest_first(files, "forecasts")
        if name.endswith(".json") and not name.startswith(OTHER_RUNS)
    ]
    return from_json(files.read("forecasts", names[-1]).decode()) if names else None


def present_on(
    operation: Operation, first: dt.date, last: dt.date, events: EventTables | None = None
) -> dict[str, int]:
    """ISO day -> people present at its end, as the record now knows it.

    events   the log under the rulebook of the last day, where it has been read already
    """
    from onward.caseload.counting import exposures
    from onward.forecast.run import present_by_day

    rulebook = operation.rulebook_at(last)
    daily = exposures(
        events or operation.events_table(rulebook), rulebook, since=first,
        until=last + dt.timedelta(days=1), period_days=1, engine=operation.engine(),
    )  # fmt: skip
    return present_by_day(daily, rulebook)


def happened(
    operation: Operation, until: dt.date, events: EventTables | None = None
) -> dict[str, int]:
    """ISO day -> people present, on every day up to one of which a kept forecast speaks."""
    from onward.forecast.track import days_due

    days = days_due(kept_forecasts(operation), until)
    if not days:
        return {}
    present = present_on(operation, dt.date.fromisoformat(days[0]), until, events)
    return {day: present[day] for day in days if day in present}


def keep_figures(operation: Operation, as_of: dt.date, figures: Mapping[str, Any]) -> None:
    """Keep what an internal report showed, for "what changed since"."""
    text = json.dumps(figures, sort_keys=True)
    kept(operation).write("reports", f"figures-{as_of}.json", text.encode())


def last_figures(operation: Operation, before: dt.date) -> dict[str, object] | None:
    """What the latest internal report made before a date showed, if one is kept."""
    for _, data in _documents(operation, "reports", "figures-"):
        if str(data.get("as_of", "")) < before.isoformat():
            return data
    return None


def keep_release(operation: Operation, as_of: dt.date, release: Mapping[str, Any]) -> None:
    """Keep an external release, against which every later one is checked."""
    text = json.dumps(release, sort_keys=True, ensure_ascii=False)
    kept(operation).write("reports", f"external-{as_of}.json", text.encode())


def external_releases(operation: Operation) -> list[dict[str, Any]]:
    """Every external release kept, oldest first."""
    return [data for _, data in _documents(operation, "reports", "external-")][::-1]


def keep_proposal(operation: Operation, content: Mapping[str, Any]) -> str:
    """Keep a placement proposal; its name sorts by its day, then by when it was made.

    The proposal that was made last, made again, keeps its name.
    """
    from onward.placement.telling.document import to_json

    same_day = [
        (name, old) for name, old in kept_proposals(operation) if old.get("on") == content["on"]
    ]
    text = to_json(content)
    if same_day and to_json(same_day[0][1]) == text:
        return same_day[0][0]
    name = f"{content['on']}-{len(same_day) + 1:03d}-{content['input_sha256'][:12]}.json"
    kept(operation).write("placements", name, text.encode())
    return name


def kept_proposals(operation: Operation) -> list[tuple[str, dict[str, Any]]]:
    """Kept proposals with their names, newest first."""
    return [
        (name, data)
        for name, data in _documents(operation, "placements", "")
        if str(data.get("format", "")).startswith(PLACEMENT_FORMAT)
    ]


def last_proposal(operation: Operation, until: dt.date | None = None) -> dict[str, Any] | None:
    """The latest proposal kept, if there is one; none for a day after `until`."""
    for _, proposal in kept_proposals(operation):
        if until is None or (proposal.get("on") or "") <= until.isoformat():
            return proposal
    return None


def _documents(
    operation: Operation, folder: str, prefix: str
) -> list[tuple[str, dict[str, Any]]]:
    files = kept(operation)
    found = []
    for name in sorted(files.names(folder), reverse=True):
        if name.startswith(prefix) and name.endswith(".json"):
            data = json.loads(files.read(folder, name))
            if isinstance(data, dict):
                found.append((name, data))
    return found


def _oldest_first(files: Kept, folder: str) -> list[str]:
    """Names of kept files by the day they begin with, then by when they were written."""
    written = files.written(folder)
    return sorted(written, key=lambda name: (name[: len("2026-01-31")], written[name], name))
