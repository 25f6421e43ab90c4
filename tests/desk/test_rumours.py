"""What answers a rumour is meant for people, may be told them, and was approved; and it is read out."""

from __future__ import annotations

import re

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


def test_an_answer_is_brought_to_where_the_rumour_was_heard(small):
    from onward.registry.models import ThingNow

    planned(small)
    bilal = cast.signed_in(cast.account("bilal", "interviewer"))
    page = bilal.get("/rumours/").content.decode()
    assert "No rumour has been written down yet." in page
    assert "has been answered" not in page, "nothing was heard, so nothing was answered"
    heard = {"heard_on": "2026-06-05", "topic": "return", "risk": "high"}
    said = bilal.post("/rumours/", {**heard, "heard_at": "x" * 61, "key": "r-0"})
    assert said.status_code == 422
    assert "At most 60 characters" in said.content.decode(), "a place, and no story"
    assert (
        bilal.post("/rumours/", {**heard, "heard_at": "B-4, clinic", "key": "r-1"}).status_code
        == 303
    )
    assert (
        bilal.post("/rumours/", {**heard, "heard_on": "2026-06-04", "key": "r-2"}).status_code
        == 303
    )
    page = bilal.get("/rumours/").content.decode()
    assert "<bdi>B-4, clinic</bdi>" in page
    assert '<option value="B-4, clinic">' in page, "the same place is called the same again"
    found = {
        str(row.facts.get("heard_at")): row.thing
        for row in ThingNow.objects.filter(kind="rumour")
    }
    lead = cast.signed_in(cast.account("lead", "plan_lead"))
    assert (
        "Bring the answer there"
        in lead.get(f"/rumours/{found['B-4, clinic']}/").content.decode()
    )
    assert (
        "Bring the answer there" not in lead.get(f"/rumours/{found['None']}/").content.decode()
    )


def test_an_answer_is_read_out_in_a_persons_language_and_what_is_kept_is_not(small):
    planned(small)
    bilal = cast.signed_in(cast.account("bilal", "interviewer"))
    page = bilal.get("/texts/").content.decode()
    assert "No bus is full" in page
    assert "Under embargo" not in page
    assert 'lang="fa" dir="rtl"' in bilal.get("/texts/told/fa/").content.decode()
    for kept in ("kept", "embargo", "later"):
        assert bilal.get(f"/texts/{kept}/fa/").status_code == 404


def test_an_answer_that_bears_on_somebodys_next_step_is_read_from_their_own_page(small):
    from django.core.cache import cache
    from test_ahead import PLAN

    from onward.registry.models import PersonNow
    from onward.registry.planning import adopt_plan

    cache.clear()
    person = PersonNow.objects.get(person="H1-P1")
    person.facts = {**person.facts, "language": "fa", "intended_pathway": "return"}
    person.pathway = "return"
    person.save()
    plan, draft = yaml.safe_load(PLAN), {"text": "پیش‌نویس", "translator": "interpreter 2"}
    kinds = {
        "mine": {"title": "Buses to the border", "pathways": ["return"], "texts": {"fa": APPROVED}},
        "all": {"title": "For everybody", "texts": {"en": {**APPROVED, "text": "Sample"}, "fa": draft}},
        "theirs": {"title": "Other way", "pathways": ["resettlement"], "texts": {"fa": APPROVED}},
        "nobody": {"title": "Nobody approved it", "pathways": ["return"], "texts": {"fa": draft}},
        "one": {"title": "For one person", "audience": "individual", "texts": {"fa": APPROVED}},
        "later": {"title": "Comes later", "released": "2026-07-01", "texts": {"fa": APPROVED}},
        "foreign": {"title": "Not in their language", "texts": {"ar": APPROVED}},
    }  # fmt: skip
    plan["messages"] = {name: {**BASE, **one} for name, one in kinds.items()}
    text = yaml.safe_dump(plan, allow_unicode=True, sort_keys=False)
    adopt_plan(small, text, effective="2026-05-01", by="chantal")
    officer = cast.signed_in(cast.account("chantal", "protection_officer"))
    page = officer.get("/people/H1-P1/read-aloud/").content.decode()
    assert "Buses to the border" in page
    assert "For everybody" in page
    for kept in ("Other way", "Nobody approved it", "For one person", "Comes later", "Not in their language"):  # fmt: skip
        assert kept not in page
    part = page[page.index("For everybody") :]
    part = part[: part.index("</section>")]
    assert 'class="sheet unapproved"' in part, "a translation nobody approved is marked"
    mine = page[page.index("Buses to the border") :]
    assert 'class="sheet"' in mine[: mine.index("</section>")]


def test_the_waivers_words_are_the_plans_once_somebody_approved_them(small):
    from test_ahead import PLAN

    from onward.registry.models import PersonNow
    from onward.registry.planning import adopt_plan
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    def page_in(language):
        person = PersonNow.objects.get(person="H1-P1")
        person.facts = {**person.facts, "language": language}
        person.save()
        return officer.get("/people/H1-P1/waiver/").content.decode()

    plan = yaml.safe_load(PLAN)
    draft = {"text": "مسودة الإقرار", "translator": "interpreter 2"}
    words = {**APPROVED, "text": "متن برگه"}
    plan["messages"] = {
        "waiver_1": {
            **BASE, "title": "Waiver", "kind": "waiver", "version": "1", "audience": "individual",
            "pathways": ["onward"], "texts": {"fa": words, "ar": draft},
        }
    }  # fmt: skip
    text = yaml.safe_dump(plan, allow_unicode=True, sort_keys=False)
    adopt_plan(small, text, effective="2026-05-01", by="chantal")
    officer = cast.signed_in(cast.account("chantal", "protection_officer"))
    approved = page_in("fa")
    assert "متن برگه" in approved
    assert 'class="sheet waiver"' in approved
    assert "Draft: nobody approved" not in approved
    unapproved = page_in("ar")
    assert "مسودة الإقرار" in unapproved
    assert 'class="sheet waiver unapproved"' in unapproved
    shipped = page_in("ckb")
    assert 'class="sheet waiver unapproved"' in shipped
    assert "words that come with Onward" in shipped
    unknown = page_in("prs")
    assert "printed in English" in unknown, "nobody is given a paper they cannot read unawares"
    assert "Approved, not on record" in approved, "its signature would open nothing yet"
    assert "Approved, not on record" in officer.get("/texts/").content.decode()
    assert 'value="1"' not in officer.get("/people/H1-P1/add/waiver/").content.decode()
    person = PersonNow.objects.get(person="H1-P1")
    person.facts = {**person.facts, "language": "fa"}
    person.save()
    facts = {"version": "1", "language": "fa", "approved": True, "approved_on": "2026-06-01"}
    lead = Actor("lead", frozenset({"plan_lead"}))
    acts.record(
        lead, ("waiver_text", "waiver-1-fa"), "recorded", effective="2026-06-01",
        facts={**facts, "current": True}, idempotency_key="text",
    )  # fmt: skip
    assert (
        "Approved, not on record" not in officer.get("/people/H1-P1/waiver/").content.decode()
    )
    form = officer.get("/people/H1-P1/add/waiver/").content.decode()
    assert re.search(
        r'name="text_version"[^>]*value="1"|value="1"[^>]*name="text_version"', form
    )
    assert "Language of the text that was signed" in form
    assert "Waiver" in officer.get("/texts/").content.decode()
    assert "متن برگه" not in officer.get("/people/H1-P1/read-aloud/").content.decode()
