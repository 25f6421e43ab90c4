"""Everything that can be done to the record, as named functions of two kinds.

*Authorising* (`authorise`, `choose`) is refused unless the safeguards say that the step is open,
and then the event and what the desk reads are written in one transaction. *Recording* (`record`,
`correct`, `retract`) is never refused for a safeguard: what happened, happened. A movement that
took place against one opens a breach of the gravest kind, says whom to tell and pauses like
moves. No function here knows a web request: in come an `Acting`, a person and facts. Each refuses
an actor whose roles do not include it (`registry.recording.duties`), whatever door called it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload.events import (
    OVERRIDE,
    PERSON,
    RECORDED,
    REGISTERED,
    RETRACTED,
    Event,
    Subject,
    new_event,
    opening_facts,
)
from onward.dates import day_range
from onward.errors import Fault, Faults, OnwardError
from onward.registry.log.db_store import CHUNK, DatabaseStore, end_of, events_of
from onward.registry.now import foreseeing, how_far, neighbourhood, projection
from onward.registry.operation import Operation
from onward.registry.recording import duties
from onward.registry.recording.actors import Acting
from onward.rulebook.model import Move, When
from onward.safeguards.evaluate import Evaluation, asked_findings, evaluate
from onward.safeguards.explain import Reason
from onward.safeguards.overrides import Override, override_faults
from onward.safeguards.record import Breach, breach_for, opens_breach

SEVERE = 1


@dataclass(frozen=True)
class Done:
    """What an act wrote.

    events    as the log has them; the same ones when the act was sent twice
    breaches  steps that took place against a safeguard, and which roles must be told
    again     the act had been done before under the same idempotency key
    pauses    destinations to which every like move now waits for a review
    """

    events: tuple[Event, ...]
    breaches: tuple[Breach, ...] = ()
    again: bool = False
    pauses: tuple[str, ...] = ()

    @property
    def revision(self) -> int:
        """seq of the last event written; the person's revision from now on."""
        return max((event.seq for event in self.events), default=0)

    @property
    def tell(self) -> tuple[str, ...]:
        """The roles that must be told of the breaches."""
        return tuple(dict.fromkeys(role for breach in self.breaches for role in breach.tell))


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


class StaleEdit(OnwardError):
    """Somebody recorded something about this person since the page was opened."""

    exit_code = 1

    def __init__(self, since: int, now: int) -> None:
        self.since, self.now = since, now
        super().__init__(
            "Something was recorded about this person or the household since you opened the "
            "page. Nothing was recorded. Look at what is new, then send it again."
        )


# ---------------------------------------------------------------------------------------------
# Authorise
# ---------------------------------------------------------------------------------------------


def authorise(
    actor: Acting,
    person: str | Sequence[str],
    move: str,
    destination: str | None,
    *,
    on: date,
    at: When | None = None,
    facts: Mapping[str, Any] | None = None,
    evidence: Sequence[str] = (),
    revision: int | Mapping[str, int] | None = None,
    idempotency_key: str,
    overrides: Sequence[Override] = (),
) -> Done:
    """Authorise or facilitate one step, for one person or for people who go together.

    destination  where to, or to whom; None: each person's own chosen destination
    on           the day of the decision or movement; not after today
    revision     what the page that asked had seen; per person when several
    overrides    approved by two people, for findings that are not hard
    raises       NotOpen, StaleEdit, Faults; then nothing was recorded
    """
    people = [person] if isinstance(person, str) else list(dict.fromkeys(person))
    desk = _Desk(actor)
    desk.not_tomorrow(on)
    found = desk.move(move)
    if found.records:
        raise OnwardError(
            f"{move} says what happened and is never asked for; record it instead."
        )
    desk.key(idempotency_key)
    for who in people:
        duties.require(actor, who, [duties.to_authorise(desk.rulebook, move)])

    def act() -> Done:
        desk.unchanged(people, revision)
        answer = desk.asked(
            people, move, on, destination=destination, at=at, overrides=overrides
        )
        closed = [who for who in people if not answer.is_open(who)]
        if closed:
            raise NotOpen({who: answer.reasons(who) for who in closed})
        events = [
            desk.event(
                Subject(PERSON, who), move, on.isoformat(), facts=facts, evidence=evidence,
                key=f"{idempotency_key}/{number}" if number else idempotency_key,
            )
            for number, who in enumerate(people)
        ]  # fmt: skip
        return Done(tuple(desk.append(events)))

    return desk.once(idempotency_key, act)


def choose(
    actor: Acting,
    person: str,
    move: str,
    *,
    consent: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
    evidence: Sequence[str] = (),
    on: date | None = None,
    revision: int | None = None,
    idempotency_key: str,
) -> Done:
    """Record a person's own choice with the consent that carries it, both or neither.

    consent  the facts of the consent; its pathway and destination become the person's choice
    raises   NotOpen when the choice was not free and informed as the rulebook asks
    """
    desk = _Desk(actor)
    day = on or desk.operation.default_date()
    desk.not_tomorrow(day)
    found = desk.move(move)
    desk.key(idempotency_key)
    duties.require(actor, person, [duties.to_authorise(desk.rulebook, move)])
    given = {name: value for name, value in consent.items() if name in desk.facts("consent")}
    given.setdefault("pathway", found.pathway)
    destination = given.get("destination")

    def act() -> Done:
        desk.unchanged([person], revision)
        held = desk.event(
            Subject("consent", str(uuid.uuid4())), RECORDED, day.isoformat(),
            facts={**given, "person": person}, evidence=evidence, opens=True,
            key=f"{idempotency_key}/consent",
        )  # fmt: skip
        first = desk.append([held])
        answer = desk.asked(
            [person], move, day, destination=destination, consent=held.subject.id
        )
        if not answer.is_open(person):
            raise NotOpen({person: answer.reasons(person)})
        chosen = {
            "intended_pathway": found.pathway,
            **({"intended_destination": destination} if destination else {}),
            **(facts or {}),
        }
        step = desk.event(
            Subject(PERSON, person), move, day.isoformat(), facts=chosen, evidence=evidence,
            key=idempotency_key,
        )  # fmt: skip
        return Done((*first, *desk.append([step])))

    return desk.once(idempotency_key, act)


# ---------------------------------------------------------------------------------------------
# Record
# ---------------------------------------------------------------------------------------------


def record(
    actor: Acting,
    subject: Subject | tuple[str, str],
    kind: str,
    *,
    effective: str,
    facts: Mapping[str, Any] | None = None,
    evidence: Sequence[str] = (),
    revision: int | None = None,
    idempotency_key: str,
    destination: str | None = None,
) -> Done:
    """Record what happened. No safeguard is asked whether it may be recorded.

    kind         a move of the rulebook, "recorded", "registered" …
    revision     given, two people who edit one record at once are told; None: recorded anyway
    destination  where to, or to whom, for a movement; None: the person's own chosen one
    raises       Faults for an event that is malformed, StaleEdit; never because of a safeguard
    """
    desk = _Desk(actor)
    about = subject if isinstance(subject, Subject) else Subject(*subject)
    desk.key(idempotency_key)
    owner = about.id if about.kind == PERSON else str((facts or {}).get("person") or "")
    end, state = desk.look(about, owner)
    desk.may_record(about, kind, facts or {})

    def made() -> Event:
        return desk.event(
            about, kind, effective, facts=facts, evidence=evidence, key=idempotency_key,
            opens=kind in (RECORDED, REGISTERED) and not desk.exists(about),
        )  # fmt: skip

    moves = desk.rulebook.moves()
    alone = kind not in moves or not opens_breach(desk.rulebook, moves[kind])
    if alone:
        foreseeing.foresee(desk.operation, [made()], end=end, state=state)

    def act() -> Done:
        if revision is not None:
            desk.unchanged([owner] if owner else [], revision)
        event = made()
        if alone:
            return Done(tuple(desk.append([event])))
        return desk.with_breaches([(event, moves[kind], destination)])

    return desk.once(idempotency_key, act, look=(about, owner))


def record_batch(
    actor: Acting,
    entries: Sequence[Mapping[str, Any]],
    *,
    idempotency_key: str,
) -> Done:
    """Record many things at once, all or none: a convoy, a head count, a household.

    What else the batch says is known when its movements are judged; the movements are judged
    together, as they took place, and none of them by what another one opened.

    entries  the keyword arguments of `record` without the keys: subject, kind, effective, facts,
             evidence, destination, revision; or `takes_back`, the id of an event that should
             never have been recorded, which stays in the log and counts no more; or `corrects`,
             the id of one that said too much, with the `facts` that stand of it
    """
    desk = _Desk(actor)
    desk.key(idempotency_key)

    def act() -> Done:
        moves = desk.rulebook.moves()
        said: list[Event] = []
        for number, entry in enumerate(entries):
            if "takes_back" in entry:
                said.append(desk.taken_back(entry["takes_back"], f"{idempotency_key}/{number}"))
            elif "corrects" in entry:
                key = f"{idempotency_key}/{number}"
                said.append(desk.said_again(entry["corrects"], entry["facts"], key))
        told = [(n, entry) for n, entry in enumerate(entries) if "subject" in entry]
        abouts = [
            about if isinstance(about := entry["subject"], Subject) else Subject(*about)
            for _number, entry in told
        ]
        known = desk.known(abouts)
        moved: list[tuple[Event, Move, str | None]] = []
        for (number, entry), about in zip(told, abouts, strict=True):
            if entry.get("revision") is not None and about.kind == PERSON:
                desk.unchanged([about.id], entry["revision"])
            kind = entry["kind"]
            event = desk.event(
                about, kind, entry["effective"], facts=entry.get("facts"),
                evidence=entry.get("evidence") or (), key=f"{idempotency_key}/{number}",
                opens=kind in (RECORDED, REGISTERED) and about not in known,
            )  # fmt: skip
            known.add(about)
            if kind in moves and opens_breach(desk.rulebook, moves[kind]):
                moved.append((event, moves[kind], entry.get("destination")))
            else:
                said.append(event)
        placed = tuple(desk.append(said)) if said else ()
        if not moved:
            return Done(placed)
        done = desk.with_breaches(moved)
        return replace(done, events=(*placed, *done.events))

    return desk.once(f"{idempotency_key}/0", act, all_of=idempotency_key)


@dataclass(frozen=True)
class Member:
    """Somebody of a household being registered. `identity` goes to the vault, nowhere else."""

    facts: Mapping[str, Any]
    identity: Mapping[str, str] = field(default_factory=dict)
    person: str = ""


def register_household(
    actor: Acting,
    members: Sequence[Member],
    *,
    effective: str,
    household: str = "",
    facts: Mapping[str, Any] | None = None,
    evidence: Sequence[str] = (),
    idempotency_key: str,
) -> Done:
    """Register people of one household: names to the vault, events to the log, together.

    facts  the household's own; its roster size is the number of members when it is left out
    """
    desk = _Desk(actor)
    desk.key(idempotency_key)
    duties.require(actor, "", [(duties.REGISTER,)])

    def act() -> Done:
        home = household or str(uuid.uuid4())
        events = []
        if not desk.exists(Subject("household", home)):
            events.append(
                desk.event(
                    Subject("household", home), REGISTERED, effective, opens=True,
                    facts={"roster_size": len(members), **(facts or {})}, evidence=evidence,
                    key=f"{idempotency_key}/household",
                )
            )  # fmt: skip
        identities = {}
        for number, member in enumerate(members):
            person = member.person or str(uuid.uuid4())
            identities[person] = dict(member.identity)
            events.append(
                desk.event(
                    Subject(PERSON, person), REGISTERED, effective, opens=True,
                    facts={**member.facts, "household": home}, evidence=evidence,
                    key=idempotency_key if number == 0 else f"{idempotency_key}/{number}",
                )
            )  # fmt: skip
        named = {person: fields for person, fields in identities.items() if fields}
        if named:
            desk.operation.vault.put(named)
        return Done(tuple(desk.append(events)))

    return desk.once(idempotency_key, act)


def correct(
    actor: Acting,
    event_id: str,
    *,
    facts: Mapping[str, Any],
    effective: str | None = None,
    evidence: Sequence[str] = (),
    revision: int | None = None,
    idempotency_key: str,
) -> Done:
    """Say an earlier event again, rightly. The wrong one stays in the log and counts no more."""
    desk = _Desk(actor)
    desk.key(idempotency_key)

    def act() -> Done:
        old = desk.standing(event_id)
        desk.may_record(old.subject, old.kind, {**old.facts, **facts})
        if revision is not None and old.subject.kind == PERSON:
            desk.unchanged([old.subject.id], revision)
        event = desk.event(
            old.subject, old.kind, effective or old.effective,
            facts={**old.facts, **facts}, evidence=(*old.evidence, *evidence),
            supersedes=old.id, key=idempotency_key,
        )  # fmt: skip
        return Done(tuple(desk.append([event])))

    return desk.once(idempotency_key, act)


def retract(
    actor: Acting, event_id: str, *, evidence: Sequence[str] = (), idempotency_key: str
) -> Done:
    """Take an event back that should never have been recorded; it stays in the log."""
    desk = _Desk(actor)
    desk.key(idempotency_key)

    def act() -> Done:
        event = desk.taken_back(event_id, idempotency_key, evidence)
        return Done(tuple(desk.append([event])))

    return desk.once(idempotency_key, act)


# ---------------------------------------------------------------------------------------------
# Overrides: two people and a reason
# ---------------------------------------------------------------------------------------------


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

    desk = _Desk(actor)
    duties.require(actor, person, [("override.propose",)])
    trial = Override(
        person, move, finding, destination, (actor.account_id, f"{actor.account_id} and another"),
        reason, valid_on,
    )  # fmt: skip
    if faults := override_faults(trial, desk.rulebook):
        raise Faults(faults)
    with desk.store.writing():
        made = Proposal(
            operation=desk.operation.settings.id, proposal=str(uuid.uuid4()), kind=OVERRIDE,
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
    desk = _Desk(actor)

    def act() -> Done:
        asked = desk.undecided(proposal)
        duties.require(actor, asked.person, [("override.approve",)])
        if date.fromisoformat(asked.asked["valid_on"]) < desk.operation.default_date():
            raise OnwardError(
                "The day it was asked for has passed. Decline it; if the step is still wanted, ask "
                "again for a day to come."
            )
        if asked.by == actor.account_id:
            raise OnwardError(
                "Nobody approves what they asked for; a second person must look at it."
            )
        event = desk.event(
            Subject(PERSON, asked.person), OVERRIDE, asked.asked["valid_on"],
            facts={**asked.asked, "approved_by": sorted([asked.by, actor.account_id])},
            key=f"override:{proposal}",
        )  # fmt: skip
        done = Done(tuple(desk.append([event])))
        desk.decide(asked, "approved")
        return done

    return desk.once(f"override:{proposal}", act)


def refuse_override(actor: Acting, proposal: str) -> None:
    """Decline what another person asked for."""
    desk = _Desk(actor)
    with desk.store.writing():
        asked = desk.undecided(proposal)
        duties.require(actor, asked.person, [("override.approve",)])
        desk.decide(asked, "refused")


# ---------------------------------------------------------------------------------------------
# What the acts share
# ---------------------------------------------------------------------------------------------


class _Seen:
    """What was read at once of something that is recorded about (`_Desk.look`).

    thing    the row of it that is kept; None: it is a person, or nothing is kept
    people   whom it is about, by id
    exists   whether anything was ever said of it
    """

    def __init__(self, about: Subject, owner: str, answers: Sequence[Sequence[Any]]) -> None:
        _end, _state, things, people, events = answers
        self.about, self.owner = about, owner
        self.thing = next(iter(things), None)
        self.people = {row.person: row for row in people}
        self.exists = bool(events)


class _Desk:
    """One act's view of the open operation."""

    def __init__(self, actor: Acting) -> None:
        from onward.registry.web.site import operation

        self.actor = actor
        self.operation: Operation = operation()
        self.rulebook = self.operation.rulebook
        store = self.operation.store
        assert isinstance(store, DatabaseStore)
        self.store: DatabaseStore = store
        self._seen: _Seen | None = None

    def look(self, about: Subject, owner: str) -> tuple[tuple[int, str], Any]:
        """Read in one trip what recording about something asks first; it counts until the turn
        to write begins, when all of it is read again.

        Returns the size of the log with the instant of its last event, and how far the rows are.
        """
        from onward.registry.database import trips

        answers = trips.ask(*self._questions(about, owner))
        peaks, last = end_of(answers[0])
        self._seen = _Seen(about, owner, answers)
        return (peaks.size, last), next(iter(answers[1]), None)

    def _questions(self, about: Subject, owner: str) -> list[Any]:
        """What `_Seen` reads, the end of the log before everything else."""
        from onward.registry.models import EventRow, PersonNow, ProjectionState, ThingNow

        things = ThingNow.objects.filter(kind=about.kind, thing=about.id)
        rows = EventRow.objects.filter(subject_kind=about.kind, subject_id=about.id)
        owners = PersonNow.objects.filter(person=owner) if owner else PersonNow.objects.none()
        return [
            self.store.end_question(),
            ProjectionState.objects.filter(name=how_far.NOW),
            things if about.kind != PERSON else things.none(),
            owners,
            rows.values_list("seq")[:1],
        ]

    def key(self, key: str) -> None:
        if not key:
            raise OnwardError(
                "An act needs an idempotency key, so that sending twice does once."
            )

    def may_record(self, about: Subject, kind: str, facts: Mapping[str, Any]) -> None:
        """Refuse who may not record this, or not about this person."""
        from onward.registry.models import ThingNow

        needed = duties.to_record(self.rulebook, about.kind, kind, facts)
        seen = self._seen if self._seen is not None and self._seen.about == about else None
        rows = seen.people if seen is not None else None
        if about.kind == PERSON:
            person = "" if kind == REGISTERED else about.id
            duties.require(self.actor, person, needed, rows=rows if person else None)
            return
        # Whom it is said to be about, and whom it is about on record: neither hides the other.
        if seen is not None:
            row = seen.thing
        else:
            row = ThingNow.objects.filter(kind=about.kind, thing=about.id).first()
        said = str(facts.get("person") or "")
        for person in {said, str((row.person if row else None) or said)}:
            known = rows if seen is not None and person == seen.owner else None
            duties.require(self.actor, person, needed, rows=known)

    def move(self, key: str) -> Move:
        moves = self.rulebook.moves()
        if key not in moves:
            raise Faults([Fault("", "", "move", f'no move "{key}" in the rulebook in force')])
        return moves[key]

    def facts(self, kind: str) -> Mapping[str, Any]:
        return self.rulebook.kinds[kind].facts

    def not_tomorrow(self, on: date) -> None:
        if on > self.operation.default_date():
            raise OnwardError(
                f"{on} has not come; a step is authorised on its day, not before. "
                "Ask what will be open then with: onward check."
            )

    def once(
        self,
        key: str,
        act: Callable[[], Done],
        *,
        all_of: str = "",
        look: tuple[Subject, str] | None = None,
    ) -> Done:
        """Do an act in one transaction, or return what it did when it was sent before.

        key     the key of the first event that the act writes
        all_of  what the keys of the others begin with, when it is not that key
        look    what the act is about, and of whom: read in the same trip, as in `look`
        """
        self._seen = None
        questions = [] if look is None else self._questions(*look)
        sent = self.store.where("idempotency_key = %s", [key])
        with self.store.writing(sent, *questions) as (rows, *answers):
            first = events_of(rows)
            if not first:
                self._know(key, look, answers)
                return act()
            base = f"{all_of or key}/"
            others = self.store.read_where(
                "substr(idempotency_key, 1, %s) = %s AND idempotency_key <> %s",
                [len(base), base, key],
            )
            events = sorted((*first, *others), key=lambda event: event.seq)
            return Done(tuple(events), again=True)

    def _know(self, key: str, look: tuple[Subject, str] | None, answers: list[Any]) -> None:
        """Keep for this turn what was read as it began."""
        turn = self.store.turn()
        if turn is None:
            return
        turn.unused.add(key)
        if look is not None:
            turn.end = end_of(answers[0])
            turn.kept[how_far.NOW] = next(iter(answers[1]), None)
            self._seen = _Seen(*look, answers)

    def unchanged(
        self, people: Sequence[str], revision: int | Mapping[str, int] | None
    ) -> None:
        from onward.registry.models import PersonNow

        if projection.follow(self.operation):
            self._seen = None  # the rows were made again
        if revision is None:
            return
        for person in people:
            seen = revision if isinstance(revision, int) else revision.get(person)
            if self._seen is not None and self._seen.owner == person:
                row = self._seen.people.get(person)
            else:
                row = PersonNow.objects.filter(person=person).first()
            if seen is not None and row is not None and row.revision > seen:
                raise StaleEdit(seen, row.revision)

    def asked(
        self,
        people: Sequence[str],
        move: str,
        on: date,
        *,
        destination: str | None = None,
        at: When | None = None,
        overrides: Sequence[Override] = (),
        consent: str = "",
    ) -> Evaluation:
        """The safeguards' answer now.

        consent  the only one of these people that counts: a choice is carried by the consent
                 given with it, not by an older one
        """
        caseload = neighbourhood.neighbourhood(self.operation, people, on)
        if consent:
            held = caseload.tables["consent"]
            theirs = pc.is_in(held["person"], value_set=pa.array(list(people)))
            counts = pc.or_(pc.invert(theirs), pc.equal(held["id"], consent))
            caseload = replace(
                caseload, tables={**caseload.tables, "consent": held.filter(counts)}
            )
        return evaluate(
            caseload, move, on=on, engine=neighbourhood.engine(), destination=destination, at=at,
            people=people, overrides=overrides,
        )  # fmt: skip

    def exists(self, subject: Subject) -> bool:
        if self._seen is not None and self._seen.about == subject:
            return self._seen.exists
        return subject in self.known([subject])

    def known(self, subjects: Sequence[Subject]) -> set[Subject]:
        """Those of these subjects of which something is on record."""
        from onward.registry.models import EventRow

        found: set[Subject] = set()
        ids = sorted({subject.id for subject in subjects})
        for at in range(0, len(ids), CHUNK):
            rows = EventRow.objects.filter(
                subject_kind__in={subject.kind for subject in subjects},
                subject_id__in=ids[at : at + CHUNK],
            )
            pairs = rows.values_list("subject_kind", "subject_id").distinct()
            found |= {Subject(kind, name) for kind, name in pairs}
        return found & set(subjects)

    def event(
        self,
        subject: Subject,
        kind: str,
        effective: str,
        *,
        key: str,
        facts: Mapping[str, Any] | None = None,
        evidence: Sequence[str] = (),
        supersedes: str | None = None,
        opens: bool = False,
    ) -> Event:
        given = dict(facts or {})
        if opens and subject.kind in self.rulebook.kinds:
            given = opening_facts(subject.kind, given, self.rulebook)
        return new_event(
            self.rulebook,
            operation=self.operation.settings.id,
            subject=subject,
            kind=kind,
            effective=effective,
            by=self.actor.account_id,
            instant=datetime.now(UTC),
            random=random.SystemRandom(),
            facts=given,
            evidence=[text for text in evidence if text],
            supersedes=supersedes,
            idempotency_key=key,
        )

    def append(self, events: Sequence[Event]) -> Sequence[Event]:
        projection.follow(self.operation)
        self._seen = None  # from now on it is what it was
        placed = self.store.append(
            events,
            also=lambda placed: projection.refresh(self.operation, placed),
            beside=lambda placed: foreseeing.foreseen(self.operation, placed),
        )
        if len(placed) != len(events):  # else a breach could be passed over without a word
            raise OnwardError(
                "Something else was recorded under the same key; nothing was recorded. "
                "Open the form again and send it from there."
            )
        return placed

    def standing(self, event_id: str) -> Event:
        """An event that nothing corrects or retracts yet."""
        found = self.store.read_where("event_id = %s", [event_id])
        if not found:
            raise OnwardError("There is no such event in this record.")
        if self.store.read_where("supersedes = %s", [event_id]):
            raise OnwardError(
                "That event was corrected or taken back already; correct the one that stands."
            )
        return found[0]

    def taken_back(self, event_id: str, key: str, evidence: Sequence[str] = ()) -> Event:
        """The event that takes another one back, for who may record such a one."""
        old = self.standing(event_id)
        self.may_record(old.subject, old.kind, old.facts)
        return self.event(
            old.subject, RETRACTED, old.effective, supersedes=old.id, evidence=evidence, key=key
        )

    def said_again(self, event_id: str, facts: Mapping[str, Any], key: str) -> Event:
        """The event that stands in place of another one, with these facts only."""
        old = self.standing(event_id)
        self.may_record(old.subject, old.kind, old.facts)
        return self.event(
            old.subject, old.kind, old.effective, facts=facts, evidence=old.evidence,
            supersedes=old.id, key=key,
        )  # fmt: skip

    def with_breaches(self, moved: Sequence[tuple[Event, Move, str | None]]) -> Done:
        """Movements that took place, the breaches they open, and the pause of like moves.

        moved  each movement, and where it went; None: where the person chose to go
        """
        from onward.registry.permissions.alarms import raise_alarm

        events: list[Event] = []
        pauses: list[str] = []
        opened: list[Breach] = []
        for (event, move, _to), (breach, to) in zip(moved, self.breaches(moved), strict=True):
            events.append(event)
            if breach is None:
                continue
            opened.append(breach)
            base, day = event.idempotency_key, day_range(event.effective)[1]
            events.append(
                self.event(
                    event.subject, "breach", event.effective, facts=breach.facts(),
                    evidence=event.evidence, key=f"{base}/breach",
                )
            )  # fmt: skip
            # A person who leaves alone, or is taken, does not close the way for others: the
            # pause is for what this operation carried out itself.
            if not move.records and "incident" in self.rulebook.kinds:
                known = {"destination": to} if to else {}
                events.append(
                    self.event(
                        Subject("incident", str(uuid.uuid4())), RECORDED, day.isoformat(),
                        facts={"person": event.subject.id, "severity": SEVERE,
                               "happened_on": day.isoformat(), **known},
                        opens=True, key=f"{base}/pause",
                    )
                )  # fmt: skip
                pauses.append(to or "")
        placed = tuple(self.append(events))
        for breach in opened:
            raise_alarm("breach", account=self.actor.account_id, person=breach.person)
        return Done(placed, tuple(opened), pauses=tuple(dict.fromkeys(pauses)))

    def breaches(
        self, moved: Sequence[tuple[Event, Move, str | None]]
    ) -> list[tuple[Breach | None, str | None]]:
        """The breach each movement opens, and where it went, judged by what was known before
        any of them: one question for all who made the same move to the same place on a day."""
        groups: dict[tuple[str, date, str | None], list[str]] = {}
        for event, move, to in moved:
            on = move.key, day_range(event.effective)[1], to
            groups.setdefault(on, []).append(event.subject.id)
        found: dict[tuple[str, date, str | None, str], tuple[Breach | None, str | None]] = {}
        for (key, day, to), people in groups.items():
            for person, answer in self._judged(people, key, day, to).items():
                found[key, day, to, person] = answer
        return [
            found[move.key, day_range(event.effective)[1], to, event.subject.id]
            for event, move, to in moved
        ]

    def _judged(
        self, people: Sequence[str], key: str, day: date, destination: str | None
    ) -> dict[str, tuple[Breach | None, str | None]]:
        move = self.rulebook.moves()[key]
        at: When = "movement" if self.rulebook.is_movement(move) else "decision"
        people = list(dict.fromkeys(people))
        try:
            answer = self.asked(people, key, day, destination=destination, at=at)
        except Faults:
            if len(people) > 1:  # somebody of them is not known: each is asked about alone
                return {
                    person: self._judged([person], key, day, destination)[person]
                    for person in people
                }
            # Nobody is known by this id on that day: nothing is known, so everything failed.
            findings = asked_findings(self.rulebook, move, at)
            tell = tuple(dict.fromkeys(finding.owner_role for finding in findings))
            keys = tuple(finding.key for finding in findings)
            return {person: (Breach(person, key, keys, tell), destination) for person in people}
        to = dict(
            zip(
                answer.answers["person"].to_pylist(),
                answer.answers["destination"].to_pylist(),
                strict=True,
            )
        )
        return {person: (breach_for(answer, person), to[person]) for person in people}

    def undecided(self, proposal: str) -> Any:
        from onward.registry.models import Proposal

        found = Proposal.objects.filter(proposal=proposal).first()
        if found is None or found.state != "asked":
            raise OnwardError("There is no such question, or it was decided already.")
        return found

    def decide(self, asked: Any, state: str) -> None:
        from onward.registry.models import Proposal

        Proposal.objects.filter(proposal=asked.proposal).update(
            state=state, decided_by=self.actor.account_id, decided_at=_now()
        )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
