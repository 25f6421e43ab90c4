"""Who travels together on a date: movement units, derived from households and choices.

Exists because people act alone and travel in families: forecast and placement move units, while
safeguards ask every member. Goes in: the latest word on every person (still as numbers). Comes
out: one row per unit and the unit of every active person.

The rule: active members of one household are one unit when the adults' choices (the facts in
`together_when`) are the same; not yet having chosen is a choice of its own kind, so nobody who
is undecided is put with somebody who has decided. When the adults differ, each choice is its
own unit and the household is marked as diverged. Children (and people whose age is not known)
follow their household. In a household that diverged, a child goes with the adults whose choice
is recorded as the child's own; with no such record the child is in a unit that has no choice,
because to say which parent a child follows would be a guess. Where no adult is present,
everybody's own choice counts. A person of no known household is a unit alone.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from onward.caseload.events import PERSON
from onward.caseload.model import Caseload
from onward.caseload.rules import active_code_sql, adult_columns, word_sql
from onward.caseload.table import UNKNOWN_DATE, columns_of
from onward.engine import Stage, quoted
from onward.errors import Fault, Faults, one_of
from onward.rulebook.model import Rulebook

PATHWAY, DESTINATION = "intended_pathway", "intended_destination"
"""The two choices that the table of units shows by these names' last word."""


def movement_units(caseload: Caseload) -> pa.Table:
    """One row per unit, sorted by unit.

    unit         "household/<id>", "household/<id>/<n>" where the household diverged,
                 "person/<id>" where no household is known
    household    id, or null
    people       members, all active
    diverged     members of the household chose differently
    pathway, destination   the choice they share; null: none recorded, or not the same
    """
    return caseload.units


def unit_stages(rulebook: Rulebook, as_of: date) -> list[Stage]:
    """Stages from `person_latest` to `unit` and `unit_of_person`."""
    rule = rulebook.movement_units
    kind = rulebook.kinds[PERSON]
    columns = {column.name: column for column in columns_of(kind, rulebook)}
    unknown = [name for name in rule.together_when if name not in columns]
    if rule.group_by not in kind.refs or unknown:
        raise Faults(
            [
                Fault(
                    rulebook.file,
                    "movement_units",
                    "",
                    "group_by or together_when names no column of a person",
                    one_of([*kind.refs, *columns]),
                )
            ]
        )
    group = quoted(rule.group_by)
    target = kind.refs[rule.group_by]
    chosen = [f"c{number}" for number in range(1, len(rule.together_when) + 1)]
    read = ", ".join(
        f"COALESCE(NULLIF(CAST(p.{quoted(name)} AS INTEGER), 0), -1) AS {alias}"
        for name, alias in zip(rule.together_when, chosen, strict=True)
    )
    listed = ", ".join(chosen)
    same_choice = " AND ".join(f"k.{c} = t.{c} AND t.{c} >= 0" for c in chosen)
    other_choice = " OR ".join(f"(t.{c} >= 0 AND t.{c} <> k.{c})" for c in chosen)
    stages = [
        Stage(
            "traveller",
            f"SELECT p.subject, CASE WHEN p.{group} >= 0 THEN p.{group} ELSE -1 - p.subject END "
            f"AS house, {_adult(rulebook, as_of)} AS adult, {read} "
            f"FROM person_latest AS p WHERE {active_code_sql(rulebook, 'p')}",
            "Active people, their household (or a number of their own) and their choice.",
            keep=True,
        ),
        Stage(
            "house",
            "SELECT house, max(adult) AS has_adult FROM traveller GROUP BY house",
            "Whether an adult is present.",
            keep=True,
        ),
        Stage(
            "voice",
            f"SELECT t.subject, t.house, {', '.join(f't.{c}' for c in chosen)} "
            "FROM traveller AS t INNER JOIN house AS h ON h.house = t.house "
            "WHERE t.adult = 1 OR h.has_adult = 0",
            "Those whose choice counts: adults, or everybody where there is none.",
        ),
        Stage(
            "choice",
            f"SELECT house, {listed}, "
            f"row_number() OVER (PARTITION BY house ORDER BY {listed}) AS choice_no, "
            "count(*) OVER (PARTITION BY house) AS choices "
            f"FROM (SELECT DISTINCT house, {listed} FROM voice) AS d",
            "The different choices in each household.",
            keep=True,
        ),
        Stage(
            "member",
            "SELECT v.subject, v.house, k.choice_no, k.choices, FALSE AS differs FROM voice AS v "
            f"INNER JOIN choice AS k ON k.house = v.house AND "
            f"{' AND '.join(f'k.{c} = v.{c}' for c in chosen)} "
            "UNION ALL "
            "SELECT t.subject, t.house, "
            f"COALESCE(max(CASE WHEN k.choices = 1 OR ({same_choice}) THEN k.choice_no END), 0) "
            "AS choice_no, max(k.choices) AS choices, "
            f"max(CASE WHEN k.choices = 1 AND ({other_choice}) THEN 1 ELSE 0 END) = 1 AS differs "
            "FROM traveller AS t INNER JOIN house AS h ON h.house = t.house "
            "INNER JOIN choice AS k ON k.house = t.house "
            "WHERE t.adult = 0 AND h.has_adult = 1 GROUP BY t.subject, t.house",
            "Adults by their choice; children with their household, or with the adults whose "
            "choice is recorded as theirs.",
            keep=True,
        ),
        Stage(
            "unit_size",
            "SELECT house, choice_no, max(choices) AS choices, count(*) AS people, "
            "min(subject) AS first_subject, max(CASE WHEN differs THEN 1 ELSE 0 END) AS differs "
            "FROM member GROUP BY house, choice_no",
            "Members counted.",
            keep=True,
        ),
    ]
    words = []
    joins = []
    for name, alias in zip(rule.together_when, chosen, strict=True):
        column = columns[name]
        if column.codes:
            words.append(f"{word_sql(f'k.{alias}', column.codes)} AS {quoted(name)}")
        else:
            words.append(f"{alias}_word.word AS {quoted(name)}")
            joins.append(f"LEFT JOIN words AS {alias}_word ON {alias}_word.no = k.{alias}")
    shown = {
        PATHWAY: "pathway",
        DESTINATION: "destination",
    }
    last = ", ".join(
        f"{quoted(name)} AS {quoted(shown.get(name, name))}" for name in rule.together_when
    )
    stages += [
        Stage(
            "unit_named",
            "SELECT z.house, z.choice_no, z.first_subject, z.people, g.id AS household, "
            "CASE WHEN z.house < 0 THEN 'person/' || i.id "
            f"WHEN z.choices = 1 THEN '{target}/' || g.id "
            f"ELSE '{target}/' || g.id || '/' || CAST(z.choice_no AS TEXT) END AS unit, "
            f"(z.choices > 1 OR z.differs = 1) AS diverged, {', '.join(words)} "
            f"FROM unit_size AS z LEFT JOIN {target}_there AS g ON g.no = z.house "
            "LEFT JOIN person_there AS i ON i.no = z.first_subject "
            "LEFT JOIN choice AS k ON k.house = z.house AND k.choice_no = z.choice_no "
            + " ".join(joins),
            "Units with their household and the choice they share.",
        ),
        # A unit's number is that of its first member: to count the units one after another,
        # a cluster would have to bring them all to one place.
        Stage(
            "unit",
            f"SELECT unit, household, people, diverged, {last}, first_subject AS unit_no "
            "FROM unit_named ORDER BY unit",
            "The table of movement units.",
            keep=True,
        ),
        Stage(
            "unit_of_person",
            "SELECT m.subject, z.first_subject AS unit_no FROM member AS m "
            "INNER JOIN unit_size AS z ON z.house = m.house AND z.choice_no = m.choice_no "
            "ORDER BY m.subject",
            "The unit of every active person.",
            keep=True,
        ),
    ]
    return stages


def _adult(rulebook: Rulebook, as_of: date) -> str:
    """SQL: 1 for known adults; 0 for children and for those whose age is not known."""
    found = adult_columns(rulebook, as_of)
    if found is None:
        return "0"
    fact, cutoff = found
    unknown = f"CAST('{UNKNOWN_DATE.isoformat()}' AS DATE)"
    last = f"NULLIF(p.{quoted(fact + '_last')}, {unknown})"
    return f"CASE WHEN {last} <= {cutoff} THEN 1 ELSE 0 END"
