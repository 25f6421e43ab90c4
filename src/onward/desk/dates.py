"""Days as people read and write them: Gregorian, or Solar Hijri on Persian pages.

The record keeps ISO dates; nothing here changes a date, only how it is shown or what was meant.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import jdatetime
from django.utils import translation
from django.utils.formats import date_format

from onward.dates import NotADate, day_range
from onward.report import tongues
from onward.report.saying import Sayer

SOLAR_YEARS = range(1300, 1500)
_SPAN = re.compile(r"\d{4}-\d{2}-\d{2}/\d{4}-\d{2}-\d{2}", re.ASCII)


def digits(text: str, language: str | None = None) -> str:
    """Digits of the language's own script."""
    return tongues.digits(text, language or translation.get_language() or "en")


def counted(value: int) -> str:
    """A count with thousands apart by a narrow space, in the reader's digits."""
    return digits(f"{value:,}".replace(",", "\u202f"))


def percent(share: float) -> str:
    """A share as the reader's language writes a percentage, without decimals."""
    said = digits(f"{round(100 * share)}")
    plain = (translation.get_language() or "en").split("-")[0]
    if plain in tongues.DIGITS:
        return f"{said}٪"
    return f"{said}\u202f%" if plain == "fr" else f"{said}%"


def western(text: str) -> str:
    """Any digits people type, as 0-9."""
    return "".join(
        str(int(sign)) if sign.isdecimal() and not sign.isascii() else sign for sign in text
    )


def shown(day: date, language: str | None = None) -> str:
    """A day in words: "31 October 2026"; on Persian pages "۹ آبان ۱۴۰۵", and "۹ عقرب ۱۴۰۵" for
    people from Afghanistan."""
    tag = (language or translation.get_language() or "en").lower()
    plain = tag.split("-")[0]
    if tongues.solar(plain) or plain in tongues.MONTHS:
        return tongues.day_in_words(day, tag, spoken())
    with translation.override(plain):
        return digits(date_format(day, "j F Y"), plain)


def weekday(day: date) -> str:
    """The day of the week, in words."""
    return date_format(day, "l")


def spoken() -> tuple[str, ...]:
    """The languages of the people of the operation that is open."""
    from onward.registry import site

    return site.operation().settings.languages if site.is_open() else ()


def shown_partly(text: str, language: str | None = None) -> str:
    """A day that may be known only to its month, year or in a range, in words."""
    try:
        first, last = day_range(text)
    except NotADate:
        return text
    if first == last:
        return shown(first, language)
    if re.fullmatch(r"\d{4}", text):
        return digits(text, language)
    return f"{shown(first, language)} – {shown(last, language)}"


def _solar() -> bool:
    """Whether the reader's language counts its years in the Solar Hijri calendar."""
    return tongues.solar(translation.get_language() or "en")


def typed(text: str) -> str:
    """A day as a field shows it to be typed over: in the reader's calendar, in digits. Of a Solar
    Hijri year or month, which no Gregorian one fits, that year or month in whichever language."""
    if "/" in text:
        return _solar_part(text) or text
    if not _solar() or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return text
    try:
        there = jdatetime.date.fromgregorian(date=date.fromisoformat(text))
    except ValueError:
        return text
    return f"{there.year:04d}-{there.month:02d}-{there.day:02d}"


def _solar_part(text: str) -> str:
    """The Solar Hijri year or month that these days are, as "1357" or "1357-04"; else empty."""
    try:
        first, _last = day_range(text)
        there = jdatetime.date.fromgregorian(date=first)
        for said in (f"{there.year:04d}", f"{there.year:04d}-{there.month:02d}"):
            if meant(said) == text:
                return said
    except (NotADate, ValueError):
        pass
    return ""


def sayer() -> Sayer:
    """Writes a drawing in the reader's language."""
    return Sayer(
        tongues.speech_of((translation.get_language() or "en").split("-")[0], spoken())
    )


def in_drawing(svg: str) -> str:
    """The texts of a drawing with numbers as the page writes them, in the reader's digits, and
    its days in the reader's calendar."""

    def said(found: re.Match[str]) -> str:
        text = re.sub(r"(?<=\d),(?=\d{3}\b)", "\u202f", found[1])
        if digits("0") == "0":
            return f">{text}<"
        if _solar():
            text = re.sub(r"\b\d{4}-\d{2}-\d{2}\b", lambda day: typed(day[0]), text)
            text = re.sub(r"\b\d{4}-\d{2}\b(?!-)", lambda m: typed(f"{m[0]}-01")[:7]
                          if int(m[0][:4]) not in SOLAR_YEARS else m[0], text)  # fmt: skip
        text = re.sub(r"(\d) ?%", r"\1٪", text)
        # A drawing's own direction is left to right: what is written the other way says so.
        isolated = (
            f"\u2067{digits(text)}\u2069"
            if re.search(r"[\u0600-\u06ff]", text)
            else digits(text)
        )
        return f">{isolated}<"

    return re.sub(r">([^<>]*\d[^<>]*)<", said, svg)


def both(day: date) -> str:
    """The day in the other calendar, for a tool tip: nothing is left to guess."""
    there = jdatetime.date.fromgregorian(date=day)
    return f"{day.isoformat()} · {there.year:04d}-{there.month:02d}-{there.day:02d} (SH)"


def moment(text: str) -> str:
    """An instant of the log to the minute, by the clocks of where the operation is."""
    from onward.registry import site

    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    instant = instant.astimezone(ZoneInfo(site.operation().settings.time_zone))
    ahead = instant.strftime("%z")  # +0330
    hours, minutes = (
        f"{ahead[0]}{int(ahead[1:3])}",
        "" if ahead[3:] == "00" else f":{ahead[3:]}",
    )
    zone = "UTC" if instant.utcoffset() == timedelta(0) else f"UTC{hours}{minutes}"
    clock = digits(instant.strftime("%H:%M"))
    return f"{shown(instant.date())} {clock} \u2066{digits(zone)}\u2069"


def meant(text: str) -> str:
    """What was typed as the ISO date it means; raises NotADate.

    Any digits; year, year-month or full date, with - or /. A year between 1300 and 1499 is Solar
    Hijri, as on documents from Iran and Afghanistan. Day first is refused: 03/04 can be guessed
    two ways.
    """
    plain = western(text.strip())
    if _SPAN.fullmatch(plain):  # days that are no year and no month, as a field shows them
        return plain
    plain = plain.replace("/", "-").replace("\u200f", "")
    parts = re.fullmatch(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", plain)
    if not parts:
        raise NotADate("a date as 2026-10-31, or 2026-10 or 2026 when only that is known")
    year, month, day = (int(part) if part else None for part in parts.groups())
    assert year is not None
    if year in SOLAR_YEARS:
        try:
            if month is None or day is None:
                first = jdatetime.date(year, month or 1, 1).togregorian()
                if month is None or month == 12:
                    after = jdatetime.date(year + 1, 1, 1).togregorian()
                else:
                    after = jdatetime.date(year, month + 1, 1).togregorian()
                last = date.fromordinal(after.toordinal() - 1)
                return f"{first.isoformat()}/{last.isoformat()}"
            return str(jdatetime.date(year, month, day).togregorian().isoformat())
        except ValueError:
            raise NotADate("a day of the Solar Hijri calendar as 1405-08-09") from None
    iso = f"{year:04d}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if day else "")
    day_range(iso)
    return iso
