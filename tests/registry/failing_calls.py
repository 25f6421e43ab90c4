"""Makes the system's own calls fail, for this process from now on: what a bad disk does.

A filter of the kernel (seccomp) answers chosen calls with an error; the library underneath sees
exactly what it would see from a failing disk. It cannot be taken off, so a fork puts it on.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

CALLS = {
    "x86_64": {"fsync": 74, "fdatasync": 75, "pwrite64": 18},
    "aarch64": {"fsync": 82, "fdatasync": 83, "pwrite64": 68},
}[platform.machine()]
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOWED, ERROR = 0x7FFF0000, 0x00050000
NUMBER, OFFSET = 0, 16 + 3 * 8
"""Where a call's number and its fourth argument's low half lie."""


def syncing() -> None:
    """Every fsync and fdatasync fails with EIO."""
    _put_on(
        [
            (LOAD, 0, 0, NUMBER),
            (EQUAL, 1, 0, CALLS["fsync"]),
            (EQUAL, 0, 1, CALLS["fdatasync"]),
            (RETURN, 0, 0, ERROR | errno.EIO),
            (RETURN, 0, 0, ALLOWED),
        ]
    )


def writing_beyond(place: int) -> None:
    """Every write at or after this place of any file fails: the disk is full."""
    _put_on(
        [
            (LOAD, 0, 0, NUMBER),
            (EQUAL, 0, 3, CALLS["pwrite64"]),
            (LOAD, 0, 0, OFFSET),
            (AT_LEAST, 0, 1, place),
            (RETURN, 0, 0, ERROR | errno.ENOSPC),
            (RETURN, 0, 0, ALLOWED),
        ]
    )


def _put_on(steps: list[tuple[int, int, int, int]]) -> None:
    program = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(program)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    asked = Program(len(steps), ctypes.addressof(held))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(38, 1, 0, 0, 0) or library.prctl(22, 2, ctypes.byref(asked), 0, 0):
        raise OSError(ctypes.get_errno(), "the system takes no filter of calls")
