"""A fold part by part: memory does not grow with the operation.

Exists because a million people do not fit where a thousand do. Goes in: the log in columns and the
plan of a fold. Comes out: the tables of its parts, each made of slices that hold every subject whole
and together every row once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload.events import PERSON
from onward.caseload.fold_plan import FoldPlan
from onward.caseload.model import EventTables
from onward.engine import Engine, Job, run_each

BATCH_CELLS = 20_000_000
"""Cells (rows times columns) folded at a time: memory does not grow with the operation."""


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


def latest_words(
    events: EventTables,
    plan: FoldPlan,
    scope: Mapping[str, pa.Table],
    engine: Engine,
    batch_cells: int = BATCH_CELLS,
) -> dict[str, pa.Table]:
    """`<kind>_latest` of every kind: one row per subject, values still as numbers."""
    found = together(
        engine,
        {
            f"{name}_latest": _latest(events, name, plan, scope, batch_cells)
            for name in plan.rulebook.kinds
        },
    )
    return {name: in_order(table, "subject") for name, table in found.items()}


def together(engine: Engine, jobs: Mapping[str, Iterable[Job]]) -> dict[str, pa.Table]:
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


def readable_batches(
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
