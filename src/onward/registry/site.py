"""The one operation that this process has open, and the keys it is open with.

Exists because the settings of a web framework are global while an operation is a folder: one
process opens one operation, and whoever reads or writes its record asks here which. It is opened
and closed by `registry.web.starting`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from onward.errors import OnwardError
from onward.registry.keyring import keys
from onward.registry.keyring.keys import RootKey

if TYPE_CHECKING:
    from onward.registry.operation import Operation


@dataclass
class Site:
    """What `settings.py`, the backend and the managers read."""

    folder: Path
    operation: str
    store: str
    demonstration: bool
    time_zone: str
    root: RootKey = field(repr=False)
    ring: keys.Opened = field(repr=False)

    opened: Operation = field(repr=False)

    def database_key(self) -> bytes:
        """The key of the embedded database file."""
        return self.ring.file_key

    def derive(self, purpose: str) -> bytes:
        """A key for one purpose that stays when the root key is renewed."""
        return keys.derive(self.ring.inner, purpose)


_current: Site | None = None
changing = threading.RLock()
"""Held while an operation is opened. Closing never waits for it: keys are put away at once."""


def current() -> Site:
    """The operation that is open; raises when none is."""
    if _current is None:
        raise OnwardError("No operation is open in this process.")
    return _current


def operation() -> Operation:
    """The operation that is open, as every room knows it; one object for the process."""
    return current().opened


def is_open() -> bool:
    return _current is not None


def hold(site: Site | None) -> None:
    """Have this operation open from now on, or none."""
    global _current
    _current = site


class Others(Protocol):
    """The other processes that answer for the same desk."""

    def lock(self) -> None:
        """End each, and the memory of the desk's own as soon as the answer is sent."""

    def renew(self) -> None:
        """Have each keep the keys that this process keeps now."""


_others: Others | None = None


def tell(others: Others | None) -> None:
    """Whom to tell when the keys are put away or renewed here."""
    global _others
    _others = others


def lock_others() -> None:
    """End the other processes that answer for the same desk."""
    if _others is not None:
        _others.lock()


def keep(ring: keys.Opened, root: RootKey) -> None:
    """Keep other keys from now on, here and in every process that serves the same desk."""
    site = current()
    site.ring, site.root = ring, root
    if _others is not None:
        _others.renew()
