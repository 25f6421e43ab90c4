"""Is the draw fair? Equal cases, many seeds, who is placed how often.

All cases have the same priority and may go everywhere; only their numbers and sizes differ. Over
many seeds each should be placed as often as any other, wherever it stands in the file and whatever
its number; and a person in a large family as often as one alone. Both ways of solving are asked:
whole programs, as for some hundred cases, and prices, as above that.

    python -m benchmarks.placement.draw [--cases 60] [--seeds 200] [--json]

Printed for each: the share placed by size and by third of the file; the spread of the counts of single
cases beside that of coins (1 is what pure chance gives, within sizes); how many of the proposals
leave out a case while an equal one that drew lower is placed; and the draws of those placed, per
person, beside the best that any choice of as many persons could have.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from onward.placement import propose as room
from onward.placement.inputs.aims import read_aims
from onward.placement.inputs.tables import Case, Tables, Window

SIZES = (1, 1, 1, 2, 2, 3, 4)


def equal_cases(count: int) -> Tables:
    """Cases that differ in number and size only; places for some two fifths of the persons."""
    cases = tuple(Case(f"C{i:04d}", SIZES[i * 5 % len(SIZES)]) for i in range(count))
    places = int(0.4 * sum(case.size for case in cases))
    shares = (0.3, 0.25, 0.2, 0.15, 0.1)
    return Tables(
        cases, tuple(Window(f"P{k}", round(places * s)) for k, s in enumerate(shares))
    )


def measure(count: int, seeds: int, exact: bool) -> dict[str, Any]:
    """How often each case was placed, over the seeds 1, 2, 3 and so on."""
    tables, aims = equal_cases(count), read_aims()
    before = room.EXACT_UNITS
    room.EXACT_UNITS = before if exact else 0
    size = np.array([case.size for case in tables.cases])
    placed = np.zeros((seeds, count), bool)
    against, drawn, best = 0, 0.0, 0.0
    try:
        for k in range(seeds):
            proposal = room.propose(tables, aims, seed=k + 1, seconds=60)
            there = proposal.chosen >= 0
            placed[k] = there[proposal.compiled.unit_of_case]
            ticket = proposal.compiled.ticket[proposal.compiled.unit_of_case]
            against += any(
                ticket[(size == s) & ~placed[k]].max(initial=-1)
                > ticket[(size == s) & placed[k]].min(initial=2)
                for s in set(SIZES)
            )
            drawn += float((ticket * size)[placed[k]].sum())
            order = np.argsort(-ticket)
            room_for = int(size[placed[k]].sum())
            reached = np.cumsum(size[order])
            last = int(np.searchsorted(reached, room_for))
            best += float((ticket * size)[order[: last + 1]].sum())
            best -= float(ticket[order[last]] * (reached[last] - room_for))
    finally:
        room.EXACT_UNITS = before
    rate = placed.mean(0)
    by_size = {int(s): float(rate[size == s].mean()) for s in sorted(set(SIZES))}
    thirds = [float(part.mean()) for part in np.array_split(rate, 3)]
    spread = np.concatenate(
        [
            (rate[size == s] - p) ** 2 / max(1e-9, p * (1 - p) / seeds)
            for s, p in by_size.items()
        ]
    )
    return {
        "cases": count, "seeds": seeds, "way": "whole programs" if exact else "prices",
        "placed_by_size": by_size, "placed_by_third_of_the_file": thirds,
        "spread_beside_chance": float(spread.sum() / (count - len(by_size))),
        "proposals_against_the_draw": against, "draws_beside_the_best": drawn / best,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    lines = [measure(asked.cases, asked.seeds, exact) for exact in (True, False)]
    if asked.json:
        print(json.dumps(lines, indent=2))
        return
    for line in lines:
        sizes = ", ".join(f"{s}: {p:.1%}" for s, p in line["placed_by_size"].items())
        thirds = ", ".join(f"{p:.1%}" for p in line["placed_by_third_of_the_file"])
        print(
            f"{line['way']}: placed by size {sizes}; by third of the file {thirds}; spread "
            f"{line['spread_beside_chance']:.2f} of chance; {line['proposals_against_the_draw']} of "
            f"{line['seeds']} proposals against the draw; draws {line['draws_beside_the_best']:.1%} "
            "of the best"
        )


if __name__ == "__main__":
    main()
