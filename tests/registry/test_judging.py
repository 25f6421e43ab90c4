"""What bears on everybody is judged again beside the pages, and no list says open meanwhile."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from onward.caseload.events import Subject, new_event
from onward.registry.now import judging, projection

NOW = datetime(2026, 6, 10, 9, tzinfo=UTC)


def incident(small, name="i1"):
    event = new_event(
        small.rulebook, operation="meridian", subject=Subject("incident", name), kind="recorded",
        effective="2026-06-10", by="amina", instant=NOW, random=random.Random(name),
        facts={"severity": 1, "destination": "IRN", "reviewed": False},
    )  # fmt: skip
    small.record([event])


def leaves(steps):
    return next(step["open"] for step in steps if step["move"] == "T7.done")


def test_nothing_is_open_in_a_list_before_everybody_is_judged_again(small):
    from onward.registry.models import PersonNow

    assert not judging.behind(small)
    assert leaves(PersonNow.objects.get(person="H1-P1").steps)
    incident(small)
    assert judging.behind(small)
    assert not leaves(judging.steps_now(small, "H1-P1"))  # what the person's page shows
    assert judging.catch_up(small)
    assert not judging.behind(small)
    assert not leaves(PersonNow.objects.get(person="H1-P1").steps)
    assert projection.compare(small) == []
    assert judging.catch_up(small) is False


def test_an_incident_of_a_person_is_kept_as_the_log_has_it(small):
    event = new_event(
        small.rulebook, operation="meridian", subject=Subject("incident", "i9"), kind="recorded",
        effective="2026-06-10", by="amina", instant=NOW, random=random.Random(9),
        facts={"person": "H3-P1", "severity": 1, "destination": "IRN", "reviewed": False},
    )  # fmt: skip
    small.record([event])
    judging.catch_up(small)
    assert projection.compare(small) == []


def test_what_is_recorded_meanwhile_is_not_lost(small, monkeypatch):
    """One officer records while everybody is judged, another opens an incident: once more."""
    incident(small)
    monkeypatch.setattr(judging, "PART", 4)
    parts = 0
    real = judging._part

    def part(*given):
        nonlocal parts
        real(*given)
        parts += 1
        if parts == 2:
            claim = new_event(
                small.rulebook, operation="meridian", subject=Subject("claim", "c1"),
                kind="recorded", effective="2026-06-10", by="bilal", instant=NOW,
                random=random.Random(2), facts={"person": "H2-P1", "expressed_on": "2026-06-10"},
            )  # fmt: skip
            small.record([claim])
        if parts == 3:
            incident(small, "i2")

    monkeypatch.setattr(judging, "_part", part)
    judging.catch_up(small)
    assert parts > 3
    assert judging.behind(small)
    judging.catch_up(small)
    assert not judging.behind(small)
    assert projection.compare(small) == []


@pytest.mark.slow
def test_rows_of_yesterday_follow_the_log_until_they_are_made_again(small, monkeypatch):
    from datetime import timedelta

    today = small.default_date()
    monkeypatch.setattr(type(small), "default_date", lambda self: today + timedelta(days=1))
    assert judging.behind(small)
    event = new_event(
        small.rulebook, operation="meridian", subject=Subject("claim", "c1"), kind="recorded",
        effective="2026-06-10", by="bilal", instant=NOW, random=random.Random(2),
        facts={"person": "H2-P1", "expressed_on": "2026-06-10"},
    )  # fmt: skip
    small.record([event])
    assert projection.compare(small) == []
    assert judging.catch_up(small)
    assert not judging.behind(small)
    assert projection.compare(small) == []
