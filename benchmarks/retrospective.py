"""Past forecasts made anew from an operation's own record, beside what the record says came.

Exists to see whether a forecast's ranges tell the truth a week, a month or half a year ahead: from
many past days the operation is forecast with the record up to that day only, and the share of days
is counted on which the range held the people present. What the plan of today says of the past is
used where the plan has no older version, which flatters a little.

    python -m benchmarks.retrospective camp --every 13
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onward.caseload.counting import exposures
from onward.forecast.inputs import build
from onward.forecast.kernel import Group, Outputs, simulate
from onward.forecast.run import present_by_day
from onward.forecast.scores import crps
from onward.registry import open_operation
from onward.registry.analysis import draws_of, groundwork, opened

LEADS = ((1, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, 90), (91, 180))
BANDS = ((0.25, 0.75), (0.1, 0.9), (0.05, 0.95))


def future_days(
    operation: Any, origin: dt.date, days: int, futures: int, seed: int, dated: bool = True
) -> np.ndarray[Any, Any]:
    """(futures, days) people present at the end of each day after `origin`; without `dated`, as if
    people left on any day."""
    found = opened(operation, origin)
    ground = groundwork(found)
    effects = None
    drawn = draws_of(found, futures, seed)
    if drawn is not None and found.plan is not None:
        from onward.plan.effects import plan_effects

        effects = plan_effects(found.plan, drawn, found.caseload.rulebook)
    given = ground.for_build(found)
    if not dated:
        given["departures"] = None
    inputs = build(found.caseload.rulebook, effects=effects, **given)
    here = [state.id for state in inputs.model.states if state.present]
    made = simulate(
        inputs.model, inputs.draws(futures, seed), futures, seed, days=days,
        outputs=Outputs(present={"everyone": Group(states=here)}),
    )  # fmt: skip
    return np.asarray(made.present["everyone"])


def truths(operation: Any) -> dict[str, int]:
    """ISO day -> people present at its end, for every day of the record."""
    found = opened(operation, None)
    first = min(d for d in found.caseload.people.column("registered_on").to_pylist() if d)
    daily = exposures(
        found.events, found.caseload.rulebook, since=first,
        until=found.as_of + dt.timedelta(days=1), period_days=1, engine=found.engine,
    )  # fmt: skip
    return present_by_day(daily, found.caseload.rulebook)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrospective")
    parser.add_argument("directory", type=Path, help="an operation folder")
    parser.add_argument("--every", type=int, default=13, help="days between origins")
    parser.add_argument(
        "--first", default="", help="first origin; a year after the record began"
    )
    parser.add_argument(
        "--last", default="", help="last origin; 30 days before the record ends"
    )
    parser.add_argument("--futures", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--any-day", action="store_true", help="spread departures over all days, to compare"
    )
    given = parser.parse_args(arguments)
    operation = open_operation(given.directory)
    present = truths(operation)
    end = dt.date.fromisoformat(max(present))
    first = dt.date.fromisoformat(given.first or min(present))
    if not given.first:
        first += dt.timedelta(days=365)
    last = dt.date.fromisoformat(given.last) if given.last else end - dt.timedelta(days=30)
    rows: list[tuple[int, float, float, float, list[bool], float]] = []
    origin, origins = first, 0
    while origin <= last:
        ahead = min((end - origin).days, LEADS[-1][1])
        made = future_days(
            operation, origin, ahead, given.futures, given.seed, not given.any_day
        )
        now = present[origin.isoformat()]
        origins += 1
        for day in range(ahead):
            truth = present[(origin + dt.timedelta(days=day + 1)).isoformat()]
            column = made[:, day].astype(float)
            held = []
            for low, high in BANDS:
                a, b = np.quantile(column, [low, high], method="inverted_cdf")
                held.append(bool(a <= truth <= b))
            rows.append(
                (day + 1, float(crps(column, truth)), abs(truth - now),
                 float(np.quantile(column, 0.95) - np.quantile(column, 0.05)), held,
                 float(column.mean()) - truth)
            )  # fmt: skip
        origin += dt.timedelta(days=given.every)
    print(f"{origins} origins from {first} to {last}, every {given.every} days")
    print(
        "days ahead   days   in 50%   in 80%   in 90%    CRPS   no change   width of 90%   bias"
    )
    for low, high in LEADS:
        mine = [row for row in rows if low <= row[0] <= high]
        if not mine:
            continue
        held = np.mean([row[4] for row in mine], axis=0)
        print(
            f"{f'{low} to {high}':<11}{len(mine):>6}{held[0]:>9.0%}{held[1]:>9.0%}{held[2]:>9.0%}"
            f"{np.mean([r[1] for r in mine]):>8.1f}{np.mean([r[2] for r in mine]):>12.1f}"
            f"{np.mean([r[3] for r in mine]):>15.1f}{np.mean([r[5] for r in mine]):>+7.1f}"
        )


if __name__ == "__main__":
    main()
