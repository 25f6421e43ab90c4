"""Sex and age of everybody in the cases of a proposal, for the fairness table.

Exists because a case is stated by its principal applicant alone, and a table that counts a whole
family under one sex and age says nothing of women, girls and boys. Comes in: the tables of a
proposal and the record they were made from. Goes out: the same tables, each case with the sex and
age of every one of its people. Nothing of it decides who is placed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from onward.placement.inputs.tables import Tables
from onward.registry.computing.analysis import Opened

FACTS = ("unit", "sex", "birth_last")


def with_people(tables: Tables, found: Opened) -> Tables:
    """The tables, each case with (sex, age) of its people; what is not recorded is blank."""
    people = found.caseload.people
    units = {case.case for case in tables.cases}
    of: dict[str, list[tuple[str, int | None]]] = {}
    known = [name for name in FACTS if name in people.column_names]
    for row in people.select(known).to_pylist():
        if row["unit"] in units:
            born = row.get("birth_last")
            age = None if born is None else _years(born, found.as_of)
            of.setdefault(row["unit"], []).append((row.get("sex") or "", age))
    return replace(
        tables,
        cases=tuple(
            replace(case, people=tuple(sorted(of.get(case.case, ()), key=_order)))
            for case in tables.cases
        ),
    )


def _order(person: tuple[str, int | None]) -> tuple[str, int]:
    return person[0], -1 if person[1] is None else person[1]


def _years(born: dt.date, on: dt.date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
