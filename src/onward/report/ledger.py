"""The protected counts of one release: a section can only ask here for what may be shown.

Comes in: every table of counts of the release, and what earlier releases said of past months.
Goes out: cells, or that a cell is hidden. All tables are protected together, so that no sum or
difference of two of them gives a small count away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.report.disclosure import RULES, TOTAL, Audience, Counts, Key, Shown, protect
from onward.report.release import to_hide

LEAST_BEHIND: Mapping[Audience, int] = {"internal": 20, "external": 50}
"""People or stays that must stand behind a mean or a median."""


class Ledger:
    """All counts of one release, protected together; asked by table and cell."""

    def __init__(
        self,
        tables: Sequence[Counts],
        audience: Audience,
        frozen: Mapping[str, Mapping[Key, int | None]],
    ) -> None:
        self.audience = audience
        step = RULES[audience].round_to
        hide = {t.name: to_hide(t, frozen[t.name], step) for t in tables if t.name in frozen}
        self.shown = protect(tables, audience, hide if audience == "external" else None)
        self._by_name = {table.counts.name: table for table in self.shown}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def table(self, name: str) -> Shown:
        return self._by_name[name]

    def value(self, name: str, *key: str) -> int | None:
        """What may be shown of one cell; of the whole table without a key."""
        table = self._by_name[name]
        cell: Key = key or (TOTAL,) * len(table.counts.dimensions)
        if cell not in table.shown and len(cell) == len(table.counts.dimensions):
            # A category nobody is in is not in the table: a plain zero, which outside is hidden.
            return None if RULES[self.audience].hide_from == 0 else 0
        return table.shown[cell]

    def say(self, name: str, *key: str) -> str:
        """A figure in a sentence."""
        value = self.value(name, *key)
        return "a number not shown of" if value is None else f"{value:,}"
