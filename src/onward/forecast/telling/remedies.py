"""How many of those still here a safeguard will hold back on the date, at the pace of the record.

Exists because what holds a person back today is remedied for many before the date, and others are
caught: a consent grows old, a test is made, an incident waits for its review. Comes in: the people
judged on past days of the record (`held`), and how many come into each state and leave it in every
simulated future. Goes out: safeguard -> people held back on the date, one number per future.

Between one day and the next a person held back is freed, one who was free is caught, somebody comes
or goes. Being caught depends on how long one has been free, because most of what lapses does so by
a clock that started then; being freed does not. What no past day saw is not expected.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from onward.forecast.telling.held import each_state

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from onward.forecast.learning.edges import Edge
    from onward.forecast.simulator.futures import Futures
    from onward.forecast.simulator.model import Model

    FloatArray: TypeAlias = npt.NDArray[np.float64]
    Whole: TypeAlias = npt.NDArray[np.int64]
    Truth: TypeAlias = npt.NDArray[np.bool_]
    Row: TypeAlias = tuple[int, str, str, str, str, int, int]

EVERY_DAYS = 28
"""Days from one past day that is judged to the next: the period of the log's paces."""
MOST_STEPS = 13
"""Steps from one day to the next, at most: a year. More looked no better and takes longer."""
LEAST_STEPS = 6
"""Steps below which nothing is read from them: half a year."""
AGES = MOST_STEPS
"""Steps that somebody is known to have been free are told apart below this many."""
UNKNOWN = AGES + 1
"""Stands for those who were free already on the first day."""
WORTH = 1.0
"""Families that a safeguard's pace everywhere counts for in one state, and the usual pace in one
step."""
HELD, FREE, NEW, GONE, NOW = "held", "free", "new", "gone", "now"
STREAM = 0x7E3D1E5
"""Chance of its own beside the simulation's."""


def past_days(as_of: dt.date, first: dt.date) -> list[dt.date]:
    """The days to judge, oldest first, `as_of` last; none where the record is too short to tell.

    first  the first day anybody is on record
    """
    count = min((as_of - first).days // EVERY_DAYS, MOST_STEPS)
    if count < LEAST_STEPS:
        return []
    return [as_of - dt.timedelta(days=EVERY_DAYS * back) for back in range(count, -1, -1)]


@dataclass(frozen=True)
class Standing:
    """Who stood where on one day and what held them back.

    people   (n,) who, by a number that is the same on every day
    state    (n,) index into `states`
    held     safeguard -> (n,) whether it holds them back
    """

    people: Whole
    state: Whole
    states: tuple[str, ...]
    held: Mapping[str, Truth]

    def by(self, guard: str) -> Truth:
        """(n,) whether this safeguard holds them back."""
        import numpy as np

        found = self.held.get(guard)
        return found if found is not None else np.zeros(len(self.people), dtype=bool)


def standing(
    steps: pa.Table, who: Whole, edges: Collection[Edge], forward: Collection[str]
) -> Standing:
    """One day's judgement, in the states from which a step leads on.

    steps  from `held.judged`;  who: the number of each of its people on every day
    """
    import numpy as np

    nobody = np.zeros(0, dtype=np.int64)
    rows, states = [nobody], [nobody]
    names: list[str] = []
    held: dict[str, list[Whole]] = {}
    for state, there, by_guard in each_state(steps, edges, forward):
        rows.append(there)
        states.append(np.full(len(there), len(names), dtype=np.int64))
        names.append(state)
        for guard, people in by_guard.items():
            held.setdefault(guard, []).append(people)
    row = np.concatenate(rows)
    return Standing(
        who[row],
        np.concatenate(states),
        tuple(names),
        {guard: np.isin(row, np.concatenate(people)) for guard, people in held.items()},
    )


def turns(days: Sequence[Standing]) -> pa.Table:
    """What became of people from each day to the next, in counts that name nobody.

    days     EVERY_DAYS apart, oldest first, the last one today
    returns  step (0: from the first day to the second), state, guard, was ("held", "free", "new"),
             now ("held", "free", "gone"), age (steps free so far, of those who were free), people.
             Those who stand there today have now = "now", and the number of steps as their step
    """
    import numpy as np
    import pyarrow as pa

    rows: list[Row] = []
    guards = sorted({guard for day in days for guard in day.held})
    ages = {guard: np.full(len(day.people), UNKNOWN) for day in days[:1] for guard in guards}
    for step, (before, day) in enumerate(pairwise(days)):
        at, stayed = _same(before, day)
        came = np.ones(len(day.people), dtype=bool)
        came[at[stayed]] = False
        for guard in guards:
            was, held, age = before.by(guard), day.by(guard), ages[guard]
            caught = np.zeros(len(was), dtype=bool)
            caught[stayed] = held[at[stayed]]
            for name, who in ((HELD, was), (FREE, ~was)):
                for now, those in ((HELD, caught), (FREE, stayed & ~caught), (GONE, ~stayed)):
                    rows += _counted(step, before, guard, name, now, who & those, age)
            rows += _counted(step, day, guard, NEW, HELD, came & held)
            rows += _counted(step, day, guard, NEW, FREE, came & ~held)
            still = stayed & ~was
            ages[guard] = np.zeros(len(day.people), dtype=np.int64)
            older = np.where(age == UNKNOWN, UNKNOWN, np.minimum(age + 1, AGES))
            ages[guard][at[still]] = older[still]
    for today in days[-1:]:
        for guard in guards:
            held = today.by(guard)
            rows += _counted(len(days) - 1, today, guard, HELD, NOW, held)
            rows += _counted(len(days) - 1, today, guard, FREE, NOW, ~held, ages[guard])
    names = ["step", "state", "guard", "was", "now", "age", "people"]
    words, whole = pa.string(), pa.int64()
    kinds = (whole, words, words, words, words, whole, whole)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table([pa.array(*one) for one in zip(columns, kinds, strict=True)], names)


def _same(before: Standing, day: Standing) -> tuple[Whole, Truth]:
    """Per person of the day before: their row now, and whether they still stand in that state."""
    import numpy as np

    if not len(day.people):
        return np.zeros(len(before.people), np.int64), np.zeros(len(before.people), dtype=bool)
    order = np.argsort(day.people)
    place = np.searchsorted(day.people[order], before.people)
    at = order[np.minimum(place, len(order) - 1)]
    now = np.array([day.states.index(s) if s in day.states else -1 for s in before.states])
    there = day.people[at] == before.people
    return at, np.asarray(there & (day.state[at] == now[before.state]))


def _counted(
    step: int, day: Standing, guard: str, was: str, now: str, mask: Truth,
    age: Whole | None = None,
) -> list[Row]:  # fmt: skip
    """One row per state and age of those in the mask; only of those free an age is told."""
    import numpy as np

    told = age[mask] if age is not None and was == FREE else 0
    keys, people = np.unique(day.state[mask] * (UNKNOWN + 1) + told, return_counts=True)
    return [
        (step, day.states[key // (UNKNOWN + 1)], guard, was, now, int(key % (UNKNOWN + 1)), int(n))
        for key, n in zip(keys, people, strict=True)
    ]  # fmt: skip


@dataclass(frozen=True)
class Past:
    """What `turns` counted, as arrays. A cell is a state and a safeguard that ever held somebody
    there.

    cells                 (state, safeguard)
    kept, freed, left     (steps, cells) of those held: still held, freed, gone
    stayed, caught        (steps, cells, ages) of those free: still free, held now
    went                  (steps, cells) of those free: gone
    came_held, came_free  (steps, cells) who came into the state
    held, free            (cells,), (cells, ages) today
    """

    cells: tuple[tuple[str, str], ...]
    kept: FloatArray
    freed: FloatArray
    left: FloatArray
    stayed: FloatArray
    caught: FloatArray
    went: FloatArray
    came_held: FloatArray
    came_free: FloatArray
    held: FloatArray
    free: FloatArray

    @property
    def steps(self) -> int:
        """From how many days to the next."""
        return len(self.kept)


def past(table: pa.Table) -> Past:
    """The counts of `turns` as arrays."""
    import numpy as np

    rows: list[Row] = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    cells = sorted({(state, guard) for _, state, guard, *of, _, _ in rows if HELD in of})
    place = {cell: number for number, cell in enumerate(cells)}
    steps = max((step for step, *_ in rows), default=0)
    shape = (steps, len(cells), UNKNOWN + 1)
    found = {
        (was, now): np.zeros(shape) for was in (HELD, FREE, NEW) for now in (HELD, FREE, GONE)
    }
    today = {was: np.zeros(shape[1:]) for was in (HELD, FREE)}
    for step, state, guard, was, now, age, people in rows:
        number = place.get((state, guard))
        if number is not None and now == NOW:
            today[was][number, age] += people
        elif number is not None:
            found[was, now][step, number, age] += people
    flat = {key: counts.sum(axis=2) for key, counts in found.items()}
    return Past(
        tuple(cells), flat[HELD, HELD], flat[HELD, FREE], flat[HELD, GONE],
        found[FREE, FREE], found[FREE, HELD], flat[FREE, GONE], flat[NEW, HELD], flat[NEW, FREE],
        today[HELD].sum(axis=1), today[FREE],
    )  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """How fast the held are freed and the free are caught, and how steps differ.

    freed      (cells,) chance per step;  caught: (cells, ages)
    goes       (cells,) how much likelier somebody free is to leave the state than somebody held
    freed_in, caught_in  (steps, cells) the pace of each past step beside the usual one
    came_in    (steps, cells) share of those who came that was held
    """

    freed: FloatArray
    caught: FloatArray
    goes: FloatArray
    freed_in: FloatArray
    caught_in: FloatArray
    came_in: FloatArray


def pace(seen: Past, family: float) -> Pace:
    """The paces, learnt from families.

    family  people who stand or fall together
    Where a safeguard was seen little in one state, its pace there is drawn to that in all states
    (worth WORTH families), and that to half a family in one (Jeffreys).
    """
    import numpy as np

    guards = sorted({guard for _, guard in seen.cells})
    of = np.array([guards.index(guard) for _, guard in seen.cells], dtype=np.int64)
    alike = np.zeros((len(guards), len(of)))
    alike[of, np.arange(len(of))] = 1.0

    def rate(events: FloatArray, chances: FloatArray, usual: FloatArray | float) -> FloatArray:
        return np.asarray((events / family + WORTH * usual) / (chances / family + WORTH))

    def drawn(events: FloatArray, chances: FloatArray) -> FloatArray:
        everywhere = (alike @ events / family + 0.5) / (alike @ chances / family + 1)
        return rate(events, chances, everywhere[of])

    freed, kept, left = (one.sum(axis=0) for one in (seen.freed, seen.kept, seen.left))
    caught, stayed, went = (one.sum(axis=0) for one in (seen.caught, seen.stayed, seen.went))
    freeing = drawn(freed, freed + kept)
    at_risk = caught + stayed
    by_age = rate(
        alike @ caught, alike @ at_risk,
        ((alike @ caught.sum(axis=1) / family + 0.5) / (alike @ at_risk.sum(axis=1) / family + 1))[:, None],
    )  # fmt: skip
    catching = rate(caught, at_risk, by_age[of])
    entering = drawn(seen.came_held.sum(axis=0), (seen.came_held + seen.came_free).sum(axis=0))
    free_days, held_days = at_risk.sum(axis=1) + went, freed + kept + left
    leaving = (went + left) / np.maximum(free_days + held_days, 1)
    expected = (seen.freed + seen.kept) * freeing
    lapsing = ((seen.caught + seen.stayed) * catching).sum(axis=2)
    return Pace(
        freeing, catching, rate(went, free_days, leaving) / rate(left, held_days, leaving).clip(min=1e-6),
        (seen.freed / family + WORTH) / (expected / family + WORTH),
        (seen.caught.sum(axis=2) / family + WORTH) / (lapsing / family + WORTH),
        rate(seen.came_held, seen.came_held + seen.came_free, entering),
    )  # fmt: skip


@dataclass(frozen=True)
class Currents:
    """How many come into each state and leave it in every future, step by step.

    lengths        of the steps, in days
    coming, going  state -> (futures, steps) people
    then           state -> (futures,) people there on the last day
    family         people who move as one, by person
    """

    lengths: tuple[int, ...]
    coming: Mapping[str, FloatArray]
    going: Mapping[str, FloatArray]
    then: Mapping[str, FloatArray]
    family: float


def step_ends(days: int) -> list[int]:
    """The last day of each step to a horizon; 0 is the first day simulated."""
    return sorted({*range(EVERY_DAYS - 1, days, EVERY_DAYS), days - 1})


def currents(
    model: Model, made: Futures, then: Mapping[str, FloatArray], days: int
) -> Currents:
    """Read off simulated futures that kept their flows on `step_ends(days)`.

    Who comes from outside, by arrival or birth, is what the moves leave unexplained; they are taken
    to come evenly.
    """
    import numpy as np

    ends = step_ends(days)
    lengths = np.diff([-1, *ends])
    moved = made.flows[:, [made.flows_on.index(end) for end in ends]].sum(axis=3)
    moved = np.diff(moved, axis=1, prepend=0).astype(float)
    start, together = dict.fromkeys(then, 0), 0
    for (state, _, size), units in model.start.items():
        if state in start:
            start[state] += units * size
            together += units * size * size
    coming, going = ({state: np.zeros(moved.shape[:2]) for state in then} for _ in range(2))
    for number, move in enumerate(model.transitions):
        if move.source in going:
            going[move.source] += moved[:, :, number]
        if move.target in coming:
            coming[move.target] += moved[:, :, number]
    for state, people in then.items():
        known = start[state] + (coming[state] - going[state]).sum(axis=1)
        coming[state] += np.maximum(people - known, 0)[:, None] * lengths / days
    family = together / max(sum(start.values()), 1)
    return Currents(tuple(map(int, lengths)), coming, going, then, max(family, 1.0))


def held_then(seen: Past, during: Currents, seed: int) -> dict[str, FloatArray]:
    """Safeguard -> (futures,) people it holds back on the last day.

    Every step of a future is like some past step, the same for all safeguards, so that what came
    over many at once comes so again. From which it draws is in doubt (Bayesian bootstrap, Rubin
    1981): what was seen in few months is wide. How many come and go is the future's own.
    """
    import numpy as np

    cells = [n for n, (state, _) in enumerate(seen.cells) if state in during.then]
    if not cells or not seen.steps:
        return {}
    states = [seen.cells[n][0] for n in cells]
    into = np.stack([during.coming[state] for state in states], axis=2)
    out = np.stack([during.going[state] for state in states], axis=2)
    futures, family = len(into), during.family
    rng = np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFFFFFFFFFF, STREAM]))
    likely = rng.dirichlet(np.ones(seen.steps), futures).cumsum(axis=1)
    learnt = pace(seen, family)
    freed_in, caught_in, came_in = (
        each[:, cells] for each in (learnt.freed_in, learnt.caught_in, learnt.came_in)
    )
    freeing, catching = (-np.log1p(-each[cells]) for each in (learnt.freed, learnt.caught))
    held = np.repeat(seen.held[cells][None], futures, axis=0)
    free = np.repeat(seen.free[cells][None], futures, axis=0)

    def about(usual: FloatArray, of: FloatArray) -> FloatArray:
        """Of so many people about as many as usual, give or take chance among families."""
        fewer = np.minimum(usual, of - usual).clip(min=0)
        fewer = np.minimum(rng.gamma(fewer / family) * family, of)
        return np.where(usual <= of / 2, fewer, of - fewer)

    for step, length in enumerate(during.lengths):
        part = length / EVERY_DAYS
        like = (likely < rng.random((futures, 1))).sum(axis=1).clip(max=seen.steps - 1)
        # Who leaves the state: the free sooner than the held, by as much as they did.
        all_free = free.sum(axis=2)
        held_go = out[:, step] * _share(held, held + learnt.goes[cells] * all_free)
        held_go = np.minimum(held_go, held)
        free_go = np.minimum(out[:, step] - held_go, all_free)
        held -= held_go
        free *= 1 - _share(free_go, all_free)[..., None]
        all_free -= free_go
        # Who is freed, and who is caught, by how long they have been free.
        freed = about(held * -np.expm1(-part * freed_in[like] * freeing), held)
        caught = free * -np.expm1(-part * caught_in[like][..., None] * catching)
        usual = caught.sum(axis=2)
        free -= np.minimum(caught * _share(about(usual, all_free), usual)[..., None], free)
        held += all_free - free.sum(axis=2) - freed
        if length > EVERY_DAYS / 2:
            free[..., AGES] += free[..., AGES - 1]
            free[..., 1:AGES] = free[..., : AGES - 1].copy()
            free[..., 0] = 0
        came = about(into[:, step] * came_in[like], into[:, step])
        held += came
        free[..., 0] += freed + into[:, step] - came
    held = held.clip(min=0)
    share = _share(held, held + free.sum(axis=2))
    found: dict[str, FloatArray] = {}
    for index, number in enumerate(cells):
        state, guard = seen.cells[number]
        found[guard] = np.asarray(found.get(guard, 0.0) + share[:, index] * during.then[state])
    return found


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole, and 0 where there is nobody."""
    import numpy as np

    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))
