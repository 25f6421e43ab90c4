"""What leaves, who decides on it, and what people ask about their own file, as pages tell it."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
import registry_cast as people
from test_exports import approved, asked, cast, identity, now, recipient, release

__all__ = ["cast", "identity"]


def text(answer) -> str:
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def many(export, number):
    """As if this many people were in it."""
    export.people = [f"{export.pk}-{n}" for n in range(number)]
    export.save()
    return export


def test_the_page_of_an_export_says_why_two_decide_and_who_is_still_needed(
    small, cast, identity
):
    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    first = many(asked(cast, to), 40)
    page = people.signed_in(cast["amina"])
    assert "two people decide" not in text(page.get(f"/exports/{first.pk}/"))
    second = many(asked(cast, to), 20)
    said = text(page.get(f"/exports/{second.pk}/"))
    assert "2 other people must say yes" in said
    assert "within a week, 60 people would be told of. Beyond 50, two people decide." in said
    assert "One more yes" not in said
    approved(cast, second, "chantal")
    assert "One more yes is needed" in text(page.get(f"/exports/{second.pk}/"))
    approved(cast, second, "second")
    said = text(page.get(f"/exports/{second.pk}/"))
    assert "One more yes" not in said
    assert "Write the file" in said


def test_an_approved_export_waits_again_when_more_is_asked_for_the_same_recipient(
    small, cast, identity
):
    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    first = approved(cast, many(asked(cast, to), 50))
    other = recipient(cast, identity, code="canada", kind="state", country="CAN")
    release(small, "H1-P1", "canada", "resettlement")
    asked(cast, other, who=["H1-P1"], profile="submission", purpose="resettlement")
    first.refresh_from_db()
    assert first.state == "approved", "another recipient's people do not count"
    asked(cast, to)
    first.refresh_from_db()
    assert first.state == "asked"
    said = text(people.signed_in(cast["amina"]).get(f"/exports/{first.pk}/"))
    assert "One more yes is needed" in said
    assert "Write the file" not in said
    approved(cast, first, "second")
    assert first.state == "approved"


@pytest.mark.parametrize("language", ["en", "ar", "fa"])
def test_home_tells_who_answers_of_every_request_the_soonest_due_first(small, cast, language):
    from onward.desk import dates
    from onward.registry.data_protection import rights

    officer, boss = cast["amina"], cast["chantal"]
    for kind, on in (("deletion", 1), ("access", 2), ("objection", 3), ("correction", 4)):
        rights.take(officer, "H1-P1", kind, language="fa", asked_on=date(2026, 6, on))
    access = rights.RightsRequest.objects.get(kind="access")
    rights.extend(boss, access, "Papers come from the other office.")
    deletion = rights.RightsRequest.objects.get(kind="deletion")
    client = people.signed_in(boss)
    client.cookies["django_language"] = language

    def listed(client):
        page = client.get("/").content.decode()
        return re.findall(
            r'<tr><td><time[^>]*>([^<]+)</time>.*?<a href="/rights/([^/]+)/">', page
        )

    due = [
        (day.strip(), str(one.pk))
        for day, one in (
            (dates.shown(one.extended_on or one.due_on, language), one)
            for one in sorted(
                rights.RightsRequest.objects.all(),
                key=lambda one: one.extended_on or one.due_on,
            )
        )
    ]
    assert listed(client) == due
    assert [pk for _day, pk in due][-1] == str(access.pk), "the longer time counts"
    assert listed(people.signed_in(officer)) == [], "who takes them does not answer them"
    # An erasure that was prepared waits for somebody else than who prepared it.
    rights.prepare_erasure(boss, deletion, "The person asked twice.")
    assert str(deletion.pk) not in dict(map(reversed, listed(client)))
    assert str(deletion.pk) in dict(map(reversed, listed(people.signed_in(cast["second"]))))


def test_who_decides_sees_whom_an_export_tells_of_and_that_is_logged(small, cast, identity):
    from onward.registry.models import AccessEntry

    release(small, "H1-P1", "harbour-aid", "protection")
    export = asked(cast, recipient(cast, identity))
    page = people.signed_in(cast["chantal"]).get(f"/exports/{export.pk}/").content.decode()
    assert "/people/H1-P1/" in page
    looks = AccessEntry.objects.filter(place="desk:export", account=cast["chantal"].account_id)
    assert ["H1-P1"] in [look.people for look in looks]


RENEWED = {
    "name": "Harbour Aid", "code": "harbour-aid", "kind": "partner", "purposes": ["protection"],
    "agreement": "MoU 5", "agreement_ends": "2031-01-01", "impact_on": "2026-01-01",
    "classes": ["biodata", "needs", "names", "contacts"],
}  # fmt: skip


def test_a_recipient_entered_again_is_confirmed_anew_and_nothing_leaves_under_the_old_key(
    small, cast, identity
):
    from pyrage import x25519

    from onward.registry.exporting import recipients
    from onward.registry.models import Recipient

    release(small, "H1-P1", "harbour-aid", "protection")
    export = approved(cast, asked(cast, recipient(cast, identity)))
    amina, chantal = (people.signed_in(cast[name]) for name in ("amina", "chantal"))
    key = str(x25519.Identity.generate().to_public())
    answer = amina.post("/exports/recipients/", {**RENEWED, "age_key": key})
    assert answer.status_code == 303
    row = Recipient.objects.get()
    assert (row.agreement, row.age_key, row.confirmed_by) == ("MoU 5", key, "")
    export.refresh_from_db()
    assert export.state == "refused"
    said = text(amina.get(f"/exports/{export.pk}/"))
    assert "under another agreement or key" in said
    assert (
        chantal.post(
            f"/exports/recipients/{row.pk}/confirm/", {"read": recipients.as_read(row)}
        ).status_code
        == 303
    )
    assert asked(cast, Recipient.objects.get()).state == "asked"


def test_a_recipient_that_was_ended_receives_nothing(small, cast, identity):
    from onward.errors import OnwardError
    from onward.registry.exporting import requests

    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    export = approved(cast, asked(cast, to))
    address = f"/exports/recipients/{to.pk}/confirm/"
    assert people.signed_in(cast["amina"]).post(address, {"do": "end"}).status_code == 403
    boss = people.signed_in(cast["chantal"])
    assert "Ended" in text(boss.post(address, {"do": "end"}, follow=True))
    to.refresh_from_db()
    with pytest.raises(OnwardError, match="the recipient was ended"):
        asked(cast, to)
    export.refresh_from_db()
    with pytest.raises(OnwardError, match="the recipient was ended"):
        requests.write(cast["amina"], export, typed_count=1, signed_in=now())


def test_what_was_erased_is_said_to_be_erased_wherever_one_looks(small, cast):
    from onward.registry.data_protection import rights

    officer, boss = cast["amina"], cast["chantal"]
    asked_for = rights.take(officer, "H1-P1", "deletion", language="fa")
    page = people.signed_in(officer)
    assert "sees it on their first page" in text(page.get(f"/rights/{asked_for.pk}/"))
    rights.prepare_erasure(boss, asked_for, "The person asked twice.")
    assert "until then nothing is erased" in text(
        people.signed_in(boss).get(f"/rights/{asked_for.pk}/")
    )
    assert "were erased on" not in text(page.get("/people/H1-P1/"))
    rights.erase(cast["second"], asked_for, signed_in=now())
    for address in ("/people/H1-P1/", "/people/H1-P1/identity/"):
        said = text(page.get(address))
        assert "Nobody can read them, in no copy." in said
        assert "Show who this is" not in said
    # Asked for again, the file says so in the person's language; countries by their names.
    again = rights.take(officer, "H1-P1", "access", language="fa")
    said = text(people.signed_in(boss).post(f"/rights/{again.pk}/read-out/"))
    assert "پاک شده و هیچ‌کس نمی‌تواند بخواند" in said
    assert not re.search(r"[0-9]", said.partition("Print")[2]), "digits are the person's own"


def test_a_request_taken_with_two_presses_is_one_until_it_is_answered(small, cast):
    from onward.registry.data_protection import rights

    officer, boss = people.signed_in(cast["amina"]), cast["chantal"]
    form = {"person": "H1-P1", "kind": "objection", "language": "fa", "asked_on": "2026-06-09"}
    first, second = (officer.post("/rights/", form)["Location"] for _ in range(2))
    assert first == second
    made = rights.RightsRequest.objects.get()
    rights.answer(boss, made, "withdrawn")
    third = officer.post("/rights/", form)["Location"]
    assert third != first, "asked again after the answer, it is a request of its own"


def test_the_answer_is_in_the_persons_own_language_unless_somebody_chooses_another(small, cast):
    from onward.registry.models import RightsRequest

    def chosen(page):
        field = page.split('name="language"')[-1].split("</select>")[0]
        return re.findall(r'value="([^"]*)" selected', field)

    officer = people.signed_in(cast["amina"])
    page = officer.get("/rights/?person=H1-P1").content.decode()
    assert chosen(page) == ["fa"]
    assert chosen(
        people.signed_in(cast["dawit"]).get("/rights/?person=H1-P1").content.decode()
    ) == [""]
    form = {"person": "H1-P1", "kind": "access", "asked_on": "2026-06-09", "language": ""}
    asked = officer.post("/rights/", form)
    assert asked.status_code == 422, "nobody is answered in a language that nobody chose"
    assert not RightsRequest.objects.exists()
