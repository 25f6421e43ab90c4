"""What answers a rumour is meant for people, may be told them, and was approved; and it is read out."""

from __future__ import annotations

import registry_cast as cast
import yaml

BASE = {
    "kind": "answer", "audience": "everyone", "version": "1", "owner": "plan lead",
    "channel": "block meetings", "true_as_of": "2026-06-01", "says": ["no_place_is_promised"],
}  # fmt: skip
APPROVED = {"text": "نمونه", "translator": "interpreter 4", "approved_by": "plan lead",
            "approved_on": "2026-06-08"}  # fmt: skip
DRAFT = {"text": "Sample", "translator": "interpreter 2"}


def planned(small):
    from django.core.cache import cache
    from test_ahead import PLAN

    from onward.registry.planning import adopt_plan

    cache.clear()
    plan = yaml.safe_load(PLAN)
    plan["messages"] = {
        "told": {**BASE, "title": "No bus is full", "texts": {"fa": APPROVED, "en": DRAFT}},
        "draft": {**BASE, "title": "Nobody approved it", "texts": {"en": DRAFT}},
        "kept": {**BASE, "title": "For partners", "audience": "partners", "texts": {"fa": APPROVED}},
        "embargo": {**BASE, "title": "Under embargo", "embargo_until": "2026-12-10", "texts": {"fa": APPROVED}},
        "later": {**BASE, "title": "Comes later", "released": "2026-07-01", "texts": {"fa": APPROVED}},
    }  # fmt: skip
    text = yaml.safe_dump(plan, allow_unicode=True, sort_keys=False)
    adopt_plan(small, text, effective="2026-05-01", by="chantal")


def test_a_rumour_is_answered_with_what_people_may_be_told_and_somebody_approved(small):
    from onward.registry.models import ThingNow

    planned(small)
    bilal = cast.signed_in(cast.account("bilal", "interviewer"))
    heard = {"heard_on": "2026-06-05", "topic": "return", "risk": "high", "key": "r-1"}
    assert bilal.post("/rumours/", heard).status_code == 303
    address = f"/rumours/{ThingNow.objects.get(kind='rumour').thing}/"
    lead = cast.signed_in(cast.account("lead", "plan_lead"))
    page = lead.get(address).content.decode()
    assert "No bus is full" in page
    for kept in ("For partners", "Under embargo", "Comes later"):
        assert kept not in page
    found = {"checked": "not_true", "checked_on": "2026-06-07", "answered_on": "2026-06-10"}
    for number, answer in enumerate(("kept", "embargo", "later", "draft")):
        refused = lead.post(address, {**found, "answer": answer, "key": f"no-{number}"})
        assert refused.status_code == 422, answer
    early = {**found, "answered_on": "2026-06-07", "answer": "told", "key": "early"}
    assert lead.post(address, early).status_code == 422, "it was approved the day after"
    assert lead.post(address, {**found, "answer": "told", "key": "r-2"}).status_code == 303
    assert ThingNow.objects.get(kind="rumour").facts["answer"] == "told"
    assert "has been answered" in lead.get("/rumours/").content.decode()


def test_an_answer_is_read_out_in_a_persons_language_and_what_is_kept_is_not(small):
    planned(small)
    bilal = cast.signed_in(cast.account("bilal", "interviewer"))
    page = bilal.get("/texts/").content.decode()
    assert "No bus is full" in page
    assert "Under embargo" not in page
    assert 'lang="fa" dir="rtl"' in bilal.get("/texts/told/fa/").content.decode()
    for kept in ("kept", "embargo", "later"):
        assert bilal.get(f"/texts/{kept}/fa/").status_code == 404
