"""Dates that may be known only to the month, the year or a span, without losing that precision.

Exists because records say "2026", "2026-03" or (when another calendar's year straddles two of
ours) "1991-03-21/1992-03-20", and guessing a day would age children and expire papers. A text
comes in; the first and last day it can mean come out, or the text's canonical form.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

from onward.errors import OnwardError

FIRST_YEAR, LAST_YEAR = 1850, 2199
"""Dates outside these years are taken for mistakes; day arithmetic also relies on the bounds."""

FORMS = "a date as 2026-03-01, 2026-03, 2026 or first/last day as 2026-03-21/2027-03-20"

_FULL = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_YEAR = re.compile(r"(\d{4})", re.ASCII)


class NotADate(OnwardError, ValueError):
    """The text is no date. The message never repeats it: it may be a name in a wrong column."""

    def __init__(self, allowed: str = FORMS) -> None:
        super().__init__(f"not a date; expected {allowed}")


def full_date(text: str) -> date:
    """The day meant by "2026-03-01" and nothing shorter; raises NotADate."""
    match = _FULL.fullmatch(text)
    if match is None:
        raise NotADate("a date as 2026-03-01")
    try:
        day = date(*(int(part) for part in match.groups()))
    except ValueError:
        raise NotADate("a date as 2026-03-01") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise NotADate(f"a date from {FIRST_YEAR} to {LAST_YEAR}")
    return day


def day_range(text: str) -> tuple[date, date]:
    """The first and last day a full or partial date can mean; raises NotADate.

    "2026-03-01" is one day, "2026-03" its month, "2026" its year, and
    "1991-03-21/1992-03-20" exactly those days and all between them.
    """
    if "/" in text:
        first_text, _, last_text = text.partition("/")
        first, last = full_date(first_text), full_date(last_text)
        if first >= last:
            raise NotADate()
        return first, last
    if _FULL.fullmatch(text):
        day = full_date(text)
        return day, day
    if month := _MONTH.fullmatch(text):
        year, number = int(month[1]), int(month[2])
        if not 1 <= number <= 12 or not FIRST_YEAR <= year <= LAST_YEAR:
            raise NotADate()
        return date(year, number, 1), date(year, number, calendar.monthrange(year, number)[1])
    if match := _YEAR.fullmatch(text):
        year = int(match[1])
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise NotADate()
        return date(year, 1, 1), date(year, 12, 31)
    raise NotADate()


def partial_text(first: date, last: date) -> str:
    """The shortest text that means exactly these days: the inverse of `day_range`."""
    if first > last:
        raise NotADate()
    if first == last:
        return first.isoformat()
    if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31) and (
        first.year == last.year
    ):
        return f"{first.year:04d}"
    same_month = (first.year, first.month) == (last.year, last.month)
    if same_month and first.day == 1 and (last + timedelta(days=1)).day == 1:
        return f"{first.year:04d}-{first.month:02d}"
    return f"{first.isoformat()}/{last.isoformat()}"


def years_before(day: date, years: int) -> date:
    """The latest date of birth of somebody who has turned `years` on `day`.

    Born on 29 February: the age is reached on 1 March of a common year, so that nobody is
    taken for an adult a day early.
    """
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)
