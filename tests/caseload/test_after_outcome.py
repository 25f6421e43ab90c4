"""Whoever left alive has the calendar's contacts, each once, whatever was said and unsaid of it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.caseload import after_outcome, events_table, fold
from onward.caseload.events import (
    MERGED,
    PERSON,
    RECORDED,
    REGISTERED,
    RETRACTED,
    Subject,
    new_event,
)
from onward.dates import LAST_YEAR
from onward.errors import Faults
from onward.rulebook import load, loads, shipped_path

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
HOME = (2, 30, 90, 180, 365)
TO_THE_HOST = (1, 7, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360)
CALENDAR = {
    "protected-camp": {
        "T7.done": HOME, "T16.arrived": (30,), "T17.departed": (30,),
        "T17.left_unassisted": (30,), "T20.done": TO_THE_HOST,
    },
    "voluntary-return": {"T7.done": HOME, "T7.left_unassisted": HOME},
}  # fmt: skip
"""Which step is followed up on which days, written down apart from the rulebooks."""
RULEBOOKS = {name: load(shipped_path(name)) for name in CALENDAR}


class Log:
    """A log to which nothing is added without what follows from it for contacts."""

    def __init__(self, name="protected-camp", rulebook=None):
        self.rulebook = rulebook or RULEBOOKS[name]
        self.random = random.Random(5)
        self.events = []
        self.whose = {}
        for person in ("p1", "p2", "p3"):
            self.say((PERSON, person), REGISTERED, "2026-01-01")

    def say(self, about, kind, day, *, put="", **facts):
        event = new_event(
            self.rulebook, operation="camp", subject=Subject(*about), kind=kind,
            effective=str(day), by="mira", instant=NOW, random=self.random, facts=facts,
            supersedes=put or None,
        )  # fmt: skip
        self.add([event])
        return event

    def add(self, said):
        owners = after_outcome.owners_in([*self.events, *said])
        people = after_outcome.whom(self.rulebook, said, owners)
        people = after_outcome.everybody_they_are(people, self.whose)
        due = after_outcome.consequences(
            self.rulebook, after_outcome.about([*self.events, *said], people),
            operation="camp", by="mira", instant=NOW, random=self.random,
        ) if people else []  # fmt: skip
        for event in (*said, *due):
            stamp = "2026-06-01T08:00:00.000000Z"
            self.events.append(event.placed(seq=len(self.events) + 1, recorded=stamp))
        return due

    def left(self, person="p1", move="T7.done", day="2026-03-01", **how):
        return self.say((PERSON, person), move, day, **how)

    def made(self, day, result="safe", *, person="p1", on=None):
        on = str(on or day)
        return self.say(self.contact(day, person), RECORDED, on, done_on=on, result=result)

    def take_back(self, event):
        return self.say(
            (event.subject.kind, event.subject.id), RETRACTED, event.effective, put=event.id
        )

    def contacts(self, on=date(2029, 1, 1)):
        table = fold(events_table(self.events, self.rulebook), self.rulebook, as_of=on)
        return table.tables["follow_up"].to_pylist()

    def due(self, person="p1"):
        return sorted(
            row["due_on"]
            for row in self.contacts()
            if row["person"] == person and row["due_on"]
        )

    def contact(self, day, person="p1"):
        (found,) = [
            r["id"] for r in self.contacts() if r["person"] == person and r["due_on"] == day
        ]
        return ("follow_up", found)


def days(after, day="2026-03-01"):
    return [date.fromisoformat(day) + timedelta(days=n) for n in after]


@pytest.mark.parametrize("name", CALENDAR)
def test_every_step_of_a_rulebook_is_followed_up_as_the_calendar_says_or_not_at_all(name):
    for key in RULEBOOKS[name].moves():
        log = Log(name)
        log.left(move=key)
        assert log.due() == days(CALENDAR[name].get(key, ())), key


def test_a_rulebook_that_names_no_step_follows_up_every_outcome_with_a_calendar():
    without = replace(RULEBOOKS["protected-camp"], processes={})
    assert without.contacts_after["T17.departed"] == (30,)
    assert without.contacts_after["T20.done"] == TO_THE_HOST
    assert "T18.proposed" not in without.contacts_after


@pytest.mark.parametrize("lacking", ["kind", "day", "person"])
def test_a_rulebook_that_cannot_keep_contacts_records_outcomes_without(lacking):
    book = RULEBOOKS["protected-camp"]
    kind = book.kinds["follow_up"]
    kinds = {name: each for name, each in book.kinds.items() if name != "follow_up"}
    if lacking == "day":
        facts = {n: f for n, f in kind.facts.items() if n != "due_on"}
        kinds["follow_up"] = replace(kind, facts=facts)
    elif lacking == "person":
        kinds["follow_up"] = replace(kind, refs={})
    log = Log(rulebook=replace(book, kinds=kinds))
    log.left()
    assert [event.kind for event in log.events[3:]] == ["T7.done"]


def test_a_day_at_the_end_of_all_calendars_is_recorded():
    log = Log()
    log.left(day=f"{LAST_YEAR}-12-30")
    assert log.events[3].kind == "T7.done"
    assert log.due() == []


def test_contacts_count_from_the_day_by_which_somebody_had_surely_left():
    log = Log()
    log.left(day="2026-03")
    assert log.due() == days(HOME, "2026-03-31")


def test_said_again_nothing_is_added():
    log = Log()
    log.left()
    assert log.add([]) == []
    again = log.left()
    assert log.due() == days(HOME)
    log.take_back(again)
    assert log.due() == days(HOME)


def test_an_outcome_taken_back_takes_back_what_was_not_made_and_brings_the_same_back():
    log = Log()
    first = log.left()
    names = {row["id"] for row in log.contacts()}
    log.say(
        log.contact(date(2026, 3, 3)),
        RECORDED,
        "2026-03-03",
        done_on="2026-03-03",
        result="safe",
    )
    log.take_back(first)
    (stays,) = log.contacts()
    assert (stays["result"], stays["due_on"]) == ("safe", date(2026, 3, 3))
    log.left()
    assert log.due() == days(HOME)
    assert {row["id"] for row in log.contacts()} == names


def test_whoever_was_not_reached_and_never_left_is_looked_for_no_longer():
    log = Log()
    first = log.left()
    tried = log.contact(date(2026, 3, 3))
    log.say(tried, RECORDED, "2026-03-04", done_on="2026-03-04", result="not_reached")
    log.take_back(first)
    (stays,) = log.contacts()
    assert (stays["result"], stays["due_on"]) == ("not_reached", None)
    assert stays["person"] == "p1"


def test_an_outcome_on_another_day_moves_its_contacts_but_those_made():
    log = Log()
    first = log.left()
    log.say(
        log.contact(date(2026, 3, 3)),
        RECORDED,
        "2026-03-03",
        done_on="2026-03-03",
        result="safe",
    )
    second = log.left(day="2026-03-02", put=first.id)
    assert log.due() == [date(2026, 3, 3), *days(HOME[1:], "2026-03-02")]
    log.left(day="2026-03-01", put=second.id)
    assert log.due() == days(HOME)


def test_an_outcome_of_which_something_else_is_put_right_keeps_its_contacts():
    log = Log()
    first = log.left()
    before = log.contacts()
    log.left(put=first.id, went_to="XAA")
    assert log.contacts() == before


def test_a_contact_put_off_by_hand_stays_where_it_was_put():
    log = Log()
    first = log.left()
    log.say(log.contact(date(2026, 3, 3)), RECORDED, "2026-03-01", due_on="2026-03-09")
    log.left(put=first.id, went_to="XAA")
    assert log.due() == [*days((8,)), *days(HOME[1:])]


def test_a_contact_that_somebody_planned_for_that_day_is_the_calendars():
    log = Log()
    log.say(("follow_up", "f1"), RECORDED, "2026-03-01", person="p1", due_on="2026-03-31")
    first = log.left()
    assert log.due() == days(HOME)
    log.take_back(first)
    assert [row["id"] for row in log.contacts()] == ["f1"]


def test_a_contact_taken_back_by_hand_is_not_brought_back():
    log = Log()
    first = log.left()
    kind, name = log.contact(date(2026, 3, 31))
    (opened,) = [event for event in log.events if event.subject == Subject(kind, name)]
    log.take_back(opened)
    log.left(put=first.id, went_to="XAA")
    assert log.due() == days((2, 90, 180, 365))


def test_nobody_who_died_before_is_followed_up_and_whoever_did_not_die_is():
    log = Log()
    log.left()
    death = log.left(move="T22.deceased", day="2026-02-27")
    assert log.due() == []
    log.take_back(death)
    assert log.due() == days(HOME)
    log.left(move="T22.deceased", day="2026-05-01")
    assert log.due() == days(HOME), (
        "who left alive and died later: nobody looks for them (contacts)"
    )


def test_of_two_records_of_one_person_each_day_has_one_contact():
    log = Log()
    log.left("p1")
    log.whose = {"p2": "p1"}
    log.say((PERSON, "p2"), MERGED, "2026-02-01", into="p1")
    log.left("p2")
    assert log.due("p1") == days(HOME)


def test_two_who_were_followed_up_and_turn_out_to_be_one_are_followed_up_once_and_apart_again():
    log = Log()
    log.left("p1")
    log.left("p2")
    before = log.contacts()
    merged = log.say((PERSON, "p2"), MERGED, "2026-02-01", into="p1")
    log.whose = {"p2": "p1"}
    assert log.due("p1") == days(HOME)
    log.take_back(merged)
    assert log.contacts() == before


def test_who_is_detained_is_visited_every_month_until_somebody_closes_the_follow_up():
    log = Log()
    log.left(move="T20.done")
    last = date(2026, 3, 1) + timedelta(days=360)
    log.made(days((330,))[0])
    assert log.due()[-1] == last, "a year of them, and the last is still to come"
    made = log.made(last)
    assert log.due() == days((*TO_THE_HOST, 390))
    log.made(days((390,))[0], "not_reached")
    assert log.due() == days((*TO_THE_HOST, 390, 420)), "silence does not end it"
    log.take_back(made)
    assert log.due() == days((*TO_THE_HOST, 390, 420)), (
        "what was tried later stays, and so does the next"
    )
    closed = log.left(move="T21.closed", day=days((400,))[0])
    assert log.due() == days((*TO_THE_HOST, 390))
    log.take_back(closed)
    assert log.due() == days((*TO_THE_HOST, 390, 420))


def test_who_went_on_from_there_is_visited_there_no_longer():
    log = Log()
    log.left(move="T20.done")
    log.left(day="2027-01-10")
    last = date(2027, 1, 10) + timedelta(days=365)
    log.made(last)
    assert log.due() == sorted({*days(TO_THE_HOST), *days(HOME, "2027-01-10")})


def test_nobody_who_died_is_visited_further():
    log = Log()
    log.left(move="T20.done")
    log.left(move="T22.deceased", day=days((360,))[0])
    log.made(days((360,))[0])
    assert log.due() == days(TO_THE_HOST)


@pytest.mark.parametrize("move", ["T7.done", "T17.departed", "T20.done"])
def test_a_closed_follow_up_ends_the_contacts_to_come_and_leaves_those_that_were_due(move):
    log = Log()
    log.left(move=move)
    before = log.contacts()
    closed = log.left(move="T21.closed", day="2026-03-20")
    wanted = [n for n in CALENDAR["protected-camp"][move] if n <= 19]
    assert log.due() == days(wanted), "what was due by then is still to be said"
    log.take_back(closed)
    assert log.contacts() == before


def test_an_incident_opens_a_closed_follow_up_again():
    log = Log()
    log.left()
    before = log.contacts()
    log.say(("incident", "i1"), RECORDED, "2026-03-05", person="p1", severity=1)
    log.left(move="T21.closed", day="2026-03-20")
    assert log.due() == days((2,)), "one that was known when it was closed does not"
    log.say(("incident", "i2"), RECORDED, "2026-04-20", person="p2", severity=1)
    assert log.due() == days((2,)), "nor what befell somebody else"
    log.say(("incident", "i3"), RECORDED, "2026-04-21", person="p1", severity=1)
    assert log.contacts() == before


def test_a_closing_is_of_its_own_time_away():
    log = Log()
    log.left(day="2025-03-01")
    log.left(move="T21.closed", day="2025-04-20")
    log.left(day="2026-03-01")
    early = [*days((2, 30), "2025-03-01")]
    assert log.due() == [*early, *days(HOME)]
    log.left(move="T21.closed", day="2026-03-20")
    assert log.due() == [*early, *days((2,))]


def test_a_calendar_that_ends_asks_for_nothing_more_and_one_that_goes_on_says_after_what():
    log = Log()
    log.left()
    log.made(days((365,))[0])
    assert log.due() == days(HOME)
    text = shipped_path("protected-camp").read_text("utf-8")
    empty = text.replace("onward: {days: [30]", "onward: {then_every: 7, days: []")
    with pytest.raises(Faults, match="then_every"):
        loads(empty)


ACTIONS = st.tuples(
    st.sampled_from(["leave", "leave", "retract", "correct", "die", "close", "harm"]),
    st.integers(0, 10**6),
    st.sampled_from(["p1", "p2", "p3"]),
    st.integers(0, 500),
)


@pytest.mark.parametrize("name", CALENDAR)
@settings(max_examples=30)
@given(actions=st.lists(ACTIONS, min_size=1, max_size=14))
def test_everybody_who_left_alive_has_exactly_the_contacts_of_the_calendar(name, actions):
    log, stands, harmed = Log(name), {}, []
    moves = sorted({*CALENDAR[name], *RULEBOOKS[name].moves()})
    closes = "T21.closed"
    assert closes in moves
    for what, pick, person, offset in actions:
        day = date(2026, 1, 1) + timedelta(days=offset)
        if what == "leave":
            outcomes = sorted(CALENDAR[name])
            move = outcomes[pick % len(outcomes)] if pick % 4 else moves[pick % len(moves)]
            event = log.left(person, move, day)
        elif what == "die":
            event = log.left(person, "T22.deceased", day)
        elif what == "close":
            event = log.left(person, closes, day)
        elif what == "harm":
            log.say(("incident", f"i{len(harmed)}"), RECORDED, day, person=person, severity=1)
            harmed.append((person, len(log.events)))
            continue
        elif not stands:
            continue
        else:
            old = stands.pop(sorted(stands)[pick % len(stands)])
            if what == "retract":
                log.take_back(old)
                continue
            event = log.left(old.subject.id, old.kind, day, put=old.id)
        stands[event.id] = event
    place = {event.id: number for number, event in enumerate(log.events, 1)}
    contacts = log.contacts()
    for person in ("p1", "p2", "p3"):
        theirs = [e for e in stands.values() if e.subject.id == person]
        died = min((e.effective for e in theirs if e.kind == "T22.deceased"), default="9")
        wanted = {
            due
            for event in theirs
            if event.effective <= died
            for due in days(CALENDAR[name].get(event.kind, ()), event.effective)
            if str(due)
            <= min(
                (
                    e.effective
                    for e in theirs
                    if e.kind == closes
                    and e.effective >= event.effective
                    and not any(who == person and at > place[e.id] for who, at in harmed)
                ),
                default="9",
            )
        }
        assert sorted(row["due_on"] for row in contacts if row["person"] == person) == sorted(
            wanted
        )
