"""`onward place`: propose who is submitted where and when, explained and proven.

In: a folder or a few CSV files. Out: the proposal on the screen, as JSON, or as CSV and XLSX
files. The officer decides; nothing here changes a record.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.errors import Fault, Faults, OnwardError, one_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from onward.placement.inputs.aims import Aims
    from onward.placement.inputs.tables import Lock, Tables
    from onward.registry import Operation

app = command_app()

MOST_LINES = 40
"""Cases shown of each list; all of them are in the data."""

MANY = 20_000
"""With more cases it is said how far it has come, even where nobody watches."""

LEAST_OF_A_CASE = 50
"""Bytes that a row of a file of cases takes at least, about, where it says more than a size."""

MOST_PRICES = 5
"""Limits shown of those where one more place is worth most."""

HELP = """Example: onward place --cases cases.csv --programmes programmes.csv --scores scores.csv

Proposes for every case a programme and a window, or says which limit stopped it and what would
place it. Families are never split; places are counted in persons; the aims are met in order,
each with a proven bound. The smallest useful input:

  cases.csv: case,size    programmes.csv: programme,persons    scores.csv: case,programme,score

Also: onward place FOLDER (cases.csv, programmes.csv and the rest, or its folder `placement`),
and onward place ... --what-if "places:Norland@Spring=+5". With an operation folder the cases come
from its record, the places from its plan, and who is open from its safeguards; the proposal is
kept in its placements/ for the report and for next week. Beside it, --cases and --programmes may add
wishes, ties, links, refusals, needs and limits by name, and never a consent. With --sites they are proposed for
relocation sites instead, and nothing is kept: write it with --out, and give it as --previous.

Exit code 0: every stage within the wanted gap; 1: infeasible, or a stage stopped by time;
2: the input has faults.
"""


def _path(text: str) -> Any:
    return typer.Option(help=text, show_default=False)


@app.command(help=HELP)
def place(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="An operation, or a folder with cases.csv and programmes.csv.",
            show_default=False,
        ),
    ] = None,
    cases: Annotated[Path | None, _path("CSV of cases: case, size and what is known.")] = None,
    programmes: Annotated[Path | None, _path("CSV of programmes, one row per window.")] = None,
    sites: Annotated[
        Path | None,
        _path(
            "With an operation: relocation sites with beds instead of countries, as programmes."
        ),
    ] = None,
    scores: Annotated[Path | None, _path("CSV: case, programme, score.")] = None,
    limits: Annotated[Path | None, _path("CSV of caps and earmarks.")] = None,
    pledges: Annotated[Path | None, _path("CSV of conditional pledges.")] = None,
    openings: Annotated[
        Path | None,
        typer.Option("--open", help="CSV of what safeguards left open.", show_default=False),
    ] = None,
    locks: Annotated[
        Path | None, _path("Locks: CSV, or the workbook an officer changed.")
    ] = None,
    previous: Annotated[Path | None, _path("JSON of last week's proposal.")] = None,
    arrivals: Annotated[
        Path | None,
        _path(
            "CSV of earlier cases with registered_on: keep places for those expected. Give --until and --on."
        ),
    ] = None,
    until: Annotated[str | None, _path("Last day on which arrivals are expected.")] = None,
    aims: Annotated[
        Path | None, _path("YAML of the aims, in order. Default: the shipped one.")
    ] = None,
    on: Annotated[str | None, _path("The day the proposal is for, YYYY-MM-DD.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the published draw.")] = 1,
    gap: Annotated[float | None, _path("Relative gap at which a stage may stop.")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds after which stages stop.")] = 120.0,
    out: Annotated[
        Path | None, _path("Folder for proposal.json, CSV tables and proposal.xlsx.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        _path(
            "Ask instead: places:NAME@WINDOW=+5, delay:..., limit:..., condition:..., remove:..., add:NEW@WINDOW=20 like NAME, unlock:CASE, place:CASE=NAME@WINDOW, wait:CASE."
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="With --what-if: mend the proposal instead of solving again."
        ),
    ] = False,
    overrides: Annotated[
        Path | None,
        _path(
            "Log (JSON lines) to which locks that differ are added, and with an operation what was decided at the desk; give --on."
        ),
    ] = None,
    outcome: Annotated[
        list[str] | None,
        _path(
            "With --overrides and --on: what came of a case, as C-012=accepted (or denied, departed, withdrawn, other)."
        ),
    ] = None,
    replay: Annotated[
        Path | None, _path("Only: replay such a log, predicted beside real cost.")
    ] = None,
    show_aims: Annotated[
        bool, typer.Option("--show-aims", help="Only: print the shipped aims.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The proposal as JSON on standard output.")
    ] = False,
) -> None:
    if show_aims:
        from onward.placement.inputs.aims import DEFAULT

        typer.echo(DEFAULT.read_text("utf-8"), nl=False)
        return
    if replay is not None:
        from onward.placement.deciding import overrides as log

        if not replay.exists():
            raise Faults([Fault(str(replay), "", "", "no such file", "a log of overrides")])
        typer.echo(json.dumps(log.replay(log.read(replay)), ensure_ascii=False, indent=2))
        return
    operation, tables, decided = _tables(
        folder, cases=cases, programmes=programmes, scores=scores, limits=limits,
        pledges=pledges, openings=openings, locks=locks, previous=previous, on=on, sites=sites,
    )  # fmt: skip
    from onward.placement.inputs.aims import read_aims
    from onward.placement.propose import propose
    from onward.placement.telling.document import document, json_pieces, write_csv, write_json

    if gap is not None and not 0 <= gap < 1:
        raise Faults([Fault("--gap", "", "", "not a share", "a number from 0 to below 1")])
    for given, name, needs in (
        (until is not None and arrivals is None, "--until", "--arrivals"),
        (quick and not what_if, "--quick", "--what-if"),
    ):
        if given:
            raise Faults([Fault(name, "", "", f"given without {needs}", f"{needs} beside it")])
    for given, name in ((out is not None, "--out"), (overrides is not None, "--overrides")):
        if given and what_if:
            raise Faults([Fault(name, "", "", "given beside --what-if", "one of the two",
                                "A question changes nothing and writes nothing.")])  # fmt: skip
    if time_limit <= 0:
        raise Faults([Fault("--time-limit", "", "", "not above 0", "seconds")])
    if locks is not None:
        _say_left_out(locks, tables)
    if arrivals is not None:
        tables = _with_arrivals(tables, read_aims(aims), arrivals, until, seed)
    if outcome:
        _log_outcomes(overrides, outcome, on, tables, read_aims(aims), seed, time_limit)
        return
    many = len(tables.cases)
    _say(
        f"Placing {many:,} cases in {len(tables.windows):,} windows; a search ends after "
        f"{time_limit:g} seconds ...",
        many,
    )
    proposal = propose(tables, read_aims(aims), seed=seed, seconds=time_limit, gap=gap)
    if what_if:
        from onward.placement.deciding.questions import parse_change
        from onward.placement.deciding.whatif import what_if as ask

        answer = ask(
            proposal, [parse_change(t) for t in what_if], seconds=time_limit, exact=not quick
        )
        if as_json:
            typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        else:
            _print_difference(answer)
        raise typer.Exit(0 if answer["feasible"] else 1)
    _say("Saying of every case why ...", many)
    content = document(proposal)
    if overrides is not None and proposal.state == "infeasible":
        typer.echo("Nothing was added to the log: no proposal keeps these locks.", err=True)
    elif overrides is not None:
        from onward.placement.deciding import overrides as log

        day = _needed_day(on)
        before = propose(
            replace(tables, locks=decided), proposal.compiled.aims, seed=seed,
            seconds=time_limit, gap=gap,
        )  # fmt: skip
        # What was decided at the desk stands in the record, with who, why and the cost told then.
        lines = log.entries(before, [x for x in tables.locks if x not in decided], day)
        unsigned = log.unsigned(lines)
        if unsigned:
            raise Faults(
                [Fault("--locks", case, "by, reason", "empty", "who changed it, and why")
                 for case in unsigned],
                "Nothing was added to the log: an override says who made it and why.",
            )  # fmt: skip
        if operation is not None and sites is None:
            lines = [*_decided_at_the_desk(operation), *lines]
        added = log.append(overrides, lines)
        what = "override" if all(x["entry"] == "override" for x in lines) else "line"
        typer.echo(f"{added} {what}{'' if added == 1 else 's'} added to {overrides}.", err=True)
    if out is not None:
        from onward.placement.telling.workbook import MOST_ROWS, write_workbook

        _say(f"Writing to {out} ...", many)
        write_csv(content, out)
        write_json(content, out / "proposal.json")
        if many <= MOST_ROWS:
            write_workbook(content, out / "proposal.xlsx")
            typer.echo(f"Written: {out}/proposal.json, proposal.xlsx and CSV tables.", err=True)
        else:
            typer.echo(
                f"Written: {out}/proposal.json and CSV tables. No workbook: a spreadsheet has no room "
                f"for {many:,} cases. Give what you change as a CSV of locks (case, programme, window, "
                "by, reason).",
                err=True,
            )
    if operation is not None and sites is None and content["check"]["passed"]:
        from onward.registry.computing.runs import keep_proposal

        typer.echo(f"Kept as placements/{keep_proposal(operation, content)}.", err=True)
    if as_json:
        sys.stdout.writelines(json_pieces(content))
    else:
        print_proposal(content)
    if not content["check"]["passed"]:
        raise OnwardError(
            "The independent check failed:\n" + "\n".join(content["check"]["faults"])
        )
    raise typer.Exit(1 if proposal.state in ("infeasible", "time_limit") else 0)


def _decided_at_the_desk(operation: Operation) -> list[dict[str, Any]]:
    """Lines of the log for what officers decided at the desk; none where there is no desk."""
    if not operation.settings.encrypted:
        return []
    from onward.registry.computing.override_log import log_lines

    return log_lines(operation)


def _with_arrivals(
    tables: Tables, aims: Aims, file: Path, until: str | None, seed: int
) -> Tables:
    """Tables in which places are kept for the cases still expected, as earlier ones came."""
    from onward.placement.inputs.files import read_cases
    from onward.placement.rolling import expected_arrivals, keep_for_later

    past = read_cases(file)
    if tables.on is None or until is None:
        raise Faults(
            [Fault("--arrivals", "", "", "a day is missing", "--on and --until, as 2026-03-02")]
        )
    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise Faults([Fault("--until", "", "", "not a date", "YYYY-MM-DD")]) from None
    try:
        expected = expected_arrivals(past, tables.on, last)
    except ValueError:
        raise Faults(
            [Fault(file.name, "", "registered_on", "the cases do not span a day",
                   "the day each earlier case was registered")]
        ) from None  # fmt: skip
    _say(f"{expected} cases are expected until {until} ...", len(tables.cases))
    return keep_for_later(tables, aims, past, expected, seed=seed)


def _say_left_out(locks: Path, tables: Tables) -> None:
    """Cases whose row was taken out of the workbook: that says nothing, so somebody should know."""
    from onward.placement.inputs.files import WORKBOOKS

    if locks.suffix.lower() not in WORKBOOKS:
        return
    from onward.placement.inputs.given_back import cases_in_workbook

    gone = sorted({case.case for case in tables.cases} - cases_in_workbook(locks))
    if gone:
        shown = ", ".join(gone[:10]) + (" ..." if len(gone) > 10 else "")
        typer.echo(
            f"{len(gone)} {'case has' if len(gone) == 1 else 'cases have'} no row in {locks.name} "
            f"and may go anywhere: {shown}. To hold a case back, keep its row and clear its programme.",
            err=True,
        )


def _needed_day(on: str | None) -> str:
    if on is None:
        raise Faults([Fault("--on", "", "", "missing", "the day of the entry, as 2026-03-02")])
    return on


def _log_outcomes(
    path: Path | None, given: list[str], on: str | None, tables: Tables, aims: Aims, seed: int,
    seconds: float,
) -> None:  # fmt: skip
    """Add what came of overridden cases to the log, each with its cost by what is known now."""
    from onward.placement.deciding import overrides as log

    day = _needed_day(on)
    if path is None or not path.exists():
        raise Faults([Fault("--overrides", "", "", "no such log", "the log of the overrides")])
    entries, faults, lines = log.read(path), [], []
    known = {case.case for case in tables.cases}
    for text in given:
        case, _, result = text.rpartition("=")
        override = log.latest_override(entries, case)
        if result not in log.RESULTS:
            faults.append(Fault("--outcome", "", case, "not a result", one_of(log.RESULTS)))
        elif override is None:
            faults.append(
                Fault("--outcome", "", case, "no override in the log", "a case of the log")
            )
        else:
            cost: dict[str, float | None] = {}
            if case in known:
                cost = log.costs_now(tables, aims, override, seed=seed, seconds=seconds)
            points, persons = cost.get("outcome_points"), cost.get("weighted_persons")
            lines.append(log.outcome(case, day, result, points, persons))
    if faults:
        raise Faults(faults, "Nothing was added to the log.")
    added = log.append(path, lines)
    typer.echo(f"{added} outcome{'' if added == 1 else 's'} added to {path}.", err=True)


def _say(text: str, cases: int) -> None:
    """How far it has come: to somebody who watches, and of many cases to a log as well."""
    if cases > (MANY if not sys.stderr.isatty() else 500):
        typer.echo(text, err=True)


def _tables(
    folder: Path | None, *, on: str | None, sites: Path | None, **files: Path | None
) -> tuple[Operation | None, Tables, tuple[Lock, ...]]:
    """The operation, if it is one; the tables; which locks in them its officers decided."""
    from onward.placement.inputs.files import read_tables

    day = None
    if on is not None:
        try:
            day = date.fromisoformat(on)
        except ValueError:
            raise Faults([Fault("--on", "", "", "not a date", "YYYY-MM-DD")]) from None
    if folder is not None and (folder / "operation.toml").is_file():
        return _from_operation(folder, day, files, sites)
    if sites is not None:
        raise Faults(
            [Fault("--sites", "", "", "given without an operation", "an operation folder",
                   "From files, a site is a row of programmes.csv.")]
        )  # fmt: skip
    if folder is not None:
        if not folder.is_dir():
            raise Faults(
                [Fault(str(folder), "", "", "not a folder", "a folder with cases.csv")]
            )
        inside = (
            folder / "placement" if (folder / "placement" / "cases.csv").exists() else folder
        )
        names = {"openings": "open"}
        for key, given in list(files.items()):
            name = "previous.json" if key == "previous" else f"{names.get(key, key)}.csv"
            if given is None and (inside / name).exists():
                files[key] = inside / name
    missing = [key for key in ("cases", "programmes") if files.get(key) is None]
    if missing:
        raise Faults(
            [Fault(f"--{key}" if folder is None else str(folder), "", "" if folder is None else f"{key}.csv",
                   "missing", "a CSV file", "See `onward place --help` for the smallest input.")
             for key in missing]
        )  # fmt: skip
    if files["cases"] is not None and files["cases"].is_file():
        about = files["cases"].stat().st_size // LEAST_OF_A_CASE
        _say(f"Reading {files['cases'].name} and what belongs to it ...", about)
    return None, read_tables(on=day, **files), ()  # type: ignore[arg-type]


def _from_operation(
    folder: Path, day: date | None, files: dict[str, Path | None], sites: Path | None
) -> tuple[Operation, Tables, tuple[Lock, ...]]:
    """Cases from the record, places from the plan or the beds of sites, what is open from the
    safeguards, what officers decided at the desk; a file given beside them (scores, limits, locks,
    last week's proposal, more about cases and programmes) is added."""
    from onward.placement.inputs.files import read_beside, read_windows
    from onward.registry import open_operation
    from onward.registry.computing.analysis import opened
    from onward.registry.computing.decided import word_of_officers
    from onward.registry.computing.people_of_cases import with_people
    from onward.registry.computing.placing import placement_tables, site_tables
    from onward.registry.computing.runs import kept_proposals

    for key, given_by in (
        ("openings", "its safeguards"), ("pledges", "its plan"),
        *((("programmes", f"{sites.name}, given with --sites"),) if sites is not None else ()),
    ):  # fmt: skip
        if files.get(key) is not None:
            option = "open" if key == "openings" else key
            raise OnwardError(
                f"--{option}: with an operation that comes from {given_by}; leave it out, or "
                "leave the operation folder out."
            )
    operation = open_operation(folder)
    found = opened(operation, day)
    tables = (
        placement_tables(found) if sites is None else site_tables(found, read_windows(sites))
    )
    tables = with_people(tables, found)
    decided: tuple[Lock, ...] = ()
    if sites is None:
        decided, gone = word_of_officers(tables, found)
        tables = replace(tables, locks=decided)
        if gone:
            typer.echo(
                f"{len(gone)} decided at the desk and no longer possible, so decided anew here: "
                f"{', '.join(gone)}.", err=True,
            )  # fmt: skip
    given = {key: path for key, path in files.items() if path is not None}
    if given:
        tables = replace(tables, **read_beside(tables, given))
    if "previous" not in given and sites is None and tables.on is not None:
        # Only a proposal of an earlier day: the same question on one day has one answer.
        earlier = [
            old for _, old in kept_proposals(operation)
            if old.get("on") and old["on"] < tables.on.isoformat() and old["assignments"]
        ]  # fmt: skip
        if earlier:
            places = {
                x["case"]: (x["programme"], x["window"]) for x in earlier[0]["assignments"]
            }
            tables = replace(tables, previous=places)
    return operation, tables, decided


def print_proposal(content: dict[str, Any]) -> None:
    """A proposal as text on standard output."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 110)
    people, cases = content["persons"], content["cases"]
    if content["state"] == "infeasible":
        console.print("[bold]No proposal is possible.[/bold] These cannot hold together:")
        for line in content["conflict"]:
            console.print(f"  - {line}", markup=False)
        return
    console.print(
        f"[bold]{people['placed']} of {people['all']} persons[/bold] ({cases['placed']} of "
        f"{cases['all']} cases) have a proposed place. State: {content['state']}, "
        f"largest proven gap {content['gap']:.3%}."
    )
    if content["provisional"]:
        console.print(
            f"Provisional: the input holds no {' and no '.join(content['not_in_input'])}. "
            "Ask before anyone is submitted."
        )
    for row in content["unknown_destinations"]:
        console.print(
            f"{row['name']}: {row['column']} in {row['cases']} {'case' if row['cases'] == 1 else 'cases'}, and no "
            "programme or country of that name is in the input.", markup=False,
        )  # fmt: skip
    if content["expected_later"]:
        kept = sum(row["code"] == "kept" for row in content["unplaced"])
        console.print(
            f"{content['expected_later']} more cases are expected; for them {kept} of today's cases wait."
        )
    stages = Table("aim", "value", "bound", "gap", box=None, padding=(0, 2))
    for row in content["stages"]:
        bound = "" if row["bound"] is None else f"{row['bound']:.6g}"
        gap = "" if row["gap"] is None else f"{row['gap']:.3%}"
        stages.add_row(row["name"], f"{row['value']:.6g}", bound, gap)
    console.print(stages)
    for row in content["stages"]:
        if row.get("note"):
            console.print(f"  {row['name']}: {row['note']}", markup=False)
    placed = _cases("case", "persons", "where", "why (points)", "next best")
    for row in content["assignments"][:MOST_LINES]:
        other = row["next_best"] or {}
        cost = other.get("cost_after_prices")
        said = f" (costs {cost:.3g} points)" if cost is not None else ""
        placed.add_row(
            row["case"], str(row["size"]), _where(row),
            "; ".join(f"{k} {v:g}" for k, v in row["why"].items()) or "as good as others",
            f"{_where(other)}{said}" if other else "none fits",
        )  # fmt: skip
    console.print(placed)
    _more(content["assignments"])
    if content["unplaced"]:
        _print_unplaced(console, content["unplaced"])
    _print_prices(console, content)


def _print_unplaced(console: Console, unplaced: list[dict[str, Any]]) -> None:
    """What stops whom: every reason once, the most frequent first, and the cases by its number,
    emergencies first."""
    from onward.placement.inputs.tables import PRIORITIES

    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in unplaced:
        found.setdefault((row["reason"], row["change"]), []).append(row)
    order = sorted(found, key=lambda key: (-len(found[key]), key))
    number = {key: str(at) for at, key in enumerate(order, 1)}
    first = sorted(unplaced, key=lambda row: (PRIORITIES.index(row["priority"]), row["case"]))
    shown = {(row["reason"], row["change"]) for row in first[:MOST_LINES]}
    reasons = _cases("no place", "cases", "persons", "why", "what would place them")
    for key in (key for at, key in enumerate(order) if at < MOST_LINES or key in shown):
        rows = found[key]
        reasons.add_row(number[key], str(len(rows)), str(sum(r["size"] for r in rows)), *key)
    console.print(reasons)
    _more(order)
    left = _cases("case", "persons", "priority", "no place, by number")
    for row in first[:MOST_LINES]:
        key = (row["reason"], row["change"])
        left.add_row(row["case"], str(row["size"]), row["priority"], number[key])
    console.print(left)
    _more(unplaced)


def _print_prices(console: Console, content: dict[str, Any]) -> None:
    """Which places to ask for, what each condition and floor is worth or costs."""
    worth = sorted(
        (r for r in content["limits"] if (r["worth_of_one_more"] or 0) > 0),
        key=lambda r: (-r["worth_of_one_more"], r["limit"]),
    )
    if worth:
        ask = _cases("one more place in", "is worth", "for up to", "for whom")
        for row in worth[:MOST_PRICES]:
            most = row["holds_for_more"]
            ask.add_row(
                {"places": "", "earmark": "one fewer kept by earmark "}.get(row["kind"], f"{row['kind']} ")
                + row["limit"],
                f"{row['worth_of_one_more']:.3g}", "" if most is None else f"{most:g}", row["counts"],
            )  # fmt: skip
        console.print(ask)
    for row in content["pledges"]:
        price = "" if row["price"] is None else f"; meeting it is worth {row['price']:.3g}"
        console.print(
            f"{row['pledge']}: {row['persons_now']} of {row['takes_persons']} persons, "
            f"{'met' if row['met'] else 'not met'}, opens {row['opens']}{price}", markup=False,
        )  # fmt: skip
    for row in content["floors"]:
        console.print(
            f"{row['floor']}: at least {row['share']:.0%} placed, which costs {_about(row)}",
            markup=False,
        )
    for line in content["not_worked_out"]:
        console.print(line, markup=False)
    if worth or content["pledges"] or content["floors"]:
        console.print(
            "What places, conditions and floors are worth or cost is in protection-weighted persons; "
            "points are those of the outcome."
        )


def _about(row: dict[str, Any]) -> str:
    """What a floor costs; where that is not known, the least and the most it can be as well."""
    least, most = (f"{row[key]:.3g}" for key in ("price_at_least", "price_at_most"))
    price = f"{row['price']:.3g}"
    return price if least == most else f"{price} (at least {least}, at most {most})"


def _where(row: dict[str, Any]) -> str:
    return ", ".join(x for x in (row.get("programme"), row.get("window")) if x)


def _cases(*columns: str) -> Table:
    """A table whose first column, an id somebody copies, is never cut short."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1))
    for at, name in enumerate(columns):
        table.add_column(name, overflow="fold", no_wrap=at == 0)
    return table


def _more(rows: list[Any]) -> None:
    if len(rows) > MOST_LINES:
        typer.echo(f"... and {len(rows) - MOST_LINES} more: --json or --out.")


def _print_difference(answer: dict[str, Any]) -> None:
    if not answer["feasible"]:
        typer.echo("No proposal is possible any more:")
        for line in answer.get("conflict", []):
            typer.echo(f"  - {line}")
        return
    for what in ("moved", "dropped", "gained"):
        typer.echo(f"{what}: {len(answer[what])}")
        for row in answer[what]:
            way = " -> ".join(row[k] for k in ("from", "to") if k in row)
            typer.echo(f"  {row['case']}: {way}")
    bound = answer["bound"]
    most = "" if bound is None else f", at most {bound:.6g}"
    typer.echo(
        f"Protection-weighted persons: {answer['value_before']:.6g} before, {answer['value']:.6g} "
        f"after{most} ({answer['method']})."
    )
    for words in answer.get("assumes", []):
        typer.echo(words)
    outcome = next((x for x in answer.get("stages", []) if x["name"] == "outcome"), None)
    if outcome is not None and outcome["before"] is not None:
        typer.echo(
            f"Outcome: {outcome['before']:.6g} points before, {outcome['after']:.6g} after."
        )
    for case, cost in answer.get("predicted", {}).items():
        points, persons = cost["outcome_points"], cost["weighted_persons"]
        if points is None or persons is None:
            typer.echo(f"  {case} cannot go there, by the input.")
        else:
            typer.echo(
                f"  {case}: expected by prices to cost {points:.3g} points of the outcome and "
                f"{persons:.3g} protection-weighted persons."
            )
