"""Every indicator against an answer worked out by hand."""

from datetime import date, timedelta

import pytest

from onward.report.disclosure import TOTAL
from onward.report.indicators import (
    afterwards,
    claims,
    complained,
    consent,
    families,
    held_back,
    leaving,
    presence,
)

PRIVATE = {"alone": True, "impartial_body": True, "confidential_place": True,
           "own_interpreter": True, "observer_present": False}  # fmt: skip
AS_OF = date(2026, 6, 30)


def test_caseload_counts_active_people_once_by_status_and_place_of_stay(world):
    world.thing("site", "2025-01-01", id="main", voluntary=True)
    world.people("a", 3, site="main")
    world.people("r", 2, legal="refugee", site="main")
    world.move("a0", "T22.deceased", "2026-01-05")
    world.add("merged", ("person", "a1"), "2026-01-06", into="a2")
    found = presence.by_status_and_site(world.record())
    assert found.value(("gc4_protected", "main")) == 1
    assert found.value(("refugee", "main")) == 2
    assert found.value((TOTAL, TOTAL)) == 3


def test_interview_coverage_counts_adults_and_lone_children_heard_in_private(world):
    heard, watched, _ = world.people("p", 3)
    world.person("lone", birth="2015", child_situation="unaccompanied")
    world.person("child", birth="2015", child_situation="with_parents")
    world.person("ageless", birth=None)
    world.thing("interview", "2026-01-01", person=heard, held_on="2026-01-01", **PRIVATE)
    world.thing("interview", "2026-01-01", person=watched, held_on="2026-01-01",
                **{**PRIVATE, "observer_present": True})  # fmt: skip
    found = consent.interview_coverage(world.record())
    assert (found.value(("heard",)), found.value(("asked",))) == (1, 4)


def test_consent_rate_divides_valid_consents_by_people_who_could_choose_the_pathway(world):
    people = world.people("p", 6, stage="interviewed")
    world.people("new", 4, stage="registered")
    refugees = world.people("r", 2, stage="interviewed", legal="refugee")
    world.consent(people[0], "return")
    world.consent(people[1], "return", withdrawn=True)
    world.consent(people[2], "return", on="2025-06-01")  # older than the rulebook allows
    world.consent(refugees[0], "resettlement")
    r = world.record()
    rate = {
        c.name: c for c in consent.consents(r, consent.valid_consents(r.caseload, r.engine))
    }
    back, away = rate["consent return"], rate["consent resettlement"]
    assert (back.value(("valid",)), back.value(("could choose",))) == (1, 8)
    assert (away.value(("valid",)), away.value(("could choose",))) == (1, 2)


def test_withdrawals_count_only_those_of_the_period(world):
    people = world.people("p", 5, stage="interviewed")
    consents = [world.consent(p, "return", on="2026-02-01") for p in people[:4]]
    world.consent(people[4], "return", on="2025-03-01")  # ran out before the period
    world.add("recorded", ("consent", consents[0]), "2026-03-01", withdrawn=True)  # before it
    world.add("recorded", ("consent", consents[1]), "2026-05-20", withdrawn=True)
    r = world.record()
    before = world.caseload(AS_OF - timedelta(days=90))
    found = consent.withdrawals(r, before, consent.valid_consents(r.caseload, r.engine))
    assert (found.value(("withdrawn",)), found.value((TOTAL,))) == (1, 3)


def test_not_engaging_are_those_who_declined_interview_or_choice(world):
    world.people("here", 3, stage="interviewed")
    world.person("no", stage="counselled")
    world.move("no", "T3.declined", "2026-01-01")
    world.person("none", stage="interviewed")
    world.move("none", "T4.none", "2026-01-01")
    found = consent.not_engaging(world.record())
    assert (found.value(("declining",)), found.value((TOTAL,))) == (2, 5)


def test_recognition_rates_leave_closures_out_and_keep_exclusions_inside(world):
    outcomes = ["recognised"] * 3 + ["complementary"] + ["rejected"] * 2 + ["excluded"]
    for n, outcome in enumerate(outcomes):
        world.person(f"p{n}", legal="asylum_seeker", stage="intent_protection")
        world.move(f"p{n}", f"T10.{outcome}", "2026-02-01")
    world.person("closed", legal="asylum_seeker", stage="intent_protection")
    world.move("closed", "T9.withdrawn", "2026-02-01")
    world.move("p4", "T11.overturned", "2026-04-01")
    world.move("p5", "T11.upheld", "2026-04-01")
    r = world.record()
    made = claims.decisions(r)
    assert made.value(("recognised",)) == 3
    assert made.value(("protected",)) == 4
    assert made.value((TOTAL,)) == 7
    assert made.value(("T10.excluded",)) == 1
    appeals = claims.appeals(r)
    assert (appeals.value(("protected",)), appeals.value((TOTAL,))) == (1, 2)


def test_the_claims_equation_holds_and_agrees_with_the_open_procedures(world):
    stage = {"stage": "intent_protection"}
    for name, lodged in (("before", "2026-01-10"), ("decided", "2026-01-10"), ("new", "2026-05-01"),
                         ("died", "2026-05-01"), ("again", "2025-08-01"), ("took_back", "2026-01-01")):  # fmt: skip
        world.person(name, **stage)
        world.move(name, "T9.lodged", lodged)
    world.move("decided", "T10.recognised", "2026-05-10")
    world.move("died", "T22.deceased", "2026-06-01")
    world.move("took_back", "T9.withdrawn", "2026-05-02")
    world.move("again", "T9.withdrawn", "2025-10-01")
    world.move("again", "T9.lodged", "2026-06-15")
    found = claims.backlog(world.record(), AS_OF - timedelta(days=89))
    came = {k[0]: v for k, v in found.came.values.items()}
    went = {k[0]: v for k, v in found.went.values.items()}
    assert came == {"before": 3, "new": 2, "reopened": 1}
    assert went == {"decided": 1, "closed": 2, "pending": 3}
    assert found.agrees


def test_a_claim_without_a_recorded_beginning_is_flagged(world):
    world.person("p", legal="asylum_seeker", stage="intent_protection")
    found = claims.backlog(world.record(), AS_OF - timedelta(days=89))
    assert (found.pending, found.counted, found.agrees) == (1, 0, False)


def test_departures_are_dated_by_the_crossing_and_relocations_stand_apart(world):
    world.person("home", stage="return_cleared")
    world.move("home", "T7.done", "2026-05-03")
    world.person("away", stage="accepted", legal="refugee")
    world.move("away", "T16.departed", "2026-05-30")
    world.move("away", "T16.arrived", "2026-06-02")
    world.person("old", stage="return_cleared", on="2024-01-01")
    world.move("old", "T7.done", "2024-03-01")
    world.person("moved", stage="intent_relocation")
    world.move("moved", "T13.done", "2026-06-10")
    world.person("dead")
    world.move("dead", "T22.deceased", "2026-06-10")
    r = world.record()
    found = leaving.departures(r)
    assert found.value(("2026-05", "return")) == 1
    assert found.value(("2026-05", "resettlement")) == 1
    assert found.value(("2026-06", TOTAL)) == 0
    assert found.value((leaving.EARLIER, TOTAL)) == 1
    assert leaving.relocations(r).value(("2026-06", TOTAL)) == 1
    where = presence.whereabouts(r)
    assert (where.value(("here",)), where.value(("gone",)), where.value((TOTAL,))) == (1, 3, 5)


def test_state_acceptance_leaves_deferred_decisions_out(world):
    for name, key in (("a", "accepted"), ("b", "split"), ("c", "denied"), ("d", "deferred")):
        world.person(name, legal="refugee", stage="submitted")
        world.move(name, f"T15.{key}", "2026-03-01")
    r = world.record()
    found = leaving.state_decisions(r, "resettlement_place")
    assert (found.value(("accepted",)), found.value((TOTAL,))) == (2, 3)
    assert leaving.place_users(r, "resettlement_place").value(("waiting",)) == 2


def test_follow_ups_are_overdue_only_past_the_pathways_tolerance(world):
    world.person("home", stage="return_cleared")
    world.move("home", "T7.done", "2026-01-01")
    contacts = [
        ("2026-01-03", "2026-01-03", "safe"),
        ("2026-02-01", "2026-02-02", "concern"),
        ("2026-04-01", "2026-04-01", "not_reached"),  # and not since: overdue
        ("2026-05-01", None, None),  # overdue
        ("2026-06-20", None, None),  # within the 14 days
        ("2026-06-01", "2026-07-05", "safe"),  # made after the date: not made yet
        ("2026-07-20", None, None),  # not due
    ]
    for due, done, result in contacts:
        world.thing(
            "follow_up", "2026-01-01", person="home", due_on=due, done_on=done, result=result
        )
    r = world.record()
    found = afterwards.follow_ups(r)
    states = {k[1]: v for k, v in found.due.values.items()}
    assert states == {"safe": 1, "concern": 1, "overdue": 3, "waiting": 1}
    assert found.soon.value(()) == 1
    assert afterwards.person_months_observed(r) == pytest.approx(32 / 30.4375)


def test_whoever_was_not_reached_is_looked_for_until_they_answer(world):
    """Tried in vain within the days tolerated, tried in vain and found later, and a refusal."""
    for name in ("silent", "found", "no"):
        world.person(name, stage="return_cleared")
        world.move(name, "T7.done", "2026-01-01")
    for name, due, done, result in (
        ("silent", "2026-06-20", "2026-06-21", "not_reached"),
        ("found", "2026-02-01", "2026-02-01", "not_reached"),
        ("found", "2026-05-01", "2026-05-03", "safe"),
        ("found", "2026-06-22", "2026-06-23", "not_reached"),
        ("no", "2026-05-01", "2026-05-01", "refused"),
        ("no", "2026-06-22", "2026-06-22", None),  # a day and no word of what came of it
    ):
        world.thing(
            "follow_up", "2026-01-01", person=name, due_on=due, done_on=done, result=result
        )
    found = afterwards.follow_ups(world.record())
    states = {k[1]: v for k, v in found.due.values.items()}
    assert states == {"tried": 3, "answered later": 1, "safe": 1, "refused": 1}


def test_incidents_after_the_date_are_not_counted(world):
    world.person("home", stage="returned")
    for on, severity in (("2026-05-01", 1), ("2026-05-02", 3), ("2026-07-02", 1)):
        world.thing("incident", "2026-01-01", person="home", happened_on=on, severity=severity)
    r = world.record()
    assert afterwards.incidents(r).value(("gravest",)) == 1
    assert afterwards.incidents(r).value((TOTAL,)) == 2
    assert afterwards.incidents_unreviewed(r).value(("waiting",)) == 2


def test_a_pause_after_a_breach_is_no_incident_and_waits_for_review_all_the_same(world):
    world.person("home", stage="returned")
    for severity, pause in ((1, True), (1, False), (3, None)):
        world.thing("incident", "2026-01-01", person="home", happened_on="2026-05-01",
                    severity=severity, of_breach=pause)  # fmt: skip
    r = world.record()
    assert afterwards.incidents(r).value(("gravest",)) == 1
    assert afterwards.incidents(r).value((TOTAL,)) == 2
    assert afterwards.incidents_unreviewed(r).value(("waiting",)) == 3


def test_a_household_is_split_with_agreement_only_when_every_adult_agreed(world):
    for home, answers in (
        ("agreed", (True, True)),
        ("unasked", (True, None)),
        ("whole", (None, None)),
    ):
        world.thing("household", "2025-01-01", id=home, roster_size=2)
        gone = {"stage": "return_cleared"} if home != "whole" else {}
        world.person(f"{home}1", household=home, split_agreed=answers[0], **gone)
        world.person(f"{home}2", household=home, split_agreed=answers[1])
        if gone:
            world.move(f"{home}1", "T7.done", "2026-05-01")
    assert families.split_households(world.record()) == (1, 1)


def test_separated_children_with_a_determination(world):
    world.person("with", birth="2015", child_situation="separated")
    world.person("without", birth="2015", child_situation="unaccompanied")
    world.person("grown", birth="1990", child_situation="separated")
    world.thing("assessment", "2026-01-01", person="with", topic="best_interests",
                finding="in_best_interests", made_on="2026-01-01", qualified=True)  # fmt: skip
    found = families.separated_children(world.record())
    assert (found.value(("determined",)), found.value(("apart",))) == (1, 2)


def test_complaints_received_open_and_waiting(world):
    world.person("p")
    rows = [("2026-06-01", None, "coercion", False), ("2026-06-02", "2026-06-12", "services", True),
            ("2026-01-01", "2026-01-21", "coercion", True), ("2026-05-30", "2026-07-09", "other", True)]  # fmt: skip
    for received, closed, category, triaged in rows:
        world.thing("complaint", received, person="p", received_on=received, closed_on=closed,
                    category=category, triaged=triaged)  # fmt: skip
    found = complained.complaints(world.record(), least=2)
    assert found.received.value(("yes",)) == 3
    assert found.open.value(("yes",)) == 2  # one was closed after the date
    assert found.coercion.value(("yes",)) == 1
    assert found.median_days == 15


def test_days_per_stage_show_completed_stays_beside_the_age_of_open_ones():
    day = date(2026, 1, 1)
    done = [("interviewed", day, day + timedelta(days=n)) for n in range(1, 22)]
    still = [("interviewed", day, None)] * 20
    (entry,) = leaving.days_per_stage([*done, *still], until=AS_OF, order=["interviewed"])
    assert (entry.mean, entry.median, entry.p90) == (11, 11, pytest.approx(19))
    assert entry.open_median == 180
    assert leaving.days_per_stage(done[:5], until=AS_OF, order=["interviewed"])[0].mean is None


def test_held_back_counts_agree_with_the_safeguards_room(world):
    from onward.safeguards.everybody import evaluate_all
    from onward.safeguards.help import counts

    world.people("new", 4)
    for n in range(3):
        world.person(f"v{n}", stage="verified", identity_resolved=True, open_duplicate=False)
    world.people(
        "r", 5, stage="intent_resettlement", legal="refugee", intended_pathway="resettlement"
    )
    r = world.record()
    steps = evaluate_all(r.caseload, on=AS_OF, engine=r.engine)
    overall, held = held_back.blocked(r, steps)
    wanted = counts(steps)
    assert overall.value(("held back",)) == wanted.blocked
    assert overall.value(("asked",)) == wanted.asked
    found = {c.name: (c.value(("held",)), c.value(("alone",))) for c in held}
    assert found == {f"held by {b.safeguard}": (b.people, b.alone) for b in wanted.safeguards}


@pytest.mark.parametrize("rulebook", ["protected-camp", "voluntary-return"])
def test_the_rulebook_is_read_not_assumed(worlds, rulebook):
    w = worlds(rulebook)
    w.people("p", 3)
    r = w.record()
    stages = set(w.rulebook.axes["stage"].states)
    assert set(r.reading.exits) <= stages
    assert r.reading.declining() <= stages
    assert set(r.reading.decisions) <= set(w.rulebook.moves())
    assert presence.whereabouts(r).value(("here",)) == 3
