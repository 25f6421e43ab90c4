"""One cell becomes one typed value, a problem to mend, or a doubt to settle. Never a guess.

Why: the same answer arrives as "مرد", "M", "male" or a spreadsheet number; what computes later
needs one spelling. In: a type the rulebook knows, a cell, and what the profile says about its
column. Out: the value; None when nothing was said; a `Problem`; or a `Doubt` for the column.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

from onward.errors import one_of
from onward.intake.dates import DateRules, Doubt, PartialDate, Problem, parse_date
from onward.intake.fold import clean, digits, fold
from onward.said import Said

Value = str | int | float | bool | tuple[str, ...] | PartialDate
TYPES = (
    "text", "code", "codes", "date", "partial_date", "number", "integer", "boolean", "country",
    "language",
)  # fmt: skip

# Cells that say nothing. A profile may add words; "NA" is Namibia and is not among them.
MISSING = frozenset(
    fold(word)
    for word in (
        "", "-", "--", "---", ".", "..", "?", "??", "n/a", "#n/a", "n.a.", "null", "none", "nil",
        "not available", "not known", "unknown", "inconnu", "inconnue", "non connu", "sans objet",
        "نامشخص", "نامعلوم", "ندارد", "نمی‌دانم", "غير معروف", "غير محدد", "مجهول", "لا يوجد",
        "نەزانراو", "nenas",
    )
)  # fmt: skip

YES = frozenset(
    fold(word)
    for word in (
        "yes", "y", "true", "1", "oui", "o", "vrai", "نعم", "اجل", "صح", "بله", "بلی", "آری",
        "بەڵێ", "ئەرێ", "erê", "belê", "evet", "هو", "✓", "✔", "☑",
    )
)  # fmt: skip
NO = frozenset(
    fold(word)
    for word in (
        "no", "n", "false", "0", "non", "faux", "لا", "كلا", "خطأ", "نه", "خیر", "نخیر", "نا",
        "نەخێر", "na", "nexêr", "hayır", "نه خیر", "✗", "✘", "☐",
    )
)  # fmt: skip

# Words for codes that nearly every list has. Used only where the rulebook's allowed values hold
# the code; numbers (1, 2) are never taken, because lists disagree on which is which.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "female": (
        "f", "female", "woman", "girl", "femme", "féminin", "fille", "أنثى", "انثی", "امرأة", "بنت",
        "نساء", "زن", "دختر", "مونث", "مؤنث", "خانم", "مێ", "ژن", "کچ", "jin", "mê", "keç", "kadın",
    ),
    "male": (
        "m", "male", "man", "boy", "homme", "masculin", "garçon", "ذكر", "رجل", "ولد", "مرد", "پسر",
        "مذکر", "آقا", "نێر", "پیاو", "کوڕ", "mêr", "nêr", "kur", "erkek", "نارینه",
    ),
    "other": ("other", "autre", "سایر", "دیگر", "أخرى", "اخر", "تر", "x"),
    "unknown": ("unknown", "not known", "inconnu", "نامشخص", "نامعلوم", "غير معروف", "نەزانراو"),
}  # fmt: skip

FOLDED_SYNONYMS = {code: frozenset(map(fold, words)) for code, words in SYNONYMS.items()}
# ISO 3166-1 leaves these alpha-3 codes to their users; demonstrations use them for invented
# countries, so no real one is ever meant.
USER_ASSIGNED = re.compile(r"AA[A-Z]|Q[M-Z][A-Z]|X[A-Z]{2}|ZZ[A-Z]")
NUMBER = re.compile(r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$")
SCIENTIFIC = re.compile(r"^\s*\d(?:[.,٫]\d+)?[eE]\+\d+\s*$")


@dataclass(frozen=True)
class Options:
    """What a profile says about one column.

    values    the office's own words -> the value meant; compared after folding
    missing   further words that say nothing
    dates     calendar, order and the rest, for dates
    decimal   "." or ",": which sign separates decimals
    allowed   allowed values of a code
    labels    the allowed values' labels in any language -> value
    """

    values: Mapping[str, object] = field(default_factory=dict)
    missing: Sequence[str] = ()
    dates: DateRules = field(default_factory=DateRules)
    decimal: str = "."
    allowed: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def folded_values(self) -> Mapping[str, object]:
        """The value map with its words folded."""
        return _folded(tuple((str(k), v) for k, v in self.values.items()))


@lru_cache(maxsize=512)
def _folded(pairs: tuple[tuple[str, object], ...]) -> Mapping[str, object]:
    return {fold(word): value for word, value in pairs}


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    return _word_table("countries.csv", "alpha3", ("alpha3", "alpha2"))


@lru_cache(maxsize=1)
def _languages() -> dict[str, str]:
    return _word_table("languages.csv", "tag", ("tag",))


def _plain_words(text: str) -> str:
    """Folded, without punctuation, "and" written one way: for names of countries."""
    text = fold(text).replace("&", " and ").replace(".", "").replace("'", "")
    text = re.sub(r"[(),\-/]", " ", text)
    return " ".join(text.split())


def _word_table(file: str, key: str, codes: Sequence[str]) -> dict[str, str]:
    """Every spelling of every entry, folded -> its code. A spelling two entries share is out."""
    table: dict[str, str] = {}
    shared: set[str] = set()
    exact: dict[str, str] = {}
    source = resources.files("onward.intake").joinpath("data", file)
    for row in csv.DictReader(source.read_text("utf-8").splitlines()):
        for code in codes:
            exact.setdefault(_plain_words(row[code]), row[key])
        for code in (row.get("codes") or "").split("|"):
            if code:
                exact.setdefault(_plain_words(code), row[key])
        names = [row[tag] for tag in ("en", "fr", "ar", "fa", "ckb", "ku", "tr", "ps")]
        for name in [*names, *(row["also"].split("|") if row["also"] else [])]:
            folded = _plain_words(name)
            if folded and table.setdefault(folded, row[key]) != row[key]:
                shared.add(folded)
    for folded in shared:
        del table[folded]
    return table | exact


def country_of(text: str) -> str | None:
    """ISO 3166-1 alpha-3 of a country named in any of eight languages, or by its code."""
    words = _plain_words(digits(text))
    if USER_ASSIGNED.fullmatch(text.strip()):
        return text.strip()
    known = _countries()
    return known.get(words) or known.get(words.removeprefix("the "))


def language_of(text: str) -> str | None:
    """BCP 47 tag of a language named in any of eight languages, or by its code."""
    words = _plain_words(text)
    known = _languages()
    for part in ("زبان ", "اللغه ", "لغه "):
        words = words.removeprefix(part)
    return known.get(words) or known.get(words.removeprefix("ال"))


def is_missing(cell: object, missing: Sequence[str] = ()) -> bool:
    """True when the cell says nothing: empty, a dash, or a word for unknown."""
    if cell is None:
        return True
    if not isinstance(cell, str):
        return False
    folded = fold(cell)
    return folded in MISSING or any(folded == fold(word) for word in missing)


def parse_value(
    kind: str, cell: object, options: Options | None = None
) -> Value | Problem | Doubt | None:
    """One cell as a value of a type.

    kind     one of `TYPES`
    cell     as read: text, number, true or false, date, or None
    options  what the profile and the rulebook say about the column
    returns  the value; None when the cell says nothing; a Problem or a Doubt
    raises   ValueError for a type this room does not know
    """
    options = options or Options()
    if cell is None:
        return None
    if options.values:
        mapped = options.folded_values.get(fold(_as_text(cell)), cell)
        if mapped is None:
            return None
        cell = mapped
    if isinstance(cell, str):
        folded = fold(cell)
        if folded in MISSING and not (kind == "code" and _code(cell, options) is not None):
            return None
        if options.missing and any(folded == fold(word) for word in options.missing):
            return None
    if kind == "partial_date":
        return parse_date(cell, options.dates)
    if kind == "date":
        return _exact(parse_date(cell, options.dates))
    if kind == "text":
        return clean(_as_text(cell))
    if kind == "code":
        code = _code(_as_text(cell), options)
        if code is not None:
            return code
        return Problem(
            "a word or code this list may not use",
            one_of(options.allowed),
            "Correct the cell, or map your word under `values` in the profile.",
        )
    if kind == "codes":
        return _codes(_as_text(cell), options)
    if kind == "boolean":
        return _boolean(cell)
    if kind in ("number", "integer"):
        return _number(cell, kind, options.decimal)
    if kind in ("country", "language"):
        if not isinstance(cell, str):
            return Problem(
                "not a country" if kind == "country" else "not a language",
                "a country name or code" if kind == "country" else "a language name or code",
                "Correct the cell.",
            )
        found = country_of(cell) if kind == "country" else language_of(cell)
        if found is not None:
            return found
        return Problem(
            "not the name or code of one country"
            if kind == "country"
            else "not the name or code of one language",
            "a name in English, French, Arabic, Persian or Kurdish, or an ISO code",
            "Correct the cell, or map your word under `values` in the profile.",
        )
    raise ValueError(f"no type {kind!r}; expected one of {', '.join(TYPES)}")


def _as_text(cell: object) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return str(cell)


def _code(text: str, options: Options) -> str | None:
    folded = fold(text)
    for value in options.allowed:
        if folded == fold(value) or folded == fold(value.replace("_", " ").replace("-", " ")):
            return value
    for label, value in options.labels.items():
        if folded == fold(label):
            return value
    for code, words in FOLDED_SYNONYMS.items():
        if folded in words and code in options.allowed:
            return code
    return None


def _codes(text: str, options: Options) -> tuple[str, ...] | Problem:
    """Several codes in one cell, between commas, semicolons, bars or (for forms) spaces."""
    words = [word for word in re.split(r"[,;|/،؛\n]+", text) if word.strip()]
    found = [_code(word.strip(), options) for word in words]
    if None in found and len(words) == 1:
        found = [_code(word, options) for word in text.split()]
    if not found or None in found:
        return Problem(
            "a word or code this list may not use",
            Said("any of %(a)s, with commas between", a=one_of(options.allowed)),
            "Correct the cell, or map your word under `values` in the profile.",
        )
    return tuple(sorted({code for code in found if code is not None}))


def _exact(
    made: PartialDate | Problem | Doubt | None,
) -> PartialDate | Problem | Doubt | None:
    """A date that must be one day."""
    if isinstance(made, PartialDate) and made.earliest != made.latest:
        return Problem(
            "a date that is not one certain day",
            "year, month and day",
            "Find the day, or leave the cell empty. A lunar Hijri day can be a day off: "
            "write the Gregorian day.",
        )
    return made


def _boolean(cell: object) -> bool | Problem:
    if isinstance(cell, bool):
        return cell
    folded = fold(_as_text(cell))
    if folded in YES:
        return True
    if folded in NO:
        return False
    return Problem(
        "neither yes nor no",
        "yes or no in English, French, Arabic, Persian or Kurdish",
        "Correct the cell, or map your word under `values` in the profile.",
    )


def _number(cell: object, kind: str, decimal: str) -> int | float | Problem:
    whole = kind == "integer"
    wrong = Problem(
        "not a whole number" if whole else "not a number",
        "a whole number" if whole else "a number",
        "Correct the cell.",
    )
    if isinstance(cell, bool | dt.date | dt.time):
        return wrong
    if isinstance(cell, int | float):
        number: float = cell
    else:
        text = digits(clean(str(cell))).replace("٬", "").replace("٫", ".").replace("−", "-")
        text = text.replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
        if decimal == ",":
            text = text.replace(".", "").replace(",", ".")
        elif "," in text:
            if not re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text) or text.count(",") == 1:
                return Problem(
                    "a comma that may stand for decimals or for thousands",
                    "a whole number without it" if whole else "a number without it",
                    'Write it without the comma, or declare `decimal: ","` in the profile.',
                )
            text = text.replace(",", "")
        if not NUMBER.match(text):
            return wrong
        number = float(text) if "." in text else int(text)
    if kind == "integer":
        return int(number) if float(number).is_integer() else wrong
    return number


@dataclass(frozen=True)
class DocumentNumber:
    """A document number: as printed, and the key by which two are compared."""

    printed: str
    key: str


def parse_document(
    cell: object, missing: Sequence[str] = ()
) -> DocumentNumber | Problem | None:
    """A document number, refused when a spreadsheet has turned it into a number.

    A number cell has lost leading zeros, and beyond 15 digits the number itself: nothing can
    bring it back, so it is never taken.
    """
    if is_missing(cell, missing):
        return None
    if not isinstance(cell, str):
        return Problem(
            "a number or date cell where a document number belongs",
            "text: spreadsheets drop leading zeros and round after 15 digits",
            "Format the column as text and type the number again from the document.",
        )
    if SCIENTIFIC.match(digits(cell)):
        return Problem(
            "a document number that a spreadsheet has rounded (E+ notation)",
            "all digits, as text",
            "Format the column as text and type the number again from the document.",
        )
    printed = clean(cell)
    key = re.sub(r"[\W_]+", "", fold(printed)).upper()
    if not key:
        return None
    return DocumentNumber(printed, key)
