"""`onward plan`: check a plan, ask what lapses when, and how likely its milestones are.

Turns arguments into calls of the plan room and its answers into text, JSON or a chart. Data
goes to standard output, messages to standard error; exit code 0: fine, 1: something found,
2: the input cannot be read.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError

if TYPE_CHECKING:
    from onward.caseload.model import Caseload
    from onward.plan import Plan
    from onward.rulebook.model import Rulebook

app = command_app(
    no_args_is_help=True,
    help="Check the plan, its clocks and its milestones.\n\nExample: onward plan check camp",
)

WHERE = Annotated[Path, typer.Argument(help="An operation folder, or a plan file.")]
JSON = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]
AS_OF = Annotated[
    str | None,
    typer.Option("--as-of", help="The day it is asked on, as 2026-10-31. Left out: where the data end."),
]  # fmt: skip
RULEBOOK = Annotated[
    Path | None,
    typer.Option("--rulebook", help="The rulebook of a plan file outside a folder."),
]
FUTURES = Annotated[int, typer.Option(min=100, max=200_000, help="Futures to draw.")]
SEED = Annotated[
    int, typer.Option(min=0, help="Seed of the draws; the same seed, same answer.")
]


@app.command()
def check(
    where: WHERE,
    as_json: JSON = False,
    as_of: AS_OF = None,
    rulebook: RULEBOOK = None,
    futures: FUTURES = 4000,
    seed: SEED = 1,
) -> None:
    """Find what is wrong with a plan: circles, lateness, lapses, messages, targets.

    Example: onward plan check camp

    Ends with exit code 1 when something must be mended. What each finding means is in
    docs/reference/plan.md.
    """
    from onward.errors import Faults
    from onward.plan.check import check_plan, reads_beside
    from onward.plan.draws import plan_draws

    try:
        plan, book, day = _opened(where, rulebook, as_of)
    except Faults as faults:
        if as_json:
            rows: list[dict[str, Any]] = [
                {"code": "file", "severity": "must", "what": fault.field, "line": _line(fault.where),
                 "found": fault.found, "remedy": f"{_expected(fault.allowed)}{fault.remedy}".strip(),
                 "chance": None}
                for fault in faults.faults
            ]  # fmt: skip
            _print({"plan": None, "file": str(where), "as_of": None, "sound": False, "findings": rows})  # fmt: skip
        else:
            typer.echo(str(faults), err=True)
            many = "1 fault" if len(faults.faults) == 1 else f"{len(faults.faults)} faults"
            typer.echo(f"{many}; the plan cannot be used before that is mended.")
        raise typer.Exit(1) from None
    draws = plan_draws(plan, futures, seed, day)
    found = check_plan(
        plan, book, as_of=day, draws=draws, text_of=reads_beside(Path(plan.file))
    )
    must = [one for one in found if one.severity == "must"]
    if as_json:
        _print(
            {
                "plan": {"id": plan.id, "version": plan.version, "hash": plan.hash},
                "file": plan.file,
                "as_of": day,
                "sound": not must,
                "findings": [
                    {"code": f.code, "severity": f.severity, "what": f.what, "line": f.line,
                     "found": f.found, "remedy": f.remedy, "chance": f.chance}
                    for f in found
                ],
            }
        )  # fmt: skip
    else:
        for severity, title in (("must", "To mend"), ("look", "To look at")):
            chosen = [one for one in found if one.severity == severity]
            if chosen:
                typer.echo(f"{title}\n")
            for f in chosen:
                place = f"line {f.line}" if f.line else "whole plan"
                typer.echo(f"  {f.what} ({place}): {f.found}.\n    {f.remedy}")
            if chosen:
                typer.echo("")
        looks = len(found) - len(must)
        typer.echo(
            f"{plan.title}, version {plan.version}, as of {day}: {len(must)} to mend, {looks} to look at."
        )
    raise typer.Exit(1 if must else 0)


@app.command(short_help="Put a plan in force in an encrypted operation.")
def adopt(
    where: Annotated[Path, typer.Argument(metavar="DIR", help="An encrypted operation.")],
    file: Annotated[Path, typer.Argument(help="The plan, as a file.")],
    effective: Annotated[
        str, typer.Option("--from", help="The day it holds from; today if left out.")
    ] = "",
) -> None:
    """Example: onward plan adopt our-camp plan.yaml

    Puts a plan in force in an encrypted operation, whose plan is kept inside the record because
    it may hold offers made in confidence. Checked first; adopting it is an event. Delete the file
    afterwards.
    """
    from onward.cli.work import day
    from onward.registry import open_operation
    from onward.registry.planning import adopt_plan

    operation = open_operation(where)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise OnwardError(f"{file} cannot be read as a plan.") from None
    start = day(effective, "--from") or operation.default_date()
    version = adopt_plan(operation, text, effective=start.isoformat(), by="terminal")
    typer.echo(f"The plan {version.sha256[:12]} holds from {start}.")


@app.command()
def lapses(
    where: WHERE,
    on: Annotated[
        str | None, typer.Option("--on", help="The day asked about, as 2027-11-30.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Everything that lapses after this day and up to --on."),
    ] = None,
    as_json: JSON = False,
    as_of: AS_OF = None,
    rulebook: RULEBOOK = None,
) -> None:
    """What holds for the last time on a day, and for whom.

    Example: onward plan lapses camp --on 2027-11-30

    Without --on: everything that lapses in the next 180 days. People are counted where the
    folder holds a register; their ids are only in --json.
    """  # fmt: skip
    from onward.plan import alerts
    from onward.plan import lapses as what_lapses
    from onward.plan.timeline import ALERT_DAYS, KINDS

    plan, book, day = _opened(where, rulebook, as_of)
    asked = _day(on, "--on") if on else day + dt.timedelta(days=max(ALERT_DAYS))
    after = _day(since, "--since") if since else (None if on else day)
    caseload = _caseload(where, day)
    rows = what_lapses(plan, caseload, asked, rulebook=book, since=after).to_pylist()
    due = [
        {"date": row["date_likely"], "days_left": row["days_left"], "level": row["alert"],
         "kind": row["kind"], "what": row["what"], "title": row["title"], "says": row["says"],
         "owner": row["owner"], "confidentiality": row["confidentiality"]}
        for row in alerts(plan, on=day).to_pylist()
    ]  # fmt: skip
    if as_json:
        _print(
            {
                "plan": {"id": plan.id, "version": plan.version, "hash": plan.hash},
                "as_of": day,
                "since": after,
                "on": asked,
                "people_counted": caseload is not None,
                "lapses": rows,
                "alerts": due,
            }
        )
        return
    until = f"after {after} and up to {asked}" if after else f"on {asked}"
    ending = [row for row in rows if row["lapses"]]
    typer.echo(f"{plan.title}: what holds for the last time {until}\n")
    if not ending:
        typer.echo("  Nothing that is recorded.\n")
    shown = None
    for row in ending if len(ending) <= 60 else _gathered(ending):
        if row["date"] != shown:
            shown = row["date"]
            typer.echo(f"{shown}")
        typer.echo(f"  {row['title']} ({row['who']}){_people(row)}\n    {row['says']}.")
        if row["remedy"]:
            typer.echo(f"    {row['remedy']}")
    if due:
        typer.echo(f"\nClocks running out within {max(ALERT_DAYS)} days of {day}\n")
    for row in due:
        typer.echo(
            f"  {row['days_left']:>3} days  {row['date']}  {row['title']}: {KINDS[row['kind']]}"
        )
    typer.echo("\nWhat no date ends\n")
    for row in rows:
        if not row["lapses"]:
            typer.echo(f"  {row['title']}{_people(row)}: {row['says']}.")
    if caseload is None:
        typer.echo("No register in this folder: people are not counted.", err=True)


@app.command()
def milestones(
    where: WHERE,
    as_json: JSON = False,
    as_of: AS_OF = None,
    rulebook: RULEBOOK = None,
    futures: FUTURES = 4000,
    seed: SEED = 1,
    gantt: Annotated[
        Path | None,
        typer.Option("--gantt", help="Also write the chart to this SVG or PNG file."),
    ] = None,
) -> None:
    """How likely each milestone and deadline is to be met, and which work holds it up.

    Example: onward plan milestones camp --gantt plan.svg
    """
    from onward.errors import OnwardError
    from onward.plan import criticality, gantt_svg, milestone_chances, plan_draws

    plan, _, day = _opened(where, rulebook, as_of)
    draws = plan_draws(plan, futures, seed, day)
    found = milestone_chances(plan, draws)
    shares = criticality(plan, draws)
    if gantt is not None:
        svg = gantt_svg(plan, draws, day)
        try:
            if gantt.suffix.lower() == ".png":
                import vl_convert

                gantt.write_bytes(vl_convert.svg_to_png(svg, scale=2))
            else:
                gantt.write_text(svg, encoding="utf-8")
        except OSError as error:
            raise OnwardError(f"{gantt}: cannot be written ({error.strerror}).") from None
        typer.echo(f"Wrote {gantt}.", err=True)
    if as_json:
        _print(
            {
                "plan": {"id": plan.id, "version": plan.version, "hash": plan.hash},
                "as_of": day,
                "futures": futures,
                "seed": seed,
                "milestones": [
                    {"id": m.id, "kind": m.kind, "title": m.title, "by": m.by,
                     "p10": m.when.p10, "p50": m.when.p50, "p90": m.when.p90,
                     "ever": m.when.chance, "in_time": m.in_time,
                     "critical": [{"action": a, "share": share} for a, share in m.critical]}
                    for m in found
                ],
                "criticality": [
                    {"action": a, "share": share}
                    for a, share in sorted(shares.items(), key=lambda one: (-one[1], one[0]))
                ],
            }
        )  # fmt: skip
        return
    typer.echo(f"{plan.title}, version {plan.version}, as of {day}\n")
    wide = max([len(m.title) for m in found], default=10)
    typer.echo(
        f"  {'':<{wide}}  wanted by   in time  likely      8 in 10 futures           ever"
    )
    for kind, title in (("milestone", "Milestones"), ("deadline", "Work for each deadline")):
        rows = [m for m in found if m.kind == kind]
        if rows:
            typer.echo(title)
        for m in rows:
            by = m.by.isoformat() if m.by else "-"
            chance = "-" if m.in_time is None else f"{m.in_time:.0%}"
            likely = m.when.p50.isoformat() if m.when.p50 else "never"
            low = m.when.p10.isoformat() if m.when.p10 else "never"
            high = m.when.p90.isoformat() if m.when.p90 else "never"
            typer.echo(
                f"  {m.title:<{wide}}  {by:<10}  {chance:>7}  {likely:<10}  {low} to {high:<10}  {m.when.chance:>4.0%}"
            )
            held = [f"{plan.title_of(a)} ({share:.0%})" for a, share in m.critical[:3]]
            if held:
                typer.echo(f"  {'':<{wide}}  held up by: {', '.join(held)}")
    typer.echo(f"\n{futures:,} futures, seed {seed}; same seed, same answer.")


# -- shared ----------------------------------------------------------------------------------
def _opened(
    where: Path, rulebook: Path | None, as_of: str | None
) -> tuple[Plan, Rulebook, dt.date]:
    """The plan, its rulebook and the day asked on."""
    from onward.errors import OnwardError
    from onward.plan import load_plan
    from onward.rulebook import load, shipped_path
    from onward.rulebook.reading import Reader, read_bytes

    asked = _day(as_of, "--as-of") if as_of else None
    file = where / "plan.yaml" if where.is_dir() else where
    if rulebook is None and (where / "operation.toml").is_file():
        from onward.registry import open_operation
        from onward.registry.planning import plan_of

        operation = open_operation(where)
        day = asked or operation.default_date()
        book = operation.rulebook_at(day)
        found = plan_of(operation, book, day)
        if found is None:
            raise OnwardError(f"{where} has no plan yet. See docs/reference/plan.md.")
        return found, book, day
    if not file.is_file():
        raise OnwardError(
            f"{file}: no such file; expected an operation folder with plan.yaml, or a plan file."
        )
    if rulebook is not None:
        book = load(rulebook)
    elif (file.parent / "rulebook.yaml").is_file():
        book = load(file.parent / "rulebook.yaml")
    else:
        # Reading it as YAML first: a file that is none says so, not that a line is missing.
        text = Reader(str(file), read_bytes(file, "plan")).text
        named = re.search(r"^rulebook:\s*[\"']?([\w-]+)", text, re.MULTILINE)
        if named is None:
            raise OnwardError(
                f"{file}: names no rulebook; expected a line such as `rulebook: protected-camp`. "
                "Add it, or give --rulebook FILE."
            )
        book = load(shipped_path(named.group(1)))
    plan = load_plan(file, book)
    return plan, book, asked or plan.as_of


def _caseload(where: Path, day: dt.date) -> Caseload | None:
    """The people of the folder as of a day; None where there is no register."""
    if not (where / "operation.toml").is_file():
        return None
    from onward.registry import open_operation

    operation = open_operation(where)
    if not operation.settings.encrypted and not any((where / "events").glob("*")):
        return None
    if sys.stderr.isatty():
        typer.echo("Reading the register …", err=True)
    return operation.caseload(day)


def _day(text: str, option: str) -> dt.date:
    from onward.errors import OnwardError

    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise OnwardError(f'{option}: found "{text}"; expected a date as 2027-11-30.') from None


def _people(row: dict[str, Any]) -> str:
    if row["people"] is None:
        return ""
    unknown = f", not known of {row['not_known_people']:,}" if row["not_known_people"] else ""
    word = "person" if row["people"] == 1 else "people"
    return f": {row['people']:,} {word}{unknown}"


def _gathered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Many days of the same record as one line each: from when to when, and for how many."""
    kept: list[dict[str, Any]] = []
    records: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] == "record":
            records.setdefault(row["what"], []).append(row)
        else:
            kept.append(row)
    for same in records.values():
        people = {id for row in same for id in row["people_ids"] or ()}
        first, last = same[0]["date"], same[-1]["date"]
        kept.append(
            {**same[0], "date": f"{first} to {last}", "people": len(people), "people_ids": None}
        )
    return kept


def _line(where: str) -> int:
    return int(where.removeprefix("line ")) if where.startswith("line ") else 0


def _expected(allowed: str) -> str:
    return f"Expected {allowed}. " if allowed else ""


def _print(data: dict[str, Any]) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))
