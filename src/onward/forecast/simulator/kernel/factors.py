"""What the day does to the hazards, in vector code: the first part of the general kernel.

Exists to work out, for LANES futures at once, every factor of the day (dated effects, gates, a
deadline drawing near, news, shocks), their products, and the deaths and births per person. Goes in:
the tables, the numbers drawn per future, the day. Comes out: rows of factors, each x * LANES + lane.
"""

from __future__ import annotations

import math

import numpy as np

from onward.forecast.simulator.kernel.chance import cell_key, compiled, exp, normal
from onward.forecast.simulator.kernel.tables import (
    APPROACH,
    EFFECT,
    FEEDBACK,
    GATE,
    SHOCK,
    TERM,
)

LANES = 32
WIDE = np.uint64(LANES)  # unsigned indices need no check for a negative sign


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
