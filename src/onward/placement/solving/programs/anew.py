"""Everybody who has a place goes where it does most good: in one program, then a few programmes at a time.

One program over the choices that lose least by the relaxation finds room for everybody. Then some
programmes at a time are filled anew, exactly: those of the cases that lose most by the relaxation, and
where it would have them. A program over a few programmes has some hundred choices and is soon solved. At
last one program says how good the choice in hand is: over every choice that could still matter where they
are few, else over those that lose least. In: a choice that keeps every limit, and the choices by programme. Out: a choice at least
as good and its bound.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from onward.placement.problem.model import BoolArray, FloatArray, IntArray
from onward.placement.solving.prices.choices import open_pledges
from onward.placement.solving.programs.by_programme import Choices

CASES = 85  # about so many are placed anew at once, in at least
FEWEST = 2  # programmes
NODES = 5  # of one such program: most are decided at the first
NEAR = 0.15  # what a choice may lose to be looked at, as a share of the mean value
ROUNDS = 250
MANY = 2**31 - 1  # nodes: to the end
IDLE = 60  # programs in a row that bring nothing before they end
CHOICES = (1.7, 2.0)  # of a program over all programmes, for each unit, in turn
WHOLE_NODES = 300  # of such a program: the first answers come late
LAST = 0.5  # what a choice may lose in the last program, as a share of what is missing
LAST_NODES = 2
TO_THE_END = 1_000  # choices up to which all that could still matter are looked at to the end


def place_everybody(
    all_: Choices,
    chosen: IntArray,
    bound: float,
    gap: float,
    left: Callable[[], float],
    note: Callable[[str], None],
) -> tuple[IntArray, float]:
    """A choice worth at least as much as `chosen`, which keeps every limit and every `must`; its bound.

    bound: of the relaxation by which the choices lose; left: seconds left."""
    if not open_pledges(all_.pricing.model, chosen)[1].all():
        return chosen, bound
    x = all_.state(chosen)
    units = all_.pricing.model.units
    begun, relaxed, each = float(all_.cost @ x), bound, abs(bound) / max(1, units)

    def value() -> float:
        return float(all_.cost @ x)

    def enough(got: float) -> bool:
        return bound - got <= max(gap * abs(bound), 1e-7) or left() <= 0

    def in_one(near: float, nodes: int, searches: bool = True) -> None:
        nonlocal x, bound
        found, proven = all_.take(
            x, np.ones(len(all_.kind), bool), near, nodes=nodes, gap=0.4 * gap,
            seconds=max(0.1, 0.6 * left()), target=bound - gap * abs(bound), searches=searches,
        )  # fmt: skip
        if found is not None and float(all_.cost @ found) > value():
            x = found
        # what is no part of the program loses at least so much of what the relaxation allows
        left_out = all_.loss[all_.loss > near].min(initial=np.inf)
        bound = max(value(), min(bound, max(proven, relaxed - left_out)))
        many = int(np.count_nonzero(all_.loss <= near))
        note(f"one program of {many} choices: {value():.4f} of {bound:.4f}")

    def some() -> None:
        nonlocal x
        x = _some_anew(all_, x, each, enough)
        note(f"some programmes at a time filled anew: {value():.4f}")

    for many in CHOICES:
        if not enough(value()):
            in_one(all_.nearest(round(many * units)), WHOLE_NODES)
        if not enough(value()):
            some()
    missing = relaxed - value() + 1e-7
    if not enough(value()):
        if np.count_nonzero(all_.loss <= missing) <= TO_THE_END:
            in_one(missing, MANY)
        else:
            in_one(LAST * missing, LAST_NODES, searches=False)
    return (all_.columns(x) if value() > begun else chosen), bound


def _some_anew(
    all_: Choices, x: FloatArray, mean: float, done: Callable[[float], bool]
) -> FloatArray:
    """The state after rounds in which some programmes are filled anew. mean: the value of a unit; done:
    whether so much is enough, or time has ended."""
    c = len(all_.kind)
    programmes = np.unique(all_.programme)
    each = max(1.0, float((x[:c] > 0.5).sum()) / len(programmes))
    count = int(np.clip(round(CASES / each), FEWEST, max(FEWEST, len(programmes) // 2)))
    rng = np.random.default_rng(1)
    begun = float(all_.cost @ x)
    known: dict[bytes, bytes] = {}
    idle = 0
    for _ in range(ROUNDS):
        if idle == IDLE or done(float(all_.cost @ x)):
            break
        has = x[:c] > 0.5
        some = _programmes(all_, has, count, rng)
        inside = np.isin(all_.programme, some)
        now = np.flatnonzero(has & inside).tobytes()
        idle += 1
        if known.get(some.tobytes()) == now:
            continue
        known[some.tobytes()] = now
        # what loses more than all in hand together cannot better them
        near = min(NEAR * mean, float(all_.loss[inside & has].sum()) + 1e-6)
        found, _ = all_.take(x, inside, near, nodes=NODES, gap=1e-4)
        gain = 0.0 if found is None else float(all_.cost @ (found - x))
        if found is not None and gain > 1e-9:
            x = found
            if gain > 1e-5 * begun:
                idle = 0
    return x


def _programmes(
    all_: Choices, has: BoolArray, count: int, rng: np.random.Generator
) -> IntArray:
    """So many programmes of cases that lose, drawn by what they lose, and of where they would go."""
    held = has[all_.member_choice]
    choice, unit = all_.member_choice[held], all_.member_unit[held]
    # drawn without laying back, each by its weight: the largest of these keys come first
    key = np.log(rng.random(len(choice))) / (all_.loss[choice] + 1e-9)
    some: list[int] = []
    for k in np.argsort(-key, kind="stable"):
        for programme in (all_.programme[choice[k]], all_.preferred[unit[k]]):
            if programme not in some:
                some.append(int(programme))
        if len(some) >= count:
            break
    return np.sort(np.array(some[:count], np.int64))
