"""The simulator against laws that can be written down: sums of binomials, exact chains, limits.

Seeds are fixed, so these tests either pass or fail; the bounds are those of chance at about one
in ten thousand.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from onward.forecast.simulator.draws import no_parameters
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.simulator.model import (
    Capacity,
    Effect,
    Feedback,
    Model,
    State,
    Supply,
    Term,
    Transition,
)

PATHS = ("lanes", "general")
HERE = State("here")
GONE = State("gone", present=False)


def run(model, futures, days, *, seed=11, path="auto", keyed=False, **outputs):
    return simulate(
        model,
        no_parameters(1),
        futures,
        seed,
        days=days,
        path=path,
        keyed=keyed,
        outputs=Outputs(**outputs) if outputs else None,
    )


def agrees(observed, pmf, least=5.0):
    """Chi-square p-value of whole-number draws against a probability mass, tails pooled."""
    counts = np.bincount(np.asarray(observed, dtype=int), minlength=len(pmf))[: len(pmf)]
    expected = np.asarray(pmf) * len(observed)
    cells, o, e = [], 0.0, 0.0
    for seen, due in zip(counts, expected, strict=True):
        o, e = o + seen, e + due
        if e >= least:
            cells.append((o, e))
            o, e = 0.0, 0.0
    cells[-1] = (cells[-1][0] + o, cells[-1][1] + e)
    assert len(cells) > 2
    statistic = sum((o - e) ** 2 / e for o, e in cells)
    return stats.chi2.sf(statistic, len(cells) - 1)


# --- 1. without feedback: a sum of binomials ------------------------------------------------


def three_states(people=(40, 60)):
    return Model(
        states=[HERE, State("ready"), GONE],
        strata=["a", "b"],
        start={("here", "a", 1): people[0], ("here", "b", 1): people[1]},
        transitions=[
            Transition("prepare", "here", "ready", 0.05, weights=[1.0, 2.0]),
            Transition("slip away", "here", "gone", 0.01),
            Transition("travel", "ready", "gone", 0.08, factors=["buses"]),
            Transition("change mind", "ready", "here", 0.03, weights=[1.0, 0.5]),
        ],
        factors=[Term("buses", [1.0] * 10 + [2.5])],
    )


def share_here(weight_prepare, weight_mind, days):
    chance = np.array([1.0, 0.0, 0.0])
    for day in range(days):
        out = [
            (0.05 * weight_prepare, 0.01),
            ((1.0 if day < 10 else 2.5) * 0.08, 0.03 * weight_mind),
        ]
        p = [1 - math.exp(-sum(h)) for h in out]
        a, b, c = chance
        to = [[p[i] * h / sum(out[i]) for h in out[i]] for i in (0, 1)]
        chance = np.array(
            [a * (1 - p[0]) + b * to[1][1], b * (1 - p[1]) + a * to[0][0], c + a * to[0][1] + b * to[1][0]]
        )  # fmt: skip
    return chance[0] + chance[1]


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_without_feedback_the_residual_is_a_sum_of_binomials(path, keyed):
    got = run(three_states(), 20_000, 30, path=path, keyed=keyed).present["all"][:, -1]
    pmf = np.convolve(
        stats.binom.pmf(range(41), 40, share_here(1, 1, 30)),
        stats.binom.pmf(range(61), 60, share_here(2, 0.5, 30)),
    )
    assert agrees(got, pmf) > 1e-4


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("n", "hazard"), [(400, 0.05), (90_000, 0.004), (25, 2.0), (10**7, 0.9)]
)
def test_one_day_is_one_binomial_at_every_size(path, n, hazard, keyed):
    model = Model(
        states=[HERE, GONE, State("moved", present=False)],
        strata=["a"],
        start={("here", "a", 1): n},
        transitions=[
            Transition("one", "here", "gone", hazard * 0.7),
            Transition("other", "here", "moved", hazard * 0.3),
        ],
    )
    f = run(model, 20_000, 1, path=path, keyed=keyed, flows_on=[0])
    p = -math.expm1(-hazard)
    left = f.present["all"][:, 0]
    for draws, q in (
        (n - left, p),
        (f.flows[:, 0, 0, 0], 0.7 * p),
        (f.flows[:, 0, 1, 0], 0.3 * p),
    ):
        law = stats.binom(n, q)
        if law.std() < 60:
            low = max(int(law.mean() - 8 * law.std()), 0)
            pmf = law.pmf(np.arange(low, low + int(16 * law.std()) + 10))
            assert agrees(draws - low, pmf) > 1e-4
        else:
            z = (draws - law.mean()) / law.std()
            assert stats.kstest(z, "norm").pvalue > 1e-4


# --- 2. a small exact chain with feedback ---------------------------------------------------


def news_model(n, hazard=0.03, lag=0):
    return Model(
        states=[HERE, GONE],
        strata=["a"],
        start={("here", "a", 1): n},
        transitions=[Transition("go", "here", "gone", hazard, factors=["news"])],
        factors=[Feedback("news", ["gone"], "saturating", a=3.0, b=0.2, lag_days=lag)],
    )


@pytest.mark.parametrize("path", PATHS)
def test_a_small_chain_with_feedback_is_exact(path):
    n, days = 12, 15
    law = np.zeros(n + 1)
    law[n] = 1.0
    for _ in range(days):
        after = np.zeros(n + 1)
        for k in range(n + 1):
            x = (n - k) / n
            p = -math.expm1(-0.03 * (1 + 3.0 * x / (x + 0.2)))
            after[: k + 1] += law[k] * stats.binom.pmf(k - np.arange(k + 1), k, p)
        law = after
    got = run(news_model(n), 40_000, days, path=path).present["all"][:, -1]
    assert agrees(got, law) > 1e-4


def test_delayed_news_is_read_as_late_as_declared():
    n, days, lag = 5, 6, 2
    history = {(n,): 1.0}  # people here on each morning so far
    for day in range(days):
        nxt = {}
        for past, chance in history.items():
            x = (n - past[day - lag]) / n if day >= lag else 0.0
            p = -math.expm1(-0.2 * (1 + 3.0 * x / (x + 0.2)))
            for left in range(past[-1] + 1):
                w = chance * stats.binom.pmf(past[-1] - left, past[-1], p)
                nxt[(*past, left)] = nxt.get((*past, left), 0.0) + w
        history = nxt
    pmf = np.zeros(n + 1)
    for past, chance in history.items():
        pmf[past[-1]] += chance
    got = run(news_model(n, 0.2, lag), 40_000, days).present["all"][:, -1]
    assert agrees(got, pmf) > 1e-4


# --- 3, 4. the limits of many people --------------------------------------------------------


def test_many_people_follow_the_mean_field_and_their_spread_the_linear_noise():
    n, days = 4_000, 60
    here, variance = float(n), 0.0

    def after(k):
        x = (n - k) / n
        return k * math.exp(-0.01 * (1 + 3.0 * x / (x + 0.2)))

    for _ in range(days):
        slope = (after(here + 0.5) - after(here - 0.5)) / 1.0
        p = 1 - after(here) / here
        variance = slope**2 * variance + here * p * (1 - p)
        here = after(here)
    got = run(news_model(n, 0.01), 20_000, days).present["all"][:, -1].astype(float)
    # the curvature of the feedback moves the mean by a term of order 1, not of order n
    assert abs(got.mean() - here) < 6.0
    assert got.std() == pytest.approx(math.sqrt(variance), rel=0.04)
    scale = 10_000
    big = run(news_model(n * scale, 0.01), 200, days).present["all"][:, -1] / scale
    assert abs(big.mean() - here) < 0.05
    assert big.std() == pytest.approx(math.sqrt(variance / scale), rel=0.2)


# --- 5. against every unit simulated by itself ----------------------------------------------


def family_model():
    return Model(
        states=[HERE, State("cleared", stages=2), GONE],
        strata=["a", "b"],
        sizes=[1, 3, 4],
        start={
            ("here", "a", 1): 20, ("here", "a", 3): 9, ("here", "b", 4): 8, ("cleared", "b", 1): 6,
        },
        transitions=[
            Transition("clear", "here", "cleared", 0.08, weights=[1.0, 1.5]),
            Transition("leave alone", "here", "gone", 0.02, size_weights=[1.0, 0.5, 0.25]),
            Transition("fly", "cleared", "gone", 0.3, staged=True, capacities=["seats"]),
            Transition("give up", "cleared", "here", 0.04),
        ],
        capacities=[Capacity("seats", [Supply(5, start=4)], window_days=1)],
    )  # fmt: skip


def one_by_one(rng, days):
    """The same operation, each unit a row: uniform waiting for each stage inside the day."""
    size = np.array([1] * 20 + [3] * 9 + [4] * 8 + [1] * 6)
    b = np.array([0] * 29 + [1] * 8 + [1] * 6)
    where = np.array([0] * 37 + [1] * 6)  # 0 here, 1 cleared, 2 gone
    stage = np.zeros(len(size), int)
    for day in range(days):
        order = rng.permutation(len(size))
        seats = 5 if day >= 4 else 0
        for i in order:
            if where[i] == 0:
                clear = 0.08 * (1.5 if b[i] else 1.0)
                alone = 0.02 * {1: 1.0, 3: 0.5, 4: 0.25}[size[i]]
                if rng.random() < -math.expm1(-clear - alone):
                    if rng.random() < clear / (clear + alone):
                        where[i], stage[i] = 1, 0
                    else:
                        where[i] = 2
            elif where[i] == 1:
                t, s = 0.0, stage[i]
                while True:
                    t += rng.exponential(1 / 0.64)
                    if t > 1:
                        stage[i] = s
                        break
                    if rng.random() < 0.04 / 0.64:
                        where[i] = 0
                        break
                    s += 1
                    if s == 2:
                        if size[i] <= seats:
                            seats -= size[i]
                            where[i] = 2
                        else:
                            stage[i] = 1
                        break
    return size[where != 2].sum()


@pytest.mark.slow
def test_families_stages_and_seats_agree_with_units_simulated_one_by_one():
    days = 25
    rng = np.random.default_rng(5)
    slow = [one_by_one(rng, days) for _ in range(1500)]
    for keyed in (False, True):
        fast = run(family_model(), 20_000, days, keyed=keyed).present["all"][:, -1]
        assert stats.ks_2samp(slow, fast).pvalue > 1e-3
        assert abs(np.mean(slow) - fast.mean()) < 4 * np.std(slow) / math.sqrt(len(slow))


# --- 6. rationing ---------------------------------------------------------------------------


def test_short_places_are_rationed_as_a_random_order_would():
    sizes = [1, 2, 3]
    model = Model(
        states=[HERE, GONE],
        strata=["a"],
        sizes=sizes,
        start={("here", "a", 1): 2, ("here", "a", 2): 1, ("here", "a", 3): 1},
        transitions=[Transition("fly", "here", "gone", 1000.0, capacities=["seats"])],
        capacities=[Capacity("seats", [Supply(4)])],
    )
    outcomes = {}
    for order in itertools.permutations([1, 1, 2, 3]):
        left, gone = 4, [0, 0, 0]
        for s in order:
            if s <= left:
                left -= s
                gone[s - 1] += 1
        outcomes[tuple(gone)] = outcomes.get(tuple(gone), 0) + 1 / 24
    f = run(model, 30_000, 1, units_on=[0])
    gone = f.units[:, 0, 1, 0, :]
    seen = dict.fromkeys(outcomes, 0)
    for row in gone:
        seen[tuple(int(v) for v in row)] += 1
    statistic = sum((seen[k] - 30_000 * p) ** 2 / (30_000 * p) for k, p in outcomes.items())
    assert stats.chi2.sf(statistic, len(outcomes) - 1) > 1e-4


def test_places_shared_by_two_transitions_split_hypergeometrically():
    model = Model(
        states=[HERE, State("waiting"), GONE],
        strata=["a"],
        start={("here", "a", 1): 30, ("waiting", "a", 1): 50},
        transitions=[
            Transition("one", "here", "gone", 1000.0, capacities=["seats"]),
            Transition("two", "waiting", "gone", 1000.0, capacities=["seats"]),
        ],
        capacities=[Capacity("seats", [Supply(20)])],
    )
    f = run(model, 20_000, 1, flows_on=[0])
    assert (f.flows[:, 0].sum((1, 2)) == 20).all()
    assert (f.used[:, 0, 0] == 20).all()
    assert agrees(f.flows[:, 0, 0, 0], stats.hypergeom.pmf(range(21), 80, 30, 20)) > 1e-4


# --- 7. Erlang waits ------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [1, 2, 5])
def test_a_wait_in_stages_has_the_erlang_law_whatever_the_step(stages):
    n, hazard, other = 50_000, 0.15, 0.02
    model = Model(
        states=[State("waiting", stages=stages), GONE, State("dropped", present=False)],
        strata=["a"],
        start={("waiting", "a", 1): n},
        transitions=[
            Transition("done", "waiting", "gone", hazard, staged=True),
            Transition("drop", "waiting", "dropped", other),
        ],
    )
    asked = [0, 2, 6, 14]
    f = run(model, 40, 15, flows_on=asked)
    rate = stages * hazard
    for i, day in enumerate(asked):
        t = day + 1.0
        for j, p in enumerate(
            (
                (rate / (rate + other)) ** stages * stats.gamma.cdf(t * (rate + other), stages),
                1 - math.exp(-other * t) * stats.gamma.sf(t * rate, stages)
                - (rate / (rate + other)) ** stages * stats.gamma.cdf(t * (rate + other), stages),
            )
        ):  # fmt: skip
            share = f.flows[:, i, j, 0].sum() / (40 * n)
            assert abs(share - p) < 4.5 * math.sqrt(p * (1 - p) / (40 * n)) + 1e-12


# --- 8. families widen the forecast ---------------------------------------------------------


def test_people_who_leave_together_widen_the_forecast_by_the_root_of_their_number():
    spread = {}
    for size in (1, 2, 4, 10):
        model = Model(
            states=[HERE, GONE],
            strata=["a"],
            sizes=[size],
            start={("here", "a", size): 4000 // size},
            transitions=[Transition("go", "here", "gone", 0.01)],
        )
        spread[size] = run(model, 8000, 60).present["all"][:, -1].std()
    for size in (2, 4, 10):
        assert spread[size] / spread[1] == pytest.approx(math.sqrt(size), rel=0.04)


# --- 9. keyed draws -------------------------------------------------------------------------


def test_the_same_seed_measures_a_scenario_many_times_more_sharply():
    def camp(day):
        model = three_states((400, 600))
        transitions = [
            Transition(t.id, t.source, t.target, t.hazard, t.weights, factors=[*t.factors, "more"])
            if t.id == "prepare" else t
            for t in model.transitions
        ]  # fmt: skip
        return Model(
            model.states, model.strata, model.start, transitions,
            factors=[*model.factors, Effect("more", 1.5, start=day)],
        )  # fmt: skip

    def end(day, seed):
        f = run(camp(day), 3000, 40, seed=seed, keyed=True)
        return f.present["all"][:, -1].astype(float)

    same = (end(15, 1) - end(20, 1)).var()
    apart = (end(15, 1) - end(20, 2)).var()
    assert apart / same > 10
