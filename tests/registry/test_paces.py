"""Paces from one operation to another: what leaves, how often, and what a forecast makes of them."""

from __future__ import annotations

import json
import resource
import signal
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from test_region import AS_OF, BY, a_camp
from typer.testing import CliRunner

from onward.cli.forecast import app
from onward.engine import DuckEngine
from onward.errors import Faults, OnwardError
from onward.forecast.learning.paces import read
from onward.registry import open_operation
from onward.registry.computing.analysis import forecast_of, opened
from onward.registry.computing.paces import keep, released_on, to_release
from onward.registry.computing.region import _jobs, region_of
from onward.registry.computing.snapshot import open_snapshot, write_snapshot

SCHEMA = Path(__file__).parents[2] / "docs/reference/schemas/forecast-paces.schema.json"


def counselled(folder, office, name, people):
    """A camp in which two of three are counselled ten days after they are verified."""
    camp = a_camp(folder, office, name, people)
    drafts = [
        office.draft("T2.done", ("person", f"P{n:02d}"), (date(2025, 2, 11) + timedelta(days=n)).isoformat())
        for n in range(people)
        if n % 3
    ]  # fmt: skip
    camp.record([replace(draft, operation=name) for draft in drafts])
    return camp


@pytest.fixture
def north(tmp_path, office):
    """Large enough that something may leave it."""
    return counselled(tmp_path, office, "north", 90)


@pytest.fixture
def south(tmp_path, office):
    """Too small for that."""
    return a_camp(tmp_path, office, "south", 15)


def release(found):
    made = to_release(found)
    keep(found, made)
    return made


def command(*words):
    return CliRunner().invoke(app, ["paces", *map(str, words)], catch_exceptions=False)


@contextmanager
def no_room_for(bytes_):
    """No file can grow beyond so many bytes: the system itself refuses, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def lend(giver, taker):
    made = release(opened(giver))
    (taker.path / "paces").mkdir(exist_ok=True)
    (taker.path / "paces" / "given.json").write_text(made.to_json(), "utf-8")
    return made


def forecast(camp, **how):
    return forecast_of(opened(camp), by=BY, futures=200, use_plan=False, split=False, **how)


def test_what_leaves_is_a_count_and_days_for_each_move_and_nothing_else(north, tmp_path):
    file = tmp_path / "north.json"
    done = CliRunner().invoke(
        app, ["paces", str(north.path), "-o", str(file), "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0
    data = json.loads(file.read_text("utf-8"))
    Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(data)
    assert data == json.loads(done.stdout)
    told = {row["move"]: row["families"] for row in data["moves"]}
    assert told["T2.done"] == 60
    for row in data["moves"]:
        assert row["families"] is None or (row["families"] % 5 == 0 and row["families"] >= 10)
    text = file.read_text("utf-8")
    assert "P00" not in text
    assert not any(f"{year}-" in text for year in (2024, 2025, 2026)), "no date leaves"
    plain = CliRunner().invoke(
        app, ["paces", str(north.path), "-o", str(file)], catch_exceptions=False
    )
    assert "how many is hidden" in plain.stdout
    assert file.read_text("utf-8") == text, "the same record, the same file"


def test_two_releases_of_few_days_are_refused_for_they_could_be_subtracted(north, office):
    first = release(opened(north))
    assert release(opened(north)) == first
    drafts = [
        office.register("P990"),
        office.draft("T1.done", ("person", "P990"), "2025-06-08"),
    ]
    north.record([replace(draft, operation="north") for draft in drafts])
    north.settings = replace(north.settings, data_ends=AS_OF + timedelta(days=9))
    with pytest.raises(OnwardError, match="9 days from them; expected at least 28"):
        release(opened(north))
    north.settings = replace(north.settings, data_ends=AS_OF + timedelta(days=28))
    assert release(opened(north)).digest != first.digest


def grown(camp, office, days):
    """The record some days later, with one person more."""
    drafts = [
        office.register("P990"),
        office.draft("T1.done", ("person", "P990"), "2025-06-08"),
    ]
    camp.record([replace(draft, operation=camp.settings.id) for draft in drafts])
    settings = camp.path / "operation.toml"
    text = settings.read_text("utf-8")
    later = (AS_OF + timedelta(days=days)).isoformat()
    assert AS_OF.isoformat() in text
    settings.write_text(text.replace(AS_OF.isoformat(), later), "utf-8")
    return open_operation(camp.path)


def test_a_file_that_cannot_be_written_spends_no_release_and_leaves_nothing(
    north, office, tmp_path
):
    out = tmp_path / "out"
    out.mkdir()
    with (
        no_room_for(64),
        pytest.raises(OnwardError, match=r"cannot be written .* so nothing was released"),
    ):
        command(north.path, "-o", out / "north.json")
    with pytest.raises(OnwardError, match="nothing was released"):
        command(north.path, "-o", out)  # a folder
    with pytest.raises(OnwardError, match="nothing was released"):
        command(north.path, "-o", out / "there is none" / "north.json")
    with pytest.raises(OnwardError, match="nothing was released"):
        command(north.path, "-o", "/dev/null")
    assert not list(out.iterdir())
    assert released_on(north) == []
    # So the record may grow, and its paces may leave the day after all the same.
    later = grown(north, office, 9)
    done = command(later.path, "-o", out / "north.json")
    assert done.exit_code == 0
    assert [file.name for file in out.iterdir()] == ["north.json"]
    assert released_on(later) == [AS_OF + timedelta(days=9)]


def test_a_release_that_is_refused_or_cannot_be_kept_leaves_the_file_that_was_there(
    north, office, tmp_path
):
    out = tmp_path / "out"
    out.mkdir()
    file = out / "north.json"
    file.write_text("of old\n", "utf-8")
    file.chmod(0o600)
    kept = north.path / "reports"
    if kept.is_dir():
        kept.rename(tmp_path / "moved")
    kept.write_text("no folder", "utf-8")  # nothing can be kept in it
    with pytest.raises(OnwardError, match=r"reports/paces-.* cannot be kept"):
        command(north.path, "-o", file)
    assert [(one.name, one.read_text("utf-8")) for one in out.iterdir()] == [
        ("north.json", "of old\n")
    ]
    kept.unlink()
    assert command(north.path, "-o", file).exit_code == 0
    first = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    later = grown(north, office, 9)
    with pytest.raises(OnwardError, match=f"--again {AS_OF}"):
        command(later.path, "-o", file)
    assert [(one.name, one.read_bytes()) for one in out.iterdir()] == [("north.json", first)]
    # What was released then can be given again, to the byte, whatever was recorded since.
    assert command(later.path, "-o", out / "again.json", "--again", AS_OF).exit_code == 0
    assert (out / "again.json").read_bytes() == first
    with pytest.raises(OnwardError, match=f"No paces of 2024-01-01 .* expected {AS_OF}"):
        command(later.path, "-o", out / "again.json", "--again", "2024-01-01")


def test_a_forecast_uses_what_was_given_says_so_and_keeps_whose_it_was(north, south):
    alone = forecast(south)
    assert "paces" not in alone.inputs
    made = lend(north, south)
    pooled = forecast(south)
    assert pooled.inputs["paces"] == f"north={made.digest}"
    assert pooled.identity != alone.identity
    assert any(
        one.startswith("Paces of 1 other operation were used") for one in pooled.assumptions
    )
    assert not any("other operation" in one for one in alone.assumptions)
    assert pooled.fan != alone.fan


def test_paces_that_cannot_be_used_here_are_refused_with_what_to_do(north, south):
    lend(north, south)
    file = south.path / "paces" / "given.json"
    file.write_text(file.read_text("utf-8").replace("T2.done", "T2.undone"), "utf-8")
    with pytest.raises(Faults, match="altered since it was written"):
        forecast(south)
    strange = read(release(opened(north)).to_json(), "")
    file.write_text(replace(strange, rulebook="town").to_json(), "utf-8")
    with pytest.raises(Faults, match='made under "town"; expected "protected-camp"'):
        forecast(south)
    lend(north, north)
    with pytest.raises(
        Faults, match=r"paces/given\.json, operation: the paces of this operation"
    ):
        forecast(north)


def test_operations_of_a_region_learn_from_each_other_by_themselves(north, south, tmp_path):
    lend(north, south)
    for camp in (north, south):
        write_snapshot(camp, tmp_path / "region")
    assert [file.name for file in open_snapshot(tmp_path / "region", "south").paces] == [
        "given.json"
    ]
    write_snapshot(south, tmp_path / "region")
    jobs = _jobs(
        region_of(tmp_path / "region"), DuckEngine(memory_gb=1, threads=1), AS_OF, BY, (30, 75), 200,
        1, lambda text: None,
    )  # fmt: skip
    said = {job.operation: job.inputs.rates.borrowed for job in jobs}
    assert said["south"].operations == 1, (
        "what it was given and what the region gives count once"
    )
    assert said["south"].laws
    assert said["north"].laws == {}, "of fifteen people nothing may be told, to nobody"
