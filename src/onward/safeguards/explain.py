"""Why a step is blocked: the facts that are missing or false, and whose job it is to mend it.

In come the findings that failed for one person; out come `Reason`s. The condition's tree is
walked with the values the same SQL gives its parts, so that an explanation can never disagree
with the answer; for a relation the row nearest to satisfying it is named. No value of a fact
is ever shown, only which fact is missing or does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload import Caseload
from onward.engine import Engine, Stage
from onward.rulebook.grammar import (
    And,
    Column,
    Compare,
    Node,
    Not,
    Or,
    Parameter,
    Quantifier,
    terms,
)
from onward.rulebook.model import Finding, Move, Owner, Rulebook
from onward.safeguards.asking import Asking
from onward.safeguards.compile import Compiler
from onward.safeguards.expression import columns_of, stored
from onward.safeguards.frames import KIND

Status = Literal["false", "unknown"]
MOST_ROWS = 5  # rows named per relation


@dataclass(frozen=True)
class Missing:
    """One fact that is not known, or known and not as needed.

    row  id of the row it belongs to; "" when no such row is on record
    """

    kind: str
    column: str
    label: str
    status: Status
    row: str = ""


@dataclass(frozen=True)
class Reason:
    """One finding that failed for one person, in words, with what would lift it."""

    safeguard: str
    finding: str
    title: str
    sentence: str
    status: Status
    missing: tuple[Missing, ...]
    remedy: str
    owner: Owner
    owner_role: str
    hard: bool
    source: str


def reasons_for(
    caseload: Caseload,
    move: Move,
    answer: pa.Table,
    failed: Sequence[Finding],
    *,
    on: date,
    engine: Engine,
) -> list[Reason]:
    """The reasons one person's step is not open.

    answer  the person's row of `Evaluation.answers`
    failed  the findings that failed, in the rulebook's order
    """
    rulebook = caseload.rulebook
    row = answer.to_pylist()[0]
    reasons = [] if row["next_step"] else [_sequence(caseload, move, row["person"])]
    if not failed:
        return reasons
    explainer = _Explainer(caseload, row, on=on, engine=engine)
    found = explainer.missing(list(failed))
    for finding in failed:
        safeguard = rulebook.safeguards[finding.safeguard]
        reasons.append(
            Reason(
                safeguard=finding.safeguard,
                finding=finding.key,
                title=safeguard.title,
                sentence=finding.sentence,
                status="unknown" if row[finding.key] is None else "false",
                missing=found[finding.key],
                remedy=finding.remedy,
                owner=finding.owner,
                owner_role=finding.owner_role,
                hard=finding.hard,
                source=safeguard.source,
            )
        )
    return reasons


def _sequence(caseload: Caseload, move: Move, person: str) -> Reason:
    """A step that does not follow from where the person is: no safeguard, but not open."""
    rulebook = caseload.rulebook
    step = rulebook.transitions[move.transition]
    table = caseload.people
    here = table.filter(pc.equal(table["id"], person)).to_pylist()[0]
    off, needed = [], []
    for axis, states in move.sources.items():
        titles = [rulebook.axes[axis].states[state].title for state in states]
        needed.append(f"{rulebook.axes[axis].title.lower()}: {' or '.join(titles)}")
        if here[axis] not in states:
            status: Status = "unknown" if here[axis] is None else "false"
            off.append(Missing("person", axis, rulebook.axes[axis].title, status, person))
    return Reason(
        safeguard="sequence",
        finding="sequence",
        title="Not a next step",
        sentence=f"{step.title} follows from {'; '.join(needed)}.",
        status="unknown" if all(each.status == "unknown" for each in off) else "false",
        missing=tuple(off),
        remedy="Take the steps before it first, or record what has already happened.",
        owner="operation",
        owner_role=step.decides,
        hard=True,
        source=step.source,
    )


class _Explainer:
    """One person's failed findings, each part of each condition valued by the same SQL."""

    def __init__(
        self, caseload: Caseload, row: Mapping[str, Any], *, on: date, engine: Engine
    ) -> None:
        self.caseload = caseload
        self.rulebook: Rulebook = caseload.rulebook
        self.row = row
        self.on = on
        self.engine = engine
        people = caseload.people
        at = pc.index(people["id"], pa.scalar(row["person"])).as_py()
        self.own = {
            name: people[name][at].as_py()
            for name in ("intended_pathway", "intended_destination")
            if name in people.column_names
        }

    def missing(self, findings: Sequence[Finding]) -> dict[str, tuple[Missing, ...]]:
        plan = Compiler(
            self.rulebook,
            on=self.on,
            asked=f'asking AS a JOIN "{KIND}person" AS p ON p.id = a.person',
            columns={
                name: f"a.{name}" for name in ("ask", "asked__destination", "asked__pathway")
            },
        )
        fixed = Asking(self.on, None)
        trees = {}
        for finding in findings:
            condition = plan.expander.condition(finding.condition, "person", finding.line)
            trees[finding.key] = plan.expander.expand(condition.node, fixed)
        nodes: dict[str, Node] = {}
        for tree in trees.values():
            for node in _parts(tree):
                nodes.setdefault(repr(node), node)
        outputs = {f"v{i}": plan.expression(node) for i, node in enumerate(nodes.values())}
        columns = columns_of(list(nodes.values()))
        for index, column in enumerate(columns):
            outputs[f"n{index}"] = f'(f."{stored(column)}" IS NULL)'
        shown: dict[str, tuple[str, list[Node]]] = {}
        for key, node in nodes.items():
            if isinstance(node, Quantifier):
                parts = _parts(node.part)
                shown[key] = (plan.show_rows(node, parts), parts)
        stages = plan.finish(outputs)
        tables = self._run(stages, ["answers", *(name for name, _ in shown.values())])
        answer = tables["answers"].to_pylist()[0]
        values = {key: answer[f"v{i}"] for i, key in enumerate(nodes)}
        nulls = {column: bool(answer[f"n{i}"]) for i, column in enumerate(columns)}
        rows: dict[str, list[_Reached]] = {}
        for key, (name, parts) in shown.items():
            inner = columns_of(parts)
            rows[key] = [
                _Reached(
                    id=str(each["row__id"]),
                    joined=each["joined"],
                    values={repr(part): each[f"v{i}"] for i, part in enumerate(parts)},
                    nulls={column: bool(each[f"n{i}"]) for i, column in enumerate(inner)},
                    unjoined=tuple(
                        theirs for theirs in _quantifier(nodes[key]).relation.join
                        if each[f"j_{theirs}"]
                    ),
                )
                for each in tables[name].to_pylist()
            ]  # fmt: skip
        walk = _Walk(self, values, nulls, rows)
        return {
            key: tuple(dict.fromkeys(walk.collect(tree, True))) for key, tree in trees.items()
        }

    def _run(self, stages: list[Stage], outputs: list[str]) -> dict[str, pa.Table]:
        text = " ".join(stage.sql for stage in stages)
        inputs = {
            KIND + kind: self.caseload.tables[kind]
            for kind in self.rulebook.kinds
            if f'"{KIND}{kind}"' in text
        }
        inputs["asking"] = pa.table(
            {
                "ask": pa.array([0], pa.int64()),
                "person": pa.array([self.row["person"]], pa.string()),
                "asked__destination": pa.array([self.row["destination"]], pa.string()),
                "asked__pathway": pa.array([self.row["pathway"]], pa.string()),
            }
        )
        return self.engine.run(stages, inputs, outputs)

    def label(self, kind: str, column: str) -> str:
        declared = self.rulebook.kinds[kind]
        if column in declared.facts:
            return declared.facts[column].label
        if column in declared.refs:
            return f"Which {self.rulebook.kinds[declared.refs[column]].title.lower()}"
        if kind == "person" and column in self.rulebook.axes:
            return self.rulebook.axes[column].title
        return column


@dataclass(frozen=True)
class _Reached:
    id: str
    joined: int  # 2 known, 1 perhaps
    values: Mapping[str, bool | None]
    nulls: Mapping[Column, bool]
    unjoined: tuple[str, ...]


def _quantifier(node: Node) -> Quantifier:
    assert isinstance(node, Quantifier)
    return node


def _parts(node: Node) -> list[Node]:
    """Every node of a tree down to leaves and quantifiers, not into quantifiers."""
    found: list[Node] = [node]
    if isinstance(node, And | Or):
        for part in node.parts:
            found += _parts(part)
    elif isinstance(node, Not):
        found += _parts(node.part)
    return found


class _Walk:
    """Collects what keeps a tree from its wanted value, from the values of its parts."""

    def __init__(
        self,
        explainer: _Explainer,
        values: Mapping[str, bool | None],
        nulls: Mapping[Column, bool],
        rows: Mapping[str, list[_Reached]],
    ) -> None:
        self.explainer = explainer
        self.rows = rows
        self.stack: list[tuple[Mapping[str, bool | None], Mapping[Column, bool], str]] = [
            (values, nulls, str(explainer.row["person"]))
        ]

    def collect(self, node: Node, wanted: bool) -> list[Missing]:
        values, _, _ = self.stack[-1]
        if values[repr(node)] is wanted:
            return []
        if isinstance(node, Not):
            return self.collect(node.part, not wanted)
        if isinstance(node, And | Or):
            found = []
            # What is only a question of pathway or destination cannot be mended: the other
            # ways to satisfy an OR are what a person can work on.
            # Nor is a state of the person (deceased, say) ever a way to mend anything.
            parts = [part for part in node.parts if _reads_fact(part)]
            if isinstance(node, Or) is wanted:
                parts = [part for part in parts if not _reads_state(part)] or parts
            for part in parts or node.parts:
                found += self.collect(part, wanted)
            return found
        if isinstance(node, Quantifier):
            if len(self.stack) == 1:
                return self.reached(node, wanted)
            return self.inside(node)
        return self.leaf(node)

    def leaf(self, node: Node) -> list[Missing]:
        values, nulls, row = self.stack[-1]
        unknown = values[repr(node)] is None
        found: list[Missing] = []
        for term in terms(node):
            if isinstance(term, Column):
                if unknown and not nulls[term]:
                    continue
                where = self.stack[max(len(self.stack) - 1 - term.level, 0)][2]
                found.append(self.fact(term.kind, term.name, unknown, where))
            elif unknown and isinstance(term, Parameter):
                found += self.parameter(term)
        return found or [
            self.fact(term.kind, term.name, unknown, row)
            for term in terms(node)
            if isinstance(term, Column)
        ]

    def fact(self, kind: str, column: str, unknown: bool, row: str) -> Missing:
        label = self.explainer.label(kind, column)
        return Missing(kind, column, label, "unknown" if unknown else "false", row)

    def parameter(self, term: Parameter) -> list[Missing]:
        name = "intended_pathway" if "pathway" in term.name else "intended_destination"
        asked = "pathway" if "pathway" in term.name else "destination"
        facts = self.explainer.rulebook.kinds["person"].facts
        if self.explainer.row[asked] is not None:
            return []
        if name not in facts or self.explainer.own[name] is not None:
            label = "The recipient, which nobody named" if asked == "destination" else "Pathway"
            return [Missing("question", asked, label, "unknown")]
        return [self.fact("person", name, True, str(self.explainer.row["person"]))]

    def inside(self, node: Quantifier) -> list[Missing]:
        """A relation of a reached row: which facts it asks for."""
        values, _, _ = self.stack[-1]
        unknown = values[repr(node)] is None
        found: dict[Missing, None] = {}
        for part in _parts(node.part):
            for term in terms(part):
                if isinstance(term, Column) and term.level == 0:
                    found.setdefault(self.fact(term.kind, term.name, unknown, ""))
        return list(found)

    def reached(self, node: Quantifier, wanted: bool) -> list[Missing]:
        relation, rows = node.relation, self.rows[repr(node)]
        if node.every is not wanted:
            # One row has to satisfy (or, under NOT, to fail) the condition: the nearest.
            if not rows:
                return [self.none(relation.kind)]
            best = max(
                rows,
                key=lambda row: (row.joined, row.values[repr(node.part)] is wanted,
                                 -self.distance(node, row, wanted), row.id),
            )  # fmt: skip
            return self.row(node, best, wanted)
        found = []
        off = [row for row in rows if row.values[repr(node.part)] is not wanted]
        for row in sorted(off, key=lambda row: (-row.joined, row.id))[:MOST_ROWS]:
            found += self.row(node, row, wanted)
        if relation.closed_by is not None and wanted:
            perhaps = [row for row in rows if row.joined < 2][:MOST_ROWS]
            for row in perhaps:
                found += [self.fact(relation.kind, name, True, row.id) for name in row.unjoined]
            if not found:
                closed = relation.closed_by
                found.append(
                    Missing(
                        closed.kind, closed.fact, self.explainer.label(closed.kind, closed.fact),
                        "unknown",
                    )
                )  # fmt: skip
        return found

    def row(self, node: Quantifier, row: _Reached, wanted: bool) -> list[Missing]:
        self.stack.append((row.values, row.nulls, row.id))
        found = self.collect(node.part, wanted)
        self.stack.pop()
        if row.joined < 2 and (node.every is not wanted or found):
            found += [
                self.fact(node.relation.kind, name, True, row.id) for name in row.unjoined
            ]
        return found

    def distance(self, node: Quantifier, row: _Reached, wanted: bool) -> int:
        """How far a row is from what is wanted. A row of another sort (another type, topic or
        destination) is far, one that lacks an answer is near."""
        self.stack.append((row.values, row.nulls, row.id))
        far = self.off(node.part, wanted)
        self.stack.pop()
        return far

    def off(self, node: Node, wanted: bool) -> int:
        values, _, _ = self.stack[-1]
        if values[repr(node)] is wanted:
            return 0
        if isinstance(node, Not):
            return self.off(node.part, not wanted)
        if isinstance(node, And | Or):
            parts = [self.off(part, wanted) for part in node.parts]
            return sum(parts) if isinstance(node, And) is wanted else min(parts)
        sort = isinstance(node, Compare) and node.op == "=" and node.left.type != "date"
        return 10 if sort and values[repr(node)] is not None else 1

    def none(self, kind: str) -> Missing:
        title = self.explainer.rulebook.kinds[kind].title
        return Missing(kind, "", f"{title}: none on record", "unknown")


def _reads_state(node: Node) -> bool:
    return any(isinstance(term, Column) and term.role == "axis" for term in terms(node))


def _reads_fact(node: Node) -> bool:
    return any(
        isinstance(part, Quantifier) or any(isinstance(term, Column) for term in terms(part))
        for part in _parts(node)
    )


__all__ = ["Missing", "Reason", "reasons_for"]
