"""Nobody can work a hidden count back: not from margins, not from another table, not over time."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.report.disclosure import (
    RULES,
    SAFE_RANGE,
    TOTAL,
    Counts,
    counted,
    narrowest,
    protect,
    recoverable,
    rounded,
    scalar,
)

STATUS = ("refugee", "asylum-seeker", "protected person")
SITES = ("main camp", "small facility", "relocation site")
STAGES = ("registered", "counselled", "chose return", "chose protection", "not engaging")


def table(name, dimensions, labels, values):
    combinations = list(itertools.product(*labels))
    return Counts(name, dimensions, labels, dict(zip(combinations, values, strict=True)))


def release(rng, people=600):
    """Two tables of the same people: status by site, and stage."""
    joint = rng.multinomial(people, rng.dirichlet(np.full(45, 0.15))).reshape(3, 3, 5)
    return [
        table("caseload", ("status", "site"), (STATUS, SITES), joint.sum(axis=2).ravel()),
        table("pipeline", ("stage",), (STAGES,), joint.sum(axis=(0, 1))),
    ]


def test_internal_hides_one_to_four_and_shows_zero():
    shown = protect([table("t", ("stage",), (STAGES,), [0, 4, 5, 60, 300])], "internal")[0]
    assert shown.shown[("registered",)] == 0
    assert shown.shown[("counselled",)] is None


def test_external_hides_zero_to_ten_and_rounds_to_five():
    shown = protect([table("t", ("stage",), (STAGES,), [0, 10, 11, 62, 303])], "external")[0]
    assert shown.shown[("registered",)] is None
    assert shown.shown[("counselled",)] is None
    assert shown.shown[("chose protection",)] in (None, 60)
    assert all(v is None or v % 5 == 0 for v in shown.shown.values())


def test_a_single_hidden_cell_is_not_left_alone_in_its_line():
    shown = protect([table("t", ("stage",), (STAGES,), [200, 3, 40, 60, 300])], "internal")[0]
    hidden = [key for key, value in shown.shown.items() if value is None]
    assert len(hidden) >= 2
    low, high = narrowest([shown], 0, ("counselled",))
    assert high - low > SAFE_RANGE


def test_without_the_complement_the_attack_succeeds():
    counts = table("t", ("stage",), (STAGES,), [200, 3, 40, 60, 300])
    from onward.report.disclosure import Shown

    cells = {key: counts.value(key) for key in counts.cells()}
    cells[("counselled",)] = None
    assert recoverable([Shown(counts, "internal", cells)]) == [("counselled",)]


@pytest.mark.parametrize("audience", ["internal", "external"])
def test_no_pair_of_tables_gives_a_hidden_cell_away(audience):
    rng = np.random.default_rng(7)
    for _ in range(6):
        shown = protect(release(rng), audience)
        for first, second in itertools.permutations(shown, 2):
            assert recoverable([first, second]) == []


@pytest.mark.slow
@pytest.mark.parametrize("audience", ["internal", "external"])
def test_twelve_monthly_releases_of_cumulative_and_monthly_tables_stay_closed(audience):
    """A cumulative table of each month counts the same people again: the attacker may subtract.

    The months' flows are the finest cells; every cumulative release is a margin of them, so the
    pair (any two cumulative releases) is one table over months.
    """
    rng = np.random.default_rng(11)
    months = tuple(f"2026-{m:02d}" for m in range(1, 13))
    pathways = ("return", "onward", "resettlement")
    flows = rng.poisson([6, 3, 9], size=(12, 3))
    monthly = table("departures", ("month", "pathway"), (months, pathways), flows.ravel())
    stage = table("by pathway", ("pathway",), (pathways,), flows.sum(axis=0))
    shown = protect([monthly, stage], audience)
    for first, second in itertools.permutations(shown, 2):
        assert recoverable([first, second]) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=9, max_size=9), st.sampled_from(list(RULES)))
def test_generated_tables_are_closed_and_never_show_a_small_count(values, audience):
    shown = protect([table("t", ("status", "site"), (STATUS, SITES), values)], audience)[0]
    rule = RULES[audience]
    for key, value in shown.shown.items():
        true = shown.counts.value(key)
        if rule.hide_from <= true <= rule.hide_to:
            assert value is None
        elif value is not None:
            assert value == rounded(true, rule.round_to)
    hidden = [key for key, value in shown.shown.items() if value is None]
    everything_hidden = len(hidden) == len(shown.shown)
    assert everything_hidden or recoverable([shown]) == []


def test_a_figure_standing_alone_follows_the_same_rule():
    assert scalar(3, "internal") == "fewer than 5"
    assert scalar(3, "external") == "10 or fewer"
    assert scalar(0, "internal") == "0"
    assert scalar(0, "external") == "10 or fewer"
    assert scalar(1238, "external") == "1,240"


def test_totals_are_hidden_like_any_other_cell():
    shown = protect([table("t", ("stage",), (STAGES,), [0, 1, 0, 1, 0])], "internal")[0]
    assert shown.shown[(TOTAL,)] is None


def test_what_the_report_is_read_for_keeps_its_cells_and_a_later_table_gives_way():
    """Three people are hidden in a later table; covering them costs the first table nothing."""
    stage = np.repeat([0, 1, 2], [30, 20, 40])
    step = np.repeat([0, 1, 2, 3], [3, 27, 20, 40])
    turn = [
        counted(f"turn {i}", (f"turn {i}",), (("p", "q"),), [np.arange(90) % 2])
        for i in range(3)
    ]
    first = counted("stage", ("stage",), (("a", "b", "c"),), [stage])
    later = counted("step", ("step",), (("few", "a", "b", "c"),), [step])
    shown = protect([first, *turn, later], "internal")
    assert None not in shown[0].shown.values()
    hidden = [key for key, value in shown[-1].shown.items() if value is None]
    assert hidden == [("few",), ("a",)]
    assert recoverable(shown) == []
