"""What the log says of an identity that was put right: which fields, and never what they say.

Exists because whoever reads the log must know it and may know no more: pages show that it happened, and
neither a list brought in later nor the undoing of an earlier one takes it back. In come events; out
go fields of the vault.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from onward.caseload.events import Event

MARK = "put-right:"
"""What a piece of such an event's evidence begins with; a field follows. No hand writes it."""


def fields_of(evidence: Sequence[str]) -> tuple[str, ...]:
    """The fields that an event says were put right; none for any other event."""
    return tuple(text.removeprefix(MARK) for text in evidence if text.startswith(MARK))


def papers(evidence: Sequence[str]) -> tuple[str, ...]:
    """Evidence without what says that fields were put right: whoever says an event again put none
    right by it."""
    return tuple(text for text in evidence if not text.startswith(MARK))


def put_right_in(events: Iterable[Event]) -> dict[str, frozenset[str]]:
    """person -> the fields that were put right at the desk, and that no list changes any more."""
    found: dict[str, frozenset[str]] = {}
    for event in events:
        if fields := fields_of(event.evidence):
            found[event.subject.id] = found.get(event.subject.id, frozenset()).union(fields)
    return found


def standing(
    said: Mapping[str, str], kept: Mapping[str, str], stands: Collection[str]
) -> dict[str, str]:
    """An identity as a list, or the undoing of one, says it (`said`): what was put right (`stands`)
    stays as it is `kept`, also where it was taken away."""
    made = {field: text for field, text in said.items() if field not in stands}
    return made | {field: kept[field] for field in stands if field in kept}
