"""Keeps the record: the event log, the vault and the operation's folder.

The folder store needs no web framework and no database; commands that only compute load nothing
else.
"""

from onward.registry.operation import Operation, Settings, create_operation, open_operation
from onward.registry.store import EventStore, StoreBusy, StoreDamaged, StoreError
from onward.registry.vault import Vault, VaultRefused

__all__ = [
    "EventStore",
    "Operation",
    "Settings",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "Vault",
    "VaultRefused",
    "create_operation",
    "open_operation",
]
