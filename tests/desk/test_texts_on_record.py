"""A text that was approved is put on record by whoever approves texts: safeguards ask the record."""

from __future__ import annotations

import pytest
import registry_cast as cast
import yaml
from test_ahead import PLAN
from test_rumours import APPROVED, BASE


@pytest.fixture
def planned(small):
    """A plan with a sheet and a waiver, each approved in Persian and a draft in Arabic."""
    from onward.registry.planning import adopt_plan

    plan = yaml.safe_load(PLAN)
    texts = {"fa": APPROVED, "ar": {"text": "مسودة", "translator": "interpreter 2"}}
    of = {**BASE, "audience": "individual", "texts": texts}
    plan["messages"] = {
        "sheet_9": {**of, "title": "Going home", "kind": "sheet", "version": "9", "pathways": ["return"]},
        "waiver_2": {**of, "title": "Waiver", "kind": "waiver", "version": "2", "pathways": ["onward"]},
    }  # fmt: skip
    text = yaml.safe_dump(plan, allow_unicode=True, sort_keys=False)
    adopt_plan(small, text, effective="2026-05-01", by="chantal")
    return small


def browser(role):
    return cast.signed_in(cast.account(role, role))


def on_record(kind):
    from onward.registry.models import ThingNow

    rows = ThingNow.objects.filter(kind=kind, facts__language="fa")
    return {row.facts["version"]: row.facts for row in rows}


def test_an_approved_waiver_is_put_on_record_and_the_one_before_is_replaced(planned):
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    before = {"version": "1", "language": "fa", "approved": True, "approved_on": "2026-01-01"}
    acts.record(
        Actor("lead", frozenset({"plan_lead"})), ("waiver_text", "waiver-1-fa"), "recorded",
        effective="2026-01-01", facts={**before, "current": True}, idempotency_key="before",
    )  # fmt: skip
    lead = browser("plan_lead")
    page = lead.get("/texts/waiver_2/fa/").content.decode()
    assert "Put it on record" in page
    assert lead.post("/texts/waiver_2/fa/record/", {"key": "one"}).status_code == 303
    found = on_record("waiver_text")
    assert found["2"]["approved"]
    assert found["2"]["current"]
    assert found["2"]["approved_on"] == APPROVED["approved_on"]
    assert found["1"]["current"] is False
    assert found["1"]["replaced_on"] == "2026-06-10"
    assert "Put it on record" not in lead.get("/texts/waiver_2/fa/").content.decode()
    again = lead.post("/texts/waiver_2/fa/record/", {"key": "two"})
    assert again.status_code == 422
    assert "on record already" in again.content.decode()


def test_a_text_goes_on_record_only_soon_after_a_sign_in(planned):
    lead = cast.still_at_work(cast.account("lead", "plan_lead"))
    assert "Put it on record" in lead.get("/texts/waiver_2/fa/").content.decode()
    answer = lead.post(
        "/texts/waiver_2/fa/record/", {"key": "late", "next": "/texts/waiver_2/fa/"}
    )
    assert answer["Location"] == "/sign-in/again/?next=%2Ftexts%2Fwaiver_2%2Ffa%2F"
    assert "2" not in on_record("waiver_text")


def test_a_sheet_goes_on_record_for_its_pathway_only(planned):
    before = on_record("sheet")
    lead = browser("plan_lead")
    assert lead.post("/texts/sheet_9/fa/record/", {"key": "s"}).status_code == 303
    found = on_record("sheet")
    assert found["9"] == {
        "pathway": "return", "version": "9", "language": "fa", "approved": True, "current": True,
    }  # fmt: skip
    for version, facts in before.items():
        same = facts["pathway"] == "return"
        assert found[version]["current"] is (False if same else facts["current"])


def test_a_draft_is_not_put_on_record_nor_by_who_may_not_approve(planned):
    lead = browser("plan_lead")
    assert "Put it on record" not in lead.get("/texts/waiver_2/ar/").content.decode()
    refused = lead.post("/texts/waiver_2/ar/record/", {"key": "d"})
    assert refused.status_code == 422
    assert "Only an approved text" in refused.content.decode()
    officer = browser("interviewer")
    assert "Put it on record" not in officer.get("/texts/waiver_2/fa/").content.decode()
    assert officer.post("/texts/waiver_2/fa/record/", {"key": "o"}).status_code in (403, 404)
    assert on_record("waiver_text") == {}


def test_words_are_approved_anew_soon_after_a_sign_in_whichever_page_changes_them(planned):
    from onward.registry.planning import plan_version

    text = plan_version(planned).text.decode()
    lead = cast.still_at_work(cast.account("lead", "plan_lead"))
    sent = {"effective": "2026-06-10", "do": "adopt"}

    def adopted(changed):
        form = {
            **sent,
            "text": changed,
            "replaces": plan_version(planned).sha256,
            "next": "/plan/edit/",
        }
        return lead.post("/plan/edit/", form)

    other = text.replace("title: Going home", "title: Going home again")
    assert other != text
    assert adopted(other)["Location"] == "/plan/", "no text was approved with that"
    for changed in (
        other.replace(APPROVED["text"], APPROVED["text"] + "."),
        other.replace("version: '9'", "version: '10'"),
        other.replace("translator: interpreter 2", "translator: interpreter 2\n        approved_by: x\n"
                      "        approved_on: 2026-05-01"),
    ):  # fmt: skip
        assert changed != other
        answer = adopted(changed)
        assert answer["Location"].startswith("/sign-in/again/"), answer.content.decode()
        assert plan_version(planned).text.decode() == other
    from django.utils.html import escape

    page = lead.get("/plan/edit/").content.decode()
    assert 'name="next" value="/plan/edit/"' in page
    assert escape(changed.strip()) in page, "what was typed is there"
