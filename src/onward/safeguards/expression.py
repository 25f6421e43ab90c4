"""One condition as a boolean SQL expression with exactly its three-valued meaning.

Exists so that unknown stays unknown in whatever engine reads it. Comes in: a condition over raw
columns and where each is found (`Scope`). Goes out: SQL that is TRUE, FALSE or NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from onward.engine.stages import literal
from onward.rulebook.grammar import (
    AgeAtLeast,
    And,
    Column,
    Compare,
    Days,
    Known,
    Node,
    Not,
    OneOf,
    Or,
    Parameter,
    Quantifier,
    Setting,
    Term,
    terms,
)


@dataclass
class Scope:
    """Where names are found, as SQL: by level and column, by a quantifier standing at its own level,
    by a parameter."""

    column: Callable[[int, str], str]
    quantifier: Callable[[Quantifier], str]
    parameter: Callable[[str], str]
    on: date


def sql_of(node: Node, scope: Scope) -> str:
    """A boolean SQL expression with the node's three-valued meaning."""
    if isinstance(node, And):
        return "(" + " AND ".join(sql_of(part, scope) for part in node.parts) + ")"
    if isinstance(node, Or):
        return "(" + " OR ".join(sql_of(part, scope) for part in node.parts) + ")"
    if isinstance(node, Not):
        return f"(NOT {sql_of(node.part, scope)})"
    if isinstance(node, Known):
        return scope.column(node.column.level, node.column.name)
    if isinstance(node, Compare):
        return f"({_term(node.left, scope)} {node.op} {_term(node.right, scope)})"
    if isinstance(node, OneOf):
        values = ", ".join(literal(value.value) for value in node.values)
        return f"({_term(node.term, scope)} IN ({values}))"
    if isinstance(node, AgeAtLeast):
        born_by = literal(born_on_or_before(scope.on, node.years))
        first = scope.column(node.column.level, f"{node.column.name}_first")
        last = scope.column(node.column.level, f"{node.column.name}_last")
        return (
            f"(CASE WHEN {last} <= {born_by} THEN TRUE WHEN {first} > {born_by} THEN FALSE END)"
        )
    return scope.quantifier(node)


def _term(term: Term, scope: Scope) -> str:
    if isinstance(term, Column):
        return scope.column(term.level, term.name)
    if isinstance(term, Parameter):
        return scope.parameter(term.name)
    if isinstance(term, Days):
        return f"date_diff('day', {_term(term.start, scope)}, {_term(term.end, scope)})"
    if isinstance(term, Setting):
        return literal(term.value)
    return literal(term.value)


def born_on_or_before(on: date, years: int) -> date:
    """The latest birth date of somebody who is at least so many years old on a day.

    A person born on 29 February is a year older from 1 March in other years: the later of the
    two readings in use, because it protects a child one day longer.
    """
    try:
        return on.replace(year=on.year - years)
    except ValueError:
        return date(on.year - years, 2, 28)


def columns_of(parts: Sequence[Node]) -> list[Column]:
    """The columns that leaves read (quantifiers aside), in order, each once."""
    found: dict[Column, None] = {}
    for part in parts:
        for term in terms(part):
            if isinstance(term, Column):
                found.setdefault(term)
    return list(found)


def stored(column: Column) -> str:
    """The table column that is NULL when the fact is unknown."""
    return f"{column.name}_last" if column.type == "partial_date" else column.name
