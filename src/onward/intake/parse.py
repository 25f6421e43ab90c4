"""The locked room where a stranger's file is opened.

A spreadsheet from outside may be broken, enormous or hostile, and the parsers that read it are
not ours. So it is read in a process of its own that may use little memory and little time and
can open no other file and no connection. In: the file as standard input and one line of JSON
as the only argument. Out: lines of JSON on standard output: first what the file is, then every
row, then how it ended. `read.py` starts this process and is the only one that should.
"""

from __future__ import annotations

import csv
import ctypes
import datetime as dt
import io
import json
import os
import re
import resource
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

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

OLE_HEADER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e\ufffe\uffff\ud800-\udfff]"
)


class Refused(Exception):
    """The file cannot be read; carries what a person should be told."""

    def __init__(
        self, found: str, allowed: str = "", remedy: str = "", where: str = ""
    ) -> None:
        super().__init__(found)
        self.told = {"found": found, "allowed": allowed, "remedy": remedy, "where": where}


class Asked(Exception):
    """The file can be read in more than one way; carries the question."""

    def __init__(self, about: str, text: str, options: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.question = {"about": about, "text": text, "options": options}


Cells = list[Any]


# ---------------------------------------------------------------- the walls


def lock_down(memory_bytes: int, cpu_seconds: int) -> None:
    """Take away memory, time, files and connections. Everything needed is imported before."""
    try:
        # No new privileges, and a network of one's own with nobody in it, where the system
        # lets us. The file limit below is what is relied upon everywhere.
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)
        libc.unshare(0x40000000)
    except (OSError, AttributeError):
        pass
    os.closerange(3, 4096)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # With no free file number left, neither a file nor a connection can be opened.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _read_all(source: BinaryIO, limit: int) -> bytes:
    data = source.read(limit + 1)
    if len(data) > limit:
        raise Refused(
            f"the file is larger than {limit // MEBIBYTE} MB",
            f"at most {limit // MEBIBYTE} MB",
            "Split the list into several files.",
        )
    return data


# ---------------------------------------------------------------- what kind of file


def _kind(data: bytes, name: str) -> str:
    """The kind of file by its content; its name only settles plain text."""
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if suffix in {"xlsm", "xltm", "xlam", "xlsb"}:
        raise Refused(
            f"a .{suffix} file, which can hold macros or is not an open format",
            "a workbook without macros (.xlsx or .ods)",
            "Save it as .xlsx and load that.",
        )
    if not data.strip(b" \t\r\n\x00"):
        raise Refused("the file is empty", "a list with a header row")
    if data.startswith(OLE_HEADER):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise Refused(
                "the workbook is protected with a password",
                "a workbook without a password",
                "Remove the password in the spreadsheet program and save again.",
            )
        raise Refused(
            "an old binary workbook (.xls)",
            ".xlsx, .ods, .csv, .tsv or .jsonl",
            "Save it as .xlsx and load that.",
        )
    if data.startswith(b"PK"):
        return "zip"
    if data.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"\x1f\x8b")):
        raise Refused("not a list of any kind this room reads", ".xlsx, .ods, .csv or .jsonl")
    if suffix in {"xlsx", "ods"}:
        raise Refused(
            f"named .{suffix}, but it is not a workbook (damaged, cut short, or renamed)",
            f"a complete .{suffix} file",
            "Open it in the spreadsheet program, save it again, and load that.",
        )
    if suffix in {"json", "jsonl", "ndjson", "geojson"}:
        return "json"
    return "text"


# ---------------------------------------------------------------- workbooks

HIDDEN_ROW = re.compile(
    rb'<(?:\w+:)?row\b(?=[^>]*\shidden="(?:1|true)")[^>]*?\sr="(\d+)"|'
    rb'<(?:\w+:)?row\b(?=[^>]*\shidden="(?:1|true)")[^>]*>'
)
HIDDEN_COLUMN = re.compile(
    rb'<(?:\w+:)?col\b(?=[^>]*\shidden="(?:1|true)")'
    rb'(?=[^>]*\smin="(\d+)")(?=[^>]*\smax="(\d+)")[^>]*>'
)
ROW_NUMBER = re.compile(rb'<(?:\w+:)?row\b[^>]*?\sr="(\d+)"')
FAR_COLUMN = re.compile(rb'<(?:\w+:)?c\b[^>]*?\sr="(G[S-Z]|[H-Z][A-Z]|[A-Z]{3})\d')
ERROR_CELL = re.compile(rb'<(?:\w+:)?c\b(?=[^>]*\st="e")(?:[^>]*?\sr="([A-Z]{1,3}\d+)")?')
FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
EMPTY_FORMULA = re.compile(
    rb'<(?:\w+:)?c\b(?:[^>]*?\sr="([A-Z]{1,3}\d+)")?[^>]*>\s*'
    rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
# A text cell that points before the list of texts, or a number cell without a number: the parser
# would make something of both.
WRONG_CELL = re.compile(
    rb'<(?:\w+:)?c\b(?:[^>]*\st="s"[^>]*>\s*<(?:\w+:)?v>[^<\d]|'
    rb"(?![^>]*\st=)[^>/]*>\s*<(?:\w+:)?v>[^<\d.+-])"
)
ODS_HIDDEN = re.compile(
    rb'<table:table-(row|column)\b[^>]*table:visibility="(?:collapse|filter)"'
)
ODS_FORMULA = re.compile(rb"\stable:formula=")
ODS_ERROR = re.compile(rb'calcext:value-type="error"')
OVERLAP = 4096

FORBIDDEN_PARTS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"vbaProject|vbaData|macrosheets/|^Basic/|^Scripts/|activeX", re.I),
        "the workbook holds macros or active content",
        "Save it as .xlsx without macros and load that.",
    ),
    (
        re.compile(r"externalLinks/|connections\.xml|queryTables/|^xl/model/", re.I),
        "the workbook draws values from other files",
        "Paste the values into a new workbook (paste special, values) and load that.",
    ),
    (
        re.compile(r"embeddings/|^Object \d+/", re.I),
        "the workbook holds other files inside",
        "Paste the values into a new workbook (paste special, values) and load that.",
    ),
    (
        re.compile(r"xl/workbook\.bin|EncryptedPackage", re.I),
        "a binary or encrypted workbook",
        "Save it as .xlsx without a password and load that.",
    ),
)
FORBIDDEN_TEXT: tuple[tuple[bytes, str, str], ...] = (
    (b"<!DOCTYPE", "the workbook defines its own text entities", "Save it again as .xlsx."),
    (b"<!ENTITY", "the workbook defines its own text entities", "Save it again as .xlsx."),
    (
        b"macroEnabled",
        "the workbook is of a kind that can hold macros",
        "Save it as .xlsx and load that.",
    ),
    (
        b"manifest:encryption-data",
        "the workbook is protected with a password",
        "Remove the password in the spreadsheet program and save again.",
    ),
    (
        b"<table:table-source",
        "the workbook draws values from other files",
        "Paste the values into a new workbook (paste special, values) and load that.",
    ),
    (
        b"<ddeLink",
        "the workbook draws values from other programs",
        "Paste the values into a new workbook (paste special, values) and load that.",
    ),
)


class _PartReport:
    """What one sheet's stored text says beyond its values."""

    def __init__(self) -> None:
        self.hidden_rows: set[int] = set()
        self.hidden_rows_unnumbered = 0
        self.hidden_columns: set[int] = set()
        self.error_cells: list[str] = []
        self.error_count = 0
        self.formulas = 0
        self.empty_formulas: list[str] = []
        self.last_row = 0


def _look(report: _PartReport, text: bytes, fresh_from: int) -> None:
    """Note what the text says; matches that end before `fresh_from` were seen already."""
    if b"hidden=" in text:
        for hit in HIDDEN_ROW.finditer(text):
            if hit.end() > fresh_from:
                if hit[1]:
                    report.hidden_rows.add(int(hit[1]))
                else:
                    report.hidden_rows_unnumbered += 1
        for hit in HIDDEN_COLUMN.finditer(text):
            first, last = int(hit[1]), min(int(hit[2]), 16384)
            report.hidden_columns.update(range(first, last + 1))
    if b't="e"' in text:
        for hit in ERROR_CELL.finditer(text):
            if hit.end() > fresh_from:
                report.error_count += 1
                if hit[1] and len(report.error_cells) < 1000:
                    report.error_cells.append(hit[1].decode())
    if FORMULA.search(text):
        report.formulas += sum(1 for hit in FORMULA.finditer(text) if hit.end() > fresh_from)
        for hit in EMPTY_FORMULA.finditer(text):
            if hit.end() > fresh_from and len(report.empty_formulas) < 1000:
                report.empty_formulas.append((hit[1] or b"an unnumbered cell").decode())
    for last in ROW_NUMBER.findall(text)[-1:]:
        report.last_row = max(report.last_row, int(last) if len(last) < 12 else 10**9)
    if b"table:visibility=" in text:
        for hit in ODS_HIDDEN.finditer(text):
            if hit.end() > fresh_from:
                if hit[1] == b"row":
                    report.hidden_rows_unnumbered += 1
                else:
                    report.hidden_columns.add(-1)
    if b"table:formula=" in text:
        report.formulas += sum(
            1 for hit in ODS_FORMULA.finditer(text) if hit.end() > fresh_from
        )
    if b'"error"' in text:
        report.error_count += sum(
            1 for hit in ODS_ERROR.finditer(text) if hit.end() > fresh_from
        )


def _form_archive(data: bytes, limits: dict[str, int]) -> zipfile.ZipFile | None:
    """The archive, when it holds CSV files and nothing else."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeError, OSError):
        return None
    names = [entry.filename for entry in entries]
    if not names or len(names) > limits["entries"] or len(set(names)) != len(names):
        return None
    if any(not name.endswith(".csv") for name in names) or any(
        entry.flag_bits & 1 for entry in entries
    ):
        return None
    return archive


def _inspect(data: bytes, limits: dict[str, int]) -> tuple[dict[str, _PartReport], bool]:
    """Unpack every part once, counting as we go, and look for what we refuse or report."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeError, OSError) as bad:
        raise _damaged() from bad
    if len(entries) > limits["entries"]:
        raise Refused(
            f"the workbook is made of {len(entries)} parts",
            f"at most {limits['entries']}",
            "Copy the list alone into a new workbook.",
        )
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise _damaged()
    for pattern, found, remedy in FORBIDDEN_PARTS:
        if any(pattern.search(name) for name in names):
            raise Refused(found, "a workbook that holds values only", remedy)
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused(
            "the workbook is protected with a password",
            "a workbook without a password",
            "Remove the password in the spreadsheet program and save again.",
        )
    is_ods = "content.xml" in names
    if not is_ods and "xl/workbook.xml" not in names:
        raise Refused(
            "a zip archive that is not a workbook",
            ".xlsx or .ods",
            "Unpack it and load the list inside.",
        )
    reports: dict[str, _PartReport] = {}
    total = 0
    for entry in entries:
        report = _PartReport()
        size, tail = 0, b""
        is_text = entry.filename.endswith((".xml", ".rels"))
        try:
            with archive.open(entry) as part:
                while chunk := part.read(MEBIBYTE):
                    size += len(chunk)
                    total += len(chunk)
                    if total > limits["inflated_bytes"]:
                        raise _bomb(limits)
                    # A small part may shrink a lot honestly; a big one may not.
                    if size > MEBIBYTE and size > limits["ratio"] * max(entry.compress_size, 1):
                        raise _bomb(limits)
                    if is_text:
                        text = tail + chunk
                        for marker, found, remedy in FORBIDDEN_TEXT:
                            if marker in text:
                                raise Refused(
                                    found, "a workbook that holds values only", remedy
                                )
                        _look(report, text, len(tail))
                        if WRONG_CELL.search(text):
                            raise _damaged()
                        if FAR_COLUMN.search(text):
                            raise Refused(
                                f"a sheet has more than {limits['columns']} columns",
                                f"at most {limits['columns']} columns",
                                "Delete the unused columns to the right of the list.",
                            )
                        tail = text[-OVERLAP:]
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as bad:
            raise _damaged() from bad
        except (OSError, ValueError) as bad:
            raise _damaged() from bad
        if report.last_row > limits["rows"]:
            raise _too_many_rows(limits)
        reports[entry.filename] = report
    return reports, is_ods


def _plain_names(names: Iterable[str]) -> None:
    """Names of sheets are shown on screens: they may not hold what steers a terminal."""
    if any(CONTROL.search(name) for name in names):
        raise Refused(
            "a sheet whose name holds hidden control or direction-override characters",
            "visible letters",
            "Rename the sheet.",
        )


def _damaged() -> Refused:
    return Refused(
        "the workbook is damaged or cut short",
        "a complete .xlsx or .ods file",
        "Open it in the spreadsheet program, save it again, and load that.",
    )


def _bomb(limits: dict[str, int]) -> Refused:
    return Refused(
        "the workbook unpacks to far more than a list of people needs",
        f"at most {limits['inflated_bytes'] // MEBIBYTE} MB unpacked and "
        f"{limits['ratio']} times the packed size",
        "Copy the list alone into a new workbook.",
    )


def _too_many_rows(limits: dict[str, int]) -> Refused:
    return Refused(
        f"more than {limits['rows']:,} rows",
        f"at most {limits['rows']:,} rows",
        "Split the list into several files, or delete unused rows below it.",
    )


def _sheet_parts(data: bytes) -> dict[str, str]:
    """Sheet name -> name of the part that holds it (.xlsx only)."""
    from xml.etree import ElementTree

    archive = zipfile.ZipFile(io.BytesIO(data))
    parts: dict[str, str] = {}
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (ElementTree.ParseError, KeyError, UnicodeError) as bad:
        raise _damaged() from bad
    targets = {link.get("Id"): link.get("Target") or "" for link in links}
    for sheet in book.iter():
        if sheet.tag.rsplit("}", 1)[-1] != "sheet":
            continue
        key = next((v for k, v in sheet.attrib.items() if k.endswith("}id")), None)
        target = targets.get(key, "")
        parts[sheet.get("name") or ""] = (
            target.lstrip("/") if target.startswith("/") else "xl/" + target
        )
    return parts


def _plain(value: Any) -> Any:
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


def _workbook(
    data: bytes, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> None:
    import python_calamine

    limits = order["limits"]
    if (archive := _form_archive(data, limits)) is not None:
        _archive(archive, order, say)
        return
    reports, is_ods = _inspect(data, limits)
    parts = {} if is_ods else _sheet_parts(data)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    except python_calamine.PasswordError as bad:
        raise Refused(
            "the workbook is protected with a password",
            "a workbook without a password",
            "Remove the password in the spreadsheet program and save again.",
        ) from bad
    except (python_calamine.CalamineError, OSError, ValueError) as bad:
        raise _damaged() from bad
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
    _plain_names(name for name, _ in metadata)
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
                        f"a sheet has more than {limits['columns']} columns",
                        f"at most {limits['columns']} columns",
                        "Delete the unused columns to the right of the list.",
                    )
                raise _too_many_rows(limits)
            start = sheet.start
            if start is None:
                return []
            # The iterator gives the empty rows above the list but not the columns left of it.
            pad = [None] * start[1]
            rows = [pad + [_plain(cell) for cell in row] for row in sheet.iter_rows()]
        except (python_calamine.CalamineError, ValueError, OSError) as bad:
            raise _damaged() from bad
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
        report = reports.get("content.xml" if is_ods else part, _PartReport())
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
        _emit(cache.get(name) or rows_of(name), limits, say, name)


# ---------------------------------------------------------------- text with delimiters


def _decode(data: bytes, encoding: str | None) -> tuple[str, str, str]:
    """(text, encoding, how it was found: "stated" | "marked" | "proved" | "plain")."""
    if encoding is not None:
        if encoding not in ENCODINGS:
            raise Refused(
                "an encoding this room does not know", "one of " + ", ".join(ENCODINGS)
            )
        try:
            text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError as bad:
            line = data[: bad.start].count(b"\n") + 1
            raise Refused(
                f"bytes that are not {encoding}",
                "the encoding the file was saved in",
                "Name another encoding, or save the list again as UTF-8.",
                where=f"line {line}",
            ) from bad
        return text.removeprefix("\ufeff"), encoding, "stated"
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            try:
                return data.decode("utf-8-sig" if name == "utf-8" else name), name, "marked"
            except UnicodeDecodeError as bad:
                line = data[: bad.start].count(b"\n") + 1
                raise Refused(
                    f"marked as {name}, but some bytes are not: two encodings are mixed",
                    "one encoding throughout",
                    "Open it in the spreadsheet program and save it as UTF-8.",
                    where=f"line {line}",
                ) from bad
    if b"\x00" in data:
        raise Refused(
            "bytes that are no text (NUL)",
            "a text file, or a workbook",
            "Open it in the spreadsheet program and save it as .csv in UTF-8.",
            where=f"line {data[: data.index(0)].count(10) + 1}",
        )
    try:
        text = data.decode("utf-8")
        return text, "utf-8", "plain" if data.isascii() else "proved"
    except UnicodeDecodeError:
        pass
    sample = b"\n".join(line for line in data.split(b"\n")[:2000] if not line.isascii())[:4000]
    options = []
    for name in EIGHT_BIT_OFFERED:
        try:
            data.decode(name)
        except UnicodeDecodeError:
            continue
        # Shown on screens before anything was checked: no character may steer a terminal.
        seen = CONTROL.sub("\ufffd", sample.decode(name))
        options.append((-_plausible(seen), name, seen[:300]))
    options.sort(key=lambda option: option[0])
    raise Asked(
        "encoding",
        "The file is not Unicode. In which of these does it read correctly?",
        [
            {"value": name, "label": ENCODINGS[name], "preview": preview}
            for _, name, preview in options
        ],
    )


PERSIAN_ARABIC = re.compile("[ء-غف-يپچژکگی\u200c]{2,}")
LATIN_WORD = re.compile("[A-Za-zÀ-ÖØ-öø-ÿĞğİıŞş]{2,}")


def _plausible(text: str) -> float:
    """A score that only orders the encodings a person chooses from."""
    odd = sum(1 for c in text if not c.isascii())
    if not odd:
        return 0.0
    arabic = sum(
        len(word) for word in PERSIAN_ARABIC.findall(text) if len(word) >= 3 or word.isalpha()
    )
    latin = sum(
        sum(1 for c in word if not c.isascii())
        for word in LATIN_WORD.findall(text)
        if sum(1 for c in word if c.isascii()) >= len(word) / 2
    )
    return (arabic + latin) / odd


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _widths(text: str, delimiter: str, count: int = 200) -> list[int]:
    widths = []
    try:
        for record in _records(text, delimiter):
            if any(cell.strip() for cell in record):
                widths.append(len(record))
            if len(widths) >= count:
                break
    except csv.Error:
        return []
    return widths


def _find_delimiter(text: str, delimiter: str | None) -> tuple[str, str]:
    if delimiter is not None:
        if delimiter not in DELIMITERS:
            raise Refused(
                "a delimiter this room does not know",
                "one of " + ", ".join(DELIMITERS.values()),
            )
        return delimiter, "stated"
    steady = []
    present = []
    for candidate in DELIMITERS:
        if candidate not in text:
            continue
        present.append(candidate)
        widths = _widths(text, candidate)
        if widths and widths[0] > 1 and len(set(widths)) == 1:
            steady.append((candidate, widths[0]))
    if len(steady) == 1:
        return steady[0][0], "proved"
    if len(present) == 1:
        return present[0], "proved"
    if not present:
        return ",", "plain"
    # Several would do, or none does evenly: a person must say.
    options = steady or [(c, (_widths(text, c) or [0])[0]) for c in present]
    options.sort(key=lambda option: -option[1])
    raise Asked(
        "delimiter",
        "What stands between the columns of this file?",
        [
            {"value": c, "label": DELIMITERS[c], "preview": f"{width} columns in the first row"}
            for c, width in options
        ],
    )


def _table(
    data: bytes, order: dict[str, Any], *, delimiter: str | None = None
) -> tuple[list[Cells], str, str, str, str]:
    """(rows, encoding, how it was found, delimiter, how it was found) of one text file."""
    limits = order["limits"]
    text, encoding, encoding_by = _decode(data, order.get("encoding"))
    if (at := text.find("\x00")) >= 0:
        raise Refused(
            "bytes that are no text (NUL)",
            "a text file, or a workbook",
            "Open it in the spreadsheet program and save it as .csv in UTF-8.",
            where=f"line {text.count(chr(10), 0, at) + 1}",
        )
    delimiter, delimiter_by = _find_delimiter(text, delimiter or order.get("delimiter"))
    csv.field_size_limit(limits["cell_characters"])
    rows: list[Cells] = []
    reader: Any = _records(text, delimiter)
    started = 1
    header = 0
    try:
        for record in reader:
            if len(rows) >= limits["rows"] + 1:
                raise _too_many_rows(limits)
            if len(record) > limits["columns"]:
                raise Refused(
                    f"more than {limits['columns']} columns",
                    f"at most {limits['columns']} columns",
                    "Check the delimiter.",
                    where=f"line {started}",
                )
            header = header or len(record)
            for cell in record:
                # One lost quote swallows rows until the next quote, often without an error.
                if header > 1 and "\n" in cell:
                    inner = max(line.count(delimiter) for line in cell.splitlines())
                    if inner >= header - 1:
                        raise Refused(
                            "a cell that holds whole rows: a quotation mark is missing or too many",
                            "quotation marks in pairs",
                            "Mend the quotation marks from this line on, or save it as .xlsx.",
                            where=f"line {started}",
                        )
            rows.append([cell if cell.strip() else None for cell in record])
            started = reader.line_num + 1
    except csv.Error as bad:
        long_cell = "field larger" in str(bad)
        raise Refused(
            f"a cell of more than {limits['cell_characters']:,} characters, "
            "or a quotation mark that is never closed"
            if long_cell
            else "quotation marks that do not pair up",
            "quotation marks in pairs, doubled inside a quoted cell",
            "Mend the quotation marks from this line on, or save the list as .xlsx.",
            where=f"line {started}",
        ) from bad
    return rows, encoding, encoding_by, delimiter, delimiter_by


def _text(data: bytes, order: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
    rows, encoding, encoding_by, delimiter, delimiter_by = _table(data, order)
    say(
        {
            "kind": "text",
            "sheets": [("", True)],
            "encoding": encoding,
            "encoding_by": encoding_by,
            "delimiter": delimiter,
            "delimiter_by": delimiter_by,
        }
    )
    say({"sheet": ""})
    _emit(rows, order["limits"], say, "")


# ---------------------------------------------------------------- archives of form exports


def _archive(
    archive: zipfile.ZipFile, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> None:
    """A form's export as a zip of CSV files: one for the submissions, one for each repeat.

    Sheets are named after the repeats, the submissions `main`; columns of a repeat are named by
    their whole path and KEY and PARENT_KEY as in other exports, so that one profile reads all.
    """
    limits = order["limits"]
    stems = {
        entry.filename.rsplit("/", 1)[-1].removesuffix(".csv"): entry
        for entry in archive.infolist()
        if not entry.is_dir()
    }
    _plain_names(stems)
    form = min(stems, key=len)
    others = [stem for stem in stems if stem != form]
    if any(not stem.startswith(form + "-") for stem in others):
        raise Refused(
            "an archive of several files that are not one form's export",
            "the submissions of one form with their repeated groups",
            "Unpack it and load each list by itself.",
        )
    names = {MAIN: form, **{stem.removeprefix(form + "-"): stem for stem in others}}
    tables: dict[str, list[Cells]] = {}
    size = 0
    encoding = encoding_by = ""
    for name, stem in names.items():
        data = bytearray()
        try:
            with archive.open(stems[stem]) as part:
                while chunk := part.read(MEBIBYTE):
                    data += chunk
                    size += len(chunk)
                    if size > limits["inflated_bytes"]:
                        raise _bomb(limits)
                    packed = max(stems[stem].compress_size, 1)
                    if len(data) > MEBIBYTE and len(data) > limits["ratio"] * packed:
                        raise _bomb(limits)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as bad:
            raise _damaged() from bad
        rows, encoding, encoding_by, _, _ = _table(bytes(data), order, delimiter=",")
        header = [_path_in_form(str(cell or ""), name) for cell in rows[0]] if rows else []
        tables[name] = [header, *rows[1:]]
    say(
        {
            "kind": "zip",
            "sheets": [(name, True) for name in tables],
            "encoding": encoding,
            "encoding_by": encoding_by,
        }
    )
    wanted = list(order.get("sheets") or [])
    for name in wanted:
        if name not in tables:
            raise Refused(
                "no part of the name asked for", "one of the file's parts: " + ", ".join(tables)
            )
    if not wanted and len(tables) > 1:
        raise Asked(
            "sheet",
            "The submissions hold repeated groups. Which part is the list?",
            [{"value": n, "label": f"{n} ({len(r) - 1} rows)"} for n, r in tables.items()],
        )
    for name in wanted or [MAIN]:
        say({"sheet": name})
        _emit(tables[name], limits, say, name)


def _path_in_form(column: str, table: str) -> str:
    if column in ("KEY", "PARENT_KEY"):
        return {"KEY": "_index", "PARENT_KEY": "_parent_index"}[column]
    path = column.replace("-", "/")
    return path if table == MAIN or not path else f"{table}/{path}"


# ---------------------------------------------------------------- JSON, also Kobo and ODK


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return made


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _submissions(text: str) -> list[tuple[int, dict[str, Any]]]:
    """(line or position, object) for JSON Lines, an array, or Kobo's {"results": [...]}"""
    decode = json.JSONDecoder(object_pairs_hook=_no_doubles, parse_constant=_no_constant).decode
    stripped = text.lstrip()
    whole: Any = None
    try:
        whole = decode(stripped)
    except ValueError:
        whole = None
    except RecursionError as bad:
        raise Refused("objects nested too deeply", "a list of flat objects") from bad
    if isinstance(whole, dict) and isinstance(whole.get("results"), list):
        whole = whole["results"]
    elif isinstance(whole, dict) and isinstance(whole.get("value"), list):
        whole = whole["value"]  # ODK Central (OData)
    if isinstance(whole, list):
        made = list(enumerate(whole, start=1))
    else:
        made = []
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                made.append((number, decode(line)))
            except RecursionError as bad:
                raise Refused(
                    "objects nested too deeply", "flat objects", where=f"line {number}"
                ) from bad
            except ValueError as bad:
                raise Refused(
                    "not a complete JSON object on its own line",
                    "one object per line, no key twice, or one array of objects",
                    "Export the list again.",
                    where=f"line {number}",
                ) from bad
    for number, item in made:
        if not isinstance(item, dict):
            raise Refused(
                "something other than an object", "objects only", where=f"entry {number}"
            )
    return made


def _flatten(
    item: dict[str, Any],
    prefix: str,
    flat: dict[str, Any],
    repeats: list[tuple[str, list[Any]]],
    depth: int = 0,
) -> None:
    if depth > 20:
        raise Refused("objects nested too deeply", "at most 20 levels")
    for key, value in item.items():
        # Kobo writes the whole path in every key, ODK Central nests objects: both end alike.
        path = key if not prefix or key.startswith(prefix + "/") else f"{prefix}/{key}"
        if isinstance(value, dict):
            _flatten(value, path, flat, repeats, depth + 1)
        elif isinstance(value, list):
            if value and all(isinstance(entry, dict) for entry in value):
                repeats.append((path, value))
            elif all(not isinstance(entry, dict | list) for entry in value):
                if value:
                    flat[path] = " ".join(str(entry) for entry in value)
            else:
                raise Refused(
                    "a list that mixes objects and values", "lists of one kind", where=path
                )
        else:
            flat[path] = value


def _json(data: bytes, order: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
    limits = order["limits"]
    text, encoding, encoding_by = _decode(data, order.get("encoding") or "utf-8")
    tables: dict[str, list[dict[str, Any]]] = {"main": []}

    def place(sheet: str, item: dict[str, Any], prefix: str, parent: int | None) -> None:
        flat: dict[str, Any] = {}
        repeats: list[tuple[str, list[Any]]] = []
        _flatten(item, prefix, flat, repeats)
        table = tables.setdefault(sheet, [])
        if len(table) >= limits["rows"]:
            raise _too_many_rows(limits)
        flat["_index"] = len(table) + 1
        if parent is not None:
            flat["_parent_index"] = parent
        table.append(flat)
        own = len(table)
        for path, entries in repeats:
            for entry in entries:
                place(path.rsplit("/", 1)[-1], entry, path, own)

    for _, item in _submissions(text):
        place("main", item, "", None)
    if not tables["main"]:
        raise Refused("the file holds no object", "one object for each submission")
    say(
        {
            "kind": "json",
            "sheets": [(name, True) for name in tables],
            "encoding": encoding,
            "encoding_by": encoding_by,
        }
    )
    wanted = list(order.get("sheets") or [])
    for name in wanted:
        if name not in tables:
            raise Refused(
                "no part of the name asked for", "one of the file's parts: " + ", ".join(tables)
            )
    if not wanted and len(tables) > 1:
        raise Asked(
            "sheet",
            "The submissions hold repeated groups. Which part is the list?",
            [{"value": n, "label": f"{n} ({len(rows)} rows)"} for n, rows in tables.items()],
        )
    for name in wanted or ["main"]:
        columns: dict[str, None] = {}
        for flat in tables[name]:
            columns.update(dict.fromkeys(flat))
        if len(columns) > limits["columns"]:
            raise Refused(
                f"more than {limits['columns']} different keys",
                f"at most {limits['columns']}",
                "Export only the questions you need.",
            )
        rows: list[Cells] = [list(columns)]
        for flat in tables[name]:
            rows.append([_plain(flat.get(column)) for column in columns])
        say({"sheet": name})
        _emit(rows, limits, say, name)


# ---------------------------------------------------------------- out


def _emit(
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
                    bad.append((number, column, f"more than {longest:,} characters"))
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


def main() -> int:
    order = json.loads(sys.argv[1])
    # Everything that may be needed is loaded now: later nothing can be opened.
    import encodings.idna  # noqa: F401
    from xml.etree import ElementTree  # noqa: F401

    import python_calamine  # noqa: F401

    for name in ENCODINGS:
        "".encode(name)
    "".encode("utf-8-sig")
    source = sys.stdin.buffer
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]

    def say(line: dict[str, Any]) -> None:
        sys.stdout.write("#" + json.dumps(line, ensure_ascii=False) + "\n")

    lock_down(order["limits"]["memory_bytes"], order["limits"]["cpu_seconds"])
    return serve(source, order, say)


def serve(
    source: BinaryIO, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> int:
    """Read one file and say what it is; every way of failing ends in one line."""
    try:
        data = _read_all(source, order["limits"]["file_bytes"])
        kind = _kind(data, order["name"])
        {"zip": _workbook, "json": _json, "text": _text}[kind](data, order, say)
        say({"end": True})
    except Refused as refused:
        say({"refused": refused.told})
    except Asked as asked:
        say({"asked": asked.question})
    except (MemoryError, RecursionError):
        say({"refused": {"found": "memory", "allowed": "", "remedy": "", "where": ""}})
    except Exception:
        # Any other fault of a parser is the file's fault, never ours to show.
        say({"refused": {"found": "damaged", "allowed": "", "remedy": "", "where": ""}})
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
