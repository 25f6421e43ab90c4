"""One unit at a time from one column to another, within every limit: compiled.

In: arrays of a `Model`, a choice and the room left in every row. Both change in place, together, so
that the room is never counted again from the whole choice.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

from numba import njit


@njit(cache=True)
def has_room(u, new, old, slot, size, klass, slots, met_start, met, met_share, slack):
    """Whether unit u may change from column old to column new (-1: unplaced) in every row."""
    for step in range(2):
        j = new if step == 0 else old
        if j < 0:
            continue
        key = klass[u] * slots + slot[j]
        for e in range(met_start[key], met_start[key + 1]):
            change = met_share[e] * size[u]
            if step == 1:
                change = -change
            other = old if step == 0 else new
            if other >= 0:
                k2 = klass[u] * slots + slot[other]
                for f in range(met_start[k2], met_start[k2 + 1]):
                    if met[f] == met[e]:
                        if step == 0:
                            change -= met_share[f] * size[u]
                        else:
                            change += met_share[f] * size[u]
            if change > 1e-9 and change > slack[met[e]] + 1e-6:
                return False
    return True


@njit(cache=True)
def move(u, new, chosen, slot, size, klass, slots, met_start, met, met_share, slack):
    old = chosen[u]
    if old >= 0:
        key = klass[u] * slots + slot[old]
        for e in range(met_start[key], met_start[key + 1]):
            slack[met[e]] += met_share[e] * size[u]
    if new >= 0:
        key = klass[u] * slots + slot[new]
        for e in range(met_start[key], met_start[key + 1]):
            slack[met[e]] -= met_share[e] * size[u]
    chosen[u] = new


@njit(cache=True)
def settle(units, columns, slot, size, klass, slots, met_start, met, met_share, slack, chosen):
    """Give units their column in turn where it fits; returns how many did not."""
    left = 0
    for i in range(len(units)):
        u, j = units[i], columns[i]
        if has_room(
            u, j, chosen[u], slot, size, klass, slots, met_start, met, met_share, slack
        ):
            move(u, j, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
        else:
            left += 1
    return left


@njit(cache=True)
def take_out(units, row, slot, size, klass, slots, met_start, met, met_share, slack, chosen):
    """Unplace units in turn until `row` is no longer overfilled; who does not count is left."""
    for u in units:
        if slack[row] >= -1e-9:
            break
        j = chosen[u]
        if j < 0:
            continue
        key = klass[u] * slots + slot[j]
        for e in range(met_start[key], met_start[key + 1]):
            if met[e] == row and met_share[e] > 0:
                move(u, -1, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
                break


@njit(cache=True)
def put_in(
    units, start, order, slot, size, klass, slots, met_start, met, met_share, slack, chosen
):
    """Give unplaced units in turn the first of their columns, in `order`, that fits."""
    most = 0.0
    for s in range(slots):
        most = max(most, slack[s])
    for u in units:
        if chosen[u] >= 0 or size[u] > most + 1e-9:
            continue
        for e in range(start[u], start[u + 1]):
            j = order[e]
            if size[u] <= slack[slot[j]] + 1e-9 and has_room(
                u, j, -1, slot, size, klass, slots, met_start, met, met_share, slack
            ):
                move(u, j, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
                most = 0.0
                for s in range(slots):
                    most = max(most, slack[s])
                break
