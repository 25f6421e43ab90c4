"""One door to people: who sees whom, field by field; every look is written down first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import registry_cast as people
import time_machine


@pytest.fixture
def cast(small):
    return people.cast()


def now() -> datetime:
    return datetime.now(UTC)


def test_somebody_in_another_office_sees_nothing_of_this_one(small, cast):
    from onward.registry.permissions import access

    far = people.elsewhere(small)
    amina = access.Reader(cast["amina"])
    dawit = access.Reader(cast["dawit"])
    assert "H1-P1" in set(amina.people().values_list("person", flat=True))
    assert list(dawit.people().values_list("person", flat=True)) == [far]
    with pytest.raises(access.Hidden):
        dawit.open("H1-P1")


def test_hidden_and_missing_are_told_in_the_same_words_and_both_are_logged(small, cast):
    from onward.registry.models import AccessEntry
    from onward.registry.permissions import access

    dawit = access.Reader(cast["dawit"])
    said = []
    for person in ("H1-P1", "nobody-of-that-id"):
        with pytest.raises(access.Hidden) as told:
            dawit.open(person)
        said.append(str(told.value))
    assert said[0] == said[1]
    assert (
        AccessEntry.objects.filter(account=cast["dawit"].account_id, decision="refused").count()
        == 2
    )


def test_what_was_typed_for_a_person_who_does_not_exist_is_not_kept(small, cast):
    """A name in an address is refused and leaves its length and a digest, the same each time."""
    from onward.registry.models import AccessEntry
    from onward.registry.permissions import access, assignments

    amina, dawit = people.signed_in(cast["amina"]), people.signed_in(cast["dawit"])
    typed = "Zarifeh Nowruzian 0770 555"
    amina.get(f"/people/{typed}/")
    amina.get(f"/people/{typed}/timeline/")
    amina.post(f"/people/{typed}/identity/", {"purpose": "interview"})
    amina.get(f"/people/{typed * 9}/")
    dawit.get("/people/H1-P1/")
    with pytest.raises(access.Hidden):
        assignments.assign(cast["amina"], typed, to=cast["bilal"], reason="interview")
    access.log(cast["amina"], "rights.open", person=typed, allowed=False)
    kept = list(AccessEntry.objects.filter(decision="refused").values_list("person", flat=True))
    assert len(kept) >= 6
    assert not [text for text in kept if "Nowruzian" in text or "0770" in text]
    assert "H1-P1" in kept
    same = [text for text in kept if text.startswith(f"not-an-id-{len(typed)}-")]
    assert len(same) >= 4
    assert len(set(same)) == 1


def test_an_interviewer_reads_only_people_assigned_to_them(small, cast):
    from onward.registry.permissions import access, assignments

    with pytest.raises(access.Hidden):
        access.Reader(cast["bilal"]).open("H1-P1")
    given = assignments.assign(
        cast["chantal"], "H1-P1", to=cast["bilal"], reason="interview on Monday"
    )
    seen = access.Reader(cast["bilal"]).open("H1-P1")
    assert "confidential" in seen.classes
    assert "grounds" not in seen.classes
    assignments.end_assignment(cast["chantal"], given, reason="done")
    with pytest.raises(access.Hidden):
        access.Reader(cast["bilal"]).open("H1-P1")


def test_a_partner_sees_its_own_referrals_and_no_casework(small, cast):
    from onward.registry.permissions import access, assignments

    helper = people.account("helper", "partner", organisation="harbour-aid", office="")
    other = people.account("other", "partner", organisation="hill-aid", office="")
    assignments.assign(cast["chantal"], "H2-P1", organisation="harbour-aid", reason="shelter")
    seen = access.Reader(helper).open("H2-P1")
    assert not seen.shows("stage")
    assert "stage" not in seen.facts
    assert not access.people_visible_to(other).exists()


def test_a_person_is_assigned_only_by_somebody_who_may_see_them(small, cast):
    from onward.registry.permissions import access, assignments

    with pytest.raises(access.Hidden):
        assignments.assign(cast["dawit"], "H1-P1", to=cast["dawit"], reason="curious")


def test_nobody_assigns_people_to_themselves(small, cast):
    """Being assigned opens the person's own account of what happened: somebody else decides it."""
    from onward.registry.models import Assignment
    from onward.registry.permissions import access, assignments

    amina, other = cast["amina"], people.account("esra", "protection_officer")
    assert "narrative" not in access.Reader(amina).open("H1-P1").classes
    with pytest.raises(access.Refused, match="to themselves"):
        assignments.assign(amina, "H1-P1", to=amina, reason="my case")
    assert not Assignment.objects.exists()
    assert "narrative" not in access.Reader(amina).open("H1-P1").classes
    assignments.assign(other, "H1-P1", to=amina, reason="her case")
    assert "narrative" in access.Reader(amina).open("H1-P1").classes
    desk = people.signed_in(amina)
    form = desk.post("/people/chosen/", {"do": "assign", "people": "H1-P1"})
    assert cast["bilal"].account_id in form.content.decode()
    assert amina.account_id not in form.content.decode()


def test_claims_and_health_are_shown_to_those_who_work_on_them(small, cast):
    from onward.registry.permissions import access

    medic = access.Reader(people.account("medic", "medical")).open("H1-P1")
    assert medic.shows("fitness_finding")
    assert not medic.shows("stage")
    assert medic.things("assessment") == []
    amina = access.Reader(cast["amina"]).open("H1-P1")
    assert not amina.shows("fitness_finding")
    assert amina.things("assessment")
    chantal = access.Reader(cast["chantal"]).open("H1-P1")
    assert chantal.things("assessment") == []
    assert chantal.things("consent")


def test_why_a_step_is_blocked_is_told_as_far_as_may_be(small, cast):
    from onward.registry.permissions import access

    returning = people.account("returning", "repatriation_officer")
    failed = ["G5.no_fear", "G17.triaged", "G3.consent"]
    assert access.Reader(returning).open("H1-P1").failed(failed) == ["withheld", "G3.consent"]
    assert access.Reader(cast["amina"]).open("H1-P1").failed(failed) == failed


def test_reasons_lose_the_sentence_and_the_facts_that_may_not_be_told(small, cast):
    from onward.registry.permissions import access
    from onward.safeguards.explain import Missing
    from onward.safeguards.explain import Reason as Told

    told = Told(
        "G5", "G5.no_fear", "Fear", "No fear has been expressed.", "false",
        (Missing("claim", "expressed_on", "Expressed on", "false", "C-1"),),
        "Withdrawn freely …", "authority", "RSD officer", True, "1951 Art 33",
    )  # fmt: skip
    returning = people.account("returning", "repatriation_officer")
    (plain,) = access.Reader(returning).open("H1-P1").reasons([told])
    assert plain.withheld
    assert (plain.sentence, plain.missing, plain.safeguard) == ("", (), "")
    assert plain.owner_role == "RSD officer"
    (whole,) = access.Reader(cast["amina"]).open("H1-P1").reasons([told])
    assert whole.sentence
    assert whole.missing


def test_every_look_at_a_person_is_in_the_log_with_what_was_shown(small, cast):
    from onward.registry.models import AccessEntry
    from onward.registry.permissions import access

    reader = access.Reader(cast["amina"])
    reader.open("H1-P1", place="desk:person")
    reader.listed(list(reader.people()[:3]), place="desk:people")
    first, second = AccessEntry.objects.filter(account=cast["amina"].account_id).order_by("id")
    assert (first.person, first.action, first.place) == ("H1-P1", "person.read", "desk:person")
    assert "confidential" in first.classes
    assert len(second.people) == 3


def test_the_log_of_access_is_only_ever_added_to(small, cast):
    from django.db import DatabaseError, connection

    from onward.registry.permissions import access

    access.Reader(cast["amina"]).open("H1-P1")
    for statement in (
        "UPDATE onward_access_log SET person = ''",
        "DELETE FROM onward_access_log",
    ):
        with connection.cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute(statement)


def test_names_need_a_reason_and_a_fresh_sign_in(small, cast):
    from onward.registry.permissions import access

    reader = access.Reader(cast["amina"])
    with pytest.raises(access.Refused):
        reader.reveal("H1-P1", purpose=" ", signed_in=now())
    for old in (None, now() - timedelta(minutes=10)):
        with pytest.raises(access.SignInAgain):
            reader.reveal("H1-P1", purpose="interview", signed_in=old)
    leave = reader.reveal("H1-P1", purpose="interview", signed_in=now())
    shown = leave.of(small.vault.get("H1-P1"))
    assert shown["name.full.latin"]
    assert "notes" not in shown


def test_sixty_people_an_hour_ask_for_a_new_sign_in_and_two_hundred_a_day_freeze(small, cast):
    from onward.registry.models import AccessEntry, Account, Alarm
    from onward.registry.permissions import access

    amina = cast["amina"]
    reader = access.Reader(amina)
    signed = now()

    def seen(numbers: range, at: datetime) -> None:
        AccessEntry.objects.bulk_create(
            AccessEntry(
                operation="meridian", at=at, account=amina.account_id, action="person.reveal",
                person=f"p{n}", decision="allowed",
            )
            for n in numbers
        )  # fmt: skip

    seen(range(60), now())
    with pytest.raises(access.SignInAgain):
        reader.reveal("H1-P1", purpose="interview", signed_in=signed)
    assert Alarm.objects.filter(kind="reveals-hour").count() == 1
    reader.reveal("H1-P1", purpose="interview", signed_in=now())
    seen(range(60, 200), now() - timedelta(hours=3))
    with pytest.raises(access.Refused, match="frozen"):
        reader.reveal("H2-P1", purpose="interview", signed_in=now())
    assert Alarm.objects.filter(kind="reveals-day").count() == 1
    assert not Account.objects.get(pk=amina.pk).is_active


def test_looking_at_the_same_person_again_does_not_count_twice(small, cast):
    from onward.registry.permissions import access

    reader = access.Reader(cast["amina"])
    for _ in range(70):
        reader.reveal("H1-P1", purpose="interview", signed_in=now())


def test_opening_somebody_who_does_not_exist_raises_an_alarm(small, cast):
    from onward.registry.now import projection
    from onward.registry.permissions import access, alarms, honeytokens

    before = access.people_visible_to(cast["amina"]).filter(active=True).count()
    bait = honeytokens.add_honeytoken(
        cast["chantal"], {"name.full.latin": "Farid Someone"}, office=people.OFFICE
    )
    assert projection.compare(small) == []
    projection.rebuild(small)
    assert not access.people_visible_to(cast["amina"]).get(person="H1-P1").blocked
    assert access.people_visible_to(cast["amina"]).filter(active=True).count() == before
    assert not alarms.alarms_for(cast["chantal"]).exists()
    access.Reader(cast["amina"]).open(bait)
    (alarm,) = alarms.alarms_for(cast["chantal"])
    assert (alarm.kind, alarm.account, alarm.person) == (
        "honeytoken",
        cast["amina"].account_id,
        bait,
    )
    assert not alarms.alarms_for(cast["amina"]).exists()


def test_nobody_closes_an_alarm_about_themselves(small, cast):
    from onward.errors import OnwardError
    from onward.registry.permissions import alarms

    alarm = alarms.raise_alarm("panic", account=cast["chantal"].account_id)
    with pytest.raises(OnwardError):
        alarms.close_alarm(alarm, cast["chantal"], "It was only me, testing the button.")
    second = people.account("second", "supervisor")
    alarms.close_alarm(alarm, second, "Pressed by mistake; spoke with her.")
    assert not alarms.alarms_for(second).exists()


def test_a_frozen_account_sees_nobody_even_through_a_function(small, cast):
    from onward.registry.permissions import access

    access.freeze(cast["amina"], "test")
    assert not access.people_visible_to(cast["amina"]).exists()
    assert not access.may(cast["amina"], "plan.read")


def test_reading_a_list_costs_the_same_for_one_person_and_for_many(small, cast):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from onward.registry.permissions import access

    def cost(number: int) -> int:
        with CaptureQueriesContext(connection) as found:
            reader = access.Reader(cast["bilal"])
            rows = list(reader.people()[:number])
            for row in rows:
                reader.classes(row)
            reader.listed(rows, place="x")
        return len(found)

    assert cost(1) == cost(12)


def test_nobody_manages_their_own_account_and_the_last_administrator_stays(small):
    from onward.errors import OnwardError
    from onward.registry.permissions import access, accounts

    root = people.account("root", "administrator", office="")
    with pytest.raises(access.Refused):
        accounts.change_account(root, by=root, roles=["administrator", "custodian"])
    with pytest.raises(OnwardError, match="last administrator"):
        accounts.change_account(root, by=None, active=False)
    with pytest.raises(access.Refused):
        accounts.create_account(
            "eve", roles=["analyst"], by=people.account("amina", "protection_officer")
        )


def test_demonstration_accounts_exist_only_in_a_demonstration_on_this_machine(small, tmp_path):
    from onward.errors import OnwardError
    from onward.registry import site
    from onward.registry.models import Account
    from onward.registry.permissions import demo_accounts

    for host in ("0.0.0.0", "192.168.1.4", "desk.example.org", "::"):
        with pytest.raises(OnwardError):
            demo_accounts.make_demo_accounts(host)
    site.current().demonstration = False
    with pytest.raises(OnwardError):
        demo_accounts.make_demo_accounts("127.0.0.1")
    assert not Account.objects.exists()
    site.current().demonstration = True
    made = demo_accounts.make_demo_accounts("127.0.0.1")
    from onward.registry.permissions.roles import load_rules

    assert len(made) == len(load_rules().roles)
    assert demo_accounts.make_demo_accounts("127.0.0.1") == {}


def test_a_demonstration_gives_each_role_whom_it_works_with(small):
    from onward.caseload.events import Subject
    from onward.registry import site
    from onward.registry.models import Account
    from onward.registry.permissions import access, assignments, demo_accounts
    from onward.registry.recording import acts

    by = people.account("chantal", "supervisor")
    site.current().demonstration = True
    acts.record(by, Subject("person", "H1-P1"), "T17.left_unassisted", effective="2026-06-09",
                facts={}, idempotency_key="left")  # fmt: skip
    monitor = people.account("dawit", "follow_up_monitor")
    assignments.assign(by, "H1-P1", to=monitor, reason="left yesterday")
    due = {"person": "H1-P1", "due_on": "2026-06-10"}
    acts.record(monitor, Subject("follow_up", "F-1"), "recorded", effective="2026-06-09", facts=due,
                idempotency_key="due")  # fmt: skip
    demo_accounts.make_demo_accounts("127.0.0.1")

    def given(name):
        theirs = access.people_visible_to(Account.objects.get(username=name), "person.read")
        return set(theirs.values_list("person", flat=True))

    assert "H1-P1" in given("follow.up.monitor")
    assert "H1-P1" not in given("interviewer")
    assert given("rsd.officer")


def test_the_code_of_a_demonstration_is_shown_nowhere_else(small):
    from onward.registry import site
    from onward.registry.permissions import demo_accounts

    real = people.account("amina", "protection_officer")
    assert demo_accounts.code_now(real) == ""
    real.demonstration = True
    assert demo_accounts.code_now(real) != ""
    site.current().demonstration = False
    assert demo_accounts.code_now(real) == ""


def test_limits_follow_the_clock_not_the_session(small, cast):
    from onward.registry.permissions import access

    reader = access.Reader(cast["amina"])
    with time_machine.travel(now() + timedelta(minutes=9)):
        reader.reveal("H1-P1", purpose="interview", signed_in=now() - timedelta(minutes=9))
