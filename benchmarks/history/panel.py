"""Year-end stocks one to three years ahead, from what followed in country pairs like this one.

In come the annual panel of country pairs and a question (pair, day, years ahead); out come
weighted draws of the stock. The method is the plain reference class: find the pair-years whose
recent course looked most alike and take what came after. Only rows published by the day of the
forecast are used, and no pair of the same country of origin, which belongs to the same crisis.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onward.errors import Fault, Faults, OnwardError
from onward.forecast.counts.stock import FloatArray

NEIGHBOURS = 300
# Ten people added to every stock before a ratio is taken: two people becoming six is no tripling.
_FEW = 10.0
_COLUMNS = ("origin", "asylum", "year", "refugees", "returned")


@dataclass(frozen=True)
class Panel:
    """Year-end stocks and yearly returns per country pair.

    pairs     n pairs (country of origin, country of asylum), ISO3
    years     m consecutive years
    stock     (n, m) refugees at year-end; nan where there is no row, or the row is a gap
    returned  (n, m) people gone home in the year; nan where unknown
    """

    pairs: tuple[tuple[str, str], ...]
    years: NDArray[np.int64]
    stock: FloatArray
    returned: FloatArray


def read_panel(file: Path) -> Panel:
    """The panel from a CSV with columns origin, asylum, year, refugees and returned.

    Zeros are kept as they stand; `known_on` judges which of them are gaps.
    raises  Faults with row and field of everything that cannot be read
    """
    if not file.is_file():
        raise OnwardError(f"{file} is not a file. Give the annual panel as CSV.")
    faults: list[Fault] = []
    rows: list[tuple[tuple[str, str], int, float, float]] = []
    with file.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise Faults([Fault(file.name, "row 1", "", f"no column {', '.join(missing)}")])
        for number, row in enumerate(reader, start=2):
            values: list[float] = []
            for name in ("year", "refugees", "returned"):
                try:
                    value = float(row[name])
                except (TypeError, ValueError):
                    value = -1.0
                if not 0 <= value < 1e10:
                    found = f'found "{row[name]}"'
                    faults.append(Fault(file.name, f"row {number}", name, found, "a count"))
                values.append(value)
            rows.append(((row["origin"], row["asylum"]), int(values[0]), values[1], values[2]))
    if faults or not rows:
        raise Faults(faults or [Fault(file.name, "", "", "no rows")])
    pairs = tuple(sorted({row[0] for row in rows}))
    index = {pair: i for i, pair in enumerate(pairs)}
    first = min(row[1] for row in rows)
    years = np.arange(first, max(row[1] for row in rows) + 1)
    stock = np.full((len(pairs), len(years)), np.nan)
    returned = np.full_like(stock, np.nan)
    for pair, year, people, home in rows:
        stock[index[pair], year - first] = people
        returned[index[pair], year - first] = home
    return Panel(pairs, years, stock, returned)


def _without_gaps(stock: FloatArray) -> FloatArray:
    """Zeros (or blanks) with a positive year both before and after become unknown."""
    known = np.nan_to_num(stock) > 0
    before = np.maximum.accumulate(known, axis=1)
    after = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    out = stock.copy()
    out[~known & before & after] = np.nan
    return out


def published_year(day: date) -> int:
    """The last year whose rows are out on `day`: half a year after its end."""
    return day.year - 1 if day >= date(day.year, 7, 1) else day.year - 2


def known_on(panel: Panel, day: date) -> Panel:
    """The panel as published on `day`; later years are cut off before anything is computed.

    A zero between two positive years is a gap in the source, not an event, and becomes unknown;
    judged after the cut, since a zero in the last published year may yet prove to be one.
    """
    keep = panel.years <= published_year(day)
    stock = _without_gaps(panel.stock[:, keep])
    return Panel(panel.pairs, panel.years[keep], stock, panel.returned[:, keep])


def _looks(panel: Panel) -> FloatArray:
    """(pairs, years, 5) what makes two pair-years alike, each scaled to matter about as much.

    Growth last year and the year before (fine near zero, coarse for collapses), size, the share
    who went home, and the share of the highest stock so far that is still there.
    """
    stock, home = panel.stock, panel.returned
    grown = np.full_like(stock, np.nan)
    grown[:, 1:] = np.log((stock[:, 1:] + _FEW) / (stock[:, :-1] + _FEW))
    earlier = np.full_like(stock, np.nan)
    earlier[:, 1:] = grown[:, :-1]
    share = np.zeros_like(stock)
    share[:, 1:] = np.nan_to_num(home[:, 1:]) / (np.nan_to_num(stock[:, :-1]) + _FEW)
    peak = np.maximum.accumulate(np.nan_to_num(stock), axis=1)
    return np.stack(
        [
            np.arcsinh(grown / 0.05),
            0.6 * np.arcsinh(earlier / 0.05),
            0.5 * np.log(stock + _FEW),
            3.0 * np.sqrt(np.minimum(share, 1.0)),
            1.5 * (stock + _FEW) / (peak + _FEW),
        ],
        axis=2,
    )


class PanelForecaster:
    """Answers questions from one day's panel; the looks of all pair-years are computed once."""

    def __init__(self, panel: Panel, day: date) -> None:
        self.panel = known_on(panel, day)
        self.looks = _looks(self.panel)
        self.country = np.array([origin for origin, _ in self.panel.pairs])

    def forecast(
        self, pair: tuple[str, str], years_ahead: int, *, neighbours: int = NEIGHBOURS
    ) -> tuple[FloatArray, FloatArray]:
        """(values, weights) of the stock `years_ahead` after the last published year-end.

        raises  OnwardError when the pair is not in the panel or its last stock is unknown
        """
        if pair not in self.panel.pairs:
            raise OnwardError(f"The panel has no pair {pair[0]} in {pair[1]}.")
        row = self.panel.pairs.index(pair)
        stock = self.panel.stock
        last = stock[row, -1]
        if not np.isfinite(last):
            raise OnwardError(f"{pair[0]} in {pair[1]}: the last published stock is unknown.")
        own = self.looks[row, -1]
        ends = stock.shape[1] - years_ahead
        if ends < 1:
            return np.array([last]), np.array([1.0])
        others = np.flatnonzero(self.country != pair[0])
        looks = self.looks[others, :ends]
        began, ended = stock[others, :ends], stock[others, years_ahead:]
        usable = (began >= 100) & np.isfinite(ended)
        looks, began, ended = looks[usable], began[usable], ended[usable]
        if not len(looks):
            return np.array([last]), np.array([1.0])
        # A feature this pair lacks says nothing; one a neighbour lacks puts it far away.
        has = np.isfinite(own)
        gaps = np.where(np.isfinite(looks[:, has]), looks[:, has] - own[has], 4.0)
        far = (gaps**2).sum(axis=1)
        k = min(neighbours, len(far))
        near = np.argpartition(far, k - 1)[:k]
        weights = 1.0 - 0.9 * far[near] / (far[near].max() + 1e-12)
        factor = (ended[near] + _FEW) / (began[near] + _FEW)
        values = np.maximum((last + _FEW) * factor - _FEW, 0.0)
        order = np.argsort(values)
        return np.round(values[order]), weights[order] / weights.sum()


def weighted_crps(values: FloatArray, weights: FloatArray, truth: float) -> float:
    """CRPS of sorted `values` with `weights` that sum to one.

    source  E|x - y| - E|x - x'| / 2, with E|x - x'| from the cumulative weights
    """
    below = np.cumsum(weights) - weights
    spread = 2 * float((weights * values * (2 * below + weights - 1)).sum())
    return float((weights * np.abs(values - truth)).sum()) - spread / 2


def weighted_quantile(values: FloatArray, weights: FloatArray, share: float) -> float:
    """The smallest of sorted `values` with at least `share` of the weight at or below it."""
    place = int(np.searchsorted(np.cumsum(weights), share))
    return float(values[min(place, len(values) - 1)])
