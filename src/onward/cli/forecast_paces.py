"""`onward forecast paces`: an operation's paces in a file that another may be given.

Turns a release into a file, plain words or JSON. The command is mounted by `forecast.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onward.cli.forecast_compare import DIRECTORY, JSON
from onward.cli.work import Beside, day

if TYPE_CHECKING:
    from onward.forecast.learning.paces import Paces
    from onward.rulebook.model import Rulebook


def paces(
    directory: DIRECTORY,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The file to write, for another operation.")
    ],
    again: Annotated[
        str, typer.Option("--again", help="Write again what was released of a day.")
    ] = "",
    as_json: JSON = False,
) -> None:
    """Example: onward forecast paces camp -o meridian.json

    How fast people move here, for the forecast of another operation under the same rulebook: for each
    move how many families made it and the days in which families could have. No person, group or
    date; counts of ten or fewer are hidden, the others rounded. Put a file that you were given in
    paces/ of the operation folder: every forecast then learns from it. What is written is kept as
    released; a file that cannot be written releases nothing.
    """
    from onward.registry import open_operation
    from onward.registry.computing import paces as giving
    from onward.registry.computing.analysis import opened

    found = opened(open_operation(directory))
    then = day(again, "--again")
    if then is not None:
        made = giving.released_then(found.operation, then)
    else:
        sys.stderr.write("Reading the record\n")
        made = giving.to_release(found)
    with Beside("nothing was released") as files:
        files.write(out, made.to_json().encode())
        if then is None:
            giving.keep(found, made)
    if as_json:
        typer.echo(made.to_json(), nl=False)
    else:
        for line in page(made, found.rulebook):
            typer.echo(line)
    sys.stderr.write(f"Written: {out}\n")


def page(made: Paces, rulebook: Rulebook) -> list[str]:
    """What leaves, in words."""
    hidden = [one for one in made.moves if one.families is None]
    lines = [f"Paces of {made.operation}, under {made.rulebook} {made.version}", ""]
    lines.append("  families   family-days   move")
    for one in made.moves:
        if one.families is not None:
            source = rulebook.forecast_states[one.step[0]].title
            move = rulebook.moves()[one.step[1]]
            title = rulebook.transitions[move.transition].title
            lines.append(
                f"  {one.families:>8,.0f}   {one.family_days:>11,.0f}   {title} ({one.step[1]}) from "
                f"“{source}”"
            )
    lines += [
        "",
        f"{len(hidden)} more moves were made by {made.hidden} families or fewer: how many is hidden.",
    ]
    return lines
