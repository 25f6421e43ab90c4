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


# -- movements in a log from elsewhere -----------------------------------------------------------


def told(small, about, kind, /, *, key, effective="2026-06-01", **facts):
    """A line of a log that another program wrote."""
    import random

    from onward.caseload.events import Subject, new_event

    subject = about if isinstance(about, tuple) else ("person", about)
    event = new_event(
        small.rulebook, operation="meridian", subject=Subject(*subject), kind=kind,
        effective=effective, by="elsewhere", instant=LATER, random=random.Random(key),
        facts=facts, idempotency_key=key, opens=kind == "registered",
    )  # fmt: skip
    return event


def as_lines(events):
    return [
        canonical_bytes(
            event.placed(seq=0, recorded=instant_text(LATER + timedelta(seconds=number)))
        )
        for number, event in enumerate(events)
    ]


def breaches(small):
    return [event for event in small.store.read() if event.kind == "breach"]


@pytest.mark.parametrize("keep", [True, False])
def test_a_movement_against_a_safeguard_is_found_on_loading_once(small, keep):
    from onward.registry.importing.loaded import load_log

    before = breaches(small)
    gone = told(small, "H3-P1", "T20.done", key="taken")
    loaded = load_log(small, as_lines([gone]), keep_instants=keep)
    assert (loaded.events, loaded.breaches) == (1, 1)
    [found] = breaches(small)[len(before) :]
    assert found.subject.id == "H3-P1"
    assert found.facts["move"] == "T20.done"
    assert found.facts["severity"] == 1
    assert "G14.in_force" in found.facts["safeguards"], found.facts
    assert found.effective == gone.effective
    assert found.recorded >= small.store.read_where("event_id = %s", [gone.id])[0].recorded
    with pytest.raises(OnwardError, match="already"):
        load_log(small, as_lines([gone]), keep_instants=keep)
    # The same movement from another export of the same log: answered for already.
    other = told(small, "H3-P1", "T20.done", key="taken-again")
    assert load_log(small, as_lines([other]), keep_instants=keep).breaches == 0
    assert len(breaches(small)) == len(before) + 1
    assert verify.verify(small, deep=False).sound


def test_a_loaded_movement_is_judged_as_a_recorded_one_is(small):
    from datetime import date

    from registry_cast import EVERYBODYS

    from onward.registry.importing.loaded import load_log
    from onward.registry.recording.actors import Actor
    from onward.registry.recording.writing import Writing
    from onward.safeguards.record import breach_for

    made = [
        ("H3-P1", "T20.done"),
        ("H4-P1", "T7.done"),
        ("H1-P1", "T16.departed"),
        ("H2-P1", "T4.withdrawn"),
    ]
    expected = {}
    for person, move in made:
        writing = Writing(Actor("driver", EVERYBODYS, "camp-1"))
        answer = writing.asked([person], move, date(2026, 6, 1), destination=None)
        if (breach := breach_for(answer, person)) is not None:
            expected[person] = breach.facts()
    assert set(expected) == {"H3-P1", "H4-P1", "H1-P1"}
    before = len(breaches(small))
    load_log(small, as_lines([told(small, who, move, key=f"by {who}") for who, move in made]))
    assert {e.subject.id: e.facts for e in breaches(small)[before:]} == expected


def test_what_was_known_later_neither_opens_a_breach_nor_is_part_of_one(small):
    from onward.registry.importing.loaded import load_log

    def pressed(person):
        return told(
            small, ("complaint", f"{person}-pressed"), "recorded", key=f"{person} pressed",
            person=person, category="coercion", triaged=False, effective="2026-05-20",
        )  # fmt: skip

    before = len(breaches(small))
    log = [
        pressed("H3-P1"), told(small, "H3-P1", "T20.done", key="after"),
        told(small, "H4-P1", "T20.done", key="before"), pressed("H4-P1"),
    ]  # fmt: skip
    load_log(small, as_lines(log))
    found = {e.subject.id: set(e.facts["safeguards"]) for e in breaches(small)[before:]}
    assert any(key.startswith("G17.") for key in found["H3-P1"])
    assert not any(key.startswith("G17.") for key in found["H4-P1"])


def test_a_movement_is_judged_by_the_rulebook_of_its_day(small):
    from dataclasses import replace

    from onward.registry.importing.loaded import load_log

    step = small.rulebook.transitions["T20"]
    before = replace(
        small.rulebook, hash="ab" * 32,
        transitions={**small.rulebook.transitions, "T20": replace(step, safeguards=("G17",), path=())},
    )  # fmt: skip
    old, new = (told(small, who, "T20.done", key=f"by {who}") for who in ("H3-P1", "H4-P1"))
    lines = as_lines([replace(old, rulebook=before.hash), new])
    assert load_log(small, lines, rulebooks={before.hash: before}).breaches >= 1
    found = {e.subject.id: set(e.facts["safeguards"]) for e in breaches(small)}
    assert "G14.in_force" in found["H4-P1"]
    assert not any(key.startswith("G14.") for key in found.get("H3-P1", ()))


def test_of_somebody_not_on_record_nothing_is_known(small):
    from onward.registry.importing.loaded import load_log

    before = len(breaches(small))
    load_log(small, as_lines([told(small, "nobody-1", "T20.done", key="unknown")]))
    [found] = breaches(small)[before:]
    assert {"G14.in_force", "G5.fear"} & set(found.facts["safeguards"]), found.facts


def test_a_log_that_holds_its_breaches_opens_none(small):
    from onward.registry.importing.loaded import load_log

    before = len(breaches(small))
    gone = told(small, "H3-P1", "T20.done", key="taken")
    known = told(
        small,
        "H3-P1",
        "breach",
        key="known",
        move="T20.done",
        safeguards=["G14.in_force"],
        severity=1,
    )
    assert load_log(small, as_lines([gone, known])).breaches == 0
    assert len(breaches(small)) == before + 1
