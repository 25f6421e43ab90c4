"""Where an operation keeps what it made: forecasts, proposals, releases, receipts, its plan.

Exists so that the same functions keep files beside a record in plain files and inside an
encrypted store, where small counts and sensitive pledges must not lie in clear on the disk.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from onward.errors import OnwardError
from onward.registry.keyring.keys import is_wrapped, unwrap, wrap

if TYPE_CHECKING:
    from onward.registry.operation import Operation

KEPT_FOLDERS = ("forecasts", "placements", "reports", "plans", "exports", "words")
_NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,119}", re.ASCII)


class Kept(Protocol):
    """Small files by folder and name."""

    def names(self, folder: str) -> Sequence[str]:
        """Sorted names of what a folder holds."""
        ...

    def written(self, folder: str) -> Mapping[str, float]:
        """When each file of a folder was last written, in seconds since 1970, by its name."""
        ...

    def read(self, folder: str, name: str) -> bytes:
        """One file; raises OnwardError when it is not there."""
        ...

    def several(self, folder: str, names: Sequence[str]) -> Mapping[str, bytes]:
        """Many files of a folder at once, by name; those that are not there are left out."""
        ...

    def write(self, folder: str, name: str, content: bytes) -> None:
        """Keep or replace one file, entirely or not at all."""
        ...


class FolderKept:
    """Files in folders of the operation's own folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self, folder: str) -> Sequence[str]:
        inside = self._path / _known(folder)
        return sorted(
            p.name for p in inside.glob("*") if p.is_file() and _NAME.fullmatch(p.name)
        )

    def written(self, folder: str) -> Mapping[str, float]:
        inside = self._path / _known(folder)
        return {name: (inside / name).stat().st_mtime for name in self.names(folder)}

    def read(self, folder: str, name: str) -> bytes:
        try:
            return (self._path / _known(folder) / _named(name)).read_bytes()
        except FileNotFoundError:
            raise _missing(folder, name) from None

    def several(self, folder: str, names: Sequence[str]) -> Mapping[str, bytes]:
        there = set(self.names(folder))
        return {name: self.read(folder, name) for name in names if name in there}

    def write(self, folder: str, name: str, content: bytes) -> None:
        inside, made = self._path / _known(folder), ""
        try:
            inside.mkdir(exist_ok=True)
            descriptor, made = tempfile.mkstemp(dir=inside, prefix=f".{_named(name)}.")
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(made, inside / name)
        except OSError as error:
            if made:
                Path(made).unlink(missing_ok=True)
            raise OnwardError(
                f"{folder}/{name} cannot be kept ({error.strerror}), so nothing was. Look at the disk "
                f"and at {inside}, and ask again."
            ) from error


class DatabaseKept:
    """Files in the store of the operation this process has open, each sealed once more: on a
    server the tables themselves are in clear."""

    def names(self, folder: str) -> Sequence[str]:
        from onward.registry.models import KeptFile

        rows = KeptFile.objects.filter(folder=_known(folder)).order_by("name")
        return list(rows.values_list("name", flat=True))

    def written(self, folder: str) -> Mapping[str, float]:
        from onward.registry.models import KeptFile

        rows = KeptFile.objects.filter(folder=_known(folder))
        return {name: at.timestamp() for name, at in rows.values_list("name", "written_at")}

    def read(self, folder: str, name: str) -> bytes:
        from onward.registry.models import KeptFile

        found = KeptFile.objects.filter(folder=_known(folder), name=name).first()
        if found is None:
            raise _missing(folder, name)
        return unwrap(_key(), bytes(found.content), f"{folder}/{name}")

    def several(self, folder: str, names: Sequence[str]) -> Mapping[str, bytes]:
        from onward.registry.models import KeptFile

        wanted, key = set(names), _key()
        rows = KeptFile.objects.filter(folder=_known(folder)).values_list("name", "content")
        return {
            name: unwrap(key, bytes(content), f"{folder}/{name}")
            for name, content in rows.iterator()
            if name in wanted
        }

    def write(self, folder: str, name: str, content: bytes) -> None:
        from django.utils import timezone

        from onward.registry.models import KeptFile
        from onward.registry.site import current

        KeptFile.objects.update_or_create(
            operation=current().operation,
            folder=_known(folder),
            name=_named(name),
            defaults={
                "content": wrap(_key(), content, f"{folder}/{name}"),
                "written_at": timezone.now(),
            },
        )


def kept(operation: Operation) -> Kept:
    """Where this operation keeps its files."""
    if operation.settings.encrypted:
        _ = operation.store  # opens the store, asking for the key where it must
        return DatabaseKept()
    return FolderKept(operation.path)


def seal_what_is_there(model: Callable[[str, str], Any]) -> None:
    """Seal what an older record kept in clear inside its store: once, as a step of an upgrade.

    model  gives the class of (application, name), as a migration has it
    """
    from onward.registry.site import current

    for row in model("registry", "KeptFile").objects.filter(operation=current().operation):
        if not is_wrapped(bytes(row.content)):
            row.content = wrap(_key(), bytes(row.content), f"{row.folder}/{row.name}")
            row.save(update_fields=["content"])


def _key() -> bytes:
    from onward.registry.site import current

    return current().derive("kept files")


def _known(folder: str) -> str:
    if folder not in KEPT_FOLDERS:
        raise ValueError(f"nothing is kept under {folder}")
    return folder


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("not a name a file can be kept under")
    return name


def _missing(folder: str, name: str) -> OnwardError:
    return OnwardError(f"{folder}/{name} is not kept here; it may have been moved or deleted.")
