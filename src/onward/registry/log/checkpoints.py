"""Signed statements of how long the log is and what its root is, to be held by somebody else.

Exists because the tree over the log only proves something against a root that its keeper cannot
change afterwards. A checkpoint is the text form that transparency logs use (C2SP tlog-checkpoint
and signed-note, Ed25519), so that others' tools read it; its lines are printed on every report
and export, and every copy outside is a witness. It says nothing about whether events are true,
nor about anything after it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from onward.errors import OnwardError

ED25519 = b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint says.

    origin    "onward/<operation>"
    size      events in the log
    root      root of the tree over them
    recorded  instant of the last of them
    grants    "given", the number of lines in the list of who was given what, and the last one's seal
    """

    origin: str
    size: int
    root: bytes
    recorded: str = ""
    grants: str = ""

    def body(self) -> str:
        """The signed lines."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode()]
        more = [text for text in (self.recorded, self.grants) if text]
        return "\n".join([*lines, *more]) + "\n"

    def given(self) -> tuple[int, bytes] | None:
        """The number of lines in the list of who was given what, and the last one's seal."""
        try:
            _, number, seal = self.grants.split(" ")
            return int(number), base64.b64decode(seal, validate=True)
        except ValueError:
            return None


class NotACheckpoint(OnwardError):
    """A text that is no checkpoint, or whose signature is not this operation's."""


def origin_of(operation: str) -> str:
    return f"onward/{operation}"


def verifier_key(origin: str, public: bytes) -> str:
    """The public key as text, to be given out with the first report: name+id+key."""
    return f"{origin}+{_key_id(origin, public).hex()}+{base64.b64encode(ED25519 + public).decode()}"


def public_of(text: str) -> tuple[str, bytes]:
    """(origin, public key) of a verifier key; raises NotACheckpoint."""
    origin, _, rest = text.strip().partition("+")
    name, _, key = rest.partition("+")
    try:
        data = base64.b64decode(key, validate=True)
    except ValueError:
        data = b""
    if len(data) != 33 or data[:1] != ED25519 or _key_id(origin, data[1:]).hex() != name:
        raise NotACheckpoint("That is not a verifier key; expected onward/NAME+ID+KEY.")
    return origin, data[1:]


def _key_id(origin: str, public: bytes) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n" + ED25519 + public).digest()[:4]


def sign(checkpoint: Checkpoint, seed: bytes) -> str:
    """The checkpoint with its signature, as kept and printed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    body = checkpoint.body()
    signature = _key_id(checkpoint.origin, public) + key.sign(body.encode())
    return f"{body}\n— {checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def read(text: str) -> Checkpoint:
    """What a checkpoint says, its signature not looked at; raises NotACheckpoint."""
    body, _, _ = text.replace("\r\n", "\n").strip("\n").partition("\n\n")
    lines = body.split("\n")
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError):
        raise NotACheckpoint(_EXPECTED) from None
    if not re.fullmatch(r"onward/\S+", origin) or size < 0 or len(root) != 32:
        raise NotACheckpoint(_EXPECTED)
    said = lines[3:]
    grants = next((text for text in said if text.startswith("given ")), "")
    recorded = next((text for text in said if not text.startswith("given ")), "")
    return Checkpoint(origin, size, root, recorded, grants)


_EXPECTED = (
    "That is not a checkpoint; expected the lines printed at the end of a report: onward/NAME, a "
    "number of events, a root, an instant, an empty line and a signature."
)


def check(text: str, public: bytes) -> Checkpoint:
    """What a checkpoint says, when its signature is by this key; raises NotACheckpoint."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    found = read(text)
    wanted = _key_id(found.origin, public)
    for line in text.splitlines():
        word = line.split(" ")
        if len(word) != 3 or word[0] not in ("—", "-") or word[1] != found.origin:
            continue
        try:
            data = base64.b64decode(word[2], validate=True)
        except ValueError:
            continue
        if data[:4] != wanted:
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(public)
            key.verify(data[4:], found.body().encode())
        except InvalidSignature:
            break
        return found
    raise NotACheckpoint(
        "The checkpoint is not signed by this operation's key: it was altered, or it belongs to "
        "another operation."
    )


def text_of(given: str) -> str:
    """A checkpoint given as a file or as text."""
    path = Path(given)
    try:
        if "\n" not in given and path.is_file():
            return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotACheckpoint(f"{path.name} cannot be read as a checkpoint.") from None
    if "\n" not in given:
        raise NotACheckpoint(f"{path.name} was not found. {_EXPECTED}")
    return given
