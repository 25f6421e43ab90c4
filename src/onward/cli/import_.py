"""`onward import`: the short way through every step of `onward intake`.

Reads, maps, checks, matches and records a list, or all lists of an order file, and stops with
one list of questions where a person is needed. Nothing of a list that stops is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from onward.cli.commands import command_app
from onward.cli.intake import ANSWER, ASK_OPEN, BECAUSE, BY, DECIDE, DECISIONS, FAULTY, PARTLY
from onward.cli.intake_shown import receipt_data, say_receipt, say_stop, stopped_data
from onward.cli.intake_steps import checked_list, decided_now, progress, write_faulty

app = command_app()


@app.command()
def import_list(
    directory: Path = typer.Argument(..., help="The operation folder."),
    file: Path = typer.Argument(
        None, help="The list: CSV, TSV, XLSX, ODS, JSON or JSON Lines."
    ),
    profile: Path = typer.Option(None, "--profile", "-p", help="Which column is which fact."),
    all_of: Path = typer.Option(None, "--all", help="An order file naming lists and profiles."),
    answer: ANSWER = None,
    check: bool = typer.Option(False, "--check", help="Say what would happen; write nothing."),
    partly: PARTLY = False,
    faulty: FAULTY = None,
    decide: DECIDE = None,
    because: BECAUSE = "",
    decisions: DECISIONS = None,
    ask_open: ASK_OPEN = False,
    by: BY = "import",
    as_json: bool = typer.Option(False, "--json", help="The receipt as JSON."),
) -> None:
    """Example: onward import camp people.xlsx --profile people.yaml --check

    Every row is checked and matched before anything is written. With a fault, an open question
    or a pair that may be one person nothing is kept and the exit code is 1; each is named, with
    how to answer it. The same list again changes nothing; a corrected list corrects. Names go to
    the vault, never into the log. Step by step: onward intake.
    """
    from onward.errors import OnwardError
    from onward.registry import open_operation
    from onward.registry.importing.commit import Importer, lists_of

    if (file is None) == (all_of is None):
        raise OnwardError("Name a list with its --profile, or an order file with --all.")
    if file is not None and profile is None:
        raise OnwardError(
            f"{file.name} needs a profile. Let one be drafted and correct it: "
            f"onward intake map {directory} {file} -o profile.yaml"
        )
    importer = Importer(open_operation(directory), by=by)
    jobs = lists_of(all_of) if all_of is not None else [(file, profile)]
    receipts: list[dict[str, Any]] = []
    stopped: dict[str, Any] | None = None
    for list_file, list_profile in jobs:
        checked = checked_list(importer, list_file, list_profile, answer)
        write_faulty(checked, faulty)
        doubles = None
        if not checked.staged.stops(partly=partly):
            rows = checked.staged.accepted(partly=partly)
            with progress("Matching pairs") as told:
                doubles = importer.match(checked, rows, progress=told)
            if not check and decided_now(importer, doubles, decide, because, decisions, by):
                doubles = importer.match(checked, rows)
        if doubles is None or (doubles.questions and not ask_open):
            stopped = stopped_data(checked, doubles)
            if not as_json:
                say_stop(checked, doubles, directory, list_file, list_profile)
            break
        receipt = importer.commit(
            checked, doubles, check_only=check, partly=partly, ask=ask_open
        )
        receipts.append(receipt_data(receipt))
        if not as_json:
            say_receipt(receipt, directory)
    if as_json:
        data: dict[str, Any] = {"receipts": receipts}
        if stopped is not None:
            data["stopped"] = stopped
        typer.echo(json.dumps(data, ensure_ascii=False))
    if stopped is not None:
        raise typer.Exit(1)
