"""Suggests which column is what, from headers in four languages and from what the cells hold.

Why: nobody should write a profile from an empty page. In: a header, some rows, the declared
facts. Out: suggestions with their reasons, and a profile as text for a person to read, correct
and save. A suggestion decides nothing: what is unsure is written down as a question.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onward.intake.dates import CALENDARS, DateRules, Doubt, PartialDate, Problem, parse_date
from onward.intake.fold import clean, fold
from onward.intake.profile import ROLE_WORDS, FactLike
from onward.intake.read import Cell, Reading
from onward.intake.values import (
    FOLDED_SYNONYMS,
    Options,
    country_of,
    is_missing,
    language_of,
    parse_value,
)
from onward.said import Said, form

# Target -> words a header may use for it: English, French, Arabic, Persian, Kurdish.
HEADERS: dict[str, str] = {
    "person": "individual id|person id|individual number|reg no|registration number|case member id|"
    "person no|office no|office number|id no|no|no.|number|id|numéro|n°|no d'ordre|numéro individuel|matricule|رقم|الرقم|"
    "رقم الفرد|شماره|ردیف پرونده|شماره فردی|کد فردی|شماره پرونده فرد|ژمارە|record id|unique id",
    "household": "household|household id|household no|family no|family number|group|group id|"
    "registration group|processing group number|case number|case no|case id|ménage|numéro de ménage|"
    "famille|no famille|dossier|رقم الأسرة|الأسرة|العائلة|رقم العائلة|خانوار|شماره خانوار|خانواده|"
    "شماره خانواده|شماره پرونده|پرونده|خێزان|ژمارەی خێزان",
    "role": "relation|relationship|relationship to pa|relationship to head|relation to head|role|"
    "lien|lien de parenté|lien avec le chef|صلة القرابة|القرابة|صلة|نسبت|نسبت با سرپرست|خویشاوندی|"
    "پەیوەندی",
    "name.full": "name|full name|nom complet|nom et prénom|noms et prénoms|الاسم|الاسم الكامل|"
    "الاسم الثلاثي|الاسم الرباعي|نام و نام خانوادگی|نام کامل|ناو|ناوی تەواو|name (latin)|"
    "name in english|name in passport|passport name|latin name",
    "name.given": "first name|given name|forename|prénom|الاسم الأول|نام|نام کوچک|ناوی یەکەم",
    "name.family": "last name|surname|family name|nom|nom de famille|اللقب|اسم العائلة|"
    "نام خانوادگی|نام فامیل|فامیلی|شهرت|نازناو",
    "name.father": "father|father name|father's name|fathers name|middle name|nom du père|père|"
    "اسم الأب|الأب|نام پدر|پدر|ناوی باوک",
    "name.grandfather": "grandfather|grandfather name|grandfather's name|grand-père|اسم الجد|الجد|"
    "نام پدربزرگ|نام جد|ناوی باپیر",
    "name.mother": "mother|mother name|mother's name|nom de la mère|mère|اسم الأم|الأم|نام مادر|"
    "مادر|ناوی دایک",
    "name.nom_de_guerre": "alias|nickname|nom de guerre|organisation name|surnom|الكنية|"
    "الاسم الحركي|نام مستعار|نام سازمانی",
    "document.passport": "passport|passport no|passport number|passeport|numéro de passeport|"
    "جواز السفر|رقم الجواز|گذرنامه|شماره گذرنامه|پاسپورت|پاسپۆرت",
    "document.national_id": "national id|national id no|id card|id number|carte d'identité|"
    "numéro d'identité|رقم الهوية|الرقم الوطني|البطاقة الوطنية|کد ملی|شماره ملی|کارت ملی|"
    "شماره شناسنامه|شناسنامه|ناسنامە",
    "contact.phone": "phone|telephone|mobile|phone number|téléphone|tél|الهاتف|رقم الهاتف|الجوال|"
    "تلفن|شماره تلفن|موبایل|تلفن همراه|تەلەفۆن",
    "contact.email": "email|e-mail|courriel|البريد الإلكتروني|ایمیل|پست الکترونیک",
    "contact.address": "address|adresse|العنوان|آدرس|نشانی|ناونیشان",
    "note": "remarks|remark|notes|note|comments|comment|remarques|observations|ملاحظات|توضیحات|"
    "ملاحظه|ملاحظات کلی|تێبینی",
    "site": "site|camp|location|facility|centre|center|emplacement|المخيم|الموقع|اردوگاه|کمپ|محل|"
    "کەمپ",
    "event.date": "date|event date|date of event|date d'événement|التاريخ|تاریخ|بەروار",
    "ignore": "#|row|line|s/n|sn|seq|ردیف|م|ت|ligne",
}
# The same for facts that rulebooks often have, by parts of the fact's name.
FACT_HEADERS: dict[str, str] = {
    "birth": "date of birth|birth date|birthdate|dob|born|year of birth|birth year|"
    "date de naissance|né le|année de naissance|تاريخ الميلاد|تاريخ الولادة|سنة الميلاد|"
    "المواليد|تاریخ تولد|سال تولد|متولد|ڕێکەوتی لەدایکبوون|لەدایکبوون",
    "sex": "sex|gender|sexe|genre|الجنس|جنس|جنسیت|ڕەگەز|m/f",
    "nationality": "nationality|citizenship|nationalité|الجنسية|تابعیت|ملیت|ڕەگەزنامە",
    "country_of_origin": "country of origin|coo|origin|pays d'origine|بلد الأصل|بلد المنشأ|"
    "کشور مبدأ|کشور محل تولد|وڵاتی ئەسڵ",
    "language": "language|preferred language|mother tongue|langue|langue maternelle|اللغة|"
    "اللغة الأم|زبان|زبان مادری|زمان",
    "arriv": "arrival date|date of arrival|arrived|arrived on|date d'arrivée|تاريخ الوصول|"
    "تاریخ ورود|تاریخ رسیدن|ڕێکەوتی گەیشتن",
    "need": "specific needs|specific need|needs|vulnerabilities|vulnerability|besoins spécifiques|"
    "الاحتياجات الخاصة|نیازهای ویژه|نیاز ویژه",
    "marital": "marital status|état civil|الحالة الاجتماعية|الحالة الزوجية|وضعیت تأهل|تأهل",
    "ethnic": "ethnicity|ethnie|القومية|العرق|قومیت|نەتەوە",
    "religion": "religion|الديانة|الدين|دین|مذهب|ئایین",
    "birthplace": "place of birth|birthplace|lieu de naissance|مكان الولادة|محل الولادة|محل تولد",
}


@dataclass(frozen=True)
class ColumnSuggestion:
    """What a column may be.

    header  as in the list
    to      a target of profiles, or None when nothing fits
    sure    0 to 1; by header and by what the cells hold
    why     in plain words
    extra   further lines for the profile, such as the calendar; "?" marks what a person must say
    """

    header: str
    to: str | None
    sure: float
    why: str
    extra: Mapping[str, Any]


def suggest_columns(
    header: Sequence[str], rows: Sequence[tuple[Cell, ...]], facts: Mapping[str, FactLike]
) -> tuple[ColumnSuggestion, ...]:
    """One suggestion for every column; no target is suggested twice unless it may be repeated.

    header  the columns' names
    rows    some rows below it (a few hundred are enough)
    facts   name -> declared fact
    """
    words = _words(facts)
    made = []
    for at, name in enumerate(header):
        cells = [row[at] for row in rows if at < len(row) and not is_missing(row[at])]
        made.append(_one(name, cells, words, facts))
    return tuple(_without_doubles(made))


def _words(facts: Mapping[str, FactLike]) -> dict[str, tuple[str, str]]:
    """Folded header -> (target, whose word it is)."""
    table: dict[str, tuple[str, str]] = {}
    for target, text in HEADERS.items():
        for word in text.split("|"):
            table.setdefault(_plain(word), (target, form("a common header")))
    for part, text in FACT_HEADERS.items():
        names = [name for name in facts if part in name]
        if len(names) > 1:
            names = [name for name in names if name == part or name == f"{part}_date"] or names
        if names:
            for word in text.split("|"):
                table[_plain(word)] = (min(names, key=len), form("a common header"))
    for name, fact in facts.items():
        labels = [name.replace("_", " "), str(getattr(fact, "label", "") or "")]
        labels += [str(v) for v in dict(getattr(fact, "labels", None) or {}).values()
                   if isinstance(v, str)]  # fmt: skip
        for label in labels:
            if label:
                table[_plain(label)] = (name, form("the rulebook's own word"))
    return table


def _plain(text: str) -> str:
    text = re.sub(r"[_/\\.:*()\[\]#?؟-]+", " ", fold(text))
    return " ".join(text.split()) or fold(text)


def _one(
    name: str,
    cells: list[Cell],
    words: Mapping[str, tuple[str, str]],
    facts: Mapping[str, FactLike],
) -> ColumnSuggestion:
    plain = _plain(name)
    found = words.get(plain)
    sure = 0.9
    if found is None:
        # "Date of birth (dd/mm/yyyy)", "members/sex": a known header inside a longer one.
        inside = [
            (len(word), target, whose)
            for word, (target, whose) in words.items()
            if len(word) > 2 and re.search(rf"(?:^|\s){re.escape(word)}(?:\s|$)", plain)
        ]
        if inside:
            _, target, whose = max(inside)
            found, sure = (target, whose), 0.6
    if found is None:
        return _by_cells(name, cells, facts)
    target, whose = found
    extra: dict[str, Any] = {}
    if target in facts:
        sure, extra = _fitting(facts[target], cells, sure)
    elif target == "event.date":
        _, extra = _date_lines(cells)
    return ColumnSuggestion(name, target, round(sure, 2), whose, extra)


def _fitting(fact: FactLike, cells: list[Cell], sure: float) -> tuple[float, dict[str, Any]]:
    """How well the cells fit a fact, and what the profile must say about them."""
    if not cells:
        return sure * 0.8, {}
    if fact.type in ("date", "partial_date"):
        share, extra = _date_lines(cells)
        return sure * (0.4 + 0.6 * share), extra
    options = Options(allowed=tuple(fact.allowed or ()))
    unread = [
        c
        for c in set(map(str, cells))
        if isinstance(parse_value(fact.type, c, options), Problem)
    ]
    share = 1 - sum(str(c) in unread for c in cells) / len(cells)
    lines: dict[str, Any] = {}
    if unread and fact.type in ("code", "codes") and len(unread) <= 12:
        lines["values"] = dict.fromkeys(sorted(unread), "?")
        share = max(share, 0.5)
    return sure * (0.4 + 0.6 * share), lines


def _date_lines(cells: list[Cell]) -> tuple[float, dict[str, Any]]:
    """The share of cells that are dates on the calendar that fits best, and what must be said."""
    texts = [c for c in cells if not isinstance(c, dt.date)][:400]
    if not texts:
        return 1.0, {}
    extra: dict[str, Any] = {}
    best, share = None, 0.0
    for calendar in CALENDARS:
        rules = DateRules(calendar=calendar, order="day-month-year", date_cells="gregorian")
        good = sum(isinstance(parse_date(c, rules), PartialDate) for c in texts) / len(texts)
        if good > share + 0.02:
            best, share = calendar, good
    doubts = {d.about for c in texts if isinstance(d := parse_date(c, DateRules()), Doubt)}
    if "calendar" in doubts and best is not None:
        extra["calendar"] = f"{best}?"
    if "date_order" in doubts:
        extra["date_order"] = "?"
    if "century" in doubts:
        extra["century"] = "?"
    return share, extra


NOTHING = form("neither the header nor the cells tell")


def _by_cells(name: str, cells: list[Cell], facts: Mapping[str, FactLike]) -> ColumnSuggestion:
    """What the cells alone suggest, where the header says nothing."""
    texts = [c for c in cells if isinstance(c, str)][:200]
    if len(texts) < 3:
        return ColumnSuggestion(name, None, 0.0, NOTHING, {})

    def share(test: Any) -> float:
        return sum(1 for text in texts if test(text)) / len(texts)

    sexes = FOLDED_SYNONYMS["female"] | FOLDED_SYNONYMS["male"]
    roles = {fold(word) for many in ROLE_WORDS.values() for word in many}
    tests = (
        ("sex", lambda t: fold(t) in sexes, form("the cells are words for women and men")),
        ("nationality", lambda t: country_of(t) is not None, form("the cells are countries")),
        ("language", lambda t: language_of(t) is not None, form("the cells are languages")),
        ("role", lambda t: fold(t) in roles, form("the cells are relations in a family")),
    )
    for target, test, why in tests:
        known = next((n for n in facts if target in n), None) if target != "role" else "role"
        if known and share(test) > 0.9:
            return ColumnSuggestion(name, known, 0.6, why, {})
    return ColumnSuggestion(name, None, 0.0, NOTHING, {})


REPEATABLE = ("name.", "document.", "contact.", "note", "ignore")


def _without_doubles(made: list[ColumnSuggestion]) -> list[ColumnSuggestion]:
    """A target that may stand once goes to the surest column; the others are left open."""
    best: dict[str, float] = {}
    for suggestion in made:
        if suggestion.to and not suggestion.to.startswith(REPEATABLE):
            best[suggestion.to] = max(best.get(suggestion.to, 0), suggestion.sure)
    taken: set[str] = set()
    out = []
    for suggestion in made:
        to = suggestion.to
        if to and to in best:
            if suggestion.sure < best[to] or to in taken:
                suggestion = ColumnSuggestion(
                    suggestion.header,
                    None,
                    0.0,
                    Said("another column is more likely %(a)s", a=to),
                    {},
                )
            else:
                taken.add(to)
        out.append(suggestion)
    return out


def draft_profile(
    reading: Reading,
    facts: Mapping[str, FactLike],
    *,
    name: str,
    sheet: str | None = None,
    header_row: int = 1,
) -> str:
    """A mapping profile as text, for a person to read, complete and save.

    reading     from `read`
    facts       name -> declared fact
    name        of the profile
    sheet       which sheet; None: the only one
    header_row  the row with the column names
    returns     YAML. Lines marked "?" must be answered before the profile loads; columns
                nobody recognised lead to `ignore?` so that none is dropped unseen
    """
    sheet = sheet if sheet is not None else next(iter(reading.sheets))
    rows = reading.sheets[sheet].rows
    header = ["" if c is None else clean(str(c)) for c in rows[header_row - 1]]
    suggestions = suggest_columns(header, rows[header_row : header_row + 500], facts)
    lines = [
        f"profile: {name}",
        f"about: drafted from the headers of {json.dumps(reading.file, ensure_ascii=False)}; "
        "read every line, answer every ?, then save",
        "rows: people",
    ]
    if reading.encoding and reading.kind == "text":
        delimiter = json.dumps(reading.delimiter or ",", ensure_ascii=False)
        lines.append(f"file: {{encoding: {reading.encoding}, delimiter: {delimiter}}}")
    if sheet:
        lines.append(f"sheet: {json.dumps(sheet, ensure_ascii=False)}")
    if header_row != 1:
        lines.append(f"header_row: {header_row}")
    lines.append("columns:")
    for suggestion in suggestions:
        if not suggestion.header:
            continue
        key = json.dumps(suggestion.header, ensure_ascii=False)
        to = suggestion.to or "ignore?"
        extra = "".join(
            f", {k}: {json.dumps(v, ensure_ascii=False)}" for k, v in suggestion.extra.items()
        )
        target = f"{{to: {to}{extra}}}" if extra else json.dumps(to) if "?" in to else to
        lines.append(
            f"  {key}: {target}  # {100 * suggestion.sure:.0f}% sure: {suggestion.why}"
        )
    return "\n".join(lines) + "\n"
