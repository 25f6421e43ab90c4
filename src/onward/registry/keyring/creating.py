"""Makes the keys of a new encrypted operation, and the ways in that its founder asked for.

Exists so that the terminal and the tests make an encrypted operation in the same way. Comes in:
a folder about to become an operation. Goes out: its `keys.json`, and what must be kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from onward.errors import OnwardError
from onward.registry.keyring import keys
from onward.registry.keyring.keys import RootKey

INSIDE = (
    "{file} would lie inside the operation's folder: who takes the folder would have its key. "
    "Keep it on another disk, or at least elsewhere."
)


def preparing(
    operation: str,
    *,
    key_file: Path | None = None,
    passphrase: str = "",
    recovery: Callable[[str], None] | None = None,
) -> tuple[RootKey, Callable[[Path], None]]:
    """A new root key, and what makes `keys.json` of it in a folder.

    key_file    made when it is not there yet; one that is there opens this operation as well
    passphrase  "" for none
    recovery    told the recovery code, once; None: no recovery code is made
    """
    if key_file is None and not passphrase:
        raise OnwardError(
            "An encrypted operation needs a way in: a passphrase, or a key file (--key-file)."
        )
    key = RootKey.new()

    def prepare(folder: Path) -> None:
        slots = []
        if key_file is not None:
            if folder.resolve() in key_file.resolve().parents:
                raise OnwardError(INSIDE.format(file=key_file))
            secret = (
                keys.read_key_file(key_file)
                if key_file.exists()
                else keys.new_key_file(key_file)
            )
            slots.append(keys.key_file_slot(operation, key, secret))
        if passphrase:
            slots.append(keys.passphrase_slot(operation, key, passphrase))
        if recovery is not None:
            slot, code = keys.recovery_slot(operation, key)
            slots.append(slot)
            recovery(code)
        keys.create(folder, operation, slots, key)
        from onward.registry.web.starting import open_site

        open_site(folder, key=key)

    return key, prepare
