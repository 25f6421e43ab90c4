"""Many operations, many scenarios, many futures: one map over blocks, whoever runs it.

Exists because a bureau asks about two hundred operations at once, and a sum of quantiles is no
quantile. Goes in: what each operation's forecast runs on, and what happens once for all of them.
Comes out: people here, per operation, scenario, day and future, in blocks that can be computed
anywhere in any order: every draw hangs on the seed, the operation and the number of the future,
and on nothing else. Future 17 of one operation and future 17 of another are the same world, so
that a region's futures are sums over operations of the same number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from onward.engine import Stage
from onward.forecast.building.inputs import Inputs
from onward.forecast.simulator.draws import Distribution, ParameterDraws, draw
from onward.forecast.simulator.model import Gate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Whole: TypeAlias = npt.NDArray[np.int64]

BLOCK = 500
LEVELS_IN_1000 = {"q025": 25, "q10": 100, "median": 500, "q90": 900, "q975": 975}
REGION = "region"

FUTURES_SCHEMA = pa.schema(
    [("operation", pa.string()), ("scenario", pa.string()), ("future", pa.int32()),
     ("day", pa.int32()), ("people", pa.int64())]
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One operation under one scenario: what is simulated, and the days that are kept.

    days   days from today, 1 for the end of the first; the last is the horizon. Every job of a
           region keeps the same ones
    """

    operation: str
    scenario: str
    inputs: Inputs
    days: tuple[int, ...]


@dataclass(frozen=True)
class Closing:
    """Something that stops ways out of several operations at once: a border, an airspace.

    pathways    the ways out that stop while it lasts
    operations  where it is felt; empty: everywhere
    start, lasts   drawn once per future for all of them, in days from today
    """

    id: str
    pathways: frozenset[str]
    start: Distribution
    lasts: Distribution
    operations: frozenset[str] = frozenset()

    def parameters(self) -> dict[str, Distribution]:
        from onward.forecast.simulator.draws import Later

        if isinstance(self.start, Later) or isinstance(self.lasts, Later):
            raise ValueError(
                f"{self.id}: start and lasts stand by themselves, after no other date"
            )
        return {f"{self.id} starts": self.start,
                f"{self.id} ends": Later(f"{self.id} starts", self.lasts)}  # fmt: skip


def seed_of(seed: int, operation: str) -> int:
    """The seed of one operation's own draws: the same whoever else is in the region."""
    text = f"{seed}\x1f{operation}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "little")


def prepared(
    job: Job, shared: Sequence[Closing], futures: int, seed: int
) -> tuple[Inputs, ParameterDraws]:
    """The operation's inputs with what is shared put in, and one row of draws for each future."""
    inputs = job.inputs
    drawn = inputs.draws(futures, seed_of(seed, job.operation))
    felt = [one for one in shared if not one.operations or job.operation in one.operations]
    for one in felt:
        model = inputs.model
        gate = Gate(one.id, ((f"{one.id} starts", f"{one.id} ends"),), closed=True)
        transitions = tuple(
            replace(step, factors=(*step.factors, one.id))
            if step.pathway in one.pathways
            else step
            for step in model.transitions
        )
        model = replace(model, factors=(*model.factors, gate), transitions=transitions)
        inputs = replace(inputs, model=model)
        # Drawn from the region's seed, not the operation's: it happens once.
        once = draw(one.parameters(), futures, seed)
        for name in once.names:
            drawn = drawn.with_column(name, once.column(name))
    return inputs, drawn


def simulated(
    job: Job, shared: Sequence[Closing], futures: int, seed: int, *, first: int, count: int
) -> Whole:
    """(count, days) people here in futures `first` … of one job, on one thread.

    futures  how many the whole run has: draws are made for all of them
    """
    import numpy as np

    from onward.forecast.simulator.futures import Group, Outputs, simulate

    inputs, drawn = prepared(job, shared, futures, seed)
    here = [state.id for state in inputs.model.states if state.present]
    made = simulate(
        inputs.model, drawn, count, seed_of(seed, job.operation), days=job.days[-1],
        keyed=True, outputs=Outputs(present={"here": Group(states=here)}), first_future=first,
        threads=1,
    )  # fmt: skip
    kept: Whole = made.present["here"][:, np.array(job.days) - 1].astype(np.int64)
    return kept


def blocks(jobs: Sequence[Job], futures: int, block: int = BLOCK) -> pa.Table:
    """The work cut up: one row (job, first, count) for each piece."""
    rows = [
        {"job": number, "first": first, "count": min(block, futures - first)}
        for number in range(len(jobs))
        for first in range(0, futures, block)
    ]
    types = pa.schema([("job", pa.int32()), ("first", pa.int32()), ("count", pa.int32())])
    return pa.Table.from_pylist(rows, schema=types)


@dataclass(frozen=True)
class Work:
    """What every worker is given: it turns rows of `blocks` into rows of FUTURES_SCHEMA."""

    jobs: tuple[Job, ...]
    shared: tuple[Closing, ...]
    futures: int
    seed: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield self.piece(row["job"], row["first"], row["count"])

    def piece(self, number: int, first: int, count: int) -> pa.RecordBatch:
        import numpy as np

        job = self.jobs[number]
        people = simulated(job, self.shared, self.futures, self.seed, first=first, count=count)
        days = len(job.days)
        rows = count * days
        return pa.record_batch(
            [
                pa.array([job.operation] * rows, pa.string()),
                pa.array([job.scenario] * rows, pa.string()),
                pa.array(np.repeat(np.arange(first, first + count, dtype=np.int32), days)),
                pa.array(np.tile(np.array(job.days, dtype=np.int32), count)),
                pa.array(people.reshape(-1)),
            ],
            schema=FUTURES_SCHEMA,
        )


def here(work: Work, tasks: pa.Table) -> pa.Table:
    """Every block, one after another, in this process."""
    return pa.Table.from_batches(list(work(tasks.to_batches())), FUTURES_SCHEMA)


def level_stages() -> list[Stage]:
    """Stages from `futures` to `levels`: per scenario and day, each operation and the region.

    The region's futures are sums of the operations' futures of the same number. A level is the
    smallest number of people that at least so many of 1,000 futures do not exceed.
    """
    rank = "place * 1000 >= futures * {q} AND (place - 1) * 1000 < futures * {q}"
    picked = ", ".join(
        f"max(CASE WHEN {rank.format(q=q)} THEN people END) AS {name}"
        for name, q in LEVELS_IN_1000.items()
    )
    return [
        Stage(
            "of_region",
            f"SELECT '{REGION}' AS operation, scenario, future, day, "
            "CAST(sum(people) AS BIGINT) AS people FROM futures GROUP BY scenario, future, day",
            "Futures are summed, never quantiles.",
        ),
        Stage(
            "of_each",
            "SELECT operation, scenario, future, day, people FROM futures "
            "UNION ALL SELECT operation, scenario, future, day, people FROM of_region",
            "Operations, and the region after them.",
        ),
        Stage(
            "ranked",
            "SELECT operation, scenario, day, people, "
            "row_number() OVER (PARTITION BY operation, scenario, day ORDER BY people, future) "
            "AS place, count(*) OVER (PARTITION BY operation, scenario, day) AS futures "
            "FROM of_each",
            "Every future beside its place among the others.",
        ),
        Stage(
            "levels",
            f"SELECT operation, scenario, day, {picked}, CAST(sum(people) AS BIGINT) AS total, "
            "count(*) AS futures FROM ranked GROUP BY operation, scenario, day "
            "ORDER BY operation, scenario, day",
            "The levels, by whole numbers alone.",
        ),
    ]


def by_name(
    levels: pa.Table, operation: str = REGION
) -> Mapping[tuple[str, int], dict[str, int]]:
    """(scenario, day) -> the levels of one operation, or of the region."""
    return {
        (row["scenario"], row["day"]): {name: row[name] for name in LEVELS_IN_1000}
        for row in levels.to_pylist()
        if row["operation"] == operation
    }
