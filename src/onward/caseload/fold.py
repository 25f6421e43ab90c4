"""Who is here and what is known, as of one date, as known at one instant.

Exists because nothing is ever overwritten: the state of a person is computed from the log each
time, so that last month's answer can be computed again. Goes in: the log in columns and two
dates. Comes out: a `Caseload`. The work is a chain of named SQL stages in three parts: what
corrections and merges say (whole log), the latest word on every column (in batches of subjects,
so that memory does not grow with the operation), and the tables people read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload.events import PERSON
from onward.caseload.model import Caseload, EventTables
from onward.caseload.rules import active_sql, adult_sql, forecast_state_sql, word_sql
from onward.caseload.table import WORD_TYPES, Column, columns_of
from onward.caseload.units import unit_stages
from onward.engine import DuckEngine, Engine, Job, Stage, quoted, run_each
from onward.engine.parquet import Inputs, row_count
from onward.engine.stages import literal
from onward.rulebook.model import Kind, Rulebook

BATCH_CELLS = 20_000_000
"""Cells (rows times columns) folded at a time: memory does not grow with the operation."""

MERGE_DEPTH = 16
"""Longest chain of merges followed (A into B, B into C …)."""


@dataclass(frozen=True)
class Moment:
    """As of one date, as known at one instant (None: everything recorded)."""

    as_of: date
    known_at: datetime | None = None

    def known(self, table: str) -> str:
        """SQL: the row was recorded by the instant."""
        if self.known_at is None:
            return "TRUE"
        return f"{table}.recorded <= {literal(self.known_at)}"

    def begun(self, table: str) -> str:
        """SQL: the row may have taken effect by the date."""
        return f"{table}.effective_first <= {literal(self.as_of)} AND {self.known(table)}"

    def settled(self, table: str) -> str:
        """SQL: the row has taken effect by the date, whatever day its partial date meant."""
        return f"{table}.effective_last <= {literal(self.as_of)}"


def fold(
    events: EventTables,
    rulebook: Rulebook,
    *,
    as_of: date,
    known_at: datetime | None = None,
    engine: Engine | None = None,
    batch_cells: int = BATCH_CELLS,
) -> Caseload:
    """The caseload as of a date, as known at an instant, under one rulebook.

    events    from `events_table` with the same rulebook
    as_of     events that took effect later are not seen; one whose partial date may or may not
              have come makes its facts unknown
    known_at  timezone-aware; events recorded later are not seen. None: all of them
    raises    EngineMemory when even a batch needs more memory than allowed
    """
    if known_at is not None and known_at.tzinfo is None:
        raise ValueError("known_at needs a time zone")
    engine = engine or DuckEngine()
    moment = Moment(as_of, known_at)
    plan = FoldPlan(rulebook, moment)
    spoken_of, empty = _spoken_of({n: t.num_rows for n, t in events.ids.items()}, rulebook)
    size = max(table.num_rows * table.num_columns for table in events.facts.values())
    if size <= batch_cells:
        there = {f"{name}_there": events.ids[name] for name in empty}
        inputs = {**plan.inputs(events, spoken_of), **there}
        tables = engine.run(plan.all_stages(spoken_of), inputs, plan.outputs_of(spoken_of))
        return _caseload({**tables, **empty}, plan)
    scope = engine.run(plan.scope, plan.scope_inputs(events), ["corrected", "merged"])

    whole = latest_words(events, plan, scope, engine, batch_cells)
    latest = {name: whole[f"{name}_latest"] for name in rulebook.kinds}
    whole.update({f"{name}_ids": table for name, table in events.ids.items()})
    known = engine.run(plan.there, whole, [stage.name for stage in plan.there])
    known = {name: in_order(table, "no") for name, table in known.items()}
    units = engine.run(
        plan.units,
        {**plan.word_inputs(events), "person_latest": latest[PERSON], **known},
        ["unit", "unit_of_person"],
    )
    units["unit_of_person"] = in_order(units["unit_of_person"], "subject")
    tables = _together(
        engine,
        {
            name: _readable(events, name, plan, scope, latest, known, units, batch_cells)
            for name in rulebook.kinds
        },
    )
    tables.update(
        engine.run(
            plan.notices,
            {
                "breaches": events.breaches,
                "overrides": events.overrides,
                "person_ids": events.ids[PERSON],
                **scope,
            },
            ["breach", "override"],
        )
    )
    return _caseload({**tables, "unit": units["unit"]}, plan)


def fold_from(
    inputs: Inputs,
    rulebook: Rulebook,
    *,
    as_of: date,
    known_at: datetime | None = None,
    engine: Engine,
) -> Caseload:
    """The same from tables an engine reads where they lie, all stages in one chain.

    inputs  under the names the stages read them by (`FoldPlan.inputs`)
    """
    if known_at is not None and known_at.tzinfo is None:
        raise ValueError("known_at needs a time zone")
    plan = FoldPlan(rulebook, Moment(as_of, known_at))
    known = {name: row_count(inputs[f"{name}_ids"]) for name in rulebook.kinds}
    spoken_of, empty = _spoken_of(known, rulebook)
    unread = {f"{name}_{what}" for name in empty for what in ("events", "ids")}
    read = {name: table for name, table in inputs.items() if name not in unread}
    read |= {f"{name}_there": inputs[f"{name}_ids"] for name in empty}
    tables = engine.run(plan.all_stages(spoken_of), read, plan.outputs_of(spoken_of))
    return _caseload({**tables, **empty}, plan)


def _spoken_of(
    ids: Mapping[str, int], rulebook: Rulebook
) -> tuple[list[str], dict[str, pa.Table]]:
    """The kinds that the log names anything of, and the empty tables of all others.

    To plan the query of a table takes as long as to answer it for a few people, and a record
    of one household has something of half the kinds.
    """
    names = [name for name in rulebook.kinds if name == PERSON or ids[name] > 0]
    # Not `empty_table()`: that imports pandas, which takes longer than the fold.
    schemas = {name: readable_schema(kind, rulebook) for name, kind in rulebook.kinds.items()}
    return names, {
        name: pa.Table.from_arrays([pa.nulls(0, one.type) for one in schema], schema=schema)
        for name, schema in schemas.items()
        if name not in names
    }


def _caseload(tables: Mapping[str, pa.Table], plan: FoldPlan) -> Caseload:
    return Caseload(
        as_of=plan.moment.as_of,
        known_at=plan.moment.known_at,
        rulebook=plan.rulebook,
        tables={
            name: in_order(tables[name], "id" if "id" in tables[name].column_names else "seq")
            for name in plan.outputs
            if name != "unit"
        },
        # Their numbers are the log's own and change with it; nobody outside the fold reads them.
        units=in_order(tables["unit"].drop_columns(["unit_no"]), "unit"),
        stages=plan.all_stages(),
    )


def in_order(table: pa.Table, column: str) -> pa.Table:
    """The table with its rows by a column that holds no null.

    An engine keeps the order of a sort only within one query: a kept table of more rows than
    one of its row groups comes back in whatever order its threads read it.
    """
    table = table.combine_chunks()
    values = table[column]
    before, after = values.slice(0, max(0, len(values) - 1)), values.slice(1)
    if len(values) < 2 or pc.all(pc.less_equal(before, after)).as_py():
        return table
    return table.take(pc.sort_indices(values)).combine_chunks()


class FoldPlan:
    """The stages of one fold, as text: what `--explain` prints and every engine runs."""

    def __init__(self, rulebook: Rulebook, moment: Moment) -> None:
        self.rulebook = rulebook
        self.moment = moment
        self.scope = _scope_stages(moment)
        self.latest = {
            kind.name: _latest_stages(kind, rulebook, moment)
            for kind in rulebook.kinds.values()
        }
        self.there = there_stages(rulebook)
        self.units = unit_stages(rulebook, moment.as_of)
        self.readable = {
            kind.name: _readable_stages(kind, rulebook, moment)
            for kind in rulebook.kinds.values()
        }
        self.notices = _notice_stages(moment)

    def all_stages(self, kinds: Sequence[str] | None = None) -> list[Stage]:
        """Every stage in the order it runs; of some kinds alone, where `<kind>_there` of the
        others is an input."""
        chosen = self.rulebook.kinds if kinds is None else kinds
        stages = [
            *self.scope,
            Stage(
                "person_moved",
                "SELECT e.* FROM person_events AS e "
                "INNER JOIN merged AS m ON m.subject = e.subject",
                "The events of merged records, which count for the person merged into.",
                keep=True,
            ),
        ]
        for name in chosen:
            stages += self.latest[name]
        there = {f"{name}_there" for name in chosen}
        stages += [stage for stage in self.there if stage.name in there]
        stages += self.units
        for name in chosen:
            why = "All of them here; in a large operation, one part at a time."
            stages.append(Stage(f"{name}_batch", f"SELECT * FROM {name}_there", why))
            stages += self.readable[name]
        return stages + list(self.notices)

    @property
    def outputs(self) -> list[str]:
        """The stages whose tables make the caseload."""
        return self.outputs_of(list(self.rulebook.kinds))

    def outputs_of(self, kinds: Sequence[str]) -> list[str]:
        return [*kinds, "unit", "breach", "override"]

    def inputs(
        self, events: EventTables, kinds: Sequence[str] | None = None
    ) -> dict[str, pa.Table]:
        """Everything the stages read when they run over the whole log at once."""
        tables = {**self.scope_inputs(events), **self.word_inputs(events)}
        for name in events.facts if kinds is None else kinds:
            tables[f"{name}_events"] = events.facts[name]
            tables[f"{name}_ids"] = events.ids[name]
        return {**tables, "breaches": events.breaches, "overrides": events.overrides}

    def scope_inputs(self, events: EventTables) -> dict[str, pa.Table]:
        return {"corrections": events.corrections, "merges": events.merges}

    def word_inputs(self, events: EventTables) -> dict[str, pa.Table]:
        return {"words": events.words}


# ---------------------------------------------------------------------------------------------
# Part 1: corrections and merges
# ---------------------------------------------------------------------------------------------


def _scope_stages(moment: Moment) -> list[Stage]:
    stages = [
        Stage(
            "corrected",
            "SELECT DISTINCT c.target AS position FROM corrections AS c "
            f"WHERE c.target IS NOT NULL AND {moment.known('c')}",
            "Events that a later event, known by then, corrects or retracts.",
            keep=True,
        ),
        Stage(
            "merge_1",
            'SELECT m.subject, max_by(m."into", m.position) AS into_subject FROM merges AS m '
            "LEFT JOIN corrected AS c ON c.position = m.position "
            f"WHERE c.position IS NULL AND {moment.known('m')} AND {moment.settled('m')} "
            "GROUP BY m.subject",
            "Records found to be the same person: the latest word on each.",
            keep=True,
        ),
    ]
    depth = 1
    while depth < MERGE_DEPTH:
        stages.append(
            Stage(
                f"merge_{2 * depth}",
                "SELECT a.subject, COALESCE(b.into_subject, a.into_subject) AS into_subject "
                f"FROM merge_{depth} AS a LEFT JOIN merge_{depth} AS b "
                "ON b.subject = a.into_subject",
                "Follow merges into merged records.",
                keep=True,
            )
        )
        depth *= 2
    stages.append(
        Stage(
            "merged",
            "SELECT a.subject, a.into_subject "
            f"FROM merge_{depth} AS a LEFT JOIN merge_1 AS b ON b.subject = a.into_subject "
            "WHERE b.subject IS NULL",
            "Each merged record and the person it is. Records that merge in a circle are left "
            "as they are, so that nobody is lost; they are flagged.",
            keep=True,
        )
    )
    return stages


# ---------------------------------------------------------------------------------------------
# Part 2: the latest word on every column
# ---------------------------------------------------------------------------------------------


def _latest_stages(kind: Kind, rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """Stages from one kind's event table to one row per subject, values still as numbers."""
    name, columns = kind.name, columns_of(kind, rulebook)
    stages = heard_stages(kind, rulebook, moment)
    said = [
        Stage(f"{name}_said", _said(kind, columns, moment), "Facts whose partial date may not "
              "have come yet count as unknown; steps count from the last day they can mean."),
    ]  # fmt: skip
    latest = [
        "subject",
        "min(effective_first) AS first_on",
        *(_latest_word(column) for column in columns),
    ]
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


def heard_stages(kind: Kind, rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """`<kind>_heard`: the events that count, under the id their person has by then."""
    name = kind.name
    columns = [quoted(column.name) for column in columns_of(kind, rulebook)]
    envelope = ["position", "effective_first", "effective_last"]
    if name != PERSON:
        listed = ", ".join(f"e.{column}" for column in ["subject", *envelope, *columns])
        return [
            Stage(
                f"{name}_heard",
                f"SELECT {listed} FROM {name}_events AS e "
                "LEFT JOIN corrected AS c ON c.position = e.position "
                f"WHERE c.position IS NULL AND {moment.begun('e')}",
                "Events known by then, not corrected, that may have taken effect.",
            )
        ]
    envelope += ["kind"]
    axes = {quoted(axis) for axis in rulebook.axes}
    listed = ", ".join(f"e.{column}" for column in ["subject", *envelope, *columns])
    moved = ", ".join(f"e.{column}" for column in [*envelope, *columns])
    kept = ", ".join(
        f"CASE WHEN r.first_position < e.position AND e.kind = 'registered' THEN NULL "
        f"ELSE e.{column} END AS {column}"
        if column in axes
        else f"e.{column}"
        for column in ["subject", *envelope, *columns]
    )
    return [
        Stage(
            "person_known",
            f"SELECT {listed} FROM person_events AS e "
            "LEFT JOIN corrected AS c ON c.position = e.position "
            "LEFT JOIN merged AS m ON m.subject = e.subject "
            f"WHERE c.position IS NULL AND m.subject IS NULL AND {moment.begun('e')} "
            f"UNION ALL SELECT m.into_subject AS subject, {moved} FROM person_moved AS e "
            "INNER JOIN merged AS m ON m.subject = e.subject "
            "LEFT JOIN corrected AS c ON c.position = e.position "
            f"WHERE c.position IS NULL AND {moment.begun('e')}",
            "Events known by then, not corrected, that may have taken effect, under the id "
            "their person has by then.",
        ),
        Stage(
            "registered_again",
            "SELECT subject, min(position) AS first_position FROM person_known "
            "WHERE kind = 'registered' GROUP BY subject HAVING count(*) > 1",
            "People registered more than once, usually before a merge.",
            keep=True,
        ),
        Stage(
            "person_heard",
            f"SELECT {kept} FROM person_known AS e "
            "LEFT JOIN registered_again AS r ON r.subject = e.subject",
            "A second registration adds what it says, but starts nobody again.",
        ),
    ]


def axis_stages(rulebook: Rulebook, heard: str, *, processes: bool = False) -> list[Stage]:
    """`axis_change`: every change of state on any axis, with the state it left (codes).

    processes  also every opening (1) and closing (0) of a process, as axis process_<name>
    """
    axes = [*rulebook.axes]
    if processes:
        axes += [f"process_{name}" for name in rulebook.processes]
    rows = " UNION ALL ".join(
        f"SELECT subject, {literal(axis)} AS axis, position, effective_last AS on_day, kind, "
        f"{quoted(axis)} AS state FROM axis_heard WHERE {quoted(axis)} IS NOT NULL"
        for axis in axes
    )
    return [
        Stage("axis_heard", heard, "Events that have taken effect."),
        Stage(
            "axis_word",
            "SELECT *, lag(state) OVER (PARTITION BY subject, axis ORDER BY position) AS before "
            f"FROM ({rows}) AS w",
            "Every word on every axis beside the one before.",
        ),
        Stage(
            "axis_change",
            "SELECT subject, axis, position, on_day, kind, before, state FROM axis_word "
            "WHERE before IS NULL OR before <> state",
            "Only the words that changed the state.",
        ),
    ]


def _said(kind: Kind, columns: Sequence[Column], moment: Moment) -> str:
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


def _latest_word(column: Column) -> str:
    name = quoted(column.name)
    said = f"CASE WHEN {name} IS NOT NULL THEN position END"
    return f"max_by({_argument(column)}, {said}) AS {name}"


def _argument(column: Column) -> str:
    # Small integers are compared as ordinary ones: the engine's fast path.
    name = quoted(column.name)
    return f"CAST({name} AS INTEGER)" if column.type in (pa.int8(), pa.int16()) else name


def latest_words(
    events: EventTables,
    plan: FoldPlan,
    scope: Mapping[str, pa.Table],
    engine: Engine,
    batch_cells: int = BATCH_CELLS,
) -> dict[str, pa.Table]:
    """`<kind>_latest` of every kind: one row per subject, values still as numbers."""
    found = _together(
        engine,
        {
            f"{name}_latest": _latest(events, name, plan, scope, batch_cells)
            for name in plan.rulebook.kinds
        },
    )
    return {name: in_order(table, "subject") for name, table in found.items()}


def _together(engine: Engine, jobs: Mapping[str, Iterable[Job]]) -> dict[str, pa.Table]:
    """Each table made of its parts, in their order; all parts go to the engine as one queue."""
    listed = [(name, job) for name, parts in jobs.items() for job in parts]
    answers = run_each(engine, (job for _, job in listed))
    parts: dict[str, list[pa.Table]] = {name: [] for name in jobs}
    for (name, _), answer in zip(listed, answers, strict=True):
        parts[name].append(answer[name])
    return {name: pa.concat_tables(tables).combine_chunks() for name, tables in parts.items()}


def _latest(
    events: EventTables,
    name: str,
    plan: FoldPlan,
    scope: Mapping[str, pa.Table],
    batch_cells: int,
) -> Iterator[Job]:
    """One row per subject of one kind, folded in batches of subjects."""
    table = events.facts[name]
    wanted, stages = f"{name}_latest", plan.latest[name]
    if name == PERSON:
        inputs_of_batches = person_batches(events, scope, batch_cells)
    else:
        inputs_of_batches = (
            {**scope, f"{name}_events": batch} for batch, _, _ in batches(table, batch_cells)
        )
    for inputs in inputs_of_batches:
        yield Job(stages, inputs, [wanted])


def person_batches(
    events: EventTables, scope: Mapping[str, pa.Table], batch_cells: int = BATCH_CELLS
) -> Iterator[dict[str, pa.Table]]:
    """What the stages of one person read, for one batch of people after another."""
    table = events.facts[PERSON]
    moved, away = _moved(table, scope["merged"])
    for batch, first, end in batches(table, batch_cells):
        yield {
            **scope,
            "person_events": batch,
            "person_moved": _between(moved, away, first, end),
            "person_ids": events.ids[PERSON],
            "words": events.words,
        }


def moved_events(events: EventTables, scope: Mapping[str, pa.Table]) -> pa.Table:
    """`person_moved` of the whole log: the events of merged-away records."""
    return _moved(events.facts[PERSON], scope["merged"])[0]


def _moved(table: pa.Table, merged: pa.Table) -> tuple[pa.Table, pa.ChunkedArray | None]:
    """The events of merged-away records, and the person each of them is folded into."""
    if merged.num_rows == 0:
        return table.slice(0, 0), None
    rows = table.filter(pc.is_in(table["subject"], merged["subject"].combine_chunks()))
    place = pc.index_in(rows["subject"], merged["subject"].combine_chunks())
    return rows, merged["into_subject"].combine_chunks().take(place)


def _between(rows: pa.Table, into: pa.ChunkedArray | None, first: int, end: int) -> pa.Table:
    if into is None:
        return rows
    inside = pc.and_(pc.greater_equal(into, first), pc.less(into, end))
    return rows.filter(inside)


def batches(table: pa.Table, cells: int) -> Iterator[tuple[pa.Table, int, int]]:
    """Slices of a table in subject order with the subjects [first, end) each may hold.

    Together the slices hold every row once and every subject whole, and the ranges cover all
    subject numbers. An empty table gives one empty slice.
    """
    # A chunked column's own to_numpy would import pandas, which takes longer than the fold.
    chunks = [chunk.to_numpy(zero_copy_only=False) for chunk in table["subject"].chunks]
    subjects = np.concatenate(chunks) if chunks else np.zeros(0, np.int64)
    size = max(1, cells // max(1, table.num_columns))
    start, first = 0, 0
    limit = 2**31 - 1
    while True:
        if start + size >= len(subjects):
            yield table.slice(start), first, limit
            return
        # End where a subject ends: the first row of the subject standing at `start + size`,
        # or, for a subject longer than a batch, the row after its last.
        cut = int(np.searchsorted(subjects, subjects[start + size], side="left"))
        if cut <= start:
            cut = int(np.searchsorted(subjects, subjects[start + size], side="right"))
        if cut >= len(subjects):
            yield table.slice(start), first, limit
            return
        end = int(subjects[cut])
        yield table.slice(start, cut - start), first, end
        start, first = cut, end


# ---------------------------------------------------------------------------------------------
# Part 3: the tables people read
# ---------------------------------------------------------------------------------------------


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


def _readable_stages(kind: Kind, rulebook: Rulebook, moment: Moment) -> list[Stage]:
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


def _readable(
    events: EventTables,
    name: str,
    plan: FoldPlan,
    scope: Mapping[str, pa.Table],
    latest: Mapping[str, pa.Table],
    known: Mapping[str, pa.Table],
    units: Mapping[str, pa.Table],
    batch_cells: int,
) -> Iterator[Job]:
    """One kind's table, made in batches of its ids."""
    there, numbers = known[f"{name}_there"], latest[name]
    nos, subjects = there["no"].to_numpy(), numbers["subject"].to_numpy()
    size = max(1, batch_cells // max(1, numbers.num_columns) // 2)
    for start in range(0, max(1, len(nos)), size):
        batch = there.slice(start, size)
        inputs = {"merged": scope["merged"], **plan.word_inputs(events), **known}
        inputs[f"{name}_batch"] = batch
        if batch.num_rows:
            first, last = int(nos[start]), int(nos[start + batch.num_rows - 1])
            low = int(np.searchsorted(subjects, first, side="left"))
            high = int(np.searchsorted(subjects, last, side="right"))
            inputs[f"{name}_latest"] = numbers.slice(low, high - low)
            if name == PERSON:
                people = units["unit_of_person"]
                travelling = people["subject"].to_numpy()
                low = int(np.searchsorted(travelling, first, side="left"))
                high = int(np.searchsorted(travelling, last, side="right"))
                inputs["unit_of_person"] = people.slice(low, high - low)
        else:
            inputs[f"{name}_latest"] = numbers
            if name == PERSON:
                inputs["unit_of_person"] = units["unit_of_person"]
        if name == PERSON:
            inputs["unit"] = units["unit"].select(["unit_no", "unit"])
        yield Job(plan.readable[name], inputs, [name])


def _notice_stages(moment: Moment) -> list[Stage]:
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
    latest = [
        "subject",
        "min(effective_first) AS first_on",
        *(_latest_word(column) for column in columns),
    ]
    select, joins = ["i.id AS id", "s.first_on"], []
    for column in columns:
        text, join = _readable_column(column, kind, True)
        select.append(f"{text} AS {quoted(column.name)}")
        joins += join
    return part, [
        *heard_stages(kind, part, moment),
        Stage("person_said", _said(kind, columns, moment), "What was said, settled or not."),
        Stage(
            "person_word",
            f"SELECT {', '.join(latest)} FROM person_said GROUP BY subject",
            "The latest word on every column.",
        ),
        Stage(
            "person_words",
            f"SELECT {', '.join(select)} FROM person_ids AS i "
            f"INNER JOIN person_word AS s ON s.subject = i.no {' '.join(joins)} ORDER BY i.id",
            "Numbers back into words and ids.",
        ),
    ]
