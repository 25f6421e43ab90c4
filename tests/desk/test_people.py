"""Casework in the browser: finding, reading, recording and authorising, each as far as roles go."""

from __future__ import annotations

import html
import re

import pytest
import registry_cast as cast


def browser(*roles, name="amina", office=cast.OFFICE):
    return cast.signed_in(cast.account(name, *roles, office=office))


def text(response):
    return html.unescape(response.content.decode())


def hidden(page, name):
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name} on the page"
    return found[1]


def send(client, address, **fields):
    """Open a form, fill it in and send it, as a browser without script does."""
    page = text(client.get(address))
    given = {"key": hidden(page, "key"), "revision": hidden(page, "revision")}
    return client.post(address, {**given, **fields})


def events(operation, person):
    return [e for e in operation.store.read() if e.subject.id == person]


# -- finding people -------------------------------------------------------------------------------


def test_a_list_shows_whom_the_account_may_see_and_no_name(small):
    page = text(browser("protection_officer").get("/people/"))
    assert "/people/H1-P1/" in page
    assert "Nowruzian" not in page
    other = text(
        browser("protection_officer", name="dawit", office=cast.ELSEWHERE).get("/people/")
    )
    assert "H1-P1" not in other


@pytest.mark.parametrize(
    "asked", ["Zarife Norouzian", "ظریفه نوروزیان", "QX7788123", "۷۷۸۸۱۲۳"]
)
def test_somebody_is_found_by_any_spelling_script_or_number(small, asked):
    page = text(
        browser("protection_officer").post("/people/search/", {"q": asked}, follow=True)
    )
    assert "/people/H1-P1/" in page
    assert "/people/H2-P1/" not in page


def test_a_search_is_never_in_an_address(small):
    page = text(browser("protection_officer").get("/people/search/", {"q": "Zarifeh"}))
    assert "Zarifeh" not in page
    assert "H1-P1" not in page


def test_a_search_finds_only_people_the_account_may_see(small):
    elsewhere = browser("protection_officer", name="dawit", office=cast.ELSEWHERE)
    page = text(elsewhere.post("/people/search/", {"q": "ظریفه نوروزیان"}, follow=True))
    assert "H1-P1" not in page


def test_a_document_number_cannot_be_guessed_digit_by_digit(small):
    from onward.registry.models import Account
    from onward.registry.permissions import assignments

    reader = browser("interviewer", name="bilal")
    bilal = Account.objects.get(username="bilal")
    lead = cast.account("chantal", "supervisor")
    assignments.assign(lead, "H1-P1", to=bilal, reason="interview")
    ending = text(reader.post("/people/search/", {"q": "8123"}, follow=True))
    assert "/people/H1-P1/" not in ending
    whole = text(reader.post("/people/search/", {"q": "QX7788123"}, follow=True))
    assert "/people/H1-P1/" in whole


def test_no_name_stays_in_memory_when_the_keys_are_put_away(small):
    from onward.registry.now import search
    from onward.registry.web import starting

    browser("protection_officer").post("/people/search/", {"q": "Zarife"}, follow=True)
    assert search._kept is not None
    starting.close_site()
    assert search._kept is None


def test_the_order_of_a_list_tells_no_more_than_its_lines(small):
    from onward.registry.models import PersonNow

    PersonNow.objects.filter(person="H8-P1").update(stage_since="2020-01-01")

    def first(role, name):
        page = text(browser(role, name=name).get("/people/?whose=all"))
        return re.findall(r'<bdi class="code" title="(H[^/"]+)">', page)[0]

    assert first("supervisor", "one") == "H8-P1"
    assert first("data_clerk", "two") == first("interviewer", "three") == "H1-P1"
    assert "Children" not in text(browser("plan_lead", name="four").get("/households/"))


def test_a_list_leads_only_to_pages_that_open(small):
    from onward.registry.permissions import assignments

    account = cast.account("iris", "interviewer")
    assignments.assign(
        cast.account("lead", "supervisor"), "H1-P1", to=account, reason="interview"
    )
    iris = cast.signed_in(account)
    leads = re.compile(r'href="/people/(H[^/"]+)/"')
    assert leads.findall(text(iris.get("/people/"))) == ["H1-P1"]
    everybody = text(iris.get("/people/?whose=all"))
    assert leads.findall(everybody) == ["H1-P1"]
    assert "H2-P1" in everybody
    assert iris.get("/people/H2-P1/").status_code == 404
    assert leads.findall(text(browser("plan_lead", name="lena").get("/people/"))) == []


def test_nobody_records_about_people_they_may_not_open(small):
    far = cast.elsewhere(small)
    officer = browser("protection_officer")
    for person in (far, "nobody"):
        assert officer.get(f"/people/{person}/add/appointment/").status_code == 404


def test_a_filter_asks_only_by_what_may_be_read(small):
    clerk = browser("data_clerk")
    page = text(clerk.get("/people/"))
    assert 'name="stage"' not in page
    everybody = re.findall(r'href="/people/(H[^/"]+)/"', text(clerk.get("/people/")))
    asked = re.findall(
        r'href="/people/(H[^/"]+)/"', text(clerk.get("/people/?stage=registered&steps=blocked"))
    )
    assert asked == everybody


def test_hidden_and_missing_people_look_alike(small):
    elsewhere = browser("protection_officer", name="dawit", office=cast.ELSEWHERE)
    one, two = elsewhere.get("/people/H1-P1/"), elsewhere.get("/people/H0-P0/")
    assert (one.status_code, two.status_code) == (404, 404)
    same = re.compile(r"H\d-P\d|\b[A-Za-z0-9]{64}\b")
    assert same.sub("", text(one)) == same.sub("", text(two))


# -- one person -----------------------------------------------------------------------------------


def test_the_page_says_where_somebody_stands_and_what_holds_them_back(small):
    page = text(browser("protection_officer").get("/people/H2-P1/"))
    assert "Cleared for return" in page
    assert 'aria-current="step"' in page
    assert "The person freely chose this pathway" in page
    assert "Only the person can choose." in page
    assert "Baradar" not in page


def test_what_a_role_may_not_read_is_named_and_not_shown(small):
    page = text(browser("resettlement_officer").get("/people/H1-P1/"))
    assert "Not shown to your role" in page
    officer = text(browser("protection_officer", name="other").get("/people/H1-P1/"))
    assert "Claims, risk findings and affiliation" in officer


def test_names_are_shown_for_a_reason_after_a_fresh_sign_in(small):
    from datetime import timedelta

    from django.utils import timezone

    account = cast.account("amina", "protection_officer")
    stale = cast.signed_in(account, at=timezone.now() - timedelta(minutes=11))
    # The idle lock is asked first; a session kept awake is asked for the second factor again.
    assert stale.get("/people/H1-P1/identity/").status_code == 302
    client = cast.signed_in(account)
    assert "Zarifeh" not in text(client.get("/people/H1-P1/identity/"))
    assert "Zarifeh" not in text(client.post("/people/H1-P1/identity/", {"purpose": ""}))
    shown = client.post("/people/H1-P1/identity/", {"purpose": "interview"})
    assert "Zarifeh Nowruzian" in text(shown)
    assert "no-store" in shown["Cache-Control"]


def test_the_timeline_tells_a_breach_and_whom_to_tell(small):
    officer = browser("supervisor")
    send(
        officer,
        "/people/H2-P1/took-place/",
        move="T7.done",
        led="chosen",
        effective="2026-06-10",
    )
    page = text(officer.get("/people/H2-P1/timeline/"))
    assert "Breach: Return home" in page
    assert "Must be told:" in page


# -- authorising ------------------------------------------------------------------------------------


def test_what_authorising_needs_is_shown_before_anybody_starts(small):
    officer = browser("repatriation_officer")
    page = text(officer.get("/people/H3-P1/steps/T7.done/"))
    assert "Identity is resolved and no possible duplicate is open." in page
    assert "Not known, so not met" in page
    assert "data clerk" in page
    assert 'name="key"' not in page, "a blocked step has no form to authorise it"


def test_a_step_that_a_relative_holds_back_leads_to_the_household(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    officer = browser("repatriation_officer")
    acts.record(Actor("mira", cast.EVERYBODYS), Subject("person", "H1-P1"), "recorded",
                effective="2026-06-10", facts={"fitness_finding": "unfit"}, idempotency_key="fit")  # fmt: skip
    page = text(officer.get("/people/H1-P2/steps/T7.done/"))
    held = page.partition("holds this step back")[2].partition("</p>")[0]
    assert 'href="/households/H1/"' in held


def test_an_open_step_is_authorised_once_however_often_it_is_sent(small):
    officer = browser("repatriation_officer")
    address = "/people/H1-P1/steps/T7.done/"
    page = text(officer.get(address))
    assert "Authorise" in page
    form = {"key": hidden(page, "key"), "revision": hidden(page, "revision"),
            "effective": "2026-06-10", "destination": "IRN"}  # fmt: skip
    assert officer.post(address, form).status_code == 303
    assert officer.post(address, form).status_code == 303
    assert [e.kind for e in events(small, "H1-P1")].count("T7.done") == 1


def test_a_blocked_step_cannot_be_authorised_by_sending_the_form_anyway(small):
    officer = browser("repatriation_officer")
    before = small.store.head()
    answer = officer.post(
        "/people/H2-P1/steps/T7.done/",
        {"key": "forced-key-1", "effective": "2026-06-10", "destination": "IRN"},
    )
    assert answer.status_code == 409
    assert "Not authorised: a safeguard is not met" in text(answer)
    assert small.store.head() == before


def test_a_role_authorises_only_its_own_pathways(small):
    nobody = browser("resettlement_officer")
    answer = nobody.post(
        "/people/H1-P1/steps/T7.done/",
        {"key": "forced-key-2", "effective": "2026-06-10", "destination": "IRN"},
    )
    assert answer.status_code == 403
    assert "T7.done" not in [e.kind for e in events(small, "H1-P1")]


# -- recording ----------------------------------------------------------------------------------------


def test_refusing_staying_and_withdrawing_take_no_more_clicks_than_leaving(small):
    officer = browser("protection_officer")
    page = text(officer.get("/people/H1-P1/"))
    group = re.search(r'class="equal" role="group".*?</div>', page, re.S)[0]
    buttons = re.findall(r'<a class="(button)" href="([^"]+)"', group)
    addresses = [address for _, address in buttons]
    assert {look for look, _ in buttons} == {"button"}, "all look alike"
    for move in (
        "choice/T4.return",
        "choice/T4.stay",
        "happened/T4.none",
        "happened/T4.withdrawn",
    ):
        assert any(move in address for address in addresses), move
    # One click opens the form; every form has one button that sends it.
    for address in addresses:
        form = text(officer.get(address))
        assert form.count('class="button main"') == 1, address


def mistakes(client, person="H1-P1"):
    page = client.get(f"/people/{person}/timeline/").content.decode()
    return re.findall(rf'href="(/people/{person}/taken-back/[^"]+)"', page)


def test_what_was_recorded_by_mistake_is_taken_back_and_stays_in_the_log(small):
    from onward.registry.models import PersonNow

    officer = browser("protection_officer")
    send(officer, "/people/H1-P1/happened/T22.deceased/", effective="2026-06-10")
    assert not PersonNow.objects.get(person="H1-P1").active
    before = len(small.store.read())
    died = next(
        address for address in mistakes(officer)
        if "died" in text(officer.get(address)).lower() or "Has died" in text(officer.get(address))
    )  # fmt: skip
    assert send(officer, died).status_code == 303
    assert PersonNow.objects.get(person="H1-P1").active
    assert len(small.store.read()) == before + 1
    assert died not in mistakes(officer), "once is enough"
    other = browser("protection_officer", name="dawit", office=cast.ELSEWHERE)
    assert other.get(died).status_code == 404


def test_what_a_person_said_is_never_taken_back(small):
    officer = browser("protection_officer")
    known = set(mistakes(officer))
    send(officer, "/people/H1-P1/happened/T4.withdrawn/", effective="2026-06-10")
    send(
        officer,
        "/people/H1-P1/add/complaint/",
        received_on="2026-06-10",
        effective="2026-06-10",
    )
    send(officer, "/people/H1-P1/add/claim/", expressed_on="2026-06-10", effective="2026-06-10")
    assert set(mistakes(officer)) == known
    row = next(e for e in small.store.read() if e.kind == "T4.withdrawn")
    assert officer.get(f"/people/H1-P1/taken-back/{row.id}/").status_code == 404


def test_a_refusal_is_recorded_though_nothing_is_in_order(small):
    officer = browser("protection_officer")
    answer = send(officer, "/people/H2-P1/happened/T4.withdrawn/", effective="2026-06-10")
    assert answer.status_code == 303
    assert events(small, "H2-P1")[-1].kind == "T4.withdrawn"


def test_a_step_that_took_place_is_recorded_against_the_safeguards_with_a_breach(small):
    officer = browser("supervisor")
    answer = send(
        officer,
        "/people/H2-P1/took-place/",
        move="T7.done",
        led="chosen",
        effective="2026-06-10",
    )
    assert answer.status_code == 303
    kinds = [e.kind for e in events(small, "H2-P1")]
    assert kinds[-2:] == ["T7.done", "breach"]
    assert "Must be told" in text(officer.get("/people/H2-P1/"))


def test_where_a_step_led_is_said_by_whoever_records_it_and_never_guessed(small):
    """Somebody taken elsewhere than they chose: the true place is on record, and is the one paused."""
    officer = browser("supervisor")
    form = {"move": "T7.done", "effective": "2026-06-10"}
    unsaid = send(officer, "/people/H2-P1/took-place/", **form)
    assert unsaid.status_code == 422
    assert "choose where it led" in text(unsaid)
    unnamed = send(officer, "/people/H2-P1/took-place/", led="elsewhere", **form)
    assert unnamed.status_code == 422
    both = send(officer, "/people/H2-P1/took-place/", led="chosen", went_to="DEU", **form)
    assert both.status_code == 422
    assert "T7.done" not in [e.kind for e in events(small, "H2-P1")]
    send(officer, "/people/H2-P1/took-place/", led="elsewhere", went_to="DEU", **form)
    send(officer, "/people/H3-P1/took-place/", led="not_known", **form)
    (left,) = [e for e in events(small, "H2-P1") if e.kind == "T7.done"]
    assert left.facts["went_to"] == "DEU"
    (unknown,) = [e for e in events(small, "H3-P1") if e.kind == "T7.done"]
    assert "went_to" not in unknown.facts
    paused = {
        e.facts["person"]: e.facts.get("destination")
        for e in small.store.read()
        if e.subject.kind == "incident" and e.facts.get("person") in ("H2-P1", "H3-P1")
    }
    assert paused == {"H2-P1": "DEU", "H3-P1": None}


def test_who_left_alone_is_asked_where_and_nothing_else_is(small):
    officer = browser("protection_officer")
    assert "Where it led" in text(officer.get("/people/H2-P1/happened/T17.left_unassisted/"))
    assert "Where it led" not in text(officer.get("/people/H2-P1/happened/T4.withdrawn/"))
    answer = send(
        officer, "/people/H2-P1/happened/T17.left_unassisted/", effective="2026-06-10",
        went_to="TUR",
    )  # fmt: skip
    assert answer.status_code == 303
    (left,) = [e for e in events(small, "H2-P1") if e.kind == "T17.left_unassisted"]
    assert left.facts["went_to"] == "TUR"


def test_a_key_stands_for_one_form_of_one_account_and_for_no_other(small):
    first, second = browser("supervisor"), browser("supervisor", name="second")
    form = {"key": "moved", "move": "T7.done", "led": "chosen", "effective": "2026-06-10"}
    early = {"key": "moved/breach", "move": "T22.absent", "effective": "2026-06-10"}
    for who in (first, second):
        assert who.post("/people/H3-P1/took-place/", early).status_code == 303
    assert [e.kind for e in events(small, "H3-P1")].count("T22.absent") == 2
    for _ in range(2):
        assert first.post("/people/H4-P1/took-place/", form).status_code == 303
    kinds = [e.kind for e in events(small, "H4-P1")]
    assert (kinds.count("T7.done"), kinds.count("breach")) == (1, 1)
    later = {**form, "move": "T22.deceased"}
    assert first.post("/people/H4-P1/took-place/", later).status_code == 303
    assert "T22.deceased" in [e.kind for e in events(small, "H4-P1")]


def test_a_choice_brings_its_consent_and_asks_for_what_is_missing(small):
    officer = browser("protection_officer")
    page = send(officer, "/people/H1-P1/choice/T4.stay/", destination="IRQ")
    assert page.status_code == 422
    said = text(page)
    assert "There is a problem" in said
    for field in ("given_by", "in_private", "informed"):
        assert f'href="#f-{field}-0"' in said, "the summary leads to the field"
        assert f'id="f-{field}-error"' in said, "and the field says it again"


def test_a_consent_without_the_current_sheet_is_recorded_and_opens_nothing(small):
    officer = browser("protection_officer")
    answer = send(
        officer, "/people/H1-P1/choice/T4.stay/", destination="IRQ", signed_on="2026-06-10",
        given_by="self", in_private="yes", informed="yes", pressure="no",
        sheet_version="none", sheet_language="fa",
    )  # fmt: skip
    assert "The consent is recorded; the step is not open yet" in text(answer)
    assert events(small, "H1-P1")[-1].kind != "T4.stay"
    given = [e for e in small.store.read() if e.subject.kind == "consent"][-1]
    assert (given.facts["person"], given.facts["sheet_version"]) == ("H1-P1", "none")


def test_why_a_choice_opens_nothing_is_told_as_far_as_may_be(small, monkeypatch):
    from onward.registry.permissions.access import Reader

    officer = browser("protection_officer")
    monkeypatch.setattr(
        Reader, "tells", lambda *_: False
    )  # as a rulebook with sealed facts would
    said = text(send(
        officer, "/people/H1-P1/choice/T4.stay/", destination="IRQ", signed_on="2026-06-10",
        given_by="self", in_private="yes", informed="yes", sheet_version="none", sheet_language="fa",
    ))  # fmt: skip
    assert "The consent is recorded; the step is not open yet" in said
    assert said.count("<li>Something that your role may not read is not met.</li>") == 1


def test_a_complaint_can_be_taken_by_somebody_who_may_not_read_complaints(small):
    clerk = browser("data_clerk")
    answer = send(clerk, "/people/H1-P1/add/complaint/", category="coercion",
                  received_on="2026-06-10", effective="2026-06-10")  # fmt: skip
    assert answer.status_code == 303
    assert "Coercion" not in text(clerk.get("/people/H1-P1/"))
    assert "Moves paused" in text(browser("supervisor", name="chantal").get("/people/reviews/"))


def test_a_fear_is_seen_before_anything_else_by_who_may_read_it_until_it_is_withdrawn(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    said = "Fear or a claim is on record."
    officer = browser("protection_officer")
    boss = browser("supervisor", name="chantal")

    def records(key, **facts):
        acts.record(Actor("mira", cast.EVERYBODYS), Subject("claim", "fear"), "recorded", facts=facts,
                    effective="2026-06-09", idempotency_key=key)  # fmt: skip

    assert said not in text(officer.get("/people/H1-P1/"))
    records("said", person="H1-P1", expressed_on="2026-06-09")
    assert said in text(officer.get("/people/H1-P1/"))
    assert said not in text(boss.get("/people/H1-P1/")), "it is a sealed field"
    records(
        "back",
        withdrawn_freely=True,
        counselled_on_withdrawal=True,
        legal_advice_available=True,
    )
    assert said not in text(officer.get("/people/H1-P1/"))


def test_a_field_left_alone_stays_unknown(small):
    officer = browser("protection_officer")
    send(officer, "/people/H1-P1/add/interview/", purpose="interview", held_on="2026-06-10",
         alone="yes", effective="2026-06-10")  # fmt: skip
    recorded = [e for e in small.store.read() if e.subject.kind == "interview"][-1]
    assert recorded.facts["alone"] is True
    assert "observer_present" not in recorded.facts
    assert "confidential_place" not in recorded.facts


def test_a_form_says_what_was_recorded_meanwhile_and_loses_nothing(small):
    amina = browser("protection_officer")
    bilal = browser("protection_officer", name="bilal")
    address = "/people/H1-P1/facts/"
    page = text(amina.get(address))
    form = {"key": hidden(page, "key"), "revision": hidden(page, "revision")}
    send(bilal, address, language="ku", effective="2026-06-10")
    answer = amina.post(address, {**form, "language": "az", "effective": "2026-06-10"})
    assert answer.status_code == 409
    said = text(answer)
    assert "Somebody recorded something while this form was open" in said
    assert "<ins>Kurmancî</ins>" in said
    assert 'value="az"' in said, "what was typed is kept"
    again = {**form, "key": hidden(said, "key"), "revision": hidden(said, "revision")}
    assert (
        amina.post(address, {**again, "language": "az", "effective": "2026-06-10"}).status_code
        == 303
    )


def recorded_of_a_thing(client, kind="consent", **facts):
    """Adds to what is on record of a kind about H1-P1, and gives its page back."""
    from onward.registry.models import ThingNow

    thing = ThingNow.objects.filter(kind=kind, person="H1-P1").first().thing
    address = f"/people/H1-P1/{kind}/{thing}/"
    assert send(client, address, effective="2026-06-10", **facts).status_code == 303


def happened_to(client):
    page = text(client.get("/people/H1-P1/"))
    return page.partition('id="story"')[2].partition("</section>")[0]


def test_what_is_said_later_of_a_consent_stands_in_what_happened(small):
    officer = browser("protection_officer")
    assert "Withdrawn: Yes" not in re.sub(r"<[^>]+>", "", happened_to(officer))
    recorded_of_a_thing(officer, withdrawn="yes")
    story = re.sub(r"<[^>]+>", "", happened_to(officer))
    assert "Withdrawn: Yes" in re.sub(r"\s+", " ", story)


def test_a_form_says_what_was_said_meanwhile_of_a_consent(small):
    amina, bilal = browser("protection_officer"), browser("protection_officer", name="bilal")
    address = "/people/H1-P1/facts/"
    page = text(amina.get(address))
    form = {"key": hidden(page, "key"), "revision": hidden(page, "revision")}
    recorded_of_a_thing(bilal, withdrawn="yes")
    answer = amina.post(address, {**form, "language": "az", "effective": "2026-06-10"})
    assert answer.status_code == 409
    meanwhile = text(answer).partition("Recorded meanwhile")[2].partition("</table>")[0]
    assert "Withdrawn" in meanwhile


def test_what_is_said_of_one_persons_record_is_told_of_nobody_else(small):
    from onward.caseload.events import Subject
    from onward.registry.models import ThingNow
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    mine = ThingNow.objects.filter(kind="consent", person="H1-P1").first().thing
    anybody = Actor("mira", cast.EVERYBODYS)
    other = Subject("interview", mine)  # the same name, of another kind and of somebody else
    acts.record(anybody, other, "recorded", effective="2026-06-09", idempotency_key="first",
                facts={"person": "H2-P1", "purpose": "interview"})  # fmt: skip
    acts.record(anybody, other, "recorded", effective="2026-06-10", idempotency_key="then",
                facts={"purpose": "rsd"})  # fmt: skip
    page = text(browser("protection_officer").get("/people/H1-P1/timeline/"))
    assert "Refugee status determination" not in page


@pytest.mark.parametrize("move", ["T4.withdrawn", "T4.none"])
def test_whoever_took_a_choice_back_is_not_to_be_asked_for_it_again(small, move):
    officer = browser("protection_officer")

    def stage():
        page = text(officer.get("/people/H1-P1/"))
        return page.partition('id="axis-stage"')[2].partition("</section>")[0]

    assert "Consent: Return home" in stage()
    send(officer, f"/people/H1-P1/happened/{move}/", effective="2026-06-10")
    assert "Consent" not in stage()
    assert "Ask again" not in stage()


@pytest.mark.parametrize(
    "typed", ["1978-03-21/1979-03-20", "1984", "1984-02", "1984-02-09/1984-03-01"]
)
def test_facts_of_somebody_born_in_a_year_or_in_some_days_are_corrected_and_the_birth_stays(
    small, typed
):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    acts.record(Actor("mira", cast.EVERYBODYS), Subject("person", "H1-P1"), "recorded",
                effective="2026-06-01", facts={"birth": typed}, idempotency_key="born")  # fmt: skip
    officer = browser("protection_officer")
    for language in ("en", "fa"):
        officer.cookies["django_language"] = language
        address = "/people/H1-P1/facts/"
        page = text(officer.get(address))
        shown = re.search(r'name="birth" type="text" value="([^"]*)"', page)[1]
        day = re.search(r'name="effective" type="text" value="([^"]*)"', page)[1]
        spoken = {"en": "az", "fa": "ps"}[language]
        sent = {name: hidden(page, name) for name in ("key", "revision")}
        sent |= {"birth": shown, "language": spoken, "effective": day}
        assert officer.post(address, sent).status_code == 303
        assert dict(events(small, "H1-P1")[-1].facts) == {"language": spoken}
    if "03-21/" in typed:
        assert shown == "1357", "a Solar Hijri year is shown as one"


def test_what_a_state_decided_is_nobodys_own_choice_and_a_mistake_in_it_is_taken_back(small):
    from onward.caseload.events import Subject
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    anybody = Actor("mira", cast.EVERYBODYS)
    for step in ("T4.resettlement", "T14.done"):
        acts.record(anybody, Subject("person", "H1-P1"), step, effective="2026-06-09",
                    idempotency_key=step)  # fmt: skip
    officer = browser("protection_officer")
    page = text(officer.get("/people/H1-P1/"))
    own = page.partition('id="choice"')[2].partition("<h3")[0]
    others = page.partition('id="elsewhere"')[2].partition("<h3")[0]
    for decision in ("T15.denied", "T15.deferred"):
        address = f"/people/H1-P1/happened/{decision}/"
        assert address not in own
        assert address in others
    assert "/happened/T4.withdrawn/" in own
    before = set(mistakes(officer))
    send(officer, "/people/H1-P1/happened/T15.denied/", effective="2026-06-10")
    (mistake,) = set(mistakes(officer)) - before
    assert send(officer, mistake).status_code == 303


def test_a_wrong_date_says_what_is_allowed_and_never_repeats_it(small):
    officer = browser("protection_officer")
    answer = send(officer, "/people/H1-P1/happened/T4.none/", effective="10 Zarifeh 2026")
    said = text(answer)
    assert answer.status_code == 422
    assert "Not a date. Write it as 2026-10-31" in said
    assert said.count("Zarifeh") == 1, "only the field itself shows what was typed"


def test_a_date_in_the_persian_calendar_and_digits_is_understood(small):
    officer = browser("protection_officer")
    send(officer, "/people/H1-P1/happened/T4.none/", effective="۱۴۰۵/۰۳/۲۰")
    assert events(small, "H1-P1")[-1].effective == "2026-06-10"


def test_reviewing_a_complaint_lets_moves_be_asked_again(small):
    supervisor = browser("supervisor")
    send(supervisor, "/people/H1-P1/add/complaint/", category="coercion",
         received_on="2026-06-10", effective="2026-06-10")  # fmt: skip
    page = text(supervisor.get("/people/reviews/"))
    address = re.search(r'href="(/reviews/complaint/[^"]+)"', page)[1]
    assert (
        supervisor.post(
            address, {"key": "review-key-1", "triaged": "yes", "effective": "2026-06-10"}
        ).status_code
        == 303
    )
    assert address not in text(supervisor.get("/people/reviews/"))


def test_a_grave_incident_pauses_moves_there_until_somebody_has_reviewed_it(small):
    officer = browser("protection_officer")
    assert "/people/H2-P1/add/incident/" in text(officer.get("/people/H2-P1/"))
    page = text(officer.get("/people/H2-P1/add/incident/"))
    assert "paused until somebody has reviewed it" in page
    assert 'name="reviewed"' not in page, "nobody reviews while reporting"
    assert 'name="of_breach"' not in page, "a pause after a breach is said by the record alone"
    key = {"key": hidden(page, "key"), "revision": hidden(page, "revision")}
    said = text(officer.post(
        "/people/H2-P1/add/incident/",
        {**key, "destination": "IRN", "severity": "1", "happened_on": "2026-06-09"}, follow=True,
    ))  # fmt: skip
    assert "Pending moves are paused until somebody has reviewed it: IRN" in said
    step = "/people/H1-P1/steps/T7.done/?destination=IRN"
    unmet = '<p class="sentence">Every grave incident after departure to this destination'
    assert unmet in text(officer.get(step))
    waiting = text(officer.get("/people/reviews/"))
    address = re.search(r'href="(/reviews/incident/[^"]+)"', waiting)[1]
    page = text(officer.get(address))
    assert "Until this is reviewed, no move" in page
    assert "Day of the review" in page
    assert waiting.index("Incident") < waiting.index("</tbody>")
    answer = officer.post(
        address, {"key": "seen-1", "reviewed": "yes", "effective": "2026-06-10"}
    )
    assert answer.status_code == 303
    assert address not in text(officer.get("/people/reviews/"))
    assert unmet not in text(officer.get(step))


def test_only_a_reviewer_lifts_what_a_complaint_pauses(small):
    from onward.caseload.events import Subject
    from onward.registry.permissions import access
    from onward.registry.recording import acts

    clerk = cast.account("bilal", "data_clerk")
    said = {"person": "H1-P1", "category": "coercion", "received_on": "2026-06-10"}
    taken = {"effective": "2026-06-10", "facts": said, "idempotency_key": "taken"}
    acts.record(clerk, Subject("complaint", "C-9"), "recorded", **taken)
    done = {**taken, "facts": {"triaged": True}, "idempotency_key": "done"}
    with pytest.raises(access.Refused):
        acts.record(clerk, Subject("complaint", "C-9"), "recorded", **done)
    acts.record(
        cast.account("chantal", "supervisor"), Subject("complaint", "C-9"), "recorded", **done
    )


def test_a_day_that_has_not_come_is_no_day_on_which_something_happened(small):
    officer = browser("protection_officer")
    before = len(events(small, "H1-P1"))
    answer = send(officer, "/people/H1-P1/happened/T22.deceased/", effective="2062-06-10")
    assert answer.status_code == 422
    assert "This day has not come yet" in text(answer)
    assert len(events(small, "H1-P1")) == before


def test_a_new_record_asks_its_day_once_and_counts_from_it(small):
    officer = browser("protection_officer")
    page = text(officer.get("/people/H1-P1/add/interview/"))
    assert 'name="held_on"' in page
    assert 'name="effective"' not in page
    send(officer, "/people/H1-P1/add/interview/", purpose="interview", held_on="2026-06-08")
    recorded = [e for e in small.store.read() if e.subject.kind == "interview"][-1]
    assert recorded.effective == "2026-06-08"


def test_the_page_of_somebody_who_died_offers_no_choice(small):
    officer = browser("protection_officer")
    send(officer, "/people/H1-P1/happened/T22.deceased/", effective="2026-06-10")
    page = text(officer.get("/people/H1-P1/"))
    assert "This person has died." in page
    assert "The person's own choice" not in page
    assert "What befell the person" not in page
    assert "/add/consent/" not in page
    assert "/add/complaint/" in page, "what the person said can still be recorded"


def test_an_error_is_said_once_in_the_summary(small):
    officer = browser("protection_officer")
    said = text(
        send(officer, "/people/H1-P1/choice/T4.stay/", destination="IRQ", in_private="")
    )
    assert "Choose an answer: Given by." in said
    assert "Given by: Choose an answer" not in said


# -- households ---------------------------------------------------------------------------------------


def test_a_household_shows_each_adults_own_consent_and_a_wrong_roster(small):
    officer = browser("protection_officer")
    page = text(officer.get("/households/H2/"))
    assert "Withdrawn" in page
    assert "The roster says 3 people; 2 are on record." in text(officer.get("/households/H7/"))
    assert officer.get("/households/H9/").status_code == 404


def test_a_household_whose_members_choose_differently_is_pointed_out(small):
    officer = browser("protection_officer")
    send(officer, "/people/H1-P2/facts/", intended_destination="CAN", effective="2026-06-10")
    page = text(officer.get("/households/H1/"))
    assert "Members chose differently." in page
    assert "/households/H1/" in text(officer.get("/households/?show=split"))


# -- costs ----------------------------------------------------------------------------------------------


def queries(client, address):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


PAGES = ("/", "/people/", "/households/", "/households/H1/", "/people/H1-P1/",
         "/people/H1-P1/timeline/", "/people/reviews/", "/calendar/follow-ups/", "/head-count/")  # fmt: skip


def test_a_page_costs_the_same_however_many_rows_it_shows(small):
    import random
    from datetime import UTC, datetime

    from onward.caseload.events import Subject, new_event
    from onward.registry.now import projection

    def more(number, key):
        made = []
        for n in range(number):
            for kind, name, facts in (
                (
                    "person",
                    f"{key}{n}",
                    {
                        "household": "H1",
                        "site": "camp-1",
                        "place": "in_camp",
                        "legal": "gc4_protected",
                        "stage": "verified",
                    },
                ),
                (
                    "complaint",
                    f"c-{key}{n}",
                    {
                        "person": "H1-P1",
                        "category": "services",
                        "triaged": False,
                        "received_on": "2026-06-09",
                    },
                ),
                ("follow_up", f"f-{key}{n}", {"person": "H1-P1", "due_on": "2026-06-01"}),
            ):
                made.append(
                    new_event(
                        small.rulebook, operation="meridian", subject=Subject(kind, name),
                        kind="registered" if kind == "person" else "recorded",
                        effective="2026-06-09", by="amina", random=random.Random(f"{key}{n}{kind}"),
                        instant=datetime(2026, 6, 9, tzinfo=UTC), facts=facts,
                        idempotency_key=f"{kind}-{key}{n}",
                    )
                )  # fmt: skip
        small.record(made)
        projection.ensure(small)

    client = browser("supervisor")
    more(1, "a")
    before = {address: queries(client, address) for address in PAGES}
    more(12, "b")
    assert {address: queries(client, address) for address in PAGES} == before


# -- registering ------------------------------------------------------------------------------------------


def family(page, **more):
    return {
        "key": hidden(page, "key"), "size": "2", "do": "register", "site": "camp-1",
        "effective": "2026-06-10", "m0-given": "گلاره", "m0-father": "نادر", "m0-family": "زمانی",
        "m0-sex": "female", "m0-birth": "1990", "m0-role_in_household": "head", "m1-given": "Sina",
        "m1-father": "Naser", "m1-family": "Zamani", "m1-birth": "2015-06", **more,
    }  # fmt: skip


def test_a_household_is_registered_with_its_names_in_the_vault_only(small):
    clerk = browser("data_clerk")
    page = text(clerk.get("/households/new/?size=2"))
    answer = clerk.post("/households/new/", family(page))
    assert answer.status_code == 303
    assert clerk.post("/households/new/", family(page)).status_code == 303, (
        "sent twice, once done"
    )
    added = [
        e for e in small.store.read() if e.kind == "registered" and e.subject.kind == "person"
    ][-2:]
    assert {e.facts.get("birth") for e in added} == {"1990", "2015-06"}
    assert not any("Zamani" in str(e) or "زمانی" in str(e) for e in small.store.read())
    assert small.vault.get(added[0].subject.id)["name.family.Arab"] == "زمانی"
    assert added[0].subject.id in text(
        clerk.post("/people/search/", {"q": "Golare Zamani"}, follow=True)
    )


def test_somebody_like_one_on_record_is_shown_before_anything_is_written(small):
    clerk = browser("data_clerk")
    before = small.store.head()
    page = text(clerk.get("/households/new/?size=1"))
    same = {"key": hidden(page, "key"), "size": "1", "do": "register", "site": "camp-1",
            "effective": "2026-06-10", "m0-given": "Zarifeh", "m0-family": "Nowruzian"}  # fmt: skip
    said = text(clerk.post("/households/new/", same))
    assert "Somebody like this is on record" in said
    assert "/people/H1-P1/" in said
    assert small.store.head() == before
    assert clerk.post("/households/new/", {**same, "different": "yes"}).status_code == 303


# -- exceptions -------------------------------------------------------------------------------------------


def test_an_exception_takes_two_people_and_a_reason(small):
    officer = browser("protection_officer")
    address = "/people/H3-P1/steps/T7.done/exception/G1.resolved/"
    assert "Identity is resolved" in text(officer.get(address))
    assert (
        officer.post(address, {"valid_on": "2026-06-10", "destination": "IRN"}).status_code
        == 422
    )
    form = {
        "valid_on": "2026-06-10",
        "destination": "IRN",
        "reason": "Papers lost in the fire; known for years.",
    }
    assert officer.post(address, form).status_code == 303
    assert "Waiting for a decision" in text(officer.get("/exceptions/"))
    supervisor = browser("supervisor", name="chantal")
    page = text(supervisor.get("/exceptions/"))
    given = {"proposal": hidden(page, "proposal"), "do": "approve"}
    assert officer.post("/exceptions/", given).status_code == 403
    assert supervisor.post("/exceptions/", given).status_code == 303
    assert "override" in [e.kind for e in events(small, "H3-P1")]


def test_a_hard_safeguard_has_no_exception(small):
    officer = browser("protection_officer")
    assert officer.get("/people/H2-P1/steps/T7.done/exception/G3.consent/").status_code == 404


@pytest.mark.parametrize(
    ("kind", "fact", "value"),
    [("consent", "pathway", "return"), ("interview", "purpose", "interview"), ("assessment", "topic", "capacity")],
)  # fmt: skip
def test_a_record_says_what_it_is_of_and_an_empty_form_records_nothing(
    small, kind, fact, value
):
    from onward.registry.models import ThingNow

    amina = cast.signed_in(cast.account("amina", "protection_officer"))
    before = ThingNow.objects.filter(kind=kind).count()
    refused = amina.post(f"/people/H1-P1/add/{kind}/", {"effective": "2026-06-10", "key": "a"})
    assert refused.status_code == 422
    assert f'<a href="#f-{fact}' in refused.content.decode(), "the summary leads to the field"
    assert ThingNow.objects.filter(kind=kind).count() == before
    sent = {"effective": "2026-06-10", fact: value, "key": "b"}
    assert amina.post(f"/people/H1-P1/add/{kind}/", sent).status_code == 303
    assert ThingNow.objects.filter(kind=kind).count() == before + 1


def test_a_complaint_is_taken_with_nothing_but_the_day(small):
    amina = cast.signed_in(cast.account("amina", "protection_officer"))
    sent = {"received_on": "2026-06-10", "key": "c"}
    assert amina.post("/people/H1-P1/add/complaint/", sent).status_code == 303
