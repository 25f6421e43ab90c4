"""From rulebook, counts, log and plan to a model: nobody is lost, nothing is invented."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.caseload.moves import forecast_moves
from onward.caseload.newcomers import SCHEMA
from onward.forecast.building.inputs import build
from onward.forecast.learning.behaviour import Behaviour
from onward.forecast.learning.edges import departing, edges_of
from onward.forecast.simulator.draws import Fixed, Gamma
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.telling.reasons import reasons
from onward.plan.draws import PlanDraws
from onward.plan.effects import PlanEffect, PlanEffects
from onward.plan.model import Rule, Threshold
from onward.rulebook import load, shipped_path

RULEBOOK = load(shipped_path("protected-camp"))
STEPS = [(m.from_state, m.move, m.to_state) for m in forecast_moves(RULEBOOK)]
AS_OF = dt.date(2026, 10, 31)
FUTURES = 300
FOREVER = np.full(FUTURES, np.inf)
ALREADY = np.full(FUTURES, -np.inf)
ONES = np.ones(FUTURES)


def counted(*rows):
    """(state, group, unit size, units), as the caseload counts them."""
    return pa.Table.from_pylist(
        [
            {"forecast_state": state, "group": group, "unit_size": size, "units": units,
             "people": size * units, "mixed_people": 0}
            for state, group, size, units in rows
        ],
        schema=pa.schema(
            [("forecast_state", pa.string()), ("group", pa.string()), ("unit_size", pa.int64()),
             ("units", pa.int64()), ("people", pa.int64()), ("mixed_people", pa.int64())]
        ),
    )  # fmt: skip


def logged(*rows, periods=6, days=30):
    """(state, group, move, to state, people a period, person-days a period) over some periods."""
    found = []
    for index in range(periods):
        start = AS_OF - dt.timedelta(days=days * (periods - index) - 1)
        held = {}
        for state, group, move, target, people, person_days in rows:
            held[state, group] = person_days
            if move:
                found.append(row(state, group, start, days, move, target, 0, people))
        for (state, group), person_days in held.items():
            found.append(row(state, group, start, days, None, None, person_days, 0))
    return pa.Table.from_pylist(found)


def row(state, group, start, days, move, target, person_days, people):
    return {
        "forecast_state": state, "group": group, "period_start": start, "period_days": days,
        "move": move, "to_state": target, "person_days": person_days, "transitions": people,
    }  # fmt: skip


CLEARED = counted(
    ("return_cleared", "main_group", 1, 200), ("return_cleared", "main_group", 4, 20)
)
RETURNS = logged(("return_cleared", "main_group", "T7.done", "returned", 60, 6000))


def effect(
    kind, targets, *, id="e/1", start=None, end=None, values=ONES, target_kind=None, **more
):
    return PlanEffect(
        id, id.split("/")[0], target_kind or ("capacity" if kind == "cap" else "transition"),
        tuple(targets), kind, ALREADY if start is None else np.full(FUTURES, float(start)),
        FOREVER if end is None else np.full(FUTURES, float(end)), values, **more,
    )  # fmt: skip


def plan(*effects):
    return PlanEffects(PlanDraws(AS_OF, FUTURES, 1, {}, {}, {}, {}, {}, {}), tuple(effects))


def made(counts=CLEARED, exposures=RETURNS, *effects, **options):
    settings_ = {"steps": STEPS, "as_of": AS_OF, "deadline": None} | options
    return build(
        RULEBOOK, counts=counts, exposures=exposures,
        effects=plan(*effects) if effects else None, **settings_,
    )  # fmt: skip


def run(inputs, days=120, **options):
    return simulate(
        inputs.model, inputs.draws(FUTURES, 1), FUTURES, 1, days=days,
        outputs=Outputs(units_on=list(range(days)), flows_on=list(range(days))), **options,
    )  # fmt: skip


def moved(futures, move):
    """(futures, days) people who have made the move so far."""
    which = [i for i, name in enumerate(futures.transitions) if name.startswith(f"{move} ")]
    return futures.flows[:, :, which, :].sum(axis=(2, 3))


# -- nobody is lost


def test_everybody_counted_stands_in_the_model():
    inputs = made(
        counted(("interviewed", "main_group", 3, 7), ("returned", "main_group", 1, 11),
                ("counselled", "recognised_group", 1, 5))
    )  # fmt: skip
    assert inputs.model.people_at_start == 3 * 7 + 11 + 5
    assert inputs.model.start["interviewed", "main_group", 3] == 7


def test_people_no_state_matches_are_said_not_dropped():
    inputs = made(counted((None, "main_group", 1, 4), ("interviewed", "main_group", 1, 5)))
    assert inputs.model.people_at_start == 5
    assert any(text.startswith("4 people stand in no state") for text in inputs.left_out)


def test_people_are_neither_lost_nor_invented_in_the_futures():
    inputs = made()
    futures = run(inputs)
    here = {state.id for state in inputs.model.states if state.present}
    sizes = np.array(futures.sizes)
    which = [i for i, name in enumerate(futures.states) if name in here]
    present = (futures.units[:, :, which] * sizes).sum(axis=(2, 3, 4))
    sign = np.array(
        [(t.target not in here) * (t.source in here) for t in inputs.model.transitions]
    )
    back = np.array(
        [(t.source not in here) * (t.target in here) for t in inputs.model.transitions]
    )
    left = (futures.flows.sum(axis=3) * (sign - back.astype(int))).sum(axis=2)
    assert (left[:, -1] > 0).all()
    assert (present + left == inputs.model.people_at_start).all()


# -- the graph is the rulebook's


def test_every_edge_is_a_move_the_rulebook_allows():
    inputs = made(counted(("interviewed", "main_group", 1, 50)))
    assert {(e.source, e.move, e.target) for e in inputs.edges} <= set(STEPS)


def test_a_move_the_rulebook_does_not_lead_to_is_named_and_not_repeated():
    odd = logged(("counselled", "main_group", "T7.done", "returned", 2, 900))
    inputs = made(counted(("counselled", "main_group", 1, 9)), odd)
    assert all(edge.move != "T7.done" or edge.source != "counselled" for edge in inputs.edges)
    assert any(
        "12 went from counselled to returned by T7.done" in text for text in inputs.left_out
    )


def test_a_step_never_seen_is_left_out_when_others_lead_there():
    seen = {("interviewed", "T4.return", "wants_return"): 9}
    names = {(e.source, e.move) for e in edges_of(RULEBOOK, STEPS, seen)}
    assert ("not_engaging", "T4.return") not in names
    planned = edges_of(RULEBOOK, STEPS, seen, frozenset({"T4.return"}))
    assert ("not_engaging", "T4.return") in {(e.source, e.move) for e in planned}


def test_a_step_never_seen_keeps_a_wide_guess():
    inputs = made(exposures=logged(("return_cleared", "main_group", None, None, 0, 6000)))
    laws = [law for name, law in inputs.laws.items() if "T7.done" in name]
    assert laws
    for law in laws:
        assert isinstance(law, Gamma)
        assert 0 < law.shape <= 0.5
        assert law.shape / law.exposure < 1e-3


def test_a_step_often_seen_in_a_short_stay_is_not_slowed_by_the_guess():
    inputs = made(
        exposures=logged(("return_cleared", "main_group", "T7.done", "returned", 4, 40))
    )
    draws = inputs.draws(FUTURES, 1)
    name = "rate T7.done from return_cleared to returned [main_group]"
    assert draws.column(name).mean() == pytest.approx(0.1, rel=0.35)


def test_handover_begins_only_when_the_log_shows_one():
    here = counted(("wants_protection", "main_group", 1, 500))
    quiet = logged(("wants_protection", "main_group", "T4.withdrawn", "interviewed", 1, 15000))
    permits = effect("gate", ["T18.proposed", "T20.done"], gate="assurance")
    inputs = made(here, quiet, permits)
    assert not [e for e in inputs.edges if RULEBOOK.moves()[e.move].pathway == "handover"]
    assert any("hand-over, which nobody has begun" in text for text in inputs.left_out)
    begun = logged(("wants_protection", "main_group", "T18.proposed", "in_handover", 1, 15000))
    assert "in_handover" in {e.target for e in made(here, begun).edges}


# -- units


def test_families_leave_whole_and_deaths_take_single_persons():
    log = logged(
        ("return_cleared", "main_group", "T7.done", "returned", 60, 6000),
        ("return_cleared", "main_group", "T22.deceased", "deceased", 6, 6000),
    )
    inputs = made(counted(("return_cleared", "main_group", 5, 100)), log)
    changes = {t.id.split(" ")[0]: t.size_change for t in inputs.model.transitions}
    assert changes == {"T7.done": 0, "T22.deceased": -1} | {
        name: 0 for name in changes if name not in ("T7.done", "T22.deceased")
    } | {name: -1 for name in changes if name == "T22.absent"}
    futures = run(inputs)
    assert (moved(futures, "T22.deceased")[:, -1] > 0).any()
    gone = futures.states.index("returned")
    # Families that went before anybody of theirs died went as five.
    first = futures.units[:, 0, gone]
    assert first[:, :, :3].sum() == 0
    assert first[:, :, 4].sum() > 0


def test_a_family_is_one_decision_and_a_death_one_person():
    log = logged(
        ("return_cleared", "main_group", "T7.done", "returned", 60, 6000),
        ("return_cleared", "main_group", "T22.deceased", "deceased", 60, 6000),
    )
    inputs = made(counted(("return_cleared", "main_group", 5, 100)), log)
    shape = {
        name.split(" ")[1]: law.shape for name, law in inputs.laws.items() if "rate" in name
    }
    assert shape["T22.deceased"] > 1.2 * shape["T7.done"]


# -- the plan


def test_a_shut_gate_stops_its_moves_from_the_day_after_its_last():
    shut = effect("gate", ["T7.done"], end=30, gate="permits")
    so_far = moved(run(made(CLEARED, RETURNS, shut)), "T7.done")
    assert (np.diff(so_far[:, 29:], axis=1) == 0).all()
    assert (so_far[:, 29] > so_far[:, 28]).any(), "the last day itself is open"


def test_a_gate_opens_on_its_first_day():
    opens = effect("gate", ["T7.done"], start=10, gate="permits")
    so_far = moved(run(made(CLEARED, RETURNS, opens)), "T7.done")
    assert (so_far[:, 8] == 0).all()
    assert (so_far[:, 9] > 0).any()


def test_gates_of_one_name_are_alternatives_move_by_move():
    first = effect("gate", ["T7.done", "T16.departed"], id="old/gate", end=5, gate="permits")
    second = effect("gate", ["T7.done"], id="new/gate", start=20, gate="permits")
    so_far = moved(run(made(CLEARED, RETURNS, first, second)), "T7.done")
    assert (so_far[:, 4] > 0).any()
    assert (np.diff(so_far[:, 4:19], axis=1) == 0).all()
    assert (so_far[:, -1] > so_far[:, 19]).any()


def test_a_time_with_the_gate_shut_says_nothing_about_the_pace():
    early = logged(("return_cleared", "main_group", None, None, 0, 6000), periods=3)
    late = RETURNS.slice(RETURNS.num_rows // 2)
    log = pa.concat_tables([early.cast(late.schema), late], promote_options="permissive")
    opened = effect("gate", ["T7.done"], start=-80, gate="permits")
    name = "rate T7.done from return_cleared to returned [main_group]"
    free, gated = made(CLEARED, RETURNS), made(CLEARED, RETURNS, opened)
    assert log.num_rows
    assert (
        gated.draws(FUTURES, 1).column(name).mean() > free.draws(FUTURES, 1).column(name).mean()
    )


@pytest.mark.parametrize(("window", "places"), [(7, 3), (28, 10)])
def test_a_capacity_bounds_every_window(window, places):
    cap = effect("cap", ["return_seat"], values=ONES * places, window_days=window)
    so_far = moved(run(made(CLEARED, RETURNS, cap)), "T7.done")
    for start in range(0, 120 - window, window):
        before = so_far[:, start - 1] if start else 0
        assert (so_far[:, start + window - 1] - before <= places).all()


def test_places_given_once_bound_all_departures_and_lapse():
    cap = effect("cap", ["return_seat"], id="pledge/1", end=40, values=ONES * 30)
    so_far = moved(run(made(CLEARED, RETURNS, cap)), "T7.done")
    assert so_far.max() <= 30
    assert (np.diff(so_far[:, 39:], axis=1) == 0).all()


def test_capacities_of_different_rhythm_add_up():
    weekly = effect("cap", ["return_seat"], id="a/1", values=ONES * 5, window_days=7)
    monthly = effect("cap", ["return_seat"], id="b/1", values=ONES * 14, window_days=28)
    inputs = made(CLEARED, RETURNS, weekly, monthly)
    so_far = moved(run(inputs), "T7.done")
    assert so_far[:, 27].max() <= 34
    assert so_far[:, 27].max() > 20
    assert any("every 7 and every 28 days" in text for text in inputs.left_out)


def test_a_conditional_pledge_opens_after_enough_have_left():
    first = effect("cap", ["return_seat"], id="one/1", values=ONES * 30)
    then = effect("cap", ["return_seat"], id="two/1", values=ONES * 15, start=1,
                  after=Threshold("one", 200 + 20, 10), gone=200)  # fmt: skip
    log = logged(("return_cleared", "main_group", "T7.done", "returned", 50, 6000), periods=4)
    inputs = made(CLEARED, log, first, then)
    so_far = moved(run(inputs), "T7.done")
    reached = (so_far >= 20).argmax(axis=1)
    at = so_far[np.arange(FUTURES), np.minimum(reached + 9, 119)]
    assert (at <= 30).all(), "ten days pass before the second pledge opens"
    assert so_far.max() > 30
    assert so_far.max() <= 45
    never = effect("cap", ["return_seat"], id="two/1", values=ONES * 15, start=np.inf,
                   after=Threshold("one", 20, 10))  # fmt: skip
    assert moved(run(made(CLEARED, log, first, never)), "T7.done").max() <= 30


def test_what_the_model_does_not_tell_apart_is_said():
    cap = effect("cap", ["return_seat"], id="canada/1", values=ONES * 50, families_only=True,
                 conditions={"affiliation": ("none", "family_member")})  # fmt: skip
    gate = effect("gate", ["T7.done"], id="permit/gate", gate="permit",
                  who=Rule(everyone=False, columns={"group": ("main_group",)}))  # fmt: skip
    far = effect(
        "gate",
        ["T16.departed"],
        id="visa/gate",
        gate="visa",
        destination="CAN",
        one_of_many=True,
    )
    log = logged(
        ("return_cleared", "main_group", "T7.done", "returned", 60, 6000),
        ("accepted", "main_group", "T16.departed", "resettled", 6, 600),
    )
    said = "\n".join(made(CLEARED, log, cap, gate, far).left_out)
    assert "canada: only for families; affiliation none or family member" in said
    assert "permit: only for" in said
    assert "visa: one destination only (CAN)" in said


def test_plan_draws_are_shared_future_by_future():
    values = np.arange(FUTURES, dtype=float)
    faster = effect("multiplier", ["T7.done"], values=values)
    inputs = made(CLEARED, RETURNS, faster)
    draws = inputs.draws(FUTURES, 9)
    assert (draws.column("e/1 factor") == values).all()
    assert len(draws.column("e/1 factor")) == draws.futures
    with pytest.raises(ValueError, match="plan draws"):
        inputs.draws(FUTURES + 1, 9)


def test_the_deadline_is_optional():
    with_it = made(deadline=AS_OF + dt.timedelta(days=100))
    assert with_it.sources["deadline strength"] == "behaviour"
    assert "deadline strength" not in made().sources


def test_each_term_of_behaviour_can_be_switched_off_by_itself():
    later = AS_OF + dt.timedelta(days=100)
    names = {
        "deadline": "deadline strength", "news": "news strength", "leadership": "hold",
        "incident": "stop 1 from",
    }  # fmt: skip
    everything = made(deadline=later)
    nothing = made(deadline=later, behaviour=False)
    assert set(names.values()) <= set(everything.sources)
    assert "behaviour" not in nothing.sources.values()
    for term, name in names.items():
        less = made(deadline=later, behaviour=Behaviour().without(term))
        assert name not in less.sources
        assert set(names.values()) - {name} <= set(less.sources)
        assert len(less.assumptions) == len(everything.assumptions) - 1
    with pytest.raises(ValueError, match="expected one of"):
        Behaviour().without("loyalty")


def test_a_scenario_may_hold_one_term_and_leaves_the_rest_as_drawn():
    inputs = made(deadline=AS_OF + dt.timedelta(days=100))
    held = replace(inputs, laws={**inputs.laws, "hold strength": Fixed(2.0)})
    one, other = inputs.draws(FUTURES, 3), held.draws(FUTURES, 3)
    assert (other.column("hold") == -2.0).all()
    assert (one.column("news strength") == other.column("news strength")).all()
    assert (one.column("hold") != -2.0).any()


def test_the_news_and_the_hold_of_the_past_are_in_the_rates_already():
    """With everything as it was on average, the terms change nothing."""
    inputs = made(deadline=AS_OF + dt.timedelta(days=100))
    learnt, drawn = inputs.rates.learnt, inputs.draws(FUTURES, 3)
    share = learnt.past.undecided[0]
    weight = learnt.past.expected[0]
    if weight.sum():
        average = (np.exp(np.outer(drawn.column("hold"), share)) @ weight) / weight.sum()
        assert average * drawn.column("hold so far [main_group]") == pytest.approx(1.0)


def test_incidents_stop_those_who_have_not_chosen_and_nobody_else():
    exposures = logged(
        ("counselled", "main_group", "T3.held", "interviewed", 400, 20_000),
        ("return_cleared", "main_group", "T7.done", "returned", 60, 6000),
    )
    counts = counted(
        ("counselled", "main_group", 1, 300), ("return_cleared", "main_group", 1, 300)
    )
    inputs = made(counts, exposures, behaviour=Behaviour(False, False, False, True))
    stopped = replace(
        inputs, laws={**inputs.laws, "stop 1 from": Fixed(0.0), "stop 1 until": Fixed(40.0)}
    )
    futures = run(stopped, days=60)
    held, home = moved(futures, "T3.held"), moved(futures, "T7.done")
    assert (held[:, 39] == 0).all()
    assert held[:, 59].mean() > 20
    assert home[:, 39].mean() > 20


def test_a_capacity_that_was_used_up_hides_how_many_were_ready():
    slots = effect("cap", ["interview_slot"], target_kind="capacity", window_days=7,
                   values=ONES * 7)  # fmt: skip
    counts = counted(("counselled", "main_group", 1, 3000))

    def log(people):
        return logged(("counselled", "main_group", "T3.held", "interviewed", people, 90_000))

    full, loose = made(counts, log(29), slots), made(counts, log(10), slots)
    assert full.rates.short == {"interview_slot"}
    assert not loose.rates.short
    assert any("used up" in text for text in full.assumptions)
    # more slots then help more than the pace so far would say
    more = replace(slots, values=ONES * 70)
    then = made(counts, log(29), more, behaviour=False, rates=full.rates)
    wide = moved(run(then, days=30), "T3.held")[:, 29]
    assert wide.mean() > 1.2 * 29


def test_an_incident_is_not_mistaken_for_people_who_wait_because_they_are_slow():
    """Who waited through a stop waited long without being slow: the stop is over, they are not."""
    counts = counted(("counselled", "main_group", 1, 200))
    rows = [
        {"forecast_state": "counselled", "waited_from": low, "waited_days": days, "move": move,
         "to_state": move and "interviewed", "person_days": 0 if move else 3000,
         "waiting": 20, "transitions": people if move else 0}
        for low, days, people in ((0, 30, 150), (30, 30, 140), (60, 60, 4))
        for move in (None, "T3.held")
    ]  # fmt: skip
    waits = pa.Table.from_pylist(rows)

    def log(periods, people_at_last):
        whole = logged(
            ("counselled", "main_group", "T3.held", "interviewed", 60, 6000),
            ("return_cleared", "main_group", "T7.done", "returned", 60, 6000),
            periods=periods, days=14,
        )  # fmt: skip
        last = [
            {**one, "transitions": people_at_last}
            if one["move"] == "T3.held" and one["period_start"] == AS_OF - dt.timedelta(days=13)
            else one
            for one in whole.to_pylist()
        ]
        return pa.Table.from_pylist(last)

    assert made(counts, log(8, 60), waits=waits).rates.shapes["counselled"].ages
    assert "counselled" not in made(counts, log(8, 2), waits=waits).rates.shapes
    # in a log of a year and a half two silent weeks hardly show in the waits
    assert made(counts, log(40, 2), waits=waits).rates.shapes["counselled"].ages


def test_waits_that_take_their_time_do_so_in_the_forecast():
    """Nobody is accepted and gone within three weeks: neither in the log nor in the forecast."""
    rows = []
    for low, length, days, people, waiting in (
        (0, 21, 21 * 400, 0, 200), (21, 21, 21 * 380, 30, 0), (42, 21, 21 * 300, 150, 0),
        (63, 21, 21 * 130, 120, 0), (84, 99_916, 21 * 40, 40, 0),
    ):  # fmt: skip
        shared = {"forecast_state": "accepted", "waited_from": low, "waited_days": length}
        rows.append({**shared, "move": None, "to_state": None, "person_days": days,
                     "waiting": waiting, "transitions": 0})  # fmt: skip
        rows.append({**shared, "move": "T16.departed", "to_state": "resettled",
                     "person_days": 0, "waiting": 0, "transitions": people})  # fmt: skip
    exposures = logged(("accepted", "main_group", "T16.departed", "resettled", 57, 4375))
    counts = counted(("accepted", "main_group", 1, 200))
    waits = pa.Table.from_pylist(rows)
    inputs = made(counts, exposures, behaviour=False, waits=waits)
    plain = made(counts, exposures, behaviour=False)
    shape = inputs.rates.shapes["accepted"]
    assert shape.stages >= 4
    first = (1.0, *(0.0,) * (shape.stages - 1))
    fresh = replace(inputs.rates, shapes={"accepted": replace(shape, start=first)})
    new = made(counts, exposures, behaviour=False, rates=fresh)
    gone, memoryless = (moved(run(x, days=100), "T16.departed") for x in (new, plain))
    assert gone[:, 13].mean() < 0.25 * memoryless[:, 13].mean()
    assert gone[:, 99].mean() > 0.8 * memoryless[:, 99].mean()


# -- arrivals, strata, order


def newcomers_of(*rows):
    """(how they came, people who come as one, how often), as the caseload counts them."""
    return pa.Table.from_pylist(
        [dict(zip(SCHEMA.names, one, strict=True)) for one in rows], schema=SCHEMA
    )


def arriving(people, newcomers=None, counts=CLEARED):
    """So many people registered in each of five months after the first registration."""
    rows = RETURNS.to_pylist()
    for index, start in enumerate(sorted({one["period_start"] for one in rows})):
        seen = people if index else 500
        rows.append(row(None, None, start, 30, "registered", "not_counselled", 0, seen))
    return made(counts, pa.Table.from_pylist(rows), newcomers=newcomers)


def test_families_keep_arriving_as_they_did_after_the_first_registration_and_as_large():
    """Twelve people a month came: in five months 12 families of four and 12 people alone."""
    inputs = arriving(12, newcomers_of(("together", 1, 12), ("together", 4, 12)))
    laws = {one.size: inputs.laws[one.units_per_day] for one in inputs.model.arrivals}
    assert set(laws) == {1, 4}
    for law in laws.values():
        assert law.shape / law.exposure == pytest.approx(12 / 150, rel=0.05)
        assert law.shape == pytest.approx(12, abs=0.5)
    assert {one.state for one in inputs.model.arrivals} == {"not_counselled"}
    assert any("12.0 a month, in families of 2.5 people" in text for text in inputs.assumptions)


def test_people_who_arrive_in_families_make_the_range_as_wide_as_families_do():
    """The same people a month, alone and in fours: a sum of fours varies four times as much."""

    def came(size):
        inputs = arriving(12, newcomers_of(("together", size, 60 // size)))
        only = replace(inputs.model, transitions=[], start={}, factors=[])
        futures = simulate(
            only, inputs.draws(4000, 1), 4000, 1, days=150,
            outputs=Outputs(units_on=[149]),
        )  # fmt: skip
        assert (
            futures.units.sum(axis=(0, 1, 2, 3))[np.array(futures.sizes) != size] == 0
        ).all()
        return futures.present["all"][:, -1]

    alone, fours = came(1), came(4)
    assert alone.mean() == pytest.approx(60, rel=0.04)
    assert fours.mean() == pytest.approx(60, rel=0.06)
    assert fours.var() / alone.var() == pytest.approx(4, rel=0.2)


def test_arriving_families_are_the_same_on_any_number_of_threads():
    inputs = arriving(30, newcomers_of(("together", 1, 12), ("together", 3, 9), ("born", 1, 4)))
    one, two = (
        simulate(
            inputs.model, inputs.draws(FUTURES, 1), FUTURES, 1, days=60, threads=threads,
            outputs=Outputs(units_on=[59]),
        )
        for threads in (1, 2)
    )  # fmt: skip
    assert (one.units == two.units).all()
    place = one.states.index("not_counselled")
    assert one.units[:, 0, place, :, 2].sum() > 0


def test_newcomers_of_unknown_families_are_taken_to_be_like_those_here():
    counts = counted(
        ("return_cleared", "main_group", 2, 30), ("return_cleared", "main_group", 6, 10)
    )
    inputs = arriving(12, counts=counts)
    paces = {one.size: inputs.laws[one.units_per_day].shape for one in inputs.model.arrivals}
    assert paces[2] == pytest.approx(3 * paces[6])
    people = sum(size * shape for size, shape in paces.items()) / 150 * 30
    assert people == pytest.approx(12, rel=0.05)


def test_a_family_larger_than_any_here_can_come():
    inputs = arriving(9, newcomers_of(("together", 9, 5)))
    assert inputs.model.sizes == tuple(range(1, 10))
    assert [one.size for one in inputs.model.arrivals] == [9]


def test_a_stratum_only_the_log_knows_is_known_to_the_model():
    inputs = made(exposures=logged(
        ("return_cleared", "main_group", "T7.done", "returned", 60, 6000),
        ("return_cleared", None, "T7.done", "returned", 1, 100),
    ))  # fmt: skip
    assert inputs.model.strata == ("main_group", "not recorded")


def test_states_nobody_can_come_to_are_left_out():
    inputs = made()
    known = {state.id for state in inputs.model.states}
    assert known < set(RULEBOOK.forecast_states)
    assert "in_handover" not in known
    assert {t.source for t in inputs.model.transitions} <= known


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_changes_nothing(seed):
    shuffled = RETURNS.to_pylist()
    random.Random(seed).shuffle(shuffled)
    again = CLEARED.to_pylist()
    random.Random(seed).shuffle(again)
    one, two = made(), made(pa.Table.from_pylist(again), pa.Table.from_pylist(shuffled))
    assert one.model.transitions == two.model.transitions
    assert dict(one.model.start) == dict(two.model.start)
    assert one.laws == two.laws


def test_the_end_of_a_status_that_never_came_is_not_taken_to_be_coming():
    counts = counted(("recognised", "main_group", 1, 300), ("submitted", "main_group", 1, 50))
    log = logged(
        ("recognised", "main_group", "T4.resettlement", "wants_resettlement", 30, 9000),
        ("wants_resettlement", "main_group", "T14.done", "submitted", 30, 900),
        ("submitted", "main_group", "T15.accepted", "accepted", 20, 1500),
        ("wants_return", "main_group", "T5.done", "return_confirmed", 20, 1200),
    )
    futures = run(made(counts, log), days=120)
    # ending a status leads nowhere nearer; flying those accepted does, though nobody has yet
    assert moved(futures, "T12.done")[:, -1].mean() < 3
    assert moved(futures, "T16.departed")[:, -1].mean() > 10


# -- convoys and flights

MONTHLY = tuple(range(18, 180, 28))
TWENTY = logged(("return_cleared", "main_group", "T7.done", "returned", 20, 1200))


def left_on(days, people=20, waiting=30, move="T7.done", state="return_cleared"):
    """Departures on so many days before the origin, as the caseload counts them."""
    return pa.Table.from_pylist(
        [
            {"forecast_state": state, "group": "main_group", "move": move,
             "on_day": AS_OF - dt.timedelta(days=day), "transitions": people, "waiting": waiting}
            for day in days
        ]
    )  # fmt: skip


def test_the_forecast_lets_people_go_on_those_days_only_and_at_the_pace_of_the_log():
    inputs = made(CLEARED, TWENTY, departures=left_on(MONTHLY))
    futures = run(inputs, 60)
    daily = np.diff(moved(futures, "T7.done"), axis=1, prepend=0)
    draws = inputs.draws(FUTURES, 1)
    first = draws.column("departures by T7.done, day 1")
    for future in range(0, FUTURES, 17):
        went = np.flatnonzero(daily[future])
        assert (went[0] if len(went) else 60) == min(first[future], 60)
    assert (daily > 0).sum(axis=1).max() <= 12
    # Twenty of thirty left each time, so two thirds of those who wait do.
    share = moved(futures, "T7.done")[:, 9] / 280
    assert abs(np.median(share[first == 9]) - 2 / 3) < 0.08
    spread = run(made(CLEARED, TWENTY), 60)
    early = moved(spread, "T7.done")[:, 5]
    assert (early > 0).mean() > 0.9
    assert (moved(futures, "T7.done")[:, 5] > 0).mean() < 0.3


def test_whoever_waits_for_the_next_convoy_is_on_the_way_and_not_shut_in():
    inputs = made(CLEARED, TWENTY, departures=left_on(MONTHLY))
    days = 12
    futures = run(inputs, days)
    kinds = {one.kind for one in reasons(inputs, inputs.draws(FUTURES, 1), futures, days)}
    assert "under way" in kinds
    assert "shut" not in kinds
    assert any("T7.done" in text and "certain days" in text for text in inputs.assumptions)


def test_only_people_who_leave_with_others_leave_by_convoy():
    moves = departing(RULEBOOK, STEPS)
    assert {"T7.done", "T16.departed", "T17.departed"} <= set(moves)
    assert not {"T22.deceased", "T22.absent", "T17.left_unassisted", "T5.done"} & set(moves)


# -- births


def newborns(births, people=40):
    """Forty people registered over six months, so many of them children born here."""
    came = [
        row(None, "main_group", AS_OF - dt.timedelta(days=30 * n - 1), 30, "registered",
            "return_cleared", 0, people // 5)
        for n in range(1, 6)
    ]  # fmt: skip
    log = pa.concat_tables([RETURNS, pa.Table.from_pylist(came, schema=RETURNS.schema)])
    here = [("born", 1, births)] if births else []
    came = [("together", 1, people - births)] if people > births else []
    return made(CLEARED, log, newcomers=newcomers_of(*here, *came))


def test_children_join_the_family_they_are_born_into_and_are_no_arrivals():
    none, all_, some = newborns(0), newborns(40), newborns(20)
    assert not any(one.size_change > 0 for one in none.model.transitions)
    paces = [
        sum(law.shape / law.exposure for name, law in one.laws.items() if "arrivals" in name)
        for one in (none, some, all_)
    ]
    assert paces[0] > 1.7 * paces[1] > 1.7 * 1.7 * paces[2]
    born = [one for one in all_.model.transitions if one.size_change > 0]
    assert {one.source for one in born} == {one.target for one in born}
    # A birth adds a person to a family and no family.
    still = replace(
        all_.model, transitions=[one for one in born if one.source == "return_cleared"],
        arrivals=[],
    )  # fmt: skip
    futures = simulate(
        still, all_.draws(FUTURES, 1), FUTURES, 1, days=100, outputs=Outputs(units_on=[99])
    )
    assert (futures.units.sum(axis=(1, 2, 3, 4)) == 220).all()
    # 40.5 births in 30,000 person-days, in 100 days of about 200 people who can still grow.
    grown = futures.present["all"][:, -1] - 280
    assert abs(grown.mean() - 200 * 100 * 40.5 / 30_000) < 3


def test_relatives_who_come_to_a_family_here_join_it_and_are_no_family_of_their_own():
    log = pa.Table.from_pylist(
        RETURNS.to_pylist()
        + [
            row(None, "main_group", AS_OF - dt.timedelta(days=30 * n - 1), 30, "registered",
                "return_cleared", 0, 8)
            for n in range(1, 6)
        ]
    )  # fmt: skip
    inputs = made(CLEARED, log, newcomers=newcomers_of(("joined", 1, 30), ("born", 1, 10)))
    assert inputs.laws["births"].shape == 40.5
    assert any("Relatives join families here" in text and "(30 so far)" in text
               for text in inputs.assumptions)  # fmt: skip
    assert sum(inputs.laws[one.units_per_day].shape for one in inputs.model.arrivals) < 1


def declared(*days):
    """A plan that names days on which return convoys leave, the same in every future."""
    draws = PlanDraws(
        AS_OF, FUTURES, 1, {}, {}, {}, {}, {}, {},
        {"return_seat": np.tile(np.array(days, dtype=float), (FUTURES, 1))},
    )  # fmt: skip
    return PlanEffects(draws, ())


def test_days_the_plan_names_come_before_what_the_log_suggests():
    inputs = build(
        RULEBOOK, counts=CLEARED, exposures=TWENTY, effects=declared(4, 40), steps=STEPS,
        as_of=AS_OF, deadline=None, departures=left_on(MONTHLY),
    )  # fmt: skip
    futures = run(inputs, 60)
    daily = np.diff(moved(futures, "T7.done"), axis=1, prepend=0)
    # Day 4 after the origin is the fourth simulated.
    assert (daily[:, 3] > 0).mean() > 0.95
    assert (daily[:, 39] > 0).mean() > 0.9
    assert (np.delete(daily, (3, 39), axis=1)[:, :38] == 0).all()
    assert any("The next 2 are the plan's" in text for text in inputs.assumptions)


def test_convoys_announced_where_people_left_every_day_carry_those_of_the_days_between():
    daily_log = logged(("return_cleared", "main_group", "T7.done", "returned", 60, 6000))
    inputs = build(
        RULEBOOK, counts=CLEARED, exposures=daily_log, effects=declared(10, 20, 30, 40),
        steps=STEPS, as_of=AS_OF, deadline=None,
    )  # fmt: skip
    together = moved(run(inputs, 45), "T7.done")[:, -1].mean()
    one_by_one = moved(run(made(CLEARED, daily_log), 45), "T7.done")[:, 39].mean()
    assert abs(together - one_by_one) < 12


def test_every_convoy_has_the_seats_that_came_up_since_the_one_before():
    # Declared days 28 apart would now and then fall into one 28-day window counted from today.
    inputs = build(
        RULEBOOK, counts=CLEARED, exposures=TWENTY, steps=STEPS, as_of=AS_OF, deadline=None,
        effects=PlanEffects(
            declared(1, 28, 56, 70).draws,
            (effect("cap", ["return_seat"], values=ONES * 60.0, window_days=28),),
        ),
        departures=left_on(MONTHLY),
    )  # fmt: skip
    futures = run(inputs, 71)
    daily = np.diff(moved(futures, "T7.done"), axis=1, prepend=0)
    # 19 days after the last one, then 27, 28 and 14.
    for day, places in ((0, 41), (27, 58), (55, 60), (69, 30)):
        assert daily[:, day].max() <= places
    assert np.median(daily[:, 0]) >= 38
    assert np.median(daily[:, 27]) >= 55
    assert any("return_seat seats" in name for name in inputs.draws(FUTURES, 1).names)
