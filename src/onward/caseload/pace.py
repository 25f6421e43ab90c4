"""What a forecast reads from the log, in one reading: paces, waits, the days people left on, stays.

Exists because each of the four alone would read the whole log again. Goes in: the log in columns.
Comes out: the tables of `counting.exposures` and `waits.waits`, the stays that belong together
(`stays`), and by which steps and on which days people left, and who could have, since people who
leave by convoy leave on its days only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import pyarrow as pa

from onward.caseload.batches import BATCH_CELLS
from onward.caseload.counting import changes, period_stages, stratum_columns
from onward.caseload.events import PERSON
from onward.caseload.model import EventTables
from onward.caseload.stays import IN_ORDER, belonging_stages, one_in
from onward.caseload.waits import TOGETHER, WAITED, stay_stages
from onward.engine import DuckEngine, Engine, Stage, quoted
from onward.engine.stages import literal
from onward.rulebook.model import Rulebook


class Pace(NamedTuple):
    """The four tables.

    departures, one row per move, day on which anybody anywhere made it, and cell:
    forecast_state, <stratum>…  where people stood; states from which somebody has made the move
    move, on_day
    transitions   people of this cell who made it on that day
    waiting       people in the cell on the eve

    stays, one row per person and stay of a day or more: person and household (numbers that mean
    nothing elsewhere), forecast_state and <stratum>… as they were when it began, from_day, until_day
    and move (null while it lasts), whole (false where it may have begun before it is on record)
    """

    exposures: pa.Table
    waits: pa.Table
    departures: pa.Table
    stays: pa.Table


def pace(
    events: EventTables,
    rulebook: Rulebook,
    *,
    since: date,
    waits_since: date,
    until: date,
    period_days: int,
    moves: Sequence[str],
    known_at: datetime | None = None,
    engine: Engine | None = None,
    batch_cells: int = BATCH_CELLS,
) -> Pace:
    """Exposures, waits, departures and stays up to, not with, `until`.

    since, period_days  as in `counting.exposures`;  waits_since  as in `waits.waits`
    moves               the moves whose days are asked for
    """
    engine = engine or DuckEngine()
    stays = stay_stages(waits_since, until, WAITED) + belonging_stages(
        rulebook, until=until, whole_since=waits_since,
        one_in=one_in(events.ids[PERSON].num_rows),
    )  # fmt: skip
    inputs = changes(
        events, rulebook, until, known_at, engine, batch_cells, stays,
        ["wait_part", "stays_part"],
    )  # fmt: skip
    final = [
        *period_stages(rulebook, since=since, until=until, period_days=period_days),
        *departure_stages(rulebook, since=since, until=until, moves=moves),
        TOGETHER,
        IN_ORDER,
    ]
    made = engine.run(final, inputs, ["exposure", "wait", "departure", "stays"])
    return Pace(made["exposure"], made["wait"], made["departure"], made["stays"])


def departure_stages(
    rulebook: Rulebook, *, since: date, until: date, moves: Sequence[str]
) -> list[Stage]:
    """Stages from daily changes and moves to `departure`."""
    cell = ["forecast_state", *(quoted(column.name) for column in stratum_columns(rulebook))]
    listed = ", ".join(cell)

    def of(table: str, after: str = "") -> str:
        return ", ".join(f"{table}.{name}{after}" for name in cell)

    same = " AND ".join(
        f"COALESCE(CAST(a.{name} AS TEXT), '') = COALESCE(CAST(b.{name} AS TEXT), '')"
        for name in cell
    )
    wanted = ", ".join(literal(move) for move in moves) or "''"
    return [
        Stage(
            "left_by",
            f"SELECT {listed}, move, on_day, CAST(sum(transitions) AS BIGINT) AS transitions "
            f"FROM transition WHERE move IN ({wanted}) AND forecast_state IS NOT NULL "
            f"AND on_day >= {literal(since)} AND on_day < {literal(until)} "
            f"GROUP BY {listed}, move, on_day",
            "The moves asked for, by day.",
        ),
        Stage(
            "move_day",
            "SELECT s.forecast_state, d.move, d.on_day FROM "
            "(SELECT DISTINCT forecast_state, move FROM left_by) AS s INNER JOIN "
            "(SELECT DISTINCT move, on_day FROM left_by) AS d ON s.move = d.move",
            "Every day of a move, in every state it has been made from.",
        ),
        Stage(
            "eve",
            f"SELECT {of('c')}, d.move, d.on_day, CAST(sum(CASE WHEN c.on_day < d.on_day "
            "THEN c.change ELSE 0 END) AS BIGINT) AS waiting FROM move_day AS d "
            "INNER JOIN stock_change AS c ON c.forecast_state = d.forecast_state "
            f"AND c.on_day <= d.on_day GROUP BY {of('c')}, d.move, d.on_day",
            "Who stood there on the eve.",
        ),
        Stage(
            "departure",
            f"SELECT {of('a')}, a.move, a.on_day, "
            "CAST(COALESCE(b.transitions, 0) AS BIGINT) AS transitions, a.waiting "
            f"FROM eve AS a LEFT JOIN left_by AS b ON {same} AND a.move = b.move "
            "AND a.on_day = b.on_day WHERE a.waiting > 0 OR b.transitions > 0 "
            f"ORDER BY a.move, a.on_day, {of('a', ' NULLS FIRST')}",
            "Who left on each such day, of whom.",
        ),
    ]
