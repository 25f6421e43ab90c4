"""Nobody can work a hidden count back: not from margins, not from another table, not over time."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from onward.report.disclosure import (
    RULES,
    SAFE_RANGE,
    TOTAL,
    Counts,
    Shown,
    alone,
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


def known_to_a_reader(shown, which, key):
    """The least and greatest value of a cell for whoever reads all tables, worked out apart from
    the code: one unknown for every full combination of everything the tables tell of."""
    names = {}
    for each in shown:
        names |= dict(zip(each.counts.dimensions, each.counts.labels, strict=True))
    whole = list(itertools.product(*names.values()))

    def row(each, cell):
        wanted = dict(zip(each.counts.dimensions, cell, strict=True))
        return [
            all(
                wanted.get(name, TOTAL) in (part, TOTAL)
                for name, part in zip(names, full, strict=True)
            )
            for full in whole
        ]

    rows, most = [], []
    for each in shown:
        rule = RULES[each.audience]
        for cell, value in each.shown.items():
            if value is not None:
                low, high = value - rule.round_to // 2, value + rule.round_to // 2
                rows += [row(each, cell), [-x for x in map(int, row(each, cell))]]
                most += [high, -low]
            elif rule.hide_from and each.counts.value(cell):
                rows.append([-x for x in map(int, row(each, cell))])  # a zero would be shown
                most.append(-1)
    aim = np.array(row(shown[which], key), float)
    left, right = np.array(rows, float), np.array(most, float)
    low, high = (linprog(sign * aim, left, right, method="highs") for sign in (1, -1))
    return low.fun, -high.fun if high.success else np.inf


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


@pytest.mark.parametrize("audience", ["internal", "external"])
def test_a_reader_of_two_tables_who_reckons_apart_finds_no_hidden_cell(audience):
    """The tables share a dimension, or only their total; few people, so that much is hidden."""
    rng = np.random.default_rng(23)
    looked_at = 0
    for people, shared in itertools.product((25, 60, 200), (True, False)):
        joint = rng.multinomial(people, rng.dirichlet(np.full(27, 0.3))).reshape(3, 3, 3)
        stages = STAGES[:3]
        second = (
            table("by stage", ("status", "stage"), (STATUS, stages), joint.sum(axis=1).ravel())
            if shared
            else table("stages", ("stage",), (stages,), joint.sum(axis=(0, 1)))
        )
        first = table("by site", ("status", "site"), (STATUS, SITES), joint.sum(axis=2).ravel())
        for order in ([first, second], [second, first]):
            shown = protect(order, audience)
            for number, each in enumerate(shown):
                for key, value in each.shown.items():
                    true = each.counts.value(key)
                    if value is None and (true or audience == "external"):
                        low, high = known_to_a_reader(shown, number, key)
                        assert low - 1e-6 <= true <= high + 1e-6
                        assert high - low > SAFE_RANGE, (each.counts.name, key)
                        looked_at += 1
    assert looked_at > 40


def test_a_reader_who_reckons_apart_finds_what_was_hidden_alone():
    """The reckoning above is no formality: one hidden cell in a line is known to it."""
    counts = table(
        "t", ("status", "site"), (STATUS, SITES), [50, 3, 40, 60, 70, 80, 90, 91, 92]
    )
    cells = {key: counts.value(key) for key in counts.cells()} | {
        ("refugee", "small facility"): None
    }
    shown = [Shown(counts, "internal", cells)]
    assert known_to_a_reader(shown, 0, ("refugee", "small facility")) == (3, 3)
    assert narrowest(shown, 0, ("refugee", "small facility")) == (3, 3)
    assert recoverable(shown) == [("refugee", "small facility")]


def test_a_range_is_safe_only_when_it_is_wider_than_four():
    """Two hidden cells that add up to five are known to within three; to six, to within four."""
    for total, exposed in ((5, True), (6, True), (7, False)):
        counts = table("t", ("stage",), (STAGES[:3],), [1, total - 1, 60])
        cells = {(name,): counts.value((name,)) for name in (*STAGES[:3], TOTAL)}
        hidden = [("registered",), ("counselled",)]
        shown = Shown(counts, "internal", cells | dict.fromkeys(hidden))
        assert narrowest([shown], 0, hidden[0]) == (1, total - 1)
        assert (recoverable([shown]) == hidden) == exposed


def test_what_an_earlier_release_hid_stays_hidden_and_is_covered():
    counts = table("t", ("stage",), (STAGES,), [200, 30, 40, 60, 300])
    other = table("u", ("site",), (SITES,), [230, 200, 200])
    shown, beside = protect([counts, other], "internal", hide={"t": [("counselled",)]})
    assert shown.shown[("counselled",)] is None
    assert None not in protect([counts], "internal")[0].shown.values()
    low, high = known_to_a_reader([shown, beside], 0, ("counselled",))
    assert high - low > SAFE_RANGE


def test_tables_are_given_back_in_their_order_whatever_they_count():
    tables = [
        alone("visits", 3),
        table("a", ("stage",), (STAGES,), [200, 3, 40, 60, 300]),
        Counts("homes", ("kind",), (("tent", "house"),), {("tent",): 40}, universe="homes"),
        table("b", ("site",), (SITES,), [203, 200, 200]),
    ]
    shown = protect(tables, "internal")
    assert [each.counts.name for each in shown] == ["visits", "a", "homes", "b"]
    assert shown[0].shown == {(): None}
    assert (shown[0].text(()), shown[2].text(("tent",))) == ("…", "40")
    assert shown[2].shown == {("tent",): 40, ("house",): 0, (TOTAL,): 40}


def test_a_sum_of_categories_is_a_cell_like_any_other():
    """Shown beside its parts it would give the hidden one away."""
    counts = Counts("t", ("stage",), (STAGES,), dict(zip([(s,) for s in STAGES], [200, 3, 40, 60, 300], strict=True)),
                    sums={"early": STAGES[:2], "later": STAGES[2:]})  # fmt: skip
    assert counts.value(("early",)) == 203
    assert counts.parts(("early",)) == [("registered",), ("counselled",)]
    (shown,) = protect([counts], "internal")
    assert shown.shown[("counselled",)] is None
    assert recoverable([shown]) == []
    visible = [k for k in (("early",), ("registered",)) if shown.shown[k] is not None]
    assert len(visible) < 2


def test_people_are_counted_only_where_every_dimension_knows_them():
    found = counted("t", ("a", "b"), (("x", "y"), ("p", "q")),
                    [np.array([0, 0, 1, -1, 1]), np.array([0, 1, -1, 0, 1])])  # fmt: skip
    assert found.values == {("x", "p"): 1, ("x", "q"): 1, ("y", "q"): 1}
    assert found.value((TOTAL, TOTAL)) == 3
    assert found.members(("x", TOTAL)).tolist() == [True, True, False, False, False]
    assert found.members((TOTAL, "q")).tolist() == [False, True, False, False, True]
    assert found.members((TOTAL, TOTAL)).tolist() == [True, True, False, False, True]
    assert table("t", ("a",), (("x",),), [1]).members(("x",)) is None


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


def of_people(name, dimension, sizes, *, order=None, universe="people"):
    """A table of one dimension over the same hundred people, category by category."""
    labels = tuple(f"{dimension} {i}" for i in range(len(sizes)))
    codes = np.repeat(np.arange(len(sizes)), sizes)
    who = np.full(100, -1)
    who[order if order is not None else np.arange(len(codes))] = codes
    return counted(name, (dimension,), (labels,), [who], universe=universe)


def test_a_cell_that_is_safe_does_not_end_the_search_for_one_that_is_not():
    first = table("t", ("stage",), (STAGES,), [3, 4, 4, 60, 300])
    second = table("u", ("site",), (SITES,), [3, 184, 184])
    shown = protect([first, second], "internal")
    low, high = known_to_a_reader(shown, 1, ("main camp",))
    assert high - low > SAFE_RANGE


@pytest.mark.parametrize("of_persons", [False, True])
def test_a_cover_in_one_table_is_not_shown_as_the_margin_of_another(of_persons):
    """One table by status, one by status and site, of counts alone or of the people themselves."""
    rng = np.random.default_rng(1)
    joints = [np.array([[20, 30, 0], [1, 1, 3], [3, 0, 30]])]
    joints += [rng.choice([0, 1, 3, 6, 9, 14, 20, 30], size=(3, 3)) for _ in range(25)]
    for joint in joints:
        first = table("t", ("status",), (STATUS,), joint.sum(axis=1))
        codes = np.repeat(np.arange(9), joint.ravel())
        second = (
            counted("u", ("status", "site"), (STATUS, SITES), [codes // 3, codes % 3])
            if of_persons
            else table("u", ("status", "site"), (STATUS, SITES), joint.ravel())
        )
        for order in ([first, second], [second, first]):
            shown = protect(order, "internal")
            for number, each in enumerate(shown):
                for key, value in each.shown.items():
                    if value is None and each.counts.value(key):
                        low, high = known_to_a_reader(shown, number, key)
                        assert high - low > SAFE_RANGE, (each.counts.name, key, joint)


def test_people_counted_again_under_another_heading_are_the_same_people():
    """Three people are covered by twenty-seven; a table of these alone says how many they are."""
    stage = of_people("stage", "stage", [3, 27, 30, 40])
    again = of_people("again", "answer", [27], order=np.arange(3, 30), universe="one stage")
    assert [k for k, v in protect([stage], "internal")[0].shown.items() if v is None] == [
        ("stage 0",), ("stage 1",),
    ]  # fmt: skip
    first, second = protect([stage, again], "internal")
    hidden = {key for key, value in first.shown.items() if value is None}
    assert ("stage 0",) in hidden
    told = {("stage 1",)} if any(v is not None for v in second.shown.values()) else set()
    assert len(hidden - told) >= 2


def test_a_hidden_cell_is_not_held_from_above_by_a_shown_one_around_it():
    """Four people belong to five who are shown: there are one to five of them."""
    few = of_people("few", "stage", [4, 20, 76])
    around = of_people("around", "answer", [5, 95])
    shown = protect([few, around], "internal")
    assert shown[0].shown[("stage 0",)] is None
    assert shown[1].shown[("answer 0",)] is None


def test_a_cover_is_not_held_from_below_by_a_shown_cell_inside_it():
    """Two and twenty-two are hidden, twenty-four together; twenty of them shown leave at most four."""
    few = of_people("few", "stage", [2, 22, 76])
    inside = of_people("inside", "answer", [20, 80], order=np.r_[2:22, 0:2, 22:100])
    shown = protect([few, inside], "internal")
    hidden = {key for key, value in shown[0].shown.items() if value is None}
    assert ("stage 0",) in hidden
    assert hidden != {("stage 0",), ("stage 1",)} or shown[1].shown[("answer 0",)] is None
    assert recoverable(shown) == []


def test_a_table_of_people_and_one_of_bare_counts_are_read_together():
    bare = table("bare", ("stage",), (("stage 0", "stage 1", "stage 2"),), [3, 27, 70])
    counted_too = of_people("stage", "stage", [30, 70])
    merged = Counts("two", ("part",), (("both", "rest"),), {("both",): 30, ("rest",): 70})
    for tables in ([bare, merged], [bare, counted_too]):
        for shown in protect(tables, "internal"):
            assert shown.shown[(TOTAL,)] in (100, None)
    first, second = protect([bare, of_people("stage", "stage", [3, 27, 70])], "internal")
    assert {k for k, v in first.shown.items() if v is None} == {
        k for k, v in second.shown.items() if v is None
    }
