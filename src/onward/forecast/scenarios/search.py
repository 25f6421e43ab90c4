"""Which lawful levers together open most options, within budgets and whatever comes.

Exists because levers help or hinder one another: seats without interviews stay empty. Comes in: a
file of levers, each owned by an authority or the operation, budgets, and circumstances to hold
out against. Goes out: packages by the lawful voluntary options they open when things go badly, in
the poorer half of all futures and circumstances, with what they cost. Never by how many people are gone: a package
that only empties the camp gains nothing here. The limits on what a lever may touch are in
`scenario`; what counts as an option is in `options`.

With few packages every one is tried; with many, a search changes one lever at a time and starts anew
near the best, and the answer says that it is not proven best.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from onward import __version__
from onward.errors import Fault, Faults, one_of
from onward.forecast.scenarios.compare import Make, assumed, cost_per_option, levels, play
from onward.forecast.scenarios.options import Way
from onward.forecast.scenarios.scenario import NO_LEVER, Levers, Scenario

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]

KIND = "onward-levers-1"
EVERY = 400
TRIED = 400
"""Packages tried where not every one is."""
IDLE = 50
"""Climbs in a row that try nothing new, and then there is nothing left to try."""
FEW = 96
SHOWN = 8
Package: TypeAlias = tuple[int, ...]
"""One number per lever: 0 leaves it, n takes its option n."""


@dataclass(frozen=True)
class Found:
    """One package of levers.

    taken      lever -> what of it is done, in words
    owners     who would have to decide
    robust     options opened in the poorer half of all futures and circumstances, less those the
               plan opens in its poorer half
    options_change   level -> options more than under the plan, over all futures and
               circumstances
    here_change      level -> people still here, less those under the plan
    best       share of futures in which no package shown opens more
    """

    taken: Mapping[str, str]
    owners: Sequence[str]
    cost: Mapping[str, float]
    robust: float
    options_change: Mapping[str, float]
    here_change: Mapping[str, float]
    best: float
    cost_per_option: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Search:
    """The best packages, best first; `packages` were possible within the budgets, `tried` played.

    proven    every package was tried
    in_all    levers that every package within noise of the best takes
    """

    operation: str
    as_of: str
    deadline: str
    futures: int
    seed: int
    title: str
    budgets: Mapping[str, float]
    circumstances: Sequence[str]
    packages: int
    tried: int
    proven: bool
    found: Sequence[Found]
    in_all: Sequence[str]
    inputs: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__
    kind: str = KIND

    def to_json(self) -> str:
        """Canonical text: the same search gives the same bytes."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def search(
    make: Make,
    levers: Levers,
    ways: Sequence[Way],
    *,
    operation: str,
    as_of: dt.date,
    deadline: dt.date,
    futures: int,
    seed: int,
    budgets: Mapping[str, float] | None = None,
    circumstances: Sequence[Scenario] = (),
    hashes: Mapping[str, str] | None = None,
    every: int = EVERY,
    threads: int | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Search:
    """Search the packages of levers.

    budgets        instead of, or besides, those of the file
    circumstances  scenarios that may happen: a package must hold out against each
    every          up to so many packages all are tried
    raises         Faults when something is no lever or a circumstance is a choice
    """
    import numpy as np

    check_levers(levers, circumstances)
    limits = {**levers.budgets, **(budgets or {})}
    worlds: list[tuple[Scenario, ...]] = [(), *((one,) for one in circumstances)]
    days = (deadline - as_of).days
    bases: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}
    played: dict[tuple[Package, int], tuple[FloatArray, FloatArray, FloatArray]] = {}

    def outcome(
        package: Package, world: tuple[Scenario, ...], n: int
    ) -> tuple[FloatArray, FloatArray]:
        which = (*chosen(levers, package), *world)
        run = play(
            assumed(make(which), which), ways, futures=n, seed=seed, days=days, threads=threads
        )
        return run.opened, run.here[:, -1]

    nothing = tuple(0 for _ in levers.levers)

    def gain(package: Package, n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(worlds x futures,) options more and people fewer than under the plan, and options."""
        if (package, n) not in played:
            parts = []
            for number, world in enumerate(worlds):
                if (number, n) not in bases:
                    bases[number, n] = outcome(nothing, world, n)
                base = bases[number, n]
                made = base if package == nothing else outcome(package, world, n)
                parts.append((made[0] - base[0], made[1] - base[1], made[0]))
            more, fewer, opened = (np.concatenate(part) for part in zip(*parts, strict=True))
            played[package, n] = (more, fewer, opened)
        return played[package, n]

    def robust(package: Package, n: int) -> float:
        return poorer_half(gain(package, n)[2]) - poorer_half(gain(nothing, n)[2])

    def score(package: Package, n: int) -> tuple[float, float]:
        return round(robust(package, n), 6), -spent(levers, package)

    sizes = [len(lever.options) + 1 for lever in levers.levers]
    space = math.prod(sizes)
    few = min(FEW, futures)
    proven = space <= every
    if proven:
        possible = [
            package
            for package in itertools.product(*(range(size) for size in sizes))
            if affordable(levers, package, limits)
        ]
        for number, package in enumerate(possible, 1):
            progress(f"{number} of {len(possible)} packages, {few} futures each")
            gain(package, few)
    else:
        possible = climb(
            sizes, lambda p: affordable(levers, p, limits), lambda p: score(p, few), progress
        )
    ranked = sorted(possible, key=lambda package: score(package, few), reverse=True)
    finalists = ranked[: 2 * SHOWN]
    for number, package in enumerate(finalists, 1):
        progress(f"{number} of {len(finalists)} best packages, {futures:,} futures each")
        gain(package, futures)
    finalists.sort(key=lambda package: score(package, futures), reverse=True)
    shown = finalists[:SHOWN]
    table = np.array([gain(package, futures)[0] for package in shown])
    top = table.max(axis=0)
    rows = [
        _found(
            levers,
            package,
            gain(package, futures),
            robust(package, futures),
            float((table[i] >= top).mean()),
        )
        for i, package in enumerate(shown)
    ]
    first = gain(shown[0], futures)[2]
    near = [package for package in shown if _ties(first, gain(package, futures)[2])]
    return Search(
        operation=operation,
        as_of=as_of.isoformat(),
        deadline=deadline.isoformat(),
        futures=futures,
        seed=seed,
        title=levers.title,
        budgets=dict(limits),
        circumstances=[one.title for one in circumstances],
        packages=len(possible) if proven else space,
        tried=len({package for package, _ in played}),
        proven=proven,
        found=rows,
        in_all=[
            lever.title
            for place, lever in enumerate(levers.levers)
            if near and all(package[place] for package in near)
        ],
        inputs=dict(hashes or {}),
    )


def check_levers(levers: Levers, circumstances: Iterable[Scenario] = ()) -> None:
    """Refuse what is no lever, however it got here."""
    faults = []
    for lever in levers.levers:
        for option in lever.options:
            wrong = [change for change in option.changes if change.what in NO_LEVER]
            if option.kind != "choice" or wrong:
                what = wrong[0].what if wrong else option.kind
                faults.append(
                    Fault(levers.file or "levers", lever.id, "", f"{what} is no lever",
                          "what an authority or the operation can do")
                )  # fmt: skip
        if not lever.owner:
            faults.append(
                Fault(levers.file or "levers", lever.id, "owner", "missing", "who decides it")
            )
    faults += [
        Fault(one.file or one.id, "", "kind", "a choice", "a circumstance to hold out against")
        for one in circumstances
        if one.kind != "circumstance"
    ]
    if faults:
        raise Faults(faults)


def budgets_of(pairs: Sequence[str], levers: Levers) -> dict[str, float]:
    """Budgets written as unit=amount; raises Faults naming every wrong one."""
    units = sorted({unit for lever in levers.levers for o in lever.options for unit in o.cost})
    found: dict[str, float] = {}
    faults = []
    for pair in pairs:
        unit, _, text = pair.partition("=")
        try:
            amount = float(text.replace(",", "").replace("_", ""))
            if not (amount >= 0 and math.isfinite(amount)):
                raise ValueError
        except ValueError:
            faults.append(
                Fault("", "", "--budget", f'"{pair}"', "UNIT=AMOUNT, as euros=250000")
            )
            continue
        if unit not in units:
            faults.append(
                Fault("", "", "--budget", f'no lever costs any "{unit}"', one_of(units))
            )
        found[unit] = amount
    if faults:
        raise Faults(faults)
    return found


def chosen(levers: Levers, package: Package) -> tuple[Scenario, ...]:
    """The options a package takes."""
    return tuple(
        lever.options[number - 1]
        for lever, number in zip(levers.levers, package, strict=True)
        if number
    )


def costs(levers: Levers, package: Package) -> dict[str, float]:
    """What a package costs in each unit of account."""
    total: dict[str, float] = {}
    for option in chosen(levers, package):
        for unit, amount in option.cost.items():
            total[unit] = total.get(unit, 0.0) + amount
    return total


def affordable(levers: Levers, package: Package, budgets: Mapping[str, float]) -> bool:
    """Whether a package keeps within every budget."""
    cost = costs(levers, package)
    return all(cost.get(unit, 0.0) <= amount + 1e-9 for unit, amount in budgets.items())


def spent(levers: Levers, package: Package) -> float:
    """Only to choose among equals: the share of what everything would cost, over the units."""
    dearest: dict[str, float] = {}
    for lever in levers.levers:
        for unit in {unit for option in lever.options for unit in option.cost}:
            most = max(option.cost.get(unit, 0.0) for option in lever.options)
            dearest[unit] = dearest.get(unit, 0.0) + most
    cost = costs(levers, package)
    return sum(cost.get(unit, 0.0) / most for unit, most in dearest.items() if most)


def poorer_half(opened: FloatArray) -> float:
    """The mean of the lower half: what can be counted on when things go against us."""
    import numpy as np

    half = max(len(opened) // 2, 1)
    return float(np.sort(opened)[:half].mean())


def _ties(best: FloatArray, other: FloatArray) -> bool:
    """Whether two packages cannot be told apart: their poorer halves differ by no more than twice
    the error of the difference, future by future."""
    import numpy as np

    half = max(len(best) // 2, 1)
    worst = np.argsort(best, kind="stable")[:half]
    difference = best[worst] - other[worst]
    error = float(difference.std()) / math.sqrt(half)
    return poorer_half(best) - poorer_half(other) <= 2 * error


def climb(
    sizes: Sequence[int],
    allowed: Callable[[Package], bool],
    score: Callable[[Package], tuple[float, float]],
    progress: Callable[[str], None] = lambda text: None,
    *,
    most: int = TRIED,
) -> list[Package]:
    """Change one lever, or exchange two, while that helps; then set a few anew from the best so far
    and climb again.

    sizes    how many ways each lever has, leaving it counted
    allowed  whether a package keeps within the budgets; doing nothing does
    most     packages to be tried at most
    returns  every package tried, the best among them wherever it stands
    source   iterated local search (Lourenço, Martin and Stützle, 2003); the same every time
    """
    chance = random.Random(0).random  # noqa: S311 - the same packages every time
    tried: dict[Package, tuple[float, float]] = {}

    def value(package: Package) -> tuple[float, float]:
        if package not in tried:
            progress(f"{len(tried) + 1} packages tried")
            tried[package] = score(package)
        return tried[package]

    here = best = tuple(0 for _ in sizes)
    value(best)
    idle = 0
    while len(tried) < most and idle < IDLE:
        known = len(tried)
        better: Package | None = here
        while better is not None and len(tried) < most:
            here, better = better, None
            near = [package for package in _neighbours(here, sizes) if allowed(package)]
            for package in sorted(near, key=lambda _: chance()):
                if package not in tried and len(tried) >= most:
                    break
                if value(package) > value(here):
                    better = package
                    break
        best = max(best, better or here, key=value)
        here = _shaken(best, sizes, allowed, chance)
        idle = idle + 1 if len(tried) == known else 0
    return list(tried)


def _shaken(
    best: Package, sizes: Sequence[int], allowed: Callable[[Package], bool],
    chance: Callable[[], float],
) -> Package:  # fmt: skip
    """The package with three or four levers set anew, where that can be paid."""
    for _ in range(IDLE):
        places = sorted(range(len(sizes)), key=lambda _: chance())[: 3 + int(2 * chance())]
        found = tuple(
            int(chance() * size) if place in places else best[place]
            for place, size in enumerate(sizes)
        )
        if found != best and allowed(found):
            return found
    return best


def _neighbours(package: Package, sizes: Sequence[int]) -> list[Package]:
    """Packages in which one lever is set otherwise, or one is dropped for another."""
    found: dict[Package, None] = {}
    for place, size in enumerate(sizes):
        for number in range(size):
            one = (*package[:place], number, *package[place + 1 :])
            found[one] = None
            if not number or package[place]:
                continue
            for other, taken in enumerate(package):
                if taken and other != place:
                    found[(*one[:other], 0, *one[other + 1 :])] = None
    found.pop(package, None)
    return list(found)


def _found(
    levers: Levers, package: Package, gain: tuple[FloatArray, FloatArray, FloatArray],
    robust: float, best: float,
) -> Found:  # fmt: skip
    more, fewer, _ = gain
    cost = costs(levers, package)
    return Found(
        {
            lever.title: lever.options[number - 1].title
            for lever, number in zip(levers.levers, package, strict=True)
            if number
        },
        list(
            dict.fromkeys(
                lever.owner
                for lever, number in zip(levers.levers, package, strict=True)
                if number
            )
        ),
        cost,
        round(robust, 2),
        levels(more),
        levels(fewer),
        round(best, 4),
        cost_per_option(more, cost),
    )
