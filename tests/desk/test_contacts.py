"""Contacts after the outcome: overdue by their own pathway, and never dropped in silence."""

from __future__ import annotations

import html
import re

import pytest
import registry_cast as cast


def followed(due="2026-06-01", person="H1-P1", name="f-1"):
    """Somebody who went home, with a contact that is due; those of the calendar are ahead."""
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    anybody = Actor("mira", cast.EVERYBODYS)
    acts.record(anybody, Subject("person", person), "T7.done", effective="2026-06-09",
                idempotency_key=f"went-{person}")  # fmt: skip
    acts.record(anybody, Subject("follow_up", name), "recorded", effective="2026-05-20",
                facts={"person": person, "due_on": due}, idempotency_key=name)  # fmt: skip
    return f"/people/{person}/follow_up/{name}/"


def monitor(*people):
    from onward.registry.permissions import assignments

    mira, boss = (
        cast.account("mira", "follow_up_monitor"),
        cast.account("chantal", "supervisor"),
    )
    for person in people or ("H1-P1",):
        assignments.assign(boss, person, to=mira, reason="follow-up")
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
    assert (
        ThingNow.objects.get(kind="follow_up", thing="f-1").facts["done_on"] == "2026-06-10"
    ), "today"


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
        acts.record(anybody, Subject("person", person), went, effective="2026-06-10",
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


# -- concerns ------------------------------------------------------------------------------------


def reviews(client):
    return set(re.findall(r"/reviews/follow_up/([^/]+)/", text(client.get("/people/reviews/"))))


def tile(client):
    """How many concerns wait, as home says; 0 where it has no such tile."""
    found = re.search(r"<b>(\d+)</b><span>concerns to be looked at", text(client.get("/")))
    return int(found[1]) if found else 0


def test_a_concern_stays_in_the_list_whatever_page_is_closed_and_whatever_comes_later(small):
    boss = cast.signed_in(cast.account("boss", "supervisor"))
    worried = followed()
    followed(person="H2-P1", name="f-2", due="2026-06-08")
    assert (reviews(boss), tile(boss)) == (set(), 0)
    client = monitor("H1-P1", "H2-P1")
    said = text(contact(client, worried, result="concern", done_on="2026-06-02"))
    assert "waits for a review until somebody says what was made of it" in said
    contact(client, "/people/H2-P1/follow_up/f-2/", result="safe", done_on="2026-06-08")
    assert (reviews(boss), tile(boss)) == ({"f-1"}, 1), "the page that led on was closed"
    contact(client, "/people/H1-P1/add/follow_up/", result="safe", done_on="2026-06-09")
    assert (reviews(boss), tile(boss)) == ({"f-1"}, 1), "a later contact takes none away"
    assert "Nobody has said yet what was made of it" in text(boss.get("/people/H1-P1/"))
    assert listed(client) == set(), "who gave an answer is not looked for any more"


def test_whoever_may_review_says_what_was_made_of_a_concern_and_nobody_else(small):
    from onward.caseload.events import Subject
    from onward.registry.models import Account, ThingNow
    from onward.registry.permissions import access
    from onward.registry.recording import acts

    worried, client = followed(), monitor()
    contact(client, worried, result="concern", done_on="2026-06-02")
    assert 'name="looked_into"' not in text(client.get(worried))
    assert 'name="result"' not in text(client.get(worried)), "what was found stays found"
    assert client.get("/people/reviews/").status_code in (403, 404)
    assert client.get("/reviews/follow_up/f-1/").status_code in (403, 404)
    mira = Account.objects.get(username="mira")
    for number, facts in enumerate(({"looked_into": "help_given"}, {"result": "safe"})):
        with pytest.raises(access.Refused):
            acts.record(mira, Subject("follow_up", "f-1"), "recorded", effective="2026-06-10",
                        facts=facts, idempotency_key=f"no-{number}")  # fmt: skip
    boss = cast.signed_in(cast.account("boss", "supervisor"))
    page = text(boss.get("/reviews/follow_up/f-1/"))
    assert "never pressed" in page
    silent = contact_review(boss, "f-1")
    assert silent.status_code == 422, "looked into, and what of it?"
    unsaid = contact_review(boss, "f-1", looked_into="incident_recorded")
    assert unsaid.status_code == 422
    assert "None is on record about this person" in text(unsaid)
    assert reviews(boss) == {"f-1"}
    contact_review(boss, "f-1", looked_into="help_given")
    assert (reviews(boss), tile(boss)) == (set(), 0)
    row = ThingNow.objects.get(kind="follow_up", thing="f-1")
    assert (row.facts["looked_into"], row.due) == ("help_given", None)


def contact_review(client, name, **facts):
    page = text(client.get(f"/reviews/follow_up/{name}/"))
    key = re.search(r'name="key" value="([^"]*)"', page)[1]
    return client.post(
        f"/reviews/follow_up/{name}/", {"key": key, "effective": "2026-06-10", **facts}
    )


def test_an_incident_recorded_from_the_review_is_what_was_made_of_the_concern(small):
    from onward.registry.models import ThingNow

    client = monitor()
    contact(client, followed(), result="concern", done_on="2026-06-02")
    boss = cast.signed_in(cast.account("boss", "supervisor"))
    page = text(boss.get("/reviews/follow_up/f-1/"))
    address = re.search(r'href="(/people/H1-P1/add/incident/\?concern=f-1)"', page)[1]
    assert "what was made of the concern" in text(boss.get(address))
    contact(boss, address, severity="1", destination="IRN", happened_on="2026-06-01")
    kept = ThingNow.objects.filter(kind="incident")
    assert [row.person for row in kept if not row.facts.get("of_breach")] == ["H1-P1"]
    assert ThingNow.objects.get(thing="f-1").facts["looked_into"] == "incident_recorded"
    assert reviews(boss) == set()
    assert "/reviews/incident/" in text(boss.get("/people/reviews/")), (
        "it waits for its own review"
    )


def test_nobody_is_sent_to_look_for_somebody_who_has_died(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    followed()
    client = monitor()
    assert listed(client) == {"f-1"}
    acts.record(Actor("mira", cast.EVERYBODYS), Subject("person", "H1-P1"), "T22.deceased",
                effective="2026-06-10", idempotency_key="died")  # fmt: skip
    assert listed(client) == set()
    assert "status overdue" not in text(client.get("/people/H1-P1/"))


def test_a_concern_is_the_persons_own_word_and_never_taken_back(small):
    from onward.registry.models import EventRow

    client = monitor()
    contact(client, followed(), result="concern", done_on="2026-06-02")
    event = EventRow.objects.filter(subject_id="f-1").latest("seq").event_id
    assert event not in text(client.get("/people/H1-P1/timeline/"))
    assert client.get(f"/people/H1-P1/taken-back/{event}/").status_code in (403, 404)


def test_a_rulebook_without_a_word_for_it_keeps_no_list_that_nobody_could_empty(small):
    from dataclasses import replace

    from onward.caseload import contacts
    from onward.registry.now.kept_rows import due_on

    book = small.rulebook
    kind = book.kinds["follow_up"]
    facts = {name: fact for name, fact in kind.facts.items() if name != "looked_into"}
    without = replace(book, kinds={**book.kinds, "follow_up": replace(kind, facts=facts)})
    row = {"result": "concern", "done_on": "2026-06-02", "looked_into": None}
    assert due_on(book, contacts.KIND, row) == "2026-06-02"
    assert due_on(without, contacts.KIND, row) is None


# -- one place knows what came of a contact -----------------------------------------------------


def test_home_the_list_and_the_report_count_the_same_contacts(small):
    """Every result on every side of every limit, for people gone in three ways and one still here."""
    import random
    from datetime import UTC, datetime
    from itertools import product

    from onward.caseload import contacts, spells
    from onward.caseload.events import Subject, new_event
    from onward.registry.now import projection
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor
    from onward.report.indicators.afterwards import follow_ups
    from onward.report.indicators.record import Record

    anybody = Actor("mira", cast.EVERYBODYS)
    went = {"H1-P1": "T7.done", "H2-P1": "T20.done", "H3-P1": "T17.departed", "H4-P1": None,
            "H1-P2": "T22.deceased"}  # fmt: skip
    maker, made = random.Random(1), []
    for person, move in went.items():
        if move:
            acts.record(anybody, Subject("person", person), move, effective="2026-03-01",
                        idempotency_key=f"went-{person}")  # fmt: skip
        for due, result in product(
            ("2026-05-01", "2026-05-27", "2026-06-07", "2026-06-09", "2026-06-30"),
            (None, "safe", "concern", "refused", "not_reached"),
        ):
            if person == "H1-P1" and result not in (None, "not_reached"):
                continue  # they never answered at all
            facts = {"person": person, "due_on": due}
            if result:
                facts |= {"done_on": min(due, "2026-06-08"), "result": result}
            name = f"f-{len(made)}"
            made.append(
                new_event(
                    small.rulebook, operation="meridian", subject=Subject("follow_up", name), kind="recorded",
                    effective="2026-03-01", by="mira", instant=datetime(2026, 6, 9, tzinfo=UTC), random=maker,
                    facts=facts, idempotency_key=name,
                )
            )  # fmt: skip
    small.record(made)
    projection.ensure(small)
    engine = small.engine()
    log = small.events_table(small.rulebook)
    stays = spells(log, small.rulebook, as_of=small.default_date(), engine=engine)
    record = Record(small.caseload(engine=engine), stays, engine)
    due = follow_ups(record).due.values
    reported = {
        state: sum(n for (_way, s), n in due.items() if s == state)
        for state in contacts.STANDINGS
    }
    assert all(reported.values()), "every way in which a contact can stand was made"
    boss = cast.signed_in(cast.account("boss", "supervisor"))
    home = text(boss.get("/")).split("/calendar/follow-ups/")[1].split("</a>")[0]
    told = [int(n) for n in re.findall(r"(\d+)</?(?:b|span)", home)[:2]]
    still = sum(reported[state] for state in contacts.STILL_TO_BE_MADE)
    assert told == [still, reported[contacts.OVERDUE]]
    page = text(boss.get("/calendar/follow-ups/")).split("<tbody>")[1]
    assert page.count("</th>") == still
    assert page.count("status overdue") == reported[contacts.OVERDUE]


def test_who_is_overdue_is_asked_as_it_is_told_for_every_stage_and_every_day(small):
    """Of every stage there is, of one nobody knows and of somebody not on record, for every lateness."""
    from datetime import date, timedelta

    from onward.caseload.contacts import is_overdue, tolerated
    from onward.desk import contacts
    from onward.registry.models import PersonNow, ThingNow

    today, days = date(2026, 6, 10), tolerated(small.rulebook)
    assert len(set(days.values())) > 1, "ways with different days are told apart"
    person = PersonNow.objects.get(person="H1-P1")
    stages = [*small.rulebook.axes["stage"].states, "unheard_of", None]
    PersonNow.objects.bulk_create(
        PersonNow(operation=person.operation, person=f"at-{stage}", stage=stage)
        for stage in stages
    )
    wanted = set()
    for stage in [*stages, "nobody"]:
        for late in range(-2, max(days.values()) + 3):
            due, thing = today - timedelta(days=late), f"{stage}-{late}"
            ThingNow.objects.create(
                operation=person.operation, kind="follow_up", thing=thing, due=due, person=f"at-{stage}"
            )  # fmt: skip
            if is_overdue(due, today, days.get(stage, 0)):
                wanted.add(thing)
    asked = ThingNow.objects.filter(contacts.overdue(small.rulebook, today), kind="follow_up")
    assert set(asked.values_list("thing", flat=True)) == wanted


# -- what it costs -------------------------------------------------------------------------------


def plan(rows):
    """How the database finds rows, the embedded one in its own words."""
    from django.db import connection

    sql, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        server = connection.vendor == "postgresql"
        if server:  # so few rows are always read from end to end
            cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'' if server else 'QUERY PLAN '}{sql}", values)
        told = [str(row[-1]) for row in cursor.fetchall()]
        if server:
            cursor.execute("RESET enable_seqscan")
    return told


@pytest.mark.parametrize("reach", ["office", "operation"])
def test_contacts_are_counted_in_an_index(small, reach):
    """However many are ahead of people, home opens the row of none to count them."""
    from django.db import connection

    from onward.desk import contacts, here
    from onward.registry.models import ThingNow
    from onward.registry.permissions.access import Reader

    followed()
    things = ThingNow.objects.filter(person__isnull=False)
    if reach == "office":
        things = Reader(cast.account("boss", "supervisor")).things("confidential")
    assert any("thing_concern" in line for line in plan(contacts.concerns(things)))
    waiting = contacts.waiting(things, here.rulebook()).filter(due__lte=here.today())
    if connection.vendor == "sqlite":
        counted = plan(waiting.order_by().values("due"))
        assert "COVERING INDEX thing_due" in counted[0], counted
    told = str(waiting.values("due").query).partition(" WHERE ")[2].partition("EXISTS")[0]
    assert "facts" not in told


def test_rows_that_an_older_program_made_say_of_contacts_what_this_one_asks(small):
    from onward.registry.models import ProjectionState, ThingNow
    from onward.registry.now import projection

    boss = cast.signed_in(cast.account("boss", "supervisor"))
    contact(monitor(), followed(), result="concern", done_on="2026-06-02")
    ThingNow.objects.update(concern=False, tried=None)
    ProjectionState.objects.filter(name="now/3").update(name="now/2")
    assert reviews(boss) == set()
    assert projection.ensure(small)
    assert reviews(boss) == {"f-1"}
    row = ThingNow.objects.get(kind="follow_up", thing="f-1")
    assert (row.concern, str(row.tried)) == (True, "2026-06-02")
    assert projection.compare(small) == []


# -- the calendar of the rulebook ------------------------------------------------------------------


def test_whoever_left_is_on_the_list_of_contacts_and_on_their_page_without_being_planned(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    acts.record(Actor("mira", cast.EVERYBODYS), Subject("person", "H1-P1"), "T7.done",
                effective="2026-06-02", idempotency_key="went")  # fmt: skip
    client = monitor()
    boss = cast.signed_in(cast.account("boss", "supervisor"))
    (first,) = listed(client)
    assert "4 June 2026" in text(client.get("/calendar/follow-ups/"))
    ahead = text(client.get("/calendar/follow-ups/?which=ahead"))
    assert len(set(re.findall(r"/follow_up/([^/]+)/", ahead))) == 4
    assert "2 July 2026" in ahead
    home = text(boss.get("/")).split("/calendar/follow-ups/")[1].split("</a>")[0]
    assert re.findall(r"(\d+)</?(?:b|span)", home)[:1] == ["1"]
    assert f"/people/H1-P1/follow_up/{first}/" in text(client.get("/people/H1-P1/"))
    contact(client, f"/people/H1-P1/follow_up/{first}/", result="safe", done_on="2026-06-05")
    assert listed(client) == set()


def test_who_wants_no_contact_is_listed_with_what_they_said_and_never_dropped(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    acts.record(Actor("mira", cast.EVERYBODYS), Subject("person", "H1-P1"), "T20.done",
                effective="2026-06-01", idempotency_key="went")  # fmt: skip
    client = monitor()

    def told():
        return re.sub(r"<[^>]+>", "", text(client.get("/calendar/follow-ups/")))

    first, second = sorted(listed(client))
    address = f"/people/H1-P1/follow_up/{first}/"
    assert "want no contact" not in told()
    contact(client, address, result="refused", done_on="2026-06-03")
    assert listed(client) == {second}
    assert "said on 3 June 2026 that they want no contact" in told()
    contact(client, "/people/H1-P1/add/follow_up/", result="safe", done_on="2026-06-09")
    assert listed(client) == {second}
    assert "want no contact" not in told(), "they have spoken since"


def test_the_last_word_of_a_day_is_the_refusal():
    from datetime import date

    from onward.caseload.contacts import wants_none

    day = date(2026, 6, 3)
    said = [("one", day, "refused"), ("one", day, "safe"), ("two", day, "safe"),
            ("three", day, "not_reached"), ("four", None, "refused"), ("five", day, "refused")]  # fmt: skip
    assert wants_none(said, day) == {"one": day, "five": day}
    assert wants_none(said, date(2026, 6, 2)) == {}
