"""The engine runs stages, prints them, and never writes people's data anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from onward.engine import DuckEngine, EngineMemory, Job, Stage, quoted, run_each
from onward.engine.compose import statements
from onward.engine.stages import literal

NUMBERS = pa.table({"n": [1, 2, 3, 4]})


@pytest.fixture(scope="module")
def engine():
    return DuckEngine(memory_gb=0.5, threads=1)


def test_stages_read_inputs_and_the_stages_before_them(engine):
    stages = [
        Stage("even", "SELECT n FROM numbers WHERE n % 2 = 0", keep=True),
        Stage("total", "SELECT sum(n) AS total FROM even"),
    ]
    found = engine.run(stages, {"numbers": NUMBERS}, ["total", "even"])
    assert found["total"].to_pylist() == [{"total": 6}]
    assert sorted(found["even"]["n"].to_pylist()) == [2, 4]


def test_stages_are_traced_one_by_one(engine):
    stages = [Stage("even", "SELECT n FROM numbers WHERE n % 2 = 0", why="Even ones.")]
    (result,) = engine.trace(stages, {"numbers": NUMBERS}, rows=1)
    assert (result.stage.why, result.rows, result.first.num_rows) == ("Even ones.", 2, 1)


CHAIN = [
    Stage("even", "SELECT n FROM numbers WHERE n % 2 = 0"),
    Stage("drawn", "SELECT n, random() AS draw FROM even", keep=True),
    Stage("twice", "SELECT a.draw AS one, b.draw AS two FROM drawn AS a, drawn AS b "
          "WHERE a.n = b.n"),
    Stage("sorted", "SELECT n, draw FROM drawn ORDER BY n DESC"),
    Stage("unused", "SELECT no_such_column FROM even"),
]  # fmt: skip


def test_what_is_kept_is_computed_once_for_all_that_reads_it(engine):
    found = engine.run(CHAIN, {"numbers": NUMBERS}, ["twice", "sorted", "drawn"])
    assert found["twice"]["one"].equals(found["twice"]["two"])
    draws = dict(zip(*found["drawn"].to_pydict().values(), strict=True))
    assert found["sorted"].to_pylist() == [{"n": n, "draw": draws[n]} for n in (4, 2)]


def test_few_statements_give_what_the_stages_give_one_by_one(engine):
    chain = [
        Stage("even", "SELECT n FROM numbers WHERE n % 2 = 0"),
        Stage("n", "SELECT n + 1 AS n FROM even", keep=True),  # named as a column is
        Stage("evens", "SELECT n FROM n UNION ALL SELECT n FROM even", keep=True),
        Stage("total", "SELECT sum(n) AS total FROM evens"),
        Stage("listed", "SELECT b.n FROM evens AS b INNER JOIN even AS e ON e.n = b.n ORDER BY b.n"),
    ]  # fmt: skip
    names = [stage.name for stage in chain]
    composed = engine.run(chain, {"numbers": NUMBERS}, names)
    for result in engine.trace(chain, {"numbers": NUMBERS}, rows=100):
        name = result.stage.name
        assert sorted(composed[name].to_pylist(), key=str) == sorted(
            result.first.to_pylist(), key=str
        ), name
    for name in names:
        alone = engine.run(chain, {"numbers": NUMBERS}, [name])[name]
        assert sorted(alone.to_pylist(), key=str) == sorted(
            composed[name].to_pylist(), key=str
        ), name
    for small in (True, False):
        tables = dict(statements(chain, ["listed"], small=small).tables)
        assert ("evens" in tables) is not small
        assert "evens" in dict(statements(chain, ["listed", "total"], small=small).tables)


def test_a_long_chain_gives_what_a_short_one_gives():
    few = pa.table({"n": range(1000)})
    many = pa.table({"n": range(300_000)})
    chain = [
        Stage("even", "SELECT n FROM numbers WHERE n % 2 = 0 AND n < 1000"),
        Stage("third", "SELECT n FROM even WHERE n % 3 = 0", keep=True),
        Stage("listed", "SELECT t.n, e.n AS same FROM third AS t "
              "INNER JOIN even AS e ON e.n = t.n ORDER BY t.n"),
        Stage("total", "SELECT sum(n) AS total FROM third"),
    ]  # fmt: skip
    engine = DuckEngine(memory_gb=0.5, threads=2)
    for outputs in (["listed"], ["listed", "total", "third"]):
        short = engine.run(chain, {"numbers": few}, outputs)
        long = engine.run(chain, {"numbers": many}, outputs)
        for name in outputs:
            assert sorted(map(str, long[name].to_pylist())) == sorted(
                map(str, short[name].to_pylist())
            ), name


def test_jobs_are_answered_in_their_order_and_never_see_each_other():
    engine = DuckEngine(memory_gb=0.5, threads=2)
    stage = Stage("total", "SELECT sum(n) AS total FROM numbers", keep=True)
    jobs = [
        Job([stage], {"numbers": pa.table({"n": [number] * 1000})}, ["total"])
        for number in range(20)
    ]
    answers = run_each(engine, iter(jobs))
    assert [each["total"]["total"][0].as_py() for each in answers] == [
        1000 * number for number in range(20)
    ]


def test_one_job_at_fault_is_not_passed_over():
    engine = DuckEngine(memory_gb=0.1, threads=2)
    small = Stage("one", "SELECT 1 AS n")
    big = Stage("one", "SELECT random() AS n FROM range(50000000) ORDER BY n", keep=True)
    with pytest.raises(EngineMemory):
        run_each(engine, [Job([stage], {}, ["one"]) for stage in (small, big, small)])


@pytest.mark.parametrize("rows", [10_000, 150_000, 400_000])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_answer_has_the_order_its_query_says(rows, threads):
    numbers = pa.table({"n": range(rows)})
    stage = Stage("sorted", "SELECT n FROM numbers ORDER BY n DESC")
    engine = DuckEngine(memory_gb=0.5, threads=threads)
    for _ in range(3):
        found = engine.run([stage], {"numbers": numbers}, ["sorted"])["sorted"]["n"]
        assert np.array_equal(found.to_numpy(), np.arange(rows)[::-1])


def test_nothing_of_one_run_is_there_in_the_next(engine):
    stages = [Stage("secret", "SELECT 1 AS n", keep=True)]
    engine.run(stages, {"numbers": NUMBERS}, ["secret"])
    for name in ("secret", "numbers"):
        with pytest.raises(Exception, match=name):
            engine.run([Stage("look", f"SELECT * FROM {name}")], {}, ["look"])
    assert engine.run(stages, {}, ["secret"])["secret"].num_rows == 1


def test_a_computation_too_large_is_refused_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = DuckEngine(memory_gb=0.1, threads=1)
    stage = Stage(
        "big", "SELECT random() AS r, range AS n FROM range(50000000) ORDER BY r", keep=True
    )
    with pytest.raises(EngineMemory) as caught:
        small.run([stage], {}, ["big"])
    assert "nothing was written" in str(caught.value)
    assert "ONWARD_MEMORY_GB" in str(caught.value)
    assert list(tmp_path.rglob("*")) == []
    # The engine still works afterwards.
    assert small.run([Stage("one", "SELECT 1 AS n")], {}, ["one"])["one"].num_rows == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT getenv('HOME') FROM read_blob('/etc/hostname')",
        "SELECT * FROM glob('/*')",
    ],
)
def test_no_stage_reaches_a_file(engine, sql):
    with pytest.raises(Exception, match=r"(?i)disabled|permission|not exist"):
        engine.run([Stage("leak", sql, keep=True)], {}, ["leak"])


@pytest.mark.parametrize(
    "sql",
    [
        "SET enable_external_access = true",
        "SET temp_directory = '/tmp'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "COPY (SELECT 1) TO 'out.csv'",
        "ATTACH 'out.db'",
    ],
)
@pytest.mark.parametrize("keep", [False, True])
def test_nothing_can_open_the_engine_again(sql, keep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = DuckEngine(memory_gb=0.1, threads=1)
    with pytest.raises(Exception, match=r"(?i)lock|disabled|permission|cannot|not"):
        engine.run([Stage("leak", f"SELECT 1 AS n; {sql}", keep=keep)], {}, ["leak"])
    assert list(Path(tmp_path).rglob("*")) == []


def test_a_python_variable_is_not_a_table(engine):
    numbers = NUMBERS
    assert numbers.num_rows == 4
    with pytest.raises(Exception, match="numbers"):
        engine.run([Stage("look", "SELECT * FROM numbers")], {}, ["look"])


def test_no_more_threads_than_the_process_may_run_on():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from onward.engine import DuckEngine; print(DuckEngine().at_once)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "1"


def test_memory_must_be_positive():
    with pytest.raises(ValueError, match="memory_gb"):
        DuckEngine(memory_gb=0)


def test_names_and_values_are_written_safely():
    assert quoted('a"b') == '"a""b"'
    assert literal("O'Brien") == "'O''Brien'"
    assert (literal(None), literal(True), literal(3)) == ("NULL", "TRUE", "3")
    with pytest.raises(TypeError):
        literal(object())
