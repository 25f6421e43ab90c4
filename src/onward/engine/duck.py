"""DuckDB as the engine of one machine, with every way out of memory closed.

Exists because claims, health and birth dates re-identify people in a closed camp: a query that
quietly spilled to a temporary file would leave them on disk in clear. The connection lives in
memory, has no temporary directory, reads and writes no file, loads no extension and cannot be
reconfigured; a computation too large for the memory allowed is refused with what to do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from onward.engine.parquet import Inputs, in_memory
from onward.engine.stages import EngineMemory, Stage, StageResult, quoted


class DuckEngine:
    """Runs stages in an in-memory DuckDB. Safe to share between threads: one run at a time.

    memory_gb  most memory DuckDB itself may use (the Arrow inputs and outputs come on top)
    threads    0 means every core
    """

    def __init__(self, *, memory_gb: float = 3.0, threads: int = 0) -> None:
        if memory_gb <= 0:
            raise ValueError(f"memory_gb is {memory_gb:g}; expected more than 0")
        self.memory_gb = memory_gb
        config: dict[str, str | bool | int] = {
            "temp_directory": "",
            "memory_limit": f"{round(memory_gb * 1000)}MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
        if threads:
            config["threads"] = threads
        self._database = duckdb.connect(":memory:", config=config)
        # Order is said in the SQL wherever it matters; keeping it elsewhere costs memory.
        self._database.execute("SET preserve_insertion_order = false")
        self._database.execute("SET python_enable_replacements = false")
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")
        self._lock = threading.Lock()

    def run(
        self,
        stages: Sequence[Stage],
        inputs: Inputs,
        outputs: Sequence[str],
    ) -> dict[str, pa.Table]:
        with self._lock:
            cursor = self._cursor(inputs)
            try:
                for stage in stages:
                    _create(cursor, stage)
                return {
                    name: cursor.sql(f"SELECT * FROM {quoted(name)}").to_arrow_table()
                    for name in outputs
                }
            except duckdb.OutOfMemoryException:
                raise self._refusal() from None
            finally:
                cursor.close()

    def trace(
        self, stages: Sequence[Stage], inputs: Inputs, *, rows: int = 5
    ) -> Iterator[StageResult]:
        with self._lock:
            cursor = self._cursor(inputs)
            try:
                for stage in stages:
                    _create(cursor, stage)
                    name = quoted(stage.name)
                    [(count,)] = cursor.sql(f"SELECT count(*) FROM {name}").fetchall()
                    first = cursor.sql(
                        f"SELECT * FROM {name} LIMIT {int(rows)}"
                    ).to_arrow_table()
                    yield StageResult(stage, int(count), first)
            except duckdb.OutOfMemoryException:
                raise self._refusal() from None
            finally:
                cursor.close()

    def _cursor(self, inputs: Inputs) -> duckdb.DuckDBPyConnection:
        # Temporary views and tables belong to the cursor and go with it.
        cursor = self._database.cursor()
        for name, table in inputs.items():
            cursor.register(name, in_memory(table))
        return cursor

    def _refusal(self) -> EngineMemory:
        return EngineMemory(
            f"This computation needs more than the {self.memory_gb:g} GB of memory it may use. "
            "The next step would be temporary files holding people's data in clear, so it was "
            "stopped and nothing was written. Allow more memory (ONWARD_MEMORY_GB), or compute "
            "on a larger machine."
        )


def _create(cursor: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    form = "TABLE" if stage.keep else "VIEW"
    cursor.execute(f"CREATE TEMP {form} {quoted(stage.name)} AS {stage.sql}")
