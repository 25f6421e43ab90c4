"""epydemix: the nearest Python peer that draws counts, a multinomial per compartment and group.
The feedback enters through a transition kind of our own."""

from __future__ import annotations

import numpy as np
import pandas as pd
from epydemix import EpiModel
from epydemix.model.epimodel import simulate
from epydemix.population import Population

from benchmarks.forecast import job

NAMES = [f"K{k}" for k in range(len(job.STATES))]
GROUPS = [f"g{s}" for s in range(len(job.STRATA))]


def futures(scale, n, seed):
    population = Population(name="camp")
    population.add_population(job.PEOPLE * scale, GROUPS)
    population.add_contact_matrix(np.eye(len(GROUPS)), "all")
    model = EpiModel(name="camp", compartments=NAMES)
    model.set_population(population)
    rates = job.rates()
    total = job.PEOPLE.sum() * scale
    seen: dict[str, object] = {}

    def hazards(data):
        """The day's hazards, worked out once a day for all transitions."""
        day = data["t"]
        if seen.get("day") != day:
            counts = data["pop"].T
            if day == 0:
                seen["gone"] = []
            gone = seen["gone"]
            gone.append(counts[:, list(job.GONE)].sum() / total)
            late = gone[day - job.LAG_DAYS] if day >= job.LAG_DAYS else 0.0
            news, hold = job.feedback(counts, late)
            held = np.where(job.GROUP == 1, hold, 1.0)[:, None]
            seen["table"] = (
                rates[day] * np.where(job.NEWS, news, 1.0) * np.where(job.LED, held, 1.0)
            )
            seen["day"] = day
        return seen["table"]

    def column(j):
        return lambda params, data: hazards(data)[:, j]

    for j in range(len(job.WAYS)):
        model.register_transition_kind(f"way{j}", column(j))
        model.add_transition(
            NAMES[job.SOURCE[j]], NAMES[job.TARGET[j]], kind=f"way{j}", params=None
        )
    first = {name: job.start(scale)[:, k].astype(float) for k, name in enumerate(NAMES)}
    dates = list(pd.date_range("2021-01-01", periods=job.DAYS))
    contacts = [{"all": np.eye(len(GROUPS)), "overall": np.eye(len(GROUPS))}] * job.DAYS
    index = list(job.PRESENT)
    present = np.zeros((n, job.DAYS), np.int64)
    final = np.zeros((n, len(GROUPS), len(NAMES)), np.int64)
    for i in range(n):
        seen.clear()
        path = simulate(
            model,
            initial_conditions_dict=first,
            dt=1.0,
            resample_frequency=None,
            rng=np.random.default_rng([seed, i]),
            contact_matrices=contacts,
            simulation_dates=dates,
        ).compartments
        table = np.array([[path[f"{k}_{g}"] for k in NAMES] for g in GROUPS])
        present[i] = table[:, index].sum((0, 1))
        final[i] = table[:, :, -1]
    return present, final
