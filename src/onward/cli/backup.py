"""`onward backup` and `onward restore`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from onward.cli.commands import command_app

app = command_app()
restore_app = command_app()


@app.command()
def backup(
    directory: Annotated[Path, typer.Argument(help="The operation folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The backup file to write.")],
    to: Annotated[
        list[str],
        typer.Option("--to", help="Who may open it: an age key or a file of them. Repeatable."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Example: onward backup our-camp -o /media/disk/monday.age --to chantal.pub

    Can be taken while people work. Writes two files: the record, and ….keys.age with the wrapped
    keys of identities. Keep the second one for a short time only (30 days), or identities erased
    on request come back with it.
    """
    from onward.registry import open_operation
    from onward.registry.database.backup import make

    made = make(open_operation(directory), out, to)
    if as_json:
        typer.echo(
            json.dumps(
                {"file": str(made.file), "keys_file": str(made.keys_file), "events": made.events,
                 "root": made.root, "bytes": made.bytes}
            )
        )  # fmt: skip
        return
    typer.echo(f"{made.file}: {made.events:,} events, {made.bytes / 2**20:.1f} MiB")
    typer.echo(f"{made.keys_file}: keys of identities; keep 30 days")


@restore_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The backup file.")],
    directory: Annotated[Path, typer.Argument(help="A new folder for the operation.")],
    identity: Annotated[Path, typer.Option("--identity", help="Your age secret key: a file.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="The newest ….keys.age; beside the backup if left out."),
    ] = None,
    store: Annotated[
        str, typer.Option("--store", help="A new, empty database for a record of a server.")
    ] = "",
    drill: Annotated[
        bool, typer.Option("--drill", help="Restore, check, and take it away again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Example: onward restore monday.age our-camp --identity chantal.age

    Checks everything before the folder appears: the seal, every file, the log, its tree and the
    checkpoint. The operation's own key is needed as well (key file or passphrase).
    """
    import shutil
    import time

    from onward.registry.database.backup import restore as bring_back
    from onward.registry.keyring.unlock import find_key

    beside = file.with_name(f"{file.name.removesuffix('.age')}.keys.age")
    keys_file = keys or (beside if beside.is_file() else None)
    started = time.monotonic()
    done = bring_back(
        file, directory, identity, unlock=find_key, keys_file=keys_file, store=store
    )  # fmt: skip
    seconds = time.monotonic() - started
    if drill:
        shutil.rmtree(done.folder)
    if as_json:
        typer.echo(
            json.dumps(
                {"folder": str(done.folder), "events": done.events, "made": done.made,
                 "identities": done.identities, "closed": done.closed, "erased": done.erased,
                 "seconds": round(seconds, 1), "drill": drill}
            )
        )  # fmt: skip
        return
    typer.echo(
        f"{done.events:,} events of {done.made[:10]}, identities of {done.identities:,} people; "
        f"verified in {seconds:.1f} s"
    )
    if done.closed:
        sys.stderr.write(
            f"The identities of {done.closed:,} people have no key here: restore with the newest "
            "….keys.age to open them.\n"
        )
    if done.erased:
        typer.echo(f"{done.erased:,} people's identities were erased on request and stay so.")
    typer.echo("The drill is done; nothing was kept." if drill else f"{done.folder} is ready.")
