"""`onward new`: start an operation folder, empty or from an example."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

app = typer.Typer(rich_markup_mode=None)


@app.command()
def new(
    directory: Path = typer.Argument(..., help="The folder to make."),
    example: str = typer.Option(
        "", "--example", help="Start from a shipped example: meridian."
    ),
    title: str = typer.Option("", "--title", help="What reports are headed."),
    rulebook: str = typer.Option(
        "protected-camp", "--rulebook", help="A shipped rulebook's name, or a file."
    ),
    first_day: str = typer.Option(
        "", "--from", help="First day of the record; today if left out."
    ),
    time_zone: str = typer.Option("UTC", "--time-zone", help="As Asia/Baghdad."),
) -> None:
    """Example: onward new camp --example meridian

    Makes the folder with its settings, rulebook, plan and empty log. With --example the example's
    lists are brought in as well; everybody in it is invented.
    """
    if example:
        from onward.registry.examples import new_from_example

        new_from_example(directory, example, say=lambda text: sys.stderr.write(f"{text}\n"))
        typer.echo(f"{directory} is ready. Next: onward report {directory} -o out")
        return
    import datetime as dt
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from onward.cli.work import day
    from onward.errors import OnwardError
    from onward.registry import Settings, create_operation
    from onward.rulebook import load, shipped_path
    from onward.rulebook.check import accept

    # All is looked at before anything is made: a half-made folder would refuse the next try.
    start = day(first_day, "--from") or dt.datetime.now(dt.UTC).date()
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OnwardError(
            f"--time-zone {time_zone}: not a time zone; expected an IANA name as Asia/Baghdad."
        ) from None
    chosen = Path(rulebook)
    file = chosen if chosen.suffix else shipped_path(rulebook)
    accept(load(file))
    text = file.read_text("utf-8")
    settings = Settings(
        id=directory.resolve().name, title=title or directory.resolve().name, kind=chosen.stem,
        time_zone=time_zone,
    )  # fmt: skip
    create_operation(
        directory, settings, rulebook_text=text, effective=start.isoformat(), by="administrator"
    )
    typer.echo(
        f"{directory} is ready. Next: write {directory}/plan.yaml and bring in a list with "
        f"onward import {directory} LIST --profile FILE"
    )
