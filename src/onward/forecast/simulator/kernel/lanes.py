"""The batched compiled kernel: many futures side by side, for models without stages or pools.

Exists because the plain job is the common one and vector code does it several times faster. Goes
in and comes out: as `general.run`. Same law and the same keyed draws, future by future; only the
order of the work differs: every loop below runs over the lanes of a block, one future each. Rows of
a table are lanes; columns beyond the last future repeat it and are thrown away.
"""

from __future__ import annotations

import math

import numpy as np

from onward.forecast.simulator.kernel.chance import (
    FEW,
    GOLD,
    RARE,
    ROUND,
    SMALL,
    SPLIT,
    TINY,
    binomial,
    cell_key,
    compiled,
    em1,
    future_key,
    minus_log1m,
    nobody,
    normal,
    uniform,
)
from onward.forecast.simulator.kernel.factors import approach, effect, response, shock_step
from onward.forecast.simulator.kernel.tables import (
    APPROACH,
    EFFECT,
    FEEDBACK,
    GATE,
    SHOCK,
    TERM,
)

LANES = 128
WIDE = np.uint64(LANES)  # unsigned indices need no check for a negative sign
MANY_LANES = 24  # more than this have a further leaver: move them all at once
FEW_LANES = 12  # fewer than this still drawing: finish them one by one


# Every working row of a group is a stretch of one flat array at a fixed distance: the compiler
# then sees that they cannot overlap and turns the loops into vector code.
N = np.uint64(0) * WIDE  # people in the cell
HAZARD = np.uint64(1) * WIDE  # the sum of its hazards
MEAN = np.uint64(2) * WIDE  # people times hazard
U = np.uint64(3) * WIDE  # the uniform, and what is left of it
R = np.uint64(4) * WIDE  # the probability of the count reached
K = np.uint64(5) * WIDE  # leavers
RATIO = np.uint64(6) * WIDE  # exp(hazard) - 1
WAY = np.uint64(7) * WIDE  # way of the first leaver, -1 if none is decided
P = np.uint64(8) * WIDE  # binomial: probability
OUT = np.uint64(9) * WIDE  # binomial: result
TRIES = np.uint64(10) * WIDE  # binomial: number of trials
U2 = np.uint64(11) * WIDE  # binomial: uniform
R2 = np.uint64(12) * WIDE  # binomial: probability of the count reached
RATIO2 = np.uint64(13) * WIDE  # binomial: odds
EDGE = np.uint64(14) * WIDE  # hazards summed up to each way


@compiled()
def hazards(w, rate, combo, old, c0, e0, combos, ways):  # type: ignore[no-untyped-def]
    """Hazards summed way by way, and people times the whole. Returns lanes too busy for
    inversion."""
    a = np.uint64(e0) * WIDE
    b = np.uint64(combos[e0]) * WIDE
    for l in range(WIDE):  # noqa: E741
        w[HAZARD + l] = rate[a + l] * combo[b + l]
    for j in range(1, ways):
        o = EDGE + np.uint64(j - 1) * WIDE
        for l in range(WIDE):  # noqa: E741
            w[o + l] = w[HAZARD + l]
        a = np.uint64(e0 + j) * WIDE
        b = np.uint64(combos[e0 + j]) * WIDE
        for l in range(WIDE):  # noqa: E741
            w[HAZARD + l] = w[HAZARD + l] + rate[a + l] * combo[b + l]
    busy = 0
    o = np.uint64(c0) * WIDE
    for l in range(WIDE):  # noqa: E741
        n = old[o + l]
        x = n * w[HAZARD + l]
        w[N + l] = n
        w[MEAN + l] = x
        busy += 1 if x >= SMALL else 0
    return busy


@compiled()
def first_chop(w, key, base):  # type: ignore[no-untyped-def]
    """Draw the lanes' uniforms and P(nobody leaves). Returns lanes that somebody leaves."""
    some = 0
    for l in range(WIDE):  # noqa: E741
        x = uniform(key[l] + base)
        p = nobody(min(w[MEAN + l], SMALL))
        w[U + l] = x
        w[R + l] = p
        some += 1 if x >= p else 0
    return some


@compiled(forceinline=True)
def chop_down(w, n, u, r, k, ratio):  # type: ignore[no-untyped-def]
    """Inversion in every lane: walk up the counts until the uniform is used up."""
    i = 0.0
    while True:
        going = 0
        over = 1.0 / (i + 1.0)
        for l in range(WIDE):  # noqa: E741
            x = w[u + l]
            p = w[r + l]
            y = w[k + l]
            on = (x >= p) & (p > TINY)
            nxt = p * (w[ratio + l] * (w[n + l] - i) * over)
            w[u + l] = x - p if on else x
            w[r + l] = nxt if on else p
            w[k + l] = y + 1.0 if on else y
            going += 1 if on else 0
        i += 1.0
        if going <= FEW_LANES:
            break
    if going > 0:
        for l in range(WIDE):  # noqa: E741
            x = w[u + l]
            p = w[r + l]
            if x >= p and p > TINY:
                i = w[k + l]
                while x >= p and p > TINY:
                    x -= p
                    p = p * (w[ratio + l] * (w[n + l] - i) * (1.0 / (i + 1.0)))
                    i += 1.0
                w[u + l] = x
                w[r + l] = p
                w[k + l] = i


@compiled()
def chop(w):  # type: ignore[no-untyped-def]
    """Finish the inversion: K leavers per lane; U becomes the uniform that is left over."""
    for l in range(WIDE):  # noqa: E741
        w[RATIO + l] = em1(min(w[HAZARD + l], SMALL))
        w[K + l] = 0.0
    chop_down(w, N, U, R, K, RATIO)
    for l in range(WIDE):  # noqa: E741
        w[U + l] = min(w[U + l] / max(w[R + l], 1e-300), 0.9999999999999999)


@compiled()
def which_way(w, ways):  # type: ignore[no-untyped-def]
    """The way of one leaver per lane, from the uniform in U."""
    for l in range(WIDE):  # noqa: E741
        w[WAY + l] = 0.0
        w[U + l] = w[U + l] * w[HAZARD + l]
    for j in range(ways - 1):
        o = EDGE + np.uint64(j) * WIDE
        for l in range(WIDE):  # noqa: E741
            w[WAY + l] += 1.0 if w[U + l] >= w[o + l] else 0.0


@compiled()
def fresh(w, key, base):  # type: ignore[no-untyped-def]
    """A new uniform per lane."""
    for l in range(WIDE):  # noqa: E741
        w[U + l] = uniform(key[l] + base)


@compiled()
def send(w, ways, i, e0, to, new, taken, moved, flow_row, flows_too):  # type: ignore[no-untyped-def]
    """Move leaver number i (from 0) of every lane that has one and sends them singly."""
    for j in range(ways):
        c = to[e0 + j]
        o = np.uint64(c) * WIDE
        some = 0
        for l in range(WIDE):  # noqa: E741
            goes = (w[WAY + l] == j) & (w[K + l] > i) & (w[K + l] <= FEW)
            new[o + l] += 1.0 if goes else 0.0
            some += 1 if goes else 0
        if some > 0:
            taken[c] = 1
            if flows_too:
                o = np.uint64(flow_row[e0 + j]) * WIDE
                for l in range(WIDE):  # noqa: E741
                    goes = (w[WAY + l] == j) & (w[K + l] > i) & (w[K + l] <= FEW)
                    moved[o + l] += 1.0 if goes else 0.0


@compiled()
def send_rest(w, ways, i0, key, base, e0, to, new, taken, moved, flow_row, flows_too):  # type: ignore[no-untyped-def]
    """Move leavers from number i0 on, lane by lane."""
    for l in range(WIDE):  # noqa: E741
        x = w[K + l]
        if x > i0 and x <= FEW:
            for i in range(i0, int(x)):
                y = uniform(key[l] + base + np.uint64(i + 1) * GOLD) * w[HAZARD + l]
                j = 0
                for i2 in range(ways - 1):
                    j += 1 if y >= w[EDGE + np.uint64(i2) * WIDE + l] else 0
                c = to[e0 + j]
                new[np.uint64(c) * WIDE + l] += 1.0
                taken[c] = 1
                if flows_too:
                    moved[np.uint64(flow_row[e0 + j]) * WIDE + l] += 1.0


@compiled()
def quick_btrs(w, key, base):  # type: ignore[no-untyped-def]
    """First round of BTRS in every lane; OUT is -1 where the squeeze does not settle it."""
    for l in range(WIDE):  # noqa: E741
        n = w[TRIES + l]
        full = w[P + l]
        p = min(full, 1.0 - full)
        spq = math.sqrt(n * p * (1.0 - p))
        b = 1.15 + 2.53 * spq
        a = -0.0873 + 0.0248 * b + 0.01 * p
        c = n * p + 0.5
        vr = 0.92 - 4.2 / b
        at = key[l] + base + ROUND * GOLD
        u = uniform(at) - 0.5
        v = uniform(at + GOLD)
        us = 0.5 - abs(u)
        x = math.floor((2.0 * a / us + b) * u + c)
        good = (us >= 0.07) & (v <= vr) & (n * p >= SMALL)
        x = x if full <= 0.5 else n - x
        w[OUT + l] = x if good else -1.0


@compiled()
def small_binomials(w, key, base):  # type: ignore[no-untyped-def]
    """OUT by inversion where the mean is small; lanes it is not for are left at -1."""
    for l in range(WIDE):  # noqa: E741
        n = w[TRIES + l]
        full = w[P + l]
        p = min(full, 1.0 - full)
        fits = (n * p < SMALL) & (p <= RARE)
        few = min(p, RARE)
        x = uniform(key[l] + base)
        r = nobody(min(n * minus_log1m(few), 12.0))
        w[U2 + l] = x if fits else 0.0
        w[R2 + l] = r if fits else 1.0
        w[RATIO2 + l] = few / (1.0 - few)
        w[OUT + l] = 0.0
    chop_down(w, TRIES, U2, R2, OUT, RATIO2)
    for l in range(WIDE):  # noqa: E741
        n = w[TRIES + l]
        full = w[P + l]
        p = min(full, 1.0 - full)
        fits = (n * p < SMALL) & (p <= RARE)
        x = w[OUT + l]
        x = x if full <= 0.5 else n - x
        w[OUT + l] = x if fits else -1.0


@compiled()
def binomials(w, key, base):  # type: ignore[no-untyped-def]
    """A binomial per lane, as `binomial` draws it, from TRIES and P into OUT."""
    busy = 0
    for l in range(WIDE):  # noqa: E741
        p = w[P + l]
        busy += 1 if w[TRIES + l] * min(p, 1.0 - p) >= SMALL else 0
    if busy == LANES:
        quick_btrs(w, key, base)
    else:
        small_binomials(w, key, base)
        if busy > 0:
            for l in range(WIDE):  # noqa: E741
                w[U2 + l] = w[OUT + l]
            quick_btrs(w, key, base)
            for l in range(WIDE):  # noqa: E741
                x = w[U2 + l]
                w[OUT + l] = x if x >= 0.0 else w[OUT + l]
    for l in range(WIDE):  # noqa: E741
        if w[OUT + l] < 0.0:
            w[OUT + l] = binomial(w[TRIES + l], w[P + l], key[l] + base)


@compiled()
def add(total, row, c, people):  # type: ignore[no-untyped-def]
    """total += people * the row of a cell."""
    o = np.uint64(c) * WIDE
    for l in range(WIDE):  # noqa: E741
        total[l] += people * row[o + l]


@compiled(makes_arrays=True)
def factors(t, whole, day, new_day, step, num, factor, z_shock, history, key):  # type: ignore[no-untyped-def]
    """Every factor of the day, per lane."""
    for k in range(len(t.k_kind)):
        kind = t.k_kind[k]
        q0, q1, q2, q3, q4 = t.k_number[k]
        row = factor[k]
        if kind == TERM:
            row[:] = t.terms[t.k_extra[k, 0], whole]
        elif kind == EFFECT:
            for l in range(WIDE):  # noqa: E741
                row[l] = effect(num[q0, l], num[q1, l], num[q2, l], num[q3, l], day)
        elif kind == APPROACH:
            for l in range(WIDE):  # noqa: E741
                row[l] = approach(
                    num[q0, l], num[q1, l], num[q2, l], num[q3, l], num[q4, l], day
                )
        elif kind == GATE:
            for l in range(WIDE):  # noqa: E741
                inside = False
                for w in range(t.k_extra[k, 0], t.k_extra[k, 1]):
                    if num[t.windows[w, 0], l] <= day < num[t.windows[w, 1], l]:
                        inside = True
                row[l] = 1.0 if inside != (t.k_extra[k, 2] == 1) else 0.0
        elif kind == FEEDBACK:
            lag = t.k_extra[k, 1]
            if step < lag:
                row[:] = t.k_before[k]
            else:
                row[:] = history[t.k_extra[k, 2], step - lag]
            if t.k_extra[k, 0] == 1:
                for l in range(WIDE):  # noqa: E741
                    x = row[l]
                    y = response(1, num[q0, l], num[q1, l], x)
                    row[l] = 1.0 if x < 0.0 else y
            else:
                for l in range(WIDE):  # noqa: E741
                    x = row[l]
                    y = response(t.k_extra[k, 0], num[q0, l], num[q1, l], x)
                    row[l] = 1.0 if x < 0.0 else y
        elif kind == SHOCK and new_day:
            label = cell_key(t.k_key[k], whole)
            for l in range(WIDE):  # noqa: E741
                if whole == 0:
                    z_shock[k, l] = num[q2, l]
                z = shock_step(
                    z_shock[k, l], num[q0, l], num[q1, l], t.k_extra[k, 0] == 1, whole == 0,
                    normal(key[l] + label),
                )  # fmt: skip
                z_shock[k, l] = z
                centre = 0.5 * num[q0, l] * num[q0, l] if t.k_extra[k, 1] == 1 else 0.0
                row[l] = math.exp(z - centre)


@compiled(keep=True, makes_arrays=True)
def run_lanes(t, rows, seed, shock_seed, first, n, keyed, present, units, flows, used, refused):  # type: ignore[no-untyped-def]
    """Simulate futures first ... first+n-1 into rows 0 ... n-1 of the outputs."""
    n_strata = t.shape[1]
    n_trans, days, per_day = t.shape[4], t.shape[5], t.shape[6]
    n_cells = len(t.start)
    n_groups = len(t.g_cell)
    n_entries = len(t.e_to)
    n_combos = len(t.b_start) - 1
    n_ratios = len(t.r_constant)
    n_numbers = len(t.q_fixed)
    steps = days * per_day

    num = np.zeros((n_numbers, LANES))
    rate = np.zeros((n_entries, LANES))
    old = np.zeros((n_cells, LANES))
    new = np.zeros((n_cells, LANES))
    factor = np.ones((len(t.k_kind), LANES))
    z_shock = np.zeros((len(t.k_kind), LANES))
    combo = np.ones((n_combos, LANES))
    history = np.zeros((n_ratios, steps, LANES))
    moved = np.zeros((n_trans * n_strata, LANES))
    key = np.zeros(LANES, np.uint64)
    shock_key = np.zeros(LANES, np.uint64)
    top = np.zeros(LANES)
    bottom = np.zeros(LANES)
    taken = np.zeros(n_cells, np.int64)
    max_ways = 1
    for g in range(n_groups):
        max_ways = max(max_ways, t.g_entry[g + 1] - t.g_entry[g])
    w = np.zeros((14 + max_ways) * LANES)
    rate_row = rate.reshape(-1)
    old_row = old.reshape(-1)
    new_row = new.reshape(-1)
    moved_row = moved.reshape(-1)
    flow_row = np.zeros(n_entries, np.int64)
    for g in range(n_groups):
        for e in range(t.g_entry[g], t.g_entry[g + 1]):
            flow_row[e] = t.e_transition[e] * n_strata + t.g_stratum[g]
    combo_row = combo.reshape(-1)
    factor_row = factor.reshape(-1)
    ask_flows = len(t.flows_on) > 0

    for f0 in range(0, n, LANES):
        live = min(LANES, n - f0)
        for l in range(WIDE):  # noqa: E741
            f = f0 + min(np.int64(l), live - 1)
            key[l] = future_key(seed, first + f)
            shock_key[l] = future_key(shock_seed, first + f)
            row = rows[f if rows.shape[0] > 1 else 0]
            for q in range(n_numbers):
                c = t.q_column[q]
                num[q, l] = row[c] if c >= 0 else t.q_fixed[q]
        for e in range(n_entries):
            q = t.e_number[e]
            for l in range(WIDE):  # noqa: E741
                rate[e, l] = t.e_fixed[e] * num[q, l] if q >= 0 else t.e_fixed[e]
        for c in range(n_cells):
            for l in range(WIDE):  # noqa: E741
                old[c, l] = t.start[c]
                new[c, l] = t.start[c]
            taken[c] = 1 if t.start[c] > 0 else 0
        moved[:] = 0.0
        iu = 0
        il = 0
        for step in range(steps):
            whole = step // per_day
            day = step / per_day
            for i in range(n_ratios):
                top[:] = 0.0
                for j in range(t.r_top_start[i], t.r_top_start[i + 1]):
                    c = t.r_top[j]
                    if taken[c]:
                        add(top, old_row, c, t.c_people[c])
                bottom[:] = t.r_constant[i]
                for j in range(t.r_bottom_start[i], t.r_bottom_start[i + 1]):
                    c = t.r_bottom[j]
                    if taken[c]:
                        add(bottom, old_row, c, t.c_people[c])
                for l in range(WIDE):  # noqa: E741
                    history[i, step, l] = top[l] / bottom[l] if bottom[l] > 0.0 else -1.0
            factors(
                t,
                whole,
                day,
                step % per_day == 0,
                step,
                num,
                factor,
                z_shock,
                history,
                shock_key,
            )
            for b in range(n_combos):
                b0, b1 = t.b_start[b], t.b_start[b + 1]
                o = np.uint64(b) * WIDE
                for l in range(WIDE):  # noqa: E741
                    combo_row[o + l] = 1.0
                for i in range(b0, b1):
                    o2 = np.uint64(t.b_factor[i]) * WIDE
                    for l in range(WIDE):  # noqa: E741
                        combo_row[o + l] *= factor_row[o2 + l]
            for g in range(n_groups):
                c0 = t.g_cell[g]
                if taken[c0] == 0:
                    continue
                e0 = t.g_entry[g]
                ways = t.g_entry[g + 1] - e0
                label = cell_key(t.g_key[g], step)
                busy = hazards(w, rate_row, combo_row, old_row, c0, e0, t.e_combo, ways)
                if keyed:
                    o = np.uint64(c0) * WIDE
                    for l in range(WIDE):  # noqa: E741
                        w[TRIES + l] = w[N + l]
                        h = w[HAZARD + l]
                        w[MEAN + l] = -math.expm1(-h) / h if h > 0.0 else 0.0
                        w[R + l] = 1.0
                    for j in range(ways):
                        e = e0 + j
                        o1 = EDGE + np.uint64(j) * WIDE if j < ways - 1 else HAZARD
                        for l in range(WIDE):  # noqa: E741
                            below = w[o1 - WIDE + l] if j > 0 else 0.0
                            if j > 0 and j == ways - 1:
                                below = w[EDGE + np.uint64(j - 1) * WIDE + l]
                            p = (w[o1 + l] - below) * w[MEAN + l]
                            w[P + l] = min(p / w[R + l], 1.0) if p > 0.0 else 0.0
                            w[R + l] -= p
                        binomials(w, key, label + t.e_key[e])
                        c = t.e_to[e]
                        o2 = np.uint64(c) * WIDE
                        some = 0
                        for l in range(WIDE):  # noqa: E741
                            x = w[OUT + l]
                            w[TRIES + l] -= x
                            new_row[o + l] -= x
                            some += 1 if x > 0.0 else 0
                        if some > 0:
                            taken[c] = 1
                            for l in range(WIDE):  # noqa: E741
                                new_row[o2 + l] += w[OUT + l]
                            if ask_flows:
                                o2 = np.uint64(flow_row[e]) * WIDE
                                for l in range(WIDE):  # noqa: E741
                                    moved_row[o2 + l] += w[OUT + l]
                    continue
                some = 0
                if busy < LANES:
                    some = first_chop(w, key, label)
                    if some == 0 and busy == 0:
                        continue
                    chop(w)
                    which_way(w, ways)
                if busy > 0:
                    for l in range(WIDE):  # noqa: E741
                        if w[MEAN + l] < SMALL:
                            w[TRIES + l] = 0.0
                            w[P + l] = 0.0
                        else:
                            w[TRIES + l] = w[N + l]
                            w[P + l] = -math.expm1(-w[HAZARD + l])
                    binomials(w, key, label)
                    for l in range(WIDE):  # noqa: E741
                        if w[MEAN + l] >= SMALL:
                            w[K + l] = w[OUT + l]
                            # these lanes' first leaver has no uniform left over to use
                            w[WAY + l] = -1.0
                            if 0.0 < w[K + l] <= FEW:
                                y = uniform(key[l] + label + GOLD) * w[HAZARD + l]
                                j = 0
                                for i2 in range(ways - 1):
                                    j += 1 if y >= w[EDGE + np.uint64(i2) * WIDE + l] else 0
                                w[WAY + l] = j
                o = np.uint64(c0) * WIDE
                several = 0
                many = 0
                for l in range(WIDE):  # noqa: E741
                    x = w[K + l]
                    many += 1 if x > FEW else 0
                    new_row[o + l] -= x if x <= FEW else 0.0
                    several += 1 if (x > 1.0) & (x <= FEW) else 0
                if many < LANES:
                    send(
                        w, ways, 0.0, e0, t.e_to, new_row, taken, moved_row, flow_row, ask_flows
                    )
                    i = 1
                    while several > MANY_LANES:
                        fresh(w, key, label + np.uint64(i + 1) * GOLD)
                        which_way(w, ways)
                        send(
                            w, ways, float(i), e0, t.e_to, new_row, taken, moved_row, flow_row,
                            ask_flows,
                        )  # fmt: skip
                        i += 1
                        several = 0
                        for l in range(WIDE):  # noqa: E741
                            several += 1 if (w[K + l] > i) & (w[K + l] <= FEW) else 0
                    if several > 0:
                        send_rest(
                            w, ways, i, key, label, e0, t.e_to, new_row, taken, moved_row,
                            flow_row, ask_flows,
                        )  # fmt: skip
                if many == 0:
                    continue
                for l in range(WIDE):  # noqa: E741
                    w[TRIES + l] = w[K + l] if w[K + l] > FEW else 0.0
                    new[c0, l] -= w[TRIES + l]
                for j in range(ways):
                    e = e0 + j
                    if j < ways - 1:
                        o = EDGE + np.uint64(j) * WIDE
                        for l in range(WIDE):  # noqa: E741
                            below = w[o - WIDE + l] if j > 0 else 0.0
                            over = w[HAZARD + l] - below
                            w[P + l] = (w[o + l] - below) / over if over > 0.0 else 0.0
                        binomials(w, key, label + np.uint64(j + 1) * SPLIT)
                    else:
                        for l in range(WIDE):  # noqa: E741
                            w[OUT + l] = w[TRIES + l]
                    c = t.e_to[e]
                    taken[c] = 1
                    row_c = new[c]
                    for l in range(WIDE):  # noqa: E741
                        w[TRIES + l] -= w[OUT + l]
                        row_c[l] += w[OUT + l]
                    if ask_flows:
                        row_m = moved[t.e_transition[e] * n_strata + t.g_stratum[g]]
                        for l in range(WIDE):  # noqa: E741
                            row_m[l] += w[OUT + l]
            for c in range(n_cells):
                if taken[c]:
                    o = np.uint64(c) * WIDE
                    for l in range(WIDE):  # noqa: E741
                        old_row[o + l] = new_row[o + l]
            if (step + 1) % per_day == 0:
                for i in range(present.shape[1]):
                    top[:] = 0.0
                    for j in range(t.p_start[i], t.p_start[i + 1]):
                        c = t.p_cell[j]
                        if taken[c]:
                            add(top, old_row, c, t.c_people[c])
                    for l in range(np.uint64(live)):  # noqa: E741
                        present[f0 + np.int64(l), i, whole] = np.int32(top[l])
                if iu < len(t.units_on) and t.units_on[iu] == whole:
                    for c in range(n_cells):
                        for l in range(np.uint64(live)):  # noqa: E741
                            units[f0 + np.int64(l), iu, c // n_strata, c % n_strata, 0] = (
                                np.int64(old[c, l])
                            )
                    iu += 1
                if il < len(t.flows_on) and t.flows_on[il] == whole:
                    for j in range(n_trans):
                        for s in range(n_strata):
                            for l in range(np.uint64(live)):  # noqa: E741
                                flows[f0 + np.int64(l), il, j, s] = np.int64(
                                    moved[j * n_strata + s, l] * t.size[0]
                                )
                    il += 1
