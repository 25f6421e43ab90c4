"""From an operation to placement's tables: its cases, its places, what safeguards allow.

Places are those of the plan's pledges, or the beds of relocation sites that are handed in.

Comes in: an opened operation as of a date. Goes out: `placement.Tables` in which a case and a
country form a pair only where `safeguards.evaluate` found the step open for every member, for
that country. Nothing about consent is judged here a second time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload.model import Caseload
from onward.errors import OnwardError
from onward.placement.inputs.tables import PRIORITIES, Case, Opening, Tables, Window
from onward.plan.model import NEEDS, SURE_PLEDGES
from onward.registry.computing.analysis import Opened
from onward.registry.computing.offers import Offers, offers
from onward.rulebook.grammar import parse_condition
from onward.rulebook.model import Move, Rulebook
from onward.safeguards.evaluate import Evaluation, evaluate
from onward.safeguards.record import WENT_TO

SITE_BEDS = "relocation_bed"
"""The capacity of the rulebook that the beds of relocation sites are."""


def placement_tables(found: Opened) -> Tables:
    """The tables of one proposal.

    raises  OnwardError when the plan holds no confirmed or open places
    """
    if found.plan is None:
        raise OnwardError("There is no plan.yaml, so no places are known.")
    pledges = [
        pledge
        for pledge in found.plan.pledges.values()
        if pledge.state in SURE_PLEDGES and pledge.capacity and pledge.windows
    ]
    if not pledges:
        raise OnwardError(
            "The plan holds no confirmed or open pledge with places and a capacity; "
            "see docs/reference/plan.md."
        )
    capacities = {pledge.capacity for pledge in pledges}
    put_forward = _put_forward(found.caseload, capacities)
    offered = offers(found.plan, pledges, found.as_of, put_forward)
    return _tables(found, capacities, offered)


def site_tables(found: Opened, sites: Sequence[Window]) -> Tables:
    """The tables of a proposal for relocation sites with so many beds each; a site's name is its
    id in the record, to which people consent and whose safeguards are asked."""
    return tables_for(found, [replace(site, country="") for site in sites], SITE_BEDS)


def tables_for(found: Opened, windows: Sequence[Window], capacity: str) -> Tables:
    """The tables of a proposal for places that stand in no plan of this operation; `capacity` is what
    its rulebook calls such places."""
    return _tables(found, {capacity}, Offers((), tuple(windows), (), ()))


def _tables(found: Opened, capacities: set[str], offered: Offers) -> Tables:
    rulebook = found.caseload.rulebook
    step = submission(rulebook, capacities)
    answers = {
        destination: evaluate(
            found.caseload, step.key, destination=destination, on=found.as_of, at="decision",
            engine=found.engine,
        )
        for destination in sorted({window.destination for window in offered.windows})
    }  # fmt: skip
    units = _ready(next(iter(answers.values())))
    members = _members(found.caseload.people, units)
    consents = _consents(units, answers, rulebook)
    taken_back = _taken_back(found.caseload, step.pathway)
    relatives = _relatives(found.caseload.people)
    cases = []
    for unit in sorted(units):
        case = _case(unit, members[unit], consents[unit], offered, found.as_of)
        refused = {place for m in members[unit] for place in taken_back.get(m["id"], ())}
        ties = {place for m in members[unit] for place in relatives.get(m["household"], ())}
        cases.append(
            replace(
                case,
                refused=tuple(sorted((refused & answers.keys()) - set(case.consents or ()))),
                ties=tuple(sorted(ties)),
            )
        )
    return Tables(
        cases=tuple(cases),
        windows=offered.windows,
        limits=offered.limits,
        pledges=offered.opens,
        openings=tuple(_openings(units, answers)),
        on=found.as_of,
    )


def submission(rulebook: Rulebook, capacities: set[str]) -> Move:
    """The step that puts a case forward for a place: the first step of the pathway whose
    movement consumes these places, or the movement itself where that is the first.

    raises  OnwardError when the rulebook has no such pathway
    """
    return _way(rulebook, capacities)[0]


def _way(rulebook: Rulebook, capacities: set[str]) -> tuple[Move, tuple[Move, ...]]:
    """The step that puts a case forward, and all moves between it and having left."""
    for transition in rulebook.transitions.values():
        if not (transition.movement and transition.consumes in capacities):
            continue
        steps = (*(rulebook.transitions[n] for n in transition.path), transition)
        own = [step for step in steps if step.pathway == transition.pathway]
        first = next(iter(own[0].moves.values()))
        return first, tuple(move for step in own[1:] for move in step.moves.values())
    raise OnwardError(
        f"No movement of the rulebook {rulebook.name} consumes these places "
        f"({', '.join(sorted(capacities))}), so nobody can be proposed for them."
    )


def _put_forward(
    caseload: Caseload, capacities: set[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """(destination, people) of each case that was put forward and has neither left nor been refused."""
    first, later = _way(caseload.rulebook, capacities)
    people = caseload.people
    waits = pa.array([False] * people.num_rows)
    for move in later:
        for axis in move.sources.keys() & first.targets.keys():
            states = sorted(set(move.sources[axis]) - set(first.sources.get(axis, ())))
            waits = pc.or_(
                waits, pc.is_in(people[axis], value_set=pa.array(states, pa.string()))
            )
    found: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    for row in people.filter(pc.and_kleene(waits, people["active"])).to_pylist():
        if place := row["intended_destination"]:
            found.setdefault(f"{row['unit']}/{place}", (place, []))[1].append(row)
    return [found[name] for name in sorted(found)]


def _ready(answer: Evaluation) -> set[str]:
    """Units of which every member has the step next, whatever the safeguards say of it."""
    ready: dict[str, bool] = {}
    rows = answer.answers.select(["unit", "next_step"]).to_pylist()
    for row in rows:
        if row["unit"] is not None:
            ready[row["unit"]] = ready.get(row["unit"], True) and bool(row["next_step"])
    return {unit for unit, good in ready.items() if good}


def _members(people: pa.Table, units: set[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {unit: [] for unit in units}
    for row in people.to_pylist():
        if row["unit"] in found:
            found[row["unit"]].append(row)
    return found


def _case(
    unit: str,
    members: Sequence[dict[str, Any]],
    consents: Sequence[str],
    offered: Offers,
    on: dt.date,
) -> Case:
    """One movement unit as placement sees it; what is not recorded stays blank."""
    first = _lead(members)
    kinds = [c for m in members for c in m.get("categories") or ()]
    categories = list(dict.fromkeys(kinds))[:2]
    priorities = {m.get("priority") for m in members}
    priority = next((p for p in PRIORITIES if p in priorities), "normal")
    adults = [m for m in members if m.get("adult")]
    children = [m for m in members if m.get("adult") is False]
    born = first.get("birth_last")
    return Case(
        case=unit,
        size=len(members),
        household=first.get("household") or "",
        split_agreed=bool(adults) and all(m.get("split_agreed") for m in adults),
        nationality=first.get("nationality") or "",
        category=categories[0] if categories else "",
        category_2=categories[1] if len(categories) > 1 else "",
        priority=priority,
        needs=_codes(members, NEEDS),
        languages=tuple(sorted({m["language"] for m in members if m.get("language")})),
        skills=_codes(members, "skills"),
        preferred=tuple(
            sorted(
                {m["intended_destination"] for m in members if m.get("intended_destination")}
            )
        ),
        consents=tuple(consents),
        sex=first.get("sex") or "",
        age=None if born is None else _age(born, on),
        single_parent=len(adults) == 1 and bool(children),
        registered_on=first.get("registered_on"),
        unmet=offered.unmet(members),
        shares=offered.shares(members),
    )


def _codes(members: Sequence[dict[str, Any]], fact: str) -> tuple[str, ...]:
    """What is recorded of any of these people in a list of codes."""
    known = (member.get(fact) for member in members)
    return tuple(sorted({code for codes in known if isinstance(codes, list) for code in codes}))


def _taken_back(caseload: Caseload, pathway: str) -> dict[str, set[str]]:
    """Per person, the destinations to which a consent was taken back: a refusal, until they
    consent anew."""
    found: dict[str, set[str]] = {}
    table = caseload.tables.get("consent")
    columns = ["person", "pathway", "destination", "withdrawn"]
    if table is None or not set(columns) <= set(table.column_names):
        return found
    for row in table.select(columns).to_pylist():
        if row["withdrawn"] and row["pathway"] == pathway and row["destination"]:
            found.setdefault(row["person"], set()).add(row["destination"])
    return found


def _relatives(people: pa.Table) -> dict[str, set[str]]:
    """Per household, where those of it went who have left; nothing is taken for granted."""
    found: dict[str, set[str]] = {}
    if WENT_TO in people.column_names:
        gone = people.select(["household", "active", WENT_TO])
        for row in gone.filter(pc.is_valid(gone[WENT_TO])).to_pylist():
            if row["household"] and row[WENT_TO] and row["active"] is False:
                found.setdefault(row["household"], set()).add(row[WENT_TO])
    return found


def _lead(members: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The member others are stated to: the recorded head, else the first by id."""
    heads = [m for m in members if m.get("role_in_household") == "head"]
    return min(heads or members, key=lambda m: m["id"])


def _age(born: dt.date, on: dt.date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _consents(
    units: set[str], answers: dict[str, Evaluation], rulebook: Rulebook
) -> dict[str, list[str]]:
    """Per case, the countries for which no finding that reads a consent fails for any member."""
    found: dict[str, list[str]] = {unit: [] for unit in units}
    for country, answer in sorted(answers.items()):
        asked = [
            finding.key
            for finding in answer.findings
            if any(
                kind == "consent"
                for kind, _ in parse_condition(
                    finding.condition, kind="person", rulebook=rulebook
                ).reads
            )
        ]
        good = dict.fromkeys(units, bool(asked))
        for row in answer.answers.select(["unit", *asked]).to_pylist():
            if row["unit"] in good:
                good[row["unit"]] = good[row["unit"]] and all(row[key] for key in asked)
        for unit, agreed in good.items():
            if agreed:
                found[unit].append(country)
    return found


def _openings(units: set[str], answers: dict[str, Evaluation]) -> list[Opening]:
    """What the safeguards answered for each case and country, with the findings that failed."""
    made = []
    for country, answer in sorted(answers.items()):
        open_units = set(answer.open_units)
        failed: dict[str, set[str]] = {}
        for finding in answer.findings:
            marks = answer.failed(finding.key)
            for unit, bad in zip(answer.answers["unit"].to_pylist(), marks, strict=True):
                if bad and unit in units:
                    failed.setdefault(unit, set()).add(finding.key)
        for unit in sorted(units):
            allowed = unit in open_units
            reason = (
                "" if allowed else ", ".join(sorted(failed.get(unit, {"not its next step"})))
            )
            # Which of them failed is for those who may know it, with the person, and not in a
            # proposal that many read.
            made.append(Opening(unit, country, allowed, reason, told=False))
    return made
