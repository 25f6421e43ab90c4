"""At least as strict: a proof by form.

Whether one condition implies another cannot be decided in general. A condition passes when its
form shows that it asks at least what the other asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from onward.rulebook import grammar as g
from onward.rulebook.model import Relation, Rulebook
from onward.rulebook.situations import Interpreter

Form: TypeAlias = tuple[Any, ...]


def form(node: g.Node, rulebook: Rulebook, interpreter: Interpreter | None = None) -> Form:
    """A condition as nested tuples, derived facts written out, so that forms can be compared.

    Line numbers and the names of derived facts are gone; settings stay named with their value.
    """
    read = interpreter or Interpreter(rulebook)

    def term(of: g.Term) -> Form:
        if isinstance(of, g.Column):
            return ("column", of.level, of.kind, of.name)
        if isinstance(of, g.Parameter):
            return ("parameter", of.name)
        if isinstance(of, g.Setting):
            return ("number", of.value, of.name)
        if isinstance(of, g.Days):
            return ("days", term(of.start), term(of.end))
        if isinstance(of.value, int | float) and not isinstance(of.value, bool):
            return ("number", of.value, "")
        return ("value", str(of.value))

    def walk(at: g.Node) -> Form:
        if isinstance(at, g.And | g.Or):
            word = "and" if isinstance(at, g.And) else "or"
            return (word, tuple(dict.fromkeys(walk(part) for part in at.parts)))
        if isinstance(at, g.Not):
            inner = walk(at.part)
            return inner[1] if inner[0] == "not" else ("not", inner)
        if isinstance(at, g.Known):
            if at.column.role == "derived":
                inner = walk(read.derived(at.column.kind, at.column.name).node)
                # Written out, a derived fact still speaks of the row it belongs to.
                return inner if at.column.level == 0 else ("of", at.column.level, inner)
            return ("known", term(at.column))
        if isinstance(at, g.Compare):
            left, right = term(at.left), term(at.right)
            if at.op in (">", ">="):
                return ("<" if at.op == ">" else "<=", right, left)
            if at.op in ("=", "<>") and right < left:
                left, right = right, left
            if at.op == "=" and "value" in (left[0], right[0]):
                value, other = (left, right) if left[0] == "value" else (right, left)
                return ("in", other, frozenset({value[1]}))
            return (at.op, left, right)
        if isinstance(at, g.OneOf):
            return ("in", term(at.term), frozenset(str(value.value) for value in at.values))
        if isinstance(at, g.AgeAtLeast):
            return ("age", term(at.column), at.years)
        return ("all" if at.every else "any", relation_form(at.relation), walk(at.part))

    return walk(node)


def relation_form(relation: Relation) -> Form:
    closed = relation.closed_by
    return (
        relation.kind,
        tuple(sorted(relation.join.items())),
        (closed.kind, closed.via, closed.fact) if closed else (),
    )


def as_strict(new: Form, least: Form, limits: Mapping[str, int] | None = None) -> bool:
    """Whether `new` can be TRUE only where `least` is TRUE, shown by form alone.

    Sound, not complete: True is a proof; False means that it could not be shown.
    """
    if new == least:
        return True
    if least[0] == "and":
        return all(as_strict(new, part) for part in least[1])
    if new[0] == "or":
        return all(as_strict(part, least) for part in new[1])
    if new[0] == "and" and any(as_strict(part, least) for part in new[1]):
        return True
    if least[0] == "or" and any(as_strict(new, part) for part in least[1]):
        return True
    if new[0] != least[0]:
        # x < n is stricter than x <= n
        return (new[0], least[0]) == ("<", "<=") and _no_wider(new, least)
    if new[0] in ("any", "all"):
        return bool(new[1] == least[1]) and as_strict(new[2], least[2])
    if new[0] == "of":
        return bool(new[1] == least[1]) and as_strict(new[2], least[2])
    if new[0] == "in":
        return bool(new[1] == least[1] and new[2] <= least[2])
    if new[0] in ("<", "<="):
        return _no_wider(new, least)
    return False


def _no_wider(new: Form, least: Form) -> bool:
    """a <= 5 against a <= 7, or 3 <= a against 2 <= a; equal sides otherwise."""
    (_, left, right), (_, least_left, least_right) = new, least
    if right[0] == least_right[0] == "number" and left == least_left:
        return bool(right[1] <= least_right[1])
    if left[0] == least_left[0] == "number" and right == least_right:
        return bool(left[1] >= least_left[1])
    return bool(left == least_left and right == least_right)


def negatively_read(node: g.Node, interpreter: Interpreter) -> Iterator[g.Key]:
    """Facts compared with <> or under NOT, where a new code would pass as "something else"."""

    def columns(at: g.Node) -> Iterator[g.Key]:
        for inner in g.walk(at):
            for term in g.terms(inner):
                if isinstance(term, g.Column):
                    yield term.key
                    if term.role == "derived":
                        yield from columns(interpreter.derived(*term.key).node)

    for at in g.walk(node):
        if isinstance(at, g.Not) or (isinstance(at, g.Compare) and at.op == "<>"):
            yield from columns(at)
        elif isinstance(at, g.Known) and at.column.role == "derived":
            yield from negatively_read(interpreter.derived(*at.column.key).node, interpreter)
