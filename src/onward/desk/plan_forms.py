"""The entries of a plan as forms: what is asked of each, how it is read back, what changed in words.

Comes in: an entry as the plan's text holds it, then what was sent. Goes out: the entry as it would
be, in which whatever nobody touched is exactly as it was. Allowed values are those of the plan's
model and of the rulebook; what a form does not ask for (effects of work, shares of an offer) is
kept as it stands.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Any, get_args

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates, forms, words
from onward.plan import model
from onward.rulebook.model import Rulebook

NEW = "new"
SPARE = 2
"""Empty rows below those a list has."""
CONDITIONS = ("categories", "group", "affiliation", "sex", "specific_needs", "priority")
THREE = (("", "likely"), (".earliest", "earliest"), (".latest", "latest"))
SPAN = (("", "likely"), (".least", "min"), (".most", "max"))


@dataclass(frozen=True)
class About:
    """What options are made of: the plan in force and its rulebook."""

    plan: model.Plan
    rulebook: Rulebook

    def entries(self, *sections: str, but: str = "") -> list[tuple[str, Any]]:
        return [
            (one.id, words.translated(one.title))
            for section in sections
            for one in getattr(self.plan, section).values()
            if one.id != but
        ]

    def states(self, axis: str) -> list[tuple[str, Any]]:
        if axis not in self.rulebook.axes:
            return []
        return [
            (name, words.state(self.rulebook, axis, name))
            for name in self.rulebook.axes[axis].states
        ]

    def steps(self) -> list[tuple[str, Any]]:
        return [
            (name, f"{words.translated(one.title)} ({name})")
            for name, one in self.rulebook.transitions.items()
        ]

    def allowed(self, fact: str) -> list[tuple[str, Any]]:
        found = self.rulebook.kinds["person"].facts.get(fact)
        return [(value, words.code(value)) for value in found.allowed] if found else []


Options = Callable[[About], list[tuple[str, Any]]]


@dataclass(frozen=True)
class Ask:
    """One thing asked of an entry.

    path     where it stands in the entry ("renewal.lead_days")
    look     line, long, pick, one, several, day, range (a day, or earliest, likely and latest),
             span (days, or least, likely and most), number, chance, country, yes_no, waits, whom
    closing  asked too when somebody only closes the entry
    """

    path: str
    label: Any
    look: str = "line"
    options: Options | None = None
    hint: Any = ""
    required: bool = False
    closing: bool = False


@dataclass(frozen=True)
class Group:
    title: Any
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Section:
    """One part of the plan. `one`: what a single entry is called."""

    name: str
    title: Any
    one: Any
    groups: tuple[Group, ...]
    closes: bool = False


def _values(kind: Any) -> Options:
    return lambda about: [(value, words.code(value)) for value in get_args(kind)]


def _coded(values: Sequence[str]) -> Options:
    return lambda about: [(value, words.code(value)) for value in values]


def _of(*sections: str) -> Options:
    return lambda about: about.entries(*sections)


def _allowed(fact: str) -> Options:
    return lambda about: about.allowed(fact)


def _hidden(*, required: bool = False) -> Ask:
    return Ask("confidentiality", _("Who may see it"), "one", _coded(model.CONFIDENTIALITY),
               _("Sensitive: only the few whose roles name it. Partners: everybody who reads the plan here. Public: outside readers too."), required)  # fmt: skip


RANGE = _("Only the likely day when it is sure. Otherwise the earliest and the latest too.")
SECTIONS: dict[str, Section] = {
    "authorities": Section("authorities", _("Authorities"), _("Authority"), (
        Group(_("What it is"), (
            Ask("title", _("Title"), required=True),
            Ask("type", _("Type"), "pick", _coded(model.AUTHORITY_TYPES), required=True),
            Ask("grantor", _("Given by"), required=True),
            Ask("beneficiaries", _("Whom it covers"), "whom", hint=_("Nothing chosen: everybody.")),
            _hidden(),
        )),
        Group(_("Its clock"), (
            Ask("effective", _("Takes effect"), "range", hint=RANGE, required=True),
            Ask("expiry", _("Last day"), "day", closing=True),
            Ask("review_by", _("Review by"), "day"),
            Ask("at_expiry", _("What happens when it ends"), closing=True),
            Ask("renewal.lead_days", _("Days before the end when renewal must be asked for"), "number"),
            Ask("renewal.until", _("Would then run to"), "day"),
            Ask("renewal.chance", _("Chance of renewal, in percent"), "chance"),
            Ask("early_end.by", _("Who may end it early")),
            Ask("early_end.notice_days", _("Days of notice"), "number"),
            Ask("early_end.chance", _("Chance of an early end, in percent"), "chance"),
        )),
        Group(_("What rests on it"), (
            Ask("rests.legal", _("Legal status"), "several", lambda about: about.states("legal")),
            Ask("rests.place", _("Place"), "several", lambda about: about.states("place")),
            Ask("rests.moves", _("Steps"), "several", lambda about: about.steps()),
            Ask("rests_on", _("Itself rests on"), "several", _of("authorities", "assurances")),
            Ask("supersedes", _("Takes the place of"), "pick", _of("authorities")),
        )),
    ), closes=True),
    "assurances": Section("assurances", _("Assurances"), _("Assurance"), (
        Group(_("What it is"), (
            Ask("title", _("Title"), required=True),
            Ask("recipient", _("Given by the State"), "country", required=True),
            Ask("purpose", _("Purpose"), "one", _coded(("handover", "site_responsibility", "return")), required=True),
            Ask("state", _("State"), "one", _coded(("sought", "drafted", "signed", "in_force", "refused", "breached")), required=True, closing=True),
            Ask("covers", _("Whom it covers"), "whom", hint=_("Nothing chosen: everybody.")),
            Ask("covers_onward_transfer", _("Rules out being sent on elsewhere"), "yes_no"),
            Ask("effective", _("Takes effect"), "range", hint=RANGE),
            Ask("expiry", _("Last day"), "day", closing=True),
            Ask("moves", _("Steps that rely on it"), "several", lambda about: about.steps()),
            Ask("supersedes", _("Takes the place of"), "pick", _of("assurances")),
            _hidden(),
        )),
        Group(_("Findings"), tuple(
            Ask(f"factors.{name}", text[:1].upper() + text[1:], "one", _values(model.Factor))
            for name, text in model.FACTORS.items()
        )),
        Group(_("Conclusion of the named lawyer"), (
            Ask("conclusion.finding", _("Conclusion"), "one", _coded(("can_rely", "cannot_rely"))),
            Ask("conclusion.by", _("Concluded by"), hint=_("The role, never a name.")),
            Ask("conclusion.dated", _("Day of the conclusion"), "day"),
        )),
    ), closes=True),
    "pledges": Section("pledges", _("Offers of places"), _("Offer of places"), (
        Group(_("What is offered"), (
            Ask("title", _("Title"), required=True),
            Ask("country", _("Country"), "country", required=True),
            Ask("channel", _("Channel"), "pick", _coded(model.CHANNELS), required=True),
            Ask("state", _("State"), "one", _coded(model.PLEDGE_STATES), required=True, closing=True,
                hint=_("Only confirmed and open offers count as places.")),
            Ask("chance", _("Chance that it opens at all, in percent"), "chance",
                hint=_("Needed while the offer is only spoken of or offered.")),
            Ask("filled", _("Places already used"), "number", closing=True),
            Ask("valid_to", _("Valid to"), "day", closing=True),
            _hidden(required=True),
        )),
        Group(_("Places, and from when"), (Ask("windows", _("Places"), "windows"),)),
        Group(_("Conditions"), (
            Ask("conditions.families_only", _("Families only"), "yes_no"),
            *(Ask(f"conditions.{name}", _("Only these"), "several",
                  _allowed(name)) for name in CONDITIONS),
            Ask("conditional_on.pledge", _("Opens only after another offer"), "pick", _of("pledges")),
            Ask("conditional_on.departed", _("Once so many people have left with it"), "number"),
            Ask("conditional_on.delay_days", _("And so many days later"), "number"),
        )),
    ), closes=True),
    "actions": Section("actions", _("Work"), _("Piece of work"), (
        Group(_("What is done"), (
            Ask("title", _("Title"), required=True),
            Ask("owner", _("Owner"), hint=_("The role, never a name."), required=True),
            Ask("duration_days", _("Days it takes"), "span", hint=_("Only the likely number when it is sure. Otherwise the least and the most too."), required=True),
            Ask("chance", _("Chance that it is ever finished, in percent"), "chance"),
            Ask("earliest", _("Not before"), "range", hint=RANGE),
            Ask("started", _("Started on"), "day", closing=True),
            Ask("finished", _("Finished on"), "day", closing=True),
            _hidden(),
        )),
        Group(_("What it hangs on"), (
            Ask("depends_on", _("Waits for"), "waits", _of("actions", "milestones")),
            Ask("serves", _("Must be ready for"), "several", _of("deadlines", "milestones")),
            Ask("relies_on", _("Needs in force"), "several", _of("authorities", "assurances", "pledges")),
            Ask("renews", _("Asks for the renewal of"), "pick", _of("authorities")),
        )),
    ), closes=True),
    "milestones": Section("milestones", _("Milestones"), _("Milestone"), (
        Group(_("What is reached"), (
            Ask("title", _("Title"), required=True),
            Ask("after", _("Reached when these are done"), "several", _of("actions", "milestones"), required=True),
            Ask("by", _("Wanted by"), "by", _of("deadlines")),
            _hidden(),
        )),
    )),
    "deadlines": Section("deadlines", _("Deadlines"), _("Deadline"), (
        Group(_("What ends"), (
            Ask("title", _("Title"), required=True),
            Ask("date", _("Day"), "day", required=True),
            Ask("authority", _("Authority whose clock it follows"), "pick", _of("authorities")),
            Ask("clock", _("Which clock"), "one", _coded(("expiry", "review_by"))),
            _hidden(),
        )),
    )),
    "messages": Section("messages", _("Messages"), _("Message"), (
        Group(_("What is told"), (
            Ask("title", _("Title"), required=True),
            Ask("kind", _("Kind"), "one", _coded(("sheet", "notice", "answer")), required=True,
                hint=_("An answer is for a rumour.")),
            Ask("audience", _("For"), "one", _coded(("internal", "partners", "everyone", "group", "individual", "host")), required=True),
            Ask("version", _("Version"), required=True),
            Ask("owner", _("Owner"), hint=_("The role, never a name."), required=True),
            Ask("channel", _("Channel"), required=True),
            Ask("true_as_of", _("True as of"), "day", required=True),
        )),
        Group(_("Texts"), (Ask("texts", _("Text"), "texts"),)),
        Group(_("When it goes out"), (
            Ask("released", _("Goes out on"), "day"),
            Ask("released_after", _("Goes out when this is done"), "pick", _of("actions", "milestones")),
            Ask("embargo_until", _("Not before"), "range", hint=RANGE),
            Ask("supersedes", _("Takes the place of"), "pick", _of("messages")),
        )),
        Group(_("What it speaks of"), (
            Ask("mentions", _("Mentions"), "several", _of("pledges", "deadlines", "authorities", "assurances", "actions", "milestones")),
            Ask("pathways", _("Pathways"), "several", lambda about: _pathways(about)),
            Ask("says", _("Says"), "several", lambda about: [(name, words.translated(text[:1].upper() + text[1:])) for name, text in model.SAYS.items()]),
        )),
    )),
}  # fmt: skip


def _pathways(about: About) -> list[tuple[str, Any]]:
    from onward.desk.sight import pathway_title

    names = dict.fromkeys(m.pathway for m in about.rulebook.moves().values() if m.pathway)
    return [(name, pathway_title(name)) for name in names]


def key_of(plan: model.Plan, section: str, id: str) -> str:
    """What an address calls an entry: an id could give away an offer made in confidence."""
    return hashlib.sha256(f"{plan.id}\n{section}\n{id}".encode()).hexdigest()[:12]


# -- from an entry to a form -----------------------------------------------------------------------


@dataclass
class Part:
    """A group of inputs as the page shows it: on its own line, or side by side."""

    title: Any
    rows: list[Row] = field(default_factory=list)


@dataclass
class Row:
    """One thing asked: one input, or several under one legend."""

    legend: Any
    inputs: list[forms.Input]
    hint: Any = ""

    @property
    def many(self) -> bool:
        return len(self.inputs) > 1


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
        self.first = {each.name: _sent(each.value) for each in self.form.inputs}

    @property
    def asks(self) -> Iterator[Ask]:
        for group in self.section.groups:
            for ask in group.asks:
                if not self.closing or ask.closing:
                    yield ask

    def _rows(self, ask: Ask) -> Iterator[Row]:
        if ask.look == "windows":
            yield from self._windows()
        elif ask.look == "texts":
            yield from self._texts()
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
            yield from _three(ask.path, worth, ask.look, required=ask.required, label=label)
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
            ask.path, label, look, options, hint, _shown(ask.look, worth), ask.required,
            limit=300, blank="–",
        )  # fmt: skip

    def _windows(self) -> Iterator[Row]:
        rows = windows_of(self.known)
        for number in range(len(rows) + SPARE):
            row = rows[number] if number < len(rows) else {}
            name = f"windows.{number}"
            yield Row(
                _("Places no. %(n)s") % {"n": dates.digits(str(number + 1))},
                [
                    forms.Input(f"{name}.places", _("Places for people"), "number", value=_shown("number", row.get("places"))),
                    *_three(f"{name}.from", row.get("from"), "range", label=_("Usable from")),
                    forms.Input(f"{name}.to", _("Usable to"), "date", value=_shown("day", row.get("to"))),
                ],
                RANGE,
            )  # fmt: skip

    def _texts(self) -> Iterator[Row]:
        texts = self.known.get("texts") or {}
        for language in dict.fromkeys((*self.about.plan.languages, *texts)):
            row, name = texts.get(language) or {}, f"texts.{language}"
            own = dict(forms.LANGUAGES).get(language, language)
            asked = [
                forms.Input(f"{name}.text", _("Text"), "words", value=_shown("line", row.get("text")), limit=20_000),
                forms.Input(f"{name}.translator", _("Translated by"), "text", value=_shown("line", row.get("translator")), hint=_("The role, never a name.")),
                forms.Input(f"{name}.approved_by", _("Approved by"), "text", value=_shown("line", row.get("approved_by")), hint=_("The role, never a name. A changed text is a draft again until it is approved.")),
                forms.Input(f"{name}.approved_on", _("Approved on"), "date", value=_shown("day", row.get("approved_on"))),
            ]  # fmt: skip
            yield Row(own, asked[1:] if row.get("path") else asked)

    # -- and back ----------------------------------------------------------------------------------

    def read(self, data: Any) -> dict[str, Any]:
        """What was sent, as the entry would be; look at `form.problems` first."""
        self.form.read(data)
        touched = self.touched()
        for each in self.form.inputs:
            if each.name not in touched and _sent(each.value):
                each.error = ""  # a value of the text that a form would not take stays as it is
        entry = deepcopy(self.known)
        for ask in self.asks:
            if ask.look == "windows":
                if self._touched("windows."):
                    self._read_windows(entry)
            elif ask.look == "texts":
                self._read_texts(entry)
            elif self.form.get(ask.path) is not None and self._touched(ask.path, exactly=True):
                _put(entry, ask.path, self._meant(ask))
        return entry

    def _touched(self, start: str, *, exactly: bool = False) -> bool:
        def mine(name: str) -> bool:
            if not exactly:
                return name.startswith(start)
            return name == start or name in {start + tail for tail, _key in (*THREE, *SPAN)}

        return any(
            _sent(each.value) != self.first[each.name] for each in self.form.inputs if mine(each.name)
        )  # fmt: skip

    def touched(self) -> set[str]:
        return {
            each.name for each in self.form.inputs if _sent(each.value) != self.first[each.name]
        }

    def _meant(self, ask: Ask) -> Any:
        worth = self.form.facts.get(ask.path)
        if ask.look in ("range", "span"):
            return self._read_three(ask.path, ask.look)
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

    def _read_three(self, name: str, look: str) -> Any:
        found = {}
        for tail, key in THREE if look == "range" else SPAN:
            worth = self.form.facts.get(name + tail)
            if worth is not None:
                found[key] = date.fromisoformat(str(worth)) if look == "range" else int(worth)
        if not found:
            return None
        if "likely" not in found:
            self.form.fail(name, gettext("The likely one is needed."))
            return None
        if len(found) == 1:
            return found["likely"]
        keys = [key for _tail, key in (THREE if look == "range" else SPAN)]
        first, last = keys[1], keys[2]
        three = {first: found.get(first, found["likely"]), "likely": found["likely"],
                 last: found.get(last, found["likely"])}  # fmt: skip
        if not three[first] <= three["likely"] <= three[last]:
            self.form.fail(name, gettext("They are out of order: earliest or least, likely, latest or most."))  # fmt: skip
        return three

    def _read_windows(self, entry: dict[str, Any]) -> None:
        rows = []
        number = 0
        while self.form.get(f"windows.{number}.places") is not None:
            name = f"windows.{number}"
            places = self.form.facts.get(f"{name}.places")
            start = self._read_three(f"{name}.from", "range")
            end = self.form.facts.get(f"{name}.to")
            if places is not None:
                row: dict[str, Any] = {"places": places}
                if start is not None:
                    row["from"] = start
                if end:
                    row["to"] = date.fromisoformat(str(end))
                rows.append((name, row))
            elif start is not None or end:
                self.form.fail(f"{name}.places", gettext("How many places?"))
            number += 1
        if not rows:
            self.form.fail("windows.0.places", gettext("How many places?"))
            return
        for gone in ("places", "opens", "windows"):
            entry.pop(gone, None)
        if len(rows) == 1 and "to" not in rows[0][1]:
            entry["places"] = rows[0][1]["places"]
            if "from" in rows[0][1]:
                entry["opens"] = rows[0][1]["from"]
            return
        for name, row in rows:
            if "from" not in row:
                self.form.fail(f"{name}.from", gettext("From which day?"))
        entry["windows"] = [row for _name, row in rows]

    def _read_texts(self, entry: dict[str, Any]) -> None:
        texts = dict(entry.get("texts") or {})
        for language in dict.fromkeys((*self.about.plan.languages, *texts)):
            name = f"texts.{language}"
            if not self._touched(name + "."):
                continue
            row = dict(texts.get(language) or {})
            for part in ("text", "translator", "approved_by", "approved_on"):
                if self.form.get(f"{name}.{part}") is None:
                    continue
                worth = self.form.facts.get(f"{name}.{part}")
                if part == "text" and worth:
                    worth = str(worth).replace("\r\n", "\n")
                if part == "approved_on" and worth:
                    worth = date.fromisoformat(str(worth))
                _put(row, part, worth)
            if {f"{name}.text"} & self.touched() and not {
                f"{name}.approved_by", f"{name}.approved_on"} & self.touched():  # fmt: skip
                row.pop("approved_by", None)  # what was approved was another text
                row.pop("approved_on", None)
            if "text" in row or "path" in row:
                texts[language] = row
            else:
                texts.pop(language, None)
        entry["texts"] = texts
        if not texts:
            for each in self.form.inputs:
                if each.name.endswith(".text") and not self.form.problems:
                    each.error = gettext("A message needs a text in at least one language.")

    def approves(self) -> bool:
        """Whether a text would be approved with this form."""
        return any(
            each.name.endswith((".approved_by", ".approved_on")) and each.name in self.touched()
            and _sent(each.value) for each in self.form.inputs
        )  # fmt: skip

    def rebased(self, now: EntryForm) -> None:
        """What somebody else changed meanwhile shows in the fields nobody touched here."""
        mine = self.touched()
        theirs = {each.name: each.value for each in now.form.inputs}
        for each in self.form.inputs:
            if each.name not in mine and each.name in theirs:
                each.value = theirs[each.name]


def windows_of(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The places of an offer one lot after the other, however the text writes them."""
    if "places" in entry:
        return [{"places": entry["places"], "from": entry.get("opens")}]
    return [dict(row) for row in entry.get("windows") or ()]


def _three(
    name: str, worth: Any, look: str, *, required: bool = False, label: Any = ""
) -> list[forms.Input]:
    days = look == "range"
    found = worth if isinstance(worth, dict) else {"likely": worth}
    said = (
        {"likely": _("Likely"), "earliest": _("Earliest"), "latest": _("Latest")} if days
        else {"likely": _("Likely"), "min": _("Least"), "max": _("Most")}
    )  # fmt: skip
    return [
        forms.Input(
            name + tail,
            f"{label}: {said[key]}" if key == "likely" else said[key],
            "date" if days else "number",
            value=_shown("day" if days else "number", found.get(key)),
            required=required and key == "likely",
        )
        for tail, key in (THREE if days else SPAN)
    ]


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


def _put(entry: dict[str, Any], path: str, worth: Any) -> None:
    head, _dot, rest = path.partition(".")
    if rest:
        inner = dict(entry.get(head) or {})
        _put(inner, rest, worth)
        worth = inner or None
    if worth in (None, ""):
        entry.pop(head, None)
    else:
        entry[head] = worth


def _shown(look: str, worth: Any) -> Any:
    """A value of the plan as its field shows it."""
    if look in ("several", "waits", "whom"):
        return list(worth or ())
    if worth is None:
        return ""
    if isinstance(worth, bool):
        return "yes" if worth else "no"
    if look == "chance":
        return dates.digits(f"{float(worth) * 100:g}")
    if isinstance(worth, date):
        return dates.typed(worth.isoformat())
    if look == "number":
        return dates.digits(f"{worth:g}" if isinstance(worth, float) else str(worth))
    return str(worth)


def _sent(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(sorted(map(str, value)))
    return str(value or "").strip().replace("\r\n", "\n")


# -- what would change, in words -------------------------------------------------------------------


def differences(
    section: Section, about: About, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, str, str]]:  # fmt: skip
    """What is asked, what it was, what it would be: only what differs, in words."""
    was, new = before or {}, after or {}
    found = []
    for group in section.groups:
        for ask in group.asks:
            if ask.look == "windows":
                pairs = [(ask.label, _windows_said(was), _windows_said(new))]
            elif ask.look == "texts":
                pairs = [
                    (f"{ask.label}, {dict(forms.LANGUAGES).get(code, code)}",
                     _text_said((was.get("texts") or {}).get(code)),
                     _text_said((new.get("texts") or {}).get(code)))
                    for code in dict.fromkeys((*(was.get("texts") or {}), *(new.get("texts") or {})))
                ]  # fmt: skip
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
        likely, *ends = (
            _plain(worth[key]) for key in ("likely", *(k for k in worth if k != "likely"))
        )
        if len(ends) == 2:
            return gettext("likely %(likely)s, between %(first)s and %(last)s") % {
                "likely": likely, "first": ends[0], "last": ends[1],
            }  # fmt: skip
        return likely
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
    return options.get(str(worth), _plain(worth))


def _plain(worth: Any) -> str:
    if isinstance(worth, date):
        return dates.shown(worth)
    if isinstance(worth, int | float):
        return dates.digits(f"{worth:g}")
    return str(worth)


def _windows_said(entry: Mapping[str, Any]) -> str:
    found = []
    day = Ask("", "", "range")
    for row in windows_of(entry):
        people = dates.digits(str(row["places"]))
        start = said(day, None, row.get("from"))  # type: ignore[arg-type]
        end = said(day, None, row.get("to"))  # type: ignore[arg-type]
        text = gettext("%(n)s places") % {"n": people}
        if start:
            text += " " + gettext("from %(day)s") % {"day": start}
        if end:
            text += " " + gettext("to %(day)s") % {"day": end}
        found.append(text)
    return "; ".join(found)


def _text_said(row: Mapping[str, Any] | None) -> str:
    if not row:
        return ""
    text = str(row.get("text") or row.get("path") or "")
    state = (
        gettext("approved by %(who)s") % {"who": row["approved_by"]}
        if row.get("approved_by") and row.get("approved_on") else gettext("draft")
    )  # fmt: skip
    return f"{text} ({state})"


def new_id(section: Section, entry: Mapping[str, Any], taken: Sequence[str]) -> str:
    """An id for a new entry, from its title as far as that is written in Latin letters."""
    plain = unicodedata.normalize("NFKD", str(entry.get("title", ""))).encode("ascii", "ignore")
    stem = re.sub(r"[^a-z0-9]+", "_", plain.decode().lower()).strip("_")[:40].strip("_")
    if not re.match(r"[a-z]", stem):
        stem = section.name.rstrip("s") if not section.name.endswith("ies") else "authority"
    found, number = stem, 1
    while found in taken:
        number += 1
        found = f"{stem}_{number}"
    return found
