"""`python -m benchmarks.forecast [--quick] [--json] [--no-peers]`: speed of the simulator.

`--people 3700` (370000, 37000000) does that size alone, so that a run can be cut into pieces; slow
peers simulate few futures, said beside each figure, and those that would take hours or more than
the memory at a size are not run there (`FULL`). A peer that is not installed is named, not passed
over: they come with the dependency group `bench`.

Runs the reference job through the public functions, with a row of drawn parameters per future,
beside Mesa, Starsim, SimPy, epydemix and NumPy in the same process, rounds taken in turn. CPU
seconds are those of all threads, best round. A ratio counts only where the draws agree: mean and
spread within four standard errors, Kolmogorov-Smirnov p above 0.001, people conserved.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import resource
import sys
import time

import numpy as np

from benchmarks.forecast import job, operation
from onward.engine.cores import cores
from onward.forecast.simulator.draws import draw
from onward.forecast.simulator.futures import Futures, Outputs, simulate
from onward.forecast.simulator.model import Effect, Model
from onward.forecast.telling.scores import fan

PEERS = ("mesa", "starsim", "simpy", "epydemix", "numpy people", "numpy counts")
MODULES = {
    "mesa": "mesa_people", "starsim": "starsim_people", "simpy": "simpy_people",
    "epydemix": "epydemix_counts", "numpy people": "numpy_people", "numpy counts": "numpy_counts",
}  # fmt: skip
# futures per round by scale; 0 is not run: minutes to hours per future, or more than the memory
FULL = {
    1: {"mesa": 8, "starsim": 10, "simpy": 8, "epydemix": 40, "numpy people": 20,
        "numpy counts": 500},
    100: {"starsim": 1, "epydemix": 20, "numpy people": 1, "numpy counts": 100},
    10_000: {"epydemix": 20, "numpy counts": 100},
}  # fmt: skip
QUICK = {
    1: {"mesa": 2, "starsim": 3, "simpy": 2, "epydemix": 10, "numpy people": 4,
        "numpy counts": 100},
    100: {"numpy counts": 20},
    10_000: {"numpy counts": 20},
}  # fmt: skip
OURS = {1: 4096, 100: 1024, 10_000: 1024}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ours(
    scale: int, n: int, seed: int, laws: dict | None = None, threads: int | None = None
) -> Futures:
    """The public path: draw parameters, simulate, summarise."""
    d = draw(laws or job.known_parameters(), n, seed)
    f = simulate(
        job.camp(scale), d, n, seed, days=job.DAYS, outputs=Outputs(units_on=[job.DAYS - 1]),
        threads=threads,
    )  # fmt: skip
    fan(f.present["all"][:, ::30])
    return f


def against(
    cpu: float, own: float, x: np.ndarray, y: np.ndarray
) -> dict[str, float | bool | None]:
    """A peer's CPU seconds a future (`cpu`) beside ours; no ratio where the draws do not agree."""
    found = agreement(x, y)
    ratio = cpu / own if found["agrees"] else None
    return {"cpu_ms_per_future": cpu * 1e3, "ratio": ratio, **found}


def agreement(x: np.ndarray, y: np.ndarray) -> dict[str, float | bool]:
    """Whether two samples can come from one law.

    x   a peer's people left, sometimes only three: then it tells a gross fault only
    y   ours, thousands
    """
    from scipy.stats import chi2, ks_2samp, norm

    # y has thousands of draws, x sometimes three: take the spread from y and the exact law of x's
    mean_z = float((x.mean() - y.mean()) / (y.std() * math.sqrt(1 / len(x) + 1 / len(y))))
    share = chi2.cdf((len(x) - 1) * x.var(ddof=1) / y.var(ddof=1), len(x) - 1)
    sd_z = float(norm.ppf(min(max(share, 1e-12), 1 - 1e-12)))
    p = float(ks_2samp(x, y).pvalue)
    return {
        "futures": len(x), "mean_z": round(mean_z, 2), "sd_z": round(sd_z, 2), "ks_p": round(p, 4),
        "agrees": abs(mean_z) < 4 and abs(sd_z) < 4 and p > 0.001,
    }  # fmt: skip


def limit(scale: int) -> dict[str, float]:
    """The least a future can cost here: one uniform per cell and day and per move, and one
    exponential per cell and day, each in a bare compiled loop (xoshiro256++, libm)."""
    import numba

    @numba.njit
    def uniforms(n: int, s: np.ndarray) -> float:
        total = 0.0
        for _ in range(n):
            t = s[0] + s[3]
            x = ((t << np.uint64(23)) | (t >> np.uint64(41))) + s[0]
            h = s[1] << np.uint64(17)
            s[2] ^= s[0]
            s[3] ^= s[1]
            s[1] ^= s[2]
            s[0] ^= s[3]
            s[2] ^= h
            s[3] = (s[3] << np.uint64(45)) | (s[3] >> np.uint64(19))
            total += (x >> np.uint64(11)) * 1.1102230246251565e-16
        return total

    @numba.njit
    def exps(n: int) -> float:
        total = 0.0
        for i in range(n):
            total += math.exp(-1e-7 * i)
        return total

    state = np.arange(1, 5).astype(np.uint64)
    uniforms(10, state)
    exps(10)
    n = 2_000_000
    each = {}
    for name, work in (("uniform_ns", lambda: uniforms(n, state)), ("exp_ns", lambda: exps(n))):
        best = math.inf
        for _ in range(5):
            t = time.process_time()
            work()
            best = min(best, time.process_time() - t)
        each[name] = best / n * 1e9
    few = 64
    f = simulate(
        job.camp(scale), draw(job.known_parameters(), few, 1), few, 1, days=job.DAYS,
        outputs=Outputs(units_on=range(job.DAYS), flows_on=[job.DAYS - 1]),
    )  # fmt: skip
    leaving = sorted(set(job.SOURCE.tolist()))
    cells = float((f.units[:, :, leaving] > 0).sum() / few)
    moves = float(f.flows.sum() / few)
    draws = cells * (1 + min(moves / cells, 4.0))  # large counts: a few draws place them all
    ms = (draws * each["uniform_ns"] + cells * each["exp_ns"]) / 1e6
    return {**each, "cell_days": cells, "moves": moves, "ms_per_future": ms}


def keyed_ratio(futures: int) -> dict[str, float]:
    """Futures needed for a scenario difference: another seed each, against the same seed."""

    def earlier(model: Model, day: float) -> Model:
        changed = [
            Effect(f.id, f.factor, start=day) if isinstance(f, Effect) else f
            for f in model.factors
        ]
        return Model(**{**vars(model), "factors": changed})

    def end(day: float, seed: int, keyed: bool = True) -> np.ndarray:
        d = draw(job.known_parameters(), futures, 1)
        f = simulate(earlier(job.camp(), day), d, futures, seed, days=job.DAYS, keyed=keyed)
        return f.present["all"][:, -1].astype(float)

    base = end(150.0, 1)
    same = end(100.0, 1) - base
    apart = end(100.0, 2) - base
    return {
        "difference": float(same.mean()), "sd_same_seed": float(same.std()),
        "sd_other_seed": float(apart.std()), "futures_ratio": float(apart.var() / same.var()),
    }  # fmt: skip


def real(folder: str, n: int) -> dict[str, object]:
    """An operation's own forecast, everything on: only its simulation is timed."""
    from pathlib import Path

    from onward.forecast.building.inputs import build
    from onward.forecast.simulator.futures import Group
    from onward.plan.effects import plan_effects
    from onward.registry import open_operation
    from onward.registry.computing.analysis import draws_of, groundwork, opened

    found = opened(open_operation(Path(folder)))
    ground = groundwork(found)
    rulebook = found.rulebook
    drawn = draws_of(found, n, 1)
    effects = plan_effects(found.plan, drawn, rulebook) if found.plan and drawn else None
    inputs = build(rulebook, effects=effects, **ground.for_build(found))
    days = (ground.deadline - found.as_of).days
    model = inputs.model
    here = [state.id for state in model.states if state.present]
    groups = {"everyone": Group(states=here)}
    groups |= {name: Group(states=here, strata=[name]) for name in model.strata}
    wanted = Outputs(present=groups, units_on=[days - 1], flows_on=[days - 29, days - 1])
    t, c = time.perf_counter(), time.process_time()
    rows = inputs.draws(n, 1)
    drawing = time.perf_counter() - t
    simulate(model, rows, 8, 1, days=days, outputs=wanted)
    t, c = time.perf_counter(), time.process_time()
    simulate(model, rows, n, 1, days=days, outputs=wanted)
    wall, spent = time.perf_counter() - t, time.process_time() - c
    phases = sum(state.phases for state in model.states if state.present)
    cells = phases * len(model.strata) * len(model.sizes)
    return {
        "futures": n, "days": days, "cells": cells, "draw_seconds": drawing, "wall_seconds": wall,
        "cpu_seconds": spent, "cpu_ms_per_future": spent / n * 1e3,
        "cpu_ms_per_thousand_cells": spent / n * 1e6 / cells,
    }  # fmt: skip


def cold(folder: str) -> dict[str, dict[str, float]]:
    """`onward forecast` of an operation folder in processes of their own: the first ever, with
    nothing compiled, then with the compiled code in its cache (the best of three), then as after a
    change of the record, when nothing read from it is kept either (the best of three)."""
    import shutil
    import subprocess
    import tempfile
    from pathlib import Path

    command = [sys.executable, "-c", "from onward.cli.main import main; main()", "forecast", folder,
               "--json"]  # fmt: skip

    def once(cache: str) -> dict[str, float]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        t = time.perf_counter()
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
        )  # fmt: skip
        wall = time.perf_counter() - t
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"wall_seconds": wall, "cpu_seconds": spent}

    with tempfile.TemporaryDirectory() as cache:
        first = once(cache)
        later = [once(cache) for _ in range(3)]
        changed = []
        for _ in range(3):
            shutil.rmtree(Path(folder) / ".cache", ignore_errors=True)
            changed.append(once(cache))
    return {
        "first_ever": first,
        **{
            label: {name: min(one[name] for one in runs) for name in first}
            for label, runs in (("cold_start", later), ("record_changed", changed))
        },
    }


def cold_example() -> dict[str, dict[str, float]]:
    """The same for the shipped example, built for it."""
    import subprocess
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as work:
        camp = str(Path(work) / "camp")
        subprocess.run(
            [sys.executable, "-c", "from onward.cli.main import main; main()", "new", camp,
             "--example", "meridian"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return cold(camp)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small runs, few peers")
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    parser.add_argument("--no-peers", action="store_true", help="only our own figures")
    parser.add_argument(
        "--operation",
        default="",
        help="time 10,000 futures of this operation folder, nothing else",
    )
    parser.add_argument(
        "--cold",
        default="",
        help="time `onward forecast` of this folder from its start, nothing else",
    )
    parser.add_argument(
        "--people",
        type=int,
        choices=[int(job.PEOPLE.sum()) * scale for scale in FULL],
        help="this size alone, nothing else",
    )
    options = parser.parse_args()
    if options.operation:
        print(json.dumps(real(options.operation, 1000 if options.quick else 10_000), indent=1))
        return
    if options.cold:
        print(json.dumps(cold(options.cold), indent=1))
        return
    plan = QUICK if options.quick else FULL
    rounds = 2 if options.quick else 3
    out: dict[str, object] = {"cpus": cores(), "scales": {}}

    say("compiling or loading ...")
    t = time.perf_counter()
    ours(1, 1, 1)
    out["first_answer_seconds"] = time.perf_counter() - t
    for scale, sizes in plan.items():
        people = int(job.PEOPLE.sum()) * scale
        if options.people not in (None, people):
            continue
        say(f"{people:,} people")
        modules, missing = {}, []
        for name in () if options.no_peers else sizes:
            try:
                modules[name] = importlib.import_module(
                    f"benchmarks.forecast.peers.{MODULES[name]}"
                )
            except ImportError as error:
                missing.append(name)
                say(f"  {name}: not installed ({error.name})")
        n = OURS[scale] // (4 if options.quick else 1)
        cpu: dict[str, float] = {}
        draws: dict[str, list[np.ndarray]] = {}

        def take(
            name: str,
            count: int,
            spent: float,
            present: np.ndarray,
            final: np.ndarray,
            cpu: dict = cpu,
            draws: dict = draws,
            people: int = people,
        ) -> None:
            assert (final.reshape(count, -1).sum(1) == people).all(), f"{name} loses people"
            cpu[name] = min(cpu.get(name, math.inf), spent / count)
            draws.setdefault(name, []).append(present[:, -1].astype(float))

        for r in range(rounds):
            t = time.process_time()
            f = ours(scale, n, 100 + r)
            take("onward", n, time.process_time() - t, f.present["all"], f.units[:, 0, ..., 0])
            for name, module in modules.items():
                say(f"  round {r + 1}: {name}")
                t = time.process_time()
                present, final = module.futures(scale, sizes[name], 100 + r)
                take(name, sizes[name], time.process_time() - t, present, final)
        laws = job.uncertain_parameters()
        best = math.inf
        for r in range(rounds):
            t = time.process_time()
            ours(scale, n, 100 + r, laws)
            best = min(best, (time.process_time() - t) / n)
        wall = math.inf
        ten = 1000 if options.quick else 10_000
        for r in range(rounds):
            t = time.perf_counter()
            ours(scale, ten, 200 + r, laws)
            wall = min(wall, time.perf_counter() - t)
        x = np.concatenate(draws["onward"])
        floor = limit(scale)
        entry = {
            "people": people,
            "residual_mean": float(x.mean()),
            "residual_sd": float(x.std(ddof=1)),
            "cpu_ms_per_future": cpu["onward"] * 1e3,
            "cpu_ms_per_future_uncertain": best * 1e3,
            "wall_seconds": {"futures": ten, "seconds": wall},
            "limit": floor,
            "times_the_limit": cpu["onward"] * 1e3 / floor["ms_per_future"],
            "peers": {
                name: against(cpu[name], cpu["onward"], np.concatenate(draws[name]), x)
                for name in modules
            },
            "not_installed": missing,
        }
        out["scales"][str(people)] = entry  # type: ignore[index]

    if options.people is None:
        alone(out, quick=options.quick)
    out["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.json:
        print(json.dumps(out, indent=1))
    else:
        report(out)


def alone(out: dict[str, object], *, quick: bool) -> None:
    """What has no peer: a scenario's difference, everything switched on, a start from nothing."""
    say("scenario difference")
    out["keyed"] = keyed_ratio(1000 if quick else 4000)
    say("operation with everything on")
    model, laws_all = operation.operation(), operation.parameters()
    n = 500 if quick else 10_000
    d = draw(laws_all, n, 1)
    simulate(model, d, 8, 1, days=job.DAYS)
    t, c = time.perf_counter(), time.process_time()
    f = simulate(model, d, n, 1, days=job.DAYS)
    wall, spent = time.perf_counter() - t, time.process_time() - c
    phases = sum(s.stages for s in model.states if s.present)
    cells = phases * len(model.strata) * len(model.sizes)
    out["everything_on"] = {
        "futures": n, "cells": cells, "wall_seconds": wall, "cpu_ms_per_future": spent / n * 1e3,
        "cpu_ms_per_thousand_cells": spent / n * 1e6 / cells, "path": f.path,
        "residual_5_50_95": np.quantile(f.present["all"][:, -1], [0.05, 0.5, 0.95]).tolist(),
    }  # fmt: skip
    if not quick:
        say("the example operation: built, then forecast from a cold start")
        out["start"] = cold_example()


def report(out: dict) -> None:
    """The figures as a person reads them."""
    print(f"first answer (compiled code loaded or made): {out['first_answer_seconds']:.1f} s")
    for entry in out["scales"].values():
        w, floor = entry["wall_seconds"], entry["limit"]
        print(
            f"\n{entry['people']:,} people, 365 days: residual {entry['residual_mean']:,.1f}"
            f" (sd {entry['residual_sd']:,.1f})\n"
            f"  onward          {entry['cpu_ms_per_future']:10.4f} ms CPU a future"
            f" ({entry['cpu_ms_per_future_uncertain']:.4f} with uncertain parameters)\n"
            f"  {w['futures']:,} futures in {w['seconds']:.2f} s on {out['cpus']} CPUs\n"
            f"  limit           {floor['ms_per_future']:10.4f} ms"
            f" (uniform {floor['uniform_ns']:.2f} ns, exp {floor['exp_ns']:.2f} ns,"
            f" {floor['cell_days']:,.0f} cell-days); we take"
            f" {entry['times_the_limit']:.1f} times it"
        )
        for name, p in entry["peers"].items():
            ratio = f"{p['ratio']:9,.0f} times ours" if p["agrees"] else "draws do not agree"
            print(
                f"  {name:15s} {p['cpu_ms_per_future']:10.2f} ms  {ratio}"
                f"  (n {p['futures']}, mean z {p['mean_z']:+.1f}, sd z {p['sd_z']:+.1f},"
                f" KS p {p['ks_p']:.2f})"
            )
        if entry["not_installed"]:
            print(f"  not installed, so not measured: {', '.join(entry['not_installed'])}")
    if "keyed" not in out:
        print(f"\npeak memory {out['peak_memory_mb']:,.0f} MB (peers included)")
        return
    k, e = out["keyed"], out["everything_on"]
    print(
        f"\nscenario difference {k['difference']:+.1f} people: sd {k['sd_same_seed']:.1f} with the"
        f" same seed, {k['sd_other_seed']:.1f} with another; {k['futures_ratio']:.0f} times fewer"
        f" futures\noperation with everything on: {e['futures']:,} futures in"
        f" {e['wall_seconds']:.1f} s, {e['cpu_ms_per_future']:.2f} ms CPU a future,"
        f" {e['cells']:,} cells, {e['cpu_ms_per_thousand_cells']:.2f} ms per thousand cells"
        f"\npeak memory {out['peak_memory_mb']:,.0f} MB (peers included)"
    )
    said = {
        "first_ever": "the first ever, compiling", "cold_start": "compiled code cached",
        "record_changed": "compiled code cached, the record changed since",
    }  # fmt: skip
    for name, took in out.get("start", {}).items():
        print(
            f"onward forecast of the example, {said[name]}: {took['wall_seconds']:.1f} s,"
            f" {took['cpu_seconds']:.1f} s CPU"
        )


if __name__ == "__main__":
    main()
