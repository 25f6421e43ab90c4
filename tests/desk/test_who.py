"""Who somebody is can be put right at the desk: sealed as before, said in the log only as which line."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import registry_cast as people

PAGE = "/people/H1-P1/identity/put-right/"


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def form_of(answer) -> dict[str, str]:
    """What a browser sends of the form when nothing is touched."""
    page = answer.content.decode()
    found = dict(
        re.findall(r'<input[^>]* name="(kept-[^"]+|value)"[^>]* value="([^"]*)"', page)
    )
    for name in ("key", "revision"):
        found[name] = re.search(rf'name="{name}" value="([^"]*)"', page)[1]
    return found


def line_of(form, value) -> str:
    return next(name for name, kept in form.items() if kept == value)


@pytest.fixture
def officer(small):
    return people.signed_in(people.account("amina", "protection_officer"))


def test_a_name_is_put_right_and_the_log_says_which_line_and_never_what(small, officer):
    from onward.registry.log import verify
    from onward.registry.now.search import find_people
    from onward.registry.permissions import access

    form = form_of(officer.get(PAGE))
    line = line_of(form, "Zarifeh Nowruzian")
    before = small.vault.get("H1-P1")
    sent = form | {line: "Zarife Nowruzi", "what": "contact.address", "value": "0700 123"}
    assert officer.post(PAGE, sent).status_code == 303
    after = dict(small.vault.get("H1-P1"))
    assert after == {
        **before,
        "name.full.latin": "Zarife Nowruzi",
        "contact.address": "0700 123",
    }
    event = list(small.store.read())[-1]
    assert (event.subject.id, event.kind, dict(event.facts)) == ("H1-P1", "recorded", {})
    assert event.evidence == ("put-right:contact.address", "put-right:name.full.latin")
    for value in ("Nowruzi", "0700"):
        assert value not in str(event)
    amina = access.Reader(people.account("second", "protection_officer"))
    assert [hit.person for hit in find_people(amina, "Zarife Nowruzi", limit=1)] == ["H1-P1"]
    assert verify.verify(small).sound

    # Sent twice, it is done once.
    assert officer.post(PAGE, sent).status_code == 303
    assert list(small.store.read())[-1].id == event.id
    page = officer.get("/people/H1-P1/timeline/").content.decode()
    assert "Put right who this is" in page
    assert f"/taken-back/{event.id}/" not in page, "taken back, it would bring no name back"


def test_what_nobody_may_read_is_neither_shown_nor_lost(small, officer):
    before = small.vault.get("H1-P1")
    hidden = [name for name in before if name in ("notes", "narrative") or "sealed" in name]
    assert hidden
    page = officer.get(PAGE)
    for name in hidden:
        assert before[name] not in page.content.decode()
    form = form_of(page)
    officer.post(PAGE, form | {line_of(form, "Zarifeh Nowruzian"): ""})
    after = small.vault.get("H1-P1")
    assert "name.full.latin" not in after
    assert {name: after[name] for name in hidden} == {name: before[name] for name in hidden}


def test_nothing_is_recorded_where_nothing_changed_or_half_was_filled_in(small, officer):
    last = small.store.last_seq()
    form = form_of(officer.get(PAGE))
    assert officer.post(PAGE, form).status_code == 422
    twice = officer.post(PAGE, form | {"what": "contact.phone", "value": "0700"})
    assert "This is on record already" in text(twice)
    half = officer.post(PAGE, form | {"what": "number"})
    assert half.status_code == 422
    assert "Choose what is added, and write it." in text(half)
    assert small.store.last_seq() == last


def test_two_who_put_one_person_right_at_once_are_told(small, officer):
    other = people.signed_in(people.account("chantal", "supervisor"))
    early, form = form_of(other.get(PAGE)), form_of(officer.get(PAGE))
    line = line_of(form, "Zarifeh Nowruzian")
    officer.post(PAGE, form | {line: "Zarife Nowruzi"})
    late = other.post(PAGE, early | {line: "Zarif Nowruz"})
    assert late.status_code == 409
    assert form_of(late)[line] == "Zarife Nowruzi", "sent again, nobody's correction is undone"
    assert small.vault.get("H1-P1")["name.full.latin"] == "Zarife Nowruzi"


@pytest.mark.parametrize(
    ("name", "role", "office"),
    [("bilal", "interviewer", "camp-1"), ("medic", "medical", "camp-1"),
     ("dawit", "protection_officer", "camp-2"), ("clerk", "data_clerk", "camp-1")],
)  # fmt: skip
def test_who_may_not_correct_people_puts_nobody_right(small, name, role, office):
    from onward.registry.permissions import access
    from onward.registry.recording import acts

    account = people.account(name, role, office=office)
    client = people.signed_in(account)
    assert client.get(PAGE).status_code in (403, 404)
    assert client.post(PAGE, {"kept-name.full.latin": "Somebody"}).status_code in (403, 404)
    before = small.vault.get("H1-P1")
    with pytest.raises((access.Refused, access.Hidden)):
        acts.put_right(
            account, "H1-P1", {"name.full.latin": "Somebody"}, effective="2026-06-10",
            idempotency_key="x",
        )  # fmt: skip
    assert small.vault.get("H1-P1") == before


@pytest.mark.parametrize("field", ["notes", "sealed.claim", "narrative", "anything.else"])
def test_only_names_numbers_and_contacts_are_put_right(small, field):
    from onward.errors import OnwardError
    from onward.registry.recording import acts

    officer = people.account("amina", "protection_officer")
    with pytest.raises(OnwardError):
        acts.put_right(
            officer, "H1-P1", {field: "x"}, effective="2026-06-10", idempotency_key="x"
        )


def test_a_class_that_is_read_of_others_only_is_not_put_right(small, monkeypatch):
    from onward.errors import OnwardError
    from onward.registry.permissions import access
    from onward.registry.recording import acts

    officer = people.account("amina", "protection_officer")
    reads = access.Reader.classes
    monkeypatch.setattr(
        access.Reader, "classes", lambda self, person: reads(self, person) - {"documents"}
    )
    before = small.vault.get("H1-P1")
    with pytest.raises(OnwardError, match="that your role reads"):
        acts.put_right(
            officer, "H1-P1", {"document.passport": "A 1"}, effective="2026-06-10",
            idempotency_key="x",
        )  # fmt: skip
    assert small.vault.get("H1-P1") == before


SHOW = "/people/H1-P1/identity/"


def shown_to(account) -> str:
    client = people.signed_in(account)
    return client.post(SHOW, {"purpose": "verify"}).content.decode()


@pytest.fixture
def hold(small):
    from onward.registry.data_protection import retention

    keeper = people.account("keeper", "custodian", office="")
    return retention.hold(keeper, "H1-P1", "Case 44 before the court.")


def test_while_a_legal_hold_keeps_the_file_what_is_put_right_stays_beside_it(
    small, officer, hold
):
    from onward.registry.data_protection import retention
    from onward.registry.log import verify

    page = officer.get(PAGE)
    assert "A legal hold keeps this file" in text(page)
    assert "What stood there before is not kept" not in text(page)
    form = form_of(page)
    line, paper = line_of(form, "Zarifeh Nowruzian"), line_of(form, "QX7788123")
    sent = form | {line: "Zarife Nowruzi", paper: ""}
    assert officer.post(PAGE, sent).status_code == 303
    kept = small.vault.get("H1-P1")
    assert kept["name.full.latin"] == "Zarife Nowruzi"
    assert "QX7788123" not in {value for name, value in kept.items() if "sealed" not in name}

    seen = shown_to(people.account("second", "supervisor"))
    before = text_of(seen).partition("What stood there before")[2]
    assert "Zarifeh Nowruzian" in before
    assert "QX7788123" in before
    assert "{" not in before, "in words, not as it is kept"
    medic = shown_to(people.account("medic", "medical"))
    assert "Zarifeh Nowruzian" in medic
    assert "QX7788123" not in medic, "a paper's number is for who reads such numbers"
    compared = {value for _person, _field, value in small.vault.names()}
    assert "Zarife Nowruzi" in compared
    assert "Zarifeh Nowruzian" not in compared, "nobody is found by a name that is not theirs"
    for event in small.store.read():
        assert "Nowruzian" not in str(event)
    assert verify.verify(small).sound

    # The hold over, it goes with the file and in no other way; what is put right then is not kept.
    retention.release(people.account("other", "custodian", office=""), hold)
    page = officer.get(PAGE)
    assert "What stood there before is not kept" in text(page)
    form = form_of(page)
    assert officer.post(PAGE, form | {line: "Zarifa Nowruz"}).status_code == 303
    before = text_of(shown_to(people.account("fourth", "supervisor")))
    assert "Zarifeh Nowruzian" in before
    assert "Zarife Nowruzi" not in before.replace("Zarifeh Nowruzian", "")
    small.vault.erase("H1-P1", by="keeper")
    assert not small.vault.get("H1-P1")


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_hold_keeps_also_what_a_list_had_left_for_its_undoing(small, officer, hold):
    before = {"event": "e", "fields": {"name.full.latin": "Old Name", "number": "7"}}
    small.vault.put(
        {"H1-P1": {**small.vault.get("H1-P1"), "sealed.before_import": json.dumps(before)}}
    )
    form = form_of(officer.get(PAGE))
    line = line_of(form, "Zarifeh Nowruzian")
    assert officer.post(PAGE, form | {line: "Zarife Nowruzi"}).status_code == 303
    kept = json.loads(small.vault.get("H1-P1")["sealed.former"])
    assert {(each["field"], each["value"]) for each in kept} == {
        ("name.full.latin", "Old Name"), ("name.full.latin", "Zarifeh Nowruzian")
    }  # fmt: skip
    assert {each["until"] for each in kept} == {"2026-06-10"}


def test_a_hold_on_an_id_that_was_merged_keeps_what_is_put_right_of_the_person(small, officer):
    from onward.registry.data_protection import retention
    from onward.registry.recording import acts

    retention.hold(
        people.account("keeper", "custodian", office=""), "H1-P2", "Case 44 before the court."
    )
    acts.record(
        people.account("chantal", "supervisor"), ("person", "H1-P2"), "merged",
        effective="2026-06-10", facts={"into": "H1-P1"}, idempotency_key="one person",
    )  # fmt: skip
    form = form_of(officer.get(PAGE))
    line = line_of(form, "Zarifeh Nowruzian")
    assert officer.post(PAGE, form | {line: "Zarife Nowruzi"}).status_code == 303
    assert "Zarifeh Nowruzian" in small.vault.get("H1-P1")["sealed.former"]


@pytest.fixture
def one_person(small):
    """H1-P2 turned out to be H1-P1, registered elsewhere under other names and numbers."""
    from onward.registry.recording import acts

    small.vault.put(
        {
            "H1-P2": {
                "name.full.latin": "Parvaneh Xelil",
                "number": "KRG-8812",
                "contact.phone": "0701",
            }
        }
    )
    acts.record(
        people.account("chantal", "supervisor"), ("person", "H1-P2"), "merged",
        effective="2026-06-10", facts={"into": "H1-P1"}, idempotency_key="one person",
    )  # fmt: skip


def test_who_was_registered_twice_is_found_and_shown_by_what_either_list_says(
    small, one_person
):
    from onward.registry.now.search import find_people
    from onward.registry.permissions import access

    reader = access.Reader(people.account("amina", "protection_officer"))
    for asked in ("Parvaneh Xelil", "KRG-8812", "Zarifeh Nowruzian", "QX7788123"):
        assert [hit.person for hit in find_people(reader, asked, limit=1)] == ["H1-P1"], asked
    shown = text_of(shown_to(people.account("second", "protection_officer")))
    other = shown.partition("From another registration of the same person")[2]
    assert "Parvaneh Xelil" in other
    assert "KRG-8812" in other
    assert "0701" not in shown_to(people.account("third", "supervisor")), "reads no telephones"
    dawit = access.Reader(people.account("dawit", "protection_officer", office="camp-2"))
    assert not find_people(dawit, "KRG-8812")


def test_what_another_registration_left_is_put_right_where_it_lies(small, officer, one_person):
    from onward.errors import OnwardError
    from onward.registry.log import verify
    from onward.registry.recording import acts

    mine = small.vault.get("H1-P1")
    form = form_of(officer.get(PAGE))
    phone, name = line_of(form, "0701"), line_of(form, "Zarifeh Nowruzian")
    sent = form | {phone: "", name: "Zarife Nowruzi"}
    for _ in range(2):  # sent twice, done once
        assert officer.post(PAGE, sent).status_code == 303
    assert small.vault.get("H1-P1") == {**mine, "name.full.latin": "Zarife Nowruzi"}
    assert small.vault.get("H1-P2") == {
        "name.full.latin": "Parvaneh Xelil", "number": "KRG-8812"
    }  # fmt: skip
    own, other = list(small.store.read())[-2:]
    assert (own.subject.id, own.evidence) == ("H1-P1", ("put-right:name.full.latin",))
    assert (other.subject.id, other.evidence) == ("H1-P2", ("put-right:contact.phone",))
    assert verify.verify(small).sound
    amina = people.account("second", "protection_officer")
    with pytest.raises(OnwardError, match="no registration of this person"):
        acts.put_right(
            amina, "H1-P1", {"number": "1"}, under="H2-P1", effective="2026-06-10",
            idempotency_key="x",
        )  # fmt: skip
    # Found to be two people after all, each keeps what is theirs.
    merge = next(e for e in small.store.read() if e.kind == "merged")
    acts.retract(people.account("boss", "supervisor"), merge.id, idempotency_key="two")
    assert len(form_of(officer.get(PAGE))) < len(form)


def test_what_a_list_replaced_is_shown_by_the_class_of_each_line_and_never_as_it_is_kept(small):
    """It is kept under seal as one text; whoever reads sealed notes need not read telephones."""
    from onward.registry.permissions import assignments

    before = {
        "event": "e-1",
        "fields": {"name.full.latin": "Old Name", "contact.phone": "0700"},
    }
    small.vault.put(
        {"H1-P1": {**small.vault.get("H1-P1"), "sealed.before_import": json.dumps(before)}}
    )
    reviewer = people.account("reviewer", "rsd_reviewer")
    assignments.assign(
        people.account("amina", "protection_officer"), "H1-P1", to=reviewer, reason="review"
    )
    page = shown_to(reviewer)
    assert "blue heron" in page, "she reads what is sealed"
    assert "Old Name" in text_of(page).partition("What stood there before")[2]
    assert "0700" not in page
    assert "e-1" not in page
    amina = shown_to(people.account("second", "protection_officer"))
    assert "0700" in amina


def test_a_name_written_with_joiners_or_a_long_address_hinders_nothing(small, officer):
    """A list brings both; a form that sends them back untouched is no fault."""
    long = "Tent 14, behind the water tower, " * 5 + "gate 2"
    small.vault.put(
        {
            "H1-P1": {
                **small.vault.get("H1-P1"),
                "name.full.Arab": "علی\u200cرضا",
                "contact.address": long,
            }
        }
    )
    form = form_of(officer.get(PAGE))
    assert form[line_of(form, "علی\u200cرضا")]
    line = line_of(form, "Zarifeh Nowruzian")
    assert officer.post(PAGE, form | {line: "Zarife Nowruzi"}).status_code == 303
    joined = form_of(officer.get(PAGE))
    sent = joined | {line_of(joined, "علی\u200cرضا"): "غلام\u200cرضا"}
    assert officer.post(PAGE, sent).status_code == 303
    kept = small.vault.get("H1-P1")
    assert (kept["name.full.Arab"], kept["contact.address"]) == ("غلام\u200cرضا", long)


def test_what_a_list_replaced_long_ago_goes_with_what_is_put_right(small, officer):
    """What stood there before is not kept: not in what an import left for its undoing either."""
    before = {"event": "e", "fields": {"name.full.latin": "Old Name", "number": "7"}}
    small.vault.put(
        {"H1-P1": {**small.vault.get("H1-P1"), "sealed.before_import": json.dumps(before)}}
    )
    form = form_of(officer.get(PAGE))
    line = line_of(form, "Zarifeh Nowruzian")
    assert officer.post(PAGE, form | {line: "Zarife Nowruzi"}).status_code == 303
    left = json.loads(small.vault.get("H1-P1")["sealed.before_import"])
    assert left == {"event": "e", "fields": {"number": "7"}}


@pytest.mark.parametrize("door", ["record", "correct", "put_right"])
def test_nobody_says_by_hand_that_a_field_was_put_right(small, door):
    """No list would correct the name any more, and whoever said so need not even read it."""
    from onward.errors import OnwardError
    from onward.registry.recording import acts

    amina = people.account("amina", "protection_officer")
    said = acts.record(
        amina, ("person", "H1-P1"), "recorded", effective="2026-06-09", facts={"language": "fa"},
        idempotency_key="true",
    ).events[0]  # fmt: skip
    forged = {"evidence": ["put-right:name.full.latin"], "idempotency_key": "forged"}
    act = {
        "record": lambda: acts.record(
            amina, ("person", "H1-P1"), "T4.withdrawn", effective="2026-06-10", **forged
        ),
        "correct": lambda: acts.correct(amina, said.id, facts={"language": "ar"}, **forged),
        "put_right": lambda: acts.put_right(
            amina, "H1-P1", {"name.full.latin": "Other"}, effective="2026-06-10", **forged
        ),
    }[door]
    last = small.store.last_seq()
    with pytest.raises(OnwardError, match="written by the record itself"):
        act()
    assert small.store.last_seq() == last
    assert small.vault.get("H1-P1")["name.full.latin"] == "Zarifeh Nowruzian"


def test_an_erased_identity_is_not_written_again(small, officer):
    form = form_of(officer.get(PAGE))
    small.vault.erase("H1-P1", by="keeper")
    answer = officer.post(PAGE, form | {"what": "number", "value": "7"})
    assert answer.status_code == 422
    assert not small.vault.get("H1-P1")


def test_it_is_shown_after_a_fresh_sign_in_and_counted(small):
    import time_machine

    from onward.registry.models import AccessEntry

    now = datetime.now(UTC)
    client = people.signed_in(
        people.account("amina", "protection_officer"), at=now - timedelta(minutes=9, seconds=58)
    )
    assert client.get("/people/H1-P1/").status_code == 200
    with time_machine.travel(now + timedelta(seconds=3)):
        answer = client.get(PAGE)
        assert answer["Location"].startswith("/sign-in/again/")
        assert "Nowruzian" not in answer.content.decode()
    assert not AccessEntry.objects.filter(action="person.reveal", decision="allowed").exists()
