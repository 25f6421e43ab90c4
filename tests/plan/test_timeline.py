"""One dated timeline, its alerts, and what leaves the house."""

from __future__ import annotations

import datetime as dt

import pytest

from onward.plan import alerts, timeline
from onward.plan.timeline import ALERT_DAYS, alert_level

TODAY = dt.date(2026, 10, 31)


@pytest.fixture(scope="module")
def rows(example):
    return timeline(example, as_of=TODAY).to_pylist()


def test_every_dated_thing_of_the_plan_is_on_it(example, rows):
    whats = {row["what"] for row in rows}
    for group in (example.authorities, example.actions, example.pledges, example.deadlines,
                  example.milestones):  # fmt: skip
        assert set(group) <= whats
    kinds = {row["kind"] for row in rows if row["what"] == "mandate"}
    assert kinds == {
        "authority_begins",
        "review_by",
        "renewal_by",
        "early_end",
        "authority_ends",
    }


def test_dates_are_in_order_and_ranges_never_cross(rows):
    likely = [row["date_likely"] for row in rows if row["date_likely"]]
    assert likely == sorted(likely)
    for row in rows:
        known = [row[k] for k in ("date_p10", "date_likely", "date_p90") if row[k]]
        assert known == sorted(known)


def test_an_expiry_asks_for_a_review_and_closes_nothing(rows):
    ends = [r for r in rows if r["kind"] in ("authority_ends", "assurance_ends")]
    assert ends
    for row in ends:
        assert "basis review required" in row["says"]
    for row in rows:
        assert "closed" not in row["says"]


@pytest.mark.parametrize(
    ("left", "level"),
    [(181, None), (180, 180), (91, 180), (90, 90), (31, 60), (30, 30), (14, 14), (8, 14), (7, 7),
     (0, 7), (-1, None), (None, None)],
)  # fmt: skip
def test_alerts_come_at_their_days(left, level):
    assert alert_level(left) == level


def test_on_each_alert_day_the_clock_is_among_the_alerts(example):
    for days in ALERT_DAYS:
        day = dt.date(2027, 11, 30) - dt.timedelta(days=days)
        due = {(r["kind"], r["what"]): r for r in alerts(example, on=day).to_pylist()}
        assert due["deadline", "mandate_end"]["days_left"] == days
        assert due["deadline", "mandate_end"]["alert"] == days


def test_outside_nothing_is_told_that_is_not_public(example):
    outside = timeline(example, as_of=TODAY, audience="external").to_pylist()
    assert {row["what"] for row in outside} >= {"mandate", "mandate_end", "norway"}
    hidden = {
        id
        for id in (
            *example.pledges,
            *example.actions,
            *example.authorities,
            *example.assurances,
        )
        if example.confidentiality(id) != "public"
    }
    text = repr(outside)
    for id in hidden:
        assert f"'{id}'" not in text
    for row in outside:
        assert row["chance"] is None
        assert row["date_p10"] is None
