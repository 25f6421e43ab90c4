"""What stands between a case and a window, whoever else is there.

The same question is asked when the arrays are made, when a proposal says why somebody has no
place, and when files narrow what an operation knows; so it is answered in one place. In: `Tables`
and `Aims`. Out: codes of `BARRIERS`, all of them for one case, or the first for every case.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from onward.placement.inputs.aims import Aims
from onward.placement.inputs.tables import Case, Pledge, Tables, Window
from onward.placement.problem.alike import AT_ONCE, alike
from onward.placement.problem.model import AnyArray, BoolArray
from onward.placement.problem.points import Scores

# Why a case cannot go to a window, in the order in which they are looked at, and in words.
BARRIERS = {
    "consent": "no valid consent to this destination",
    "safeguards": "a safeguard is not open for this destination",
    "refused": "the people refused this destination",
    "forbidden": "this destination is forbidden for the case",
    "state": "the pledge is not confirmed",
    "nationality": "the country does not accept this nationality",
    "category": "the country does not accept these categories",
    "size": "the country does not accept a case of this size",
    "need": "the country cannot meet a need of this case",
    "condition": "the case does not meet a condition of this offer",
    "deadline": "processing cannot end before the deadline",
    "not scored": "no score was given for this programme",
    "kept": "the place is kept for cases expected later, for whom it is worth more",
    "places": "the case is larger than all places of this window",
}

NUMBER = {code: len(BARRIERS) - at for at, code in enumerate(BARRIERS)}
"""The number of a barrier in arrays: the earlier it is looked at, the higher; 0 for none."""
CODE = ("", *reversed(BARRIERS))
"""The barrier of each number."""


def first_day(case: Case, window: Window, on: date | None) -> date | None:
    """The earliest day on which the case could leave under this window; None if unbounded."""
    ready = case.ready_on or on
    days = []
    if ready is not None:
        days.append(ready + timedelta(days=window.processing_days))
    if window.opens is not None:
        days.append(window.opens)
    return max(days) if days else None


def deadline(case: Case, window: Window) -> date | None:
    days = [d for d in (window.last_day, case.leave_by) if d is not None]
    return min(days) if days else None


def places_that_may_open(pledges: Iterable[Pledge], aims: Aims) -> dict[tuple[str, str], int]:
    places: dict[tuple[str, str], int] = {}
    for pledge in pledges:
        if pledge.state in aims.states_that_count:
            key = (pledge.opens_programme, pledge.opens_window)
            places[key] = places.get(key, 0) + pledge.opens_persons
    return places


class Doors:
    """What stands between a case and a window, whoever else is there: codes of `BARRIERS`."""

    def __init__(self, tables: Tables, aims: Aims) -> None:
        self.tables, self.aims, self.slots = tables, aims, tables.windows
        self.pledged = places_that_may_open(tables.pledges, aims)
        self.opened: dict[str, set[str]] | None = None
        if tables.openings is not None:
            self.opened = {}
            for o in tables.openings:
                if o.allowed:
                    self.opened.setdefault(o.case, set()).add(o.destination)
        self.scores = Scores(tables)
        self.kept: dict[str, set[tuple[str, str]]] = {}
        for case, programme, window in tables.kept:
            self.kept.setdefault(case, set()).add((programme, window))
        self._accepted: dict[Any, list[tuple[str, ...]]] = {}

    def first_barriers(self, case: Case) -> list[str]:
        """For every window the first of its barriers, "" where there is none."""
        return [next(self.barriers(case, s), "") for s in range(len(self.slots))]

    def barriers(self, case: Case, s: int) -> Iterator[str]:
        """All barriers of one window, in the order of `BARRIERS`."""
        window = self.slots[s]
        names = (window.programme, window.destination)
        if case.consents is not None and not _any_of(names, case.consents):
            yield "consent"
        if self.opened is not None and not _any_of(names, self.opened.get(case.case, ())):
            yield "safeguards"
        if case.refused and _any_of(names, case.refused):
            yield "refused"
        if case.forbidden and _any_of(names, case.forbidden):
            yield "forbidden"
        yield from self._country(case)[s]
        if window.programme in case.unmet:
            yield "condition"
        earliest = first_day(case, window, self.tables.on)
        latest = deadline(case, window)
        if earliest is not None and latest is not None and earliest > latest:
            yield "deadline"
        if self.scores.given and self.scores.of(case.case, window.programme) is None:
            yield "not scored"
        if self.kept and pair(window) in self.kept.get(case.case, ()):
            yield "kept"
        if case.size > self._most(window):
            yield "places"

    def _most(self, window: Window) -> int:
        """Places of a window with every condition met."""
        return window.persons + self.pledged.get(pair(window), 0)

    def _country(self, case: Case) -> list[tuple[str, ...]]:
        """By window the criteria of the country that cases like this one do not meet."""
        key = _kind(case)
        if key not in self._accepted:
            self._accepted[key] = [tuple(self._refuses(case, w)) for w in self.slots]
        return self._accepted[key]

    def _refuses(self, case: Case, window: Window) -> Iterator[str]:
        if window.state not in self.aims.states_that_count:
            yield "state"
        if window.nationalities and case.nationality not in window.nationalities:
            yield "nationality"
        if window.categories and not set(window.categories) & set(case.categories):
            yield "category"
        if (window.min_size or 0) > case.size or (window.max_size or case.size) < case.size:
            yield "size"
        if set(window.excluded_needs) & set(case.needs):
            yield "need"

    # --- all cases at once --------------------------------------------------------------------

    def of_all(self) -> AnyArray:
        """The `NUMBER` of the first barrier of every case and window (cases, slots), 0 for none.

        Cases that are alike in what a barrier looks at are looked at once."""
        cases = self.tables.cases
        found = np.zeros((len(cases), len(self.slots)), np.uint8)
        for of_case, row in self._looks():
            _raise(found, *alike(cases, of_case, row))
        if self.scores.given:
            number = NUMBER["not scored"]
            missing = np.isnan(self.scores.value)
            for s, window in enumerate(self.slots):
                column = self.scores.column.get(window.programme)
                out = True if column is None else missing[self.scores.row, column]
                np.maximum(found[:, s], number, out=found[:, s], where=out)
        return found

    def _looks(self) -> Iterator[tuple[Callable[[Case], Hashable], Callable[[Case], AnyArray]]]:
        """What barriers look at in a case, and the numbers by window for a case like it."""
        slots = self.slots
        named: dict[str, BoolArray] = {}
        for s, window in enumerate(slots):
            for name in (window.programme, window.destination):
                named.setdefault(name, np.zeros(len(slots), bool))[s] = True

        def among(names: Iterable[str]) -> BoolArray:
            here = np.zeros(len(slots), bool)
            for name in names:
                if name in named:
                    here |= named[name]
            return here

        def numbers(code: str, closed: AnyArray | list[bool]) -> AnyArray:
            return np.where(closed, NUMBER[code], 0).astype(np.uint8)

        nowhere = np.zeros(len(slots), np.uint8)
        yield (
            lambda c: c.consents,
            lambda c: nowhere if c.consents is None else numbers("consent", ~among(c.consents)),
        )
        opened = self.opened
        if opened is not None:
            yield (
                lambda c: frozenset(opened.get(c.case, ())),
                lambda c: numbers("safeguards", ~among(opened.get(c.case, ()))),
            )
        yield lambda c: c.refused, lambda c: numbers("refused", among(c.refused))
        yield lambda c: c.forbidden, lambda c: numbers("forbidden", among(c.forbidden))
        yield _kind, lambda c: _first_numbers(self._country(c))
        yield (
            lambda c: c.unmet,
            lambda c: numbers("condition", [w.programme in c.unmet for w in slots]),
        )
        yield lambda c: (c.ready_on, c.leave_by), self._too_late()
        if self.kept:
            kept = self.kept
            yield (
                lambda c: frozenset(kept.get(c.case, ())),
                lambda c: numbers("kept", [pair(w) in kept.get(c.case, ()) for w in slots]),
            )
        most = np.array([self._most(w) for w in slots])
        yield lambda c: c.size, lambda c: numbers("places", c.size > most)

    def _too_late(self) -> Callable[[Case], AnyArray]:
        """By window whether a case could leave only after the last day it may."""
        never, always = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        opens = np.array([w.opens.toordinal() if w.opens else always for w in self.slots])
        ends = np.array([w.last_day.toordinal() if w.last_day else never for w in self.slots])
        days = np.array([w.processing_days for w in self.slots])

        def row(case: Case) -> AnyArray:
            ready = case.ready_on or self.tables.on
            first = opens if ready is None else np.maximum(opens, ready.toordinal() + days)
            last = (
                ends if case.leave_by is None else np.minimum(ends, case.leave_by.toordinal())
            )
            return np.where(first > last, NUMBER["deadline"], 0).astype(np.uint8)

        return row


def _kind(case: Case) -> Hashable:
    """What the criteria of a country look at."""
    return (case.nationality, case.category, case.category_2, case.needs, case.size)


def _first_numbers(codes: Sequence[Sequence[str]]) -> AnyArray:
    return np.array([NUMBER[x[0]] if x else 0 for x in codes], np.uint8)


def _raise(found: AnyArray, rows: AnyArray, which: AnyArray) -> None:
    """The higher of two numbers, by case and window, in place."""
    if not rows.any():
        return
    for low in range(0, len(found), AT_ONCE):
        part = found[low : low + AT_ONCE]
        np.maximum(part, rows[which[low : low + AT_ONCE]], out=part)


def _any_of(names: Sequence[str], wanted: Iterable[str]) -> bool:
    return names[0] in wanted or names[1] in wanted


def pair(window: Window) -> tuple[str, str]:
    return (window.programme, window.window)
