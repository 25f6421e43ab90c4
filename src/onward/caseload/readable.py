"""From numbers to the tables people read.

Exists because the log is folded as numbers and judged as words. Goes in: `<kind>_latest` and what each
number stands for. Comes out: stages that give the tables of a `Caseload`: what exists, every kind's
table, breaches and overrides; and of some facts alone the latest word (`word_stages`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from onward.caseload.events import PERSON
from onward.caseload.heard import heard_stages
from onward.caseload.latest import latest_row, said_sql
from onward.caseload.moment import Moment
from onward.caseload.rules import active_sql, adult_sql, forecast_state_sql, word_sql
from onward.caseload.table import WORD_TYPES, Column, columns_of
from onward.engine import Stage, quoted
from onward.rulebook.model import Kind, Rulebook


def there_stages(rulebook: Rulebook) -> list[Stage]:
    """`<kind>_there`: the things of each kind that exist, and that a reference may point at.

    A person's reference makes what it points at exist (a household is known by its members);
    any other reference must point at something that has a record of its own.
    """
    implied: dict[str, list[str]] = {}
    for ref, target in rulebook.kinds[PERSON].refs.items():
        implied.setdefault(target, []).append(ref)
    stages = []
    for name in rulebook.kinds:
        numbers = [f"SELECT subject AS no FROM {name}_latest"]
        numbers += [
            f"SELECT {quoted(ref)} AS no FROM person_latest WHERE {quoted(ref)} >= 0"
            for ref in implied.get(name, ())
        ]
        stages.append(
            Stage(
                f"{name}_there",
                f"SELECT i.no, i.id FROM {name}_ids AS i "
                f"INNER JOIN ({' UNION '.join(numbers)}) AS n ON n.no = i.no ORDER BY i.no",
                "What exists, by its number and id.",
                keep=True,
            )
        )
    return stages


def readable_schema(kind: Kind, rulebook: Rulebook) -> pa.Schema:
    """The columns of one kind's table as `model.Caseload` describes them, but of a person."""
    fields = [("id", pa.string())]
    for column in columns_of(kind, rulebook):
        fact, type_ = column.fact, column.type
        if fact is not None and fact.type == "boolean":
            type_ = pa.bool_()
        elif fact is not None and fact.type == "integer":
            type_ = pa.int64()
        elif fact is not None and fact.type == "codes":
            type_ = pa.list_(pa.string())
        elif column.role == "ref" or column.codes or (fact and fact.type in WORD_TYPES):
            type_ = pa.string()
        fields.append((column.name, type_))
    return pa.schema([*fields, ("first_on", pa.date32())])


def readable_stages(kind: Kind, rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """The stage from one kind's numbers to the table people read."""
    name = kind.name
    person = name == PERSON
    columns = columns_of(kind, rulebook)
    select = ["i.id AS id"]
    joins = []
    for column in columns:
        text, join = _readable_column(column, kind, person)
        select.append(f"{text} AS {quoted(column.name)}")
        joins += join
        if column.role == "axis":
            select.append(
                f"s.{quoted(column.name + '_since')} AS {quoted(column.name + '_since')}"
            )
    select.append("s.first_on")
    listed = (
        f"SELECT {', '.join(select)}"
        + (", s.registered_on, u.unit" if person else "")
        + f" FROM {name}_batch AS i LEFT JOIN {name}_latest AS s ON s.subject = i.no "
        + ("LEFT JOIN unit_named_of_person AS u ON u.subject = i.no " if person else "")
        + " ".join(joins)
    )
    if not person:
        return [Stage(name, f"{listed} ORDER BY i.id", f"The table of kind {name}.")]
    return [
        # First by themselves: otherwise a cluster would sort everybody's columns by unit.
        Stage(
            "unit_named_of_person",
            "SELECT o.subject, u.unit FROM unit_of_person AS o "
            "INNER JOIN unit AS u ON u.unit_no = o.unit_no",
            "The name of everybody's unit.",
        ),
        Stage("person_named", listed, "Numbers back into words and ids."),
        Stage(
            "person",
            f"SELECT *, {active_sql(rulebook)} AS active, {adult_sql(rulebook, moment.as_of)} "
            f"AS adult, {forecast_state_sql(rulebook)} AS forecast_state "
            "FROM person_named ORDER BY id",
            "The table of kind person.",
        ),
    ]


def _readable_column(column: Column, kind: Kind, person: bool) -> tuple[str, list[str]]:
    """SQL for one column in words, and the joins it needs. `s` is the row of numbers."""
    name = quoted(column.name)
    source = f"s.{name}"
    if column.role == "ref":
        alias = quoted(f"ref_{column.name}")
        target = kind.refs[column.source]
        if target == PERSON:
            merge = quoted(f"merge_{column.name}")
            joins = [
                f"LEFT JOIN merged AS {merge} ON {merge}.subject = {source}",
                f"LEFT JOIN person_there AS {alias} "
                f"ON {alias}.no = COALESCE({merge}.into_subject, {source})",
            ]
        else:
            joins = [f"LEFT JOIN {target}_there AS {alias} ON {alias}.no = {source}"]
        return f"{alias}.id", joins
    if column.role == "process":
        return f"COALESCE({source} = 1, FALSE)", []
    if column.codes:
        return word_sql(source, column.codes), []
    fact = column.fact
    assert fact is not None
    if fact.type == "boolean":
        return f"CASE {source} WHEN 1 THEN TRUE WHEN 0 THEN FALSE END", []
    if fact.type in WORD_TYPES:
        alias = quoted(f"word_{column.name}")
        join = f"LEFT JOIN words AS {alias} ON {alias}.no = {source}"
        word = f"{alias}.word"
        if fact.type == "codes":
            empty = "CAST([] AS TEXT[])"
            split = f"STRING_SPLIT(SUBSTRING({word}, 2), '|')"
            return f"CASE WHEN {word} = '|' THEN {empty} ELSE {split} END", [join]
        return word, [join]
    value = f"NULLIF({source}, {column.unknown})"
    return (f"CAST({value} AS BIGINT)" if fact.type == "integer" else value), []


def notice_stages(moment: Moment) -> list[Stage]:
    stages = []
    for name, source, columns in (
        ("breach", "breaches", ("move", "safeguards", "severity")),
        (
            "override",
            "overrides",
            ("move", "finding", "destination", "approved_by", "reason", "valid_on"),
        ),
    ):
        listed = ", ".join(f"e.{quoted(column)}" for column in columns)
        stages.append(
            Stage(
                name,
                "SELECT e.seq, i.id AS person, e.effective_last AS effective, e.recorded, "
                f"{listed} FROM {source} AS e "
                "LEFT JOIN corrected AS c ON c.position = e.position "
                "LEFT JOIN merged AS m ON m.subject = e.subject "
                "INNER JOIN person_ids AS i ON i.no = COALESCE(m.into_subject, e.subject) "
                f"WHERE c.position IS NULL AND {moment.begun('e')} AND {moment.settled('e')} "
                "ORDER BY e.seq",
                f"Every {name} recorded and not corrected.",
            )
        )
    return stages


def word_stages(
    rulebook: Rulebook, facts: Iterable[str], moment: Moment
) -> tuple[Rulebook, list[Stage]]:
    """The latest word on some facts of people, and nothing else of them: the fold's own stages.

    Returns the rulebook reduced to these facts, by which `events_table` makes the inputs, and the
    stages, of which `person_words` gives one row for each person with a column for each fact and
    `first_on`, the first day anything was said of the person.
    Axes, references and units are left out: whoever asks knows that they stay as they are.
    """
    whole = rulebook.kinds[PERSON]
    wanted = set(facts)
    kind = replace(
        whole,
        refs={},
        facts={name: fact for name, fact in whole.facts.items() if name in wanted},
    )
    part = replace(rulebook, kinds={PERSON: kind}, axes={}, processes={})
    columns = columns_of(kind, part)
    select, joins = ["i.id AS id", "s.first_on"], []
    for column in columns:
        text, join = _readable_column(column, kind, True)
        select.append(f"{text} AS {quoted(column.name)}")
        joins += join
    return part, [
        *heard_stages(kind, part, moment),
        Stage("person_said", said_sql(kind, columns, moment), "What was said, settled or not."),
        Stage(
            "person_word",
            f"SELECT {', '.join(latest_row(columns))} FROM person_said GROUP BY subject",
            "The latest word on every column.",
        ),
        Stage(
            "person_words",
            f"SELECT {', '.join(select)} FROM person_ids AS i "
            f"INNER JOIN person_word AS s ON s.subject = i.no {' '.join(joins)} ORDER BY i.id",
            "Numbers back into words and ids.",
        ),
    ]
