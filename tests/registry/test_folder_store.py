"""The log in a folder: whole batches or nothing, whatever happens to the program or the file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onward.caseload.events import canonical_bytes
from onward.registry import StoreBusy, StoreDamaged, StoreError
from onward.registry.log.folder_store import EMPTY_HEAD, FolderStore


def test_what_is_appended_is_read_back_in_order_with_its_place(tmp_path, office):
    store = FolderStore(tmp_path / "events")
    first = store.append([office.register("P1"), office.register("P2")])
    second = store.append([office.register("P3")])
    read = FolderStore(tmp_path / "events").read()
    assert [event.subject.id for event in read] == ["P1", "P2", "P3"]
    assert [event.seq for event in read] == [1, 2, 3]
    assert [canonical_bytes(e) for e in read] == [canonical_bytes(e) for e in [*first, *second]]


def test_an_empty_log_has_a_head_and_every_batch_changes_it(tmp_path, office):
    store = FolderStore(tmp_path / "events")
    assert store.head() == EMPTY_HEAD
    heads = {EMPTY_HEAD}
    for number in range(3):
        store.append([office.register(f"P{number}")])
        heads.add(store.head())
    assert len(heads) == 4


def test_a_repeated_idempotency_key_changes_nothing(tmp_path, office):
    store = FolderStore(tmp_path / "events")
    store.append([office.register("P1", key="form-7")])
    head = store.head()
    again = FolderStore(tmp_path / "events").append([office.register("P1", key="form-7")])
    assert list(again) == []
    assert store.head() == head


def test_a_key_with_quotes_and_other_scripts_is_recognised(tmp_path, office):
    key = 'row "7" \\ فرم'
    FolderStore(tmp_path / "events").append([office.register("P1", key=key)])
    assert not FolderStore(tmp_path / "events").append([office.register("P1", key=key)])


def test_a_clock_that_is_set_back_does_not_reorder_the_log(tmp_path, office):
    times = iter([datetime(2025, 5, 1, 12, tzinfo=UTC), datetime(2025, 5, 1, 11, tzinfo=UTC)])
    store = FolderStore(tmp_path / "events", clock=lambda: next(times))
    store.append([office.register("P1")])
    store.append([office.register("P2")])
    first, second = store.read()
    assert second.recorded >= first.recorded


def test_known_at_reads_the_log_as_it_was_then(tmp_path, office):
    instants = [datetime(2025, 5, day, tzinfo=UTC) for day in (1, 2, 3)]
    times = iter(instants)
    store = FolderStore(tmp_path / "events", clock=lambda: next(times))
    for number in range(3):
        store.append([office.register(f"P{number}")])
    assert len(store.read(instants[1])) == 2
    assert len(store.read(instants[0] - timedelta(seconds=1))) == 0


def test_a_correction_of_an_event_nobody_recorded_is_refused_and_keeps_nothing(
    tmp_path, office
):
    store = FolderStore(tmp_path / "events")
    known = store.append([office.register("P1")])[0]
    stranger = office.register("P9")
    good = office.draft("retracted", ("person", "P1"), "2025-01-01", supersedes=known.id)
    bad = office.draft("retracted", ("person", "P9"), "2025-01-01", supersedes=stranger.id)
    with pytest.raises(StoreError, match="nothing of this batch"):
        store.append([good, bad])
    assert len(store.read()) == 1
    assert len(store.append([good])) == 1


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_torn_last_line_is_never_read_and_the_next_writer_removes_it_with_a_message(
    tmp_path, office, cut
):
    store = FolderStore(tmp_path / "events")
    store.append([office.register("P1")])
    store.append([office.register("P2")])
    segment = tmp_path / "events" / "000001.jsonl"
    data = segment.read_bytes()
    segment.write_bytes(data[:-cut])
    after = FolderStore(tmp_path / "events")
    assert [event.subject.id for event in after.read()] == ["P1"]
    assert after.unfinished_bytes() > 0
    after.append([office.register("P3")])
    assert [event.subject.id for event in after.read()] == ["P1", "P3"]
    assert [event.seq for event in after.read()] == [1, 2]
    assert "never been confirmed" in after.notices[0]


def test_every_possible_cut_leaves_whole_batches_only(tmp_path, office):
    store = FolderStore(tmp_path / "events")
    store.append([office.register("P1"), office.register("P2")])
    store.append([office.register("P3"), office.register("P4"), office.register("P5")])
    segment = tmp_path / "events" / "000001.jsonl"
    data = segment.read_bytes()
    seen = set()
    for size in range(0, len(data) + 1, 7):
        segment.write_bytes(data[:size])
        seen.add(len(FolderStore(tmp_path / "events").read()))
    segment.write_bytes(data)
    seen.add(len(FolderStore(tmp_path / "events").read()))
    assert seen == {0, 2, 5}


def test_a_line_changed_afterwards_is_refused(tmp_path, office):
    store = FolderStore(tmp_path / "events")
    store.append([office.register("P1")])
    store.append([office.register("P2")])
    segment = tmp_path / "events" / "000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"P1"', b'"P7"'))
    with pytest.raises(StoreDamaged, match=r"000001\.jsonl, line 2"):
        FolderStore(tmp_path / "events").verify()


def test_a_removed_batch_in_the_middle_is_refused(tmp_path, office):
    store = FolderStore(tmp_path / "events")
    for number in range(3):
        store.append([office.register(f"P{number}")])
    segment = tmp_path / "events" / "000001.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:2] + lines[4:]))
    with pytest.raises(StoreDamaged):
        FolderStore(tmp_path / "events").verify()


def test_a_long_log_spreads_over_several_files(tmp_path, office):
    store = FolderStore(tmp_path / "events", segment_bytes=1000)
    for number in range(12):
        store.append([office.register(f"P{number}")])
    assert len(list((tmp_path / "events").glob("*.jsonl"))) > 3
    assert FolderStore(tmp_path / "events").verify() == 12
    first = sorted((tmp_path / "events").glob("*.jsonl"))[0]
    first.write_bytes(first.read_bytes()[:-30])
    with pytest.raises(StoreDamaged):
        FolderStore(tmp_path / "events").verify()


def test_a_second_writer_waits_and_then_says_so(tmp_path, office):
    import fcntl

    store = FolderStore(tmp_path / "events", wait=0.1)
    store.append([office.register("P1")])
    with open(tmp_path / "events" / ".lock", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy, match="try again"):
            store.append([office.register("P2")])
    assert len(store.append([office.register("P2")])) == 1


def _write_many(folder: Path, office_type, seed: int) -> None:
    office, store = office_type(seed), FolderStore(folder)
    for number in range(10):
        store.append([office.register(f"P{seed}-{number}-{part}") for part in range(3)])


@pytest.mark.slow
def test_four_writers_lose_nothing_and_double_nothing(tmp_path, office):
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_write_many, args=(tmp_path / "events", type(office), seed))
        for seed in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    events = FolderStore(tmp_path / "events").read()
    assert len({event.subject.id for event in events}) == len(events) == 120
    assert [event.seq for event in events] == list(range(1, 121))


KILLED = """
import random, sys
from datetime import UTC, datetime
from pathlib import Path
from onward.caseload.events import Event, Subject, event_id
from onward.registry.log.folder_store import FolderStore
store = FolderStore(Path(sys.argv[1]))
source = random.Random(int(sys.argv[2]))
now = datetime.now(UTC)
def draft(n, part):
    id_ = event_id(now, source)
    return Event(id=id_, operation="meridian", subject=Subject("person", f"P{n}-{part}"),
        kind="registered", effective="2025-01-01", by="amina", rulebook="0" * 64,
        idempotency_key=id_, facts={"roster": "x" * 2000})
print("ready", flush=True)
n = 0
while True:
    added = store.append([draft(n, part) for part in range(20)])
    print(added[-1].seq, flush=True)
    n += 1
"""


@pytest.mark.slow
def test_killed_at_any_moment_a_batch_happened_entirely_or_not_at_all(tmp_path):
    folder = tmp_path / "events"
    script = tmp_path / "writer.py"
    script.write_text(KILLED)
    torn = 0
    for attempt in range(12):
        writer = subprocess.Popen(
            [sys.executable, str(script), str(folder), str(attempt)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(0.05 + 0.013 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        confirmed = [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        store = FolderStore(folder)
        torn += store.unfinished_bytes() > 0
        count = store.verify()
        assert count % 20 == 0
        if confirmed:
            # What was confirmed is there; at most one batch was written and not yet confirmed.
            assert confirmed[-1] <= count <= confirmed[-1] + 20
    assert count > 0


def test_a_full_disk_keeps_nothing_of_the_batch(tmp_path, office, monkeypatch):
    store = FolderStore(tmp_path / "events")
    store.append([office.register("P1")])
    before = (tmp_path / "events" / "000001.jsonl").read_bytes()
    real = os.write

    def fails_half_way(descriptor, data):
        if len(data) > 10:
            real(descriptor, bytes(data[: len(data) // 2]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fails_half_way)
    with pytest.raises(StoreError, match="nothing of this batch"):
        store.append([office.register("P2", key="k2")])
    monkeypatch.undo()
    assert (tmp_path / "events" / "000001.jsonl").read_bytes() == before
    assert len(store.append([office.register("P2", key="k2")])) == 1


def test_a_demonstration_may_write_its_past_but_never_out_of_order(tmp_path, office):
    store = FolderStore(tmp_path / "events", backdated=True)
    old = office.register("P1").placed(seq=0, recorded="2024-01-01T00:00:00.000000Z")
    older = office.register("P2").placed(seq=0, recorded="2023-01-01T00:00:00.000000Z")
    store.append([old, older])
    assert [event.recorded[:4] for event in store.read()] == ["2024", "2024"]
    plain = FolderStore(tmp_path / "real")
    plain.append([office.register("P3").placed(seq=0, recorded="2024-01-01T00:00:00.000000Z")])
    assert plain.read()[0].recorded[:4] != "2024"
