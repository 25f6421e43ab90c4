"""The report on paper: A4, readable in greyscale, case codes only, page x of y on each sheet.

Comes in: the report. Goes out: a PDF made by typst, which carries its own fonts and needs no
system library. The text is set from data, never from markup, so no cell can change the layout.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onward.report.model import Figure, Points, Report, Table, Text, Tiles, numeric
from onward.report.saying import ENGLISH, Sayer, Speech

FONTS = Path(__file__).parent / "fonts"
LINE_MM, TALLEST_MM = 176.0, 205.0
SHORT = 14  # letters: a date, a state or a country stands on one line
TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


SAID = {
    "kind": "Situation report", "demonstration": "Demonstration: invented people",
    "invented": "Demonstration. Every person and event in this report is invented.",
    "as_of": "as of", "for": "for", "floor": "Protection floor", "rulebook": "Rulebook",
    "page": "page", "means": "What each figure means", "all": "All", "total": "Total",
    "checkpoint": "Checkpoint of the record this was made from. Keep it: nothing before it can be "
    "changed or removed unseen (onward verify).",
}  # fmt: skip
"""What the paper itself says."""


def render_pdf(
    report: Report, definitions: Sequence[tuple[str, str, str]], speech: Speech = ENGLISH
) -> bytes:
    """The PDF's bytes; the same report gives the same bytes.

    speech  the language of what the paper itself says; the report is spoken already
    """
    import typst

    say = Sayer(speech)

    # In memory only: a temporary file would leave an office's small counts on the disk in clear.
    room: Any = {"main.typ": TEMPLATE.read_bytes()}
    data: dict[str, Any] = {
        "operation": report.operation,
        "date": speech.day(report.as_of),
        "language": speech.language,
        "direction": "rtl" if speech.right_to_left else "ltr",
        "said": {name: say(text) for name, text in SAID.items()},
        "audience": say(
            "internal use" if report.audience == "internal" else "external release"
        ),
        "demonstration": report.demonstration,
        "headline": report.headline,
        "summary": list(report.summary),
        "notes": list(report.notes),
        "rulebook": report.rulebook,
        "rulebook_hash": report.rulebook_hash,
        "floor_hash": report.floor_hash,
        "checkpoint": report.checkpoint.strip(),
        "definitions": [list(entry) for entry in definitions],
        "sections": [],
    }
    for section in report.sections:
        blocks = []
        for block in section.blocks:
            if isinstance(block, Figure):
                file = f"{block.name}.svg"
                room[file] = block.svg.encode()
                blocks.append(
                    {
                        "kind": "figure", "title": block.title, "file": file,
                        "how": block.how_to_read, "table": _table(block.table, speech),
                        "width": _width(block.svg),
                    }
                )  # fmt: skip
            elif isinstance(block, Table):
                blocks.append({"kind": "table", "table": _table(block, speech)})
            elif isinstance(block, Points):
                blocks.append({"kind": "points", "items": list(block.items)})
            elif isinstance(block, Tiles):
                blocks.append({"kind": "tiles", "items": [list(i) for i in block.items]})
            elif isinstance(block, Text):
                blocks.append({"kind": "text", "text": block.text, "tone": block.tone})
        data["sections"].append({"title": section.title, "blocks": blocks})
    room["report.json"] = json.dumps(data, ensure_ascii=False).encode()
    made: bytes = typst.compile(
        room,
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
    )
    return made


def _width(svg: str) -> float:
    """Share of the line a drawing may take so that it fits a page with its heading."""
    found = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', svg)
    if not found:
        return 1.0
    wide, tall = (float(part) for part in found.groups())
    return round(min(1.0, TALLEST_MM / (LINE_MM * tall / wide)), 3)


def _share(table: Table, column: int) -> float:
    """A column's share of the line beside the others; 0 takes just what its words need."""

    def longest(i: int) -> int:
        return max((len(row[i].text) for row in table.rows if i < len(row)), default=0)

    def narrow(i: int) -> bool:
        return longest(i) <= SHORT or numeric(table, i)

    others = (i for i in range(len(table.columns)) if i != column)
    if narrow(column) and (column or not all(narrow(i) for i in others)):
        return 0.0
    return float(round(math.sqrt(min(max(longest(column), 20), 70)), 2))


def _table(table: Table, speech: Speech) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": list(table.columns),
        "numeric": [i > 0 and numeric(table, i) for i in range(len(table.columns))],
        "share": [_share(table, i) for i in range(len(table.columns))],
        "rows": [[cell.text for cell in row] for row in table.rows],
        "note": f"{speech.day(table.as_of)}. {table.note}".strip(),
    }
