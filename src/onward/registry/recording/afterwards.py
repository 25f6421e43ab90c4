"""The contacts after an outcome, written and taken back with what is recorded on the open record.

Exists because whoever records that somebody left need not know the calendar. In come events that
are about to be written; out go those about contacts that must be written with them. What follows
from what is said by `caseload.after_outcome`; here only the record is asked.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from onward.caseload import after_outcome
from onward.caseload.contacts import KIND
from onward.caseload.events import PERSON, Event
from onward.registry.log.db_store import DatabaseStore, events_of
from onward.registry.now.neighbourhood import parts
from onward.rulebook.model import Rulebook


def beside(
    store: DatabaseStore, rulebook: Rulebook, said: Sequence[Event], *, operation: str, by: str
) -> list[Event]:
    """What must be written of contacts together with these events. Asks nothing of the record where
    they bear on none."""
    people = after_outcome.whom(rulebook, said, lambda contacts: _owners(store, contacts))
    if not people:
        return []
    from onward.registry.identities.merged import known_by

    people = after_outcome.everybody_they_are(people, known_by())
    before = _on_record(store, people)
    return after_outcome.consequences(
        rulebook, [*before, *said], operation=operation, by=by,
        instant=datetime.now(UTC), random=random.SystemRandom(),
    )  # fmt: skip


def _owners(store: DatabaseStore, contacts: set[str]) -> dict[str, str]:
    """Whose these contacts are."""
    found = after_outcome.owners_in(_asked(_about_contacts(store, contacts)))(contacts)
    return dict(found)


def _about_contacts(store: DatabaseStore, contacts: set[str]) -> list[tuple[str, list[object]]]:
    return [
        store.where(
            f"subject_kind = %s AND subject_id IN ({', '.join(['%s'] * len(part))})",
            [KIND, *part],
        )
        for part in parts(contacts)
    ]


def _on_record(store: DatabaseStore, people: set[str]) -> list[Event]:
    """All that is said of some people, of the contacts that name one of them and of what befell them."""
    told = [
        question
        for part in parts(people)
        for marks in [", ".join(["%s"] * len(part))]
        for question in (
            store.where(f"subject_kind = %s AND subject_id IN ({marks})", [PERSON, *part]),
            store.where(
                f"owner IN ({marks}) AND subject_kind IN (%s, %s)",
                [*part, KIND, after_outcome.INCIDENT],
            ),
        )
    ]
    found = _asked(told)
    contacts = {event.subject.id for event in found if event.subject.kind == KIND}
    found += _asked(_about_contacts(store, contacts))
    return sorted({event.seq: event for event in found}.values(), key=lambda event: event.seq)


def _asked(questions: Sequence[tuple[str, list[object]]]) -> list[Event]:
    from onward.registry.database import trips

    return [event for rows in trips.ask(*questions) for event in events_of(rows)]
