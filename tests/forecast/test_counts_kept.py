"""Forecasts from published counts, kept and held to what was counted later."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from onward.cli import forecast as command
from onward.errors import Faults
from onward.forecast.counts.history import Count, Series
from onward.forecast.counts.kept import kept, read, scored

SCHEMAS = Path(__file__).parents[2] / "docs/reference/schemas"
HEAD = "series,date,value\n"
COUNTS = HEAD + "".join(
    f"camp_population,2012-0{month}-15,{3400 - 300 * month}\n" for month in range(1, 8)
)


def run(
    origin="2026-08-21", target="2026-10-05", *, made_on=date(2026, 8, 25), middle=2000, seed=1
):
    """A run whose equally likely numbers lie 10 apart about a middle."""
    spread = [middle - 195 + 10 * n for n in range(40)]
    data = {
        "series": "camp", "origin": origin, "target": target, "seed": seed, "spread": spread,
        "q05": spread[2], "median": middle, "q95": spread[37], "last": {"value": 2245.0},
    }  # fmt: skip
    name, text = kept(data, made_on)
    return name, read(text)


def series(*counts):
    return [
        Series("camp", "camp.csv", "camp", tuple(Count(day, value) for day, value in counts))
    ]


def test_a_run_is_scored_by_the_count_of_its_day_or_the_first_soon_after():
    on = series((date(2026, 10, 5), 2100.0), (date(2026, 10, 9), 500.0))
    soon = series((date(2026, 10, 4), 500.0), (date(2026, 10, 9), 1700.0))
    late = series((date(2026, 10, 4), 500.0), (date(2026, 10, 20), 1700.0))
    (row,) = scored([run()], on)["scores"]
    assert (row["counted"], row["covered90"]) == (2100.0, True)
    assert row["crps_last_count"] == 145.0
    assert 0 < row["crps"] < 145
    (row,) = scored([run()], soon)["scores"]
    assert (row["counted_on"], row["covered90"]) == ("2026-10-09", False)
    found = scored([run()], late)
    assert (found["scores"], found["together"]) == ([], None)
    assert found["waiting"] == [run()[0]]


def test_the_same_question_asked_twice_counts_once_and_another_day_counts_too():
    now = series((date(2026, 10, 5), 2000.0), (date(2026, 11, 5), 2000.0))
    runs = [run(), run(seed=2, middle=2050), run(target="2026-11-05")]
    found = scored(runs, now)
    assert len(found["scores"]) == 3
    assert found["together"]["forecasts"] == 2


def test_what_was_made_long_after_its_day_is_no_forecast():
    now = series((date(2026, 10, 5), 2000.0))
    found = scored([run(made_on=date(2026, 10, 6))], now)
    assert found["together"] is None
    assert found["afterwards"]["forecasts"] == 1


def fits(data, name):
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.validate(data, schema, cls=jsonschema.Draft202012Validator)


def call(*arguments):
    return CliRunner().invoke(command.app, [str(one) for one in arguments])


def test_a_run_is_kept_as_its_schema_says_and_scored_when_its_count_is_out(tmp_path):
    file, folder = tmp_path / "camp.csv", tmp_path / "runs"
    file.write_text(COUNTS)
    ask = ("--counts", file, "--series", "camp_population", "--origin", "2012-07-19",
           "--by", "2012-09-16", "--keep", folder)  # fmt: skip
    assert call(*ask).exit_code == 0
    first = {one.name: one.read_bytes() for one in folder.iterdir()}
    assert call(*ask).exit_code == 0
    # the same question is the same run, and what was kept stays as it was
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == first
    ((_, text),) = first.items()
    data = json.loads(text)
    fits(data, "forecast-counts")
    assert data["spread"] == sorted(data["spread"])
    waits = call("score", folder, "--counts", file)
    assert "1 kept, with no count of their day yet" in waits.stdout
    file.write_text(COUNTS + "camp_population,2012-09-20,900\n")
    told = call("score", folder, "--counts", file).stdout
    assert "900 counted on 2012-09-20" in told
    assert "Made afterwards, so no forecasts: 1." in told
    fits(
        json.loads(call("score", folder, "--counts", file, "--json").stdout),
        "forecast-counts-score",
    )
    # another count known on the day is another run
    file.write_text(COUNTS.replace("1300", "1310"))
    assert call(*ask).exit_code == 0
    assert len(list(folder.iterdir())) == 2


def test_a_file_that_is_no_run_is_named(tmp_path):
    (tmp_path / "counts-x.json").write_text('{"format": "letter"}')
    (tmp_path / "camp.csv").write_text(COUNTS)
    result = call("score", tmp_path, "--counts", tmp_path / "camp.csv")
    assert isinstance(result.exception, Faults)
    assert "counts-x.json" in str(result.exception)


def test_keeping_goes_with_counts_only(tmp_path):
    assert "--keep" in str(call("camp", "--keep", tmp_path).exception)


def test_a_kept_text_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="not a kept forecast"):
        read("[]")


def test_a_series_of_any_name_has_a_file():
    from onward.forecast.counts.kept import kept

    run = {"series": "camp/2012 ../north", "origin": "2012-01-01", "target": "2012-02-01"}
    name, text = kept(run, date(2012, 1, 2))
    assert "/" not in name
    assert "camp/2012 ../north" in text
