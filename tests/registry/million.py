"""The million random weeks of `test_model_checking.py`, piece by piece, over as many days as it takes.

    python tests/registry/million.py RESULTS.csv [SECONDS]

Each line of the results is one block of five thousand families under one rulebook: its seed, how
many open and closed steps were judged alike both ways, and the processor seconds. Blocks that
stand there are not run again; after SECONDS no further one is begun. Ends with 1 when one
disagreed, and says which; otherwise says how much of the million is done.
"""

from __future__ import annotations

import csv
import sys
import time
import traceback
from pathlib import Path

from test_model_checking import BLOCKS, IN_BLOCK, SHIPPED, Camp, check_block

HEAD = ("rulebook", "hash", "block", "seed", "families", "open", "closed", "cpu_seconds")


def main(results: Path, seconds: float) -> int:
    began = time.monotonic()
    camps = {name: Camp(name) for name in SHIPPED}
    # A block counts for the rulebook it was run under: changed text is run again.
    done = {
        (row["rulebook"], int(row["block"])): row
        for row in rows(results)
        if row["rulebook"] in camps and row["hash"] == camps[row["rulebook"]].rulebook.hash
    }
    for block in range(BLOCKS):
        for name, camp in camps.items():
            if (name, block) in done or time.monotonic() - began > seconds:
                continue
            cpu = time.process_time()
            try:
                opened, closed = check_block(camp, block)
            except AssertionError:
                traceback.print_exc()
                print(f"Judged differently: {name}, block {block}.", file=sys.stderr)
                return 1
            row = dict(zip(HEAD, (
                name, camp.rulebook.hash, block, 1_000 + block, IN_BLOCK, opened, closed,
                round(time.process_time() - cpu, 1),
            ), strict=True))  # fmt: skip
            add(results, row)
            done[name, block] = {key: str(value) for key, value in row.items()}
    total = {name: sum(int(row[name]) for row in done.values()) for name in ("open", "closed")}
    print(
        f"{len(done) * IN_BLOCK:,} of {len(SHIPPED) * BLOCKS * IN_BLOCK:,} families judged alike: "
        f"{total['open']:,} open steps, {total['closed']:,} closed."
    )
    return 0


def rows(results: Path) -> list[dict[str, str]]:
    if not results.exists():
        return []
    with open(results, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add(results: Path, row: dict[str, object]) -> None:
    new = not results.exists()
    with open(results, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEAD)
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")))
