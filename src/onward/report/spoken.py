"""A report in another language.

Comes in: a finished report and a `Speech`. Goes out: the same report, spoken. It is built once, in
English, and protected once; what is translated is only how it reads, so no language can show more
than another.
"""

from __future__ import annotations

from dataclasses import replace

from onward.report.model import (
    Block,
    Cell,
    Points,
    Report,
    Section,
    Table,
    Text,
    Tiles,
    numeric,
)
from onward.report.saying import Sayer, Speech

DRAFT = "This translation is a draft: nobody has approved it. The English report is the one that counts."


def spoken(report: Report, speech: Speech, *, approved: bool = False) -> Report:
    """The report in the language of `speech`; its figures and what is hidden stay the same.

    approved  somebody answers for the words of this language: nothing is said of a draft
    """
    if speech.language == "en":
        return report
    say = Sayer(speech)
    return replace(
        report,
        operation=say(report.operation), headline=say(report.headline),
        summary=[*(say(line) for line in report.summary), *([] if approved else [say(DRAFT)])],
        sections=[
            Section(one.name, say(one.title), [_block(block, say) for block in one.blocks])
            for one in report.sections
        ],
        notes=[say(note) for note in report.notes], kind=say(report.kind),
    )  # fmt: skip


def _block(block: Block, say: Sayer) -> Block:
    if isinstance(block, Text):
        return Text(say(block.text), block.tone)
    if isinstance(block, Points):
        return Points([say(item) for item in block.items])
    if isinstance(block, Tiles):
        return Tiles([(say(a), say(b), say(c)) for a, b, c in block.items])
    if isinstance(block, Table):
        return _table(block, say)
    return replace(
        block, title=say(block.title), table=_table(block.table, say),
        how_to_read=say(block.how_to_read), say=say,
    )  # fmt: skip


def _table(table: Table, say: Sayer) -> Table:
    return replace(
        table,
        title=say(table.title),
        columns=[say(column) for column in table.columns],
        rows=[[_cell(cell, say) for cell in row] for row in table.rows],
        note=say(table.note),
        figures=[numeric(table, column) for column in range(len(table.columns))],
    )


def _cell(cell: Cell, say: Sayer) -> Cell:
    return Cell(say(cell.text), cell.number, cell.tone)
