"""`onward forecast groups`: by which facts people should be told apart in a forecast.

Turns what the log says of each fact into plain words or JSON. The command is mounted by
`forecast.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from onward.cli.forecast_compare import AS_OF, DIRECTORY, JSON

if TYPE_CHECKING:
    from onward.forecast.learning.strata import Fact, Step
    from onward.rulebook.model import Rulebook

MOST_STEPS = 4


def groups(directory: DIRECTORY, as_of: AS_OF = None, as_json: JSON = False) -> None:
    """Example: onward forecast groups camp

    By which facts people should be told apart: those on which the pace of a step clearly depends.
    Compared are only people who could have taken the step in the same month and are alike in what
    the forecast tells apart already.
    """
    from dataclasses import asdict

    from onward.cli.work import day
    from onward.forecast.learning.strata import candidates
    from onward.registry import open_operation
    from onward.registry.computing.analysis import opened
    from onward.registry.computing.comparing import facts_of

    found = opened(open_operation(directory), day(as_of or "", "--as-of"))
    sys.stderr.write("Reading the record\n")
    facts = facts_of(found)
    _, sealed = candidates(found.rulebook)
    if as_json:
        data = {
            "as_of": found.as_of.isoformat(), "sealed": sealed,
            "facts": [{**asdict(one), "eligible": one.eligible} for one in facts],
        }  # fmt: skip
        typer.echo(json.dumps(data, indent=2))
        return
    for line in page(facts, sealed, found.rulebook):
        typer.echo(line)


def page(facts: Sequence[Fact], sealed: Sequence[str], rulebook: Rulebook) -> list[str]:
    """The answer in words."""
    lines = ["Facts by which the forecast can tell people apart", ""]
    for fact in facts:
        if not fact.eligible:
            continue
        what = "in the forecast" if fact.declared else "not in the forecast"
        told = f"{len(fact.steps)} of {fact.looked} steps clearly go at another pace"
        if not fact.steps:
            told = f"no step of {fact.looked} clearly goes at another pace"
        lines.append(f"  {fact.name} ({what}): {told}")
        lines += [f"      {_paces(step, rulebook)}" for step in fact.steps[:MOST_STEPS]]
        if fact.asked_by:
            lines.append(f"      asked for by {', '.join(fact.asked_by)}")
    missing = [one.name for one in facts if not one.known]
    alike = [one.name for one in facts if not one.eligible and one.name not in missing]
    lines.append("")
    for names, why in (
        (missing, "not on file of everybody from the start, so nobody can be counted by it"),
        (alike, "the same for everybody"),
        (sealed, "sealed: nobody is counted by it"),
    ):
        if names:
            lines.append(f"Left out, {why}: {', '.join(names)}.")
    more = [one.name for one in facts if one.eligible and one.steps and not one.declared]
    idle = [one.name for one in facts if one.declared and one.looked and not one.steps]
    lines += ["", *_advice(more, idle)]
    return lines


def _advice(more: Sequence[str], idle: Sequence[str]) -> list[str]:
    """What to change, if anything."""
    said = []
    if more:
        said.append(
            f"Name {' and '.join(more)} under forecast.strata in rulebook.yaml and adopt it: the "
            "forecast then reads and plays each group by itself."
        )
    if idle:
        said.append(
            f"No pace depends on {' or '.join(idle)} so far; without it the forecast says the same "
            "and costs less."
        )
    return said or [
        "The forecast tells people apart by every fact on which a pace clearly depends."
    ]


def _paces(step: Step, rulebook: Rulebook) -> str:
    """A step with the pace of each value, quickest first."""
    move = rulebook.moves()[step.move]
    title = rulebook.transitions[move.transition].title
    state = rulebook.forecast_states[step.state].title
    ranked = sorted(step.paces.items(), key=lambda item: -item[1])
    paces = ", ".join(f"{value.replace('_', ' ')} {pace:.2g}" for value, pace in ranked)
    return f"{title} ({step.move}) from “{state}”: {paces} times the pace of all"
