"""The languages a report can be written in, each lent to it as a `Speech`.

Comes in: a language, and those of the operation's people. Goes out: its words (the catalogue that
the desk's pages read, compiled, a file like any other), its digits, its calendar and the names of
its months. No framework is loaded: a report speaks every language from a terminal too. Translations
are drafts until a named person approves them, and such a report says so.
"""

from __future__ import annotations

import datetime as dt
import gettext
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import jdatetime

from onward.errors import OnwardError, one_of
from onward.report.saying import ENGLISH, MIRRORED, Speech

LANGUAGES = ("en", "fr", "ar", "fa", "ckb")
RIGHT_TO_LEFT = ("ar", "fa", "ckb")
CATALOGUES = Path(__file__).resolve().parent.parent / "desk" / "locale"

DIGITS = {
    "fa": "۰۱۲۳۴۵۶۷۸۹",
    "prs": "۰۱۲۳۴۵۶۷۸۹",
    "ps": "۰۱۲۳۴۵۶۷۸۹",
    "ar": "٠١٢٣٤٥٦٧٨٩",
    "ckb": "٠١٢٣٤٥٦٧٨٩",
}

# Sorani has two sets of names. Those of the Kurdish solar year (نەورۆز from 21 March) would put
# a Gregorian day three weeks off, so months of this calendar go by the names used for them in Iraq.
MONTHS = {
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
           "octobre", "novembre", "décembre"),
    "ar": ("يناير", "فبراير", "مارس", "إبريل", "مايو", "يونيو", "يوليو", "أغسطس", "سبتمبر", "أكتوبر",
           "نوفمبر", "ديسمبر"),
    "ckb": ("کانوونی دووەم", "شوبات", "ئازار", "نیسان", "ئایار", "حوزەیران", "تەمموز", "ئاب", "ئەیلوول",
            "تشرینی یەکەم", "تشرینی دووەم", "کانوونی یەکەم"),
}  # fmt: skip
MONTHS_FA = (
    "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی",
    "بهمن", "اسفند",
)  # fmt: skip
# Afghanistan keeps the same calendar under the names of the zodiac, in Dari and in Pashto.
MONTHS_DARI = (
    "حمل", "ثور", "جوزا", "سرطان", "اسد", "سنبله", "میزان", "عقرب", "قوس", "جدی", "دلو", "حوت",
)  # fmt: skip
MONTHS_PASHTO = (
    "وری", "غویی", "غبرګولی", "چنګاښ", "زمری", "وږی", "تله", "لړم", "لیندۍ", "مرغومی", "سلواغه",
    "کب",
)  # fmt: skip
AFGHAN = ("prs", "fa-af", "ps")
"""Languages in whose presence a Persian page names months as in Afghanistan."""


def speech_of(language: str, peoples: Sequence[str] = ()) -> Speech:
    """The speech of a language.

    peoples  languages of the operation's people: who from Afghanistan reads Persian names months
             otherwise than who from Iran does
    raises   OnwardError naming the languages there are
    """
    if language not in LANGUAGES:
        raise OnwardError(
            f"--language {language}: not a language of reports; expected {one_of(LANGUAGES)}."
        )
    if language == "en":
        return ENGLISH
    return Speech(
        language, language in RIGHT_TO_LEFT, _catalogue(language).gettext,
        lambda text: digits(text, language), lambda day: day_in_words(day, language, peoples),
        lambda day: digits(day_in_figures(day, language), language),
    )  # fmt: skip


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("django", str(CATALOGUES), [language])


def digits(text: str, language: str) -> str:
    """Digits of the language's own script."""
    own = DIGITS.get(language.split("-")[0])
    return text.translate(str.maketrans("0123456789", own)) if own else text


def sign(mark: str, language: str) -> str:
    """A comma, a semicolon or a colon as a language writes it; French sets a space before two."""
    plain = language.split("-")[0]
    if plain in RIGHT_TO_LEFT:
        return mark.translate(MIRRORED)
    return f"\u202f{mark}" if plain == "fr" and mark in ";:" else mark


def listed(parts: Iterable[str], language: str, mark: str = ",") -> str:
    """Words or parts of a sentence one after another, with the sign a language sets between."""
    return f"{sign(mark, language)} ".join(filter(None, parts))


def solar(language: str) -> bool:
    """Whether a language counts its years in the Solar Hijri calendar."""
    return language.split("-")[0] in ("fa", "prs", "ps")


def day_in_words(day: dt.date, language: str, peoples: Iterable[str] = ()) -> str:
    """A day in words: "31 October 2026"; in Persian "۹ آبان ۱۴۰۵", and "۹ عقرب ۱۴۰۵" for people
    from Afghanistan."""
    tag = language.lower()
    plain = tag.split("-")[0]
    if solar(plain):
        there = jdatetime.date.fromgregorian(date=day)
        return digits(
            f"{there.day} {solar_months(tag, peoples)[there.month - 1]} {there.year}", "fa"
        )
    if plain not in MONTHS:
        return ENGLISH.day(day)
    # French counts the first of a month and none of the others.
    first = "1er" if plain == "fr" and day.day == 1 else str(day.day)
    return digits(f"{first} {MONTHS[plain][day.month - 1]} {day.year}", plain)


def day_in_figures(day: dt.date, language: str) -> str:
    """A day as 2026-10-31, or 1405-08-09 in the Solar Hijri calendar; digits 0-9."""
    if not solar(language):
        return day.isoformat()
    there = jdatetime.date.fromgregorian(date=day)
    return f"{there.year:04d}-{there.month:02d}-{there.day:02d}"


def solar_months(tag: str, peoples: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of the months: by the language asked for, else as the operation's people say."""
    if tag.startswith("ps"):
        return MONTHS_PASHTO
    if tag.startswith(AFGHAN):
        return MONTHS_DARI
    said = [each.lower() for each in peoples]
    iranian = any(each in ("fa", "fa-ir") for each in said)
    return MONTHS_DARI if not iranian and set(said) & set(AFGHAN) else MONTHS_FA
