"""The camp's own work: appointments that never clash, a count that adds up, a convoy nobody is lost from."""

from __future__ import annotations

import html
import re

import registry_cast as cast


def browser(*roles, name="chantal"):
    return cast.signed_in(cast.account(name, *roles))


def text(response):
    return html.unescape(response.content.decode())


def key(page):
    return re.search(r'name="key" value="([^"]+)"', page)[1]


def things(kind):
    from onward.registry.models import ThingNow

    return [row.facts for row in ThingNow.objects.filter(kind=kind).order_by("thing")]


# -- the calendar ---------------------------------------------------------------------------------


WHO = {"people": ["H1-P1", "H1-P2"], "do": "schedule"}
WHEN = {"send": "yes", "purpose": "interview", "day": "2026-06-11", "starts_at": "09:30",
        "minutes": "45", "room": "tent 3"}  # fmt: skip


def test_people_are_scheduled_one_after_the_other_with_their_own_language(small):
    from onward.registry.models import AccessEntry

    officer = browser("supervisor")
    page = text(officer.post("/people/chosen/", WHO))
    assert AccessEntry.objects.latest("id").people == WHO["people"], "who was shown is logged"
    assert officer.post("/people/chosen/", {**WHO, **WHEN, "key": key(page)}).status_code == 303
    assert sorted(facts["starts_at"] for facts in things("appointment")) == ["09:30", "10:15"]
    assert {facts["interpreter"] for facts in things("appointment")} == {"fa"}
    week = text(officer.get("/calendar/?week=2026-06-11"))
    assert "tent 3" in week
    assert "/people/H1-P1/" in week


def test_a_room_is_never_in_two_places(small):
    officer = browser("supervisor")
    officer.post("/people/chosen/", {**WHO, **WHEN, "key": "first-appointments"})
    clash = officer.post(
        "/people/chosen/",
        {"people": "H2-P1", "do": "schedule", **WHEN, "starts_at": "10:00", "key": "second"},
    )
    assert clash.status_code == 422
    assert "10:00: the room is taken (09:30–10:15)." in text(clash)
    beside = text(clash).partition('name="room"')[0].rpartition("<label")[2]
    assert "the room is taken" in beside, "and beside the field"
    assert len(things("appointment")) == 2
    after = {"people": "H2-P1", "do": "schedule", **WHEN, "starts_at": "11:00", "key": "third"}
    assert officer.post("/people/chosen/", after).status_code == 303


def test_an_appointment_that_was_not_held_leaves_its_hour_free(small):
    officer = browser("supervisor")
    one = {"people": "H1-P1", "do": "schedule", **WHEN, "key": "planned-1"}
    said = text(officer.post("/people/chosen/", one, follow=True))
    assert "1 appointment is scheduled." in said
    assert_room(officer, "tent 3", 1)
    missed(officer)
    page = text(officer.get("/calendar/?week=2026-06-11"))
    assert "not held: 1" in page
    assert "in room" not in page, "nobody sits in it"
    again = officer.post("/people/chosen/", {**one, "key": "planned-2", "room": "Tent  3"})
    assert again.status_code == 303, "the room, the hour and the person are free"
    assert_room(officer, "Tent  3", 1)


def missed(officer):
    """Says of the one appointment there is that it was not held."""
    from onward.registry.models import ThingNow

    (row,) = ThingNow.objects.filter(kind="appointment")
    address = f"/people/{row.person}/appointment/{row.thing}/"
    page = text(officer.get(address))
    revision = re.search(r'name="revision" value="(\d+)"', page)[1]
    sent = {
        "key": key(page),
        "revision": revision,
        "state": "not_held",
        "effective": "2026-06-10",
    }
    assert officer.post(address, sent).status_code == 303


def assert_room(officer, room, number):
    tiles = text(officer.get("/calendar/?week=2026-06-11")).partition('class="week"')[0]
    assert re.findall(r"<b>(\d+)</b><span>in room <bdi>([^<]+)</bdi>", tiles) == [
        (str(number), room)
    ]


def test_a_room_written_two_ways_is_counted_as_one(small):
    officer = browser("supervisor")
    for at, room in (("09:00", "Tent 3"), ("11:00", "tent  3")):
        sent = {
            "people": "H1-P1",
            "do": "schedule",
            **WHEN,
            "starts_at": at,
            "room": room,
            "key": at,
        }
        assert officer.post("/people/chosen/", sent).status_code == 303
    tiles = text(officer.get("/calendar/?week=2026-06-11")).partition('class="week"')[0]
    assert [
        n for n, _room in re.findall(r"<b>(\d+)</b><span>in room <bdi>([^<]+)</bdi>", tiles)
    ] == ["2"]


def test_the_officer_of_one_appointment_is_chosen_as_in_the_list(small):
    boss = cast.account("chantal", "supervisor")
    amina = cast.account("amina", "protection_officer")
    page = text(cast.signed_in(boss).get("/people/H1-P1/add/appointment/"))
    choice = page.partition('name="officer"')[2].partition("</select>")[0]
    assert f'<option value="{amina.account_id}">' in choice
    assert 'name="interpreter_code"' not in page, "without a roster nobody is asked for a code"


def test_a_language_may_be_typed_by_its_name(small):
    officer = browser("supervisor")
    for typed, kept in (("Farsi", "fa"), ("العربية", "ar"), ("CKB", "ckb")):
        sent = {**WHO, "people": "H1-P1", **WHEN, "interpreter": typed, "key": f"in {typed}"}
        sent["starts_at"] = {"fa": "08:00", "ar": "10:00", "ckb": "12:00"}[kept]
        assert officer.post("/people/chosen/", sent).status_code == 303
        assert kept in {facts["interpreter"] for facts in things("appointment")}
    wrong = officer.post(
        "/people/chosen/", {**WHO, **WHEN, "interpreter": "Klingon", "key": "x"}
    )
    assert wrong.status_code == 422
    assert "Choose a language from the list" in text(wrong)


def test_a_form_sent_twice_books_once_and_does_not_clash_with_itself(small):
    officer = browser("supervisor")
    for _ in range(2):
        sent = officer.post("/people/chosen/", {**WHO, **WHEN, "key": "twice"})
        assert sent.status_code == 303
    assert len(things("appointment")) == 2


def roster(officer, code="I-7", **facts):
    given = {"code": code, "languages": ["fa", "ckb"], "sex": "female", "days": ["thu", "fri"],
             "bound_until": "2026-12-31", "on_roster": "yes", **facts}  # fmt: skip
    assert officer.post("/calendar/interpreters/", {"key": code, **given}).status_code == 303


def test_an_interpreter_of_the_roster_is_never_in_two_places(small):
    officer = browser("supervisor")
    roster(officer)
    page = text(officer.post("/people/chosen/", WHO))
    assert "I-7 · کوردیی ناوەندی, فارسی · Female" in page
    with_them = {**WHO, **WHEN, "interpreter_code": "I-7"}
    assert officer.post("/people/chosen/", {**with_them, "key": "a"}).status_code == 303
    assert "I-7" in text(officer.get("/calendar/?week=2026-06-11"))
    other = {"people": "H2-P1", "do": "schedule", **WHEN, "room": "tent 9",
             "interpreter_code": "I-7", "key": "b"}  # fmt: skip
    clash = officer.post("/people/chosen/", other)
    assert clash.status_code == 422
    assert "the interpreter has another appointment" in text(clash)
    later = {**other, "starts_at": "15:00", "key": "c"}
    assert officer.post("/people/chosen/", later).status_code == 303
    assert '<td class="n">3</td>' in officer.get("/calendar/interpreters/").content.decode()


def test_an_appointment_is_not_moved_into_a_room_or_an_interpreters_hour_that_is_taken(small):
    from onward.registry.models import ThingNow

    officer = browser("supervisor")
    roster(officer)
    officer.post("/people/chosen/", {**WHO, **WHEN, "interpreter_code": "I-7", "key": "a"})
    officer.post("/people/chosen/", {"people": "H2-P1", "do": "schedule", **WHEN, "key": "b",
                                     "room": "Tent  9", "starts_at": "09:30"})  # fmt: skip
    row = ThingNow.objects.get(kind="appointment", person="H2-P1")
    address = f"/people/H2-P1/appointment/{row.thing}/"
    form = {"effective": "2026-06-10", "key": "move"}
    for wrong in ({"room": "Tent 3"}, {"interpreter_code": "I-7"}):
        assert officer.post(address, {**form, **wrong}).status_code == 422
    assert officer.post(address, {**form, "room": "tent 9", "minutes": "30"}).status_code == 303


def test_somebody_who_does_not_want_an_interpreter_is_never_booked_with_them(small):
    officer, clerk = browser("supervisor"), browser("protection_officer", name="amina")
    roster(officer)
    said = {"interpreter_code": "I-7", "effective": "2026-06-10", "key": "no"}
    assert clerk.post("/people/H1-P2/add/not_interpreter/", said).status_code == 303
    refused = officer.post(
        "/people/chosen/", {**WHO, **WHEN, "interpreter_code": "I-7", "key": "a"}
    )
    assert refused.status_code == 422
    assert "cannot be booked for one of these people" in text(refused)
    assert things("appointment") == []


def test_a_language_a_day_and_a_vetting_that_do_not_fit_are_pointed_out_first(small):
    officer = browser("supervisor")
    roster(officer, languages=["ar"], days=["mon"], bound_until="2026-01-01")
    asked = {**WHO, **WHEN, "interpreter_code": "I-7", "key": "a"}
    page = text(officer.post("/people/chosen/", asked))
    assert "09:30: the interpreter is not known to speak فارسی." in page
    assert "does not work on that day" in page
    assert "vetted and bound to confidence" in page
    assert things("appointment") == []
    assert officer.post("/people/chosen/", {**asked, "anyway": "yes"}).status_code == 303


def test_the_roster_takes_no_names(small):
    officer = browser("supervisor")
    page = text(
        officer.post("/calendar/interpreters/", {"code": "Zarifeh N", "languages": "fa"})
    )
    assert "Letters, digits and" in page
    assert things("interpreter") == []


def test_nobody_chosen_is_said_kindly(small):
    answer = browser("supervisor").post("/people/chosen/", {"do": "schedule"})
    assert answer.status_code == 422
    assert "Nobody was chosen" in text(answer)


def interpreter(officer, code, **facts):
    given = {"code": code, "languages": ["fa"], "bound_until": "2027-01-01", **facts}
    assert officer.post("/calendar/interpreters/", {"key": code, **given}).status_code == 303


def without_a_room(officer, person, at, **facts):
    """An appointment nobody has found a room for yet."""
    from onward.registry.models import ThingNow

    sent = {"people": person, "do": "schedule", **WHEN, "room": "", "starts_at": at, **facts}
    assert officer.post("/people/chosen/", {**sent, "key": f"{person} {at}"}).status_code == 303
    return ThingNow.objects.get(kind="appointment", person=person).thing


def test_a_room_and_an_interpreter_are_assigned_from_the_week_itself(small):
    officer = browser("supervisor")
    interpreter(officer, "I-1")
    interpreter(officer, "I-2", languages=["ar"])
    officer.post(
        "/people/chosen/",
        {"people": "H2-P1", "do": "schedule", **WHEN, "room": "tent 4", "key": "elsewhere",
         "starts_at": "14:00"},
    )  # fmt: skip
    officer.post("/people/chosen/", {**WHO, **WHEN, "interpreter_code": "I-1", "key": "taken"})
    thing = without_a_room(officer, "H3-P1", "09:40", minutes="30")
    page = text(officer.get("/calendar/?week=2026-06-11"))
    part = page[page.index(f'id="r-{thing}"') :]
    part = part[: part.index("</form>")]
    assert re.search(r'label="Free at that hour"><option value="tent 4">', part)
    assert '<option value="tent 3" disabled>tent 3 (taken from 09:30 to 10:15)' in part
    assert re.search(r'value="I-1" disabled>[^<]*taken from 09:30 to 10:15', part)
    assert re.search(r'look at this first"><option value="I-2">[^<]*not known to speak', part)

    sent = {"thing": thing, "room": "tent 4", "key": "assign"}
    warned = officer.post("/calendar/assign/", {**sent, "interpreter_code": "I-2"})
    assert "not known to speak" in text(warned)
    assert "Assign all the same" in text(warned)
    taken = officer.post("/calendar/assign/", {"thing": thing, "room": "Tent  3", "key": "b"})
    assert taken.status_code == 422
    assert "09:40: the room is taken (09:30–10:15)." in text(taken)
    assert officer.post("/calendar/assign/", sent).status_code == 303
    facts = next(one for one in things("appointment") if one["starts_at"] == "09:40")
    assert facts["room"] == "tent 4"
    assert officer.post("/calendar/assign/", {"thing": thing, "key": "c"}).status_code == 422


def test_nobody_assigns_a_room_for_somebody_they_may_not_see(small):
    officer = browser("supervisor")
    thing = without_a_room(officer, "H3-P1", "09:40")
    other = cast.signed_in(cast.account("dawit", "supervisor", office=cast.ELSEWHERE))
    sent = {"thing": thing, "room": "tent 4", "key": "a"}
    assert other.post("/calendar/assign/", sent).status_code == 404
    assert other.post("/calendar/assign/", {**sent, "thing": "nothing"}).status_code == 404
    assert "room" not in things("appointment")[0]


def test_the_week_asks_the_record_no_more_for_more_appointments(small):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    officer = browser("supervisor")
    interpreter(officer, "I-1")

    def asked():
        officer.get("/calendar/?week=2026-06-11")
        with CaptureQueriesContext(connection) as found:
            page = text(officer.get("/calendar/?week=2026-06-11"))
        return len(found), page.count('name="thing"')

    without_a_room(officer, "H3-P1", "09:00")
    few = asked()
    for number in (4, 5, 6, 7, 8):
        without_a_room(officer, f"H{number}-P1", f"{5 + number}:00".zfill(5))
    many = asked()
    assert (few[1], many[1]) == (1, 6)
    assert many[0] <= few[0]


def test_appointments_of_people_who_may_not_be_seen_are_only_counted(small):
    browser("supervisor").post("/people/chosen/", {**WHO, **WHEN, "key": "first-appointments"})
    other = cast.signed_in(cast.account("dawit", "protection_officer", office=cast.ELSEWHERE))
    week = text(other.get("/calendar/?week=2026-06-11"))
    assert "2 other appointments" in week
    assert "H1-P1" not in week
    assert "09:30" not in week


# -- the head-count ---------------------------------------------------------------------------------


def test_opening_and_what_happened_make_who_is_present(small):
    from datetime import date, timedelta

    from onward.desk.views.headcount import days_of
    from onward.registry.recording import acts

    account = cast.account("chantal", "supervisor")
    acts.record(
        account,
        ("person", "H8-P1"),
        "T22.deceased",
        effective="2026-06-09",
        idempotency_key="died",
    )
    acts.record(
        account,
        ("person", "H8-P2"),
        "T22.absent",
        effective="2026-06-10",
        idempotency_key="gone",
    )
    acts.register_household(
        account,
        [acts.Member({"site": "camp-1", "place": "in_camp", "stage": "registered",
                      "legal": "gc4_protected", "birth": "2026-06-05"})],
        effective="2026-06-10", household="H1", idempotency_key="born",
    )  # fmt: skip
    days = {day.day: day for day in days_of("camp-1", date(2026, 6, 10))}
    today, before = days[date(2026, 6, 10)], days[date(2026, 6, 9)]
    assert (today.births, today.absences, before.deaths) == (1, 1, 1)
    for day in days.values():
        assert (
            day.opening + day.births + day.arrivals - day.departures - day.absences - day.deaths
            == day.present
        )
        if day.day - timedelta(days=1) in days:
            assert day.opening == days[day.day - timedelta(days=1)].present


def test_who_is_absent_by_place_and_here_by_their_step_is_told_and_not_counted_as_present(
    small,
):
    """Marked absent, and met the day after: the list of people has them, no count of a day does."""
    from onward.registry.recording import acts

    boss = cast.account("boss", "supervisor")
    clerk = browser("supervisor")
    told = "something took place since"
    assert told not in text(clerk.get("/head-count/"))
    assert "16" in text(clerk.get("/head-count/"))
    acts.record(
        boss, ("person", "H8-P2"), "T22.absent", effective="2026-06-09", idempotency_key="gone"
    )
    assert told not in text(clerk.get("/head-count/")), "absent, and nothing since"
    assert told not in text(clerk.get("/people/H8-P2/"))
    acts.record(
        boss, ("person", "H8-P2"), "T3.held", effective="2026-06-10", idempotency_key="met"
    )
    page = text(clerk.get("/head-count/"))
    assert f"1 person of this site is on record as absent, and {told}" in page
    assert "<b>15</b>" in page
    [address] = re.findall(r'href="(/people/\?place=[^"]+)"', page)
    listed = text(clerk.get(address))
    assert "/people/H8-P2/" in listed
    assert "/people/H8-P1/" not in listed
    assert told in text(clerk.get("/people/H8-P2/"))
    acts.record(
        boss,
        ("person", "H8-P2"),
        "T22.reappeared",
        effective="2026-06-10",
        idempotency_key="back",
    )
    assert told not in text(clerk.get("/head-count/"))
    assert told not in text(clerk.get("/people/H8-P2/"))


def test_a_count_that_differs_is_shown_with_its_difference(small):
    clerk = browser("supervisor")
    page = text(clerk.get("/head-count/"))
    sent = {
        "key": key(page),
        "site": "camp-1",
        "day": "2026-06-10",
        "counted": "۱۴",
        "explained": "searching",
    }
    assert clerk.post("/head-count/", sent).status_code == 303
    page = text(clerk.get("/head-count/?site=camp-1"))
    assert "-2" in page
    assert "Searching" in page


def test_a_count_that_does_not_add_up_asks_for_more_until_somebody_says_why(small):
    clerk = browser("data_clerk")

    def count(number, **more):
        sent = {"key": f"desk:{number}{more}", "site": "camp-1", "day": "2026-06-10"}
        return clerk.post("/head-count/", {**sent, "counted": number, **more}, follow=True)

    assert "16" in text(clerk.get("/head-count/"))
    page = text(count("14"))
    assert "notice held" in page
    assert "2 fewer than the record says" in page
    assert "it does not add up" in text(clerk.get("/"))
    assert "1 more than the record says" in text(count("17"))
    assert "notice good" in text(count("16"))
    home = text(clerk.get("/"))
    assert "it does not add up" not in home
    count("14", explained="searching")
    assert "it does not add up" not in text(clerk.get("/"))
    later = count("16", day="2026-06-11")
    assert later.status_code == 422
    assert "later than today" in text(later)


def test_a_count_that_differs_does_not_agree(small):
    clerk = browser("data_clerk")

    def count(number):
        sent = {"key": f"desk:{number}", "site": "camp-1", "day": "2026-06-10"}
        return clerk.post("/head-count/", {**sent, "counted": number, "explained": "agrees"})

    wrong = count("14")
    assert wrong.status_code == 422
    assert "The record says 16: this count does not agree." in text(wrong)
    assert things("headcount") == []
    assert count("16").status_code == 303


# -- a convoy -----------------------------------------------------------------------------------------


def planned(officer, seats="4", pathway="return", destination="IRN"):
    page = text(officer.get("/convoys/"))
    answer = officer.post(
        "/convoys/",
        {
            "key": key(page),
            "pathway": pathway,
            "destination": destination,
            "day": "2026-06-10",
            "seats": seats,
        },
    )
    return answer["Location"]


def test_a_convoy_planned_with_two_presses_is_one_convoy_and_opens(small):
    officer = browser("supervisor")
    form = {"key": key(text(officer.get("/convoys/"))), "pathway": "return", "destination": "IRN",
            "day": "2026-06-10", "seats": "4"}  # fmt: skip
    first, second = (officer.post("/convoys/", form)["Location"] for _ in range(2))
    assert first == second
    assert officer.get(second).status_code == 200
    assert len(things("convoy")) == 1


def test_a_convoy_accounts_for_everybody_on_its_manifest(small):
    officer = browser("supervisor")
    convoy = planned(officer)
    page = text(officer.get(convoy))
    assert 'value="H1-P1"' in page
    assert 'value="H4-P1"' not in page, (
        "a failed non-refoulement test keeps people off the offer"
    )
    assert (
        officer.post(
            convoy, {"do": "list", "key": "list-1", "people": ["H1-P1", "H1-P2"]}
        ).status_code
        == 303
    )
    page = text(officer.get(convoy))
    seats = re.findall(r'name="boarded-([^"]+)" value="yes"', page)
    assert len(seats) == 2
    boarded = {f"boarded-{seats[0]}": "yes", f"boarded-{seats[1]}": "no"}
    assert (
        officer.post(convoy, {"do": "boarded", "key": "board-1", **boarded}).status_code == 303
    )
    assert "Find this person" in text(officer.get(convoy))
    explained = {f"explained-{seats[1]}": "stayed_by_choice", f"arrived-{seats[0]}": "yes"}
    officer.post(convoy, {"do": "arrived", "key": "arrive-1", **explained})
    page = text(officer.get(convoy))
    assert "Find this person" not in page
    assert "Everybody is accounted for" in page


def test_the_list_that_goes_on_the_bus_says_nothing_of_anybodys_safeguards(small):
    """What is printed may be left on a seat: who is expected, who came, and nothing of why not."""
    officer = browser("supervisor")
    address = planned(officer)
    page = text(officer.get(address))
    people = re.findall(r'name="people" value="([^"]+)"', page)[:2]
    officer.post(address, {"key": f"{key(page)}-l", "do": "list", "people": people})
    page = text(officer.get(address))
    manifest = page.partition("<caption>")[2].partition("</form>")[0]
    assert "status blocked" in manifest or "status open" in manifest
    on_paper = re.sub(r'<(\w+)[^>]*class="[^"]*noprint[^"]*".*?</\1>', "", manifest, flags=re.S)
    for word in ("status blocked", "status open", "status breach", "safeguard", "breach"):
        assert word not in on_paper
    assert on_paper.count('class="box"') == 2 * len(people), "who arrived is ticked by hand"


def test_nobody_on_a_manifest_is_passed_over_in_silence(small):
    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "list-5", "people": ["H1-P1", "H1-P2"]})
    one, two = re.findall(r'name="boarded-([^"]+)" value="yes"', text(officer.get(convoy)))
    officer.post(convoy, {"do": "boarded", "key": "b-1", f"boarded-{one}": "yes"})
    page = text(officer.get(convoy))
    assert "1 boarded, 0 did not, 1 not said" in page
    assert page.count("Find this person") == 1, "the bus left, and nobody said of one"
    officer.post(convoy, {"do": "boarded", "key": "b-2", f"explained-{two}": "not_found"})
    assert "Find this person" in text(officer.get(convoy)), "not found is not accounted for"
    officer.post(convoy, {"do": "boarded", "key": "b-3", f"boarded-{two}": "no",
                          f"explained-{two}": "stayed_by_choice"})  # fmt: skip
    officer.post(convoy, {"do": "arrived", "key": "a-1", f"explained-{one}": "missing"})
    page = text(officer.get(convoy))
    assert "0 arrived, 0 elsewhere and known where, 1 missing, 0 not said" in page
    assert "Everybody is accounted for" not in page
    officer.post(convoy, {"do": "arrived", "key": "a-2", f"arrived-{one}": "yes",
                          f"explained-{one}": "later_convoy"})  # fmt: skip
    assert "Everybody is accounted for" in text(officer.get(convoy))


def test_a_roll_that_was_called_is_one_tick_and_passes_nobody_marked_otherwise(small):
    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "list-6", "people": ["H1-P1", "H1-P2"]})
    _one, two = re.findall(r'name="boarded-([^"]+)" value="yes"', text(officer.get(convoy)))
    shown = dict(re.findall(r'name="(shown-[^"]+)" value="([^"]*)"', text(officer.get(convoy))))
    sent = {"do": "boarded", "key": "roll", "called": "yes", **shown, f"boarded-{two}": "no"}
    assert officer.post(convoy, sent).status_code == 303
    assert officer.post(convoy, sent).status_code in (303, 422)
    told = {facts["person"]: facts.get("boarded") for facts in things("seat")}
    assert sorted(map(str, told.values())) == ["False", "True"]
    gone = [
        e for e in small.store.read() if e.kind == "T7.done" and e.effective == "2026-06-10"
    ]
    assert len(gone) == 1


def test_people_chosen_in_the_list_are_put_on_a_convoy(small):
    officer = browser("supervisor")
    nobody = text(officer.post("/people/chosen/", {"do": "convoy", "people": ["H1-P1"]}))
    assert "No convoy is planned" in nobody
    convoy = planned(officer)
    assert 'value="convoy"' in text(officer.get("/people/"))
    page = text(officer.post("/people/chosen/", {"do": "convoy", "people": ["H1-P1", "H1-P2"]}))
    assert f'formaction="{convoy}"' in page
    sent = {
        "do": "list",
        "key": key(page),
        "people": re.findall(r'name="people" value="([^"]+)"', page),
    }
    assert officer.post(convoy, sent).status_code == 303
    assert sorted(facts["person"] for facts in things("seat")) == ["H1-P1", "H1-P2"]
    counsellor = cast.signed_in(cast.account("carla", "counsellor"))
    refused = counsellor.post("/people/chosen/", {"do": "convoy", "people": ["H1-P1"]})
    assert refused.status_code in (403, 422)


def left(small):
    """Who counts as having left today, from the record itself."""
    log = list(small.store.read())
    gone = {e.supersedes for e in log if e.supersedes}
    return sorted(e.subject.id for e in log if e.kind == "T7.done" and e.effective == "2026-06-10"
                  and e.id not in gone)  # fmt: skip


def test_a_mistaken_boarded_is_taken_back_and_stays_in_the_log(small):
    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "list-7", "people": ["H1-P1", "H1-P2"]})
    one, two = re.findall(r'name="boarded-([^"]+)" value="yes"', text(officer.get(convoy)))
    shown = {f"shown-{one}": "//", f"shown-{two}": "//"}
    officer.post(convoy, {"do": "boarded", "key": "m-1", "called": "yes", **shown})
    assert left(small) == ["H1-P1", "H1-P2"]
    before = len(list(small.store.read()))
    page = text(officer.get(convoy))
    assert "Recorded by mistake" in page

    officer.post(convoy, {"do": "boarded", "key": "m-2", f"boarded-{one}": "mistake"})
    assert len(left(small)) == 1, "whoever was ticked by mistake is here"
    told = {facts["person"]: facts.get("boarded") for facts in things("seat")}
    assert sorted(map(str, told.values())) == ["None", "True"]
    after = list(small.store.read())
    assert len(after) > before, "nothing is deleted"
    assert "1 boarded, 0 did not, 1 not said" in text(officer.get(convoy))

    officer.post(convoy, {"do": "boarded", "key": "m-3", f"boarded-{two}": "no",
                          f"explained-{two}": "stayed_by_choice"})  # fmt: skip
    assert left(small) == [], "who did not board has not left"
    officer.post(convoy, {"do": "boarded", "key": "m-4", f"boarded-{one}": "yes"})
    assert len(left(small)) == 1, "and may be said to have boarded again"
    person = next(iter(left(small)))
    timeline = text(officer.get(f"/people/{person}/timeline/"))
    assert "Taken back" in timeline


def test_another_office_takes_nobody_off_a_manifest(small):
    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "list-4", "people": ["H1-P1", "H1-P2"]})
    seat = re.findall(r'name="boarded-([^"]+)" value="yes"', text(officer.get(convoy)))[0]
    other = cast.signed_in(cast.account("dawit", "supervisor", office=cast.ELSEWHERE))
    strike = {"do": "strike", "key": "strike-1", "seat": seat}
    assert other.post(convoy, strike).status_code in (404, 422)
    assert [facts["listed"] for facts in things("seat")] == [True, True]
    assert officer.post(convoy, strike).status_code == 303
    assert sorted(facts["listed"] for facts in things("seat")) == [False, True]


def test_nobody_is_put_on_a_manifest_over_a_safeguard_that_waiting_does_not_mend(small):
    officer = browser("supervisor")
    convoy = planned(officer)
    answer = officer.post(convoy, {"do": "list", "key": "list-2", "people": ["H4-P1"]})
    assert answer.status_code == 422
    assert "Nobody was put on the manifest." in text(answer)
    assert things("seat") == []


def test_a_convoy_takes_no_more_people_than_seats(small):
    officer = browser("supervisor")
    convoy = planned(officer, seats="1")
    answer = officer.post(convoy, {"do": "list", "key": "list-3", "people": ["H1-P1", "H1-P2"]})
    assert "There are not enough seats: chosen 2, free 1." in text(answer)
    assert things("seat") == []


# -- texts --------------------------------------------------------------------------------------------


def test_a_waiver_is_marked_as_a_draft_in_the_persons_language(small):
    page = text(browser("protection_officer").get("/people/H1-P1/waiver/"))
    sheet = re.search(r'<article class="sheet waiver unapproved"[^>]*>', page)[0]
    assert "تأیید نشده" in page, "who approved it stands on the paper: nobody"
    assert 'lang="fa"' in sheet
    assert 'dir="rtl"' in sheet
    assert "پیش‌نویس" in sheet
    assert "Nowruzian" not in page


def test_the_rulebooks_drawing_and_the_same_in_words(small):
    officer = browser("analyst")
    assert "always recordable" in text(officer.get("/rulebook/"))
    drawing = officer.get("/rulebook/drawing.svg")
    assert drawing["Content-Type"] == "image/svg+xml"


def test_nobody_is_put_on_a_convoy_to_anywhere_else_than_they_chose(small):
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    acts.record_batch(
        Actor("chantal", frozenset({"supervisor"})),
        [{"subject": ("convoy", "bus-9"), "kind": "recorded", "effective": "2026-06-10",
          "facts": {"pathway": "return", "destination": "CAN", "day": "2026-06-10", "seats": 4,
                    "state": "planned"}}],
        idempotency_key="bus-9",
    )  # fmt: skip
    officer = browser("supervisor")
    sent = {"do": "list", "key": "list-9", "people": ["H1-P1", "H1-P2"]}
    assert officer.post("/convoys/bus-9/", sent).status_code == 422
    assert not list(things("seat"))


def test_who_did_not_board_after_all_has_neither_left_nor_arrived(small):
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "list-10", "people": ["H1-P1"]})
    (one,) = re.findall(r'name="boarded-([^"]+)" value="yes"', text(officer.get(convoy)))
    officer.post(convoy, {"do": "boarded", "key": "n-1", f"boarded-{one}": "yes"})
    officer.post(convoy, {"do": "arrived", "key": "n-2", f"arrived-{one}": "yes"})
    left_on = next(e for e in small.store.read() if e.kind == "T7.done" and e.subject.id == "H1-P1"
                   and e.effective == "2026-06-10")  # fmt: skip
    acts.correct(
        Actor("chantal", frozenset({"supervisor"})), left_on.id, facts={},
        effective="2026-06-09", idempotency_key="n-3",
    )  # fmt: skip
    officer.post(convoy, {"do": "boarded", "key": "n-4", f"boarded-{one}": "no",
                          f"explained-{one}": "stayed_by_choice"})  # fmt: skip
    log = list(small.store.read())
    gone = {e.supersedes for e in log if e.supersedes}
    assert not [e for e in log if e.kind == "T7.done" and e.subject.id == "H1-P1"
                and e.id not in gone and e.seq >= left_on.seq]  # fmt: skip
    (facts,) = things("seat")
    assert facts["boarded"] is False
    assert "arrived" not in facts
    assert "0</b><span>arrived" in text(officer.get(convoy))


def brought_in(*seats):
    """Convoys and seats as an imported list says them: a whole seat in one event."""
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    convoys = {convoy for _seat, _person, convoy, _said in seats}
    entries = [
        {"subject": ("convoy", name), "kind": "recorded", "effective": "2026-06-10",
         "facts": {"pathway": "return", "destination": "IRN", "day": "2026-06-10", "seats": 4,
                   "state": "departed"}}
        for name in sorted(convoys)
    ] + [
        {"subject": ("seat", seat), "kind": "recorded", "effective": "2026-06-10",
         "facts": {"person": person, "convoy": convoy, "listed": True, **said}}
        for seat, person, convoy, said in seats
    ]  # fmt: skip
    acts.record_batch(
        Actor("chantal", frozenset({"supervisor"})), entries, idempotency_key="brought-in"
    )


def departed(person, key):
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    acts.record(
        Actor("chantal", frozenset({"supervisor"})), ("person", person), "T7.done",
        effective="2026-06-10", destination="IRN", idempotency_key=key,
    )  # fmt: skip


def listed_again(seat, listed, key):
    """Said in the record itself: the page takes nobody off a convoy that left."""
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    acts.record(
        Actor("chantal", frozenset({"supervisor"})), ("seat", seat), "recorded",
        effective="2026-06-10", facts={"listed": listed}, idempotency_key=key,
    )  # fmt: skip


def test_a_mistake_on_a_seat_that_was_imported_leaves_the_person_on_the_manifest(small):
    officer = browser("supervisor")
    brought_in(("s-1", "H1-P1", "bus-1", {"boarded": True, "explained": "unfit"}))
    departed("H1-P1", "left-1")
    sent = {"do": "boarded", "key": "i-1", "boarded-s-1": "mistake"}
    assert officer.post("/convoys/bus-1/", sent).status_code == 303
    (facts,) = things("seat")
    assert {name: value for name, value in facts.items() if value is not None} == {
        "person": "H1-P1", "convoy": "bus-1", "listed": True,
    }  # fmt: skip
    assert left(small) == []
    page = text(officer.get("/convoys/bus-1/"))
    assert 'name="boarded-s-1"' in page
    assert "Find this person" in page, "the bus left, and nobody says where they are"
    # What was said on the page afterwards goes the same way, and striking still strikes.
    officer.post("/convoys/bus-1/", {"do": "boarded", "key": "i-2", "boarded-s-1": "yes"})
    assert left(small) == ["H1-P1"]
    officer.post("/convoys/bus-1/", {"do": "boarded", "key": "i-3", "boarded-s-1": "mistake"})
    (facts,) = things("seat")
    assert (facts["listed"], facts.get("boarded")) == (True, None)
    listed_again("s-1", False, "i-4")
    assert things("seat")[0]["listed"] is False


def test_what_was_said_of_a_seat_after_the_import_outlives_a_mistake(small):
    officer = browser("supervisor")
    brought_in(("s-1", "H1-P1", "bus-1", {"boarded": True}))
    listed_again("s-1", False, "o-1")
    listed_again("s-1", True, "o-2")
    officer.post("/convoys/bus-1/", {"do": "boarded", "key": "o-3", "boarded-s-1": "mistake"})
    log = [e for e in small.store.read() if e.subject.id == "s-1"]
    assert "listed" not in log[-1].facts
    assert things("seat")[0]["listed"] is True


def test_no_on_one_of_two_convoys_of_a_day_takes_back_its_own_departure(small):
    officer = browser("supervisor")
    brought_in(("s-1", "H1-P1", "bus-1", {}), ("s-2", "H1-P1", "bus-2", {}))
    officer.post("/convoys/bus-1/", {"do": "boarded", "key": "w-1", "boarded-s-1": "yes"})
    mine = left_by(small)
    officer.post("/convoys/bus-2/", {"do": "boarded", "key": "w-2", "boarded-s-2": "yes"})
    theirs = left_by(small) - mine
    assert (len(mine), len(theirs)) == (1, 1)
    said = {"do": "boarded", "key": "w-3", "boarded-s-2": "no", "explained-s-2": "unfit"}
    assert officer.post("/convoys/bus-2/", said).status_code == 303
    assert left_by(small) == mine, "the departure with the other convoy stands"
    # Once its own departure is gone, "No" said again reaches nobody else's.
    officer.post("/convoys/bus-2/", {"do": "boarded", "key": "w-4", "boarded-s-2": "mistake"})
    assert left_by(small) == mine


def test_no_on_one_of_two_convoys_asks_which_departure_where_the_record_does_not_say(small):
    officer = browser("supervisor")
    brought_in(
        ("s-1", "H1-P1", "bus-1", {"boarded": True}),
        ("s-2", "H1-P1", "bus-2", {"boarded": True}),
    )
    departed("H1-P1", "left-1")
    departed("H1-P1", "left-2")
    before = left_by(small)
    assert len(before) == 2
    size = len(list(small.store.read()))
    said = {"do": "boarded", "boarded-s-2": "no", "explained-s-2": "unfit"}
    asked = officer.post("/convoys/bus-2/", {**said, "key": "q-1"})
    page = text(asked)
    assert asked.status_code == 422
    assert "Which departure is meant?" in page
    assert len(list(small.store.read())) == size, "nothing was recorded yet"
    kept = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    assert {name: kept[name] for name in said} == said
    options = set(re.findall(r'name="departure-s-2" value="([^"]+)"', page))
    assert options == before | {"none"}
    one = min(before)
    kept.pop("csrfmiddlewaretoken", None)
    assert officer.post("/convoys/bus-2/", {**kept, "departure-s-2": one}).status_code == 303
    assert left_by(small) == before - {one}
    told = {facts["convoy"]: facts["boarded"] for facts in things("seat")}
    assert told == {"bus-1": True, "bus-2": False}

    none = {"do": "boarded", "key": "q-2", "boarded-s-1": "mistake", "departure-s-1": "none"}
    assert officer.post("/convoys/bus-1/", none).status_code == 303
    assert left_by(small) <= before - {one}


def left_by(small):
    """The ids of the departures that stand today."""
    log = list(small.store.read())
    gone = {e.supersedes for e in log if e.supersedes}
    return {e.id for e in log if e.kind == "T7.done" and e.effective == "2026-06-10"
            and e.id not in gone}  # fmt: skip


def test_whoever_boards_without_being_on_the_manifest_is_counted_until_they_arrive(small):
    from onward.registry.models import AccessEntry, EventRow, ThingNow

    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "list-8", "people": ["H1-P2", "H1-P1"]})
    page = text(officer.get(convoy))
    assert page.index("/people/H1-P1/") < page.index("/people/H1-P2/"), "as the roll is called"
    seat = {row.person: row.thing for row in ThingNow.objects.filter(kind="seat")}
    officer.post(convoy, {"do": "boarded", "key": "b-8", f"boarded-{seat['H1-P1']}": "yes",
                          f"boarded-{seat['H1-P2']}": "no"})  # fmt: skip
    page = text(officer.get(convoy))
    sums = re.findall(r'<tr><th scope="row">Manifest against boarded.*?</tr>', page, re.S)
    assert "Find them" in sums[0], "nobody knows where H1-P2 is: that sum is not done"

    # Somebody whom a safeguard holds back got on all the same.
    for who in ("H2-P1", "H2…P1", "Shirin Baradar"):
        sent = officer.post(convoy, {"do": "find", "who": who})
        assert sent["Location"] == f"{convoy}#unlisted", "what was asked is not in the address"
        assert 'name="people" value="H2-P1"' in text(officer.get(convoy))
    assert AccessEntry.objects.filter(action="person.search").latest("id").people == ["H2-P1"]
    form = {"do": "unlisted", "key": "u-8", "people": "H2-P1"}
    for _ in range(2):  # sent twice, recorded once
        officer.post(convoy, form)
    assert [f["boarded"] for f in things("seat") if f.get("listed") is False] == [True]
    assert EventRow.objects.filter(kind="breach", subject_id="H2-P1").count() == 1
    page = text(officer.get(convoy))
    assert "Boarded without being on the manifest" in page
    assert "1 boarded, 1 did not, 0 not said" in page, (
        "the manifest's own sum counts the listed"
    )
    assert "0 arrived, 0 elsewhere and known where, 0 missing, 2 not said" in page
    assert officer.post(convoy, {**form, "key": "u-9"}).status_code == 422

    # Two arrive; the one who stayed is known to have stayed. Then nobody is unaccounted for.
    stray = ThingNow.objects.get(kind="seat", person="H2-P1").thing
    officer.post(convoy, {"do": "arrived", "key": "a-8", f"arrived-{seat['H1-P1']}": "yes",
                          f"explained-{seat['H1-P2']}": "unfit"})  # fmt: skip
    assert "Find this person" in text(officer.get(convoy)), "the unlisted one did not arrive"
    officer.post(convoy, {"do": "arrived", "key": "a-9", f"arrived-{stray}": "yes"})
    assert "Everybody is accounted for" in text(officer.get(convoy))
    # A boarding put right after the arrival leaves the convoy arrived.
    officer.post(
        convoy, {"do": "boarded", "key": "b-9", f"explained-{seat['H1-P2']}": "not_found"}
    )
    assert [f["state"] for f in things("convoy")] == ["arrived"]
    assert "Find this person" in text(officer.get(convoy))


def test_somebody_is_taken_off_the_manifest_until_the_convoy_leaves(small):
    from onward.registry.models import ThingNow

    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "list-9", "people": ["H1-P1", "H1-P2"]})
    one, two = (row.thing for row in ThingNow.objects.filter(kind="seat").order_by("person"))
    assert f'name="strike" value="{one}"' in text(officer.get(convoy))
    assert officer.post(convoy, {"strike": one, "key": "s-9"}).status_code == 303
    assert f"boarded-{one}" not in text(officer.get(convoy))
    officer.post(convoy, {"do": "boarded", "key": "b-10", f"boarded-{two}": "yes"})
    assert 'name="strike"' not in text(officer.get(convoy))
    refused = officer.post(convoy, {"strike": two, "key": "s-10"})
    assert refused.status_code == 422
    assert "Say “No” and where they are." in text(refused)
