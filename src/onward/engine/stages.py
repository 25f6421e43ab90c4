"""A long computation as a chain of named SQL stages, so that any reader can print any of them.

Exists so that what runs on one machine, on a cluster and on the screen of a doubting reader is
one and the same text. A stage is a name and a SELECT that may read the inputs and the stages
before it; an engine takes stages and Arrow tables and returns Arrow tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa

from onward.engine.parquet import Inputs
from onward.errors import OnwardError


@dataclass(frozen=True)
class Stage:
    """One step of a computation.

    name  what later stages call it; lower-case letters, digits and underscores
    sql   one SELECT over inputs and earlier stages, with no WITH of its own and no semicolon
    why   one sentence for the reader of `--explain`
    keep  computed once and kept because several later stages read it; otherwise it is a view.
          Rows that are kept have no order: what is read out in order is not kept
    """

    name: str
    sql: str
    why: str = ""
    keep: bool = False


@dataclass(frozen=True)
class StageResult:
    """What one stage gave: its number of rows and the first few of them."""

    stage: Stage
    rows: int
    first: pa.Table


@dataclass(frozen=True)
class Job:
    """One chain to run: some stages over some tables, for some outputs."""

    stages: Sequence[Stage]
    inputs: Inputs
    outputs: Sequence[str]


class EngineMemory(OnwardError):
    """The computation would have needed disk space for people's data in clear."""


class Engine(Protocol):
    """Runs stages. Nothing it is given or makes outlives the call, in memory or on disk.

    An engine that may be asked from several threads says from how many, as `at_once`.
    """

    def run(
        self,
        stages: Sequence[Stage],
        inputs: Inputs,
        outputs: Sequence[str],
    ) -> dict[str, pa.Table]:
        """The tables of the stages named in `outputs`; what is not kept, in its SQL's order.

        raises  EngineMemory when it would have to spill to disk
        """
        ...

    def trace(
        self, stages: Sequence[Stage], inputs: Inputs, *, rows: int = 5
    ) -> Iterator[StageResult]:
        """Every stage in turn with its row count and first rows."""
        ...


def run_each(engine: Engine, jobs: Iterable[Job]) -> list[dict[str, pa.Table]]:
    """The answers of several jobs in their order, as many at a time as the engine takes.

    The first fault ends all of them.
    """

    def run(job: Job) -> dict[str, pa.Table]:
        return engine.run(job.stages, job.inputs, job.outputs)

    workers = getattr(engine, "at_once", 1)
    if workers == 1:
        return [run(job) for job in jobs]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, jobs))


def quoted(name: str) -> str:
    """A name as an SQL identifier: rulebooks may use words that SQL reserves (group, type)."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A Python value as an SQL literal; raises TypeError for what has none."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            from datetime import UTC

            value = value.astimezone(UTC).replace(tzinfo=None)
        return f"CAST('{value.isoformat(sep=' ', timespec='microseconds')}' AS TIMESTAMP)"
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"no SQL literal for {type(value).__name__}")
