"""Makes the many ways of typing the same letters one, so that words can be compared.

Why: the same word arrives with Arabic or Persian yeh and kaf, with and without vowel marks,
half-spaces, elongations and direction marks, and Unicode's own normal forms join none of these.
In: text as typed. Out: `clean` text for showing, ASCII `digits`, and the `fold` used for
comparing words (never for storing them).

source  Unicode Standard, chapter 9 (Arabic); Unicode Technical Report 53; the letters that
        Persian, Sorani and Kurmanji keyboards produce
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Marks that turn text around on the screen and are not part of any word.
DIRECTION_MARKS = dict.fromkeys(
    map(
        ord,
        "\u200e\u200f\u061c\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff\u200b\u2060\u00ad",
    )
)
DIGITS = {
    **{0x0660 + n: str(n) for n in range(10)},
    **{0x06F0 + n: str(n) for n in range(10)},
    **{0xFF10 + n: str(n) for n in range(10)},
}
# Letters that differ by keyboard, not by word. The key is what is typed, the value the letter
# all of them stand for in a comparison.
LETTERS = {
    "ي": "ی", "ى": "ی", "ې": "ی", "ۍ": "ی", "ئ": "ی", "ۑ": "ی",
    "ك": "ک", "ڪ": "ک", "ګ": "گ",
    "ة": "ه", "ۀ": "ه", "ە": "ه", "ھ": "ه", "ہ": "ه", "ۂ": "ه", "ۃ": "ه",
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ؤ": "و",
    "ء": "", "ـ": "", "\u200c": "", "\u200d": "", "’": "'", "‘": "'", "ʼ": "'", "ʿ": "'", "ʾ": "'",
    "`": "'", "´": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-",
}  # fmt: skip
LETTER_TABLE = {ord(k): v for k, v in LETTERS.items()}
LATIN = str.maketrans(
    {
        "ı": "i",
        "ß": "ss",
        "æ": "ae",
        "ø": "o",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "đ": "d",
        "œ": "oe",
    }
)
SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """The text for showing and storing: one Unicode form, no direction marks, single spaces."""
    if text.isascii():
        return " ".join(text.split())
    text = unicodedata.normalize("NFC", text).translate(DIRECTION_MARKS)
    return SPACES.sub(" ", text).strip()


def digits(text: str) -> str:
    """The text with Persian, Arabic and full-width digits written 0 to 9."""
    return text if text.isascii() else text.translate(DIGITS)


@lru_cache(maxsize=200_000)
def fold(text: str) -> str:
    """A word or phrase reduced to what makes it that word: for comparing only.

    Compatibility forms are undone, vowel marks and accents dropped, letters that differ only
    by keyboard joined, capitals ignored, spaces made single.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(DIRECTION_MARKS))
        # Composed Arabic letters fall apart above (alef with hamza into alef and a mark), so
        # dropping the marks joins them; the others need the table.
        text = "".join(c for c in text if not unicodedata.combining(c))
        text = text.translate(DIGITS).translate(LETTER_TABLE)
        text = text.casefold().translate(LATIN)
    else:
        text = text.casefold()
    return " ".join(text.split())
