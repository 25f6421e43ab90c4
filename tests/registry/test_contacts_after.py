"""Contacts after an outcome: written with it, whichever way it is recorded, and taken back with it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.registry.now import projection
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor

DAY = date(2026, 6, 10)
AMINA = Actor("amina", EVERYBODYS, "camp-1")
HOME = (2, 30, 90, 180, 365)
TO_THE_HOST = (1, 7, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360)


def days(after, day=DAY):
    return [day + timedelta(days=n) for n in after]


def contacts(person):
    from onward.registry.models import ThingNow

    rows = ThingNow.objects.filter(kind="follow_up", person=person)
    return sorted(rows, key=lambda row: str(row.facts.get("due_on")))


def due(person):
    return [row.due for row in contacts(person) if row.due]


def recorded(person, move, *, day=DAY, key=None, **how):
    done = acts.record(AMINA, ("person", person), move, effective=day.isoformat(),
                       idempotency_key=key or f"{person}-{move}-{day}", **how)  # fmt: skip
    return done.events[0]


def contacted(person, on, result):
    (row,) = [row for row in contacts(person) if row.due == on]
    acts.record(AMINA, ("follow_up", row.thing), "recorded", effective=on.isoformat(),
                facts={"done_on": on.isoformat(), "result": result},
                idempotency_key=f"contact-{row.thing}")  # fmt: skip
    return row.thing


def test_authorising_a_return_plans_its_contacts_for_each_of_a_family_once(small):
    for _twice in range(2):
        done = acts.authorise(
            AMINA, ["H1-P1", "H1-P2"], "T7.done", None, on=DAY, idempotency_key="k1"
        )
        assert [event.kind for event in done.events] == ["T7.done", "T7.done"]
    for person in ("H1-P1", "H1-P2"):
        assert due(person) == days(HOME)
        assert {tuple(sorted(row.facts)) for row in contacts(person)} == {("due_on", "person")}
    assert projection.compare(small) == []


@pytest.mark.parametrize(
    ("move", "after"),
    [("T20.done", TO_THE_HOST), ("T16.arrived", (30,)), ("T17.left_unassisted", (30,)),
     ("T16.departed", ()), ("T13.done", ())],
)  # fmt: skip
def test_recording_what_happened_plans_what_the_calendar_says_of_it(small, move, after):
    recorded("H4-P1", move, key="it")
    recorded("H4-P1", move, key="it")
    assert due("H4-P1") == days(after)
    assert projection.compare(small) == []


def test_a_convoy_plans_the_contacts_of_everybody_who_boarded(small):
    who = ["H1-P1", "H1-P2", "H2-P1", "H2-P2", "H4-P1"]
    entries = [
        {"subject": ("person", person), "kind": "T7.done", "effective": "2026-06-10", "destination": "IRN"}
        for person in who
    ]  # fmt: skip
    done = acts.record_batch(AMINA, entries, idempotency_key="convoy")
    assert acts.record_batch(AMINA, entries, idempotency_key="convoy").again
    assert {person: due(person) for person in who} == dict.fromkeys(who, days(HOME))
    first = next(event for event in done.events if event.subject.id == "H1-P1")
    acts.record_batch(AMINA, [{"takes_back": first.id}], idempotency_key="not-aboard")
    assert due("H1-P1") == []
    assert due("H1-P2") == days(HOME)
    assert projection.compare(small) == []


def test_a_child_is_followed_up_with_its_family(small):
    family = [
        acts.Member({"birth": birth, "site": "camp-1"}, person=name)
        for name, birth in (("mother", "1988-02-03"), ("child", "2019-05-06"))
    ]
    acts.register_household(AMINA, family, effective="2026-06-01", idempotency_key="family")
    for person in ("mother", "child"):
        recorded(person, "T7.done")
        assert due(person) == days(HOME)


def test_what_was_recorded_by_mistake_takes_its_contacts_back_but_those_made(small):
    event = recorded("H4-P1", "T7.done", day=date(2026, 6, 1))
    made = contacted("H4-P1", date(2026, 6, 3), "safe")
    acts.retract(AMINA, event.id, idempotency_key="mistake")
    (stays,) = contacts("H4-P1")
    assert (stays.thing, stays.due, stays.facts["result"]) == (made, None, "safe")
    assert projection.compare(small) == []


def test_whoever_never_left_is_not_looked_for_although_they_were_not_reached(small):
    event = recorded("H4-P1", "T7.done", day=date(2026, 6, 1))
    tried = contacted("H4-P1", date(2026, 6, 3), "not_reached")
    acts.retract(AMINA, event.id, idempotency_key="mistake")
    (stays,) = contacts("H4-P1")
    assert (stays.thing, stays.due, stays.facts["result"]) == (tried, None, "not_reached")
    assert projection.compare(small) == []


def test_a_departure_on_another_day_moves_what_was_not_made(small):
    event = recorded("H4-P1", "T7.done", day=date(2026, 6, 1))
    contacted("H4-P1", date(2026, 6, 3), "safe")
    acts.correct(AMINA, event.id, facts={}, effective="2026-06-04", idempotency_key="right")
    assert due("H4-P1") == days(HOME[1:], date(2026, 6, 4))
    assert contacts("H4-P1")[0].facts["due_on"] == "2026-06-03"
    assert projection.compare(small) == []


def test_where_somebody_went_put_right_moves_nothing(small):
    event = recorded("H4-P1", "T7.done")
    before = [row.thing for row in contacts("H4-P1")]
    acts.correct(AMINA, event.id, facts={"went_to": "XXB"}, idempotency_key="right")
    assert [row.thing for row in contacts("H4-P1")] == before


def test_a_contact_planned_by_hand_for_that_day_is_the_calendars(small):
    acts.record(AMINA, ("follow_up", "f-1"), "recorded", effective="2026-06-10",
                facts={"person": "H4-P1", "due_on": "2026-07-10"}, idempotency_key="f-1")  # fmt: skip
    recorded("H4-P1", "T7.done")
    assert due("H4-P1") == days(HOME)
    assert "f-1" in {row.thing for row in contacts("H4-P1")}


def test_a_contact_taken_back_by_hand_stays_taken_back(small):
    from onward.registry.models import EventRow

    event = recorded("H4-P1", "T7.done")
    (first, *_rest) = contacts("H4-P1")
    (opened,) = EventRow.objects.filter(subject_kind="follow_up", subject_id=first.thing)
    acts.retract(AMINA, opened.event_id, idempotency_key="not-this")
    acts.correct(AMINA, event.id, facts={"went_to": "XXB"}, idempotency_key="right")
    assert due("H4-P1") == days(HOME[1:])


def test_nobody_who_had_died_is_followed_up(small):
    recorded("H4-P1", "T22.deceased", day=date(2026, 6, 9))
    recorded("H4-P1", "T7.done")
    assert contacts("H4-P1") == []
    recorded("H1-P1", "T7.done")
    death = recorded("H1-P1", "T22.deceased", day=date(2026, 6, 9))
    assert contacts("H1-P1") == []
    acts.retract(AMINA, death.id, idempotency_key="lives")
    assert due("H1-P1") == days(HOME)
    assert projection.compare(small) == []


def test_who_is_held_by_the_host_is_visited_until_the_follow_up_is_closed(small):
    recorded("H4-P1", "T20.done", day=date(2025, 4, 1))
    began = date(2025, 4, 1)
    contacted("H4-P1", days((360,), began)[0], "safe")
    assert due("H4-P1")[-1] == days((390,), began)[0]
    closed = recorded("H4-P1", "T21.closed", day=date(2026, 4, 5))
    assert due("H4-P1") == days(TO_THE_HOST[:-1], began)
    acts.record(AMINA, ("incident", "i-1"), "recorded", effective="2026-06-09",
                facts={"person": "H4-P1", "severity": 1}, idempotency_key="i-1")  # fmt: skip
    assert due("H4-P1")[-1] == days((390,), began)[0], "what befell somebody opens it again"
    acts.retract(AMINA, closed.id, idempotency_key="not-closed")
    assert due("H4-P1")[-1] == days((390,), began)[0]
    assert projection.compare(small) == []


def test_a_list_that_says_a_contact_was_made_or_a_follow_up_closed_says_it_of_the_calendar(
    small, tmp_path
):
    from onward.registry.importing.commit import Importer

    def bring(name, kind, columns, row):
        (tmp_path / f"{name}.csv").write_text(",".join(columns) + "\n" + row, "utf-8")
        targets = ", ".join(f"{column}: {to}" for column, to in columns.items())
        (tmp_path / f"{name}.yaml").write_text(
            f"profile: {name}\nnumbers: camp\ncalendar: gregorian\ndate_order: year-month-day\n"
            "file: {encoding: utf-8, delimiter: comma}\n"
            f"{kind}\ncolumns: {{{targets}}}\n", "utf-8",
        )  # fmt: skip
        importer = Importer(small, by="list")
        importer.bring(tmp_path / f"{name}.csv", tmp_path / f"{name}.yaml")
        projection.ensure(small)

    people = {"no": "person", "family": "household", "born": "birth", "from": "effective"}
    bring("people", "rows: people", people, "1,A,1980,2025-01-01\n")
    steps = {"no": "person", "day": "event.date", "step": "event.kind"}
    bring("steps", "rows: events", steps, "1,2025-04-01,T20.done\n")
    (person,) = {event.subject.id for event in small.store.read() if event.kind == "T20.done"}
    began = date(2025, 4, 1)
    assert due(person) == days(TO_THE_HOST, began)
    made = {
        "no": "person",
        "day": "event.date",
        "due": "due_on",
        "done": "done_on",
        "said": "result",
    }
    last = days((360,), began)[0]
    bring(
        "made", "rows: events\nevent: {kind: follow_up}", made, f"1,{last},{last},{last},safe\n"
    )
    assert due(person)[-1] == days((390,), began)[0]
    bring("closed", "rows: events", steps, "1,2026-04-05,T21.closed\n")
    assert due(person) == days(TO_THE_HOST[:-1], began)
    assert projection.compare(small) == []


def test_of_two_registrations_of_one_person_the_contacts_are_not_doubled(small):
    acts.record(AMINA, ("person", "H2-P1"), "merged", effective="2026-06-01",
                facts={"into": "H4-P1"}, idempotency_key="one")  # fmt: skip
    recorded("H4-P1", "T7.done")
    recorded("H2-P1", "T7.done")
    assert due("H4-P1") == days(HOME)


def test_two_who_were_followed_up_and_turn_out_to_be_one_are_followed_up_once(small):
    recorded("H4-P1", "T7.done")
    recorded("H2-P1", "T7.done")
    acts.record(AMINA, ("person", "H2-P1"), "merged", effective="2026-06-01",
                facts={"into": "H4-P1"}, idempotency_key="one")  # fmt: skip
    assert due("H4-P1") == days(HOME)
    assert projection.compare(small) == []


def test_recording_asks_the_record_no_more_often_because_there_is_more_in_it(small):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from test_query_counts import grow

    def asked(person):
        with CaptureQueriesContext(connection) as found:
            recorded(person, "T7.done")
        return len(found.captured_queries)

    recorded("H2-P1", "T7.done")
    few = asked("H1-P1")
    grow(small, 40)
    for number in range(20):
        recorded(f"G{number}-P1", "T7.done")
    assert asked("G30-P1") <= few


def test_what_bears_on_no_outcome_asks_nothing_more(small, monkeypatch):
    from onward.registry.recording import afterwards

    monkeypatch.setattr(
        afterwards, "_on_record", lambda *_: pytest.fail("the record was asked")
    )
    acts.record(AMINA, ("person", "H1-P1"), "recorded", effective="2026-06-10",
                facts={"language": "ku"}, idempotency_key="k1")  # fmt: skip
    acts.record(AMINA, Subject("complaint", "c-1"), "recorded", effective="2026-06-10",
                facts={"person": "H1-P1", "category": "services"}, idempotency_key="k2")  # fmt: skip
    recorded("H1-P1", "T22.absent")
