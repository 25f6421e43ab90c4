"""Where access ends: what is over opens nothing, and a limit holds exactly where it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import registry_cast as people

from onward.errors import OnwardError


@pytest.fixture
def cast(small):
    return people.cast()


def now() -> datetime:
    return datetime.now(UTC)


def seen_by(account, action="person.read"):
    from onward.registry.permissions import access

    return set(access.people_visible_to(account, action).values_list("person", flat=True))


def log_of(account, **asked):
    from onward.registry.models import AccessEntry

    return list(
        AccessEntry.objects.filter(account=account.account_id, **asked).order_by("id").values_list(
            "action", "person", "decision", "place"
        )
    )  # fmt: skip


# -- what is over -----------------------------------------------------------------------------


def test_a_referral_opens_one_person_to_one_partner_until_it_ends(small, cast):
    from onward.registry.permissions import access, assignments

    helper = people.account("helper", "partner", organisation="harbour-aid", office="")
    other = people.account("other", "partner", organisation="hill-aid", office="")
    nobodys = people.account("nobodys", "partner", organisation="hill-aid", office="")
    nobodys.organisation = ""
    given = assignments.assign(
        cast["chantal"], "H2-P1", organisation="harbour-aid", reason="shelter"
    )
    assignments.assign(cast["chantal"], "H3-P1", to=cast["bilal"], reason="interview")
    assert (seen_by(helper), seen_by(other), seen_by(nobodys)) == ({"H2-P1"}, set(), set())
    row = access.people_visible_to(helper).get()
    assert "biodata" in access.readable(helper, row)
    for stranger in (other, nobodys):
        assert access.readable(stranger, row) == frozenset()
        assert not access.may(stranger, "person.read", row)
        with pytest.raises(access.Hidden):
            access.Reader(stranger).open("H2-P1")
    assignments.end_assignment(cast["chantal"], given, reason="sheltered")
    assert seen_by(helper) == set()
    assert access.readable(helper, row) == frozenset()
    with pytest.raises(access.Hidden):
        access.Reader(helper).open("H2-P1")


def test_an_ended_assignment_reads_no_class_of_the_person_any_more(small, cast):
    from onward.registry.permissions import access, assignments

    bilal, row = cast["bilal"], access.people_visible_to(cast["amina"]).get(person="H1-P1")
    given = assignments.assign(cast["amina"], "H1-P1", to=bilal, reason="interview")
    assert "confidential" in access.Reader(bilal).classes(row)
    assert access.Reader(bilal).things("confidential").filter(person="H1-P1").exists()
    assert not access.Reader(bilal).things("confidential").exclude(person="H1-P1").exists()
    assignments.end_assignment(cast["amina"], given, reason="done")
    assert access.Reader(bilal).classes(row) == {"open", "internal"}
    assert not access.Reader(bilal).things("confidential").exists()


def test_somebody_elses_assignment_is_ended_only_by_who_could_have_made_it(small, cast):
    from onward.registry.permissions import access, assignments

    given = assignments.assign(cast["amina"], "H1-P1", to=cast["bilal"], reason="interview")
    for stranger in (cast["dawit"], cast["bilal"]):
        with pytest.raises(access.Hidden):
            assignments.end_assignment(stranger, given, reason="mischief")
    given.refresh_from_db()
    assert given.until is None
    assert "H1-P1" in seen_by(cast["bilal"])
    assignments.end_assignment(cast["chantal"], given, reason="done")
    ended = given.until
    assignments.end_assignment(cast["chantal"], given, reason="done again")
    given.refresh_from_db()
    assert given.until == ended


def test_a_closed_and_a_frozen_account_see_nobody_and_do_nothing(small, cast):
    from onward.registry.permissions import access, accounts

    for name, close in (
        ("amina", lambda who: accounts.change_account(who, by=None, active=False)),
        ("chantal", lambda who: access.freeze(who, "too many names")),
    ):
        who = cast[name]
        assert "H1-P1" in seen_by(who)
        close(who)
        who.refresh_from_db()
        assert not who.is_active
        assert seen_by(who) == set()
        assert not access.may(who, "breach.report")
        with pytest.raises(access.Hidden):
            access.Reader(who).open("H1-P1")


@pytest.mark.parametrize("change", [{"is_active": False}, {"frozen_at": now()}])
def test_either_of_the_two_marks_closes_an_account(small, cast, change):
    from onward.registry.permissions import access

    for name, value in change.items():
        setattr(cast["amina"], name, value)
    assert seen_by(cast["amina"]) == set()
    assert not access.may(cast["amina"], "plan.read")


# -- assigning --------------------------------------------------------------------------------


def test_an_assignment_is_to_one_and_says_why(small, cast):
    from onward.registry.models import Assignment
    from onward.registry.permissions import assignments

    amina, bilal = cast["amina"], cast["bilal"]
    for asked in (
        {"reason": "interview"},
        {"to": bilal, "organisation": "harbour-aid", "reason": "interview"},
        {"to": bilal, "reason": " no "},
    ):
        with pytest.raises(OnwardError, match=r"Choose one|Say why"):
            assignments.assign(amina, "H1-P1", **asked)
    assert not Assignment.objects.exists()
    given = assignments.assign(amina, "H1-P1", to=bilal, reason=" ask ")
    assert (given.reason, given.by, given.until) == ("ask", amina.account_id, None)
    assert assignments.assign(amina, "H1-P1", to=bilal, reason="again").pk == given.pk
    assert Assignment.objects.count() == 1
    assert log_of(amina, action="person.assign") == [("person.assign", "H1-P1", "allowed", "")]


def test_a_refused_assignment_is_in_the_log_and_leaves_nothing(small, cast):
    from onward.registry.models import Assignment
    from onward.registry.permissions import access, assignments

    with pytest.raises(access.Hidden):
        assignments.assign(cast["dawit"], "H1-P1", to=cast["bilal"], reason="curious")
    with pytest.raises(access.Refused):
        assignments.assign(cast["amina"], "H1-P1", to=cast["amina"], reason="my case")
    for who in (cast["dawit"], cast["amina"]):
        assert log_of(who) == [("person.assign", "H1-P1", "refused", "")]
    assert not Assignment.objects.exists()


# -- what an account may do -------------------------------------------------------------------


def test_the_first_thing_somebody_may_do_is_what_the_log_says(small, cast):
    from onward.registry.permissions import access

    row = access.people_visible_to(cast["amina"]).get(person="H1-P1")
    asked = ("person.register", "person.edit", "person.list")
    assert access.require(cast["amina"], *asked, person=row, place="edit") == "person.edit"
    with pytest.raises(access.Refused, match="Your roles do not include this"):
        access.require(cast["dawit"], *asked, person=row, place="edit")
    with pytest.raises(access.Refused):
        access.require(cast["bilal"], "plan.edit")
    assert log_of(cast["amina"]) == [("person.edit", "H1-P1", "allowed", "edit")]
    assert log_of(cast["dawit"]) == [("person.register", "H1-P1", "refused", "edit")]
    assert log_of(cast["bilal"]) == [("plan.edit", "", "refused", "")]


def test_what_somebody_may_do_somewhere_they_may_not_do_with_everybody(small, cast):
    from onward.registry.permissions import access

    row = access.people_visible_to(cast["amina"]).get(person="H1-P1")
    for reader in (access.Reader(cast["dawit"]), access.Reader(cast["bilal"])):
        assert reader.may("person.read")
        assert not reader.may("person.read", row)
        assert access.may(reader.account, "person.read")
        assert not access.may(reader.account, "person.read", row)
    assert access.may(cast["amina"], "person.read", row)
    analyst = people.account("noor", "analyst", office="")
    assert access.may(analyst, "person.list", row)
    assert not access.may(analyst, "person.read")


def test_a_list_opens_and_may_be_asked_only_by_what_is_read_of_everybody_in_it(small, cast):
    from onward.registry.models import PersonNow
    from onward.registry.permissions import access, assignments

    amina, bilal = access.Reader(cast["amina"]), access.Reader(cast["bilal"])
    assert amina.opens_all_it_lists
    assert not bilal.opens_all_it_lists
    assert amina.reads_of_all("confidential")
    assert not amina.reads_of_all("narrative")
    assert not bilal.reads_of_all("confidential")
    assert bilal.reads_of_all("internal")
    assert bilal.reads_somewhere("confidential")
    assert not bilal.reads_somewhere("grounds")
    asked = PersonNow.objects.filter(bilal.within("confidential"))
    assert not asked.exists()
    assignments.assign(cast["amina"], "H1-P1", to=cast["bilal"], reason="interview")
    assert set(asked.values_list("person", flat=True)) == {"H1-P1"}


def test_somebody_is_told_of_a_finding_only_when_they_read_all_it_rests_on(small, cast):
    from onward.registry.permissions import access

    rulebook = small.rulebook
    returning = access.Reader(people.account("returning", "repatriation_officer"))
    assert access.Reader(cast["amina"]).told_of(rulebook, "G5.no_fear")
    assert not returning.told_of(rulebook, "G5.no_fear")
    assert returning.told_of(rulebook, "G3.consent")
    assert not access.Reader(cast["amina"]).told_of(rulebook, "G99.nothing")
    seen = returning.open("H1-P1")
    assert seen.failed(["G5.no_fear", "G3.consent", "G17.triaged", "G3.consent"]) == [
        "withheld", "G3.consent",
    ]  # fmt: skip


# -- names ------------------------------------------------------------------------------------


def test_one_class_of_names_is_shown_alone_and_only_to_who_reads_it(small, cast):
    from onward.registry.permissions import access

    identity = small.vault.get("H1-P1")
    kept = {**identity, "document.passport": "X-1", "phone": "0770 555"}
    rules = access.load_rules()
    amina = access.Reader(cast["amina"])
    leave = amina.reveal("H1-P1", purpose="interview", signed_in=now(), only="names")
    assert leave.classes == {"names"}
    assert {rules.vault_class(field) for field in leave.of(kept)} == {"names"}
    everything = amina.reveal("H1-P1", purpose="interview", signed_in=now())
    assert everything.classes == {"names", "documents", "contacts"}
    assert leave.of(None) == {}
    assert (leave.person, leave.reads) == ("H1-P1", amina.open("H1-P1").classes)
    chantal = access.Reader(cast["chantal"])
    for unread in ("contacts", "narrative"):
        with pytest.raises(access.Hidden):
            chantal.reveal("H1-P1", purpose="call", signed_in=now(), only=unread, place="page")
    assert log_of(cast["chantal"]) == [("person.reveal", "H1-P1", "refused", "page")] * 2


def test_a_reason_has_three_letters_and_a_sign_in_is_not_yet_ten_minutes_old(small, cast):
    from onward.registry.permissions import access

    reader = access.Reader(cast["amina"])
    for short in ("", "  ", " ab "):
        with pytest.raises(access.Refused, match="Say why"):
            reader.reveal("H1-P1", purpose=short, signed_in=now())
    with pytest.raises(access.SignInAgain):
        reader.reveal("H1-P1", purpose="abc", signed_in=now() - timedelta(minutes=10))
    assert log_of(cast["amina"]) == []
    reader.reveal("H1-P1", purpose=" abc ", signed_in=now() - timedelta(minutes=9, seconds=50))
    from onward.registry.models import AccessEntry

    (entry,) = AccessEntry.objects.filter(account=cast["amina"].account_id)
    assert (entry.action, entry.person, entry.purpose) == ("person.reveal", "H1-P1", "abc")
    assert set(entry.classes) == {"names", "documents", "contacts"}


def test_a_list_is_in_the_log_as_a_list_with_everybody_in_it(small, cast):
    from onward.registry.models import AccessEntry
    from onward.registry.permissions import access

    reader = access.Reader(cast["amina"])
    reader.listed([], place="people")
    assert log_of(cast["amina"]) == []
    rows = list(reader.people().order_by("person")[:3])
    reader.listed(rows, place="people")
    (entry,) = AccessEntry.objects.filter(account=cast["amina"].account_id)
    assert (entry.action, entry.place, entry.person) == ("person.list", "people", "")
    assert entry.people == [row.person for row in rows]


def test_nobody_reveals_who_may_not_be_opened(small, cast):
    from onward.registry.permissions import access

    for who in (cast["dawit"], cast["bilal"]):
        with pytest.raises(access.Hidden):
            access.Reader(who).reveal("H1-P1", purpose="interview", signed_in=now())
        assert log_of(who) == [("person.reveal", "H1-P1", "refused", "")]


def shown(account, numbers, at):
    """Names that an account was shown at an instant."""
    from onward.registry.models import AccessEntry

    AccessEntry.objects.bulk_create(
        AccessEntry(operation="meridian", at=at, account=account.account_id,
                    action="person.reveal", person=f"p{n}", decision="allowed")
        for n in numbers
    )  # fmt: skip


def test_the_sixtieth_person_within_an_hour_is_shown_and_nobody_is_told(small, cast):
    from onward.registry.models import Alarm
    from onward.registry.permissions import access

    amina = cast["amina"]
    shown(amina, range(59), now() - timedelta(minutes=59))
    shown(amina, range(100, 120), now() - timedelta(minutes=61))
    shown(cast["chantal"], range(200, 260), now())
    access.Reader(amina).reveal(
        "H1-P1", purpose="interview", signed_in=now() - timedelta(minutes=5)
    )
    assert not Alarm.objects.exists()
    shown(amina, range(300, 360), now() - timedelta(minutes=4))
    before = now() - timedelta(minutes=5)
    with pytest.raises(access.SignInAgain):
        access.Reader(amina).reveal("H2-P1", purpose="interview", signed_in=before)
    (alarm,) = Alarm.objects.all()
    assert (alarm.kind, alarm.account) == ("reveals-hour", amina.account_id)
    assert alarm.number > 60


def test_the_two_hundredth_person_within_a_day_is_shown_and_the_next_freezes(small, cast):
    from onward.registry.models import Account, Alarm
    from onward.registry.permissions import access

    amina = cast["amina"]
    shown(amina, range(199), now() - timedelta(hours=23))
    shown(amina, range(500, 550), now() - timedelta(hours=25))
    access.Reader(amina).reveal("H1-P1", purpose="interview", signed_in=now())
    assert Account.objects.get(pk=amina.pk).is_active
    assert not Alarm.objects.exists()
    with pytest.raises(access.Refused, match="This account is frozen"):
        access.Reader(amina).reveal("H2-P1", purpose="interview", signed_in=now())
    kept = Account.objects.get(pk=amina.pk)
    assert not kept.is_active
    assert kept.frozen_at is not None
    assert kept.frozen_why == "Names of more than 200 people were shown in a day."
    (alarm,) = Alarm.objects.all()
    assert (alarm.kind, alarm.account, alarm.number) == ("reveals-day", amina.account_id, 201)
    assert "H2-P1" not in [person for _, person, _, _ in log_of(amina, action="person.reveal")]


# -- people who do not exist ------------------------------------------------------------------


def test_asking_for_the_names_of_somebody_who_does_not_exist_raises_an_alarm(small, cast):
    from onward.registry.models import Alarm
    from onward.registry.permissions import access, honeytokens

    bait = honeytokens.add_honeytoken(
        cast["chantal"], {"name.full.latin": "Farid Someone"}, office=people.OFFICE
    )
    amina = access.Reader(cast["amina"])
    amina.reveal("H1-P1", purpose="interview", signed_in=now())
    assert not Alarm.objects.exists()
    leave = amina.reveal(bait, purpose="interview", signed_in=now())
    assert leave.of(small.vault.get(bait)) == {"name.full.latin": "Farid Someone"}
    (alarm,) = Alarm.objects.all()
    assert (alarm.kind, alarm.person) == ("honeytoken", bait)
    with pytest.raises(access.Hidden):
        access.Reader(cast["dawit"]).open(bait)


def test_only_who_handles_breaches_invents_somebody(small, cast):
    from onward.registry.models import Honeytoken
    from onward.registry.permissions import access, honeytokens

    before = len(small.store.read())
    with pytest.raises(access.Refused):
        honeytokens.add_honeytoken(
            cast["amina"], {"name.full.latin": "X"}, office=people.OFFICE
        )
    assert not Honeytoken.objects.exists()
    assert len(small.store.read()) == before
