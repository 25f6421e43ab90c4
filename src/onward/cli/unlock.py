"""`onward unlock` and `onward lock`: hold the key of an operation for a while, and put it away."""

from __future__ import annotations

from pathlib import Path

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError

app = command_app()
lock_app = command_app()


@app.command()
def unlock(
    directory: Path = typer.Argument(..., help="The operation folder."),
    minutes: float = typer.Option(60, "--minutes", help="How long the key is held."),
) -> None:
    """Example: onward unlock our-camp --minutes 480

    Asks for the passphrase (or reads the key file that ONWARD_KEY_FILE or operation.toml names)
    and leaves a small process behind that holds the key for commands of the same user.
    """
    from onward.registry import open_operation
    from onward.registry.keyring import agent
    from onward.registry.keyring.unlock import find_key

    operation = open_operation(directory)
    if not operation.settings.encrypted:
        raise OnwardError(f"{directory} keeps its record in plain files; it needs no key.")
    if not 0 < minutes <= 24 * 60:
        raise OnwardError("--minutes: expected more than 0 and at most 1440 (a day).")
    agent.lock(directory)
    agent.start(directory, find_key(directory, operation.settings), minutes=minutes)
    typer.echo(f"{directory} is unlocked for {minutes:g} minutes. Put it away with: "
               f"onward lock {directory}")  # fmt: skip


@lock_app.command()
def lock(directory: Path = typer.Argument(..., help="The operation folder.")) -> None:
    """Example: onward lock our-camp

    Ends the process that holds the key. Commands ask for it again.
    """
    from onward.registry.keyring import agent

    held = agent.lock(directory)
    typer.echo(f"{directory} is locked." if held else f"{directory} was not unlocked.")
