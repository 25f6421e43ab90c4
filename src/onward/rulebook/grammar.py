"""The monotone condition grammar: the only language in which a safeguard can be written.

It exists because one careless construct (`IS NULL`, `COALESCE`, an aggregate that skips
unknowns) would let a missing answer open a step. In comes the text of a condition and the
rulebook that declares its names; out goes a `Condition`: a small typed tree made only of
constructs that are three-valued and monotone (a fact that becomes unknown can turn a value
into unknown, never into TRUE), with everything it reads. Whatever is not in the grammar is a
fault with file, line, what was found and what is allowed.

What the tree means (K3, strong Kleene logic; only TRUE opens):

  AND, OR, NOT, comparisons, IN, BETWEEN   as SQL, with unknown as NULL
  age_at_least(x, n)   TRUE when even the latest birth date x can mean makes n years on :on,
                       FALSE when even the earliest does not, else unknown
  any_true(rel, c)     OR  over all rows of (joined AND c); no row: FALSE
  all_true(rel, c)     AND over all rows of (NOT joined OR c); no row: TRUE
                       (joined: AND of the join pairs' equalities, so unknown where a pair is)
  all_true over a relation with `closed_by`
                       TRUE when the declared number is known and at least 1, exactly that
                       many rows are known to be joined with c TRUE, and no other row can be
                       joined (a member whose household is unknown might belong here: leaving
                       that row out would let an unknown reference open a step);
                       FALSE when a row known to be joined has c FALSE; else unknown
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from onward.errors import Fault, Faults, one_of
from onward.rulebook.model import Relation, Rulebook

if TYPE_CHECKING:
    from sqlglot import exp

Operator = Literal["=", "<>", "<", "<=", ">", ">="]
Role = Literal["fact", "ref", "axis", "derived", "id"]
Key: TypeAlias = tuple[str, str]  # (kind, column)

FUNCTIONS = ("date_diff", "age_at_least", "all_true", "any_true")
PARAMETERS: Mapping[str, str] = {"on": "date", "destination": "text", "pathway": "pathway"}
KEYWORDS = ("AND", "OR", "NOT", "IN", "BETWEEN")
MAX_CHARACTERS = 20_000
MAX_TOKENS = 2_000
MAX_DEPTH = 60

_TEXTS = frozenset({"text", "code", "country", "language", "ref", "pathway"})


# ------------------------------------------------------------------ the typed tree


@dataclass(frozen=True)
class Column:
    """A column of the current row (level 0) or of the row `level` quantifiers further out."""

    level: int
    kind: str
    name: str
    type: str
    role: Role
    allowed: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return (self.kind, self.name)


@dataclass(frozen=True)
class Parameter:
    """`:on`, `:destination` or `:pathway` of the question being asked, at every level."""

    name: str
    type: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Value:
    """A literal: text, a whole number, a decimal number, or a date written 'YYYY-MM-DD'."""

    value: str | int | float | date
    type: str


@dataclass(frozen=True)
class Setting:
    """A number of the rulebook's settings, by name."""

    name: str
    value: int
    type: str = "integer"


@dataclass(frozen=True)
class Days:
    """date_diff('day', start, end): whole days from start to end, negative when end is first."""

    start: Column | Parameter
    end: Column | Parameter
    type: str = "integer"


Term: TypeAlias = Column | Parameter | Value | Setting | Days


@dataclass(frozen=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class Known:
    """A bare boolean column."""

    column: Column


@dataclass(frozen=True)
class Compare:
    op: Operator
    left: Term
    right: Term


@dataclass(frozen=True)
class OneOf:
    term: Term
    values: tuple[Value, ...]


@dataclass(frozen=True)
class AgeAtLeast:
    column: Column
    years: int


@dataclass(frozen=True)
class Quantifier:
    """all_true or any_true over a relation of a row; `part` is one level further in.

    level  the row the relation belongs to: 0, the row it stands in, as parsed; more only after
           a derived fact of an outer row was put in its place (see safeguards/asking.py)
    """

    every: bool
    relation: Relation
    part: Node
    level: int = 0


Node: TypeAlias = And | Or | Not | Known | Compare | OneOf | AgeAtLeast | Quantifier


@dataclass(frozen=True)
class Condition:
    """One checked condition.

    text        as written
    kind        the kind of row it is asked of
    node        the typed tree, for every computation
    tree        the sqlglot expression, every column qualified as kind.column (its
                `meta["level"]` counts the quantifiers between the column and its row)
    reads       (kind, column) named by the condition itself: raw facts, refs, axes, derived
    reads_raw   every raw column the answer can depend on: derived facts resolved, join columns
                and the declared number of closed relations included
    relations   (kind, relation) reached, derived facts included
    parameters  of {"on", "destination", "pathway"}, derived facts and joins included
    settings    named, derived facts included
    """

    text: str
    kind: str
    node: Node
    tree: exp.Expression
    reads: frozenset[Key]
    reads_raw: frozenset[Key]
    relations: frozenset[Key]
    parameters: frozenset[str]
    settings: frozenset[str]


# ------------------------------------------------------------------ the door


def parse_condition(
    text: str, *, kind: str, rulebook: Rulebook, file: str = "", line: int = 0
) -> Condition:
    """Check a condition against the grammar and the names its rulebook declares.

    text      the condition as written
    kind      the kind of row it is asked of ("person" for every finding)
    file      named in faults, with the line: `line` is the text's first line in the file
    raises    Faults: every fault found, each with what was found and what is allowed
    """
    return _Checker(rulebook, file).condition(text, kind, line, ())


def walk(node: Node) -> Iterator[Node]:
    """Every node of a typed tree, outermost first."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        if isinstance(here, And | Or):
            stack.extend(reversed(here.parts))
        elif isinstance(here, Not | Quantifier):
            stack.append(here.part)


def terms(node: Node) -> tuple[Term, ...]:
    """The terms a leaf reads (none for AND, OR, NOT and quantifiers)."""
    if isinstance(node, Compare):
        found: list[Term] = []
        for side in (node.left, node.right):
            found.extend((side.start, side.end) if isinstance(side, Days) else (side,))
        return tuple(found)
    if isinstance(node, OneOf):
        inner = node.term
        return (inner.start, inner.end) if isinstance(inner, Days) else (inner,)
    if isinstance(node, Known | AgeAtLeast):
        return (node.column,)
    return ()


def pathways(rulebook: Rulebook) -> tuple[str, ...]:
    """The pathways a question can be about, in the rulebook's order."""
    found: dict[str, None] = {}
    for step in rulebook.transitions.values():
        found.setdefault(step.pathway)
        for move in step.moves.values():
            found.setdefault(move.pathway)
    return tuple(name for name in found if name not in ("", "common", "chosen"))


# ------------------------------------------------------------------ words, before SQL

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<string>'(?:[^'\\\x00-\x1f]|'')*'(?!['\w]))"
    r"|(?P<parameter>:[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*(?!['\w]))"
    r"|(?P<operator><=|>=|<>|=(?!=)|<|>)"
    r"|(?P<minus>-(?=\d))"
    r"|(?P<mark>[().,])",
    re.ASCII,
)
_PARAMETER = "the question"
_HINTS = {
    "IS": "unknown may not be asked for: write the fact itself; a missing answer never opens",
    "NULL": "unknown may not be written; a missing answer is already unknown",
    "COALESCE": "unknown may not be replaced by a value",
    "IFNULL": "unknown may not be replaced by a value",
    "TRUE": "write the fact itself, or NOT and the fact; a constant cannot be a condition",
    "FALSE": "write the fact itself, or NOT and the fact; a constant cannot be a condition",
    "EXISTS": "use any_true(relation, condition)",
    "SELECT": "use any_true or all_true over a declared relation",
    "CASE": "use AND, OR and NOT",
    "CAST": "facts have their declared type already",
    "DATE": "write the date as text, '2026-03-01'",
    "LIKE": "compare whole values, or list them with IN",
}


@dataclass(frozen=True)
class _Word:
    kind: str
    text: str
    line: int


class _Checker:
    """Parses and checks; holds the derived facts seen so that each is resolved once."""

    def __init__(self, rulebook: Rulebook, file: str) -> None:
        self.rulebook = rulebook
        self.file = file
        self.derived: dict[Key, Condition | None] = {}
        self.circles: list[str] = []
        self.pathways = pathways(rulebook)

    def condition(self, text: str, kind: str, line: int, within: tuple[Key, ...]) -> Condition:
        return _Reader(self, text, kind, line, within).read()

    def resolve_derived(self, key: Key, within: tuple[Key, ...]) -> Condition | None:
        """The derived fact's own condition; None when it is faulty (reported where it stands)."""
        if key not in self.derived:
            declared = self.rulebook.derived[key[0]][key[1]]
            try:
                self.derived[key] = self.condition(
                    declared.condition, key[0], declared.line, (*within, key)
                )
            except Faults:
                return None
        return self.derived[key]


class _Reader:
    """One condition's text on its way to a typed tree."""

    def __init__(
        self, checker: _Checker, text: str, kind: str, line: int, within: tuple[Key, ...]
    ) -> None:
        self.checker = checker
        self.rulebook = checker.rulebook
        self.text = text
        self.kind = kind
        self.line = line
        self.within = within
        self.faults: list[Fault] = []
        self.reads: set[Key] = set()
        self.raw: set[Key] = set()
        self.relations: set[Key] = set()
        self.parameters: set[str] = set()
        self.settings: set[str] = set()

    # -- faults

    def fault(self, found: str, allowed: str = "", remedy: str = "", line: int = 0) -> None:
        place = line or self.line
        fault = Fault(
            self.checker.file, f"line {place}" if place else "", "", found, allowed, remedy
        )
        if fault not in self.faults:
            self.faults.append(fault)

    def stop(self) -> Faults:
        return Faults(self.faults)

    # -- text to words to SQL

    def words(self) -> list[_Word]:
        text = self.text
        if not isinstance(text, str) or not text.strip():
            self.fault("an empty condition", "a condition such as identity_resolved")
            raise self.stop()
        if len(text) > MAX_CHARACTERS:
            self.fault(
                f"a condition of {len(text)} characters", f"at most {MAX_CHARACTERS}",
                "Split it into derived facts.",
            )  # fmt: skip
            raise self.stop()
        words: list[_Word] = []
        at, line = 0, self.line
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                self.fault(
                    f"{_shown(text[at : at + 12])} is outside the grammar",
                    "names, 'text', numbers, :on, :destination, :pathway, = <> < <= > >=, "
                    "AND, OR, NOT, IN, BETWEEN, brackets and "
                    + one_of(f"{name}(…)" for name in FUNCTIONS),
                    line=line,
                )
                raise self.stop()
            kind = str(match.lastgroup)
            if kind != "space":
                words.append(_Word(kind, match.group(), line))
            line += match.group().count("\n") if self.line else 0
            at = match.end()
        if len(words) > MAX_TOKENS:
            self.fault(
                f"a condition of {len(words)} words", f"at most {MAX_TOKENS}",
                "Split it into derived facts.",
            )  # fmt: skip
            raise self.stop()
        return words

    def sql(self, words: list[_Word]) -> str:
        """The same condition with every name quoted, so that no name can act as SQL."""
        out: list[str] = []
        depth = 0
        for index, word in enumerate(words):
            after = words[index + 1].text if index + 1 < len(words) else ""
            upper = word.text.upper()
            if word.kind == "word" and upper in KEYWORDS:
                out.append(upper)
            elif word.kind == "word" and after == "(":
                if word.text not in FUNCTIONS:
                    self.fault(
                        f"function {word.text}(…)",
                        one_of(f"{name}(…)" for name in FUNCTIONS),
                        _sentence(_HINTS.get(upper, "")),
                        line=word.line,
                    )
                out.append(word.text)
            elif word.kind == "word":
                if upper in _HINTS and not self._declared(word.text):
                    self.fault(
                        f"{word.text} is outside the grammar",
                        remedy=_sentence(_HINTS[upper]), line=word.line,
                    )  # fmt: skip
                out.append(f'"{word.text}"')
            elif word.kind == "parameter":
                name = word.text[1:]
                if name not in PARAMETERS:
                    self.fault(
                        f"parameter {word.text}",
                        one_of(f":{known}" for known in PARAMETERS),
                        line=word.line,
                    )
                # Its own table, which no condition can write: sqlglot reads a colon in several ways.
                out.append(f'"{_PARAMETER}"."{name}"')
            else:
                depth += (word.text == "(") - (word.text == ")")
                if depth > MAX_DEPTH:
                    self.fault(
                        f"brackets nested more than {MAX_DEPTH} deep", "fewer",
                        "Split the condition into derived facts.", line=word.line,
                    )  # fmt: skip
                    break
                out.append(word.text)
        if self.faults:
            raise self.stop()
        return " ".join(out)

    def _declared(self, name: str) -> bool:
        kinds = self.rulebook.kinds.values()
        return name in self.rulebook.settings or any(name in kind.facts for kind in kinds)

    def read(self) -> Condition:
        words = self.words()
        text = self.sql(words)
        sqlglot = _with_sqlglot()
        try:
            tree = sqlglot.parse_one(text, read="duckdb", into=exp.Condition)
            node = self.node(tree, (self.kind,))
            tree = tree.transform(_placeholders)
        except RecursionError:
            self.fault("a condition nested too deeply", remedy="Split it into derived facts.")
            raise self.stop() from None
        except sqlglot.errors.SqlglotError:
            self.fault(
                f"{_shown(self.text)} cannot be read as a condition",
                "comparisons joined by AND, OR and NOT, with brackets in pairs",
            )
            raise self.stop() from None
        if self.faults or node is None:
            raise self.stop()
        return Condition(
            text=self.text,
            kind=self.kind,
            node=node,
            tree=tree,
            reads=frozenset(self.reads),
            reads_raw=frozenset(self.raw),
            relations=frozenset(self.relations),
            parameters=frozenset(self.parameters),
            settings=frozenset(self.settings),
        )

    # -- SQL to the typed tree; `rows` are the kinds from the outermost row to the current one

    def node(self, tree: exp.Expression, rows: tuple[str, ...]) -> Node | None:
        if isinstance(tree, exp.Paren):
            return self.node(tree.this, rows)
        if isinstance(tree, exp.And | exp.Or):
            parts: list[Node] = []
            complete = True
            for side in _chain(tree):
                part = self.node(side, rows)
                if part is None:
                    complete = False
                elif type(part) is (And if isinstance(tree, exp.And) else Or):
                    parts.extend(part.parts)
                else:
                    parts.append(part)
            if not complete:
                return None
            return And(tuple(parts)) if isinstance(tree, exp.And) else Or(tuple(parts))
        if isinstance(tree, exp.Not):
            inner = self.node(tree.this, rows)
            return None if inner is None else Not(inner)
        if (operator := _OPERATORS.get(type(tree).__name__)) is not None:
            return self.comparison(operator, tree, rows)
        if isinstance(tree, exp.In):
            return self.one_of(tree, rows)
        if isinstance(tree, exp.Between):
            return self.between(tree, rows)
        if isinstance(tree, exp.Anonymous):
            name = str(tree.this)
            if name == "age_at_least":
                return self.age(tree, rows)
            if name in ("all_true", "any_true"):
                return self.quantifier(tree, rows, every=name == "all_true")
        if _is_parameter(tree):
            self.fault(f"{_text(tree)} stands alone", "a comparison with a fact")
            return None
        if isinstance(tree, exp.Column):
            column = self.column(tree, rows)
            if column is None:
                return None
            if column.type != "boolean":
                self.fault(
                    f"{column.name} stands alone, but it is a {_type_name(column.type)}",
                    "a comparison" if column.type != "codes" else "a yes-or-no fact",
                )
                return None
            return Known(column)
        self.refuse(tree)
        return None

    def refuse(self, tree: exp.Expression) -> None:
        if isinstance(tree, exp.Literal | exp.Neg):
            self.fault(
                f"the constant {_shown(_text(tree))} is no condition",
                "a comparison or a yes-or-no fact",
            )
        elif isinstance(tree, exp.DateDiff):
            self.fault("date_diff(…) stands alone", "date_diff(…) compared with a number")
        else:
            self.fault(
                f"{_shown(_text(tree))} is outside the grammar",
                "comparisons, AND, OR, NOT, IN, BETWEEN, dates and "
                + one_of(f"{name}(…)" for name in FUNCTIONS),
            )

    def comparison(
        self, op: Operator, tree: exp.Expression, rows: tuple[str, ...]
    ) -> Node | None:
        left, right = self.term(tree.this, rows), self.term(tree.expression, rows)
        if left is None or right is None:
            return None
        pair = self.agree(op, left, right)
        return None if pair is None else Compare(op, *pair)

    def between(self, tree: exp.Between, rows: tuple[str, ...]) -> Node | None:
        if tree.args.get("symmetric"):
            self.fault("BETWEEN SYMMETRIC", "BETWEEN with the smaller value first")
            return None
        term = self.term(tree.this, rows)
        low, high = self.term(tree.args["low"], rows), self.term(tree.args["high"], rows)
        if term is None or low is None or high is None:
            return None
        lower, upper = self.agree(">=", term, low), self.agree("<=", term, high)
        if lower is None or upper is None:
            return None
        return And((Compare(">=", *lower), Compare("<=", *upper)))

    def one_of(self, tree: exp.In, rows: tuple[str, ...]) -> Node | None:
        listed = tree.expressions
        if not listed or any(tree.args.get(part) for part in ("query", "unnest", "field")):
            self.fault(f"{_shown(_text(tree))}", "IN with a list of values in brackets")
            return None
        term = self.term(tree.this, rows)
        values: list[Value] = []
        good = term is not None
        for item in listed:
            value = self.term(item, rows)
            if value is None or term is None:
                good = False
            elif not isinstance(value, Value):
                self.fault(f"{_shown(_text(item))} in a list", "values written out")
                good = False
            else:
                pair = self.agree("=", term, value)
                if pair is None or not isinstance(pair[1], Value):
                    good = False
                else:
                    values.append(pair[1])
        return OneOf(term, tuple(values)) if good and term is not None else None

    def age(self, tree: exp.Anonymous, rows: tuple[str, ...]) -> Node | None:
        arguments = tree.expressions
        if len(arguments) != 2 or not isinstance(arguments[0], exp.Column):
            self.fault(f"{_shown(_text(tree))}", "age_at_least(a partial date, whole years)")
            return None
        column = self.column(arguments[0], rows)
        years = self.term(arguments[1], rows)
        if column is None or years is None:
            return None
        if column.type != "partial_date":
            self.fault(
                f"age_at_least of {column.name}, which is a {_type_name(column.type)}",
                self.names_of_type(column.kind, "partial_date") or "a partial date",
            )
            return None
        number = years.value if isinstance(years, Value | Setting) else None
        if not isinstance(number, int) or not 1 <= number <= 120:
            self.fault(f"{_shown(_text(arguments[1]))} as an age", "whole years from 1 to 120")
            return None
        self.parameters.add("on")
        return AgeAtLeast(column, number)

    def quantifier(
        self, tree: exp.Anonymous, rows: tuple[str, ...], *, every: bool
    ) -> Node | None:
        word = "all_true" if every else "any_true"
        declared = self.rulebook.relations.get(rows[-1], {})
        arguments = tree.expressions
        if len(arguments) != 2:
            self.fault(
                f"{word} with {len(arguments)} parts", f"{word}(a relation, a condition)"
            )
            return None
        first = arguments[0]
        name = first.name if isinstance(first, exp.Column) and not first.table else ""
        if name not in declared:
            self.fault(
                f"{word} over {_shown(_text(first))}, which is no relation of {rows[-1]}",
                one_of(declared) or f"nothing: {rows[-1]} has no relations",
                _close(name, declared),
            )
            return None
        relation = declared[name]
        if relation.kind not in self.rulebook.kinds:
            self.fault(f"relation {name} reaches {relation.kind}, which is no kind")
            return None
        self.relations.add((rows[-1], name))
        for theirs, ours in relation.join.items():
            if theirs != "id":
                self.raw.add((relation.kind, theirs))
            if ours.startswith(":"):
                self.parameters.add(ours[1:])
            elif ours != "id":
                self.raw.add((rows[-1], ours))
        if relation.closed_by is not None:
            closed = relation.closed_by
            self.raw.update({(closed.kind, closed.fact), (rows[-1], closed.via)})
        first.meta["relation"] = name
        part = self.node(arguments[1], (*rows, relation.kind))
        if part is None:
            return None
        if not any(_reads_row(here, level) for here, level in _leaves(part)):
            self.fault(
                f"{word}({name}, …) asks nothing of the {relation.kind} itself",
                f"a condition on {one_of(self.names(relation.kind))}",
            )
            return None
        return Quantifier(every, relation, part)

    # -- terms and names

    def term(self, tree: exp.Expression, rows: tuple[str, ...]) -> Term | None:
        if isinstance(tree, exp.Paren):
            return self.term(tree.this, rows)
        if isinstance(tree, exp.Literal):
            if tree.is_string:
                return Value(str(tree.this), "text")
            number = str(tree.this)
            return Value(float(number), "number") if "." in number else _whole(number)
        if isinstance(tree, exp.Neg) and isinstance(tree.this, exp.Literal):
            inner = self.term(tree.this, rows)
            if isinstance(inner, Value) and isinstance(inner.value, int | float):
                return Value(-inner.value, inner.type)
        if _is_parameter(tree):
            name = tree.name
            self.parameters.add(name)
            allowed = self.checker.pathways if name == "pathway" else ()
            return Parameter(name, PARAMETERS[name], allowed)
        if isinstance(tree, exp.DateDiff):
            return self.days(tree, rows)
        if isinstance(tree, exp.Column):
            named = not tree.table and tree.name in self.rulebook.settings
            if named and self.find(rows[-1], tree.name) is None:
                self.settings.add(tree.name)
                tree.meta["setting"] = True
                return Setting(tree.name, int(self.rulebook.settings[tree.name]))
            return self.column(tree, rows)
        self.fault(
            f"{_shown(_text(tree))} as a value to compare",
            "a fact, a value, a setting, :on, :destination, :pathway or date_diff(…)",
        )
        return None

    def days(self, tree: exp.DateDiff, rows: tuple[str, ...]) -> Term | None:
        if str(tree.args.get("unit") or "").upper() != "DAY":
            self.fault(
                f"{_shown(_text(tree))}", "date_diff('day', an earlier date, a later date)"
            )
            return None
        ends = []
        for side in (tree.expression, tree.this):
            term = self.term(side, rows)
            if term is None:
                return None
            if not isinstance(term, Column | Parameter) or term.type != "date":
                self.fault(
                    f"{_shown(_text(side))} in date_diff(…)",
                    one_of([*self.dates(rows[-1]), ":on"]),
                )
                return None
            ends.append(term)
        if ends[0] == ends[1]:
            self.fault("date_diff(…) of a date with itself", "two different dates")
            return None
        return Days(ends[0], ends[1])

    def dates(self, kind: str) -> list[str]:
        facts = self.rulebook.kinds[kind].facts.values()
        return [fact.name for fact in facts if fact.type == "date"]

    def names_of_type(self, kind: str, wanted: str) -> str:
        facts = self.rulebook.kinds[kind].facts.values()
        return one_of(fact.name for fact in facts if fact.type == wanted)

    def names(self, kind: str) -> list[str]:
        declared = self.rulebook.kinds[kind]
        found = [*declared.facts, *self.rulebook.derived.get(kind, {}), *declared.refs]
        return found + (list(self.rulebook.axes) if kind == "person" else [])

    def find(self, kind: str, name: str) -> tuple[str, Role, tuple[str, ...]] | None:
        declared = self.rulebook.kinds.get(kind)
        if declared is None:
            return None
        if name in declared.facts:
            fact = declared.facts[name]
            return fact.type, "fact", fact.allowed
        if name in self.rulebook.derived.get(kind, {}):
            return "boolean", "derived", ()
        if name in declared.refs:
            return "ref", "ref", ()
        if kind == "person" and name in self.rulebook.axes:
            return "code", "axis", tuple(self.rulebook.axes[name].states)
        if name == "id":
            return "ref", "id", ()
        return None

    def column(self, tree: exp.Column, rows: tuple[str, ...]) -> Column | None:
        name, table = tree.name, tree.table
        if (
            tree.args.get("db")
            or tree.args.get("catalog")
            or not isinstance(tree.this, exp.Identifier)
        ):
            self.fault(f"{_shown(_text(tree))}", "a name, or a kind and a name: person.group")
            return None
        level = 0
        if table:
            outer = [
                away for away in range(1, len(rows)) if rows[len(rows) - 1 - away] == table
            ]
            if outer:
                level = outer[0]
            elif table != rows[-1]:
                self.fault(
                    f"{table}.{name}, but no {table} row is being asked here",
                    one_of(f"{row}.column" for row in dict.fromkeys(reversed(rows))),
                )
                return None
        kind = rows[len(rows) - 1 - level]
        found = self.find(kind, name)
        if found is None:
            if kind not in self.rulebook.kinds:
                self.fault(f"{kind} is no kind", one_of(self.rulebook.kinds))
                return None
            names = self.names(kind)
            settings = [] if table else list(self.rulebook.settings)
            self.fault(
                f"unknown name {name} for {kind}",
                one_of(names) + (f"; settings {one_of(settings)}" if settings else ""),
                _close(name, [*names, *settings]),
            )
            return None
        type_, role, allowed = found
        tree.set("table", exp.to_identifier(kind, quoted=True))
        tree.meta["level"] = level
        if role != "id":
            self.reads.add((kind, name))
        if role == "derived":
            self.derive((kind, name))
        elif role != "id":
            self.raw.add((kind, name))
        return Column(level, kind, name, type_, role, allowed)

    def derive(self, key: Key) -> None:
        if key in self.within:
            circle = [name for _, name in self.within[self.within.index(key) :]] + [key[1]]
            self.circle(f"derived fact {key[1]} depends on itself: {' → '.join(circle)}")
            return
        resolved = self.checker.resolve_derived(key, self.within)
        if resolved is None and self.checker.circles:
            # Whoever reads a circle has no answer: reported here too, not only where it lies.
            self.circle(self.checker.circles[0])
        if resolved is not None:
            self.raw |= resolved.reads_raw
            self.relations |= resolved.relations
            self.parameters |= resolved.parameters
            self.settings |= resolved.settings

    def circle(self, found: str) -> None:
        self.checker.circles.append(found)
        self.fault(found, "derived facts that rest on raw facts in the end")

    # -- types

    def agree(self, op: Operator, left: Term, right: Term) -> tuple[Term, Term] | None:
        """The two sides of a comparison, dates read as dates; None (and a fault) if they clash."""
        sides = (left, right)
        if left == right:
            self.fault(
                f"{_name(left)} compared with itself", "two different things, or nothing"
            )
            return None
        columns = [side for side in sides if isinstance(side, Column | Days)]
        parameters = [side for side in sides if isinstance(side, Parameter)]
        if not columns and not (
            len(parameters) == 1
            and parameters[0].type != "date"
            and any(isinstance(side, Value) for side in sides)
        ):
            self.fault(
                f"{_name(left)} {op} {_name(right)} asks for no fact",
                "a comparison that reads a fact",
            )
            return None
        for side in sides:
            if side.type == "boolean":
                self.fault(
                    f"{_name(side)} is a yes-or-no fact and is compared",
                    f"{_name(side)} or NOT {_name(side)}",
                )
                return None
            if side.type == "codes":
                self.fault(
                    f"{_name(side)} is a set of codes and cannot be compared",
                    "a yes-or-no fact that says what is needed",
                )
                return None
            if side.type == "partial_date":
                self.fault(
                    f"{_name(side)} is a partial date and cannot be compared",
                    f"age_at_least({_name(side)}, years)",
                )
                return None
        dated = self.as_dates(left, right)
        if dated is None:
            return None
        left, right = dated
        kinds = {_family(left.type), _family(right.type)}
        if len(kinds) > 1:
            self.fault(
                f"{_name(left)} is a {_type_name(left.type)}, "
                f"{_name(right)} a {_type_name(right.type)}",
                "two things of the same type",
            )
            return None
        if op not in ("=", "<>") and _family(left.type) == "text":
            self.fault(f"{_name(left)} {op} {_name(right)} orders texts", "= or <>")
            return None
        return (left, right) if self.possible(left, right) else None

    def as_dates(self, left: Term, right: Term) -> tuple[Term, Term] | None:
        read: list[Term] = []
        for side, other in ((left, right), (right, left)):
            if isinstance(side, Value) and side.type == "text" and other.type == "date":
                try:
                    if len(str(side.value)) != 10:
                        raise ValueError
                    side = Value(date.fromisoformat(str(side.value)), "date")
                except ValueError:
                    self.fault(
                        f"{_shown(str(side.value))} compared with the date {_name(other)}",
                        "a date written 'YYYY-MM-DD', a date fact or :on",
                    )
                    return None
            read.append(side)
        return read[0], read[1]

    def possible(self, left: Term, right: Term) -> bool:
        """Whether coded sides can ever be equal; a value outside the list is a fault."""
        for side, other in ((left, right), (right, left)):
            allowed = getattr(side, "allowed", ())
            if not allowed:
                continue
            if isinstance(other, Value) and other.value not in allowed:
                self.fault(
                    f"{_shown(str(other.value))} is no value of {_name(side)}",
                    one_of(allowed),
                    _close(str(other.value), allowed),
                )
                return False
            theirs = getattr(other, "allowed", ())
            if theirs and not set(theirs) & set(allowed):
                self.fault(
                    f"{_name(left)} and {_name(right)} share no value",
                    f"{_name(side)} has {one_of(allowed)}",
                )
                return False
        return True


# ------------------------------------------------------------------ small helpers

_OPERATORS: Mapping[str, Operator] = {
    "EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">=",
}  # fmt: skip


def _with_sqlglot() -> Any:
    """Loaded with the first condition that is read: whoever only opens a rulebook that was
    accepted before has no use for it, and it takes a tenth of a second."""
    import sqlglot
    import sqlglot.errors

    globals()["exp"] = sqlglot.exp
    return sqlglot


def _chain(tree: exp.Expression) -> list[exp.Expression]:
    """a AND b AND c as three parts; sqlglot nests them to the left."""
    parts: list[exp.Expression] = []
    kind = type(tree)
    while type(tree) is kind:
        parts.append(tree.expression)
        tree = tree.this
    parts.append(tree)
    return parts[::-1]


def _leaves(node: Node) -> Iterator[tuple[Node, int]]:
    """Leaves and quantifiers, with the number of quantifiers between them and `node`."""
    stack = [(node, 0)]
    while stack:
        here, level = stack.pop()
        if isinstance(here, And | Or):
            stack.extend((part, level) for part in here.parts)
        elif isinstance(here, Not):
            stack.append((here.part, level))
        else:
            yield here, level
            if isinstance(here, Quantifier):
                stack.append((here.part, level + 1))


def _reads_row(node: Node, level: int) -> bool:
    if isinstance(node, Quantifier):
        return level == 0
    return any(isinstance(term, Column) and term.level == level for term in terms(node))


def _whole(number: str) -> Value:
    return Value(int(number), "integer")


def _family(type_: str) -> str:
    if type_ in _TEXTS:
        return "text"
    return "number" if type_ in ("integer", "number") else type_


def _type_name(type_: str) -> str:
    return {
        "text": "text", "code": "code", "codes": "set of codes", "ref": "reference",
        "partial_date": "partial date", "boolean": "yes-or-no fact", "integer": "whole number",
    }.get(type_, type_)  # fmt: skip


def _name(term: Term) -> str:
    if isinstance(term, Column | Setting):
        return term.name
    if isinstance(term, Parameter):
        return f":{term.name}"
    if isinstance(term, Days):
        return "date_diff(…)"
    return _shown(str(term.value))


def _shown(text: str) -> str:
    """A short piece of what was written, look-alike letters spelled out."""
    short = " ".join(text.split())
    short = short if len(short) <= 60 else short[:57] + "…"
    plain = "".join(
        sign if " " <= sign <= "~" or sign == "…" else f"\\u{ord(sign):04x}" for sign in short
    )
    return f'"{plain}"'


def _sentence(hint: str) -> str:
    return f"{hint[0].upper()}{hint[1:]}." if hint else ""


def _is_parameter(tree: exp.Expression) -> bool:
    return isinstance(tree, exp.Column) and tree.table == _PARAMETER


def _placeholders(tree: exp.Expression) -> exp.Expression:
    return exp.Placeholder(this=tree.name) if _is_parameter(tree) else tree


def _text(tree: exp.Expression) -> str:
    """As written, or nearly: for messages only."""
    return str(tree.sql(dialect="duckdb")).replace('"', "").replace(f"{_PARAMETER}.", ":")


def _close(name: str, known: object) -> str:
    near = difflib.get_close_matches(name, [str(word) for word in known], n=1)  # type: ignore[attr-defined]
    return f"Did you mean {near[0]}?" if near else ""
