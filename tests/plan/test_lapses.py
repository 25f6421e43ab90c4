"""What lapses on a day, for whom, and what no day can end."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.plan import lapses
from onward.plan.clocks import clocks

TODAY = dt.date(2026, 10, 31)
END = dt.date(2027, 11, 30)


def found(plan, caseload, on, rulebook, since=None):
    return lapses(plan, caseload, on, rulebook=rulebook, since=since).to_pylist()


def test_the_clocks_are_read_off_the_rulebook(rulebook):
    by = {(c.kind, c.column, c.setting) for c in clocks(rulebook)}
    assert by >= {
        ("consent", "signed_on", "consent_valid_days"),
        ("assessment", "made_on", "assessment_valid_days"),
        ("assessment", "made_on", "best_interests_valid_days"),
        ("person", "fitness_checked_on", "fitness_valid_days"),
        ("document", "valid_to", ""),
        ("assurance", "valid_to", ""),
    }
    assert ("waiver", "signed_on", "reflection_days") not in by


def test_when_the_mandate_ends_everyone_it_covers_is_listed(
    example, rulebook, caseload, someone
):
    people = [
        someone("amina"),
        someone("bilal", place="relocated"),
        someone("dawit", active=False),
    ]
    rows = {r["what"]: r for r in found(example, caseload(people), END, rulebook)}
    assert rows["mandate"]["people_ids"] == ["amina", "bilal"]
    assert rows["in_camp"]["people_ids"] == ["amina"]
    assert rows["relocated"]["people_ids"] == ["bilal"]
    assert "basis review required" in rows["mandate"]["says"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("refugee", "never by date"),
        ("gc4_protected", "not ended by an expiry alone"),
        ("asylum_seeker", "until the final decision"),
    ],
)
def test_a_status_no_date_ends_says_so_on_the_day_the_mandate_ends(
    example, rulebook, caseload, someone, status, words
):
    rows = found(example, caseload([someone("amina", legal=status)]), END, rulebook)
    (row,) = [r for r in rows if r["what"] == status]
    assert row["lapses"] is False
    assert row["date"] is None
    assert words in row["says"]
    assert row["people_ids"] == ["amina"]


def test_lawful_stay_ends_with_the_hosts_permit(example, rulebook, caseload, someone):
    people = caseload([someone("amina", legal="lawful_stay")])
    rows = {r["what"]: r for r in found(example, people, dt.date(2027, 12, 31), rulebook)}
    assert rows["lawful_stay"]["lapses"]
    assert rows["lawful_stay"]["people"] == 1
    assert not {r["what"]: r for r in found(example, people, END, rulebook)}["lawful_stay"][
        "lapses"
    ]


def test_without_a_register_people_are_not_counted_and_not_zero(example, rulebook):
    for row in found(example, None, END, rulebook):
        assert row["people"] is None


def test_people_of_whom_it_is_not_known_are_said_apart(example, rulebook, caseload, someone):
    people = [someone("amina", group="recognised_group"), someone("bilal", group=None)]
    rows = {
        r["what"]: r for r in found(example, caseload(people), dt.date(2027, 3, 31), rulebook)
    }
    assert rows["site_permit"]["people_ids"] == ["amina"]
    assert rows["site_permit"]["not_known_people"] == 1


def consent(person, signed, **facts):
    return {"id": f"{person}-{signed}", "person": person, "pathway": "return", "destination": "XAA",
            "signed_on": signed, "in_private": True, "pressure": False, "informed": True,
            "withdrawn": False, **facts}  # fmt: skip


def test_a_consent_is_stale_when_the_newest_one_grows_too_old(
    example, rulebook, caseload, someone
):
    first, second = dt.date(2026, 6, 1), dt.date(2026, 8, 1)
    held = caseload(
        [someone("amina"), someone("bilal"), someone("chantal")],
        consent=[
            consent("amina", first), consent("amina", second), consent("bilal", first),
            consent("chantal", first, withdrawn=True),
        ],
    )  # fmt: skip
    stale = lambda day: [  # noqa: E731
        r["people_ids"]
        for r in found(example, held, day, rulebook)
        if r["what"].startswith("consent")
    ]
    assert stale(first + dt.timedelta(days=180)) == [["bilal"]]
    assert stale(second + dt.timedelta(days=180)) == [["amina"]]
    assert stale(first + dt.timedelta(days=179)) == []


days = st.integers(0, 400).map(lambda n: TODAY - dt.timedelta(days=200) + dt.timedelta(days=n))
rows_of = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["XAA", "NOR", None]), days,
              st.sampled_from([True, False, None])),
    max_size=12,
)  # fmt: skip


@given(rows_of, days, st.integers(0, 120), st.sets(st.sampled_from("abcd")))
@settings(deadline=None, max_examples=40)
def test_stale_consents_agree_with_counting_by_hand(
    example, rulebook, caseload, someone, consents, on, window, gone
):
    held = caseload(
        [someone(p, active=p not in gone) for p in "abcd"],
        consent=[
            {**consent(p, signed, destination=to, withdrawn=w), "id": str(i)}
            for i, (p, to, signed, w) in enumerate(consents)
        ],
    )
    since = on - dt.timedelta(days=window + 1)
    rows = found(example, held, on, rulebook, since)
    newest = {}
    for p, to, signed, withdrawn in consents:
        if withdrawn is False and p not in gone:
            newest[p, to] = max(newest.get((p, to), signed), signed)
    expected = set()
    for (p, _), signed in newest.items():
        last = signed + dt.timedelta(days=180)
        if since < last <= on:
            expected.add((last, p))
    told = {
        (r["date"], p) for r in rows if r["what"].startswith("consent") for p in r["people_ids"]
    }
    assert told == expected


@given(days, st.integers(0, 500))
@settings(deadline=None, max_examples=25)
def test_asking_changes_nobody_and_never_says_closed(
    example, rulebook, caseload, someone, day, more
):
    people = [someone("amina", legal="refugee"), someone("bilal")]
    held = caseload(people, consent=[consent("amina", TODAY)])
    before = {kind: table.to_pylist() for kind, table in held.tables.items()}
    rows = found(example, held, day + dt.timedelta(days=more), rulebook, day)
    assert {kind: table.to_pylist() for kind, table in held.tables.items()} == before
    for row in rows:
        assert row["what"] not in ("refugee", "gc4_protected") or not row["lapses"]
        if row["lapses"] and row["kind"] in ("authority", "status", "place", "assurance"):
            assert "basis review required" in row["says"]


def test_what_an_assurance_carries_is_called_by_its_title(example, rulebook, caseload, someone):
    rows = found(
        example,
        caseload([someone("amina")]),
        dt.date(2099, 1, 1),
        rulebook,
        dt.date(2020, 1, 1),
    )
    said = [row["says"] for row in rows if row["kind"] == "assurance"]
    assert any("because it relies on this: Return home" in one for one in said)
    assert not [one for one in said if re.search(r"\bT\d", one)]
