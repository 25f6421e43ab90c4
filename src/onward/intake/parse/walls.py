"""The walls of the locked room, and the one door a file comes in by."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from onward.intake.parse.answers import MEBIBYTE, Asked, Refused
from onward.intake.parse.delimited import read_text
from onward.intake.parse.objects import read_objects
from onward.intake.parse.workbook import read_workbook
from onward.said import Said

OLE_HEADER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def lock_down(memory_bytes: int, cpu_seconds: int) -> None:
    """Take away memory, time, files and connections. Everything needed is imported before."""
    try:
        # No new privileges, and a network of one's own with nobody in it, where the system
        # lets us. The file limit below is what is relied upon everywhere.
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)
        libc.unshare(0x40000000)
    except (OSError, AttributeError):
        pass
    os.closerange(3, 4096)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # With no free file number left, neither a file nor a connection can be opened.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _read_all(source: BinaryIO, limit: int) -> bytes:
    data = source.read(limit + 1)
    if len(data) > limit:
        raise Refused(
            Said("the file is larger than %(a)s MB", a=limit // MEBIBYTE),
            Said("at most %(a)s MB", a=limit // MEBIBYTE),
            "Split the list into several files.",
        )
    return data


def kind_of(data: bytes, name: str) -> str:
    """The kind of file by its content; its name only settles plain text."""
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if suffix in {"xlsm", "xltm", "xlam", "xlsb"}:
        raise Refused(
            Said(
                "a %(a)s file, which can hold macros or is not an open format", a=f".{suffix}"
            ),
            "a workbook without macros (.xlsx or .ods)",
            "Save it as .xlsx and load that.",
        )
    if not data.strip(b" \t\r\n\x00"):
        raise Refused("the file is empty", "a list with a header row")
    if data.startswith(OLE_HEADER):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise Refused(
                "the workbook is protected with a password",
                "a workbook without a password",
                "Remove the password in the spreadsheet program and save again.",
            )
        raise Refused(
            "an old binary workbook (.xls)",
            ".xlsx, .ods, .csv, .tsv or .jsonl",
            "Save it as .xlsx and load that.",
        )
    if data.startswith(b"PK"):
        return "zip"
    if data.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"\x1f\x8b")):
        raise Refused("not a list of any kind this room reads", ".xlsx, .ods, .csv or .jsonl")
    if suffix in {"xlsx", "ods"}:
        raise Refused(
            Said(
                "named %(a)s, but it is not a workbook (damaged, cut short, or renamed)",
                a=f".{suffix}",
            ),
            Said("a complete %(a)s file", a=f".{suffix}"),
            "Open it in the spreadsheet program, save it again, and load that.",
        )
    if suffix in {"json", "jsonl", "ndjson", "geojson"}:
        return "json"
    return "text"


def serve(
    source: BinaryIO, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> int:
    """Read one file and say what it is; every way of failing ends in one line."""
    try:
        data = _read_all(source, order["limits"]["file_bytes"])
        kind = kind_of(data, order["name"])
        {"zip": read_workbook, "json": read_objects, "text": read_text}[kind](data, order, say)
        say({"end": True})
    except Refused as refused:
        say({"refused": refused.told})
    except Asked as asked:
        say({"asked": asked.question})
    except (MemoryError, RecursionError):
        say({"refused": {"found": "memory", "allowed": "", "remedy": "", "where": ""}})
    except Exception:
        # Any other fault of a parser is the file's fault, never ours to show.
        say({"refused": {"found": "damaged", "allowed": "", "remedy": "", "where": ""}})
    sys.stdout.flush()
    return 0
