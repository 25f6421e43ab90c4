"""As of one date, as known at one instant: the two dates of every question to the log.

Exists because the log holds what was learnt late and what will only begin. Goes in: the two. Comes
out: SQL that says which rows were known, begun and settled by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from onward.engine.stages import literal


@dataclass(frozen=True)
class Moment:
    """As of one date, as known at one instant (None: everything recorded)."""

    as_of: date
    known_at: datetime | None = None

    def known(self, table: str) -> str:
        """SQL: the row was recorded by the instant."""
        if self.known_at is None:
            return "TRUE"
        return f"{table}.recorded <= {literal(self.known_at)}"

    def begun(self, table: str) -> str:
        """SQL: the row may have taken effect by the date."""
        return f"{table}.effective_first <= {literal(self.as_of)} AND {self.known(table)}"

    def settled(self, table: str) -> str:
        """SQL: the row has taken effect by the date, whatever day its partial date meant."""
        return f"{table}.effective_last <= {literal(self.as_of)}"
