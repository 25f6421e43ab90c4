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
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onward.caseload.counting import exposures
from onward.forecast.building.inputs import build
from onward.forecast.run import present_by_day
from onward.forecast.simulator.futures import Group, Outputs, simulate
from onward.forecast.telling.scores import covered, crps
from onward.registry import open_operation
from onward.registry.computing.analysis import draws_of, groundwork, opened
from onward.registry.examples import new_from_example

LEADS = ((1, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, 90), (91, 180))
BANDS = (0.5, 0.8, 0.9)


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

        effects = plan_effects(found.plan, drawn, found.rulebook)
    given = ground.for_build(found)
    if not dated:
        given["departures"] = None
    inputs = build(found.rulebook, effects=effects, **given)
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
        found.events, found.rulebook, since=first,
        until=found.as_of + dt.timedelta(days=1), period_days=1, engine=found.engine,
    )  # fmt: skip
    return present_by_day(daily, found.rulebook)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrospective")
    parser.add_argument(
        "directory", type=Path, nargs="?", help="an operation folder; left out, the example's"
    )
    parser.add_argument("--quick", action="store_true", help="an origin every 91 days")
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
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
    every = 91 if given.quick else given.every
    with tempfile.TemporaryDirectory() as kept:
        folder = given.directory
        if folder is None:
            folder = Path(kept) / "camp"
            new_from_example(folder, "meridian", say=lambda text: None)
        found = measure(
            open_operation(folder), every, given.first, given.last, given.futures, given.seed,
            dated=not given.any_day,
        )  # fmt: skip
    print(json.dumps(found, indent=1)) if given.json else report(found)


def measure(
    operation: Any, every: int, first_day: str, last_day: str, futures: int, seed: int,
    *, dated: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Coverage and scores by days ahead over many origins."""
    present = truths(operation)
    end = dt.date.fromisoformat(max(present))
    first = dt.date.fromisoformat(first_day or min(present))
    if not first_day:
        first += dt.timedelta(days=365)
    last = dt.date.fromisoformat(last_day) if last_day else end - dt.timedelta(days=30)
    rows: list[list[float]] = []
    origin, origins = first, 0
    while origin <= last:
        ahead = min((end - origin).days, LEADS[-1][1])
        made = future_days(operation, origin, ahead, futures, seed, dated)
        now = present[origin.isoformat()]
        origins += 1
        for day in range(ahead):
            truth = present[(origin + dt.timedelta(days=day + 1)).isoformat()]
            column = made[:, day].astype(float)
            held = [float(covered(column, truth, level)) for level in BANDS]
            width = float(np.subtract(*np.quantile(column, [0.95, 0.05])))
            rows.append(
                [day + 1, *held, float(crps(column, truth)), abs(truth - now), width,
                 float(column.mean()) - truth]
            )  # fmt: skip
        origin += dt.timedelta(days=every)
    table = np.array(rows)
    names = ("in50", "in80", "in90", "crps", "no_change", "width90", "bias")
    leads = []
    for low, high in LEADS:
        mine = table[(table[:, 0] >= low) & (table[:, 0] <= high)]
        if len(mine):
            mean = mine[:, 1:].mean(axis=0).round(4).tolist()
            leads.append(
                {
                    "from": low,
                    "to": high,
                    "days": len(mine),
                    **dict(zip(names, mean, strict=True)),
                }
            )
    return {
        "origins": origins, "first": str(first), "last": str(last), "every": every, "leads": leads,
    }  # fmt: skip


def report(found: dict[str, Any]) -> None:
    """The figures as a person reads them."""
    print(
        f"{found['origins']} origins from {found['first']} to {found['last']}, every "
        f"{found['every']} days"
    )
    print(
        "days ahead   days   in 50%   in 80%   in 90%    CRPS   no change   width of 90%   bias"
    )
    for one in found["leads"]:
        ahead = f"{one['from']} to {one['to']}"
        print(
            f"{ahead:<11}{one['days']:>6}{one['in50']:>9.0%}{one['in80']:>9.0%}"
            f"{one['in90']:>9.0%}{one['crps']:>8.1f}{one['no_change']:>12.1f}"
            f"{one['width90']:>15.1f}{one['bias']:>+7.1f}"
        )


if __name__ == "__main__":
    main()
