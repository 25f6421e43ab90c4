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


def known_by() -> dict[str, str]:
    """Every id that was merged into another -> the id that somebody is known by now."""
    merged = EventRow.objects.filter(kind="merged", subject_kind="person")
    undone = EventRow.objects.filter(supersedes__in=merged.values("event_id"))
    rows = merged.exclude(event_id__in=undone.values("supersedes"))
    # Sorted here: the database would read the whole log to have them in order.
    into = {
        one: str(other)
        for _seq, one, other in sorted(rows.values_list("seq", "subject_id", "owner"))
        if other
    }
    return {person: _end(person, into) for person in into}


def _end(person: str, into: dict[str, str]) -> str:
    seen = {person}
    while (found := into.get(person)) and found not in seen:
        seen.add(person := found)
    return person


def whose(person: str) -> str:
    """The id that somebody is known by now: another one where theirs was merged into it."""
    seen = {person}
    while True:
        merged = EventRow.objects.filter(
            kind="merged", subject_kind="person", subject_id=person
        ).order_by("-seq")
        undone = EventRow.objects.filter(supersedes__in=merged.values("event_id"))
        into = merged.exclude(event_id__in=undone.values("supersedes")).values_list(
            "owner", flat=True
        )
        found = into.first()
        if not found or found in seen:
            return person
        seen.add(person := str(found))
