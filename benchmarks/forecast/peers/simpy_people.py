"""SimPy: one process per person. A person sleeps until the next day on which leaving could
happen at the highest chance ever possible in that state, and leaves with today's share of it:
thinning keeps the daily law exact."""

from __future__ import annotations

import math
import random
from bisect import bisect

import numpy as np
import simpy

from benchmarks.forecast import job
from benchmarks.forecast.peers.mesa_people import _ways


class Camp:
    def __init__(self, scale, seed):
        self.rates = job.rates()
        top, _ = job.day_law(self.rates, np.full(job.DAYS, 1 + 2 / 1.1), np.ones(job.DAYS))
        self.bound = top.max(0).tolist()
        self.rng = random.Random(seed)
        self.counts = job.start(scale)
        self.after = self.counts.copy()
        self.total = self.counts.sum()
        self.present = []
        self.env = simpy.Environment()
        self.env.process(self.days())
        for s, people in enumerate(job.PEOPLE * scale):
            for _ in range(int(people)):
                self.env.process(self.person(s, int(job.FIRST[s])))
        self.env.run(until=job.DAYS + 0.1)

    def days(self):
        gone = []
        for day in range(job.DAYS + 1):
            self.counts = self.after.copy()
            if day:
                self.present.append(self.counts[:, list(job.PRESENT)].sum())
            if day == job.DAYS:
                return
            gone.append(self.counts[:, list(job.GONE)].sum() / self.total)
            late = gone[day - job.LAG_DAYS] if day >= job.LAG_DAYS else 0.0
            leave, way = job.day_law(self.rates[day], *job.feedback(self.counts, late))
            self.leave = leave.tolist()
            self.ways = [
                [_ways(way[s], k) for k in range(len(job.STATES))] for s in range(len(way))
            ]
            yield self.env.timeout(1)

    def person(self, stratum, state):
        rnd = self.rng.random
        yield self.env.timeout(0.5)
        day = -1
        while self.bound[stratum][state] > 0:
            bound = self.bound[stratum][state]
            wait = 1 + math.floor(math.log(1 - rnd()) / math.log1p(-bound))
            if day + wait >= job.DAYS:
                return
            sleep = wait if day >= 0 else wait - 1
            day += wait
            if sleep:
                yield self.env.timeout(sleep)
            if rnd() * bound < self.leave[stratum][state]:
                edges, targets = self.ways[stratum][state]
                target = targets[bisect(edges, rnd())]
                self.after[stratum, state] -= 1
                self.after[stratum, target] += 1
                state = target


def futures(scale, n, seed):
    present = np.zeros((n, job.DAYS), np.int64)
    final = np.zeros((n, len(job.STRATA), len(job.STATES)), np.int64)
    for i in range(n):
        camp = Camp(scale, seed * 1_000_003 + i)
        present[i], final[i] = camp.present, camp.counts
    return present, final
