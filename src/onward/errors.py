"""The errors a person can act on: where, what was found, what is allowed, what to do.

Every room raises these and nothing else for a user's mistake; the two doors (`cli`, `desk`)
turn them into text. No message may carry a name, a document number or a health detail: give
the row and the fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onward.said import Listed


class OnwardError(Exception):
    """A mistake the user can mend. The message is complete and needs no stack trace.

    field  of the form that was sent, where one is at fault; "" otherwise
    """

    exit_code = 2

    def __init__(self, said: str = "", *, field: str = "") -> None:
        super().__init__(said)
        self.field = field


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one place of one file.

    file     the file as the user named it
    where    row, line or path inside it ("row 214", "line 12", "actions[3]"); "" for the whole
    field    column or key; "" when the whole row is at fault
    found    what was found, never a name or a document number
    allowed  what would be accepted
    remedy   what to do next
    """

    file: str
    where: str
    field: str
    found: str
    allowed: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, self.where, self.field) if part)
        text = f"{place}: {self.found}" if place else self.found
        if self.allowed:
            text += f"; expected {self.allowed}"
        text = text.rstrip(".") + "."
        return f"{text} {self.remedy}".rstrip()


class Faults(OnwardError):
    """Every fault of one piece of input, reported at once."""

    def __init__(self, faults: Iterable[Fault], summary: str = "") -> None:
        self.faults: Sequence[Fault] = tuple(faults)
        lines = [str(fault) for fault in self.faults]
        if summary:
            lines.insert(0, summary)
        super().__init__("\n".join(lines))


def one_of(values: Iterable[object]) -> Listed:
    """The allowed values as a person reads them: "a, b or c"."""
    return Listed(values, ", ", " or ")
