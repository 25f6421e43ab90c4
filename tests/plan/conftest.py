"""Plans and caseloads to try things on, written as plain data and read through the front door."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from onward.caseload.model import Caseload
from onward.plan import Plan, loads_plan
from onward.rulebook import load, shipped_path
from onward.rulebook.model import Rulebook

EXAMPLE = Path(__file__).parents[2] / "examples" / "meridian" / "plan.yaml"
TODAY = dt.date(2026, 10, 31)


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    return load(shipped_path("protected-camp"))


@pytest.fixture(scope="session")
def example(rulebook: Rulebook) -> Plan:
    return loads_plan(EXAMPLE.read_bytes(), rulebook, file="plan.yaml")


@pytest.fixture(scope="session")
def written() -> Callable[..., dict[str, Any]]:
    """A small sound plan as data, with sections replaced or added."""

    def make(**sections: Any) -> dict[str, Any]:
        plan: dict[str, Any] = {
            "plan": "small",
            "title": "A small plan",
            "version": "1",
            "as_of": TODAY,
            "rulebook": "protected-camp",
            "languages": ["fa", "ar"],
            "origin": "XAA",
            "host": "XBB",
            "deadlines": {"the_end": {"title": "The end", "date": dt.date(2027, 11, 30)}},
            "actions": {"talk": {"title": "Talk", "owner": "lead", "duration_days": 30}},
        }
        plan.update(sections)
        return plan

    return make


@pytest.fixture(scope="session")
def read(rulebook: Rulebook, written: Callable[..., dict[str, Any]]) -> Callable[..., Plan]:
    """A small plan, read, with sections replaced or added."""

    def make(**sections: Any) -> Plan:
        text = yaml.safe_dump(written(**sections), sort_keys=False, allow_unicode=True)
        return loads_plan(text, rulebook)

    return make


@pytest.fixture(scope="session")
def caseload(rulebook: Rulebook) -> Callable[..., Caseload]:
    """A caseload from rows of plain data, one list per kind."""

    def make(people: list[dict[str, Any]], **tables: list[dict[str, Any]]) -> Caseload:
        types: dict[str, pa.DataType] = {
            "boolean": pa.bool_(), "date": pa.date32(), "integer": pa.int64(),
            "number": pa.float64(), "codes": pa.list_(pa.string()),
        }  # fmt: skip
        found = {}
        for kind in rulebook.kinds.values():
            fields = [("id", pa.string()), *((ref, pa.string()) for ref in kind.refs)]
            for fact in kind.facts.values():
                if fact.type == "partial_date":
                    fields += [
                        (f"{fact.name}_first", pa.date32()),
                        (f"{fact.name}_last", pa.date32()),
                    ]
                else:
                    fields.append((fact.name, types.get(fact.type, pa.string())))
            if kind.name == "person":
                fields += [(axis, pa.string()) for axis in rulebook.axes]
                fields += [("active", pa.bool_())]
            rows = people if kind.name == "person" else tables.get(kind.name, [])
            schema = pa.schema(fields)
            full = [{name: row.get(name) for name in schema.names} for row in rows]
            found[kind.name] = pa.Table.from_pylist(full, schema=schema)
        return Caseload(TODAY, None, rulebook, found, pa.table({}))

    return make


def person(id: str, **facts: Any) -> dict[str, Any]:
    return {"id": id, "active": True, "legal": "gc4_protected", "stage": "registered",
            "place": "in_camp", "group": "main_group", **facts}  # fmt: skip


@pytest.fixture(scope="session")
def someone() -> Callable[..., dict[str, Any]]:
    """A person in the camp, with facts replaced or added."""
    return person
