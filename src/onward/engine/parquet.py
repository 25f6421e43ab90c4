"""A table that lies in Parquet files, for an engine to read where it stands.

Exists so that the log of a large operation goes from disk to the machines that compute, and not
through the one that asks. Goes in: a folder of files. Comes out: a name for it that any engine
takes in place of an Arrow table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class ParquetTable:
    """The rows of every `*.parquet` file directly in a folder; all have one schema."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def schema(self) -> pa.Schema:
        return pq.read_schema(self.files[0])

    def rows(self) -> int:
        """Read from the files' footers alone."""
        return sum(pq.read_metadata(file).num_rows for file in self.files)

    def read(self) -> pa.Table:
        """The rows in memory, in the order of the files' names."""
        parts = [pq.ParquetFile(file).read() for file in self.files]
        return pa.concat_tables(parts).unify_dictionaries()


Input: TypeAlias = pa.Table | ParquetTable
Inputs: TypeAlias = Mapping[str, Input]


def in_memory(table: Input) -> pa.Table:
    return table.read() if isinstance(table, ParquetTable) else table


def row_count(table: Input) -> int:
    return table.rows() if isinstance(table, ParquetTable) else int(table.num_rows)
