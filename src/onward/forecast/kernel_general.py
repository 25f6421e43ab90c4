"""The general compiled kernel: everything a model can declare, many futures in step.

Exists to simulate stages, unit sizes, capacities, pledges, births, deaths and arrivals exactly.
Goes in: `Tables`, one row of parameters per future, the seed. Comes out: the arrays asked for.

On most days nobody leaves most groups. So a day has two parts. What has to be asked of every group
(its hazards, and whether anybody stirs in it) is asked of LANES futures at once in vector code;
only where somebody does, one group of one future is worked out, unit by unit. A lane is a future;
an array of `x` by lanes is flat, x * LANES + lane, so that the compiler sees stretches.

`onward.forecast.kernel_lanes` does the same law for plain models, in which nearly every group stirs
every day, with the same keyed draws, and the tests hold the two to the same numbers.
"""

from __future__ import annotations

import math

import numpy as np

from onward.forecast.kernel_draw import (
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
    exp,
    future_key,
    hypergeometric,
    leavers,
    mix,
    normal,
    poisson,
    uniform,
)
from onward.forecast.kernel_tables import APPROACH, EFFECT, FEEDBACK, GATE, SHOCK, TERM

LANES = 32
WIDE = np.uint64(LANES)  # unsigned indices need no check for a negative sign
EVEN = 1.0 / 3.0  # hazard up to which a way's chance among those left is below a half


@compiled(forceinline=True)
def effect(value, start, end, over, day):  # type: ignore[no-untyped-def]
    """A dated multiplier at a day."""
    if day < start or day >= end:
        return 1.0
    if over > 0.0 and day < start + over:
        return 1.0 + (value - 1.0) * (day - start) / over
    return value


@compiled(forceinline=True)
def approach(strength, start, end, deadline, scale, day):  # type: ignore[no-untyped-def]
    """A deadline drawing near, at a day."""
    near = 1.0 + strength * exp(-max(deadline - day, 0.0) / scale)
    return near if (day >= start) & (day < end) else 1.0


@compiled(forceinline=True)
def response(form, a, b, x):  # type: ignore[no-untyped-def]
    """The multiplier of a feedback at x."""
    if form == 0:
        return 1.0 + a * x / (x + b) if x > 0.0 else 1.0
    if form == 1:
        return exp(a * x)
    return max(0.0, 1.0 + a * x)


@compiled()
def shock_step(z, sd, memory, fresh, first, noise):  # type: ignore[no-untyped-def]
    """The log-AR(1) one day on; `fresh` on the first day draws from the long-run law."""
    if first and fresh:
        return sd * noise
    phi = math.exp(-1.0 / memory) if memory > 0.0 else 0.0
    return phi * z + sd * math.sqrt(1.0 - phi * phi) * noise


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
def rows_of(cells, starts, n_sizes):  # type: ignore[no-untyped-def]
    """Lists of cells as lists of rows of sizes: states and strata are asked for whole."""
    rows = np.zeros(len(cells), np.int64)
    begins = np.zeros(len(starts), np.int64)
    n = 0
    for i in range(len(starts) - 1):
        begins[i] = n
        for j in range(starts[i], starts[i + 1]):
            if cells[j] % n_sizes == 0:
                rows[n] = cells[j] // n_sizes
                n += 1
    begins[len(starts) - 1] = n
    return rows, begins


@compiled()
def combine(out, factor, b_factor, b_start):  # type: ignore[no-untyped-def]
    """The product of each combination of factors, per lane."""
    for b in range(len(b_start) - 1):
        o = np.uint64(b) * WIDE
        for lane in range(WIDE):
            out[o + lane] = 1.0
        for i in range(b_start[b], b_start[b + 1]):
            o2 = np.uint64(b_factor[i]) * WIDE
            for lane in range(WIDE):
                out[o + lane] *= factor[o2 + lane]


@compiled()
def people_in(out, o, rows, first, last, here):  # type: ignore[no-untyped-def]
    """People in a list of rows, per lane, into a stretch of `out`."""
    for lane in range(WIDE):
        out[o + lane] = 0.0
    for i in range(first, last):
        o2 = np.uint64(rows[i]) * WIDE
        for lane in range(WIDE):
            out[o + lane] += here[o2 + lane]


@compiled()
def day_factors(  # type: ignore[no-untyped-def]
    k_kind, k_number, k_extra, k_before, k_key, terms, windows, num, history, key, step, steps,
    whole, day, new_day, factor, z_shock, until, live,
):  # fmt: skip
    """Every factor of the day, per lane, into `factor`.

    until   (factors x lanes) first day on which a gate or an effect can differ from what it is
    """
    for k in range(len(k_kind)):
        kind = k_kind[k]
        o = np.uint64(k) * WIDE
        at = k * LANES
        if kind == TERM:
            x = terms[k_extra[k, 0], whole]
            for lane in range(WIDE):
                factor[o + lane] = x
        elif kind in (EFFECT, GATE):
            due = 0
            for lane in range(WIDE):
                due += 1 if until[o + lane] <= day else 0
            if due == 0:
                continue
            for lane in range(live):
                if until[at + lane] > day:
                    continue
                if kind == EFFECT:
                    start = num[k_number[k, 1] * LANES + lane]
                    end = num[k_number[k, 2] * LANES + lane]
                    over = num[k_number[k, 3] * LANES + lane]
                    factor[at + lane] = effect(
                        num[k_number[k, 0] * LANES + lane], start, end, over, day
                    )
                    until[at + lane] = math.inf
                    if day < start:
                        until[at + lane] = start
                    elif day < end:
                        comes_in = over > 0.0 and day < start + over
                        until[at + lane] = day if comes_in else end
                    continue
                inside = False
                again = math.inf
                for i in range(k_extra[k, 0], k_extra[k, 1]):
                    opens = num[windows[i, 0] * LANES + lane]
                    closes = num[windows[i, 1] * LANES + lane]
                    if opens > day:
                        again = min(again, opens)
                    elif closes > day:
                        inside = True
                        again = min(again, closes)
                until[at + lane] = again
                factor[at + lane] = 1.0 if inside != (k_extra[k, 2] == 1) else 0.0
        elif kind == APPROACH:
            q0, q1 = np.uint64(k_number[k, 0]) * WIDE, np.uint64(k_number[k, 1]) * WIDE
            q2, q3 = np.uint64(k_number[k, 2]) * WIDE, np.uint64(k_number[k, 3]) * WIDE
            q4 = np.uint64(k_number[k, 4]) * WIDE
            for lane in range(WIDE):
                factor[o + lane] = approach(
                    num[q0 + lane],
                    num[q1 + lane],
                    num[q2 + lane],
                    num[q3 + lane],
                    num[q4 + lane],
                    day,
                )
        elif kind == FEEDBACK:
            lag = k_extra[k, 1]
            q0, q1 = np.uint64(k_number[k, 0]) * WIDE, np.uint64(k_number[k, 1]) * WIDE
            if step >= lag:
                o2 = np.uint64(k_extra[k, 2] * steps + step - lag) * WIDE
                for lane in range(WIDE):
                    factor[o + lane] = history[o2 + lane]
            else:
                for lane in range(WIDE):
                    factor[o + lane] = k_before[k]
            if k_extra[k, 0] == 1:
                for lane in range(WIDE):
                    x = factor[o + lane]
                    y = response(1, num[q0 + lane], num[q1 + lane], x)
                    factor[o + lane] = 1.0 if x < 0.0 else y
            else:
                for lane in range(WIDE):
                    x = factor[o + lane]
                    y = response(k_extra[k, 0], num[q0 + lane], num[q1 + lane], x)
                    factor[o + lane] = 1.0 if x < 0.0 else y
        elif kind == SHOCK and new_day:
            label = cell_key(k_key[k], whole)
            for lane in range(live):
                sd = num[k_number[k, 0] * LANES + lane]
                if whole == 0:
                    z_shock[at + lane] = num[k_number[k, 2] * LANES + lane]
                z = shock_step(
                    z_shock[at + lane], sd, num[k_number[k, 1] * LANES + lane], k_extra[k, 0] == 1,
                    whole == 0, normal(key[lane] + label),
                )  # fmt: skip
                z_shock[at + lane] = z
                centre = 0.5 * sd * sd if k_extra[k, 1] == 1 else 0.0
                factor[at + lane] = math.exp(z - centre)


@compiled()
def ring_rates(  # type: ignore[no-untyped-def]
    dies, bears, always, x_entry, x_fixed, x_number, x_combo, x_change, num, combo, b_start
):  # fmt: skip
    """Deaths and births per person of each group, per lane; those that meet no factor need no
    second look (`always` says for which that has been done)."""
    for g in range(len(x_entry) - 1):
        x0, x1 = x_entry[g], x_entry[g + 1]
        if x1 == x0 or always[g]:
            continue
        o = np.uint64(g) * WIDE
        for lane in range(WIDE):
            dies[o + lane] = 0.0
            bears[o + lane] = 0.0
        plain = True
        for i in range(x0, x1):
            b = x_combo[i]
            if b_start[b + 1] > b_start[b]:
                plain = False
            o2 = np.uint64(b) * WIDE
            o3 = np.uint64(max(x_number[i], 0)) * WIDE
            if x_change[i] < 0:
                for lane in range(WIDE):
                    h = x_fixed[i] * combo[o2 + lane]
                    dies[o + lane] += h * num[o3 + lane] if x_number[i] >= 0 else h
            else:
                for lane in range(WIDE):
                    h = x_fixed[i] * combo[o2 + lane]
                    bears[o + lane] += h * num[o3 + lane] if x_number[i] >= 0 else h
        always[g] = plain


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


@compiled(forceinline=True)
def ration(  # type: ignore[no-untyped-def]
    lane, cap_key, cap_people, e_caps, e_priority, size, g_cell, n_sizes, n_demands, d_entry,
    d_group, d_size, d_want, d_get, d_left, level, short, key_f, step,
):  # fmt: skip
    """Who of those asking gets a place, into `d_get`: by rank, then as if in a random order."""
    for i in range(n_demands):
        d_get[i] = d_want[i]
    for k in range(len(cap_key)):
        base = key_f + cell_key(cap_key[k], step)
        draws = np.uint64(0)
        avail = math.floor(level[k * LANES + lane] + 1e-9)
        need = 0.0
        for i in range(n_demands):
            e = d_entry[i]
            if e_caps[e, 0] == k or e_caps[e, 1] == k or e_caps[e, 2] == k:
                s = 1.0
                if cap_people[k] == 1:
                    s = size[d_size[i] + g_cell[d_group[i]] % n_sizes]
                need += d_get[i] * s
        if need <= avail:
            continue
        short[k * LANES + lane] += need
        low = -(1 << 60)
        while True:
            rank = 1 << 60
            for i in range(n_demands):
                e = d_entry[i]
                if (e_caps[e, 0] == k or e_caps[e, 1] == k or e_caps[e, 2] == k) and e_priority[
                    e
                ] > low:
                    rank = min(rank, e_priority[e])
            if rank == 1 << 60:
                break
            low = rank
            for i in range(n_demands):
                e = d_entry[i]
                d_left[i] = 0.0
                if e_priority[e] == rank and (
                    e_caps[e, 0] == k or e_caps[e, 1] == k or e_caps[e, 2] == k
                ):
                    d_left[i] = d_get[i]
                    d_get[i] = 0.0
            while True:
                waiting = 0.0
                need = 0.0
                largest = 0.0
                for i in range(n_demands):
                    if d_left[i] > 0.0:
                        s = 1.0
                        if cap_people[k] == 1:
                            s = size[d_size[i] + g_cell[d_group[i]] % n_sizes]
                        if s > avail:
                            d_left[i] = 0.0
                            continue
                        waiting += d_left[i]
                        need += d_left[i] * s
                        largest = max(largest, s)
                if waiting <= 0.0:
                    break
                # this many fit whoever they are, so their order does not matter
                batch = min(math.floor(avail / largest), waiting)
                if need <= avail:
                    batch = waiting
                for i in range(n_demands):
                    if d_left[i] > 0.0 and batch > 0.0:
                        x = hypergeometric(
                            d_left[i], waiting - d_left[i], batch,
                            base + draws * GOLD,
                        )  # fmt: skip
                        draws += np.uint64(1)
                        waiting -= d_left[i]
                        d_left[i] -= x
                        d_get[i] += x
                        batch -= x
                        s = 1.0
                        if cap_people[k] == 1:
                            s = size[d_size[i] + g_cell[d_group[i]] % n_sizes]
                        avail -= x * s
                        short[k * LANES + lane] -= x * s


@compiled()
def refill(  # type: ignore[no-untyped-def]
    whole, s_cap, s_number, s_next, cap_window, cap_carry, l_cap, l_number, l_repeats, num, level,
    more, opened, done, live,
):  # fmt: skip
    """What the day adds to each pool, per lane.

    s_next   (supplies x lanes) the next day on which a supply adds anything
    more     (pools x lanes) working rows
    """
    for i in range(len(more)):
        more[i] = 0.0
    for i in range(len(s_cap)):
        o = np.uint64(i) * WIDE
        due = 0
        for lane in range(WIDE):
            due += 1 if s_next[o + lane] <= whole else 0
        if due == 0:
            continue
        k = s_cap[i]
        window = cap_window[k]
        for lane in range(live):
            if s_next[i * LANES + lane] > whole:
                continue
            start, end = num[s_number[i, 1] * LANES + lane], num[s_number[i, 2] * LANES + lane]
            if whole >= end or window == 0:
                s_next[i * LANES + lane] = math.inf
            else:
                s_next[i * LANES + lane] = (whole // window + 1) * window
            if whole >= end:
                continue
            amount = num[s_number[i, 0] * LANES + lane]
            if window > 0 and whole % window != 0:
                # it opens within a window: its share of what is left of it
                amount = amount * (window - whole % window) / window if start > 0.0 else 0.0
            more[k * LANES + lane] += amount
    for k in range(len(cap_window)):
        window = cap_window[k]
        o = np.uint64(k) * WIDE
        if window > 0 and whole % window == 0 and cap_carry[k] == 0:
            for lane in range(WIDE):
                level[o + lane] -= math.floor(level[o + lane])
        for lane in range(WIDE):
            level[o + lane] += max(more[o + lane], 0.0)
    for i in range(len(l_cap)):
        k = l_cap[i]
        window = cap_window[k]
        for lane in range(live):
            if whole < opened[i * LANES + lane]:
                continue
            if done[i * LANES + lane] == 0:
                level[k * LANES + lane] += num[l_number[i, 1] * LANES + lane]
                done[i * LANES + lane] = 1
            elif l_repeats[i] == 1 and window > 0 and whole % window == 0:
                level[k * LANES + lane] += num[l_number[i, 1] * LANES + lane]


@compiled()
def serve(  # type: ignore[no-untyped-def]
    cap_key, cap_people, e_caps, e_priority, e_transition, e_to, e_staged, size, g_cell, g_last,
    g_stratum, n_sizes, n_strata, e_slot, e_group, slot_entry, want, asked, n_demands, d_entry, d_group, d_size, d_want, d_get,
    d_left, need, level, spent, short, key, step, inflow, touched, n_touched, moved, live,
):  # fmt: skip
    """Who of those asking gets a place: each arrives, or is turned away and waits on. Returns how
    many cells have arrivals."""
    for lane in range(live):
        n = n_demands[lane]
        if n == 0:
            continue
        for k in range(len(cap_key)):
            need[k] = 0.0
        for i in range(n):
            slot = asked[lane, i]
            e = slot_entry[slot]
            d_entry[i] = e
            d_group[i] = e_group[e]
            d_size[i] = slot - e_slot[e]
            d_want[i] = want[slot * LANES + lane]
            d_get[i] = d_want[i]
            want[slot * LANES + lane] = 0.0
            for j in range(3):
                k = e_caps[e, j]
                if k >= 0:
                    s = 1.0
                    if cap_people[k] == 1:
                        s = size[d_size[i] + g_cell[d_group[i]] % n_sizes]
                    need[k] += d_want[i] * s
        for k in range(len(cap_key)):
            if need[k] > math.floor(level[k * LANES + lane] + 1e-9):
                ration(
                    lane, cap_key, cap_people, e_caps, e_priority, size, g_cell, n_sizes, n, d_entry,
                    d_group, d_size, d_want, d_get, d_left, level, short, key[lane], step,
                )  # fmt: skip
                break
        for i in range(n):
            e = d_entry[i]
            g = d_group[i]
            z = d_size[i]
            people = size[z + g_cell[g] % n_sizes]
            if d_get[i] > 0.0:
                c = (e_to[e] + z) * LANES + lane
                n_touched = arrive(c, d_get[i], inflow, touched, n_touched)
                m = (e_transition[e] * n_strata + g_stratum[g]) * LANES + lane
                moved[m] += people * d_get[i]
                for j in range(3):
                    k = e_caps[e, j]
                    if k >= 0:
                        s = people if cap_people[k] == 1 else 1
                        level[k * LANES + lane] -= d_get[i] * s
                        spent[k * LANES + lane] += d_get[i] * s
            turned = d_want[i] - d_get[i]
            if turned > 0.0:
                # their stages are behind them; they wait for room, not from the start
                c = ((g_last[g] if e_staged[e] else g_cell[g]) + z) * LANES + lane
                n_touched = arrive(c, turned, inflow, touched, n_touched)
        n_demands[lane] = 0
    return n_touched


@compiled()
def settle(  # type: ignore[no-untyped-def]
    touched, n_touched, inflow, count, whole_group, here, group_of, ever, c_people, n_sizes
):  # fmt: skip
    """Everyone arrives where they went."""
    for i in range(n_touched):
        at = touched[i]
        c = at // LANES
        lane = at % LANES
        x = inflow[at]
        inflow[at] = 0.0
        count[at] += x
        here[(c // n_sizes) * LANES + lane] += x * c_people[c]
        g = group_of[c]
        if g >= 0:
            whole_group[g * LANES + lane] += x
            ever[g] = True


@compiled()
def welcome(  # type: ignore[no-untyped-def]
    a_cell, a_number, a_combo, a_key, step, per_day, num, combo, key, inflow, touched, live
):  # fmt: skip
    """New units; returns how many cells have arrivals."""
    n = np.int64(0)
    for i in range(len(a_cell)):
        label = cell_key(a_key[i], step)
        for lane in range(live):
            mean = num[a_number[i] * LANES + lane] * combo[a_combo[i] * LANES + lane] / per_day
            if mean <= 0.0 or uniform(key[lane] + label) < 1.0 - mean:
                continue  # P(nobody) is more than that
            x = poisson(mean, key[lane] + label)
            if x > 0.0:
                n = arrive(a_cell[i] * LANES + lane, x, inflow, touched, n)
    return n


@compiled()
def floats(n):  # type: ignore[no-untyped-def]
    """Working rows. A function of its own, as the next two: compiled once, not forty times."""
    return np.zeros(n)


@compiled()
def whole_numbers(n):  # type: ignore[no-untyped-def]
    """The same of whole numbers."""
    return np.zeros(n, np.int64)


@compiled()
def clear(rows, value):  # type: ignore[no-untyped-def]
    """Set all of it to one value."""
    for i in range(len(rows)):
        rows[i] = value


@compiled(keep=True)
def run(t, rows, seed, shock_seed, first, n, keyed, present, units, flows, used, refused):  # type: ignore[no-untyped-def]
    """Simulate futures first ... first+n-1 into rows 0 ... n-1 of the outputs.

    rows     (n or 1, columns) parameters;  present (n, groups, days) int32
    units    (n, days asked, states, S, Z) int64; flows (n, days asked, transitions, S) int64
    used, refused  (n, days asked, capacities) int64: what each pool gave, and what it was asked
             for in vain (again each day)
    """
    # taken apart once: each look into `t` counts a reference
    (
        shape, size, start, spread, spread_share, spread_key, phase_state, g_cell, g_width,
        g_phases_left, g_stages, g_entry, g_last, g_key, g_stratum, e_transition, e_to, e_fixed,
        e_number, e_combo, e_staged, e_priority, e_caps, e_key, x_entry, x_transition, x_to,
        x_fixed, x_number, x_combo, x_change, q_fixed, q_column, k_kind, k_number, k_extra,
        k_before, k_key, terms, windows, b_factor, b_start, r_top, r_top_start, r_bottom,
        r_bottom_start, r_constant, c_people, p_cell, p_start, cap_people, cap_window, cap_carry,
        cap_key, s_cap, s_number, l_cap, l_number, l_delay, l_repeats, l_transition, l_start,
        a_cell, a_number, a_combo, a_key, _a_stratum, units_on, flows_on,
    ) = t  # fmt: skip
    n_strata, n_sizes = shape[1], shape[2]
    n_trans, days, per_day = shape[4], shape[5], shape[6]
    n_cells = len(start)
    n_groups = len(g_cell)
    n_factors = len(k_kind)
    n_ratios = len(r_constant)
    n_caps = len(cap_key)
    n_pledges = len(l_cap)
    n_rows = n_cells // n_sizes
    steps = days * per_day
    stratum_cells = n_strata * n_sizes

    num = np.zeros(max(len(q_fixed), 1) * LANES)
    rate = floats(len(e_fixed) * LANES)
    count = floats(n_cells * LANES)
    inflow = floats(n_cells * LANES)
    touched = whole_numbers(n_cells * LANES)
    factor = np.ones(n_factors * LANES)
    z_shock = floats(n_factors * LANES)
    until = floats(n_factors * LANES)
    combo = np.ones((len(b_start) - 1) * LANES)
    history = floats(n_ratios * steps * LANES)
    moved = floats((n_trans + 1) * n_strata * LANES)  # the last: growing older, no move
    level = floats(n_caps * LANES)
    more = floats(n_caps * LANES)
    spent = floats(n_caps * LANES)
    short = floats(n_caps * LANES)
    need = floats(n_caps)
    s_next = floats(len(s_cap) * LANES)
    opened = floats(n_pledges * LANES)
    done = whole_numbers(n_pledges * LANES)
    dies = floats(n_groups * LANES)
    bears = floats(n_groups * LANES)
    always = np.zeros(n_groups, np.bool_)
    passing = floats(n_groups * LANES * 4)
    key = np.zeros(LANES, np.uint64)
    shock_key = np.zeros(LANES, np.uint64)
    sums = floats(2 * LANES)
    flag = whole_numbers(LANES)
    found = whole_numbers(n_groups * LANES + 1)
    ever = np.zeros(n_groups, np.bool_)
    max_ways = 1
    for g in range(n_groups):
        max_ways = max(max_ways, g_entry[g + 1] - g_entry[g])
    edge = floats(max_ways)
    give = floats(n_sizes)
    # units of each group, kept beside the cells so that they need not be summed every step
    whole_group = floats(n_groups * LANES)
    group_of = np.full(n_cells, -1)
    g_first = whole_numbers(n_groups)
    for g in range(n_groups):
        for z in range(g_width[g]):
            group_of[g_cell[g] + z] = g
        # stages of one state and stratum share their chances; they are told by where they end
        g_first[g] = g
        for i in range(g):
            if g_last[i] == g_last[g]:
                g_first[g] = i
                break
    here = floats(n_rows * LANES)  # people of each row of sizes (a phase and a stratum)
    r_top, r_top_start = rows_of(r_top, r_top_start, n_sizes)
    r_bottom, r_bottom_start = rows_of(r_bottom, r_bottom_start, n_sizes)
    p_row, p_start = rows_of(p_cell, p_start, n_sizes)
    # demands for rationed moves: a slot for each way and size
    e_slot = np.full(len(e_to), -1)
    e_group = whole_numbers(len(e_to))
    room = 0
    for g in range(n_groups):
        for e in range(g_entry[g], g_entry[g + 1]):
            e_group[e] = g
            if e_caps[e, 0] >= 0:
                e_slot[e] = room
                room += n_sizes
    slot_entry = whole_numbers(room)
    for e in range(len(e_to)):
        if e_slot[e] >= 0:
            for z in range(n_sizes):
                slot_entry[e_slot[e] + z] = e
    want = floats(room * LANES)
    asked = np.zeros((LANES, room), np.int64)
    d_entry = whole_numbers(room)
    d_group = whole_numbers(room)
    d_size = whole_numbers(room)
    d_want = floats(room)
    d_get = floats(room)
    d_left = floats(room)
    n_demands = whole_numbers(LANES)

    for f0 in range(0, n, LANES):
        live = min(LANES, n - f0)
        clear(count, 0.0)
        for lane in range(LANES):
            # lanes beyond the last future repeat it; nobody moves in them
            f = f0 + min(lane, live - 1)
            key[lane] = future_key(seed, first + f)
            shock_key[lane] = future_key(shock_seed, first + f)
            row = rows[f if rows.shape[0] > 1 else 0]
            for q in range(len(q_fixed)):
                c = q_column[q]
                num[q * LANES + lane] = row[c] if c >= 0 else q_fixed[q]
            for e in range(len(e_fixed)):
                q = e_number[e]
                rate[e * LANES + lane] = (
                    e_fixed[e] * num[q * LANES + lane] if q >= 0 else e_fixed[e]
                )
            for c in range(n_cells):
                count[c * LANES + lane] = start[c]
            for i in range(len(spread)):
                c0, gap, phases = spread[i, 0], spread[i, 1], spread[i, 2]
                left = count[c0 * LANES + lane]
                count[c0 * LANES + lane] = 0.0
                rest_p = 1.0
                for j in range(phases):
                    x = left
                    if j + 1 < phases:
                        share = spread_share[spread[i, 3] + j]
                        x = binomial(
                            left,
                            min(share / rest_p, 1.0) if rest_p > 0.0 else 1.0,
                            key[lane] + mix(spread_key[i] + np.uint64(j) * DAY),
                        )
                        rest_p -= share
                    count[(c0 + j * gap) * LANES + lane] = x
                    left -= x
            for i in range(len(s_cap)):
                s_next[i * LANES + lane] = np.ceil(max(num[s_number[i, 1] * LANES + lane], 0.0))
        clear(until, -math.inf)
        clear(here, 0.0)
        clear(whole_group, 0.0)
        clear(ever, False)
        for c in range(n_cells):
            for lane in range(LANES):
                x = count[c * LANES + lane]
                here[(c // n_sizes) * LANES + lane] += x * c_people[c]
                if group_of[c] >= 0:
                    whole_group[group_of[c] * LANES + lane] += x
                    if x > 0.0:
                        ever[group_of[c]] = True
        clear(always, False)
        clear(passing, -1.0)
        clear(moved, 0.0)
        clear(level, 0.0)
        clear(spent, 0.0)
        clear(short, 0.0)
        clear(opened, math.inf)
        clear(done, 0)
        iu = 0
        il = 0
        for step in range(steps):
            whole = step // per_day
            new_day = step % per_day == 0
            day = step / per_day
            # 1. what the hazards see: the counts at the start of the step
            for r in range(n_ratios):
                people_in(sums, np.uint64(0), r_top, r_top_start[r], r_top_start[r + 1], here)
                people_in(sums, WIDE, r_bottom, r_bottom_start[r], r_bottom_start[r + 1], here)
                o = np.uint64(r * steps + step) * WIDE
                for lane in range(WIDE):
                    bottom = r_constant[r] + sums[WIDE + lane]
                    history[o + lane] = sums[lane] / bottom if bottom > 0.0 else -1.0
            day_factors(
                k_kind, k_number, k_extra, k_before, k_key, terms, windows, num,
                history, shock_key, step, steps, whole, day, new_day, factor, z_shock, until, live,
            )  # fmt: skip
            combine(combo, factor, b_factor, b_start)
            ring_rates(
                dies, bears, always, x_entry, x_fixed, x_number, x_combo, x_change, num,
                combo, b_start,
            )  # fmt: skip
            # 2. who leaves
            n_found = stirring(
                keyed, step, g_key, g_cell, g_width, g_entry, g_phases_left, x_entry,
                e_combo, e_key, rate, combo, whole_group, here, count, dies, bears, ever, key,
                n_sizes, live, sums, flag, found,
            )  # fmt: skip
            n_touched = work_out(
                found, n_found, keyed, step, g_key, g_cell, g_width, g_entry,
                g_phases_left, g_stages, g_stratum, g_first, x_entry, x_transition,
                x_to, x_fixed, x_number, x_combo, x_change, e_transition, e_to,
                e_combo, e_staged, e_caps, e_key, size, n_sizes, n_strata, rate, combo,
                num, dies, bears, key, whole_group, here, count, inflow, touched, moved, passing,
                edge, give, e_slot, want, asked, n_demands,
            )  # fmt: skip
            # 3. short pools: priority first, then at random among those waiting
            if n_caps > 0:
                if new_day:
                    refill(
                        whole, s_cap, s_number, s_next, cap_window, cap_carry, l_cap,
                        l_number, l_repeats, num, level, more, opened, done, live,
                    )  # fmt: skip
                n_touched = serve(
                    cap_key, cap_people, e_caps, e_priority, e_transition, e_to,
                    e_staged, size, g_cell, g_last, g_stratum, n_sizes, n_strata,
                    e_slot, e_group, slot_entry, want, asked, n_demands, d_entry, d_group, d_size,
                    d_want, d_get, d_left, need, level, spent,
                    short, key, step, inflow, touched, n_touched, moved, live,
                )  # fmt: skip
            # 4. everyone arrives where they went
            settle(
                touched, n_touched, inflow, count, whole_group, here, group_of, ever, c_people,
                n_sizes,
            )  # fmt: skip
            if len(a_cell) > 0:
                n_touched = welcome(
                    a_cell, a_number, a_combo, a_key, step, per_day, num, combo, key,
                    inflow, touched, live,
                )  # fmt: skip
                settle(
                    touched, n_touched, inflow, count, whole_group, here, group_of, ever,
                    c_people, n_sizes,
                )  # fmt: skip
            for i in range(n_pledges):
                for lane in range(live):
                    if opened[i * LANES + lane] < math.inf:
                        continue
                    so_far = 0.0
                    for j in range(l_start[i], l_start[i + 1]):
                        for s in range(n_strata):
                            so_far += moved[(l_transition[j] * n_strata + s) * LANES + lane]
                    if so_far >= num[l_number[i, 0] * LANES + lane]:
                        opened[i * LANES + lane] = whole + 1 + l_delay[i]
            # 5. what was asked for
            if (step + 1) % per_day == 0:
                for i in range(present.shape[1]):
                    people_in(sums, np.uint64(0), p_row, p_start[i], p_start[i + 1], here)
                    for lane in range(live):
                        present[f0 + lane, i, whole] = np.int32(sums[lane])
                if iu < len(units_on) and units_on[iu] == whole:
                    for c in range(n_cells):
                        k = phase_state[c // stratum_cells]
                        for lane in range(live):
                            units[f0 + lane, iu, k, (c // n_sizes) % n_strata, c % n_sizes] += (
                                np.int64(count[c * LANES + lane])
                            )
                    iu += 1
                if il < len(flows_on) and flows_on[il] == whole:
                    for j in range(n_trans):
                        for s in range(n_strata):
                            for lane in range(live):
                                flows[f0 + lane, il, j, s] = np.int64(
                                    moved[(j * n_strata + s) * LANES + lane]
                                )
                    for k in range(n_caps):
                        for lane in range(live):
                            used[f0 + lane, il, k] = np.int64(spent[k * LANES + lane])
                            refused[f0 + lane, il, k] = np.int64(short[k * LANES + lane])
                    il += 1
