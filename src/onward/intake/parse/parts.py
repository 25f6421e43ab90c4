"""The parts of a packed workbook: unpacked once, counted, and searched for what is refused or reported."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from onward.intake.parse.answers import MEBIBYTE, Refused, bomb, damaged, too_many_rows
from onward.said import Said

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


class PartReport:
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


def _look(report: PartReport, text: bytes, fresh_from: int) -> None:
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


def form_archive(data: bytes, limits: dict[str, int]) -> zipfile.ZipFile | None:
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


def inspect(data: bytes, limits: dict[str, int]) -> tuple[dict[str, PartReport], bool]:
    """Unpack every part once, counting as we go, and look for what we refuse or report."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeError, OSError) as bad:
        raise damaged() from bad
    if len(entries) > limits["entries"]:
        raise Refused(
            Said("the workbook is made of %(a)s parts", a=len(entries)),
            Said("at most %(a)s", a=limits["entries"]),
            "Copy the list alone into a new workbook.",
        )
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise damaged()
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
    reports: dict[str, PartReport] = {}
    total = 0
    for entry in entries:
        report = PartReport()
        size, tail = 0, b""
        is_text = entry.filename.endswith((".xml", ".rels"))
        try:
            with archive.open(entry) as part:
                while chunk := part.read(MEBIBYTE):
                    size += len(chunk)
                    total += len(chunk)
                    if total > limits["inflated_bytes"]:
                        raise bomb(limits)
                    # A small part may shrink a lot honestly; a big one may not.
                    if size > MEBIBYTE and size > limits["ratio"] * max(entry.compress_size, 1):
                        raise bomb(limits)
                    if is_text:
                        text = tail + chunk
                        for marker, found, remedy in FORBIDDEN_TEXT:
                            if marker in text:
                                raise Refused(
                                    found, "a workbook that holds values only", remedy
                                )
                        _look(report, text, len(tail))
                        if WRONG_CELL.search(text):
                            raise damaged()
                        if FAR_COLUMN.search(text):
                            raise Refused(
                                Said(
                                    "a sheet has more than %(a)s columns", a=limits["columns"]
                                ),
                                Said("at most %(a)s columns", a=limits["columns"]),
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
            raise damaged() from bad
        except (OSError, ValueError) as bad:
            raise damaged() from bad
        if report.last_row > limits["rows"]:
            raise too_many_rows(limits)
        reports[entry.filename] = report
    return reports, is_ods


def sheet_parts(data: bytes) -> dict[str, str]:
    """Sheet name -> name of the part that holds it (.xlsx only)."""
    from xml.etree import ElementTree

    archive = zipfile.ZipFile(io.BytesIO(data))
    parts: dict[str, str] = {}
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (ElementTree.ParseError, KeyError, UnicodeError) as bad:
        raise damaged() from bad
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
