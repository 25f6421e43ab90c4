"""A recorded value in the reader's words: a day, a code, a country or site, yes or no."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from onward.desk import dates, here, words
from onward.rulebook.model import Fact


def fact_value(fact: Fact, value: Any) -> str:
    """A value in words; "Not known" for none."""
    if value is None or value == "":
        return str(words.STATUS["unknown"])
    if fact.type == "boolean":
        return gettext("Yes") if value else gettext("No")
    if fact.type in ("date", "partial_date"):
        return dates.shown_partly(str(value))
    if fact.type == "language":
        return words.language(str(value))
    if fact.type == "codes":
        return words.listed(words.code(item) for item in value) or gettext("None")
    if fact.type == "code":
        return words.code(str(value))
    if fact.type in ("integer", "number"):
        return dates.digits(str(value))
    if fact.type == "country" or fact.name in (
        "destination", "intended_destination", "recipient", "went_to"
    ):  # fmt: skip
        return here.destination(str(value))
    if fact.name == "site":
        return words.site(str(value))
    return dates.digits(str(value)) if str(value).isdecimal() else str(value)
