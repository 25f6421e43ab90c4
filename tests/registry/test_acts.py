"""What can be done to the record: authorising asks the safeguards, recording never does."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.errors import Faults, OnwardError
from onward.registry.now import projection
from onward.registry.recording import acts, writing
from onward.registry.recording.actors import Actor

DAY = date(2026, 6, 10)
AMINA = Actor("amina", EVERYBODYS, "camp-1")
BILAL = Actor("bilal", EVERYBODYS, "camp-1")


def go(person, *, key="k1", **how):
    how = {"on": DAY, "revision": None, **how}
    return acts.authorise(AMINA, person, "T7.done", None, idempotency_key=key, **how)


def state(person):
    from onward.registry.models import PersonNow

    return PersonNow.objects.get(person=person)


def test_an_open_step_is_authorised_for_those_who_travel_together(small):
    done = go(["H1-P1", "H1-P2"])
    assert [event.kind for event in done.events] == ["T7.done", "T7.done"]
    assert done.breaches == ()
    assert state("H1-P1").stage == "returned"
    assert projection.compare(small) == []


def test_a_closed_step_says_why_and_writes_nothing(small):
    before = small.store.head()
    with pytest.raises(acts.NotOpen) as refused:
        go("H2-P1")
    assert {reason.finding for reason in refused.value.reasons} >= {"G3.consent"}
    assert "Nowruzian" not in str(refused.value)
    assert small.store.head() == before


def test_the_same_request_sent_twice_does_once(small):
    first = go(["H1-P1", "H1-P2"])
    again = go(["H1-P1", "H1-P2"])
    assert again.again
    assert [event.id for event in again.events] == [event.id for event in first.events]


@pytest.mark.parametrize("move", ["T12b.expired", "T16.departed"])
def test_a_fact_is_recorded_about_somebody_whose_state_has_changed(small, move):
    person = ("person", "H1-P1")
    acts.record(AMINA, person, move, effective="2026-06-10", idempotency_key="k1")
    acts.record(AMINA, person, "recorded", effective="2026-06-10",
                facts={"language": "ku"}, idempotency_key="k2")  # fmt: skip
    assert state("H1-P1").facts["language"] == "ku"
    assert projection.compare(small) == []


def test_nobody_keeps_a_breach_out_by_using_its_key_first(small):
    acts.record(AMINA, ("person", "H1-P1"), "recorded", effective="2026-06-10",
                facts={"language": "ku"}, idempotency_key="moved/breach")  # fmt: skip
    before = small.store.head()
    with pytest.raises(OnwardError, match="same key"):
        acts.record(AMINA, ("person", "H4-P1"), "T7.done", effective="2026-06-10",
                    idempotency_key="moved")  # fmt: skip
    assert small.store.head() == before


def test_a_convoy_sent_twice_is_recorded_once_and_all_of_it_is_told(small):
    entries = [
        {"subject": ("person", who), "kind": "recorded", "effective": "2026-06-10",
         "facts": {"language": "ku"}}
        for who in ("H1-P1", "H2-P1", "H3-P1")
    ]  # fmt: skip
    first = acts.record_batch(AMINA, entries, idempotency_key="convoy")
    again = acts.record_batch(AMINA, entries, idempotency_key="convoy")
    assert again.again
    assert [event.id for event in again.events] == [event.id for event in first.events]
    other = acts.record_batch(AMINA, entries[:1], idempotency_key="convoy2")
    assert not other.again


def convoy(*people, key="convoy"):
    """These people leave together, each with the seat they sat on."""
    entries = []
    for who in people:
        entries += [
            {"subject": ("seat", f"seat-{who}"), "kind": "recorded", "effective": "2026-06-10",
             "facts": {"person": who, "convoy": "bus-1", "listed": True, "boarded": True}},
            {"subject": ("person", who), "kind": "T7.done", "effective": "2026-06-10",
             "destination": "IRN"},
        ]  # fmt: skip
    return acts.record_batch(AMINA, entries, idempotency_key=key)


def test_a_convoy_is_one_question_and_one_transaction(small, monkeypatch):
    """However many sit in it: fifty families are recorded in the time of a few."""
    asked = []
    real = writing.evaluate
    monkeypatch.setattr(writing, "evaluate", lambda *a, **k: asked.append(1) or real(*a, **k))
    done = convoy("H1-P1", "H1-P2", "H2-P1", "H2-P2", "H4-P1")
    assert len(asked) == 1
    assert sorted(breach.person for breach in done.breaches) == ["H2-P1", "H4-P1"]
    assert projection.compare(small) == []
    assert state("H1-P1").stage == state("H4-P1").stage == "returned"


def test_each_in_a_convoy_is_judged_as_if_alone(small):
    """The breach of one pauses like moves from then on; it does not turn the others' into one."""
    together = convoy("H4-P1", "H1-P1", "H1-P2")
    assert {breach.person for breach in together.breaches} == {"H4-P1"}
    assert together.pauses


def test_somebody_unknown_in_a_convoy_is_recorded_and_holds_nobody_up(small):
    done = convoy("H1-P1", "H1-P2", "somebody-else")
    assert {breach.person for breach in done.breaches} == {"somebody-else"}
    assert state("H1-P1").stage == "returned"


def test_a_convoy_is_recorded_entirely_or_not_at_all(small):
    before = small.store.head()
    wrong = {"subject": ("person", "H2-P1"), "kind": "T7.done", "effective": "no day"}
    right = {"subject": ("person", "H1-P1"), "kind": "T7.done", "effective": "2026-06-10"}
    with pytest.raises(OnwardError):
        acts.record_batch(AMINA, [right, wrong], idempotency_key="bus")
    assert small.store.head() == before
    assert state("H1-P1").stage == "return_cleared"


def test_nobody_overwrites_what_they_have_not_seen(small):
    seen = max(state("H1-P1").revision, state("H1-P2").revision)
    acts.record(
        BILAL, Subject("person", "H1-P2"), "recorded", effective="2026-06-10",
        facts={"language": "ku"}, revision=seen, idempotency_key="b1",
    )  # fmt: skip
    with pytest.raises(acts.StaleEdit):
        go(["H1-P1", "H1-P2"], revision=seen)
    assert state("H1-P1").stage == "return_cleared"


def test_a_step_is_not_authorised_before_its_day(small):
    with pytest.raises(OnwardError, match="has not come"):
        go("H1-P1", on=DAY + timedelta(days=1))


def test_what_happened_is_recorded_and_opens_a_breach_that_pauses_like_moves(small):
    from onward.registry.models import Alarm

    assert [s["open"] for s in state("H1-P1").steps if s["move"] == "T7.done"] == [True]
    done = acts.record(
        AMINA, Subject("person", "H4-P1"), "T7.done", effective="2026-06-10",
        idempotency_key="moved",
    )  # fmt: skip
    assert [event.kind for event in done.events] == ["T7.done", "breach", "recorded"]
    (breach,) = done.breaches
    assert (breach.severity, "G6.passed" in breach.findings) == (1, True)
    assert done.events[2].facts["of_breach"], (
        "a pause says that nothing is known to have happened"
    )
    assert done.tell
    assert done.pauses == ("IRN",)
    assert Alarm.objects.filter(kind="breach", person="H4-P1").count() == 1
    assert state("H4-P1").stage == "returned"
    with pytest.raises(acts.NotOpen) as paused:
        go(["H1-P1", "H1-P2"])
    assert "G17.incidents_reviewed" in {reason.finding for reason in paused.value.reasons}
    projection.ensure(small)
    assert projection.compare(small) == []


def test_where_a_movement_went_stands_in_the_log(small):
    """The operation brings people where they chose; whoever leaves alone need not go there."""
    home = go(["H1-P1", "H1-P2"])
    assert [event.facts for event in home.events] == [{"went_to": "IRN"}] * 2
    assert state("H1-P1").facts["went_to"] == "IRN"
    taken = acts.record(
        AMINA, ("person", "H4-P1"), "T7.done", effective="2026-06-10", destination="DEU",
        idempotency_key="taken",
    )  # fmt: skip
    assert taken.events[0].facts == {"went_to": "DEU"}
    assert taken.pauses == ("DEU",)
    alone = acts.record(
        AMINA, ("person", "H2-P1"), "T17.left_unassisted", effective="2026-06-10",
        idempotency_key="alone",
    )  # fmt: skip
    assert "went_to" not in alone.events[0].facts
    claim = acts.record(
        AMINA, ("person", "H3-P1"), "T9.lodged", effective="2026-06-10", destination="DEU",
        idempotency_key="claim",
    )  # fmt: skip
    assert "went_to" not in claim.events[0].facts
    assert projection.compare(small) == []


def test_a_movement_whose_day_is_put_right_is_judged_for_where_it_went(small):
    taken = acts.record(
        AMINA, ("person", "H1-P1"), "T7.done", effective="2026-06-10", destination="DEU",
        idempotency_key="taken",
    )  # fmt: skip
    assert taken.pauses == ("DEU",)
    moved = taken.events[0]
    right = acts.correct(
        BILAL, moved.id, facts={}, effective="2026-06-09", idempotency_key="right"
    )
    assert (right.pauses, right.events[0].facts) == (("DEU",), {"went_to": "DEU"})
    home = acts.correct(
        BILAL, right.events[0].id, facts={"went_to": "IRN"}, idempotency_key="home"
    )
    assert "DEU" not in home.pauses
    assert state("H1-P1").facts["went_to"] == "IRN"


@pytest.mark.slow
def test_complaints_refusals_claims_absences_and_deaths_are_always_recorded(small):
    person = "H2-P1"
    moves = small.rulebook.moves()
    always = [key for key, move in moves.items() if move.records]
    assert {"T3.declined", "T4.none", "T9.lodged"} & set(always)
    for number, key in enumerate(always):
        done = acts.record(
            AMINA, Subject("person", person), key, effective="2026-06-10",
            idempotency_key=f"always-{number}",
        )  # fmt: skip
        assert done.events[0].kind == key
    said = acts.record(
        AMINA, Subject("complaint", "c1"), "recorded", effective="2026-06-10",
        facts={"person": person, "category": "coercion"}, idempotency_key="complaint",
    )  # fmt: skip
    assert said.events[0].facts["triaged"] is False
    projection.ensure(small)
    assert projection.compare(small) == []


def test_a_departure_of_somebody_nobody_knew_is_recorded_with_everything_missing(small):
    done = acts.record(
        AMINA, Subject("person", "stranger"), "T17.left_unassisted", effective="2026-06-09",
        idempotency_key="gone",
    )  # fmt: skip
    assert done.events[0].kind == "T17.left_unassisted"
    assert len(done.breaches[0].findings) > 10
    assert done.pauses == ()


def test_a_choice_and_the_consent_that_carries_it_stand_together(small):
    consent = {"destination": "IRN", "signed_on": "2026-06-10", "given_by": "self",
               "in_private": True, "pressure": False, "informed": True, "sheet_version": "3",
               "sheet_language": "fa"}  # fmt: skip
    done = acts.choose(AMINA, "H2-P1", "T4.return", consent=consent, idempotency_key="chosen")
    assert [event.subject.kind for event in done.events] == ["consent", "person"]
    assert state("H2-P1").stage == "intent_return"
    before = small.store.head()
    with pytest.raises(acts.NotOpen):
        acts.choose(
            AMINA, "H3-P1", "T4.return", consent={**consent, "pressure": True},
            idempotency_key="pressed",
        )  # fmt: skip
    assert small.store.head() == before
    assert projection.compare(small) == []


def test_an_adult_chooses_alone_whatever_the_other_of_the_family_chose_or_has_not_yet(small):
    acts.record(
        AMINA, ("sheet", "S-stay"), "recorded", effective="2026-06-01",
        facts={"pathway": "stay", "version": "4", "language": "fa", "approved": True,
               "current": True}, idempotency_key="sheet",
    )  # fmt: skip
    assert state("H1-P1").unit == state("H1-P2").unit
    given = {"signed_on": "2026-06-10", "given_by": "self", "in_private": True, "pressure": False,
             "informed": True, "sheet_language": "fa"}  # fmt: skip
    stays = {**given, "destination": "IRQ", "sheet_version": "4"}
    with pytest.raises(acts.NotOpen, match="freely chose"):
        acts.choose(
            AMINA, "H1-P1", "T4.stay", consent={**stays, "pressure": True}, idempotency_key="no"
        )
    acts.choose(AMINA, "H1-P1", "T4.stay", consent=stays, idempotency_key="stays")
    goes = {**given, "destination": "IRN", "sheet_version": "3"}
    acts.choose(AMINA, "H1-P2", "T4.return", consent=goes, idempotency_key="goes")
    assert (state("H1-P1").stage, state("H1-P2").stage) == ("intent_stay", "intent_return")
    # What they do together stays a question about both.
    with pytest.raises(acts.NotOpen):
        acts.authorise(
            AMINA, ["H1-P2"], "T5.done", "IRN", on=date(2026, 6, 10), idempotency_key="both"
        )


def test_whoever_takes_their_choice_back_has_none_and_their_family_is_judged_by_that(small):
    def home():
        (step,) = [one for one in state("H1-P1").steps if one["move"] == "T7.done"]
        return step["open"]

    assert home()
    acts.record(AMINA, ("person", "H1-P2"), "T4.withdrawn", effective="2026-06-10",
                idempotency_key="back")  # fmt: skip
    left = state("H1-P2")
    assert (left.stage, left.pathway, left.destination) == ("interviewed", None, None)
    assert not home()
    with pytest.raises(acts.NotOpen) as refused:
        go("H1-P1")
    assert "G8.together" in {reason.finding for reason in refused.value.reasons}
    # Somebody who has agreed, alone, to travel apart is not held back by another's choice.
    acts.record(AMINA, ("person", "H1-P1"), "recorded", effective="2026-06-10",
                facts={"split_agreed": True}, idempotency_key="apart-1")  # fmt: skip
    acts.record(AMINA, ("person", "H1-P2"), "recorded", effective="2026-06-10",
                facts={"split_agreed": True}, idempotency_key="apart-2")  # fmt: skip
    assert home()
    assert projection.compare(small) == []


def test_an_override_needs_two_people_and_never_touches_a_hard_finding(small):
    from onward.safeguards.overrides import findings_of

    soft = next(key for key, f in findings_of(small.rulebook).items() if not f.hard)
    ask = {"reason": "Seen by the doctor this morning.", "valid_on": DAY}
    with pytest.raises(Faults, match="overridden by nobody"):
        acts.propose_override(AMINA, "H2-P1", "T7.done", "G3.consent", "IRN", **ask)
    asked = acts.propose_override(AMINA, "H1-P1", "T7.done", soft, "IRN", **ask)
    with pytest.raises(OnwardError, match="second person"):
        acts.approve_override(AMINA, asked)
    done = acts.approve_override(BILAL, asked)
    assert done.events[0].facts["approved_by"] == ["amina", "bilal"]
    assert acts.approve_override(BILAL, asked).again
    projection.ensure(small)
    assert projection.compare(small) == []


def test_an_override_is_not_approved_after_its_day(small):
    """What happened without it is a breach, and stays one."""
    from onward.safeguards.overrides import findings_of

    soft = next(key for key, f in findings_of(small.rulebook).items() if not f.hard)
    before = DAY - timedelta(days=1)
    asked = acts.propose_override(
        AMINA, "H1-P1", "T7.done", soft, "IRN", reason="Seen by the doctor.", valid_on=before
    )
    head = small.store.head()
    with pytest.raises(OnwardError, match="was asked for has passed"):
        acts.approve_override(BILAL, asked)
    assert small.store.head() == head
    acts.refuse_override(BILAL, asked)


def test_a_household_is_registered_with_names_in_the_vault_only(small):
    done = acts.register_household(
        AMINA,
        [acts.Member({"sex": "female", "birth": "1990"}, {"name.full.latin": "Sara Invented"}),
         acts.Member({"sex": "male", "birth": "2015-02-03"})],
        effective="2026-06-10", idempotency_key="reg",
    )  # fmt: skip
    people = [event.subject.id for event in done.events if event.subject.kind == "person"]
    assert small.vault.get(people[0]) == {"name.full.latin": "Sara Invented"}
    assert state(people[1]).adult is False
    assert all("Invented" not in event.facts.values() for event in done.events)
    assert projection.compare(small) == []


def test_a_correction_takes_the_place_of_what_was_wrong(small):
    done = acts.record(
        AMINA, Subject("person", "H1-P1"), "recorded", effective="2026-06-10",
        facts={"language": "ar"}, idempotency_key="wrong",
    )  # fmt: skip
    acts.correct(AMINA, done.events[0].id, facts={"language": "ku"}, idempotency_key="right")
    assert state("H1-P1").facts["language"] == "ku"
    with pytest.raises(OnwardError, match="already"):
        acts.retract(AMINA, done.events[0].id, idempotency_key="late")
    assert projection.compare(small) == []
