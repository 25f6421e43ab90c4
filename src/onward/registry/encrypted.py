"""What an encrypted operation does in its own way: recording, the vault, and sealing its cache.

Exists so that `Operation` is one thing whatever its store, and loads nothing of the database where
the record is plain files. Comes in: the operation that is open. Goes out: what `operation.Keeping`
asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onward.caseload.events import Event
    from onward.registry.identities.vault import Vault
    from onward.registry.log.cache import Seal
    from onward.registry.operation import Operation


class Encrypted:
    """Of the operation whose site is open."""

    def append(self, operation: Operation, batch: Sequence[Event]) -> Sequence[Event]:
        from onward.registry.now.projection import append

        return append(operation, batch)

    def vault(self) -> Vault:
        from onward.registry.identities.vault_db import EncryptedVault

        return EncryptedVault()

    def seal(self) -> Seal:
        from onward.registry.keyring.sealing import cache_seal

        return cache_seal()
