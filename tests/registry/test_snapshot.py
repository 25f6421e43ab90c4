"""A snapshot says what the operation says, and nothing that names anybody."""

from __future__ import annotations

from datetime import date

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from onward.caseload import counts, exposures, quality_flags, spells
from onward.engine import DuckEngine, ParquetTable
from onward.engine.private import IdentityRefused, refuse_identity
from onward.errors import OnwardError
from onward.registry import Settings, create_operation
from onward.registry.computing.snapshot import (
    is_snapshot,
    open_snapshot,
    operations_in,
    write_snapshot,
)
from onward.safeguards.everybody import evaluate_all

AS_OF = date(2025, 6, 1)
VAULT = {
    "name": "Zqcanary Person",
    "surname": "Zqcanary",
    "name_script": "زقکاناری",
    "phone": "+46 70 000 00 00",
    "passport_number": "ZQ1234567",
    "mother": "Zqmother",
    "narrative": "Zqstory of a canary",
}


@pytest.fixture
def camp(operation, office):
    drafts = [office.register(f"P{n:02d}") for n in range(8)]
    drafts += [
        office.draft("recorded", ("person", "P01"), "2025-02", household="H1", birth="1990"),
        office.draft("T1.done", ("person", "P01"), "2025-02-03"),
        office.draft(
            "recorded", ("consent", "C1"), "2025-03-01", person="P01", in_private=True
        ),
        office.draft("recorded", ("household", "H1"), "2025-01-02"),
    ]
    operation.record(drafts)
    operation.vault.put({f"P{n:02d}": VAULT for n in range(8)})
    return operation


class Watched:
    """An engine that notes every column of everything it is given, as a cluster would see it."""

    def __init__(self):
        self.inner = DuckEngine(memory_gb=1, threads=1)
        self.columns: set[str] = set()
        self.texts: list[str] = []

    def run(self, stages, inputs, outputs):
        for name, table in inputs.items():
            schema = table.schema() if isinstance(table, ParquetTable) else table.schema
            refuse_identity(name, schema)
            self.columns |= set(schema.names)
        self.texts += [stage.sql for stage in stages]
        return self.inner.run(stages, inputs, outputs)


def asked(operation, engine):
    """Everything the commands compute."""
    rulebook = operation.rulebook
    events = operation.events_table(rulebook)
    folded = operation.caseload(AS_OF, engine=engine)
    found = dict(folded.tables)
    found["units"] = folded.units
    found["counts"] = counts(folded, engine=engine)
    found["spells"] = spells(events, rulebook, as_of=AS_OF, engine=engine)
    found["flags"] = quality_flags(events, rulebook, as_of=AS_OF, engine=engine)
    found["exposures"] = exposures(
        events, rulebook, since=date(2025, 1, 1), until=AS_OF, period_days=30, engine=engine
    )
    found["steps"] = evaluate_all(folded, on=AS_OF, engine=engine).table
    return found


def test_a_snapshot_answers_as_the_operation_does(camp, tmp_path):
    write_snapshot(camp, tmp_path / "region")
    again = open_snapshot(tmp_path / "region")
    expected, found = asked(camp, Watched()), asked(again, Watched())
    assert found.keys() == expected.keys()
    for name, table in expected.items():
        assert found[name].equals(table), name
    assert again.store.head() == camp.store.head()
    assert again.default_date() == camp.default_date()


def test_no_column_of_the_vault_is_ever_given_to_an_engine(camp):
    engine = Watched()
    asked(camp, engine)
    assert len(engine.columns) > 100
    assert not engine.columns & set(VAULT)
    canary = " ".join(engine.texts)
    assert not [value for value in VAULT.values() if value in canary]


def test_nothing_of_the_vault_is_in_a_snapshot(camp, tmp_path):
    write_snapshot(camp, tmp_path / "region")
    files = [path for path in (tmp_path / "region").rglob("*") if path.is_file()]
    assert len(files) > 40
    for path in files:
        data = path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.ParquetFile(path).read()
            data += repr(table.to_pydict()).encode()
            assert not set(table.column_names) & set(VAULT), path
        for value in VAULT.values():
            assert value.encode() not in data, path


def test_a_table_with_a_name_in_it_is_not_written(camp, tmp_path, monkeypatch):
    from dataclasses import replace

    tables = camp.events_table()
    told = tables.log.append_column("family_name", tables.log["seq"].cast("string"))
    monkeypatch.setattr(type(camp), "events_table", lambda *_: replace(tables, log=told))
    with pytest.raises(IdentityRefused, match="family_name"):
        write_snapshot(camp, tmp_path / "region")
    assert not (tmp_path / "region").exists()


def test_only_who_knows_that_the_disk_is_encrypted_writes_real_people(tmp_path, office):
    real = create_operation(
        tmp_path / "real",
        Settings(id="real", title="Real", kind="protected-camp"),
        rulebook_text=office.rulebook_path.read_text(encoding="utf-8"),
        effective="2025-01-01",
        by="amina",
    )
    with pytest.raises(OnwardError, match="--storage-is-encrypted"):
        write_snapshot(real, tmp_path / "region")
    write_snapshot(real, tmp_path / "region", storage_is_encrypted=True)
    assert operations_in(tmp_path / "region") == ["real"]
    assert (tmp_path / "region").stat().st_mode & 0o077 == 0


def test_several_operations_share_a_snapshot_and_one_is_replaced_alone(camp, office, tmp_path):
    other = create_operation(
        tmp_path / "brook",
        Settings(id="brook", title="Brook", kind="protected-camp", demonstration=True),
        rulebook_text=office.rulebook_path.read_text(encoding="utf-8"),
        effective="2025-01-01",
        by="amina",
    )
    region = tmp_path / "region"
    assert not is_snapshot(region)
    write_snapshot(camp, region)
    write_snapshot(other, region)
    with pytest.raises(OnwardError, match="brook or meridian"):
        open_snapshot(region)
    with pytest.raises(OnwardError, match='no operation "cedar"'):
        open_snapshot(region, "cedar")
    people = open_snapshot(region, "meridian").caseload(AS_OF).people.num_rows
    open_snapshot(region, "meridian").folder("forecasts").joinpath("kept.json").write_text("{}")
    camp.record([office.register("P99")])
    write_snapshot(camp, region)
    again = open_snapshot(region, "meridian")
    assert again.caseload(AS_OF).people.num_rows == people + 1
    assert (again.path / "forecasts" / "kept.json").exists()
    assert open_snapshot(region, "brook").caseload(AS_OF).people.num_rows == 0


def test_the_options_say_what_they_allow(camp, tmp_path):
    from onward.cli.caseload import app

    run = CliRunner().invoke
    for options, told in (
        (["--engine", "hadoop"], "expected duckdb or spark"),
        (["--master", "spark://127.0.0.1:7077"], "only goes with --engine spark"),
        (["--operation", "meridian"], "only goes with a snapshot"),
    ):
        done = run(app, [str(camp.path), *options])
        assert isinstance(done.exception, OnwardError)
        assert told in str(done.exception)
