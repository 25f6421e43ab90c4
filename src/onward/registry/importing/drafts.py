"""A list on its way in, between one page of the wizard and the next.

A list holds names in clear. So it is kept sealed under the operation's key, opened only in
memory (no file on a disk ever holds it), and gone when it is committed, given up or a day old.
Comes in: the bytes that were uploaded. Goes out: paths that the intake room can read.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.utils import timezone

from onward.errors import OnwardError
from onward.registry.keyring.keys import unwrap, wrap
from onward.registry.models import ImportDraft, Job, JobFile
from onward.registry.recording.actors import Acting
from onward.registry.site import current

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".ods", ".json", ".jsonl", ".zip")
KEPT = timedelta(days=1)


@dataclass(frozen=True)
class InMemory:
    """The list and its profile as paths whose bytes are in memory only."""

    list: Path
    profile: Path


def begin(actor: Acting, name: str, content: bytes) -> ImportDraft:
    """Keep an uploaded list; raises OnwardError for a kind of file that cannot be a list."""
    give_up_old()
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise OnwardError(
            "This kind of file cannot be read as a list. Expected CSV, TSV, XLSX, ODS, JSON or "
            "JSON Lines; a workbook with macros must be saved without them."
        )
    draft = ImportDraft(operation=current().operation, by=actor.account_id, suffix=suffix)
    draft.content = _sealed(draft.id, content)
    draft.save(force_insert=True)
    return draft


def mine(actor: Acting, draft: UUID) -> ImportDraft:
    """The actor's own draft; a list is seen by nobody but who brings it in."""
    row = ImportDraft.objects.filter(pk=draft, by=actor.account_id).first()
    if row is None:
        raise OnwardError("There is no such list here. It may have been given up or committed.")
    return row


def give_up(draft: ImportDraft) -> bool:
    """Forget a list that was not committed, and what was seen in it; False while it is being
    recorded, which nobody can stop halfway."""
    work = Job.objects.filter(asked__draft=str(draft.pk))
    work.filter(state="queued").delete()
    if work.filter(kind="bring", state="running").exists():
        return False
    JobFile.objects.filter(job__in=work).delete()
    # Not one that was recorded this moment: nobody is told that nothing was.
    return bool(ImportDraft.objects.filter(pk=draft.pk, receipt="").delete()[0])


def give_up_old() -> int:
    """Forget what nobody committed within a day; the number of lists forgotten."""
    before = timezone.now() - KEPT
    # What was seen in a list goes by its own age: a list may have gone while it was looked at.
    JobFile.objects.filter(job__kind="look", job__asked_at__lt=before).delete()
    old = ImportDraft.objects.filter(receipt="", at__lt=before)
    return sum(give_up(draft) for draft in old.defer("content"))


def committed(draft: ImportDraft, receipt: str) -> None:
    """Keep the receipt's name; forget the list and what was seen in it."""
    JobFile.objects.filter(job__kind="look", job__asked__draft=str(draft.pk)).delete()
    draft.content, draft.receipt = b"", receipt or "unchanged"
    ImportDraft.objects.filter(pk=draft.pk).update(content=b"", receipt=draft.receipt)


@contextmanager
def opened(draft: ImportDraft) -> Iterator[InMemory]:
    """The list and its profile as files in memory, for as long as they are needed."""
    content = _opened(draft.id, bytes(draft.content))
    with tempfile.TemporaryDirectory(prefix="onward-") as folder:
        # The folder holds two links into this process's memory, and no byte of the list.
        open_files = []
        try:
            paths = []
            for name, data in (
                (f"list{draft.suffix}", content),
                ("profile.yaml", draft.profile.encode()),
            ):
                descriptor = os.memfd_create(name)
                open_files.append(descriptor)
                with os.fdopen(os.dup(descriptor), "wb") as file:
                    file.write(data)
                path = Path(folder) / name
                path.symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")
                paths.append(path)
            yield InMemory(*paths)
        finally:
            for descriptor in open_files:
                os.close(descriptor)


def _key() -> bytes:
    return current().derive("lists on their way in")


def _sealed(draft: UUID, content: bytes) -> bytes:
    return wrap(_key(), content, f"draft/{draft}")


def _opened(draft: UUID, sealed: bytes) -> bytes:
    return unwrap(_key(), sealed, f"draft/{draft}")
