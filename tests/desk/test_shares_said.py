"""A share of an offer is called by for whom it is kept, never by its id, where a reader may know that."""

from __future__ import annotations

import pytest
import registry_cast as people
from test_planning import PLAN

OFFER = """  open_offer: {title: An open offer, country: NOR, channel: resettlement, state: open,
    places: 9, capacity: resettlement_place, confidentiality: public,
    allocations: [{to: {sex: [female]}, places: 2}, {to: {specific_needs: [SP]}, places: 3}]}
"""
WHY = "every possible window is full; nearest: open_offer, 1, earmark open_offer share %s keeps the rest for others"
LIMIT = {"programme": "open_offer", "window": "", "allowed": 2, "persons": 2, "holds_for_more": None,
         "counts": "those for whom the share is kept", "kind": "earmark"}  # fmt: skip


@pytest.fixture
def shared(small):
    from django.core.cache import cache

    from onward.registry.computing.runs import keep_proposal
    from onward.registry.planning import adopt_plan

    cache.clear()
    adopt_plan(small, PLAN + OFFER, effective="2026-05-01", by="chantal")
    left = [
        {"case": f"household/H{n}", "size": 2, "priority": "normal", "code": "full", "draw": 0.5,
         "stopped_by": [], "reason": WHY % shares,
         "change": f"2 fewer places kept by earmark open_offer share {shares}"}
        for n, shares in ((1, "1"), (2, "1+2"))
    ]  # fmt: skip
    keep_proposal(
        small,
        {
            "format": "onward-placement-1", "on": "2026-06-10", "input_sha256": "a" * 64,
            "state": "optimal", "gap": 0.0, "conflict": ["earmark open_offer share 1: at most 2 persons (everybody)"],
            "persons": {"all": 4, "placed": 0, "unplaced": 4}, "cases": {"all": 2, "placed": 0, "unplaced": 2},
            "assignments": [], "unplaced": left, "unused": [], "fairness": [], "links": [], "pledges": [],
            "limits": [{**LIMIT, "limit": f"open_offer share {one}", "worth_of_one_more": 1.0} for one in (1, 2)],
        },
    )  # fmt: skip
    return small


def page(role, language="en"):
    client = people.signed_in(people.account(role, role))
    return client.get("/places/", headers={"accept-language": language}).content.decode()


def test_a_share_is_called_by_for_whom_it_is_kept(shared):
    said = page("resettlement_officer")
    assert "share 1" not in said
    assert "“NOR, An open offer, share kept for Sex: Female” keeps the rest for others" in said
    assert (
        "2 fewer places kept for others (NOR, An open offer, share kept for Sex: Female)"
        in said
    )
    assert (
        '<th scope="row">NOR, An open offer, share kept for Specific needs: Single parent'
        in said
    )
    assert "share kept for Sex: Female, Specific needs: Single parent" in said, (
        "two shares together"
    )


def test_for_whom_a_share_is_kept_is_not_told_to_who_may_not_read_that_of_anybody(shared):
    said = page("analyst")
    assert "share kept for Sex: Female" in said
    assert "Single parent" not in said
    assert "share kept for some people" in said


def test_a_share_is_named_in_the_readers_language(shared):
    said = page("resettlement_officer", "fa").partition("<main")[2]
    assert "open_offer" not in said
    assert "share kept" not in said
