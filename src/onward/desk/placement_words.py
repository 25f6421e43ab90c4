"""What the placement room says of a case and of places, in the reader's language.

Exists because whoever decides about a family must read why it has no place and what would give it
one. Comes in: a sentence of the placement room, and what the plan calls its offers. Goes out: the
catalogue's words for it, with countries and titles in place of ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates, words
from onward.placement.inputs.tables import FOR_SHARE

Where = Callable[[str, str], str]
"""Programme and window -> what the plan calls them."""
Limited = Callable[[str], str]
"""A limit by its name -> what the plan calls it."""
Plan = tuple[Where | None, Limited | None]

FIXED = (
    "ask the people, in private, about another destination",
    "see which safeguard is not open, and what would lift it",
    "none: a refusal stands until the people change it",
    "score the case for a programme", "release the lock", "held back by a lock",
    "no window accepts all cases of this household together",
    "ask each adult of the household whether they agree to be apart", "no window",
    "no proposal: locks or floors clash", "every possible window is full",
    "processing ends after the deadline", "nobody left who may go there",
    "cases too large for what is left", "a sub-quota is full", "the aims place others first",
    "everybody", "optimal", "preference", FOR_SHARE,
)  # fmt: skip
"""Whole sentences, and parts of sentences that stand by themselves."""

PLACED = tuple((re.compile(pattern), said) for pattern, said in (
    (r"review the ban on (?P<where>.+)", _("review the ban on: %(where)s")),
    (r"have the pledge confirmed: (?P<where>.+)", _("have the pledge confirmed: %(where)s")),
    (r"ask to accept this nationality: (?P<where>.+)", _("ask to accept this nationality: %(where)s")),
    (r"ask to accept these categories: (?P<where>.+)", _("ask to accept these categories: %(where)s")),
    (r"ask to accept this size: (?P<where>.+)", _("ask to accept this size: %(where)s")),
    (r"ask whether the need can be met: (?P<where>.+)", _("ask whether the need can be met: %(where)s")),
    (r"see which condition of the offer is not known to be met: (?P<where>.+)",
     _("see which condition of the offer is not known to be met: %(where)s")),
    (r"(?P<n>\d+) fewer persons? asked for by condition (?P<name>.+)",
     lambda n: ngettext("%(n)s fewer person asked for by the condition “%(name)s”", "%(n)s fewer persons asked for by the condition “%(name)s”", n)),
    (r"lock the case there, or expect fewer arrivals: (?P<where>.+)", _("lock the case there, or expect fewer arrivals: %(where)s")),
    (r"lock it to (?P<where>.+)", _("put it there by your own word: %(where)s")),
    (r"nearest: (?P<where>.+)", _("nearest: %(where)s")),
    (r"there is room in (?P<where>.+), but the aims settle otherwise \(see the gap of the stages\)",
     _("there is room, but others come first there: %(where)s")),
    (r"(?P<n>\d+) days? more, or faster processing, in (?P<where>.+)",
     lambda n: ngettext("%(n)s day more, or faster processing: %(where)s", "%(n)s days more, or faster processing: %(where)s", n)),
    (r"(?P<n>\d+) more places? in (?P<where>.+)",
     lambda n: ngettext("%(n)s more place: %(where)s", "%(n)s more places: %(where)s", n)),
    (r"(?P<n>\d+) fewer places? kept by earmark (?P<name>.+)",
     lambda n: ngettext("%(n)s fewer place kept for others (%(name)s)", "%(n)s fewer places kept for others (%(name)s)", n)),
    (r"(?P<n>\d+) more persons? under (?P<kind>cap|pledge|earmark|floor) (?P<name>.+)",
     lambda n: ngettext("%(n)s more person under the limit “%(name)s”", "%(n)s more persons under the limit “%(name)s”", n)),
    (r"earmark (?P<name>.+) keeps the rest for others", _("“%(name)s” keeps the rest for others")),
    (r"pledge is (?P<state>\w+)", _("the pledge is: %(state)s")),
    (r"(?:cap|floor|pledge) (?P<name>[^:]+)", _("the limit “%(name)s”")),
    (r"condition (?P<name>[^:]+)", _("the condition “%(name)s”")),
    (r"lock that holds case (?P<case>\S+) back", _("your word that case %(case)s is held back")),
    (r"lock of case (?P<case>\S+) to (?P<where>.+)", _("your word that case %(case)s goes there: %(where)s")),
    (r"lock of case (?P<case>\S+): (?P<why>.+)", _("your word on case %(case)s: %(why)s")),
    (r"household (?P<name>\S+), which is not split", _("a household that is not split (%(name)s)")),
    (r"places of (?P<where>.+): at most (?P<n>[\d.e+]+) persons \((?P<who>.+)\)", _("places: %(where)s, for at most %(n)s persons (%(who)s)")),
    (r"(?:cap|earmark) (?P<name>.+): at most (?P<n>[\d.e+]+) persons \((?P<who>.+)\)", _("the limit “%(name)s”, at most %(n)s persons (%(who)s)")),
))  # fmt: skip

WHO = tuple((re.compile(pattern), said) for pattern, said in (
    (r"everybody but (?P<who>.+)", _("everybody but: %(who)s")),
    (r"category (?P<codes>\S+)", _("category: %(codes)s")),
    (r"nationality (?P<codes>\S+)", _("nationality: %(codes)s")),
    (r"need (?P<codes>\S+)", _("need: %(codes)s")),
    (r"(?P<n>\d+) persons or more", _("%(n)s persons or more")),
    (r"(?P<n>\d+) persons or fewer", _("%(n)s persons or fewer")),
))  # fmt: skip


def said(text: str, where: Where | None = None, limit: Limited | None = None) -> str:
    """What a proposal says of a case, a limit or a place left over, part by part.

    where   what the plan calls a programme and its window; None: as the placement room does
    limit   what the plan calls a limit; None: as the placement room does
    """
    plan = (where, limit)
    if text in FIXED:
        return gettext(text)
    parts = (
        one
        for part in text.split("; ")
        for one in re.split(r" and (?=\d+ (?:more|fewer) )", part)
    )
    return words.listed((_part(part, plan) for part in parts if part), ";")


def _part(text: str, plan: Plan) -> str:
    if text in FIXED:
        return gettext(text)
    if match := re.fullmatch(r"(.+?)(: .+)? \((\d+) programmes?\)", text):
        count = ngettext("%(n)s programme", "%(n)s programmes", int(match[3]))
        return f"{gettext(match[1])}{match[2] or ''} ({count % {'n': dates.digits(match[3])}})"
    for pattern, form in PLACED:
        if match := pattern.fullmatch(text):
            return _filled(form, match.groupdict(), plan)
    return gettext(text)


def _filled(form: Any, values: dict[str, str], plan: Plan) -> str:
    told = {name: _value(name, value, plan) for name, value in values.items()}
    return str(form(_whole(values["n"])) if callable(form) else form) % told


def _whole(text: str) -> int:
    return round(float(text))


def _value(name: str, text: str, plan: Plan) -> str:
    if name == "where":
        return words.listed(_places(text, plan))
    if name == "n":
        return dates.counted(_whole(text))
    if name == "why":
        return gettext(text)
    if name == "state":
        return words.code(text)
    if name == "case":
        return f"\u2068{text.rpartition('/')[2]}\u2069"
    if name == "who":
        return _who(text, plan)
    if name == "name" and plan[1]:
        return plan[1](text)
    return f"\u2068{text}\u2069"


LIMITS = re.compile(r"(?:earmark|cap|floor|pledge|condition) .+")
"""What can stand among programmes and windows and is neither."""


def _places(text: str, plan: Plan) -> list[str]:
    """Programmes and windows one after another, and the limits met there: "canada, 2, norway, 1"."""
    found = re.findall(r"([^,]+?)(?:, (\d+))?(?:, |$)", text)
    return [_place(programme, window, plan) for programme, window in found]


def _place(programme: str, window: str, plan: Plan) -> str:
    if not window and LIMITS.fullmatch(programme):
        return _part(programme, plan)
    if plan[0]:
        return plan[0](programme, window)
    return words.listed(filter(None, (programme, window)))


def _who(text: str, plan: Plan) -> str:
    if text in FIXED:
        return gettext(text)
    for pattern, form in WHO[:1]:
        if match := pattern.fullmatch(text):
            return _filled(form, match.groupdict(), plan)
    return words.listed(_condition(part) for part in text.split(", "))


def _condition(text: str) -> str:
    for pattern, form in WHO[1:]:
        if match := pattern.fullmatch(text):
            return _filled(form, match.groupdict(), (None, None))
    return text
