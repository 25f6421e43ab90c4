"""What stands between a case and a window, whoever else is there.

The same question is asked when the arrays are made, when a proposal says why somebody has no
place, and when files narrow what an operation knows; so it is answered in one place. In: `Tables`
and `Aims`. Out: codes of `BARRIERS`, for one case or for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from onward.placement.aims import Aims
from onward.placement.inputs import Case, Pledge, Tables, Window

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


def pair(window: Window) -> tuple[str, str]:
    return (window.programme, window.window)


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
        self.opened = (
            None
            if tables.openings is None
            else {(o.case, o.destination) for o in tables.openings if o.allowed}
        )
        self.score = (
            None if tables.scores is None else {(s.case, s.programme): s for s in tables.scores}
        )
        self.kept = frozenset(tables.kept)
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
        if self.opened is not None and not any((case.case, n) in self.opened for n in names):
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
        if self.score is not None and (case.case, window.programme) not in self.score:
            yield "not scored"
        if self.kept and (case.case, window.programme, window.window) in self.kept:
            yield "kept"
        if case.size > window.persons + self.pledged.get(pair(window), 0):
            yield "places"

    def _country(self, case: Case) -> list[tuple[str, ...]]:
        """By window the criteria of the country that cases like this one do not meet."""
        key = (case.nationality, case.categories, case.needs, case.size)
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


def _any_of(names: Sequence[str], wanted: Sequence[str]) -> bool:
    return names[0] in wanted or names[1] in wanted
