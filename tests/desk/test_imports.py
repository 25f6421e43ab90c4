"""Bringing a list in through the browser: asked what is open, nothing kept before it is confirmed."""

from __future__ import annotations

import json
import re

import pytest
import registry_cast as people
from django.core.files.uploadedfile import SimpleUploadedFile

from onward.errors import OnwardError

LIST = """Number,Family,Full name,Father,Sex,Date of birth,Relation
301,F9,Kamran Daneshvar,Yusef,M,1984-05-06,head
302,F9,Leyla Daneshvar,Murad,F,1988-02-11,spouse
303,F9,Nima Daneshvar,Kamran,M,2015-09-01,child
"""
CANARY = "Daneshvar"
COLUMNS = {
    "to:0": "person", "to:1": "household", "to:2": "name.full", "to:3": "name.father",
    "to:4": "sex", "to:5": "birth", "to:6": "role", "calendar": "gregorian",
}  # fmt: skip


@pytest.fixture
def clerk(small):
    from django.core.cache import cache

    cache.clear()
    return people.signed_in(people.account("farid", "data_clerk"))


def upload(browser, text=LIST, name="people.csv"):
    return browser.post(
        "/imports/", {"list": SimpleUploadedFile(name, text.encode(), content_type="text/csv")}
    )


def work():
    """The long work that was asked for, done as the server's own thread does it."""
    from onward.registry.web import jobs

    while jobs.run_next() is not None:
        pass


def looked(browser, address):
    """The page of a list once it was looked at."""
    browser.get(address)
    work()
    return browser.get(address)


def recorded(browser, address):
    looked(browser, address)
    answer = browser.post(address, {"do": "commit"})
    work()
    return answer


def counts():
    from onward.registry.models import EventRow, PersonNow

    return EventRow.objects.count(), PersonNow.objects.count()


def test_a_list_is_mapped_checked_confirmed_and_undone(small, clerk):
    before = counts()
    address = upload(clerk)["Location"]
    page = clerk.get(address).content.decode()
    assert "Full name" in page
    assert clerk.post(address, {"do": "map", **COLUMNS}).status_code == 303
    page = looked(clerk, address).content.decode()
    assert "This would be recorded" in page, page
    assert counts() == before
    assert recorded(clerk, address).status_code == 303
    assert counts()[1] == before[1] + 3
    assert recorded(clerk, address).status_code == 303
    assert counts()[1] == before[1] + 3

    chantal = people.signed_in(people.account("chantal", "supervisor"))
    page = chantal.get("/imports/").content.decode()
    receipt = re.search(r'name="receipt" value="([^"]+)"', page)[1]
    undoing = chantal.post("/imports/undo/", {"receipt": receipt})["Location"]
    work()
    assert "taken back" in chantal.get(undoing).content.decode()
    from onward.registry.models import PersonNow

    assert PersonNow.objects.filter(active=True).count() == before[1]


def test_every_fault_is_shown_with_its_place_and_nothing_is_kept(small, clerk):
    before = counts()
    address = upload(clerk, LIST.replace("1988-02-11", "yesterday").replace(",F,", ",W,"))[
        "Location"
    ]
    clerk.post(address, {"do": "map", **COLUMNS})
    page = looked(clerk, address).content.decode()
    assert "What to mend" in page
    assert page.count("row 3") >= 2
    assert counts() == before
    workbook = clerk.get(address + "?faulty=1")
    assert workbook["Content-Disposition"].endswith('"rows-to-mend.xlsx"')
    assert workbook.content[:2] == b"PK"


def test_what_two_readings_would_fit_is_asked(small, clerk):
    address = upload(
        clerk, LIST.replace("1984-05-06", "06/05/1984").replace("1988-02-11", "11/02/1988").replace("2015-09-01", "01/09/2015")
    )["Location"]  # fmt: skip
    clerk.post(address, {"do": "map", **COLUMNS})
    page = looked(clerk, address).content.decode()
    name = re.search(r'name="(answer:[^"]*date_order)"', page)[1].replace("&quot;", '"')
    assert clerk.post(address, {"do": "answer", name: "day-month-year"}).status_code == 303
    assert "This would be recorded" in looked(clerk, address).content.decode()


def test_a_list_is_seen_by_nobody_else(small, clerk):
    address = upload(clerk)["Location"]
    other = people.signed_in(people.account("gul", "data_clerk"))
    assert other.get(address).status_code == 404
    assert other.get("/imports/00000000-0000-4000-8000-000000000000/").status_code == 404


def test_the_list_lies_nowhere_in_clear_while_it_waits(small, clerk, tmp_path):
    address = upload(clerk)["Location"]
    clerk.get(address)
    for path in small.path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
    from onward.registry.models import ImportDraft

    assert CANARY.encode() not in bytes(ImportDraft.objects.get().content)


def test_a_list_that_nobody_finishes_is_forgotten(small, clerk):
    import time_machine
    from django.utils import timezone

    upload(clerk)
    from datetime import timedelta

    from onward.registry.importing import drafts
    from onward.registry.models import ImportDraft

    assert ImportDraft.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=False):
        assert drafts.give_up_old() == 1
    assert ImportDraft.objects.count() == 0


def test_a_file_that_is_no_list_is_refused_with_a_sentence(small, clerk):
    answer = upload(clerk, name="people.xlsm")
    assert answer.status_code == 422
    assert "cannot be read as a list" in answer.content.decode()


def test_a_clerk_brings_in_people_and_not_what_was_decided_about_them(small, clerk):
    address = upload(clerk)["Location"]
    profile = """profile: decided
rows: events
event: {kind: T7.done}
columns: {Full name: ignore, No: person, Day: event.date}
other_columns: ignore
"""
    sent = {"do": "map", "profile": SimpleUploadedFile("p.yaml", profile.encode())}
    assert clerk.post(address, sent).status_code == 403
    chantal = people.signed_in(people.account("chantal", "supervisor"))
    address = upload(chantal)["Location"]
    sent["profile"] = SimpleUploadedFile("p.yaml", profile.encode())
    assert chantal.post(address, sent).status_code == 303


TEXTS = "Id,Way,Version,Language,Ok,Now,Day\nreturn-9-fa,return,9,fa,yes,yes,2026-06-01\n"
OF_TEXTS = """profile: texts
rows: events
event: {kind: sheet}
columns: {Id: person, Way: pathway, Version: version, Language: language, Ok: approved, Now: current, Day: event.date}
"""


def sheets():
    from onward.registry.models import ThingNow

    return {row.facts["version"] for row in ThingNow.objects.filter(kind="sheet")}


def mapped(browser, text, profile):
    """The address of a list under a profile, and the answer to the mapping."""
    address = upload(browser, text)["Location"]
    sent = {"do": "map", "profile": SimpleUploadedFile("p.yaml", profile.encode())}
    return address, browser.post(address, sent)


def test_a_text_is_approved_by_a_list_only_by_who_approves_texts(small):
    mixed = people.account("mixed", "data_clerk", "protection_officer")
    before = sheets()
    _address, answer = mapped(people.signed_in(mixed), TEXTS, OF_TEXTS)
    assert answer.status_code == 403
    address, answer = mapped(
        people.signed_in(people.account("chantal", "supervisor")), TEXTS, OF_TEXTS
    )
    assert answer.status_code == 303
    # The list is the other account's by now: the record asks by itself, whatever a page asked.
    from onward.registry.models import ImportDraft

    ImportDraft.objects.filter(profile=OF_TEXTS).update(by=mixed.account_id)
    browser = people.signed_in(mixed)
    page = looked(browser, address)
    assert page.status_code == 422
    assert "something that your roles do not let you record" in page.content.decode()
    recorded(browser, address)
    assert sheets() == before
    ImportDraft.objects.update(by=people.account("gul", "supervisor").account_id)
    from onward.registry.importing import lists

    lists.bring(
        small, lists.asked_of(ImportDraft.objects.get(profile=OF_TEXTS)), lambda text: None
    )
    assert sheets() == before | {"9"}


def test_a_list_approves_texts_only_soon_after_a_sign_in(small):
    browser = people.still_at_work(people.account("chantal", "supervisor"))
    before = sheets()
    address = upload(browser, TEXTS)["Location"]
    sent = {"do": "map", "profile": SimpleUploadedFile("p.yaml", OF_TEXTS.encode())}
    answer = browser.post(address, sent)
    assert answer["Location"].startswith("/sign-in/again/")
    recorded(browser, address)
    assert sheets() == before


def test_a_list_says_of_nobody_what_its_bringer_may_not_record_by_hand(small):
    boss = people.signed_in(people.account("chantal", "supervisor"))
    header, *lines = LIST.strip().splitlines()
    here = "\n".join([f"{header},Site", *(f"{line},{people.OFFICE}" for line in lines)]) + "\n"
    address = upload(boss, here)["Location"]
    boss.post(address, {"do": "map", **COLUMNS, "to:7": "site"})
    recorded(boss, address)
    profile = """profile: health
numbers: desk
rows: events
event: {kind: recorded}
columns: {Number: person, Day: event.date, Fit: fitness_finding, Speaks: language}
"""
    table = "Number,Day,Fit,Speaks\n301,2026-06-01,,fa\n302,2026-06-02,fit,\n"
    before = counts()
    address, answer = mapped(boss, table, profile)
    assert answer.status_code == 303
    page = looked(boss, address)
    assert page.status_code == 422
    assert "row 3" in page.content.decode()
    recorded(boss, address)
    assert counts() == before
    address, _answer = mapped(
        boss, table.replace(",fit", ","), profile.replace("Fit: fitness_finding", "Fit: ignore")
    )
    assert "This would be recorded" in looked(boss, address).content.decode()


def test_a_clerk_puts_no_finding_of_health_on_record_by_a_list_of_people(small, clerk):
    from onward.registry.recording import acts

    header, *lines = LIST.strip().splitlines()
    fit = (
        "\n".join([f"{header},Fit", f"{lines[0]},fit", *(f"{line}," for line in lines[1:])])
        + "\n"
    )
    columns = {**COLUMNS, "to:7": "fitness_finding"}
    before = counts()
    address = upload(clerk, fit)["Location"]
    clerk.post(address, {"do": "map", **columns})
    page = looked(clerk, address)
    assert page.status_code == 422
    assert "something that your roles do not let you record" in page.content.decode()
    assert "row 2" in page.content.decode()
    recorded(clerk, address)
    assert counts() == before
    clerk.post(address, {"do": "remap"})
    clerk.post(address, {"do": "map", **columns, "to:7": "ignore"})
    recorded(clerk, address)
    assert counts()[1] == before[1] + 3
    who = people.account("gul", "data_clerk")
    with pytest.raises(OnwardError, match="roles do not include"):
        acts.register_household(
            who, [acts.Member({"fitness_finding": "fit"})], effective="2026-06-01",
            idempotency_key="health",
        )  # fmt: skip
    with pytest.raises(OnwardError, match="roles do not include"):
        acts.record(
            who, ("person", "H1-P1"), "registered", effective="2026-06-01",
            facts={"fitness_finding": "fit"}, idempotency_key="health again",
        )  # fmt: skip


def test_nobody_is_made_one_with_somebody_hidden(small, clerk):
    far = people.elsewhere(small)
    named = {"name.full.Latn": "Kamran Daneshvar", "name.father.Latn": "Yusef"}
    small.vault.put({far: named})
    address = upload(clerk, LIST.replace("1984-05-06", "1990-05-05"))["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    page = looked(clerk, address).content.decode()
    (pair,) = set(re.findall(r'name="pair:([^"]+)"', page))
    assert "on record in another office" in page
    assert "1990" not in page
    assert "father" not in page.lower()
    decided = {"do": "decide", f"pair:{pair}": "merge", "why": "list"}
    clerk.post(address, decided)
    assert f"pair:{pair}" in clerk.get(address).content.decode()
    clerk.post(address, {**decided, f"pair:{pair}": "ask"})
    recorded(clerk, address)
    assert small.vault.get(far) == named


def test_a_list_corrects_nobody_whom_another_office_keeps(small, clerk):
    from onward.registry.models import PersonNow

    header, *lines = LIST.strip().splitlines()
    with_site = "\n".join([f"{header},Site", *(f"{line},camp-1" for line in lines)]) + "\n"
    columns = {**COLUMNS, "to:7": "site"}
    address = upload(clerk, with_site)["Location"]
    clerk.post(address, {"do": "map", **columns})
    recorded(clerk, address)
    assert PersonNow.objects.filter(office="camp-1", birth_first="1984-05-06").count() == 1

    far = people.signed_in(people.account("gul", "data_clerk", office=people.ELSEWHERE))
    address = upload(far, with_site.replace("camp-1", "camp-2"))["Location"]
    far.post(address, {"do": "map", **columns})
    page = looked(far, address)
    assert page.status_code == 422
    assert "another office" in page.content.decode()
    recorded(far, address)
    assert not PersonNow.objects.filter(office="camp-2").exists()


# -- long work, left and come back to ----------------------------------------------------------------


def test_a_list_being_looked_at_can_be_left_and_is_found_again(small, clerk):
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    page = clerk.get(address).content.decode()
    assert "is being looked at" in page
    assert "You may leave this page" in page
    assert "Look again" in page, "without scripts there is a link"
    waiting = clerk.get("/imports/").content.decode()
    assert address in waiting
    assert "being looked at" in waiting
    work()
    assert "ready to be recorded" in clerk.get("/imports/").content.decode()
    part = clerk.get(address, headers={"hx-request": "true"})
    assert part["HX-Refresh"] == "true"
    clerk.post(address, {"do": "commit"})
    assert "is being recorded" in clerk.get(address).content.decode()
    work()
    assert "The list is recorded" in clerk.get(address).content.decode()
    assert address not in clerk.get("/imports/").content.decode()


def test_nothing_is_recorded_that_was_not_looked_at_to_the_end(small, clerk):
    before = counts()
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    clerk.get(address)
    clerk.post(address, {"do": "commit"})
    work()
    clerk.post(address, {"do": "remap"})
    clerk.post(address, {"do": "commit"})
    work()
    assert counts() == before


def test_what_was_seen_in_a_list_is_sealed_and_goes_with_it(small, clerk):
    from onward.registry.models import Job, JobFile

    wrong = LIST.replace("1988-02-11", "yesterday")
    address = upload(clerk, wrong)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    looked(clerk, address)
    seen = JobFile.objects.get(name="rows-to-mend.xlsx")
    assert CANARY.encode() not in bytes(seen.content)
    for path in small.path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
    chantal = people.signed_in(people.account("chantal", "supervisor"))
    for name in ("", "look.json", "rows-to-mend.xlsx"):
        assert chantal.get(f"/work/{seen.job.pk}/{name}").status_code == 404
        assert clerk.get(f"/work/{seen.job.pk}/{name}").status_code == 404
    assert chantal.get(address + "?faulty=1").status_code == 404
    clerk.post(address, {"do": "give_up"})
    assert not JobFile.objects.exists()

    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    recorded(clerk, address)
    assert not JobFile.objects.exists()
    assert CANARY not in str(list(Job.objects.values("asked", "result", "message", "progress")))


def test_a_list_given_up_while_it_waits_is_not_recorded(small, clerk):
    before = counts()
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    looked(clerk, address)
    clerk.post(address, {"do": "commit"})
    clerk.post(address, {"do": "give_up"})
    work()
    assert counts() == before


def test_a_list_being_recorded_cannot_be_given_up_halfway(small, clerk):
    from onward.registry.models import ImportDraft, Job

    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    looked(clerk, address)
    clerk.post(address, {"do": "commit"})
    Job.objects.filter(kind="bring").update(state="running")
    answer = clerk.post(address, {"do": "give_up"}, follow=True)
    assert "being recorded this moment" in answer.content.decode()
    assert ImportDraft.objects.count() == 1


def test_a_server_that_stopped_meanwhile_leaves_all_or_nothing_and_doubles_nothing(
    small, clerk
):
    from onward.registry.models import Job
    from onward.registry.web import jobs

    before = counts()
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    looked(clerk, address)
    clerk.post(address, {"do": "commit"})
    Job.objects.filter(kind="bring").update(state="running")
    jobs.interrupted()
    page = clerk.get(address)
    assert page.status_code == 422
    assert "whole or not at all" in page.content.decode()
    assert counts() == before
    clerk.post(address, {"do": "again"})
    recorded(clerk, address)
    assert counts()[1] == before[1] + 3

    # It stopped after the record was written and before the list was marked so.
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    recorded(clerk, address)
    assert counts()[1] == before[1] + 3


def test_who_lost_the_role_meanwhile_records_nothing(small, clerk):
    from onward.registry.models import Account

    before = counts()
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    looked(clerk, address)
    clerk.post(address, {"do": "commit"})
    Account.objects.filter(username="farid").update(is_active=False)
    work()
    assert counts() == before


def test_somebody_waiting_at_the_screen_goes_before_a_long_forecast(small, clerk):
    from onward.registry.web import jobs

    jobs.ask(people.account("vera", "plan_lead"), "forecast", {"futures": 1})
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    clerk.get(address)
    assert jobs.run_next().kind == "look"


def test_who_lost_the_role_meanwhile_undoes_nothing(small, clerk):
    from onward.registry.models import Account

    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    recorded(clerk, address)
    chantal = people.signed_in(people.account("chantal", "supervisor"))
    page = chantal.get("/imports/").content.decode()
    receipt = re.search(r'name="receipt" value="([^"]+)"', page)[1]
    before = counts()
    chantal.post("/imports/undo/", {"receipt": receipt})
    Account.objects.filter(username="chantal").update(is_active=False)
    work()
    assert counts() == before


def test_a_list_changed_after_it_was_confirmed_is_not_recorded(small, clerk):
    before = counts()
    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    looked(clerk, address)
    clerk.post(address, {"do": "commit"})
    clerk.post(address, {"do": "remap"})
    work()
    assert counts() == before
    clerk.post(address, {"do": "map", **COLUMNS})
    assert "This would be recorded" in looked(clerk, address).content.decode()


def test_an_erasure_reaches_what_was_seen_in_a_list(small, clerk):
    import json

    from onward.registry.importing import lists
    from onward.registry.keyring.keys import KeyRefused
    from onward.registry.models import JobFile
    from onward.registry.web import jobs

    far = people.elsewhere(small)
    small.vault.put({far: {"name.full.Latn": f"Kamran {CANARY}", "name.father.Latn": "Yusef"}})
    address = upload(clerk, LIST.replace("1984-05-06", "1990-05-05"))["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    looked(clerk, address)
    text = jobs.content_of(JobFile.objects.get(name=lists.LOOK)).decode()
    assert CANARY not in text
    (pair,) = json.loads(text)["pairs"]
    assert CANARY in str(lists.told_of(small, pair))
    small.vault.erase(far, by="test")
    with pytest.raises(KeyRefused):
        lists.told_of(small, pair)


def test_what_lists_are_read_with_is_said_in_the_readers_language(small, clerk):
    address = upload(clerk)["Location"]
    clerk.post("/language/", {"language": "ar", "next": "/"})
    page = clerk.get(address).content.decode()
    for english in ("Passport", "National id", ">kobo-household<", ">primero-like<"):
        assert english not in page
    assert "بطاقة هوية وطنية" in page
    clerk.post(address, {"do": "map", **COLUMNS})
    recorded(clerk, address)
    page = clerk.get("/imports/").content.decode()
    assert "أعمدة اختيرت على المكتب" in page
    assert "<bdi>desk</bdi>" not in page


def test_what_stands_beside_each_other_of_two_is_said_in_the_readers_language():
    from django.utils import translation

    from onward.desk import words
    from onward.desk.views.imports import _set_beside

    papers = ("documents", "national_id 12, passport QX7", "")
    with translation.override("ar"):
        assert _set_beside(papers)[1:] == ("بطاقة هوية وطنية 12, جواز سفر QX7", "")
        assert _set_beside(("household", "the same", "the same"))[1] == "نفسها"
        assert _set_beside(("names", "one", "another"))[1:] == ("one", "another")
        assert words.profile("consents") == "الموافقات"
        assert words.profile("our-own-list") == "Our own list"
    with translation.override("en"):
        assert _set_beside(papers)[1] == "National identity card 12, Passport QX7"


@pytest.mark.parametrize("kind", ["access", "correction", "deletion", "objection"])
def test_the_source_of_a_right_is_said_in_every_language(kind):
    from django.utils import translation

    from onward.desk import words
    from onward.registry.data_protection import rights

    source = rights.rules()["requests"][kind]["source"]
    for language in ("fr", "ar", "fa", "ckb"):
        with translation.override(language):
            said = words.translated(source)
            assert "Protection of Personal Data" not in said
            assert "as a model" not in said


@pytest.mark.parametrize("language", ["ar", "fa", "ckb", "fr"])
@pytest.mark.parametrize(
    "content",
    ["", "\x89PNG\r\n", 'Number,Name\n301,"Kamran\n', "Number,Name\n", "\x00\x00,\x00"],
)
def test_a_file_that_is_no_list_says_so_in_the_readers_language(
    small, clerk, content, language
):
    clerk.cookies["django_language"] = language
    address = upload(clerk, content)["Location"]
    answer = clerk.get(address)
    assert answer.status_code == 422
    table = answer.content.decode().partition('id="faults"')[2].partition("</table>")[0]
    said = re.findall(r'<td dir="auto">(.*?)</td>', table)
    assert any(said)
    for cell in said:
        assert 'lang="en"' not in cell, cell
    assert not re.search(r"\bline \d", table)


FAULTY_PROFILES = (
    "profile: x\n\tcolumns: 1\n",
    "columns: a: b\n",
    "profile: x\ncolumns:\n  Number person\n  Name: name.full\n",
    'profile: "x\n',
    "profile: [x\n",
    "- a\n- b\n",
    "profile: x\nprofile: y\nrow: people\ncolumns: {Number: persom, Number : person}\n",
    "profile: Ünknown\nrows: peple\nheader_row: 0\nmissing: no\nfile: {delimiter: star}\n",
    """profile: x
calendar: moon
most_faulty_percent: many
parent: {key: k}
effective: yesterday
columns:
  Number: {to: person, age_on: soon, required: maybe}
  Sex: {to: sex, values: {M: manly}}
  Born: {to: birth, conventional: [99-99]}
  Other: {}
  Maybe: "name.full?"
  Role: role
  Again: sex
constants: {nothing: 1}
""",
    "profile: x\nrows: events\ncolumns: {Note: note}\n",
    "profile: x\ncolumns: {When: event.date, Note: note}\n",
)


@pytest.mark.parametrize("language", ["en", "ar", "fa", "ckb", "fr"])
def test_what_is_wrong_with_a_profile_is_said_in_the_readers_language(small, clerk, language):
    clerk.cookies["django_language"] = language
    address = upload(clerk)["Location"]
    for text in FAULTY_PROFILES:
        profile = SimpleUploadedFile("p.yaml", text.encode())
        answer = clerk.post(address, {"do": "map", "profile": profile})
        assert answer.status_code == 422, text
        table = answer.content.decode().partition('id="faults"')[2].partition("</table>")[0]
        said = re.findall(r'<td dir="auto">(.*?)</td>', table)
        assert any(said), text
        for cell in said:
            assert 'lang="en"' not in cell, cell
        if language != "en":
            plain = re.sub("\u2068[^\u2069]*\u2069", "", " ".join(said))
            assert not re.search(r"(found|expected|column says|not YAML|Did you)", plain), plain


@pytest.mark.parametrize(
    ("language", "words"),
    [("ar", "اسم الأب نفسه"), ("fa", "نام پدر یکسان"), ("ckb", "هەمان ناوی باوک"),
     ("fr", "même nom du père"), ("en", "same father's name")],
)  # fmt: skip
def test_why_two_may_be_one_person_is_said_in_the_readers_language(
    small, clerk, language, words
):
    import html

    clerk.cookies["django_language"] = language
    twice = LIST + "304,F10,Kamran Daneshvar,Yusef,M,1984-05-06,head\n"
    address = upload(clerk, twice)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    page = html.unescape(looked(clerk, address).content.decode())
    legends = [one for one in re.findall(r"<legend>(.*?)</legend>", page, re.S) if words in one]
    assert legends
    assert not any('lang="en"' in one for one in legends)


def test_why_somebody_on_record_may_be_on_a_list_stays_a_sentence_under_their_seal(
    small, clerk
):
    head, *rows = LIST.splitlines()
    columns = {"do": "map", **COLUMNS, "to:7": "site"}
    known = "\n".join([f"{head},Site", *(f"{row},{people.OFFICE}" for row in rows), ""])
    address = upload(clerk, known)["Location"]
    clerk.post(address, columns)
    recorded(clerk, address)
    again = (
        f"{head},Site\n901,F19,Kamran Daneshvar,Yusef,M,1984-05-06,head,{people.OFFICE}\n"
        f"902,F20,Parvin Sohrabi,Jamal,F,1971-03-02,head,{people.OFFICE}\n"
        f"903,F21,Rebwar Hamid,Karim,M,1966-12-24,head,{people.OFFICE}\n"
    )
    address = upload(clerk, again, name="other.csv")["Location"]
    clerk.post(address, columns)
    looked(clerk, address)
    clerk.cookies["django_language"] = "fa"
    page = clerk.get(address).content.decode()
    assert "نام پدر یکسان" in page
    assert 'lang="en"' not in "".join(re.findall(r"<legend>.*?</legend>", page, re.S))


def brought(clerk, rows):
    """A list of these rows is brought in; the ids of everybody it added."""
    from onward.registry.models import PersonNow

    before = set(PersonNow.objects.values_list("person", flat=True))
    lines = [
        f"{LIST.splitlines()[0]},Site",
        *(f"{row},{people.OFFICE}" for row in rows),
        "",
    ]
    address = upload(clerk, "\n".join(lines))["Location"]
    clerk.post(address, {"do": "map", **COLUMNS, "to:7": "site"})
    recorded(clerk, address)
    return set(PersonNow.objects.values_list("person", flat=True)) - before


def test_a_legal_hold_keeps_what_lists_replace_and_whom_undoing_one_would_take_out(
    small, clerk
):
    from onward.errors import OnwardError
    from onward.registry.data_protection import retention
    from onward.registry.importing.receipts import receipts
    from onward.registry.importing.undoing import undo

    rows = LIST.splitlines()[1:]
    new = brought(clerk, rows)
    first = receipts(small)[-1].id
    (kamran,) = (p for p in new if "Kamran" in small.vault.get(p)["name.full.Latn"])
    other = next(p for p in new if p != kamran)
    keeper = people.account("keeper", "custodian", office="")
    hold = retention.hold(keeper, kamran, "Case 44 before the court.")
    for name in ("Kamyar", "Kambiz"):
        brought(clerk, [row.replace("Kamran", name) for row in rows])
    kept = json.loads(small.vault.get(kamran)["sealed.former"])
    assert [each["value"].split()[0] for each in kept] == ["Kamran"], (
        "the one before: its undoing"
    )
    assert "sealed.former" not in small.vault.get(other)
    undo(small)
    undo(small, receipts(small)[-2].id)
    told = small.vault.get(kamran)
    named = {each["value"].split()[0] for each in json.loads(told["sealed.former"])}
    assert {"Kamran", "Kambiz"} <= named
    last = small.store.last_seq()
    with pytest.raises(OnwardError, match="A legal hold keeps the file of somebody"):
        undo(small, first)
    assert small.store.last_seq() == last
    assert small.vault.get(kamran) == told
    retention.release(keeper, hold)
    assert undo(small, first).changed
    assert not small.vault.get(kamran)


def test_a_list_brought_in_again_does_not_undo_what_was_put_right_at_the_desk(small, clerk):
    from onward.registry.models import PersonNow
    from onward.registry.recording import acts

    rows = LIST.splitlines()[1:]
    new = brought(clerk, rows)
    (kamran,) = (p for p in new if "Kamran" in small.vault.get(p)["name.full.Latn"])
    acts.put_right(
        people.account("chantal", "supervisor"), kamran,
        {"name.full.Latn": "Kamyar Daneshvar", "name.father.Latn": ""},
        effective="2026-06-10", idempotency_key="put right",
    )  # fmt: skip
    again = [row.replace("1984-05-06", "1984-05-07").replace("Leyla", "Layla") for row in rows]
    brought(clerk, again)
    after = small.vault.get(kamran)
    assert after["name.full.Latn"] == "Kamyar Daneshvar"
    assert "name.father.Latn" not in after, "what was taken away stays away"
    assert any("Layla" in small.vault.get(p)["name.full.Latn"] for p in new), (
        "others are corrected"
    )
    assert str(PersonNow.objects.get(person=kamran).birth_first) == "1984-05-07"
