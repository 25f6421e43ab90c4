"""Work that several commands share: reading dates, writing the report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onward.errors import OnwardError

if TYPE_CHECKING:
    from onward.registry.operation import Operation


def day(text: str, option: str) -> dt.date | None:
    """A date given on the command line; None when left out."""
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise OnwardError(
            f"{option} {text}: not a date; expected one such as 2026-10-31."
        ) from None


def past_the_record(operation: Operation, on: dt.date) -> str:
    """What to say of a day after the record's last; "" for any other."""
    ends = operation.default_date()
    if on <= ends:
        return ""
    return (
        f"The record ends on {ends}. Nothing is known of the days from then to {on}: this is how "
        "it stood, with what runs out in between run out."
    )


def write_report(
    directory: Path,
    out: Path,
    *,
    as_of: str = "",
    audience: str = "internal",
    language: str = "en",
    futures: int = 2000,
    with_forecast: bool = True,
    engine: str = "duckdb",
    master: str = "",
    operation_id: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Write the three files of the report; returns headline, summary and the files' names."""
    from onward.cli.engine import opened_operation
    from onward.registry.computing.reporting import make_report

    operation = opened_operation(directory, engine, master, operation_id)
    made = make_report(
        operation, as_of=day(as_of, "--as-of"), audience=audience,
        language=language, futures=futures, with_forecast=with_forecast, say=say,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    files = {name: out / f"report.{name}" for name in made.contents}
    for name, data in made.contents.items():
        files[name].write_bytes(data)
    return {
        "headline": made.headline,
        "summary": list(made.summary),
        "files": [str(file) for file in files.values()],
        "as_of": made.as_of.isoformat(),
        "audience": made.audience,
    }
