"""Makes an invented operation of a given size and the sessions of its officers.

`python -m benchmarks.desk.operation FOLDER STORE PEOPLE USERS`: the record, the vault, the
projection and one signed-in session for each user, written to FOLDER/users.json.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from onward.caseload.events import Subject, canonical_bytes, new_event
from onward.registry.keyring.creating import preparing
from onward.registry.log.bulk import load
from onward.registry.now import projection
from onward.registry.opening import create_operation
from onward.registry.settings import Settings
from onward.rulebook import Rulebook, shipped_path

DAY = date(2026, 10, 31)
STAGES = ("verified", "counselled", "interviewed", "intent_return", "intent_protection",
          "intent_resettlement", "return_confirmed", "return_cleared", "submitted")  # fmt: skip
GIVEN = (
    "Ali",
    "Reza",
    "Zahra",
    "Maryam",
    "Hossein",
    "Fatemeh",
    "Karim",
    "Leila",
    "Hassan",
    "Omid",
)
FAMILY = (
    "Karimi",
    "Rezaei",
    "Moradi",
    "Parandeh",
    "Setareh",
    "Daryaei",
    "Kuhestani",
    "Barfzadeh",
)
CAST = Path(__file__).resolve().parents[2] / "tests/registry/registry_cast.py"


def events(rulebook: Rulebook, people: int) -> Iterator[bytes]:
    """Five events a person: registration, facts, interview, consent or paper, follow-up."""
    maker = random.Random(1)
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    count = 0

    def line(kind: str, subject: tuple[str, str], on: date, facts: dict[str, Any]) -> bytes:
        nonlocal instant, count
        count += 1
        instant += timedelta(milliseconds=3)
        event = new_event(
            rulebook, operation="bench", subject=Subject(*subject), kind=kind,
            effective=on.isoformat(), by="bench", instant=instant, random=maker, facts=facts,
            opens=kind in ("registered", "recorded"), idempotency_key=f"b{count}",
        )  # fmt: skip
        return canonical_bytes(event)

    for number in range(people):
        person = f"p{number:06d}"
        home = f"h{number // 3:06d}"
        stage = STAGES[number % len(STAGES)]
        start = DAY - timedelta(days=maker.randrange(20, 600))
        if number % 3 == 0:
            yield line(
                "registered",
                ("household", home),
                start,
                {"roster_size": min(3, people - number)},
            )
        yield line("registered", ("person", person), start, {
            "household": home, "site": "camp-1" if number % 2 else "camp-2", "sex": maker.choice(("female", "male")),
            "birth": (date(1950, 1, 1) + timedelta(days=maker.randrange(25_000))).isoformat(),
            "language": "fa", "country_of_origin": "XAA", "legal": "gc4_protected", "stage": stage,
            "place": "in_camp", "identity_resolved": True, "open_duplicate": False,
            "fear_asked": True, "capacity_doubted": False, "intended_pathway": "return",
            "intended_destination": "XAA", "affiliation": "none",
        })  # fmt: skip
        held = (start + timedelta(days=5)).isoformat()
        yield line("recorded", ("interview", f"i{number}"), start, {
            "person": person, "purpose": "interview", "held_on": held, "alone": True,
            "impartial_body": True, "confidential_place": True, "own_interpreter": True,
            "observer_present": False})  # fmt: skip
        yield line("recorded", ("consent", f"c{number}"), start, {
            "person": person, "pathway": "return", "destination": "XAA", "signed_on": held,
            "given_by": "self", "in_private": True, "informed": True, "pressure": False,
            "sheet_version": "1", "sheet_language": "fa", "withdrawn": False})  # fmt: skip
        yield line("recorded", ("follow_up" if number % 4 else "complaint", f"f{number}"), start, (
            {"person": person, "due_on": (DAY - timedelta(days=maker.randrange(-40, 40))).isoformat()}
            if number % 4 else
            {"person": person, "category": "services", "received_on": held, "triaged": number % 8 == 0}
        ))  # fmt: skip
        if number % 3:
            yield line("recorded", ("assessment", f"a{number}"), start, {
                "person": person, "topic": "non_refoulement", "destination": "XAA",
                "finding": "passed", "made_on": held, "qualified": True})  # fmt: skip


def main() -> None:
    folder, store, people, users = (
        Path(sys.argv[1]),
        sys.argv[2],
        int(sys.argv[3]),
        int(sys.argv[4]),
    )
    _, prepare = preparing("bench", key_file=folder.with_suffix(".key"))
    operation = create_operation(
        folder,
        Settings("bench", "Benchmark", "protected-camp", demonstration=True, data_ends=DAY,
                 store=store, key_file=str(folder.with_suffix(".key"))),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"), effective="2024-01-01",
        by="bench", prepare=prepare,
    )  # fmt: skip
    told: dict[str, Any] = {}
    lines = list(events(operation.rulebook, people))
    began = time.perf_counter()
    told["events"] = load(operation.store, operation.rulebook, lines)
    told["load_seconds"] = time.perf_counter() - began
    maker = random.Random(2)
    operation.vault.put({
        f"p{n:06d}": {"name.given.Latn": maker.choice(GIVEN), "name.father.Latn": maker.choice(GIVEN),
                      "name.family.Latn": maker.choice(FAMILY), "number": f"B-{n:06d}"}
        for n in range(people)
    })  # fmt: skip
    began = time.perf_counter()
    projection.ensure(operation)
    told["projection_seconds"] = time.perf_counter() - began

    spec = importlib.util.spec_from_file_location("registry_cast", CAST)
    assert spec is not None
    assert spec.loader is not None
    cast = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cast)
    sessions = []
    for n in range(users):
        office = "camp-1" if n % 2 else "camp-2"
        account = cast.account(
            f"officer{n}", "protection_officer", office=office, password=cast.PASSWORD
        )
        client = cast.signed_in(account)
        sessions.append({"cookie": next(iter(client.cookies.values())).value, "office": office})
    told |= {"people": people, "sessions": sessions, "run": uuid.uuid4().hex[:8]}
    (folder / "users.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
