"""Among equals the draw decides: whoever drew higher is placed before whoever drew lower.

Searches that look for the most persons stop when they are near their bound, and which of several
equal cases they happen to hold is an accident of their steps. Here that is put right. Units are
equal when they have the same size, count the same towards every limit and bring the same to every
aim above the draw. Each window keeps as many of them as it had, so that nothing an aim counted
and no limit changes; but which of them, and in which of these windows, follows the draw alone: in
turn, the highest first, each is let in if some arrangement of those let in before has room for it.
That is the best set by any weight that follows the draw (a transversal matroid). In: a choice, the
draw, who is equal to whom. Out: the choice with the same places, given by the draw.
Source: Edmonds and Fulkerson, Transversals and matroid partition, 1965.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model


def equals(model: Model, *worth: AnyArray) -> IntArray:
    """A number for every unit (n,), the same for units that are equal; worth: what each aim above
    the draw counts, per unit (n,) or per column (m,).

    Where an aim counts a unit otherwise in different windows, only units with the same windows
    and the same worth in each are equal by it."""
    number = np.zeros(model.units, np.int64)
    for value in (model.size, model.klass, *worth):
        if len(value) != model.units:
            seen: dict[tuple[bytes, bytes], int] = {}
            value = np.array(
                [
                    seen.setdefault(
                        (model.slot[a:b].tobytes(), value[a:b].tobytes()), len(seen)
                    )
                    for a, b in zip(model.start[:-1], model.start[1:], strict=True)
                ],
                np.int64,
            )
        _, own = np.unique(value, return_inverse=True)
        _, number = np.unique(number * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return np.asarray(number, np.int64)


@njit(cache=True)
def _let_in(units, start, slot, room, out):
    """Let units in, in turn, where some arrangement of those let in before has room for them.

    room (slots,) how many each slot takes; out (n,) the column of each of these units, or -1, is
    filled."""
    slots = len(room)
    first = np.zeros(slots + 1, np.int64)
    for s in range(slots):
        first[s + 1] = first[s] + room[s]
    there = np.empty(first[slots], np.int64)  # who is in slot s: there[first[s]:][:count[s]]
    count = np.zeros(slots, np.int64)
    full = room == 0  # for good: whoever is there can only go to slots that are full for good
    before = np.empty(slots, np.int64)
    step = np.empty(slots, np.int64)
    line = np.empty(slots, np.int64)
    for u in units:
        out[u] = -1
    for new in units:
        # the shortest line of slots: new goes to the first, somebody there to the next, and so on
        before[:] = -2
        head, tail, goal = -1, 0, -1
        while goal < 0 and head < tail:
            # who could move: the new one at first, then everybody in the next slot of the line
            here = 1 if head < 0 else count[line[head]]
            for k in range(here):
                u = new if head < 0 else there[first[line[head]] + k]
                for j in range(start[u], start[u + 1]):
                    s = slot[j]
                    if full[s] or before[s] != -2:
                        continue
                    before[s] = -1 if head < 0 else line[head]
                    step[s] = j
                    line[tail] = s
                    tail += 1
                    if count[s] < room[s]:
                        goal = s
                        break
                if goal >= 0:
                    break
            head += 1
        if goal < 0:
            for i in range(tail):
                full[line[i]] = True
            continue
        to = goal
        while to >= 0:
            come, j = before[to], step[to]
            u = new
            if come >= 0:
                for k in range(first[come], first[come] + count[come]):
                    if start[there[k]] <= j < start[there[k] + 1]:
                        u = there[k]
                        count[come] -= 1
                        there[k] = there[first[come] + count[come]]
                        break
            out[u] = j
            there[first[to] + count[to]] = u
            count[to] += 1
            to = come


@njit(cache=True)
def _each_kind(units, cut, start, slot, slots, draw, chosen, out):
    for kind in range(len(cut) - 1):
        mine = units[cut[kind] : cut[kind + 1]]
        room = np.zeros(slots, np.int64)
        lowest, highest = np.inf, -np.inf
        for u in mine:
            if chosen[u] >= 0:
                room[slot[chosen[u]]] += 1
                lowest = min(lowest, draw[u])
            else:
                highest = max(highest, draw[u])
        if highest > lowest:
            _let_in(mine, start, slot, room, out)


def follow_draw(
    model: Model, chosen: IntArray, draw: FloatArray, equal: IntArray, frozen: BoolArray
) -> IntArray:
    """The choice with the same places among equals, those who drew highest having them.

    draw (n,) decides, the higher the sooner, infinite for whoever has to be placed; equal (n,) from
    `equals`; frozen units neither come nor go."""
    units = np.flatnonzero(~frozen)
    units = units[np.lexsort((-draw[units], equal[units]))]
    cut = np.flatnonzero(np.diff(equal[units], prepend=-1, append=-1))
    out = chosen.copy()
    _each_kind(units, cut, model.start, model.slot, model.slots, draw, chosen, out)
    return out
