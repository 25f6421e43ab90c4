"""Places that are short, and who gets them: the third part of the general kernel.

Exists to ration rooms, officers, flights and pledged places among those who ask on the same day.
Goes in: what asks, what each pool holds. Comes out: who moves, who is turned away and waits on, and
what is left in each pool.
"""

from __future__ import annotations

import math

import numpy as np

from onward.forecast.simulator.kernel.chance import GOLD, cell_key, compiled, hypergeometric
from onward.forecast.simulator.kernel.factors import LANES, WIDE
from onward.forecast.simulator.kernel.leaving import arrive


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
