"""Small problems for the placement tests: strategies, and every choice the check allows."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import numpy as np
from benchmarks.placement.generate import Reference
from hypothesis import strategies as st

from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import (
    Case,
    Limit,
    Lock,
    Pledge,
    Selector,
    Tables,
    Window,
)
from onward.placement.problem.model import IntArray


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


def crowd(number: int) -> Tables:
    """Ten to forty cases drawn from a number: pairs and threes that belong together, households,
    caps, earmarks, conditional pledges, locks; every other time scores that many share."""
    rng = random.Random(number)
    n, names = rng.randint(10, 40), ["North", "South", "East", "West", "Coast", "Hills"]
    names = names[: rng.choice([2, 3, 4, 6])]
    side = {name: "NS"[k % 2] for k, name in enumerate(names)}
    windows = []
    for p in names:
        several = "abcd"[: rng.randint(1, 4)]
        room = rng.choice([0.6, 0.9, 1.2]) * 2.6 * n / len(names) / len(several)
        for w in several:
            persons = round(room * rng.uniform(0.3, 1.7))
            most = rng.choice([None, None, None, 4])
            windows.append(Window(p, persons, w, side[p], max_size=most))
    numbers = [f"C{i:02}" for i in range(n)]
    apart = rng.sample(numbers, n)
    linked: dict[str, tuple[str, ...]] = {}
    for _ in range(rng.choice([0, 1, 3])):
        first, *others = (apart.pop() for _ in range(rng.choice([2, 3, 3])))
        linked |= dict.fromkeys(others, (first,))
    cases = [
        Case(
            c, rng.choice([1, 1, 2, 2, 3, 4, 5, 6]), rng.choice(["", "", "", "", "H1", "H2"]),
            nationality=rng.choice("AB"), category=rng.choice(["LPN", "WGR"]),
            linked_to=linked.get(c, ()), refused=rng.choice([(), (), (), (names[0],), ("S",)]),
            preferred=tuple(rng.sample(names, rng.choice([0, 0, 1, 2]))),
        )
        for c in numbers
    ]  # fmt: skip
    scores = [
        Score(c, p, rng.randint(0, 10) / 10 if number % 2 else rng.random())
        for c in numbers
        for p in names
        if rng.random() < 0.9
    ]
    some = [Selector(categories=("WGR",)), Selector(nationalities=("A",)), Selector(min_size=3)]
    limits = [
        Limit(f"L{k}", rng.choice([*names, "all", "N"]), rng.randint(0, n), rng.choice(["", "a"]),
              rng.choice(["cap", "earmark"]), rng.choice(some))
        for k in range(rng.choice([0, 1, 2, 4]))
    ]  # fmt: skip
    pledges = []
    for k in range(rng.choice([0, 1, 2, 3])):
        to = rng.choice(windows)
        who = rng.choice([Selector(), some[0]])
        pledges.append(Pledge(f"K{k}", rng.choice(names), rng.randint(0, 12), to.programme,
                              rng.randint(1, 8), to.window, who))  # fmt: skip
    locks = [
        Lock(c, *rng.choice([(w.programme, ""), (w.programme, w.window), ("", "")]))
        for c in rng.sample(numbers, rng.choice([0, 0, 1, 2]))
        for w in [rng.choice(windows)]
    ]
    return Tables(tuple(cases), tuple(windows), tuple(limits), tuple(pledges), tuple(scores),
                  locks=tuple(locks))  # fmt: skip


def everything(t: Tables) -> list[dict[str, tuple[str, str]]]:
    """Every assignment of cases to windows that the independent check allows."""
    from onward.placement.telling.check import check

    places = [None, *[(w.programme, w.window) for w in t.windows]]
    found = []
    for combination in product(places, repeat=len(t.cases)):
        placed = {c.case: p for c, p in zip(t.cases, combination, strict=True) if p is not None}
        if not check(t, placed):
            found.append(placed)
    return found


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
