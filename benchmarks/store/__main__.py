"""Events a second into the record, checked and proven, beside raw COPY of the same rows.

`python -m benchmarks.store [--quick] [--json] [--events N]`. Starts a PostgreSQL server of its
own, makes a log of an invented operation, and measures in one run:

  load      `onward.registry.log.bulk.load`: every event read, checked against the rulebook, put into
            canonical form, hashed into the tree, and written with all indexes under row-level
            security, in one transaction
  raw COPY  the very same rows, ready-made, into a table with the same columns and indexes and
            nothing else; and into one without indexes, which are made afterwards, as the load
            does for a new operation: what the server itself can take
  embedded  the same load into the encrypted SQLite file
  one by one  single appends, each durable before the next, in both

The peer is PostgreSQL's own COPY in the same run on the same machine. Beside seconds stand processor
seconds, of this process, of those that check and of the server together: on a busy machine they stay.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import resource
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.scale.measure import family
from onward.caseload.events import Subject, canonical_bytes, new_event
from onward.engine.cores import cores
from onward.registry.keyring.creating import preparing
from onward.registry.log.bulk import load
from onward.registry.log.db_store import COLUMNS
from onward.registry.log.verify import verify
from onward.registry.opening import create_operation
from onward.registry.settings import Settings
from onward.registry.web import starting
from onward.rulebook import load as load_rulebook
from onward.rulebook import shipped_path

TESTS = Path(__file__).resolve().parents[2] / "tests" / "registry"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def server() -> Any:
    """The same throw-away server that the tests use."""
    spec = importlib.util.spec_from_file_location("pg", TESTS / "postgres_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.running()


def log(rulebook: Any, number: int) -> list[bytes]:
    """Lines of a log: registrations, facts, interviews, consents, a correction now and then."""
    maker = random.Random(1)
    people = [
        str(uuid.UUID(int=maker.getrandbits(128), version=4)) for _ in range(number // 10)
    ]
    lines: list[bytes] = []
    earlier: list[Any] = []
    for index in range(number):
        person = people[index % len(people)]
        instant = NOW + timedelta(milliseconds=index)
        kind = index // len(people)
        if kind == 0:
            facts = {
                "birth": f"{1950 + index % 60}",
                "sex": "female",
                "household": f"h{index // 4}",
            }
            about, name, opens = ("person", person), "registered", True
        elif kind in (1, 2):
            facts = {"language": "fa", "identity_resolved": bool(index % 7)}
            about, name, opens = ("person", person), "recorded", False
        elif kind in (3, 4, 5):
            facts = {"person": person, "purpose": "interview", "held_on": "2026-05-02",
                     "alone": True, "confidential_place": True}  # fmt: skip
            about, name, opens = ("interview", f"i{index}"), "recorded", True
        else:
            facts = {"person": person, "pathway": "return", "signed_on": "2026-05-03",
                     "pressure": False}  # fmt: skip
            about, name, opens = ("consent", f"c{index}"), "recorded", True
        event = new_event(
            rulebook, operation="meridian", subject=Subject(*about), kind=name,
            effective="2026-05-04", by="load", instant=instant, random=maker, facts=facts,
            opens=opens, idempotency_key=f"k{index}",
            supersedes=earlier[-1].id if kind == 2 and index % 50 == 0 and earlier else None,
        )  # fmt: skip
        if kind == 1:
            earlier = [event]
        lines.append(canonical_bytes(event))
    return lines


def operation(folder: Path, store: str) -> Any:
    """A new empty operation, open in this process."""
    starting.close_site()
    _, prepare = preparing("meridian", key_file=folder.with_suffix(".key"))
    return create_operation(
        folder,
        Settings("meridian", "Meridian", "protected-camp", store=store,
                 key_file=str(folder.with_suffix(".key"))),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
        effective="2024-01-01", by="bench", prepare=prepare,
    )  # fmt: skip


def processor(host: Any = None) -> float:
    """Seconds of the processor used so far by this process, those it waited for and the server."""
    used = [
        resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    total = sum(one.ru_utime + one.ru_stime for one in used)
    if host is not None:
        first = int((host.folder / "data" / "postmaster.pid").read_text("ascii").split()[0])
        for process in family(first):
            with suppress(OSError):
                text = Path(f"/proc/{process}/stat").read_text("ascii", "replace")
                # Its own and those of the children that ended.
                ticks = sum(map(int, text.rsplit(")", 1)[1].split()[11:15]))
                total += ticks / os.sysconf("SC_CLK_TCK")
    return total


def loaded(
    folder: Path, store: str, lines: list[bytes], singles: int, host: Any = None
) -> dict[str, Any]:
    """Seconds of a bulk load and of single appends; the record is verified afterwards."""
    made = operation(folder, store)
    rulebook, log_store = made.rulebook, made.store
    used = processor(host)
    began = time.perf_counter()
    count = load(log_store, rulebook, lines)
    seconds = time.perf_counter() - began
    used = processor(host) - used
    sound = verify(made, deep=False)
    assert sound.sound, sound.findings[:3]
    assert sound.events == count + 1
    maker = random.Random(2)
    began = time.perf_counter()
    for index in range(singles):
        log_store.append(
            [new_event(rulebook, operation="meridian", subject=Subject("person", f"s{index}"),
                       kind="registered", effective="2026-05-04", by="load", instant=NOW,
                       random=maker, idempotency_key=f"s{index}")]
        )  # fmt: skip
    single = (time.perf_counter() - began) / singles
    return {"events": count, "seconds": seconds, "per_second": count / seconds, "processor": used,
            "single_ms": single * 1000}  # fmt: skip


def raw_copy(host: Any, address: str, *, afterwards: bool) -> dict[str, float]:
    """COPY of the very rows that were loaded, into a plain table with the same indexes.

    afterwards  the indexes are made when all rows are there
    """
    import psycopg

    database = address.split("@/")[1].split("?")[0]
    names = ", ".join(COLUMNS)
    with psycopg.connect(host.address(database, "boss"), autocommit=True) as connection:
        what = "DEFAULTS" if afterwards else "ALL"
        connection.execute("DROP TABLE IF EXISTS raw_event")
        connection.execute(f"CREATE TABLE raw_event (LIKE onward_event INCLUDING {what})")
        indexes = connection.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
            "WHERE indrelid = 'onward_event_of_meridian'::regclass"
        ).fetchall()
        with connection.cursor().copy(
            f"COPY onward_event_of_meridian ({names}) TO STDOUT"
        ) as out:
            data = b"".join(bytes(part) for part in out)
        used = processor(host)
        began = time.perf_counter()
        with connection.cursor().copy(f"COPY raw_event ({names}) FROM STDIN") as copy:
            for start in range(0, len(data), 2**20):
                copy.write(data[start : start + 2**20])
        if afterwards:
            connection.execute("SET maintenance_work_mem = '256MB'")
            for (text,) in indexes:
                unique = "UNIQUE " if text.startswith("CREATE UNIQUE") else ""
                connection.execute(
                    f"CREATE {unique}INDEX ON raw_event USING {text.partition(' USING ')[2]}"
                )
        seconds = time.perf_counter() - began
        used = processor(host) - used
        [count] = connection.execute("SELECT count(*) FROM raw_event").fetchone() or [0]
    return {"events": count, "seconds": seconds, "per_second": count / seconds, "processor": used,
            "megabytes": len(data) / 1e6}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20,000 events")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    number = 20_000 if given.quick else given.events
    rulebook = load_rulebook(shipped_path("protected-camp"))
    lines = log(rulebook, number)
    with tempfile.TemporaryDirectory() as name:
        host = server()
        address = host.new_database("bench")
        ours = loaded(Path(name) / "team", address, lines, 200, host)
        starting.close_site()
        raw = raw_copy(host, address, afterwards=False)
        bare = raw_copy(host, address, afterwards=True)
        embedded = _embedded(Path(name), lines)
    result = {"load": ours, "raw_copy": raw, "raw_copy_then_indexes": bare, "embedded": embedded,
              "ratio": ours["per_second"] / raw["per_second"], "cores": cores()}  # fmt: skip
    if given.json:
        json.dump(result, sys.stdout, indent=1)
        return
    print(f"{number:,} events, {raw['megabytes']:.0f} MB, {cores()} cores")
    print(
        f"  load, checked and proven   {ours['per_second']:>10,.0f} events/s  {ours['seconds']:6.1f} s  {ours['processor']:6.1f} of the processor"
    )
    print(
        f"  raw COPY of the same rows  {raw['per_second']:>10,.0f} events/s  {raw['seconds']:6.1f} s  {raw['processor']:6.1f} of the processor"
    )
    print(
        f"  the same, indexes after    {bare['per_second']:>10,.0f} events/s  {bare['seconds']:6.1f} s  {bare['processor']:6.1f} of the processor"
    )
    print(f"  ratio to the first         {result['ratio']:>10.2f}")
    print(
        f"  embedded, encrypted        {embedded['per_second']:>10,.0f} events/s  {embedded['seconds']:6.1f} s  {embedded['processor']:6.1f} of the processor"
    )
    print(
        f"  one by one, durable        {ours['single_ms']:.1f} ms on the server, {embedded['single_ms']:.1f} ms embedded"
    )


def _embedded(folder: Path, lines: list[bytes]) -> dict[str, Any]:
    """In a process of its own, because one process has one kind of store."""
    import subprocess

    (folder / "lines").write_bytes(b"\n".join(lines))
    code = (
        "import json,sys; from pathlib import Path; from benchmarks.store.__main__ import loaded; "
        "from onward.registry.settings import ENCRYPTED; f=Path(sys.argv[1]); "
        "r=loaded(f/'laptop', ENCRYPTED, (f/'lines').read_bytes().split(b'\\n'), 200); "
        "(f/'embedded.json').write_text(json.dumps(r))"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    found: dict[str, Any] = json.loads((folder / "embedded.json").read_text())
    return found


if __name__ == "__main__":
    main()
