"""Work is spread over the cores a process was given, not over those its machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from onward.engine.cores import cores

ROOT = Path(__file__).parents[2]


def test_a_process_held_to_one_core_counts_one():
    told = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from onward.engine.cores import cores; print(cores())"
    made = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == "1"
    assert cores() == len(os.sched_getaffinity(0))


def test_nothing_else_asks_how_many_the_machine_has():
    asking = {
        str(path.relative_to(ROOT))
        for folder in ("src", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if "cpu_count" in path.read_text(encoding="utf-8")
    }
    assert asking == {"src/onward/engine/cores.py"}
