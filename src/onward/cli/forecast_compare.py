"""`onward forecast compare`, `decide-by` and `levers`: what would change the answer.

Turns arguments into calls of the registry and their answers into plain words, data or a page.
The commands are mounted by `forecast.py`.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from onward.forecast.scenarios.compare import Case, Comparison
    from onward.forecast.scenarios.decide_by import DecideBy
    from onward.forecast.scenarios.search import Search
    from onward.registry.computing.analysis import Opened

LEAST_FUTURES = 100
FUTURES = 500

DIRECTORY = Annotated[Path, typer.Argument(metavar="DIR", help="The operation folder.")]
JSON = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]
BY = Annotated[
    str | None,
    typer.Option("--by", help="The day asked about. Left out: the operation's deadline."),
]
AS_OF = Annotated[
    str | None,
    typer.Option("--as-of", help="The day it starts from. Left out: where the record ends."),
]
MANY = Annotated[
    int, typer.Option("--futures", help="Courses of events, the same for every scenario.")
]
SEED = Annotated[int, typer.Option("--seed", help="The same seed, the same answer.")]


def compare(
    directory: DIRECTORY,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Scenario files. Left out: all in DIR/scenarios."),
    ] = None,
    by: BY = None,
    as_of: AS_OF = None,
    futures: MANY = FUTURES,
    seed: SEED = 1,
    fewer_than: Annotated[
        int | None,
        typer.Option("--fewer-than", help="What would have to be true for fewer to be here?"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Also write a page with figures to this folder."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Example: onward forecast compare camp camp/scenarios/border_closed.yaml

    The plan and each scenario, played through the very same futures: people still here, lawful
    options opened, what one more option costs, what we may come to regret, and what would have to
    be true.
    """
    found = _opened(directory, as_of, futures, seed)
    from onward.registry.computing.comparing import comparison_of

    chosen = files or _all_in(found)
    if fewer_than is not None and fewer_than < 1:
        _refuse("--fewer-than", f"{fewer_than}", "1 or more")
    made = comparison_of(
        found, chosen, by=_day(by, "--by"), futures=futures, seed=seed, fewer_than=fewer_than,
        titles=WAYS, progress=_progress(),
    )  # fmt: skip
    if out is not None:
        written = _page(found, made, out)
        sys.stderr.write(f"Written: {', '.join(str(path) for path in written)}\n")
    _printed(found, "compare", made.to_json(), comparison_text(made), as_json)


def decide_by(
    directory: DIRECTORY,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario that is a choice.")],
    by: BY = None,
    as_of: AS_OF = None,
    futures: MANY = FUTURES,
    seed: SEED = 1,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Also write a page with a figure to this folder."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Example: onward forecast decide-by camp camp/scenarios/interview_teams.yaml

    How long a choice can wait: the last days of decision that keep nine tenths, half and a tenth
    of what it would open.
    """
    found = _opened(directory, as_of, futures, seed)
    from onward.registry.computing.comparing import decide_by_of

    made = decide_by_of(
        found, file, by=_day(by, "--by"), futures=futures, seed=seed, progress=_progress()
    )
    if out is not None:
        written = _waiting_page(found, made, out, futures, seed)
        sys.stderr.write(f"Written: {written}\n")
    _printed(found, "decide-by", made.to_json(), decide_by_text(made), as_json)


def levers(
    directory: DIRECTORY,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Levers and budgets.")],
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", help="UNIT=AMOUNT, instead of the file's. Repeatable."),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="A circumstance to hold out against. Repeatable."),
    ] = None,
    by: BY = None,
    as_of: AS_OF = None,
    futures: MANY = FUTURES,
    seed: SEED = 1,
    as_json: JSON = False,
) -> None:
    """Example: onward forecast levers camp camp/levers.yaml --budget euros=300000

    Which levers of an authority or the operation together open most lawful, voluntary options,
    within the budgets and in the poorer half of all futures. Safeguards, consents, claims and what
    people are told are no levers, and nobody's leaving counts for itself.
    """
    found = _opened(directory, as_of, futures, seed)
    from onward.registry.computing.comparing import search_of

    made = search_of(
        found, file, against=against or [], budgets=budget or [], by=_day(by, "--by"),
        futures=futures, seed=seed, progress=_progress(),
    )  # fmt: skip
    _printed(found, "levers", made.to_json(), levers_text(made), as_json)


WAYS: Mapping[str, str] = {
    "return": "return home",
    "protection": "protection granted",
    "resettlement": "resettlement",
    "onward": "onward departure",
    "relocation": "relocation",
    "stay": "lawful stay",
}
WHAT_COUNTS = (
    "A lawful option is opened to a person on a pathway they chose when its last step is taken, or "
    "could be taken on the day: nothing closed, and a place left. Staying with a way open counts "
    "as much as going. Hand-over, death and absence never count."
)


# -- words ------------------------------------------------------------------------------------
def comparison_text(made: Comparison) -> list[str]:
    """A comparison in words."""
    from onward.forecast.telling.wording import assumed

    lines = [
        f"From {_say_day(made.as_of)} to {_say_day(made.deadline)}, {made.start:,} people at the "
        f"start. {made.futures:,} futures,",
        "each played once under the plan and once under every scenario, with the same luck.",
        "",
        f"{'':<44}{'still here':>22}{'lawful options opened':>28}",
        f"{'':<44}{'middle':>8}{'8 in 10':>16}{'middle':>9}{'8 in 10':>16}",
    ]
    groups = (("", "plan"), ("Choices", "choice"), ("May happen", "circumstance"))
    for title, kind in groups:
        rows = [case for case in made.cases if case.kind == kind]
        if rows and title:
            lines.append(title)
        for case in rows:
            lines.append(
                f"{'  ' if title else ''}{_cut(case.title, 42):<{42 if title else 44}}"
                f"{case.here['median']:>8,.0f}{_range(case.here):>16}"
                f"{case.options['median']:>9,.0f}{_range(case.options):>16}"
            )
    lines += ["", "Against the plan, future by future      options opened    people still here"]
    for case in sorted(made.cases[1:], key=lambda case: case.kind):
        lines.append(
            f"  {_cut(case.title, 36):<38}{_change(case.options_change):<20}"
            f"{_change(case.here_change)}"
        )
        lines.append("    " + certainty(case))
        if ways := by_way(case, made.ways):
            lines.append("    By way: " + ways)
        if case.cost:
            lines.append("    " + cost_words(case))
        lines += [f"    {note}" for note in case.notes]
    alone = [bar for bar in made.bars if bar.alone]
    if alone:
        lines += [
            "",
            "Each change by itself, largest first        options opened, mean and 8 in 10",
        ]
        for bar in alone:
            title = assumed(bar.title)
            lines.append(f"  {_cut(title, 52):<54}{_change(bar.options_change)}")
    if len(made.regret) > 1:
        lines += ["", regret_heading(made), ""]
        lines.append(f"  {'':<38}{'mean':>6}{'9 in 10 below':>15}{'nothing better':>16}")
        for row in made.regret:
            lines.append(
                f"  {_cut(row.title, 36):<38}{row.mean:>6,.0f}{row.levels['q90']:>15,.0f}"
                f"{row.best:>16.0%}"
            )
    for question in made.conditions.values():
        lines += ["", *question_text(question)]
    lines += ["", *_wrapped(WHAT_COUNTS)]
    lines.append(f"Seed {made.seed}: the same files, record and seed give the same answer.")
    return lines


def certainty(case: Case) -> str:
    """How often a scenario opens more, or fewer, options, in words."""
    more, fewer = case.likely_more, case.likely_fewer
    if more < 0.005 and fewer < 0.005:
        return "Opens nothing more and nothing fewer in any future."
    parts = []
    if more >= 0.005:
        parts.append(f"more options in {more:.0%} of the futures")
    if fewer >= 0.005:
        parts.append(f"fewer in {fewer:.0%}" + (" of the futures" if not parts else ""))
    rest = max(1 - more - fewer, 0)
    if rest >= 0.005:
        parts.append(f"no change in {rest:.0%}")
    text = ", ".join(parts) + "."
    return text[0].upper() + text[1:]


def by_way(case: Case, names: Mapping[str, str]) -> str:
    """The pathways that change, largest first."""
    rows = sorted(case.by_pathway.items(), key=lambda item: -abs(item[1]))
    said = [f"{names.get(way, way)} {value:+,.0f}" for way, value in rows if abs(value) >= 0.5]
    return ", ".join(said)


def cost_words(case: Case) -> str:
    """What a scenario costs and what one more option costs, in words."""
    parts = [f"{amount:,.0f} {unit}" for unit, amount in case.cost.items()]
    text = f"Costs {', '.join(parts)}"
    each = []
    for unit, value in case.cost_per_option.items():
        said = _amount(value["average"])
        if "low" in value:
            said += f" (8 in 10: {_amount(value['low'])} to {_amount(value['high'])})"
        each.append(f"{said} {unit}")
    if not each:
        return text + "; what one more option costs cannot be told."
    return text + f"; on average one more option costs {' and '.join(each)}."


def regret_heading(made: Comparison) -> str:
    """What regret is, in one sentence."""
    worlds = "as things are"
    if made.circumstances:
        number = len(made.circumstances)
        worlds += f" and under {number} circumstance{'s' if number > 1 else ''}"
    return (
        f"What we may regret, {worlds}: options fewer than the best of these choices would have\n"
        "opened in the very same future"
    )


def question_text(question: Mapping[str, Any]) -> list[str]:
    """What would have to be true, for one question."""
    share = float(question["share"])
    lines = [
        f"What would have to be true: {question['asked']} ({share:.0%} of the futures under the plan)"
    ]
    for number, box in enumerate(question["boxes"]):
        lines.append(
            f"  {'When' if not number else 'Of the other futures, when'} all of this holds, it "
            f"happens in {box['density']:.0%} of the futures (they are {box['inside']:.0%} of all "
            f"and hold {box['coverage']:.0%} of its cases):"
        )
        lines += [f"    - {limit['said']}" for limit in box["limits"]]
    if question["said"]:
        lines.append("  " + question["said"])
    return lines


def decide_by_text(made: DecideBy) -> list[str]:
    """How long a choice can wait, in words."""
    lines = [made.title, "", *waiting_words(made)]
    lines += ["", f"  {'decided on':<20}{'options more':>14}{'8 in 10':>18}"]
    for day, more, low, high in zip(made.days, made.more, made.low, made.high, strict=True):
        between = f"{_whole(low)} to {_whole(high)}"
        lines.append(f"  {_say_day(day):<20}{_whole(more):>14}{between:>18}")
    lines.append("")
    lines.append(
        "Compared in the same futures. Between the days tried, a straight line is read."
    )
    return lines


def waiting_words(made: DecideBy) -> list[str]:
    """The last days of decision as sentences."""
    words = {"0.9": "nine tenths", "0.5": "half", "0.1": "a tenth"}
    lines = []
    if made.by["0.9"] is None:
        lines.append(
            "Decided on the first day it opens nothing more, so there is no day to name."
        )
    for share, name in words.items():
        day = made.by[share]
        if day is None:
            continue
        if share == "0.1" and made.open_end:
            lines.append(f"More than {name} of its effect is still had on {_say_day(day)}.")
        else:
            lines.append(f"To keep {name} of its effect: decide by {_say_day(day)}.")
    if made.by["0.9"] is not None:
        # After the answer, before the other days: what its effect is.
        lines.insert(
            1,
            f"Decided on {_say_day(made.days[0])}, its effect is {_whole(made.more[0])} lawful "
            "options more than under the plan, on average.",
        )
    if not made.lead:
        lines.append(
            "The file gives no lead_days: these are days on which it begins, not on which it is "
            "decided."
        )
    return lines


def levers_text(made: Search) -> list[str]:
    """A search in words."""
    limits = ", ".join(f"{amount:,.0f} {unit}" for unit, amount in made.budgets.items())
    lines = [
        f"{made.title}: {made.packages:,} packages"
        + (f" within {limits}" if limits else "")
        + ("." if made.proven else f", of which {made.tried:,} were tried."),
    ]
    if made.circumstances:
        lines.append("Held out against: as things are; " + "; ".join(made.circumstances) + ".")
    best = made.found[0]
    if not best.taken:
        lines += ["", "No package opens more than the plan does in the poorer half of futures."]
    for number, row in enumerate(made.found, 1):
        lines += ["", f"{number}. " + ("Nothing but the plan" if not row.taken else "")]
        if row.taken:
            lines[-1] = (
                f"{number}. {_signed(row.robust)} lawful options against the plan, in the poorer "
                "half of the futures"
            )
            lines += [f"     {lever}: {what}" for lever, what in row.taken.items()]
            change = row.options_change
            lines.append(
                f"     over all futures {_signed(change['mean'])} options, 8 in 10 between "
                f"{_signed(change['q10'])} and {_signed(change['q90'])}"
            )
            if row.cost:
                said = ", ".join(f"{v:,.0f} {unit}" for unit, v in row.cost.items())
                each = ", ".join(
                    f"{_amount(value['average'])} {unit}"
                    for unit, value in row.cost_per_option.items()
                )
                lines.append(f"     costs {said}" + (f"; each option {each}" if each else ""))
            lines.append(f"     to be decided by: {', '.join(row.owners)}")
    lines.append("")
    if made.in_all:
        lines.append("In every package as good as the best: " + ", ".join(made.in_all) + ".")
    if not made.proven:
        lines.append(
            "Not every package was tried: there may be a better one. Fewer levers or options, or a "
            "smaller budget, let all be tried."
        )
    lines += _wrapped(WHAT_COUNTS)
    return lines


def _page(found: Opened, made: Comparison, out: Path) -> list[Path]:
    from onward.forecast.telling.wording import called, titles
    from onward.report.comparison import comparison_report
    from onward.report.html import render_html

    rulebook = found.rulebook
    names = titles(rulebook, found.plan)
    report = comparison_report(
        replace(
            made,
            assumptions=[called(text, names) for text in made.assumptions],
            left_out=[called(text, names) for text in made.left_out],
        ),
        title=found.operation.settings.title,
        demonstration=found.operation.settings.demonstration,
        rulebook=f"{rulebook.name} {rulebook.version}",
        rulebook_hash=rulebook.hash,
        what_counts=WHAT_COUNTS,
        certainty=certainty,
        cost_words=cost_words,
        by_way=lambda case: by_way(case, made.ways),
    )
    out.mkdir(parents=True, exist_ok=True)
    page = out / "compare.html"
    page.write_text(render_html(report, []), encoding="utf-8")
    return [page]


def _waiting_page(found: Opened, made: DecideBy, out: Path, futures: int, seed: int) -> Path:
    from onward.report.comparison import waiting_report
    from onward.report.html import render_html

    rulebook = found.rulebook
    report = waiting_report(
        made,
        title=found.operation.settings.title,
        as_of=found.as_of,
        demonstration=found.operation.settings.demonstration,
        rulebook=f"{rulebook.name} {rulebook.version}",
        rulebook_hash=rulebook.hash,
        said=waiting_words(made),
        what_counts=WHAT_COUNTS,
        futures=futures,
        seed=seed,
    )
    out.mkdir(parents=True, exist_ok=True)
    page = out / "decide-by.html"
    page.write_text(render_html(report, []), encoding="utf-8")
    return page


def _printed(found: Opened, kind: str, data: str, lines: Sequence[str], as_json: bool) -> None:
    """Keep a run in the folder and print it, as words or as it was kept."""
    from onward.registry.computing.comparing import keep_run

    kept = keep_run(found.operation, kind, data)
    if as_json:
        typer.echo(data, nl=False)
        sys.stderr.write(f"Kept as forecasts/{kept}\n")
        return
    for line in lines:
        typer.echo(line)
    typer.echo(f"\nKept as forecasts/{kept}")


# -- small things -----------------------------------------------------------------------------
def _opened(directory: Path, as_of: str | None, futures: int, seed: int) -> Opened:
    if futures < LEAST_FUTURES:
        _refuse("--futures", f"{futures}", f"{LEAST_FUTURES} or more")
    if seed < 0:
        _refuse("--seed", f"{seed}", "0 or more")
    day = _day(as_of, "--as-of")
    from onward.cli.compiling import compile_beside
    from onward.registry import open_operation
    from onward.registry.computing.analysis import opened

    operation = open_operation(directory)
    compiled = compile_beside(_progress())
    _progress()("Reading the record")
    found = opened(operation, day)
    compiled()
    return found


def _all_in(found: Opened) -> list[Path]:
    files: list[Path] = list(found.operation.scenarios)
    if not files:
        _refuse(
            "FILE", "no scenario file, and none in the folder scenarios/", "a scenario file",
            "How to write one: docs/how-to/compare-scenarios.md",
        )  # fmt: skip
    return files


def _refuse(field: str, found: str, allowed: str, remedy: str = "") -> None:
    from onward.errors import Fault, Faults

    raise Faults([Fault("", "", field, found, allowed, remedy)])


def _day(text: str | None, option: str) -> dt.date | None:
    from onward.cli.work import day

    return day(text or "", option)


def _progress() -> Callable[[str], None]:
    """Says what is being done, on a terminal only."""
    if not sys.stderr.isatty():
        return lambda text: None

    def say(text: str) -> None:
        sys.stderr.write(f"{text} …\n")

    return say


def _say_day(text: str) -> str:
    day = dt.date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + " …"


def _range(at: Mapping[str, float]) -> str:
    return f"{at['q10']:,.0f} to {at['q90']:,.0f}"


def _change(at: Mapping[str, float]) -> str:
    if abs(at["mean"]) < 0.05 and not at["q10"] and not at["q90"]:
        return "as in the plan"
    return f"{_signed(at['mean'])} ({_signed(at['q10'])} to {_signed(at['q90'])})"


def _signed(value: float) -> str:
    return f"{value:+,.0f}" if round(value) else "0"


def _whole(value: float) -> str:
    return f"{round(value):,}"


def _amount(value: float) -> str:
    """A cost as surely as it is known: simulated, it has no more than two figures."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def _wrapped(text: str, width: int = 96) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


__all__: Sequence[str] = ("comparison_text", "decide_by_text", "levers_text")
