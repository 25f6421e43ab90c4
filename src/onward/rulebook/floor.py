"""The protection floor: the least a rulebook must ask, which no operation can lower.

A rulebook is adapted by people under a deadline, so what may not be weakened stands in a file
of its own with its own hash. In come a rulebook and a floor; out comes one fault for every way
in which the rulebook is weaker: a safeguard missing, detached, made overridable, asked later,
loosened, made constant or no longer reading its facts; a setting, a join or a starting answer
that lets more through; a step that can be taken from elsewhere; a recording move that walks
around a gate; a planted situation that no longer blocks. A condition is accepted only when its
form shows that it is at least as strict: what cannot be shown is refused.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import yaml

from onward.errors import Fault, Faults, OnwardError, one_of
from onward.rulebook import grammar as g
from onward.rulebook.load import shipped_folder
from onward.rulebook.model import (
    Axis,
    ClosedBy,
    Derived,
    Fact,
    FactType,
    Finding,
    Kind,
    Move,
    MovementUnits,
    Owner,
    Relation,
    Rulebook,
    Safeguard,
    Sensitivity,
    State,
    Transition,
)
from onward.rulebook.reading import Reader, line_of, read_bytes
from onward.rulebook.situations import (
    Interpreter,
    Situation,
    digest,
    no_longer_blocked,
    read_situations,
)

Bound: TypeAlias = tuple[Literal["at_most", "at_least"], int]
SENSITIVITY = get_args(Sensitivity)


@dataclass(frozen=True)
class Floor:
    """What may not be lowered.

    hash           SHA-256 over the floor's bytes and those of its situation files
    least          the kinds, relations, derived facts, states, steps and safeguards in the
                   rulebook's own form; labels and other things it does not fix are empty
    reads          finding -> the (kind, column) it must read
    bounds         setting -> direction and limit
    may_leave_out  steps an operation may do without, whole
    new_movements_ask  safeguards asked of any movement the floor does not know
    pathways       the pathways a rulebook under this floor may have
    absent_facts   (kind, fact) that may not exist: they call for another floor
    situations     file name -> bytes
    """

    name: str
    version: str
    title: str
    file: str
    hash: str
    least: Rulebook
    reads: Mapping[str, frozenset[g.Key]]
    bounds: Mapping[str, Bound]
    may_leave_out: frozenset[str]
    new_movements_ask: tuple[str, ...]
    pathways: tuple[str, ...]
    absent_facts: frozenset[g.Key]
    situations: Mapping[str, bytes]


def floor_names() -> tuple[str, ...]:
    """The floors that come with Onward."""
    return tuple(sorted(path.stem for path in (shipped_folder() / "floors").glob("*.yaml")))


def load_floor(name: str) -> Floor:
    """A shipped floor by its name; raises OnwardError when there is none, Faults when it is
    itself at fault."""
    if name not in floor_names():
        raise OnwardError(
            f'No protection floor is called "{name}"; expected {one_of(floor_names())}.'
        )
    return read_floor(shipped_folder() / "floors" / f"{name}.yaml")


def read_floor(path: Path) -> Floor:
    """A floor from its file; its situations are looked for in ../situations."""
    data = read_bytes(path, "floor")
    return _FloorReader(str(path), data).floor(path.parent.parent / "situations")


# ---------------------------------------------------------------------------------------------
# Reading the file
# ---------------------------------------------------------------------------------------------
class _FloorReader(Reader):
    def floor(self, situations: Path) -> Floor:
        top = self.mapping(
            self.root, "",
            required=("floor", "version", "title", "pathways", "settings", "facts", "relations",
                      "derived", "movement_units", "movement_always", "new_movements_ask",
                      "starts", "ends",
                      "steps", "safeguards", "situations"),
            optional=("absent_facts",),
        )  # fmt: skip
        name = self.string(top.get("floor"), "floor")
        bounds = {k: self._bound(v, f"settings.{k}") for k, v in self._each(top, "settings")}
        starts = {
            axis: self.string(v, f"starts.{axis}") for axis, v in self._each(top, "starts")
        }
        axes = {
            axis: Axis(axis, "", starts.get(axis, ""), {
                state: State(state, axis, "", "", cast(Any, self.string(v, "ends", empty=True)))
                for state, v in self.mapping(body, f"ends.{axis}", free=True).items()
            })
            for axis, body in self._each(top, "ends")
        }  # fmt: skip
        steps, leave_out = {}, set()
        for key, node in self._each(top, "steps"):
            step, optional = self._step(key, node)
            steps[key] = step
            if optional:
                leave_out.add(key)
        reads: dict[str, frozenset[g.Key]] = {}
        safeguards = {}
        for key, node in self._each(top, "safeguards"):
            findings = {}
            for finding, body in self.mapping(node, f"safeguards.{key}", free=True).items():
                findings[finding], reads[f"{key}.{finding}"] = self._finding(key, finding, body)
            safeguards[key] = Safeguard(key, "", "", findings, line_of(node))
        units = self.mapping(
            top.get("movement_units"), "movement_units",
            required=("group_by", "together_when", "children_follow", "when_members_diverge"),
        )  # fmt: skip
        files = {}
        for file in self.strings(top.get("situations"), "situations"):
            try:
                files[file] = read_bytes(situations / file, "situation")
            except OnwardError as error:
                self.fault(top["situations"], "situations", str(error))
        least = Rulebook(
            name=name,
            version=self.string(top.get("version"), "version"),
            title=self.string(top.get("title"), "title"),
            file=self.file,
            hash="",
            floor=name,
            settings={key: limit for key, (_, limit) in bounds.items()},
            kinds={k: self._kind(k, v) for k, v in self._each(top, "facts")},
            relations={
                kind: {
                    key: self._relation(kind, key, node)
                    for key, node in self.mapping(body, f"relations.{kind}", free=True).items()
                }
                for kind, body in self._each(top, "relations")
            },
            derived={
                kind: {
                    key: Derived(key, kind, self.string(node, f"derived.{kind}.{key}"), "", "",
                                 line_of(node))
                    for key, node in self.mapping(body, f"derived.{kind}", free=True).items()
                }
                for kind, body in self._each(top, "derived")
            },
            axes=axes,
            processes={},
            transitions=steps,
            safeguards=safeguards,
            movement_always=self.strings(top.get("movement_always"), "movement_always"),
            movement_units=MovementUnits(
                self.string(units.get("group_by"), "movement_units.group_by"),
                self.strings(units.get("together_when"), "movement_units.together_when"),
                self.string(units.get("children_follow"), "movement_units.children_follow"),
                self.string(units.get("when_members_diverge"), "movement_units"),
            ),
            forecast_strata=(),
            forecast_states={},
            follow_up={},
        )  # fmt: skip
        absent = set()
        for value in self.strings(top.get("absent_facts"), "absent_facts"):
            kind, _, fact = value.partition(".")
            absent.add((kind, fact))
        floor = Floor(
            name=name,
            version=least.version,
            title=least.title,
            file=self.file,
            hash=digest(self.data, *(files[key] for key in sorted(files))),
            least=least,
            reads=reads,
            bounds=bounds,
            may_leave_out=frozenset(leave_out),
            new_movements_ask=self.strings(top.get("new_movements_ask"), "new_movements_ask"),
            pathways=self.strings(top.get("pathways"), "pathways"),
            absent_facts=frozenset(absent),
            situations=files,
        )
        self.finish()
        return floor

    def _each(self, top: Mapping[str, yaml.Node], key: str) -> list[tuple[str, yaml.Node]]:
        return list(self.mapping(top.get(key), key, free=True).items())

    def _bound(self, node: yaml.Node, path: str) -> Bound:
        parts = self.mapping(node, path, optional=("at_most", "at_least"))
        if len(parts) != 1:
            self.fault(node, path, f"{len(parts)} limits", "at_most or at_least")
            return "at_most", 0
        direction, value = next(iter(parts.items()))
        return cast(Any, direction), self.integer(value, path)

    def _kind(self, name: str, node: yaml.Node) -> Kind:
        refs: dict[str, str] = {}
        facts: dict[str, Fact] = {}
        for fact, body in self.mapping(node, f"facts.{name}", free=True).items():
            path = f"facts.{name}.{fact}"
            parts = self.mapping(
                body, path, optional=("ref", "type", "sensitivity", "allowed", "starts")
            )
            if "ref" in parts:
                refs[fact] = self.string(parts["ref"], path)
                continue
            type_ = self.choice(parts.get("type"), f"{path}.type", get_args(FactType))
            starts: bool | str | None = None
            if "starts" in parts:
                starts = (
                    self.boolean(parts["starts"], path)
                    if type_ == "boolean"
                    else self.string(parts["starts"], path)
                )
            facts[fact] = Fact(
                fact, name, cast(FactType, type_), "",
                cast(Any, self.choice(parts.get("sensitivity"), path, SENSITIVITY)), "",
                self.strings(parts["allowed"], path) if "allowed" in parts else (),
                starts, "", line_of(body),
            )  # fmt: skip
        return Kind(name, "", refs, facts, line_of(node))

    def _relation(self, kind: str, name: str, node: yaml.Node) -> Relation:
        path = f"relations.{kind}.{name}"
        parts = self.mapping(node, path, required=("kind", "join"), optional=("closed_by",))
        join = {
            key: self.string(value, path)
            for key, value in self.mapping(parts.get("join"), path, free=True).items()
        }
        closed = None
        if "closed_by" in parts:
            fields = self.mapping(parts["closed_by"], path, required=("kind", "via", "fact"))
            closed = ClosedBy(
                *(self.string(fields.get(k), path) for k in ("kind", "via", "fact"))
            )
        return Relation(
            name, kind, self.string(parts.get("kind"), path), join, closed, line_of(node)
        )

    def _step(self, name: str, node: yaml.Node) -> tuple[Transition, bool]:
        path = f"steps.{name}"
        parts = self.mapping(
            node, path, required=("pathway", "safeguards", "moves"),
            optional=("movement", "path", "records", "may_leave_out"),
        )  # fmt: skip
        pathway = self.string(parts.get("pathway"), path)
        records = "records" in parts and self.boolean(parts["records"], path)
        moves = {}
        for key, body in self.mapping(parts.get("moves"), path, free=True).items():
            fields = self.mapping(
                body, f"{path}.{key}",
                required=("from", "to"), optional=("pathway", "records", "moves_out"),
            )  # fmt: skip
            own = self.string(fields["pathway"], path) if "pathway" in fields else pathway
            moves[key] = Move(
                name=key,
                transition=name,
                pathway="common" if own == "chosen" else own,
                sources={
                    axis: self.strings(states, path)
                    for axis, states in self.mapping(
                        fields.get("from"), path, free=True
                    ).items()
                },
                targets={
                    axis: self.string(state, path)
                    for axis, state in self.mapping(fields.get("to"), path, free=True).items()
                },
                records=records
                or ("records" in fields and self.boolean(fields["records"], path)),
                moves_out="moves_out" in fields and self.boolean(fields["moves_out"], path),
            )
        step = Transition(
            name=name, title="", pathway=pathway, decides="", evidence=(),
            safeguards=self.strings(parts.get("safeguards"), path), moves=moves, reversed_by="",
            source="", movement="movement" in parts and self.boolean(parts["movement"], path),
            path=self.strings(parts["path"], path) if "path" in parts else (),
            records=records, line=line_of(node),
        )  # fmt: skip
        leave = "may_leave_out" in parts and self.boolean(parts["may_leave_out"], path)
        return step, leave

    def _finding(
        self, safeguard: str, name: str, node: yaml.Node
    ) -> tuple[Finding, frozenset[g.Key]]:
        path = f"safeguards.{safeguard}.{name}"
        parts = self.mapping(
            node, path, required=("must", "hard", "owner", "reads"), optional=("at",)
        )
        reads = set()
        for value in self.strings(parts.get("reads"), f"{path}.reads"):
            kind, _, column = value.partition(".")
            reads.add((kind, column))
        owner = self.choice(parts.get("owner"), f"{path}.owner", get_args(Owner))
        at = self.choice(parts["at"], f"{path}.at", ("movement",)) if "at" in parts else ""
        finding = Finding(
            name, safeguard, "", self.string(parts.get("must"), f"{path}.must"),
            self.boolean(parts.get("hard"), f"{path}.hard"), "", cast(Owner, owner), "",
            cast(Any, at), line_of(node),
        )  # fmt: skip
        return finding, frozenset(reads)


# ---------------------------------------------------------------------------------------------
# At least as strict: a proof by form
# ---------------------------------------------------------------------------------------------
Form: TypeAlias = tuple[Any, ...]


def form(node: g.Node, rulebook: Rulebook, interpreter: Interpreter | None = None) -> Form:
    """A condition as nested tuples, derived facts written out, so that forms can be compared.

    Line numbers and the names of derived facts are gone; settings stay named with their value.
    """
    read = interpreter or Interpreter(rulebook)

    def term(of: g.Term) -> Form:
        if isinstance(of, g.Column):
            return ("column", of.level, of.kind, of.name)
        if isinstance(of, g.Parameter):
            return ("parameter", of.name)
        if isinstance(of, g.Setting):
            return ("number", of.value, of.name)
        if isinstance(of, g.Days):
            return ("days", term(of.start), term(of.end))
        if isinstance(of.value, int | float) and not isinstance(of.value, bool):
            return ("number", of.value, "")
        return ("value", str(of.value))

    def walk(at: g.Node) -> Form:
        if isinstance(at, g.And | g.Or):
            word = "and" if isinstance(at, g.And) else "or"
            return (word, tuple(dict.fromkeys(walk(part) for part in at.parts)))
        if isinstance(at, g.Not):
            inner = walk(at.part)
            return inner[1] if inner[0] == "not" else ("not", inner)
        if isinstance(at, g.Known):
            if at.column.role == "derived":
                inner = walk(read.derived(at.column.kind, at.column.name).node)
                # Written out, a derived fact still speaks of the row it belongs to.
                return inner if at.column.level == 0 else ("of", at.column.level, inner)
            return ("known", term(at.column))
        if isinstance(at, g.Compare):
            left, right = term(at.left), term(at.right)
            if at.op in (">", ">="):
                return ("<" if at.op == ">" else "<=", right, left)
            if at.op in ("=", "<>") and right < left:
                left, right = right, left
            if at.op == "=" and "value" in (left[0], right[0]):
                value, other = (left, right) if left[0] == "value" else (right, left)
                return ("in", other, frozenset({value[1]}))
            return (at.op, left, right)
        if isinstance(at, g.OneOf):
            return ("in", term(at.term), frozenset(str(value.value) for value in at.values))
        if isinstance(at, g.AgeAtLeast):
            return ("age", term(at.column), at.years)
        return ("all" if at.every else "any", _relation_form(at.relation), walk(at.part))

    return walk(node)


def _relation_form(relation: Relation) -> Form:
    closed = relation.closed_by
    return (
        relation.kind,
        tuple(sorted(relation.join.items())),
        (closed.kind, closed.via, closed.fact) if closed else (),
    )


def as_strict(new: Form, least: Form, limits: Mapping[str, int] | None = None) -> bool:
    """Whether `new` can be TRUE only where `least` is TRUE, shown by form alone.

    Sound, not complete: True is a proof; False means that it could not be shown.
    """
    if new == least:
        return True
    if least[0] == "and":
        return all(as_strict(new, part) for part in least[1])
    if new[0] == "or":
        return all(as_strict(part, least) for part in new[1])
    if new[0] == "and" and any(as_strict(part, least) for part in new[1]):
        return True
    if least[0] == "or" and any(as_strict(new, part) for part in least[1]):
        return True
    if new[0] != least[0]:
        # x < n is stricter than x <= n
        return (new[0], least[0]) == ("<", "<=") and _no_wider(new, least)
    if new[0] in ("any", "all"):
        return bool(new[1] == least[1]) and as_strict(new[2], least[2])
    if new[0] == "of":
        return bool(new[1] == least[1]) and as_strict(new[2], least[2])
    if new[0] == "in":
        return bool(new[1] == least[1] and new[2] <= least[2])
    if new[0] in ("<", "<="):
        return _no_wider(new, least)
    return False


def _no_wider(new: Form, least: Form) -> bool:
    """a <= 5 against a <= 7, or 3 <= a against 2 <= a; equal sides otherwise."""
    (_, left, right), (_, least_left, least_right) = new, least
    if right[0] == least_right[0] == "number" and left == least_left:
        return bool(right[1] <= least_right[1])
    if left[0] == least_left[0] == "number" and right == least_right:
        return bool(left[1] >= least_left[1])
    return bool(left == least_left and right == least_right)


def _negatively_read(node: g.Node, interpreter: Interpreter) -> Iterator[g.Key]:
    """Facts compared with <> or under NOT, where a new code would pass as "something else"."""

    def columns(at: g.Node) -> Iterator[g.Key]:
        for inner in g.walk(at):
            for term in g.terms(inner):
                if isinstance(term, g.Column):
                    yield term.key
                    if term.role == "derived":
                        yield from columns(interpreter.derived(*term.key).node)

    for at in g.walk(node):
        if isinstance(at, g.Not) or (isinstance(at, g.Compare) and at.op == "<>"):
            yield from columns(at)
        elif isinstance(at, g.Known) and at.column.role == "derived":
            yield from _negatively_read(interpreter.derived(*at.column.key).node, interpreter)


# ---------------------------------------------------------------------------------------------
# The comparison
# ---------------------------------------------------------------------------------------------
def compare(rulebook: Rulebook, floor: Floor) -> list[Fault]:
    """Every way in which a rulebook is weaker than a floor; [] when it is nowhere weaker."""
    return _Comparison(rulebook, floor).faults()


class _Comparison:
    """Collects the faults; each method looks at one part of the rulebook."""

    def __init__(self, rulebook: Rulebook, floor: Floor) -> None:
        self.rulebook = rulebook
        self.floor = floor
        self.least = floor.least
        self.found: list[Fault] = []
        self.ours = Interpreter(rulebook)
        self.theirs = Interpreter(floor.least)

    def fault(self, line: int, field: str, found: str, allowed: str) -> None:
        self.found.append(
            Fault(self.rulebook.file, f"line {line}" if line else "", field,
                  f"weaker than the protection floor: {found}", allowed)
        )  # fmt: skip

    def faults(self) -> list[Fault]:
        if self.rulebook.floor != self.floor.name:
            self.fault(
                line_in(self.rulebook, "floor"),
                "floor",
                f'"{self.rulebook.floor}"',
                self.floor.name,
            )
        self.facts()
        self.relations()
        self.settings()
        self.safeguards()
        self.states()
        self.steps()
        self.new_moves()
        self.units()
        self.situations()
        return list(dict.fromkeys(self.found))

    # -- what is known --------------------------------------------------------------------------
    def facts(self) -> None:
        negative = set()
        for safeguard in self.least.safeguards.values():
            for finding in safeguard.findings.values():
                condition = self.theirs.condition(finding)
                negative |= set(_negatively_read(condition.node, self.theirs))
        for kind, least in self.least.kinds.items():
            ours = self.rulebook.kinds.get(kind)
            if ours is None:
                self.fault(
                    line_in(self.rulebook, "kinds"),
                    f"kinds.{kind}",
                    f"{kind} is missing",
                    f"a kind called {kind}",
                )
                continue
            for ref, target in least.refs.items():
                if ours.refs.get(ref) != target:
                    self.fault(ours.line, f"kinds.{kind}.refs.{ref}",
                               f"{ref} points to {ours.refs.get(ref, 'nothing')}", target)  # fmt: skip
            for name, want in least.facts.items():
                self.fact(want, ours.facts.get(name), ours.line, (kind, name) in negative)
        for kind, name in sorted(self.floor.absent_facts):
            known = self.rulebook.kinds.get(kind)
            if known is not None and name in known.facts:
                self.fault(known.facts[name].line, f"kinds.{kind}.facts.{name}",
                           f"{name} is recorded, which this floor does not protect",
                           "no such fact, or the floor of an operation that needs it")  # fmt: skip
        for step in self.rulebook.transitions.values():
            for pathway in dict.fromkeys(
                (step.pathway, *(m.pathway for m in step.moves.values()))
            ):
                if pathway not in (*self.floor.pathways, "common", "chosen"):
                    self.fault(step.line, f"transitions.{step.name}.pathway",
                               f"the pathway {pathway} has no place under this floor",
                               one_of(self.floor.pathways))  # fmt: skip

    def fact(self, want: Fact, have: Fact | None, line: int, negative: bool) -> None:
        path = f"kinds.{want.kind}.facts.{want.name}"
        if have is None:
            self.fault(line, path, "a fact that safeguards read is missing", f"{want.name}")
            return
        if have.type != want.type:
            self.fault(have.line, f"{path}.type", f"type {have.type}", want.type)
        stricter = SENSITIVITY[SENSITIVITY.index(want.sensitivity) :]
        if have.sensitivity in SENSITIVITY and have.sensitivity not in stricter:
            self.fault(have.line, f"{path}.sensitivity", have.sensitivity,
                       f"{want.sensitivity} or stricter")  # fmt: skip
        if have.starts != want.starts:
            self.fault(have.line, f"{path}.starts",
                       f"a new record starts with {_answer(have.starts)}", _answer(want.starts))  # fmt: skip
        missing = [code for code in want.allowed if code not in have.allowed]
        added = [code for code in have.allowed if code not in want.allowed]
        if missing:
            self.fault(have.line, f"{path}.allowed", f"without {one_of(missing)}",
                       one_of(want.allowed))  # fmt: skip
        if added and negative:
            self.fault(have.line, f"{path}.allowed",
                       f"{one_of(added)} would pass where a safeguard asks for something else",
                       f"exactly {one_of(want.allowed)}")  # fmt: skip

    def relations(self) -> None:
        for kind, relations in self.least.relations.items():
            for name, want in relations.items():
                have = self.rulebook.relations.get(kind, {}).get(name)
                path = f"relations.{kind}.{name}"
                if have is None:
                    self.fault(
                        line_in(self.rulebook, "relations"),
                        path,
                        "missing",
                        f"a relation called {name}",
                    )
                elif _relation_form(have) != _relation_form(want):
                    pairs = ", ".join(f"{a}: {b}" for a, b in want.join.items())
                    closed = f", closed_by {want.closed_by.fact}" if want.closed_by else ""
                    self.fault(have.line, path, "joined otherwise",
                               f"{want.kind} by {{{pairs}}}{closed}")  # fmt: skip

    def settings(self) -> None:
        for name, (direction, limit) in self.floor.bounds.items():
            have = self.rulebook.settings.get(name)
            words = f"{direction.replace('_', ' ')} {limit}"
            if have is None:
                self.fault(
                    line_in(self.rulebook, "settings"), f"settings.{name}", "missing", words
                )
            elif (have > limit) if direction == "at_most" else (have < limit):
                self.fault(
                    line_in(self.rulebook, "settings", name),
                    f"settings.{name}",
                    f"{have} days",
                    words,
                )

    # -- what must be true ----------------------------------------------------------------------
    def safeguards(self) -> None:
        for name, least in self.least.safeguards.items():
            ours = self.rulebook.safeguards.get(name)
            for key, want in least.findings.items():
                have = ours.findings.get(key) if ours else None
                path = f"safeguards.{name}.{key}"
                if have is None:
                    line = ours.line if ours else line_in(self.rulebook, "safeguards")
                    self.fault(line, path, "missing", f"the finding {name}.{key}")
                    continue
                if want.hard and not have.hard:
                    self.fault(have.line, f"{path}.hard", "made overridable", "hard: true")
                if have.at and not want.at:
                    self.fault(have.line, f"{path}.at", f"asked only at {have.at}",
                               "asked at decision and at movement")  # fmt: skip
                if have.owner != want.owner:
                    self.fault(have.line, f"{path}.owner", f"the remedy is owned by {have.owner}",
                               want.owner)  # fmt: skip
                self.condition(have, want, path)

    def condition(self, have: Finding, want: Finding, path: str) -> None:
        try:
            condition = self.ours.condition(have)
            new = form(condition.node, self.rulebook, self.ours)
        except Faults:
            return  # said by the check of the grammar
        reads = condition.reads_raw
        gone = sorted(self.floor.reads.get(want.key, frozenset()) - reads)
        if gone:
            self.fault(have.line, f"{path}.must",
                       f"does not read {one_of(f'{kind}.{column}' for kind, column in gone)}",
                       "a condition that reads every fact of the floor's")  # fmt: skip
        if always_true(condition, self.ours):
            self.fault(have.line, f"{path}.must", "true whatever the facts",
                       "a condition that can fail")  # fmt: skip
        least = form(self.theirs.condition(want).node, self.least, self.theirs)
        if not as_strict(new, least):
            self.fault(have.line, f"{path}.must",
                       "cannot be shown to ask at least what the floor asks",
                       f"{want.condition} (add to it with AND)")  # fmt: skip

    # -- how a person moves ---------------------------------------------------------------------
    def states(self) -> None:
        for axis, least in self.least.axes.items():
            for name, want in least.states.items():
                have = self.rulebook.axes[axis].states.get(name)
                if have is not None and have.ends != want.ends:
                    self.fault(line_in(self.rulebook, "axes", name), f"axes.{axis}.states.{name}.ends", f'"{have.ends}"',
                               f'"{want.ends}"')  # fmt: skip

    def steps(self) -> None:
        moves = self.rulebook.moves()
        missing_always = set(self.least.movement_always) - set(self.rulebook.movement_always)
        for name in sorted(missing_always):
            self.fault(line_in(self.rulebook, "movement_always"), "movement_always", f"{name} is not asked of every movement",
                       one_of(self.least.movement_always))  # fmt: skip
        for name, want in self.least.transitions.items():
            have = self.rulebook.transitions.get(name)
            path = f"transitions.{name}"
            if have is None:
                if name not in self.floor.may_leave_out:
                    self.fault(
                        line_in(self.rulebook, "transitions"),
                        path,
                        "the step is missing",
                        f"a transition {name}",
                    )
                continue
            if have.pathway != want.pathway:
                self.fault(have.line, f"{path}.pathway", have.pathway, want.pathway)
            detached = [s for s in want.safeguards if s not in have.safeguards]
            if detached:
                self.fault(have.line, f"{path}.safeguards", f"{one_of(detached)} detached",
                           ", ".join(want.safeguards))  # fmt: skip
            if want.movement and not have.movement:
                self.fault(
                    have.line, f"{path}.movement", "no longer a movement", "movement: true"
                )
            left_out = self.floor.may_leave_out - set(self.rulebook.transitions)
            shorter = [s for s in want.path if s not in have.path and s not in left_out]
            if want.movement and shorter:
                self.fault(have.line, f"{path}.path", f"the path leaves out {one_of(shorter)}",
                           ", ".join(want.path))  # fmt: skip
            if have.records and not want.records:
                self.fault(have.line, f"{path}.records", "made recording, so never refused",
                           "no records: true on a gated step")  # fmt: skip
            if want.records and not have.records:
                self.fault(have.line, f"{path}.records", "no longer always recordable",
                           "records: true")  # fmt: skip
            for move in want.moves.values():
                self.move(move, moves.get(move.key), have)

    def move(self, want: Move, have: Move | None, step: Transition) -> None:
        path = f"transitions.{step.name}.moves.{want.name}"
        if have is None:
            if want.records:
                self.fault(step.line, path, "can no longer be recorded", "this move")
            return
        if have.records != want.records:
            said = (
                "made recording, so never refused" if have.records else "no longer recordable"
            )
            self.fault(
                step.line, f"{path}.records", said, f"records: {str(want.records).lower()}"
            )
        if want.moves_out and not have.moves_out:
            self.fault(step.line, f"{path}.moves_out", "no longer leaves the place",
                       "moves_out: true")  # fmt: skip
        if have.pathway != want.pathway:
            self.fault(step.line, f"{path}.pathway", have.pathway, want.pathway)
        if have.targets != want.targets:
            self.fault(step.line, f"{path}.to", _states(have.targets), _states(want.targets))
        for axis in dict.fromkeys((*want.sources, *have.sources)):
            least, ours = want.sources.get(axis), have.sources.get(axis)
            if want.records:
                # What happened may be recorded from every state the floor names and this
                # rulebook has.
                here = set(self.rulebook.axes[axis].states)
                narrow = ours is not None and (
                    least is None or not set(least) & here <= set(ours)
                )
                if narrow:
                    self.fault(step.line, f"{path}.from.{axis}", "recordable from fewer states",
                               one_of(least or ("any state",)))  # fmt: skip
            elif least is not None and (ours is None or not set(ours) <= set(least)):
                wider = sorted(set(ours or ()) - set(least)) or ["any state"]
                self.fault(step.line, f"{path}.from.{axis}", f"may start from {one_of(wider)}",
                           one_of(least))  # fmt: skip
        if self.least.is_movement(want):
            asked = self.rulebook.safeguards_for(have, "movement")
            union = self.least.safeguards_for(want, "movement")
            left_out = {
                s
                for name in self.floor.may_leave_out - set(self.rulebook.transitions)
                for s in self.least.transitions[name].safeguards
            }
            kept = {
                s
                for name in (want.transition, *self.least.transitions[want.transition].path)
                if name in self.rulebook.transitions
                for s in self.least.transitions[name].safeguards
            }
            lost = [
                s for s in union if s not in asked and not (s in left_out and s not in kept)
            ]
            if not self.rulebook.is_movement(have) or lost:
                self.fault(step.line, path,
                           f"{one_of(lost or ('nothing',))} not asked at movement",
                           ", ".join(union))  # fmt: skip

    def new_moves(self) -> None:
        """Steps the floor does not know, and the states a record begins in, may not walk around
        a gate that it does."""
        known = self.least.moves()
        gates: dict[tuple[str, str], set[str]] = {}
        recordable: set[tuple[str, str]] = set()
        for move in known.values():
            asked = set(self.least.safeguards_for(move, "decision"))
            for target in move.targets.items():
                if move.records:
                    recordable.add(target)
                elif asked:
                    gates[target] = gates.get(target, asked) & asked
        for begins in self.rulebook.axes.values():
            least = (
                self.least.axes[begins.name].starts if begins.name in self.least.axes else ""
            )
            begun = (begins.name, begins.starts)
            if begins.starts != least and (begun in gates or begins.states[begins.starts].ends):
                self.fault(line_in(self.rulebook, "axes", "starts"), f"axes.{begins.name}.starts",
                           f"records begin in {begins.starts}, beyond a gate", least)  # fmt: skip
        for move in self.rulebook.moves().values():
            if move.key in known:
                continue
            step = self.rulebook.transitions[move.transition]
            path = f"transitions.{step.name}.moves.{move.name}"
            moving = self.rulebook.is_movement(move)
            asked = set(
                self.rulebook.safeguards_for(move, "movement" if moving else "decision")
            )
            gated = [target for target in move.targets.items() if target in gates]
            if move.records:
                for axis, state in gated:
                    if (axis, state) not in recordable:
                        self.fault(step.line, path,
                                   f"records its way into {axis} {state}, which is gated",
                                   "a move that answers to its safeguards")  # fmt: skip
                continue
            needed = set().union(*(gates[target] for target in gated)) if gated else set()
            leaves = "place" in move.targets or move.moves_out or self._ends(move)
            if leaves:
                needed |= set(self.floor.new_movements_ask)
                if not moving:
                    self.fault(step.line, path, "the person leaves, but it is no movement",
                               "movement: true with a path, and moves_out: true where the "
                               "place does not change")  # fmt: skip
            lacking = sorted(needed - asked)
            if lacking:
                self.fault(step.line, path, f"does not ask {one_of(lacking)}",
                           one_of(sorted(needed)))  # fmt: skip

    def _ends(self, move: Move) -> bool:
        return any(
            self.rulebook.axes[axis].states[state].ends for axis, state in move.targets.items()
        )

    def units(self) -> None:
        if self.rulebook.movement_units != self.least.movement_units:
            want = self.least.movement_units
            self.fault(line_in(self.rulebook, "movement_units"), "movement_units", "who travels together is decided otherwise",
                       f"group_by {want.group_by}, together_when {one_of(want.together_when)}, "
                       f"children_follow {want.children_follow}, {want.when_members_diverge}")  # fmt: skip

    # -- planted situations ---------------------------------------------------------------------
    def situations(self) -> None:
        """One fault per finding that lets planted situations through, with the first of them."""
        open_now: dict[str, list[str]] = {}
        for situation in floor_situations(self.floor, self.rulebook):
            try:
                keys = no_longer_blocked(situation, self.rulebook, self.ours)
            except Faults:
                continue  # a condition outside the grammar: said by the check of the grammar
            for key in keys:
                open_now.setdefault(key, []).append(f'"{situation.text}" ({situation.step})')
        for key, texts in open_now.items():
            safeguard, _, name = key.partition(".")
            ours = self.rulebook.safeguards.get(safeguard)
            finding = ours.findings.get(name) if ours else None
            more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
            self.fault(finding.line if finding else 0, f"safeguards.{key}",
                       f"planted situation no longer blocked: {texts[0]}{more}",
                       f"blocked by {key}")  # fmt: skip


def floor_situations(floor: Floor, rulebook: Rulebook) -> list[Situation]:
    """The floor's planted situations as a rulebook sees them; those about a step it does not
    have are left out."""
    return [
        situation
        for name, data in floor.situations.items()
        for situation in read_situations(data, rulebook, file=name, lenient=True)
    ]


def line_in(rulebook: Rulebook, section: str, name: str = "") -> int:
    """The line of an entry that the plain data does not carry; 0 when not found."""
    inside = False
    for number, line in enumerate(rulebook.source_text.splitlines(), 1):
        if line and not line[0].isspace() and not line.startswith("#"):
            inside = line.startswith(f"{section}:")
            if inside and not name:
                return number
        elif inside and line.strip().startswith(f"{name}:"):
            return number
    return 0


def _answer(starts: bool | str | None) -> str:
    return "no answer" if starts is None else str(starts).lower()


def _states(targets: Mapping[str, str]) -> str:
    return ", ".join(f"{axis} {state}" for axis, state in targets.items()) or "no change"


# ---------------------------------------------------------------------------------------------
# Conditions that are true whatever the facts
# ---------------------------------------------------------------------------------------------
def always_true(condition: g.Condition, interpreter: Interpreter, trials: int = 40) -> bool:
    """Whether a condition is TRUE with everything unknown, or in every one of many random
    worlds. The worlds are the same on every run."""
    nobody = {"person": [{"id": "P1"}]}
    empty = interpreter.holds(
        condition, nobody, "P1", on=date(2026, 6, 1), destination=None, pathway=None
    )
    if empty is True and _reads_nothing(condition):
        return True
    draw = random.Random(20260601)
    for _ in range(trials):
        rows = random_rows(interpreter.rulebook, draw)
        truth = interpreter.holds(
            condition,
            rows,
            "P1",
            on=date(2026, 6, 1),
            destination=draw.choice(PLACES),
            pathway=draw.choice((*g.pathways(interpreter.rulebook), "handover")),
        )
        if truth is not True:
            return False
    return True


def _reads_nothing(condition: g.Condition) -> bool:
    """TRUE with nothing known is the meaning of all_true over no rows; anything else is
    constant."""
    return not any(
        isinstance(node, g.Quantifier) and node.every for node in g.walk(condition.node)
    )


PLACES = ("home", "elsewhere")


def random_rows(
    rulebook: Rulebook, draw: random.Random, unknown: float = 0.3, most: int = 3
) -> dict[str, list[dict[str, Any]]]:
    """A small random world: up to `most` rows of every kind, some answers missing."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, kind in rulebook.kinds.items():
        count = draw.randint(1 if name == "person" else 0, most)
        ids = [f"{name[0].upper()}{i + 1}" for i in range(count)]
        if name in ("destination", "site"):
            ids = list(PLACES[:count])
        rows[name] = [
            {"id": id_, **{ref: _random_id(to, draw, unknown) for ref, to in kind.refs.items()}}
            for id_ in ids
        ]
        for row in rows[name]:
            for fact in kind.facts.values():
                row[fact.name] = None if draw.random() < unknown else random_value(fact, draw)
            if name == "person":
                for axis in rulebook.axes.values():
                    row[axis.name] = draw.choice(list(axis.states))
    return rows


def _random_id(kind: str, draw: random.Random, unknown: float) -> str | None:
    if draw.random() < unknown / 2:
        return None
    if kind in ("destination", "site"):
        return draw.choice(PLACES)
    return f"{kind[0].upper()}{draw.choice((1, 1, 1, 2, 3))}"


def random_value(fact: Fact, draw: random.Random) -> Any:
    """A random answer of a fact's type, near the edges that conditions ask about."""
    if fact.type == "boolean":
        return draw.random() < 0.5
    if fact.type == "code":
        return draw.choice(fact.allowed)
    if fact.type == "codes":
        return tuple(code for code in fact.allowed if draw.random() < 0.2)
    if fact.type == "integer":
        return draw.randint(0, 3)
    if fact.type == "number":
        return draw.random()
    if fact.type == "date":
        return date(2026, 6, 1) + timedelta(days=draw.choice((-400, -100, -5, -2, 0, 1, 200)))
    if fact.type == "partial_date":
        year = draw.choice((1980, 2007, 2008, 2009, 2015))
        first, last = date(year, 1, 1), date(year, 12, 31)
        return draw.choice(((first, last), (first, first), (last, last)))
    if fact.type == "country":
        return draw.choice(PLACES)
    return draw.choice((*PLACES, "v1"))


# ---------------------------------------------------------------------------------------------
# Writing a first floor for a new kind of operation
# ---------------------------------------------------------------------------------------------
def draft(
    rulebook: Rulebook,
    *,
    tighten: Mapping[str, Literal["at_most", "at_least"]],
    may_leave_out: Iterable[str] = (),
    new_movements_ask: Iterable[str] = (),
    absent_facts: Iterable[str] = (),
    situations: Iterable[str] = (),
) -> str:
    """A floor that asks exactly what a rulebook asks, as YAML to be read, cut and signed off.

    tighten  setting -> in which direction it may move
    """
    interpreter = Interpreter(rulebook)
    reads: dict[str, frozenset[g.Key]] = {}
    relations: set[g.Key] = set()
    for safeguard in rulebook.safeguards.values():
        for finding in safeguard.findings.values():
            condition = interpreter.condition(finding)
            reads[finding.key] = condition.reads_raw
            relations |= condition.relations
    used = set().union(*reads.values()) if reads else set()
    lines = [
        f"floor: {rulebook.floor}",
        f'version: "{rulebook.version}"',
        f"title: {rulebook.title}",
        f"pathways: [{', '.join(g.pathways(rulebook))}]",
        f"absent_facts: [{', '.join(absent_facts)}]",
        f"situations: [{', '.join(situations)}]",
        "",
        "settings:",
    ]
    for name, value in rulebook.settings.items():
        lines.append(f"  {name}: {{{tighten[name]}: {value}}}")
    lines += ["", "facts:"]
    for kind in rulebook.kinds.values():
        body = [
            f"    {ref}: {{ref: {to}}}"
            for ref, to in kind.refs.items()
            if (kind.name, ref) in used
        ]
        for fact in kind.facts.values():
            if (kind.name, fact.name) not in used:
                continue
            allowed = f", allowed: [{', '.join(fact.allowed)}]" if fact.allowed else ""
            starts = "" if fact.starts is None else f", starts: {str(fact.starts).lower()}"
            body.append(
                f"    {fact.name}: {{type: {fact.type}, sensitivity: {fact.sensitivity}{allowed}{starts}}}"
            )
        if (
            body
            or any(of == kind.name for of, _ in relations)
            or _reached(kind.name, rulebook, relations)
        ):
            lines.append(f"  {kind.name}:" if body else f"  {kind.name}: {{}}")
            lines += body
    lines += ["", "relations:"]
    for of, by_name in rulebook.relations.items():
        body = []
        for relation in by_name.values():
            if (of, relation.name) not in relations:
                continue
            join = ", ".join(
                f'{a}: "{b}"' if b[0] == ":" else f"{a}: {b}" for a, b in relation.join.items()
            )
            closed = relation.closed_by
            tail = (
                f", closed_by: {{kind: {closed.kind}, via: {closed.via}, fact: {closed.fact}}}"
                if closed
                else ""
            )
            body.append(
                f"    {relation.name}: {{kind: {relation.kind}, join: {{{join}}}{tail}}}"
            )
        lines += [f"  {of}:", *body] if body else []
    lines += ["", "derived:"]
    for of, facts in rulebook.derived.items():
        lines.append(f"  {of}:")
        for derived in facts.values():
            lines += [f"    {derived.name}: >", *_wrapped(derived.condition, 6)]
    units = rulebook.movement_units
    lines += [
        "",
        "movement_units:",
        f"  group_by: {units.group_by}",
        f"  together_when: [{', '.join(units.together_when)}]",
        f"  children_follow: {units.children_follow}",
        f"  when_members_diverge: {units.when_members_diverge}",
        "",
        f"movement_always: [{', '.join(rulebook.movement_always)}]",
        f"new_movements_ask: [{', '.join(new_movements_ask)}]",
        "",
        "starts:",
        *(f"  {axis.name}: {axis.starts}" for axis in rulebook.axes.values()),
        "",
        "ends:",
    ]
    for axis in rulebook.axes.values():
        ends = ", ".join(f'{s.name}: "{s.ends}"' for s in axis.states.values())
        lines.append(f"  {axis.name}: {{{ends}}}")
    lines += ["", "steps:"]
    leave_out = set(may_leave_out)
    for step in rulebook.transitions.values():
        lines += [
            f"  {step.name}:",
            f"    pathway: {step.pathway}",
            f"    safeguards: [{', '.join(step.safeguards)}]",
        ]
        if step.movement:
            lines += ["    movement: true", f"    path: [{', '.join(step.path)}]"]
        if step.records:
            lines.append("    records: true")
        if step.name in leave_out:
            lines.append("    may_leave_out: true")
        lines.append("    moves:")
        for move in step.moves.values():
            start = ", ".join(f"{a}: [{', '.join(s)}]" for a, s in move.sources.items())
            end = ", ".join(f"{a}: {s}" for a, s in move.targets.items())
            extra = (
                f", pathway: {move.pathway}"
                if step.pathway == "chosen" and move.pathway != "common"
                else ""
            )
            extra += ", records: true" if move.records and not step.records else ""
            extra += ", moves_out: true" if move.moves_out else ""
            lines.append(f"      {move.name}: {{from: {{{start}}}, to: {{{end}}}{extra}}}")
    lines += ["", "safeguards:"]
    for safeguard in rulebook.safeguards.values():
        lines.append(f"  {safeguard.name}:")
        for finding in safeguard.findings.values():
            columns = ", ".join(f"{kind}.{name}" for kind, name in sorted(reads[finding.key]))
            lines += [
                f"    {finding.name}:",
                "      must: >",
                *_wrapped(finding.condition, 8),
                f"      hard: {str(finding.hard).lower()}",
                f"      owner: {finding.owner}",
                *([f"      at: {finding.at}"] if finding.at else []),
                "      reads:",
                *_wrapped(f"[{columns}]", 8),
            ]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text, 96, initial_indent=" " * indent, subsequent_indent=" " * indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _reached(kind: str, rulebook: Rulebook, relations: set[g.Key]) -> bool:
    return any(rulebook.relations[of][name].kind == kind for of, name in relations)
