"""The contacts that the rulebook's calendar asks for after an outcome: which are due, which are not.

Exists so that nobody who left is looked for only if somebody remembers to plan it. Comes in: what
is on record of some people and of their contacts, with what is about to be recorded. Goes out: the
events to record with it. They depend on nothing but the record: asked again, there are none.
"""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from onward.caseload.contacts import KIND, beyond_reach, is_still_to_be_made
from onward.caseload.events import (
    MERGED,
    PERSON,
    RECORDED,
    RETRACTED,
    Event,
    Subject,
    new_event,
)
from onward.dates import LAST_YEAR, day_range
from onward.rulebook.model import FollowUpRule, Rulebook

DUE = "due_on"
INCIDENT = "incident"
AFTER, TAKEN_BACK, NO_LONGER = "after:", "after-taken-back:", "after-no-longer:"
"""What the keys of events begin with that follow from an outcome, and from its being unsaid."""

_KEY = re.compile(rf"{AFTER}([^:]+):(\d+)(?::\d+)?")


def keeps(rulebook: Rulebook) -> bool:
    """Whether contacts can be kept under a rulebook: it has a kind for them, with a person and a
    day."""
    kind = rulebook.kinds.get(KIND)
    if kind is None or kind.refs.get(PERSON) != PERSON or DUE not in kind.facts:
        return False
    return kind.facts[DUE].type in ("date", "partial_date") and bool(rulebook.contacts_after)


def whom(
    rulebook: Rulebook,
    said: Iterable[Event],
    owners: Callable[[set[str]], Mapping[str, str]] = lambda contacts: {},
) -> set[str]:
    """The people whose contacts may change by some events: an outcome, a death, the end of the
    follow-up or an incident after it, two records found to be one person, anything that corrects or
    takes back what was said of somebody, and, where contacts go on, one of theirs.

    owners  of contacts by id, whose they are; asked only where it matters
    """
    if not keeps(rulebook):
        return set()
    telling = {
        *rulebook.contacts_after, *_deaths(rulebook), *rulebook.follow_up_closed_by, MERGED,
    }  # fmt: skip
    goes_on = any(rule.then_every for rule in rulebook.followed_up.values())
    found, contacts = set(), set()
    for event in said:
        kind = event.subject.kind
        if kind == PERSON and (event.supersedes or event.kind in telling):
            found.add(event.subject.id)
            if event.kind == MERGED:
                found.add(str(event.facts["into"]))
        elif kind == INCIDENT and rulebook.follow_up_closed_by and event.facts.get(PERSON):
            found.add(str(event.facts[PERSON]))
        elif kind == KIND and goes_on:
            if event.facts.get(PERSON):
                found.add(str(event.facts[PERSON]))
            else:
                contacts.add(event.subject.id)
    return found | set(owners(contacts).values()) if contacts else found


def owners_in(log: Iterable[Event]) -> Callable[[set[str]], Mapping[str, str]]:
    """Whose contacts are, by a log."""
    return lambda contacts: {
        event.subject.id: str(event.facts[PERSON])
        for event in log
        if event.subject.kind == KIND
        and event.subject.id in contacts
        and event.facts.get(PERSON)
    }


def everybody_they_are(people: Iterable[str], whose: Mapping[str, str]) -> set[str]:
    """Some people with every other id that they were recorded under.

    whose  merged id -> the id that stands
    """
    ends = {whose.get(person, person) for person in people}
    return {*people, *ends, *(one for one, end in whose.items() if end in ends)}


def merged_into(events: Iterable[Event]) -> dict[str, str]:
    """Who is recorded as whom, by the mergers that stand: merged id -> the id that stands."""
    events = list(events)
    gone = {event.supersedes for event in events if event.supersedes}
    into = {
        event.subject.id: str(event.facts["into"])
        for event in events
        if event.kind == MERGED and event.id not in gone
    }
    return {one: _end(one, into) for one in into}


def about(events: Iterable[Event], people: set[str]) -> list[Event]:
    """What a log says of some people, of the contacts that name one of them, and of what befell them."""
    events = list(events)
    theirs = {
        event.subject.id
        for event in events
        if event.subject.kind == KIND and event.facts.get(PERSON) in people
    }
    return [
        event
        for event in events
        if (event.subject.kind == PERSON and event.subject.id in people)
        or (event.subject.kind == KIND and event.subject.id in theirs)
        or (event.subject.kind == INCIDENT and event.facts.get(PERSON) in people)
    ]


def consequences(
    rulebook: Rulebook,
    events: Sequence[Event],
    *,
    operation: str,
    by: str,
    instant: datetime,
    random: Random,
) -> list[Event]:
    """What must be recorded of the contacts of some people, because of what was said of them.

    events   all that is said of them and of their contacts, in the order of the log, with what is
             about to be recorded at the end

    A contact that somebody has planned for the same person and day stands for the calendar's. One
    that was made stays whatever becomes of the outcome, and one that somebody took back by hand
    is not brought back.
    """
    if not keeps(rulebook):
        return []
    record = _Record(rulebook, events)

    def event(subject: Subject, kind: str, effective: str, key: str, **more: Any) -> Event:
        return new_event(
            rulebook, operation=operation, subject=subject, kind=kind, effective=effective, by=by,
            instant=instant, random=random, idempotency_key=key, **more,
        )  # fmt: skip

    found = []
    for contact in record.unfounded():
        if contact.said_alone:
            found += [
                event(
                    one.subject,
                    RETRACTED,
                    one.effective,
                    TAKEN_BACK + one.id,
                    supersedes=one.id,
                )
                for one in contact.live
            ]
        elif contact.tried_in_vain:
            last = contact.live[-1]
            found.append(
                event(
                    last.subject,
                    RECORDED,
                    last.effective,
                    NO_LONGER + last.id,
                    facts={DUE: None},
                )
            )
    for wanted in record.missing():
        name = wanted.again or str(uuid.UUID(int=random.getrandbits(128), version=4))
        found.append(
            event(
                Subject(KIND, name), RECORDED, wanted.outcome.effective, wanted.key, opens=True,
                facts={PERSON: wanted.outcome.subject.id, DUE: wanted.day.isoformat()},
            )
        )  # fmt: skip
    return found


def planned(events: Iterable[Event], whose: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The calendar's contacts that stand in a log: (person, day as text) -> the contact's id."""
    found = {}
    for contact in _contacts(events):
        person, due = contact.facts.get(PERSON), contact.facts.get(DUE)
        if contact.asked and person is not None and due is not None:
            found[whose.get(person, person), str(due)] = contact.id
    return found


def _deaths(rulebook: Rulebook) -> frozenset[str]:
    dead = beyond_reach(rulebook)
    return frozenset(
        key for key, move in rulebook.moves().items() if move.targets.get("stage") in dead
    )


def is_made(facts: Mapping[str, Any]) -> bool:
    """Whether somebody made a contact, whatever came of it."""
    return facts.get("done_on") is not None or facts.get("result") is not None


@dataclass(frozen=True)
class _Wanted:
    """A contact that the calendar asks for and nobody has planned.

    again  the id of one that was taken back for the same person and day: it is the same contact
    """

    outcome: Event
    day: date
    key: str
    again: str | None


@dataclass
class _Contact:
    """A contact as the log has it.

    id       of the contact
    live     the events about it that stand, in the order of the log
    asked    the events by which the calendar asked for it: again, when an outcome was said again
    by_hand  somebody took it back, who was not asked to
    """

    id: str
    live: list[Event] = field(default_factory=list)
    asked: list[Event] = field(default_factory=list)
    by_hand: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """What those that stand say together."""
        said: dict[str, Any] = {}
        for event in sorted(self.live, key=lambda event: day_range(event.effective)[1]):
            said |= event.facts
        return said

    @property
    def due_first(self) -> str:
        """The day for which the calendar asked for it."""
        return str(self.asked[-1].facts[DUE])

    @property
    def of(self) -> tuple[str, int] | None:
        """The outcome it follows from and how many days after; None: somebody planned it."""
        return _asked_by(self.asked[-1]) if self.asked else None

    @property
    def made(self) -> bool:
        return is_made(self.facts)

    @property
    def said_alone(self) -> bool:
        """Whether nothing says that it is to be but the calendar: neither was it made, nor does
        somebody's list plan it."""
        planned_too = any(
            {PERSON, DUE} <= event.facts.keys() and event not in self.asked
            and event.supersedes is None
            for event in self.live
        )  # fmt: skip
        return not self.made and not planned_too

    @property
    def tried_in_vain(self) -> bool:
        facts = self.facts
        return self.made and is_still_to_be_made(facts) and facts.get(DUE) is not None


class _Record:
    """What is on record of some people: outcomes that stand, and contacts."""

    def __init__(self, rulebook: Rulebook, events: Sequence[Event]) -> None:
        self._calendar = rulebook.followed_up
        self._by_id = {event.id: event for event in events}
        gone = {event.supersedes for event in events if event.supersedes}
        standing = [e for e in events if e.kind != RETRACTED and e.id not in gone]
        self._whose = merged_into(events)
        deaths = _deaths(rulebook)
        died: dict[str, date] = {}
        for event in standing:
            if event.subject.kind == PERSON and event.kind in deaths:
                who, day = self._who(event), day_range(event.effective)[1]
                died[who] = min(day, died.get(who, day))
        # Who died before is brought home by it, and asked nothing.
        self._outcomes = [
            event
            for event in standing
            if event.subject.kind == PERSON and event.kind in self._calendar
            and day_range(event.effective)[1] <= died.get(self._who(event), date.max)
        ]  # fmt: skip
        self._died, self._closed = died, self._closings(standing, rulebook.follow_up_closed_by)
        self._contacts = _contacts(events)
        self._made: dict[str, str] = {}  # the day of the last contact that was made
        for contact in self._contacts:
            place = self._place(contact) if contact.live and contact.made else None
            if place is not None:
                self._made[place[0]] = max(place[1], self._made.get(place[0], ""))
        by_hand = {
            e.supersedes for e in events
            if e.kind == RETRACTED and not e.idempotency_key.startswith(TAKEN_BACK)
        }  # fmt: skip
        self._ours: dict[tuple[str, int], list[_Contact]] = defaultdict(list)
        for contact in self._contacts:
            contact.by_hand = not contact.live and any(
                e.id in by_hand for e in contact.asked[-1:]
            )
            for event in contact.asked:
                self._ours[_asked_by(event)].append(contact)

    def _who(self, event: Event) -> str:
        return self._whose.get(event.subject.id, event.subject.id)

    def _closings(
        self, standing: Iterable[Event], closes: frozenset[str]
    ) -> Mapping[str, list[date]]:
        """The days on which somebody closed the follow-up of each person. What befell them that was
        said afterwards reopens it."""
        closed: dict[str, list[date]] = defaultdict(list)
        for event in standing:
            if event.subject.kind == PERSON and event.kind in closes:
                closed[self._who(event)].append(day_range(event.effective)[1])
            elif event.subject.kind == INCIDENT and event.facts.get(PERSON):
                person = str(event.facts[PERSON])
                closed.pop(self._whose.get(person, person), None)
        return closed

    def _said_as(self, event: Event) -> list[str]:
        """The ids of an event and of everything that it stands in place of."""
        found = [event.id]
        while (before := self._by_id.get(found[-1])) is not None and before.supersedes:
            found.append(before.supersedes)
        return found

    def _asked_for(self) -> list[tuple[Event, int, date, list[_Contact]]]:
        """Outcome, how many days after it, the day, and the contacts that followed from it."""
        asked = []
        for event in self._outcomes:
            said_as = self._said_as(event)
            for after, day in self._days_after(event):
                ours = [c for one in said_as for c in self._ours.get((one, after), ())]
                asked.append((event, after, day, ours))
        return asked

    def _days_after(self, event: Event) -> Iterator[tuple[int, date]]:
        """The days of the calendar after an outcome; and where it goes on, one more whenever the
        last one was made. After the follow-up was closed there are none."""
        rule, who = self._calendar[event.kind], self._who(event)
        first = day_range(event.effective)[1]
        # A closing of before was of an earlier time away.
        closed = min((on for on in self._closed.get(who, ()) if on >= first), default=date.max)
        for after in (*rule.days, *self._further(rule, who, first)):
            day = first + timedelta(days=after)
            # No event can say a later year, and what happened is recorded.
            if day.year <= LAST_YEAR and day <= closed:
                yield after, day

    def _further(self, rule: FollowUpRule, who: str, first: date) -> Iterator[int]:
        """How many days after the outcome the calendar goes on: to one more than was ever made. A death
        ends that, and so does another outcome: whoever went home is in nobody's custody."""
        after, made = (rule.days[-1] if rule.then_every else 0), self._made.get(who, "")
        others = (day_range(e.effective)[1] for e in self._outcomes if self._who(e) == who)
        until = min((day for day in others if day > first), default=date.max)
        until = min(until, self._died.get(who, date.max))
        while rule.then_every:
            last = first + timedelta(days=after)
            if last.isoformat() > made or last >= until:
                return
            after += rule.then_every
            yield after

    def unfounded(self) -> list[_Contact]:
        """Contacts for which there is no outcome any more, or on another day."""
        founded = {
            contact.id
            for _event, _after, day, ours in self._asked_for()
            for contact in ours
            if contact.due_first == day.isoformat() or contact.made
        }
        outcomes = {one for event in self._outcomes for one in self._said_as(event)}
        found = [
            contact
            for contact in self._contacts
            if contact.live and contact.of is not None and contact.id not in founded
            and (contact.of[0] not in outcomes or self._keeps(contact.of[1]))
        ]  # fmt: skip
        return found + self._twice({contact.id for contact in found})

    def _twice(self, left: set[str]) -> list[_Contact]:
        """Contacts of the calendar's alone for a person and day for which another one stands: two
        records of one person had both been followed up."""
        standing = [
            contact for contact in self._contacts if contact.live and contact.id not in left
        ]
        places: set[tuple[str, str]] = set()
        found = []
        for contact in sorted(standing, key=lambda one: bool(one.asked) and one.said_alone):
            place = self._place(contact)
            if place in places and contact.asked and contact.said_alone:
                found.append(contact)
            elif place is not None:
                places.add(place)
        return found

    def _place(self, contact: _Contact) -> tuple[str, str] | None:
        """With whom and on which day a contact is due, where both are known."""
        person, due = contact.facts.get(PERSON), contact.facts.get(DUE)
        if person is None or due is None:
            return None
        return self._whose.get(str(person), str(person)), str(due)

    def _keeps(self, after: int) -> bool:
        """Whether the calendar has a contact so many days after some outcome. One that a calendar of
        before asked for stays."""
        return any(
            after in rule.days
            or (rule.then_every and after > rule.days[-1]
                and (after - rule.days[-1]) % rule.then_every == 0)
            for rule in self._calendar.values()
        )  # fmt: skip

    def missing(self) -> list[_Wanted]:
        """Contacts that are asked for and that nothing stands for."""
        left = {contact.id for contact in self.unfounded() if contact.said_alone}
        standing = {
            place
            for contact in self._contacts
            if contact.live and contact.id not in left
            and (place := self._place(contact)) is not None
        }  # fmt: skip
        again = {
            (self._whose.get(person, person), contact.due_first): contact.id
            for contact in self._contacts
            if contact.asked
            and not contact.by_hand
            and (not contact.live or contact.id in left)
            for person in [str(contact.asked[-1].facts[PERSON])]
        }
        found = []
        for event, after, day, ours in self._asked_for():
            there = any(c.by_hand or (c.live and c.id not in left) for c in ours)
            place = self._who(event), day.isoformat()
            if there or place in standing:
                continue
            standing.add(place)
            base, earlier = f"{AFTER}{event.id}:{after}", len(self._ours[event.id, after])
            key = f"{base}:{earlier}" if earlier else base
            found.append(_Wanted(event, day, key, again.get(place)))
        return found


def _end(person: str, into: Mapping[str, str]) -> str:
    """Who somebody is known as."""
    seen = {person}
    while person in into and into[person] not in seen:
        person = into[person]
        seen.add(person)
    return person


def _asked_by(event: Event) -> tuple[str, int]:
    """The outcome because of which the calendar asked for a contact, and how many days after."""
    found = _KEY.fullmatch(event.idempotency_key)
    assert found is not None
    return found[1], int(found[2])


def _contacts(events: Iterable[Event]) -> list[_Contact]:
    """The contacts of a log, each with what stands of it."""
    events = [event for event in events if event.subject.kind == KIND]
    gone = {event.supersedes for event in events if event.supersedes}
    found: dict[str, _Contact] = {}
    for event in events:
        contact = found.setdefault(event.subject.id, _Contact(event.subject.id))
        if event.kind != RETRACTED and event.id not in gone:
            contact.live.append(event)
        if _KEY.fullmatch(event.idempotency_key):
            contact.asked.append(event)
    return list(found.values())
