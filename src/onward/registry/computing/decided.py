"""What officers decided at the desk about the place of a case, as a proposal must keep it.

Exists so that whoever places an operation, at the desk or from a terminal, keeps the same word.
Comes in: the tables of a proposal. Goes out: the tables with each decision that still stands as a
lock, and the cases whose decision can no longer be kept. Nothing of the desk is loaded for a
record in plain files, which has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from onward.placement.inputs.tables import Lock, Tables
from onward.registry.computing.analysis import Opened
from onward.registry.computing.runs import last_proposal

if TYPE_CHECKING:
    from onward.registry.models import PlacementDecision


def with_word_of_officers(tables: Tables, found: Opened) -> Tables:
    """The tables with locks from decisions that still stand, and last week's places."""
    locks, _ = word_of_officers(tables, found)
    cases = {case.case for case in tables.cases}
    windows = {(window.programme, window.window) for window in tables.windows}
    before = last_proposal(found.operation) or {}
    previous = {
        row["case"]: (row["programme"], str(row.get("window") or ""))
        for row in before.get("assignments", ())
        if row["case"] in cases and (row["programme"], str(row.get("window") or "")) in windows
    }
    return replace(tables, locks=locks, previous=previous)


def word_of_officers(tables: Tables, found: Opened) -> tuple[tuple[Lock, ...], tuple[str, ...]]:
    """Decisions that still stand, as locks, and the cases whose decision can no longer be kept.

    One whose place is gone, or is no longer open to the case, is no lock: the officer's word never
    takes the place of a safeguard, nor of what a State asks.
    """
    if not found.operation.settings.encrypted:
        return (), ()
    cases = {case.case: case for case in tables.cases}
    countries = {(w.programme, w.window): w.country for w in tables.windows}
    open_to = {(o.case, o.destination) for o in tables.openings or () if o.allowed}
    locks, gone = [], []
    for name, word in sorted(standing().items()):
        if name not in cases:
            continue
        if word.decision == "held":
            locks.append(Lock(name, "", "", word.by, word.reason))
            continue
        place = (word.programme, word.window)
        if (
            (name, countries.get(place, "")) in open_to
            and word.programme not in cases[name].unmet
        ):  # fmt: skip
            locks.append(Lock(name, *place, word.by, word.reason))
        else:
            gone.append(name)
    return tuple(locks), tuple(gone)


def standing() -> Mapping[str, PlacementDecision]:
    """The latest decision of each case, released ones left out."""
    from onward.registry.models import PlacementDecision

    latest: dict[str, PlacementDecision] = {}
    for row in PlacementDecision.objects.order_by("at", "id"):
        latest[row.case] = row
    return {case: row for case, row in latest.items() if row.decision != "released"}
