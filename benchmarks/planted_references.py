"""Small planted camps forecast with the paces of other operations, and without.

Exists because pooling over operations must help where a record says little, and must not harm where
the others mislead. Camps of a few hundred people are simulated by the planted truths' own simulator;
so are other operations, whose paces differ from theirs move by move by a planted spread, and reach
the forecast only through the file that would be given. Each camp is forecast alone, with the others,
and with others that mislead: whose every move goes at a pace of its own.

    python -m benchmarks.planted_references --others 3 [--camps N] [--people N] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.planted import camps, forecasts
from onward.forecast.learning.lending import paces_of
from onward.forecast.learning.paces import Paces, Seen
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.telling.scores import covered, crps
from onward.report.paces import released

FIRST_OTHER = 500_000
"""Number of the first other operation: none of them is ever forecast."""
OTHER_PEOPLE = 1500
POOL = 12
"""Other operations there are; each camp is given some of them."""
MISLED = 1.2
"""How far others that mislead go astray, move by move (log-sd)."""
WAYS = ("alone", "with others", "with others that mislead")


def others_of(number: int, many: int) -> list[Paces]:
    """Other operations of the same rulebook, as they would be given to camp `number`: some of POOL."""
    chosen = np.random.default_rng([80, number]).choice(POOL, size=many, replace=False)
    return [_other(int(one)) for one in sorted(chosen)]


@cache
def _other(one: int) -> Paces:
    camp, world = camps.camp_of(
        FIRST_OTHER + one, camps.STRUCTURES[0], people=OTHER_PEOPLE, futures=50
    )
    rates = forecasts.inputs_of(camp, world).rates
    counted = paces_of(rates, world.rulebook, f"other_{one + 1}")
    return released(counted, camps.SEEN_DAYS)


def misleading(others: Sequence[Paces], number: int) -> list[Paces]:
    """The same operations as if every move went at some other pace, the same in all of them."""
    rng = np.random.default_rng([404, number])
    steps = sorted({seen.step for one in others for seen in one.moves})
    astray = {step: float(np.exp(MISLED * rng.standard_normal())) for step in steps}

    def off(seen: Seen) -> Seen:
        return replace(seen, family_days=round(seen.family_days / astray[seen.step]))

    return [replace(one, moves=[off(seen) for seen in one.moves]) for one in others]


def rows_of(
    count: int, many: int, futures: int, first: int, people: int
) -> list[dict[str, float | str]]:
    """One row per camp and way of forecasting it."""
    rows: list[dict[str, float | str]] = []
    days = camps.DEADLINE_DAY - camps.SEEN_DAYS
    for number in range(first, first + count):
        camp, world = camps.camp_of(number, camps.STRUCTURES[0], people=people, futures=futures)
        others = others_of(number, many)
        for way, given in zip(WAYS, ([], others, misleading(others, number)), strict=True):
            inputs = forecasts.inputs_of(camp, world, paces=given)
            left = simulate(
                inputs.model, inputs.draws(futures, number), futures, number, days=days,
                outputs=Outputs(),
            ).present["all"][:, -1].astype(float)  # fmt: skip
            rows.append(
                {
                    "camp": number,
                    "way": way,
                    "crps": float(crps(left, camp.truth)),
                    "coverage90": float(covered(left, camp.truth, 0.9)),
                    "width90": float(np.subtract(*np.quantile(left, [0.95, 0.05]))),
                    "bias": float(left.mean() - camp.truth),
                }
            )
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number + 1 - first} of {count} camps")
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return rows


MEASURES = ("crps", "coverage90", "width90", "bias")


def measure(
    count: int, many: int, futures: int, first: int = 0, people: int = 300
) -> dict[str, Any]:
    """Means over camps, and for each way the difference of the CRPS from that of the camp alone with
    its standard error."""
    rows = rows_of(count, many, futures, first, people)
    table = {
        way: np.array([[row[m] for m in MEASURES] for row in rows if row["way"] == way], float)
        for way in WAYS
    }
    found: dict[str, Any] = {"camps": count, "people": people, "others": many, "ways": {}}
    for way, values in table.items():
        off = values[:, 0] - table[WAYS[0]][:, 0]
        found["ways"][way] = {
            **dict(zip(MEASURES, values.mean(axis=0).round(3).tolist(), strict=True)),
            "against_alone": round(float(off.mean()), 2),
            "standard_error": round(float(off.std(ddof=1) / np.sqrt(len(off))), 2),
        }
    return found


def print_table(found: dict[str, Any]) -> None:
    """The same for people."""
    print(
        f"{found['camps']} camps of {found['people']} people, {found['others']} other operations"
    )
    print(f"  {'':<28}{'CRPS':>7}{'against alone':>22}{'in 90%':>8}{'width':>7}{'bias':>7}")
    for way, row in found["ways"].items():
        against = f"{row['against_alone']:+.1f} (give or take {row['standard_error']:.1f})"
        print(
            f"  {way:<28}{row['crps']:>7.1f}{against:>22}{row['coverage90']:>8.0%}"
            f"{row['width90']:>7.0f}{row['bias']:>7.1f}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "--others", type=int, default=3, help="other operations that lend paces"
    )
    parser.add_argument("--camps", type=int, default=40)
    parser.add_argument("--people", type=int, default=300, help="people in a camp")
    parser.add_argument("--futures", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first camp")
    parser.add_argument("--quick", action="store_true", help="8 camps")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    count = 8 if asked.quick else max(asked.camps, 2)  # one alone has no standard error
    found = measure(count, asked.others, asked.futures, asked.first, asked.people)
    print(json.dumps(found, indent=2)) if asked.json else print_table(found)


if __name__ == "__main__":
    main()
