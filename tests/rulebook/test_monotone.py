"""Unknown is not true: turning any known fact into unknown never opens a step.

Asked of both shipped rulebooks, over planted situations and generated worlds, for every raw
fact and every pointer of the person, every household member, authorities' assurances,
complaints, incidents and all else that is recorded.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.rulebook import load, shipped_names, shipped_path
from onward.rulebook.grammar import parse_condition
from onward.rulebook.load import shipped_folder
from onward.rulebook.situations import Interpreter, findings_asked, load_situations
from onward.rulebook.worlds import PLACES, random_rows

BOOKS = {name: load(shipped_path(name)) for name in shipped_names()}
READERS = {name: Interpreter(book) for name, book in BOOKS.items()}
PLANTED = {
    name: load_situations(shipped_folder() / "situations" / f"{name}.yaml", book)
    for name, book in BOOKS.items()
}


def truths(name, rows, person, step, at, on, destination, pathway):
    reader = READERS[name]
    move = BOOKS[name].moves()[step]
    return {
        finding.key: reader.holds(
            reader.condition(finding),
            rows,
            person,
            on=on,
            destination=destination,
            pathway=pathway,
        )
        for finding in findings_asked(BOOKS[name], move, at)
    }


def known_cells(rows) -> Iterator[tuple[str, int, str]]:
    """Every recorded answer: (kind, row, column). Ids are no answers: without one there is no row."""
    for kind, table in rows.items():
        for number, row in enumerate(table):
            yield from (
                (kind, number, column)
                for column, value in row.items()
                if column != "id" and value is not None
            )


def forgotten(rows, cells):
    """The same world with these answers unknown."""
    copy = {kind: [dict(row) for row in table] for kind, table in rows.items()}
    for kind, number, column in cells:
        copy[kind][number][column] = None
    return copy


def never_truer(before, after):
    """A false answer may become unknown, an unknown one stays unknown, a true one may be lost."""
    for key, truth in after.items():
        allowed = {True: (True, None), False: (False, None), None: (None,)}[before[key]]
        assert truth in allowed, f"{key}: {before[key]} became {truth}"


@given(
    name=st.sampled_from(sorted(BOOKS)), seed=st.integers(0, 10**9), several=st.integers(1, 5)
)
@settings(max_examples=250, deadline=None)
def test_forgetting_facts_of_a_planted_situation_opens_nothing(name, seed, several):
    draw = random.Random(seed)
    situation = draw.choice(PLANTED[name])
    rows = situation.table()
    cells = list(known_cells(rows))
    gone = draw.sample(cells, min(several, len(cells)))
    asked = (situation.person, situation.step, situation.at, situation.on, situation.destination,
             situation.pathway)  # fmt: skip
    never_truer(truths(name, rows, *asked), truths(name, forgotten(rows, gone), *asked))


@given(name=st.sampled_from(sorted(BOOKS)), seed=st.integers(0, 10**9))
@settings(max_examples=250, deadline=None)
def test_forgetting_facts_of_a_generated_world_opens_nothing(name, seed):
    draw = random.Random(seed)
    rows = random_rows(BOOKS[name], draw, unknown=draw.choice((0.0, 0.1, 0.3)))
    move = draw.choice(list(BOOKS[name].moves().values()))
    at = "movement" if BOOKS[name].is_movement(move) else "decision"
    person = draw.choice(rows["person"])["id"]
    asked = (person, move.key, at, date(2026, 6, 1), draw.choice((*PLACES, None)), move.pathway)
    cells = list(known_cells(rows))
    gone = draw.sample(cells, min(draw.randint(1, 6), len(cells)))
    never_truer(truths(name, rows, *asked), truths(name, forgotten(rows, gone), *asked))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BOOKS))
def test_no_single_answer_of_any_planted_situation_can_be_forgotten_to_open_it(name):
    """Every recorded answer of every situation, one by one."""
    for situation in PLANTED[name]:
        rows = situation.table()
        asked = (situation.person, situation.step, situation.at, situation.on,
                 situation.destination, situation.pathway)  # fmt: skip
        before = truths(name, rows, *asked)
        for cell in known_cells(rows):
            never_truer(before, truths(name, forgotten(rows, [cell]), *asked))


@pytest.mark.parametrize("name", sorted(BOOKS))
@pytest.mark.parametrize("gone", ["destination", "pathway", "on"])
def test_a_question_without_its_destination_pathway_or_date_opens_nothing(name, gone):
    for situation in PLANTED[name]:
        asked = {
            "on": situation.on, "destination": situation.destination, "pathway": situation.pathway
        }  # fmt: skip
        one = (name, situation.table(), situation.person, situation.step, situation.at)
        never_truer(truths(*one, **asked), truths(*one, **{**asked, gone: None}))


def test_the_check_would_notice_a_rule_that_is_not_monotone():
    """The property can fail: an interpreter that reads unknown as false is caught by it."""
    rows = {"person": [{"id": "P1", "open_duplicate": True}]}

    def careless(world):
        return {"G1.resolved": not world["person"][0].get("open_duplicate")}

    with pytest.raises(AssertionError):
        never_truer(careless(rows), careless(forgotten(rows, known_cells(rows))))


@given(name=st.sampled_from(sorted(BOOKS)), seed=st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_a_rulebook_mutated_at_random_inside_the_grammar_is_monotone_too(name, seed):
    """Whatever an operation writes: the grammar has no way to say that unknown is good."""
    draw = random.Random(seed)
    book = BOOKS[name]
    findings = [f for s in book.safeguards.values() for f in s.findings.values()]
    first, second = draw.sample(findings, 2)
    joined = draw.choice(
        ["({a}) OR ({b})", "NOT ({a})", "({a}) AND NOT ({b})", "NOT ({a} OR NOT ({b}))",
         "any_true(members, {c})", "all_true(members, {c})", "NOT any_true(members, {c})",
         "NOT all_true(members, NOT ({c}))"]
    )  # fmt: skip
    inner = draw.choice(
        ["intended_pathway = :pathway", "NOT split_agreed", "adult", "NOT adult OR person.split_agreed",
         "any_true(consents, NOT pressure)", "NOT all_true(claims, lodged)",
         "age_at_least(birth, 16)"]
    )  # fmt: skip
    text = joined.format(a=first.condition, b=second.condition, c=inner)
    situation = draw.choice(PLANTED[name])
    worlds = [situation.table(), random_rows(book, draw, unknown=0.1)]
    rows = draw.choice(worlds)
    person = rows["person"][0]["id"]
    condition = parse_condition(text, kind="person", rulebook=book)

    def asked(world):
        answer = READERS[name].holds(
            condition, world, person, on=situation.on, destination=situation.destination,
            pathway=situation.pathway,
        )  # fmt: skip
        return {"mutant": answer}

    cells = list(known_cells(rows))
    gone = draw.sample(cells, min(draw.randint(1, 6), len(cells)))
    never_truer(asked(rows), asked(forgotten(rows, gone)))
