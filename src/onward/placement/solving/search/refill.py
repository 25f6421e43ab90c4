"""One slot after another is refilled by an exact knapsack: compiled.

In: a choice that keeps every limit, prices of places, the columns at the margin by slot. The
choice changes in place. Whoever leaves a slot goes to the best other place with room, or to none.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit

from onward.placement.solving.search.moving import has_room, move


@njit(cache=True)
def refill(
    start,
    slot,
    value,
    size,
    klass,
    cell,
    must,
    frozen,
    met_start,
    met,
    met_share,
    slack,
    near_start,
    near_column,
    near_unit,
    chosen,
    alpha,
    order,
):
    """Refill one slot after another, each exactly; returns how many units moved.

    For one slot, all marginal cases in it and all that could come are weighed at once by a
    knapsack over its free places; places left anywhere else count `alpha` times their price.
    Row s of the problem holds the places of slot s. near_start (slots+1,), near_column and
    near_unit list the marginal columns by slot. chosen (n,) and slack (r,) change in place, and
    every single move is checked against every row."""
    slots = cell.shape[1]
    most, longest = 140, 300
    moves = 0
    table = np.empty(longest + 1)
    take = np.empty((most, longest + 1), np.bool_)
    for s in order:
        lo, hi = near_start[s], near_start[s + 1]
        gains = np.empty(hi - lo)
        outs = np.full(hi - lo, -1)
        keep = np.zeros(hi - lo, np.bool_)
        for e in range(lo, hi):
            u, j = near_unit[e], near_column[e]
            if frozen[u]:
                continue
            now = chosen[u]
            persons = size[u]
            if now == j:
                stay = -np.inf
                out = -2
                if not must[u] and has_room(
                    u, -1, j, slot, size, klass, slots, met_start, met, met_share, slack
                ):
                    stay, out = 0.0, -1
                for q in range(start[u], start[u + 1]):
                    if q != j:
                        w = value[q] - alpha * persons * cell[klass[u], slot[q]]
                        if w > stay and has_room(
                            u, q, j, slot, size, klass, slots, met_start, met, met_share, slack
                        ):
                            stay, out = w, q
                if out == -2:
                    continue
                outs[e - lo] = out
            else:
                # whoever has to be placed and is not yet comes before everybody else
                stay = -1e4 * persons if must[u] else 0.0
                if now >= 0:
                    stay = value[now] - alpha * persons * cell[klass[u], slot[now]]
                # room is asked of every row but the places of this slot
                spare = slack[s]
                slack[s] = 1e18
                room = has_room(
                    u, j, now, slot, size, klass, slots, met_start, met, met_share, slack
                )
                slack[s] = spare
                if not room:
                    continue
            gains[e - lo] = value[j] - alpha * persons * cell[klass[u], s] - stay
            keep[e - lo] = True
        index = np.flatnonzero(keep)
        if len(index) == 0:
            continue
        per = np.empty(len(index))
        for i in range(len(index)):
            e = lo + index[i]
            per[i] = abs(gains[index[i]]) / size[near_unit[e]]
            # whoever would gain by coming is looked at before those at the margin
            if gains[index[i]] > 0 and chosen[near_unit[e]] != near_column[e]:
                per[i] = -per[i]
        index = index[np.argsort(per, kind="mergesort")]
        room_for = int(slack[s] + 1e-6)
        if room_for > longest or room_for < 0:
            continue
        count = 0
        picked = np.empty(most, np.int64)
        for k in index:
            if count == most:
                break
            e = lo + k
            if chosen[near_unit[e]] == near_column[e]:
                if room_for + size[near_unit[e]] > longest:
                    continue
                room_for += size[near_unit[e]]
            picked[count] = e
            count += 1
        table[: room_for + 1] = 0.0
        for i in range(count):
            persons = size[near_unit[picked[i]]]
            g = gains[picked[i] - lo]
            for c in range(room_for, -1, -1):
                take[i, c] = False
                if c >= persons and table[c - persons] + g > table[c] + 1e-12:
                    table[c] = table[c - persons] + g
                    take[i, c] = True
        c = room_for
        inside = np.zeros(count, np.bool_)
        for i in range(count - 1, -1, -1):
            if take[i, c]:
                inside[i] = True
                c -= size[near_unit[picked[i]]]
        for i in range(count):
            u, j = near_unit[picked[i]], near_column[picked[i]]
            if chosen[u] == j and not inside[i]:
                out = outs[picked[i] - lo]
                if not has_room(
                    u, out, j, slot, size, klass, slots, met_start, met, met_share, slack
                ):
                    if must[u] or not has_room(
                        u, -1, j, slot, size, klass, slots, met_start, met, met_share, slack
                    ):
                        continue
                    out = -1
                move(u, out, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
                moves += 1
        for i in range(count):
            u, j = near_unit[picked[i]], near_column[picked[i]]
            if (
                chosen[u] != j
                and inside[i]
                and has_room(
                    u, j, chosen[u], slot, size, klass, slots, met_start, met, met_share, slack
                )
            ):
                move(u, j, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
                moves += 1
    return moves
