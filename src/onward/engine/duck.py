"""DuckDB as the engine of one machine, with every way out of memory closed.

Exists because claims, health and birth dates re-identify people in a closed camp: a query that
quietly spilled to a temporary file would leave them on disk in clear. The connection lives in
memory, has no temporary directory, reads and writes no file, loads no extension and cannot be
reconfigured; a computation too large for the memory allowed is refused with what to do.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from onward.engine.compose import statements
from onward.engine.cores import cores
from onward.engine.parquet import Inputs, in_memory
from onward.engine.stages import EngineMemory, Stage, StageResult, quoted

MORSEL_ROWS = 32_768
"""Rows of an input that one thread takes at a time."""

SMALL_ROWS = 200_000
"""With no more input rows than this, a chain runs on one thread: to share the work would cost
more than it saves, and several chains can run beside each other."""

_WARNINGS = threading.Lock()  # Python has one list of them for all threads


class DuckEngine:
    """Runs stages in an in-memory DuckDB. Safe to share between threads.

    memory_gb  most memory DuckDB itself may use (the Arrow inputs and outputs come on top)
    threads    0 means every core this process may use
    at_once    runs at a time; others wait
    """

    def __init__(self, *, memory_gb: float = 3.0, threads: int = 0) -> None:
        if memory_gb <= 0:
            raise ValueError(f"memory_gb is {memory_gb:g}; expected more than 0")
        self.memory_gb = memory_gb
        self.at_once = threads or cores()
        self._turns = threading.BoundedSemaphore(self.at_once)
        self._opening = threading.Lock()
        self._small: duckdb.DuckDBPyConnection | None = None
        self._large: duckdb.DuckDBPyConnection | None = None

    def run(
        self,
        stages: Sequence[Stage],
        inputs: Inputs,
        outputs: Sequence[str],
    ) -> dict[str, pa.Table]:
        with self._turns:
            cursor, small = self._cursor(inputs)
            try:
                todo = statements(stages, outputs, small=small)
                for name, sql in todo.tables:
                    cursor.execute(f"CREATE TEMP TABLE {quoted(name)} AS {sql}")
                return {name: _read(cursor, sql, small) for name, sql in todo.outputs.items()}
            except duckdb.OutOfMemoryException:
                raise self._refusal() from None
            finally:
                cursor.close()

    def trace(
        self, stages: Sequence[Stage], inputs: Inputs, *, rows: int = 5
    ) -> Iterator[StageResult]:
        with self._turns:
            cursor, _ = self._cursor(inputs)
            try:
                for stage in stages:
                    form = "TABLE" if stage.keep else "VIEW"
                    name = quoted(stage.name)
                    cursor.execute(f"CREATE TEMP {form} {name} AS {stage.sql}")
                    [(count,)] = cursor.sql(f"SELECT count(*) FROM {name}").fetchall()
                    first = cursor.sql(
                        f"SELECT * FROM {name} LIMIT {int(rows)}"
                    ).to_arrow_table()
                    yield StageResult(stage, int(count), first)
            except duckdb.OutOfMemoryException:
                raise self._refusal() from None
            finally:
                cursor.close()

    def _cursor(self, inputs: Inputs) -> tuple[duckdb.DuckDBPyConnection, bool]:
        """A cursor that reads the inputs by their names, and whether they are few.

        Temporary views and tables belong to the cursor and go with it.
        """
        tables = {name: in_memory(given) for name, given in inputs.items()}
        small = sum(table.num_rows for table in tables.values()) <= SMALL_ROWS
        cursor = self._database(small).cursor()
        for name, table in tables.items():
            if table.num_rows > MORSEL_ROWS and not small:
                parts = table.to_batches(max_chunksize=MORSEL_ROWS)
                table = pa.Table.from_batches(parts, schema=table.schema)
            cursor.register(name, table)
        return cursor, small

    def _database(self, small: bool) -> duckdb.DuckDBPyConnection:
        with self._opening:
            if small:
                self._small = self._small or _closed(self.memory_gb, 1, in_order=True)
                return self._small
            # Order is said in the SQL wherever it matters; keeping it elsewhere costs memory.
            self._large = self._large or _closed(self.memory_gb, self.at_once, in_order=False)
            return self._large

    def _refusal(self) -> EngineMemory:
        return EngineMemory(
            f"This computation needs more than the {self.memory_gb:g} GB of memory it may use. "
            "The next step would be temporary files holding people's data in clear, so it was "
            "stopped and nothing was written. Allow more memory (ONWARD_MEMORY_GB), or compute "
            "on a larger machine."
        )


def _closed(memory_gb: float, threads: int, *, in_order: bool) -> duckdb.DuckDBPyConnection:
    """A database in memory that reaches nothing outside it and cannot be made to."""
    config: dict[str, str | bool | int] = {
        "temp_directory": "",
        "memory_limit": f"{round(memory_gb * 1000)}MB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "threads": threads,
    }
    database = duckdb.connect(":memory:", config=config)
    database.execute(f"SET preserve_insertion_order = {str(in_order).lower()}")
    database.execute("SET python_enable_replacements = false")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def _read(cursor: duckdb.DuckDBPyConnection, sql: str, small: bool) -> pa.Table:
    """The rows of one query, in its order.

    A relation is bound when it is made and again when it is read. For a few people that takes
    as long as the answer itself, and more than the copy that the plain result makes; on more
    than one thread that copy would lose the order.
    """
    if not small:
        return cursor.sql(sql).to_arrow_table()
    cursor.execute(sql)
    with _WARNINGS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
        return cursor.to_arrow_table()
