"""How every command of the terminal looks: its help, its errors, its short options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand


def command_app(**more: Any) -> typer.Typer:
    """An app for one command or a group of them: plain text, wrapped to the terminal, `-h` too.

    Nothing is drawn around help or errors, so that they can be read aloud, searched and pasted;
    a shell's own completion is not offered as an option of each.
    """
    return _App(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **more,
    )


class _Command(TyperCommand):
    """In a list of commands it says what it does; its example is for its own help."""

    def get_short_help_str(self, limit: int = 45) -> str:
        told = [
            " ".join(part.split())
            for part in (self.help or "").split("\n\n")
            if not part.lstrip().startswith("Example:")
        ]
        return self.short_help or (told[0].split(". ")[0].rstrip(".") + "." if told else "")


class _App(typer.Typer):
    def command(self, name: str | None = None, **more: Any) -> Callable[[Any], Any]:
        return super().command(name, **{"cls": _Command, **more})
