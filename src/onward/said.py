"""Sentences that remember what they were made of.

Exists because the rooms that compute speak English, and a page must say the same in the reader's
language without taking the sentence apart again. Comes in: a form with gaps ("waits for %(a)s"),
which is a text of the catalogues, and what fills them. Goes out: text like any other, that also
knows its form and its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


class Share(float):
    """A share, said as a percentage."""

    def __str__(self) -> str:
        return f"{float(self):.0%}"


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
