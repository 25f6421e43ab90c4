"""Who is placed from prices and chains of moves alone, and everybody who has to be is placed."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.placement.generate import Reference, reference

from onward.placement.solving.large.core import CoreAnswer, solve_core
from onward.placement.solving.large.stages import _narrow
from onward.placement.solving.prices.choices import open_pledges, total_value
from onward.placement.solving.search.chains import fill


def who(problem: Reference) -> CoreAnswer:
    """The persons of most weight, a case being worth the same wherever it goes."""
    unit = problem.model.unit_of_column()
    return solve_core(
        problem.model, problem.weight[unit], gap=0.002, seconds=120, whole=0, alike=True
    )


def test_prices_and_chains_alone_come_within_a_fraction_of_a_percent() -> None:
    problem = reference(2_500, 10, 3)
    found = who(problem)
    assert open_pledges(problem.model, found.chosen)[1].all()
    weight = problem.weight[problem.model.unit_of_column()]
    assert found.value == total_value(problem.model, weight, None, found.chosen)
    assert found.value <= found.bound
    assert found.bound - found.value < 0.005 * found.bound
    assert np.array_equal(found.chosen, who(problem).chosen)


def test_chains_keep_every_limit_and_never_lose() -> None:
    problem = reference(1_000, 10, 2)
    model = problem.model
    none = np.zeros(model.units, bool)
    empty = np.full(model.units, -1)
    order = np.argsort(-problem.weight / model.size, kind="stable")
    once = fill(model, problem.value, empty, order, none, none, deep=False, passes=1)
    again = fill(model, problem.value, once, order, none, none)
    for choice in (once, again):
        assert open_pledges(model, choice)[1].all()
    first, second = (total_value(model, problem.value, None, x) for x in (once, again))
    assert 0 < first <= second
    held = np.flatnonzero(once >= 0)
    frozen = none.copy()
    frozen[held] = True
    stay = fill(model, problem.value, once, order, none, frozen)
    assert np.array_equal(stay[held], once[held])


@pytest.mark.slow
@pytest.mark.parametrize("passing", [True, False])
def test_whoever_has_to_be_placed_is_placed_and_the_bound_is_not_passed(
    passing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not passing:  # as where there are too many windows for paths over all of them
        monkeypatch.setattr("onward.placement.solving.search.passing.MOST_ARCS", 0)
    problem = reference(2_500, 10, 3)
    placed = who(problem).chosen
    held = np.flatnonzero(placed >= 0)
    narrowed, back = _narrow(problem.model, held, None, placed)
    start = np.searchsorted(back, placed[held])
    points = problem.outcome[back]
    must = np.ones(narrowed.units, bool)
    where = solve_core(narrowed, points, must=must, gap=0.03, seconds=120, start=start, whole=0)
    assert np.all(where.chosen >= 0)
    assert open_pledges(narrowed, where.chosen)[1].all()
    assert total_value(narrowed, points, None, start) < where.value
    assert where.value <= where.bound + 1e-6
    assert where.bound - where.value < 0.05 * where.bound
