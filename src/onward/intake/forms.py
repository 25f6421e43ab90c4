"""Forms that go out so that what comes back needs no mapping: a spreadsheet and an XLSForm.

Why: the cleanest list is the one asked for in the right shape. In: the declared facts, the
languages, labels. Out: the bytes of an .xlsx template with drop-downs, or of an XLSForm for
Kobo and ODK with a household repeat and a text read aloud; and for each the mapping profile
under which its returns load. Labels nobody has approved are marked as drafts on the form.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import xlsxwriter

from onward.errors import Fault, Faults
from onward.intake.profile import ROLES, FactLike

LANGUAGES = {
    "en": "English",
    "fr": "French",
    "ar": "Arabic",
    "fa": "Persian",
    "ckb": "Kurdish",
}
RIGHT_TO_LEFT = ("ar", "fa", "ckb")
DRAFT = {"en": "draft", "fr": "projet", "ar": "مسودة", "fa": "پیش‌نویس", "ckb": "ڕەشنووس"}
IDENTITY = (
    "name.full",
    "name.other",
    "name.father",
    "document.passport",
    "document.national_id",
)
TEMPLATE_ROWS = 5_000


@dataclass(frozen=True)
class Label:
    """The words of one question or answer in one language. approver "": a draft."""

    key: str
    language: str
    text: str
    version: str = "1"
    translator: str = ""
    approver: str = ""


@dataclass(frozen=True)
class Form:
    """A form and the profile under which what comes back is read."""

    content: bytes
    profile: str
    drafts: tuple[str, ...]


def shipped_labels() -> tuple[Label, ...]:
    """The labels that come with Onward. The English is the original; the others are drafts."""
    source = resources.files("onward.intake").joinpath("data", "labels.csv").read_text("utf-8")
    return tuple(Label(**row) for row in csv.DictReader(source.splitlines()))


LABEL_COLUMNS = ("key", "language", "text", "version", "translator", "approver")
# What is read aloud must be approved by somebody named in every language, the original too.
READ_ALOUD = ("consent",)


def labels_from(text: str, file: str) -> tuple[Label, ...]:
    """An office's own labels from a CSV file with the columns of `LABEL_COLUMNS`.

    raises  Faults with every row that is no label
    """
    reader = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    if tuple(reader.fieldnames or ()) != LABEL_COLUMNS:
        raise Faults([Fault(file, "row 1", "", "other columns", ",".join(LABEL_COLUMNS))])
    faults, made = [], []
    for number, row in enumerate(reader, 2):
        short = None in row or None in row.values()
        if short or not row["key"] or not row["text"] or row["language"] not in LANGUAGES:
            allowed = f"a key, one of {', '.join(LANGUAGES)}, a text"
            faults.append(Fault(file, f"row {number}", "", "not a label", allowed))
        else:
            made.append(Label(**row))
    if faults:
        raise Faults(faults)
    return tuple(made)


def facts_asked(
    facts: Mapping[str, FactLike], labels: Iterable[Label] = (), also: Iterable[str] = ()
) -> dict[str, FactLike]:
    """The facts a form asks: those that have a label of ours or the office's, and those named.

    A rulebook declares much that is found out elsewhere, alone and in private (what a person
    wants, what they fear): a form read out before a household never asks it unasked for.
    """
    named = {label.key for label in (*shipped_labels(), *labels)} | set(also)
    return {name: fact for name, fact in facts.items() if name in named}


class _Words:
    """Finds the words for a key and remembers which were drafts."""

    def __init__(
        self, labels: Iterable[Label], facts: Mapping[str, FactLike], languages: Sequence[str]
    ) -> None:
        self.table: dict[tuple[str, str], Label] = {}
        for label in (*shipped_labels(), *labels):
            self.table[label.key, label.language] = label
        self.facts, self.languages = facts, languages
        self.drafts: set[str] = set()

    def say(self, key: str, language: str) -> str:
        """The words; another language's words, or the bare key, stand in and are drafts too."""
        label = self.table.get((key, language))
        original = language == "en" and key not in READ_ALOUD
        if label is not None and (label.approver or original):
            return label.text
        self.drafts.add(f"{key} ({language})")
        if label is not None:
            return f"{label.text} [{DRAFT[language]}]"
        english = self.table.get((key, "en"))
        fact = self.facts.get(key)
        text = str(getattr(fact, "label", "") or "") if fact is not None else ""
        text = text or (english.text if english else "")
        text = text or key.removeprefix("value.").replace("_", " ").capitalize()
        if language == "en":
            self.drafts.discard(f"{key} (en)")
            return text
        return f"{text} [{DRAFT[language]}]"

    def columns(self, key: str) -> list[str]:
        return [self.say(key, language) for language in self.languages]


def _person_facts(facts: Mapping[str, FactLike], kind: str) -> list[str]:
    # What is sealed (claims, health, fear) is never asked in front of a household.
    return [
        name
        for name, fact in facts.items()
        if fact.kind == kind and getattr(fact, "sensitivity", "") != "sealed"
    ]


def _check(languages: Sequence[str]) -> None:
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages:
        raise ValueError(f"languages must be some of {', '.join(LANGUAGES)}")


# ---------------------------------------------------------------- the spreadsheet


def spreadsheet_template(
    facts: Mapping[str, FactLike],
    *,
    language: str = "en",
    name: str = "template",
    calendar: str = "gregorian",
    labels: Iterable[Label] = (),
) -> Form:
    """An .xlsx template: one row for each person, drop-downs where answers are fixed.

    facts     name -> declared fact; those of people and households become columns
    language  of headers and answers
    name      of the profile
    calendar  on which the office writes dates
    returns   the workbook, the profile it loads under, and which labels are drafts
    """
    _check([language])
    words = _Words(labels, facts, [language])
    targets = ["person", "household", "role", *IDENTITY]
    targets += _person_facts(facts, "person") + _person_facts(facts, "household")
    out = io.BytesIO()
    headers: dict[str, str] = {}
    answers: dict[str, dict[str, str]] = {}
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        page, lists = book.add_worksheet("People"), book.add_worksheet("Answers")
        bold = book.add_format(
            {"bold": True, "text_wrap": True, "bottom": 1, "num_format": "@"}
        )
        text = book.add_format({"num_format": "@"})
        if language in RIGHT_TO_LEFT:
            page.right_to_left()
        for column, target in enumerate(targets):
            header = words.say(target, language)
            while header in headers.values():
                header += " "
            header = (
                header.strip()
                if header.strip() not in headers.values()
                else f"{header.strip()} ({target})"
            )
            headers[target] = header
            page.write_string(0, column, header, bold)
            # Everything is text: a spreadsheet that thinks drops zeros and turns dates round.
            page.set_column(column, column, 22, text)
            fixed = _answers(target, facts)
            if fixed:
                answers[target] = {words.say(f"value.{v}", language): v for v in fixed}
                shown = list(answers[target])
                letter = xlsxwriter.utility.xl_col_to_name(column)
                for line, answer in enumerate((header, *shown)):
                    lists.write_string(line, column, answer)
                kind = facts[target].type if target in facts else "code"
                if kind != "codes":
                    page.data_validation(
                        1, column, TEMPLATE_ROWS, column,
                        {"validate": "list",
                         "source": f"=Answers!${letter}$2:${letter}${len(shown) + 1}",
                         "error_title": header[:31],
                         "error_message": "Choose one of the answers."},
                    )  # fmt: skip
        page.freeze_panes(1, 1)
    lines = [f"profile: {name}", "sheet: People", f"calendar: {calendar}", "columns:"]
    for target in targets:
        key = json.dumps(headers[target], ensure_ascii=False)
        entry: dict[str, Any] = {"to": target}
        if target in answers:
            entry["values"] = answers[target]
        lines.append(f"  {key}: {json.dumps(entry, ensure_ascii=False)}")
    return Form(out.getvalue(), "\n".join(lines) + "\n", tuple(sorted(words.drafts)))


def _answers(target: str, facts: Mapping[str, FactLike]) -> tuple[str, ...]:
    if target == "role":
        return ROLES
    fact = facts.get(target)
    if fact is None:
        return ()
    if fact.type == "boolean":
        return ("yes", "no")
    return tuple(fact.allowed or ()) if fact.type in ("code", "codes") else ()


# ---------------------------------------------------------------- the XLSForm

DATE_PATTERN = r"^[0-9۰-۹٠-٩]{4}([-/][0-9۰-۹٠-٩]{1,2}([-/][0-9۰-۹٠-٩]{1,2})?)?$"
DATE_HINT = {
    "en": "Year, year-month or year-month-day, as much as is known",
    "fr": "Année, année-mois ou année-mois-jour, selon ce qui est connu",
    "ar": "السنة أو السنة-الشهر أو السنة-الشهر-اليوم بقدر ما هو معروف",
    "fa": "سال، سال-ماه یا سال-ماه-روز، هر اندازه که معلوم است",
    "ckb": "ساڵ، ساڵ-مانگ یان ساڵ-مانگ-ڕۆژ، ئەوەندەی زانراوە",
}


def xlsform(
    facts: Mapping[str, FactLike],
    *,
    form_id: str,
    version: str,
    languages: Sequence[str] = tuple(LANGUAGES),
    calendar: str = "gregorian",
    public_key: str | None = None,
    demonstration: bool = False,
    labels: Iterable[Label] = (),
) -> Form:
    """An XLSForm for Kobo and ODK: a household, its members one by one, a text read aloud.

    facts          name -> declared fact; those of people are asked of every member, those of
                   households once
    form_id        letters, digits and underscores
    version        of the form, pinned in its settings
    languages      some of `LANGUAGES`; the first is shown first
    calendar       on which dates are written down
    public_key     RSA public key that encrypts submissions on the phone; required outside a
                   demonstration
    returns        the form, the profile under which its submissions load (JSON export, or the
                   JSON of the Kobo or ODK Central API), and which labels are drafts
    raises         ValueError for a bad id or language, or without a key where one is needed
    """
    _check(languages)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", form_id):
        raise ValueError("form_id must be letters, digits and underscores")
    if public_key is None and not demonstration:
        raise ValueError(
            "a form about people needs a public_key, so that a lost phone gives nothing away"
        )
    words = _Words(labels, facts, languages)
    label_columns = [f"label::{LANGUAGES[tag]} ({tag})" for tag in languages]
    hint_columns = [f"hint::{LANGUAGES[tag]} ({tag})" for tag in languages]
    survey: list[list[str]] = [
        ["type", "name", *label_columns, *hint_columns, "required", "constraint", "appearance",
         "repeat_count"]
    ]  # fmt: skip
    choices: list[list[str]] = [["list_name", "name", *label_columns]]
    lists: set[str] = set()
    columns: dict[str, dict[str, Any]] = {}

    def ask(kind: str, name: str, key: str, hints: Sequence[str] = (), required: str = "",
            constraint: str = "", appearance: str = "") -> None:  # fmt: skip
        blank = [""] * len(languages)
        survey.append(
            [
                kind,
                name,
                *words.columns(key),
                *(hints or blank),
                required,
                constraint,
                appearance,
                "",
            ]
        )

    def choose(list_name: str, values: Iterable[tuple[str, Sequence[str]]]) -> None:
        if list_name not in lists:
            lists.add(list_name)
            choices.extend([[list_name, value, *texts] for value, texts in values])

    def question(target: str, path: str) -> None:
        name = re.sub(r"[^A-Za-z0-9_]", "_", target)
        fact = facts.get(target)
        kind = fact.type if fact is not None else "code" if target == "role" else "text"
        line: dict[str, Any] = {"to": target}
        fixed = _answers(target, facts)
        if kind in ("code", "codes", "boolean") and fixed:
            list_name = "yes_no" if kind == "boolean" else f"{name}_answers"
            choose(list_name, [(value, words.columns(f"value.{value}")) for value in fixed])
            ask(
                ("select_multiple " if kind == "codes" else "select_one ") + list_name,
                name,
                target,
            )
            if kind == "boolean":
                line["values"] = {"yes": "true", "no": "false"}
        elif kind in ("country", "language"):
            choose(kind, _world(kind, languages))
            ask(f"select_one {kind}", name, target, appearance="minimal autocomplete")
        elif kind in ("date", "partial_date"):
            hints = [DATE_HINT[tag] for tag in languages]
            ask("text", name, target, hints, constraint=f"regex(., '{DATE_PATTERN}')")
            line["calendar"] = calendar
        else:
            ask({"integer": "integer", "number": "decimal"}.get(kind, "text"), name, target)
        columns[path + name] = line

    survey.append(["start", "start", *[""] * (2 * len(languages)), "", "", "", ""])
    columns["start"] = {"to": "ignore"}
    # Shown as a note and acknowledged: "OK" means it was read aloud, never that anyone agreed.
    ask("acknowledge", "read_aloud", "consent", required="yes")
    columns["read_aloud"] = {"to": "ignore"}
    ask("text", "household_number", "household", required="yes")
    columns["../household_number"] = {"to": "household"}
    for target in _person_facts(facts, "household"):
        question(target, "../")
    survey.append(["begin_repeat", "members", *words.columns("members"),
                   *[""] * len(languages), "", "", "", ""])  # fmt: skip
    ask("text", "person_number", "person", required="yes")
    columns["members/person_number"] = {"to": "person"}
    for target in ("role", *IDENTITY, *_person_facts(facts, "person")):
        question(target, "members/")
    survey.append(["end_repeat", "members", *[""] * (2 * len(languages)), "", "", "", ""])
    first = LANGUAGES[languages[0]]
    settings = [
        ["form_title", "form_id", "version", "default_language", "public_key"],
        [
            form_id.replace("_", " "),
            form_id,
            version,
            f"{first} ({languages[0]})",
            public_key or "",
        ],
    ]
    content = _sheets({"survey": survey, "choices": choices, "settings": settings})
    return Form(content, _form_profile(form_id, columns), tuple(sorted(words.drafts)))


def _form_profile(form_id: str, columns: Mapping[str, Mapping[str, Any]]) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", form_id.lower()).strip("-")
    lines = [
        f"profile: {name}",
        "sheet: members",
        "parent: {sheet: main, key: _index, column: _parent_index}",
        "other_columns: ignore",
        "absent_columns: empty",
        "columns:",
    ]
    for header, line in columns.items():
        if line["to"] != "ignore":
            lines.append(f"  {json.dumps(header)}: {json.dumps(line, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _world(kind: str, languages: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Countries or languages with their names from CLDR; these names are no drafts of ours."""
    file, key = ("countries.csv", "alpha3") if kind == "country" else ("languages.csv", "tag")
    source = resources.files("onward.intake").joinpath("data", file).read_text("utf-8")
    made = []
    for row in csv.DictReader(source.splitlines()):
        english = row["en"] or row["also"].split("|")[0]
        made.append((row[key], [row[tag] or english for tag in languages]))
    return made


def _sheets(sheets: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        for name, rows in sheets.items():
            page = book.add_worksheet(name)
            for line, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if cell:
                        page.write_string(line, column, cell)
    return out.getvalue()
