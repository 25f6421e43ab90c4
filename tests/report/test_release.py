"""What was released outside stays as it was, and a new release contradicts none before it."""

from __future__ import annotations

import datetime as dt
import itertools
import json

import pytest

from onward.report import release
from onward.report.disclosure import Counts, Shown

JUNE = dt.date(2026, 6, 30)
AUGUST = dt.date(2026, 8, 31)
PATHWAYS = ("return", "onward")


def table(name, dimensions, cells):
    """A protected table as it is published; None is hidden."""
    labels = tuple(tuple(dict.fromkeys(column)) for column in zip(*cells, strict=True))
    counts = Counts(name, tuple(dimensions), labels, dict.fromkeys(cells, 999))
    return Shown(counts, "external", cells)


def months(*shown, name="departures"):
    cells = dict(zip(itertools.product(("2026-05", "2026-06"), PATHWAYS), shown, strict=True))
    return table(name, ("month", "pathway"), cells)


def sites(*shown, name="caseload", by="site"):
    return table(name, (by,), {(f"site {i}",): value for i, value in enumerate(shown)})


def document(day, *shown, rulebook="r" * 64, **files):
    made = release.document(day, shown, rulebook, files or {"report.html": "a" * 64})
    return json.loads(json.dumps(made))  # as it is kept


def test_what_is_kept_says_when_under_which_rulebook_and_what_was_shown():
    kept = document(JUNE, months(20, None, 35, 15), sites(40, None))
    assert kept == {
        "format": "onward-external-release-1",
        "as_of": "2026-06-30",
        "rulebook": "r" * 64,
        "files": {"report.html": "a" * 64},
        "tables": {
            "departures": {
                "dimensions": ["month", "pathway"],
                "cells": [
                    [["2026-05", "return"], 20], [["2026-05", "onward"], None],
                    [["2026-06", "return"], 35], [["2026-06", "onward"], 15],
                ],
            },
            "caseload": {
                "dimensions": ["site"],
                "cells": [[["site 0"], 40], [["site 1"], None]],
            },
        },
    }  # fmt: skip
    assert "999" not in json.dumps(kept), "a count that is hidden is not kept"


def test_a_first_release_contradicts_nothing():
    assert release.faults(document(JUNE, months(20, 30, 35, 15)), []) == []


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (document(JUNE, sites(40, 25)), False),
        (document(JUNE, sites(40, 30)), True),
        (document(JUNE, sites(40, None)), True),
        (document(JUNE, sites(40, 25), **{"report.html": "b" * 64}), True),
    ],
)
def test_a_second_release_of_one_date_is_the_first_to_the_byte(other, differs):
    found = release.faults(other, [document(JUNE, sites(40, 25))])
    assert len(found) == differs
    assert all("2026" in text and "was published already" in text for text in found)


@pytest.mark.parametrize("days", [1, 27, 28, 29])
@pytest.mark.parametrize("turned", [1, -1])
def test_releases_stand_at_least_four_weeks_apart_either_way(days, turned):
    first, second = document(JUNE), document(JUNE + dt.timedelta(days=days * turned))
    found = release.faults(second, [first])
    assert len(found) == (days < 28)
    assert all(f"it is {days} days from" in text and "at least 28" in text for text in found)


def test_every_earlier_release_is_looked_at_not_only_the_first():
    """The one of the same date stands first and agrees; the next is a week away."""
    day = document(JUNE, sites(40))
    near = document(JUNE - dt.timedelta(days=7), sites(40))
    assert len(release.faults(day, [day, near])) == 1
    assert len(release.faults(day, [near, day])) == 1


def test_a_table_keeps_its_shape_as_long_as_the_rulebook_is_the_same():
    first = document(JUNE, sites(40, 25))
    other = document(AUGUST, sites(40, 25, by="sex"))
    (fault,) = release.faults(other, [first])
    assert 'table "caseload" is cut otherwise' in fault
    other = document(AUGUST, sites(40, 25, by="sex"), rulebook="s" * 64)
    assert release.faults(other, [first]) == []
    assert release.faults(document(AUGUST, sites(40, name="new", by="sex")), [first]) == []


@pytest.mark.parametrize(
    ("then", "now", "fault"),
    [
        (20, 20, None),
        (20, 25, "2026-05"),
        (None, 20, "2026-05"),  # hidden then: shown now, the older release gives it away
        (20, None, None),
        (None, None, None),
    ],
)
def test_a_whole_month_once_released_is_shown_the_same_or_hidden(then, now, fault):
    first = document(JUNE, months(then, 30, 35, 15))
    second = document(AUGUST, months(now, 30, 35, 15))
    found = release.faults(second, [first])
    assert [fault in text for text in found] == ([True] if fault else [])
    assert all('table "departures" shows 2026-05 otherwise' in text for text in found)


def test_a_month_that_was_not_over_when_released_may_have_changed():
    """The release is of a day of June: June goes on, May was whole."""
    first = document(JUNE, months(20, 30, 35, 15))
    assert release.faults(document(AUGUST, months(20, 30, 60, 45)), [first]) == []
    whole = document(dt.date(2026, 7, 1), months(20, 30, 35, 15))
    assert len(release.faults(document(AUGUST, months(20, 30, 60, 15)), [whole])) == 1


def test_a_month_is_compared_under_another_rulebook_too():
    first = document(JUNE, months(20, 30, 35, 15))
    second = document(AUGUST, months(25, 30, 35, 15), rulebook="s" * 64)
    assert len(release.faults(second, [first])) == 1


def test_every_table_of_months_is_compared_and_each_named_once():
    first = document(JUNE, sites(40), months(20, 30, 1, 1), months(5, 5, 1, 1, name="arrivals"))
    second = document(
        AUGUST, sites(55), months(25, 35, 1, 1), months(5, 9, 1, 1, name="arrivals")
    )
    found = release.faults(second, [first])
    assert [text.split('"')[1] for text in found] == ["arrivals", "departures"]


def test_a_total_over_months_and_a_table_that_is_new_are_no_months():
    def with_total(total):
        return table("departures", ("month",), {("2026-05",): 20, ("*",): total})

    assert (
        release.faults(document(AUGUST, with_total(90)), [document(JUNE, with_total(50))]) == []
    )
    second = document(AUGUST, months(20, 30, 35, 15))
    assert release.faults(second, [document(JUNE, sites(40))]) == []


def test_what_the_first_release_of_a_month_said_is_what_stays():
    """Given in any order; a month counts once it is over; what was hidden stays None."""
    first = document(JUNE, sites(40), months(20, None, 35, 15))
    second = document(AUGUST, months(None, 30, 35, 15))
    expected = {
        "departures": {
            ("2026-05", "return"): 20, ("2026-05", "onward"): None,
            ("2026-06", "return"): 35, ("2026-06", "onward"): 15,
        }
    }  # fmt: skip
    assert release.freeze([first, second]) == expected
    assert release.freeze([second, first]) == expected
    assert set(release.freeze([first])["departures"]) == {
        ("2026-05", "return"), ("2026-05", "onward"),
    }  # fmt: skip
    assert release.freeze([document(JUNE, sites(40))]) == {}


def test_what_was_hidden_or_has_changed_since_is_hidden_now():
    labels = (("2026-04", "2026-05", "2026-06", "2026-07"),)
    counts = Counts("departures", ("month",), labels,
                    {("2026-04",): 21, ("2026-05",): 23, ("2026-06",): 40, ("2026-07",): 50})  # fmt: skip
    kept = {
        ("2026-04",): 20,  # 21 rounds to 20: the same
        ("2026-05",): 20,  # 23 rounds to 25: a return entered late
        ("2026-06",): None,
        ("2025-12",): None,  # no cell of this table any more
    }
    assert release.to_hide(counts, kept, 5) == {("2026-05",), ("2026-06",)}
    assert release.to_hide(counts, {}, 5) == set()
