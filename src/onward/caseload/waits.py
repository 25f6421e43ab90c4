"""How long people wait in each forecast state before they move: counts by days already waited.

Exists because a pace alone does not say whether a wait is like a queue (few done early, most near
the middle) or like a sieve (the eager gone early, the others slow). Goes in: the log in columns.
Comes out: person-days, moves and people still waiting, by forecast state and days waited. Never
people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise

import pyarrow as pa

from onward.caseload.batches import BATCH_CELLS
from onward.caseload.counting import changes
from onward.caseload.model import EventTables
from onward.engine import DuckEngine, Engine, Stage
from onward.engine.stages import literal
from onward.rulebook.model import Rulebook

WAITED = (0, 3, 7, 14, 21, 28, 42, 56, 84, 112, 168, 252, 365, 548, 100_000)
"""Days waited at which one row ends and the next begins."""


def waits(
    events: EventTables,
    rulebook: Rulebook,
    *,
    since: date,
    until: date,
    waited: Sequence[int] = WAITED,
    known_at: datetime | None = None,
    engine: Engine | None = None,
    batch_cells: int = BATCH_CELLS,
) -> pa.Table:
    """Person-days and moves by the days waited in a forecast state, of stays begun from `since`.

    since   stays begun earlier are left out: how long those people had waited is not known
    until   the first day that is not looked at

    forecast_state
    waited_from, waited_days   the row counts from so many days waited, for so many days
    move, to_state  null on the row of those who wait; else the move that ended the stay
    person_days     on rows without a move
    waiting         on rows without a move: stays that last on the eve of `until`, all of them,
                    also those begun before `since`
    transitions     on rows with a move

    A stay lasts while the forecast state is the same, whatever else changes. A day counts as in
    `counting.exposures`.
    """
    if until <= since:
        raise ValueError("until must come after since")
    engine = engine or DuckEngine()
    found = changes(events, rulebook, until, known_at, engine, batch_cells,
                    stay_stages(since, until, waited), ["wait_part"])  # fmt: skip
    return engine.run([TOGETHER], {"wait_part": found["wait_part"]}, ["wait"])["wait"]


def stay_stages(since: date, until: date, waited: Sequence[int]) -> list[Stage]:
    """Stages from `stepped` to the parts of `waits`."""
    rows = [
        f"SELECT {low} AS waited_from, {high} AS waited_to" for low, high in pairwise(waited)
    ]
    following = "OVER (PARTITION BY subject ORDER BY on_day, position, move NULLS FIRST)"
    last = literal(until)
    return [
        Stage("waited", " UNION ALL ".join(rows), "The rows asked for."),
        Stage(
            "stay_began",
            "SELECT subject, on_day, position, move, present, forecast_state FROM stepped "
            "WHERE was_present IS NULL OR was_present <> present "
            "OR COALESCE(forecast_state, '') <> COALESCE(before_forecast_state, '')",
            "Each word that took somebody to another forecast state.",
        ),
        Stage(
            "stay",
            f"SELECT present, forecast_state, on_day, lead(on_day) {following} AS left_on, "
            f"lead(move) {following} AS move, lead(forecast_state) {following} AS to_state "
            "FROM stay_began",
            "From one such word to the next.",
        ),
        Stage(
            "stay_length",
            "SELECT forecast_state, on_day, left_on, move, to_state, date_diff('day', on_day, "
            f"CASE WHEN left_on IS NULL THEN {last} ELSE left_on END) AS days FROM stay "
            f"WHERE present AND forecast_state IS NOT NULL AND on_day < {last}",
            "Its days.",
        ),
        Stage(
            "wait_part",
            "SELECT s.forecast_state, w.waited_from, w.waited_to - w.waited_from AS waited_days, "
            "CAST(NULL AS TEXT) AS move, CAST(NULL AS TEXT) AS to_state, "
            f"CAST(sum(CASE WHEN s.on_day < {literal(since)} THEN 0 ELSE "
            "CASE WHEN s.days < w.waited_to THEN s.days ELSE w.waited_to END - w.waited_from "
            "END) AS BIGINT) AS person_days, "
            "CAST(sum(CASE WHEN s.left_on IS NULL AND s.days <= w.waited_to THEN 1 ELSE 0 END) "
            "AS BIGINT) AS waiting, CAST(0 AS BIGINT) AS transitions "
            "FROM stay_length AS s INNER JOIN waited AS w ON s.days > w.waited_from "
            "GROUP BY s.forecast_state, w.waited_from, w.waited_to UNION ALL "
            "SELECT s.forecast_state, w.waited_from, w.waited_to - w.waited_from, s.move, "
            "s.to_state, CAST(0 AS BIGINT), CAST(0 AS BIGINT), CAST(count(*) AS BIGINT) "
            "FROM stay_length AS s INNER JOIN waited AS w "
            "ON s.days >= w.waited_from AND s.days < w.waited_to "
            f"WHERE s.left_on IS NOT NULL AND s.move IS NOT NULL AND s.on_day >= {literal(since)} "
            "GROUP BY s.forecast_state, w.waited_from, w.waited_to, s.move, s.to_state",
            "Who waited, who still does, and who moved, by days waited.",
            keep=True,
        ),
    ]


TOGETHER = Stage(
    "wait",
    "SELECT forecast_state, CAST(waited_from AS BIGINT) AS waited_from, "
    "CAST(waited_days AS BIGINT) AS waited_days, move, to_state, "
    "CAST(sum(person_days) AS BIGINT) AS person_days, CAST(sum(waiting) AS BIGINT) AS waiting, "
    "CAST(sum(transitions) AS BIGINT) AS transitions FROM wait_part "
    "GROUP BY forecast_state, waited_from, waited_days, move, to_state "
    "ORDER BY forecast_state, waited_from, move NULLS FIRST, to_state NULLS FIRST",
    "All parts together.",
    keep=True,
)
