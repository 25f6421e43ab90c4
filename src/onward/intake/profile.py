"""The mapping profile: which column of an office's list is which fact, said once and kept.

Why: the same list comes every month, and nobody should have to explain it twice. In: a YAML
file and the facts the rulebook declares. Out: a `Profile`, or every fault of the file at once
with its line. `docs/reference/import-profiles.md` describes the format.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, get_args

import yaml

from onward.errors import Fault, Faults, one_of
from onward.intake.dates import CALENDARS, ORDERS, Calendar, DateRules, Order
from onward.intake.fold import fold
from onward.intake.parse.answers import DELIMITERS, ENCODINGS
from onward.intake.read import encoding_name
from onward.intake.values import TYPES, Options
from onward.said import Listed, Said, Written, form, typed

UNREADABLE = (
    ("cannot start any token", form("a tab or a sign where spaces are needed")),
    ("mapping values are not allowed", form("a second colon in one line, or a key too far in")),
    ("could not find expected ':'", form("a key without a colon")),
    ("expected <block end>", form("a line that does not stand below those it belongs to")),
    ("expected ',' or", form("a bracket that is not closed")),
    ("unexpected end of stream", form("a quotation mark or a bracket that is not closed")),
    ("expected a single document", form("more than one document")),
)
"""What the reader of YAML says, and the same in the words of whoever writes a list's profile."""


class FactLike(Protocol):
    """What intake needs to know of a declared fact; `onward.rulebook.model.Fact` has all of it.

    Where an object also has `labels` or `identity` (see `FactType`), they are used.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def allowed(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class FactType:
    """A plain declaration of a fact, for callers without a rulebook.

    kind      whose fact it is: "person", "household", or the kind of record a list of events adds
    labels    allowed value -> language -> label, where they are known
    identity  the value says who someone is and belongs in the vault
    """

    name: str
    type: str = "text"
    kind: str = "person"
    allowed: Sequence[str] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    identity: bool = False


# Identity goes to the vault and never among the facts.
NAME_PARTS = {
    "name.full": "the whole name as one text",
    "name.given": "given name",
    "name.father": "father's name",
    "name.grandfather": "grandfather's name",
    "name.family": "family name, tribe or place name",
    "name.mother": "mother's name",
    "name.title": "title or honorific",
    "name.nom_de_guerre": "name used in the organisation",
    "name.other": "any other name used",
}
IDENTITY = {
    **NAME_PARTS,
    "contact.phone": "telephone number",
    "contact.email": "e-mail address",
    "contact.address": "address",
    "contact.other": "another way to reach the person",
    "note": "free text about the person",
}
DOCUMENT = re.compile(r"^document\.[a-z][a-z0-9_]*$")
STRUCTURE = {
    "person": "the office's own number for the person",
    "household": "the number or name that people of one household share",
    "role": "the person's role in the household",
    "site": "where the person lives",
    "row": "a number of the row itself that stays the same from one file to the next",
    "effective": "the date the row's facts are true from",
    "event.kind": "what happened (lists of events only)",
    "event.date": "when it happened (lists of events only)",
    "ignore": "not imported",
}
# Columns of our own in the workbook of faulty rows; they are left out when it comes back.
OUR_COLUMNS = ("Onward: row", "Onward: what to correct")
ROLES = (
    "head", "spouse", "child", "parent", "sibling", "grandparent", "grandchild",
    "other_relative", "not_related", "unknown",
)  # fmt: skip
ROLE_WORDS: dict[str, tuple[str, ...]] = {
    "head": (
        "head", "hoh", "head of household", "principal applicant", "pa", "hr1", "self", "focal point",
        "chef de famille", "chef de ménage", "سرپرست", "سرپرست خانوار", "رب الأسرة", "رب العائلة",
        "متقاضی اصلی", "سەرۆکی خێزان", "serokê malbatê",
    ),
    "spouse": (
        "spouse", "wife", "husband", "partner", "épouse", "époux", "conjoint", "همسر", "زوج", "زوجة",
        "شوهر", "هاوسەر", "hevjîn",
    ),
    "child": (
        "child", "son", "daughter", "fils", "fille", "enfant", "فرزند", "پسر", "دختر", "ابن", "ابنة",
        "بنت", "کوڕ", "کچ", "منداڵ", "zarok", "kur", "keç",
    ),
    "parent": (
        "parent", "father", "mother", "père", "mère", "پدر", "مادر", "أب", "أم", "الأب", "الأم", "باوک",
        "دایک", "bav", "dayik",
    ),
    "sibling": (
        "sibling", "brother", "sister", "frère", "soeur", "sœur", "برادر", "خواهر", "أخ", "أخت", "برا",
        "خوشک", "bira", "xwişk",
    ),
    "grandparent": ("grandparent", "grandfather", "grandmother", "پدربزرگ", "مادربزرگ", "جد", "جدة"),
    "grandchild": ("grandchild", "grandson", "granddaughter", "نوه", "حفيد", "حفيدة"),
    "other_relative": (
        "other relative", "relative", "uncle", "aunt", "cousin", "niece", "nephew", "in-law",
        "autre parent", "خویشاوند", "قریب", "عم", "عمة", "خال", "خالة", "خزم",
    ),
    "not_related": ("not related", "unrelated", "non-relative", "none", "غیر خویشاوند"),
    "unknown": ("unknown",),
}  # fmt: skip


@dataclass(frozen=True)
class ColumnRule:
    """One column of the list.

    header   as written in the list; compared after folding, so spelling of yeh does not matter
    to       a fact, an identity part, a document or a place in the structure
    kind     the type its cells are read as
    options  how its cells are read
    subject  whose fact it is ("person", "household", ...); "" for identity and structure
    required a row without it is at fault
    age_on   the column holds ages in years on this date, not birth dates
    line     where the profile says so
    """

    header: str
    to: str
    kind: str
    options: Options
    subject: str = ""
    required: bool = False
    age_on: dt.date | None = None
    line: int = 0


@dataclass(frozen=True)
class Profile:
    """How one office's list is read.

    numbers  whose numbers name people and households: lists that share this name mean the same
             people by the same number
    digest   changes when anything in the file or the answers does
    """

    id: str
    file: str
    rows: str
    numbers: str
    columns: tuple[ColumnRule, ...]
    constants: Mapping[str, str]
    sheet: str | None = None
    parent: tuple[str, str, str] | None = None
    header_row: int = 1
    encoding: str | None = None
    delimiter: str | None = None
    effective: dt.date | None = None
    event_kind: str | None = None
    other_columns: str = "refuse"
    absent_columns: str = "refuse"
    most_faulty_percent: float = 20.0
    most_matched_percent: float = 50.0
    digest: str = ""

    @property
    def sheets(self) -> tuple[str, ...]:
        """The sheets to ask `read` for."""
        named = [self.parent[0]] if self.parent else []
        return tuple(([self.sheet] if self.sheet else []) + named)


TOP = {
    "profile", "about", "rows", "file", "sheet", "parent", "header_row", "calendar", "date_order",
    "century", "decimal", "missing", "effective", "event", "columns", "constants", "other_columns",
    "most_faulty_percent", "most_matched_percent", "numbers", "absent_columns",
}  # fmt: skip
COLUMN = {
    "to", "values", "calendar", "date_order", "century", "date_cells", "conventional", "missing",
    "decimal", "required", "age_on",
}  # fmt: skip


class _Lines:
    """YAML as plain text values, with the line of every key; nothing is turned into yes or no."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.line: dict[tuple[str, ...], int] = {}
        self.data: Any = None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as bad:
            mark = getattr(bad, "problem_mark", None)
            where = f"line {mark.line + 1}" if mark else ""
            problem = getattr(bad, "problem", None) or ""
            known = (said for start, said in UNREADABLE if start in problem)
            found = Said("not YAML: %(a)s", a=next(known, Written(problem or "?")))
            raise Faults(
                [Fault(file, where, "", found, "", "Correct the indentation and the signs.")]
            ) from bad
        if node is not None:
            self.data = self._plain(node, ())

    def _plain(self, node: Any, path: tuple[str, ...]) -> Any:
        self.line[path] = node.start_mark.line + 1
        if len(path) > 12:
            raise Faults([Fault(self.file, f"line {self.line[path]}", "", "nested too deeply")])
        if isinstance(node, yaml.MappingNode):
            made: dict[str, Any] = {}
            for key, value in node.value:
                word = str(key.value)
                if word in made:
                    self.fault((*path, word), word, "the same key twice", "each key once")
                made[word] = self._plain(value, (*path, word))
                self.line[(*path, word)] = key.start_mark.line + 1
            return made
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*path, str(i))) for i, item in enumerate(node.value)]
        if node.tag == "tag:yaml.org,2002:null" and node.style is None:
            return None
        return str(node.value)

    def fault(
        self, path: tuple[str, ...], key: str, found: str, allowed: str = "", remedy: str = ""
    ) -> None:
        at = path
        while at and at not in self.line:
            at = at[:-1]
        where = f"line {self.line[at]}" if at in self.line else ""
        self.faults.append(Fault(self.file, where, key, found, allowed, remedy))


def load_profile(
    path: str | Path, facts: Mapping[str, FactLike], *, answers: Mapping[str, str] | None = None
) -> Profile:
    """Read a mapping profile.

    path     the YAML file
    facts    name -> declared fact
    answers  what a person just answered, as {"date_order": "day-month-year"} for the whole list
             or {"Birth date/calendar": "solar_hijri"} for one column; they stand before the file
    raises   Faults: every fault of the file at once, each with its line
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as bad:
        raise Faults(
            [
                Fault(
                    path.name,
                    "",
                    "",
                    "cannot be read as a UTF-8 text file",
                    "",
                    "Save it as text in UTF-8.",
                )
            ]
        ) from bad
    return parse_profile(text, facts, file=path.name, answers=answers)


def shipped_profiles() -> dict[str, str]:
    """The profiles that come with Onward: name -> YAML text, to be copied and corrected."""
    folder = resources.files("onward.intake").joinpath("profiles")
    texts = {
        entry.name.removesuffix(".yaml"): entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    }
    return dict(sorted(texts.items()))


def parse_profile(
    text: str,
    facts: Mapping[str, FactLike],
    *,
    file: str = "profile.yaml",
    answers: Mapping[str, str] | None = None,
) -> Profile:
    """As `load_profile`, from text."""
    return _Reader(_Lines(text, file), facts, dict(answers or {}), text).profile()


class _Reader:
    """Turns the plain data into a Profile and collects every fault on the way."""

    def __init__(
        self, lines: _Lines, facts: Mapping[str, FactLike], answers: dict[str, str], text: str
    ) -> None:
        self.lines, self.facts, self.answers, self.text = lines, facts, answers, text
        self.top: dict[str, Any] = lines.data if isinstance(lines.data, dict) else {}
        if not isinstance(lines.data, dict):
            lines.fault((), "", "not a mapping of keys", _as_written(sorted(TOP)))

    # -- small readers, each reporting its own fault

    def _unknown(
        self, given: Mapping[str, Any], path: tuple[str, ...], known: set[str]
    ) -> None:
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                self.lines.fault(
                    (*path, key),
                    key,
                    "a key this file may not have",
                    _as_written(sorted(known)),
                    Said("Did you mean %(a)s?", a=Written(near[0])) if near else "",
                )

    def _map(self, given: Any, path: tuple[str, ...]) -> dict[str, Any]:
        if given is None:
            return {}
        if not isinstance(given, dict):
            self.lines.fault(
                path, path[-1] if path else "", "not a mapping", "key: value lines"
            )
            return {}
        return given

    def _word(self, given: Any, path: tuple[str, ...]) -> str | None:
        if given is None or isinstance(given, str):
            return given
        self.lines.fault(path, path[-1], "not a single value", "one word or number")
        return None

    def _choice(self, given: Any, path: tuple[str, ...], allowed: Sequence[str]) -> str | None:
        word = self._word(given, path)
        if word is not None and word not in allowed:
            near = difflib.get_close_matches(word, allowed, 1)
            self.lines.fault(
                path,
                path[-1],
                Said("found %(a)s", a=typed(word)),
                _as_written(allowed),
                Said("Did you mean %(a)s?", a=Written(near[0])) if near else "",
            )
            return None
        return word

    def _whole(self, given: Any, path: tuple[str, ...], low: int, high: int) -> int | None:
        word = self._word(given, path)
        if word is None:
            return None
        if not word.isascii() or not word.isdigit() or not low <= int(word) <= high:
            self.lines.fault(
                path,
                path[-1],
                Said("found %(a)s", a=typed(word)),
                Said("a whole number from %(a)s to %(b)s", a=low, b=high),
            )
            return None
        return int(word)

    def _words(self, given: Any, path: tuple[str, ...]) -> tuple[str, ...]:
        if given is None:
            return ()
        if isinstance(given, list) and all(isinstance(word, str) for word in given):
            return tuple(given)
        self.lines.fault(path, path[-1], "not a list of words", Written('["-", "n/a"]'))
        return ()

    def _day(self, given: Any, path: tuple[str, ...]) -> dt.date | None:
        word = self._word(given, path)
        if word is None:
            return None
        try:
            return dt.date.fromisoformat(word)
        except ValueError:
            self.lines.fault(
                path, path[-1], Said("found %(a)s", a=typed(word)),
                Said("a date such as %(a)s", a=Written("2026-01-31")),
            )  # fmt: skip
            return None

    # -- the parts

    def profile(self) -> Profile:
        top, lines = self.top, self.lines
        self._unknown(top, (), TOP)
        name = self._word(top.get("profile"), ("profile",))
        if not name or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            lines.fault(
                ("profile",),
                "profile",
                "no name for this profile",
                "small letters, digits and hyphens, such as camp-list",
            )
        rows = self._choice(top.get("rows"), ("rows",), ("people", "events")) or "people"
        numbers = self._word(top.get("numbers"), ("numbers",))
        file = self._map(top.get("file"), ("file",))
        self._unknown(file, ("file",), {"encoding", "delimiter"})
        written = file.get("encoding")
        encoding = self.answers.get("encoding") or self._choice(
            encoding_name(written) if isinstance(written, str) else written,
            ("file", "encoding"),
            list(ENCODINGS),
        )
        delimiter = self.answers.get("delimiter") or self._delimiter(file.get("delimiter"))
        event = self._map(top.get("event"), ("event",))
        self._unknown(event, ("event",), {"kind"})
        columns = self._columns()
        constants = self._constants()
        absent = self._choice(
            top.get("absent_columns"), ("absent_columns",), ("refuse", "empty")
        )
        other = self._choice(top.get("other_columns"), ("other_columns",), ("refuse", "ignore"))
        self._whole_makes_sense(rows, columns, event)
        most = self._whole(top.get("most_faulty_percent"), ("most_faulty_percent",), 0, 100)
        matched = self._whole(
            top.get("most_matched_percent"), ("most_matched_percent",), 0, 100
        )
        made = Profile(
            id=name or "",
            file=lines.file,
            rows=rows,
            numbers=numbers or name or "",
            columns=columns,
            constants=constants,
            sheet=self.answers.get("sheet") or self._word(top.get("sheet"), ("sheet",)),
            parent=self._parent(),
            header_row=self._whole(top.get("header_row"), ("header_row",), 1, 1000) or 1,
            encoding=encoding,
            delimiter=delimiter,
            effective=self._day(top.get("effective"), ("effective",)),
            event_kind=self._word(event.get("kind"), ("event", "kind")),
            other_columns=other or "refuse",
            absent_columns=absent or "refuse",
            most_faulty_percent=20.0 if most is None else float(most),
            most_matched_percent=50.0 if matched is None else float(matched),
            digest=hashlib.sha256(
                (self.text + repr(sorted(self.answers.items()))).encode()
            ).hexdigest(),
        )
        if lines.faults:
            raise Faults(lines.faults)
        return made

    def _delimiter(self, given: Any) -> str | None:
        word = self._word(given, ("file", "delimiter"))
        if word is None:
            return None
        names = {label: sign for sign, label in DELIMITERS.items()}
        if word not in names and word not in DELIMITERS:
            self.lines.fault(
                ("file", "delimiter"),
                "delimiter",
                "not a delimiter known here",
                _as_written(names),
            )
            return None
        return names.get(word, word)

    def _parent(self) -> tuple[str, str, str] | None:
        parent = self._map(self.top.get("parent"), ("parent",))
        if not parent:
            return None
        self._unknown(parent, ("parent",), {"sheet", "key", "column"})
        values = [
            self._word(parent.get(key), ("parent", key)) for key in ("sheet", "key", "column")
        ]
        if not values[0]:
            self.lines.fault(("parent",), "parent", "no sheet", Written("sheet: NAME"))
        return values[0] or "", values[1] or "_index", values[2] or "_parent_index"

    def _constants(self) -> dict[str, str]:
        constants = {}
        for key, value in self._map(self.top.get("constants"), ("constants",)).items():
            if key not in self.facts and key != "site":
                self._no_such_target(("constants", key), key)
            elif value is not None:
                constants[key] = str(value)
        return constants

    def _no_such_target(self, path: tuple[str, ...], to: str) -> None:
        known = [*self.facts, *IDENTITY, *STRUCTURE]
        if to.endswith("?"):
            self.lines.fault(
                path, path[-1], "a question that nobody has answered yet",
                "what the column is, or ignore", "Take the ? away when you have decided.",
            )  # fmt: skip
            return
        near = difflib.get_close_matches(to, known, 3)
        self.lines.fault(
            path,
            path[-1],
            Said("%(a)s is neither a declared fact nor an identity part", a=typed(to)),
            _as_written(near)
            if near
            else "a fact of the rulebook, or a part such as name.given",
            "`onward rulebook show` lists the facts.",
        )

    def _columns(self) -> tuple[ColumnRule, ...]:
        given = self._map(self.top.get("columns"), ("columns",))
        if not given:
            self.lines.fault(("columns",), "columns", "no column", "at least one column")
        made: list[ColumnRule] = []
        folded: dict[str, str] = {}
        for header, entry in given.items():
            path = ("columns", header)
            if fold(header) in folded:
                self.lines.fault(
                    path, header, "the same column twice after folding", "each once"
                )
            folded[fold(header)] = header
            if isinstance(entry, str):
                entry = {"to": entry}
            entry = self._map(entry, path)
            self._unknown(entry, path, COLUMN)
            rule = self._column(header, entry, path)
            if rule is not None:
                made.append(rule)
        return tuple(made)

    def _column(
        self, header: str, entry: dict[str, Any], path: tuple[str, ...]
    ) -> ColumnRule | None:
        to = self._word(entry.get("to"), (*path, "to"))
        if not to:
            self.lines.fault(path, header, "no target", Written("to: FACT, to: ignore"))
            return None
        line = self.lines.line.get(path, 0)
        fact = self.facts.get(to)
        labels: dict[str, str] = {}
        allowed: Sequence[str] = ()
        if fact is not None:
            kind, subject = fact.type, fact.kind
            allowed = tuple(fact.allowed or ())
            labels = value_labels(fact)
            if kind not in TYPES:
                self.lines.fault(path, header, Said("a fact of type %(a)s", a=Written(kind)),
                                 _as_written(TYPES))  # fmt: skip
                return None
        elif to in IDENTITY or DOCUMENT.match(to):
            kind, subject = ("document" if to.startswith("document.") else "text"), ""
        elif to in STRUCTURE:
            kind, subject = {
                "role": ("code", ""),
                "effective": ("partial_date", ""),
                "event.date": ("partial_date", ""),
                "event.kind": ("text", ""),
            }.get(to, ("text", ""))
            if to == "role":
                allowed = ROLES
                labels = {word: role for role, words in ROLE_WORDS.items() for word in words}
        else:
            self._no_such_target((*path, "to"), to)
            return None
        options = self._options(entry, path, header, to, kind, allowed, labels)
        return ColumnRule(
            header,
            to,
            kind,
            options,
            subject,
            self._choice(entry.get("required"), (*path, "required"), ("true", "false"))
            == "true",
            self._day(entry.get("age_on"), (*path, "age_on")),
            line,
        )

    def _options(
        self,
        entry: dict[str, Any],
        path: tuple[str, ...],
        header: str,
        to: str,
        kind: str,
        allowed: Sequence[str],
        labels: Mapping[str, str],
    ) -> Options:
        def said(key: str) -> tuple[Any, tuple[str, ...]]:
            for answer in (f"{header}/{key}", key):
                if answer in self.answers:
                    return self.answers[answer], (*path, key)
            if key in entry:
                return entry[key], (*path, key)
            return (self.top.get(key), (key,)) if key in TOP else (None, (*path, key))

        values = self._map(entry.get("values"), (*path, "values"))
        for word, value in values.items():
            if kind == "code" and value is not None and value not in allowed:
                self.lines.fault(
                    (*path, "values", word),
                    header,
                    "a value map that leads to a value not allowed",
                    _as_written(allowed),
                )
        calendar = self._choice(*said("calendar"), allowed=CALENDARS)
        order = self._choice(*said("date_order"), allowed=ORDERS)
        century = self._choice(*said("century"), allowed=("1300", "1400", "1900", "2000"))
        date_cells = self._choice(*said("date_cells"), allowed=("gregorian",))
        assert set(get_args(Calendar)) == set(CALENDARS)
        return Options(
            values=values,
            missing=(
                *self._words(self.top.get("missing"), ("missing",)),
                *self._words(entry.get("missing"), (*path, "missing")),
            ),
            dates=DateRules(
                calendar=_as_calendar(calendar),
                order=_as_order(order),
                century=int(century) if century else None,
                date_cells=date_cells,
                conventional=self._conventional(entry, path, to),
            ),
            decimal=self._choice(*said("decimal"), allowed=(".", ",")) or ".",
            allowed=allowed,
            labels=labels,
        )

    def _conventional(
        self, entry: dict[str, Any], path: tuple[str, ...], to: str
    ) -> tuple[tuple[int, int], ...]:
        if "conventional" not in entry:
            # A birth on the first day of the year is, by wide practice, a year and no day.
            return ((1, 1),) if "birth" in to else ()
        made = []
        for word in self._words(entry["conventional"], (*path, "conventional")):
            match = re.fullmatch(r"(\d{2})-(\d{2})", word)
            if match and 1 <= int(match[1]) <= 12 and 1 <= int(match[2]) <= 31:
                made.append((int(match[1]), int(match[2])))
            else:
                self.lines.fault(
                    (*path, "conventional"),
                    path[-1],
                    Said("found %(a)s", a=typed(word)),
                    Said("month and day, such as %(a)s", a=Written("01-01")),
                )
        return tuple(made)

    def _whole_makes_sense(
        self, rows: str, columns: Sequence[ColumnRule], event: Mapping[str, Any]
    ) -> None:
        targets = [rule.to for rule in columns]
        for to in ("person", "household", "role", "site", "row", "effective", "event.kind"):
            if targets.count(to) > 1:
                self.lines.fault(("columns",), to, "two columns for it", "one column")
        for to, rule in {rule.to: rule for rule in columns if rule.to in self.facts}.items():
            if targets.count(to) > 1:
                self.lines.fault(
                    ("columns", rule.header),
                    rule.header,
                    Said("a second column for %(a)s", a=Written(to)),
                    "one column",
                )
        if rows == "events":
            if "person" not in targets:
                self.lines.fault(
                    ("columns",),
                    "person",
                    "no column says whose event it is",
                    Written("to: person"),
                )
            if "event.kind" not in targets and not event.get("kind"):
                self.lines.fault(
                    ("columns",),
                    "event.kind",
                    "nothing says what happened",
                    Written("to: event.kind"),
                )
            if "event.date" not in targets:
                self.lines.fault(
                    ("columns",), "event.date", "no column says when", Written("to: event.date")
                )
        else:
            if "event.kind" in targets or "event.date" in targets:
                self.lines.fault(
                    ("rows",),
                    "rows",
                    "event columns in a list of people",
                    Written("rows: events"),
                )
            if "person" not in targets and not any(to in NAME_PARTS for to in targets):
                self.lines.fault(
                    ("columns",),
                    "person",
                    "nothing says who a row is about",
                    "a column to: person, or a name",
                )
            for rule in columns:
                if rule.subject and rule.subject not in ("person", "household"):
                    self.lines.fault(
                        ("columns", rule.header),
                        rule.header,
                        Said(
                            "a fact about a %(a)s in a list of people", a=Written(rule.subject)
                        ),
                        "facts about people and households",
                        "Put these columns in a profile with rows: events.",
                    )
        if "role" in targets and "household" not in targets:
            self.lines.fault(
                ("columns",),
                "household",
                "roles without a household column",
                Written("to: household"),
            )


def _as_written(values: Iterable[str]) -> Listed:
    """What a file may have in one place, as it is written there."""
    return one_of(map(Written, values))


def _as_calendar(word: str | None) -> Calendar | None:
    return next((c for c in CALENDARS if c == word), None)


def _as_order(word: str | None) -> Order | None:
    return next((o for o in ORDERS if o == word), None)


def value_labels(fact: FactLike) -> dict[str, str]:
    """Label of an allowed value in any language -> the value, where the rulebook gives them.

    `fact.labels` may hold labels of the fact (language -> text) and, for a code, labels of its
    values (value -> language -> text); only the second kind is used here.
    """
    made: dict[str, str] = {}
    for key, label in dict(getattr(fact, "labels", None) or {}).items():
        if isinstance(label, Mapping):
            if key in (fact.allowed or ()):
                made.update({str(text): key for text in label.values()})
            elif key == "values":
                for value, texts in label.items():
                    if isinstance(texts, Mapping):
                        made.update({str(text): str(value) for text in texts.values()})
    return made
