"""What a proposal promises, as a specification: nobody without consent, nobody split, nothing
over capacity, the aims in order. That values are the best and bounds are true is judged in
`test_brute_force`."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from datetime import date

import placement_cast as cast
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onward.placement.inputs.aims import parse_aims, read_aims
from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import (
    Case,
    Limit,
    Lock,
    Opening,
    Pledge,
    Selector,
    Tables,
    Window,
)
from onward.placement.propose import propose
from onward.placement.telling.check import check
from onward.placement.telling.document import document, to_json

AIMS = read_aims()
SLOWLY = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def stage(proposal, name):
    return next(s for s in proposal.stages if s.name == name)


# --- the invariants --------------------------------------------------------------------------


# The four that follow count by themselves and ask no other judge of the room.


@SLOWLY
@given(cast.tables())
def test_no_window_takes_more_persons_than_it_has_places(t):
    placed = propose(t, AIMS).places()
    size = {c.case: c.size for c in t.cases}
    nationality = {c.case: c.nationality for c in t.cases}
    in_programme = {
        w.programme: sum(size[c] for c, p in placed.items() if p[0] == w.programme)
        for w in t.windows
    }
    for w in t.windows:
        opened = sum(
            p.opens_persons
            for p in t.pledges
            if (p.opens_programme, p.opens_window) == (w.programme, w.window)
            and in_programme[p.if_programme] >= p.if_persons
        )
        here = [c for c, p in placed.items() if p == (w.programme, w.window)]
        assert sum(size[c] for c in here) <= w.persons + opened
        assert all(w.max_size is None or size[c] <= w.max_size for c in here)
    for limit in t.limits:
        if limit.kind == "cap":
            assert sum(size[c] for c in placed if nationality[c] == "A") <= limit.persons


@SLOWLY
@given(cast.tables())
def test_no_household_is_split_without_the_word_of_all_its_adults(t):
    placed = propose(t, AIMS).places()
    homes = {c.household for c in t.cases if c.household}
    for home in homes:
        members = [c for c in t.cases if c.household == home]
        if not all(c.split_agreed for c in members):
            assert len({placed.get(c.case) for c in members}) == 1


@SLOWLY
@given(cast.tables(), st.lists(st.booleans(), min_size=18, max_size=18))
def test_nobody_goes_where_they_did_not_consent_or_a_safeguard_is_not_open(t, answers):
    pairs = [(c.case, p) for c in t.cases for p in ("North", "South", "West")]
    said = tuple(Opening(c, p, a) for (c, p), a in zip(pairs, answers, strict=False))
    t = replace(
        t, openings=tuple(o for o in said if o.destination in {w.programme for w in t.windows})
    )
    country = {w.programme: w.country for w in t.windows}
    for name, (programme, _) in propose(t, AIMS).places().items():
        case = next(c for c in t.cases if c.case == name)
        names = {programme, country[programme]}
        assert case.consents is None or names & set(case.consents)
        assert not names & set(case.refused)
        assert Opening(name, programme, True) in t.openings


@SLOWLY
@given(cast.locked_tables())
def test_locks_are_kept_or_no_proposal_is_made(t):
    proposal = propose(t, AIMS)
    placed = proposal.places()
    if proposal.state == "infeasible":
        assert cast.everything(t) == []
        assert proposal.conflict
        return
    for lock in t.locks:
        got = placed.get(lock.case)
        assert (
            got is None if not lock.programme else got is not None and got[0] == lock.programme
        )
        assert got is None or lock.window in ("", got[1])


@SLOWLY
@given(cast.tables())
def test_the_bound_is_never_below_the_value(t):
    for s in propose(t, AIMS).stages:
        assert s.bound >= s.value - 1e-9
        assert s.gap >= 0


@SLOWLY
@given(cast.tables())
def test_the_order_of_rows_changes_nothing(t):
    mixed = replace(
        t,
        cases=tuple(random.Random(1).sample(t.cases, len(t.cases))),
        windows=tuple(random.Random(2).sample(t.windows, len(t.windows))),
        scores=tuple(random.Random(3).sample(t.scores, len(t.scores))),
    )
    assert to_json(document(propose(t, AIMS))) == to_json(document(propose(mixed, AIMS)))


@SLOWLY
@given(cast.tables())
def test_a_case_that_leaves_frees_at_most_its_own_weight(t):
    t = replace(
        t,
        pledges=(),
        cases=tuple(
            replace(c, household="", linked_to=(), priority="emergency") for c in t.cases
        ),
    )
    whole = stage(propose(t, AIMS, gap=0.0), "emergencies").value
    out = t.cases[0]
    rest = replace(
        t, cases=t.cases[1:], scores=tuple(s for s in t.scores if s.case != out.case)
    )
    left = stage(propose(rest, AIMS, gap=0.0), "emergencies").value
    assert left <= whole + 1e-6
    assert left >= whole - out.size - 1e-6


@SLOWLY
@given(cast.tables())
def test_scores_never_decide_whether_somebody_is_placed(t):
    other = replace(t, scores=tuple(replace(s, score=1 - s.score) for s in t.scores))
    assert propose(t, AIMS).places().keys() == propose(other, AIMS).places().keys()


# --- consent and safeguards ------------------------------------------------------------------


def one_case(**known):
    return Tables(
        (Case("C1", 2, **known),), (Window("North", 5),), scores=(Score("C1", "North", 1.0),)
    )


def test_a_case_that_consented_is_proposed():
    assert propose(one_case(consents=("North",)), AIMS).places() == {"C1": ("North", "")}


def test_a_case_without_consent_is_not_proposed_and_the_reason_is_said():
    proposal = propose(one_case(consents=()), AIMS)
    (line,) = document(proposal)["unplaced"]
    assert line["code"] == "consent"
    assert "in private" in line["change"]


def test_a_lock_does_not_replace_consent():
    proposal = propose(one_case(consents=(), locked="North"), AIMS)
    assert proposal.state == "infeasible"
    assert proposal.conflict == ["lock of case C1: no valid consent to this destination"]


@pytest.mark.parametrize("openings", [(), (Opening("C1", "North", False, "G6"),)])
def test_a_destination_the_safeguards_did_not_open_is_never_proposed(openings):
    t = replace(one_case(), openings=openings)
    assert propose(t, AIMS).places() == {}


def test_the_reason_that_the_input_gives_for_a_safeguard_is_said():
    said = (Opening("C1", "North", False, "G6"), Opening("C2", "North", False, "G7"))
    (line,) = document(propose(replace(one_case(), openings=said), AIMS))["unplaced"]
    assert line["reason"] == "a safeguard is not open for this destination: G6 (1 programme)"
    assert line["change"] == "see what would lift G6"
    untold = tuple(replace(o, told=False) for o in said)
    assert "G6" not in to_json(document(propose(replace(one_case(), openings=untold), AIMS)))


def test_what_the_safeguards_opened_is_proposed():
    t = replace(one_case(), openings=(Opening("C1", "North", True),))
    assert propose(t, AIMS).places() == {"C1": ("North", "")}


def test_an_input_without_consents_makes_a_provisional_proposal():
    assert document(propose(one_case(), AIMS))["not_in_input"] == ["consents", "safeguards"]


# --- families --------------------------------------------------------------------------------


def household(agreed):
    return Tables(
        tuple(Case(f"C{i}", 2, household="H", split_agreed=agreed) for i in (1, 2)),
        (Window("North", 3), Window("South", 3)),
    )


def test_a_household_is_not_split():
    assert propose(household(False), AIMS).places() == {}


def test_a_household_whose_adults_all_agreed_may_be_apart():
    assert len(propose(household(True), AIMS).places()) == 2


def test_linked_cases_go_together_when_there_is_room():
    t = Tables(
        (Case("C1", 2, linked_to=("C2",)), Case("C2", 2), Case("C3", 2, linked_to=("C1",))),
        (Window("North", 6), Window("South", 6)),
        scores=tuple(
            Score(c, p, s)
            for c, p, s in [("C1", "North", 1.0), ("C1", "South", 0.0), ("C2", "North", 0.0),
                            ("C2", "South", 1.0), ("C3", "North", 0.1), ("C3", "South", 0.2)]
        ),
    )  # fmt: skip
    proposal = propose(t, AIMS)
    assert len(set(proposal.places().values())) == 1
    assert document(proposal)["links"][0]["state"] == "together"


@pytest.mark.parametrize(
    ("consents", "rest"),
    [(("North", "South"), "; no country is possible for all of them"),
     (("North", "East"), "; one country for all of them would cost persons or links that come first")],
)  # fmt: skip
def test_three_linked_cases_that_are_apart_are_told_why_not_one_country_either(consents, rest):
    one, other = consents
    t = Tables(
        (Case("C1", 2, linked_to=("C2",), consents=(one,)), Case("C2", 2, consents=(one,)),
         Case("C3", 1, linked_to=("C1",), consents=(other,))),
        (Window("North", 4, country="N"), Window("East", 4, country="N"), Window("South", 4, country="S")),
    )  # fmt: skip
    if (
        "East" in consents
    ):  # the third may go to the country of the others, whose places are gone
        locked = Case("C0", 4, locked="East", consents=("East",))
        t = replace(
            t, cases=(*t.cases[:2], replace(t.cases[2], consents=("East", "South")), locked)
        )
    (line,) = document(propose(t, AIMS))["links"]
    assert (line["cases"], line["state"]) == (["C1", "C2", "C3"], "apart")
    assert line["why"] == "no window is possible for all of them" + rest


def test_being_linked_is_no_handicap():
    t = Tables((Case("C1", 3, linked_to=("C2",)), Case("C2", 3)), (Window("North", 3),))
    proposal = propose(t, AIMS)
    assert len(proposal.places()) == 1
    assert document(proposal)["links"][0]["state"] == "partly placed"


# --- places, limits, pledges, time -----------------------------------------------------------


def test_an_earmark_is_a_cap_on_everyone_else():
    t = Tables(
        (Case("C1", 3, category="LPN"), Case("C2", 2, category="WGR")),
        (Window("North", 4),),
        limits=(Limit("women", "North", 2, kind="earmark", who=Selector(categories=("WGR",))),),
    )
    proposal = propose(t, AIMS)
    assert proposal.places() == {"C2": ("North", "")}
    (line,) = document(proposal)["unplaced"]
    assert line["stopped_by"] == ["women"] or "North" in line["stopped_by"]


def earmarked(size, more=0):
    return Tables(
        (Case("C1", size, category="LPN"),), (Window("North", 4 + more),),
        limits=(Limit("women", "North", 2, kind="earmark", who=Selector(categories=("WGR",))),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "change"),
    [(3, "1 fewer place kept by earmark women"), (4, "2 fewer places kept by earmark women")],
)
def test_a_place_kept_for_others_is_asked_of_the_earmark(size, change):
    (line,) = document(propose(earmarked(size), AIMS))["unplaced"]
    assert line["change"] == change
    assert line["stopped_by"] == ["women"]


def test_more_places_in_the_window_are_enough_where_an_earmark_is_short_too():
    t = earmarked(3)
    t = replace(t, cases=(*t.cases, Case("C0", 2, category="WGR", priority="emergency"),
                          Case("C2", 2, category="LPN", priority="emergency")))  # fmt: skip
    (line,) = document(propose(t, AIMS))["unplaced"]
    assert line["change"] == "3 more places in North"
    wider = replace(t, windows=(Window("North", 7),))
    assert document(propose(wider, AIMS))["unplaced"] == []


def test_a_condition_counts_its_own_programme_and_no_country_of_that_name():
    t = Tables(
        (Case("C1", 2, consents=("Other",)), Case("C2", 2, consents=("South",))),
        (Window("North", 2), Window("Other", 2, country="North"), Window("South", 0)),
        pledges=(Pledge("follows", "North", 2, "South", 2),),
    )
    content = document(propose(t, AIMS))
    assert content["check"]["passed"]
    assert [r["case"] for r in content["assignments"]] == ["C1"]


def test_a_pledge_is_priced_by_whole_families():
    # three do not fit into two places; a relaxation would place two thirds of the family
    t = Tables(
        (Case("C1", 3, consents=("North",)), Case("C2", 1, consents=("South",))),
        (Window("North", 2), Window("South", 0)),
        pledges=(
            Pledge("follows", "North", 0, "South", 3),
            Pledge("more", "South", 1, "North", 1),
        ),
    )
    content = document(propose(t, AIMS))
    assert {p["pledge"]: p["price"] for p in content["pledges"]} == {"follows": 4, "more": 3}
    assert content["persons"]["placed"] == 4


def test_a_conditional_pledge_is_met_when_that_places_more():
    t = Tables(
        (Case("C1", 2), Case("C2", 3, consents=("South",)), Case("C3", 1)),
        (Window("North", 3), Window("South", 0)),
        pledges=(Pledge("follows", "North", 3, "South", 3),),
    )
    t = replace(t, cases=tuple(replace(c, consents=c.consents or ("North",)) for c in t.cases))
    content = document(propose(t, AIMS))
    assert content["persons"]["placed"] == 6
    assert content["pledges"][0]["met"]
    assert content["pledges"][0]["price"] == 3


def test_verbal_places_are_not_places():
    t = Tables((Case("C1", 1),), (Window("North", 5, state="verbal"),))
    assert document(propose(t, AIMS))["unplaced"][0]["code"] == "state"


def test_a_case_whose_processing_ends_too_late_is_told_by_how_many_days():
    window = Window("North", 5, closes=date(2026, 3, 1), processing_days=40)
    t = Tables((Case("C1", 1, ready_on=date(2026, 2, 1)),), (window,))
    (line,) = document(propose(t, AIMS))["unplaced"]
    assert line["code"] == "deadline"
    assert line["change"].startswith("12 days more")


def test_places_are_counted_in_persons_and_the_missing_ones_are_named():
    t = Tables((Case("C1", 5), Case("C2", 2)), (Window("North", 6),))
    (line,) = document(propose(t, AIMS))["unplaced"]
    assert line["change"] == "1 more place in North"


def test_emergencies_come_first():
    t = Tables((Case("C1", 1, priority="emergency"), Case("C2", 5)), (Window("North", 5),))
    assert propose(t, AIMS).places() == {"C1": ("North", "")}


def test_equal_cases_are_drawn_by_the_published_seed():
    t = Tables((Case("C1", 1), Case("C2", 1)), (Window("North", 1),))
    for seed in range(3):
        content = document(propose(t, AIMS, seed=seed))
        drawn = {r["case"]: r["draw"] for r in (*content["assignments"], *content["unplaced"])}
        for (
            case,
            number,
        ) in drawn.items():  # anybody can repeat it, from the seed and the number of the case
            digest = hashlib.sha256(f"{seed}|{case}".encode()).hexdigest()
            assert number == pytest.approx(int(digest[:16], 16) / 16**16, abs=1e-6)
        assert content["assignments"][0]["case"] == max(drawn, key=drawn.__getitem__)
    winners = {next(iter(propose(t, AIMS, seed=s).places())) for s in range(12)}
    assert winners == {"C1", "C2"}


def test_last_week_is_kept_where_it_costs_nothing():
    t = Tables((Case("C1", 1), Case("C2", 1)), (Window("North", 1), Window("South", 1)))
    for before in ("North", "South"):
        kept = replace(t, previous={"C1": (before, "")})
        assert propose(kept, AIMS).places()["C1"] == (before, "")


def test_a_place_that_nobody_needs_is_worth_nothing():
    t = Tables((Case("C1", 3),), (Window("North", 3),))
    (line,) = document(propose(t, AIMS))["limits"]
    assert line["worth_of_one_more"] == 0
    short = replace(t, cases=(*t.cases, Case("C2", 1, priority="urgent")))
    (line,) = document(propose(short, AIMS))["limits"]
    assert line["worth_of_one_more"] == 1
    assert line["holds_for_more"] == 1


# --- locks, floors and conflicts -------------------------------------------------------------


def test_locks_hold_and_clashing_ones_are_named_alone():
    t = Tables(
        tuple(Case(f"C{i}", 2) for i in range(4)),
        (Window("North", 3), Window("South", 9)),
        locks=(Lock("C0", "South"), Lock("C1", "North"), Lock("C2", "North")),
    )
    proposal = propose(t, AIMS)
    assert proposal.state == "infeasible"
    assert proposal.conflict == [
        "lock of case C1 to North",
        "lock of case C2 to North",
        "places of North: at most 3 persons (everybody)",
    ]
    assert propose(replace(t, locks=t.locks[:2]), AIMS).places()["C1"] == ("North", "")


def test_a_case_that_is_held_back_is_not_placed():
    t = Tables((Case("C1", 1),), (Window("North", 1),), locks=(Lock("C1", ""),))
    assert document(propose(t, AIMS))["unplaced"][0]["code"] == "held back"


def test_a_floor_places_its_group_and_has_a_price():
    text = "version: 1\nstages: [protection]\nfloors:\n  - {name: Lone, group: {lone_older: true}, share: 1}\n"
    t = Tables((Case("C1", 1, age=70), Case("C2", 3, age=30)), (Window("North", 3),))
    proposal = propose(t, parse_aims(text))
    assert proposal.places() == {"C1": ("North", "")}
    assert proposal.floors == [
        {
            "floor": "Lone",
            "share": 1.0,
            "price": 2.0,
            "price_at_least": 2.0,
            "price_at_most": 2.0,
        }
    ]


# --- sizes -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_large_problem_keeps_every_rule_and_proves_its_bound():
    rng = random.Random(5)
    names = [f"P{k}" for k in range(6)]
    windows = tuple(Window(p, rng.randint(20, 60), w) for p in names for w in ("a", "b"))
    cases = tuple(
        Case(f"C{i:04d}", rng.choice([1, 1, 2, 3, 5]), nationality=rng.choice("AB"),
             priority=rng.choice(["normal"] * 8 + ["urgent", "emergency"]),
             linked_to=(f"C{i - 1:04d}",) if i % 20 == 1 else (),
             consents=tuple(n for n in names if rng.random() < 0.7))
        for i in range(600)
    )  # fmt: skip
    scores = tuple(Score(c.case, p, rng.random()) for c in cases for p in names)
    t = Tables(
        cases, windows, (Limit("A", "P0", 20, who=Selector(nationalities=("A",))),), (), scores
    )
    proposal = propose(t, AIMS, seconds=30)
    assert check(t, proposal.places()) == []
    assert len(proposal.places()) > 100
    for s in proposal.stages:
        assert not s.bound < s.value - 1e-6
    assert json.loads(to_json(document(proposal)))["check"]["passed"]
