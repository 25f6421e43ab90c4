"""What the forecast room says in sentences, in the reader's language.

Exists because whoever decides about a scenario must read what it changes and what would have to
be true. Comes in: a sentence of the forecast room. Goes out: the catalogue's words for it; else
the sentence itself, with the plan's and the rulebook's titles where it names them by their keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates, here, sight, words
from onward.forecast.telling import wording

DAY = r"(?P<day>\d{1,2} [A-Z][a-z]+ \d{4})"
WHAT = r"“?(?P<what>[^“”]+?)”?"
STEPS = r"(?P<steps>T\d.*?)"

PATTERNS = tuple((re.compile(pattern), said) for pattern, said in (
    (r"[Ff]ewer than (?P<n>[\d,]+) people are still here", _("Fewer than %(n)s people are still here.")),
    (r"[Nn]o more than (?P<n>[\d,]+) lawful options are opened", _("No more than %(n)s lawful options are opened.")),
    (rf"{WHAT} begins by {DAY}", _("%(what)s: begins by %(day)s")),
    (rf"{WHAT} begins on {DAY} or later(, or never)?", _("%(what)s: begins on %(day)s or later, or never")),
    (rf"{WHAT} lasts no longer than to {DAY}", _("%(what)s: lasts no longer than to %(day)s")),
    (rf"{WHAT} lasts at least to {DAY}", _("%(what)s: lasts at least to %(day)s")),
    (rf"{WHAT} comes about at all", _("%(what)s: comes about at all")),
    (rf"{WHAT} never comes about", _("%(what)s: never comes about")),
    (rf"(?P<n>\d+) more (?P<unit>[a-z ]+?) a week from {DAY}", _("%(n)s more a week from %(day)s: %(unit)s")),
    (rf"(?P<n>\d+) more (?P<unit>[a-z ]+?) from {DAY}", _("%(n)s more from %(day)s: %(unit)s")),
    (rf"{WHAT}: lost on {DAY}", _("%(what)s: lost on %(day)s")),
    (rf"{WHAT}: chance (?P<n>\d+)%, from {DAY}", _("%(what)s: chance %(n)s in a hundred, from %(day)s")),
    (rf"{WHAT}: (?P<n>\d+) days, certain", _("%(what)s: takes %(n)s days, and is certain")),
    (rf"{WHAT}: certain", _("%(what)s: certain")),
    (rf"{STEPS} closed from {DAY}", _("Closed from %(day)s: %(steps)s")),
    (rf"An incident that slows {STEPS} from {DAY}", _("An incident on %(day)s that slows: %(steps)s")),
    (rf"(?P<what>.+?) \(T\d+[a-z]?\) at (?P<x>[\d.]+) times its pace from {DAY}", _("%(what)s: %(x)s times the pace from %(day)s")),
    (r"How many will still be here is not known yet: the range holds (?P<n>\d+)% of the people here today\.",
     _("How many will still be here is not known yet: the range holds %(n)s in a hundred of the people here today.")),
    (r"How many will leave by (?P<way>\w+) is not known yet: (?P<n>[\d,]+) to (?P<m>[\d,]+) in 8 of 10 futures\.",
     _("%(way)s: how many will leave by it is not known yet, %(n)s to %(m)s in 8 of 10 futures.")),
    (r"This log cannot tell (?P<answers>.+)\.", _("The record cannot tell: %(answers)s.")),
    (r"deadline strength at 0", _("People do not hurry as the deadline nears")),
    (r"news strength at 0", _("News of safe arrivals moves nobody")),
    (r"Interview slots are not what people wait for under the plan: (?P<n>\d+)% of them are used in the middle future\. More of them alone opens little\.",
     _("Interview slots are not what people wait for under the plan: %(n)s in a hundred are used in the middle future. More of them alone opens little.")),
    (r"Resettlement places are not what people wait for under the plan: (?P<n>\d+)% of them are used in the middle future\. More of them alone opens little\.",
     _("Resettlement places are not what people wait for under the plan: %(n)s in a hundred are used in the middle future. More of them alone opens little.")),
))  # fmt: skip
REMARKS = tuple((re.compile(pattern), said) for pattern, said in (
    (rf"{WHAT}: only for (?P<limits>.+); its places are counted as open to everybody waiting",
     _("%(what)s: only for %(limits)s; its places are counted as open to everybody waiting")),
    (rf"{WHAT}: only for (?P<limits>.+); taken as for everybody waiting", _("%(what)s: only for %(limits)s; taken as for everybody waiting")),
    (rf"{WHAT} opens its places (?P<n>\d+) days after (?P<m>\d+) people have left on “?(?P<other>[^“”]+?)”?; by the plan (?P<gone>\d+) have "
     r"so far, and those to come are shared among the pledges by their places\. Its own opening date is not waited for beyond that\.",
     _("%(what)s: opens its places %(n)s days after %(m)s people have left on %(other)s. So far %(gone)s have; those to come are shared among the pledges by their places. Its own opening date is not waited for beyond that.")),
))  # fmt: skip
"""Remarks on what a forecast assumes or leaves out, once titles stand in place of keys, that a report
does not tell: conditions of single offers."""
UNITS = {
    "interview slots": _("interview slots"), "resettlement places": _("resettlement places"),
}  # fmt: skip


def said(text: str) -> str:
    """A sentence in the reader's language; "" where no catalogue has it."""
    for pattern, sentence in PATTERNS:
        if found := pattern.fullmatch(text):
            parts = found.groupdict()
            return str(sentence) % {name: _part(name, parts[name] or "") for name in parts}
    return ""


def reported(text: str) -> str:
    """A remark on what a forecast assumes or leaves out, as a report in the reader's language says
    it; "" where neither knows it."""
    plain = wording.remark(text, here.rulebook(), wording.titles(here.rulebook(), here.plan()))
    for pattern, sentence in REMARKS:
        if found := pattern.fullmatch(plain):
            parts = found.groupdict()
            return str(sentence) % {name: _part(name, parts[name]) for name in parts}
    say = dates.sayer()
    for end in ("", "."):  # a report writes whole sentences
        found_in = say(plain + end)
        if re.sub("[\u2066\u2069]", "", found_in) != plain + end:
            return found_in
    return ""


def narrowing(kind: str, name: str, titled: Mapping[str, str]) -> str:
    """A single thing that would narrow a forecast if it were known.

    titled   what states, capacities and things of the plan are called, by name
    """
    what, state, bears = wording.narrowing(kind, name, here.rulebook(), titled)
    called = words.reason(what)
    if state:
        called = f"{called} ({words.translated(state)})"
    return f"{called}{words.sign(':')} {words.translated(bears)}" if bears else called


def way(name: str) -> str:
    """A way out by the name of its pathway, else by what befell people."""
    known = sight.pathway_title(name)
    return known if known != name.replace("_", " ") else words.code(name)


def _part(name: str, text: str) -> str:
    if name == "day":
        return dates.shown(datetime.strptime(text, "%d %B %Y").date())  # noqa: DTZ007
    if name in ("n", "m", "gone"):
        return dates.counted(int(text.replace(",", "")))
    if name == "x":
        return dates.digits(text)
    if name == "way":
        return way(text)
    if name == "answers":
        return words.listed(map(words.translated, text.split("; nor ")), ";")
    if name == "limits":
        return words.listed(map(_limit, text.split("; ")), ";")
    if name == "unit":
        return str(UNITS.get(text, text))
    if name == "steps":
        return words.steps_named(here.rulebook(), text)
    return words.translated(text)


def _limit(text: str) -> str:
    """For whom alone an offer is, as the forecast room writes it: "families", or a fact and its
    values ("affiliation none or family member")."""
    if text == "families":
        return gettext("families")
    for name, fact in here.rulebook().kinds["person"].facts.items():
        column = name.replace("_", " ")
        if text.startswith(f"{column} "):
            values = text.removeprefix(f"{column} ").split(" or ")
            said_of = words.listed(words.code(value.replace(" ", "_")) for value in values)
            return f"{words.translated(fact.label)}{words.sign(':')} {said_of}"
    return text


def in_plain(text: str) -> str:
    """An English sentence with titles where it names steps, states, offers or work by their keys."""
    rulebook, plan = here.rulebook(), here.plan()
    # "T7.done (return home)" says its title already.
    text = re.sub(
        r"\bT\d+[a-z]?\.[a-z_]+ \(([^)]+)\)", lambda at: at[1][:1].upper() + at[1][1:], text
    )
    text = wording.called(words.steps_named(rulebook, text), wording.titles(rulebook, plan))
    titles = _titles(plan.hash if plan is not None else "", rulebook.hash)
    if not titles:
        return text
    keys = "|".join(map(re.escape, sorted(titles, key=len, reverse=True)))
    return re.sub(rf"(?<![\w-])(?:{keys})(?![\w-])", lambda at: f"“{titles[at[0]]}”", text)


@lru_cache(maxsize=4)
def _titles(plan_hash: str, rulebook_hash: str) -> dict[str, str]:
    """key -> title of what the plan and the rulebook name; a key that is a plain word is left."""
    rulebook, plan = here.rulebook(), here.plan()
    found = {name: one.title for name, one in rulebook.forecast_states.items() if "_" in name}
    if plan is not None:
        for name, one in plan.capacities.items():
            found[name] = getattr(one, "title", "") or name.replace("_", " ")
        for group in (plan.pledges, plan.assurances, plan.authorities, plan.actions):
            found |= {name: one.title for name, one in group.items()}
    return found
