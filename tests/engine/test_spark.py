"""Spark is private before it is anything else, and runs a stage as DuckDB does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from onward.engine import DuckEngine, ParquetTable, Stage
from onward.engine.private import (
    REQUIRED,
    ClusterRefused,
    IdentityRefused,
    PrivateFolder,
    require_private,
    secret_of,
)
from onward.engine.spark import (
    LARGE_SETTINGS,
    LOCAL,
    ClusterFailed,
    EngineMissing,
    _frame,
    _hold,
    _read,
    _require_installed,
    _set,
    _spread,
    session_settings,
    spark_sql,
)
from onward.errors import OnwardError

ROWS = pa.table(
    {
        "n": pa.array([3, 1, None, 2], pa.int64()),
        "word": ["é", None, "a\\b'c", "é"],
        "kind": pa.array(["x", "y", "x", None]).dictionary_encode(),
        "day": pa.array([0, 19000, None, -719162], pa.int32()).cast(pa.date32()),
    }
)
STAGES = [
    Stage("known", "SELECT n, word, kind, day FROM rows_read WHERE n IS NOT NULL", keep=True),
    Stage("again", "SELECT a.n, b.word, b.kind, b.day FROM known AS a JOIN known AS b "
          "ON b.n = a.n ORDER BY a.n DESC", "Read twice."),
    Stage("sorted", "SELECT word, n FROM rows_read ORDER BY word, n"),
    Stage("by_word", "SELECT word FROM rows_read ORDER BY word"),
    Stage("by_day", "SELECT * FROM rows_read ORDER BY day NULLS FIRST"),
    Stage("days", "SELECT date_diff('day', CAST('0001-01-01' AS DATE), day) AS days "
          "FROM known WHERE day = CAST('0001-01-01' AS DATE)"),
    Stage("text", "SELECT word FROM rows_read WHERE word = 'a\\b''c'"),
]  # fmt: skip
OUTPUTS = ["again", "sorted", "by_word", "by_day", "days", "text"]


@pytest.mark.slow
@pytest.mark.parametrize("small_rows", [1000, 0], ids=["held here", "held by workers"])
def test_a_chain_gives_what_duckdb_gives(spark, duck, small_rows, monkeypatch):
    monkeypatch.setattr(spark, "small_rows", small_rows)
    expected = duck.run(STAGES, {"rows_read": ROWS}, OUTPUTS)
    found = spark.run(STAGES, {"rows_read": ROWS}, OUTPUTS)
    for name in OUTPUTS:
        assert found[name].schema.equals(expected[name].schema), name
        assert found[name].equals(expected[name]), name


@pytest.mark.slow
def test_what_workers_hold_is_not_sent_again_to_be_joined_and_grouped(spark):
    session = spark.session.newSession()
    _set(session, {**LARGE_SETTINGS, "spark.sql.autoBroadcastJoinThreshold": "-1"})
    held = _hold(_spread(_frame(session, pa.table({"n": [1, 2, 2, 3], "m": [1, 2, 3, 4]}))))
    try:
        assert held.count() == 4
        held.frame(session).createOrReplaceTempView("held")
        asked = "SELECT a.{0}, count(*) AS c FROM held a JOIN held b ON b.{0} = a.{0} GROUP BY a.{0}"
        by_first, by_second = (session.sql(asked.format(name)) for name in ("n", "m"))
        sent = "Exchange hashpartitioning"
        assert sent not in by_first._jdf.queryExecution().executedPlan().toString()
        assert sent in by_second._jdf.queryExecution().executedPlan().toString()
        assert sorted(map(tuple, by_first.collect())) == [(1, 1), (2, 4), (3, 1)]
    finally:
        held.let_go()


@pytest.mark.slow
def test_parquet_is_read_and_written_where_it_lies(spark, duck, tmp_path):
    import pyarrow.parquet as pq

    (tmp_path / "in").mkdir()
    pq.write_table(ROWS, tmp_path / "in" / "part-0.parquet")
    table = ParquetTable(tmp_path / "in")
    rows = spark.write(STAGES, {"rows_read": table}, {"again": tmp_path / "again"})
    assert rows == {"again": 3}
    found = ParquetTable(tmp_path / "again").read().sort_by([("n", "descending")])
    assert found.equals(duck.run(STAGES, {"rows_read": table}, ["again"])["again"])


@pytest.mark.slow
def test_nothing_of_one_run_is_there_in_the_next(spark):
    spark.run([Stage("secret", "SELECT 1 AS n", keep=True)], {}, ["secret"])
    with pytest.raises(ClusterFailed, match="TABLE_OR_VIEW_NOT_FOUND"):
        spark.run([Stage("look", "SELECT * FROM secret")], {}, ["look"])


@pytest.mark.slow
def test_a_failure_says_why_and_repeats_no_value(spark):
    words = pa.table({"word": ["canaryvalue"]})
    with pytest.raises(ClusterFailed) as caught:
        spark.run([Stage("wrong", "SELECT CAST(word AS INTEGER) AS n FROM words")],
                  {"words": words}, ["wrong"])  # fmt: skip
    assert "canary" not in str(caught.value)
    assert "CAST_INVALID_INPUT" in str(caught.value)


@pytest.mark.slow
def test_the_running_session_is_private(spark):
    settings = spark.settings()
    assert {name: settings[name] for name in REQUIRED} == dict(REQUIRED)
    assert settings["spark.driver.bindAddress"] == settings["spark.driver.host"] == "127.0.0.1"
    assert spark.session.sparkContext.uiWebUrl is None
    folder = Path(settings["spark.local.dir"])
    assert folder.stat().st_mode & 0o077 == 0
    # The secret stands on no command line, and no longer in a file.
    listed = subprocess.run(
        ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
    )
    assert "authenticate.secret" not in listed.stdout
    assert not (folder / "spark.conf").exists()


@pytest.mark.slow
def test_what_spark_spills_and_shuffles_is_not_readable(spark, monkeypatch):
    """The word is on disk in many files while the chain runs, and in none of them in clear."""
    monkeypatch.setattr(spark, "small_rows", 0)
    word = "zqcanaryzq"
    many = pa.table({"n": range(5000), "word": [f"{word}{n}" for n in range(5000)]})
    from pyspark import StorageLevel

    frame = spark.session.createDataFrame(many).repartition(3, "n")
    frame.persist(StorageLevel.DISK_ONLY)
    assert frame.count() == 5000
    folder = Path(spark.settings()["spark.local.dir"])
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("shuffle_") for path in files)
    assert any(path.name.startswith("rdd_") for path in files)
    assert not [path.name for path in files if word.encode() in path.read_bytes()]
    frame.unpersist(blocking=True)


@pytest.mark.parametrize("name", list(REQUIRED))
def test_a_session_that_does_not_promise_it_is_given_nothing(name):
    require_private(REQUIRED)
    with pytest.raises(ClusterRefused, match=name):
        require_private({k: v for k, v in REQUIRED.items() if k != name})
    wrong = "false" if REQUIRED[name] == "true" else "true"
    with pytest.raises(ClusterRefused, match=name):
        require_private({**REQUIRED, name: wrong})


def test_local_sessions_bind_to_this_machine_only(tmp_path):
    for master in (LOCAL, "spark://127.0.0.1:7077"):
        asked = session_settings(master, tmp_path, memory_gb=1, secret="s" * 64)
        assert asked["spark.driver.bindAddress"] == "127.0.0.1"
        assert asked["spark.local.dir"] == str(tmp_path)


class NeverStarted:
    """A Spark engine whose cluster must never be reached."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was reached")


@pytest.mark.parametrize(
    "column",
    ["name", "family_name", "father_name", "phone", "document_number", "email", "photo",
     "address", "passport", "note", "signature"],
)  # fmt: skip
def test_no_column_of_the_vault_can_be_sent(column, tmp_path):
    from onward.engine.spark import SparkEngine

    engine = object.__new__(SparkEngine)
    engine._spark = NeverStarted()
    table = pa.table({"subject": [1], column: ["x"]})
    stages = [Stage("look", f'SELECT "{column}" FROM person_events')]
    with pytest.raises(IdentityRefused) as caught:
        engine.run(stages, {"person_events": table}, ["look"])
    assert column in str(caught.value)
    with pytest.raises(IdentityRefused):
        engine.write(stages, {"person_events": table}, {"look": tmp_path / "out"})


def test_one_text_for_both():
    text = "SELECT date_diff('day', a, b) AS d FROM t ORDER BY d"
    assert spark_sql(text) == "SELECT DATEDIFF(DAY, a, b) AS d FROM t ORDER BY d NULLS LAST"


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("SELECT a.id, b FROM a ORDER BY a.id", "id"),
        ("SELECT *, b + 1 AS c FROM a ORDER BY id", "id"),
        ("SELECT b AS id FROM a ORDER BY id", ""),  # another column under this name
        ("SELECT b FROM a ORDER BY id", ""),  # what is not given cannot be sorted by
        ("SELECT id FROM a ORDER BY id DESC", ""),
        ("SELECT id FROM a ORDER BY id NULLS FIRST", ""),
        ("SELECT id, b FROM a ORDER BY id, b", ""),
        ("SELECT id FROM a ORDER BY id LIMIT 3", ""),
        ("SELECT id FROM a UNION ALL SELECT id FROM b ORDER BY id", ""),
        ("SELECT id FROM a", ""),
    ],
)
def test_rows_in_order_of_one_column_are_sorted_by_who_gathers_them(text, by):
    read = _read(text)
    assert read.ordered_by == by
    assert ("ORDER BY" in read.unordered) is False
    assert ("ORDER BY" in read.text) is ("ORDER BY" in text)


def test_another_version_of_spark_is_refused(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda _: "4.4.1")
    with pytest.raises(EngineMissing, match=r"Spark 4\.4\.1 is installed.*pyspark==4\.3\.0"):
        _require_installed()


def test_a_private_folder_is_only_mine_and_goes(tmp_path):
    folder = PrivateFolder(tmp_path)
    file = folder.write("spark.conf", "spark.authenticate.secret x")
    assert os.stat(folder.path).st_mode & 0o077 == 0
    assert os.stat(file).st_mode & 0o077 == 0
    folder.remove()
    assert not folder.path.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = tmp_path / f"onward-spark-{dead.pid}-abc"
    other = tmp_path / f"onward-spark-{os.getpid()}-abc"
    left.mkdir()
    other.mkdir()
    folder = PrivateFolder(tmp_path)
    assert not left.exists()
    assert other.exists()
    folder.remove()


def test_the_secret_is_read_from_a_file_only_its_owner_can_read(tmp_path):
    file = tmp_path / "spark.secret"
    with pytest.raises(OnwardError, match=r"spark-cluster\.sh"):
        secret_of(file)
    file.write_text("s" * 64)
    file.chmod(0o644)
    with pytest.raises(OnwardError, match="chmod 600"):
        secret_of(file)
    file.chmod(0o600)
    assert secret_of(file) == "s" * 64
    file.write_text("short")
    with pytest.raises(OnwardError, match="too short"):
        secret_of(file)


def test_rows_not_kept_come_back_in_their_order():
    numbers = pa.table({"n": [(n * 7919) % 400_009 for n in range(400_000)]})
    stages = [Stage("sorted", "SELECT n FROM numbers ORDER BY n")]
    found = DuckEngine(memory_gb=1).run(stages, {"numbers": numbers}, ["sorted"])["sorted"]
    assert found["n"].to_pylist() == sorted(numbers["n"].to_pylist())
