"""A file of scores without a fault, read as columns: millions of rows in seconds.

Cell by cell, as `rows` reads, a file of all cases by all programmes takes minutes and gigabytes. It
is also nearly always in order. So it is read in blocks here, with the same readers of cells for
every name and chance; where anything is unusual or at fault the answer is None, and `rows` reads
the file and says what it is. In: a path and the names it may speak of. Out: `ScoreColumns`, or None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from onward.placement.inputs.columns import EVERY, NotAllowed
from onward.placement.inputs.references import Known
from onward.placement.inputs.rows import read_cell
from onward.placement.inputs.scores import ScoreColumns, known

BLOCK = 1 << 24
"""Bytes of the file that are looked at at a time."""
PLAIN = r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
"""Numbers that are the same number to every reader."""


def read_scores(path: Path, names: Known) -> ScoreColumns | None:
    """The scores of a file, in its order; None for a file that has to be read cell by cell.

    That is one with quotes, line ends of old machines, bytes that are no UTF-8, a number written
    unusually, or any fault: a name that is not known, a pair given twice, an empty cell."""
    try:
        header, delimiter = _header(path)
        if header is None or not _is_plain(path):
            return None
        return _columns(path, header, delimiter, names)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid, NotAllowed):
        return None


def _header(path: Path) -> tuple[list[str] | None, str]:
    """The columns in the file's order, where there is each that is needed and no other."""
    with open(path, "rb") as file:
        line = file.readline(BLOCK).decode("utf-8-sig").rstrip("\r\n")
    delimiter = "," if "," in line else max(",;\t", key=line.count)
    header = [cell.strip().lower() for cell in line.split(delimiter)]
    columns = EVERY["scores"]
    needed = {name for name, (_, required) in columns.items() if required}
    fits = needed <= set(header) <= set(columns) and len(set(header)) == len(header)
    return header if fits else None, delimiter


def _is_plain(path: Path) -> bool:
    """Whether no cell can hold a delimiter or a line break, and lines end as they do today."""
    before = b""
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            if b'"' in block or (before == b"\r" and block[:1] != b"\n"):
                return False
            before = block[-1:]
            inner = block[:-1] if before == b"\r" else block
            if inner.count(b"\r") != inner.count(b"\r\n"):
                return False
    return before != b"\r"


def _columns(
    path: Path, header: Sequence[str], delimiter: str, names: Known
) -> ScoreColumns | None:
    columns = {
        "case": _Names("case", names.cases),
        "programme": _Names("programme", names.programmes if names.pairs is not None else None),
    }
    coded: dict[str, list[npt.NDArray[np.int32]]] = {name: [] for name in columns}
    score: list[npt.NDArray[np.float64]] = []
    chance: list[npt.NDArray[np.float64]] = []
    for batch in _batches(path, header, delimiter):
        for name, column in columns.items():
            coded[name].append(column.read(batch[name]))
        score.append(_numbers(batch["score"]))
        if "acceptance" in header:
            chance.append(_chances(batch["acceptance"]))
    if not score:
        return None
    (cases, case), (programmes, programme) = (
        column.by_name(np.concatenate(coded.pop(name))) for name, column in columns.items()
    )
    scores = ScoreColumns(
        cases, programmes, case, programme, np.concatenate(score),
        known(np.concatenate(chance)) if chance else None,
    )  # fmt: skip
    keys = np.sort(scores.keys())
    return None if (keys[1:] == keys[:-1]).any() else scores


def _batches(path: Path, header: Sequence[str], delimiter: str) -> Iterator[pa.RecordBatch]:
    reader = csv.open_csv(
        path,
        read_options=csv.ReadOptions(skip_rows=1, column_names=header, block_size=BLOCK),
        parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.string() for name in header}, strings_can_be_null=False
        ),
    )
    return (batch for batch in reader if batch.num_rows)


class _Names:
    """The names of one column, numbered as they come, however their cells are spelt."""

    def __init__(self, column: str, allowed: AbstractSet[str] | None) -> None:
        self.column, self.allowed = column, allowed
        self._code: dict[str, int] = {}
        self._code_of_cell: dict[str, int] = {}

    def read(self, cells: pa.StringArray) -> npt.NDArray[np.int32]:
        """The numbers of some cells; raises NotAllowed for one that is no known name."""
        told = cells.dictionary_encode()
        codes = np.array([self._of(cell) for cell in told.dictionary.to_pylist()], np.int32)
        rows: npt.NDArray[np.int32] = codes[np.asarray(told.indices)]
        return rows

    def _of(self, cell: str) -> int:
        if cell not in self._code_of_cell:
            name = read_cell("scores", self.column, cell)
            if not name or (self.allowed is not None and name not in self.allowed):
                raise NotAllowed("a known name")
            self._code_of_cell[cell] = self._code.setdefault(name, len(self._code))
        return self._code_of_cell[cell]

    def by_name(
        self, codes: npt.NDArray[np.int32]
    ) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        """The names, sorted, and the place of each row's among them."""
        ordered = tuple(sorted(self._code))
        place = np.empty(len(ordered), np.int32)
        place[[self._code[name] for name in ordered]] = np.arange(len(ordered), dtype=np.int32)
        return ordered, place[codes]


def _numbers(cells: pa.StringArray) -> npt.NDArray[np.float64]:
    """Raises NotAllowed for a number that is not written plainly."""
    trimmed = pc.utf8_trim_whitespace(cells)
    if not pc.all(pc.match_substring_regex(trimmed, PLAIN)).as_py():
        raise NotAllowed("a plain number")
    found = np.asarray(pc.cast(trimmed, pa.float64()))
    if not np.isfinite(found).all():
        raise NotAllowed("a finite number")
    return found


def _chances(cells: pa.StringArray) -> npt.NDArray[np.float64]:
    """NaN for an empty cell."""
    told = cells.dictionary_encode()
    read = [
        read_cell("scores", "acceptance", cell) if cell.strip() else np.nan
        for cell in told.dictionary.to_pylist()
    ]
    rows: npt.NDArray[np.float64] = np.array(read, np.float64)[np.asarray(told.indices)]
    return rows
