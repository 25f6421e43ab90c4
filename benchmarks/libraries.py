"""Conditions, lever packages and the split of the width: ours beside EMA Workbench, Optuna and SALib.

Exists so that short code of our own is held against the libraries that do the same. Conditions are looked
for in planted futures and judged on others; packages of levers in planted worlds small enough to try
everything; the width of the shipped example is split by both with as many simulations. Beside them
what each library weighs: time to import, packages and megabytes. `--only` names one part; a library that
is not installed is named.

    python -m benchmarks.libraries [--quick] [--json] [--only conditions|packages|width|weight]
"""

from __future__ import annotations

import argparse
import importlib.metadata as metadata
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onward.forecast.building.inputs import Inputs, build
from onward.forecast.scenarios.conditions import boxes
from onward.forecast.scenarios.search import Package, climb
from onward.forecast.simulator.draws import ParameterDraws
from onward.forecast.simulator.futures import Group, Outputs, simulate
from onward.forecast.telling.reasons import SOURCES, split
from onward.plan.effects import plan_effects
from onward.registry import open_operation
from onward.registry.computing.analysis import draws_of, groundwork, opened
from onward.registry.examples import new_from_example

LIBRARIES = {
    "ema-workbench": "ema_workbench.analysis.prim",
    "optuna": "optuna.samplers",
    "SALib": "SALib.analyze.sobol",
}
PLANTED = ("guarantees", "pace")
NAMES = (*PLANTED, "news", "seats", "hold", "weather")


def missing(name: str) -> bool:
    """Whether a library is not installed; said once where it is asked for."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        print(f"{name} is not installed (pip install {name})", file=sys.stderr)
        return True
    return False


# -- what would have to be true -----------------------------------------------------------------


def conditions(worlds: int, futures: int) -> dict[str, Any]:
    """Boxes of ours and of EMA Workbench in futures where two of six things matter."""
    found: dict[str, list[list[float]]] = {"onward": [], "ema-workbench": []}
    absent = missing("ema-workbench")
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        values = rng.random((futures, len(NAMES)))
        inside = (values[:, 0] <= 0.35) & (values[:, 1] >= 0.55)
        happened = rng.random(futures) < np.where(inside, 0.85, 0.1)
        began = time.process_time()
        ours = boxes(values, NAMES, happened, most=1)
        spent = time.process_time() - began
        if ours:
            limits = {one.name: (one.low, one.high) for one in ours[0].limits}
            found["onward"].append([*_judged(limits, values, happened), spent])
        if absent:
            continue
        began = time.process_time()
        theirs = _ema(values[::2], happened[::2])
        spent = time.process_time() - began
        found["ema-workbench"].append([*_judged(theirs, values, happened), spent])
    names = ("density", "coverage", "limits", "planted only", "off by", "cpu seconds")
    return {
        who: {"found": len(rows), **dict(zip(names, np.mean(rows, axis=0).round(3).tolist(), strict=True))}
        for who, rows in found.items() if rows
    }  # fmt: skip


def _ema(values: Any, happened: Any) -> dict[str, tuple[float, float]]:
    """The box of EMA Workbench that a careful user would take from its trajectory: of those in which the
    outcome happens in 8 of 10, the one that holds most."""
    import pandas as pd
    from ema_workbench.analysis import prim

    table = pd.DataFrame(values, columns=list(NAMES))
    box = prim.Prim(table, happened, threshold=0.5, peel_alpha=0.05, mass_min=0.04).find_box()
    steps = box.peeling_trajectory
    dense = steps[steps["density"] >= 0.8]
    chosen = (dense["coverage"] if len(dense) else steps["density"]).idxmax()
    limits = box.box_lims[int(chosen)]
    return {
        name: (
            -np.inf if limits[name].iloc[0] <= table[name].min() else float(limits[name].iloc[0]),
            np.inf if limits[name].iloc[1] >= table[name].max() else float(limits[name].iloc[1]),
        )
        for name in NAMES
        if limits[name].iloc[0] > table[name].min() or limits[name].iloc[1] < table[name].max()
    }  # fmt: skip


def _judged(limits: dict[str, tuple[float, float]], values: Any, happened: Any) -> list[float]:
    """Density and coverage on the other half of the futures, how many things are limited, whether
    only the planted ones, and how far their limits are off."""
    values, happened = values[1::2], happened[1::2]
    inside = np.ones(len(happened), dtype=bool)
    for name, (low, high) in limits.items():
        column = values[:, NAMES.index(name)]
        inside &= (column >= low) & (column <= high)
    ends = (limits.get("guarantees", (0, 1))[1], limits.get("pace", (0, 1))[0])
    off = (abs(min(ends[0], 1.0) - 0.35) + abs(max(ends[1], 0.0) - 0.55)) / 2
    return [
        float(happened[inside].mean()), float(happened[inside].sum() / happened.sum()),
        float(len(limits)), float(set(limits) == set(PLANTED)), off,
    ]  # fmt: skip


# -- packages of levers -------------------------------------------------------------------------

WAYS = (4, 4, 3, 3, 3, 3, 2, 2)
TRIES = 200


def packages(worlds: int, first: int = 500) -> dict[str, Any]:
    """How near the best package ours and Optuna come, with as many packages tried; ours was
    settled on other worlds (0 to 23)."""
    absent = missing("optuna")
    rows: dict[str, list[list[float]]] = {"onward": [], "optuna, TPE": [], "at random": []}
    every = list(itertools.product(*(range(ways) for ways in WAYS)))
    for seed in range(first, first + worlds):
        value, allowed = _world(seed)
        fits = [package for package in every if allowed(package)]
        best = max(map(value, fits))

        def share(reached: float, best: float = best) -> list[float]:
            return [reached / best, float(reached >= best - 1e-9)]

        began = time.process_time()
        tried = climb(WAYS, allowed, lambda p, value=value: (value(p), 0.0), most=TRIES)
        spent = time.process_time() - began
        rows["onward"].append([*share(max(map(value, tried))), len(tried), spent])
        rng = np.random.default_rng(seed)
        some = rng.choice(len(fits), min(len(tried), len(fits)), replace=False)
        rows["at random"].append([*share(max(value(fits[i]) for i in some)), len(some), 0.0])
        if not absent:
            began = time.process_time()
            reached = _optuna(value, allowed, len(tried), seed)
            spent = time.process_time() - began
            rows["optuna, TPE"].append([*share(reached), len(tried), spent])
    names = ("share of the best", "best found", "tried", "cpu seconds")
    return {
        who: dict(zip(names, np.mean(found, axis=0).round(3).tolist(), strict=True))
        for who, found in rows.items()
        if found
    }


def _world(seed: int) -> tuple[Callable[[Package], float], Callable[[Package], bool]]:
    """What packages are worth where levers help and hinder each other, and what can be paid."""
    rng = np.random.default_rng(seed)
    alone = [np.concatenate([[0.0], rng.exponential(20, ways - 1)]) for ways in WAYS]
    cost = [np.concatenate([[0.0], rng.uniform(10, 60, ways - 1)]) for ways in WAYS]
    pairs = {
        (i, j): rng.normal(0, 25, (WAYS[i], WAYS[j])) * (rng.random() < 0.4)
        for i, j in itertools.combinations(range(len(WAYS)), 2)
    }

    def value(package: Package) -> float:
        total = sum(alone[i][way] for i, way in enumerate(package))
        total += sum(
            float(table[package[i], package[j]])
            for (i, j), table in pairs.items()
            if package[i] and package[j]
        )
        return float(total)

    def allowed(package: Package) -> bool:
        return sum(cost[i][way] for i, way in enumerate(package)) <= 150

    return value, allowed


def _optuna(
    value: Callable[[Package], float], allowed: Callable[[Package], bool], tries: int, seed: int
) -> float:
    """The best of as many trials; what cannot be paid is told as a constraint and costs no trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True)
    )
    seen: dict[Package, float] = {}
    for _ in range(20 * tries):
        trial = study.ask()
        package = tuple(
            trial.suggest_categorical(str(i), list(range(ways))) for i, ways in enumerate(WAYS)
        )
        if not allowed(package):
            study.tell(trial, -1000.0)
            continue
        seen.setdefault(package, value(package))
        study.tell(trial, seen[package])
        if len(seen) >= tries:
            break
    return max(seen.values())


# -- what the width comes from ------------------------------------------------------------------


def width(futures: int, folder: Path | None) -> dict[str, Any]:
    """The split of the shipped example, ours and by Sobol total effects of SALib."""
    with tempfile.TemporaryDirectory() as kept:
        if folder is None:
            folder = Path(kept) / "camp"
            new_from_example(folder, "meridian", say=lambda text: None)
        found = opened(open_operation(folder), None)
        ground = groundwork(found)
        drawn = draws_of(found, 4 * futures, 1)
        effects = (
            plan_effects(found.plan, drawn, found.rulebook) if found.plan and drawn else None
        )
        inputs = build(found.rulebook, effects=effects, **ground.for_build(found))
        days = 300
        rows = inputs.draws(4 * futures, 1)
        began = time.process_time()
        ours = split(inputs, rows, 1, days=days, futures=futures)
        spent = time.process_time() - began
        told: dict[str, Any] = {
            "onward": {"shares": ours, "cpu seconds": round(spent, 2),
                       "simulations": futures * (len(ours) + 1)},
        }  # fmt: skip
        if not missing("SALib"):
            began = time.process_time()
            shares, many = _salib(inputs, rows, days, futures)
            told["SALib"] = {"shares": shares, "simulations": many,
                             "cpu seconds": round(time.process_time() - began, 2)}  # fmt: skip
    return told


def _salib(
    inputs: Inputs, rows: ParameterDraws, days: int, futures: int
) -> tuple[dict[str, float], int]:
    """Sobol totals, in proportion: each kind of doubt is one input that picks a row of the draws,
    chance and shocks one that picks a future's seed."""
    from SALib.analyze import sobol
    from SALib.sample import sobol as sample

    columns = {
        source: [j for j, name in enumerate(rows.names) if inputs.sources.get(name) == source]
        for source in SOURCES
    }
    kinds = [s for s in SOURCES if columns[s] or s in ("chance", "shocks")]
    problem = {"num_vars": len(kinds), "names": kinds, "bounds": [[0.0, 1.0]] * len(kinds)}
    size = 2 ** max(round(np.log2(futures * (len(kinds) + 1) / (len(kinds) + 2))), 3)
    at = sample.sample(problem, size, calc_second_order=False, seed=1)
    pick = np.minimum((at * len(rows.values)).astype(int), len(rows.values) - 1)
    here = [state.id for state in inputs.model.states if state.present]
    outputs = Outputs(present={"all": Group(states=here)})
    answers = np.empty(len(at))
    for number, picked in enumerate(pick):
        chosen = dict(zip(kinds, picked, strict=True))
        values = rows.values[:1].copy()
        for source in kinds:
            values[0, columns[source]] = rows.values[chosen[source], columns[source]]
        made = simulate(
            inputs.model, inputs.derived(ParameterDraws(rows.names, values)), 1,
            int(chosen["chance"]), days=days, keyed=True, outputs=outputs, threads=1,
            shock_seed=int(chosen["shocks"]), path="general",
        )  # fmt: skip
        answers[number] = made.present["all"][0, -1]
    totals = np.maximum(sobol.analyze(problem, answers, calc_second_order=False)["ST"], 0.0)
    shares = (totals / totals.sum()).round(3).tolist()
    return dict(zip(kinds, shares, strict=True)), len(at)


# -- what they weigh ----------------------------------------------------------------------------


def weight(times: int) -> dict[str, Any]:
    """Seconds to import, packages brought in that Onward does not have, and their size."""
    have = _needed("onward")
    found = {}
    for name, module in {**LIBRARIES, "onward": "onward.forecast.scenarios.conditions"}.items():
        if name != "onward" and missing(name):
            continue
        more = [one for one in _needed(name) if one not in have] if name != "onward" else []
        size = sum(
            path.stat().st_size
            for one in more
            for file in metadata.files(one) or ()
            if (path := Path(str(file.locate()))).is_file()
        )
        cpu = statistics.median(_import(module) for _ in range(times))
        found[name] = {"import, cpu seconds": round(cpu, 2), "more packages": len(more),
                       "more megabytes": round(size / 1e6)}  # fmt: skip
    return found


def _import(module: str) -> float:
    """CPU seconds that a fresh process takes to import a module, beyond NumPy."""
    code = f"import numpy, time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return float(out.stdout)


def _needed(name: str) -> set[str]:
    """A distribution and everything it needs without extras, by name."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        one = re.sub(r"[-_.]+", "-", ahead.pop()).lower()
        if one in found:
            continue
        try:
            needs = metadata.requires(one) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(one)
        ahead += [
            re.split(r"[ <>=!~;\[(]", need)[0] for need in needs if "extra ==" not in need
        ]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.libraries")
    parser.add_argument(
        "directory", type=Path, nargs="?", help="an operation folder; else the example's"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=("conditions", "packages", "width", "weight"))
    given = parser.parse_args(arguments)
    worlds = 4 if given.quick else 40
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "conditions": lambda: conditions(worlds, 2000),
        # Optuna thinks for seconds over each of them.
        "packages": lambda: packages(min(worlds, 12)),
        "width": lambda: width(30 if given.quick else 120, given.directory),
        "weight": lambda: weight(1 if given.quick else 3),
    }
    found = {name: part() for name, part in parts.items() if given.only in (None, name)}
    if given.json:
        print(json.dumps(found, indent=1))
        return
    for name, told in found.items():
        print(f"\n{name}")
        for who, row in told.items():
            print(f"  {who:<14} " + ", ".join(f"{what} {value}" for what, value in row.items()))


if __name__ == "__main__":
    main()
