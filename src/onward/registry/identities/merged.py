"""The ids one person has had: what two registrations left is kept under each until it is erased."""

from __future__ import annotations

from collections.abc import Iterable

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
    into = dict(_merged())
    return {person: _end(person, into) for person in into}


def all_ids_of(people: Iterable[str]) -> frozenset[str]:
    """Every id that these people have had, whichever of them are given: one question for all."""
    given = frozenset(people)
    if not given:
        return given
    merged = _merged()
    into = dict(merged)
    found = {_end(person, into) for person in given}
    under: dict[str, list[str]] = {}
    for one, other in merged:
        under.setdefault(other, []).append(one)
    waiting = [*found]
    while waiting:
        new = [one for one in under.get(waiting.pop(), ()) if one not in found]
        found.update(new)
        waiting += new
    return given | found


def _merged() -> list[tuple[str, str]]:
    """(id, the id it was merged into) of every merging that stands, in the order of the log."""
    merged = EventRow.objects.filter(kind="merged", subject_kind="person")
    undone = EventRow.objects.filter(supersedes__in=merged.values("event_id"))
    rows = merged.exclude(event_id__in=undone.values("supersedes"))
    # Sorted here: the database would read the whole log to have them in order.
    return [
        (one, str(other))
        for _seq, one, other in sorted(rows.values_list("seq", "subject_id", "owner"))
        if other
    ]


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
