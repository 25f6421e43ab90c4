"""Everything a proposal claims, judged by trying everything: problems of up to eight cases.

Each problem is drawn from a number that a failure names. It may hold caps, earmarks, conditional
pledges, links of any size, households that agreed to be apart and that did not, locks, refusals,
consents, safeguards, days, wishes, last week's proposal and floors. The judge (`judge.py`) shares
nothing with the solvers.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import Judge, TooMany, reach

from onward.errors import Faults
from onward.placement.inputs.aims import Aims, Floor, Stage, read_aims
from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import (
    Case,
    Limit,
    Lock,
    Opening,
    Pledge,
    Selector,
    Tables,
    Window,
)
from onward.placement.problem.compiling import compile_tables
from onward.placement.problem.doors import BARRIERS
from onward.placement.propose import propose
from onward.placement.solving.prices import kernels
from onward.placement.solving.proposal import Proposal
from onward.placement.telling.document import document

SHIPPED = read_aims()
ORDER_BY_PRICES = ("emergencies", "protection", "together", "who", "outcome", "keep", "lottery")
REORDERED = settings(
    max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
PROGRAMMES = ("North", "South", "East", "West")
SEASONS = ("a", "b", "c")
DAY = date(2026, 1, 1)
PROVEN = ("emergencies", "protection", "together", "outcome", "keep")


# --- problems --------------------------------------------------------------------------------


def somebody(rng: random.Random) -> Selector:
    kind = rng.randrange(5)
    return Selector(
        categories=("WGR",) if kind == 0 else ("LPN", "MED") if kind == 4 else (),
        nationalities=("A",) if kind == 1 else (),
        needs=("medical",) if kind == 2 else (),
        min_size=rng.choice([2, 3]) if kind == 3 else None,
    )


def problem(number: int, most: int = 8) -> tuple[Tables, Aims]:
    """Tables and aims drawn from a number."""
    rng = random.Random(number)
    dated, scored = rng.random() < 0.4, rng.random() < 0.7
    roomy = rng.choice([4, 7, 10])
    hard = rng.choice([0.1, 0.4, 1.0])  # how much stands in the way of a case

    def barrier(*choices: Any) -> Any:
        """One of the choices, the first being none, the oftener the harder it is."""
        return rng.choice(choices) if rng.random() < hard else choices[0]

    names = PROGRAMMES[: rng.choice([1, 2, 2, 3, 3, 4])]
    country = {p: rng.choice(["N", "S", p[:1], ""]) for p in names}
    windows = []
    for p in names:
        for k, w in enumerate(SEASONS[: rng.choice([1, 2, 2, 3])]):
            opens = DAY + timedelta(days=90 * k) if dated else None
            windows.append(
                Window(
                    p, rng.randint(0, roomy), w, country[p],
                    opens=opens,
                    closes=opens + timedelta(days=60) if opens and rng.random() < 0.7 else None,
                    processing_days=barrier(0, 30, 100) if dated else 0,
                    max_size=barrier(None, None, 3, 4),
                    min_size=barrier(None, None, None, 2),
                    nationalities=barrier((), (), (), ("A",)),
                    categories=barrier((), (), (), ("LPN", "WGR")),
                    excluded_needs=barrier((), (), ("medical",)),
                    languages=rng.choice([(), ("fr",)]),
                    skills=rng.choice([(), ("welding",)]),
                    state=barrier("open", "open", "open", "confirmed", "verbal"),
                )
            )  # fmt: skip
    destinations = [*names, "N", "S"]

    def some(chance: float) -> tuple[str, ...]:
        return tuple(d for d in destinations if rng.random() < chance)

    n = rng.choice([*range(1, most + 1), most, most - 1])
    consented, numbers = rng.random() < 0.2 + 0.5 * hard, [f"C{i}" for i in range(n)]
    agreed = {h: rng.random() < 0.5 for h in ("H1", "H2")}
    cases, scores, openings = [], [], []
    for c in numbers:
        household = rng.choice(["", "", "", "", "", "H1", "H2"])
        cases.append(
            Case(
                c, rng.choice([1, 1, 2, 2, 3, 4, 5]), household,
                split_agreed=bool(household) and agreed[household] and rng.random() < 0.9,
                nationality=rng.choice("AB"),
                category=rng.choice(["LPN", "WGR", "MED"]),
                category_2=rng.choice(["", "", "WGR"]),
                priority=rng.choice(["normal", "normal", "normal", "urgent", "emergency"]),
                needs=rng.choice([(), (), ("medical",)]),
                languages=rng.choice([(), ("fr",)]),
                skills=rng.choice([(), ("welding",)]),
                ready_on=DAY + timedelta(days=rng.randint(0, 150)) if dated and rng.random() < 0.8 else None,
                leave_by=DAY + timedelta(days=rng.randint(60, 300)) if dated and rng.random() < 0.5 * hard else None,
                ties=some(0.1),
                linked_to=tuple(x for x in numbers if x != c and rng.random() < 0.6 / n),
                refused=some(0.06 * hard), forbidden=some(0.06 * hard),
                preferred=tuple(rng.sample(destinations, rng.choice([0, 0, 1, 2]))),
                consents=some(1 - 0.4 * hard) if consented else None,
                age=rng.choice([25, 70]),
            )
        )  # fmt: skip
        for p in names:
            if rng.random() < 1 - 0.2 * hard:
                scores.append(
                    Score(c, p, rng.randint(0, 10) / 10, rng.choice([None, 0.5, 0.9]))
                )
            openings.append(
                Opening(
                    c, rng.choice([p, country[p] or p]), rng.random() < 1 - 0.2 * hard, "G6"
                )
            )
    limits = []
    for k in range(rng.choice([0, 0, 1, 2, 3])):
        limits.append(
            Limit(
                f"L{k}", rng.choice([*names, "all"]), rng.randint(0, roomy),
                rng.choice(["", "", "a"]), rng.choice(["cap", "earmark"]), somebody(rng),
            )
        )  # fmt: skip
    pledges = []
    for k in range(rng.choice([0, 0, 1, 2])):
        opens = rng.choice(windows)
        pledges.append(
            Pledge(
                f"K{k}", rng.choice(names), rng.randint(0, 5), opens.programme,
                rng.randint(1, 4), opens.window,
                somebody(rng) if rng.random() < 0.5 else Selector(),
                rng.choice(["open", "open", "open", "verbal"]),
            )
        )  # fmt: skip
    locks = []
    if rng.random() < 0.25:
        for c in rng.sample(numbers, rng.randint(1, min(3, n))):
            w = rng.choice(windows)
            locks.append(
                Lock(c, *rng.choice([(w.programme, ""), (w.programme, w.window), ("", "")]))
            )
    previous = {}
    if rng.random() < 0.5:
        for c in numbers:
            if rng.random() < 0.6:
                w = rng.choice(windows)
                previous[c] = (w.programme, w.window)
    conditions = random.Random(f"conditions {number}")
    if conditions.random() < 0.3:
        cases = [
            replace(c, unmet=tuple(p for p in names if conditions.random() < 0.4 * hard))
            for c in cases
        ]
    tables = Tables(
        tuple(cases), tuple(windows), tuple(limits), tuple(pledges),
        tuple(scores) if scored else None,
        tuple(openings) if rng.random() < 0.25 else None,
        tuple(locks), previous, on=DAY if dated else None,
    )  # fmt: skip
    return tables, _aims(rng)


def _aims(rng: random.Random) -> Aims:
    """The shipped aims, sometimes changed as an officer may change them."""
    floors = []
    if rng.random() < 0.25:
        group = rng.choice(
            [{"category": "WGR"}, {"lone_older": True}, {"min_size": 3}, {"linked": True},
             {"nationality": "A", "priority": "normal"}]
        )  # fmt: skip
        floors.append(Floor("floor", group, rng.choice([0.3, 0.6, 1.0])))
    changed: dict[str, dict[str, object]] = {}
    if rng.random() < 0.3:
        changed["protection"] = {
            "category": {"WGR": 1.2}, "use_acceptance": rng.random() < 0.5
        }  # fmt: skip
    if rng.random() < 0.2:
        changed["outcome"] = {"per": "person"}
    if rng.random() < 0.2:
        changed["together"] = {"same_country": rng.choice([0, 0.5]), "same_window": 1}
    stages = tuple(
        Stage(s.name, {**s.options, **changed.get(s.name, {})}) for s in SHIPPED.stages
    )
    return replace(SHIPPED, stages=stages, floors=tuple(floors))


@lru_cache(maxsize=64)
def judged(number: int) -> tuple[Tables, Aims, Judge]:
    """A problem that can be tried whole, and its judge."""
    tables, aims = problem(number)
    while True:
        try:
            return tables, aims, Judge(tables, aims)
        except TooMany:
            out = tables.cases[-1].case
            tables = replace(
                tables,
                cases=tuple(
                    replace(c, linked_to=tuple(x for x in c.linked_to if x != out))
                    for c in tables.cases[:-1]
                ),
                scores=None
                if tables.scores is None
                else tuple(s for s in tables.scores if s.case != out),
                locks=tuple(x for x in tables.locks if x.case != out),
            )


@lru_cache(maxsize=64)
def proposed(number: int) -> tuple[Proposal, dict[str, Any]]:
    """The proposal for a problem, and what is said of it."""
    tables, aims, _ = judged(number)
    proposal = propose(tables, aims, gap=0.0)
    return proposal, document(proposal)


# --- what is judged ---------------------------------------------------------------------------


def near(value: float) -> float:
    return 2e-6 * max(1.0, abs(value))


def judge_stages(number: int) -> None:
    """Every aim in order has the best value there is, and the bound that proves it."""
    _, _, judge = judged(number)
    proposal, content = proposed(number)
    if not len(judge.choice):
        assert proposal.state == "infeasible"
        assert content["conflict"]
        return
    assert proposal.state == "optimal", proposal.state
    assert content["check"]["passed"], content["check"]
    row = judge_order(judge, proposal, 0.0)
    for p, line in enumerate(content["pledges"]):
        assert line["met"] == bool(judge.opened[row, p])


def judge_gaps(number: int) -> None:
    """At the gap of the aims: no value further from the best than it says, no bound below it."""
    tables, aims, judge = judged(number)
    if not len(judge.choice):
        return
    proposal = propose(tables, aims)
    assert proposal.state in ("optimal", "within_gap")
    assert (proposal.state == "optimal") == (proposal.gap <= 1e-6)
    judge_order(judge, proposal, aims.gap)


def judge_order(judge: Judge, proposal: Proposal, gap: float) -> int:
    """The aims in order, each with those before it held at what the proposal has."""
    rows = judge.rows_of(proposal.places())
    assert len(rows) == 1, "the judge does not allow this proposal"
    row = int(rows[0])
    held = np.ones(len(judge.choice), bool)
    for stage in proposal.stages:
        if stage.name not in judge.value:
            continue
        value = judge.value[stage.name]
        if stage.name == "outcome" and settled_before_outcome(judge.aims):
            held &= judge.same_people(row)
        if stage.name == "who":  # last week's come before any draw
            before = judge.value["last week"]
            assert before[row] >= before[held].max() - near(1.0), (
                "somebody of last week's is lost"
            )
            held &= before >= before[row] - near(1.0)
        mine, best = float(value[row]), float(value[held].max())
        where = f"{stage.name}: {stage.value} of {stage.bound}, the judge {mine} of {best}"
        lose = 0.0
        if stage.name == "outcome":  # what staying with last week's proposal may cost
            lose = judge.aims.stage("outcome").options["may_lose"]  # type: ignore[union-attr]
        # the value told is that of its own stage; the last week's proposal may have cost some
        assert mine <= stage.value + near(best), where
        assert mine >= stage.value * (1 - lose) - near(best), where
        assert stage.value <= best + near(best), where
        assert stage.bound >= best - near(best), where
        if stage.name in PROVEN:
            assert stage.value >= best - abs(best) * gap - near(best), where
            assert stage.gap <= gap, where
        if stage.name == "who":
            assert stage.value >= best * (1 - max(gap, 2e-5)) - near(best), where
            held &= judge.same_people(row)
        else:
            held &= value >= stage.value - abs(stage.value) * lose - near(best)
    return row


def settled_before_outcome(aims: Aims) -> bool:
    """Whether the aims before the outcome settle who is placed, without the draw."""
    names = [s.name for s in aims.stages]
    where = (outcome := aims.stage("outcome")) is None or outcome.options["decides"] == "where"
    return where and "who" not in names and "outcome" in names[1:]


@st.composite
def orders(draw: st.DrawFn) -> tuple[tuple[str, ...], str]:
    """Aims in any order, some left out, and what the outcome decides; as far as a file may."""
    names = draw(st.permutations([s.name for s in SHIPPED.stages]))
    names = names[: draw(st.integers(1, len(names)))]
    decides = draw(st.sampled_from(["where", "where_and_whether"]))
    if "outcome" in names and (
        names[0] == "outcome" or "who" in names[names.index("outcome") :]
    ):
        decides = "where_and_whether"
    return tuple(names), decides


def reordered(aims: Aims, names: tuple[str, ...], decides: str) -> Aims:
    stages = {s.name: s for s in aims.stages}
    stages["outcome"] = Stage("outcome", {**stages["outcome"].options, "decides": decides})
    return replace(aims, stages=tuple(stages[name] for name in names))


@REORDERED
@given(number=st.integers(0, 299), order=orders())
def test_aims_in_any_order_are_solved_as_trying_everything_does(number, order):
    tables, aims, judge = judged(number)
    judge.aims = reordered(aims, *order)
    try:
        if not len(judge.choice):
            return
        proposal = propose(tables, judge.aims, gap=0.0)
        assert proposal.state == "optimal", proposal.state
        judge_declared(judge.aims, proposal)
        judge_order(judge, proposal, 0.0)
    finally:
        judge.aims = aims


def judge_declared(aims: Aims, proposal: Proposal) -> None:
    """The stages stand as declared; where the outcome decides whether, the draw comes after it."""
    names = [s.name for s in aims.stages]
    outcome = aims.stage("outcome")
    whether = outcome is not None and outcome.options["decides"] == "where_and_whether"
    if whether and "who" in names and names.index("who") < names.index("outcome"):
        names.remove("who")
        names.insert(names.index("outcome") + 1, "who")
    assert [s.name for s in proposal.stages] == names


@REORDERED
@given(number=st.integers(0, 59), order=orders())
def test_prices_keep_the_declared_order_or_nothing_is_solved(number, order):
    tables, aims, judge = judged(number)
    changed = reordered(aims, *order)
    names = order[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onward.placement.propose.EXACT_UNITS", 0)
        patch.setattr("onward.placement.propose.EXACT_WHEN_BOUND", 0)
        try:
            proposal = propose(tables, changed, seconds=20)
        except Faults as refused:
            (fault,) = refused.faults
            assert fault.where == "stages"
            assert fault.found.startswith(", ".join(names))
            assert fault.allowed
            assert fault.remedy
            by_prices = [x for x in ORDER_BY_PRICES if x in names]
            assert (
                list(names) != by_prices
                or "protection" not in names
                or ("outcome" not in names and {"together", "keep"} & {*names})
                or order[1] == "where_and_whether"
            )
            return
    if proposal.state == "infeasible" or not judge.units:
        return
    # who is settled before togetherness, as its note says; nothing else changes its place
    said = [s.name for s in proposal.stages if s.name != "who"]
    assert said == [x for x in names if x != "who" and x in said]
    assert {"protection"} <= set(said)
    assert said[:1] == [next(x for x in names if x in said)]


def judge_prices(number: int) -> None:
    """What a condition is worth and a floor costs: the best with it, less the best without."""
    tables, aims, judge = judged(number)
    proposal, content = proposed(number)
    if proposal.state == "infeasible":
        return
    protection = judge.value["protection"]
    for p, line in enumerate(content["pledges"]):
        met = protection[judge.opened[:, p]]
        others = tuple(x for x in tables.pledges if x.pledge != line["pledge"])
        unmet = Judge(replace(tables, pledges=others), aims).value["protection"]
        if not len(met) or not len(unmet):
            assert line["price"] is None, line
            continue
        assert line["price"] == pytest.approx(float(met.max() - unmet.max()), abs=1e-5), line
    for line in proposal.floors:
        without = Judge(tables, replace(aims, floors=())).value
        best = without["protection"][
            without["emergencies"] >= without["emergencies"].max() - near(1.0)
        ].max()
        held = judge.value["emergencies"] >= judge.value["emergencies"].max() - near(1.0)
        price = max(0.0, float(best - protection[held].max()))
        assert line["price"] == pytest.approx(price, abs=1e-5), line
        assert line["price_at_least"] == pytest.approx(price, abs=1e-4), line
        assert line["price_at_most"] == pytest.approx(price, abs=1e-4), line


def judge_prices_of_floors_of_many(number: int) -> int:
    """Where prices guide the search, no floor costs less or more than is said it can."""
    tables, aims = problem(number)
    cases = tuple(
        replace(c, priority="urgent" if c.priority == "emergency" else c.priority)
        for c in tables.cases
    )
    group: dict[str, Any] = [{"min_size": 3}, {"nationality": "B"}, {"category": "MED"}][
        number % 3
    ]
    tables = replace(tables, cases=cases, locks=())
    aims = replace(
        aims, floors=(Floor("floor", group, 0.5), Floor("small", {"max_size": 2}, 0.2))
    )
    try:
        judge = Judge(tables, aims)
    except TooMany:
        return 0
    if not len(judge.choice):
        return 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onward.placement.propose.EXACT_UNITS", 0)
        patch.setattr("onward.placement.propose.EXACT_WHEN_BOUND", 0)
        proposal = propose(tables, aims, seconds=20)
    assert [line["floor"] for line in proposal.floors] == ["floor", "small"]
    mine = judge.value["protection"].max()
    for line, other in zip(proposal.floors, aims.floors[::-1], strict=True):
        without = Judge(tables, replace(aims, floors=(other,))).value["protection"].max()
        true = float(without - mine)
        assert line["price_at_least"] - 1e-4 <= true <= line["price_at_most"] + 1e-4, line
        assert line["price_at_least"] <= line["price"] <= line["price_at_most"], line
    return sum(line["price_at_most"] > 0 for line in proposal.floors)


def test_where_prices_guide_the_search_the_cost_of_a_floor_is_within_what_is_said():
    assert sum(judge_prices_of_floors_of_many(number) for number in range(60)) > 10


def asked(change: str) -> int:
    """How many persons a change asks for in all."""
    return sum(int(n) for n in re.findall(r"(\d+) (?:more|fewer) (?:place|person)s?", change))


def judge_reasons(number: int) -> None:
    tables, aims, judge = judged(number)
    proposal, content = proposed(number)
    if proposal.state == "infeasible":
        return
    row = int(judge.rows_of(proposal.places())[0])
    windows = {(w.programme, w.window): w for w in tables.windows}
    for line in content["unplaced"]:
        case = next(c for c in tables.cases if c.case == line["case"])
        unit = judge.unit_of[case.case]
        mates = [judge.cases[i] for i in judge.units[unit]]
        if any((judge.lock_of(m) or ("x",))[0] == "" for m in mates):
            assert line["code"] == "held back", line
            continue
        assert line["code"] != "not proposed", line
        free = {key for key, w in windows.items() if not any(judge.barred(m, w) for m in mates)}
        if free:
            # the change, word for word, lets the case in beside everybody who has a place
            assert line["code"] in ("full", "places"), (line, free)
            assert line["stopped_by"], line
            assert asked(line["change"]) == judge.fewest_more(case.case, row), line
            assert let_in(tables, aims, proposal.places(), mates, line["change"]), line
            continue
        barred = [judge.barred(case, w) for w in tables.windows]
        assert line["code"] not in ("full", "places"), line
        said = dict(
            re.findall(r"(?:^|; )([^;]+?)(?:: [^;()]+)? \((\d+) programmes?\)", line["reason"])
        )
        for words, count in said.items():
            code = next((k for k, v in BARRIERS.items() if v == words), None)
            assert code is not None, line
            stopped = {
                w.programme for w, x in zip(tables.windows, barred, strict=True) if code in x
            }
            assert 0 < int(count) <= len(stopped), (line, code)
        if line["code"] == "household":
            apart = Judge(
                replace(
                    tables,
                    locks=(),
                    cases=tuple(replace(c, split_agreed=True, locked="") for c in tables.cases),
                ),
                replace(aims, floors=()),
            )
            assert any(not judge.barred(case, w) for w in tables.windows), line
            assert apart.units, line
        elif line["code"] == "consent":
            assert all({"consent"} & x for x in barred_to(judge, mates)), line
            assert line["change"] == "ask the people, in private, about another destination"
        elif line["code"] == "refused":
            assert all(
                {"consent", "safeguards", "refused"} & x for x in barred_to(judge, mates)
            ), line
            assert line["change"].startswith("none: ")
        else:
            # every part of the change together lets the case in
            assert let_in(tables, aims, proposal.places(), mates, line["change"]), line


def barred_to(judge: Judge, mates: list[Case]) -> list[set[str]]:
    """For every window what stands between it and some of these cases."""
    return [set().union(*(judge.barred(m, w) for m in mates)) for w in judge.windows]


def let_in(
    tables: Tables,
    aims: Aims,
    placed: dict[str, tuple[str, str]],
    mates: list[Case],
    change: str,
) -> bool:
    """Whether tables changed as the words say have a choice with everybody where they are, and
    these cases placed."""
    asked_of_them = {c.case for c in mates}
    for words in re.split("; | and ", change):
        tables = changed(tables, asked_of_them, words)
    everybody = replace(
        tables,
        locks=(
            *(Lock(c, *place) for c, place in placed.items()),
            *(
                Lock(c.case, "", "")
                for c in tables.cases
                if c.case not in placed and c.case not in asked_of_them
            ),
        ),
    )
    found = Judge(everybody, replace(aims, floors=()))
    units = {found.unit_of[c] for c in asked_of_them}
    return bool((found.choice[:, sorted(units)] >= 0).all(1).any())


def changed(tables: Tables, asked_of_them: set[str], words: str) -> Tables:
    """The tables after one part of a change, as an officer would read it."""
    windows, limits, cases = list(tables.windows), list(tables.limits), list(tables.cases)
    scores, openings, pledges = tables.scores, tables.openings, tables.pledges
    fewer = re.fullmatch(r"(\d+) fewer persons? asked for by condition (.+)", words)
    more = re.fullmatch(
        r"(\d+) (more places? in|fewer places? kept by earmark|more persons? under \w+) (.+)",
        words,
    )
    days = re.fullmatch(r"(\d+) days? more, or faster processing, in (.+)", words)
    head, _, names = words.partition(": ")
    if fewer:
        assert fewer[2] in {p.pledge for p in pledges}
        pledges = tuple(
            replace(p, if_persons=p.if_persons - int(fewer[1])) if p.pledge == fewer[2] else p
            for p in pledges
        )
    elif more and more[2].startswith("more place"):
        (at,) = [i for i, w in enumerate(windows) if w.name == more[3]]
        windows[at] = replace(windows[at], persons=windows[at].persons + int(more[1]))
    elif more:
        (at,) = [i for i, x in enumerate(limits) if x.limit == more[3]]
        sign = -1 if more[2].startswith("fewer") else 1
        limits[at] = replace(limits[at], persons=limits[at].persons + sign * int(more[1]))
    elif days:
        longer = timedelta(days=int(days[1]))
        windows = [
            replace(
                w,
                closes=w.closes and w.closes + longer,
                valid_to=w.valid_to and w.valid_to + longer,
            )
            if w.name == days[2]
            else w
            for w in windows
        ]
        cases = [
            replace(c, leave_by=c.leave_by and c.leave_by + longer)
            if c.case in asked_of_them
            else c
            for c in cases
        ]
    elif head == "see which condition of the offer is not known to be met":
        met = names.split(", ")[-1]
        cases = [
            replace(c, unmet=tuple(p for p in c.unmet if p != met))
            if c.case in asked_of_them
            else c
            for c in cases
        ]
    elif words.startswith("see "):
        openings = None
    elif words.startswith("review the ban on "):
        cases = [replace(c, forbidden=()) if c.case in asked_of_them else c for c in cases]
    elif words == "score the case for a programme":
        known = {(s.case, s.programme) for s in scores or ()}
        scores = (
            *(scores or ()),
            *(
                Score(c, w.programme, 0.0)
                for c in asked_of_them
                for w in {x.programme: x for x in windows}.values()
                if (c, w.programme) not in known
            ),
        )
    else:
        lifted: dict[str, Any] = {
            "have the pledge confirmed": {"state": "confirmed"},
            "ask to accept this nationality": {"nationalities": ()},
            "ask to accept these categories": {"categories": ()},
            "ask to accept this size": {"min_size": None, "max_size": None},
            "ask whether the need can be met": {"excluded_needs": ()},
        }[head]
        # any of those named will do: the last is asked
        programme = names.split(", ")[-1]
        windows = [replace(w, **lifted) if w.programme == programme else w for w in windows]
    return replace(
        tables,
        windows=tuple(windows),
        limits=tuple(limits),
        cases=tuple(cases),
        scores=scores,
        openings=openings,
        pledges=pledges,
    )


def judge_large(number: int) -> None:
    """The way of large problems on the same: every rule kept, and no bound a promise too low."""
    tables, aims, judge = judged(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onward.placement.propose.EXACT_UNITS", 0)
        patch.setattr("onward.placement.propose.EXACT_WHEN_BOUND", 0)
        proposal = propose(tables, aims, seconds=20)
    if not len(judge.choice):
        assert proposal.state == "infeasible"
        return
    assert proposal.state != "infeasible"
    rows = judge.rows_of(proposal.places())
    assert len(rows) == 1, "the judge does not allow this proposal"
    row = int(rows[0])
    alike = judge.same_people(row)
    value = judge.value
    for stage in proposal.stages:
        if stage.name not in value or np.isnan(stage.bound):
            continue
        mine = value[stage.name]
        assert stage.value == pytest.approx(float(mine[row]), rel=1e-4, abs=1e-4), stage
        among = np.ones(len(mine), bool)
        if stage.name in ("together", "outcome", "keep"):
            among = alike & judge.no_worse_alone(row)
        if stage.name == "outcome":
            among = among & (judge.whole_groups() >= judge.whole_groups()[row])
        if "as soon as" in stage.note:
            among = value["emergencies"] >= value["emergencies"][row] - 1e-6
        best = float(mine[among].max())
        assert stage.bound >= best - 1e-4, (stage, best)


def judge_links(number: int) -> None:
    """How linked groups stand, and what is said of those that are not together."""
    _, _, judge = judged(number)
    proposal, content = proposed(number)
    if proposal.state == "infeasible":
        return
    row = int(judge.rows_of(proposal.places())[0])
    country = [w.country or w.programme for w in judge.windows]
    said = content["links"]
    assert len(said) == len(judge.groups)
    for line in said:
        units = sorted({judge.unit_of[c] for c in line["cases"]})
        assert set(units) in judge.groups
        here = [int(judge.choice[row, u]) for u in units]
        placed = [s for s in here if s >= 0]
        places = {country[s] for s in placed}
        if not placed:
            state = "nobody placed"
        elif len(placed) < len(units):
            state = "partly placed"
        else:
            state = (
                "together"
                if len(set(placed)) == 1
                else "same country"
                if len(places) == 1
                else "apart"
            )
        assert line["state"] == state, line
        if state in ("together", "nobody placed"):
            continue
        size = sum(judge.size(u) for u in units)
        # windows that some member is too large for are possible for nobody
        may = [
            {s for s in judge.options[u] if s >= 0 and judge.most_places(s) >= judge.size(u)}
            for u in units
        ]
        common = set.intersection(*may)
        if "no window is possible" in line["why"]:
            assert not common, line
        elif "no common window has" in line["why"]:
            assert common, line
            assert all(judge.most_places(s) < size for s in common), line
        else:
            assert any(judge.most_places(s) >= size for s in common), line
        if state == "apart":
            shared = set.intersection(*({country[s] for s in m} for m in may))
            assert ("no country is possible" in line["why"]) == (not shared), line


def judge_conflict(number: int) -> None:
    """What is named as a conflict cannot hold together, and none of it can be left out."""
    tables, aims, judge = judged(number)
    if len(judge.choice):
        return
    named = proposed(number)[0].conflict
    alone = [re.fullmatch(r"lock of case (\w+): .+", x) for x in named]
    if any(alone):
        # a lock that something forbids, whoever else is there
        for found in alone:
            assert found is not None, named
            unit = judge.unit_of[found[1]]
            fits = [
                s
                for s in judge.options[unit]
                if s >= 0 and judge.size(unit) <= judge.most_places(s)
            ]
            assert not fits, named
        return
    named = [x for x in named if not x.startswith("household ")]
    assert named
    assert not possible(tables, aims, named), named
    for one in named:
        assert possible(tables, aims, [x for x in named if x != one]), (one, named)


def possible(tables: Tables, aims: Aims, named: list[str]) -> bool:
    """Whether some choice keeps these locks, floors and limits, all others left out."""
    windows = tuple(
        w
        if any(x.startswith(f"places of {w.name}: ") for x in named)
        else replace(w, persons=w.persons + 99)
        for w in tables.windows
    )
    more = [
        (w, w.persons - old.persons) for w, old in zip(windows, tables.windows, strict=True)
    ]

    def as_it_was(limit: Limit) -> Limit:
        """What an earmark leaves to others, whatever places the windows were given."""
        if limit.kind == "cap":
            return limit
        given = sum(
            n for w, n in more if reach(limit, [w]) and w.state in aims.states_that_count
        )
        return replace(limit, persons=limit.persons + given)

    limits = tuple(
        as_it_was(x)
        for x in tables.limits
        if any(n.startswith(f"{x.kind} {x.limit}: ") for n in named)
    )
    locked = {
        m[1] for x in named if (m := re.fullmatch(r"lock (?:of|that holds) case (\w+) .+", x))
    }
    floors = tuple(f for f in aims.floors if f"floor {f.name}" in named)
    changed = replace(
        tables,
        windows=windows,
        limits=limits,
        locks=tuple(x for x in tables.locks if x.case in locked),
    )
    return bool(len(Judge(changed, replace(aims, floors=floors)).choice))


QUICK = range(60)
MANY = [range(60 + 60 * k, 120 + 60 * k) for k in range(4)]
JUDGES = (
    judge_stages,
    judge_gaps,
    judge_prices,
    judge_reasons,
    judge_links,
    judge_large,
    judge_conflict,
)


@pytest.mark.parametrize("judge", JUDGES)
def test_sixty_problems_are_solved_as_trying_everything_does(judge):
    for number in QUICK:
        try:
            judge(number)
        except AssertionError as error:
            raise AssertionError(f"problem {number}: {error}") from error


@pytest.mark.slow
@pytest.mark.parametrize("numbers", MANY, ids=lambda x: f"{x[0]}-{x[-1]}")
@pytest.mark.parametrize("judge", JUDGES)
def test_hundreds_of_problems_are_solved_as_trying_everything_does(judge, numbers):
    for number in numbers:
        try:
            judge(number)
        except AssertionError as error:
            raise AssertionError(f"problem {number}: {error}") from error


def test_linked_groups_write_no_further_than_the_windows_all_members_can_take():
    cases = tuple(
        Case(f"C{i}", 1, linked_to=("C0",) if i else (), consents=c)
        for i, c in enumerate([("North", "South"), ("North", "South"), ("North",)])
    )
    tables = Tables(cases, (Window("North", 3), Window("South", 3)))
    model = compile_tables(tables, SHIPPED, seed=1).model
    arrays = (model.group_start, model.group_member, model.start, model.slot)
    none = np.zeros(0, np.int64)
    # uncompiled, so that writing beside an array is a fault and not silent
    shared = kernels.common_slots.py_func
    count, entries = shared(*arrays, True, none, none, none, none)
    assert (count, entries) == (1, 3)
    column, unit = np.zeros(3, np.int64), np.zeros(3, np.int64)
    shared(*arrays, False, np.zeros(1, np.int64), np.zeros(2, np.int64), column, unit)
    assert [cases[u].case for u in unit] == ["C0", "C1", "C2"]
    assert {model.slot[c] for c in column} == {0}
