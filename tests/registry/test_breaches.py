"""Breaches: who must be told by when, who was told, who closed it; no clock closes one."""

from __future__ import annotations

from datetime import timedelta

import pytest
import registry_cast as people
from registry_cast import EVERYBODYS

from onward.errors import OnwardError


@pytest.fixture
def cast(small):
    return people.cast()


def now():
    from django.utils import timezone

    return timezone.now()


def breach(cast, danger="high", **facts):
    from onward.registry import breaches

    return breaches.report(
        cast["bilal"], what="A laptop was taken from the car.", danger=danger, **facts
    )


def test_a_breach_lists_who_must_be_told_by_when(small, cast):
    from onward.registry import breaches
    from onward.registry.models import Alarm

    found = now() - timedelta(hours=5)
    made = breach(cast, found_at=found)
    due = {notice.whom: notice.due_at - found for notice in breaches.still_to_tell(made)}
    assert due == {
        "controller": timedelta(hours=1), "partners": timedelta(hours=24),
        "protection": timedelta(hours=24), "authority": timedelta(hours=72),
        "people": timedelta(hours=72),
    }  # fmt: skip
    assert Alarm.objects.filter(kind="data-breach").exists()


def test_a_button_pressed_twice_reports_one_breach(small, cast):
    from onward.registry import breaches
    from onward.registry.models import Breach

    made = breach(cast)
    assert breach(cast).pk == made.pk
    assert Breach.objects.count() == 1
    assert breach(cast, danger="likely").pk != made.pk
    assert breach(cast, people=["H1-P1"]).pk != made.pk
    Breach.objects.update(reported_at=now() - breaches.A_BREATH)
    assert breach(cast).pk != made.pk, "the same may happen again"


def test_a_breach_found_to_be_worse_has_more_people_to_tell(small, cast):
    from onward.registry import breaches

    made = breach(cast, danger="unlikely")
    assert [n.whom for n in breaches.still_to_tell(made)] == ["controller"]
    breaches.reassess(cast["chantal"], made, "high")
    assert len(breaches.still_to_tell(made)) == 5
    breaches.reassess(cast["chantal"], made, "unlikely")
    assert len(breaches.still_to_tell(made)) == 5


def test_a_breach_closes_only_when_everybody_was_told(small, cast):
    from onward.registry import breaches
    from onward.registry.permissions import access

    made = breach(cast)
    with pytest.raises(OnwardError, match="Still to be told"):
        breaches.close(cast["chantal"], made, "Laptops stay in the safe now.")
    with pytest.raises(access.Refused):
        breaches.tell(cast["amina"], breaches.still_to_tell(made)[0], "by telephone")
    for notice in breaches.still_to_tell(made):
        if notice.whom == "people":
            with pytest.raises(OnwardError):
                breaches.do_not_tell(cast["chantal"], notice, "no time")
            breaches.do_not_tell(
                cast["chantal"], notice, "Guards read letters; they are told in interviews."
            )
        else:
            breaches.tell(cast["chantal"], notice, "by telephone, duty officer")
    breaches.close(cast["chantal"], made, "Laptops stay in the safe now.")
    assert made.state == "closed"


def test_what_is_on_record_of_a_breach_is_never_written_over(small, cast):
    from onward.registry import breaches

    made = breach(cast, danger="unlikely")
    (controller,) = breaches.still_to_tell(made)
    breaches.tell(cast["chantal"], controller, "by telephone to the head")
    with pytest.raises(OnwardError, match="when and how they were told"):
        breaches.tell(cast["chantal"], controller, "by a letter that came later")
    controller.refresh_from_db()
    assert controller.how == "by telephone to the head"
    breaches.close(cast["chantal"], made, "Lists travel in a sealed bag.")
    for again in (
        lambda: breaches.close(cast["chantal"], made, "Another lesson altogether."),
        lambda: breaches.reassess(cast["chantal"], made, "high"),
    ):
        with pytest.raises(OnwardError, match="is closed"):
            again()
    made.refresh_from_db()
    assert (made.lesson, made.danger) == ("Lists travel in a sealed bag.", "unlikely")


def test_whoever_was_told_late_is_shown_as_told_late(small, cast):
    from onward.registry import breaches

    made = breach(cast, danger="likely")
    late, *others = breaches.still_to_tell(made)
    for each in (late, *others):
        breaches.tell(cast["chantal"], each, "by telephone to the head")
        each.due_at = each.told_at + timedelta(hours=1)
        each.save()
    client = people.signed_in(cast["chantal"])
    assert "Told late" not in client.get(f"/breaches/{made.pk}/").content.decode()
    late.due_at = late.told_at - timedelta(hours=1)
    late.save()
    page = client.get(f"/breaches/{made.pk}/").content.decode()
    assert page.count("Told late") == 1


def test_the_authority_is_always_told(small, cast):
    from onward.registry import breaches

    made = breach(cast)
    for notice in breaches.still_to_tell(made):
        if notice.whom in ("controller", "authority"):
            with pytest.raises(OnwardError):
                breaches.do_not_tell(
                    cast["chantal"], notice, "It would look bad in the press today."
                )


# -- of a movement -----------------------------------------------------------------------------


@pytest.fixture
def moved(small):
    """H4-P1 was taken home although nearly nothing of what must hold did."""
    from onward.registry import breaches
    from onward.registry.models import Breach
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    done = acts.record(
        Actor("driver", EVERYBODYS, "camp-1"), ("person", "H4-P1"), "T7.done",
        effective="2026-06-10", idempotency_key="moved",
    )  # fmt: skip
    breaches.follow()
    breaches.follow()  # once
    (found,) = Breach.objects.exclude(event="")
    assert found.event == done.events[1].id
    return found


def owners(small, breach):
    from onward.safeguards.overrides import findings_of

    (event,) = small.store.read_where("event_id = %s", [breach.event])
    every = findings_of(small.rulebook)
    return {f"owner:{every[key].owner_role}" for key in event.facts["safeguards"]}


def test_a_movement_against_a_safeguard_lists_who_must_be_told_by_when(small, cast, moved):
    from onward.registry import breaches

    (event,) = small.store.read_where("event_id = %s", [moved.event])
    assert moved.found_at.isoformat()[:19] == event.recorded[:19]
    hours = {
        n.whom: (n.due_at - moved.found_at) / timedelta(hours=1)
        for n in breaches.still_to_tell(moved)
    }
    assert hours == {
        "lead": 1, "protection": 24, "family": 72, **dict.fromkeys(owners(small, moved), 24),
    }  # fmt: skip
    assert any(whom == "owner:lawyer" for whom in hours)


def test_it_is_closed_by_somebody_else_with_a_reason_once_everybody_was_told(
    small, cast, moved
):
    from onward.registry import breaches
    from onward.registry.permissions import access

    chantal = cast["chantal"]
    with pytest.raises(access.Refused):
        breaches.tell(cast["amina"], breaches.still_to_tell(moved)[0], "by telephone")
    with pytest.raises(OnwardError, match="Still to be told"):
        breaches.close(chantal, moved, "Buses wait for the list now.")
    with pytest.raises(OnwardError, match="gravest kind"):
        breaches.reassess(chantal, moved, "unlikely")
    for notice in breaches.still_to_tell(moved):
        why = "They are watched; a letter would be opened and read aloud."
        if notice.whom == "family":
            breaches.do_not_tell(chantal, notice, why)
        else:
            with pytest.raises(OnwardError, match="always told"):
                breaches.do_not_tell(chantal, notice, why)
            breaches.tell(chantal, notice, "by telephone to the duty officer")
    moved.reported_by = chantal.account_id
    moved.save()
    with pytest.raises(OnwardError, match="You recorded this movement"):
        breaches.close(chantal, moved, "Buses wait for the list now.")
    moved.reported_by = "driver"
    moved.save()
    breaches.close(chantal, moved, "Buses wait for the list now.")
    moved.refresh_from_db()
    assert (moved.state, moved.closed_by, moved.lesson) == (
        "closed", chantal.account_id, "Buses wait for the list now.",
    )  # fmt: skip
    with pytest.raises(OnwardError, match="is closed"):
        breaches.tell(chantal, moved.notices.get(whom="family"), "by telephone after all")


def test_years_that_pass_close_nothing_and_a_day_of_the_past_is_told_as_it_was(
    small, cast, moved
):
    from onward.registry import breaches

    found = moved.found_at
    (event,) = small.store.read_where("event_id = %s", [moved.event])
    assert breaches.standing(found) == {event.seq: "waiting"}
    assert breaches.standing(found + timedelta(days=9999)) == {event.seq: "late"}
    for notice in breaches.still_to_tell(moved):
        breaches.tell(cast["chantal"], notice, "by telephone to the duty officer")
    assert breaches.standing(now()) == {event.seq: "told"}
    assert breaches.standing(found) == {event.seq: "waiting"}
    breaches.close(cast["chantal"], moved, "Buses wait for the list now.")
    assert breaches.standing(now() + timedelta(days=9999)) == {event.seq: "closed"}
    assert breaches.standing(found) == {event.seq: "waiting"}


def test_a_breach_that_came_with_a_list_is_in_the_register_and_goes_with_its_undo(small, moved):
    """Whatever door: here an event that no act of the desk wrote, and then took back."""
    from onward.caseload.events import new_event
    from onward.registry import breaches
    from onward.registry.models import Breach

    def event(kind, key, **more):
        return new_event(
            small.rulebook, operation="meridian", subject=next(iter(small.store.read_where(
                "event_id = %s", [moved.event]))).subject,
            kind=kind, effective="2026-06-10", by="importer", instant=now(),
            random=__import__("random").Random(key), idempotency_key=key, **more,
        )  # fmt: skip

    listed = event(
        "breach",
        "listed",
        facts={"move": "T7.done", "safeguards": ["G6.passed"], "severity": 1},
    )
    small.store.append([listed])
    breaches.follow()
    found = Breach.objects.get(event=listed.id)
    assert {n.whom for n in breaches.still_to_tell(found)} == {
        "lead", "owner:lawyer", "protection", "family",
    }  # fmt: skip
    small.store.append([event("retracted", "undone", supersedes=listed.id)])
    assert breaches.still_to_tell(found) == []
    assert len(breaches.standing(now())) == 1


def test_only_who_sees_the_person_sees_the_breach_and_only_casework_says_which(
    small, cast, moved
):
    far = people.account("far", "supervisor", office=people.ELSEWHERE)
    lead = people.account("lead", "plan_lead")
    address = f"/breaches/{moved.pk}/"
    page = people.signed_in(cast["chantal"]).get(address).content.decode()
    assert "/people/H4-P1/" in page
    assert "Return home <bdi>(IRN)</bdi>" in page, "and where it led"
    assert "UNHCR and ICRC protection focal points" in page
    assert (
        "Not shown to your role" in page
    )  # what rests on a claim, which a supervisor may not read
    page = people.signed_in(lead).get(address).content.decode()
    assert "H4-P1" not in page
    assert "Return home" not in page
    assert "Who must be told" in page
    client = people.signed_in(far)
    assert client.get(address).status_code == 404
    assert str(moved.pk) not in client.get("/breaches/").content.decode()
    assert str(moved.pk) in people.signed_in(cast["chantal"]).get("/breaches/").content.decode()
    sent = {"do": "tell", "whom": "lead", "text": "by telephone to both"}
    assert client.post(address + "act/", sent).status_code == 404
    assert people.signed_in(lead).post(address + "act/", sent).status_code == 303
    assert moved.notices.get(whom="lead").told_at is not None
    short = {"do": "tell", "whom": "owner:lawyer", "text": "no"}
    answer = people.signed_in(lead).post(address + "act/", short)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#text-ownerlawyer"' in page
    assert page.count('id="text-ownerlawyer"') == 1


def test_whoever_handles_breaches_finds_on_their_first_page_who_must_still_be_told(
    small, cast, moved
):
    from onward.registry import breaches

    far = people.account("far", "supervisor", office=people.ELSEWHERE)
    first = breaches.still_to_tell(moved)[0]
    assert list(breaches.to_tell(cast["chantal"])) == breaches.still_to_tell(moved)
    assert list(breaches.to_tell(far)) == []
    client = people.signed_in(cast["chantal"])
    page = client.get("/").content.decode()
    assert (
        f'href="/breaches/{moved.pk}/">The plan lead and the supervisor of the office' in page
    )
    assert "H4-P1" not in page.split('id="to-tell"')[1].split("</section>")[0]
    assert 'id="to-tell"' not in people.signed_in(cast["amina"]).get("/").content.decode()
    breaches.tell(cast["chantal"], first, "by telephone to both")
    assert first not in breaches.to_tell(cast["chantal"])
    page = client.get("/").content.decode()
    assert "The plan lead and the supervisor of the office" not in page


# -- found on loading a log --------------------------------------------------------------------


@pytest.fixture
def loaded(small):
    """A log of another program, in which two people were handed over and nothing says of a breach."""
    import random
    from datetime import UTC, datetime

    from onward.caseload.events import Subject, canonical_bytes, instant_text, new_event
    from onward.registry import breaches
    from onward.registry.importing.loaded import load_log
    from onward.registry.models import Breach
    from onward.registry.now import projection

    at = datetime(2026, 6, 10, 8, tzinfo=UTC)
    events = [
        new_event(
            small.rulebook, operation="meridian", subject=Subject("person", person),
            kind="T20.done", effective=day, by="elsewhere", instant=at,
            random=random.Random(person), idempotency_key=f"taken {person}",
        )
        for person, day in (("H3-P1", "2026-05-02"), ("H4-P1", "2026-05-03"))
    ]  # fmt: skip
    lines = [canonical_bytes(e.placed(seq=0, recorded=instant_text(at))) for e in events]
    assert load_log(small, lines, keep_instants=False).breaches == 2
    projection.ensure(small)
    breaches.follow()
    return list(Breach.objects.exclude(event="").order_by("pk"))


def test_what_is_found_on_loading_a_log_stands_in_the_register_and_says_so(small, cast, loaded):
    from onward.registry import breaches

    assert {tuple(found.people) for found in loaded} == {("H3-P1",), ("H4-P1",)}
    for found in loaded:
        assert abs(found.found_at - now()) < timedelta(minutes=10), "found now, whenever it was"
        assert "lead" in {notice.whom for notice in breaches.still_to_tell(found)}
    client = people.signed_in(cast["chantal"])
    page = client.get("/breaches/").content.decode()
    assert page.count("on loading a log") == 2
    one = client.get(f"/breaches/{loaded[0].pk}/").content.decode()
    assert "on loading a log" in one
    assert "Day of the movement" in one
    home = client.get("/").content.decode().split('id="to-tell"')[1].split("</section>")[0]
    assert home.count("The plan lead and the supervisor of the office") == 1, (
        "one line for both"
    )


def test_a_breach_recorded_here_does_not_say_that_it_was_found_on_loading(small, cast, moved):
    from onward.registry import breaches

    assert breaches.found_with(cast["chantal"], moved) == []
    page = people.signed_in(cast["chantal"]).get(f"/breaches/{moved.pk}/").content.decode()
    assert "on loading a log" not in page
    assert 'name="alike"' not in page


def test_those_found_on_one_loading_are_told_and_closed_in_one_go(small, cast, loaded):
    from onward.registry import breaches

    first, other = loaded
    client = people.signed_in(cast["chantal"])
    address = f"/breaches/{first.pk}/act/"
    told = {"do": "tell", "whom": "lead", "text": "by telephone to both of them"}
    client.post(address, told)
    assert "lead" in {notice.whom for notice in breaches.still_to_tell(other)}, "not ticked"
    for notice in breaches.still_to_tell(first):
        client.post(address, {**told, "whom": notice.whom, "alike": "yes"})
    assert [n.whom for n in breaches.still_to_tell(other)] == ["lead"]
    closing = {"do": "close", "text": "Every departure is asked about.", "alike": "yes"}
    client.post(address, closing)
    first.refresh_from_db()
    other.refresh_from_db()
    assert (first.state, other.state) == ("closed", "open"), "somebody was still to be told"
    far = people.account("far", "supervisor", office=people.ELSEWHERE)
    assert breaches.found_with(far, other) == []
