"""The product's own forecast of a planted camp, with more and more kinds of doubt.

Exists to tell which kind of doubt earns its width. Comes in: a camp. Goes out: the model that the
product makes of it (`inputs_of`), and people left on day 365, per layer of doubt (`futures_of`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from benchmarks.planted.camps import DEADLINE_DAY, SEEN_DAYS, Camp, load_rulebook
from benchmarks.planted.simulator import AS_OF, World
from onward.caseload.moves import ForecastMove, forecast_moves
from onward.forecast.building.inputs import Inputs, build
from onward.forecast.learning.paces import Paces
from onward.forecast.simulator.futures import Outputs, simulate

LAYERS = (
    "process noise only",
    "+ rates",
    "+ interventions and behaviour",
    "+ future shocks",
    "everything",
)


def inputs_of(
    camp: Camp, world: World, *, shocks: bool = True, dated: bool = True, alike: bool = False,
    paces: Sequence[Paces] = (),
) -> Inputs:  # fmt: skip
    """The product's own path from a log to a model; without `dated`, departures on any day;
    `alike`, without asking whether the same families are quick step after step.

    paces  of other operations
    """
    return build(
        world.rulebook,
        counts=camp.counts,
        exposures=camp.exposures,
        steps=[(m.from_state, m.move, m.to_state) for m in steps()],
        as_of=AS_OF,
        deadline=AS_OF + dt.timedelta(days=DEADLINE_DAY - SEEN_DAYS),
        effects=camp.effects,
        waits=camp.waits,
        departures=camp.departures if dated else None,
        stays=None if alike else camp.stays,
        paces=paces,
        shocks=shocks,
        name="camp",
    )


@cache
def steps() -> list[ForecastMove]:
    """The steps of the shipped rulebook between its forecast states."""
    return forecast_moves(load_rulebook())


def futures_of(
    camp: Camp, world: World, futures: int, seed: int, layers: Sequence[str] = LAYERS,
    alike: bool = False,
) -> dict[str, np.ndarray]:  # fmt: skip
    """(futures,) people left on day 365, per layer."""
    full = inputs_of(camp, world, alike=alike)
    bare = inputs_of(camp, world, shocks=False, alike=alike)
    days = DEADLINE_DAY - SEEN_DAYS
    drawn, plain = full.draws(futures, seed), bare.draws(futures, seed)

    def held(draws: Any, *kinds: str) -> Any:
        for name, kind in bare.sources.items():
            if kind in kinds and name in draws.names:
                column = draws.column(name)
                middle = (
                    column.mean()
                    if kind == "rates"
                    else np.quantile(column, 0.5, method="inverted_cdf")
                )
                draws = draws.with_column(name, middle)
        return draws

    def still(draws: Any) -> Any:
        return draws.with_column("shock size", 1e-9).with_column("shock start", 0.0)

    mixed = plain
    mixed = mixed.with_column("shock size", drawn.column("shock size"))
    mixed = mixed.with_column("shock start", drawn.column("shock now"))
    runs = {
        LAYERS[0]: (bare, still(held(plain, "rates", "behaviour", "effects", "plan dates"))),
        LAYERS[1]: (bare, still(held(plain, "behaviour", "effects", "plan dates"))),
        LAYERS[2]: (bare, still(plain)),
        LAYERS[3]: (full, mixed),
        LAYERS[4]: (full, drawn),
    }
    out = {}
    for name, (inputs, draws) in runs.items():
        if name not in layers:
            continue
        draws = inputs.derived(draws)
        made = simulate(inputs.model, draws, futures, seed, days=days, outputs=Outputs())
        out[name] = made.present["all"][:, -1].astype(float)
    return out
