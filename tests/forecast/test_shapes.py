"""Queues and sieves are told from plain waits, and only when the log speaks clearly."""

import numpy as np
import pytest

from onward.forecast.learning.shapes import PLAIN, Waited, log_left, shape_of, waited_by_state

EDGES = np.array([0, 3, 7, 14, 21, 28, 42, 56, 84, 112, 168, 252, 365, 548, 100_000.0])


def seen(waits, ended, step=True):
    """Waits in days, ended or still going on, as the caseload counts them."""
    low, high = EDGES[:-1], EDGES[1:]
    days = np.array(
        [np.clip(waits, a, b).sum() - a * len(waits) for a, b in zip(low, high, strict=True)]
    )
    into = np.searchsorted(EDGES, waits, side="right") - 1
    moves = np.bincount(into[ended], minlength=len(low)).astype(float)
    still = np.bincount(into[~ended], minlength=len(low)).astype(float)
    nobody = np.zeros(len(low))
    return Waited(low, high, days, still, *((moves, nobody) if step else (nobody, moves)))


def watched(rng, waits, longest=200):
    """Everybody entered on some day of the last `longest`, and is watched until today."""
    until = rng.uniform(0, longest, len(waits))
    return np.minimum(waits, until), waits < until


@pytest.mark.parametrize("stages", [2, 4, 8])
def test_a_queue_of_known_stages_is_recovered_although_many_still_wait(stages):
    rng = np.random.default_rng(stages)
    waits, ended = watched(rng, rng.gamma(stages, 60 / stages, 1500))
    shape = shape_of(seen(waits, ended))
    assert 0.6 * stages <= shape.stages <= 1.6 * stages
    rate = ended.sum() / waits.sum()
    assert 1 / (shape.scale * rate) == pytest.approx(60, rel=0.08)
    assert sum(shape.start) == pytest.approx(1, abs=1e-4)


def test_a_wait_without_memory_stays_plain():
    found = []
    for seed in range(60):
        rng = np.random.default_rng([1, seed])
        waits, ended = watched(rng, rng.exponential(60, 300))
        found.append(shape_of(seen(waits, ended)))
    assert np.mean([shape == PLAIN for shape in found]) > 0.9


def test_those_who_want_to_go_go_first():
    rng = np.random.default_rng(4)
    eager = rng.random(3000) < 0.5
    waits, ended = watched(rng, rng.exponential(np.where(eager, 15, 300)))
    shape = shape_of(seen(waits, ended, step=False))
    assert len(shape.ages) == 1
    assert shape.weights[1] < 0.4
    # of those who wait today most are of the slow kind
    assert shape.start[1] > 0.5


def test_families_are_one_piece_of_evidence():
    rng = np.random.default_rng(5)
    waits, ended = watched(rng, rng.gamma(2, 30, 60))
    four = seen(np.repeat(waits, 4), np.repeat(ended, 4))
    assert shape_of(four, family=4).gain == pytest.approx(
        shape_of(seen(waits, ended)).gain, abs=1e-6
    )
    assert shape_of(four).gain > shape_of(four, family=4).gain


def test_few_decisions_are_not_enough():
    rng = np.random.default_rng(6)
    waits, ended = watched(rng, rng.gamma(8, 7, 7))
    assert shape_of(seen(waits, ended)) == PLAIN


def test_the_share_still_waiting_is_that_of_an_erlang_wait():
    from scipy.stats import gamma

    times = np.array([0.0, 5, 30, 100, 400])
    for stages in (1, 2, 12):
        got = log_left(stages, np.array([40.0, 80.0]), times)
        due = [gamma.logsf(times, stages, scale=mean / stages) for mean in (40.0, 80.0)]
        assert got == pytest.approx(np.array(due), abs=1e-9)


def test_rows_become_arrays_by_state_and_what_is_not_asked_for_is_left_out():
    def row(low, move, days, waiting, moved):
        return {"forecast_state": "s", "waited_from": low, "waited_days": 7, "move": move,
                "to_state": None, "person_days": days, "waiting": waiting,
                "transitions": moved}  # fmt: skip

    rows = [row(0, None, 50, 3, 0), row(7, None, 20, 4, 0), row(0, "a", 0, 0, 2),
            row(7, "b", 0, 0, 5), row(7, "death", 0, 0, 1)]  # fmt: skip
    one = waited_by_state(rows, {("s", "a"): True, ("s", "b"): False})["s"]
    assert one.days.tolist() == [50, 20]
    assert one.waiting.tolist() == [3, 4]
    assert (one.steps.tolist(), one.others.tolist()) == ([2, 0], [0, 5])
