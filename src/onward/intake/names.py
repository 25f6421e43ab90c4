"""Tells when two written names can be one person's, in Persian, Arabic, Kurdish and Latin letters.

Why: one woman stands on four lists as "زهرا کریمی", "زهراء كريمي", "Zahra Karimi" and "Zehra
Kerîmî", and her brother differs from her in one word. In: names as written. Out: `name_keys`,
under which spellings of one name meet, and `compare_names`, a score with its parts that a person
can read. Names propose; people decide. `docs/reference/names.md` says what each table is for.

How: a word becomes a row of sounds. Each sound may be written in several ways, so two sounds
have a cost of standing for one another, nothing (kh and x, ق and gh) up to one. Short vowels,
which Arabic letters leave out, cost little; long ones cost more, because they are all that
parts Hamid from Hamed. Words then are lined up in order, one against one or two.

source  ALA-LC, BGN/PCGN and UN romanisations of Arabic, Persian and Kurdish; the Hawar alphabet
        (Kurmanji); the passport spellings of Iran, Iraq and Syria; MITRE, "Structure of Persian
        Names" (2008); "A Guide to Names and Naming Practices" (2006)
"""

# ruff: noqa: SIM905  (a table of words reads better as text)
from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import combinations, pairwise, product

import numpy as np
from numba import njit
from numpy.typing import NDArray

from onward.intake.fold import DIRECTION_MARKS, LATIN

# ---------------------------------------------------------------- the tables

# Sounds. Consonants: b p t s z j c(ch) h x(kh) d r J(zh) S(sh) q(gh, q) f v k g l m n.
# At the end: H a he that may be silent, 3 a teh marbuta, 1 a yeh that may be read as a.
# Vowels: a e o u i, A a long a, I a written yeh, U a written vav, E any vowel (an alef at the
# start, ain).
# Letters that stand for one of several: 6 z or d (ض ظ ذ), 8 s or t (ث, th), 9 z or d (dh),
# 7 j, k, ch or s (Latin c), 5 ق.
ARABIC_SOUNDS = {
    "ا": "A", "آ": "A", "أ": "E", "إ": "E", "ٱ": "A", "ب": "b", "پ": "p", "ت": "t", "ث": "8",
    "ج": "j", "چ": "c", "ح": "h", "خ": "x", "د": "d", "ذ": "6", "ر": "r", "ڕ": "r", "ز": "z",
    "ژ": "J", "س": "s", "ش": "S", "ص": "s", "ض": "6", "ط": "t", "ظ": "6", "ع": "E", "غ": "q",
    "ف": "f", "ڤ": "v", "ق": "5", "ک": "k", "ك": "k", "گ": "g", "ل": "l", "ڵ": "l", "م": "m",
    "ن": "n", "و": "U", "ۆ": "o", "ۊ": "u", "ؤ": "E", "ه": "h", "ھ": "h", "ہ": "h", "ة": "H",
    "ۀ": "H", "ە": "e", "ۂ": "e", "ی": "I", "ي": "I", "ى": "I", "ې": "i", "ێ": "i", "ئ": "E", "ء": "",
    "ټ": "t", "ډ": "d", "ړ": "r", "ڼ": "n", "ښ": "x", "ږ": "g", "ځ": "z", "څ": "s", "ګ": "g",
}  # fmt: skip
# At the end of a word: he and teh marbuta may be silent, yeh may be read as a (مصطفی, لیلی).
ENDS = {"ه": "H", "ة": "3", "ی": "1", "ي": "1", "ى": "1"}
# Latin spellings, longest first. Kurdish and Turkish letters have their own sounds.
LATIN_SOUNDS = (
    ("dsch", "j"), ("tsch", "c"), ("tch", "c"), ("sch", "S"), ("dzh", "j"), ("kh", "x"),
    ("gh", "q"), ("sh", "S"), ("ch", "4"), ("zh", "J"), ("dj", "j"), ("th", "8"), ("dh", "9"),
    ("ph", "f"), ("ck", "k"), ("oo", "u"), ("ou", "u"), ("ow", "oU"), ("aw", "aU"), ("au", "aU"),
    ("ee", "i"), ("ie", "i"), ("ei", "ai"), ("ey", "ai"), ("ay", "ai"), ("ai", "ai"), ("ae", "ae"),
    ("aa", "A"), ("b", "b"), ("p", "p"), ("t", "t"), ("s", "s"), ("z", "z"), ("j", "j"),
    ("c", "7"), ("h", "h"), ("x", "x"), ("d", "d"), ("r", "r"), ("q", "q"), ("f", "f"),
    ("v", "v"), ("w", "v"), ("k", "k"), ("g", "g"), ("l", "l"), ("m", "m"), ("n", "n"),
    ("a", "a"), ("e", "e"), ("o", "o"), ("u", "u"), ("i", "i"), ("y", "y"),
)  # fmt: skip
LATIN_MARKED = {"ş": "sh", "š": "sh", "ç": "tch", "č": "tch", "ž": "zh", "ğ": "gh", "ǧ": "j",
                "ḫ": "kh", "ẖ": "kh", "ġ": "gh", "ḡ": "gh", "ħ": "h", "ı": "i", "ā": "aa", "â": "aa",
                "î": "i", "ī": "i", "û": "u", "ū": "u", "ê": "i", "ē": "e", "ö": "o", "ü": "u",
                "ḏ": "dh", "ṯ": "th"}  # fmt: skip

# What it costs to leave a sound out, by who leaves it out; anything not here costs 1.
# Both sides write all vowels (Latin, Sorani):
DROP_FULL = {"a": 0.12, "e": 0.12, "o": 0.16, "u": 0.20, "i": 0.25, "y": 0.15, "A": 0.28, "I": 0.50,
             "U": 0.45, "E": 0.08, "H": 0.06, "h": 0.60, "v": 0.80}  # fmt: skip
# Arabic letters leave out short vowels; where the other side writes them, they cost next to
# nothing. Long ones are written by both.
DROP_SHORT = DROP_FULL | {"a": 0.03, "e": 0.03, "o": 0.04, "u": 0.07, "i": 0.07, "A": 0.40,
                          "I": 0.60, "U": 0.55}  # fmt: skip
# Both sides leave short vowels out: what is written is meant (حمید is not حامد).
DROP_PLAIN = DROP_FULL | {"A": 0.55, "I": 0.75, "U": 0.75}
LAST, LAST_DROP = frozenset("aeouiAIUH31"), 0.55
# What it costs for one sound to stand for another; unordered; anything not here costs 1.
SWAP = {
    # vowels among themselves
    "ae": 0.06, "ao": 0.32, "au": 0.40, "ai": 0.28, "eo": 0.28, "eu": 0.30, "ei": 0.08, "ou": 0.02,
    "oi": 0.30, "ui": 0.36, "aA": 0.02, "eA": 0.22, "oA": 0.24, "uA": 0.50, "iA": 0.50, "aI": 0.50,
    "eI": 0.22, "oI": 0.55, "uI": 0.60, "iI": 0.0, "aU": 0.45, "eU": 0.45, "oU": 0.02, "uU": 0.0,
    "iU": 0.55, "AI": 0.80, "AU": 0.80, "IU": 0.90, "yi": 0.02, "yI": 0.0, "ye": 0.12, "ya": 0.40,
    "yo": 0.60, "yu": 0.60, "yA": 0.60, "yU": 0.80, "aE": 0.0, "eE": 0.0, "iE": 0.0, "oE": 0.0,
    "uE": 0.0, "AE": 0.05, "IE": 0.20, "UE": 0.20, "yE": 0.30, "aH": 0.0, "eH": 0.0, "iH": 0.3,
    "oH": 0.4, "AH": 0.10, "hH": 0.0, "tH": 0.10, "EH": 0.10, "a3": 0.0, "e3": 0.0, "H3": 0.0,
    "t3": 0.0, "A3": 0.08, "i3": 0.30, "h3": 0.10, "i1": 0.0, "y1": 0.0, "e1": 0.10, "I1": 0.0,
    "a1": 0.06, "A1": 0.06, "H1": 0.30,
    # vav and yeh between vowel and consonant
    "vU": 0.02, "vo": 0.20, "vu": 0.20, "vy": 1.0, "fv": 0.40, "bv": 0.40,
    # one letter, several sounds
    "6z": 0.0, "6d": 0.04, "69": 0.0, "6s": 0.45, "8s": 0.0, "8t": 0.05, "9z": 0.02, "9d": 0.02,
    "68": 0.5, "98": 0.4, "7j": 0.02, "7k": 0.10, "7c": 0.06, "7s": 0.30, "5q": 0.0, "5g": 0.12,
    "5k": 0.15, "7q": 0.30, "57": 0.30, "4c": 0.0, "4S": 0.05, "4x": 0.30, "4k": 0.35, "4j": 0.35,
    "47": 0.10,
    # sounds that lists mix up
    "qg": 0.12, "qk": 0.20, "gk": 0.35, "jJ": 0.08, "jg": 0.25, "jz": 0.60, "Jz": 0.40, "cS": 0.30,
    "cj": 0.40, "cJ": 0.35, "sz": 0.45, "pb": 0.35, "td": 0.45, "xk": 0.35, "xh": 0.35, "xq": 0.40,
    "Ss": 0.55, "8z": 0.45, "9s": 0.50, "mn": 0.70, "jy": 0.45,
}  # fmt: skip
# Endings that make a family name of a name; the first spelling names the ending.
ENDINGS = (
    ("zadeh", "zadeh zada zadah zade زاده"), ("pour", "pour poor pur por پور"),
    ("nejad", "nejad nezhad nejat نژاد نجاد"), ("nia", "niya nia نیا"), ("far", "far فر"),
    ("ian", "iyan ian yan یان"), ("i", "aei aee ayi ei ee yi ie i y یی ئی ی"),
)  # fmt: skip

# Written before or after a name, not part of it. Compared after folding.
TITLES = frozenset(
    """seyed sayed sayyed sayyid seyyed seyid said-e syed sayid seyit seyd sadat sadaat mir mirza haj
    haji hajji hajj hajja hac haci hajieh hajiyeh sheikh shaikh sheik shaykh shekh sheykh cheikh mulla
    mullah molla mela mala mele karbalayi karbalaei mashhadi mashdi mashd dr doctor eng engineer
    mohandes mr mrs ms miss madame mme ustad ostad ustaz khanom khanum khanim agha aqa agha-ye kak kaka
    mam mamosta xan khan beg bey bek bayg hevala hêvala sir imam ayatollah hojjatoleslam
    سید سیده میر میرزا حاج حاجی حاجیه حجی شیخ شیخه ملا مولوی کربلایی مشهدی مشدی دکتر دکتور د مهندس آقا آقای
    خانم سادات السید السیده الحاج الحاجه الشیخ استاذ الاستاذ استاد شهید کاک کاکه مام ماموستا خان بیگ بک امام
    سەید حاجی شێخ مەلا""".split()
)  # fmt: skip
PARTICLES = frozenset(
    """al el ul ol il as ash ar az ad at an ed ibn bin ben bn bint bent binte ould weld wald w u e
    son of daughter de di le va wa بن ابن بنت ولد ال آل و ین کوری کچی""".split()
)  # fmt: skip
KUNYA = frozenset(
    "abu abo abou aboo abi eba ebu bu umm um om oum omm ابو ابی ابا بو ام ئەبو".split()
)
ABD = frozenset(
    "abd abdu abdo abdul abdol abdel abdal abdil abdool abdur abdus abd-al عبد عەبدول ebd ebdul ebdu".split()
)
ARTICLE = re.compile(r"^(?:al|el|ul|ol|as|ash|ar|az|ad|at|an|ed)[-’'`](?=\w{2})")
ARABIC_ABD = re.compile(
    r"^(عبد|عەبد|غلام|محی|نور|صلاح|شمس|سیف|علا|حسام|جمال|کمال|بدر|فخر|ضیا|جلال|نجم|رکن|عز|معین|نصر|نصیر|سعد|سراج|تاج|نظام|شهاب|بها|عماد|زین|شرف|برهان|فضل|حبیب|عنایت|اسد|فرج|قدرت|روح|نعمت|عین|امان|ذبیح|فتح|لطف|هبه|ولی)ال(?!له)"
)
SERVANT = re.compile(
    r"^(?:[ae]bd(?:[aeou]+l(?=[^l])|[aeou]+(?=([rsnztd])\1)|)|ع[ەه]?بد(?:ال|ول)?)"
)
JOINED_ARTICLE = re.compile(r"^(?:al|el)(?=[a-z]{4})")
WORD = re.compile(r"[^\W\d_]+(?:['’`ʼʿʾ‘]+[^\W\d_]+)*[’'`]?", re.UNICODE)


# ---------------------------------------------------------------- words to sounds


@lru_cache(maxsize=400_000)
def _letters(text: str) -> str:
    """Small letters of one form, without vowel marks, elongation or direction marks."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text.translate(DIRECTION_MARKS)).replace("\u0640", "")
    # He with a half-space is the older way to write the Sorani vowel ە; otherwise the half-space
    # only joins: one word, not two.
    text = text.replace("ه\u200c", "ۂ").replace("\u200c", "\u200d")
    made = []
    for letter in text.replace("İ", "i").lower():
        if letter in LATIN_MARKED:
            made.append(LATIN_MARKED[letter])
        elif letter == "\u200d":
            continue
        elif letter > "\u007f" and letter < "\u0250":
            plain = unicodedata.normalize("NFD", letter).translate(LATIN)
            made.append("".join(c for c in plain if not unicodedata.combining(c)))
        elif "\u1e00" <= letter <= "\u1eff":
            plain = unicodedata.normalize("NFD", letter)
            made.append("".join(c for c in plain if not unicodedata.combining(c)))
        elif unicodedata.combining(letter):
            continue
        else:
            made.append(letter)
    return "".join(made)


@lru_cache(maxsize=400_000)
def is_arabic(word: str) -> bool:
    """True when the word is in Arabic letters."""
    return any("\u0600" <= c <= "\u08ff" for c in word)


_PLAIN = str.maketrans(
    {"ي": "ی", "ى": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "آ": "ا", "ة": "ه", "ۀ": "ه"}
)


@lru_cache(maxsize=400_000)
def sounds(word: str) -> tuple[str, ...]:
    """The ways a word may sound, likeliest first: one, or two where an article may be joined."""
    return _arabic(word) if is_arabic(word) else _latin(word)


def _arabic(word: str) -> tuple[str, ...]:
    plain = word.translate(_PLAIN)
    forms = [word]
    if plain.startswith("ال") and len(plain) > 4:
        # The article is dropped; names such as الهام begin so by chance and keep both forms.
        forms = [word[2:], word]
    made = []
    for form in forms:
        head = ARABIC_ABD.match(form.translate(_PLAIN))
        if head:
            form = form[: head.end() - 2] + form[head.end() :]
        # الدین in the middle sounds eddin: the lam is silent.
        form = re.sub(r"(?<=..)ال(?=د[یي]ن)", "", form).replace("الله", "له")
        out = [ARABIC_SOUNDS.get(letter, "") for letter in form]
        if out and form[0] in "اآئ":
            # At the start alef carries any vowel; Sorani writes it with a hamza before.
            out[0] = "E"
            if form[0] == "ئ" and len(out) > 1 and form[1] in "اەۆێیوو":
                out[0] = ""
        out = [
            "t" if sound == "H" and i < len(out) - 1 else sound for i, sound in enumerate(out)
        ]
        if len(out) > 1 and form[-1] in ENDS:
            out[-1] = ENDS[form[-1]]
        if len(out) > 1 and form[0] in "وی":
            out[0] = {"و": "v", "ی": "y"}[form[0]]
        made.append("".join(out))
    return tuple(dict.fromkeys(made))


def _latin(word: str) -> tuple[str, ...]:
    word = re.sub(r"[^a-z]", "", word)
    forms = [word]
    if JOINED_ARTICLE.match(word):
        forms.append(word[2:])
    made = []
    for form in forms:
        form = re.sub(r"^(abd|ebd)[aeiou]*l(?=[^l])(?!a?h$)", r"\1", form)
        form = re.sub(r"(?<=[a-z]{2})[aeiou]l(?=d+[ie]+n$)", "", form)
        out: list[str] = []
        at = 0
        while at < len(form):
            for spelling, sound in LATIN_SOUNDS:
                if form.startswith(spelling, at):
                    out.append(sound)
                    at += len(spelling)
                    break
            else:
                at += 1
        text = "".join(out)
        if len(text) > 2 and text[-1] == "h" and text[-2] in "aeAi":
            text = text[:-1] + "H"
        made.append(_single(text))
    return tuple(dict.fromkeys(made))


def _single(text: str) -> str:
    """Doubled sounds once; Arabic script writes them once anyway."""
    made: list[str] = []
    for sound in text:
        if not made or made[-1] != sound:
            made.append(sound)
    return "".join(made)


def _drop_table(costs: dict[str, float]) -> NDArray[np.float64]:
    """Cost of leaving out each sound: column 0 inside the word, column 1 at its end."""
    table = np.ones((128, 2))
    for sound, cost in costs.items():
        table[ord(sound)] = cost
    for sound in LAST:
        table[ord(sound), 1] = LAST_DROP
    return table


def _swap_table() -> NDArray[np.float64]:
    table = np.ones((128, 128))
    np.fill_diagonal(table, 0.0)
    for pair, cost in SWAP.items():
        one, other = ord(pair[0]), ord(pair[1])
        table[one, other] = table[other, one] = cost
    return table


_DROP = np.stack([_drop_table(DROP_FULL), _drop_table(DROP_SHORT), _drop_table(DROP_PLAIN)])
_SWAP = _swap_table()


@lru_cache(maxsize=400_000)
def sound_likeness(a: str, b: str, a_plain: bool, b_plain: bool) -> float:
    """How alike two rows of sounds are: 1 the same, 0 nothing in common.

    a, b      rows of sounds
    a_plain   the row comes from Arabic letters that leave short vowels out; b_plain likewise
    returns   1 less the cheapest way to turn one into the other (tables DROP and SWAP), set
              against how much there is to turn
    """
    if a == b:
        return 1.0
    table = 2 if a_plain and b_plain else 1 if a_plain or b_plain else 0
    return float(_likeness(_encoded(a), _encoded(b), _DROP[table], _SWAP))


@lru_cache(maxsize=400_000)
def _encoded(row: str) -> NDArray[np.uint8]:
    return np.frombuffer(row.encode("ascii"), dtype=np.uint8)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _likeness(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    drop: NDArray[np.float64],
    swap: NDArray[np.float64],
) -> float:
    """The cheapest alignment, by dynamic programming, row by row."""
    columns = b.size
    drop_b = np.empty(columns)
    row = np.zeros(columns + 1)
    for j in range(columns):
        # A vowel at the end is always written, and tells Mansour from Mansoureh.
        drop_b[j] = drop[b[j], 1 if j == columns - 1 else 0]
        row[j + 1] = row[j] + drop_b[j]
    all_b = row[columns]
    all_a = 0.0
    above = np.empty(columns + 1)
    for i in range(a.size):
        drop_a = drop[a[i], 1 if i == a.size - 1 else 0]
        all_a += drop_a
        above[:] = row
        row[0] = above[0] + drop_a
        for j in range(columns):
            best = above[j] + swap[a[i], b[j]]
            if above[j + 1] + drop_a < best:
                best = above[j + 1] + drop_a
            if row[j] + drop_b[j] < best:
                best = row[j] + drop_b[j]
            row[j + 1] = best
    whole = max(all_a, all_b, 1.0)
    likeness: float = max(0.0, 1.0 - row[columns] / whole)
    return likeness


def leaves_out_vowels(word: str) -> bool:
    """True for Arabic and Persian writing; False for Latin and for Sorani, which write them."""
    return is_arabic(word) and not any(letter in "ەێۆڕڵڤ" for letter in word)


# ---------------------------------------------------------------- known names


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """Spelling -> the name it is known to be, from data/names.csv."""
    table: dict[str, str] = {}
    source = resources.files("onward.intake").joinpath("data", "names.csv")
    for row in csv.DictReader(source.read_text("utf-8").splitlines()):
        for spelling in (row["latin"] + " " + row["arabic"]).split():
            table[_spelling(_letters(spelling))] = row["name"]
    return table


def _spelling(word: str) -> str:
    return word.translate(_PLAIN) if is_arabic(word) else re.sub(r"[^a-z]", "", word)


@lru_cache(maxsize=1)
def _endings() -> list[tuple[str, str]]:
    pairs = [(text, name) for name, spellings in ENDINGS for text in spellings.split()]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


@lru_cache(maxsize=400_000)
def known_name(word: str) -> str | None:
    """The common name that a word is a known spelling of, with its ending, or None.

    "Karimi" is "karim-i", "کریمیان" is "karim-ian", "Alireza" is "ali&reza".
    """
    table = _known()
    plain = _spelling(word)
    if plain in table:
        return table[plain]
    for text, name in _endings():
        if plain.endswith(text) and (stem := plain[: -len(text)]) in table and len(stem) > 2:
            return f"{table[stem]}-{name}"
    servant = SERVANT.match(plain)
    if servant and (whose := plain[servant.end() :]):
        for rest in (whose, whose[1:] if whose[:1] == whose[1:2] else whose):
            if rest in table:
                return f"abd&{table[rest]}"
    for cut in range(3, len(plain) - 2):
        if plain[:cut] in table and plain[cut:] in table:
            return f"{table[plain[:cut]]}&{table[plain[cut:]]}"
    return None


@lru_cache(maxsize=400_000)
def word_likeness(a: str, b: str) -> float:
    """How alike two words of a name are, from 0 to 1.

    Two known spellings of one name are the same whatever they sound like; known spellings of
    two names are different however alike they sound (Hassan and Hossein).
    """
    if a == b:
        return 1.0
    known_a, known_b = known_name(a), known_name(b)
    if known_a is not None and known_b is not None:
        if known_a == known_b:
            return 1.0
        return min(0.5, _sounding(a, b))
    return _sounding(a, b)


def _sounding(a: str, b: str) -> float:
    plain_a, plain_b = leaves_out_vowels(a), leaves_out_vowels(b)
    return max(sound_likeness(x, y, plain_a, plain_b) for x in sounds(a) for y in sounds(b))


# ---------------------------------------------------------------- names to words


@lru_cache(maxsize=200_000)
def name_words(text: str) -> tuple[str, ...]:
    """The words that make up a name: folded, without titles and particles, parts of one name
    (Abd al-Rahman, Abu Bakr) joined. A name that is nothing but titles keeps them."""
    words: list[str] = []
    for chunk in text.split():
        words.extend(_chunk_words(chunk))
    kinds = [_kind(word) for word in words]
    if not any(kinds):
        return tuple(words)
    if "title" in kinds and any(kind != "title" for kind in kinds):
        words = [word for word, kind in zip(words, kinds, strict=True) if kind != "title"]
        kinds = [kind for kind in kinds if kind != "title"]
    made: list[str] = []
    join = ""
    for word, kind in zip(words, kinds, strict=True):
        if kind == "particle" and len(words) > 1:
            continue
        if kind in ("servant", "kunya"):
            join += word if kind == "kunya" else "عبد" if is_arabic(word) else "abd"
            continue
        if join and is_arabic(word) == is_arabic(join):
            if is_arabic(word) and word.startswith("ال") and len(word) > 3 and word != "الله":
                word = word[2:]
            made.append(join + word)
        else:
            made.extend([join, word] if join else [word])
        join = ""
    if join:
        made.append(join)
    return tuple(made) or tuple(words)


@lru_cache(maxsize=400_000)
def _chunk_words(chunk: str) -> tuple[str, ...]:
    """The words of a name's piece between spaces: hyphens part words, apostrophes do not."""
    words: list[str] = []
    for piece in re.split(r"[,،/()]+|[-‐‑–—](?=\w)", ARTICLE.sub("", _letters(chunk))):
        words.extend(match.strip("'’`") for match in WORD.findall(piece))
    return tuple(word for word in words if word)


@lru_cache(maxsize=400_000)
def _kind(word: str) -> str:
    """One of "title", "particle", "servant" (abd, of Abd al-Rahman), "kunya" (abu, umm) or ""."""
    plain = word.translate(_PLAIN)
    for words, kind in (
        (TITLES, "title"),
        (PARTICLES, "particle"),
        (ABD, "servant"),
        (KUNYA, "kunya"),
    ):
        if plain in words:
            return kind
    return ""


# ---------------------------------------------------------------- keys

# Sounds as coarse classes for the key; vowels, h and vav drop out. A letter that stands for one
# of several gives a key for each.
COARSE = {
    "b": "B", "p": "B", "t": "T", "s": "S", "z": "S", "j": "J", "J": "J", "c": "J", "h": "", "x": "X",
    "d": "D", "r": "R", "S": "C", "q": "K", "5": "K", "k": "K", "g": "K", "f": "F", "v": "", "l": "L",
    "m": "M", "n": "N", "6": "SD", "8": "ST", "9": "SD", "7": "JK", "4": "JC", "3": "T-", "H": "", "1": "",
}  # fmt: skip


@lru_cache(maxsize=400_000)
def word_keys(word: str) -> tuple[str, ...]:
    """The keys of one word: its consonants as classes, at most eight of them."""
    known = known_name(word)
    if known is not None:
        return ("=" + known, *_coarse(word))
    return _coarse(word)


DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=400_000)
def _pair_keys(first: str, second: str) -> tuple[str, ...]:
    """The keys of two words written together."""
    known_a, known_b = known_name(first), known_name(second)
    runs = dict.fromkeys(_run((a, b)) for a in _coarse(first)[:2] for b in _coarse(second)[:2])
    if known_a is not None and known_b is not None:
        return (f"={known_a}&{known_b}", *runs)
    ending = dict(_endings()).get(_spelling(second))
    if known_a is not None and ending:
        return (f"={known_a}-{ending}", *runs)
    return tuple(runs)


def _run(parts: Iterable[str]) -> str:
    """Consonant classes run together, doubled ones once."""
    return DOUBLED.sub(r"\1", "".join(parts).replace("V", "")) or "V"


@lru_cache(maxsize=400_000)
def _coarse(word: str) -> tuple[str, ...]:
    made: dict[str, None] = {}
    for form in sounds(word):
        choices = [COARSE[sound] for sound in form if COARSE.get(sound)]
        for letters in product(*choices):
            text = ""
            for letter in letters:
                if letter != "-" and not text.endswith(letter):
                    text += letter
            made.setdefault(text or (form[:1] and "V"))
            if len(made) >= 8:
                return tuple(made)
    return tuple(made) or ("V",)


@dataclass(frozen=True)
class NameKeys:
    """What a name is found by.

    words  the name's words, without titles and particles
    keys   two spellings of one name share at least one of these
    """

    words: tuple[str, ...]
    keys: frozenset[str]


def name_keys(text: str) -> NameKeys:
    """The keys under which spellings of one name meet.

    text     a whole name in Arabic or Latin letters
    returns  NameKeys; a key stands for two words of the name in any order, for the whole name
             without its spaces, or for its only word
    """
    words = name_words(text)
    keys: set[str] = set()
    if len(words) == 1:
        keys.update(word_keys(words[0]))
    # Spaces come and go (Ali Reza, Alireza), so two neighbours also count as one word.
    units = [(i, i + 1, word_keys(word)) for i, word in enumerate(words)]
    if len(words) > 2:
        units += [(i, i + 2, _pair_keys(a, b)) for i, (a, b) in enumerate(pairwise(words))]
    for (begin, end, first), (other, last, second) in combinations(units, 2):
        if other >= end or last <= begin:
            for a in first:
                for b in second:
                    keys.add(a + "+" + b if a <= b else b + "+" + a)
    # And the whole without any space.
    keys.add("~" + _run([_coarse(word)[0] for word in words]))
    return NameKeys(words, frozenset(keys))


# ---------------------------------------------------------------- comparing

# A word counts as agreeing from here on; chosen on the development half of the labelled pairs.
WORD_AGREES = 0.86
# Two names count as one from here on; likewise.
NAME_AGREES = 0.86
SKIP = 0.03
MOVED = 0.02


@dataclass(frozen=True)
class WordPair:
    """Words of the first name lined up with words of the second, and how alike they are."""

    first: str
    second: str
    likeness: float


@dataclass(frozen=True)
class NameScore:
    """How alike two names are, and why.

    score    0 to 1; from NAME_AGREES on, one person's name in all likelihood
    pairs    the words lined up; a word standing alone has "" on the other side
    note     "same order", "other order" or "not comparable"
    """

    score: float
    pairs: tuple[WordPair, ...]
    note: str

    @property
    def agrees(self) -> bool:
        """True when the names can be one person's."""
        return self.score >= NAME_AGREES


def compare_names(a: str, b: str) -> NameScore:
    """Compare two names, whole or in part, in any of the scripts.

    a, b     names as written
    returns  a NameScore. Words missing from one side cost little, words that contradict each
             other decide: siblings share every word but one.
    """
    return _compare(name_words(a), name_words(b))


@lru_cache(maxsize=20_000)
def _compare(a: tuple[str, ...], b: tuple[str, ...]) -> NameScore:
    if not a or not b:
        return NameScore(0.0, (), "not comparable")
    if a == b:
        return NameScore(1.0, tuple(WordPair(word, word, 1.0) for word in a), "same order")
    if len(a) == len(b):
        alike = [word_likeness(x, y) for x, y in zip(a, b, strict=True)]
        loss = sum(map(_loss, alike))
        if loss <= 1.0 - NAME_AGREES:
            pairs = zip(a, b, alike, strict=True)
            return NameScore(
                round(1.0 - loss, 4),
                tuple(WordPair(x, y, round(like, 3)) for x, y, like in pairs),
                "same order",
            )
    best = _in_order(a, b)
    if best.score < 0.999 and len(a) > 1 and len(b) > 1:
        for turned in {(*b[k:], *b[:k]) for k in (1, 2, len(b) - 1, len(b) - 2)} - {b}:
            other = _in_order(a, turned)
            score = other.score - MOVED
            # Turned round, everything must be there: a son may bear his father's whole name.
            if score > best.score and _one_joined(other.pairs):
                best = NameScore(score, other.pairs, "other order")
    return best


def _in_order(a: tuple[str, ...], b: tuple[str, ...]) -> NameScore:
    """Line the words up in order: one against one, one against two, or one left out.

    Each choice loses what it makes unlikely; the loss of the whole decides.
    """
    rows, columns = len(a), len(b)
    infinite = 9.0
    loss = [[infinite] * (columns + 1) for _ in range(rows + 1)]
    came: dict[tuple[int, int], tuple[int, int, float]] = {}
    loss[0][0] = 0.0

    def step(i: int, j: int, di: int, dj: int, cost: float, likeness: float) -> None:
        if i + di <= rows and j + dj <= columns:
            total = loss[i][j] + cost
            if total < loss[i + di][j + dj] - 1e-12:
                loss[i + di][j + dj] = total
                came[i + di, j + dj] = (di, dj, likeness)

    for i in range(rows + 1):
        for j in range(columns + 1):
            if loss[i][j] >= infinite:
                continue
            if i < rows and j < columns:
                alike = word_likeness(a[i], b[j])
                step(i, j, 1, 1, _loss(alike), alike)
            if i + 1 < rows and j < columns:
                alike = _joined(a[i], a[i + 1], b[j])
                step(i, j, 2, 1, _loss(alike) + 0.01, alike)
            if i < rows and j + 1 < columns:
                alike = _joined(b[j], b[j + 1], a[i])
                step(i, j, 1, 2, _loss(alike) + 0.01, alike)
            # The first word is the person's own name: leaving it out is a contradiction.
            out = 0.5 if i == 0 or j == 0 else SKIP
            if rows > columns or (i and j):
                step(i, j, 1, 0, out if rows > columns else 0.4, 0.0)
            if columns > rows or (i and j):
                step(i, j, 0, 1, out if columns > rows else 0.4, 0.0)
    total = loss[rows][columns]
    pairs: list[WordPair] = []
    i, j = rows, columns
    while (i, j) in came:
        di, dj, likeness = came[i, j]
        i, j = i - di, j - dj
        pairs.append(
            WordPair(" ".join(a[i : i + di]), " ".join(b[j : j + dj]), round(likeness, 3))
        )
    pairs.reverse()
    matched = sum(1 for pair in pairs if pair.first and pair.second)
    if matched < 2 and max(rows, columns) > 1 and not _one_joined(pairs):
        # One shared word between longer names says little.
        total += 0.3
    return NameScore(round(max(0.0, 1.0 - total), 4), tuple(pairs), "same order")


def _loss(alike: float) -> float:
    """What a pair of words takes from the score: little while they agree, soon everything.

    Two scripts never agree to the last sound, so small differences must not add up over the
    words of a long name.
    """
    return min(1.0, (1.0 - alike) ** 2 / (1.0 - WORD_AGREES))


def _one_joined(pairs: Iterable[WordPair]) -> bool:
    """True when the one pair lines up everything there is (Alireza, Ali Reza)."""
    return all(pair.first and pair.second for pair in pairs)


@lru_cache(maxsize=200_000)
def _joined(first: str, second: str, whole: str) -> float:
    """Two words against one word written together."""
    known = known_name(whole)
    if known is not None:
        if known == known_name(first):
            return 0.0
        if known in (
            f"{known_name(first)}&{known_name(second)}",
            f"{known_name(first)}-{dict(_endings()).get(_spelling(second))}",
        ):
            return 1.0
    if is_arabic(first) != is_arabic(second):
        return 0.0
    plain = leaves_out_vowels(first) and leaves_out_vowels(second)
    together = sounds(first)[-1] + sounds(second)[0]
    if sounds(first)[-1][-1:] == sounds(second)[0][:1]:
        together = sounds(first)[-1] + sounds(second)[0][1:]
    if is_arabic(first) and together[: len(sounds(first)[-1])].endswith(("H", "3")):
        # Inside a word a he after all may sound (خواجه پور); either way it costs little.
        together = together.replace("3", "H")
    forms = sounds(whole)
    return max(
        sound_likeness(together, form, plain, leaves_out_vowels(whole)) for form in forms
    )
