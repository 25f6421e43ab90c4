"""What officers record every day, and a form of the plan: by keyboard alone, in a browser without script."""

from __future__ import annotations

import pytest
import registry_cast as cast
from test_browser import chromium, desk

__all__ = ["chromium", "desk"]
pytestmark = [pytest.mark.slow, pytest.mark.browser]


def to(page, selector, most=140):
    """Press Tab until what is looked for has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{selector} is not reached by the Tab key")


def follow(page, selector, most=140):
    to(page, selector, most)
    page.keyboard.press("Enter")
    page.wait_for_load_state()


def choose(page, selector):
    """One of several answers: the group takes the focus, Space or the arrows choose."""
    name = page.locator(selector).get_attribute("name")
    to(page, f'[name="{name}"]')
    for _ in range(12):
        if page.locator(f"{selector}:focus").count():
            page.keyboard.press("Space")
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"{selector} is not reached by the arrow keys")


def typed(page, selector, text):
    to(page, selector)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def send(page):
    to(page, "main button.main")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator(".notice.good").count() == 1, page.locator("main").inner_text()[:600]


def recorded(operation, person):
    return [e.kind for e in operation.store.read() if e.subject.id == person]


def test_interview_consent_refusal_withdrawal_and_departure_by_keyboard_without_script(
    desk, small
):
    page = desk.open(cast.account("amina", "supervisor"), java_script_enabled=False)
    page.goto("/people/H1-P1/")
    follow(page, 'a[href$="/add/interview/"]')
    for fact in ("alone", "impartial_body", "confidential_place", "own_interpreter"):
        choose(page, f"#f-{fact}-0")
    send(page)
    follow(page, 'a[href$="/happened/T4.withdrawn/"]')
    send(page)
    assert "T4.withdrawn" in recorded(small, "H1-P1")
    page.goto("/people/H2-P1/")
    follow(page, 'a[href$="/happened/T4.none/"]')
    send(page)
    assert "T4.none" in recorded(small, "H2-P1")
    page.goto("/people/H4-P1/")
    follow(page, 'a[href$="/took-place/"]')
    to(page, "#f-move")
    page.keyboard.type(page.locator('#f-move option[value="T7.done"]').inner_text()[:12])
    assert page.locator("#f-move").input_value() == "T7.done"
    choose(page, "#f-led-0")
    send(page)
    assert "T7.done" in recorded(small, "H4-P1")


def test_a_choice_to_stay_is_recorded_by_keyboard_without_script(desk, small):
    page = desk.open(cast.account("amina", "protection_officer"), java_script_enabled=False)
    page.goto("/people/H1-P1/")
    follow(page, 'a[href$="/choice/T4.stay/"]')
    choose(page, "#f-given_by-0")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator(".problems").count() == 1, (
        "what is missing is said, also without script"
    )
    follow(page, ".problems li:first-child a", most=60)
    assert page.locator("main .field.wrong").count() >= 1


def test_a_consent_is_recorded_by_keyboard_without_script(desk, small):
    page = desk.open(cast.account("amina", "supervisor"), java_script_enabled=False)
    page.goto("/people/H1-P1/")
    follow(page, 'a[href$="/add/consent/"]')
    choose(page, "#f-pathway-2")
    typed(page, "#f-destination", "NOR")
    choose(page, "#f-given_by-0")
    for fact, no in (("in_private", 0), ("pressure", 1), ("informed", 0)):
        choose(page, f"#f-{fact}-{no}")
    send(page)
    (held,) = [
        e.facts
        for e in small.store.read()
        if e.subject.kind == "consent" and e.facts.get("destination") == "NOR"
    ]
    assert held["person"] == "H1-P1"
    assert held["pathway"] == "resettlement"
    assert held["given_by"] == "self"
    assert (held["in_private"], held["pressure"], held["informed"]) == (True, False, True)


def test_a_form_of_the_plan_by_keyboard_without_script(desk, small):
    from test_ahead import PLAN

    from onward.registry.planning import adopt_plan, plan_version

    first = adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    page = desk.open(cast.account("vera", "plan_lead"), java_script_enabled=False)
    page.goto("/plan/")
    follow(page, 'a[href^="/plan/pledges/"]')
    typed(page, "#f-filled", "7")
    typed(page, "#f-reason", "Counted")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Keep this change").wait_for()
    to(page, 'button[value="adopt"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert plan_version(small).sha256 != first.sha256
