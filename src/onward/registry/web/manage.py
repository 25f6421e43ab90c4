"""Django's own commands over one encrypted operation, for those who maintain the tables.

    python -m onward.registry.web.manage makemigrations registry

Uses the operation that ONWARD_OPERATION names, unlocked as always; without one, a new empty
operation in a temporary folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Run one of Django's commands."""
    from onward.registry.keyring import keys
    from onward.registry.keyring.keys import RootKey
    from onward.registry.settings import ENCRYPTED, SETTINGS, Settings, settings_text
    from onward.registry.web import starting

    named = os.environ.get("ONWARD_OPERATION")
    with tempfile.TemporaryDirectory() as empty:
        if named:
            from onward.registry.keyring.unlock import find_key
            from onward.registry.opening import open_operation

            folder = Path(named)
            key = find_key(folder, open_operation(folder).settings)
        else:
            folder, key = Path(empty), RootKey.new()
            settings = Settings("empty", "Empty", "protected-camp", store=ENCRYPTED)
            (folder / SETTINGS).write_text(settings_text(settings), "utf-8")
            keys.create(folder, "empty", [], key)
        starting.open_site(folder, key=key, migrate=False)
        from django.core.management import execute_from_command_line

        execute_from_command_line(["onward", *sys.argv[1:], "--skip-checks"])
        starting.close_site()


if __name__ == "__main__":
    main()
