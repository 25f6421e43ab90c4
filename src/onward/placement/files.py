"""Placement's tables from files: CSV, the workbook an officer changed, last week's JSON.

In: paths. Out: `Tables`, or `Faults` with every fault of every file at once, by file, row and
column. Columns and cells are in `columns`, names that point nowhere in `references`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from onward.errors import Fault, Faults, one_of
from onward.placement.columns import FILES, SELECTOR, NotAllowed
from onward.placement.inputs import (
    Case,
    Limit,
    Lock,
    Opening,
    Pledge,
    Score,
    Selector,
    Tables,
    Window,
)
from onward.placement.references import Row, check_locks, check_names


def read_rows(path: Path, table: str, faults: list[Fault]) -> tuple[list[Row], set[str]]:
    """The rows of one CSV as (line in the file, values) and the columns it has.

    Every bad cell, missing column and unknown column is appended to `faults`; cells are never
    repeated in a message, only what is wrong with them."""
    columns = FILES[table]
    name = path.name
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        faults.append(Fault(str(path), "", "", "no such file", "a CSV file", "Check the path."))
        return [], set()
    except IsADirectoryError:
        faults.append(Fault(str(path), "", "", "this is a folder", "a CSV file"))
        return [], set()
    except UnicodeDecodeError:
        faults.append(
            Fault(
                name,
                "",
                "",
                "not UTF-8 text",
                "CSV saved as UTF-8",
                "Save it again as CSV UTF-8.",
            )
        )
        return [], set()
    first_line = text.splitlines()[0] if text.strip() else ""
    if not first_line:
        faults.append(
            Fault(name, "", "", "the file is empty", "a header row: " + ",".join(columns))
        )
        return [], set()
    delimiter = max(",;\t", key=first_line.count) if "," not in first_line else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = [cell.strip().lower() for cell in next(reader)]
    needed = [c for c, (_, required) in columns.items() if required]
    for column in needed:
        if column not in header:
            faults.append(
                Fault(name, "row 1", column, "column missing", "columns " + one_of(needed))
            )
    for column in sorted({c for c in header if c and c not in columns}):
        faults.append(
            Fault(
                name, "row 1", "", f'unknown column "{column[:40]}"', one_of(columns),
                "Rename or remove the column.",
            )
        )  # fmt: skip
    for column in sorted({c for c in header if c and header.count(c) > 1}):
        faults.append(Fault(name, "row 1", column, "column given twice", "each column once"))
    rows: list[Row] = []
    if any(c not in header for c in needed):
        return rows, set(header)
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                faults.append(
                    Fault(
                        name, f"row {line}", "", f"{len(cells)} cells",
                        f"{len(header)} as in the header",
                        "Put cells that hold a comma in quotes; separate lists with ;.",
                    )
                )  # fmt: skip
                continue
            values: dict[str, Any] = {}
            good = True
            for column, cell in zip(header, cells, strict=False):
                if column not in columns:
                    continue
                read, _required = columns[column]
                cell = cell.strip()
                if not cell:
                    continue
                try:
                    values[column] = read(cell)
                except NotAllowed as wrong:
                    good = False
                    remedy = "Correct the cell."
                    faults.append(
                        Fault(
                            name,
                            f"row {line}",
                            column,
                            "not allowed here",
                            wrong.allowed,
                            remedy,
                        )
                    )
            for column in needed:
                if column not in values and not any(
                    f.where == f"row {line}" and f.field == column and f.file == name
                    for f in faults[-len(header) :]
                ):
                    good = False
                    faults.append(
                        Fault(name, f"row {line}", column, "empty", "a value", "Fill the cell.")
                    )
            if good:
                rows.append((line, values))
    except csv.Error as error:
        faults.append(
            Fault(
                name, f"row {reader.line_num}", "", f"broken CSV ({error})", "matching quotes"
            )
        )
    return rows, set(header)


def _selector(values: dict[str, Any]) -> Selector:
    return Selector(**{k: values.pop(k) for k in SELECTOR if k in values})


def _twice(
    name: str, field_name: str, rows: Iterable[tuple[int, Any]], faults: list[Fault]
) -> None:
    seen: dict[Any, int] = {}
    for line, key in rows:
        if key in seen:
            faults.append(
                Fault(
                    name, f"row {line}", field_name, f"the same as in row {seen[key]}",
                    "each only once", "Remove or rename one of the two rows.",
                )
            )  # fmt: skip
        else:
            seen[key] = line


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
    raw_cases, case_header = read_rows(cases, "cases", faults)
    raw_windows, _ = read_rows(programmes, "programmes", faults)
    raw = {
        name: read_rows(path, name, faults)[0] if path else None
        for name, path in (
            ("scores", scores), ("limits", limits), ("pledges", pledges), ("open", openings),
        )
    }  # fmt: skip

    _twice(cases.name, "case", ((n, v["case"]) for n, v in raw_cases), faults)
    _twice(
        programmes.name, "window",
        ((n, (v["programme"], v.get("window", ""))) for n, v in raw_windows), faults,
    )  # fmt: skip
    if raw["scores"] is not None and scores:
        _twice(
            scores.name, "programme",
            ((n, (v["case"], v["programme"])) for n, v in raw["scores"]), faults,
        )  # fmt: skip
    if raw["pledges"] is not None and pledges:
        _twice(pledges.name, "pledge", ((n, v["pledge"]) for n, v in raw["pledges"]), faults)
    if raw["limits"] is not None and limits:
        _twice(limits.name, "limit", ((n, v["limit"]) for n, v in raw["limits"]), faults)
    if raw["open"] is not None and openings:
        _twice(
            openings.name, "destination",
            ((n, (v["case"], v["destination"])) for n, v in raw["open"]), faults,
        )  # fmt: skip

    for line, values in raw_windows:
        if values.get("opens") and values.get("closes") and values["opens"] > values["closes"]:
            faults.append(
                Fault(
                    programmes.name, f"row {line}", "closes", "before the opening date",
                    "a date on or after `opens`",
                )
            )  # fmt: skip
    if not raw_windows and not faults:
        faults.append(Fault(programmes.name, "", "", "no programme", "at least one row"))

    has_consents = "consents" in case_header
    built_cases = []
    case_lines: dict[str, int] = {}
    for line, values in raw_cases:
        if has_consents:
            values.setdefault("consents", ())
        case_lines.setdefault(values["case"], line)
        built_cases.append(Case(**values))
    windows = tuple(Window(**values) for _, values in raw_windows)
    if not faults:
        check_names(
            built_cases, case_lines, windows, raw, faults,
            names={
                "cases": cases.name, "programmes": programmes.name,
                "scores": scores.name if scores else "", "limits": limits.name if limits else "",
                "pledges": pledges.name if pledges else "",
                "open": openings.name if openings else "",
            },
            on=on,
        )  # fmt: skip
    lock_rows: dict[int, Lock] = {}
    if locks is not None:
        lock_rows = read_locks(locks, faults)
        if not faults:
            check_locks(locks.name, lock_rows, set(case_lines), windows, faults)
    past = read_previous(previous, faults) if previous else {}
    if faults:
        raise Faults(faults, _count(faults))
    return Tables(
        cases=tuple(built_cases),
        windows=windows,
        limits=tuple(Limit(who=_selector(v), **v) for _, v in raw["limits"] or ()),
        pledges=tuple(Pledge(who=_selector(v), **v) for _, v in raw["pledges"] or ()),
        scores=None if raw["scores"] is None else tuple(Score(**v) for _, v in raw["scores"]),
        openings=None if raw["open"] is None else tuple(Opening(**v) for _, v in raw["open"]),
        locks=tuple(lock_rows.values()),
        previous=past,
        on=on,
    )


def read_cases(path: Path) -> tuple[Case, ...]:
    """A file of cases alone, as cases.csv. Raises `Faults` with every fault."""
    faults: list[Fault] = []
    raw, _ = read_rows(path, "cases", faults)
    _twice(path.name, "case", ((n, v["case"]) for n, v in raw), faults)
    if faults:
        raise Faults(faults, _count(faults))
    return tuple(Case(**values) for _, values in raw)


def read_beside(tables: Tables, files: Mapping[str, Path]) -> dict[str, Any]:
    """What may stand in files beside tables made elsewhere: scores, limits, locks, previous.

    files    name -> path, names as in `read_tables`
    returns  the fields of `Tables` to replace
    raises   Faults with every fault of all files
    """
    faults: list[Fault] = []
    found: dict[str, Any] = {}
    lines = {case.case: 0 for case in tables.cases}
    raw: dict[str, list[Row] | None] = dict.fromkeys(("scores", "limits", "pledges", "open"))
    for name in ("scores", "limits"):
        if name in files:
            raw[name] = read_rows(files[name], name, faults)[0]
    if not faults:
        kinds = ("cases", "programmes", "scores", "limits", "pledges", "open")
        names = {key: files[key].name if key in files else "the operation" for key in kinds}
        check_names(tables.cases, lines, tables.windows, raw, faults, names=names, on=tables.on)
    if raw["scores"] is not None:
        found["scores"] = tuple(Score(**v) for _, v in raw["scores"])
    if raw["limits"] is not None:
        found["limits"] = tuple(Limit(who=_selector(v), **v) for _, v in raw["limits"])
    if "locks" in files:
        locks = read_locks(files["locks"], faults)
        if not faults:
            check_locks(files["locks"].name, locks, set(lines), tables.windows, faults)
        found["locks"] = tuple(locks.values())
    if "previous" in files:
        found["previous"] = read_previous(files["previous"], faults)
    if faults:
        raise Faults(faults, _count(faults))
    return found


def _count(faults: Sequence[Fault]) -> str:
    return f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in the input; nothing was placed."


def read_locks(path: Path, faults: list[Fault]) -> dict[int, Lock]:
    """Locks by their row, from a CSV (case, programme, window, by, reason) or from a workbook that `onward
    place` wrote and an officer changed: every changed line is a lock."""
    if path.suffix.lower() == ".xlsx":
        from onward.placement.workbook import locks_from_workbook

        return locks_from_workbook(path, faults)
    rows, _ = read_rows(path, "locks", faults)
    _twice(path.name, "case", ((n, v["case"]) for n, v in rows), faults)
    return {line: Lock(**v) for line, v in rows}


def read_previous(path: Path, faults: list[Fault]) -> dict[str, tuple[str, str]]:
    """Last week's proposal (the JSON of `onward place --json`) as case -> (programme, window)."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        faults.append(Fault(str(path), "", "", "no such file", "JSON of an earlier proposal"))
        return {}
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
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
