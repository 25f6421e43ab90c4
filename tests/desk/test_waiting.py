"""How long a choice can wait, asked and read at the desk."""

from __future__ import annotations

import registry_cast as people


def browser(*roles, name="someone"):
    return people.signed_in(people.account(name, *roles))


def _waited(**also):
    return {
        "id": "rooms", "title": "Two more rooms", "first": "2026-07-01", "as_of": "2026-06-10",
        "deadline": "2027-06-10", "days": ["2026-07-01", "2026-10-01", "2027-01-01"],
        "more": [40.0, 21.0, 3.0], "low": [10.0, 2.0, -1.0], "high": [80.0, 40.0, 8.0],
        "by": {"0.9": "2026-07-20", "0.5": "2026-10-05", "0.1": "2026-12-20"}, "open_end": False,
        "lead": True, **also,
    }  # fmt: skip


def _done(kind, result):
    from django.utils import timezone

    from onward.registry.models import Job
    from onward.registry.site import current

    Job.objects.create(operation=current().operation, kind=kind, state="done", by="x",
                       ended_at=timezone.now(), result=result)  # fmt: skip


def test_the_last_days_of_a_choice_stand_in_words_and_in_a_drawing(small):
    lead = browser("plan_lead")
    _done("wait", _waited())
    page = lead.get("/forecasts/compared/").content.decode()
    assert "To keep nine tenths of its effect: decide by 20 July 2026." in page
    assert "To keep half of its effect: decide by 5 October 2026." in page
    assert "decided 1 July" not in page, "a drawing speaks the reader's words"
    _done("wait", _waited(open_end=True, lead=False))
    page = lead.get("/forecasts/compared/").content.decode()
    assert "More than a tenth of its effect is still had on 20 December 2026." in page
    assert "days on which it begins" in page


def test_only_a_choice_that_has_a_day_can_be_asked_about(small):
    from onward.registry.models import Job

    lead = browser("plan_lead")
    answer = lead.post("/forecasts/run/", {"do": "wait", "scenario": "../plan.yaml"})
    assert answer.status_code == 404
    assert not Job.objects.exists()
