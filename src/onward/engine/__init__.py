"""Where chains of named SQL stages run: DuckDB on one machine; another engine may join it.

Give `run` the stages and the Arrow tables they read; get Arrow tables back.
"""

from onward.engine.duck import DuckEngine
from onward.engine.stages import Engine, EngineMemory, Stage, StageResult, quoted

__all__ = ["DuckEngine", "Engine", "EngineMemory", "Stage", "StageResult", "quoted"]
