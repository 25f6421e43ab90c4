"""Two workers on this machine, one of them killed in the middle: the same answer, to the bit."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from onward.engine import Stage

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
    from onward.engine.spark import SparkEngine

    master, home = cluster
    assert (home / "spark.secret").stat().st_mode & 0o077 == 0
    expected = duck.run(CHAIN, {"numbers": NUMBERS}, ["answer"])["answer"]
    engine = SparkEngine(
        master=master, memory_gb=0.7, partitions=4, small_rows=0, secret=home / "spark.secret"
    )
    try:
        context = engine.session.sparkContext
        workers = context._jsc.sc().getExecutorMemoryStatus
        until(lambda: workers().size() == 3)  # two workers and the process that asks
        found = {}
        run = threading.Thread(
            target=lambda: found.update(engine.run(CHAIN, {"numbers": NUMBERS}, ["answer"]))
        )
        run.start()
        until(lambda: context._jsc.getPersistentRDDs().size() >= 3)
        os.kill(ids(home, "worker")[0], signal.SIGKILL)
        assert run.is_alive()
        run.join(timeout=900)
        assert not run.is_alive()
        assert found["answer"].equals(expected)
        until(lambda: workers().size() == 2)
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
