"""Authorising a step, and taking a person's choice: refused unless the safeguards say it is open.

Exists so that nothing is let happen on what is false or not known. In come people, a move and a
destination; the event and what the desk reads are written in one transaction, or `NotOpen` says
why not, per person, and nothing is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from onward.caseload.events import PERSON, RECORDED, Subject
from onward.errors import OnwardError
from onward.registry.recording import duties
from onward.registry.recording.actors import Acting
from onward.registry.recording.writing import Done, Writing
from onward.rulebook.model import Move
from onward.safeguards.explain import Reason
from onward.safeguards.record import where_to


class NotOpen(OnwardError):
    """The step is not open: nothing was recorded. Carries why, per person."""

    exit_code = 1

    def __init__(self, reasons: Mapping[str, Sequence[Reason]]) -> None:
        self.by_person = {person: tuple(found) for person, found in reasons.items()}
        self.reasons: tuple[Reason, ...] = tuple(
            reason for found in self.by_person.values() for reason in found
        )
        lines = dict.fromkeys(
            f"{reason.safeguard} {reason.sentence} {reason.remedy}" for reason in self.reasons
        )
        super().__init__(
            "\n".join(["The step is not open; nothing was recorded.", *lines])
            if lines
            else "The step is not open for everybody who travels together; nothing was recorded."
        )


def authorise(
    actor: Acting,
    person: str | Sequence[str],
    move: str,
    destination: str | None,
    *,
    on: date,
    evidence: Sequence[str] = (),
    revision: int | Mapping[str, int] | None = None,
    idempotency_key: str,
) -> Done:
    """Authorise or facilitate one step, for one person or for people who go together.

    The only exceptions that count are those on record, approved by two people.

    destination  where to, or to whom; None: each person's own chosen destination
    on           the day of the decision or movement; not after today. A movement is authorised
                 on its day only, and a decision of an earlier day must be open today as well: or
                 what was withdrawn, feared or complained of since would be passed over
    revision     what the page that asked had seen; per person when several
    raises       NotOpen, StaleEdit, Faults; then nothing was recorded
    """
    people = [person] if isinstance(person, str) else list(dict.fromkeys(person))
    writing = Writing(actor)
    writing.not_tomorrow(on)
    found = _asked_for(writing, move)
    days = sorted({on, writing.operation.default_date()})
    if writing.rulebook.is_movement(found) and len(days) > 1:
        raise OnwardError(
            "That day has passed, and nobody is let go on a day that is over. If they left on it, "
            "record what happened."
        )
    writing.key(idempotency_key)
    for who in people:
        duties.require(actor, who, [duties.to_authorise(writing.rulebook, move)])

    def act() -> Done:
        writing.unchanged(people, revision)
        for day in days:
            answer = writing.asked(people, move, day, destination=destination)
            closed = [who for who in people if not answer.is_open(who)]
            if closed:
                raise NotOpen({who: answer.reasons(who) for who in closed})
        events = [
            writing.event(
                Subject(PERSON, who), move, on.isoformat(),
                facts=where_to(writing.rulebook, found, destination, answer.asked_to(who)),
                evidence=(*evidence, *writing.cited(answer.excepted(who))),
                key=f"{idempotency_key}/{number}" if number else idempotency_key,
            )
            for number, who in enumerate(people)
        ]  # fmt: skip
        return Done(tuple(writing.append(events)))

    return writing.once(idempotency_key, act)


def choose(
    actor: Acting,
    person: str,
    move: str,
    *,
    consent: Mapping[str, Any],
    evidence: Sequence[str] = (),
    on: date | None = None,
    revision: int | None = None,
    idempotency_key: str,
) -> Done:
    """Record a person's own choice with the consent that carries it, both or neither.

    consent  the facts of the consent; its pathway and destination become the person's choice
    raises   NotOpen when the choice was not free and informed as the rulebook asks; that somebody of
             the same unit chose otherwise, or not yet, does not close it
    """
    writing = Writing(actor)
    day = on or writing.operation.default_date()
    writing.not_tomorrow(day)
    found = _asked_for(writing, move)
    if writing.rulebook.transitions[found.transition].pathway != "chosen":
        raise OnwardError(f"{move} is not a person's choice; authorise it instead.")
    writing.key(idempotency_key)
    duties.require(actor, person, [duties.to_authorise(writing.rulebook, move)])
    given = {name: value for name, value in consent.items() if name in writing.facts("consent")}
    given.setdefault("pathway", found.pathway)
    destination = given.get("destination")

    def act() -> Done:
        writing.unchanged([person], revision)
        held = writing.event(
            Subject("consent", str(uuid.uuid4())), RECORDED, day.isoformat(),
            facts={**given, "person": person}, evidence=evidence, opens=True,
            key=f"{idempotency_key}/consent",
        )  # fmt: skip
        first = writing.append([held])
        answer = writing.asked(
            [person], move, day, destination=destination, consent=held.subject.id
        )
        # The adult alone decides: what others of the family chose, or have not yet, holds nobody back.
        if person not in answer.open_people:
            raise NotOpen({person: answer.reasons(person)})
        chosen = {
            "intended_pathway": found.pathway,
            **({"intended_destination": destination} if destination else {}),
        }
        step = writing.event(
            Subject(PERSON, person), move, day.isoformat(), facts=chosen, evidence=evidence,
            key=idempotency_key,
        )  # fmt: skip
        return Done((*first, *writing.append([step])))

    return writing.once(idempotency_key, act)


def _asked_for(writing: Writing, move: str) -> Move:
    """A move that somebody decides, and so one that can be asked for."""
    found = writing.move(move)
    if found.records:
        raise OnwardError(
            f"{move} says what happened and is never asked for; record it instead."
        )
    return found
