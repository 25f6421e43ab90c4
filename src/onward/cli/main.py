"""The terminal's front door: one table of commands, each loaded only when it is called.

A planner's first command must answer in two seconds, so nothing heavy is imported here; every
entry of COMMANDS names the module and the Typer app that hold the command. Errors people can
mend are printed without a stack trace and end with exit code 2; code 1 means the command ran
and found something wrong (faults, a failed check); 0 means all is well.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from onward import __version__
from onward.errors import OnwardError

# name: (module, attribute, one line for `onward --help`)
COMMANDS: dict[str, tuple[str, str, str]] = {}


class LazyGroup(TyperGroup):
    """Lists every command at once and imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, summary = COMMANDS[cmd_name]
        app: typer.Typer = getattr(importlib.import_module(module), attribute)
        command = typer.main.get_command(app)
        command.name = cmd_name
        command.short_help = summary
        return command
