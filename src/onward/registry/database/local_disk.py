"""Whether a folder lies on a disk of this machine.

Exists because the embedded record needs locks and shared memory that file systems of other machines
do not keep: two desks would write over each other, and a record would be lost without a sign. In comes
a folder, out goes the kind of network file system it lies on, if the machine says so.
"""

from __future__ import annotations

import re
from pathlib import Path

from onward.errors import OnwardError

MOUNTS = Path("/proc/self/mountinfo")
"""What is mounted where, as Linux tells it (proc_pid_mountinfo(5)). Elsewhere nothing is known."""

NETWORK = frozenset({
    "9p", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs", "gfs2", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "vmhgfs",
})  # fmt: skip
"""File systems of other machines, or shared with them."""

BY_PROGRAM = ("fuse.", "fuseblk.")
LOCAL_PROGRAMS = frozenset({
    "bindfs", "cryfs", "encfs", "ext2", "exfat", "fuse-overlayfs", "gocryptfs", "mergerfs", "ntfs", "ntfs-3g",
    "securefs", "veracrypt", "zfs",
})  # fmt: skip
"""File systems of a program that keep their files on a disk beside it; others may be anywhere."""


def refuse_network(folder: Path) -> None:
    """Raise OnwardError when a folder is not on a disk of this machine."""
    if kind := network_kind(folder):
        raise OnwardError(
            f"{folder.name} lies on a network file system ({kind}). The embedded record must be on a "
            "disk of this machine: over a network, writing at the same time can damage it. Move the "
            "folder to a local disk; for several desks, keep the record on a PostgreSQL server "
            "(store in operation.toml)."
        )


def network_kind(folder: Path) -> str:
    """The kind of network file system a folder lies on; "" when it is none, or not known."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    here, longest, kind = folder.resolve(), -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        if not after:
            continue
        point = Path(_plain(before.split(" ")[4]))
        # Of two mounted at one place the later one is seen.
        if here.is_relative_to(point) and len(point.parts) >= longest:
            longest, kind = len(point.parts), after.split(" ")[0]
    return kind if _is_network(kind) else ""


def _is_network(kind: str) -> bool:
    for start in BY_PROGRAM:
        if kind.startswith(start):
            return kind.removeprefix(start) not in LOCAL_PROGRAMS
    return kind in NETWORK


def _plain(text: str) -> str:
    """A path as it is: blanks and the like stand in it as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
