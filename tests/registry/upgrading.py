"""Kills an upgrade of the tables, again and again, and looks at what it left behind.

    python upgrading.py FOLDER LANDED SEED

The record is taken back to its first tables; a fork of this process then brings it up to date and is
killed. A kill has landed when the upgrade had begun and had not ended.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from onward.registry import open_operation
from onward.registry.keyring.keys import with_key_file
from onward.registry.log import verify
from onward.registry.permissions import grants
from onward.registry.web import starting

FIRST = "0002_append_only"


def main() -> None:
    folder, wanted, chance = (
        Path(sys.argv[1]),
        int(sys.argv[2]),
        random.Random(int(sys.argv[3])),
    )
    key = with_key_file(folder, folder.with_name(folder.name + ".key"))
    starting.open_site(folder, key=key)
    from onward.registry.permissions import accounts

    account, _ = accounts.create_account("amina", roles=["protection_officer"], office="camp-1")
    operation = open_operation(folder)
    names = operation.vault.get("H1-P1")
    events = operation.store.last_seq()
    from onward.registry.data_protection import own_words, rights
    from onward.registry.models import RightsRequest

    asked = rights.take(account, "H1-P1", "correction", language="fa")
    landed, tries, faults, between = 0, 0, [], set()
    back_to_the_first()
    whole = upgrade_takes()
    while landed < wanted and not faults and tries < wanted * 20:
        tries += 1
        if len(applied()) == len(every()):
            back_to_the_first()
        before = len(applied())
        reading, writing = os.pipe()
        close()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                os.write(writing, b"B")
                starting.bring_up_to_date()
                os.write(writing, b"A")
            finally:
                os._exit(0)
        os.close(writing)
        told = os.read(reading, 1)
        time.sleep(chance.random() * whole * 0.9)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while part := os.read(reading, 64):
            told += part
        os.close(reading)
        landed += told == b"B"
        found = applied()
        between.add(len(found))
        faults += looked_at(operation, account, events, names, found, before)
        if list(RightsRequest.objects.values_list("id", "kind", "due_on")) != [
            (asked.pk, "correction", asked.due_on)
        ]:
            faults.append("what a person asked about their own file was lost")
    starting.bring_up_to_date()
    said = own_words.words("names", "My name is spelt otherwise.")
    rights.take(account, "H1-P1", "correction", language="fa", words=said)
    kept = {own_words.opened(row) for row in RightsRequest.objects.all()}
    if kept != {None, said}:
        faults.append("after the upgrade a request does not keep what is said")
    if not grants.account_is_as_given(type(account).objects.get(username="amina")):
        faults.append("an account of before is not sealed after the upgrade")
    faults += verify.verify(operation, deep=False).findings
    json.dump({"landed": landed, "tries": tries, "faults": faults, "between": sorted(between)},
              sys.stdout)  # fmt: skip


def close() -> None:
    from django.db import connections

    connections["default"].close()
    del connections["default"]


def every() -> list[str]:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    found = MigrationLoader(connection).disk_migrations
    return sorted(name for application, name in found if application == "registry")


def applied() -> list[str]:
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    found = MigrationRecorder(connection).applied_migrations()
    return sorted(name for application, name in found if application == "registry")


def back_to_the_first() -> None:
    from django.core.management import call_command
    from django.db import connection

    from onward.registry.database import postgres, walls

    if connection.vendor != "postgresql":
        call_command("migrate", "registry", FIRST, verbosity=0)
        return
    with postgres.as_owner(connection):
        with connection.cursor() as cursor:
            walls.drop_views(cursor)
        call_command("migrate", "registry", FIRST, verbosity=0)


def upgrade_takes() -> float:
    start = time.monotonic()
    starting.bring_up_to_date()
    took = time.monotonic() - start
    back_to_the_first()
    return took


def looked_at(
    operation, account, events: int, names, found: list[str], before: int
) -> list[str]:
    """What is not as it must be: steps are whole, in order, and the record reads as before."""
    from django.db import connection

    faults = []
    if found != every()[: len(found)] or len(found) < before:
        faults.append(f"steps of the upgrade are missing in between: {found}")
    if operation.store.last_seq() != events:
        faults.append("events were lost")
    rows, heads = verify.read_rows(operation.store)
    faults += verify.log_findings(rows, heads, "meridian")[0] + verify._database_findings()
    if operation.vault.get("H1-P1") != names:
        faults.append("an identity does not open")
    # On a server the desk may read new tables once the upgrade has ended.
    sealed = connection.vendor == "sqlite" and any(name.startswith("0004") for name in found)
    if sealed and not grants.account_is_as_given(account):
        faults.append("the list of what was given is there in part")
    return faults


if __name__ == "__main__":
    main()
