"""A region of two small operations: each answers as it would alone, and people and futures add up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from onward.cli.region import app
from onward.engine import DuckEngine
from onward.errors import Faults, OnwardError
from onward.forecast.many import (
    FUTURES_SCHEMA,
    LEVELS_IN_1000,
    Work,
    blocks,
    here,
    level_stages,
)
from onward.registry import Settings, create_operation
from onward.registry.computing.region import (
    AS_PLANNED,
    _jobs,
    caseloads,
    checks,
    closings_in,
    forecast_region,
    futures_of,
    region_of,
    summed,
)
from onward.registry.computing.snapshot import open_snapshot, write_snapshot
from onward.safeguards.everybody import evaluate_all

AS_OF, BY = date(2025, 6, 1), date(2025, 8, 15)
PEOPLE = {"brook": 30, "meridian": 18}
FUTURES, SEED = 200, 3
CLOSING = """
[[closing]]
id = "border"
pathways = ["return"]
chance = 0.4
first = 2025-06-02
last = 2025-06-20
days = [20, 60]
"""


def a_camp(folder, office, name, people):
    """People who arrive in January; every third has chosen to return and has left by May."""
    camp = create_operation(
        folder / name,
        Settings(
            id=name, title=name.title(), kind="protected-camp", demonstration=True,
            data_ends=AS_OF,
        ),
        rulebook_text=office.rulebook_path.read_text(encoding="utf-8"),
        effective="2024-01-01",
        by="amina",
    )  # fmt: skip
    drafts = []
    for n in range(people):
        who = ("person", f"P{n:02d}")
        drafts.append(office.register(who[1]))
        day = date(2025, 2, 1) + timedelta(days=n)
        drafts.append(office.draft("T1.done", who, day.isoformat()))
        if n % 3 == 0:
            drafts.append(
                office.draft("T17.departed", who, (day + timedelta(days=40)).isoformat())
            )
    camp.record([replace(draft, operation=name) for draft in drafts])
    return camp


@pytest.fixture
def region(tmp_path, office):
    for name, people in PEOPLE.items():
        write_snapshot(a_camp(tmp_path, office, name, people), tmp_path / "region")
    return tmp_path / "region"


@pytest.fixture
def engine():
    return DuckEngine(memory_gb=1, threads=1)


def read(folder, table, name):
    return pq.ParquetFile(folder / table / f"operation={name}" / "part-00000.parquet").read()


def test_every_operation_answers_as_it_would_alone_and_people_add_up(region, engine, tmp_path):
    members = region_of(region)
    rows = caseloads(members, engine, out=tmp_path / "tables")
    assert [row["operation"] for row in rows] == sorted(PEOPLE)
    for row in rows:
        alone = open_snapshot(region, row["operation"]).caseload(AS_OF, engine=engine)
        assert row["people"] == alone.people.num_rows == PEOPLE[row["operation"]]
        assert row["active"] == alone.people["active"].to_pylist().count(True) > 0
        for name, table in {**alone.tables, "unit": alone.units}.items():
            assert read(tmp_path / "tables", name, row["operation"]).equals(table), name
    assert summed(rows)["people"] == sum(PEOPLE.values())
    assert summed(rows)["active"] == sum(row["active"] for row in rows)


def test_safeguards_add_up_over_operations_and_never_over_each_other(region, engine, tmp_path):
    rows = checks(region_of(region), engine, out=tmp_path / "tables")
    total = summed(rows)
    assert total["people_blocked"] > 0
    for name, people in total["safeguards"].items():
        assert people == sum(row["safeguards"][name] for row in rows), name
    for row in rows:
        alone = open_snapshot(region, row["operation"]).caseload(AS_OF, engine=engine)
        steps = evaluate_all(alone, on=AS_OF, engine=engine).table
        found = read(tmp_path / "tables", "step", row["operation"])
        assert found.num_rows == steps.num_rows > 0
        assert found["open"].equals(steps["open"])
        assert found["person"].to_pylist() == steps["person"].to_pylist()


@pytest.mark.slow
def test_a_region_sums_futures_whoever_computes_which_part(region, engine, tmp_path):
    together = tmp_path / "together.toml"
    together.write_text(CLOSING)
    made = forecast_region(
        region_of(region), engine, by=BY, futures=FUTURES, seed=SEED, together=together,
        out=tmp_path / "tables",
    )  # fmt: skip
    assert made.closings == ("border",)
    assert made.scenarios == (AS_PLANNED,)
    per_operation = []
    for name in sorted(PEOPLE):
        rows = read(tmp_path / "tables", "future", name).to_pylist()
        last = {row["future"]: row["people"] for row in rows if row["day"] == 75}
        assert set(last) == set(range(FUTURES))
        per_operation.append([last[n] for n in range(FUTURES)])
    total = np.sort(np.array(per_operation).sum(axis=0))
    assert total[0] < total[-1]
    (row,) = [
        row for row in made.rows() if row["operation"] == "region" and row["date"] == str(BY)
    ]
    for name, q in LEVELS_IN_1000.items():
        assert row[name] == np.quantile(total, q / 1000, method="inverted_cdf"), name

    jobs = _jobs(
        region_of(region), engine, AS_OF, BY, (30, 60, 75), FUTURES, SEED, lambda text: None
    )
    work = Work(tuple(jobs), closings_in(together, AS_OF, jobs), FUTURES, SEED)
    cut = blocks(work.jobs, FUTURES, 37)
    backwards = cut.take(pa.array(range(cut.num_rows - 1, -1, -1), pa.int64()))
    levels = engine.run(level_stages(), {"futures": here(work, backwards)}, ["levels"])
    assert levels["levels"].equals(made.levels)


class Spread(DuckEngine):
    """An engine that hands blocks to workers, as a cluster does, and keeps what it was given."""

    def map_blocks(self, work, tasks, gives, *, name, outputs):
        self.given = (tasks, gives, name)
        return {name: here(work, tasks)}


def test_an_engine_with_workers_is_given_the_blocks():
    work = Work((), (), 10, SEED)
    engine = Spread(memory_gb=1, threads=1)
    assert futures_of(work, engine).schema.equals(FUTURES_SCHEMA)
    assert engine.given[1:] == (FUTURES_SCHEMA, "futures")


def jobs_of(*operations):
    """Just as much of a job as a file of closings is read against."""
    from types import SimpleNamespace as Some

    model = Some(transitions=[Some(pathway="return"), Some(pathway="resettlement")])
    return [Some(operation=name, inputs=Some(model=model)) for name in operations]


def test_everything_wrong_in_a_file_of_closings_is_said_at_once(tmp_path):
    file = tmp_path / "together.toml"
    file.write_text(
        '[[closing]]\nid = "A b"\npathways = ["sea"]\nchance = 2\nfirst = 2025-06-02\n'
        'last = 2025-06-01\ndays = [9, 3]\noperations = ["cedar"]\nlasts = 4\n'
    )
    with pytest.raises(Faults) as told:
        closings_in(file, AS_OF, jobs_of("brook", "meridian"))
    text = str(told.value)
    for field in ("id", "pathways", "chance", "first", "days", "operations", "lasts"):
        assert f", {field}: " in text, (field, text)
    assert "brook or meridian" in text
    file.write_text(CLOSING)
    (border,) = closings_in(file, AS_OF, jobs_of("brook"))
    assert border.start.values[:2] == [1.0, 2.0]
    assert sum(border.start.chances) == pytest.approx(1)
    file.write_text("[[closing]\n")
    with pytest.raises(OnwardError, match="is not TOML"):
        closings_in(file, AS_OF, [])


def test_futures_are_not_summed_from_different_days(region, office, tmp_path, engine):
    late = a_camp(tmp_path, office, "late", 3)
    late.settings = replace(late.settings, data_ends=AS_OF + timedelta(days=9))
    write_snapshot(late, region)
    with pytest.raises(OnwardError, match=r"2025-06-01 or 2025-06-10.*--as-of"):
        forecast_region(region_of(region), engine, by=BY, futures=FUTURES, seed=SEED)


def test_the_commands(region, office, tmp_path, docs_schema):
    run = CliRunner().invoke
    done = run(app, ["caseload", str(region), "--json"], catch_exceptions=False)
    data = json.loads(done.stdout)
    docs_schema(data)
    assert data["region"]["people"] == sum(PEOPLE.values())
    done = run(app, ["check", str(region), "--json"], catch_exceptions=False)
    docs_schema(json.loads(done.stdout))
    done = run(app, ["check", str(region)], catch_exceptions=False)
    assert "never add them up" in done.stdout
    done = run(app, ["caseload", str(tmp_path)])
    assert "is no snapshot" in str(done.exception)
    for options, told in ((["--by", ""], "no day named"), (["--by", str(AS_OF)], "not after")):
        done = run(app, ["forecast", str(region), *options])
        assert isinstance(done.exception, OnwardError)
        assert told in str(done.exception)
    real = create_operation(
        tmp_path / "real",
        Settings(id="real", title="Real", kind="protected-camp"),
        rulebook_text=office.rulebook_path.read_text(encoding="utf-8"),
        effective="2025-01-01",
        by="amina",
    )
    write_snapshot(real, region, storage_is_encrypted=True)
    done = run(app, ["caseload", str(region), "-o", str(tmp_path / "out")])
    assert "--storage-is-encrypted" in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def docs_schema():
    """Raises when data is not what the published schema says."""
    from pathlib import Path

    file = Path(__file__).parents[2] / "docs" / "reference" / "schemas" / "region.schema.json"
    return Draft202012Validator(json.loads(file.read_text("utf-8"))).validate
