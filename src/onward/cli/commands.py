"""How every command of the terminal looks: its help, its errors, its short options."""

from __future__ import annotations

from typing import Any

import typer


def command_app(**more: Any) -> typer.Typer:
    """An app for one command or a group of them: plain text, wrapped to the terminal, `-h` too.

    Nothing is drawn around help or errors, so that they can be read aloud, searched and pasted;
    a shell's own completion is not offered as an option of each.
    """
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **more,
    )
