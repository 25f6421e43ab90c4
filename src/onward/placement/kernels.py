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
                    if not count_only:
                        columns[e + q] = lo
                        units[e + q] = u
                else:
                    break
            if found == k:
                if not count_only:
                    columns[e] = j0
                    units[e] = u0
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
def _fits(u, new, old, slot, size, klass, slots, met_start, met, met_share, slack):
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
def _move(u, new, chosen, slot, size, klass, slots, met_start, met, met_share, slack):
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
                if not must[u] and _fits(
                    u, -1, j, slot, size, klass, slots, met_start, met, met_share, slack
                ):
                    stay, out = 0.0, -1
                for q in range(start[u], start[u + 1]):
                    if q != j:
                        w = value[q] - alpha * persons * cell[klass[u], slot[q]]
                        if w > stay and _fits(
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
                room = _fits(
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
                if not _fits(
                    u, out, j, slot, size, klass, slots, met_start, met, met_share, slack
                ):
                    if must[u] or not _fits(
                        u, -1, j, slot, size, klass, slots, met_start, met, met_share, slack
                    ):
                        continue
                    out = -1
                _move(
                    u, out, chosen, slot, size, klass, slots, met_start, met, met_share, slack
                )
                moves += 1
        for i in range(count):
            u, j = near_unit[picked[i]], near_column[picked[i]]
            if (
                chosen[u] != j
                and inside[i]
                and _fits(
                    u, j, chosen[u], slot, size, klass, slots, met_start, met, met_share, slack
                )
            ):
                _move(u, j, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
                moves += 1
    return moves


@njit(cache=True)
def settle(units, columns, slot, size, klass, slots, met_start, met, met_share, slack, chosen):
    """Give units their column in turn where it fits; returns how many did not."""
    left = 0
    for i in range(len(units)):
        u, j = units[i], columns[i]
        if _fits(u, j, chosen[u], slot, size, klass, slots, met_start, met, met_share, slack):
            _move(u, j, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
        else:
            left += 1
    return left


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
                _move(u, -1, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
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
            if size[u] <= slack[slot[j]] + 1e-9 and _fits(
                u, j, -1, slot, size, klass, slots, met_start, met, met_share, slack
            ):
                _move(u, j, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
                most = 0.0
                for s in range(slots):
                    most = max(most, slack[s])
                break


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
