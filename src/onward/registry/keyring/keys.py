"""The keys of one operation: who can open it, and what each key opens.

Exists so that a stolen laptop, a stolen backup and a curious administrator of the server each
find nothing they can read. One secret, the `RootKey`, is never written down as it is: `keys.json`
keeps it sealed in *slots*, one per way of opening (a key file, a passphrase, an offline recovery
code, two custodians together). A slot seals to a public key, so that the secret can be renewed
without asking anybody for a passphrase. Under it stand a file key for the embedded database and the root
keys that wrap the offices' keys; those wrap one data key per person. Everything is AES-256-GCM
with the place it belongs to as associated data, so that nothing can be moved to another place.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import os
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onward.errors import OnwardError

KEYS = "keys.json"
TURN = ".keys-turn"
PATIENCE = 10.0
"""Seconds somebody waits to change the ways in while somebody else does."""
FORM = 1
KEY_BYTES = 32
NONCE_BYTES = 12
ARGON2 = {"time": 3, "memory_kib": 65536, "lanes": 1}
"""Cost of trying one passphrase: about 0.7 s and 64 MiB."""

MISSING_EXTRA = (
    "An encrypted operation needs the desk's packages. Install them with: "
    'pip install "onward[desk]"'
)


class KeyRefused(OnwardError):
    """A key, passphrase or code that does not open this operation, or must not be used."""


def _aead(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError:
        raise OnwardError(MISSING_EXTRA) from None
    return AESGCM(key)


def wrap(key: bytes, secret: bytes, place: str) -> bytes:
    """Seal a secret under a key, bound to a place: format byte, nonce, ciphertext and tag."""
    nonce = os.urandom(NONCE_BYTES)
    sealed: bytes = _aead(key).encrypt(nonce, secret, place.encode())
    return bytes([FORM]) + nonce + sealed


def unwrap(key: bytes, sealed: bytes, place: str) -> bytes:
    """The inverse of `wrap`; raises KeyRefused, never a wrong answer."""
    from cryptography.exceptions import InvalidTag

    if len(sealed) < 1 + NONCE_BYTES + 16 or sealed[0] != FORM:
        raise KeyRefused("A sealed value is damaged or of a form this version does not know.")
    try:
        opened: bytes = _aead(key).decrypt(
            sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], place.encode()
        )
    except InvalidTag:
        raise KeyRefused(
            "A sealed value does not open: the key is another one, or the value was changed or "
            "moved."
        ) from None
    return opened


def is_wrapped(content: bytes) -> bool:
    """Whether this can be what `wrap` made. No text, picture, sheet or archive begins like it."""
    return content[:1] == bytes([FORM]) and len(content) >= 1 + NONCE_BYTES + 16


def derive(secret: bytes, purpose: str) -> bytes:
    """One key for one purpose (HKDF-SHA-256, RFC 5869, no salt: the secret is uniform)."""
    pseudo = hmac.new(b"\0" * 32, secret, hashlib.sha256).digest()
    return hmac.new(pseudo, b"onward/" + purpose.encode() + b"\x01", hashlib.sha256).digest()


@dataclass(frozen=True)
class RootKey:
    """The one secret under which everything of an operation stands."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a root key has {KEY_BYTES} bytes")

    def derive(self, purpose: str) -> bytes:
        return derive(self.secret, purpose)

    @classmethod
    def new(cls) -> RootKey:
        return cls(os.urandom(KEY_BYTES))


@dataclass(frozen=True)
class Opened:
    """The keyring of an operation, opened.

    file_key  opens the embedded database file
    inner     under which sessions, second factors and kept files are sealed; stays when the
              root key is renewed
    roots     root keys by id; more than one only while a rotation is under way
    active    id of the root key that wraps what is written now
    """

    operation: str
    file_key: bytes = field(repr=False)
    inner: bytes = field(repr=False)
    roots: Mapping[str, bytes] = field(repr=False)
    active: str = ""

    @property
    def root(self) -> bytes:
        return self.roots[self.active]


# ---------------------------------------------------------------------------------------------
# keys.json
# ---------------------------------------------------------------------------------------------


def create(
    folder: Path, operation: str, slots: Sequence[Mapping[str, Any]], key: RootKey
) -> None:
    """Write the keyring of a new operation; raises KeyRefused when there is one already."""
    path = folder / KEYS
    if path.exists():
        raise KeyRefused(f"{path} exists: this operation has its keys already.")
    wrapping = key.derive("keyring")
    root = str(uuid.uuid4())
    data = {
        "form": FORM,
        "operation": operation,
        "file": _text(wrap(wrapping, os.urandom(KEY_BYTES), f"{operation}/file")),
        "inner": _text(wrap(wrapping, os.urandom(KEY_BYTES), f"{operation}/inner")),
        "active": root,
        "since": _today(),
        "roots": {root: _text(wrap(wrapping, os.urandom(KEY_BYTES), f"{operation}/{root}"))},
        "slots": list(slots),
    }
    _write(path, data)


def read(folder: Path) -> dict[str, Any]:
    """The keyring as its file holds it, still sealed."""
    path = folder / KEYS
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise KeyRefused(
            f"{path} is missing: without it nobody can open the record. Put it back from a "
            "backup (onward restore)."
        ) from None
    except (OSError, ValueError):
        raise KeyRefused(f"{path} cannot be read. Put it back from a backup.") from None
    if not isinstance(data, dict) or data.get("form") != FORM:
        raise KeyRefused(f"{path} is of a form this version does not know.")
    return data


def opened(folder: Path, key: RootKey) -> Opened:
    """The keyring opened with its root key."""
    data = read(folder)
    name, wrapping = data["operation"], key.derive("keyring")
    return Opened(
        operation=name,
        file_key=unwrap(wrapping, _bytes(data["file"]), f"{name}/file"),
        # Before there was one, the root key itself stood in its place.
        inner=unwrap(wrapping, _bytes(data["inner"]), f"{name}/inner")
        if "inner" in data
        else key.secret,
        roots={
            root: unwrap(wrapping, _bytes(sealed), f"{name}/{root}")
            for root, sealed in data["roots"].items()
        },
        active=data["active"],
    )


def begin_rotation(folder: Path, key: RootKey) -> Opened:
    """Add a new root key and make it the active one; the old one still opens what it wrapped.

    A crash after this leaves both: `finish_rotation` drops what nothing needs any more.

    raises  KeyRefused, and changes nothing, when the key does not open the keyring: a root key
            sealed under a secret that was renewed meanwhile would keep everybody out
    """
    opened(folder, key)
    data = read(folder)
    root = str(uuid.uuid4())
    sealed = wrap(key.derive("keyring"), os.urandom(KEY_BYTES), f"{data['operation']}/{root}")
    data["roots"][root] = _text(sealed)
    data["active"], data["since"] = root, _today()
    _write(folder / KEYS, data)
    return opened(folder, key)


def finish_rotation(folder: Path, key: RootKey, in_use: set[str]) -> tuple[Opened, RootKey]:
    """Drop every root key that wraps nothing any more, and renew the secret above them.

    Every way in that is left is sealed anew, in the same writing of the file: whoever held the
    old secret, or a way in that was taken away, opens nothing with the new file.
    """
    ring, data = opened(folder, key), read(folder)
    new, name = RootKey.new(), data["operation"]
    wrapping = new.derive("keyring")

    def sealed(secret: bytes, place: str) -> str:
        return _text(wrap(wrapping, secret, f"{name}/{place}"))

    data["file"] = sealed(ring.file_key, "file")
    data["inner"] = sealed(ring.inner, "inner")
    data["roots"] = {
        root: sealed(secret, root)
        for root, secret in ring.roots.items()
        if root == ring.active or root in in_use
    }
    data["slots"] = [{**slot, **_sealed_slot(name, slot, new)} for slot in data["slots"]]
    _write(folder / KEYS, data)
    return opened(folder, new), new


def require_renewable(folder: Path) -> None:
    """Refuse to renew the secret while a way in could not be sealed anew.

    raises  KeyRefused naming the ways in that an older version made
    """
    old = sorted({slot["kind"] for slot in read(folder)["slots"] if "public" not in slot})
    if old:
        raise KeyRefused(
            f"Ways in made by an older Onward ({', '.join(old)}) cannot be renewed. Add them again "
            "(onward keys add) and take the old ones away (onward keys drop), then renew."
        )


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """One process at a time reads `keys.json` and writes it again; the turn ends with its process.

    raises  KeyRefused when somebody else changes the keys for longer than one waits
    """
    descriptor = os.open(folder / TURN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise KeyRefused(
                        "Somebody else is changing the keys of this operation. Nothing was "
                        "changed; try again in a moment."
                    ) from None
                time.sleep(0.05)
            else:
                break
        yield
    finally:
        os.close(descriptor)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _write(path: Path, data: Mapping[str, Any]) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(data, file, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise KeyRefused(
            "keys.json holds a damaged value. Put it back from a backup."
        ) from None


# ---------------------------------------------------------------------------------------------
# Slots: the ways in
# ---------------------------------------------------------------------------------------------


def new_key_file(path: Path) -> bytes:
    """Make a key file that only its owner can read; its content opens the operation."""
    secret = os.urandom(KEY_BYTES)
    text = f"onward-key-1 {base64.b64encode(secret).decode()}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return secret


def read_key_file(path: Path) -> bytes:
    """The secret in a key file; refuses one that others can read."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except OSError:
        raise KeyRefused(
            f"The key file {path} cannot be read. Name the right one in ONWARD_KEY_FILE, or "
            "unlock with: onward unlock DIR"
        ) from None
    except UnicodeDecodeError:
        raise KeyRefused(f"{path} is not a key file of Onward.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyRefused(
            f"The key file {path} can be read by others on this machine. Close it with: "
            f"chmod 600 {path}"
        )
    word, _, secret = text.strip().partition(" ")
    try:
        found = base64.b64decode(secret, validate=True)
    except ValueError:
        found = b""
    if word != "onward-key-1" or len(found) != KEY_BYTES:
        raise KeyRefused(f"{path} is not a key file of Onward.")
    return found


def key_file_slot(operation: str, key: RootKey, secret: bytes) -> dict[str, Any]:
    return _slot("key-file", operation, key, derive(secret, "key-file"))


def passphrase_slot(operation: str, key: RootKey, passphrase: str) -> dict[str, Any]:
    """Sealed under a passphrase; at least 12 characters, because a laptop can be copied."""
    if len(passphrase) < 12:
        raise KeyRefused("The passphrase is too short; expected at least 12 characters.")
    how = {**ARGON2, "salt": _text(os.urandom(16))}
    return {**_slot("passphrase", operation, key, _stretched(passphrase, how)), "argon2": how}


def recovery_slot(operation: str, key: RootKey) -> tuple[dict[str, Any], str]:
    """A slot and the code that opens it, to be printed and locked away; shown once."""
    secret = os.urandom(20)
    code = base64.b32encode(secret).decode()
    words = "-".join(code[i : i + 4] for i in range(0, len(code), 4))
    return _slot("recovery", operation, key, derive(secret, "recovery")), words


def _slot(kind: str, operation: str, key: RootKey, kek: bytes) -> dict[str, Any]:
    slot = {"kind": kind, "id": str(uuid.uuid4()), "public": _text(_public(_private(kek))),
            "made": _today()}  # fmt: skip
    return {**slot, **_sealed_slot(operation, slot, key)}


def _curve() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import x25519
    except ModuleNotFoundError:
        raise OnwardError(MISSING_EXTRA) from None
    return x25519


def _private(kek: bytes) -> Any:
    return _curve().X25519PrivateKey.from_private_bytes(derive(kek, "slot"))


def _public(private: Any) -> bytes:
    return bytes(private.public_key().public_bytes_raw())


def _sealed_slot(operation: str, slot: Mapping[str, Any], key: RootKey) -> dict[str, str]:
    """The root key sealed to a slot's public key: a key made for this once, then AES-256-GCM."""
    curve, public = _curve(), _bytes(slot["public"])
    once = curve.X25519PrivateKey.generate()
    shared = once.exchange(curve.X25519PublicKey.from_public_bytes(public))
    place = f"{operation}/{slot['kind']}/{slot['id']}"
    with_key = derive(shared + _public(once) + public, "sealed to a slot")
    return {"once": _text(_public(once)), "sealed": _text(wrap(with_key, key.secret, place))}


def _from_slot(operation: str, slot: Mapping[str, Any], kek: bytes) -> RootKey:
    """The root key out of a slot; raises KeyRefused when this is not its key."""
    place = f"{operation}/{slot['kind']}/{slot['id']}"
    if "public" not in slot:  # made by an older version: sealed under the key itself
        return RootKey(unwrap(kek, _bytes(slot["sealed"]), place))
    private, once, public = _private(kek), _bytes(slot["once"]), _bytes(slot["public"])
    try:
        shared = private.exchange(_curve().X25519PublicKey.from_public_bytes(once))
    except ValueError:
        raise KeyRefused("A way in is damaged; use a backup of keys.json.") from None
    with_key = derive(shared + once + public, "sealed to a slot")
    return RootKey(unwrap(with_key, _bytes(slot["sealed"]), place))


def _stretched(passphrase: str, how: Mapping[str, Any]) -> bytes:
    from argon2.low_level import Type, hash_secret_raw

    return hash_secret_raw(
        passphrase.encode(), _bytes(how["salt"]), time_cost=int(how["time"]),
        memory_cost=int(how["memory_kib"]), parallelism=int(how["lanes"]),
        hash_len=KEY_BYTES, type=Type.ID,
    )  # fmt: skip


def open_slot(folder: Path, kind: str, kek_of: Any, wrong: str) -> RootKey:
    """The root key from the first slot of a kind that a key opens."""
    data = read(folder)
    for slot in data["slots"]:
        if slot["kind"] == kind:
            try:
                return _from_slot(data["operation"], slot, kek_of(slot))
            except KeyRefused:
                continue
    raise KeyRefused(wrong)


def with_key_file(folder: Path, path: Path) -> RootKey:
    secret = derive(read_key_file(path), "key-file")
    return open_slot(
        folder, "key-file", lambda slot: secret,
        f"The key file {path} does not open this operation; use the one made with it.",
    )  # fmt: skip


def with_passphrase(folder: Path, passphrase: str) -> RootKey:
    return open_slot(
        folder, "passphrase", lambda slot: _stretched(passphrase, slot["argon2"]),
        "That passphrase does not open this operation.",
    )  # fmt: skip


def with_recovery_code(folder: Path, code: str) -> RootKey:
    letters = "".join(code.upper().split()).replace("-", "")
    try:
        secret = base64.b32decode(letters)
    except ValueError:
        raise KeyRefused(
            "That is not a recovery code; expected eight groups of four."
        ) from None
    return open_slot(
        folder, "recovery", lambda slot: derive(secret, "recovery"),
        "That recovery code does not open this operation.",
    )  # fmt: skip


def add_slots(folder: Path, key: RootKey, slots: Sequence[Mapping[str, Any]]) -> None:
    """Add ways in; the key must open the keyring."""
    with changing(folder):
        opened(folder, key)
        data = read(folder)
        data["slots"] += list(slots)
        _write(folder / KEYS, data)


def drop_slots(folder: Path, key: RootKey, kind: str, *, but: Path | None = None) -> int:
    """Take away every way in of one kind; refuses to take the last way.

    but  a key file whose own way in stays
    """
    with changing(folder):
        opened(folder, key)
        data = read(folder)
        kept = [
            slot
            for slot in data["slots"]
            if slot["kind"] != kind or (but is not None and _opens(data, slot, but))
        ]
        if not kept:
            raise KeyRefused("That is the last way into this operation; add another one first.")
        gone = len(data["slots"]) - len(kept)
        _write(folder / KEYS, {**data, "slots": kept})
    return gone


def _opens(data: Mapping[str, Any], slot: Mapping[str, Any], key_file: Path) -> bool:
    try:
        _from_slot(data["operation"], slot, derive(read_key_file(key_file), "key-file"))
    except KeyRefused:
        return False
    return True


# ---------------------------------------------------------------------------------------------
# Custodians: two people together, neither alone
# ---------------------------------------------------------------------------------------------


def custodian_slot(operation: str, key: RootKey, recipients: Sequence[str]) -> dict[str, Any]:
    """The root key cut in as many shares as there are custodians, each sealed to one of them.

    recipients  age public keys ("age1…") of two or more people; all of them are needed
    """
    from pyrage import encrypt, x25519

    if len(set(recipients)) < 2:
        raise KeyRefused("Custodians are at least two different people, each with an age key.")
    try:
        people = [x25519.Recipient.from_str(text) for text in recipients]
    except Exception:
        raise KeyRefused("A custodian's key is not an age public key (age1…).") from None
    kek = os.urandom(KEY_BYTES)
    shares = [os.urandom(KEY_BYTES) for _ in people[1:]]
    last = kek
    for share in shares:
        last = bytes(a ^ b for a, b in zip(last, share, strict=True))
    slot = _slot("custodians", operation, key, derive(kek, "custodians"))
    slot["shares"] = [
        {"recipient": text, "sealed": _text(encrypt(share, [person]))}
        for text, person, share in zip(recipients, people, [*shares, last], strict=True)
    ]
    return slot


def open_share(folder: Path, identity: str) -> bytes:
    """One custodian's share, opened with their own age secret key."""
    from pyrage import decrypt, x25519

    try:
        me = x25519.Identity.from_str(identity.strip())
    except Exception:
        raise KeyRefused("That is not an age secret key (AGE-SECRET-KEY-…).") from None
    for slot in read(folder)["slots"]:
        for share in slot.get("shares", ()):
            if share["recipient"] == str(me.to_public()):
                try:
                    return decrypt(_bytes(share["sealed"]), [me])
                except Exception:
                    raise KeyRefused(
                        "That share is damaged; use a backup of keys.json."
                    ) from None
    raise KeyRefused("No share of this operation is sealed to that key.")


def with_shares(folder: Path, shares: Sequence[bytes]) -> RootKey:
    """The root key from every custodian's share together."""
    kek = bytes(KEY_BYTES)
    for share in set(shares):
        kek = bytes(a ^ b for a, b in zip(kek, share, strict=True))
    return open_slot(
        folder, "custodians", lambda slot: derive(kek, "custodians"),
        "These shares do not open this operation together: every custodian's is needed.",
    )  # fmt: skip
