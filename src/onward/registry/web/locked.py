"""What is left of a desk whose keys were put away: a page that says so, in a process that knows nothing.

Exists because forgetting is not enough: other threads' connections hold the file's key, and names
lie in memory that was given back and not overwritten. The desk's process becomes this one
(`become`), with the same number and the same listening socket; the kernel takes the old memory and
every connection away, also in the middle of long work. Nothing is undone by that: what was being
recorded is whole or not there, as after a crash. No framework is loaded.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TEXT = b"Locked. Whoever holds the key starts it again.\n"


class _Locked(BaseHTTPRequestHandler):
    """The same answer to everybody; nothing that was sent is looked at."""

    timeout = 5.0
    server_version, sys_version = "", ""

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.recv(65536)
            self.connection.sendall(
                b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
                b"Cache-Control: no-store, private\r\nX-Content-Type-Options: nosniff\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(TEXT), TEXT)
            )
        self.close_connection = True


def become(listening: socket.socket) -> None:
    """Turn this process into one that only says that it is locked. Does not return."""
    try:
        for task in Path("/proc/self/task").glob("*/children"):
            for child in task.read_text().split():
                os.kill(int(child), signal.SIGKILL)  # it reads a list, or made pages as well
    except OSError:
        pass  # no such folder on this system: they end with their pipes
    try:
        listening.set_inheritable(True)
        # Nor does what it was started with stay: a key file's place, a server's password.
        left = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "ONWARD"))
        }
        told = [sys.executable, "-P", "-m", __name__, str(listening.fileno())]
        os.execve(sys.executable, told, left)
    finally:
        os._exit(os.EX_OSERR)


def main() -> None:
    # Begun behind other work a process ignores Ctrl-C unless told otherwise.
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.default_int_handler)
    listening = socket.socket(fileno=int(sys.argv[1]))
    listening.setblocking(True)
    server = ThreadingHTTPServer(("", 0), _Locked, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    print(
        "The keys were put away. Nobody can read anything here until whoever holds the key stops "
        "this (Ctrl-C) and starts it again.",
        file=sys.stderr,
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
