"""Killed at any moment, the record is as before the writing or as after it, and opens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from onward.registry import site, verify

KILLING = Path(__file__).with_name("killing.py")


def killed(small, landed, seed):
    site.close_site()
    done = subprocess.run(
        [sys.executable, str(KILLING), str(small.path), str(landed), str(seed)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["landed"] >= landed
    again = sys.modules["onward_test_site"].unlocked(small.path)
    assert verify.verify(again, deep=False).sound
    return found


def test_twenty_landed_kills(small):
    killed(small, 20, seed=1)


@pytest.mark.slow
def test_two_hundred_landed_kills(small):
    found = killed(small, 200, seed=2)
    assert set(found["kinds"]) == {"events", "names", "keys", "erase", "list"}


@pytest.mark.soak
def test_a_thousand_landed_kills(small):
    killed(small, 1000, seed=3)
