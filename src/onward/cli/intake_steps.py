"""The steps that `onward import` and `onward intake` share: check, match, decide, write what is at fault."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from onward.registry.importing.commit import Checked, Importer
    from onward.registry.importing.doubles import Doubles
from onward.cli.intake_shown import code_of, say_stop


def importer_of(directory: Path, by: str = "import") -> Importer:
    """The importer of an operation's folder."""
    from onward.registry import open_operation
    from onward.registry.importing.commit import Importer

    return Importer(open_operation(directory), by=by)


def answers_of(answer: Sequence[str] | None) -> dict[str, str]:
    """`--answer date_order=day-month-year`, as a mapping."""
    return dict(pair(text, "--answer", "date_order=day-month-year") for text in answer or ())


def pair(text: str, option: str, example: str) -> tuple[str, str]:
    """`key=value`, or a refusal that shows an example."""
    from onward.errors import OnwardError

    key, sign, value = text.rpartition("=")
    if not sign or not key:
        raise OnwardError(f"{option} {text}: expected key=value, as {example}.")
    return key, value


def checked_list(
    importer: Importer, file: Path, profile: Path, answer: Sequence[str] | None
) -> Checked:
    """A list read, mapped and checked, with progress on a terminal."""
    with progress("Reading and checking rows") as told:
        return importer.check(file, profile, answers=answers_of(answer), progress=told)


def matched_list(
    importer: Importer,
    file: Path,
    profile: Path,
    answer: Sequence[str] | None,
    partly: bool,
) -> tuple[Checked, Doubles]:
    """A list checked and matched; ends the command when a fault or a question stands in the way."""
    checked = checked_list(importer, file, profile, answer)
    if checked.staged.stops(partly=partly):
        say_stop(checked, None, importer.operation.path, file, profile)
        raise typer.Exit(1)
    with progress("Matching pairs") as told:
        return checked, importer.match(
            checked, checked.staged.accepted(partly=partly), progress=told
        )


def given(file: Path | None, profile: Path | None) -> tuple[Path, Path] | None:
    """The list and its profile, where they were given; one without the other is refused."""
    from onward.errors import OnwardError

    if file is not None and profile is not None:
        return file, profile
    if file is None and profile is None:
        return None
    raise OnwardError("Give a list with its --profile, or neither.")


def matched_record(importer: Importer) -> Doubles:
    """The record matched against itself."""
    with progress("Matching pairs") as told:
        return importer.match_record(progress=told)


def decided_now(
    importer: Importer,
    doubles: Doubles,
    decide: Sequence[str] | None,
    because: str,
    workbook: Path | None,
    by: str,
) -> int:
    """Keep the decisions given on the command line or in a workbook; how many."""
    from onward.errors import OnwardError, one_of
    from onward.intake.read import read as read_file
    from onward.intake.review import CHOICES, Decision
    from onward.intake.review_sheet import read_decisions
    from onward.registry.importing.doubles import decide as keep

    pairs = {code_of(s): (s.first, s.second) for s in doubles.suggestions}
    found: list[Decision] = []
    if workbook is not None:
        found += read_decisions(read_file(workbook), pairs, by=by)
    for text in decide or ():
        code, word = pair(text, "--decide", "3f2a1c0b=apart")
        choice = next((c for c in CHOICES if c == word), None)
        if choice is None:
            raise OnwardError(f"--decide {text}: expected {one_of(CHOICES)} after the sign =.")
        if code not in pairs:
            raise OnwardError(
                f"--decide {text}: no such pair here. Codes are printed by the review."
            )
        found.append(Decision(*pairs[code], choice, by, because))
    sides = doubles.sides.items()
    rows = [key for key, side in sides if side.row is not None and not side.person.known]
    return keep(importer.operation, found, rows=rows) if found else 0


def write_faulty(checked: Checked, path: Path | None) -> None:
    """Write the rows at fault into a workbook, where one was asked for and some are."""
    if path is None:
        return
    if not checked.staged.faulty:
        typer.echo(f"No row is at fault: {path} was not written.", err=True)
        return
    from onward.intake.corrections import faulty_rows

    write_private(path, faulty_rows(checked.reading, checked.staged))
    typer.echo(
        f"{path} is written: {len(checked.staged.faulty):,} rows to mend. It holds names: keep "
        "it as you keep the list.",
        err=True,
    )


class progress:
    """Counts on a terminal, once something takes longer than two seconds."""

    def __init__(self, what: str) -> None:
        self.what, self.begun, self.shown = what, 0.0, False

    def __enter__(self) -> Callable[[int], None]:
        self.begun = time.monotonic()
        return self._told

    def _told(self, count: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - self.begun > 2:
            self.shown = True
            sys.stderr.write(f"\r{self.what}: {count:,} … ")
            sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        if self.shown:
            sys.stderr.write("\r\x1b[K")


def write_private(path: Path, content: bytes) -> None:
    """A file that holds names: readable by its owner only."""
    import os

    from onward.errors import OnwardError

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise OnwardError(f"{path} cannot be written ({error.strerror}).") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
