"""`onward export`: an operation's log as pseudonymous Parquet, for analytics here or elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from onward.cli.commands import command_app

app = command_app()


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The operation folder.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder of the snapshot; several may share it.")
    ],
    storage_is_encrypted: Annotated[
        bool,
        typer.Option(
            "--storage-is-encrypted", help="You know that the disk of --out is encrypted."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print data instead of text.")
    ] = False,
) -> None:
    """Example: onward export camp -o region

    Writes the log in columns as Parquet, one partition for each operation, under pseudonyms: no
    name, document or contact is in it. caseload, check, forecast and report then read the
    snapshot as they read the operation: onward caseload region --engine spark

    Written again, an operation's partition is replaced and the others stay.
    """
    from onward.registry import open_operation
    from onward.registry.computing.snapshot import NOTE, write_snapshot

    operation = open_operation(directory)
    place = write_snapshot(operation, out, storage_is_encrypted=storage_is_encrypted)
    note = json.loads((place / NOTE).read_text("utf-8"))
    if as_json:
        typer.echo(json.dumps(note, indent=2, sort_keys=True))
        return
    typer.echo(
        f"{note['events']:,} events about {note['people']:,} people of {note['operation']}, "
        f"under pseudonyms, in {out}"
    )
