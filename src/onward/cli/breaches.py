"""`onward breaches`: which breaches wait for somebody to be told, from the terminal."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError

app = command_app()


@app.command()
def breaches(
    directory: Annotated[Path, typer.Argument(help="The operation folder.")],
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Example: onward breaches our-camp

    Lists the breaches that are open, of data and by movements against a safeguard, with who must
    still be told and by when. Nobody is named. Who was told, and what was learned, is recorded at the
    desk by those who handle breaches. Exit code 1 when somebody was not told in time.
    """
    from onward.registry import open_operation

    operation = open_operation(directory)
    if not operation.settings.encrypted:
        raise OnwardError(
            f"{directory} keeps its record in plain files and no register of who was told. Make an "
            "encrypted operation with: onward new DIR"
        )
    operation.store.head()
    found = _found(every)
    late = any(told["late"] for each in found for told in each["to_tell"])
    if as_json:
        typer.echo(json.dumps({"breaches": found, "late": late}, ensure_ascii=False))
    else:
        for each in found:
            _say(each)
        if not found:
            typer.echo("No breach is on record." if every else "No breach is open.")
    if late:
        raise typer.Exit(1)


def _found(every: bool) -> list[dict[str, Any]]:
    from django.utils import timezone

    from onward.registry import breaches as register
    from onward.registry.models import Breach

    register.follow()
    rows = list(Breach.objects.prefetch_related("notices").order_by("found_at", "id"))
    gone, now = register.taken_back(rows), timezone.now()
    return [
        {
            "id": str(row.pk),
            "kind": "movement" if register.of_movement(row) else "data",
            "found": row.found_at.isoformat(),
            "what": row.what or "A movement against a safeguard",
            "state": "taken back" if row.event in gone else row.state,
            "closed": row.closed_at.isoformat() if row.closed_at else None,
            "learned": row.lesson,
            "told": sum(n.told_at is not None for n in row.notices.all()),
            "to_tell": [
                {
                    "whom": register.title_of(notice),
                    "due": notice.due_at.isoformat(),
                    "late": notice.due_at < now,
                }
                for notice in ([] if row.event in gone else register.in_turn(row))
            ],
        }
        for row in rows
        if every or (row.state == "open" and row.event not in gone)
    ]


def _say(each: dict[str, Any]) -> None:
    typer.echo(f"{_moment(each['found'])}  {each['what']}  ({each['state']})")
    for told in each["to_tell"]:
        late = "  late" if told["late"] else ""
        typer.echo(f"  tell {told['whom']} by {_moment(told['due'])}{late}")


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
