"""People's requests about their file, retention: days that pass show, and close nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import registry_cast as people

from onward.errors import OnwardError


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def cast(small):
    return people.cast() | {
        "second": people.account("second", "supervisor"),
        "keeper": people.account("keeper", "custodian", office=""),
    }


def asks(cast, kind="access", person="H1-P1", language="fa"):
    from onward.registry.data_protection import rights

    return rights.take(
        cast["amina"], person, kind, language=language, asked_on=date(2026, 6, 1)
    )


@pytest.mark.parametrize(
    ("kind", "due"),
    [
        ("access", date(2026, 7, 1)), ("correction", date(2026, 6, 16)),
        ("deletion", date(2026, 7, 1)), ("objection", date(2026, 6, 8)),
    ],
)  # fmt: skip
def test_each_kind_of_request_has_its_day(small, cast, kind, due):
    assert asks(cast, kind).due_on == due


def test_whoever_may_open_the_person_takes_the_request_and_nobody_else(small, cast):
    from onward.registry.data_protection import rights
    from onward.registry.permissions import access, assignments

    for name in ("bilal", "dawit"):
        with pytest.raises(access.Hidden):
            rights.take(cast[name], "H1-P1", "access", language="fa")
    assignments.assign(cast["chantal"], "H1-P1", to=cast["bilal"], reason="interview")
    rights.take(cast["bilal"], "H1-P1", "access", language="fa")


def test_what_is_late_shows_how_late_and_stays_open(small, cast):
    from onward.registry.data_protection import rights

    request = asks(cast)
    assert rights.late(request, date(2026, 7, 1)) == 0
    assert rights.late(request, date(2026, 9, 1)) == 62
    assert request.state == "open"
    assert list(rights.requests_for(cast["chantal"])) == [request]
    assert not rights.requests_for(cast["dawit"]).exists()


def test_nobody_asks_tomorrow_or_the_answer_would_be_due_when_it_suits(small, cast):
    from onward.registry.data_protection import rights

    today = small.default_date()
    with pytest.raises(OnwardError, match="cannot be later than today"):
        rights.take(
            cast["amina"], "H1-P1", "access", language="fa", asked_on=today + timedelta(days=1)
        )
    assert not rights.requests_for(cast["amina"]).exists()


def test_an_answer_that_came_late_stays_late_on_record_and_in_the_list(small, cast):
    from onward.registry.data_protection import rights

    late = rights.take(
        cast["amina"], "H1-P1", "objection", language="fa",
        asked_on=small.default_date() - timedelta(days=10),
    )  # fmt: skip
    rights.answer(cast["chantal"], late, "given")
    assert rights.late(late, small.default_date() + timedelta(days=300)) == 3
    assert list(rights.answered_for(cast["amina"])) == [late]
    assert not rights.answered_for(cast["dawit"]).exists()
    page = people.signed_in(cast["amina"]).get("/rights/").content.decode()
    assert "Answered requests" in page
    assert "3 days late" in page
    assert f"/rights/{late.pk}/" in page
    client = people.signed_in(cast["amina"])
    client.cookies["django_language"] = "fa"
    for address in ("/rights/", f"/rights/{late.pk}/"):
        page = client.get(address).content.decode()
        assert "۳ روز" in page
        assert "3 روز" not in page


def test_a_refusal_is_read_to_the_person_in_their_language_with_the_way_to_complain(
    small, cast
):
    from onward.registry.data_protection import rights

    asked = asks(cast, "correction", language="fa")
    reason = "The paper shown says another day; complain to the complaints desk."
    rights.answer(cast["chantal"], asked, "refused", reason)
    page = people.signed_in(cast["amina"]).get(f"/rights/{asked.pk}/").content.decode()
    sheet = page.partition('<article class="sheet" lang="fa" dir="rtl">')[2]
    sheet = sheet.partition("</article>")[0]
    assert reason in sheet
    assert "شکایت" in sheet
    assert "پیش‌نویس" in sheet, "a translation nobody approved says so"
    assert "Refused" not in sheet


def test_the_longer_time_is_taken_once_with_a_reason(small, cast):
    from onward.registry.data_protection import rights

    request = asks(cast)
    with pytest.raises(OnwardError):
        rights.extend(cast["chantal"], request, "")
    rights.extend(cast["chantal"], request, "The paper archive is in another town.")
    assert request.extended_on == date(2026, 7, 31)
    with pytest.raises(OnwardError):
        rights.extend(cast["chantal"], request, "The paper archive is in another town.")


def test_a_refusal_needs_reasons(small, cast):
    from onward.registry.data_protection import rights

    request = asks(cast, "correction")
    with pytest.raises(OnwardError):
        rights.answer(cast["chantal"], request, "refused")
    rights.answer(
        cast["chantal"], request, "refused", "The paper says otherwise; complain to X."
    )
    assert request.state == "closed"


def test_the_read_out_holds_the_file_in_the_persons_language(small, cast):
    from onward.registry.data_protection.read_out import read_out
    from onward.registry.permissions import access

    told = read_out(cast["chantal"], asks(cast), signed_in=now())
    text = str(told.sections)
    assert told.right_to_left
    assert told.draft
    assert "Zarifeh Nowruzian" in text
    assert "QX7788123" in text
    assert "blue heron" not in text
    assert "return_cleared" not in text
    assert "return cleared" not in text
    (beyond,) = dict(told.sections)[list(dict(told.sections))[-1]]
    assert len(beyond.lines) >= 3
    with pytest.raises(access.SignInAgain):
        read_out(cast["chantal"], asks(cast), signed_in=now() - timedelta(minutes=11))


def lines_of(told, title):
    return [line for part in dict(told.sections)[title] for line in part.lines]


def test_each_record_is_read_out_by_itself_under_its_day_the_oldest_first(small, cast):
    from onward.caseload.events import Subject
    from onward.registry.data_protection.read_out import read_out
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    anybody = Actor("mira", people.EVERYBODYS)
    for day, purpose in (
        ("2026-05-20", "rsd"),
        ("2026-03-02", "medical"),
        ("2026-04-11", "renunciation"),
    ):
        acts.record(
            anybody, Subject("interview", f"z-{purpose}" if purpose != "rsd" else "a-rsd"), "recorded",
            effective=day, facts={"person": "H1-P1", "purpose": purpose if purpose != "medical" else "interview"},
            idempotency_key=purpose,
        )  # fmt: skip
    told = read_out(cast["chantal"], asks(cast, language="en"), signed_in=now())
    days = [part.day for part in dict(told.sections)["Interview or counselling"]]
    assert days[-3:] == ["2 March 2026", "11 April 2026", "20 May 2026"]
    assert len(days) == len(dict(told.sections)["Interview or counselling"])


def test_the_read_out_holds_the_birth_and_the_steps_and_says_no_code(small, cast):
    from onward.caseload.events import Subject
    from onward.registry.data_protection.read_out import read_out
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    anybody = Actor("mira", people.EVERYBODYS)
    acts.record(
        anybody, Subject("person", "H1-P1"), "recorded", effective="2026-06-01", idempotency_key="facts",
        facts={"birth": "1978-03-21/1979-03-20", "specific_needs": ["DS", "ER"]},
    )  # fmt: skip
    taken = acts.record(anybody, Subject("person", "H1-P1"), "T22.absent", effective="2026-06-02",
                        idempotency_key="absent")  # fmt: skip
    acts.retract(anybody, taken.events[0].id, idempotency_key="mistaken")
    acts.record(anybody, Subject("person", "H1-P1"), "T4.withdrawn", effective="2026-06-03",
                idempotency_key="withdrawn")  # fmt: skip
    request = asks(cast, language="en")
    told = read_out(cast["chantal"], request, signed_in=now())
    known = dict(lines_of(told, "What is known about you"))
    assert known["Date of birth"] == "21 March 1978 – 20 March 1979"
    assert known["Specific needs"] == "Disability (DS), Older person at risk (ER)"
    steps = lines_of(told, "What happened")
    assert ("3 June 2026", "Record the person's choice, Interviewed") in steps
    assert not any("Absent" in said for _day, said in steps), (
        "what was taken back is not told as true"
    )
    request.language = "fa"
    in_persian = str(read_out(cast["chantal"], request, signed_in=now()).sections)
    assert "(DS)" in in_persian
    assert "Disability" not in in_persian


def test_the_read_out_says_which_roles_looked_and_never_who(small, cast):
    from onward.registry.data_protection.read_out import read_out
    from onward.registry.permissions import access

    access.Reader(cast["amina"]).open("H1-P1")
    text = str(read_out(cast["chantal"], asks(cast, language="en"), signed_in=now()).sections)
    assert "Protection officer" in text
    assert "amina" not in text


def test_an_erasure_takes_two_people_and_leaves_the_record_true(small, cast):
    from onward.registry.data_protection import rights
    from onward.registry.now import projection
    from onward.registry.permissions import access

    request = asks(cast, "deletion")
    with pytest.raises(OnwardError):
        rights.answer(cast["chantal"], request, "given")
    with pytest.raises(OnwardError, match="not prepared"):
        rights.erase(cast["second"], request, signed_in=now())
    rights.prepare_erasure(cast["chantal"], request, "Asked in person twice; no proceedings.")
    with pytest.raises(access.Refused):
        rights.erase(cast["chantal"], request, signed_in=now())
    with pytest.raises(access.SignInAgain):
        rights.erase(cast["keeper"], request, signed_in=None)
    rights.erase(cast["keeper"], request, signed_in=now())
    assert not small.vault.get("H1-P1")
    assert small.vault.get("H1-P2")
    assert projection.compare(small) == []
    assert (request.state, request.outcome) == ("closed", "given")


def test_an_erasure_reaches_every_id_of_the_person_and_waits_for_a_legal_hold(small, cast):
    from onward.registry.data_protection import retention, rights
    from onward.registry.models import PersonNow
    from onward.registry.recording import acts

    acts.record(cast["amina"], ("person", "H1-P2"), "merged", effective="2026-06-10",
                facts={"into": "H1-P1"}, idempotency_key="one person")  # fmt: skip
    PersonNow.objects.filter(person="H1-P1").update(
        active=False, stage="returned", stage_since=date(2010, 1, 1)
    )
    disposal = retention.propose(cast["keeper"], date(2026, 6, 10), signed_in=now())
    hold = retention.hold(cast["keeper"], "H1-P2", "Proceedings 2026/17, until judgment.")
    request = asks(cast, "deletion")
    with pytest.raises(OnwardError, match="legal hold"):
        rights.prepare_erasure(cast["chantal"], request, "Asked in person twice, alone.")
    assert retention.due(date(2026, 6, 10)) == []
    assert retention.carry_out(cast["second"], disposal, signed_in=now()) == 0
    for each in ("H1-P1", "H1-P2"):  # nor by whoever would pass the acts by
        with pytest.raises(OnwardError, match="legal hold"):
            small.vault.erase(each, by="keeper")
    retention.release(cast["keeper"], hold)
    rights.prepare_erasure(cast["chantal"], request, "Asked in person twice, alone.")
    rights.erase(cast["second"], request, signed_in=now())
    from onward.registry.identities.merged import ids_of

    assert ids_of("H1-P1") == ["H1-P1", "H1-P2"]
    assert not small.vault.get("H1-P1")
    assert not small.vault.get("H1-P2")
    assert small.vault.get("H2-P1")


def test_files_are_due_long_after_the_outcome_and_never_before(small, cast):
    from onward.registry.data_protection import retention
    from onward.registry.models import PersonNow

    def ended(person: str, stage: str, since: date | None) -> None:
        PersonNow.objects.filter(person=person).update(
            active=False, stage=stage, stage_since=since
        )

    ended("H1-P1", "returned", date(2016, 6, 10))
    ended("H1-P2", "returned", date(2016, 6, 11))
    ended("H2-P1", "absent", date(2010, 1, 1))
    assert retention.due(date(2026, 6, 10)) == ["H1-P1"]
    held = retention.hold(cast["keeper"], "H1-P1", "Case 44 before the court.")
    assert retention.due(date(2026, 6, 10)) == []
    retention.release(cast["keeper"], held)
    ended("H1-P1", "returned", None)
    assert retention.due(date(2026, 6, 10)) == []


def test_disposal_takes_two_people_and_looks_again(small, cast):
    from onward.registry.data_protection import retention
    from onward.registry.models import PersonNow
    from onward.registry.permissions import access

    for person in ("H1-P1", "H1-P2"):
        PersonNow.objects.filter(person=person).update(
            active=False, stage="returned", stage_since=date(2010, 1, 1)
        )
    made = retention.propose(cast["keeper"], date(2026, 6, 10), signed_in=now())
    with pytest.raises(access.Refused):
        retention.carry_out(cast["keeper"], made, signed_in=now())
    retention.hold(cast["keeper"], "H1-P2", "Case 44 before the court.")
    assert retention.carry_out(cast["chantal"], made, signed_in=now()) == 1
    assert not small.vault.get("H1-P1")
    assert small.vault.get("H1-P2")


def test_whom_holds_keep_is_found_under_every_id_in_as_many_questions_as_for_one(small, cast):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from onward.registry.data_protection import retention
    from onward.registry.identities.held import held, is_held
    from onward.registry.recording import acts

    def merge(one, into):
        acts.record(cast["amina"], ("person", one), "merged", effective="2026-06-10",
                    facts={"into": into}, idempotency_key=f"{one} into {into}")  # fmt: skip

    def asked():
        with CaptureQueriesContext(connection) as seen:
            found = held()
        return len(seen), found

    assert held() == frozenset()
    merge("H1-P2", "H1-P1")
    merge("H1-P1", "H2-P1")
    retention.hold(cast["keeper"], "H1-P2", "Case 44 before the court.")
    first, found = asked()
    assert found == {"H1-P2", "H1-P1", "H2-P1"}
    for number, person in enumerate(("H3-P1", "H4-P1", "H5-P1", "H2-P1")):
        retention.hold(cast["keeper"], person, f"Case {number} before the court.")
    many, found = asked()
    assert found == {"H1-P2", "H1-P1", "H2-P1", "H3-P1", "H4-P1", "H5-P1"}
    assert all(is_held(person) for person in found)
    assert not is_held("H6-P1")
    assert many == first


def test_a_hold_set_on_what_was_erased_is_refused(small, cast):
    from onward.registry.data_protection import retention

    small.vault.erase("H1-P1", by="keeper")
    with pytest.raises(OnwardError, match="erased already"):
        retention.hold(cast["keeper"], "H1-P1", "Case 44 before the court.")


def test_what_a_hold_kept_is_read_to_the_person_and_goes_with_the_file_alone(small, cast):
    from onward.registry.data_protection import retention
    from onward.registry.data_protection.read_out import read_out
    from onward.registry.recording import acts

    hold = retention.hold(cast["keeper"], "H1-P1", "Case 44 before the court.")
    acts.put_right(
        cast["amina"], "H1-P1", {"name.full.latin": "Zarife Nowruzi"}, effective="2026-06-10",
        idempotency_key="right",
    )  # fmt: skip
    told = read_out(cast["chantal"], asks(cast, language="en"), signed_in=now())
    assert ("Whole name, Latin script", "Zarifeh Nowruzian") not in lines_of(
        told, "Who you are"
    )
    [line] = lines_of(told, "What stood there before")
    assert line[1] == "Zarifeh Nowruzian"
    assert "{" not in str([lines_of(told, title) for title in dict(told.sections)])
    retention.release(cast["keeper"], hold)
    small.vault.put({"H1-P1": {**small.vault.get("H1-P1"), "contact.phone": "0700"}})
    assert "Zarifeh Nowruzian" in small.vault.get("H1-P1")["sealed.former"]
    small.vault.erase("H1-P1", by="keeper")
    assert not small.vault.get("H1-P1")


def test_the_leap_day_has_a_day_ten_years_before():
    from onward.registry.data_protection.retention import _years_before

    assert _years_before(date(2028, 2, 29), 10) == date(2018, 2, 28)


def test_the_page_on_requests_gives_the_days_of_the_data(small):
    from pathlib import Path

    from onward.registry import breaches
    from onward.registry.data_protection import rights

    page = (Path(__file__).parents[2] / "docs/how-to/answer-a-rights-request.md").read_text(
        "utf-8"
    )
    rows = [
        line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")
    ]
    days = [
        (int(a), int(b)) for _, a, b in (row for row in rows if len(row) == 3) if a.isdigit()
    ]
    assert days == [(t["days"], t["longer"]) for t in rights.rules()["requests"].values()]
    hours = [int(row[1].split()[0]) for row in rows if len(row) == 3 and "hour" in row[1]]
    told = [text["hours"] for kind in breaches.rules().values() for text in kind.values()]
    assert sorted(hours) == sorted(told)
