"""How long everybody stayed in every state: one row per person, axis and stay.

Exists because days per stage, survival and follow-up calendars need beginnings and ends, which a
caseload of one date does not hold. Goes in: the log in columns. Comes out: one table of spells.
"""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa

from onward.caseload.batches import BATCH_CELLS, person_batches
from onward.caseload.events import PERSON
from onward.caseload.fold_plan import FoldPlan
from onward.caseload.heard import heard_stages
from onward.caseload.model import EventTables
from onward.caseload.moment import Moment
from onward.caseload.rules import word_sql
from onward.engine import DuckEngine, Engine, Stage, quoted
from onward.engine.stages import literal
from onward.rulebook.model import Rulebook

OPEN = "open"
"""The one state of a process's spell."""


def spells(
    events: EventTables,
    rulebook: Rulebook,
    *,
    as_of: date,
    known_at: datetime | None = None,
    engine: Engine | None = None,
    batch_cells: int = BATCH_CELLS,
) -> pa.Table:
    """Every stay of every person in a state of an axis, or in an open process, up to a date.

    person     id
    axis       an axis of the rulebook, or "process_<name>"
    state      a state of that axis; "open" for a process
    from_date  first day (the last day a partial date can mean)
    to_date    the day of the next change, or null while the stay lasts on `as_of`
    began_by, ended_by   the move (or "registered") that began and ended it; null while it lasts

    Sorted by person, axis, from_date. A move that leaves the state as it was (a deferral) ends
    no stay. A stay of 0 days began and ended on one day.
    """
    engine = engine or DuckEngine()
    moment = Moment(as_of, known_at)
    plan = FoldPlan(rulebook, moment)
    scope = engine.run(plan.scope, plan.scope_inputs(events), ["corrected", "merged"])
    stages = spell_stages(rulebook, moment)
    parts = [
        engine.run(stages, inputs, ["spell"])["spell"]
        for inputs in person_batches(events, scope, batch_cells)
    ]
    return pa.concat_tables(parts).combine_chunks()


def spell_stages(rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """Stages from `person_events` to `spell`."""
    whens = " ".join(
        f"WHEN {literal(axis.name)} THEN {word_sql('e.state', tuple(axis.states))}"
        for axis in rulebook.axes.values()
    )
    later = "OVER (PARTITION BY subject, axis ORDER BY position)"
    return [
        *heard_stages(rulebook.kinds[PERSON], rulebook, moment),
        *axis_stages(
            rulebook,
            f"SELECT * FROM person_heard AS h WHERE {moment.settled('h')}",
            processes=True,
        ),
        Stage(
            "stay",
            f"SELECT subject, axis, state, position, on_day, lead(on_day) {later} AS to_date, "
            f"CAST(kind AS TEXT) AS began_by, lead(CAST(kind AS TEXT)) {later} AS ended_by "
            "FROM axis_change",
            "Each change and the next.",
        ),
        Stage(
            "spell",
            f"SELECT i.id AS person, e.axis, CASE e.axis {whens} ELSE {literal(OPEN)} END "
            "AS state, e.on_day AS from_date, e.to_date, e.began_by, e.ended_by "
            "FROM stay AS e INNER JOIN person_ids AS i ON i.no = e.subject "
            "WHERE e.axis NOT LIKE 'process_%' OR e.state = 1 "
            "ORDER BY i.id, e.axis, e.position",
            "Stays in words.",
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
