"""Administration as its pages tell it: accounts, roles, and what is kept how long."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
import registry_cast as people
from test_ahead import browser
from test_every_page import untold

from onward.errors import OnwardError


def test_an_administrator_makes_an_account_and_sees_its_code_once(small):
    from onward.registry.models import Account

    admin = browser("administrator", name="root")
    made = admin.post(
        "/administration/accounts/new/",
        {"username": "noor", "role": ["interviewer"], "office": "camp-1"},
    )
    code = re.search(r'<bdi class="code" dir="ltr">([A-Z2-7-]+)</bdi>', made.content.decode())[
        1
    ]
    assert Account.objects.get(username="noor").roles == {"interviewer"}
    assert code not in admin.get("/administration/").content.decode()


def test_whoever_handles_breaches_hears_of_accounts_that_read_cases(small):
    from onward.registry.models import Account
    from onward.registry.permissions import alarms

    admin = browser("administrator", name="root")
    chantal = people.account("chantal", "supervisor")
    bilal = people.account("bilal", "interviewer")
    people.account("auditor", "auditor")
    other = Account.objects.get(username="auditor")
    admin.post(f"/administration/accounts/{other.pk}/", {"do": "reset"})
    assert not alarms.alarms_for(chantal).exists()
    for _ in range(2):
        admin.post(f"/administration/accounts/{bilal.pk}/", {"do": "reset"})
    (alarm,) = alarms.alarms_for(chantal)
    assert alarm.kind == "accounts"
    root = Account.objects.get(username="root")
    with pytest.raises(OnwardError):
        alarms.close_alarm(alarm, root, "That was I, at work.")


def test_nobody_changes_their_own_account(small):
    from onward.registry.models import Account

    admin = browser("administrator", name="root")
    mine = Account.objects.get(username="root")
    address = f"/administration/accounts/{mine.pk}/"
    assert admin.post(address, {"do": "change", "role": ["supervisor"]}).status_code == 403
    mine.refresh_from_db()
    assert mine.roles == {"administrator"}


@pytest.mark.parametrize("does", ["release", "carry_out"])
def test_what_is_no_id_in_a_form_is_nobodys(small, does):
    keeper = browser("custodian")
    form = {"do": does, "hold": "x", "disposal": ""}
    assert keeper.post("/administration/retention/", form).status_code == 303


@pytest.mark.parametrize("role", ["protection_officer", "plan_lead", "auditor", "data_clerk"])
def test_administration_is_closed_to_others(small, role):
    assert browser(role).get("/administration/").status_code == 403
    assert browser(role, name="again").get("/administration/accounts/new/").status_code == 403


@pytest.mark.parametrize("language", ["en", "fa"])
@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"username": "Noor!", "role": ["interviewer"]}, "username"),
        ({"username": "root", "role": ["interviewer"]}, "username"),
        ({"username": "noor", "role": ["partner"]}, "organisation"),
        ({"username": "noor"}, "role"),
    ],
)
def test_what_is_wrong_with_a_new_account_is_said_beside_its_field(
    small, form, field, language
):
    admin = browser("administrator", name="root")
    admin.cookies["django_language"] = language
    answer = admin.post("/administration/accounts/new/", form)
    said = answer.content.decode().partition("<main")[2]
    assert answer.status_code == 422
    assert untold(said) == []
    assert f'href="#{field}"' in said
    told = html.unescape(
        re.search(r'class="error"[^>]*>(?:<svg.*?</svg>)?(.*?)</p>', said, re.S)[1]
    )
    if language == "fa":
        bare = re.sub("\u2068[^\u2069]*\u2069", "", told)
        assert not re.search(r"[A-Za-z]{2}", bare), told


def ended(*persons, since=date(2010, 1, 1)):
    from onward.registry.models import PersonNow

    PersonNow.objects.filter(person__in=persons).update(
        active=False, stage="returned", stage_since=since
    )


def test_whoever_carries_out_a_disposal_sees_whose_it_is_and_what_was_done(small):
    ended("H1-P1", "H1-P2")
    keeper = browser("custodian", name="keeper")
    address = "/administration/retention/"
    page = keeper.post(address, {"do": "propose"}, follow=True).content.decode()
    assert "until then nothing is destroyed" in page
    assert 'value="carry_out"' not in page, "who proposed does not carry out"
    assert "Waits for another person" in page
    other = browser("custodian", name="other")
    page = other.get(address).content.decode()
    assert "H1-P1" in page
    assert "H1-P2" in page
    disposal = re.search(r'name="disposal" value="([^"]+)"', page)[1]
    page = other.post(address, {"do": "carry_out", "disposal": disposal}, follow=True)
    assert "Files whose identity nobody can read again: 2." in page.content.decode()
    assert not small.vault.get("H1-P1")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"do": "hold", "person": "nobody", "reason": "Case 44 before the court."}, "person"),
        ({"do": "hold", "person": "H1-P1", "reason": "court"}, "reason"),
        ({"do": "propose"}, "due"),
    ],
)
def test_what_is_wrong_with_a_hold_or_a_disposal_is_said_where_it_is(small, form, field):
    answer = browser("custodian").post("/administration/retention/", form)
    said = answer.content.decode().partition("<main")[2]
    assert answer.status_code == 422
    assert untold(said) == []
    assert f'href="#{field}"' in said
    assert form.get("person", "") in said, "what was typed stays"
