"""Contacts after the outcome: overdue by their own pathway, and never dropped in silence."""

from __future__ import annotations

import html
import re

import registry_cast as cast


def followed(due="2026-06-01", person="H1-P1", name="f-1"):
    """Somebody who went home, with a contact that is due."""
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    anybody = Actor("mira", cast.EVERYBODYS)
    acts.record(anybody, Subject("person", person), "T7.done", effective="2026-05-20",
                idempotency_key=f"went-{person}")  # fmt: skip
    acts.record(anybody, Subject("follow_up", name), "recorded", effective="2026-05-20",
                facts={"person": person, "due_on": due}, idempotency_key=name)  # fmt: skip
    return f"/people/{person}/follow_up/{name}/"


def monitor(*people):
    from onward.registry.permissions import access

    mira, boss = (
        cast.account("mira", "follow_up_monitor"),
        cast.account("chantal", "supervisor"),
    )
    for person in people or ("H1-P1",):
        access.assign(boss, person, to=mira, reason="follow-up")
    return cast.signed_in(mira)


def text(answer):
    return html.unescape(answer.content.decode())


def contact(client, address, **facts):
    page = text(client.get(address))
    sent = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]
        for name in ("key", "revision")
    }
    return client.post(address, {**sent, **facts}, follow=True)


def listed(client):
    return set(re.findall(r"/follow_up/([^/]+)/", text(client.get("/calendar/follow-ups/"))))


def test_whoever_was_not_reached_stays_on_the_list_until_they_answer(small):
    address, later = followed(), followed(person="H2-P1", name="f-2")
    client = monitor("H1-P1", "H2-P1")
    assert listed(client) == {"f-1", "f-2"}
    said = text(contact(client, address, result="not_reached", done_on="2026-06-04"))
    assert "stays on the list of follow-ups until the person answers" in said
    assert listed(client) == {"f-1", "f-2"}, "silence is not safety"
    page = re.sub(r"<[^>]+>", "", text(client.get("/calendar/follow-ups/")))
    assert "not reached on 4 June 2026" in page
    contact(client, later, result="safe", done_on="2026-06-05")
    assert listed(client) == {"f-1"}, (
        "an answer ends the search for who gave it, and for nobody else"
    )
    contact(client, "/people/H1-P1/add/follow_up/", result="refused", done_on="2026-06-09")
    assert listed(client) == set()


def test_a_contact_with_a_day_says_what_came_of_it_and_one_with_a_result_has_a_day(small):
    from onward.registry.models import ThingNow

    address = followed()
    client = monitor()
    silent = contact(client, address, done_on="2026-06-09")
    assert silent.status_code == 422
    assert "Choose what came of the contact" in text(silent)
    ahead = contact(client, address, result="safe", done_on="2026-06-30")
    assert ahead.status_code == 422
    assert "This day has not come yet" in text(ahead)
    assert listed(client) == {"f-1"}
    assert contact(client, address, result="safe").status_code == 200
    assert ThingNow.objects.get(kind="follow_up").facts["done_on"] == "2026-06-10", "today"


def test_a_concern_leads_on_to_the_incident_that_pauses_moves_there(small):
    said = text(contact(monitor(), followed(), result="concern"))
    assert "record it now under Incident after departure" in said
    assert "/people/H1-P1/add/incident/" in said


def test_a_monitor_whose_people_have_all_left_is_not_told_that_nobody_is_assigned(small):
    followed()
    home = text(monitor().get("/"))
    assert "Nobody is assigned to you yet." not in home
    assert "none of them is here any more" in home


def test_papers_of_somebody_who_has_left_do_not_run_out(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    boss = cast.signed_in(cast.account("chantal", "supervisor"))
    acts.record(
        Actor("mira", cast.EVERYBODYS), Subject("document", "last-paper"), "recorded",
        effective="2026-05-20", idempotency_key="paper",
        facts={"person": "H1-P1", "type": "exit_permit", "valid_to": "2026-06-12"},
    )  # fmt: skip

    def ending():
        from onward.desk.views import home

        home._kept.clear()
        return text(boss.get("/")).partition('id="ending"')[2].partition("</section>")[0]

    assert "/people/H1-P1/" in ending()
    followed()
    assert "/people/H1-P1/" not in ending()


def test_somebody_handed_over_is_overdue_in_days_and_somebody_who_went_home_in_weeks(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    boss, anybody = cast.account("chantal", "supervisor"), Actor("mira", cast.EVERYBODYS)
    for person, went in (("H1-P1", "T7.done"), ("H2-P1", "T20.done")):
        acts.record(anybody, Subject("person", person), went, effective="2026-05-20",
                    idempotency_key=f"went-{person}")  # fmt: skip
    for person, due in (("H1-P1", "2026-06-05"), ("H2-P1", "2026-06-05"), ("H2-P1", "2026-06-08")):  # fmt: skip
        acts.record(anybody, Subject("follow_up", f"{person}-{due}"), "recorded", effective="2026-05-20",
                    facts={"person": person, "due_on": due}, idempotency_key=f"{person}-{due}")  # fmt: skip
    client = cast.signed_in(boss)
    page = client.get("/calendar/follow-ups/").content.decode()
    rows = {
        (re.search(r"/people/([^/]+)/", row)[1], re.search(r'class="n"[^>]*>(\d+)<', row)[1]): row
        for row in page.split("<tbody>")[1].split("</tr>") if "/people/" in row
    }  # fmt: skip
    said = {key: "status overdue" in row for key, row in rows.items()}
    assert said == {
        ("H1-P1", "5"): False,
        ("H2-P1", "5"): True,
        ("H2-P1", "2"): False,
    }
    home = client.get("/").content.decode()
    tile = home.split("/calendar/follow-ups/")[1].split("</a>")[0]
    assert re.findall(r"(\d+)</?(?:b|span)", tile)[:2] == ["3", "1"]
    due = home.split('id="due"')[1].split("</table>")[0]
    assert due.count("status overdue") == 1
