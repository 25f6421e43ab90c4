"""Dates as offices write them: four calendars, missing parts, and no calendar ever guessed.

Why: a birth date decides whether someone is a child, and lists mix calendars, orders and
guesses. In: one cell and what was declared about its column. Out: a `PartialDate`, which keeps
how much is known and the range of days it can mean, or a `Problem` or a `Doubt` that says what
a person must settle.

source  Solar Hijri: the arithmetic of jdatetime, equal to the official calendar 1922-2124;
        lunar Hijri: hijridate's Umm al-Qura tables, which local sightings may leave by a day;
        Imperial (Iran, 1976-78): Solar Hijri plus 1180; EDTF: ISO 8601-2:2019
"""

from __future__ import annotations

import calendar as _gregorian
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jdatetime
from hijridate import Hijri

from onward.intake.fold import clean, digits, fold
from onward.said import Said, form

Calendar = Literal["gregorian", "solar_hijri", "lunar_hijri", "imperial"]
Order = Literal["day-month-year", "month-day-year", "year-month-day"]
CALENDARS: tuple[Calendar, ...] = ("gregorian", "solar_hijri", "lunar_hijri", "imperial")
ORDERS: tuple[Order, ...] = ("day-month-year", "month-day-year", "year-month-day")

# Years that a written date can mean in each calendar; outside them a date is a slip of the pen
# or of the calendar.
YEARS: dict[str, tuple[int, int]] = {
    "gregorian": (1880, 2100),
    "solar_hijri": (1260, 1480),
    "lunar_hijri": (1300, 1500),
    "imperial": (2480, 2560),
}
IMPERIAL_OFFSET = 1180
# "About 1978" may be this many years off. A product choice: wide enough that an estimated age
# near eighteen counts as a child until decided.
ESTIMATE_YEARS = 2


@dataclass(frozen=True)
class Problem:
    """Why a cell cannot be used; never holds the cell's text."""

    found: str
    allowed: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Doubt:
    """A cell that can be read in several ways until a person settles it for the column.

    about    "date_order", "calendar", "century", "date_cells"
    text     the question
    options  (value, label) offered; none is taken unasked
    """

    about: str
    text: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PartialDate:
    """A date as far as it is known.

    earliest, latest  the first and last Gregorian day it can mean, both included
    precision         "day", "month", "year" or "interval"
    approximate       the writer said "about"
    conventional      written as a first of January (or the like) that stands for a year
    calendar          the calendar it was written in
    written           the cell as it was typed
    """

    earliest: dt.date
    latest: dt.date
    precision: str
    calendar: str = "gregorian"
    approximate: bool = False
    conventional: bool = False
    written: str = ""

    @property
    def edtf(self) -> str:
        """Extended Date/Time Format: 1978-03-21, 1978-03, 1978, 1978~, or a day within
        [1978-03-21..1979-03-20] where a month or year of another calendar spans two."""
        first, last = self.earliest, self.latest
        if self.precision == "day" and first == last:
            text = first.isoformat()
        elif self.calendar == "gregorian" and self.precision == "month":
            text = f"{first:%Y-%m}"
        elif self.calendar == "gregorian" and self.precision == "year":
            if self.approximate:
                return f"{first.year + ESTIMATE_YEARS:04d}~"
            text = f"{first.year:04d}"
        else:
            return f"[{first.isoformat()}..{last.isoformat()}]"
        return text + "~" if self.approximate else text

    def as_data(self) -> dict[str, Any]:
        """Plain JSON: edtf, precision, earliest, latest, calendar, approximate, conventional."""
        return {
            "edtf": self.edtf,
            "precision": self.precision,
            "earliest": self.earliest.isoformat(),
            "latest": self.latest.isoformat(),
            "calendar": self.calendar,
            "approximate": self.approximate,
            "conventional": self.conventional,
        }


@dataclass(frozen=True)
class DateRules:
    """What the office declared about the dates of one column.

    calendar      None: not declared
    order         None: not declared; only asked about where both orders fit
    century       the hundreds that two-digit years belong to (1300, 1900); None: not declared
    date_cells    "gregorian" once someone confirmed that true date cells in a column of another
                  calendar are Gregorian days
    conventional  month-day pairs that stand for "only the year is known"
    latest        no date may be later (a birth cannot lie ahead); None: no limit
    """

    calendar: Calendar | None = None
    order: Order | None = None
    century: int | None = None
    date_cells: str | None = None
    conventional: tuple[tuple[int, int], ...] = ()
    latest: dt.date | None = None


def _months(text: str) -> list[list[str]]:
    return [[fold(name) for name in month.split("|")] for month in text.split(",")]


MONTH_NAMES: dict[str, list[list[str]]] = {
    "gregorian": _months(
        "january|jan|janvier|janv|يناير|كانون الثاني|ژانویه|جنوری|کانوونی دووەم|rêbendan|ocak,"
        "february|feb|février|févr|fév|فبراير|شباط|فوریه|فبروری|شوبات|reşemî|şubat,"
        "march|mar|mars|مارس|آذار|مارچ|ئازار|adar|mart,"
        "april|apr|avril|avr|أبريل|نيسان|آوریل|اپریل|نیسان|nîsan|nisan,"
        "may|mai|مايو|أيار|مه|می|ئایار|gulan|mayıs,"
        "june|jun|juin|يونيو|حزيران|ژوئن|جون|حوزەیران|hezîran|haziran,"
        "july|jul|juillet|juil|يوليو|تموز|ژوئیه|جولای|تەمموز|tîrmeh|temmuz,"
        "august|aug|août|أغسطس|آب|اوت|آگوست|ئاب|tebax|ağustos,"
        "september|sep|sept|septembre|سبتمبر|أيلول|سپتامبر|ئەیلوول|îlon|eylül,"
        "october|oct|octobre|أكتوبر|تشرين الأول|اکتبر|تشرینی یەکەم|cotmeh|ekim,"
        "november|nov|novembre|نوفمبر|تشرين الثاني|نوامبر|تشرینی دووەم|mijdar|kasım,"
        "december|dec|décembre|déc|ديسمبر|كانون الأول|دسامبر|کانوونی یەکەم|berfanbar|aralık"
    ),
    "solar_hijri": _months(
        "farvardin|فروردین|حمل|وری|خاکەلێوە|xakelêwe,ordibehesht|اردیبهشت|ثور|غویی|گوڵان|بانەمەڕ,"
        "khordad|خرداد|جوزا|غبرگولی|جۆزەردان,tir|تیر|سرطان|چنگاښ|پووشپەڕ,"
        "mordad|amordad|مرداد|امرداد|اسد|زمری|گەلاوێژ,shahrivar|شهریور|سنبله|وږی|خەرمانان,"
        "mehr|مهر|میزان|تله|ڕەزبەر,aban|آبان|عقرب|لړم|گەڵاڕێزان|خەزەڵوەر,"
        "azar|آذر|قوس|لیندۍ|سەرماوەز,dey|day|دی|جدی|مرغومی|بەفرانبار,"
        "bahman|بهمن|دلو|سلواغه|ڕێبەندان,esfand|اسفند|حوت|کب|ڕەشەمە"
    ),
    "lunar_hijri": _months(
        "muharram|محرم|محرم الحرام,safar|صفر|صفر المظفر,"
        "rabi al-awwal|rabi i|rabi 1|ربیع الاول|ربيع الأول,"
        "rabi al-thani|rabi ii|rabi 2|ربیع الثانی|ربيع الآخر|ربيع الثاني,"
        "jumada al-awwal|jumada i|جمادی الاول|جمادی الاولی|جمادى الأولى,"
        "jumada al-thani|jumada ii|جمادی الثانی|جمادى الآخرة|جمادى الثانية,"
        "rajab|رجب,shaban|sha'ban|شعبان,ramadan|ramazan|رمضان,shawwal|شوال,"
        "dhu al-qadah|dhul qadah|ذیقعده|ذی القعده|ذو القعدة,"
        "dhu al-hijjah|dhul hijjah|ذیحجه|ذی الحجه|ذو الحجة"
    ),
}
MONTH_OF: dict[str, list[tuple[str, int]]] = {}
for _calendar, _names in MONTH_NAMES.items():
    for _number, _spellings in enumerate(_names, start=1):
        for _spelling in _spellings:
            MONTH_OF.setdefault(_spelling, []).append((_calendar, _number))

ABOUT = re.compile(
    r"^(?:~|≈|about|approx\.?|approximately|around|circa|ca\.?|c\.|est\.?|estimated|environ|vers|"
    r"حدود|حدودا|تقریبا|تقريبا|حوالی|حوالي|نزیک|نزیکەی|dora)\s*",
    re.I,
)
NUMBERS = re.compile(
    r"^(\d{1,4}|[x?]{2,4})(?:[-/.\s،٫\\]+(\d{1,4}|[x?]{2,4}))?(?:[-/.\s،٫\\]+(\d{1,4}|[x?]{2,4}))?$"
)
STAMP = re.compile(
    r"^(\d{4}-\d{2}-\d{2})[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?$"
)
COMPACT = re.compile(r"^\d{8}$")
YEAR_RANGE = re.compile(r"^(\d{4})\s*(?:/|-|–|\.\.|to|à|تا|إلى|الى)\s*(\d{4})$")
WORDS = re.compile(r"[^\W\d_]+(?:[\s'’-]+[^\W\d_]+)*", re.UNICODE)


def to_gregorian(calendar: str, year: int, month: int, day: int) -> dt.date:
    """One day of any of the four calendars as a Gregorian date; ValueError if there is none."""
    if calendar == "gregorian":
        return dt.date(year, month, day)
    if calendar == "imperial":
        year -= IMPERIAL_OFFSET
    if calendar in ("solar_hijri", "imperial"):
        made: dt.date = jdatetime.date(year, month, day).togregorian()
        return made
    if calendar == "lunar_hijri":
        if not 1343 <= year <= 1500:
            return _lunar_arithmetic(year, month, day)
        return dt.date.fromisoformat(Hijri(year, month, day).to_gregorian().isoformat())
    raise ValueError(f"no calendar {calendar!r}")


def _lunar_arithmetic(year: int, month: int, day: int) -> dt.date:
    """Before the tables begin (1343 AH, 1924): the tabular calendar, 30-year cycle, type II."""
    if not (1 <= month <= 12 and 1 <= day <= 30):
        raise ValueError("no such day")
    days = day + -(-59 * (month - 1) // 2) + (year - 1) * 354 + (3 + 11 * year) // 30 + 227014
    return dt.date.fromordinal(days)


def _month_range(calendar: str, year: int, month: int) -> tuple[dt.date, dt.date]:
    first = to_gregorian(calendar, year, month, 1)
    if calendar == "gregorian":
        return first, dt.date(year, month, _gregorian.monthrange(year, month)[1])
    following = to_gregorian(calendar, year + month // 12, month % 12 + 1, 1)
    return first, following - dt.timedelta(days=1)


def _year_range(calendar: str, year: int) -> tuple[dt.date, dt.date]:
    first = to_gregorian(calendar, year, 1, 1)
    return first, to_gregorian(calendar, year + 1, 1, 1) - dt.timedelta(days=1)


def make_date(
    calendar: Calendar,
    year: int,
    month: int | None,
    day: int | None,
    rules: DateRules,
    *,
    approximate: bool = False,
    written: str = "",
) -> PartialDate | Problem:
    """A PartialDate from parts of one calendar, checked against its years and its months."""
    low, high = YEARS[calendar]
    if not low <= year <= high:
        seems = next((c for c in CALENDARS if YEARS[c][0] <= year <= YEARS[c][1]), None)
        wrong = Said(
            "a year that does not exist on the %(a)s calendar of this list", a=_label(calendar)
        )
        return Problem(
            Said("%(a)s; the year looks %(b)s", a=wrong, b=_label(seems)) if seems else wrong,
            Said("years %(a)s to %(b)s", a=low, b=high),
            "Correct the cell, or declare the column's calendar in the profile.",
        )
    conventional = False
    if month is not None and day is not None and (month, day) in rules.conventional:
        month, day, conventional = None, None, True
    try:
        if month is None:
            first, last = _year_range(calendar, year)
            precision = "year"
        elif day is None:
            first, last = _month_range(calendar, year, month)
            precision = "month"
        else:
            first = last = to_gregorian(calendar, year, month, day)
            precision = "day"
    except (ValueError, OverflowError):
        return Problem(
            Said(
                "a day or month that does not exist on the %(a)s calendar", a=_label(calendar)
            ),
            "a real day, or only the month or year if that is all that is known",
            "Correct the cell.",
        )
    if calendar == "lunar_hijri":
        # Months begin with a sighting: the same written day can be a day off.
        first -= dt.timedelta(days=1)
        last += dt.timedelta(days=1)
    if approximate and precision == "year":
        first, last = _shift(first, -ESTIMATE_YEARS), _shift(last, ESTIMATE_YEARS)
    if rules.latest is not None and first > rules.latest:
        return Problem(
            "a date in the future",
            Said("no later than %(a)s", a=rules.latest),
            "Correct the cell.",
        )
    return PartialDate(first, last, precision, calendar, approximate, conventional, written)


def _shift(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _label(calendar: str | None) -> str:
    return {
        "gregorian": form("Gregorian"),
        "solar_hijri": form("Solar Hijri"),
        "lunar_hijri": form("lunar Hijri"),
        "imperial": form("Imperial"),
    }.get(calendar or "", "")


def parse_date(cell: object, rules: DateRules) -> PartialDate | Problem | Doubt | None:
    """One cell as a date, as far as it is known.

    cell     text, a number, or a true date cell
    rules    what was declared about the column
    returns  a PartialDate; None for an empty cell; a Problem (the cell is wrong) or a Doubt
             (a person must settle the calendar or the order for the whole column)
    """
    if cell is None or cell == "":
        return None
    if isinstance(cell, dt.datetime):
        cell = cell.date()
    if isinstance(cell, dt.date):
        return _date_cell(cell, rules)
    if isinstance(cell, bool | dt.time):
        return Problem("not a date", "a date", "Correct the cell.")
    if isinstance(cell, float):
        return Problem(
            "a number with decimals, perhaps a date whose form was lost",
            "a date as text, such as 1357/11/22 or 1979-02-11",
            "Type it again as text: 1357.10 and 1357.1 look alike to a spreadsheet.",
        )
    if isinstance(cell, int):
        text = str(cell)
        if len(text) in (5, 6, 7):
            return Problem(
                "a number, perhaps a date that lost its form",
                "a date cell, or text such as 1979-02-11",
                "Format the column as dates in the spreadsheet program and save again.",
            )
    else:
        text = clean(str(cell))
    if not text:
        return None
    return _date_text(text, rules)


def _date_cell(day: dt.date, rules: DateRules) -> PartialDate | Problem | Doubt:
    if rules.calendar not in (None, "gregorian") and rules.date_cells != "gregorian":
        return Doubt(
            "date_cells",
            Said(
                "This column is declared %(a)s, but some cells are true spreadsheet dates, which "
                "are always Gregorian. Are those days right as Gregorian?",
                a=_label(rules.calendar),
            ),
            (("gregorian", form("Yes, they are Gregorian days")),),
        )
    return make_date("gregorian", day.year, day.month, day.day, rules, written=day.isoformat())


def _date_text(text: str, rules: DateRules) -> PartialDate | Problem | Doubt:
    written = text
    text = digits(text)
    approximate = False
    if stripped := ABOUT.match(text):
        approximate, text = True, text[stripped.end() :].strip()
    if text.endswith(("~", "?", "%")) and len(text) > 4 and text[-2].isdigit():
        approximate, text = True, text[:-1]
    if stamp := STAMP.match(text):
        text = stamp[1]
    if both := YEAR_RANGE.match(text):
        return _year_span(int(both[1]), int(both[2]), rules, written)
    if COMPACT.match(text):
        return _compact(text, rules, written)
    named = _with_month_name(text, rules, approximate, written)
    if named is not None:
        return named
    match = NUMBERS.match(text.lower())
    if match is None:
        return Problem(
            "not a date",
            "a date such as 1357/11/22, 11.02.1979 or 1979, or only a year",
            "Correct the cell, or list the word under `missing` in the profile.",
        )
    parts = [part for part in match.groups() if part is not None]
    blank = [part[0] in "x?" or not int(part) for part in parts]
    return _from_numbers(parts, blank, rules, approximate, written)


def _from_numbers(
    parts: list[str], blank: list[bool], rules: DateRules, approximate: bool, written: str
) -> PartialDate | Problem | Doubt:
    """Settle which number is the year, the month and the day."""
    if len(parts) == 1:
        if blank[0]:
            return Problem("not a date", "at least a year", "Correct the cell.")
        year_at = 0
    else:
        long = [i for i, part in enumerate(parts) if len(part) >= 3 and not blank[i]]
        if len(long) > 1 or (long == [1] and len(parts) == 3):
            return Problem("not a date", "year, month and day", "Correct the cell.")
        if long:
            year_at = long[0]
        elif rules.order is not None:
            year_at = 0 if rules.order == "year-month-day" else len(parts) - 1
        else:
            return _ask_order(parts)
        if blank[year_at]:
            return Problem("a date without a year", "at least a year", "Correct the cell.")
    year = int(parts[year_at])
    if len(parts[year_at]) <= 2:
        if rules.century is None:
            return Doubt(
                "century",
                "Years are written with two digits. Which hundred do they belong to?",
                (("1300", "1300s"), ("1400", "1400s"), ("1900", "1900s"), ("2000", "2000s")),
            )
        year += rules.century
    calendar = _settle_calendar(year, rules)
    if isinstance(calendar, Doubt | Problem):
        return calendar
    rest = [(None if blank[i] else int(part)) for i, part in enumerate(parts) if i != year_at]
    month: int | None = None
    day: int | None = None
    if len(rest) == 1:
        month = rest[0]
    elif len(rest) == 2:
        first, second = rest
        if year_at == 0:
            month, day = first, second
        else:
            order = rules.order
            swapped = order == "month-day-year"
            if order in (None, "year-month-day"):
                # Without a word from the office, only a number over twelve tells.
                if first is None or second is None or first == second or second > 12:
                    swapped = second is not None and second > 12 and first is not None
                elif first <= 12:
                    return _ask_order(parts)
            day, month = (second, first) if swapped else (first, second)
        if month is None and day is not None:
            return Problem(
                "a day without a month", "the month too, or only the year", "Correct the cell."
            )
    if month is not None and month > 12:
        return Problem(
            "a month over 12",
            Said("dates written %(a)s", a=rules.order)
            if rules.order
            else "dates written with a month from 1 to 12",
            "Correct the cell, or declare the right date order in the profile.",
        )
    return make_date(
        calendar, year, month, day, rules, approximate=approximate, written=written
    )


ORDERS_SAID: dict[str, str] = {
    "day-month-year": form("day, month, year"), "month-day-year": form("month, day, year"),
    "year-month-day": form("year, month, day"),
}  # fmt: skip


def _ask_order(parts: Sequence[str]) -> Doubt:
    return Doubt(
        "date_order",
        "Some dates in this column read differently with the day first and with the month "
        "first. In which order are they written?",
        tuple(ORDERS_SAID.items()),
    )


def _settle_calendar(year: int, rules: DateRules) -> Calendar | Doubt | Problem:
    if rules.calendar is not None:
        return rules.calendar
    fits: list[Calendar] = [c for c in CALENDARS if YEARS[c][0] <= year <= YEARS[c][1]]
    if not fits:
        return Problem(
            "a year that exists on none of the four calendars",
            "a year such as 1979, 1357, 1399 or 2535",
            "Correct the cell.",
        )
    if fits == ["gregorian"]:
        # No other calendar known here has reached these years: this is proof, not a guess.
        return "gregorian"
    return Doubt(
        "calendar",
        "On which calendar are the dates of this column written?",
        tuple((c, _label(c)) for c in fits),
    )


def _compact(text: str, rules: DateRules, written: str) -> PartialDate | Problem | Doubt:
    calendar = _settle_calendar(int(text[:4]), rules)
    if isinstance(calendar, Doubt):
        return calendar
    if isinstance(calendar, Problem) or not (
        YEARS[calendar][0] <= int(text[:4]) <= YEARS[calendar][1]
        and int(text[4:6]) <= 12
        and int(text[6:]) <= 31
    ):
        return Problem(
            "eight digits that are not year, month and day",
            "a date such as 1357/11/22",
            "Write the date with separators.",
        )
    month, day = int(text[4:6]) or None, int(text[6:]) or None
    return make_date(calendar, int(text[:4]), month, day, rules, written=written)


def _year_span(
    first: int, last: int, rules: DateRules, written: str
) -> PartialDate | Problem | Doubt:
    calendar = _settle_calendar(first, rules)
    if isinstance(calendar, Doubt | Problem):
        return calendar
    begin = make_date(calendar, first, None, None, rules)
    end = make_date(calendar, last, None, None, rules)
    if isinstance(begin, Problem):
        return begin
    if isinstance(end, Problem):
        return end
    if last < first or last - first > 20:
        return Problem(
            "a span of years that runs backwards or over 20 years",
            "two years, the earlier first",
            "Correct the cell.",
        )
    return PartialDate(
        begin.earliest, end.latest, "interval", calendar, written=written, approximate=False
    )


def _with_month_name(
    text: str, rules: DateRules, approximate: bool, written: str
) -> PartialDate | Problem | Doubt | None:
    """ "22 بهمن 1357", "March 1978": the name settles the month and often the calendar."""
    words = WORDS.search(text)
    if words is None:
        return None
    known = None
    name = fold(words.group()).rstrip(".")
    name = re.sub(r"\s+(?:ماه|سنه|سال|of|de|ا)$", "", name)
    known = MONTH_OF.get(name) or MONTH_OF.get(name.removesuffix("ماه").strip())
    if known is None:
        return None
    numbers = re.findall(r"\d+", text[: words.start()] + " " + text[words.end() :])
    years = [n for n in numbers if len(n) == 4]
    days = [n for n in numbers if len(n) <= 2]
    if len(years) != 1 or len(days) > 1 or len(numbers) != len(years) + len(days):
        return Problem(
            "a month name without one four-digit year",
            "a date such as 22 Bahman 1357 or March 1978",
            "Correct the cell.",
        )
    year = int(years[0])
    declared = rules.calendar
    candidates = {calendar for calendar, _ in known}
    if declared == "imperial" and "solar_hijri" in candidates:
        calendar: Calendar = "imperial"
        month = next(m for c, m in known if c == "solar_hijri")
    elif declared is not None:
        if declared not in candidates:
            return Problem(
                Said(
                    "a month of another calendar in a column declared %(a)s", a=_label(declared)
                ),
                Said("months of the %(a)s calendar", a=_label(declared)),
                "Correct the cell, or declare the right calendar in the profile.",
            )
        calendar, month = next((declared, m) for c, m in known if c == declared)
    else:
        fitting = [(c, m) for c, m in known if YEARS[c][0] <= year <= YEARS[c][1]]
        if not fitting and "solar_hijri" in candidates and 2480 <= year <= 2560:
            fitting = [("imperial", m) for c, m in known if c == "solar_hijri"]
        if not fitting:
            return Problem(
                "a month and a year of different calendars", "both of one", "Correct the cell."
            )
        calendar, month = fitting[0]  # type: ignore[assignment]
    day = int(days[0]) if days else None
    return make_date(
        calendar, year, month, day or None, rules, approximate=approximate, written=written
    )


def from_age(years: int, on: dt.date, written: str = "") -> PartialDate:
    """The birth interval of someone who was `years` old on a date.

    source  born after (on - (years + 1) years) and on or before (on - years)
    """
    return PartialDate(
        _shift(on, -(years + 1)) + dt.timedelta(days=1),
        _shift(on, -years),
        "interval",
        approximate=True,
        written=written,
    )
