"""What placement needs to know, as plain tables, and how to read them from files.

Placement works the same from an operation's record and from a few CSV files, so both fill the
same tables: cases, programmes (one row per window), limits, conditional pledges, scores, what
the safeguards left open, locks and last week's proposal. In: files, or rows made by a caller.
Out: `Tables`, or every fault of every file at once. Nothing is guessed: a blank consent is no
consent, a pair that was not scored is not a possible pair once scores are given at all.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from onward.errors import Fault, Faults, one_of

PRIORITIES = ("emergency", "urgent", "normal")
PLEDGE_STATES = ("verbal", "offered", "confirmed", "open", "exhausted", "withdrawn")
CONFIDENTIALITY = ("public", "partners", "sensitive")
LIMIT_KINDS = ("cap", "earmark")


@dataclass(frozen=True)
class Case:
    """One case: people who are processed together and never split.

    Lists are tuples of codes. Destinations in `refused`, `forbidden`, `preferred`, `consents`
    and `ties` are names of programmes or of countries. `consents` is None when the input holds
    no consents at all (then the proposal says so); an empty tuple means: consented to none.
    """

    case: str
    size: int
    household: str = ""
    split_agreed: bool = False
    nationality: str = ""
    category: str = ""
    category_2: str = ""
    priority: str = "normal"
    needs: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    ready_on: date | None = None
    leave_by: date | None = None
    ties: tuple[str, ...] = ()
    linked_to: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()
    consents: tuple[str, ...] | None = None
    locked: str = ""
    locked_window: str = ""
    sex: str = ""
    age: int | None = None
    single_parent: bool | None = None
    registered_on: date | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(c for c in (self.category, self.category_2) if c)


@dataclass(frozen=True)
class Selector:
    """Whom a limit or a pledge counts: empty fields select everybody."""

    categories: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None

    def selects(self, case: Case) -> bool:
        if self.categories and not set(self.categories) & set(case.categories):
            return False
        if self.nationalities and case.nationality not in self.nationalities:
            return False
        if self.needs and not set(self.needs) & set(case.needs):
            return False
        if self.min_size is not None and case.size < self.min_size:
            return False
        return not (self.max_size is not None and case.size > self.max_size)

    def words(self) -> str:
        parts = []
        if self.categories:
            parts.append("category " + "/".join(self.categories))
        if self.nationalities:
            parts.append("nationality " + "/".join(self.nationalities))
        if self.needs:
            parts.append("need " + "/".join(self.needs))
        if self.min_size is not None:
            parts.append(f"{self.min_size} persons or more")
        if self.max_size is not None:
            parts.append(f"{self.max_size} persons or fewer")
        return ", ".join(parts) or "everybody"


@dataclass(frozen=True)
class Window:
    """One programme in one window: places in persons and whom the country accepts.

    closes and the case's leave-by date bound the departure; ready-on plus `processing_days`
    must not lie after them. Empty `nationalities` or `categories` accept all.
    """

    programme: str
    persons: int
    window: str = ""
    country: str = ""
    channel: str = ""
    opens: date | None = None
    closes: date | None = None
    processing_days: int = 0
    min_size: int | None = None
    max_size: int | None = None
    nationalities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    excluded_needs: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    state: str = "open"
    valid_to: date | None = None
    confidentiality: str = "partners"

    @property
    def name(self) -> str:
        return f"{self.programme}, {self.window}" if self.window else self.programme

    @property
    def destination(self) -> str:
        return self.country or self.programme

    @property
    def last_day(self) -> date | None:
        days = [day for day in (self.closes, self.valid_to) if day is not None]
        return min(days) if days else None


@dataclass(frozen=True)
class Limit:
    """A sub-quota. `cap`: at most so many of the selected persons. `earmark`: so many places
    are kept for the selected persons, which caps everyone else at the places that remain.

    programme  a programme, a country, or "all"
    window     blank counts all windows together
    """

    limit: str
    programme: str
    persons: int
    window: str = ""
    kind: str = "cap"
    who: Selector = Selector()


@dataclass(frozen=True)
class Pledge:
    """A conditional pledge: `opens_programme` opens places once `if_programme` has taken
    `if_persons` of the selected persons."""

    pledge: str
    if_programme: str
    if_persons: int
    opens_programme: str
    opens_persons: int
    opens_window: str = ""
    who: Selector = Selector()
    state: str = "open"


@dataclass(frozen=True)
class Score:
    """Expected outcome of one case in one programme, 0 to 1 or any scale the officer uses;
    `acceptance` is the chance that the country accepts, when known."""

    case: str
    programme: str
    score: float
    acceptance: float | None = None


@dataclass(frozen=True)
class Opening:
    """What the safeguards answered for one case and one destination (a country or programme).

    The operation adapter fills this table by asking the safeguards room; placement never
    decides it. A pair that is missing is not open."""

    case: str
    destination: str
    allowed: bool
    reason: str = ""


@dataclass(frozen=True)
class Lock:
    """The officer's word: this case goes there (window blank: any window of the programme).
    A blank programme holds the case back: it is not placed in this proposal."""

    case: str
    programme: str
    window: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Tables:
    """Everything one proposal is made from. `openings` None: the safeguards were not asked.

    expected   cases expected later, of which `rolling.keep_for_later` knew
    kept       (case, programme, window) not proposed now: kept for those expected later"""

    cases: tuple[Case, ...]
    windows: tuple[Window, ...]
    limits: tuple[Limit, ...] = ()
    pledges: tuple[Pledge, ...] = ()
    scores: tuple[Score, ...] | None = None
    openings: tuple[Opening, ...] | None = None
    locks: tuple[Lock, ...] = ()
    previous: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    on: date | None = None
    expected: int = 0
    kept: tuple[tuple[str, str, str], ...] = ()

    def in_order(self) -> Tables:
        """The same tables, sorted by name, so that the order of rows in a file is nothing."""
        return replace(
            self,
            cases=tuple(sorted(self.cases, key=lambda c: c.case)),
            windows=tuple(sorted(self.windows, key=window_key)),
            limits=tuple(sorted(self.limits, key=lambda x: (x.limit, x.programme, x.window))),
            pledges=tuple(sorted(self.pledges, key=lambda p: p.pledge)),
            scores=None
            if self.scores is None
            else tuple(sorted(self.scores, key=lambda s: (s.case, s.programme))),
            openings=None
            if self.openings is None
            else tuple(sorted(self.openings, key=lambda o: (o.case, o.destination))),
            locks=tuple(sorted(self.locks, key=lambda x: (x.case, x.programme, x.window))),
            previous=dict(sorted(self.previous.items())),
        )


def window_key(window: Window) -> tuple[str, str, str]:
    opens = window.opens or window.closes
    return (window.programme, opens.isoformat() if opens else "", window.window)


# ---------------------------------------------------------------------------------------------
# Reading files


class _NotAllowed(ValueError):
    def __init__(self, allowed: str) -> None:
        self.allowed = allowed


def _text(cell: str) -> str:
    return cell


def _codes(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[;|]", cell) if part.strip())


def _whole(least: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        allowed = f"a whole number, {least} or more"
        try:
            number = float(cell)
        except ValueError:
            raise _NotAllowed(allowed) from None
        if number != number or number != int(number) or number < least:
            raise _NotAllowed(allowed)
        return int(number)

    return read


def _number(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        raise _NotAllowed("a number") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise _NotAllowed("a number")
    return number


def _share(cell: str) -> float:
    number = _number(cell)
    if not 0 <= number <= 1:
        raise _NotAllowed("a number from 0 to 1")
    return number


def _day(cell: str) -> date:
    try:
        return date.fromisoformat(cell[:10] if cell[10:] == " 00:00:00" else cell)
    except ValueError:
        raise _NotAllowed("a date as YYYY-MM-DD") from None


def _yes(cell: str) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if cell.lower() not in words:
        raise _NotAllowed("yes or no")
    return words[cell.lower()]


def _word(allowed: Sequence[str]) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell.lower() not in allowed:
            raise _NotAllowed(one_of(allowed))
        return cell.lower()

    return read


Reader = Callable[[str], Any]
Columns = dict[str, tuple[Reader, bool]]  # column: (how a cell is read, required)

SELECTOR: Columns = {
    "categories": (_codes, False),
    "nationalities": (_codes, False),
    "needs": (_codes, False),
    "min_size": (_whole(1), False),
    "max_size": (_whole(1), False),
}

# The columns of every file, in the order of the templates.
FILES: dict[str, Columns] = {
    "cases": {
        "case": (_text, True),
        "size": (_whole(1), True),
        "household": (_text, False),
        "split_agreed": (_yes, False),
        "nationality": (_text, False),
        "category": (_text, False),
        "category_2": (_text, False),
        "priority": (_word(PRIORITIES), False),
        "needs": (_codes, False),
        "languages": (_codes, False),
        "skills": (_codes, False),
        "ready_on": (_day, False),
        "leave_by": (_day, False),
        "ties": (_codes, False),
        "linked_to": (_codes, False),
        "refused": (_codes, False),
        "forbidden": (_codes, False),
        "preferred": (_codes, False),
        "consents": (_codes, False),
        "locked": (_text, False),
        "locked_window": (_text, False),
        "sex": (_text, False),
        "age": (_whole(0), False),
        "single_parent": (_yes, False),
        "registered_on": (_day, False),
    },
    "programmes": {
        "programme": (_text, True),
        "persons": (_whole(0), True),
        "window": (_text, False),
        "country": (_text, False),
        "channel": (_text, False),
        "opens": (_day, False),
        "closes": (_day, False),
        "processing_days": (_whole(0), False),
        "min_size": (_whole(1), False),
        "max_size": (_whole(1), False),
        "nationalities": (_codes, False),
        "categories": (_codes, False),
        "excluded_needs": (_codes, False),
        "languages": (_codes, False),
        "skills": (_codes, False),
        "state": (_word(PLEDGE_STATES), False),
        "valid_to": (_day, False),
        "confidentiality": (_word(CONFIDENTIALITY), False),
    },
    "limits": {
        "limit": (_text, True),
        "programme": (_text, True),
        "persons": (_whole(0), True),
        "window": (_text, False),
        "kind": (_word(LIMIT_KINDS), False),
        **SELECTOR,
    },
    "pledges": {
        "pledge": (_text, True),
        "if_programme": (_text, True),
        "if_persons": (_whole(0), True),
        "opens_programme": (_text, True),
        "opens_window": (_text, False),
        "opens_persons": (_whole(1), True),
        "state": (_word(PLEDGE_STATES), False),
        **SELECTOR,
    },
    "scores": {
        "case": (_text, True),
        "programme": (_text, True),
        "score": (_number, True),
        "acceptance": (_share, False),
    },
    "open": {
        "case": (_text, True),
        "destination": (_text, True),
        "allowed": (_yes, True),
        "reason": (_text, False),
    },
    "locks": {
        "case": (_text, True),
        "programme": (_text, False),
        "window": (_text, False),
        "by": (_text, False),
        "reason": (_text, False),
    },
}

Row = tuple[int, dict[str, Any]]
T = TypeVar("T")


def read_rows(path: Path, table: str, faults: list[Fault]) -> tuple[list[Row], set[str]]:
    """The rows of one CSV as (line in the file, values) and the columns it has.

    Every bad cell, missing column and unknown column is appended to `faults`; cells are never
    repeated in a message, only what is wrong with them."""
    columns = FILES[table]
    name = path.name
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        faults.append(Fault(str(path), "", "", "no such file", "a CSV file", "Check the path."))
        return [], set()
    except IsADirectoryError:
        faults.append(Fault(str(path), "", "", "this is a folder", "a CSV file"))
        return [], set()
    except UnicodeDecodeError:
        faults.append(
            Fault(
                name,
                "",
                "",
                "not UTF-8 text",
                "CSV saved as UTF-8",
                "Save it again as CSV UTF-8.",
            )
        )
        return [], set()
    first_line = text.splitlines()[0] if text.strip() else ""
    if not first_line:
        faults.append(
            Fault(name, "", "", "the file is empty", "a header row: " + ",".join(columns))
        )
        return [], set()
    delimiter = max(",;\t", key=first_line.count) if "," not in first_line else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = [cell.strip().lower() for cell in next(reader)]
    needed = [c for c, (_, required) in columns.items() if required]
    for column in needed:
        if column not in header:
            faults.append(
                Fault(name, "row 1", column, "column missing", "columns " + one_of(needed))
            )
    for column in sorted({c for c in header if c and c not in columns}):
        faults.append(
            Fault(
                name, "row 1", "", f'unknown column "{column[:40]}"', one_of(columns),
                "Rename or remove the column.",
            )
        )  # fmt: skip
    for column in sorted({c for c in header if c and header.count(c) > 1}):
        faults.append(Fault(name, "row 1", column, "column given twice", "each column once"))
    rows: list[Row] = []
    if any(c not in header for c in needed):
        return rows, set(header)
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                faults.append(
                    Fault(
                        name, f"row {line}", "", f"{len(cells)} cells",
                        f"{len(header)} as in the header",
                        "Put cells that hold a comma in quotes; separate lists with ;.",
                    )
                )  # fmt: skip
                continue
            values: dict[str, Any] = {}
            good = True
            for column, cell in zip(header, cells, strict=False):
                if column not in columns:
                    continue
                read, _required = columns[column]
                cell = cell.strip()
                if not cell:
                    continue
                try:
                    values[column] = read(cell)
                except _NotAllowed as wrong:
                    good = False
                    remedy = "Correct the cell."
                    faults.append(
                        Fault(
                            name,
                            f"row {line}",
                            column,
                            "not allowed here",
                            wrong.allowed,
                            remedy,
                        )
                    )
            for column in needed:
                if column not in values and not any(
                    f.where == f"row {line}" and f.field == column and f.file == name
                    for f in faults[-len(header) :]
                ):
                    good = False
                    faults.append(
                        Fault(name, f"row {line}", column, "empty", "a value", "Fill the cell.")
                    )
            if good:
                rows.append((line, values))
    except csv.Error as error:
        faults.append(
            Fault(
                name, f"row {reader.line_num}", "", f"broken CSV ({error})", "matching quotes"
            )
        )
    return rows, set(header)


def _selector(values: dict[str, Any]) -> Selector:
    return Selector(**{k: values.pop(k) for k in SELECTOR if k in values})


def _twice(
    name: str, field_name: str, rows: Iterable[tuple[int, Any]], faults: list[Fault]
) -> None:
    seen: dict[Any, int] = {}
    for line, key in rows:
        if key in seen:
            faults.append(
                Fault(
                    name, f"row {line}", field_name, f"the same as in row {seen[key]}",
                    "each only once", "Remove or rename one of the two rows.",
                )
            )  # fmt: skip
        else:
            seen[key] = line


def read_tables(
    *,
    cases: Path,
    programmes: Path,
    scores: Path | None = None,
    limits: Path | None = None,
    pledges: Path | None = None,
    openings: Path | None = None,
    locks: Path | None = None,
    previous: Path | None = None,
    on: date | None = None,
) -> Tables:
    """The tables of one proposal, from files. Raises `Faults` with every fault of all files."""
    faults: list[Fault] = []
    raw_cases, case_header = read_rows(cases, "cases", faults)
    raw_windows, _ = read_rows(programmes, "programmes", faults)
    raw = {
        name: read_rows(path, name, faults)[0] if path else None
        for name, path in (
            ("scores", scores), ("limits", limits), ("pledges", pledges), ("open", openings),
        )
    }  # fmt: skip

    _twice(cases.name, "case", ((n, v["case"]) for n, v in raw_cases), faults)
    _twice(
        programmes.name, "window",
        ((n, (v["programme"], v.get("window", ""))) for n, v in raw_windows), faults,
    )  # fmt: skip
    if raw["scores"] is not None and scores:
        _twice(
            scores.name, "programme",
            ((n, (v["case"], v["programme"])) for n, v in raw["scores"]), faults,
        )  # fmt: skip
    if raw["pledges"] is not None and pledges:
        _twice(pledges.name, "pledge", ((n, v["pledge"]) for n, v in raw["pledges"]), faults)
    if raw["limits"] is not None and limits:
        _twice(limits.name, "limit", ((n, v["limit"]) for n, v in raw["limits"]), faults)
    if raw["open"] is not None and openings:
        _twice(
            openings.name, "destination",
            ((n, (v["case"], v["destination"])) for n, v in raw["open"]), faults,
        )  # fmt: skip

    for line, values in raw_windows:
        if values.get("opens") and values.get("closes") and values["opens"] > values["closes"]:
            faults.append(
                Fault(
                    programmes.name, f"row {line}", "closes", "before the opening date",
                    "a date on or after `opens`",
                )
            )  # fmt: skip
    if not raw_windows and not faults:
        faults.append(Fault(programmes.name, "", "", "no programme", "at least one row"))

    has_consents = "consents" in case_header
    built_cases = []
    case_lines: dict[str, int] = {}
    for line, values in raw_cases:
        if has_consents:
            values.setdefault("consents", ())
        case_lines.setdefault(values["case"], line)
        built_cases.append(Case(**values))
    windows = tuple(Window(**values) for _, values in raw_windows)
    if not faults:
        _references(
            built_cases, case_lines, windows, raw, faults,
            names={
                "cases": cases.name, "programmes": programmes.name,
                "scores": scores.name if scores else "", "limits": limits.name if limits else "",
                "pledges": pledges.name if pledges else "",
                "open": openings.name if openings else "",
            },
            on=on,
        )  # fmt: skip
    lock_rows: dict[int, Lock] = {}
    if locks is not None:
        lock_rows = read_locks(locks, faults)
        if not faults:
            _check_locks(locks.name, lock_rows, set(case_lines), windows, faults)
    past = read_previous(previous, faults) if previous else {}
    if faults:
        raise Faults(faults, _count(faults))
    return Tables(
        cases=tuple(built_cases),
        windows=windows,
        limits=tuple(Limit(who=_selector(v), **v) for _, v in raw["limits"] or ()),
        pledges=tuple(Pledge(who=_selector(v), **v) for _, v in raw["pledges"] or ()),
        scores=None if raw["scores"] is None else tuple(Score(**v) for _, v in raw["scores"]),
        openings=None if raw["open"] is None else tuple(Opening(**v) for _, v in raw["open"]),
        locks=tuple(lock_rows.values()),
        previous=past,
        on=on,
    )


def read_cases(path: Path) -> tuple[Case, ...]:
    """A file of cases alone, as cases.csv. Raises `Faults` with every fault."""
    faults: list[Fault] = []
    raw, _ = read_rows(path, "cases", faults)
    _twice(path.name, "case", ((n, v["case"]) for n, v in raw), faults)
    if faults:
        raise Faults(faults, _count(faults))
    return tuple(Case(**values) for _, values in raw)


def read_beside(tables: Tables, files: Mapping[str, Path]) -> dict[str, Any]:
    """What may stand in files beside tables made elsewhere: scores, limits, locks, previous.

    files    name -> path, names as in `read_tables`
    returns  the fields of `Tables` to replace
    raises   Faults with every fault of all files
    """
    faults: list[Fault] = []
    found: dict[str, Any] = {}
    lines = {case.case: 0 for case in tables.cases}
    raw: dict[str, list[Row] | None] = dict.fromkeys(("scores", "limits", "pledges", "open"))
    for name in ("scores", "limits"):
        if name in files:
            raw[name] = read_rows(files[name], name, faults)[0]
    if not faults:
        kinds = ("cases", "programmes", "scores", "limits", "pledges", "open")
        names = {key: files[key].name if key in files else "the operation" for key in kinds}
        _references(tables.cases, lines, tables.windows, raw, faults, names=names, on=tables.on)
    if raw["scores"] is not None:
        found["scores"] = tuple(Score(**v) for _, v in raw["scores"])
    if raw["limits"] is not None:
        found["limits"] = tuple(Limit(who=_selector(v), **v) for _, v in raw["limits"])
    if "locks" in files:
        locks = read_locks(files["locks"], faults)
        if not faults:
            _check_locks(files["locks"].name, locks, set(lines), tables.windows, faults)
        found["locks"] = tuple(locks.values())
    if "previous" in files:
        found["previous"] = read_previous(files["previous"], faults)
    if faults:
        raise Faults(faults, _count(faults))
    return found


def _count(faults: Sequence[Fault]) -> str:
    return f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in the input; nothing was placed."


def _references(
    cases: Sequence[Case],
    lines: Mapping[str, int],
    windows: Sequence[Window],
    raw: Mapping[str, list[Row] | None],
    faults: list[Fault],
    *,
    names: Mapping[str, str],
    on: date | None,
) -> None:
    """Names that point nowhere, and dates without which an answer would be a guess."""
    programmes = {w.programme for w in windows}
    destinations = programmes | {w.country for w in windows if w.country}
    pairs = {(w.programme, w.window) for w in windows}

    def unknown(file: str, line: int, column: str, what: str, where: str) -> None:
        faults.append(
            Fault(file, f"row {line}", column, f"{what} that {where} does not have", "",
                  f"Correct the name, or add it to {where}.")
        )  # fmt: skip

    slow = any(w.processing_days and w.last_day for w in windows)
    for case in cases:
        line = lines[case.case]
        for other in case.linked_to:
            if other not in lines:
                unknown(names["cases"], line, "linked_to", "a case", names["cases"])
        if case.locked and case.locked not in programmes:
            unknown(names["cases"], line, "locked", "a programme", names["programmes"])
        elif case.locked_window and (case.locked, case.locked_window) not in pairs:
            unknown(names["cases"], line, "locked_window", "a window", names["programmes"])
        if slow and case.ready_on is None and on is None:
            faults.append(
                Fault(
                    names["cases"], f"row {line}", "ready_on",
                    "empty, while programmes have processing days",
                    "a date", "Fill it, or give the day the proposal is for with --on.",
                )
            )  # fmt: skip
    for line, v in raw["scores"] or ():
        if v["case"] not in lines:
            unknown(names["scores"], line, "case", "a case", names["cases"])
        if v["programme"] not in programmes:
            unknown(names["scores"], line, "programme", "a programme", names["programmes"])
    for line, v in raw["open"] or ():
        if v["case"] not in lines:
            unknown(names["open"], line, "case", "a case", names["cases"])
        if v["destination"] not in destinations:
            unknown(names["open"], line, "destination", "a destination", names["programmes"])
    for line, v in raw["limits"] or ():
        if v["programme"] not in destinations | {"all"}:
            unknown(names["limits"], line, "programme", "a programme", names["programmes"])
        if v.get("window") and v["window"] not in {w.window for w in windows}:
            unknown(names["limits"], line, "window", "a window", names["programmes"])
    for line, v in raw["pledges"] or ():
        if v["if_programme"] not in programmes:
            unknown(names["pledges"], line, "if_programme", "a programme", names["programmes"])
        opens = (v["opens_programme"], v.get("opens_window", ""))
        if v["opens_programme"] not in programmes:
            unknown(
                names["pledges"], line, "opens_programme", "a programme", names["programmes"]
            )
        elif opens not in pairs:
            if opens[1]:
                unknown(names["pledges"], line, "opens_window", "a window", names["programmes"])
            else:
                faults.append(
                    Fault(
                        names["pledges"], f"row {line}", "opens_window", "empty",
                        "one window of that programme", "Say which window the places open in.",
                    )
                )  # fmt: skip


def read_locks(path: Path, faults: list[Fault]) -> dict[int, Lock]:
    """Locks by their row, from a CSV (case, programme, window, by, reason) or from a workbook that `onward
    place` wrote and an officer changed: every changed line is a lock."""
    if path.suffix.lower() == ".xlsx":
        from onward.placement.workbook import locks_from_workbook

        return locks_from_workbook(path, faults)
    rows, _ = read_rows(path, "locks", faults)
    _twice(path.name, "case", ((n, v["case"]) for n, v in rows), faults)
    return {line: Lock(**v) for line, v in rows}


def _check_locks(
    file: str,
    locks: Mapping[int, Lock],
    cases: set[str],
    windows: Sequence[Window],
    faults: list[Fault],
) -> None:
    programmes = {w.programme for w in windows}
    pairs = {(w.programme, w.window) for w in windows}
    for line, lock in locks.items():
        where = f"row {line}"
        if lock.case not in cases:
            faults.append(Fault(file, where, "case", "a case that the case file does not have"))
        if lock.programme and lock.programme not in programmes:
            faults.append(
                Fault(file, where, "programme", "a programme that the programme file does not have",
                      one_of(sorted(programmes)))
            )  # fmt: skip
        elif lock.programme and lock.window and (lock.programme, lock.window) not in pairs:
            allowed = (
                one_of(sorted(w for p, w in pairs if p == lock.programme and w)) or "blank"
            )
            faults.append(Fault(file, where, "window", "no window of that programme", allowed))


def read_previous(path: Path, faults: list[Fault]) -> dict[str, tuple[str, str]]:
    """Last week's proposal (the JSON of `onward place --json`) as case -> (programme, window)."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        faults.append(Fault(str(path), "", "", "no such file", "JSON of an earlier proposal"))
        return {}
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", 1)
        faults.append(
            Fault(path.name, f"line {line}", "", "not JSON", "JSON of an earlier proposal")
        )
        return {}
    lines = document.get("assignments") if isinstance(document, dict) else None
    if not isinstance(lines, list):
        faults.append(
            Fault(path.name, "", "assignments", "missing", "JSON of an earlier proposal")
        )
        return {}
    past: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines):
        if (
            not isinstance(line, dict)
            or not isinstance(line.get("case"), str)
            or not isinstance(line.get("programme"), str)
        ):
            faults.append(
                Fault(
                    path.name, f"assignments[{number}]", "", "incomplete", "case and programme"
                )
            )
            continue
        past[line["case"]] = (line["programme"], str(line.get("window") or ""))
    return past


def read_folder(folder: Path, *, on: date | None = None) -> Tables:
    """The tables in a folder, under the names of the templates (cases.csv, programmes.csv,
    limits.csv, pledges.csv, scores.csv, open.csv, locks.csv, previous.json)."""

    def there(name: str) -> Path | None:
        return folder / name if (folder / name).exists() else None

    return read_tables(
        cases=folder / "cases.csv",
        programmes=folder / "programmes.csv",
        scores=there("scores.csv"),
        limits=there("limits.csv"),
        pledges=there("pledges.csv"),
        openings=there("open.csv"),
        locks=there("locks.csv"),
        previous=there("previous.json"),
        on=on,
    )
