"""Whom safeguards will hold back: past forecasts of it beside how people were then judged.

Exists to see whether reading from the record how people are freed and caught says better who will be
held back than today's share does. From many past days an operation is forecast with the record up to
that day only, months ahead; then everybody is judged on the later days and the numbers are compared,
safeguard by safeguard. Also with who comes and goes taken as it then was, so that what the forecast of
the states misses does not hide what this adds. What the plan of today says of the past is used where the
plan has no older version, and later corrections are read, which flatters both a little.

    python -m benchmarks.remedies camp
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
import pyarrow as pa

from onward.caseload.fold import fold
from onward.forecast.building.inputs import build
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.telling.held import judged
from onward.forecast.telling.remedies import (
    EVERY_DAYS,
    LEAST_STEPS,
    MOST_STEPS,
    Currents,
    Standing,
    currents,
    held_then,
    past,
    standing,
    step_ends,
    turns,
)
from onward.forecast.telling.scores import covered, crps
from onward.plan.effects import plan_effects
from onward.registry import open_operation
from onward.registry.computing.analysis import draws_of, first_day, groundwork, opened
from onward.registry.examples import new_from_example
from onward.safeguards.everybody import evaluate_all

LEADS = ((1, 1), (2, 3), (4, 6), (7, 9), (10, 13))
FIRST_STEPS = 9
LEAST_PEOPLE = 1.0
"""A safeguard that holds fewer, in truth and in both forecasts, says nothing of a range."""


def people_judged(found: Any, day: dt.date, number: dict[str, int]) -> tuple[pa.Table, Any]:
    """Everybody judged on a day, and the number of each on every day."""
    caseload = fold(found.events, found.rulebook, as_of=day, engine=found.engine)
    who = [number.setdefault(one, len(number)) for one in caseload.people["id"].to_pylist()]
    return judged(evaluate_all(caseload, on=day, engine=found.engine)), np.array(who)


def as_it_was(days: Sequence[Standing], family: float, futures: int) -> Currents:
    """Who came into each state and left it, as judged day by day."""
    rows = turns(days).to_pylist()
    guard = rows[0]["guard"]
    states = sorted({row["state"] for row in rows})
    flow = {way: {s: np.zeros((1, len(days) - 1)) for s in states} for way in ("in", "out")}
    for row in rows:
        if row["guard"] == guard and row["was"] == "new":
            flow["in"][row["state"]][0, row["step"]] += row["people"]
        if row["guard"] == guard and row["now"] == "gone":
            flow["out"][row["state"]][0, row["step"]] += row["people"]
    last = days[-1]
    many = np.ones((futures, 1))
    return Currents(
        (EVERY_DAYS,) * (len(days) - 1),
        {state: many * each for state, each in flow["in"].items()},
        {state: many * each for state, each in flow["out"].items()},
        {
            s: np.full(futures, float((last.state == last.states.index(s)).sum()))
            for s in states
        },
        family,
    )


def as_today(day: Standing, then: dict[str, Any]) -> dict[str, Any]:
    """Safeguard -> (futures,) people if each state keeps today's share."""
    found: dict[str, Any] = {}
    for index, state in enumerate(day.states):
        here = day.state == index
        for guard in day.held if here.any() and state in then else ():
            share = day.by(guard)[here].mean()
            found[guard] = found.get(guard, 0.0) + share * then[state]
    return found


def measure(operation: Any, futures: int, seed: int) -> list[dict[str, Any]]:
    """One row per past day, month ahead, safeguard and way of knowing who comes and goes."""
    end = opened(operation, None)
    count = (end.as_of - first_day(end)).days // EVERY_DAYS
    days = [end.as_of - dt.timedelta(days=EVERY_DAYS * back) for back in range(count, -1, -1)]
    number: dict[str, int] = {}
    tables = [people_judged(end, day, number) for day in days]
    rows = []
    for origin in range(max(FIRST_STEPS, LEAST_STEPS), len(days) - 1):
        found = opened(operation, days[origin])
        ground = groundwork(found)
        effects = None
        drawn = draws_of(found, futures, seed)
        if drawn is not None and found.plan is not None:
            effects = plan_effects(found.plan, drawn, found.rulebook)
        inputs = build(found.rulebook, effects=effects, **ground.for_build(found))
        stood = [standing(*table, inputs.edges, inputs.forward) for table in tables]
        seen = past(turns(stood[max(origin - MOST_STEPS, 0) : origin + 1]))
        draws = inputs.draws(futures, seed)
        model = inputs.model
        here = {state.id for state in model.states if state.present}
        most = min(len(days) - origin - 1, MOST_STEPS)
        ends = step_ends(EVERY_DAYS * most)
        made = simulate(
            model, draws, futures, seed, days=ends[-1] + 1,
            outputs=Outputs(units_on=ends, flows_on=ends),
        )  # fmt: skip
        present = (made.units * np.array(made.sizes)).sum(axis=(3, 4)).astype(float)
        for ahead in range(1, most + 1):
            length, people = EVERY_DAYS * ahead, present[:, ahead - 1]
            then = {s: people[:, i] for i, s in enumerate(made.states) if s in here}
            forecast = currents(model, made, then, length)
            known = as_it_was(stood[origin : origin + ahead + 1], forecast.family, futures)
            truth = stood[origin + ahead]
            for way, during in (("forecast", forecast), ("as they were", known)):
                paced = held_then(seen, during, seed)
                flat = as_today(stood[origin], dict(during.then))
                for guard in sorted({*paced, *flat, *truth.held}):
                    came = int(truth.by(guard).sum())
                    both = [
                        np.broadcast_to(each.get(guard, 0.0), (futures,)).astype(float)
                        for each in (paced, flat)
                    ]
                    rows.append(
                        {
                            "origin": str(days[origin]), "ahead": ahead, "guard": guard, "who": way,
                            "came": came, "paced": float(crps(both[0], came)),
                            "today": float(crps(both[1], came)),
                            "in80": float(covered(both[0], came, 0.8)),
                            "in80_today": float(covered(both[1], came, 0.8)),
                            "telling": bool(came or max(each.mean() for each in both) >= LEAST_PEOPLE),
                        }
                    )  # fmt: skip
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.remedies")
    parser.add_argument(
        "directory", type=Path, nargs="?", help="an operation folder; left out, the example's"
    )
    parser.add_argument("--futures", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="50 futures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="every comparison, as JSON")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as kept:
        folder = given.directory
        if folder is None:
            folder = Path(kept) / "camp"
            new_from_example(folder, "meridian", say=lambda text: None)
        rows = measure(open_operation(folder), 50 if given.quick else given.futures, given.seed)
    print(json.dumps(rows, indent=1)) if given.json else report(rows)


def report(rows: Sequence[dict[str, Any]]) -> None:
    """The figures as a person reads them: misses are summed over safeguards, in people."""
    origins = len({row["origin"] for row in rows})
    print(f"{origins} past days; the miss (CRPS) of all safeguards together, in people")
    for way in ("forecast", "as they were"):
        mine = [row for row in rows if row["who"] == way]
        print(f"\nWho comes and goes: {way}")
        print(
            "months ahead   forecasts   at the pace on record   in 80%   today's share   in 80%"
        )
        for low, high in (*LEADS, (1, MOST_STEPS)):
            print(_line(f"{low} to {high}", [r for r in mine if low <= r["ahead"] <= high]))
        print("safeguard")
        for guard in sorted({row["guard"] for row in mine}, key=lambda one: (len(one), one)):
            print(_line(guard, [row for row in mine if row["guard"] == guard]))


def _line(name: str, rows: Sequence[dict[str, Any]]) -> str:
    many = len({(row["origin"], row["ahead"]) for row in rows})
    telling = [row for row in rows if row["telling"]]
    if not telling:
        return f"{name:<15}{many:>9}   nobody held"
    miss = {key: sum(row[key] for row in rows) / many for key in ("paced", "today")}
    inside = {key: np.mean([row[key] for row in telling]) for key in ("in80", "in80_today")}
    return (
        f"{name:<15}{many:>9}{miss['paced']:>24.1f}{inside['in80']:>9.0%}"
        f"{miss['today']:>16.1f}{inside['in80_today']:>9.0%}"
    )


if __name__ == "__main__":
    main()
