"""Where a command computes, and what it reads: the options its engine and snapshots share.

Exists so that `caseload`, `check`, `forecast` and `report` say the same thing the same way. Goes
in: a folder and the options. Comes out: an operation whose every computation runs where asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from onward.engine import Engine
    from onward.engine.spark import SparkEngine
    from onward.registry.operation import Operation

ENGINE = Annotated[
    str, typer.Option("--engine", help="duckdb: this machine. spark: a cluster, or this one.")
]
MASTER = Annotated[
    str,
    typer.Option(
        "--master", metavar="URL", help="With --engine spark: as spark://127.0.0.1:7077."
    ),
]
OPERATION = Annotated[
    str, typer.Option("--operation", metavar="ID", help="Which one, where DIR is a snapshot.")
]


def opened_operation(
    folder: Path, engine: str = "duckdb", master: str = "", name: str = ""
) -> Operation:
    """The operation in a folder or in a snapshot, computing on the engine asked for.

    raises  OnwardError for an engine or operation that is not there, or without Spark or Java
    """
    from onward.errors import OnwardError
    from onward.registry import open_operation
    from onward.registry.computing.snapshot import SnapshotOperation, is_snapshot, open_snapshot

    _check(engine, master)
    snapshot = is_snapshot(folder)
    if name and not snapshot:
        raise OnwardError(f"--operation only goes with a snapshot; {folder} is none.")
    operation = open_snapshot(folder, name) if snapshot else open_operation(folder)
    if engine == "spark":
        events = (
            int(operation.note["events"]) if isinstance(operation, SnapshotOperation) else 0
        )
        spark = spark_engine(master, events)
        operation.compute_on(spark)
    return operation


def engine_named(engine: str = "duckdb", master: str = "", events: int = 0) -> Engine:
    """The engine asked for, for logs of so many events at most.

    raises  OnwardError for an engine that is not there
    """
    _check(engine, master)
    if engine == "spark":
        return spark_engine(master, events)
    from onward.registry.operation import machine_engine

    return machine_engine()


def spark_engine(master: str = "", events: int = 0) -> SparkEngine:
    """Spark on this machine or on a cluster, with the memory that ONWARD_MEMORY_GB allows.

    events  in the largest log: for few, Java is started so that it only plans quickly
    """
    from onward.engine.spark import (
        LARGE_JAVA,
        LOCAL,
        QUICK_JAVA,
        SMALL_ROWS,
        SparkEngine,
    )
    from onward.registry.operation import memory_gb

    master = master or LOCAL
    return SparkEngine(
        master=master,
        memory_gb=memory_gb(),
        java=QUICK_JAVA if events <= SMALL_ROWS else LARGE_JAVA,
    )


def _check(engine: str, master: str) -> None:
    from onward.errors import OnwardError

    if engine not in ("duckdb", "spark"):
        raise OnwardError(f"--engine {engine}: expected duckdb or spark.")
    if master and engine != "spark":
        raise OnwardError("--master only goes with --engine spark.")
