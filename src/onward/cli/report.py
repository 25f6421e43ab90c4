"""`onward report`: the situation report as a page, on paper and as a workbook."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from onward.cli.commands import command_app
from onward.cli.engine import ENGINE, MASTER, OPERATION

app = command_app()


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="The operation folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")],
    as_of: Annotated[
        str, typer.Option("--as-of", help="A date, as 2026-10-31; internal only.")
    ] = "",
    audience: Annotated[
        str, typer.Option("--audience", help="internal or external.")
    ] = "internal",
    language: Annotated[
        str, typer.Option("--language", help="en, fr, ar, fa or ckb; others are drafts.")
    ] = "en",
    futures: Annotated[int, typer.Option("--futures", help="Simulated futures.")] = 2000,
    forecast: Annotated[
        bool, typer.Option("--forecast/--no-forecast", help="With the forecast.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Headline and files as JSON.")
    ] = False,
    engine: ENGINE = "duckdb",
    master: MASTER = "",
    operation_id: OPERATION = "",
) -> None:
    """Example: onward report camp -o out --audience external

    Writes report.html, report.pdf and report.xlsx, in the language asked for: right to left where
    it is written so, with its digits and calendar. The figures are the same in every language. The
    external report hides and rounds small
    counts, has a fixed date and never shows what changed; it is kept in the operation's reports/
    and checked against every earlier one before it is written.
    """
    from onward.cli.work import write_report

    done = write_report(
        directory, out, as_of=as_of, audience=audience, language=language, futures=futures,
        with_forecast=forecast, engine=engine, master=master, operation_id=operation_id, say=_say,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(done, ensure_ascii=False))
        return
    typer.echo(done["headline"])
    for line in done["summary"]:
        typer.echo(line)
    for file in done["files"]:
        typer.echo(f"  {file}")


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{text} …\n")
