"""What if, judged by trying everything: each answer is that of the changed problem, line by line.

The problems are those of `test_brute_force`, of up to eight cases with pledges, locks, links, days
and limits. For each question the tables are changed here by hand, as the words of the question
say, and the judge (`judge.py`) lists every choice the changed tables allow. What the answer says of
every case, of every aim and of what is possible at all has to agree with it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from judge import Judge, TooMany
from test_brute_force import judge_order, judged, near, proposed

from onward.placement.deciding.questions import parse_change
from onward.placement.deciding.whatif import what_if
from onward.placement.inputs.aims import read_aims
from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import Case, Lock, Pledge, Tables, Window
from onward.placement.propose import propose
from onward.placement.solving.proposal import StageResult

AIMS = read_aims()
KINDS = ("places", "remove", "add", "delay", "limit", "condition", "unlock", "place", "wait")


def at(window: Window) -> str:
    return f"{window.programme}@{window.window}"


def other(tables: Tables, window: Window, **facts: Any) -> Tables:
    """The tables with one window as these facts have it."""
    return replace(tables, windows=tuple(
        replace(w, **facts) if w == window else w for w in tables.windows))  # fmt: skip


def without_locks(tables: Tables, case: str) -> Tables:
    return replace(
        tables,
        locks=tuple(x for x in tables.locks if x.case != case),
        cases=tuple(
            replace(c, locked="", locked_window="") if c.case == case else c
            for c in tables.cases
        ),
    )


def questions(t: Tables, number: int) -> Iterator[tuple[str, str, Tables]]:
    """One question of every kind that the tables allow: its kind, its words, the tables after it."""
    rng = random.Random(number)
    window = rng.choice(t.windows)
    more = rng.choice([-3, -1, 1, 2, 5])
    yield (
        "places",
        f"places:{at(window)}={more:+d}",
        other(t, window, persons=max(0, window.persons + more)),
    )
    gone = rng.choice(t.windows)
    yield "remove", f"remove:{at(gone)}", other(t, gone, persons=0, state="withdrawn")
    model, persons = rng.choice(t.windows), rng.randint(1, 6)
    name = model.programme
    also = {"refused", "forbidden", "preferred", "ties", "consents"}

    def told(case: Case) -> Case:
        """What somebody said of the one, said of the new one."""
        lists = {key: getattr(case, key) for key in also}
        return replace(case, **{
            key: (*said, "Newland") for key, said in lists.items() if said and name in said})  # fmt: skip

    yield "add", f"add:Newland@a={persons} like {name}", replace(
        t,
        cases=tuple(told(c) for c in t.cases),
        windows=(*t.windows, replace(
            next((w for w in t.windows if (w.programme, w.window) == (name, "a")), model),
            programme="Newland", window="a", persons=persons)),
        scores=None if t.scores is None else (*t.scores, *(
            replace(s, programme="Newland") for s in t.scores if s.programme == name)),
        openings=None if t.openings is None else (*t.openings, *(
            replace(o, destination="Newland") for o in t.openings if o.destination == name)),
    )  # fmt: skip
    dated = [w for w in t.windows if w.opens]
    if dated:
        window, days = rng.choice(dated), rng.choice([20, 90, 200])
        later = timedelta(days=days)
        yield "delay", f"delay:{at(window)}={days}", other(
            t, window, opens=window.opens + later, closes=window.closes and window.closes + later)  # fmt: skip
    if t.limits:
        limit, persons = rng.choice(t.limits), rng.randint(0, 8)
        yield "limit", f"limit:{limit.limit}={persons}", replace(t, limits=tuple(
            replace(x, persons=persons) if x == limit else x for x in t.limits))  # fmt: skip
    if t.pledges:
        pledge, persons = rng.choice(t.pledges), rng.randint(0, 6)
        yield "condition", f"condition:{pledge.pledge}={persons}", replace(t, pledges=tuple(
            replace(x, if_persons=persons) if x == pledge else x for x in t.pledges))  # fmt: skip
    if t.locks:
        case = rng.choice(t.locks).case
        yield "unlock", f"unlock:{case}", without_locks(t, case)
    case, window = rng.choice(t.cases).case, rng.choice(t.windows)
    free = without_locks(t, case)
    yield "place", f"place:{case}={at(window)}", replace(
        free, locks=(*free.locks, Lock(case, window.programme, window.window)))  # fmt: skip
    yield "wait", f"wait:{case}", replace(free, locks=(*free.locks, Lock(case, "", "")))


def spread(lines: dict[str, list[dict[str, str]]], before: dict[str, tuple[str, str]]) -> Any:
    """Where everybody is by the lines of a difference; every line is held against what was."""
    after = dict(before)

    def place(words: str) -> tuple[str, str]:
        programme, _, window = words.partition(", ")
        return programme, window

    for row in lines["moved"]:
        assert place(row["from"]) == before[row["case"]] != place(row["to"])
        after[row["case"]] = place(row["to"])
    for row in lines["dropped"]:
        assert place(row["from"]) == before[row["case"]]
        del after[row["case"]]
    for row in lines["gained"]:
        assert row["case"] not in before
        after[row["case"]] = place(row["to"])
    named = [row["case"] for what in ("moved", "dropped", "gained") for row in lines[what]]
    assert len(named) == len(set(named))
    return after


class Answered:
    """What an answer says, as the judge of proposals reads one."""

    def __init__(self, answer: dict[str, Any], before: dict[str, tuple[str, str]]) -> None:
        self.after = spread(answer, before)
        self.stages = [
            StageResult(
                s["name"],
                s["after"],
                float("inf") if s["bound"] is None else s["bound"],
            )
            for s in answer["stages"]
        ]

    def places(self) -> dict[str, tuple[str, str]]:
        return self.after


@pytest.mark.parametrize("kind", KINDS)
def test_each_answer_is_that_of_the_changed_problem(kind):
    asked = 0
    for number in range(400):
        tables, aims, _ = judged(number)
        found = next((q for q in questions(tables, number) if q[0] == kind), None)
        proposal, _ = proposed(number) if found else (None, None)
        if found is None or proposal is None or proposal.state == "infeasible":
            continue
        _, words, after = found
        before = proposal.places()
        try:
            judge = Judge(replace(after, previous=before), aims)
        except TooMany:
            continue
        answer = what_if(proposal, [parse_change(words)])
        assert answer["feasible"] == bool(len(judge.choice)), (number, words)
        if answer["feasible"]:
            judge_order(judge, Answered(answer, before), aims.gap)  # type: ignore[arg-type]
            was = {s.name: s.value for s in proposal.stages}
            assert {s["name"]: s["before"] for s in answer["stages"]} == was, (number, words)
            assert answer["value_before"] == was["protection"]
        else:
            assert answer["conflict"], (number, words)
        asked += 1
        if asked == 12:
            break
    assert asked == 12


@pytest.mark.parametrize("numbers", [range(k, k + 20) for k in range(0, 60, 20)])
def test_a_mended_answer_is_allowed_and_its_bound_is_above_the_best(numbers):
    mended = 0
    for number in numbers:
        tables, aims, _ = judged(number)
        proposal, _ = proposed(number)
        if proposal.state == "infeasible":
            continue
        for kind, words, after in questions(tables, number):
            if kind not in ("places", "limit"):
                continue
            answer = what_if(proposal, [parse_change(words)], exact=False)
            if answer["method"] != "mended":
                continue
            mended += 1
            judge = Judge(after, replace(aims, floors=()))
            rows = judge.rows_of(spread(answer, proposal.places()))
            assert len(rows) == 1, (number, words)
            protection = judge.value["protection"]
            assert answer["value"] == pytest.approx(float(protection[rows[0]])), (number, words)
            best = float(Judge(after, aims).value["protection"].max(initial=0.0))
            assert answer["bound"] >= best - near(best), (number, words)
    assert mended > 10


# --- one of each kind, in numbers that can be followed by hand ------------------------------------


def line(answer: dict[str, Any]) -> dict[str, list[tuple[str, ...]]]:
    return {
        what: [tuple(row.values()) for row in answer[what]]
        for what in ("moved", "dropped", "gained")
        if answer[what]
    }


def scored(*names: str, **cases: tuple[float, ...]) -> tuple[Score, ...]:
    return tuple(
        Score(c, p, s) for c, each in cases.items() for p, s in zip(names, each, strict=True)
    )


TWO = Tables(
    (Case("A", 2), Case("B", 3)), (Window("North", 3), Window("South", 2)),
    scores=scored("North", "South", A=(0.9, 0.2), B=(0.9, 0.2)),
)  # fmt: skip
FOLLOWS = replace(TWO, windows=(Window("North", 3), Window("South", 0)),
                  pledges=(Pledge("follows", "North", 3, "South", 2),))  # fmt: skip


@pytest.mark.parametrize(
    ("tables", "question", "lines"),
    [
        (TWO, "places:North=+2", {"moved": [("A", "South", "North")]}),
        (TWO, "remove:North", {"dropped": [("B", "North")]}),
        (TWO, "places:North=2", {"dropped": [("B", "North")], "moved": [("A", "South", "North")]}),
        (TWO, "wait:B", {"dropped": [("B", "North")], "moved": [("A", "South", "North")]}),
        (FOLLOWS, "condition:follows=4", {"dropped": [("A", "South")]}),
        (replace(FOLLOWS, pledges=(Pledge("follows", "North", 4, "South", 2),)),
         "condition:follows=3", {"gained": [("A", "South")]}),
        (replace(TWO, locks=(Lock("B", ""),)), "unlock:B",
         {"moved": [("A", "North", "South")], "gained": [("B", "North")]}),
    ],
)  # fmt: skip
def test_the_lines_say_who_moves_loses_and_gains_a_place(tables, question, lines):
    assert line(what_if(propose(tables, AIMS), [parse_change(question)])) == lines
