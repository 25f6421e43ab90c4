"""Text with delimiters: its encoding, its delimiter, its rows. What could be read two ways is asked."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from onward.intake.parse.answers import (
    CONTROL,
    DELIMITERS,
    EIGHT_BIT_OFFERED,
    ENCODINGS,
    Asked,
    Cells,
    Refused,
    emit,
    too_many_rows,
)
from onward.said import Listed, Said, packed


def decode(data: bytes, encoding: str | None) -> tuple[str, str, str]:
    """(text, encoding, how it was found: "stated" | "marked" | "proved" | "plain")."""
    if encoding is not None:
        if encoding not in ENCODINGS:
            raise Refused(
                "an encoding this room does not know", Said("one of %(a)s", a=Listed(ENCODINGS))
            )
        try:
            text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError as bad:
            line = data[: bad.start].count(b"\n") + 1
            raise Refused(
                Said("bytes that are not %(a)s", a=encoding),
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
                    Said(
                        "marked as %(a)s, but some bytes are not: two encodings are mixed",
                        a=name,
                    ),
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
                Said("one of %(a)s", a=Listed(DELIMITERS.values())),
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
            {
                "value": c,
                "label": DELIMITERS[c],
                "preview": packed(Said("%(a)s columns in the first row", a=width)),
            }
            for c, width in options
        ],
    )


def table_of(
    data: bytes, order: dict[str, Any], *, delimiter: str | None = None
) -> tuple[list[Cells], str, str, str, str]:
    """(rows, encoding, how it was found, delimiter, how it was found) of one text file."""
    limits = order["limits"]
    text, encoding, encoding_by = decode(data, order.get("encoding"))
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
                raise too_many_rows(limits)
            if len(record) > limits["columns"]:
                raise Refused(
                    Said("more than %(a)s columns", a=limits["columns"]),
                    Said("at most %(a)s columns", a=limits["columns"]),
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
            Said(
                "a cell of more than %(a)s characters, or a quotation mark that is never closed",
                a=f"{limits['cell_characters']:,}",
            )
            if long_cell
            else "quotation marks that do not pair up",
            "quotation marks in pairs, doubled inside a quoted cell",
            "Mend the quotation marks from this line on, or save the list as .xlsx.",
            where=f"line {started}",
        ) from bad
    return rows, encoding, encoding_by, delimiter, delimiter_by


def read_text(
    data: bytes, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> None:
    rows, encoding, encoding_by, delimiter, delimiter_by = table_of(data, order)
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
    emit(rows, order["limits"], say, "")
