"""Signs checkpoints of the operation that is open, with a key that is made once and kept encrypted.

Comes in: the operation. Goes out: a checkpoint (`log.checkpoints`) of its log as it is now, which
also says where the list of who was given what ends.
"""

from __future__ import annotations

import base64
from typing import Any

from onward.registry.identities.vault_db import EncryptedVault
from onward.registry.log.checkpoints import Checkpoint, origin_of, sign
from onward.registry.log.db_store import DatabaseStore
from onward.registry.permissions import grants

SIGNING = "signing"


def signing_seed() -> bytes:
    """The seed of the open operation's signing key, made once and kept encrypted."""
    return EncryptedVault().secret(SIGNING)


def public_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(signing_seed()).public_key().public_bytes_raw()


def now(operation: Any) -> str:
    """A signed checkpoint of the log as it is; "" for a store that has no tree."""
    store = operation.store
    if not isinstance(store, DatabaseStore):
        return ""
    size, root, recorded = store.tree()
    origin = origin_of(operation.settings.id)
    return sign(Checkpoint(origin, size, root, recorded, given_now()), signing_seed())


def given_now() -> str:
    """The line of a checkpoint that says where the list of who was given what ends; "" if empty."""
    number, seal = grants.head()
    return f"given {number} {base64.b64encode(seal).decode()}" if number else ""
