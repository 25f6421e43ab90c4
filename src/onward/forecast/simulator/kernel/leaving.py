"""Who leaves which group on a day: the second part of the general kernel.

Exists because on most days nobody leaves most groups. `stirring` asks every group of LANES futures
at once whether anybody moves in it, in vector code; `work_out` works the few out one group of one
future at a time, by competing hazards, unit by unit. Goes in: hazards, factors, counts, keys. Comes
out: the counts without those who left, what is on its way to which cell, and what asks for a place.
"""

from __future__ import annotations

import math

import numpy as np

from onward.forecast.simulator.kernel.chance import (
    DAY,
    FEW,
    GOLD,
    SINGLE,
    SIZE,
    SMALL,
    SPLIT,
    STAGE,
    TINY,
    binomial,
    cell_key,
    compiled,
    em1,
    hypergeometric,
    leavers,
    uniform,
)
from onward.forecast.simulator.kernel.factors import LANES, WIDE

EVEN = 1.0 / 3.0  # hazard up to which a way's chance among those left is below a half


@compiled()
def split_by_size(units, count, at, width, left, give, key):  # type: ignore[no-untyped-def]
    """Which sizes `units` leavers have, all units of the group being alike.

    count   units present by size, from `at` on, reduced in place;  left  their sum
    give    (width,) filled with the leavers by size
    """
    if units <= FEW:
        for z in range(width):
            give[z] = 0.0
        for i in range(int(units)):
            y = uniform(key + np.uint64(i) * GOLD) * left
            z = 0
            while z < width - 1 and y >= count[at + z * LANES]:
                y -= count[at + z * LANES]
                z += 1
            while count[at + z * LANES] <= 0.0:
                z -= 1
            count[at + z * LANES] -= 1.0
            give[z] += 1.0
            left -= 1.0
        return
    for z in range(width):
        if units <= 0.0:
            give[z] = 0.0
            continue
        c = at + z * LANES
        rest = left - count[c]
        x = hypergeometric(count[c], rest, units, key + np.uint64(z) * GOLD)
        give[z] = x
        left = rest
        count[c] -= x
        units -= x


@compiled()
def at_least_one(n, hazard, key):  # type: ignore[no-untyped-def]
    """How many of n clocks of this hazard ring within a step, given that one does."""
    m = n * hazard
    if m < SMALL:
        r = math.exp(-m)
        u = uniform(key) * (1.0 - r)
        r *= em1(hazard) * n
        k = 1.0
        while u >= r and r > TINY:
            u -= r
            r *= em1(hazard) * (n - k) / (k + 1.0)
            k += 1.0
        return min(k, n)
    k = 0.0
    while k == 0.0:
        k = binomial(n, -math.expm1(-hazard), key)
        key += GOLD
    return k


@compiled()
def first_of(hazard, advance, phases_left, key):  # type: ignore[no-untyped-def]
    """When one unit leaves by itself (1: another way out, 2: its stages are passed), and how.

    hazard   of the ways that need no stages;  advance  of passing one stage
    returns  (time in steps, 1 or 2)
    """
    when = math.inf
    if hazard > 0.0:
        when = -math.log(1.0 - uniform(key)) / hazard
    if phases_left > 0 and advance > 0.0:
        done = 0.0
        for i in range(phases_left):
            done -= math.log(1.0 - uniform(key + np.uint64(i + 1) * STAGE)) / advance
        if done < when:
            return done, 2
    return when, 1


@compiled(forceinline=True)
def arrive(c, units, inflow, touched, n):  # type: ignore[no-untyped-def]
    """Units on their way to a cell, which they reach at the end of the step."""
    if inflow[c] == 0.0:
        touched[n] = c
        n += 1
    inflow[c] += units
    return n


@compiled()
def stirring(  # type: ignore[no-untyped-def]
    keyed, step, g_key, g_cell, g_width, g_entry, g_phases_left, x_entry, e_combo, e_key, rate,
    combo, whole_group, here, count, dies, bears, ever, key, n_sizes, live, w, flag, found,
):  # fmt: skip
    """In which groups of which lanes anybody may move, into `found` (group * LANES + lane).

    Nobody moves in the others: a uniform below 1 - (units x hazard) is below P(nobody).
    w   (2 x lanes) working rows
    """
    n = 0
    for g in range(len(g_cell)):
        if not ever[g]:
            continue
        o = np.uint64(g) * WIDE
        e0, e1 = g_entry[g], g_entry[g + 1]
        some = 0
        if g_phases_left[g] > 0:
            # somebody passes a stage on nearly every day
            for lane in range(WIDE):
                flag[lane] = 1 if whole_group[o + lane] > 0.0 else 0
                some += flag[lane]
        else:
            label = cell_key(g_key[g], step)
            for lane in range(WIDE):
                w[lane] = 0.0
                flag[lane] = 0
            for e in range(e0, e1):
                o1 = np.uint64(e) * WIDE
                o2 = np.uint64(e_combo[e]) * WIDE
                for lane in range(WIDE):
                    w[lane] += rate[o1 + lane] * combo[o2 + lane]
            if keyed:
                for lane in range(WIDE):
                    h = w[lane]
                    flag[lane] = 1 if (h > EVEN) & (whole_group[o + lane] > 0.0) else 0
                    w[WIDE + lane] = whole_group[o + lane] / (1.0 - min(h, EVEN))
                for e in range(e0, e1):
                    o1 = np.uint64(e) * WIDE
                    o2 = np.uint64(e_combo[e]) * WIDE
                    way = label + e_key[e]
                    for lane in range(WIDE):
                        m = w[WIDE + lane] * (rate[o1 + lane] * combo[o2 + lane])
                        flag[lane] |= 1 if uniform(key[lane] + way) >= 1.0 - m else 0
                for lane in range(WIDE):
                    some += flag[lane]
            else:
                for lane in range(WIDE):
                    m = whole_group[o + lane] * w[lane]
                    flag[lane] = 1 if uniform(key[lane] + label) >= 1.0 - m else 0
                    some += flag[lane]
            if x_entry[g + 1] > x_entry[g]:
                c0 = g_cell[g]
                width = g_width[g]
                if width == n_sizes:
                    # a family of the largest size has no further child
                    row = np.uint64(c0 // n_sizes) * WIDE
                    last = np.uint64(c0 + width - 1) * WIDE
                    for lane in range(WIDE):
                        grown = here[row + lane] - count[last + lane] * n_sizes
                        w[lane] = dies[o + lane] * here[row + lane] + bears[o + lane] * grown
                else:
                    for lane in range(WIDE):
                        w[lane] = 0.0
                    for z in range(width):
                        zz = z + c0 % n_sizes
                        o1 = np.uint64(c0 + z) * WIDE
                        may = 1.0 if zz + 1 < n_sizes else 0.0
                        for lane in range(WIDE):
                            own = dies[o + lane] + may * bears[o + lane]
                            w[lane] += count[o1 + lane] * own * (zz + 1)
                some = 0
                for lane in range(WIDE):
                    flag[lane] |= (
                        1 if uniform(key[lane] + label + SINGLE) >= 1.0 - w[lane] else 0
                    )
                    some += flag[lane]
        if some == 0:
            continue
        for lane in range(live):
            found[n] = g * LANES + lane
            n += flag[lane]
    return n


@compiled(forceinline=True)
def one_person(  # type: ignore[no-untyped-def]
    lane, e_caps, e_combo, e_staged, e_to, e_transition, g_stages, g_stratum, x_change, x_combo,
    x_fixed, x_number, x_to, x_transition, c0, width, n_sizes, n_strata, e0, e1, x0, x1, g,
    phases_left, death, birth, single, u, silent, total, n_touched, rate, combo, num, count, inflow,
    touched, moved, e_slot, want, asked, n_demands,
):  # fmt: skip
    """Deaths and births of a group in which at least one clock rings: who, in which size, and
    whether the unit leaves before. Returns what changed: units left, cells touched."""
    # what is left of the uniform says in which size a clock rings first
    u = min((u - silent) / (1.0 - silent), 0.9999999999999999)
    u *= 1.0 - silent
    quiet = 0.0
    found = False
    for z in range(width):
        zz = z + c0 % n_sizes
        own = death + (birth if zz + 1 < n_sizes else 0.0)
        d = own * (zz + 1)
        alive = count[(c0 + z) * LANES + lane]
        if alive <= 0.0 or d <= 0.0:
            continue
        quiet += alive * d
        single += SIZE
        if not found and u >= -math.expm1(-quiet):
            continue
        if found:
            k_rings, _ = leavers(alive, d, single)
        else:
            k_rings = at_least_one(alive, d, single)
        found = True
        for i in range(int(k_rings)):
            one_key = single + np.uint64(i + 1) * DAY
            rings = -math.log1p(
                uniform(one_key) * math.expm1(-d)
            ) / d  # fmt: skip
            staged_rate = 0.0
            free_rate = 0.0
            for e in range(e0, e1):
                h = rate[e * LANES + lane] * combo[e_combo[e] * LANES + lane]
                if phases_left > 0 and e_staged[e]:
                    staged_rate += h
                else:
                    free_rate += h
            when, how = first_of(
                free_rate, staged_rate * g_stages[g], phases_left,
                one_key + SPLIT,
            )  # fmt: skip
            count[(c0 + z) * LANES + lane] -= 1.0
            total -= 1.0
            y = uniform(one_key + GOLD)
            if when >= rings:
                y *= death + (birth if zz + 1 < n_sizes else 0.0)
                j = x0
                for i2 in range(x0, x1):
                    if x_change[i2] > 0 and zz + 1 >= n_sizes:
                        continue
                    h = x_fixed[i2] * combo[x_combo[i2] * LANES + lane]
                    if x_number[i2] >= 0:
                        h *= num[x_number[i2] * LANES + lane]
                    if h <= 0.0:
                        continue
                    j = i2
                    if y < h:
                        break
                    y -= h
                c = c0 + z + x_change[j]
                if x_change[j] < 0 and zz == 0:
                    c = x_to[j]
                n_touched = arrive(c * LANES + lane, 1.0, inflow, touched, n_touched)
                moved[(x_transition[j] * n_strata + g_stratum[g]) * LANES + lane] += 1.0
                continue
            y *= staged_rate if how == 2 else free_rate
            j = e0
            for e in range(e0, e1):
                ends = 1 if phases_left > 0 and e_staged[e] else 0
                if ends != how - 1:
                    continue
                h = rate[e * LANES + lane] * combo[e_combo[e] * LANES + lane]
                if h <= 0.0:
                    continue
                j = e
                if y < h:
                    break
                y -= h
            if e_caps[j, 0] >= 0:
                # in full here: as a function it would count references to its arrays
                slot = e_slot[j] + z
                if want[slot * LANES + lane] == 0.0:
                    asked[lane, n_demands[lane]] = slot
                    n_demands[lane] += 1
                want[slot * LANES + lane] += 1.0
            else:
                c = (e_to[j] + z) * LANES + lane
                n_touched = arrive(c, 1.0, inflow, touched, n_touched)
                moved[(e_transition[j] * n_strata + g_stratum[g]) * LANES + lane] += zz + 1
    return total, n_touched


@compiled(keep=True)
def work_out(  # type: ignore[no-untyped-def]
    found, n_found, keyed, step, g_key, g_cell, g_width, g_entry, g_phases_left, g_stages,
    g_stratum, g_first, x_entry, x_transition, x_to, x_fixed, x_number, x_combo, x_change,
    e_transition, e_to, e_combo, e_staged, e_caps, e_key, size, n_sizes, n_strata, rate, combo,
    num, dies, bears, key, whole_group, here, count, inflow, touched, moved, passing, edge, give,
    e_slot, want, asked, n_demands,
):  # fmt: skip
    """Who leaves each group in which anybody may move, by competing hazards; returns how many
    cells have arrivals.

    passing   (groups x lanes x 4) of the states with stages: chances of the day, worked out for the
              first stage met and kept for the others
    """
    stratum_cells = n_strata * n_sizes
    n_touched = np.int64(0)
    for i_found in range(n_found):
        g = found[i_found] // LANES
        lane = found[i_found] % LANES
        total = whole_group[g * LANES + lane]
        if total <= 0.0:
            continue
        c0 = g_cell[g]
        width = g_width[g]
        e0, e1 = g_entry[g], g_entry[g + 1]
        base = key[lane] + cell_key(g_key[g], step)
        hazard = 0.0
        advance = 0.0
        c_none = 0.0
        c_fewer = 0.0
        phases_left = g_phases_left[g]
        if phases_left == 0:
            for e in range(e0, e1):
                hazard += rate[e * LANES + lane] * combo[e_combo[e] * LANES + lane]
                edge[e - e0] = hazard
            scale = hazard
        else:
            done_rate = 0.0
            other = 0.0
            for e in range(e0, e1):
                h = rate[e * LANES + lane] * combo[e_combo[e] * LANES + lane]
                edge[e - e0] = h
                if e_staged[e]:
                    done_rate += h
                else:
                    other += h
            advance = done_rate * g_stages[g]
            kept = (g_first[g] * LANES + lane) * 4
            if passing[kept] != advance or passing[kept + 1] != other:
                passing[kept] = advance
                passing[kept + 1] = other
                passing[kept + 2] = math.exp(-advance)
                passing[kept + 3] = math.exp(-other)
            c_none = passing[kept + 2]
            out = passing[kept + 3]
            both = advance + other
            p_fewer = 1.0  # P(fewer stages passed than are left), no other exit
            q_fewer = 1.0
            a = 1.0
            b_ = 1.0
            for j in range(1, phases_left):
                a *= advance / j
                b_ *= both / j
                p_fewer += a
                q_fewer += b_
            c_fewer = p_fewer * c_none
            stays = c_fewer * out
            # of most groups nobody leaves: a uniform below 1 - (units x chance) is below P(nobody)
            leaves = total * (1.0 - stays)
            still = True
            if keyed:
                for e in range(e0, e1):
                    if stays < 2.0 / 3.0 or uniform(base + e_key[e]) >= 1.0 - leaves / stays:
                        still = False
            else:
                still = uniform(base) < 1.0 - leaves
            complete = 0.0
            if advance > 0.0 and not still:
                complete = (advance / both) ** phases_left * max(
                    1.0 - q_fewer * c_none * out, 0.0
                )
            scale = 0.0
            if not still:
                leave = max(1.0 - stays - complete, 0.0)
                hazard = -math.log(max(stays, 1e-300))
                for e in range(e0, e1):
                    h = edge[e - e0]
                    if e_staged[e]:
                        scale += complete * h / done_rate if done_rate > 0.0 else 0.0
                    else:
                        scale += leave * h / other if other > 0.0 else 0.0
                    edge[e - e0] = scale
        here_row = (c0 // n_sizes) * LANES + lane
        # one person of a unit: deaths and births, whose clock runs per person. First whose clock
        # rings in this step, then whether the unit leaves before that
        x0, x1 = x_entry[g], x_entry[g + 1]
        if x1 > x0:
            death = dies[g * LANES + lane]
            birth = bears[g * LANES + lane]
            ringing = 0.0
            if width == n_sizes:
                # a family of the largest size has no further child
                grown = here[here_row] - count[(c0 + width - 1) * LANES + lane] * n_sizes
                ringing = death * here[here_row] + birth * grown
            else:
                for z in range(width):
                    zz = z + c0 % n_sizes
                    own = death + (birth if zz + 1 < n_sizes else 0.0)
                    ringing += count[(c0 + z) * LANES + lane] * own * (zz + 1)
            single = base + SINGLE
            u = uniform(single) if ringing > 0.0 else 0.0
            silent = 1.0
            if u >= 1.0 - ringing:
                silent = math.exp(-ringing)
            if ringing > 0.0 and u >= silent:
                total, n_touched = one_person(
                    lane, e_caps, e_combo, e_staged, e_to, e_transition, g_stages, g_stratum,
                    x_change, x_combo, x_fixed, x_number, x_to, x_transition, c0, width, n_sizes,
                    n_strata, e0, e1, x0, x1, g, phases_left, death, birth, single, u, silent,
                    total, n_touched, rate, combo, num, count, inflow, touched, moved, e_slot, want,
                    asked, n_demands,
                )  # fmt: skip
        if (hazard > 0.0 or advance > 0.0) and total > 0.0:
            x = 0.0
            v = -1.0
            if keyed:
                x = total
            elif hazard > 0.0:
                x, v = leavers(total, hazard, base)
            if x > 0.0 and hazard > 0.0:
                ways = e1 - e0
                if x <= FEW and not keyed:
                    for i in range(int(x)):
                        if i > 0 or v < 0.0:
                            v = uniform(base + np.uint64(i + 1) * GOLD)
                        y = v * scale
                        j = 0
                        while j < ways - 1 and y >= edge[j]:
                            j += 1
                        z = 0
                        if width > 1:
                            y = uniform(base + SIZE + np.uint64(i + 1) * GOLD) * total
                            while z < width - 1 and y >= count[(c0 + z) * LANES + lane]:
                                y -= count[(c0 + z) * LANES + lane]
                                z += 1
                            while count[(c0 + z) * LANES + lane] <= 0.0:
                                z -= 1
                        count[(c0 + z) * LANES + lane] -= 1.0
                        total -= 1.0
                        e = e0 + j
                        if e_caps[e, 0] >= 0:
                            # in full here: as a function it would count references to its arrays
                            slot = e_slot[e] + z
                            if want[slot * LANES + lane] == 0.0:
                                asked[lane, n_demands[lane]] = slot
                                n_demands[lane] += 1
                            want[slot * LANES + lane] += 1.0
                        else:
                            c = (e_to[e] + z) * LANES + lane
                            n_touched = arrive(c, 1.0, inflow, touched, n_touched)
                            one = size[z + c0 % n_sizes]
                            moved[
                                (e_transition[e] * n_strata + g_stratum[g]) * LANES + lane
                            ] += one
                else:
                    rest = x
                    rest_h = scale
                    per_hazard = 0.0
                    if keyed:
                        rest_h = 1.0
                        per_hazard = -math.expm1(-hazard) / scale if scale > 0.0 else 0.0
                    for j in range(ways):
                        e = e0 + j
                        own = edge[j] - (edge[j - 1] if j > 0 else 0.0)
                        rest_p_after = 0.0
                        y = rest
                        if keyed:
                            # a draw of its own for each way: what happens to one is then the same
                            # in two scenarios that differ in another
                            p = own * per_hazard
                            y = 0.0
                            if p > 0.0:
                                y = binomial(rest, min(p / rest_h, 1.0), base + e_key[e])
                            rest_p_after = rest_h - p
                        elif j < ways - 1:
                            y = binomial(
                                rest,
                                own / rest_h if rest_h > 0.0 else 0.0,
                                base + np.uint64(j + 1) * SPLIT,
                            )
                        rest -= y
                        rest_h = rest_p_after if keyed else scale - edge[j]
                        if y <= 0.0:
                            continue
                        if width > 1:
                            split_by_size(
                                y, count, c0 * LANES + lane, width, total, give,
                                base + np.uint64(j + 1) * SIZE,
                            )  # fmt: skip
                        else:
                            give[0] = y
                            count[c0 * LANES + lane] -= y
                        total -= y
                        for z in range(width):
                            if give[z] <= 0.0:
                                continue
                            if e_caps[e, 0] >= 0:
                                # in full here: as a function it would count references to its arrays
                                slot = e_slot[e] + z
                                if want[slot * LANES + lane] == 0.0:
                                    asked[lane, n_demands[lane]] = slot
                                    n_demands[lane] += 1
                                want[slot * LANES + lane] += give[z]
                            else:
                                c = (e_to[e] + z) * LANES + lane
                                n_touched = arrive(c, give[z], inflow, touched, n_touched)
                                m = (e_transition[e] * n_strata + g_stratum[g]) * LANES + lane
                                moved[m] += size[z + c0 % n_sizes] * give[z]
        stay_on = total
        # those who stay pass stages: a Poisson number, given that it is too few to end
        if advance > 0.0 and phases_left > 1 and total > 0.0:
            p = c_none
            rest_p = c_fewer - p
            staying = binomial(total, p / (p + rest_p), base + STAGE)
            going = total - staying
            a = p
            for j in range(1, phases_left):
                if going <= 0.0:
                    break
                a *= advance / j
                y = going
                if j + 1 < phases_left:
                    y = binomial(
                        going, min(a / rest_p, 1.0), base + STAGE + np.uint64(j) * GOLD
                    )
                rest_p = max(rest_p - a, 1e-300)
                going -= y
                if y <= 0.0:
                    continue
                if width > 1:
                    split_by_size(
                        y, count, c0 * LANES + lane, width, stay_on, give,
                        base + STAGE + np.uint64(j) * SIZE,
                    )  # fmt: skip
                else:
                    give[0] = y
                    count[c0 * LANES + lane] -= y
                stay_on -= y
                for z in range(width):
                    if give[z] > 0.0:
                        c = (c0 + j * stratum_cells + z) * LANES + lane
                        n_touched = arrive(c, give[z], inflow, touched, n_touched)
        if stay_on != whole_group[g * LANES + lane]:
            whole_group[g * LANES + lane] = stay_on
            n = 0.0
            first = c0 - c0 % n_sizes
            for z in range(n_sizes):
                n += count[(first + z) * LANES + lane] * size[z]
            here[here_row] = n
    return n_touched
