"""Eight desks write at once: nothing is lost, doubled or refused, and the tree does not fork."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from onward.registry.log import verify

WRITER = Path(__file__).with_name("writer.py")
WRITERS, EACH = 8, 1250


def run(small, writers, each):
    """What every writer says when it is done: seconds of its longest wait, and errors seen."""
    from onward.registry.web import starting

    folder = small.path
    starting.close_site()
    started = [
        subprocess.Popen(
            [sys.executable, str(WRITER), str(folder), str(number), str(each)],
            stdout=subprocess.PIPE, text=True,
        )
        for number in range(writers)
    ]  # fmt: skip
    return [json.loads(process.communicate(timeout=300)[0]) for process in started]


def check(small, writers, each):
    before = small.store.last_seq()
    told = run(small, writers, each)
    again = sys.modules["onward_test_site"].unlocked(small.path)
    assert [one["errors"] for one in told] == [0] * writers
    keys = [
        event.idempotency_key for event in again.store.read() if event.by.startswith("desk")
    ]
    assert len(keys) == len(set(keys)) == writers * each
    assert again.store.last_seq() == before + writers * each
    assert verify.verify(again, deep=False).sound
    return told


def test_four_desks_write_at_once(small):
    check(small, 4, 40)


@pytest.mark.slow
@pytest.mark.both
def test_eight_desks_write_1250_events_each(small):
    told = check(small, WRITERS, EACH)
    # Shown by pytest -s; how long it takes is the machine's own and asserted nowhere.
    seconds, longest = max(one["seconds"] for one in told), max(one["longest"] for one in told)
    print(f"{WRITERS} writers x {EACH}: {seconds:.1f} s, longest wait {longest:.2f} s")
