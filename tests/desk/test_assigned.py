"""Who is assigned to a person, seen and ended at the desk."""

from __future__ import annotations

import re

import pytest
import registry_cast as cast
from test_people import browser, text

PAGE = "/people/H1-P1/assigned/"


@pytest.fixture
def given(small):
    """Somebody who interviews, and a partner, assigned to one person by a supervisor."""
    from onward.registry.permissions import assignments

    boss = cast.account("chantal", "supervisor")
    bilal = cast.account("bilal", "interviewer")
    helper = cast.account("helper", "partner", organisation="harbour-aid", office="")
    assignments.assign(boss, "H1-P1", to=bilal, reason="the second interview")
    assignments.assign(boss, "H1-P1", organisation="harbour-aid", reason="winter shelter")
    return {"bilal": bilal, "helper": helper}


def test_an_assignment_is_seen_and_ended_and_then_opens_nothing(given):
    from onward.registry.models import AccessEntry, Account

    officer, bilal = browser("protection_officer"), cast.signed_in(given["bilal"])
    helper = cast.signed_in(given["helper"])
    assert {one.get("/people/H1-P1/").status_code for one in (bilal, helper)} == {200}
    assert f'href="{PAGE}"' in text(officer.get("/people/H1-P1/"))
    page = text(officer.get(PAGE))
    assert "the second interview" in page
    assert "winter shelter" in page
    ids = dict(re.findall(r'<option value="([0-9a-f-]{36})"[^>]*>([^<]*)', page))
    assert set(ids.values()) == {str(given["bilal"]), "Partner: harbour-aid"}
    name = next(one for one, whom in ids.items() if whom == str(given["bilal"]))
    assert officer.post(PAGE, {"assignment": name, "reason": " x "}).status_code == 422
    assert officer.post(PAGE, {"assignment": name}).status_code == 422
    assert (
        officer.post(PAGE, {"assignment": "0" * 36, "reason": "Interviewed."}).status_code
        == 422
    )
    assert bilal.get("/people/H1-P1/").status_code == 200
    assert officer.post(PAGE, {"assignment": name, "reason": "Interviewed."}).status_code == 303
    assert bilal.get("/people/H1-P1/").status_code == 404
    assert helper.get("/people/H1-P1/").status_code == 200
    logged = AccessEntry.objects.get(action="person.unassign", decision="allowed")
    assert logged.account == Account.objects.get(username="amina").account_id
    assert (logged.person, logged.purpose) == ("H1-P1", "Interviewed.")
    page = text(officer.get(PAGE))
    assert "the second interview" not in page
    [left] = re.findall(r'<option value="([0-9a-f-]{36})"', page)
    assert officer.post(PAGE, {"assignment": left, "reason": "Sheltered."}).status_code == 303
    assert helper.get("/people/H1-P1/").status_code == 404
    assert "Nobody is assigned this person by name" in text(officer.get(PAGE))


def test_only_who_assigns_sees_it_and_nobody_of_another_office(given):
    assert browser("repatriation_officer", name="rep").get(PAGE).status_code == 403
    dawit = browser("protection_officer", name="dawit", office=cast.ELSEWHERE)
    assert (
        dawit.get(PAGE).status_code == dawit.get("/people/nobody/assigned/").status_code == 404
    )
    assert PAGE not in text(browser("repatriation_officer", name="two").get("/people/H1-P1/"))


def test_what_nobody_gave_is_not_shown_as_an_assignment(given):
    from onward.registry.models import Assignment

    mallory = cast.account("mallory", "interviewer")
    Assignment.objects.create(
        operation="meridian", person="H1-P1", account=mallory, reason="because", by="chantal"
    )
    page = text(browser("protection_officer").get(PAGE))
    assert "the second interview" in page
    assert "because" not in page


def test_nobody_is_offered_a_partners_account_to_assign_to_which_it_would_not_open(given):
    officer = browser("protection_officer")
    cast.account("inside", "partner", organisation="hill-aid")
    page = text(officer.post("/people/chosen/", {"do": "assign", "people": ["H1-P1"]}))
    assert str(given["bilal"]) in page
    assert "inside" not in page
