"""One pass over a scenario or levers file, every fault said with its line.

Exists so that a planner mends a file once. Comes in: the file's bytes, the plan it departs from and
the rulebook. Goes out: a `Scenario` or `Levers` of `scenario`, whose limits hold
for everything read here; or Faults.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from onward.errors import one_of
from onward.forecast.scenarios.scenario import (
    KINDS,
    NO_LEVER,
    ONLY_CIRCUMSTANCE,
    WHAT,
    Change,
    Kind,
    Lever,
    Levers,
    Scenario,
    What,
    off_limits,
    owners_of,
    said,
)
from onward.plan import model as m
from onward.plan.load import PlanReader
from onward.rulebook.model import Rulebook
from onward.rulebook.reading import describe, line_of, read_bytes
from onward.safeguards.help import is_handover

if TYPE_CHECKING:
    pass

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


class ScenarioReader(PlanReader):
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


def load_scenario(
    path: str | Path, plan: m.Plan, rulebook: Rulebook, *, called: str = ""
) -> Scenario:
    """Read a scenario file.

    called  what messages call the file; left out: the path as it was given
    raises  Faults with every fault of the file at once; OnwardError when it cannot be read
    """
    data = read_bytes(Path(path), "scenario", called=called)
    return loads_scenario(data, plan, rulebook, file=called or str(path))


def loads_scenario(
    text: str | bytes, plan: m.Plan, rulebook: Rulebook, *, file: str = "scenario.yaml"
) -> Scenario:
    """Read a scenario from its text or bytes; `file` is the name used in messages."""
    data = text.encode() if isinstance(text, str) else text
    return ScenarioReader(file, data, plan, rulebook).scenario()


def load_levers(path: str | Path, plan: m.Plan, rulebook: Rulebook) -> Levers:
    """Read a file of levers and budgets; raises as `load_scenario` does."""
    return loads_levers(read_bytes(Path(path), "levers"), plan, rulebook, file=str(path))


def loads_levers(
    text: str | bytes, plan: m.Plan, rulebook: Rulebook, *, file: str = "levers.yaml"
) -> Levers:
    """Read levers from their text or bytes; `file` is the name used in messages."""
    data = text.encode() if isinstance(text, str) else text
    return ScenarioReader(file, data, plan, rulebook).levers()
