"""Prices, ranges and pledges where prices guided the search, against the whole linear program."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import numpy as np
import placement_cast as cast
import pytest
from test_doors import SCHEMA

from onward.placement import propose
from onward.placement.inputs.aims import Floor, read_aims
from onward.placement.problem.compiling import stage_values
from onward.placement.solving import floors
from onward.placement.solving.one_more import rising
from onward.placement.solving.programs.program import Program
from onward.placement.solving.proposal import Proposal
from onward.placement.telling import margin, worth
from onward.placement.telling.document import document

AIMS = read_aims()
CROWDS = range(24)


def by_prices(number: int, monkeypatch: pytest.MonkeyPatch) -> Proposal:
    """A crowd's proposal, made as a large one is."""
    monkeypatch.setattr(propose, "EXACT_UNITS", -1)
    monkeypatch.setattr(propose, "EXACT_WHEN_BOUND", -1)
    return propose.propose(cast.crowd(number), AIMS, seconds=20)


class Whole:
    """The linear program over all choices."""

    def __init__(self, proposal: Proposal) -> None:
        c = proposal.compiled
        self.model = c.model
        self.value = stage_values(
            c, "protection", c.model.unit_of_column(), np.arange(c.model.columns)
        )
        self.rising = rising(c)
        self.program = Program(c.model, grouped=False)
        self.program.must_place(np.flatnonzero(c.must))

    def most(self, row: int = 0, more: float = 0.0, pledge: tuple[int, float] | None = None) -> float | None:  # fmt: skip
        if pledge is not None:
            column = np.array([self.program.m + pledge[0]])
            self.program.set_range(column, pledge[1], pledge[1])
        rises = self.rising[row]
        for r, by in rises.items():
            self.program.set_limit(r, float(self.model.limit[r]) + by * more)
        found = self.program.relax(self.value)
        for r in rises:
            self.program.set_limit(r, float(self.model.limit[r]))
        if pledge is not None:
            self.program.set_range(column, 0.0, 1.0)
        return None if found is None else found.value


def test_prices_and_ranges_are_those_of_the_whole_linear_program(monkeypatch):
    priced = 0
    for number in CROWDS:
        proposal = by_prices(number, monkeypatch)
        if proposal.price is None or not proposal.compiled.model.columns:
            continue
        found = margin.margin_of(proposal)
        whole = Whole(proposal)
        now = whole.most()
        assert (found is None) == (now is None), number
        if found is None or now is None:
            continue
        assert found.prices.value == pytest.approx(now, abs=1e-5), number
        for line in worth.worth(proposal, found):
            row = next(
                r for r, i in enumerate(whole.model.rows)
                if (i.name, i.kind) == (line["limit"], line["kind"])
            )  # fmt: skip
            price, most = line["worth_of_one_more"], line["holds_for_more"]
            if not price or not most:
                continue
            priced += 1
            for more in {min(1.0, most), most}:
                assert whole.most(row, more) == pytest.approx(now + price * more, abs=1e-4), (number, line, more)  # fmt: skip
    assert priced > 20


def test_a_pledge_is_worth_what_the_whole_linear_program_says(monkeypatch):
    priced = 0
    for number in CROWDS:
        proposal = by_prices(number, monkeypatch)
        if proposal.price is None or not proposal.compiled.pledges:
            continue
        found = margin.margin_of(proposal)
        if found is None:
            continue
        whole = Whole(proposal)
        for k, line in enumerate(worth.pledges(proposal, found)):
            met, unmet = (whole.most(pledge=(k, x)) for x in (1.0, 0.0))
            if met is None or unmet is None:
                assert line["price"] is None
                continue
            priced += 1
            assert line["price"] == pytest.approx(met - unmet, abs=1e-4), number
    assert priced > 10


def test_what_is_not_worked_out_is_said_with_how_to_ask(monkeypatch):
    proposal = next(
        p for number in CROWDS
        if (p := by_prices(number, monkeypatch)).compiled.pledges and p.state != "infeasible"
    )  # fmt: skip
    assert document(proposal)["not_worked_out"] == []
    monkeypatch.setattr(margin, "MOST_UNITS", 0)
    monkeypatch.setattr(worth, "EXACT_WHEN_BOUND", -1)
    content = document(proposal)
    jsonschema.validate(content, SCHEMA)
    assert {row["holds_for_more"] for row in content["limits"]} == {None}
    assert {row["price"] for row in content["pledges"]} == {None}
    ranges, conditions = content["not_worked_out"]
    assert "--what-if" in ranges
    assert "--what-if" in conditions


@pytest.mark.parametrize(
    ("what", "so_many", "said"),
    [
        ("MOST_UNITS", -1, "this is not worked out for more than"),
        ("LEAST_SECONDS", 1e9, "time ended first"),
    ],
)
def test_a_floor_that_is_not_priced_says_so_and_why(monkeypatch, what, so_many, said):
    monkeypatch.setattr(propose, "EXACT_UNITS", -1)
    monkeypatch.setattr(propose, "EXACT_WHEN_BOUND", -1)
    aims = replace(AIMS, floors=(Floor("large families", {"min_size": 4}, 0.1),))
    tables = replace(cast.crowd(1), locks=())
    priced = document(propose.propose(tables, aims, seconds=20))
    assert [line["floor"] for line in priced["floors"]] == ["large families"]
    assert not any("floor" in line for line in priced["not_worked_out"])
    monkeypatch.setattr(floors, what, so_many)
    content = document(propose.propose(tables, aims, seconds=20))
    jsonschema.validate(content, SCHEMA)
    assert content["floors"] == []
    (line,) = [
        x for x in content["not_worked_out"] if x.startswith("What the floor large families")
    ]
    assert said in line
