"""Proofs that can be checked without the record: one event is in it; an older one begins a newer.

Exists so that an auditor, or the person concerned, need not be given the record nor trust whoever
keeps it. Comes in: an opened operation. Goes out: plain data that holds one event (or none), a few
hashes and a signed checkpoint, and a check that needs only these and the operation's public key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from onward.errors import OnwardError
from onward.registry.log import checkpoints, ledger, signing
from onward.registry.log.db_store import TABLE, DatabaseStore
from onward.registry.operation import Operation

INCLUSION, GROWTH = "inclusion", "growth"


class NotProven(OnwardError):
    """A proof that does not hold; the message says which part."""

    exit_code = 1


def inclusion(operation: Operation, event_id: str) -> dict[str, Any]:
    """That one event is in the record, with the event itself and its salt."""
    from django.db import connection

    store = _store(operation)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT seq, salt, canonical FROM {TABLE} WHERE operation = %s AND event_id = %s",
            [store.operation, event_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise OnwardError("There is no such event in this record.")
    signed = signing.now(operation)
    leaves = store.leaves()[: checkpoints.read(signed).size]
    return {
        "proof": INCLUSION,
        "checkpoint": signed,
        "index": row[0] - 1,
        "salt": bytes(row[1]).hex(),
        "event": json.loads(row[2]),
        "path": [step.hex() for step in ledger.inclusion_proof(leaves, row[0] - 1)],
    }


def growth(operation: Operation, earlier: str) -> dict[str, Any]:
    """That the record of an earlier checkpoint is the beginning of the record as it is now."""
    old = checkpoints.check(earlier, signing.public_key())
    signed = signing.now(operation)
    size = checkpoints.read(signed).size
    if old.size > size:
        raise NotProven("The earlier checkpoint counts more events than the record holds.")
    leaves = _store(operation).leaves()[:size]
    return {
        "proof": GROWTH,
        "earlier": earlier,
        "checkpoint": signed,
        "path": [step.hex() for step in ledger.consistency_proof(leaves, old.size)],
    }


def check(proof: Mapping[str, Any], verifier_key: str) -> str:
    """What a proof proves, in words; needs no record.

    verifier_key  the operation's public key as text (`onward keys checkpoint-key`)
    raises        NotProven, NotACheckpoint, or OnwardError for what is no proof
    """
    _, public = checkpoints.public_of(verifier_key)
    try:
        kind = proof["proof"]
        path = [bytes.fromhex(step) for step in proof["path"]]
        now = checkpoints.check(proof["checkpoint"], public)
        if kind == INCLUSION:
            leaf = _leaf(proof["event"], bytes.fromhex(proof["salt"]))
            held = ledger.check_inclusion(leaf, int(proof["index"]), now.size, path, now.root)
            said = f"This event is number {int(proof['index']) + 1} of the {now.size} of the checkpoint."
        elif kind == GROWTH:
            old = checkpoints.check(proof["earlier"], public)
            held = old.origin == now.origin and ledger.check_consistency(
                old.size, old.root, now.size, now.root, path
            )
            said = f"The first {old.size} of the {now.size} events are those of the earlier checkpoint."
        else:
            raise KeyError("proof")
    except (KeyError, ValueError, TypeError):
        raise OnwardError("That is not a proof; expected the JSON of onward proof.") from None
    if not held:
        raise NotProven(
            "The proof does not hold: the event, a hash or the checkpoint was changed."
        )
    return said


def _leaf(event: Mapping[str, Any], salt: bytes) -> bytes:
    import rfc8785

    return ledger.event_leaf(salt, bytes(rfc8785.dumps(dict(event))))


def _store(operation: Operation) -> DatabaseStore:
    if not isinstance(operation.store, DatabaseStore):
        raise OnwardError("A record in plain files has no tree; only an encrypted one proves.")
    return operation.store
