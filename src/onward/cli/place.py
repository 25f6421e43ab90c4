"""`onward place`: propose who is submitted where and when, explained and proven.

In: a folder or a few CSV files. Out: the proposal on the screen, as JSON, or as CSV and XLSX
files. The officer decides; nothing here changes a record.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from onward.errors import Fault, Faults, OnwardError

app = typer.Typer(add_completion=False)

HELP = """Example: onward place --cases cases.csv --programmes programmes.csv --scores scores.csv

Proposes for every case a programme and a window, or says which limit stopped it and what would
place it. Families are never split; places are counted in persons; the aims are met in order,
each with a proven bound. The smallest useful input:

  cases.csv: case,size    programmes.csv: programme,persons    scores.csv: case,programme,score

Also: onward place FOLDER (cases.csv, programmes.csv and the rest, or its folder `placement`),
and onward place ... --what-if "places:Norland@Spring=+5".

Exit code 0: every stage within the wanted gap; 1: infeasible, or a stage stopped by time;
2: the input has faults.
"""


def _path(text: str) -> Any:
    return typer.Option(help=text, show_default=False)


@app.command(help=HELP)
def place(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A folder with cases.csv and programmes.csv.", show_default=False),
    ] = None,
    cases: Annotated[Path | None, _path("CSV of cases: case, size and what is known.")] = None,
    programmes: Annotated[Path | None, _path("CSV of programmes, one row per window.")] = None,
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
    aims: Annotated[
        Path | None, _path("YAML of the aims, in order. Default: the shipped one.")
    ] = None,
    on: Annotated[str | None, _path("The day the proposal is for, YYYY-MM-DD.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the published draw.")] = 1,
    gap: Annotated[float | None, _path("Relative gap at which a stage may stop.")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds after which stages stop.")] = 120.0,
    out: Annotated[
        Path | None, _path("Folder for proposal.json, CSV tables and proposal.xlsx.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        _path(
            "Ask instead: places:NAME@WINDOW=+5, delay:..., limit:..., condition:..., remove:..., unlock:CASE."
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
        _path("Log (JSON lines) to which locks that differ are added; give --on."),
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
        from onward.placement.aims import DEFAULT

        typer.echo(DEFAULT.read_text("utf-8"), nl=False)
        return
    if replay is not None:
        from onward.placement import overrides as log

        if not replay.exists():
            raise Faults([Fault(str(replay), "", "", "no such file", "a log of overrides")])
        typer.echo(json.dumps(log.replay(log.read(replay)), ensure_ascii=False, indent=2))
        return
    tables = _tables(
        folder, cases=cases, programmes=programmes, scores=scores, limits=limits,
        pledges=pledges, openings=openings, locks=locks, previous=previous, on=on,
    )  # fmt: skip
    from onward.placement.aims import read_aims
    from onward.placement.document import document, to_json, write_csv
    from onward.placement.propose import propose

    if gap is not None and not 0 <= gap < 1:
        raise Faults([Fault("--gap", "", "", "not a share", "a number from 0 to below 1")])
    if time_limit <= 0:
        raise Faults([Fault("--time-limit", "", "", "not above 0", "seconds")])
    _say(
        f"Placing {len(tables.cases):,} cases in {len(tables.windows):,} windows ...",
        len(tables.cases),
    )
    proposal = propose(tables, read_aims(aims), seed=seed, seconds=time_limit, gap=gap)
    if what_if:
        from onward.placement.whatif import parse_change
        from onward.placement.whatif import what_if as ask

        answer = ask(
            proposal, [parse_change(t) for t in what_if], seconds=time_limit, exact=not quick
        )
        if as_json:
            typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        else:
            _print_difference(answer)
        raise typer.Exit(0 if answer["feasible"] else 1)
    content = document(proposal)
    if overrides is not None:
        from onward.placement import overrides as log

        if on is None:
            raise Faults([Fault("--on", "", "", "missing", "the day of the override")])
        before = propose(
            _without_locks(tables),
            proposal.compiled.aims,
            seed=seed,
            seconds=time_limit,
            gap=gap,
        )
        lines = log.entries(before, tables.locks, on)
        log.append(overrides, lines)
        typer.echo(f"{len(lines)} overrides added to {overrides}.", err=True)
    if out is not None:
        from onward.placement.workbook import write_workbook

        write_csv(content, out)
        (out / "proposal.json").write_text(to_json(content), "utf-8")
        write_workbook(content, out / "proposal.xlsx")
        typer.echo(f"Written: {out}/proposal.json, proposal.xlsx and CSV tables.", err=True)
    if as_json:
        typer.echo(to_json(content), nl=False)
    else:
        _print(content)
    if not content["check"]["passed"]:
        raise OnwardError(
            "The independent check failed:\n" + "\n".join(content["check"]["faults"])
        )
    raise typer.Exit(1 if proposal.state in ("infeasible", "time_limit") else 0)


def _without_locks(tables: Any) -> Any:
    from dataclasses import replace

    return replace(tables, locks=())


def _say(text: str, cases: int) -> None:
    if cases > 500 and sys.stderr.isatty():
        typer.echo(text, err=True)


def _tables(folder: Path | None, *, on: str | None, **files: Path | None) -> Any:
    from onward.placement.inputs import read_tables

    day = None
    if on is not None:
        try:
            day = date.fromisoformat(on)
        except ValueError:
            raise Faults([Fault("--on", "", "", "not a date", "YYYY-MM-DD")]) from None
    if folder is not None and (folder / "operation.toml").is_file():
        return _from_operation(folder, day, files)
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
    return read_tables(on=day, **files)  # type: ignore[arg-type]


def _from_operation(folder: Path, day: date | None, files: dict[str, Path | None]) -> Any:
    """Cases from the record, places from the plan, what is open from the safeguards; a file
    given beside them (scores, limits, locks, last week's proposal) is added."""
    from dataclasses import replace

    from onward.placement.inputs import read_beside
    from onward.registry import open_operation
    from onward.registry.analysis import opened
    from onward.registry.placing import placement_tables

    for key in ("cases", "programmes", "openings", "pledges"):
        if files.get(key) is not None:
            raise OnwardError(
                f"--{key}: an operation's {key} come from its record and plan; leave it out, or "
                "leave the operation folder out."
            )
    tables = placement_tables(opened(open_operation(folder), day))
    given = {key: path for key, path in files.items() if path is not None}
    latest = sorted((folder / "placements").glob("*.json"))
    if "previous" not in given and latest:
        given["previous"] = latest[-1]
    return replace(tables, **read_beside(tables, given)) if given else tables


def _print(content: dict[str, Any]) -> None:
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
    stages = Table("aim", "value", "bound", "gap", box=None, padding=(0, 2))
    for row in content["stages"]:
        bound = "" if row["bound"] is None else f"{row['bound']:.6g}"
        gap = "" if row["gap"] is None else f"{row['gap']:.3%}"
        stages.add_row(row["name"], f"{row['value']:.6g}", bound, gap)
    console.print(stages)
    placed = Table(
        "case", "persons", "programme", "window", "why", "next best", box=None, padding=(0, 2)
    )
    most = 40
    for row in content["assignments"][:most]:
        other = row["next_best"] or {}
        cost = other.get("cost_after_prices")
        placed.add_row(
            row["case"], str(row["size"]), row["programme"], row["window"],
            "; ".join(f"{k} {v:g}" for k, v in row["why"].items()),
            ", ".join(x for x in (other.get("programme"), other.get("window")) if x)
            + (f" (costs {cost:.3g})" if cost is not None else ""),
        )  # fmt: skip
    console.print(placed)
    if len(content["assignments"]) > most:
        console.print(f"... and {len(content['assignments']) - most} more: --json or --out.")
    if content["unplaced"]:
        left = Table(
            "no place", "persons", "why", "what would place it", box=None, padding=(0, 2)
        )
        for row in content["unplaced"][:most]:
            left.add_row(row["case"], str(row["size"]), row["reason"], row["change"])
        console.print(left)
        if len(content["unplaced"]) > most:
            console.print(f"... and {len(content['unplaced']) - most} more: --json or --out.")


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
    typer.echo(
        f"Protection-weighted persons: {answer['value_before']:.6g} before, {answer['value']:.6g} "
        f"after, at most {answer['bound']:.6g} ({answer['method']})."
    )
