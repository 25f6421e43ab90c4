"""The clock decides nothing: it may only stop a search, and then the proposal says so.

Two runs that were not stopped are the same to the byte, whatever time they were allowed and whatever
else the machine had to do. One that was stopped says `time_limit`, whichever aim it was at, and nobody
whom last week's proposal placed is lost by it.
"""

from __future__ import annotations

import multiprocessing
import random
from dataclasses import replace

import numpy as np
import pytest

from onward.errors import Faults
from onward.placement.inputs.aims import parse_aims, read_aims
from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import Case, Limit, Pledge, Selector, Tables, Window
from onward.placement.problem.compiling import compile_tables, stage_values
from onward.placement.propose import EXACT_WHEN_BOUND, propose
from onward.placement.solving.programs.program import Program
from onward.placement.telling.document import document, to_json

AIMS = read_aims()
LONG = 300.0  # seconds that nothing here comes near


def office(cases: int = 60, seed: int = 7) -> Tables:
    """An office with more families than places, some linked, with caps, an earmark and a condition."""
    rng = random.Random(seed)
    names = [f"P{k}" for k in range(5)]
    people = tuple(
        Case(f"C{i:04d}", rng.choice([1, 1, 2, 2, 3, 5]), nationality=rng.choice("ABC"),
             category=rng.choice(["LPN", "WGR", "MED"]),
             priority=rng.choice(["normal"] * 8 + ["urgent", "emergency"]),
             linked_to=(f"C{i - 1:04d}",) if i % 12 == 1 else (),
             preferred=tuple(rng.sample(names, rng.choice([0, 1, 2]))),
             consents=tuple(n for n in names if rng.random() < 0.7))
        for i in range(cases)
    )  # fmt: skip
    places = sum(c.size for c in people) * 0.04
    windows = tuple(
        Window(p, max(1, int(places * rng.uniform(0.4, 1.6))), w)
        for p in names
        for w in ("a", "b")
    )
    return Tables(
        people, windows,
        (Limit("A", "P0", 4, who=Selector(nationalities=("A",))),
         Limit("E", "P1", 3, kind="earmark", who=Selector(categories=("WGR",)))),
        (Pledge("K", "P2", 4, "P3", 3, "a"),),
        tuple(Score(c.case, p, round(rng.random(), 3)) for c in people for p in names),
    )  # fmt: skip


def busy(stop) -> None:
    while not stop.is_set():
        sum(range(10_000))


@pytest.fixture
def load():
    """Other work on every core, and more of it than there are cores."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    others = [context.Process(target=busy, args=(stop,), daemon=True) for _ in range(4)]
    for other in others:
        other.start()
    yield
    stop.set()
    for other in others:
        other.join()


def test_the_same_input_is_the_same_proposal_whatever_time_it_may_take(load):
    proposals = [propose(office(40), AIMS, seconds=n * LONG) for n in (1, 2, 10)]
    assert proposals[0].state in ("optimal", "within_gap")
    assert len({to_json(document(p)) for p in proposals}) == 1


@pytest.mark.parametrize(
    "name", ["emergencies", "protection", "together", "who", "outcome", "lottery"]
)
def test_a_proposal_that_time_stopped_at_any_aim_says_so(monkeypatch, name):
    solve = Program.solve
    asked = [x for x in AIMS.order()[0] if x != "keep"]  # nobody has been proposed before
    met = []

    def stopped(self, value, **how):
        met.append(asked[len(met)])
        found = solve(self, value, **how)
        return replace(found, by_clock=True) if met[-1] == name else found

    assert propose(office(24), AIMS, seconds=LONG).state in ("optimal", "within_gap")
    monkeypatch.setattr(Program, "solve", stopped)
    proposal = propose(office(24), AIMS, seconds=LONG)
    assert met == asked
    assert proposal.state == "time_limit"


def test_a_search_that_time_ended_is_known_to_have_been_ended_by_it():
    t = office()
    assert propose(t, AIMS, seconds=1e-9).state == "time_limit"
    compiled = compile_tables(t, AIMS, seed=1)
    program = Program(compiled.model)
    value = stage_values(compiled, "outcome", program.unit, np.arange(compiled.model.columns))
    counted = program.solve(value, gap=0.0, seconds=LONG, nodes=0, tight=True)
    assert counted.limit_hit
    assert not counted.by_clock


@pytest.mark.parametrize("seconds", [1e-9, 0.05, 0.3])
def test_nobody_of_last_week_is_lost_to_the_clock(seconds):
    t = office()
    before = propose(t, AIMS, seconds=LONG)
    last = before.places()
    now = propose(replace(t, previous=last), AIMS, seconds=seconds)
    assert now.places() == last
    mine = {s.name: s.value for s in now.stages}
    for stage in before.stages:
        if stage.name in ("emergencies", "protection", "together"):
            assert mine[stage.name] == pytest.approx(stage.value)


def test_last_weeks_people_come_first_though_others_drew_higher():
    cases = tuple(Case(f"C{i}", 2) for i in range(6))
    t = Tables(
        cases, (Window("North", 6),), previous={f"C{i}": ("North", "") for i in (0, 1, 2)}
    )
    for seed in range(8):
        assert set(propose(t, AIMS, seed=seed).places()) == {"C0", "C1", "C2"}


def test_one_of_last_week_is_not_lost_to_a_larger_family_that_drew_high():
    # an urgent person counts as much as two others
    cases = (Case("C1", 1, priority="urgent"), Case("C2", 2))
    t = Tables(cases, (Window("North", 2),), previous={"C1": ("North", "")})
    for seed in range(8):
        assert set(propose(t, AIMS, seed=seed).places()) == {"C1"}


# --- the order of the aims ---------------------------------------------------------------------

WHETHER_FIRST = """version: 1
stages:
  - {name: outcome, decides: where_and_whether, may_lose: 0}
  - protection
  - who
"""


def two_for_one_place(more: int = 0) -> Tables:
    """An urgent case and one that is no more than likely to do well, for one place; and others
    whom no programme takes."""
    cases = (Case("C1", 1, priority="urgent"), Case("C2", 1))
    others = tuple(Case(f"X{i}", 9) for i in range(more))
    scores = (Score("C1", "North", 0.2), Score("C2", "North", 0.9))
    return Tables((*cases, *others), (Window("North", 1),), scores=scores)


def test_outcome_first_is_obeyed_where_every_aim_is_an_exact_program():
    assert set(propose(two_for_one_place(), parse_aims(WHETHER_FIRST)).places()) == {"C2"}
    assert set(propose(two_for_one_place(), AIMS).places()) == {"C1"}
    many = two_for_one_place(EXACT_WHEN_BOUND - 2)
    assert set(propose(many, parse_aims(WHETHER_FIRST)).places()) == {"C2"}


def test_more_families_than_exact_programs_take_are_refused_an_order_that_prices_cannot_keep():
    many = two_for_one_place(EXACT_WHEN_BOUND - 1)
    with pytest.raises(Faults) as refused:
        propose(many, parse_aims(WHETHER_FIRST))
    (fault,) = refused.value.faults
    assert (fault.file, fault.where) == ("aims", "stages")
    assert "outcome, protection, who" in fault.found
    assert "2,001 families" in fault.found
    assert "emergencies, protection, together, who, outcome, keep, lottery" in fault.allowed
    assert "2,000 families" in fault.remedy
    assert set(propose(many, AIMS).places()) == {"C1"}


@pytest.mark.parametrize(
    "stages", ["[outcome, protection]", "[protection, outcome, who]", "[outcome]"]
)
def test_an_outcome_that_chooses_places_alone_stands_after_what_settles_who(stages):
    with pytest.raises(Faults) as refused:
        parse_aims(f"version: 1\nstages: {stages}\n")
    (fault,) = refused.value.faults
    assert "decides where only" in fault.found
    assert "where_and_whether" in fault.allowed
