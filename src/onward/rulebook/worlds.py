"""Small random worlds under a rulebook, and conditions that are true in every one of them."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from onward.rulebook import grammar as g
from onward.rulebook.model import Fact, Rulebook
from onward.rulebook.situations import Interpreter


def always_true(condition: g.Condition, interpreter: Interpreter, trials: int = 2_000) -> bool:
    """Whether a condition is TRUE with everything unknown, or in every one of many random
    worlds. The worlds are the same on every run."""
    nobody = {"person": [{"id": "P1"}]}
    empty = interpreter.holds(
        condition, nobody, "P1", on=date(2026, 6, 1), destination=None, pathway=None
    )
    if empty is True and _reads_nothing(condition):
        return True
    draw = random.Random(20260601)
    for _ in range(trials):
        rows = random_rows(interpreter.rulebook, draw)
        truth = interpreter.holds(
            condition,
            rows,
            "P1",
            on=date(2026, 6, 1),
            destination=draw.choice(PLACES),
            pathway=draw.choice((*g.pathways(interpreter.rulebook), "handover")),
        )
        if truth is not True:
            return False
    return True


def _reads_nothing(condition: g.Condition) -> bool:
    """TRUE with nothing known is the meaning of all_true over no rows; anything else is
    constant."""
    return not any(
        isinstance(node, g.Quantifier) and node.every for node in g.walk(condition.node)
    )


PLACES = ("home", "elsewhere")


def random_rows(
    rulebook: Rulebook, draw: random.Random, unknown: float = 0.3, most: int = 3
) -> dict[str, list[dict[str, Any]]]:
    """A small random world: up to `most` rows of every kind, some answers missing."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, kind in rulebook.kinds.items():
        count = draw.randint(1 if name == "person" else 0, most)
        ids = [f"{name[:1].upper()}{i + 1}" for i in range(count)]
        if name in ("destination", "site"):
            ids = list(PLACES[:count])
        rows[name] = [
            {"id": id_, **{ref: _random_id(to, draw, unknown) for ref, to in kind.refs.items()}}
            for id_ in ids
        ]
        for row in rows[name]:
            for fact in kind.facts.values():
                row[fact.name] = None if draw.random() < unknown else random_value(fact, draw)
            if name == "person":
                for axis in rulebook.axes.values():
                    row[axis.name] = draw.choice(list(axis.states))
    return rows


def _random_id(kind: str, draw: random.Random, unknown: float) -> str | None:
    if draw.random() < unknown / 2:
        return None
    if kind in ("destination", "site"):
        return draw.choice(PLACES)
    return f"{kind[:1].upper()}{draw.choice((1, 1, 1, 2, 3))}"


def random_value(fact: Fact, draw: random.Random) -> Any:
    """A random answer of a fact's type, near the edges that conditions ask about."""
    if fact.type == "boolean":
        return draw.random() < 0.5
    if fact.type == "code":
        return draw.choice(fact.allowed)
    if fact.type == "codes":
        return tuple(code for code in fact.allowed if draw.random() < 0.2)
    if fact.type == "integer":
        return draw.randint(0, 3)
    if fact.type == "number":
        return draw.random()
    if fact.type == "date":
        return date(2026, 6, 1) + timedelta(days=draw.choice((-400, -100, -5, -2, 0, 1, 200)))
    if fact.type == "partial_date":
        year = draw.choice((1980, 2007, 2008, 2009, 2015))
        first, last = date(year, 1, 1), date(year, 12, 31)
        return draw.choice(((first, last), (first, first), (last, last)))
    if fact.type == "country":
        return draw.choice(PLACES)
    return draw.choice((*PLACES, "v1"))
