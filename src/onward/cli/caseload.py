"""`onward caseload`: who is here, as of a date, as known at an instant.

Turns arguments into one fold of the operation's log and its tables into text or JSON. People
appear under their permanent ids only. Data goes to standard output, messages to standard error.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.cli.engine import ENGINE, MASTER, OPERATION, opened_operation

if TYPE_CHECKING:
    from onward.caseload import Caseload
    from onward.registry import Operation
    from onward.rulebook import Rulebook

app = command_app()


@app.command()
def caseload(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The operation's folder.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The day, as 2026-03-01.")
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option(
            "--known-at",
            metavar="INSTANT",
            help="As known then: 2026-03-01 (end of that day) or 2026-03-01T09:30Z.",
        ),
    ] = None,
    units: Annotated[bool, typer.Option("--units", help="Also every movement unit.")] = False,
    counts: Annotated[
        bool, typer.Option("--counts", help="Also units by forecast state, stratum and size.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every stage of SQL with its first rows.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print data instead of text.")
    ] = False,
    engine: ENGINE = "duckdb",
    master: MASTER = "",
    operation_id: OPERATION = "",
) -> None:
    """Who is here, as of a date: by status and site, stage, place and movement unit.

    Example: onward caseload camp --as-of 2026-03-01

    Ids are pseudonyms; no name is ever shown. Doubts about the record (steps out of sequence,
    people never registered …) are counted below and listed with --json.
    """
    from onward.cli.work import past_the_record

    operation = opened_operation(folder, engine, master, operation_id)
    day = _day(as_of) or operation.default_date()
    instant = _instant(known_at, operation)
    rulebook = operation.rulebook_at(day, instant)
    for notice in (*operation.notices(), past_the_record(operation, day)):
        if notice:
            typer.echo(notice, err=True)
    if explain:
        _explain(operation, rulebook, day, instant, as_json)
        return
    found = _answer(operation, rulebook, day, instant, units, counts)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print(found)


def _answer(
    operation: Operation,
    rulebook: Rulebook,
    day: date,
    instant: datetime | None,
    units: bool,
    counts: bool,
) -> dict[str, Any]:
    """Everything the command says, as plain data; `caseload.schema.json` describes it."""
    from onward.caseload import counts as count_units
    from onward.caseload import fold, movement_units, quality_flags

    engine = operation.engine()
    tables = operation.events_table(rulebook)
    folded = fold(tables, rulebook, as_of=day, known_at=instant, engine=engine)
    flags = quality_flags(tables, rulebook, as_of=day, known_at=instant, engine=engine)
    people, sizes = folded.people, folded.units["people"].to_pylist()
    active = people["active"].to_pylist()
    found: dict[str, Any] = {
        "operation": operation.settings.id,
        "title": operation.settings.title,
        "demonstration": operation.settings.demonstration,
        "as_of": day.isoformat(),
        "known_at": instant.isoformat() if instant else None,
        "rulebook": rulebook.hash,
        "log": tables.head,
        "people": people.num_rows,
        "active": active.count(True),
        "left": active.count(False),
        "status_unknown": active.count(None),
        "households": len({h for h in _active(folded, "household") if h is not None}),
        "units": len(sizes),
        "largest_unit": max(sizes, default=0),
        "diverged_units": folded.units["diverged"].to_pylist().count(True),
        "by_status_and_site": _table(folded, rulebook, ("legal", "site")),
        "by_stage": _table(folded, rulebook, ("stage",)),
        "by_place": _table(folded, rulebook, ("place",)),
        "flags": flags.to_pylist(),
    }
    if units:
        found["movement_units"] = movement_units(folded).to_pylist()
    if counts:
        found["counts"] = count_units(folded, engine=engine).to_pylist()
    return found


def _active(folded: Caseload, column: str) -> list[Any]:
    import pyarrow.compute as pc

    people = folded.people
    kept = people.filter(pc.fill_null(people["active"], False))
    return list(kept[column].to_pylist())


def _table(
    folded: Caseload, rulebook: Rulebook, columns: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Active people by some columns; axes in the rulebook's order, with their titles."""
    from collections import Counter

    found = Counter(zip(*(_active(folded, column) for column in columns), strict=True))
    order = {
        state.name: (number, state.title)
        for column in columns
        if column in rulebook.axes
        for number, state in enumerate(rulebook.axes[column].states.values())
    }

    def place(key: tuple[str | None, ...]) -> list[tuple[int, str]]:
        return [(order.get(part or "", (999, ""))[0], part or "~") for part in key]

    return [
        {
            **dict(zip(columns, key, strict=True)),
            "title": order.get(key[0] or "", (0, "not known"))[1],
            "people": found[key],
        }
        for key in sorted(found, key=place)
    ]


def _print(found: dict[str, Any]) -> None:
    from onward.caseload.flags import FLAGS

    console = _console()
    known = f", as known at {found['known_at']}" if found["known_at"] else ""
    demo = "  (demonstration: everybody is invented)" if found["demonstration"] else ""
    console.print(f"[bold]{found['title']}[/bold]{demo}")
    console.print(
        f"{found['active']:,} people here on {found['as_of']}{known}, "
        f"in {found['households']:,} households and {found['units']:,} movement units; "
        f"{found['left']:,} left; rulebook {found['rulebook'][:12]}"
    )
    if found["status_unknown"]:
        console.print(f"{found['status_unknown']:,} spoken of but not registered by that day")
    for key, title, columns in (
        ("by_status_and_site", "By legal status and site", ("title", "site", "people")),
        ("by_stage", "By pathway stage", ("title", "people")),
        ("by_place", "By place", ("title", "people")),
        (
            "movement_units",
            "Movement units",
            ("unit", "people", "pathway", "destination", "diverged"),
        ),
    ):
        if found.get(key):
            console.print()
            console.print(_grid(title, columns, found[key]))
    if found.get("counts"):
        console.print()
        console.print(
            _grid("Units by forecast state", list(found["counts"][0]), found["counts"])
        )
    if found["flags"]:
        console.print()
        tally: dict[str, int] = {}
        for flag in found["flags"]:
            tally[flag["flag"]] = tally.get(flag["flag"], 0) + 1
        rows = [{"": FLAGS[name].rstrip("."), "times": count} for name, count in tally.items()]
        console.print(_grid("To look at in the record", ("", "times"), rows))


def _explain(
    operation: Operation,
    rulebook: Rulebook,
    day: date,
    instant: datetime | None,
    as_json: bool,
) -> None:
    """Every stage in the order it runs: why, its SQL, its number of rows and the first of them."""
    import sqlglot

    from onward.caseload.fold_plan import FoldPlan
    from onward.caseload.moment import Moment

    plan = FoldPlan(rulebook, Moment(day, instant))
    inputs = plan.inputs(operation.events_table(rulebook))
    results = operation.engine().trace(plan.all_stages(), inputs, rows=3)
    if as_json:
        listed = [
            {
                "stage": result.stage.name,
                "why": result.stage.why,
                "sql": result.stage.sql,
                "rows": result.rows,
                "first": json.loads(json.dumps(result.first.to_pylist(), default=str)),
            }
            for result in results
        ]
        typer.echo(json.dumps({"stages": listed}, indent=2, ensure_ascii=False))
        return
    for number, result in enumerate(results, 1):
        typer.echo(f"-- {number}. {result.stage.name}: {result.stage.why}")
        pretty = sqlglot.transpile(result.stage.sql, read="duckdb", write="duckdb", pretty=True)
        typer.echo(f"{pretty[0]};")
        rows = "row" if result.rows == 1 else "rows"
        typer.echo(f"-- {result.rows:,} {rows}{'; the first:' if result.rows else ''}")
        for row in result.first.to_pylist():
            said = ", ".join(
                f"{name} {value}" for name, value in row.items() if value is not None
            )
            typer.echo(f"--   {said}")
        typer.echo("")


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def _grid(title: str, columns: Any, rows: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    grid = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = {
        name for name in columns if all(isinstance(row.get(name), int) for row in rows)
    } - {"diverged"}
    for name in columns:
        grid.add_column(
            "" if name == "title" else name.replace("_", " "),
            justify="right" if name in numbers else "left",
        )
    for row in rows:
        grid.add_row(*(_cell(row.get(name)) for name in columns))
    return grid


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def _day(text: str | None) -> date | None:
    from onward.dates import NotADate, full_date
    from onward.errors import OnwardError

    if text is None:
        return None
    try:
        return full_date(text)
    except NotADate:
        raise OnwardError("--as-of: not a date; expected a date as 2026-03-01.") from None


def _instant(text: str | None, operation: Operation) -> datetime | None:
    from zoneinfo import ZoneInfo

    from onward.errors import OnwardError

    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise OnwardError(
            "--known-at: not an instant; expected 2026-03-01 or 2026-03-01T09:30Z."
        ) from None
    zone = ZoneInfo(operation.settings.time_zone)
    if len(text) == 10:
        given = given.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)
