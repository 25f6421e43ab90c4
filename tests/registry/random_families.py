"""Random families for whom everything is in place for an exit, and what then happens to them.

Exists so that the functions, the pages and the commands can be judged against the same families. In
comes the name of a shipped rulebook and a source of chance; out come rows as dictionaries, which the
three-valued reader of conditions judges, and the log that says the same.
"""

from __future__ import annotations

import copy
import random
import uuid
from datetime import UTC, date, datetime, timedelta

from onward.caseload.events import Event, Subject, event_id, instant_text
from onward.rulebook import load, shipped_path
from onward.rulebook.situations import Interpreter, load_situations
from onward.safeguards.overrides import findings_of

SHIPPED = ("protected-camp", "voluntary-return")
NOW = datetime(2026, 6, 10, 8, tzinfo=UTC)
NAMED = ("destination", "intended_destination", "recipient", "version", "sheet_version")
"""Texts by which one thing finds another: made the family's own, so that families stay apart."""


class Camp:
    """A rulebook, the situations in which an exit is open, and a log that grows."""

    def __init__(self, name: str) -> None:
        path = shipped_path(name)
        self.rulebook = load(path)
        situations = load_situations(path.parent / "situations" / path.name, self.rulebook)
        moves = self.rulebook.moves()
        self.openings = [s for s in situations if s.opens and not moves[s.step].records]
        self.interpreter = Interpreter(self.rulebook)
        self.conditions = {
            key: self.interpreter.condition(f) for key, f in findings_of(self.rulebook).items()
        }
        self.hard = {key for key, f in findings_of(self.rulebook).items() if f.hard}

    def families(self, number: int, chance: random.Random):
        """(log, rows by family, day of each): families of one day, so that one fold answers."""
        day = date(2026, 6, 10)
        log: list[Event] = []
        worlds = []
        for index in range(number):
            world = self._family(f"f{index}", chance.choice(self.openings), day)
            happened = self._week(world, chance, day)
            log += self._events(world, happened)
            worlds.append(world)
        placed = [
            event.placed(seq=seq, recorded=instant_text(NOW + timedelta(microseconds=seq)))
            for seq, event in enumerate(log, 1)
        ]
        return placed, worlds, day

    def _family(self, house: str, situation, day: date):
        """A situation's rows under ids of this family, dates moved so that it is asked today."""
        shift = day - situation.on
        rows = {}
        for kind, found in situation.rows.items():
            for key, row in found.items():
                rows.setdefault(kind, {})[f"{house}-{key}"] = {
                    column: self._own(kind, column, value, house, shift)
                    for column, value in row.items()
                    if value is not None
                }
        # What names nobody touches everybody, and families must stay apart here.
        for kind, found in rows.items():
            for row in found.values():
                if kind in ("complaint", "incident"):
                    row.setdefault("destination", f"{house}-origin")
                if kind != "person" and "person" in self.rulebook.kinds[kind].refs:
                    row.setdefault("person", f"{house}-{situation.person}")
        for row in rows["person"].values():
            row.setdefault("household", f"{house}-none")
        rows.setdefault("household", {}).setdefault(f"{house}-none", {"id": f"{house}-none"})
        return {
            "house": house, "step": situation.step, "rows": rows, "first": copy.deepcopy(rows)
        }  # fmt: skip

    def _own(self, kind: str, column: str, value, house: str, shift: timedelta):
        declared = self.rulebook.kinds[kind]
        if column == "id" or column in declared.refs:
            return f"{house}-{value}"
        fact = declared.facts.get(column)
        if fact is None:
            return value
        if fact.type == "country":
            return {"origin": "IRN", "host": "IRQ", "third": "CAN"}.get(value, value)
        if fact.type == "date":
            return value + shift
        if column in NAMED:
            return f"{house}-{value}"
        return value

    def _week(self, world, chance: random.Random, day: date):
        """What happens to a family: (kind, id, facts or move)."""
        happened = []
        for _ in range(chance.choice((0, 0, 1, 1, 2, 3, 6))):
            what = chance.random()
            people = list(world["rows"]["person"])
            if what < 0.6:
                kind = chance.choice([k for k, rows in world["rows"].items() if rows])
                name = chance.choice(list(world["rows"][kind]))
                facts = self.change(kind, chance, day)
                if facts:
                    happened.append((kind, name, facts))
            elif what < 0.8:
                kind = chance.choice(
                    [k for k in ("complaint", "claim", "incident") if k in self.rulebook.kinds]
                )
                name = f"{world['house']}-{kind}{len(happened)}"
                starts = {
                    f.name: f.starts
                    for f in self.rulebook.kinds[kind].facts.values()
                    if f.starts is not None
                }
                facts = {
                    **starts,
                    **self.change(kind, chance, day),
                    **self.change(kind, chance, day),
                }
                if "person" in self.rulebook.kinds[kind].refs:
                    facts["person"] = chance.choice(people)
                if "destination" in self.rulebook.kinds[kind].facts:
                    facts["destination"] = (
                        chance.choice(
                            [
                                p.get("intended_destination")
                                for p in world["rows"]["person"].values()
                            ]
                        )
                        or f"{world['house']}-origin"
                    )
                world["rows"].setdefault(kind, {})[name] = {"id": name}
                happened.append((kind, name, facts))
            else:
                person = chance.choice(people)
                moves = [m for m in self.rulebook.moves().values() if m.records]
                happened.append(("person", person, chance.choice(moves).key))
            kind, name, facts = happened[-1] if happened else ("", "", {})
            if isinstance(facts, str):
                world["rows"]["person"][name].update(self.rulebook.moves()[facts].targets)
            elif facts:
                row = world["rows"][kind][name]
                row.update(facts)
        return happened

    def change(self, kind: str, chance: random.Random, day: date):
        """One fact of a kind, known otherwise or not known any more."""
        facts = [
            f for f in self.rulebook.kinds[kind].facts.values()
            if f.type in ("boolean", "code", "date", "integer")
        ]  # fmt: skip
        if not facts:
            return {}
        fact = chance.choice(facts)
        if chance.random() < 0.3:
            return {fact.name: None}
        value = {
            "boolean": lambda: chance.random() < 0.5,
            "code": lambda: chance.choice(fact.allowed),
            "date": lambda: day - timedelta(days=chance.randrange(400)),
            "integer": lambda: chance.randrange(5),
        }[fact.type]()
        return {fact.name: value}

    def _events(self, world, happened):
        for kind, rows in world["first"].items():
            for name, row in rows.items():
                yield self._event(kind, name, row, opens=True)
        for kind, name, what in happened:
            if isinstance(what, str):
                yield self._event(kind, name, {}, move=what)
            else:
                yield self._event(kind, name, what)

    def _event(
        self, kind: str, name: str, row, *, opens: bool = False, move: str = ""
    ) -> Event:
        declared = self.rulebook.kinds[kind]
        facts = {}
        for column, value in row.items():
            if column in declared.refs:
                facts[column] = value
            elif column in declared.facts:
                facts[column] = _written(value, declared.facts[column].type)
            elif column in self.rulebook.axes and opens:
                facts[column] = value
        registers = opens and kind in ("person", "household")
        return Event(
            id=event_id(NOW, random.Random(uuid.uuid4().int)), operation="camp",
            subject=Subject(kind, name),
            kind=move or ("registered" if registers else "recorded"),
            effective="2026-06-09" if opens else "2026-06-10", by="amina",
            rulebook=self.rulebook.hash, idempotency_key=str(uuid.uuid4()), facts=facts,
        )  # fmt: skip


def _written(value, type_: str):
    if value is None:
        return None
    if type_ == "partial_date":
        first, last = value
        return first.isoformat() if first == last else str(first.year)
    if isinstance(value, date):
        return value.isoformat()
    return sorted(value) if isinstance(value, set | frozenset | tuple) else value
