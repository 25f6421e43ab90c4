"""A safeguard set aside by two people: asked, decided, and whether the step was taken on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import registry_cast as cast
from test_people import browser, hidden, send, text

ADDRESS = "/people/{}/steps/T1.done/exception/G1.resolved/"
REASON = "Two papers agree; the third is with the consulate."


@pytest.fixture
def arrived(small):
    """Somebody new, whose identity nobody has resolved and who has chosen nothing yet."""
    from onward.registry.recording import acts

    done = acts.register_household(
        cast.account("dana", "data_clerk"),
        [acts.Member({"sex": "female", "birth": "1990", "site": cast.OFFICE}, {"name.full.latin": "Sara Invented"})],
        effective=small.default_date().isoformat(), idempotency_key="arrived",
    )  # fmt: skip
    return next(e.subject.id for e in done.events if e.subject.kind == "person")


def asked(client, person, **fields):
    page = text(client.get(ADDRESS.format(person)))
    given = {"key": hidden(page, "key"), "valid_on": "", "destination": "", "reason": REASON}
    return client.post(ADDRESS.format(person), {**given, **fields}, follow=True)


def approve(client):
    page = text(client.get("/exceptions/"))
    sent = {"proposal": hidden(page, "proposal"), "do": "approve"}
    return text(client.post("/exceptions/", sent, follow=True))


def test_an_identity_is_verified_on_an_exception_and_the_exception_says_so(small, arrived):
    officer = browser("protection_officer")
    supervisor = browser("supervisor", name="chantal")
    step = f"/people/{arrived}/steps/T1.done/"
    assert "Blocked" in text(officer.get(step))
    today = small.default_date().isoformat()
    said = text(asked(officer, arrived, valid_on=today))
    assert "Somebody else decides on it now" in said
    page = approve(supervisor)
    assert "Approved" in page
    assert "the step was taken" not in page
    assert "Approved; the step was taken" not in text(officer.get(f"/people/{arrived}/"))
    page = text(officer.get(step))
    assert "Blocked" not in page
    assert "Safeguard set aside by two people" in page
    assert "safeguard is met" not in page, "what was set aside is not called met"
    answer = send(officer, step, effective=today)
    assert answer.status_code == 303, text(answer)
    assert "Approved; the step was taken" in text(supervisor.get("/exceptions/"))
    story = text(officer.get(f"/people/{arrived}/"))
    assert "Approved; the step was taken" in story
    assert "Identity is resolved and no possible duplicate is open." in story


def test_an_exception_nobody_used_says_that_its_day_is_over(small, arrived, monkeypatch):
    from onward.desk import here
    from onward.registry.operation import Operation

    officer = browser("protection_officer")
    asked(officer, arrived, valid_on=small.default_date().isoformat())
    supervisor = browser("supervisor", name="chantal")
    approve(supervisor)
    tomorrow = small.default_date() + timedelta(days=1)
    monkeypatch.setattr(Operation, "default_date", lambda self: tomorrow)
    assert here.today() == tomorrow
    for page in ("/exceptions/", f"/people/{arrived}/"):
        assert "Approved; its day is over" in text(supervisor.get(page))


def test_a_step_that_leads_somewhere_needs_the_destination(small):
    officer = browser("protection_officer")
    page = text(officer.get(ADDRESS.format("H1-P1")))
    sent = {"key": hidden(page, "key"), "valid_on": small.default_date().isoformat(),
            "destination": "", "reason": REASON}  # fmt: skip
    answer = officer.post(ADDRESS.format("H1-P1"), sent)
    assert answer.status_code == 422
    assert "Enter this: Destination or recipient." in text(answer)
