"""Who may see what and do what, as plain data: the shipped table of roles, read and asked.

Exists so that one table answers every question of access, for pages, exports and commands alike.
Comes in: `data/roles.yaml` and a rulebook. Goes out: the reach of a set of roles for a class of
fields or an action, and the class every field belongs to. Knows no request and no database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from onward.errors import Fault, Faults, OnwardError, one_of
from onward.rulebook.grammar import parse_condition
from onward.rulebook.model import Rulebook

FILE = Path(__file__).parents[1] / "data" / "roles.yaml"
MOST_KEPT = 24
"""Tables kept of those worked out for a rulebook; a process has one or two rulebooks."""

_Made = TypeVar("_Made")

CASES = "CASES"
"""In `apart`: any role that reads people."""


@dataclass(frozen=True)
class FieldClass:
    """A class of fields. The first class that fits a field is its class."""

    name: str
    title: str
    facts: Mapping[str, frozenset[str]]
    kinds: frozenset[str]
    retention: frozenset[str]
    sensitivity: frozenset[str]
    vault: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """Something an account may do.

    fresh  only soon after a sign-in
    two    decides on what another person asked for; never on one's own
    """

    name: str
    title: str
    fresh: bool = False
    two: bool = False


@dataclass(frozen=True)
class Role:
    """reads and may: class or action -> reaches, widest first."""

    name: str
    title: str
    reads: Mapping[str, tuple[str, ...]]
    may: Mapping[str, tuple[str, ...]]

    @property
    def sees_cases(self) -> bool:
        return bool(self.reads)


@dataclass(frozen=True)
class Rules:
    """The table of access."""

    reaches: Mapping[str, str]
    classes: Mapping[str, FieldClass]
    actions: Mapping[str, Action]
    roles: Mapping[str, Role]
    apart: tuple[frozenset[str], ...]
    revealed: frozenset[str]
    axes: Mapping[str, str]
    tells: Mapping[str, frozenset[str]]
    _worked_out: dict[tuple[str, int], tuple[Rulebook, Any]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def _once(self, name: str, rulebook: Rulebook, make: Callable[[Rulebook], _Made]) -> _Made:
        """Worked out once for a rulebook: the same for every page that reads it."""
        kept = self._worked_out.get((name, id(rulebook)))
        if kept is None or kept[0] is not rulebook:
            if len(self._worked_out) > MOST_KEPT:
                self._worked_out.clear()
            kept = self._worked_out[name, id(rulebook)] = (rulebook, make(rulebook))
        made: _Made = kept[1]
        return made

    def reads(self, roles: Iterable[str], class_: str) -> frozenset[str]:
        """The reaches in which these roles together may read a class of fields."""
        return frozenset(
            reach for name in roles if name in self.roles
            for reach in self.roles[name].reads.get(class_, ())
        )  # fmt: skip

    def may(self, roles: Iterable[str], action: str) -> frozenset[str]:
        """The reaches in which these roles together may do something."""
        if action not in self.actions:
            raise KeyError(f"{action} is not an action; see data/roles.yaml")
        return frozenset(
            reach for name in roles if name in self.roles
            for reach in self.roles[name].may.get(action, ())
        )  # fmt: skip

    def actions_of(self, roles: Iterable[str]) -> frozenset[str]:
        """Everything these roles may do somewhere."""
        return frozenset(
            a for name in roles if name in self.roles for a in self.roles[name].may
        )

    def clashes(self, roles: Collection[str]) -> list[str]:
        """Sentences that say which of these roles one account may not hold together."""
        found = []
        cases = sorted(name for name in roles if self.roles[name].sees_cases)
        for pair in self.apart:
            if CASES in pair:
                (other,) = pair - {CASES}
                if other in roles and cases:
                    found.append(
                        f"{self.roles[other].title} may not also read cases "
                        f"({self.roles[cases[0]].title})."
                    )
            elif pair <= set(roles):
                one, two = sorted(self.roles[name].title for name in pair)
                found.append(f"{one} and {two} may not be one person.")
        return found

    @property
    def identity(self) -> frozenset[str]:
        """The masked classes that the vault keeps of a person."""
        return frozenset(name for name in self.revealed if self.classes[name].vault)

    def unknown(self, roles: Iterable[str]) -> list[str]:
        return sorted(name for name in roles if name not in self.roles)

    def vault_class(self, field: str) -> str:
        """The class of a field of the vault; what is not named is the most guarded one."""
        head = field.split(".", 1)[0].split("_", 1)[0]
        for each in self.classes.values():
            if head in each.vault:
                return each.name
        return "narrative"

    def field_class(self, kind: str, fact: str, sensitivity: str, retention: str) -> str:
        """The class of a declared fact; what fits no class is the most guarded one."""
        for each in self.classes.values():
            if (
                fact in each.facts.get(kind, ())
                or kind in each.kinds
                or retention in each.retention
                or sensitivity in each.sensitivity
            ):
                return each.name
        return "grounds"

    def field_classes(self, rulebook: Rulebook) -> Mapping[str, Mapping[str, str]]:
        """kind -> column -> class, for every column the fold gives: facts, refs, axes, derived.

        A derived fact and a process take the classes of what they tell: the most guarded of
        the facts a derived one reads cannot be told by name, so it is confidential at least.
        """
        return self._once("field", rulebook, self._field_classes)

    def _field_classes(self, rulebook: Rulebook) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for kind in rulebook.kinds.values():
            columns: dict[str, str] = dict.fromkeys(kind.refs, "internal")
            for fact in kind.facts.values():
                name = self.field_class(kind.name, fact.name, fact.sensitivity, fact.retention)
                columns[fact.name] = name
                if fact.type == "partial_date":
                    columns[f"{fact.name}_first"] = columns[f"{fact.name}_last"] = name
            columns["id"] = "open"
            columns["first_on"] = "internal"
            found[kind.name] = columns
        person = found["person"]
        for axis, name in self.axes.items():
            person[axis] = person[f"{axis}_since"] = name
        person |= {
            "active": "internal", "adult": "biodata", "unit": "internal", "office": "internal",
            "registered_on": "internal", "steps": "confidential", "processes": "confidential",
            "open_steps": "confidential", "blocked": "confidential", "forecast_state": "confidential",
        }  # fmt: skip
        return found

    def finding_classes(self, rulebook: Rulebook) -> Mapping[str, frozenset[str]]:
        """finding key -> the classes one must read to be told that it is what is missing."""
        return self._once("finding", rulebook, self._finding_classes)

    def _finding_classes(self, rulebook: Rulebook) -> Mapping[str, frozenset[str]]:
        columns = self.field_classes(rulebook)
        found = {}
        for safeguard in rulebook.safeguards.values():
            for finding in safeguard.findings.values():
                if finding.key in self.tells:
                    found[finding.key] = self.tells[finding.key]
                    continue
                condition = parse_condition(finding.condition, kind="person", rulebook=rulebook)
                told = {
                    columns.get(kind, {}).get(column, "grounds")
                    for kind, column in condition.reads_raw
                }
                found[finding.key] = frozenset(told - {"open", "internal", "biodata"})
        return found

    def kind_classes(self, rulebook: Rulebook) -> Mapping[str, frozenset[str]]:
        """kind -> classes of its facts. That a row exists is told only to readers of one."""
        return self._once("kind", rulebook, self._kind_classes)

    def _kind_classes(self, rulebook: Rulebook) -> Mapping[str, frozenset[str]]:
        columns = self.field_classes(rulebook)
        found = {}
        for kind in rulebook.kinds.values():
            every = frozenset(columns[kind.name][fact] for fact in kind.facts)
            found[kind.name] = every - {"open", "internal"} or every
        return found


@lru_cache(maxsize=4)
def load_rules(path: Path = FILE) -> Rules:
    """Read and check the table.

    raises  Faults with everything in it that is not understood
    """
    raw: Any = yaml.safe_load(path.read_text("utf-8"))
    faults: list[Fault] = []

    def fault(where: str, found: str, allowed: Iterable[str]) -> None:
        faults.append(Fault(path.name, where, "", found, one_of(sorted(allowed))))

    reaches = dict(raw["reaches"])
    classes = {
        name: FieldClass(
            name,
            text["title"],
            {kind: frozenset(facts) for kind, facts in text.get("facts", {}).items()},
            frozenset(text.get("kinds", ())),
            frozenset(text.get("retention", ())),
            frozenset(text.get("sensitivity", ())),
            tuple(text.get("vault", ())),
        )
        for name, text in raw["classes"].items()
    }
    actions = {
        name: Action(name, text["title"], bool(text.get("fresh")), bool(text.get("two")))
        for name, text in raw["actions"].items()
    }
    roles = {}
    for name, text in raw["roles"].items():
        parts: dict[str, dict[str, list[str]]] = {"reads": {}, "may": {}}
        for part, known in (("reads", classes), ("may", actions)):
            for reach, entries in (text.get(part) or {}).items():
                if reach not in reaches:
                    fault(f"roles.{name}.{part}", f"{reach}: not a reach", reaches)
                for entry in entries:
                    if entry not in known:
                        fault(f"roles.{name}.{part}.{reach}", f"{entry}: not known", known)
                    parts[part].setdefault(entry, []).append(reach)
        order = list(reaches)
        roles[name] = Role(
            name,
            text["title"],
            {k: tuple(sorted(v, key=order.index)) for k, v in parts["reads"].items()},
            {k: tuple(sorted(v, key=order.index)) for k, v in parts["may"].items()},
        )
    for pair in raw["apart"]:
        for name in pair:
            if name != CASES and name not in roles:
                fault("apart", f"{name}: not a role", roles)
    for name in raw["revealed"]:
        if name not in classes:
            fault("revealed", f"{name}: not a class", classes)
    for axis, name in raw["axes"].items():
        if name not in classes:
            fault(f"axes.{axis}", f"{name}: not a class", classes)
    if faults:
        raise Faults(faults)
    return Rules(
        reaches, classes, actions, roles,
        tuple(frozenset(pair) for pair in raw["apart"]),
        frozenset(raw["revealed"]), dict(raw["axes"]),
        {key: frozenset(value) for key, value in raw.get("tells", {}).items()},
    )  # fmt: skip


def check_roles(names: Iterable[str], rules: Rules | None = None) -> frozenset[str]:
    """These roles, when one account may hold them together.

    raises  OnwardError that says which are unknown or may not be combined
    """
    rules = rules or load_rules()
    wanted = frozenset(names)
    if unknown := rules.unknown(wanted):
        raise OnwardError(
            f"{one_of(unknown)}: not a role; expected {one_of(sorted(rules.roles))}."
        )
    if clashes := rules.clashes(wanted):
        raise OnwardError(" ".join(clashes))
    return wanted
