"""Who is blocked by what, and which single remedy would open most.

Exists to point effort at what authorities and the operation can do, never at a person's
consent, claim or withdrawal. In comes everybody's next steps; out come counts per safeguard
(they overlap, so they are never added up) and remedies by how many lawful voluntary options
each would open: the finding is taken as TRUE for everybody and the steps are judged again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onward.rulebook.model import Finding, Move, Owner, Rulebook
from onward.safeguards.evaluate import PATHWAY_OWN
from onward.safeguards.everybody import WORD, Booleans, NextSteps, Whole, together


@dataclass(frozen=True)
class Blocked:
    """How many people one safeguard holds back. Counts of several safeguards overlap.

    people   people whose own next step fails it
    alone    of these, people whom nothing else holds back from some own next step
    findings (key, people) for each of its findings
    """

    safeguard: str
    title: str
    people: int
    alone: int
    findings: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Counts:
    """asked: active people with a step of their own next; blocked: those of them of whom no
    such step is open."""

    asked: int
    blocked: int
    safeguards: tuple[Blocked, ...]


@dataclass(frozen=True)
class Remedy:
    """What one finding, mended for everybody it holds back, would open.

    options  (person, pathway) pairs that would newly have an open step
    people   people among them
    freed    people of whom a next step of their own would newly be open, steps common to all
             pathways (counselling, interview) included
    """

    finding: str
    safeguard: str
    remedy: str
    owner: Owner
    owner_role: str
    options: int
    people: int
    freed: int


def own_steps(steps: NextSteps) -> Booleans:
    """Per row of the table, whether the step is the person's own next one: common to every
    pathway, or on the pathway the person chose. Choosing is next only while nothing on the
    chosen pathway is; a hand-over never is."""
    rulebook = steps.caseload.rulebook
    chosen = steps.caseload.people["intended_pathway"]
    names = chosen.combine_chunks().cast(pa.string()).dictionary_encode()
    codes = np.asarray(pc.fill_null(names.indices, -1), dtype=np.int64)[steps.person_row]
    index = {name: code for code, name in enumerate(names.dictionary.to_pylist())}
    move_pathway = np.array(
        [index.get(move.pathway, -2) for move in steps.moves] or [0], dtype=np.int64
    )
    common = np.array([move.pathway in PATHWAY_OWN for move in steps.moves] or [False])
    choosing = np.array(
        [rulebook.transitions[move.transition].pathway == "chosen" for move in steps.moves]
        or [False]
    )
    on_pathway = move_pathway[steps.step] == codes
    forward = (on_pathway | common[steps.step]) & ~choosing[steps.step]
    has_forward = np.zeros(steps.caseload.people.num_rows, dtype=bool)
    has_forward[steps.person_row[forward]] = True
    may_choose = choosing[steps.step] & (on_pathway | (codes < 0))
    handover = np.array([is_handover(rulebook, move) for move in steps.moves] or [False])
    own: Booleans = (forward | (may_choose & ~has_forward[steps.person_row])) & ~handover[
        steps.step
    ]
    return own


def counts(steps: NextSteps) -> Counts:
    """People held back, per safeguard and finding, over their own next steps."""
    people = steps.caseload.people.num_rows
    own = own_steps(steps)
    rows = steps.person_row
    asked = _mark(people, rows[own])
    free = _mark(people, rows[own & np.asarray(steps.table["open"])])
    masks = _masks(steps)
    safeguards = []
    for safeguard in steps.caseload.rulebook.safeguards.values():
        bits = _bits(steps, [finding.key for finding in safeguard.findings.values()])
        fails, others = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        for mask, bit in zip(masks, bits, strict=True):
            fails |= (mask & bit) != 0
            others |= (mask & ~bit) != 0
        fails &= own
        safeguards.append(
            Blocked(
                safeguard=safeguard.name,
                title=safeguard.title,
                people=int(_mark(people, rows[fails]).sum()),
                alone=int(_mark(people, rows[fails & ~others]).sum()),
                findings=tuple(
                    (key, int(_mark(people, rows[steps.failed(key) & own]).sum()))
                    for key in (finding.key for finding in safeguard.findings.values())
                ),
            )
        )
    return Counts(
        asked=int(asked.sum()), blocked=int((asked & ~free).sum()), safeguards=tuple(safeguards)
    )


def remedies(steps: NextSteps) -> tuple[Remedy, ...]:
    """Every finding that an authority or the operation can mend, by the lawful voluntary
    options it would open, most first; equal numbers by the people it would free, then in the
    rulebook's order."""
    rulebook = steps.caseload.rulebook
    benefit = np.array([is_option(rulebook, move) for move in steps.moves] or [False])
    option = benefit[steps.step]
    own = own_steps(steps)
    is_open = np.asarray(steps.table["open"])
    people = steps.caseload.people.num_rows
    free_already = _mark(people, steps.person_row[own & is_open])
    pathways = sorted({move.pathway for move in steps.moves})
    code = np.array([pathways.index(move.pathway) for move in steps.moves] or [0])
    person_pathway = steps.person_row * len(pathways) + code[steps.step]
    already = np.unique(person_pathway[option & is_open])
    masks = _masks(steps)
    unit_codes, sizes = _units(steps)
    moving = np.array([rulebook.is_movement(move) for move in steps.moves] or [False])
    found = []
    for index, finding in enumerate(steps.findings):
        if finding.owner == "person":
            continue
        bit = np.int64(1) << np.int64(index % WORD)
        touched = (masks[index // WORD] & bit) != 0
        if not touched.any():
            found.append(_remedy(finding, 0, 0, 0))
            continue
        clear = np.ones(len(steps.step), dtype=bool)
        for word, mask in enumerate(masks):
            clear &= (mask & ~bit if word == index // WORD else mask) == 0
        opened = clear.copy()
        for number in np.flatnonzero(moving):
            at = np.flatnonzero(steps.step == number)
            rows = steps.person_row[at]
            opened[at] &= together(clear[at], unit_codes[rows], sizes)
        new = np.setdiff1d(np.unique(person_pathway[opened & option]), already)
        freed = _mark(people, steps.person_row[opened & own]) & ~free_already
        found.append(
            _remedy(finding, len(new), len(np.unique(new // len(pathways))), int(freed.sum()))
        )
    return tuple(sorted(found, key=lambda each: (-each.options, -each.freed)))


def best_remedy(steps: NextSteps) -> tuple[Remedy, ...]:
    """The single remedy that would open most, or all of them when several tie; () when no
    single remedy would open anything."""
    listed = remedies(steps)
    if not listed or not listed[0].options:
        return ()
    return tuple(each for each in listed if each.options == listed[0].options)


def is_handover(rulebook: Rulebook, move: Move) -> bool:
    """Whether a move belongs to a pathway that can end in a hand-over."""
    return move.pathway not in PATHWAY_OWN and any(
        _ends(rulebook, other) == "handover"
        for other in rulebook.moves().values()
        if other.pathway == move.pathway
    )


def is_option(rulebook: Rulebook, move: Move) -> bool:
    """Whether an open move is a lawful voluntary option to a person: a step on one pathway
    (choosing one is the person's own), and none towards hand-over, absence, death or the loss
    of a status."""
    if move.records or move.pathway in PATHWAY_OWN or is_handover(rulebook, move):
        return False
    if rulebook.transitions[move.transition].pathway == "chosen":
        return False
    if _ends(rulebook, move) in ("handover", "absence", "death"):
        return False
    legal = rulebook.axes["legal"].states if "legal" in rulebook.axes else {}
    target = move.targets.get("legal")
    return target is None or legal[target].code != "OOC"


def _ends(rulebook: Rulebook, move: Move) -> str:
    found = [rulebook.axes[axis].states[state].ends for axis, state in move.targets.items()]
    return next((end for end in found if end), "")


def _remedy(finding: Finding, options: int, people: int, freed: int) -> Remedy:
    return Remedy(
        finding=finding.key,
        safeguard=finding.safeguard,
        remedy=finding.remedy,
        owner=finding.owner,
        owner_role=finding.owner_role,
        options=options,
        people=people,
        freed=freed,
    )


def _mark(people: int, rows: Whole) -> Booleans:
    marked = np.zeros(people, dtype=bool)
    marked[rows] = True
    return marked


def _masks(steps: NextSteps) -> list[Whole]:
    names = [name for name in steps.table.column_names if name.startswith("failed_")]
    return [np.asarray(steps.table[name]) for name in names]


def _bits(steps: NextSteps, keys: list[str]) -> list[np.int64]:
    bits = [np.int64(0) for _ in _masks(steps)]
    for index, finding in enumerate(steps.findings):
        if finding.key in keys:
            bits[index // WORD] |= np.int64(1) << np.int64(index % WORD)
    return bits


def _units(steps: NextSteps) -> tuple[np.ndarray, Whole]:  # type: ignore[type-arg]
    person = steps.caseload.people
    units = person["unit"].combine_chunks().dictionary_encode()
    codes = np.asarray(pc.fill_null(units.indices, -1), dtype=np.int32)
    active = np.asarray(pc.fill_null(person["active"], False), dtype=bool)
    return codes, np.bincount(codes[active & (codes >= 0)], minlength=len(units.dictionary))
