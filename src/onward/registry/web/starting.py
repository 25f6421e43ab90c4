"""Django set up for the one operation this process serves, and put away again.

In comes a folder and its root key; afterwards Django is ready, the tables exist, and the start-up
checks have passed or the process has refused to go on. What is open is kept in `registry.site`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from onward.errors import OnwardError
from onward.registry import site
from onward.registry.database import local_disk
from onward.registry.encrypted import Encrypted
from onward.registry.keyring import keys
from onward.registry.keyring.keys import RootKey
from onward.registry.log.db_store import DatabaseStore
from onward.registry.operation import Operation
from onward.registry.settings import ENCRYPTED, SETTINGS, read_settings
from onward.registry.site import Site

DATABASE = "onward.db"


def open_site(folder: Path | str, *, key: RootKey, migrate: bool = True) -> Site:
    """Set Django up for one operation and check that it is safe to go on.

    migrate  bring the tables up to date (a new operation has none yet)
    raises   OnwardError: the packages are missing, the key is wrong, the store is not safe

    Opening another folder in the same process closes the one before.
    """
    folder = Path(folder).resolve()
    found = read_settings(folder / SETTINGS)
    if found.store == "files":
        raise OnwardError(
            f"{folder.name} keeps its record in plain files; the desk and the vault need the "
            "encrypted store. Make one with: onward new DIR"
        )
    if found.store == ENCRYPTED:
        local_disk.refuse_network(folder)
    with site.changing:
        if site.is_open():
            now = site.current()
            if now.folder == folder and now.root == key:
                return now
        close_site()
        opened = Site(
            folder=folder,
            operation=found.id,
            store=found.store,
            demonstration=found.demonstration,
            time_zone=found.time_zone,
            root=key,
            ring=keys.opened(folder, key),
            opened=Operation(
                folder,
                found,
                DatabaseStore(found.id, backdated=found.demonstration),
                keeping=Encrypted(),
            ),
        )
        if opened.ring.operation != opened.operation:
            raise OnwardError(
                "keys.json belongs to another operation; put this operation's own back."
            )
        site.hold(opened)
        try:
            _set_up(opened)
            if migrate:
                bring_up_to_date()
            check_store()
        except BaseException:
            close_site()
            raise
        return opened


def close_site() -> None:
    """Forget the operation and its keys; connections of this thread are closed."""
    if not site.is_open():
        return
    from django.conf import settings

    site.hold(None)  # first: what is forgotten below is not read again by another thread
    if settings.configured:
        from django.db import connections

        if (search := sys.modules.get("onward.registry.now.search")) is not None:
            search.forget()  # the names it decrypted

        for name in connections:
            connections[name].close()


def close_everywhere() -> None:
    """Forget the operation and its keys here, in every process that serves the same desk, and in
    the agent of a terminal."""
    from onward.registry.keyring import agent

    folder = site.current().folder
    close_site()
    site.lock_others()
    agent.lock(folder)


def _set_up(opened: Site) -> None:
    try:
        import django
        from django.conf import settings
    except ModuleNotFoundError:
        raise OnwardError(keys.MISSING_EXTRA) from None
    if not settings.configured:
        import onward.registry.web.settings as module

        values = {name: getattr(module, name) for name in dir(module) if name.isupper()}
        values["DATABASES"] = {"default": database_settings(opened)}
        values["SECRET_KEY"] = opened.derive("django secret").hex()
        settings.configure(**values)
        django.setup()
        from django.db.backends.signals import connection_created

        from onward.registry.database.postgres import on_connect

        connection_created.connect(on_connect, dispatch_uid="onward operation")
        return
    from django.db import connections

    settings.SECRET_KEY = opened.derive("django secret").hex()
    wanted = database_settings(opened)
    if settings.DATABASES["default"]["ENGINE"] != wanted["ENGINE"]:
        raise OnwardError("One process opens one kind of store; start another for this one.")
    default = connections.settings["default"]
    default.update(wanted)


def database_settings(opened: Site) -> dict[str, Any]:
    """Django's DATABASES entry for a site."""
    if opened.store == "encrypted":
        return {
            "ENGINE": "onward.registry.database.sqlcipher",
            "NAME": str(opened.folder / DATABASE),
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": None,
        }
    from onward.registry.database.postgres import database_settings as server_settings

    return server_settings(opened)


def bring_up_to_date() -> None:
    """Create or upgrade the tables; each step is one transaction."""
    from django.db import connection, transaction

    from onward.registry.database import upgrade

    waiting = upgrade.is_waiting()
    if connection.vendor == "postgresql":
        from onward.registry.database import postgres, walls

        with connection.cursor() as cursor:
            open_to_all = walls.without_operation(cursor)
        if not (waiting or open_to_all or os.environ.get(postgres.OWNER_VARIABLE)):
            return
        desk = connection.settings_dict["USER"]
        with postgres.as_owner(connection):
            if waiting:
                with connection.cursor() as cursor:
                    walls.drop_views(cursor)
                upgrade.migrate()
            # At once: in between, the desk's role would have lost a right or a table its guard.
            with transaction.atomic(), connection.cursor() as cursor:
                walls.add_partition(cursor, site.current().operation)
                walls.give_operation(cursor)
                walls.guard(cursor, desk)
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
        from onward.registry.database.server_checks import check_server

        check_server(connection)
