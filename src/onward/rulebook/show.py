"""A rulebook as tables that can be read, printed and argued about.

In comes a rulebook; out come plain tables (lists of rows by column): what may be known, how a
person moves, what must be true, and, for each movement, the full union of safeguards that will
be asked. The terminal, the report and the tests use the same tables, so they cannot differ.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from onward.rulebook.model import Finding, Move, Rulebook
from onward.rulebook.situations import findings_asked

Table: TypeAlias = list[dict[str, Any]]


def settings_table(rulebook: Rulebook) -> Table:
    """setting, days"""
    return [{"setting": name, "days": days} for name, days in rulebook.settings.items()]


def facts_table(rulebook: Rulebook) -> Table:
    """kind, fact, type, allowed, starts, sensitivity, retention, label, hxl"""
    return [
        {
            "kind": kind.name,
            "fact": fact.name,
            "type": fact.type,
            "allowed": list(fact.allowed),
            "starts": fact.starts,
            "sensitivity": fact.sensitivity,
            "retention": fact.retention,
            "label": fact.label,
            "hxl": fact.hxl,
        }
        for kind in rulebook.kinds.values()
        for fact in kind.facts.values()
    ]


def derived_table(rulebook: Rulebook) -> Table:
    """kind, fact, label, is, source"""
    return [
        {
            "kind": fact.kind,
            "fact": fact.name,
            "label": fact.label,
            "is": fact.condition,
            "source": fact.source,
        }
        for facts in rulebook.derived.values()
        for fact in facts.values()
    ]


def transitions_table(rulebook: Rulebook) -> Table:
    """step, title, pathway, decides, evidence, safeguards, movement, path, reversed_by, source"""
    return [
        {
            "step": step.name,
            "title": step.title,
            "pathway": step.pathway,
            "decides": step.decides,
            "evidence": list(step.evidence),
            "safeguards": list(step.safeguards),
            "movement": step.movement,
            "path": list(step.path),
            "reversed_by": step.reversed_by,
            "source": step.source,
        }
        for step in rulebook.transitions.values()
    ]


def moves_table(rulebook: Rulebook) -> Table:
    """move, pathway, from, to, records, movement"""
    return [
        {
            "move": move.key,
            "pathway": move.pathway,
            "from": {axis: list(states) for axis, states in move.sources.items()},
            "to": dict(move.targets),
            "records": move.records,
            "movement": rulebook.is_movement(move),
        }
        for move in rulebook.moves().values()
    ]


def safeguards_table(rulebook: Rulebook) -> Table:
    """finding, title, sentence, must, hard, at, remedy, owner, owner_role, source"""
    return [
        {
            "finding": finding.key,
            "title": safeguard.title,
            "sentence": finding.sentence,
            "must": finding.condition,
            "hard": finding.hard,
            "at": finding.at or "both",
            "remedy": finding.remedy,
            "owner": finding.owner,
            "owner_role": finding.owner_role,
            "source": safeguard.source,
        }
        for safeguard in rulebook.safeguards.values()
        for finding in safeguard.findings.values()
    ]


def movements_table(rulebook: Rulebook) -> Table:
    """For each movement, everything that will be asked on the day.

    move, title, records, safeguards, findings, hard (findings nobody can override)
    """
    rows = []
    for move in movements(rulebook):
        asked = findings_asked(rulebook, move, "movement")
        rows.append(
            {
                "move": move.key,
                "title": rulebook.transitions[move.transition].title,
                "records": move.records,
                "safeguards": list(rulebook.safeguards_for(move, "movement")),
                "findings": [finding.key for finding in asked],
                "hard": [finding.key for finding in asked if finding.hard],
            }
        )
    return rows


def movements(rulebook: Rulebook) -> list[Move]:
    """The moves by which a person leaves a place, in the rulebook's order."""
    return [move for move in rulebook.moves().values() if rulebook.is_movement(move)]


def as_json(rulebook: Rulebook) -> dict[str, Any]:
    """Every table, with the rulebook's name, version and hash."""
    return {
        "rulebook": rulebook.name,
        "version": rulebook.version,
        "title": rulebook.title,
        "hash": rulebook.hash,
        "floor": rulebook.floor,
        "settings": settings_table(rulebook),
        "facts": facts_table(rulebook),
        "derived": derived_table(rulebook),
        "transitions": transitions_table(rulebook),
        "moves": moves_table(rulebook),
        "safeguards": safeguards_table(rulebook),
        "movement_always": list(rulebook.movement_always),
        "movements": movements_table(rulebook),
    }


def who_may_lift(finding: Finding) -> str:
    """In words, for a table: whether anybody may override the finding."""
    return "nobody" if finding.hard else "two people"


def state_words(rulebook: Rulebook, states: dict[str, list[str]] | dict[str, str]) -> str:
    """ "Interviewed; in the camp": states by their titles."""
    said = []
    for axis, names in states.items():
        listed = [names] if isinstance(names, str) else names
        known = rulebook.axes[axis].states
        said.append(" or ".join(known[name].title for name in listed))
    return "; ".join(said)
