"""Small totals are counted each time; a large one is shared for some seconds."""

from __future__ import annotations


def test_a_large_total_is_counted_once_and_a_small_one_always(small, monkeypatch):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from onward.desk import totals
    from onward.registry.models import PersonNow

    monkeypatch.setattr(totals, "_kept", {})
    everybody = PersonNow.objects.filter(active__in=(True,))
    number = everybody.count()
    with CaptureQueriesContext(connection) as asked:
        assert totals.total(everybody) == totals.total(everybody) == number
        assert totals.total(PersonNow.objects.none()) == 0
    assert len(asked) == 2
    monkeypatch.setattr(totals, "EXACT", number - 1)
    with CaptureQueriesContext(connection) as asked:
        assert totals.total(everybody) == totals.total(everybody) == number
        assert totals.total(everybody.filter(household="H1")) == 2
    assert len(asked) == 2
    households = everybody.order_by("household").values_list("household", flat=True).distinct()
    with CaptureQueriesContext(connection) as asked:
        assert totals.few(households) == totals.few(households) == list(households)
    assert len(asked) == 1
    monkeypatch.setattr(totals, "SECONDS", 0.0)
    with CaptureQueriesContext(connection) as asked:
        assert totals.total(everybody) == totals.total(everybody)
    assert len(asked) == 2
