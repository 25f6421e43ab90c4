"""Sentences that remember what they were made of.

Exists because the rooms that compute speak English, and a page must say the same in the reader's
language without taking the sentence apart again. Comes in: a form with gaps ("waits for %(a)s"),
which is a text of the catalogues, and what fills them. Goes out: text like any other, that also
knows its form and its values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Said(str):
    """A sentence made of a form and values; a value may be a sentence itself."""

    form: str
    values: dict[str, object]

    def __new__(cls, form: str, **values: object) -> Said:
        self = super().__new__(cls, form % values)
        self.form, self.values = form, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.form,), self.values


class Listed(str):
    """Several values in one place of a sentence."""

    items: Sequence[object]
    marks: tuple[str, str]

    def __new__(cls, items: Iterable[object], between: str = ", ", last: str = "") -> Listed:
        items = tuple(items)
        head, end = (items[:-1], items[-1:]) if last and len(items) > 1 else (items, ())
        text = between.join(map(str, head))
        self = super().__new__(cls, text + "".join(f"{last}{one}" for one in end))
        self.items, self.marks = items, (between, last)
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return (self.items, *self.marks)


class Written(str):
    """What somebody writes in a file as it stands, a key or one of its values: no language changes it."""


class Share(float):
    """A share, said as a percentage."""

    def __str__(self) -> str:
        return f"{float(self):.0%}"


def packed(value: Any) -> Any:
    """A sentence, or whatever holds some, as JSON keeps it: what it was made of stays with it."""
    if isinstance(value, Said):
        return {"said:form": value.form, "said:values": packed(value.values)}
    if isinstance(value, Listed):
        return {"said:items": packed(value.items), "said:marks": list(value.marks)}
    if isinstance(value, Written):
        return {"said:written": str(value)}
    if isinstance(value, Share):
        return {"said:share": float(value)}
    if isinstance(value, Mapping):
        return {name: packed(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [packed(one) for one in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


def unpacked(value: Any) -> Any:
    """The inverse of `packed`."""
    if isinstance(value, list):
        return [unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "said:form" in value:
        return Said(value["said:form"], **unpacked(value["said:values"]))
    if "said:items" in value:
        return Listed(unpacked(value["said:items"]), *value["said:marks"])
    if "said:written" in value:
        return Written(value["said:written"])
    if "said:share" in value:
        return Share(value["said:share"])
    return {name: unpacked(one) for name, one in value.items()}


def kept(text: str) -> str:
    """A sentence as a line of text keeps it: itself, unless there is something it was made of."""
    return json.dumps(packed(text), ensure_ascii=False) if isinstance(text, Said) else str(text)


def said_again(text: str) -> str:
    """The inverse of `kept`."""
    made: str = unpacked(json.loads(text)) if text.startswith('{"said:form"') else text
    return made


TYPED = '"%(a)s"'
TITLED = "%(a)s (%(b)s)"


def typed(value: object) -> Said:
    """What somebody wrote, between quotation marks."""
    return Said(TYPED, a=value)


def titled(title: str, id: str) -> Said:
    """What the file calls something, with its id."""
    return Said(TITLED, a=title, b=id)


def form(text: str) -> str:
    """Marks a text for the catalogues where it is not yet filled."""
    return text
