"""A written export as one file: values only, opened again and checked, sealed to one key.

Exists because a workbook can carry a formula, a link or a hidden sheet. Comes in: a heading, titles
and lines of texts. Goes out: one visible sheet of texts (`workbook`), refused when it holds anything
else (`check_workbook`), encrypted to the recipient (`seal`). It knows no person and no database.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime

from onward.errors import OnwardError


def workbook(
    heading: str, titles: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str] = ()
) -> bytes:
    """One visible sheet of texts. Nothing is a formula, a link or a number.

    foot  lines under the table: the record's checkpoint, so that each copy is a witness of it
    """
    import xlsxwriter

    written = io.BytesIO()
    book = xlsxwriter.Workbook(
        written,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
         "strings_to_numbers": False},
    )  # fmt: skip
    book.set_properties({"title": "", "author": "", "created": datetime(2000, 1, 1)})  # noqa: DTZ001
    sheet = book.add_worksheet("People")
    sheet.write_string(0, 0, heading)
    for column, title in enumerate(titles):
        sheet.write_string(1, column, title)
    for number, line in enumerate(rows, start=2):
        for column, value in enumerate(line):
            sheet.write_string(number, column, value)
    for number, line in enumerate(foot, start=len(rows) + 3):
        sheet.write_string(number, 0, line)
    book.close()
    return written.getvalue()


def check_workbook(
    data: bytes, heading: str, titles: Sequence[str], rows: Sequence[Sequence[str]],
    foot: Sequence[str] = (),
) -> None:  # fmt: skip
    """Open a written workbook again and compare; raises OnwardError when it holds anything else."""
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    if book.sheet_names != ["People"] or [str(s.visible) for s in book.sheets_metadata] != [
        "SheetVisibleEnum.Visible"
    ]:
        raise OnwardError("The written file has more than one sheet, or a hidden one.")
    read = book.get_sheet_by_name("People").to_python(skip_empty_area=False)
    width = max(len(titles), 1)
    rest = [""] * (width - 1)
    wanted = [[heading, *rest], list(titles), *[list(row) for row in rows]]
    wanted += [["", *rest], *[[line, *rest] for line in foot]] if foot else []
    if [[str(cell) for cell in line] for line in read] != wanted:
        raise OnwardError("The written file does not hold what was approved; nothing was sent.")
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
        text = b"".join(parts.read(name) for name in names)
    suspicious = ("externalLink", "vbaProject", "comments", "drawing", "media", "customXml")
    if any(word in name for name in names for word in suspicious) or re.search(
        rb'<f[ >]|hidden="1"|<definedName|<hyperlink', text
    ):
        raise OnwardError("The written file holds a formula, a link or something hidden.")


def seal(data: bytes, age_key: str) -> bytes:
    """Encrypt to the recipient's public key; there is no unsealed way out."""
    from pyrage import encrypt, x25519

    try:
        recipient = x25519.Recipient.from_str(age_key)
    except Exception:
        raise OnwardError("The recipient's key is not a public key of age (age1…).") from None
    sealed: bytes = encrypt(data, [recipient])
    if not sealed.startswith(b"age-encryption.org/v1") or data[:200] in sealed:
        raise OnwardError("The file was not sealed; nothing was sent.")
    return sealed
