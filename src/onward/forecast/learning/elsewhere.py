"""What other operations' paces say of a pace here: partial pooling over operations.

Exists because a step seen twice here, or never, was likened to the other steps here, whatever it
takes elsewhere. Comes in: for each move the families and family-days here and in other operations.
Goes out: a law for the pace here, as it would be believed before looking at this record, and how far
this operation lies from the others.

The log pace of a move in every operation lies about a middle that nobody knows, with a spread among
operations. Here it lies about that middle moved by what all such moves here share (a leadership that
holds people back, an office short of staff), with a spread of its own, about as large. Shift and
spreads are learnt from all moves together, each from a prior: one or two operations say little of
them, so they stay in doubt, and the doubt is in the law. What this record shows of *other* moves says
how far to believe the others for this one: where they mislead, the law becomes wide. Moves of people
who have not chosen yet are one kind, all others another: moods move the first, offices the second.
All is integrated on a grid of log paces, so counts of nought and hidden counts are taken as what they
are.

source  hierarchical Poisson-lognormal model, its spread integrated over a prior (Gelman 2006); a move
        is left out of the spread it is judged by, so that nothing is used twice
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from onward.forecast.learning.paces import Paces, Step

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float64]

# The spread of log paces between operations before any is looked at, and how far that may be off.
USUAL_SPREAD, SPREAD_DOUBT = 0.4, 0.7
# How far the spread here may be off the spread among them (log-sd).
HERE_DOUBT = 0.5
# What all moves of a kind share here, as a log: mostly little, at times a lot (Laplace).
USUAL_SHIFT = 0.3
# A move that is likened to nothing (a change of mind, a recorded event) may have any pace at all, as
# a log: about half an event in ten years, more or less by this.
ANY_PACE, ANY_DOUBT = math.log(0.5 / 3650), 3.0
SPREADS = tuple(0.1 * 20 ** (i / 11) for i in range(12))
STEP = 0.08
LOW, HIGH = math.log(1e-7), math.log(3.0)
SHIFTS = tuple(range(-45, 46, 3))  # in steps of the grid
# A pace known better than the grid tells apart is taken as known so well.
MOST_FAMILIES = 1 / STEP**2


@dataclass(frozen=True)
class Elsewhere:
    """Other operations' paces in the order of the moves here.

    families  (operations, moves) families that made it; NaN: hidden
    days      (operations, moves) family-days; 0: says nothing of the move
    luck_sd   (operations,) of each whole record, a log
    hidden    (operations,) what a hidden count is at most
    """

    families: FloatArray
    days: FloatArray
    luck_sd: FloatArray
    hidden: Sequence[int]

    @property
    def told(self) -> npt.NDArray[np.bool_]:
        """(moves,) whether any operation surely saw it: that some saw none, or too few to say, is
        no reason to think that it is about to happen here."""
        import numpy as np

        return np.asarray(((self.days > 0) & (self.families > 0)).any(axis=0), dtype=bool)


@dataclass(frozen=True)
class Borrowed:
    """What the others say.

    laws        move -> mean and variance of its log pace here, before this record is looked at
    operations  how many others there are
    kinds       what was learnt of each kind of move that has laws
    """

    laws: Mapping[int, tuple[float, float]]
    operations: int
    kinds: tuple[Kind, ...]

    def said(self, moves: int) -> str:
        """What a reader is told of it; of so many moves."""
        others = (
            "1 other operation"
            if self.operations == 1
            else f"{self.operations} other operations"
        )
        return (
            f"Paces of {others} were used for {len(self.laws)} of {moves} moves; those often seen here "
            "hardly change."
        )


@dataclass(frozen=True)
class Kind:
    """Of one kind of move, as means: how far the others lie apart and how far a pace here lies from
    where they put it (log-sd), and what all paces here share (a log)."""

    among: float
    here: float
    shift: float


def aligned(given: Sequence[Paces], steps: Sequence[Step], usable: Sequence[bool]) -> Elsewhere:
    """Paces in the order of the moves here.

    usable  whether others' paces can stand for the move here: not where people leave by convoy, or
            wait for a capacity that is used up
    """
    import numpy as np

    place = {step: i for i, step in enumerate(steps)}
    families = np.zeros((len(given), len(steps)))
    days = np.zeros_like(families)
    for row, one in enumerate(given):
        for seen in one.moves:
            at = place.get(seen.step)
            if at is not None and usable[at]:
                families[row, at] = np.nan if seen.families is None else seen.families
                days[row, at] = seen.family_days
    luck = np.array([one.luck_sd for one in given], dtype=float)
    return Elsewhere(families, days, luck, [one.hidden for one in given])


def borrowed(
    others: Elsewhere, families: FloatArray, days: FloatArray, luck_variance: float,
    guess: tuple[float, float] | None, likened: Sequence[bool], moody: npt.NDArray[np.bool_],
) -> Borrowed:  # fmt: skip
    """What the others say of every move that one of them surely saw.

    families, days  (moves,) here, over all groups;  luck_variance  of the whole record here
    guess    mean and variance of the log pace of a step here that nothing is known of; None: no guess
    likened  (moves,) whether that guess is of this move
    moody    (moves,) whether it is of people who have not chosen yet
    """
    import numpy as np

    grid = np.arange(LOW, HIGH, STEP)
    laws: dict[int, tuple[float, float]] = {}
    kinds = []
    for kind in (moody, ~moody):
        which = np.flatnonzero(others.told & kind)
        if not len(which):
            continue
        own = np.array([_likelihood(grid, families[m], days[m], 0) for m in which])
        own = own @ _kernel(grid, math.sqrt(luck_variance)).T
        middle = np.array([_prior(grid, guess if likened[int(m)] else None) for m in which])
        each = [
            np.array([_likelihood(grid, others.families[j, m], others.days[j, m], at_most) for m in which])
            for j, at_most in enumerate(others.hidden)
        ]  # fmt: skip
        found, learnt = _pooled(grid, middle, each, others.luck_sd, own)
        laws |= {int(move): law for move, law in zip(which, found, strict=True)}
        kinds.append(learnt)
    return Borrowed(laws, len(others.days), tuple(kinds))


def _pooled(
    grid: FloatArray, middle: FloatArray, each: Sequence[FloatArray], luck_sd: FloatArray,
    own: FloatArray,
) -> tuple[list[tuple[float, float]], Kind]:  # fmt: skip
    """Mean and variance of the log pace of every move of one kind here, and what was learnt.

    middle  (moves, grid) what is believed of the middle;  each  per operation, and own  here: how
            likely what was seen of a move is at every log pace
    """
    import numpy as np

    spreads, shifts = np.array(SPREADS), np.array(SHIFTS)
    kernels = [_kernel(grid, sd) for sd in SPREADS]
    # What was seen here, at a pace so much quicker than where the others put it.
    moved = np.stack([_shifted(own, by) for by in SHIFTS])
    shape = (len(spreads), len(spreads), len(shifts))
    fit = np.zeros((*shape, len(middle)))
    mean, square = np.zeros((2, len(spreads), len(spreads), len(middle)))
    for a, among in enumerate(spreads):
        law = np.log(middle)
        for seen, luck in zip(each, luck_sd, strict=True):
            wide = _kernel(grid, math.hypot(float(among), float(luck)))
            law = law + np.log(np.maximum(seen @ wide.T, 1e-300))
        top = law.max(axis=1, keepdims=True)
        law = np.exp(law - top)
        weight = law.sum(axis=1, keepdims=True)
        explained = np.log(weight[:, 0]) + top[:, 0]
        for h in range(len(spreads)):
            ahead = (law / weight) @ kernels[h]
            ahead /= ahead.sum(axis=1, keepdims=True)
            likely = np.einsum("mg,smg->sm", ahead, moved)
            fit[a, h] = explained + np.log(np.maximum(likely, 1e-300))
            mean[a, h], square[a, h] = ahead @ grid, ahead @ grid**2
    before = -((np.log(spreads / USUAL_SPREAD) / SPREAD_DOUBT) ** 2)[:, None, None] / 2
    before = (
        before - (np.log(spreads[None, :] / spreads[:, None]) / HERE_DOUBT)[:, :, None] ** 2 / 2
    )
    before = before - np.abs(shifts * STEP)[None, None, :] / USUAL_SHIFT
    every, by = before + fit.sum(axis=-1), shifts * STEP
    laws = []
    for place in range(len(middle)):
        # What this record shows of the move itself is looked at afterwards, once.
        chance = _normal(every - fit[..., place])
        m, s = mean[..., place][:, :, None] + by, square[..., place][:, :, None]
        s = s + 2 * by * mean[..., place][:, :, None] + by**2
        first = float((chance * m).sum())
        laws.append((first, max(float((chance * s).sum()) - first**2, STEP**2)))
    all_ = _normal(every)
    return laws, Kind(
        float((all_.sum(axis=(1, 2)) * spreads).sum()),
        float((all_.sum(axis=(0, 2)) * spreads).sum()), float((all_.sum(axis=(0, 1)) * by).sum()),
    )  # fmt: skip


def _shifted(own: FloatArray, by: int) -> FloatArray:
    """(moves, grid) moved by so many steps: the value at a log pace is that of one so much higher."""
    import numpy as np

    at = np.clip(np.arange(own.shape[1]) + by, 0, own.shape[1] - 1)
    found: FloatArray = own[:, at]
    return found


def _normal(logs: FloatArray) -> FloatArray:
    import numpy as np

    found = np.exp(logs - logs.max())
    scaled: FloatArray = found / found.sum()
    return scaled


def _kernel(grid: FloatArray, sd: float) -> FloatArray:
    """(from, to) chances of a normal step on the grid; rows add up to one."""
    import numpy as np

    if sd < STEP / 4:
        same: FloatArray = np.eye(len(grid))
        return same
    found = np.exp(-(((grid[None, :] - grid[:, None]) / sd) ** 2) / 2)
    scaled: FloatArray = found / found.sum(axis=1, keepdims=True)
    return scaled


def _prior(grid: FloatArray, guess: tuple[float, float] | None) -> FloatArray:
    """What is believed of the middle of one move before any operation is looked at."""
    import numpy as np

    mean, variance = guess or (ANY_PACE, ANY_DOUBT**2)
    found = np.exp(-((grid - mean) ** 2) / (2 * variance))
    scaled: FloatArray = found / found.sum() + 1e-300
    return scaled


def _likelihood(grid: FloatArray, families: float, days: float, hidden: int) -> FloatArray:
    """Of every log pace, from families that moved (NaN: at most `hidden`) in so many family-days."""
    import numpy as np

    if days <= 0:
        return np.ones_like(grid)
    if math.isnan(families):
        due = np.exp(grid) * days
        terms = [k * np.log(due) - math.lgamma(k + 1) for k in range(hidden + 1)]
        found: FloatArray = np.exp(np.array(terms) - due).sum(axis=0)
        return np.maximum(found, 1e-300)
    scale = min(1.0, MOST_FAMILIES / families) if families else 1.0
    logs = scale * (families * grid - np.exp(grid) * days)
    found = np.exp(logs - logs.max())
    return np.maximum(found, 1e-300)
