"""One desk that records events one by one; run as a process of its own by the tests.

    python writer.py FOLDER NUMBER EVENTS

Prints its longest wait in seconds, its errors, and how long everything took.
"""

from __future__ import annotations

import json
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from onward.caseload.events import Subject, new_event
from onward.registry import open_operation


def main() -> None:
    folder, number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    operation = open_operation(folder)
    rulebook, store = operation.rulebook, operation.store
    maker = random.Random(number)
    longest, errors = 0.0, 0
    began = time.monotonic()
    for each in range(count):
        event = new_event(
            rulebook, operation="meridian", subject=Subject("person", f"p-{number}-{each}"),
            kind="registered", effective="2026-06-01", by=f"desk-{number}",
            instant=datetime.now(UTC), random=maker, facts={"sex": "female"},
            idempotency_key=f"writer-{number}-{each}",
        )  # fmt: skip
        start = time.monotonic()
        try:
            store.append([event])
        except Exception:
            errors += 1
        longest = max(longest, time.monotonic() - start)
    json.dump({"longest": longest, "errors": errors, "seconds": time.monotonic() - began},
              sys.stdout)  # fmt: skip


if __name__ == "__main__":
    main()
