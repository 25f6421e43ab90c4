"""What is wrong with a plan, or to be looked at in it, in the reader's language and by titles.

Exists because whoever mends a plan at the desk must read what is wrong with it. Comes in: a fault
of the plan's reader or a finding of its check. Goes out: a sentence of the catalogue in which ids
stand by what the plan calls them, days and numbers as the reader writes them; what no catalogue
knows stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language_bidi, gettext
from django.utils.translation import gettext_noop as _

from onward.desk import dates, forms, plan_asks, sight, words
from onward.errors import Fault
from onward.plan.model import FACTORS, SAYS, SERVICE_METRICS, Plan
from onward.rulebook.model import Rulebook

FAULTS = (
    # what was found
    _("dates out of order"), _("numbers out of order"), _("not a SHA-256 hash"),
    _("a plan for the rulebook %(a)s"), _("nobody"), _("the id %(a)s again"),
    _("before it takes effect"), _("a chance without `until`"),
    _("an early end or a renewal of what has no expiry"), _("finished, but never started"),
    _("before it started"), _("%(a)s effects in one entry"),
    _("`factor` and `scales` belong together"), _("`amount` and `adds` belong together"),
    _("places and windows"), _("no places"), _("ends before it begins"),
    _("more places than pledged"), _("missing for a pledge that is only %(a)s"),
    _("`per` and `every_days`"), _("no period"), _("both text and path"), _("no text"),
    _("both `released` and `released_after`"), _("`authority` and `clock` belong together"),
    _("an empty list"), _("no entry called %(a)s among the %(b)s"), _("a circle: %(a)s"),
    _("%(a)s waits for %(b)s"), _("written twice"), _("an unknown key"), _("missing"),
    _("the key %(a)s"), _("an empty text"), _("%(a)s twice"), _("the name %(a)s"),
    _("no %(a)s called %(b)s"), _("not UTF-8 text"), _("not readable as YAML (%(a)s)"),
    _("an empty file"), _("a mapping"), _("a list"), _("nothing"), _("%(a)s (read as %(b)s)"),
    # what is allowed
    _("a date as 2027-11-30"), _("%(a)s or more"), _("%(a)s to %(b)s"),
    _("earliest, likely, latest"), _("min, likely, max"),
    _("an ISO 3166-1 alpha-3 code such as NOR"), _("a code such as NOR"), _("codes such as NOR"),
    _("a language code such as fa or ckb"), _("64 characters 0 to 9, a to f"),
    _("everyone, people or a column of the person"), _("each id once in the plan"),
    _("a later date"), _("the date until which it would then run"), _("an expiry date"),
    _("the date under `started` too"), _("one of %(a)s"), _("both or neither"),
    _("either `places` (with `opens`) or `windows`"), _("a later `to`"),
    _("%(a)s or fewer together"), _("your chance from 0 to 1 that it ever opens"),
    _("either `per` or `every_days`"), _("either `text` or `path`"),
    _("the actions it waits for"), _("an entry under %(a)s"), _("an order that ends somewhere"),
    _("each key once"), _("a value here"), _("a word as key"), _("some text"),
    _("each value once"), _("a small word: letters a to z, digits and _, beginning with a letter"),
    _("a YAML file in UTF-8"), _("a YAML file"), _("a mapping (key: value)"),
    _("a list in [brackets]"), _("text"), _("true or false"),
    _("a whole number in ordinary digits"), _("neither `of` nor `lacks`"), _("at least one of them"),
    # what to do
    _("Read it with its own rulebook, or correct the name."),
    _("It already names one of the %(a)s in line %(b)s."), _("It already stands in line %(a)s."),
    _("Remove one of these links."), _("Put it in quotes if it is meant as text."),
    _("Check the indentation, colons and quotes around this line."),
    # what cannot be done
    _("This entry is written in a way that a form cannot change without touching others. Change it in the text of the plan."),
    _("Somebody adopted another plan meanwhile. Nothing was changed; compare with the one now in force and adopt again."),
)  # fmt: skip
"""What the plan's reader says; "a whole number" and "a number" stand among what lists are told."""

FINDINGS = (
    _("certain to be late: %(a)s"), _("certain to be late or never done: %(a)s"),
    _("likely to (%(a)s) be late: %(b)s"), _("likely to (%(a)s) be late or never done: %(b)s"),
    _("may (%(a)s) be late: %(b)s"), _("may (%(a)s) be late or never done: %(b)s"),
    _("reached after %(a)s"), _("finishes after %(a)s (%(b)s)"),
    _("certain"), _("likely to (%(a)s)"), _("may (%(a)s)"),
    _("Start earlier, shorten what it waits for (see `onward plan milestones`), or move the date."),
    _("said to be finished on %(a)s, after %(b)s"),
    _("Give what happened; leave the future to `duration_days`."),
    _("should have been finished by %(a)s at the latest"),
    _("Record `finished`, or give a longer duration."),
    _("started before %(a)s was finished"), _("Correct the dates, or take the dependency out."),
    _("%(a)s lapses before the work or movement it covers is done: %(b)s"),
    _("%(a)s is not in force when the work or movement begins: %(b)s"),
    _("Renew it first, move the work, or make it wait for what brings it."),
    _("says the status %(a)s ends with it; that status never lapses by date"),
    _("Take it out of `rests`; it ends only by individual decision."),
    _("renewal had to be asked for by %(a)s, %(b)s days before expiry"),
    _("Ask now and plan for the authority ending on its day."),
    _("nobody is to ask for renewal by %(a)s"),
    _("Add an action with `renews`, or reassign what rests on it."),
    _("renewal is asked for after %(a)s: %(b)s"), _("Start asking earlier."),
    _("reviewed by %(a)s, after it expires"), _("Correct one of the dates."),
    _("no finding on: %(a)s"),
    _("Have the named lawyer record a finding for each; uncertain is a finding."),
    _("in force, but no named lawyer has concluded on it"), _("Until then no step may rely on it."),
    _("an assurance of the country of origin for a transfer without consent"),
    _("Take it out: it cannot justify removing a refugee to that country."),
    _("does not cover onward transfer to the country of origin"),
    _("Have it cover onward transfer before anything relies on it."),
    _("%(a)s, but it lapsed on %(b)s"), _("Ask for an extension or record it as withdrawn."),
    _("%(a)s places filled of %(b)s"), _("Correct the number or record the larger pledge."),
    _("waits for %(a)s departures on %(b)s, which has %(c)s places"),
    _("Correct the number; as it stands it can never open."),
    _("%(a)s (%(b)s) draws on %(c)s, and the plan does not say how much there is"),
    _("Give it under `capacities`; without it the forecast takes the recent pace."),
    _("no information sheet on %(a)s, which people may choose"),
    _("Write one, have it translated and approved; nobody can consent without it."),
    _("version %(a)s has no text in %(b)s"),
    _("Translate and approve it; it cannot support a consent in these languages."),
    _("version %(a)s is not approved in %(b)s"),
    _("A named approver must sign before it is used; print it with a watermark until then."),
    _("told on %(a)s, approved in %(b)s on %(c)s"), _("Approve first."),
    _("true as of %(a)s, but told on %(b)s"),
    _("waits for %(a)s, which is never done in this plan"),
    _("Have it wait for something that can be done, or give the day under `released`."),
    _("tells %(a)s of %(b)s, which is %(c)s"),
    _("Take it out, narrow the audience, or wait until it is public."),
    _("no file %(a)s"), _("Put the text there."),
    _("names %(a)s, from which no public pledge has come"),
    _("Take the country out; never promise a place a State has not announced."),
    _("names %(a)s without saying that no place is promised"),
    _("Say so in the text, then list `no_place_is_promised` under `says`."),
    _("speaks of %(a)s without saying what the deadline does not do"),
    _("Say that no status and no right ends by that date, then list `what_the_deadline_does_not_do` under `says`."),
    _("speaks of %(a)s without the right to refuse"),
    _("Say that people may refuse and stay in the process, then list `right_to_refuse`."),
    _("presents %(a)s as the only option"),
    _("Name the other pathways, claiming protection included, and list `all_pathways`."),
    _("does not list: %(a)s"), _("Say it in the text, then list it under `says`."),
    _("told before its embargo ends on %(a)s: %(b)s"),
    _("Tell it later, or make it wait for an action that ends after the embargo."),
    _("%(a)s counts people leaving, not a service given"),
    _("%(a)s is not one of the services that may be counted"),
    _("Count a service instead: %(a)s."),
    _("follows the %(a)s of %(b)s, which has none"),
    _("Give the authority that date, or take `authority` out."),
    _("%(a)s, but the %(b)s of %(c)s is %(d)s"), _("Make them agree."),
)  # fmt: skip
"""What the plan's check says."""

KINDS = {
    "role": _("role"), "step": _("step"), "value": _("value"), "pathway": _("pathway"), "statement": _("statement"),
    "legal status": _("legal status"), "place": _("place"), "step or finding": _("step or finding"),
    "step or capacity": _("step or capacity"), "capacity in the rulebook": _("capacity in the rulebook"),
}  # fmt: skip
"""What a word in a plan should be the name of."""


def fault_said(
    fault: Fault, plan: Plan | None, rulebook: Rulebook, *, in_text: bool = False
) -> str:
    """A fault of the plan in one line.

    in_text  for who has the text before them: its line, and the key as it stands there
    """
    say = Sayer(plan, rulebook, in_text=in_text)
    if in_text:
        place = [say.whole(fault.where), isolated(fault.field) if fault.field else ""]
    else:
        place = [say.where(fault.field)]
    said = words.listed(filter(None, place))
    said = f"{said}{words.sign(':')} {say(fault.found)}." if said else f"{say(fault.found)}."
    if fault.allowed:
        said += " " + gettext("Expected: %(what)s.") % {"what": say.whole(fault.allowed)}
    return f"{said} {say(fault.remedy)}".rstrip()


def finding_said(one: Any, plan: Plan, rulebook: Rulebook, *, in_text: bool = False) -> str:
    """A finding of the plan's check in one line: what it is about, what was found, what to do."""
    say = Sayer(plan, rulebook, in_text=in_text)
    line = say.whole(f"line {one.line}") if in_text and one.line else ""
    about = words.listed(filter(None, (say.whole(one.what), line)))
    return f"{about}{words.sign(':')} {say(one.found)}. {say(one.remedy)}".rstrip()


def isolated(text: str) -> str:
    """A text of another script or direction in the middle of a line."""
    return f"\u2068{text}\u2069" if get_language_bidi() else text


@lru_cache(maxsize=1)
def _shapes() -> list[tuple[str, re.Pattern[str]]]:
    """Sentences with something in them, the most particular first."""
    found = []
    for text in (*FAULTS, *FINDINGS):
        if "%(" in text:
            # A short sentence fits nearly anything: it holds numbers only.
            inside = r"[\d.]+" if text in _NUMBERS else r".+?"
            pattern = re.sub(
                r"%\\\((\w)\\\)s",
                lambda at, inside=inside: f"(?P<{at[1]}>{inside})",
                re.escape(text),
            )
            found.append((text, re.compile(pattern, re.DOTALL)))
    return sorted(found, key=lambda one: -len(re.sub(r"%\(\w\)s", "", one[0])))


_NUMBERS = ("%(a)s or more", "%(a)s to %(b)s", "%(a)s or fewer together")
_WHOLE = frozenset(text for text in (*FAULTS, *FINDINGS) if "%(" not in text)


class Sayer:
    """Says what a plan's room found, with what one plan and one rulebook call things.

    in_text  ids stand beside titles, and codes as they are typed
    """

    def __init__(self, plan: Plan | None, rulebook: Rulebook, *, in_text: bool = False) -> None:
        self.plan, self.rulebook, self.in_text = plan, rulebook, in_text

    def __call__(self, text: str) -> str:
        text = text.strip()
        if not text:
            return ""
        if text in _WHOLE or gettext(text) != text:
            return gettext(text)
        if re.fullmatch(r'"[^"]*"', text):  # what somebody wrote is no sentence of ours
            return self.whole(text)
        for shape, pattern in _shapes():
            if match := pattern.fullmatch(text):
                values = {name: self.whole(value) for name, value in match.groupdict().items()}
                return gettext(shape) % values
        return self.whole(text)

    def whole(self, text: str) -> str:
        """A value in a sentence: an id by its title, a day, a number, a list of such things."""
        if match := re.fullmatch(r"line (\d+)", text):
            return gettext("line %(line)s") % {"line": dates.digits(match[1])}
        if (said := self._one(text)) is not None:
            return said
        for pattern in (r", | or ", r" waits for "):
            parts = re.split(pattern, text)
            if len(parts) > 1 and not re.search(r"[.;]", text):
                said_parts = [self._one(part) for part in parts]
                if None not in said_parts:
                    return words.listed(map(str, said_parts))
        if text in _WHOLE or gettext(text) != text:
            return gettext(text)
        if any(pattern.fullmatch(text) for _shape, pattern in _shapes()):
            return self(text)
        return isolated(text)

    def _one(self, text: str) -> str | None:
        if re.fullmatch(r"[\d.]+", text):
            return dates.digits(text)
        if match := re.fullmatch(r"(\d+)%", text):
            return dates.percent(int(match[1]) / 100)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return dates.shown(date.fromisoformat(text))
        if match := re.fullmatch(r'"(.*)"', text, re.DOTALL):
            known = self._named(match[1])
            return f"“{known or isolated(match[1])}”"
        in_brackets = re.fullmatch(r".+ \((\w+)\)", text)  # a title with its id
        id = in_brackets[1] if in_brackets else text
        if (named := self._named(id)) is not None:
            return f"“{named}” ({isolated(id)})" if self.in_text else f"“{named}”"
        if text in KINDS:
            return gettext(KINDS[text])
        if text in plan_asks.SECTIONS:
            return str(plan_asks.SECTIONS[text].title)
        for known in (SAYS, SERVICE_METRICS):
            if text in known:
                return _lower(words.translated(known[text][:1].upper() + known[text][1:]))
        if text in FACTORS.values():
            return _lower(words.translated(text[:1].upper() + text[1:]))
        own = dict(forms.LANGUAGES)
        if text in own:
            return isolated(own[text])
        if text in _WHOLE:
            return gettext(text)
        if re.fullmatch(r"[a-z][a-z_]+", text):
            said = _lower(words.code(text))
            untold = self.in_text or said == _lower(text.replace("_", " "))
            return isolated(text if self.in_text else said) if untold else said
        return None

    def _named(self, text: str) -> str | None:
        """What the plan or the rulebook calls something known by this id."""
        if self.plan is not None:
            try:
                title = self.plan.title_of(text)
            except KeyError:
                title = ""
            if title and title != text:
                return words.translated(title)
            if text in self.plan.country_names:
                from onward.desk import here

                return here.destination(text)
        steps, guards = self.rulebook.transitions, self.rulebook.safeguards
        if text in self.rulebook.moves():
            return words.move(self.rulebook, text)
        if text in steps:
            return words.translated(steps[text].title)
        if text.partition(".")[0] in guards:
            return words.translated(guards[text.partition(".")[0]].title)
        if any(move.pathway == text for move in self.rulebook.moves().values()):
            return sight.pathway_title(text)
        for axis in self.rulebook.axes.values():
            for state in axis.states.values():
                if state.title == text:
                    return words.translated(text)
        return None

    def where(self, field: str) -> str:
        """A place in the plan as its forms call it: "Milestones, Everybody heard, Reached when"."""
        section, _dot, rest = field.partition(".")
        part = plan_asks.SECTIONS.get(section)
        if part is None:
            return isolated(field)
        id, _dot, path = rest.partition(".")
        said = [str(part.title), self._named(id) or isolated(id)] if id else [str(part.title)]
        if path:
            labels: Mapping[str, Any] = {a.path: a.label for g in part.groups for a in g.asks}
            head = path
            while head and head not in labels:
                head = head.rpartition(".")[0]
            found = labels.get(head)
            said.append(words.translated(str(found)) if found else isolated(path))
        return words.listed(said)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
