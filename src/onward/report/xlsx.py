"""The report as a workbook: values only, one sheet per table, one sheet tagged for exchange.

No formula, link, macro or hidden sheet is ever written: a figure that was hidden on the page is
not in the file at all.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

from onward.report.model import Report, Table
from onward.report.saying import ENGLISH, Sayer, Speech

INDIVIDUALS = "#respondee"


def render_xlsx(report: Report, exchange: Table, speech: Speech = ENGLISH) -> bytes:
    """The workbook's bytes; the same report gives the same bytes.

    speech    the language of what the workbook itself says; the report is spoken already

    exchange  the table of the HXL sheet; its `hxl` tags stand under the headers
    raises    ValueError for a tag that marks individuals: this sheet holds aggregates only
    """
    import xlsxwriter

    if any(tag.startswith(INDIVIDUALS) for tag in exchange.hxl):
        raise ValueError(f"{INDIVIDUALS} marks individuals and is never exchanged")
    say = Sayer(speech)
    written = io.BytesIO()
    book = xlsxwriter.Workbook(
        written,
        {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
         "in_memory": True},
    )  # fmt: skip
    made = dt.datetime.combine(report.as_of, dt.time())
    book.set_properties({"title": f"{report.kind} {report.as_of}", "created": made})
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    cover = book.add_worksheet(say("Summary"))
    cover.set_column(0, 0, 100)
    lines = [report.operation, say(f"Situation report as of {report.as_of}, {report.audience}")]
    if report.demonstration:
        lines.append(say("Demonstration. Every person and event in this report is invented."))
    lines += [report.headline, *report.summary, *report.notes]
    lines.append(f"{say('Rulebook')} {report.rulebook}, SHA-256 {report.rulebook_hash}")
    lines.append(f"{say('Protection floor')} SHA-256 {report.floor_hash}")
    for row, line in enumerate(lines):
        cover.write_string(row, 0, line, bold if row == 0 else wrap)
    used = {say("Summary")}
    if speech.right_to_left:
        cover.right_to_left()
    for table in report.tables():
        sheet = book.add_worksheet(_sheet_name(table.name, used))
        if speech.right_to_left:
            sheet.right_to_left()
        sheet.write_string(0, 0, table.title, bold)
        note = f"{say(f'As of {table.as_of}.')} {table.note}".strip()
        sheet.write_string(1, 0, note)
        _write(sheet, table, 3, bold, wrap)
    sheet = book.add_worksheet(_sheet_name("HXL", used))
    for column, (title, tag) in enumerate(zip(exchange.columns, exchange.hxl, strict=True)):
        sheet.write_string(0, column, title, bold)
        sheet.write_string(1, column, tag)
    for row, cells in enumerate(exchange.rows, start=2):
        for column, cell in enumerate(cells):
            if cell.number is not None:
                sheet.write_number(row, column, cell.number)
            elif cell.text != "…":
                sheet.write_string(row, column, cell.text)
    book.close()
    return written.getvalue()


def _write(sheet: Any, table: Table, start: int, bold: Any, wrap: Any) -> None:
    for column, title in enumerate(table.columns):
        sheet.write_string(start, column, title, bold)
        widest = max([len(title), *(len(row[column].text) for row in table.rows)], default=8)
        sheet.set_column(column, column, min(max(widest, 8), 60))
    for row, cells in enumerate(table.rows, start=start + 1):
        for column, cell in enumerate(cells):
            if cell.number is not None:
                sheet.write_number(row, column, cell.number)
            else:
                sheet.write_string(row, column, cell.text, wrap)
    sheet.freeze_panes(start + 1, 1)


def _sheet_name(name: str, used: set[str]) -> str:
    base = re.sub(r"[\[\]:*?/\\]", " ", name).replace("-", " ").strip().capitalize()[:28]
    if name == "HXL":
        base = "HXL"
    candidate, number = base, 2
    while candidate in used:
        candidate = f"{base} {number}"
        number += 1
    used.add(candidate)
    return candidate
