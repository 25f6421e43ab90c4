"""The entries of a plan as forms: how they are filled in, read back, and what changed in words.

Comes in: an entry as the plan's text holds it, then what was sent. Goes out: the entry as it would
be, in which whatever nobody touched is exactly as it was. What is asked stands in `plan_asks`, the
lists inside an entry in `plan_rows`; what a form does not ask for is kept as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates, forms, words
from onward.desk.plan_asks import About, Ask, Section
from onward.desk.plan_rows import (
    LISTS,
    SPAN,
    THREE,
    Row,
    plain,
    put,
    read_three,
    sent,
    shown,
    three,
    three_said,
)

# -- from an entry to a form -----------------------------------------------------------------------


@dataclass
class Part:
    """A group of inputs as the page shows it: on its own line, or side by side."""

    title: Any
    rows: list[Row] = field(default_factory=list)


@dataclass
class EntryForm:
    """A form for one entry. `known`: the entry as it was when somebody began to change it."""

    section: Section
    about: About
    known: dict[str, Any]
    closing: bool = False
    parts: list[Part] = field(default_factory=list)
    form: forms.Form = field(default_factory=lambda: forms.Form([]))

    def __post_init__(self) -> None:
        for group in self.section.groups:
            part = Part(group.title)
            for ask in group.asks:
                if self.closing and not ask.closing:
                    continue
                part.rows += list(self._rows(ask))
            if part.rows:
                self.parts.append(part)
        self.form = forms.Form(
            [each for part in self.parts for row in part.rows for each in row.inputs]
        )
        self.first = {each.name: sent(each.value) for each in self.form.inputs}

    @property
    def asks(self) -> Iterator[Ask]:
        for group in self.section.groups:
            for ask in group.asks:
                if not self.closing or ask.closing:
                    yield ask

    def _rows(self, ask: Ask) -> Iterator[Row]:
        if ask.look in LISTS:
            yield from LISTS[ask.look].rows(self.known, self.about)
        else:
            inputs = list(self._inputs(ask))
            if inputs:
                yield Row(ask.label, inputs, ask.hint if len(inputs) > 1 else "")

    def _inputs(self, ask: Ask) -> Iterator[forms.Input]:
        worth = _at(self.known, ask.path)
        options = list(ask.options(self.about)) if ask.options else []
        label: Any = ask.label
        if ask.path.startswith("factors."):
            label = words.translated(str(label))
        if ask.look in ("range", "span"):
            yield from three(ask.path, worth, ask.look, required=ask.required, label=label)
            return
        if ask.look == "whom":
            options = self.about.allowed("group")
            if not (worth in (None, "everyone") or (isinstance(worth, dict) and set(worth) == {"group"})) or not options:  # fmt: skip
                return  # a rule of another kind stays as the text has it
            worth = worth["group"] if isinstance(worth, dict) else []
        if ask.path.startswith("conditions.") and ask.look == "several":
            name = ask.path.partition(".")[2]
            fact = self.about.rulebook.kinds["person"].facts.get(name)
            if fact is None or not options:
                return
            label = _("Only these: %(what)s") % {"what": words.translated(fact.label)}
        if ask.look == "waits":
            worth = [name for name, _days in _waits(worth)]
        if ask.look == "one" and not ask.required:
            blank = _("Not examined") if ask.path.startswith("factors.") else _("Not known")
            options = [("", blank), *options]
        look = {
            "line": "text", "long": "words", "day": "date", "chance": "number", "whom": "several",
            "waits": "several", "by": "text",
        }.get(ask.look, ask.look)  # fmt: skip
        if ask.look in ("several", "waits", "pick"):
            known = {value for value, _word in options}
            kept = worth if isinstance(worth, list) else [worth] if worth else []
            options += [(value, value) for value in kept if value not in known]
        hint: Any = ask.hint
        if ask.look == "by":
            hint = _("A day, or the id of a deadline.")
        if ask.look == "country":
            hint = _("Three letters, as NOR.")
        if ask.look == "day":
            hint = hint or _("As 2026-10-31. A year from 1300 to 1499 is Solar Hijri.")
        yield forms.Input(
            ask.path, label, look, options, hint, shown(ask.look, worth), ask.required,
            limit=300, blank="–",
        )  # fmt: skip

    # -- and back ----------------------------------------------------------------------------------

    def read(self, data: Any) -> dict[str, Any]:
        """What was sent, as the entry would be; look at `form.problems` first."""
        self.form.read(data)
        touched = self.touched()
        for each in self.form.inputs:
            if each.name not in touched and sent(each.value):
                each.error = ""  # a value of the text that a form would not take stays as it is
        entry = deepcopy(self.known)
        for ask in self.asks:
            if ask.look in LISTS:
                LISTS[ask.look].read(self.form, self.about, entry, touched)
            elif self.form.get(ask.path) is not None and touched & _names(ask.path):
                put(entry, ask.path, self._meant(ask))
        return entry

    def touched(self) -> set[str]:
        return {
            each.name for each in self.form.inputs if sent(each.value) != self.first[each.name]
        }

    def _meant(self, ask: Ask) -> Any:
        worth = self.form.facts.get(ask.path)
        if ask.look in ("range", "span"):
            return read_three(self.form, ask.path, ask.look)
        if ask.look == "day":
            return date.fromisoformat(str(worth)) if worth else None
        if ask.look == "chance":
            if worth is not None and int(worth) > 100:
                self.form.fail(ask.path, gettext("Between 0 and 100."))
            return None if worth is None else round(int(worth) / 100, 2)
        if ask.look == "whom":
            return {"group": list(worth)} if worth else "everyone"
        if ask.look == "waits":
            days = dict(_waits(self.known.get(ask.path)))
            return [
                {name: days[name]} if days.get(name) else name for name in worth or ()
            ] or None
        if ask.look == "several":
            options = [value for value, _word in self.form.get(ask.path).options]  # type: ignore[union-attr]
            chosen = sorted(worth or (), key=options.index)
            if ask.required and not chosen:
                self.form.fail(ask.path, gettext("Choose at least one."))
            return chosen or None
        if ask.look == "by" and worth:
            return self._by(ask, str(worth))
        return worth

    def _by(self, ask: Ask, text: str) -> Any:
        if text in self.about.plan.deadlines:
            return text
        try:
            return date.fromisoformat(dates.meant(text))
        except ValueError:
            self.form.fail(ask.path, gettext("A day as 2026-10-31, or the id of a deadline."))
            return text

    def rebased(self, now: EntryForm) -> None:
        """What somebody else changed meanwhile shows in the fields nobody touched here."""
        mine = self.touched()
        theirs = {each.name: each.value for each in now.form.inputs}
        for each in self.form.inputs:
            if each.name not in mine and each.name in theirs:
                each.value = theirs[each.name]


def _names(path: str) -> set[str]:
    """The fields that one thing asked may have: one, or three."""
    return {path + tail for tail, _key in (*THREE, *SPAN)}


def _waits(worth: Any) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for one in worth or ():
        found += list(one.items()) if isinstance(one, dict) else [(one, 0)]
    return found


def _at(entry: Mapping[str, Any], path: str) -> Any:
    found: Any = entry
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


# -- what would change, in words -------------------------------------------------------------------


def differences(
    section: Section, about: About, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, str, str]]:  # fmt: skip
    """What is asked, what it was, what it would be: only what differs, in words."""
    was, new = before or {}, after or {}
    found = []
    for group in section.groups:
        for ask in group.asks:
            if ask.look in LISTS:
                pairs = LISTS[ask.look].pairs(ask.label, about, was, new)
            else:
                label = ask.label
                if ask.path.startswith("conditions.") and ask.look == "several":
                    fact = about.rulebook.kinds["person"].facts.get(ask.path.partition(".")[2])
                    label = words.translated(fact.label) if fact else label
                elif ask.path.startswith("factors."):
                    label = words.translated(str(label))
                pairs = [(label, said(ask, about, _at(was, ask.path)), said(ask, about, _at(new, ask.path)))]  # fmt: skip
            found += [(str(label), old, now) for label, old, now in pairs if old != now]
    return found


def said(ask: Ask, about: About, worth: Any) -> str:
    """A value in words: "15 January 2027, or between 1 December 2026 and 31 March 2027"."""
    if worth in (None, "", [], {}):
        return ""
    if isinstance(worth, dict) and "likely" in worth:
        return three_said(worth)
    if isinstance(worth, bool):
        return gettext("Yes") if worth else gettext("No")
    if ask.look == "chance":
        return dates.percent(float(worth))
    if ask.look == "whom":
        if worth == "everyone":
            return gettext("Everybody")
        if isinstance(worth, dict):
            return words.listed(words.code(str(one)) for each in worth.values() for one in each)
    if ask.look == "waits":
        worth = [name for name, _days in _waits(worth)]
    options = {value: str(word) for value, word in (ask.options(about) if ask.options else ())}
    if isinstance(worth, list):
        return words.listed(options.get(str(one), str(one)) for one in worth)
    if ask.look == "country":
        from onward.desk import here

        return here.destination(str(worth))
    return options.get(str(worth), plain(worth))
