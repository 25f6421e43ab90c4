"""`onward proof`: show that an event is in the record, or that a record only grew, and check it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError

app = command_app(no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The operation folder.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="The proof's file.")]


@app.command()
def event(
    directory: Folder,
    event_id: Annotated[str, typer.Argument(help="The event's id.")],
    out: Out,
) -> None:
    """Example: onward proof event our-camp 0197… -o proof.json

    That one event is in the record. The file holds that event and nothing of any other.
    """
    from onward.registry import open_operation
    from onward.registry.log import proofs

    _write(out, proofs.inclusion(open_operation(directory), event_id))


@app.command()
def growth(
    directory: Folder,
    earlier: Annotated[str, typer.Argument(help="An earlier checkpoint: a file.")],
    out: Out,
) -> None:
    """Example: onward proof growth our-camp june.checkpoint -o proof.json

    That the record of an earlier checkpoint is the beginning of the record now. Shows no event.
    """
    from onward.registry import open_operation
    from onward.registry.log import checkpoints, proofs

    operation = open_operation(directory)
    operation.store.head()
    _write(out, proofs.growth(operation, checkpoints.text_of(earlier)))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A proof.")],
    key: Annotated[
        str, typer.Option("--key", help="The operation's public key: text, or a file.")
    ],
) -> None:
    """Example: onward proof check proof.json --key our-camp.pub

    Needs neither the record nor its key. The public key is what onward keys checkpoint-key prints.
    """
    from onward.registry.log import proofs

    public = Path(key).read_text("utf-8") if Path(key).is_file() else key
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        raise OnwardError(
            f"{file} is not a proof; expected the JSON of onward proof."
        ) from None
    typer.echo(proofs.check(data, public))


def _write(out: Path, proof: object) -> None:
    out.write_text(json.dumps(proof, ensure_ascii=False, indent=1) + "\n", "utf-8")
    typer.echo(f"{out}: check it with onward proof check {out} --key KEY")
