"""What somebody writes into the database past the program gives nobody anything."""

from __future__ import annotations

import json
import sys

import pytest
import registry_cast as people

from onward.registry.log import verify


@pytest.fixture
def cast(small):
    return people.cast()


def by_hand(text, *values):
    """Run a statement as whoever administers the database."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(text, values)
        return
    quoted = text % tuple("'" + str(value).replace("'", "''") + "'" for value in values)
    if "onward_grant" in text:
        quoted = "ALTER TABLE onward_grant DISABLE TRIGGER USER; " + quoted
    sys.modules["onward_test_site"].server().sql(connection.settings_dict["NAME"], quoted)


def opens(client):
    return client.get("/").status_code == 200


def told(small):
    return "\n".join(verify.verify(small, deep=False).findings)


def uuid_of(account):
    from django.db import connection

    return account.pk.hex if connection.vendor == "sqlite" else str(account.pk)


CHANGES = {
    "role": ("UPDATE onward_account SET role_ids = %s WHERE id = %s", json.dumps(["supervisor"])),
    "office": ("UPDATE onward_account SET office = %s WHERE id = %s", people.ELSEWHERE),
    "organisation": ("UPDATE onward_account SET organisation = %s WHERE id = %s", "harbour-aid"),
    "name": ("UPDATE onward_account SET username = %s WHERE id = %s", "chantal2"),
    "password": ("UPDATE onward_account SET password = %s WHERE id = %s", "md5$a$b"),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_an_account_changed_in_the_database_opens_nothing_and_is_told(small, cast, what):
    from onward.registry.models import Alarm

    bilal = people.signed_in(cast["bilal"])
    assert opens(bilal)
    assert verify.verify(small, deep=False).sound
    statement, value = CHANGES[what]
    by_hand(statement, value, uuid_of(cast["bilal"]))
    assert not opens(bilal)
    assert "Account" in told(small)
    assert Alarm.objects.get(kind="changed").account == cast["bilal"].account_id
    assert opens(people.signed_in(cast["amina"]))


def test_a_password_put_into_the_database_signs_nobody_in_and_is_not_renewed(small, cast):
    from argon2 import PasswordHasher
    from django.test import Client

    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # one that is made anew
    put = "argon2" + cheap.hash("a-password-of-somebody-else")
    by_hand(
        "UPDATE onward_account SET password = %s WHERE id = %s", put, uuid_of(cast["amina"])
    )
    tried = Client().post(
        "/sign-in/", {"login": "amina", "password": "a-password-of-somebody-else"}
    )
    assert tried.status_code == 200
    cast["amina"].refresh_from_db()
    assert cast["amina"].password == put
    assert "amina" in told(small)


def test_another_persons_second_factor_put_in_place_opens_nothing(small, cast):
    amina = people.signed_in(cast["amina"])
    assert opens(amina)
    by_hand(
        "UPDATE mfa_authenticator SET data = (SELECT data FROM mfa_authenticator WHERE type = 'totp' "
        "AND user_id = %s) WHERE type = 'totp' AND user_id = %s",
        uuid_of(cast["bilal"]), uuid_of(cast["amina"]),
    )  # fmt: skip
    assert not opens(amina)
    assert "amina" in told(small)


def test_an_account_that_nobody_made_is_nobody(small, cast):
    from onward.registry.models import Account

    copy = Account.objects.get(pk=cast["chantal"].pk)
    Account.objects.bulk_create(
        [Account(operation=copy.operation, username="eve", role_ids=["supervisor"],
                 office=people.OFFICE, password=copy.password)]
    )  # fmt: skip
    assert not opens(people.signed_in(Account.objects.get(username="eve")))
    assert "eve" in told(small)


@pytest.mark.parametrize("name", ["seed", "migrated_codes", "unheard_of"])
def test_recovery_codes_put_in_place_open_nothing_and_counting_those_used_does(
    small, cast, name
):
    from allauth.mfa.models import Authenticator

    amina = people.signed_in(cast["amina"])
    codes = Authenticator.objects.get(user_id=cast["amina"].pk, type="recovery_codes")
    assert "seed" in codes.data
    codes.data = {**codes.data, "used_mask": 3}
    codes.save()
    assert opens(amina), "a code that was used changes nothing of what was given"
    codes.data = {**codes.data, name: ["1234 5678"] if name == "migrated_codes" else "mine"}
    codes.save()
    assert opens(amina) is (name == "unheard_of")
    assert ("amina" in told(small)) is (name != "unheard_of")


def test_an_account_that_is_put_back_keeps_its_factors_and_stays_frozen(small, cast):
    from allauth.mfa.models import Authenticator

    from onward.registry.models import Account
    from onward.registry.permissions import access, grants

    bilal = cast["bilal"]
    access.freeze(bilal, "too many looks")
    since = Account.objects.get(pk=bilal.pk).frozen_at
    by_hand("UPDATE onward_account SET office = 'camp-2' WHERE id = %s", uuid_of(bilal))
    held = set(Authenticator.objects.filter(user_id=bilal.pk).values_list("pk", flat=True))
    assert grants.put_back(Account.objects.get(pk=bilal.pk))
    after = Account.objects.get(pk=bilal.pk)
    assert (after.office, after.is_active, after.frozen_at) == (people.OFFICE, False, since)
    factors = Authenticator.objects.filter(user_id=bilal.pk).values_list("pk", flat=True)
    assert set(factors) == held
    assert not grants.put_back(after), "it is as it was given"


def test_a_closed_account_opened_again_in_the_database_stays_closed(small, cast):
    from onward.registry.permissions import accounts

    bilal = people.signed_in(cast["bilal"])
    accounts.change_account(cast["bilal"], by=None, active=False)
    by_hand(
        "UPDATE onward_account SET is_active = true, not_before = NULL WHERE id = %s",
        uuid_of(cast["bilal"]),
    )
    assert not opens(bilal)
    assert "bilal" in told(small)


def test_what_was_changed_is_put_back_by_whoever_manages_accounts(small, cast):
    from onward.registry.models import Account
    from onward.registry.permissions import accounts

    statement, value = CHANGES["role"]
    by_hand(statement, value, uuid_of(cast["bilal"]))
    accounts.change_account(Account.objects.get(username="bilal"), by=None, office="camp-9")
    after = Account.objects.get(username="bilal")
    assert (after.roles, after.office) == ({"interviewer"}, "camp-9")
    assert opens(people.signed_in(after))
    assert verify.verify(small, deep=False).sound


def test_a_person_assigned_in_the_database_stays_hidden(small, cast):
    from onward.registry.models import Assignment

    bilal = people.signed_in(cast["bilal"])
    Assignment.objects.create(
        operation="meridian", person="H1-P1", account=cast["bilal"], reason="x", by="x"
    )
    assert bilal.get("/people/H1-P1/").status_code == 404
    assert bilal.get("/people/H2-P1/").status_code == 404
    assert "assignments" in told(small)


@pytest.mark.parametrize("how", ["made", "turned to somebody else", "referred", "not ended"])
def test_an_assignment_that_nobody_gave_opens_no_list_no_search_and_no_export(small, cast, how):
    """Not only the person's page: who is listed, found by name, or read on a list, goes by it too."""
    from onward.registry.models import Alarm, Assignment
    from onward.registry.now.search import find_people
    from onward.registry.permissions import access, assignments

    amina = cast["amina"]
    if how == "referred":
        dora = people.account("dora", "partner", organisation="Friends", office="")
        row = assignments.assign(amina, "H2-P1", organisation="Friends", reason="a referral")
    else:
        dora = people.account("dora", "rsd_officer", office="")
        row = assignments.assign(amina, "H2-P1", to=dora, reason="her claim")
    browser = people.signed_in(dora)

    def reach():
        now = type(dora).objects.get(pk=dora.pk)
        return set(access.people_visible_to(now).values_list("person", flat=True))

    assert reach() == {"H2-P1"}
    if how == "made":
        Assignment.objects.create(
            operation="meridian", person="H1-P1", account=dora, reason="x", by="x"
        )
    elif how == "referred":
        Assignment.objects.create(
            operation="meridian", person="H1-P1", organisation="Friends", reason="x", by="x"
        )
    elif how == "not ended":
        other = assignments.assign(amina, "H1-P1", to=dora, reason="her claim")
        assignments.end_assignment(amina, other, reason="over")
        by_hand("UPDATE onward_assignment SET until = NULL WHERE id = %s", uuid_of(other))
    else:
        by_hand("UPDATE onward_assignment SET person = 'H1-P1' WHERE id = %s", uuid_of(row))
    still = set() if how == "turned to somebody else" else {"H2-P1"}
    assert reach() == still
    reader = access.Reader(type(dora).objects.get(pk=dora.pk))
    assert not find_people(reader, "Zarifeh Nowruzian", limit=3)
    assert "H1-P1" not in browser.get("/people/").content.decode()
    assert Alarm.objects.filter(kind="changed", account=dora.account_id).exists()
    assert "assignments" in told(small)


def test_a_person_is_assigned_rightly_where_somebody_had_written_it_into_the_database(
    small, cast
):
    from onward.registry.models import Assignment
    from onward.registry.permissions import assignments

    Assignment.objects.create(
        operation="meridian", person="H1-P1", account=cast["bilal"], reason="x", by="x"
    )
    made = assignments.assign(cast["amina"], "H1-P1", to=cast["bilal"], reason="an interview")
    assert made.by == cast["amina"].account_id
    assert people.signed_in(cast["bilal"]).get("/people/H1-P1/").status_code == 200
    assert verify.verify(small, deep=False).sound


def test_a_line_of_the_list_cannot_be_made_changed_or_taken_away_unseen(small, cast):
    from onward.registry.log import signing
    from onward.registry.models.accounts import Grant

    held = signing.now(small)
    assert verify.verify(small, [held], deep=False).sound
    last = Grant.objects.order_by("-number").first()
    free("update")
    by_hand("UPDATE onward_grant SET content = content || ' ' WHERE number = %s", last.number)
    assert "list of what was given" in told(small)
    free("delete")
    by_hand("DELETE FROM onward_grant WHERE number = %s", last.number)
    assert "who was given what" in "\n".join(verify.verify(small, [held], deep=False).findings)


def free(action):
    """Take the embedded database's own refusal away, as its administrator could."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER onward_grant_no_{action}")


def test_the_database_refuses_to_change_the_list(small, cast):
    from django.db import Error, connection

    for text in ("UPDATE onward_grant SET subject = 'x'", "DELETE FROM onward_grant"):
        with pytest.raises(Error), connection.cursor() as cursor:
            cursor.execute(text)


def test_a_record_with_accounts_of_before_is_sealed_as_it_stands_once(small, cast):
    from datetime import date

    from django.apps import apps

    from onward.registry.models import Recipient
    from onward.registry.models.accounts import Grant
    from onward.registry.permissions import assignments, grants

    assert opens(people.signed_in(cast["amina"]))
    aid = Recipient.objects.create(
        operation="meridian", name="R", code="r", kind="partner", age_key="age1", agreement="A",
        agreement_ends=date(2030, 1, 1), made_by="x",
    )  # fmt: skip
    assignments.assign(cast["amina"], "H1-P1", to=cast["bilal"], reason="an interview")
    free("delete")
    by_hand("DELETE FROM onward_grant")
    assert not opens(people.signed_in(cast["amina"]))
    with pytest.raises(grants.Changed):
        grants.check_recipient(aid)
    grants.seal_what_is_there(apps.get_model)
    assert Grant.objects.count() >= 10
    assert opens(people.signed_in(cast["amina"]))
    grants.check_recipient(aid)
    assert people.signed_in(cast["bilal"]).get("/people/H1-P1/").status_code == 200
    assert verify.verify(small, deep=False).sound


def test_a_yes_written_into_the_database_lets_nothing_out(small, cast):
    """Nor does adding people to an export after somebody said yes to it."""
    from datetime import date

    from onward.registry.models import ExportDecision, ExportRequest, Recipient
    from onward.registry.permissions import grants

    recipient = Recipient.objects.create(
        operation="meridian", name="R", code="r", kind="partner", age_key="age1", agreement="A",
        agreement_ends=date(2030, 1, 1), made_by="x",
    )  # fmt: skip
    grants.seal_recipient(recipient)
    export = ExportRequest.objects.create(
        operation="meridian", profile="referral", recipient=recipient, purpose="protection",
        reason="reason", asked_by=cast["amina"], people=["H1-P1"], state="approved",
    )  # fmt: skip
    yes = ExportDecision(
        operation="meridian", export=export, account=cast["chantal"], approves=True, reason="x"
    )
    yes.save()
    with pytest.raises(grants.Changed, match="export"):
        grants.check_decisions(export.decisions.all())
    assert "decision on export" in told(small)
    grants.seal_decision(yes)
    grants.check_decisions(export.decisions.all())
    assert verify.verify(small, deep=False).sound
    by_hand("UPDATE onward_export SET people = %s", json.dumps(["H1-P1", "H2-P1"]))
    export.refresh_from_db()
    with pytest.raises(grants.Changed, match="export"):
        grants.check_decisions(export.decisions.all())
    assert "decision on export" in told(small)


def test_an_export_set_to_approved_in_the_database_is_not_written(small, cast):
    from datetime import UTC, date, datetime

    from onward.errors import OnwardError
    from onward.registry.exporting import requests
    from onward.registry.models import ExportRequest, Recipient
    from onward.registry.permissions import grants

    recipient = Recipient.objects.create(
        operation="meridian", name="R", code="r", kind="partner", age_key="age1", agreement="A",
        agreement_ends=date(2030, 1, 1), made_by="x",
    )  # fmt: skip
    grants.seal_recipient(recipient)
    export = ExportRequest.objects.create(
        operation="meridian", profile="referral", recipient=recipient, purpose="protection",
        reason="reason", asked_by=cast["amina"], people=["H1-P1"],
    )  # fmt: skip
    by_hand("UPDATE onward_export SET state = %s", "approved")
    export.refresh_from_db()
    with pytest.raises(OnwardError, match="not approved"):
        requests.write(cast["amina"], export, typed_count=1, signed_in=datetime.now(UTC))


def test_a_recipients_key_changed_in_the_database_receives_nothing(small, cast):
    from datetime import UTC, date, datetime

    from pyrage import x25519

    from onward.registry.exporting import profiles, recipients, requests
    from onward.registry.models import Recipient
    from onward.registry.permissions import grants

    now = datetime.now(UTC)
    made = recipients.add_recipient(
        cast["amina"], name="Harbour Aid", code="harbour", kind="partner", country="",
        age_key=str(x25519.Identity.generate().to_public()), purposes=["protection"],
        classes=["open", "internal"], agreement="MoU 7", agreement_ends=date(2030, 1, 1),
        impact_on=date(2026, 1, 1), signed_in=now,
    )  # fmt: skip
    recipients.confirm_recipient(cast["chantal"], made, signed_in=now)
    grants.check_recipient(Recipient.objects.get())
    assert verify.verify(small, deep=False).sound
    other = str(x25519.Identity.generate().to_public())
    by_hand("UPDATE onward_recipient SET age_key = %s", other)
    with pytest.raises(grants.Changed, match="recipient"):
        requests.ask(
            cast["amina"], profile=next(iter(profiles.profiles())), recipient=Recipient.objects.get(),
            purpose="protection", reason="a sentence of reason", people=["H1-P1"], signed_in=now,
        )  # fmt: skip
    assert "Recipient" in told(small)
