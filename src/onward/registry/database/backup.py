"""Backups that can be taken while people work, and a restore that trusts nothing.

Exists because a record that was never restored has no backup. A backup is one `age` file sealed
to named recipients: a snapshot of the database, the small files of the folder and a manifest
with a checkpoint. The wrapped keys of identities go into a second file, `….keys.age`: that one
is kept for a short time, so that an identity erased on request does not come back with an old
backup. A restore checks everything in a folder of its own before it becomes an operation.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onward.errors import OnwardError
from onward.registry.keyring import keys
from onward.registry.log import checkpoints, signing, verify
from onward.registry.log.db_store import HEADS
from onward.registry.log.ledger import EMPTY_ROOT
from onward.registry.operation import PLAN, RULEBOOK, Operation
from onward.registry.settings import SETTINGS
from onward.registry.web.starting import DATABASE

FORM = 2
MANIFEST = "manifest.json"
WRAPPED = "wrapped-keys.json"
ALSO = (
    "rulebooks",
    "scenarios",
    "paces",
    "profiles",
    "imports",
    "forecasts",
    "placements",
    "reports",
)
TABLES = "tables/"
MOST_BYTES = 64 * 2**30


class BackupRefused(OnwardError):
    """A backup that is damaged, of another operation, or cannot be opened with this key."""


@dataclass(frozen=True)
class Made:
    """One backup: its two files and what they hold."""

    file: Path
    keys_file: Path | None
    events: int
    root: str
    bytes: int


def recipients_of(given: Sequence[str]) -> list[Any]:
    """age recipients from public keys, or from files with one on a line."""
    from pyrage import x25519

    texts: list[str] = []
    for text in given:
        path = Path(text)
        if not text.startswith("age1") and path.is_file():
            lines = path.read_text("utf-8").splitlines()
            texts += [line.strip() for line in lines if line.strip() and line[0] != "#"]
        else:
            texts.append(text)
    try:
        found = [x25519.Recipient.from_str(text) for text in texts]
    except Exception:
        raise OnwardError(
            "A recipient is not an age public key (age1…) or a file of them."
        ) from None
    if not found:
        raise OnwardError(
            "Say who may open the backup: --to age1… (see: onward keys identity)."
        )
    return found


def identity_of(file: Path) -> Any:
    """The age secret key in a file, as `onward keys identity` and `age-keygen` write it."""
    from pyrage import x25519

    try:
        lines = file.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        raise OnwardError(f"{file} cannot be read as an age identity.") from None
    for line in lines:
        if line.startswith("AGE-SECRET-KEY-"):
            try:
                return x25519.Identity.from_str(line.strip())
            except Exception:
                break
    raise OnwardError(f"{file} holds no age secret key (AGE-SECRET-KEY-…).")


def new_identity(file: Path) -> str:
    """Make an age identity in a file only its owner can read; returns its public key."""
    from pyrage import x25519

    made = x25519.Identity.generate()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(f"# public key: {made.to_public()}\n{made}\n")
    return str(made.to_public())


# ---------------------------------------------------------------------------------------------
# Making
# ---------------------------------------------------------------------------------------------


def make(
    operation: Operation, file: Path, recipients: Sequence[str], *, now: datetime | None = None
) -> Made:
    """Back the operation up while it is in use; the file appears only when it is whole.

    What is packed goes through a pipe into the sealed file: nothing of it lies anywhere in clear.

    raises  OnwardError when a file of that name exists or the snapshot does not verify
    """
    people = recipients_of(recipients)
    keys_file = file.with_name(f"{file.name.removesuffix('.age')}.keys.age")
    for path in (file, keys_file):
        if path.exists():
            raise OnwardError(f"{path} exists; a backup never replaces another one.")
    file.parent.mkdir(parents=True, exist_ok=True)
    seed, ring = _seed(operation), (operation.path / keys.KEYS).read_bytes()
    with _sealing(file, people) as archive:
        wrapped, held = _snapshot(operation, archive)
        for name, path in _files(operation.path):
            archive.add(name, path.read_bytes())
        manifest = {
            "form": FORM,
            "operation": operation.settings.id,
            "made": (now or datetime.now(UTC)).isoformat(),
            "store": "encrypted" if DATABASE in archive.digests else "tables",
            "events": held.size,
            "checkpoint": checkpoints.sign(held, seed),
            "files": dict(archive.digests),
        }
        archive.add(MANIFEST, json.dumps(manifest, indent=1).encode())
    with _sealing(keys_file, people) as archive:
        archive.add(WRAPPED, json.dumps(wrapped).encode("ascii"))
        archive.add(keys.KEYS, ring)
    if (operation.path / keys.KEYS).read_bytes() != ring:
        # What was wrapped under the keys of then may not open with those of now, nor the reverse.
        file.unlink()
        keys_file.unlink()
        raise BackupRefused(
            "The keys of the operation were changed while the backup was being made, so nothing was "
            "kept of it. Make the backup again."
        )
    return Made(file, keys_file, held.size, held.root.hex(), file.stat().st_size)


def _seed(operation: Operation) -> bytes:
    """The signing key; made before the snapshot, so that the snapshot holds it."""
    from onward.registry.log.db_store import DatabaseStore

    if not isinstance(operation.store, DatabaseStore):
        raise OnwardError(
            "A record in plain files is backed up by copying its folder; onward backup is for "
            "the encrypted one."
        )
    return signing.signing_seed()


class _Archive:
    """What is being packed: members are added one by one, each with its digest."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.digests: dict[str, str] = {}

    def add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), 0o600
        self._tar.addfile(member, io.BytesIO(data))
        self.digests[name] = hashlib.sha256(data).hexdigest()

    def add_file(self, name: str, path: Path) -> None:
        with open(path, "rb") as file:
            self.digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            member = tarfile.TarInfo(name)
            member.size, member.mode = path.stat().st_size, 0o600
            self._tar.addfile(member, file)


@contextlib.contextmanager
def _sealing(file: Path, people: list[Any]) -> Iterator[_Archive]:
    """An archive that is sealed as it is written, in another thread, and appears when whole."""
    sealed = file.with_name(f".{file.name}.making")
    descriptor = os.open(sealed, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    reading, writing = os.pipe()
    failed: list[BaseException] = []
    sealer = threading.Thread(
        target=_seal, args=(reading, descriptor, people, failed), daemon=True
    )
    sealer.start()
    try:
        try:
            with (
                os.fdopen(writing, "wb") as pipe,
                tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                yield _Archive(tar)
        except BrokenPipeError:
            if not failed:
                raise
        sealer.join()
        if failed:
            raise OnwardError(
                f"The backup could not be written ({type(failed[0]).__name__}); nothing was kept. "
                "Look at the disk it goes to."
            ) from failed[0]
        os.fsync(descriptor)
        os.replace(sealed, file)
    finally:
        sealer.join()
        os.close(descriptor)
        sealed.unlink(missing_ok=True)


def _seal(
    reading: int, descriptor: int, people: list[Any], failed: list[BaseException]
) -> None:
    from pyrage import encrypt_io

    try:
        with (
            os.fdopen(reading, "rb") as plain,
            os.fdopen(descriptor, "wb", closefd=False) as out,
        ):
            encrypt_io(plain, out, people)
    except BaseException as error:
        failed.append(error)


def _snapshot(
    operation: Operation, archive: _Archive
) -> tuple[dict[str, Any], checkpoints.Checkpoint]:
    """Add the database without the wrapped keys; returns these, and what was added holds."""
    from django.db import connection

    if connection.vendor != "sqlite":
        from onward.registry.database.snapshot import snapshot

        return snapshot(archive.add, operation.settings.id)
    work = Path(tempfile.mkdtemp(dir=operation.path, prefix=".backup-"))
    try:
        # A copy of the encrypted file, under the same key.
        found = _copy_of_file(operation, work / DATABASE)
        archive.add_file(DATABASE, work / DATABASE)
        return found
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy_of_file(
    operation: Operation, file: Path
) -> tuple[dict[str, Any], checkpoints.Checkpoint]:
    from django.db import connection

    from onward.registry.database.sqlcipher.base import Database
    from onward.registry.site import current

    connection.ensure_connection()
    copy = Database.connect(str(file))
    os.chmod(file, 0o600)
    try:
        copy.execute(f"PRAGMA key = \"x'{current().database_key().hex()}'\"")
        connection.connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("PRAGMA secure_delete = ON")
        wrapped = {
            "wrapped": _rows(copy, "onward_wrapped_key"),
            "graves": _rows(copy, "onward_grave"),
        }
        row = copy.execute(
            f"SELECT size, root, recorded FROM {HEADS} WHERE operation = ? "
            "ORDER BY size DESC LIMIT 1",
            [operation.settings.id],
        ).fetchone() or (0, EMPTY_ROOT, "")
        copy.execute("DELETE FROM onward_wrapped_key")
        copy.commit()
        copy.execute("VACUUM")
    finally:
        copy.close()
    origin = checkpoints.origin_of(operation.settings.id)
    return wrapped, checkpoints.Checkpoint(origin, row[0], bytes(row[1]), row[2])


def _rows(connection: Any, table: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    return [
        {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in cursor.fetchall()
    ]


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The small files of an operation: (name in the backup, path)."""
    for name in (SETTINGS, RULEBOOK, PLAN, keys.KEYS, "imports.yaml"):
        if (folder / name).is_file():
            yield name, folder / name
    for name in ALSO:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield str(path.relative_to(folder)), path


# ---------------------------------------------------------------------------------------------
# Restoring
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Restored:
    """What came back.

    identities   people whose identity opens again
    closed       people whose identity has no key here (no keys file, or an older one)
    erased       people whose identity was erased on request and stays erased
    """

    folder: Path
    events: int
    made: str
    identities: int
    closed: int
    erased: int


def restore(
    file: Path,
    folder: Path,
    identity: Path,
    *,
    unlock: Any,
    keys_file: Path | None = None,
    store: str = "",
) -> Restored:
    """Bring an operation back from a backup; it appears only when everything was checked.

    unlock     called with the folder and its settings; returns the operation's root key
    keys_file  the `….keys.age` beside it; without one, identities stay closed
    store      a new, empty database for a record that was on a server
    raises     BackupRefused; then the folder is as it was before
    """
    if folder.exists() and any(folder.iterdir()):
        raise OnwardError(f"{folder} is not empty; restore into a new or an empty folder.")
    me = identity_of(identity)
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(
        tempfile.mkdtemp(dir=folder.resolve().parent, prefix=f".{folder.name}-restoring-")
    )
    try:
        manifest, tables = _unpack(file, me, work)
        wrapped: Mapping[str, Any] = {"wrapped": [], "graves": []}
        if keys_file is not None:
            wrapped = _unpack_keys(keys_file, me, work, manifest)
        done = _bring_up(work, manifest, tables, wrapped, unlock, store)
        if folder.exists():
            folder.rmdir()
        os.replace(work, folder)
    except BaseException:
        from onward.registry.web import starting

        starting.close_site()
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Restored(folder, *done)


def _opened(file: Path, me: Any) -> bytes:
    from pyrage import decrypt

    try:
        sealed = file.read_bytes()
    except OSError:
        raise BackupRefused(f"{file} cannot be read.") from None
    try:
        return bytes(decrypt(sealed, [me]))
    except Exception:
        raise BackupRefused(
            f"{file.name} does not open: it is damaged or cut short, or it was sealed to another "
            "recipient. Nothing was restored."
        ) from None


def _members(data: bytes, wanted: Path) -> Iterator[tuple[str, bytes]]:
    damaged = BackupRefused("The backup is not one of Onward's, or is damaged.")
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                place = (wanted / member.name).resolve()
                if not member.isfile() or wanted.resolve() not in place.parents:
                    raise damaged
                content = tar.extractfile(member)
                if content is None:
                    raise damaged
                yield member.name, content.read()
    except tarfile.TarError:
        raise damaged from None


def _unpack(file: Path, me: Any, work: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest, and the tables of a server, which never lie on a disk in clear."""
    found = dict(_members(_opened(file, me), work))
    try:
        manifest = json.loads(found.pop(MANIFEST))
        listed = dict(manifest["files"])
        form = manifest["form"]
    except (KeyError, ValueError, TypeError):
        raise BackupRefused("The backup is not one of Onward's, or is damaged.") from None
    if form not in (1, FORM):
        raise BackupRefused("The backup was made by a newer Onward; restore it with that one.")
    wrong = [
        name
        for name in {*listed, *found}
        if hashlib.sha256(found.get(name, b"")).hexdigest() != listed.get(name)
    ]
    if wrong:
        raise BackupRefused(
            f"{len(wrong)} files of the backup are missing or not what was kept."
        )
    tables: dict[str, bytes] = {}
    for name, content in sorted(found.items()):
        if name.startswith(TABLES):
            table = name.removeprefix(TABLES).partition(".")[0]
            tables[table] = tables.get(table, b"") + content
            continue
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
    return dict(manifest), tables


def _unpack_keys(
    file: Path, me: Any, work: Path, manifest: Mapping[str, Any]
) -> Mapping[str, Any]:
    found = dict(_members(_opened(file, me), work))
    try:
        wrapped: dict[str, Any] = json.loads(found[WRAPPED])
        ring = json.loads(found[keys.KEYS])
    except (KeyError, ValueError):
        raise BackupRefused(f"{file.name} is not the keys file of a backup.") from None
    if ring.get("operation") != manifest["operation"]:
        raise BackupRefused(f"{file.name} belongs to another operation.")
    # The newest keyring: root keys may have been renewed since the backup itself.
    (work / keys.KEYS).write_bytes(found[keys.KEYS])
    return wrapped


def _bring_up(
    work: Path,
    manifest: Mapping[str, Any],
    tables: Mapping[str, bytes],
    wrapped: Mapping[str, Any],
    unlock: Any,
    store: str,
) -> tuple[int, str, int, int, int]:
    from onward.registry.opening import open_operation
    from onward.registry.settings import read_settings
    from onward.registry.web import starting

    settings = read_settings(work / SETTINGS)
    key = unlock(work, settings)
    starting.close_site()
    on_server = manifest["store"] == "tables"
    if on_server != store.startswith("postgres"):
        raise BackupRefused(
            "This record was on a server: name a new, empty database for it with --store."
            if on_server
            else "This record was not on a server; leave --store out."
        )
    if on_server:
        _use_store(work / SETTINGS, settings.store, store)
    starting.open_site(work, key=key)
    operation = open_operation(work)
    if on_server:
        from onward.registry.database.snapshot import load_snapshot

        load_snapshot(tables)
    people, closed, erased = _put_keys(wrapped)
    # The signing key is under the file key, which the keyring opens whatever else is missing.
    seen = verify.verify(operation, [manifest["checkpoint"]], deep=False)
    if seen.findings or seen.events != manifest["events"]:
        raise BackupRefused(
            "The backup does not verify; nothing was restored. " + " ".join(seen.findings)
        )
    starting.close_site()
    return seen.events, str(manifest["made"]), people - closed, closed, erased


def _use_store(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text("utf-8").replace(json.dumps(old), json.dumps(new)), "utf-8")


def _put_keys(wrapped: Mapping[str, Any]) -> tuple[int, int, int]:
    """Put the wrapped keys back; people whose key was destroyed lose what it kept.

    returns  people of whom something is kept, those whose key is not here, those erased
    """
    from onward.registry.identities.vault_db import forget
    from onward.registry.log.db_store import DatabaseStore
    from onward.registry.models import Attachment, Grave, Identity, RightsRequest, WrappedKey
    from onward.registry.site import current

    with DatabaseStore(current().operation).writing():
        WrappedKey.objects.all().delete()
        WrappedKey.objects.bulk_create(
            [
                WrappedKey(**{**row, "wrapped": base64.b64decode(row["wrapped"])})
                for row in wrapped["wrapped"]
            ],
            batch_size=500,
        )
        have = set(Grave.objects.values_list("person", flat=True))
        Grave.objects.bulk_create(
            [
                Grave(operation=row["operation"], person=row["person"],
                      destroyed=row["destroyed"], by=row["by_whom"])
                for row in wrapped["graves"] if row["person"] not in have
            ]
        )  # fmt: skip
        graves = set(Grave.objects.values_list("person", flat=True))
        for person in graves:
            Identity.objects.filter(person=person).delete()
            forget(person)
        owners = set(
            WrappedKey.objects.exclude(purpose="office").values_list("owner", flat=True)
        )
        people = set(Identity.objects.values_list("person", flat=True))
        for kept in (
            Attachment.objects.exclude(key_id=""), RightsRequest.objects.exclude(words_key="")
        ):  # fmt: skip
            people |= set(kept.values_list("person", flat=True))
    return len(people), len(people - owners), len(graves)
