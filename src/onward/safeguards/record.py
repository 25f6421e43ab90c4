"""Recording what happened, which no safeguard ever refuses, and the breach it may open.

In comes an evaluation and the fact that the step took place; out come the events to append:
the step itself, always, and beside it a severity-1 breach naming the findings that had failed
when somebody was moved, or handed over, against them. Nothing here asks whether it was right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from onward.caseload import Event, Subject, new_event
from onward.rulebook.model import Move, Rulebook
from onward.safeguards.evaluate import Evaluation
from onward.safeguards.help import is_handover

SEVERITY = 1  # the gravest
OF_BREACH = "of_breach"
"""The fact of an incident that says it only pauses moves after a breach: nothing is known to have
happened to anybody."""
WENT_TO = "went_to"
"""The fact of a person that says where they last went, under a rulebook that declares it."""


@dataclass(frozen=True)
class Breach:
    """A step that took place although safeguards had failed.

    findings  keys of the findings that failed, in the rulebook's order
    tell      roles that must be told: whoever owns a remedy of a failed finding
    """

    person: str
    move: str
    findings: tuple[str, ...]
    tell: tuple[str, ...]
    severity: int = SEVERITY

    def facts(self) -> dict[str, Any]:
        """The facts of the breach event."""
        return {
            "move": self.move,
            "safeguards": list(self.findings),
            "severity": self.severity,
        }


def opens_breach(rulebook: Rulebook, move: Move) -> bool:
    """Whether recording a move with failed findings is a breach: the person was taken or let
    go elsewhere for good, or a step of a hand-over was taken. Refusals, claims, absences,
    deaths and coming back never are."""
    leaves = rulebook.is_movement(move) and (
        not move.records
        or move.moves_out
        or any(rulebook.axes[axis].states[state].ends for axis, state in move.targets.items())
    )
    return leaves or (is_handover(rulebook, move) and not move.records)


def where_to(
    rulebook: Rulebook, move: Move, said: str | None, chosen: str | None
) -> dict[str, Any]:
    """What a recorded movement says of where it led, as a fact of the person.

    said    where to, by whoever records it
    chosen  where the person chose to go: the operation brings people nowhere else, but whoever
            leaves alone, or is taken, need not have gone there
    returns {} where nobody leaves, where it is not known, and under a rulebook of before this
            could be said
    """
    place = said or (None if move.records else chosen)
    leaves = rulebook.is_movement(move) and opens_breach(rulebook, move)
    declared = WENT_TO in rulebook.kinds["person"].facts
    return {WENT_TO: place} if place and leaves and declared else {}


def breach_for(evaluation: Evaluation, person: str) -> Breach | None:
    """The breach that recording this step for this person opens; None when there is none.

    An overridden finding is no breach: two people answer for it.
    """
    rulebook = evaluation.caseload.rulebook
    failed = evaluation.failed_findings(person)
    if not failed or not opens_breach(rulebook, evaluation.move):
        return None
    owners = {finding.key: finding.owner_role for finding in evaluation.findings}
    return Breach(
        person=person,
        move=evaluation.move.key,
        findings=failed,
        tell=tuple(dict.fromkeys(owners[key] for key in failed)),
    )


def record_movement(
    evaluation: Evaluation,
    person: str,
    *,
    operation: str,
    by: str,
    effective: str,
    instant: datetime,
    random: Random,
    facts: Mapping[str, Any] | None = None,
    evidence: Iterable[str] = (),
    idempotency_key: str = "",
) -> list[Event]:
    """The events to append because this person's step took place: the step, then any breach.

    evaluation  asked at movement for the date it took place, whatever it answered
    by          role or user id, never a name
    instant, random  the caller's clock and randomness, for the events' ids
    raises      Faults only for an event that is malformed; never because of a safeguard
    """
    rulebook = evaluation.caseload.rulebook

    def event(kind: str, given: Mapping[str, Any] | None, key: str) -> Event:
        return new_event(
            rulebook,
            operation=operation,
            subject=Subject("person", person),
            kind=kind,
            effective=effective,
            by=by,
            instant=instant,
            random=random,
            facts=given,
            evidence=evidence,
            idempotency_key=key,
        )

    led = where_to(
        rulebook, evaluation.move, evaluation.destination, evaluation.asked_to(person)
    )
    events = [event(evaluation.move.key, {**led, **(facts or {})}, idempotency_key)]
    breach = breach_for(evaluation, person)
    if breach is not None:
        key = f"{idempotency_key}-breach" if idempotency_key else ""
        events.append(event("breach", breach.facts(), key))
    return events
