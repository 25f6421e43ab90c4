"""From a file an office really has to plain rows, with nothing guessed in silence.

Why: every list starts as a stranger's file. In: a path and what the office said about it
(sheet, encoding, delimiter). Out: a `Reading` with the rows as they stand, numbered as the
user sees them, together with everything worth knowing (hidden rows, formulas, how the encoding
was found) and the questions only a person can answer. The file itself is opened in a locked
process, `parse/`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from onward.errors import Fault, Faults
from onward.intake.parse.answers import DELIMITERS, ENCODINGS, MEBIBYTE
from onward.said import Listed, Said, form, typed, unpacked

Cell = str | int | float | bool | dt.date | dt.datetime | dt.time | None


@dataclass(frozen=True)
class Limits:
    """What one file may cost. Sizes in bytes, times in seconds.

    source  ASVS 5.0 chapter 5 (upload limits, unpacked-size checks); the figures were chosen
            so that an honest list of 100,000 people fits and a bomb does not
    """

    file_bytes: int = 20 * MEBIBYTE
    inflated_bytes: int = 200 * MEBIBYTE
    ratio: int = 100
    entries: int = 1_000
    rows: int = 100_001
    columns: int = 200
    cell_characters: int = 32_767
    memory_bytes: int = 512 * MEBIBYTE
    cpu_seconds: int = 30
    wall_seconds: int = 120


@dataclass(frozen=True)
class Option:
    """One possible answer. `preview` may show lines of the file: never write it to a log."""

    value: str
    label: str
    preview: str = ""


@dataclass(frozen=True)
class Question:
    """Something only a person can say.

    about    "sheet", "encoding", "delimiter", "date_order", "calendar", ...
    where    file, column or row it concerns
    text     the question in plain words
    options  the answers offered, likeliest first; none is taken unasked
    settle   how to answer in a mapping profile
    """

    about: str
    where: str
    text: str
    options: tuple[Option, ...] = ()
    settle: str = ""


@dataclass(frozen=True)
class Sheet:
    """The rows of one sheet as they stand. rows[i] is the row the user sees as number i + 1."""

    name: str
    rows: Sequence[tuple[Cell, ...]]


@dataclass(frozen=True)
class Reading:
    """What a file holds.

    file       the name to use in messages
    kind       "xlsx", "ods", "text" or "json"; "" when it could not be told
    digest     SHA-256 of the file's bytes
    encoding   for text: the encoding, and `encoding_by` how it was found: "stated" by the
               caller, "marked" in the file, "proved" (only UTF-8 reads so) or "plain" (ASCII)
    delimiter  for text: likewise with `delimiter_by`
    names      every sheet as (name, visible)
    sheets     the sheets that were read
    notices    what a person should see before confirming
    questions  what a person must answer before anything can be kept
    faults     cells that cannot be used as they are
    """

    file: str
    kind: str = ""
    digest: str = ""
    encoding: str | None = None
    encoding_by: str = ""
    delimiter: str | None = None
    delimiter_by: str = ""
    names: tuple[tuple[str, bool], ...] = ()
    sheets: Mapping[str, Sheet] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    faults: tuple[Fault, ...] = ()


def column_letters(number: int) -> str:
    """Column 1 -> "A", 27 -> "AA", as spreadsheets name them."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def read(
    path: str | os.PathLike[str],
    *,
    sheets: Sequence[str] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
    limits: Limits | None = None,
    name: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Reading:
    """Read a CSV, TSV, XLSX, ODS, JSON or JSON Lines file in a locked process.

    path       the file; nothing else is opened and nothing is written
    sheets     the sheets to read; empty: the only filled visible one, or a question
    encoding   for text, one of `ENCODINGS`; None: taken only when the file proves it
    delimiter  for text, one of `DELIMITERS`; None: taken only when exactly one fits
    name       the name to use in messages (default: the path's last part)
    progress   called with the number of rows received, about every 5,000 rows
    returns    a Reading; when it has questions its sheets are empty
    raises     Faults when the file cannot be read at all, with where and what to do
    """
    limits = limits or Limits()
    path = Path(path)
    shown = name or path.name
    if encoding is not None:
        encoding = _known_encoding(encoding, shown)
    if delimiter is not None and delimiter not in DELIMITERS:
        words = {word: sign for sign, word in DELIMITERS.items()}
        if delimiter not in words:
            raise Faults(
                [
                    Fault(
                        shown,
                        "",
                        "delimiter",
                        "a delimiter this room does not know",
                        ", ".join(words),
                    )
                ]
            )
        delimiter = words[delimiter]
    try:
        size = path.stat().st_size
        source = path.open("rb")
    except OSError as bad:
        raise Faults(
            [
                Fault(
                    shown,
                    "",
                    "",
                    f"cannot be opened ({bad.strerror})",
                    remedy="Check the path.",
                )
            ]
        ) from bad
    with source:
        if size > limits.file_bytes:
            raise Faults(
                [
                    Fault(
                        shown,
                        "",
                        "",
                        Said("%(a)s MB", a=f"{size / MEBIBYTE:.1f}"),
                        Said("at most %(a)s MB", a=limits.file_bytes // MEBIBYTE),
                        "Split the list into several files.",
                    )
                ]
            )
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(0)
        order = {
            "name": path.name,
            "sheets": list(sheets),
            "encoding": encoding,
            "delimiter": delimiter,
            "limits": asdict(limits),
        }
        collector = Collector(shown, digest, limits, progress)
        _run(source, order, limits, collector)
    return collector.reading()


ALIASES = {
    "utf8": "utf-8", "utf-8-sig": "utf-8", "utf16": "utf-16", "windows-1256": "cp1256",
    "windows-1252": "cp1252", "windows-1254": "cp1254", "windows-1250": "cp1250",
    "windows-1251": "cp1251", "latin-1": "iso8859-1", "iso-8859-1": "iso8859-1",
    "iso-8859-6": "iso8859-6", "iso-8859-9": "iso8859-9", "iso-8859-15": "iso8859-15",
}  # fmt: skip


def encoding_name(word: str) -> str:
    """An encoding by the one of its names that `ENCODINGS` has, where it is known at all."""
    plain = word.lower().replace("_", "-")
    return ALIASES.get(plain, plain)


def _known_encoding(encoding: str, shown: str) -> str:
    plain = encoding_name(encoding)
    if plain not in ENCODINGS:
        raise Faults(
            [
                Fault(
                    shown,
                    "",
                    "encoding",
                    "an encoding this room does not know",
                    ", ".join(ENCODINGS),
                )
            ]
        )
    return plain


def _run(source: Any, order: dict[str, Any], limits: Limits, collector: Collector) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "onward.intake.parse", json.dumps(order)],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # The parser sees no secret of its parent's surroundings.
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)},
        close_fds=True,
    )
    expired = threading.Event()

    def stop() -> None:
        expired.set()
        child.kill()

    alarm = threading.Timer(limits.wall_seconds, stop)
    alarm.daemon = True
    alarm.start()
    try:
        assert child.stdout is not None
        for line in child.stdout:
            collector.take(line)
    finally:
        alarm.cancel()
        child.kill() if child.poll() is None and not collector.ended else None
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    if not collector.ended:
        if expired.is_set():
            collector.refuse(
                Said("it was not read after %(a)s seconds", a=limits.wall_seconds),
                "a list that reads quickly",
                "If this machine is busy, try again later; otherwise copy the list alone into a "
                "new workbook, or split it.",
            )
        elif child.returncode in (-9, -24):
            collector.refuse(
                Said("it takes more than %(a)s seconds of work to read", a=limits.cpu_seconds),
                "a list that reads quickly",
                "Copy the list alone into a new workbook, or split it.",
            )
        else:
            collector.refuse(
                Said(
                    "it needs more than %(a)s MB of memory to read, or is damaged",
                    a=limits.memory_bytes // MEBIBYTE,
                ),
                "a list of people",
                "Copy the list alone into a new workbook, or split it.",
            )


HOW = {
    "stated": form("as stated"), "marked": form("as the file itself says"),
    "proved": form("the only encoding it can be"), "plain": form("plain letters only"),
    "found": form("found"),
}  # fmt: skip
"""How it is known in which encoding a file is written, and what its columns end with."""


class Collector:
    """Takes the lines the locked process says and makes a Reading of them."""

    def __init__(
        self,
        file: str,
        digest: str,
        limits: Limits,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.file, self.digest, self.limits = file, digest, limits
        self.progress = progress
        self.ended = False
        self.facts: dict[str, Any] = {}
        self.about: dict[str, dict[str, Any]] = {}
        self.sheets: dict[str, list[tuple[Cell, ...]]] = {}
        self.questions: list[Question] = []
        self.faults: list[Fault] = []
        self.refusal: Fault | None = None
        self._current = ""
        self._received = 0
        self._same: dict[str, str] = {}

    def refuse(self, found: str, allowed: str = "", remedy: str = "", where: str = "") -> None:
        self.ended = True
        self.refusal = Fault(self.file, where, "", found, allowed, remedy)

    def take(self, line: bytes) -> None:
        if self.ended:
            return
        if not line.startswith(b"#"):
            self._row(json.loads(line))
            return
        said: dict[str, Any] = json.loads(line[1:])
        if "kind" in said:
            self.facts.update(said)
        elif "refused" in said:
            told = said["refused"]
            if told["found"] == "memory":
                self.refuse(
                    Said(
                        "it needs more than %(a)s MB to read",
                        a=self.limits.memory_bytes // MEBIBYTE,
                    ),
                    "a list of people",
                    "Copy the list alone into a new workbook, or split it.",
                )
            elif told["found"] == "damaged":
                self.refuse(
                    "the file is damaged or not what its name says",
                    "a complete .xlsx, .ods, .csv, .tsv, .json or .jsonl file",
                    "Open it in the program it comes from, save it again, and load that.",
                )
            else:
                self.refuse(**unpacked(told))
        elif "asked" in said:
            self.ended = True
            asked = said["asked"]
            self.questions.append(
                Question(
                    asked["about"],
                    self.file,
                    asked["text"],
                    tuple(Option(**unpacked(option)) for option in asked["options"]),
                    {
                        "sheet": "sheet: NAME",
                        "encoding": "file: {encoding: NAME}",
                        "delimiter": "file: {delimiter: NAME}",
                    }[asked["about"]],
                )
            )
        elif "rows_end" in said:
            rows = self.sheets[self._current]
            del rows[said["filled"] :]
            for number, column, found in said["bad"]:
                self.faults.append(
                    Fault(
                        self.file,
                        f"row {number}",
                        f"column {column_letters(column + 1)}",
                        unpacked(found),
                        "visible text",
                        "Type the cell again.",
                    )
                )
        elif "merged" in said:
            self.about.setdefault(said["sheet"], {})["merged"] = said["merged"]
        elif "sheet" in said:
            self._current = said["sheet"]
            self.sheets[self._current] = []
            self.about.setdefault(self._current, {}).update(said)
        elif "end" in said:
            self.ended = True

    def _row(self, cells: list[Any]) -> None:
        same = self._same
        row: list[Cell] = []
        for cell in cells:
            if type(cell) is str:
                # Lists repeat themselves: keep one copy of each short text.
                if len(cell) < 24:
                    cell = same.setdefault(cell, cell)
            elif type(cell) is dict:
                if "d" in cell:
                    text = cell["d"]
                    moment = dt.datetime.fromisoformat(text)
                    cell = moment.date() if "T" not in text else moment
                else:
                    try:
                        cell = dt.time.fromisoformat(cell["t"])
                    except ValueError:
                        cell = cell["t"]
            row.append(cell)
        self.sheets[self._current].append(tuple(row))
        self._received += 1
        if self.progress and self._received % 5000 == 0:
            self.progress(self._received)

    def reading(self) -> Reading:
        """The finished Reading. Raises Faults when the file was refused."""
        if self.refusal is not None:
            raise Faults([self.refusal])
        facts = self.facts
        names = tuple((name, visible) for name, visible in facts.get("sheets", ()))
        notices: list[Said] = []
        if facts.get("encoding"):
            read_as, how = ENCODINGS[facts["encoding"]], HOW[facts["encoding_by"]]
            notices.append(Said("Read as %(a)s, %(b)s.", a=read_as, b=how))
            if facts.get("delimiter"):
                ends = DELIMITERS[facts["delimiter"]]
                how = HOW["stated" if facts["delimiter_by"] == "stated" else "found"]
                notices[0] = Said(
                    "Read as %(a)s, %(b)s; columns end with a %(c)s, %(d)s.",
                    **notices[0].values, c=ends, d=how,
                )  # fmt: skip
        if hidden := [name for name, visible in names if not visible]:
            notices.append(
                Said("%(a)s hidden sheets: %(b)s. They are not read unless you name them.",
                     a=len(hidden), b=Listed(map(typed, hidden)))
            )  # fmt: skip
        for name, about in self.about.items():
            notices.extend(self._sheet_notices(name, about))
        return Reading(
            self.file,
            facts.get("kind", ""),
            self.digest,
            facts.get("encoding"),
            facts.get("encoding_by", ""),
            facts.get("delimiter"),
            facts.get("delimiter_by", ""),
            names,
            {} if self.questions else {n: Sheet(n, rows) for n, rows in self.sheets.items()},
            tuple(notices),
            tuple(self.questions),
            tuple(self.faults),
        )

    def _sheet_notices(self, name: str, about: dict[str, Any]) -> list[Said]:
        label = Said("Sheet %(a)s", a=typed(name)) if name else form("The file")
        notices = []
        if count := about.get("hidden_row_count"):
            rows = about.get("hidden_rows") or []
            notices.append(
                Said("%(a)s has %(b)s hidden rows (%(c)s). They are read like others.",
                     a=label, b=count, c=ranges(rows))
                if rows
                else Said("%(a)s has %(b)s hidden rows. They are read like others.", a=label, b=count)
            )  # fmt: skip
        if columns := about.get("hidden_columns"):
            known = [c for c in columns if c > 0]
            letters = Listed(column_letters(c) for c in known[:20])
            notices.append(
                Said("%(a)s has hidden columns (%(b)s). They are read like others.",
                     a=label, b=letters)
                if known
                else Said("%(a)s has hidden columns. They are read like others.", a=label)
            )  # fmt: skip
        if formulas := about.get("formulas"):
            notices.append(
                Said("%(a)s has %(b)s formulas. The values saved with them are read.",
                     a=label, b=formulas)
            )  # fmt: skip
        if merged := about.get("merged"):
            notices.append(
                Said("%(a)s has %(b)s merged areas. Only their first cell has a value.",
                     a=label, b=len(merged))
            )  # fmt: skip
        for cell in about.get("error_cells") or []:
            digits = "".join(c for c in cell if c.isdigit())
            column = cell[: -len(digits)]
            self.faults.append(
                Fault(
                    self.file,
                    f"row {digits}",
                    f"column {column}",
                    "a formula error (such as #REF! or #N/A)",
                    "a value",
                    "Mend the formula or type the value.",
                )
            )
        if (count := about.get("error_count", 0)) > len(about.get("error_cells") or []):
            self.faults.append(
                Fault(
                    self.file,
                    label,
                    "",
                    Said("%(a)s formula errors (such as #REF! or #N/A)", a=count),
                    "values",
                    "Mend the formulas or type the values.",
                )
            )
        return notices


def ranges(numbers: Sequence[int], most: int = 12) -> str:
    """[2, 3, 4, 9] -> "2-4, 9", cut after `most` stretches."""
    stretches: list[list[int]] = []
    for number in numbers:
        if stretches and number == stretches[-1][1] + 1:
            stretches[-1][1] = number
        else:
            stretches.append([number, number])
    shown = [f"{a}" if a == b else f"{a}-{b}" for a, b in stretches[:most]]
    return ", ".join(shown) + (", ..." if len(stretches) > most else "")
