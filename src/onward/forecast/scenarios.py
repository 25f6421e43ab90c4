"""Scenarios: what else might be done, and what else might happen, as files beside the plan.

Exists so that an alternative is declared once, in words a planner and a lawyer can check, and then
compared like for like. Comes in: a YAML file, the plan it departs from and the rulebook. Goes out:
a `Scenario`, or every fault of the file at once with its line; and, with `applied` and
`effects_of`, the plan as it would then be and what it changes in each future.

The limits are here and not in the search, so that nothing downstream can forget them. No scenario
touches a safeguard, hand-over, the outcome of a claim, a status, a text, or what is only recorded.
A *choice* is made by an authority or the operation, has an owner, and never touches what a person
decides; a *circumstance* may slow people down or close a way, as things do.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import yaml

from onward.errors import one_of
from onward.plan import model as m
from onward.plan.load import PlanReader
from onward.rulebook.model import Rulebook
from onward.rulebook.reading import describe, line_of, read_bytes
from onward.safeguards.help import is_handover, is_option

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.plan.draws import PlanDraws
    from onward.plan.effects import PlanEffect

    FloatArray: TypeAlias = npt.NDArray[np.float64]

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
_PARTS: Mapping[What, tuple[str, ...]] = {
    "adds": ("amount", "per", "from", "decided", "lead_days", "until", "chance"),
    "scales": ("factor", "from", "decided", "lead_days", "until", "chance"),
    "closes": ("from", "until", "days", "chance"),
    "incident": ("factor", "from", "days", "chance"),
    "tells": ("told", "steps", "factor", "until"),
    "pledge": ("places", "from", "chance", "valid_to", "withdrawn", "unconditional"),
    "assurance": ("won", "lost", "chance"),
    "authority": ("ends",),
    "action": ("earliest", "duration_days", "chance", "dropped"),
    "assume": ("at",),
}
_COMMON = ("title", "owner", "cost")
_NEVER: Mapping[str, str] = {
    "consent": "a person's consent",
    "consents": "a person's consent",
    "claim": "a person's claim",
    "claims": "a person's claim",
    "withdrawal": "a person's withdrawal",
    "refusal": "a person's refusal",
    "complaint": "a person's complaint",
    "safeguard": "a safeguard",
    "safeguards": "a safeguard",
    "opens": "a safeguard or a step that is not open",
    "overrides": "a safeguard",
    "override": "a safeguard",
    "text": "what people are told",
    "texts": "what people are told",
    "says": "what people are told",
    "embargo_until": "what people are told",
    "handover": "hand-over",
    "death": "a death",
    "absence": "an absence",
    "departures": "a number of people leaving",
    "residual": "a number of people leaving",
    "target": "a number of people leaving",
}
_WORD = re.compile(r"[a-z][a-z0-9_]*\Z")
_WORDS = "a small word: letters a to z, digits and _, beginning with a letter"
_PERIODS: Mapping[str, int | None] = {"day": 1, "week": 7, "month": 30, "once": None}
MOST_COSTS = 8
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


def load_scenario(path: str | Path, plan: m.Plan, rulebook: Rulebook) -> Scenario:
    """Read a scenario file.

    raises  Faults with every fault of the file at once; OnwardError when it cannot be read
    """
    return loads_scenario(read_bytes(Path(path), "scenario"), plan, rulebook, file=str(path))


def loads_scenario(
    text: str | bytes, plan: m.Plan, rulebook: Rulebook, *, file: str = "scenario.yaml"
) -> Scenario:
    """Read a scenario from its text or bytes; `file` is the name used in messages."""
    data = text.encode() if isinstance(text, str) else text
    return _ScenarioReader(file, data, plan, rulebook).scenario()


def load_levers(path: str | Path, plan: m.Plan, rulebook: Rulebook) -> Levers:
    """Read a file of levers and budgets; raises as `load_scenario` does."""
    return loads_levers(read_bytes(Path(path), "levers"), plan, rulebook, file=str(path))


def loads_levers(
    text: str | bytes, plan: m.Plan, rulebook: Rulebook, *, file: str = "levers.yaml"
) -> Levers:
    """Read levers from their text or bytes; `file` is the name used in messages."""
    data = text.encode() if isinstance(text, str) else text
    return _ScenarioReader(file, data, plan, rulebook).levers()


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
    if kind == "choice" and (
        transition.pathway == "chosen" or re.search(r"\b(person|adult)\b", transition.decides)
    ):
        return "what the person decides; no choice of ours touches it"
    if what == "tells" and any(is_option(rulebook, move) for move in moves):
        return "a step on a pathway; news may bring people to counselling, the rest is theirs"
    return ""


class _ScenarioReader(PlanReader):
    """One pass over a scenario or levers file, with the plan it departs from at hand."""

    def __init__(self, file: str, data: bytes, plan: m.Plan, rulebook: Rulebook) -> None:
        super().__init__(file, data, rulebook)
        self.base = plan
        self.owners = owners_of(plan)

    def scenario(self) -> Scenario:
        top = self.mapping(
            self.root, "", required=("scenario", "title", "kind", "changes"), optional=("why",)
        )
        id = self.string(top.get("scenario"), "scenario")
        if id and "scenario" in top:
            self.name(id, top["scenario"], "scenario", _WORD, _WORDS)
        kind = cast(Kind, self.choice(top.get("kind"), "kind", KINDS) or "choice")
        items = self.items(top.get("changes"), "changes")
        if "changes" in top and not items and not self.faults:
            self.fault(top["changes"], "changes", "an empty list", "at least one change")
        changes = [
            self._change(item, f"changes[{i + 1}]", kind) for i, item in enumerate(items)
        ]
        self.finish()
        return Scenario(
            id,
            self.string(top.get("title"), "title"),
            kind,
            tuple(change for change in changes if change is not None),
            self.file,
            hashlib.sha256(self.data).hexdigest(),
            self.string(top["why"], "why") if "why" in top else "",
        )

    def levers(self) -> Levers:
        top = self.mapping(self.root, "", required=("title", "levers"), optional=("budgets",))
        budgets = self._costs(top.get("budgets"), "budgets")
        found = []
        for id, node in self.mapping(top.get("levers"), "levers", free=True).items():
            path = f"levers.{id}"
            self.name(id, node, path, _WORD, _WORDS)
            p = self.mapping(node, path, required=("title", "owner", "options"))
            title = self.string(p.get("title"), f"{path}.title")
            owner = self._owner(p.get("owner"), f"{path}.owner")
            options = []
            items = self.items(p.get("options"), f"{path}.options")
            if "options" in p and not items:
                self.fault(
                    p["options"], f"{path}.options", "an empty list", "at least one option"
                )
            for number, item in enumerate(items, 1):
                here = f"{path}.options[{number}]"
                several = (
                    self.items(item, here) if isinstance(item, yaml.SequenceNode) else [item]
                )
                changes = [
                    self._change(one, here, "choice", lever=True, owner=owner)
                    for one in several
                ]
                known = tuple(change for change in changes if change is not None)
                said = "; ".join(change.title for change in known)
                options.append(Scenario(f"{id}_{number}", said or title, "choice", known))
            found.append(Lever(id, title, owner, tuple(options)))
        if "levers" in top and not found and not self.faults:
            self.fault(top["levers"], "levers", "no lever", "at least one")
        for lever in found:
            for option in lever.options:
                for unit in option.cost:
                    if budgets and unit not in budgets:
                        self.fault(
                            option.changes[0].line, f"levers.{lever.id}.cost.{unit}",
                            "a cost without a budget", one_of(budgets),
                            "Add it under budgets, or leave the cost out.",
                        )  # fmt: skip
        self.finish()
        return Levers(
            self.string(top.get("title"), "title"),
            tuple(found),
            budgets,
            self.file,
            hashlib.sha256(self.data).hexdigest(),
        )

    # -- one change ---------------------------------------------------------------------------
    def _change(
        self, node: yaml.Node, path: str, kind: Kind, *, lever: bool = False, owner: str = ""
    ) -> Change | None:
        what = self._what(node, path)
        if what is None:
            return None
        named = f"{path}.{what}"
        parts = (*_COMMON, *(("steps",) if what == "tells" else ()), *_PARTS[what])
        p = self.mapping(node, path, required=(what,), optional=parts)
        if what not in p:
            return None
        if lever and what in NO_LEVER:
            self.fault(
                node, named, f"a lever that {_LEVER_SAYS[what]}",
                one_of(name for name in WHAT if name not in NO_LEVER),
                "Levers are what an authority or the operation can do.",
            )  # fmt: skip
        elif kind == "choice" and what in ONLY_CIRCUMSTANCE:
            self.fault(
                node, named, f"a choice that {_LEVER_SAYS[what]}", "`kind: circumstance`",
                "Nobody may choose this; say what happens if it does.",
            )  # fmt: skip
        change = self._read(what, p, path, kind, line_of(node))
        whose = self._owner(p["owner"], f"{path}.owner") if "owner" in p else owner
        if kind == "choice" and not whose:
            whose = self._default_owner(change)
            if not whose:
                self.fault(
                    node,
                    f"{path}.owner",
                    "missing for a choice",
                    "who decides it: " + one_of(self.owners),
                )
        if kind == "circumstance" and "cost" in p:
            self.fault(p["cost"], f"{path}.cost", "the cost of a circumstance", "no cost")
        return replace(change, owner=whose, cost=self._costs(p.get("cost"), f"{path}.cost"))

    def _what(self, node: yaml.Node, path: str) -> What | None:
        """Which kind of change a node is; what may never be changed is said in those words."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, path, describe(node), "a change such as {adds: interview_slot …}")
            return None
        keys = {str(key.value): key for key, _ in node.value}
        named = any(name in keys for name in WHAT)
        for word, meaning in _NEVER.items():
            if word in keys and not (named and word == "opens"):
                self.fault(
                    keys[word], f"{path}.{word}", f"would touch {meaning}",
                    one_of(WHAT), "No scenario and no lever touches this.",
                )  # fmt: skip
                return None
        found = [name for name in WHAT if name in keys]
        if len(found) != 1:
            self.fault(
                node,
                path,
                f"{len(found)} changes in one entry" if found else "no change",
                f"one of {one_of(WHAT)}",
            )
            return None
        return found[0]

    def _read(
        self, what: What, p: Mapping[str, yaml.Node], path: str, kind: Kind, line: int
    ) -> Change:
        node = p[what]
        named = f"{path}.{what}"
        title = self.string(p["title"], f"{path}.title") if "title" in p else ""
        if what in ("closes", "incident"):
            targets = self._touched(node, named, what, kind)
        elif what == "scales":
            targets = (self.string(node, named),)
            self._allowed(node, named, targets, what, kind, (*self.steps, *self.consumed))
        elif what == "adds":
            targets = (self.string(node, named),)
            self.refers(node, named, targets[0], self.consumed, "capacity in the rulebook")
        elif what == "assume":
            targets = (self.string(node, named),)
        else:
            targets = (self.string(node, named),)
            known: Mapping[str, Any] = {
                "tells": self.base.messages, "pledge": self.base.pledges,
                "assurance": self.base.assurances, "authority": self.base.authorities,
                "action": self.base.actions,
            }[what]  # fmt: skip
            self.refers(node, named, targets[0], known, f"{_ENTRY[what]} in the plan")
            if targets[0] not in known:
                return Change(what, targets, title, line)
        change = Change(what, targets, title, line)
        change = replace(change, **self._times(what, p, path))
        if "factor" in p:
            most = 1.0 if what == "incident" else 2.0 if what == "tells" else 20.0
            factor = self.uncertain(p["factor"], f"{path}.factor", most=most)
            change = replace(change, factor=factor)
            if what == "scales" and factor.most > 1:
                for step in targets:
                    why = off_limits(self.rulebook, step, what, "choice")
                    if why and not off_limits(self.rulebook, step, what, kind):
                        self.fault(p["factor"], f"{path}.factor", f'"{step}" faster: {why}',
                                   "1 or less", "An incident may slow it down.")  # fmt: skip
        elif what in ("scales", "incident"):
            self.fault(node, f"{path}.factor", "missing", "how fast it then is, as 0.5 or 1.5")
        if "amount" in p:
            change = replace(
                change, amount=self.number(p["amount"], f"{path}.amount", least=0, most=1e6)
            )
        elif what == "adds":
            self.fault(node, f"{path}.amount", "missing", "how many more")
        if "per" in p:
            period = self.choice(p["per"], f"{path}.per", _PERIODS)
            change = replace(change, per_days=_PERIODS.get(period, 7))
        if "chance" in p:
            change = replace(change, chance=self.chance(p["chance"], f"{path}.chance"))
        reader = {
            "tells": self._tells, "pledge": self._pledge_change, "assume": self._assume,
            "assurance": self._assurance_change, "authority": self._authority_change,
            "action": self._action_change,
        }.get(what)  # fmt: skip
        if reader is not None:
            change = reader(change, p, path, kind)
        return replace(change, title=title or said(change, self.base, self.rulebook))

    def _touched(self, node: yaml.Node, path: str, what: What, kind: Kind) -> tuple[str, ...]:
        """One step or a list of steps, each of which may be touched."""
        values = (
            self.strings(node, path)
            if isinstance(node, yaml.SequenceNode)
            else (self.string(node, path),)
        )
        self._allowed(node, path, values, what, kind, self.steps)
        return tuple(value for value in values if value)

    def _allowed(
        self, node: yaml.Node, path: str, steps: Iterable[str], what: What, kind: Kind,
        known: Sequence[str],
    ) -> None:  # fmt: skip
        for step in steps:
            why = off_limits(self.rulebook, step, what, kind)
            if not why and what == "closes" and self._chosen(step):
                why = "a person's choice, which nothing closes"
            if why:
                self.fault(node, path, f'"{step}": {why}', "another step or a capacity")
            else:
                self.refers(node, path, step, known, "step or capacity")

    def _chosen(self, step: str) -> bool:
        transition = self.rulebook.transitions.get(step.partition(".")[0])
        return transition is not None and transition.pathway == "chosen"

    def _times(self, what: What, p: Mapping[str, yaml.Node], path: str) -> dict[str, Any]:
        """start, lead, until and days, whichever the change has."""
        found: dict[str, Any] = {}
        if "from" in p and "decided" in p:
            self.fault(p["decided"], path, "both `from` and `decided`", "one of them",
                       "`from` is the day of its effect, `decided` the day of the decision.")  # fmt: skip
        for key in ("from", "decided", "earliest"):
            if key in p:
                found["start"] = self.uncertain_date(p[key], f"{path}.{key}")
        if "lead_days" in p:
            if "decided" not in p:
                self.fault(p["lead_days"], f"{path}.lead_days", "a lead without `decided`",
                           "`decided`, the day from which it counts")  # fmt: skip
            found["lead"] = self.uncertain(p["lead_days"], f"{path}.lead_days", most=3650)
        if "until" in p:
            found["until"] = self.date(p["until"], f"{path}.until")
        if "days" in p:
            found["days"] = self.uncertain(p["days"], f"{path}.days", most=3650)
        if "until" in found and "days" in found:
            self.fault(p["days"], path, "both `until` and `days`", "one of them")
        start = found.get("start")
        if start and found.get("until") and found["until"] < start.latest:
            self.fault(p["until"], f"{path}.until", "before it begins", "a later day")
        if what == "incident" and "days" not in found:
            self.fault(p[what], f"{path}.days", "missing", "how long it lasts, in days")
        if what in ("closes", "incident") and start is None:
            self.fault(p[what], f"{path}.from", "missing", "the day it begins")
        return found

    def _tells(
        self, change: Change, p: Mapping[str, yaml.Node], path: str, kind: Kind
    ) -> Change:
        message = self.base.messages[change.targets[0]]
        day = self.date(p.get("told"), f"{path}.told")
        if "told" not in p:
            self.fault(p["tells"], f"{path}.told", "missing", "the day it is told")
        elif message.embargo_until and day < message.embargo_until.latest:
            self.fault(p["told"], f"{path}.told", f"before its embargo may end "
                       f"({message.embargo_until.latest})", "a later day")  # fmt: skip
        if not message.texts or not all(text.approved for text in message.texts.values()):
            self.fault(p["tells"], f"{path}.tells", "a message with a text nobody has approved",
                       "an approved message", "Have every text of it approved first.")  # fmt: skip
        steps = (
            self._touched(p["steps"], f"{path}.steps", "tells", kind) if "steps" in p else ()
        )
        if ("steps" in p) != ("factor" in p):
            self.fault(
                p["tells"], path, "`steps` and `factor` belong together", "both or neither"
            )
        return replace(change, day=day, targets=(change.targets[0], *steps))

    def _pledge_change(
        self, change: Change, p: Mapping[str, yaml.Node], path: str, kind: Kind
    ) -> Change:
        if "places" in p:
            places = self.integer(p["places"], f"{path}.places")
            change = replace(change, amount=float(places))
        if "valid_to" in p:
            change = replace(change, day=self.date(p["valid_to"], f"{path}.valid_to"))
        if "withdrawn" in p and self.boolean(p["withdrawn"], f"{path}.withdrawn"):
            change = replace(change, state="withdrawn")
            if kind == "choice":
                self.fault(p["withdrawn"], f"{path}.withdrawn", "a choice that takes places away",
                           "`kind: circumstance`")  # fmt: skip
        if "unconditional" in p:
            change = replace(
                change, unconditional=self.boolean(p["unconditional"], f"{path}.unconditional")
            )
        if not set(p) - {change.what, *_COMMON}:
            self.fault(p["pledge"], path, "nothing changed", one_of(_PARTS["pledge"]))
        return change

    def _assurance_change(
        self, change: Change, p: Mapping[str, yaml.Node], path: str, kind: Kind
    ) -> Change:
        assurance = self.base.assurances[change.targets[0]]
        steps = [
            move
            for move in self.rulebook.moves().values()
            if move.key in assurance.moves or move.transition in assurance.moves
        ]
        if assurance.purpose != "return" or any(is_handover(self.rulebook, s) for s in steps):
            self.fault(
                p["assurance"],
                f"{path}.assurance",
                "an assurance for a hand-over, which no scenario brings nearer",
                one_of(a.id for a in self.base.assurances.values() if a.purpose == "return"),
            )
        named = [key for key in ("won", "lost") if key in p]
        if len(named) != 1:
            self.fault(p["assurance"], path, "neither won nor lost" if not named else "both",
                       "`won` or `lost` with a day")  # fmt: skip
            return change
        key = named[0]
        found = assurance.conclusion.finding if assurance.conclusion else ""
        if key == "won" and (
            found == "cannot_rely" or assurance.state in ("refused", "breached")
        ):
            self.fault(p["won"], f"{path}.won", "an assurance on which the named lawyer found that "
                       "nobody can rely" if found == "cannot_rely" else f"an assurance that was {assurance.state}",
                       "a revised text, as an entry of its own in the plan")  # fmt: skip
        if key == "lost":
            if kind == "choice":
                self.fault(p["lost"], f"{path}.lost", "a choice that loses an assurance",
                           "`kind: circumstance`")  # fmt: skip
            return replace(change, state="lost", day=self.date(p["lost"], f"{path}.lost"))
        return replace(change, state="won", start=self.uncertain_date(p["won"], f"{path}.won"))

    def _authority_change(
        self, change: Change, p: Mapping[str, yaml.Node], path: str, kind: Kind
    ) -> Change:
        authority = self.base.authorities[change.targets[0]]
        day = self.date(p.get("ends"), f"{path}.ends")
        if "ends" not in p:
            self.fault(p["authority"], f"{path}.ends", "missing", "the day it then ends")
        elif day < authority.effective.latest:
            self.fault(p["ends"], f"{path}.ends", "before it takes effect", "a later day")
        sooner = authority.expiry is None or day < authority.expiry
        if sooner and kind == "choice" and "ends" in p:
            self.fault(p["ends"], f"{path}.ends", "a choice that ends an authority sooner",
                       "`kind: circumstance`")  # fmt: skip
        return replace(change, day=day)

    def _action_change(
        self, change: Change, p: Mapping[str, yaml.Node], path: str, kind: Kind
    ) -> Change:
        action = self.base.actions[change.targets[0]]
        if action.finished:
            self.fault(p["action"], f"{path}.action", "work that is done", "work still to do")
        carried = [
            move
            for move in self.rulebook.moves().values()
            if move.key in action.carries or move.transition in action.carries
        ]
        brought = [
            self.base.assurances[effect.target]
            for effect in action.effects
            if effect.kind == "brings" and effect.target in self.base.assurances
        ]
        if any(is_handover(self.rulebook, move) for move in carried) or any(
            assurance.purpose != "return" for assurance in brought
        ):
            self.fault(p["action"], f"{path}.action", "work towards a hand-over, which no scenario "
                       "brings nearer", "other work of the plan")  # fmt: skip
        if "duration_days" in p:
            duration = self.uncertain(p["duration_days"], f"{path}.duration_days", most=36500)
            change = replace(change, duration=duration)
        if "dropped" in p and self.boolean(p["dropped"], f"{path}.dropped"):
            change = replace(change, state="dropped")
        if not set(p) - {change.what, *_COMMON}:
            self.fault(p["action"], path, "nothing changed", one_of(_PARTS["action"]))
        return change

    def _assume(
        self, change: Change, p: Mapping[str, yaml.Node], path: str, kind: Kind
    ) -> Change:
        if "at" not in p:
            self.fault(p["assume"], f"{path}.at", "missing", "its value, or {min, likely, max}")
            return change
        return replace(change, factor=self.uncertain(p["at"], f"{path}.at", most=1e6))

    def _owner(self, node: yaml.Node | None, path: str) -> str:
        value = self.string(node, path)
        if node is not None:
            self.refers(node, path, value, self.owners, "owner or grantor in the plan")
        return value

    def _default_owner(self, change: Change) -> str:
        target = change.targets[0] if change.targets else ""
        if change.what == "action" and target in self.base.actions:
            return self.base.actions[target].owner
        if change.what == "authority" and target in self.base.authorities:
            return self.base.authorities[target].grantor
        if change.what == "tells" and target in self.base.messages:
            return self.base.messages[target].owner
        return ""

    def _costs(self, node: yaml.Node | None, path: str) -> dict[str, float]:
        found = {}
        for unit, value in self.mapping(node, path, free=True).items():
            self.name(unit, value, f"{path}.{unit}", _WORD, _WORDS)
            found[unit] = self.number(value, f"{path}.{unit}", least=0.0, most=1e12)
        if len(found) > MOST_COSTS:
            self.fault(node, path, f"{len(found)} units of account", f"{MOST_COSTS} or fewer")
        return found


_LEVER_SAYS: Mapping[str, str] = {
    "closes": "closes a way",
    "incident": "is an incident",
    "assume": "changes what is assumed",
    "tells": "times what people are told by what it makes them do",
}
_ENTRY: Mapping[str, str] = {
    "tells": "message", "pledge": "pledge", "assurance": "assurance", "authority": "authority",
    "action": "action",
}  # fmt: skip


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


# -- a plan under a scenario -------------------------------------------------------------------
def applied(plan: m.Plan, scenarios: Iterable[Scenario]) -> m.Plan:
    """The plan as it would be. What the scenarios add gets work of its own, so that its dates are
    drawn like every other date and leave the others' draws alone."""
    actions = dict(plan.actions)
    pledges = dict(plan.pledges)
    assurances = dict(plan.assurances)
    authorities = dict(plan.authorities)
    for scenario in scenarios:
        for number, change in enumerate(scenario.changes, 1):
            target = change.targets[0] if change.targets else ""
            if change.what == "pledge":
                pledges[target] = _pledge(pledges[target], change)
            elif change.what == "authority":
                authorities[target] = replace(
                    authorities[target], expiry=change.day, early_end=None, renewal=None
                )
            elif change.what == "action":
                actions[target] = _action(actions[target], change)
            elif change.what == "assurance" and change.state == "lost":
                known = assurances[target].expiry
                day = change.day if known is None else min(known, change.day or known)
                assurances[target] = replace(assurances[target], expiry=day)
            elif change.what != "assume":
                name = work_of(scenario, number)
                if change.what == "assurance":
                    # Won on this day, whatever work of the plan was to bring it.
                    actions = {id: _not_bringing(one, target) for id, one in actions.items()}
                actions[name] = _work(name, change)
    return replace(
        plan, actions=actions, pledges=pledges, assurances=assurances, authorities=authorities
    )


def work_of(scenario: Scenario, number: int) -> str:
    """Name of the work that times a change; it carries a dot, which no id of a plan does."""
    return f"{scenario.id}.{number}"


def _work(name: str, change: Change) -> m.Action:
    start = change.start
    if change.what == "tells" and change.day is not None:
        start = m.UncertainDate(change.day, change.day, change.day)
    brings: tuple[m.ActionEffect, ...] = ()
    if change.what == "assurance":
        brings = (m.ActionEffect("brings", change.targets[0]),)
    chance = 1.0 if change.chance is None else change.chance
    return m.Action(
        name, change.title, change.owner, change.lead, earliest=start, chance=chance,
        effects=brings,
    )  # fmt: skip


def _not_bringing(action: m.Action, target: str) -> m.Action:
    kept = tuple(
        effect
        for effect in action.effects
        if not (effect.kind == "brings" and effect.target == target)
    )
    return action if len(kept) == len(action.effects) else replace(action, effects=kept)


def _pledge(pledge: m.Pledge, change: Change) -> m.Pledge:
    if change.state == "withdrawn":
        return replace(pledge, state="withdrawn")
    windows = pledge.windows
    if change.amount is not None and pledge.places_people:
        share = change.amount / pledge.places_people
        counts = [round(window.places_people * share) for window in windows]
        counts[-1] += int(change.amount) - sum(counts)
        windows = tuple(
            replace(window, places_people=max(count, 0))
            for window, count in zip(windows, counts, strict=True)
        )
    if change.start is not None:
        first = windows[0].start.likely
        moved = []
        for window in windows:
            gap = window.start.likely - first if first != dt.date.min else dt.timedelta(0)
            start = m.UncertainDate(
                change.start.earliest + gap, change.start.likely + gap, change.start.latest + gap
            )  # fmt: skip
            moved.append(replace(window, start=start))
        windows = tuple(moved)
    if change.day is not None:
        windows = tuple(
            replace(window, end=change.day) if window.end in (None, pledge.valid_to) else window
            for window in windows
        )
    return replace(
        pledge,
        windows=windows,
        valid_to=change.day or pledge.valid_to,
        chance=pledge.chance if change.chance is None else change.chance,
        conditional_on=None if change.unconditional else pledge.conditional_on,
    )


def _action(action: m.Action, change: Change) -> m.Action:
    if change.state == "dropped":
        return replace(action, chance=0.0)
    started = None if change.start is not None else action.started
    return replace(
        action,
        earliest=change.start or action.earliest,
        started=started,
        duration=change.duration or action.duration,
        chance=action.chance if change.chance is None else change.chance,
    )


def effects_of(
    scenarios: Iterable[Scenario], draws: PlanDraws, rulebook: Rulebook
) -> list[PlanEffect]:
    """What the scenarios change by themselves, beyond what the changed plan says.

    draws   of the plan as `applied` made it
    """
    import numpy as np

    from onward.plan.draws import stream, triangular
    from onward.plan.effects import PlanEffect

    found: list[PlanEffect] = []
    ones = np.ones(draws.futures)
    for scenario in scenarios:
        for number, change in enumerate(scenario.changes, 1):
            name = work_of(scenario, number)
            if change.what not in ("adds", "scales", "closes", "incident", "tells"):
                continue
            start = draws.finishes[name]
            end = np.full(draws.futures, np.inf)
            if change.until is not None:
                end = np.full(draws.futures, float((change.until - draws.as_of).days))
            if change.days is not None:
                u = stream(draws.seed, "scenario days", name).random(draws.futures)
                end = start + np.maximum(np.rint(triangular(change.days, u)) - 1, 0)
            values = ones
            if change.factor is not None:
                u = stream(draws.seed, "scenario factor", name).random(draws.futures)
                values = triangular(change.factor, u)
            effect = PlanEffect(
                name, scenario.title, "transition", (), "multiplier", start, end, values
            )
            if change.what == "adds":
                found.append(
                    replace(effect, target_kind="capacity", targets=change.targets, kind="cap",
                            values=ones * (change.amount or 0.0), window_days=change.per_days)
                )  # fmt: skip
                continue
            steps = change.targets[1:] if change.what == "tells" else change.targets
            keys = moves_of(rulebook, steps)
            if change.what == "closes":
                found.append(replace(effect, targets=keys, kind="gate", closed=True, gate=name,
                                     values=ones))  # fmt: skip
            elif change.what == "scales" and not keys:
                found.append(replace(effect, target_kind="capacity", targets=change.targets))
            elif keys:
                found.append(replace(effect, targets=keys))
    return found


def moves_of(rulebook: Rulebook, steps: Iterable[str]) -> tuple[str, ...]:
    """The moves of these steps that are not merely recorded."""
    names = set(steps)
    return tuple(
        key
        for key, move in rulebook.moves().items()
        if (key in names or move.transition in names)
        and not (move.records or rulebook.transitions[move.transition].records)
    )


def touched(scenarios: Iterable[Scenario], plan: m.Plan, rulebook: Rulebook) -> frozenset[str]:
    """Every move some scenario speaks of: all compared models simulate them, so that they differ
    in nothing else."""
    steps: set[str] = set()
    for scenario in scenarios:
        for change in scenario.changes:
            if change.what in ("scales", "closes", "incident"):
                steps |= set(change.targets)
            elif change.what == "tells":
                steps |= set(change.targets[1:])
            elif change.what == "assurance":
                steps |= set(plan.assurances[change.targets[0]].moves)
    return frozenset(moves_of(rulebook, steps))


__all__ = [
    "KINDS",
    "WHAT",
    "Change",
    "Lever",
    "Levers",
    "Scenario",
    "applied",
    "effects_of",
    "load_levers",
    "load_scenario",
    "loads_levers",
    "loads_scenario",
    "moves_of",
    "off_limits",
    "owners_of",
    "touched",
]
