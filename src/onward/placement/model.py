"""The placement problem as arrays: what the solvers read and nothing else.

Cases of one household become one unit; a unit may go to one slot (a programme in a window) or
stay unplaced. Every limit counts persons, so a row of the problem is "persons of this kind in
these slots, at most so many", and which rows a unit meets in a slot depends only on its class
(which selectors match it). That keeps a million cases in a few hundred megabytes. In: `Tables`
and `Aims`. Out: `Model`, with the reason for every pair that is not possible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onward.placement.aims import Aims, in_group
from onward.placement.inputs import Case, Pledge, Selector, Tables, Window

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
AnyArray = NDArray[Any]

COUNTED_AT_ONCE = 2_000_000  # columns

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


@dataclass
class Compiled:
    """A `Model` with the names it came from and the values each stage counts.

    members[u]: indices of the cases of unit u. weight (n,) protection weight of the unit's
    persons; emergency (n,) its emergency persons; outcome (m,); kept (m,) cases that stay where
    last week put them; ticket (n,) and column_ticket (m,) the draw; must (n,) the unit is
    locked. barriers: (case index, slot) -> why not. faults: locks that cannot hold.
    """

    model: Model
    tables: Tables
    aims: Aims
    members: list[tuple[int, ...]]
    unit_of_case: IntArray
    weight: FloatArray
    emergency: FloatArray
    column_weight: FloatArray | None
    outcome: FloatArray
    kept: FloatArray
    ticket: FloatArray
    column_ticket: FloatArray
    must: BoolArray
    barriers: Mapping[tuple[int, int], str]
    slots: tuple[Window, ...]
    pledges: tuple[Pledge, ...]
    impossible_locks: list[tuple[str, str]]
    linked: BoolArray
    score: Mapping[tuple[str, str], float]


def draw(seed: int, *names: str) -> float:
    """The published draw: the first 64 bits of SHA-256 over "seed|names", as a share of 1."""
    digest = hashlib.sha256("|".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def name_of(members: Sequence[int], cases: Sequence[Case]) -> str:
    """The name a unit is drawn by: its cases, joined by +."""
    return "+".join(cases[i].case for i in members)


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


def compile_tables(tables: Tables, aims: Aims, *, seed: int) -> Compiled:
    """The arrays of a proposal. Rows may come in any order: they are sorted by name first."""
    tables = tables.in_order()
    cases, slots = tables.cases, tables.windows
    unit_members, unit_of_case = _households(cases)
    doors = Doors(tables, aims)
    pledged, score = doors.pledged, doors.score
    locks = locks_of(tables)

    barriers: dict[tuple[int, int], str] = {}
    open_slots: list[list[int]] = []
    for index, case in enumerate(cases):
        mine = []
        for s, why in enumerate(doors.first_barriers(case)):
            if why:
                barriers[index, s] = why
            else:
                mine.append(s)
        open_slots.append(mine)

    columns: list[list[int]] = []
    must = np.zeros(len(unit_members), bool)
    impossible: list[tuple[str, str]] = []
    for u, members in enumerate(unit_members):
        options = sorted(set.intersection(*(set(open_slots[i]) for i in members)))
        together = sum(cases[i].size for i in members)
        if len(members) > 1:
            fits = [
                s
                for s in options
                if together <= slots[s].persons + pledged.get(_pair(slots[s]), 0)
            ]
            for s in set(options) - set(fits):
                for i in members:
                    barriers[i, s] = "places"
            options = fits
        for i in members:
            lock = locks.get(cases[i].case)
            if lock is None:
                continue
            if not lock[0]:
                options = []
                continue
            held = [s for s in options if slots[s].programme == lock[0]
                    and (not lock[1] or slots[s].window == lock[1])]  # fmt: skip
            if not held:
                wanted = [s for s, w in enumerate(slots) if w.programme == lock[0]
                          and (not lock[1] or w.window == lock[1])]  # fmt: skip
                reasons = [
                    barriers[j, s] for s in wanted for j in members if (j, s) in barriers
                ]
                if reasons:
                    impossible.append((cases[i].case, BARRIERS[reasons[0]]))
            must[u] = True
            options = held
        columns.append(options)

    start = np.concatenate([[0], np.cumsum([len(c) for c in columns])]).astype(np.int64)
    slot = np.fromiter((s for c in columns for s in c), np.int16, int(start[-1]))
    size = np.array([sum(cases[i].size for i in m) for m in unit_members], np.int64)
    linked_groups = _groups(cases, unit_of_case)
    linked = np.zeros(len(unit_members), bool)
    for group in linked_groups:
        linked[list(group)] = True
    rows, limits, selectors, scopes, sides = _rows(tables, aims, pledged)
    klass, shares = _classes(cases, unit_members, selectors, aims, linked, size)
    group_floors = _floor_rows(cases, unit_of_case, aims, linked, len(slots))
    for name, limit, floor_index in group_floors:
        rows.append(RowInfo("floor", name))
        limits.append(limit)
        scopes.append(list(range(len(slots))))
        sides.append((-1.0, len(selectors) + floor_index, False))
    met_start, met, met_share = _met(len(slots), shares, scopes, sides)
    p_of, p_row, p_coef, counted = _pledge_entries(tables, aims, rows, scopes)

    weight, emergency, column_weight = _weights(tables, aims, unit_members, start, slot, score)
    outcome, kept = _values(tables, aims, unit_members, start, slot, score)
    unit_names = [name_of(m, cases) for m in unit_members]
    before = np.array([any(cases[i].case in tables.previous for i in m) for m in unit_members])
    ticket = np.array([draw(seed, name) for name in unit_names])
    column_ticket = np.array(
        [
            draw(seed, unit_names[u], slots[s].programme, slots[s].window)
            for u, options in enumerate(columns)
            for s in options
        ]
    )
    countries = sorted({w.destination for w in slots})
    programmes = sorted({w.programme for w in slots})
    model = Model(
        size=size,
        klass=klass,
        start=start,
        slot=slot,
        slot_programme=np.array([programmes.index(w.programme) for w in slots], np.int64),
        slot_country=np.array([countries.index(w.destination) for w in slots], np.int64),
        slot_order=_order(slots),
        met_start=met_start,
        met=met,
        met_share=met_share,
        limit=np.array(limits, float),
        pledges=len(counted),
        pledge_of=p_of,
        pledge_row=p_row,
        pledge_coef=p_coef,
        group_start=np.concatenate([[0], np.cumsum([len(g) for g in linked_groups])]).astype(
            np.int64
        ),
        group_member=np.array([u for g in linked_groups for u in g], np.int64),
        rows=rows,
    )
    return Compiled(
        model=model,
        tables=tables,
        aims=aims,
        members=unit_members,
        unit_of_case=unit_of_case,
        weight=weight,
        emergency=emergency,
        column_weight=column_weight,
        outcome=outcome,
        kept=kept,
        ticket=(ticket + before) if len(unit_names) else ticket,
        column_ticket=column_ticket,
        must=must,
        barriers=barriers,
        slots=slots,
        pledges=counted,
        impossible_locks=impossible,
        linked=linked,
        score={k: v.score for k, v in (score or {}).items()},
    )


def _pair(window: Window) -> tuple[str, str]:
    return (window.programme, window.window)


def locks_of(tables: Tables) -> dict[str, tuple[str, str]]:
    """Where each locked case has to go, as (programme, window); a lock given apart comes first."""
    locks = {c.case: (c.locked, c.locked_window) for c in tables.cases if c.locked}
    locks.update({x.case: (x.programme, x.window) for x in tables.locks})
    return locks


def _households(cases: Sequence[Case]) -> tuple[list[tuple[int, ...]], IntArray]:
    """Cases of one household form one unit, unless every one of them agreed to be split."""
    by_name: dict[str, list[int]] = {}
    for i, case in enumerate(cases):
        if case.household:
            by_name.setdefault(case.household, []).append(i)
    first = {}
    for members in by_name.values():
        if len(members) > 1 and not all(cases[i].split_agreed for i in members):
            first.update(dict.fromkeys(members, members[0]))
    units: list[tuple[int, ...]] = []
    unit_of_case = np.zeros(len(cases), np.int64)
    for i, case in enumerate(cases):
        if first.get(i, i) != i:
            continue
        members_of = by_name[case.household] if i in first else [i]
        for j in members_of:
            unit_of_case[j] = len(units)
        units.append(tuple(members_of))
    return units, unit_of_case


def _groups(cases: Sequence[Case], unit_of_case: IntArray) -> list[tuple[int, ...]]:
    """Units joined by links, directly or through others; agreed splits stay linked."""
    parent = list(range(len(unit_of_case)))

    def root(u: int) -> int:
        while parent[u] != u:
            parent[u] = parent[parent[u]]
            u = parent[u]
        return u

    position = {c.case: i for i, c in enumerate(cases)}
    households: dict[str, int] = {}
    for i, case in enumerate(cases):
        others = [position[o] for o in case.linked_to if o in position]
        if case.household:
            others.append(households.setdefault(case.household, i))
        for j in others:
            a, b = root(int(unit_of_case[i])), root(int(unit_of_case[j]))
            parent[max(a, b)] = min(a, b)
    found: dict[int, list[int]] = {}
    for u in sorted({int(u) for u in unit_of_case}):
        found.setdefault(root(u), []).append(u)
    return [tuple(g) for g in found.values() if len(g) > 1]


def _places_that_may_open(pledges: Iterable[Pledge], aims: Aims) -> dict[tuple[str, str], int]:
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
        self.pledged = _places_that_may_open(tables.pledges, aims)
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
        if case.size > window.persons + self.pledged.get(_pair(window), 0):
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


def scope_of(programme: str, window: str, slots: Sequence[Window]) -> list[int]:
    """Slots meant by a programme name, a country or "all", and a window name or blank."""
    return [
        s
        for s, w in enumerate(slots)
        if programme in ("all", w.programme, w.country) and window in ("", w.window)
    ]


Side = tuple[float, int, bool]  # sign, selector index, counts everyone else


def _rows(
    tables: Tables, aims: Aims, pledged: Mapping[tuple[str, str], int]
) -> tuple[list[RowInfo], list[float], list[Selector], list[list[int]], list[Side]]:
    slots = tables.windows
    rows: list[RowInfo] = []
    limits: list[float] = []
    scopes: list[list[int]] = []
    sides: list[Side] = []
    selectors = [Selector()]

    def selector(who: Selector) -> int:
        if who not in selectors:
            selectors.append(who)
        return selectors.index(who)

    for s, w in enumerate(slots):
        counts = w.state in aims.states_that_count
        rows.append(RowInfo("places", w.name, w.programme, w.window))
        limits.append(float(w.persons if counts else 0))
        scopes.append([s])
        sides.append((1.0, 0, False))
    for limit in tables.limits:
        scope = scope_of(limit.programme, limit.window, slots)
        places = sum(
            slots[s].persons for s in scope if slots[s].state in aims.states_that_count
        )
        earmark = limit.kind == "earmark"
        rows.append(
            RowInfo(limit.kind, limit.limit, limit.programme, limit.window, limit.who.words())
        )
        limits.append(float(max(0, places - limit.persons) if earmark else limit.persons))
        scopes.append(scope)
        sides.append((1.0, selector(limit.who), earmark))
    for pledge in tables.pledges:
        if pledge.state not in aims.states_that_count:
            continue
        rows.append(
            RowInfo("pledge", pledge.pledge, pledge.if_programme, "", pledge.who.words())
        )
        limits.append(0.0)
        scopes.append([s for s, w in enumerate(slots) if w.programme == pledge.if_programme])
        sides.append((-1.0, selector(pledge.who), False))
    return rows, limits, selectors, scopes, sides


def row_limits(tables: Tables, aims: Aims) -> list[float]:
    """The limits of the rows of `Model` that tables alone decide: all but those of floors."""
    tables = tables.in_order()
    return _rows(tables, aims, _places_that_may_open(tables.pledges, aims))[1]


def _classes(
    cases: Sequence[Case],
    units: Sequence[tuple[int, ...]],
    selectors: Sequence[Selector],
    aims: Aims,
    linked: BoolArray,
    size: IntArray,
) -> tuple[IntArray, list[tuple[float, ...]]]:
    """Class of each unit: the share of its persons that each selector and floor counts."""
    shares: dict[tuple[float, ...], int] = {}
    klass = np.zeros(len(units), np.int64)
    for u, members in enumerate(units):
        share = tuple(
            sum(cases[i].size for i in members if who.selects(cases[i])) / int(size[u])
            for who in selectors
        ) + tuple(
            sum(cases[i].size for i in members if in_group(cases[i], f.group, bool(linked[u])))
            / int(size[u])
            for f in aims.floors
        )
        klass[u] = shares.setdefault(share, len(shares))
    return klass, list(shares)


def _floor_rows(
    cases: Sequence[Case], unit_of_case: IntArray, aims: Aims, linked: BoolArray, slots: int
) -> list[tuple[str, float, int]]:
    found = []
    for f, floor in enumerate(aims.floors):
        persons = sum(
            c.size
            for i, c in enumerate(cases)
            if in_group(c, floor.group, bool(linked[unit_of_case[i]]))
        )
        found.append((floor.name, -float(np.ceil(floor.share * persons - 1e-9)), f))
    return found


def _met(
    slots: int,
    shares: Sequence[tuple[float, ...]],
    scopes: Sequence[list[int]],
    sides: Sequence[Side],
) -> tuple[IntArray, IntArray, FloatArray]:
    cells: list[list[tuple[int, float]]] = [[] for _ in range(max(1, len(shares)) * slots)]
    for k, share in enumerate(shares):
        for r, (sign, who, others) in enumerate(sides):
            part = sign * (1.0 - share[who] if others else share[who])
            if part:
                for s in scopes[r]:
                    cells[k * slots + s].append((r, part))
    start = np.concatenate([[0], np.cumsum([len(c) for c in cells])]).astype(np.int64)
    met = np.array([r for c in cells for r, _ in c], np.int64)
    part_of = np.array([p for c in cells for _, p in c], float)
    return start, met, part_of


def _pledge_entries(
    tables: Tables, aims: Aims, rows: Sequence[RowInfo], scopes: Sequence[list[int]]
) -> tuple[IntArray, IntArray, FloatArray, tuple[Pledge, ...]]:
    counted = tuple(p for p in tables.pledges if p.state in aims.states_that_count)
    of, row_of, coef = [], [], []
    for k, pledge in enumerate(counted):
        opened = scope_of(pledge.opens_programme, pledge.opens_window, tables.windows)
        opened = [s for s in opened if tables.windows[s].programme == pledge.opens_programme]
        for r, info in enumerate(rows):
            if info.kind == "pledge" and info.name == pledge.pledge:
                amount = float(pledge.if_persons)
            elif info.kind in ("places", "earmark") and set(scopes[r]) & set(opened):
                amount = -float(pledge.opens_persons)
            else:
                continue
            of.append(k)
            row_of.append(r)
            coef.append(amount)
    return (
        np.array(of, np.int64),
        np.array(row_of, np.int64),
        np.array(coef, float),
        counted,
    )


def _order(slots: Sequence[Window]) -> FloatArray:
    """How late a window is: quarters since the first opening, or its rank by name."""
    days = [w.opens or w.closes for w in slots]
    known = [d for d in days if d is not None]
    if known:
        first = min(known)
        return np.array([(d - first).days / 91.3125 if d else 0.0 for d in days])
    names = sorted({w.window for w in slots})
    return np.array([float(names.index(w.window)) for w in slots])


def _weights(
    tables: Tables,
    aims: Aims,
    units: Sequence[tuple[int, ...]],
    start: IntArray,
    slot: AnyArray,
    score: Mapping[tuple[str, str], Any] | None,
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    stage = aims.stage("protection")
    options: Mapping[str, Any] = stage.options if stage else {}
    by_priority, by_category = options.get("priority", {}), options.get("category", {})
    each = np.array(
        [
            c.size
            * by_priority.get(c.priority, 1.0)
            * max((by_category.get(k, 1.0) for k in c.categories), default=1.0)
            for c in tables.cases
        ]
    )
    weight = np.array([sum(each[i] for i in m) for m in units], float)
    emergency = np.array(
        [
            sum(tables.cases[i].size for i in m if tables.cases[i].priority == "emergency")
            for m in units
        ],
        float,
    )
    if not options.get("use_acceptance") or score is None:
        return weight, emergency, None
    column_weight = np.zeros(len(slot))
    for u, members in enumerate(units):
        for j in range(start[u], start[u + 1]):
            programme = tables.windows[slot[j]].programme
            for i in members:
                line = score.get((tables.cases[i].case, programme))
                chance = 1.0 if line is None or line.acceptance is None else line.acceptance
                column_weight[j] += each[i] * chance
    return weight, emergency, column_weight


def _values(
    tables: Tables,
    aims: Aims,
    units: Sequence[tuple[int, ...]],
    start: IntArray,
    slot: AnyArray,
    score: Mapping[tuple[str, str], Any] | None,
) -> tuple[FloatArray, FloatArray]:
    """Outcome points and cases kept in place, per column."""
    outcome, kept = np.zeros(len(slot)), np.zeros(len(slot))
    for u, members in enumerate(units):
        for j in range(start[u], start[u + 1]):
            window = tables.windows[slot[j]]
            for i in members:
                case = tables.cases[i]
                outcome[j] += sum(
                    outcome_parts(case, window, aims, None if score is None else score).values()
                )
                if tables.previous.get(case.case) == _pair(window):
                    kept[j] += 1
    return outcome, kept


def outcome_parts(
    case: Case, window: Window, aims: Aims, score: Mapping[tuple[str, str], Any] | None
) -> dict[str, float]:
    """What the outcome stage counts for a case in a window, part by part (only those not 0)."""
    stage = aims.stage("outcome")
    if stage is None:
        return {}
    o = stage.options
    parts: dict[str, float] = {}
    line = None if score is None else score.get((case.case, window.programme))
    if line is not None:
        value = line if isinstance(line, float) else line.score
        parts["score"] = o["score"] * value * (case.size if o["per"] == "person" else 1)
    names = (window.programme, window.destination)
    for rank, wish in enumerate(case.preferred):
        if wish in names:
            parts["preference"] = o["preference"] / (rank + 1)
            break
    if any(t in names for t in case.ties):
        parts["family tie"] = o["family_tie"]
    if set(case.languages) & set(window.languages):
        parts["language"] = o["language"]
    if set(case.skills) & set(window.skills):
        parts["skill"] = o["skill"]
    return {k: v for k, v in parts.items() if v}
