"""The ids one person has had: what two registrations left is kept under each until it is erased."""

from __future__ import annotations

from onward.registry.models import EventRow


def ids_of(person: str) -> list[str]:
    """A person's id and every id that was merged into it: their names were kept under each."""
    found = [person]
    for name in found:
        merged = EventRow.objects.filter(kind="merged", subject_kind="person", owner=name)
        undone = EventRow.objects.filter(supersedes__in=merged.values("event_id"))
        rows = merged.exclude(event_id__in=undone.values("supersedes"))
        found += [
            each for each in rows.values_list("subject_id", flat=True) if each not in found
        ]
    return found
