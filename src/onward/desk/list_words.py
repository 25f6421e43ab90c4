"""What the intake room says of a list, in the reader's language.

Exists because a clerk who mends a list must read what is wrong with it. Comes in: a sentence of
the intake room. Goes out: the catalogue's words for it, or the sentence itself where no
catalogue knows it. Values of the list stay as they were written.
"""

from __future__ import annotations

import re
from datetime import date

from django.utils.translation import gettext

from onward.desk import dates, words
from onward.said import TYPED, Listed, Said, Share, Written


def texts() -> tuple[str, ...]:
    """What the catalogues must have beside the sentences where they are written."""
    from onward.intake.parse.answers import DELIMITERS, ENCODINGS
    from onward.intake.profile import IDENTITY, STRUCTURE

    return (*STRUCTURE.values(), *IDENTITY.values(), *ENCODINGS.values(), *DELIMITERS.values())


def said(text: object) -> str:
    """A sentence of the intake room as a page shows it; what no catalogue knows stays as it is."""
    if isinstance(text, Said):
        return gettext(text.form) % {name: _part(one) for name, one in text.values.items()}
    if isinstance(text, Listed):
        parts = [_allowed(one) for one in text.items]
        apart = f"{words.sign(';')} " if text.marks[0].strip() == ";" else ""
        return apart.join(parts) if apart else words.listed(parts)
    if isinstance(text, Written):
        return _part(text)
    return gettext(str(text)) if text else ""


def _part(value: object) -> str:
    """What stands in a sentence: another one, a share or a number in the reader's digits, and what
    a list calls something as it is written, in its own direction."""
    if isinstance(value, Share):
        return dates.percent(value)
    if isinstance(value, Said) and value.form == TYPED:
        return f"“\u2068{value.values['a']}\u2069”"
    if isinstance(value, Said | Listed):
        return said(value)
    text = str(value)
    if isinstance(value, Written):
        return f"\u2068{text}\u2069"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return dates.shown(date.fromisoformat(text))
    if re.fullmatch(r"[\d.,]+( [\d.,]+)*|[\d, -]+", text):
        return dates.digits(text)
    known = gettext(text) if text else ""
    return known if known != text else f"\u2068{text}\u2069"


def _allowed(value: object) -> str:
    """One of several values that a cell may have."""
    if (
        isinstance(value, str)
        and not isinstance(value, Said | Written)
        and re.fullmatch(r"[a-z_]+", value)
    ):
        return words.code(value)
    return _part(value)
