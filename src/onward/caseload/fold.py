"""Who is here and what is known, as of one date, as known at one instant.

Exists because nothing is ever overwritten: the state of a person is computed from the log each
time, so that last month's answer can be computed again. Goes in: the log in columns and two
dates. Comes out: a `Caseload`. The work is a chain of named SQL stages (`fold_plan`), run in one
piece, or in batches of subjects so that memory does not grow with the operation (`batches`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import pyarrow as pa

from onward.caseload.batches import (
    BATCH_CELLS,
    in_order,
    latest_words,
    readable_batches,
    together,
)
from onward.caseload.events import PERSON
from onward.caseload.fold_plan import FoldPlan
from onward.caseload.model import Caseload, EventTables
from onward.caseload.moment import Moment
from onward.caseload.readable import readable_schema
from onward.engine import DuckEngine, Engine
from onward.engine.parquet import Inputs, row_count
from onward.rulebook.model import Rulebook


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
    tables = together(
        engine,
        {
            name: readable_batches(events, name, plan, scope, latest, known, units, batch_cells)
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
