"""Fold, safeguards and counts by size, on DuckDB and on Spark with one and two workers.

    python -m benchmarks.scale [--quick] [--json]
    python -m benchmarks.scale --people 10000 100000 1000000 --spark-up-to 100000
    python -m benchmarks.scale --people 10000000 --spark-up-to 0 --no-skew
    python -m benchmarks.scale --results scale.jsonl --minutes 10    again and again

More people than `--largest` (a million) are a region: operations of that size, written, measured
and removed one after another, because no operation is larger and so that disk and memory do not
grow; seconds are then the sum over them and memory the most that one of them took. Unless it is
left out, a region is also measured in which one operation holds a tenth of all people.

The named peer is the hand-written DuckDB query of `benchmarks.caseload`, over the same rows in the
same run. People are invented, ten events each. Every figure is measured in a process of its own;
Spark's clusters are started and stopped here, its start-up is told apart, and its memory is the
sum over the process that asks, the cluster and every executor. Processor seconds are told beside
seconds, and per million people, because they are the same on a machine that is busy. What is said of more people than were run is a
straight line through what was run, and called so.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.caseload import AS_OF, MEMORY_GB, SEED, by_hand, invent
from onward.caseload import counts, fold
from onward.caseload.fold import fold_from
from onward.engine import DuckEngine, ParquetTable
from onward.engine.cores import cores
from onward.registry.computing.snapshot import flat
from onward.rulebook import Rulebook, load, shipped_path
from onward.safeguards.everybody import evaluate_all

SCRIPT = Path(__file__).parents[2] / "tools" / "spark-cluster.sh"
WORLD = 120_000_000
ROWS_A_FILE = 500_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--quick", action="store_true", help="2,000 people; one worker")
    parser.add_argument("--json", action="store_true", help="data on standard output")
    parser.add_argument("--people", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--spark-up-to", type=int, default=100_000, help="largest size on Spark"
    )
    parser.add_argument(
        "--largest", type=int, default=1_000_000, help="most people in one operation"
    )
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument(
        "--local", action="store_true", help="Spark in one process too, with two threads"
    )
    parser.add_argument("--no-skew", action="store_true", help="leave the uneven region out")
    parser.add_argument(
        "--skew-on-spark", type=int, default=0, metavar="PEOPLE",
        help="an uneven region of so many people on Spark too",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=Path, metavar="FILE",
        help="add every measure to this file, and measure nothing again that it holds",
    )  # fmt: skip
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="begin nothing more after so long"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _stopped)
    people = [2_000] if given.quick else sorted(given.people)
    workers = [1] if given.quick else given.workers
    pieces = Pieces(given.results, given.minutes)
    for size in people:
        spark = size <= given.spark_up_to
        clusters = {f"spark, {count} workers": count for count in workers if spark}
        ways: dict[str, Any] = {"duckdb": on_duckdb, "by hand": peer}
        if given.local and spark:
            ways["spark, one process"] = on_spark
        parts = operations(size, given.largest)
        for number, part in enumerate(parts):
            at = {"people": size, "part": number, "parts": len(parts)}
            wanted = [on for on in [*ways, *clusters] if pieces.lacks(at | {"on": on})]
            if not wanted or pieces.late():
                continue
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name) / "log"
                say(f"{size:,} people: writing {part:,}")
                of = {"of_people": part} | apart(write, folder, part, SEED + number)
                for on in wanted:
                    if pieces.late():
                        break
                    say(f"{size:,} people: {on}")
                    if on in ways:
                        one = apart(ways[on], folder)
                    else:
                        with cluster(clusters[on], Path(name) / "home") as (master, secret):
                            one = apart(on_spark, folder, master, secret)
                    say(f"  {one['processor']:.1f} processor seconds, {one['peak_gb']:.1f} GB")
                    pieces.add(at | {"on": on} | of | one)
    if not given.no_skew:
        uneven = 2_000 if given.quick else 20_000
        pieces.measure({"skew": "duckdb", "people": uneven}, skew, uneven)
    if given.skew_on_spark:
        at = {"skew": "spark", "people": given.skew_on_spark}
        pieces.measure(at, skew_on_spark, given.skew_on_spark)
    report = told(pieces.found)
    if given.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    if pieces.left:
        say(f"{pieces.left} measures are left: run the same command again")


class Pieces:
    """What was measured, piece by piece, and kept in a file where one is named."""

    def __init__(self, file: Path | None, minutes: float) -> None:
        self.file = file
        self.end = time.monotonic() + 60 * minutes
        self.left = 0
        self.rulebook = rules().hash
        self.found: list[dict[str, Any]] = []
        if file is not None and file.exists():
            self.found = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
            if any(one["rulebook"] != self.rulebook for one in self.found):
                raise SystemExit(
                    f"{file} was measured under another rulebook; name another file"
                )

    def lacks(self, at: dict[str, Any]) -> bool:
        """Whether a piece is still to be measured; it is counted as left until it is added."""
        lacking = not any(at.items() <= one.items() for one in self.found)
        self.left += lacking
        return lacking

    def late(self) -> bool:
        return time.monotonic() > self.end

    def measure(self, at: dict[str, Any], work: Any, *given: Any) -> None:
        if self.lacks(at) and not self.late():
            say(f"an uneven region of {at['people']:,} people: {at['skew']}")
            self.add(at | work(*given))

    def add(self, one: dict[str, Any]) -> None:
        self.left -= 1
        at = datetime.now().isoformat(timespec="seconds")  # noqa: DTZ005
        one |= {
            "rulebook": self.rulebook, "cores": cores(), "load": os.getloadavg()[0],
            "ended": at,
        }  # fmt: skip
        self.found.append(one)
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(one) + "\n")


def told(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The pieces as what they say of each size: sums over a region's operations."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for one in found:
        if "on" in one:
            groups.setdefault((one["people"], one["on"]), []).append(one)
    rows = [together(parts) for _, parts in sorted(groups.items(), key=lambda item: item[0][0])]
    return {
        "cores": cores(),
        "load": max((one["load"] for one in found), default=0.0),
        "sizes": rows,
        "skew": [one for one in found if "skew" in one],
        "lines": lines(rows),
        "rulebook": rules().hash,
    }


def operations(people: int, largest: int) -> list[int]:
    """The people of each operation of a region of so many."""
    whole, rest = divmod(people, largest)
    return [largest] * whole + ([rest] if rest else [])


SAME = ("people", "on", "parts", "part", "rulebook", "cores", "load", "ended")
MOST = ("peak_gb", "start", "round_trip", "load")


def together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What operations measured one after another took: sums, and the most memory of any."""
    found = dict(parts[0])
    for part in parts[1:]:
        for name, value in part.items():
            if name == "same":
                found[name] = {key: found[name][key] + value[key] for key in value}
            elif name in MOST:
                found[name] = max(found[name], value)
            elif name not in SAME:
                found[name] += value
    return found | {"measured": len(parts)}


def write(folder: Path, people: int, seed: int) -> dict[str, Any]:
    """The log of so many people as a snapshot's tables, in several files each."""
    tables = invent(people, load(shipped_path("protected-camp")), seed)
    for name, table in flat(tables).items():
        place = folder / name
        place.mkdir(parents=True)
        for number, start in enumerate(range(0, max(1, table.num_rows), ROWS_A_FILE)):
            pq.write_table(
                table.slice(start, ROWS_A_FILE), place / f"part-{number:05d}.parquet"
            )
    return {"events": sum(table.num_rows for table in tables.facts.values())}


def inputs(folder: Path) -> dict[str, ParquetTable]:
    return {path.name: ParquetTable(path) for path in folder.iterdir()}


def rules() -> Rulebook:
    return load(shipped_path("protected-camp"))


def answered(caseload: Any, engine: Any, began: float) -> dict[str, Any]:
    """Seconds of each part; the numbers that every engine must agree on."""
    folded = time.perf_counter()
    counted = counts(caseload, engine=engine)
    after = time.perf_counter()
    steps = evaluate_all(caseload, on=AS_OF, engine=engine)
    end = time.perf_counter()
    return {
        "seconds": end - began,
        "fold": folded - began,
        "counts": after - folded,
        "safeguards": end - after,
        "same": {
            "people": caseload.people.num_rows,
            "units": caseload.units.num_rows,
            "counted": sum(counted["people"].to_pylist()),
            "steps": steps.table.num_rows,
            "open": steps.table["open"].to_pylist().count(True),
        },
        "result_gb": sum(table.nbytes for table in caseload.tables.values()) / 2**30,
    }


def on_duckdb(folder: Path) -> dict[str, Any]:
    engine = DuckEngine(memory_gb=MEMORY_GB)
    began, processor = time.perf_counter(), time.process_time()
    tables = event_tables(folder)
    found = answered(fold(tables, rules(), as_of=AS_OF, engine=engine), engine, began)
    return found | {
        "processor": time.process_time() - processor,
        "peak_gb": peak([os.getpid()]),
    }


def peer(folder: Path) -> dict[str, Any]:
    """The hand-written query: the fold alone."""
    began, processor = time.perf_counter(), time.process_time()
    by_hand(event_tables(folder), rules(), 0)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "fold": seconds,
        "processor": time.process_time() - processor,
        "peak_gb": peak([os.getpid()]),
    }


def event_tables(folder: Path) -> Any:
    from dataclasses import fields

    from onward.caseload.model import EventTables

    read = {name: table.read() for name, table in inputs(folder).items()}
    kinds = list(rules().kinds)
    plain = {f.name: read[f.name] for f in fields(EventTables) if f.name in read}
    return EventTables(
        facts={kind: read[f"{kind}_events"] for kind in kinds},
        ids={kind: read[f"{kind}_ids"] for kind in kinds},
        **plain,
    )


def on_spark(
    folder: Path, master: str = "local[2]", secret: Path | None = None
) -> dict[str, Any]:
    from onward.engine.spark import LARGE_JAVA, QUICK_JAVA, SMALL_ROWS, SparkEngine, is_local

    start = time.perf_counter()
    # As the commands start it.
    rows = sum(table.rows() for table in inputs(folder).values())
    engine = SparkEngine(
        master=master, memory_gb=4.0 if is_local(master) else 2.0, secret=secret,
        java=QUICK_JAVA if rows <= SMALL_ROWS else LARGE_JAVA,
    )  # fmt: skip
    running = family(os.getpid()) + workers_of(secret)
    began, processor = time.perf_counter(), processor_seconds(running)
    try:
        found = answered(
            fold_from(inputs(folder), rules(), as_of=AS_OF, engine=engine), engine, began
        )
        status = engine.session.sparkContext._jsc.sc().statusStore()
        executors = [status.executorList(True).apply(n) for n in range(status.executorList(True).size())]  # fmt: skip
        found["shuffle_gb"] = sum(e.totalShuffleWrite() for e in executors) / 2**30
        running = family(os.getpid()) + workers_of(secret)
        found["processor"] = processor_seconds(running) - processor
        found["peak_gb"] = peak(running)
        found["start"] = began - start
        found["round_trip"] = round_trip(engine)
        return found
    finally:
        engine.close()


def round_trip(engine: Any, rounds: int = 5) -> float:
    """Seconds from asking warm workers for next to nothing to having it: what each pass of a
    computation that goes back and forth (placement's prices) would pay before it computes."""

    def echo(batches: Any) -> Any:
        yield from batches

    tasks = pa.table({"task": pa.array(range(8), pa.int32())})
    gives = pa.schema([("task", pa.int32())])
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        engine.map_blocks(echo, tasks, gives, outputs=["mapped"])
        taken.append(time.perf_counter() - began)
    return min(taken)


class cluster:
    """A cluster of so many workers, for the length of a block."""

    def __init__(self, workers: int, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = home
        self.env = {
            **os.environ, "ONWARD_SPARK_HOME": str(home), "SPARK_PORT": str(self.port),
            "SPARK_WORKERS": str(workers), "SPARK_WORKER_MEMORY": "3g",
            "PYTHON": os.environ.get("PYTHON", sys.executable),
        }  # fmt: skip

    def __enter__(self) -> tuple[str, Path]:
        subprocess.run([SCRIPT, "start"], env=self.env, check=True, stdout=subprocess.DEVNULL)
        return f"spark://127.0.0.1:{self.port}", self.home / "spark.secret"

    def __exit__(self, *_: object) -> None:
        subprocess.run([SCRIPT, "stop"], env=self.env, check=True, stdout=subprocess.DEVNULL)


def skew(people: int) -> dict[str, Any]:
    """A region of 19 operations in which the first holds a tenth of all people and the others
    share the rest evenly: seconds of each, on DuckDB."""
    sizes = uneven(people)
    seconds = apart(one_by_one, sizes)["each"]
    return {
        "operations": len(sizes),
        "largest_holds": sizes[0] / sum(sizes),
        "largest_takes": seconds[0] / sum(seconds),
        "took": sum(seconds),
    }


def skew_on_spark(people: int) -> dict[str, Any]:
    """The same region on Spark, in one process: the largest operation and one of the eighteen
    others, of which all take as long, each in a process of its own."""
    sizes = uneven(people)
    found = []
    for size in sizes[:2]:
        with tempfile.TemporaryDirectory() as name:
            apart(write, Path(name) / "log", size, SEED)
            found.append(apart(on_spark, Path(name) / "log"))
    largest, other = found
    took = largest["processor"] + (len(sizes) - 1) * other["processor"]
    return {
        "operations": len(sizes),
        "largest_holds": sizes[0] / sum(sizes),
        "largest_takes": largest["processor"] / took,
        "took": took,
    }


def uneven(people: int) -> list[int]:
    return [people // 10, *[people // 20] * 18]


def one_by_one(sizes: list[int]) -> dict[str, Any]:
    """Processor seconds of operations of these sizes, one after another."""
    engine = DuckEngine(memory_gb=MEMORY_GB)
    made = {size: invent(size, rules()) for size in set(sizes)}
    each = []
    for size in sizes:
        began, processor = time.perf_counter(), time.process_time()
        answered(fold(made[size], rules(), as_of=AS_OF, engine=engine), engine, began)
        each.append(time.process_time() - processor)
    return {"each": each}


def lines(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Seconds, memory and shuffle per million people between the two largest sizes of each."""
    found: dict[str, dict[str, float]] = {}
    for on in dict.fromkeys(row["on"] for row in rows):
        mine = [row for row in rows if row["on"] == on and row["measured"] == row["parts"]]
        if len(mine) < 2:
            continue
        low, high = mine[-2], mine[-1]
        millions = (high["people"] - low["people"]) / 1e6
        slope = {
            name: (high[name] - low[name]) / millions
            for name in ("seconds", "processor", "peak_gb", "shuffle_gb", "result_gb")
            if name in high
        }
        found[on] = {f"{name}_per_million": value for name, value in slope.items()} | {
            "processor_hours_for_120_million": (
                high["processor"] + slope["processor"] * (WORLD - high["people"]) / 1e6
            )
            / 3600
        }
    return found


# -- measuring ---------------------------------------------------------------------------------


def apart(work: Any, *given: Any) -> dict[str, Any]:
    """What a piece of work says, from a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_sent, args=(theirs, work, given))
    process.start()
    theirs.close()
    try:
        answer: dict[str, Any] = ours.recv()
    except EOFError:
        answer = {"error": "the process ended without an answer"}
    except SystemExit:  # nothing is left behind: not the process, and not what it wrote
        process.terminate()
        raise
    finally:
        process.join()
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer


def _stopped(*_: object) -> None:
    raise SystemExit(143)


def _sent(pipe: Any, work: Any, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGTERM, _stopped)
    try:
        pipe.send(work(*given))
    except Exception as error:
        pipe.send({"error": f"{type(error).__name__}: {str(error)[:300]}"})


def peak(processes: list[int]) -> float:
    """Most memory each process ever held, summed, in GB."""
    total = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process}/status").read_text("ascii")
        except OSError:
            continue
        total += next(
            (int(line.split()[1]) for line in text.split("\n") if line.startswith("VmHWM")), 0
        )
    return total / 2**20


def processor_seconds(processes: list[int]) -> float:
    """What processes have used of the processor so far, summed: the same on a busy machine."""
    ticks = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process}/stat").read_text("ascii", "replace")
        except OSError:
            continue
        user, system = text.rsplit(")", 1)[1].split()[11:13]
        ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """A process and everything it started, by whichever of its threads."""
    found = [process]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with suppress(OSError):  # it has ended meanwhile
                found += [int(child) for child in children.read_text("ascii").split()]
    return found


def workers_of(secret: Path | None) -> list[int]:
    """The cluster's processes and their executors, by the file of its secret."""
    if secret is None:
        return []
    text = (secret.parent / "spark-cluster" / "pids").read_text("ascii")
    return [one for line in text.split("\n") if line for one in family(int(line.split()[1]))]


def say(text: str) -> None:
    print(f"{text} …", file=sys.stderr)


def show(report: dict[str, Any]) -> None:
    print(f"{report['cores']} cores, load {report['load']:.1f} at most")
    print(f"{'people':>10}  {'on':<18}{'seconds':>9}{'processor':>11}{'fold':>8}{'counts':>8}{'safeguards':>12}"
          f"{'GB':>7}{'shuffled GB':>13}{'s / million':>13}")  # fmt: skip
    for row in report["sizes"]:
        print(
            f"{row['people']:>10,}  {row['on']:<18}{row['seconds']:>9.1f}{row['processor']:>11.1f}{row['fold']:>8.1f}"
            + (
                f"{row['counts']:>8.1f}{row['safeguards']:>12.1f}"
                if "counts" in row
                else " " * 20
            )
            + f"{row['peak_gb']:>7.1f}"
            + (f"{row['shuffle_gb']:>13.2f}" if "shuffle_gb" in row else " " * 13)
            + f"{row['processor'] / row['of_people'] * 1e6:>13,.0f}"
            + (
                ""
                if row["measured"] == row["parts"]
                else f"  {row['measured']} of {row['parts']} operations"
            )
        )
    for size in dict.fromkeys(row["people"] for row in report["sizes"]):
        rows = [row for row in report["sizes"] if row["people"] == size and "same" in row]
        for measured in dict.fromkeys(row["measured"] for row in rows):
            same = [row["same"] for row in rows if row["measured"] == measured]
            agree = "agree" if all(one == same[0] for one in same) else "DISAGREE"
            print(f"{size:,} people: {len(same)} engines {agree}: {same[0]}")
    for on, line in report["lines"].items():
        print(f"per million more people, {on}: " + ", ".join(f"{k.removesuffix('_per_million')} {v:,.2f}" for k, v in line.items()))  # fmt: skip
    for row in report["sizes"]:
        if "round_trip" in row:
            print(f"{row['people']:,} people, {row['on']}: start {row['start']:.1f} s, a round trip {row['round_trip']:.2f} s")  # fmt: skip
    for one in report["skew"]:
        print(
            f"a region of {one['people']:,} people in {one['operations']} operations on "
            f"{one['skew']}, the largest with {one['largest_holds']:.0%} of them: it takes "
            f"{one['largest_takes']:.0%} of {one['took']:.1f} processor seconds"
        )
