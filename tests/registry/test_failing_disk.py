"""A disk that fails or fills: what was confirmed is there, and everything else says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.registry.log import verify
from onward.registry.log.store import StoreError
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor

SCRIPT = """
import json, random, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from onward.caseload.events import Subject, new_event
from onward.registry import open_operation
from onward.registry.log import verify
from onward.registry.log.store import StoreError, StoreUncertain

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
operation = open_operation(folder)
store, rulebook, chance = operation.store, operation.rulebook, random.Random(4)
acknowledged, unsure, failed, other = [], [], 0, []
for number in range(rounds):
    size = max(p.stat().st_size for p in folder.glob("onward.db*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + chance.randrange(40_000), -1))
    for each in range(12):
        key = f"disk-{number}-{each}"
        events = [
            new_event(rulebook, operation="meridian", subject=Subject("person", f"{key}-{n}"),
                      kind="registered", effective="2026-06-01", by="desk",
                      instant=datetime.now(UTC), random=chance, idempotency_key=f"{key}/{n}")
            for n in range(5)
        ]
        try:
            store.append(events)
            acknowledged.append(key)
        except StoreUncertain:
            failed += 1
            unsure.append(key)
            break
        except StoreError as error:
            failed += 1
            if "nothing of this batch was recorded" not in str(error):
                other.append(str(error))
            break
        except Exception as error:
            other.append(type(error).__name__)
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
held = {}
for event in store.read():
    batch, _, part = event.idempotency_key.partition("/")
    if part:
        held[batch] = held.get(batch, 0) + 1
print(json.dumps({
    "failed": failed, "other": other[:3], "lost": len(set(acknowledged) - set(held)),
    "partial": sum(count != 5 for count in held.values()),
    "unconfirmed": len(set(held) - set(acknowledged) - set(unsure)),
    "findings": list(verify.verify(operation, deep=False).findings),
}))
"""


def failing(small, rounds):
    from onward.registry.web import starting

    starting.close_site()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(small.path), str(rounds)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_writes_that_fail_are_refused_cleanly_and_confirmed_ones_last(small):
    if os.environ.get("ONWARD_TEST_DATABASE", "sqlite") != "sqlite":
        return  # the server's own disk is its own test
    found = failing(small, 40)
    assert found["failed"] > 10
    del found["failed"]
    assert found == {"other": [], "lost": 0, "partial": 0, "unconfirmed": 0, "findings": []}


def complain_until_it_fails():
    for number in range(200):
        acts.record(Actor("amina", EVERYBODYS), Subject("complaint", f"c{number}"), "recorded",
                    effective="2026-06-10", facts={"person": "H1-P1"},
                    idempotency_key=f"full-{number}")  # fmt: skip


def test_a_full_database_says_that_nothing_was_recorded(small):
    from django.db import connection

    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="nothing of this batch was recorded"):
            complain_until_it_fails()
        cursor.execute("PRAGMA max_page_count = 1073741823")
    before = small.store.last_seq()
    acts.record(Actor("amina", EVERYBODYS), Subject("complaint", "after"), "recorded",
                effective="2026-06-10", facts={"person": "H1-P1"}, idempotency_key="after")  # fmt: skip
    assert small.store.last_seq() == before + 1
    assert verify.verify(small, deep=False).sound


@pytest.mark.slow
def test_two_hundred_failing_syncs_and_full_disks(small):
    """The system's own calls fail, at any point of a batch: confirmed is kept, else it is refused."""
    from onward.registry.web import starting

    if os.environ.get("ONWARD_TEST_DATABASE", "sqlite") != "sqlite":
        return  # the server's own disk is its own test
    starting.close_site()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("failing.py")), str(small.path), "200", "5"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["refused"] + found["unsure"] > 400
    assert found["acknowledged"] >= 400
    assert (found["other"], found["lost"], found["partial"]) == ([], 0, 0)
    assert found["findings"] == []
    assert found["unconfirmed"] == 0
