"""Whether the record is what was once written: everything is computed again and compared.

Exists because triggers and permissions only stop those who cannot remove them. In comes an
opened operation and, from outside, checkpoints that somebody else holds; out come findings in
words, one per thing that is not as it must be. Nothing is repaired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onward.caseload.events import NotAnEvent, canonical_bytes, from_json, instant_of
from onward.dates import NotADate
from onward.errors import OnwardError
from onward.registry.log import checkpoints, signing
from onward.registry.log.db_store import COLUMNS, HEADS, TABLE, DatabaseStore, points_to
from onward.registry.log.ledger import Peaks, event_leaf
from onward.registry.operation import Operation
from onward.registry.permissions import grants

MOST = 20
"""Findings of one kind told one by one; more are counted."""


@dataclass(frozen=True)
class Verified:
    """What was looked at and what was found.

    events       events whose bytes, order and place in the tree were computed again
    root         root of the tree over them, as computed now; "" for a store without a tree
    checkpoints  checkpoints from outside that were held against it
    identities   fields of identity that were opened; -1 when not asked
    findings     what is not as it must be; empty: nothing was found
    """

    events: int
    root: str
    checkpoints: int
    identities: int
    findings: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.findings


@dataclass(frozen=True)
class Row:
    """A row of the log as it lies in the table."""

    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def verify(operation: Operation, held: Sequence[str] = (), *, deep: bool = True) -> Verified:
    """Compute the record again and compare.

    held  checkpoints, as text or files, that were printed or sent before
    deep  also open every identity and make the projection again
    """
    store = operation.store
    if not isinstance(store, DatabaseStore):
        return _verify_files(operation, held)
    findings = _database_findings()
    rows, heads = read_rows(store)
    found, root = log_findings(rows, heads, operation.settings.id)
    findings += found
    leaves = [bytes(row["leaf"]) for row in rows]
    findings += checkpoint_findings(
        leaves, operation.settings.id, held, signing.public_key(), grants.seals()
    )
    findings += grants.findings()
    if not findings:
        try:
            adopted = operation.rulebook
            del adopted
        except OnwardError as error:
            findings.append(str(error))
    identities = -1
    if deep and not findings:
        from onward.registry.now import projection

        findings += projection.compare(operation)
        identities, wrong = _vault_findings()
        findings += [*wrong, *_file_findings(rows), *_request_findings()]
    return Verified(len(rows), root.hex(), len(held), identities, tuple(findings))


def read_rows(store: DatabaseStore) -> tuple[list[Row], list[Mapping[str, Any]]]:
    """The log and its heads, as they lie in the tables."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE operation = %s ORDER BY seq",
            [store.operation],
        )
        rows = [Row(dict(zip(COLUMNS, row, strict=True))) for row in cursor.fetchall()]
        cursor.execute(
            f"SELECT size, root, peaks, recorded FROM {HEADS} WHERE operation = %s ORDER BY size",
            [store.operation],
        )
        names = ("size", "root", "peaks", "recorded")
        heads = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return rows, heads


def log_findings(
    rows: Sequence[Row], heads: Sequence[Mapping[str, Any]], operation: str
) -> tuple[list[str], bytes]:
    """What is wrong inside the log, and the root over it as computed now."""
    found = _Findings()
    peaks, last = Peaks(), ""
    at = {int(head["size"]): head for head in heads}
    ids: set[str] = set()
    keys: set[str] = set()
    # A record that was moved keeps its instants behind the new adoption of its rulebook.
    before: set[str] = set()
    for place, row in enumerate(rows, 1):
        if row["seq"] != place:
            found.add("order", f"event {place} is missing or out of order")
        text = row["canonical"].encode()
        if bytes(row["leaf"]) != event_leaf(bytes(row["salt"]), text):
            found.add("leaf", f"event {row['seq']} is not what was recorded")
        found.add_all("row", _row_findings(row, text, operation))
        taking_over = row["kind"] != "adopted" and before == {"adopted"}
        before.add(row["kind"])
        if row["recorded"] < last and not taking_over:
            found.add("instant", f"event {row['seq']} was recorded before the one ahead of it")
        last = row["recorded"]
        if row["event_id"] in ids or row["idempotency_key"] in keys:
            found.add("twice", f"event {row['seq']} is there twice")
        if row["supersedes"] is not None and row["supersedes"] not in ids:
            found.add("corrects", f"event {row['seq']} corrects one that is not before it")
        ids.add(row["event_id"])
        keys.add(row["idempotency_key"])
        peaks.append(bytes(row["leaf"]))
        head = at.pop(place, None)
        if head is not None and (
            bytes(head["root"]) != peaks.root()
            or bytes(head["peaks"]) != peaks.to_bytes()
            or head["recorded"] != row["recorded"]
        ):
            found.add("head", f"the tree over the first {place} events is another one")
    if at:
        found.add(
            "head", f"the tree once stood over {max(at)} events and there are {len(rows)}"
        )
    sizes = [int(head["size"]) for head in heads]
    if rows and (not sizes or max(sizes) < len(rows)):
        found.add(
            "head", f"no batch ends at event {len(rows)}: the last ones were added outside"
        )
    return found.texts(), peaks.root()


def _row_findings(row: Row, text: bytes, operation: str) -> Iterable[str]:
    seq = row["seq"]
    try:
        event = from_json(json.loads(text))
        if canonical_bytes(event) != text:
            yield f"event {seq} is not in canonical form"
        instant_of(event.recorded)
    except (ValueError, NotAnEvent, NotADate):
        yield f"event {seq} cannot be read"
        return
    owner, house = points_to(event)
    said = {
        "operation": event.operation, "seq": event.seq, "event_id": event.id,
        "subject_kind": event.subject.kind, "subject_id": event.subject.id, "kind": event.kind,
        "effective": event.effective, "by_whom": event.by, "recorded": event.recorded,
        "idempotency_key": event.idempotency_key, "supersedes": event.supersedes,
        "owner": owner, "house": house,
    }  # fmt: skip
    wrong = [name for name, value in said.items() if row[name] != value]
    if wrong or event.operation != operation:
        yield f"event {seq} and its columns differ ({', '.join(wrong) or 'operation'})"


def checkpoint_findings(
    leaves: Sequence[bytes], operation: str, held: Sequence[str], public: bytes,
    seals: Sequence[bytes] = (),
) -> list[str]:  # fmt: skip
    """What checkpoints from outside say that the log does not."""
    found: list[str] = []
    wanted: list[checkpoints.Checkpoint] = []
    for given in held:
        try:
            one = checkpoints.check(checkpoints.text_of(given), public)
        except checkpoints.NotACheckpoint as error:
            found.append(str(error))
            continue
        if one.origin != checkpoints.origin_of(operation):
            found.append("A checkpoint belongs to another operation.")
            continue
        wanted.append(one)
    for one in wanted:
        if (until := one.given()) and [until[1]] != list(seals[until[0] - 1 : until[0]]):
            found.append(
                f"The first {until[0]} lines of who was given what (accounts, assignments, "
                "recipients) are not those of the checkpoint: some were changed or taken away."
            )
        if one.size > len(leaves):
            found.append(
                f"A checkpoint counts {one.size} events and the log holds {len(leaves)}: "
                f"{one.size - len(leaves)} were removed, or this is an older copy."
            )
            continue
        peaks = Peaks()
        peaks.extend(leaves[: one.size])
        if peaks.root() != one.root:
            found.append(
                f"The first {one.size} events are not those of the checkpoint: some were changed, "
                "removed or put in another order after it was made."
            )
    return found


class _Findings:
    def __init__(self) -> None:
        self._by_kind: dict[str, list[str]] = {}

    def add(self, kind: str, text: str) -> None:
        self._by_kind.setdefault(kind, []).append(text)

    def add_all(self, kind: str, texts: Iterable[str]) -> None:
        for text in texts:
            self.add(kind, text)

    def texts(self) -> list[str]:
        told = []
        for texts in self._by_kind.values():
            told += [f"{text[0].upper()}{text[1:]}." for text in texts[:MOST]]
            if len(texts) > MOST:
                told.append(f"And {len(texts) - MOST} more like that.")
        return told


def _database_findings() -> list[str]:
    from django.db import connection

    if connection.vendor != "sqlite":
        return []
    found = []
    with connection.cursor() as cursor:
        for pragma, words in (
            ("integrity_check", "The database file is damaged"),
            ("cipher_integrity_check", "Pages of the database file were changed"),
        ):
            cursor.execute(f"PRAGMA {pragma}")
            wrong = [row for row in cursor.fetchall() if row[0] != "ok"]
            if wrong:
                found.append(f"{words} ({len(wrong)} places). Restore a backup.")
        cursor.execute("PRAGMA foreign_key_check")
        if wrong := cursor.fetchall():
            found.append(f"{len(wrong)} rows point to rows that are not there.")
    return found


def _vault_findings() -> tuple[int, list[str]]:
    from onward.registry.identities.vault_db import EncryptedVault
    from onward.registry.models import Identity

    vault, opened, wrong = EncryptedVault(), 0, 0
    people = list(Identity.objects.values_list("person", flat=True).distinct())
    for person in people:
        try:
            opened += len(vault.read([person]).get(person, {}))
        except OnwardError:
            wrong += 1
    if wrong:
        return opened, [
            f"The identities of {wrong} people do not open: their values or keys were changed."
        ]
    return opened, []


_ATTACHED = re.compile(r'"attached:([0-9a-f]{64})"')


def _file_findings(rows: Sequence[Row]) -> list[str]:
    """Files that events speak of: each kept, opening, and the one that was attached."""
    from onward.registry.identities import attachments
    from onward.registry.models import Attachment

    spoken = {
        reference for row in rows for reference in _ATTACHED.findall(row["canonical"])
    }  # fmt: skip
    kept = dict(Attachment.objects.values_list("reference", "key_id"))
    wrong = 0
    for reference in (name for name, key in kept.items() if key):
        try:
            attachments.opened(reference)
        except OnwardError:
            wrong += 1
    gone = len(spoken - kept.keys())
    found = []
    if wrong:
        found.append(f"{wrong} attached files do not open: they or their keys were changed.")
    if gone:
        found.append(f"{gone} attached files that the log speaks of are not kept here.")
    return found


def _request_findings() -> list[str]:
    """What people said when they asked about their own file: each opens, in its own request."""
    from onward.registry.data_protection import own_words
    from onward.registry.models import RightsRequest

    wrong = 0
    for request in RightsRequest.objects.exclude(words_key=""):
        try:
            own_words.opened(request)
        except OnwardError:
            wrong += 1
    if wrong:
        return [
            f"What people said when they asked about their own file does not open in {wrong} "
            "requests: it or its key was changed."
        ]
    return []


def _verify_files(operation: Operation, held: Sequence[str]) -> Verified:
    from onward.registry.log.store import StoreError

    findings = []
    events = 0
    try:
        events = len(operation.store.read())
    except StoreError as error:
        findings.append(str(error))
    if held:
        findings.append(
            "A record in plain files has no checkpoints; only an encrypted one is held to them."
        )
    return Verified(events, "", 0, -1, tuple(findings))
