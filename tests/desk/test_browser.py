"""An officer's week in a real browser: in English and Arabic, by keyboard, without script, for everybody."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import registry_cast as cast
from machine_eyes import Look

CHROMIUM = "/usr/bin/chromium"
CANARIES = ("Zarifeh", "Nowruzian", "ظریفه", "QX7788123", "blue heron")

PAPER = {
    "name": "Zarifeh Nowruzian.pdf", "mimeType": "application/pdf",
    "buffer": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
}  # fmt: skip
LIST = {
    "name": "people.csv", "mimeType": "text/csv",
    "buffer": b"Number,Family,Full name,Sex,Date of birth\n"
    b"301,F9,Kamran Daneshvar,M,1984-05-06\n302,F9,Leyla Daneshvar,F,1988-02-11\n",
}  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def chromium():
    """One browser for the module; says what to install where it is missing."""
    from playwright.sync_api import sync_playwright

    assert shutil.which("chromium") or Path(CHROMIUM).exists(), (
        "These tests need Chromium: apt-get install chromium"
    )
    # The driver runs a loop in this thread, which Django takes for asynchronous code.
    patch = pytest.MonkeyPatch()
    patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as play:
        found = play.chromium.launch(
            executable_path=shutil.which("chromium") or CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield found
        found.close()
    patch.undo()


@pytest.fixture
def desk(small, chromium):
    """The small operation served on loopback, and a way to open it as somebody."""
    from onward.registry.web.jobs import Worker

    worker = Worker()
    worker.start()
    try:
        with serving(chromium) as desk:
            yield desk
    finally:
        worker.stop()
        worker.join(30)


@contextmanager
def serving(chromium):
    """The operation that is open in this process, served on loopback."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connections
    from waitress.server import create_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server(WSGIHandler(), host="127.0.0.1", port=port, threads=2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    desk = Desk(chromium, f"http://127.0.0.1:{port}")
    try:
        yield desk
    finally:
        desk.close()
        server.close()
        server.task_dispatcher.shutdown()
        thread.join(5)
        connections.close_all()


class Desk:
    """Opens browsers in which somebody is signed in, and notes every address they ask for."""

    def __init__(self, chromium, address):
        self.chromium, self.address = chromium, address
        self.contexts, self.asked, self.said = [], [], []

    def open(self, account, language="en", **how):
        from django.conf import settings

        from onward.registry.signing_in.signin import has_factor

        client = cast.signed_in(account, factor=has_factor(account))
        cookie = {"url": self.address, "name": settings.SESSION_COOKIE_NAME,
                  "value": client.cookies[settings.SESSION_COOKIE_NAME].value}  # fmt: skip
        return self.stranger(language, cookie, **how)

    def stranger(self, language="en", *cookies, **how):
        """A browser in which nobody is signed in, or whoever the cookies say."""
        from django.conf import settings

        context = self.chromium.new_context(
            base_url=self.address, viewport={"width": 1366, "height": 768}, **how
        )
        chosen = {"url": self.address, "name": settings.LANGUAGE_COOKIE_NAME, "value": language}
        context.add_cookies([*cookies, chosen])
        context.on("request", lambda request: self.asked.append(request.url))
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self.said.append(message.text)
                if message.type in ("error", "warning") else None)  # fmt: skip
        page.on("pageerror", lambda error: self.said.append(str(error)))
        self.contexts.append(context)
        return page

    def close(self):
        for context in self.contexts:
            context.close()


def words(language):
    """The desk's words in a language, to press what a person of that language presses."""
    from django.utils import translation

    def say(text):
        with translation.override(language):
            return translation.gettext(text)

    return say


# -- the week -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
def test_an_officers_week(desk, small, language):
    say = words(language)
    page = desk.open(cast.account("amina", "protection_officer"), language)
    # Monday: find somebody by name, see why the way home is blocked.
    page.goto("/")
    assert page.evaluate("document.documentElement.dir") == (
        "rtl" if language == "ar" else "ltr"
    )
    page.get_by_role("searchbox").fill("شیرین برادر")
    page.get_by_role("button", name=say("Find"), exact=True).click()
    assert "q=" not in page.url
    page.get_by_role("link", name="H2-P1").first.click()
    page.get_by_text(
        say("Only the person can choose. Offer counselling on every pathway; never press.")
    ).first.wait_for(state="attached")
    # Who is it? Asked for a reason.
    page.get_by_role("link", name=say("Show who this is")).click()
    page.get_by_label(say("To call or meet the person")).check()
    page.get_by_role("button", name=say("Show"), exact=True).click()
    page.get_by_text("Shirin Baradar").wait_for()
    page.get_by_role("link", name=say("Hide again")).click()
    assert "Baradar" not in page.content()
    # Tuesday: an interview, in private.
    page.locator('a[href$="/add/interview/"]').click()
    page.get_by_label(say("Counselling"), exact=True).check()
    for fact in ("alone", "impartial_body", "confidential_place", "own_interpreter"):
        page.locator(f"#f-{fact}-0").check()
    page.locator("#f-observer_present-1").check()
    page.get_by_label(say("Scans and photos")).set_input_files([PAPER])
    page.locator("main button.main").click()
    page.locator(".notice.good").wait_for()
    # The signed note is a download, for a reason; its own name is kept nowhere.
    page.locator("summary").get_by_text(say("Scans and photos")).click()
    page.locator('a[href*="/files/"]').click()
    page.get_by_label(say("To verify identity or a duplicate")).check()
    with page.expect_download() as got:
        page.get_by_role("button", name=say("Download"), exact=True).click()
    assert Path(got.value.path()).read_bytes() == PAPER["buffer"]
    assert "Zarifeh" not in got.value.suggested_filename
    page.get_by_role("link", name=say("Go back")).click()
    # Wednesday: the person withdraws the choice; it is recorded at once.
    page.locator('a[href$="/happened/T4.withdrawn/"]').click()
    page.locator("main button.main").click()
    page.locator(".notice.good").wait_for()
    page.locator(".timeline").get_by_text(
        words(language)("Record the person's choice")
    ).first.wait_for()
    # Thursday: an appointment for the household, then the week.
    page.goto("/people/")
    page.locator('input[name=people][value="H1-P1"]').check()
    page.locator("button[value=schedule]").click()
    page.locator("#f-day").fill("2026-06-11")
    page.locator("#f-room").fill("tent 3")
    page.locator("main button.main").click()
    page.locator(".week").get_by_text("tent 3").wait_for()
    # Friday: the count of the day.
    page.goto("/head-count/")
    page.locator("#f-counted").fill("16")
    page.locator("main button.main").click()
    page.locator(".notice.good").wait_for()
    page.locator(".status.done").first.wait_for()
    assert desk.said == [], "the browser complained"
    assert {
        re.match(r"https?://[^/]+", url)[0] for url in desk.asked if not url.startswith("data:")
    } == {desk.address}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_convoy_from_the_manifest_to_the_last_person(desk, small, language):
    say = words(language)
    page = desk.open(cast.account("chantal", "supervisor"), language)
    page.goto("/convoys/")
    page.locator('input[name=pathway][value="return"]').check()
    page.get_by_label(say("Destination"), exact=True).fill("IRN")
    page.get_by_label(say("Day of departure")).fill("2026-06-10")
    page.get_by_label(say("Seats")).fill("4")
    page.get_by_role("button", name=say("Plan the convoy")).click()
    for person in ("H1-P1", "H1-P2"):
        page.locator(f'input[name=people][value="{person}"]').check()
    page.get_by_role("button", name=say("Put on the manifest")).click()
    # One is said to have boarded; the other is not passed over in silence.
    page.locator('input[name^="boarded-"][value=yes]').first.check()
    page.get_by_role("button", name=say("Record who boarded")).click()
    page.get_by_text(say("Find this person")).wait_for()
    called = say("The roll was called: everybody not marked otherwise boarded, or arrived")
    page.get_by_label(called).check()
    page.get_by_role("button", name=say("Record who boarded")).click()
    page.locator('input[name^="arrived-"][value=yes]').nth(1).wait_for()
    page.get_by_label(called).check()
    page.get_by_role("button", name=say("Record who arrived")).click()
    page.get_by_text(say("Everybody is accounted for")).wait_for()
    assert desk.said == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_list_is_brought_in_step_by_step_and_taken_back(desk, small, language):
    say = words(language)
    page = desk.open(cast.account("farid", "data_clerk"), language)
    page.goto("/imports/")
    page.locator("main input[type=file]").first.set_input_files([LIST])
    page.locator("main button.main").first.click()
    page.locator("main select[name^='to:']").first.wait_for()
    for number, column in enumerate(("person", "household", "name.full", "sex", "birth")):
        page.locator(f"select[name='to:{number}']").select_option(column)
    page.locator("#calendar").select_option("gregorian")
    page.get_by_role("button", name=say("Check every row")).click()
    page.get_by_text(say("This would be recorded")).wait_for()
    page.get_by_role("button", name=say("Record the list")).click()
    page.get_by_text(say("The list is recorded")).wait_for()
    lead = desk.open(cast.account("chantal", "supervisor"), language)
    lead.goto("/imports/")
    lead.locator('form[action$="/imports/undo/"] button').first.click()
    lead.locator("#job .status.done").wait_for()
    assert desk.said == []
    assert not any("Daneshvar" in url for url in desk.asked)


def test_a_list_is_left_and_found_again_without_javascript(desk, small):
    clerk = cast.account("farid", "data_clerk")
    page = desk.open(clerk, java_script_enabled=False)
    page.goto("/imports/")
    page.locator("main input[type=file]").first.set_input_files([LIST])
    page.locator("main button.main").first.click()
    for number, column in enumerate(("person", "household", "name.full", "sex", "birth")):
        page.locator(f"select[name='to:{number}']").select_option(column)
    page.locator("#calendar").select_option("gregorian")
    page.get_by_role("button", name="Check every row").click()
    page.close()  # the browser is shut; the work goes on
    page = desk.open(clerk, java_script_enabled=False)
    page.goto("/imports/")
    page.locator("main a[href^='/imports/'] + .status").wait_for()
    page.locator("main ul.plain a[href^='/imports/']").click()
    record = page.get_by_role("button", name="Record the list")
    looked_until(page, record)
    record.click()
    looked_until(page, page.get_by_text("The list is recorded"))


def looked_until(page, wanted) -> None:
    """Look again at work under way, as its page asks for, until what is wanted stands there."""
    again = page.get_by_role("link", name="Look again")
    while wanted.or_(again).first.wait_for() or not wanted.count():
        again.click()


# -- by keyboard --------------------------------------------------------------------------------------


def test_everything_is_reached_by_keyboard_and_always_seen(desk, small):
    page = desk.open(cast.account("amina", "protection_officer"))
    page.goto("/people/H2-P1/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "page"
    unseen = []
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
            const covered = b.width && b.height ? document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2) : null;
            return {name: e.tagName, to: e.getAttribute('href') || e.name || '', outline: s.outlineStyle !== 'none',
                    hidden: !!covered && !e.contains(covered) && !covered.contains(e) && !e.closest('.skip')}; }"""
        )
        if found["name"] == "BODY":
            break
        reached.append(found["to"])
        if not found["outline"] or found["hidden"]:
            unseen.append(found)
    assert unseen == []
    assert any("happened/T4.withdrawn" in to for to in reached)
    # Refuse, with the keyboard alone.
    page.locator('a[href$="/happened/T4.withdrawn/"]').focus()
    page.keyboard.press("Enter")
    page.locator("#f-effective").wait_for()
    page.locator("#f-effective").focus()
    page.keyboard.press("Enter")
    page.locator(".notice.good").wait_for()


def test_a_summary_of_errors_takes_the_focus_and_leads_to_the_field(desk, small):
    page = desk.open(cast.account("amina", "protection_officer"))
    page.goto("/people/H1-P1/choice/T4.stay/")
    page.locator("main button.main").click()
    page.locator(".problems").wait_for()
    assert page.evaluate("document.activeElement.className") == "problems"
    page.locator('.problems a[href="#f-given_by-0"]').focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "f-given_by-0"


# -- without script -------------------------------------------------------------------------------------


def test_the_desk_works_without_script(desk, small):
    page = desk.open(cast.account("amina", "protection_officer"), java_script_enabled=False)
    page.goto("/people/")
    page.locator("#filter-stage").select_option("verified")
    page.locator(".filters button").click()
    page.get_by_text("Nobody matches these filters").wait_for()
    page.goto("/people/H2-P1/")
    page.locator("details.step summary").first.click()
    page.get_by_role("link", name="Which facts are missing").first.click()
    page.get_by_text("What authorising needs").wait_for()
    page.goto("/people/H2-P1/happened/T4.none/")
    page.locator("#f-files").set_input_files([PAPER])
    page.locator("main button.main").click()
    page.locator(".notice.good").wait_for()
    page.get_by_text("Scans and photos").wait_for()
    page.goto("/head-count/")
    page.locator("#f-counted").fill("16")
    page.locator("main button.main").click()
    page.locator(".notice.good").wait_for()
    page.locator(".bar summary").first.click()
    page.get_by_role("button", name="فارسی").click()
    assert page.locator("html").get_attribute("dir") == "rtl"


def test_missing_facts_open_in_place_with_script(desk, small):
    page = desk.open(cast.account("amina", "protection_officer"))
    page.goto("/people/H2-P1/")
    page.locator("details.step summary").first.click()
    page.get_by_role("link", name="Which facts are missing").first.click()
    page.get_by_text("Missing facts").first.wait_for()
    assert page.url.endswith("/people/H2-P1/")
    assert desk.said == []


# -- leaving ----------------------------------------------------------------------------------------------


def test_escape_three_times_leaves_and_leaves_nothing_behind(desk, small):
    page = desk.open(cast.account("amina", "protection_officer"))
    page.goto("/people/H1-P1/identity/")
    page.get_by_label("To call or meet the person").check()
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_text("Zarifeh Nowruzian").wait_for()
    kept = page.evaluate(
        """() => ['localStorage', 'sessionStorage'].map(name => {
            try { return JSON.stringify({...window[name]}); } catch (refused) { return '{}'; } })"""
    )
    assert kept == ["{}", "{}"]
    for _ in range(3):
        page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"(blank|sign-in)"))
    # The browser kept no copy to go back to: it would have to send the form again, and asks first.
    with pytest.raises(Exception, match="ERR_CACHE_MISS"):
        page.go_back()
    page.wait_for_function("document.title && location.protocol === 'chrome-error:'")
    assert not any(word in page.content() for word in CANARIES)
    assert not any(word in url for url in desk.asked for word in CANARIES)


# -- for everybody ------------------------------------------------------------------------------------------


def paper_on(operation):
    """The page of a paper attached to somebody's record."""
    from onward.registry.identities import attachments
    from onward.registry.identities.scans import cleaned
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    officer = Actor("amina", frozenset({"protection_officer"}))
    done = attachments.attaching(
        officer, "H1-P1", [cleaned(PAPER["buffer"])],
        lambda references: acts.record(
            officer, ("person", "H1-P1"), "recorded", effective="2026-06-10",
            facts={"language": "fa"}, evidence=references, idempotency_key="paper",
        ), about="person",
    )  # fmt: skip
    reference = done.events[0].evidence[0].removeprefix(attachments.MARK)
    return f"/people/H1-P1/files/{reference}/"


def manifest_of(operation):
    """The page of a convoy that left, with somebody on it who is not accounted for."""
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    lead = Actor("chantal", frozenset({"supervisor"}))
    facts = {"pathway": "return", "destination": "IRN", "day": "2026-06-10", "seats": 4,
             "state": "departed"}  # fmt: skip
    seats = [
        (("convoy", "bus-1"), facts),
        (("seat", "s-1"), {"person": "H1-P1", "convoy": "bus-1", "boarded": True}),
        (("seat", "s-2"), {"person": "H1-P2", "convoy": "bus-1"}),
    ]
    acts.record_batch(
        lead,
        [{"subject": subject, "kind": "recorded", "effective": "2026-06-10", "facts": facts}
         for subject, facts in seats],
        idempotency_key="bus",
    )  # fmt: skip
    return "/convoys/bus-1/"


@pytest.mark.proof
@pytest.mark.parametrize("language", ["en", "fa"])
def test_pages_that_appear_only_after_work_have_no_fault_either(desk, small, language):
    """The plan with its actions, keys that wait for a drill, and keys that were renewed."""
    from test_planning import PLAN

    from onward.registry import site
    from onward.registry.keyring import keys
    from onward.registry.planning import adopt_plan

    adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    paper, _code = keys.recovery_slot("meridian", site.current().root)
    keys.add_slots(small.path, site.current().root, [{**paper, "holder": "Safe"}])
    say, look = words(language), Look(desk, language)
    custodian = look.as_(cast.account("kay", "custodian", office=""))
    custodian.goto("/administration/keys/")
    look.at(custodian)
    custodian.get_by_role("button", name=say("Renew the keys")).click()
    custodian.get_by_role("link", name=say("See what came of it")).wait_for()
    look.at(custodian)
    lead = look.as_(cast.account("vera", "plan_lead"))
    lead.goto("/plan/")
    look.at(lead)
    lead.goto(lead.locator('a[href^="/plan/pledges/"]').first.get_attribute("href"))
    look.at(lead)
    lead.fill("#f-filled", "7")
    lead.get_by_role("button", name=say("Show what would change")).click()
    lead.locator('a[href="#f-reason"]').wait_for()  # why is asked for, beside what would change
    look.at(lead)
    lead.fill("#f-reason", "Counted")
    lead.get_by_role("button", name=say("Show what would change")).click()
    lead.get_by_role("button", name=say("Keep this change")).wait_for()
    look.at(lead)
    for role in ("medical", "data_clerk", "partner", "auditor"):
        who = cast.account(f"home_{role}", role, organisation="x" * (role == "partner"))
        other = look.as_(who)
        other.goto("/")
        look.at(other, f"home of {role}")
    assert look.found == []


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("language", ["en", "fr", "ar", "fa", "ckb"])
def test_pages_in_the_middle_of_work_have_no_fault_either(desk, small, language):
    """A convoy that asks which departure is meant, an export from the form to the sealed file,
    scenarios compared, and a list as it is brought in."""
    from pyrage import x25519
    from test_ahead import _compared
    from test_exports import release
    from test_fieldwork import brought_in, departed
    from test_past_forecasts import MAY, keep
    from test_waiting import _done, _waited

    say, look = words(language), Look(desk, language)
    # A convoy: of two departures that day, which did not take place?
    brought_in(
        ("s-1", "H1-P1", "bus-1", {"boarded": True}),
        ("s-2", "H1-P1", "bus-2", {"boarded": True}),
    )
    departed("H1-P1", "left-1")
    departed("H1-P1", "left-2")
    officer = cast.account("amina", "protection_officer")
    supervisor = cast.account("chantal", "supervisor")
    chantal = look.as_(supervisor)
    chantal.goto("/convoys/bus-2/")
    chantal.locator("input[name=boarded-s-2][value=no]").check()
    chantal.get_by_role("button", name=say("Record who boarded")).click()
    chantal.locator("input[name=departure-s-2]").first.wait_for()
    told = chantal.locator("main label.choice").all_inner_texts()
    assert len(set(told)) == 3, "two departures of one minute can be told apart"
    look.at(chantal)
    # An export, from the form to the sealed file.
    amina = look.as_(officer)
    key = str(x25519.Identity.generate().to_public())
    exported(officer, supervisor, small, release, key)
    amina.goto("/exports/")
    amina.locator("main a[href^='/exports/']:not([href*=recipients])").first.click()
    look.at(amina)
    address = amina.url
    chantal.goto(address)
    look.at(chantal)
    chantal.locator("#reason").fill("Checked with the agreement.")
    chantal.get_by_role("button", name=say("Yes, it may leave")).click()
    amina.goto(address)
    look.at(amina)
    amina.locator("#count").fill("99")
    amina.get_by_role("button", name=say("Write it")).click()
    amina.locator(".problems").wait_for()
    assert ("You typed 99" in amina.content()) is (language == "en")
    look.at(amina)
    # Scenarios compared, and how long a choice can wait.
    lead = look.as_(cast.account("vera", "plan_lead"))
    _done("compare", _compared())
    _done("wait", _waited())
    lead.goto("/forecasts/compared/")
    lead.locator(".drawn-wide svg").first.wait_for()
    assert (">as in the plan<" in lead.content()) is (language == "en")
    look.at(lead)
    # Past forecasts over what was counted, earlier ones and how good by how far ahead.
    for number in range(8):
        keep(small, MAY + timedelta(days=number), seed=number, days=100)
    counted = {(MAY + timedelta(days=day)).isoformat(): 16 for day in range(250)}
    _done("happened", {"happened": counted, "until": (MAY + timedelta(days=250)).isoformat()})
    lead.goto("/forecasts/")
    lead.locator("section[aria-labelledby=past] .drawn-wide svg").wait_for()
    assert ("Each forecast beside what was counted" in lead.content()) is (language == "en")
    look.at(lead)
    # A list brought in: what was recorded, and the receipt.
    clerk = look.as_(cast.account("farid", "data_clerk"))
    clerk.goto("/imports/")
    clerk.locator("main input[type=file]").first.set_input_files([LIST])
    clerk.locator("main button.main").first.click()
    clerk.locator("main select[name^='to:']").first.wait_for()
    look.at(clerk)
    for number, column in enumerate(("person", "household", "name.full", "sex", "birth")):
        clerk.locator(f"select[name='to:{number}']").select_option(column)
    clerk.locator("#calendar").select_option("gregorian")
    clerk.get_by_role("button", name=say("Check every row")).click()
    clerk.get_by_text(say("This would be recorded")).wait_for()
    look.at(clerk)
    clerk.get_by_role("button", name=say("Record the list")).click()
    clerk.get_by_text(say("The list is recorded")).wait_for()
    look.at(clerk)
    assert look.found == []


def exported(officer, supervisor, small, release, key):
    """An export that one officer asked for and nobody has decided on."""
    from onward.registry.exporting import recipients
    from onward.registry.models import Recipient

    amina, chantal = cast.signed_in(officer), cast.signed_in(supervisor)
    form = {
        "name": "Harbour Aid", "code": "harbour-aid", "kind": "partner", "age_key": key,
        "purposes": ["protection"], "agreement": "MoU 4", "agreement_ends": "2030-01-01",
        "classes": ["biodata", "needs", "names", "contacts"], "impact_on": "2026-01-01",
    }  # fmt: skip
    amina.post("/exports/recipients/", form)
    made = Recipient.objects.get()
    chantal.post(f"/exports/recipients/{made.pk}/confirm/", {"read": recipients.as_read(made)})
    release(small, "H1-P1", "harbour-aid", "protection")
    ask = {
        "profile": "referral", "recipient": str(made.pk), "purpose": "protection",
        "reason": "Winter shelter is arranged there.",
    }  # fmt: skip
    assert amina.post("/exports/", ask).status_code == 303


def test_a_form_of_the_plan_prints_with_no_part_over_another(desk, small):
    """A grid, or a part of one, that goes on on the next sheet is drawn too short: what follows lay
    over its last answers. On paper the parts stand in ordinary blocks, and no answer is cut in two."""
    from test_ahead import PLAN

    from onward.registry.planning import adopt_plan

    adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    page = desk.open(cast.account("vera", "plan_lead"))
    page.goto("/plan/pledges/new/")
    page.emulate_media(media="print")
    around = """() => [...document.querySelectorAll('fieldset.group')].flatMap(part => {
        const found = [];
        for (let box = part; box && box.tagName !== 'MAIN'; box = box.parentElement)
            found.push(getComputedStyle(box).display);
        return found })"""
    assert set(page.evaluate(around)) == {"block"}
    cut = "() => [...document.querySelectorAll('.field')].map(e => getComputedStyle(e).breakInside)"
    assert set(page.evaluate(cut)) == {"avoid"}
