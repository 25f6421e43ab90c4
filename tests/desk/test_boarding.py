"""A convoy's manifest on the day: two officers at one bus, and nothing marked is lost."""

from __future__ import annotations

import re

from test_fieldwork import browser, left, planned, text, things


def form_of(page):
    """What a browser sends of the form of a convoy when nothing is touched."""
    sent = dict(re.findall(r'name="(shown-[^"]+)" value="([^"]*)"', page))
    marked = r'type="radio" name="([^"]+)" value="([^"]+)" checked'
    chosen = r'<select id="[^"]+" name="(explained-[^"]+)">.*?</select>'
    for select in re.finditer(chosen, page, re.S):
        found = re.search(r'value="([^"]*)" selected', select[0])
        sent[select[1]] = found[1] if found else ""
    return sent | dict(re.findall(marked, page))


def boarding(people=("H1-P1", "H1-P2")):
    """A planned convoy with these people on its manifest; who sees it, and each one's seat."""
    from onward.registry.models import ThingNow

    officer = browser("supervisor")
    convoy = planned(officer)
    officer.post(convoy, {"do": "list", "key": "on-it", "people": list(people)})
    seats = ThingNow.objects.filter(kind="seat").order_by("person")
    return officer, convoy, {row.person: row.thing for row in seats}


def said_of(person):
    found = next(facts for facts in things("seat") if facts["person"] == person)
    return found.get("boarded"), found.get("arrived"), found.get("explained")


def test_two_who_tick_one_convoy_at_once_undo_nothing_of_each_others(small):
    officer, convoy, seat = boarding()
    one, two = seat["H1-P1"], seat["H1-P2"]
    early = form_of(text(officer.get(convoy)))
    officer.post(convoy, {"do": "boarded", "key": "t-1", **early, f"boarded-{one}": "no",
                          f"explained-{one}": "unfit"})  # fmt: skip

    # The roll, called from a page opened earlier: the other one boarded; of the first it asks.
    late = {"do": "boarded", "key": "t-2", **early, "called": "yes", f"boarded-{two}": "yes"}
    asked = officer.post(convoy, late)
    assert asked.status_code == 422
    assert "Nothing of yours was recorded yet" in text(asked)
    assert said_of("H1-P2") == (None, None, None)
    again = form_of(text(asked))
    assert again[f"boarded-{two}"] == "yes", "what was marked stays marked"
    assert again[f"boarded-{one}"] == "no", "and what stands now is shown of the other"
    row = re.search(rf'<tr>(?:(?!</tr>).)*name="boarded-{one}"', text(asked), re.S)[0]
    assert "Changed meanwhile" in row
    answer = officer.post(convoy, {"do": "boarded", "key": "t-3", **again, "called": "yes"})
    assert answer.status_code == 303
    assert (said_of("H1-P1"), said_of("H1-P2")) == ((False, None, "unfit"), (True, None, None))

    # A page that shows "No" of somebody, left alone, does not say it again.
    before = form_of(text(officer.get(convoy)))
    officer.post(convoy, {"do": "boarded", "key": "t-4", **before, f"boarded-{one}": "yes"})
    officer.post(convoy, {"do": "arrived", "key": "t-5", **before, f"arrived-{two}": "yes"})
    assert said_of("H1-P1")[0] is True
    assert said_of("H1-P2")[:2] == (True, True)
    assert left(small) == ["H1-P1", "H1-P2"]


def states():
    return [facts.get("state") or "planned" for facts in things("convoy")]


def test_who_did_not_board_settles_that_person_only_and_the_first_who_did_takes_the_bus_away(
    small,
):
    officer, convoy, seat = boarding()
    one, two = seat["H1-P1"], seat["H1-P2"]
    form = form_of(text(officer.get(convoy)))
    no = {f"boarded-{one}": "no", f"explained-{one}": "unfit"}
    assert (
        officer.post(convoy, {"do": "boarded", "key": "n-1", **form, **no}).status_code == 303
    )
    assert (said_of("H1-P1"), states()) == ((False, None, "unfit"), ["planned"])
    page = text(officer.get(convoy))
    assert "Find this person" not in page, (
        "of the other nothing was said yet, and the bus stands"
    )
    assert f'value="{two}">Take off the manifest' in page
    assert 'value="change"' in page, "it may still be put off or cancelled"
    assert left(small) == []

    form = form_of(page)
    officer.post(convoy, {"do": "boarded", "key": "n-2", **form, f"boarded-{two}": "yes"})
    assert (said_of("H1-P1")[0], said_of("H1-P2")[0], states()) == (False, True, ["departed"])
    assert left(small) == ["H1-P2"]
    assert 'value="change"' not in text(officer.get(convoy))


def test_the_bus_has_left_with_the_first_who_boarded_and_stays_gone_when_another_did_not(small):
    officer, convoy, seat = boarding()
    one, two = seat["H1-P1"], seat["H1-P2"]
    form = form_of(text(officer.get(convoy)))
    officer.post(convoy, {"do": "boarded", "key": "y-1", **form, f"boarded-{two}": "yes"})
    assert states() == ["departed"]
    page = text(officer.get(convoy))
    assert page.count("Find this person") == 1, "of whom nothing is said once it left"
    no = {f"boarded-{one}": "no", f"explained-{one}": "refused"}
    officer.post(convoy, {"do": "boarded", "key": "y-2", **form_of(page), **no})
    assert (states(), left(small)) == (["departed"], ["H1-P2"])

    # On arrival, too, who did not arrive settles that person only.
    page = text(officer.get(convoy))
    gone = {f"arrived-{two}": "no", f"explained-{two}": "left_on_the_way"}
    officer.post(convoy, {"do": "arrived", "key": "y-3", **form_of(page), **gone})
    assert (said_of("H1-P2")[1], states()) == (False, ["departed"])

    # It turns out that nobody boarded: then nothing has left.
    page = text(officer.get(convoy))
    officer.post(
        convoy, {"do": "boarded", "key": "y-4", **form_of(page), f"boarded-{two}": "mistake"}
    )
    assert (said_of("H1-P2"), states(), left(small)) == ((None, None, None), ["planned"], [])
    assert 'value="change"' in text(officer.get(convoy))


def test_a_roll_on_which_nobody_boarded_takes_no_bus_away(small):
    officer, convoy, seat = boarding()
    form = form_of(text(officer.get(convoy)))
    nobody = {f"boarded-{one}": "no" for one in seat.values()}
    why = {f"explained-{one}": "refused" for one in seat.values()}
    sent = {"do": "boarded", "key": "r-1", **form, **nobody, **why, "called": "yes"}
    assert officer.post(convoy, sent).status_code == 303
    assert states() == ["planned"]


def test_who_came_onto_the_manifest_after_the_roll_was_opened_was_not_on_that_roll(small):
    officer, convoy, _seat = boarding(["H1-P1"])
    early = form_of(text(officer.get(convoy)))
    officer.post(convoy, {"do": "list", "key": "later", "people": ["H1-P2"]})
    officer.post(convoy, {"do": "boarded", "key": "roll", **early, "called": "yes"})
    assert (said_of("H1-P1")[0], said_of("H1-P2")[0]) == (True, None)


def test_what_is_marked_in_either_column_is_recorded_whichever_button_is_pressed(small):
    officer, convoy, seat = boarding()
    one, two = seat["H1-P1"], seat["H1-P2"]
    officer.post(convoy, {"do": "boarded", "key": "c-1", f"boarded-{one}": "yes"})
    form = form_of(text(officer.get(convoy)))
    officer.post(convoy, {"do": "boarded", "key": "c-2", **form, f"boarded-{two}": "yes",
                          f"arrived-{one}": "no", f"explained-{one}": "left_on_the_way"})  # fmt: skip
    assert said_of("H1-P1") == (True, False, "left_on_the_way")
    assert said_of("H1-P2") == (True, None, None)
    assert [facts["state"] for facts in things("convoy")] == ["departed"]
    # A place that was said by mistake is taken away again.
    form = form_of(text(officer.get(convoy))) | {f"explained-{one}": ""}
    said = text(officer.post(convoy, {"do": "boarded", "key": "c-3", **form}, follow=True))
    assert said_of("H1-P1") == (True, False, None)
    assert "Recorded for 1 person." in said


def test_a_manifest_that_is_refused_says_of_whom_and_keeps_what_was_chosen(small):
    officer = browser("supervisor")
    convoy = planned(officer, seats="1")
    held = officer.post(convoy, {"do": "list", "key": "m-1", "people": ["H1-P1", "H4-P1"]})
    said = re.search(r'class="problems".*?</div>', text(held), re.S)[0]
    assert "H4-P1" in said
    assert "H1-P1" not in said
    assert 'value="H1-P1" checked' in text(held)
    full = officer.post(convoy, {"do": "list", "key": "m-2", "people": ["H1-P1", "H1-P2"]})
    assert "chosen 2, free 1" in text(full)
    kept = re.findall(r'name="people" value="([^"]+)" checked', text(full))
    assert kept == ["H1-P1", "H1-P2"]


def test_a_convoy_shows_no_step_as_open_while_steps_are_judged_again(small, monkeypatch):
    from onward.desk import here

    officer, convoy, _seat = boarding(["H1-P1"])
    assert 'name="people" value="H1-P2"' in text(officer.get(convoy))
    monkeypatch.setattr(here, "judging", lambda: True)
    page = text(officer.get(convoy))
    assert 'name="people" value="H1-P2"' not in page
    assert "being judged again" in page
    assert 'class="status open"' not in page


def test_a_convoy_is_put_off_or_cancelled_until_somebody_boarded(small):
    officer, convoy, seat = boarding()

    def change(plan, **said):
        sent = {"do": "change", "key": "c", "plan": plan, "day": "2026-06-10", "seats": "4",
                "state": "planned"}  # fmt: skip
        return officer.post(convoy, {**sent, **said})

    first = re.search(r'name="plan" value="([^"]+)"', text(officer.get(convoy)))[1]
    few = change(first, seats="1")
    assert few.status_code == 422
    assert 'href="#f-seats"' in text(few), "the summary leads to the field"
    assert "People on the manifest: 2." in text(few)
    assert change(first, day="2026-06-12").status_code == 303
    assert [facts["day"] for facts in things("convoy")] == ["2026-06-12"]

    # A day that has not come takes nobody away.
    page = text(officer.get(convoy))
    assert 'value="boarded"' not in page
    early = officer.post(
        convoy, {"do": "boarded", "key": "e", f"boarded-{seat['H1-P1']}": "yes"}
    )
    assert early.status_code == 422
    assert "has not come yet" in text(early)
    assert left(small) == []

    # Who still has the page of before keeps what was changed since, and is told where both differ.
    assert change(first, seats="6").status_code == 303
    assert [(f["day"], f["seats"]) for f in things("convoy")] == [("2026-06-12", 6)]
    other = change(first, day="2026-06-11")
    assert other.status_code == 422
    assert "Somebody else changed this meanwhile" in text(other)

    second = re.search(r'name="plan" value="([^"]+)"', text(officer.get(convoy)))[1]
    whole = {"day": "2026-06-12", "seats": "6"}
    assert change(second, **whole, state="cancelled").status_code == 303
    page = text(officer.get(convoy))
    assert 'name="people"' not in page
    assert "was cancelled" in text(
        officer.post(convoy, {"do": "list", "key": "l", "people": "H2-P1"})
    )
    third = re.search(r'name="plan" value="([^"]+)"', page)[1]
    assert change(third, day="2026-06-10", seats="6").status_code == 303
    officer.post(convoy, {"do": "boarded", "key": "b", f"boarded-{seat['H1-P1']}": "yes"})
    assert left(small) == ["H1-P1"]
    assert 'value="change"' not in text(officer.get(convoy))
    assert change(third).status_code == 422


def test_who_is_said_to_have_arrived_is_followed_up_from_then_and_not_who_did_not(small):
    """Some ways are followed up from the arrival: the roll called there is what says it."""
    from onward.registry.models import PersonNow, ThingNow
    from onward.registry.now import projection

    def now():
        stages = PersonNow.objects.filter(person__in=["H1-P1", "H1-P2"]).order_by("person")
        due = ThingNow.objects.filter(kind="follow_up", due__isnull=False).order_by("person")
        return [row.stage for row in stages], [(row.person, str(row.due)) for row in due]

    officer = browser("supervisor")
    convoy = planned(officer, pathway="resettlement", destination="CAN")
    officer.post(convoy, {"do": "unlisted", "key": "a-1", "people": ["H1-P1", "H1-P2"]})
    seat = {row.person: row.thing for row in ThingNow.objects.filter(kind="seat")}
    assert now() == (["departed", "departed"], [])

    said = {f"arrived-{seat['H1-P1']}": "yes", f"arrived-{seat['H1-P2']}": "no",
            f"explained-{seat['H1-P2']}": "missing"}  # fmt: skip
    for _ in range(2):
        officer.post(convoy, {"do": "arrived", "key": "a-2", **said})
    assert now() == (["arrived", "departed"], [("H1-P1", "2026-07-10")])

    page = text(officer.get(convoy))
    wrong = {**form_of(page), f"arrived-{seat['H1-P1']}": "no", f"arrived-{seat['H1-P2']}": "yes",
             f"explained-{seat['H1-P1']}": "left_on_the_way", f"explained-{seat['H1-P2']}": ""}  # fmt: skip
    officer.post(convoy, {"do": "arrived", "key": "a-3", **wrong})
    assert now() == (["departed", "arrived"], [("H1-P2", "2026-07-10")])

    page = text(officer.get(convoy))
    never = {**form_of(page), f"boarded-{seat['H1-P2']}": "mistake"}
    officer.post(convoy, {"do": "boarded", "key": "a-4", **never})
    stages, due = now()
    assert stages[0] == "departed"
    assert stages[1] not in ("departed", "arrived")
    assert due == []
    assert projection.compare(small) == []
