"""Home of those who do no casework: their own people and gaps, and nothing of what these hold back."""

from __future__ import annotations

import html
import re
from datetime import timedelta

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


def test_a_doctor_is_not_told_to_examine_everybody_for_a_journey_nobody_makes(small):
    """A check is repeated within days of travel: asked for a person's step, never of everybody."""
    from onward.registry.models import PersonNow

    PersonNow.objects.filter(person="H1-P1").update(facts={"language": "fa"})
    finding = small.rulebook.safeguards["G11"].findings["valid"]
    assert "fitness_checked_on" in finding.condition
    part = html.unescape(panel(home("medical"), "No health check on record"))
    assert "/people/H1-P1/" in part
    assert "<b>1</b> people</p>" in part, "and nothing of a journey"
    clerk = html.unescape(
        cast.signed_in(cast.account("carl", "data_clerk")).get("/").content.decode()
    )
    assert small.rulebook.safeguards["G1"].findings["resolved"].remedy in clerk, (
        "what is so on any day is still said"
    )


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
    from onward.registry.permissions import assignments

    boss = cast.account("boss", "supervisor")
    partner = cast.account("ngo", "partner", organisation="harbour-aid")
    empty = cast.signed_in(partner).get("/").content.decode()
    assert "Nobody has been referred to your organisation yet." in empty
    assignments.assign(boss, "H1-P1", organisation="harbour-aid", reason="shelter")
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


def panel(page, title):
    found = page[page.index(title) :]
    return found[: found.index("</section>")]


# -- whose work is what stands in a table ------------------------------------------------------------


def test_a_counsellor_sees_who_of_their_own_people_is_not_counselled_yet(small):
    from onward.registry.models import PersonNow
    from onward.registry.permissions import assignments

    boss, mine = cast.account("boss", "supervisor"), cast.account("carl", "counsellor")
    PersonNow.objects.filter(person__in=("H1-P1", "H2-P1")).update(stage="verified")
    assignments.assign(boss, "H1-P1", to=mine, reason="counselling")
    part = panel(
        cast.signed_in(mine).get("/").content.decode(), "Verified, and not counselled yet"
    )
    assert "/people/H1-P1/" in part
    assert "/people/H2-P1/" not in part
    assert "Verified, and not counselled yet" not in home("protection_officer")


def test_another_rulebooks_facts_are_named_in_the_operations_own_table(small):
    from onward.registry.models import PersonNow

    everybody = PersonNow.objects.filter(active=True).count()
    PersonNow.objects.filter(person="H1-P1").update(facts={"language": "fa"})
    (small.path / "work.yaml").write_text(
        """work:
  tongue: {title: Language not asked yet, roles: [data_clerk], lacks: {language: known}}
  never: {title: Of another rulebook, roles: [data_clerk], lacks: {shoe_size: known}}
  sealed: {title: A doctor's fact, roles: [data_clerk], lacks: {fitness_checked_on: past}}
"""
    )
    page = home("data_clerk")
    asked = PersonNow.objects.filter(active=True, facts__language__isnull=False).count()
    part = panel(page, "Language not asked yet")
    assert (f"<b>{everybody - asked}</b>" in part) == (everybody > asked)
    assert "/people/H1-P1/" not in part
    for gone in ("Of another rulebook", "A doctor&#x27;s fact", "Identity not resolved yet"):
        assert gone not in page


def test_a_table_that_is_wrong_says_where_and_home_still_opens(small):
    (small.path / "work.yaml").write_text("work:\n  tongue: {title: T, roles: [shoemaker]}\n")
    page = home("data_clerk")
    assert "work.yaml, line 2, work.tongue.roles" in page
    assert "shoemaker" in page
    assert "neither `of` nor `lacks`" in page


# -- who holds keys, who speaks with the host --------------------------------------------------------


def test_a_custodian_sees_which_drill_is_due_and_which_custodians_are_missing(small):
    from django.utils import timezone

    from onward.registry.keyring import keys, rotation
    from onward.registry.models import AccessEntry
    from onward.registry.site import current

    page = home("custodian", office="")
    assert "Custodians are missing" in page
    assert "Nobody else may renew the keys" in page
    slot, _code = keys.recovery_slot(current().operation, current().root)
    keys.add_slots(small.path, current().root, [slot])
    part = panel(cast.signed_in(cast.account("other", "custodian", office="")).get("/").content.decode(), "Keys</h2>")  # fmt: skip
    assert "never practised" in part
    assert "Nobody else may renew the keys" not in part
    AccessEntry.objects.create(
        operation=current().operation, action=rotation.DRILL, decision="allowed", purpose="recovery",
        at=timezone.now(), account="terminal", place="terminal",
    )  # fmt: skip
    part = panel(cast.signed_in(cast.account("third", "custodian", office="")).get("/").content.decode(), "Keys</h2>")  # fmt: skip
    assert "never practised" not in part
    assert "last on" in part


def with_host(small):
    from django.core.cache import cache
    from test_planning import PLAN

    from onward.registry.planning import adopt_plan

    cache.clear()
    host = next(line.split()[1] for line in PLAN.splitlines() if line.startswith("host:"))
    entry = "  {id}: {{title: {title}, recipient: {host}, purpose: handover, state: drafted, factors: {{}}, confidentiality: {who}}}\n"
    told = """  {id}:
    title: {title}
    kind: notice
    audience: host
    version: "1"
    owner: plan lead
    channel: letter
    true_as_of: 2026-05-01
    texts: {{fa: {{text: x}}}}
{more}"""
    plan = PLAN + "assurances:\n" + "".join(
        entry.format(id=id, title=title, host=host, who=who)
        for id, title, who in (("word", "The word of the host", "partners"), ("quiet_word", "A quiet word", "sensitive"))
    ) + "messages:\n" + told.format(id="note", title="Dates of the site visit", more="") + told.format(
        id="later", title="Comes later", more="    released: 2027-01-01\n")  # fmt: skip
    adopt_plan(small, plan, effective="2026-05-01", by="chantal")
    return host


def test_a_hosts_liaison_sees_what_to_settle_and_nothing_that_points_at_anybody(small):
    from onward.registry.models import PersonNow, ThingNow

    host = with_host(small)
    page = home("host_liaison")
    assert "The word of the host" in page
    assert "To be confirmed" in page
    assert "Dates of the site visit" in page
    assert "Moves to the host are not paused" in page
    assert "Not counted today yet" in page
    for kept in ("A quiet word", "Comes later", "H1-P1", f"<b>{PersonNow.objects.count()}</b>"):
        assert kept not in page
    ThingNow.objects.create(
        operation=small.settings.id, kind="incident", thing="i-1", due="2026-06-01",
        facts={"destination": host, "severity": 1, "reviewed": False},
    )  # fmt: skip
    page = cast.signed_in(cast.account("again", "host_liaison")).get("/").content.decode()
    assert "Moves to the host are paused" in page
    for told in ("ncident", "omplaint", "H1-P1"):
        assert told not in page


def test_nobody_else_sees_what_is_settled_with_the_host(small):
    with_host(small)
    for role in ("custodian", "auditor"):
        page = home(role, office="") if role == "custodian" else cast.signed_in(
            cast.account("aud", role)).get("/").content.decode()  # fmt: skip
        assert "The word of the host" not in page


def test_the_desk_is_headed_by_what_the_operation_is_called_in_the_readers_language(
    small, monkeypatch
):
    from dataclasses import replace

    monkeypatch.setattr(
        small, "settings", replace(small.settings, titles=(("fa", "اردوگاه شمال"),))
    )
    monkeypatch.setattr("onward.desk.here.operation", lambda: small)
    client = cast.signed_in(cast.account("someone", "medical"))
    assert "اردوگاه شمال" not in client.get("/").content.decode()
    client.cookies["django_language"] = "fa"
    assert "<b>اردوگاه شمال</b>" in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("zone", "first"), [("Asia/Baghdad", "2026-06-06"), ("Asia/Tehran", "2026-06-06"), ("Asia/Karachi", "2026-06-07"), ("Europe/Tirane", "2026-06-08")]
)  # fmt: skip
def test_a_week_begins_on_the_day_it_begins_on_where_the_operation_is(
    small, monkeypatch, zone, first
):
    from dataclasses import replace
    from datetime import date

    from onward.desk import here

    monkeypatch.setattr(small, "settings", replace(small.settings, time_zone=zone))
    monkeypatch.setattr("onward.desk.here.operation", lambda: small)
    assert here.week_of(date(2026, 6, 10)).isoformat() == first
    assert here.week_of(date.fromisoformat(first)).isoformat() == first
    client = cast.signed_in(cast.account("chantal", "supervisor"))
    page = client.get("/calendar/?week=2026-06-10").content.decode()
    assert page.index(f'aria-label="{first}"') == page.index('aria-label="2026-')


def test_the_hour_of_an_appointment_stands_in_the_readers_digits(small):
    from datetime import date

    from onward.registry.models import PersonNow, ThingNow

    person = PersonNow.objects.get(person="H1-P1")
    ThingNow.objects.create(
        operation=person.operation, kind="appointment", thing="a-1", person="H1-P1", office=person.office,
        due=date(2026, 6, 10), facts={"day": "2026-06-10", "starts_at": "09:30", "purpose": "interview", "state": "planned"},
    )  # fmt: skip
    client = cast.signed_in(cast.account("chantal", "supervisor"))
    for language, said in (("en", "09:30"), ("fa", "۰۹:۳۰"), ("ar", "٠٩:٣٠")):
        client.cookies["django_language"] = language
        for address in ("/", "/calendar/?week=2026-06-10"):
            assert f"<bdi>{said}</bdi>" in client.get(address).content.decode(), address


def test_an_instant_is_told_by_the_clocks_of_where_the_operation_is(small, monkeypatch):
    from dataclasses import replace

    from django.utils.translation import override

    from onward.desk import dates, here
    from onward.registry import site

    for zone, said in (("Asia/Baghdad", "07:55 \u2066UTC+3\u2069"), ("UTC", "04:55 \u2066UTC\u2069"),
                       ("Asia/Tehran", "08:25 \u2066UTC+3:30\u2069")):  # fmt: skip
        there = replace(here.operation().settings, time_zone=zone)
        with monkeypatch.context() as patch:
            patch.setattr(
                site, "operation", lambda there=there: type("Its", (), {"settings": there})
            )
            with override("en"):
                assert dates.moment("2026-11-29T04:55:10Z") == f"29 November 2026 {said}"
                assert dates.moment("2026-11-29T04:55:10.25+00:00").endswith(said)
            with override("fa"):
                assert dates.moment("2026-11-28T21:00:00Z").startswith(
                    "۸ آذر ۱۴۰۵" if zone != "UTC" else "۷ آذر ۱۴۰۵"
                ), "the day is that of the place too"


def test_home_says_once_what_many_breaches_ask_for_by_the_same_minute(small):
    import time_machine
    from django.utils import timezone

    from onward.caseload.events import Subject
    from onward.registry import breaches
    from onward.registry.recording import acts

    boss = cast.account("chantal", "supervisor")
    within = (timezone.now() + timedelta(minutes=1)).replace(second=20)
    with time_machine.travel(within):
        for person in ("H2-P1", "H5-P1"):
            acts.record(boss, Subject("person", person), "T16.departed", effective="2026-06-10",
                        idempotency_key=f"went-{person}")  # fmt: skip
        breaches.follow()
        page = html.unescape(cast.signed_in(boss).get("/").content.decode())
    told = page.split('id="to-tell"')[1].split("</section>")[0]
    lines = re.findall(r"<li>.*?</li>", told)
    assert len(lines) == len({re.sub("<[^>]+>", "", line) for line in lines})
    assert any("2 breaches" in line for line in lines)


def test_whoever_is_assigned_nobody_yet_is_told_how_people_come_to_them(small):
    from onward.registry.permissions import assignments

    bilal = cast.account("bilal", "interviewer")
    said = b"Nobody is assigned to you yet."
    assert said in cast.signed_in(bilal).get("/").content
    assignments.assign(
        cast.account("chantal", "supervisor"), "H1-P1", to=bilal, reason="interview"
    )
    assert said not in cast.signed_in(bilal).get("/").content
    boss = cast.account("erin", "supervisor", office="camp-9")
    assert said not in cast.signed_in(boss).get("/").content


COUNTED = (
    r'<a class="tile[^"]*" href="(?P<list>/people/[^"]*)"><b>(?P<n>\d+)</b>',
    r'<a class="more" href="(?P<list>/people/[^"]*)">Who \((?P<n>\d+)\)</a>',
    r'<td class="n">(?P<n>\d+)</td><td><a href="(?P<list>/people/\?[^"]*)">',
)
"""How home says a number beside the list it leads to."""


@pytest.mark.parametrize(
    "role",
    ["supervisor", "protection_officer", "counsellor", "medical", "data_clerk", "analyst"],
)
def test_a_number_on_home_is_that_of_the_list_it_leads_to(small, monkeypatch, role):
    from onward.caseload.events import Subject
    from onward.desk.views import home as view
    from onward.desk.views import home_roles
    from onward.registry.models import PersonNow
    from onward.registry.permissions import assignments
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    monkeypatch.setattr(view, "SHOWN", 2)
    monkeypatch.setattr(home_roles, "SHOWN", 0)
    view._kept.clear()
    anybody, boss = Actor("mira", cast.EVERYBODYS), cast.account("boss", "supervisor")
    who, people = (
        cast.account("someone", role),
        sorted(PersonNow.objects.values_list("person", flat=True)),
    )
    for number, person in enumerate(people):
        for paper in ("exit_permit", "entry_permission")[: 1 + number % 2]:
            facts = {"person": person, "type": paper, "valid_to": "2026-06-18"}
            acts.record(anybody, Subject("document", f"{paper}-{person}"), "recorded", facts=facts,
                        effective="2026-06-01", idempotency_key=f"{paper}-{person}")  # fmt: skip
        if role == "counsellor" and number % 3:
            assignments.assign(boss, person, to=who, reason="case")
    acts.record(anybody, Subject("person", people[0]), "T22.absent", effective="2026-06-09",
                idempotency_key="away")  # fmt: skip
    client = cast.signed_in(who)
    page = html.unescape(client.get("/").content.decode())
    said = [
        (each["list"], int(each["n"])) for form in COUNTED for each in re.finditer(form, page)
    ]
    assert len(said) > (role != "medical"), "a doctor of people who are all checked has no list"
    if role == "supervisor":
        assert {"/people/?ends=soon", "/people/?steps=blocked"} <= {
            address for address, _n in said
        }
        assert any("missing=" in address or "finding=" in address for address, _n in said)
    for address, number in said:
        if "reviews" in address:
            continue
        answer = client.get(address)
        listed = re.search(r'id="total">(\d+) ', answer.content.decode())
        assert answer.status_code == 200
        assert int(listed[1]) == number, address
