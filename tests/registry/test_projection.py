"""The caseload kept beside the log is what the log says, after every kind of event."""

from __future__ import annotations

from onward.registry import projection


def test_it_is_what_the_log_says(small):
    from onward.registry.models import PersonNow

    assert projection.compare(small) == []
    both = PersonNow.objects.filter(household="H1")
    assert {row.person for row in both} == {"H1-P1", "H1-P2"}
    first = PersonNow.objects.get(person="H1-P1")
    assert (first.stage, first.place, first.adult) == ("return_cleared", "in_camp", True)
    assert [step["move"] for step in first.steps if step["open"]].count("T7.done") == 1
    other = PersonNow.objects.get(person="H2-P1")
    step = next(step for step in other.steps if step["move"] == "T7.done")
    assert not step["open"]
    assert "G3.consent" in step["failed"]
