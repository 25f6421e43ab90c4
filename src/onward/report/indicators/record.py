"""The people of a caseload as columns, beside every stay of theirs in any state.

Exists because every indicator counts the same people. Comes in: a caseload and the spells of its log.
Goes out: masks, columns and category numbers over the rows of the person table (`Record`), what moved
whom and who left when; what a state or step means is read off the rulebook (`reading`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload import Caseload
from onward.engine import Engine
from onward.report.disclosure import Counts, counted
from onward.report.reading import Reading

Mask: TypeAlias = npt.NDArray[np.bool_]
Words: TypeAlias = npt.NDArray[np.object_]
Days: TypeAlias = npt.NDArray[np.datetime64]


class Record:
    """The people of a caseload as columns, beside every stay of theirs in any state.

    All masks and category numbers run over the rows of the person table.
    """

    def __init__(self, caseload: Caseload, spells: pa.Table, engine: Engine) -> None:
        self.caseload, self.engine, self.on = caseload, engine, caseload.as_of
        self.rulebook = caseload.rulebook
        self.reading = Reading(self.rulebook)
        people = caseload.people
        self.n = people.num_rows
        self.active: Mask = np.asarray(pc.fill_null(people["active"], False), dtype=bool)
        self.ids = people["id"].combine_chunks()
        rows = pc.index_in(spells["person"].combine_chunks(), value_set=self.ids)
        self.stay_row = np.asarray(pc.fill_null(rows, -1), dtype=np.int64)
        self.stay_axis = words_of(spells["axis"])
        self.stay_state = words_of(spells["state"])
        self.stay_from = days_of(spells["from_date"])
        self.stay_to = days_of(spells["to_date"])
        self.stay_by = words_of(spells["began_by"])
        self.stay_ended = words_of(spells["ended_by"])

    @property
    def day(self) -> np.datetime64:
        return np.datetime64(self.on)

    def has(self, kind: str, *columns: str) -> bool:
        """Whether the rulebook keeps this; an indicator without its facts is left out."""
        table = self.caseload.tables.get(kind)
        return table is not None and all(c in table.column_names for c in columns)

    def col(self, name: str) -> Words:
        """A column of the person table; None where not known."""
        if name not in self.caseload.people.column_names:
            return np.full(self.n, None, dtype=object)
        return words_of(self.caseload.people[name])

    def table(self, kind: str, *columns: str) -> dict[str, Any]:
        """Columns of another kind, dates as days, and `row`: the person's row or -1."""
        table = self.caseload.tables[kind]
        found: dict[str, Any] = {
            name: days_of(table[name])
            if pa.types.is_date(table[name].type)
            else words_of(table[name])
            for name in columns
        }
        if "person" in table.column_names:
            found["row"] = self.rows(table["person"])
        return found

    def rows(self, ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
        found = pc.index_in(ids.combine_chunks(), value_set=self.ids)
        return np.asarray(pc.fill_null(found, -1), dtype=np.int64)

    def is_in(self, name: str, states: Any) -> Mask:
        column = self.col(name)
        return np.fromiter((value in states for value in column), dtype=bool, count=self.n)

    def category(self, values: Words, inside: Mask, order: Sequence[str], missing: str) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:  # fmt: skip
        """Category numbers over `inside`, only labels in use, in an order, missing last."""
        filled = np.array([missing if v is None else v for v in values], dtype=object)
        seen = set(filled[inside])
        labels = [v for v in order if v in seen]
        labels += sorted(v for v in seen if v not in order and v != missing)
        labels += [missing] if missing in seen and missing not in labels else []
        index = {label: i for i, label in enumerate(labels)}
        codes = np.array([index.get(v, -1) for v in filled], dtype=np.int16)
        return tuple(labels), np.where(inside, codes, -1).astype(np.int16)

    def split(self, name: str, parts: Mapping[str, Mask], inside: Mask, rest: str, *,
              universe: str = "people", sums: Mapping[str, tuple[str, ...]] | None = None) -> Counts:  # fmt: skip
        """People by the first of several sets they are in; everybody else is `rest`."""
        codes = np.full(self.n, len(parts), dtype=np.int16)
        for i, mask in reversed(list(enumerate(parts.values()))):
            codes[mask] = i
        codes = np.where(inside, codes, -1).astype(np.int16)
        labels = [*parts, rest]
        return counted(name, (name,), (labels,), (codes,), universe=universe, sums=sums)

    @cached_property
    def moves(self) -> list[tuple[int, str, np.datetime64]]:
        """(person row, move, day) of everything that changed an axis, each once, by day."""
        rows = np.flatnonzero(
            np.array([bool(b) for b in self.stay_by], dtype=bool) & (self.stay_row >= 0)
        )
        found = {(int(self.stay_row[i]), str(self.stay_by[i]), self.stay_from[i]) for i in rows}
        return sorted(found, key=lambda m: (m[2], m[1], m[0]))

    def last_move(self, keys: Mapping[str, str]) -> Words:
        """Per person the word of the last of some moves; None when there was none."""
        found = np.full(self.n, None, dtype=object)
        for row, key, day in self.moves:
            if key in keys and day <= self.day:
                found[row] = keys[key]
        return found

    @cached_property
    def left_on(self) -> tuple[Words, Days]:
        """Per person the way and day of the last outcome; an arrival keeps its departure's day."""
        way = np.full(self.n, None, dtype=object)
        day = np.full(self.n, np.datetime64("NaT"), dtype="datetime64[D]")
        order = np.argsort(self.stay_from, kind="stable")
        for i in order:
            if (
                self.stay_axis[i] != "stage"
                or self.stay_row[i] < 0
                or self.stay_from[i] > self.day
            ):
                continue
            row, name = self.stay_row[i], self.reading.exits.get(str(self.stay_state[i]))
            if name is None:
                continue
            went_on = way[row] == name and self.stay_by[i] is not None and any(
                self.stay_to[k] == self.stay_from[i] and self.reading.exits.get(str(self.stay_state[k])) == name
                for k in self._stays_of(int(row))
            )  # fmt: skip
            if not went_on:
                day[row] = self.stay_from[i]
            way[row] = name
        return way, day

    @cached_property
    def _stage_rows(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for i in np.flatnonzero(self.stay_axis == "stage"):
            found.setdefault(int(self.stay_row[i]), []).append(int(i))
        return found

    def _stays_of(self, row: int) -> list[int]:
        return self._stage_rows.get(row, [])


def words_of(column: pa.ChunkedArray) -> Words:
    found = np.empty(len(column), dtype=object)
    found[:] = column.to_pylist()
    return found


def days_of(column: pa.ChunkedArray) -> Days:
    values = column.cast(pa.int32()).to_numpy(zero_copy_only=False)
    days = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[D]")
    known = np.asarray(pc.is_valid(column), dtype=bool)
    days[known] = values[known].astype(np.int64).astype("datetime64[D]")
    return days


def dated(r: Record, kind: str, date: str, *columns: str) -> dict[str, Any]:
    """Rows of a kind dated up to the date, or not dated."""
    found = r.table(kind, date, *columns)
    keep = np.isnat(found[date]) | (found[date] <= r.day)
    return {name: values[keep] for name, values in found.items()}
