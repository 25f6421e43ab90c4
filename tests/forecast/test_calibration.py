"""Simulation-based calibration: truths drawn from the fit's own priors, logs simulated from them,
and the rank of each truth among the draws a forecast would take from what was fitted.

source  Talts et al. 2018, arXiv 1804.06788

Ranked are the pace of a step, how far good and bad months differ, and how far those who would choose
are held back. The law of the last is wider than the log alone would make it (what the log says of
behaviour counts half), so its ranks lie nearer the middle; none may lie nearer the ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from onward.forecast.learning.behaviour import (
    HOLD_PRIOR,
    NEWS_HALF,
    NEWS_LAG_DAYS,
    NEWS_PRIOR,
    Past,
    learn,
)
from onward.forecast.learning.estimate import (
    FEW_STEPS,
    MEMORIES,
    MEMORY_DOUBT,
    MOOD_DAYS,
    NO_SHOCK,
    OWN_MOODS,
    SHOCK_DOUBT,
    SHOCK_MEMORY_DAYS,
    SIZES,
    USUAL_SHOCK,
    Observed,
    fit,
)
from onward.forecast.simulator.draws import Lognormal, draw

GROUPS, STEPS, PERIODS, LENGTH = 3, 6, 13, 28
PEOPLE, WAITING = 700, 400
"""People of each group who have not chosen at first; people of each who wait at every other step."""
LEAST = 0.05
"""A forecast takes months as differing by so much at least, so a smaller truth is as good as this."""
QUANTITIES = ("pace", "shocks", "hold")
DRAWS = 199
CAMPS = 300


@dataclass(frozen=True)
class Truth:
    """What a log is simulated from.

    paces   of the first step (by which people choose) and the others
    size, memory, mood   of the shared shocks, and of what moves those who choose alone
    """

    paces: np.ndarray
    size: float
    memory: float
    mood: float
    news: float
    hold: float


def from_the_priors(rng: np.random.Generator) -> Truth:
    """One truth from the priors of the fit; only the level of all paces, which it leaves free, is
    chosen here."""
    spread = np.sqrt(FEW_STEPS / rng.chisquare(FEW_STEPS))
    paces = 0.008 * np.exp(spread * rng.standard_normal(STEPS))
    sizes = np.array(SIZES)
    bell = np.exp(-((np.log(sizes / USUAL_SHOCK) / SHOCK_DOUBT) ** 2) / 2)
    size = 0.0 if rng.random() < NO_SHOCK else rng.choice(sizes, p=bell / bell.sum())
    memories = np.array(MEMORIES)
    bell = np.exp(-((np.log(memories / SHOCK_MEMORY_DAYS) / MEMORY_DOUBT) ** 2) / 2)
    moods, odds = zip(*OWN_MOODS, strict=True)
    return Truth(
        np.minimum(paces, 0.3),
        float(size),
        float(rng.choice(memories, p=bell / bell.sum())),
        float(rng.choice(moods, p=odds)),
        float(rng.gamma(NEWS_PRIOR[0], 1 / NEWS_PRIOR[1])),
        float(rng.gamma(HOLD_PRIOR[0], 1 / HOLD_PRIOR[1])),
    )


def wandering(rng: np.random.Generator, sd: float, memory: float, days: int) -> np.ndarray:
    """A stationary log course of so long a memory, day by day, with mean one."""
    rho = np.exp(-1 / memory)
    steps = rng.normal(0, sd * np.sqrt(1 - rho**2), days)
    course = np.empty(days)
    at = rng.normal(0, sd)
    for day in range(days):
        at = rho * at + steps[day]
        course[day] = at
    return np.exp(course - sd**2 / 2)


def simulated(truth: Truth, rng: np.random.Generator) -> tuple[Observed, Past]:
    """A log of a year: people choose, held back by those who have not and moved by news of those
    who arrived; everybody else takes steps at paces of their own."""
    days = PERIODS * LENGTH
    people, at_risk = (np.zeros((STEPS, GROUPS, PERIODS)) for _ in range(2))
    undecided = np.array([PEOPLE, PEOPLE, PEOPLE]) * np.array([1.0, 0.7, 0.4])
    everybody = np.full(GROUPS, float(PEOPLE))
    safe = 0.3 * np.arange(days + 1) / days
    luck = wandering(rng, truth.size, truth.memory, days)
    mood = wandering(rng, truth.mood, MOOD_DAYS, days)
    share = np.zeros((GROUPS, PERIODS))
    for day in range(days):
        at = day // LENGTH
        heard = safe[max(day - NEWS_LAG_DAYS, 0)]
        moved = (1 + truth.news * heard / (heard + NEWS_HALF)) * np.exp(
            -truth.hold * undecided / everybody
        )
        at_risk[0, :, at] += undecided
        at_risk[1:, :, at] += WAITING
        share[:, at] += undecided / everybody / LENGTH
        chose = rng.binomial(
            undecided.astype(int), -np.expm1(-truth.paces[0] * luck[day] * mood[day] * moved)
        )
        people[0, :, at] += chose
        undecided = undecided - chose
        for step in range(1, STEPS):
            people[step, :, at] += rng.binomial(
                WAITING, -np.expm1(-truth.paces[step] * luck[day]), GROUPS
            )
    first = [number == 0 for number in range(STEPS)]
    log = Observed(
        [(f"s{n}", f"e{n}") for n in range(STEPS)], tuple("abc"), np.full(PERIODS, float(LENGTH)),
        people, at_risk, 1.0, steps=[True] * STEPS, moody=first,
    )  # fmt: skip
    pace = people.sum(axis=2) / np.maximum(at_risk.sum(axis=2), 1e-9)
    expected = pace[:, :, None] * at_risk
    past = Past(
        mid=(np.arange(PERIODS) + 0.5) * LENGTH - days,
        safe=safe[:-1].reshape(PERIODS, LENGTH).mean(axis=1),
        undecided=share,
        counted=people[0], expected=expected[0],
        length=np.full(PERIODS, float(LENGTH)),
        other=people[1:].sum(axis=(0, 1)), other_expected=expected[1:].sum(axis=(0, 1)),
    )  # fmt: skip
    return log, past


def rank(truth: float, drawn: np.ndarray, rng: np.random.Generator) -> float:
    """Where a truth lies among draws, between 0 and 1; among equals at random."""
    below, equal = (drawn < truth).sum(), (drawn == truth).sum()
    return float((below + rng.integers(equal + 1) + rng.random()) / (len(drawn) + 1))


def ranks(camps: int, seed: int) -> dict[str, np.ndarray]:
    """Quantity -> (camps, 2) ranks among the draws, and among draws half as far from their middle."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in QUANTITIES}

    def put(name: str, truth: float, drawn: np.ndarray) -> None:
        middle = np.median(drawn)
        half = middle * np.sqrt(drawn / middle)
        found[name].append((rank(truth, drawn, rng), rank(truth, half, rng)))

    for _ in range(camps):
        truth = from_the_priors(rng)
        log, past = simulated(truth, rng)
        rates = fit(log)
        learnt = learn(
            past, tuple("abc"), shock_sd=rates.shock_sd, memory_days=rates.memory_days,
            seed=int(rng.integers(2**31)),
        )  # fmt: skip
        laws = {
            "pace": rates.posteriors[1][0],
            "shocks": Lognormal(max(rates.shock_sd, LEAST), rates.shock_log_sd),
        }
        drawn = draw(laws, DRAWS, int(rng.integers(2**31)))
        put("pace", truth.paces[1], drawn.column("pace"))
        put("shocks", max(truth.size, LEAST), np.maximum(drawn.column("shocks"), LEAST))
        put(
            "hold",
            truth.hold,
            learnt.joint.pick(DRAWS, int(rng.integers(2**31)))["hold strength"],
        )
    return {name: np.array(values) for name, values in found.items()}


@pytest.fixture(scope="module")
def ranked() -> dict[str, np.ndarray]:
    return ranks(CAMPS, 12)


def outside(places: np.ndarray) -> float:
    """The share of truths that lie outside the middle eight tenths of the draws."""
    return float(((places < 0.1) | (places > 0.9)).mean())


TOO_MANY = 0.2 + 3.1 * np.sqrt(0.2 * 0.8 / CAMPS)
"""More than so many lie outside once in a thousand where the draws are as wide as they should be."""

LEANS = 0.08
"""How far the mean rank may lie from the middle."""


@pytest.mark.slow
@pytest.mark.parametrize("name", QUANTITIES)
def test_truths_lie_among_the_draws_as_often_as_these_say(ranked, name):
    places = ranked[name][:, 0]
    assert outside(places) < TOO_MANY, np.histogram(places, bins=10, range=(0, 1))[0]
    # Fitted sizes of shocks lean up and holds down, each by a few draws in a hundred: the law of the
    # first keeps only a middle and a spread of what is known of it, and the log counts half for the
    # second.
    assert abs(places.mean() - 0.5) < LEANS


@pytest.mark.slow
def test_ranks_of_a_pace_are_even(ranked):
    counts, _ = np.histogram(ranked["pace"][:, 0], bins=8, range=(0, 1))
    # 7 degrees of freedom: 24.3 is exceeded once in a thousand
    assert ((counts - CAMPS / 8) ** 2 / (CAMPS / 8)).sum() < 24.3, counts
    # Nor do they lean: off by more once in a thousand.
    assert abs(ranked["pace"][:, 0].mean() - 0.5) < 3.3 * np.sqrt(1 / 12 / CAMPS)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUANTITIES)
def test_draws_half_as_wide_would_be_found_too_narrow(ranked, name):
    assert outside(ranked[name][:, 1]) > TOO_MANY
