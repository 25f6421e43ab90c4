"""From rows as they stand to rows ready for the record: typed, keyed, and with every fault named.

Why: nothing may enter the record unseen, half-read or twice. In: a `Reading`, a `Profile`, the
declared facts and the operation's own key. Out: a `Staged` batch: facts apart from identity,
the household group, a key per row that stays the same when the file is loaded again, and every
fault and question at once. Nothing is written anywhere; `accepted` gives the rows only when
the batch may be kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from onward.errors import Fault, Faults
from onward.intake.dates import DateRules, Doubt, PartialDate, Problem, from_age
from onward.intake.fold import clean, digits, fold
from onward.intake.profile import IDENTITY, OUR_COLUMNS, ColumnRule, FactLike, Profile
from onward.intake.read import Cell, Option, Question, Reading, ranges
from onward.intake.values import (
    DocumentNumber,
    Options,
    Value,
    is_missing,
    parse_document,
    parse_value,
)
from onward.said import Listed, Said, Share, form, typed


@dataclass(frozen=True)
class Name:
    """One part of a name. part as in the profile ("given", "father", ...); script "Arab", "Latn"
    or "Zyyy" by its letters (ISO 15924)."""

    part: str
    text: str
    script: str


@dataclass(frozen=True)
class Identity:
    """Who a row is about. Belongs in the vault, never in an event or a message."""

    names: tuple[Name, ...] = ()
    documents: tuple[tuple[str, DocumentNumber], ...] = ()
    contacts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    office_number: str | None = None
    sealed: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class StagedRow:
    """One row ready for the record.

    row              the number the user sees
    key              stays the same when the same or a corrected file is loaded again
    content          changes when anything in the row does; (key, content) is what makes an
                     import idempotent
    facts            name -> value, about the person
    household_facts  name -> value, about the household
    household        the key of the household, or None
    role             one of `profile.ROLES`, or None
    person           for a list of events: the key of the person's row in the office's list
    event            for a list of events: (kind, date)
    effective        when the facts are true from, where the row says so
    site             where the person lives, as the list writes it
    """

    row: int
    key: str
    content: str
    facts: Mapping[str, Value]
    identity: Identity
    household: str | None = None
    household_facts: Mapping[str, Value] = field(default_factory=dict)
    role: str | None = None
    person: str | None = None
    event: tuple[str, PartialDate] | None = None
    effective: PartialDate | None = None
    site: str | None = None


@dataclass(frozen=True)
class Staged:
    """A batch: what would be kept, what is wrong, what must be answered.

    rows         the rows without a fault
    faulty       row number -> its faults
    file_faults  faults of the file as a whole (a missing column, a refused batch)
    questions    what a person must answer; while there is one, nothing may be kept
    notices      what a person should see before committing
    read_rows    number of rows that held anything
    """

    profile: Profile
    file: str
    digest: str
    rows: tuple[StagedRow, ...]
    faulty: Mapping[int, tuple[Fault, ...]]
    file_faults: tuple[Fault, ...]
    questions: tuple[Question, ...]
    notices: tuple[str, ...]
    read_rows: int

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault, the file's own first, then by row."""
        by_row = [fault for row in sorted(self.faulty) for fault in self.faulty[row]]
        return (*self.file_faults, *by_row)

    def stops(self, *, partly: bool = False) -> bool:
        """Whether a fault or an open question keeps the batch out."""
        return bool(self.file_faults or self.questions or (self.faulty and not partly))

    def accepted(self, *, partly: bool = False) -> tuple[StagedRow, ...]:
        """The rows that may be kept.

        partly  keep the good rows although others are at fault (they come back as a file);
                otherwise one fault keeps everything out
        raises  Faults when the batch may not be kept, with every fault and open question
        """
        blocking = list(self.file_faults)
        blocking += [
            Fault(self.file, question.where, "", question.text.rstrip("?") + " (a question)",
                  ", ".join(option.label for option in question.options), question.settle)
            for question in self.questions
        ]  # fmt: skip
        if not partly:
            blocking += [fault for fault in self.faults if fault not in self.file_faults]
        if blocking:
            raise Faults(blocking, f"{self.file}: nothing was kept.")
        return self.rows


def stage(
    reading: Reading,
    profile: Profile,
    facts: Mapping[str, FactLike],
    *,
    secret: bytes,
    latest: dt.date | None = None,
    progress: Callable[[int], None] | None = None,
) -> Staged:
    """Type every cell, keep identity apart, key every row, and name every fault.

    reading   from `read`
    profile   from `load_profile`
    facts     name -> declared fact
    secret    the operation's own key, at least 16 bytes: without it, row keys could be turned
              back into office numbers by trying them all
    latest    no birth date may be later (usually the day of the import)
    returns   a Staged batch; nothing is raised for what is wrong inside the list
    """
    if len(secret) < 16:
        raise ValueError("secret must be at least 16 bytes")
    return _Stager(reading, profile, facts, secret, latest, progress).staged()


SAMPLE_ROWS = 12
NEEDED = ("person", "row", "event.kind", "event.date")
DATES = ("date", "partial_date")


class _Stager:
    """Holds the columns while they are typed; used once."""

    def __init__(
        self,
        reading: Reading,
        profile: Profile,
        facts: Mapping[str, FactLike],
        secret: bytes,
        latest: dt.date | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.reading, self.profile, self.facts = reading, profile, facts
        self.secret, self.latest, self.progress = secret, latest, progress
        self.file = reading.file
        self.where = ""
        self.faulty: dict[int, list[Fault]] = defaultdict(list)
        self.file_faults: list[Fault] = []
        self.questions: list[Question] = list(reading.questions)
        self.notices: list[str] = list(reading.notices)

    def staged(self) -> Staged:
        for fault in self.reading.faults:
            match = re.fullmatch(r"row (\d+)", fault.where)
            if match:
                self.faulty[int(match[1])].append(fault)
            else:
                self.file_faults.append(fault)
        rows: tuple[StagedRow, ...] = ()
        read_rows = 0
        if not self.questions:
            table = self._table()
            if table is not None:
                header, numbers, cells = table
                read_rows = len(numbers)
                rows = self._rows(header, numbers, cells)
        share = 100 * len(self.faulty) / read_rows if read_rows else 0.0
        if share > self.profile.most_faulty_percent and len(self.faulty) > 1:
            self.file_faults.insert(
                0,
                Fault(
                    self.file,
                    "",
                    "",
                    Said(
                        "%(a)s of %(b)s rows are at fault (%(c)s)",
                        a=len(self.faulty),
                        b=read_rows,
                        c=Share(share / 100),
                    ),
                    Said("at most %(a)s%%", a=f"{self.profile.most_faulty_percent:g}"),
                    "This looks like the wrong profile, sheet or calendar: check those first.",
                ),
            )
        return Staged(
            self.profile,
            self.file,
            self.reading.digest,
            rows,
            {row: tuple(faults) for row, faults in sorted(self.faulty.items())},
            tuple(self.file_faults),
            tuple(self.questions),
            tuple(self.notices),
            read_rows,
        )

    # -- from sheets to one table with a header

    def _table(self) -> tuple[list[str], list[int], list[tuple[Cell, ...]]] | None:
        sheets = dict(self.reading.sheets)
        name = self.profile.sheet
        if name is None:
            name = next(iter(sheets), None)
        if name is None or name not in sheets:
            self.file_faults.append(
                Fault(self.file, "", "sheet", "the profile's sheet was not read",
                      Listed(typed(n) for n, _ in self.reading.names))
            )  # fmt: skip
            return None
        self.where = f'sheet "{name}", ' if name else ""
        split = self._split(name)
        if split is None:
            return None
        header, numbers, cells = split
        if self.profile.parent is not None:
            joined = self._with_parent(header, numbers, cells)
            if joined is None:
                return None
            header, cells = joined
        return header, numbers, cells

    def _split(self, name: str) -> tuple[list[str], list[int], list[tuple[Cell, ...]]] | None:
        rows = self.reading.sheets[name].rows
        at = self.profile.header_row - 1
        if at >= len(rows) or not any(cell is not None for cell in rows[at]):
            self.file_faults.append(
                Fault(self.file, f"{self.where}row {at + 1}", "", "no header row there",
                      "a row with the columns' names", "Set header_row in the profile.")
            )  # fmt: skip
            return None
        header = ["" if cell is None else clean(str(cell)) for cell in rows[at]]
        width = len(header)
        numbers, cells = [], []
        for number, row in enumerate(rows[at + 1 :], start=at + 2):
            if not any(cell is not None for cell in row):
                continue
            if len(row) > width:
                self._row_fault(
                    number, "", Said("%(a)s cells under %(b)s column names", a=len(row), b=width),
                    Said("at most %(a)s cells", a=width),
                    "Look for a delimiter inside a cell, or a cell right of the list.",
                )  # fmt: skip
            numbers.append(number)
            cells.append(row[:width] + (None,) * (width - len(row)))
        if not numbers:
            self.file_faults.append(
                Fault(self.file, self.where.rstrip(", "), "", "no row below the header",
                      "at least one row")
            )  # fmt: skip
            return None
        return header, numbers, cells

    def _with_parent(
        self, header: list[str], numbers: list[int], cells: list[tuple[Cell, ...]]
    ) -> tuple[list[str], list[tuple[Cell, ...]]] | None:
        """Put each row's parent submission beside it; its columns get the prefix "../"."""
        assert self.profile.parent is not None
        sheet, key, column = self.profile.parent
        if sheet not in self.reading.sheets or column not in header:
            self.file_faults.append(
                Fault(self.file, "", "parent",
                      Said("no sheet %(a)s or no column %(b)s", a=typed(sheet), b=typed(column)),
                      "both, as in the export of repeated groups")
            )  # fmt: skip
            return None
        above = self._split(sheet)
        if above is None or key not in above[0]:
            self.file_faults.append(
                Fault(
                    self.file,
                    f'sheet "{sheet}"',
                    "parent",
                    Said("no column %(a)s", a=typed(key)),
                )
            )
            return None
        parents = {str(row[above[0].index(key)]): row for row in above[2]}
        at = header.index(column)
        joined = []
        for number, row in zip(numbers, cells, strict=True):
            parent = parents.get(str(row[at]))
            if parent is None:
                self._row_fault(
                    number, column, "no submission with that number in the parent sheet"
                )
                parent = (None,) * len(above[0])
            joined.append(row + parent)
        return header + ["../" + name for name in above[0]], joined

    # -- columns

    def _rows(
        self, header: list[str], numbers: list[int], cells: list[tuple[Cell, ...]]
    ) -> tuple[StagedRow, ...]:
        places = self._places(header)
        if self.file_faults:
            return ()
        columns: list[tuple[ColumnRule, list[Any]]] = []
        for rule, at in places:
            if rule.to == "ignore":
                continue
            column = [row[at] for row in cells]
            columns.append((rule, self._typed(rule, numbers, column)))
            if self.progress:
                self.progress(len(numbers) * len(columns) // len(places))
        if self.questions:
            return ()
        return self._assembled(numbers, columns)

    def _places(self, header: list[str]) -> list[tuple[ColumnRule, int]]:
        """Each rule with its column's position; every column must be known or ignored."""
        at: dict[str, list[int]] = defaultdict(list)
        for position, name in enumerate(header):
            at[fold(name)].append(position)
        places: list[tuple[ColumnRule, int]] = []
        for ours in OUR_COLUMNS:
            at.pop(fold(ours), None)
        row = f"{self.where}row {self.profile.header_row}"
        named = {fold(rule.header) for rule in self.profile.columns}
        for rule in self.profile.columns:
            found = at.pop(fold(rule.header), [])
            if not found and self.profile.parent is not None and "/" in rule.header:
                # Exports of forms may leave out the groups: members/sex is then only sex.
                short = fold(_without_groups(rule.header))
                if short not in named:
                    found = at.pop(short, [])
            if not found:
                optional = self.profile.absent_columns == "empty" and not rule.required
                if rule.to == "ignore" or (optional and rule.to not in NEEDED):
                    continue
                self.file_faults.append(
                    Fault(self.file, row, rule.header, "the column is not in the list",
                          "the columns the profile names",
                          Said("Correct the header in the list, or the profile (%(a)s, line %(b)s).",
                               a=self.profile.file, b=rule.line))
                )  # fmt: skip
            elif len(found) > 1:
                self.file_faults.append(
                    Fault(self.file, row, rule.header, Said("%(a)s columns of this name", a=len(found)),
                          "one", "Rename or remove the others.")
                )  # fmt: skip
            else:
                places.append((rule, found[0]))
        if self.profile.other_columns == "refuse":
            for name, positions in at.items():
                if name and not name.startswith("../"):
                    self.file_faults.append(
                        Fault(self.file, row, header[positions[0]],
                              "a column the profile does not mention",
                              "every column mapped, or to: ignore",
                              "Add it to the profile, or set other_columns: ignore.")
                    )  # fmt: skip
        else:
            left = sum(1 for name in at if name and not name.startswith("../"))
            if left:
                self.notices.append(Said("%(a)s columns are not imported.", a=left))
        return places

    def _typed(self, rule: ColumnRule, numbers: list[int], column: list[Cell]) -> list[Any]:
        """Every cell of one column as a value; problems are filed, doubts become one question."""
        options = rule.options
        if rule.kind in DATES and self.latest is not None and "birth" in rule.to:
            options = _with_latest(options, self.latest)
        read_cell = self._reader(rule, options)
        known: dict[Any, Any] = {}
        doubts: dict[str, tuple[Doubt, list[int]]] = {}
        made: list[Any] = []
        for number, cell in zip(numbers, column, strict=True):
            # True == 1 == 1.0 in a dict, but not in a list.
            slot = cell if type(cell) is str else (type(cell), cell)
            if slot in known:
                value = known[slot]
            else:
                value = known[slot] = read_cell(cell)
            if isinstance(value, Problem):
                self._row_fault(number, rule.header, value.found, value.allowed, value.remedy)
                value = None
            elif isinstance(value, Doubt):
                doubts.setdefault(value.about, (value, []))[1].append(number)
                value = None
            elif value is None and rule.required:
                self._row_fault(
                    number, rule.header, "empty", "a value", "Fill the cell, or remove the row."
                )
            made.append(value)
        for doubt, rows in doubts.values():
            self._ask(rule, doubt, rows)
        if rule.kind in DATES and not doubts:
            self._suspect_dates(rule, column)
        return made

    def _reader(self, rule: ColumnRule, options: Options) -> Callable[[Cell], Any]:
        if rule.kind == "document":
            return lambda cell: parse_document(cell, options.missing)
        if rule.to in ("person", "household", "row"):
            return lambda cell: _office_number(cell, options)
        if rule.age_on is not None:
            on = rule.age_on

            def birth(cell: Cell) -> Any:
                age = parse_value("integer", cell, options)
                if isinstance(age, int) and not 0 <= age <= 120:
                    return Problem(
                        "an age that cannot be", "0 to 120 years", "Correct the cell."
                    )
                return from_age(age, on, str(cell)) if isinstance(age, int) else age

            return birth
        if rule.kind == "text" and rule.to in IDENTITY:
            return lambda cell: _identity_text(cell, options)
        return lambda cell: parse_value(rule.kind, cell, options)

    def _ask(self, rule: ColumnRule, doubt: Doubt, rows: Sequence[int]) -> None:
        where = Said(
            "column %(a)s, rows %(b)s", a=typed(rule.header), b=Listed(rows[:SAMPLE_ROWS])
        )
        if (more := len(rows) - SAMPLE_ROWS) > 0:
            where = Said("%(a)s and %(b)s more", a=where, b=more)
        self.questions.append(
            Question(
                doubt.about,
                where,
                doubt.text,
                tuple(Option(value, label) for value, label in doubt.options),
                Said(
                    "%(a)s, at the column or at the top of the profile",
                    a=f"{doubt.about}: VALUE",
                ),
            )
        )

    def _suspect_dates(self, rule: ColumnRule, column: list[Cell]) -> None:
        """Signs that a spreadsheet read some dates the other way round."""
        dates = rule.options.dates
        texts = [cell for cell in column if isinstance(cell, str)]
        day_first = month_first = 0
        for text in set(texts):
            match = SLASHED.match(digits(clean(text)))
            if match:
                day_first += int(match[1]) > 12 >= int(match[2])
                month_first += int(match[2]) > 12 >= int(match[1])
        low_days = any(isinstance(c, dt.date) and c.day <= 12 for c in column)
        all_low = all(c.day <= 12 for c in column if isinstance(c, dt.date))
        orders = (
            ("day-month-year", form("day, month, year")),
            ("month-day-year", form("month, day, year")),
        )
        if dates.order is None and day_first and month_first:
            text = form(
                "Some dates can only be day first, others only month first. Which is the rule?"
            )
            self.questions.append(
                Question("date_order", Said("column %(a)s", a=typed(rule.header)), text,
                         tuple(Option(*order) for order in orders), "date_order: VALUE")
            )  # fmt: skip
        elif (day_first or month_first) and low_days and all_low and dates.date_cells is None:
            # Text where the day is over 12 and true dates where it never is: a spreadsheet of
            # another country took the dates it could and turned day and month round.
            self.questions.append(
                Question(
                    "date_cells",
                    Said("column %(a)s", a=typed(rule.header)),
                    "Some cells are true dates whose day is never over 12, while the others are "
                    "text: a spreadsheet may have exchanged day and month in the true dates. "
                    "Are the true dates right as they stand?",
                    (Option("gregorian", form("Yes, they are right as they stand")),),
                    "date_cells: gregorian, or correct the list",
                )
            )

    # -- rows

    def _assembled(
        self, numbers: list[int], columns: list[tuple[ColumnRule, list[Any]]]
    ) -> tuple[StagedRow, ...]:
        constants = self._constants()
        if self.file_faults:
            return ()
        drafts: list[tuple[int, dict[str, Any]]] = []
        names = [(rule, rule.to.partition(".")) for rule, _ in columns]
        for index, number in enumerate(numbers):
            draft: dict[str, Any] = {"facts": {}, "home": {}, "sealed": {}, "names": [],
                                     "documents": [], "contacts": [], "notes": []}  # fmt: skip
            for (rule, (family, _, part)), (_, values) in zip(names, columns, strict=True):
                value = values[index]
                if value is None:
                    continue
                if rule.subject:
                    fact = self.facts[rule.to]
                    if getattr(fact, "identity", False):
                        draft["sealed"][rule.to] = value
                    elif rule.subject == "household":
                        draft["home"][rule.to] = value
                    else:
                        draft["facts"][rule.to] = value
                elif family == "name":
                    draft["names"].append(Name(part, value, script_of(value)))
                elif family == "document":
                    draft["documents"].append((part, value))
                elif family == "contact":
                    draft["contacts"].append((part, value))
                elif family == "note":
                    draft["notes"].append(value)
                else:
                    draft[rule.to] = value
            for name, (subject, value) in constants.items():
                draft["home" if subject == "household" else "facts"].setdefault(name, value)
            drafts.append((number, draft))
        self._check_rows(drafts)
        return self._keyed(drafts)

    def _constants(self) -> dict[str, tuple[str, Value]]:
        made: dict[str, tuple[str, Value]] = {}
        for name, text in self.profile.constants.items():
            fact = self.facts.get(name)
            if fact is None:
                continue
            value = parse_value(fact.type, text, Options(allowed=tuple(fact.allowed or ())))
            if isinstance(value, Problem | Doubt):
                found = value.found if isinstance(value, Problem) else value.text
                self.file_faults.append(Fault(self.profile.file, "constants", name, found))
            elif value is not None:
                made[name] = (fact.kind, value)
        return made

    def _check_rows(self, drafts: list[tuple[int, dict[str, Any]]]) -> None:
        """What one cell cannot tell: who, twice, and households that disagree with themselves."""
        sharing: dict[str, list[int]] = defaultdict(list)
        homes: dict[str, dict[str, tuple[int, Value]]] = defaultdict(dict)
        events = self.profile.rows == "events"
        office = next((r.header for r in self.profile.columns if r.to == "person"), "")
        for number, draft in drafts:
            person = draft.get("person")
            if person is None and (office or not draft["names"]) and (events or office):
                self._row_fault(
                    number, office, "empty", "the office's number for the person",
                    "Fill the cell, or remove the row.",
                )  # fmt: skip
            elif person is None and not draft["names"]:
                self._row_fault(number, "", "neither a number nor a name", "one of them")
            if not events and person is not None:
                sharing[person].append(number)
            if events:
                if draft.get("event.kind", self.profile.event_kind) is None:
                    self._row_fault(number, "event.kind", "empty", "what happened")
                if draft.get("event.date") is None and number not in self.faulty:
                    self._row_fault(number, "event.date", "empty", "when it happened")
            home = draft.get("household")
            if home is not None:
                for name, value in draft["home"].items():
                    first = homes[home].setdefault(name, (number, value))
                    if first[1] != value:
                        self._row_fault(
                            number, name,
                            Said("not the same as row %(a)s of the same household", a=first[0]),
                            "one value for a household", "Correct one of the rows.",
                        )  # fmt: skip
        for shared in sharing.values():
            # Which of them is right, only the office can say: none is taken.
            for number in shared if len(shared) > 1 else ():
                others = ranges([other for other in shared if other != number])
                self._row_fault(
                    number,
                    office,
                    Said("the same number as row %(a)s", a=others),
                    "each person once",
                    "Remove one of the rows, or give one its own number.",
                )

    def _keyed(self, drafts: list[tuple[int, dict[str, Any]]]) -> tuple[StagedRow, ...]:
        rows: list[StagedRow] = []
        times: dict[str, int] = defaultdict(int)
        unnumbered = 0
        events = self.profile.rows == "events"
        for number, draft in drafts:
            if number in self.faulty:
                continue
            person = draft.get("person")
            event = None
            if events:
                kind = draft.get("event.kind", self.profile.event_kind)
                event = (str(kind), draft["event.date"])
            content = self._hash("content", _canonical(draft))
            if draft.get("row") is not None:
                key = self._hash("row", self.profile.id, draft["row"])
            elif events:
                base = _canonical([person, event])
                times[base] += 1
                key = self._hash("event", self.profile.id, base, str(times[base]))
            elif person is not None:
                key = self._hash("person", self.profile.numbers, person)
            else:
                unnumbered += 1
                times[content] += 1
                key = self._hash("content", self.profile.id, content, str(times[content]))
            home = draft.get("household")
            effective = draft.get("effective")
            if effective is None and self.profile.effective is not None:
                day = self.profile.effective
                effective = PartialDate(day, day, "day")
            rows.append(
                StagedRow(
                    row=number,
                    key=key,
                    content=content,
                    facts=draft["facts"],
                    identity=Identity(
                        tuple(draft["names"]),
                        tuple(draft["documents"]),
                        tuple(draft["contacts"]),
                        tuple(draft["notes"]),
                        person,
                        draft["sealed"],
                    ),
                    household=self._hash("household", self.profile.numbers, home)
                    if home
                    else None,
                    household_facts=draft["home"],
                    role=draft.get("role"),
                    person=self._hash("person", self.profile.numbers, person)
                    if person
                    else None,
                    event=event,
                    effective=effective,
                    site=draft.get("site") or self.profile.constants.get("site"),
                )
            )
        if unnumbered:
            self.notices.append(
                Said(
                    "%(a)s rows carry no number of the office's own. The same file loaded again "
                    "changes nothing, but a corrected row will be a new row until someone matches "
                    "it.",
                    a=unnumbered,
                )
            )
        return tuple(rows)

    def _hash(self, *parts: str) -> str:
        text = "\x1f".join(parts)
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()[:32]

    def _row_fault(
        self, number: int, column: str, found: str, allowed: str = "", remedy: str = ""
    ) -> None:
        self.faulty[number].append(
            Fault(self.file, f"{self.where}row {number}", column, found, allowed, remedy)
        )


def _without_groups(header: str) -> str:
    """`members/sex` -> `sex`, `../group/number` -> `../number`."""
    last = header.rsplit("/", 1)[-1]
    return f"../{last}" if header.startswith("../") else last


SLASHED = re.compile(r"^(\d{1,2})[/.\-](\d{1,2})[/.\-]\d{4}$")


def _with_latest(options: Options, latest: dt.date) -> Options:
    old = options.dates
    dates = DateRules(
        old.calendar, old.order, old.century, old.date_cells, old.conventional, latest
    )
    return Options(
        options.values, options.missing, dates, options.decimal, options.allowed, options.labels
    )


def _office_number(cell: Cell, options: Options) -> str | Problem | None:
    if is_missing(cell, options.missing):
        return None
    if isinstance(cell, bool | dt.date | dt.time):
        return Problem(
            "a date or yes/no cell where a number belongs", "the office's own number"
        )
    if isinstance(cell, float):
        return Problem(
            "a number with decimals or over 15 digits",
            "the office's own number, as text",
            "Format the column as text and type it again.",
        )
    return digits(clean(str(cell)))


def _identity_text(cell: Cell, options: Options) -> str | Problem | None:
    if is_missing(cell, options.missing):
        return None
    if not isinstance(cell, str):
        return Problem("a number or date cell where text belongs", "text", "Type it as text.")
    return clean(cell)


@lru_cache(maxsize=100_000)
def script_of(text: str) -> str:
    """ISO 15924 script of most letters: "Arab", "Latn", "Cyrl", or "Zyyy" when there is none."""
    arabic = sum(1 for c in text if "\u0600" <= c <= "\u08ff" or "\ufb50" <= c <= "\ufeff")
    latin = sum(1 for c in text if c.isalpha() and c < "\u0250")
    cyrillic = sum(1 for c in text if "\u0400" <= c <= "\u052f")
    best = max((arabic, "Arab"), (latin, "Latn"), (cyrillic, "Cyrl"))
    return best[1] if best[0] else "Zyyy"


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, PartialDate):
        return value.as_data()
    if isinstance(value, DocumentNumber):
        return value.printed
    if isinstance(value, Name):
        return [value.part, value.text]
    raise TypeError(type(value).__name__)
