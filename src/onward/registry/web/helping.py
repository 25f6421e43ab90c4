"""A helper: a process that answers for the desk and does as the desk's own process says.

Started by `helpers` with the desk's socket and two wires; over one it asks, over the other it is
told. It ends when the wires are cut.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from onward.errors import OnwardError
from onward.registry import site
from onward.registry.keyring import keys
from onward.registry.keyring.keys import RootKey
from onward.registry.signing_in import counters
from onward.registry.web import serving, starting
from onward.registry.web.helpers import Wire


def main() -> None:
    listening, asks, orders = (socket.socket(fileno=int(name)) for name in sys.argv[1:4])
    for each in (listening, asks, orders):
        each.set_inheritable(
            False
        )  # what a helper starts gets neither the desk's port nor wires
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the desk, and by it the helpers
    asking, obeying = Wire(asks), Wire(orders)
    told = asking.hear()
    if told is None:
        return
    starting.open_site(
        Path(told["folder"]), key=RootKey(bytes.fromhex(told.pop("key"))), migrate=False
    )
    counters.keep_elsewhere(lambda method, given: asking.ask(["count", method, given]))
    site.tell(_Desk(asking))
    threading.Thread(target=_obey, args=(obeying,), daemon=True, name="orders").start()
    setup = serving.Setup(**{name: told[name] for name in serving.Setup.__dataclass_fields__})
    serving.answer(listening, setup)


@dataclass
class _Desk:
    """The desk's own process, for a helper."""

    asking: Wire

    def lock(self) -> None:
        self.asking.ask(["lock"])

    def renew(self) -> None:
        raise OnwardError("Keys are renewed in the desk's own process only.")


def _obey(orders: Wire) -> None:
    """Change the keys when told to; end with the desk."""
    while (secret := orders.hear()) is not None:
        if site.is_open():
            _renewed(secret)
        del secret
        orders.say({"answer": True})
    os._exit(0)


def _renewed(secret: str) -> None:
    """Keep other keys. A function of its own: no name of the thread that waits for orders refers
    to them, so that they are gone when they are put away."""
    here, root = site.current(), RootKey(bytes.fromhex(secret))
    here.ring, here.root = keys.opened(here.folder, root), root


if __name__ == "__main__":
    main()
