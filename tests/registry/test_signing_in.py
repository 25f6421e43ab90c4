"""Signing in: nobody without a second factor, nothing in clear, nobody locked out by others."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import registry_cast as people
import time_machine

INSIDE = "/account/"
"""A page that opens only to somebody who is signed in."""


@pytest.fixture(autouse=True)
def _nobody_tried_before(small):
    from django.core.cache import cache

    cache.clear()


def key_of(page: str) -> str:
    """The key in letters that the page for setting up an app shows."""
    found = re.search(r'<code dir="ltr">([A-Z2-7]+)</code>', page)
    assert found is not None
    return found[1]


@pytest.fixture
def amina(small):
    return people.account("amina", "protection_officer", password=people.PASSWORD)


@pytest.fixture
def browser(small):
    from django.test import Client

    return Client()


def test_name_password_and_code_open_the_desk(amina, browser):
    done = people.sign_in(browser, "amina", people.PASSWORD, amina.secret)
    assert (done.status_code, done["Location"]) == (302, "/")
    assert browser.get(INSIDE).status_code == 200


def test_a_password_alone_opens_nothing(amina, browser):
    browser.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    assert browser.get(INSIDE)["Location"].startswith("/sign-in/")


def test_without_a_second_factor_only_setting_one_up_is_open(small, browser):
    people.account("bilal", "interviewer", factor=False, password=people.PASSWORD)
    browser.post("/sign-in/", {"login": "bilal", "password": people.PASSWORD})
    for address in ("/account/password/", "/account/codes/", "/locked/"):
        answer = browser.get(address)
        assert (answer.status_code, answer["Location"]) == (302, "/account/"), address
    assert browser.get("/account/").status_code == 200
    secret = key_of(browser.get("/account/app/add/").content.decode())
    done = browser.post("/account/app/add/", {"code": people.code(secret)})
    assert done["Location"] == "/account/codes/"
    assert "code" in browser.get("/account/codes/").content.decode()
    assert browser.get(INSIDE).status_code == 200


def test_seeds_of_second_factors_are_encrypted_in_the_database(amina):
    from allauth.mfa.models import Authenticator

    from onward.registry.signing_in.signin import SecondFactors

    kept = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert amina.secret not in kept
    found = Authenticator.objects.get(user_id=amina.pk, type="totp")
    assert SecondFactors().decrypt(found.data["secret"]) == amina.secret


def test_a_seed_being_set_up_lies_encrypted_in_the_session(small, browser):
    from django.contrib.sessions.models import Session

    people.account("bilal", "interviewer", factor=False, password=people.PASSWORD)
    browser.post("/sign-in/", {"login": "bilal", "password": people.PASSWORD})
    secret = key_of(browser.get("/account/app/add/").content.decode())
    kept = json.dumps(list(Session.objects.values_list("session_key", "session_data")))
    assert secret not in kept
    import base64

    assert secret.encode() not in b"".join(
        base64.b64decode(data)
        for data in Session.objects.values_list("session_data", flat=True)
    )
    assert browser.cookies["work"].value not in kept


def test_a_session_moved_to_another_cookie_opens_nothing(amina):
    from django.contrib.sessions.models import Session

    from onward.registry.signing_in.sessions import SessionStore

    thief = people.signed_in(people.account("thief", "interviewer"))
    browser = people.signed_in(amina)
    assert thief.get("/").status_code == 200
    kept = SessionStore()._kept(browser.cookies["work"].value)
    mine = Session.objects.get(session_key=kept)
    Session.objects.exclude(pk=mine.pk).update(session_data=mine.session_data)
    assert browser.get("/").status_code == 200
    assert thief.get("/")["Location"].startswith("/sign-in/")


def test_a_recovery_code_works_once_and_raises_an_alarm(amina, browser):
    from allauth.mfa.models import Authenticator

    from onward.registry.models import Alarm

    codes = Authenticator.objects.get(user_id=amina.pk, type="recovery_codes").wrap()
    first = codes.get_unused_codes()[0]
    browser.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    assert browser.post("/sign-in/code/", {"code": first})["Location"] == "/"
    assert Alarm.objects.filter(kind="recovery", account=amina.account_id).count() == 1
    browser.post("/sign-out/")
    browser.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    assert browser.post("/sign-in/code/", {"code": first}).status_code == 200


def test_six_wrong_codes_make_the_account_wait_and_raise_an_alarm(amina, browser):
    from onward.registry.models import Alarm

    browser.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    for _ in range(6):
        browser.post("/sign-in/code/", {"code": "000000"})
    assert Alarm.objects.filter(kind="second-factor", account=amina.account_id).count() == 1
    right = browser.post("/sign-in/code/", {"code": people.code(amina.secret)})
    assert right.status_code == 200
    assert browser.get(INSIDE).status_code == 302


def test_a_code_seen_over_the_shoulder_does_not_work_again(amina, browser):
    from django.test import Client

    shown = people.code(amina.secret)
    browser.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    assert browser.post("/sign-in/code/", {"code": shown}).status_code == 302
    other = Client()
    other.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    assert other.post("/sign-in/code/", {"code": shown}).status_code == 200


def test_five_wrong_passwords_make_the_name_wait_at_that_address_only(amina, browser):
    from django.test import Client

    from onward.registry.models import Alarm

    for _ in range(5):
        browser.post("/sign-in/", {"login": "amina", "password": "wrong-wrong-wrong"})
    waiting = browser.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    assert waiting.status_code in (200, 429)
    assert browser.get(INSIDE).status_code == 302
    assert Alarm.objects.filter(kind="sign-in", account=amina.account_id).exists()
    colleague = Client(REMOTE_ADDR="127.0.0.2")
    assert people.sign_in(colleague, "amina", people.PASSWORD, amina.secret)["Location"] == "/"


def test_a_forged_address_in_a_header_does_not_reset_the_count(amina, browser):
    for number in range(5):
        browser.post(
            "/sign-in/",
            {"login": "amina", "password": "wrong-wrong-wrong"},
            HTTP_X_FORWARDED_FOR=f"10.0.0.{number}",
        )
    waiting = browser.post(
        "/sign-in/",
        {"login": "amina", "password": people.PASSWORD},
        HTTP_X_FORWARDED_FOR="10.0.0.99",
    )
    assert waiting.status_code in (200, 429)
    assert browser.get(INSIDE).status_code == 302


def test_wrong_sign_ins_leave_no_password_behind(amina, browser):
    from axes.models import AccessAttempt

    browser.post("/sign-in/?x=Behrouz", {"login": "amina", "password": "my-other-secret-pw"})
    kept = json.dumps(list(AccessAttempt.objects.values()), default=str)
    assert kept != "[]"
    assert "my-other-secret-pw" not in kept


def test_there_is_no_sign_up_no_reset_by_mail_and_no_default_account(small, browser):
    from onward.registry.models import Account

    assert not Account.objects.exists()
    for address in ("/signup/", "/sign-up/", "/password/reset/", "/email/", "/admin/"):
        assert browser.get(address).status_code in (302, 404)
    for name in ("admin", "administrator", "root", "onward", "demo"):
        for password in ("", "admin", "password", "onward", name):
            browser.post("/sign-in/", {"login": name, "password": password})
            assert browser.get(INSIDE).status_code == 302


def test_a_start_code_works_once_and_is_kept_as_a_digest(small, browser):
    from onward.registry.models import OneTimeLink
    from onward.registry.permissions import accounts

    _, code = accounts.create_account("bilal", roles=["interviewer"], office="camp-1")
    assert code.replace("-", "") not in json.dumps(
        list(OneTimeLink.objects.values()), default=str
    )
    form = {
        "username": "bilal",
        "code": code,
        "password": people.PASSWORD,
        "again": people.PASSWORD,
    }
    assert browser.post("/sign-in/start/", form)["Location"] == "/sign-in/"
    assert browser.post("/sign-in/start/", form).status_code == 422
    assert (
        browser.post("/sign-in/", {"login": "bilal", "password": people.PASSWORD}).status_code
        == 302
    )


def test_many_tries_at_a_start_code_are_asked_to_wait(small, browser):
    from django.core.cache import cache

    cache.clear()
    form = {"username": "amina", "code": "A" * 24, "password": "x" * 12, "again": "x" * 12}
    answers = [browser.post("/sign-in/start/", form) for _ in range(12)]
    assert {answer.status_code for answer in answers} == {422}
    assert "Too many tries" in answers[-1].content.decode()
    assert "Too many tries" not in answers[9].content.decode()


def test_a_start_code_ends_after_three_days(small, browser):
    from onward.registry.permissions import accounts

    _, code = accounts.create_account("bilal", roles=["interviewer"], office="camp-1")
    form = {
        "username": "bilal",
        "code": code,
        "password": people.PASSWORD,
        "again": people.PASSWORD,
    }
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3, minutes=1)):
        assert browser.post("/sign-in/start/", form).status_code == 422


@pytest.mark.parametrize(
    "password", ["short", "password1234", "aaaaaaaaaaaaaaaa", "bilal-bilal-bilal"]
)
def test_a_weak_password_is_refused_with_the_reason(small, browser, password):
    from onward.registry.permissions import accounts

    _, code = accounts.create_account("bilal.bilal", roles=["interviewer"], office="camp-1")
    form = {"username": "bilal.bilal", "code": code, "password": password, "again": password}
    answer = browser.post("/sign-in/start/", form)
    assert answer.status_code == 422
    assert "There is a problem" in answer.content.decode()


def test_ten_idle_minutes_lock_the_screen_and_a_code_unlocks_it(amina):
    browser = people.signed_in(amina)
    assert browser.get(INSIDE).status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        away = browser.get(INSIDE)
        assert away["Location"].startswith("/locked/")
        assert "cache" in away["Clear-Site-Data"]
        locked = browser.get("/locked/").content.decode()
        assert "Meridian" not in locked
        back = browser.post("/sign-in/again/", {"code": people.code(amina.secret), "next": "/"})
        assert back["Location"] == "/"
        assert browser.get(INSIDE).status_code == 200


def test_a_locked_screen_says_whose_it_is_to_nobody_who_tries_a_code(amina):
    browser = people.signed_in(amina)
    assert "Meridian" in browser.get("/").content.decode()
    browser.post("/lock/")
    for address in ("/sign-in/again/", "/sign-in/again/passkey/"):
        shown = browser.get(address, follow=True).content.decode()
        tried = browser.post("/sign-in/again/", {"code": "000000"}).content.decode()
        for page in (shown, tried):
            assert "Meridian" not in page
            assert "amina" not in page
            assert "<nav" not in page
            assert "/people/" not in page
    assert "This code is not right." in tried


def test_a_page_that_renews_itself_keeps_no_screen_open(amina):
    import uuid

    browser = people.signed_in(amina)
    work = f"/work/{uuid.uuid4()}/"
    for minutes in (4, 8):
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes)):
            browser.get(work, HTTP_HX_REQUEST="true")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        assert browser.get(INSIDE)["Location"].startswith("/locked/")


def test_a_fragment_asked_for_while_locked_moves_the_whole_page(amina):
    browser = people.signed_in(amina)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        answer = browser.get(INSIDE, HTTP_HX_REQUEST="true")
        assert answer["HX-Redirect"] == "/locked/"
        assert answer.content == b""


def test_leaving_quickly_shows_an_empty_page_and_locks(amina):
    browser = people.signed_in(amina)
    left = browser.post("/leave/")
    assert left["Location"] == "/blank/"
    assert "storage" in left["Clear-Site-Data"]
    page = browser.get("/blank/").content.decode().lower()
    assert "onward" not in page
    assert "refugee" not in page
    assert browser.get(INSIDE)["Location"].startswith("/locked/")


def test_the_panic_button_ends_every_session_of_the_account(amina):
    from onward.registry.models import Alarm

    here, there = people.signed_in(amina), people.signed_in(amina)
    assert here.post("/panic/")["Location"] == "/blank/"
    assert there.get(INSIDE)["Location"].startswith("/sign-in/")
    assert Alarm.objects.filter(kind="panic").count() == 1


def test_locking_the_operation_puts_the_keys_away(small):
    boss = people.account("chantal", "supervisor")
    browser, other = (
        people.signed_in(boss),
        people.signed_in(people.account("amina", "protection_officer")),
    )
    browser.post("/panic/", {"all": "1"})
    answer = other.get(INSIDE)
    assert answer.status_code == 503
    from onward.registry import site

    assert not site.is_open()


def test_whoever_may_not_lock_the_operation_locks_only_themselves(amina):
    from onward.registry import site

    people.signed_in(amina).post("/panic/", {"all": "1"})
    assert site.is_open()


def test_a_session_ends_after_a_working_day(amina):
    browser = people.signed_in(amina, at=datetime.now(UTC) - timedelta(hours=10, minutes=1))
    assert browser.get(INSIDE)["Location"].startswith("/sign-in/")


def test_a_changed_or_frozen_account_is_out_at_once(amina):
    from onward.registry.permissions import access, accounts

    browser = people.signed_in(amina)
    accounts.change_account(amina, by=None, roles=["interviewer"])
    assert browser.get(INSIDE)["Location"].startswith("/sign-in/")
    amina.refresh_from_db()
    browser = people.signed_in(amina)
    access.freeze(amina, "test")
    assert browser.get(INSIDE)["Location"].startswith("/sign-in/")


def test_pages_are_never_kept_by_the_browser(amina):
    browser = people.signed_in(amina)
    for address in (INSIDE, "/nothing-here/"):
        answer = browser.get(address)
        assert "no-store" in answer["Cache-Control"], address
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Frame-Options"] == "DENY"
    out = browser.post("/sign-out/")
    assert out["Location"] == "/blank/"
    assert "storage" in out["Clear-Site-Data"]


def test_cookies_are_for_this_site_and_not_for_script(amina, browser):
    people.sign_in(browser, "amina", people.PASSWORD, amina.secret)
    session = browser.cookies["work"]
    assert session["httponly"]
    assert session["samesite"] == "Strict"


def test_every_sign_in_and_refusal_is_in_the_log(amina, browser):
    from onward.registry.models import AccessEntry

    browser.post("/sign-in/", {"login": "amina", "password": "wrong-wrong-wrong"})
    people.sign_in(browser, "amina", people.PASSWORD, amina.secret)
    found = list(
        AccessEntry.objects.filter(account=amina.account_id, action="sign-in")
        .order_by("id")
        .values_list("decision", flat=True)
    )
    assert found == ["refused", "allowed"]


def test_the_last_second_factor_cannot_be_taken_away(amina):
    from allauth.mfa.models import Authenticator

    browser = people.signed_in(amina)
    assert browser.post("/account/app/remove/").status_code == 200
    assert Authenticator.objects.filter(user_id=amina.pk, type="totp").exists()


def test_an_account_of_another_operation_is_nobody_here(amina, browser):
    from django.db import ProgrammingError, connection

    from onward.registry.models import Account

    moved = Account._base_manager.filter(pk=amina.pk)
    if connection.vendor == "postgresql":  # the server itself refuses another operation's rows
        with pytest.raises(ProgrammingError):
            moved.update(operation="elsewhere")
        return
    moved.update(operation="elsewhere")
    browser.post("/sign-in/", {"login": "amina", "password": people.PASSWORD})
    assert browser.get(INSIDE).status_code == 302
    assert people.signed_in(amina).get(INSIDE)["Location"].startswith("/sign-in/")
