"""Planted situations put through the real door.

Exists so that the small cases a protection officer writes are judged by the very SQL that
judges people, and so that the check interpreter of the rulebook room can be compared with it.
In come plain rows (kind -> rows) as `onward.rulebook.situations` reads them; out comes a
caseload that `evaluate` accepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload
from onward.rulebook.model import FactType, Rulebook

ARROW: Mapping[FactType, pa.DataType] = {
    "boolean": pa.bool_(),
    "code": pa.string(),
    "codes": pa.list_(pa.string()),
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "date": pa.date32(),
    "country": pa.string(),
    "language": pa.string(),
}


def caseload_of_rows(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    rulebook: Rulebook,
    *,
    as_of: date,
    units: Mapping[str, str | None] | None = None,
) -> Caseload:
    """A caseload holding exactly these rows.

    rows   kind -> rows, each with its id; a column that is absent or None is unknown; a
           partial date is (first, last)
    units  person -> movement unit; None: everybody whose stage is not an end is a unit of
           their own
    """
    tables: dict[str, pa.Table] = {}
    for name, kind in rulebook.kinds.items():
        found = list(rows.get(name, ()))
        columns: dict[str, pa.Array] = {
            "id": pa.array([str(row["id"]) for row in found], pa.string())
        }
        for ref in kind.refs:
            columns[ref] = pa.array([row.get(ref) for row in found], pa.string())
        for fact in kind.facts.values():
            values = [row.get(fact.name) for row in found]
            if fact.type == "partial_date":
                for end, suffix in ((0, "first"), (1, "last")):
                    days = [value[end] if value else None for value in values]
                    columns[f"{fact.name}_{suffix}"] = pa.array(days, pa.date32())
            elif fact.type == "codes":
                lists = [list(value) if value is not None else None for value in values]
                columns[fact.name] = pa.array(lists, ARROW["codes"])
            else:
                columns[fact.name] = pa.array(values, ARROW[fact.type])
        if name == "person":
            columns |= _person_columns(found, rulebook, units)
        tables[name] = pa.table(columns)
    return Caseload(
        as_of=as_of, known_at=None, rulebook=rulebook, tables=tables, units=pa.table({})
    )


def _person_columns(
    found: Sequence[Mapping[str, Any]],
    rulebook: Rulebook,
    units: Mapping[str, str | None] | None,
) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for axis in rulebook.axes.values():
        states = [row.get(axis.name) for row in found]
        columns[axis.name] = pa.array(states, pa.string())
    ends = {
        name: state.ends
        for axis in rulebook.axes.values()
        for name, state in axis.states.items()
        if axis.name == "stage"
    }
    active = [
        None if row.get("stage") is None else not ends.get(str(row["stage"]), "")
        for row in found
    ]
    columns["active"] = pa.array(active, pa.bool_())
    own = [
        (str(row["id"]) if units is None else units.get(str(row["id"]))) if here else None
        for row, here in zip(found, active, strict=True)
    ]
    columns["unit"] = pa.array(own, pa.string())
    return columns
