"""What one more place is said to be worth, judged by giving that place in the tables and solving again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import placement_cast as cast
import pytest
import test_brute_force as small

from onward.placement import propose as way
from onward.placement.deciding.overrides import predicted_cost
from onward.placement.inputs.aims import Aims, read_aims
from onward.placement.inputs.tables import Case, Limit, Lock, Selector, Tables, Window
from onward.placement.problem.compiling import compile_tables, stage_values
from onward.placement.propose import propose
from onward.placement.solving.programs.program import Program
from onward.placement.telling.document import document

AIMS = read_aims()


def relaxed(tables: Tables, aims: Aims) -> tuple[float, int] | None:
    """The value of the linear program of protection, and how many choices there are."""
    c = compile_tables(tables, aims, seed=1)
    if not c.model.columns:
        return None
    program = Program(c.model, grouped=False)
    program.must_place(np.flatnonzero(c.must))
    unit = c.model.unit_of_column()
    found = program.relax(stage_values(c, "protection", unit, np.arange(c.model.columns)))
    return None if found is None else (found.value, c.model.columns)


def given(tables: Tables, line: dict) -> Tables:
    """The tables with one more of what a line of the limits is about."""
    if line["kind"] == "places":
        return replace(
            tables,
            windows=tuple(
                replace(w, persons=w.persons + 1)
                if (w.programme, w.window) == (line["programme"], line["window"])
                else w
                for w in tables.windows
            ),
        )
    more = -1 if line["kind"] == "earmark" else 1
    return replace(
        tables,
        limits=tuple(
            replace(x, persons=max(0, x.persons + more)) if x.limit == line["limit"] else x
            for x in tables.limits
        ),
    )


def judged(tables: Tables, aims: Aims, content: dict) -> int:
    """No line promises too little, or anything else than what one more brings where it says that it
    holds for one; how many were judged that are worth something."""
    now = relaxed(tables, aims)
    told = 0
    for line in content["limits"]:
        if now is None or line["worth_of_one_more"] is None:
            continue
        then = relaxed(given(tables, line), aims)
        if then is None or then[1] != now[1]:
            continue  # another case may come in now: the linear program is another
        brings = then[0] - now[0]
        if line["kind"] == "earmark" and not next(
            x.persons for x in tables.limits if x.limit == line["limit"]
        ):
            continue  # an earmark of nothing cannot keep fewer
        assert line["worth_of_one_more"] >= brings - 1e-5, line
        if (line["holds_for_more"] or 0) >= 1:
            assert line["worth_of_one_more"] == pytest.approx(brings, abs=1e-5), line
            told += brings > 1e-6
    return told


def test_one_more_is_worth_what_it_brings_in_small_problems():
    told = 0
    for number in range(120):
        tables, aims = small.problem(number)
        aims = replace(aims, floors=())
        proposal = propose(tables, aims)
        if proposal.state == "infeasible" or aims.stage("protection").options["use_acceptance"]:
            continue
        told += judged(tables, aims, document(proposal))
    assert told > 25


@pytest.mark.parametrize("by_prices", [False, True])
def test_one_more_is_worth_what_it_brings_in_crowds(by_prices, monkeypatch):
    if by_prices:
        monkeypatch.setattr(way, "EXACT_UNITS", -1)
        monkeypatch.setattr(way, "EXACT_WHEN_BOUND", -1)
    told = 0
    for number in range(12):
        tables = replace(cast.crowd(number), locks=())
        told += judged(tables, AIMS, document(propose(tables, AIMS, seconds=20)))
    assert told > 10


def shared(persons: int) -> Tables:
    """A window whose places are all kept, half for one kind of cases, half for another."""
    cases = tuple(Case(f"C{i}", 1, category="AB"[i % 2]) for i in range(12))
    return Tables(
        cases,
        (Window("North", persons), Window("South", 0)),
        (
            Limit("for A", "North", persons // 2, kind="earmark", who=Selector(("A",))),
            Limit(
                "for B", "North", persons - persons // 2, kind="earmark", who=Selector(("B",))
            ),
        ),
    )


def test_a_place_where_everything_is_kept_for_somebody_is_worth_a_person():
    lines = {x["limit"]: x for x in document(propose(shared(6), AIMS))["limits"]}
    assert lines["North"]["worth_of_one_more"] == 1
    assert lines["North"]["holds_for_more"] == 1
    assert lines["for A"]["worth_of_one_more"] == 0, "the places are full as well"


def test_holding_back_one_of_many_equal_cases_is_expected_to_cost_nobody_a_place():
    proposal = propose(shared(6), AIMS)
    held = min(proposal.places())
    assert predicted_cost(proposal, Lock(held, ""))["weighted_persons"] == 0
    again = propose(replace(shared(6), locks=(Lock(held, ""),)), AIMS)
    assert len(again.places()) == len(proposal.places())


def test_holding_back_a_case_that_nobody_waits_behind_is_expected_to_cost_its_persons():
    tables = Tables((Case("C0", 2), Case("C1", 2)), (Window("North", 4),))
    proposal = propose(tables, AIMS)
    assert predicted_cost(proposal, Lock("C0", ""))["weighted_persons"] == 2
