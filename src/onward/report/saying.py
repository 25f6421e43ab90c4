"""Texts of a report in another language: every text that is fixed, every number and every day.

Comes in: an English text and a `Speech`, which knows one language's words, digits and calendar.
Goes out: the text in that language. It is looked up as it stands, then with its numbers and days
taken out ("%(a)s of %(b)s people …"), then by the shapes with names in them, then sentence by
sentence. What no catalogue knows stays as it was written: a plan's own words, a name of a place.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from onward.report.texts import SHAPES


@dataclass(frozen=True)
class Speech:
    """One language, as whoever knows its catalogues lends it.

    say      a text of the catalogue in this language; one it does not know stays as it is
    figures  digits as this language writes them
    day      a day in words, in this language's calendar; iso: the same in figures
    """

    language: str
    right_to_left: bool
    say: Callable[[str], str]
    figures: Callable[[str], str]
    day: Callable[[dt.date], str]
    iso: Callable[[dt.date], str]


def _plain_day(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


ENGLISH = Speech(
    "en", False, lambda text: text, lambda text: text, _plain_day, dt.date.isoformat
)

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_VALUE = re.compile(
    r"\b(?P<day>\d{1,2}) (?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* "
    r"(?P<year>\d{4})\b"
    r"|\b(?P<iso>\d{4}-\d{2}-\d{2})\b"
    r"|(?<![\w-])(?P<of>\d{4}-\d{2})(?![\w-])"
    r"|(?<![\w.,-])(?P<range>\d{1,3}-\d{1,3})(?![\w-])"
    r"|(?<![\w.,-])(?P<number>\d{1,3}(?:,\d{3})+|\d+)(?P<decimals>\.\d+)?(?P<percent> ?%)?(?![\w-])"
)
_LETTERS = "abcdefghij"


@dataclass(frozen=True)
class _Taken:
    """A text with its numbers and days taken out."""

    text: str
    values: tuple[str, ...]


def taken(text: str) -> str:
    """What a catalogue knows a text by: "%(a)s" for its first number or day, and so on."""
    return _take(text, ENGLISH).text


def _take(text: str, speech: Speech) -> _Taken:
    values: list[str] = []

    def out(found: re.Match[str]) -> str:
        if len(values) == len(_LETTERS):
            return found[0]
        values.append(_value(found, speech))
        return f"%({_LETTERS[len(values) - 1]})s"

    return _Taken(_VALUE.sub(out, text), tuple(values))


def _value(found: re.Match[str], speech: Speech) -> str:
    if found["iso"]:
        try:
            return speech.iso(dt.date.fromisoformat(found["iso"]))
        except ValueError:
            return found[0]
    if found["of"]:
        try:
            return speech.iso(dt.date.fromisoformat(f"{found['of']}-15"))[:7]
        except ValueError:
            return found[0]
    if found["day"]:
        month = _MONTHS.index(found["month"]) + 1
        return speech.day(dt.date(int(found["year"]), month, int(found["day"])))
    if speech.language == "en":
        return found[0]
    if found["range"]:  # it runs the way its line runs
        return speech.figures(found["range"]).replace("-", "–")
    number = found["number"].replace(",", "\u202f") + (found["decimals"] or "")
    if found["percent"]:
        return speech.figures(number) + ("٪" if speech.right_to_left else "\u202f%")
    return speech.figures(number)


class Sayer:
    """Says texts of one report; the same text is worked out once."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self._said: dict[str, str] = {}

    @property
    def mirrored(self) -> bool:
        """Whether drawings run from right to left."""
        return self.speech.right_to_left

    def __call__(self, text: str) -> str:
        if self.speech.language == "en":
            return text
        if text not in self._said:
            self._said[text] = self._say(text) if text.strip() else text
        return self._said[text]

    def _say(self, text: str) -> str:
        parts = re.split(r"(?<=[.])\s+(?=[A-Z…–])", text)
        # Sentence by sentence: a shape would reach across the end of one.
        known = self._known(text) if len(parts) == 1 else self._listed(text)
        if known is not None:
            return known
        return self._as_written(text) if len(parts) == 1 else " ".join(map(self, parts))

    def _known(self, text: str) -> str | None:
        """A text in this language, whole or put together of known parts; None when some part of
        it is not known: half a sentence in each of two languages helps nobody."""
        if not re.search(r"[A-Za-z]", _VALUE.sub("", text)):
            return self._figures(text)
        if (found := self._listed(text)) is not None:
            return found
        # A list, each of whose parts may have a shape or a comma of its own.
        for mark, between in (("; ", "; "), (", ", r"(?<=[)%]), ")):
            if len(parts := re.split(between, text)) > 1:
                said = [self._known(part) for part in parts]
                if None not in said:
                    return _mark(mark, self.speech).join(map(str, said))
        if (found := self._whole(text)) is not None:
            return found
        if match := re.fullmatch(r"“([^“”]+)”", text):
            title = self._known(match[1])
            return (
                None
                if title is None
                else self._filled(self.speech.say("“%(a)s”"), {"a": title})
            )
        if match := re.fullmatch(r"T\d+[a-z]?\.[a-z_]+ \(([^()]+)\)(?: from \w+)?", text):
            return self._known(match[1])  # a step by its title, not its key
        if match := re.fullmatch(r"(.+) (\d+ ?%)", text):
            before = self._known(match[1])
            return None if before is None else f"{before} {self._figures(match[2])}"
        if match := re.fullmatch(r"(G\d+) (.+)|(.+) \(([^()]+)\)", text):
            code, title, before, inside = match.groups()
            parts = [self._known(title)] if code else [self._known(before), self._known(inside)]
            if None not in parts:
                return f"{code} {parts[0]}" if code else f"{parts[0]} ({parts[1]})"
        for mark in (": ", ", "):
            if mark in text:
                said = [self._known(part) for part in text.split(mark)]
                if None not in said:
                    return _mark(mark, self.speech).join(map(str, said))
        return None

    def _as_written(self, text: str) -> str:
        """What no catalogue knows: its own words, numbers and direction."""
        several = self.speech.right_to_left and re.search(r"[A-Za-z]{2,}.*\W", text)
        return f"\u2066{text}\u2069" if several else text

    def _whole(self, text: str) -> str | None:
        """A text that the catalogue knows: as it stands, without its numbers, or by its shape."""
        if (listed := self._listed(text)) is not None:
            return listed
        for shape, pattern in _shapes():
            if match := pattern.fullmatch(text):
                known = self.speech.say(shape)
                if known != shape:
                    told = {name: self(value) for name, value in match.groupdict().items()}
                    return self._filled(known, told)
        if text[:1].islower():  # a title in the middle of a sentence
            upper = text[:1].upper() + text[1:]
            whole = self._listed(f"{upper}.")
            return whole.rstrip(".") if whole is not None else self._listed(upper)
        lower = self._listed(text[:1].lower() + text[1:])
        return None if lower is None else lower[:1].upper() + lower[1:]

    def _listed(self, text: str) -> str | None:
        known = self.speech.say(text)
        if known != text:
            return self.speech.figures(known)
        out = _take(text, self.speech)
        known = self.speech.say(out.text)
        if known == out.text:
            return None
        return self._filled(known, dict(zip(_LETTERS, out.values, strict=False)))

    def _filled(self, text: str, values: Mapping[str, str]) -> str:
        said = self.speech.figures(text)
        for name, value in values.items():
            said = said.replace(f"%({name})s", value)
        return said

    def figures(self, text: str) -> str:
        """The numbers and days of a text whose words are in this language already."""
        return text if self.speech.language == "en" else self._figures(text)

    def _figures(self, text: str) -> str:
        return _VALUE.sub(lambda found: _value(found, self.speech), text)

    def lettering(self, text: str) -> str:
        """What a drawing writes: its own direction is left to right, so what is written the other
        way says so."""
        if self.mirrored and re.search(r"[\u0600-\u06ff]", text):
            return f"\u2067{text}\u2069"
        return text


PLAIN = Sayer(ENGLISH)
"""Says every text as it stands."""


MIRRORED = str.maketrans({",": "،", ";": "؛"})
"""Signs that languages written from right to left write their own way."""


def _mark(mark: str, speech: Speech) -> str:
    """The sign between parts, as this language writes it."""
    return mark.translate(MIRRORED) if speech.right_to_left else mark


@lru_cache(maxsize=1)
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for shape in SHAPES:
        pattern = re.sub(
            r"%\\\((\w+)\\\)s|%\((\w+)\)s",
            lambda m: f"(?P<{m[1] or m[2]}>.+?)",
            re.escape(shape),
        )
        found.append((shape, re.compile(pattern)))
    return tuple(found)
