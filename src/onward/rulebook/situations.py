"""Planted situations: small cases in plain words that a rulebook must answer as expected.

A protection officer can read and write them: what is known, the date, the step, and whether it
is open or blocked by which finding. In comes a YAML file of situations and a rulebook; out come
the answers and the differences. The conditions are worked out here by a small interpreter in
plain Python that knows nothing of SQL, **for checking rulebooks only**: real decisions go
through the safeguards room, and a test compares the two on generated situations.
"""

from __future__ import annotations

import hashlib
import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import yaml

from onward.errors import one_of
from onward.rulebook import grammar as g
from onward.rulebook.model import Finding, Move, Rulebook, When
from onward.rulebook.reading import Reader, join_path, line_of, read_bytes

Row: TypeAlias = Mapping[str, Any]  # column -> value; absent or None: unknown
Rows: TypeAlias = Mapping[str, Sequence[Row]]  # kind -> rows, each with its "id"
Truth: TypeAlias = bool | None


# ---------------------------------------------------------------------------------------------
# The interpreter: strong Kleene logic over rows
# ---------------------------------------------------------------------------------------------
def partial_date(text: str) -> tuple[date, date]:
    """First and last day a date written "2008", "2008-04" or "2008-04-21" can mean."""
    parts = [int(part) for part in text.split("-")]
    if len(parts) == 1:
        return date(parts[0], 1, 1), date(parts[0], 12, 31)
    if len(parts) == 2:
        last = monthrange(parts[0], parts[1])[1]
        return date(parts[0], parts[1], 1), date(parts[0], parts[1], last)
    return date(*parts), date(*parts)


def birthday(born: date, years: int) -> date:
    """The day somebody born on `born` completes `years`; 29 February counts as 1 March in
    other years, so that nobody is taken for older than they are."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


class Interpreter:
    """Works out conditions of one rulebook over plain rows. Keeps each derived fact parsed."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._parsed: dict[tuple[str, str], g.Condition] = {}

    def condition(self, finding: Finding) -> g.Condition:
        """The parsed condition of a finding; raises Faults when it is outside the grammar."""
        return self._parse(finding.condition, "person", finding.line)

    def _parse(self, text: str, kind: str, line: int = 0) -> g.Condition:
        key = (kind, text)
        if key not in self._parsed:
            self._parsed[key] = g.parse_condition(
                text, kind=kind, rulebook=self.rulebook, file=self.rulebook.file, line=line
            )
        return self._parsed[key]

    def derived(self, kind: str, name: str) -> g.Condition:
        """The parsed condition of a derived fact."""
        fact = self.rulebook.derived[kind][name]
        return self._parse(fact.condition, kind, fact.line)

    def holds(
        self,
        condition: g.Condition,
        rows: Rows,
        person: str | Row,
        *,
        on: date,
        destination: str | None,
        pathway: str | None,
    ) -> Truth:
        """TRUE, FALSE or None (unknown) for one person.

        rows         kind -> rows; a column that is absent or None is unknown; dates as
                     `date`, partial dates as (first, last), codes and refs as text
        person       the person's id, or the row itself
        on, destination, pathway   the question's parameters; None is unknown
        """
        row = person
        if isinstance(person, str):
            row = next(r for r in rows.get("person", ()) if r["id"] == person)
        question = _Question(
            self, rows, {"on": on, "destination": destination, "pathway": pathway}
        )
        return question.value(condition.node, (cast(Row, row),))


def holds(
    condition: g.Condition,
    rows: Rows,
    person: str | Row,
    *,
    on: date,
    destination: str | None,
    pathway: str | None,
    rulebook: Rulebook,
) -> Truth:
    """One condition for one person; see `Interpreter.holds`."""
    return Interpreter(rulebook).holds(
        condition, rows, person, on=on, destination=destination, pathway=pathway
    )


@dataclass
class _Question:
    """One evaluation: the rows, the parameters, and the chain of rows being asked."""

    interpreter: Interpreter
    rows: Rows
    parameters: Mapping[str, Any]

    def value(self, node: g.Node, chain: tuple[Row, ...]) -> Truth:
        if isinstance(node, g.And):
            return _and(self.value(part, chain) for part in node.parts)
        if isinstance(node, g.Or):
            return _not(_and(_not(self.value(part, chain)) for part in node.parts))
        if isinstance(node, g.Not):
            return _not(self.value(node.part, chain))
        if isinstance(node, g.Known):
            return cast(Truth, self.column(node.column, chain))
        if isinstance(node, g.Compare):
            return _compare(node.op, self.term(node.left, chain), self.term(node.right, chain))
        if isinstance(node, g.OneOf):
            here = self.term(node.term, chain)
            return None if here is None else here in [value.value for value in node.values]
        if isinstance(node, g.AgeAtLeast):
            return self.age(node, chain)
        return self.quantifier(node, chain)

    def term(self, term: g.Term, chain: tuple[Row, ...]) -> Any:
        if isinstance(term, g.Column):
            return self.column(term, chain)
        if isinstance(term, g.Parameter):
            return self.parameters[term.name]
        if isinstance(term, g.Days):
            start, end = self.term(term.start, chain), self.term(term.end, chain)
            return None if start is None or end is None else (end - start).days
        return term.value

    def column(self, column: g.Column, chain: tuple[Row, ...]) -> Any:
        row = chain[len(chain) - 1 - column.level]
        if column.role == "derived":
            inner = self.interpreter.derived(column.kind, column.name)
            return self.value(inner.node, (row,))
        return row.get(column.name)

    def age(self, node: g.AgeAtLeast, chain: tuple[Row, ...]) -> Truth:
        born, on = self.column(node.column, chain), self.parameters["on"]
        if born is None or on is None:
            return None
        first, last = born
        if birthday(last, node.years) <= on:
            return True
        return None if birthday(first, node.years) <= on else False

    def joined(self, node: g.Quantifier, row: Row, outer: Row) -> Truth:
        pairs = []
        for theirs, ours in node.relation.join.items():
            right = self.parameters[ours[1:]] if ours.startswith(":") else outer.get(ours)
            pairs.append(_compare("=", row.get(theirs), right))
        return _and(pairs)

    def quantifier(self, node: g.Quantifier, chain: tuple[Row, ...]) -> Truth:
        outer = chain[-1]
        answers = [
            (self.joined(node, row, outer), self.value(node.part, (*chain, row)))
            for row in self.rows.get(node.relation.kind, ())
        ]
        if not node.every:
            return _not(_and(_not(_and(pair)) for pair in answers))
        if node.relation.closed_by is None:
            return _and(_not(_and((here, _not(truth)))) for here, truth in answers)
        return self.closed(node, outer, answers)

    def closed(
        self, node: g.Quantifier, outer: Row, answers: Sequence[tuple[Truth, Truth]]
    ) -> Truth:
        """all_true against a declared number of rows; see the grammar for the rule."""
        closed = node.relation.closed_by
        assert closed is not None
        if any(here is True and truth is False for here, truth in answers):
            return False
        via = outer.get(closed.via)
        holder = next((r for r in self.rows.get(closed.kind, ()) if r["id"] == via), None)
        declared = holder.get(closed.fact) if holder is not None and via is not None else None
        agreed = sum(here is True and truth is True for here, truth in answers)
        possible = sum(here is not False for here, _ in answers)
        if declared is None or declared < 1 or agreed != declared or possible != declared:
            return None
        return True


def _and(values: Any) -> Truth:
    answer: Truth = True
    for value in values:
        if value is False:
            return False
        if value is None:
            answer = None
    return answer


def _not(value: Truth) -> Truth:
    return None if value is None else not value


def _compare(op: g.Operator, left: Any, right: Any) -> Truth:
    if left is None or right is None:
        return None
    if op == "=":
        return bool(left == right)
    if op == "<>":
        return bool(left != right)
    if op == "<":
        return bool(left < right)
    if op == "<=":
        return bool(left <= right)
    return bool(left > right) if op == ">" else bool(left >= right)


# ---------------------------------------------------------------------------------------------
# Situations
# ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Situation:
    """One planted case.

    rows      kind -> id -> column -> value (None: unknown); opening facts already written
    expected  {} when the step is open, else finding -> False, None (unknown) or "any"
    base      the situation it differs from, "" when written in full
    """

    name: str
    text: str
    file: str
    line: int
    on: date
    person: str
    step: str
    at: When
    destination: str | None
    pathway: str | None
    expected: Mapping[str, Truth | Literal["any"]]
    rows: Mapping[str, Mapping[str, Row]] = field(repr=False)
    base: str = ""

    @property
    def opens(self) -> bool:
        return not self.expected

    def table(self) -> dict[str, list[Row]]:
        """The rows as the interpreter takes them."""
        return {kind: list(rows.values()) for kind, rows in self.rows.items()}


def answer(
    situation: Situation, rulebook: Rulebook, interpreter: Interpreter | None = None
) -> dict[str, Truth]:
    """What every finding asked of the situation's step says: finding key -> TRUE/FALSE/None.

    raises  KeyError when the rulebook has no such step; Faults when a condition is outside
            the grammar
    """
    interpreter = interpreter or Interpreter(rulebook)
    move = rulebook.moves()[situation.step]
    rows = situation.table()
    return {
        finding.key: interpreter.holds(
            interpreter.condition(finding),
            rows,
            situation.person,
            on=situation.on,
            destination=situation.destination,
            pathway=situation.pathway,
        )
        for finding in findings_asked(rulebook, move, situation.at)
    }


def findings_asked(rulebook: Rulebook, move: Move, at: When) -> list[Finding]:
    """The findings asked of a move at decision or at movement, in the rulebook's order."""
    return [
        finding
        for name in rulebook.safeguards_for(move, at)
        for finding in rulebook.safeguards[name].findings.values()
        if finding.at in ("", at)
    ]


def differences(
    situation: Situation, rulebook: Rulebook, interpreter: Interpreter | None = None
) -> list[str]:
    """How the rulebook's answer differs from the expected one, in sentences; [] when it agrees.

    The expected findings must block, with the expected answer, and nothing else may.
    """
    answers = answer(situation, rulebook, interpreter)
    said = []
    for key, truth in answers.items():
        wanted = situation.expected.get(key, True)
        if wanted is True and truth is not True:
            said.append(f"{key} blocks ({say(truth)}), though it should not")
        elif wanted == "any" and truth is True:
            said.append(f"{key} no longer blocks")
        elif wanted in (False, None) and truth is not wanted:
            said.append(f"{key} is {say(truth)} instead of {say(cast(Truth, wanted))}")
    said += [f"{key} is not asked" for key in situation.expected if key not in answers]
    return said


def no_longer_blocked(
    situation: Situation, rulebook: Rulebook, interpreter: Interpreter | None = None
) -> list[str]:
    """The findings that should block the situation and are not asked or hold. A rulebook that
    is stricter blocks more, which is no difference here."""
    answers = answer(situation, rulebook, interpreter)
    return [key for key in situation.expected if answers.get(key, True) is True]


def say(truth: Truth) -> str:
    return {True: "true", False: "false", None: "unknown"}[truth]


# ---------------------------------------------------------------------------------------------
# Situation files
# ---------------------------------------------------------------------------------------------
_EXPECTED = re.compile(r"([A-Z][0-9]+[a-z]?\.[a-z0-9_]+)(?: \((false|unknown)\))?\Z")
_DATE = re.compile(r"\d{4}(-\d{2}){0,2}\Z")


def load_situations(path: Path, rulebook: Rulebook) -> list[Situation]:
    """Read a situation file for a rulebook (its kinds and facts say how values are read).

    raises  Faults with every fault at once
    """
    return read_situations(read_bytes(path, "situation"), rulebook, file=str(path))


def read_situations(
    data: bytes, rulebook: Rulebook, *, file: str = "situations.yaml", lenient: bool = False
) -> list[Situation]:
    """Like `load_situations`, from bytes.

    lenient  for a floor's situations asked of somebody else's rulebook: facts and codes it does
             not declare are read as written (no condition of it can ask for them), and a
             situation about a step it does not have is left out
    """
    return _SituationReader(file, data, rulebook, lenient).situations()


class _SituationReader(Reader):
    def __init__(self, file: str, data: bytes, rulebook: Rulebook, lenient: bool) -> None:
        super().__init__(file, data)
        self.lenient = lenient
        self.rulebook = rulebook
        self.moves = rulebook.moves()
        self.findings = [
            f.key for s in rulebook.safeguards.values() for f in s.findings.values()
        ]

    def situations(self) -> list[Situation]:
        top = self.mapping(
            self.root, "", required=("rulebook", "situations"), optional=("about",)
        )
        self.string(top.get("rulebook"), "rulebook")
        found: dict[str, Situation] = {}
        for number, node in enumerate(self.items(top.get("situations"), "situations"), 1):
            situation = self._situation(node, f"situations[{number}]", found)
            if situation is None:
                continue
            if situation.name in found:
                self.fault(node, "id", f'"{situation.name}" twice', "each id once")
            found[situation.name] = situation
        self.finish()
        return [situation for situation in found.values() if situation.step in self.moves]

    def _situation(
        self, node: yaml.Node, path: str, found: Mapping[str, Situation]
    ) -> Situation | None:
        full = ("id", "situation", "date", "person", "step", "at", "destination", "facts",
                "expected")  # fmt: skip
        parts = self.mapping(
            node, path, required=("situation", "expected"),
            optional=(*(p for p in full if p not in ("situation", "expected")), "same_as", "but",
                      "pathway"),
        )  # fmt: skip
        text = self.string(parts.get("situation"), f"{path}.situation")
        name = (
            self.string(parts["id"], f"{path}.id") if "id" in parts else f"line {line_of(node)}"
        )
        base: Situation | None = None
        if "same_as" in parts:
            key = self.string(parts["same_as"], f"{path}.same_as")
            if not self.refers(
                parts["same_as"], f"{path}.same_as", key, found, "earlier situation"
            ):
                return None
            base = found[key]
        else:
            for key in full:
                if key not in parts and key not in (
                    "situation",
                    "expected",
                    "destination",
                    "at",
                ):
                    self.fault(
                        node, f"{path}.{key}", "missing", f"{key}, or same_as: another one"
                    )
                    return None
        rows = (
            {k: {i: dict(r) for i, r in v.items()} for k, v in base.rows.items()}
            if base
            else {}
        )
        if "facts" in parts:
            self._rows(parts["facts"], f"{path}.facts", rows)
        if "but" in parts:
            self._rows(parts["but"], f"{path}.but", rows)
        step = base.step if base else ""
        if "step" in parts:
            step = self.string(parts["step"], f"{path}.step")
            if not self.lenient:
                self.refers(parts["step"], f"{path}.step", step, self.moves, "move")
        at: str = base.at if base else "decision"
        if "at" in parts:
            at = self.choice(parts["at"], f"{path}.at", ("decision", "movement"))
        elif "step" in parts and step in self.moves:
            at = "movement" if self.rulebook.is_movement(self.moves[step]) else "decision"
        on = base.on if base else date(1, 1, 1)
        if "date" in parts:
            read = self._value(parts["date"], f"{path}.date", "date", ())
            on = read if isinstance(read, date) else on
        person = base.person if base else ""
        if "person" in parts:
            person = self.string(parts["person"], f"{path}.person")
        if person and person not in rows.get("person", {}):
            self.fault(node, f"{path}.person", f'no person called "{person}" in the facts',
                       one_of(rows.get("person", ())))  # fmt: skip
            return None
        destination = base.destination if base else None
        if "destination" in parts:
            destination = self.string(parts["destination"], f"{path}.destination")
        expected = self._expected(parts.get("expected"), f"{path}.expected")
        if step not in self.moves and not self.lenient:
            return None
        pathway = self.moves[step].pathway if step in self.moves else None
        if pathway == "common":
            pathway = cast(str | None, rows["person"][person].get("intended_pathway"))
        return Situation(
            name=name,
            text=text,
            file=self.file,
            line=line_of(node),
            on=on,
            person=person,
            step=step,
            at=cast(When, at),
            destination=destination,
            pathway=pathway,
            expected=expected,
            rows=rows,
            base=base.name if base else "",
        )

    def _expected(self, node: yaml.Node | None, path: str) -> dict[str, Truth | Literal["any"]]:
        text = self.string(node, path)
        if text in ("open", ""):
            return {}
        expected: dict[str, Truth | Literal["any"]] = {}
        if not text.startswith("blocked by "):
            self.fault(node, path, f'"{text}"', "open, or blocked by G5.no_fear (unknown)")
            return {}
        for part in text.removeprefix("blocked by ").split(","):
            match = _EXPECTED.match(part.strip())
            if match is None:
                self.fault(node, path, f'"{part.strip()}"',
                           "a finding as G5.no_fear, with (false) or (unknown) after it")  # fmt: skip
                continue
            if self.lenient or self.refers(node, path, match[1], self.findings, "finding"):
                answers: dict[str | None, Truth | Literal["any"]] = {
                    "false": False, "unknown": None, None: "any",
                }  # fmt: skip
                expected[match[1]] = answers[match[2]]
        return expected

    def _rows(self, node: yaml.Node, path: str, rows: dict[str, dict[str, Any]]) -> None:
        """ "consent C1: {withdrawn: true}", or "consent C1: removed"."""
        for key, body in self.mapping(node, path, free=True).items():
            kind, _, name = key.partition(" ")
            if kind not in self.rulebook.kinds:
                if not self.lenient:
                    self.refers(body, join_path(path, key), kind, self.rulebook.kinds, "kind")
                continue
            if not name:
                self.fault(
                    body, join_path(path, key), f'"{key}"', f"{kind} and a name: {kind} A1"
                )
                continue
            table = rows.setdefault(kind, {})
            if isinstance(body, yaml.ScalarNode) and body.value == "removed":
                if table.pop(name, None) is None:
                    self.fault(body, join_path(path, key), "nothing to remove", "a known row")
                continue
            if name not in table:
                table[name] = {"id": name, **self._opening(kind)}
            for column, value in self.mapping(body, join_path(path, key), free=True).items():
                where = f"{path}.{key}.{column}"
                type_, allowed = self._column(kind, column)
                if not type_:
                    if self.lenient:
                        continue
                    self.fault(value, where, f'no fact "{column}" of {kind}',
                               one_of(self.rulebook.kinds[kind].facts))  # fmt: skip
                    continue
                table[name][column] = self._value(value, where, type_, allowed)

    def _opening(self, kind: str) -> dict[str, Any]:
        facts = self.rulebook.kinds[kind].facts.values()
        opening: dict[str, Any] = {f.name: f.starts for f in facts if f.starts is not None}
        if kind == "person":
            opening |= {name: axis.starts for name, axis in self.rulebook.axes.items()}
        return opening

    def _column(self, kind: str, column: str) -> tuple[str, tuple[str, ...]]:
        declared = self.rulebook.kinds[kind]
        if column in declared.facts:
            return declared.facts[column].type, declared.facts[column].allowed
        if column in declared.refs:
            return "text", ()
        if kind == "person" and column in self.rulebook.axes:
            return "code", tuple(self.rulebook.axes[column].states)
        return "", ()

    def _value(self, node: yaml.Node, path: str, type_: str, allowed: tuple[str, ...]) -> Any:
        if type_ == "codes" and self.lenient:
            return ()
        if type_ == "codes":
            return tuple(self.choice(item, path, allowed) for item in self.items(node, path))
        if not isinstance(node, yaml.ScalarNode):
            self.fault(node, path, "not a single value", "one value, or unknown")
            return None
        value = str(node.value)
        if node.tag.endswith(":null") or (value == "unknown" and "unknown" not in allowed):
            return None
        if type_ == "boolean":
            return self.boolean(node, path)
        if type_ == "integer":
            return self.integer(node, path, least=-(10**9))
        if type_ == "number":
            try:
                return float(value)
            except ValueError:
                self.fault(node, path, f'"{value}"', "a number")
                return None
        if type_ in ("date", "partial_date"):
            try:
                if not _DATE.match(value) or (type_ == "date" and len(value) != 10):
                    raise ValueError
                read = partial_date(value)
                return read[0] if type_ == "date" else read
            except ValueError:
                short = " or a part of it" if type_ == "partial_date" else ""
                self.fault(node, path, f'"{value}"', f"a date as 2026-03-01{short}, or unknown")
                return None
        if allowed and not self.lenient:
            return self.choice(node, path, allowed)
        return value if self.lenient else self.string(node, path)


def digest(*parts: bytes) -> str:
    """SHA-256 (hex) of several files, each with its length before it, so that no two different
    lists of files share a hash."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.hexdigest()
