"""Refuses a plan whose words name somebody on record by their id, and says whom its lists name.

Exists because a plan is read by people who see nobody's file, and no line of the log of access
would say that they had read of somebody. Comes in: a plan's text. Goes out: faults beside the entries
at fault, or the ids that its lists of beneficiaries hold, where people are meant to stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from onward.caseload.events import PERSON
from onward.errors import Fault, Faults
from onward.plan.edit import LOADER
from onward.registry.operation import Operation
from onward.said import Said

FOUND = "the id of a person or a household on record"
ALLOWED = "words without anybody's id or name"
REMEDY = "What concerns one person stands on their own page."
HOUSEHOLD = "household"
LISTS = "people"
"""The key under which a plan lists people by id: whom an authority or an assurance covers."""

_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
_SHORT = re.compile(r"\b([0-9A-Za-z-]{8})…([0-9A-Za-z-]{4})\b")
"""How the desk writes a long id, to be read out."""


def refuse_people(operation: Operation, text: str, *, file: str, reason: str = "") -> None:
    """Nothing where no words of a plan, or of why it is changed, hold an id; else Faults."""
    root = yaml.compose(text, Loader=LOADER)
    said = list(_scalars(root, ()))
    places = [(path, node.start_mark.line + 1, str(node.value)) for path, node in said]
    places += [("", line, words) for line, words in _comments(text, said)]
    known = _on_record(
        operation, {word for _path, _line, words in places for word in _ids(words)}
    )
    known |= _on_record(operation, _ids(reason))
    faults = [
        Fault(file, Said("line %(line)s", line=line), path, FOUND, ALLOWED, REMEDY)
        for path, line, words in places
        if known & _ids(words) and not (path and LISTS in path.split("."))
    ]
    if known & _ids(reason):
        faults.append(Fault(file, "", "reason", FOUND, ALLOWED, REMEDY))
    if faults:
        raise Faults(faults, "The plan was not adopted.")


def listed(text: str) -> list[str]:
    """The people that a plan's lists name, once each."""
    found = (
        str(node.value)
        for path, node in _scalars(yaml.compose(text, Loader=LOADER), ())
        if LISTS in path.split(".") and node.value != LISTS
    )
    return list(dict.fromkeys(found))


def _scalars(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """(dotted path, scalar) of everything a plan says, keys and values."""
    if isinstance(node, yaml.ScalarNode):
        yield ".".join(path), node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield ".".join((*path, str(key.value))), key
            yield from _scalars(value, (*path, str(key.value)))


def _comments(text: str, said: Iterable[tuple[str, Any]]) -> Iterator[tuple[int, str]]:
    """What stands in a plan's text beside what it says, line by line."""
    rest = list(text)
    for _path, node in said:
        for at in range(node.start_mark.index, node.end_mark.index):
            if rest[at] != "\n":
                rest[at] = " "
    for number, line in enumerate("".join(rest).split("\n"), 1):
        if "#" in line:
            yield number, line


def _ids(words: str) -> set[str]:
    """What of a text may be somebody's id: words with a digit in them."""
    found = {word.rstrip("._-") for word in _WORD.findall(words)}
    found = {word for word in found if any(sign.isdigit() for sign in word)}
    short = {f"{first}…{last}" for first, last in _SHORT.findall(words)}
    return {*found, *(word.lower() for word in found), *short}


def _on_record(operation: Operation, words: set[str]) -> set[str]:
    """Those that are the id of a person or a household on record, long or as it is read out."""
    from onward.registry.log.db_store import DatabaseStore
    from onward.registry.now.neighbourhood import parts

    store = operation.store
    assert isinstance(store, DatabaseStore)
    kinds = "subject_kind IN (%s, %s)"
    found: set[str] = set()
    for part in parts(word for word in words if "…" not in word):
        marks = ", ".join(["%s"] * len(part))
        asked = f"{kinds} AND subject_id IN ({marks})"
        told = store.read_where(asked, [PERSON, HOUSEHOLD, *part])
        found.update(event.subject.id for event in told)
    for word in sorted(word for word in words if "…" in word):
        first, _mark, last = word.partition("…")
        told = store.read_where(
            f"{kinds} AND subject_id LIKE %s", [PERSON, HOUSEHOLD, f"{first}%"]
        )
        if any(event.subject.id.endswith(last) for event in told):
            found.add(word)
    return found
