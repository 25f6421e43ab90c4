"""The general compiled kernel: everything a model can declare, many futures in step.

Exists to simulate stages, unit sizes, capacities, pledges, births, deaths and arrivals exactly.
Goes in: `Tables`, one row of parameters per future, the seed. Comes out: the arrays asked for.

On most days nobody leaves most groups. So a day has two parts. What has to be asked of every group
(its hazards, and whether anybody stirs in it) is asked of LANES futures at once in vector code;
only where somebody does, one group of one future is worked out, unit by unit. A lane is a future;
an array of `x` by lanes is flat, x * LANES + lane, so that the compiler sees stretches. The parts
of a day are in `factors`, `leaving` and `pools`.

`lanes` does the same law for plain models, in which nearly every group stirs every day, with the
same keyed draws, and the tests hold the two to the same numbers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from onward.forecast.simulator.kernel.chance import (
    DAY,
    binomial,
    cell_key,
    compiled,
    future_key,
    mix,
    poisson,
    uniform,
)
from onward.forecast.simulator.kernel.factors import (
    LANES,
    WIDE,
    combine,
    day_factors,
    ring_rates,
)
from onward.forecast.simulator.kernel.leaving import arrive, stirring, work_out
from onward.forecast.simulator.kernel.pools import refill, serve
from onward.forecast.simulator.kernel.tables import B, F, I, Tables, U


class Work(NamedTuple):
    """Rows a run works in, `LANES` futures side by side, and lists made once from the tables.

    Made outside the compiled code: compiling what makes an array takes longer than all else.
    """

    # numbers, rates, and the units of each cell
    num: F
    rate: F
    units: F
    inflow: F  # on their way to a cell, which they reach at the end of the step
    touched: I  # those cells
    whole_group: F  # units of each group, so that they need not be summed every step
    here: F  # people of each row of sizes (a phase and a stratum)
    moved: F  # people so far by transition and stratum; the last: growing older, no move
    # factors
    factor: F
    z_shock: F
    until: F
    combo: F
    history: F
    dies: F
    bears: F
    always: B
    # pools and pledges
    level: F
    more: F
    spent: F
    short: F
    need: F
    s_next: F
    opened: F
    done: I
    # demands for rationed moves: a slot for each way and size
    want: F
    asked: I  # (LANES, slots)
    n_demands: I
    d_entry: I
    d_group: I
    d_size: I
    d_want: F
    d_get: F
    d_left: F
    # keys and small rows
    key: U
    shock_key: U
    sums: F
    flag: I
    found: I
    ever: B
    passing: F
    edge: F
    give: F
    # lists made from the tables
    group_of: I  # (cells,) -1: in none
    g_first: (
        I  # stages of one state and stratum share their chances; they are told by their end
    )
    e_slot: I  # (entries,) -1: not rationed
    e_group: I
    slot_entry: I
    r_top: I  # rows of sizes instead of cells: states and strata are asked for whole
    r_top_start: I
    r_bottom: I
    r_bottom_start: I
    p_row: I
    p_start: I


def rows_of(cells: I, starts: I, n_sizes: int) -> tuple[I, I]:
    """Lists of cells as lists of rows of sizes."""
    whole = cells % n_sizes == 0
    before = np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)
    return np.ascontiguousarray(cells[whole] // n_sizes), before[starts]


def workspace(t: Tables) -> Work:
    """Rows and lists for one run of these tables."""
    n_strata, n_sizes, n_trans = int(t.shape[1]), int(t.shape[2]), int(t.shape[4])
    steps = int(t.shape[5] * t.shape[6])
    n_cells, n_groups, n_entries = len(t.start), len(t.g_cell), len(t.e_to)
    n_factors, n_caps, n_pledges = len(t.k_kind), len(t.cap_key), len(t.l_cap)
    ways = np.diff(t.g_entry)
    rationed = t.e_caps[:, 0] >= 0
    slots = int(rationed.sum()) * n_sizes
    e_slot = np.where(rationed, (np.cumsum(rationed) - 1) * n_sizes, -1)
    group_of = np.full(n_cells, -1)
    own = np.repeat(np.arange(n_groups), t.g_width)
    nth = np.arange(len(own)) - np.repeat(np.cumsum(t.g_width) - t.g_width, t.g_width)
    group_of[t.g_cell[own] + nth] = own
    _, first, same = np.unique(t.g_last, return_index=True, return_inverse=True)
    r_top, r_top_start = rows_of(t.r_top, t.r_top_start, n_sizes)
    r_bottom, r_bottom_start = rows_of(t.r_bottom, t.r_bottom_start, n_sizes)
    p_row, p_start = rows_of(t.p_cell, t.p_start, n_sizes)

    def rows(n: int) -> F:
        return np.zeros(n * LANES)

    def whole(n: int) -> I:
        return np.zeros(n, np.int64)

    return Work(
        num=rows(max(len(t.q_fixed), 1)), rate=rows(n_entries), units=rows(n_cells),
        inflow=rows(n_cells), touched=whole(n_cells * LANES), whole_group=rows(n_groups),
        here=rows(n_cells // n_sizes), moved=rows((n_trans + 1) * n_strata),
        factor=np.ones(n_factors * LANES), z_shock=rows(n_factors), until=rows(n_factors),
        combo=np.ones((len(t.b_start) - 1) * LANES),
        history=rows(len(t.r_constant) * steps), dies=rows(n_groups), bears=rows(n_groups),
        always=np.zeros(n_groups, np.bool_), level=rows(n_caps), more=rows(n_caps),
        spent=rows(n_caps), short=rows(n_caps), need=np.zeros(n_caps), s_next=rows(len(t.s_cap)),
        opened=rows(n_pledges), done=whole(n_pledges * LANES), want=rows(slots),
        asked=np.zeros((LANES, slots), np.int64), n_demands=whole(LANES), d_entry=whole(slots),
        d_group=whole(slots), d_size=whole(slots), d_want=np.zeros(slots), d_get=np.zeros(slots),
        d_left=np.zeros(slots), key=np.zeros(LANES, np.uint64),
        shock_key=np.zeros(LANES, np.uint64), sums=rows(2), flag=whole(LANES),
        found=whole(n_groups * LANES + 1), ever=np.zeros(n_groups, np.bool_),
        passing=rows(n_groups * 4), edge=np.zeros(int(ways.max(initial=1))),
        give=np.zeros(n_sizes), group_of=group_of, g_first=first[same.reshape(-1)], e_slot=e_slot,
        e_group=np.repeat(np.arange(n_groups), ways),
        slot_entry=np.repeat(np.flatnonzero(rationed), n_sizes), r_top=r_top,
        r_top_start=r_top_start, r_bottom=r_bottom, r_bottom_start=r_bottom_start, p_row=p_row,
        p_start=p_start,
    )  # fmt: skip


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
def clear(rows, value):  # type: ignore[no-untyped-def]
    """Set all of it to one value."""
    for i in range(len(rows)):
        rows[i] = value


@compiled(keep=True)
def run_days(  # type: ignore[no-untyped-def]
    t, work, rows, seed, shock_seed, first, n, keyed, present, units, flows, used, refused
):
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
        k_before, k_key, terms, windows, b_factor, b_start, _r_top, _r_top_start, _r_bottom,
        _r_bottom_start, r_constant, c_people, _p_cell, _p_start, cap_people, cap_window, cap_carry,
        cap_key, s_cap, s_number, l_cap, l_number, l_delay, l_repeats, l_transition, l_start,
        a_cell, a_number, a_combo, a_key, _a_stratum, units_on, flows_on,
    ) = t  # fmt: skip
    n_strata, n_sizes = shape[1], shape[2]
    n_trans, days, per_day = shape[4], shape[5], shape[6]
    n_cells = len(start)
    n_ratios = len(r_constant)
    n_caps = len(cap_key)
    n_pledges = len(l_cap)
    steps = days * per_day
    stratum_cells = n_strata * n_sizes
    (
        num, rate, count, inflow, touched, whole_group, here, moved, factor, z_shock, until, combo,
        history, dies, bears, always, level, more, spent, short, need, s_next, opened, done, want,
        asked, n_demands, d_entry, d_group, d_size, d_want, d_get, d_left, key, shock_key, sums,
        flag, found, ever, passing, edge, give, group_of, g_first, e_slot, e_group, slot_entry,
        r_top, r_top_start, r_bottom, r_bottom_start, p_row, p_start,
    ) = work  # fmt: skip

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


def run(t: Tables, rows: F, *asked: Any) -> None:
    """The same with rows of its own to work in."""
    run_days(t, workspace(t), rows, *asked)
