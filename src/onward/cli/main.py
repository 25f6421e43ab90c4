"""The terminal's front door: one table of commands, each loaded only when it is called.

A planner's first command must answer in two seconds, so nothing heavy is imported here; every
entry of COMMANDS names the module and the Typer app that hold the command. Errors people can
mend are printed without a stack trace and end with exit code 2; code 1 means the command ran
and found something wrong (faults, a failed check); 0 means all is well; 70 is a fault of ours.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from importlib.abc import MetaPathFinder
from typing import Any

import typer
from typer.core import TyperGroup

from onward import __version__
from onward.cli.commands import command_app
from onward.errors import OnwardError

DEBUG = "ONWARD_DEBUG"
"""Set, it shows the whole trace of an unforeseen fault."""

# name: (module, attribute, one line for `onward --help`)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("onward.cli.demo", "app", "Build the example operation and write its report."),
    "new": ("onward.cli.new", "app", "Start an operation folder."),
    "import": ("onward.cli.import_", "app", "Bring a list into an operation."),
    "intake": ("onward.cli.intake", "app", "Import step by step: read, map, check, undo."),
    "rulebook": ("onward.cli.rulebook", "app", "Check, show or draw a rulebook."),
    "caseload": ("onward.cli.caseload", "app", "Who is here, as of a date."),
    "check": ("onward.cli.check", "app", "What is open, what is blocked, and what would help."),
    "plan": ("onward.cli.plan", "app", "Check the plan, its clocks and milestones."),
    "forecast": ("onward.cli.forecast", "app", "Who will still be here on the date."),
    "backtest": (
        "onward.cli.backtest",
        "app",
        "Forecast past deadlines and score the answers.",
    ),
    "place": ("onward.cli.place", "app", "Propose places for families."),
    "report": ("onward.cli.report", "app", "Write the situation report."),
    "export": ("onward.cli.export", "app", "Write the log as pseudonymous Parquet."),
    "region": ("onward.cli.region", "app", "Ask many operations of a snapshot at once."),
    "serve": ("onward.cli.serve", "app", "Open the desk in a browser, on this machine."),
    "unlock": ("onward.cli.unlock", "app", "Hold an operation's key for a while."),
    "lock": ("onward.cli.unlock", "lock_app", "Put an operation's key away."),
    "account": ("onward.cli.account", "app", "Accounts of the desk: add, list, reset, close."),
    "keys": ("onward.cli.keys", "app", "Ways in, custodians, renewal, erasing an identity."),
    "verify": ("onward.cli.verify", "app", "Whether the record is what was once written."),
    "proof": ("onward.cli.proof", "app", "Show that an event is in the record, or check it."),
    "breaches": ("onward.cli.breaches", "app", "Who must still be told of a breach, by when."),
    "backup": ("onward.cli.backup", "app", "Back an encrypted operation up while it is used."),
    "load": ("onward.cli.load", "app", "Bring a whole log in, as when a record moves."),
    "restore": ("onward.cli.backup", "restore_app", "Bring an operation back from a backup."),
}


class LazyGroup(TyperGroup):
    """Lists every command at once and imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A placeholder that carries the name and one line, enough for `--help`."""
        if cmd_name not in COMMANDS:
            return None
        return typer.core.TyperCommand(cmd_name, short_help=COMMANDS[cmd_name][2])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, loaded now because it is about to run."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        if placeholder is None or name not in COMMANDS:
            return name, placeholder, rest
        module, attribute, summary = COMMANDS[name]
        command = typer.main.get_command(getattr(importlib.import_module(module), attribute))
        command.name, command.short_help = name, summary
        return name, command, rest


app = command_app(cls=LazyGroup, name="onward", no_args_is_help=True)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"onward {__version__}")
        raise typer.Exit()


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Lawful, voluntary outcomes before a protection ends.

    Example: onward new camp --example meridian && onward report camp -o out
    """


def _be_private() -> None:
    """What is written is its owner's alone, whatever the shell says; no dump can hold a key."""
    os.umask(0o077)
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Entry point of the `onward` command."""
    _be_private()
    if sys.argv[1:2] == ["forecast"] and not any("spark" in word for word in sys.argv):
        _start_quickly()
    try:
        app()
    except OnwardError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    except OSError as error:
        if DEBUG in os.environ:
            raise
        place = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or type(error).__name__
        sys.stderr.write(
            f"{place}{reason[0].lower()}{reason[1:]}. Nothing more was written; "
            "check the path, the rights on it and the room on the disk.\n"
        )
        raise SystemExit(2) from None
    except Exception as error:
        if DEBUG in os.environ:
            raise
        sys.stderr.write(_our_fault(error))
        raise SystemExit(70) from None


def _start_quickly() -> None:
    """What a forecast's start costs and nothing of it needs.

    Arrow looks for pandas when it first hands out numbers; loading it takes longer than reading the
    record, and no forecast on one machine uses it. And Python searches all it has loaded for
    rings of forgotten things again and again while the libraries come in: seldom is enough, and at
    the very end not at all: the process gives everything back at once. The matrices of a forecast are small, and threads that wait for the next one spin on the core that
    the simulator or the database would use.
    """
    import atexit
    import gc

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import pyarrow as pa

    gc.set_threshold(100_000, 50, 50)
    atexit.register(gc.freeze)
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _NoPandas())
    try:
        pa.array([0]).to_numpy()
    finally:
        del sys.meta_path[0]


class _NoPandas(MetaPathFinder):
    """Whoever looks for pandas is told that it is not here."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == "pandas":
            raise ImportError(name=name)


def _our_fault(error: Exception) -> str:
    """What is said of a fault nobody foresaw: where it lies, never the words of the error, which
    may hold what somebody told us."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f"{os.sep}onward{os.sep}" in f.filename] or list(frames)
    where = f"{ours[-1].name}, line {ours[-1].lineno} of {os.path.basename(ours[-1].filename)}"
    return (
        f"A fault in Onward itself, not in what you gave it: {type(error).__name__} in {where}. "
        f"Please report this line. {DEBUG}=1 shows more, which may hold words from the record: "
        "read it before you pass it on.\n"
    )
