"""Tables without names, sent one after another, are attacked in every way and tell of nobody."""

from __future__ import annotations

import itertools
import random

import pytest
import registry_cast as people
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.registry.exporting.apart import set_apart

LEAST = 3


def smallest_told(releases) -> int:
    """By brute force: the fewest people that any sum and difference of the counts is about."""
    found = []
    for values in {name for release in releases for name in release}:
        everybody = sorted({p for release in releases for p in release.get(values, ())})
        for signs in itertools.product((-2, -1, 0, 1, 2), repeat=len(releases)):
            weights = [
                sum(
                    sign
                    for sign, release in zip(signs, releases, strict=True)
                    if person in release.get(values, ())
                )
                for person in everybody
            ]
            if told := sum(weight != 0 for weight in weights):
                found.append(told)
    return min(found, default=LEAST)


def drawn(chance: random.Random) -> dict[str, dict[str, str]]:
    """A table of a chosen subset of twelve people, as somebody who wants to know one would choose."""
    chosen = [f"P{n}" for n in range(12) if chance.random() < chance.choice([0.5, 0.9])]
    table: dict[str, dict[str, str]] = {}
    for person in chosen:
        values = "a" if int(person[1:]) % 3 else "b"
        table.setdefault(values, {})[person] = chance.choice(["waiting", "gone"])
    return table


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_what_passes_tells_of_nobody_by_any_sum_or_difference(seed, number):
    chance = random.Random(seed)
    releases = [drawn(chance) for _ in range(number)]
    if set_apart(releases, least=LEAST, outcomes=0) == 0:
        assert smallest_told(releases) >= LEAST


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_refused_of_two_would_have_told_of_somebody(seed):
    """Of a table and the same without some of its people, the rule refuses no more than it must."""
    chance = random.Random(seed)
    first = drawn(chance)
    left = {
        name: {p: o for p, o in row.items() if chance.random() < 0.6}
        for name, row in first.items()
    }
    releases = [first, {name: row for name, row in left.items() if row}]
    if set_apart(releases, least=LEAST, outcomes=0):
        assert smallest_told(releases) < LEAST


def test_a_group_with_one_outcome_is_told_too():
    same = {"a": {f"P{n}": "gone" for n in range(6)}}
    assert set_apart([same], least=LEAST, outcomes=2) == 6
    mixed = {"a": {f"P{n}": "gone" if n % 2 else "waiting" for n in range(6)}}
    assert set_apart([mixed], least=LEAST, outcomes=2) == 0
    assert set_apart([mixed, mixed], least=LEAST, outcomes=2) == 0


@pytest.fixture
def counted(small, monkeypatch):
    """A table without names that may hold three, and six people who may be in it."""
    from dataclasses import replace

    from onward.registry.exporting import profiles
    from onward.registry.models import PersonNow

    profile = replace(profiles.profiles()["counts of people"], least=LEAST)
    # Their stages differ, so that there is more than one outcome.
    rows = list(PersonNow.objects.order_by("person")[:8])
    for number, row in enumerate(rows):
        row.sex, row.legal, row.stage = "female", "gc4_protected", ("x", "y")[number % 2]
    return profile, rows


def test_a_second_table_of_one_person_less_is_refused_and_the_same_one_is_not(counted):
    from onward.errors import OnwardError
    from onward.registry.exporting.without_names import remember, stays_closed

    profile, rows = counted
    first = stays_closed(rows, profile)
    assert len(first) == 1
    remember(first, profile)
    assert stays_closed(rows, profile) == first
    with pytest.raises(OnwardError, match="Subtracted from what was sent before"):
        stays_closed(rows[1:], profile)
    assert len(stays_closed(rows[4:], profile)) == 2


def test_head_counts_are_shown_where_one_sees_people_one_by_one(small):
    people.elsewhere(small)
    far = people.account("clerk", "data_clerk", office=people.ELSEWHERE)
    page = people.signed_in(far).get("/head-count/?site=camp-1").content.decode()
    assert "camp-1" not in page
    near = people.account("clerk2", "data_clerk")
    page = people.signed_in(near).get("/head-count/").content.decode()
    assert "camp-1" in page
