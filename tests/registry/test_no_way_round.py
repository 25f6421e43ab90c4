"""No way round the safeguards through the acts themselves, and nothing true that they refuse."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import registry_cast as people
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.errors import OnwardError
from onward.registry.recording import acts, exceptions
from onward.registry.recording.actors import Actor

DAY = date(2026, 6, 10)
TODAY = DAY.isoformat()
YESTERDAY = (DAY - timedelta(days=1)).isoformat()
AMINA = Actor("amina", EVERYBODYS, "camp-1")
BILAL = Actor("bilal", EVERYBODYS, "camp-1")


def record(about, kind, *, key, effective=TODAY, by=AMINA, **facts):
    return acts.record(by, about, kind, effective=effective, facts=facts, idempotency_key=key)


def person(name):
    return ("person", name)


def consent_of(small, who):
    table = small.caseload(DAY).tables["consent"].to_pylist()
    return next(row["id"] for row in table if row["person"] == who)


EXCEPTION = {
    "move": "T7.done", "finding": "G11.valid", "destination": "IRN", "reason": "Seen today.",
    "valid_on": TODAY, "approved_by": ["amina", "somebody"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("override", EXCEPTION),
        ("breach", {"move": "T7.done", "safeguards": ["G1.resolved"], "severity": 5}),
        ("retracted", {}),
        ("adopted", {}),
    ],
)
def test_nobody_writes_by_hand_what_an_act_of_its_own_makes(small, kind, facts):
    """Else one person alone could say that two agreed."""
    head = small.store.head()
    with pytest.raises(OnwardError, match="by nobody's hand"):
        record(person("H1-P1"), kind, key="k", **facts)
    entry = {"subject": person("H1-P1"), "kind": kind, "effective": TODAY, "facts": facts}
    with pytest.raises(OnwardError, match="by nobody's hand"):
        acts.record_batch(AMINA, [entry], idempotency_key="k")
    assert small.store.head() == head


def test_an_exception_is_neither_put_right_nor_taken_back(small):
    asked = acts.propose_override(
        AMINA, "H1-P1", "T7.done", "G11.valid", "IRN", reason="Seen.", valid_on=DAY
    )
    made = acts.approve_override(BILAL, asked).events[0]
    for act in (
        lambda: acts.correct(
            AMINA, made.id, facts={"valid_on": "2026-07-01"}, idempotency_key="c"
        ),
        lambda: acts.retract(AMINA, made.id, idempotency_key="r"),
    ):
        with pytest.raises(OnwardError, match="by nobody's hand"):
            act()


def test_nobody_is_let_go_on_a_day_that_is_over(small):
    """Or a withdrawal of today would be passed over by writing yesterday."""
    head = small.store.head()
    with pytest.raises(OnwardError, match="a day that is over"):
        acts.authorise(
            AMINA, ["H1-P1", "H1-P2"], "T7.done", None, on=DAY - timedelta(days=1),
            idempotency_key="late",
        )  # fmt: skip
    assert small.store.head() == head
    for number, who in enumerate(("H1-P1", "H1-P2")):  # what happened yesterday is recorded
        done = record(person(who), "T7.done", key=f"left{number}", effective=YESTERDAY)
        assert done.events[0].effective == YESTERDAY


def test_a_decision_of_yesterday_must_be_open_today_as_well(small):
    def decide(key):
        return acts.authorise(
            AMINA, ["H1-P1", "H1-P2"], "T4.return", None, on=DAY - timedelta(days=1),
            idempotency_key=key,
        )  # fmt: skip

    withdrawn = Subject("consent", consent_of(small, "H1-P1"))
    record(withdrawn, "recorded", key="w", withdrawn=True)
    head = small.store.head()
    with pytest.raises(acts.NotOpen) as refused:
        decide("late")
    assert "G3.consent" in {reason.finding for reason in refused.value.reasons}
    assert small.store.head() == head


def test_a_decision_of_yesterday_that_is_still_open_is_authorised(small):
    done = acts.authorise(
        AMINA, ["H1-P1", "H1-P2"], "T4.return", None, on=DAY - timedelta(days=1),
        idempotency_key="late",
    )  # fmt: skip
    assert {event.effective for event in done.events} == {YESTERDAY}


def test_nobody_reviews_the_pause_that_their_own_movement_opened(small):
    done = record(person("H4-P1"), "T7.done", key="left")
    pause = done.events[-1].subject
    with pytest.raises(OnwardError, match="somebody else reviews it"):
        record(pause, "recorded", key="mine", reviewed=True)
    with pytest.raises(acts.NotOpen):
        go()
    record(pause, "recorded", key="theirs", by=BILAL, reviewed=True)
    assert go().events


def another(small, who, key, **facts):
    """The person signs the same consent again, as consents are renewed."""
    from onward.registry.models import ThingNow

    old = ThingNow.objects.get(kind="consent", thing=consent_of(small, who))
    record(("consent", key), "recorded", key=key, **{**old.facts, "person": who, **facts})
    return Subject("consent", key)


def is_withdrawn(thing):
    from onward.registry.models import ThingNow

    return ThingNow.objects.get(thing=thing).facts.get("withdrawn")


def test_who_takes_a_consent_back_is_not_let_go_by_an_older_one(small):
    first = consent_of(small, "H1-P1")
    newer = another(small, "H1-P1", "newer")
    unsaid = another(small, "H1-P1", "unsaid", destination=None)
    other = another(small, "H1-P1", "elsewhere", destination="SWE")
    theirs = consent_of(small, "H1-P2")
    done = record(newer, "recorded", key="w", withdrawn=True)
    assert [event.subject.id for event in done.events] == ["newer", *sorted([first, unsaid.id])]
    assert record(newer, "recorded", key="w", withdrawn=True).again
    assert [is_withdrawn(name) for name in (first, "newer", "unsaid")] == [True] * 3
    assert not is_withdrawn(other.id), "to go elsewhere they agreed apart"
    assert not is_withdrawn(theirs), "and each speaks for themselves"
    with pytest.raises(acts.NotOpen) as refused:
        go()
    assert "G3.consent" in {reason.finding for reason in refused.value.reasons}
    # Who agrees again is let go by what they sign then.
    assert not is_withdrawn(another(small, "H1-P1", "again", withdrawn=False).id)


@pytest.mark.parametrize("door", ["alone", "with others"])
def test_a_choice_taken_back_takes_the_consents_with_it(small, door):
    first, newer = consent_of(small, "H1-P1"), another(small, "H1-P1", "newer")
    if door == "alone":
        record(person("H1-P1"), "T4.withdrawn", key="w")
    else:
        entry = {"subject": person("H1-P1"), "kind": "T4.withdrawn", "effective": TODAY}
        acts.record_batch(AMINA, [entry], idempotency_key="w")
    assert is_withdrawn(first) is is_withdrawn(newer.id) is True
    assert not is_withdrawn(consent_of(small, "H1-P2"))
    with pytest.raises(acts.NotOpen) as refused:
        acts.authorise(AMINA, "H1-P1", "T4.return", None, on=DAY, idempotency_key="old word")
    assert "G3.consent" in {reason.finding for reason in refused.value.reasons}


def test_a_consent_falls_also_where_the_same_batch_had_said_something_else_of_it(small):
    first, newer = consent_of(small, "H1-P1"), another(small, "H1-P1", "newer")
    said = {"kind": "recorded", "effective": TODAY}
    entries = [
        {"subject": ("consent", first), "facts": {"person": "H1-P1", "informed": True}, **said},
        {"subject": newer, "facts": {"withdrawn": True}, **said},
    ]
    acts.record_batch(AMINA, entries, idempotency_key="w")
    assert is_withdrawn(first) is is_withdrawn(newer.id) is True
    again = another(small, "H1-P1", "again", withdrawn=False)
    more = another(small, "H1-P1", "more", withdrawn=False)
    both = [{"subject": one, "facts": {"withdrawn": True}, **said} for one in (again, more)]
    done = acts.record_batch(AMINA, both, idempotency_key="both")
    assert [event.subject.id for event in done.events].count("again") == 1


def test_a_release_taken_back_takes_every_other_to_that_recipient_for_that_purpose_with_it(
    small,
):
    given = {"person": "H1-P1", "recipient": "aid", "purpose": "return", "agreement": True}
    for name, said in (("r1", {}), ("r2", {}), ("r3", {"purpose": "protection"})):
        record(("release", name), "recorded", key=name, **given | said)
    record(("release", "r2"), "recorded", key="w", withdrawn=True)
    assert [is_withdrawn(name) for name in ("r1", "r2", "r3")] == [True, True, False]


def test_what_is_not_a_choice_is_not_taken_as_one(small):
    with pytest.raises(OnwardError, match="not a person's choice"):
        acts.choose(AMINA, "H1-P1", "T7.done", consent={}, idempotency_key="k")
    with pytest.raises(OnwardError, match="record it instead"):
        acts.choose(AMINA, "H1-P1", "T4.none", consent={}, idempotency_key="k")


def test_what_a_person_took_back_or_said_stays_so(small):
    from onward.registry.models import ThingNow

    consent = Subject("consent", consent_of(small, "H1-P1"))
    taken = record(consent, "recorded", key="w", withdrawn=True).events[0]
    said = record(
        ("complaint", "c1"), "recorded", key="c", person="H1-P1", category="coercion"
    ).events[0]
    refused = record(person("H2-P1"), "T4.none", key="n").events[0]
    fear = record(
        ("claim", "f1"), "recorded", key="f", person="H1-P1", expressed_on=TODAY
    ).events[0]
    for event in (taken, said, refused, fear):
        with pytest.raises(OnwardError, match="never taken back"):
            acts.retract(AMINA, event.id, idempotency_key=f"r{event.seq}")
        with pytest.raises(OnwardError, match="never taken back"):
            acts.correct(AMINA, event.id, facts={}, idempotency_key=f"c{event.seq}")
    for number, said in enumerate((False, None)):
        with pytest.raises(OnwardError, match="stays taken back"):
            record(consent, "recorded", key=f"again{number}", withdrawn=said)
    (signed, *_rest) = small.store.read_where("subject_id = %s", [consent.id])
    with pytest.raises(
        OnwardError, match="stays taken back"
    ):  # it says not withdrawn, and later
        acts.correct(AMINA, signed.id, facts={"informed": True}, idempotency_key="signed")
    assert ThingNow.objects.get(kind="consent", thing=consent.id).facts["withdrawn"] is True


def test_what_a_complaint_or_a_fear_holds_up_is_lifted_only_by_who_may(small):
    from onward.registry.permissions import access, assignments

    clerk, boss = people.account("dana", "data_clerk"), people.account("boss", "supervisor")
    monitor = people.account("malik", "follow_up_monitor")
    for person in ("H1-P1", "H2-P1"):
        assignments.assign(boss, person, to=monitor, reason="case")
    record(
        ("complaint", "c1"), "recorded", key="c", by=clerk, person="H1-P1", category="coercion"
    )
    record(("claim", "f1"), "recorded", key="f", by=clerk, person="H1-P1", expressed_on=TODAY)
    record(("incident", "i1"), "recorded", key="i", by=monitor, person="H1-P1", severity=1)
    record(
        ("follow_up", "u1"), "recorded", key="u", by=monitor, person="H1-P1", result="concern"
    )
    lifting = [
        (clerk, ("complaint", "c1"), {"category": "services"}),
        (clerk, ("complaint", "c1"), {"triaged": True}),
        (clerk, ("complaint", "c1"), {"destination": "CAN"}),
        (clerk, ("complaint", "c1"), {"person": "H2-P1"}),
        (clerk, ("claim", "f1"), {"withdrawn_freely": True}),
        (clerk, ("claim", "f1"), {"finally_rejected": True}),
        (monitor, ("incident", "i1"), {"severity": 3}),
        (monitor, ("incident", "i1"), {"destination": "CAN"}),
        (monitor, ("follow_up", "u1"), {"result": "safe"}),
        (monitor, ("follow_up", "u1"), {"person": "H2-P1"}),
        (monitor, ("follow_up", "u1"), {"looked_into": "no_harm_found"}),
    ]
    head = small.store.head()
    for number, (who, about, facts) in enumerate(lifting):
        with pytest.raises(access.Refused):
            record(about, "recorded", key=f"l{number}", by=who, **facts)
    assert small.store.head() == head
    # What was not known yet is added by anybody, and a claim is lodged by anybody.
    record(("incident", "i1"), "recorded", key="i2", by=monitor, happened_on=TODAY)
    record(("claim", "f1"), "recorded", key="f2", by=clerk, lodged=True)
    record(("follow_up", "u1"), "recorded", key="u2", by=monitor, done_on=TODAY)
    record(("follow_up", "u1"), "recorded", key="u3", by=boss, looked_into="help_given")
    record(
        ("complaint", "c1"), "recorded", key="c2", by=boss, category="services", triaged=True
    )


def test_a_step_carries_no_facts_that_its_recorder_may_not_write(small):
    """Anybody may record an absence; nobody settles an identity or a fitness check with it."""
    from onward.registry.permissions import access, assignments

    partner = people.account("bus", "partner", organisation="harbour-aid")
    boss = people.account("boss", "supervisor")
    assignments.assign(boss, "H1-P1", organisation="harbour-aid", reason="shelter")
    for facts in (
        {"identity_resolved": True},
        {"fitness_finding": "fit"},
        {"fear_asked": True},
    ):
        with pytest.raises((access.Refused, access.Hidden)):
            record(person("H1-P1"), "T22.absent", key="gone", by=partner, **facts)
    assert record(person("H1-P1"), "T22.absent", key="gone", by=partner).events


def test_many_at_once_ask_for_the_same_roles_as_one(small):
    from onward.registry.permissions import access

    people.elsewhere(small)
    bilal, dana = people.account("bilal", "interviewer"), people.account("dana", "data_clerk")
    batch = [
        (bilal, {"subject": ("assurance", "a1"), "kind": "recorded"}),
        (bilal, {"subject": person("H1-P1"), "kind": "T7.done"}),
        (dana, {"subject": person("far-1"), "kind": "recorded", "facts": {"language": "ku"}}),
        (dana, {"subject": person("far-1"), "kind": "registered", "facts": {"language": "ku"}}),
    ]  # fmt: skip
    head = small.store.head()
    for who, entry in batch:
        with pytest.raises((access.Refused, access.Hidden)):
            acts.record_batch(who, [{"effective": TODAY, **entry}], idempotency_key="b")
    with pytest.raises(access.Hidden):
        record(person("far-1"), "registered", key="again", by=dana, language="ku")
    with pytest.raises(access.Hidden):
        acts.register_household(
            dana, [acts.Member({}, {"name.full.latin": "Another Name"}, person="far-1")],
            effective=TODAY, idempotency_key="h",
        )  # fmt: skip
    assert small.store.head() == head


def test_a_movement_put_on_another_day_is_judged_again(small):
    """On its own day everything held; on the day it really was, nobody had confirmed it."""
    done = record(person("H1-P1"), "T7.done", key="left")
    assert done.breaches == ()
    again = acts.correct(
        AMINA, done.events[0].id, facts={}, effective=YESTERDAY, idempotency_key="put-right"
    )
    (breach,) = again.breaches
    assert "G3.reconfirmed" in breach.findings
    assert [event.kind for event in again.events] == ["T7.done", "breach", "recorded"]


# -- exceptions --------------------------------------------------------------------------------


@pytest.fixture
def late_check(small):
    """H1-P1's fitness check is too old for today; all else holds."""
    record(person("H1-P1"), "recorded", key="fit", fitness_checked_on="2026-01-02")
    return small


def excepted(destination="IRN"):
    asked = acts.propose_override(
        AMINA, "H1-P1", "T7.done", "G11.valid", destination, reason="Seen.", valid_on=DAY
    )
    return acts.approve_override(BILAL, asked).events[0]


def go():
    return acts.authorise(
        AMINA, ["H1-P1", "H1-P2"], "T7.done", None, on=DAY, idempotency_key="go"
    )


def test_a_step_cites_the_exception_it_needed_and_that_is_how_it_was_used(late_check):
    with pytest.raises(acts.NotOpen):
        go()
    made = excepted()
    assert exceptions.used(["H1-P1"]) == frozenset()
    steps = {event.subject.id: event for event in go().events}
    assert made.id in steps["H1-P1"].evidence
    assert steps["H1-P2"].evidence == ()
    assert exceptions.used(["H1-P1", "H1-P2"]) == {made.idempotency_key}
    acts.retract(AMINA, steps["H1-P1"].id, idempotency_key="back")
    assert exceptions.used(["H1-P1"]) == frozenset()


def test_an_exception_for_another_destination_opens_nothing_and_is_not_used(late_check):
    elsewhere, here = excepted("CAN"), None
    with pytest.raises(acts.NotOpen):
        go()
    here = excepted("IRN")
    go()
    assert exceptions.used(["H1-P1"]) == {here.idempotency_key}
    assert elsewhere.idempotency_key not in exceptions.used(["H1-P1"])


def test_an_exception_nobody_needed_is_not_used(small):
    excepted()
    go()
    assert exceptions.used(["H1-P1"]) == frozenset()


def test_a_movement_recorded_under_an_exception_cites_it_and_is_no_breach(late_check):
    made = excepted()
    done = record(person("H1-P1"), "T7.done", key="left")
    assert done.breaches == ()
    assert made.id in done.events[0].evidence
    assert exceptions.used(["H1-P1"]) == {made.idempotency_key}


def test_the_report_is_told_which_exceptions_were_used(late_check):
    from onward.registry.computing.reporting import exceptions_used

    made = excepted()
    excepted("CAN")
    assert exceptions_used(late_check, late_check.caseload(DAY)) == frozenset()
    go()
    assert exceptions_used(late_check, late_check.caseload(DAY)) == {made.seq}
    assert (
        exceptions_used(late_check, late_check.caseload(DAY - timedelta(days=1))) == frozenset()
    )
