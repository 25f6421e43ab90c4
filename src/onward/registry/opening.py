"""Opens the operation in a folder, and makes new ones.

Comes in: a folder, or what a new operation begins with. Goes out: an `Operation` whose record is
unlocked when it is first asked for. Errors say what is missing and how to start.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from onward.errors import OnwardError
from onward.registry.encrypted import Encrypted
from onward.registry.operation import FOLDERS, PLAN, RULEBOOK, Operation, write_text
from onward.registry.settings import SETTINGS, Settings, read_settings, settings_text
from onward.rulebook.load import loads


def open_operation(path: Path | str) -> Operation:
    """The operation in a folder; raises OnwardError or Faults saying what is missing or wrong."""
    folder = Path(path)
    file = folder / SETTINGS
    if not file.is_file():
        raise OnwardError(
            f"{folder} is not an operation: it has no {SETTINGS}. "
            f"Start one with: onward new {folder}"
        )
    return Operation(folder, read_settings(file), unlock=_unlocked, keeping=Encrypted())


def create_operation(
    path: Path | str,
    settings: Settings,
    *,
    rulebook_text: str,
    effective: str,
    by: str,
    plan_text: str = "",
    instant: datetime | None = None,
    prepare: Callable[[Path], None] | None = None,
) -> Operation:
    """A new operation folder with its rulebook adopted; raises OnwardError when not empty.

    effective  the day from which the rulebook holds: usually the first day of the record
    prepare    called with the folder before the record is opened: makes the keys of an
               encrypted one
    """
    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise OnwardError(f"{folder} is not empty; expected a new or an empty folder.")
    loads(rulebook_text, file=RULEBOOK)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    (folder / "vault").chmod(0o700)
    if settings.encrypted:
        folder.chmod(0o700)
    write_text(folder / ".gitignore", ".cache/\nvault/\nevents/\nonward.db*\nkeys.json\n")
    if plan_text and not settings.encrypted:
        write_text(folder / PLAN, plan_text)
    write_text(folder / SETTINGS, settings_text(settings))
    if prepare is not None:
        prepare(folder)
    operation = open_operation(folder)
    operation.adopt(rulebook_text, effective=effective, by=by, instant=instant)
    if plan_text and settings.encrypted:
        from onward.registry.planning import adopt_plan

        adopt_plan(operation, plan_text, effective=effective, by=by, instant=instant)
    return operation


def _unlocked(folder: Path, settings: Settings) -> Any:
    """The log of an encrypted operation; nothing of the desk is loaded before it is needed."""
    from onward.registry.keyring.unlock import unlocked_store

    return unlocked_store(folder, settings)
