"""`onward intake`: bring a list in step by step, seeing everything before anything is kept.

Turns arguments into calls of the intake room and the registry, and their answers into text or
JSON. `onward import` is the short way through the same steps. Data goes to standard output,
messages to standard error; exit code 0: fine, 1: a person is needed or something was found,
2: the file, the profile or an option cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.cli.intake_shown import (
    SHOWN_ROWS,
    check_data,
    code_of,
    count_of,
    doubles_data,
    finding_data,
    print_data,
    reading_data,
    receipt_data,
    say_match,
    say_question,
    say_receipt,
    say_stop,
    show_households,
    show_pair,
    show_reading,
    show_staged,
    stopped_data,
)
from onward.cli.intake_steps import (
    checked_list,
    decided_now,
    given,
    importer_of,
    matched_list,
    matched_record,
    pair,
    progress,
    write_faulty,
    write_private,
)

if TYPE_CHECKING:
    from onward.registry.importing.commit import Importer

app = command_app(
    no_args_is_help=True,
    help="Import step by step: see a list, map it, check it, decide about doubles, commit, undo."
    "\n\nExample: onward intake check camp people.xlsx --profile people.yaml",
)

DIRECTORY = Annotated[Path, typer.Argument(metavar="DIR", help="The operation's folder.")]
FILE = Annotated[
    Path, typer.Argument(help="The list: CSV, TSV, XLSX, ODS, JSON or JSON Lines.")
]
PROFILE = Annotated[Path, typer.Option("--profile", "-p", help="Which column is which fact.")]
ANSWER = Annotated[
    list[str] | None,
    typer.Option(
        "--answer", help="An answer to a question about the file, as date_order=day-month-year."
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]
SHEET = Annotated[str, typer.Option("--sheet", help="The sheet to read.")]
ENCODING = Annotated[str, typer.Option("--encoding", help="Of a text file, as cp1256.")]
DELIMITER = Annotated[str, typer.Option("--delimiter", help="Of a text file, as semicolon.")]
PARTLY = Annotated[
    bool, typer.Option("--partly", help="Keep the good rows although others are at fault.")
]
DECIDE = Annotated[
    list[str] | None,
    typer.Option("--decide", metavar="PAIR=DECISION", help="merge, apart or ask; the pair's code is printed."),
]  # fmt: skip
BECAUSE = Annotated[
    str,
    typer.Option("--because", help="What decisions rest on: document, photo, interview, family, list."),
]  # fmt: skip
BY = Annotated[str, typer.Option("--by", help="Role or user id of who does it; no name.")]
DECISIONS = Annotated[
    Path | None, typer.Option("--decisions", help="The workbook of pairs, filled in.")
]
FAULTY = Annotated[
    Path | None,
    typer.Option("--faulty", help="Write the rows at fault here, each with its reasons."),
]
ASK_OPEN = Annotated[
    bool,
    typer.Option("--ask-open", help="Leave open pairs to the field: both carry an open duplicate."),
]  # fmt: skip


# ---------------------------------------------------------------------------------------------
# The steps
# ---------------------------------------------------------------------------------------------


@app.command()
def read(
    file: FILE,
    sheet: SHEET = "",
    encoding: ENCODING = "",
    delimiter: DELIMITER = "",
    rows: Annotated[
        int, typer.Option(min=0, help="Rows to show, as they stand in the file.")
    ] = SHOWN_ROWS,
    as_json: JSON = False,
) -> None:
    """Look at a file: its sheets, encoding, hidden parts and first rows. Nothing is kept.

    Example: onward intake read people.csv --encoding cp1256

    What the file does not prove (encoding, delimiter, sheet) is asked, never guessed; then the
    exit code is 1. Rows are shown on the screen only, never with --json.
    """
    from onward.intake.read import read as read_file

    with progress("Reading rows") as told:
        reading = read_file(
            file,
            sheets=(sheet,) if sheet else (),
            encoding=encoding or None,
            delimiter=delimiter or None,
            progress=told,
        )
    if as_json:
        print_data(reading_data(reading))
    else:
        show_reading(reading, rows)
    raise typer.Exit(1 if reading.questions or reading.faults else 0)


@app.command(name="map")
def map_columns(
    directory: DIRECTORY,
    file: FILE,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to save the profile.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The profile's name, as camp-list.")] = "",
    like: Annotated[
        str,
        typer.Option(
            "--like",
            help="Start from a shipped profile: progres-like, primero-like, kobo-household.",
        ),
    ] = "",
    header_row: Annotated[int, typer.Option(min=1, help="The row with the column names.")] = 1,
    sheet: SHEET = "",
    encoding: ENCODING = "",
    delimiter: DELIMITER = "",
    as_json: JSON = False,
) -> None:
    """Suggest which column is which fact, and write it down as a profile to correct.

    Example: onward intake map camp people.xlsx -o people.yaml

    Headers are known in English, French, Arabic, Persian and Kurdish. Read every line of the
    profile and answer every ?; it does not load before. The order of columns does not matter.
    """
    from onward.errors import Faults, OnwardError, one_of
    from onward.intake.events import declared
    from onward.intake.mapping import draft_profile, suggest_columns
    from onward.intake.profile import shipped_profiles
    from onward.intake.read import read as read_file
    from onward.registry import open_operation

    if output is not None and output.exists():
        raise OnwardError(f"{output} is there already; give another name, or delete it first.")
    facts = declared(open_operation(directory).rulebook, "person")
    suggestions: Sequence[Any] = ()
    if like:
        shipped = shipped_profiles()
        if like not in shipped:
            raise OnwardError(f"--like {like}: expected {one_of(shipped)}.")
        text = shipped[like]
    else:
        reading = read_file(
            file,
            sheets=(sheet,) if sheet else (),
            encoding=encoding or None,
            delimiter=delimiter or None,
        )
        if reading.questions or not reading.sheets:
            for question in reading.questions:
                say_question(question)
            raise typer.Exit(1)
        shown = sheet or next(iter(reading.sheets))
        rows = reading.sheets[shown].rows
        if header_row > len(rows) or not any(cell is not None for cell in rows[header_row - 1]):
            from onward.errors import Fault

            raise Faults([Fault(reading.file, f"row {header_row}", "", "no header row there",
                                "a row with the columns' names", "Give --header-row.")])  # fmt: skip
        header = ["" if cell is None else str(cell) for cell in rows[header_row - 1]]
        suggestions = suggest_columns(header, rows[header_row : header_row + 500], facts)
        text = draft_profile(
            reading, facts, name=name or _profile_name(file), sheet=shown, header_row=header_row
        )
    unanswered = _unanswered(text)
    if output is not None:
        output.write_text(text, "utf-8")
    if as_json:
        print_data(
            {
                "file": file.name,
                "profile": str(output) if output else None,
                "text": text,
                "unanswered": unanswered,
                "columns": [
                    {"header": s.header, "to": s.to, "sure": s.sure, "why": s.why}
                    for s in suggestions
                ],
            }
        )
    elif output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"{output} is written: {len(suggestions) or 'the shipped'} columns.")
    left = f"{unanswered} to answer (marked ?), then" if unanswered else "Read every line, then"
    where = output or "the profile"
    typer.echo(f"{left}: onward intake check {directory} {file} --profile {where}", err=True)


@app.command()
def check(
    directory: DIRECTORY,
    file: FILE,
    profile: PROFILE,
    answer: ANSWER = None,
    faulty: FAULTY = None,
    as_json: JSON = False,
) -> None:
    """Check every cell of a list and say what a commit would do. Nothing is kept.

    Example: onward intake check camp people.xlsx --profile people.yaml --faulty mend.xlsx

    Each fault has its row, its column, what is allowed and how to mend it. --faulty writes the
    rows at fault into a workbook; mend them there and load it under the same profile. Ends with
    exit code 1 while something must be mended or answered.
    """
    importer = importer_of(directory)
    checked = checked_list(importer, file, profile, answer)
    write_faulty(checked, faulty)
    found = check_data(importer, checked)
    if as_json:
        print_data(found)
    else:
        show_staged(checked.staged)
        show_households(found["households"])
        if found["would"]:
            would = found["would"]
            typer.echo(
                f"{checked.file}: {found['good']:,} of {found['rows']:,} rows are good: "
                f"{would['added']:,} new, {would['corrected']:,} corrected, "
                f"{would['unchanged']:,} unchanged; a commit would record "
                f"{would['events']:,} events."
            )
        else:
            typer.echo(f"{checked.file}: {found['good']:,} of {found['rows']:,} rows are good.")
    raise typer.Exit(0 if found["would"] else 1)


@app.command()
def match(
    directory: DIRECTORY,
    file: Annotated[Path | None, typer.Argument(help="The list. Left out: the record.")] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", "-p", help="Which column is which fact.")
    ] = None,
    answer: ANSWER = None,
    partly: PARTLY = False,
    as_json: JSON = False,
) -> None:
    """Find who on a list may be twice on it, or recorded already. Nothing is kept.

    Example: onward intake match camp people.xlsx --profile people.yaml

    Without a list: who in the record may be somebody else in it. Each pair says how sure, what agrees and what differs, with the weight of every comparison
    in --json. Names are not shown here; onward intake review shows both sides.
    """
    from onward.intake.review import in_order

    importer = importer_of(directory)
    name = "the record"
    if both := given(file, profile):
        checked, doubles = matched_list(importer, *both, answer, partly)
        name = checked.file
    else:
        doubles = matched_record(importer)
    if as_json:
        print_data(doubles_data(name, doubles))
        return
    for suggestion in doubles.suggestions:
        first, second = in_order(suggestion, doubles.sides)
        typer.echo(
            f"{code_of(suggestion)}  {first.place}, {second.place}: {suggestion.sentence()}"
        )
    show_households([finding_data(one) for one in doubles.households])
    say_match(name, doubles)


@app.command()
def review(
    directory: DIRECTORY,
    file: Annotated[Path | None, typer.Argument(help="The list.")] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", "-p", help="Which column is which fact.")
    ] = None,
    answer: ANSWER = None,
    partly: PARTLY = False,
    decide: DECIDE = None,
    because: BECAUSE = "",
    decisions: DECISIONS = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write the open pairs into a workbook to fill in."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Without a list: the open pairs of the record.")
    ] = False,
    by: BY = "import",
    as_json: JSON = False,
) -> None:
    """Decide about possible doubles, side by side: merge, keep apart, or ask the field.

    Example: onward intake review camp people.xlsx --profile people.yaml --decide 3f2a1c0b=apart

    Without a list: what was decided before, to change it; with --record, pairs of people already
    recorded. Keeping two apart is remembered; a
    merge is an event and can be undone by deciding again; ask leaves an open duplicate on both.
    Both sides are shown with names: mind who sees the screen. Ends with exit code 1 while a pair
    is open.
    """
    importer = importer_of(directory, by)
    name = "the record"
    if both := given(file, profile):
        checked, doubles = matched_list(importer, *both, answer, partly)
        name = checked.file
        if decided_now(importer, doubles, decide, because, decisions, by):
            doubles = importer.match(checked, checked.staged.accepted(partly=partly))
    elif record or decisions is not None or output is not None:
        doubles = matched_record(importer)
        if decided_now(importer, doubles, decide, because, decisions, by):
            doubles = matched_record(importer)
    else:
        _review_recorded(importer, decide, because, by, as_json)
        return
    if output is not None:
        from onward.intake.review_sheet import review_sheet

        write_private(output, review_sheet(doubles.questions, doubles.sides))
    if as_json:
        print_data(doubles_data(name, doubles))
    else:
        if output is None:
            for question in doubles.questions:
                show_pair(question, doubles.sides)
        say_match(name, doubles)
        if output is not None:
            typer.echo(f"{output} is written. It holds names: keep it as you keep the list.")
    raise typer.Exit(1 if doubles.questions else 0)


@app.command()
def commit(
    directory: DIRECTORY,
    file: FILE,
    profile: PROFILE,
    answer: ANSWER = None,
    partly: PARTLY = False,
    ask_open: ASK_OPEN = False,
    by: BY = "import",
    as_json: JSON = False,
) -> None:
    """Record a list, whole or not at all, and leave a receipt.

    Example: onward intake commit camp people.xlsx --profile people.yaml

    Refused with exit code 1 while a fault, a question or a pair is open. The same list again
    changes nothing; a corrected list corrects.
    """
    importer = importer_of(directory, by)
    checked, doubles = matched_list(importer, file, profile, answer, partly)
    if doubles.questions and not ask_open:
        if as_json:
            print_data({"receipts": [], "stopped": stopped_data(checked, doubles)})
        else:
            say_stop(checked, doubles, directory, file, profile)
        raise typer.Exit(1)
    receipt = importer.commit(checked, doubles, partly=partly, ask=ask_open)
    if as_json:
        print_data({"receipts": [receipt_data(receipt)]})
    else:
        say_receipt(receipt, directory)


@app.command()
def undo(
    directory: DIRECTORY,
    receipt: Annotated[
        str | None,
        typer.Argument(help="The receipt, or a part of its name. Left out: the last import."),
    ] = None,
    by: BY = "import",
    as_json: JSON = False,
) -> None:
    """Take an import out of the record, as long as nothing later rests on it.

    Example: onward intake undo camp

    Nothing is deleted: what the list recorded is retracted, and what it had corrected stands
    again. Refused with exit code 1 when later events rest on it.
    """
    from onward.registry import open_operation
    from onward.registry.importing.undoing import undo as undo_import

    undone = undo_import(open_operation(directory), receipt, by=by)
    if as_json:
        print_data({**asdict(undone), "changed": undone.changed})
    elif not undone.changed:
        typer.echo(f"{undone.receipt} was undone before; nothing changed.")
    else:
        typer.echo(
            f"{undone.receipt} is undone: {undone.retracted:,} events retracted, "
            f"{undone.put_back:,} put back, {undone.names:,} names out of sight."
        )


@app.command()
def receipts(directory: DIRECTORY, as_json: JSON = False) -> None:
    """What was imported, the earliest first, and what was undone.

    Example: onward intake receipts camp
    """
    from onward.registry import open_operation
    from onward.registry.importing.receipts import is_undone
    from onward.registry.importing.receipts import receipts as all_receipts

    operation = open_operation(directory)
    log = list(operation.store.read())
    found = [
        {
            **{k: v for k, v in one.as_json().items() if k not in ("events", "form")},
            "events": len(one.events),
            "undone": is_undone(one, log),
        }
        for one in all_receipts(operation, log)
    ]
    if as_json:
        print_data({"receipts": found})
        return
    for one in found:
        rows = "rows not known" if one["rows"] is None else f"{one['rows']:,} rows"
        undone = ", undone" if one["undone"] else ""
        typer.echo(f"{one['id']}: {rows}, {one['events']:,} events by {one['by']}{undone}")
    if not found:
        typer.echo("Nothing was imported yet.", err=True)


@app.command()
def form(
    directory: DIRECTORY,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the form.")],
    profile: Annotated[
        Path,
        typer.Option(
            "--profile", "-p", help="Where to write the profile its returns load under."
        ),
    ],
    kind: Annotated[
        str, typer.Option("--kind", help="spreadsheet or xlsform.")
    ] = "spreadsheet",
    language: Annotated[
        list[str] | None,
        typer.Option("--language", help="en, fr, ar, fa or ckb; an xlsform may have several."),
    ] = None,
    calendar: Annotated[
        str, typer.Option("--calendar", help="On which dates are written down.")
    ] = "gregorian",
    name: Annotated[
        str, typer.Option("--name", help="The form's name, as camp-survey.")
    ] = "form",
    version: Annotated[str, typer.Option("--form-version", help="Pinned in an xlsform.")] = "1",
    fact: Annotated[
        list[str] | None,
        typer.Option(
            "--fact", help="Also ask this fact; without it, the facts that have a label."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", help="Your labels: key, language, text, version, translator, approver."
        ),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", help="RSA key that encrypts an xlsform's submissions."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """A form to send out, so that what comes back needs no mapping.

    Example: onward intake form camp -o survey.xlsx -p survey.yaml --kind xlsform --language fa

    A spreadsheet with drop-downs, or an XLSForm for Kobo and ODK with a household repeat and a
    text to be read aloud. Words nobody has approved are marked as drafts on it. Outside a
    demonstration an xlsform needs a public key.
    """
    from onward.errors import OnwardError, one_of
    from onward.intake.dates import CALENDARS
    from onward.intake.forms import (
        LANGUAGES,
        facts_asked,
        labels_from,
        spreadsheet_template,
        xlsform,
    )
    from onward.registry import open_operation

    operation = open_operation(directory)
    kinds = operation.rulebook.kinds
    known = {**kinds["household"].facts, **kinds["person"].facts}
    chosen = language or ["en"]
    for asked, option, allowed in (
        *((one, "--language", LANGUAGES) for one in chosen),
        *((one, "--fact", known) for one in fact or ()),
        (calendar, "--calendar", CALENDARS),
        (kind, "--kind", ("spreadsheet", "xlsform")),
    ):
        if asked not in allowed:
            raise OnwardError(f"{option} {asked}: expected {one_of(allowed)}.")
    for path in (output, profile):
        if path.exists():
            raise OnwardError(
                f"{path} is there already; give another name, or delete it first."
            )
    own = labels_from(_text(labels), labels.name) if labels else ()
    facts = facts_asked(known, own, fact or ())
    try:
        if kind == "spreadsheet":
            made = spreadsheet_template(
                facts, language=chosen[0], name=name, calendar=calendar, labels=own
            )
        else:
            made = xlsform(
                facts,
                form_id=name.replace("-", "_"),
                version=version,
                languages=chosen,
                calendar=calendar,
                public_key=_pem(_text(public_key)) if public_key else None,
                demonstration=operation.settings.demonstration,
                labels=own,
            )
    except ValueError as error:
        raise OnwardError(f"{error}.") from None
    output.write_bytes(made.content)
    profile.write_text(made.profile, "utf-8")
    if as_json:
        print_data({"form": str(output), "profile": str(profile), "facts": list(facts),
                "drafts": list(made.drafts)})  # fmt: skip
        return
    typer.echo(
        f"{output} asks {count_of(len(facts), 'fact')}; what comes back loads under {profile}."
    )
    if made.drafts:
        typer.echo(
            f"{count_of(len(made.drafts), 'label')} nobody has approved: marked as drafts on the form. "
            "Give approved words with --labels.",
            err=True,
        )


def _review_recorded(
    importer: Importer, decide: Sequence[str] | None, because: str, by: str, as_json: bool
) -> None:
    """What was decided about people already recorded; and another decision about a pair."""
    from onward.errors import OnwardError, one_of
    from onward.intake.review import CHOICES, Decision
    from onward.registry.importing.doubles import decide as keep
    from onward.registry.importing.doubles import standing_pairs

    operation = importer.operation
    standing = dict(standing_pairs(operation.store.read()))
    new = []
    for text in decide or ():
        code, word = pair(text, "--decide", "3f2a1c0b=apart")
        choice = next((c for c in CHOICES if c == word), None)
        if choice is None or code not in standing:
            raise OnwardError(
                f"--decide {text}: expected the code of a pair decided before, the sign = and "
                f"{one_of(CHOICES)}."
            )
        old = standing[code]
        new.append(Decision(old.first, old.second, choice, by, because))
    if new:
        keep(operation, new)
        standing = dict(standing_pairs(operation.store.read()))
    asked = sum(one.choice == "ask" for one in standing.values())
    if as_json:
        rows = [
            {"pair": code, "people": sorted(d.pair), "decision": d.choice, "by": d.by,
             "because": d.why}
            for code, d in standing.items()
        ]  # fmt: skip
        print_data({"open": asked, "decisions": rows})
    else:
        for code, d in standing.items():
            because_text = f", because of {d.why}" if d.why else ""
            typer.echo(
                f"{code}  {d.choice}: {' and '.join(sorted(d.pair))}, by {d.by}{because_text}"
            )
        typer.echo(
            f"{count_of(len(standing), 'decision')} on record, {asked:,} left to the field.",
            err=True,
        )
    raise typer.Exit(1 if asked else 0)


def _profile_name(file: Path) -> str:
    import re

    return re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "list"


def _unanswered(text: str) -> int:
    """Values of a drafted profile that end with a question mark: a person must fill them in."""
    import yaml

    def count(value: Any) -> int:
        if isinstance(value, dict):
            return sum(map(count, value.values()))
        if isinstance(value, list):
            return sum(map(count, value))
        return int(isinstance(value, str) and value.endswith("?"))

    return count(yaml.safe_load(text))


def _text(path: Path) -> str:
    from onward.errors import OnwardError

    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise OnwardError(f"{path} cannot be read as a text file in UTF-8.") from None


def _pem(text: str) -> str:
    """A public key as XLSForms take it: one line, without the PEM's frame."""
    return "".join(line.strip() for line in text.splitlines() if not line.startswith("-----"))
