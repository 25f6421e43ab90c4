"""One report as plain data, drawn by three thin renderers (page, paper, workbook).

Comes in: nothing; `build.py` fills it. Goes out: sections of sentences, tables and figures in
which every number has already passed the disclosure rules, so no renderer can show more than
another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from onward.report.saying import PLAIN, Sayer

WIDE, NARROW = 760, 380
"""Units a drawing is wide for a page and for a phone."""


@dataclass(frozen=True)
class Cell:
    """What a table shows in one place.

    text     as printed; hidden counts print "…"
    number   the same as a number for the workbook; None for words and hidden counts
    tone     "" or the status the cell carries: "good", "wait", "late"; never colour alone
    """

    text: str
    number: float | None = None
    tone: Literal["", "good", "wait", "late"] = ""


@dataclass(frozen=True)
class Table:
    """A table with a title sentence.

    name      short and unique; sheet name and anchor
    hxl       one HXL tag per column, or () when it is not for exchange
    indicator anchor of the definition in the reference, "" when it is no indicator
    figures   which columns are set as figures, once the words beside them are translated
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    as_of: dt.date
    note: str = ""
    hxl: Sequence[str] = ()
    indicator: str = ""
    folded: bool = False
    figures: Sequence[bool] = ()


class Drawing(Protocol):
    """Draws one figure in somebody's words, so many units wide."""

    def __call__(self, *, say: Sayer, width: int) -> str: ...


@dataclass(frozen=True)
class Figure:
    """A drawing with a title sentence, a date and the table of what it draws.

    draw  makes the drawing when it is asked for
    say   whose words it is drawn in; None: English
    """

    name: str
    title: str
    draw: Drawing
    table: Table
    as_of: dt.date
    how_to_read: str = ""
    say: Sayer | None = None

    @cached_property
    def svg(self) -> str:
        """For a page."""
        return self._drawn(WIDE)

    @cached_property
    def narrow(self) -> str:
        """The same for a phone, so that letters keep their size."""
        return self._drawn(NARROW)

    def _drawn(self, width: int) -> str:
        return self.draw(say=self.say or PLAIN, width=width)


@dataclass(frozen=True)
class Text:
    """A paragraph; `tone` marks the ones a reader must not miss."""

    text: str
    tone: Literal["", "good", "wait", "late"] = ""


@dataclass(frozen=True)
class Points:
    """A short list, most important first."""

    items: Sequence[str]


@dataclass(frozen=True)
class Tiles:
    """Headline figures: (figure, what it counts, a word on it)."""

    items: Sequence[tuple[str, str, str]]


Block = Text | Points | Tiles | Table | Figure


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """The situation report of one operation as of one date for one audience, or a page of its
    kind."""

    operation: str
    as_of: dt.date
    audience: Literal["internal", "external"]
    headline: str
    summary: Sequence[str]
    sections: Sequence[Section]
    demonstration: bool
    rulebook: str
    rulebook_hash: str
    floor_hash: str
    notes: Sequence[str] = field(default_factory=tuple)
    kind: str = "Situation report"
    checkpoint: str = ""
    """The record's signed checkpoint, to be printed; every copy given away is a witness."""

    def tables(self) -> list[Table]:
        """Every table, those behind the figures included, in reading order."""
        found: list[Table] = []
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    found.append(block)
                elif isinstance(block, Figure):
                    found.append(block.table)
        return found


def numeric(table: Table, column: int) -> bool:
    """Whether a column is set as figures: some cell is a number, and the rest are marks."""
    if table.figures:
        return table.figures[column]
    cells = [row[column] for row in table.rows if column < len(row)]
    marks = {"…", "–", "", "not known", "under 10", "fewer than 5", "10 or fewer"}
    return any(cell.number is not None for cell in cells) and all(
        cell.number is not None or cell.text in marks for cell in cells
    )


def words(text: object, tone: Literal["", "good", "wait", "late"] = "") -> Cell:
    """A cell of words."""
    return Cell(str(text), None, tone)


def count(value: int | None, tone: Literal["", "good", "wait", "late"] = "") -> Cell:
    """A cell holding a count that has passed the disclosure rules; None is hidden."""
    return Cell("…", None, tone) if value is None else Cell(f"{value:,}", value, tone)


def share(value: float | None) -> Cell:
    """A share as a whole percentage; None is not known or hidden."""
    return Cell("–") if value is None else Cell(f"{value:.0%}", round(value, 4))
