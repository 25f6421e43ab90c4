"""Everybody's next steps at once: the same answers, and what would help most."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

import pytest

from onward.rulebook.worlds import random_rows
from onward.safeguards import best_remedy, counts, evaluate, evaluate_all, is_option, remedies
from onward.safeguards.planted import caseload_of_rows

ON = date(2026, 6, 10)


def world_of(rulebook, draw, unknown):
    rows = random_rows(rulebook, draw, unknown=unknown, most=6)
    units = {row["id"]: draw.choice(("U1", "U2", row["id"], None)) for row in rows["person"]}
    return caseload_of_rows(rows, rulebook, as_of=ON, units=units)


@pytest.mark.parametrize("name", ["protected-camp", "voluntary-return"])
def test_all_at_once_gives_the_same_answers_as_one_at_a_time(bench, name):
    rulebook, draw = bench.rulebooks[name], random.Random(5)
    caseload = world_of(rulebook, draw, 0.1)
    steps = evaluate_all(caseload, on=ON, engine=bench.engine, hand_over_to="home")
    assert steps.table.num_rows > 5
    by_move: dict[str, list[int]] = {}
    for index, move in enumerate(steps.table["move"].to_pylist()):
        by_move.setdefault(move, []).append(index)
    for move, rows in by_move.items():
        handed = "home" if rulebook.moves()[move].pathway == "handover" else None
        answer = evaluate(caseload, move, on=ON, engine=bench.engine, destination=handed)
        for row in rows:
            listed = {k: v[0] for k, v in steps.table.slice(row, 1).to_pydict().items()}
            person = listed["person"]
            assert listed["at"] == answer.at
            assert steps.failed_findings(row) == answer.failed_findings(person)
            assert listed["clear"] == (person in answer.open_people)
            if answer.at == "movement":
                assert listed["open"] == answer.is_open(person)


def test_what_is_kept_of_other_days_and_other_gaps_changes_no_answer(
    bench, camp, going_home, monkeypatch
):
    """Questions stay with their rulebook; what is asked on a day, of people with these gaps, is as if
    nothing had been asked before."""
    monkeypatch.setattr("onward.safeguards.everybody.KEPT_QUESTIONS", 3)
    camp, draw = replace(camp), random.Random(11)
    worlds = [bench.caseload(going_home, camp)]
    worlds += [world_of(camp, draw, unknown) for unknown in (0.0, 0.5)]
    days = [ON, date(2026, 12, 1), date(2030, 1, 1)]
    answers = set()
    for world, day in draw.sample([(w, d) for w in worlds for d in days] * 2, 18):
        kept = evaluate_all(world, on=day, engine=bench.engine)
        anew = replace(world, rulebook=replace(camp))
        first = evaluate_all(anew, on=day, engine=bench.engine)
        assert kept.stages == first.stages
        assert kept.table.equals(first.table)
        answers.add(str(kept.table.to_pydict()))
    assert len(answers) > len(worlds), "the day matters here"
    assert len(camp.__dict__["_next_steps_asked"]) == 3


def test_relations_bring_along_only_what_is_read_and_what_closes_them_is_joined_once(
    bench, camp
):
    caseload = world_of(camp, random.Random(4), 0.1)
    stages = {
        stage.name: stage.sql
        for stage in evaluate_all(caseload, on=ON, engine=bench.engine).stages
    }
    everything = stages["asked_1"]
    assert everything.count("_rows = d_") > 1
    assert everything.count('LEFT JOIN "kind_household"') == 1
    # A claim is judged by what one assessment says, and by nothing else that was gathered.
    (claims,) = (
        sql
        for name, sql in stages.items()
        if name.startswith("asked_claims") and "asked_read" in sql
    )
    (read,) = (sql for name, sql in stages.items() if f"FROM {name} AS o" in claims)
    assert read.count("LEFT JOIN") == 1 < everything.count("LEFT JOIN")


def test_only_steps_that_follow_are_listed_and_never_what_only_records(bench, camp, going_home):
    caseload = bench.caseload(going_home, camp)
    steps = evaluate_all(caseload, on=ON, engine=bench.engine)
    moves = set(steps.table["move"].to_pylist())
    assert "T7.done" in moves
    assert not any(camp.moves()[move].records for move in moves)
    assert "T1.done" not in moves


def test_the_hand_over_of_nobody_is_open_without_a_recipient(bench, camp):
    draw = random.Random(8)
    for _ in range(3):
        caseload = world_of(camp, draw, 0.05)
        steps = evaluate_all(caseload, on=ON, engine=bench.engine)
        for row in steps.table.to_pylist():
            asked = camp.safeguards_for(camp.moves()[row["move"]], row["at"])
            if camp.moves()[row["move"]].pathway == "handover" and "G14" in asked:
                assert not row["open"]


def test_people_who_are_gone_have_no_next_step(bench, camp, going_home):
    going_home["person"]["P2"]["stage"] = "returned"
    steps = evaluate_all(bench.caseload(going_home, camp), on=ON, engine=bench.engine)
    assert set(steps.table["person"].to_pylist()) == {"P1"}


def test_an_empty_caseload_has_no_steps(bench, camp):
    steps = evaluate_all(bench.caseload({}, camp), on=ON, engine=bench.engine)
    assert steps.table.num_rows == 0
    assert counts(steps).blocked == 0
    assert best_remedy(steps) == ()


# ------------------------------------------------------------------ counts and remedies


@pytest.fixture
def three(both_going_home):
    """P1 lacks a fitness check, P2 an exit permit and a fitness check, P3 a consent."""
    world = both_going_home
    for key, size in (("H1", 1), ("H2", 1), ("H3", 1)):
        world["household"][key] = {"id": key, "roster_size": size}
    world["person"]["P2"]["household"] = "H2"
    world["person"]["P3"] = {**world["person"]["P1"], "id": "P3", "household": "H3"}
    for kind, rows in list(world.items()):
        for key, row in list(rows.items()):
            if row.get("person") == "P1" and kind not in ("person", "consent"):
                rows[f"{key}-3"] = {**row, "id": f"{key}-3", "person": "P3"}
    world["person"]["P1"]["fitness_checked_on"] = None
    world["person"]["P2"]["fitness_checked_on"] = None
    world["document"]["D3-2"]["valid_to"] = date(2026, 6, 1)
    return world


def test_people_are_counted_per_safeguard_and_the_counts_overlap(bench, camp, three):
    found = counts(evaluate_all(bench.caseload(three, camp), on=ON, engine=bench.engine))
    people = {each.safeguard: each.people for each in found.safeguards}
    alone = {each.safeguard: each.alone for each in found.safeguards}
    assert (found.asked, found.blocked) == (3, 3)
    assert (people["G11"], people["G12"], people["G3"]) == (2, 1, 1)
    assert (alone["G11"], alone["G12"], alone["G3"]) == (1, 0, 1)


def test_the_best_remedy_is_the_one_that_opens_most_and_never_a_persons_own(bench, camp, three):
    steps = evaluate_all(bench.caseload(three, camp), on=ON, engine=bench.engine)
    (best,) = best_remedy(steps)
    assert (best.finding, best.options, best.people) == ("G11.valid", 1, 1)
    assert all(each.owner in ("authority", "operation") for each in remedies(steps))
    assert "G3.consent" not in {each.finding for each in remedies(steps)}


def test_remedies_that_open_equally_much_are_all_named(bench, camp, three):
    three["person"]["P2"]["fitness_checked_on"] = date(2026, 6, 8)
    steps = evaluate_all(bench.caseload(three, camp), on=ON, engine=bench.engine)
    assert {each.finding for each in best_remedy(steps)} == {"G11.valid", "G12.papers"}


def test_a_movement_opens_only_when_the_remedy_opens_the_whole_unit(bench, camp, three):
    units = {"P1": "U1", "P2": "U1", "P3": "P3"}
    steps = evaluate_all(bench.caseload(three, camp, units=units), on=ON, engine=bench.engine)
    assert best_remedy(steps) == ()
    three["document"]["D3-2"]["valid_to"] = date(2026, 12, 31)
    steps = evaluate_all(bench.caseload(three, camp, units=units), on=ON, engine=bench.engine)
    (best,) = best_remedy(steps)
    assert (best.finding, best.people) == ("G11.valid", 2)


def gains_are_what_assuming_would_open(bench, name, situations, draw):
    """Against brute force: the finding's condition replaced by one that everybody satisfies."""
    rulebook, checked = bench.rulebooks[name], 0
    for situation in situations:
        world = bench.world(situation)
        # All of the person's papers, or of another kind of record, turn out to be another's.
        kinds = [kind for kind in ("document", "interview", "assessment", "decision") if world.get(kind)]  # fmt: skip
        for row in world[draw.choice(kinds[:2])].values() if kinds else ():
            row["person"] = "P8"
        caseload = bench.caseload(world, rulebook, as_of=situation.on)
        steps = evaluate_all(caseload, on=situation.on, engine=bench.engine)
        before = open_options(rulebook, steps)
        gains = {each.finding: each.options for each in remedies(steps)}
        failed = sorted(key for key in gains if steps.failed(key).any())
        for key in draw.sample(failed, min(2, len(failed))):
            assumed = replace(caseload, rulebook=assume(rulebook, key))
            after = evaluate_all(assumed, on=situation.on, engine=bench.engine)
            assert gains[key] == len(open_options(rulebook, after) - before), key
            checked += gains[key]
    assert checked > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["protected-camp", "voluntary-return"])
def test_the_gain_of_a_remedy_is_what_assuming_it_true_would_open(bench, name):
    first = {s.step: s for s in reversed(bench.situations[name]) if s.opens}
    gains_are_what_assuming_would_open(bench, name, list(first.values()), random.Random(5))


def assume(rulebook, key):
    """The rulebook with one condition that is true of everybody who has an id."""
    name, finding = key.split(".")
    safeguard = rulebook.safeguards[name]
    held = replace(safeguard.findings[finding], condition="id <> 'nobody'")
    return replace(
        rulebook,
        safeguards={
            **rulebook.safeguards,
            name: replace(safeguard, findings={**safeguard.findings, finding: held}),
        },
    )


def open_options(rulebook, steps):
    return {
        (row["person"], rulebook.moves()[row["move"]].pathway)
        for row in steps.table.to_pylist()
        if row["open"] and is_option(rulebook, rulebook.moves()[row["move"]])
    }


def test_hand_over_absence_death_and_losing_a_status_are_never_an_option(camp):
    options = {key for key, move in camp.moves().items() if is_option(camp, move)}
    assert not any(key.split(".")[0] in ("T18", "T19", "T20", "T21", "T22") for key in options)
    assert "T12.done" not in options
    assert "T11.upheld" not in options
    assert {"T7.done", "T10.recognised", "T12b.done", "T13.done", "T16.departed", "T17.departed"} <= options  # fmt: skip
