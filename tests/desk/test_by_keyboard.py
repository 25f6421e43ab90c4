"""What officers do every day, and a form of the plan: by keyboard alone, in a browser without script,
in English and in Arabic. Every page is reached from home by Tab and Enter, as by somebody without a mouse."""

from __future__ import annotations

import pytest
import registry_cast as cast
from test_browser import chromium, desk

from onward.registry.recording import acts
from onward.registry.recording.actors import Actor

__all__ = ["chromium", "desk"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.parametrize("language", ["en", "ar"]),
]


def at_home(desk, language, *who):
    page = desk.open(cast.account(*who), language, java_script_enabled=False)
    page.goto("/")
    assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    return page


def to(page, selector, most=300):
    """Press Tab until what is looked for has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{selector} is not reached by the Tab key")


def follow(page, selector):
    to(page, selector)
    press(page, "Enter")


def press(page, key):
    with page.expect_navigation():
        page.keyboard.press(key)


def person(page, name):
    """Somebody's own page, by the list of people."""
    follow(page, 'nav a[href="/people/"]')
    follow(page, f'main a[href="/people/{name}/"]')


def choose(page, selector):
    """One of several answers: the group takes the focus, Space or the arrows choose."""
    name = page.locator(selector).get_attribute("name")
    to(page, f'[name="{name}"]')
    for _ in range(12):
        if page.locator(f"{selector}:focus").count():
            page.keyboard.press("Space")
            assert page.locator(selector).is_checked()
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"{selector} is not reached by the arrow keys")


def tick(page, selector):
    to(page, selector)
    page.keyboard.press("Space")
    assert page.locator(selector).is_checked()


def picked(page, selector, value):
    """One line of a list that unfolds: the arrows go through it."""
    to(page, selector)
    page.keyboard.press("Home")
    for _ in range(60):
        if page.locator(selector).input_value() == value:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"{value} of {selector} is not reached by the arrow keys")


def typed(page, selector, text):
    to(page, selector)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def send(page):
    follow(page, "main button.main")
    assert page.locator(".notice.good").count() == 1, page.locator("main").inner_text()[:600]


def recorded(operation, person):
    return [e.kind for e in operation.store.read() if e.subject.id == person]


def held(operation, kind, **facts):
    """The facts of the one thing of a kind that was recorded with these."""
    (found,) = [
        e.facts
        for e in operation.store.read()
        if e.subject.kind == kind and facts.items() <= e.facts.items()
    ]
    return found


def test_interview_refusal_withdrawal_and_departure(desk, small, language):
    page = at_home(desk, language, "amina", "supervisor")
    person(page, "H1-P1")
    follow(page, 'a[href$="/add/interview/"]')
    choose(page, "#f-purpose-1")
    for fact in ("alone", "impartial_body", "confidential_place", "own_interpreter"):
        choose(page, f"#f-{fact}-0")
    send(page)
    follow(page, 'a[href$="/happened/T4.withdrawn/"]')
    send(page)
    assert "T4.withdrawn" in recorded(small, "H1-P1")
    person(page, "H2-P1")
    follow(page, 'a[href$="/happened/T4.none/"]')
    send(page)
    assert "T4.none" in recorded(small, "H2-P1")
    person(page, "H4-P1")
    follow(page, 'a[href$="/took-place/"]')
    picked(page, "#f-move", "T7.done")
    choose(page, 'input[name=led][value="chosen"]')
    send(page)
    assert "T7.done" in recorded(small, "H4-P1")


def test_a_choice_to_stay_that_was_incomplete_at_first(desk, small, language):
    acts.record(
        Actor("chantal", cast.EVERYBODYS), ("sheet", "S-stay"), "recorded", effective="2026-06-01",
        facts={"pathway": "stay", "version": "4", "language": "fa", "approved": True,
               "current": True}, idempotency_key="sheet",
    )  # fmt: skip
    page = at_home(desk, language, "amina", "protection_officer")
    person(page, "H1-P1")
    follow(page, 'a[href$="/choice/T4.stay/"]')
    choose(page, "#f-given_by-0")
    press(page, "Enter")
    assert page.locator(".problems").count() == 1, "what is missing is said, without script too"
    assert page.locator("main .field.wrong").count() >= 2
    assert "T4.stay" not in recorded(small, "H1-P1")
    to(page, ".problems li:first-child a")
    page.keyboard.press("Enter")
    typed(page, "#f-destination", "IRQ")
    for fact, no in (("in_private", 0), ("pressure", 1), ("informed", 0)):
        choose(page, f"#f-{fact}-{no}")
    send(page)
    assert recorded(small, "H1-P1")[-1] == "T4.stay"
    given = held(small, "consent", pathway="stay")
    assert given["person"] == "H1-P1"
    assert (given["in_private"], given["pressure"], given["informed"]) == (True, False, True)
    assert (given["sheet_version"], given["sheet_language"]) == ("4", "fa")
    assert small.caseload().tables["person"].filter(
        _is("id", "H1-P1")
    )["stage"].to_pylist() == ["intent_stay"]  # fmt: skip


def _is(column, value):
    import pyarrow.compute as pc

    return pc.field(column) == value


def test_a_consent(desk, small, language):
    page = at_home(desk, language, "amina", "supervisor")
    person(page, "H1-P1")
    follow(page, 'a[href$="/add/consent/"]')
    choose(page, "#f-pathway-2")
    typed(page, "#f-destination", "NOR")
    choose(page, "#f-given_by-0")
    for fact, no in (("in_private", 0), ("pressure", 1), ("informed", 0)):
        choose(page, f"#f-{fact}-{no}")
    send(page)
    given = held(small, "consent", destination="NOR")
    assert (given["person"], given["pathway"], given["given_by"]) == (
        "H1-P1", "resettlement", "self",
    )  # fmt: skip
    assert (given["in_private"], given["pressure"], given["informed"]) == (True, False, True)


def test_somebody_is_searched_for_and_an_interview_is_scheduled(desk, small, language):
    page = at_home(desk, language, "amina", "protection_officer")
    typed(page, "#find", "شیرین برادر")
    press(page, "Enter")
    assert "q=" not in page.url
    follow(page, 'main a[href="/people/H2-P1/"]')
    assert page.url.endswith("/people/H2-P1/")
    follow(page, 'nav a[href="/people/"]')
    tick(page, 'input[name=people][value="H2-P1"]')
    follow(page, 'main button[value="schedule"]')
    typed(page, "#f-day", "2026-06-11")
    typed(page, "#f-starts_at", "10:30")
    typed(page, "#f-room", "tent 3")
    follow(page, "main button.main")
    meant = held(small, "appointment", person="H2-P1")
    assert meant["room"] == "tent 3"
    assert page.locator(".week").get_by_text("tent 3").count() == 1


def test_a_convoy_from_its_plan_to_the_last_person(desk, small, language):
    page = at_home(desk, language, "chantal", "supervisor")
    follow(page, 'nav a[href="/convoys/"]')
    choose(page, 'input[name=pathway][value="return"]')
    typed(page, "#f-destination", "IRN")
    typed(page, "#f-day", "2026-06-10")
    typed(page, "#f-seats", "4")
    follow(page, "main button.main")
    for name in ("H1-P1", "H1-P2"):
        tick(page, f'input[name=people][value="{name}"]')
    follow(page, 'main button[value="list"]')
    # One is said to have boarded; the roll answers for the other.
    first = page.locator('input[name^="boarded-"][value=yes]').first.get_attribute("name")
    choose(page, f'input[name="{first}"][value=yes]')
    follow(page, 'main button[value="boarded"]')
    assert page.locator(".status.overdue").count() >= 1, "who was not named is to be found"
    for done in ("boarded", "arrived"):
        tick(page, "input[name=called]")
        follow(page, f'main button[value="{done}"]')
    seats = [e.facts for e in small.store.read() if e.subject.kind == "seat"]
    for fact in ("boarded", "arrived"):
        assert sum(facts.get(fact) is True for facts in seats) == 2
    for name in ("H1-P1", "H1-P2"):
        assert "T7.done" in recorded(small, name)
    assert page.locator(".status.overdue").count() == 0


def test_a_form_of_the_plan(desk, small, language):
    from test_ahead import PLAN

    from onward.registry.planning import adopt_plan, plan_version

    first = adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    page = at_home(desk, language, "vera", "plan_lead")
    follow(page, 'nav a[href="/plan/"]')
    follow(page, 'a[href^="/plan/pledges/"]:not([href$="/new/"])')
    typed(page, "#f-filled", "7")
    typed(page, "#f-reason", "Counted")
    press(page, "Enter")
    follow(page, 'button[value="adopt"]')
    assert plan_version(small).sha256 != first.sha256
