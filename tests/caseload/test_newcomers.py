"""In what families people came after the first registration: each of them counted once."""

from __future__ import annotations

import random
from datetime import date

from onward.caseload.newcomers import newcomers

SINCE, END = date(2025, 1, 29), "2025-07-01"


def home(log, household):
    if all(event.subject.id != household for event in log.events):
        log.add("registered", ("household", household), "2025-01-01")
    return household


def came(log, person, on, household=None, birth="1990-05-05"):
    facts = {"birth": birth} | ({"household": home(log, household)} if household else {})
    log.register(person, on, **facts)


def read(log):
    table = newcomers(log.fold(END), SINCE)
    return {(row["how"], row["people"]): row["units"] for row in table.to_pylist()}


def test_people_registered_into_one_household_came_together(log):
    for number in range(4):
        came(log, f"A{number}", "2025-03-01", "HA")
    came(log, "B1", "2025-03-01", "HB")
    came(log, "B2", "2025-03-09", "HB")
    came(log, "C", "2025-04-01")
    assert read(log) == {("together", 1): 1, ("together", 2): 1, ("together", 4): 1}


def test_nobody_of_the_first_registration_is_a_newcomer(log):
    came(log, "A1", "2025-01-03", "HA")
    came(log, "A2", "2025-01-28", "HA")
    assert read(log) == {}


def test_a_child_born_here_and_a_relative_join_the_family(log):
    came(log, "A1", "2025-01-03", "HA")
    came(log, "child", "2025-03-20", "HA", birth="2025-03-11")
    came(log, "brother", "2025-05-01", "HA")
    came(log, "B1", "2025-03-01", "HB")
    came(log, "born on the way", "2025-03-02", "HB", birth="2025-02-20")
    came(log, "born later", "2025-06-02", "HB", birth="2025-05-20")
    came(log, "months later", "2025-06-02", "HB")
    assert read(log) == {("together", 2): 1, ("born", 1): 2, ("joined", 1): 2}


def test_everybody_registered_since_is_counted_once_whatever_the_order(log):
    draw = random.Random(3)
    late = 0
    for number in range(60):
        day = date(2025, 1, 1).toordinal() + draw.randrange(170)
        late += day >= SINCE.toordinal()
        house = f"H{draw.randrange(25)}" if draw.random() < 0.8 else None
        came(log, f"P{number}", date.fromordinal(day).isoformat(), house)
    found = read(log)
    assert sum(people * units for (_, people), units in found.items()) == late
    log.events.reverse()
    assert read(log) == found
