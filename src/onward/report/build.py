"""From an operation's tables to the report's model: which sections there are, and in what order.

Comes in: `material.py`, and an audience. Goes out: a `Report` and the protected tables behind
it. Every count is made in `counted.py` and entered in one ledger (`ledger.py`), which is protected
as a whole; a section (`sections/`) can only ask the ledger for what may be shown, and shares,
sums and differences are worked out from shown figures alone. A section that cannot be written
for an audience is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from onward.report.disclosure import Audience, Shown
from onward.report.material import Material
from onward.report.model import Block, Cell, Figure, Report, Section, Table, Text, words
from onward.report.sections import (
    held_back,
    opening,
    people,
    places,
    plan_and_forecast,
    protection,
)
from onward.report.writer import Writer


@dataclass(frozen=True)
class Made:
    """A report and the protected tables it was written from."""

    report: Report
    shown: Sequence[Shown] = field(default_factory=tuple)

    def figures(self) -> dict[str, Any]:
        """What was shown, to compare the next report with: never a hidden count."""
        return {
            "as_of": self.report.as_of.isoformat(),
            "tables": {
                table.counts.name: [[list(key), value] for key, value in table.shown.items()]
                for table in self.shown
            },
        }


def build(material: Material, audience: Audience) -> Made:
    """The report for one audience."""
    w = Writer(material, audience)
    found = [
        opening.decisions(w),
        people.who_is_here(w),
        opening.changed(w),
        people.on_their_way(w),
        people.departures(w),
        held_back.blocked(w),
        held_back.lapsing(w),
        plan_and_forecast.the_plan(w),
        plan_and_forecast.the_forecast(w),
        places.pledges(w),
        places.placement(w),
        protection.after_departure(w),
        protection.protection(w),
        protection.breaches(w),
    ]
    sections = [section for section in found if section is not None]
    if not w.internal:
        sections = [kept for each in sections if (kept := _outside(each)) is not None]
    report = Report(
        operation=material.title,
        as_of=w.on,
        audience=audience,
        headline=opening.headline(w),
        summary=opening.summary(w),
        sections=sections,
        demonstration=material.demonstration,
        rulebook=f"{w.rulebook.name} {w.rulebook.version}",
        rulebook_hash=w.rulebook.hash,
        floor_hash=material.floor_hash or w.rulebook.floor_hash,
        notes=[
            f"Audience: {audience}. {w.note}",
            "Safeguards are judged under the rulebook and floor named here.",
        ],
    )
    return Made(report, w.ledger.shown)


def _outside(section: Section) -> Section | None:
    """A section without the rows and columns in which every count is hidden.

    Outside, none, one and ten are one answer: a row that is there although its count is hidden
    would say that there is somebody.
    """
    blocks: list[Block] = []
    for block in section.blocks:
        if isinstance(block, Figure):
            blocks.append(replace(block, table=_told(block.table)))
        elif isinstance(block, Table):
            told = _told(block)
            if told.rows:
                blocks.append(told)
        else:
            blocks.append(block)
    something = any(not isinstance(block, Text) for block in blocks)
    if not something and any(isinstance(block, Table) for block in section.blocks):
        return None
    return replace(section, blocks=blocks)


def _told(table: Table) -> Table:
    rows = [r for r in table.rows if _hidden(r) == 0 or any(c.number is not None for c in r)]
    columns = [
        i for i in range(len(table.columns))
        if not rows or not all(row[i].text == "…" for row in rows)
    ]  # fmt: skip
    return replace(
        table,
        rows=[[row[i] for i in columns] for row in rows],
        columns=[table.columns[i] for i in columns],
        hxl=[table.hxl[i] for i in columns]
        if len(table.hxl) == len(table.columns)
        else table.hxl,
    )


def _hidden(row: Sequence[Cell]) -> int:
    return sum(cell.text == "…" for cell in row)


def exchange_table(report: Report) -> Table:
    """The table of the HXL sheet: one row per figure, aggregates only."""
    rows: list[list[Cell]] = []
    for table in report.tables():
        if table.name not in ("caseload", "pipeline", "departures"):
            continue
        for row in table.rows:
            for title, cell in zip(table.columns[1:], row[1:], strict=True):
                if cell.number is None:
                    continue
                label = f"{table.name}: {row[0].text}" + (
                    f", {title}" if title != "People" else ""
                )
                rows.append([words(report.as_of.isoformat()), words(label), cell])
    return Table(
        "HXL", "Figures for exchange", ["Date", "Indicator", "Value"], rows, report.as_of,
        hxl=["#date+reported", "#indicator+name", "#indicator+value+num"],
    )  # fmt: skip
