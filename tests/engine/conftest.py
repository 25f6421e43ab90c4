"""One Spark session for each file of tests, and logs in which everything that can be said is said."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from onward.caseload.events import Event, Subject, event_id, opening_facts
from onward.caseload.table import events_table
from onward.engine import DuckEngine
from onward.rulebook import load, shipped_path
from onward.rulebook.model import Fact, Rulebook

RULEBOOK = load(shipped_path("protected-camp"))
START = date(2025, 1, 1)
WORDS = [
    "Žilina", "كرمانشاه", "کرماشان", "a'b", 'a"b', "a\\b", "a|b", "50 %", "_", "ß", "SS", "ss",
    "e\u0301", "é", "İzmir", "𐍈", "10", "9", "-",
]  # fmt: skip
COUNTRIES = ["IRQ", "IRN", "SWE", "ALB", "CAN"]
LANGUAGES = ["fa", "ar", "ckb", "en-GB"]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A process has one Spark session: whoever needs another master finds this one closed."""
    from onward.engine.spark import SparkEngine

    # Compiled quickly rather than well: a test's rows are few.
    engine = SparkEngine(
        master="local[2]", memory_gb=1, partitions=3, java="-XX:TieredStopAtLevel=1"
    )
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def duck() -> DuckEngine:
    return DuckEngine(memory_gb=1, threads=1)


def a_day(source: random.Random, *, partial: bool = True) -> str:
    day = START + timedelta(days=source.randint(-40, 400))
    form = source.random() if partial else 1.0
    if form < 0.05:
        return f"{day.year}"
    if form < 0.15:
        return f"{day:%Y-%m}"
    if form < 0.2:
        return f"{day}/{day + timedelta(days=source.randint(1, 90))}"
    return day.isoformat()


def a_value(fact: Fact, source: random.Random) -> Any:
    """Something the fact may be, or that it is now unknown."""
    if source.random() < 0.12:
        return None
    match fact.type:
        case "boolean":
            return source.random() < 0.6
        case "code":
            return source.choice(fact.allowed)
        case "codes":
            pool = fact.allowed or ("DS", "SM", "SP-1", "TR")
            return sorted(source.sample(pool, source.randint(0, min(3, len(pool)))))
        case "integer":
            return source.choice([0, 1, 2, 3, 4, 2**31 - 1])
        case "number":
            return source.choice([0.0, 1.5, -2.25, 1e9])
        case "date":
            return a_day(source, partial=False)
        case "partial_date":
            if source.random() < 0.5:
                return source.choice(
                    ["1980", "2007-03", "2008-02-29", "2010-06-30", "1969-12-31"]
                )
            return a_day(source)
        case "country":
            return source.choice(COUNTRIES)
        case "language":
            return source.choice(LANGUAGES)
        case _:
            return source.choice(WORDS)


class RandomLog:
    """Events of every kind about a few subjects, with merges, corrections and partial dates."""

    def __init__(
        self, seed: int, *, people: int = 30, events: int = 260, rulebook: Rulebook = RULEBOOK
    ) -> None:
        self.rulebook = rulebook
        self.source = random.Random(seed)
        self.events: list[Event] = []
        self.people = [f"P{n:03d}" for n in range(people)]
        self.moves = list(rulebook.moves())
        for person in self.people:
            if self.source.random() < 0.95:
                self.register(person)
        for _ in range(events):
            self.anything()

    def subject(self, kind: str) -> str:
        if kind == "person":
            return self.source.choice(self.people)
        return f"{kind[:2].upper()}{self.source.randint(0, max(3, len(self.people) // 3))}"

    def add(
        self, kind: str, subject: tuple[str, str], facts: dict[str, Any], supersedes: str = ""
    ) -> Event:
        number = len(self.events) + 1
        # Several events share one instant and one day, so that ties must be broken alike.
        instant = datetime(2025, 1, 1, 8, tzinfo=UTC) + timedelta(hours=6 * (number // 3))
        opens = kind in ("recorded", "registered") and all(
            event.subject != Subject(*subject) for event in self.events
        )
        identity = event_id(instant, self.source)
        event = Event(
            id=identity, operation="meridian", subject=Subject(*subject), kind=kind,
            effective=a_day(self.source), by="amina", rulebook=self.rulebook.hash,
            idempotency_key=identity,
            facts=opening_facts(subject[0], facts, self.rulebook) if opens else facts,
            supersedes=supersedes or None,
        ).placed(seq=number, recorded=instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))  # fmt: skip
        self.events.append(event)
        return event

    def facts(self, kind: str, most: int = 6) -> dict[str, Any]:
        declared = self.rulebook.kinds[kind]
        names = list(declared.facts)
        chosen = self.source.sample(names, min(len(names), self.source.randint(0, most)))
        said = {name: a_value(declared.facts[name], self.source) for name in chosen}
        for ref, target in declared.refs.items():
            if self.source.random() < 0.6:
                said[ref] = None if self.source.random() < 0.1 else self.subject(target)
        return said

    def register(self, person: str) -> None:
        facts = self.facts("person", most=14)
        if self.source.random() < 0.7:
            axis = self.source.choice(list(self.rulebook.axes.values()))
            facts[axis.name] = self.source.choice(list(axis.states))
        self.add("registered", ("person", person), facts)

    def anything(self) -> None:
        what = self.source.random()
        if what < 0.30:
            person = ("person", self.subject("person"))
            self.add(self.source.choice(self.moves), person, {})
        elif what < 0.45:
            self.add("recorded", ("person", self.subject("person")), self.facts("person"))
        elif what < 0.90:
            kind = self.source.choice(
                [name for name in self.rulebook.kinds if name != "person"]
            )
            self.add("recorded", (kind, self.subject(kind)), self.facts(kind))
        elif what < 0.92:
            one, other = self.source.sample(self.people, 2)
            self.add("merged", ("person", one), {"into": other})
        elif what < 0.94:
            self.register(self.subject("person"))
        elif what < 0.97 and self.events:
            wrong = self.source.choice(self.events)
            kind = self.source.choice(["retracted", wrong.kind])
            about = (wrong.subject.kind, wrong.subject.id)
            self.add(kind, about, {} if kind == "retracted" else dict(wrong.facts), wrong.id)
        else:
            finding = self.source.choice(
                [f.key for s in self.rulebook.safeguards.values() for f in s.findings.values()]
            )
            move = self.source.choice(self.moves)
            person = ("person", self.subject("person"))
            if self.source.random() < 0.5:
                self.add(
                    "breach", person, {"move": move, "safeguards": [finding], "severity": 1}
                )
            else:
                self.add("override", person, {
                    "move": move, "finding": finding, "destination": "SWE",
                    "approved_by": ["amina", "bilal"], "reason": "žurnal", "valid_on": "2025-06-01",
                })  # fmt: skip

    def tables(self) -> Any:
        return events_table(self.events, self.rulebook)


@pytest.fixture(scope="session")
def random_log() -> type[RandomLog]:
    return RandomLog
