"""The compiled kernel that follows units one by one, for models with very many strata.

Exists because counts cost as much as there are strata, and where strata outnumber people by far a
count is nearly always nobody or one. Goes in: `Tables`, one row of parameters per future, the seed.
Comes out: the same arrays as from the other kernels, by the same law (not the same numbers: draws
are keyed by future and order, so threads and pieces still change nothing).

A step costs as much as people move, not as there are people or strata: from everybody in a state
those are drawn who would move at the fastest pace of any stratum, and each of them is then kept
with the share his own pace is of that (thinning, exact).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onward.forecast.simulator.kernel.chance import (
    cell_key,
    compiled,
    future_key,
    leavers,
    mix,
    normal,
    poisson,
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
    Tables,
)


class Places(NamedTuple):
    """Where cells belong, turned round once so that a move touches only what it changes."""

    group_of: npt.NDArray[np.int64]  # (C,) group of a cell, -1 where nothing leads out
    counted: npt.NDArray[np.int64]  # present groups of each cell
    counted_start: npt.NDArray[np.int64]
    ratio: npt.NDArray[np.int64]  # ratios of each cell: row * 2, + 1 in the denominator
    ratio_start: npt.NDArray[np.int64]
    way: npt.NDArray[np.int64]  # (ways over all phases) first group of the phase, place in it
    way_start: npt.NDArray[np.int64]  # (P+1,)
    way_combo: npt.NDArray[np.int64]  # distinct combinations of each way
    way_combo_start: npt.NDArray[np.int64]
    way_staged: npt.NDArray[np.int64]
    phase_groups: npt.NDArray[np.int64]
    phase_groups_start: npt.NDArray[np.int64]


def places(t: Tables) -> Places:
    """The tables turned round."""
    n_phases, n_strata, n_sizes = (int(v) for v in t.shape[:3])
    cells = n_phases * n_strata * n_sizes
    group_of = np.full(cells, -1, np.int64)
    by_phase: list[list[int]] = [[] for _ in range(n_phases)]
    for g, (cell, width) in enumerate(zip(t.g_cell, t.g_width, strict=True)):
        group_of[cell : cell + width] = g
        by_phase[int(cell) // (n_strata * n_sizes)].append(g)

    def turned(of: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        start = np.cumsum([0, *(len(one) for one in of)])
        flat = [value for one in of for value in one]
        return np.asarray(flat, np.int64).reshape(len(flat)), start.astype(np.int64)

    counted: list[list[int]] = [[] for _ in range(cells)]
    for i in range(len(t.p_start) - 1):
        for c in t.p_cell[t.p_start[i] : t.p_start[i + 1]]:
            counted[int(c)].append(i)
    ratio: list[list[int]] = [[] for _ in range(cells)]
    for r in range(len(t.r_constant)):
        for c in t.r_top[t.r_top_start[r] : t.r_top_start[r + 1]]:
            ratio[int(c)].append(2 * r)
        for c in t.r_bottom[t.r_bottom_start[r] : t.r_bottom_start[r + 1]]:
            ratio[int(c)].append(2 * r + 1)
    ways: list[list[int]] = []
    combos: list[list[int]] = []
    staged: list[int] = []
    for groups in by_phase:
        count = int(t.g_entry[groups[0] + 1] - t.g_entry[groups[0]]) if groups else 0
        ways.append(list(range(count)))
        for j in range(count):
            entries = [int(t.g_entry[g]) + j for g in groups]
            combos.append(sorted({int(t.e_combo[e]) for e in entries}))
            staged.append(int(t.e_staged[entries[0]] and t.g_phases_left[groups[0]] > 0))
    way, way_start = turned(ways)
    way_combo, way_combo_start = turned(combos)
    groups_, groups_start = turned(by_phase)
    return Places(
        group_of, *turned(counted), *turned(ratio), way, way_start, way_combo, way_combo_start,
        np.asarray(staged, np.int64).reshape(len(staged)), groups_, groups_start,
    )  # fmt: skip


@compiled()
def book(p, t, c, people, sign, seen, parts):  # type: ignore[no-untyped-def]
    """A unit enters (+1) or leaves (-1) a cell: its groups and ratios."""
    for i in range(p.counted_start[c], p.counted_start[c + 1]):
        seen[p.counted[i]] += sign * people
    for i in range(p.ratio_start[c], p.ratio_start[c + 1]):
        parts[p.ratio[i]] += sign * people


@compiled(keep=True, makes_arrays=True)
def run_people(t, p, rows, seed, shock_seed, first, n, present, units, flows, used, refused):  # type: ignore[no-untyped-def]
    """Simulate futures first ... first+n-1 into rows 0 ... n-1 of the outputs."""
    n_phases, n_strata, n_sizes = t.shape[0], t.shape[1], t.shape[2]
    n_trans, days, per_day = t.shape[4], t.shape[5], t.shape[6]
    steps = days * per_day
    block = n_strata * n_sizes
    n_factors = len(t.k_kind)
    n_combos = len(t.b_start) - 1
    n_ratios = len(t.r_constant)
    n_caps = len(t.cap_key)
    n_pledges = len(t.l_cap)
    n_groups = present.shape[1]
    start_units = 0
    for c in range(len(t.start)):
        start_units += t.start[c]
    room = start_units + 1024
    cell_of = np.zeros(room, np.int64)
    list_ = np.zeros((n_phases, room), np.int64)
    size_of_list = np.zeros(n_phases, np.int64)
    # moves of one step: unit, cell entered, entry (-1: none), whether it asks for a place
    m_unit = np.zeros(room, np.int64)
    m_to = np.zeros(room, np.int64)
    m_entry = np.zeros(room, np.int64)
    order = np.zeros(room, np.int64)
    rank = np.zeros(room)
    got = np.zeros(room, np.int64)

    num = np.zeros(len(t.q_fixed))
    rate = np.zeros(len(t.e_fixed))
    single = np.zeros(len(t.x_fixed))
    bound = np.zeros(len(p.way))
    alone = np.zeros(n_phases)
    factor = np.ones(n_factors)
    z_shock = np.zeros(n_factors)
    combo = np.ones(n_combos)
    history = np.zeros((n_ratios, steps))
    parts = np.zeros(2 * n_ratios + 1)
    seen = np.zeros(n_groups)
    moved = np.zeros((n_trans + 1, n_strata))
    level = np.zeros(n_caps)
    refill = np.zeros(n_caps)
    spent = np.zeros(n_caps)
    short = np.zeros(n_caps)
    opened = np.zeros(n_pledges)
    done = np.zeros(n_pledges, np.int64)

    for f in range(n):
        row = rows[f if rows.shape[0] > 1 else 0]
        key_f = future_key(seed, first + f)
        key_s = future_key(shock_seed, first + f)
        ctr = np.uint64(0)
        for q in range(len(num)):
            c = t.q_column[q]
            num[q] = row[c] if c >= 0 else t.q_fixed[q]
        for e in range(len(rate)):
            q = t.e_number[e]
            rate[e] = t.e_fixed[e] * num[q] if q >= 0 else t.e_fixed[e]
        for x in range(len(single)):
            q = t.x_number[x]
            single[x] = t.x_fixed[x] * num[q] if q >= 0 else t.x_fixed[x]
        # the fastest pace of any stratum, way by way
        for a in range(n_phases):
            alone[a] = 0.0
            for w in range(p.way_start[a], p.way_start[a + 1]):
                bound[w] = 0.0
            for i in range(p.phase_groups_start[a], p.phase_groups_start[a + 1]):
                g = p.phase_groups[i]
                e0 = t.g_entry[g]
                for w in range(p.way_start[a], p.way_start[a + 1]):
                    r = rate[e0 + p.way[w]]
                    if p.way_staged[w]:
                        r *= t.g_stages[g]
                    bound[w] = max(bound[w], r)
        people_now = 0
        size_of_list[:] = 0
        parts[:] = 0.0
        seen[:] = 0.0
        for c in range(len(t.start)):
            for _ in range(t.start[c]):
                cell_of[people_now] = c
                people_now += 1
        # those of a state with stages stand where the shares say
        for i in range(len(t.spread)):
            c0, gap, phases = t.spread[i, 0], t.spread[i, 1], t.spread[i, 2]
            for u in range(people_now):
                if cell_of[u] == c0:
                    ctr += np.uint64(1)
                    y = uniform(key_f + mix(ctr))
                    j = 0
                    while j < phases - 1 and y >= t.spread_share[t.spread[i, 3] + j]:
                        y -= t.spread_share[t.spread[i, 3] + j]
                        j += 1
                    cell_of[u] = -(c0 + j * gap) - 1  # not to be placed again by another row
        for u in range(people_now):
            if cell_of[u] < 0:
                cell_of[u] = -cell_of[u] - 1
            c = cell_of[u]
            a = c // block
            list_[a, size_of_list[a]] = u
            size_of_list[a] += 1
            book(p, t, c, t.c_people[c], 1.0, seen, parts)
        moved[:] = 0.0
        level[:] = 0.0
        spent[:] = 0.0
        short[:] = 0.0
        opened[:] = math.inf
        done[:] = 0
        iu = 0
        il = 0
        for step in range(steps):
            whole = step // per_day
            new_day = step % per_day == 0
            day = step / per_day
            for r in range(n_ratios):
                bottom = t.r_constant[r] if t.r_constant[r] > 0.0 else parts[2 * r + 1]
                history[r, step] = parts[2 * r] / bottom if bottom > 0.0 else -1.0
            for k in range(n_factors):
                kind = t.k_kind[k]
                if kind == TERM:
                    factor[k] = t.terms[t.k_extra[k, 0], whole]
                elif kind == EFFECT:
                    factor[k] = effect(
                        num[t.k_number[k, 0]], num[t.k_number[k, 1]], num[t.k_number[k, 2]],
                        num[t.k_number[k, 3]], day,
                    )  # fmt: skip
                elif kind == APPROACH:
                    factor[k] = approach(
                        num[t.k_number[k, 0]], num[t.k_number[k, 1]], num[t.k_number[k, 2]],
                        num[t.k_number[k, 3]], num[t.k_number[k, 4]], day,
                    )  # fmt: skip
                elif kind == GATE:
                    inside = False
                    for i in range(t.k_extra[k, 0], t.k_extra[k, 1]):
                        if num[t.windows[i, 0]] <= day < num[t.windows[i, 1]]:
                            inside = True
                    factor[k] = 1.0 if inside != (t.k_extra[k, 2] == 1) else 0.0
                elif kind == FEEDBACK:
                    lag = t.k_extra[k, 1]
                    v = t.k_before[k]
                    if step >= lag:
                        v = history[t.k_extra[k, 2], step - lag]
                    if v < 0.0:
                        factor[k] = 1.0
                    else:
                        factor[k] = response(
                            t.k_extra[k, 0], num[t.k_number[k, 0]], num[t.k_number[k, 1]], v
                        )
                elif kind == SHOCK and new_day:
                    sd = num[t.k_number[k, 0]]
                    if whole == 0:
                        z_shock[k] = num[t.k_number[k, 2]]
                    z_shock[k] = shock_step(
                        z_shock[k], sd, num[t.k_number[k, 1]], t.k_extra[k, 0] == 1, whole == 0,
                        normal(key_s + cell_key(t.k_key[k], whole)),
                    )  # fmt: skip
                    centre = 0.5 * sd * sd if t.k_extra[k, 1] == 1 else 0.0
                    factor[k] = math.exp(z_shock[k] - centre)
            for b in range(n_combos):
                v = 1.0
                for i in range(t.b_start[b], t.b_start[b + 1]):
                    v *= factor[t.b_factor[i]]
                combo[b] = v
            n_moves = 0
            for a in range(n_phases):
                here = size_of_list[a]
                if here == 0 or p.phase_groups_start[a] == p.phase_groups_start[a + 1]:
                    continue
                most = 0.0
                for w in range(p.way_start[a], p.way_start[a + 1]):
                    top = 0.0
                    for i in range(p.way_combo_start[w], p.way_combo_start[w + 1]):
                        top = max(top, combo[p.way_combo[i]])
                    most += bound[w] * top
                own = 0.0
                for i in range(p.phase_groups_start[a], p.phase_groups_start[a + 1]):
                    g = p.phase_groups[i]
                    v = 0.0
                    for x in range(t.x_entry[g], t.x_entry[g + 1]):
                        v += single[x] * combo[t.x_combo[x]]
                    own = max(own, v)
                    if t.x_entry[g] == t.x_entry[g + 1]:
                        break
                most += own * t.size[n_sizes - 1] if own > 0.0 else 0.0
                if most <= 0.0:
                    continue
                ctr += np.uint64(1)
                asked, _ = leavers(float(here), most, key_f + mix(ctr))
                if asked <= 0.0:
                    continue
                chance = -math.expm1(-most)
                left = here
                for _ in range(int(asked)):
                    ctr += np.uint64(1)
                    at = min(int(uniform(key_f + mix(ctr)) * left), left - 1)
                    left -= 1
                    unit = list_[a, at]
                    list_[a, at] = list_[a, left]
                    list_[a, left] = unit
                    c = cell_of[unit]
                    g = p.group_of[c]
                    zz = c % n_sizes
                    e0, e1 = t.g_entry[g], t.g_entry[g + 1]
                    phases_left = t.g_phases_left[g]
                    free = 0.0
                    staged = 0.0
                    for e in range(e0, e1):
                        h = rate[e] * combo[t.e_combo[e]]
                        if phases_left > 0 and t.e_staged[e]:
                            staged += h
                        else:
                            free += h
                    advance = staged * t.g_stages[g]
                    x0, x1 = t.x_entry[g], t.x_entry[g + 1]
                    lone = 0.0
                    for x in range(x0, x1):
                        if t.x_change[x] < 0 or zz + 1 < n_sizes:
                            lone += single[x] * combo[t.x_combo[x]] * t.size[zz]
                    total = free + advance + lone
                    ctr += np.uint64(1)
                    if uniform(key_f + mix(ctr)) * chance >= -math.expm1(-total):
                        continue
                    # something happens to this unit within the step: when first, and then what
                    ctr += np.uint64(1)
                    when = -math.log1p(uniform(key_f + mix(ctr)) * math.expm1(-total)) / total
                    to = -1
                    entry = -1
                    passed = 0
                    while when < 1.0:
                        ctr += np.uint64(1)
                        y = uniform(key_f + mix(ctr)) * total
                        if y < advance:
                            passed += 1
                            if passed == phases_left:
                                y *= staged / advance
                                entry = e0
                                for e in range(e0, e1):
                                    h = rate[e] * combo[t.e_combo[e]]
                                    if not t.e_staged[e] or h <= 0.0:
                                        continue
                                    entry = e
                                    # what is left of the uniform picks among those it leads to
                                    if y < h:
                                        break
                                    y -= h
                                break
                        elif y < advance + lone:
                            y -= advance
                            j = -1
                            for x in range(x0, x1):
                                if t.x_change[x] > 0 and zz + 1 >= n_sizes:
                                    continue
                                h = single[x] * combo[t.x_combo[x]] * t.size[zz]
                                if h <= 0.0:
                                    continue
                                j = x
                                if y < h:
                                    break
                                y -= h
                            to = c + t.x_change[j]
                            if t.x_change[j] < 0 and zz == 0:
                                to = t.x_to[j]
                            moved[t.x_transition[j], t.g_stratum[g]] += 1.0
                            passed = 0
                            break
                        else:
                            y -= advance + lone
                            entry = e0
                            for e in range(e0, e1):
                                if phases_left > 0 and t.e_staged[e]:
                                    continue
                                h = rate[e] * combo[t.e_combo[e]]
                                if h <= 0.0:
                                    continue
                                entry = e
                                if y < h:
                                    break
                                y -= h
                            break
                        ctr += np.uint64(1)
                        when -= math.log(1.0 - uniform(key_f + mix(ctr))) / total
                    if entry >= 0:
                        to = t.e_to[entry] + (c - t.g_cell[g])
                    elif to < 0:
                        to = c + passed * block
                    here -= 1
                    list_[a, left] = list_[a, here]
                    m_unit[n_moves] = unit
                    m_to[n_moves] = to
                    m_entry[n_moves] = entry
                    n_moves += 1
                size_of_list[a] = here
            # short pools: priority first, then at random among those who ask
            if n_caps > 0:
                if new_day:
                    for k in range(n_caps):
                        refill[k] = 0.0
                    for i in range(len(t.s_cap)):
                        k = t.s_cap[i]
                        amount = num[t.s_number[i, 0]]
                        begin, end = num[t.s_number[i, 1]], num[t.s_number[i, 2]]
                        window = t.cap_window[k]
                        opens = np.ceil(max(begin, 0.0))
                        if whole < opens or whole >= end:
                            continue
                        if window == 0:
                            if whole == opens:
                                refill[k] += amount
                        elif whole % window == 0:
                            refill[k] += amount
                        elif whole == opens and begin > 0.0:
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
                for m in range(n_moves):
                    got[m] = 1
                for k in range(n_caps):
                    avail = math.floor(level[k] + 1e-9)
                    asking = 0
                    need = 0.0
                    for m in range(n_moves):
                        e = m_entry[m]
                        if e < 0 or got[m] == 0:
                            continue
                        if t.e_caps[e, 0] == k or t.e_caps[e, 1] == k or t.e_caps[e, 2] == k:
                            order[asking] = m
                            ctr += np.uint64(1)
                            rank[asking] = t.e_priority[e] + uniform(key_f + mix(ctr))
                            asking += 1
                            s = 1.0
                            if t.cap_people[k] == 1:
                                s = t.size[cell_of[m_unit[m]] % n_sizes]
                            need += s
                    if need <= avail:
                        continue
                    turn = np.argsort(rank[:asking])
                    for i in turn:
                        m = order[i]
                        s = 1.0
                        if t.cap_people[k] == 1:
                            s = t.size[cell_of[m_unit[m]] % n_sizes]
                        if s <= avail:
                            avail -= s
                        else:
                            got[m] = 0
                            short[k] += s
            for m in range(n_moves):
                unit = m_unit[m]
                c = cell_of[unit]
                g = p.group_of[c]
                e = m_entry[m]
                to = m_to[m]
                if e >= 0:
                    people = t.c_people[c]
                    if n_caps > 0 and got[m] == 0:
                        # their stages are behind them; they wait for room, not from the start
                        to = t.g_last[g] + (c - t.g_cell[g]) if t.e_staged[e] else c
                    else:
                        moved[t.e_transition[e], t.g_stratum[g]] += people
                        for j in range(3):
                            k = t.e_caps[e, j]
                            if k >= 0:
                                s = people if t.cap_people[k] == 1 else 1.0
                                level[k] -= s
                                spent[k] += s
                a = to // block
                list_[a, size_of_list[a]] = unit
                size_of_list[a] += 1
                if to != c:
                    book(p, t, c, t.c_people[c], -1.0, seen, parts)
                    book(p, t, to, t.c_people[to], 1.0, seen, parts)
                    cell_of[unit] = to
            for i in range(len(t.a_cell)):
                ctr += np.uint64(1)
                came = poisson(
                    num[t.a_number[i]] * combo[t.a_combo[i]] / per_day, key_f + mix(ctr)
                )
                for _ in range(int(came)):
                    if people_now == room:
                        more = room + room // 2 + 16
                        wider = np.zeros((n_phases, more), np.int64)
                        wider[:, :room] = list_
                        list_ = wider
                        extra = np.zeros(more - room, np.int64)
                        cell_of = np.append(cell_of, extra)
                        m_unit = np.append(m_unit, extra)
                        m_to = np.append(m_to, extra)
                        m_entry = np.append(m_entry, extra)
                        order = np.append(order, extra)
                        got = np.append(got, extra)
                        rank = np.append(rank, np.zeros(more - room))
                        room = more
                    c = t.a_cell[i]
                    cell_of[people_now] = c
                    a = c // block
                    list_[a, size_of_list[a]] = people_now
                    size_of_list[a] += 1
                    people_now += 1
                    book(p, t, c, t.c_people[c], 1.0, seen, parts)
            for i in range(n_pledges):
                if opened[i] == math.inf:
                    so_far = 0.0
                    for j in range(t.l_start[i], t.l_start[i + 1]):
                        for s_ in range(n_strata):
                            so_far += moved[t.l_transition[j], s_]
                    if so_far >= num[t.l_number[i, 0]]:
                        opened[i] = whole + 1 + t.l_delay[i]
            if (step + 1) % per_day == 0:
                for i in range(n_groups):
                    present[f, i, whole] = np.int32(seen[i] + 0.5)
                if iu < len(t.units_on) and t.units_on[iu] == whole:
                    for u in range(people_now):
                        c = cell_of[u]
                        units[f, iu, t.phase_state[c // block], (c // n_sizes) % n_strata,
                              c % n_sizes] += 1  # fmt: skip
                    iu += 1
                if il < len(t.flows_on) and t.flows_on[il] == whole:
                    for j in range(n_trans):
                        for s_ in range(n_strata):
                            flows[f, il, j, s_] = np.int64(moved[j, s_])
                    for k in range(n_caps):
                        used[f, il, k] = np.int64(spent[k])
                        refused[f, il, k] = np.int64(short[k])
                    il += 1


__all__ = ["places", "run_people"]
