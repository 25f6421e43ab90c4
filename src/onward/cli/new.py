"""`onward new`: start an operation folder, empty or from an example."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError

app = command_app()


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
    store: str = typer.Option(
        "",
        "--store",
        help="encrypted (as when left out), files (in clear, no names), or postgresql://…",
    ),
    key_file: str = typer.Option(
        "", "--key-file", help="Opens it unattended; made if not there. Not in the folder."
    ),
    recovery: bool = typer.Option(
        False, "--recovery", help="Print a recovery code once, to be locked away."
    ),
) -> None:
    """Example: onward new our-camp --key-file ~/our-camp.key

    Makes the folder with its settings, rulebook and empty record. The record is encrypted; without
    a key file you are asked for a passphrase. With --example the example's lists are brought in as
    well; everybody in it is invented, and its record is in plain files unless you ask otherwise.
    """
    wanted = store or ("files" if example and not key_file else "encrypted")
    if wanted == "files" and key_file:
        raise OnwardError(
            "A record in plain files has no key; leave --key-file or --store out."
        )
    name = directory.resolve().name
    place = str(Path(key_file).expanduser().resolve()) if key_file else ""
    if example:
        from onward.registry.examples import new_from_example
        from onward.registry.settings import read_settings
        from onward.shipped import example as shipped

        name = read_settings(shipped(example) / "operation.toml").id
        prepare = _keys(directory, name, place, recovery) if wanted != "files" else None
        operation = new_from_example(
            directory, example, say=_say, store=wanted, key_file=place, prepare=prepare
        )
        if wanted != "files":
            from onward.registry.now import projection

            projection.ensure(operation)
        typer.echo(f"{directory} is ready. Next: onward report {directory} -o out")
        return
    import datetime as dt
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from onward.cli.work import day
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
        id=name, title=title or name, kind=chosen.stem, time_zone=time_zone, store=wanted,
        key_file=place,
    )  # fmt: skip
    prepare = _keys(directory, name, place, recovery) if wanted != "files" else None
    create_operation(
        directory, settings, rulebook_text=text, effective=start.isoformat(), by="administrator",
        prepare=prepare,
    )  # fmt: skip
    if wanted == "files":
        _say("The record is in plain files: without names, and only on an encrypted disk.")
    typer.echo(
        f"{directory} is ready. Next: write {directory}/plan.yaml and bring in a list with "
        f"onward import {directory} LIST --profile FILE"
    )


def _keys(directory: Path, name: str, key_file: str, recovery: bool) -> Callable[[Path], Any]:
    """What makes the keys; asks for a passphrase where there is somebody to ask."""
    from onward.registry.keyring.creating import INSIDE, preparing

    passphrase = ""
    if key_file and directory.resolve() in Path(key_file).parents:
        raise OnwardError(INSIDE.format(file=key_file))
    if not key_file:
        if not sys.stdin.isatty():
            raise OnwardError(
                "The record will be encrypted and needs a way in: name a key file with "
                "--key-file FILE, or run this at a terminal to type a passphrase. For a record "
                "without any names, in clear: --store files."
            )
        passphrase = _passphrase()
    asked = recovery or (bool(passphrase) and sys.stderr.isatty())
    _, prepare = preparing(
        name,
        key_file=Path(key_file) if key_file else None,
        passphrase=passphrase,
        recovery=_show_code if asked else None,
    )
    return prepare


def _passphrase() -> str:
    from getpass import getpass

    first = getpass("Passphrase, at least 12 characters (four or five words are good): ")
    if getpass("Once more: ") != first:
        raise OnwardError("The two passphrases differ; nothing was made.")
    return first


def _show_code(code: str) -> None:
    sys.stderr.write(
        f"\nRecovery code, shown once: {code}\n"
        "Write it on paper and lock it away from this machine. Whoever has it and a copy of the\n"
        "folder can read everything; without it and the passphrase nobody can." + os.linesep * 2
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
