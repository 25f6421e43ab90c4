"""Cells become values: calendars, partial dates, words in several languages, documents."""

from __future__ import annotations

import datetime as dt

import jdatetime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.intake.dates import (
    DateRules,
    Doubt,
    PartialDate,
    Problem,
    from_age,
    parse_date,
    to_gregorian,
)
from onward.intake.values import (
    DocumentNumber,
    Options,
    country_of,
    language_of,
    parse_document,
    parse_value,
)

SOLAR = DateRules(calendar="solar_hijri")
GREGORIAN = DateRules(calendar="gregorian")


def edtf(cell, rules=SOLAR):
    made = parse_date(cell, rules)
    assert isinstance(made, PartialDate), made
    return made.edtf


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1357-01-01", "1978-03-21"),
        ("1357-11-22", "1979-02-11"),
        ("1387-10-11", "2008-12-31"),
        ("1399-12-30", "2021-03-20"),
        ("1403-12-30", "2025-03-20"),
        ("۱۳۵۷/۱۱/۲۲", "1979-02-11"),
        ("٢٢/١١/١٣٥٧", "1979-02-11"),
        ("22 بهمن 1357", "1979-02-11"),
        ("۲۲ دلو ۱۳۵۷", "1979-02-11"),
        ("13571122", "1979-02-11"),
    ],
)
def test_solar_hijri_days_are_the_known_gregorian_days(written, day):
    assert edtf(written) == day


def test_a_year_or_month_of_another_calendar_keeps_the_interval_it_spans():
    assert edtf("1357") == "[1978-03-21..1979-03-20]"
    assert edtf("1357/11") == "[1979-01-21..1979-02-19]"
    assert edtf("2536", DateRules(calendar="imperial")) == "[1977-03-21..1978-03-20]"
    assert edtf("1398/9/1", DateRules(calendar="lunar_hijri")) == "[1978-08-04..1978-08-06]"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1978", "1978"),
        (1978, "1978"),
        ("1978-03", "1978-03"),
        ("03/1978", "1978-03"),
        ("00/00/1978", "1978"),
        ("??/??/1978", "1978"),
        ("1978-XX-XX", "1978"),
        ("March 1978", "1978-03"),
        ("١٥ آذار ١٩٧٨", "1978-03-15"),
        ("15 mars 1978", "1978-03-15"),
        ("~1978", "1978~"),
        ("about 1978", "1978~"),
        ("1978/1980", "[1978-01-01..1980-12-31]"),
        ("2024-05-01T10:00:00.000+03:00", "2024-05-01"),
    ],
)
def test_partial_and_estimated_gregorian_dates_keep_what_is_known(written, expected):
    assert edtf(written, GREGORIAN) == expected


def test_a_first_of_january_birth_is_a_year_and_no_day():
    rules = DateRules(calendar="gregorian", conventional=((1, 1),))
    made = parse_date("1990-01-01", rules)
    assert made.edtf == "1990"
    assert made.conventional
    assert parse_date("1990-01-02", rules).edtf == "1990-01-02"


def test_no_calendar_is_guessed():
    doubt = parse_date("1399/02/03", DateRules())
    assert isinstance(doubt, Doubt)
    assert [value for value, _ in doubt.options] == ["solar_hijri", "lunar_hijri"]
    # No other calendar has reached these years, so nothing is guessed here.
    assert parse_date("1985-02-13", DateRules()).calendar == "gregorian"


def test_dates_that_day_first_and_month_first_both_accept_are_asked_about():
    assert parse_date("03/04/1985", GREGORIAN).about == "date_order"
    assert edtf("13/04/1985", GREGORIAN) == "1985-04-13"
    assert edtf("04/13/1985", GREGORIAN) == "1985-04-13"
    day_first = DateRules(calendar="gregorian", order="day-month-year")
    month_first = DateRules(calendar="gregorian", order="month-day-year")
    assert edtf("03/04/1985", day_first) == "1985-04-03"
    assert edtf("03/04/1985", month_first) == "1985-03-04"
    assert isinstance(parse_date("04/13/1985", day_first), Problem)


def test_two_digit_years_and_true_dates_in_a_solar_column_are_asked_about():
    rules = DateRules(calendar="solar_hijri", order="year-month-day")
    assert parse_date("57/11/22", rules).about == "century"
    assert parse_date(dt.date(1979, 2, 11), rules).about == "date_cells"


@pytest.mark.parametrize(
    "cell",
    [
        "1357/13/01",
        "1400/12/30",
        "1985-02-13",
        28570,
        1357.1,
        "soon",
        True,
        "22 / 1357 / 11",
        "//",
    ],
)
def test_what_is_no_date_on_the_declared_calendar_is_a_problem_without_the_cell_in_it(cell):
    made = parse_date(cell, SOLAR)
    assert isinstance(made, Problem)
    assert str(cell) not in made.found


def test_a_birth_in_the_future_is_a_problem():
    rules = DateRules(calendar="gregorian", latest=dt.date(2026, 1, 31))
    assert isinstance(parse_date("2026-02-01", rules), Problem)
    assert isinstance(parse_date("2026", rules), PartialDate)


@given(st.dates(dt.date(1922, 3, 22), dt.date(2100, 1, 1)))
def test_every_solar_day_agrees_with_an_independent_conversion_and_back(day):
    solar = jdatetime.date.fromgregorian(date=day)
    made = parse_date(f"{solar.year}/{solar.month}/{solar.day}", SOLAR)
    assert made.earliest == made.latest == day


@given(st.integers(1320, 1342), st.integers(1, 12), st.integers(1, 29))
def test_lunar_days_before_the_tables_run_on_without_a_gap(year, month, day):
    first = to_gregorian("lunar_hijri", year, month, day)
    assert (to_gregorian("lunar_hijri", year, month, 1) - first).days == 1 - day
    following = to_gregorian("lunar_hijri", year + month // 12, month % 12 + 1, 1)
    start = to_gregorian("lunar_hijri", year, month, 1)
    assert 27 <= (following - start).days <= 31


@given(st.integers(0, 110), st.dates(dt.date(1990, 1, 1), dt.date(2030, 12, 31)))
def test_an_age_gives_exactly_the_births_that_have_that_age(years, on):
    def age(born):
        return on.year - born.year - ((on.month, on.day) < (born.month, born.day))

    span = from_age(years, on)
    one = dt.timedelta(days=1)
    assert age(span.earliest) == years == age(span.latest)
    assert age(span.latest + one) == years - 1
    assert age(span.earliest - one) in (years, years + 1)


@given(st.text(max_size=30))
def test_no_text_breaks_the_date_reader(text):
    made = parse_date(text, DateRules())
    assert made is None or isinstance(made, PartialDate | Problem | Doubt)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("IRN", "Iran|IRAN|IRN|ir|إيران|ايران|ایران|Islamic Republic of Iran|ایرانی|Îran"),
        ("IRQ", "Iraq|Irak|العراق|عراق|عێراق|Iraqi"),
        ("USA", "US|U.S.A.|United States|États-Unis|الولايات المتحدة|آمریکا"),
        ("ALB", "Albania|Albanie|ألبانيا|آلبانی"),
        ("TUR", "Turkey|Türkiye|Turquie|تركيا|ترکیه"),
        ("CIV", "Côte d'Ivoire|Ivory Coast|ساحل العاج"),
        ("GBR", "UK|United Kingdom|Royaume-Uni|بریتانیا|انگلستان"),
        ("NAM", "NA|Namibia"),
        ("BIH", "Bosnia and Herzegovina|Bosnia & Herzegovina"),
    ],
)
def test_countries_are_known_by_name_in_several_languages(code, names):
    assert {country_of(name) for name in names.split("|")} == {code}


def test_a_name_two_countries_share_is_not_guessed():
    assert country_of("Korea") is None
    assert isinstance(parse_value("country", "Atlantis"), Problem)


@pytest.mark.parametrize(
    ("tag", "names"),
    [
        ("fa", "Farsi|Persian|فارسی|persan|fas"),
        ("ckb", "Sorani|سورانی|Central Kurdish"),
        ("kmr", "Kurmanji|Kurmancî|کرمانجی"),
        ("ku", "Kurdish|کردی|kurde"),
        ("ar", "Arabic|عربي|العربية|عربی"),
        ("prs", "Dari|دری"),
    ],
)
def test_languages_are_known_by_name(tag, names):
    assert {language_of(name) for name in names.split("|")} == {tag}


def test_codes_come_from_the_offices_words_the_labels_and_common_words():
    sex = Options(allowed=("female", "male", "unknown"))
    assert [parse_value("code", word, sex) for word in ("F", "زن", "أنثى", "Femme", "ژن")] == [
        "female"
    ] * 5
    assert parse_value("code", "unknown", sex) == "unknown"
    assert isinstance(parse_value("code", 1, sex), Problem)
    mapped = Options(allowed=("female", "male"), values={"1": "male", "2": "female"})
    assert parse_value("code", 2, mapped) == "female"


def test_several_codes_in_one_cell_are_a_set():
    needs = Options(allowed=("CR", "SC", "WR"), values={"کودک در خطر": "CR"})
    assert parse_value("codes", "WR; CR", needs) == ("CR", "WR")
    assert parse_value("codes", "SC CR", needs) == ("CR", "SC")
    assert parse_value("codes", "کودک در خطر", needs) == ("CR",)
    assert isinstance(parse_value("codes", "WR, XX", needs), Problem)


def test_a_fact_that_needs_one_day_takes_no_year():
    assert parse_value("date", "1985-02-03").edtf == "1985-02-03"
    assert isinstance(parse_value("date", "1985"), Problem)
    lunar = Options(dates=DateRules(calendar="lunar_hijri"))
    assert isinstance(parse_value("date", "1398/9/1", lunar), Problem)


def test_yes_and_no_in_six_languages():
    assert {
        parse_value("boolean", w) for w in ("yes", "oui", "نعم", "بله", "بەڵێ", "erê", 1)
    } == {True}
    assert {
        parse_value("boolean", w) for w in ("No", "non", "لا", "خیر", "نەخێر", "na", 0)
    } == {False}
    assert isinstance(parse_value("boolean", "perhaps"), Problem)


def test_numbers_in_three_scripts_and_no_guess_about_commas():
    assert parse_value("integer", "۱۲٬۳۴۵") == 12345
    assert parse_value("number", "٣٫٥") == 3.5
    assert isinstance(parse_value("number", "1,5"), Problem)
    assert parse_value("number", "1,5", Options(decimal=",")) == 1.5
    assert isinstance(parse_value("integer", "1.5"), Problem)


@pytest.mark.parametrize("word", ["", "-", "n/a", "نامشخص", "غير معروف", "inconnu"])
def test_words_that_say_nothing_give_nothing(word):
    assert parse_value("text", word) is None


def test_document_numbers_are_text_or_nothing():
    assert parse_document("A ۱۲-۳۴") == DocumentNumber("A ۱۲-۳۴", "A1234")
    for mangled in (1234567, 1.2345e19, "1.2345E+19", dt.date(2020, 1, 1)):
        assert isinstance(parse_document(mangled), Problem)
