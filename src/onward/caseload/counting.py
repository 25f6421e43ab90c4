"""How many units stand where, and how many person-days and moves the past holds.

Exists because a forecast needs counts and rates, never people. Goes in: a caseload, or the log
in columns. Comes out: integers by forecast state, stratum, unit size and period, so that the
same figures come out on any engine, in any order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from onward.caseload.batches import BATCH_CELLS, person_batches
from onward.caseload.events import PERSON
from onward.caseload.fold_plan import FoldPlan
from onward.caseload.heard import heard_stages
from onward.caseload.model import Caseload, EventTables
from onward.caseload.moment import Moment
from onward.caseload.rules import ending_axis, forecast_state_sql, word_sql
from onward.caseload.table import Column, columns_of
from onward.engine import DuckEngine, Engine, Stage, quoted
from onward.engine.stages import literal
from onward.errors import Fault, Faults, one_of
from onward.rulebook.model import Rulebook


def counts(caseload: Caseload, *, engine: Engine | None = None) -> pa.Table:
    """Units and people by forecast state, stratum and unit size.

    forecast_state, <stratum>…  null: not known
    unit_size     people per unit; people who are not active are counted as units of one
    units         each movement unit once, where most of its members stand (of equal numbers,
                  the forecast state named first in the rulebook, then the first stratum)
    people        units times unit_size: over all rows, everybody in the caseload once
    mixed_people  those of them who themselves stand elsewhere: the error of counting units
    """
    engine = engine or DuckEngine()
    read = ["unit", "forecast_state", *(c.name for c in stratum_columns(caseload.rulebook))]
    inputs = {"people": caseload.people.select(read)}
    return engine.run(count_stages(caseload.rulebook), inputs, ["counts"])["counts"]


def count_stages(rulebook: Rulebook) -> list[Stage]:
    """Stages from the person table to `counts`."""
    strata = [quoted(column.name) for column in stratum_columns(rulebook)]
    listed = "".join(f", {stratum}" for stratum in strata)
    order = " ".join(
        f"WHEN {literal(name)} THEN {number}"
        for number, name in enumerate(rulebook.forecast_states, 1)
    )
    rank = f"CASE forecast_state {order} END" if order else "1"
    return [
        Stage(
            "cell",
            f"SELECT unit, forecast_state{listed}, count(*) AS members, "
            "sum(count(*)) OVER (PARTITION BY unit) AS unit_size FROM people "
            f"WHERE unit IS NOT NULL GROUP BY unit, forecast_state{listed}",
            "Where the members of each unit stand.",
        ),
        Stage(
            "leading_cell",
            "SELECT *, row_number() OVER (PARTITION BY unit ORDER BY members DESC, "
            f"{rank} NULLS LAST{''.join(f', {s} NULLS LAST' for s in strata)}) AS place_in_unit "
            "FROM cell",
            "Where most of them stand comes first.",
        ),
        Stage(
            "counts",
            f"SELECT forecast_state{listed}, CAST(unit_size AS BIGINT) AS unit_size, "
            "count(*) AS units, CAST(sum(unit_size) AS BIGINT) AS people, "
            "CAST(sum(unit_size - members) AS BIGINT) AS mixed_people "
            "FROM leading_cell WHERE place_in_unit = 1 "
            f"GROUP BY forecast_state{listed}, unit_size "
            "UNION ALL "
            f"SELECT forecast_state{listed}, 1 AS unit_size, count(*) AS units, "
            "count(*) AS people, 0 AS mixed_people "
            f"FROM people WHERE unit IS NULL GROUP BY forecast_state{listed} "
            f"ORDER BY forecast_state NULLS LAST"
            f"{''.join(f', {s} NULLS LAST' for s in strata)}, unit_size, units",
            "Units counted once each; people who left, one by one.",
        ),
    ]


def stratum_columns(rulebook: Rulebook) -> list[Column]:
    """The columns that strata are read from; raises Faults when one is no such fact."""
    columns = {
        column.name: column
        for column in columns_of(rulebook.kinds[PERSON], rulebook)
        if column.fact is not None
        and column.fact.type in ("boolean", "code", "text", "country", "language")
    }
    unknown = [name for name in rulebook.forecast_strata if name not in columns]
    if unknown:
        raise Faults(
            Fault(
                rulebook.file,
                "forecast.strata",
                name,
                "not a coded fact of a person",
                one_of(columns),
            )
            for name in unknown
        )
    return [columns[name] for name in rulebook.forecast_strata]


def exposures(
    events: EventTables,
    rulebook: Rulebook,
    *,
    since: date,
    until: date,
    period_days: int,
    known_at: datetime | None = None,
    engine: Engine | None = None,
    batch_cells: int = BATCH_CELLS,
) -> pa.Table:
    """Person-days at risk and transitions in each period from `since` up to, not with, `until`.

    forecast_state, <stratum>…  where the people stood (before the move); null: not known, and
                  for a move "registered" the arrival of somebody not yet recorded
    period_start, period_days   the last period may be shorter
    move          null on the row that holds the person-days; else the move counted
    to_state      forecast state after the move; null: none matches
    person_days   on rows without a move; 0 elsewhere, so that sums are right
    transitions   on rows with a move; 0 elsewhere

    Somebody is at risk on day d when d is not before the day they entered the state and before
    the day they left it; the day of leaving belongs to the next state. A move counts in the
    period of its day, from the state as it stood just before it, also on a day with several
    moves. Strata change over time and count as they then stood. Moves that set no axis are not
    counted. An event with a partial date counts on the last day it can mean; a stratum is
    unknown from the first of those days until the last.
    """
    if until <= since:
        raise ValueError("until must come after since")
    if period_days < 1:
        raise ValueError(f"period_days is {period_days}; expected 1 or more")
    engine = engine or DuckEngine()
    inputs = changes(events, rulebook, until, known_at, engine, batch_cells)
    final = period_stages(rulebook, since=since, until=until, period_days=period_days)
    return engine.run(final, inputs, ["exposure"])["exposure"]


def changes(
    events: EventTables, rulebook: Rulebook, until: date, known_at: datetime | None,
    engine: Engine, batch_cells: int, more: Sequence[Stage] = (), wanted: Sequence[str] = (),
) -> dict[str, pa.Table]:  # fmt: skip
    """`stock_change` and `transition` over the whole log, and what `more` stages say `wanted`,
    batch after batch."""
    moment = Moment(until - timedelta(days=1), known_at)
    plan = FoldPlan(rulebook, moment)
    scope = engine.run(plan.scope, plan.scope_inputs(events), ["corrected", "merged"])
    stages = [*exposure_stages(rulebook, moment), *more]
    asked = ["stock_change", "transition", *wanted]
    parts = [
        engine.run(stages, inputs, asked)
        for inputs in person_batches(events, scope, batch_cells)
    ]
    return {name: pa.concat_tables([part[name] for part in parts]) for name in asked}


def exposure_stages(rulebook: Rulebook, moment: Moment) -> list[Stage]:
    """Stages from `person_events` to `stock_change` and `transition`, both by day."""
    axes = list(rulebook.axes)
    strata = stratum_columns(rulebook)
    axis_names = [quoted(axis) for axis in axes]
    stratum_names = [quoted(column.name) for column in strata]
    shown = [*axis_names, *stratum_names]
    nothing = {name: f"NULL AS {name}" for name in shown}
    some_axis = " OR ".join(f"h.{axis} IS NOT NULL" for axis in axis_names)
    timeline = [
        "SELECT h.subject, h.effective_last AS on_day, h.position, CAST(h.kind AS TEXT) AS move, "
        + ", ".join(f"h.{name}" if name in axis_names else nothing[name] for name in shown)
        + f" FROM person_heard AS h WHERE {moment.settled('h')} AND ({some_axis})"
    ]
    words: list[Stage] = []
    for number, column in enumerate(strata, 1):
        name = quoted(column.name)
        words.append(
            Stage(
                f"stratum_word_{number}",
                f"SELECT subject, position, effective_first, effective_last, {name}, "
                "min(effective_first) OVER (PARTITION BY subject ORDER BY position "
                "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS hidden_from "
                f"FROM person_heard WHERE {name} IS NOT NULL",
                f"Every word on {column.name}, and from when a later one hides it.",
            )
        )
        others = ", ".join(
            f"w.{name}" if shown_ == name else nothing[shown_] for shown_ in shown
        )
        unknown = ", ".join(
            f"{column.unknown} AS {name}" if shown_ == name else nothing[shown_]
            for shown_ in shown
        )
        timeline.append(
            "SELECT w.subject, w.effective_last AS on_day, w.position, NULL AS move, "
            f"{others} FROM stratum_word_{number} AS w WHERE {moment.settled('w')} "
            "AND (w.hidden_from IS NULL OR w.hidden_from > w.effective_last)"
        )
        timeline.append(
            "SELECT w.subject, w.effective_first AS on_day, w.position, NULL AS move, "
            f"{unknown} FROM stratum_word_{number} AS w "
            "WHERE w.effective_first < w.effective_last"
        )
    so_far = "OVER (PARTITION BY subject ORDER BY on_day, position, move NULLS FIRST " \
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"  # fmt: skip
    carried = ", ".join(f"last_value({name} IGNORE NULLS) {so_far} AS {name}" for name in shown)
    axis_words = ", ".join(
        f"{word_sql('c.' + quoted(axis.name), tuple(axis.states))} AS {quoted(axis.name)}"
        for axis in rulebook.axes.values()
    )
    stratum_words = "".join(f", {_stratum_word(column)} AS {quoted(column.name)}"
                            for column in strata)  # fmt: skip
    joins = " ".join(
        f"LEFT JOIN words AS {quoted('word_' + column.name)} "
        f"ON {quoted('word_' + column.name)}.no = c.{quoted(column.name)}"
        for column in strata
        if _is_word(column)
    )
    cell = ["forecast_state", *stratum_names]
    before = [f"{quoted('before_' + name.strip(chr(34)))}" for name in cell]
    step = "OVER (PARTITION BY subject ORDER BY on_day, position, move NULLS FIRST)"
    lagged = ", ".join(
        f"lag({name}) {step} AS {old}" for name, old in zip(cell, before, strict=True)
    )
    listed = ", ".join(cell)
    old_listed = ", ".join(f"{old} AS {name}" for name, old in zip(cell, before, strict=True))
    return [
        *heard_stages(rulebook.kinds[PERSON], rulebook, moment),
        *words,
        Stage(
            "timeline",
            " UNION ALL ".join(timeline),
            "Every day on which somebody's state or stratum was said anew.",
        ),
        Stage(
            "carried",
            f"SELECT subject, on_day, position, move, {carried} FROM timeline",
            "What still held is carried forward.",
        ),
        Stage(
            "stood",
            f"SELECT c.subject, c.on_day, c.position, c.move, {axis_words}{stratum_words} "
            f"FROM carried AS c {joins}",
            "Numbers back into words.",
        ),
        Stage(
            "stood_in",
            f"SELECT subject, on_day, position, move, "
            f"{quoted(ending_axis(rulebook))} IS NOT NULL AS present, {forecast_state_sql(rulebook)} "
            f"AS forecast_state{''.join(', ' + name for name in stratum_names)} FROM stood",
            "The forecast state after each word. Somebody without a stage stands nowhere.",
        ),
        Stage(
            "stepped",
            f"SELECT *, lag(present) {step} AS was_present, {lagged} FROM stood_in",
            "Each word beside what held before it.",
            keep=True,
        ),
        Stage(
            "stock_change",
            f"SELECT {listed}, on_day, CAST(sum(change) AS BIGINT) AS change FROM ("
            f"SELECT {listed}, on_day, 1 AS change FROM stepped WHERE present UNION ALL "
            f"SELECT {old_listed}, on_day, -1 AS change FROM stepped WHERE was_present"
            f") AS c GROUP BY {listed}, on_day HAVING sum(change) <> 0",
            "Who entered and left each cell on each day.",
        ),
        Stage(
            "transition",
            f"SELECT {old_listed}, on_day, move, forecast_state AS to_state, "
            "count(*) AS transitions FROM stepped WHERE move IS NOT NULL "
            f"GROUP BY {', '.join(before)}, on_day, move, forecast_state",
            "Moves by day.",
        ),
    ]


def period_stages(
    rulebook: Rulebook, *, since: date, until: date, period_days: int
) -> list[Stage]:
    """Stages from daily changes and moves to `exposure`."""
    strata = [quoted(column.name) for column in stratum_columns(rulebook)]
    cell = ["forecast_state", *strata]
    rows = []
    start = since
    while start < until:
        end = min(until, start + timedelta(days=period_days))
        rows.append(
            f"SELECT {literal(start)} AS period_start, {literal(end)} AS period_end, "
            f"{(end - start).days} AS period_days"
        )
        start = end
    in_cell = ", ".join(f"c.{name}" for name in cell)
    in_move = ", ".join(f"t.{name}" for name in cell)
    days = (
        "date_diff('day', CASE WHEN c.on_day > p.period_start THEN c.on_day "
        "ELSE p.period_start END, p.period_end)"
    )
    order = ", ".join(f"{name} NULLS FIRST" for name in cell)
    return [
        Stage("period", " UNION ALL ".join(rows), "The periods asked for.", keep=True),
        Stage(
            "at_risk",
            f"SELECT {in_cell}, p.period_start, p.period_days, "
            f"CAST(sum(c.change * {days}) AS BIGINT) AS person_days "
            "FROM stock_change AS c INNER JOIN period AS p ON c.on_day < p.period_end "
            f"GROUP BY {in_cell}, p.period_start, p.period_days",
            "Whoever entered counts from that day to the period's end; whoever left is taken "
            "off again.",
        ),
        Stage(
            "moved",
            f"SELECT {in_move}, p.period_start, p.period_days, t.move, t.to_state, "
            "CAST(sum(t.transitions) AS BIGINT) AS transitions "
            "FROM transition AS t INNER JOIN period AS p "
            "ON t.on_day >= p.period_start AND t.on_day < p.period_end "
            f"GROUP BY {in_move}, p.period_start, p.period_days, t.move, t.to_state",
            "Moves by period.",
        ),
        Stage(
            "exposure",
            f"SELECT {', '.join(cell)}, period_start, CAST(period_days AS BIGINT) AS period_days, "
            "CAST(NULL AS TEXT) AS move, CAST(NULL AS TEXT) AS to_state, person_days, "
            "CAST(0 AS BIGINT) AS transitions FROM at_risk WHERE person_days <> 0 UNION ALL "
            f"SELECT {', '.join(cell)}, period_start, CAST(period_days AS BIGINT) AS period_days, "
            "move, to_state, CAST(0 AS BIGINT) AS person_days, transitions FROM moved "
            f"ORDER BY {order}, period_start, move NULLS FIRST, to_state NULLS FIRST",
            "Person-days and transitions in one table.",
        ),
    ]


def _is_word(column: Column) -> bool:
    return column.fact is not None and column.fact.type in ("text", "country", "language")


def _stratum_word(column: Column) -> str:
    source = f"c.{quoted(column.name)}"
    if column.codes:
        return word_sql(source, column.codes)
    if _is_word(column):
        return f"{quoted('word_' + column.name)}.word"
    return f"CASE {source} WHEN 1 THEN TRUE WHEN 0 THEN FALSE END"
