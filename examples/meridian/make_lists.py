"""Writes the lists of the Meridian office as such an office really has them.

Run `python examples/meridian/make_lists.py` to make `lists/` and `logs/` again; the same seed
gives the same files. Spreadsheets with title rows and a hidden sheet, Persian digits and Solar
Hijri dates in one, day-first dates in another, a semicolon file, year-only births, the same
person on two lists under two spellings. Every person is invented.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
import sys
from pathlib import Path
from typing import Any

import jdatetime
import xlsxwriter

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from declared import Declared
from history import (
    END,
    HOST,
    INFORMATION_CHANGED,
    NEW_FROM,
    ORIGIN,
    START,
    Casework,
    Logs,
    THIRD,
    WAIVER_TEXT,
)
from people import Resident, TITLES, households, of_one_family

SEED = 20261031
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
SEX = {"male": "مرد", "female": "زن"}
ROLE = {
    "head": "سرپرست", "spouse": "همسر", "child": "فرزند", "parent": "پدر/مادر",
    "sibling": "خواهر/برادر",
}  # fmt: skip
LANGUAGE = {"fa": "فارسی", "ar": "عربی", "ckb": "کردی سورانی"}
MARK = "DEMONSTRATION - invented people"
Row = dict[str, Any]


def solar(day: dt.date, precision: str = "day") -> str:
    """A Solar Hijri date as written on the camp's cards, in Persian digits."""
    value = jdatetime.date.fromgregorian(date=day)
    text = {
        "year": f"{value.year}",
        "month": f"{value.year}/{value.month:02d}",
        "day": f"{value.year}/{value.month:02d}/{value.day:02d}",
    }[precision]
    return text.translate(PERSIAN)


def gregorian(day: dt.date, precision: str = "day") -> str:
    """Day first with full stops; a year-only birth is written as 1 January, as offices do."""
    if precision == "year":
        return f"01.01.{day.year}"
    if precision == "month":
        return f"{day.month:02d}.{day.year}"
    return f"{day.day:02d}.{day.month:02d}.{day.year}"


def register_sheet(people: list[Resident], path: Path) -> None:
    """The main camp's register: Persian headers on row 3, a hidden sheet, a hidden column."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False})
    book.set_properties({"created": dt.datetime(2026, 10, 31), "title": MARK})
    sheet = book.add_worksheet("ثبت‌نام")
    sheet.right_to_left()
    sheet.write_string(0, 0, MARK)
    sheet.write_string(1, 0, "فهرست ساکنان اردوگاه اصلی - نمونه ساختگی")
    headers = [
        "شماره", "شماره خانوار", "نام", "نام خانوادگی", "نام پدر", "جنس", "تاریخ تولد", "نسبت",
        "زبان", "تاریخ ورود", "تاریخ ثبت", "یادداشت",
    ]  # fmt: skip
    for column, text in enumerate(headers):
        sheet.write_string(2, column, text)
    for row, person in enumerate(people, start=3):
        rng = random.Random(f"{SEED}-{person.number}")
        title = rng.choice(TITLES) if person.sex == "male" else ""
        cells = [
            person.number, person.household, title + person.given, person.family, person.father,
            SEX[person.sex], solar(person.birth, person.birth_precision), ROLE[person.role],
            LANGUAGE[person.language], solar(person.arrived),
            solar(max(START, person.arrived)), "",
        ]  # fmt: skip
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text)
    sheet.set_column(11, 11, None, None, {"hidden": True})
    old = book.add_worksheet("قدیمی")
    old.write_string(0, 0, "old list, do not use")
    old.hide()
    book.close()


def write_csv(path: Path, rows: list[Row], *, delimiter: str = ",", encoding: str = "utf-8",
              columns: list[str] | None = None) -> None:  # fmt: skip
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(
            file, columns, delimiter=delimiter, restval="", lineterminator="\n"
        )
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(row.get(name)) for name in columns})


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if value is True:
        return "yes"
    if value is False:
        return "no"
    return str(value)


def small_facility(people: list[Resident], path: Path) -> None:
    rows = []
    for person in people:
        rng = random.Random(f"{SEED}-{person.number}")
        rows.append(
            {
                "No": person.number, "Family": person.household,
                "Surname": rng.choice(person.family_latin),
                "First name": rng.choice(person.given_latin), "Father": person.father_latin,
                "Sex": "F" if person.sex == "female" else "M",
                "Date of birth": gregorian(person.birth, person.birth_precision),
                "Relation": person.role, "Language": person.language,
                "Arrived": gregorian(person.arrived),
                "Registered": gregorian(max(START, person.arrived)),
            }
        )  # fmt: skip
    write_csv(path, rows, delimiter=";")


def verification_extract(rng: random.Random, people: list[Resident], path: Path) -> None:
    """An extract of another agency's system: part of the same people in Latin spelling, some
    without the camp's number, so that only a person can say who they are."""
    rows = []
    for person in people:
        if rng.random() > 0.16:
            continue
        linked = rng.random() < 0.93
        rows.append(
            {
                "Registration Number": f"REG-{rng.randint(100000, 999999)}",
                "Camp Number": person.number if linked else "",
                "Family Name": rng.choice(person.family_latin).upper(),
                "Given Name": rng.choice(person.given_latin),
                "Father Name": person.father_latin,
                "Sex": person.sex[0].upper(),
                "DOB": person.birth.strftime("%d/%m/%Y"),
                "Extracted": "15/06/2026",
                "Specific Needs": " ".join(person.needs),
            }
        )
    write_csv(path, rows, encoding="utf-8-sig")


def screening(people: list[Resident], path: Path) -> None:
    write_csv(
        path,
        [
            {"person": p.number, "date": max(START, p.arrived), "affiliation": p.affiliation,
             "specific_needs": " ".join(p.needs)}
            for p in people
        ],
    )  # fmt: skip


def operation_records(folder: Path) -> None:
    """Sheets, destinations, sites and the assurance sought: one row a change, by reference."""
    sheets: list[Row] = []
    for pathway in ("return", "protection", "resettlement", "onward", "relocation", "stay"):
        for language in ("fa", "ar", "ckb"):
            ref = f"{pathway}-2-{language}"
            sheets.append({"ref": ref, "date": START, "pathway": pathway, "version": "2",
                           "language": language, "approved": True, "current": True})  # fmt: skip
            if pathway in ("return", "onward"):
                sheets.append({"ref": ref, "date": NEW_FROM, "current": False})
                sheets.append({"ref": f"{pathway}-3-{language}", "date": NEW_FROM,
                               "pathway": pathway, "version": "3", "language": language,
                               "approved": language != "ckb", "current": True})  # fmt: skip
    write_csv(folder / "sheets.csv", sheets)
    write_csv(
        folder / "waiver_texts.csv",
        [{"ref": f"waiver-{WAIVER_TEXT}-{language}", "date": START, "version": WAIVER_TEXT,
          "language": language, "approved": True, "approved_on": START, "current": True}
         for language in ("fa", "ar", "ckb")],
    )  # fmt: skip
    countries = [{"ref": code, "date": START, "information_updated_on": dt.date(2024, 9, 2)}
                 for code in (ORIGIN, HOST, *THIRD)]  # fmt: skip
    countries.append({"ref": ORIGIN, "date": INFORMATION_CHANGED,
                      "information_updated_on": INFORMATION_CHANGED})  # fmt: skip
    write_csv(folder / "destinations.csv", countries)
    write_csv(
        folder / "sites.csv",
        [
            {"ref": "main-camp", "date": START},
            {"ref": "small-facility", "date": START},
            {"ref": "north-site", "date": dt.date(2025, 6, 1), "voluntary": True,
             "safe_distance": True, "liberty_no_worse": False, "monitored": True},
        ],
    )  # fmt: skip
    found = {
        "disclosed": "met", "specific": "not_met", "binding": "met",
        "local_authorities": "uncertain", "lawful_treatment": "met", "treaty_party": "met",
        "relations": "uncertain", "monitoring": "not_met", "domestic_protection": "uncertain",
        "court_examined": "not_met",
    }  # fmt: skip
    write_csv(
        folder / "assurances.csv",
        [{"ref": "HOST-DRAFT", "date": dt.date(2026, 7, 1), "recipient": HOST,
          "covers": "everyone", "covers_onward_transfer": False, **found,
          "conclusion": "cannot_rely", "breached": False}],
    )  # fmt: skip


def logs(made: Logs, folder: Path) -> None:
    write_csv(folder / "case_log.csv", made.steps, columns=["person", "date", "step"])
    write_csv(folder / "answers.csv", made.answers)
    for name in ("consents", "claims", "assessments", "documents", "waivers", "decisions",
                 "releases", "complaints", "incidents", "follow_ups"):  # fmt: skip
        write_csv(folder / f"{name}.csv", getattr(made, name))
    book = xlsxwriter.Workbook(str(folder / "interviews.xlsx"), {"strings_to_formulas": False})
    book.set_properties({"created": dt.datetime(2026, 10, 31), "title": MARK})
    sheet = book.add_worksheet("Interviews")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    columns = list(made.interviews[0])
    sheet.write_string(0, 0, MARK)
    for column, name in enumerate(columns):
        sheet.write_string(1, column, name)
    for row, entry in enumerate(made.interviews, start=2):
        for column, name in enumerate(columns):
            value = entry[name]
            if isinstance(value, dt.date):
                sheet.write_datetime(row, column, dt.datetime.combine(value, dt.time()), day)
            elif value is not None:
                sheet.write_string(row, column, _cell(value))
    book.close()


def main() -> None:
    rng = random.Random(SEED)
    families = households(rng, START)
    made = Casework(rng, families, Declared(HERE / "breaches.yaml")).run()
    for family in families:
        of_one_family(family, START)
    people = [person for family in families for person in family]
    main_camp = [p for p in people if p.group == "main_group"]
    facility = [p for p in people if p.group == "recognised_group"]
    for name in ("lists", "logs"):
        (HERE / name).mkdir(exist_ok=True)
    register_sheet(main_camp, HERE / "lists" / "main_camp_register.xlsx")
    small_facility(facility, HERE / "lists" / "small_facility.csv")
    verification_extract(rng, main_camp, HERE / "lists" / "verification_extract.csv")
    screening(people, HERE / "logs" / "screening.csv")
    operation_records(HERE / "logs")
    made.steps.sort(key=lambda row: (row["date"], row["person"]))
    logs(made, HERE / "logs")
    gone = {row["person"] for row in made.steps
            if row["step"].split(".")[0] in ("T7", "T22") or row["step"] in ("T16.departed", "T17.departed", "T17.left_unassisted")}  # fmt: skip
    print(f"{len(people)} people on the lists, {len(people) - len(gone)} present on {END}")


if __name__ == "__main__":
    main()
