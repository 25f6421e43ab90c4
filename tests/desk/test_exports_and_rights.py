"""What leaves, who decides on it, and what people ask about their own file, as pages tell it."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
import registry_cast as people
from test_exports import approved, asked, cast, identity, recipient, release

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
