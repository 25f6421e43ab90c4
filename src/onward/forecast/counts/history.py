"""Reads a folder of published counts, so that a forecaster sees only what was known on its day.

A folder holds case files (`series,date,value,...`), `events.csv` and `tests.csv`. Out come typed
rows and every fault found at once. The answers (`truths.csv`, `baselines.csv`) have their own
reader and their own type: nothing that forecasts is ever handed the folder's path, so it cannot
open them. `docs/reference/history-folder.md` describes each file.
"""

from __future__ import annotations

import calendar
import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, cast

from onward.errors import Fault, Faults, OnwardError, one_of

Kind = Literal["stock", "cumulative", "flow"]
KINDS: tuple[Kind, ...] = ("stock", "cumulative", "flow")
EVENT_KINDS = ("legal", "plan", "operational", "offer", "shock", "deadline")
RESERVED = ("events.csv", "tests.csv", "truths.csv", "baselines.csv", "pairs.csv")

CONFIDENCES = ("high", "medium", "low")


@dataclass(frozen=True, order=True)
class Count:
    """One published count: on `day`, `value` people (stock) or movements (flow)."""

    day: date
    value: float
    confidence: str = "medium"


@dataclass(frozen=True)
class Event:
    """Something dated that bears on the count. Usable only from `known_from` on."""

    case: str
    known_from: date
    effective: date
    kind: str


@dataclass(frozen=True)
class Series:
    """All counts of one name in one case file, oldest first, one per day."""

    name: str
    file: str
    case: str
    counts: tuple[Count, ...]

    def known_on(self, origin: date) -> tuple[Count, ...]:
        """The counts dated on or before `origin`: all a forecast from that day may read."""
        return tuple(count for count in self.counts if count.day <= origin)


@dataclass(frozen=True)
class Test:
    """One question put to the forecaster; the answer is kept elsewhere."""

    __test__ = False  # pytest would otherwise take the name for a test class

    test: str
    case: str
    series: str
    kind: Kind
    origin: date
    target: date
    official: float | None


@dataclass(frozen=True)
class Inputs:
    """What a forecaster may be given, still to be cut at each test's origin."""

    series: tuple[Series, ...]
    events: tuple[Event, ...]
    tests: tuple[Test, ...]
    notes: tuple[str, ...] = field(default=())

    def find(self, test: Test) -> Series:
        """The series a test names. Read errors have already ruled out a missing one."""
        found = [series for series in self.series if series.name == test.series]
        own = [series for series in found if series.case == test.case]
        return (own or found)[0]


@dataclass(frozen=True)
class Truth:
    """What happened: a value, and the range published counts of that day span."""

    value: float
    low: float
    high: float

    def nearest(self, forecast: float) -> float:
        """The point of the range nearest to `forecast`."""
        return min(max(forecast, self.low), self.high)


@dataclass(frozen=True)
class Answers:
    """The truths by test, and the published naive baselines by test and name."""

    truths: dict[str, Truth]
    baselines: dict[str, dict[str, float]]


def read_day(text: str) -> date | None:
    """A date from `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; None when it is none of these.

    A month or a year stands for its last day: a count is never taken to have been known before
    the period it belongs to was over.
    """
    text = text.strip()
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        if len(text) == 7 and text[4] == "-":
            year, month = int(text[:4]), int(text[5:])
            return date(year, month, calendar.monthrange(year, month)[1])
        if len(text) == 4:
            return date(int(text), 12, 31)
    except ValueError:
        return None
    return None


def read_number(text: str) -> float | None:
    """A count of zero or more, or None. Plain digits only: "1,200" is ambiguous."""
    try:
        value = float(text.strip())
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


@dataclass(frozen=True)
class _Row:
    file: str
    number: int
    cells: dict[str, str]


class _Reader:
    """Collects rows and faults of several files, so that all faults are reported at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(
        self, row: _Row, name: str, found: str, allowed: str = "", remedy: str = ""
    ) -> None:
        self.faults.append(Fault(row.file, f"row {row.number}", name, found, allowed, remedy))

    def rows(self, path: Path, required: Sequence[str]) -> Iterator[_Row]:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            self.faults.append(
                Fault(path.name, "", "", "not UTF-8 text", remedy="Save the file as CSV UTF-8.")
            )
            return
        except OSError:
            self.faults.append(Fault(path.name, "", "", "cannot be read", "a readable file"))
            return
        reader = csv.reader(text.splitlines(keepends=True))
        try:
            lines = list(reader)
        except csv.Error:
            self.faults.append(
                Fault(path.name, "", "", "not a CSV file", "comma-separated rows")
            )
            return
        if not lines:
            self.faults.append(
                Fault(path.name, "", "", "the file is empty", f"columns {', '.join(required)}")
            )
            return
        header = [name.strip() for name in lines[0]]
        missing = [name for name in required if name not in header]
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if missing or twice:
            found = " and ".join(
                part
                for part in (
                    f"no column {', '.join(missing)}" if missing else "",
                    f"column {', '.join(twice)} twice" if twice else "",
                )
                if part
            )
            self.faults.append(
                Fault(path.name, "row 1", "", found, f"columns {', '.join(required)}")
            )
            return
        for number, cells in enumerate(lines[1:], start=2):
            if not any(cell.strip() for cell in cells):
                continue
            row = _Row(
                path.name,
                number,
                {name: cell.strip() for name, cell in zip(header, cells, strict=False)},
            )
            if len(cells) != len(header):
                self.fault(
                    row,
                    "",
                    f"{len(cells)} cells",
                    f"{len(header)}",
                    "Put quotes around text that contains a comma.",
                )
                continue
            yield row

    def day(self, row: _Row, name: str) -> date | None:
        text = row.cells[name]
        value = read_day(text)
        if value is None:
            found = f'found "{text}"' if text else "blank"
            self.fault(row, name, found, "a date such as 2012-09-16, 2012-09 or 2012")
        return value

    def number(self, row: _Row, name: str) -> float | None:
        text = row.cells[name]
        value = read_number(text)
        if value is None:
            found = f'found "{text}"' if text else "blank"
            self.fault(
                row,
                name,
                found,
                "a number of zero or more",
                "Write 1200, not 1,200 or about 1200.",
            )
        return value

    def choice(self, row: _Row, name: str, allowed: Sequence[str]) -> str | None:
        text = row.cells[name].lower()
        if text not in allowed:
            found = f'found "{row.cells[name]}"' if text else "blank"
            self.fault(row, name, found, one_of(allowed))
            return None
        return text

    def text(self, row: _Row, name: str) -> str | None:
        if not row.cells[name]:
            self.fault(row, name, "blank", "a name")
            return None
        return row.cells[name]


def _merge(counts: Iterable[tuple[Count, int]]) -> tuple[Count, ...]:
    """One count per day: the one of highest confidence, the later row on a tie."""
    best: dict[date, tuple[int, int, Count]] = {}
    for count, number in counts:
        rank = (-CONFIDENCES.index(count.confidence), number)
        held = best.get(count.day)
        if held is None or rank >= held[:2]:
            best[count.day] = (*rank, count)
    return tuple(best[day][2] for day in sorted(best))


def _read_case(
    reader: _Reader, path: Path, until: date | None = None
) -> dict[str, list[tuple[Count, int]]]:
    series: dict[str, list[tuple[Count, int]]] = {}
    for row in reader.rows(path, ("series", "date", "value")):
        name, day = reader.text(row, "series"), reader.day(row, "date")
        if until and day and day > until:
            continue
        value = reader.number(row, "value")
        confidence = row.cells.get("confidence", "").lower() or "medium"
        if confidence not in CONFIDENCES:
            reader.fault(
                row, "confidence", f'found "{row.cells["confidence"]}"', one_of(CONFIDENCES)
            )
            continue
        if name is None or day is None or value is None:
            continue
        series.setdefault(name, []).append((Count(day, value, confidence), row.number))
    return series


def _read_events(reader: _Reader, path: Path, until: date | None = None) -> list[Event]:
    events: list[Event] = []
    for row in reader.rows(path, ("case", "known_from", "effective", "kind")):
        case, known = reader.text(row, "case"), reader.day(row, "known_from")
        if until and known and known > until:
            continue
        # Without a date of effect, the day it became known is the earliest honest one.
        effective = known if not row.cells["effective"] else reader.day(row, "effective")
        kind = reader.choice(row, "kind", EVENT_KINDS)
        if case and known and effective and kind:
            events.append(Event(case, known, effective, kind))
    return sorted(events, key=lambda e: (e.case, e.known_from, e.effective, e.kind))


def _read_tests(
    reader: _Reader, path: Path, names: dict[str, list[str]]
) -> tuple[list[Test], list[_Row]]:
    tests: list[Test] = []
    seen: dict[str, int] = {}
    rows: list[_Row] = []
    for row in reader.rows(path, ("test", "case", "series", "kind", "origin", "target")):
        before = len(reader.faults)
        test, case = reader.text(row, "test"), reader.text(row, "case")
        series, kind = reader.text(row, "series"), reader.choice(row, "kind", KINDS)
        origin, target = reader.day(row, "origin"), reader.day(row, "target")
        official = None
        if row.cells.get("official_forecast"):
            official = reader.number(row, "official_forecast")
        if test and test in seen:
            reader.fault(
                row, "test", f"{test} is already in row {seen[test]}", "each test once"
            )
        if series and series not in names:
            near = sorted(names)
            reader.fault(
                row, "series", f'no case file has a series "{series}"', one_of(near[:12])
            )
        if origin and target and target <= origin:
            reader.fault(
                row, "target", f"{target} is not after the origin {origin}", "a later day"
            )
        if len(reader.faults) > before:
            continue
        if not (test and case and series and kind and origin and target):
            continue  # each blank has been reported above
        seen[test] = row.number
        tests.append(Test(test, case, series, cast(Kind, kind), origin, target, official))
        rows.append(row)
    return tests, rows


def _case_of(stem: str, cases: Iterable[str]) -> str:
    """The case a file belongs to: the longest case name its own name starts with, or its name."""
    fitting = [case for case in cases if stem == case or stem.startswith(f"{case}_")]
    return max(fitting, key=len, default=stem)


def is_case_file(path: Path) -> bool:
    """Whether a CSV file of the folder holds counts (and not events, answers or a panel)."""
    name = path.name
    if path.suffix.lower() != ".csv" or name in RESERVED or name.startswith(("unhcr_", ".")):
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as handle:
            header = {cell.strip() for cell in handle.readline().split(",")}
    except OSError:
        return True
    return bool(header & {"series", "date", "value"}) and "forecast_origin" not in header


def read_inputs(folder: Path) -> Inputs:
    """Every count, event and test of a folder; never an answer.

    raises  Faults with file, row and field of everything that cannot be read
    """
    if not folder.is_dir():
        raise OnwardError(
            f"{folder} is not a folder. Give a folder of case files with a tests.csv, "
            "such as examples/history."
        )
    reader = _Reader()
    notes: list[str] = []
    raw: dict[str, dict[str, list[tuple[Count, int]]]] = {}
    for path in sorted(folder.glob("*.csv")):
        if path.name in RESERVED or path.name.startswith("unhcr_"):
            continue
        if is_case_file(path):
            raw[path.name] = _read_case(reader, path)
        else:
            notes.append(f"{path.name} holds no counts in the layout of a case file; not used.")
    events: list[Event] = []
    if (folder / "events.csv").exists():
        events = _read_events(reader, folder / "events.csv")
    else:
        notes.append("No events.csv: forecasts use the counts alone.")
    names: dict[str, list[str]] = {}
    for file, series in raw.items():
        for name in series:
            names.setdefault(name, []).append(file)
    tests: list[Test] = []
    rows: list[_Row] = []
    if not (folder / "tests.csv").exists():
        reader.faults.append(
            Fault("tests.csv", "", "", "not in the folder", "a file that names the tests")
        )
    else:
        tests, rows = _read_tests(reader, folder / "tests.csv", names)
    cases = {test.case for test in tests} | {event.case for event in events}
    # A file belongs to the case whose tests name one of its series; its name decides otherwise.
    by_test = {
        names[test.series][0]: test.case for test in tests if len(names[test.series]) == 1
    }
    everything: list[Series] = []
    for file, series in raw.items():
        case = by_test.get(file) or _case_of(Path(file).stem, cases)
        for name, counts in series.items():
            everything.append(Series(name, file, case, _merge(counts)))
    inputs = Inputs(tuple(everything), tuple(events), tuple(tests), tuple(notes))
    for test, row in zip(tests, rows, strict=True):
        holders = [s for s in everything if s.name == test.series]
        own = [s for s in holders if s.case == test.case]
        if len(own or holders) > 1:
            reader.fault(
                row,
                "series",
                f"{test.series} is in several files: {', '.join(s.file for s in holders)}",
                "one case file per series",
            )
        elif not inputs.find(test).known_on(test.origin):
            reader.fault(
                row,
                "origin",
                f"no count of {test.series} on or before {test.origin}",
                "at least one count known at the origin",
            )
    if reader.faults:
        raise Faults(reader.faults, f"{folder} cannot be used: {len(reader.faults)} fault(s).")
    return inputs


def read_answers(folder: Path, tests: Sequence[str]) -> Answers:
    """The truths and published baselines. Call it only when every forecast has been made."""
    reader = _Reader()
    truths: dict[str, Truth] = {}
    if (folder / "truths.csv").exists():
        for row in reader.rows(folder / "truths.csv", ("test", "truth")):
            name, value = reader.text(row, "test"), reader.number(row, "truth")
            low = reader.number(row, "truth_low") if row.cells.get("truth_low") else value
            high = reader.number(row, "truth_high") if row.cells.get("truth_high") else value
            if name is None or value is None or low is None or high is None:
                continue
            if low > high:
                reader.fault(row, "truth_low", f"{low:g} is above truth_high {high:g}")
                continue
            if name in truths:
                reader.fault(row, "test", f"{name} appears twice", "each test once")
            truths[name] = Truth(value, low, high)
    baselines: dict[str, dict[str, float]] = {}
    if (folder / "baselines.csv").exists():
        for row in reader.rows(folder / "baselines.csv", ("test",)):
            cells: dict[str, float] = {}
            for column, cell in row.cells.items():
                if column != "test" and cell:
                    value = reader.number(row, column)
                    if value is not None:
                        cells[column] = value
            baselines[row.cells["test"]] = cells
    if reader.faults:
        raise Faults(reader.faults, f"{folder}: the answers cannot be read.")
    wanted = set(tests)
    return Answers(
        {name: truth for name, truth in truths.items() if name in wanted},
        {name: row for name, row in baselines.items() if name in wanted},
    )


def read_series(file: Path, until: date) -> tuple[Series, ...]:
    """The series of one case file, for a single forecast; rows after `until` are passed over."""
    if not file.is_file():
        raise OnwardError(
            f"{file} is not a file. Give a CSV of counts with columns series, date and value."
        )
    reader = _Reader()
    raw = _read_case(reader, file, until)
    if reader.faults:
        raise Faults(
            reader.faults, f"{file.name} cannot be used: {len(reader.faults)} fault(s)."
        )
    return tuple(
        Series(name, file.name, file.stem, _merge(counts)) for name, counts in raw.items()
    )


def read_events(file: Path, until: date) -> tuple[Event, ...]:
    """The events of one `events.csv` known on `until`; rows known later are passed over."""
    if not file.is_file():
        raise OnwardError(f"{file} is not a file. Give an events.csv, or leave --events out.")
    reader = _Reader()
    events = _read_events(reader, file, until)
    if reader.faults:
        raise Faults(
            reader.faults, f"{file.name} cannot be used: {len(reader.faults)} fault(s)."
        )
    return tuple(events)


def kind_from_name(name: str) -> Kind | None:
    """The kind a series' name declares ("..._cumulative", "..._monthly"), or None."""
    words = name.lower().split("_")
    if "cumulative" in words or "total" in words:
        return "cumulative"
    if {"daily", "weekly", "monthly", "annual", "yearly", "convoy"} & set(words):
        return "flow"
    if {"population", "remaining", "stock", "residents", "present", "waiting"} & set(words):
        return "stock"
    return None
