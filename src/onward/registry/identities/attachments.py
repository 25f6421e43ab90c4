"""Evidence kept with the record: a scan goes to the vault, its reference into the event.

Exists so that a signed consent or a decision can be looked at years later, and so that nobody
who may not see a person's papers learns what is in them. The file is encrypted whole under the
person's own key and goes when that key is destroyed. The event carries `attached:` and a digest
over a secret salt and the file: it shows later that the file is the one that was attached, and
tells nothing of it. File and event are written together or not at all; a form that is sent twice
keeps neither twice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onward.errors import OnwardError
from onward.registry.identities.scans import Scan
from onward.registry.identities.vault_db import IDENTITY, SEALED, EncryptedVault
from onward.registry.recording.actors import Acting
from onward.registry.recording.acts import Done

if TYPE_CHECKING:
    from onward.registry.permissions.access import Seen

MARK = "attached:"
CLASS = "documents"
"""The class of fields one must read to open an attachment, or to be told that there is one."""

SALT_BYTES = 32


@dataclass(frozen=True)
class Held:
    """One attachment, as far as it may be spoken of: never what is in it."""

    reference: str
    person: str
    about: str
    thing: str
    media: str
    size: int
    day: str


def reference_of(salt: bytes, content: bytes) -> str:
    """The digest an event carries."""
    return hashlib.sha256(b"onward attachment\0" + salt + content).hexdigest()


def attaching(
    actor: Acting,
    person: str,
    scans: Sequence[Scan],
    act: Callable[[tuple[str, ...]], Done],
    *,
    about: str,
    thing: str = "",
) -> Done:
    """Do an act with files as its evidence, both or neither.

    act    gets the references to put into its evidence; what it raises undoes everything
    about  the kind of record, or "person"; files about what is sealed go under the sealed key
    raises what the act raises; VaultRefused for somebody whose identity was erased on request
    """
    from onward.registry.site import operation

    if not scans:
        return act(())
    vault = EncryptedVault()
    salted = [(os.urandom(SALT_BYTES), scan) for scan in scans]
    references = [reference_of(salt, scan.content) for salt, scan in salted]
    day = operation().default_date().isoformat()
    with vault.writing():
        done = act(tuple(MARK + reference for reference in references))
        if not done.again:
            for reference, (salt, scan) in zip(references, salted, strict=True):
                vault.attach(
                    Held(reference, person, about, thing, scan.media, len(scan.content), day),
                    salt + scan.content,
                    purpose=_purpose(about),
                    by=actor.account_id,
                )
    return done


def _purpose(about: str) -> str:
    from onward.registry.site import operation

    kind = operation().rulebook.kinds.get(about)
    closed = about != "person" and kind is not None and any(
        fact.sensitivity == "sealed" or fact.retention == "medical" for fact in kind.facts.values()
    )  # fmt: skip
    return SEALED if closed else IDENTITY


def of(seen: Seen) -> list[Held]:
    """The attachments of a person that this reader may be told of, newest first.

    A reader of documents is told of those whose record may be read; the ids that were merged
    into the person are the person's.
    """
    if CLASS not in seen.classes or not seen.may("person.reveal"):
        return []
    telling = seen.reader.rules.kind_classes(seen.rulebook)
    return [
        held for held in _kept(_ids(seen.person.person))
        if held.about == "person" or telling.get(held.about, frozenset()) & seen.classes
    ]  # fmt: skip


def read(seen: Seen, reference: str) -> tuple[Held, bytes]:
    """One attachment's file. The caller has leave to reveal (`Reader.reveal`), which logs it.

    raises  Hidden when there is none, or none that this reader may be told of
    """
    from onward.registry.permissions import access

    found = next((held for held in of(seen) if held.reference == reference), None)
    if found is None:
        raise access.Hidden
    return found, opened(reference)


def opened(reference: str) -> bytes:
    """The file, after it was found to be the one that the event speaks of."""
    whole = EncryptedVault().attached(reference)
    salt, content = whole[:SALT_BYTES], whole[SALT_BYTES:]
    if reference_of(salt, content) != reference:
        raise OnwardError("The file is not the one that was attached: the record is damaged.")
    return content


def _ids(person: str) -> list[str]:
    from onward.registry.identities.merged import ids_of

    return ids_of(person)


def _kept(people: Iterable[str]) -> list[Held]:
    from onward.registry.models import Attachment

    rows = Attachment.objects.filter(person__in=list(people)).exclude(key_id="")
    rows = rows.order_by("-day", "reference")
    return [
        Held(*row)
        for row in rows.values_list(
            "reference", "person", "about", "thing", "media", "size", "day"
        )
    ]
