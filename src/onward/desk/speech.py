"""A language of the desk, lent to a report: its catalogue, its digits and its calendar."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.utils import translation

from onward.desk import dates
from onward.report.spoken import ENGLISH, Speech

RIGHT_TO_LEFT = ("ar", "fa", "ckb")


def speech_of(language: str) -> Speech:
    """The speech of a language; English for one the desk does not have."""
    if language == "en" or language not in dict(settings.LANGUAGES):
        return ENGLISH

    def say(text: str) -> str:
        with translation.override(language):
            return translation.gettext(text)

    def iso(day: date) -> str:
        with translation.override(language):
            return dates.digits(dates.typed(day.isoformat()), language)

    return Speech(
        language, language in RIGHT_TO_LEFT, say, lambda text: dates.digits(text, language),
        lambda day: dates.shown(day, language), iso,
    )  # fmt: skip
