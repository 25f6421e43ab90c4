"""Invented reference problems for the benchmark, as arrays.

Sizes, nationalities, categories, urgency, quotas, caps, earmarks and conditional pledges follow
published shares and the power laws seen in real quotas; every number is drawn from the seed.
In: households, programmes, seed. Out: a `Model` with the single blended value of the reference
problem (like for like) and the separate values of the stages (the real thing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onward.placement.problem.model import FloatArray, IntArray, Model, RowInfo

WINDOWS = 4
SIZES = (0.38, 0.14, 0.12, 0.12, 0.10, 0.06, 0.04, 0.02, 0.01, 0.01)
CATEGORIES = (0.38, 0.27, 0.05, 0.09, 0.03, 0.08, 0.10)  # LPN SVT MED WGR FAM CAR LFD
CATEGORY_WEIGHT = (1.0, 1.1, 1.2, 1.2, 1.0, 1.2, 0.9)
MED, WGR, CAR = 2, 3, 5
NATIONALITIES = 8


@dataclass
class Reference:
    """A problem: value (m,) of the blended reference, bundles that place both of a linked pair
    in one slot (their value adds what being apart costs), and the parts the stages need."""

    model: Model
    value: FloatArray
    pairs: IntArray
    apart: float
    weight: FloatArray
    emergency: FloatArray
    outcome: FloatArray


def reference(households: int, programmes: int, seed: int = 1) -> Reference:
    """households x programmes x 4 windows; see the module's text for the distributions."""
    rng = np.random.default_rng(seed)
    n, d, t = households, programmes, WINDOWS
    size = rng.choice(10, n, p=SIZES) + 1
    nation = rng.integers(0, NATIONALITIES, n)
    category = rng.choice(7, n, p=CATEGORIES)
    urgency = rng.choice(3, n, p=(0.85, 0.13, 0.02))
    language = rng.integers(0, 6, n)
    education = rng.integers(0, 4, n)
    tie = np.where(rng.random(n) < 0.12, rng.integers(0, d, n), -1)
    security = rng.random(n) < 0.03
    medical = (rng.random(n) < 0.06) | (category == MED)
    ready = rng.choice(t, n, p=(0.6, 0.2, 0.15, 0.05))
    leave = np.where(urgency == 2, 1, np.where(rng.random(n) < 0.1, 2, t - 1))
    leave = np.maximum(leave, ready)

    persons = int(size.sum())
    share = rng.permutation(1.0 / np.arange(1, d + 1) ** 0.8)
    quota = share[:, None] * rng.dirichlet(np.full(t, 4.0), d)
    quota = np.maximum(1, np.round(0.45 * persons * quota / quota.sum())).astype(np.int64)
    accepts_nation = rng.random((d, NATIONALITIES)) < 0.6
    accepts_category = rng.random((d, 7)) < 0.8
    max_size = rng.choice((10, 8, 6), d, p=(0.5, 0.3, 0.2))
    takes_medical = rng.random(d) < 0.7
    takes_security = rng.random(d) < 0.4
    processing = rng.integers(0, 2, d)
    dest_language = rng.integers(0, 6, d)

    # rows: places, medical cap, nationality caps, earmarks (as caps on everyone else), pledges
    rows: list[RowInfo] = []
    limit: list[float] = []
    scope: list[tuple[list[int], str, int]] = []
    for a in range(d):
        for w in range(t):
            rows.append(RowInfo("places", f"P{a}, W{w}", f"P{a}", f"W{w}"))
            limit.append(float(quota[a, w]))
            scope.append(([a * t + w], "all", 0))
    year = quota.sum(1)
    for a in range(d):
        slots = list(range(a * t, a * t + t))
        rows.append(RowInfo("cap", f"P{a} medical", f"P{a}"))
        limit.append(float(np.ceil(0.08 * year[a])))
        scope.append((slots, "medical", 0))
        if rng.random() < 0.4:
            for k in range(NATIONALITIES):
                rows.append(RowInfo("cap", f"P{a} nationality {k}", f"P{a}"))
                limit.append(float(np.ceil(0.35 * year[a])))
                scope.append((slots, "nation", k))
        if rng.random() < 0.3:
            rows.append(RowInfo("earmark", f"P{a} women and children", f"P{a}"))
            limit.append(float(np.floor((1 - rng.uniform(0.10, 0.25)) * year[a])))
            scope.append((slots, "others", 0))
    pledges = 2 if d <= 10 else 4
    order = rng.permutation(d)
    p_of, p_row, p_coef = [], [], []
    for k in range(pledges):
        a, b = int(order[2 * k]), int(order[2 * k + 1])
        group = int(rng.integers(0, NATIONALITIES))
        rows.append(RowInfo("pledge", f"pledge {k}", f"P{a}"))
        limit.append(0.0)
        scope.append((list(range(a * t, a * t + t)), "asks", group))
        p_of.append(k)
        p_row.append(len(rows) - 1)
        p_coef.append(float(max(1, round(0.04 * year[a]))))
        for w in range(t):
            p_of.append(k)
            p_row.append(b * t + w)
            p_coef.append(-float(max(1, round(0.3 * quota[b, w]))))

    # classes: nationality x (medical) x (women and children)
    special = np.isin(category, (WGR, CAR))
    klass = (nation * 2 + medical) * 2 + special
    s_count = d * t
    cells: list[list[tuple[int, float]]] = [[] for _ in range(NATIONALITIES * 4 * s_count)]
    for r, (slots, kind, code) in enumerate(scope):
        for c in range(NATIONALITIES * 4):
            its = (c // 4, c // 2 % 2, c % 2)
            part = {
                "all": 1.0,
                "medical": float(its[1]),
                "nation": float(its[0] == code),
                "others": float(not its[2]),
                "asks": -float(its[0] == code),
            }[kind]
            if part:
                for s in slots:
                    cells[c * s_count + s].append((r, part))

    start, slot, _score = [np.zeros(1, np.int64)], [], []
    base = rng.normal(0, 0.6, (d, 4)), rng.normal(0, 0.4, (d, NATIONALITIES))
    ease = rng.normal(0.8, 0.5, d)
    block = 20_000
    value, outcome = [], []
    urgency_weight = np.array((1.0, 2.0, 4.0))
    for lo in range(0, n, block):
        hi = min(n, lo + block)
        u = slice(lo, hi)
        good = accepts_nation[:, nation[u]].T & accepts_category[:, category[u]].T
        good &= size[u, None] <= max_size
        good &= takes_medical | ~medical[u, None]
        good &= takes_security | ~security[u, None]
        first = ready[u, None] + processing
        window = np.arange(t)
        fit = (
            good[:, :, None] & (first[:, :, None] <= window) & (window <= leave[u, None, None])
        )
        fit &= size[u, None, None] <= np.ceil(quota * 1.3)
        household = rng.normal(0, 0.3, (hi - lo, d))
        z = base[0][:, education[u]].T + base[1][:, nation[u]].T + household
        z += 0.8 * (dest_language == language[u, None]) + 0.6 * (tie[u, None] == np.arange(d))
        out = 1 / (1 + np.exp(-(z - 0.5)))
        accept = 1 / (1 + np.exp(-(ease - 0.8 * medical[u, None] - 0.8 * security[u, None])))
        cw = urgency_weight[urgency[u]] * np.array(CATEGORY_WEIGHT)[category[u]]
        v = cw[:, None, None] * accept[:, :, None] * 0.97**window + 0.5 * out[:, :, None]
        v = v * size[u, None, None]
        where = np.nonzero(fit.reshape(hi - lo, -1))
        slot.append(where[1].astype(np.int16))
        value.append(v.reshape(hi - lo, -1)[where].astype(np.float32))
        outcome.append(np.repeat(out, t, axis=1)[where].astype(np.float32))
        start.append(np.bincount(where[0], minlength=hi - lo))
    linked = rng.permutation(n)[: int(0.08 * n) // 2 * 2].reshape(-1, 2)
    starts = np.cumsum(np.concatenate(start)).astype(np.int64)
    values = np.concatenate(value)
    in_pair = np.zeros(n, bool)
    in_pair[linked.ravel()] = True
    values[np.repeat(in_pair, np.diff(starts))] -= 1.0
    met_start = np.concatenate([[0], np.cumsum([len(c) for c in cells])]).astype(np.int64)
    model = Model(
        size=size.astype(np.int64),
        klass=klass.astype(np.int64),
        start=starts,
        slot=np.concatenate(slot),
        slot_programme=np.repeat(np.arange(d), t),
        slot_country=np.repeat(np.arange(d), t),
        slot_order=np.tile(np.arange(t, dtype=float), d),
        met_start=met_start,
        met=np.array([r for c in cells for r, _ in c], np.int64),
        met_share=np.array([p for c in cells for _, p in c], float),
        limit=np.array(limit),
        pledges=pledges,
        pledge_of=np.array(p_of, np.int64),
        pledge_row=np.array(p_row, np.int64),
        pledge_coef=np.array(p_coef),
        group_start=np.arange(0, linked.size + 1, 2, dtype=np.int64),
        group_member=linked.ravel().astype(np.int64),
        rows=rows,
    )
    weights = (urgency_weight[urgency] * np.array(CATEGORY_WEIGHT)[category] * size).astype(
        float
    )
    return Reference(
        model=model,
        value=values,
        pairs=linked,
        apart=1.0,
        weight=weights,
        emergency=np.where(urgency == 2, size, 0).astype(float),
        outcome=np.concatenate(outcome),
    )
