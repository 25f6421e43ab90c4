"""Paces of other operations: what they say of a pace here, and what they are refused for."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from onward.errors import Faults
from onward.forecast.learning.elsewhere import Borrowed, aligned, borrowed
from onward.forecast.learning.estimate import Observed, fit
from onward.forecast.learning.paces import Paces, Seen, check, digests, read, steps_taken
from onward.report.paces import released
from onward.report.saying import taken
from onward.report.texts import TEXTS
from onward.rulebook import load, shipped_path

STEPS = [(f"s{i}", f"m{i}", f"t{i}") for i in range(12)]
GUESS = (math.log(0.01), 1.0)
NONE = np.zeros(len(STEPS), bool)


def other(name, paces, days=20_000.0, *, luck=0.05, hide=False):
    """An operation that saw its moves at these paces for so many family-days."""
    rng = np.random.default_rng(sum(name.encode()))
    seen = [
        Seen(step, float(rng.poisson(pace * days)), days)
        for step, pace in zip(STEPS, paces, strict=True)
    ]
    made = Paces(name, "protected-camp", "1", luck, 0, seen)
    return released(made, 100) if hide else made


def lent(given, families, days, *, moody=NONE, likened=True):
    return borrowed(
        aligned(given, STEPS, [True] * len(STEPS)), np.array(families, float),
        np.array(days, float), 0.02, GUESS, [likened] * len(STEPS), moody,
    )  # fmt: skip


def middles(rng):
    return np.exp(math.log(0.01) + 0.8 * rng.standard_normal(len(STEPS)))


def operations(rng, many, spread, middle):
    return [
        other(f"op{n}", middle * np.exp(spread * rng.standard_normal(len(STEPS))))
        for n in range(many)
    ]


@pytest.mark.parametrize("spread", [0.15, 0.4, 0.9])
def test_a_planted_spread_between_operations_is_recovered(spread):
    rng = np.random.default_rng(7)
    found = [
        lent(operations(rng, 6, spread, middles(rng)), [0] * 12, [0] * 12).kinds[0].among
        for _ in range(6)
    ]
    assert np.mean(found) == pytest.approx(spread, rel=0.25)


def test_a_law_holds_the_pace_here_as_often_as_it_says():
    """Operations drawn with a spread between them; this one is one more of them."""
    rng = np.random.default_rng(11)
    inside = total = 0
    for _ in range(25):
        middle = middles(rng)
        here = middle * np.exp(0.4 * rng.standard_normal(len(STEPS)))
        days = np.where(np.arange(len(STEPS)) < 6, 5_000, 0.0)
        seen = rng.poisson(here * days)
        found = lent(operations(rng, 3, 0.4, middle), seen, days)
        for move in range(6, 12):
            mean, variance = found.laws[move]
            inside += abs(math.log(here[move]) - mean) < 1.645 * math.sqrt(variance)
            total += 1
    assert 0.86 <= inside / total <= 0.99


def test_a_move_never_seen_here_takes_the_others_with_all_the_doubt_between_operations():
    paces = [0.004 * 2 ** (i % 3) for i in range(12)]
    few = lent([other("one", paces)], [0] * 12, [0] * 12)
    many = lent([other(f"op{n}", paces) for n in range(8)], [0] * 12, [0] * 12)
    for found in (few, many):
        assert math.exp(found.laws[0][0]) == pytest.approx(0.004, rel=0.25)
        assert found.laws[0][1] > 0.2**2, "operations differ, whatever they agree on"
    assert few.laws[0][1] > 1.5 * many.laws[0][1], (
        "one operation says little of how they differ"
    )


def observed(people, days, *, steps=True):
    return Observed(
        [(step[0], step[2]) for step in STEPS], ("all",), np.array([100.0]),
        np.array(people, float).reshape(-1, 1, 1), np.array(days, float).reshape(-1, 1, 1),
        1.0, steps=[steps] * len(STEPS), moody=[False] * len(STEPS),
    )  # fmt: skip


def test_a_move_often_seen_here_hardly_changes_and_one_never_seen_goes_by_the_others():
    seen = observed([500] * 11 + [0], [50_000] * 11 + [0])
    given = [other(f"op{n}", [0.01] * 6 + [0.03] * 5 + [0.2]) for n in range(3)]
    alone, pooled = fit(seen), fit(seen, others=aligned(given, STEPS, [True] * 12))
    for move in range(11):
        assert pooled.mean(move, 0) == pytest.approx(alone.mean(move, 0), rel=0.03)
    assert pooled.mean(11, 0) > 5 * alone.mean(11, 0)
    assert pooled.borrowed.operations == 3
    assert pooled.borrowed.said(12).startswith(
        "Paces of 3 other operations were used for 12 of 12 moves"
    )
    assert fit(seen, others=aligned([], STEPS, [True] * 12)).posteriors == alone.posteriors


def test_others_that_are_far_off_where_this_record_speaks_are_believed_less_where_it_does_not():
    here = [200] * 8 + [0] * 4
    near = [other(f"op{n}", [0.01] * 12) for n in range(3)]
    far = [
        other(f"op{n}", [0.01 * (8 if i % 2 else 1 / 8) for i in range(8)] + [0.01] * 4)
        for n in range(3)
    ]
    days = [20_000] * 8 + [0] * 4
    sure, unsure = lent(near, here, days), lent(far, here, days)
    assert unsure.laws[11][1] > 4 * sure.laws[11][1]


def test_what_all_moves_of_a_kind_share_here_is_learnt_and_carried_to_those_not_seen():
    """A leadership that holds people back slows everything people choose, and no office."""
    given = [other(f"op{n}", [0.01] * 12) for n in range(3)]
    moody = np.arange(12) < 6
    slow = [40] * 5 + [0] + [200] * 5 + [0]
    days = [20_000] * 5 + [0] + [20_000] * 5 + [0]
    found = lent(given, slow, days, moody=moody)
    assert math.exp(found.laws[5][0]) == pytest.approx(0.002, rel=0.35)
    assert math.exp(found.laws[11][0]) == pytest.approx(0.01, rel=0.25)
    assert found.kinds[0].shift < -1
    assert abs(found.kinds[1].shift) < 0.2


def test_a_hidden_count_is_taken_as_a_small_one_and_not_left_out():
    """Else only the operations in which a move is common would speak of it."""
    common = other("a", [0.01] * 12)
    rare = replace(
        other("b", [0.01] * 12), hidden=10,
        moves=[Seen(step, None, 20_000.0) for step in STEPS],
    )  # fmt: skip
    none = [0] * 12
    assert (
        lent([common, rare], none, none).laws[0][0]
        < lent([common], none, none).laws[0][0] - 0.5
    )


def test_that_others_did_not_see_a_move_is_no_reason_to_expect_it():
    never = other("a", [0.0] * 12)
    assert lent([never], [0] * 12, [0] * 12).laws == {}
    assert steps_taken([never]) == frozenset()


def test_where_a_capacity_or_a_convoy_sets_the_pace_here_the_others_are_not_asked():
    given = [other("a", [0.01] * 12)]
    usable = [i != 3 for i in range(12)]
    found = borrowed(
        aligned(given, STEPS, usable),
        np.zeros(12),
        np.zeros(12),
        0.02,
        GUESS,
        [True] * 12,
        NONE,
    )
    assert set(found.laws) == set(range(12)) - {3}


@pytest.mark.parametrize("many", [1, 3])
def test_what_is_said_of_it_is_a_text_that_other_languages_know(many):
    said = Borrowed({4: (-4.0, 0.3)}, many, ()).said(12)
    assert said.startswith(f"Paces of {many} other operation")
    assert taken(said) in TEXTS


# -- the file ---------------------------------------------------------------------------------


def test_small_counts_are_hidden_and_the_others_rounded_before_anything_leaves():
    paces = [0.0004, 0.0006, 0.00071, *[0.0101] * 9]
    counted = replace(
        other("a", [0.01] * 12),
        moves=[Seen(step, round(p * 20_130, 1), 20_130.0) for step, p in zip(STEPS, paces, strict=True)],
    )  # fmt: skip
    shown = released(counted, 100)
    assert [one.families for one in shown.moves][:4] == [None, 10, 15, 205]
    assert {one.family_days for one in shown.moves} == {20_000}
    assert shown.hidden == 10
    # So few families could have made it that how many there were would be told.
    assert released(counted, 2_013).moves == []


def test_a_file_says_the_same_again_and_one_that_was_altered_is_refused():
    made = other("a", [0.01] * 12, hide=True)
    again = read(made.to_json(), "a.json")
    assert (again.to_json(), again.digest) == (made.to_json(), made.digest)
    data = json.loads(made.to_json())
    assert set(data) == {
        "format",
        "operation",
        "rulebook",
        "hidden_is_at_most",
        "luck_sd",
        "moves",
        "sha256",
    }
    assert {name for row in data["moves"] for name in row} == {
        "from",
        "move",
        "to",
        "families",
        "family_days",
    }
    data["moves"][0]["families"] = 500
    with pytest.raises(Faults, match=r"a\.json, sha256: altered since it was written"):
        read(json.dumps(data), "a.json")
    for text, said in (
        ("{", "not JSON"),
        ("{}", "not a file of paces"),
        ('{"format": "onward-paces-1"}', "missing"),
        ("[" * 200_000, "not JSON"),
    ):
        with pytest.raises(Faults, match=said):
            read(text, "b.json")


def test_a_file_that_no_operation_writes_is_refused_though_its_digest_is_right():
    made = other("a", [0.01] * 12, hide=True)
    with pytest.raises(Faults, match=r"hidden_is_at_most: 100000000000.*from 0 to 100"):
        read(replace(made, hidden=10**11).to_json(), "a.json")
    with pytest.raises(Faults, match=r"moves: m0 from s0 to t0 again"):
        read(replace(made, moves=[*made.moves, Seen(STEPS[0], None, 5)]).to_json(), "a.json")


def test_paces_of_another_rulebook_of_a_strange_move_or_of_oneself_are_refused_together():
    rulebook = load(shipped_path("protected-camp"))
    known = [("registered", "T1.done", "verified")]
    fine = Paces("north", rulebook.name, "1", 0.1, 10, [Seen(known[0], 20, 1000)])
    check([("n.json", fine)], rulebook, known, "camp")
    with pytest.raises(Faults) as refused:
        check(
            [
                ("other.json", replace(fine, rulebook="town")),
                ("strange.json", replace(fine, operation="x", moves=[Seen(("a", "T99.done", "b"), 20, 9)])),
                ("mine.json", replace(fine, operation="camp")),
                ("n.json", fine),
                ("twice.json", fine),
            ],
            rulebook, known, "camp",
        )  # fmt: skip
    told = str(refused.value)
    for part in (
        'made under "town"',
        "T99.done from a to b",
        "mine.json",
        "twice.json, operation: the paces of n.json",
    ):
        assert part in told


def test_a_forecast_says_whose_paces_it_was_made_from():
    one, two = other("north", [0.01] * 12), other("south", [0.02] * 12)
    assert digests([two, one]) == f"north={one.digest} south={two.digest}"
    assert digests([replace(one, luck_sd=0.2)]) != digests([one])
