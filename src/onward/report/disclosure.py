"""What may be shown to whom: one table of rules, and the attack that checks it.

A small count in a closed camp names a person. Comes in: tables of counts of people and an
audience. Goes out: the same tables with cells hidden (and rounded, outside) so that nobody can
work a hidden cell back from the totals, from another table of the same release, or from its
margins, exactly or to within two. `narrowest` is the attack itself: the least and the greatest
value a hidden cell can take given everything published; `protect` hides more until the attack
fails, and the tests run it over every pair of tables.

Two sources: the internal and external thresholds are the product's own (see
docs/reference/disclosure.md); the attack is the usual audit of cell suppression by linear
programming (Fischetti and Salazar, Management Science 2001).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Audience = Literal["internal", "external"]
Key = tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """What one audience may see.

    hide_from, hide_to  counts in this range are hidden (people)
    round_to            every shown count is rounded to a multiple of this; 1 leaves it
    changes             whether changes since an earlier report may be shown
    free_dates          whether any as-of date may be chosen
    """

    hide_from: int
    hide_to: int
    round_to: int
    changes: bool
    free_dates: bool


RULES: Mapping[Audience, Rule] = {
    "internal": Rule(hide_from=1, hide_to=4, round_to=1, changes=True, free_dates=True),
    # Outside, a zero tells as much as a one ("all refused"), so zero to ten are one answer.
    "external": Rule(hide_from=0, hide_to=10, round_to=5, changes=False, free_dates=False),
}
TOTAL = "*"
# A hidden cell is safe when the attacker's range is wider than this: known to within two or
# less means a range of at most four.
SAFE_RANGE = 4


@dataclass(frozen=True)
class Counts:
    """Counts of people over named dimensions, with every margin.

    dimensions  names of the dimensions, e.g. ("legal status", "site")
    labels      the categories of each dimension, in the order shown
    values      one count per full combination of categories; missing combinations are zero
    """

    name: str
    dimensions: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    values: Mapping[Key, int]

    def cells(self) -> list[Key]:
        """Every cell shown: the combinations and all margins ("*" stands for all)."""
        return list(itertools.product(*[(*labels, TOTAL) for labels in self.labels]))

    def value(self, key: Key) -> int:
        """The count of a cell or margin."""
        return sum(
            count
            for combination, count in self.values.items()
            if all(part in (TOTAL, own) for part, own in zip(key, combination, strict=True))
        )


@dataclass(frozen=True)
class Shown:
    """A protected table: what each cell shows; None is hidden."""

    counts: Counts
    audience: Audience
    shown: Mapping[Key, int | None]

    def text(self, key: Key) -> str:
        value = self.shown[key]
        return "…" if value is None else f"{value:,}"


def rounded(value: int, base: int) -> int:
    """To the nearest multiple, halves up; no negative counts."""
    return value if base == 1 else base * ((value + base // 2) // base)


def scalar(value: int, audience: Audience) -> str:
    """One count standing alone, as words: "3,715", "fewer than 5", "10 or fewer"."""
    rule = RULES[audience]
    if rule.hide_from <= value <= rule.hide_to:
        return "10 or fewer" if audience == "external" else "fewer than 5"
    return f"{rounded(value, rule.round_to):,}"


def protect(tables: Sequence[Counts], audience: Audience) -> list[Shown]:
    """Hide and round until no hidden cell can be worked back, alone or from a pair of tables.

    tables    counts of the same people (one release)
    returns   one protected table each, in order
    """
    rule = RULES[audience]
    shown = [_primary(table, audience, rule) for table in tables]
    for index, table in enumerate(shown):
        shown[index] = _complete([table], 0)
    changed = len(shown) > 1
    while changed:
        # A cell hidden for one pair is a new target in every other pair: sweep until still.
        changed = False
        for first, second in itertools.permutations(range(len(shown)), 2):
            closed = _complete([shown[first], shown[second]], 0)
            changed = changed or closed is not shown[first]
            shown[first] = closed
    return shown


def _primary(table: Counts, audience: Audience, rule: Rule) -> Shown:
    cells: dict[Key, int | None] = {}
    for key in table.cells():
        value = table.value(key)
        hidden = rule.hide_from <= value <= rule.hide_to
        cells[key] = None if hidden else rounded(value, rule.round_to)
    return Shown(table, audience, cells)


def _complete(group: list[Shown], which: int) -> Shown:
    """Hide further cells of `group[which]` until none of its hidden cells is recoverable."""
    while True:
        exposed = recoverable(group, which)
        if not exposed:
            return group[which]
        table = group[which]
        more = _next_to_hide(table, exposed[0])
        if more is None:
            return table
        group = list(group)
        group[which] = replace(table, shown={**table.shown, more: None})


def _next_to_hide(table: Shown, exposed: Key) -> Key | None:
    """The smallest shown cell that shares a line with the exposed one; margins last."""
    candidates = []
    for key, value in table.shown.items():
        if value is None or key == exposed:
            continue
        differing = sum(a != b for a, b in zip(key, exposed, strict=True))
        margins = sum(part == TOTAL for part in key)
        candidates.append(
            (differing > 1, margins, table.counts.value(key) == 0, table.counts.value(key), key)
        )
    return min(candidates)[-1] if candidates else None


def recoverable(group: Sequence[Shown], which: int = 0) -> list[Key]:
    """Hidden cells of `group[which]` that an attacker who sees the whole group knows to within two.

    A cell whose range is narrow because the true count leaves no room (an empty table) cannot
    be protected by hiding more and is still listed: the caller hides the whole line.
    """
    table = group[which]
    hidden = [key for key, value in table.shown.items() if value is None]
    if not hidden:
        return []
    attack = _Attack(group)
    found = []
    for key in hidden:
        low, high = attack.range(which, key)
        if high - low <= SAFE_RANGE:
            found.append(key)
    return found


def narrowest(group: Sequence[Shown], which: int, key: Key) -> tuple[float, float]:
    """The least and greatest value of one cell given everything the group publishes."""
    return _Attack(group).range(which, key)


class _Attack:
    """A linear program over the finest combinations of all dimensions of the group.

    Tables of one release count the same people, so a dimension they share is the same
    variable; the others are crossed. Each published cell bounds a sum; each hidden cell is
    only known not to be negative (and, outside, that a hidden line was rounded).
    """

    def __init__(self, group: Sequence[Shown]) -> None:
        import highspy

        from onward.placement.program import new_highs

        names: dict[str, tuple[str, ...]] = {}
        for table in group:
            for name, labels in zip(table.counts.dimensions, table.counts.labels, strict=True):
                names.setdefault(name, labels)
        self._names = list(names)
        atoms = list(itertools.product(*names.values()))
        columns = {
            name: np.array([atom[i] for atom in atoms]) for i, name in enumerate(self._names)
        }
        self._rows: list[dict[Key, np.ndarray]] = []
        model = new_highs()
        infinity = highspy.kHighsInf
        model.addVars(len(atoms), np.zeros(len(atoms)), np.full(len(atoms), infinity))
        for table in group:
            rule = RULES[table.audience]
            members: dict[Key, np.ndarray] = {}
            for key, value in table.shown.items():
                mask = np.ones(len(atoms), dtype=bool)
                for name, part in zip(table.counts.dimensions, key, strict=True):
                    if part != TOTAL:
                        mask &= columns[name] == part
                members[key] = np.flatnonzero(mask)
                if value is None:
                    continue
                slack = rule.round_to // 2
                model.addRow(
                    max(0.0, value - slack),
                    value + slack,
                    len(members[key]),
                    members[key].astype(np.int32),
                    np.ones(len(members[key])),
                )
            self._rows.append(members)
        self._model = model
        self._highspy = highspy
        self._atoms = len(atoms)

    def range(self, which: int, key: Key) -> tuple[float, float]:
        members = self._rows[which][key]
        found = []
        for sense in (self._highspy.ObjSense.kMinimize, self._highspy.ObjSense.kMaximize):
            cost = np.zeros(self._atoms)
            cost[members] = 1.0
            self._model.changeColsCost(
                self._atoms, np.arange(self._atoms, dtype=np.int32), cost
            )
            self._model.changeObjectiveSense(sense)
            self._model.run()
            status = self._model.getModelStatus()
            if status == self._highspy.HighsModelStatus.kOptimal:
                found.append(self._model.getInfo().objective_function_value)
            else:
                found.append(
                    0.0 if sense == self._highspy.ObjSense.kMinimize else float("inf")
                )
        return found[0], found[1]


def release_faults(new: Iterable[Shown], earlier: Iterable[Shown]) -> list[str]:
    """Names of tables whose new release differs in shape from an earlier one.

    External tables are frozen: the same name must keep its dimensions and categories, so that
    weekly re-cuts cannot be subtracted from each other.
    """
    known = {table.counts.name: table.counts for table in earlier}
    faults = []
    for table in new:
        before = known.get(table.counts.name)
        if before and (
            before.dimensions != table.counts.dimensions or before.labels != table.counts.labels
        ):
            faults.append(table.counts.name)
    return faults
