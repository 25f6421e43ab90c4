"""The columns of every file of placement, and how one cell of each is read.

In: the text of a cell. Out: its value, or `NotAllowed` with what would be allowed. `FILES` lists
the columns in the order of the templates; a test holds templates and documentation to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from onward.errors import one_of
from onward.placement.inputs.tables import (
    CONFIDENTIALITY,
    LIMIT_KINDS,
    PLEDGE_STATES,
    PRIORITIES,
)

MOST = 10**9
"""No count of persons, days or years is larger."""

YEARS = (1900, 2200)
SOLAR_HIJRI = range(1300, 1500)

LONG_TEXT = ("reason",)
"""Columns whose cells may hold several lines."""


class NotAllowed(ValueError):
    """What a cell may hold instead, what is wrong with it, and what to do."""

    def __init__(
        self, allowed: str, found: str = "not allowed here", remedy: str = "Correct the cell."
    ) -> None:
        self.allowed, self.found, self.remedy = allowed, found, remedy


def _text(cell: str) -> str:
    return cell


def _codes(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[;|]", cell) if part.strip())


def _whole(least: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        number = _number(cell, f"a whole number, {least} or more")
        if number != int(number) or not least <= number <= MOST:
            raise NotAllowed(f"a whole number, {least} or more" + _too_large(number))
        return int(number)

    return read


def _too_large(number: float) -> str:
    return f", {MOST:,} at most" if number > MOST else ""


def _number(cell: str, allowed: str = "a number") -> float:
    try:
        number = float(cell)
    except ValueError:
        raise NotAllowed(allowed) from None
    if "_" in cell or not math.isfinite(number):
        raise NotAllowed(allowed)
    return number


def _share(cell: str) -> float:
    number = _number(cell)
    if not 0 <= number <= 1:
        raise NotAllowed("a number from 0 to 1")
    return number


def _day(cell: str) -> date:
    """A Gregorian day. A year of the Solar Hijri calendar is refused: read as Gregorian, a case
    would have been ready, or too late, for six centuries."""
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:[ T]00:00(?::00)?)?", cell)
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(part) for part in match.groups())
        if year in SOLAR_HIJRI:
            raise NotAllowed(
                "a date as YYYY-MM-DD", "looks like a Solar Hijri date",
                "Give the same day in the Gregorian calendar.",
            )  # fmt: skip
        if not YEARS[0] <= year <= YEARS[1]:
            raise NotAllowed(f"a date as YYYY-MM-DD, in a year from {YEARS[0]} to {YEARS[1]}")
        return date(year, month, day)
    except NotAllowed:
        raise
    except ValueError:
        raise NotAllowed("a date as YYYY-MM-DD") from None


def _yes(cell: str) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if cell.lower() not in words:
        raise NotAllowed("yes or no")
    return words[cell.lower()]


def _word(allowed: Sequence[str]) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell.lower() not in allowed:
            raise NotAllowed(one_of(allowed))
        return cell.lower()

    return read


Reader = Callable[[str], Any]
Columns = dict[str, tuple[Reader, bool]]  # column: (how a cell is read, required)

SELECTOR: Columns = {
    "categories": (_codes, False),
    "nationalities": (_codes, False),
    "needs": (_codes, False),
    "min_size": (_whole(1), False),
    "max_size": (_whole(1), False),
}

# The columns of every file, in the order of the templates.
FILES: dict[str, Columns] = {
    "cases": {
        "case": (_text, True),
        "size": (_whole(1), True),
        "household": (_text, False),
        "split_agreed": (_yes, False),
        "nationality": (_text, False),
        "category": (_text, False),
        "category_2": (_text, False),
        "priority": (_word(PRIORITIES), False),
        "needs": (_codes, False),
        "languages": (_codes, False),
        "skills": (_codes, False),
        "ready_on": (_day, False),
        "leave_by": (_day, False),
        "ties": (_codes, False),
        "linked_to": (_codes, False),
        "refused": (_codes, False),
        "forbidden": (_codes, False),
        "preferred": (_codes, False),
        "consents": (_codes, False),
        "locked": (_text, False),
        "locked_window": (_text, False),
        "sex": (_text, False),
        "age": (_whole(0), False),
        "single_parent": (_yes, False),
        "registered_on": (_day, False),
    },
    "programmes": {
        "programme": (_text, True),
        "persons": (_whole(0), True),
        "window": (_text, False),
        "country": (_text, False),
        "channel": (_text, False),
        "opens": (_day, False),
        "closes": (_day, False),
        "processing_days": (_whole(0), False),
        "min_size": (_whole(1), False),
        "max_size": (_whole(1), False),
        "nationalities": (_codes, False),
        "categories": (_codes, False),
        "excluded_needs": (_codes, False),
        "languages": (_codes, False),
        "skills": (_codes, False),
        "state": (_word(PLEDGE_STATES), False),
        "valid_to": (_day, False),
        "confidentiality": (_word(CONFIDENTIALITY), False),
    },
    "limits": {
        "limit": (_text, True),
        "programme": (_text, True),
        "persons": (_whole(0), True),
        "window": (_text, False),
        "kind": (_word(LIMIT_KINDS), False),
        **SELECTOR,
    },
    "pledges": {
        "pledge": (_text, True),
        "if_programme": (_text, True),
        "if_persons": (_whole(0), True),
        "opens_programme": (_text, True),
        "opens_window": (_text, False),
        "opens_persons": (_whole(1), True),
        "state": (_word(PLEDGE_STATES), False),
        **SELECTOR,
    },
    "scores": {
        "case": (_text, True),
        "programme": (_text, True),
        "score": (_number, True),
        "acceptance": (_share, False),
    },
    "open": {
        "case": (_text, True),
        "destination": (_text, True),
        "allowed": (_yes, True),
        "reason": (_text, False),
    },
    "locks": {
        "case": (_text, True),
        "programme": (_text, False),
        "window": (_text, False),
        "by": (_text, False),
        "reason": (_text, False),
    },
}


def _some(table: str, needed: str, *others: str) -> Columns:
    return {column: FILES[table][column] for column in (needed, *others)}


BESIDE: dict[str, Columns] = {
    "cases beside": _some(
        "cases", "case", "needs", "languages", "skills", "ready_on", "leave_by", "ties",
        "linked_to", "refused", "forbidden", "preferred",
    ),
    "programmes beside": _some(
        "programmes", "programme", "window", "opens", "closes", "processing_days", "min_size",
        "max_size", "nationalities", "categories", "excluded_needs", "languages", "skills",
        "valid_to",
    ),
}  # fmt: skip
"""The columns of files that stand beside cases and programmes known already; see `narrowing`."""

EVERY: dict[str, Columns] = {**FILES, **BESIDE}
