"""Kills a desk at work, again and again, and looks at what it left behind.

    python killing.py FOLDER LANDED SEED

A kill has landed when the desk had begun to write something and had not yet confirmed it. The
desk is a fork of this process, so that a thousand of them cost minutes. Prints what was found.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from onward.caseload.events import Subject, new_event
from onward.registry import open_operation, site
from onward.registry.identities.vault_db import EncryptedVault
from onward.registry.importing.commit import Importer
from onward.registry.keyring import keys
from onward.registry.keyring.keys import with_key_file
from onward.registry.log import verify
from onward.registry.web import starting

BATCH = 5
KINDS = ("events", "events", "names", "keys", "erase", "list", "asked")
LISTS = "lists"
LISTED = 40
LIST_PROFILE = """
profile: killed
numbers: killed
rows: people
file: {encoding: utf-8, delimiter: comma}
date_order: year-month-day
columns: {no: person, family: household, name: name.full, born: birth, relation: role, from: effective}
constants: {country_of_origin: XAA, stage: return_cleared}
"""


def main() -> None:
    folder, wanted, chance = (
        Path(sys.argv[1]),
        int(sys.argv[2]),
        random.Random(int(sys.argv[3])),
    )
    key = with_key_file(folder, folder.with_name(folder.name + ".key"))
    starting.open_site(folder, key=key)
    operation = open_operation(folder)
    rulebook = operation.rulebook
    custodian()
    officer()
    close()
    landed, kills, faults, acknowledged = 0, 0, [], set()
    by_kind: dict[str, int] = {}
    while landed < wanted and not faults:
        kills += 1
        kind, number = chance.choice(KINDS), kills
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                work(operation, rulebook, kind, number, writing)
            finally:
                os._exit(0)
        os.close(writing)
        told = os.read(reading, 1)
        time.sleep(chance.random() * (0.09 if kind == "list" else 0.012))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while part := os.read(reading, 4096):
            told += part
        os.close(reading)
        if told.endswith(b"B"):
            landed += 1
            by_kind[kind] = by_kind.get(kind, 0) + 1
        if kind == "events":
            acknowledged |= {f"kill-{number}-{n}" for n in range(told.count(b"A"))}
        faults += looked_at(operation, folder, acknowledged, deep=kills % 25 == 0)
        close()
    json.dump(
        {"landed": landed, "kills": kills, "faults": faults, "kinds": by_kind}, sys.stdout
    )


def close() -> None:
    from django.db import connections

    connections["default"].close()
    del connections["default"]


def work(operation, rulebook, kind: str, number: int, pipe: int) -> None:
    """Do one kind of thing over and over, saying before and after each."""
    maker, vault = random.Random(f"{number}"), EncryptedVault()
    if kind == "list":
        return bring_lists(operation, number, pipe)
    for round_ in range(10_000):
        batch = f"kill-{number}-{round_}"
        events = [
            new_event(
                rulebook, operation="meridian", subject=Subject("person", f"{batch}-{n}"),
                kind="registered", effective="2026-06-01", by="desk", random=maker,
                instant=datetime.now(UTC), idempotency_key=f"{batch}/{n}",
            )
            for n in range(BATCH)
        ]  # fmt: skip
        os.write(pipe, b"B")
        if kind == "events":
            operation.store.append(events)
        elif kind == "names":
            vault.put(
                {f"named-{n}": {"name.full.latin": batch, "notes": batch} for n in range(3)}
            )
        elif kind == "keys":
            renew()
        elif kind == "asked":
            ask(batch)
        else:
            person = f"erased-{batch}"
            vault.put({person: {"name.full.latin": "Invented"}})
            vault.erase(person, by="desk")
        os.write(pipe, b"A")


def custodian():
    """Who asks for the keys to be renewed on the page; made once."""
    from onward.registry.models import Account
    from onward.registry.permissions import accounts

    found = Account.objects.filter(username="kay").first()
    return found or accounts.create_account("kay", roles=["custodian"])[0]


def officer():
    """Who takes what people ask about their own file; made once."""
    from onward.registry.models import Account
    from onward.registry.permissions import accounts

    found = Account.objects.filter(username="amina").first()
    roles, office = ["protection_officer"], "camp-1"
    return found or accounts.create_account("amina", roles=roles, office=office)[0]


def ask(words: str) -> None:
    """Somebody without a key of their own yet asks for a correction, in words of their own."""
    from onward.registry.data_protection import own_words, rights

    said = own_words.words("names", words, words)
    rights.take(officer(), "H2-P1", "correction", language="fa", words=said)


def requests_looked_at() -> list[str]:
    """Whether every request is there with all its words, or not at all."""
    from onward.registry.data_protection import own_words
    from onward.registry.models import RightsRequest

    said = [own_words.opened(row) for row in RightsRequest.objects.all()]
    if any(each is None or each.wrong != each.right for each in said):
        return ["a request is there without what the person said"]
    return []


def renew() -> None:
    """As the server does it that is started after a kill: what ran is marked, then asked again."""
    from onward.registry.web import jobs

    by = custodian()
    jobs.interrupted()
    jobs.ask(by, jobs.RENEW, {"by": by.account_id})
    while jobs.run_next() is not None:
        pass


def bring_lists(operation, number: int, pipe: int) -> None:
    """Import one list of invented people after another: names and events in each."""
    folder = operation.path.parent
    (folder / "killed.yaml").write_text(LIST_PROFILE, "utf-8")
    importer = Importer(operation, by=LISTS)
    for round_ in range(10_000):
        rows = "".join(
            f"{number}-{round_}-{n},,Invented {number} {round_},1980,head,2026-01-01\n"
            for n in range(LISTED)
        )
        (folder / "killed.csv").write_text(
            f"no,family,name,born,relation,from\n{rows}", "utf-8"
        )
        checked = importer.check(folder / "killed.csv", folder / "killed.yaml")
        os.write(pipe, b"B")
        importer.commit(checked)
        os.write(pipe, b"A")


def lists_looked_at(rows) -> list[str]:
    """Whether every list is there with all its people and all their names, or not at all."""
    from onward.registry.models.vault import Identity

    people: dict[str, list[str]] = {}
    for row in rows:
        if row["by_whom"] == LISTS and row["subject_kind"] == "person":
            people.setdefault(row["recorded"], []).append(row["subject_id"])
    everyone = [person for found in people.values() for person in found]
    named = {
        person
        for person, fields in EncryptedVault().read(everyone).items()
        if fields.get("name.full.Latn", "").startswith("Invented")
    }
    faults = []
    if any(len(set(found)) != LISTED for found in people.values()):
        faults.append("a list is there in part")
    if named != set(everyone):
        faults.append("people of a list are there without their names")
    held = Identity.objects.filter(field="name.full.Latn").values_list("person", flat=True)
    if set(held) - set(everyone):
        faults.append("names of a list are there without their people")
    return faults


def looked_at(operation, folder: Path, acknowledged: set[str], *, deep: bool) -> list[str]:
    """What is not as it must be after a kill."""
    faults = []
    # Whether or not a renewal went through, the same way in opens the record.
    here = site.current()
    here.root = with_key_file(folder, folder.with_name(folder.name + ".key"))
    here.ring = keys.opened(folder, here.root)
    from onward.registry.models import Job

    if Job.objects.filter(state="failed").exists():
        faults.append("the keys could not be renewed after a kill")
    rows, heads = verify.read_rows(operation.store)
    faults += verify.log_findings(rows, heads, "meridian")[0]
    faults += lists_looked_at(rows) + requests_looked_at()
    batches: dict[str, int] = {}
    for row in rows:
        batch, _, part = row["idempotency_key"].partition("/")
        if part:
            batches[batch] = batches.get(batch, 0) + 1
    if partial := [name for name, count in batches.items() if count != BATCH]:
        faults.append(f"{len(partial)} batches are there in part")
    if lost := acknowledged - batches.keys():
        faults.append(f"{len(lost)} confirmed batches are lost")
    names = EncryptedVault().read(["named-0", "named-1", "named-2", "H1-P1"])
    if len(names["H1-P1"]) != 5:
        faults.append("an identity does not open")
    said = {
        value
        for person, fields in names.items()
        if person != "H1-P1"
        for value in fields.values()
    }
    if len(said) > 1:
        faults.append("names of one writing are there in part")
    if deep:
        faults += verify._database_findings()
    return faults


if __name__ == "__main__":
    main()
