"""`onward rulebook`: check, show or draw a rulebook from a terminal.

Turns arguments into calls of the rulebook room and its answers into text, JSON or a file.
Data goes to standard output, messages to standard error; exit code 0: fine, 1: faults found,
2: the file cannot be read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onward.cli.commands import command_app

if TYPE_CHECKING:
    from rich.console import Console

    from onward.rulebook.model import Rulebook

app = command_app(
    no_args_is_help=True,
    help="Check, show or draw a rulebook.\n\nExample: onward rulebook check camp/rulebook.yaml",
)

FILE = Annotated[
    str, typer.Argument(help="A rulebook file, or the name of a shipped one: protected-camp.")
]
JSON = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]


def _path(given: str) -> Path:
    """A file as given, or a shipped rulebook's file when the name is one."""
    from onward.rulebook import shipped_names, shipped_path

    if not Path(given).exists() and given in shipped_names():
        return shipped_path(given)
    return Path(given)


@app.command()
def check(file: FILE, as_json: JSON = False) -> None:
    """Find every fault of a rulebook at once, and every way it is weaker than its floor.

    Example: onward rulebook check camp/rulebook.yaml
    """
    from onward.rulebook.check import check as check_rulebook

    result = check_rulebook(_path(file))
    if as_json:
        typer.echo(json.dumps(result.as_json(), indent=2, ensure_ascii=False))
    else:
        for fault in result.faults:
            typer.echo(str(fault), err=True)
        book, floor = result.rulebook, result.floor
        if result.passed and book and floor:
            findings = sum(len(s.findings) for s in book.safeguards.values())
            typer.echo(
                f"{book.title}, version {book.version}: sound.\n"
                f"{len(book.transitions)} steps, {len(book.safeguards)} safeguards with "
                f"{findings} findings; nowhere weaker than the floor {floor.name} "
                f"({result.situations} planted situations asked).\n"
                f"Rulebook {book.hash[:12]}, floor {floor.hash[:12]}."
            )
        else:
            count = len(result.faults)
            typer.echo(f"{count} {'fault' if count == 1 else 'faults'}.", err=True)
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def show(
    file: FILE,
    as_json: JSON = False,
    table: Annotated[
        str, typer.Option(help="Only one: settings, facts, steps, safeguards or movements.")
    ] = "",
) -> None:
    """Print a rulebook as tables, with all that will be asked of each movement.

    Example: onward rulebook show protected-camp --table movements
    """
    from onward.errors import OnwardError, one_of
    from onward.rulebook import load
    from onward.rulebook.show import as_json as all_tables

    printers = {
        "settings": _settings,
        "facts": _facts,
        "steps": _steps,
        "safeguards": _safeguards,
        "movements": _movements,
    }
    if table and table not in printers:
        raise OnwardError(f'--table: "{table}"; expected {one_of(printers)}.')
    rulebook = load(_path(file))
    if as_json:
        typer.echo(json.dumps(all_tables(rulebook), indent=2, ensure_ascii=False))
        return
    console = _console()
    console.print(
        f"[bold]{rulebook.title}[/bold]  {rulebook.name} {rulebook.version}, "
        f"{rulebook.hash[:12]}",
        highlight=False,
    )
    for name, printer in printers.items():
        if not table or name == table:
            printer(console, rulebook)


@app.command()
def draw(
    file: FILE,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where to write the SVG.")
    ] = Path("pathways.svg"),
) -> None:
    """Draw the pathways on one page: steps, who decides, and the safeguards asked.

    Example: onward rulebook draw protected-camp -o pathways.svg
    """
    from onward.errors import OnwardError
    from onward.rulebook import load
    from onward.rulebook.draw import pathways_svg

    svg = pathways_svg(load(_path(file)))
    try:
        output.write_text(svg, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        raise OnwardError(f"{output}: {reason}. Choose another place with -o.") from None
    typer.echo(f"Wrote {output} (A3 landscape).", err=True)


# ---------------------------------------------------------------------------------------------
def _console() -> Console:
    """At most 100 columns, so that a table printed or pasted reads the same everywhere."""
    from rich.console import Console

    wide = Console(file=sys.stdout, highlight=False)
    return Console(
        file=sys.stdout,
        highlight=False,
        width=min(100, wide.width) if wide.is_terminal else 100,
    )


def _table(title: str, *columns: tuple[str, dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        pad_edge=False, expand=True, show_lines=False,
    )  # fmt: skip
    for name, options in columns:
        table.add_column(name, **{"overflow": "fold", **options})
    return table


def _settings(console: Console, rulebook: Rulebook) -> None:
    from onward.rulebook.show import settings_table

    table = _table("Settings", ("setting", {}), ("days", {"justify": "right"}))
    for row in settings_table(rulebook):
        table.add_row(row["setting"], str(row["days"]))
    console.print(table)


def _facts(console: Console, rulebook: Rulebook) -> None:
    from onward.rulebook.show import facts_table

    rows = facts_table(rulebook)
    for kind in rulebook.kinds.values():
        table = _table(
            f"What may be known: {kind.title} ({kind.name})",
            ("fact", {"width": 24}), ("type", {"width": 30}), ("sensitivity", {"width": 12}),
            ("label", {}),
        )  # fmt: skip
        for ref, target in kind.refs.items():
            table.add_row(ref, f"points to {target}", "", "")
        for row in rows:
            if row["kind"] == kind.name:
                type_ = row["type"].replace("_", " ")
                if row["allowed"]:
                    type_ = ", ".join(row["allowed"])
                if row["starts"] is not None:
                    starts = {True: "yes", False: "no"}.get(row["starts"], row["starts"])
                    type_ += f" (starts: {starts})"
                table.add_row(row["fact"], type_, row["sensitivity"], row["label"])
        console.print(table)


def _steps(console: Console, rulebook: Rulebook) -> None:
    from onward.rulebook.show import moves_table, state_words, transitions_table

    table = _table(
        "How a person moves",
        ("step", {"width": 4}), ("title", {"ratio": 3}), ("pathway", {"width": 12}),
        ("decides", {"ratio": 3}), ("safeguards", {"ratio": 3}), ("source", {"ratio": 3}),
    )  # fmt: skip
    for row in transitions_table(rulebook):
        table.add_row(
            row["step"], row["title"], row["pathway"], row["decides"],
            " ".join(row["safeguards"]) or "none: always recordable", row["source"],
        )  # fmt: skip
    console.print(table)
    table = _table(
        "Moves (recorded: never refused; movement: asked again on the day)",
        ("move", {"width": 20}), ("from", {"ratio": 5}), ("to", {"ratio": 4}),
        ("", {"width": 9}),
    )  # fmt: skip
    for row in moves_table(rulebook):
        marks = [
            word for word, marked in (("movement", row["movement"]), ("recorded", row["records"]))
            if marked
        ]  # fmt: skip
        table.add_row(
            row["move"], state_words(rulebook, row["from"]),
            state_words(rulebook, row["to"]) or "no change", " ".join(marks),
        )  # fmt: skip
    console.print(table)


def _safeguards(console: Console, rulebook: Rulebook) -> None:
    from onward.rulebook.show import who_may_lift

    table = _table(
        "What must be true",
        ("finding", {"width": 14}), ("must be known to be true", {"ratio": 5}),
        ("may be lifted by", {"width": 10}), ("what would mend it", {"ratio": 4}),
        ("whose job", {"width": 14}),
    )  # fmt: skip
    for safeguard in rulebook.safeguards.values():
        table.add_row(f"[bold]{safeguard.name}[/bold]", f"[bold]{safeguard.title}[/bold]", "",
                      f"[dim]{safeguard.source}[/dim]", "")  # fmt: skip
        for finding in safeguard.findings.values():
            only = " (on the day of movement)" if finding.at else ""
            table.add_row(
                f" {finding.name}", finding.sentence + only, who_may_lift(finding),
                finding.remedy, f"{finding.owner}: {finding.owner_role}",
            )  # fmt: skip
    console.print(table)


def _movements(console: Console, rulebook: Rulebook) -> None:
    from onward.rulebook.show import movements_table

    always = ", ".join(rulebook.movement_always)
    table = _table(
        f"Asked of each movement on the day: the union along its path, and always {always}",
        ("move", {"width": 19}), ("title", {"width": 22}), ("safeguards asked", {}),
        ("", {"width": 8}),
    )  # fmt: skip
    for row in movements_table(rulebook):
        table.add_row(
            row["move"], row["title"], " ".join(row["safeguards"]),
            "recorded" if row["records"] else "",
        )  # fmt: skip
    console.print(table)
