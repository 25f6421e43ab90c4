"""What a command says on DuckDB it says on Spark, byte for byte: on the whole example."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ONWARD = str(Path(sys.executable).with_name("onward"))
CLOSING = """[[closing]]
id = "border"
pathways = ["return"]
chance = 0.4
first = 2026-11-05
last = 2026-12-01
days = [20, 60]
"""


def onward(folder, *words):
    """What a command printed, from a process of its own: a process has one Spark."""
    kept = {
        name: os.environ[name] for name in ("HOME", "PATH", "JAVA_HOME") if name in os.environ
    }
    done = subprocess.run(
        [ONWARD, *words], cwd=folder, env=kept, capture_output=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("same")
    onward(found, "new", "camp", "--example", "meridian")
    onward(found, "export", "camp", "-o", "region")
    (found / "together.toml").write_text(CLOSING, "utf-8")
    return found


@pytest.mark.soak
@pytest.mark.parametrize(
    "words",
    [
        ("region", "caseload", "region"),
        ("region", "check", "region"),
        ("region", "forecast", "region", "--by", "2026-12-31", "--futures", "200",
         "--together", "together.toml"),
    ],
    ids=["caseload", "check", "forecast"],
)  # fmt: skip
def test_a_region_is_answered_alike(folder, words):
    found = {}
    for engine in ("duckdb", "spark"):
        said = onward(
            folder, *words, "--json", "-o", f"{words[1]}-{engine}", "--engine", engine
        )
        found[engine] = said, tables(folder / f"{words[1]}-{engine}")
    assert found["spark"] == found["duckdb"]
    assert found["duckdb"][1]


@pytest.mark.soak
def test_the_situation_report_is_the_same(folder):
    found = {}
    for engine in ("duckdb", "spark"):
        onward(folder, "report", "camp", "-o", engine, "--futures", "200", "--engine", engine)
        found[engine] = {path.name: path.read_bytes() for path in (folder / engine).iterdir()}
    assert sorted(found["duckdb"]) == ["report.html", "report.pdf", "report.xlsx"]
    for name, data in found["duckdb"].items():
        assert found["spark"][name] == data, name


def tables(folder):
    """Every Parquet file under a folder, whole."""
    files = sorted(folder.rglob("*.parquet"))
    return {str(path.relative_to(folder)): pq.ParquetFile(path).read() for path in files}
