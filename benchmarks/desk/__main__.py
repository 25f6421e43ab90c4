"""The desk under load: 20 officers at once on this machine, on both databases.

`python -m benchmarks.desk [--quick] [--json] [--store sqlite|postgresql] [--seconds N]`. Makes an
invented operation (50,000 people and about 250,000 events; `--quick`: 3,700 people) and starts the
desk as `onward serve` does. First one officer asks for each page some times, alone: what the
desk then spends is the page's own cost in processor milliseconds, whatever else the machine does.
Then officers work at once: each opens a page, reads it for half a second to a second and a half,
opens the next; one step in eleven records something, two complaints for every fact about the
person (the language, which the safeguards on consent read). Reports the 95th percentile by page
in milliseconds, requests and processor seconds, and the server's memory at the start, after every
thousand requests and at the end.

What this is and is not: a closed loop. Nobody asks for a page before the last one was read, so a
desk that is slow is also asked less, some 15 to 20 requests a second for 20 officers; and a second
of reading is less than people take, so that these 20 stand for more. A search is timed until its
answer is there, over a redirect; nothing else is followed. The people who ask, and on a server
the database, share this machine's cores with the desk.

The marks: pages 300 ms, writes 250 ms, the dashboard 1 s. Beside them stand the figures that
OpenCRVS publishes for its 2.0 (its issue 13595: about 1,150 users at once on servers of eight and
four cores): find 57 ms, work queue 39 ms, open a record 159 ms, declare 338 ms. The machines
are not the same, so the two columns are a picture and not a race.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter, defaultdict
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from onward.engine.cores import cores

TESTS = Path(__file__).resolve().parents[2] / "tests" / "registry"
MARKS = {"home": 1000, "record": 250, "correct": 250}
OPENCRVS = {"find": 57, "people": 39, "person": 159, "record": 338}
LANGUAGES = ("ar", "az", "de", "en", "fr", "ku", "ps", "ru", "tg", "tk", "tr", "ur", "uz")
STEPS = {
    "home": 12, "people": 20, "person": 30, "find": 10, "households": 8, "calendar": 6, "step": 5,
    "record": 6, "correct": 3,
}  # fmt: skip
"""What officers do, of a hundred steps."""

WARM, ALONE = 3, 20
"""How often each is done alone: to warm up, and to be counted."""

SEARCHES = ("Hossein Karimi", "Maryam Rezaei", "زهرا مرادی", "B-000121", "Leyla Parande")


class Officer(threading.Thread):
    """One officer at work until the bell."""

    def __init__(
        self, port: int, session: dict[str, str], people: int, until: float, seed: int
    ) -> None:
        super().__init__(daemon=True)
        self.port, self.session, self.people, self.until = port, session, people, until
        self.random = random.Random(seed)
        self.took: dict[str, list[float]] = defaultdict(list)
        self.failed: list[str] = []
        self.asked = 0

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        time.sleep(self.random.random() * 2)
        while time.time() < self.until:
            try:
                self.step(connection)
            except OSError as error:
                self.failed.append(type(error).__name__)
                connection.close()
            time.sleep(self.random.uniform(0.5, 1.5))
        connection.close()

    def ask(
        self,
        connection: HTTPConnection,
        name: str,
        address: str,
        body: dict[str, str] | None = None,
    ) -> str:
        headers = {
            "Cookie": f"work={self.session['cookie']}"
            + (f"; work-form={self.token}" if body else "")
        }
        data = None
        if body is not None:
            data = urllib.parse.urlencode({**body, "csrfmiddlewaretoken": self.token})
            headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        connection.request("POST" if body is not None else "GET", address, data, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        if name == "find" and answer.status == 303:
            connection.request("GET", answer.headers["Location"], headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        self.took[name].append((time.perf_counter() - began) * 1000)
        self.asked += 1
        if answer.status not in (200, 303):
            self.failed.append(f"{name} {answer.status}")
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            if cookie.startswith("work-form="):
                self.token = cookie.split("=", 1)[1].split(";", 1)[0]
        return text

    token = ""

    def step(self, connection: HTTPConnection) -> None:
        [what] = self.random.choices(list(STEPS), list(STEPS.values()))
        self.do(connection, what)

    def do(self, connection: HTTPConnection, what: str) -> None:
        mine = range(1 if self.session["office"] == "camp-1" else 0, self.people, 2)
        person = f"p{self.random.choice(mine):06d}"
        pages = {
            "home": "/", "person": f"/people/{person}/", "households": "/households/",
            "people": "/people/?stage=" + self.random.choice(("verified", "interviewed", "")),
            "calendar": "/calendar/", "step": f"/people/{person}/steps/T4.return/facts/",
        }  # fmt: skip
        if what in pages:
            self.ask(connection, what, pages[what])
        elif what == "find":
            self.ask(connection, "find page", "/people/search/")
            self.ask(connection, "find", "/people/search/", {"q": self.random.choice(SEARCHES)})
        else:
            about = "facts" if what == "correct" else "add/complaint"
            page = self.ask(connection, "form", f"/people/{person}/{about}/")
            key = re.search(r'name="key" value="([^"]+)"', page)
            revision = re.search(r'name="revision" value="([^"]+)"', page)
            said = {"category": "services", "received_on": "2026-10-31"}
            if what == "correct":
                said = {"language": self.random.choice(LANGUAGES)}
            if key and revision:
                self.ask(connection, what, f"/people/{person}/{about}/", {"key": key[1],
                         "revision": revision[1], "effective": "2026-10-31", **said})  # fmt: skip


class Alone(Officer):
    """One officer with the desk to themselves: what each request costs it."""

    def __init__(self, server: int, *given: Any) -> None:
        super().__init__(*given)
        self.server = server
        self.spent: dict[str, list[float]] = defaultdict(list)

    def ask(self, connection: HTTPConnection, name: str, *more: Any) -> str:
        # The system counts in hundredths of a second; over many requests their sum is right.
        before = _processor(self.server)
        text = super().ask(connection, name, *more)
        self.spent[name].append((_processor(self.server) - before) * 1000)
        return text

    def costs(self) -> dict[str, float]:
        """Processor milliseconds of each kind of request."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        for times in (WARM, ALONE):
            self.spent.clear()
            for what in STEPS:
                for _ in range(times):
                    self.do(connection, what)
        connection.close()
        return {name: statistics.fmean(times) for name, times in self.spent.items()}


def measured(
    folder: Path, store: str, people: int, users: int, seconds: float, processes: int
) -> dict[str, Any]:
    """Build, serve, load and measure one operation on one database."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.desk.operation",
            str(folder),
            store,
            str(people),
            str(users),
        ],
        check=True,
    )
    told = json.loads((folder / "users.json").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks.desk.server",
            str(folder),
            str(port),
            str(processes),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(server.pid, port, processes)
        warm = Officer(port, told["sessions"][0], people, 0, 0)
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        warm.ask(connection, "find page", "/people/search/")
        warm.ask(connection, "find", "/people/search/", {"q": SEARCHES[0]})
        warm.ask(connection, "home", "/")
        _warm([Officer(port, each, people, 0, 0) for each in told["sessions"][:4]])
        costs = Alone(server.pid, port, told["sessions"][0], people, 0, 1).costs()
        memory = [_memory(server.pid)]
        used = _processor(server.pid)
        until = time.time() + seconds
        officers = [
            Officer(port, session, people, until, n)
            for n, session in enumerate(told["sessions"])
        ]
        for officer in officers:
            officer.start()
        done = 0
        while any(officer.is_alive() for officer in officers):
            time.sleep(0.5)
            if (now := sum(officer.asked for officer in officers) // 1000) > done:
                done = now
                memory.append(_memory(server.pid))
        memory.append(_memory(server.pid))
        used = _processor(server.pid) - used
    finally:
        server.terminate()
        server.wait(10)
    took: dict[str, list[float]] = defaultdict(list)
    for officer in officers:
        for name, times in officer.took.items():
            took[name] += times
    return {
        "people": people, "events": told["events"], "projection_seconds": told["projection_seconds"],
        "requests": sum(map(len, took.values())), "per_second": sum(map(len, took.values())) / seconds,
        "processor_seconds": used,
        "failed": [fault for officer in officers for fault in officer.failed], "memory_mb": memory,
        "first_search_ms": warm.took["find"][0],
        "pages": {name: {"requests": len(times), "processor_ms": costs.get(name),
                         "median_ms": statistics.median(times), "p95_ms": sorted(times)[int(len(times) * 0.95)]} for name, times in sorted(took.items())},
    }  # fmt: skip


def _warm(officers: list[Officer]) -> None:
    """Have every process of the desk make every page: several at once reach them all."""

    def work(officer: Officer) -> None:
        connection = HTTPConnection("127.0.0.1", officer.port, timeout=120)
        for what in STEPS:
            for _ in range(WARM):
                officer.do(connection, what)
        connection.close()

    threads = [threading.Thread(target=work, args=(officer,)) for officer in officers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _wait(pid: int, port: int, processes: int) -> None:
    """Until every process of the desk answers, or waits to be asked."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0 and len(_all(pid)) == processes:
                break
        time.sleep(0.1)
    else:
        raise SystemExit("The desk did not start within a minute.")
    before = -1.0
    while (used := _processor(pid)) > before:
        before = used
        time.sleep(1)


def _all(pid: int) -> list[int]:
    """The desk's own process and its helpers."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, children.read_text().split())
    return found


def _memory(pid: int) -> float:
    """Megabytes of all processes of the desk; what they share is counted once."""
    found = (
        re.search(
            r"^Pss:\s+(\d+)", Path(f"/proc/{each}/smaps_rollup").read_text(), re.MULTILINE
        )
        for each in _all(pid)
    )
    return sum(int(each[1]) for each in found if each) / 1024


def _processor(pid: int) -> float:
    used = 0
    for each in _all(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def _server() -> Any:
    spec = importlib.util.spec_from_file_location("pg", TESTS / "postgres_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.running()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="3,700 people, 30 seconds")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--processes", type=int, default=min(cores(), 2))
    parser.add_argument(
        "--keep", type=Path, help="make the operation here, or take it from here"
    )
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    people = 3_700 if given.quick else given.people
    seconds = min(given.seconds, 30) if given.quick else given.seconds
    results: dict[str, Any] = {
        "cores": cores(),
        "processes": given.processes,
        "users": given.users,
    }
    with tempfile.TemporaryDirectory() as name:
        for store in ("sqlite", "postgresql") if given.store == "both" else (given.store,):
            address = "encrypted" if store == "sqlite" else _server().new_database("desk")
            results[store] = measured(
                Path(name) / store, address, people, given.users, seconds, given.processes
            )
    if given.json:
        json.dump(results, sys.stdout, indent=1)
        return
    for store in ("sqlite", "postgresql"):
        if store not in results:
            continue
        found = results[store]
        print(
            f"{store}: {found['people']:,} people, {found['events']:,} events, {given.users} officers, "
            f"{results['cores']} cores, {results['processes']} processes; {found['per_second']:.1f} requests/s, {len(found['failed'])} failed; "
            f"{found['processor_seconds']:.0f} processor seconds of the desk; memory at the start, "
            f"after every 1,000 requests and at the end: "
            + ", ".join(f"{size:.0f}" for size in found["memory_mb"])
            + " MB"
            + (f"; failed: {dict(Counter(found['failed']))}" if found["failed"] else "")
        )
        print(
            f"  {'page':<12}{'requests':>9}{'alone cpu':>11}{'median':>9}{'p95 ms':>9}{'mark':>7}{'OpenCRVS':>10}"
        )
        for page, row in found["pages"].items():
            print(
                f"  {page:<12}{row['requests']:>9}{row['processor_ms']:>11.0f}{row['median_ms']:>9.0f}{row['p95_ms']:>9.0f}"
                f"{MARKS.get(page, 300):>7}{OPENCRVS.get(page, ''):>10}"
            )


if __name__ == "__main__":
    main()
