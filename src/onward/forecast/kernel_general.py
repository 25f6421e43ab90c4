"""The general compiled kernel: one future at a time, everything a model can declare.

Exists to simulate stages, unit sizes, capacities, pledges, births, deaths and arrivals exactly.
Goes in: `Tables`, one row of parameters per future, the seed. Comes out: the arrays asked for.
`onward.forecast.kernel_lanes` does the same law on many futures at once for plain models, with
the same keyed draws, and the tests hold the two to the same numbers.
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
def split_by_size(units, count, left, give, key):  # type: ignore[no-untyped-def]
    """Which sizes `units` leavers have, all units of the group being alike.

    count   (w,) units present by size, reduced in place;  left  their sum
    give    (w,) filled with the leavers by size
    """
    width = len(count)
    for z in range(width):
        if units <= 0.0:
            give[z] = 0.0
            continue
        rest = left - count[z]
        x = hypergeometric(count[z], rest, units, key + np.uint64(z) * GOLD)
        give[z] = x
        left = rest
        count[z] -= x
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


@compiled()
def ask(entry, group, size, want, n, e, g, z, units):  # type: ignore[no-untyped-def]
    """Add units that need a place to the list of demands; returns its new length."""
    for i in range(n - 1, -1, -1):
        if group[i] != g:
            break
        if entry[i] == e and size[i] == z:
            want[i] += units
            return n
    entry[n] = e
    group[n] = g
    size[n] = z
    want[n] = units
    return n + 1


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


@compiled(forceinline=True)
def people_of(row, count, each, n_sizes):  # type: ignore[no-untyped-def]
    """People of a row of sizes."""
    x = 0.0
    for c in range(row * n_sizes, (row + 1) * n_sizes):
        x += count[c] * each[c]
    return x


@compiled(forceinline=True)
def mark(row, changed, is_changed, n):  # type: ignore[no-untyped-def]
    """Note that a row has to be summed anew; returns how many have."""
    if not is_changed[row]:
        is_changed[row] = True
        changed[n] = row
        return n + 1
    return n


@compiled(forceinline=True)
def one_person(  # type: ignore[no-untyped-def]
    e_caps, e_combo, e_staged, e_to, e_transition, g_stages, g_stratum, x_change, x_combo,
    x_fixed, x_number, x_to, x_transition, c0, width, n_sizes, e0, e1, x0, x1, g, phases_left,
    death, birth, single, u, silent, total, n_demands, n_touched, rate, combo, num, count,
    inflow, touched, moved, d_entry, d_group, d_size, d_want,
):  # fmt: skip
    """Deaths and births of a group in which at least one clock rings: who, in which size, and
    whether the unit leaves before. Returns what changed: units left, demands, cells touched."""
    # what is left of the uniform says in which size a clock rings first
    u = min((u - silent) / (1.0 - silent), 0.9999999999999999)
    u *= 1.0 - silent
    quiet = 0.0
    found = False
    for z in range(width):
        zz = z + c0 % n_sizes
        own = death + (birth if zz + 1 < n_sizes else 0.0)
        d = own * (zz + 1)
        alive = count[c0 + z]
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
                h = rate[e] * combo[e_combo[e]]
                if phases_left > 0 and e_staged[e]:
                    staged_rate += h
                else:
                    free_rate += h
            when, how = first_of(
                free_rate, staged_rate * g_stages[g], phases_left,
                one_key + SPLIT,
            )  # fmt: skip
            count[c0 + z] -= 1.0
            total -= 1.0
            y = uniform(one_key + GOLD)
            if when >= rings:
                y *= death + (birth if zz + 1 < n_sizes else 0.0)
                j = x0
                for i2 in range(x0, x1):
                    if x_change[i2] > 0 and zz + 1 >= n_sizes:
                        continue
                    h = x_fixed[i2] * combo[x_combo[i2]]
                    if x_number[i2] >= 0:
                        h *= num[x_number[i2]]
                    if h <= 0.0:
                        continue
                    j = i2
                    if y < h:
                        break
                    y -= h
                c = c0 + z + x_change[j]
                if x_change[j] < 0 and zz == 0:
                    c = x_to[j]
                if inflow[c] == 0.0:
                    touched[n_touched] = c
                    n_touched += 1
                inflow[c] += 1.0
                moved[x_transition[j], g_stratum[g]] += 1.0
                continue
            y *= staged_rate if how == 2 else free_rate
            j = e0
            for e in range(e0, e1):
                ends = 1 if phases_left > 0 and e_staged[e] else 0
                if ends != how - 1:
                    continue
                h = rate[e] * combo[e_combo[e]]
                if h <= 0.0:
                    continue
                j = e
                if y < h:
                    break
                y -= h
            if e_caps[j, 0] >= 0:
                n_demands = ask(
                    d_entry,
                    d_group,
                    d_size,
                    d_want,
                    n_demands,
                    j,
                    g,
                    z,
                    1.0,
                )
            else:
                c = e_to[j] + z
                if inflow[c] == 0.0:
                    touched[n_touched] = c
                    n_touched += 1
                inflow[c] += 1.0
                moved[e_transition[j], g_stratum[g]] += zz + 1
    return total, n_demands, n_touched


@compiled(forceinline=True)
def day_factors(  # type: ignore[no-untyped-def]
    k_kind, k_number, k_extra, k_before, k_key, terms, windows, num, history, key_s, step,
    whole, day, new_day, factor, z_shock, gate_until,
):  # fmt: skip
    """Every factor of the day, into `factor`. A function of its own: compiling one long function
    takes far longer than two short ones."""
    for k in range(len(k_kind)):
        kind = k_kind[k]
        if kind == TERM:
            factor[k] = terms[k_extra[k, 0], whole]
        elif kind == EFFECT:
            factor[k] = effect(
                num[k_number[k, 0]], num[k_number[k, 1]], num[k_number[k, 2]],
                num[k_number[k, 3]], day,
            )  # fmt: skip
        elif kind == APPROACH:
            factor[k] = approach(
                num[k_number[k, 0]], num[k_number[k, 1]], num[k_number[k, 2]],
                num[k_number[k, 3]], num[k_number[k, 4]], day,
            )  # fmt: skip
        elif kind == GATE:
            if day < gate_until[k]:
                continue
            inside = False
            until = math.inf
            for i in range(k_extra[k, 0], k_extra[k, 1]):
                opens, closes = num[windows[i, 0]], num[windows[i, 1]]
                if opens > day:
                    until = min(until, opens)
                elif closes > day:
                    inside = True
                    until = min(until, closes)
            gate_until[k] = until
            factor[k] = 1.0 if inside != (k_extra[k, 2] == 1) else 0.0
        elif kind == FEEDBACK:
            lag = k_extra[k, 1]
            x = k_before[k]
            if step >= lag:
                x = history[k_extra[k, 2], step - lag]
            if x < 0.0:
                factor[k] = 1.0
            else:
                factor[k] = response(k_extra[k, 0], num[k_number[k, 0]], num[k_number[k, 1]], x)
        elif kind == SHOCK and new_day:
            sd = num[k_number[k, 0]]
            if whole == 0:
                z_shock[k] = num[k_number[k, 2]]
            z_shock[k] = shock_step(
                z_shock[k], sd, num[k_number[k, 1]], k_extra[k, 0] == 1, whole == 0,
                normal(key_s + cell_key(k_key[k], whole)),
            )  # fmt: skip
            centre = 0.5 * sd * sd if k_extra[k, 1] == 1 else 0.0
            factor[k] = math.exp(z_shock[k] - centre)


@compiled(forceinline=True)
def ration(  # type: ignore[no-untyped-def]
    cap_key, cap_people, e_caps, e_priority, size, g_cell, n_sizes, n_demands, d_entry,
    d_group, d_size, d_want, d_get, d_left, level, short, key_f, step,
):  # fmt: skip
    """Who of those asking gets a place, into `d_get`: by rank, then as if in a random order."""
    for i in range(n_demands):
        d_get[i] = d_want[i]
    for k in range(len(cap_key)):
        base = key_f + cell_key(cap_key[k], step)
        draws = np.uint64(0)
        avail = math.floor(level[k] + 1e-9)
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
        short[k] += need
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
                        short[k] -= x * s


@compiled(keep=True)
def run(t, rows, seed, shock_seed, first, n, keyed, present, units, flows, used, refused):  # type: ignore[no-untyped-def]
    """Simulate futures first ... first+n-1 into rows 0 ... n-1 of the outputs.

    rows     (n or 1, columns) parameters;  present (n, groups, days) int32
    units    (n, days asked, states, S, Z) int64; flows (n, days asked, transitions, S) int64
    used, refused  (n, days asked, capacities) int64: what each pool gave, and what it was asked
             for in vain (again each day)
    """
    n_strata, n_sizes = t.shape[1], t.shape[2]
    n_trans, days, per_day = t.shape[4], t.shape[5], t.shape[6]
    n_cells = len(t.start)
    n_groups = len(t.g_cell)
    n_factors = len(t.k_kind)
    n_combos = len(t.b_start) - 1
    n_ratios = len(t.r_constant)
    n_caps = len(t.cap_key)
    n_pledges = len(t.l_cap)
    steps = days * per_day
    stratum_cells = n_strata * n_sizes

    num = np.zeros(len(t.q_fixed))
    rate = np.zeros(len(t.e_fixed))
    count = np.zeros(n_cells)
    inflow = np.zeros(n_cells)
    touched = np.zeros(n_cells, np.int64)
    factor = np.ones(n_factors)
    z_shock = np.zeros(n_factors)
    combo = np.ones(n_combos)
    history = np.zeros((n_ratios, steps))
    ratio_of = np.full(n_ratios, -1)
    for k in range(n_factors):
        if t.k_kind[k] == FEEDBACK:
            ratio_of[t.k_extra[k, 2]] = k
    moved = np.zeros((n_trans + 1, n_strata))  # the last row: growing older, which is no move
    level = np.zeros(n_caps)
    refill = np.zeros(n_caps)
    spent = np.zeros(n_caps)
    short = np.zeros(n_caps)
    opened = np.zeros(n_pledges)
    done = np.zeros(n_pledges, np.int64)
    max_ways = 1
    for g in range(n_groups):
        max_ways = max(max_ways, t.g_entry[g + 1] - t.g_entry[g])
    edge = np.zeros(max_ways)
    give = np.zeros(n_sizes)
    # units of each group, kept beside the cells so that they need not be summed every step
    whole_group = np.zeros(n_groups)
    group_of = np.full(n_cells, -1)
    for g in range(n_groups):
        for z in range(t.g_width[g]):
            group_of[t.g_cell[g] + z] = g
    # people of each row of sizes (a phase and a stratum), summed anew where it has changed
    n_rows = n_cells // n_sizes
    here = np.zeros(n_rows)
    changed = np.zeros(n_rows, np.int64)
    is_changed = np.zeros(n_rows, np.bool_)
    r_top, r_top_start = rows_of(t.r_top, t.r_top_start, n_sizes)
    r_bottom, r_bottom_start = rows_of(t.r_bottom, t.r_bottom_start, n_sizes)
    p_row, p_start = rows_of(t.p_cell, t.p_start, n_sizes)
    gate_until = np.zeros(n_factors)
    # demands for rationed moves: one row per way and size at most
    room = 1
    for e in range(len(t.e_to)):
        if t.e_caps[e, 0] >= 0:
            room += n_sizes
    d_entry = np.zeros(room, np.int64)
    d_group = np.zeros(room, np.int64)
    d_size = np.zeros(room, np.int64)
    d_want = np.zeros(room)
    d_get = np.zeros(room)
    d_left = np.zeros(room)

    for f in range(n):
        row = rows[f if rows.shape[0] > 1 else 0]
        key_f = future_key(seed, first + f)
        key_s = future_key(shock_seed, first + f)
        for q in range(len(num)):
            c = t.q_column[q]
            num[q] = row[c] if c >= 0 else t.q_fixed[q]
        for e in range(len(rate)):
            q = t.e_number[e]
            rate[e] = t.e_fixed[e] * num[q] if q >= 0 else t.e_fixed[e]
        for c in range(n_cells):
            count[c] = t.start[c]
            inflow[c] = 0.0
        for i in range(len(t.spread)):
            c0, gap, phases = t.spread[i, 0], t.spread[i, 1], t.spread[i, 2]
            left = count[c0]
            count[c0] = 0.0
            rest_p = 1.0
            for j in range(phases):
                x = left
                if j + 1 < phases:
                    share = t.spread_share[t.spread[i, 3] + j]
                    x = binomial(
                        left,
                        min(share / rest_p, 1.0) if rest_p > 0.0 else 1.0,
                        key_f + mix(t.spread_key[i] + np.uint64(j) * DAY),
                    )
                    rest_p -= share
                count[c0 + j * gap] = x
                left -= x
        gate_until[:] = -math.inf
        for r in range(n_rows):
            here[r] = people_of(r, count, t.c_people, n_sizes)
            is_changed[r] = False
        n_changed = np.int64(0)
        whole_group[:] = 0.0
        for c in range(n_cells):
            if group_of[c] >= 0:
                whole_group[group_of[c]] += count[c]
        moved[:] = 0.0
        level[:] = 0.0
        spent[:] = 0.0
        short[:] = 0.0
        opened[:] = math.inf
        done[:] = 0
        iu = 0
        il = 0
        c_left = -1
        c_advance = 0.0
        c_other = 0.0
        c_none = 0.0
        c_fewer = 0.0
        c_complete = 0.0
        c_leave = 0.0
        c_hazard = 0.0
        for step in range(steps):
            # Counters are whole numbers from the start: a plain 0 is a type of its own, and
            # whatever takes it would be compiled a second time.
            whole = step // per_day
            new_day = step % per_day == 0
            day = step / per_day
            # 1. what the hazards see: the counts at the start of the step
            for r in range(n_ratios):
                top = 0.0
                for i in range(r_top_start[r], r_top_start[r + 1]):
                    top += here[r_top[i]]
                bottom = t.r_constant[r]
                for i in range(r_bottom_start[r], r_bottom_start[r + 1]):
                    bottom += here[r_bottom[i]]
                history[r, step] = top / bottom if bottom > 0.0 else -1.0
            day_factors(
                t.k_kind, t.k_number, t.k_extra, t.k_before, t.k_key, t.terms, t.windows, num,
                history, key_s, step, whole, day, new_day, factor, z_shock, gate_until,
            )  # fmt: skip
            for b in range(n_combos):
                w = 1.0
                for i in range(t.b_start[b], t.b_start[b + 1]):
                    w *= factor[t.b_factor[i]]
                combo[b] = w
            n_touched = np.int64(0)
            n_demands = np.int64(0)
            # 2. who leaves, by competing hazards
            for g in range(n_groups):
                total = whole_group[g]
                if total <= 0.0:
                    continue
                c0 = t.g_cell[g]
                width = t.g_width[g]
                e0, e1 = t.g_entry[g], t.g_entry[g + 1]
                base = key_f + cell_key(t.g_key[g], step)
                hazard = 0.0
                advance = 0.0
                phases_left = t.g_phases_left[g]
                if phases_left == 0:
                    for e in range(e0, e1):
                        hazard += rate[e] * combo[t.e_combo[e]]
                        edge[e - e0] = hazard
                    scale = hazard
                else:
                    done_rate = 0.0
                    other = 0.0
                    for e in range(e0, e1):
                        h = rate[e] * combo[t.e_combo[e]]
                        edge[e - e0] = h
                        if t.e_staged[e]:
                            done_rate += h
                        else:
                            other += h
                    advance = done_rate * t.g_stages[g]
                    if phases_left != c_left or advance != c_advance or other != c_other:
                        # strata often share these; they cost several exponentials
                        c_left, c_advance, c_other = phases_left, advance, other
                        both = advance + other
                        c_none = math.exp(-advance)
                        out = math.exp(-other)
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
                        c_complete = 0.0
                        if advance > 0.0:
                            c_complete = (advance / both) ** phases_left * max(
                                1.0 - q_fewer * c_none * out, 0.0
                            )
                        c_leave = max(1.0 - c_fewer * out - c_complete, 0.0)
                        c_hazard = -math.log(max(c_fewer * out, 1e-300))
                    complete = c_complete
                    leave = c_leave
                    scale = 0.0
                    for e in range(e0, e1):
                        h = edge[e - e0]
                        if t.e_staged[e]:
                            scale += complete * h / done_rate if done_rate > 0.0 else 0.0
                        else:
                            scale += leave * h / other if other > 0.0 else 0.0
                        edge[e - e0] = scale
                    hazard = c_hazard
                # one person of a unit: deaths and births, whose clock runs per person. First
                # whose clock rings in this step, then whether the unit leaves before that
                x0, x1 = t.x_entry[g], t.x_entry[g + 1]
                if x1 > x0:
                    death = 0.0
                    birth = 0.0
                    for i in range(x0, x1):
                        h = t.x_fixed[i] * combo[t.x_combo[i]]
                        if t.x_number[i] >= 0:
                            h *= num[t.x_number[i]]
                        if t.x_change[i] < 0:
                            death += h
                        else:
                            birth += h
                    ringing = 0.0
                    if width == n_sizes:
                        # a family of the largest size has no further child
                        grown = here[c0 // n_sizes] - count[c0 + width - 1] * n_sizes
                        ringing = death * here[c0 // n_sizes] + birth * grown
                    else:
                        for z in range(width):
                            zz = z + c0 % n_sizes
                            own = death + (birth if zz + 1 < n_sizes else 0.0)
                            ringing += count[c0 + z] * own * (zz + 1)
                    single = base + SINGLE
                    u = uniform(single) if ringing > 0.0 else 0.0
                    silent = 1.0
                    if u >= 1.0 - ringing:
                        silent = math.exp(-ringing)
                    if ringing > 0.0 and u >= silent:
                        n_changed = mark(c0 // n_sizes, changed, is_changed, n_changed)
                        total, n_demands, n_touched = one_person(
                            t.e_caps, t.e_combo, t.e_staged, t.e_to, t.e_transition,
                            t.g_stages, t.g_stratum, t.x_change, t.x_combo, t.x_fixed,
                            t.x_number, t.x_to, t.x_transition, c0, width, n_sizes, e0, e1,
                            x0, x1, g, phases_left, death, birth, single, u, silent, total,
                            n_demands, n_touched, rate, combo, num, count, inflow, touched,
                            moved, d_entry, d_group, d_size, d_want,
                        )  # fmt: skip
                whole_group[g] = total
                if (hazard <= 0.0 and advance <= 0.0) or total <= 0.0:
                    continue
                x = 0.0
                v = -1.0
                if keyed:
                    x = total
                elif hazard > 0.0:
                    x, v = leavers(total, hazard, base)
                if x > 0.0 and hazard > 0.0:
                    n_changed = mark(c0 // n_sizes, changed, is_changed, n_changed)
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
                                while z < width - 1 and y >= count[c0 + z]:
                                    y -= count[c0 + z]
                                    z += 1
                                while count[c0 + z] <= 0.0:
                                    z -= 1
                            count[c0 + z] -= 1.0
                            total -= 1.0
                            e = e0 + j
                            if t.e_caps[e, 0] >= 0:
                                n_demands = ask(
                                    d_entry, d_group, d_size, d_want, n_demands, e, g, z, 1.0
                                )
                            else:
                                c = t.e_to[e] + z
                                if inflow[c] == 0.0:
                                    touched[n_touched] = c
                                    n_touched += 1
                                inflow[c] += 1.0
                                one = t.size[z + c0 % n_sizes]
                                moved[t.e_transition[e], t.g_stratum[g]] += one
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
                                # a draw of its own for each way: what happens to one is then
                                # the same in two scenarios that differ in another
                                p = own * per_hazard
                                y = 0.0
                                if p > 0.0:
                                    y = binomial(rest, min(p / rest_h, 1.0), base + t.e_key[e])
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
                                    y, count[c0 : c0 + width], total, give,
                                    base + np.uint64(j + 1) * SIZE,
                                )  # fmt: skip
                            else:
                                give[0] = y
                                count[c0] -= y
                            total -= y
                            for z in range(width):
                                if give[z] <= 0.0:
                                    continue
                                if t.e_caps[e, 0] >= 0:
                                    n_demands = ask(
                                        d_entry, d_group, d_size, d_want, n_demands,
                                        e, g, z, give[z],
                                    )  # fmt: skip
                                else:
                                    c = t.e_to[e] + z
                                    if inflow[c] == 0.0:
                                        touched[n_touched] = c
                                        n_touched += 1
                                    inflow[c] += give[z]
                                    one = t.size[z + c0 % n_sizes]
                                    moved[t.e_transition[e], t.g_stratum[g]] += one * give[z]
                whole_group[g] = total
                # those who stay pass stages: a Poisson number, given that it is too few to end
                if advance > 0.0 and phases_left > 1 and total > 0.0:
                    n_changed = mark(c0 // n_sizes, changed, is_changed, n_changed)
                    p = c_none
                    rest_p = c_fewer
                    stay_on = total
                    rest_p -= p
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
                                y, count[c0 : c0 + width], stay_on, give,
                                base + STAGE + np.uint64(j) * SIZE,
                            )  # fmt: skip
                        else:
                            give[0] = y
                            count[c0] -= y
                        stay_on -= y
                        for z in range(width):
                            if give[z] > 0.0:
                                c = c0 + j * stratum_cells + z
                                if inflow[c] == 0.0:
                                    touched[n_touched] = c
                                    n_touched += 1
                                inflow[c] += give[z]
                    whole_group[g] = stay_on
            # 3. short pools: priority first, then at random among those waiting
            if n_caps > 0:
                if new_day:
                    for k in range(n_caps):
                        refill[k] = 0.0
                    for i in range(len(t.s_cap)):
                        k = t.s_cap[i]
                        amount = num[t.s_number[i, 0]]
                        start, end = num[t.s_number[i, 1]], num[t.s_number[i, 2]]
                        window = t.cap_window[k]
                        opens = math.ceil(start) if start > 0.0 else 0.0
                        if whole < opens or whole >= end:
                            continue
                        if window == 0:
                            if whole == opens:
                                refill[k] += amount
                        elif whole % window == 0:
                            refill[k] += amount
                        elif whole == opens and start > 0.0:
                            refill[k] += amount * (window - whole % window) / window
                    for k in range(n_caps):
                        window = t.cap_window[k]
                        if window > 0 and whole % window == 0 and t.cap_carry[k] == 0:
                            level[k] -= math.floor(level[k])
                        level[k] += max(refill[k], 0.0)
                    for i in range(n_pledges):
                        k = t.l_cap[i]
                        window = t.cap_window[k]
                        if whole >= opened[i]:
                            if done[i] == 0:
                                level[k] += num[t.l_number[i, 1]]
                                done[i] = 1
                            elif t.l_repeats[i] == 1 and window > 0 and whole % window == 0:
                                level[k] += num[t.l_number[i, 1]]
                if n_demands > 0:
                    ration(
                        t.cap_key, t.cap_people, t.e_caps, t.e_priority, t.size, t.g_cell,
                        n_sizes, n_demands, d_entry, d_group, d_size, d_want, d_get, d_left,
                        level, short, key_f, step,
                    )  # fmt: skip
                for i in range(n_demands):
                    e = d_entry[i]
                    g = d_group[i]
                    z = d_size[i]
                    people = t.size[z + t.g_cell[g] % n_sizes]
                    if d_get[i] > 0.0:
                        c = t.e_to[e] + z
                        if inflow[c] == 0.0:
                            touched[n_touched] = c
                            n_touched += 1
                        inflow[c] += d_get[i]
                        moved[t.e_transition[e], t.g_stratum[g]] += people * d_get[i]
                        for j in range(3):
                            k = t.e_caps[e, j]
                            if k >= 0:
                                s = people if t.cap_people[k] == 1 else 1
                                level[k] -= d_get[i] * s
                                spent[k] += d_get[i] * s
                    turned = d_want[i] - d_get[i]
                    if turned > 0.0:
                        # their stages are behind them; they wait for room, not from the start
                        c = (t.g_last[g] if t.e_staged[e] else t.g_cell[g]) + z
                        if inflow[c] == 0.0:
                            touched[n_touched] = c
                            n_touched += 1
                        inflow[c] += turned
            # 4. everyone arrives where they went
            for i in range(n_touched):
                c = touched[i]
                count[c] += inflow[c]
                if group_of[c] >= 0:
                    whole_group[group_of[c]] += inflow[c]
                inflow[c] = 0.0
                n_changed = mark(c // n_sizes, changed, is_changed, n_changed)
            for i in range(len(t.a_cell)):
                c = t.a_cell[i]
                x = poisson(
                    num[t.a_number[i]] * combo[t.a_combo[i]] / per_day,
                    key_f + cell_key(t.a_key[i], step),
                )
                if x > 0.0:
                    count[c] += x
                    if group_of[c] >= 0:
                        whole_group[group_of[c]] += x
                    n_changed = mark(c // n_sizes, changed, is_changed, n_changed)
            for i in range(n_pledges):
                if opened[i] == math.inf:
                    so_far = 0.0
                    for j in range(t.l_start[i], t.l_start[i + 1]):
                        for s_ in range(n_strata):
                            so_far += moved[t.l_transition[j], s_]
                    if so_far >= num[t.l_number[i, 0]]:
                        opened[i] = whole + 1 + t.l_delay[i]
            for i in range(n_changed):
                r = changed[i]
                here[r] = people_of(r, count, t.c_people, n_sizes)
                is_changed[r] = False
            n_changed = np.int64(0)
            # 5. what was asked for
            if (step + 1) % per_day == 0:
                for i in range(present.shape[1]):
                    s2 = 0.0
                    for j in range(p_start[i], p_start[i + 1]):
                        s2 += here[p_row[j]]
                    present[f, i, whole] = np.int32(s2)
                if iu < len(t.units_on) and t.units_on[iu] == whole:
                    for c in range(n_cells):
                        k = t.phase_state[c // stratum_cells]
                        units[f, iu, k, (c // n_sizes) % n_strata, c % n_sizes] += np.int64(
                            count[c]
                        )
                    iu += 1
                if il < len(t.flows_on) and t.flows_on[il] == whole:
                    for j in range(n_trans):
                        for s_ in range(n_strata):
                            flows[f, il, j, s_] = np.int64(moved[j, s_])
                    for k in range(n_caps):
                        used[f, il, k] = np.int64(spent[k])
                        refused[f, il, k] = np.int64(short[k])
                    il += 1
