"""`onward load`: bring a whole log into an encrypted operation, as when a record moves."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError

if TYPE_CHECKING:
    from onward.rulebook.model import Rulebook

app = command_app()


@app.command()
def load(
    directory: Annotated[Path, typer.Argument(help="The encrypted operation to fill.")],
    source: Annotated[
        Path, typer.Argument(help="An operation folder, or a file of events, one on a line.")
    ],
    now: Annotated[
        bool, typer.Option("--now", help="Say that everything was recorded now.")
    ] = False,
) -> None:
    """Example: onward load our-camp ../old/our-camp

    Checks every event against the rulebook in force and appends them all, or none. The events keep
    the instants at which they were recorded. A movement in the log that was made although a safeguard
    was not met, and of which it holds no breach, opens one, found now: it stands in the register of
    breaches with who must be told. It is judged by the rulebook under which it was recorded, where the
    folder holds that one. Names do not move with a log: bring the lists in again, or restore
    a backup.
    """
    from onward.registry import open_operation
    from onward.registry.importing.loaded import load_log
    from onward.registry.log.db_store import DatabaseStore
    from onward.registry.now import projection

    lines, rulebooks = _lines(source)
    operation = open_operation(directory)
    if not isinstance(operation.store, DatabaseStore):
        raise OnwardError(
            f"{directory} keeps its record in plain files; load needs an encrypted one."
        )
    began = time.monotonic()
    done = load_log(
        operation, lines, keep_instants=not now, file=source.name, rulebooks=rulebooks,
        say=lambda text: sys.stderr.write(f"{text}\n") if sys.stderr.isatty() else None,
    )  # fmt: skip
    seconds = time.monotonic() - began
    projection.rebuild(operation)
    typer.echo(f"{done.events:,} events loaded in {seconds:.1f} s.")
    if done.breaches:
        many = "movement was" if done.breaches == 1 else "movements were"
        typer.echo(
            f"{done.breaches:,} {many} made although a safeguard was not met, and nothing in the log "
            f"says so. Who must be told: onward breaches {directory}"
        )


def _lines(source: Path) -> tuple[list[bytes], dict[str, Rulebook]]:
    """The lines of a log, and the rulebooks under which a folder's events were recorded."""
    from onward.caseload.events import ADOPTED, canonical_bytes
    from onward.registry import open_operation
    from onward.registry.web import starting

    if source.is_dir():
        operation = open_operation(source)
        events = [event for event in operation.store.read() if event.kind != ADOPTED]
        kept = {hash: operation.rulebook_kept(hash) for hash in {e.rulebook for e in events}}
        starting.close_site()
        lines = [canonical_bytes(event) for event in events]
        return lines, {hash: one for hash, one in kept.items() if one is not None}
    try:
        return source.read_bytes().splitlines(), {}
    except OSError:
        raise OnwardError(f"{source} cannot be read.") from None
