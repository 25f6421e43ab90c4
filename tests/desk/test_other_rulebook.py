"""The desk under the other shipped rulebook, which knows one place and fewer kinds of record."""

from __future__ import annotations

import html
import os
import re
from datetime import date

import pytest
import registry_cast as cast

DAY = date(2026, 6, 10)


@pytest.fixture(scope="module")
def homeward(tmp_path_factory):
    """An encrypted operation under `voluntary-return` with one couple."""
    import onward_test_site as sites

    from onward.registry import site
    from onward.registry.keyring.creating import preparing
    from onward.registry.opening import create_operation
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor
    from onward.registry.settings import Settings
    from onward.registry.web import starting
    from onward.rulebook import shipped_path

    folder = tmp_path_factory.mktemp("other") / "homeward"
    key_file = folder.with_name("homeward.key")
    _key, prepare = preparing("homeward", key_file=key_file)
    create_operation(
        folder,
        Settings(
            id="homeward", title="Homeward", kind="voluntary-return", time_zone="UTC",
            demonstration=True, data_ends=DAY, key_file=str(key_file),
            store=sites.new_store(f"homeward_{os.getpid()}"),
        ),
        rulebook_text=shipped_path("voluntary-return").read_text("utf-8"),
        effective="2026-01-01", by="chantal", prepare=prepare,
    )  # fmt: skip
    try:
        starting.close_site()
        sites.unlocked(folder)
        couple = [
            acts.Member({"birth": "1984-05-03", "country_of_origin": "IRN"}, person=one)
            for one in ("p-1", "p-2")
        ]
        acts.register_household(
            Actor("amina", cast.EVERYBODYS), couple, effective="2026-02-01", household="h-1",
            idempotency_key="couple",
        )  # fmt: skip
        yield site.operation()
    finally:
        starting.close_site()


def signed_in(name, *roles):
    return cast.signed_in(cast.account(name, *roles, office=""))


def text(answer):
    return html.unescape(answer.content.decode())


def test_a_family_is_registered_by_hand_and_nobody_is_asked_for_a_site(homeward):
    from onward.registry.models import PersonNow

    client = signed_in("clerk", "data_clerk")
    assert 'name="site"' not in text(client.get("/households/new/"))
    answer = client.post(
        "/households/new/",
        {
            "do": "register",
            "size": "1",
            "m0-given": "Noor",
            "effective": "2026-06-01",
            "key": "k1",
        },
    )
    assert answer.status_code == 303
    assert PersonNow.objects.exclude(person__in=["p-1", "p-2"]).count() == 1


def test_the_menu_and_the_lists_offer_what_this_rulebook_knows(homeward):
    client = signed_in("chantal", "supervisor", "protection_officer", "plan_lead")
    page = text(client.get("/"))
    menu = page[page.index("<nav") : page.index("</nav>", page.index('href="/people/"'))]
    offered = re.findall(r'href="(/[^"#?]*)"', menu)
    assert "/people/" in offered
    assert not {"/convoys/", "/head-count/"} & {*offered}
    assert {client.get(one).status_code for one in offered} == {200}
    people = text(client.get("/people/"))
    assert 'value="assign"' in people
    assert 'value="schedule"' not in people
    assert 'value="convoy"' not in people


@pytest.mark.parametrize(
    ("address", "told"),
    [("/people/chosen/", {"do": "schedule"}), ("/people/chosen/", {"do": "convoy"}),
     ("/head-count/", {"day": "2026-06-10", "counted": "2"}), ("/convoys/", {}),
     ("/calendar/interpreters/", {}), ("/people/p-1/add/appointment/", {})],
)  # fmt: skip
def test_what_this_rulebook_does_not_know_is_no_page(homeward, address, told):
    client = signed_in(f"officer-{address.count('/')}-{len(told)}-{told.get('do', '')}",
                       "supervisor", "protection_officer")  # fmt: skip
    answer = client.post(address, {"people": ["p-1"], "key": "k", **told})
    assert answer.status_code == 404


def test_what_happened_is_recorded_by_its_pages(homeward):
    from onward.registry.now import projection

    client = signed_in("vera", "supervisor", "protection_officer")
    for address, told in (
        ("/people/p-1/add/complaint/", {"category": "services", "received_on": "2026-06-09"}),
        ("/people/p-1/add/claim/", {"expressed_on": "2026-06-09"}),
        ("/people/p-1/happened/T4.none/", {"effective": "2026-06-09"}),
        ("/people/p-2/happened/T7.left_unassisted/", {"effective": "2026-06-09", "led": "not_known"}),
    ):  # fmt: skip
        answer = client.post(address, {"key": address, **told})
        assert answer.status_code == 303, (address, text(answer))
    assert projection.compare(homeward) == []
