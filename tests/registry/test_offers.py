"""What the plan says of its offers, as placement counts it."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from onward.errors import Faults
from onward.placement.inputs.aims import read_aims
from onward.placement.inputs.tables import Case, Tables
from onward.placement.propose import propose
from onward.placement.telling.document import document
from onward.plan import loads_plan
from onward.registry.computing.offers import Offers, accepts, offers
from onward.rulebook import load, shipped_path

RULEBOOK = load(shipped_path("protected-camp"))
ON = date(2026, 3, 1)
OFFER = {
    "title": "An offer", "country": "CAN", "channel": "resettlement", "state": "open", "places": 10,
    "opens": date(2026, 2, 1), "valid_to": date(2027, 6, 30), "confidentiality": "public",
}  # fmt: skip


def planned(**pledges):
    plan = {
        "plan": "small", "title": "A small plan", "version": "1", "as_of": date(2026, 2, 20),
        "rulebook": "protected-camp", "languages": ["fa"], "origin": "XAA", "host": "XBB",
        "deadlines": {"the_end": {"title": "The end", "date": date(2027, 11, 30)}},
        "actions": {"talk": {"title": "Talk", "owner": "lead", "duration_days": 30}},
        "pledges": {name: {**OFFER, **more} for name, more in pledges.items()},
    }  # fmt: skip
    return loads_plan(yaml.safe_dump(plan), RULEBOOK)


def offered(on=ON, **pledges) -> Offers:
    plan = planned(**pledges)
    counted = [p for p in plan.pledges.values() if p.state in ("open", "confirmed")]
    return offers(plan, counted, on)


def somebody(**facts):
    return {"id": "p", **facts}


def test_what_is_not_known_meets_no_condition():
    found = offered(can={"conditions": {"affiliation": ["none", "family_member"]}})
    none, relative = somebody(affiliation="none"), somebody(affiliation="family_member")
    assert found.unmet([none, relative]) == ()
    assert found.unmet([none, somebody(affiliation="member")]) == ("can",)
    assert found.unmet([none, somebody(affiliation=None)]) == ("can",)
    assert found.unmet([none, somebody()]) == ("can",)
    assert found.unmet([]) == ("can",)


def test_every_condition_must_be_met_and_each_offer_has_its_own():
    found = offered(
        can={"conditions": {"affiliation": ["none"], "nationality": ["XAA"], "sex": ["female"]}},
        nor={"country": "NOR"},
    )  # fmt: skip
    good = {"affiliation": "none", "nationality": "XAA", "sex": "female"}
    assert found.unmet([good]) == ()
    for fact, other in (("affiliation", "member"), ("nationality", "XCC"), ("sex", "male")):
        assert found.unmet([good, {**good, fact: other}]) == ("can",)


def test_needs_categories_and_priority_are_those_of_the_case():
    child, mother = somebody(), somebody(specific_needs=["SM"], priority="urgent")
    assert accepts([child, mother], "specific_needs", ["SM", "DS"])
    assert not accepts([child, mother], "specific_needs", ["DS"])
    assert not accepts([child], "specific_needs", ["DS"])
    assert accepts([child, mother], "priority", ["urgent"])
    sooner = somebody(priority="emergency")
    assert not accepts([mother, sooner], "priority", ["urgent"])
    assert not accepts([child], "priority", ["normal"])


@pytest.mark.parametrize(
    ("fact", "value", "where"),
    [("birth", ["1990"], "conditions"), ("arrived_on", ["2025-01-01"], "conditions"),
     ("open_duplicate", ["false"], "conditions"), ("affiliation", [], "conditions.affiliation")],
)  # fmt: skip
def test_a_condition_that_cannot_be_asked_of_anybody_is_refused_with_its_place(
    fact, value, where
):
    with pytest.raises(Faults) as wrong:
        planned(can={"conditions": {fact: value}})
    assert any(f"pledges.can.{where}" in str(fault) for fault in wrong.value.faults)


def test_days_sizes_and_needs_that_a_country_declares_reach_its_windows():
    found = offered(can={"processing_days": 40, "max_size": 6, "excluded_needs": ["DS", "ER"]})
    (window,) = found.windows
    assert (window.processing_days, window.max_size) == (40, 6)
    assert window.excluded_needs == ("DS", "ER")
    for wrong in ({"max_size": 0}, {"excluded_needs": ["XX"]}, {"processing_days": "soon"}):
        with pytest.raises(Faults, match=rf"pledges\.can\.{next(iter(wrong))}"):
            planned(can=wrong)


SHARES = {"allocations": [{"to": {"group": ["recognised_group"]}, "places": 4},
                          {"to": {"group": ["main_group"]}, "places": 6}]}  # fmt: skip


def proposed(found: Offers, groups: str):
    """Who is placed, of cases of one person, each of the group its letter says."""
    group = {"r": "recognised_group", "m": "main_group", "-": None}
    cases = tuple(
        Case(f"{letter}{n}", 1, shares=found.shares([somebody(group=group[letter])]))
        for n, letter in enumerate(groups)
    )
    tables = Tables(cases, found.windows, found.limits, found.opens, on=ON)
    content = document(propose(tables, read_aims(None)))
    assert content["check"]["passed"], content["check"]["faults"]
    placed = [row["case"][0] for row in content["assignments"]]
    return {letter: placed.count(letter) for letter in group}, content


def test_a_share_is_kept_for_those_it_is_for():
    placed, _ = proposed(offered(nor=SHARES), "m" * 12 + "-" * 3)
    assert placed == {"r": 0, "m": 6, "-": 0}
    placed, content = proposed(offered(nor=SHARES), "m" * 12 + "r" * 12)
    assert placed == {"r": 4, "m": 6, "-": 0}
    # Whom a share is for may be sealed: the plan says it, a proposal does not.
    assert "group" not in str([row["counts"] for row in content["limits"]])
    assert "recognised" not in str(content)


def test_a_family_is_in_a_share_when_each_of_them_is():
    found = offered(nor=SHARES)
    recognised, main = somebody(group="recognised_group"), somebody(group="main_group")
    assert found.shares([recognised, recognised]) == ("nor share 1",)
    assert found.shares([recognised, main]) == ()
    named = offered(nor={"allocations": [{"to": {"people": ["p1", "p2"]}, "places": 2}]})
    assert named.shares([{"id": "p1"}, {"id": "p2"}]) == ("nor share 1",)
    assert named.shares([{"id": "p1"}, {"id": "p3"}]) == ()


def test_places_used_are_taken_from_their_share_where_the_plan_says_whose_they_were():
    said = [{**share, "filled": used} for share, used in zip(SHARES["allocations"], (1, 2), strict=True)]  # fmt: skip
    placed, _ = proposed(offered(nor={"filled": 3, "allocations": said}), "m" * 12 + "r" * 12)
    assert placed == {"r": 3, "m": 4, "-": 0}
    # Where it does not, nobody gets a place that may have been kept for somebody else.
    placed, _ = proposed(offered(nor={"filled": 3, **SHARES}), "m" * 12 + "r" * 12)
    assert placed == {"r": 1, "m": 3, "-": 0}
    with pytest.raises(Faults, match="used"):
        planned(nor={"filled": 2, "allocations": said})


def test_shares_hold_in_an_offer_that_opens_after_another():
    found = offered(
        nor={"country": "NOR", "places": 2},
        can={**SHARES, "conditional_on": {"pledge": "nor", "departed": 2}},
    )
    placed, content = proposed(found, "m" * 20)
    assert placed["m"] == 2 + 6
    assert all(row["met"] for row in content["pledges"])


def test_what_follows_another_offer_opens_so_many_days_later():
    late = {"conditional_on": {"pledge": "nor", "departed": 5, "delay_days": 30}}
    nor = {"country": "NOR", "opens": date(2026, 4, 1)}

    def opens(**more):
        found = offered(**{"nor": nor, "can": late, **more})
        (window,) = (w for w in found.windows if w.programme == "can")
        return window.opens, window.persons, len(found.opens)

    # Nobody can leave for the other one before it opens.
    assert opens() == (date(2026, 5, 1), 0, 1)
    assert opens(nor={**nor, "opens": date(2026, 1, 1)}) == (date(2026, 3, 31), 0, 1)
    assert opens(can={**late, "opens": date(2026, 8, 1)}) == (date(2026, 8, 1), 0, 1)
    # Enough have left, by the day on which the plan was true: it is open by itself.
    assert opens(nor={**nor, "filled": 5}) == (date(2026, 3, 22), 10, 0)
    gone = {**nor, "state": "exhausted", "filled": 10}
    assert opens(nor=gone) == (date(2026, 3, 22), 10, 0)
    # The other one can take nobody more: it never opens.
    assert opens(nor={**gone, "filled": 4}) == (date(2026, 5, 1), 0, 0)


def test_places_already_used_of_an_offer_that_follows_another_are_not_opened_again():
    follows = {"conditional_on": {"pledge": "nor", "departed": 2}, "filled": 4}
    found = offered(nor={"country": "NOR"}, can=follows)
    assert [one.opens_persons for one in found.opens] == [6]


def forward(*groups, country="CAN", **facts):
    return country, [somebody(group=group, **facts) for group in groups]


def test_those_put_forward_have_their_places_and_their_share():
    plan = planned(can={**SHARES, "filled": 1}, nor={"country": "NOR"})
    pledges = list(plan.pledges.values())
    waiting = [forward("main_group", "main_group"), forward("recognised_group"), forward(None), forward("main_group", country="PRT")]  # fmt: skip
    found = offers(plan, pledges, ON, waiting)
    places = {window.programme: window.persons for window in found.windows}
    assert places == {"can": 10 - 1 - 4, "nor": 10}
    kept = {limit.limit: limit.persons for limit in found.limits}
    assert kept == {"can share 1": 3, "can share 2": 4, "can share 1+2": 5}


def test_of_several_offers_of_a_country_those_put_forward_have_the_one_that_takes_them():
    none = {"conditions": {"affiliation": ["none"]}}
    plan = planned(first={**none, "places": 2}, second={}, third={"conditional_on": {"pledge": "second", "departed": 9}})  # fmt: skip

    def places(*waiting):
        found = offers(plan, list(plan.pledges.values()), ON, waiting)
        return [window.persons for window in found.windows][:2]

    member, free = forward("main_group", affiliation="member"), forward("main_group", affiliation="none")  # fmt: skip
    assert places(member) == [2, 9]
    assert places(free, free, free) == [0, 9]
    # What no offer that counts can take is none of their places.
    assert places(*[member] * 14) == [0, 0]
