"""A first floor for a new kind of operation, written from its rulebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Literal

from onward.rulebook import grammar as g
from onward.rulebook.model import Rulebook
from onward.rulebook.situations import Interpreter


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
