"""Lets the disk fail under a desk at work, again and again, and looks at what is left.

python failing.py FOLDER TIMES SEED
"""

from __future__ import annotations

import json
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import failing_calls

from onward.caseload.events import Subject, new_event
from onward.registry import open_operation
from onward.registry.keyring.keys import with_key_file
from onward.registry.log import verify
from onward.registry.log.store import StoreError, StoreUncertain
from onward.registry.web import starting

BATCH = 5


def main() -> None:
    folder, times, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    starting.open_site(
        folder, key=with_key_file(folder, folder.with_name(folder.name + ".key"))
    )
    operation = open_operation(folder)
    rulebook = operation.rulebook
    close()
    said: set[str] = set()
    acknowledged: set[str] = set()
    unsure: set[str] = set()
    refused, other = 0, []
    for number in range(times):
        how = ("sync", "full")[number % 2]
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                work(operation, rulebook, how, number, chance.randrange(2**30), writing)
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as lines:
            for line in lines:
                word, _, rest = line.strip().partition(" ")
                if word == "done":
                    acknowledged.add(rest)
                elif word == "unsure":
                    unsure.add(rest)
                elif word == "refused":
                    refused += 1
                    said.add(rest)
                else:
                    other.append(line.strip())
        os.waitpid(child, 0)
    held: dict[str, int] = {}
    for event in operation.store.read():
        batch, _, part = event.idempotency_key.partition("/")
        if part and batch.startswith("fail-"):
            held[batch] = held.get(batch, 0) + 1
    print(json.dumps({
        "refused": refused, "acknowledged": len(acknowledged), "other": other[:5],
        "said": sorted(said), "lost": len(acknowledged - held.keys()),
        "partial": sum(count != BATCH for count in held.values()),
        "unconfirmed": len(held.keys() - acknowledged - unsure), "unsure": len(unsure),
        "findings": list(verify.verify(operation, deep=False).findings),
    }))  # fmt: skip


def close() -> None:
    from django.db import connections

    connections["default"].close()
    del connections["default"]


def work(operation, rulebook, how: str, number: int, seed: int, pipe: int) -> None:
    """A few batches on a good disk, then the disk fails under the next ones."""
    chance = random.Random(seed)
    for each in range(6):
        if each == 2:
            if how == "sync":
                failing_calls.syncing()
            else:
                size = max(p.stat().st_size for p in operation.path.glob("onward.db-wal"))
                failing_calls.writing_beyond(chance.randrange(size + 30_000))
        key = f"fail-{number}-{each}"
        events = [
            new_event(
                rulebook, operation="meridian", subject=Subject("person", f"{key}-{n}"),
                kind="registered", effective="2026-06-01", by="desk", random=chance,
                instant=datetime.now(UTC), idempotency_key=f"{key}/{n}",
            )
            for n in range(BATCH)
        ]  # fmt: skip
        try:
            operation.store.append(events)
            said = f"done {key}"
        except StoreUncertain:
            said = f"unsure {key}"
        except StoreError as error:
            said = f"refused {str(error).partition(';')[2].strip()}"
        except Exception as error:
            said = f"other {type(error).__name__} {error}"
        os.write(pipe, (said.replace("\n", " ") + "\n").encode())


if __name__ == "__main__":
    main()
