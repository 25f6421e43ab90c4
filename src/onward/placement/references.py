"""Names in one file of placement that point nowhere in another, and days that are missing.

Tables are joined by name, so a misspelt name would silently lose a row. In: the tables as read,
with their rows. Out: one fault per name, by file, row and column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from onward.errors import Fault, one_of
from onward.placement.inputs import Case, Lock, Window

Row = tuple[int, dict[str, Any]]
"""The row of a file and its values."""


def check_names(
    cases: Sequence[Case],
    lines: Mapping[str, int],
    windows: Sequence[Window],
    raw: Mapping[str, list[Row] | None],
    faults: list[Fault],
    *,
    names: Mapping[str, str],
    on: date | None,
) -> None:
    """Names that point nowhere, and dates without which an answer would be a guess."""
    programmes = {w.programme for w in windows}
    destinations = programmes | {w.country for w in windows if w.country}
    pairs = {(w.programme, w.window) for w in windows}

    def unknown(file: str, line: int, column: str, what: str, where: str) -> None:
        faults.append(
            Fault(file, f"row {line}", column, f"{what} that {where} does not have", "",
                  f"Correct the name, or add it to {where}.")
        )  # fmt: skip

    slow = any(w.processing_days and w.last_day for w in windows)
    for case in cases:
        line = lines[case.case]
        for other in case.linked_to:
            if other not in lines:
                unknown(names["cases"], line, "linked_to", "a case", names["cases"])
        if case.locked and case.locked not in programmes:
            unknown(names["cases"], line, "locked", "a programme", names["programmes"])
        elif case.locked_window and (case.locked, case.locked_window) not in pairs:
            unknown(names["cases"], line, "locked_window", "a window", names["programmes"])
        if slow and case.ready_on is None and on is None:
            faults.append(
                Fault(
                    names["cases"], f"row {line}", "ready_on",
                    "empty, while programmes have processing days",
                    "a date", "Fill it, or give the day the proposal is for with --on.",
                )
            )  # fmt: skip
    for line, v in raw["scores"] or ():
        if v["case"] not in lines:
            unknown(names["scores"], line, "case", "a case", names["cases"])
        if v["programme"] not in programmes:
            unknown(names["scores"], line, "programme", "a programme", names["programmes"])
    for line, v in raw["open"] or ():
        if v["case"] not in lines:
            unknown(names["open"], line, "case", "a case", names["cases"])
        if v["destination"] not in destinations:
            unknown(names["open"], line, "destination", "a destination", names["programmes"])
    for line, v in raw["limits"] or ():
        if v["programme"] not in destinations | {"all"}:
            unknown(names["limits"], line, "programme", "a programme", names["programmes"])
        if v.get("window") and v["window"] not in {w.window for w in windows}:
            unknown(names["limits"], line, "window", "a window", names["programmes"])
    for line, v in raw["pledges"] or ():
        if v["if_programme"] not in programmes:
            unknown(names["pledges"], line, "if_programme", "a programme", names["programmes"])
        opens = (v["opens_programme"], v.get("opens_window", ""))
        if v["opens_programme"] not in programmes:
            unknown(
                names["pledges"], line, "opens_programme", "a programme", names["programmes"]
            )
        elif opens not in pairs:
            if opens[1]:
                unknown(names["pledges"], line, "opens_window", "a window", names["programmes"])
            else:
                faults.append(
                    Fault(
                        names["pledges"], f"row {line}", "opens_window", "empty",
                        "one window of that programme", "Say which window the places open in.",
                    )
                )  # fmt: skip


def check_locks(
    file: str,
    locks: Mapping[int, Lock],
    cases: set[str],
    windows: Sequence[Window],
    faults: list[Fault],
) -> None:
    programmes = {w.programme for w in windows}
    pairs = {(w.programme, w.window) for w in windows}
    for line, lock in locks.items():
        where = f"row {line}"
        if lock.case not in cases:
            faults.append(Fault(file, where, "case", "a case that the case file does not have"))
        if lock.programme and lock.programme not in programmes:
            faults.append(
                Fault(file, where, "programme", "a programme that the programme file does not have",
                      one_of(sorted(programmes)))
            )  # fmt: skip
        elif lock.programme and lock.window and (lock.programme, lock.window) not in pairs:
            allowed = (
                one_of(sorted(w for p, w in pairs if p == lock.programme and w)) or "blank"
            )
            faults.append(Fault(file, where, "window", "no window of that programme", allowed))
