"""The placement problem as arrays: what the solvers read and nothing else.

Cases of one household become one unit; a unit may go to one slot (a programme in a window) or
stay unplaced. Every limit counts persons, so a row of the problem is "persons of this kind in
these slots, at most so many", and which rows a unit meets in a slot depends only on its class
(which selectors match it). That keeps a million cases in a few hundred megabytes. `compiling`
makes a `Model` from tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
AnyArray = NDArray[Any]

COUNTED_AT_ONCE = 2_000_000  # columns


@dataclass(frozen=True)
class RowInfo:
    """What one row limits, for people: kind is places, cap, earmark, pledge or floor."""

    kind: str
    name: str
    programme: str = ""
    window: str = ""
    who: str = "everybody"


@dataclass
class Model:
    """Arrays of one problem; n units, m columns (unit, slot), s slots, r rows, p pledges.

    start (n+1,) columns of unit u are start[u]:start[u+1]; slot (m,) slot of each column.
    klass (n,) class of each unit; rows met by class k in slot s are
    met[met_start[k*s_count+s]:met_start[k*s_count+s+1]] with `met_share` of the unit's persons
    (negative in rows that ask for at least so many). limit (r,) right-hand sides.
    A pledge k that is open adds pledge_coef to the left-hand side of pledge_row.
    group_start, group_member: units that belong together, by group.
    """

    size: IntArray
    klass: IntArray
    start: IntArray
    slot: AnyArray
    slot_programme: IntArray
    slot_country: IntArray
    slot_order: FloatArray
    met_start: IntArray
    met: IntArray
    met_share: FloatArray
    limit: FloatArray
    pledges: int
    pledge_of: IntArray
    pledge_row: IntArray
    pledge_coef: FloatArray
    group_start: IntArray
    group_member: IntArray
    rows: list[RowInfo] = field(default_factory=list)

    @property
    def units(self) -> int:
        return len(self.size)

    @property
    def columns(self) -> int:
        return len(self.slot)

    @property
    def slots(self) -> int:
        return len(self.slot_programme)

    @cached_property
    def able(self) -> IntArray:
        """How many units could be in each slot (slots,)."""
        count = np.zeros(self.slots, np.int64)
        for begin in range(0, self.columns, COUNTED_AT_ONCE):
            part = self.slot[begin : begin + COUNTED_AT_ONCE]
            count += np.bincount(part, minlength=self.slots)
        return count

    def unit_of_column(self) -> IntArray:
        return np.repeat(np.arange(self.units), np.diff(self.start))

    def column_rows(
        self, columns: IntArray, unit: IntArray
    ) -> tuple[IntArray, IntArray, FloatArray]:
        """Entries of the given columns as (index into columns, row, persons)."""
        key = self.klass[unit] * self.slots + self.slot[columns].astype(np.int64)
        first, last = self.met_start[key], self.met_start[key + 1]
        count = last - first
        which = np.repeat(np.arange(len(columns)), count)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        entry = np.repeat(first, count) + offset
        return which, self.met[entry], self.met_share[entry] * self.size[unit][which]

    def usage(self, chosen: IntArray) -> FloatArray:
        """Persons in every row when unit u takes column chosen[u] (-1: none), pledges shut."""
        units = np.flatnonzero(chosen >= 0)
        _which, row, persons = self.column_rows(chosen[units], units)
        return np.asarray(np.bincount(row, weights=persons, minlength=len(self.limit)), float)

    def pledged(self, opened: BoolArray) -> FloatArray:
        """What open pledges add to every row: what they ask for, less what they give."""
        weights = opened[self.pledge_of] * self.pledge_coef
        return np.asarray(
            np.bincount(self.pledge_row, weights=weights, minlength=len(self.limit)), float
        )
