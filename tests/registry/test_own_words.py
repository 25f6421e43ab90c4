"""What somebody says is wrong in their file is kept sealed, shown to few, and linked to what corrected it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import registry_cast as people

from onward.errors import OnwardError

FORM = {"person": "H1-P1", "kind": "correction", "language": "fa", "asked_on": "2026-06-01"}
WRONG, RIGHT = "It says I was born in 1981.", "Born in 1979; my brother is the one of 1981."


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def cast(small):
    return people.cast() | {
        "medic": people.account("medic", "medical"),
        "return": people.account("return", "repatriation_officer"),
        "keeper": people.account("keeper", "custodian", office=""),
        "second": people.account("second", "supervisor"),
    }


def asks(cast, about="biodata", wrong=WRONG, right=RIGHT, **other):
    from onward.registry.data_protection import own_words, rights

    return rights.take(
        cast["amina"], other.get("person", "H1-P1"), other.get("kind", "correction"), language="fa",
        asked_on=date(2026, 6, 1), words=own_words.words(about, wrong, right),
    )  # fmt: skip


def told(cast, name, request, signed_in=None):
    from onward.registry.data_protection import own_words

    return own_words.read(cast[name], request, signed_in=signed_in or now())


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_whoever_reads_such_requests_and_what_it_is_about_is_shown_the_words_and_nobody_else(
    small, cast
):
    from onward.registry.data_protection.own_words import Told, Words
    from onward.registry.permissions import access, assignments

    request = asks(cast)
    assert told(cast, "amina", request) == Told("biodata", Words("biodata", WRONG, RIGHT))
    assert told(cast, "chantal", request).words == Words("biodata", WRONG, RIGHT)
    for name in ("bilal", "dawit", "return", "keeper"):
        with pytest.raises(access.Hidden):
            told(cast, name, request)
    assignments.assign(cast["chantal"], "H1-P1", to=cast["bilal"], reason="interview")
    with pytest.raises(access.Hidden):  # an interviewer takes requests and does not read them
        told(cast, "bilal", request)
    with pytest.raises(access.SignInAgain):
        told(cast, "chantal", request, now() - timedelta(minutes=11))


@pytest.mark.parametrize(
    ("about", "reads"),
    [("medical", {"medic"}), ("grounds", {"amina"}), ("narrative", set()),
     ("complaints", {"amina", "chantal"}), ("needs", {"amina", "chantal", "medic"})],
)  # fmt: skip
def test_words_about_claims_and_health_are_read_only_by_who_reads_those(
    small, cast, about, reads
):
    request = asks(cast, about)
    shown = {name: told(cast, name, request) for name in ("amina", "chantal", "medic")}
    assert {name for name, each in shown.items() if each.words} == reads
    assert {each.about for each in shown.values()} == {about}, "the others learn whom to ask"


def test_every_look_is_logged_as_this_and_no_more_and_counts_as_a_reveal(small, cast):
    from onward.registry.models import AccessEntry

    request = asks(cast)
    told(cast, "chantal", request)
    look = AccessEntry.objects.filter(
        action="person.reveal", account=cast["chantal"].account_id
    ).latest("id")
    assert list(look.classes) == ["requests"]
    assert look.person == "H1-P1"
    assert str(request.pk) in look.purpose


def test_the_same_words_twice_are_one_request_and_other_words_another(small, cast):
    from onward.registry.models import RightsRequest

    first = asks(cast)
    assert asks(cast) == first
    other = asks(cast, wrong="The spelling of my street.")
    assert other != first
    assert asks(cast, wrong="The spelling of my street.") == other
    assert asks(cast, wrong="", right="") == first
    assert RightsRequest.objects.count() == 2


def test_words_say_what_they_are_about_or_nobody_could_know_who_may_read_them(small, cast):
    from onward.registry.data_protection import own_words
    from onward.registry.models import RightsRequest

    for about in ("", "open", "requests", "anything"):
        with pytest.raises(OnwardError, match="decides who may read it"):
            own_words.words(about, WRONG)
    with pytest.raises(OnwardError, match="2000"):
        own_words.words("biodata", "x" * 2001)
    assert own_words.words("", " ", "\n") is None
    assert not RightsRequest.objects.exists()


def test_what_is_stored_opens_only_in_its_own_row_under_the_persons_own_key(small, cast):
    from onward.registry.data_protection import own_words
    from onward.registry.keyring.keys import KeyRefused
    from onward.registry.models import RightsRequest

    one, other = asks(cast), asks(cast, wrong="The spelling of my street.")
    theirs = asks(cast, person="H1-P2")
    assert WRONG.encode() not in bytes(one.words)
    kept = RightsRequest.objects.get(pk=one.pk)
    for row in (other, theirs):
        row.words, row.words_key = kept.words, kept.words_key
        with pytest.raises(KeyRefused):
            own_words.opened(row)
    kept.words = bytes(kept.words)[:-1] + bytes([bytes(kept.words)[-1] ^ 1])
    with pytest.raises(KeyRefused):
        own_words.opened(kept)


def test_words_that_were_changed_in_the_database_are_found_by_verify(small, cast):
    from onward.registry.log import verify
    from onward.registry.models import RightsRequest

    request = asks(cast)
    assert verify.verify(small).sound
    RightsRequest.objects.filter(pk=request.pk).update(words=bytes(request.words)[::-1])
    assert any("asked about their own file" in each for each in verify.verify(small).findings)


def test_an_erasure_takes_the_words_of_every_id_of_the_person_and_no_more_are_kept(small, cast):
    from onward.registry.data_protection import own_words, rights
    from onward.registry.identities.vault import VaultRefused
    from onward.registry.models import RightsRequest
    from onward.registry.recording import acts

    first, merged, other = asks(cast), asks(cast, person="H1-P2"), asks(cast, person="H2-P1")
    acts.record(cast["amina"], ("person", "H1-P2"), "merged", effective="2026-06-10",
                facts={"into": "H1-P1"}, idempotency_key="one person")  # fmt: skip
    erasure = asks(cast, kind="deletion", wrong="Everything.", right="")
    rights.prepare_erasure(cast["chantal"], erasure, "Asked in person twice; no proceedings.")
    rights.erase(cast["keeper"], erasure, signed_in=now())
    for request in (first, merged, erasure):
        request.refresh_from_db()
        assert (bytes(request.words), request.words_key) == (b"", "")
        assert own_words.opened(request) is None
    other.refresh_from_db()
    assert own_words.opened(other).wrong == WRONG
    assert erasure.outcome == "given"
    with pytest.raises(VaultRefused):
        asks(cast, wrong="Once more.")
    assert asks(cast, wrong="", right="").state == "open", "the request itself is taken"
    assert RightsRequest.objects.filter(person="H1-P1", state="open").count() == 1


def test_the_read_out_holds_the_persons_own_words_as_far_as_the_reader_reads_them(small, cast):
    from onward.registry.data_protection import rights
    from onward.registry.data_protection.read_out import read_out

    asks(cast)
    asks(cast, "grounds", wrong="What I said about the village.", right="")
    request = rights.take(cast["amina"], "H1-P1", "access", language="en")
    page = str(read_out(cast["chantal"], request, signed_in=now()).sections)
    assert WRONG in page
    assert RIGHT in page
    assert "about the village" not in page
    told = read_out(cast["chantal"], request, signed_in=now())
    ((asked,),) = [
        [part.lines for part in parts] for title, parts in told.sections
        if title == "What you asked about your own file"
    ]  # fmt: skip
    assert ("What you said", "Ask for somebody who may read this to you.") in asked
    assert [what for what, _ in asked].count("Correct something") == 2


def test_a_correction_is_linked_to_what_corrected_it_and_answered(small, cast):
    from onward.registry.data_protection import rights
    from onward.registry.recording import acts

    request = asks(cast)
    with pytest.raises(OnwardError, match="what corrected it"):
        rights.answer(cast["chantal"], request, "given")
    done = acts.record(
        cast["amina"], ("person", "H1-P1"), "recorded", effective="2026-06-10",
        facts={"birth": "1979"}, idempotency_key="put right",
    )  # fmt: skip
    did = done.events[0].id
    others = acts.record(
        cast["amina"], ("person", "H2-P1"), "recorded", effective="2026-06-10",
        facts={"language": "fa"}, idempotency_key="of somebody else",
    )  # fmt: skip
    for wrongly in ([], ["nothing"], [others.events[0].id], [did, others.events[0].id]):
        with pytest.raises(OnwardError, match="recorded since they asked"):
            rights.corrected(cast["amina"], request, wrongly)
    rights.corrected(cast["amina"], request, [did, did])
    rights.answer(cast["chantal"], request, "given")
    request.refresh_from_db()
    assert request.corrections == [did]
    assert (request.state, request.outcome) == ("closed", "given")
    with pytest.raises(OnwardError):
        rights.corrected(cast["amina"], request, [did])


def test_what_was_recorded_before_they_asked_corrected_nothing(small, cast):
    from onward.registry.data_protection import rights
    from onward.registry.models import EventRow

    rows = EventRow.objects.filter(subject_kind="person", subject_id="H1-P1")
    days = sorted(date.fromisoformat(row.recorded[:10]) for row in rows)
    request = asks(cast)
    request.asked_on = days[0] - timedelta(days=1)
    assert rights.since_asked(request) >= {row.event_id for row in rows}
    request.asked_on = days[-1] + timedelta(days=2)
    assert not rights.since_asked(request) & {row.event_id for row in rows}


def test_the_pages_take_show_link_and_answer_a_correction(small, cast):
    from onward.registry.models import RightsRequest

    amina, chantal = people.signed_in(cast["amina"]), people.signed_in(cast["chantal"])
    bare = amina.post("/rights/", FORM)
    assert bare.status_code == 422
    assert "Write what they say is wrong." in text(bare)
    asked = FORM | {"wrong": WRONG, "right": RIGHT}
    of_what = amina.post("/rights/", asked)
    assert of_what.status_code == 422
    assert "that decides who may read it" in text(of_what)
    assert WRONG in text(of_what), "what was typed is not lost"
    assert not RightsRequest.objects.exists()
    address = amina.post("/rights/", asked | {"about": "biodata"})["Location"]
    for client, page in (
        (amina, "/rights/"),
        (chantal, "/"),
        (chantal, address),
        (amina, address),
    ):
        shown = text(client.get(page))
        assert WRONG not in shown
        assert RIGHT not in shown
    shown = text(chantal.post(f"{address}told/"))
    assert WRONG in shown
    assert RIGHT in shown
    assert chantal.get(f"{address}told/").status_code == 405
    assert people.signed_in(cast["dawit"]).post(f"{address}told/").status_code == 404
    assert people.signed_in(cast["return"]).post(f"{address}told/").status_code == 404
    assert "your role may not read it" in text(people.signed_in(cast["return"]).get(address))

    facts = chantal.get("/people/H1-P1/facts/").content.decode()
    key = re.search(r'name="key" value="([^"]+)"', facts)[1]
    revision = re.search(r'name="revision" value="([^"]+)"', facts)[1]
    put = chantal.post(
        "/people/H1-P1/facts/",
        {"key": key, "revision": revision, "birth": "1979", "effective": "2026-06-10"},
    )
    assert put.status_code == 303
    page = chantal.get(address).content.decode()
    event = re.search(r'name="event" value="([^"]+)"', page)[1]
    nothing = chantal.post(f"{address}act/", {"do": "corrected"})
    assert nothing.status_code == 422
    assert 'href="#corrected"' in nothing.content.decode()
    done = chantal.post(f"{address}act/", {"do": "corrected", "event": event})
    assert done.status_code == 303
    assert event not in chantal.get(address).content.decode(), "it is listed, not asked again"
    assert "1979" in text(chantal.get(address))
    answered = chantal.post(f"{address}act/", {"do": "answer", "outcome": "given"})
    assert answered.status_code == 303
    assert RightsRequest.objects.get().corrections == [event]


def test_a_look_without_a_fresh_sign_in_is_sent_to_sign_in_and_back_to_the_request(small, cast):
    import time_machine

    chantal = people.signed_in(cast["chantal"], at=now() - timedelta(minutes=9, seconds=58))
    address = f"/rights/{asks(cast).pk}/"
    assert chantal.get(address).status_code == 200
    with time_machine.travel(now() + timedelta(seconds=3)):
        answer = chantal.post(f"{address}told/", {"next": address})
        assert answer.status_code in (302, 303)
        assert answer["Location"].startswith("/sign-in/again/")
        assert WRONG not in answer.content.decode()


def test_a_request_is_not_lost_when_the_person_turns_out_to_be_another_one(small, cast):
    from onward.registry.data_protection import own_words, rights
    from onward.registry.data_protection.read_out import read_out
    from onward.registry.recording import acts

    request = asks(cast, person="H1-P2")
    access = rights.take(cast["amina"], "H1-P2", "access", language="en")
    acts.record(cast["amina"], ("person", "H1-P2"), "merged", effective="2026-06-10",
                facts={"into": "H1-P1"}, idempotency_key="one person")  # fmt: skip
    assert set(rights.requests_for(cast["chantal"])) == {request, access}
    assert set(rights.to_answer(cast["chantal"])) == {request, access}
    assert not rights.requests_for(cast["dawit"]).exists()
    chantal, address = people.signed_in(cast["chantal"]), f"/rights/{request.pk}/"
    assert 'href="/people/H1-P1/"' in chantal.get(address).content.decode()
    assert WRONG in text(chantal.post(f"{address}told/"))
    assert people.signed_in(cast["dawit"]).get(address).status_code == 404
    names = {each: small.vault.get(each) for each in ("H1-P1", "H1-P2")}
    told = str(read_out(cast["chantal"], access, signed_in=now()).sections)
    for each in names.values():
        assert each["name.full.latin"] in told
    done = chantal.post(
        f"{address}act/",
        {"do": "answer", "outcome": "given", "reason": "Corrected on the paper."},
    )
    assert done.status_code == 303
    assert request in rights.answered_for(cast["amina"])

    # Erased under any of their ids, nothing is left under another.
    erasure = asks(cast, kind="deletion", wrong="Everything.", right="")
    rights.RightsRequest.objects.filter(pk=erasure.pk).update(
        person="H1-P2", words=b"", words_key=""
    )
    erasure.refresh_from_db()
    rights.prepare_erasure(cast["chantal"], erasure, "Asked in person twice; no proceedings.")
    rights.erase(cast["keeper"], erasure, signed_in=now())
    assert not small.vault.get("H1-P1")
    assert not small.vault.get("H1-P2")
    request.refresh_from_db()
    assert own_words.opened(request) is None


def test_words_are_disposed_of_with_the_file_also_where_no_name_is_kept(small, cast):
    from onward.registry.data_protection import own_words, retention
    from onward.registry.models import Identity, PersonNow

    request = asks(cast)
    PersonNow.objects.filter(person="H1-P1").update(
        active=False, stage="returned", stage_since=date(2010, 1, 1)
    )
    Identity.objects.filter(person="H1-P1").delete()
    made = retention.propose(cast["keeper"], date(2026, 6, 10), signed_in=now())
    assert made.people == ["H1-P1"]
    assert retention.carry_out(cast["chantal"], made, signed_in=now()) == 1
    request.refresh_from_db()
    assert own_words.opened(request) is None
    assert not bytes(request.words)
    assert retention.due(date(2026, 6, 10)) == []
