"""The only door to the safeguards: who may take a step, who may not, and why.

In come a caseload, a move, a destination, a date and whether it is asked at decision or at
movement; out comes an `Evaluation`: every finding of every person as true, false or unknown,
computed by the same SQL stages for one person and for a million. Only TRUE opens. Authorising
is not recording: an evaluation never stops anybody from recording what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload import Caseload
from onward.engine import Engine, Stage
from onward.errors import Fault, Faults, one_of
from onward.rulebook.model import Finding, Move, Rulebook, When
from onward.safeguards.asking import Asking
from onward.safeguards.compile import Compiler
from onward.safeguards.explain import Reason, reasons_for
from onward.safeguards.frames import KIND
from onward.safeguards.overrides import Override, counting, findings_of, leads_to

Booleans: TypeAlias = npt.NDArray[np.bool_]
PATHWAY_OWN = ("", "common", "chosen")  # a step of every pathway: the person's own choice


@dataclass(frozen=True)
class Evaluation:
    """One question put to some people of a caseload.

    move, on, at      what was asked; `destination` None: each person's own
    findings          the findings asked, in the rulebook's order
    answers           one row per person: person, unit, destination, pathway, next_step
                      (whether the move starts from the states the person is in), and one
                      boolean per finding key; null: unknown
    set_aside         (person, finding) overridden, by two people and with a reason -> the seq of
                      the exception on record, 0 for one that is only proposed
    rulebook_hash, floor_hash   what it was judged by
    """

    caseload: Caseload = field(repr=False)
    move: Move
    destination: str | None
    on: date
    at: When
    findings: tuple[Finding, ...]
    answers: pa.Table = field(repr=False)
    set_aside: Mapping[tuple[str, str], int]
    rulebook_hash: str
    floor_hash: str
    engine: Engine = field(repr=False)
    stages: tuple[Stage, ...] = field(default=(), repr=False)

    @cached_property
    def table(self) -> pa.Table:
        """(unit, person, finding, holds, overridden), one row per person and finding."""
        people = self.answers.num_rows
        keys = pa.array([finding.key for finding in self.findings], pa.string())
        index = np.repeat(np.arange(len(self.findings), dtype=np.int32), people)
        findings = pa.DictionaryArray.from_arrays(pa.array(index), keys)
        again = pa.array(np.tile(np.arange(people), max(len(self.findings), 0)), pa.int64())
        if self.findings:
            holds = pa.concat_arrays(
                [
                    self.answers[finding.key].combine_chunks().cast(pa.bool_())
                    for finding in self.findings
                ]
            )
            aside = pa.concat_arrays(
                [pa.array(self._aside(finding.key)) for finding in self.findings]
            )
        else:
            holds, aside = pa.array([], pa.bool_()), pa.array([], pa.bool_())
        return pa.table(
            {
                "unit": self.answers["unit"].take(again),
                "person": self.answers["person"].take(again),
                "finding": findings,
                "holds": holds,
                "overridden": aside,
            }
        )

    def _aside(self, key: str) -> Booleans:
        found: Booleans = np.zeros(self.answers.num_rows, dtype=bool)
        chosen = [person for person, finding in self.set_aside if finding == key]
        if chosen:
            found |= np.asarray(pc.is_in(self.answers["person"], pa.array(chosen)))
        return found

    def failed(self, key: str) -> Booleans:
        """Per row of `answers`, whether a finding neither holds nor is set aside."""
        holds = _truth(self.answers[key])
        return ~(holds | self._aside(key))

    @cached_property
    def passes(self) -> Booleans:
        """Per row of `answers`, whether the step is next and no finding failed."""
        good = _truth(self.answers["next_step"])
        for finding in self.findings:
            good = good & ~self.failed(finding.key)
        return good

    @property
    def open_people(self) -> tuple[str, ...]:
        """People whose own findings all hold. The step is theirs only with their unit: see
        `open_units`."""
        return tuple(self.answers["person"].filter(pa.array(self.passes)).to_pylist())

    @cached_property
    def open_units(self) -> tuple[str, ...]:
        """Units of which every member passes; sorted. Nobody who belongs to no unit is in."""
        passes: dict[str, bool] = {}
        for unit, good in zip(self.answers["unit"].to_pylist(), self.passes, strict=True):
            if unit is not None:
                passes[unit] = passes.get(unit, True) and bool(good)
        return tuple(sorted(unit for unit, good in passes.items() if good))

    def is_open(self, person: str) -> bool:
        """Whether this person's whole unit passes (alone, when the person is in no unit)."""
        row = self._row(person)
        unit = self.answers["unit"][row].as_py()
        return unit in self.open_units if unit is not None else bool(self.passes[row])

    def asked_to(self, person: str) -> str | None:
        """The destination the question was about for one person; None: none was known."""
        place: str | None = self.answers["destination"][self._row(person)].as_py()
        return place

    def failed_findings(self, person: str) -> tuple[str, ...]:
        """Keys of the findings that fail for one person, in the rulebook's order."""
        row = self._row(person)
        return tuple(f.key for f in self.findings if self.failed(f.key)[row])

    def excepted(self, person: str) -> tuple[int, ...]:
        """The exceptions on record, by seq, without which the step would fail for this person."""
        row = self._row(person)
        cited = {
            self.set_aside.get((person, finding.key), 0)
            for finding in self.findings
            if not _truth(self.answers[finding.key])[row]
        }
        return tuple(sorted(cited - {0}))

    def reasons(self, person: str) -> list[Reason]:
        """Why the step is not open to this person; empty when it is, as far as they go."""
        row = self._row(person)
        answer = self.answers.slice(row, 1)
        failed = [f for f in self.findings if self.failed(f.key)[row]]
        return reasons_for(
            self.caseload, self.move, answer, failed, on=self.on, engine=self.engine
        )

    def _row(self, person: str) -> int:
        row = pc.index(self.answers["person"], pa.scalar(person)).as_py()
        if row < 0:
            raise Faults([Fault("", "", "person", f"{person} was not asked about")])
        return int(row)


def evaluate(
    caseload: Caseload,
    move_key: str,
    *,
    on: date,
    engine: Engine,
    destination: str | None = None,
    at: When | None = None,
    units: Sequence[str] | None = None,
    people: Sequence[str] | None = None,
    overrides: Sequence[Override] = (),
) -> Evaluation:
    """Ask every safeguard of one move, for one unit, some people or the whole caseload.

    move_key     a move of the rulebook, "T7.done"
    on           the date of the decision or of the movement
    destination  where to, or to whom; None: each person's own chosen destination, except for a
                 hand-over, which nobody chooses: without a named recipient it stays unknown
    at           None: at movement when the move leaves a place, else at decision
    units, people  whom to ask about; whole units are always asked, since one member can hold
                 the others back. None: everybody active
    overrides    proposed now; those in the caseload count as well. One for a hard finding, by
                 fewer than two people or without a reason raises
    raises       Faults: an unknown move, unit or person, an override that may not be
    """
    rulebook = caseload.rulebook
    move = _move(rulebook, move_key)
    when: When = at or ("movement" if rulebook.is_movement(move) else "decision")
    findings = asked_findings(rulebook, move, when)
    rows = _chosen(caseload, units, people)
    person = caseload.people
    ids = person["id"].take(rows)
    own = person["intended_destination"].take(rows).cast(pa.string())
    if destination is not None:
        where = pa.array([destination] * len(rows), pa.string())
    elif move.pathway == "handover":
        where = pa.nulls(len(rows), pa.string())
    else:
        where = own
    asking = pa.table(
        {
            "ask": pa.array(np.arange(len(rows), dtype=np.int64)),
            "person": ids,
            "asked__destination": where,
            "asked__pathway": pathway_of(move, person["intended_pathway"].take(rows)),
        }
    )
    answers, stages = ask(caseload, asking, findings, Asking(on, _one_pathway(move)), engine)
    recorded = caseload.tables["override"].to_pylist() if "override" in caseload.tables else []
    aside = counting(overrides, recorded, rulebook, move=move.key, on=on)
    places = dict(zip(ids.to_pylist(), where.to_pylist(), strict=True)) if aside else {}
    table = pa.table(
        {
            "person": ids,
            "unit": person["unit"].take(rows),
            "destination": where,
            "pathway": asking["asked__pathway"],
            "next_step": pa.array(next_step(person, move).take(rows)),
            **{finding.key: answers[finding.key] for finding in findings},
        }
    )
    return Evaluation(
        caseload=caseload,
        move=move,
        destination=destination,
        on=on,
        at=when,
        findings=findings,
        answers=table,
        set_aside=MappingProxyType(
            {
                (who, finding): seq
                for (who, finding, to), seq in aside.items()
                if leads_to(move, places.get(who)) == to
            }
        ),
        rulebook_hash=rulebook.hash,
        floor_hash=rulebook.floor_hash,
        engine=engine,
        stages=tuple(stages),
    )


def asked_findings(rulebook: Rulebook, move: Move, at: When) -> tuple[Finding, ...]:
    """The findings a move answers to, in the rulebook's order."""
    return tuple(
        finding
        for name in rulebook.safeguards_for(move, at)
        for finding in rulebook.safeguards[name].findings.values()
        if finding.at in ("", at)
    )


def ask(
    caseload: Caseload,
    asking: pa.Table,
    findings: Sequence[Finding],
    fixed: Asking,
    engine: Engine,
) -> tuple[pa.Table, list[Stage]]:
    """Findings of some people: ask and one boolean column per finding, in the order asked.

    asking   ask (0 … n-1), person, asked__destination, asked__pathway
    """
    plan = Compiler(
        caseload.rulebook,
        on=fixed.on,
        nulls=nulls_of(caseload, asking),
        asked=f'asking AS a JOIN "{KIND}person" AS p ON p.id = a.person',
        columns={name: f"a.{name}" for name in asking.column_names if name != "person"},
    )
    outputs = {}
    for finding in findings:
        condition = plan.expander.condition(finding.condition, "person", finding.line)
        outputs[finding.key] = plan.expression(plan.expander.expand(condition.node, fixed))
    stages = plan.finish(outputs)
    stages.append(Stage("in_order", "SELECT * FROM answers ORDER BY ask", "As asked."))
    inputs = inputs_of(caseload, stages) | {"asking": asking}
    return engine.run(stages, inputs, ["in_order"])["in_order"], stages


def inputs_of(caseload: Caseload, stages: Sequence[Stage]) -> dict[str, pa.Table]:
    """The kinds' tables that stages read, under their input names."""
    text = " ".join(stage.sql for stage in stages)
    return {
        KIND + kind: caseload.tables[kind]
        for kind in caseload.rulebook.kinds
        if f'"{KIND}{kind}"' in text
    }


def nulls_of(caseload: Caseload, asking: pa.Table | None = None) -> dict[tuple[str, str], bool]:
    """Which columns hold any NULL, so that branches that cannot occur are left out."""
    found = {
        (kind, name): caseload.tables[kind][name].null_count > 0
        for kind in caseload.rulebook.kinds
        for name in caseload.tables[kind].column_names
    }
    if asking is not None:
        for name in asking.column_names:
            found["", name] = asking[name].null_count > 0
    return found


def next_step(person: pa.Table, move: Move) -> Booleans:
    """Per row of the person table, whether the move starts from the person's states."""
    good = np.ones(person.num_rows, dtype=bool)
    for axis, states in move.sources.items():
        known = pc.is_in(person[axis], value_set=pa.array(list(states), pa.string()))
        good &= np.asarray(known, dtype=bool)
    return good


def pathway_of(move: Move, own: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """The pathway a question is about: the move's, or each person's own for common steps."""
    if move.pathway in PATHWAY_OWN:
        return own.cast(pa.string())
    return pa.array([move.pathway] * len(own), pa.string())


def _one_pathway(move: Move) -> str | None:
    return None if move.pathway in PATHWAY_OWN else move.pathway


def _truth(column: pa.ChunkedArray) -> Booleans:
    return np.asarray(pc.fill_null(column, False), dtype=bool)


def _move(rulebook: Rulebook, key: str) -> Move:
    moves: Mapping[str, Move] = rulebook.moves()
    if key not in moves:
        raise Faults([Fault("", "", "transition", f'no move "{key}"', one_of(moves))])
    return moves[key]


def _chosen(
    caseload: Caseload, units: Sequence[str] | None, people: Sequence[str] | None
) -> pa.Array:
    """Row numbers of the person table to ask about, whole units, in the table's order."""
    person = caseload.people
    active = np.asarray(pc.fill_null(person["active"], False), dtype=bool)
    if units is None and people is None:
        return pa.array(np.flatnonzero(active))
    faults: list[Fault] = []
    wanted = set(units or ())
    known = set(person["unit"].drop_null().to_pylist()) if wanted else set()
    faults += [
        Fault("", "", "unit", f"no unit {unit} on this date") for unit in sorted(wanted - known)
    ]
    named = pa.array(list(people or ()), pa.string())
    chosen = np.asarray(pc.is_in(person["id"], value_set=named), dtype=bool)
    found = set(person["id"].filter(pa.array(chosen)).to_pylist())
    faults += [
        Fault("", "", "person", f"no person {who} on this date", "a permanent person id")
        for who in sorted(set(people or ()) - found)
    ]
    if faults:
        raise Faults(faults)
    wanted |= set(person["unit"].filter(pa.array(chosen)).drop_null().to_pylist())
    within = np.asarray(
        pc.is_in(person["unit"], value_set=pa.array(sorted(wanted), pa.string())), dtype=bool
    )
    return pa.array(np.flatnonzero(chosen | within))


__all__ = ["Evaluation", "Override", "evaluate", "findings_of"]
