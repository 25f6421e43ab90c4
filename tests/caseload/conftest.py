"""A log written the way an officer would say it, for tests of the fold."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from onward.caseload import fold
from onward.caseload.events import Event, Subject, event_id, opening_facts
from onward.caseload.model import Caseload
from onward.caseload.table import events_table
from onward.engine import DuckEngine
from onward.rulebook import load, shipped_path

SHIPPED = load(shipped_path("protected-camp"))
# The shipped rulebook with fewer kinds, so that hundreds of folds take seconds.
RULEBOOK = replace(
    SHIPPED,
    kinds={
        name: SHIPPED.kinds[name]
        for name in ("person", "household", "site", "consent", "complaint", "incident")
    },
)
ENGINE = DuckEngine(memory_gb=1, threads=1)
START = datetime(2025, 1, 1, 8, tzinfo=UTC)


class Log:
    """Events in the order they were recorded, one minute apart unless said otherwise."""

    rulebook = RULEBOOK
    shipped = SHIPPED
    engine = ENGINE

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._random = random.Random(4)

    def add(
        self,
        kind: str,
        subject: tuple[str, str],
        effective: str,
        *,
        supersedes: Event | None = None,
        recorded: datetime | None = None,
        key: str = "",
        **facts: object,
    ) -> Event:
        number = len(self.events) + 1
        instant = recorded or START + timedelta(minutes=number)
        opens = kind in ("recorded", "registered") and all(
            e.subject != Subject(*subject) for e in self.events
        )
        identity = event_id(instant, self._random)
        event = Event(
            id=identity,
            operation="meridian",
            subject=Subject(*subject),
            kind=kind,
            effective=effective,
            by="amina",
            rulebook=RULEBOOK.hash,
            idempotency_key=key or identity,
            facts=opening_facts(subject[0], facts, RULEBOOK) if opens else facts,  # type: ignore[arg-type]
            supersedes=supersedes.id if supersedes else None,
        ).placed(seq=number, recorded=instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        self.events.append(event)
        return event

    def register(self, person: str, on: str = "2025-01-01", **facts: object) -> Event:
        return self.add("registered", ("person", person), on, **facts)

    def say(self, person: str, on: str, **facts: object) -> Event:
        return self.add("recorded", ("person", person), on, **facts)

    def move(self, person: str, key: str, on: str, **facts: object) -> Event:
        return self.add(key, ("person", person), on, **facts)

    def merge(self, person: str, into: str, on: str) -> Event:
        return self.add("merged", ("person", person), on, into=into)

    def retract(self, event: Event, **kwargs: object) -> Event:
        subject = (event.subject.kind, event.subject.id)
        return self.add("retracted", subject, event.effective, supersedes=event, **kwargs)  # type: ignore[arg-type]

    def fold(
        self,
        as_of: str,
        *,
        known_at: datetime | None = None,
        events: Iterable[Event] | None = None,
        batch_cells: int = 10_000_000,
    ) -> Caseload:
        table = events_table(self.events if events is None else events, RULEBOOK)
        return fold(
            table,
            RULEBOOK,
            as_of=date.fromisoformat(as_of),
            known_at=known_at,
            engine=ENGINE,
            batch_cells=batch_cells,
        )


@pytest.fixture(scope="session")
def make_log() -> type[Log]:
    return Log


@pytest.fixture
def log() -> Log:
    return Log()
