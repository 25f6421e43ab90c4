"""Counts, exposures and spells: the integers a forecast and an indicator stand on."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from lifelines import AalenJohansenFitter, KaplanMeierFitter, NelsonAalenFitter

from onward.caseload import counts, events_table, exposures, spells

START, END = date(2025, 1, 1), date(2025, 7, 1)


def exposed(log, since=START, until=END, period_days=30):
    return exposures(
        events_table(log.events, log.rulebook),
        log.rulebook,
        since=since,
        until=until,
        period_days=period_days,
        engine=log.engine,
    ).to_pylist()


def stays(log, day=END):
    table = events_table(log.events, log.rulebook)
    return spells(table, log.rulebook, as_of=day, engine=log.engine).to_pylist()


def test_person_days_and_moves_of_one_person(log):
    log.register("P1", "2025-01-11", group="main_group")
    log.move("P1", "T1.done", "2025-01-20")
    log.move("P1", "T2.done", "2025-02-05")
    rows = exposed(log, until=date(2025, 3, 2), period_days=30)
    days = {(r["forecast_state"], r["period_start"]): r["person_days"]
            for r in rows if r["move"] is None}  # fmt: skip
    assert days == {
        ("not_counselled", date(2025, 1, 1)): 20,
        ("not_counselled", date(2025, 1, 31)): 5,
        ("counselled", date(2025, 1, 31)): 25,
    }
    assert [(r["forecast_state"], r["move"], r["to_state"]) for r in rows if r["move"]] == [
        (None, "registered", "not_counselled"),
        ("not_counselled", "T1.done", "not_counselled"),
        ("not_counselled", "T2.done", "counselled"),
    ]
    assert {r["group"] for r in rows if r["forecast_state"]} == {"main_group"}


def test_several_moves_on_one_day_count_each_from_the_state_before_it(log):
    log.register("P1", "2025-01-01")
    for key in ("T1.done", "T2.done", "T3.held"):
        log.move("P1", key, "2025-01-10")
    rows = exposed(log)
    assert [(r["forecast_state"], r["to_state"]) for r in rows if r["move"] == "T3.held"] == [
        ("counselled", "interviewed")
    ]
    assert sum(r["person_days"] for r in rows if r["forecast_state"] == "counselled") == 0


def test_a_stratum_counts_as_it_then_stood_and_is_unknown_while_its_date_is(log):
    log.register("P1", "2025-01-01", group="main_group")
    log.say("P1", "2025-02", group="recognised_group")
    days = Counter()
    for row in exposed(log, until=date(2025, 3, 11), period_days=365):
        days[row["group"]] += row["person_days"]
    assert days == {"main_group": 31, None: 27, "recognised_group": 11}


def test_every_person_day_is_counted_once_whatever_the_periods(log):
    source = random.Random(2)
    for number in range(15):
        log.register(f"P{number}", f"2025-0{source.randint(1, 5)}-10",
                     group=source.choice(["main_group", "recognised_group"]))  # fmt: skip
        log.move(f"P{number}", "T1.done", f"2025-0{source.randint(1, 6)}-15")
        log.say(f"P{number}", f"2025-0{source.randint(1, 6)}", group="main_group")
    one = sum(r["person_days"] for r in exposed(log, period_days=1000))
    assert sum(r["person_days"] for r in exposed(log, period_days=7)) == one
    # Against the fold itself: everybody known on each day is one person-day.
    sample = [START + timedelta(days=n) for n in range(0, 181, 20)]
    daily = Counter()
    for row in exposed(log, period_days=1):
        if row["move"] is None:
            daily[row["period_start"]] += row["person_days"]
    for day in sample:
        stages = log.fold(day.isoformat()).people["stage"].to_pylist()
        assert daily[day] == len(stages) - stages.count(None)


def test_counts_hold_every_unit_once_and_everybody_once(log):
    for n, (household, stage) in enumerate(
        [("H1", "verified"), ("H1", "verified"), ("H1", "counselled"), ("H2", "counselled"),
         (None, "returned"), (None, "absent")]
    ):  # fmt: skip
        log.register(f"P{n}", household=household, stage=stage, birth="1980")
    log.say("P9", "2025-01-01", sex="male")
    caseload = log.fold("2025-02-01")
    rows = counts(caseload, engine=log.engine).to_pylist()
    assert sum(row["people"] for row in rows) == caseload.people.num_rows == 7
    assert all(row["people"] == row["units"] * row["unit_size"] for row in rows)
    whole = {
        (r["forecast_state"], r["unit_size"]): (r["units"], r["mixed_people"]) for r in rows
    }
    assert whole == {
        ("not_counselled", 3): (1, 1),
        ("counselled", 1): (1, 0),
        ("returned", 1): (1, 0),
        ("absent", 1): (1, 0),
        (None, 1): (1, 0),
    }


def test_spells_of_axes_and_processes(log):
    log.register("P1", stage="interviewed")
    log.move("P1", "T9.lodged", "2025-02-01")
    log.move("P1", "T15.deferred", "2025-02-10")
    log.move("P1", "T10.rejected", "2025-03-01")
    log.move("P1", "T11.upheld", "2025-04-01")
    found = [
        (r["axis"], r["state"], r["from_date"], r["to_date"], r["began_by"], r["ended_by"])
        for r in stays(log)
    ]
    assert ("process_rsd", "open", date(2025, 2, 1), date(2025, 4, 1), "T9.lodged",
            "T11.upheld") in found  # fmt: skip
    assert ("legal", "asylum_seeker", date(2025, 2, 1), date(2025, 3, 1), "T9.lodged",
            "T10.rejected") in found  # fmt: skip
    assert ("legal", "rejected_final", date(2025, 4, 1), None, "T11.upheld", None) in found
    assert len([row for row in found if row[0] == "legal"]) == 4


def simulated(make_log, people=250, seed=5):
    """Everybody counselled on one day; interviewed or not engaging after geometric waits."""
    log = make_log()
    source = random.Random(seed)
    for number in range(people):
        name = f"P{number:03d}"
        log.register(name, START.isoformat(), stage="counselled")
        for wait in range(1, 400):
            draw = source.random()
            key = "T3.held" if draw < 0.02 else "T3.declined" if draw < 0.03 else ""
            if key:
                day = START + timedelta(days=wait)
                if day < END:
                    log.move(name, key, day.isoformat())
                break
    return log


@pytest.mark.slow
def test_spells_and_exposures_agree_with_lifelines(make_log):
    log = simulated(make_log)
    rows = [r for r in stays(log, END - timedelta(days=1))
            if r["axis"] == "stage" and r["state"] == "counselled"]  # fmt: skip
    last = END - timedelta(days=1)
    waits = np.array([((r["to_date"] or last) - r["from_date"]).days for r in rows])
    ended = np.array([r["to_date"] is not None for r in rows])
    cause = np.array([{None: 0, "T3.held": 1, "T3.declined": 2}[r["ended_by"]] for r in rows])

    exposure = exposed(log, period_days=1)
    at_risk, moved = Counter(), {"T3.held": Counter(), "T3.declined": Counter()}
    for row in exposure:
        if row["forecast_state"] == "counselled":
            day = (row["period_start"] - START).days
            if row["move"] is None:
                at_risk[day] = row["person_days"]
            else:
                moved[row["move"]][day] += row["transitions"]

    # Nelson-Aalen and Kaplan-Meier for leaving, Aalen-Johansen for being interviewed first.
    days = range(1, (last - START).days + 1)
    hazard, survival, incidence = 0.0, 1.0, 0.0
    ours = {}
    for day in days:
        here = at_risk[day - 1]
        held, declined = moved["T3.held"][day], moved["T3.declined"][day]
        hazard += (held + declined) / here if here else 0.0
        incidence += survival * held / here if here else 0.0
        survival *= 1 - (held + declined) / here if here else 1.0
        ours[day] = (hazard, survival, incidence)
    km = KaplanMeierFitter().fit(waits, ended)
    aj = AalenJohansenFitter(calculate_variance=False, jitter_level=1e-6, seed=1).fit(
        waits, cause, event_of_interest=1
    )
    na = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(waits, ended)
    for day in (5, 30, 60, 120, max(days)):
        assert ours[day][1] == pytest.approx(km.predict(day), abs=1e-9)
        assert ours[day][2] == pytest.approx(float(aj.predict(day + 0.5)), abs=2e-4)
        assert ours[day][0] == pytest.approx(float(na.predict(day)), abs=1e-9)
    # And the rates are those the histories were made with.
    total = sum(at_risk.values())
    assert sum(moved["T3.held"].values()) / total == pytest.approx(0.02, rel=0.25)
    assert sum(moved["T3.declined"].values()) / total == pytest.approx(0.01, rel=0.35)
