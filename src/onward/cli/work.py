"""Work that several commands share: reading dates, writing the report, putting files in place."""

from __future__ import annotations

import datetime as dt
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

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


class Beside:
    """Files written whole beside the places they are for, which they take when all went well.

    Exists for what must not be noted as done and then not be there: between writing and the end
    of the block it is noted. When anything raises, none of the files stays, and what stood in their
    places before is untouched.

    otherwise  what is true when a file cannot be written: "nothing was released"
    """

    def __init__(self, otherwise: str) -> None:
        self._otherwise = otherwise
        self._made: dict[Path, Path] = {}

    def folder(self, path: Path) -> None:
        """A folder for the files, made where there is none."""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(path, error) from error

    def _refused(self, path: Path, error: OSError) -> OnwardError:
        return OnwardError(
            f"{path} cannot be written ({error.strerror}), so {self._otherwise}. Free space or "
            "choose another place with -o, and ask again."
        )

    def write(self, file: Path, content: bytes) -> None:
        """raises  OnwardError with why the file cannot be written"""
        place = file.resolve()
        try:
            mode = _mode_of(place)
            descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:40]}.")
            self._made[place] = Path(name)
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(name, mode)
        except OSError as error:
            raise self._refused(file, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if error is not None:
            for made in self._made.values():
                made.unlink(missing_ok=True)
            return
        for place, made in self._made.items():
            try:
                os.replace(made, place)
            except OSError as failed:
                raise OnwardError(
                    f"Everything was done, but {place.name} could not be put in its place "
                    f"({failed.strerror}). It lies whole at {made}: move it from there."
                ) from failed


def _mode_of(place: Path) -> int:
    """The mode a file gets: that of the one it replaces, else the usual one.

    raises  OSError where no file may be put
    """
    try:
        held = place.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
    if not stat.S_ISREG(held.st_mode):
        raise OSError(0, "it is there already and no file")
    if not os.access(place, os.W_OK):
        raise OSError(0, "the one that is there may not be replaced")
    return stat.S_IMODE(held.st_mode)


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
    files = {name: out / f"report.{name}" for name in made.contents}
    with Beside("nothing was kept of this report") as beside:
        beside.folder(out)
        for name, data in made.contents.items():
            beside.write(files[name], data)
        made.keep()
    return {
        "headline": made.headline,
        "summary": list(made.summary),
        "files": [str(file) for file in files.values()],
        "as_of": made.as_of.isoformat(),
        "audience": made.audience,
    }
