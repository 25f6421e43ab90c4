"""`onward region`: a bureau's questions, asked of every operation of a snapshot at once.

Turns arguments into calls of the registry's region and its answers into a table or JSON. Counts
and futures are summed over operations; quantiles never are, and safeguards are never added to
each other. Data goes to standard output, messages to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.cli.engine import ENGINE, MASTER

if TYPE_CHECKING:
    from onward.engine import Engine
    from onward.registry.computing.snapshot import SnapshotOperation

app = command_app(no_args_is_help=True)

DIRECTORY = Annotated[Path, typer.Argument(metavar="DIR", help="A snapshot: onward export.")]
OUT = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="Also write Parquet here, partitioned by operation."),
]
ENCRYPTED = Annotated[
    bool,
    typer.Option(
        "--storage-is-encrypted", help="You know that the disk of --out is encrypted."
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]


@app.callback()
def region() -> None:
    """Example: onward region caseload region

    Ask every operation of a snapshot at once, on this machine or on a cluster.
    """


@app.command()
def caseload(
    folder: DIRECTORY,
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DATE", help="Left out: where each record ends.")
    ] = "",
    out: OUT = None,
    storage_is_encrypted: ENCRYPTED = False,
    as_json: JSON = False,
    engine: ENGINE = "duckdb",
    master: MASTER = "",
) -> None:
    """Example: onward region caseload region -o tables

    Who is here in every operation, and in all of them. With --out, every table of the caseload as
    Parquet, as tables/person/operation=camp/.
    """
    from onward.cli.work import day
    from onward.registry.computing.region import caseloads, summed

    members = _members(folder, out, storage_is_encrypted)
    asked = day(as_of, "--as-of")
    rows = caseloads(members, _engine(members, engine, master), as_of=asked, out=out, say=_say)
    total = summed(rows)
    if as_json:
        typer.echo(json.dumps({"operations": rows, "region": total}, indent=2))
        return
    columns = ("as_of", "active", "left", "status_unknown", "units")
    for line in _grid(rows, total, columns):
        typer.echo(line)


@app.command()
def check(
    folder: DIRECTORY,
    on: Annotated[
        str, typer.Option("--on", metavar="DATE", help="Left out: where each record ends.")
    ] = "",
    out: OUT = None,
    storage_is_encrypted: ENCRYPTED = False,
    as_json: JSON = False,
    engine: ENGINE = "duckdb",
    master: MASTER = "",
) -> None:
    """Example: onward region check region

    How many people have a next step of their own, how many have none open, and whom each
    safeguard holds back. With --out, every next step as step/operation=camp/.
    """
    from onward.cli.work import day
    from onward.registry.computing.region import checks, summed

    members = _members(folder, out, storage_is_encrypted)
    rows = checks(
        members, _engine(members, engine, master), on=day(on, "--on"), out=out, say=_say
    )
    total = summed(rows)
    if as_json:
        typer.echo(json.dumps({"operations": rows, "region": total}, indent=2))
        return
    for line in _grid(rows, total, ("on", "people_active", "people_asked", "people_blocked")):
        typer.echo(line)
    held = {name: people for name, people in total["safeguards"].items() if people}
    if held:
        typer.echo("\nHeld back by (one person can be in several lines; never add them up):")
        typer.echo(f"  {'people':>9}  {'operations':>10}")
    titles = {
        name: guard.title for one in members for name, guard in one.rulebook.safeguards.items()
    }
    for name, people in held.items():
        where = sum(bool(row["safeguards"].get(name)) for row in rows)
        typer.echo(f"  {people:>9,}  {where:>10,}  {name} {titles[name]}")


@app.command()
def forecast(
    folder: DIRECTORY,
    by: Annotated[str, typer.Option("--by", metavar="DATE", help="The day asked about.")],
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DATE", help="Left out: where the records end.")
    ] = "",
    futures: Annotated[
        int, typer.Option("--futures", help="Courses of events to simulate.")
    ] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same answer.")] = 1,
    together: Annotated[
        Path | None,
        typer.Option("--together", help="File of what happens once for several operations."),
    ] = None,
    out: OUT = None,
    storage_is_encrypted: ENCRYPTED = False,
    as_json: JSON = False,
    engine: ENGINE = "duckdb",
    master: MASTER = "",
) -> None:
    """Example: onward region forecast region --by 2027-11-30 --together borders.toml

    Who will still be here in every operation and in all of them, under the plans as they stand and
    under every scenario of scenarios/. A region's future is the sum of its operations' futures.
    The answer is the same whoever computes which part of it. With --out, every future as
    future/operation=camp/.
    """
    from onward.cli.work import day
    from onward.errors import OnwardError
    from onward.registry.computing.region import forecast_region

    members = _members(folder, out, storage_is_encrypted)
    target = day(by, "--by")
    if target is None:
        raise OnwardError("--by: no day named; expected one such as 2027-11-30.")
    if seed < 0:
        raise OnwardError(f"--seed {seed}: expected 0 or more.")
    made = forecast_region(
        members, _engine(members, engine, master), by=target, as_of=day(as_of, "--as-of"),
        futures=futures, seed=seed, together=together, out=out, say=_say,
    )  # fmt: skip
    if as_json:
        data = {
            "as_of": made.as_of.isoformat(), "by": made.by.isoformat(), "futures": made.futures,
            "seed": made.seed, "operations": list(made.operations),
            "scenarios": list(made.scenarios), "together": list(made.closings),
            "levels": made.rows(),
        }  # fmt: skip
        typer.echo(json.dumps(data, indent=2))
        return
    last = [row for row in made.rows() if row["date"] == made.by.isoformat()]
    for scenario in made.scenarios:
        typer.echo(f"{scenario}: still here on {made.by}   middle, 8 in 10, 19 in 20")
        of = {row["operation"]: row for row in last if row["scenario"] == scenario}
        for name in [*made.operations, "region"]:
            row = of[name]
            typer.echo(
                f"  {name:<28}{row['median']:>12,}"
                f"{row['q10']:>14,} to {row['q90']:,}{row['q025']:>14,} to {row['q975']:,}"
            )
        typer.echo("")
    if made.closings:
        typer.echo(f"Together: {', '.join(made.closings)}, once for all where they are felt.")
    typer.echo(
        f"{made.futures:,} futures, seed {made.seed}. The region's are sums of the operations' "
        "futures,\nso its range is not the sum of their ranges."
    )


@app.command()
def place(
    folder: DIRECTORY,
    programmes: Annotated[
        Path, typer.Option("--programmes", help="CSV of programmes, one row per window.")
    ],
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DATE", help="Left out: where the records end.")
    ] = "",
    capacity: Annotated[
        str,
        typer.Option(
            "--capacity",
            help="What the rulebooks call these places. Left out: places in third countries.",
        ),
    ] = "",
    scores: Annotated[Path | None, typer.Option(help="CSV: case, programme, score.")] = None,
    limits: Annotated[Path | None, typer.Option(help="CSV of caps and earmarks.")] = None,
    pledges: Annotated[Path | None, typer.Option(help="CSV of conditional pledges.")] = None,
    locks: Annotated[Path | None, typer.Option(help="CSV or workbook of locks.")] = None,
    previous: Annotated[
        Path | None, typer.Option(help="JSON of last week's proposal: its proposal.json.")
    ] = None,
    aims: Annotated[
        Path | None, typer.Option(help="YAML of the aims, in order. Default: the shipped one.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the published draw.")] = 1,
    time_limit: Annotated[float, typer.Option(help="Seconds after which stages stop.")] = 120.0,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the proposal and each operation's share."),
    ] = None,
    storage_is_encrypted: ENCRYPTED = False,
    as_json: JSON = False,
    engine: ENGINE = "duckdb",
    master: MASTER = "",
) -> None:
    """Example: onward region place region --programmes programmes.csv -o proposal

    Who of all operations is proposed for places they compete for, as one problem: nobody is promised a
    place twice, and no operation comes before another. The safeguards of each operation say who is
    open to which country. A case is called operation/case, in every file too. With --out, the
    proposal, and locks/OPERATION.csv with what falls to each operation.

    Exit code 0: every stage within the wanted gap; 1: infeasible, or a stage stopped by time.
    """
    from dataclasses import replace

    from onward.cli.place import print_proposal
    from onward.cli.work import day
    from onward.errors import Fault, Faults, OnwardError
    from onward.placement.inputs.aims import read_aims
    from onward.placement.inputs.files import read_beside, read_windows
    from onward.placement.propose import propose
    from onward.placement.telling.document import document, to_json, write_csv
    from onward.plan.model import THIRD_COUNTRY
    from onward.registry.computing.region_places import region_tables, shares, write_shares

    if time_limit <= 0:
        raise Faults([Fault("--time-limit", "", "", "not above 0", "seconds")])
    members = _members(folder, out, storage_is_encrypted)
    tables = region_tables(
        members, read_windows(programmes), _engine(members, engine, master),
        as_of=day(as_of, "--as-of"), capacity=capacity or THIRD_COUNTRY, say=_say,
    )  # fmt: skip
    beside = {
        "scores": scores,
        "limits": limits,
        "pledges": pledges,
        "locks": locks,
        "previous": previous,
    }
    given = {name: path for name, path in beside.items() if path is not None}
    if given:
        tables = replace(tables, **read_beside(tables, given, "the region"))
    proposal = propose(tables, read_aims(aims), seed=seed, seconds=time_limit)
    content = document(proposal)
    rows = shares(content, members)
    if out is not None:
        from onward.placement.telling.workbook import write_workbook

        write_csv(content, out)
        (out / "proposal.json").write_text(to_json(content), "utf-8")
        write_workbook(content, out / "proposal.xlsx")
        write_shares(content, out / "locks")
        typer.echo(
            f"Written: {out}/proposal.json, proposal.xlsx, CSV tables and locks/.", err=True
        )
    if as_json:
        typer.echo(json.dumps({"operations": rows, "proposal": content}, indent=2))
    else:
        columns = ("cases", "cases_placed", "persons", "persons_placed")
        total = {name: sum(row[name] for row in rows) for name in columns}
        for line in _grid(rows, total, columns):
            typer.echo(line)
        typer.echo("")
        print_proposal(content)
    if not content["check"]["passed"]:
        raise OnwardError(
            "The independent check failed:\n" + "\n".join(content["check"]["faults"])
        )
    raise typer.Exit(1 if proposal.state in ("infeasible", "time_limit") else 0)


def _members(folder: Path, out: Path | None, encrypted: bool) -> list[SnapshotOperation]:
    from onward.errors import OnwardError
    from onward.registry.computing.region import region_of

    members = region_of(folder)
    if out is not None and not encrypted:
        real = [one.settings.id for one in members if not one.settings.demonstration]
        if real:
            raise OnwardError(
                f"--out would hold people's data of {', '.join(real)} in clear, under pseudonyms. "
                "Write it only to an encrypted disk, and say so with --storage-is-encrypted."
            )
    return members


def _engine(members: Sequence[SnapshotOperation], name: str, master: str) -> Engine:
    from onward.cli.engine import engine_named

    return engine_named(name, master, max(int(one.note["events"]) for one in members))


def _grid(
    rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any], columns: Sequence[str]
) -> list[str]:
    """Operations and all of them, in columns."""
    wide = max(9, *(len(str(row["operation"])) for row in rows))
    lines = [" " * wide + "".join(f"{name.replace('_', ' '):>16}" for name in columns)]
    for row in [*rows, {"operation": "region", **total}]:
        cells = [row.get(name, "") for name in columns]
        shown = [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells]
        lines.append(f"{row['operation']:<{wide}}" + "".join(f"{cell:>16}" for cell in shown))
    return lines


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{text} …\n")
