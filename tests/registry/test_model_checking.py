"""Random weeks of random families: no step opens that a plain reading of the rulebook forbids,
and nothing that happens cannot be recorded.

Each family starts with everything in place for an exit; then things happen to it, in any order:
facts change or become unknown, consents are withdrawn, complaints and fears come in, people
leave, die and come back. The log is folded and judged by the product; beside it a dictionary is
kept by the test and judged by the three-valued reader of conditions, which shares no code with
the SQL.
"""

from __future__ import annotations

import random

import pytest
from random_families import SHIPPED, Camp

from onward.caseload import events_table, fold
from onward.caseload.events import event_faults
from onward.engine import DuckEngine
from onward.safeguards.evaluate import asked_findings
from onward.safeguards.everybody import evaluate_all

ENGINE = DuckEngine(threads=2)
CHUNK = 500


def check(camp: Camp, number: int, seed: int):
    """Judge `number` families both ways; returns (open steps, closed steps) that were compared."""
    chance = random.Random(seed)
    opened = closed = 0
    for _ in range(max(number // CHUNK, 1)):
        log, worlds, day = camp.families(min(CHUNK, number), chance)
        refused = [fault for event in log for fault in event_faults(event, camp.rulebook)]
        assert refused == [], refused[:3]
        caseload = fold(
            events_table(log, camp.rulebook), camp.rulebook, as_of=day, engine=ENGINE
        )
        steps = evaluate_all(caseload, on=day, engine=ENGINE)
        rows_of = {
            person: {kind: list(rows.values()) for kind, rows in world["rows"].items()}
            for world in worlds
            for person in world["rows"]["person"]
        }
        destinations = caseload.people["intended_destination"].to_pylist()
        pathways = caseload.people["intended_pathway"].to_pylist()
        clear = steps.table["clear"].to_pylist()
        opens = steps.table["open"].to_pylist()
        at = steps.table["at"].to_pylist()
        for row, person in enumerate(steps.table["person"].to_pylist()):
            move = steps.moves[int(steps.step[row])]
            if not clear[row] and chance.random() < 0.98:
                continue
            rows = rows_of[person]
            own = int(steps.person_row[row])
            pathway = (
                pathways[own] if move.pathway in ("", "common", "chosen") else move.pathway
            )
            destination = None if move.pathway == "handover" else destinations[own]
            truths = {
                f.key: camp.interpreter.holds(
                    camp.conditions[f.key], rows, person, on=day,
                    destination=destination, pathway=pathway,
                )
                for f in asked_findings(camp.rulebook, move, at[row])
            }  # fmt: skip
            plain = all(truth is True for truth in truths.values())
            failed = {key for key, truth in truths.items() if truth is not True}
            assert clear[row] is plain, (move.key, person, failed, steps.failed_findings(row))
            if opens[row]:
                opened += 1
                assert not failed & camp.hard
            else:
                closed += 1
    return opened, closed


@pytest.fixture(scope="module", params=SHIPPED)
def camp(request):
    return Camp(request.param)


def test_five_hundred_random_weeks(camp):
    opened, closed = check(camp, 500, seed=11)
    assert opened > 100
    assert closed > 100


@pytest.mark.slow
@pytest.mark.proof
def test_ten_thousand_random_weeks(camp):
    opened, closed = check(camp, 5_000, seed=12)
    assert min(opened, closed) > 1_000


BLOCKS, IN_BLOCK = 100, 5_000
"""Of a million: each rulebook's families, in blocks that can be run one by one (`million.py`)."""


def check_block(camp: Camp, block: int) -> tuple[int, int]:
    return check(camp, IN_BLOCK, seed=1_000 + block)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_million_random_weeks(camp, block):
    opened, closed = check_block(camp, block)
    assert min(opened, closed) > 1_000
