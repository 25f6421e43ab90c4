"""The engine runs stages, prints them, and never writes people's data anywhere."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from onward.engine import DuckEngine, EngineMemory, Stage, quoted
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
def test_nothing_can_open_the_engine_again(sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = DuckEngine(memory_gb=0.1, threads=1)
    with pytest.raises(Exception, match=r"(?i)lock|disabled|permission|cannot|not"):
        engine.run([Stage("leak", f"SELECT 1 AS n; {sql}")], {}, [])
    assert list(Path(tmp_path).rglob("*")) == []


def test_a_python_variable_is_not_a_table(engine):
    numbers = NUMBERS
    assert numbers.num_rows == 4
    with pytest.raises(Exception, match="numbers"):
        engine.run([Stage("look", "SELECT * FROM numbers")], {}, ["look"])


def test_memory_must_be_positive():
    with pytest.raises(ValueError, match="memory_gb"):
        DuckEngine(memory_gb=0)


def test_names_and_values_are_written_safely():
    assert quoted('a"b') == '"a""b"'
    assert literal("O'Brien") == "'O''Brien'"
    assert (literal(None), literal(True), literal(3)) == ("NULL", "TRUE", "3")
    with pytest.raises(TypeError):
        literal(object())
