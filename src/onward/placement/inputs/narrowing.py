"""What files may say beside cases and programmes that are known already.

Exists because an officer knows what no record holds: a sister in Oslo, a flight that is full, a need
that a hospital cannot meet. In: rows by case, or by programme and window. Out: the same cases and
windows with what the rows say. Nothing is ever widened: a row may add a wish, a tie or a link, a
refusal or a limit; a later first day, an earlier last one. A consent, a category or a
nationality of a case is the record's to say, and has no column here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from onward.errors import Fault
from onward.placement.inputs.rows import Row, Sheet
from onward.placement.inputs.tables import Case, Window


def _both(known: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """What is known, then what is new."""
    return tuple(dict.fromkeys((*known, *more)))


def _later(known: date | int | None, more: Any) -> Any:
    return more if known is None else max(known, more)


def _earlier(known: date | int | None, more: Any) -> Any:
    return more if known is None else min(known, more)


def _of_both(known: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """What both accept; nothing known accepts all."""
    return tuple(one for one in known if one in more) if known else tuple(more)


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "needs": _both, "languages": _both, "skills": _both, "ready_on": _later, "leave_by": _earlier,
    "ties": _both, "linked_to": _both, "refused": _both, "forbidden": _both, "preferred": _both,
}  # fmt: skip
"""Columns about a case -> what is known and what a row says, as one."""

PROGRAMMES: dict[str, Callable[[Any, Any], Any]] = {
    "opens": _later, "closes": _earlier, "processing_days": _later, "min_size": _later,
    "max_size": _earlier, "nationalities": _of_both, "categories": _of_both,
    "excluded_needs": _both, "languages": _both, "skills": _both, "valid_to": _earlier,
}  # fmt: skip
"""Columns about a programme and window -> what is known and what a row says, as one."""

ACCEPTED = ("nationalities", "categories")


def narrowed_cases(
    cases: Sequence[Case], rows: Iterable[Row], on: date | None
) -> tuple[Case, ...]:
    """Cases with what rows say of them. Nobody is ready before the day of the proposal."""
    said = {values["case"]: values for _, values in rows}

    def one(case: Case) -> Case:
        more = dict(said.get(case.case, {}))
        if on is not None and "ready_on" in more:
            more["ready_on"] = max(more["ready_on"], on)
        return replace(case, **_merged(case, more, CASES))

    return tuple(one(case) for case in cases)


def narrowed_windows(
    windows: Sequence[Window], sheet: Sheet, faults: list[Fault]
) -> tuple[Window, ...]:
    """Windows with what rows say of them; a row without a window speaks of each of its programme.

    A row that leaves nobody accepted is a fault: an empty list would accept everybody."""
    made = list(windows)
    for line, values in sheet.known:
        for at, window in enumerate(made):
            if not _speaks_of(values, window):
                continue
            new = _merged(window, values, PROGRAMMES)
            for column in ACCEPTED:
                if getattr(window, column) and column in new and not new[column]:
                    faults.append(
                        Fault(sheet.name, f"row {line}", column, "nobody whom the country accepts",
                              "some of those it accepts", "A file beside can only leave some out.")
                    )  # fmt: skip
            made[at] = replace(window, **new)
    return tuple(made)


def _speaks_of(values: dict[str, Any], window: Window) -> bool:
    return values.get("programme") == window.programme and (
        values.get("window", "") in ("", window.window)
    )


def _merged(
    known: Case | Window, more: dict[str, Any], rules: dict[str, Callable[[Any, Any], Any]]
) -> dict[str, Any]:
    return {
        column: rule(getattr(known, column), more[column])
        for column, rule in rules.items()
        if column in more
    }
