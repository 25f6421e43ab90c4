"""What the intake room says of a list, in the reader's language.

Exists because a clerk who mends a list must read what is wrong with it. Comes in: a sentence of
the intake room. Goes out: the catalogue's words for it, or the sentence itself where no
catalogue knows it. Values of the list stay as they were written.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates

FIXED = (
    "a common header", "the rulebook's own word", "neither the header nor the cells tell",
    "the cells are words for women and men", "the cells are countries",
    "the cells are languages", "the cells are relations in a family",
    "not a date", "a date such as 1357/11/22, 11.02.1979 or 1979, or only a year",
    "a date as text, such as 1357/11/22 or 1979-02-11", "a date such as 1357/11/22",
    "a date that is not one certain day", "year, month and day",
    "a word or code this list may not use", "neither yes nor no",
    "yes or no in English, French, Arabic, Persian or Kurdish",
    "a name in English, French, Arabic, Persian or Kurdish, or an ISO code",
    "not the name or code of one country", "not the name or code of one language",
    "not a whole number", "not a number", "a whole number", "a number",
    "empty", "a value", "an age that cannot be", "0 to 120 years",
    "neither a number nor a name", "one of them", "each person once",
    "one value for a household", "the office's own number", "all digits, as text",
    "a number or date cell where a document number belongs",
    "text: spreadsheets drop leading zeros and round after 15 digits",
    "a document number that a spreadsheet has rounded (E+ notation)",
    "Correct the cell.", "Correct one of the rows.", "Fill the cell, or remove the row.",
    "Correct the cell, or list the word under `missing` in the profile.",
    "Correct the cell, or map your word under `values` in the profile.",
    "Format the column as text and type the number again from the document.",
    "This looks like the wrong profile, sheet or calendar: check those first.",
    "Some dates in this column read differently with the day first and with the month first. In which order are they written?",
    "day, month, year", "month, day, year", "year, month, day",
    "Yes, they are right as they stand", "no row below the header", "at least one row",
    "Put the people below the header, save the list, and load that.",
)  # fmt: skip

PATTERNS = (
    (r"Read as ([^,]+), .*", _("Read as %(one)s.")),
    (r"(\d+) columns are not imported\.", _("Columns that are not imported: %(one)s.")),
    (r"(\d+) of (\d+) rows are at fault.*", _("Rows at fault: %(one)s of %(two)s.")),
    (r"at most (\d+)%", _("at most %(one)s in a hundred")),
    (r"at most ([\d,]+) MB", _("at most %(one)s MB")),
    (r"the file is larger than ([\d,]+) MB", _("larger than %(one)s MB")),
    (r"at most ([\d,]+) rows", _("at most %(one)s rows")),
    (r"more than ([\d,]+) rows", _("more than %(one)s rows")),
    (r"at most ([\d,]+) columns", _("at most %(one)s columns")),
    (r"(?:a sheet has )?more than ([\d,]+) columns", _("more than %(one)s columns")),
    (r"a complete (\.\w+) file", _("a complete %(one)s file")),
    (r"named (\.\w+), but it is not a workbook .*", _("named %(one)s, but damaged, cut short or renamed")),
    (r"a (\.\w+) file, which can hold macros .*", _("a %(one)s file, which can hold macros or is not an open format")),
    (r"(\d+) formula errors .*", _("formula errors: %(one)s")),
    (r"the same number as row (\d+)", _("the same number as row %(one)s")),
    (r'column "(.+)", rows? ([\d, ]+).*', _("column “%(one)s”, rows %(two)s")),
)  # fmt: skip


def texts() -> tuple[str, ...]:
    """Everything the catalogues must have of it."""
    from onward.intake.profile import IDENTITY, STRUCTURE

    return (*FIXED, *STRUCTURE.values(), *IDENTITY.values())


def said(text: str) -> str:
    """A sentence of the intake room as a page shows it."""
    for pattern, sentence in PATTERNS:
        if found := re.fullmatch(pattern, text):
            parts = dict(zip(("one", "two"), map(_part, found.groups()), strict=False))
            return str(sentence) % parts
    if (found := gettext(text) if text else "") != text:
        return found
    return _allowed(text)


def _part(text: str) -> str:
    """A number in the reader's digits; a name as it is written, in its own direction."""
    return dates.digits(text) if re.fullmatch(r"[\d, ]+", text) else f"\u2068{text}\u2069"


def _allowed(text: str) -> str:
    """A list of allowed values ("female, male or unknown"), each in words."""
    from onward.desk import words

    parts = re.split(r", | or ", text)
    if len(parts) < 2 or not all(re.fullmatch(r"[a-z_]+", part) for part in parts):
        return text
    return words.listed(words.code(part) for part in parts)
