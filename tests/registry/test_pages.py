"""The pages of exports, rights, breaches, audit and alarms, as people use them."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
import registry_cast as people
import time_machine


@pytest.fixture
def cast(small):
    return people.cast()


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_an_export_from_the_form_to_the_sealed_file(small, cast):
    from pyrage import decrypt, x25519
    from test_exports import release

    from onward.registry.exporting import recipients
    from onward.registry.models import ExportRequest, Recipient

    key = x25519.Identity.generate()
    amina, chantal = people.signed_in(cast["amina"]), people.signed_in(cast["chantal"])
    form = {
        "name": "Harbour Aid", "code": "harbour-aid", "kind": "partner", "age_key": str(key.to_public()),
        "purposes": ["protection"], "agreement": "MoU 4", "agreement_ends": "2030-01-01",
        "classes": ["biodata", "needs", "names", "contacts"], "impact_on": "2026-01-01",
    }  # fmt: skip
    assert amina.post("/exports/recipients/", form).status_code == 303
    made = Recipient.objects.get()
    assert amina.post(f"/exports/recipients/{made.pk}/confirm/").status_code == 403
    assert (
        chantal.post(
            f"/exports/recipients/{made.pk}/confirm/", {"read": recipients.as_read(made)}
        ).status_code
        == 303
    )
    ask = {
        "profile": "referral", "recipient": str(made.pk), "purpose": "protection",
        "reason": "Winter shelter is arranged there.",
    }  # fmt: skip
    nobody = amina.post("/exports/", ask)
    assert nobody.status_code == 422
    assert "Nobody could be in this export" in text(nobody)
    release(small, "H1-P1", "harbour-aid", "protection")
    address = amina.post("/exports/", ask)["Location"]
    assert "somebody else decides" in text(amina.get(address))
    assert (
        amina.post(f"{address}decide/", {"decision": "yes", "reason": "mine"}).status_code
        == 403
    )
    assert (
        chantal.post(f"{address}decide/", {"decision": "yes", "reason": "checked"}).status_code
        == 303
    )
    assert "You typed 2; the number in it is 1." in text(
        amina.post(f"{address}write/", {"count": "2"})
    )
    written = amina.post(f"{address}write/", {"count": "1"})
    assert written["Content-Disposition"].endswith('.xlsx.age"')
    assert "no-store" in written["Cache-Control"]
    assert b"Zarifeh" in _strings(decrypt(written.content, [key]))
    assert ExportRequest.objects.get().state == "written"
    assert amina.post(f"{address}write/", {"count": "1"}).status_code == 422


def _strings(data: bytes) -> bytes:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        return parts.read("xl/sharedStrings.xml")


def test_an_old_sign_in_is_asked_for_again_and_comes_back(small, cast):
    old = people.signed_in(
        cast["amina"], at=datetime.now(UTC) - timedelta(minutes=9, seconds=58)
    )
    assert old.get("/account/").status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3)):
        answer = old.post("/exports/", {"next": "/exports/"})
    assert answer["Location"] == "/sign-in/again/?next=%2Fexports%2F"


def test_where_to_come_back_is_never_another_site(small, cast):
    old = people.signed_in(
        cast["amina"], at=datetime.now(UTC) - timedelta(minutes=9, seconds=58)
    )
    assert old.get("/account/").status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3)):
        answer = old.post("/exports/", {"next": "https://evil.example/"})
    assert answer["Location"] == "/sign-in/again/?next=%2F"


def test_a_request_is_taken_read_out_and_answered(small, cast):
    amina, chantal = people.signed_in(cast["amina"]), people.signed_in(cast["chantal"])
    form = {"person": "H1-P1", "kind": "access", "language": "fa", "asked_on": "2026-06-01"}
    address = amina.post("/rights/", form)["Location"]
    assert amina.post("/rights/", form | {"person": "no-such-person"}).status_code == 422
    assert people.signed_in(cast["dawit"]).get(address).status_code == 404
    told = chantal.post(f"{address}read-out/")
    assert told.status_code == 200
    assert 'dir="rtl"' in told.content.decode()
    assert "Zarifeh Nowruzian" in told.content.decode()
    # Everything else is in the person's language: codes, kinds of papers, days.
    file = re.search(r'<article class="sheet".*?</article>', told.content.decode(), re.S)[0]
    file = re.sub(r"<[^>]+>", " ", file).replace("Zarifeh Nowruzian", "")
    assert re.findall(r"[a-z]{3,}", file) == []
    assert not re.search(r"20\d\d-\d\d-\d\d", file)
    assert amina.post(f"{address}read-out/").status_code == 403
    done = chantal.post(f"{address}act/", {"do": "answer", "outcome": "given"})
    assert done.status_code == 303
    assert "H1-P1" not in address


def test_an_erasure_by_two_people(small, cast):
    keeper = people.account("keeper", "custodian", office="")
    amina, chantal = people.signed_in(cast["amina"]), people.signed_in(cast["chantal"])
    form = {"person": "H1-P1", "kind": "deletion", "language": "fa", "asked_on": "2026-06-01"}
    address = amina.post("/rights/", form)["Location"]
    custodian = people.signed_in(keeper)
    assert custodian.get(address).status_code == 404
    why = {"do": "prepare", "reason": "Asked in person twice; no proceedings."}
    assert chantal.post(f"{address}act/", why).status_code == 303
    assert chantal.post(f"{address}act/", {"do": "erase"}).status_code == 403
    assert custodian.post(f"{address}act/", {"do": "erase"}).status_code == 303
    assert not small.vault.get("H1-P1")


def test_a_breach_is_reported_by_anybody_and_handled_by_few(small, cast):
    bilal, chantal = people.signed_in(cast["bilal"]), people.signed_in(cast["chantal"])
    form = {"what": "A list was left in the bus.", "danger": "high"}
    assert bilal.post("/breaches/", form).status_code == 303
    page = text(bilal.get("/breaches/"))
    assert "left in the bus" not in page
    from onward.registry.models import Breach

    address = f"/breaches/{Breach.objects.get().pk}/"
    assert bilal.get(address).status_code == 403
    assert "data protection officer" in text(chantal.get(address))
    early = chantal.post(f"{address}act/", {"do": "close", "text": "Lists stay in the office."})
    assert early.status_code == 422
    tell = {"do": "tell", "whom": "controller", "text": "by telephone"}
    assert chantal.post(f"{address}act/", tell).status_code == 303


def test_the_register_of_breaches_goes_on_where_a_page_ends(small, cast):
    from onward.registry import breaches

    for number in range(51):
        breaches.report(
            cast["chantal"], what=f"List {number:02} was left there.", danger="high"
        )
    chantal = people.signed_in(cast["chantal"])
    first, second = (text(chantal.get(f"/breaches/?page={n}")) for n in (1, 2))
    assert "51 to 51 of 51" in second
    shown = [{n for n in range(51) if f"List {n:02}" in page} for page in (first, second)]
    assert shown[0] | shown[1] == set(range(51))
    assert not shown[0] & shown[1]


def test_the_auditor_sees_the_log_and_no_story(small, cast):
    amina = people.signed_in(cast["amina"])
    from onward.registry.permissions import access

    access.Reader(cast["amina"]).open("H1-P1", place="desk:person")
    auditor = people.signed_in(people.account("auditor", "auditor", office=""))
    page = text(auditor.get("/audit/?days=1"))
    assert "Open a person" in page
    assert "Zarifeh" not in page
    found = auditor.post("/audit/person/", {"person": "H1-P1"})
    assert "amina" in text(found)
    assert amina.get("/audit/").status_code == 403


def test_an_alarm_is_seen_by_those_who_look_and_closed_with_a_finding(small, cast):
    from onward.registry.permissions import alarms

    alarm = alarms.raise_alarm("panic", account=cast["amina"].account_id)
    chantal = people.signed_in(cast["chantal"])
    assert "panic button" in text(chantal.get("/alarms/"))
    assert chantal.post(f"/alarms/{alarm.pk}/", {"finding": "x"}).status_code == 422
    done = chantal.post(
        f"/alarms/{alarm.pk}/", {"finding": "Pressed by mistake; spoke with her."}
    )
    assert done.status_code == 303
    assert people.signed_in(cast["amina"]).get("/alarms/").status_code == 403


def test_somebody_who_does_not_exist_is_added_and_found_by_name(small, cast):
    from onward.registry.models import Alarm, Honeytoken

    chantal, amina = people.signed_in(cast["chantal"]), people.signed_in(cast["amina"])
    assert chantal.post("/alarms/bait/", {"name": "x"}).status_code == 422
    assert chantal.post("/alarms/bait/", {"name": "Farid Kamalvand"}).status_code == 303
    bait = Honeytoken.objects.get().person
    found = amina.post("/people/search/", {"q": "Farid Kamalvand"}, follow=True)
    assert bait in found.content.decode()
    assert not Alarm.objects.exists()
    assert amina.get(f"/people/{bait}/").status_code == 200
    assert Alarm.objects.get().kind == "honeytoken"
    assert "does not exist" in text(chantal.get("/alarms/"))
    assert "honeytoken" not in text(amina.get(f"/people/{bait}/"))


@pytest.mark.parametrize("language", ["en", "fr", "ar", "fa", "ckb"])
def test_every_page_opens_in_every_language(small, cast, language):
    from django.conf import settings

    auditor = people.signed_in(people.account("auditor", "auditor", office=""))
    chantal, amina = people.signed_in(cast["chantal"]), people.signed_in(cast["amina"])
    for client, addresses in (
        (chantal, ("/exports/", "/exports/recipients/", "/rights/", "/breaches/", "/alarms/", "/account/")),
        (amina, ("/exports/", "/rights/")),
        (auditor, ("/audit/", "/breaches/")),
    ):  # fmt: skip
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        for address in addresses:
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert f'lang="{language}"' in answer.content.decode()


def test_the_number_of_queries_does_not_grow_with_the_log(small, cast):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from onward.registry.permissions import access

    auditor = people.signed_in(people.account("auditor", "auditor", office=""))

    def cost() -> int:
        with CaptureQueriesContext(connection) as found:
            assert auditor.get("/audit/").status_code == 200
        return len(found)

    cost()
    few = cost()
    for _ in range(40):
        access.log(cast["amina"], "person.read", person="H1-P1")
    assert cost() == few


def test_dates_of_the_example_are_the_operations_own(small, cast):
    page = text(people.signed_in(cast["amina"]).get("/rights/"))
    assert f'value="{date(2026, 6, 10)}"' in page
