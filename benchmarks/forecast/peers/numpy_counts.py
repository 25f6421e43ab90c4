"""NumPy, counts by stratum and state, all futures of a block at once."""

from __future__ import annotations

import numpy as np

from benchmarks.forecast import job

BLOCK = 500


def futures(scale, n, seed):
    rates = job.rates()
    present = np.zeros((n, job.DAYS), np.int64)
    final = np.zeros((n, len(job.STRATA), len(job.STATES)), np.int64)
    for a in range(0, n, BLOCK):
        b = min(a + BLOCK, n)
        rng = np.random.default_rng([seed, a])
        counts = np.repeat(job.start(scale)[None], b - a, 0)
        total = counts[0].sum()
        gone = []
        for day in range(job.DAYS):
            gone.append(counts[:, :, list(job.GONE)].sum((1, 2)) / total)
            late = gone[day - job.LAG_DAYS] if day >= job.LAG_DAYS else np.zeros(b - a)
            leave, way = job.day_law(rates[day], *job.feedback(counts, late))
            after = counts.copy()
            for k in set(job.SOURCE.tolist()):
                mine = np.flatnonzero(k == job.SOURCE)
                out = leave[:, :, k, None] * way[:, :, mine]
                stay = 1 - out.sum(-1, keepdims=True)
                moved = rng.multinomial(counts[:, :, k], np.concatenate([out, stay], -1))[
                    ..., :-1
                ]
                after[:, :, k] -= moved.sum(-1)
                for i, j in enumerate(mine):
                    after[:, :, job.TARGET[j]] += moved[..., i]
            counts = after
            present[a:b, day] = counts[:, :, list(job.PRESENT)].sum((1, 2))
        final[a:b] = counts
    return present, final
