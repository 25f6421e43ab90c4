"""What an identity said before it was replaced: for undoing a list, and while a legal hold stands.

Exists because the vault keeps what is right and forgets what was not, with two exceptions: the last
list must be undone without its paper, and whoever set a legal hold must find the file as it was. In
come an identity as it is kept and as it would be; out goes what must be kept beside it, sealed under
the person's own key, and what may be told of it, field by field. A search never finds it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

BEFORE_IMPORT = "sealed.before_import"
"""The vault's field with who a person was before the last import that said otherwise, so that an
undo gives the earlier name back. Guarded and erased like everything sealed."""

FORMER = "sealed.former"
"""The vault's field with what was replaced or taken away while a legal hold kept the file. It goes with
the person's key, and in no other way."""

BESIDE = frozenset({BEFORE_IMPORT, FORMER})
"""What the vault keeps beside an identity: shown by `said_before` alone, each value by its own field."""


@dataclass(frozen=True)
class Before:
    """One value that a field held.

    until  the day on which it was replaced or taken away, kept for a legal hold; "" for what
           stood there before the last list that said otherwise
    """

    field: str
    value: str
    until: str = ""


def now(identity: Mapping[str, str]) -> dict[str, str]:
    """An identity as it stands, without what is kept beside it."""
    return {field: value for field, value in identity.items() if field not in BESIDE}


def said_before(identity: Mapping[str, str]) -> list[Before]:
    """What is kept of what fields held before, the newest first."""
    replaced = [Before(**each) for each in json.loads(identity.get(FORMER, "[]"))][::-1]
    return replaced + [Before(*pair) for pair in sorted(_before_import(identity).items())]


def preserved(
    old: Mapping[str, str], new: Mapping[str, str], *, held: bool, day: str
) -> dict[str, str]:
    """An identity about to be kept (`new`) with what is not lost of the one that is kept (`old`).

    held  a legal hold keeps the file: everything that `new` says no more stays, also what an
          import had left for its undoing
    day   when that is
    """
    if not held and not new:  # taken out of the record altogether
        return {}
    former = json.loads(old.get(FORMER, "[]"))
    if held:
        stays = {*_values(new)}
        former += [
            {"field": field, "value": value, "until": day}
            for field, value in sorted({*_values(old)} - stays)
            if not any((one["field"], one["value"]) == (field, value) for one in former)
        ]
    made = {field: value for field, value in new.items() if field != FORMER}
    return {**made, FORMER: json.dumps(former, ensure_ascii=False)} if former else made


def forgotten(kept: Mapping[str, str], fields: Collection[str]) -> dict[str, str]:
    """An identity without what these fields said before an import."""
    if BEFORE_IMPORT not in kept:
        return dict(kept)
    before = json.loads(kept[BEFORE_IMPORT])
    before["fields"] = {
        field: text for field, text in before["fields"].items() if field not in fields
    }
    return {**kept, BEFORE_IMPORT: json.dumps(before, ensure_ascii=False)}


def _before_import(identity: Mapping[str, str]) -> dict[str, str]:
    """What stood there before the last list, where it is not what stands there now."""
    before: dict[str, str] = json.loads(identity.get(BEFORE_IMPORT, "{}")).get("fields", {})
    return {field: text for field, text in before.items() if identity.get(field) != text}


def _values(identity: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from now(identity).items()
    yield from _before_import(identity).items()
