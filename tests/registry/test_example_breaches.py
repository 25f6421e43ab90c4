"""A demonstration brings its register of breaches along; nothing else is written after the fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import registry_cast as people
import yaml
from registry_cast import EVERYBODYS

from onward.errors import OnwardError


@pytest.fixture
def moved(small):
    """H4-P1, number M-4, was taken home although nearly nothing of what must hold did."""
    from onward.registry.recording import acts
    from onward.registry.recording.actors import Actor

    acts.record(
        Actor("driver", EVERYBODYS, "camp-1"), ("person", "H4-P1"), "T7.done",
        effective="2026-06-10", idempotency_key="moved",
    )  # fmt: skip
    small.vault.put({"H4-P1": {"number": "M-4"}})
    return small


@pytest.fixture
def written(tmp_path):
    def write(**changes):
        row = {
            "person": "M-4", "left": [date(2026, 6, 10), "T7.done"],
            "missed": "sheet", "found": date(2026, 6, 11), "told": "everybody",
        }  # fmt: skip
        file = tmp_path / "breaches.yaml"
        file.write_text(yaml.safe_dump({"breaches": [row | changes]}), "utf-8")
        return file

    return write


def the_breach():
    from onward.registry.models import Breach

    (found,) = Breach.objects.exclude(event="")
    return found


def test_a_breach_stands_as_it_was_found_told_in_time_and_closed(moved, written):
    from onward.registry import breaches
    from onward.registry.example_breaches import bring

    closed = [date(2026, 6, 20), "Sheets that are not approved are locked away."]
    assert bring(moved, written(closed=closed)) == 1
    found = the_breach()
    assert found.found_at == datetime(2026, 6, 11, 8, tzinfo=UTC)
    assert breaches.still_to_tell(found) == []
    hours = {
        n.whom: (n.due_at - found.found_at) / timedelta(hours=1) for n in found.notices.all()
    }
    assert (hours["lead"], hours["family"]) == (1, 72), "due from when it was found"
    assert all(found.found_at < n.told_at < n.due_at for n in found.notices.all())
    (state,) = breaches.standing(datetime(2026, 6, 12, tzinfo=UTC)).values()
    assert state == "waiting", "the family was told on the second day"
    (state,) = breaches.standing(datetime(2026, 6, 13, tzinfo=UTC)).values()
    assert state == "told"
    (state,) = breaches.standing(datetime(2026, 6, 21, tzinfo=UTC)).values()
    assert state == "closed"
    page = people.signed_in(people.cast()["chantal"]).get(f"/breaches/{found.pk}/")
    assert "Sheets that are not approved are locked away." in page.content.decode()


def test_who_was_not_told_is_still_to_be_told(moved, written):
    from onward.registry import breaches
    from onward.registry.example_breaches import bring

    bring(moved, written(told=["lead", "protection"]))
    waiting = {notice.whom for notice in breaches.still_to_tell(the_breach())}
    assert "family" in waiting
    assert not waiting & {"lead", "protection"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"person": "M-5"}, "T7.done on 2026-06-10"),
        ({"left": [date(2026, 6, 9), "T7.done"]}, "opened other breaches"),
        ({"told": ["the press"]}, "expected"),
    ],
)
def test_a_file_that_does_not_fit_the_lists_changes_nothing(moved, written, changes, said):
    from onward.registry.example_breaches import bring

    with pytest.raises(OnwardError, match=said) as refused:
        bring(moved, written(**changes))
    assert "M-4" not in str(refused.value)
    assert all(notice.told_at is None for notice in the_breach().notices.all())


def test_a_register_of_real_people_is_only_ever_kept_at_the_desk(moved, written, monkeypatch):
    from onward.registry.example_breaches import bring

    monkeypatch.setattr(moved, "settings", replace(moved.settings, demonstration=False))
    with pytest.raises(OnwardError, match="Only a demonstration"):
        bring(moved, written())
