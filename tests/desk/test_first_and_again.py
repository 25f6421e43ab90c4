"""An empty record says what comes first; what was typed outlives a second sign-in; what is over says so."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import registry_cast as cast


def browser(*roles, name="someone", at=None):
    from onward.registry.models import Account

    who = Account.objects.filter(username=name).first() or cast.account(name, *roles)
    return cast.signed_in(who, at=at)


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_an_empty_record_says_what_comes_first_to_who_can_do_it(small):
    from onward.registry.models import PersonNow, ThingNow

    clerk, officer = browser("data_clerk"), browser("protection_officer", name="amina")
    assert "Nobody is on record yet." not in text(clerk.get("/people/?stage=returned"))
    ThingNow.objects.all().delete()
    PersonNow.objects.all().delete()
    for address in ("/", "/people/", "/households/", "/head-count/"):
        page = text(clerk.get(address)).partition("<main")[2]
        assert "Nobody is on record yet." in page, address
        assert 'href="/imports/"' in page, address
        other = text(officer.get(address)).partition("<main")[2]
        assert "A data clerk or a supervisor brings in the first list" in other, address
        assert 'href="/imports/"' not in other, address


def test_what_was_typed_is_there_again_after_a_second_sign_in(small):
    from onward.registry.models import Recipient

    long_ago = datetime.now(UTC) - timedelta(hours=1)
    who = cast.account("amina", "protection_officer")
    client = cast.signed_in(who, at=long_ago)
    session = client.session
    from onward.registry.signing_in.signin import SEEN

    session[SEEN] = datetime.now(UTC).timestamp()
    session.save()
    form = {
        "name": "Harbour Aid", "code": "harbour-aid", "kind": "partner", "age_key": "age1abc",
        "agreement": "MoU 4", "purposes": ["protection", "stay"], "next": "/exports/recipients/",
    }  # fmt: skip
    sent = client.post("/exports/recipients/", form)
    assert sent.status_code == 303
    assert sent["Location"].startswith("/sign-in/again/")
    page = text(client.get("/exports/recipients/"))
    assert "You signed in again." in page
    assert 'value="Harbour Aid"' in page
    assert len(re.findall(r'name="purposes"[^>]*checked', page)) == 2
    assert not Recipient.objects.exists()
    assert "Harbour Aid" not in text(client.get("/exports/recipients/")), "told once"


def test_an_exception_whose_day_is_over_says_so_and_cannot_be_decided(small):
    from onward.registry.models import Proposal

    officer = browser("protection_officer", name="amina")
    address = "/people/H3-P1/steps/T7.done/exception/G1.resolved/"
    form = {"valid_on": "2026-06-10", "destination": "IRN", "reason": "Known for years."}
    assert officer.post(address, form).status_code == 303
    assert 'href="/exceptions/"' in text(officer.get("/")), "who asks finds what was asked"
    supervisor = browser("supervisor", name="chantal")
    assert 'value="approve"' in text(supervisor.get("/exceptions/"))
    asked = Proposal.objects.get(kind="override")
    asked.asked = {**asked.asked, "valid_on": "2026-06-09"}
    asked.save()
    page = text(supervisor.get("/exceptions/"))
    assert "Its day is over; nobody decided" in page
    assert 'value="approve"' not in page
    late = supervisor.post("/exceptions/", {"proposal": asked.proposal, "do": "approve"})
    assert late.status_code == 422
    assert "H3-P1" in text(late), "the list stays where it was"


def test_open_alarms_are_counted_in_the_menu_of_those_who_look_into_them(small):
    from onward.registry.permissions import alarms

    officer = browser("protection_officer", name="amina")
    supervisor = browser("supervisor", name="chantal")
    assert 'class="count"' not in text(supervisor.get("/convoys/"))
    alarms.raise_alarm("panic", account="somebody")
    assert '<b class="count">1</b>' in text(supervisor.get("/convoys/"))
    assert "/alarms/" not in text(officer.get("/convoys/"))
    assert 'href="/breaches/"' in text(officer.get("/convoys/")), "anybody reports a breach"
