"""What the rulebook says about one person's row, as SQL: active, adult, forecast state.

Exists so that the fold, the units, the counts and the exposures ask the same question in the
same words. Goes in: a rulebook. Comes out: SQL expressions over columns named after the axes
and facts.
"""

from __future__ import annotations

import re
from datetime import date

from onward.caseload.events import PERSON
from onward.dates import years_before
from onward.engine import quoted
from onward.engine.stages import literal
from onward.errors import Fault, Faults
from onward.rulebook.model import Rulebook


def ending_axis(rulebook: Rulebook) -> str:
    """The axis whose states say that somebody is no longer here (`ends`)."""
    for axis in rulebook.axes.values():
        if any(state.ends for state in axis.states.values()):
            return axis.name
    return next(iter(rulebook.axes))


def ended_states(rulebook: Rulebook) -> tuple[str, ...]:
    """The states of that axis in which nobody is active."""
    axis = rulebook.axes[ending_axis(rulebook)]
    return tuple(state.name for state in axis.states.values() if state.ends)


def active_sql(rulebook: Rulebook) -> str:
    """SQL over the axes in words: TRUE, FALSE, or NULL where the stage is not known."""
    axis, ended = quoted(ending_axis(rulebook)), ended_states(rulebook)
    if not ended:
        return f"CASE WHEN {axis} IS NOT NULL THEN TRUE END"
    return f"{axis} NOT IN ({', '.join(literal(state) for state in ended)})"


def active_code_sql(rulebook: Rulebook, row: str) -> str:
    """The same over the axes as codes, as a test on the row alias `row`."""
    axis = rulebook.axes[ending_axis(rulebook)]
    codes = [str(code) for code, state in enumerate(axis.states.values(), 1) if not state.ends]
    return f"{row}.{quoted(axis.name)} IN ({', '.join(codes)})"


def adult_columns(rulebook: Rulebook, as_of: date) -> tuple[str, str] | None:
    """(name of the partial date, SQL date): adults were born on or before that date.

    Read from the derived fact `adult`, which must be one `age_at_least(<fact>, <years>)`;
    None for a rulebook without it, where everybody's age is unknown.
    """
    derived = rulebook.derived.get(PERSON, {}).get("adult")
    if derived is None:
        return None
    match = re.fullmatch(r"\s*age_at_least\(\s*(\w+)\s*,\s*(\d+)\s*\)\s*", derived.condition)
    if match is None:
        raise Faults(
            [
                Fault(
                    rulebook.file,
                    f"line {derived.line}",
                    "derived.person.adult",
                    "not one age_at_least",
                    "age_at_least(fact, years)",
                )
            ]
        )
    return match[1], literal(years_before(as_of, int(match[2])))


def adult_sql(rulebook: Rulebook, as_of: date) -> str:
    """SQL over a person's row: TRUE, FALSE, or NULL where the birth date leaves it open."""
    found = adult_columns(rulebook, as_of)
    if found is None:
        return "CAST(NULL AS BOOLEAN)"
    fact, cutoff = found
    return (
        f"CASE WHEN {quoted(fact + '_last')} <= {cutoff} THEN TRUE "
        f"WHEN {quoted(fact + '_first')} > {cutoff} THEN FALSE END"
    )


def forecast_state_sql(rulebook: Rulebook) -> str:
    """SQL over the axes in words: the first forecast state that matches."""
    whens = []
    for state in rulebook.forecast_states.values():
        tests = [
            f"{quoted(axis)} IN ({', '.join(literal(name) for name in names)})"
            for axis, names in state.where.items()
        ]
        whens.append(f"WHEN {' AND '.join(tests) or 'TRUE'} THEN {literal(state.name)}")
    return f"CASE {' '.join(whens)} END" if whens else "CAST(NULL AS TEXT)"


def word_sql(source: str, codes: tuple[str, ...]) -> str:
    """SQL that turns 1, 2, 3 … into the words they stand for, and anything else into NULL."""
    whens = " ".join(f"WHEN {code} THEN {literal(word)}" for code, word in enumerate(codes, 1))
    return f"CASE {source} {whens} END"
