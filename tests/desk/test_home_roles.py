"""Home of those who do no casework: their own people and gaps, and nothing of what these hold back."""

from __future__ import annotations

import pytest
import registry_cast as cast


def home(*roles, **more):
    return cast.signed_in(cast.account("someone", *roles, **more)).get("/").content.decode()


def test_a_doctor_sees_whose_health_check_is_missing_and_no_casework(small):
    page = home("medical")
    assert "No health check on record" in page
    assert "Nothing is due today." in page
    assert "What holds people back" not in page
    assert "At risk of no lawful outcome" not in page
    assert "Chose return" not in page


def test_a_check_that_is_recorded_leaves_the_list(small):
    from onward.registry.models import PersonNow

    doctor = cast.signed_in(cast.account("doc", "medical"))
    checked = PersonNow.objects.filter(facts__fitness_checked_on__lte="2026-06-10").count()
    assert checked
    everybody = PersonNow.objects.filter(active=True).count()
    part = doctor.get("/").content.decode()
    part = part[part.index("No health check on record") :]
    part = part[: part.index("</section>")]
    assert (f"<b>{everybody - checked}</b>" in part) == (everybody > checked)


def test_a_clerk_sees_open_identities_and_whether_people_were_counted(small):
    page = home("data_clerk")
    assert "Identity not resolved yet" in page
    assert "/people/H3-P1/" in page, "the one whose identity is open"
    assert "Not counted today yet" in page


def test_a_partner_sees_only_those_referred_to_it(small):
    from onward.registry.permissions import access

    boss = cast.account("boss", "supervisor")
    partner = cast.account("ngo", "partner", organisation="harbour-aid")
    empty = cast.signed_in(partner).get("/").content.decode()
    assert "Nobody has been referred to your organisation yet." in empty
    access.assign(boss, "H1-P1", organisation="harbour-aid", reason="shelter")
    page = cast.signed_in(partner).get("/").content.decode()
    assert "/people/H1-P1/" in page
    assert "/people/H2-P1/" not in page


def test_another_office_counts_in_nobodys_home(small):
    cast.elsewhere(small)
    assert "far-1" not in home("data_clerk")
    assert (
        "far-1" not in cast.signed_in(cast.account("doc", "medical")).get("/").content.decode()
    )


@pytest.mark.parametrize(
    ("role", "said"),
    [("auditor", "alarms nobody has looked at"), ("administrator", "accounts that are frozen"),
     ("host_liaison", "Reports"), ("custodian", "Administration")],
)  # fmt: skip
def test_who_works_without_people_sees_what_waits_for_them(small, role, said):
    page = home(role, office="" if role == "custodian" else cast.OFFICE)
    assert said in page
    assert "/people/H" not in page
