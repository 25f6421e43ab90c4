"""Small problems for the placement tests: a builder, a strategy and a brute-force judge."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
from benchmarks.placement.generate import Reference
from hypothesis import strategies as st

from onward.placement.inputs import Case, Limit, Lock, Pledge, Score, Selector, Tables, Window
from onward.placement.model import IntArray

WEIGHT = {"emergency": 4.0, "urgent": 2.0, "normal": 1.0}


@st.composite
def tables(draw: st.DrawFn, most: int = 6) -> Tables:
    """Invented problems with windows, caps, earmarks, pledges, links, households, consents."""
    n = draw(st.integers(1, most))
    programmes = ["North", "South", "West"][: draw(st.integers(1, 3))]
    windows = []
    for p in programmes:
        for w in ["early", "late"][: draw(st.integers(1, 2))]:
            windows.append(
                Window(
                    p,
                    draw(st.integers(0, 6)),
                    w,
                    country="N" if p in ("North", "West") else "S",
                    max_size=draw(st.sampled_from([None, None, 3])),
                    nationalities=draw(st.sampled_from([(), (), ("A",)])),
                )
            )
    cases, scores = [], []
    for i in range(n):
        name = f"C{i}"
        cases.append(
            Case(
                name,
                draw(st.integers(1, 4)),
                household=draw(st.sampled_from(["", "", "", "H1"])),
                split_agreed=draw(st.booleans()),
                nationality=draw(st.sampled_from(["A", "B"])),
                category=draw(st.sampled_from(["LPN", "WGR"])),
                priority=draw(st.sampled_from(["normal", "normal", "urgent", "emergency"])),
                linked_to=draw(st.sampled_from([(), (), ("C0",)])),
                refused=draw(st.sampled_from([(), (), ("North",), ("S",)])),
                consents=draw(st.sampled_from([None, ("N", "S"), ("South",), ()])),
            )
        )
        for p in programmes:
            if draw(st.integers(0, 4)):
                scores.append(Score(name, p, draw(st.integers(0, 10)) / 10))
    limits = []
    if draw(st.booleans()):
        limits.append(Limit("women", programmes[0], draw(st.integers(0, 4)), kind="earmark",
                            who=Selector(categories=("WGR",))))  # fmt: skip
    if draw(st.booleans()):
        limits.append(
            Limit("cap A", "all", draw(st.integers(0, 8)), who=Selector(nationalities=("A",)))
        )
    pledges = ()
    if len(programmes) > 1 and draw(st.booleans()):
        pledges = (Pledge("follows", programmes[0], draw(st.integers(0, 4)), programmes[1],
                          draw(st.integers(1, 3)), "early"),)  # fmt: skip
    return Tables(tuple(cases), tuple(windows), tuple(limits), pledges, tuple(scores))


@st.composite
def locked_tables(draw: st.DrawFn, most: int = 4) -> Tables:
    """Such problems with some cases locked to a programme, to a window of it, or held back."""
    t = draw(tables(most))
    places = [(w.programme, w.window) for w in t.windows] + [
        (w.programme, "") for w in t.windows
    ]
    places += [("", "")] * len(places)  # as many are held back as are sent somewhere
    locks = tuple(
        Lock(c.case, *draw(st.sampled_from(places))) for c in t.cases if draw(st.booleans())
    )
    return replace(t, locks=locks)


def everything(t: Tables) -> list[dict[str, tuple[str, str]]]:
    """Every assignment of cases to windows that the independent check allows."""
    from onward.placement.check import check

    places = [None, *[(w.programme, w.window) for w in t.windows]]
    found = []
    for combination in product(places, repeat=len(t.cases)):
        placed = {c.case: p for c, p in zip(t.cases, combination, strict=True) if p is not None}
        if not check(t, placed):
            found.append(placed)
    return found


def protection(t: Tables, placed: dict[str, tuple[str, str]]) -> float:
    return sum(c.size * WEIGHT[c.priority] for c in t.cases if c.case in placed)


def emergencies(t: Tables, placed: dict[str, tuple[str, str]]) -> float:
    later = {name: k for k, name in enumerate(sorted({w.window for w in t.windows}))}
    return sum(
        c.size * 0.9 ** later[placed[c.case][1]]
        for c in t.cases
        if c.case in placed and c.priority == "emergency"
    )


def outcome(t: Tables, placed: dict[str, tuple[str, str]]) -> float:
    score = {(s.case, s.programme): s.score for s in t.scores or ()}
    return sum(score[c, p] for c, (p, _) in placed.items())


def groups(t: Tables) -> list[set[str]]:
    """Linked groups of units (a unit: cases of a household that did not agree to be split)."""
    sets: list[set[str]] = [{c.case} for c in t.cases]
    pairs = [(c.case, o) for c in t.cases for o in c.linked_to]
    homes = defaultdict(list)
    for c in t.cases:
        if c.household:
            homes[c.household].append(c.case)
    pairs += [(h[0], o) for h in homes.values() for o in h[1:]]
    for a, b in pairs:
        one = next(s for s in sets if a in s)
        two = next(s for s in sets if b in s)
        if one is not two:
            one |= two
            sets.remove(two)
    return sets


def together(t: Tables, placed: dict[str, tuple[str, str]]) -> float:
    """Units placed, less the different windows and the different countries they are in."""
    country = {w.programme: w.country or w.programme for w in t.windows}
    homes = defaultdict(list)
    for c in t.cases:
        if c.household:
            homes[c.household].append(c)
    unit = {c.case: c.case for c in t.cases}
    for members in homes.values():
        if not all(c.split_agreed for c in members):
            unit.update({c.case: members[0].case for c in members})
    total = 0.0
    for group in groups(t):
        there = {unit[c]: placed[c] for c in group if c in placed}
        if there:
            total += len(there) - len(set(there.values()))
            total += len(there) - len({country[p] for p, _ in there.values()})
    return total


def placed_by_hand(r: Reference) -> IntArray:
    """A choice for a reference problem: everybody in turn into the first slot with room for them."""
    model = r.model
    chosen = np.full(model.units, -1)
    use = np.zeros(len(model.limit))
    for u in range(model.units):
        for j in range(model.start[u], model.start[u + 1]):
            _which, row, persons = model.column_rows(np.array([j]), np.array([u]))
            if np.all(use[row] + persons <= model.limit[row]):
                np.add.at(use, row, persons)
                chosen[u] = j
                break
    return chosen
