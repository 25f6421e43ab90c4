"""What is asked, and conditions with the question and derived facts put in place of their names.

Exists so that one condition, written once, serves every date, pathway and destination. Comes in: a
parsed condition and the question's fixed part (`Asking`). Goes out: the same condition over raw
columns, values and the asked table's columns only (`Expander`); how far out a condition reads
(`reach`) and the same read from further out (`shifted`). No value of any person's record is in it:
destinations and recipients are columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from onward.engine.stages import literal
from onward.rulebook.grammar import (
    And,
    Column,
    Compare,
    Condition,
    Days,
    Known,
    Node,
    Not,
    OneOf,
    Or,
    Parameter,
    Quantifier,
    Term,
    Value,
    parse_condition,
    terms,
)
from onward.rulebook.model import Rulebook


@dataclass(frozen=True)
class Asking:
    """The question's fixed part: what the parameters stand for.

    on           the date
    pathway      the pathway's name, or None for each person's own choice (column asked__pathway)
    destination  the column of the asked table that holds the destination or recipient
    """

    on: date
    pathway: str | None
    destination: str = "asked__destination"


class Expander:
    """Puts derived facts and parameters in the place of their names."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        # Reading conditions takes longer than judging one person by them: a rulebook that is
        # asked again and again keeps what was read.
        self._conditions: dict[tuple[str, str], Condition] = rulebook.__dict__.setdefault(
            "_read_conditions", {}
        )

    def condition(self, text: str, kind: str, line: int = 0) -> Condition:
        key = (kind, text)
        if key not in self._conditions:
            self._conditions[key] = parse_condition(
                text, kind=kind, rulebook=self.rulebook, file=self.rulebook.file, line=line
            )
        return self._conditions[key]

    def expand(self, node: Node, asking: Asking) -> Node:
        """The same condition over raw columns, values and the asked table's columns only."""
        if isinstance(node, And):
            return And(tuple(self.expand(part, asking) for part in node.parts))
        if isinstance(node, Or):
            return Or(tuple(self.expand(part, asking) for part in node.parts))
        if isinstance(node, Not):
            return Not(self.expand(node.part, asking))
        if isinstance(node, Quantifier):
            join = {
                theirs: _bound_join(ours, asking) for theirs, ours in node.relation.join.items()
            }
            return replace(
                node,
                relation=replace(node.relation, join=join),
                part=self.expand(node.part, asking),
            )
        if isinstance(node, Compare):
            return Compare(node.op, _bound(node.left, asking), _bound(node.right, asking))
        if isinstance(node, OneOf):
            return OneOf(_bound(node.term, asking), node.values)
        if isinstance(node, Known) and node.column.role == "derived":
            declared = self.rulebook.derived[node.column.kind][node.column.name]
            inner = self.condition(declared.condition, declared.kind, declared.line).node
            return shifted(self.expand(inner, asking), node.column.level)
        return node


def _bound(term: Term, asking: Asking) -> Term:
    if isinstance(term, Days):
        start, end = _bound(term.start, asking), _bound(term.end, asking)
        return Days(start, end)  # type: ignore[arg-type]
    if isinstance(term, Parameter):
        if term.name == "on":
            return Value(asking.on, "date")
        if term.name == "pathway" and asking.pathway is not None:
            return Value(asking.pathway, "text")
        column = "asked__pathway" if term.name == "pathway" else asking.destination
        return Parameter(column, "text")
    return term


def _bound_join(ours: str, asking: Asking) -> str:
    """A parameter as ":" and a column of the asked table, or "=" and a piece of SQL."""
    if ours == ":on":
        return f"={literal(asking.on)}"
    if ours == ":pathway":
        if asking.pathway is not None:
            return f"={literal(asking.pathway)}"
        return ":asked__pathway"
    return f":{asking.destination}" if ours == ":destination" else ours


def shifted(node: Node, by: int, depth: int = 0) -> Node:
    """The node with every row it reads from outside itself `by` levels further out."""
    if by == 0:
        return node
    if isinstance(node, And):
        return And(tuple(shifted(part, by, depth) for part in node.parts))
    if isinstance(node, Or):
        return Or(tuple(shifted(part, by, depth) for part in node.parts))
    if isinstance(node, Not):
        return Not(shifted(node.part, by, depth))
    if isinstance(node, Quantifier):
        level = node.level + by if node.level >= depth else node.level
        return replace(node, part=shifted(node.part, by, depth + 1), level=level)

    def moved(term: Term) -> Term:
        if isinstance(term, Days):
            return Days(moved(term.start), moved(term.end))  # type: ignore[arg-type]
        if isinstance(term, Column) and term.level >= depth:
            return replace(term, level=term.level + by)
        return term

    if isinstance(node, Compare):
        return Compare(node.op, moved(node.left), moved(node.right))
    if isinstance(node, OneOf):
        return OneOf(moved(node.term), node.values)
    column = moved(node.column)
    assert isinstance(column, Column)
    return replace(node, column=column)


def reach(node: Node, depth: int = 0) -> tuple[int, bool]:
    """How far out a node reads (-1: no row outside itself) and whether it reads a parameter."""
    if isinstance(node, And | Or):
        found = [reach(part, depth) for part in node.parts]
        return max(level for level, _ in found), any(asks for _, asks in found)
    if isinstance(node, Not):
        return reach(node.part, depth)
    if isinstance(node, Quantifier):
        level, asks = reach(node.part, depth + 1)
        joined = any(ours.startswith(":") for ours in node.relation.join.values())
        return max(level, node.level - depth), asks or joined
    level, asks = -1, False
    for term in terms(node):
        if isinstance(term, Column):
            level = max(level, term.level - depth)
        asks = asks or isinstance(term, Parameter)
    return level, asks
