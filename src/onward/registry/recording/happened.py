"""Recording what happened, and putting right what was recorded wrongly.

Exists because a record that refuses the truth stops being true: no safeguard is asked whether it
may be recorded. A movement that took place against one opens a breach (`breached`). In come a
subject, a kind of event, a day and facts; out goes what was written.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from onward.caseload.events import PERSON, RECORDED, REGISTERED, Event, Subject
from onward.registry.identities import put_right
from onward.registry.now import foreseeing
from onward.registry.recording import breached, duties
from onward.registry.recording.actors import Acting
from onward.registry.recording.breached import Moved
from onward.registry.recording.writing import Done, Writing
from onward.safeguards.record import WENT_TO, opens_breach


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
    destination  where to, or to whom, for a movement; None: the person's own chosen one;
                 NOT_KNOWN: nobody knows where
    raises       Faults for an event that is malformed, StaleEdit; never because of a safeguard
    """
    writing = Writing(actor)
    about = subject if isinstance(subject, Subject) else Subject(*subject)
    writing.key(idempotency_key, (about, facts or {}))
    owner = about.id if about.kind == PERSON else str((facts or {}).get("person") or "")
    end, state = writing.look(about, owner)
    writing.may_record(about, kind, facts or {})

    def made() -> Event:
        return writing.event(
            about, kind, effective, facts=facts, evidence=evidence, key=idempotency_key,
            opens=kind in (RECORDED, REGISTERED) and not writing.exists(about),
        )  # fmt: skip

    moves = writing.rulebook.moves()
    alone = kind not in moves or not opens_breach(writing.rulebook, moves[kind])
    if alone:
        foreseeing.foresee(writing.operation, [made()], end=end, state=state)

    def act() -> Done:
        if revision is not None:
            writing.unchanged([owner] if owner else [], revision)
        event = made()
        if alone:
            return Done(tuple(writing.append([event, *_falls_with(writing, event)])))
        return breached.write(writing, [Moved(event, moves[kind], destination)])

    return writing.once(idempotency_key, act, look=(about, owner))


FOR: Mapping[str, tuple[str, ...]] = {
    "consent": ("pathway", "destination"),
    "release": ("recipient", "purpose"),
    "waiver": ("destination",),
}
"""What somebody agrees to with each of these. Consents are renewed, so several may stand for one thing."""


def _falls_with(writing: Writing, event: Event) -> list[Event]:
    """What else of a person's word no longer stands when they take something back: every other consent,
    release or waiver for the same, and with the choice itself every consent to a pathway. Else
    an older one would go on opening what the person has taken back."""
    from onward.registry.models import ThingNow
    from onward.registry.now import projection

    kind, gave_up = event.subject.kind, writing.gives_up(event.kind)
    if gave_up:
        kind = "consent"
    name = duties.WITHDRAWS.get(kind, "")
    known = kind in writing.rulebook.kinds and name in writing.facts(kind)
    if not known or not (gave_up or event.facts.get(name) is True):
        return []
    projection.follow(writing.operation)
    said, person = dict(event.facts), event.subject.id
    if not gave_up:
        thing = ThingNow.objects.filter(kind=kind, thing=event.subject.id).first()
        if thing is not None:
            said = {**thing.facts, "person": thing.person, **said}
        person = str(said.get("person") or "")
    same = () if gave_up else FOR[kind]
    standing = [
        row
        for row in ThingNow.objects.filter(kind=kind, person=person).order_by("thing")
        if row.thing != event.subject.id
        and row.facts.get(name) is not True
        and _may_be_for_one(said, row.facts, same)
    ]
    return [
        writing.event(
            Subject(kind, row.thing), RECORDED, event.effective, facts={name: True},
            evidence=put_right.papers(event.evidence), key=f"{event.idempotency_key}/{number}",
        )
        for number, row in enumerate(standing, 1)
    ]  # fmt: skip


def _may_be_for_one(
    said: Mapping[str, Any], other: Mapping[str, Any], names: Sequence[str]
) -> bool:
    """Whether two of a person's words are for the same thing. What is not known may be the same."""
    pairs = [(said.get(name), other.get(name)) for name in names]
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


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
    writing = Writing(actor)
    told = [(n, entry) for n, entry in enumerate(entries) if "subject" in entry]
    abouts = [
        about if isinstance(about := entry["subject"], Subject) else Subject(*about)
        for _number, entry in told
    ]
    facts = [entry.get("facts") or {} for _number, entry in told]
    writing.key(idempotency_key, *zip(abouts, facts, strict=True))

    def act() -> Done:
        moves = writing.rulebook.moves()
        said: list[Event] = []
        for number, entry in enumerate(entries):
            if "takes_back" in entry:
                said.append(
                    writing.taken_back(entry["takes_back"], f"{idempotency_key}/{number}")
                )
            elif "corrects" in entry:
                key = f"{idempotency_key}/{number}"
                said.append(writing.said_again(entry["corrects"], entry["facts"], key))
        kinds = [entry["kind"] for _number, entry in told]
        writing.may_record_all(list(zip(abouts, kinds, facts, strict=True)))
        known = writing.known(abouts)
        moved: list[Moved] = []
        for (number, entry), about in zip(told, abouts, strict=True):
            if entry.get("revision") is not None and about.kind == PERSON:
                writing.unchanged([about.id], entry["revision"])
            kind = entry["kind"]
            event = writing.event(
                about, kind, entry["effective"], facts=entry.get("facts"),
                evidence=entry.get("evidence") or (), key=f"{idempotency_key}/{number}",
                opens=kind in (RECORDED, REGISTERED) and about not in known,
            )  # fmt: skip
            known.add(about)
            if kind in moves and opens_breach(writing.rulebook, moves[kind]):
                moved.append(Moved(event, moves[kind], entry.get("destination")))
            else:
                said.append(event)
                said += [
                    falls
                    for falls in _falls_with(writing, event)
                    if not any(
                        each.subject == falls.subject
                        and falls.facts.items() <= each.facts.items()
                        for each in said
                    )
                ]
        placed = tuple(writing.append(said)) if said else ()
        if not moved:
            return Done(placed)
        done = breached.write(writing, moved)
        return replace(done, events=(*placed, *done.events))

    return writing.once(f"{idempotency_key}/0", act, all_of=idempotency_key)


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
    writing = Writing(actor)
    writing.key(idempotency_key)
    said = {name for member in members for name in member.facts}
    needed = [(duties.REGISTER,), *duties.of_person(writing.rulebook, said)]
    duties.require(actor, "", needed)

    def act() -> Done:
        # Whoever is here already is registered again only by who may see them.
        known = [m for m in members if m.person]
        writing.may_record_all([(Subject(PERSON, m.person), REGISTERED, {}) for m in known])
        home = household or str(uuid.uuid4())
        events = []
        if not writing.exists(Subject("household", home)):
            events.append(
                writing.event(
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
                writing.event(
                    Subject(PERSON, person), REGISTERED, effective, opens=True,
                    facts={**member.facts, "household": home}, evidence=evidence,
                    key=idempotency_key if number == 0 else f"{idempotency_key}/{number}",
                )
            )  # fmt: skip
        named = {person: fields for person, fields in identities.items() if fields}
        if named:
            writing.operation.vault.put(named)
        return Done(tuple(writing.append(events)))

    return writing.once(idempotency_key, act)


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
    """Say an earlier event again, rightly. The wrong one stays in the log and counts no more.

    A movement that turns out to have been on another day, or to somewhere else, is judged by what
    was known of that day and for that place.
    """
    writing = Writing(actor)
    writing.key(idempotency_key)

    def act() -> Done:
        old = writing.to_put_right(event_id)
        writing.may_record(old.subject, old.kind, {**old.facts, **facts})
        if revision is not None and old.subject.kind == PERSON:
            writing.unchanged([old.subject.id], revision)
        event = writing.event(
            old.subject, old.kind, effective or old.effective,
            facts={**old.facts, **facts},
            evidence=(*put_right.papers(old.evidence), *evidence),
            supersedes=old.id, key=idempotency_key,
        )  # fmt: skip
        move = writing.rulebook.moves().get(old.kind)
        elsewhere = facts.get(WENT_TO, old.facts.get(WENT_TO)) != old.facts.get(WENT_TO)
        again = event.effective != old.effective or elsewhere
        if move and again and opens_breach(writing.rulebook, move):
            return breached.write(writing, [Moved(event, move)])
        return Done(tuple(writing.append([event])))

    return writing.once(idempotency_key, act)


def retract(
    actor: Acting, event_id: str, *, evidence: Sequence[str] = (), idempotency_key: str
) -> Done:
    """Take an event back that should never have been recorded; it stays in the log."""
    writing = Writing(actor)
    writing.key(idempotency_key)

    def act() -> Done:
        event = writing.taken_back(event_id, idempotency_key, evidence)
        return Done(tuple(writing.append([event])))

    return writing.once(idempotency_key, act)
