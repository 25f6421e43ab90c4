"""`onward verify`: whether the record is what was once written."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from onward.cli.commands import command_app

app = command_app()


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="The operation folder.")],
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--checkpoint", help="A checkpoint from outside: a file. May be repeated."
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write-checkpoint", help="Write the checkpoint of now, to give away."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The log and its tree only, not names and lists.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Example: onward verify our-camp --checkpoint report-june.checkpoint

    Computes the log, its tree, the lists made from it and every sealed value again and compares.
    With a checkpoint that somebody else holds, an edit, a removal or another order of anything
    before it is found. It proves nothing about whether events are true, nor about later ones.
    Exit code 1 when something is not as it must be.
    """
    from onward.registry import open_operation
    from onward.registry.log import signing
    from onward.registry.log.verify import verify as look

    operation = open_operation(directory)
    found = look(operation, checkpoint or (), deep=not quick)
    made = signing.now(operation)
    if write is not None and made and found.sound:
        write.write_text(made, encoding="utf-8")
    if as_json:
        typer.echo(
            json.dumps(
                {
                    **asdict(found),
                    "findings": list(found.findings),
                    "sound": found.sound,
                    "checkpoint": made,
                },
                ensure_ascii=False,
            )
        )
    else:
        typer.echo(f"{found.events:,} events looked at.")
        if found.root:
            typer.echo(f"Root of the tree over them: {found.root}")
        if found.checkpoints:
            typer.echo(f"Held against {found.checkpoints} checkpoint(s) from outside.")
        if found.identities >= 0:
            typer.echo(f"{found.identities:,} sealed values of identity opened.")
        for text in found.findings:
            typer.echo(f"  ! {text}")
        typer.echo("Sound." if found.sound else f"{len(found.findings)} finding(s).")
    if not found.sound:
        raise typer.Exit(1)
