"""The caseload kept beside the log is what the log says, after every kind of event."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject, new_event
from onward.registry.now import foreseeing, neighbourhood, projection, whole

NOW = datetime(2026, 6, 10, 9, tzinfo=UTC)


def test_somebody_of_no_known_household_bears_on_everybody(small):
    """A member whose household is not recorded might be the one who did not agree."""
    import random
    from datetime import UTC, datetime

    from onward.caseload.events import Subject, new_event
    from onward.registry.models import PersonNow

    def say(kind, facts):
        small.record(
            [
                new_event(
                    small.rulebook, operation=small.settings.id, subject=Subject("person", "solo"),
                    kind=kind, effective="2026-06-01", by="amina", instant=datetime.now(UTC),
                    random=random.SystemRandom(), facts=facts, idempotency_key=f"solo:{kind}",
                )
            ]
        )  # fmt: skip
        projection.ensure(small)
        assert projection.compare(small) == []
        steps = PersonNow.objects.get(person="H1-P1").steps
        return next(step["open"] for step in steps if step["move"] == "T7.done")

    assert not say("registered", {"site": "camp-1"})
    assert say("recorded", {"household": "H99"})


def test_it_is_what_the_log_says(small):
    from onward.registry.models import PersonNow

    assert projection.compare(small) == []
    both = PersonNow.objects.filter(household="H1")
    assert {row.person for row in both} == {"H1-P1", "H1-P2"}
    first = PersonNow.objects.get(person="H1-P1")
    assert (first.stage, first.place, first.adult) == ("return_cleared", "in_camp", True)
    assert [step["move"] for step in first.steps if step["open"]].count("T7.done") == 1
    other = PersonNow.objects.get(person="H2-P1")
    step = next(step for step in other.steps if step["move"] == "T7.done")
    assert not step["open"]
    assert "G3.consent" in step["failed"]


def test_a_neighbourhood_from_the_rows_is_the_neighbourhood_folded(small):
    rulebook, store, day = small.rulebook, small.store, small.default_date()
    for person in ("H1-P1", "H4-P2", "H7-P1"):
        found = neighbourhood.near([person], store, rulebook)
        kept = neighbourhood.from_rows(found, rulebook, day)
        folded = neighbourhood.folded(found, store, rulebook, day)
        assert kept.tables.keys() == folded.tables.keys()
        for kind, table in folded.tables.items():
            assert kept.tables[kind].equals(table), kind


def test_adopting_a_plan_leaves_the_rows_as_they_are_and_up_to_date(small):
    event = new_event(
        small.rulebook, operation="meridian", subject=Subject("plan", "0" * 64), kind="adopted",
        effective="2026-06-10", by="chantal", instant=NOW, random=random.Random(1),
    )  # fmt: skip
    small.record([event])
    assert projection.ensure(small) is False
    assert projection.compare(small) == []


@pytest.mark.slow
def test_it_follows_every_kind_of_event(small):
    """Registration, facts, things, a merge, a retraction, and what bears on everybody."""
    from onward.registry.models import PersonNow

    maker = random.Random(2)

    def happens(kind, subject, *, supersedes=None, **facts):
        event = new_event(
            small.rulebook, operation="meridian", subject=Subject(*subject), kind=kind,
            effective="2026-06-10", by="amina", instant=NOW, random=maker, facts=facts,
            supersedes=supersedes,
        )  # fmt: skip
        [placed] = small.record([event])
        return placed

    happens("registered", ("person", "new"), household="H1", sex="male")
    happens("recorded", ("household", "H1"), roster_size=3)
    happens("recorded", ("person", "H2-P1"), intended_pathway="stay", household="H3")
    claim = happens("recorded", ("claim", "c1"), person="H4-P1", expressed_on="2026-06-01")
    happens("retracted", ("claim", "c1"), supersedes=claim.id)
    happens("merged", ("person", "H5-P1"), into="H5-P2")
    assert projection.compare(small) == []
    assert not PersonNow.objects.filter(person="H5-P1").exists()
    assert projection.ensure(small) is False
    happens("recorded", ("destination", "IRN"), information_updated_on="2026-06-09")
    assert projection.ensure(small) is True
    assert projection.compare(small) == []
    blocked = PersonNow.objects.get(person="H1-P1")
    step = next(step for step in blocked.steps if step["move"] == "T7.done")
    assert "G6.passed" in step["failed"]


@pytest.mark.slow
def test_what_one_thing_changes_is_found_narrowly_and_is_what_the_log_says(small, monkeypatch):
    """Complaints, consents, interviews …: one row and the findings that read it, as the whole."""
    from onward.registry.now import narrow

    maker = random.Random(3)
    found: list[bool] = []
    real = narrow.narrowly

    def seen(*given):
        answer = real(*given)
        found.append(answer is not None)
        return answer

    monkeypatch.setattr(narrow, "narrowly", seen)

    def happens(kind, subject, *, effective="2026-06-10", supersedes=None, **facts):
        event = new_event(
            small.rulebook, operation="meridian", subject=Subject(*subject), kind=kind,
            effective=effective, by="amina", instant=NOW, random=maker, facts=facts,
            supersedes=supersedes,
        )  # fmt: skip
        [placed] = small.record([event])
        return placed

    happens("recorded", ("complaint", "n1"), person="H1-P1", category="coercion", triaged=False)
    happens("recorded", ("complaint", "n1"), triaged=True)
    happens("recorded", ("complaint", "n2"), household="H1", category="coercion")
    happens("recorded", ("claim", "n3"), person="H4-P1", expressed_on="2026-06-01")
    happens("recorded", ("consent", "n4"), person="H2-P1", pathway="return", destination="IRN")
    happens("recorded", ("interview", "n5"), person="H1-P2", purpose="interview")
    happens("recorded", ("follow_up", "n6"), person="H3-P1", due_on="2026-06-20")
    happens("recorded", ("document", "n7"), person="H3-P1", type="exit_permit")
    happens("recorded", ("assessment", "n8"), person="H1-P1", effective="2026-07-01")
    assert found == [True] * 9
    assert projection.compare(small) == []
    # What is corrected, points to nobody known or is pointed to is left to the neighbourhood.
    wrong = happens("recorded", ("complaint", "n9"), person="H1-P1", category="coercion")
    happens("retracted", ("complaint", "n9"), supersedes=wrong.id)
    happens("recorded", ("complaint", "n10"), person="nobody", category="coercion")
    happens("recorded", ("seat", "s1"), person="H1-P1", convoy="v1")
    happens("recorded", ("convoy", "v1"))
    assert not any(found[10:])
    assert projection.compare(small) == []
    # A complaint that names nobody known bears on everybody.
    assert projection.ensure(small) is True
    assert projection.compare(small) == []


SAID = {
    "boolean": (True, False, None), "date": ("2026-05-04", None), "integer": (3, None),
    "country": ("IRN", None), "language": ("ku", None), "text": ("said", None),
}  # fmt: skip


@pytest.mark.slow
def test_every_plain_fact_of_a_person_is_found_narrowly_and_is_what_the_log_says(
    small, monkeypatch
):
    """Known, unknown again, on another day, not yet: one person's facts and what reads them."""
    from onward.registry.now import narrow

    maker = random.Random(4)
    all_of_it: list[str] = []
    real = whole.neighbours
    monkeypatch.setattr(
        whole, "neighbours", lambda *given: all_of_it.append("") or real(*given)
    )
    facts = small.rulebook.kinds["person"].facts
    plain = sorted(narrow._plain_facts(small.rulebook))
    assert {"language", "sex", "capacity_doubted", "specific_needs", "fitness_finding"} <= {
        *plain
    }
    assert not {"birth", "intended_pathway", "intended_destination", "household"} & {*plain}

    def happens(person, effective, said, kind="recorded"):
        event = new_event(
            small.rulebook, operation="meridian", subject=Subject("person", person), kind=kind,
            effective=effective, by="amina", instant=NOW, random=maker, facts=said,
        )  # fmt: skip
        small.record([event])

    def values(fact):
        if fact.type == "code":
            return (*fact.allowed[:2], None)
        return ([fact.allowed[0]], [], None) if fact.type == "codes" else SAID[fact.type]

    rows = [(name, value) for name in plain for value in values(facts[name])]
    maker.shuffle(rows)
    days = ("2026-06-10", "2026-05", "2026-06", "2026-01-02", "2026-12-01")
    people = ("H1-P1", "H1-P2", "H2-P1", "H4-P2")
    for number, (name, value) in enumerate(rows):
        happens(people[number % 4], days[number % 5], {name: value})
    happens("H1-P1", "2026-06-09", {"language": "fa", "sex": "male", "right_to_leave": False})
    assert not all_of_it
    assert projection.compare(small) == []
    # Where somebody belongs, when they were born and what they choose decides more.
    for said in ({"birth": "1999"}, {"intended_pathway": "stay", "language": "ar"}):
        happens("H2-P1", "2026-06-10", said)
    assert len(all_of_it) == 2
    assert projection.compare(small) == []


def test_what_was_foreseen_counts_only_when_nobody_was_quicker(small, monkeypatch):
    from onward.registry.now import narrow
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    asked: list[bool] = []
    real = narrow.narrowly

    def seen(*given):
        from django.db import connection

        asked.append(connection.in_atomic_block)
        return real(*given)

    monkeypatch.setattr(narrow, "narrowly", seen)

    def complains(number, person="H1-P1"):
        acts.record(
            Actor("amina", EVERYBODYS, "camp-1"), ("complaint", f"f{number}"), "recorded", effective="2026-06-10",
            facts={"person": person, "category": "coercion"}, idempotency_key=f"f{number}",
        )  # fmt: skip

    complains(1)
    assert asked == [False]  # worked out before the turn to write, and used
    real_foresee = foreseeing.foresee

    def overtaken_by(*quicker):
        def overtaken(*given, **more):
            real_foresee(*given, **more)
            kept = foreseeing.ahead_of_turn.found
            monkeypatch.setattr(foreseeing, "foresee", real_foresee)
            complains(*quicker)
            foreseeing.ahead_of_turn.found = kept

        monkeypatch.setattr(foreseeing, "foresee", overtaken)
        asked.clear()

    overtaken_by(3)
    complains(2)
    assert asked == [False, False, True]
    overtaken_by(5, "H1-P2")  # of the same household: their steps are made together
    complains(4)
    assert asked == [False, False, True]
    overtaken_by(7, "H3-P1")  # what somebody records elsewhere changes nothing here
    complains(6)
    assert asked == [False, False]
    assert projection.compare(small) == []


def test_a_persons_facts_are_foreseen_too(small, monkeypatch):
    from django.db import connection

    from onward.registry.models import PersonNow
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    worked: list[bool] = []
    real = whole.neighbours

    def seen(*given):
        worked.append(connection.in_atomic_block)
        return real(*given)

    monkeypatch.setattr(whole, "neighbours", seen)

    def says(number, kind="recorded", **facts):
        acts.record(
            Actor("amina", EVERYBODYS, "camp-1"), ("person", "H1-P1"), kind, effective="2026-06-10", facts=facts,
            idempotency_key=f"s{number}",
        )  # fmt: skip

    says(1, language="ku")  # changes one row and what reads a language
    assert worked == []
    says(2, intended_pathway="stay")  # changes who travels together
    assert worked == [False]
    says(3, household="H2")  # who is near whom changes: worked out when it is written
    assert worked == [False, True]
    row = PersonNow.objects.get(person="H1-P1")
    assert (row.facts["language"], row.pathway, row.household) == ("ku", "stay", "H2")
    assert projection.compare(small) == []
