"""Whether the same families are quick step after step, and what that means for who is left.

Exists because people who differ for good leave in order: the quick first. Those who reach the later
steps are the quick ones and set a pace the others will not keep, so a forecast that takes everybody
as alike empties a place too soon. Counts cannot tell this from good months; the stays of each
family can. Comes in: the stays of `caseload.stays`. Goes out: `Differ`, how far families differ
with the doubt about it, how much quicker or slower than all those were from whom each pace was
read, and how those here today divide into slow, middle and quick.

Each family has a multiplier of its own for every pace, lognormal with mean 1, taken at three points
(the middle two thirds, a quick and a slow sixth), which leave as many families behind as all the paces
to within a hundredth. A family with few moves out of long stays is probably slow.
How many it would have made at the common pace is worked out state by state, with every month's own
pace and with what a long wait does by itself, so that neither a good month nor a wait that tires is
read as people who differ: only what the same families show in several steps is left (a finite
mixture fitted by expectation and maximisation, with piecewise constant hazards).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from onward.caseload.waits import WAITED
from onward.forecast.simulator.draws import Discrete

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]

CLASSES = ("slow", "middle", "quick")
# Nodes and weights of the three-point rule for a normal law.
NODES, SHARES = (-math.sqrt(3.0), 0.0, math.sqrt(3.0)), (1 / 6, 2 / 3, 1 / 6)
# Points at which a family's pace is read from its stays: many moves tell it better than three points can say.
FINE = 9
# Standard deviations of the logarithm of a family's pace, and what is believed of them beforehand:
# families are as likely alike as not, and where they differ, seldom by more than three times.
SIZES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)
ALIKE, USUAL_SIZE = 0.5, 0.5
NONE = -(2**40)
# How far from the middle, in standard deviations, the first and the last of six lie on average.
OF_SIX = 1.267
# Told apart only where that is likelier than not.
LEAST_BELIEF = 0.5
# With fewer moves than this nothing is asked: a long stay would be all there is.
LEAST_MOVES = 30
ENOUGH = 0.01
# Sizes beyond one that the log makes so unlikely (a logarithm) are not looked at.
HOPELESS = 10.0
# Days waited from which a wait may go at another pace by itself.
AGEING = (7, 21, 56, 112)


def paces(size: float) -> FloatArray:
    """(classes,) pace of each class as a multiple of the mean, for a log-sd of `size`."""
    import numpy as np

    nodes = np.exp(size * np.array(NODES))
    return np.asarray(nodes / (nodes @ np.array(SHARES)))


def of_six(size: float) -> float:
    """How many times as fast as the slowest the quickest of six families goes, for a log-sd."""
    return math.exp(2 * OF_SIX * size)


def fine() -> tuple[FloatArray, FloatArray]:
    """Points of a normal law and their shares, of the rule that is exact for most powers."""
    import numpy as np

    nodes, shares = np.polynomial.hermite_e.hermegauss(FINE)
    return np.asarray(nodes), np.asarray(shares / shares.sum())


def in_classes(odds: FloatArray, size: float) -> FloatArray:
    """(cells, classes) shares of the three classes that come nearest to shares of the fine points.

    odds  (cells, FINE), adding up to 1
    Mean and spread of the logarithm of the pace are kept; where three classes cannot, the mean
    pace alone, between the two classes it lies between.
    """
    import numpy as np

    nodes, shares = fine()
    z = np.exp(size * nodes) / (np.exp(size * nodes) @ shares)
    slow, middle, quick = paces(size)
    first, second = odds @ nodes, odds @ nodes**2
    side = math.sqrt(3.0) * first
    found = np.stack([(second - side) / 6, 1 - second / 3, (second + side) / 6], axis=1)
    mean = odds @ z
    low = np.clip((middle - mean) / max(middle - slow, 1e-9), 0.0, 1.0)
    high = np.clip((mean - middle) / max(quick - middle, 1e-9), 0.0, 1.0)
    other = np.stack([low, 1 - low - high, high], axis=1)
    return np.where(np.any(found < 0, axis=1, keepdims=True), other, found)


@dataclass(frozen=True)
class Differ:
    """What the log says of lasting differences; only the belief where families are not told apart.

    belief    (sizes,) how likely each of `SIZES` is
    shares    (state, stratum) -> (classes,) how those here today divide
    of_state  state -> the same, where a stratum has nobody on record there
    quicker   (state, stratum, first day of a period) -> mean multiplier of those at risk
    waited    (state, days waited from) -> the same by how long they had waited
    relative  (state, stratum) -> (sizes,) the mean multiplier at each size beside that over all
    counted   (state, move) whose pace is a family's own
    """

    belief: tuple[float, ...]
    shares: Mapping[tuple[str, str], tuple[float, ...]]
    of_state: Mapping[str, tuple[float, ...]]
    quicker: Mapping[tuple[str, str, dt.date], float]
    waited: Mapping[tuple[str, int], float]
    relative: Mapping[tuple[str, str], tuple[float, ...]]
    counted: frozenset[tuple[str, str]]

    @property
    def told_apart(self) -> bool:
        """Whether families are simulated as slow, middle and quick."""
        return 1 - self.belief[0] >= LEAST_BELIEF

    @property
    def law(self) -> Discrete:
        """How far families differ, as a parameter."""
        return Discrete(SIZES, self.belief)

    def divided(self, state: str, stratum: str) -> tuple[float, ...]:
        """(classes,) how the families of a cell divide."""
        return self.shares.get((state, stratum)) or self.of_state.get(state) or SHARES

    def multipliers(self, state: str, stratum: str, size: FloatArray) -> FloatArray:
        """(draws, classes) what the pace read from the log is multiplied by.

        size  (draws,) log-sd, drawn or held by a scenario
        """
        import numpy as np

        size = np.clip(size, SIZES[0], SIZES[-1])
        relative = self.relative.get((state, stratum), (1.0,) * len(SIZES))
        nodes = np.exp(size[:, None] * np.array(NODES))
        of_class = nodes / (nodes @ np.array(SHARES))[:, None]
        return np.asarray(of_class / np.interp(size, SIZES, relative)[:, None])

    @property
    def said(self) -> str:
        """The sentence a reader needs."""
        import numpy as np

        if not self.told_apart:
            if 1 - self.belief[0] > 0.3:
                return (
                    "Whether the same families are quick step after step cannot be told from this "
                    "log; all are taken to be alike."
                )
            return "This log shows no families that are quick, or slow, step after step."
        sizes, belief = np.array(SIZES[1:]), np.array(self.belief[1:])
        reached = np.cumsum(belief) - belief / 2
        low, middle, high = (
            of_six(float(size))
            for size in np.interp([0.1, 0.5, 0.9], reached / belief.sum(), sizes)
        )
        return (
            f"Families differ for good: of six, the quickest goes about {middle:.1f} ({low:.1f} to "
            f"{high:.1f}) times as fast as the slowest, step after step. Read from this log."
        )


class Histories(NamedTuple):
    """Stays of families, and those stays cut where a period ends or a wait comes to another row.

    A family whose members' stays are not the same has several histories, which together count once.

    weight   (histories,) how much of its family each is: the share of its members
    moves    (histories,) moves at a family's own pace
    here     (histories,) row of `cells` where its last stay lasts on; -1: none does
    cells    (state, stratum) by number
    piece_*  whose it is, its cell, period, row of days waited (-1: not known), days, and whether
             it ends with a move that counts
    """

    weight: FloatArray
    moves: FloatArray
    here: IntArray
    cells: Sequence[tuple[str, str]]
    piece_family: IntArray
    piece_cell: IntArray
    piece_period: IntArray
    piece_row: IntArray
    piece_days: FloatArray
    piece_moved: npt.NDArray[np.bool_]


def histories(
    stays: pa.Table, stratum: Callable[[Mapping[str, Any]], str], columns: Sequence[str],
    counted: Collection[tuple[str, str]], starts: Sequence[dt.date], until: dt.date,
) -> Histories:  # fmt: skip
    """Stays as arrays; the members of a family count once together.

    stays    from `caseload.pace.pace`, each person's in order
    stratum  the name of a row's stratum, read from `columns`
    counted  (state, move) at a family's own pace; only states with one are looked at
    starts   first day of each period;  until  first day that is not looked at
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    def number(day: dt.date) -> int:
        return (day - dt.date(1970, 1, 1)).days

    def coded(name: str) -> tuple[IntArray, list[Any]]:
        """A column as numbers, -1 for none, and what they stand for."""
        column = stays[name].combine_chunks().dictionary_encode()
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return codes.astype(np.int64), column.dictionary.to_pylist()

    def whole_numbers(name: str) -> IntArray:
        column = stays[name]
        if pa.types.is_date(column.type):
            column = column.cast(pa.int32())
        found = pc.fill_null(column.cast(pa.int64()), NONE).combine_chunks()
        return np.asarray(found.to_numpy(zero_copy_only=False))

    state, states = coded("forecast_state")
    move, moves = coded("move")
    groups = [coded(name) for name in columns]
    began, left = whole_numbers("from_day"), whole_numbers("until_day")
    known = stays["whole"].combine_chunks().to_numpy(zero_copy_only=False).astype(np.int64)
    # Cells that occur, under the names of their strata.
    key = state
    for codes, values in groups:
        key = key * (len(values) + 1) + codes + 1
    kinds, of_cell = np.unique(key, return_inverse=True)
    cells: list[tuple[str, str]] = []
    for kind in kinds.tolist():
        row: dict[str, Any] = {}
        for name, (_, values) in zip(reversed(columns), reversed(groups), strict=True):
            kind, at = divmod(kind, len(values) + 1)
            row[name] = values[at - 1] if at else None
        cells.append((states[kind], stratum(row)))
    # Members of a family whose stays are all the same are told by one number for the whole history.
    person, household = whole_numbers("person"), whole_numbers("household")
    starts_at = np.flatnonzero(np.append(True, person[1:] != person[:-1])[: len(person)])
    history = np.zeros(len(person), np.uint64)
    for part in (of_cell, began, left, move, known):
        history = _stirred(history ^ part.astype(np.uint64))
    history = np.add.reduceat(history, starts_at) if len(person) else history
    lone = household[starts_at] == NONE
    home = np.where(lone, person[starts_at], household[starts_at])
    _, kept, alike = np.unique(
        np.stack([lone, home, history.view(np.int64)]),
        axis=1, return_index=True, return_counts=True,
    )  # fmt: skip
    order = np.argsort(kept)
    kept, alike = kept[order], alike[order]
    _, home_of, members = np.unique(
        np.stack([lone, home]), axis=1, return_inverse=True, return_counts=True
    )
    weight = alike / members[home_of.reshape(-1)[kept]]
    family_of = np.full(len(starts_at), -1)
    family_of[kept] = np.arange(len(kept))
    family = np.repeat(family_of, np.diff(np.append(starts_at, len(person))))
    asked = np.isin(state, [place for place, name in enumerate(states) if name in
                            {one for one, _ in counted}])  # fmt: skip
    mine = np.flatnonzero((family >= 0) & asked)
    own = np.array([[(one, other) in counted for other in (*moves, None)] for one in states])
    over = left[mine] != NONE
    moved = over & own.reshape(len(states), len(moves) + 1)[state[mine], move[mine]]
    family, of_cell, began, known = family[mine], of_cell[mine], began[mine], known[mine]
    last = np.where(over, left[mine], number(until))
    here = np.full(len(kept), -1)
    here[family[~over]] = of_cell[~over]
    # Somebody who left in the course of a day was there for half of it.
    exact = last - 0.5 * over
    bounds = np.array([*(number(start) for start in starts), number(until)])
    parts = []
    for row_ in range(len(WAITED) - 1):
        low = np.maximum(began + WAITED[row_], bounds[0])
        high = np.minimum(np.minimum(began + WAITED[row_ + 1], last), bounds[-1])
        some = np.flatnonzero(high > low)
        first = np.searchsorted(bounds, low[some], side="right") - 1
        many = np.searchsorted(bounds, high[some], side="left") - first
        at = np.repeat(some, many)
        period = np.repeat(first, many) + np.arange(len(at)) - np.repeat(
            np.cumsum(many) - many, many
        )  # fmt: skip
        from_, to = (
            np.maximum(low[at], bounds[period]),
            np.minimum(high[at], bounds[period + 1]),
        )
        parts.append(
            (family[at], of_cell[at], period, np.where(known[at] == 1, row_, -1),
             np.minimum(to, exact[at]) - from_, moved[at] & (to == last[at]))
        )  # fmt: skip
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    # A move before the first period has nothing to be held against.
    made = np.bincount(joined[0][joined[5]], minlength=len(kept)).astype(float)
    return Histories(weight, made, here, tuple(cells), *joined)


def _stirred(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Numbers spread over all numbers (the finaliser of SplitMix64)."""
    import numpy as np

    x = (x + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


class _Fit(NamedTuple):
    likelihood: float
    odds: FloatArray  # (families, FINE) how likely each is of each pace
    pace: FloatArray  # (families,) its mean


class _Baseline:
    """Paces by state and period, by state and stratum, by state and days waited."""

    def __init__(self, seen: Histories) -> None:
        import numpy as np

        states: dict[str, int] = {}
        of = np.array([states.setdefault(state, len(states)) for state, _ in seen.cells])
        state = of[seen.piece_cell]
        edges = np.searchsorted(np.array(AGEING), np.array(WAITED[:-1]), side="right") + 1
        age = np.where(seen.piece_row >= 0, edges[seen.piece_row], 0)
        periods, ages = int(seen.piece_period.max(initial=0)) + 1, len(AGEING) + 2
        # Stays that may have lasted longer than is on record have months of their own: for them a
        # later month is a longer wait as well.
        month = (state * periods + seen.piece_period) * 2 + (seen.piece_row < 0)
        self.axes = (month, seen.piece_cell, state * ages + age)
        self.moved = seen.piece_moved
        self.weight = seen.weight[seen.piece_family[self.moved]]
        self.came = [
            np.bincount(one[self.moved], self.weight, minlength=one.max() + 1)
            for one in self.axes
        ]
        self.factors = [np.ones(len(one)) for one in self.came]

    def hazard(self) -> FloatArray:
        found = self.factors[0][self.axes[0]]
        for factor, axis in zip(self.factors[1:], self.axes[1:], strict=True):
            found = found * factor[axis]
        return found

    def fit(self, days: FloatArray, hazard: FloatArray) -> FloatArray:
        """One turn of proportional fitting to days weighted by how quick people are.

        hazard  what the factors make now; returns what they make then
        """
        import numpy as np

        for number, axis in enumerate(self.axes):
            due = np.bincount(axis, days * hazard, minlength=len(self.came[number]))
            scale = np.divide(self.came[number], due, out=np.zeros_like(due), where=due > 0)
            self.factors[number] = self.factors[number] * scale
            hazard = hazard * scale[axis]
        return hazard


def _fitted(seen: Histories, base: _Baseline, size: float) -> _Fit:
    """The likelihood of the stays where families differ by `size`, paces fitted to that."""
    import numpy as np

    families = len(seen.moves)
    counted = seen.piece_days * seen.weight[seen.piece_family]
    nodes, belief = fine()
    z = np.exp(size * nodes)
    z /= z @ belief
    before = -math.inf
    hazard = base.hazard()
    while True:
        due = np.bincount(seen.piece_family, seen.piece_days * hazard, minlength=families)
        logs = np.log(belief) + seen.moves[:, None] * np.log(z) - due[:, None] * z
        top = logs.max(axis=1, keepdims=True)
        odds = np.exp(logs - top)
        whole = odds.sum(axis=1)
        odds /= whole[:, None]
        fit = float((seen.weight * (np.log(whole) + top[:, 0])).sum())
        fit += float((base.weight * np.log(np.maximum(hazard[base.moved], 1e-300))).sum())
        if fit - before < ENOUGH:
            return _Fit(fit, odds, odds @ z)
        before = fit
        hazard = base.fit(counted * (odds @ z)[seen.piece_family], hazard)


def prior() -> FloatArray:
    """(sizes,) what is believed of how far families differ before the log is read."""
    import numpy as np

    sizes = np.array(SIZES[1:])
    edges = np.concatenate([[0.0], (sizes[1:] + sizes[:-1]) / 2, [2 * sizes[-1] - sizes[-2]]])
    bell = np.exp(-((sizes / USUAL_SIZE) ** 2) / 2) * np.diff(edges)
    return np.concatenate([[ALIKE], (1 - ALIKE) * bell / bell.sum()])


def learn_differ(
    seen: Histories, starts: Sequence[dt.date], counted: Collection[tuple[str, str]]
) -> Differ | None:
    """What the stays say; None where too few moves are on record to ask.

    starts  first day of each period
    """
    import numpy as np

    if float(seen.weight @ seen.moves) < LEAST_MOVES or not len(seen.piece_days):
        return None
    days = seen.piece_days * seen.weight[seen.piece_family]
    base = _Baseline(seen)
    hazard = base.hazard()
    for _ in range(5):
        hazard = base.fit(days, hazard)
    fits: list[_Fit] = []
    logs = np.log(prior())
    for number, size in enumerate(SIZES):
        fits.append(_fitted(seen, base, size))
        logs[number] += fits[-1].likelihood
        if logs[number] < logs[: number + 1].max() - HOPELESS:
            break
    belief = np.zeros(len(SIZES))
    belief[: len(fits)] = np.exp(logs[: len(fits)] - logs[: len(fits)].max())
    belief = belief / belief.sum()
    alike = Differ(tuple(belief.tolist()), {}, {}, {}, {}, {}, frozenset(counted))
    if not alike.told_apart:
        return alike
    n_cells = len(seen.cells)
    # The mean multiplier of those at risk, by size, in each cell; and, over sizes, by period and row.
    periods, rows = len(starts), len(WAITED) - 1
    by_period = seen.piece_cell * periods + seen.piece_period
    states: dict[str, int] = {}
    of = np.array([states.setdefault(state, len(states)) for state, _ in seen.cells])
    known = seen.piece_row >= 0
    by_row = of[seen.piece_cell] * rows + np.maximum(seen.piece_row, 0)
    days_cell = np.bincount(seen.piece_cell, days, minlength=n_cells)
    days_period = np.bincount(by_period, days, minlength=n_cells * periods)
    days_row = np.bincount(by_row[known], days[known], minlength=len(states) * rows)
    of_cell = np.zeros((n_cells, len(SIZES)))
    of_period, of_row = np.zeros(len(days_period)), np.zeros(len(days_row))
    today = np.zeros((n_cells, len(CLASSES)))
    there = np.flatnonzero(seen.here >= 0)
    here = np.bincount(seen.here[there], seen.weight[there], minlength=n_cells)
    stands = here > 0
    for number, one in enumerate(fits):
        spent = days * one.pace[seen.piece_family]
        mean = np.bincount(seen.piece_cell, spent, minlength=n_cells)
        of_cell[:, number] = np.divide(
            mean, days_cell, out=np.ones(n_cells), where=days_cell > 0
        )
        of_period += belief[number] * np.bincount(by_period, spent, minlength=len(days_period))
        of_row += belief[number] * np.bincount(
            by_row[known], spent[known], minlength=len(days_row)
        )
        odds = np.zeros((n_cells, FINE))
        np.add.at(odds, seen.here[there], seen.weight[there, None] * one.odds[there])
        odds[stands] /= odds[stands].sum(axis=1, keepdims=True)
        today[stands] += belief[number] * in_classes(odds[stands], SIZES[number])
    of_cell[:, len(fits) :] = of_cell[:, len(fits) - 1 : len(fits)]
    average = of_cell @ belief
    state_of = list(states)
    of_state = {
        state: row / row.sum()
        for number, state in enumerate(states)
        if (row := here[of == number] @ today[of == number]).sum() > 0
    }
    return Differ(
        belief=tuple(belief.tolist()),
        shares={
            cell: tuple(row.tolist())
            for cell, row, some in zip(seen.cells, today, stands, strict=True)
            if some
        },
        of_state={state: tuple(row.tolist()) for state, row in of_state.items()},
        quicker={
            (*seen.cells[at // periods], starts[at % periods]): float(of_period[at] / days_period[at])
            for at in np.flatnonzero(days_period > 0).tolist()
        },
        waited={
            (state_of[at // rows], WAITED[at % rows]): float(of_row[at] / days_row[at])
            for at in np.flatnonzero(days_row > 0).tolist()
        },
        relative={
            cell: tuple((row / mean).tolist())
            for cell, row, mean in zip(seen.cells, of_cell, average, strict=True)
        },
        counted=frozenset(counted),
    )  # fmt: skip
