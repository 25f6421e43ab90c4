"""Reads a rulebook file into plain data, or says everything that is wrong with it at once.

A rulebook is the one model that the register, the forecast, the placement and the report share,
so a slip in it must be found when the file is read and not months later on somebody's case. In
comes YAML; out comes a `Rulebook`, or `Faults` that each name the line, what was found there
and what is allowed. Conditions are kept as text here; `grammar.py` reads them and `check.py`
compares the whole with the protection floor.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import yaml

from onward.errors import Fault, Faults, OnwardError, one_of
from onward.rulebook.model import (
    Axis,
    ClosedBy,
    Derived,
    Fact,
    FactType,
    Finding,
    FollowUpRule,
    ForecastState,
    Kind,
    Move,
    MovementUnits,
    Owner,
    Process,
    Relation,
    Rulebook,
    Safeguard,
    Sensitivity,
    State,
    Transition,
)
from onward.rulebook.reading import Reader, join_path, line_of, read_bytes

T = TypeVar("T")

PARAMETERS = {":on": "date", ":destination": "text", ":pathway": "text"}
# Columns every person has beside the declared facts (see the caseload).
PERSON_COLUMNS = ("legal", "stage", "place")
RESERVED = ("id", "legal_since", "stage_since", "place_since", "unit", "active")
RETENTION = ("case", "medical", "operation")
ENDS = ("outcome", "handover", "absence", "death")

_WORD = re.compile(r"[a-z][a-z0-9_]*\Z")
_STEP = re.compile(r"T[0-9]+[a-z]?\Z")
_GUARD = re.compile(r"G[0-9]+[a-z]?\Z")


# ---------------------------------------------------------------------------------------------
# Where rulebooks are
# ---------------------------------------------------------------------------------------------
def shipped_folder() -> Path:
    """The folder of the rulebooks that come with Onward, in a source tree or an installation."""
    here = Path(__file__).resolve()
    for folder in (here.parents[3] / "rulebooks", here.parents[1] / "shipped" / "rulebooks"):
        if (folder / "protected-camp.yaml").is_file():
            return folder
    raise OnwardError(
        "The shipped rulebooks are missing from this installation. Install Onward again."
    )


def shipped_names() -> tuple[str, ...]:
    """The names of the rulebooks that come with Onward, in alphabetical order."""
    return tuple(sorted(path.stem for path in shipped_folder().glob("*.yaml")))


def shipped_path(name: str) -> Path:
    """The file of a shipped rulebook; raises OnwardError naming those that exist."""
    if name not in shipped_names():
        raise OnwardError(
            f'No shipped rulebook is called "{name}"; expected {one_of(shipped_names())}.'
        )
    return shipped_folder() / f"{name}.yaml"


def load(source: str | Path) -> Rulebook:
    """Read a rulebook file (a path, or YAML text of more than one line).

    raises  Faults with every fault of the file at once; OnwardError when it cannot be read
    """
    if isinstance(source, str) and "\n" in source:
        return loads(source)
    path = Path(source)
    return loads(read_bytes(path, "rulebook"), file=str(source))


def loads(text: str | bytes, *, file: str = "rulebook.yaml") -> Rulebook:
    """Read a rulebook from its text or bytes; `file` is the name used in messages.

    The hash is the SHA-256 of the bytes as given (text is encoded as UTF-8).
    """
    data = text.encode() if isinstance(text, str) else text
    reader = _RulebookReader(file, data)
    rulebook = reader.rulebook()
    reader.finish()
    return rulebook


def read_all(data: bytes, *, file: str) -> tuple[Rulebook | None, list[Fault]]:
    """What can be read of a rulebook, with every fault, so that a check can go on.

    The rulebook is complete and sound only when the list is empty; None when it is not YAML.
    """
    try:
        reader = _RulebookReader(file, data)
    except Faults as error:
        return None, list(error.faults)
    rulebook = reader.rulebook()
    return rulebook, reader.in_order()


# ---------------------------------------------------------------------------------------------
# The rulebook
# ---------------------------------------------------------------------------------------------
_WORDS = "a small word: letters a to z, digits and _, beginning with a letter"


class _RulebookReader(Reader):
    """One pass over the file, in the order a reader meets it, then the references."""

    def rulebook(self) -> Rulebook:
        top = self.mapping(
            self.root, "",
            required=("rulebook", "version", "title", "floor", "settings", "kinds", "relations",
                      "derived", "axes", "processes", "movement_always", "transitions",
                      "safeguards", "movement_units", "forecast", "follow_up_calendar"),
        )  # fmt: skip
        name = self.string(top.get("rulebook"), "rulebook")
        version = self.string(top.get("version"), "version")
        title = self.string(top.get("title"), "title")
        floor = self.string(top.get("floor"), "floor")
        settings = self._settings(top.get("settings"))
        kinds = self._kinds(top.get("kinds"), settings)
        self.kinds = kinds
        relations = self._per_kind(top.get("relations"), "relations", self._relation)
        derived = self._per_kind(top.get("derived"), "derived", self._derived_fact)
        self._clashes(derived)
        axes = self._axes(top.get("axes"))
        self.axes = axes
        safeguards = self._safeguards(top.get("safeguards"))
        always = self._names(
            top.get("movement_always"), "movement_always", safeguards, "safeguard"
        )
        transitions = self._transitions(top.get("transitions"), safeguards)
        self._reachable(transitions, top.get("axes"))
        processes = self._processes(top.get("processes"), transitions)
        units = self._movement_units(top.get("movement_units"))
        strata, states = self._forecast(top.get("forecast"), derived.get("person", {}))
        calendar = self._calendar(top.get("follow_up_calendar"))
        return Rulebook(
            name=name,
            version=version,
            title=title,
            file=self.file,
            hash=hashlib.sha256(self.data).hexdigest(),
            floor=floor,
            settings=settings,
            kinds=kinds,
            relations=relations,
            derived=derived,
            axes=axes,
            processes=processes,
            transitions=transitions,
            safeguards=safeguards,
            movement_always=always,
            movement_units=units,
            forecast_strata=strata,
            forecast_states=states,
            follow_up=calendar,
            source_text=self.text,
        )

    def _named(self, node: yaml.Node | None, path: str) -> Iterator[tuple[str, str, yaml.Node]]:
        """Entries with small-word names: (name, path, node)."""
        for name, entry in self.mapping(node, path, free=True).items():
            self.name(name, entry, join_path(path, name), _WORD, _WORDS)
            yield name, join_path(path, name), entry

    def _names(
        self, node: yaml.Node | None, path: str, known: Iterable[str], what: str
    ) -> tuple[str, ...]:
        known = tuple(known)
        names = self.strings(node, path)
        for name in names:
            self.refers(node, path, name, known, what)
        return names

    # -- what may be known ----------------------------------------------------------------------
    def _settings(self, node: yaml.Node | None) -> dict[str, int]:
        settings = {}
        for name, path, entry in self._named(node, "settings"):
            parts = self.mapping(entry, path, required=("value",), optional=("note",))
            settings[name] = self.integer(parts.get("value"), f"{path}.value")
            if "note" in parts:
                self.string(parts["note"], f"{path}.note")
        return settings

    def _kinds(self, node: yaml.Node | None, settings: Mapping[str, int]) -> dict[str, Kind]:
        kinds: dict[str, Kind] = {}
        references: list[tuple[yaml.Node, str, str]] = []
        for name, path, entry in self._named(node, "kinds"):
            parts = self.mapping(entry, path, required=("title", "refs", "facts"))
            refs = {}
            for column, ref_path, target in self._named(parts.get("refs"), f"{path}.refs"):
                refs[column] = self.string(target, ref_path)
                references.append((target, ref_path, refs[column]))
                self._reserved(name, column, target, ref_path)
            facts = {}
            for fact, fact_path, body in self._named(parts.get("facts"), f"{path}.facts"):
                facts[fact] = self._fact(name, fact, body, fact_path)
                self._reserved(name, fact, body, fact_path)
                if fact in refs:
                    self.fault(body, fact_path, "a fact with the name of a ref", "another name")
                if fact in settings:
                    self.fault(body, fact_path, "a fact with the name of a setting",
                               "another name, so that a condition means one thing")  # fmt: skip
            kinds[name] = Kind(
                name,
                self.string(parts.get("title"), f"{path}.title"),
                refs,
                facts,
                line_of(entry),
            )
        for target, ref_path, value in references:
            self.refers(target, ref_path, value, kinds, "kind")
        if node is not None and "person" not in kinds:
            self.fault(node, "kinds", "no kind called person", "a kind called person")
        return kinds

    def _reserved(self, kind: str, name: str, node: yaml.Node, path: str) -> None:
        taken = (*PERSON_COLUMNS, *RESERVED) if kind == "person" else ("id",)
        if name in taken or (kind == "person" and name.startswith("process_")):
            self.fault(node, path, f'the name "{name}"', "another name: Onward keeps this one")

    def _fact(self, kind: str, name: str, node: yaml.Node, path: str) -> Fact:
        parts = self.mapping(
            node, path,
            required=("type", "label", "sensitivity", "retention"),
            optional=("allowed", "starts", "hxl"),
        )  # fmt: skip
        type_ = self.choice(parts.get("type"), f"{path}.type", get_args(FactType))
        allowed: tuple[str, ...] = ()
        if "allowed" in parts:
            allowed = self.strings(parts["allowed"], f"{path}.allowed")
            if type_ not in ("code", "codes"):
                self.fault(parts["allowed"], f"{path}.allowed", f"allowed values on a {type_}",
                           "allowed only with type code or codes")  # fmt: skip
        elif type_ in ("code", "codes"):
            self.fault(node, f"{path}.allowed", "missing", "the list of codes that may be used")
        starts: bool | str | None = None
        if (start := parts.get("starts")) is not None:
            if type_ == "boolean":
                starts = self.boolean(start, f"{path}.starts")
            elif type_ == "code":
                starts = self.choice(start, f"{path}.starts", allowed)
            else:
                self.fault(start, f"{path}.starts", f"a starting value on a {type_}",
                           "starts only with type boolean or code")  # fmt: skip
        return Fact(
            name=name,
            kind=kind,
            type=cast(FactType, type_),
            label=self.string(parts.get("label"), f"{path}.label"),
            sensitivity=cast(
                Sensitivity,
                self.choice(
                    parts.get("sensitivity"), f"{path}.sensitivity", get_args(Sensitivity)
                ),
            ),
            retention=self.choice(parts.get("retention"), f"{path}.retention", RETENTION),
            allowed=allowed,
            starts=starts,
            hxl=self.string(parts["hxl"], f"{path}.hxl") if "hxl" in parts else "",
            line=line_of(node),
        )

    def _per_kind(
        self,
        node: yaml.Node | None,
        path: str,
        read: Callable[[str, str, yaml.Node, str], T],
    ) -> dict[str, dict[str, T]]:
        tables: dict[str, dict[str, T]] = {}
        for kind, entry in self.mapping(node, path, free=True).items():
            if self.refers(entry, join_path(path, kind), kind, self.kinds, "kind"):
                tables[kind] = {
                    name: read(kind, name, body, body_path)
                    for name, body_path, body in self._named(entry, join_path(path, kind))
                }
        return tables

    def _relation(self, kind: str, name: str, node: yaml.Node, path: str) -> Relation:
        parts = self.mapping(node, path, required=("kind", "join"), optional=("closed_by",))
        other = self.string(parts.get("kind"), f"{path}.kind")
        known = self.refers(parts.get("kind"), f"{path}.kind", other, self.kinds, "kind")
        pairs = self.mapping(parts.get("join"), f"{path}.join", free=True)
        join: dict[str, str] = {}
        if parts.get("join") is not None and not pairs:
            self.fault(parts["join"], f"{path}.join", "no pair of columns", "at least one pair")
        for theirs, target in pairs.items():
            ours = join[theirs] = self.string(target, f"{path}.join.{theirs}")
            if not known or not ours:
                continue
            left = self._column_type(other, theirs)
            right = PARAMETERS.get(ours, "") or self._column_type(kind, ours)
            if not left:
                self.fault(target, f"{path}.join", f'no column "{theirs}" on {other}',
                           one_of(self._columns(other)))  # fmt: skip
            if not right:
                self.fault(target, f"{path}.join.{theirs}", f'no column "{ours}" on {kind}',
                           one_of((*self._columns(kind), *PARAMETERS)))  # fmt: skip
            if left and right and not _comparable(left, right):
                self.fault(target, f"{path}.join.{theirs}",
                           f"{other}.{theirs} ({left}) joined with {ours} ({right})",
                           "two columns of one type")  # fmt: skip
        closed_by = None
        if "closed_by" in parts:
            closed_by = self._closed_by(kind, parts["closed_by"], f"{path}.closed_by")
        return Relation(name, kind, other, join, closed_by, line_of(node))

    def _closed_by(self, kind: str, node: yaml.Node, path: str) -> ClosedBy:
        parts = self.mapping(node, path, required=("kind", "via", "fact"))
        closed = ClosedBy(
            self.string(parts.get("kind"), f"{path}.kind"),
            self.string(parts.get("via"), f"{path}.via"),
            self.string(parts.get("fact"), f"{path}.fact"),
        )
        if not self.refers(parts.get("kind"), f"{path}.kind", closed.kind, self.kinds, "kind"):
            return closed
        refs = self.kinds[kind].refs
        to_it = [column for column, target in refs.items() if target == closed.kind]
        self.refers(parts.get("via"), f"{path}.via", closed.via, to_it, f"ref to {closed.kind}")
        facts = self.kinds[closed.kind].facts
        whole = [fact.name for fact in facts.values() if fact.type == "integer"]
        self.refers(
            parts.get("fact"),
            f"{path}.fact",
            closed.fact,
            whole,
            f"whole number of {closed.kind}",
        )
        return closed

    def _derived_fact(self, kind: str, name: str, node: yaml.Node, path: str) -> Derived:
        parts = self.mapping(node, path, required=("is", "label", "source"))
        self._reserved(kind, name, node, path)
        return Derived(
            name,
            kind,
            self.string(parts.get("is"), f"{path}.is"),
            self.string(parts.get("label"), f"{path}.label"),
            self.string(parts.get("source"), f"{path}.source"),
            line_of(parts.get("is", node)),
        )

    def _clashes(self, derived: Mapping[str, Mapping[str, Derived]]) -> None:
        for kind, facts in derived.items():
            columns = self._columns(kind)
            for name, fact in facts.items():
                if name in columns:
                    self.fault(fact.line, f"derived.{kind}.{name}", "the name of another column",
                               "a name not yet used on this kind")  # fmt: skip

    def _columns(self, kind: str) -> tuple[str, ...]:
        body = self.kinds[kind]
        axes = PERSON_COLUMNS if kind == "person" else ()
        return ("id", *body.refs, *body.facts, *axes)

    def _column_type(self, kind: str, column: str) -> str:
        """ "" when there is none; "ref:<kind>" for ids and refs; else the fact's type."""
        body = self.kinds[kind]
        if column == "id":
            return f"ref:{kind}"
        if column in body.refs:
            return f"ref:{body.refs[column]}"
        if column in body.facts:
            return body.facts[column].type
        return "code" if kind == "person" and column in PERSON_COLUMNS else ""

    # -- how a person moves ---------------------------------------------------------------------
    def _axes(self, node: yaml.Node | None) -> dict[str, Axis]:
        axes = {}
        entries = self.mapping(node, "axes", required=PERSON_COLUMNS)
        for name, entry in entries.items():
            path = f"axes.{name}"
            parts = self.mapping(entry, path, required=("title", "starts", "states"))
            states = {}
            for state, state_path, body in self._named(parts.get("states"), f"{path}.states"):
                fields = self.mapping(
                    body,
                    state_path,
                    required=("title",),
                    optional=("code", "ends", "registered"),
                )
                ends = ""
                if "ends" in fields:
                    ends = self.choice(fields["ends"], f"{state_path}.ends", ENDS)
                states[state] = State(
                    state,
                    name,
                    self.string(fields.get("title"), f"{state_path}.title"),
                    self.string(fields["code"], f"{state_path}.code")
                    if "code" in fields
                    else "",
                    cast(Any, ends),
                    self.boolean(fields["registered"], f"{state_path}.registered")
                    if "registered" in fields
                    else False,
                )
            starts = self.string(parts.get("starts"), f"{path}.starts")
            self.refers(parts.get("starts"), f"{path}.starts", starts, states, "state")
            axes[name] = Axis(
                name, self.string(parts.get("title"), f"{path}.title"), starts, states
            )
        return axes

    def _pathways(self) -> tuple[str, ...]:
        person = self.kinds.get("person")
        fact = person.facts.get("intended_pathway") if person else None
        return fact.allowed if fact else ()

    def _transitions(
        self, node: yaml.Node | None, safeguards: Mapping[str, Safeguard]
    ) -> dict[str, Transition]:
        transitions: dict[str, Transition] = {}
        paths: list[tuple[yaml.Node, str, str, tuple[str, ...]]] = []
        allowed = ("common", "chosen", *self._pathways(), "handover")
        for name, entry in self.mapping(node, "transitions", free=True).items():
            path = f"transitions.{name}"
            self.name(name, entry, path, _STEP, "T and a number, as T7 or T12b")
            parts = self.mapping(
                entry, path,
                required=("title", "pathway", "decides", "evidence", "safeguards", "reversed_by",
                          "moves", "source"),
                optional=("movement", "path", "records", "consumes"),
            )  # fmt: skip
            pathway = self.choice(parts.get("pathway"), f"{path}.pathway", allowed)
            records = "records" in parts and self.boolean(parts["records"], f"{path}.records")
            movement = "movement" in parts and self.boolean(
                parts["movement"], f"{path}.movement"
            )
            steps: tuple[str, ...] = ()
            if "path" in parts:
                steps = self.strings(parts["path"], f"{path}.path")
                paths.append((parts["path"], f"{path}.path", name, steps))
                if not movement:
                    self.fault(parts["path"], f"{path}.path", "a path on a step that is no movement",
                               "movement: true beside it, or no path")  # fmt: skip
            if movement and not steps:
                self.fault(entry, f"{path}.path", "a movement without its path",
                           "the list of steps whose safeguards are asked again")  # fmt: skip
            moves = self._moves(name, pathway, records, parts.get("moves"), f"{path}.moves")
            if movement and not any(
                "place" in move.targets or move.moves_out for move in moves.values()
            ):
                self.fault(entry, f"{path}.movement", "a movement in which nobody moves",
                           "a move that changes the place, or has moves_out: true")  # fmt: skip
            transitions[name] = Transition(
                name=name,
                title=self.string(parts.get("title"), f"{path}.title"),
                pathway=pathway,
                decides=self.string(parts.get("decides"), f"{path}.decides"),
                evidence=self.strings(parts.get("evidence"), f"{path}.evidence"),
                safeguards=self._names(
                    parts.get("safeguards"), f"{path}.safeguards", safeguards, "safeguard"
                ),
                moves=moves,
                reversed_by=self.string(parts.get("reversed_by"), f"{path}.reversed_by"),
                source=self.string(parts.get("source"), f"{path}.source"),
                movement=movement,
                path=steps,
                records=records,
                consumes=self.string(parts["consumes"], f"{path}.consumes")
                if "consumes" in parts
                else "",
                line=line_of(entry),
            )
        for at, path, own, steps in paths:
            for step in steps:
                self.refers(at, path, step, transitions, "transition")
                if step == own:
                    self.fault(at, path, f"{own} on its own path", "other steps only")
        return transitions

    def _moves(
        self, transition: str, pathway: str, records: bool, node: yaml.Node | None, path: str
    ) -> dict[str, Move]:
        moves = {}
        own_pathways = (*self._pathways(), "handover", "common")
        for name, move_path, entry in self._named(node, path):
            parts = self.mapping(
                entry, move_path,
                required=("from", "to"), optional=("pathway", "records", "moves_out"),
            )  # fmt: skip
            recording = records
            if "records" in parts:
                recording = self.boolean(parts["records"], f"{move_path}.records") or records
            chosen = "common" if pathway == "chosen" else pathway
            if "pathway" in parts:
                chosen = self.choice(parts["pathway"], f"{move_path}.pathway", own_pathways)
            elif pathway == "chosen" and not recording:
                self.fault(entry, f"{move_path}.pathway", "missing",
                           "the pathway this choice is for")  # fmt: skip
            sources: dict[str, tuple[str, ...]] = {}
            for axis, body in self._axis_entries(parts.get("from"), f"{move_path}.from"):
                sources[axis] = self._names(
                    body, f"{move_path}.from.{axis}", self.axes[axis].states, f"{axis} state"
                )
                if not sources[axis]:
                    self.fault(
                        body, f"{move_path}.from.{axis}", "no state", "at least one state"
                    )
            if "from" in parts and not sources:
                self.fault(parts["from"], f"{move_path}.from", "a step without a source",
                           "the states it may start from, as {stage: [verified]}")  # fmt: skip
            targets: dict[str, str] = {}
            for axis, body in self._axis_entries(parts.get("to"), f"{move_path}.to"):
                value = self.string(body, f"{move_path}.to.{axis}")
                if self.refers(body, f"{move_path}.to.{axis}", value, self.axes[axis].states,
                               f"{axis} state"):  # fmt: skip
                    targets[axis] = value
            moves_out = False
            if "moves_out" in parts:
                moves_out = self.boolean(parts["moves_out"], f"{move_path}.moves_out")
            moves[name] = Move(
                name, transition, chosen, sources, targets, recording, moves_out
            )  # fmt: skip
        if node is not None and not moves:
            self.fault(node, path, "no move", "at least one move")
        return moves

    def _axis_entries(
        self, node: yaml.Node | None, path: str
    ) -> Iterator[tuple[str, yaml.Node]]:
        for axis, body in self.mapping(node, path, free=True).items():
            if self.refers(body, path, axis, self.axes, "axis"):
                yield axis, body

    def _reachable(self, transitions: Mapping[str, Transition], node: yaml.Node | None) -> None:
        """Every state can be reached from where a person may be registered, and every move
        can happen. Axis by axis: a move counts once each of its axes has a state it accepts."""
        reached = {
            name: {axis.starts} | {s.name for s in axis.states.values() if s.registered}
            for name, axis in self.axes.items()
        }
        moves = [move for step in transitions.values() for move in step.moves.values()]
        possible: set[str] = set()
        grew = True
        while grew:
            grew = False
            for move in moves:
                if move.key in possible:
                    continue
                if all(reached[axis] & set(states) for axis, states in move.sources.items()):
                    possible.add(move.key)
                    grew = True
                    for axis, state in move.targets.items():
                        reached[axis].add(state)
        lines = self._state_lines(node)
        for axis_name, body in self.axes.items():
            for state in body.states:
                if state not in reached[axis_name]:
                    self.fault(lines.get((axis_name, state), 0),
                               f"axes.{axis_name}.states.{state}",
                               "a state that is never reached",
                               "a move that leads there, or registered: true",
                               "Say registered: true where people may already be in this state "
                               "when they are registered.")  # fmt: skip
        for step in transitions.values():
            for move in step.moves.values():
                if move.key not in possible:
                    self.fault(step.line, f"transitions.{step.name}.moves.{move.name}",
                               "a move that can never happen",
                               "states to start from that can be reached")  # fmt: skip

    def _state_lines(self, node: yaml.Node | None) -> dict[tuple[str, str], int]:
        lines = {}
        if isinstance(node, yaml.MappingNode):
            for axis, body in node.value:
                for part, states in body.value if isinstance(body, yaml.MappingNode) else ():
                    if part.value == "states" and isinstance(states, yaml.MappingNode):
                        for state, _ in states.value:
                            lines[(axis.value, state.value)] = line_of(state)
        return lines

    def _processes(
        self, node: yaml.Node | None, transitions: Mapping[str, Transition]
    ) -> dict[str, Process]:
        known = (*transitions, *(m.key for t in transitions.values() for m in t.moves.values()))
        processes = {}
        for name, path, entry in self._named(node, "processes"):
            parts = self.mapping(entry, path, required=("title", "opens", "closes"))
            processes[name] = Process(
                name,
                self.string(parts.get("title"), f"{path}.title"),
                self._names(parts.get("opens"), f"{path}.opens", known, "transition or move"),
                self._names(parts.get("closes"), f"{path}.closes", known, "transition or move"),
            )
        return processes

    # -- what must be true ----------------------------------------------------------------------
    def _safeguards(self, node: yaml.Node | None) -> dict[str, Safeguard]:
        safeguards = {}
        for name, entry in self.mapping(node, "safeguards", free=True).items():
            path = f"safeguards.{name}"
            self.name(name, entry, path, _GUARD, "G and a number, as G7")
            parts = self.mapping(entry, path, required=("title", "findings", "source"))
            findings = {
                finding: self._finding(name, finding, body, finding_path)
                for finding, finding_path, body in self._named(
                    parts.get("findings"), f"{path}.findings"
                )
            }
            if parts.get("findings") is not None and not findings:
                self.fault(
                    parts["findings"], f"{path}.findings", "none", "at least one finding"
                )
            safeguards[name] = Safeguard(
                name,
                self.string(parts.get("title"), f"{path}.title"),
                self.string(parts.get("source"), f"{path}.source"),
                findings,
                line_of(entry),
            )
        return safeguards

    def _finding(self, safeguard: str, name: str, node: yaml.Node, path: str) -> Finding:
        parts = self.mapping(
            node, path,
            required=("sentence", "must", "hard", "remedy", "owner", "owner_role"),
            optional=("at",),
        )  # fmt: skip
        at = self.choice(parts["at"], f"{path}.at", ("movement",)) if "at" in parts else ""
        return Finding(
            name=name,
            safeguard=safeguard,
            sentence=self.string(parts.get("sentence"), f"{path}.sentence"),
            condition=self.string(parts.get("must"), f"{path}.must"),
            hard=self.boolean(parts.get("hard"), f"{path}.hard"),
            remedy=self.string(parts.get("remedy"), f"{path}.remedy"),
            owner=cast(
                Owner, self.choice(parts.get("owner"), f"{path}.owner", get_args(Owner))
            ),
            owner_role=self.string(parts.get("owner_role"), f"{path}.owner_role"),
            at=cast(Any, at),
            line=line_of(parts.get("must", node)),
        )

    # -- what others derive ---------------------------------------------------------------------
    def _movement_units(self, node: yaml.Node | None) -> MovementUnits:
        parts = self.mapping(
            node, "movement_units",
            required=("group_by", "together_when", "children_follow", "when_members_diverge"),
        )  # fmt: skip
        person = self.kinds.get("person")
        refs = tuple(person.refs) if person else ()
        facts = tuple(person.facts) if person else ()
        values = {}
        for key in ("group_by", "children_follow"):
            values[key] = self.string(parts.get(key), f"movement_units.{key}")
            self.refers(
                parts.get(key), f"movement_units.{key}", values[key], refs, "ref of person"
            )
        return MovementUnits(
            values["group_by"],
            self._names(
                parts.get("together_when"),
                "movement_units.together_when",
                facts,
                "fact of person",
            ),
            values["children_follow"],
            self.choice(
                parts.get("when_members_diverge"),
                "movement_units.when_members_diverge",
                ("separate",),
            ),
        )

    def _forecast(
        self, node: yaml.Node | None, derived: Mapping[str, Derived]
    ) -> tuple[tuple[str, ...], dict[str, ForecastState]]:
        parts = self.mapping(node, "forecast", required=("strata", "states"))
        person = self.kinds.get("person")
        facts = person.facts.values() if person else ()
        few = [f.name for f in facts if f.type in ("code", "boolean", "country", "language")]
        strata = self._names(
            parts.get("strata"), "forecast.strata", (*few, *derived), "code or yes/no of person"
        )
        reasons = (*self._pathways(), "handover", "absence", "death")
        states: dict[str, ForecastState] = {}
        for name, path, entry in self._named(parts.get("states"), "forecast.states"):
            fields = self.mapping(
                entry, path, required=("title",), optional=("gone", *PERSON_COLUMNS)
            )
            where = {
                axis: self._names(
                    fields[axis], f"{path}.{axis}", self.axes[axis].states, f"{axis} state"
                )
                for axis in PERSON_COLUMNS
                if axis in fields and axis in self.axes
            }
            if not where:
                self.fault(entry, path, "no axis", "at least one of legal, stage or place")
            gone = (
                self.choice(fields["gone"], f"{path}.gone", reasons) if "gone" in fields else ""
            )
            title = self.string(fields.get("title"), f"{path}.title")
            states[name] = ForecastState(name, title, where, gone)
        if states and not self.faults:
            self._complete(states, parts["states"])
        return strata, states

    def _complete(self, states: Mapping[str, ForecastState], node: yaml.Node) -> None:
        """Every person is in exactly one forecast state, and every forecast state can hold one."""
        axes = [axis for axis in self.axes if any(axis in s.where for s in states.values())]
        tests = [
            (name, [(axes.index(axis), set(values)) for axis, values in state.where.items()])
            for name, state in states.items()
        ]
        used: set[str] = set()
        lost: list[str] = []
        for combination in product(*(self.axes[axis].states for axis in axes)):
            for name, wanted in tests:
                if all(combination[i] in values for i, values in wanted):
                    used.add(name)
                    break
            else:
                lost.append(
                    ", ".join(f"{a} {s}" for a, s in zip(axes, combination, strict=True))
                )
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            self.fault(node, "forecast.states", f"no state for {lost[0]}{more}",
                       "a forecast state for everybody", "Add one, or widen an existing one.")  # fmt: skip
        for name in states:
            if name not in used:
                self.fault(node, f"forecast.states.{name}", "a state nobody can be in",
                           "a state not already covered by those before it")  # fmt: skip

    def _calendar(self, node: yaml.Node | None) -> dict[str, FollowUpRule]:
        rules = {}
        pathways = (*self._pathways(), "handover")
        for name, entry in self.mapping(node, "follow_up_calendar", free=True).items():
            path = f"follow_up_calendar.{name}"
            self.refers(entry, path, name, pathways, "pathway")
            parts = self.mapping(
                entry, path, required=("days", "tolerance_days"), optional=("then_every",)
            )
            days = tuple(
                self.integer(item, f"{path}.days", least=1)
                for item in self.items(parts.get("days"), f"{path}.days")
            )
            if list(days) != sorted(set(days)):
                self.fault(
                    parts.get("days"), f"{path}.days", "days out of order", "rising days"
                )
            tolerance = self.integer(parts.get("tolerance_days"), f"{path}.tolerance_days")
            every = parts.get("then_every")
            goes_on = self.integer(every, f"{path}.then_every", least=1) if every else 0
            if goes_on and not days:
                self.fault(
                    every, f"{path}.then_every", "no days before it", "days to go on from"
                )
            rules[name] = FollowUpRule(name, days, tolerance, goes_on)
        return rules


def _comparable(left: str, right: str) -> bool:
    """Whether two columns may be joined: equal kinds of reference, or equal plain types."""
    if left in ("codes", "partial_date") or right in ("codes", "partial_date"):
        return False
    if left.startswith("ref:") and right.startswith("ref:"):
        return left == right
    words = ("text", "code", "country", "language")
    textual = [side in words or side.startswith("ref:") for side in (left, right)]
    return all(textual) or left == right
