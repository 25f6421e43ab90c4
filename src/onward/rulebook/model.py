"""The rulebook as plain data: what may be known, how a person moves, what must be true.

Made by `load.py` from a YAML file and read by every other room; nothing here computes. Names
follow the file (see `rulebooks/protected-camp.yaml`), so a lawyer's question about a line can
be answered with a line of code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

FactType = Literal[
    "boolean", "code", "codes", "text", "integer", "number", "date", "partial_date",
    "country", "language",
]  # fmt: skip
Sensitivity = Literal["open", "internal", "confidential", "sealed"]
Owner = Literal["operation", "authority", "person"]
When = Literal["decision", "movement"]

ENDS_LIVING = ("outcome", "handover")
"""How somebody's case ends who is somewhere afterwards and can be asked how they are."""


@dataclass(frozen=True)
class Fact:
    """One thing that may be known about one kind of subject.

    A `partial_date` named x is held as two columns, x_first and x_last (the first and last
    day it can mean); `codes` is a set of codes; every other type is one column named x.
    `starts` is written explicitly into the event that opens a record of this kind.
    """

    name: str
    kind: str
    type: FactType
    label: str
    sensitivity: Sensitivity
    retention: str
    allowed: tuple[str, ...] = ()
    starts: bool | str | None = None
    hxl: str = ""
    line: int = 0


@dataclass(frozen=True)
class Kind:
    """What events can speak of: a person, a household, a consent, an assurance …"""

    name: str
    title: str
    refs: Mapping[str, str]  # column -> kind it points to
    facts: Mapping[str, Fact]
    line: int = 0


@dataclass(frozen=True)
class ClosedBy:
    """Where the declared number of a relation's rows stands: kind `kind`, reached through the
    column `via` of the asking kind, in its fact `fact`."""

    kind: str
    via: str
    fact: str


@dataclass(frozen=True)
class Relation:
    """How a row of one kind reaches rows of another.

    join       their column -> our column, or a parameter (":destination")
    closed_by  all_true counts rows known to satisfy the condition against this number
    """

    name: str
    of: str
    kind: str
    join: Mapping[str, str]
    closed_by: ClosedBy | None = None
    line: int = 0


@dataclass(frozen=True)
class Derived:
    """A fact computed by a condition from other facts of the same kind and its relations."""

    name: str
    kind: str
    condition: str
    label: str
    source: str
    line: int = 0


@dataclass(frozen=True)
class State:
    """One state of one axis. `ends` is "" while the person is active, else why not.
    `registered`: no step leads here, but people may be in it when their record begins."""

    name: str
    axis: str
    title: str
    code: str = ""
    ends: Literal["", "outcome", "handover", "absence", "death"] = ""
    registered: bool = False


@dataclass(frozen=True)
class Axis:
    name: str
    title: str
    starts: str
    states: Mapping[str, State]


@dataclass(frozen=True)
class Process:
    """A procedure that can be open beside others. `opens` and `closes` name a transition
    ("T9": any of its moves) or one move ("T10.recognised")."""

    name: str
    title: str
    opens: tuple[str, ...]
    closes: tuple[str, ...]


@dataclass(frozen=True)
class Move:
    """One outcome of a transition: from any of these states to these states.

    records    recording what happened: never refused for a safeguard
    moves_out  the person leaves the place: evaluated as a movement
    """

    name: str
    transition: str
    pathway: str
    sources: Mapping[str, tuple[str, ...]]  # axis -> states it may start from
    targets: Mapping[str, str]  # axis -> state it ends in; {} changes no axis
    records: bool = False
    moves_out: bool = False

    @property
    def key(self) -> str:
        return f"{self.transition}.{self.name}"


@dataclass(frozen=True)
class Transition:
    name: str
    title: str
    pathway: str
    decides: str
    evidence: tuple[str, ...]
    safeguards: tuple[str, ...]
    moves: Mapping[str, Move]
    reversed_by: str
    source: str
    movement: bool = False
    path: tuple[str, ...] = ()
    records: bool = False
    consumes: str = ""
    line: int = 0

    @property
    def is_theirs(self) -> bool:
        """Whether the person decides it, by what the rulebook says of who does."""
        return self.pathway == "chosen" or bool(re.search(r"\b(person|adult)\b", self.decides))


@dataclass(frozen=True)
class Finding:
    """One sentence of a safeguard with its condition.

    hard   nobody may override it; otherwise two different people and a reason can
    at     "movement" when it is asked only then; "" when it is asked at both
    """

    name: str
    safeguard: str
    sentence: str
    condition: str
    hard: bool
    remedy: str
    owner: Owner
    owner_role: str
    at: Literal["", "movement"] = ""
    line: int = 0

    @property
    def key(self) -> str:
        return f"{self.safeguard}.{self.name}"


@dataclass(frozen=True)
class Safeguard:
    name: str
    title: str
    source: str
    findings: Mapping[str, Finding]
    line: int = 0


@dataclass(frozen=True)
class MovementUnits:
    group_by: str
    together_when: tuple[str, ...]
    children_follow: str
    when_members_diverge: str


@dataclass(frozen=True)
class ForecastState:
    """People counted together in a forecast: first state whose axis lists all match.
    `gone` is "" while present, else the pathway or reason by which they left."""

    name: str
    title: str
    where: Mapping[str, tuple[str, ...]]  # axis -> states
    gone: str = ""


@dataclass(frozen=True)
class FollowUpRule:
    """When people are contacted after an outcome.

    days        after it
    then_every  days between further contacts, for as long as nobody closes the follow-up; 0: none
    """

    pathway: str
    days: tuple[int, ...]
    tolerance_days: int
    then_every: int = 0


@dataclass(frozen=True)
class Rulebook:
    """One adopted rulebook. `hash` is the SHA-256 (hex) of the file's bytes; `floor_hash`
    that of the protection floor it was checked against ("" before the check)."""

    name: str
    version: str
    title: str
    file: str
    hash: str
    floor: str
    settings: Mapping[str, int]
    kinds: Mapping[str, Kind]
    relations: Mapping[str, Mapping[str, Relation]]  # kind -> name -> relation
    derived: Mapping[str, Mapping[str, Derived]]  # kind -> name -> derived fact
    axes: Mapping[str, Axis]
    processes: Mapping[str, Process]
    transitions: Mapping[str, Transition]
    safeguards: Mapping[str, Safeguard]
    movement_always: tuple[str, ...]
    movement_units: MovementUnits
    forecast_strata: tuple[str, ...]
    forecast_states: Mapping[str, ForecastState]
    follow_up: Mapping[str, FollowUpRule]
    floor_hash: str = ""
    source_text: str = field(default="", repr=False, compare=False)

    def moves(self) -> Mapping[str, Move]:
        """Every move by its key, "T4.return", in the file's order."""
        return self._moves

    @cached_property
    def _moves(self) -> Mapping[str, Move]:
        return {m.key: m for t in self.transitions.values() for m in t.moves.values()}

    @cached_property
    def contacts_after(self) -> Mapping[str, tuple[int, ...]]:
        """Move -> days after it on which somebody is contacted: the calendar of its pathway."""
        return {key: rule.days for key, rule in self.followed_up.items()}

    @cached_property
    def followed_up(self) -> Mapping[str, FollowUpRule]:
        """Move -> the calendar that begins with it.

        What opens the process `follow_up` says which moves these are. For a pathway of which it
        names none, every move into a stage that ends in an outcome or a hand-over.
        """
        process = self.processes.get("follow_up")
        opens = process.opens if process else ()
        ends = {s.name for s in self.axes["stage"].states.values() if s.ends in ENDS_LIVING}
        found: dict[str, FollowUpRule] = {}
        for rule in self.follow_up.values():
            theirs = [m for m in self._moves.values() if m.pathway == rule.pathway]
            named = [m for m in theirs if m.key in opens or m.transition in opens]
            for move in named or [m for m in theirs if m.targets.get("stage") in ends]:
                found[move.key] = rule
        return found

    @cached_property
    def follow_up_closed_by(self) -> frozenset[str]:
        """The moves by which somebody says that nobody is contacted any more."""
        process = self.processes.get("follow_up")
        closes = process.closes if process else ()
        return frozenset(
            m.key for m in self._moves.values() if m.key in closes or m.transition in closes
        )

    def safeguards_for(self, move: Move, at: When) -> tuple[str, ...]:
        """The safeguards asked of a move, in the rulebook's order, without repeats.

        At decision: those attached to the transition. At movement (a move of a `movement`
        transition that leaves the place): the union along its path, and `movement_always`.
        A recording move answers to the same list; failing it opens a breach, never a refusal.
        """
        step = self.transitions[move.transition]
        asked = set(step.safeguards)
        if at == "movement":
            for name in step.path:
                asked.update(self.transitions[name].safeguards)
            asked.update(self.movement_always)
        return tuple(name for name in self.safeguards if name in asked)

    def is_movement(self, move: Move) -> bool:
        """Whether the person leaves a place by this move, so that it is asked at movement."""
        step = self.transitions[move.transition]
        return step.movement and ("place" in move.targets or move.moves_out)
