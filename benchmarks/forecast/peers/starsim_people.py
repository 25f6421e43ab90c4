"""Starsim 3: one module, one integer state per person, no network and no births."""

from __future__ import annotations

import numpy as np
import starsim as ss

from benchmarks.forecast import job
from benchmarks.forecast.peers.numpy_people import FIRST_WAY, STATES, edges

ss.options(verbose=0)


class Camp(ss.Module):
    def __init__(self, scale):
        super().__init__()
        self.define_states(ss.IntArr("cell"))
        self.scale_people = scale
        self.leaves, self.chooses = ss.random(name="leaves"), ss.random(name="chooses")

    def init_post(self):
        super().init_post()
        self.rates = job.rates()
        self.counts = job.start(self.scale_people)
        self.total = self.counts.sum()
        self.gone, self.present = [], []
        stratum = np.repeat(np.arange(len(job.STRATA)), job.PEOPLE * self.scale_people)
        self.cell[self.sim.people.auids] = stratum * STATES + job.FIRST[stratum]

    def step(self):
        day = len(self.gone)
        self.gone.append(self.counts[:, list(job.GONE)].sum() / self.total)
        late = self.gone[day - job.LAG_DAYS] if day >= job.LAG_DAYS else 0.0
        leave, way = job.day_law(self.rates[day], *job.feedback(self.counts, late))
        everyone = self.sim.people.auids
        who = everyone[
            np.asarray(self.leaves.rvs(everyone)) < leave.ravel()[self.cell[everyone]]
        ]
        before = self.cell[who]
        s, k = np.divmod(before, STATES)
        chance = np.asarray(self.chooses.rvs(who)) if len(who) else np.zeros(0)
        pick = (chance[:, None] >= edges(way)[s, k]).sum(1)
        cell = s * STATES + job.TARGET[FIRST_WAY[k] + pick]
        self.cell[who] = cell
        flat = np.bincount(cell, minlength=self.counts.size) - np.bincount(
            before, minlength=self.counts.size
        )
        self.counts = self.counts + flat.reshape(self.counts.shape)
        self.present.append(self.counts[:, list(job.PRESENT)].sum())


def futures(scale, n, seed):
    present = np.zeros((n, job.DAYS), np.int64)
    final = np.zeros((n, len(job.STRATA), STATES), np.int64)
    for i in range(n):
        sim = ss.Sim(
            n_agents=int(job.PEOPLE.sum() * scale),
            start=ss.days(0),
            dur=ss.days(job.DAYS - 1),
            dt=ss.days(1),
            modules=Camp(scale),
            rand_seed=seed * 10_007 + i,
            verbose=0,
        )
        sim.run()
        camp = next(m for m in sim.modules if isinstance(m, Camp))
        present[i], final[i] = camp.present, camp.counts
    return present, final
