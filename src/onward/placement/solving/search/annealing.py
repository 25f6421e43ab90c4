"""Items change places by the million, worse changes being taken more and more rarely: compiled.

In: the arrays of `exchange.Moves`, the room left in every row, how warm to begin and a seed. Out:
the best options met on the way. The draws are a sequence of its own from the seed alone, so that
the same input gives the same answer on every machine.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _draw(state):
    """The next of a sequence of draws, as a whole number below 2**32 (xorshift64*)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(32))


@njit(cache=True)
def _below(state, n):
    return (_draw(state) * n) >> 32


@njit(cache=True)
def _option(slot, low, high, wanted):
    """The option in slot `wanted` among low:high, ordered by slot; -1: none."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if slot[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < end and slot[low] == wanted:
        return low
    return -1


@njit(cache=True)
def _make_room(
    need, out_of, to, state, size, start, slot, value, now, member, count, unplaced, slack,
    who, what, c,
):  # fmt: skip
    """Send items out of a slot to another (-1: wherever there is room) until `need` persons have
    gone, never more unless they stay unplaced; returns how many moves are listed then, or -1,
    and what they bring."""
    first = c
    delta = 0.0
    tries = 0
    while need > 1e-6:
        tries += 1
        if tries > 8 or c >= len(who) - 4 or count[out_of] == 0:
            return -1, delta
        v = member[out_of, _below(state, count[out_of])]
        if size[v] > need + 1e-6 and to != unplaced:
            continue
        if to >= 0:
            option = _option(slot, start[v], start[v + 1], to)
        else:
            option = -1
            for _ in range(12):
                o = start[v] + _below(state, start[v + 1] - start[v])
                s = slot[o]
                if s < unplaced and s != out_of and slack[s] >= size[v] - 1e-6:
                    option = o
                    break
        if option < 0:
            continue
        twice = False
        for i in range(first, c):
            if who[i] == v:
                twice = True
        if twice:
            continue
        who[c], what[c] = v, option
        c += 1
        need -= size[v]
        delta += value[option] - value[now[v]]
    return c, delta


@njit(cache=True)
def change_places(
    size,
    start,
    slot,
    value,
    entry_start,
    row,
    persons,
    slack,
    now,
    slots,
    steps,
    warm,
    cold,
    seed,
):
    """The best options found when items change places `steps` times, warm at first, then colder.

    The arrays are those of `exchange.Moves`; row s < slots counts the places of slot s, and slot
    `slots` means unplaced. slack (r,) changes in place; a change that overfills any row it
    touches is undone."""
    n = len(size)
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(7046029254386353087) + np.uint64(88172645463325252)
    for _ in range(8):
        _draw(state)
    most = np.zeros(slots + 1, np.int64)  # who can be in a slot at once
    for o in range(len(slot)):
        most[slot[o]] += 1
    member = np.full((slots + 1, max(1, most.max())), -1, np.int32)
    count = np.zeros(slots + 1, np.int64)
    position = np.zeros(n, np.int64)
    total = 0.0
    for u in range(n):
        s = slot[now[u]]
        member[s, count[s]] = u
        position[u] = count[s]
        count[s] += 1
    best, found = total, now.copy()
    changed = np.zeros(n, np.bool_)  # since the best
    list_changed = np.empty(n, np.int64)
    differ = 0
    who = np.empty(24, np.int64)
    what = np.empty(24, np.int64)
    cooling = (cold / warm) ** (1.0 / steps)
    heat = warm
    for _ in range(steps):
        heat *= cooling
        u = _below(state, n)
        a = slot[now[u]]
        o = start[u] + _below(state, start[u + 1] - start[u])
        b = slot[o]
        if a == b:
            continue
        delta = value[o] - value[now[u]]
        who[0], what[0] = u, o
        c = 1
        coming = size[u]
        kind = _below(state, 100)
        if kind < 30 and a < slots and count[a] > 1:  # another one comes along
            v = member[a, _below(state, count[a])]
            other = _option(slot, start[v], start[v + 1], b)
            if v != u and other >= 0:
                who[1], what[1] = v, other
                c = 2
                coming += size[v]
                delta += value[other] - value[now[v]]
        if b < slots and coming > slack[b] + 1e-6:
            third = -1
            to = a
            if a == slots and _below(state, 100) < 50:
                to = -1
            elif _below(state, 100) < 30:
                third = _below(state, slots + 1)
                if third in (a, b):
                    third = -1
                else:
                    to = third
            listed = c
            c, more = _make_room(
                coming - slack[b], b, to, state, size, start, slot, value, now, member, count,
                slots, slack, who, what, c,
            )  # fmt: skip
            if c < 0:
                continue
            delta += more
            if 0 <= third < slots:
                gone = 0
                for i in range(listed, c):
                    gone += size[who[i]]
                c, more = _make_room(
                    gone - slack[third], third, a, state, size, start, slot, value, now,
                    member, count, slots, slack, who, what, c,
                )  # fmt: skip
                if c < 0:
                    continue
                delta += more
        if delta < 0.0 and _draw(state) >= np.exp(delta / heat) * 4294967296.0:
            continue
        for i in range(c):
            p = now[who[i]]
            for e in range(entry_start[p], entry_start[p + 1]):
                slack[row[e]] += persons[e]
            p = what[i]
            for e in range(entry_start[p], entry_start[p + 1]):
                slack[row[e]] -= persons[e]
        fits = True
        for i in range(c):
            for p in (now[who[i]], what[i]):
                for e in range(entry_start[p], entry_start[p + 1]):
                    if slack[row[e]] < -1e-6:
                        fits = False
        if not fits:
            for i in range(c):
                p = now[who[i]]
                for e in range(entry_start[p], entry_start[p + 1]):
                    slack[row[e]] -= persons[e]
                p = what[i]
                for e in range(entry_start[p], entry_start[p + 1]):
                    slack[row[e]] += persons[e]
            continue
        for i in range(c):
            v = who[i]
            s = slot[now[v]]
            last = member[s, count[s] - 1]
            member[s, position[v]] = last
            position[last] = position[v]
            count[s] -= 1
            s = slot[what[i]]
            member[s, count[s]] = v
            position[v] = count[s]
            count[s] += 1
            now[v] = what[i]
            if not changed[v]:
                changed[v] = True
                list_changed[differ] = v
                differ += 1
        total += delta
        if total > best + 1e-9:
            best = total
            for i in range(differ):
                v = list_changed[i]
                found[v] = now[v]
                changed[v] = False
            differ = 0
    return found
