"""Mesa 3: one object per person, asked once a day; the day's law is looked up per cell."""

from __future__ import annotations

from bisect import bisect

import mesa
import numpy as np

from benchmarks.forecast import job


class Person(mesa.Agent):
    def __init__(self, camp, stratum, state):
        super().__init__(camp)
        self.stratum, self.state = stratum, state

    def step(self):
        camp = self.model
        if camp.random.random() < camp.leave[self.stratum][self.state]:
            edges, targets = camp.ways[self.stratum][self.state]
            target = targets[bisect(edges, camp.random.random())]
            camp.after[self.stratum, self.state] -= 1
            camp.after[self.stratum, target] += 1
            self.state = target


class Camp(mesa.Model):
    def __init__(self, scale, seed):
        super().__init__(seed=seed)
        self.rates = job.rates()
        self.counts = job.start(scale)
        self.total = self.counts.sum()
        self.gone = []
        strata = np.repeat(np.arange(len(job.STRATA)), job.PEOPLE * scale)
        Person.create_agents(self, len(strata), strata.tolist(), job.FIRST[strata].tolist())

    def step(self):
        day = len(self.gone)
        self.gone.append(self.counts[:, list(job.GONE)].sum() / self.total)
        news, hold = job.feedback(
            self.counts, self.gone[day - job.LAG_DAYS] if day >= job.LAG_DAYS else 0.0
        )
        leave, way = job.day_law(self.rates[day], news, hold)
        self.leave = leave.tolist()
        self.ways = [
            [_ways(way[s], k) for k in range(len(job.STATES))] for s in range(len(way))
        ]
        self.after = self.counts.copy()
        self.agents.do("step")
        self.counts = self.after


def _ways(way, state):
    mine = np.flatnonzero(state == job.SOURCE)
    return np.cumsum(way[mine])[:-1].tolist(), job.TARGET[mine].tolist()


def futures(scale, n, seed):
    present = np.zeros((n, job.DAYS), np.int64)
    final = np.zeros((n, len(job.STRATA), len(job.STATES)), np.int64)
    for i in range(n):
        camp = Camp(scale, seed * 1_000_003 + i)
        for day in range(job.DAYS):
            camp.step()
            present[i, day] = camp.counts[:, list(job.PRESENT)].sum()
        final[i] = camp.counts
    return present, final
