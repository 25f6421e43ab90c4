"""A proposal as a workbook an officer can open, change and give back.

In: the document of a proposal. Out: an XLSX whose first sheet lists every case with its place;
programme and window may be changed, and `inputs.given_back` reads the changed lines back as locks.
Two hidden columns hold what was proposed, so that only changes count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onward.placement.inputs.given_back import SHEET
from onward.placement.telling.document import CSV_TABLES, columns_of, flat
from onward.rulebook.codes import code_title

COLUMNS = ("case", "size", "programme", "window", "lock", "by", "reason", "departs", "why",
           "next best", "it would cost", "proposed_programme", "proposed_window")  # fmt: skip
MOST_ROWS = 1_000_000
"""So many cases go into a workbook; a spreadsheet has room for few rows more."""
HELD_WHOLE = 20_000
"""With more cases the workbook is written row by row, and never held whole."""


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
