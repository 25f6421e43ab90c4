"""A proposal as a workbook an officer can open, change and give back.

In: the document of a proposal. Out: an XLSX whose first sheet lists every case with its place;
programme and window may be changed, and `locks_from_workbook` reads the changed lines back as
locks. Two hidden columns hold what was proposed, so that only changes count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onward.errors import Fault
from onward.placement.document import CSV_TABLES, columns_of, flat
from onward.placement.inputs import Lock
from onward.rulebook.codes import code_title

SHEET = "Proposal"
COLUMNS = ("case", "size", "programme", "window", "lock", "by", "reason", "departs", "why",
           "next best", "it would cost", "proposed_programme", "proposed_window")  # fmt: skip
MOST_ROWS = 1_000_000
"""So many cases go into a workbook; a spreadsheet has room for few rows more."""
HELD_WHOLE = 20_000
"""With more cases the workbook is written row by row, and never held whole."""
YES = ("yes", "y", "x", "1", "true", "1.0")
NO = ("", "no", "n", "0", "false")


def write_workbook(content: dict[str, Any], path: Path) -> None:
    """Write the workbook: Proposal, then one sheet per table, then About."""
    import xlsxwriter

    options = {
        "constant_memory": content["cases"]["all"] > HELD_WHOLE,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(str(path), options)
    # a fixed date keeps the file the same for the same proposal
    from datetime import UTC, datetime

    book.set_properties(
        {
            "title": "Onward placement",
            "created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None),
        }
    )
    head = book.add_format({"bold": True, "bg_color": "#1f3a5f", "font_color": "#ffffff"})
    lines = [*content["assignments"], *content["unplaced"]]
    lines.sort(key=lambda row: row["case"])
    programmes = sorted(
        {row["programme"] for row in content["limits"] if row["kind"] == "places"}
    )
    _write_cases(book, lines, programmes, head)
    for name in CSV_TABLES[1:]:
        rows = [flat(row) for row in content[name]]
        if name == "fairness":
            rows = [{**row, "group": code_title(row["group"])} for row in rows]
        if rows:
            _write_table(book.add_worksheet(name.capitalize()), rows, head)
    about = book.add_worksheet("About")
    about.set_column(0, 0, 22)
    about.set_column(1, 1, 80)
    facts = [("state", content["state"]), ("largest gap", content["gap"]),
             ("seed", content["seed"]), ("input SHA-256", content["input_sha256"]),
             ("aims SHA-256", content["aims_sha256"]),
             ("persons placed", f"{content['persons']['placed']} of {content['persons']['all']}"),
             ("not in the input", ", ".join(content["not_in_input"]) or "nothing"),
             ("independent check", "passed" if content["check"]["passed"] else "FAILED")]  # fmt: skip
    facts += [("not worked out", line) for line in content["not_worked_out"]]
    for n, (key, value) in enumerate(facts):
        about.write(n, 0, key)
        about.write_string(n, 1, str(value))
    book.close()


def _write_cases(
    book: Any, lines: Sequence[dict[str, Any]], programmes: Sequence[str], head: Any
) -> None:
    """The sheet that an officer changes."""
    edit = book.add_format({"bg_color": "#fff6d6", "border": 1, "border_color": "#d9c98a"})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet(SHEET)
    for k, width in enumerate((14, 6, 20, 14, 7, 14, 26, 12, 46, 34, 12, 3, 3)):
        sheet.set_column(k, k, width, None, {"hidden": True} if k >= 11 else {})
    for k, name in enumerate(COLUMNS):
        sheet.write(0, k, name, head)
    for n, row in enumerate(lines, 1):
        for k, value in enumerate(_cells(row)):
            style = edit if 2 <= k <= 6 else wrap if k in (8, 9) else None
            if isinstance(value, str):
                sheet.write_string(n, k, value, style)
            else:
                sheet.write_number(n, k, value, style)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(1, len(lines)), len(COLUMNS) - 3)
    # a spreadsheet keeps a list of choices only up to 255 characters
    if programmes and sum(len(p) + 1 for p in programmes) <= 255 and lines:
        sheet.data_validation(
            1, 2, len(lines), 2,
            {"validate": "list", "source": programmes, "ignore_blank": True,
             "error_title": "Unknown programme", "error_message": "Choose a programme of the list."},
        )  # fmt: skip
    sheet.write_comment(
        0, 2, "Change programme and window to lock a case there. Clear the programme to hold the "
        "case back. Write yes under lock to keep a case where it is.",
    )  # fmt: skip


def _cells(row: dict[str, Any]) -> tuple[str | float, ...]:
    """One case as the columns of the sheet that is changed."""
    other = row.get("next_best") or {}
    next_best = ", ".join(x for x in (other.get("programme"), other.get("window")) if x)
    why = row.get("reason") or "; ".join(f"{k} {v:g}" for k, v in row.get("why", {}).items())
    cost = other.get("cost_after_prices")
    programme, window = row.get("programme", ""), row.get("window", "")
    return (
        row["case"], row["size"], programme, window, "", "", "", row.get("departs") or "", why,
        row.get("change") or next_best, "" if cost is None else cost, programme, window,
    )  # fmt: skip


def _write_table(page: Any, rows: Sequence[dict[str, Any]], head: Any) -> None:
    """A sheet with one table of the document."""
    names = columns_of(rows)
    for k, name in enumerate(names):
        longest = max(len(str(row.get(name, ""))) for row in rows)
        page.set_column(k, k, min(60, max(len(name), longest) + 2))
        page.write(0, k, name.replace("_", " "), head)
    for n, row in enumerate(rows, 1):
        for k, name in enumerate(names):
            value = row.get(name)
            if isinstance(value, bool):
                page.write_string(n, k, "yes" if value else "no")
            elif isinstance(value, (int, float)):
                page.write_number(n, k, value)
            elif value is not None:
                page.write_string(n, k, str(value))
    page.freeze_panes(1, 0)


def _lines(path: Path, faults: list[Fault]) -> list[tuple[int, dict[str, str]]]:
    """The rows of the first sheet by their number, as text; faults are appended."""
    from python_calamine import CalamineWorkbook

    if not path.is_file():
        faults.append(Fault(str(path), "", "", "no such file", "a workbook", "Check the path."))
        return []
    try:
        book = CalamineWorkbook.from_path(str(path))
        rows = book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    except Exception:
        allowed = "a workbook of `onward place`"
        faults.append(Fault(path.name, "", "", f'no readable sheet "{SHEET}"', allowed))
        return []
    at = next((n for n, row in enumerate(rows) if any(_text(cell) for cell in row)), 0)
    header = [_text(cell) for cell in rows[at]] if rows else []
    needed = ("case", "programme", "window", "proposed_programme", "proposed_window")
    missing = [name for name in needed if name not in header]
    if missing:
        faults.append(
            Fault(path.name, f"row {at + 1}", missing[0], "column missing", "the columns as exported",
                  "Export the workbook again and change only the yellow cells.")
        )  # fmt: skip
        return []
    return [
        (n, {k: _text(v) for k, v in zip(header, cells, strict=False)})
        for n, cells in enumerate(rows[at + 1 :], at + 2)
    ]


def cases_in_workbook(path: Path) -> frozenset[str]:
    """The cases that still have a row: whoever took a row out said nothing about its case."""
    return frozenset(row["case"] for _, row in _lines(path, []))


def locks_from_workbook(path: Path, faults: list[Fault]) -> dict[int, Lock]:
    """The lines an officer changed or marked, as locks by their row; faults are appended."""
    locks: dict[int, Lock] = {}
    seen: dict[str, int] = {}
    for line, row in _lines(path, faults):
        if not row["case"]:
            if any(row.values()):
                faults.append(Fault(path.name, f"row {line}", "case", "empty", "a case number"))
            continue
        if row["case"] in seen:
            faults.append(
                Fault(path.name, f"row {line}", "case", f"the same as in row {seen[row['case']]}",
                      "each case once")
            )  # fmt: skip
            continue
        seen[row["case"]] = line
        before = (row["proposed_programme"], row["proposed_window"])
        now = (row["programme"], row["window"])
        word = row.get("lock", "").lower()
        if word not in (*YES, *NO):
            faults.append(
                Fault(path.name, f"row {line}", "lock", "not allowed here", "yes, or blank")
            )
        if now[1] and not now[0] and now[1] != before[1]:
            faults.append(
                Fault(path.name, f"row {line}", "programme", "empty, while a window is given",
                      "the programme of that window", "Clear both to hold the case back.")
            )  # fmt: skip
            continue
        moved = now[0] != before[0]
        if moved and now[1] == before[1]:
            now = (now[0], "")  # a window name of the old programme says nothing about the new
        if moved or now != before or word in YES:
            locks[line] = Lock(
                row["case"],
                now[0],
                now[1] if now[0] else "",
                row.get("by", ""),
                row.get("reason", ""),
            )
    return locks


def _text(value: object) -> str:
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return "" if value is None else str(value).strip()
