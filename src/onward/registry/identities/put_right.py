"""What the log says of an identity that was put right: which fields, and never what they say.

Exists because whoever reads the log must know it and may know no more: pages show that it happened, and
a list brought in later does not undo it. In come events; out go fields of the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onward.caseload.events import Event

MARK = "put-right:"
"""What a piece of such an event's evidence begins with; a field follows."""


def fields_of(evidence: Sequence[str]) -> tuple[str, ...]:
    """The fields that an event says were put right; none for any other event."""
    return tuple(text.removeprefix(MARK) for text in evidence if text.startswith(MARK))


def put_right_in(events: Iterable[Event]) -> dict[str, frozenset[str]]:
    """person -> the fields that were put right at the desk, and that no list changes any more."""
    found: dict[str, frozenset[str]] = {}
    for event in events:
        if fields := fields_of(event.evidence):
            found[event.subject.id] = found.get(event.subject.id, frozenset()).union(fields)
    return found
