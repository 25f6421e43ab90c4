"""Thousands of acts through the desk's own functions, a share of them sent to its pages: nobody is
authorised whom a plain reading of the rulebook forbids, nobody is refused whom it allows, and nothing that
happened is refused.

Many families start with everything in place to go home. Then facts of theirs change or become unknown,
consents are taken back and fears are told, in any order, and in between their step is asked for. Beside the
record the test keeps dictionaries of its own and judges them by the three-valued reader of conditions,
which shares no code with the SQL.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from datetime import date, timedelta

import pytest
import registry_cast as people

from onward.caseload.events import Subject
from onward.registry.log import verify
from onward.registry.now import projection
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor
from onward.rulebook.situations import Interpreter
from onward.safeguards.evaluate import asked_findings
from onward.safeguards.overrides import findings_of

DAY = date(2026, 6, 10)
MOVE, TO = "T7.done", "IRN"
EACH = 10
"""Things that are recorded together when everything happens."""
DESKS = [Actor("amina", people.EVERYBODYS), Actor("bilal", people.EVERYBODYS)]
site_for_tests = sys.modules["onward_test_site"]


class Camp:
    """The small operation with many more families, and what the test itself knows of each."""

    def __init__(self, small, families: int, seed: int, monkeypatch) -> None:
        self.small, self.chance, self.rulebook = small, random.Random(seed), small.rulebook
        self.houses = [f"W{number:03d}" for number in range(families)]
        monkeypatch.setattr(site_for_tests, "DIFFERENT", {house: [] for house in self.houses})
        here = {event.idempotency_key for event in small.store.read()}
        more = site_for_tests.small_events(self.rulebook, seed=seed)
        small.record([event for event in more if event.idempotency_key not in here])
        projection.ensure(small)
        self.interpreter = Interpreter(self.rulebook)
        self.hard = {key for key, found in findings_of(self.rulebook).items() if found.hard}
        self.move = self.rulebook.moves()[MOVE]
        self.asked = asked_findings(self.rulebook, self.move, "movement")
        self.conditions = {f.key: self.interpreter.condition(f) for f in self.asked}
        self.known = self.read()
        self.gone: set[str] = set()
        self.did: Counter[str] = Counter()

    def read(self):
        """House -> kind -> id -> row, once; what is nobody's is everybody's."""
        caseload = self.small.caseload(DAY)
        common, known = {}, {house: {} for house in self.houses}
        for kind, declared in self.rulebook.kinds.items():
            for row in caseload.tables[kind].to_pylist():
                for fact in declared.facts.values():
                    if fact.type == "partial_date":
                        first, last = row[f"{fact.name}_first"], row[f"{fact.name}_last"]
                        row[fact.name] = (first, last) if first and last else None
                house = str(row["id"]).partition("-")[0]
                if house in known:
                    known[house].setdefault(kind, {})[row["id"]] = row
                elif not {"person", "household"} & {*declared.refs, kind}:
                    common.setdefault(kind, {})[row["id"]] = row
        for rows in known.values():
            for kind in self.rulebook.kinds:
                rows[kind] = {**common.get(kind, {}), **rows.get(kind, {})}
        return known

    def members(self, house: str) -> list[str]:
        return sorted(self.known[house]["person"])

    # -- what happens ----------------------------------------------------------------------------

    def happen(self, house: str, number: int, key: str) -> None:
        """So many things more are known about a family, known otherwise, or not known any more."""
        told = [self.something(house, f"{key}-{each}") for each in range(number)]
        self.record([each for each in told if each is not None], key)

    def something(self, house: str, key: str) -> tuple[Subject, str, dict[str, object]] | None:
        known = self.known[house]
        if self.chance.random() < 0.15:
            kind, name = "claim", f"{house}-claim-{key}"
            declared = self.rulebook.kinds[kind]
            row = dict.fromkeys(declared.facts) | {
                fact.name: fact.starts
                for fact in declared.facts.values()
                if fact.starts is not None
            }
            row |= {"id": name, "person": self.chance.choice(self.members(house))}
            facts = {"person": row["person"], **self.change(declared)}
            known[kind][name] = row
        else:
            own = [
                (kind, name)
                for kind, rows in known.items()
                for name in rows
                if name.partition("-")[0] == house
            ]
            kind, name = self.chance.choice(own)
            facts = self.change(self.rulebook.kinds[kind])
        if not facts:
            return None
        for column, value in facts.items():
            fact = self.rulebook.kinds[kind].facts.get(column)
            dated = fact is not None and fact.type == "date" and value is not None
            known[kind][name][column] = date.fromisoformat(value) if dated else value
        return Subject(kind, name), "recorded", facts

    def anything(self, key: str) -> tuple[Subject, str, dict[str, object]]:
        """Whatever may happen to anybody, steps of every kind among it, whatever safeguards say."""
        person = self.chance.choice(self.members(self.chance.choice(self.houses)))
        kind = self.chance.choice(["move", "complaint", "incident", "consent", "person"])
        if kind == "move":
            moves = sorted(self.rulebook.moves())
            return Subject("person", person), self.chance.choice(moves), {}
        facts = self.change(self.rulebook.kinds[kind])
        if kind == "person":
            return Subject(kind, person), "recorded", facts
        if "person" in self.rulebook.kinds[kind].refs:
            facts["person"] = person
        return Subject(kind, f"{kind}-{key}"), "recorded", facts

    def change(self, declared):
        facts = [f for f in declared.facts.values() if f.type in ("boolean", "code", "date")]
        if not facts:
            return {}
        fact = self.chance.choice(facts)
        if self.chance.random() < 0.3:
            return {fact.name: None}
        if fact.type == "boolean":
            return {fact.name: self.chance.random() < 0.5}
        if fact.type == "code":
            return {fact.name: self.chance.choice(fact.allowed)}
        return {fact.name: (DAY - timedelta(days=self.chance.randrange(90))).isoformat()}

    def record(self, told, key: str) -> None:
        """What happened, never refused: an exception here fails the test."""
        actor, day = self.chance.choice(DESKS), DAY.isoformat()
        if len(told) == 1:
            about, what, facts = told[0]
            acts.record(actor, about, what, effective=day, facts=facts, idempotency_key=key)
        elif told:
            acts.record_batch(
                actor,
                [{"subject": about, "kind": what, "effective": day, "facts": facts}
                 for about, what, facts in told],
                idempotency_key=key,
            )  # fmt: skip
        self.did["recorded"] += len(told)

    # -- what is asked for -----------------------------------------------------------------------

    def plainly(self, house: str) -> dict[str, dict[str, object]]:
        """Person -> finding -> what the three-valued reader says of it."""
        rows = {kind: list(found.values()) for kind, found in self.known[house].items()}
        return {
            person: {
                f.key: self.interpreter.holds(
                    self.conditions[f.key], rows, person, on=DAY, destination=TO,
                    pathway=self.move.pathway,
                )
                for f in self.asked
            }
            for person in self.members(house)
        }  # fmt: skip

    def ask(self, house: str, key: str, page) -> None:
        truths = self.plainly(house)
        everybody = self.members(house)
        if page is None:
            try:
                acts.authorise(
                    self.chance.choice(DESKS), everybody, MOVE, TO, on=DAY, idempotency_key=key
                )
                authorised = True
            except acts.NotOpen:
                authorised = False
        else:
            everybody = everybody[:1]
            form = {"key": key, "effective": DAY.isoformat(), "destination": TO}
            answer = page.post(f"/people/{everybody[0]}/steps/{MOVE}/", form)
            assert answer.status_code in (303, 409), answer.status_code
            authorised = answer.status_code == 303
        wrong = {
            key
            for found in truths.values()
            for key, truth in found.items()
            if truth is not True
        }
        if authorised:
            assert not wrong & self.hard, (house, wrong)
            self.gone.add(house)
        assert authorised is not bool(wrong), (house, wrong)
        where = "page" if page is not None else "function"
        self.did[f"{where} {'authorised' if authorised else 'refused'}"] += 1


def walked(small, monkeypatch, *, families: int, rounds: int, happened: int, seed: int) -> Camp:
    """Ask for the step of every family, again and again, while things happen; then everything happens."""
    camp = Camp(small, families, seed, monkeypatch)
    officer = people.signed_in(people.account("reza", "repatriation_officer"))
    chance = camp.chance
    for number in range(rounds):
        waiting = [house for house in camp.houses if house not in camp.gone]
        if not waiting:
            break
        house = chance.choice(waiting)
        camp.happen(house, chance.choice((0, 1, 1, 2, 3)), f"s{number}")
        camp.ask(house, f"a{number}", officer if chance.random() < 0.15 else None)
    for number in range(happened):
        camp.record([camp.anything(f"{number}-{each}") for each in range(EACH)], f"m{number}")
    projection.ensure(small)
    assert projection.compare(small) == []
    assert verify.verify(small, deep=False).sound
    return camp


def enough(camp: Camp, *, acted: int, authorised: int) -> None:
    """Acts of every kind were there, or the walk would show nothing."""
    did = camp.did
    assert did.total() > acted, did
    assert min(did["function authorised"], did["function refused"]) >= authorised, did
    assert min(did["page authorised"], did["page refused"]) >= authorised // 10, did


# A server is asked a fifth of it: what is judged is the same code, and each act takes longer there.
PART = 1 if site_for_tests.DATABASE != "postgresql" else 5


@pytest.mark.slow
@pytest.mark.proof
def test_thousands_of_acts_authorise_nobody_wrongly_and_refuse_nothing_that_happened(
    small, monkeypatch
):
    camp = walked(
        small, monkeypatch, families=130, rounds=200 // PART, happened=100 // PART, seed=21
    )
    enough(camp, acted=1_300 // PART, authorised=30 // PART)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_times_thousands_of_acts(small, monkeypatch, seed):
    camp = walked(small, monkeypatch, families=400, rounds=1_000, happened=200, seed=seed)
    enough(camp, acted=4_000, authorised=100)
