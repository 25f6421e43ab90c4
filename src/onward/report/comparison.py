"""A comparison of scenarios as a page for a planner who has never seen one.

Comes in: a `Comparison` (or how long a choice can wait) and words for its parts. Goes out: a
`Report` that the thin renderers draw. Internal only: simulated figures, rounded where they are
read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onward.forecast.telling.wording import assumed
from onward.report import scenario_charts as charts
from onward.report.model import (
    Block,
    Cell,
    Figure,
    Points,
    Report,
    Section,
    Table,
    Text,
    words,
)
from onward.report.saying import Sayer

if TYPE_CHECKING:
    from onward.forecast.scenarios.compare import Case, Comparison
    from onward.forecast.scenarios.decide_by import DecideBy

Words = Callable[["Case"], str]


def comparison_report(
    made: Comparison,
    *,
    title: str,
    demonstration: bool,
    rulebook: str,
    rulebook_hash: str,
    what_counts: str,
    certainty: Words,
    cost_words: Words,
    by_way: Words,
) -> Report:
    """The page of a comparison.

    certainty, cost_words, by_way   a case in words, as the terminal says it
    """
    on = dt.date.fromisoformat(made.as_of)
    return Report(
        operation=title,
        as_of=on,
        audience="internal",
        headline=_headline(made),
        summary=[
            f"{made.futures:,} courses of events were played from {_day(made.as_of)} to "
            f"{_day(made.deadline)}, each once under the plan as it stands and once under every "
            "scenario, with the same luck, paces and dates. So a difference below is what the "
            "scenario does, not chance.",
            what_counts,
        ],
        sections=[
            _against(made, on, certainty, cost_words, by_way),
            _pairs(made, on),
            *_changes(made, on),
            *_regret(made, on),
            *_conditions(made),
            _ground(made),
        ],
        demonstration=demonstration,
        rulebook=rulebook,
        rulebook_hash=rulebook_hash,
        floor_hash="",
        notes=[
            f"Simulated, {made.futures:,} futures, seed {made.seed}; Onward {made.version}. The same "
            "record, plan, files and seed give the same page.",
            *(f"{name}: SHA-256 {value}." for name, value in sorted(made.inputs.items())),
        ],
        kind="Scenarios compared",
    )


def _headline(made: Comparison) -> str:
    choices = [case for case in made.cases if case.kind == "choice"]
    ranked = sorted(choices, key=lambda case: -case.options_change["mean"])
    plan = made.cases[0]
    text = (
        f"Under the plan about {_about(plan.here['median'])} of {made.start:,} people will still be "
        f"here on {_day(made.deadline)}, and about {_about(plan.options['median'])} lawful options "
        "will have been opened."
    )
    if ranked and ranked[0].options_change["mean"] >= 1:
        best = ranked[0]
        text += (
            f" Of the choices, “{best.title}” opens most: {best.options_change['mean']:,.0f} more on "
            "average."
        )
    return text


def _against(
    made: Comparison, on: dt.date, certainty: Words, cost_words: Words, by_way: Words
) -> Section:
    ordered = sorted(
        made.cases, key=lambda case: ("plan", "choice", "circumstance").index(case.kind)
    )
    rows = []
    for case in ordered:
        own = case.kind == "plan"
        name = f"{case.title} (may happen)" if case.kind == "circumstance" else case.title
        rows.append(
            [
                words(name),
                _range(case.options),
                words("–") if own else _change(case.options_change),
                _range(case.here),
                words("–") if own else _change(case.here_change),
            ]
        )
    table = Table(
        "against-the-plan",
        "What each scenario would change by the deadline",
        ["", "Options opened", "against the plan", "Still here", "against the plan"],
        rows, on,
        "Middle of the futures, with 8 in 10 of them in brackets. Against the plan: the average over "
        "the futures, each compared with itself, with 8 in 10 in brackets.",
    )  # fmt: skip
    blocks: list[Block] = [table]
    for case in ordered[1:]:
        said = [certainty(case)]
        if ways := by_way(case):
            said.append(f"By way: {ways}.")
        if case.cost:
            said.append(cost_words(case))
        if case.owners:
            said.append(f"To be decided by: {', '.join(case.owners)}.")
        said += case.notes
        blocks += [Text(f"{case.title}. {case.why}".strip(), "wait"), Points(said)]
    return Section("against", "What each scenario would change", blocks)


def _pairs(made: Comparison, on: dt.date) -> Section:
    dates = [on, *(dt.date.fromisoformat(day) for day in made.days)]

    def series(case: Case) -> dict[str, list[float]]:
        return {name: [float(made.start), *case.fan[name]] for name in ("q10", "median", "q90")}

    plan = series(made.cases[0])
    pairs = [(case.title, series(case)) for case in made.cases[1:]]

    def draw(*, say: Sayer, width: int) -> str:
        return charts.fan_pairs(
            dates, pairs, plan, width=width, say=say, title=say("People still here, beside the plan"),
            description=say("For each scenario, 8 in 10 futures with it and under the plan."),
        )  # fmt: skip

    table = Table(
        "fan-pairs-table", "People still here on the deadline",
        ["", "1 in 10 below", "Middle", "1 in 10 above"],
        [[words(case.title), *(_number(case.here[n]) for n in ("q10", "median", "q90"))] for case in made.cases],
        on,
    )  # fmt: skip
    figure = Figure(
        "fan-pairs", "People still here over time, each scenario beside the plan", draw, table, on,
        "Grey is the plan as it stands, blue the scenario; where they overlap they look alike. Each "
        "band holds 8 in 10 futures, 1 in 10 lies above it and 1 below. The full line is the middle "
        "with the scenario, the dotted one under the plan. The upright axis does not begin at nought, "
        "so that the difference can be seen.",
    )  # fmt: skip
    return Section("over-time", "Over time", [figure])


def _changes(made: Comparison, on: dt.date) -> list[Section]:
    if not made.bars:
        return []
    of = {case.id: case.title for case in made.cases}
    rows = []
    for bar in made.bars:
        remark = of[bar.scenario] if bar.alone else ""
        cost = ", ".join(f"{value:,.0f} {unit}" for unit, value in bar.cost.items())
        at = bar.options_change
        rows.append(
            (assumed(bar.title) if bar.alone else of[bar.scenario], at["q10"], at["mean"], at["q90"],
             " · ".join(part for part in (remark, f"costs {cost}" if cost else "") if part))
        )  # fmt: skip

    def draw(*, say: Sayer, width: int) -> str:
        return charts.tornado(
            rows, width=width, say=say, title=say("Options opened, more or fewer than under the plan"),
            description=say("Each change by itself: mean and 8 in 10 futures, largest first."),
        )  # fmt: skip

    table = Table(
        "changes-table", "Options opened, more or fewer than under the plan",
        ["Change", "Part of", "1 in 10 below", "Mean", "1 in 10 above"],
        [[words(name), words(remark), _signed(low), _signed(mean), _signed(high)]
         for name, low, mean, high, remark in rows],
        on,
    )  # fmt: skip
    figure = Figure(
        "changes", "What each change does by itself, largest first", draw, table, on,
        "The bar is the average number of lawful options opened, more (to the right) or fewer (to "
        "the left) than under the plan. The thin line holds 8 in 10 futures. What several changes do "
        "together is not the sum: they help or hinder each other.",
    )  # fmt: skip
    return [Section("changes", "Which change matters", [figure])]


def _regret(made: Comparison, on: dt.date) -> list[Section]:
    if len(made.regret) < 2:
        return []
    rows = [(row.title, row.levels, row.mean) for row in made.regret]

    def draw(*, say: Sayer, width: int) -> str:
        return charts.regrets(
            rows, width=width, say=say, title=say("Options forgone against the best of the choices"),
            description=say("Per choice: half of the futures in the box, 8 in 10 on the line, the mean as a dot."),
        )  # fmt: skip

    table = Table(
        "regret-table", "Options forgone against the best of these choices in the same future",
        ["Choice", "Mean", "Half of futures below", "9 in 10 below", "Nothing better", "Hardest under"],
        [[words(r.title), _number(r.mean), _number(r.levels["median"]), _number(r.levels["q90"]),
          Cell(f"{r.best:.0%}", r.best), words(f"{r.worst[0]} ({r.worst[1]:,.0f})")] for r in made.regret],
        on,
    )  # fmt: skip
    worlds = ["things as they are", *made.circumstances]
    figure = Figure(
        "regret", "What we may come to regret: options forgone", draw, table, on,
        "In every future, the choice that opens most is looked for; regret is how many options fewer "
        "another choice opens in that same future. The box holds the middle half of the futures, the "
        "line 8 in 10, the dot is the mean. Small and narrow is good: such a choice is never far from "
        f"the best. Taken over: {'; '.join(worlds)}.",
    )  # fmt: skip
    return [Section("regret", "What we may come to regret", [figure])]


def _conditions(made: Comparison) -> list[Section]:
    blocks: list[Block] = []
    for question in made.conditions.values():
        blocks.append(
            Text(
                f"What would have to be true so that {question['asked']}? Under the plan this happens "
                f"in {question['share']:.0%} of the futures."
            )
        )
        for number, box in enumerate(question["boxes"]):
            begin = "When" if not number else "In the other futures, when"
            blocks.append(
                Text(
                    f"{begin} all of the following holds, it happens in {box['density']:.0%} of the "
                    f"futures. These are {box['inside']:.0%} of all futures and hold "
                    f"{box['coverage']:.0%} of its cases."
                )
            )
            blocks.append(Points([limit["said"] for limit in box["limits"]]))
        if question["said"]:
            blocks.append(Text(question["said"]))
    if not blocks:
        return []
    blocks.append(
        Text(
            "Found by looking for the few conditions that the futures in question share, and counted "
            "on other futures than those in which they were found. They say what goes together, not "
            "what causes what."
        )
    )
    return [Section("true", "What would have to be true", blocks)]


def _ground(made: Comparison) -> Section:
    blocks: list[Block] = [Points(list(made.assumptions))]
    if made.left_out:
        blocks += [
            Text("What is not simulated, in any of the scenarios:"),
            Points(list(made.left_out)),
        ]
    return Section("assumed", "What all of this assumes", blocks)


def waiting_report(
    made: DecideBy,
    *,
    title: str,
    as_of: dt.date,
    demonstration: bool,
    rulebook: str,
    rulebook_hash: str,
    said: Sequence[str],
    what_counts: str,
    futures: int,
    seed: int,
) -> Report:
    """The page of how long a choice can wait; `said` its answer in sentences."""
    days = [dt.date.fromisoformat(day) for day in made.days]
    keeps = {"0.9": "nine tenths kept", "0.5": "half kept", "0.1": "a tenth kept"}
    marks = [
        (dt.date.fromisoformat(day), f"{word}: {_day(day)}")
        for share, word in keeps.items()
        if (day := made.by[share]) and not (share == "0.1" and made.open_end)
    ]

    def draw(*, say: Sayer, width: int) -> str:
        return charts.waits(
            days, made.low, made.more, made.high, marks, width=width, say=say,
            title=say("Options opened by the day of decision"),
            description=say("Options more than under the plan, for every day of decision tried."),
        )  # fmt: skip

    table = Table(
        "waits-table", "Options more than under the plan",
        ["Decided on", "1 in 10 below", "Mean", "1 in 10 above"],
        [[words(_day(d.isoformat())), _number(low), _number(mean), _number(high)]
         for d, low, mean, high in zip(days, made.low, made.more, made.high, strict=True)],
        as_of,
    )  # fmt: skip
    figure = Figure(
        "waits", "Lawful options it opens, the later it is decided", draw, table, as_of,
        "The line is the average number of lawful options opened, more than under the plan, if the "
        "choice is made on that day; the band holds 8 in 10 futures.",
    )  # fmt: skip
    return Report(
        operation=title,
        as_of=as_of,
        audience="internal",
        headline=_waits(made.title, said),
        summary=[*said[1:], what_counts],
        sections=[Section("waits", "How long the decision can wait", [figure])],
        demonstration=demonstration,
        rulebook=rulebook,
        rulebook_hash=rulebook_hash,
        floor_hash="",
        notes=[f"Simulated, {futures:,} futures, seed {seed}."],
        kind="A decision and its last day",
    )


def _waits(title: str, said: Sequence[str]) -> str:
    """The choice and the first of its last days, with one colon."""
    if not said:
        return title
    first = said[0].replace(": ", ", ", 1)
    return f"{title}: {first[0].lower()}{first[1:]}"


# -- cells ------------------------------------------------------------------------------------
def _about(value: float) -> str:
    step = 10 if value >= 100 else 1
    return f"{round(value / step) * step:,.0f}"


def _number(value: float) -> Cell:
    return Cell(f"{value:,.0f}", float(round(value)))


def _signed(value: float) -> Cell:
    return Cell(f"{value:+,.0f}" if round(value) else "0", float(round(value)))


def _range(at: Mapping[str, float]) -> Cell:
    return Cell(
        f"{at['median']:,.0f} ({at['q10']:,.0f} to {at['q90']:,.0f})", float(at["median"])
    )


def _change(at: Mapping[str, Any]) -> Cell:
    if abs(at["mean"]) < 0.05 and not at["q10"] and not at["q90"]:
        return words("none")
    low, mean, high = (_signed(at[name]).text for name in ("q10", "mean", "q90"))
    return Cell(f"{mean} ({low} to {high})", float(at["mean"]))


def _day(text: str) -> str:
    day = dt.date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"
