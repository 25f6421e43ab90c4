"""What a planner may rely on when she simulates a declared model."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from onward.errors import Faults
from onward.forecast.simulator.draws import (
    Fixed,
    Gamma,
    Lognormal,
    ParameterDraws,
    Triangular,
    draw,
    no_parameters,
)
from onward.forecast.simulator.futures import Group, Outputs, simulate, step_bias
from onward.forecast.simulator.model import (
    Approach,
    Arrival,
    Capacity,
    Effect,
    Feedback,
    Gate,
    Model,
    Pledge,
    Shock,
    State,
    Supply,
    Term,
    Transition,
    check,
)

HERE, GONE = State("here"), State("gone", present=False)


def people(model, futures=200, days=30, seed=3, parameters=None, **options):
    f = simulate(model, parameters or no_parameters(1), futures, seed, days=days, **options)
    return f.present["all"].astype(float)


def camp(**changes):
    """Two groups, feedback, a deadline, drawn rates: what the batched kernel can run."""
    parts = {
        "states": [State("member"), State("interviewed"), State("ready"), GONE],
        "strata": ["leaders", "others"],
        "start": {("member", "leaders", 1): 30, ("member", "others", 1): 900},
        "transitions": [
            Transition("interview", "member", "interviewed", "pace", factors=["teams", "hold"]),
            Transition("slip away", "member", "gone", 0.001, factors=["news"]),
            Transition("choose", "interviewed", "ready", [0.02, "choice"], factors=["news", "draws near", "mood"]),
            Transition("doubt", "ready", "interviewed", 0.005, weights=[2.0, 1.0]),
            Transition("travel", "ready", "gone", 0.9, factors=["border"]),
        ],
        "factors": [
            Effect("teams", 3.0, start="hired", over_days=10),
            Approach("draws near", 1.2, deadline=80, scale_days=20, start=30),
            Gate("border", [(10, "shut"), (50, math.inf)]),
            Feedback("news", ["gone"], "saturating", a=2.0, b=0.1, lag_days=5),
            Feedback("hold", ["member"], "exponential", a=-0.8, strata=["others"],
                     of_states=["member", "interviewed", "ready"], of_strata=["others"],
                     on_strata=["others"]),
            Shock("mood", sd=0.3, memory_days=20),
        ],
    }  # fmt: skip
    return Model(**{**parts, **changes})


LAWS = {
    "pace": Gamma(20.0, 1000.0),
    "choice": Lognormal(0.02, 0.3),
    "hired": Triangular(5, 10, 30),
    "shut": Triangular(20, 30, 45),
}


# --- the same answer whatever the machine does ----------------------------------------------


@pytest.mark.parametrize("path", ["lanes", "general"])
def test_threads_and_pieces_do_not_change_any_future(path):
    d = draw(LAWS, 300, seed=1)
    asked = {"days": 90, "path": path, "outputs": Outputs(units_on=[40, 89], flows_on=[89])}
    one = simulate(camp(), d, 300, 5, threads=1, **asked)
    two = simulate(camp(), d, 300, 5, threads=2, **asked)
    parts = [simulate(camp(), d, b - a, 5, first_future=a, threads=1, **asked)
             for a, b in ((0, 1), (1, 137), (137, 300))]  # fmt: skip
    present = np.concatenate([p.present["all"] for p in parts])
    assert (one.present["all"] == two.present["all"]).all()
    assert (one.present["all"] == present).all()
    assert (one.units == np.concatenate([p.units for p in parts])).all()
    assert (one.flows == two.flows).all()


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("scale", [1, 100, 10_000])
def test_the_batched_and_the_general_kernel_draw_the_same_futures(scale, keyed):
    start = {("member", "leaders", 1): 30 * scale, ("member", "others", 1): 900 * scale}
    d = draw(LAWS, 150, seed=1)
    asked = {"days": 90, "keyed": keyed, "outputs": Outputs(units_on=[89], flows_on=[30, 89])}
    fast = simulate(camp(start=start), d, 150, 5, **asked)
    slow = simulate(camp(start=start), d, 150, 5, path="general", **asked)
    assert (fast.path, slow.path) == ("lanes", "general")
    assert (fast.units == slow.units).all()
    assert (fast.flows == slow.flows).all()


def test_a_new_stratum_leaves_the_draws_of_strangers_alone():
    def here(strata):
        model = Model(
            states=[HERE, GONE],
            strata=strata,
            start={("here", s, 1): 500 for s in strata},
            transitions=[Transition("go", "here", "gone", 0.02)],
        )
        asked = Outputs(present={"a": Group(["here"], ["a"])})
        return simulate(model, no_parameters(1), 50, 5, days=20, outputs=asked).present["a"]

    assert (here(["a"]) == here(["b", "a"])).all()


# --- people are neither lost nor invented ---------------------------------------------------


@st.composite
def operations(draw_):
    """Random operations with families, stages, pools and ways back."""
    n_states = draw_(st.integers(2, 5))
    strata = [f"s{i}" for i in range(draw_(st.integers(1, 3)))]
    sizes = draw_(st.sampled_from([[1], [1, 2, 3], [2, 5]]))
    ways = draw_(
        st.lists(
            st.tuples(
                st.integers(0, n_states - 1), st.integers(0, n_states - 1),
                st.floats(0, 3), st.booleans(), st.booleans(),
            ),
            min_size=1, max_size=8,
        )
    )  # fmt: skip
    transitions = [
        Transition(f"t{i}", f"k{a}", f"k{b}", h, staged=staged,
                   capacities=["pool"] if short else [])
        for i, (a, b, h, staged, short) in enumerate(ways) if a != b
    ]  # fmt: skip
    staged = {t.source for t in transitions if t.staged}
    states = [
        State(f"k{i}", stages=draw_(st.integers(1, 4)) if f"k{i}" in staged else 1,
              start_stage=draw_(st.sampled_from(["first", "spread"])))
        for i in range(n_states)
    ]  # fmt: skip
    start = {
        (f"k{i}", s, z): draw_(st.integers(0, 40))
        for i in range(n_states) for s in strata for z in sizes
    }  # fmt: skip
    pool = Capacity(
        "pool", [Supply(draw_(st.floats(0, 30)))],
        counts=draw_(st.sampled_from(["people", "units"])),
        window_days=draw_(st.sampled_from([1, 7, None])), carry=draw_(st.booleans()),
    )  # fmt: skip
    return Model(states, strata, start, transitions, sizes, capacities=[pool])


@settings(max_examples=40, deadline=None)
@given(operations(), st.integers(0, 2**40))
def test_units_are_conserved_by_size_and_stratum_and_pools_are_never_overdrawn(model, seed):
    days = 15
    f = simulate(
        model, no_parameters(1), 5, seed, days=days,
        outputs=Outputs(units_on=range(days), flows_on=range(days)),
    )  # fmt: skip
    assert (f.units >= 0).all()
    for i, s in enumerate(model.strata):
        for j, z in enumerate(model.sizes):
            due = sum(n for (_, a, b), n in model.start.items() if (a, b) == (s, z))
            assert (f.units[:, :, :, i, j].sum(-1) == due).all()
    supply = model.capacities[0]
    windows = {1: days, 7: 3, None: 1}[supply.window_days]
    assert (f.used[:, -1, 0] <= supply.supplies[0].amount * windows + 1e-6).all()


# --- each declared thing does what it says --------------------------------------------------


def test_a_closed_gate_lets_nobody_through_and_dates_may_differ_between_futures():
    dates = ParameterDraws(("opens",), np.array([[5.0], [12.0], [math.inf]]))
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 10},
        [Transition("go", "here", "gone", 50.0, factors=["g"])],
        factors=[Gate("g", [("opens", math.inf)])],
    )  # fmt: skip
    left = people(model, 3, 20, parameters=dates)
    assert left[0].tolist() == [10] * 5 + [0] * 15
    assert left[1].tolist() == [10] * 12 + [0] * 8
    assert left[2].tolist() == [10] * 20


def test_an_incident_stops_engagement_only_while_it_lasts():
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 100_000},
        [Transition("go", "here", "gone", 0.01, factors=["incident"])],
        factors=[Gate("incident", [(5, 9)], closed=True)],
    )  # fmt: skip
    left = people(model, 1, 15)[0]
    moved = -np.diff([100_000, *left])
    assert (moved[5:9] == 0).all()
    assert (np.delete(moved, slice(5, 9)) > 0).all()


def test_effects_come_in_gradually_and_end():
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 10**8},
        [Transition("go", "here", "gone", 1e-3, factors=["e", "t"])],
        factors=[Effect("e", 3.0, start=2, end=8, over_days=4), Term("t", [1, 1, 1, 1, 1, 2])],
    )  # fmt: skip
    left = people(model, 1, 10)[0]
    hazard = -np.diff(np.log([1e8, *left]))
    expected = [1, 1, 1, 1.5, 2, 2.5 * 2, 3 * 2, 3 * 2, 2, 2]
    assert hazard / 1e-3 == pytest.approx(expected, rel=0.02)


def test_places_open_from_a_date_per_week_and_unused_ones_lapse_or_stay():
    def moved(carry):
        pool = Capacity("p", [Supply(10, start=9)], window_days=7, carry=carry)
        model = Model(
            [HERE, GONE], ["a"], {("here", "a", 1): 100},
            [Transition("go", "here", "gone", 50.0, capacities=["p"], factors=["border"])],
            factors=[Gate("border", [(15, math.inf)])], capacities=[pool],
        )  # fmt: skip
        return 100 - people(model, 1, 30)[0]

    # opens on Wednesday of the second week: 5 of 7 days' share (7.14), border shut until day 15
    assert moved(False)[[14, 15, 20, 21, 28]].tolist() == [0, 10, 10, 20, 30]
    assert moved(True)[[14, 15, 20, 21, 28]].tolist() == [0, 17, 17, 27, 37]


@pytest.mark.parametrize("path", ["general", "people"])
@pytest.mark.parametrize("until", [math.inf, 20.0])
def test_places_that_never_open_let_nobody_through(path, until):
    pool = Capacity("p", [Supply(10, start="opens", end=until)], window_days=7)
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 100},
        [Transition("go", "here", "gone", 50.0, capacities=["p"])], capacities=[pool],
    )  # fmt: skip
    dates = ParameterDraws(("opens",), np.array([[math.inf], [0.0]]))
    left = 100 - simulate(model, dates, 2, 1, days=10, path=path).present["all"][:, -1]
    assert left.tolist() == [0, 20]


def test_the_first_in_rank_are_served_first():
    model = Model(
        [HERE, State("urgent"), GONE], ["a"],
        {("here", "a", 1): 50, ("urgent", "a", 1): 8},
        [
            Transition("go", "here", "gone", 50.0, capacities=["p"], priority=1),
            Transition("rush", "urgent", "gone", 50.0, capacities=["p"], priority=0),
        ],
        capacities=[Capacity("p", [Supply(10)])],
    )  # fmt: skip
    f = simulate(model, no_parameters(1), 20, 1, days=1, outputs=Outputs(flows_on=[0]))
    assert (f.flows[:, 0, :, 0] == [2, 8]).all()


def test_a_move_that_needs_two_pools_takes_from_both():
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 100},
        [Transition("go", "here", "gone", 50.0, capacities=["rooms", "seats"])],
        capacities=[Capacity("rooms", [Supply(7)]), Capacity("seats", [Supply(4)])],
    )  # fmt: skip
    f = simulate(model, no_parameters(1), 5, 1, days=3, outputs=Outputs(flows_on=[0, 2]))
    assert (f.used == [[[4, 4], [12, 12]]]).all()


def test_a_pledge_opens_after_enough_have_moved():
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 100},
        [Transition("go", "here", "gone", 50.0, capacities=["p"])],
        capacities=[Capacity("p", [Supply(5)])],
        pledges=[Pledge("more", "p", ["go"], threshold=12, amount=20, delay_days=2)],
    )  # fmt: skip
    left = people(model, 1, 8)[0]
    # 5, 10, 15 (threshold reached on day 2), two days later 20 more, once
    assert (100 - left).tolist() == [5, 10, 15, 20, 25, 50, 55, 60]


def test_families_move_whole_and_a_large_one_is_not_split_for_a_small_pool():
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 6): 10, ("here", "a", 1): 2},
        [Transition("go", "here", "gone", 50.0, capacities=["p"])],
        sizes=[1, 6], capacities=[Capacity("p", [Supply(5)])],
    )  # fmt: skip
    # the two single people go on the first day; six seats are never there at once
    assert (people(model, 10, 5) == 60).all()
    weekly = Model(
        model.states, model.strata, model.start, model.transitions, model.sizes,
        capacities=[Capacity("p", [Supply(14)], window_days=7)],
    )  # fmt: skip
    assert (people(weekly, 10, 8)[:, -1] == 62 - 14 - 12).all()


def test_births_and_deaths_change_the_size_of_a_family_by_one():
    model = Model(
        [HERE, State("dead", present=False)], ["a"], {("here", "a", 2): 20_000},
        [
            Transition("death", "here", "dead", 0.01, size_change=-1),
            Transition("birth", "here", "here", 0.02, size_change=1),
        ],
        sizes=[1, 2, 3, 4, 5],
    )  # fmt: skip
    days = 5
    f = simulate(model, no_parameters(1), 40, 1, days=days,
                 outputs=Outputs(units_on=[days - 1], flows_on=[days - 1]))  # fmt: skip
    deaths, births = f.flows[:, 0, 0, 0], f.flows[:, 0, 1, 0]
    alive = (f.units[:, 0, 0, 0] * [1, 2, 3, 4, 5]).sum(-1)
    assert (alive == 40_000 + births - deaths).all()
    assert alive.mean() / 40_000 == pytest.approx(math.exp(0.01 * days), rel=0.002)


def losing_people(stages):
    """Families in one state who lose and gain members while they wait to leave."""
    return Model(
        [State("here", stages=stages, start_stage=[2.0, 1.0] if stages == 2 else "first"),
         State("away"), GONE, State("dead", present=False)],
        ["a"], {("here", "a", 1): 6, ("here", "a", 2): 5, ("here", "a", 3): 4},
        [
            Transition("go", "here", "gone", 0.3, staged=stages > 1),
            Transition("step out", "here", "away", 0.1),
            Transition("death", "here", "dead", 0.2, size_change=-1),
            Transition("birth", "here", "here", 0.1, size_change=1),
        ],
        sizes=[1, 2, 3],
    )  # fmt: skip


def losing_one_by_one(rng, days, stages):
    """The same, each family by itself and each clock of its own; one event a day at most."""
    size = np.repeat([1, 2, 3], [6, 5, 4])
    stage = (rng.random(15) < 1 / 3).astype(int) if stages == 2 else np.zeros(15, int)
    where = np.zeros(15, int)
    for _ in range(days):
        for i in range(15):
            if where[i]:
                continue
            clock = {
                "away": rng.exponential(1 / 0.1),
                "death": rng.exponential(1 / 0.2 / size[i]),
            }
            if size[i] < 3:
                clock["birth"] = rng.exponential(1 / 0.1 / size[i])
            passed = rng.exponential(1 / (0.3 * stages), stages - stage[i]).cumsum()
            clock["go"] = passed[-1]
            first = min(clock, key=clock.get)
            if clock[first] >= 1:
                stage[i] += (passed < 1).sum()
            elif first == "death" and size[i] > 1:
                size[i] -= 1
            elif first == "birth":
                size[i] += 1
            else:
                where[i] = {"away": 1, "go": 2, "death": 3}[first]
    return size[where < 2].sum(), size[where == 1].sum()


@pytest.mark.parametrize("stages", [1, 2])
def test_deaths_and_births_compete_with_leaving_as_if_each_family_were_by_itself(stages):
    rng, days = np.random.default_rng(8), 4
    slow = np.array([losing_one_by_one(rng, days, stages) for _ in range(2000)])
    for keyed in (False, True):
        asked = Outputs(present={"all": Group(["here", "away"]), "away": Group(["away"])})
        fast = simulate(losing_people(stages), no_parameters(1), 20_000, 4, days=days,
                        keyed=keyed, outputs=asked)  # fmt: skip
        for i, name in enumerate(("all", "away")):
            got = fast.present[name][:, -1]
            assert ks_2samp(slow[:, i], got).pvalue > 1e-3
            assert abs(slow[:, i].mean() - got.mean()) < 4 * slow[:, i].std() / math.sqrt(2000)


def test_rare_deaths_among_very_many_come_at_their_rate():
    model = Model(
        [HERE, State("dead", present=False)], ["a"],
        {("here", "a", 1): 10**6, ("here", "a", 3): 10**7},
        [Transition("death", "here", "dead", 2e-5, size_change=-1)], sizes=[1, 2, 3],
    )  # fmt: skip
    f = simulate(model, no_parameters(1), 60, 1, days=10, outputs=Outputs(flows_on=[9]))
    deaths, due = f.flows[:, 0, 0, 0], 31e6 * -math.expm1(-2e-4)
    assert abs(deaths.mean() - due) < 4 * math.sqrt(due / 60)


def test_what_a_pool_turned_away_is_counted():
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 10},
        [Transition("go", "here", "gone", 50.0, capacities=["p"])],
        capacities=[Capacity("p", [Supply(4)])],
    )  # fmt: skip
    f = simulate(model, no_parameters(1), 3, 1, days=3, outputs=Outputs(flows_on=[0, 1, 2]))
    assert (f.used[:, :, 0] == [4, 8, 10]).all()
    assert (f.refused[:, :, 0] == [6, 8, 8]).all()


def test_shocks_alone_can_be_drawn_anew():
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 10**6},
        [Transition("go", "here", "gone", 0.01, factors=["s"])],
        factors=[Shock("s", 0.4, 20.0)],
    )  # fmt: skip
    for path in ("lanes", "general"):
        one, other = (people(model, 64, 5, path=path, shock_seed=s) for s in (None, 9))
        assert np.corrcoef(one[:, 0], people(model, 64, 5, path=path)[:, 0])[0, 1] > 0.999
        assert abs(np.corrcoef(one[:, 0], other[:, 0])[0, 1]) < 0.5


def test_arrivals_come_at_their_rate():
    model = Model(
        [HERE, GONE], ["a"], {}, [Transition("go", "here", "gone", 0.0)],
        arrivals=[Arrival("new", "here", "a", 1, "pace")],
    )  # fmt: skip
    d = draw({"pace": Fixed(3.5)}, 1, 1)
    left = people(model, 4000, 10, parameters=d)[:, -1]
    assert left.mean() == pytest.approx(35, abs=4 * math.sqrt(35 / 4000))
    assert left.var() == pytest.approx(35, rel=0.1)


def test_shocks_have_the_spread_and_the_memory_they_declare():
    sd, memory = 0.4, 15.0
    model = Model(
        [HERE, GONE], ["a"], {("here", "a", 1): 10**9},
        [Transition("go", "here", "gone", 1e-4, factors=["s"])],
        factors=[Shock("s", sd, memory)],
    )  # fmt: skip
    left = people(model, 4000, 31)
    full = np.concatenate([np.full((4000, 1), 1e9), left], axis=1)
    z = np.log(-np.diff(np.log(full), axis=1) / 1e-4)
    assert z[:, 0].std() == pytest.approx(sd, rel=0.06)
    assert z[:, -1].std() == pytest.approx(sd, rel=0.06)
    assert np.exp(z).mean() == pytest.approx(1.0, abs=0.03)
    lag = np.corrcoef(z[:, 0], z[:, 15])[0, 1]
    assert lag == pytest.approx(math.exp(-1), abs=0.06)


def test_a_finer_step_removes_the_bias_of_the_daily_one():
    model = Model(
        [HERE, State("ready"), GONE], ["a"], {("here", "a", 1): 2000},
        [Transition("one", "here", "ready", 0.3), Transition("two", "ready", "gone", 0.3)],
    )  # fmt: skip
    exact = 2000 * math.exp(-3.0) * (1 + 3.0)
    (bias,) = step_bias(model, no_parameters(1), 2000, 1, days=10, finer=16)
    fine = people(model, 2000, 10, steps_per_day=16)[:, -1].mean()
    assert fine == pytest.approx(exact, rel=0.02)
    assert bias.difference > 4 * bias.error
    assert bias.difference == pytest.approx(2000 * 10 * 0.3 * math.exp(-3) * 0.15, rel=0.2)


def test_people_can_be_counted_by_group():
    asked = Outputs(present={"leaders": Group(strata=["leaders"]), "gone": Group(["gone"])})
    f = simulate(camp(), draw(LAWS, 20, 1), 20, 5, days=60, outputs=asked)
    assert (f.present["leaders"] == 30).all()
    assert (np.diff(f.present["gone"], axis=1) >= 0).all()


# --- mistakes are named, all at once --------------------------------------------------------


def test_every_fault_of_a_model_is_named_at_once():
    model = Model(
        [HERE, GONE, State("queue", stages=3)], ["a", "a"], {("here", "b", 2): -1},
        [
            Transition("go", "here", "nowhere", -0.1, factors=["missing"], capacities=["x"]),
            Transition("go", "here", "gone", [0.1, 0.2, 0.3], size_change=-1),
        ],
        sizes=[2],
        pledges=[Pledge("p", "y", ["z"], 1, 1)],
    )  # fmt: skip
    with pytest.raises(Faults) as caught:
        check(model)
    text = str(caught.value)
    for part in ('"a" is declared twice', "nowhere", "missing", '"x"', "-0.1", '"go" is declared',
                 "3 values", "sizes 1, 2, 3", '"y"', '"z"', "3 stages", "-1 units", "size"):  # fmt: skip
        assert part in text


def test_missing_and_short_draws_are_refused():
    with pytest.raises(Faults, match="has no draws"):
        simulate(camp(), no_parameters(5), 5, 1, days=3)
    with pytest.raises(Faults, match="at least 9"):
        simulate(camp(), draw(LAWS, 8, 1), 9, 1, days=3)
    with pytest.raises(Faults, match="below 0"):
        simulate(camp(), draw(LAWS, 8, 1).with_column("pace", -1.0), 8, 1, days=3)
    with pytest.raises(Faults, match="day 3"):
        simulate(camp(), draw(LAWS, 8, 1), 8, 1, days=3, outputs=Outputs(units_on=[3]))


def test_stating_a_model_loads_neither_numba_nor_scipy():
    code = (
        "import sys\n"
        "from onward.forecast.simulator import draws, futures, model\n"
        "sys.exit(any(m in sys.modules for m in ('numba', 'scipy', 'scoringrules')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_read_only_installation_still_computes(tmp_path):
    code = (
        "from onward.forecast.simulator.kernel.chance import compiled\n"
        "import numba\n"
        "from numba.core import caching\n"
        "class Nowhere(caching.FunctionCache):\n"
        "    def __init__(self, *a): raise RuntimeError('cannot cache: no locator available')\n"
        "import numba.core.dispatcher as d\n"
        "d.FunctionCache = Nowhere\n"
        "f = compiled(keep=True)(lambda x: x + 1)\n"
        "assert f(1) == 2\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_machine_code_lies_where_nobody_else_could_have_put_it(tmp_path):
    from onward.forecast.simulator.kernel.chance import own_folder

    own = own_folder(tmp_path)
    assert own is not None
    assert own.stat().st_mode & 0o777 == 0o700
    assert own_folder(tmp_path) == own
    own.chmod(0o777)
    assert own_folder(tmp_path) is None
    own.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    own.symlink_to(tmp_path / "elsewhere")
    assert own_folder(tmp_path) is None


@pytest.mark.slow
def test_what_two_processes_compiled_is_found_by_a_third(tmp_path):
    place = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    asked = (
        "from onward.forecast.simulator import warm; "
        "from onward.forecast.simulator.kernel import general; warm.warm(); "
        "print(warm.cached(), sum(general.run_days.stats.cache_misses.values()))"
    )
    subprocess.run(
        [sys.executable, "-m", "onward.forecast.simulator.warm"], env=place, check=True
    )
    said = subprocess.run(
        [sys.executable, "-c", asked], env=place, check=True, capture_output=True, text=True
    ).stdout
    assert said.split() == ["True", "0"]
    # What is stored is loaded without what compiling needs, and compiling still works after it.
    asked = (
        "import sys; from onward.forecast.simulator import warm; warm.warm(); "
        "print('numba.typed.typeddict' in sys.modules); import numba; "
        "print(numba.njit(lambda x: x + x.sum())(__import__('numpy').ones(2))[0]); "
        "print('numba.typed.typeddict' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", asked], env=place, check=True, capture_output=True, text=True
    ).stdout
    assert said.split() == ["False", "3.0", "True"]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["lanes", "general", "people"])
def test_stored_machine_code_gives_what_compiling_it_gave(path, tmp_path):
    """A process that only loads: what makes arrays needs numba's memory set up all the same."""
    place = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    asked = (
        "from onward.forecast.simulator.draws import no_parameters\n"
        "from onward.forecast.simulator.futures import Outputs, simulate\n"
        "from onward.forecast.simulator.model import Model, State, Transition\n"
        "model = Model(\n"
        "    states=[State('here'), State('gone', present=False)], strata=['all'],\n"
        "    start={('here', 'all', 1): 300},\n"
        "    transitions=[Transition('leave', 'here', 'gone', 0.1)])\n"
        f"print(simulate(model, no_parameters(1), 64, 1, days=9, outputs=Outputs(), path='{path}')"
        ".present['all'].sum())\n"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", asked], env=place, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    )
    assert first == second != ""
