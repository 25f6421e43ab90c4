"""Keeps the record: the event log, the vault and the operation's folder.

The folder store needs no web framework and no database; commands that only compute load nothing
else.

log, database      the append-only log and its proofs; the two databases beneath
identities, keyring  names and evidence, sealed; the keys that open them
recording, now     what may be done to the record; the caseload that follows from it
permissions, signing_in  who may see and do what; how they prove who they are
importing, exporting  lists on their way in; data about people on its way out
data_protection    what people may ask of their own file, and what is destroyed when
computing, web     what forecasts, places and reports ask; the server of the desk
opening, operation, settings, site  a folder opened; the operation; operation.toml; which is open
planning, breaches, kept  the plan; the register of breaches; where what was made is kept
models, migrations, data  the tables; their upgrades; roles, rights and hours as data
"""

from onward.registry.identities.vault import Vault, VaultRefused
from onward.registry.log.store import EventStore, StoreBusy, StoreDamaged, StoreError
from onward.registry.opening import create_operation, open_operation
from onward.registry.operation import Operation
from onward.registry.settings import Settings

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
