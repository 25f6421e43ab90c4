"""What may never reach a cluster, and what a cluster must promise before it is given anything.

Exists because a cluster has more disks, wires and readers than one machine. Goes in: the names
of columns about to be sent, and the settings a session really runs with. Comes out: nothing, or
a refusal. The settings are asserted on the running session and not only asked for, because a
cluster's own configuration can win over what an application asks.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from onward.errors import Fault, OnwardError

# Words that make a column one about identity. Events refuse facts with these names too: this is
# the second lock on the same door, so that a table made some other way is stopped as well.
_IDENTITY = re.compile(
    r"(^|_)(name|names|surname|forename|firstname|lastname|fullname|alias|nickname|"
    r"phone|telephone|mobile|email|e_mail|address|passport|id_card|national_id|"
    r"document_number|card_number|photo|picture|fingerprint|iris|biometric|signature|"
    r"narrative|story|notes?|comments?|free_text)($|_)"
)

REQUIRED: Mapping[str, str] = {
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.io.encryption.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.eventLog.enabled": "false",
}
"""What a session must run with: every wire authenticated and encrypted, every shuffle, spill and
cached block encrypted on disk, no page and no log that shows what is computed."""


class IdentityRefused(OnwardError):
    """Something about identity was about to be sent to a cluster."""


class ClusterRefused(OnwardError):
    """The cluster does not promise what people's data needs."""


def refuse_identity(table: str, schema: pa.Schema) -> None:
    """Raise IdentityRefused when a column would name, show or find a human.

    Yes or no (`photo_taken`), a code or a date says something about a person and names nobody;
    text, bytes and long numbers under such a name would.
    """
    faults = [
        Fault("", f"table {table}", field.name, "a column of the vault's kind",
              "pseudonymous events only",
              "Identity stays in the operation's vault and is never computed with.")
        for field in schema
        if _IDENTITY.search(field.name.lower()) and _can_hold(field.type)
    ]  # fmt: skip
    if faults:
        raise IdentityRefused("\n".join(str(fault) for fault in faults))


def _can_hold(kind: pa.DataType) -> bool:
    """Whether a name, a document number or a contact could stand in a column of this type."""
    is_ = pa.types
    small = (is_.is_boolean, is_.is_int8, is_.is_int16, is_.is_int32, is_.is_date)
    return not any(test(kind) for test in small)


def require_private(running: Mapping[str, str]) -> None:
    """Raise ClusterRefused unless a session's real settings keep people's data private."""
    missing = [
        f"{name} is {running.get(name, 'not set')}; expected {wanted}"
        for name, wanted in REQUIRED.items()
        if running.get(name, "").lower() != wanted
    ]
    if missing:
        raise ClusterRefused(
            "This Spark session would leave people's data readable, so nothing was sent to it: "
            f"{'; '.join(missing)}. Start the cluster with tools/spark-cluster.sh, or set these "
            "in its spark-defaults.conf (docs/how-to/run-on-spark.md)."
        )


class PrivateFolder:
    """A folder only this user can enter, gone when it is no longer needed.

    What a process that was killed could not remove, the next one does.
    """

    def __init__(self, root: Path | None = None) -> None:
        root = root or Path(tempfile.gettempdir())
        for left in root.glob("onward-spark-*-*"):
            owner = left.name.split("-")[2]
            mine = left.stat().st_uid == os.getuid()
            if mine and owner.isdigit() and not _running(int(owner)):
                shutil.rmtree(left, ignore_errors=True)
        name = f"onward-spark-{os.getpid()}-"
        self.path = Path(tempfile.mkdtemp(prefix=name, dir=root))
        os.chmod(self.path, stat.S_IRWXU)

    def write(self, name: str, text: str) -> Path:
        """A file in it that only this user can read."""
        path = self.path / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def secret_of(file: Path) -> str:
    """The cluster's secret, from a file that only its owner may read.

    Never an option or a variable: both are seen by everybody who can list processes.
    """
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise OnwardError(
            f"The cluster's secret is not in {file}. tools/spark-cluster.sh start writes it; "
            "for a cluster of your own, put the value of spark.authenticate.secret there."
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise OnwardError(f"{file} can be read by others; run: chmod 600 {file}")
    if len(text) < 32:
        raise OnwardError(f"{file}: the secret is too short; expected 32 characters or more.")
    return text


def new_secret() -> str:
    """A secret for a session or cluster of this machine alone."""
    return secrets.token_hex(32)


__all__ = [
    "REQUIRED", "ClusterRefused", "IdentityRefused", "PrivateFolder", "new_secret",
    "refuse_identity", "require_private", "secret_of",
]  # fmt: skip
