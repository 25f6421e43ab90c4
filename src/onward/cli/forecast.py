"""`onward forecast`: who will still be here on the date, from the operation's own record.

Turns arguments into calls of the registry and the forecast room and their answers into plain
words or JSON. `onward forecast camp` runs; `list` and `score` speak of the runs kept in the
folder; `--counts` forecasts one published series and needs no folder. The other subcommands have
modules of their own (`forecast_*`).
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from onward.cli import forecast_compare, forecast_groups, forecast_paces
from onward.cli.commands import command_app
from onward.cli.engine import ENGINE, MASTER, OPERATION, opened_operation
from onward.cli.forecast_reasons import doubt, why

if TYPE_CHECKING:
    from onward.forecast.run import Forecast
    from onward.forecast.track import Track
    from onward.registry.operation import Operation


class _RunUnlessNamed(TyperGroup):
    """`onward forecast camp` means `onward forecast run camp`; so does `--help`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = command_app(cls=_RunUnlessNamed)

DIRECTORY = Annotated[Path, typer.Argument(metavar="DIR", help="The operation folder.")]
JSON = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]


@app.command()
def run(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The operation folder.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="The day asked about. Left out: the operation's deadline."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of", help="The day it starts from. Left out: where the record ends."
        ),
    ] = None,
    futures: Annotated[
        int, typer.Option("--futures", help="Courses of events to simulate.")
    ] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same answer.")] = 1,
    plan: Annotated[
        bool, typer.Option("--plan/--no-plan", help="With what the plan opens and closes.")
    ] = True,
    behaviour: Annotated[
        bool,
        typer.Option(
            "--behaviour/--no-behaviour",
            help="With how people may answer the deadline, news, leaders and incidents, and with "
            "families that differ for good.",
        ),
    ] = True,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            help="One term of behaviour less: deadline, news, leadership, incident or differ.",
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            "--steps",
            help="Steps a day, 1 to 24; more than 1 also says what a daily step costs.",
        ),
    ] = 1,
    remedies: Annotated[
        bool,
        typer.Option(
            "--remedies",
            help="Also judge the past year month by month, for whom safeguards will hold back on "
            "the day at the pace of its remedies. Takes longer.",
        ),
    ] = False,
    fewer_than: Annotated[
        list[int] | None,
        typer.Option(
            "--fewer-than",
            help="Also say how likely it is that fewer than so many people are left, in all and by "
            "group, stage and way. May be given several times.",
        ),
    ] = None,
    as_json: JSON = False,
    counts: Annotated[
        Path | None,
        typer.Option(
            "--counts", help="Instead of DIR: a CSV with columns series, date, value."
        ),
    ] = None,
    series: Annotated[str | None, typer.Option(help="With --counts: the series.")] = None,
    origin: Annotated[
        str | None, typer.Option(help="With --counts: the day of the forecast.")
    ] = None,
    events: Annotated[Path | None, typer.Option(help="With --counts: an events.csv.")] = None,
    case: Annotated[
        str | None, typer.Option(help="With --events: the case of the events to use.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="With --counts: stock, cumulative or flow.")
    ] = None,
    official: Annotated[
        float | None,
        typer.Option(help="With --counts: people the official plan leaves by then."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="With --counts: a folder to keep the run in, to score it."),
    ] = None,
    engine: ENGINE = "duckdb",
    master: MASTER = "",
    operation_id: OPERATION = "",
) -> None:
    """Example: onward forecast camp --by 2027-11-30

    Who will still be here on the date, how sure that is, by which ways people leave, and what
    the answer rests on. The run is kept in camp/forecasts.

    Kept runs: onward forecast list camp. How they did: onward forecast score camp. What would
    change it: onward forecast compare camp, onward forecast levers and, until when to decide,
    onward forecast decide-by. By which facts to tell people apart: onward forecast groups camp.
    Paces to lend to another operation: onward forecast paces.

    Published counts only, no register: onward forecast --counts camp.csv
    --series camp_population --origin 2012-07-19 --by 2012-09-16
    """
    only_counts = {
        "--series": series, "--origin": origin, "--events": events, "--case": case,
        "--kind": kind, "--official": official, "--keep": keep,
    }  # fmt: skip
    if counts is not None:
        _from_counts(directory, counts, by, seed, as_json, only_counts, fewer_than or [])
        return
    _check_request(
        directory, futures, seed, only_counts, without or [], steps, fewer_than or []
    )
    assert directory is not None
    from onward.cli.compiling import compile_beside
    from onward.cli.work import day
    from onward.forecast.learning.behaviour import Behaviour
    from onward.forecast.telling.wording import titles
    from onward.registry.computing.analysis import forecast_of, opened
    from onward.registry.computing.runs import keep_forecast

    asked, target = day(as_of or "", "--as-of"), day(by or "", "--by")
    operation = opened_operation(directory, engine, master, operation_id)
    compiled = compile_beside(_say)
    _say("Reading the record")
    found = opened(operation, asked)
    made = forecast_of(
        found, by=target, futures=futures, seed=seed, use_plan=plan,
        behaviour=Behaviour.of(behaviour).without(*(without or [])), steps_per_day=steps,
        remedies=remedies, fewer_than=fewer_than or [], progress=_say, ready=compiled,
    )  # fmt: skip
    kept = keep_forecast(operation, made)
    if as_json:
        typer.echo(made.to_json(), nl=False)
        sys.stderr.write(f"Kept as forecasts/{kept}\n")
        return
    for line in page(made, titles(found.rulebook, found.plan)):
        typer.echo(line)
    typer.echo(f"\nKept as forecasts/{kept}")


@app.command("list")
def list_(directory: DIRECTORY, as_json: JSON = False) -> None:
    """Example: onward forecast list camp

    The forecasts kept in the folder, oldest first.
    """
    from onward.registry import open_operation
    from onward.registry.computing.runs import kept_forecasts

    kept = kept_forecasts(open_operation(directory))
    if as_json:
        rows = [
            {
                "file": name,
                **{
                    k: getattr(one, k)
                    for k in ("as_of", "deadline", "start", "futures", "seed")
                },
                **one.deadline_levels(),
            }
            for name, one in kept
        ]
        typer.echo(json.dumps({"forecasts": rows}, indent=2))
        return
    if not kept:
        typer.echo("No forecast is kept yet. Make one: onward forecast " + str(directory))
        return
    for name, one in kept:
        levels = one.deadline_levels()
        typer.echo(
            f"from {one.as_of} ({one.start:,} here) to {one.deadline}: about "
            f"{_people(levels['median'])}, 8 in 10 {_range(levels, 'q10', 'q90')}   {name}"
        )


@app.command()
def score(
    directory: DIRECTORY,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Also write a page with a figure to this folder."),
    ] = None,
    counts: Annotated[
        Path | None,
        typer.Option(
            "--counts", help="DIR holds runs kept with --counts: score them by this CSV."
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Example: onward forecast score camp -o out

    Every kept forecast beside what happened since, on each of its days that has passed, and all of
    them together. The miss is the CRPS, in people: how far the whole forecast was off, 0 when it
    was sure and right. Beside it, the miss of simply repeating the number on the day of the
    forecast.
    """
    if counts is not None:
        from onward.cli.forecast_counts import score_counts

        score_counts(directory, counts, as_json)
        return
    from dataclasses import asdict

    from onward.registry import open_operation
    from onward.registry.computing.comparing import track_of

    operation = open_operation(directory)
    _say("Reading what happened")
    track = track_of(operation)
    if out is not None:
        sys.stderr.write(f"Written: {_track_page(operation, track, out)}\n")
    if as_json:
        data = asdict(track)
        data["as_of"] = data.pop("until")
        typer.echo(json.dumps(data, indent=2))
        return
    from onward.report.track_record import sentences

    if track.together is None:
        typer.echo(f"No day of a kept forecast has passed by {track.until}.")
        return
    for row in track.scores:
        last = row["days"][-1]
        later = " (made afterwards)" if row["afterwards"] else ""
        typer.echo(
            f"from {row['as_of']}{later}, {len(row['days'])} days passed, the last {last['date']}: "
            f"middle {_people(last['median'])}, 8 in 10 {_people(last['q10'])} to "
            f"{_people(last['q90'])}; {last['present']:,} were here"
        )
        typer.echo(
            f"  within the 8 in 10 range on {row['covered80']:.0%} of the days, within the "
            f"19 in 20 range on {row['covered95']:.0%}"
        )
        typer.echo(
            f"  missed by {row['crps']:,.1f} people on average (repeating the first count: "
            f"{row['crps_no_change']:,.1f})   {row['file']}"
        )
    typer.echo("")
    for text in sentences(track):
        typer.echo(text)


def _track_page(operation: Operation, track: Track, out: Path) -> Path:
    from onward.report.html import render_html
    from onward.report.track_record import track_report

    on = dt.date.fromisoformat(track.until)
    rulebook = operation.rulebook_at(on)
    report = track_report(
        track, [], title=operation.settings.title, on=on,
        demonstration=operation.settings.demonstration,
        rulebook=f"{rulebook.name} {rulebook.version}", rulebook_hash=rulebook.hash,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    page = out / "past-forecasts.html"
    page.write_text(render_html(report, []), encoding="utf-8")
    return page


def page(made: Forecast, titles: Mapping[str, str]) -> list[str]:
    """The forecast in words.

    titles   what states and things of the plan are called, by id
    """
    from onward.forecast.telling.wording import called

    levels = made.deadline_levels()
    lines = [
        f"Of {made.start:,} people here on {_day(made.as_of)}, about {_people(levels['median'])} "
        f"will still be here on {_day(made.deadline)}.",
        f"In 8 of 10 simulated futures between {_range(levels, 'q10', 'q90', ' and ')}; in 19 of "
        f"20 between {_range(levels, 'q025', 'q975', ' and ')}.",
        "",
        "People still here     middle     as likely as not            8 in 10          19 in 20",
    ]
    for i in _few(len(made.days)):
        at = {name: values[i] for name, values in made.fan["everyone"].items()}
        lines.append(f"  {_day(made.days[i]):<18}" + _bands(at))
    groups = [name for name in made.fan if name != "everyone"]
    if groups:
        lines += ["", f"By group on {_day(made.deadline)}"]
        width = max(18, *(len(name) for name in groups))
        for name in groups:
            lines.append(
                f"  {name.replace('_', ' '):<{width}}" + _bands(made.deadline_levels(name))
            )
    lines += ["", f"Where they will stand on {_day(made.deadline)}   middle, 8 in 10"]
    lines += _ranked(made.states, titles)
    lines += ["", "Who will have left, and how   middle, 8 in 10"]
    lines += _ranked(made.left, WAYS)
    lines += why(made, titles)
    lines += ["", "Chances"]
    lines.append(f"  nobody is left: {_chance(made.zero, made.futures)}")
    lines += [
        f"  fewer than {bound:,} are left: {_chance(chance, made.futures)}"
        for bound, chance in telling(made.fewer_than, made.asked)
    ]
    lines.append(f"  95% of those here have left: {_when(made.gone_95, made.deadline)}")
    lines += _chances_by_part(made, titles)
    lines += [_renamed(line, titles) for line in doubt(made)]
    lines += ["", "What is assumed"]
    lines += [f"  - {called(text, titles)}" for text in made.assumptions]
    if made.left_out:
        lines += ["", "What is not simulated"]
        lines += [f"  - {called(text, titles)}" for text in made.left_out]
    lines += [
        "",
        f"{made.futures:,} futures, seed {made.seed}: the same record, plan and seed give the "
        "same answer.",
    ]
    return lines


def _renamed(line: str, titles: Mapping[str, str]) -> str:
    """`called` for a line that ends in a share, which stays in its column."""
    from onward.forecast.telling.wording import called

    found = re.fullmatch(r"  (.*?) +(\d+%)", line)
    if found is None:
        return called(line, titles)
    return f"  {called(found[1], titles):<64}{found[2]:>5}"


def telling(chances: Mapping[str, float], asked: Sequence[int] = ()) -> list[tuple[int, float]]:
    """Chances worth a line: those asked for, and of several that never or always hold, the one
    that says most."""
    rows = sorted((int(bound), chance) for bound, chance in chances.items())
    never = [row for row in rows if row[1] <= 0][-1:]
    always = [row for row in rows if row[1] >= 1][:1]
    return [row for row in rows if 0 < row[1] < 1 or row in never + always or row[0] in asked]


def _chances_by_part(made: Forecast, titles: Mapping[str, str]) -> list[str]:
    """Chances and dates by group, and by stage and way where they say something."""
    lines: list[str] = []
    groups = made.chances.get("groups", {})
    if len(groups) > 1:
        lines += ["", "Chances by group"]
        for name, of in groups.items():
            told = [f"nobody is left: {_chance(of['zero'], made.futures)}"]
            told += [
                f"fewer than {bound:,}: {_chance(of['fewer_than'][str(bound)], made.futures)}"
                for bound in made.asked
                if bound <= of["start"]
            ]
            told.append(f"95% have left: {_when(of['gone_95'], made.deadline)}")
            lines += [f"  {name.replace('_', ' ')} ({of['start']:,} here)"]
            lines += [f"    {text}" for text in told]
    for part, what, nobody, few, through in (
        ("states", f"Chances by stage on {_day(made.deadline)}", "nobody stands there",
         "fewer than {}", "95% fewer than today, for good"),
        ("left", f"Chances by way until {_day(made.deadline)}", "nobody has left by it",
         "fewer than {} have", "95% of those who leave by it have left"),
    ):  # fmt: skip
        rows = []
        names = titles if part == "states" else WAYS
        for name, of in made.chances.get(part, {}).items():
            chances = [(nobody, of["zero"])]
            chances += [
                (few.format(f"{bound:,}"), of["fewer_than"][str(bound)]) for bound in made.asked
            ]
            # What surely holds, or surely does not, is told by the ranges above.
            chances = [row for row in chances if 0 < row[1] < 1]
            told = [", ".join(f"{w}: {_chance(c, made.futures)}" for w, c in chances)]
            gone = of.get("gone_95", {})
            if any(gone.values()) and name not in UNPLANNED:
                told.append(f"{through}: {_when(gone, made.deadline)}")
            title = names.get(name, name.replace("_", " ").capitalize())
            for text in filter(None, told):
                rows.append(f"  {title:<32} {text}")
                title = ""
        if rows:
            lines += ["", what, *rows]
    return lines


WAYS = {
    "return": "Returned home",
    "protection": "Under protection elsewhere",
    "resettlement": "Resettled",
    "onward": "Departed onward",
    "relocation": "Relocated",
    "stay": "Staying lawfully",
    "handover": "Handed over",
    "absence": "Absent, whereabouts not known",
    "death": "Died",
}


UNPLANNED = ("absence", "death")
"""Ways of which nobody asks by when they are done."""


def _from_counts(
    directory: Path | None, counts: Path, by: str | None, seed: int, as_json: bool,
    options: Mapping[str, Any], fewer_than: Sequence[int],
) -> None:  # fmt: skip
    from onward.cli.forecast_counts import forecast_counts
    from onward.errors import Fault, Faults
    from onward.forecast.telling.chances import refused

    faults = []
    if directory is not None:
        faults.append(Fault("", "", "DIR", "a folder and --counts", "one of the two"))
    wanted = {**options, "--by": by}
    faults += [
        Fault("", "", name, "not given", f"{what}, with --counts")
        for name, what in (
            ("--series", "the name of a series"),
            ("--origin", "the day it starts from"),
            ("--by", "the day asked about"),
        )
        if not wanted[name]
    ]
    faults += refused(fewer_than)
    if faults:
        raise Faults(faults)
    forecast_counts(
        counts=counts,
        series=options["--series"],
        origin=options["--origin"],
        by=by or "",
        events=options["--events"],
        case=options["--case"],
        kind=options["--kind"],
        official=options["--official"],
        seed=seed,
        keep=options["--keep"],
        fewer_than=fewer_than,
        as_json=as_json,
    )


def _check_request(
    directory: Path | None, futures: int, seed: int, options: Mapping[str, Any],
    without: Sequence[str] = (), steps: int = 1, fewer_than: Sequence[int] = (),
) -> None:  # fmt: skip
    """Everything wrong with the options at once."""
    from onward.errors import Fault, Faults, one_of
    from onward.forecast.learning.behaviour import TERMS
    from onward.forecast.run import LEAST_FUTURES
    from onward.forecast.telling.chances import refused

    faults = [
        Fault("", "", "--without", f'"{term}"', one_of(TERMS))
        for term in without
        if term not in TERMS
    ]
    faults += refused(fewer_than)
    if not 1 <= steps <= 24:
        faults.append(Fault("", "", "--steps", f"{steps}", "1 to 24"))
    if directory is None:
        faults.append(
            Fault("", "", "DIR", "no operation folder named", "a folder, or --counts FILE",
                  "For example: onward forecast camp")
        )  # fmt: skip
    if futures < LEAST_FUTURES:
        faults.append(
            Fault("", "", "--futures", f"{futures}", f"{LEAST_FUTURES} or more",
                  "Below 1,000 the outer ranges are rough.")
        )  # fmt: skip
    if seed < 0:
        faults.append(Fault("", "", "--seed", f"{seed}", "0 or more"))
    faults += [
        Fault("", "", name, "only goes with --counts", "a published series with --counts FILE")
        for name, value in options.items()
        if value is not None
    ]
    if faults:
        raise Faults(faults)


def _few(days: int, wanted: int = 8) -> list[int]:
    """Positions of a few days spread over the fan, the last always among them."""
    step = max(days // wanted, 1)
    return sorted({*range(step - 1, days - step // 2, step), days - 1})


def _bands(at: Mapping[str, float]) -> str:
    return (
        f"{_people(at['median']):>8}"
        f"{_range(at, 'q25', 'q75'):>21}{_range(at, 'q10', 'q90'):>19}"
        f"{_range(at, 'q025', 'q975'):>18}"
    )


def _ranked(rows: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]) -> list[str]:
    """One line each, largest first; those that are surely empty together on the last line."""
    shown = sorted(rows, key=lambda name: (-rows[name]["median"], -rows[name]["q90"], name))
    lines = []
    empty = []
    for name in shown:
        levels = rows[name]
        title = titles.get(name, name.replace("_", " ").capitalize())
        if levels["q975"] < 0.5:
            empty.append(title.lower())
            continue
        lines.append(
            f"  {title:<32}{_people(levels['median']):>8}   {_range(levels, 'q10', 'q90')}"
        )
    if empty:
        lines.append(f"  nobody, as good as surely: {', '.join(empty)}")
    return lines


def _chance(value: float, futures: int) -> str:
    """A chance as a reader takes it: never 0% or 100% from counting a few futures."""
    if value <= 0:
        return f"in none of {futures:,} futures"
    if value >= 1:
        return f"in all of {futures:,} futures"
    if value < 0.01 or value > 0.99:
        return "less than 1%" if value < 0.01 else "more than 99%"
    return f"{value:.0%}"


def _when(dates: Mapping[str, str | None], deadline: str) -> str:
    early, middle, late = (dates.get(name) for name in ("q10", "median", "q90"))
    if early is None:
        return f"not by {_day(deadline)} in at least 9 of 10 futures"
    first = f"by {_day(early)} in 1 of 10 futures"
    if middle is None:
        return f"{first}, in half of them not by {_day(deadline)}"
    if late is None:
        return f"by {_day(middle)} in half of the futures, in 1 of 10 not by {_day(deadline)}"
    if middle == late:
        return f"by {_day(late)} in 9 of 10 futures"
    return f"by {_day(middle)} in half of the futures, by {_day(late)} in 9 of 10"


def _people(value: float) -> str:
    return f"{value:,.0f}"


def _range(at: Mapping[str, float], low: str, high: str, between: str = " to ") -> str:
    return f"{_people(at[low])}{between}{_people(at[high])}"


def _day(text: str) -> str:
    day = dt.date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{text} …\n")


app.command("compare")(forecast_compare.compare)
app.command("decide-by")(forecast_compare.decide_by)
app.command("levers")(forecast_compare.levers)
app.command("groups")(forecast_groups.groups)
app.command("paces")(forecast_paces.paces)

__all__: Sequence[str] = ("app", "page")
