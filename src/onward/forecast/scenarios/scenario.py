"""Scenarios: what else might be done, and what else might happen, as files beside the plan.

Exists so that an alternative is declared once, in words a planner and a lawyer can check, and then
compared like for like. Comes in: a YAML file, the plan it departs from and the rulebook. Goes out:
a `Scenario`, or every fault of the file at once with its line. `reader` reads the file,
`plan` makes the plan as it would then be.

The limits are here and not in the search, so that nothing downstream can forget them. No scenario
touches a safeguard, hand-over, the outcome of a claim, a status, a text, or what is only recorded.
A *choice* is made by an authority or the operation, has an owner, and never touches what a person
decides; a *circumstance* may slow people down or close a way, as things do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from onward.plan import model as m
from onward.rulebook.model import Rulebook
from onward.safeguards.help import is_handover, is_option

Kind = Literal["choice", "circumstance"]
What = Literal[
    "adds", "scales", "closes", "incident", "tells", "pledge", "assurance", "authority",
    "action", "assume",
]  # fmt: skip
KINDS: Mapping[Kind, str] = {
    "choice": "an authority or the operation decides it",
    "circumstance": "it happens, whoever wants it or not",
}
WHAT: Mapping[What, str] = {
    "adds": "more of a capacity: interview slots, decisions, seats, beds, places",
    "scales": "a step or a capacity, faster or slower",
    "closes": "steps that are not possible for a time",
    "incident": "something that slows steps down for some days",
    "tells": "the day on which an approved message is told",
    "pledge": "places a State has spoken of: more, fewer, sooner, later, withdrawn",
    "assurance": "an assurance won or lost",
    "authority": "an authority that ends on another day",
    "action": "work of the plan: sooner, later, shorter, surer, dropped",
    "assume": "an assumption of the forecast at another value",
}
ONLY_CIRCUMSTANCE = ("closes", "incident", "assume")
NO_LEVER = ("closes", "incident", "assume", "tells")
AT_ONCE = m.Uncertain(0, 0, 0)


@dataclass(frozen=True)
class Change:
    """One departure from the plan.

    start     the day it is decided (or begins, where there is no lead); None: from the first day
    lead      days from decision to effect
    until     last day; None: it stays. `days` instead: how long it lasts
    amount    more of the capacity every `per_days` days (None: once); or places of a pledge
    state     "won", "lost", "withdrawn" or "dropped" where that is the change
    day       the day an authority ends, a message is told, a pledge ends
    cost      what it costs in each unit of account named by the file, in all
    """

    what: What
    targets: tuple[str, ...]
    title: str
    line: int
    start: m.UncertainDate | None = None
    lead: m.Uncertain = AT_ONCE
    until: dt.date | None = None
    days: m.Uncertain | None = None
    amount: float | None = None
    per_days: int | None = 7
    factor: m.Uncertain | None = None
    chance: float | None = None
    duration: m.Uncertain | None = None
    state: str = ""
    day: dt.date | None = None
    unconditional: bool = False
    owner: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """One alternative, as read. `hash` is the SHA-256 (hex) of the file's bytes."""

    id: str
    title: str
    kind: Kind
    changes: tuple[Change, ...]
    file: str = ""
    hash: str = ""
    why: str = ""

    @property
    def cost(self) -> dict[str, float]:
        """What all of it costs, in each unit of account."""
        total: dict[str, float] = {}
        for change in self.changes:
            for unit, amount in change.cost.items():
                total[unit] = total.get(unit, 0.0) + amount
        return total

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(change.owner for change in self.changes if change.owner))


@dataclass(frozen=True)
class Lever:
    """Something an authority or the operation can do in one of several ways, or leave.

    options   each a choice; at most one of them is taken
    """

    id: str
    title: str
    owner: str
    options: tuple[Scenario, ...]


@dataclass(frozen=True)
class Levers:
    """A file of levers. `budgets`: unit of account -> the most that may be spent."""

    title: str
    levers: tuple[Lever, ...]
    budgets: Mapping[str, float]
    file: str = ""
    hash: str = ""


def owners_of(plan: m.Plan) -> tuple[str, ...]:
    """Who can decide something: whoever the plan names as an owner or a grantor."""
    found = [action.owner for action in plan.actions.values()]
    found += [authority.grantor for authority in plan.authorities.values()]
    found += [message.owner for message in plan.messages.values()]
    return tuple(sorted({name for name in found if name}))


def off_limits(rulebook: Rulebook, step: str, what: What, kind: Kind) -> str:
    """Why a change of this kind may not touch a step; "" when it may.

    step   a transition or one of its moves, or a safeguard or finding
    """
    name, _, outcome = step.partition(".")
    if name in rulebook.safeguards:
        return "a safeguard, which no scenario touches: what lifts it is in onward check"
    transition = rulebook.transitions.get(name)
    if transition is None:
        return ""
    moves = [
        move
        for move in transition.moves.values()
        if not (move.records or transition.records) and outcome in ("", move.name)
    ]
    if not moves:
        return "only records what people do or what happened; nothing opens, closes or slows it"
    if any(is_handover(rulebook, move) for move in moves):
        return "part of a hand-over, which no scenario brings nearer or counts as a gain"
    others = [
        one
        for one in transition.moves.values()
        if not one.records and one.name != outcome and one.sources == moves[0].sources
    ]
    if outcome and others and transition.pathway != "chosen":
        return (
            "one outcome of a decision; a scenario may change how many are decided, "
            "never how they turn out"
        )
    legal = rulebook.axes["legal"].states if "legal" in rulebook.axes else {}
    ends = [move.targets.get("legal", "") for move in moves]
    if all(end in legal and legal[end].code == "OOC" for end in ends):
        return "ends a person's status, which only an individual decision does"
    if kind == "choice" and transition.is_theirs:
        return "what the person decides; no choice of ours touches it"
    if what == "tells" and any(is_option(rulebook, move) for move in moves):
        return "a step on a pathway; news may bring people to counselling, the rest is theirs"
    return ""


def said(change: Change, plan: m.Plan, rulebook: Rulebook) -> str:
    """A change in a few words, from what the plan and the rulebook call things."""
    first = change.targets[0] if change.targets else ""
    name = plan.title_of(first) if first else ""
    when = f" from {_day(change.start.likely)}" if change.start else ""

    def step(key: str) -> str:
        found = rulebook.transitions.get(key.partition(".")[0])
        return f"{found.title} ({key})" if found else key.replace("_", " ")

    match change.what:
        case "adds":
            each = {1: " a day", 7: " a week", 30: " a month"}.get(change.per_days or 0, "")
            return f"{change.amount or 0:,.0f} more {first.replace('_', ' ')}s{each}{when}"
        case "scales":
            factor = change.factor.likely if change.factor else 1
            return f"{step(first)} at {factor:g} times its pace{when}"
        case "closes":
            return f"{', '.join(change.targets)} closed{when}"
        case "incident":
            return f"An incident that slows {', '.join(change.targets)}{when}"
        case "tells":
            return f"{name}: told on {_day(change.day)}"
        case "assurance" if change.state == "lost":
            return f"{name}: lost on {_day(change.day)}"
        case "assurance":
            return f"{name}: won{when.replace(' from', ' on')}"
        case "authority":
            return f"{name}: ends on {_day(change.day)}"
        case "assume":
            return f"{first} at {change.factor.likely if change.factor else 0:g}"
        case "pledge":
            parts = [change.state] if change.state else []
            if change.amount is not None:
                parts.append(f"{change.amount:,.0f} places")
        case _:
            parts = [change.state] if change.state else []
            if change.duration is not None:
                parts.append(f"{change.duration.likely:g} days")
    if change.chance is not None:
        parts.append("certain" if change.chance == 1 else f"chance {change.chance:.0%}")
    if when:
        parts.append(when.strip())
    return f"{name}: {', '.join(parts) or 'changed'}"


def _day(day: dt.date | None) -> str:
    return f"{day.day} {day:%B %Y}" if day else ""
