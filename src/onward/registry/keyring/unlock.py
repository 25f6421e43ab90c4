"""Finds the key of an encrypted operation and opens its site: agent, key file, or a question.

Exists so that every command works on an encrypted operation as on any other, attended or not,
and so that a secret never stands in a command line, a variable or a log. In comes a folder; out
comes its root key, or an error that says how to unlock.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onward.registry.keyring import keys
from onward.registry.keyring.keys import KeyRefused, RootKey

if TYPE_CHECKING:
    from onward.registry.settings import Settings

KEY_FILE_VARIABLE = "ONWARD_KEY_FILE"
"""Names a key file: a path, never a key."""


def find_key(folder: Path, settings: Settings, *, ask: bool = True) -> RootKey:
    """The root key, from the first of: the agent, a key file, a passphrase typed now.

    ask     whether somebody may be asked at a terminal
    raises  KeyRefused saying how to unlock
    """
    from onward.registry.keyring import agent

    if (held := agent.key_of(folder)) is not None:
        return held
    named = os.environ.get(KEY_FILE_VARIABLE, "") or settings.key_file
    if named:
        path = Path(named).expanduser()
        if not path.is_absolute():
            path = Path.cwd() / path if KEY_FILE_VARIABLE in os.environ else folder / path
        return keys.with_key_file(folder, path)
    if (
        ask
        and sys.stdin.isatty()
        and any(slot["kind"] == "passphrase" for slot in keys.read(folder)["slots"])
    ):
        from getpass import getpass

        return keys.with_passphrase(folder, getpass(f"Passphrase of {folder.name}: "))
    raise KeyRefused(
        f"{folder} is locked. Unlock it with: onward unlock {folder}; or name its key file in "
        f"{KEY_FILE_VARIABLE}."
    )


def unlocked_store(folder: Path, settings: Settings) -> Any:
    """The log of an encrypted operation, its site opened if it is not yet."""
    from onward.registry import site
    from onward.registry.log.db_store import DatabaseStore
    from onward.registry.web.starting import open_site

    if not (site.is_open() and site.current().folder == folder.resolve()):
        open_site(folder, key=find_key(folder.resolve(), settings))
    return DatabaseStore(settings.id, backdated=settings.demonstration)
