"""The one operation this process serves, and Django set up for it.

Exists because the settings of a web framework are global while an operation is a folder: one
process opens one operation. In comes a folder and its root key; afterwards Django is ready, the
tables exist, and the start-up checks have passed or the process has refused to go on.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from onward.errors import OnwardError
from onward.registry.keyring import keys
from onward.registry.keyring.keys import RootKey

if TYPE_CHECKING:
    from onward.registry.operation import Operation

DATABASE = "onward.db"


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

    opened: Any = field(default=None, repr=False)

    def database_key(self) -> bytes:
        """The key of the embedded database file."""
        return self.ring.file_key

    def derive(self, purpose: str) -> bytes:
        """A key for one purpose that stays when the root key is renewed."""
        return keys.derive(self.ring.inner, purpose)


_current: Site | None = None
_lock = threading.RLock()


def current() -> Site:
    """The operation that is open; raises when none is."""
    if _current is None:
        raise OnwardError("No operation is open in this process.")
    return _current


def operation() -> Operation:
    """The operation that is open, as every room knows it; one object for the process."""
    site = current()
    if site.opened is None:
        from onward.registry.operation import open_operation

        site.opened = open_operation(site.folder)
    found: Operation = site.opened
    return found


def is_open() -> bool:
    return _current is not None


def open_site(folder: Path | str, *, key: RootKey, migrate: bool = True) -> Site:
    """Set Django up for one operation and check that it is safe to go on.

    migrate  bring the tables up to date (a new operation has none yet)
    raises   OnwardError: the packages are missing, the key is wrong, the store is not safe

    Opening another folder in the same process closes the one before.
    """
    global _current
    from onward.registry.operation import SETTINGS, read_settings

    folder = Path(folder).resolve()
    found = read_settings(folder / SETTINGS)
    if found.store == "files":
        raise OnwardError(
            f"{folder.name} keeps its record in plain files; the desk and the vault need the "
            "encrypted store. Make one with: onward new DIR"
        )
    with _lock:
        if _current is not None and _current.folder == folder and _current.root == key:
            return _current
        close_site()
        site = Site(
            folder=folder,
            operation=found.id,
            store=found.store,
            demonstration=found.demonstration,
            time_zone=found.time_zone,
            root=key,
            ring=keys.opened(folder, key),
        )
        if site.ring.operation != site.operation:
            raise OnwardError(
                "keys.json belongs to another operation; put this operation's own back."
            )
        _current = site
        try:
            _set_up(site)
            if migrate:
                bring_up_to_date()
            check_store()
        except BaseException:
            close_site()
            raise
        return site


def close_site() -> None:
    """Forget the operation and its keys; connections of this thread are closed."""
    global _current
    if _current is None:
        return
    from django.conf import settings

    _current = None  # first: what is forgotten below is not read again by another thread
    if settings.configured:
        from django.db import connections

        if (search := sys.modules.get("onward.registry.now.search")) is not None:
            search.forget()  # the names it decrypted

        for name in connections:
            connections[name].close()


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


def close_everywhere() -> None:
    """Forget the operation and its keys here, in every process that serves the same desk, and in
    the agent of a terminal."""
    from onward.registry.keyring import agent

    folder = current().folder
    close_site()
    if _others is not None:
        _others.lock()
    agent.lock(folder)


def keep(ring: keys.Opened, root: RootKey) -> None:
    """Keep other keys from now on, here and in every process that serves the same desk."""
    site = current()
    site.ring, site.root = ring, root
    if _others is not None:
        _others.renew()


def _set_up(site: Site) -> None:
    try:
        import django
        from django.conf import settings
    except ModuleNotFoundError:
        raise OnwardError(keys.MISSING_EXTRA) from None
    if not settings.configured:
        import onward.registry.web.settings as module

        values = {name: getattr(module, name) for name in dir(module) if name.isupper()}
        values["DATABASES"] = {"default": database_settings(site)}
        values["SECRET_KEY"] = site.derive("django secret").hex()
        settings.configure(**values)
        django.setup()
        from django.db.backends.signals import connection_created

        from onward.registry.database.postgres import on_connect

        connection_created.connect(on_connect, dispatch_uid="onward operation")
        return
    from django.db import connections

    settings.SECRET_KEY = site.derive("django secret").hex()
    wanted = database_settings(site)
    if settings.DATABASES["default"]["ENGINE"] != wanted["ENGINE"]:
        raise OnwardError("One process opens one kind of store; start another for this one.")
    default = connections.settings["default"]
    default.update(wanted)


def database_settings(site: Site) -> dict[str, Any]:
    """Django's DATABASES entry for a site."""
    if site.store == "encrypted":
        return {
            "ENGINE": "onward.registry.database.sqlcipher",
            "NAME": str(site.folder / DATABASE),
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": None,
        }
    from onward.registry.database.postgres import database_settings as server_settings

    return server_settings(site)


def bring_up_to_date() -> None:
    """Create or upgrade the tables; each step is one transaction."""
    from django.db import connection, transaction

    from onward.registry.database import upgrade

    waiting = upgrade.is_waiting()
    if connection.vendor == "postgresql":
        from onward.registry.database import postgres

        with connection.cursor() as cursor:
            open_to_all = postgres.without_operation(cursor)
        if not (waiting or open_to_all or os.environ.get(postgres.OWNER_VARIABLE)):
            return
        desk = connection.settings_dict["USER"]
        with postgres.as_owner(connection):
            if waiting:
                with connection.cursor() as cursor:
                    postgres.drop_views(cursor)
                upgrade.migrate()
            # At once: in between, the desk's role would have lost a right or a table its guard.
            with transaction.atomic(), connection.cursor() as cursor:
                postgres.add_partition(cursor, current().operation)
                postgres.give_operation(cursor)
                postgres.guard(cursor, desk)
    elif waiting:
        upgrade.migrate()


def check_store() -> None:
    """Refuse to go on with a store that is not set as it must be; says what is wrong."""
    from django.db import connection

    if connection.settings_dict.get("ATOMIC_REQUESTS"):
        raise OnwardError("ATOMIC_REQUESTS is on: every page would hold the only writer.")
    if connection.vendor == "sqlite":
        from onward.registry.database.sqlcipher import base

        found = base.settings_of(connection)
        wrong = {name: found[name] for name, want in base.WANTED.items() if found[name] != want}
        if wrong:
            raise OnwardError(
                "The record is not opened safely: "
                + "; ".join(f"{name} is {value}" for name, value in wrong.items())
                + ". The folder must be on a local disk."
            )
        if (
            connection.transaction_mode != "IMMEDIATE"
            or connection.settings_dict["OPTIONS"]["timeout"] < 20
        ):
            raise OnwardError(
                "The embedded store needs IMMEDIATE transactions and 20 s patience."
            )
    else:
        from onward.registry.database.postgres import check_server

        check_server(connection)
