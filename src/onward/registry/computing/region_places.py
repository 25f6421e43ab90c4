"""Places that several operations compete for: one problem, one proposal.

Exists because each operation proposing for itself would promise the same places twice. Goes in: the
operations of a snapshot, and places that a bureau declares. Comes out: `placement.Tables` of all of
them, in which a case is called operation/case, and each operation's share of a proposal.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onward.errors import OnwardError, one_of
from onward.placement.inputs.tables import Case, Opening, Tables, Window
from onward.plan.model import THIRD_COUNTRY
from onward.registry.computing.analysis import opened
from onward.registry.computing.people_of_cases import with_people
from onward.registry.computing.placing import tables_for
from onward.registry.computing.region import Say, common_day
from onward.registry.computing.snapshot import SnapshotOperation
from onward.rulebook.check import accept

if TYPE_CHECKING:
    from onward.engine import Engine

APART = "/"
LOCKS = ("case", "programme", "window", "by", "reason")


def region_tables(
    region: Sequence[SnapshotOperation],
    windows: Sequence[Window],
    engine: Engine,
    *,
    as_of: dt.date | None = None,
    capacity: str = THIRD_COUNTRY,
    say: Say = lambda text: None,
) -> Tables:
    """The tables of one proposal for every operation of a region.

    windows   the places, as `programmes.csv` declares them
    as_of     the day for all; None: where the records end, when that is one day
    capacity  what the rulebooks call these places; an operation whose rulebook has none is left out
    raises    OnwardError when no rulebook has any, or there is no common day; Faults for a rulebook
              that is weaker than its floor, which judges nobody
    """
    day = as_of or common_day(region)
    cases: list[Case] = []
    openings: list[Opening] = []
    asked = False
    for operation in region:
        name = operation.settings.id
        say(name)
        operation.compute_on(engine)
        found = opened(operation, day)
        accept(found.caseload.rulebook)
        if all(move.consumes != capacity for move in found.rulebook.transitions.values()):
            continue
        asked = True
        own = with_people(tables_for(found, windows, capacity), found)
        cases += [
            replace(
                case,
                case=f"{name}{APART}{case.case}",
                household=case.household and f"{name}{APART}{case.household}",
            )
            for case in own.cases
        ]
        openings += [
            replace(one, case=f"{name}{APART}{one.case}") for one in own.openings or ()
        ]
    if not asked:
        known = sorted(
            {move.consumes for one in region for move in one.rulebook.transitions.values()}
            - {""}
        )
        raise OnwardError(
            f'No rulebook of these operations has a step that takes a "{capacity}"; '
            f"expected {one_of(known)}."
        )
    return Tables(tuple(cases), tuple(windows), openings=tuple(openings), on=day)


def shares(
    content: Mapping[str, Any], region: Sequence[SnapshotOperation]
) -> list[dict[str, Any]]:
    """For each operation of a region: its cases and persons, and how many have a place proposed."""
    rows = {
        one.settings.id: {
            "operation": one.settings.id, "cases": 0, "persons": 0, "cases_placed": 0,
            "persons_placed": 0,
        }
        for one in region
    }  # fmt: skip
    for which, placed in (("assignments", True), ("unplaced", False)):
        for case in content[which]:
            row = rows[operation_of(case["case"])]
            for unit, number in (("cases", 1), ("persons", case["size"])):
                row[unit] += number
                row[f"{unit}_placed"] += number * placed
    return list(rows.values())


def operation_of(case: str) -> str:
    """Whose case this is."""
    return case.split(APART, 1)[0]


def write_shares(content: Mapping[str, Any], folder: Path) -> list[Path]:
    """One file for each operation with what is proposed for its own cases, under its own numbers: what
    `onward place OPERATION --locks` reads. Who decided, and why, is for the officer to write."""
    folder.mkdir(parents=True, exist_ok=True)
    mine: dict[str, list[dict[str, str]]] = {}
    for row in content["assignments"]:
        name, case = row["case"].split(APART, 1)
        mine.setdefault(name, []).append(
            {"case": case, "programme": row["programme"], "window": row["window"]}
        )
    written = []
    for name, rows in sorted(mine.items()):
        path = folder / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, LOCKS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        written.append(path)
    return written
