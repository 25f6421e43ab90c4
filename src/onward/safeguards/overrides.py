"""Overrides: two different people and a reason, for one step of one person on one day.

In come overrides as recorded or proposed; out come the few that count. A finding the rulebook
calls hard has no way through here: proposing one raises, and one found in an old record is
passed over. Nothing else in the product can turn a failed finding aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from onward.caseload.events import OVERRIDE, Event
from onward.errors import Fault, Faults, one_of
from onward.rulebook.model import Finding, Move, Rulebook

NOWHERE = "-"
"""The destination an override names for a step that leads nowhere while nothing is chosen, as
verifying an identity. A hand-over always has a recipient."""


@dataclass(frozen=True)
class Override:
    """Somebody's finding set aside for one move, destination and day.

    destination  where the step leads to, or `NOWHERE`
    approved_by  user ids of two different people, never names
    valid_on     the only day it counts
    """

    person: str
    move: str
    finding: str
    destination: str
    approved_by: tuple[str, ...]
    reason: str
    valid_on: date


def findings_of(rulebook: Rulebook) -> dict[str, Finding]:
    """Every finding by its key, "G11.valid", in the rulebook's order."""
    return {
        finding.key: finding
        for safeguard in rulebook.safeguards.values()
        for finding in safeguard.findings.values()
    }


def override_faults(override: Override, rulebook: Rulebook) -> list[Fault]:
    """Everything that keeps an override from counting; empty when it counts."""
    faults: list[Fault] = []
    findings = findings_of(rulebook)

    def fault(field: str, found: str, allowed: str) -> None:
        faults.append(Fault("override", f"person {override.person}", field, found, allowed))

    finding = findings.get(override.finding)
    if finding is None:
        fault("finding", f'no finding "{override.finding}"', one_of(findings))
    elif finding.hard:
        soft = [key for key, each in findings.items() if not each.hard]
        fault(
            "finding",
            f"{override.finding} may be overridden by nobody",
            one_of(soft) or "nothing",
        )
    if override.move not in rulebook.moves():
        fault("move", f'no move "{override.move}"', one_of(rulebook.moves()))
    people = {who.strip().casefold() for who in override.approved_by if who.strip()}
    if len(override.approved_by) != 2 or len(people) != 2:
        fault("approved_by", f"{len(people)} people", "two different people")
    if not override.reason.strip():
        fault("reason", "no reason", "the reason in words")
    if not override.destination:
        fault("destination", "no destination", "the destination or recipient it is for")
    return faults


def from_record(row: Mapping[str, Any]) -> Override:
    """An override as the record keeps it (`Caseload.tables["override"]`)."""
    day = row["valid_on"]
    return Override(
        person=str(row["person"] or ""),
        move=str(row["move"] or ""),
        finding=str(row["finding"] or ""),
        destination=str(row["destination"] or ""),
        approved_by=tuple(str(who) for who in row["approved_by"] or ()),
        reason=str(row["reason"] or ""),
        valid_on=date.fromisoformat(day) if isinstance(day, str) else (day or date.min),
    )


def leads_to(move: Move, place: str | None) -> str | None:
    """How an override names where a move would lead somebody; None: it cannot be named."""
    return place or (None if move.pathway == "handover" else NOWHERE)


def counting(
    given: Sequence[Override],
    recorded: Iterable[Mapping[str, Any]],
    rulebook: Rulebook,
    *,
    move: str,
    on: date,
) -> dict[tuple[str, str, str], int]:
    """(person, finding, destination) set aside for this move on this day, with the seq of the
    exception on record; 0 for one that is only proposed.

    given     proposed now: anything wrong with one raises Faults
    recorded  from the record: one that the rulebook in force does not allow counts for nothing
    """
    faults = [fault for override in given for fault in override_faults(override, rulebook)]
    if faults:
        raise Faults(faults)
    kept = [(from_record(row), int(row["seq"])) for row in recorded]
    sound = [(each, 0) for each in given]
    sound += [(each, seq) for each, seq in kept if not override_faults(each, rulebook)]
    return {
        (each.person, each.finding, each.destination): seq
        for each, seq in sound
        if each.move == move and each.valid_on == on
    }


def steps_under(events: Iterable[Event]) -> dict[str, str]:
    """Exceptions that were used: id of the exception -> id of the step taken under it.

    A step cites in its evidence the exceptions without which it would not have been open, so a
    step to another destination, on another day or that needed none is none of theirs.

    events  the exceptions, the steps they are for, and whatever corrects or takes back either
    """
    events = list(events)
    gone = {event.supersedes for event in events}
    standing = [event for event in events if event.id not in gone]
    made = {event.id: event for event in standing if event.kind == OVERRIDE}
    return {
        reference: step.id
        for step in standing
        for reference in step.evidence
        if reference in made
        and step.subject == made[reference].subject
        and step.kind == made[reference].facts["move"]
        and step.effective == made[reference].facts["valid_on"]
    }
