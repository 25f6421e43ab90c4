"""The report as one self-contained page: no script, no outside reference, fit to print."""

from __future__ import annotations

from collections.abc import Sequence

from onward.report.model import Report, Table, numeric
from onward.report.saying import ENGLISH, Sayer, Speech


def long(table: Table, column: int) -> bool:
    """Whether a column holds sentences: on a phone they would otherwise be a word wide."""
    return any(len(row[column].text) > 32 for row in table.rows if column < len(row))


def render_html(
    report: Report, definitions: Sequence[tuple[str, str, str]], speech: Speech = ENGLISH
) -> str:
    """The page's text.

    definitions  (anchor, title, text) of every indicator the report uses
    speech       the language of what the page itself says; the report is spoken already
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("onward.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["say"], environment.globals["speech"] = Sayer(speech), speech
    environment.globals["numeric"], environment.globals["long"] = numeric, long
    return environment.get_template("report.html").render(
        report=report, definitions=list(definitions)
    )
