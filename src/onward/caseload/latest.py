"""The latest word on every column, values still as numbers.

Exists because a fact stands until another word is said of it, and a word whose day may not have come
makes it unknown. Goes in: `<kind>_heard`. Comes out: `<kind>_latest`, one row for each subject.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from onward.caseload.events import PERSON
from onward.caseload.heard import heard_stages
from onward.caseload.moment import Moment
from onward.caseload.table import Column, columns_of
from onward.engine import Stage, quoted
from onward.rulebook.model import Kind, Rulebook


def latest_stages(kind: Kind, rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """Stages from one kind's event table to one row per subject, values still as numbers."""
    name, columns = kind.name, columns_of(kind, rulebook)
    stages = heard_stages(kind, rulebook, moment)
    said = [
        Stage(f"{name}_said", said_sql(kind, columns, moment), "Facts whose partial date may not "
              "have come yet count as unknown; steps count from the last day they can mean."),
    ]  # fmt: skip
    latest = latest_row(columns)
    if name != PERSON:
        order = " ORDER BY subject"
        return [
            *stages,
            *said,
            Stage(
                f"{name}_latest",
                f"SELECT {', '.join(latest)} FROM {name}_said GROUP BY subject{order}",
                "The latest word on every column.",
                keep=True,
            ),
        ]
    latest.insert(2, "min(registered_on) AS registered_on")
    axes = list(rulebook.axes)
    before = ", ".join(
        f"lag({quoted(axis)} IGNORE NULLS) OVER (PARTITION BY subject ORDER BY position) "
        f"AS {quoted(axis + '_before')}"
        for axis in axes
    )
    since = ", ".join(
        f"max(CASE WHEN {quoted(axis)} IS NOT NULL AND ({quoted(axis + '_before')} IS NULL "
        f"OR {quoted(axis + '_before')} <> {quoted(axis)}) THEN on_day END) "
        f"AS {quoted(axis + '_since')}"
        for axis in axes
    )
    return [
        *stages,
        *said,
        Stage(
            "person_word",
            f"SELECT {', '.join(latest)} FROM person_said GROUP BY subject",
            "The latest word on every column.",
        ),
        Stage(
            "person_axis_word",
            f"SELECT subject, position, effective_last AS on_day, "
            f"{', '.join(quoted(axis) for axis in axes)} FROM person_heard AS h "
            f"WHERE {moment.settled('h')} AND "
            f"({' OR '.join(f'{quoted(axis)} IS NOT NULL' for axis in axes)})",
            "Every event that has taken effect and says a word on an axis.",
        ),
        Stage(
            "person_axis_before",
            f"SELECT *, {before} FROM person_axis_word",
            "Beside the word on each axis the one before.",
        ),
        Stage(
            "person_since",
            f"SELECT subject, {since} FROM person_axis_before GROUP BY subject",
            "The day each axis last changed.",
        ),
        Stage(
            "person_latest",
            "SELECT w.*, "
            + ", ".join(f"s.{quoted(axis + '_since')}" for axis in axes)
            + " FROM person_word AS w LEFT JOIN person_since AS s ON s.subject = w.subject "
            "ORDER BY w.subject",
            "One row per person, values still as numbers.",
            keep=True,
        ),
    ]


def said_sql(kind: Kind, columns: Sequence[Column], moment: Moment) -> str:
    person = kind.name == PERSON
    first = ["subject", "position", "effective_first"]
    names = [quoted(column.name) for column in columns]
    unsettled = [
        f"CASE WHEN {quoted(column.name)} IS NOT NULL THEN {column.unknown} END"
        if column.role in ("fact", "ref")
        else "NULL"
        for column in columns
    ]
    registered = ["CASE WHEN kind = 'registered' THEN effective_last END AS registered_on"]
    settled_row = [*first, *(registered if person else []), *names]
    unsettled_row = [
        *first,
        *(["NULL AS registered_on"] if person else []),
        *(f"{value} AS {name}" for value, name in zip(unsettled, names, strict=True)),
    ]
    source = f"{kind.name}_heard"
    return (
        f"SELECT {', '.join(settled_row)} FROM {source} AS h WHERE {moment.settled('h')} "
        f"UNION ALL SELECT {', '.join(unsettled_row)} FROM {source} AS h "
        f"WHERE NOT ({moment.settled('h')})"
    )


def latest_row(columns: Sequence[Column]) -> list[str]:
    """What is selected for one subject: first day, and the latest word on each column."""
    first = ["subject", "min(effective_first) AS first_on"]
    return [*first, *(_latest_word(column) for column in columns)]


def _latest_word(column: Column) -> str:
    name = quoted(column.name)
    said = f"CASE WHEN {name} IS NOT NULL THEN position END"
    return f"max_by({_argument(column)}, {said}) AS {name}"


def _argument(column: Column) -> str:
    # Small integers are compared as ordinary ones: the engine's fast path.
    name = quoted(column.name)
    return f"CAST({name} AS INTEGER)" if column.type in (pa.int8(), pa.int16()) else name
