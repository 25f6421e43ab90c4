"""A translation says that it is a draft until somebody who answers for it approves that very version."""

from __future__ import annotations

import pytest
import registry_cast as people

MARK = {"fa": "این ترجمه پیش‌نویس است.", "ar": "هذه الترجمة مسودة."}
WHY = "counsellor and two interpreters"


def browser(name, role, **how):
    return people.signed_in(people.account(name, role), **how)


def home(client, language):
    return client.get("/", headers={"accept-language": language}).content.decode()


def approve(client, language="fa", **sent):
    from onward.registry import wordings

    form = {"version": wordings.version_of(language), "why": WHY, **sent}
    return client.post(f"/words/{language}/", form)


def test_a_named_person_approves_a_language_and_the_mark_goes_from_its_pages_only(small):
    from onward.registry.models import EventRow

    officer, boss = browser("amina", "protection_officer"), browser("chantal", "supervisor")
    assert MARK["fa"] in home(officer, "fa")
    assert approve(boss).status_code == 303
    assert MARK["fa"] not in home(officer, "fa")
    assert MARK["ar"] in home(officer, "ar"), "nobody approved the other language"
    page = boss.get("/words/").content.decode()
    assert "<bdi>chantal</bdi>" in page, "the page says who answers for it"
    row = EventRow.objects.get(subject_kind="words")
    assert WHY in row.canonical, "an approval is an event, and says what it rests on"
    assert approve(boss).status_code == 303, "said twice it counts once"
    assert EventRow.objects.filter(subject_kind="words").count() == 1
    assert boss.post("/words/fa/", {"do": "withdraw"}).status_code == 303
    assert MARK["fa"] in home(officer, "fa")
    assert approve(boss).status_code == 303, "and it can be approved again"
    assert MARK["fa"] not in home(officer, "fa")


def test_changed_words_are_a_draft_again_and_only_what_changed_has_to_be_read(
    small, monkeypatch
):
    from onward.desk import catalogue
    from onward.registry import wordings

    boss = browser("chantal", "supervisor")
    page = boss.get("/words/fa/?all=yes").content.decode()
    assert "?show=changed" not in page, "nobody approved any yet"
    assert "%(" not in page.partition("<main")[2], (
        "a sentence is read without marks of the program"
    )
    assert "\u2066[place]\u2069" in page
    assert approve(boss).status_code == 303
    text = catalogue.paths("fa")[0].read_text("utf-8").replace('msgstr "خانه"', 'msgstr "سرا"')
    monkeypatch.setattr(wordings, "_words", lambda language: catalogue.compiled("fa", text))
    assert MARK["fa"] in home(boss, "fa")
    page = boss.get("/words/fa/?show=changed").content.decode().partition("<main")[2]
    assert "سرا" in page
    assert page.count('<td lang="en"') == 1
    assert approve(boss, version="0" * 64).status_code == 422, "another version than was read"
    assert MARK["fa"] in home(boss, "fa")
    assert approve(boss).status_code == 303
    assert MARK["fa"] not in home(boss, "fa")


def test_only_who_approves_texts_does_so_soon_after_signing_in_and_says_why(small):
    from datetime import UTC, datetime, timedelta

    from onward.registry import wordings
    from onward.registry.permissions.access import Refused, SignInAgain

    amina = people.account("amina", "protection_officer")
    assert people.signed_in(amina).get("/words/").status_code == 403
    assert approve(people.signed_in(amina)).status_code == 403
    now, version = datetime.now(UTC), wordings.version_of("fa")
    given = {"on": small.default_date(), "why": WHY}
    with pytest.raises(Refused):
        wordings.approve(amina, small, "fa", version, signed_in=now, **given)
    chantal = people.account("chantal", "supervisor")
    with pytest.raises(SignInAgain):
        wordings.approve(
            chantal, small, "fa", version, signed_in=now - timedelta(hours=1), **given
        )
    assert approve(people.signed_in(chantal), why="").status_code == 422
    assert people.signed_in(chantal).get("/words/xx/").status_code == 404
    assert wordings.is_draft(small, "fa")
    assert not wordings.is_draft(small, "en")


def test_what_is_read_out_to_people_loses_the_mark_too(small):
    from onward.registry.data_protection import rights
    from onward.registry.models import Account
    from onward.report.tongues import speech_of

    boss = browser("chantal", "supervisor")
    asked = rights.take(
        Account.objects.get(username="chantal"), "H1-P1", "access", language="fa",
        asked_on=small.default_date(),
    )  # fmt: skip
    said = speech_of("fa").say(
        "Draft translation: nobody has approved these words yet. Read it with an interpreter."
    )
    address = f"/rights/{asked.pk}/read-out/"
    assert said in boss.post(address).content.decode()
    assert approve(boss).status_code == 303
    page = boss.post(address)
    assert page.status_code == 200
    assert said not in page.content.decode()
