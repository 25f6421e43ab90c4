"""How often and how narrowly forecasts hold what happened to planted camps.

Exists because a method is judged over many truths. Comes in: how many camps of which structure. Goes
out: coverage, width and scores per layer of doubt (`measure`) and by days ahead (`measure_leads`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.planted.camps import DEADLINE_DAY, SEEN_DAYS, Structure, camp_of
from benchmarks.planted.forecasts import LAYERS, futures_of, inputs_of
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.telling.scores import covered, crps, interval_score

LEADS = ((1, 7), (8, 14), (15, 30), (31, 60), (61, 120), (121, 245))


def measure_leads(
    camps: int, structure: Structure, futures: int, first: int = 0
) -> dict[str, list[dict[str, float]]]:
    """Coverage and scores by days ahead, with departures on certain days and on any day."""
    days = DEADLINE_DAY - SEEN_DAYS
    rows: dict[str, list[np.ndarray]] = {"on certain days": [], "on any day": []}
    for number in range(first, first + camps):
        camp, world = camp_of(number, structure, futures=futures)
        for name, dated in (("on certain days", True), ("on any day", False)):
            inputs = inputs_of(camp, world, dated=dated)
            made = simulate(
                inputs.model, inputs.draws(futures, number), futures, number, days=days,
                outputs=Outputs(),
            ).present["all"]  # fmt: skip
            rows[name].append(
                np.array(
                    [
                        (
                            float(covered(made[:, day].astype(float), truth, 0.9)),
                            float(crps(made[:, day].astype(float), truth)),
                            float(np.subtract(*np.quantile(made[:, day], [0.95, 0.05]))),
                        )
                        for day, truth in enumerate(camp.course)
                    ]
                )
            )
    found: dict[str, list[dict[str, float]]] = {}
    for name, all_ in rows.items():
        table = np.stack(all_)
        found[name] = [
            dict(
                zip(
                    ("from", "to", "coverage90", "crps", "width90"),
                    (low, high, *table[:, low - 1 : high].mean(axis=(0, 1)).round(3).tolist()),
                    strict=True,
                )
            )
            for low, high in LEADS
        ]
    return found


def rows_of(
    camps: int,
    structure: Structure,
    futures: int,
    layers: Sequence[str] = LAYERS,
    first: int = 0,
    alike: bool = False,
) -> list[dict[str, Any]]:
    """One row per camp and layer, from camp number `first`."""
    rows: list[dict[str, Any]] = []
    for number in range(first, first + camps):
        camp, world = camp_of(number, structure, futures=futures)
        found = futures_of(camp, world, futures, number, layers, alike)
        for name, left in found.items():
            rows.append(
                {
                    "truth": structure.name,
                    "camp": number,
                    "layer": name,
                    "coverage90": float(covered(left, camp.truth, 0.9)),
                    "interval_score90": float(interval_score(left, camp.truth, 0.9)),
                    "crps": float(crps(left, camp.truth)),
                    "width90": float(np.subtract(*np.quantile(left, [0.95, 0.05]))),
                    "bias": float(left.mean() - camp.truth),
                    "rank": float((left < camp.truth).mean()),
                }
            )
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{structure.name}: {number + 1} of {first + camps} camps")
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return rows


MEASURES = ("coverage90", "interval_score90", "crps", "width90", "bias")


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Coverage, width and scores of every layer, truth by truth."""
    found = []
    for truth in dict.fromkeys(row["truth"] for row in rows):
        mine = [row for row in rows if row["truth"] == truth]
        layers = {}
        for name in dict.fromkeys(row["layer"] for row in mine):
            table = [[row[m] for m in MEASURES] for row in mine if row["layer"] == name]
            mean = np.mean(np.array(table), axis=0).round(3).tolist()
            layers[name] = dict(zip(MEASURES, mean, strict=True))
        last = layers[LAYERS[-1]]
        found.append(
            {
                "truth": truth,
                "camps": len({row["camp"] for row in mine}),
                "layers": layers,
                "ratios": {
                    name: {
                        "interval_score": round(
                            one["interval_score90"] / last["interval_score90"], 2
                        ),
                        "crps": round(one["crps"] / last["crps"], 2),
                    }
                    for name, one in layers.items()
                    if name != LAYERS[-1]
                },
            }
        )
    return found


def measure(
    camps: int, structure: Structure, futures: int, layers: Sequence[str] = LAYERS
) -> dict[str, Any]:
    """Coverage, width and scores of every layer over so many camps."""
    return summary(rows_of(camps, structure, futures, layers))[0]
