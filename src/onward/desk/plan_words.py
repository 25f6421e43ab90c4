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
from typing import Any

from django.utils.translation import get_language_bidi, gettext

from onward.desk import dates, plan_asks, sight, words
from onward.errors import Fault
from onward.plan.model import FACTORS, SAYS, SERVICE_METRICS, Plan
from onward.rulebook.model import Rulebook
from onward.said import TITLED, TYPED, Listed, Said, Share


def fault_said(
    fault: Fault, plan: Plan | None, rulebook: Rulebook, *, in_text: bool = False
) -> str:
    """A fault of the plan in one line.

    in_text  for who has the text before them: its line, and the key as it stands there
    """
    say = Sayer(plan, rulebook, in_text=in_text)
    if in_text:
        place = [say(fault.where), isolated(fault.field) if fault.field else ""]
    else:
        place = [say.where(fault.field)]
    said = words.listed(filter(None, place))
    said = f"{said}{words.sign(':')} {say(fault.found)}." if said else f"{say(fault.found)}."
    if fault.allowed:
        said += " " + gettext("Expected: %(what)s.") % {"what": say(fault.allowed)}
    return f"{said} {say(fault.remedy)}".rstrip()


def finding_said(one: Any, plan: Plan, rulebook: Rulebook, *, in_text: bool = False) -> str:
    """A finding of the plan's check in one line: what it is about, what was found, what to do."""
    say = Sayer(plan, rulebook, in_text=in_text)
    line = say(Said("line %(line)s", line=one.line)) if in_text and one.line else ""
    about = words.listed(filter(None, (say(one.what), line)))
    return f"{about}{words.sign(':')} {say(one.found)}. {say(one.remedy)}".rstrip()


def isolated(text: str) -> str:
    """A text of another script or direction in the middle of a line."""
    return f"\u2068{text}\u2069" if get_language_bidi() else text


class Sayer:
    """Says what a plan's room found, with what one plan and one rulebook call things.

    in_text  ids stand beside titles, and codes as they are typed
    """

    def __init__(self, plan: Plan | None, rulebook: Rulebook, *, in_text: bool = False) -> None:
        self.plan, self.rulebook, self.in_text = plan, rulebook, in_text

    def __call__(self, value: object) -> str:
        """A sentence of the plan's room, or what stands in one: an id by its title, a day, a
        number, a list of such things."""
        if isinstance(value, Said):
            return self._sentence(value)
        if isinstance(value, Listed):
            return words.listed(map(self, value.items))
        if isinstance(value, Share):
            return dates.percent(value)
        if isinstance(value, date):
            return dates.shown(value)
        text = str(value).strip()
        if re.fullmatch(r"[\d.]+", text):
            return dates.digits(text)
        if text and gettext(text) != text:
            return gettext(text)
        return self._word(text)

    def _sentence(self, said: Said) -> str:
        if said.form == TYPED:  # what somebody wrote is no sentence of ours
            written = str(said.values["a"])
            return f"“{self._named(written) or isolated(written)}”"
        if said.form == TITLED:
            return self(said.values["b"])
        return gettext(said.form) % {name: self(one) for name, one in said.values.items()}

    def _word(self, text: str) -> str:
        """An id by its title, or a code by the catalogue's word for it."""
        if (named := self._named(text)) is not None:
            return f"“{named}” ({isolated(text)})" if self.in_text else f"“{named}”"
        if text in plan_asks.SECTIONS:
            return str(plan_asks.SECTIONS[text].title)
        for known in (SAYS, SERVICE_METRICS):
            if text in known:
                return _lower(words.translated(known[text][:1].upper() + known[text][1:]))
        if text in FACTORS.values():
            return _lower(words.translated(text[:1].upper() + text[1:]))
        own = dict(words.LANGUAGES)
        if text in own:
            return isolated(own[text])
        if re.fullmatch(r"[a-z][a-z_]+", text) and not self.in_text:
            said = _lower(words.code(text))
            return isolated(said) if said == _lower(text.replace("_", " ")) else said
        return isolated(text) if text else ""

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
