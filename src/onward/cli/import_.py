"""`onward import`: bring a list, or all lists of an order file, into an operation."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import typer

app = typer.Typer(rich_markup_mode=None)


@app.command()
def import_list(
    directory: Path = typer.Argument(..., help="The operation folder."),
    file: Path = typer.Argument(None, help="The list: CSV, XLSX, ODS or JSON Lines."),
    profile: Path = typer.Option(None, "--profile", help="Which column is which fact."),
    all_of: Path = typer.Option(None, "--all", help="An order file naming lists and profiles."),
    answer: list[str] = typer.Option(
        [],
        "--answer",
        help="An answer to a question about the file, as date_order=day-month-year.",
    ),
    check: bool = typer.Option(False, "--check", help="Say what would happen; write nothing."),
    partly: bool = typer.Option(
        False, "--partly", help="Keep the good rows although others are at fault."
    ),
    as_json: bool = typer.Option(False, "--json", help="The receipt as JSON."),
) -> None:
    """Example: onward import camp people.xlsx --profile people.yaml --check

    Every row is checked before anything is written. With a fault or an open question nothing is
    kept, and each is named with its row and column. The same list again changes nothing; a
    corrected list corrects. Names go to the vault, never into the log.
    """
    from onward.errors import OnwardError
    from onward.registry import open_operation
    from onward.registry.commit import Importer, lists_of

    if (file is None) == (all_of is None):
        raise OnwardError("Name a list with its --profile, or an order file with --all.")
    if file is not None and profile is None:
        raise OnwardError(
            f"{file.name} needs a profile: onward import {directory} {file} --profile FILE. "
            "See docs/reference/import-profiles.md."
        )
    operation = open_operation(directory)
    jobs = lists_of(all_of) if all_of is not None else [(file, profile)]
    answers = dict(_pair(text) for text in answer)
    importer = Importer(operation)
    receipts = []
    for list_file, list_profile in jobs:
        receipt = importer.bring(
            list_file, list_profile, answers=answers, check_only=check, partly=partly
        )
        receipts.append(receipt)
        if not as_json:
            verb = "would record" if check else "recorded"
            line = (
                f"{receipt.list}: {receipt.rows:,} rows; {receipt.added:,} new, "
                f"{receipt.corrected:,} corrected, {receipt.unchanged:,} unchanged; "
                f"{verb} {receipt.events:,} events"
            )
            if receipt.breaches:
                line += f", {receipt.breaches:,} of them breaches"
            typer.echo(line + ".")
        for notice in receipt.notices:
            sys.stderr.write(f"  {notice}\n")
    if as_json:
        typer.echo(json.dumps({"receipts": [asdict(r) for r in receipts]}, ensure_ascii=False))


def _pair(text: str) -> tuple[str, str]:
    from onward.errors import OnwardError

    key, sign, value = text.partition("=")
    if not sign:
        raise OnwardError(f"--answer {text}: expected key=value, as date_order=day-month-year.")
    return key, value
