"""JSON: lines, an array, and what Kobo and ODK Central export."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from onward.intake.parse.answers import (
    MAIN,
    Cells,
    Refused,
    emit,
    parts_asked_for,
    plain,
    too_many_rows,
)
from onward.intake.parse.delimited import decode
from onward.said import Said


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return made


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _submissions(text: str) -> list[tuple[int, dict[str, Any]]]:
    """(line or position, object) for JSON Lines, an array, or Kobo's {"results": [...]}"""
    decode = json.JSONDecoder(object_pairs_hook=_no_doubles, parse_constant=_no_constant).decode
    stripped = text.lstrip()
    whole: Any = None
    try:
        whole = decode(stripped)
    except ValueError:
        whole = None
    except RecursionError as bad:
        raise Refused("objects nested too deeply", "a list of flat objects") from bad
    if isinstance(whole, dict) and isinstance(whole.get("results"), list):
        whole = whole["results"]
    elif isinstance(whole, dict) and isinstance(whole.get("value"), list):
        whole = whole["value"]  # ODK Central (OData)
    if isinstance(whole, list):
        made = list(enumerate(whole, start=1))
    else:
        made = []
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                made.append((number, decode(line)))
            except RecursionError as bad:
                raise Refused(
                    "objects nested too deeply", "flat objects", where=f"line {number}"
                ) from bad
            except ValueError as bad:
                raise Refused(
                    "not a complete JSON object on its own line",
                    "one object per line, no key twice, or one array of objects",
                    "Export the list again.",
                    where=f"line {number}",
                ) from bad
    for number, item in made:
        if not isinstance(item, dict):
            raise Refused(
                "something other than an object", "objects only", where=f"entry {number}"
            )
    return made


def _flatten(
    item: dict[str, Any],
    prefix: str,
    flat: dict[str, Any],
    repeats: list[tuple[str, list[Any]]],
    depth: int = 0,
) -> None:
    if depth > 20:
        raise Refused("objects nested too deeply", "at most 20 levels")
    for key, value in item.items():
        # Kobo writes the whole path in every key, ODK Central nests objects: both end alike.
        path = key if not prefix or key.startswith(prefix + "/") else f"{prefix}/{key}"
        if isinstance(value, dict):
            _flatten(value, path, flat, repeats, depth + 1)
        elif isinstance(value, list):
            if value and all(isinstance(entry, dict) for entry in value):
                repeats.append((path, value))
            elif all(not isinstance(entry, dict | list) for entry in value):
                if value:
                    flat[path] = " ".join(str(entry) for entry in value)
            else:
                raise Refused(
                    "a list that mixes objects and values", "lists of one kind", where=path
                )
        else:
            flat[path] = value


def read_objects(
    data: bytes, order: dict[str, Any], say: Callable[[dict[str, Any]], None]
) -> None:
    limits = order["limits"]
    text, encoding, encoding_by = decode(data, order.get("encoding") or "utf-8")
    tables: dict[str, list[dict[str, Any]]] = {MAIN: []}

    def place(sheet: str, item: dict[str, Any], prefix: str, parent: int | None) -> None:
        flat: dict[str, Any] = {}
        repeats: list[tuple[str, list[Any]]] = []
        _flatten(item, prefix, flat, repeats)
        table = tables.setdefault(sheet, [])
        if len(table) >= limits["rows"]:
            raise too_many_rows(limits)
        flat["_index"] = len(table) + 1
        if parent is not None:
            flat["_parent_index"] = parent
        table.append(flat)
        own = len(table)
        for path, entries in repeats:
            for entry in entries:
                place(path.rsplit("/", 1)[-1], entry, path, own)

    for _, item in _submissions(text):
        place(MAIN, item, "", None)
    if not tables[MAIN]:
        raise Refused("the file holds no object", "one object for each submission")
    counts = {name: len(rows) for name, rows in tables.items()}
    for name in parts_asked_for("json", counts, order, say, encoding, encoding_by):
        columns: dict[str, None] = {}
        for flat in tables[name]:
            columns.update(dict.fromkeys(flat))
        if len(columns) > limits["columns"]:
            raise Refused(
                Said("more than %(a)s different keys", a=limits["columns"]),
                Said("at most %(a)s", a=limits["columns"]),
                "Export only the questions you need.",
            )
        rows: list[Cells] = [list(columns)]
        for flat in tables[name]:
            rows.append([plain(flat.get(column)) for column in columns])
        say({"sheet": name})
        emit(rows, limits, say, name)
