"""`onward serve`: the desk in a browser, on this machine only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from onward.cli.commands import command_app

app = command_app()


@app.command()
def serve(
    directory: Annotated[Path, typer.Argument(help="The operation folder.")],
    port: Annotated[int, typer.Option("--port", help="Port on this machine.")] = 8077,
    host: Annotated[
        str, typer.Option("--host", help="An address of this machine itself.")
    ] = "127.0.0.1",
    behind: Annotated[
        str,
        typer.Option("--behind", help="Public https:// address of the proxy in front, if any."),
    ] = "",
    threads: Annotated[
        int, typer.Option("--threads", min=1, help="Requests at a time, in each process.")
    ] = 4,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            min=0,
            max=64,
            help="Processes that answer; 0: one for each core, two at most.",
        ),
    ] = 0,
) -> None:
    """Example: onward serve our-camp

    Opens the desk at http://127.0.0.1:8077. It listens on this machine only and refuses to start
    when anything about the store, the settings or the address is not safe. In a demonstration one
    account per role is made at the first start and printed once. Stop it with Ctrl-C.
    """
    from onward.registry.web.serving import serve as run

    run(directory, host=host, port=port, behind=behind, threads=threads, processes=processes,
        say=lambda text: sys.stderr.write(f"{text}\n"))  # fmt: skip
