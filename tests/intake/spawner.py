"""Reads many files, each in its own locked process, without paying for a new Python each time.

Started by the fuzz tests as a program: takes one JSON line per file on standard input, forks,
locks the fork down exactly as `onward.intake.parse` locks itself, and answers with what it said,
how it ended, how long it took and how much memory it used.
"""

from __future__ import annotations

import base64
import encodings.idna  # noqa: F401
import io
import json
import os
import signal
import sys
import time
from xml.etree import ElementTree  # noqa: F401

import python_calamine  # noqa: F401

from onward.intake.parse.answers import ENCODINGS
from onward.intake.parse.walls import lock_down, serve

for name in (*ENCODINGS, "utf-8-sig"):
    "".encode(name)


def child(path: str, order: dict, out: int) -> None:
    source = os.open(path, os.O_RDONLY)
    os.dup2(source, 0)
    os.dup2(out, 1)
    sys.stdout = io.TextIOWrapper(
        os.fdopen(1, "wb", closefd=False), encoding="utf-8", errors="backslashreplace"
    )

    def say(line: dict) -> None:
        sys.stdout.write("#" + json.dumps(line, ensure_ascii=False) + "\n")

    lock_down(order["limits"]["memory_bytes"], order["limits"]["cpu_seconds"])
    serve(os.fdopen(0, "rb", closefd=False), order, say)
    sys.stdout.flush()


for line in sys.stdin:
    task = json.loads(line)
    begin = time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            child(task["path"], task["order"], writer)
        finally:
            os._exit(0)
    os.close(writer)
    signal.signal(signal.SIGALRM, lambda *_, pid=pid: os.kill(pid, signal.SIGKILL))
    signal.alarm(60)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    signal.alarm(0)
    answer = {
        "said": base64.b64encode(said).decode(),
        "status": status,
        "seconds": time.monotonic() - begin,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "memory_mb": usage.ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
