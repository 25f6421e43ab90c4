"""What the locked room can say of a file: its rows, a refusal, a question; and the words for it."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from onward.said import Listed, Said, packed, typed

MEBIBYTE = 1024 * 1024

# The order is the order in which a person is offered them; any of these may be named in a
# profile. UTF-16 needs its byte order mark, or the order in its name.
ENCODINGS: dict[str, str] = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little end first)",
    "utf-16-be": "Unicode (UTF-16, big end first)",
    "cp1256": "Arabic and Persian (Windows)",
    "iso8859-6": "Arabic (ISO)",
    "cp1252": "Western European (Windows)",
    "cp1254": "Turkish (Windows)",
    "cp1250": "Central European (Windows)",
    "cp1251": "Cyrillic (Windows)",
    "iso8859-1": "Western European (ISO)",
    "iso8859-15": "Western European with euro (ISO)",
    "iso8859-9": "Turkish (ISO)",
    "mac-arabic": "Arabic (Macintosh)",
    "mac-farsi": "Persian (Macintosh)",
    "mac-roman": "Western European (Macintosh)",
    "cp437": "DOS, United States",
    "cp850": "DOS, Western European",
    "cp864": "DOS, Arabic",
}
EIGHT_BIT_OFFERED = ("cp1256", "iso8859-6", "cp1252", "cp1254", "mac-farsi", "cp1251")

DELIMITERS: dict[str, str] = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "vertical bar",
    "؛": "Arabic semicolon",
    "،": "Arabic comma",
}

MAIN = "main"
"""What the part of a form's export that holds one row for each submission is called."""


CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e\ufffe\uffff\ud800-\udfff]"
)


class Refused(Exception):
    """The file cannot be read; carries what a person should be told."""

    def __init__(
        self, found: str, allowed: str = "", remedy: str = "", where: str = ""
    ) -> None:
        super().__init__(found)
        told = {"found": found, "allowed": allowed, "remedy": remedy, "where": where}
        self.told: dict[str, Any] = packed(told)


class Asked(Exception):
    """The file can be read in more than one way; carries the question."""

    def __init__(self, about: str, text: str, options: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.question = {"about": about, "text": text, "options": options}


Cells = list[Any]


def plain_names(names: Iterable[str]) -> None:
    """Names of sheets are shown on screens: they may not hold what steers a terminal."""
    if any(CONTROL.search(name) for name in names):
        raise Refused(
            "a sheet whose name holds hidden control or direction-override characters",
            "visible letters",
            "Rename the sheet.",
        )


def parts_asked_for(
    kind: str,
    counts: dict[str, int],
    order: dict[str, Any],
    say: Callable[[dict[str, Any]], None],
    encoding: str,
    encoding_by: str,
) -> list[str]:
    """Say what a form's export holds; the names of the parts to be read.

    counts  part -> its rows, the submissions' first
    raises  Refused for a part that is not there, Asked when somebody must choose
    """
    say(
        {
            "kind": kind,
            "sheets": [(name, True) for name in counts],
            "encoding": encoding,
            "encoding_by": encoding_by,
        }
    )
    wanted = list(order.get("sheets") or [])
    if any(name not in counts for name in wanted):
        raise Refused(
            "no part of the name asked for",
            Said("one of the file's parts: %(a)s", a=Listed(map(typed, counts))),
        )
    if not wanted and len(counts) > 1:
        raise Asked(
            "sheet",
            "The submissions hold repeated groups. Which part is the list?",
            [
                {"value": name, "label": f"{name} ({rows} rows)"}
                for name, rows in counts.items()
            ],
        )
    return wanted or [MAIN]


def damaged() -> Refused:
    return Refused(
        "the workbook is damaged or cut short",
        "a complete .xlsx or .ods file",
        "Open it in the spreadsheet program, save it again, and load that.",
    )


def bomb(limits: dict[str, int]) -> Refused:
    return Refused(
        "the workbook unpacks to far more than a list of people needs",
        Said("at most %(a)s MB unpacked and %(b)s times the packed size",
             a=limits["inflated_bytes"] // MEBIBYTE, b=limits["ratio"]),
        "Copy the list alone into a new workbook.",
    )  # fmt: skip


def too_many_rows(limits: dict[str, int]) -> Refused:
    return Refused(
        Said("more than %(a)s rows", a=f"{limits['rows']:,}"),
        Said("at most %(a)s rows", a=f"{limits['rows']:,}"),
        "Split the list into several files, or delete unused rows below it.",
    )


def plain(value: Any) -> Any:
    """A cell as JSON: text, number, true or false, or a marked date or time; None if empty."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    if isinstance(value, int):
        return value if abs(value) < 10**15 else float(value)
    if isinstance(value, dt.datetime):
        return {"d": value.isoformat()}
    if isinstance(value, dt.date):
        return {"d": value.isoformat()}
    if isinstance(value, dt.time):
        return {"t": value.isoformat()}
    return {"t": str(value)}


def emit(
    rows: Iterable[Cells],
    limits: dict[str, int],
    say: Callable[[dict[str, Any]], None],
    name: str,
) -> None:
    """Send the rows; refuse the whole file for hidden control characters or endless cells."""
    write = sys.stdout.write
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    longest = limits["cell_characters"]
    bad: list[tuple[int, int, str]] = []
    filled = 0
    for number, row in enumerate(rows, start=1):
        while row and row[-1] is None:
            row.pop()
        if row:
            filled = number
        for column, cell in enumerate(row):
            if type(cell) is str:
                if len(cell) > longest:
                    bad.append(
                        (
                            number,
                            column,
                            packed(Said("more than %(a)s characters", a=f"{longest:,}")),
                        )
                    )
                elif not cell.isprintable() and CONTROL.search(cell):
                    bad.append(
                        (number, column, "hidden control or direction-override characters")
                    )
                    row[column] = None
        if len(bad) > 1000:
            break
        write(encode(row))
        write("\n")
    say({"rows_end": name, "filled": filled, "bad": bad[:1000]})
