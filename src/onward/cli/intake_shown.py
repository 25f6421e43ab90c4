"""What the steps of an import show: as text for a person, as data for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from onward.errors import Fault
    from onward.intake.households import Finding
    from onward.intake.match import Suggestion
    from onward.intake.read import Question, Reading
    from onward.intake.review import Side
    from onward.intake.stage import Staged
    from onward.registry.importing.commit import Checked, Importer, Receipt
    from onward.registry.importing.doubles import Doubles


SHOWN_ROWS = 5
SHOWN_FAULTS = 50


def reading_data(reading: Reading) -> dict[str, Any]:
    """What a file is, without any of its cells but the first row of each sheet."""
    return {
        "file": reading.file,
        "kind": reading.kind,
        "digest": reading.digest,
        "encoding": reading.encoding,
        "encoding_by": reading.encoding_by,
        "delimiter": reading.delimiter,
        "delimiter_by": reading.delimiter_by,
        "sheets": [
            {
                "name": name,
                "visible": visible,
                "rows": len(reading.sheets[name].rows) if name in reading.sheets else None,
            }
            for name, visible in reading.names
        ],
        "notices": list(reading.notices),
        "questions": [question_data(one) for one in reading.questions],
        "faults": [fault_data(one) for one in reading.faults],
    }


def question_data(question: Question) -> dict[str, Any]:
    """A question without the previews, which show lines of the file."""
    return {
        "about": question.about,
        "where": question.where,
        "text": question.text,
        "options": [{"value": o.value, "label": o.label} for o in question.options],
        "settle": question.settle,
    }


def fault_data(fault: Fault) -> dict[str, Any]:
    return {
        "where": fault.where,
        "column": fault.field,
        "found": fault.found,
        "allowed": fault.allowed,
        "remedy": fault.remedy,
    }


def finding_data(finding: Finding) -> dict[str, Any]:
    return {
        "rows": list(finding.rows),
        "kind": finding.kind,
        "found": finding.found,
        "remedy": finding.remedy,
        "impossible": finding.impossible,
    }


def check_data(importer: Importer, checked: Checked) -> dict[str, Any]:
    """Everything a check says; `would` is null while the list cannot be kept whole."""
    from onward.errors import Faults
    from onward.intake.households import check_households

    staged = checked.staged
    people = [row for row in staged.rows if row.event is None]
    faults, would = list(staged.faults), None
    if not staged.stops():
        try:
            receipt = importer.commit(checked, check_only=True)
            would = {k: getattr(receipt, k) for k in ("added", "corrected", "unchanged", "events", "breaches")}  # fmt: skip
        except Faults as found:
            faults = list(found.faults)
    return {
        "file": checked.file,
        "profile": staged.profile.id,
        "rows": staged.read_rows,
        "good": len(staged.rows),
        "faulty": len(staged.faulty),
        "faults": [fault_data(one) for one in faults],
        "questions": [question_data(one) for one in staged.questions],
        "notices": list(staged.notices),
        "households": [
            finding_data(one)
            for one in check_households(people, on=importer.operation.default_date())
        ],
        "would": would,
    }


def doubles_data(file: str, doubles: Doubles) -> dict[str, Any]:
    """Suggestions by row and recorded id, with every comparison's weight; no names."""
    decided = {one.pair: one for one in doubles.reviewed.decisions}
    open_pairs = {(s.first, s.second) for s in doubles.questions}

    def side(key: str) -> dict[str, Any]:
        one = doubles.sides[key]
        return {"row": one.row, "person": key if one.row is None or one.person.known else None}

    return {
        "file": file,
        "open": len(doubles.questions),
        "pairs": [
            {
                "pair": code_of(s),
                "first": side(s.first),
                "second": side(s.second),
                "probability": s.probability,
                "weight": s.weight,
                "parts": [asdict(part) for part in s.parts],
                "open": (s.first, s.second) in open_pairs,
                "decision": d.choice
                if (d := decided.get(frozenset((s.first, s.second))))
                else None,
            }
            for s in doubles.suggestions
        ],
        "households": [finding_data(one) for one in doubles.households],
    }


def receipt_data(receipt: Receipt) -> dict[str, Any]:
    return {**asdict(receipt), "notices": list(receipt.notices)}


def stopped_data(checked: Checked, doubles: Doubles | None = None) -> dict[str, Any]:
    """Why an import stopped: what must be mended, answered and decided."""
    return {
        "list": checked.file,
        "faults": [fault_data(one) for one in checked.staged.faults],
        "questions": [question_data(one) for one in checked.staged.questions],
        "pairs": doubles_data(checked.file, doubles)["pairs"] if doubles else [],
    }


def show_staged(staged: Staged, *, err: bool = False) -> None:
    """Notices, questions and faults of a checked list."""
    for notice in staged.notices:
        typer.echo(f"  {notice}", err=True)
    for question in staged.questions:
        say_question(question, err=err)
    faults = staged.faults
    for fault in faults[:SHOWN_FAULTS]:
        typer.echo(str(fault), err=err)
    if len(faults) > SHOWN_FAULTS:
        typer.echo(
            f"… and {len(faults) - SHOWN_FAULTS:,} more faults; --json lists all, --faulty writes "
            "the rows into a workbook.",
            err=err,
        )


def show_pair(question: Suggestion, sides: Mapping[str, Side]) -> None:
    """One question, side by side, with how to answer it."""
    from onward.intake.review import in_order, side_by_side

    code = code_of(question)
    typer.echo(f"Pair {code}: {question.sentence()}")
    for what, here, there in side_by_side(*in_order(question, sides)):
        typer.echo(f"  {what:11} {here:40}  {there}")
    typer.echo(
        f"  One person: --decide {code}=merge   two: --decide {code}=apart   "
        f"ask the field: --decide {code}=ask\n"
    )


def say_receipt(receipt: Receipt, directory: Path) -> None:
    """What one list became."""
    verb = "recorded" if receipt.recorded else "would record"
    line = (
        f"{receipt.list}: {receipt.rows:,} rows; {receipt.added:,} new, "
        f"{receipt.corrected:,} corrected, {receipt.unchanged:,} unchanged; "
        f"{verb} {receipt.events:,} events"
    )
    if receipt.breaches:
        line += f", {receipt.breaches:,} of them breaches"
    if receipt.merged:
        line += f", {receipt.merged:,} of them merges"
    typer.echo(line + ".")
    if receipt.left_out:
        typer.echo(f"  {receipt.left_out:,} rows at fault were left out.", err=True)
    for notice in receipt.notices:
        sys.stderr.write(f"  {notice}\n")
    if receipt.receipt:
        sys.stderr.write(
            f"  Receipt {receipt.receipt}; to take it back: onward intake undo {directory}\n"
        )


def say_stop(
    checked: Checked, doubles: Doubles | None, directory: Path, file: Path, profile: Path
) -> None:
    """The one list of questions an import ends with when a person is needed."""
    from onward.intake.review import in_order

    show_staged(checked.staged, err=True)
    questions = doubles.questions if doubles is not None else ()
    for question in questions[:SHOWN_FAULTS]:
        first, second = in_order(question, doubles.sides)
        typer.echo(
            f"Pair {code_of(question)}, {first.place} and {second.place}: {question.sentence()}",
            err=True,
        )
    if len(questions) > SHOWN_FAULTS:
        typer.echo(f"… and {len(questions) - SHOWN_FAULTS:,} more pairs.", err=True)
    again = f"{directory} {file} --profile {profile}"
    if doubles is not None:
        typer.echo(
            f"{checked.file}: nothing was kept. {count_of(len(doubles.questions), 'pair')} may be one "
            f"person each, and somebody must decide. Side by side: onward intake review {again}\n"
            "Then decide each: --decide PAIR=merge, PAIR=apart or PAIR=ask.",
            err=True,
        )
        return
    staged = checked.staged
    wanted = []
    if staged.questions:
        wanted.append(
            f"{count_of(len(staged.questions), 'question')} to answer (--answer, or the profile)"
        )
    if staged.faulty:
        wanted.append(
            f"{len(staged.faulty):,} of {staged.read_rows:,} rows to mend (--faulty writes them "
            "into a workbook)"
        )
    if staged.file_faults:
        wanted.append(f"{count_of(len(staged.file_faults), 'fault')} of the whole list")
    typer.echo(f"{checked.file}: nothing was kept. {'; '.join(wanted)}.", err=True)


def show_reading(reading: Reading, rows: int) -> None:
    typer.echo(f"{reading.file}: {reading.kind or 'not clear what kind of file'}")
    for name, visible in reading.names:
        if name:
            sheet = reading.sheets.get(name)
            count = f"{len(sheet.rows):,} rows" if sheet is not None else "not read"
            typer.echo(f'  sheet "{name}"{"" if visible else " (hidden)"}: {count}')
    for notice in reading.notices:
        typer.echo(f"  {notice}")
    for sheet in reading.sheets.values():
        if not sheet.name:
            typer.echo(f"  {len(sheet.rows):,} rows")
        for number, row in enumerate(sheet.rows[:rows], 1):
            typer.echo(
                f"  {number:>4}  " + " | ".join("" if c is None else str(c) for c in row)
            )
    for fault in reading.faults:
        typer.echo(str(fault))
    for question in reading.questions:
        say_question(question, err=False, previews=True)


def say_question(question: Question, *, err: bool = True, previews: bool = False) -> None:
    typer.echo(f"Question, {question.where}: {question.text}", err=err)
    for option in question.options:
        typer.echo(f"    {option.value}  {option.label}", err=err)
        if previews and option.preview:
            for line in option.preview.splitlines()[:3]:
                typer.echo(f"        {line}", err=err)
    if question.about in ("sheet", "encoding", "delimiter"):
        typer.echo(f"  Answer with --{question.about} VALUE, or in the profile: {question.settle}", err=err)  # fmt: skip
    else:
        typer.echo(f"  Answer with --answer {question.about}=VALUE, or in the profile: {question.settle}", err=err)  # fmt: skip


def show_households(findings: Sequence[Mapping[str, Any]]) -> None:
    from onward.intake.read import ranges

    for one in findings[:SHOWN_FAULTS]:
        word = "cannot be" if one["impossible"] else "look at it"
        typer.echo(f"Household, rows {ranges(one['rows'])} ({word}): {one['found']}. {one['remedy']}")  # fmt: skip
    if len(findings) > SHOWN_FAULTS:
        typer.echo(f"… and {len(findings) - SHOWN_FAULTS:,} more about households; --json lists all.")  # fmt: skip


def say_match(file: str, doubles: Doubles) -> None:
    open_pairs, decided = len(doubles.questions), len(doubles.reviewed.decisions)
    weaker = len(doubles.suggestions) - open_pairs - decided
    typer.echo(
        f"{file}: {count_of(open_pairs, 'pair')} to decide, {decided:,} decided"
        + (f"; {weaker:,} less likely, which hold nothing back." if weaker > 0 else ".")
    )


def code_of(suggestion: Suggestion) -> str:
    from onward.intake.review import pair_code

    return pair_code(suggestion.first, suggestion.second)


def count_of(number: int, what: str) -> str:
    """`1 pair`, `2,000 pairs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def print_data(data: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
