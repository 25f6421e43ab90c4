"""A missing answer never opens a step: the property on which everything else stands.

Any known raw fact or reference, of the person, of any member of the household, of complaints,
assurances, documents or anything else on record, is made unknown; no finding may become true
that was not. Asked through the SQL, of both shipped rulebooks and of rulebooks changed at
random.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import date

import pytest

from onward.errors import Faults
from onward.rulebook import grammar as g
from onward.rulebook.worlds import random_rows, random_value
from onward.safeguards.overrides import findings_of

ON = date(2026, 6, 10)
SHIPPED = ("protected-camp", "voluntary-return")


def known_columns(rows, rulebook):
    """(kind, row number, column) of every raw fact, reference and state that is known."""
    found = []
    for kind, listed in rows.items():
        declared = rulebook.kinds[kind]
        names = [*declared.facts, *declared.refs]
        if kind == "person":
            names += list(rulebook.axes)
        for index, row in enumerate(listed):
            found += [(kind, index, name) for name in names if row.get(name) is not None]
    return found


def without(rows, forgotten):
    """The same rows with some answers unknown."""
    changed = {kind: [dict(row) for row in listed] for kind, listed in rows.items()}
    for kind, index, name in forgotten:
        changed[kind][index][name] = None
    return changed


def disturbed(situation, rulebook, draw, changes):
    """A shipped situation with a few answers replaced at random, so that some steps are only
    just blocked and others only just open."""
    rows = {
        kind: [dict(row) for row in found.values()] for kind, found in situation.rows.items()
    }
    known = known_columns(rows, rulebook)
    for kind, index, name in draw.sample(known, min(changes, len(known))):
        fact = rulebook.kinds[kind].facts.get(name)
        if fact is not None:
            rows[kind][index][name] = random_value(fact, draw)
    return rows


def questions(rows, situation):
    return [
        (row["id"], to, way)
        for row in rows["person"]
        for to in {situation.destination, "home"}
        for way in {situation.pathway, "stay"}
    ]


def nothing_opened(bench, rulebook, rows, asked, forgotten):
    before = bench.truths(rows, rulebook, asked, on=ON)
    after = bench.truths(without(rows, forgotten), rulebook, asked, on=ON)
    for key in before:
        for question, was, now in zip(asked, before[key], after[key], strict=True):
            assert was is now or now is None or (was is None and now is None), (
                f"{key} went from {was} to {now} for {question} when {forgotten} became unknown"
            )
    return sum(value is True for values in before.values() for value in values)


def forget_somewhere(bench, name, draw, rounds):
    rulebook = bench.rulebooks[name]
    opened = 0
    for index in range(rounds):
        situation = draw.choice(bench.situations[name])
        if index % 3:
            rows = disturbed(situation, rulebook, draw, draw.choice((0, 1, 1, 2, 4)))
        else:
            rows = random_rows(rulebook, draw, unknown=0.1)
        known = known_columns(rows, rulebook)
        forgotten = draw.sample(known, min(draw.choice((1, 1, 1, 2, 8)), len(known)))
        opened += nothing_opened(bench, rulebook, rows, questions(rows, situation), forgotten)
    assert opened > rounds  # the worlds are not all shut


@pytest.mark.parametrize("name", SHIPPED)
def test_forgetting_any_answer_never_opens_anything(bench, name):
    forget_somewhere(bench, name, random.Random(1), rounds=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_forgetting_any_answer_never_opens_anything_in_more_worlds(bench, name):
    forget_somewhere(bench, name, random.Random(9), rounds=15)


@pytest.mark.slow
def test_no_rulebook_among_more_lets_a_missing_answer_open_anything(bench):
    forget_under_changed_rulebooks(bench, random.Random(10), rounds=20)


@pytest.mark.soak
@pytest.mark.parametrize("name", SHIPPED)
def test_forgetting_any_answer_never_opens_anything_in_many_worlds(bench, name):
    forget_somewhere(bench, name, random.Random(2), rounds=150)


@pytest.mark.soak
@pytest.mark.parametrize("name", SHIPPED)
def test_each_answer_of_a_complete_world_can_be_forgotten_without_opening_anything(bench, name):
    """Every known column of the world in which return is open, one after the other."""
    rulebook = bench.rulebooks[name]
    situation = bench.opening(name, "T7.done")
    rows = {
        kind: [dict(row) for row in found.values()] for kind, found in situation.rows.items()
    }
    # A refusal and an untriaged complaint keep the world from being all true.
    rows["person"][1]["intended_pathway"] = "stay"
    rows["complaint"] = [
        {"id": "X1", "person": "P1", "household": "H1", "destination": situation.destination,
         "category": "coercion", "triaged": False},
    ]  # fmt: skip
    for column in known_columns(rows, rulebook):
        nothing_opened(bench, rulebook, rows, questions(rows, situation), [column])


# ------------------------------------------------------------------ rulebooks changed at random


def mutated(text, draw):
    """A condition with a word changed: AND for OR, a NOT put in or left out, all for any."""
    words = re.findall(r"'[^']*'|:?\w+|<>|<=|>=|\S", text)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(words))
        word = words[at]
        if word in ("AND", "OR"):
            words[at] = "OR" if word == "AND" else "AND"
        elif word in ("all_true", "any_true"):
            words[at] = draw.choice(("all_true", "any_true", "NOT all_true", "NOT any_true"))
        elif word == "NOT":
            words[at] = ""
        elif word in ("=", "<>", "<=", ">="):
            words[at] = draw.choice(("=", "<>", "<=", ">="))
        elif re.fullmatch(r"[a-z_]+", word):
            words[at] = f"NOT {word}"
    return " ".join(words)


def mutated_rulebook(rulebook, draw):
    """The rulebook with every condition changed that stays within the grammar."""
    changed = 0
    safeguards = {}
    for name, safeguard in rulebook.safeguards.items():
        findings = {}
        for key, finding in safeguard.findings.items():
            text = mutated(finding.condition, draw)
            try:
                g.parse_condition(text, kind="person", rulebook=rulebook)
                findings[key] = replace(finding, condition=text)
                changed += text.split() != finding.condition.split()
            except Faults:
                findings[key] = finding
        safeguards[name] = replace(safeguard, findings=findings)
    return replace(rulebook, safeguards=safeguards), changed


def forget_under_changed_rulebooks(bench, draw, rounds):
    changed = 0
    for index in range(rounds):
        name = SHIPPED[index % 2]
        rulebook, count = mutated_rulebook(bench.rulebooks[name], draw)
        changed += count
        situation = draw.choice(bench.situations[name])
        rows = disturbed(situation, rulebook, draw, 2)
        known = known_columns(rows, rulebook)
        forgotten = draw.sample(known, draw.choice((1, 2, 5)))
        nothing_opened(bench, rulebook, rows, questions(rows, situation), forgotten)
    assert changed > rounds


def test_no_rulebook_that_can_be_written_lets_a_missing_answer_open_anything(bench):
    forget_under_changed_rulebooks(bench, random.Random(5), rounds=4)


@pytest.mark.soak
def test_no_rulebook_among_very_many_lets_a_missing_answer_open_anything(bench):
    forget_under_changed_rulebooks(bench, random.Random(6), rounds=150)


# ------------------------------------------------------------------ the household, by hand


def family_finding(bench, camp, world):
    rows = {kind: list(found.values()) for kind, found in world.items()}
    return bench.truths(rows, camp, [("P1", "origin", "return")], on=ON)["G8.together"][0]


def test_a_household_in_which_everybody_is_known_to_agree_holds(bench, camp, going_home):
    assert family_finding(bench, camp, going_home) is True


@pytest.mark.parametrize("column", ["intended_pathway", "intended_destination", "household"])
def test_all_true_over_a_household_with_one_unknown_answer_is_not_true(
    bench, camp, going_home, column
):
    going_home["person"]["P2"][column] = None
    assert family_finding(bench, camp, going_home) is None


def test_a_member_who_refuses_makes_it_false(bench, camp, going_home):
    going_home["person"]["P2"] |= {"intended_pathway": "stay", "split_agreed": False}
    assert family_finding(bench, camp, going_home) is False


def test_a_member_missing_from_the_record_is_never_assumed(bench, camp, going_home):
    going_home["household"]["H1"]["roster_size"] = 3
    assert family_finding(bench, camp, going_home) is None


@pytest.mark.parametrize("size", [None, 0, 1])
def test_a_roster_that_is_unknown_or_too_short_never_holds(bench, camp, going_home, size):
    going_home["household"]["H1"]["roster_size"] = size
    assert family_finding(bench, camp, going_home) is None


def test_a_refusing_member_whose_household_becomes_unknown_does_not_open(
    bench, camp, going_home
):
    """The roster says two; a third, who refuses, is on record. Forgetting the third person's
    household must not make the other two look like everybody."""
    going_home["person"]["P3"] = {
        **going_home["person"]["P2"],
        "id": "P3",
        "intended_pathway": "stay",
        "split_agreed": False,
    }
    assert family_finding(bench, camp, going_home) is False
    going_home["person"]["P3"]["household"] = None
    assert family_finding(bench, camp, going_home) is None


def test_every_finding_is_judged_by_what_is_known_of_an_empty_record(bench, camp):
    """Somebody of whom nothing is known: nothing is true but what asks about no rows at all."""
    rows = {"person": [{"id": "P1"}]}
    truths = bench.truths(rows, camp, [("P1", None, None)], on=ON)
    assert {key for key, (value,) in truths.items() if value is True} <= {
        "G6.incidents_reviewed", "G7.individual", "G15.heard", "G17.triaged",
        "G17.incidents_reviewed",
    }  # fmt: skip
    assert set(truths) == set(findings_of(camp))
