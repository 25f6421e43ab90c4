"""What is asked of each part of the plan: the questions of its forms, as a table.

Exists so that what a form asks is read and changed in one place. Goes out: sections with their
groups of questions, and what their options are made of. Allowed values are those of the plan's
model and of the rulebook.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from django.utils.translation import gettext_lazy as _

from onward.desk import words
from onward.plan import model
from onward.rulebook.model import Rulebook

NEW = "new"
"""What an address calls an entry that is not there yet."""
CONDITIONS = ("categories", "group", "affiliation", "sex", "specific_needs", "priority")


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

    def outcomes(self) -> list[tuple[str, Any]]:
        """Steps, and the outcomes of those that have several, as far as a plan can change them:
        what only records what happened is nobody's to open, close or hurry."""
        found: list[tuple[str, Any]] = []
        for name, step in self.rulebook.transitions.items():
            theirs = [one for one in step.moves.values() if not (step.records or one.records)]
            if theirs:
                found.append((name, f"{words.translated(step.title)} ({name})"))
            if len(theirs) > 1:
                found += [
                    (m.key, f"{words.move(self.rulebook, m.key)} ({m.key})") for m in theirs
                ]
        return found

    def findings(self) -> list[tuple[str, Any]]:
        return [
            (finding.key, f"{words.translated(guard.title)} ({finding.key})")
            for guard in self.rulebook.safeguards.values()
            for finding in guard.findings.values()
        ]

    def capacities(self) -> list[tuple[str, Any]]:
        names = dict.fromkeys(
            t.consumes for t in self.rulebook.transitions.values() if t.consumes
        )
        held = self.plan.capacities
        return [
            (name, words.translated(held[name].title) if name in held else words.code(name))
            for name in names
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
             span (days, or least, likely and most), number, chance, country, yes_no, waits, whom;
             or a list with rows of its own (`plan_rows.LISTS`)
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
            Ask("title", _("What it is called"), required=True),
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
            Ask("title", _("What it is called"), required=True),
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
            Ask("title", _("What it is called"), required=True),
            Ask("country", _("Country"), "country", required=True),
            Ask("channel", _("Channel"), "pick", _coded(model.CHANNELS), required=True),
            Ask("state", _("State"), "one", _coded(model.PLEDGE_STATES), required=True, closing=True,
                hint=_("Only confirmed and open offers count as places.")),
            Ask("chance", _("Chance that it opens at all, in percent"), "chance",
                hint=_("Needed while the offer is only spoken of or offered.")),
            Ask("filled", _("Places already used"), "number", closing=True),
            Ask("capacity", _("What kind of places"), "pick", lambda about: about.capacities(),
                hint=_("Without an answer: places of resettlement.")),
            Ask("valid_to", _("Valid to"), "day", closing=True),
            _hidden(required=True),
        )),
        Group(_("Places, and from when"), (Ask("windows", _("Places"), "windows"),)),
        Group(_("Shares of the places"), (Ask("allocations", _("Shares of the places"), "allocations"),)),
        Group(_("Conditions"), (
            Ask("conditions.families_only", _("Families only"), "yes_no"),
            *(Ask(f"conditions.{name}", _("Only these"), "several",
                  _allowed(name)) for name in CONDITIONS),
            Ask("max_size", _("Most persons in one case"), "number"),
            Ask("excluded_needs", _("Needs that cannot be met there"), "several", _allowed(model.NEEDS)),
            Ask("processing_days", _("Days from being ready to departure"), "number"),
            Ask("conditional_on.pledge", _("Opens only after another offer"), "pick", _of("pledges")),
            Ask("conditional_on.departed", _("Once so many people have left with it"), "number"),
            Ask("conditional_on.delay_days", _("And so many days later"), "number"),
        )),
    ), closes=True),
    "actions": Section("actions", _("Work"), _("Piece of work"), (
        Group(_("What is done"), (
            Ask("title", _("What it is called"), required=True),
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
            Ask("carries", _("Movements it carries out"), "several", lambda about: about.steps()),
            Ask("destination", _("To which country"), "country"),
        )),
        Group(_("What it changes"), (Ask("effects", _("What it changes"), "effects"),)),
    ), closes=True),
    "milestones": Section("milestones", _("Milestones"), _("Milestone"), (
        Group(_("What is reached"), (
            Ask("title", _("What it is called"), required=True),
            Ask("after", _("Reached when these are done"), "several", _of("actions", "milestones"), required=True),
            Ask("by", _("Wanted by"), "by", _of("deadlines")),
            _hidden(),
        )),
    )),
    "deadlines": Section("deadlines", _("Deadlines"), _("Deadline"), (
        Group(_("What ends"), (
            Ask("title", _("What it is called"), required=True),
            Ask("date", _("Day"), "day", required=True),
            Ask("authority", _("Authority whose clock it follows"), "pick", _of("authorities")),
            Ask("clock", _("Which clock"), "one", _coded(("expiry", "review_by"))),
            _hidden(),
        )),
    )),
    "messages": Section("messages", _("Messages"), _("Message"), (
        Group(_("What is told"), (
            Ask("title", _("What it is called"), required=True),
            Ask("kind", _("Kind"), "one", _coded(("sheet", "notice", "answer", "waiver")), required=True,
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
