"""What the product reads from the log of simulated people, without writing the log.

Exists because two hundred logs of a camp take hours to write and fold. Comes in: units as they began
and a record of who moved when. Goes out: the tables that `caseload` makes of the same log;
`tests/forecast/test_per_person.py` holds the two to each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.planted.simulator import AS_OF, DEATH, DEPARTURES, GROUPS, Units, World
from onward.caseload.waits import WAITED


def exposures_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int,
    period: int, group: np.ndarray,
) -> pa.Table:  # fmt: skip
    """What `caseload.counting.exposures` makes of the same log, without writing the log.

    `tests/forecast/test_per_person.py` holds the two to each other.
    """
    starts = list(range(0, days, period))
    risk: dict[tuple[str, int, int], int] = {}
    moved: dict[tuple[str, int, int, str, str], int] = {}
    combo, size = before.combo.copy(), before.size.copy()
    by_day: dict[int, list[tuple[int, int, int, int, int]]] = {}
    for row in record:
        by_day.setdefault(row[0], []).append(row)
    held: dict[tuple[str, int], int] = {}
    for unit in range(len(combo)):
        key = (world.states[combo[unit]], int(group[unit]))
        held[key] = held.get(key, 0) + int(size[unit])
    for day in range(days):
        for _, unit, move, was, people in by_day.get(day, ()):
            name = world.moves[move]
            source = world.states[was]
            target = world.states[world.ways(was)[1][world.ways(was)[0].index(move)]]
            cell = (source, int(group[unit]))
            step = (source, int(group[unit]), day // period, name, target)
            moved[step] = moved.get(step, 0) + people
            held[cell] -= people
            other = (target, cell[1])
            held[other] = held.get(other, 0) + people
        for (state, g), people in held.items():
            if people:
                key3 = (state, g, day // period)
                risk[key3] = risk.get(key3, 0) + people
    rows = []
    for (state, g, index), person_days in risk.items():
        rows.append(_row(state, g, starts[index], period, days, None, None, person_days, 0))
    for (state, g, index, move_, target), people in moved.items():
        rows.append(_row(state, g, starts[index], period, days, move_, target, 0, people))
    return pa.Table.from_pylist(rows)


def departures_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int,
    group: np.ndarray, moves: Sequence[str] = DEPARTURES,
) -> pa.Table:  # fmt: skip
    """What `caseload.pace.pace` says of the days on which people left."""
    left: dict[tuple[str, int], dict[tuple[str, int], int]] = {}
    for day, unit, number, was, people in record:
        if (name := world.moves[number]) in moves:
            of = left.setdefault((name, day), {})
            cell = (world.states[was], int(group[unit]))
            of[cell] = of.get(cell, 0) + people
    sources: dict[str, set[str]] = {}
    for (name, _), cells in left.items():
        sources.setdefault(name, set()).update(state for state, _ in cells)
    state = [world.states[c] for c in before.combo]
    size = before.size.copy()
    rows = []
    by_day: dict[int, list[tuple[int, int, int, int, int]]] = {}
    for row in record:
        by_day.setdefault(row[0], []).append(row)
    for day in range(days):
        leaving = [name for name, on in left if on == day]
        if leaving:
            here: dict[tuple[str, int], int] = {}
            for name, g, people in zip(state, group, size, strict=True):
                here[name, int(g)] = here.get((name, int(g)), 0) + int(people)
            for move in leaving:
                for cell in sorted(here):
                    if cell[0] in sources[move]:
                        rows.append(
                            {"forecast_state": cell[0], "group": GROUPS[cell[1]], "move": move,
                             "on_day": AS_OF - dt.timedelta(days=days - 1 - day),
                             "transitions": left[move, day].get(cell, 0),
                             "waiting": here[cell]}
                        )  # fmt: skip
        for _, unit, number, was, _people in by_day.get(day, ()):
            if world.moves[number] == DEATH and size[unit] > 1:
                size[unit] -= 1
            else:
                state[unit] = world.states[world.ways(was)[1][world.ways(was)[0].index(number)]]
    return pa.Table.from_pylist(
        rows,
        schema=pa.schema(
            [("forecast_state", pa.string()), ("group", pa.string()), ("move", pa.string()),
             ("on_day", pa.date32()), ("transitions", pa.int64()), ("waiting", pa.int64())]
        ),
    )  # fmt: skip


def waits_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int
) -> pa.Table:
    """What `caseload.waits.waits` makes of the same log for stays begun after its first day."""
    lows = WAITED[:-1]
    state = [world.states[c] for c in before.combo]
    began: list[int | None] = [None] * len(state)
    size = before.size.copy()
    risk: dict[tuple[str, int], list[int]] = {}
    moved: dict[tuple[str, int, str, str], int] = {}

    def stayed(unit: int, until: int, open_: bool) -> int:
        """Book the stay's person-days; returns the row in which it ends."""
        start = began[unit]
        waited = until - (start or 0)
        row = max(i for i, low in enumerate(lows) if low <= waited)
        for i, low in enumerate(lows):
            spent = min(waited, WAITED[i + 1]) - low
            if spent > 0 and (start is not None or open_):
                cell = risk.setdefault((state[unit], i), [0, 0])
                cell[0] += int(size[unit]) * spent if start is not None else 0
                cell[1] += int(size[unit]) if open_ and waited <= WAITED[i + 1] else 0
        return row

    for day, unit, number, was, people in record:
        name = world.moves[number]
        if name == DEATH and size[unit] > 1:
            size[unit] -= 1
            continue
        target = world.states[world.ways(was)[1][world.ways(was)[0].index(number)]]
        if target == state[unit]:
            continue
        row = stayed(unit, day, False)
        if began[unit] is not None:
            key = (state[unit], row, name, target)
            moved[key] = moved.get(key, 0) + people
        state[unit], began[unit] = target, day
    for unit in range(len(state)):
        stayed(unit, days, True)
    rows = [
        _wait(state_, i, None, None, spent, waiting, 0)
        for (state_, i), (spent, waiting) in risk.items()
    ]
    rows += [_wait(state_, i, m, to, 0, 0, n) for (state_, i, m, to), n in moved.items()]
    return pa.Table.from_pylist(rows)


def _wait(
    state: str, row: int, move: str | None, target: str | None, spent: int, waiting: int, n: int
) -> dict[str, Any]:
    return {
        "forecast_state": state, "waited_from": WAITED[row],
        "waited_days": WAITED[row + 1] - WAITED[row], "move": move, "to_state": target,
        "person_days": spent, "waiting": waiting, "transitions": n,
    }  # fmt: skip


def stays_of(
    world: World, before: Units, record: Sequence[tuple[int, int, int, int, int]], days: int,
    group: np.ndarray,
) -> pa.Table:  # fmt: skip
    """What `caseload.pace.pace` says of stays that belong together, one member for each family."""
    first = AS_OF - dt.timedelta(days=days - 1)
    state = [world.states[c] for c in before.combo]
    began = [-1] * len(state)
    found: list[list[dict[str, Any]]] = [[] for _ in state]

    def over(unit: int, day: int | None, move: str | None) -> None:
        until = None if day is None else first + dt.timedelta(days=day)
        found[unit].append(
            {"person": unit, "household": unit, "forecast_state": state[unit],
             "group": GROUPS[group[unit]], "from_day": first + dt.timedelta(days=began[unit]),
             "until_day": until, "move": move, "whole": began[unit] >= 0}
        )  # fmt: skip

    size = before.size.copy()
    for day, unit, number, was, _ in record:
        name = world.moves[number]
        if name == DEATH and size[unit] > 1:
            size[unit] -= 1
            continue
        target = world.states[world.ways(was)[1][world.ways(was)[0].index(number)]]
        if target != state[unit]:
            over(unit, day, name)
            state[unit], began[unit] = target, day
    for unit in range(len(state)):
        over(unit, None, None)
    return pa.Table.from_pylist(
        [row for stays in found for row in stays],
        schema=pa.schema(
            [("person", pa.int64()), ("household", pa.int64()), ("forecast_state", pa.string()),
             ("group", pa.string()), ("from_day", pa.date32()), ("until_day", pa.date32()),
             ("move", pa.string()), ("whole", pa.bool_())]
        ),
    )  # fmt: skip


def _row(
    state: str, group: int, start: int, period: int, days: int, move: str | None,
    target: str | None, person_days: int, transitions: int,
) -> dict[str, Any]:  # fmt: skip
    first = AS_OF - dt.timedelta(days=days - 1 - start)
    return {
        "forecast_state": state, "group": GROUPS[group], "period_start": first,
        "period_days": min(period, days - start), "move": move, "to_state": target,
        "person_days": person_days, "transitions": transitions,
    }  # fmt: skip


def counts_of(world: World, units: Units) -> pa.Table:
    """What `caseload.counting.counts` makes of the units."""
    gone = world.gone()
    cells: dict[tuple[str, int, int], int] = {}
    for combo, size, group in zip(units.combo, units.size, units.group, strict=True):
        left = bool(gone[combo])
        key = (world.states[combo], int(group), 1 if left else int(size))
        cells[key] = cells.get(key, 0) + (int(size) if left else 1)
    return pa.Table.from_pylist(
        [
            {"forecast_state": state, "group": GROUPS[group], "unit_size": size, "units": n,
             "people": n * size, "mixed_people": 0}
            for (state, group, size), n in sorted(cells.items())
        ]
    )  # fmt: skip
