"""A form's export as an archive of CSV files: one for the submissions, one for each repeat."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from onward.intake.parse.answers import (
    MAIN,
    MEBIBYTE,
    Cells,
    Refused,
    bomb,
    damaged,
    emit,
    parts_asked_for,
    plain_names,
)
from onward.intake.parse.delimited import table_of


def read_archive(
    archive: zipfile.ZipFile, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> None:
    """A form's export as a zip of CSV files: one for the submissions, one for each repeat.

    Sheets are named after the repeats, the submissions `main`; columns of a repeat are named by
    their whole path and KEY and PARENT_KEY as in other exports, so that one profile reads all.
    """
    limits = order["limits"]
    stems = {
        entry.filename.rsplit("/", 1)[-1].removesuffix(".csv"): entry
        for entry in archive.infolist()
        if not entry.is_dir()
    }
    plain_names(stems)
    form = min(stems, key=len)
    others = [stem for stem in stems if stem != form]
    if any(not stem.startswith(form + "-") for stem in others):
        raise Refused(
            "an archive of several files that are not one form's export",
            "the submissions of one form with their repeated groups",
            "Unpack it and load each list by itself.",
        )
    names = {MAIN: form, **{stem.removeprefix(form + "-"): stem for stem in others}}
    tables: dict[str, list[Cells]] = {}
    size = 0
    encoding = encoding_by = ""
    for name, stem in names.items():
        data = bytearray()
        try:
            with archive.open(stems[stem]) as part:
                while chunk := part.read(MEBIBYTE):
                    data += chunk
                    size += len(chunk)
                    if size > limits["inflated_bytes"]:
                        raise bomb(limits)
                    packed = max(stems[stem].compress_size, 1)
                    if len(data) > MEBIBYTE and len(data) > limits["ratio"] * packed:
                        raise bomb(limits)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as bad:
            raise damaged() from bad
        rows, encoding, encoding_by, _, _ = table_of(bytes(data), order, delimiter=",")
        header = [_path_in_form(str(cell or ""), name) for cell in rows[0]] if rows else []
        tables[name] = [header, *rows[1:]]
    counts = {name: len(rows) - 1 for name, rows in tables.items()}
    for name in parts_asked_for("zip", counts, order, say, encoding, encoding_by):
        say({"sheet": name})
        emit(tables[name], limits, say, name)


def _path_in_form(column: str, table: str) -> str:
    if column in ("KEY", "PARENT_KEY"):
        return {"KEY": "_index", "PARENT_KEY": "_parent_index"}[column]
    path = column.replace("-", "/")
    return path if table == MAIN or not path else f"{table}/{path}"
