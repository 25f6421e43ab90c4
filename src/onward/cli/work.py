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
        raise OnwardError(
            f"{option} {text}: not a date; expected one such as 2026-10-31."
        ) from None


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
    import hashlib
    from dataclasses import replace

    from onward.registry import open_operation
    from onward.registry.analysis import (
        external_releases,
        forecast_of,
        keep_forecast,
        last_figures,
        material_of,
        opened,
        public_plan,
    )
    from onward.report import release
    from onward.report.build import build, exchange_table
    from onward.report.disclosure import RULES, Audience
    from onward.report.html import render_html
    from onward.report.indicators import DEFINITIONS
    from onward.report.pdf import render_pdf
    from onward.report.xlsx import render_xlsx

    if audience not in RULES:
        raise OnwardError(f"--audience {audience}: expected {one_of(RULES)}.")
    kind: Audience = "internal" if audience == "internal" else "external"
    asked = day(as_of, "--as-of")
    operation = open_operation(directory)
    if asked is not None and not RULES[kind].free_dates and asked != operation.default_date():
        raise OnwardError(
            "An external report has a fixed date, so that two of them cannot be subtracted: "
            f"leave --as-of out (it is {operation.default_date()})."
        )
    say("Reading the record")
    found = opened(operation, asked)
    if kind == "external" and found.plan is not None:
        found = replace(found, plan=public_plan(found.plan))
    made, why = None, ""
    if not with_forecast:
        why = "It was left out when the report was asked for."
    elif found.plan is None or not operation.settings.deadline:
        why = "There is no date to forecast to: give operation.toml a deadline and write plan.yaml."
    else:
        say("Simulating futures")
        try:
            made = forecast_of(found, futures=futures, progress=say)
        except OnwardError as error:
            why = str(error)
    if made is not None and kind == "internal":
        keep_forecast(operation, made)
    say("Judging every next step")
    earlier = last_figures(operation, found.as_of) if kind == "internal" else None
    releases = external_releases(operation) if kind == "external" else []
    others = [old for old in releases if old["as_of"] != found.as_of.isoformat()]
    material = material_of(
        found, forecast=made, earlier=earlier, no_forecast=why, frozen=release.freeze(others)
    )
    done = build(material, kind)
    report = done.report
    definitions = [(anchor, title, text) for anchor, (title, text) in DEFINITIONS.items()]
    say("Writing page, paper and workbook")
    contents = {
        "html": render_html(report, definitions).encode(),
        "pdf": render_pdf(report, definitions),
        "xlsx": render_xlsx(report, exchange_table(report)),
    }
    if kind == "external":
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        new = release.document(found.as_of, done.shown, found.caseload.rulebook.hash, hashes)
        reasons = release.faults(new, releases)
        if reasons:
            raise OnwardError(
                f"This external report may not go out: {'; '.join(reasons)}. Published figures "
                "stay as they are: use the release that is kept, or wait for the next date."
            )
        kept = operation.folder("reports") / f"external-{found.as_of}.json"
        kept.write_text(json.dumps(new, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    else:
        kept = operation.folder("reports") / f"figures-{found.as_of}.json"
        kept.write_text(json.dumps(done.figures(), sort_keys=True), encoding="utf-8")
    out.mkdir(parents=True, exist_ok=True)
    files = {name: out / f"report.{name}" for name in contents}
    for name, data in contents.items():
        files[name].write_bytes(data)
    return {
        "headline": report.headline,
        "summary": list(report.summary),
        "files": [str(file) for file in files.values()],
        "as_of": found.as_of.isoformat(),
        "audience": kind,
    }
