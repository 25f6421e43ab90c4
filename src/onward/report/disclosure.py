"""What may be shown to whom: one table of rules, and the attack that checks it.

A small count in a closed camp names a person. Comes in: every table of counts that one release
will print, and an audience. Goes out: the same tables with cells hidden (and rounded, outside)
so that nobody can work a hidden cell back from everything published together, exactly or to
within two. The attack is the usual audit of cell suppression by linear programming (Fischetti
and Salazar, Management Science 2001), over all tables of the release at once: two cells that
count the same people are one unknown, and a cell whose people all belong to another cell is
never greater. The thresholds are the product's own (`docs/reference/disclosure.md`).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Audience = Literal["internal", "external"]
Key = tuple[str, ...]
Codes: TypeAlias = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Rule:
    """What one audience may see.

    hide_from, hide_to  counts in this range are hidden (people)
    round_to            every shown count is rounded to a multiple of this; 1 leaves it
    history_to          every past or simulated number of people is rounded to this
    changes             whether changes since an earlier report may be shown
    free_dates          whether any as-of date may be chosen
    """

    hide_from: int
    hide_to: int
    round_to: int
    history_to: int
    changes: bool
    free_dates: bool


RULES: Mapping[Audience, Rule] = {
    "internal": Rule(1, 4, 1, 10, changes=True, free_dates=True),
    # Outside, a zero tells as much as a one ("all refused"), so zero to ten are one answer.
    "external": Rule(0, 10, 5, 10, changes=False, free_dates=False),
}
TOTAL = "*"
# A hidden cell is safe when the attacker's range is wider than this: known to within two or
# less means a range of at most four.
SAFE_RANGE = 4
# Containments kept per hidden cell: the tightest few decide its range.
NEAREST = 4


@dataclass(frozen=True)
class Counts:
    """Counts over named dimensions, with every margin.

    dimensions  names of the dimensions, e.g. ("legal status", "site")
    labels      the categories of each dimension, in the order shown
    values      one count per full combination of categories; missing combinations are zero
    universe    what is counted; tables of one universe have the same total
    sums        further cells that are shown: name -> categories they add up (one dimension)
    who         per dimension the category number of every row of the person table, -1 for
                people not counted; None where no people are counted
    """

    name: str
    dimensions: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    values: Mapping[Key, int]
    universe: str = "people"
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    who: tuple[Codes, ...] | None = field(default=None, compare=False, repr=False)

    def cells(self) -> list[Key]:
        """Every cell shown: the combinations, all margins ("*" stands for all) and the sums."""
        found = list(itertools.product(*[(*labels, TOTAL) for labels in self.labels]))
        return [*found, *((name,) for name in self.sums)]

    def parts(self, key: Key) -> list[Key]:
        """The full combinations that a cell adds up."""
        if len(key) == 1 and key[0] in self.sums:
            return [(label,) for label in self.sums[key[0]]]
        wanted = zip(key, self.labels, strict=True)
        return list(
            itertools.product(*[own if part == TOTAL else (part,) for part, own in wanted])
        )

    def value(self, key: Key) -> int:
        """The count of a cell, margin or sum."""
        return sum(self.values.get(part, 0) for part in self.parts(key))

    def members(self, key: Key) -> npt.NDArray[np.bool_] | None:
        """Which rows of the person table a cell counts; None where no people are counted."""
        if self.who is None:
            return None
        if not self.who:
            return None
        mask = np.ones(len(self.who[0]), dtype=bool)
        for part, own, codes in zip(key, self.labels, self.who, strict=True):
            if part == TOTAL:
                mask &= codes >= 0
            else:
                wanted = self.sums.get(part, (part,))
                mask &= np.isin(codes, [own.index(label) for label in wanted])
        return mask


def counted(
    name: str,
    dimensions: Sequence[str],
    labels: Sequence[Sequence[str]],
    who: Sequence[npt.NDArray[Any]],
    *,
    universe: str = "people",
    sums: Mapping[str, tuple[str, ...]] | None = None,
) -> Counts:
    """Counts of people by what is known of each.

    who  per dimension (n,) category numbers over the person table, -1 for people not counted
    """
    codes = tuple(np.asarray(column, dtype=np.int16) for column in who)
    inside = np.all([column >= 0 for column in codes], axis=0)
    codes = tuple(np.where(inside, column, -1).astype(np.int16) for column in codes)
    values: dict[Key, int] = {}
    found, times = np.unique(np.stack([c[inside] for c in codes]), axis=1, return_counts=True)
    for column, times_seen in zip(found.T, times, strict=True):
        key = tuple(own[i] for own, i in zip(labels, column, strict=True))
        values[key] = int(times_seen)
    return Counts(
        name, tuple(dimensions), tuple(tuple(own) for own in labels), values, universe,
        sums or {}, codes,
    )  # fmt: skip


def alone(name: str, value: int) -> Counts:
    """One count that shares its universe with no other."""
    return Counts(name, (), (), {(): value}, universe=name)


@dataclass(frozen=True)
class Shown:
    """A protected table: what each cell shows; None is hidden."""

    counts: Counts
    audience: Audience
    shown: Mapping[Key, int | None]

    def text(self, key: Key) -> str:
        value = self.shown[key]
        return "…" if value is None else f"{value:,}"


def rounded(value: float, base: int) -> int:
    """To the nearest multiple, halves up; no negative counts."""
    return int(value) if base == 1 else base * int((value + base / 2) // base)


def small(audience: Audience) -> str:
    """What a hidden count is called in a sentence."""
    return "10 or fewer" if audience == "external" else "fewer than 5"


def scalar(value: int, audience: Audience) -> str:
    """One count standing alone, as words: "3,715", "fewer than 5", "10 or fewer"."""
    rule = RULES[audience]
    if rule.hide_from <= value <= rule.hide_to:
        return small(audience)
    return f"{rounded(value, rule.round_to):,}"


def protect(
    tables: Sequence[Counts],
    audience: Audience,
    hide: Mapping[str, Collection[Key]] | None = None,
) -> list[Shown]:
    """Hide and round until no hidden cell can be worked back from all tables together.

    tables    everything one release counts
    hide      cells by table that an earlier release hid and that stay hidden
    returns   one protected table each, in order
    """
    shown = [_primary(table, audience, (hide or {}).get(table.name, ())) for table in tables]
    closed: list[Shown | None] = [None] * len(shown)
    for group in _linked(shown):
        done = _Attack([shown[i] for i in group]).close()
        for i, table in zip(group, done, strict=True):
            closed[i] = table
    return [table for table in closed if table is not None]


def _primary(table: Counts, audience: Audience, hide: Collection[Key] = ()) -> Shown:
    rule = RULES[audience]
    cells: dict[Key, int | None] = {}
    for key in table.cells():
        value = table.value(key)
        hidden = rule.hide_from <= value <= rule.hide_to or key in hide
        cells[key] = None if hidden else rounded(value, rule.round_to)
    return Shown(table, audience, cells)


def _linked(tables: Sequence[Shown]) -> list[list[int]]:
    """Groups of tables that bear on each other: one universe, or one set of people."""
    group = list(range(len(tables)))

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    first: dict[str, int] = {}
    for i, table in enumerate(tables):
        # All tables that count people are one group: the same person stands in many of them.
        name = "people" if table.counts.who is not None else table.counts.universe
        group[root(i)] = root(first.setdefault(name, i))
    found: dict[int, list[int]] = {}
    for i in range(len(tables)):
        found.setdefault(root(i), []).append(i)
    return list(found.values())


def recoverable(group: Sequence[Shown], which: int | None = None) -> list[Key]:
    """Hidden cells that an attacker who sees the whole group knows to within two.

    which    the table whose cells are returned; None: those of all tables
    """
    attack = _Attack(group)
    return [
        key
        for number, key in attack.hidden()
        if which in (None, number) and attack.exposed(number, key) is not None
    ]


def narrowest(group: Sequence[Shown], which: int, key: Key) -> tuple[float, float]:
    """The least and greatest value of one cell given everything the group publishes."""
    return _Attack(group).range(which, key)


@dataclass(frozen=True)
class _Cell:
    """One published place: table number, key, LP columns it adds up, row of its bounds."""

    table: int
    key: Key
    columns: npt.NDArray[np.int32]
    value: int


class _Attack:
    """A linear program over the finest cells of every table of a group.

    Each published cell bounds a sum; a hidden cell is only known not to be negative (inside, to
    be at least one: a zero is shown). Cells of different tables that count the same people are
    equal; shared dimensions of one universe have equal margins. Hiding more only widens ranges,
    so a cell once safe stays safe and every solution found serves all cells.
    """

    def __init__(self, group: Sequence[Shown]) -> None:
        import highspy

        from onward.placement.solving.programs.program import new_highs

        self._shown = [dict(table.shown) for table in group]
        self._group = list(group)
        self._inf = highspy.kHighsInf
        self._highspy = highspy
        start, self._first = 0, []
        index: list[dict[Key, int]] = []
        for table in group:
            fine = list(itertools.product(*table.counts.labels))
            index.append({key: start + i for i, key in enumerate(fine)})
            self._first.append(start)
            start += len(fine)
        self._columns = start
        self._cells: dict[tuple[int, Key], _Cell] = {}
        for number, table in enumerate(group):
            for key in table.shown:
                columns = [index[number][part] for part in table.counts.parts(key)]
                self._cells[number, key] = _Cell(
                    number, key, np.array(columns, np.int32), table.counts.value(key)
                )
        self._model = new_highs()
        self._model.addVars(start, np.zeros(start), np.full(start, self._inf))
        self._row: dict[tuple[int, Key], int] = {}
        self._rows = 0
        for place, cell in self._cells.items():
            self._row[place] = self._add(
                cell.columns, np.ones(len(cell.columns)), *self._bounds(cell)
            )
        self._binding = {row: place for place, row in self._row.items()}
        self._tie()
        # What the tables may really be, as far as their reader knows: the truth, and every
        # solution found. They show most cells safe without solving anything.
        truth = [
            table.counts.values.get(key, 0)
            for table in group
            for key in itertools.product(*table.counts.labels)
        ]
        self._seen: npt.NDArray[np.float64] = np.array([truth], float)

    def _add(self, columns: Any, factors: Any, low: float, high: float) -> int:
        self._model.addRow(low, high, len(columns), columns, factors)
        self._rows += 1
        return self._rows - 1

    def _bounds(self, cell: _Cell) -> tuple[float, float]:
        value = self._shown[cell.table][cell.key]
        rule = RULES[self._group[cell.table].audience]
        if value is None:
            return (1.0 if rule.hide_from and cell.value else 0.0), self._inf
        slack = rule.round_to // 2
        return max(0.0, value - slack), float(value + slack)

    def _equal(
        self, one: npt.NDArray[np.int32], other: npt.NDArray[np.int32], sign: str
    ) -> None:
        columns = np.concatenate([one, other])
        factors = np.concatenate([np.ones(len(one)), -np.ones(len(other))])
        self._add(columns, factors, 0.0 if sign == "=" else -self._inf, 0.0)

    def _tie(self) -> None:
        """Rows that say what the tables have in common."""
        for (i, one), (j, other) in itertools.combinations(enumerate(self._group), 2):
            if one.counts.universe != other.counts.universe:
                continue
            shared = [d for d in one.counts.dimensions if d in other.counts.dimensions]
            wanted = [one.counts.labels[one.counts.dimensions.index(d)] for d in shared]
            if j != i + 1 and not shared:
                continue  # totals are chained from table to table
            for labels in itertools.product(*wanted):
                pair = dict(zip(shared, labels, strict=True))
                keys = [
                    tuple(pair.get(d, TOTAL) for d in table.counts.dimensions)
                    for table in (one, other)
                ]
                if (j, keys[1]) in self._cells:
                    self._equal(
                        self._cells[i, keys[0]].columns, self._cells[j, keys[1]].columns, "="
                    )
        places = [
            p for p, c in self._cells.items() if self._group[c.table].counts.who is not None
        ]
        masks = [self._group[i].counts.members(key) for i, key in places]
        known = [(p, m) for p, m in zip(places, masks, strict=True)
                 if m is not None and m.any() and self._certain(p)]  # fmt: skip
        if not known:
            return
        people = np.stack([mask for _, mask in known]).astype(np.float32)
        both = np.rint(people @ people.T).astype(np.int64)
        size = np.diag(both)
        order = [p for p, _ in known]
        first: dict[bytes, int] = {}
        for i, (place, mask) in enumerate(known):
            same = first.setdefault(np.packbits(mask).tobytes(), i)
            if same != i and order[same][0] != place[0]:
                self._equal(self._cells[order[same]].columns, self._cells[place].columns, "=")
        # Also around what is shown: any of it may have to be hidden to cover another cell.
        for i, place in enumerate(order):
            apart = np.array([p[0] != place[0] for p in order])
            inside = np.flatnonzero((both[i] == size) & (size < size[i]) & apart)
            around = np.flatnonzero((both[i] == size[i]) & (size > size[i]) & apart)
            for k in inside[np.argsort(-size[inside], kind="stable")][:NEAREST]:
                self._equal(self._cells[order[k]].columns, self._cells[place].columns, "<")
            for k in around[np.argsort(size[around], kind="stable")][:NEAREST]:
                self._equal(self._cells[place].columns, self._cells[order[k]].columns, "<")

    def _certain(self, place: tuple[int, Key]) -> bool:
        """Whether the same people in another table can be known to be the same.

        Where a zero is hidden, "all of them" and "all of them and nobody else" are different
        answers to a reader, though they count the same people.
        """
        table, cell = self._group[place[0]], self._cells[place]
        if RULES[table.audience].hide_from or TOTAL in place[1] or not place[1]:
            return True
        whole = sum(table.counts.values.values())
        fine = [
            table.counts.values.get(part, 0) for part in itertools.product(*table.counts.labels)
        ]
        return cell.value < whole and 0 not in fine

    def hidden(self) -> list[tuple[int, Key]]:
        return [
            (i, key) for (i, key) in self._cells if self._shown[i][key] is None
        ]  # fmt: skip

    def _solve(self, cell: _Cell, sense: Any) -> tuple[float, list[tuple[int, Key]]]:
        """The extreme value of a cell, and the published cells that hold it there."""
        cost = np.zeros(self._columns)
        cost[cell.columns] = 1.0
        every = np.arange(self._columns, dtype=np.int32)
        self._model.changeColsCost(self._columns, every, cost)
        self._model.changeObjectiveSense(sense)
        self._model.run()
        if self._model.getModelStatus() != self._highspy.HighsModelStatus.kOptimal:
            return (0.0 if sense == self._highspy.ObjSense.kMinimize else float("inf")), []
        found = self._model.getSolution()
        self._seen = np.vstack([self._seen, np.asarray(found.col_value)])
        holding = [
            self._binding[int(row)]
            for row in np.flatnonzero(np.abs(np.asarray(found.row_dual)) > 1e-9)
            if row in self._binding
        ]
        return float(self._model.getInfo().objective_function_value), holding

    def range(self, which: int, key: Key) -> tuple[float, float]:
        cell = self._cells[which, key]
        low, _ = self._solve(cell, self._highspy.ObjSense.kMinimize)
        high, _ = self._solve(cell, self._highspy.ObjSense.kMaximize)
        return low, high

    def exposed(self, which: int, key: Key) -> list[tuple[int, Key]] | None:
        """None when a hidden cell is safe; else the published cells that give it away.

        Where zeros are shown, one that is hidden only covers others and has nothing to hide.
        """
        cell = self._cells[which, key]
        if RULES[self._group[which].audience].hide_from and not cell.value:
            return None
        values = self._seen[:, cell.columns].sum(axis=1)
        if values.max() - values.min() > SAFE_RANGE + 1e-6:
            return None
        high, over = self._solve(cell, self._highspy.ObjSense.kMaximize)
        if high == float("inf"):
            return None
        low, under = self._solve(cell, self._highspy.ObjSense.kMinimize)
        if high - low > SAFE_RANGE + 1e-6:
            return None
        return [
            p for p in dict.fromkeys([*over, *under]) if self._shown[p[0]][p[1]] is not None
        ]

    def close(self) -> list[Shown]:
        """Hide further cells until none that is hidden is exposed, then show what need not be."""
        sensitive = set(self.hidden())
        self._cover()
        self._uncover(sensitive)
        return [
            Shown(table.counts, table.audience, shown)
            for table, shown in zip(self._group, self._shown, strict=True)
        ]

    def _cover(self) -> None:
        waiting = self.hidden()
        while waiting:
            place = waiting.pop(0)
            giving = self.exposed(*place)
            if giving is None:
                continue
            more = self._next(place, giving)
            if more is None:
                continue
            self._show(more, None)
            waiting = [place, *waiting, more]

    def _uncover(self, sensitive: Collection[tuple[int, Key]]) -> None:
        """Show again what covers nothing: each cover was chosen before the later ones were known.

        The order does not look at what is hidden: tables as given, the one that is most read
        first, and totals before their parts.
        """
        covers = [place for place in self.hidden() if place not in sensitive]
        for place in sorted(covers, key=lambda p: (p[0], -sum(x == TOTAL for x in p[1]))):
            if self._shown[place[0]][place[1]] is None:
                self._try_showing(place, sensitive)

    def _try_showing(
        self, place: tuple[int, Key], sensitive: Collection[tuple[int, Key]]
    ) -> None:
        """Show a cell, and all that it gives away, unless that is a cell that must be hidden."""
        seen, tried = self._seen, [place]
        while True:
            newest = tried[-1]
            cell = self._cells[newest]
            rule = RULES[self._group[cell.table].audience]
            self._show(newest, rounded(cell.value, rule.round_to))
            low, high = self._bounds(cell)
            values = self._seen[:, cell.columns].sum(axis=1)
            self._seen = self._seen[(values >= low - 1e-6) & (values <= high + 1e-6)]
            kept = len(self._seen)
            given = self._given_away(sensitive)
            if given is None:
                return
            if given in sensitive:
                for each in tried:
                    self._show(each, None)
                # What is possible under more figures is possible under fewer.
                self._seen = np.vstack([seen, self._seen[kept:]])
                return
            tried.append(given)

    def _given_away(self, sensitive: Collection[tuple[int, Key]]) -> tuple[int, Key] | None:
        """A hidden cell that is exposed, one that must be hidden before all others."""
        for place in sorted(self.hidden(), key=lambda p: p not in sensitive):
            if self.exposed(*place) is not None:
                return place
        return None

    def _show(self, place: tuple[int, Key], value: int | None) -> None:
        self._shown[place[0]][place[1]] = value
        self._model.changeRowBounds(self._row[place], *self._bounds(self._cells[place]))

    def _next(
        self, place: tuple[int, Key], giving: list[tuple[int, Key]]
    ) -> tuple[int, Key] | None:
        """What to hide next: of the cells that give it away the smallest, totals last."""

        def cost(other: tuple[int, Key]) -> tuple[Any, ...]:
            margins = sum(part == TOTAL for part in other[1])
            cell = self._cells[other]
            whole = margins == len(other[1])
            return (whole, cell.value == 0, margins, cell.value, other)

        choice = giving or [p for p in self._cells if self._shown[p[0]][p[1]] is not None
                            and p[0] == place[0]]  # fmt: skip
        return min(choice, key=cost) if choice else None
