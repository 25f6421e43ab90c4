"""A log written the way an officer would say it, and the report made from it."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onward.caseload import fold
from onward.caseload.events import Event, Subject, event_id, opening_facts
from onward.caseload.spells import spells
from onward.caseload.table import events_table
from onward.engine import DuckEngine
from onward.forecast.run import EVERYONE, Forecast
from onward.plan.draws import plan_draws
from onward.plan.load import load_plan
from onward.report.indicators.record import Record
from onward.report.material import Material
from onward.rulebook import load, shipped_names, shipped_path
from onward.safeguards.everybody import evaluate_all

ENGINE = DuckEngine(memory_gb=1, threads=1)
RULEBOOKS = {name: load(shipped_path(name)) for name in shipped_names()}
START = datetime(2025, 1, 1, 8, tzinfo=UTC)
AS_OF = date(2026, 6, 30)
PRIVATE = {"alone": True, "impartial_body": True, "confidential_place": True,
           "own_interpreter": True, "observer_present": False}  # fmt: skip


class World:
    """Events in the order they were recorded; Amina records them all."""

    def __init__(self, rulebook: str = "protected-camp") -> None:
        self.rulebook = RULEBOOKS[rulebook]
        self.events: list[Event] = []
        self._random = random.Random(4)
        self._known: set[tuple[str, str]] = set()
        self._numbers: dict[str, int] = {}

    def add(self, kind: str, subject: tuple[str, str], effective: str, **facts: Any) -> None:
        number = len(self.events) + 1
        instant = START + timedelta(seconds=number)
        opens = kind in ("recorded", "registered") and subject not in self._known
        self._known.add(subject)
        identity = event_id(instant, self._random)
        event = Event(
            id=identity, operation="meridian", subject=Subject(*subject), kind=kind,
            effective=effective, by="amina", rulebook=self.rulebook.hash, idempotency_key=identity,
            facts=opening_facts(subject[0], facts, self.rulebook) if opens else facts,
        )  # fmt: skip
        self.events.append(
            event.placed(seq=number, recorded=instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        )

    def person(self, id: str, on: str = "2025-06-01", **facts: Any) -> str:
        adult = {"birth": "1985-03-04", "sex": "female"}
        self.add("registered", ("person", id), on, **{**adult, **facts})
        return id

    def people(
        self, prefix: str, how_many: int, on: str = "2025-06-01", **facts: Any
    ) -> list[str]:
        return [self.person(f"{prefix}{i}", on, **facts) for i in range(how_many)]

    def move(self, person: str, key: str, on: str, **facts: Any) -> None:
        self.add(key, ("person", person), on, **facts)

    def thing(self, kind: str, on: str, id: str = "", **facts: Any) -> str:
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        name = id or f"{kind}-{self._numbers[kind]}"
        self.add("recorded", (kind, name), on, **facts)
        return name

    def consent(self, person: str, pathway: str, on: str = "2026-06-01", **more: Any) -> str:
        if ("sheet", f"sheet-{pathway}") not in self._known:
            self.add("recorded", ("sheet", f"sheet-{pathway}"), "2025-01-01", pathway=pathway,
                     version="1", language="fa", approved=True, current=True)  # fmt: skip
        return self.thing("consent", on, person=person, pathway=pathway, destination="XBB",
            signed_on=on, given_by="self", in_private=True, pressure=False, informed=True,
            sheet_version="1", sheet_language="fa", **more)  # fmt: skip

    def caseload(self, as_of: date = AS_OF) -> Any:
        table = events_table(self.events, self.rulebook)
        return fold(table, self.rulebook, as_of=as_of, engine=ENGINE)

    def record(self, as_of: date = AS_OF) -> Record:
        table = events_table(self.events, self.rulebook)
        found = fold(table, self.rulebook, as_of=as_of, engine=ENGINE)
        stays = spells(table, self.rulebook, as_of=as_of, engine=ENGINE)
        return Record(found, stays, ENGINE)

    def material(
        self, as_of: date = AS_OF, *, plan: str = "", deadline: date | None = None, **more: Any
    ) -> Material:
        table = events_table(self.events, self.rulebook)
        found = fold(table, self.rulebook, as_of=as_of, engine=ENGINE)
        known = None
        if plan:
            file = Path(more.pop("folder")) / "plan.yaml"
            file.write_text(plan, "utf-8")
            known = load_plan(file, self.rulebook)
        given = {
            "title": "Meridian", "caseload": found, "engine": ENGINE, "plan": known,
            "spells": spells(table, self.rulebook, as_of=as_of, engine=ENGINE),
            "draws": plan_draws(known, 200, 1, as_of) if known else None,
            "steps": evaluate_all(found, on=as_of, engine=ENGINE), "forecast": None,
            "deadline": deadline, "floor_hash": "f" * 64, "demonstration": True, **more,
        }  # fmt: skip
        return Material(**{f.name: given[f.name] for f in fields(Material) if f.name in given})


def made_up_forecast(as_of: date, deadline: date, people: int) -> Forecast:
    """A forecast of plain numbers, for pages."""
    days = [as_of + timedelta(days=7 * i) for i in range((deadline - as_of).days // 7)] + [
        deadline
    ]
    levels = {
        "q025": 0.4,
        "q10": 0.5,
        "q25": 0.6,
        "median": 0.7,
        "q75": 0.8,
        "q90": 0.9,
        "q975": 0.95,
    }
    n = len(days) - 1
    fan = {k: [people * (1 + (v - 1) * i / n) for i in range(n + 1)] for k, v in levels.items()}
    last = {k: v[-1] for k, v in fan.items()}
    return Forecast(
        operation="meridian", as_of=as_of.isoformat(), deadline=deadline.isoformat(), futures=500,
        seed=1, start=people, days=[d.isoformat() for d in days], fan={EVERYONE: fan},
        states={"interviewed": last}, left={"return": last}, mean=last["median"], zero=0.0,
        fewer_than={"100": 0.25}, gone_95={"median": None}, width={"rates": 0.4, "chance": 0.1},
        assumptions=["Months move together."], left_out=[], inputs={},
    )  # fmt: skip


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def worlds() -> type[World]:
    return World


@pytest.fixture(scope="session")
def forecast_of_plain_numbers() -> Any:
    return made_up_forecast
