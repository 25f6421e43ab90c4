"""Many operations at once: the same futures whoever computes them, and sums of futures."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from onward.engine import DuckEngine
from onward.forecast.building.inputs import Inputs
from onward.forecast.many import (
    FUTURES_SCHEMA,
    LEVELS_IN_1000,
    REGION,
    Closing,
    Job,
    Work,
    blocks,
    by_name,
    here,
    level_stages,
    seed_of,
)
from onward.forecast.simulator.draws import Discrete, Fixed, Gamma
from onward.forecast.simulator.model import Model, State, Transition

FUTURES, SEED, DAYS = 60, 5, (10, 40)


def inputs(people=200, rate=0.03):
    model = Model(
        states=[State("waiting"), State("home", present=False)],
        strata=["all"],
        sizes=[1, 4],
        start={("waiting", "all", 1): people, ("waiting", "all", 4): people // 10},
        transitions=[
            Transition("leave", "waiting", "home", hazard="pace", pathway="return"),
        ],
    )
    return Inputs(
        model=model, laws={"pace": Gamma(20, 20 / rate)}, columns={}, edges=(), sources={},
        rates=SimpleNamespace(learnt=None, movements={}), assumptions=(), left_out=(),
    )  # fmt: skip


def region(names=("ashraf", "brook", "cedar"), shared=(), scenarios=("as planned",), **kwargs):
    jobs = tuple(
        Job(name, scenario, inputs(people=100 + 50 * len(name)), DAYS)
        for name in names
        for scenario in scenarios
    )
    return Work(jobs, tuple(shared), kwargs.get("futures", FUTURES), SEED)


def rows(table, operation, day=DAYS[-1]):
    """Future -> people of one operation on one day."""
    return {
        row["future"]: row["people"]
        for row in table.to_pylist()
        if row["operation"] == operation and row["day"] == day
    }


def ordered(table):
    keys = [(name, "ascending") for name in ("operation", "scenario", "future", "day")]
    return table.sort_by(keys).combine_chunks()


def whole(work, block=FUTURES):
    return here(work, blocks(work.jobs, work.futures, block))


def test_every_future_of_every_job_is_there_once():
    work = region(scenarios=("as planned", "more places"))
    found = whole(work, block=17)
    assert found.schema.equals(FUTURES_SCHEMA)
    assert found.num_rows == 3 * 2 * FUTURES * len(DAYS)
    keys = {(r["operation"], r["scenario"], r["future"], r["day"]) for r in found.to_pylist()}
    assert len(keys) == found.num_rows


@pytest.mark.parametrize("block", [1, 7, 59, 500])
def test_how_the_work_is_cut_and_in_what_order_it_is_done_change_nothing(block):
    work = region(names=("ashraf", "brook"))
    tasks = blocks(work.jobs, FUTURES, block)
    backwards = tasks.take(pa.array(range(tasks.num_rows - 1, -1, -1), pa.int64()))
    assert ordered(here(work, backwards)).equals(ordered(whole(work)))


def test_an_operation_has_its_futures_whoever_else_is_in_the_region():
    alone = rows(whole(region(names=("brook",))), "brook")
    among = rows(whole(region()), "brook")
    assert alone == among
    assert alone != rows(whole(region()), "ashraf")
    assert seed_of(SEED, "brook") != seed_of(SEED, "ashraf")


def test_the_first_futures_of_a_longer_run_are_those_of_a_shorter():
    longer = rows(whole(region(names=("brook",), futures=90)), "brook")
    assert {n: longer[n] for n in range(FUTURES)} == rows(
        whole(region(names=("brook",))), "brook"
    )


def test_what_is_shared_happens_in_the_same_futures_everywhere_it_is_felt():
    border = Closing(
        "border", frozenset({"return"}), start=Discrete([0.0, 1000.0], [0.5, 0.5]),
        lasts=Fixed(500.0), operations=frozenset({"ashraf", "brook"}),
    )  # fmt: skip
    found = whole(region(shared=[border]))
    open_ = whole(region())
    stuck = {}
    for name in ("ashraf", "brook", "cedar"):
        start = inputs(people=100 + 50 * len(name)).model.people_at_start
        stuck[name] = {n for n, people in rows(found, name).items() if people == start}
    assert stuck["ashraf"] == stuck["brook"]
    assert 15 < len(stuck["ashraf"]) < 45
    assert not stuck["cedar"]
    # Where it is not felt, and in the futures in which it does not happen, nothing changed.
    assert rows(found, "cedar") == rows(open_, "cedar")
    for n in set(range(FUTURES)) - stuck["ashraf"]:
        assert rows(found, "ashraf")[n] == rows(open_, "ashraf")[n]


def levels_of(table):
    return DuckEngine(memory_gb=1, threads=1).run(
        level_stages(), {"futures": table}, ["levels"]
    )["levels"]


def test_a_region_sums_futures_and_not_quantiles():
    work = region()
    found = whole(work)
    levels = levels_of(found)
    per_operation = np.array([list(rows(found, name).values()) for name in ("ashraf", "brook", "cedar")])  # fmt: skip
    total = np.sort(per_operation.sum(axis=0))
    at = by_name(levels)[("as planned", DAYS[-1])]
    for name, q in LEVELS_IN_1000.items():
        assert at[name] == np.quantile(total, q / 1000, method="inverted_cdf"), name
    # Independent operations even out: the sum of their quantiles would be too wide.
    summed = {
        name: sum(by_name(levels, op)[("as planned", DAYS[-1])][name] for op in ("ashraf", "brook", "cedar"))
        for name in LEVELS_IN_1000
    }  # fmt: skip
    assert at["q975"] - at["q025"] < summed["q975"] - summed["q025"]
    assert {row["operation"] for row in levels.to_pylist()} == {
        "ashraf",
        "brook",
        "cedar",
        REGION,
    }


@pytest.mark.slow
@pytest.mark.proof
def test_spark_gives_the_same_futures_and_levels_however_the_work_is_cut():
    from onward.engine.spark import SparkEngine

    border = Closing(
        "border", frozenset({"return"}), Discrete([5.0, 900.0], [0.4, 0.6]), Fixed(20)
    )
    work = region(shared=[border], scenarios=("as planned", "more places"))
    expected = whole(work)
    engine = SparkEngine(
        master="local[2]", memory_gb=1, partitions=3, java="-XX:TieredStopAtLevel=1"
    )
    try:
        for block, pieces in ((25, 5), (60, 1)):
            found = engine.map_blocks(
                work, blocks(work.jobs, FUTURES, block), FUTURES_SCHEMA, pieces=pieces,
                stages=level_stages(), name="futures", outputs=["futures", "levels"],
            )  # fmt: skip
            assert ordered(found["futures"]).equals(ordered(expected))
            assert found["levels"].equals(levels_of(expected))
    finally:
        engine.close()
