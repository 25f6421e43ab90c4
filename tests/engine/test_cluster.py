"""Two workers on this machine, one of them killed in the middle: the same answer, to the bit."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from onward.caseload import fold
from onward.engine import Stage
from onward.rulebook import load, shipped_path

AS_OF = date(2025, 9, 1)
SHIPPED = load(shipped_path("protected-camp"))
KINDS = ("person", "household", "site", "consent", "complaint", "incident")
FEWER = replace(SHIPPED, kinds={name: SHIPPED.kinds[name] for name in KINDS})
SCRIPT = Path(__file__).parents[2] / "tools" / "spark-cluster.sh"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def cluster(tmp_path):
    port = free_port()
    env = {
        **os.environ, "ONWARD_SPARK_HOME": str(tmp_path / "home"), "SPARK_PORT": str(port),
        "SPARK_WORKER_MEMORY": "1g",
    }  # fmt: skip
    subprocess.run([SCRIPT, "start"], env=env, check=True, capture_output=True, timeout=300)
    home = tmp_path / "home"
    try:
        yield f"spark://127.0.0.1:{port}", home
    finally:
        subprocess.run([SCRIPT, "stop"], env=env, check=True, capture_output=True, timeout=60)
        assert not (home / "spark-cluster").exists()


def ids(home, name):
    lines = (home / "spark-cluster" / "pids").read_text().split("\n")
    return [int(line.split()[1]) for line in lines if line.startswith(name)]


# Every step reads the one before twice, and is held by the workers.
STEPS = 9
CHAIN = [Stage("step_0", "SELECT n, n % 97 AS g, n * 31 % 1009 AS v FROM numbers", keep=True)]
CHAIN += [
    Stage(
        f"step_{k}",
        f"SELECT a.n, a.g, (a.v + b.total) % 1009 AS v FROM step_{k - 1} AS a INNER JOIN "
        f"(SELECT g, CAST(sum(v) AS BIGINT) AS total FROM step_{k - 1} GROUP BY g) AS b "
        "ON b.g = a.g",
        keep=True,
    )
    for k in range(1, STEPS + 1)
]
CHAIN += [
    Stage(
        "answer",
        "SELECT g, CAST(sum(v * n) AS BIGINT) AS v, count(*) AS people "
        f"FROM step_{STEPS} GROUP BY g ORDER BY g",
    )
]
NUMBERS = pa.table({"n": pa.array(range(20_000), pa.int64())})


@pytest.mark.soak
def test_a_worker_killed_in_the_middle_changes_nothing(cluster, duck):
    _, home = cluster
    assert (home / "spark.secret").stat().st_mode & 0o077 == 0
    inputs = {"numbers": NUMBERS}
    expected = duck.run(CHAIN, inputs, ["answer"])["answer"]
    found = with_one_killed(
        cluster, lambda engine: engine.run(CHAIN, inputs, ["answer"]), held=3
    )
    assert found["answer"].equals(expected)


@pytest.mark.soak
def test_a_worker_killed_in_the_middle_of_a_fold_changes_nothing(cluster, duck, random_log):
    log = random_log(7, people=30, events=220, rulebook=FEWER)
    tables = log.tables()
    expected = fold(tables, FEWER, as_of=AS_OF, engine=duck)
    found = with_one_killed(
        cluster, lambda engine: fold(tables, FEWER, as_of=AS_OF, engine=engine), held=12
    )
    assert list(found.tables) == list(expected.tables)
    for name, table in expected.tables.items():
        assert found.tables[name].equals(table), name
    assert found.units.equals(expected.units)
    assert found.people.num_rows > 20


def with_one_killed(cluster, work, *, held):
    """What work gives when one of two workers dies once so many stages are held by them."""
    from onward.engine.spark import SparkEngine

    master, home = cluster
    engine = SparkEngine(
        master=master, memory_gb=0.7, partitions=4, small_rows=0, secret=home / "spark.secret"
    )
    try:
        context = engine.session.sparkContext
        workers = context._jsc.sc().getExecutorMemoryStatus
        until(lambda: workers().size() == 3)  # two workers and the process that asks
        found = []
        run = threading.Thread(target=lambda: found.append(work(engine)))
        run.start()
        until(lambda: context._jsc.getPersistentRDDs().size() >= held or not run.is_alive())
        os.kill(ids(home, "worker")[0], signal.SIGKILL)
        assert run.is_alive()
        run.join(timeout=900)
        assert not run.is_alive()
        until(lambda: workers().size() == 2)
        return found[0]
    finally:
        engine.close()


def until(true, seconds=600):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


def test_the_script_says_what_it_does():
    shown = subprocess.run([SCRIPT], capture_output=True, text=True, check=False)
    assert shown.returncode == 2
    assert "start" in shown.stdout
    assert "stop" in shown.stdout
