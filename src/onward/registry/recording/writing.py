"""One act on the open record: its turn to write, what it may write, and writing it once.

Exists so that what every act owes is in one place: the same request sent twice does once, nobody
writes over what they have not seen, and the rows the desk reads change with the log. In comes who
acts; out goes `Done`. What an act means is said by `authorising`, `happened` and `exceptions`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload.events import (
    PERSON,
    REGISTERED,
    RETRACTED,
    Event,
    Subject,
    new_event,
    opening_facts,
)
from onward.caseload.units import DESTINATION, PATHWAY
from onward.errors import Fault, Faults, OnwardError
from onward.registry.identities import put_right
from onward.registry.log.db_store import DatabaseStore, end_of, events_of
from onward.registry.now import foreseeing, how_far, neighbourhood, projection
from onward.registry.operation import Operation
from onward.registry.recording import afterwards, duties
from onward.registry.recording.actors import Acting
from onward.rulebook.model import Move
from onward.safeguards.evaluate import Evaluation, evaluate
from onward.safeguards.record import Breach


@dataclass(frozen=True)
class Done:
    """What an act wrote.

    events    as the log has them; the same ones when the act was sent twice. Contacts that are due
              because of them are written with them and are not among them
    breaches  steps that took place against a safeguard, and which roles must be told
    again     the act had been done before under the same idempotency key
    pauses    destinations to which every like move now waits for a review
    """

    events: tuple[Event, ...]
    breaches: tuple[Breach, ...] = ()
    again: bool = False
    pauses: tuple[str, ...] = ()

    @property
    def tell(self) -> tuple[str, ...]:
        """The roles that must be told of the breaches."""
        return tuple(dict.fromkeys(role for breach in self.breaches for role in breach.tell))


class StaleEdit(OnwardError):
    """Somebody recorded something about this person since the page was opened."""

    exit_code = 1

    def __init__(self, since: int, now: int) -> None:
        self.since, self.now = since, now
        super().__init__(
            "Something was recorded about this person or the household since you opened the "
            "page. Nothing was recorded. Look at what is new, then send it again."
        )


class _Seen:
    """What was read at once of something that is recorded about (`Writing.look`).

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


class Writing:
    """One act's view of the open operation."""

    def __init__(self, actor: Acting) -> None:
        from onward.registry.site import operation

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

    def key(self, key: str, *said: tuple[Subject, Mapping[str, Any]]) -> None:
        """Refuse an act without a key, and names by which no store could be asked.

        said  what it is about, and the facts, which may name a person
        """
        if not key:
            raise OnwardError(
                "An act needs an idempotency key, so that sending twice does once."
            )
        names = [key]
        for about, facts in said:
            names += [about.kind, about.id, str(facts.get("person") or "")]
        if not all(name.isprintable() for name in names):
            raise Faults([Fault("", "", "id", "signs that no id has", "letters and digits")])

    def may_record(self, about: Subject, kind: str, facts: Mapping[str, Any]) -> None:
        """Refuse who may not record this, or not about this person, and what no hand writes."""
        seen = self._seen if self._seen is not None and self._seen.about == about else None
        if seen is not None:
            people = {seen.owner: seen.people.get(seen.owner)}
            self._may_record(about, kind, facts, seen.thing, people)
        else:
            self.may_record_all([(about, kind, facts)])

    def may_record_all(self, said: Sequence[tuple[Subject, str, Mapping[str, Any]]]) -> None:
        """As `may_record`, for many at once: two questions, however many they are."""
        if (found := self.refused(said)) is not None:
            raise found[1]

    def refused(
        self, said: Sequence[tuple[Subject, str, Mapping[str, Any]]]
    ) -> tuple[int, OnwardError] | None:
        """The first of these that this actor may not record, by its place, and why not."""
        from onward.registry.models import PersonNow, ThingNow

        things: dict[tuple[str, str], Any] = {}
        names = sorted({about.id for about, _kind, _facts in said if about.kind != PERSON})
        for part in neighbourhood.parts(names):
            for row in ThingNow.objects.filter(thing__in=part):
                things[row.kind, row.thing] = row
        whose = {about.id for about, _kind, _facts in said if about.kind == PERSON}
        whose |= {str(facts.get("person") or "") for _about, _kind, facts in said}
        whose |= {str(row.person or "") for row in things.values()}
        people: dict[str, Any] = dict.fromkeys(whose)
        for part in neighbourhood.parts(sorted(whose - {""})):
            people |= {row.person: row for row in PersonNow.objects.filter(person__in=part)}
        for number, (about, kind, facts) in enumerate(said):
            thing = things.get((about.kind, about.id))
            try:
                self._may_record(about, kind, facts, thing, people)
            except OnwardError as why:
                return number, why
        return None

    def _may_record(
        self, about: Subject, kind: str, facts: Mapping[str, Any], thing: Any,
        people: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """thing    what is on record of it; None: nothing
        people   those who were looked for, with what is on record of each; None: nothing
        """
        if kind in duties.OF_THEIR_OWN:
            raise OnwardError(
                f'"{kind}" is written by the act that makes it, and by nobody\'s hand.'
            )
        withdrawal = duties.WITHDRAWS.get(about.kind, "")
        taken_back = thing is not None and thing.facts.get(withdrawal) is True
        if taken_back and facts.get(withdrawal, True) is not True:
            raise OnwardError(
                "What a person took back stays taken back. If they agree again, record that as "
                "new, as they sign it."
            )
        if facts.get(duties.SEEN_TO.get(about.kind, "")) and self._paused_by_own(about):
            raise OnwardError(
                "You recorded the movement that holds these moves up; somebody else reviews it."
            )
        needed = duties.to_record(self.rulebook, about.kind, kind, facts)
        if thing is not None:
            said = {**thing.facts, "person": thing.person}
            other = {name for name, value in facts.items() if said.get(name) != value}
            if other & duties.settled(self.rulebook, about.kind, said):
                needed.append(duties.SETTLES[about.kind])
        if about.kind == PERSON:
            new = kind == REGISTERED and people.get(about.id) is None
            whom = {"" if new else about.id}
        else:  # said to be about, and on record as about: neither hides the other
            now = str(facts.get("person") or "")
            whom = {now, str((thing.person if thing else None) or now)}
        for person in whom:
            looked = {person: people[person]} if person in people else None
            duties.require(self.actor, person, needed, rows=looked if person else None)

    def _paused_by_own(self, about: Subject) -> bool:
        """Whether it is the pause of like moves that a movement recorded by this actor opened."""
        from onward.registry.models import EventRow

        opened = EventRow.objects.filter(subject_kind=about.kind, subject_id=about.id)
        return opened.filter(by=self.actor.account_id, key__endswith=duties.PAUSE).exists()

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
            caseload, move, on=on, engine=neighbourhood.engine(), destination=destination,
            people=people,
        )  # fmt: skip

    def cited(self, seqs: Sequence[int]) -> tuple[str, ...]:
        """The ids of exceptions on record, as a step cites them that is taken under them."""
        if not seqs:
            return ()
        marks = ", ".join(["%s"] * len(seqs))
        return tuple(event.id for event in self.store.read_where(f"seq IN ({marks})", seqs))

    def exists(self, subject: Subject) -> bool:
        if self._seen is not None and self._seen.about == subject:
            return self._seen.exists
        return subject in self.known([subject])

    def known(self, subjects: Sequence[Subject]) -> set[Subject]:
        """Those of these subjects of which something is on record."""
        from onward.registry.models import EventRow

        found: set[Subject] = set()
        ids = sorted({subject.id for subject in subjects})
        for part in neighbourhood.parts(ids):
            rows = EventRow.objects.filter(
                subject_kind__in={subject.kind for subject in subjects}, subject_id__in=part
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
        puts_right: Sequence[str] = (),
        supersedes: str | None = None,
        opens: bool = False,
    ) -> Event:
        """puts_right: the fields of the vault that are put right with it, which nobody says by hand:
        no list would correct them any more."""
        if put_right.fields_of(evidence):
            raise OnwardError(
                "What begins with “put-right:” is written by the record itself. Name the paper by another "
                "reference."
            )
        given = {**self._given_up(kind), **(facts or {})}
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
            evidence=[
                *(text for text in evidence if text),
                *(put_right.MARK + field for field in puts_right),
            ],
            supersedes=supersedes,
            idempotency_key=key,
        )

    def gives_up(self, kind: str) -> bool:
        """Whether it is recorded by this that a person takes their choice back, or makes none."""
        move = self.rulebook.moves().get(kind)
        if move is None or not move.records:
            return False
        return self.rulebook.transitions[move.transition].pathway == "chosen"

    def _given_up(self, kind: str) -> dict[str, None]:
        """Whoever takes their choice back, or makes none, has none: their family is judged by that."""
        if not self.gives_up(kind):
            return {}
        known = self.rulebook.kinds[PERSON].facts
        return {name: None for name in (PATHWAY, DESTINATION) if name in known}

    def append(self, events: Sequence[Event]) -> Sequence[Event]:
        """Write events with what follows from them for contacts; returns the events themselves."""
        projection.follow(self.operation)
        self._seen = None  # from now on it is what it was
        contacts = afterwards.beside(
            self.store, self.rulebook, events, operation=self.operation.settings.id,
            by=self.actor.account_id,
        )  # fmt: skip
        placed = self.store.append(
            [*events, *contacts],
            also=lambda placed: projection.refresh(self.operation, placed),
            beside=lambda placed: foreseeing.foreseen(self.operation, placed),
        )
        if len(placed) != len(events) + len(contacts):
            # Else a breach could be passed over without a word.
            raise OnwardError(
                "Something else was recorded under the same key; nothing was recorded. "
                "Open the form again and send it from there."
            )
        return placed[: len(events)]

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

    def to_put_right(self, event_id: str) -> Event:
        """An event that may be corrected or taken back: not what a person said of themselves."""
        old = self.standing(event_id)
        if duties.is_their_word(self.rulebook, old.subject.kind, old.kind, old.facts):
            raise OnwardError(
                "What a person refused, withdrew, claimed or complained of is never taken back or "
                "put right. If they say something else now, record that."
            )
        return old

    def taken_back(self, event_id: str, key: str, evidence: Sequence[str] = ()) -> Event:
        """The event that takes another one back, for who may record such a one."""
        old = self.to_put_right(event_id)
        self.may_record(old.subject, old.kind, old.facts)
        return self.event(
            old.subject, RETRACTED, old.effective, supersedes=old.id, evidence=evidence, key=key
        )

    def said_again(self, event_id: str, facts: Mapping[str, Any], key: str) -> Event:
        """The event that stands in place of another one, with these facts only."""
        old = self.to_put_right(event_id)
        self.may_record(old.subject, old.kind, old.facts)
        return self.event(
            old.subject, old.kind, old.effective, facts=facts,
            evidence=put_right.papers(old.evidence), supersedes=old.id, key=key,
        )  # fmt: skip
