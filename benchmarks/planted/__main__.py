"""Planted truths: does the forecast know how much it does not know?

Exists because a fan is only as good as its width. Camps are simulated by a plain simulator that
shares no code with the forecast (`simulator`). Their logs of 120 days go through the product's own
path (exposures, estimate, model, futures) and the forecast for day 365 is held against what the
simulator did next. Beside it, the same forecast with fewer kinds of doubt, and the same camps
with structure the forecast does not have.

    python -m benchmarks.planted [--camps N] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.planted.camps import DEADLINE_DAY, SEEN_DAYS, STRUCTURES
from benchmarks.planted.forecasts import LAYERS
from benchmarks.planted.scores import measure_leads, rows_of, summary


def print_leads(found: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]) -> None:
    """Coverage by days ahead, truth by truth."""
    for truth, ways in found.items():
        print(f"\nTruth: {truth}")
        print(f"  {'departures':<20}{'days ahead':<14}{'in 90%':>8}{'width':>8}{'CRPS':>8}")
        for name, leads in ways.items():
            for one in leads:
                ahead = f"{one['from']:.0f} to {one['to']:.0f}"
                print(
                    f"  {name:<20}{ahead:<14}{one['coverage90']:>8.0%}{one['width90']:>8.0f}"
                    f"{one['crps']:>8.1f}"
                )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--camps", type=int, default=200)
    parser.add_argument("--futures", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="24 camps, first truths only")
    parser.add_argument(
        "--truths", choices=("first", "others", "all"), default="all",
        help="the forecast's own structure, the others, or both",
    )  # fmt: skip
    parser.add_argument(
        "--truth", default="", choices=[one.name for one in STRUCTURES], metavar="NAME",
        help="one truth only, by its name, with the first and the last kind of forecast",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="number of the first camp")
    parser.add_argument(
        "--leads", action="store_true",
        help="coverage by days ahead, departures on certain days and on any day",
    )  # fmt: skip
    parser.add_argument(
        "--alike", action="store_true", help="take all families as alike, to compare"
    )
    parser.add_argument(
        "--rows", default="", help="add one line of JSON per camp and layer to this file"
    )
    parser.add_argument(
        "--of", nargs="*", default=[], help="simulate nothing: put together what --rows wrote"
    )
    asked = parser.parse_args(arguments)
    camps = 24 if asked.quick else asked.camps
    began = time.perf_counter()
    if asked.leads:
        few = {
            one.name: measure_leads(camps, one, asked.futures, asked.first)
            for one in STRUCTURES
            if (one.convoys and asked.truths != "first")
            or (one is STRUCTURES[0] and asked.truths != "others")
        }
        print(json.dumps(few, indent=2)) if asked.json else print_leads(few)
        return
    rows: list[dict[str, Any]] = []
    for name in asked.of:
        with open(name, encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    for number, structure in enumerate(STRUCTURES):
        wanted = "first" if not number else "others"
        if asked.of or (asked.truth and structure.name != asked.truth):
            continue
        if not asked.truth and (
            asked.truths not in (wanted, "all") or (asked.quick and number)
        ):
            continue
        alone = not number or asked.truth or asked.truths == "others"
        several = camps if alone else max(camps // 8, 20)
        layers = LAYERS if not number and not asked.truth else (LAYERS[0], LAYERS[-1])
        rows += rows_of(several, structure, asked.futures, layers, asked.first, asked.alike)
    if asked.rows:
        with open(asked.rows, "a", encoding="utf-8") as kept:
            kept.writelines(json.dumps(row) + "\n" for row in rows)
    found = summary(rows)
    data = {
        "seen_days": SEEN_DAYS, "deadline_day": DEADLINE_DAY, "futures": asked.futures,
        "truths": found, "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
    if asked.json:
        print(json.dumps(data, indent=2))
        return
    for one in found:
        print(f"\nTruth: {one['truth']} ({one['camps']} camps)")
        print(
            f"  {'the forecast carries':<32}{'in 90%':>8}{'width':>8}{'CRPS':>8}{'interval':>10}{'bias':>8}"
        )
        for name, row in one["layers"].items():
            print(
                f"  {name:<32}{row['coverage90']:>8.0%}{row['width90']:>8.0f}{row['crps']:>8.1f}"
                f"{row['interval_score90']:>10.0f}{row['bias']:>8.1f}"
            )
        for name, ratio in one["ratios"].items():
            print(
                f"  everything beats {name}: interval score {ratio['interval_score']} times, "
                f"CRPS {ratio['crps']} times better"
            )


if __name__ == "__main__":
    main()
