"""The lumped forecast against people simulated one by one under the real rulebook."""

from __future__ import annotations

import datetime as dt
import random
from datetime import UTC, datetime

import numpy as np
import pytest
from benchmarks.planted import camps, logs, simulator
from scipy import stats

from onward.caseload import fold
from onward.caseload.counting import counts, exposures
from onward.caseload.events import Event, Subject, event_id
from onward.caseload.pace import pace
from onward.caseload.table import events_table
from onward.caseload.waits import waits
from onward.engine import DuckEngine
from onward.forecast.learning import differ
from onward.forecast.simulator.draws import no_parameters
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.simulator.model import Model, State, Transition

EVEN = dict.fromkeys(simulator.PACE, 1.0)


def exact_world():
    """Hazards that depend on nothing but the forecast state: the map loses nothing."""
    return simulator.World(
        camps.load_rulebook(), lambda axes, name: camps.pace(axes, name, EVEN)
    )


def lumped(world, units):
    """The same people and hazards as a model of counts, written down edge by edge."""
    edges = {}
    for combo in range(len(world.axes)):
        numbers, ends, hazards = world.ways(combo)
        for number, end, hazard in zip(numbers, ends, hazards, strict=True):
            key = (world.states[combo], world.moves[number], world.states[end])
            assert edges.setdefault(key, float(hazard)) == float(hazard), "the map is not exact"
    gone = {name: bool(state.gone) for name, state in world.rulebook.forecast_states.items()}
    start = {}
    for combo, size, group in zip(units.combo, units.size, units.group, strict=True):
        key = (world.states[combo], simulator.GROUPS[group], int(size))
        start[key] = start.get(key, 0) + 1
    return Model(
        states=[State(name, present=not left) for name, left in gone.items()],
        strata=simulator.GROUPS,
        start=start,
        transitions=[
            Transition(
                f"{move} from {source} to {target}", source, target, hazard,
                size_change=-1 if move == simulator.DEATH else 0,
            )
            for (source, move, target), hazard in edges.items()
            if source != target
        ],
        sizes=tuple(range(1, 7)),
    )  # fmt: skip


@pytest.mark.slow
def test_with_known_rates_and_an_exact_map_counts_and_people_agree_in_distribution():
    world = exact_world()
    rng = np.random.default_rng(5)
    units = camps.new_units(world, 250, rng)
    model = lumped(world, units)
    copies, days = 250, 120
    course = simulator.Course(np.ones((days, len(world.moves))))
    together = simulator.live(world, units.copies(copies), course, range(days), rng)
    people = simulator.present(world, together, copies)
    futures = simulate(model, no_parameters(1), 2000, 3, days=days, outputs=Outputs())
    counted = futures.present["all"][:, -1]
    assert stats.ks_2samp(people, counted).pvalue > 0.001
    error = people.std() / np.sqrt(copies)
    assert abs(people.mean() - counted.mean()) < 4 * error
    assert people.std() == pytest.approx(counted.std(), rel=0.2)


def test_families_widen_the_distribution_as_they_do_person_by_person():
    world = exact_world()
    rng = np.random.default_rng(6)
    units = camps.new_units(world, 120, rng)
    alone = simulator.Units(
        np.repeat(units.combo, units.size), np.ones(units.size.sum(), int),
        np.repeat(units.group, units.size), np.zeros(units.size.sum()), np.ones(units.size.sum()),
    )  # fmt: skip
    spread = [
        simulate(lumped(world, who), no_parameters(1), 1500, 3, days=100, outputs=Outputs())
        .present["all"][:, -1]
        .std()
        for who in (units, alone)
    ]
    assert spread[0] > 1.2 * spread[1]


def written(world, units, record, days):
    """The same history as events of a log: one person per event, families by their household."""
    rulebook = world.rulebook
    instant = datetime(2025, 1, 1, tzinfo=UTC)
    chance = random.Random(3)
    first = simulator.AS_OF - dt.timedelta(days=days - 1)
    events = []

    def add(kind, subject, day, facts):
        number = len(events) + 1
        identity = event_id(instant, chance)
        events.append(
            Event(
                id=identity, operation="camp", subject=subject, kind=kind,
                effective=(first + dt.timedelta(days=day)).isoformat(), by="amina",
                rulebook=rulebook.hash, idempotency_key=identity, facts=facts,
            ).placed(seq=number, recorded=f"2026-06-01T00:00:00.{number:06d}Z")
        )  # fmt: skip

    for unit in range(len(units.size)):
        add("registered", Subject("household", f"h{unit}"), -1, {})
        for member in range(units.size[unit]):
            axes = world.axes[units.combo[unit]]
            facts = {"household": f"h{unit}", "group": simulator.GROUPS[units.group[unit]],
                     "intended_pathway": "return", "intended_destination": "XAA", **axes}  # fmt: skip
            add("registered", Subject("person", f"p{unit}-{member}"), -1, facts)
    size = units.size.copy()
    for day, unit, move, _, people in record:
        name = world.moves[move]
        members = [size[unit] - 1] if name == simulator.DEATH else range(size[unit])
        for member in members:
            add(name, Subject("person", f"p{unit}-{member}"), day, {})
        if name == simulator.DEATH and people:
            size[unit] -= 1
    return events_table(events, rulebook)


def by_cell(table, columns, value):
    cells = {}
    for row in table.to_pylist():
        if row["forecast_state"] is not None and row[value]:
            key = tuple(row[c] for c in columns)
            cells[key] = cells.get(key, 0) + row[value]
    return cells


@pytest.mark.slow
def test_the_shortcut_of_the_benchmark_is_what_the_record_itself_would_give():
    """Events, fold and exposures on one side; the benchmark's own tables on the other."""
    rng = np.random.default_rng(8)
    world = simulator.World(
        camps.load_rulebook(), lambda axes, name: camps.pace(axes, name, EVEN, True)
    )
    units = camps.new_units(world, 200, rng, merged=True)
    before = simulator.Units(*(part.copy() for part in vars(units).values()))
    record = []
    days = 90
    course = simulator.Course(np.ones((days, len(world.moves))))
    simulator.live(world, units, course, range(days), rng, record)
    engine = DuckEngine(memory_gb=1, threads=1)
    table = written(world, before, record, days)
    asked = {
        "since": simulator.AS_OF - dt.timedelta(days=days - 1),
        "until": simulator.AS_OF + dt.timedelta(days=1), "period_days": 14, "engine": engine,
    }  # fmt: skip
    seen = exposures(table, world.rulebook, **asked)
    moves = [*simulator.DEPARTURES, "T2.done", "T3.held", "T5.done"]
    first = asked["since"]
    read = pace(table, world.rulebook, moves=moves, waits_since=first, **asked)
    assert read.exposures.equals(seen)
    assert read.waits.equals(
        waits(table, world.rulebook, since=first, until=asked["until"], engine=engine)
    )
    day = ["forecast_state", "group", "move", "on_day"]
    mine = logs.departures_of(world, before, record, days, units.group, moves)
    for value in ("transitions", "waiting"):
        assert by_cell(mine, day, value) == by_cell(read.departures, day, value)
    assert len(by_cell(read.departures, day, "transitions")) > 50
    ours = logs.stays_of(world, before, record, days, units.group)
    first_period = [first + dt.timedelta(days=14 * n) for n in range(7)]
    asked_of = {(row["forecast_state"], row["move"]) for row in ours.to_pylist() if row["move"]}
    ways = {key for key in asked_of if key[1] != simulator.DEATH}
    both = [
        differ.histories(
            one, lambda row: row["group"], ["group"], ways, first_period, asked["until"]
        )
        for one in (ours, read.stays)
    ]
    # A death leaves a shorter history in the family's name; there are none in the other table.
    assert len(both[1].moves) - len(both[0].moves) <= sum(
        world.moves[move] == simulator.DEATH for _, _, move, _, _ in record
    )
    told = []
    for one in both:
        of_family = {}
        for family, cell, period, row, spent, moved in zip(
            one.piece_family, one.piece_cell, one.piece_period, one.piece_row, one.piece_days,
            one.piece_moved, strict=True,
        ):  # fmt: skip
            of_family.setdefault(family, []).append(
                (one.cells[cell], period, row, spent, moved)
            )
        told.append(sorted(sorted(pieces, key=str) for pieces in of_family.values()))
    assert all(pieces in told[1] for pieces in told[0])
    assert sum(map(len, told[0])) > 500
    shortcut = logs.exposures_of(world, before, record, days, 14, units.group)
    cell = ["forecast_state", "group", "period_start"]
    assert by_cell(shortcut, cell, "person_days") == by_cell(seen, cell, "person_days")
    step = [*cell, "move", "to_state"]
    assert by_cell(shortcut, step, "transitions") == by_cell(seen, step, "transitions")
    caseload = fold(table, world.rulebook, as_of=simulator.AS_OF, known_at=None, engine=engine)
    counted = by_cell(counts(caseload, engine=engine), ["forecast_state", "group"], "people")
    mine = by_cell(logs.counts_of(world, units), ["forecast_state", "group"], "people")
    dead = sum(
        people for _, _, move, _, people in record if world.moves[move] == simulator.DEATH
    )
    counted.pop(("deceased", "main_group"), 0)
    counted.pop(("deceased", "recognised_group"), 0)
    mine.pop(("deceased", "main_group"), 0)
    mine.pop(("deceased", "recognised_group"), 0)
    assert counted == mine
    assert sum(counted.values()) + dead == before.size.sum()
