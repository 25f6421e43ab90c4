"""What the safeguards tests share: the shipped rulebooks, one engine, and small worlds.

A world is kind -> id -> column -> value, as the planted situations write it. Each test names
the one thing in which it differs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from onward.caseload import Caseload
from onward.engine import DuckEngine
from onward.rulebook import Rulebook, load, shipped_names, shipped_path
from onward.rulebook.situations import Situation, load_situations
from onward.safeguards.asking import Asking
from onward.safeguards.evaluate import ask
from onward.safeguards.overrides import findings_of
from onward.safeguards.planted import caseload_of_rows

ENGINE = DuckEngine(threads=2)
RULEBOOKS = {name: load(shipped_path(name)) for name in shipped_names()}
World = dict[str, dict[str, dict[str, Any]]]


def situations(name: str) -> list[Situation]:
    path = shipped_path(name)
    return load_situations(path.parent / "situations" / path.name, RULEBOOKS[name])


SITUATIONS = {name: situations(name) for name in RULEBOOKS}


class Bench:
    """Shorthand for the room's doors over worlds."""

    engine = ENGINE
    rulebooks = RULEBOOKS
    situations = SITUATIONS

    @staticmethod
    def world(situation: Situation) -> World:
        return copy.deepcopy(
            {kind: {key: dict(row) for key, row in rows.items()}
             for kind, rows in situation.rows.items()}
        )  # fmt: skip

    @staticmethod
    def opening(name: str, step: str) -> Situation:
        """A shipped situation in which a step is open."""
        return next(s for s in SITUATIONS[name] if s.opens and s.step == step)

    @staticmethod
    def caseload(
        world: Mapping[str, Mapping[str, Mapping[str, Any]]],
        rulebook: Rulebook,
        *,
        as_of: date = date(2026, 6, 10),
        units: Mapping[str, str | None] | None = None,
        overrides: list[dict[str, Any]] | None = None,
    ) -> Caseload:
        rows = {kind: list(found.values()) for kind, found in world.items()}
        made = caseload_of_rows(rows, rulebook, as_of=as_of, units=units)
        if overrides:
            tables = {**made.tables, "override": pa.Table.from_pylist(overrides)}
            made = Caseload(made.as_of, None, rulebook, tables, made.units)
        return made

    @staticmethod
    def truths(
        rows: Mapping[str, Any],
        rulebook: Rulebook,
        questions: list[tuple[str, str | None, str | None]],
        *,
        on: date,
    ) -> dict[str, list[bool | None]]:
        """Every finding of the rulebook for (person, destination, pathway), by the SQL."""
        asking = pa.table(
            {
                "ask": pa.array(range(len(questions)), pa.int64()),
                "person": pa.array([who for who, _, _ in questions], pa.string()),
                "asked__destination": pa.array([to for _, to, _ in questions], pa.string()),
                "asked__pathway": pa.array([way for _, _, way in questions], pa.string()),
            }
        )
        findings = list(findings_of(rulebook).values())
        caseload = caseload_of_rows(rows, rulebook, as_of=on)
        table, _ = ask(caseload, asking, findings, Asking(on, None), ENGINE)
        return {finding.key: table[finding.key].to_pylist() for finding in findings}


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="session")
def camp() -> Rulebook:
    return RULEBOOKS["protected-camp"]


@pytest.fixture
def going_home() -> World:
    """P1 and P2 of household H1, everything in place to return on 10 June 2026."""
    return Bench.world(Bench.opening("protected-camp", "T7.done"))


@pytest.fixture
def both_going_home(going_home: World) -> World:
    """The same, and everything in place for P2 as well."""
    return for_both(going_home)


def for_both(world: World) -> World:
    first, second = world["person"]["P1"], world["person"]["P2"]
    world["person"]["P2"] = {**first, "id": "P2", "birth": second["birth"]}
    for kind, rows in world.items():
        for key, row in list(rows.items()):
            if kind != "person" and row.get("person") == "P1":
                rows[f"{key}-2"] = {**row, "id": f"{key}-2", "person": "P2"}
    return world


@pytest.fixture
def evaluate_world(camp: Rulebook) -> Callable[..., Any]:
    from onward.safeguards import evaluate

    def run(world: World, step: str = "T7.done", **how: Any) -> Any:
        units = how.pop("units_of", None)
        overrides = how.pop("recorded", None)
        rulebook = how.pop("rulebook", camp)
        on = how.pop("on", date(2026, 6, 10))
        caseload = Bench.caseload(world, rulebook, as_of=on, units=units, overrides=overrides)
        return evaluate(caseload, step, on=on, engine=ENGINE, **how)

    return run
