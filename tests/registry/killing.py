"""Kills a desk at work, again and again, and looks at what it left behind.

    python killing.py FOLDER LANDED SEED

A kill has landed when the desk had begun to write something and had not yet confirmed it. How long
each kind of work takes is measured first, here and now, and a kill comes at any moment of it; every
other one on keys, at any moment after the new root key stands beside the old one. The
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
MEASURED = 3
BEYOND = 1.25
"""How far beyond the measured length of some work a kill may come: it grows with the record."""
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
    takes = {kind: length(operation, rulebook, kind) for kind in sorted(set(KINDS))}
    deck: list[str] = []
    renewing = 0
    while landed < wanted and not faults:
        kills += 1
        if not deck:
            deck = chance.sample(KINDS, len(KINDS))
        kind, number, roots = deck.pop(), kills, roots_of(folder)
        child, reading = desk(operation, rulebook, kind, number)
        told = os.read(reading, 1)
        part_of_it = BEYOND
        if kind == "keys" and chance.random() < 0.5:
            begun(folder, roots)
            part_of_it = 0.5
        time.sleep(chance.random() * takes[kind] * part_of_it)
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
        # A new root key stands beside the old one: begun, and not finished.
        now = roots_of(folder)
        renewing += kind == "keys" and now != roots and len(now) > 1
        faults += looked_at(operation, folder, acknowledged, deep=kills % 25 == 0)
        close()
    faults += renewed_at_last(operation, rulebook, folder, acknowledged)
    json.dump(
        {"landed": landed, "kills": kills, "faults": faults, "kinds": by_kind,
         "renewing": renewing, "takes": takes}, sys.stdout
    )  # fmt: skip


def desk(operation, rulebook, kind: str, number: int, rounds: int = 10_000) -> tuple[int, int]:
    """A fork at work, and where to read what it says: B before each piece, A after it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(operation, rulebook, kind, number, writing, rounds)
        finally:
            os._exit(0)
    os.close(writing)
    return child, reading


def length(operation, rulebook, kind: str) -> float:
    """Seconds that one piece of this work takes a desk that has just started."""
    found = []
    for number in range(10**6, 10**6 + MEASURED):
        child, reading = desk(operation, rulebook, kind, number, rounds=1)
        assert os.read(reading, 1) == b"B"
        began = time.perf_counter()
        done = os.read(reading, 1)
        found.append(time.perf_counter() - began)
        os.close(reading)
        os.waitpid(child, 0)
        assert done == b"A", f"{kind} does not work, also without a kill"
        opened_anew(operation.path)
    return sorted(found)[MEASURED // 2]


def opened_anew(folder: Path) -> None:
    """Whether or not a renewal went through, the same way in opens the record."""
    here = site.current()
    here.root = with_key_file(folder, folder.with_name(folder.name + ".key"))
    here.ring = keys.opened(folder, here.root)


def roots_of(folder: Path) -> set[str]:
    """The root keys that lie in the file of keys."""
    return set(keys.read(folder)["roots"])


def begun(folder: Path, before: set[str]) -> None:
    """Wait until a new root key stands in the file."""
    until = time.monotonic() + 30
    while roots_of(folder) == before:
        assert time.monotonic() < until, "no renewal begins"


def renewed_at_last(operation, rulebook, folder: Path, acknowledged: set[str]) -> list[str]:
    """Whatever the kills left, one renewal that nobody kills ends with one root key and a whole record."""
    length(operation, rulebook, "keys")
    faults = looked_at(operation, folder, acknowledged, deep=True)
    if len(roots_of(folder)) != 1:
        faults.append("a renewal after the last kill left an old root key")
    close()
    return faults


def close() -> None:
    from django.db import connections

    connections["default"].close()
    del connections["default"]


def work(operation, rulebook, kind: str, number: int, pipe: int, rounds: int) -> None:
    """Do one kind of thing over and over, saying before and after each."""
    maker, vault = random.Random(f"{number}"), EncryptedVault()
    officer()  # the way to the record is open: what is killed is the writing, not the opening
    if kind == "list":
        return bring_lists(operation, number, pipe, rounds)
    for round_ in range(rounds):
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


def bring_lists(operation, number: int, pipe: int, rounds: int) -> None:
    """Import one list of invented people after another: names and events in each."""
    folder = operation.path.parent
    (folder / "killed.yaml").write_text(LIST_PROFILE, "utf-8")
    importer = Importer(operation, by=LISTS)
    for round_ in range(rounds):
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
    opened_anew(folder)
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
        faults += verify._database_findings() + verify._vault_findings()[1]
    return faults


if __name__ == "__main__":
    main()
