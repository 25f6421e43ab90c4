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


def test_a_neighbourhood_from_the_rows_is_the_neighbourhood_folded(small):
    rulebook, store, day = small.rulebook, small.store, small.default_date()
    for person in ("H1-P1", "H4-P2", "H7-P1"):
        found = projection.near([person], store, rulebook)
        kept = projection.from_rows(found, rulebook, day)
        folded = projection._folded(found, store, rulebook, day)
        assert kept.tables.keys() == folded.tables.keys()
        for kind, table in folded.tables.items():
            assert kept.tables[kind].equals(table), kind
