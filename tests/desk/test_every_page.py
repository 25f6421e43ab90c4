"""Every address: who gets there by links, what an empty form says, what a machine finds in any language.

No list of pages is kept here. The addresses are those of the site; one that has nothing to open in
`whole_desk` fails, so that a new page cannot stay unlooked at.
"""

from __future__ import annotations

import html
import re
from functools import cache
from urllib.parse import urljoin, urlsplit

import pytest
import registry_cast as cast
import whole_desk
from machine_eyes import Look
from test_browser import chromium, serving
from whole_desk import EVERYBODY

__all__ = ["chromium"]

NO_PAGE = {
    "desk:drawing": "a drawing", "desk:job_file": "a download",
    "desk:step_facts": "a part of a page", "mfa_login_webauthn": "what a passkey is asked",
    "mfa_activate_totp": "only for who has no app yet: looked at by itself",
    "account_inactive": "allauth's own, for an account closed while it signs in",
}  # fmt: skip
"""Addresses that are opened by the site's own means and are not pages to read."""
COMES_BY_ITSELF = {
    "blank": "where leaving in a hurry ends", "locked": "what the idle lock shows",
    "mfa_reauthenticate": "asked before what needs a fresh sign-in",
    "mfa_reauthenticate_webauthn": "from there, for who has a passkey",
    "mfa_index": "the page of keys, where a removed one leads back to",
    "mfa_list_webauthn": "where adding or renaming a passkey leads",
    "mfa_view_recovery_codes": "where making new codes leads: shown once",
}  # fmt: skip
"""Pages that no link of another page leads to, each with how one comes there."""
FORM = re.compile(r'<form[^>]*action="([^"#]+)"')
FORMS_END = {"lock", "leave", "panic", "account_logout", "desk:language"}
PUBLIC = {"account_login", "account_start", "mfa_authenticate", "account_inactive", "mfa_login_webauthn"}  # fmt: skip


@pytest.fixture(scope="module")
def whole(small_template, tmp_path_factory):
    from onward.registry.web import starting

    made = whole_desk.make(small_template, tmp_path_factory.mktemp("whole") / "meridian")
    yield made
    starting.close_site()


def listed(found) -> str:
    return "\n".join(sorted({str(one) for one in found}))


def links(page: str, address: str) -> set[str]:
    found = re.findall(r'(?:href|hx-get)="([^"]+)"', page)
    here = {urljoin(address, html.unescape(one)).partition("#")[0] for one in found}
    return {one for one in here if one.startswith("/") and not one.startswith("/static/")}


def name_of(address: str) -> str:
    from django.urls import resolve

    return resolve(urlsplit(address).path).view_name


def shape(address: str) -> tuple[object, ...]:
    """Addresses of one shape are one page: two of each are followed."""
    from django.urls import resolve

    found = resolve(urlsplit(address).path)
    kinds = tuple(found.kwargs.get(name) for name in ("kind", "move", "section", "language"))
    query = tuple(re.findall(r"[?&](\w+)=", address))
    return found.view_name, kinds, query


def walked(client) -> tuple[set[str], list[tuple[str, int, str]]]:
    """The addresses reached from Home by links or by sending a form, and the links that turned the
    reader away."""
    waiting, seen, reached, sent, away = [("/", "")], {}, set(), set(), []
    while waiting:
        address, source = waiting.pop(0)
        if seen.get(shape(address), 0) >= 2 or address in reached:
            continue
        seen[shape(address)] = seen.get(shape(address), 0) + 1
        reached.add(address)
        answer = client.get(address, follow=True)
        if answer.status_code != 200:
            away.append((address, answer.status_code, source))
        elif answer["Content-Type"].startswith("text/html"):
            text = answer.content.decode()
            waiting += [(one, address) for one in sorted(links(text, address))]
            sent |= {urljoin(address, html.unescape(one)) for one in FORM.findall(text)}
    return reached | sent, away


@pytest.mark.slow
def test_no_link_leads_to_a_refusal_and_every_page_is_reached_by_somebody(whole):
    away, reached = {}, set()
    for role, client in whole.clients.items():
        found, refused = walked(client)
        reached |= {name_of(one) for one in found}
        if refused:
            away[role] = refused
    assert away == {}
    pages = {name for name, role, address in opened(whole) if address is not None}
    unreached = pages - reached - PUBLIC - set(COMES_BY_ITSELF)
    assert not set(COMES_BY_ITSELF) & reached, "reached by a link: it needs no reason"
    assert not unreached, listed(unreached)


@cache
def opened(whole) -> list[tuple[str, str, str | None]]:
    """(name, role, address) of each page, by the first role it opens for; no address: a form's."""
    found, closed = [], []
    for name, addresses in whole.addresses().items():
        if name in FORMS_END or name in NO_PAGE or name in PUBLIC:
            continue
        if not addresses:
            closed.append((name, "nothing to open is made for it in whole_desk"))
        for address in addresses:
            statuses = {}
            for role in EVERYBODY:
                status = whole.clients[role].get(address).status_code
                statuses[status] = role
                if status == 200:
                    break
            if 200 in statuses:
                found.append((name, statuses[200], address))
            elif 405 in statuses:
                found.append((name, statuses[405], None))
            else:
                closed.append((address, statuses))
    assert closed == [], "pages that open for nobody"
    return found


# -- what a machine finds ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(
    "language",
    ["en", "ar", *(pytest.param(one, marks=pytest.mark.proof) for one in ("fr", "fa", "ckb"))],
)
def test_no_page_has_a_fault_that_a_machine_can_find(whole, chromium, language, monkeypatch):
    """Every address in every language: no fault of axe's, no sideways scroll on a narrow screen
    (or at 400% zoom), nothing that moves for who asked for stillness; and the pages of errors."""
    from onward.registry.permissions import access

    with serving(chromium) as served:
        look = Look(served, language)
        page = look.as_(whole.accounts["protection_officer"])
        page.goto("/")
        page.evaluate(
            "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x>')"
        )
        planted = [fault["id"] for fault in look.faults(page)]
        assert planted == ["image-alt"], "a planted fault is found"
        for _name, role, address in opened(whole):
            if address is None:
                continue
            page = look.as_(whole.accounts[role])
            answer = page.goto(address)
            if answer.status != 200 or name_of(urlsplit(page.url).path) != name_of(address):
                look.found.append((address, "not the page", answer.status, page.url))
                continue
            look.at(page, address)
        officer = whole.accounts["protection_officer"]
        page = look.as_(officer)
        # What is refused, missing, sent wrongly, in conflict, and broken.
        for address, status in (
            ("/people/nobody/", 404), ("/no/such/page/", 404), ("/administration/", 403),
            ("/places/run/", 405),
        ):  # fmt: skip
            assert page.goto(address).status == status, address
            look.at(page, f"{status} {address}")
        with monkeypatch.context() as patch:
            patch.setattr(access.Reader, "people", broken)
            assert page.goto("/households/").status == 500
            look.at(page, "500")
            shown = page.locator("h1").inner_text()
            assert (shown == "Something broke on this side") is (language == "en")
        # Whoever has no second factor yet sets one up.
        newcomer = cast.account(f"newcomer-{language}", "interviewer", factor=False)
        page = served.open(newcomer, language)
        for address in ("/account/", "/account/app/add/"):
            assert page.goto(address).status == 200
            look.at(page, f"without a factor {address}")
        # Signing in: what an unknown visitor sees, and too many wrong passwords.
        stranger = served.stranger(language)
        for address in ("/sign-in/", "/sign-in/start/"):
            stranger.goto(address)
            look.at(stranger, address)
        for _ in range(12):
            stranger.goto("/sign-in/")
            stranger.fill("[name=login]", f"nobody-{language}")
            stranger.fill("[name=password]", "not the password")
            with stranger.expect_navigation() as went:
                stranger.locator("main button.main").click()
            if went.value.status == 429:
                break
            look.at(stranger, "a wrong password")
        assert went.value.status == 429
        look.at(stranger, "429")
        page = look.as_(officer)
        page.goto("/blank/")
        look.at(page, "blank")
        page.goto("/")
        page.evaluate("document.querySelector('form[action=\"/lock/\"]').submit()")
        page.wait_for_url("**/locked/**")
        look.at(page, "locked")
    assert not look.found, listed(look.found)


def broken(*_args, **_more):
    raise RuntimeError("as nobody foresaw")


# -- what an empty form says ---------------------------------------------------------------------------

HARMLESS = re.compile(r"/(sign-in|account|administration|lock|leave|panic|language)")
"""Forms of these areas are not sent empty: they would end the session or renew keys."""


SAYS_IT_WHOLE = {
    "desk:bulk": "nobody was ticked: a page that says so and leads back to the list"
}
OF_NO_FIELD = ("Choose people first.", "Fill in or change something first.")
"""What is said of a whole form, none of whose fields must be filled in: it leads to none."""


def untold(said: str) -> list[tuple[str, str]]:
    """What a page with errors owes its reader: every message in the summary leads to its field, and
    stands again beside it, tied to it."""
    summary = re.search(r'<div class="problems".*?</div>', said, re.S)
    if summary is None:
        return [("no summary", "")]
    leads, wrong = re.findall(r'<a href="#([^"]*)"', summary[0]), []
    if not leads and not any(each in summary[0] for each in OF_NO_FIELD):
        wrong.append(
            ("leads nowhere", html.unescape(re.sub(r"(<[^>]+>|\s)+", " ", summary[0])))
        )
    errors = re.findall(r'<(?:p|span) class="error"[^>]*>', said)
    beside = [found[1] for one in errors if (found := re.search(r'id="([^"]+)"', one))]
    if len(beside) < len(errors):
        wrong.append(("an error that nothing can be tied to", str(errors)))
    ties = [set(one.split()) for one in re.findall(r'aria-describedby="([^"]*)"', said)]
    wrong += [
        ("not tied to its field", one) for one in beside if not any(one in t for t in ties)
    ]
    for lead in set(leads):
        target = re.search(rf'<(\w+)[^>]*\bid="{re.escape(lead)}"[^>]*>', said)
        if target is None:
            wrong.append(("leads to what is not there", lead))
        elif target[1] in ("input", "select", "textarea"):
            before = said[: target.start()]
            group = (
                before[before.rfind("<fieldset") :]
                if before.count("<fieldset") > before.count("</fieldset")
                else ""
            )
            near = target[0] + group.partition(">")[0]
            tied = {
                one
                for found in re.findall(r'aria-describedby="([^"]*)"', near)
                for one in found.split()
            }
            if not tied & set(beside):
                wrong.append(("not said beside the field", lead))
    return wrong


@pytest.mark.slow
def test_an_empty_form_says_what_is_missing_in_a_summary_and_beside_each_field(whole):
    """Every form of every page is sent with nothing filled in. Where something is missing the page
    says so first, leads to the field, and says it again there. The last test: what is sent may change
    what the others look at."""
    wrong, told = [], 0
    for _name, role, address in opened(whole):
        if address is None or HARMLESS.match(address):
            continue
        page = whole.clients[role].get(address).content.decode().partition("<main")[2]
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", page, re.S):
            action = re.search(r'action="([^"]*)"', form.partition(">")[0])
            there = urljoin(address, html.unescape(action[1])) if action else address
            if HARMLESS.match(there):
                continue
            sent = {
                name: html.unescape(value)
                for name, value in re.findall(
                    r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form
                )
                if name != "csrfmiddlewaretoken"
            }
            if button := re.search(r'<button[^>]*name="([^"]+)" value="([^"]*)"', form):
                sent[button[1]] = button[2]
            answer = whole.clients[role].post(there, sent)
            said = answer.content.decode().partition("<main")[2]
            if answer.status_code != 422:
                if 'class="error"' in said:
                    wrong.append((there, "an error that is not answered as one"))
                continue
            if name_of(there) in SAYS_IT_WHOLE:
                continue
            told += 1
            wrong += [(there, *one) for one in untold(said)]
    assert not wrong, listed(wrong)
    assert told > 20, "forms were sent"
