"""The SQL means what the grammar says: three values, the same as the plain-Python check."""

from __future__ import annotations

import random
from datetime import date

import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onward.errors import Faults
from onward.rulebook import grammar as g
from onward.rulebook.model import Finding
from onward.rulebook.situations import Interpreter
from onward.rulebook.worlds import random_rows
from onward.safeguards import evaluate
from onward.safeguards.asking import Asking
from onward.safeguards.expression import born_on_or_before
from onward.safeguards.overrides import findings_of

ON = date(2026, 6, 1)
SHIPPED = ("protected-camp", "voluntary-return")


def every_question(rows, rulebook):
    return [
        (person["id"], to, way)
        for person in rows["person"]
        for to in ("home", "elsewhere", None)
        for way in (*g.pathways(rulebook), None)
    ]


def compare(bench, rulebook, rows, *, on=ON):
    """Every finding for every person, destination and pathway, both ways; returns how many
    were true, so that a caller can see that something was."""
    interpreter = Interpreter(rulebook)
    questions = every_question(rows, rulebook)
    answers = bench.truths(rows, rulebook, questions, on=on)
    opened = 0
    for key, finding in findings_of(rulebook).items():
        condition = interpreter.condition(finding)
        for (who, to, way), sql in zip(questions, answers[key], strict=True):
            plain = interpreter.holds(condition, rows, who, on=on, destination=to, pathway=way)
            assert sql is plain, f"{key} for {who} to {to} by {way}: SQL {sql}, plain {plain}"
            opened += sql is True
    return opened


@pytest.mark.parametrize("name", SHIPPED)
def test_sql_and_plain_python_agree_on_generated_worlds(bench, name):
    draw = random.Random(20260601)
    opened = 0
    for unknown in (0.02, 0.1, 0.3, 0.6):
        rows = random_rows(bench.rulebooks[name], draw, unknown=unknown)
        opened += compare(bench, bench.rulebooks[name], rows)
    assert opened > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_sql_and_plain_python_agree_on_thousands_of_generated_situations(bench, name):
    draw = random.Random(7)
    rulebook = bench.rulebooks[name]
    for index in range(8):
        rows = random_rows(rulebook, draw, unknown=(0.02, 0.1, 0.3, 0.5)[index % 4])
        compare(bench, rulebook, rows)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_situations_are_answered_as_written(bench, name):
    """One in which each pathway is open, and some of those in which a step is blocked."""
    blocked = [situation for situation in bench.situations[name] if not situation.opens]
    opened = {each.pathway: each for each in bench.situations[name] if each.opens}
    answer_as_written(bench, name, [*opened.values(), *blocked[::20]])


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_situation_is_answered_as_written(bench, name):
    answer_as_written(bench, name, bench.situations[name])


def answer_as_written(bench, name, situations):
    rulebook = bench.rulebooks[name]
    for situation in situations:
        caseload = bench.caseload(situation.rows, rulebook, as_of=situation.on)
        answer = evaluate(
            caseload,
            situation.step,
            on=situation.on,
            at=situation.at,
            destination=situation.destination,
            people=[situation.person],
            engine=bench.engine,
        )
        row = answer.answers.to_pylist()[0]
        failed = {f.key: row[f.key] for f in answer.findings if row[f.key] is not True}
        assert set(failed) == set(situation.expected), situation.text
        for key, expected in situation.expected.items():
            assert expected == "any" or failed[key] is expected, situation.text


@pytest.mark.parametrize("name", SHIPPED)
def test_every_pathway_is_fully_open_in_some_shipped_situation(bench, name):
    """So that no test of what blocks is true for want of anything that opens."""
    opened = {situation.pathway for situation in bench.situations[name] if situation.opens}
    assert opened >= set(g.pathways(bench.rulebooks[name]))


# ------------------------------------------------------------------ any condition that can be written


def random_condition(rulebook, chain, depth, draw):
    kind = chain[-1]
    roll = draw.random()
    relations = rulebook.relations.get(kind, {})
    if depth and roll < 0.35 and relations:
        name = draw.choice(list(relations))
        inner = random_condition(rulebook, [*chain, relations[name].kind], depth - 1, draw)
        word = draw.choice(["", "NOT "]) + draw.choice(["all_true", "any_true"])
        return f"{word}({name}, {inner})"
    if depth and roll < 0.75:
        parts = [random_condition(rulebook, chain, depth - 1, draw) for _ in range(2)]
        return f"({draw.choice([' AND ', ' OR ']).join(parts)})"
    if roll < 0.85 and len(chain) > 1:
        outer = draw.choice(chain[:-1])
        facts = rulebook.kinds[outer].facts.values()
        yes_no = [fact.name for fact in facts if fact.type == "boolean"]
        yes_no += list(rulebook.derived.get(outer, {}))
        if yes_no:
            return f"{draw.choice(['', 'NOT '])}{outer}.{draw.choice(yes_no)}"
    if roll < 0.92 and rulebook.derived.get(kind):
        return draw.choice(["", "NOT "]) + draw.choice(list(rulebook.derived[kind]))
    return random_leaf(rulebook, kind, draw)


def random_leaf(rulebook, kind, draw):
    facts = [fact for fact in rulebook.kinds[kind].facts.values() if fact.type != "codes"]
    fact = draw.choice(facts)
    if fact.type == "boolean":
        return draw.choice(["", "NOT "]) + fact.name
    if fact.type == "code":
        if draw.random() < 0.3:
            listed = ", ".join(repr(code) for code in draw.sample(fact.allowed, 2))
            return f"{fact.name} {draw.choice(['IN', 'NOT IN'])} ({listed})"
        return f"{fact.name} {draw.choice(['=', '<>'])} '{draw.choice(fact.allowed)}'"
    if fact.type in ("integer", "number"):
        op = draw.choice(["=", "<>", "<", "<=", ">", ">="])
        return f"{fact.name} {op} {draw.randint(0, 3)}"
    if fact.type == "date":
        forms = ("{0} <= :on", "date_diff('day', {0}, :on) <= 100", "{0} BETWEEN '2026-01-01' AND :on")  # fmt: skip
        return draw.choice(forms).format(fact.name)
    if fact.type == "partial_date":
        return f"age_at_least({fact.name}, {draw.choice([17, 18, 19])})"
    return (
        f"{fact.name} {draw.choice(['=', '<>'])} {draw.choice([':destination', repr('home')])}"
    )


def readable(rulebook, count, draw):
    found = []
    while len(found) < count:
        text = random_condition(rulebook, ["person"], 3, draw)
        try:
            g.parse_condition(text, kind="person", rulebook=rulebook)
        except Faults:
            continue
        found.append(Finding(f"f{len(found)}", "X", "", text, True, "", "operation", ""))
    return found


def compare_conditions(bench, seed, rounds):
    import pyarrow as pa

    from onward.safeguards.evaluate import ask
    from onward.safeguards.planted import caseload_of_rows

    rulebook = bench.rulebooks["protected-camp"]
    interpreter, draw = Interpreter(rulebook), random.Random(seed)
    seen = {True: 0, False: 0, None: 0}
    for _ in range(rounds):
        findings = readable(rulebook, 10, draw)
        rows = random_rows(rulebook, draw, unknown=draw.choice((0.05, 0.2, 0.4)))
        questions = [
            (p["id"], to, way)
            for p in rows["person"] for to in ("home", None) for way in ("return", None)
        ]  # fmt: skip
        asking = pa.table(
            {
                "ask": pa.array(range(len(questions)), pa.int64()),
                "person": [who for who, _, _ in questions],
                "asked__destination": pa.array([to for _, to, _ in questions], pa.string()),
                "asked__pathway": pa.array([way for _, _, way in questions], pa.string()),
            }
        )
        caseload = caseload_of_rows(rows, rulebook, as_of=ON)
        table, _ = ask(caseload, asking, findings, Asking(ON, None), bench.engine)
        for finding in findings:
            condition = interpreter.condition(finding)
            for (who, to, way), sql in zip(
                questions, table[finding.key].to_pylist(), strict=True
            ):
                plain = interpreter.holds(
                    condition, rows, who, on=ON, destination=to, pathway=way
                )
                assert sql is plain, f"{finding.condition}: SQL {sql}, plain {plain}"
                seen[plain] += 1
    assert all(count > 20 for count in seen.values())


def test_any_condition_of_the_grammar_has_the_same_meaning_in_sql(bench):
    """Nested relations, outer rows, negation: also what no shipped rulebook uses."""
    compare_conditions(bench, seed=3, rounds=8)


@pytest.mark.slow
def test_very_many_conditions_of_the_grammar_have_the_same_meaning_in_sql(bench):
    compare_conditions(bench, seed=11, rounds=30)


# ------------------------------------------------------------------ dates


@given(
    born=st.dates(date(1930, 1, 1), date(2025, 12, 31)),
    on=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    years=st.integers(1, 40),
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_an_age_is_completed_on_the_birthday_and_a_29_february_on_1_march(born, on, years):
    try:
        birthday = born.replace(year=born.year + years)
    except ValueError:
        birthday = date(born.year + years, 3, 1)
    assert (born <= born_on_or_before(on, years)) == (birthday <= on)


def test_the_stages_can_be_written_for_spark(bench, evaluate_world, going_home):
    """The cluster runs the same text, put into its dialect by sqlglot."""
    answer = evaluate_world(going_home)
    for stage in answer.stages:
        spark = sqlglot.transpile(stage.sql, read="duckdb", write="spark")
        assert len(spark) == 1
        again = sqlglot.transpile(spark[0], read="spark", write="duckdb")
        assert again
