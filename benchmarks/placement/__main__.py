"""Placement: seconds, memory and proven gap, beside plain HiGHS and CP-SAT in the same run.

Part 1, like for like: one blended value, linked pairs, caps, earmarks and conditional pledges,
solved by us and by the two solvers under the same time limit and gap; the time of the linear
relaxation stands beside it as the limit to approach. Part 2, the real thing: all aims in order on
the same data. Then: questions (what if), stability under noise in the scores, and arrivals over
time against deciding greedily and against hindsight. Every solve runs in a process of its own, so
that memory is its own; several seeds, the worst is the figure.

    python -m benchmarks.placement [--quick] [--json] [--only N ...] [--results FILE [--minutes N]]

With --results every run is written to FILE as it ends and is not repeated, so that the whole can
be had in pieces: each call goes on where the last one stopped, for at most N minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GAP = 0.0005
# households, programmes, seeds, time limit (s), wanted gap, wanted seconds
SIZES = (
    (100, 10, (1, 2, 3, 4), 30, 0.0, 0.3),
    (1_000, 20, (1, 2, 3), 60, 0.0005, 3),
    (10_000, 20, (1, 2, 3), 120, 0.0005, 5),
    (100_000, 40, (1, 3), 180, 0.0005, 20),
    (1_000_000, 40, (1,), 400, 0.0003, 120),
)
QUICK = (
    (100, 10, (1,), 10, 0.0, 0.3),
    (1_000, 20, (1,), 12, 0.0005, 3),
    (10_000, 20, (1,), 25, 0.0005, 5),
)


def rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def give_back() -> None:
    """What making the data used and freed goes back to the system: it is no part of a solve."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def warm() -> None:
    """Compile and load what is compiled once per installation."""
    from benchmarks.placement.generate import reference
    from onward.placement.solving.large.core import solve_core
    from onward.placement.solving.prices.choices import bundles_of

    r = reference(2_500, 10)
    solve_core(r.model, r.value, bundles=bundles_of(r.model, 2.0), seconds=3)


def compiled(r: Any, seed: int) -> Any:
    """The reference problem with all aims, as the product solves it."""
    import numpy as np

    from onward.placement.inputs.aims import read_aims
    from onward.placement.inputs.tables import Case, Tables, Window
    from onward.placement.problem.compiling import Compiled
    from onward.placement.problem.points import Scores

    model = r.model
    n, rng = model.units, np.random.default_rng(seed)
    slots = tuple(
        Window(info.programme, int(limit), info.window)
        for info, limit in zip(model.rows, model.limit, strict=True)
        if info.kind == "places"
    )
    named = n <= 10_000  # the questions name cases; a million names only take memory
    cases = (
        tuple(Case(f"C{i}", int(size)) for i, size in enumerate(model.size)) if named else ()
    )
    linked = np.zeros(n, bool)
    linked[model.group_member] = True
    return Compiled(
        model=model, tables=Tables(cases, slots), aims=read_aims(),
        members=[(i,) for i in range(n)] if named else [], unit_of_case=np.arange(n),
        weight=r.weight, emergency=r.emergency, column_weight=None,
        outcome=r.outcome.astype(float) if named else r.outcome,
        kept=np.zeros(model.columns), ticket=rng.random(n),
        seed=seed, must=np.zeros(n, bool), barrier=np.zeros((len(cases), len(slots)), np.uint8),
        slots=slots, pledges=(), impossible_locks=[], linked=linked, scores=Scores(Tables((), slots)),
    )  # fmt: skip


def exact_arrays(r: Any) -> Any:
    """The whole reference problem as one program: every column and every bundle."""
    import numpy as np

    from onward.placement.solving.prices.choices import bundles_of
    from onward.placement.solving.prices.pricing import Pricing
    from onward.placement.solving.programs.part import Part

    bundles = bundles_of(r.model, 2 * r.apart)
    pricing = Pricing(r.model, r.value, bundles, np.zeros(r.model.units, bool))
    columns = np.arange(r.model.columns)
    return pricing, Part(
        pricing, columns, np.arange(len(bundles)), r.model.limit, slack_cost=None
    )


def one(what: str, n: int, d: int, seed: int, limit: float, gap: float) -> dict[str, Any]:
    """One solve in this process: what is ours, highs, cpsat, lp or stages."""
    import numpy as np

    from benchmarks.placement.generate import reference

    if what in ("ours", "stages"):
        warm()
    r = reference(n, d, seed)
    model = r.model
    give_back()
    base = rss_mib()
    worked = time.process_time()
    began = time.perf_counter()
    if what == "ours":
        from onward.placement.solving.large.core import solve_core
        from onward.placement.solving.prices.choices import bundles_of, open_pledges

        a = solve_core(
            model,
            r.value,
            bundles=bundles_of(model, 2 * r.apart),
            gap=gap,
            seconds=limit,
            seed=seed,
        )
        seconds = time.perf_counter() - began
        fits = open_pledges(model, a.chosen)
        result = {"value": a.value, "bound": a.bound, "feasible": bool(fits and fits[1].all())}
    elif what in ("highs", "lp"):
        _pricing, part = exact_arrays(r)
        h = part.highs
        h.setOptionValue("time_limit", limit)
        if what == "highs":
            import highspy

            total = part.m + part.nb + part.p
            h.changeColsIntegrality(
                total,
                np.arange(total, dtype=np.int32),
                np.full(total, highspy.HighsVarType.kInteger),
            )
            h.setOptionValue("mip_rel_gap", gap)
        h.run()
        seconds = time.perf_counter() - began
        info = h.getInfo()
        value = float(info.objective_function_value)
        found = info.primal_solution_status == 2
        result = {
            "value": value if found else None,
            "bound": float(info.mip_dual_bound)
            if what == "highs"
            else (value if found else None),
        }
    elif what == "cpsat":
        result = cpsat(r, limit, gap)
        seconds = time.perf_counter() - began
    else:
        from onward.placement.propose import solve

        problem = compiled(r, seed)
        del r  # its blended value is no part of this
        proposal = solve(problem, seed=seed, seconds=limit, gap=gap)
        seconds = time.perf_counter() - began
        result = {
            "stages": {
                s.name: {"value": s.value, "bound": s.bound, "gap": s.gap}
                for s in proposal.stages
                if s.bound == s.bound and s.name not in ("who", "lottery")
            }
        }
    # On a machine that others use as well, the processors' time says what the clock does not.
    result["cpu_seconds"] = round(time.process_time() - worked, 3)
    if result.get("value") is not None and result.get("bound") is not None:
        result["gap"] = max(0.0, (result["bound"] - result["value"]) / abs(result["bound"]))
    return {"what": what, "n": n, "d": d, "seed": seed, "seconds": round(seconds, 3),
            "peak_mib": round(rss_mib()), "data_mib": round(base), **result}  # fmt: skip


def cpsat(r: Any, limit: float, gap: float) -> dict[str, Any]:
    """The reference problem in OR-Tools CP-SAT, values in thousandths."""
    import numpy as np
    from ortools.sat.python import cp_model

    from onward.placement.solving.prices.choices import bundles_of

    model = r.model
    bundles = bundles_of(model, 2 * r.apart)
    cp = cp_model.CpModel()
    unit = model.unit_of_column()
    x = [cp.new_bool_var("") for _ in range(model.columns)]
    z = [cp.new_bool_var("") for _ in range(len(bundles))]
    y = [cp.new_bool_var("") for _ in range(model.pledges)]
    by_unit: list[list[Any]] = [[] for _ in range(model.units)]
    by_row: list[list[tuple[int, Any]]] = [[] for _ in range(len(model.limit))]
    for j, u in enumerate(unit):
        by_unit[u].append(x[j])
    which, row, persons = model.column_rows(np.arange(model.columns), unit)
    for j, k, p in zip(which, row, persons, strict=True):
        by_row[k].append((round(p), x[j]))
    worth = np.zeros(len(bundles))
    for b in range(len(bundles)):
        for e in range(bundles.start[b], bundles.start[b + 1]):
            worth[b] += r.value[bundles.column[e]]
            by_unit[bundles.unit[e]].append(z[b])
        e = slice(bundles.start[b], bundles.start[b + 1])
        _w, k, p = model.column_rows(bundles.column[e], bundles.unit[e])
        for kk, pp in zip(k, p, strict=True):
            by_row[kk].append((round(pp), z[b]))
        worth[b] += bundles.bonus[b]
    for k, q, c in zip(model.pledge_of, model.pledge_row, model.pledge_coef, strict=True):
        by_row[q].append((round(c), y[k]))
    for options in by_unit:
        if len(options) > 1:
            cp.add_at_most_one(options)
    for k, terms in enumerate(by_row):
        if terms:
            cp.add(sum(c * v for c, v in terms) <= int(model.limit[k]))
    scale = 1000
    cp.maximize(
        sum(round(scale * float(v)) * x[j] for j, v in enumerate(r.value))
        + sum(round(scale * v) * z[b] for b, v in enumerate(worth))
    )
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = limit
    solver.parameters.num_workers = 2
    solver.parameters.relative_gap_limit = gap
    status = solver.solve(cp)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return {"value": None, "bound": None}
    return {
        "value": solver.objective_value / scale,
        "bound": solver.best_objective_bound / scale,
    }


def extras(quick: bool) -> dict[str, Any]:
    """Questions, stability and arrivals, on middle sizes."""
    import numpy as np

    from benchmarks.placement import officer
    from benchmarks.placement.generate import reference
    from onward.placement.deciding.whatif import Session
    from onward.placement.propose import solve

    result: dict[str, Any] = {}
    for n in (1_000,) if quick else (1_000, 10_000):
        # each question whole: other limits, the mended proposal, its bound, the difference
        r = reference(n, 20)
        proposal = solve(compiled(r, 1), seconds=20)
        session = Session(proposal)
        clock, cpu = [], []
        for slot in range(12):
            for more in (5, -5):
                limit = max(0.0, float(r.model.limit[slot]) + more)
                began, worked = time.perf_counter(), time.process_time()
                session.limits({slot: limit})
                clock.append(1000 * (time.perf_counter() - began))
                cpu.append(1000 * (time.process_time() - worked))
        result[f"what_if_{n}_ms"] = {
            "median": round(float(np.median(clock)), 1), "worst": round(max(clock), 1),
            "median_cpu": round(float(np.median(cpu)), 1), "worst_cpu": round(max(cpu), 1),
        }  # fmt: skip
    # the doors an officer uses: tables, the shipped aims, `propose`, `keep_for_later`
    seconds = 20.0 if quick else 120.0
    result["noise"] = officer.noise(*((200, 10) if quick else (1_000, 20)), 1, seconds)
    result["arrivals"] = officer.arrivals(
        *((200, 6, 8) if quick else (600, 10, 15)), 1, seconds
    )
    return result


def fresh(*arguments: object) -> dict[str, Any]:
    """One solve in a process of its own."""
    call = [sys.executable, "-m", "benchmarks.placement", "--one", *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        return {"what": arguments[0], "failed": done.stderr.strip().splitlines()[-1:]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


class Pieces:
    """Runs one after another, each kept in a file of JSON lines and not repeated."""

    def __init__(self, path: Path | None, minutes: float | None) -> None:
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        self.end = None if minutes is None else time.monotonic() + 60 * minutes
        if path is not None and path.exists():
            for text in path.read_text("utf-8").splitlines():
                line = json.loads(text)
                self.done[line["call"]] = line["result"]

    def keep(self, call: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if call not in self.done:
            if self.end is not None and time.monotonic() > self.end:
                print(f"Stopped for now; the same command goes on with: {call}")
                raise SystemExit(0)
            self.done[call] = make()
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"call": call, "result": self.done[call]}) + "\n")
        return self.done[call]

    def run(self, *arguments: object) -> dict[str, Any]:
        return self.keep(" ".join(map(str, arguments)), lambda: fresh(*arguments))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=6)
    parser.add_argument(
        "--only", type=int, nargs="+", metavar="N", help="only these numbers of households"
    )
    parser.add_argument(
        "--questions", action="store_true", help="only what-if, stability and arrivals"
    )
    parser.add_argument("--no-peers", action="store_true", help="skip plain HiGHS and CP-SAT")
    parser.add_argument(
        "--results", type=Path, help="JSON lines: what is there is not repeated"
    )
    parser.add_argument("--minutes", type=float, help="begin nothing after so many minutes")
    arguments = parser.parse_args()
    if arguments.minutes is not None and arguments.results is None:
        parser.error("--minutes: give --results FILE, or what was run would be lost")
    if arguments.one:
        what, n, d, seed, limit, gap = arguments.one
        print(json.dumps(one(what, int(n), int(d), int(seed), float(limit), float(gap))))
        return
    lines: list[dict[str, Any]] = []
    pieces = Pieces(arguments.results, arguments.minutes)
    run = pieces.run

    def say(line: dict[str, Any], wanted: str = "") -> None:
        lines.append(line)
        if arguments.json:
            return
        size = f"{line.get('n', 0):>9,} x {line.get('d', 0):<3}"
        if "failed" in line:
            print(f"{size} {line['what']:<7} failed {line['failed']}", flush=True)
        elif "stages" in line:
            gaps = "  ".join(f"{k} {v['gap']:.3%}" for k, v in line["stages"].items())
            print(
                f"{size} seed {line['seed']} stages  {line['seconds']:>8.2f} s (cpu {line['cpu_seconds']:.2f}) {line['peak_mib']:>6} MiB  {gaps}",
                flush=True,
            )
        else:
            gap = "none" if line.get("gap") is None else f"{line['gap']:.4%}"
            print(
                f"{size} seed {line['seed']} {line['what']:<7} {line['seconds']:>8.2f} s (cpu {line['cpu_seconds']:.2f}) {line['peak_mib']:>6} MiB  gap {gap} {wanted}"
                + (
                    f" {line['times_our_seconds']} times our seconds, {line['times_our_mib']} times our memory"
                    if "times_our_seconds" in line
                    else ""
                ),
                flush=True,
            )

    sizes = () if arguments.questions else QUICK if arguments.quick else SIZES
    for n, d, seeds, limit, gap, seconds in sizes:
        if arguments.only and n not in arguments.only:
            continue
        ours = []
        for seed in seeds:
            ours.append(run("ours", n, d, seed, limit, gap))
            say(ours[-1], f"(wanted {gap:.2%} in {seconds} s)")
        worst = max(ours, key=lambda line: line.get("cpu_seconds", float("inf")))
        if len(ours) > 1 and not arguments.json and "failed" not in worst:
            print(f"{'':>15} worst of {len(ours)} seeds: {worst['cpu_seconds']} s of processor, "
                  f"gap {max(x['gap'] for x in ours):.4%}", flush=True)  # fmt: skip
        if n <= 10_000:
            say(run("lp", n, d, seeds[0], limit, gap))
            if not arguments.no_peers:
                for peer in ("highs", "cpsat"):
                    theirs = run(peer, n, d, seeds[0], limit, gap)
                    if "seconds" in theirs and "seconds" in ours[0]:
                        ratio = theirs["seconds"] / ours[0]["seconds"]
                        theirs["times_our_seconds"] = round(ratio, 1)
                        theirs["times_our_mib"] = round(
                            theirs["peak_mib"] / ours[0]["peak_mib"], 1
                        )
                    say(theirs)
        real = [run("stages", n, d, seed, 2 * limit, max(gap, GAP)) for seed in seeds]
        for line in real:
            say(line)
    more = (
        {}
        if arguments.only
        else pieces.keep(f"questions quick={arguments.quick}", lambda: extras(arguments.quick))
    )
    if arguments.json:
        print(json.dumps({"runs": lines, **more}, indent=2))
    else:
        for key, value in more.items():
            print(f"{key}: {value}")


if __name__ == "__main__":
    main()
