"""A whole log at once is the same record as event by event, or nothing."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest

from onward.caseload.events import canonical_bytes, instant_text
from onward.errors import Faults, OnwardError
from onward.registry import verify
from onward.registry.bulk import load

site_for_tests = sys.modules["onward_test_site"]
LATER = datetime(2040, 7, 1, tzinfo=UTC)


@pytest.fixture
def lines(small):
    """A second log for the same operation, with instants of its own."""
    events = site_for_tests.small_events(small.rulebook, seed=99)
    found = []
    for number, event in enumerate(events):
        kept = event.placed(seq=0, recorded=instant_text(LATER + timedelta(seconds=number)))
        text = canonical_bytes(kept).decode()
        text = text.replace(event.idempotency_key, f"again-{number}")
        found.append(text.replace('"id":"H', '"id":"X').replace('"H', '"X').encode())
    return found


def test_every_event_is_there_in_order_and_proven(small, lines):
    before = small.store.last_seq()
    assert load(small.store, small.rulebook, lines, keep_instants=True, workers=2) == len(lines)
    events = small.store.read()[before:]
    assert [event.idempotency_key for event in events] == [
        f"again-{number}" for number in range(len(lines))
    ]
    assert events[5].recorded == instant_text(LATER + timedelta(seconds=5))
    assert verify.verify(small, deep=False).sound


def test_one_fault_and_nothing_is_kept(small, lines):
    head = small.store.head()
    wrong = [*lines[:40], lines[40].replace(b'"effective":"', b'"effective":"9'), *lines[41:]]
    with pytest.raises(Faults, match="line 41"):
        load(small.store, small.rulebook, wrong, keep_instants=True, workers=1, file="log")
    with pytest.raises(Faults, match="line 3"):
        load(small.store, small.rulebook, [lines[0], lines[1], b"{"], workers=1)
    with pytest.raises(OnwardError, match="already"):
        load(small.store, small.rulebook, [*lines, lines[0]], workers=1)
    with pytest.raises(Faults, match="earlier than"):
        load(small.store, small.rulebook, lines[::-1], keep_instants=True, workers=1)
    assert small.store.head() == head
    assert verify.verify(small, deep=False).sound
