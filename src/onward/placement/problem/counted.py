"""What an aim counts for every choice, without an array over all choices where none is needed.

Most aims count the same for a unit wherever it goes, or the same times a factor of the window.
With a million cases one number for each of their choices takes as much memory as the choices
themselves, so it is written down only where something has to read it, block by block. In: what
an aim counts. Out: the numbers for some columns, or for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from onward.placement.problem.model import AnyArray, IntArray, Model

BLOCK_UNITS = 50_000


@dataclass(frozen=True)
class Counted:
    """What one aim counts: unit (n,) times slot (slots,) where that is given, or column (m,)
    instead of both. dtype: of every number it hands out."""

    model: Model
    unit: AnyArray | None = None
    slot: AnyArray | None = None
    column: AnyArray | None = None
    dtype: Any = np.float64

    def of(self, units: IntArray, columns: IntArray) -> AnyArray:
        """The numbers of these columns, one unit each."""
        if self.column is not None:
            return np.asarray(self.column[columns], self.dtype)
        assert self.unit is not None
        worth = self.unit[units]
        if self.slot is not None:
            worth = worth * self.slot[self.model.slot[columns]]
        return np.asarray(worth, self.dtype)

    def anything(self) -> bool:
        """Whether it counts anything at all."""
        return any(bool(np.any(part)) for _, _, part in self.blocks())

    def blocks(self) -> Iterator[tuple[int, int, AnyArray]]:
        """The numbers of all columns: first column, end, and what lies between, in turn."""
        start = self.model.start
        for low in range(0, self.model.units, BLOCK_UNITS):
            high = min(low + BLOCK_UNITS, self.model.units)
            begin, end = int(start[low]), int(start[high])
            if self.column is not None:
                yield begin, end, np.asarray(self.column[begin:end], self.dtype)
            elif np.any(self.unit[low:high]):  # type: ignore[index]
                unit = np.repeat(np.arange(low, high), np.diff(start[low : high + 1]))
                yield begin, end, self.of(unit, np.arange(begin, end))

    def full(self) -> AnyArray:
        """The numbers of all columns, in an array of one's own."""
        found = np.zeros(self.model.columns, self.dtype)
        for begin, end, part in self.blocks():
            found[begin:end] = part
        return found

    def add_to(self, value: AnyArray, times: float = 1.0) -> None:
        """Add so many times the numbers to a value of all columns, in place."""
        for begin, end, part in self.blocks():
            value[begin:end] += part if times == 1.0 else times * part

    def most(self) -> AnyArray:
        """The most that each unit with a choice can bring (one number for each of those)."""
        start = self.model.start
        found = []
        for low in range(0, self.model.units, BLOCK_UNITS):
            high = min(low + BLOCK_UNITS, self.model.units)
            lengths = np.diff(start[low : high + 1])
            some = np.flatnonzero(lengths > 0)
            if not len(some):
                continue
            unit = np.repeat(np.arange(low, high), lengths)
            part = self.of(unit, np.arange(int(start[low]), int(start[high])))
            found.append(np.maximum.reduceat(part, start[low:high][some] - start[low]))
        return np.concatenate(found) if found else np.zeros(0, self.dtype)
