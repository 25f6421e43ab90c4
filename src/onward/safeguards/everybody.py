"""Every next step of every active person at once, by the same stages as one evaluation.

Exists so that a report, a forecast and a placement can ask of a million people in seconds what
`evaluate` asks of one. In come a caseload and a date; out comes one row per person and next
step. Each finding is computed once for each form in which it differs: per pathway only when
its condition reads :pathway, per recipient only for a hand-over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload import Caseload
from onward.engine import Engine, Stage
from onward.rulebook.model import Finding, Move, Rulebook, When
from onward.safeguards.asking import Asking
from onward.safeguards.compile import Compiler
from onward.safeguards.evaluate import (
    PATHWAY_OWN,
    asked_findings,
    inputs_of,
    next_step,
    nulls_of,
)
from onward.safeguards.frames import KIND
from onward.safeguards.overrides import counting, findings_of, leads_to

Booleans: TypeAlias = npt.NDArray[np.bool_]
Whole: TypeAlias = npt.NDArray[np.int64]
_WORD = re.compile(r"\w+")
WORD = 63  # findings per int64 word of `failed_…`
KEPT_QUESTIONS = 32
"""Most forms of the same questions that are kept with a rulebook."""


@dataclass(frozen=True)
class NextSteps:
    """Every next step of every active person on a date.

    table   one row per person and step: person, unit, move, at (dictionary encoded), `clear`
            (every finding of the person holds or is set aside), `open` (clear and, for a step
            that leaves a place, every member of the unit has this step next and clear), and
            failed_0, failed_1 …: int64 words, bit i of word w is finding `findings[63 w + i]`
    findings   the rulebook's findings by key, in its order
    rulebook_hash, floor_hash, on   what it was judged by, and when
    person_row  row of the caseload's person table, per row of `table`
    step        index into `moves`, per row of `table`

    Steps that only record what happened are never refused and are not listed; nor is a move
    into the state a person is in already.
    """

    caseload: Caseload = field(repr=False)
    table: pa.Table
    findings: tuple[Finding, ...]
    moves: tuple[Move, ...]
    on: date
    rulebook_hash: str
    floor_hash: str
    person_row: Whole = field(repr=False)
    step: Whole = field(repr=False)
    stages: tuple[Stage, ...] = field(default=(), repr=False)

    def failed(self, key: str) -> Booleans:
        """Per row of `table`, whether one finding failed."""
        index = [finding.key for finding in self.findings].index(key)
        word = np.asarray(self.table[f"failed_{index // WORD}"])
        return np.asarray((word >> np.int64(index % WORD)) & 1, dtype=bool)

    def failed_findings(self, row: int) -> tuple[str, ...]:
        """Keys of the findings that failed in one row, in the rulebook's order."""
        words = [
            self.table[name][row].as_py()
            for name in self.table.column_names
            if name.startswith("failed_")
        ]
        return tuple(
            finding.key
            for index, finding in enumerate(self.findings)
            if words[index // WORD] >> (index % WORD) & 1
        )


def evaluate_all(
    caseload: Caseload, *, on: date, engine: Engine, hand_over_to: str | None = None
) -> NextSteps:
    """Judge every next step of every active person.

    on            the date of decision and of movement
    hand_over_to  the recipient hand-over steps are asked about; None: unknown, so that none
                  is open
    Destinations are each person's own choice. Steps that leave a place are asked at movement.
    """
    rulebook = caseload.rulebook
    person = caseload.people
    people = person.num_rows
    asking = pa.table(
        {
            "asked__destination": person["intended_destination"],
            "asked__pathway": person["intended_pathway"],
            "asked__recipient": pa.nulls(people, pa.string()),
        }
    )
    nulls = nulls_of(caseload, asking)
    nulls["", "asked__recipient"] = hand_over_to is None
    asked = _questions(rulebook, on, nulls)
    inputs = inputs_of(caseload, asked.stages)
    inputs[KIND + "person"] = person.append_column(
        "ask", pa.array(np.arange(people, dtype=np.int64))
    )
    # A column that no stage names need not be sent to a cluster.
    inputs = {
        name: table.select([column for column in table.column_names if column in asked.words])
        for name, table in inputs.items()
    }
    inputs["question"] = pa.table({"recipient": pa.array([hand_over_to], pa.string())})
    answers = engine.run(asked.stages, inputs, ["answers"])["answers"]
    row = np.asarray(answers["ask"])
    holds: dict[str, Booleans] = {}
    for index, sql in enumerate(asked.columns):
        values = np.zeros(people, dtype=bool)
        values[row] = np.asarray(pc.fill_null(answers[f"c{index}"], False), dtype=bool)
        holds[sql] = values
    del answers
    return _assemble(caseload, asked, holds, row, on)


@dataclass(frozen=True)
class _Questions:
    """What is asked of everybody, as stages.

    steps    each next step, when it is asked about, and its findings
    forms    per step and finding, the SQL it is asked as
    columns  the forms without repetition: the answers' columns c0, c1 …
    words    every word of the stages
    """

    steps: tuple[tuple[Move, When, tuple[Finding, ...]], ...]
    forms: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    stages: tuple[Stage, ...]
    words: frozenset[str]


def _questions(
    rulebook: Rulebook, on: date, nulls: Mapping[tuple[str, str], bool]
) -> _Questions:
    """What to ask under a rulebook on a date, where these columns hold any NULL.

    For few people writing it takes as long as judging by it, and a desk asks the same again
    with every act: the last few stay with their rulebook.
    """
    kept: dict[object, _Questions] = rulebook.__dict__.setdefault("_next_steps_asked", {})
    key = (on, frozenset(nulls.items()))
    found = kept.get(key)
    if found is None:
        found = _written(rulebook, on, nulls)
        for oldest in list(kept)[: len(kept) + 1 - KEPT_QUESTIONS]:
            kept.pop(oldest, None)  # another thread may have been quicker
        kept[key] = found
    return found


def _written(rulebook: Rulebook, on: date, nulls: Mapping[tuple[str, str], bool]) -> _Questions:
    plan = Compiler(
        rulebook,
        on=on,
        nulls=nulls,
        asked=f'"{KIND}person" AS p CROSS JOIN question AS q WHERE p.active',
        columns={
            "ask": "p.ask",
            "asked__destination": "p.intended_destination",
            "asked__pathway": "p.intended_pathway",
            "asked__recipient": "q.recipient",
        },
    )
    steps = tuple(_steps(rulebook))
    forms = tuple(
        tuple(_form(plan, move, finding, on) for finding in findings)
        for move, _, findings in steps
    )
    columns = tuple(dict.fromkeys(sql for of_step in forms for sql in of_step))
    stages = tuple(plan.finish({f"c{index}": sql for index, sql in enumerate(columns)}))
    words = frozenset(word for stage in stages for word in _WORD.findall(stage.sql))
    return _Questions(steps, forms, columns, stages, words)


def _steps(rulebook: Rulebook) -> list[tuple[Move, When, tuple[Finding, ...]]]:
    found: list[tuple[Move, When, tuple[Finding, ...]]] = []
    for move in rulebook.moves().values():
        if not move.records:
            at: When = "movement" if rulebook.is_movement(move) else "decision"
            found.append((move, at, asked_findings(rulebook, move, at)))
    return found


def _form(plan: Compiler, move: Move, finding: Finding, on: date) -> str:
    """The finding's SQL as this move asks it: equal texts are computed once."""
    condition = plan.expander.condition(finding.condition, "person", finding.line)
    pathway = None if move.pathway in PATHWAY_OWN else move.pathway
    to = "asked__recipient" if move.pathway == "handover" else "asked__destination"
    return plan.expression(plan.expander.expand(condition.node, Asking(on, pathway, to)))


def _assemble(
    caseload: Caseload,
    asked: _Questions,
    holds: Mapping[str, Booleans],
    active: Whole,
    on: date,
) -> NextSteps:
    rulebook, person, steps = caseload.rulebook, caseload.people, asked.steps
    keys = list(findings_of(rulebook))
    words = -(-len(keys) // WORD) or 1
    is_active = np.zeros(person.num_rows, dtype=bool)
    is_active[active] = True
    units = person["unit"].combine_chunks().dictionary_encode()
    unit_codes = np.asarray(pc.fill_null(units.indices, -1), dtype=np.int32)
    sizes = np.bincount(
        unit_codes[is_active & (unit_codes >= 0)], minlength=len(units.dictionary)
    )
    ids = person["id"].combine_chunks().cast(pa.string())
    who, what, clear, opened = [], [], [], []
    failed: list[list[Whole]] = [[] for _ in range(words)]
    for index, (move, at, findings) in enumerate(steps):
        rows = np.flatnonzero(is_active & next_step(person, move) & ~_there(person, move))
        masks = [np.zeros(len(rows), dtype=np.int64) for _ in range(words)]
        for finding, sql in zip(findings, asked.forms[index], strict=True):
            bit = keys.index(finding.key)
            fails = ~holds[sql][rows]
            masks[bit // WORD] |= fails.astype(np.int64) << np.int64(bit % WORD)
        _set_aside(caseload, move, on, ids, rows, masks, keys)
        good = np.ones(len(rows), dtype=bool)
        for mask in masks:
            good &= mask == 0
        who.append(rows.astype(np.int64))
        what.append(np.full(len(rows), index, dtype=np.int64))
        clear.append(good)
        opened.append(together(good, unit_codes[rows], sizes) if at == "movement" else good)
        for word, mask in enumerate(masks):
            failed[word].append(mask)
    person_row = np.concatenate(who) if who else np.zeros(0, dtype=np.int64)
    step = np.concatenate(what) if what else np.zeros(0, dtype=np.int64)
    moves = pa.array([move.key for move, _, _ in steps], pa.string())
    ats = np.array([0 if at == "decision" else 1 for _, at, _ in steps], dtype=np.int8)
    table = {
        "person": pa.DictionaryArray.from_arrays(pa.array(person_row.astype(np.int32)), ids),
        "unit": units.take(pa.array(person_row)),
        "move": pa.DictionaryArray.from_arrays(pa.array(step.astype(np.int16)), moves),
        "at": pa.DictionaryArray.from_arrays(
            pa.array(ats[step] if len(ats) else np.zeros(0, dtype=np.int8)),
            pa.array(["decision", "movement"]),
        ),
        "clear": pa.array(np.concatenate(clear) if clear else np.zeros(0, dtype=bool)),
        "open": pa.array(np.concatenate(opened) if opened else np.zeros(0, dtype=bool)),
    }
    for word in range(words):
        parts = failed[word]
        table[f"failed_{word}"] = pa.array(
            np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        )
    return NextSteps(
        caseload=caseload,
        table=pa.table(table),
        findings=tuple(findings_of(rulebook).values()),
        moves=tuple(move for move, _, _ in steps),
        on=on,
        rulebook_hash=rulebook.hash,
        floor_hash=rulebook.floor_hash,
        person_row=person_row,
        step=step,
        stages=asked.stages,
    )


def together(good: Booleans, units: npt.NDArray[np.int32], sizes: Whole) -> Booleans:
    """Whether everybody of each row's unit is among the rows and good.

    good   (n,) per member who has the step next
    units  (n,) unit number, -1 for nobody's
    sizes  active members per unit
    """
    counted = np.bincount(units[good & (units >= 0)], minlength=len(sizes))
    whole = np.append(counted == sizes, True)  # the last: nobody's unit
    answer: Booleans = good & whole[units]
    return answer


def _there(person: pa.Table, move: Move) -> Booleans:
    """Whether a move would end where the person is already."""
    here = np.full(person.num_rows, bool(move.targets), dtype=bool)
    for axis, state in move.targets.items():
        same = pc.fill_null(pc.equal(person[axis], state), False)
        here &= np.asarray(same, dtype=bool)
    return here


def _set_aside(
    caseload: Caseload,
    move: Move,
    on: date,
    ids: pa.Array,
    rows: Whole,
    masks: list[Whole],
    keys: list[str],
) -> None:
    if "override" not in caseload.tables or not caseload.tables["override"].num_rows:
        return
    recorded = caseload.tables["override"].to_pylist()
    places = caseload.people["intended_destination"]
    for who, finding, to in counting((), recorded, caseload.rulebook, move=move.key, on=on):
        at = pc.index(ids, pa.scalar(who)).as_py()
        if at < 0 or leads_to(move, places[at].as_py()) != to or move.pathway == "handover":
            continue
        bit = keys.index(finding)
        masks[bit // WORD][rows == at] &= ~(np.int64(1) << np.int64(bit % WORD))
