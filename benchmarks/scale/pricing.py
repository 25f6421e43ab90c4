"""One pass of placement's pricing, here and as a map over cases on Spark.

    python -m benchmarks.scale.pricing [--cases 1000000] [--passes 5] [--no-spark] [--json]

The kernel is the placement room's own (`placement.solving.prices.kernels.best_choices`). Cases are invented, each
with the same number of choices among programmes and months. On Spark the prices go out with every
pass, one bound and the persons by class and slot come back from each block; the cases themselves
stay in the memory of the workers, made there once. Both ways must give the same numbers to the
last bit. What a proposal would take is the passes it needs times the time of one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from onward.engine.cores import cores

CHOICES, SLOTS, CLASSES, BLOCKS = 45, 240, 4, 8
PASSES_OF_A_PROPOSAL = 130
GIVES = pa.schema([("block", pa.int32()), ("cell", pa.int32()), ("persons", pa.float64())])
BOUND = -1
"""The cell under which a block's bound comes back."""

_HELD: dict[tuple[int, int], tuple[np.ndarray, ...]] = {}


def cases(block: int, count: int) -> tuple[np.ndarray, ...]:
    """start, slot, value, size, klass and must of one block of cases, made once in a process."""
    if (block, count) not in _HELD:
        source = np.random.default_rng([7, block])
        start = np.arange(count + 1, dtype=np.int64) * CHOICES
        slot = source.integers(0, SLOTS, count * CHOICES, dtype=np.int32)
        value = source.random(count * CHOICES)
        size = source.integers(1, 7, count).astype(np.int64)
        klass = source.integers(0, CLASSES, count, dtype=np.int32)
        _HELD[block, count] = (start, slot, value, size, klass, np.zeros(count, dtype=bool))
    return _HELD[block, count]


def priced(block: int, count: int, price: np.ndarray) -> tuple[float, np.ndarray]:
    """A block's bound and the persons that its best choices bring to each class and slot."""
    from onward.placement.solving.prices.kernels import best_choices, demand

    start, slot, value, size, klass, must = cases(block, count)
    best = np.empty(count, dtype=np.int64)
    first, second, cells = np.empty(count), np.empty(count), np.empty((CLASSES, SLOTS))
    best_choices(start, slot, value, size, klass, price, must, best, first, second)
    demand(slot, size, klass, best, cells)
    return float(first.sum()), cells


@dataclass(frozen=True)
class Pass:
    """What every worker is given: the prices of one pass."""

    price: bytes
    count: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numba

        numba.set_num_threads(1)  # the workers are as many as the cores
        price = np.frombuffer(self.price).reshape(CLASSES, SLOTS)
        for batch in batches:
            for block in batch.column(0).to_pylist():
                bound, cells = priced(block, self.count, price)
                yield pa.record_batch(
                    [
                        pa.array([block] * (1 + cells.size), pa.int32()),
                        pa.array(range(BOUND, cells.size), pa.int32()),
                        pa.array([bound, *cells.reshape(-1)], pa.float64()),
                    ],
                    schema=GIVES,
                )


def moved(price: np.ndarray, cells: np.ndarray, places: float) -> np.ndarray:
    """Dearer where more persons want to go than there are places, cheaper where fewer."""
    return np.maximum(price + 0.01 * (cells - places) / places, 0.0)


def run(passes: int, count: int, one: Any) -> dict[str, Any]:
    """So many passes after one that only makes the cases; seconds of each, and the last bound."""
    price = np.zeros((CLASSES, SLOTS))
    one(price)
    places = count * BLOCKS * 3.5 / (CLASSES * SLOTS * 2)
    seconds, bounds = [], []
    for _ in range(passes):
        began = time.perf_counter()
        bound, cells = one(price)
        seconds.append(time.perf_counter() - began)
        bounds.append(bound + float((price * places).sum()))
        price = moved(price, cells, places)
    return {"seconds": seconds, "bounds": bounds}


def here(count: int) -> Any:
    def one(price: np.ndarray) -> tuple[float, np.ndarray]:
        made = [priced(block, count, price) for block in range(BLOCKS)]
        return sum(bound for bound, _ in made), sum(cells for _, cells in made)

    return one


def on_spark(engine: Any, count: int) -> Any:
    tasks = pa.table({"block": pa.array(range(BLOCKS), pa.int32())})

    def one(price: np.ndarray) -> tuple[float, np.ndarray]:
        table = engine.map_blocks(
            Pass(price.tobytes(), count), tasks, GIVES, pieces=BLOCKS, outputs=["mapped"]
        )["mapped"].sort_by([("block", "ascending"), ("cell", "ascending")])
        rows = table["persons"].to_numpy().reshape(BLOCKS, -1)
        return sum(rows[:, 0].tolist()), sum(rows[:, 1:]).reshape(CLASSES, SLOTS)

    return one


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.pricing")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--no-spark", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    count = given.cases // BLOCKS
    found = {"here": run(given.passes, count, here(count))}
    _HELD.clear()
    if not given.no_spark:
        from onward.engine.spark import SparkEngine

        root = str(Path(__file__).parents[2])
        os.environ["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
        engine = SparkEngine(master="local[2]", memory_gb=2)
        try:
            found["spark"] = run(given.passes, count, on_spark(engine, count))
        finally:
            engine.close()
        if found["spark"]["bounds"] != found["here"]["bounds"]:
            sys.exit("Spark and this process DISAGREE")
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{count * BLOCKS:,} cases with {CHOICES} choices each, {cores()} cores")
    for on, one in found.items():
        least = min(one["seconds"])
        print(
            f"  {on:<6} a pass {least:.2f} to {max(one['seconds']):.2f} s; "
            f"{PASSES_OF_A_PROPOSAL} passes {PASSES_OF_A_PROPOSAL * least:,.0f} s"
        )


if __name__ == "__main__":
    main()
