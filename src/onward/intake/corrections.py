"""The faulty rows go back as a workbook with the reasons, ready to be corrected and loaded again.

Why: an office mends a list in its own spreadsheet, not in ours. In: a reading and what staging
found. Out: the bytes of an .xlsx file that the same profile reads: only the faulty rows, as they
stood, with two columns in front that are left out when it comes back.
"""

from __future__ import annotations

import datetime as dt
import io

import xlsxwriter

from onward.errors import Fault
from onward.intake.profile import OUR_COLUMNS
from onward.intake.read import Cell, Reading, Sheet
from onward.intake.stage import Staged


def faulty_rows(reading: Reading, staged: Staged) -> bytes:
    """The faulty rows as an .xlsx file.

    reading  the file as it was read
    staged   what `stage` made of it
    returns  a workbook with one sheet of the profile's name (and the parent's sheet, where the
             profile joins one); values only, nothing that a spreadsheet could run
    raises   ValueError when no row is at fault
    """
    if not staged.faulty:
        raise ValueError("no row is at fault")
    profile = staged.profile
    name = profile.sheet or next(iter(reading.sheets))
    out = io.BytesIO()
    with xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        bold = book.add_format({"bold": True})
        wrap = book.add_format({"text_wrap": True, "valign": "top"})
        page = book.add_worksheet(_tab(name))
        rows = reading.sheets[name].rows
        head = profile.header_row - 1
        for column, text in enumerate((*OUR_COLUMNS, *rows[head])):
            if text is not None:
                page.write_string(head, column, str(text), bold)
        for line, number in enumerate(sorted(staged.faulty), start=head + 1):
            page.write_number(line, 0, number)
            page.write_string(line, 1, reasons(staged.faulty[number]), wrap)
            _write(page, line, len(OUR_COLUMNS), rows[number - 1], day)
        page.freeze_panes(head + 1, len(OUR_COLUMNS))
        page.set_column(1, 1, 60)
        if profile.parent is not None:
            _copy(
                book.add_worksheet(_tab(profile.parent[0])),
                reading.sheets[profile.parent[0]],
                day,
            )
    return out.getvalue()


def reasons(faults: tuple[Fault, ...]) -> str:
    """What is wrong with one row and what to do, one line for each cell."""
    lines = []
    for fault in faults:
        text = f"{fault.field}: {fault.found}" if fault.field else fault.found
        if fault.allowed:
            text += f"; expected {fault.allowed}"
        lines.append(f"{text}. {fault.remedy}".strip())
    return "\n".join(lines)


def _tab(name: str) -> str:
    """A sheet name that spreadsheets accept."""
    return "".join(c for c in name if c not in "[]:*?/\\")[:31] or "List"


def _copy(page: xlsxwriter.worksheet.Worksheet, sheet: Sheet, day: object) -> None:
    for line, row in enumerate(sheet.rows):
        _write(page, line, 0, row, day)


def _write(
    page: xlsxwriter.worksheet.Worksheet,
    line: int,
    first: int,
    row: tuple[Cell, ...],
    day: object,
) -> None:
    for column, cell in enumerate(row, start=first):
        if cell is None:
            continue
        if isinstance(cell, bool):
            page.write_boolean(line, column, cell)
        elif isinstance(cell, int | float):
            page.write_number(line, column, cell)
        elif isinstance(cell, dt.datetime):
            page.write_datetime(line, column, cell.replace(tzinfo=None), day)
        elif isinstance(cell, dt.date):
            page.write_datetime(line, column, cell, day)
        else:
            page.write_string(line, column, str(cell))
