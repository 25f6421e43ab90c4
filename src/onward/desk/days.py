"""A day in a plain form: typed in any digits and either calendar, as everywhere at the desk.

Exists because a browser's own field for dates knows the Gregorian calendar only, and writes it
as the machine's language does. Comes in: what was typed. Goes out: a `date`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from onward.dates import NotADate, day_range
from onward.desk import dates


class DayInput(forms.TextInput):
    """A short field, filled in with the day in the reader's calendar."""

    def __init__(self) -> None:
        super().__init__(attrs={"dir": "ltr", "class": "w-date", "autocomplete": "off"})

    def format_value(self, value: Any) -> str | None:
        return dates.typed(value.isoformat() if isinstance(value, date) else str(value or ""))


class DayField(forms.Field):
    """A whole day; raises ValidationError with what would be understood."""

    widget = DayInput

    def __init__(self, **how: Any) -> None:
        hint = _("As 2026-10-31. A year from 1300 to 1499 is Solar Hijri.")
        super().__init__(**{"help_text": hint, **how})

    def to_python(self, value: Any) -> date | None:
        if not value or isinstance(value, date):
            return value or None
        try:
            first, last = day_range(dates.meant(str(value)))
        except NotADate:
            first, last = date.min, date.max
        if first != last:
            raise ValidationError(
                _("Not a date. Write it as 2026-10-31, or 1405-08-09 (Solar Hijri).")
            )
        return first
