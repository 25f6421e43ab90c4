"""What a page says after something was done reaches the next page, and nobody else, and costs no writing."""

from __future__ import annotations

import re

import pytest
import registry_cast as people
from django.db import connection
from django.test.utils import CaptureQueriesContext

COOKIE = "work-said"
FORM = {"person": "H1-P1", "kind": "access", "language": "fa", "asked_on": "2026-06-01"}
SAID = "Taken. The person has a right to the answer in time."


@pytest.fixture
def amina(small):
    return people.signed_in(people.account("amina", "protection_officer"))


def test_it_is_said_once_on_the_next_page(amina):
    there = amina.post("/rights/", FORM)["Location"]
    assert SAID in amina.get(there).content.decode()
    assert SAID not in amina.get(there).content.decode()
    assert not amina.cookies[COOKIE].value


def test_the_cookie_can_be_read_by_nobody_and_is_kept_from_scripts(amina):
    amina.post("/rights/", FORM)
    cookie = amina.cookies[COOKIE]
    assert "Taken" not in cookie.value
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert not cookie["max-age"]
    assert not cookie["expires"], "it goes with the window"


@pytest.mark.parametrize("change", ["account", "sign-in", "text", "nonsense"])
def test_what_was_said_to_somebody_else_or_changed_is_not_said_and_goes_away(
    small, amina, change
):
    from onward.registry.models import Account

    amina.post("/rights/", FORM)
    kept = amina.cookies[COOKIE].value
    reader = amina
    if change == "account":
        reader = people.signed_in(people.account("bilal", "interviewer"))
    elif change == "sign-in":  # on a shared machine, after signing out
        reader = people.signed_in(Account.objects.get(username="amina"))
    else:
        kept = "nonsense" if change == "nonsense" else kept[:-6] + "AAAAAA"
    reader.cookies[COOKIE] = kept
    page = reader.get("/rights/")
    assert page.status_code == 200
    assert SAID not in page.content.decode()
    assert not reader.cookies[COOKIE].value


def test_what_is_too_long_for_a_cookie_is_said_all_the_same(small, amina, rf):
    from django.contrib import messages
    from django.contrib.messages.storage import default_storage
    from django.http import HttpResponse

    from onward.registry.signing_in.sessions import SessionStore

    def request():
        made = rf.get("/")
        made.session, made.user = session, account
        made._messages = default_storage(made)
        return made

    session, account = SessionStore(), people.account("chantal", "supervisor")
    long = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(3000))
    before, answer = request(), HttpResponse()
    for words in ("short", long):
        messages.success(before, words)
    before._messages.update(answer)
    after = request()
    after.COOKIES[COOKIE] = answer.cookies[COOKIE].value
    assert {str(one) for one in messages.get_messages(after)} == {"short", long}


def test_saying_that_something_was_recorded_writes_nothing_into_the_session(small, amina):
    address = "/people/H1-P1/add/complaint/"

    def sent():
        page = amina.get(address).content.decode()
        found = {
            name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]
            for name in ("key", "revision")
        }
        return found | {"category": "services", "received_on": "2026-06-10"}

    amina.post(address, sent())
    form = sent()
    with CaptureQueriesContext(connection) as asked:
        assert amina.post(address, form).status_code == 303
        assert "Recorded" in amina.get("/people/H1-P1/").content.decode()
        said = [each["sql"] for each in asked]
    assert not [text for text in said if re.match(r"(UPDATE|INSERT).*django_session", text)]
    assert len([text for text in said if text.startswith("COMMIT")]) <= 1 or (
        connection.vendor == "sqlite"
    )
