"""Who people were before an import said otherwise, so that undoing it gives the earlier names back.

Exists because names are not in the log. Comes in: identities as a list gives them, or the events of
an import that is undone. Goes out: identities that remember what they replace, and those they
replaced. What was put right at the desk stands against either.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from onward.caseload.events import PERSON, Event
from onward.registry.identities.former import BEFORE_IMPORT
from onward.registry.identities.former import now as as_it_stands
from onward.registry.identities.put_right import put_right_in, standing
from onward.registry.identities.vault import VaultRefused
from onward.registry.operation import Operation


def with_what_was_before(
    operation: Operation,
    named: Mapping[str, Mapping[str, str]],
    events: Sequence[Event],
    stands: Mapping[str, Collection[str]],
) -> dict[str, dict[str, str]]:
    """Identities as an import gives them, each with what it replaces; what was put right at the desk
    stands against any list (`stands`: person -> fields), and what a list does not say stays."""
    event_of: dict[str, str] = {}
    for event in events:
        if event.subject.kind == PERSON:
            event_of.setdefault(event.subject.id, event.id)
    made = {person: dict(fields) for person, fields in named.items()}
    for person, kept in operation.vault.get_many(named).items():
        old = as_it_stands(kept)
        made[person] = standing({**old, **named[person]}, old, stands.get(person, ()))
        if old and old != made[person]:
            before = {"event": event_of.get(person, ""), "fields": old}
            made[person][BEFORE_IMPORT] = json.dumps(before, ensure_ascii=False)
    return made


def named_before(
    operation: Operation, batch: Mapping[str, Event], log: Sequence[Event]
) -> dict[str, dict[str, str]]:
    """Who people were before an import corrected them, where the vault still knows; what was put
    right at the desk stays.

    log  the whole of it
    """
    people = {event.subject.id for event in batch.values() if event.subject.kind == PERSON}
    try:
        kept = operation.vault.get_many(sorted(people))
    except VaultRefused:
        return {}
    found, stands = {}, put_right_in(log)
    for person, fields in kept.items():
        if BEFORE_IMPORT in fields:
            before = json.loads(fields[BEFORE_IMPORT])
            if before["event"] in batch:
                found[person] = standing(before["fields"], fields, stands.get(person, ()))
    return found
