"""How fast people have moved so far, and how sure that is: from exposures to posteriors.

Comes in: for every move, stratum and month the people who made it and the person-days during
which they could have. Goes out: a Gamma posterior per move and stratum, pooled where little is
known, and the size and memory of the slow shocks that all moves share. Checked against
`lifelines`, and by simulating from known rates and recovering them.

Three corrections matter and each has its own test:
- people leave in families, so ten people in two families are two events, not ten;
- a log counted by the day sees 1 - exp(-L) leave of those at risk, not L, so rates read straight
  off the counts are low (source: the discrete competing-risks law, Putter et al. 2007);
- months share good and bad luck (a rumour, a stalled road); without that in the fit as well as
  in the simulation the answer is far too sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from onward.forecast.draws import Gamma

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.forecast.behaviour import Learnt
    from onward.forecast.shapes import Shape

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]

# A rate nobody has seen an event of is guessed from the pool with this many events' worth of
# belief; half an event is Jeffreys' choice for a Poisson rate.
LEAST_SHAPE = 0.5
# Without any event of any move, a rate is at most about one in this many days.
UNSEEN_DAYS = 3650.0
# Size and memory of shocks where the log is too short to tell.
USUAL_SHOCK = 0.2
SHOCK_MEMORY_DAYS = 60.0
FEW_PERIODS = 6


@dataclass(frozen=True)
class Observed:
    """What the log shows.

    moves       (source state, target state) of each move, in order
    strata      names of the strata
    period_days (P,) length of each period in days
    people      (M, S, P) people who made the move in the period
    at_risk     (M, S, P) person-days during which they could have (those of the source state)
    family      people who move as one, weighted by people: 1 when everyone is alone; one number
                or one per move
    steps       whether each move is a step of the procedure (not a change of mind, a recorded
                event or a death): what a step nobody has taken yet is likened to. Empty: all
    """

    moves: Sequence[tuple[str, str]]
    strata: Sequence[str]
    period_days: FloatArray
    people: FloatArray
    at_risk: FloatArray
    family: float | FloatArray = 1.0
    steps: Sequence[bool] = ()


@dataclass(frozen=True)
class Rates:
    """The estimate.

    posteriors  (M, S) as rows: Gamma(shape, exposure) per move and stratum, hazard per day
    shock_sd    standard deviation of the shared log shock in the long run
    memory_days days after which the shock's autocorrelation has fallen to 1/e
    shock_now   mean and standard deviation of the shock's present value (a log)
    level_variance  relative variance of every rate that comes from not knowing how lucky the
                window was as a whole; it is in `posteriors`, and the same draw for all moves
    shapes      state -> how it is waited in, where the log speaks against a plain wait
    short       capacities that were as good as used up
    own_pace    (state, move) of whole units whose pace is people's or an office's, not a capacity's
    learnt      what the log says of behaviour
    """

    posteriors: tuple[tuple[Gamma, ...], ...]
    shock_sd: float
    memory_days: float
    shock_now: tuple[float, float]
    level_variance: float = 0.0
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    own_pace: frozenset[tuple[str, str]] = frozenset()
    short: frozenset[str] = frozenset()
    learnt: Learnt | None = None

    def apart_from_level(self, move: int, stratum: int) -> Gamma:
        """The posterior given the level of the shocks over the window, which all moves share."""
        law = self.posteriors[move][stratum]
        shape = 1 / max(1 / law.shape - self.level_variance, 1e-6)
        return Gamma(shape, law.exposure * shape / law.shape)

    def mean(self, move: int, stratum: int) -> float:
        """Posterior mean hazard per day."""
        law = self.posteriors[move][stratum]
        return law.shape / law.exposure


def fit(seen: Observed, *, shocks: bool = True) -> Rates:
    """Posterior rates and shared shocks.

    seen     the log's exposures; periods in time order
    shocks   False takes every month for an ordinary one: only to measure what that neglects
    returns  rates; a move never seen keeps a wide guess, never zero
    raises   ValueError when shapes disagree or a count is negative
    """
    import numpy as np

    people = np.asarray(seen.people, dtype=float)
    at_risk = np.asarray(seen.at_risk, dtype=float)
    shape = (len(seen.moves), len(seen.strata), len(seen.period_days))
    if people.shape != shape or at_risk.shape != shape:
        raise ValueError(f"people {people.shape} and at_risk {at_risk.shape}; expected {shape}")
    if (people < 0).any() or (at_risk < 0).any():
        raise ValueError("counts and person-days are 0 or more")
    family = np.broadcast_to(np.asarray(seen.family, dtype=float), shape[:1])
    if (family < 1).any():
        raise ValueError("family is people per unit: 1 or more")
    hazard_days = at_risk / _daily_step(seen, people, at_risk)
    shock_sd, memory, level, level_sd, paths = _shared_shock(seen, people, hazard_days)
    if not shocks:
        shock_sd, level, level_sd, paths = 0.0, 0.0, 0.0, np.zeros_like(paths)
    # What was seen in a lucky month counts for less: the shock's path scales the exposure.
    lucky = np.exp(paths - (shock_sd**2 / 2 if paths.any() else 0.0))
    exposure = (hazard_days * lucky).sum(axis=2) / family[:, None]
    events = people.sum(axis=2) / family[:, None]
    span = float(np.sum(seen.period_days))
    # The mean level of the shocks over the window is itself uncertain; it caps what any single
    # move can be known to.
    independent = max(span / (2 * memory), 1.0)
    # Few independent stretches tell little about the shocks' own size: the excess variance of a
    # Student t with that many degrees of freedom, bounded.
    doubt = min(max(independent - 1, 1.0) / max(independent - 3, 0.4), 3.0)
    floor_variance = shock_sd**2 * doubt / independent
    # A step nobody has taken yet is guessed to be as fast, and as uncertain, as steps here are
    # different from one another; the time without any event then wears that down.
    known = events.sum(axis=1) > 0
    if len(seen.steps):
        known &= np.array(seen.steps)
    pace = events[known].sum(axis=1) / np.maximum(exposure[known].sum(axis=1), 1e-9)
    typical = Gamma(LEAST_SHAPE, LEAST_SHAPE * UNSEEN_DAYS)
    if len(pace) > 2:
        middle, varied = float(pace.mean()), float(pace.var(ddof=1))
        belief = float(np.clip(middle**2 / max(varied, 1e-12), LEAST_SHAPE, 2.0))
        typical = Gamma(belief, belief / middle)
    rows = []
    for move in range(shape[0]):
        step = bool(seen.steps[move]) if len(seen.steps) else False
        rows.append(_pooled(events[move], exposure[move], floor_variance, typical, step))
    return Rates(tuple(rows), shock_sd, memory, (level, level_sd), floor_variance)


def _daily_step(seen: Observed, people: FloatArray, at_risk: FloatArray) -> FloatArray:
    """L / (1 - exp(-L)) of each source state: how much faster the hazard is than the daily share."""
    import numpy as np

    factor = np.ones_like(at_risk)
    for source in {source for source, _ in seen.moves}:
        members = [i for i, (own, _) in enumerate(seen.moves) if own == source]
        leaving = people[members].sum(axis=(0, 2))
        days = at_risk[members[0]].sum(axis=1)
        share = np.divide(leaving, days, out=np.zeros_like(leaving), where=days > 0)
        share = np.minimum(share, 0.95)
        hazard = -np.log1p(-share)
        ratio = np.divide(hazard, share, out=np.ones_like(share), where=share > 0)
        factor[members] = ratio[None, :, None]
    return factor


def _shared_shock(
    seen: Observed, people: FloatArray, days: FloatArray
) -> tuple[float, float, float, float, FloatArray]:
    """Size, memory and path of the log shock all moves share (moments, then a local smoother)."""
    import numpy as np

    rate = people.sum(axis=2) / np.maximum(days.sum(axis=2), 1e-9)
    family = np.broadcast_to(np.asarray(seen.family, dtype=float), rate.shape[:1])
    expected = (rate[:, :, None] * days / family[:, None, None]).sum(axis=(0, 1))
    counted = (people / family[:, None, None]).sum(axis=(0, 1))
    use = expected > 1
    periods = len(expected)
    path = np.zeros(periods)
    if use.sum() < 4:
        return USUAL_SHOCK, SHOCK_MEMORY_DAYS, 0.0, USUAL_SHOCK, path
    ratio = np.log((counted[use] + 0.5) / (expected[use] + 0.5))
    noise = 1 / (expected[use] + 0.5)
    weight = 1 / (noise + 0.05)
    centre = float(np.average(ratio, weights=weight))
    variance = float(np.average((ratio - centre) ** 2 - noise, weights=weight))
    # A variance no larger than its own sampling error is mostly that error.
    error = float(np.average(noise, weights=weight)) * float(np.sqrt(2 / len(ratio)))
    variance = max(variance, 0.0) ** 3 / (variance**2 + error**2) if variance > 0 else 0.0
    length = float(np.mean(seen.period_days))
    lag = _autocorrelation(ratio - centre, noise, variance)
    memory = float(np.clip(-length / np.log(np.clip(lag, 0.05, 0.95)), length / 2, 365.0))
    # Few periods tell little about memory: what is usual counts as much as FEW_PERIODS of them.
    seen_share = len(ratio) / (len(ratio) + FEW_PERIODS)
    memory = float(
        np.exp(seen_share * np.log(memory) + (1 - seen_share) * np.log(SHOCK_MEMORY_DAYS))
    )
    # Measured about the window's own mean, the variance is short by that mean's variance.
    independent = max(length * len(ratio) / (2 * memory), 1.5)
    variance = max(variance, 0.0) / (1 - 1 / independent)
    sd = float(np.sqrt(variance))
    if sd < 0.05:
        return sd, memory, 0.0, sd, path
    level, level_sd, smooth = _smooth(ratio - centre, noise, sd, memory, length)
    path[np.flatnonzero(use)] = smooth
    return sd, memory, level, level_sd, path


def _autocorrelation(values: FloatArray, noise: FloatArray, variance: float) -> float:
    """Lag-one autocorrelation of what is left after counting noise; 0.5 when it cannot be told."""
    import numpy as np

    if len(values) < 6 or variance <= 0:
        return 0.5
    return float(np.mean(values[1:] * values[:-1]) / variance)


def _smooth(
    values: FloatArray, noise: FloatArray, sd: float, memory: float, length: float
) -> tuple[float, float, FloatArray]:
    """Present level, its standard deviation and the smoothed path of an AR(1) seen with noise.

    source  the Gaussian posterior of a stationary AR(1) given independent noise
    """
    import numpy as np

    steps = np.arange(len(values))
    prior = sd**2 * np.exp(-np.abs(steps[:, None] - steps[None, :]) * length / memory)
    seen = prior + np.diag(noise)
    gain = np.linalg.solve(seen, prior).T
    mean = gain @ values
    cover = prior - gain @ prior
    return float(mean[-1]), float(np.sqrt(max(cover[-1, -1], 1e-6))), mean


def _pooled(
    events: FloatArray,
    exposure: FloatArray,
    floor_variance: float,
    typical: Gamma,
    step: bool,
) -> tuple[Gamma, ...]:
    """Gamma posteriors of one move over its strata, drawn towards their common rate.

    source  empirical-Bayes Gamma-Poisson (Clayton and Kaldor 1987), moments
    """
    import numpy as np

    total, days = float(events.sum()), float(exposure.sum())
    if total == 0:
        kept = 1 / (1 / typical.shape + floor_variance)
        time = (typical.exposure + days) * kept / typical.shape
        return tuple(Gamma(kept, time) for _ in events)
    # A step seen a few times is drawn a little towards the pace of the others; what is no step
    # has no others, so there the log alone speaks.
    shape, time_ = (typical.shape, typical.exposure) if step else (LEAST_SHAPE, 0.0)
    common = (total + shape) / max(days + time_, 1.0)
    if len(events) > 1:
        expected = common * exposure
        spread = float(((events - expected) ** 2 - expected).sum())
        between = max(spread / max(float((expected**2).sum()), 1e-12), 0.0)
        belief = float(np.clip(1 / max(between, 1e-3), LEAST_SHAPE, 50.0))
    else:
        belief = LEAST_SHAPE
    found = []
    for count, time in zip(events, exposure, strict=True):
        # No stratum is known better than everybody together are.
        lent = min(belief, max(total - count, 0.0) + LEAST_SHAPE)
        shape = float(count + lent)
        rate_days = float(time + lent / common)
        # Deflated so that the relative variance never falls below the shared shocks' own.
        kept = 1 / (1 / shape + floor_variance)
        found.append(Gamma(kept, rate_days * kept / shape))
    return tuple(found)
