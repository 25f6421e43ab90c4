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

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from onward.forecast.learning.wandering import alike
from onward.forecast.simulator.draws import Gamma

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.forecast.learning.behaviour import Learnt
    from onward.forecast.learning.differ import Differ
    from onward.forecast.learning.elsewhere import Borrowed, Elsewhere
    from onward.forecast.learning.movements import Movement
    from onward.forecast.learning.shapes import Shape

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]

# A rate nobody has seen an event of is guessed from the pool with this many events' worth of
# belief; half an event is Jeffreys' choice for a Poisson rate.
LEAST_SHAPE = 0.5
# Without any event of any move, a rate is at most about one in this many days.
UNSEEN_DAYS = 3650.0
FEW_STEPS = 4
# Size and memory of shocks before the log is read, and how far each may be off (log-sd).
USUAL_SHOCK, SHOCK_DOUBT = 0.2, 0.6
SHOCK_MEMORY_DAYS, MEMORY_DOUBT = 60.0, 0.7
SIZES = tuple(0.03 * 40 ** (i / 19) for i in range(20))
NO_SHOCK = 0.2  # belief that months do not differ at all
MEMORIES = (15.0, 30.0, 60.0, 120.0, 240.0)
# What moves people but not offices: size and prior weight, and how long a mood lasts.
OWN_MOODS = ((0.0, 0.4), (0.1, 0.25), (0.25, 0.2), (0.5, 0.15))
MOOD_DAYS = 15.0


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
    moody       whether each move is of people who have not chosen yet: rumours and news touch
                those. Empty: none
    dated       whether each move is made on certain days only: its days at risk are then those
                days, and its hazard is that of one of them. Empty: none
    """

    moves: Sequence[tuple[str, str]]
    strata: Sequence[str]
    period_days: FloatArray
    people: FloatArray
    at_risk: FloatArray
    family: float | FloatArray = 1.0
    steps: Sequence[bool] = ()
    moody: Sequence[bool] = ()
    dated: Sequence[bool] = ()


@dataclass(frozen=True)
class Rates:
    """The estimate.

    posteriors  (M, S) as rows: Gamma(shape, exposure) per move and stratum, hazard per day
    shock_sd    standard deviation of the shared log shock in the long run
    memory_days days after which the shock's autocorrelation has fallen to 1/e
    shock_now   mean and standard deviation of the shock's present value (a log), from its mean
                over the window
    shock_log_sd  how uncertain its size is, as a log
    level_variance  relative variance of every rate that comes from not knowing how lucky the
                window was as a whole; it is in `posteriors`, and the same draw for all moves
    shapes      state -> how it is waited in, where the log speaks against a plain wait
    short       capacities that were as good as used up
    own_pace    (state, move) of whole units whose pace is people's or an office's, not a capacity's
    seen        per move the families that made it and the family-days in which they could have, of
                all strata, at the pace of an ordinary month
    moves       from, move and to of each, in the same order, where they have names
    borrowed    what other operations' paces say, where some were given
    learnt      what the log says of behaviour
    movements   moves made on certain days only, by convoy or flight
    differ      whether the same families are quick step after step; None where nobody asked. Where
                they are told apart, posteriors are those of a family of mean pace
    """

    posteriors: tuple[tuple[Gamma, ...], ...]
    shock_sd: float
    memory_days: float
    shock_now: tuple[float, float]
    level_variance: float = 0.0
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    own_pace: frozenset[tuple[str, str]] = frozenset()
    short: frozenset[str] = frozenset()
    shock_log_sd: float = 0.3
    seen: tuple[tuple[float, float], ...] = ()
    moves: tuple[tuple[str, str, str], ...] = ()
    borrowed: Borrowed | None = None
    learnt: Learnt | None = None
    movements: Mapping[str, Movement] = field(default_factory=dict)
    differ: Differ | None = None

    def apart_from_level(self, move: int, stratum: int) -> Gamma:
        """The posterior given the level of the shocks over the window, which all moves share."""
        law = self.posteriors[move][stratum]
        shape = 1 / max(1 / law.shape - self.level_variance, 1e-6)
        return Gamma(shape, law.exposure * shape / law.shape)

    def mean(self, move: int, stratum: int) -> float:
        """Posterior mean hazard per day."""
        law = self.posteriors[move][stratum]
        return law.shape / law.exposure


def stopped(seen: Observed) -> FloatArray:
    """(P,) the share of each period in which people who have not chosen did not engage at all.

    A period in which they moved far less than usual, more than chance and ordinary months explain
    and while the others went on, is read as an incident; its days say nothing of their pace.
    """
    import numpy as np

    periods = len(seen.period_days)
    share = np.zeros(periods)
    moody = np.array(seen.moody, dtype=bool)
    if not moody.any():
        return share
    people, days = np.asarray(seen.people, float), np.asarray(seen.at_risk, float)
    family = np.broadcast_to(np.asarray(seen.family, float), people.shape[:1])[:, None]
    counted, at_risk = people.sum(axis=1) / family, days.sum(axis=1) / family

    def ratio(which: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Moves of each period, and how many were due at the usual period's pace."""
        own, time = counted[which], at_risk[which]
        due = (own.sum(axis=1) / np.maximum(time.sum(axis=1), 1e-9))[:, None] * time
        came, expected = own.sum(axis=0), due.sum(axis=0)
        enough = expected > 1
        usual = float(np.median(came[enough] / expected[enough])) if enough.any() else 1.0
        return came, expected * usual

    came, due = ratio(moody)
    other, other_due = ratio(~moody)
    calm = 0.75 * due
    low = (came < 0.5 * due) & (came < calm - 3.1 * np.sqrt(calm))
    went_on = (other_due < 5) | (other > 0.6 * other_due)
    found = low & went_on
    share[found] = 1 - came[found] / due[found]
    return share


def fit(seen: Observed, *, shocks: bool = True, others: Elsewhere | None = None) -> Rates:
    """Posterior rates and shared shocks.

    seen     the log's exposures; periods in time order
    others   paces of other operations, move by move; None: there are none
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
    luck = _shared_shock(seen, people, hazard_days)
    if not shocks:
        luck = _Luck(0.0, 0.0, 0.0, luck.memory, 0.0, 0.0, np.zeros_like(luck.path))
    # What was seen in a lucky month counts for less: the shock's course scales the exposure.
    lucky = np.exp(luck.path - (luck.sd**2 / 2 if luck.path.any() else 0.0))
    exposure = (hazard_days * lucky).sum(axis=2) / family[:, None]
    events = people.sum(axis=2) / family[:, None]
    # The mean level of the shocks over the window is itself uncertain; it caps what any single
    # move can be known to (source: the variance of the mean of a stationary AR(1) course).
    part = luck.memory / max(float(np.sum(seen.period_days)), 1.0)
    floor_variance = luck.square * 2 * part * (1 - part * (1 - float(np.exp(-1 / part))))
    # A step nobody has taken yet is guessed to be as fast, and as uncertain, as steps here are
    # different from one another; the time without any event then wears that down.
    known = events.sum(axis=1) > 0
    if len(seen.steps):
        known &= np.array(seen.steps)
    pace = events[known].sum(axis=1) / np.maximum(exposure[known].sum(axis=1), 1e-9)
    typical = Gamma(LEAST_SHAPE, LEAST_SHAPE * UNSEEN_DAYS)
    guess: tuple[float, float] | None = None
    comparable = len(pace) > 2
    if comparable:
        logs = np.log(pace)
        # Steps differ e-fold as a rule; that counts as much as FEW_STEPS of them.
        around = float(((logs - logs.mean()) ** 2).sum())
        varied = (around + FEW_STEPS * 1.0) / (len(pace) - 1 + FEW_STEPS)
        guess = (float(logs.mean()), varied)
        typical = _as_gamma(*guess)
    likened = [bool(step) and comparable for step in seen.steps] or [False] * shape[0]
    laws, found = [(typical, one) for one in likened], None
    if others is not None and len(others.days):
        from onward.forecast.learning.elsewhere import borrowed

        found = borrowed(
            others, events.sum(axis=1), exposure.sum(axis=1), floor_variance, guess, likened,
            np.array(seen.moody, dtype=bool) if len(seen.moody) else np.zeros(shape[0], bool),
        )  # fmt: skip
        for move, (mean, variance) in found.laws.items():
            laws[move] = (_as_gamma(mean, variance), True)
    rows = [
        _pooled(events[move], exposure[move], floor_variance, *law)
        for move, law in enumerate(laws)
    ]
    return Rates(
        tuple(rows), luck.sd, luck.memory, (luck.now, luck.now_sd), floor_variance,
        shock_log_sd=luck.log_sd, borrowed=found,
        seen=tuple((float(e.sum()), float(d.sum())) for e, d in zip(events, exposure, strict=True)),
    )  # fmt: skip


def _as_gamma(mean: float, variance: float) -> Gamma:
    """The Gamma law whose logarithm has this mean and variance."""
    # E log = digamma(shape) - log(exposure); Var log = trigamma(shape), which falls with shape.
    low, high = 0.05, 50.0
    for _ in range(60):
        shape = math.sqrt(low * high)
        low, high = (shape, high) if _trigamma(shape) > variance else (low, shape)
    return Gamma(shape, math.exp(_digamma(shape) - mean))


def _digamma(x: float) -> float:
    """The derivative of log gamma: recurrence, then its asymptotic series."""
    total = 0.0
    while x < 8:
        total -= 1 / x
        x += 1
    y = 1 / (x * x)
    return total + math.log(x) - 0.5 / x - y * (1 / 12 - y * (1 / 120 - y / 252))


def _trigamma(x: float) -> float:
    """The second derivative of log gamma, likewise."""
    total = 0.0
    while x < 8:
        total += 1 / (x * x)
        x += 1
    y = 1 / (x * x)
    return total + 1 / x + y / 2 + y / x * (1 / 6 - y * (1 / 30 - y / 42))


def _daily_step(seen: Observed, people: FloatArray, at_risk: FloatArray) -> FloatArray:
    """L / (1 - exp(-L)) of each source state: how much faster the hazard is than the daily share."""
    import numpy as np

    factor = np.ones_like(at_risk)
    dated = [bool(one) for one in seen.dated] or [False] * len(seen.moves)
    together: dict[tuple[str, int], list[int]] = {}
    for i, (source, _) in enumerate(seen.moves):
        together.setdefault((source, i if dated[i] else -1), []).append(i)
    for members in together.values():
        leaving = people[members].sum(axis=(0, 2))
        days = at_risk[members[0]].sum(axis=1)
        share = np.divide(leaving, days, out=np.zeros_like(leaving), where=days > 0)
        share = np.minimum(share, 0.95)
        hazard = -np.log1p(-share)
        ratio = np.divide(hazard, share, out=np.ones_like(share), where=share > 0)
        factor[members] = ratio[None, :, None]
    return factor


@dataclass(frozen=True)
class _Luck:
    """The shared log shock over the window.

    sd, log_sd   its size (the posterior's geometric mean) and how uncertain that is, as a log
    square       posterior mean of the squared size
    memory       days;  now, now_sd  its value at the end of the window, from the window's mean
    path         (P,) its smoothed course, from the window's mean
    """

    sd: float
    log_sd: float
    square: float
    memory: float
    now: float
    now_sd: float
    path: FloatArray


def _shared_shock(seen: Observed, people: FloatArray, days: FloatArray) -> _Luck:
    """Size, memory and course of the log shock that all moves share.

    Weighed on a grid of sizes and memories with their priors, each class of moves with a level
    of its own left free (restricted likelihood); moves that answer to people's mood may also
    wander by themselves (a rumour, an incident), which is not shared.
    """
    import numpy as np

    rate = people.sum(axis=2) / np.maximum(days.sum(axis=2), 1e-9)
    family = np.broadcast_to(np.asarray(seen.family, dtype=float), rate.shape[:1])
    expected = (rate[:, :, None] * days / family[:, None, None]).sum(axis=1)
    counted = (people / family[:, None, None]).sum(axis=1)
    periods = len(seen.period_days)
    length = np.asarray(seen.period_days, dtype=float)
    middle = np.cumsum(length) - length / 2
    end = float(length.sum())
    moody = np.array(seen.moody, dtype=bool) if len(seen.moody) else np.zeros(len(rate), bool)
    values, noise, when, of = [], [], [], []
    for number, members in enumerate((moody, ~moody)):
        due, came = expected[members].sum(axis=0), counted[members].sum(axis=0)
        for p in np.flatnonzero(due > 1):
            values.append(float(np.log((came[p] + 0.5) / (due[p] + 0.5))))
            noise.append(1 / float(due[p] + 0.5))
            when.append(int(p))
            of.append(number)
    usual = float(np.exp(2 * np.log(USUAL_SHOCK) + 2 * SHOCK_DOUBT**2))
    if len(values) < 4:
        return _Luck(
            USUAL_SHOCK, SHOCK_DOUBT, usual, SHOCK_MEMORY_DAYS, 0.0, USUAL_SHOCK,
            np.zeros(periods),
        )  # fmt: skip
    y, spread, which = np.array(values), np.array(noise), np.array(of)
    places = np.array(when)
    at, long = middle[places], length[places]
    level = (which[:, None] == np.unique(which)[None, :]).astype(float)
    mood = (which[:, None] == 0) & (which[None, :] == 0)
    owns = OWN_MOODS if moody.any() and (which == 0).any() else OWN_MOODS[:1]
    bell = {sd: np.exp(-((np.log(sd / USUAL_SHOCK) / SHOCK_DOUBT) ** 2) / 2) for sd in SIZES}
    believed = {sd: (1 - NO_SHOCK) * b / sum(bell.values()) for sd, b in bell.items()}
    believed[SIZES[0] / 10] = NO_SHOCK
    moods = alike(at, long, at, long, MOOD_DAYS)
    rows = []
    for memory in MEMORIES:
        shape = alike(at, long, at, long, memory)
        for own, prior in owns:
            wander = own**2 * mood * moods
            for sd in believed:
                cover = sd**2 * shape + wander + np.diag(spread)
                fit_, _ = _restricted(cover, level, y)
                fit_ -= (np.log(memory / SHOCK_MEMORY_DAYS) / MEMORY_DOUBT) ** 2 / 2
                rows.append(
                    (fit_ + np.log(prior * believed[sd]), np.log(sd), np.log(memory), own)
                )
    table = np.array(rows)
    weight = np.exp(table[:, 0] - table[:, 0].max())
    weight /= weight.sum()
    log_memory, own = float(weight @ table[:, 2]), float(weight @ table[:, 3])
    square = float(weight @ np.exp(2 * table[:, 1]))
    logs = np.maximum(table[:, 1], np.log(SIZES[0]))
    log_sd = float(np.sqrt(weight @ (logs - weight @ logs) ** 2))
    # The law drawn from in the futures has this middle and the same mean square.
    sd, memory = float(np.sqrt(square) * np.exp(-(log_sd**2))), float(np.exp(log_memory))
    cover = sd**2 * alike(at, long, at, long, memory) + own**2 * mood * moods + np.diag(spread)
    _, levels = _restricted(cover, level, y)
    # The course period by period, and last its value on the day the log ends.
    reach = sd**2 * alike(np.append(middle, end), np.append(length, 0.0), at, long, memory)
    gain = np.linalg.solve(cover, reach.T).T
    course = gain @ (y - level @ levels)
    left = sd**2 - float(gain[-1] @ reach[-1])
    return _Luck(
        sd, log_sd, square, memory, float(course[-1]), float(np.sqrt(max(left, 1e-6))),
        course[:-1],
    )  # fmt: skip


def _restricted(
    cover: FloatArray, level: FloatArray, y: FloatArray
) -> tuple[float, FloatArray]:
    """Restricted log-likelihood of normal values about free levels, and those levels."""
    import numpy as np

    root = np.linalg.cholesky(cover)
    x, z = np.linalg.solve(root, level), np.linalg.solve(root, y)
    normal = x.T @ x
    levels = np.linalg.solve(normal, x.T @ z)
    rest = z - x @ levels
    determinant = 2 * np.log(np.diag(root)).sum() + np.linalg.slogdet(normal)[1]
    return -0.5 * float(determinant + rest @ rest), levels


def _pooled(
    events: FloatArray,
    exposure: FloatArray,
    floor_variance: float,
    typical: Gamma,
    likened: bool,
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
    # A step seen a few times is drawn towards the pace of the others, which is worth as many events
    # as it is sure. What is no step, or has too few others, is likened to none: there the log alone
    # speaks.
    shape, time_ = (typical.shape, typical.exposure) if likened else (LEAST_SHAPE, 0.0)
    common = (total + shape) / max(days + time_, 1.0)
    belief = 0.0
    if len(events) > 1:
        expected = common * exposure
        spread = float(((events - expected) ** 2 - expected).sum())
        between = max(spread / max(float((expected**2).sum()), 1e-12), 0.0)
        belief = float(np.clip(1 / max(between, 1e-3), LEAST_SHAPE, 50.0))
    found = []
    for count, time in zip(events, exposure, strict=True):
        # A stratum's own moves and days, those of the others as far as strata are alike, and the
        # guess: each counted once, so that no stratum is known better than all together are.
        others = float(total - count)
        lent = min(1.0, belief / max(others, common * float(days - time), LEAST_SHAPE))
        own = float(count) + lent * others + shape
        rate_days = max(float(time) + lent * float(days - time) + time_, 1.0)
        # Deflated so that the relative variance never falls below the shared shocks' own.
        kept = 1 / (1 / own + floor_variance)
        found.append(Gamma(kept, rate_days * kept / own))
    return tuple(found)
