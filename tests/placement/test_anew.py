"""Everybody placed goes where it does most good: never a limit broken, nobody lost, worth more, a true
bound, the same each time."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import highspy
import numpy as np
import pytest
from benchmarks.placement.generate import reference
from placement_cast import crowd, placed_by_hand

from onward.placement.inputs.aims import read_aims
from onward.placement.problem.compiling import compile_tables
from onward.placement.solving.large.core import solve_core
from onward.placement.solving.prices.choices import bundles_of, open_pledges, total_value
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.anew import place_everybody
from onward.placement.solving.programs.by_programme import Choices
from onward.placement.solving.programs.part import Part


def placed(seed, bonus=0.0):
    """A problem in which everybody placed by hand is held, what each loses (nothing), and that choice."""
    r = reference(150, 10, seed)
    bundles = bundles_of(r.model, bonus) if bonus else None
    chosen = placed_by_hand(r)
    pricing = Pricing(r.model, r.outcome, bundles, chosen >= 0)
    count = r.model.columns + (0 if bundles is None else len(bundles))
    return pricing, np.zeros(count), chosen


def filled(pricing, none, begin):
    """From no relaxation: everybody at their best, as the only bound."""
    most = np.maximum.reduceat(pricing.value, pricing.model.start[:-1])[pricing.must].sum()
    bonus = 0.0 if pricing.bundles is None else float(pricing.bundles.bonus.sum())
    all_ = Choices(pricing, none, none)
    found, bound = place_everybody(
        all_, begin, float(most) + bonus, 0.05, lambda: 1e6, lambda text: None
    )
    got = total_value(pricing.model, pricing.value, pricing.bundles, found)
    assert bound >= got - 1e-6
    # every choice was part of the program, so its own bound holds, however little the first one said
    assert bound - got <= 0.05 * bound
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("bonus", [0.0, 2.0])
def test_filling_anew_keeps_every_limit_and_is_worth_more(seed, bonus):
    pricing, none, begin = placed(seed, bonus)
    model, value, bundles = pricing.model, pricing.value, pricing.bundles
    found = filled(pricing, none, begin)
    assert open_pledges(model, found)[1].all()
    assert np.all(found[begin >= 0] >= 0)
    taken = np.flatnonzero(found >= 0)
    assert np.array_equal(model.unit_of_column()[found[taken]], taken)
    worth = [total_value(model, value, bundles, chosen) for chosen in (begin, found)]
    assert worth[1] > worth[0]
    assert np.array_equal(found, filled(pricing, none, begin))


@pytest.mark.parametrize("bonus", [0.0, 2.0])
def test_a_choice_is_the_same_families_in_the_same_windows_however_it_is_written(bonus):
    pricing, none, begin = placed(1, bonus)
    model = pricing.model
    all_ = Choices(pricing, none, none)
    x = all_.state(begin)
    back = all_.columns(x)
    assert np.array_equal(model.usage(back), model.usage(begin))
    assert np.array_equal(back >= 0, begin >= 0)
    worth = [total_value(model, pricing.value, pricing.bundles, one) for one in (begin, back)]
    assert all_.cost @ x == pytest.approx(worth[0])
    assert worth[1] == pytest.approx(worth[0])


def test_windows_that_bring_different_points_are_different_choices():
    pricing, none, begin = placed(1)
    model = pricing.model
    later = pricing.value + 0.1 * model.slot_order[model.slot].astype(np.float32)
    dated = Pricing(model, later, None, pricing.must)
    assert len(Choices(dated, none, none).kind) > len(Choices(pricing, none, none).kind)
    found = filled(dated, none, begin)
    assert total_value(model, later, None, found) > total_value(model, later, None, begin)
    assert open_pledges(model, found)[1].all()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("bonus", [0.0, 2.0])
def test_the_bound_is_true_and_a_small_problem_is_solved_to_the_end(seed, bonus):
    r = reference(60, 6, seed)
    begin = placed_by_hand(r)
    bundles = bundles_of(r.model, bonus) if bonus else None
    must = begin >= 0
    pricing = Pricing(r.model, r.outcome, bundles, must)
    every = np.arange(0 if bundles is None else len(bundles))
    plain = Part(
        pricing, np.arange(r.model.columns), every, r.model.limit, slack_cost=None,
        units=np.arange(r.model.units),
    )  # fmt: skip
    plain.whole(600.0, np.inf, 0.0, begin)
    best = plain.highs.getInfo().objective_function_value
    answer = solve_core(r.model, r.outcome, bundles=bundles, must=must, gap=0.0, start=begin)
    assert answer.value == pytest.approx(best, abs=1e-4)
    assert answer.bound >= best - 1e-6
    loose = solve_core(r.model, r.outcome, bundles=bundles, must=must, gap=0.02, start=begin)
    assert loose.bound >= best - 1e-6
    assert loose.bound - loose.value <= 0.02 * loose.bound


def tried_plainly(pricing, begin):
    """The program over all columns, its best choice and whether that is proven."""
    model, bundles = pricing.model, pricing.bundles
    every = np.arange(0 if bundles is None else len(bundles))
    plain = Part(
        pricing, np.arange(model.columns), every, model.limit, slack_cost=None,
        units=np.arange(model.units),
    )  # fmt: skip
    plain.highs.setOptionValue("mip_feasibility_tolerance", 1e-9)
    x = plain.whole(60.0, np.inf, 0.0, begin)
    chosen = np.full(model.units, -1)
    if x is None:
        return None, False
    plain.write(np.round(x), chosen)
    return chosen, plain.highs.getModelStatus() == highspy.HighsModelStatus.kOptimal


@lru_cache(maxsize=64)
def crowded(number):
    """A crowd in which everybody placed by some choice is held, that choice, and the best there is."""
    rng = np.random.default_rng(number)
    for tables in (crowd(number), replace(crowd(number), locks=())):
        compiled = compile_tables(tables, read_aims(), seed=1)
        model = compiled.model
        none = np.full(model.units, -1)
        some = Pricing(model, rng.random(model.columns), None, compiled.must)
        begin, _ = tried_plainly(some, none)
        if begin is not None:
            break
    value = compiled.outcome + 0.05 * rng.integers(0, number % 3 + 1, model.columns)
    bonus = (0.0, 0.3, 2.0)[number % 3]
    pricing = Pricing(model, value, bundles_of(model, bonus) if bonus else None, begin >= 0)
    best, proven = tried_plainly(pricing, begin)
    assert proven
    return pricing, begin, total_value(model, value, pricing.bundles, best)


def allowed(pricing, chosen):
    """What a choice is worth that keeps every limit and everybody who is held."""
    unit = pricing.model.unit_of_column()
    taken = np.flatnonzero(chosen >= 0)
    assert open_pledges(pricing.model, chosen)[1].all()
    assert np.array_equal(unit[chosen[taken]], taken)
    assert not np.any(pricing.must & (chosen < 0))
    return total_value(pricing.model, pricing.value, pricing.bundles, chosen)


CROWDS = range(1, 17)


@pytest.mark.parametrize("number", CROWDS)
@pytest.mark.parametrize(("gap", "seconds"), [(0.0, 60.0), (0.03, 60.0), (0.0, 0.0)])
def test_a_crowd_with_every_kind_of_limit_has_a_true_bound_whenever_it_ends(
    number, gap, seconds
):
    pricing, begin, best = crowded(number)
    ask = {"bundles": pricing.bundles, "must": pricing.must, "gap": gap, "start": begin}
    answer = solve_core(pricing.model, pricing.value, seconds=seconds, **ask)
    value = allowed(pricing, answer.chosen)
    assert value == pytest.approx(answer.value)
    assert value >= allowed(pricing, begin) - 1e-6
    assert answer.bound >= best - 1e-5
    if seconds:
        assert value >= best - gap * answer.bound - 1e-4
        again = solve_core(pricing.model, pricing.value, seconds=seconds, **ask)
        assert np.array_equal(again.chosen, answer.chosen)
        assert again.bound == answer.bound


@pytest.mark.parametrize("number", CROWDS)
def test_what_a_program_leaves_out_is_in_the_bound(number):
    """Over the choices that lose little: no state is worth more than its own bound, or what the
    relaxation allows without them; however few nodes or seconds it has."""
    pricing, begin, best = crowded(number)
    model, bundles = pricing.model, pricing.bundles
    many = 0 if bundles is None else len(bundles)
    part = Part(
        pricing, np.arange(model.columns), np.arange(many), model.limit, slack_cost=None,
        units=np.arange(model.units),
    )  # fmt: skip
    assert part.cuts(model).tighten(60.0)
    solution = part.highs.getSolution()
    count = model.columns + many
    loss = np.maximum(0.0, -np.asarray(solution.col_dual)[:count])
    relaxed = part.highs.getInfo().objective_function_value
    all_ = Choices(pricing, loss, np.asarray(solution.col_value)[:count])
    x, every = all_.state(begin), np.ones(len(all_.kind), bool)
    assert all_.cost @ x == pytest.approx(allowed(pricing, all_.columns(x)))
    for share in (0.0, 0.5, 1.0):
        near = float(np.quantile(all_.loss, share))
        left_out = all_.loss[all_.loss > near].min(initial=np.inf)
        for nodes, seconds in ((0, 60.0), (1, 60.0), (10_000, 60.0), (10_000, 0.0)):
            found, bound = all_.take(x, every, near, nodes=nodes, gap=0.0, seconds=seconds)
            assert max(bound, relaxed - left_out) >= best - 1e-5
            if found is not None:
                assert allowed(pricing, all_.columns(found)) >= all_.cost @ found - 1e-6
