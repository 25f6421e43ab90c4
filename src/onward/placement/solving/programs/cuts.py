"""What the linear relaxation overlooks about whole families, written as further rows.

A window of four places does not hold a family of three and two thirds of another, but a linear
program fills it so. From the relaxed answer this finds inequalities that every whole choice
keeps and the relaxed answer breaks, adds them and solves again, until nothing is gained. Each
is valid for one limit on its own (a lifted cover, or a superadditive function of the sizes), so
the value of the relaxation stays a proven bound and comes far closer to the truth. In: a HiGHS
model and the limits in it. Out: the same model with more rows.
Source: Kaparis and Letchford, Separation algorithms for 0-1 knapsack polytopes, 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd

import highspy
import numpy as np

from onward.placement.problem.model import AnyArray, FloatArray, IntArray
from onward.placement.solving.programs.covers import lifted_cover

INF = highspy.kHighsInf
LARGEST = 200  # places above which whole families hardly matter to one limit
ROUNDS = 15
BROKEN = 1e-3  # how far an inequality has to be broken to be worth a row


@lru_cache(maxsize=4096)
def size_functions(places: int, largest: int) -> FloatArray:
    """Functions f of a size, one per row (k, largest+1), so that in any whole filling of
    `places` the sum of f(size) is at most 1: rounding multiples of the size down (Chvatal and
    Gomory) with the mixed-integer correction."""
    sizes = np.arange(largest + 1)
    multiples = {p / q for q in range(1, 13) for p in range(1, q + 1) if gcd(p, q) == 1}
    multiples |= {k / (places + 1) for k in range(1, places + 1)}
    found: dict[tuple[float, ...], FloatArray] = {}
    for multiple in sorted(multiples):
        whole = np.floor(multiple * places + 1e-9)
        rest = multiple * places - whole
        if whole < 1 or rest > 0.999:
            continue
        floor = np.floor(multiple * sizes + 1e-9)
        f = floor
        if rest > 1e-9:
            f = floor + np.maximum(0.0, (multiple * sizes - floor - rest) / (1 - rest))
        f = f / whole
        found[tuple(np.round(f, 9))] = f
    return np.array(list(found.values())) if found else np.zeros((0, largest + 1))


class Cuts:
    """Inequalities of the limits of one HiGHS model.

    limits: per limit the columns in it, the whole persons of each, the places it can have at
    most, and the owner of each column: an owner takes one of its columns at most. `found` holds
    (columns, coefficients) of every row added; each row says "at most 1"."""

    def __init__(
        self,
        highs: highspy.Highs,
        limits: Sequence[tuple[IntArray, FloatArray, float, IntArray]],
    ) -> None:
        self.highs = highs
        self.found: list[tuple[AnyArray, FloatArray]] = []
        self.rows: list[int] = []
        self.limits = []
        for columns, persons, places, owner in limits:
            size = np.round(persons).astype(np.int64)
            room = int(np.floor(places + 1e-9))
            if not len(columns) or not 0 < room <= LARGEST:
                continue
            if np.any(persons < 0) or np.any(np.abs(persons - size) > 1e-9) or not size.any():
                continue
            _, item = np.unique(owner, return_inverse=True)
            least = np.full(int(item.max()) + 1, np.iinfo(np.int64).max)
            np.minimum.at(least, item, size)
            if least.sum() > room:
                self.limits.append((columns, size, room, item, least))

    def separate(self, share: FloatArray) -> int:
        """Add what the shares of the columns break; how many rows were added."""
        before = len(self.found)
        for columns, size, room, item, least in self.limits:
            mine = share[columns]
            if not np.any((mine > 1e-6) & (mine < 1 - 1e-6)):
                continue
            coefficient = np.zeros(len(least))
            taken = np.bincount(item, weights=mine, minlength=len(least))
            most = lifted_cover(room, least, taken, coefficient)
            if most > 0 and coefficient @ taken > most * (1 + BROKEN):
                self._add(columns, coefficient[item] / most)
            functions = size_functions(room, int(size.max()))
            if len(functions):
                level = functions @ np.bincount(
                    size, weights=mine, minlength=functions.shape[1]
                )
                worst = int(np.argmax(level))
                if level[worst] > 1 + BROKEN:
                    self._add(columns, functions[worst][size])
        return len(self.found) - before

    def _add(self, columns: IntArray, coefficient: FloatArray) -> None:
        there = coefficient > 1e-9
        index, value = columns[there].astype(np.int32), coefficient[there]
        self.found.append((index, value))
        self.rows.append(self.highs.getNumRow())
        self.highs.addRow(-INF, 1.0, len(index), index, value)

    def tighten(self, seconds: float) -> bool:
        """Solve the linear relaxation and add rows until it gains nothing; False if stopped."""
        h = self.highs
        h.setOptionValue("time_limit", h.getRunTime() + max(0.1, seconds))
        last = np.inf
        for _ in range(ROUNDS):
            h.run()
            if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                return False
            now = float(h.getInfo().objective_function_value)
            if last - now < 1e-6 * max(1.0, abs(now)):
                break
            last = now
            if not self.separate(np.asarray(h.getSolution().col_value)):
                break
        else:
            h.run()
        return bool(h.getModelStatus() == highspy.HighsModelStatus.kOptimal)

    def copy_to(self, highs: highspy.Highs, position: IntArray) -> None:
        """Add the rows that still bind to a model of fewer columns; position: the column there
        of each column here, or -1."""
        binding = np.asarray(self.highs.getSolution().row_value)[self.rows]
        for level, (columns, coefficient) in zip(binding, self.found, strict=True):
            if level < 1 - 1e-6:
                continue
            there = position[columns] >= 0
            index = position[columns[there]].astype(np.int32)
            highs.addRow(-INF, 1.0, len(index), index, coefficient[there])

    def loosen(self) -> None:
        """Take the rows out of the relaxation, whose prices are then those of the limits."""
        for row in self.rows:
            self.highs.changeRowBounds(row, -INF, INF)

    def restore(self) -> None:
        for row in self.rows:
            self.highs.changeRowBounds(row, -INF, 1.0)
