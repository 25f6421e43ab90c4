"""The protection floor: the least a rulebook must ask, which no operation can lower.

A rulebook is adapted by people under a deadline, so what may not be weakened stands in a file
of its own with its own hash. `weaker.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import yaml

from onward.errors import OnwardError, one_of
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
from onward.rulebook.situations import digest

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
