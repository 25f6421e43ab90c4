"""Small turns of phrase the sections share: dates, names and figures as the report prints them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from onward.report.model import Cell, words


def day_text(day: dt.date | None) -> str:
    return "–" if day is None else f"{day.day} {day:%b %Y}"


def as_date(value: Any) -> dt.date:
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])


def plain_name(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def lower_first(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].lower() + text[1:]


def sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def between(low: str, high: str) -> str:
    return f"about {low}" if low == high else f"between {low} and {high}"


def decimal(value: float) -> Cell:
    return Cell(f"{value:,.2f}".rstrip("0").rstrip("."), round(value, 4))


def plain_cell(value: Any) -> Cell:
    if value is None:
        return words("–")
    if isinstance(value, dt.date):
        return words(day_text(value))
    if isinstance(value, float):
        return Cell(f"{value:.0%}" if 0 <= value <= 1 else f"{value:,.0f}", round(value, 3))
    if isinstance(value, int):
        return Cell(f"{value:,}", value)
    if isinstance(value, list):
        return words(", ".join(str(v) for v in value) or "–")
    return words(value)
