"""Who travels together, who wished to, and how each is drawn.

In: cases and locks. Out: units (cases of a household that is not to be split), linked groups of
them, the place a lock names, and the published draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from onward.placement.inputs.tables import Case, Tables
from onward.placement.problem.model import IntArray


def draw(seed: int, *names: str) -> float:
    """The published draw: the first 64 bits of SHA-256 over "seed|names", as a share of 1."""
    digest = hashlib.sha256("|".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def name_of(members: Sequence[int], cases: Sequence[Case]) -> str:
    """The name a unit is drawn by: its cases, joined by +."""
    return "+".join(cases[i].case for i in members)


def locks_of(tables: Tables) -> dict[str, tuple[str, str]]:
    """Where each locked case has to go, as (programme, window); a lock given apart comes first."""
    locks = {c.case: (c.locked, c.locked_window) for c in tables.cases if c.locked}
    locks.update({x.case: (x.programme, x.window) for x in tables.locks})
    return locks


def units_of(cases: Sequence[Case]) -> tuple[list[tuple[int, ...]], IntArray]:
    """Cases of one household form one unit, unless every one of them agreed to be split."""
    by_name: dict[str, list[int]] = {}
    for i, case in enumerate(cases):
        if case.household:
            by_name.setdefault(case.household, []).append(i)
    first = {}
    for members in by_name.values():
        if len(members) > 1 and not all(cases[i].split_agreed for i in members):
            first.update(dict.fromkeys(members, members[0]))
    units: list[tuple[int, ...]] = []
    unit_of_case = np.zeros(len(cases), np.int64)
    for i, case in enumerate(cases):
        if first.get(i, i) != i:
            continue
        members_of = by_name[case.household] if i in first else [i]
        for j in members_of:
            unit_of_case[j] = len(units)
        units.append(tuple(members_of))
    return units, unit_of_case


def groups_of(cases: Sequence[Case], unit_of_case: IntArray) -> list[tuple[int, ...]]:
    """Units joined by links, directly or through others; agreed splits stay linked."""
    parent = list(range(len(unit_of_case)))

    def root(u: int) -> int:
        while parent[u] != u:
            parent[u] = parent[parent[u]]
            u = parent[u]
        return u

    position = {c.case: i for i, c in enumerate(cases)}
    households: dict[str, int] = {}
    for i, case in enumerate(cases):
        others = [position[o] for o in case.linked_to if o in position]
        if case.household:
            others.append(households.setdefault(case.household, i))
        for j in others:
            a, b = root(int(unit_of_case[i])), root(int(unit_of_case[j]))
            parent[max(a, b)] = min(a, b)
    found: dict[int, list[int]] = {}
    for u in sorted({int(u) for u in unit_of_case}):
        found.setdefault(root(u), []).append(u)
    return [tuple(g) for g in found.values() if len(g) > 1]
