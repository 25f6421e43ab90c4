"""Where chains of named SQL stages run: DuckDB on one machine, Spark on a cluster.

Give `run` the stages and the tables they read; get Arrow tables back. Spark is loaded only by
who asks for it (`onward.engine.spark`).
"""

from onward.engine.duck import DuckEngine
from onward.engine.parquet import ParquetTable
from onward.engine.stages import Engine, EngineMemory, Job, Stage, StageResult, quoted, run_each

__all__ = [
    "DuckEngine",
    "Engine",
    "EngineMemory",
    "Job",
    "ParquetTable",
    "Stage",
    "StageResult",
    "quoted",
    "run_each",
]
