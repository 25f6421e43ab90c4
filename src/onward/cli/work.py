"""Work that several commands share: reading dates, writing the report."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from onward.errors import OnwardError, one_of


def day(text: str, option: str) -> dt.date | None:
    """A date given on the command line; None when left out."""
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise OnwardError(f"{option} {text}: not a date; expected one such as 2026-10-31.") from None


def write_report(
    directory: Path,
    out: Path,
    *,
    as_of: str = "",
    audience: str = "internal",
    futures: int = 2000,
    with_forecast: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Write the three files of the report; returns headline, summary and the files' names."""
    from onward.registry import open_operation
    from onward.registry.analysis import (
        forecast_of,
        keep_forecast,
        last_figures,
        material_of,
        opened,
    )
    from onward.report.build import build, exchange_table
    from onward.report.disclosure import RULES
    from onward.report.html import render_html
    from onward.report.indicators import DEFINITIONS
    from onward.report.pdf import render_pdf
    from onward.report.xlsx import write_xlsx

    if audience not in RULES:
        raise OnwardError(f"--audience {audience}: expected {one_of(RULES)}.")
    asked = day(as_of, "--as-of")
    operation = open_operation(directory)
    if asked is not None and not RULES[audience].free_dates and asked != operation.default_date():  # type: ignore[index]
        raise OnwardError(
            "An external report has a fixed date, so that two of them cannot be subtracted: "
            f"leave --as-of out (it is {operation.default_date()})."
        )
    say("Reading the record")
    found = opened(operation, asked)
    made = None
    if with_forecast and found.plan is not None and operation.settings.deadline:
        say("Simulating futures")
        made = forecast_of(found, futures=futures, progress=say)
        keep_forecast(operation, made)
    say("Judging every next step")
    earlier = last_figures(operation, found.as_of) if audience == "internal" else None
    report, figures = build(material_of(found, forecast=made, earlier=earlier), audience)  # type: ignore[arg-type]
    definitions = [(anchor, title, text) for anchor, (title, text) in DEFINITIONS.items()]
    out.mkdir(parents=True, exist_ok=True)
    say("Writing page, paper and workbook")
    files = {name: out / f"report.{name}" for name in ("html", "pdf", "xlsx")}
    files["html"].write_text(render_html(report, definitions), encoding="utf-8")
    files["pdf"].write_bytes(render_pdf(report, definitions))
    write_xlsx(report, files["xlsx"], exchange_table(report))
    if audience == "internal":
        kept = operation.folder("reports") / f"figures-{found.as_of}.json"
        kept.write_text(json.dumps(figures, sort_keys=True), encoding="utf-8")
    return {
        "headline": report.headline,
        "summary": list(report.summary),
        "files": [str(file) for file in files.values()],
        "as_of": found.as_of.isoformat(),
        "audience": audience,
    }
