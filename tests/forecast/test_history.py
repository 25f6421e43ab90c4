"""A history folder is read as a specification: what is accepted, and every fault at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from onward.errors import Faults, OnwardError
from onward.forecast.counts.history import (
    kind_from_name,
    read_answers,
    read_day,
    read_events,
    read_inputs,
    read_series,
)

SHIPPED = Path(__file__).resolve().parents[2] / "examples" / "history"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small operation: one camp, one deadline, one test."""
    (tmp_path / "camp_2020.csv").write_text(
        "series,date,value,unit,definition,source,confidence\n"
        "camp_population,2020-01-01,1000,persons,,,high\n"
        "camp_population,2020-03-01,900,persons,,,high\n"
        "camp_population,2020-06-01,400,persons,,,high\n"
    )
    (tmp_path / "events.csv").write_text(
        "case,known_from,known_from_is,effective,kind,what,source\n"
        "camp,2020-02-01,stated,2020-06-30,deadline,Closure,\n"
    )
    (tmp_path / "tests.csv").write_text(
        "test,case,series,kind,origin,target,official_forecast\n"
        "T1,camp,camp_population,stock,2020-03-01,2020-06-01,\n"
    )
    return tmp_path


def test_the_shipped_history_is_complete_and_readable():
    inputs = read_inputs(SHIPPED)
    assert len(inputs.tests) == 16
    answers = read_answers(SHIPPED, [test.test for test in inputs.tests])
    assert set(answers.truths) == {test.test for test in inputs.tests}
    for test in inputs.tests:
        assert inputs.find(test).case == test.case


def test_every_fault_of_every_file_is_reported_at_once(folder: Path):
    with (folder / "camp_2020.csv").open("a") as handle:
        handle.write("camp_population,2020-13-01,12,persons,,,high\n")
        handle.write('camp_population,2020-07-01,"1,200",persons,,,high\n')
        handle.write("camp_population,2020-07-02,-3,persons,,,sure\n")
        handle.write("camp_population,2020-07-02\n")
    with (folder / "events.csv").open("a") as handle:
        handle.write("camp,soon,stated,2020-06-30,dead line,,\n")
    with (folder / "tests.csv").open("a") as handle:
        handle.write("T1,camp,camp_population,stock,2020-03-01,2020-06-01,\n")
        handle.write("T2,camp,nothing,stock,2020-03-01,2020-06-01,\n")
        handle.write("T3,camp,camp_population,stock,2020-06-01,2020-03-01,\n")
    with pytest.raises(Faults) as caught:
        read_inputs(folder)
    places = {(fault.file, fault.where, fault.field) for fault in caught.value.faults}
    assert places >= {
        ("camp_2020.csv", "row 5", "date"),
        ("camp_2020.csv", "row 6", "value"),
        ("camp_2020.csv", "row 7", "value"),
        ("camp_2020.csv", "row 7", "confidence"),
        ("camp_2020.csv", "row 8", ""),
        ("events.csv", "row 3", "known_from"),
        ("events.csv", "row 3", "kind"),
        ("tests.csv", "row 3", "test"),
        ("tests.csv", "row 4", "series"),
        ("tests.csv", "row 5", "target"),
    }
    assert '"1,200"' in str(caught.value)


def test_a_test_with_no_count_at_its_origin_is_a_fault(folder: Path):
    with (folder / "tests.csv").open("a") as handle:
        handle.write("T2,camp,camp_population,stock,2019-01-01,2020-06-01,\n")
    with pytest.raises(Faults, match="no count of camp_population on or before 2019-01-01"):
        read_inputs(folder)


@pytest.mark.parametrize("name", ["truths.csv", "baselines.csv"])
def test_inputs_are_read_the_same_when_the_answers_are_unreadable(folder: Path, name: str):
    before = read_inputs(folder)
    (folder / name).write_bytes(b"\xff\xfe\x00 not text")
    assert read_inputs(folder) == before


def test_a_folder_without_events_or_answers_is_usable_and_says_so(folder: Path):
    (folder / "events.csv").unlink()
    inputs = read_inputs(folder)
    assert inputs.events == ()
    assert any("events.csv" in note for note in inputs.notes)
    assert read_answers(folder, ["T1"]).truths == {}


def test_a_folder_without_tests_says_what_is_missing(folder: Path):
    (folder / "tests.csv").unlink()
    with pytest.raises(Faults, match=r"tests.csv: not in the folder"):
        read_inputs(folder)


def test_the_panel_and_other_tables_are_not_taken_for_counts(folder: Path):
    (folder / "unhcr_country_pair_year.csv").write_text("origin,asylum,year,refugees\n")
    (folder / "cessation_backtests.csv").write_text("origin,asylum,note\nAAA,BBB,\n")
    inputs = read_inputs(folder)
    assert {series.file for series in inputs.series} == {"camp_2020.csv"}
    assert any("cessation_backtests.csv" in note for note in inputs.notes)


def test_a_partial_date_stands_for_its_last_day_so_nothing_is_known_too_early():
    assert read_day("2012-02") == date(2012, 2, 29)
    assert read_day("2012") == date(2012, 12, 31)
    assert read_day("12/02/2012") is None


def test_of_two_counts_on_one_day_the_surer_is_kept(folder: Path):
    with (folder / "camp_2020.csv").open("a") as handle:
        handle.write("camp_population,2020-03-01,5,persons,,,low\n")
    counts = read_inputs(folder).series[0].counts
    assert [count.value for count in counts] == [1000, 900, 400]


def test_a_single_forecast_passes_over_later_rows_unread(folder: Path):
    with (folder / "camp_2020.csv").open("a") as handle:
        handle.write("camp_population,2020-07-01,absurd,persons,,,high\n")
    with (folder / "events.csv").open("a") as handle:
        handle.write("camp,2020-07-01,stated,never,deadline,,\n")
    series = read_series(folder / "camp_2020.csv", date(2020, 3, 1))
    assert [count.value for count in series[0].counts] == [1000, 900]
    assert len(read_events(folder / "events.csv", date(2020, 3, 1))) == 1


def test_a_path_that_is_no_folder_is_a_plain_error(tmp_path: Path):
    with pytest.raises(OnwardError, match="is not a folder"):
        read_inputs(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("camp_population", "stock"),
        ("returns_cumulative", "cumulative"),
        ("returns_monthly", "flow"),
        ("something_else", None),
    ],
)
def test_the_kind_is_read_from_the_name_only_where_the_name_says_it(
    name: str, kind: str | None
):
    assert kind_from_name(name) == kind


def test_the_shipped_folder_holds_no_annual_panel():
    assert not list(SHIPPED.glob("unhcr_*"))
