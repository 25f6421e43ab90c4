"""NumPy, one array entry per person, one future at a time."""

from __future__ import annotations

import numpy as np

from benchmarks.forecast import job

STATES = len(job.STATES)


def edges(way):
    """(strata, states, 4) cumulative chances of each state's ways; unused ones above 1."""
    table = np.full((len(way), STATES, 4), 2.0)
    for k in set(job.SOURCE.tolist()):
        mine = np.flatnonzero(k == job.SOURCE)
        table[:, k, : len(mine) - 1] = np.cumsum(way[:, mine], 1)[:, :-1]
    return table


FIRST_WAY = np.array([np.searchsorted(job.SOURCE, k) for k in range(STATES)])


def futures(scale, n, seed):
    rates = job.rates()
    present = np.zeros((n, job.DAYS), np.int64)
    final = np.zeros((n, len(job.STRATA), STATES), np.int64)
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        counts = job.start(scale)
        stratum = np.repeat(np.arange(len(job.STRATA)), job.PEOPLE * scale)
        cell = (stratum * STATES + job.FIRST[stratum]).astype(np.uint8)
        gone = []
        for day in range(job.DAYS):
            gone.append(counts[:, list(job.GONE)].sum() / len(cell))
            late = gone[day - job.LAG_DAYS] if day >= job.LAG_DAYS else 0.0
            leave, way = job.day_law(rates[day], *job.feedback(counts, late))
            who = np.flatnonzero(
                rng.random(len(cell), dtype=np.float32) < leave.ravel()[cell].astype(np.float32)
            )
            s, k = np.divmod(cell[who], STATES)
            pick = (rng.random(len(who))[:, None] >= edges(way)[s, k]).sum(1)
            cell[who] = s * STATES + job.TARGET[FIRST_WAY[k] + pick]
            counts = np.bincount(cell, minlength=counts.size).reshape(counts.shape)
            present[i, day] = counts[:, list(job.PRESENT)].sum()
        final[i] = counts
    return present, final
