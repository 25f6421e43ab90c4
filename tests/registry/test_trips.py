"""Several statements in one trip: the same answers as one after the other, and few trips."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from onward.caseload.events import Subject, new_event
from onward.registry.database import trips
from onward.registry.now import neighbourhood, projection

NOW = datetime(2026, 6, 10, 9, tzinfo=UTC)


def test_answers_come_in_the_order_asked_and_as_what_was_asked_for(small):
    from onward.registry.models import PersonNow, ThingNow

    people = PersonNow.objects.filter(household="H1")
    things = ThingNow.objects.filter(kind="consent")
    asked = trips.ask(
        people.order_by("person"),
        small.store.end_question(),
        people.none(),
        things.order_by("thing").values_list("thing", "person"),
        things.order_by("thing").values_list("thing", flat=True),
        ("SELECT count(*) FROM onward_event WHERE operation = %s", ["meridian"]),
    )
    assert [row.person for row in asked[0]] == [row.person for row in people.order_by("person")]
    assert [row.facts for row in asked[0]] == [row.facts for row in people.order_by("person")]
    assert [row.first_on for row in asked[0]] == [
        row.first_on for row in people.order_by("person")
    ]
    assert asked[1][0][0] == small.store.last_seq() == asked[5][0][0]
    assert asked[2] == []
    assert asked[3] == list(things.order_by("thing").values_list("thing", "person"))
    assert asked[4] == list(things.order_by("thing").values_list("thing", flat=True))
    with pytest.raises(TypeError, match="values_list"):
        trips.ask(people.values("person"))


def test_questions_that_stand_are_answered_about_each_key_as_if_written_for_it(small):
    from uuid import uuid4

    import registry_cast as cast

    from onward.registry.models import Account, Assignment
    from onward.registry.permissions import assignments

    boss = cast.account("chantal", "supervisor")
    amina, bahar = cast.account("amina", "interviewer"), cast.account("bahar", "counsellor")
    assignments.assign(boss, "H1-P1", to=amina, reason="interview")
    assignments.assign(boss, "H2-P1", to=bahar, reason="interview")
    made = []

    def questions(key):
        made.append(key)
        return [
            Account.objects.filter(pk=key),
            Assignment.objects.filter(account_id=key).values_list("person", flat=True),
            ("SELECT %s", [f"account:{key}"]),
            Account.objects.none(),
        ]

    standing = trips.Standing(questions)
    for who in (amina, bahar, amina):
        anew = trips.ask(*questions(who.pk))
        assert trips.ask(*standing.of(who.pk)) == anew
        assert [account.username for account in anew[0]] == [who.username]
        assert anew[1:] == [
            ["H1-P1" if who is amina else "H2-P1"], [(f"account:{who.pk}",)], []
        ]  # fmt: skip
    assert trips.ask(*standing.of(uuid4()))[0] == []
    keys = {amina.pk, bahar.pk}
    assert len([key for key in made if key not in keys]) == 1, "written once"
    standing.of(amina.pk, "another operation")
    assert len([key for key in made if key not in keys]) == 2


def test_what_is_changed_together_is_changed_as_each_alone(small):
    from django.db import IntegrityError, transaction

    from onward.registry.models import PersonNow, ThingNow

    row = ThingNow(
        operation="meridian", kind="complaint", thing="x1", person="H1-P1", office="camp-1",
        facts={"category": "services"}, first_on=NOW.date(), revision=7,
    )  # fmt: skip
    key = {"operation": "meridian", "person": "H1-P1"}
    with transaction.atomic():
        trips.send(
            [
                trips.inserted(row),
                trips.changed(
                    PersonNow, key, {"facts": {"a": 1}}, at_least={"revision": 10**6}
                ),
                trips.changed(PersonNow, key, {}, at_least={"revision": 5}),
            ]
        )
    found = ThingNow.objects.get(kind="complaint", thing="x1")
    assert (found.facts, found.first_on, found.due) == (row.facts, row.first_on, None)
    person = PersonNow.objects.get(person="H1-P1")
    assert (person.facts, person.revision) == ({"a": 1}, 10**6)  # raised, and not lowered
    with pytest.raises(IntegrityError), transaction.atomic():
        trips.send([trips.changed(PersonNow, key, {"facts": {}}), trips.inserted(row)])
    assert PersonNow.objects.get(person="H1-P1").facts == {"a": 1}
    with transaction.atomic():
        trips.send([trips.removed(ThingNow, {"kind": "complaint", "thing": ["x1", "x2"]})])
    assert not ThingNow.objects.filter(kind="complaint", thing="x1").exists()


@pytest.mark.parametrize("seed", range(4))
def test_who_is_near_is_whoever_shared_a_home_or_was_merged_and_so_on(small, seed):
    maker = random.Random(seed)
    people = [e.subject.id for e in small.store.read() if e.subject.kind == "person"]
    people = sorted(set(people))
    homes = [f"N{n}" for n in range(5)]
    batch = []
    for number in range(8):
        kind, facts = "recorded", {"household": maker.choice(homes)}
        if number % 4 == 3:
            kind, facts = "merged", {"into": maker.choice(people)}
        batch.append(
            new_event(
                small.rulebook, operation="meridian", kind=kind, effective="2026-06-10",
                subject=Subject("person", maker.choice(people)), by="amina", instant=NOW,
                random=maker, facts=facts,
            )
        )  # fmt: skip
    small.store.append([e for e in batch if e.facts.get("into") != e.subject.id])
    projection.rebuild(small)
    joined: dict[str, set[str]] = {}
    for event in small.store.read():
        if event.subject.kind == "person":
            ends = {f"p {event.subject.id}"}
            if event.facts.get("household"):
                ends.add(f"h {event.facts['household']}")
            if event.kind == "merged":
                ends.add(f"p {event.facts['into']}")
            for each in ends:
                joined.setdefault(each, set()).update(ends)
    homeless = {f"p {each}" for each in neighbourhood.of_no_household()}
    for person in people:
        near, new = set(), {f"p {person}", *homeless}
        while new:
            near |= new
            new = {other for each in new for other in joined.get(each, ())} - near
        found, _ = neighbourhood.people_near([person], small.store)
        assert {f"p {each}" for each in found.people} == {e for e in near if e[0] == "p"}
        assert {f"h {each}" for each in found.households} == {e for e in near if e[0] == "h"}


def test_recording_takes_few_trips_to_a_server(small):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    def complains(name):
        acts.record(
            Actor("amina", frozenset({"protection_officer"}), "camp-1"), ("complaint", name), "recorded",
            effective="2026-06-10", facts={"person": "H1-P1", "category": "coercion"}, idempotency_key=name,
        )  # fmt: skip

    complains("f1")  # reads the rulebook
    with CaptureQueriesContext(connection) as asked:
        complains("f2")
    writing = [each["sql"] for each in asked]
    ours = writing[next(n for n, text in enumerate(writing) if text.startswith("BEGIN")) :]
    if connection.vendor == "postgresql":
        # The lock with what is asked under it, then everything that is written, then the end.
        assert [text.split()[0] for text in ours] == ["BEGIN", "SELECT", "INSERT", "COMMIT"]
        assert len(writing) <= 8
    assert len([text for text in writing if text.startswith("INSERT")]) <= 3
    assert projection.compare(small) == []
