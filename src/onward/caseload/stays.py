"""Who stayed where from which day to which, without saying who: whether the same families are quick
step after step can only be read from stays that belong together.

Exists because counts by month cannot tell lasting differences from good months. Goes in: the log in
columns. Comes out: one row per person and stay, people and households as numbers of this table's
own making. It stays inside what computes, is kept only where the log itself is kept, and is never
shown or exported.
"""

from __future__ import annotations

from datetime import date

from onward.caseload.counting import stratum_columns
from onward.caseload.table import columns_of
from onward.engine import Stage, quoted
from onward.engine.stages import literal
from onward.rulebook.model import Rulebook

MOST_PEOPLE = 20_000
"""As many people say how far families differ; of more, one in so many is read."""


def one_in(people: int) -> int:
    """Of how many people one is read."""
    return max(-(-people // MOST_PEOPLE), 1)


def belonging_stages(
    rulebook: Rulebook, *, until: date, whole_since: date, one_in: int = 1
) -> list[Stage]:
    """Stages from `person_heard` and `stepped` to the parts of `stays`.

    whole_since  stays begun from this day on are whole; how long others had lasted is not known
    """
    person = rulebook.kinds["person"]
    strata = "".join(f", {quoted(column.name)}" for column in stratum_columns(rulebook))
    home = [column for column in columns_of(person, rulebook) if column.name == "household"]
    household = (
        "max_by(household, CASE WHEN household IS NOT NULL THEN position END)"
        if home
        else "CAST(NULL AS INTEGER)"
    )
    following = "OVER (PARTITION BY subject ORDER BY on_day, position, move NULLS FIRST)"
    return [
        Stage(
            "home",
            f"SELECT subject, {household} AS household FROM person_heard GROUP BY subject",
            "The household of each person.",
        ),
        Stage(
            "belonging_began",
            "SELECT subject, on_day, position, move, present, forecast_state"
            f"{strata} FROM stepped WHERE subject % {one_in} = 0 AND "
            "(was_present IS NULL OR was_present <> present "
            "OR COALESCE(forecast_state, '') <> COALESCE(before_forecast_state, ''))",
            "Each word that took somebody to another forecast state.",
        ),
        Stage(
            "belonging",
            f"SELECT subject, present, forecast_state{strata}, on_day, "
            f"lead(on_day) {following} AS left_on, lead(move) {following} AS move "
            "FROM belonging_began",
            "From one such word to the next.",
        ),
        Stage(
            "stays_part",
            "SELECT CAST(b.subject AS BIGINT) AS person, CAST(h.household AS BIGINT) AS household, "
            f"b.forecast_state{strata.replace(', ', ', b.')}, b.on_day AS from_day, "
            "b.left_on AS until_day, b.move, "
            f"b.on_day >= {literal(whole_since)} AS whole "
            "FROM belonging AS b INNER JOIN home AS h ON h.subject = b.subject "
            "WHERE b.present AND b.forecast_state IS NOT NULL "
            f"AND b.on_day < {literal(until)} AND (b.left_on IS NULL OR b.left_on > b.on_day)",
            "Stays of a day or more.",
            keep=True,
        ),
    ]


IN_ORDER = Stage(
    "stays",
    "SELECT * FROM stays_part ORDER BY person, from_day",
    "All parts together, each person's stays one after another.",
    keep=True,
)
