"""Run every benchmark: `python -m benchmarks [--quick]`. Each also runs alone."""

from __future__ import annotations

import pkgutil
import runpy
import sys
from pathlib import Path

SKIP = {"__main__", "data"}


def main() -> None:
    names = sorted(
        module.name
        for module in pkgutil.iter_modules([str(Path(__file__).parent)])
        if module.name not in SKIP
    )
    options = sys.argv[1:]
    for name in names:
        print(f"\n== benchmarks.{name}")
        sys.argv = [name, *options]
        try:
            runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=False)
        except SystemExit as stop:
            if stop.code not in (None, 0):
                print(f"benchmarks.{name} ended with {stop.code}")


if __name__ == "__main__":
    main()
