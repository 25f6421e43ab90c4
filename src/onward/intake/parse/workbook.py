"""A workbook (.xlsx, .ods): its sheets, and what its cells hide."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from onward.intake.parse.answers import (
    MAIN,
    Asked,
    Cells,
    Refused,
    damaged,
    emit,
    plain,
    plain_names,
    too_many_rows,
)
from onward.intake.parse.form_archive import read_archive
from onward.intake.parse.parts import PartReport, form_archive, inspect, sheet_parts
from onward.said import Said


def read_workbook(
    data: bytes, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> None:
    import python_calamine

    limits = order["limits"]
    if (archive := form_archive(data, limits)) is not None:
        read_archive(archive, order, say)
        return
    reports, is_ods = inspect(data, limits)
    parts = {} if is_ods else sheet_parts(data)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    except python_calamine.PasswordError as bad:
        raise Refused(
            "the workbook is protected with a password",
            "a workbook without a password",
            "Remove the password in the spreadsheet program and save again.",
        ) from bad
    except (python_calamine.CalamineError, OSError, ValueError) as bad:
        raise damaged() from bad
    visible = str(python_calamine.SheetVisibleEnum.Visible)
    worksheet = str(python_calamine.SheetTypeEnum.WorkSheet)
    metadata = []
    for meta in book.sheets_metadata:
        if str(meta.typ) in (
            str(python_calamine.SheetTypeEnum.MacroSheet),
            str(python_calamine.SheetTypeEnum.Vba),
        ):
            raise Refused(
                "the workbook holds macros or active content",
                "a workbook that holds values only",
                "Save it as .xlsx without macros and load that.",
            )
        if str(meta.typ) == worksheet:
            metadata.append((meta.name, str(meta.visible) == visible))
    plain_names(name for name, _ in metadata)
    wanted = list(order.get("sheets") or [])
    shown = [name for name, is_visible in metadata if is_visible]
    known = [name for name, _ in metadata]
    # Exports of forms call their first sheet by the form's title; profiles call it `main`.
    titled = {MAIN: known[0]} if known and MAIN not in known and len(wanted) > 1 else {}
    for name in wanted:
        if name not in known and titled.get(name) in (None, *wanted):
            raise Refused(
                "no sheet of the name asked for",
                "one of the file's sheets: " + ", ".join(known),
                "Name the sheet as it is written on its tab.",
            )
    say({"kind": "ods" if is_ods else "xlsx", "sheets": metadata})
    cache: dict[str, list[Cells]] = {}

    def rows_of(name: str) -> list[Cells]:
        try:
            sheet = book.get_sheet_by_name(titled.get(name, name))
            if sheet.total_height > limits["rows"] or sheet.total_width > limits["columns"]:
                if sheet.total_width > limits["columns"]:
                    raise Refused(
                        Said("a sheet has more than %(a)s columns", a=limits["columns"]),
                        Said("at most %(a)s columns", a=limits["columns"]),
                        "Delete the unused columns to the right of the list.",
                    )
                raise too_many_rows(limits)
            start = sheet.start
            if start is None:
                return []
            # The iterator gives the empty rows above the list but not the columns left of it.
            pad = [None] * start[1]
            rows = [pad + [plain(cell) for cell in row] for row in sheet.iter_rows()]
        except (python_calamine.CalamineError, ValueError, OSError) as bad:
            raise damaged() from bad
        merged = sheet.merged_cell_ranges or []
        if merged:
            say({"merged": [list(a) + list(b) for a, b in merged[:1000]], "sheet": name})
        return rows

    if not wanted:
        filled = []
        for name in shown:
            rows = rows_of(name)
            if any(cell is not None for row in rows for cell in row):
                filled.append(name)
                cache[name] = rows
        if len(filled) > 1:
            raise Asked(
                "sheet",
                "The workbook has several filled sheets. Which one is the list?",
                [
                    {"value": name, "label": f"{name} ({len(cache[name])} rows)"}
                    for name in filled
                ],
            )
        if not filled:
            raise Refused(
                "no visible sheet holds anything",
                "one sheet with a header row",
                "Unhide the sheet, or name it in the profile.",
            )
        wanted = filled
    for name in wanted:
        part = parts.get(titled.get(name, name), "")
        report = reports.get("content.xml" if is_ods else part, PartReport())
        if report.empty_formulas:
            raise Refused(
                f"{len(report.empty_formulas)} formulas without a stored value "
                f"(first at {report.empty_formulas[0]})",
                "values, or formulas whose values were saved",
                "Open it in the spreadsheet program, save it, and load that.",
                where=f'sheet "{name}"',
            )
        say(
            {
                "sheet": name,
                "hidden_rows": sorted(report.hidden_rows)[:1000],
                "hidden_row_count": len(report.hidden_rows) + report.hidden_rows_unnumbered,
                "hidden_columns": sorted(report.hidden_columns)[:1000],
                "error_cells": report.error_cells,
                "error_count": report.error_count,
                "formulas": report.formulas,
            }
        )
        emit(cache.get(name) or rows_of(name), limits, say, name)
