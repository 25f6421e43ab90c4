"""By which facts people should be told apart in a forecast: those on which the pace of a step depends.

Exists because `forecast.strata` of a rulebook is chosen by people, who should see what the log says
of the choice. Comes in: the log's person-days and moves by state, period and fact. Goes out: for each
fact, the steps that clearly go at another pace for some of its values, and which safeguards ask for it.

Only people who could take a step in the same month, and who are alike in the other facts the
forecast tells apart, are compared. So months that were good or bad for everybody say nothing, and
a fact does not borrow what another explains (the partial likelihood of Cox 1972, for counts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from onward.caseload.events import PERSON
from onward.forecast.learning.edges import Edge, takes_one, willed
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    FloatArray: TypeAlias = npt.NDArray[np.float64]

FEW = ("boolean", "code", "country", "language")
MOST_UNKNOWN = 0.05
LEAST_FAMILIES = 5.0
ROUNDS = 60


@dataclass(frozen=True)
class Step:
    """A step that clearly goes at another pace for some.

    paces     value -> times the pace of everybody who could take the step
    evidence  log-likelihood gained beyond what so many paces must gain by chance
    """

    state: str
    move: str
    paces: Mapping[str, float]
    evidence: float


@dataclass(frozen=True)
class Fact:
    """What the log says of one fact.

    declared  the forecast tells people apart by it
    unknown   share of the person-days of people of whom it is not on file
    looked    steps with enough moves to tell
    steps     those that clearly go at another pace, clearest first
    asked_by  safeguards that ask for it
    """

    name: str
    declared: bool
    values: tuple[str, ...]
    unknown: float
    looked: int
    steps: tuple[Step, ...]
    asked_by: tuple[str, ...]

    @property
    def known(self) -> bool:
        """On file of nearly everybody from the start: who gets it on the way would change groups."""
        return self.unknown <= MOST_UNKNOWN

    @property
    def eligible(self) -> bool:
        """Whether people could be told apart by it."""
        return self.known and len(self.values) > 1


def candidates(rulebook: Rulebook) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(facts to look at, facts nobody is counted by): coded facts of a person, the sealed apart."""
    coded = [one for one in rulebook.kinds[PERSON].facts.values() if one.type in FEW]
    return (
        tuple(one.name for one in coded if one.sensitivity != "sealed"),
        tuple(one.name for one in coded if one.sensitivity == "sealed"),
    )


def facts_told(
    exposures: pa.Table, rulebook: Rulebook, facts: Sequence[str], family: float
) -> list[Fact]:
    """What the log says of each fact, those the forecast tells apart first.

    exposures  from `caseload.counting.exposures`, with the facts as its strata
    family     people per unit by person: a family is one decision
    """
    rows = [row for row in exposures.to_pylist() if row["forecast_state"] is not None]
    steps = sorted(
        {
            (row["forecast_state"], row["move"])
            for row in rows
            if row["move"] is not None and _counts(rulebook, row)
        }
    )
    declared = [name for name in rulebook.forecast_strata if name in facts]
    return [
        _fact(rows, rulebook, name, [other for other in declared if other != name], steps,
              len(facts) * max(len(steps), 1), family)
        for name in sorted(facts, key=lambda name: (name not in declared, name))
    ]  # fmt: skip


def _counts(rulebook: Rulebook, row: Mapping[str, Any]) -> bool:
    """A step that whole families take, and that somebody decides on."""
    if row["move"] not in rulebook.moves() or not row["to_state"]:
        return False
    edge = Edge(row["forecast_state"], row["move"], row["to_state"], 0)
    return (
        edge.source != edge.target and willed(rulebook, edge) and not takes_one(rulebook, edge)
    )


def _fact(
    rows: Sequence[Mapping[str, Any]], rulebook: Rulebook, name: str, others: Sequence[str],
    steps: Sequence[tuple[str, str]], tests: int, family: float,
) -> Fact:  # fmt: skip
    import numpy as np

    at_risk: dict[str, dict[tuple[Any, ...], dict[str, float]]] = {}
    moved: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, float]]] = {}
    known: set[str] = set()
    days = unknown = 0.0
    here = {one.name for one in rulebook.forecast_states.values() if not one.gone}
    for row in rows:
        state, value = row["forecast_state"], row[name]
        if state not in here:
            continue
        if row["move"] is None:
            days += row["person_days"]
            unknown += row["person_days"] if value is None else 0
        if value is None:
            continue
        known.add(str(value))
        cell = (row["period_start"], *(row[other] for other in others))
        step = (state, row["move"])
        of = (
            at_risk.setdefault(state, {}) if row["move"] is None else moved.setdefault(step, {})
        )
        by_value = of.setdefault(cell, {})
        more = row["person_days"] if row["move"] is None else row["transitions"]
        by_value[str(value)] = by_value.get(str(value), 0.0) + more
    values = tuple(sorted(known))
    looked, found = 0, []
    for state, move in steps:
        cells = sorted(moved.get((state, move), {}), key=str)
        if len(values) < 2 or not cells:
            continue
        people = np.array([[moved[state, move][c].get(v, 0.0) for v in values] for c in cells])
        risk = np.array(
            [[at_risk.get(state, {}).get(c, {}).get(v, 0.0) for v in values] for c in cells]
        )
        told = _told(people, risk, family, tests)
        if told is None:
            continue
        looked += 1
        kept, paces, evidence = told
        if evidence > 0:
            told_of = zip(kept, paces, strict=True)
            pace_of = {values[v]: round(float(pace), 2) for v, pace in told_of}
            found.append(Step(state, move, pace_of, round(evidence, 1)))
    return Fact(
        name, name in rulebook.forecast_strata, values, round(unknown / days, 4) if days else 1.0,
        looked, tuple(sorted(found, key=lambda one: (-one.evidence, one.state, one.move))),
        _asked_by(rulebook, name),
    )  # fmt: skip


def _told(
    people: FloatArray, risk: FloatArray, family: float, tests: int
) -> tuple[list[int], FloatArray, float] | None:
    """Values compared, their paces, and the evidence beyond chance; None where too few moved.

    people, risk  (cells, values) moves, and person-days of those who could have moved
    tests         comparisons made in all: of many, some look clear by chance
    """
    import numpy as np

    # Who has just come in has had no whole day in which to move.
    risk = np.maximum(risk, people)
    both = (people.sum(axis=1) > 0) & ((risk > 0).sum(axis=1) > 1)
    people, risk = people[both], risk[both]
    plain = risk / risk.sum(axis=1, keepdims=True)
    expected = (plain * people.sum(axis=1, keepdims=True)).sum(axis=0)
    # A value of which many moved tells as much as one of which many should have.
    enough = np.maximum(expected, people.sum(axis=0)) >= LEAST_FAMILIES * family
    kept = [int(v) for v in np.flatnonzero(enough)]
    people, risk = people[:, kept], risk[:, kept]
    both = (people.sum(axis=1) > 0) & ((risk > 0).sum(axis=1) > 1)
    people, risk = people[both], risk[both]
    if len(kept) < 2 or not risk.sum(axis=0).all():
        return None
    total = people.sum(axis=1, keepdims=True)
    plain = risk / risk.sum(axis=1, keepdims=True)
    paces = np.ones(len(kept))
    for _ in range(ROUNDS):
        fair = (total * risk / (risk * paces).sum(axis=1, keepdims=True)).sum(axis=0)
        paces = np.maximum(people.sum(axis=0), 1e-9) / fair
    chance = risk * paces / (risk * paces).sum(axis=1, keepdims=True)
    some = people > 0
    gain = float((people[some] * np.log(chance[some] / plain[some])).sum())
    # Families, and convoys of one group, move together: counts vary more than single people would.
    means = total * chance
    free = int((means > 0).sum() - len(means)) - (len(kept) - 1)
    wide = float((np.square(people - means)[means > 0] / means[means > 0]).sum()) / max(free, 1)
    together = max(family, wide)
    events = float(total.sum()) / together
    by_chance = (len(kept) - 1) / 2 * np.log(max(events, 2.0)) + np.log(tests)
    everybody = (paces * risk.sum(axis=0)).sum() / risk.sum()
    return kept, paces / everybody, gain / together - float(by_chance)


def _asked_by(rulebook: Rulebook, name: str) -> tuple[str, ...]:
    """Safeguards whose findings name the fact, or something derived from it."""
    derived = rulebook.derived.get(PERSON, {})
    words = {name} | {one for one, fact in derived.items() if _names(fact.condition, {name})}
    return tuple(
        guard.name
        for guard in rulebook.safeguards.values()
        if any(_names(finding.condition, words) for finding in guard.findings.values())
    )


def _names(condition: str, words: set[str]) -> bool:
    return bool(words & set(re.findall(r"[a-z_][a-z0-9_]*", condition)))
