"""The inner loops of pricing, compiled: what every unit would choose at given prices.

Pricing a million cases is one independent look per case at its own choices, which is why the
large problems are solved by prices and why this part could be a map over cases on a cluster.
In: arrays of a `Model` and the price per person of each class in each slot. Out: best choice,
its value, the lead over the second best, and the persons that these choices bring to each cell.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit, prange

BLOCKS = 64


@njit(parallel=True, cache=True, fastmath=False)
def best_choices(start, slot, value, size, klass, price, must, best, first, second):
    """For each unit the best column (-1: stay unplaced) and the two best values at `price`.

    start (n+1,) slot (m,) value (m,) size (n,) klass (n,) price (classes, slots) must (n,)
    best (n,) int64, first (n,), second (n,) are filled. Second is -inf when there is none."""
    n = len(size)
    for block in prange(BLOCKS):
        for u in range(n * block // BLOCKS, n * (block + 1) // BLOCKS):
            top, next_top, at = 0.0, -np.inf, -1
            if must[u]:
                top = -np.inf
            persons = size[u]
            row = price[klass[u]]
            for j in range(start[u], start[u + 1]):
                worth = value[j] - persons * row[slot[j]]
                if worth > top:
                    next_top, top, at = top, worth, j
                elif worth > next_top:
                    next_top = worth
            best[u] = at
            first[u] = top
            second[u] = next_top


@njit(cache=True)
def demand(slot, size, klass, best, cells):
    """Persons by (class, slot) when every unit takes `best`; cells (classes, slots) is filled."""
    cells[:] = 0.0
    for u in range(len(best)):
        if best[u] >= 0:
            cells[klass[u], slot[best[u]]] += size[u]


@njit(cache=True)
def best_bundles(
    bundle_group,
    bundle_start,
    bundle_column,
    bundle_unit,
    bonus,
    slot,
    value,
    size,
    klass,
    price,
    at,
    worth,
):
    """For each group the best bundle (all members in one slot): its index and value."""
    at[:] = -1
    worth[:] = -np.inf
    for b in range(len(bundle_group)):
        total = bonus[b]
        for e in range(bundle_start[b], bundle_start[b + 1]):
            u, j = bundle_unit[e], bundle_column[e]
            total += value[j] - size[u] * price[klass[u], slot[j]]
        g = bundle_group[b]
        if total > worth[g]:
            worth[g] = total
            at[g] = b


@njit(parallel=True, cache=True)
def count_near(start, slot, value, size, klass, price, first, lead, near):
    """How many columns of each unit lie within lead[u] of its best value."""
    n = len(size)
    for block in prange(BLOCKS):
        for u in range(n * block // BLOCKS, n * (block + 1) // BLOCKS):
            count = 0
            if lead[u] >= 0:
                row = price[klass[u]]
                least = first[u] - lead[u]
                for j in range(start[u], start[u + 1]):
                    if value[j] - size[u] * row[slot[j]] >= least:
                        count += 1
            near[u] = count


@njit(cache=True)
def list_near(start, slot, value, size, klass, price, first, lead, out):
    """The columns `count_near` counted, in order."""
    k = 0
    for u in range(len(size)):
        if lead[u] >= 0:
            row = price[klass[u]]
            least = first[u] - lead[u]
            for j in range(start[u], start[u + 1]):
                if value[j] - size[u] * row[slot[j]] >= least:
                    out[k] = j
                    k += 1


@njit(cache=True)
def common_slots(
    group_start, group_member, start, slot, count_only, group_of, first_of, columns, units
):
    """Every (group, slot) all members can take: fills group, offsets, columns and units."""
    b, e = 0, 0
    longest = 1
    for g in range(len(group_start) - 1):
        longest = max(longest, group_start[g + 1] - group_start[g])
    there = np.empty(longest, np.int64)  # the column of each member, until all are found
    for g in range(len(group_start) - 1):
        u0 = group_member[group_start[g]]
        k = group_start[g + 1] - group_start[g]
        for j0 in range(start[u0], start[u0 + 1]):
            found = 1
            for q in range(1, k):
                u = group_member[group_start[g] + q]
                lo, hi = start[u], start[u + 1]
                while lo < hi:
                    mid = (lo + hi) // 2
                    if slot[mid] < slot[j0]:
                        lo = mid + 1
                    else:
                        hi = mid
                if lo < start[u + 1] and slot[lo] == slot[j0]:
                    found += 1
                    there[q] = lo
                else:
                    break
            if found == k:
                if not count_only:
                    there[0] = j0
                    for q in range(k):
                        columns[e + q] = there[q]
                        units[e + q] = group_member[group_start[g] + q]
                    group_of[b] = g
                    first_of[b] = e
                b += 1
                e += k
    return b, e


@njit(parallel=True, cache=True)
def soft_choices(start, slot, value, size, klass, price, must, skip, longest, softness, cells):
    """The smoothed bound: each unit spreads over choices by exp(worth / (softness * persons)).

    cells (BLOCKS, classes, slots) is filled with the persons brought to each cell; units marked
    in skip are left out; longest: the most choices of one unit. Returns the smoothed value of
    all units."""
    n = len(size)
    totals = np.zeros(BLOCKS)
    for block in prange(BLOCKS):
        mine = cells[block]
        mine[:] = 0.0
        total = 0.0
        worths = np.empty(longest)
        shares = np.empty(longest)
        near = np.empty(longest, np.int64)
        for u in range(n * block // BLOCKS, n * (block + 1) // BLOCKS):
            if skip[u]:
                continue
            top = -np.inf if must[u] else 0.0
            persons = size[u]
            row = price[klass[u]]
            first = start[u]
            many = start[u + 1] - first
            for k in range(many):
                worth = value[first + k] - persons * row[slot[first + k]]
                worths[k] = worth
                if worth > top:
                    top = worth
            scale = softness * persons
            least = top - 12.0 * scale
            mass = 0.0
            if not must[u] and least < 0.0:
                mass = np.exp(-top / scale)
            found = 0
            for k in range(many):
                if worths[k] > least:
                    share = np.exp((worths[k] - top) / scale)
                    mass += share
                    near[found] = slot[first + k]
                    shares[found] = share
                    found += 1
            if found:
                brought = mine[klass[u]]
                each = persons / mass
                for k in range(found):
                    brought[near[k]] += each * shares[k]
            if mass > 0.0:
                total += top + scale * np.log(mass)
        totals[block] = total
    return totals.sum()


@njit(cache=True)
def soft_groups(
    group_start,
    group_member,
    bundle_group,
    bundle_start,
    bundle_column,
    bundle_unit,
    bonus,
    start,
    slot,
    value,
    size,
    klass,
    price,
    must,
    softness,
):
    """The smoothed bound of linked groups: soft over together in a slot or each on its own.

    Returns the value and the persons brought to each (class, slot)."""
    cells = np.zeros(price.shape)
    total = 0.0
    b = 0
    for g in range(len(group_start) - 1):
        members = group_member[group_start[g] : group_start[g + 1]]
        apart = 0.0
        persons = 0.0
        for u in members:
            top = -np.inf if must[u] else 0.0
            for j in range(start[u], start[u + 1]):
                worth = value[j] - size[u] * price[klass[u], slot[j]]
                if worth > top:
                    top = worth
            apart += top
            persons += size[u]
        scale = softness * persons
        first = b
        best = apart
        while b < len(bundle_group) and bundle_group[b] == g:
            worth = bonus[b]
            for e in range(bundle_start[b], bundle_start[b + 1]):
                u, j = bundle_unit[e], bundle_column[e]
                worth += value[j] - size[u] * price[klass[u], slot[j]]
            if worth > best:
                best = worth
            b += 1
        mass = np.exp((apart - best) / scale)
        for q in range(first, b):
            worth = bonus[q]
            for e in range(bundle_start[q], bundle_start[q + 1]):
                u, j = bundle_unit[e], bundle_column[e]
                worth += value[j] - size[u] * price[klass[u], slot[j]]
            mass += np.exp((worth - best) / scale)
        for q in range(first, b):
            worth = bonus[q]
            for e in range(bundle_start[q], bundle_start[q + 1]):
                u, j = bundle_unit[e], bundle_column[e]
                worth += value[j] - size[u] * price[klass[u], slot[j]]
            share = np.exp((worth - best) / scale) / mass
            if share > 1e-6:
                for e in range(bundle_start[q], bundle_start[q + 1]):
                    u, j = bundle_unit[e], bundle_column[e]
                    cells[klass[u], slot[j]] += share * size[u]
        alone = np.exp((apart - best) / scale) / mass
        total += best + scale * np.log(mass) + 0.0
        if alone > 1e-6:
            for u in members:
                top = -np.inf if must[u] else 0.0
                for j in range(start[u], start[u + 1]):
                    worth = value[j] - size[u] * price[klass[u], slot[j]]
                    if worth > top:
                        top = worth
                own = softness * size[u]
                sum_ = 0.0 if must[u] else np.exp(-top / own)
                for j in range(start[u], start[u + 1]):
                    worth = value[j] - size[u] * price[klass[u], slot[j]]
                    sum_ += np.exp((worth - top) / own)
                for j in range(start[u], start[u + 1]):
                    worth = value[j] - size[u] * price[klass[u], slot[j]]
                    cells[klass[u], slot[j]] += (
                        alone * size[u] * np.exp((worth - top) / own) / sum_
                    )
    return total, cells


@njit(cache=True)
def spread_choices(
    start, slot, value, size, klass, price, must, softness, owed, owed_class, chosen
):
    """One choice per unit, so that slots receive what the smoothed choices bring them.

    Where choices are as good as equal, all taking the first would overfill it. Units are taken
    in turn; each adds its smoothed shares to what every slot is owed (slots + 1: the last is
    staying unplaced), by everybody and by its class, and takes the near choice that is owed
    most: places bind everybody, caps and earmarks a class."""
    slots = len(owed) - 1
    for u in range(len(size)):
        top = -np.inf if must[u] else 0.0
        persons = size[u]
        row = price[klass[u]]
        mine = owed_class[klass[u]]
        for j in range(start[u], start[u + 1]):
            worth = value[j] - persons * row[slot[j]]
            if worth > top:
                top = worth
        scale = softness * persons
        least = top - 7.0 * scale
        mass = 0.0
        if not must[u] and least < 0.0:
            mass = np.exp(-top / scale)
        alone = mass
        near = 0
        for j in range(start[u], start[u + 1]):
            worth = value[j] - persons * row[slot[j]]
            if worth > least:
                mass += np.exp((worth - top) / scale)
                near += 1
        most = -np.inf
        at = -1
        if alone > 0.0:
            owed[slots] += persons * alone / mass
            mine[slots] += persons * alone / mass
            most = owed[slots] + mine[slots]
        for j in range(start[u], start[u + 1]):
            worth = value[j] - persons * row[slot[j]]
            if worth > least:
                s = slot[j]
                share = persons * np.exp((worth - top) / scale) / mass
                owed[s] += share
                mine[s] += share
                if owed[s] + mine[s] > most:
                    most = owed[s] + mine[s]
                    at = j
        chosen[u] = at
        if at >= 0:
            owed[slot[at]] -= persons
            mine[slot[at]] -= persons
        elif most > -np.inf:
            owed[slots] -= persons
            mine[slots] -= persons
