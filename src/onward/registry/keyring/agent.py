"""Holds the key of an unlocked operation for a while, for scheduled and repeated commands.

Exists so that a passphrase is typed once and never stored. A small process of the same user
answers on a socket that only this user can reach, in a folder only this user can enter; it asks
the kernel who is calling, and ends by itself.
"""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
import sys
import time
from pathlib import Path

from onward.errors import OnwardError
from onward.registry.keyring.keys import KEY_BYTES, RootKey

MINUTES = 60
LONGEST_SOCKET = 107
"""Bytes of a socket's path that Linux takes."""


def socket_path(folder: Path) -> Path:
    """Where the agent of an operation listens."""
    base = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/onward-{os.getuid()}"
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
    return Path(base) / "onward" / f"{name}.sock"


def key_of(folder: Path) -> RootKey | None:
    """The key the agent holds for a folder, or None when there is no agent."""
    path = socket_path(folder)
    try:
        if path.stat().st_uid != os.getuid():
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(2)
            client.connect(str(path))
            if _peer(client) != os.getuid():
                return None
            client.sendall(b"key\n")
            found = b""
            while len(found) < KEY_BYTES and (part := client.recv(KEY_BYTES - len(found))):
                found += part
    except OSError:
        return None
    return RootKey(found) if len(found) == KEY_BYTES else None


def lock(folder: Path) -> bool:
    """End the agent; whether there was one."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(2)
            client.connect(str(socket_path(folder)))
            client.sendall(b"end\n")
            client.recv(1)
        return True
    except OSError:
        return False


def start(folder: Path, key: RootKey, *, minutes: float = MINUTES) -> None:
    """Leave a process behind that holds the key; returns when it answers."""
    lock(folder)
    path = socket_path(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in (path.parent, path.parent.parent):
        found = place.stat()
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022:
            raise OnwardError(
                f"{place} belongs to somebody else or can be written by others; the agent would "
                "not be safe there. Set XDG_RUNTIME_DIR to a folder of your own."
            )
    if len(os.fsencode(path)) > LONGEST_SOCKET:
        raise OnwardError(
            f"{path.parent} is too long a path for a socket. Set XDG_RUNTIME_DIR to a shorter one."
        )
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        server.bind(str(path))
    finally:
        os.umask(before)
    server.listen(8)
    if os.fork():
        server.close()
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    _serve(server, path, key, time.monotonic() + minutes * 60)
    os._exit(0)


def _serve(server: socket.socket, path: Path, key: RootKey, until: float) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.chdir("/")
    try:
        while (left := until - time.monotonic()) > 0:
            server.settimeout(left)
            try:
                client, _ = server.accept()
            except TimeoutError:
                break
            with client:
                client.settimeout(2)
                try:
                    if _peer(client) != os.getuid():
                        continue
                    word = client.recv(8)
                    if word == b"key\n":
                        client.sendall(key.secret)
                    elif word == b"end\n":
                        path.unlink(missing_ok=True)
                        client.sendall(b".")
                        return
                except OSError:
                    continue
    finally:
        path.unlink(missing_ok=True)


def _peer(connection: socket.socket) -> int:
    """The user at the other end, as the kernel says."""
    if sys.platform == "linux":
        data = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        return int(struct.unpack("3i", data)[1])
    return os.getuid()
