"""The rows of one CSV of placement, cell by cell, with every fault and nothing lost.

One bad cell must not hide the others, so a row with faults is kept with what could be read of
it, a quote that is never closed costs its own row only, and text in another encoding is told by
the cells that hold it. In: a path and the name of its table in `columns`. Out: a `Sheet`.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onward.errors import Fault, one_of
from onward.placement.inputs.columns import EVERY, LONG_TEXT, NotAllowed

Row = tuple[int, dict[str, Any]]
"""The line of a file on which a row begins, and its values."""
Seen = dict[str, dict[str, Any]]
"""Of each column the cells that were read before, with their values."""

ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
LONGEST = 10_000
REMEMBERED = 100_000
"""How many different cells of a column are remembered, so that the same text is read once."""
UNREADABLE = re.compile("[\ud800-\udfff\0\ufffd]")
NOT_UTF8 = "Save the file again as CSV UTF-8."


@dataclass(frozen=True)
class Sheet:
    """rows are without a fault; partial ones have faults and hold what could be read of them."""

    name: str
    header: frozenset[str]
    rows: tuple[Row, ...]
    partial: tuple[Row, ...] = ()

    @property
    def known(self) -> tuple[Row, ...]:
        """All rows, in the order of the file."""
        if not self.partial:
            return self.rows
        return tuple(sorted((*self.rows, *self.partial), key=lambda row: row[0]))

    def names(self, column: str) -> frozenset[str] | None:
        """The names in a column; None when some row's could not be read, or the column is missing."""
        if column not in self.header or any(column not in values for _, values in self.partial):
            return None
        return frozenset(values[column] for _, values in self.known if column in values)


def nothing(name: str = "") -> Sheet:
    return Sheet(name, frozenset(), ())


def read_text(path: Path, what: str, faults: list[Fault]) -> str | None:
    """The text of a file, without a byte order mark; bytes that are no UTF-8 are kept as lone
    surrogates, so that the cell that holds them can be told. None, with a fault, if there is none."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        faults.append(Fault(str(path), "", "", "no such file", what, "Check the path."))
    except IsADirectoryError:
        faults.append(Fault(str(path), "", "", "this is a folder", what))
    except OSError:
        faults.append(
            Fault(str(path), "", "", "cannot be read", what, "Check who may read it.")
        )
    else:
        encoding = ENCODINGS.get(raw[:2], "utf-8-sig")
        return raw.decode(encoding, "replace" if encoding == "utf-16" else "surrogateescape")
    return None


def read_rows(path: Path, table: str, faults: list[Fault]) -> Sheet:
    """The rows of one CSV and the columns it has.

    Every bad cell, missing column and unknown column is appended to `faults`; cells are never
    repeated in a message, only what is wrong with them."""
    columns = EVERY[table]
    name = path.name
    text = read_text(path, "a CSV file", faults)
    if text is None:
        return nothing(name)
    if not text.strip():
        faults.append(
            Fault(name, "", "", "the file is empty", "a header row: " + ",".join(columns))
        )
        return nothing(name)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    delimiter = "," if "," in lines[0] else max(",;\t", key=lines[0].count)
    records = _records(lines, delimiter)
    header = [cell.strip().lower() for cell in next(records)[1] or []]
    if not _fits(name, header, table, faults):
        return Sheet(name, frozenset(header), ())
    good: list[Row] = []
    partial: list[Row] = []
    seen: Seen = {}
    del text  # a large file need not be held twice
    for line, cells in records:
        if cells is None:
            faults.append(
                Fault(name, f"row {line}", "", "quotes that do not match",
                      "quotes in pairs", 'A quote inside a quoted cell is written twice: "".')
            )  # fmt: skip
            partial.append(
                (
                    line,
                    _salvaged(
                        header, lines[line - 1].split('"')[0].split(delimiter)[:-1], table
                    ),
                )
            )
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            faults.append(
                Fault(name, f"row {line}", "", f"{len(cells)} cells", f"{len(header)} as in the header",
                      "Put cells that hold a comma in quotes; separate lists with ;.")
            )  # fmt: skip
            partial.append((line, _salvaged(header, cells, table)))
            continue
        before = len(faults)
        values = _values(name, line, header, cells, table, faults, seen)
        (good if len(faults) == before else partial).append((line, values))
    return Sheet(name, frozenset(header), tuple(good), tuple(partial))


def _fits(name: str, header: Sequence[str], table: str, faults: list[Fault]) -> bool:
    """Whether the header has what is needed; what it should not have is a fault too."""
    columns = EVERY[table]
    needed = [c for c, (_, required) in columns.items() if required]
    for column in needed:
        if column not in header:
            faults.append(
                Fault(name, "row 1", column, "column missing", "columns " + one_of(needed))
            )
    for column in sorted({c for c in header if c and c not in columns}):
        said = f'unknown column "{column[:40]}"' if _readable(column) else "unreadable column"
        faults.append(
            Fault(name, "row 1", "", said, one_of(columns), "Rename or remove the column.")
        )
    for column in sorted({c for c in header if c and header.count(c) > 1}):
        faults.append(Fault(name, "row 1", column, "column given twice", "each column once"))
    return all(c in header for c in needed)


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Every record with the line on which it begins; None for one whose quotes do not match.

    Reading goes on with the line after it, so that a lost quote swallows nothing."""
    at = 0
    while at < len(lines):
        cells: list[str] | None = None
        if '"' not in lines[at]:
            cells, used = lines[at].split(delimiter), 1
        else:
            reader = csv.reader(
                (lines[n] + "\n" for n in range(at, len(lines))),
                delimiter=delimiter,
                strict=True,
            )
            try:
                cells = next(reader)
                used = reader.line_num
            except (csv.Error, StopIteration):
                used = 1
        yield at + 1, cells
        at += used


def read_cell(table: str, column: str, cell: str) -> Any:
    """The value of one cell; raises NotAllowed with what may stand there."""
    if not _readable(cell):
        raise NotAllowed("UTF-8 text", "not UTF-8 text", NOT_UTF8)
    if len(cell) > LONGEST:
        raise NotAllowed(f"at most {LONGEST:,} characters", "a cell too long to be one")
    if "\n" in cell and column not in LONG_TEXT:
        raise NotAllowed(
            "one line", "a line break inside the cell",
            "Close the quote on its own line, or take the break out.",
        )  # fmt: skip
    return EVERY[table][column][0](unicodedata.normalize("NFC", cell.strip()))


def _values(
    name: str,
    line: int,
    header: Sequence[str],
    cells: Sequence[str],
    table: str,
    faults: list[Fault],
    seen: Seen,
) -> dict[str, Any]:
    """What could be read of one row; what could not is a fault. seen: cells read before, by column."""
    columns = EVERY[table]
    values: dict[str, Any] = {}
    bad = set()
    for column, cell in zip(header, cells, strict=False):
        known = seen.setdefault(column, {})
        if cell in known:
            values[column] = known[cell]
            continue
        if column not in columns or not cell.strip():
            continue
        try:
            value = read_cell(table, column, cell)
            values[column] = value
            if len(known) < REMEMBERED:
                known[cell] = value
        except NotAllowed as wrong:
            bad.add(column)
            faults.append(
                Fault(name, f"row {line}", column, wrong.found, wrong.allowed, wrong.remedy)
            )
    for column, (_, required) in columns.items():
        if required and column not in values and column not in bad:
            faults.append(
                Fault(name, f"row {line}", column, "empty", "a value", "Fill the cell.")
            )
    return values


def _salvaged(header: Sequence[str], cells: Sequence[str], table: str) -> dict[str, Any]:
    """The name of a row that cannot be read, so that others that speak of it are not at fault."""
    needed = {c for c, (_, required) in EVERY[table].items() if required}
    told: list[Fault] = []
    values = _values("", 0, header, cells, table, told, {})
    return {k: v for k, v in values.items() if k in needed}


def _readable(cell: str) -> bool:
    return UNREADABLE.search(cell) is None


def once(
    sheet: Sheet, field: str, key: Sequence[str], faults: list[Fault]
) -> Mapping[tuple[str, ...], int]:
    """Names with their line; those given a second time are faults. field: the column told."""
    seen: dict[tuple[str, ...], int] = {}
    for line, values in sheet.known:
        if any(k not in values for k in key[:1]):
            continue
        name = tuple(values.get(k, "") for k in key)
        if name in seen:
            faults.append(
                Fault(sheet.name, f"row {line}", field, f"the same as in row {seen[name]}",
                      "each only once", "Remove or rename one of the two rows.")
            )  # fmt: skip
        else:
            seen[name] = line
    return seen
