"""One suite, two engines: what DuckDB answers about a log, Spark answers to the last bit.

The logs hold what engines disagree about: NULLs everywhere, partial dates, days before 1970 and
the year 1, events that tie in day and instant, merged and corrected records, and words that sort
and compare differently by language, case, accent and escape.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from onward.caseload import counts, exposures, fold, quality_flags, spells
from onward.caseload.pace import pace
from onward.rulebook import load, shipped_path
from onward.safeguards.evaluate import evaluate
from onward.safeguards.everybody import evaluate_all

AS_OF = date(2025, 9, 1)
SHIPPED = load(shipped_path("protected-camp"))
KINDS = ("person", "household", "site", "consent", "complaint", "incident")
# Fewer kinds, the same machinery: a fold of the whole rulebook is in the soak tier.
FEWER = replace(SHIPPED, kinds={name: SHIPPED.kinds[name] for name in KINDS})


def same(found, expected, what):
    assert found.schema.equals(expected.schema), (what, found.schema, expected.schema)
    assert found.equals(expected), what


def same_caseload(found, expected):
    assert list(found.tables) == list(expected.tables)
    for name, table in expected.tables.items():
        same(found.tables[name], table, name)
    same(found.units, expected.units, "units")


@pytest.fixture(scope="module")
def log(random_log):
    return random_log(7, people=24, events=220, rulebook=FEWER)


@pytest.fixture(scope="module")
def tables(log):
    return log.tables()


@pytest.fixture(scope="module")
def caseload(tables, duck):
    return fold(tables, FEWER, as_of=AS_OF, engine=duck)


@pytest.mark.slow
@pytest.mark.parametrize("small_rows", [100_000, 0], ids=["held here", "held by workers"])
def test_the_fold(spark, tables, caseload, small_rows, monkeypatch):
    monkeypatch.setattr(spark, "small_rows", small_rows)
    # The log is worth comparing: some of everything is in it.
    assert len(tables.merges)
    assert len(tables.corrections)
    assert caseload.units.num_rows > 5
    assert caseload.tables["breach"].num_rows + caseload.tables["override"].num_rows
    same_caseload(fold(tables, FEWER, as_of=AS_OF, engine=spark), caseload)


@pytest.mark.slow
def test_the_fold_as_known_earlier(spark, duck, tables):
    asked = {"as_of": date(2025, 5, 31), "known_at": datetime(2025, 2, 1, 8, tzinfo=UTC)}
    expected = fold(tables, FEWER, **asked, engine=duck)
    assert 0 < expected.people.num_rows < len(tables.ids["person"])
    same_caseload(fold(tables, FEWER, **asked, engine=spark), expected)


@pytest.mark.slow
def test_counts_paces_spells_and_flags(spark, duck, tables, caseload):
    same(counts(caseload, engine=spark), counts(caseload, engine=duck), "counts")
    asked = {"since": date(2025, 1, 1), "until": AS_OF, "period_days": 30}
    every = {**asked, "waits_since": date(2025, 2, 1), "moves": list(FEWER.moves())}
    expected = pace(tables, FEWER, **every, engine=duck)
    assert sum(expected.exposures["person_days"].to_pylist()) > 1000
    assert expected.waits.num_rows > 10
    assert expected.departures.num_rows > 10
    same(expected.exposures, exposures(tables, FEWER, **asked, engine=duck), "exposures alone")
    found = pace(tables, FEWER, **every, engine=spark)
    for name, table in expected._asdict().items():
        same(getattr(found, name), table, name)
    expected = spells(tables, FEWER, as_of=AS_OF, engine=duck)
    assert expected.num_rows > 60
    same(spells(tables, FEWER, as_of=AS_OF, engine=spark), expected, "spells")
    expected = quality_flags(tables, FEWER, as_of=AS_OF, engine=duck)
    assert expected.num_rows > 20
    same(quality_flags(tables, FEWER, as_of=AS_OF, engine=spark), expected, "flags")


@pytest.mark.slow
def test_every_safeguard_of_every_next_step(spark, duck, random_log):
    log = random_log(11, people=20, events=260)
    found = fold(log.tables(), SHIPPED, as_of=AS_OF, engine=duck)
    expected = evaluate_all(found, on=AS_OF, engine=duck)
    assert expected.table.num_rows > 50
    assert expected.table["clear"].to_pylist().count(False) > 10
    same(evaluate_all(found, on=AS_OF, engine=spark).table, expected.table, "steps")


@pytest.mark.soak
def test_the_whole_rulebook_over_many_logs(spark, duck, random_log):
    for seed in range(6):
        log = random_log(seed, people=40, events=500)
        tables = log.tables()
        expected = fold(tables, SHIPPED, as_of=AS_OF, engine=duck)
        same_caseload(fold(tables, SHIPPED, as_of=AS_OF, engine=spark), expected)
        for move in ("T7.done", "T17.departed", "T16.departed"):
            same(
                evaluate(expected, move, on=AS_OF, engine=spark).answers,
                evaluate(expected, move, on=AS_OF, engine=duck).answers,
                move,
            )
