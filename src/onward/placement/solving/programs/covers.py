"""The cover inequality of one limit that relaxed shares break most, lifted: compiled.

Families that together overfill a limit cannot all be in it (a cover); lifting says what everybody
else weighs in that sum. In: the places of one limit, sizes and relaxed shares. Out: coefficients
that every whole filling keeps at most at the right-hand side.
Source: Kaparis and Letchford, Separation algorithms for 0-1 knapsack polytopes, 2010.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def lifted_cover(places, size, share, coefficient):
    """A cover inequality of one limit that the shares break most, lifted over all items.

    places whole; size (k,) whole persons of each item; share (k,) relaxed share of each. Fills
    coefficient (k,) and returns the right-hand side: every whole filling of the places has
    coefficient @ choice <= that. Returns -1 where the shares give no cover."""
    k = len(size)
    coefficient[:] = 0.0
    some = np.flatnonzero(share > 1e-7)
    total = 0
    for i in some:
        total += size[i]
    if total <= places:
        return -1.0
    # the items that together overfill the limit and miss least of being whole: a knapsack
    need = places + 1
    least = np.full(need + 1, 1e18)
    least[0] = 0.0
    take = np.zeros((len(some), need + 1), np.bool_)
    for a in range(len(some)):
        i = some[a]
        missing = 1.0 - share[i] + 1e-4 * size[i] / need
        for q in range(need, 0, -1):
            p = max(0, q - size[i])
            if least[p] + missing < least[q] - 1e-12:
                least[q] = least[p] + missing
                take[a, q] = True
    cover = np.zeros(k, np.bool_)
    q = need
    for a in range(len(some) - 1, -1, -1):
        if take[a, q]:
            cover[some[a]] = True
            q = max(0, q - size[some[a]])
    # drop what it does not need
    members = np.flatnonzero(cover)
    weight = 0
    for i in members:
        weight += size[i]
    for i in members[np.argsort(share[members], kind="mergesort")]:
        if weight - size[i] > places:
            cover[i] = False
            weight -= size[i]
    members = np.flatnonzero(cover)
    # members that are whole are held at one while the rest is lifted, and lifted back after
    held = np.zeros(k, np.bool_)
    count = len(members)
    room = places
    for i in members:
        if share[i] > 1 - 1e-7 and count > 2:
            held[i] = True
            count -= 1
            room -= size[i]
    never = 10**12
    lightest = np.full(4 * k + 8, never, np.int64)  # least persons for every value of the sum
    lightest[0] = 0
    top = 0
    for i in members:
        if not held[i]:
            coefficient[i] = 1.0
            for z in range(top, -1, -1):
                lightest[z + 1] = min(lightest[z + 1], lightest[z] + size[i])
            top += 1
    most = count - 1
    order = np.argsort(-share, kind="mergesort")
    for phase in range(3):
        if phase == 1:
            for i in members:
                if not held[i]:
                    continue
                room += size[i]
                z = top
                while lightest[z] > room:
                    z -= 1
                gain = z - most
                if gain > 0:
                    if top + gain >= len(lightest):
                        return -1.0
                    most += gain
                    coefficient[i] = gain
                    for y in range(top, -1, -1):
                        lightest[y + gain] = min(lightest[y + gain], lightest[y] + size[i])
                    top += gain
            continue
        for i in order:
            if cover[i] or (phase == 0) != (share[i] > 1e-7):
                continue
            z = top
            while z >= 0 and lightest[z] > room - size[i]:
                z -= 1
            if z < 0 and phase == 0:
                continue
            gain = most - max(z, 0)
            if gain > 0:
                if top + gain >= len(lightest):
                    return -1.0
                coefficient[i] = gain
                for y in range(top, -1, -1):
                    lightest[y + gain] = min(lightest[y + gain], lightest[y] + size[i])
                top += gain
    return float(most)
