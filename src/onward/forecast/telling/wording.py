"""What a forecast's parameters, reasons and doubts are called, as a planner would say them.

Exists because "return_guarantees_written/gate from <= 180" is no sentence. Comes in: a model's
parameters, the plan's titles and the rulebook's steps. Goes out: names and phrases for the page
and the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onward.forecast.building.classes import DIFFER
from onward.forecast.learning.behaviour import TERMS
from onward.forecast.learning.movements import NAMED
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    from onward.plan.model import Plan

_KNOWN: Mapping[str, str] = {
    "shock now": "how lively the first weeks are",
    "shock size": "how far good and bad months differ",
    "births": "how many children are born",
    "luck of the past": "how lucky the past was",
    "deadline strength": "how strongly people hurry as the deadline nears",
    "news strength": "how far news of safe arrivals moves others",
    "hold strength": "how far those who have not chosen are held back",
    DIFFER: "how far families differ for good",
}
ASSUMED: Mapping[str, str] = {
    "deadline strength at 0": "People do not hurry as the deadline nears",
    "news strength at 0": "News of safe arrivals moves nobody",
}
"""What an assumption at another value means."""
REASONS: Mapping[str, str] = {
    "not chosen": "No way chosen yet",
    "shut": "Every way on is shut",
    "no place": "Ready, but no place",
    "under way": "On the way",
}
"""Why people are still here, by the kinds of `reasons.Reason`."""
DOUBTS: Mapping[str, str] = {
    "rates": "how fast people move",
    "effects": "how much the plan's steps do",
    "plan dates": "when the plan's steps happen",
    "behaviour": "how people answer",
    "shocks": "good and bad months ahead",
    "chance": "chance alone",
}
"""What the width of the range comes from, by `reasons.SOURCES`."""
REMEDIES_OF_DOUBT: Mapping[str, str] = {
    "rates": "a longer log of how fast people move",
    "effects": "finding out how much the plan's steps do",
    "shocks": "knowing what lies behind good and bad months",
    "behaviour": "asking people what the deadline changes for them",
    "plan dates": "firm dates for the plan's actions and places",
}
"""What would narrow the range; chance has no remedy."""
BEARS: Mapping[str, str] = {
    "rates": "how fast it really goes",
    "plan dates": "when it begins and ends",
    "effects": "how much it gives",
    "days": "on which days people leave",
}
"""What of a single thing would narrow a forecast if it were known; "days" of convoys and flights."""
MOST_GROUPS = 4
"""As many groups have a column of their own beside a reason; more would be a table of figures."""
PURPOSES: Mapping[str, str] = {
    "return": "return",
    "handover": "hand-over",
    "site_responsibility": "taking the site over",
}


def titles(rulebook: Rulebook, plan: Plan | None) -> dict[str, str]:
    """What the states, safeguards, gates and capacities of a forecast are called, by name."""
    found = {name: state.title for name, state in rulebook.forecast_states.items()}
    found |= {name: f"{name} {guard.title}" for name, guard in rulebook.safeguards.items()}
    if plan is None:
        return found
    for things in (
        plan.authorities, plan.assurances, plan.actions, plan.capacities, plan.pledges,
    ):  # fmt: skip
        found |= {name: thing.title for name, thing in things.items()}
    for one in plan.assurances.values():
        # Assurances of one country for one purpose follow each other and share a gate.
        names = plan.country_names.get(one.recipient) or (one.recipient,)
        found[f"{one.purpose} {one.recipient}"] = (
            f"Assurance from {names[0]} for {PURPOSES[one.purpose]}"
        )
    return found


def reason_title(name: str, titles: Mapping[str, str]) -> str:
    """What is behind a reason: the title of a state, a gate or a capacity.

    A gate of an action is named "action/closes T7", and one of two gates of the same name
    "exit_permits open for T7". What has no title keeps its name, without underscores.
    """
    gate = name.partition(" open for ")[0]
    for one in (gate, gate.partition("/")[0]):
        if one in titles:
            return titles[one]
    words = gate.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def narrowing(
    kind: str, name: str, rulebook: Rulebook, titles: Mapping[str, str]
) -> tuple[str, str, str]:
    """(what it is called, in which state, what of it) of a single thing that would narrow a forecast if
    it were known; the last two are "" where there is no such thing."""
    if kind == "behaviour":
        return TERMS[name], "", ""
    if kind == "shocks":
        return DOUBTS[kind], "", ""
    what, _, path = name.removeprefix(NAMED).partition(" from ")
    move = rulebook.moves().get(what)
    called = rulebook.transitions[move.transition].title if move else reason_title(what, titles)
    bears = BEARS["days" if name.startswith(NAMED) else kind]
    return called, titles.get(path.partition(" to ")[0], ""), bears


def groups_told(why: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The groups that get a column beside the reasons: none where there are one or very many."""
    named = sorted({group for row in why for group in row.get("groups", ())})
    return tuple(named) if 1 < len(named) <= MOST_GROUPS else ()


def in_groups(row: Mapping[str, Any], groups: Sequence[str]) -> list[float]:
    """The middle of a reason in each of some groups; none where it concerns nobody of them."""
    of = row.get("groups", {})
    return [of[group]["median"] if group in of else 0.0 for group in groups]


def assumed(change: str) -> str:
    """A change in words, where it puts an assumption of the forecast at another value."""
    if change in ASSUMED:
        return ASSUMED[change]
    name, _, value = change.rpartition(" at ")
    return f"At {value}: {_KNOWN[name]}" if name in _KNOWN else change


_NAMES_ONE = re.compile(r"(^|have left on |went from |went from \S+ to )$")


def called(text: str, titles: Mapping[str, str]) -> str:
    """A sentence with what the plan and the rulebook call things instead of their ids.

    A bare word is taken for an id only where nothing else can be meant: with an underscore, as the
    subject of a remark ("norway: …"), or where such a remark names another thing.
    """
    subject = text.partition(":")[0].removeprefix("- ").strip()

    def name(found: re.Match[str]) -> str:
        word = found[0]
        sure = "_" in word or word == subject or _NAMES_ONE.search(text[: found.start()])
        if sure and word in titles:
            return f"“{titles[word]}”"
        return reason_title(word, titles) if word == subject and "_" in word else word

    return re.sub(r"[a-z][a-z0-9_]*", name, text)


_STEP = re.compile(r"\b(T\d+[a-z]?)(?:\.[a-z_]+)?\b(?: \([^()]*\))?(?: from ([a-z_]+)\b)?")


def remark(text: str, rulebook: Rulebook, titles: Mapping[str, str]) -> str:
    """A remark of the forecast in the titles of the plan and the rulebook, without their keys."""

    def step(found: re.Match[str]) -> str:
        move = rulebook.transitions.get(found[1])
        if move is None:
            return found[0]
        state = rulebook.forecast_states.get(found[2] or "")
        source = f" from “{state.title}”" if state else f" from {found[2]}" if found[2] else ""
        return f"“{move.title}”{source}"

    return called(_STEP.sub(step, text), titles)


def described(name: str, plan: Plan | None) -> tuple[str, str]:
    """(words, kind): kind is "from", "until", "amount", "factor" or ""."""
    if name in _KNOWN:
        return _KNOWN[name], ""
    stem, _, kind = name.rpartition(" ")
    if kind not in ("from", "until", "amount", "factor") or not stem:
        return name, ""
    source = stem.split("/")[0].split(" every ")[0]
    title = plan.title_of(source) if plan is not None else source
    what = {"amount": "the amount of ", "factor": "the factor of "}.get(kind, "")
    return f"{what}“{title}”", kind
