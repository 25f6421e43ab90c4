"""Placement's tables from files: CSV, the workbook an officer changed, last week's JSON.

In: paths. Out: `Tables`, or `Faults` with every fault of every file at once, by file, row and
column. Columns and cells are in `columns`, names that point nowhere in `references`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from onward.errors import Fault, Faults
from onward.placement.inputs.columns import SELECTOR
from onward.placement.inputs.given_back import locks_from_workbook
from onward.placement.inputs.narrowing import narrowed_cases, narrowed_windows
from onward.placement.inputs.references import (
    check_cases,
    check_locks,
    check_rows,
    known_from,
    known_to,
)
from onward.placement.inputs.rows import Row, Sheet, once, read_rows, read_text
from onward.placement.inputs.scores import Score, ScoreColumns
from onward.placement.inputs.scores_file import read_scores
from onward.placement.inputs.tables import (
    Case,
    Limit,
    Lock,
    Opening,
    Pledge,
    Selector,
    Tables,
    Window,
)


def _selector(values: dict[str, Any]) -> Selector:
    return Selector(**{k: values.pop(k) for k in SELECTOR if k in values})


KEYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cases": ("case", ("case",)),
    "programmes": ("window", ("programme", "window")),
    "scores": ("programme", ("case", "programme")),
    "limits": ("limit", ("limit",)),
    "pledges": ("pledge", ("pledge",)),
    "open": ("destination", ("case", "destination")),
    "locks": ("case", ("case",)),
    "cases beside": ("case", ("case",)),
    "programmes beside": ("window", ("programme", "window")),
}
"""What is given once in each file: the column that is told, and the columns that make the name."""

RANGES = (("opens", "closes"), ("min_size", "max_size"))


def _sheet(path: Path, table: str, faults: list[Fault]) -> Sheet:
    """The rows of one file, after the faults that show within one file."""
    sheet = read_rows(path, table, faults)
    once(sheet, *KEYS[table], faults)
    for line, values in sheet.known:
        for low, high in RANGES:
            if low in values and high in values and values[low] > values[high]:
                faults.append(
                    Fault(sheet.name, f"row {line}", high, f"less than `{low}`",
                          f"the same as `{low}`, or more")
                )  # fmt: skip
        for column in ("programme", "country"):
            if table == "programmes" and values.get(column) == "all":
                faults.append(
                    Fault(sheet.name, f"row {line}", column, '"all" means every programme',
                          "another name")
                )  # fmt: skip
    return sheet


def read_tables(
    *,
    cases: Path,
    programmes: Path,
    scores: Path | None = None,
    limits: Path | None = None,
    pledges: Path | None = None,
    openings: Path | None = None,
    locks: Path | None = None,
    previous: Path | None = None,
    on: date | None = None,
) -> Tables:
    """The tables of one proposal, from files. Raises `Faults` with every fault of all files."""
    faults: list[Fault] = []
    of_cases = _sheet(cases, "cases", faults)
    of_programmes = _sheet(programmes, "programmes", faults)
    beside = {"scores": scores, "limits": limits, "pledges": pledges, "open": openings}
    known = known_from(of_cases, of_programmes)
    quick = read_scores(scores, known) if scores and not faults else None
    if quick is not None:
        beside["scores"] = None
    sheets = {name: _sheet(path, name, faults) for name, path in beside.items() if path}
    if not of_programmes.known and not faults:
        faults.append(Fault(programmes.name, "", "", "no programme", "at least one row"))
    slow = any(
        v.get("processing_days") and (v.get("closes") or v.get("valid_to"))
        for _, v in of_programmes.known
    )
    check_cases(of_cases, known, faults, slow=slow, on=on)
    check_rows(sheets, known, faults)
    lock_rows: dict[int, Lock] = {}
    if locks is not None:
        lock_rows = read_locks(locks, faults)
        check_locks(locks.name, lock_rows, known, faults)
    past = read_previous(previous, faults) if previous else {}
    if faults:
        raise Faults(faults, _count(faults))
    no_consents: dict[str, Any] = {"consents": ()} if "consents" in of_cases.header else {}
    return Tables(
        cases=tuple(Case(**{**no_consents, **v}) for _, v in of_cases.rows),
        windows=tuple(Window(**v) for _, v in of_programmes.rows),
        limits=_limits(sheets),
        pledges=_pledges(sheets),
        scores=_scores(sheets) if quick is None else quick,
        openings=None
        if "open" not in sheets
        else tuple(Opening(**v) for _, v in sheets["open"].rows),
        locks=tuple(lock_rows.values()),
        previous=past,
        on=on,
    )


def _rows(sheets: Mapping[str, Sheet], name: str) -> tuple[Row, ...]:
    return sheets[name].rows if name in sheets else ()


def _limits(sheets: Mapping[str, Sheet]) -> tuple[Limit, ...]:
    return tuple(Limit(who=_selector(v), **v) for _, v in _rows(sheets, "limits"))


def _pledges(sheets: Mapping[str, Sheet]) -> tuple[Pledge, ...]:
    return tuple(Pledge(who=_selector(v), **v) for _, v in _rows(sheets, "pledges"))


def _scores(sheets: Mapping[str, Sheet]) -> ScoreColumns | None:
    """None without a file: then every pair is possible."""
    if "scores" not in sheets:
        return None
    return ScoreColumns.of(Score(**v) for _, v in sheets["scores"].rows)


def read_cases(path: Path) -> tuple[Case, ...]:
    """A file of cases alone, as cases.csv. Raises `Faults` with every fault."""
    faults: list[Fault] = []
    sheet = _sheet(path, "cases", faults)
    if faults:
        raise Faults(faults, _count(faults))
    return tuple(Case(**values) for _, values in sheet.rows)


def read_windows(path: Path) -> tuple[Window, ...]:
    """A file of places alone, as programmes.csv. Raises `Faults` with every fault."""
    faults: list[Fault] = []
    sheet = _sheet(path, "programmes", faults)
    if not sheet.known and not faults:
        faults.append(Fault(path.name, "", "", "no places", "at least one row"))
    if faults:
        raise Faults(faults, _count(faults))
    return tuple(Window(**values) for _, values in sheet.rows)


def read_beside(
    tables: Tables, files: Mapping[str, Path], where: str = "the operation"
) -> dict[str, Any]:
    """What may stand in files beside tables made elsewhere: scores, limits, pledges, locks, previous,
    and more about their cases and programmes, which only narrows (`narrowing`).

    files    name -> path, names as in `read_tables`
    where    what the tables come from, as a fault calls it
    returns  the fields of `Tables` to replace; limits and locks are added to those that stand
    raises   Faults with every fault of all files
    """
    faults: list[Fault] = []
    found: dict[str, Any] = {}
    known = known_to(tables, where)
    quick = read_scores(files["scores"], known) if "scores" in files else None
    sheets = {
        name: _sheet(files[name], name, faults)
        for name in ("scores", "limits", "pledges")
        if name in files and not (name == "scores" and quick is not None)
    }
    sheets |= {
        f"{name} beside": _sheet(files[name], f"{name} beside", faults)
        for name in ("cases", "programmes")
        if name in files
    }
    check_rows(sheets, known, faults)
    if "cases beside" in sheets:
        more = sheets["cases beside"]
        check_cases(more, known, faults, slow=False, on=tables.on)
        found["cases"] = narrowed_cases(tables.cases, more.rows, tables.on)
    if "programmes beside" in sheets:
        found["windows"] = narrowed_windows(tables.windows, sheets["programmes beside"], faults)
    standing = {limit.limit for limit in tables.limits}
    for line, values in sheets["limits"].known if "limits" in sheets else ():
        if values.get("limit") in standing:
            faults.append(
                Fault(sheets["limits"].name, f"row {line}", "limit", f"a limit that {where} has",
                      "another name", "Rename it: both limits hold.")
            )  # fmt: skip
    if "locks" in files:
        locks = read_locks(files["locks"], faults)
        check_locks(files["locks"].name, locks, known, faults)
        decided = {lock.case: lock for lock in tables.locks}
        for line, lock in sorted(locks.items()):
            word = decided.get(lock.case)
            if word is not None and not _same_place(lock, word):
                faults.append(
                    Fault(files["locks"].name, f"row {line}", "programme",
                          f"not what an officer decided in {where}", "the same place",
                          "Take the row out, or have the decision taken back there first.")
                )  # fmt: skip
        found["locks"] = (
            *tables.locks, *(lock for lock in locks.values() if lock.case not in decided)
        )  # fmt: skip
    if "previous" in files:
        found["previous"] = read_previous(files["previous"], faults)
    if faults:
        raise Faults(faults, _count(faults))
    if "scores" in files:
        found["scores"] = _scores(sheets) if quick is None else quick
    if "limits" in sheets:
        found["limits"] = (*tables.limits, *_limits(sheets))
    if "pledges" in sheets:
        found["pledges"] = _pledges(sheets)
    return found


def _same_place(lock: Lock, word: Lock) -> bool:
    return lock.programme == word.programme and lock.window in ("", word.window)


def _count(faults: Sequence[Fault]) -> str:
    return f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in the input; nothing was placed."


WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")


def read_locks(path: Path, faults: list[Fault]) -> dict[int, Lock]:
    """Locks by their row, from a CSV (case, programme, window, by, reason) or from a workbook that `onward
    place` wrote and an officer changed: every changed line is a lock."""
    if path.suffix.lower() in WORKBOOKS:
        return locks_from_workbook(path, faults)
    sheet = _sheet(path, "locks", faults)
    for line, values in sheet.known:
        if values.get("window") and not values.get("programme"):
            faults.append(
                Fault(path.name, f"row {line}", "programme", "empty, while a window is given",
                      "the programme of that window", "Clear both to hold the case back.")
            )  # fmt: skip
    return {line: Lock(**{"programme": "", **values}) for line, values in sheet.rows}


def read_previous(path: Path, faults: list[Fault]) -> dict[str, tuple[str, str]]:
    """Last week's proposal (the JSON of `onward place --json`) as case -> (programme, window)."""
    text = read_text(path, "JSON of an earlier proposal", faults)
    if text is None:
        return {}
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        faults.append(
            Fault(path.name, f"line {line}", "", "not JSON", "JSON of an earlier proposal")
        )
        return {}
    lines = document.get("assignments") if isinstance(document, dict) else None
    if not isinstance(lines, list):
        faults.append(
            Fault(path.name, "", "assignments", "missing", "JSON of an earlier proposal")
        )
        return {}
    past: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines):
        if (
            not isinstance(line, dict)
            or not isinstance(line.get("case"), str)
            or not isinstance(line.get("programme"), str)
        ):
            faults.append(
                Fault(
                    path.name, f"assignments[{number}]", "", "incomplete", "case and programme"
                )
            )
            continue
        past[line["case"]] = (line["programme"], str(line.get("window") or ""))
    return past


def read_folder(folder: Path, *, on: date | None = None) -> Tables:
    """The tables in a folder, under the names of the templates (cases.csv, programmes.csv,
    limits.csv, pledges.csv, scores.csv, open.csv, locks.csv, previous.json)."""

    def there(name: str) -> Path | None:
        return folder / name if (folder / name).exists() else None

    return read_tables(
        cases=folder / "cases.csv",
        programmes=folder / "programmes.csv",
        scores=there("scores.csv"),
        limits=there("limits.csv"),
        pledges=there("pledges.csv"),
        openings=there("open.csv"),
        locks=there("locks.csv"),
        previous=there("previous.json"),
        on=on,
    )
