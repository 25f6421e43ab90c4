"""A declared model as the arrays the compiled kernels walk.

Exists to keep names out of the kernels and arrays out of the model. Goes in: a `Model`, the
names of the drawn parameters, the horizon and the outputs wanted. Comes out: `Tables`, in which
every name is an index, every state with stages is a row of phases, every combination of factors
that a transition meets is computed once a day, and units that leave by the same law are pooled
over sizes (they are told apart again only when they move, which is exact).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from onward.forecast.simulator.model import (
    Approach,
    Effect,
    Feedback,
    Gate,
    Model,
    Number,
    Shock,
    State,
    Term,
    _per_stratum,
)

F: TypeAlias = npt.NDArray[np.float64]
I: TypeAlias = npt.NDArray[np.int64]  # noqa: E741
U: TypeAlias = npt.NDArray[np.uint64]
B: TypeAlias = npt.NDArray[np.bool_]

TERM, EFFECT, APPROACH, GATE, FEEDBACK, SHOCK = range(6)
FORMS = {"saturating": 0, "exponential": 1, "linear": 2}


class Tables(NamedTuple):
    """The model as arrays. Sizes: P phases, S strata, Z sizes, C = P*S*Z cells, G groups,
    E entries (ways out of a group), B combinations of factors, Q numbers, K factors."""

    shape: I  # P, S, Z, states, transitions, days, steps per day, lanes possible (1/0)
    size: I  # (Z,) people per unit
    start: I  # (C,) units at the origin, those of "spread" states in the first phase
    spread: I  # (n, 4): first cell, step between phases, phases, where its shares begin
    spread_share: F  # shares of the phases, one run of values per row of spread
    spread_key: U  # (n,)
    phase_state: I  # (P,)
    # groups
    g_cell: I  # (G,) first cell
    g_width: I  # (G,) sizes pooled
    g_phases_left: I  # (G,) stages still to pass; 0 where the state has none
    g_stages: I  # (G,)
    g_entry: I  # (G+1,) entries of the group
    g_last: I  # (G,) first cell of the last phase of the state
    g_key: U  # (G,)
    g_stratum: I  # (G,)
    # entries
    e_transition: I
    e_to: I  # (E,) first cell entered
    e_fixed: F
    e_number: I  # (E,) number multiplying e_fixed, -1 none
    e_combo: I
    e_staged: I
    e_priority: I
    e_caps: I  # (E, 3), -1 none
    e_key: U  # (E,) key of the transition, for keyed draws
    # deaths and births: one person of a unit, hazard per person
    x_entry: I  # (G+1,) entries of the group
    x_transition: I
    x_to: I  # first cell entered by the last person of a unit
    x_fixed: F
    x_number: I
    x_combo: I
    x_change: I
    # numbers: constant or drawn
    q_fixed: F
    q_column: I
    # factors
    k_kind: I
    k_number: I  # (K, 5) numbers of the factor
    k_extra: I  # (K, 4): term row | gate windows from, to, closed | form, lag steps, ratio row
    k_before: F  # (K,) feedback before the origin
    k_key: U
    terms: F  # (terms, days)
    windows: I  # (n, 2) numbers
    b_factor: I
    b_start: I  # (B+1,)
    # ratios for feedback
    r_top: I
    r_top_start: I
    r_bottom: I
    r_bottom_start: I
    r_constant: F  # (R,) denominator when no list, else 0
    c_people: F  # (C,) people per unit
    # present groups wanted
    p_cell: I
    p_start: I
    # capacities
    cap_people: I
    cap_window: I  # 0: once
    cap_carry: I
    cap_key: U
    s_cap: I  # supplies
    s_number: I  # (supplies, 3)
    # pledges
    l_cap: I
    l_number: I  # (pledges, 2): threshold, amount
    l_delay: F
    l_repeats: I
    l_transition: I
    l_start: I
    # arrivals
    a_cell: I
    a_number: I
    a_combo: I
    a_key: U
    a_stratum: I
    units_on: I
    flows_on: I


def label_key(*labels: object) -> int:
    """64 bits that depend on the labels only."""
    text = "\x1f".join(str(label) for label in labels)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _i(values: Sequence[Any]) -> I:
    return np.asarray(values, dtype=np.int64).reshape(len(values))


def _u(values: Sequence[int]) -> U:
    return np.asarray(values, dtype=np.uint64).reshape(len(values))


def build(
    model: Model,
    columns: Sequence[str],
    *,
    days: int,
    steps_per_day: int,
    present: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    units_on: Sequence[int],
    flows_on: Sequence[int],
) -> Tables:
    """Arrays for a model that `model.check` has passed.

    columns   names of the parameter columns, in order
    present   name -> (states, strata) of the groups to count; empty lists mean all
    """
    states, strata, sizes = list(model.states), list(model.strata), list(model.sizes)
    n_strata, n_sizes = len(strata), len(sizes)
    column_of = {name: i for i, name in enumerate(columns)}
    state_of = {s.id: i for i, s in enumerate(states)}
    stratum_of = {s: i for i, s in enumerate(strata)}
    first_phase: list[int] = []
    phase_state: list[int] = []
    for i, s in enumerate(states):
        first_phase.append(len(phase_state))
        phase_state += [i] * s.phases
    n_cells = len(phase_state) * n_strata * n_sizes

    def cell(phase: int, stratum: int, size: int = 0) -> int:
        return (phase * n_strata + stratum) * n_sizes + size

    q_fixed: list[float] = []
    q_column: list[int] = []

    def number(value: Number) -> int:
        q_fixed.append(0.0 if isinstance(value, str) else float(value))
        q_column.append(column_of[value] if isinstance(value, str) else -1)
        return len(q_fixed) - 1

    # --- factors -----------------------------------------------------------------------
    kinds: list[int] = []
    k_number: list[list[int]] = []
    k_extra: list[list[int]] = []
    k_before: list[float] = []
    terms: list[F] = []
    windows: list[list[int]] = []
    r_top: list[int] = []
    r_top_start = [0]
    r_bottom: list[int] = []
    r_bottom_start = [0]
    r_constant: list[float] = []

    def cells_of(names: Sequence[str], in_strata: Sequence[str]) -> list[int]:
        wanted = [state_of[n] for n in names] if names else range(len(states))
        where = [stratum_of[n] for n in in_strata] if in_strata else range(n_strata)
        return [
            cell(first_phase[k] + j, s, z)
            for k in wanted
            for j in range(states[k].phases)
            for s in where
            for z in range(n_sizes)
        ]

    for f in model.factors:
        numbers: list[int] = []
        extra = [0, 0, 0, 0]
        before = 0.0
        match f:
            case Term():
                kind = TERM
                extra[0] = len(terms)
                values = np.asarray(f.daily, dtype=np.float64)
                terms.append(values[np.minimum(np.arange(days), len(values) - 1)])
            case Effect():
                kind = EFFECT
                numbers = [number(v) for v in (f.factor, f.start, f.end, f.over_days)]
            case Approach():
                kind = APPROACH
                numbers = [
                    number(v) for v in (f.strength, f.start, f.end, f.deadline, f.scale_days)
                ]
            case Gate():
                kind = GATE
                extra[0] = len(windows)
                windows += [[number(a), number(b)] for a, b in f.windows]
                extra[1] = len(windows)
                extra[2] = int(f.closed)
            case Feedback():
                kind = FEEDBACK
                numbers = [number(f.a), number(f.b)]
                extra = [FORMS[f.form], round(f.lag_days * steps_per_day), len(r_constant), 0]
                before = f.before
                r_top += cells_of(f.states, f.strata)
                if f.of_states or f.of_strata:
                    r_bottom += cells_of(f.of_states, f.of_strata)
                    r_constant.append(0.0)
                else:
                    r_constant.append(float(model.people_at_start))
                r_top_start.append(len(r_top))
                r_bottom_start.append(len(r_bottom))
            case Shock():
                kind = SHOCK
                numbers = [number(f.sd), number(f.memory_days)]
                numbers.append(number(0.0 if f.start is None else f.start))
                extra = [int(f.start is None), int(f.mean_one), 0, 0]
        kinds.append(kind)
        k_number.append(numbers + [-1] * (5 - len(numbers)))
        k_extra.append(extra)
        k_before.append(before)
    factor_of = {f.id: i for i, f in enumerate(model.factors)}

    combos: dict[tuple[int, ...], int] = {}

    def combo(names: Sequence[str], stratum: str) -> int:
        chosen = []
        for name in names:
            f = model.factors[factor_of[name]]
            only = f.on_strata if isinstance(f, Feedback | Effect) else ()
            if only and stratum not in only:
                continue
            chosen.append(factor_of[name])
        return combos.setdefault(tuple(sorted(chosen)), len(combos))

    # --- groups and entries ------------------------------------------------------------
    cap_of = {c.id: i for i, c in enumerate(model.capacities)}
    out: dict[str, list[int]] = {s.id: [] for s in states}
    for j, t in enumerate(model.transitions):
        out[t.source].append(j)
    g: dict[str, list[int]] = {
        key: [] for key in ("cell", "width", "left", "stages", "last", "key", "stratum")
    }
    g_entry = [0]
    e: dict[str, list[Any]] = {
        key: []
        for key in (
            "transition",
            "to",
            "fixed",
            "number",
            "combo",
            "staged",
            "priority",
            "caps",
        )
    }
    x: dict[str, list[Any]] = {
        key: [] for key in ("transition", "to", "fixed", "number", "combo", "change")
    }
    x_entry = [0]
    hazard_number: dict[tuple[int, int], int] = {}
    for k, s in enumerate(states):
        ways = [model.transitions[j] for j in out[s.id]]
        if not ways:
            continue
        pooled = all(len(set(t.size_weights)) <= 1 for t in ways if not t.size_change)
        blocks = [(0, n_sizes)] if pooled else [(z, 1) for z in range(n_sizes)]
        for phase in range(s.phases):
            for si, stratum in enumerate(strata):
                for z, width in blocks:
                    g["cell"].append(cell(first_phase[k] + phase, si, z))
                    g["width"].append(width)
                    g["left"].append(s.stages - phase if s.stages > 1 else 0)
                    g["stages"].append(s.stages)
                    g["last"].append(cell(first_phase[k] + s.phases - 1, si, z))
                    g["stratum"].append(si)
                    labels: list[object] = ["group", s.id, phase, stratum]
                    g["key"].append(label_key(*labels, *([] if pooled else [sizes[z]])))
                    for j in out[s.id]:
                        t = model.transitions[j]
                        target = first_phase[state_of[t.target]]
                        fixed = float(t.weights[si]) if len(t.weights) else 1.0
                        hazards = _per_stratum(t.hazard)
                        h = hazards[si] if len(hazards) > 1 else hazards[0]
                        drawn = -1
                        if isinstance(h, str):
                            at = (j, si if len(hazards) > 1 else 0)
                            if at not in hazard_number:
                                hazard_number[at] = number(h)
                            drawn = hazard_number[at]
                        else:
                            fixed *= float(h)
                        if t.size_change:
                            x["transition"].append(j)
                            x["to"].append(cell(target, si, 0))
                            x["fixed"].append(fixed)
                            x["number"].append(drawn)
                            x["combo"].append(combo(t.factors, stratum))
                            x["change"].append(t.size_change)
                            continue
                        if len(t.size_weights):
                            fixed *= float(t.size_weights[z])
                        if len(t.age_weights):
                            fixed *= float(t.age_weights[phase])
                        priority = _per_stratum(t.priority)
                        e["transition"].append(j)
                        e["to"].append(cell(target, si, z))
                        e["fixed"].append(fixed)
                        e["number"].append(drawn)
                        e["combo"].append(combo(t.factors, stratum))
                        e["staged"].append(int(t.staged))
                        e["priority"].append(priority[si] if len(priority) > 1 else priority[0])
                        caps = [cap_of[c] for c in dict.fromkeys(t.capacities)]
                        e["caps"].append(sorted(caps) + [-1] * (3 - len(caps)))
                    if phase < len(s.ages):
                        # growing older in the same state: no transition of the model
                        e["transition"].append(len(model.transitions))
                        e["to"].append(cell(first_phase[k] + phase + 1, si, z))
                        e["fixed"].append(1.0 / float(s.ages[phase]))
                        e["number"].append(-1)
                        e["combo"].append(combo((), stratum))
                        e["staged"].append(0)
                        e["priority"].append(0)
                        e["caps"].append([-1] * 3)
                    x_entry.append(len(x["to"]))
                    g_entry.append(len(e["to"]))

    # --- where units stand at the origin -----------------------------------------------
    start = np.zeros(n_cells, dtype=np.int64)
    spread: list[list[int]] = []
    spread_share: list[float] = []
    spread_key: list[int] = []
    for (state, stratum, people), units in model.start.items():
        k, si, z = state_of[state], stratum_of[stratum], sizes.index(people)
        c = cell(first_phase[k], si, z)
        start[c] += units
        s = states[k]
        if s.phases > 1 and s.start_stage != "first" and units:
            shares = [1.0] * s.phases if s.start_stage == "spread" else list(s.start_stage)
            spread.append([c, n_strata * n_sizes, s.phases, len(spread_share)])
            spread_share += [float(share) / math.fsum(shares) for share in shares]
            spread_key.append(label_key("spread", state, stratum, people))

    p_cell: list[int] = []
    p_start = [0]
    for names, in_strata in present.values():
        p_cell += cells_of(names, in_strata)
        p_start.append(len(p_cell))

    s_cap: list[int] = []
    s_number: list[list[int]] = []
    for i, c_ in enumerate(model.capacities):
        for supply in c_.supplies:
            s_cap.append(i)
            s_number.append([number(v) for v in (supply.amount, supply.start, supply.end)])
    l_transition: list[int] = []
    l_start = [0]
    l_number: list[list[int]] = []
    transition_of = {t.id: j for j, t in enumerate(model.transitions)}
    for p in model.pledges:
        l_transition += [transition_of[t] for t in p.transitions]
        l_start.append(len(l_transition))
        l_number.append([number(p.threshold), number(p.amount)])

    a_cell, a_number, a_combo, a_key, a_stratum = [], [], [], [], []
    for a in model.arrivals:
        si = stratum_of[a.stratum]
        a_cell.append(cell(first_phase[state_of[a.state]], si, sizes.index(a.size)))
        a_number.append(number(a.units_per_day))
        a_combo.append(combo(a.factors, a.stratum))
        a_key.append(label_key("arrival", a.id))
        a_stratum.append(si)

    b_factor: list[int] = []
    b_start = [0]
    for chosen in combos:
        b_factor += chosen
        b_start.append(len(b_factor))

    plain = (
        n_sizes == 1
        and not any(s.phases > 1 for s in states)
        and not model.capacities
        and not model.arrivals
        and not any(t.size_change for t in model.transitions)
    )
    return Tables(
        shape=_i(
            [
                len(phase_state),
                n_strata,
                n_sizes,
                len(states),
                len(model.transitions),
                days,
                steps_per_day,
                int(plain),
            ]
        ),
        size=_i(sizes),
        start=start,
        spread=np.asarray(spread, dtype=np.int64).reshape(len(spread), 4),
        spread_share=np.asarray(spread_share, dtype=np.float64),
        spread_key=_u(spread_key),
        phase_state=_i(phase_state),
        g_cell=_i(g["cell"]),
        g_width=_i(g["width"]),
        g_phases_left=_i(g["left"]),
        g_stages=_i(g["stages"]),
        g_entry=_i(g_entry),
        g_last=_i(g["last"]),
        g_key=_u(g["key"]),
        g_stratum=_i(g["stratum"]),
        e_transition=_i(e["transition"]),
        e_to=_i(e["to"]),
        e_fixed=np.asarray(e["fixed"], dtype=np.float64) / steps_per_day,
        e_number=_i(e["number"]),
        e_combo=_i(e["combo"]),
        e_staged=_i(e["staged"]),
        e_priority=_i(e["priority"]),
        e_caps=np.asarray(e["caps"], dtype=np.int64).reshape(len(e["to"]), 3),
        e_key=_u(
            [
                label_key("way", model.transitions[j].id if j < len(model.transitions) else "")
                for j in e["transition"]
            ]
        ),
        x_entry=_i(x_entry),
        x_transition=_i(x["transition"]),
        x_to=_i(x["to"]),
        x_fixed=np.asarray(x["fixed"], dtype=np.float64) / steps_per_day,
        x_number=_i(x["number"]),
        x_combo=_i(x["combo"]),
        x_change=_i(x["change"]),
        q_fixed=np.asarray(q_fixed, dtype=np.float64),
        q_column=_i(q_column),
        k_kind=_i(kinds),
        k_number=np.asarray(k_number, dtype=np.int64).reshape(len(kinds), 5),
        k_extra=np.asarray(k_extra, dtype=np.int64).reshape(len(kinds), 4),
        k_before=np.asarray(k_before, dtype=np.float64),
        k_key=_u([label_key("factor", f.id) for f in model.factors]),
        terms=np.asarray(terms, dtype=np.float64).reshape(len(terms), days),
        windows=np.asarray(windows, dtype=np.int64).reshape(len(windows), 2),
        b_factor=_i(b_factor),
        b_start=_i(b_start),
        r_top=_i(r_top),
        r_top_start=_i(r_top_start),
        r_bottom=_i(r_bottom),
        r_bottom_start=_i(r_bottom_start),
        r_constant=np.asarray(r_constant, dtype=np.float64),
        c_people=np.tile(np.asarray(sizes, dtype=np.float64), n_cells // n_sizes),
        p_cell=_i(p_cell),
        p_start=_i(p_start),
        cap_people=_i([int(c_.counts == "people") for c_ in model.capacities]),
        cap_window=_i([c_.window_days or 0 for c_ in model.capacities]),
        cap_carry=_i([int(c_.carry) for c_ in model.capacities]),
        cap_key=_u([label_key("capacity", c_.id) for c_ in model.capacities]),
        s_cap=_i(s_cap),
        s_number=np.asarray(s_number, dtype=np.int64).reshape(len(s_number), 3),
        l_cap=_i([cap_of[p.capacity] for p in model.pledges]),
        l_number=np.asarray(l_number, dtype=np.int64).reshape(len(l_number), 2),
        l_delay=np.asarray([p.delay_days for p in model.pledges], dtype=np.float64),
        l_repeats=_i([int(p.repeats) for p in model.pledges]),
        l_transition=_i(l_transition),
        l_start=_i(l_start),
        a_cell=_i(a_cell),
        a_number=_i(a_number),
        a_combo=_i(a_combo),
        a_key=_u(a_key),
        a_stratum=_i(a_stratum),
        units_on=_i(sorted(set(units_on))),
        flows_on=_i(sorted(set(flows_on))),
    )


__all__ = ["State", "Tables", "build", "label_key"]
