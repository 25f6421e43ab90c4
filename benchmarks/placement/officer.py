"""What an officer's doors do: arrivals week by week, scores that change a little, cases that withdraw, and
a file of scores for all cases and programmes.

Exists because what a solver reaches on arrays is not what a proposal reaches: here everything goes
through `Tables`, the shipped aims, `propose` and, for places kept, `keep_for_later`, as `onward
place` and `onward place --arrivals` do. Comes in: numbers of households and weeks, a seed. Goes
out: the share of the best that hindsight could reach, how many destinations change, and how long a file
takes beside a reader of CSV that checks nothing.

    python -m benchmarks.placement.officer arrivals [--households 600 --programmes 10 --weeks 15 --samples 15 --seed 1]
    python -m benchmarks.placement.officer noise [--households 600 --programmes 10 --seed 1]
    python -m benchmarks.placement.officer withdrawals [--households 600 --programmes 10 --seed 1]
    python -m benchmarks.placement.officer scores [--households 600 --programmes 10 --seed 1]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
from pyarrow import csv

from benchmarks.placement.generate import CATEGORIES, SIZES
from onward.placement.inputs.aims import Aims, read_aims
from onward.placement.inputs.files import read_tables
from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import Case, Limit, Pledge, Selector, Tables, Window
from onward.placement.propose import propose
from onward.placement.rolling import SAMPLES, expected_arrivals, keep_for_later
from onward.placement.solving.proposal import Proposal

FIRST = date(2026, 1, 5)
NAMES = ("LPN", "SVT", "MED", "WGR", "FAM", "CAR", "LFD")
NATIONS = tuple("ABCDEFGH")
URGENCY = ("normal", "urgent", "emergency")
PLACES = 0.45
"""Places as a share of the persons who come in all."""
MAY_LOSE = (0.001, 0.003, 0.005, 0.01)
"""What staying may cost of the expected outcome, where cases withdraw."""


def invented(households: int, programmes: int, seed: int) -> tuple[Tables, tuple[Case, ...]]:
    """Invented tables in the shares of the reference problem, and as many cases of the year before."""
    rng = np.random.default_rng(seed)

    def cases(name: str) -> tuple[Case, ...]:
        n = households
        size = rng.choice(10, n, p=SIZES) + 1
        category, nation = rng.choice(7, n, p=CATEGORIES), rng.integers(0, 8, n)
        urgency = rng.choice(3, n, p=(0.85, 0.13, 0.02))
        medical = (rng.random(n) < 0.06) | (category == NAMES.index("MED"))
        return tuple(
            Case(
                f"{name}{i:05}", int(size[i]), nationality=NATIONS[nation[i]],
                category=NAMES[category[i]], priority=URGENCY[urgency[i]],
                needs=("medical",) if medical[i] else (),
            )
            for i in range(n)
        )  # fmt: skip

    now, before = cases("C"), cases("P")
    persons = sum(c.size for c in now)
    share = rng.permutation(1.0 / np.arange(1, programmes + 1) ** 0.8)
    quota = np.maximum(2, np.round(PLACES * persons * share / share.sum())).astype(int)
    windows, limits = [], []
    for p in range(programmes):
        windows += [
            Window(
                f"P{p}", int(places), window,
                max_size=int(rng.choice((10, 8, 6), p=(0.5, 0.3, 0.2))),
                nationalities=tuple(x for x in NATIONS if rng.random() < 0.6) or ("A",),
                categories=tuple(x for x in NAMES if rng.random() < 0.8) or ("LPN",),
            )
            for window, places in (("a", quota[p] // 2), ("b", quota[p] - quota[p] // 2))
        ]  # fmt: skip
        medical = Selector(needs=("medical",))
        limits.append(
            Limit(f"medical {p}", f"P{p}", int(np.ceil(0.08 * quota[p])), who=medical)
        )
    order = rng.permutation(programmes)
    pledges = tuple(
        Pledge(f"K{k}", f"P{a}", max(1, round(0.2 * int(quota[a]))), f"P{b}",
               max(1, round(0.2 * int(quota[b]))), "a")
        for k, (a, b) in enumerate(zip(order[:2], order[2:4], strict=True))
    )  # fmt: skip
    scores = tuple(
        Score(c.case, f"P{p}", round(float(s), 4))
        for c in now
        for p, s in enumerate(rng.random(programmes))
    )
    return Tables(now, tuple(windows), tuple(limits), pledges, scores), before


def noise(households: int, programmes: int, seed: int, seconds: float) -> dict[str, Any]:
    """Share of the cases with a place before and after whose programme changes when every score
    moves by up to 1%: with last week's proposal given (`--previous`), and without."""
    tables, _ = invented(households, programmes, seed)
    aims = read_aims()
    first = propose(tables, aims, seconds=seconds)
    rng = np.random.default_rng([seed, 9])
    moved = tuple(
        replace(s, score=s.score * float(1 + rng.uniform(-0.01, 0.01)))
        for s in tables.scores or ()
    )
    result: dict[str, Any] = {"households": households, "state": first.state}
    before = first.places()
    for name, previous in (("with_previous", before), ("without", {})):
        again = propose(replace(tables, scores=moved, previous=previous), aims, seconds=seconds)
        after = again.places()
        both = before.keys() & after.keys()
        result[name] = round(
            sum(before[c][0] != after[c][0] for c in both) / max(1, len(both)), 5
        )
    return result


def withdrawals(households: int, programmes: int, seed: int, seconds: float) -> dict[str, Any]:
    """What happens to the others when one in a hundred of those with a place withdraws: how many go to
    another programme, and what expected outcome is had, by what staying may cost (`may_lose`)."""
    tables, _ = invented(households, programmes, seed)
    aims = read_aims()
    before = propose(tables, aims, seconds=seconds).places()
    rng = np.random.default_rng([seed, 7])
    gone = set(rng.choice(sorted(before), max(1, round(len(before) / 100)), replace=False))
    left = replace(
        tables,
        cases=tuple(c for c in tables.cases if c.case not in gone),
        scores=tuple(s for s in tables.scores or () if s.case not in gone),
        previous=before,
    )
    result: dict[str, Any] = {"households": households, "seed": seed, "withdrawn": len(gone)}
    for lose in MAY_LOSE:
        stages = tuple(
            replace(s, options={**s.options, "may_lose": lose}) if s.name == "outcome" else s
            for s in aims.stages
        )
        again = propose(left, replace(aims, stages=stages), seconds=seconds)
        after = again.places()
        both = (before.keys() - gone) & after.keys()
        result[f"may_lose {lose}"] = {
            "with_a_place_both_times": len(both),
            "other_programme": sum(before[c][0] != after[c][0] for c in both),
            "other_programme_or_window": sum(before[c] != after[c] for c in both),
            "outcome": round(next(s.value for s in again.stages if s.name == "outcome"), 3),
        }
    return result


def arrivals(
    households: int,
    programmes: int,
    weeks: int,
    seed: int,
    seconds: float,
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """Protection-weighted persons placed when every week's proposal is carried out, as a share of
    the proven best with all arrivals known: as it comes, and with places kept (`--arrivals`)."""
    tables, before = invented(households, programmes, seed)
    aims = read_aims()
    rng = np.random.default_rng([seed, 5])
    last = FIRST + timedelta(days=7 * weeks - 1)

    def registered(cases: tuple[Case, ...], first: date) -> tuple[Case, ...]:
        days = rng.integers(0, 7 * weeks, len(cases))
        return tuple(
            replace(c, registered_on=first + timedelta(days=int(d)))
            for c, d in zip(cases, days, strict=True)
        )

    came = registered(tables.cases, FIRST)
    past = registered(before, FIRST - timedelta(days=364))
    alone = replace(aims, stages=tuple(s for s in aims.stages if s.name == "protection"))
    hindsight = next(
        s for s in propose(replace(tables, cases=came), alone, seconds=seconds).stages
        if s.name == "protection"
    )  # fmt: skip
    reached = {
        name: _through(tables, came, kept, aims, weeks, last, seconds, samples)
        / hindsight.bound
        for name, kept in (("as_it_comes", ()), ("places_kept", past))
    }
    return {
        "households": households, "weeks": weeks, "seed": seed, "hindsight_gap": round(hindsight.gap, 5),
        **{name: round(share, 4) for name, share in reached.items()},
    }  # fmt: skip


def _through(
    tables: Tables, came: tuple[Case, ...], past: tuple[Case, ...], aims: Aims, weeks: int,
    last: date, seconds: float, samples: int,
) -> float:  # fmt: skip
    """The weeks one after another; what each proposal places is gone from the places."""
    total, waiting = 0.0, set()
    for week in range(weeks):
        on = FIRST + timedelta(days=7 * week + 6)
        waiting |= {c.case for c in came if FIRST + timedelta(days=7 * week) <= c.registered_on <= on}  # type: ignore[operator]  # fmt: skip
        mine = tuple(c for c in came if c.case in waiting)
        now = replace(
            tables, cases=mine, on=on,
            scores=tuple(s for s in tables.scores or () if s.case in waiting),
        )  # fmt: skip
        if past:
            expected = expected_arrivals(past, on, last)
            now = keep_for_later(now, aims, past, expected, samples=samples)
        proposal = propose(now, aims, seconds=seconds)
        total += next(s.value for s in proposal.stages if s.name == "protection")
        waiting -= proposal.places().keys()
        tables = _carried_out(tables, proposal)
    return total


def _carried_out(tables: Tables, proposal: Proposal) -> Tables:
    """The tables after everybody who has a place has gone there."""
    placed = proposal.places()
    gone = [(c, *placed[c.case]) for c in proposal.compiled.tables.cases if c.case in placed]

    def persons(programme: str, window: str = "", who: Selector | None = None) -> int:
        return sum(
            c.size for c, p, w in gone
            if p == programme and window in ("", w) and (who is None or who.selects(c))
        )  # fmt: skip

    windows = {(w.programme, w.window): w.persons - persons(w.programme, w.window) for w in tables.windows}  # fmt: skip
    still = []
    for pledge in tables.pledges:
        left = pledge.if_persons - persons(pledge.if_programme, "", pledge.who)
        if left > 0:
            still.append(replace(pledge, if_persons=left))
        else:  # its places are there from now on
            windows[pledge.opens_programme, pledge.opens_window] += pledge.opens_persons
    return replace(
        tables,
        windows=tuple(replace(w, persons=windows[w.programme, w.window]) for w in tables.windows),
        limits=tuple(
            replace(x, persons=max(0, x.persons - persons(x.programme, x.window, x.who)))
            for x in tables.limits
        ),
        pledges=tuple(still),
    )  # fmt: skip


def scores(households: int, programmes: int, seed: int) -> dict[str, Any]:
    """Reading a file of scores for every case and programme, with its names and numbers checked,
    beside pyarrow's reader of CSV, which checks nothing: processor seconds of both, and memory."""
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as folder:
        there = Path(folder)
        (there / "cases.csv").write_text(
            "case,size\n" + "".join(f"C{i},1\n" for i in range(households))
        )
        (there / "programmes.csv").write_text(
            "programme,persons\n" + "".join(f"P{k},9\n" for k in range(programmes))
        )
        with open(there / "scores.csv", "w") as file:
            file.write("case,programme,score\n")
            for i in range(households):
                row = rng.random(programmes)
                file.write("".join(f"C{i},P{k},{row[k]:.3f}\n" for k in range(programmes)))
        began = process_time()
        csv.read_csv(there / "scores.csv")
        limit = process_time() - began
        began = process_time()
        tables = read_tables(
            cases=there / "cases.csv", programmes=there / "programmes.csv",
            scores=there / "scores.csv",
        )  # fmt: skip
        ours = process_time() - began
        return {
            "scores": len(tables.scores or ()), "mb": round((there / "scores.csv").stat().st_size / 1e6),
            "cpu_seconds": round(ours, 2), "pyarrow_cpu_seconds": round(limit, 2),
            "times_pyarrow": round(ours / limit, 1),
            "peak_mib": getrusage(RUSAGE_SELF).ru_maxrss // 1024,
        }  # fmt: skip


def main() -> None:
    """What is asked at the terminal; see the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    asks = parser.add_subparsers(dest="ask", required=True)
    for name, weeks in (
        ("noise", None),
        ("withdrawals", None),
        ("scores", None),
        ("arrivals", 15),
    ):
        door = asks.add_parser(name)
        door.add_argument("--households", type=int, default=600)
        door.add_argument("--programmes", type=int, default=10)
        door.add_argument("--seed", type=int, default=1)
        door.add_argument("--seconds", type=float, default=120.0, help="for each proposal")
        if weeks is not None:
            door.add_argument("--weeks", type=int, default=weeks)
            door.add_argument("--samples", type=int, default=SAMPLES, help="futures drawn")
    given = parser.parse_args()
    size = (given.households, given.programmes)
    if given.ask == "scores":
        print(json.dumps(scores(*size, given.seed)))
    elif given.ask in ("noise", "withdrawals"):
        ask = noise if given.ask == "noise" else withdrawals
        print(json.dumps(ask(*size, given.seed, given.seconds)))
    else:
        more = (given.weeks, given.seed, given.seconds, given.samples)
        print(json.dumps(arrivals(*size, *more)))


if __name__ == "__main__":
    main()
