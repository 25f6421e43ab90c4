"""Forms derived from the rulebook: a fact's type gives its input, its label and allowed values.

Comes in: a kind and the columns somebody may fill in; then what was sent. Goes out: facts for an
event, or an error beside each field that says what is allowed. A form never repeats a value in a
message, and a field that is left alone stays unknown: nothing is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onward.caseload.events import TEXT_LIMIT
from onward.dates import NotADate, day_range
from onward.desk import dates, words
from onward.registry.identities import scans
from onward.registry.identities.attachments import MARK as ATTACHED
from onward.registry.importing.doubles import APART, ASK, BASIS, SETTLED
from onward.registry.importing.receipts import PUTS_BACK
from onward.rulebook.model import Fact, Rulebook

FEW = 7
"""Up to so many allowed values are shown side by side; more become a list to choose from."""

HINTS = {
    ("rumour", "heard_at"): _("The part of the camp or the place, as Block 4 or the clinic, so that the answer is brought there. No tent, and nobody's name."),
    ("incident", "severity"): _("1: detention, disappearance or violence. Every pending move there is paused until somebody has reviewed it."),
    ("incident", "destination"): _("The code of a country, or the name of a site or recipient. Left empty, moves everywhere are paused."),
}  # fmt: skip
"""What must be known before a fact is filled in, by kind and fact."""

CALLED: Mapping[str, tuple[str, ...]] = {
    "fa": ("farsi", "persian"), "ar": ("arabic",), "ckb": ("sorani", "central kurdish"),
    "ku": ("kurmanji",), "az": ("azeri", "azerbaijani"), "ps": ("pashto",), "prs": ("dari",),
    "ur": ("urdu",),
}  # fmt: skip
"""What people type for a language, besides its code and its own name."""
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,79}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{3}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)


@dataclass
class Input:
    """One field of a form.

    look      yes_no, one (side by side), pick (a list), several, date, number, text, lines, words,
              files
    options   (value, word) to choose from, or to suggest for text
    value     what is shown: as typed after an error
    latest    the last day that can be meant, where something has happened already
    blank     what a list calls no answer, where that does not mean "not known"
    """

    name: str
    label: Any
    look: str
    options: list[tuple[str, Any]] = field(default_factory=list)
    hint: Any = ""
    value: Any = ""
    required: bool = False
    error: str = ""
    sealed: bool = False
    limit: int = TEXT_LIMIT
    latest: date | None = None
    facts: tuple[str, ...] = ()
    blank: Any = ""

    @property
    def id(self) -> str:
        return "f-" + self.name.replace(".", "-")

    @property
    def described(self) -> str:
        found = [f"{self.id}-hint"] if self.hint else []
        return " ".join(found + ([f"{self.id}-error"] if self.error else []))

    @property
    def named(self) -> str:
        """What the value in the field stands for, where the field takes a code: "Norway"."""
        word = next((str(word) for code, word in self.options if code == self.value), "")
        return "" if word == self.value else word

    @property
    def told(self) -> str:
        """The error as a summary says it: after the label, where it does not name it itself."""
        return self.error if str(self.label) in self.error else f"{self.label}: {self.error}"

    @property
    def first(self) -> str:
        """The element a summary of errors leads to."""
        return f"{self.id}-0" if self.look in ("yes_no", "one", "several") else self.id


@dataclass
class Form:
    """Some fields, what was sent in them and what is wrong with it.

    files  scans that were sent with it, as they may be kept; never among the facts
    """

    inputs: list[Input]
    facts: dict[str, Any] = field(default_factory=dict)
    files: list[scans.Scan] = field(default_factory=list)

    @property
    def problems(self) -> list[Input]:
        return [each for each in self.inputs if each.error]

    @property
    def valid(self) -> bool:
        return not self.problems

    def get(self, name: str) -> Input | None:
        return next((each for each in self.inputs if each.name == name), None)

    def value(self, name: str) -> Any:
        return self.facts.get(name)

    def fail(self, name: str, error: str) -> None:
        for each in self.inputs:
            if each.name == name:
                each.error = error

    @property
    def takes_files(self) -> bool:
        return any(each.look == "files" for each in self.inputs)

    def read(self, data: Any, files: Any = None) -> Form:
        """Take what was sent; `facts` then holds every field that was answered."""
        for each in self.inputs:
            if each.look == "files":
                self._take(each, files.getlist(each.name) if files else [])
            else:
                self._read(each, data)
        # A browser does not keep a file that was chosen: say so where something else is wrong.
        for each in self.inputs:
            if each.look == "files" and self.files and self.problems and not each.error:
                each.error = gettext("Choose the files again: the browser does not keep them.")
        return self

    def _take(self, each: Input, sent: Sequence[Any]) -> None:
        try:
            if len(sent) > scans.MOST_FILES:
                raise scans.NotAScan("many")
            for one in sent:
                one.seek(0)
                self.files.append(scans.cleaned(one.read()))
        except scans.NotAScan as refused:
            self.files.clear()
            each.error = _not_taken(refused.why)

    def _read(self, each: Input, data: Any) -> None:
        if each.look == "several":
            chosen = data.getlist(each.name)
            each.value = chosen
            allowed = {value for value, _ in each.options}
            if not set(chosen) <= allowed:
                each.error = gettext("Choose from the list.")
            elif chosen or data.get(f"{each.name}-none"):
                self.facts[each.name] = sorted(chosen)
            return
        text = str(data.get(each.name, "")).strip()
        each.value = text
        if not text:
            if each.required:
                each.error = _missing(each)
            return
        try:
            self.facts[each.name] = _meant(each, text)
        except ValueError as error:
            each.error = str(error)


def _not_taken(why: str) -> str:
    return {
        "empty": gettext("The file is empty."),
        "large": gettext(
            "The file is larger than 5 MB. Scan it in grey at 150 dots per inch, or in parts."
        ),
        "kind": gettext(
            "The file is not a PDF, a JPEG or a PNG. Its name does not matter, its contents do."
        ),
        "damaged": gettext("The file is cut short or damaged. Scan it again."),
        "active": gettext(
            "The PDF runs something, holds other files or has a password. Print it to a new PDF."
        ),
        "pixels": gettext("The picture has too many pixels. Make it smaller."),
        "many": gettext("At most 5 files with one form."),
    }[why]


def _missing(each: Input) -> str:
    if each.look in ("yes_no", "one", "pick", "several"):
        return gettext("Choose an answer: %(label)s.") % {"label": each.label}
    if each.look == "date":
        return gettext("Enter a date: %(label)s.") % {"label": each.label}
    return gettext("Enter this: %(label)s.") % {"label": each.label}


def _code_of(each: Input, text: str) -> str:
    """The code that was meant where its word was typed: anything else stays as typed."""
    said = text.casefold()
    for code, word in each.options:
        if said in (str(code).casefold(), str(word).casefold()):
            return str(code)
    if each.look == "language":
        for code, names in CALLED.items():
            if said in (*names, words.code(code).casefold()):
                return code
    return text


def _meant(each: Input, text: str) -> Any:
    if each.look in ("text", "country", "language") and each.options:
        text = _code_of(each, text)
    if each.look == "yes_no":
        if text not in ("yes", "no"):
            raise ValueError(gettext("Choose yes or no, or leave it unknown."))
        return text == "yes"
    if each.look in ("one", "pick"):
        if text not in {value for value, _ in each.options}:
            raise ValueError(gettext("Choose from the list."))
        return text
    if each.look in ("date", "partial"):
        try:
            meant = dates.meant(text)
            first, last = day_range(meant)
        except NotADate:
            raise ValueError(
                gettext("Not a date. Write it as 2026-10-31, or 1405-08-09 (Solar Hijri).")
            ) from None
        if each.look == "date" and first != last:
            raise ValueError(gettext("The day is needed, as 2026-10-31."))
        if each.latest is not None and first > each.latest:
            raise ValueError(gettext("This day has not come yet. Look at the year."))
        return meant
    if each.look == "number":
        plain = dates.western(text)
        if not re.fullmatch(r"\d{1,9}", plain):
            raise ValueError(gettext("Enter a whole number, 0 or more."))
        return int(plain)
    if each.look == "country":
        if not _COUNTRY.fullmatch(text.upper()):
            raise ValueError(gettext("Enter the country's three letters, as NOR."))
        return text.upper()
    if each.look == "language":
        if not _LANGUAGE.fullmatch(text):
            raise ValueError(
                gettext("Choose a language from the list, or enter its code, as fa, ar or ckb.")
            )
        return text
    if each.look == "lines":
        if any(not REFERENCE.fullmatch(line) for line in lines(text)):
            raise ValueError(
                gettext(
                    "Each line is a reference of at most 80 letters, digits and . _ : - with no space in it."
                )
            )
        return text
    if len(text) > each.limit:
        said = gettext(
            "At most %(number)s characters. The person's own account belongs in the sealed notes."
        )
        if each.limit < TEXT_LIMIT:  # a name, a place: nobody would put an account there
            said = gettext("At most %(number)s characters.")
        raise ValueError(said % {"number": dates.digits(str(each.limit))})
    return text


def input_for(
    fact: Fact, *, value: Any = None, required: bool = False,
    places: Iterable[tuple[str, str]] = (),
) -> Input:  # fmt: skip
    """The input of one declared fact, with what is on record in it."""
    found = Input(
        fact.name, words.translated(fact.label), "text", required=required,
        sealed=fact.sensitivity == "sealed",
    )  # fmt: skip
    if fact.type == "boolean":
        found.look = "yes_no"
        found.value = {True: "yes", False: "no"}.get(value, "")
        return found
    if fact.type == "code":
        found.look = "one" if len(fact.allowed) <= FEW else "pick"
        found.options = [(code, words.code(code)) for code in fact.allowed]
    elif fact.type == "codes":
        found.look = "several"
        found.options = [(code, words.code(code)) for code in fact.allowed]
        found.value = list(value or [])
        return found
    elif fact.type == "date":
        found.look, found.hint = (
            "date",
            _("As 2026-10-31. A year from 1300 to 1499 is Solar Hijri."),
        )
    elif fact.type == "partial_date":
        found.look = "partial"
        found.hint = _(
            "As 2026-10-31; 2026-10 or 2026 when only that is known. A year from 1300 to 1499 is Solar Hijri."
        )
    elif fact.type in ("integer", "number"):
        found.look = "number"
    elif fact.type == "country":
        found.look, found.hint = "country", _("Three letters, as NOR.")
    elif fact.type == "language":
        found.look, found.options = "language", list(words.LANGUAGES)
        found.hint = _("By its name, or its code of two or three letters.")
    elif fact.name in ("destination", "recipient", "intended_destination", "went_to"):
        found.options = list(places)
        found.hint = _("The code of a country, or the name of a site or recipient.")
    found.value = "" if value is None else str(value)
    if found.look in ("date", "partial"):
        found.value = dates.typed(found.value)
    return found


def form_for(
    rulebook: Rulebook, kind: str, columns: Collection[str] | None = None, *,
    values: Mapping[str, Any] | None = None, required: Collection[str] = (),
    places: Iterable[tuple[str, str]] = (),
) -> Form:  # fmt: skip
    """A form of one kind.

    columns   the facts asked, in the rulebook's order; None: all of them
    values    what is on record
    required  facts without which the record would say nothing
    """
    places = list(places)
    known = values or {}
    form = Form(
        [
            input_for(fact, value=known.get(name), required=name in required, places=places)
            for name, fact in rulebook.kinds[kind].facts.items()
            if columns is None or name in columns
        ]
    )
    for each in form.inputs:
        each.hint = HINTS.get((kind, each.name), each.hint)
    return form


def when(value: str, label: Any = None, *, partial: bool = True) -> Input:
    """The day something happened, filled in with today, which is the last it can be."""
    return Input(
        "effective", label or _("Day it happened"), "partial" if partial else "date",
        hint=_("As 2026-10-31. A year from 1300 to 1499 is Solar Hijri."),
        value=dates.typed(value), required=True, latest=date.fromisoformat(value),
    )  # fmt: skip


def evidence() -> Input:
    return Input(
        "evidence", _("Evidence"), "lines", limit=1600,
        hint=_("References to documents kept elsewhere, one on each line, without spaces: FILE-12/3 is written FILE-12.3. No names."),
    )  # fmt: skip


def scanned() -> Input:
    return Input(
        "files", _("Scans and photos"), "files",
        hint=_("PDF, JPEG or PNG, up to 5 MB each, at most 5. Kept encrypted with the person's papers; notes hidden in a picture, as where it was taken, are left out."),
    )  # fmt: skip


MARKS = (ATTACHED, APART, ASK, SETTLED, BASIS, PUTS_BACK)
"""What evidence begins with where it is a file, a decision or an undo, made by their own pages
only."""


def lines(text: Any) -> tuple[str, ...]:
    """The lines somebody typed; one that looks like a mark of the program becomes a reference."""
    typed = (line.strip() for line in str(text or "").splitlines() if line.strip())
    return tuple(dict.fromkeys(f"see:{x}"[:80] if x.startswith(MARKS) else x for x in typed))
