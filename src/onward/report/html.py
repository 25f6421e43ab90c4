"""The report as one self-contained page: no script, no outside reference, fit to print."""

from __future__ import annotations

from collections.abc import Sequence

from onward.report.model import Report, Table


def numeric(table: Table, column: int) -> bool:
    """Whether a column is set as figures: some cell is a number, and the rest are marks."""
    cells = [row[column] for row in table.rows if column < len(row)]
    marks = {"…", "–", "", "not known", "under 10", "fewer than 5", "10 or fewer"}
    return any(cell.number is not None for cell in cells) and all(
        cell.number is not None or cell.text in marks for cell in cells
    )


def long(table: Table, column: int) -> bool:
    """Whether a column holds sentences: on a phone they would otherwise be a word wide."""
    return any(len(row[column].text) > 32 for row in table.rows if column < len(row))


def render_html(report: Report, definitions: Sequence[tuple[str, str, str]]) -> str:
    """The page's text.

    definitions  (anchor, title, text) of every indicator the report uses
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("onward.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["numeric"], environment.globals["long"] = numeric, long
    return environment.get_template("report.html").render(
        report=report, definitions=list(definitions)
    )
