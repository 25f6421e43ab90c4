"""Whom the page of a convoy shows: people of another office have no code on it, and a look is logged."""

from __future__ import annotations

import re

import registry_cast as people
from test_browser import manifest_of


def test_somebody_of_another_office_has_no_code_on_a_manifest(small):
    from onward.registry.models import AccessEntry, PersonNow, ThingNow

    manifest_of(small)
    seats = ThingNow.objects.filter(kind="seat").values_list("person", flat=True)
    theirs, *others = sorted(seats)
    PersonNow.objects.filter(person=theirs).update(office=people.ELSEWHERE)
    officer = people.signed_in(people.account("officer", "repatriation_officer"))
    page = officer.get("/convoys/bus-1/").content.decode()
    assert "With another office" in page
    assert theirs not in page
    known = set(PersonNow.objects.values_list("person", flat=True))
    shown = known & set(re.findall(r"[A-Za-z0-9-]+", page.partition("<main")[2]))
    seen = {name for entry in AccessEntry.objects.all() for name in entry.people}
    assert set(others) <= shown
    assert shown <= seen
