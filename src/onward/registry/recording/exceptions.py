"""Exceptions: a safeguard set aside by two people with a reason, for one step on one day.

Exists so that what may be set aside is never set aside by one person alone. One asks, another
decides; in come a person, a step and a finding that is not hard, out goes an event.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

from onward.caseload.events import OVERRIDE, PERSON, Event, Subject
from onward.errors import Faults, OnwardError
from onward.registry.log.db_store import DatabaseStore
from onward.registry.now.neighbourhood import parts
from onward.registry.recording import duties
from onward.registry.recording.actors import Acting
from onward.registry.recording.writing import Done, Writing
from onward.safeguards.overrides import Override, override_faults, steps_under


def propose_override(
    actor: Acting,
    person: str,
    move: str,
    finding: str,
    destination: str,
    *,
    reason: str,
    valid_on: date,
) -> str:
    """Ask a second person to set one finding aside for one step on one day; returns its id.

    raises  Faults when the finding is hard or anything else is wrong with it
    """
    from onward.registry.models import Proposal

    writing = Writing(actor)
    duties.require(actor, person, [("override.propose",)])
    trial = Override(
        person, move, finding, destination, (actor.account_id, f"{actor.account_id} and another"),
        reason, valid_on,
    )  # fmt: skip
    if faults := override_faults(trial, writing.rulebook):
        raise Faults(faults)
    with writing.store.writing():
        made = Proposal(
            operation=writing.operation.settings.id, proposal=str(uuid.uuid4()), kind=OVERRIDE,
            person=person, by=actor.account_id, at=_now(),
            asked={"move": move, "finding": finding, "destination": destination, "reason": reason,
                   "valid_on": valid_on.isoformat()},
        )  # fmt: skip
        made.save(force_insert=True)
    return str(made.proposal)


def approve_override(actor: Acting, proposal: str) -> Done:
    """The second person's word: from now on the finding is set aside, for that day only.

    raises  OnwardError when it is the person who asked, it was decided already, or its day has
            passed: what happened without it stays a breach
    """
    writing = Writing(actor)

    def act() -> Done:
        asked = _undecided(proposal)
        duties.require(actor, asked.person, [("override.approve",)])
        if date.fromisoformat(asked.asked["valid_on"]) < writing.operation.default_date():
            raise OnwardError(
                "The day it was asked for has passed. Decline it; if the step is still wanted, ask "
                "again for a day to come."
            )
        if asked.by == actor.account_id:
            raise OnwardError(
                "Nobody approves what they asked for; a second person must look at it."
            )
        event = writing.event(
            Subject(PERSON, asked.person), OVERRIDE, asked.asked["valid_on"],
            facts={**asked.asked, "approved_by": sorted([asked.by, actor.account_id])},
            key=key_of(proposal),
        )  # fmt: skip
        done = Done(tuple(writing.append([event])))
        _decide(actor, asked, "approved")
        return done

    return writing.once(key_of(proposal), act)


def refuse_override(actor: Acting, proposal: str) -> None:
    """Decline what another person asked for."""
    writing = Writing(actor)
    with writing.store.writing():
        asked = _undecided(proposal)
        duties.require(actor, asked.person, [("override.approve",)])
        _decide(actor, asked, "refused")


def key_of(proposal: str) -> str:
    """The idempotency key of the exception that a proposal becomes when it is approved."""
    return f"override:{proposal}"


def used(people: Collection[str]) -> frozenset[str]:
    """The exceptions of these people under which a step was taken, by their keys."""
    from onward.registry.site import operation

    store = operation().store
    assert isinstance(store, DatabaseStore)
    events: list[Event] = []
    for part in parts(sorted(people)):
        marks = ", ".join(["%s"] * len(part))
        events += store.read_where(
            f"subject_kind = %s AND subject_id IN ({marks})", [PERSON, *part]
        )
    under = steps_under(events)
    return frozenset(event.idempotency_key for event in events if event.id in under)


def _undecided(proposal: str) -> Any:
    from onward.registry.models import Proposal

    found = Proposal.objects.filter(proposal=proposal).first()
    if found is None or found.state != "asked":
        raise OnwardError("There is no such question, or it was decided already.")
    return found


def _decide(actor: Acting, asked: Any, state: str) -> None:
    from onward.registry.models import Proposal

    Proposal.objects.filter(proposal=asked.proposal).update(
        state=state, decided_by=actor.account_id, decided_at=_now()
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
