"""Random weeks through the desk's own functions: people are conserved, the lists are what the log
says, sending twice does once, and nothing is authorised that a plain reading forbids."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.errors import OnwardError
from onward.registry.log import verify
from onward.registry.now import projection
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor
from onward.rulebook.situations import Interpreter
from onward.safeguards.evaluate import asked_findings
from onward.safeguards.overrides import findings_of

DAY = date(2026, 6, 10)
DESKS = [Actor("amina", EVERYBODYS), Actor("bilal", EVERYBODYS)]
PEOPLE = [f"H{house}-P{number}" for house in range(1, 9) for number in (1, 2)]


class Week:
    """One random walk over the small operation."""

    def __init__(self, small, seed: int) -> None:
        self.small, self.chance = small, random.Random(seed)
        self.rulebook = small.rulebook
        self.interpreter = Interpreter(self.rulebook)
        self.people = list(PEOPLE)
        self.sent: list = []
        self.authorised = self.refused = self.recorded = 0

    def step(self, number: int) -> None:
        what = self.chance.random()
        if what < 0.35:
            self.authorise(f"a{number}")
        elif what < 0.75:
            self.record(f"r{number}")
        elif what < 0.85:
            self.correct(f"c{number}")
        elif what < 0.92:
            self.register(f"n{number}")
        elif self.sent:
            again, before = self.chance.choice(self.sent), self.small.store.head()
            assert again().again
            assert self.small.store.head() == before

    def actor(self):
        return self.chance.choice(DESKS)

    def authorise(self, key: str) -> None:
        moves = [m for m in self.rulebook.moves().values() if not m.records]
        likely = [m for m in moves if m.key in ("T7.done", "T4.stay", "T4.return", "T1.done")]
        move = self.chance.choice(likely if self.chance.random() < 0.6 else moves)
        person = self.chance.choice(self.people)
        unit = self.state(person).unit
        together = [p for p in self.people if unit and self.state(p).unit == unit] or [person]
        truths = self.plainly(together, move)  # as it is known today, whatever day is written
        actor, on = self.actor(), DAY - timedelta(days=self.chance.choice((0, 0, 0, 1)))
        if not {*together} <= {*PEOPLE}:  # somebody of them was not here the day before
            on = DAY

        def act():
            return acts.authorise(actor, together, move.key, None, on=on, idempotency_key=key)

        if on < DAY and self.rulebook.is_movement(move):
            with pytest.raises(OnwardError, match="a day that is over"):
                act()
            self.refused += 1
            return
        try:
            act()
        except acts.NotOpen:
            self.refused += 1
            return
        self.authorised += 1
        self.sent.append(act)
        hard = {k for k, f in findings_of(self.rulebook).items() if f.hard}
        for found in truths:
            assert not {k for k, truth in found.items() if k in hard and truth is not True}

    def plainly(self, people, move):
        """What the three-valued reader says of every finding, from the whole log folded anew."""
        caseload = self.small.caseload(DAY)
        rows = {}
        for kind in self.rulebook.kinds:
            rows[kind] = []
            for row in caseload.tables[kind].to_pylist():
                for fact in self.rulebook.kinds[kind].facts.values():
                    if fact.type == "partial_date":
                        first, last = row[f"{fact.name}_first"], row[f"{fact.name}_last"]
                        row[fact.name] = (first, last) if first and last else None
                rows[kind].append(row)
        at = "movement" if self.rulebook.is_movement(move) else "decision"
        mine = {row["id"]: row for row in rows["person"]}
        answers = []
        for person in people:
            own = mine[person]
            pathway = (
                own["intended_pathway"]
                if move.pathway in ("", "common", "chosen")
                else move.pathway
            )
            to = None if move.pathway == "handover" else own["intended_destination"]
            answers.append(
                {
                    f.key: self.interpreter.holds(
                        self.interpreter.condition(f), rows, person, on=DAY, destination=to,
                        pathway=pathway,
                    )
                    for f in asked_findings(self.rulebook, move, at)
                }
            )  # fmt: skip
        return answers

    def record(self, key: str) -> None:
        kind = self.chance.choice(["person", "complaint", "claim", "move", "move", "consent"])
        person, actor = self.chance.choice(self.people), self.actor()
        if kind == "move":
            moves = list(self.rulebook.moves().values())
            likely = [m for m in moves if m.records] if self.chance.random() < 0.7 else moves
            about, what, facts = Subject("person", person), self.chance.choice(likely).key, {}
        else:
            declared = self.rulebook.kinds[kind]
            facts = self.change(declared)
            name = person if kind == "person" else f"{kind}-{key}"
            if kind != "person":
                facts["person"] = person
            about, what = Subject(kind, name), "recorded"

        def act():
            return acts.record(actor, about, what, effective=DAY.isoformat(), facts=facts,
                               idempotency_key=key)  # fmt: skip

        act()  # whatever the safeguards say
        self.recorded += 1
        self.sent.append(act)

    def change(self, declared):
        fact = self.chance.choice(
            [f for f in declared.facts.values() if f.type in ("boolean", "code", "date")]
        )
        if self.chance.random() < 0.3:
            return {fact.name: None}
        if fact.type == "boolean":
            return {fact.name: self.chance.random() < 0.5}
        if fact.type == "code":
            return {fact.name: self.chance.choice(fact.allowed)}
        return {fact.name: (DAY - timedelta(days=self.chance.randrange(90))).isoformat()}

    def correct(self, key: str) -> None:
        events = [
            e
            for e in self.small.store.read()
            if e.subject.kind == "person" and e.kind == "recorded"
        ]
        if not events:
            return
        event, actor = self.chance.choice(events), self.actor()
        if self.small.store.read_where("supersedes = %s", [event.id]):
            with pytest.raises(OnwardError, match="already"):
                acts.retract(actor, event.id, idempotency_key=key)
        elif self.chance.random() < 0.5:
            acts.retract(actor, event.id, idempotency_key=key)
        else:
            acts.correct(actor, event.id, facts={"language": "ku"}, idempotency_key=key)

    def register(self, key: str) -> None:
        done = acts.register_household(
            self.actor(), [acts.Member({"sex": "female"}), acts.Member({"birth": "2016"})],
            effective=DAY.isoformat(), idempotency_key=key,
        )  # fmt: skip
        self.people += [e.subject.id for e in done.events if e.subject.kind == "person"]

    def state(self, person: str):
        from onward.registry.models import PersonNow

        return PersonNow.objects.get(person=person)


def walk(small, seed: int, steps: int) -> Week:
    from onward.registry.models import PersonNow

    week = Week(small, seed)
    for number in range(steps):
        week.step(number)
    projection.ensure(small)
    assert projection.compare(small) == []
    assert set(PersonNow.objects.values_list("person", flat=True)) == set(week.people)
    assert verify.verify(small).sound
    return week


@pytest.mark.slow
@pytest.mark.both
def test_a_random_week_of_twelve_acts(small):
    week = walk(small, 5, 12)
    assert week.recorded > 0
    assert week.refused + week.authorised > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_random_weeks_of_fifty_acts(small, seed):
    walk(small, seed, 50)
