"""Partial dates keep their precision: nobody is aged, nothing expires, by a guess."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.dates import NotADate, day_range, partial_text, years_before

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-03-01", date(2026, 3, 1), date(2026, 3, 1)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("1991-03-21/1992-03-20", date(1991, 3, 21), date(1992, 3, 20)),
    ],
)
def test_what_a_text_can_mean(text, first, last):
    assert day_range(text) == (first, last)


@pytest.mark.parametrize(
    "text",
    ["", "2026-13", "2026-02-30", "26", "2026-3-1", "۲۰۲۶", "2026-03-02/2026-03-01",
     "2026/2027", "0001-01-01", "9999", "2026-03-01T00:00"],
)  # fmt: skip
def test_what_is_no_date(text):
    with pytest.raises(NotADate):
        day_range(text)


def test_a_name_in_a_date_column_is_not_repeated():
    with pytest.raises(NotADate) as caught:
        day_range("Canaryname")
    assert "Canary" not in str(caught.value)


@given(DAYS, st.integers(0, 800))
def test_writing_and_reading_a_span_gives_the_same_days(first, length):
    last = min(date.fromordinal(first.toordinal() + length), date(2150, 1, 1))
    assert day_range(partial_text(first, last)) == (first, last)


@given(DAYS, DAYS)
def test_an_age_is_reached_on_the_birthday_and_not_before(born, day):
    age_reached = born <= years_before(day, 18)
    birthdays = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    assert age_reached == (birthdays >= 18)
