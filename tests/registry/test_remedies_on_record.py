"""How people were freed and held anew is read off a log: by the rulebook's own safeguards, on past
days, at the pace and by the clock that were planted in it."""

import random
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from onward.caseload.events import Event, Subject, event_id, opening_facts
from onward.caseload.fold import fold
from onward.caseload.moves import forecast_moves
from onward.caseload.table import events_table
from onward.engine import DuckEngine
from onward.forecast.learning.edges import Edge
from onward.forecast.telling.remedies import EVERY_DAYS, MOST_STEPS, pace, past
from onward.registry.computing.analysis import turns_of
from onward.rulebook import load, shipped_path

RULEBOOK = load(shipped_path("protected-camp"))
TODAY = date(2026, 12, 1)
BEGAN = TODAY - timedelta(days=EVERY_DAYS * MOST_STEPS + 3)
PEOPLE, TESTED = 360, 0.12


def planted_log():
    """People who chose return on some day and consented on it; a test of the risk is made for
    TESTED of those who have none in every EVERY_DAYS. A consent holds for 180 days."""
    chance, events = random.Random(5), []

    def add(kind, subject, on, **facts):
        instant = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=len(events))
        opens = kind in ("recorded", "registered")
        identity = event_id(instant, chance)
        events.append(
            Event(
                id=identity, operation="small", subject=Subject(*subject), kind=kind,
                effective=str(on), by="amina", rulebook=RULEBOOK.hash, idempotency_key=identity,
                facts=opening_facts(subject[0], facts, RULEBOOK) if opens else facts,
            ).placed(seq=len(events) + 1, recorded=instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        )  # fmt: skip

    add("recorded", ("destination", "XAA"), BEGAN, information_updated_on=str(BEGAN))
    add("recorded", ("sheet", "S1"), BEGAN, pathway="return", version="1", language="fa",
        approved=True, current=True)  # fmt: skip
    for number in range(PEOPLE):
        who = f"P{number}"
        chose = BEGAN + timedelta(days=chance.randrange(EVERY_DAYS * MOST_STEPS))
        add("registered", ("person", who), chose, stage="intent_return", birth="1980-01-01",
            country_of_origin="XAA", intended_pathway="return", intended_destination="XAA")  # fmt: skip
        add("recorded", ("consent", f"C{number}"), chose, person=who, pathway="return",
            destination="XAA", signed_on=str(chose), given_by="self", in_private=True, pressure=False,
            informed=True, sheet_version="1", sheet_language="fa")  # fmt: skip
        day = chose + timedelta(days=1)
        while day <= TODAY and chance.random() > TESTED / EVERY_DAYS:
            day += timedelta(days=1)
        if day <= TODAY:
            add("recorded", ("assessment", f"A{number}"), day, person=who, made_on=str(day),
                topic="non_refoulement", destination="XAA", finding="passed", qualified=True)  # fmt: skip
    return events_table(sorted(events, key=lambda one: one.seq), RULEBOOK)


@pytest.fixture(scope="module")
def read():
    engine, events = DuckEngine(memory_gb=1, threads=1), planted_log()
    kept = {}

    def place(head, rulebook, about):
        return SimpleNamespace(
            read=lambda: kept.get(about),
            write=lambda tables: kept.update({about: (tables, [])}),
        )

    found = SimpleNamespace(
        events=events, as_of=TODAY, rulebook=RULEBOOK, engine=engine, head="head",
        caseload=fold(events, RULEBOOK, as_of=TODAY, engine=engine),
        operation=SimpleNamespace(cached=place, store=SimpleNamespace(head=lambda: "head")),
    )  # fmt: skip
    (edge,) = [
        Edge(move.from_state, move.move, move.to_state, 1)
        for move in forecast_moves(RULEBOOK)
        if (move.from_state, move.move) == ("wants_return", "T5.done")
    ]
    inputs = SimpleNamespace(edges=(edge,), forward=frozenset({edge.name}))
    said = []
    first = turns_of(found, inputs, said.append)
    return first, turns_of(found, inputs, said.append), said


def test_a_planted_pace_of_remedies_and_a_planted_clock_are_read_off_the_log(read):
    seen = past(read[0])
    learnt = pace(seen, family=1.0)
    place = {guard: seen.cells.index(("wants_return", guard)) for guard in ("G6", "G3")}
    # Tests are made at the pace planted: of those held back, so many are freed in four weeks.
    assert learnt.freed[place["G6"]] == pytest.approx(TESTED, abs=0.025)
    # A consent of 180 days lapses in the seventh step of 28, known in whole steps; none before.
    lapsed = seen.caught.sum(axis=0)[place["G3"]]
    assert lapsed[:5].sum() == 0
    assert lapsed[5:7].sum() > 100
    assert lapsed[7:-1].sum() == 0


def test_past_days_are_judged_once_while_the_log_stays_the_same(read):
    first, again, said = read
    assert first.equals(again)
    assert len(said) == 1
    assert not {"person", "id", "household"} & set(first.column_names)
