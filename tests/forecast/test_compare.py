"""Scenarios compared, options counted, conditions found, levers searched: on a camp small enough
to know the answer."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onward.caseload.moves import forecast_moves
from onward.errors import Faults
from onward.forecast.building.classes import DIFFER
from onward.forecast.building.inputs import Inputs
from onward.forecast.learning.edges import Edge
from onward.forecast.learning.estimate import Rates
from onward.forecast.scenarios.compare import assumed, compare, cost_per_option, play
from onward.forecast.scenarios.conditions import boxes
from onward.forecast.scenarios.decide_by import decide_by, decision_day, delayed, last_day
from onward.forecast.scenarios.options import ways
from onward.forecast.scenarios.scenario import Change, Lever, Levers, Scenario
from onward.forecast.scenarios.search import budgets_of, search
from onward.forecast.simulator.draws import Discrete, Fixed, Gamma
from onward.forecast.simulator.model import Capacity, Gate, Model, State, Supply, Transition
from onward.plan.model import Uncertain, UncertainDate
from onward.rulebook import load, shipped_path

ROOT = Path(__file__).parents[2]
RULEBOOK = load(shipped_path("protected-camp"))
STEPS = [(m.from_state, m.move, m.to_state) for m in forecast_moves(RULEBOOK)]
WAYS = ways(RULEBOOK, STEPS)
RATES = Rates((), 0.1, 30.0, (0.0, 0.1))
AS_OF, DEADLINE = dt.date(2026, 10, 31), dt.date(2027, 2, 28)
DAYS = (DEADLINE - AS_OF).days
EDGES = (
    Edge("return_confirmed", "T6.done", "return_cleared", 40),
    Edge("return_cleared", "T7.done", "returned", 40),
    Edge("return_cleared", "T22.absent", "absent", 1),
    Edge("claim_pending", "T10.recognised", "recognised", 9),
    Edge("in_handover", "T20.done", "transferred", 3),
    Edge("in_handover", "T22.deceased", "deceased", 1),
)


def day(text):
    at = dt.date.fromisoformat(text)
    return UncertainDate(at, at, at)


def change(what="adds", target="return_seat", amount=0.0, start=None, **more):
    more.setdefault("owner", "neutral intermediary")
    return Change(
        what, (target,), f"{what} {amount:g} {target}", 1, amount=amount, start=start, **more
    )


def choice(id, *changes, kind="choice"):
    return Scenario(id, id.replace("_", " "), kind, tuple(changes))


SEATS = choice("seats", change(amount=3, cost={"money": 900}))
CLEAR = choice("clearing", change("scales", "T6.done", factor=Uncertain(3, 3, 3)))
SHUT = choice("shut", change("closes", "T7.done", start=day("2026-12-01")), kind="circumstance")


def make(which=()):
    """A camp of people waiting for clearance, then for one seat a day; 30 claims; 20 in a
    hand-over that only an accident of the record would move."""
    changes = [one for scenario in which for one in scenario.changes]
    seats = [Supply(1)]
    for one in changes:
        if one.what == "adds":
            seats.append(
                Supply(one.amount, (one.start.likely - AS_OF).days if one.start else 0)
            )
    scales = {one.targets[0]: one.factor.likely for one in changes if one.what in ("scales",)}
    gates = [
        Gate(f"gate {i}", [((one.start.likely - AS_OF).days, 1e9)], closed=True)
        for i, one in enumerate(changes)
        if one.what == "closes"
    ]
    pace = {"T6.done": 0.02, "T7.done": 0.5, "T22.absent": 0.001, "T10.recognised": 0.01,
            "T20.done": 0.05, "T22.deceased": 0.0005}  # fmt: skip
    transitions = []
    for edge in EDGES:
        factors = ["bring"] if edge.move == "T10.recognised" else []
        if edge.move == "T7.done":
            factors += [gate.id for gate in gates]
        hazard = pace[edge.move] * scales.get(edge.move, 1)
        transitions.append(
            Transition(
                edge.name, edge.source, edge.target,
                "clearing" if edge.move == "T6.done" and edge.move not in scales else hazard,
                factors=factors,
                capacities=["return_seat"] if edge.move == "T7.done" else [],
            )
        )  # fmt: skip
    names = list(dict.fromkeys(n for e in EDGES for n in (e.source, e.target)))
    gone = {"returned", "absent", "transferred", "deceased"}
    model = Model(
        [State(name, present=name not in gone) for name in names],
        ["everyone"],
        {("return_confirmed", "everyone", 1): 200, ("claim_pending", "everyone", 1): 30,
         ("in_handover", "everyone", 1): 20},
        transitions,
        factors=[Gate("bring", [("panel from", 1e9)]), *gates],
        capacities=[Capacity("return_seat", seats)],
    )  # fmt: skip
    laws = {"panel from": Discrete((10.0, 400.0), (0.5, 0.5)), "clearing": Gamma(20, 1000)}
    return Inputs(
        model, laws, {}, EDGES, {"panel from": "plan dates", "clearing": "behaviour"}, RATES,
        ("invented",), (),
    )  # fmt: skip


def compared(scenarios, **more):
    return compare(
        make, scenarios, WAYS, operation="camp", as_of=AS_OF, deadline=DEADLINE,
        futures=more.pop("futures", 120), seed=1, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return compared([SEATS, CLEAR, SHUT])


def test_the_ways_of_a_rulebook_end_in_what_a_person_chose_and_never_in_a_hand_over():
    found = {way.pathway: way for way in WAYS}
    assert set(found) == {
        "return",
        "protection",
        "resettlement",
        "onward",
        "relocation",
        "stay",
    }
    assert found["return"].ready == ("return_cleared",)
    assert found["protection"].ready == ()
    assert {move for _, move, _ in found["protection"].last} == {
        "T10.recognised", "T10.complementary", "T11.overturned",
    }  # fmt: skip
    ends = {RULEBOOK.forecast_states[to].gone for way in WAYS for _, _, to in way.last}
    assert not ends & {"handover", "absence", "death"}


def test_whoever_could_go_counts_like_whoever_went_and_nobody_handed_over_counts():
    one = make()
    run = play(one, WAYS, futures=60, seed=3, days=DAYS)
    many = play(make([SEATS]), WAYS, futures=60, seed=3, days=DAYS)
    # 20 people in a hand-over leave almost surely; not one is an option.
    assert set(run.options) == {way.pathway for way in WAYS}
    total = run.options["return"] + run.options["protection"]
    np.testing.assert_array_equal(run.opened, total)
    assert (run.options["protection"] <= 30).all()
    # With one seat a day no more than a seat a day was ever opened to anybody; with four, more.
    assert (run.options["return"] <= DAYS).all()
    assert (many.options["return"] >= run.options["return"]).all()
    # Where seats are left over, whoever is cleared and still here could go that day.
    from onward.forecast.simulator.futures import Outputs, simulate

    rows = make([SEATS]).draws(60, 3)
    again = simulate(
        make([SEATS]).model, rows, 60, 3, days=DAYS, keyed=True, path="general",
        outputs=Outputs(units_on=[DAYS - 1], flows_on=[DAYS - 1]),
    )  # fmt: skip
    names = list(again.transitions)
    went = again.flows[:, 0, names.index(EDGES[1].name), 0]
    ready = again.units[:, 0, again.states.index("return_cleared"), 0, 0]
    assert (many.options["return"] >= went).all()
    assert (many.options["return"] <= went + ready).all()
    assert (many.options["return"] > went).any()


def test_a_way_that_is_closed_is_no_option():
    shut = play(make([SHUT]), WAYS, futures=60, seed=3, days=DAYS)
    assert (shut.options["return"] <= (dt.date(2026, 12, 1) - AS_OF).days + 1).all()


def test_what_a_scenario_does_not_touch_stays_as_it_was_future_by_future(made):
    base = play(make(), WAYS, futures=120, seed=1, days=DAYS)
    seats = play(make([SEATS]), WAYS, futures=120, seed=1, days=DAYS)
    np.testing.assert_array_equal(base.options["protection"], seats.options["protection"])
    case = made.case("seats")
    assert case.by_pathway["protection"] == 0
    assert case.here_change["q975"] <= 0
    difference = seats.opened - base.opened
    assert case.options_change["mean"] == pytest.approx(difference.mean(), abs=0.01)
    assert case.likely_more == pytest.approx((difference >= 1).mean(), abs=1e-3)


def test_the_same_seed_gives_the_same_comparison_on_any_number_of_threads(made):
    assert compared([SEATS, CLEAR, SHUT], threads=1).to_json() == made.to_json()


def test_the_plan_stands_first_and_changes_nothing_against_itself(made):
    plan = made.cases[0]
    assert plan.kind == "plan"
    assert set(plan.options_change.values()) == {0.0}
    assert made.start == 250


def test_regret_is_nothing_for_the_best_choice_and_never_negative(made):
    by = {row.choice: row for row in made.regret}
    assert set(by) == {"plan", "seats", "clearing"}
    assert all(row.levels["q025"] >= 0 for row in made.regret)
    assert made.regret[0].mean == min(row.mean for row in made.regret)
    assert by["plan"].mean >= by["seats"].mean
    base = play(make(), WAYS, futures=120, seed=1, days=DAYS).opened
    rows = {"plan": [], "seats": [], "clearing": []}
    for world in ((), (SHUT,)):
        these = {
            "plan": base if not world else play(make(world), WAYS, futures=120, seed=1, days=DAYS).opened,
            "seats": play(make([SEATS, *world]), WAYS, futures=120, seed=1, days=DAYS).opened,
            "clearing": play(make([CLEAR, *world]), WAYS, futures=120, seed=1, days=DAYS).opened,
        }  # fmt: skip
        best = np.max(list(these.values()), axis=0)
        for name, values in these.items():
            rows[name].append(best - values)
    for name, values in rows.items():
        assert by[name].mean == pytest.approx(np.mean(values), abs=0.01)


def test_a_scenario_of_several_changes_is_also_shown_change_by_change():
    both = choice("both", *SEATS.changes, *CLEAR.changes)
    made = compared([both])
    assert [bar.alone for bar in made.bars] == [True, True]
    alone = compared([SEATS, CLEAR])
    for bar, id in ((made.bars[0], "seats"), (made.bars[1], "clearing")):
        others = {b.title: b for b in alone.bars}
        assert bar.title in others, id
        assert others[bar.title].options_change == bar.options_change
    single = compared([SEATS])
    assert [bar.alone for bar in single.bars] == [False]


def test_what_one_option_costs_is_said_only_where_it_can_be_told():
    more = np.array([10.0] * 95 + [0.0] * 5)
    each = cost_per_option(more, {"money": 950})["money"]
    assert each["average"] == pytest.approx(100)
    assert each["low"] == each["high"] == 95
    unsure = np.array([10.0] * 50 + [0.0] * 50)
    assert set(cost_per_option(unsure, {"money": 950})["money"]) == {"average"}
    assert cost_per_option(np.zeros(100), {"money": 950}) == {}
    assert cost_per_option(more, {}) == {}


def test_more_of_what_nobody_waits_for_is_said_to_open_nothing():
    plenty = choice("plenty", change(amount=500))
    once = choice("more", change(amount=100))
    notes = compared([plenty]).case("plenty").notes
    assert notes == () or notes == []  # one seat a day is short
    rich = lambda which=(): make([plenty, *which])  # noqa: E731
    made = compare(
        rich, [once], WAYS, operation="camp", as_of=AS_OF, deadline=DEADLINE, futures=60, seed=1
    )
    assert "are not what people wait for" in made.case("more").notes[0]
    assert made.case("more").options_change["mean"] == pytest.approx(0, abs=3)


def test_only_behaviour_may_be_assumed_otherwise():
    one = choice("quick", change("assume", "clearing", factor=Uncertain(0.05, 0.05, 0.05)),
                 kind="circumstance")  # fmt: skip
    drawn = assumed(make(), [one]).draws(10, 1).column("clearing")
    assert (drawn == 0.05).all()
    dates = choice("dates", change("assume", "panel from", factor=Uncertain(1, 1, 1)),
                   kind="circumstance")  # fmt: skip
    with pytest.raises(Faults, match="expected clearing"):
        assumed(make(), [dates])


def test_families_may_be_assumed_to_differ_as_far_as_they_are_simulated_to():
    inputs = make()
    inputs = replace(
        inputs,
        laws={**inputs.laws, DIFFER: Fixed(0.5)},
        sources={**inputs.sources, DIFFER: "behaviour"},
    )
    held = choice("alike", change("assume", DIFFER, factor=Uncertain(0, 0, 0)),
                  kind="circumstance")  # fmt: skip
    assert (assumed(inputs, [held]).draws(10, 1).column(DIFFER) == 0).all()
    beyond = choice("beyond", change("assume", DIFFER, factor=Uncertain(0.5, 1, 3)),
                    kind="circumstance")  # fmt: skip
    with pytest.raises(Faults, match=r"at: 3; expected 0 \(all alike\) to 1\.2"):
        assumed(inputs, [beyond])


# -- what would have to be true ---------------------------------------------------------------
def test_boxes_find_the_conditions_that_were_planted_and_nothing_in_noise():
    rng = np.random.default_rng(5)
    values = rng.random((2000, 12))
    values[:, 3] = np.where(values[:, 3] < 0.3, np.inf, values[:, 3])
    happened = (values[:, 2] > 0.7) & np.isfinite(values[:, 3])
    names = [f"v{i}" for i in range(12)]
    (box,) = boxes(values, names, happened, most=1)
    limits = {limit.name: limit for limit in box.limits}
    assert set(limits) == {"v2", "v3"}
    assert limits["v2"].low == pytest.approx(0.7, abs=0.04)
    assert limits["v3"].high < np.inf
    assert box.density > 0.9
    assert box.coverage > 0.85
    noise = rng.random(2000) < 0.3
    assert boxes(values, names, noise) == ()


def test_boxes_say_nothing_where_it_hardly_happens_or_always_does():
    values = np.random.default_rng(1).random((400, 3))
    assert boxes(values, ["a", "b", "c"], np.zeros(400, dtype=bool)) == ()
    assert boxes(values, ["a", "b", "c"], np.ones(400, dtype=bool)) == ()
    with pytest.raises(ValueError, match="expected"):
        boxes(values, ["a"], np.ones(400, dtype=bool))


# -- levers -----------------------------------------------------------------------------------
def lever(id, *options):
    scenarios = tuple(choice(f"{id}_{n}", one) for n, one in enumerate(options, 1))
    return Lever(id, id, "neutral intermediary", scenarios)


LEVERS = Levers(
    "What we can do",
    (
        lever("seats", change(amount=1, cost={"money": 10}), change(amount=3, cost={"money": 40})),
        lever("clearing", change("scales", "T6.done", factor=Uncertain(2, 2, 2), cost={"money": 25})),
        lever("nothing", change("scales", "T1.done", factor=Uncertain(2, 2, 2), cost={"money": 1})),
    ),
    {"money": 66},
)  # fmt: skip


def searched(levers=LEVERS, **more):
    return search(
        make, levers, WAYS, operation="camp", as_of=AS_OF, deadline=DEADLINE, futures=60, seed=1,
        **more,
    )  # fmt: skip


def brute(budget, worlds=((),)):
    """Every package's mean over the poorer half, by hand."""
    found = {}
    for package in itertools.product(range(3), range(2), range(2)):
        taken = [
            lever.options[n - 1] for lever, n in zip(LEVERS.levers, package, strict=True) if n
        ]
        cost = sum(one.cost.get("money", 0) for one in taken)
        if cost > budget:
            continue
        opened = [
            play(make([*taken, *world]), WAYS, futures=60, seed=1, days=DAYS).opened
            for world in worlds
        ]
        lowest = np.sort(np.concatenate(opened))
        found[package] = lowest[: len(lowest) // 2].mean()
    nothing = found[0, 0, 0]
    return {package: value - nothing for package, value in found.items()}


@pytest.mark.parametrize(("budget", "worlds"), [(66, ((),)), (30, ((),)), (66, ((), (SHUT,)))])
def test_the_search_finds_what_trying_everything_by_hand_finds(budget, worlds):
    expected = brute(budget, worlds)
    circumstances = [world[0] for world in worlds if world]
    made = searched(budgets={"money": budget}, circumstances=circumstances)
    assert made.proven
    assert made.packages == len(expected)
    assert made.found[0].robust == pytest.approx(max(expected.values()), abs=0.01)
    assert made.found[0].cost.get("money", 0) <= budget
    assert all(row.cost.get("money", 0) <= budget for row in made.found)


def test_among_equals_the_search_takes_the_cheaper():
    # The third lever changes nothing here, so the best package leaves it.
    assert "nothing" not in searched().found[0].taken


def test_climbing_finds_the_best_too_and_says_that_it_is_not_proven():
    made = searched(every=2)
    assert not made.proven
    assert made.found[0].robust == pytest.approx(searched().found[0].robust, abs=0.01)


def test_nobody_handed_over_is_ever_a_gain():
    """A lever that empties the hand-over state, if it could exist, would gain nothing."""
    forced = Levers(
        "x",
        (lever("handover", change("scales", "T20.done", factor=Uncertain(9, 9, 9))),
         lever("deaths", change("scales", "T22.deceased", factor=Uncertain(50, 50, 50))),
         lever("absence", change("scales", "T22.absent", factor=Uncertain(50, 50, 50)))),
        {},
    )  # fmt: skip
    made = searched(forced)
    gone = play(make([forced.levers[1].options[0]]), WAYS, futures=60, seed=1, days=DAYS)
    base = play(make(), WAYS, futures=60, seed=1, days=DAYS)
    assert gone.here[:, -1].mean() < base.here[:, -1].mean()
    for row in made.found:
        assert row.robust < 0.5
        # Not quite nought: where more people leave otherwise, chance falls a little differently.
        assert row.options_change["mean"] < 0.5
    assert made.found[0].taken == {}


@pytest.mark.parametrize("what", ["closes", "incident", "assume", "tells"])
def test_what_is_no_lever_is_refused_however_it_gets_there(what):
    wrong = replace(
        LEVERS, levers=(lever("x", change(what, "T7.done", start=day("2026-12-01"))),)
    )
    with pytest.raises(Faults, match="is no lever"):
        searched(wrong)
    with pytest.raises(Faults, match="a circumstance to hold out against"):
        searched(circumstances=[SEATS])


def test_budgets_are_read_and_every_wrong_one_named():
    assert budgets_of(["money=1,500"], LEVERS) == {"money": 1500}
    with pytest.raises(Faults) as caught:
        budgets_of(["money", "time=4", "money=-1"], LEVERS)
    assert len(caught.value.faults) == 3


# -- by when ----------------------------------------------------------------------------------
def test_a_later_decision_never_opens_more_and_the_last_day_is_read_off():
    late = choice("late", change(amount=3, start=day("2026-11-10")))
    made = decide_by(
        make, late, WAYS, as_of=AS_OF, deadline=DEADLINE, futures=100, seed=1, steps=5
    )
    assert made.days[0] == "2026-11-10"
    assert made.more[0] > made.more[-1]
    assert made.by["0.9"] <= made.by["0.5"] <= made.by["0.1"]
    at = last_day([0, 10, 20], [100, 50, 0], 0.9, dt.date(2027, 1, 1))
    assert at == "2027-01-03"
    assert last_day([0, 10], [100, 100], 0.5, dt.date(2027, 1, 1)) == "2027-01-11"
    assert last_day([0, 10], [0.2, 0.0], 0.5, dt.date(2027, 1, 1)) is None


def test_only_a_choice_with_days_can_be_put_off():
    with pytest.raises(Faults, match="a circumstance"):
        decision_day(SHUT)
    with pytest.raises(Faults, match="without a day"):
        decision_day(SEATS)
    one = choice("one", change(amount=1, start=day("2027-01-01"), until=dt.date(2027, 6, 1)))
    moved = delayed(one, 10).changes[0]
    assert moved.start == day("2027-01-11")
    assert moved.until == dt.date(2027, 6, 1)
    assert delayed(one, 0) is one


# -- kept shape -------------------------------------------------------------------------------
def test_what_is_printed_as_data_fits_its_schema(made):
    import jsonschema

    folder = ROOT / "docs/reference/schemas"
    late = choice("late", change(amount=3, start=day("2026-11-10")))
    wait = decide_by(
        make, late, WAYS, as_of=AS_OF, deadline=DEADLINE, futures=50, seed=1, steps=2,
        hashes={"log": "a" * 64},
    )  # fmt: skip
    for name, text in (
        ("forecast-compare", made.to_json()),
        ("forecast-levers", searched().to_json()),
        ("forecast-decide-by", wait.to_json()),
    ):
        schema = json.loads((folder / f"{name}.schema.json").read_text())
        jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**json.loads(text), "extra": 1}, schema)
