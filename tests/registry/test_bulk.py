"""A whole log at once is the same record as event by event, or nothing."""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from onward.caseload.events import canonical_bytes, instant_text
from onward.errors import Faults, OnwardError
from onward.registry.log import verify
from onward.registry.log.bulk import load

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


@pytest.fixture
def empty(tmp_path):
    """An operation that has its rulebook and nothing else, as where a record moves to."""
    from onward.registry.keyring.creating import preparing
    from onward.registry.opening import create_operation
    from onward.registry.settings import Settings
    from onward.registry.web import starting

    starting.close_site()
    folder, key_file = tmp_path / "new", tmp_path / "new.key"
    _, prepare = preparing("meridian", key_file=key_file)
    yield create_operation(
        folder,
        Settings("meridian", "Meridian", "protected-camp", key_file=str(key_file),
                 store=site_for_tests.new_store("new_home")),
        rulebook_text=site_for_tests.RULEBOOK_PATH.read_text("utf-8"),
        effective="2025-01-01", by="chantal", prepare=prepare,
    )  # fmt: skip
    starting.close_site()
    if site_for_tests.DATABASE == "postgresql":
        server = site_for_tests.server()
        server.sql("postgres", 'DROP DATABASE "new_home" WITH (FORCE)')


def test_a_new_operation_takes_over_a_record_whole_and_it_can_only_be_added_to(empty):
    from django.db import connection

    events = site_for_tests.small_events(empty.rulebook)
    lines = [canonical_bytes(event) for event in events]
    head = empty.store.head()
    with pytest.raises(OnwardError, match="already"):
        load(empty.store, empty.rulebook, [*lines, lines[0]], workers=1)
    with pytest.raises(Faults, match="line 2"):
        load(empty.store, empty.rulebook, [lines[0], b"{"], workers=1)
    assert empty.store.head() == head

    assert load(empty.store, empty.rulebook, lines, workers=2) == len(lines)
    keys = [event.idempotency_key for event in events]
    assert [event.idempotency_key for event in empty.store.read()[1:]] == keys
    empty.store.append(events[:1])  # known by its key, as before
    assert empty.store.last_seq() == len(lines) + 1
    assert verify.verify(empty, deep=False).sound
    if connection.vendor == "postgresql":
        on_the_server(connection.settings_dict["NAME"])


def on_the_server(database):
    """The partition that took the place of the first has all that the log has."""
    server, part = site_for_tests.server(), "onward_event_of_meridian"
    ours = "SET onward.operation = 'meridian'; "
    for user in ("onward_owner", "onward_desk"):
        for table in ("onward_event", part):
            for text in (f"UPDATE {table} SET by_whom = 'x'", f"TRUNCATE {table}"):
                with pytest.raises(RuntimeError, match=r"only ever added to|permission denied"):
                    server.sql(database, ours + text, user)
    assert server.sql(database, f"SELECT count(*) FROM {part}", "onward_owner").strip() == "0"
    assert int(server.sql(database, ours + f"SELECT count(*) FROM {part}", "onward_owner")) > 20
    indexes = "SELECT count(*) FROM pg_index WHERE indrelid = '{}'::regclass AND indisvalid"
    found = [server.sql(database, indexes.format(name)) for name in ("onward_event", part)]
    assert found[0] == found[1]


if site_for_tests.DATABASE == "postgresql":  # an embedded store has one writer

    def test_a_load_waits_for_readers_a_little_at_a_time_and_then_says_so(empty, monkeypatch):
        from django.db import connection

        from onward.registry.database import loading

        lines = [
            canonical_bytes(event) for event in site_for_tests.small_events(empty.rulebook)
        ]
        server, database = site_for_tests.server(), connection.settings_dict["NAME"]
        reading = "BEGIN; SELECT count(*) FROM onward_event; SELECT pg_sleep({}); COMMIT"
        monkeypatch.setattr(loading, "ASK_SECONDS", 0.2)

        def read_for(seconds):
            reader = threading.Thread(
                target=server.sql, args=(database, reading.format(seconds))
            )
            reader.start()
            time.sleep(0.5)
            return reader

        monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.4)
        reader = read_for(4)
        with pytest.raises(OnwardError, match="longer than a load waits"):
            load(empty.store, empty.rulebook, lines, workers=1)
        reader.join()
        assert empty.store.last_seq() == 1

        monkeypatch.setattr(loading, "PATIENCE_SECONDS", 60)
        reader = read_for(3)
        assert load(empty.store, empty.rulebook, lines, workers=1) == len(lines)
        reader.join()
